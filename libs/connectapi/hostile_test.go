package connectapi_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
)

// hostile are values that no field wants.
var hostile = map[string]string{
	"null": `null`, "number": `12345678901234567890`, "negative": `-1`, "fraction": `1.5e300`, "boolean": `true`,
	"list": `[1,[2]]`, "object": `{"a":{"b":1}}`,
	"empty": `""`, "spaces": `"   "`, "control": `"a\u0000b\u001b[31m"`, "newline": `"a\nb"`, "path": `"../../etc/passwd"`,
	"slash":  `"a/b"`,
	"markup": `"<script>alert(1)</script>"`, "reference": `"${file:/proc/self/environ:PATH}"`, "format": `"%s%n%!d"`,
	"surrogate": `"\ud800"`,
	"huge":      `"` + strings.Repeat("x", 600_000) + `"`, "long": `"` + strings.Repeat("é", 300) + `"`,
}

// field is one place of one request, with names, one of which must be in the answer.
type field struct {
	method, path, body string // %s in body is replaced
	named              []string
	accepts            []string // what is right here, or harmless
}

func TestEveryFieldRefusesWrongValuesByName(t *testing.T) {
	c := startCluster(t)
	c.want(t, http.StatusCreated, "POST", "/connectors", sinkBody("there"))
	c.want(t, http.StatusNoContent, "PUT", "/connectors/there/stop", "")
	c.awaitState(t, "there", "STOPPED")
	fields := []field{
		{"POST", "/connectors", `{"name":%s,"config":{"connector.class":"FileStreamSink"}}`, []string{"name"},
			[]string{"markup", "format", "surrogate", "reference", "long"}},
		{"POST", "/connectors", `{"name":"x","config":%s}`, []string{"config"}, nil},
		{"POST", "/connectors", `{"name":"x","config":{"connector.class":%s}}`, []string{"connector", "class"}, nil},
		{"POST", "/connectors", `{"name":"x","config":{"connector.class":"FileStreamSink","file":%s,"tasks.max":"0"}}`,
			[]string{"tasks.max", "file"}, nil},
		{"PUT", "/connectors/there/config", `{"connector.class":"FileStreamSink","tasks.max":%s}`, []string{"tasks.max"},
			[]string{"null"}},
		{"POST", "/connectors", `{"name":"y","config":{"connector.class":"FileStreamSink","tasks.max":1},"initial_state":%s}`,
			[]string{"initial_state"}, []string{"null"}},
		{"PUT", "/connectors/there/config", `%s`, []string{"body", "connector type", "config"}, nil},
		{"PUT", "/connectors/there/config", `{"connector.class":"FileStreamSink","errors.tolerance":%s}`,
			[]string{"errors.tolerance"}, []string{"null"}},
		{"PATCH", "/connectors/there/config", `{"tasks.max":%s}`, []string{"tasks.max"}, []string{"null"}},
		// Of a name that another connector could have Kafka Connect takes note, and nothing follows.
		{"PATCH", "/connectors/there/config", `{"name":%s}`, []string{"name"}, []string{"boolean", "format", "fraction",
			"long", "markup", "negative", "number", "reference", "surrogate"}},
		{"PATCH", "/connectors/there/offsets", `{"offsets":%s}`, []string{"offsets", "Partitions"}, nil},
		{"PATCH", "/connectors/there/offsets", `{"offsets":[{"partition":%s,"offset":{"kafka_offset":1}}]}`,
			[]string{"partition", "kafka_topic"}, nil},
		{"PATCH", "/connectors/there/offsets",
			`{"offsets":[{"partition":{"kafka_topic":%s,"kafka_partition":0},"offset":{"kafka_offset":1}}]}`,
			[]string{"kafka_topic"}, nil},
		{"PATCH", "/connectors/there/offsets",
			`{"offsets":[{"partition":{"kafka_topic":"t1","kafka_partition":%s},"offset":{"kafka_offset":1}}]}`,
			[]string{"kafka_partition", "Kafka partition"}, nil},
		{"PATCH", "/connectors/there/offsets",
			`{"offsets":[{"partition":{"kafka_topic":"t1","kafka_partition":0},"offset":{"kafka_offset":%s}}]}`,
			[]string{"kafka_offset", "Kafka offset"}, nil},
		{"PUT", "/connector-plugins/FileStreamSink/config/validate", `{"connector.class":%s}`,
			[]string{"connector type", "connector.class"}, nil},
		{"PUT", "/admin/loggers/x", `{"level":%s}`, []string{"level"}, nil},
	}
	for _, field := range fields {
		for name, value := range hostile {
			t.Run(fmt.Sprintf("%s %s %.60s %s", field.method, field.path, field.body, name), func(t *testing.T) {
				response, answer := c.send(t, field.method, field.path, jsonType, fmt.Sprintf(field.body, value))
				if response.StatusCode >= 500 {
					t.Fatalf("code %d: %s", response.StatusCode, answer)
				}
				for _, accepted := range field.accepts {
					if name == accepted {
						return
					}
				}
				if response.StatusCode < 400 {
					t.Fatalf("accepted with %d: %.300s", response.StatusCode, answer)
				}
				if problem := errorProblem(response.StatusCode, answer); problem != "" {
					t.Fatal(problem)
				}
				if len(answer) > 10_000 {
					t.Errorf("the answer has %d bytes", len(answer))
				}
				for _, named := range field.named {
					if strings.Contains(answer, named) {
						return
					}
				}
				t.Errorf("none of %v is named: %.500s", field.named, answer)
			})
		}
	}
}

