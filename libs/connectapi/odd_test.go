package connectapi_test

import (
	"bufio"
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/calypso-cdc/calypso/libs/testenv"
)

var recording = flag.Bool("record", false,
	"send the odd requests to a real Kafka Connect again, and write testdata/odd.json")

// odd is a request as few clients send it, and what Kafka Connect 4.3.1 without connectors answers.
type odd struct {
	Method  string            `json:"method"`
	Target  string            `json:"target"`
	Headers map[string]string `json:"headers,omitempty"`
	Body    string            `json:"body,omitempty"`
	// Times says that the body is that often there.
	Times  int    `json:"times,omitempty"`
	Code   int    `json:"code"`
	Type   string `json:"type,omitempty"`
	Answer string `json:"answer,omitempty"`
}

func oddRequests() []odd {
	var all []odd
	for _, target := range []string{
		"/", "//", "/.", "/..", "/connectors/", "/connectors//", "//connectors", "/connectors/.", "/connectors/..",
		"/connectors/../connectors", "/connectors/./status", "/connectors/x/..", "/connectors/x/../y", "/connectors/x/",
		"/connectors/x//",
		"/connectors//status", "/connectors/x//status", "/connectors/x/status/", "/connectors/a%2Fb",
		"/connectors/a%2fb/status", "/connectors/%2F", "/connectors/%2e%2e", "/connectors/%2e", "/connectors/a%5Cb",
		"/connectors/a%00b", "/connectors/%00",
		"/connectors/a+b", "/connectors/a%20b", "/connectors/%20", "/connectors/%C3%A9", "/connectors/%ff", "/connectors/%",
		"/connectors/%zz", "/connectors/a;b=c", "/connectors;x=y", "/connectors/a%3Fb", "/connectors/a%23b",
		"/connectors/a?b?c", "/connectors/a%25b",
		"/connectors/" + strings.Repeat("x", 300), "/connectors/" + strings.Repeat("x", 7000),
		"/connectors/" + strings.Repeat("x", 9000), "/connectors/x/status/y", "/connectors/x/nope", "/Connectors",
		"/CONNECTORS/x", "/connectors/x/tasks/0", "/connectors/x/tasks/-1/status",
		"/connectors/x/tasks/a/status", "/connectors/x/tasks/99999999999/status", "/connectors/x/tasks/%30/status",
		"/connectors/x/tasks/+1/status", "/connectors/x/tasks/0/", "/connector-plugins/", "/connector-plugins/x",
		"/connector-plugins/x/config", "/connector-plugins/x/config/",
		"/admin", "/admin/", "/admin/loggers/", "/admin/loggers/a.b", "/admin/loggers/..", "/health/", "/health/x", "/nope",
		"/connectors?expand=", "/connectors?expand=nope", "/connectors?expand=info&expand=nope", "/connectors?EXPAND=info",
		"/connectors?expand=info%00", "/favicon.ico", "/index.html",
		"/connectors/\u00e9", "/connectors/x?", "/?x=y", "/connectors/..;/", "/connectors/a|b", "/connectors/a\"b",
		"/connectors/<x>", "/connectors/{x}",
	} {
		all = append(all, odd{Method: "GET", Target: target})
	}
	for _, method := range []string{"HEAD", "OPTIONS", "PATCH", "TRACE", "DELETE", "PUT", "POST", "get", "FOO"} {
		for _, target := range []string{"/", "/connectors", "/connectors/x", "/connectors/x/config", "/connectors/x/status",
			"/connectors/x/pause", "/connectors/x/restart", "/connectors/x/tasks/0/restart", "/connectors/x/offsets",
			"/connectors/x/topics/reset", "/connector-plugins", "/connector-plugins/x/config/validate", "/admin/loggers",
			"/admin/loggers/x", "/health", "/nope"} {
			all = append(all, odd{Method: method, Target: target})
		}
	}
	const json = "application/json"
	for _, header := range []string{"text/plain", "application/xml", "application/json;q=0.5", "*/*", "application/*",
		"text/html,application/xhtml+xml", "", "nonsense", "text/html, */*;q=0.1", "application/json; charset=utf-8"} {
		all = append(all, odd{Method: "GET", Target: "/connectors", Headers: map[string]string{"Accept": header}},
			odd{Method: "GET", Target: "/connectors/x", Headers: map[string]string{"Accept": header}})
	}
	for _, header := range []string{"", "text/plain", json + "; charset=utf-8", json + "; charset=latin1",
		"APPLICATION/JSON", "application/vnd.api+json", "application/x-www-form-urlencoded", "nonsense", "*/*", json + ";"} {
		all = append(all, odd{Method: "POST", Target: "/connectors", Headers: map[string]string{"Content-Type": header},
			Body: `{}`}, odd{Method: "PUT", Target: "/connectors/x/pause",
			Headers: map[string]string{"Content-Type": header}, Body: `{}`})
	}
	for _, body := range []string{
		"", " ", "null", "[]", "{}", "1", `"x"`, "true", `{"name":"x"}`, `{"config":{}}`, `{"name":"x","config":null}`,
		`{"name":"x","config":[]}`, `{"name":null,"config":{}}`, `{"name":1,"config":{}}`, `{"name":"","config":{}}`,
		`{"name":" ","config":{"connector.class":"x"}}`,
		`{"name":"x","config":{"a":null}}`, `{"name":"x","config":{"a":{}}}`,
		`{"name":"x","config":{"connector.class":null}}`, `{"name":"x","config":{"connector.class":5}}`,
		`{"name":"x","config":{"connector.class":"nope"}}`, `{"name":"x","config":{"connector.class":""}}`,
		`{"name":"x","config":{"name":"y","connector.class":"nope"}}`, `{"name":"x","name":"y","config":{}}`,
		`{"name":"x","config":{},"config":{"connector.class":"nope"}}`, "\xef\xbb\xbf{\"name\":\"x\",\"config\":{}}",
		`{"name":"x","config":{}} x`, `{"name":"x","config":{}}{}`, `{"name":"x","config":{},}`, `{'name':'x'}`,
		`{"name":"x","config":{},"more":1}`, `{"name":"x","config":{},"initial_state":"nope"}`,
		`{"name":"x","config":{},"initial_state":"stopped"}`, `{"name":"a/b","config":{"connector.class":"nope"}}`,
		"{\"name\":\"a\\u0000b\",\"config\":{\"connector.class\":\"nope\"}}", "{", "nope",
		"{\"name\":\"\xff\",\"config\":{}}",
	} {
		all = append(all, odd{Method: "POST", Target: "/connectors",
			Headers: map[string]string{"Content-Type": json}, Body: body})
	}
	for _, body := range []string{"", "null", "[]", "{}", "1", `{"connector.class":"nope"}`, `{"connector.class":null}`,
		`{"a":{}}`, `{"a":[1]}`, `{"name":"y","connector.class":"nope"}`} {
		for _, call := range [][2]string{{"PUT", "/connectors/x/config"}, {"PATCH", "/connectors/x/config"},
			{"PUT", "/connector-plugins/nope/config/validate"}, {"PATCH", "/connectors/x/offsets"},
			{"PUT", "/admin/loggers/root"}, {"PUT", "/connectors/x/stop"}, {"POST", "/connectors/x/restart"}} {
			all = append(all, odd{Method: call[0], Target: call[1],
				Headers: map[string]string{"Content-Type": json}, Body: body})
		}
	}
	return append(all, odd{Method: "POST", Target: "/connectors", Headers: map[string]string{"Content-Type": json},
		Body: "[", Times: 100000}, odd{Method: "POST", Target: "/connectors/x/restart?includeTasks=maybe&onlyFailed=1"})
}

