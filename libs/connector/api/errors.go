package api

import (
	"fmt"
	"strings"

	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc/codes"
	"google.golang.org/protobuf/protoadapt"

	"github.com/calypso-cdc/calypso/libs/connector"
	"github.com/calypso-cdc/calypso/libs/connector/catalogue"
	"github.com/calypso-cdc/calypso/libs/rpc"
)

func failure(code codes.Code, reason connector.Reason, message string, details ...protoadapt.MessageV1) error {
	return rpc.Error(code, string(reason), message, details...)
}

func connectorNotFound(name string) error {
	return failure(codes.NotFound, connector.ReasonConnectorNotFound, fmt.Sprintf("Connector %.300s not found", name))
}

func storeUnavailable(cause error) error {
	return failure(codes.Unavailable, connector.ReasonStoreUnavailable,
		fmt.Sprintf("Kafka, which keeps the connectors, cannot be used: %v; try again", cause))
}

// errInvalid makes the error of an invalid configuration in Kafka Connect's words, with a violation
// for each problem. It carries the warnings too, since one may name the misspelt key that explains
// a missing one.
func errInvalid(problems, warnings []catalogue.Problem) error {
	var message strings.Builder
	message.WriteString(invalidHeading(len(problems)))
	violations := &errdetails.BadRequest{}
	for _, problem := range problems {
		message.WriteString("\n" + problem.Message)
		violations.FieldViolations = append(violations.FieldViolations, &errdetails.BadRequest_FieldViolation{
			Field:       "config." + strings.ToValidUTF8(problem.Key, "\uFFFD"),
			Description: strings.ToValidUTF8(problem.Message, "\uFFFD")})
	}
	if len(warnings) == 0 {
		return failure(codes.InvalidArgument, connector.ReasonConfigInvalid, message.String(), violations)
	}
	help := &errdetails.Help{}
	for _, warning := range messages(warnings[:min(len(warnings), maxWarnings)]) {
		help.Links = append(help.Links, &errdetails.Help_Link{Description: warning})
	}
	return failure(codes.InvalidArgument, connector.ReasonConfigInvalid, message.String(), violations, help)
}

// maxWarnings bounds the warnings that an error carries, since gRPC sends them in a header.
const maxWarnings = 20

// invalidHeading is the first line of an error that lists what is wrong with a configuration.
func invalidHeading(problems int) string {
	return fmt.Sprintf("Connector configuration is invalid and contains the following %d error(s):", problems)
}

// errChecks makes the error of a configuration of which checks failed, with a violation for each;
// nil if none failed. undone says what was therefore not done: "created" or "changed".
func errChecks(undone string, checks []connector.Check) error {
	var message strings.Builder
	failed := &errdetails.PreconditionFailure{}
	for _, check := range checks {
		if check.OK {
			continue
		}
		said := strings.ToValidUTF8(check.Said(), "\uFFFD")
		message.WriteString("\n" + check.Name + ": " + said)
		failed.Violations = append(failed.Violations, &errdetails.PreconditionFailure_Violation{Type: "CHECK",
			Subject: check.Name, Description: said})
	}
	if len(failed.Violations) == 0 {
		return nil
	}
	return failure(codes.FailedPrecondition, connector.ReasonCheckFailed,
		fmt.Sprintf("Nothing was %s, since %d of %d checks failed:%s", undone, len(failed.Violations), len(checks),
			message.String()), failed)
}

// invalidField is the error of one field of a request.
func invalidField(reason connector.Reason, field, message string) error {
	return rpc.Invalid(string(reason), field, message)
}

// notStopped is the error of a call that would change the offsets of a connector that is not
// stopped. detail may be empty.
func notStopped(name, detail string) error {
	message := "Connectors must be in the STOPPED state before their offsets can be modified. This can be done for the specified connector by issuing a 'PUT' request to the '/connectors/" + name + "/stop' endpoint"
	if detail != "" {
		message += fmt.Sprintf(" (%s)", strings.TrimSuffix(detail, "."))
	}
	return failure(codes.FailedPrecondition, connector.ReasonNotStopped, message)
}