// segments are parts of a path, escaped, that are the name of nothing.
var segments = map[string]string{
	"space": "%20", "zero": "a%00b", "parent": "%2e%2e", "slash": "a%2Fb", "newline": "a%0D%0AX-Injected:%201",
	"markup": "%3Cscript%3E", "statement": "'%3B%20DROP%20TABLE%20x%3B%20--",
	"not UTF-8": "%ff%fe", "direction": "%E2%80%AE", "reference": "$%7Benv:PATH%7D", "format": "%25s%25n",
	"number": "-9223372036854775809", "huge": strings.Repeat("n", 5000), "padded": "%20there%20",
}

// The topics of a connector that is not there are none, in Kafka Connect as here; see the recorded exchanges.
func TestEveryPartOfAPathThatNamesNothingIsNotFoundByName(t *testing.T) {
	c := startCluster(t)
	c.want(t, http.StatusCreated, "POST", "/connectors", sinkBody("there"))
	for _, call := range []struct{ method, path, body, named string }{
		{"GET", "/connectors/%s", "", "onnector"}, {"DELETE", "/connectors/%s", "", "onnector"},
		{"GET", "/connectors/%s/config", "", "onnector"},
		{"PATCH", "/connectors/%s/config", `{"tasks.max":"1"}`, "onnector"}, {"GET", "/connectors/%s/status", "", "onnector"},
		{"POST", "/connectors/%s/restart?includeTasks=true", "", "onnector"}, {"PUT", "/connectors/%s/pause", "", "onnector"},
		{"PUT", "/connectors/%s/resume", "", "onnector"}, {"PUT", "/connectors/%s/stop", "", "onnector"},
		{"GET", "/connectors/%s/tasks", "", "onnector"},
		{"GET", "/connectors/%s/tasks/0/status", "", "task"}, {"POST", "/connectors/%s/tasks/0/restart", "", "onnector"},
		{"GET", "/connectors/%s/offsets", "", "onnector"},
		{"PATCH", "/connectors/%s/offsets",
			`{"offsets":[{"partition":{"kafka_topic":"t1","kafka_partition":0},"offset":{"kafka_offset":1}}]}`, "onnector"},
		{"DELETE", "/connectors/%s/offsets", "", "onnector"},
		{"GET", "/connectors/there/tasks/%s/status", "", "Not Found"},
		{"POST", "/connectors/there/tasks/%s/restart", "", "Not Found"},
		{"GET", "/connector-plugins/%s/config", "", "plugin"},
		{"PUT", "/connector-plugins/%s/config/validate", `{"connector.class":"FileStreamSink"}`, "plugin"},
		{"GET", "/admin/loggers/%s", "", "Logger"},
	} {
		for name, segment := range segments {
			t.Run(fmt.Sprintf("%s %s %s", call.method, call.path, name), func(t *testing.T) {
				response, answer := c.send(t, call.method, fmt.Sprintf(call.path, segment), jsonType, call.body)
				if response.StatusCode < 400 || response.StatusCode >= 500 {
					t.Fatalf("code %d: %.300s", response.StatusCode, answer)
				}
				if problem := errorProblem(response.StatusCode, answer); problem != "" {
					t.Error(problem)
				}
				refused := response.StatusCode == http.StatusBadRequest && strings.Contains(answer, "URI")
				if !refused && !strings.Contains(answer, call.named) || len(answer) > 2000 ||
					response.Header.Get("X-Injected") != "" {
					t.Errorf("%d bytes that do not name the %s: %.300s", len(answer), call.named, answer)
				}
			})
		}
	}
}

