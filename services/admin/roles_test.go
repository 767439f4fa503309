package admin

import (
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// connectCalls are the calls of Kafka Connect's REST API that change something, or connect
// somewhere, with the least role that may make them (the paths are those of Kafka's documentation,
// "Kafka Connect, REST API").
var connectCalls = map[string]string{
	"POST /connectors":                                 "admin",
	"DELETE /connectors/src":                           "admin",
	"PUT /connectors/src/config":                       "admin",
	"PATCH /connectors/src/config":                     "admin",
	"POST /connectors/src/restart":                     "operator",
	"PUT /connectors/src/pause":                        "operator",
	"PUT /connectors/src/resume":                       "operator",
	"PUT /connectors/src/stop":                         "operator",
	"POST /connectors/src/tasks/0/restart":             "operator",
	"PUT /connectors/src/topics/reset":                 "admin",
	"PATCH /connectors/src/offsets":                    "admin",
	"DELETE /connectors/src/offsets":                   "admin",
	"PUT /connector-plugins/SomeClass/config/validate": "admin",
	"PUT /admin/loggers/root":                          "admin",
	"PUT /admin/loggers/no.such.logger":                "admin",
}

// connectPaths are all paths of that API.
var connectPaths = []string{
	"/", "/health", "/connectors", "/connectors/src", "/connectors/src/config", "/connectors/src/status",
	"/connectors/src/restart", "/connectors/src/fence",
	"/connectors/src/pause", "/connectors/src/resume", "/connectors/src/stop", "/connectors/src/tasks",
	"/connectors/src/tasks/0/status",
	"/connectors/src/tasks/0/restart", "/connectors/src/topics", "/connectors/src/topics/reset", "/connectors/src/offsets",
	"/connector-plugins",
	"/connector-plugins/SomeClass/config", "/connector-plugins/SomeClass/config/validate", "/admin/loggers",
	"/admin/loggers/root", "/admin/loggers/no.such.logger",
}

func TestEveryCallOfConnectThatChangesSomethingIsForItsRoleOnly(t *testing.T) {
	users := usersFile(t)
	s := start(t, func(c *Config) { c.UsersFile = users })
	ranks := map[string]int{"viewer": 1, "operator": 2, "admin": 3}
	seen := map[string]bool{}
	for _, path := range connectPaths {
		for _, method := range []string{"GET", "HEAD", "OPTIONS", "POST", "PUT", "PATCH", "DELETE"} {
			for _, slash := range []string{"", "/"} {
				call := method + " " + path
				least, listed := connectCalls[call]
				seen[call] = true
				for role, rank := range ranks {
					if listed && rank >= ranks[least] && role == "admin" && path == "/admin/loggers/root" {
						continue // the next test does
					}
					code, body, _ := s.request(t, method, path+slash, "{}", "Content-Type: application/json",
						"Authorization: Bearer "+role+"-1:"+role+"-pw")
					reads := method == "GET" || method == "HEAD" || method == "OPTIONS"
					switch refused := code == http.StatusForbidden; {
					case refused != (listed && rank < ranks[least]):
						t.Errorf("%s by a %s: %d %s", call+slash, role, code, body)
					case !reads && !listed && code < 400:
						t.Errorf("%s by a %s, which no role is set for: %d %s", call+slash, role, code, body)
					}
				}
			}
		}
	}
	for call := range connectCalls {
		if !seen[call] {
			t.Errorf("%s was not tried", call)
		}
	}
}

func TestWhoSwitchesTheLogOffIsInIt(t *testing.T) {
	users := usersFile(t)
	s := start(t, func(c *Config) { c.UsersFile = users })
	for _, call := range []struct{ method, path, body string }{
		{"PUT", "/admin/loggers/root", `{"level":"OFF"}`},
		{"PUT", "/connectors/src/pause", ""},
	} {
		s.request(t, call.method, call.path, call.body, "Content-Type: application/json",
			"Authorization: Bearer admin-1:admin-pw")
	}
	for _, want := range []string{`"msg":"audit","user":"admin-1","method":"/calypso.connector.v1.ConnectorService/SetLoggerLevel"`,
		`"msg":"audit","user":"admin-1","method":"/calypso.connector.v1.ConnectorService/PauseConnector","connector":"src","outcome":"NotFound"`} {
		if !strings.Contains(strings.ReplaceAll(s.log.String(), `"service":"admin",`, ""), want) {
			t.Errorf("the log lacks %s:\n%s", want, s.log)
		}
	}
}

func TestWhoTriesWhatTheyMayNotIsInTheLog(t *testing.T) {
	users := usersFile(t)
	s := start(t, func(c *Config) { c.UsersFile = users })
	for _, call := range []struct{ method, path, body string }{
		{"DELETE", "/v1/connectors/src", ""}, {"PUT", "/admin/loggers/root", `{"level":"OFF"}`},
		{"POST", "/v1/connectors/src:pause", "{}"}, {"GET", "/connectors", ""},
	} {
		s.request(t, call.method, call.path, call.body, "Content-Type: application/json",
			"Authorization: Bearer viewer-1:viewer-pw")
	}
	log := strings.ReplaceAll(s.log.String(), `"service":"admin",`, "")
	for method, connector := range map[string]string{"DeleteConnector": "src", "SetLoggerLevel": "",
		"PauseConnector": "src"} {
		want := `"msg":"audit","user":"viewer-1","method":"/calypso.connector.v1.ConnectorService/` + method +
			`","connector":"` + connector + `","outcome":"PermissionDenied"`
		if !strings.Contains(log, want) {
			t.Errorf("the log lacks %s:\n%s", want, log)
		}
	}
	if n := strings.Count(log, `"audit"`); n != 3 {
		t.Errorf("%d lines of audit, want 3:\n%s", n, log)
	}
}

func TestStrangersWhoSendHalfARequestAreSentAwayAndKeepNobodyOut(t *testing.T) {
	users := usersFile(t)
	s := start(t, func(c *Config) { c.UsersFile = users })
	address := strings.TrimPrefix(s.http, "http://")
	for n := range 1200 {
		c, err := net.Dial("tcp", address)
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		fmt.Fprintf(c,
			"POST /connectors HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: 1000\r\n\r\n{")
		if n > 0 {
			continue
		}
		if err := c.SetReadDeadline(time.Now().Add(20 * time.Second)); err != nil {
			t.Fatal(err)
		}
		answer, err := io.ReadAll(c) // to the end of the connection
		if err != nil || !strings.HasPrefix(string(answer), "HTTP/1.1 401") {
			t.Errorf("half a request is answered with %q: %v", answer, err)
		}
	}
	for _, path := range []string{"/livez", "/healthz", "/readyz"} {
		if code, body, _ := s.request(t, "GET", path, ""); code != http.StatusOK {
			t.Errorf("%s: %d %s", path, code, body)
		}
	}
}

func TestOnlyAFewOfManyWrongPasswordsAtOnceAreCompared(t *testing.T) {
	users, err := ReadUsers(usersFile(t))
	if err != nil {
		t.Fatal(err)
	}
	var compared atomic.Int32
	var all sync.WaitGroup
	for n := range 200 {
		all.Go(func() {
			_, err := users.authenticate(fmt.Sprintf("Bearer viewer-1:wrong-%d", n), fmt.Sprintf("2001:db8::%x", n))
			if err == nil {
				t.Error("a wrong password was taken")
			}
			if !errors.Is(err, errTooManyFailures) {
				compared.Add(1)
			}
		})
	}
	all.Wait()
	if n := compared.Load(); n < freeFailures || n > freeFailures+maxHashing-1 {
		t.Errorf("%d of 200 were compared, want %d, and those besides that had begun", n, freeFailures)
	}
}
