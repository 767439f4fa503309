package connectapi

import (
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"strings"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/calypso-cdc/calypso/libs/connector"
)

// apiError is an error answer in Kafka Connect's form.
type apiError struct {
	code    int
	message string
	allow   []string
	// warnings go into headers.
	warnings []string
}

func (e *apiError) Error() string { return e.message }

func badRequest(format string, args ...any) error {
	return &apiError{code: http.StatusBadRequest, message: fmt.Sprintf(format, args...)}
}

func notFound(format string, args ...any) error {
	return &apiError{code: http.StatusNotFound, message: fmt.Sprintf(format, args...)}
}

// errMediaType refuses a request whose body is not JSON by its media type.
func errMediaType() error {
	return &apiError{code: http.StatusUnsupportedMediaType, message: "HTTP 415 Unsupported Media Type"}
}

// orNotFound replaces a NotFound error by one with the text of the requested path, and leaves other
// errors alone.
func orNotFound(err error, format string, args ...any) error {
	if status.Code(err) == codes.NotFound {
		return notFound(format, args...)
	}
	return err
}

// listedAlsoAt ends the errors of a configuration. kcctl strips this line by its text.
const listedAlsoAt = "\nYou can also find the above list of errors at the endpoint `/connector-plugins/{connectorType}/config/validate`"

// failed turns an error into an answer.
func failed(logger *slog.Logger, r *http.Request, err error) *answer {
	type errorMessage struct {
		ErrorCode int    `json:"error_code"`
		Message   string `json:"message"`
	}
	var own *apiError
	if errors.As(err, &own) {
		return &answer{code: own.code, body: errorMessage{own.code, own.message}, allow: own.allow, warnings: own.warnings}
	}
	s := status.Convert(err)
	code, message := http.StatusInternalServerError, s.Message()
	switch s.Code() {
	case codes.InvalidArgument, codes.FailedPrecondition, codes.OutOfRange:
		code = http.StatusBadRequest
		if connector.ReasonOf(err) == connector.ReasonConfigInvalid &&
			strings.HasPrefix(message, "Connector configuration is invalid") {
			message += listedAlsoAt
		}
	case codes.NotFound:
		code = http.StatusNotFound
	case codes.AlreadyExists, codes.Aborted:
		code = http.StatusConflict
	case codes.Unauthenticated:
		code = http.StatusUnauthorized
	case codes.PermissionDenied:
		code = http.StatusForbidden
	case codes.ResourceExhausted:
		code = http.StatusTooManyRequests
	case codes.Unavailable:
		code = http.StatusServiceUnavailable
	case codes.DeadlineExceeded, codes.Canceled:
		message = "Request timed out. " + message
	}
	if code >= http.StatusInternalServerError {
		logger.Warn("request failed", "method", r.Method, "path", r.URL.Path, "code", code, "err", err)
	}
	return &answer{code: code, body: errorMessage{code, message}, warnings: connector.WarningsOf(err)}
}
