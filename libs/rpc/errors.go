package rpc

import (
	"strings"

	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/protoadapt"
)

// Domain of the google.rpc.ErrorInfo in every error of Calypso.
const Domain = "calypso"

// Error is a gRPC error with a message for people and a reason for programs (google.rpc.ErrorInfo, AIP-193), and with
// further details if given.
func Error(code codes.Code, reason, message string, details ...protoadapt.MessageV1) error {
	plain := status.New(code, strings.ToValidUTF8(message, "\uFFFD"))
	info := &errdetails.ErrorInfo{Reason: reason, Domain: Domain}
	detailed, err := plain.WithDetails(append([]protoadapt.MessageV1{info}, details...)...)
	if err != nil {
		return plain.Err() // details explain an error and must not replace it
	}
	return detailed.Err()
}

// Temporary reports whether a call that failed with err may succeed if it is made again.
func Temporary(err error) bool {
	switch status.Code(err) {
	case codes.Unavailable, codes.ResourceExhausted, codes.Aborted:
		return true
	}
	return false
}

// InvalidField is the error of a request whose field has a value that cannot be used.
func InvalidField(field, message string) error { return Invalid("REQUEST_INVALID", field, message) }

// Invalid is InvalidField with a reason of its own.
func Invalid(reason, field, message string) error {
	violation := &errdetails.BadRequest_FieldViolation{Field: field, Description: strings.ToValidUTF8(message, "\uFFFD")}
	return Error(codes.InvalidArgument, reason, message,
		&errdetails.BadRequest{FieldViolations: []*errdetails.BadRequest_FieldViolation{violation}})
}
