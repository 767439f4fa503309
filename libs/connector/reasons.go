package connector

import (
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
