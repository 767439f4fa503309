package ctl

import (
	"errors"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
)

// Exit statuses.
const (
	ExitOK          = 0
	ExitDifferent   = 1 // diff or verify found differences, or wait did not see what it waited for
	ExitUsage       = 2 // the command line or a file is wrong; for verify, any reason why it has no result
	ExitNotFound    = 3 // there is no such connector or pipeline
	ExitInvalid     = 4 // the service refused a configuration or a state
	ExitUnavailable = 5 // admin or what it needs cannot be reached
	ExitDenied      = 6 // the user is not known or not allowed
	ExitFailure     = 10
)

var (
	errDifferent = errors.New("there are differences")
	errUsage     = errors.New("wrong usage")
	errUnsure    = errors.New("the comparison did not come to an end")
)

// Exit is the status for the error of a command.
func Exit(err error) int {
	switch {
	case err == nil:
		return ExitOK
	case errors.Is(err, errDifferent):
		return ExitDifferent
	case errors.Is(err, errUnsure):
		return ExitUsage
	}
	if _, fromService := status.FromError(err); !fromService {
		return ExitUsage // the command line's own: an unknown command, a missing flag
	}
	switch status.Code(err) {
	case codes.NotFound:
		return ExitNotFound
	case codes.InvalidArgument, codes.FailedPrecondition, codes.AlreadyExists, codes.OutOfRange:
		return ExitInvalid
	case codes.Unavailable, codes.DeadlineExceeded:
		return ExitUnavailable
	case codes.Unauthenticated, codes.PermissionDenied:
		return ExitDenied
	}
	return ExitFailure
}

// Message is the text of an error to show: for an error of a service only its message, without
// gRPC's frame.
func Message(err error) string {
	if st, ok := status.FromError(err); ok && !errors.Is(err, errUnsure) {
		return withoutControls(st.Message())
	}
	return withoutControls(err.Error())
}
