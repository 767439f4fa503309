package connector

import (
	"fmt"
	"strings"

	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc/status"

	"github.com/calypso-cdc/calypso/libs/rpc"
)

// Reason is the machine-readable cause in google.rpc.ErrorInfo.
type Reason string

const (
	ReasonConnectorNotFound Reason = "CONNECTOR_NOT_FOUND"
	ReasonConnectorExists   Reason = "CONNECTOR_EXISTS"
	ReasonConfigInvalid     Reason = "CONFIG_INVALID"
	ReasonCheckFailed       Reason = "CHECK_FAILED"
	ReasonVersionNotFound   Reason = "VERSION_NOT_FOUND"
	ReasonNotStopped        Reason = "NOT_STOPPED"
	ReasonTaskNotFound      Reason = "TASK_NOT_FOUND"
	ReasonPluginNotFound    Reason = "PLUGIN_NOT_FOUND"
	ReasonStoreUnavailable  Reason = "STORE_UNAVAILABLE"
	ReasonOffsetsInvalid    Reason = "OFFSETS_INVALID"

	ReasonTransactionNotFound  Reason = "TRANSACTION_NOT_FOUND"
	ReasonTransactionYoung     Reason = "TRANSACTION_YOUNG"
	ReasonTransactionForbidden Reason = "TRANSACTION_FORBIDDEN"
	ReasonTransactionsUnknown  Reason = "TRANSACTIONS_UNKNOWN"
)

// ReasonOf is the reason of an error that a call to ConnectorService returned; empty if it has none.
func ReasonOf(err error) Reason {
	for _, detail := range status.Convert(err).Details() {
		if info, ok := detail.(*errdetails.ErrorInfo); ok && info.GetDomain() == rpc.Domain {
			return Reason(info.GetReason())
		}
	}
	return ""
}

// UnknownClass is the error of a configuration whose connector.class is not among those available.
func UnknownClass(class string, available []string) error {
	return rpc.Invalid(string(ReasonPluginNotFound), "config.connector.class", fmt.Sprintf(
		"Failed to find any class that implements Connector and which name matches %.300s, available connectors are: %s",
		class, strings.Join(available, ", ")))
}

// WarningsOf returns the warnings that came with the error of a configuration that was refused.
func WarningsOf(err error) []string {
	var warnings []string
	for _, detail := range status.Convert(err).Details() {
		if help, ok := detail.(*errdetails.Help); ok {
			for _, link := range help.GetLinks() {
				warnings = append(warnings, link.GetDescription())
			}
		}
	}
	return warnings
}
