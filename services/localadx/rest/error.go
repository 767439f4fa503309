package rest

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"time"

	"github.com/calypso-cdc/calypso/services/localadx/command"
	"github.com/calypso-cdc/calypso/services/localadx/disk"
	"github.com/calypso-cdc/calypso/services/localadx/engine"
	"github.com/calypso-cdc/calypso/services/localadx/fidelity"
	"github.com/calypso-cdc/calypso/services/localadx/ingest"
	"github.com/calypso-cdc/calypso/services/localadx/kql/syntax"
	"github.com/calypso-cdc/calypso/services/localadx/store"
)

// protocolError is an error of this package with its place in HTTP.
type protocolError struct {
	status    int
	code      string
	message   string
	permanent bool
}

func (e *protocolError) Error() string { return e.message }

func badRequest(format string, args ...any) error {
	return &protocolError{status: http.StatusBadRequest, code: "General_BadRequest", message: fmt.Sprintf(format, args...),
		permanent: true}
}

// oneAPIError is an error in the form of the Microsoft REST guidelines, with Kusto's own members.
type oneAPIError struct {
	Code      string       `json:"code"`
	Message   string       `json:"message"`
	Type      string       `json:"@type"`
	Detail    string       `json:"@message"`
	Context   errorContext `json:"@context"`
	Permanent bool         `json:"@permanent"`
	Inner     *oneAPIError `json:"innererror,omitempty"`
	status    int
}

type errorContext struct {
	Timestamp       string `json:"timestamp"`
	ServiceAlias    string `json:"serviceAlias"`
	ClientRequestID string `json:"clientRequestId"`
	ActivityID      string `json:"activityId"`
}

// describe puts an error into Kusto's form.
func (x *exchange) describe(err error) oneAPIError {
	e := classify(err)
	e.Context = errorContext{
		Timestamp: time.Now().UTC().Format(time.RFC3339Nano), ServiceAlias: "localadx", ClientRequestID: x.clientID,
		ActivityID: x.activityID,
	}
	if e.Inner != nil {
		e.Inner.Context = e.Context
	}
	return e
}

const invalidRequest = "Request is invalid and cannot be executed."

func classify(err error) oneAPIError {
	var (
		protocol *protocolError
		compile  *syntax.Error
		missing  *store.NotFoundError
		exists   *store.ExistsError
		invalid  *store.InvalidError
		intake   *ingest.Error
		tooMany  *engine.ErrTooManyRows
		run      *engine.Error
		denied   *fidelity.Denied
		lacking  *fidelity.Unmanaged
		policy   *store.UpdatePolicyError
		ended    *command.CancelledError
	)
	bad := func(code, typeName string) oneAPIError {
		return oneAPIError{status: http.StatusBadRequest, Code: code, Message: invalidRequest,
			Type: "Kusto.Data.Exceptions." + typeName, Detail: err.Error(), Permanent: true}
	}
	switch {
	case errors.As(err, &protocol):
		e := oneAPIError{status: protocol.status, Code: protocol.code, Message: invalidRequest,
			Type: "Kusto.Data.Exceptions.KustoBadRequestException", Detail: protocol.message, Permanent: protocol.permanent}
		return e
	case errors.As(err, &denied):
		return oneAPIError{status: http.StatusForbidden, Code: "Forbidden",
			Message: "Caller is not authorized to perform this action",
			Type:    "Kusto.DataNode.Exceptions.UnauthorizedDatabaseAccessException", Detail: denied.Error(), Permanent: true}
	case errors.As(err, &lacking) && lacking.Emulator == fidelity.SyntaxError:
		return bad("BadRequest_SyntaxError", "SyntaxException")
	case errors.As(err, &lacking):
		return oneAPIError{status: http.StatusBadRequest, Code: "BadRequest", Message: invalidRequest,
			Type: "Kusto.Common.Svc.Exceptions.AdminCommandWrongEndpointException", Detail: err.Error(), Permanent: true}
	case errors.As(err, &policy):
		return bad(ingest.CodeUpdatePolicy, "UpdatePolicyException")
	case errors.As(err, &compile):
		return compileError(compile)
	case errors.As(err, &missing):
		return bad("BadRequest_EntityNotFound", "EntityNotFoundException")
	case errors.As(err, &exists):
		return bad("BadRequest_EntityAlreadyExists", "EntityAlreadyExistsException")
	case errors.As(err, &invalid):
		return bad("General_BadRequest", "KustoBadRequestException")
	case errors.As(err, &intake):
		return ingestionError(intake)
	case errors.As(err, &tooMany):
		return oneAPIError{status: http.StatusBadRequest, Code: "LimitsExceeded",
			Message: "Request is invalid and cannot be executed.",
			Type:    "Kusto.Data.Exceptions.KustoServicePartialQueryFailureLimitsExceededException", Detail: tooMany.Error()}
	case errors.As(err, &ended):
		return oneAPIError{status: http.StatusBadRequest, Code: "Request_Canceled", Message: "The query was cancelled.",
			Type:   "Kusto.Data.Exceptions.KustoRequestCanceledException",
			Detail: ended.Error(), Permanent: true}
	case errors.As(err, &run) && run.OfQuery:
		return bad("General_BadRequest", "KustoBadRequestException")
	case errors.Is(err, context.DeadlineExceeded):
		return oneAPIError{status: http.StatusGatewayTimeout, Code: "Gateway_Timeout",
			Message: "The request took longer than its servertimeout allows.",
			Type:    "Kusto.Data.Exceptions.KustoServiceTimeoutException", Detail: err.Error()}
	case errors.Is(err, context.Canceled):
		return oneAPIError{status: 499, Code: "Request_Canceled", Message: "The client ended the request.",
			Type: "Kusto.Data.Exceptions.KustoRequestCanceledException", Detail: err.Error()}
	}
	return serverError(err)
}