// Unknown values of expand and scope are ignored, as Kafka Connect does; see the recorded exchanges.
func TestEveryBooleanOfAQueryIsTrueOrFalseOrRefusedByName(t *testing.T) {
	c := startCluster(t)
	c.want(t, http.StatusCreated, "POST", "/connectors", sinkBody("there"))
	for _, call := range []struct{ method, path, parameter string }{
		{"POST", "/connectors/there/restart", "includeTasks"}, {"POST", "/connectors/there/restart", "onlyFailed"},
		{"GET", "/connector-plugins", "connectorsOnly"},
	} {
		for name, value := range segments {
			response, answer := c.send(t, call.method, call.path+"?"+call.parameter+"="+value, jsonType, "")
			if response.StatusCode != http.StatusBadRequest || !strings.Contains(answer, call.parameter) || len(answer) > 2000 {
				t.Errorf("%s of %s: %s is answered with %d: %.300s", call.parameter, call.path, name, response.StatusCode, answer)
			}
		}
	}
	for _, path := range []string{"/connectors?expand=", "/admin/loggers?scope="} {
		for name, value := range segments {
			if response, answer := c.send(t, "GET", path+value, jsonType, ""); response.StatusCode != http.StatusOK ||
				!json.Valid([]byte(answer)) {
				t.Errorf("%s%s: %d %.300s", path, name, response.StatusCode, answer)
			}
		}
	}
}

func TestABodyIsJSONOfBoundedSizeOrRefused(t *testing.T) {
	c := startCluster(t)
	for name, test := range map[string]struct {
		contentType, body string
		code              int
	}{
		"form":            {"application/x-www-form-urlencoded", sinkBody("x"), http.StatusUnsupportedMediaType},
		"text":            {"text/plain", sinkBody("x"), http.StatusUnsupportedMediaType},
		"no content type": {"", sinkBody("x"), http.StatusUnsupportedMediaType},
		"too large":       {jsonType, `{"name":"` + strings.Repeat("x", 1<<20) + `"}`, http.StatusRequestEntityTooLarge},
		"empty":           {jsonType, "", http.StatusBadRequest},
		"cut off":         {jsonType, `{"name":"x"`, http.StatusBadRequest},
		"two":             {jsonType, sinkBody("x") + sinkBody("y"), http.StatusBadRequest},
		"nested deeply":   {jsonType, strings.Repeat(`{"a":`, 20_000), http.StatusBadRequest},
		"unknown field":   {jsonType, `{"name":"x","config":{},"bogus":1}`, http.StatusBadRequest},
		"byte order mark": {jsonType, "\xef\xbb\xbf" + sinkBody("marked"), http.StatusCreated},
		"not UTF-8": {jsonType, "{\"name\":\"a\xff\xfe\",\"config\":{\"connector.class\":\"None\xff\"}}",
			http.StatusBadRequest},
	} {
		response, answer := c.send(t, "POST", "/connectors", test.contentType, test.body)
		if response.StatusCode != test.code {
			t.Errorf("%s: code %d, want %d: %.200s", name, response.StatusCode, test.code, answer)
		}
		if problem := errorProblem(response.StatusCode, answer); test.code >= 400 && problem != "" {
			t.Errorf("%s: %s", name, problem)
		}
	}
}