// ask sends the request as it stands.
func (o odd) ask(t *testing.T, address string) odd {
	t.Helper()
	conn, err := net.DialTimeout("tcp", address, 10*time.Second)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	_ = conn.SetDeadline(time.Now().Add(2 * time.Minute))
	body := strings.Repeat(o.Body, max(o.Times, 1))
	text := fmt.Sprintf("%s %s HTTP/1.1\r\nHost: %s\r\nConnection: close\r\nContent-Length: %d\r\n", o.Method, o.Target,
		address, len(body))
	for name, value := range o.Headers {
		text += name + ": " + value + "\r\n"
	}
	if _, err := io.WriteString(conn, text+"\r\n"+body); err != nil {
		t.Logf("%s %.60s: %v", o.Method, o.Target, err)
	}
	response, err := http.ReadResponse(bufio.NewReader(conn), &http.Request{Method: o.Method})
	o.Code, o.Type, o.Answer = 0, "", ""
	if err != nil {
		o.Answer = "none"
		return o
	}
	answer, _ := io.ReadAll(response.Body)
	o.Code, o.Type, o.Answer = response.StatusCode, response.Header.Get("Content-Type"), string(answer)
	return o
}

// realConnect is the address of a Kafka Connect that has started.
func realConnect(t *testing.T) string {
	t.Helper()
	jars, err := testenv.DebeziumJars(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	kafka, err := testenv.StartKafka(t.Context(), testenv.KafkaConfig{RealOnly: true})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = kafka.Close() })
	dir, address := t.TempDir(), fmt.Sprintf("127.0.0.1:%d", testenv.Port(t))
	lines := []string{"bootstrap.servers=" + kafka.Bootstrap, "group.id=odd", "plugin.discovery=service_load",
		"listeners=http://" + address,
		"key.converter=org.apache.kafka.connect.json.JsonConverter",
		"value.converter=org.apache.kafka.connect.json.JsonConverter"}
	for _, topic := range []string{"config", "offset", "status"} {
		lines = append(lines, topic+".storage.topic=connect-"+topic, topic+".storage.replication.factor=1")
	}
	properties := filepath.Join(dir, "worker.properties")
	if err := os.WriteFile(properties, []byte(strings.Join(lines, "\n")), 0o600); err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command("java", "-Xmx512m", "--class-path="+filepath.Join(jars, "*"),
		"org.apache.kafka.connect.cli.ConnectDistributed", properties)
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = cmd.Process.Kill(); _ = cmd.Wait() })
	testenv.Eventually(t, 3*time.Minute, "Kafka Connect", func(ctx context.Context) error {
		response, err := http.Get("http://" + address + "/connectors")
		if err == nil {
			response.Body.Close()
			if response.StatusCode != http.StatusOK {
				err = fmt.Errorf("code %d", response.StatusCode)
			}
		}
		return err
	})
	return address
}