// compileError carries the compiler's code in an inner error, as Kusto does.
func compileError(err *syntax.Error) oneAPIError {
	inner := &oneAPIError{Code: err.Code, Message: "A semantic error occurred.",
		Type: "Kusto.Data.Exceptions.SemanticException", Detail: err.Error(), Permanent: true}
	if strings.HasPrefix(err.Code, "SYN") {
		inner.Message, inner.Type = "A syntax error occurred.", "Kusto.Data.Exceptions.SyntaxException"
	}
	return oneAPIError{status: http.StatusBadRequest, Code: "General_BadRequest", Message: invalidRequest,
		Type:   "Kusto.Data.Exceptions.KustoBadRequestException",
		Detail: "Request is invalid and cannot be processed: " + err.Error(), Permanent: true, Inner: inner}
}

func ingestionError(err *ingest.Error) oneAPIError {
	status := http.StatusBadRequest
	if err.Transient {
		status = http.StatusServiceUnavailable
	}
	return oneAPIError{status: status, Code: err.Code, Message: invalidRequest,
		Type: "Kusto.Data.Exceptions.IngestionException", Detail: err.Message, Permanent: !err.Transient}
}

// serverError is an error that is not the client's fault; a full disk and too little memory are
// named, since users can fix these.
func serverError(err error) oneAPIError {
	e := oneAPIError{status: http.StatusInternalServerError, Code: "General_InternalServerError",
		Message: "An unknown error occurred during command or query execution.",
		Type:    "Kusto.Data.Exceptions.KustoServiceException", Detail: err.Error()}
	text := strings.ToLower(err.Error())
	var full *disk.FullError
	switch {
	case engine.IsLowMemory(err):
		e.status, e.Code = http.StatusBadRequest, "LimitsExceeded"
		e.Type = "Kusto.Data.Exceptions.KustoServicePartialQueryFailureLowMemoryConditionException"
		e.Message = "The query needs more memory than localadx may use: narrow it, or raise the memory limit."
		e.Detail = "Query execution lacks memory resources to complete (80DA0007): Partial query failure: " +
			"Low memory condition (E_LOW_MEMORY_CONDITION). (message: '" + err.Error() + "')"
	case errors.As(err, &full):
		e.status, e.Code, e.Message = http.StatusInsufficientStorage, "General_InsufficientStorage",
			"The disk that holds localadx's data directory is full: free some space and try again."
	case strings.Contains(text, "no space left"):
		e.Message = "The disk that holds localadx's data directory is full: free some space and try again."
	}
	return e
}

// fail answers with an HTTP error. What the client still sends is read, as much as a body may have: a connection that
// is closed while it sends shows it a reset instead of the error.
func (h *Handler) fail(x *exchange, err error) {
	e := x.describe(err)
	if x.Body != nil && e.status != http.StatusUnauthorized {
		io.CopyN(io.Discard, x.Body, maxStream)
	}
	if e.status >= 500 {
		h.config.Log.Error("request failed", "path", x.URL.Path, "client_request_id", x.clientID, "err", err)
	}
	x.w.Header().Set("Content-Type", "application/json; charset=utf-8")
	x.w.WriteHeader(e.status)
	if err := json.NewEncoder(x.w).Encode(map[string]oneAPIError{"error": e}); err != nil {
		h.config.Log.Debug("send an error", "err", err)
	}
}
