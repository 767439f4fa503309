package admin

import (
	"context"
	"errors"
	"io"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	connectorv1 "github.com/calypso-cdc/calypso/gen/calypso/connector/v1"
	"github.com/calypso-cdc/calypso/libs/contain"
	"github.com/calypso-cdc/calypso/libs/contain/containtest"
	"github.com/calypso-cdc/calypso/libs/testenv"
)

// loops go on for as long as admin does, and begin again after a panic.
var loops = []string{"recorder of the timeline", "readiness", "observer of pipelines"}

// questions are what a call starts, which a panic fails and nothing else.
var questions = []string{"question to a worker", "question for a worker's health", "look at a pipeline",
	"watch of a fleet"}

// callers are what ends a request with the session that it came in, or once its user is another.
var callers = []string{"end of a session", "watch of who makes a call"}

// whole are the servers, without which there is no admin, what restarts loops, and the command line's.
var whole = []string{"gRPC server", "gRPC server within", "HTTP server", "repetition of ", "watch of pipelines",
	"question for the state of a connector"}

func TestAPanicInAnyGoroutineOfAdminEndsNothingButWhatItWasFor(t *testing.T) {
	for _, name := range slices.Concat(loops, questions) {
		t.Run(name, func(t *testing.T) {
			end := func() {}
			if slices.Contains(loops, name) { // they begin with admin
				end = contain.Inject(name)
				time.AfterFunc(2*time.Second, end)
			}
			defer func() { end() }()
			s := start(t, nil) // which checks at the end of the test that admin ended only then
			s.create(t, "src", sourceClass, map[string]string{"topic.prefix": "shop"})
			if slices.Contains(questions, name) {
				end = contain.Inject(name)
			}
			asked := func(ctx context.Context, path string) (int, string) {
				ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
				defer cancel()
				r, err := http.NewRequestWithContext(ctx, http.MethodGet, s.http+path, nil)
				if err != nil {
					t.Fatal(err)
				}
				answer, err := http.DefaultClient.Do(r)
				if err != nil {
					t.Errorf("%s: %v", path, err)
					return 0, ""
				}
				defer answer.Body.Close()
				body, _ := io.ReadAll(answer.Body)
				return answer.StatusCode, string(body)
			}
			paths := []string{"/connectors", "/connectors/src/status", "/v1/pipelines", "/v1/pipelines/src", "/v1/health", "/v1/events"}
			for _, path := range paths {
				asked(t.Context(), path) // whatever the answer, there is one
			}
			watch, err := s.connectors().WatchConnectors(t.Context(), &connectorv1.WatchConnectorsRequest{})
			if err == nil && name == "watch of a fleet" {
				if _, err = watch.Recv(); err == nil || !strings.Contains(err.Error(), "panicked") {
					t.Errorf("the watch ended with %v", err)
				}
			}
			end()
			for _, path := range paths {
				testenv.Eventually(t, time.Minute, path+" is answered as before", func(ctx context.Context) error {
					if code, body := asked(ctx, path); code != http.StatusOK {
						return errors.New(body)
					}
					return nil
				})
			}
			if _, err := s.connectors().PauseConnector(t.Context(), &connectorv1.PauseConnectorRequest{Name: "src"}); err != nil {
				t.Error(err)
			}
			testenv.Eventually(t, time.Minute, "the timeline goes on", func(ctx context.Context) error {
				if _, body := asked(ctx, "/v1/events"); !strings.Contains(body, "PauseConnector") {
					return errors.New(body)
				}
				return nil
			})
		})
	}
}

func TestAPanicInWhatEndsACallersRequestsEndsOneOfThem(t *testing.T) {
	for _, name := range callers {
		t.Run(name, func(t *testing.T) {
			users := usersFile(t)
			s := start(t, func(c *Config) { c.UsersFile = users })
			ada := s.signedIn(t, "viewer")
			end := contain.Inject(name)
			defer end()
			r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, s.http+"/v1/pipelines:watch", nil)
			if err != nil {
				t.Fatal(err)
			}
			client := ada
			if name == callers[1] {
				client = http.DefaultClient
				r.Header.Set("Authorization", "Bearer viewer-1:viewer-pw")
			}
			watch, err := client.Do(r)
			if err != nil {
				t.Fatal(err)
			}
			_, _ = io.Copy(io.Discard, watch.Body) // to its end: it must not go on when nothing would end it
			watch.Body.Close()
			end()
			if r, body := send(t, ada, "GET", s.http+"/v1/pipelines", ""); r.StatusCode != http.StatusOK {
				t.Errorf("the next request: %d %s", r.StatusCode, body)
			}
		})
	}
}

func TestEveryGoroutineOfAdminIsTestedWithAPanic(t *testing.T) {
	containtest.Code{Dirs: []string{"."}, Wrappers: []string{"again"}}.Known(t, slices.Concat(loops, questions, callers, whole)...)
}