func TestNoAnswerAboutAConnectorShowsItsSecret(t *testing.T) {
	c := startCluster(t)
	body := `{"name":"s","config":{"connector.class":"FileStreamSink","topics":"t1","file":"/nonexistent/canary-value","my.password":"canary-value"}}`
	answers := []string{c.want(t, http.StatusCreated, "POST", "/connectors", body)}
	c.awaitState(t, "s", "RUNNING", "FAILED")
	for _, path := range []string{"/connectors/s", "/connectors/s/status", "/connectors/s/tasks",
		"/connectors?expand=info&expand=status"} {
		answers = append(answers, c.want(t, http.StatusOK, "GET", path, ""))
	}
	answers = append(answers, c.want(t, http.StatusBadRequest, "PATCH", "/connectors/s/config", `{"tasks.max":"none"}`))
	for _, answer := range answers {
		masked := strings.ReplaceAll(answer, `"file":"/nonexistent/canary-value"`, "") // the user shows it himself here
		if strings.Contains(masked, "canary") {
			t.Errorf("%s", answer)
		}
	}
}

// FuzzRequestsNeverFailTheService sends any method, path and body: the answer is never 5xx, and an error is always
// {error_code, message}.
func FuzzRequestsNeverFailTheService(f *testing.F) {
	f.Add("POST", "/connectors", `{"name":"x","config":{"connector.class":"FileStreamSink"},"initial_state":"STOPPED"}`)
	f.Add("PUT", "/connectors/a/config", `{"connector.class":"FileStreamSource","topic":"t","batch.size":"1"}`)
	f.Add("PATCH", "/connectors/a/offsets", `{"offsets":[{"partition":{"a":1},"offset":null}]}`)
	f.Add("PUT", "/connector-plugins/FileStreamSink/config/validate", `{"name":"${env:X}"}`)
	f.Add("PUT", "/admin/loggers/root?scope=cluster", `{"level":"off"}`)
	f.Add("GET", "/connectors/%2e%2e/../%ff/", ``)
	c := startCluster(f)
	f.Fuzz(func(t *testing.T, method, path, body string) {
		if !strings.HasPrefix(path, "/") {
			path = "/" + path
		}
		request, err := http.NewRequest(method, "http://calypso", strings.NewReader(body))
		if err != nil {
			t.Skip("not a request")
		}
		if request.URL, err = request.URL.Parse(path); err != nil {
			t.Skip("not a path")
		}
		request.Header.Set("Content-Type", jsonType)
		recorder := httptest.NewRecorder()
		c.api.ServeHTTP(recorder, request)
		if recorder.Code >= 500 {
			t.Fatalf("%s %q %q: %d %s", method, path, body, recorder.Code, recorder.Body)
		}
		if recorder.Code >= 400 && method != http.MethodHead {
			if problem := errorProblem(recorder.Code, recorder.Body.String()); problem != "" {
				t.Fatal(problem)
			}
		}
		if recorder.Header().Get("Content-Type") == jsonType && method != http.MethodHead &&
			!json.Valid(recorder.Body.Bytes()) {
			t.Fatalf("not JSON: %s", recorder.Body)
		}
	})
}
