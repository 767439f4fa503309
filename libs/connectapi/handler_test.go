package connectapi_test

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	connectorv1 "github.com/calypso-cdc/calypso/gen/calypso/connector/v1"
	"github.com/calypso-cdc/calypso/libs/connectapi"
)

func ask(handler http.Handler, method, path, body string) *httptest.ResponseRecorder {
	request := httptest.NewRequest(method, path, strings.NewReader(body))
	request.Header.Set("Content-Type", jsonType)
	recorder := httptest.NewRecorder()
	handler.ServeHTTP(recorder, request)
	return recorder
}

func TestHealthIsStartingThenHealthyThenUnhealthy(t *testing.T) {
	failure := errors.New("capture: no connection")
	handler := connectapi.NewHandler(connectapi.Config{Ready: func(context.Context) error { return failure }})
	for _, step := range []struct {
		failure error
		code    int
		want    string
	}{
		{failure, http.StatusServiceUnavailable, `"status":"starting"`},
		{nil, http.StatusOK,
			`{"status":"healthy","message":"Worker has completed startup and is ready to handle requests."}`},
		{failure, http.StatusInternalServerError, `"status":"unhealthy"`},
		{nil, http.StatusOK, `"status":"healthy"`},
	} {
		failure = step.failure
		if answer := ask(handler, "GET", "/health", ""); answer.Code != step.code ||
			!strings.Contains(answer.Body.String(), step.want) {
			t.Errorf("%d %s, want %d %s", answer.Code, answer.Body, step.code, step.want)
		}
	}
}

// failing answers every list with an error.
type failing struct {
	connectorv1.ConnectorServiceClient
	err error
}

func (f failing) ListConnectors(context.Context, *connectorv1.ListConnectorsRequest,
	...grpc.CallOption) (*connectorv1.ListConnectorsResponse, error) {
	return nil, f.err
}

func TestErrorsOfTheServiceHaveTheCodesThatClientsActOn(t *testing.T) {
	for code, want := range map[codes.Code]int{
		codes.InvalidArgument: 400, codes.FailedPrecondition: 400, codes.Unauthenticated: 401, codes.PermissionDenied: 403,
		codes.NotFound:      404,
		codes.AlreadyExists: 409, codes.Aborted: 409, codes.ResourceExhausted: 429, codes.Internal: 500,
		codes.DeadlineExceeded: 500, codes.Unavailable: 503,
	} {
		handler := connectapi.NewHandler(connectapi.Config{Client: failing{err: status.Error(code, "why")},
			Logger: slog.New(slog.DiscardHandler)})
		answer := ask(handler, "GET", "/connectors", "")
		if answer.Code != want || errorProblem(want, answer.Body.String()) != "" ||
			!strings.Contains(answer.Body.String(), "why") {
			t.Errorf("%s: %d %s, want %d", code, answer.Code, answer.Body, want)
		}
	}
}

func TestTheRootAnswersWhileKafkaCannotBeReached(t *testing.T) {
	handler := connectapi.NewHandler(connectapi.Config{Version: "1.0", Logger: slog.New(slog.DiscardHandler),
		ClusterID: func(context.Context) (string, error) { return "", errors.New("no broker") }})
	if answer := ask(handler, "GET", "/", ""); answer.Code != 200 ||
		answer.Body.String() != `{"version":"4.3.1","commit":"calypso-1.0","kafka_cluster_id":null}` {
		t.Errorf("%d %s", answer.Code, answer.Body)
	}
}

func TestAnUnknownMethodIsAnsweredWithTheKnownOnes(t *testing.T) {
	handler := connectapi.NewHandler(connectapi.Config{})
	for path, want := range map[string]string{
		"/connectors": "HEAD,POST,GET,OPTIONS", "/connectors/x": "HEAD,DELETE,GET,OPTIONS",
		"/connectors/x/pause":  "OPTIONS,PUT",
		"/connectors/x/config": "HEAD,GET,OPTIONS,PUT,PATCH", "/connectors/x/offsets": "HEAD,DELETE,GET,OPTIONS,PATCH",
		"/connectors/x/tasks": "HEAD,POST,GET,OPTIONS", "/admin/loggers/x": "HEAD,GET,OPTIONS,PUT", "/": "HEAD,GET,OPTIONS",
	} {
		if answer := ask(handler, "TRACE", path, ""); answer.Code != http.StatusMethodNotAllowed ||
			answer.Header().Get("Allow") != want {
			t.Errorf("%s: %d, Allow %q, want %q", path, answer.Code, answer.Header().Get("Allow"), want)
		}
		if answer := ask(handler, "OPTIONS", path, ""); answer.Code != http.StatusOK || answer.Header().Get("Allow") != want {
			t.Errorf("OPTIONS %s: %d, Allow %q", path, answer.Code, answer.Header().Get("Allow"))
		}
	}
}

func TestLevelsAreSetForALoggerAndAllBelowIt(t *testing.T) {
	levels := map[string]*slog.LevelVar{"root": {}, "capture": {}, "capture.slot": {}, "sink": {}}
	handler := connectapi.NewHandler(connectapi.Config{Loggers: connectapi.NewLoggers(levels)})
	if answer := ask(handler, "GET", "/admin/loggers/sink",
		""); answer.Body.String() != `{"level":"INFO","last_modified":null}` {
		t.Errorf("%s", answer.Body)
	}
	if answer := ask(handler, "PUT", "/admin/loggers/capture",
		`{"level":"debug"}`); answer.Body.String() != `["capture","capture.slot"]` {
		t.Errorf("%d %s", answer.Code, answer.Body)
	}
	if levels["capture.slot"].Level() != slog.LevelDebug || levels["sink"].Level() != slog.LevelInfo {
		t.Errorf("levels: %v", levels)
	}
	ask(handler, "PUT", "/admin/loggers/root", `{"level":"ERROR"}`)
	for name, level := range levels {
		if level.Level() != slog.LevelError {
			t.Errorf("%s is %s after root was set", name, level.Level())
		}
	}
	if answer := ask(handler, "GET", "/admin/loggers/root", ""); !strings.HasPrefix(answer.Body.String(),
		`{"level":"ERROR","last_modified":1`) {
		t.Errorf("%s", answer.Body)
	}
}