// ours are paths that are answered otherwise: names that Kafka Connect takes and no path of it
// reaches, characters that should have been escaped, and loggers, which are our own.
var ours = []string{"/connectors/a%25b", "/connectors/\u00e9", "/connectors/a|b", "/connectors/a\"b", "/connectors/<x>",
	"/connectors/{x}", "/admin/loggers"}

// differs is whether an answer is not as it should be. Where Kafka Connect fails with a Java
// exception the request is refused; bodies are compared where they are no list of what there is and
// no sentence about a configuration.
func (o odd) differs(got odd) bool {
	path, query, _ := strings.Cut(o.Target, "?")
	switch {
	case slices.ContainsFunc(ours, func(prefix string) bool { return strings.HasPrefix(path, prefix) }),
		strings.Contains(query, "maybe"):
		return got.Code >= http.StatusInternalServerError
	case o.Code == http.StatusInternalServerError:
		return got.Code < http.StatusBadRequest || got.Code >= http.StatusInternalServerError
	case o.Method != http.MethodGet && o.Target != "/connectors" && o.Method == http.MethodPatch &&
		o.Code == http.StatusNotFound:
		// a body that is wrong is told first
		return got.Code < http.StatusBadRequest || got.Code >= http.StatusInternalServerError
	case o.Code == http.StatusBadRequest && o.Headers["Content-Type"] != jsonType && o.Headers != nil:
		// a media type that is none
		return got.Code < http.StatusBadRequest || got.Code >= http.StatusInternalServerError
	case got.Code != o.Code:
		return true
	case o.Code == http.StatusBadRequest, path == "/", strings.HasPrefix(path, "/connector-plugins"), len(path) > 200,
		!strings.HasPrefix(o.Answer, "{\"error_code"):
		return false
	}
	return got.Answer != o.Answer
}

const oddFile = "testdata/odd.json"

func TestOddRequestsAreAnsweredAsByKafkaConnect(t *testing.T) {
	if *recording {
		address := realConnect(t)
		var lines []string
		for _, request := range oddRequests() {
			text, err := json.Marshal(request.ask(t, address))
			if err != nil {
				t.Fatal(err)
			}
			lines = append(lines, string(text))
		}
		if err := os.WriteFile(oddFile, []byte("[\n"+strings.Join(lines, ",\n")+"\n]\n"), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	text, err := os.ReadFile(oddFile)
	if err != nil {
		t.Fatal(err)
	}
	var recorded []odd
	if err := json.Unmarshal(text, &recorded); err != nil {
		t.Fatal(err)
	}
	if asked := len(oddRequests()); asked != len(recorded) {
		t.Errorf("%d of %d requests are recorded: make connect-record", len(recorded), asked)
	}
	c := startCluster(t)
	address, err := url.Parse(c.url)
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range recorded {
		got := want.ask(t, address.Host)
		if want.differs(got) {
			t.Errorf("%s %.80s %v %.80q: %d %.300s, Kafka Connect %d %s %.300s", want.Method, want.Target, want.Headers,
				want.Body, got.Code, got.Answer, want.Code, want.Type, want.Answer)
		}
	}
}
