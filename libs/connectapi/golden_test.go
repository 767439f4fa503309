package connectapi_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"reflect"
	"strings"
	"testing"
	"time"
)

// recorded is one exchange with a real Kafka Connect.
type recorded struct {
	title             string
	method, path      string
	contentType, body string
	code              int
	header            http.Header
	answer            string
}

// recordedHost is where the recorded worker listened.
const recordedHost = "http://127.0.0.1:39083"

func readRecorded(t *testing.T, file string) []recorded {
	t.Helper()
	content, err := os.ReadFile("testdata/" + file)
	if err != nil {
		t.Fatal(err)
	}
	var exchanges []recorded
	for part := range strings.SplitSeq(string(content), "\n### ") {
		if part = strings.TrimSpace(part); part == "" {
			continue
		}
		command, response, _ := strings.Cut(part, "\n")
		exchange := recorded{title: command, method: http.MethodGet, header: http.Header{}}
		arguments, path, _ := strings.Cut(command, recordedHost)
		exchange.path = path
		if method, rest, ok := strings.Cut(strings.TrimPrefix(arguments, "-X "), " "); ok &&
			strings.HasPrefix(arguments, "-X ") {
			exchange.method, arguments = method, rest
		}
		if _, rest, ok := strings.Cut(arguments, "-H Content-Type: "); ok {
			exchange.contentType, arguments, _ = strings.Cut(rest, " ")
		}
		if _, body, ok := strings.Cut(arguments, "--data "); ok {
			exchange.body = strings.TrimSpace(body)
			if exchange.contentType == "" {
				exchange.contentType = "application/x-www-form-urlencoded" // curl's default
			}
		}
		head, answer, _ := strings.Cut(response, "\n\n")
		exchange.answer = strings.TrimSpace(answer)
		for i, line := range strings.Split(head, "\n") {
			if i == 0 {
				if _, err := fmt.Sscanf(line, "HTTP/1.1 %d", &exchange.code); err != nil {
					t.Fatalf("%s: %q", file, line)
				}
				continue
			}
			name, value, _ := strings.Cut(line, ": ")
			exchange.header.Set(name, value)
		}
		exchanges = append(exchanges, exchange)
	}
	return exchanges
}

// deviation says why an answer differs from the recorded one, and what is sent instead; nil if it does not differ.
func (r recorded) deviation() *expected {
	switch {
	case r.code == http.StatusInternalServerError:
		return &expected{why: "a wrong body is the caller's fault", code: http.StatusBadRequest}
	case r.path == "/":
		if r.method == http.MethodGet {
			return &expected{why: "the commit is ours", code: http.StatusOK}
		}
	case strings.HasPrefix(r.path, "/connector-plugins?"), strings.HasSuffix(r.path, "FileStreamSource/config"):
		return &expected{why: "the list of plugins and keys is ours, and the recording is cut off", code: http.StatusOK}
	case strings.Contains(r.body, "No.Such"):
		return &expected{why: "classes are listed by name only", code: http.StatusBadRequest}
	}
	return nil
}

type expected struct {
	why  string
	code int
}

func TestRecordedExchangesAreAnsweredAsByKafkaConnect(t *testing.T) {
	c := startCluster(t)
	exchanges := append(readRecorded(t, "empty-cluster.txt"), readRecorded(t, "running-connector.txt")...)
	for _, exchange := range readRecorded(t, "failing-connector.txt") {
		if strings.Contains(exchange.title, "failing") { // the others are about a Debezium connector that is not here
			exchanges = append(exchanges, exchange)
		}
	}
	exchanges = append(exchanges, readRecorded(t, "neighbours.txt")...)
	if len(exchanges) < 220 {
		t.Fatalf("only %d exchanges were read", len(exchanges))
	}
	for i, exchange := range exchanges {
		t.Run(fmt.Sprintf("%03d %s %s", i, exchange.method, exchange.path), func(t *testing.T) {
			// What a change leads to is seen a little later, there as here; asking again is harmless for these.
			again := exchange.method == http.MethodGet || strings.Contains(exchange.path, "onlyFailed=true")
			deadline := time.Now().Add(patience)
			for {
				problem := c.replay(t, exchange)
				if problem == "" {
					return
				}
				if !again || time.Now().After(deadline) {
					t.Fatalf("%s\n%s", exchange.title, problem)
				}
				time.Sleep(20 * time.Millisecond)
			}
		})
	}
}

// replay sends a recorded request and says how the answer differs.
func (c *cluster) replay(t *testing.T, exchange recorded) string {
	t.Helper()
	response, body := c.send(t, exchange.method, exchange.path, exchange.contentType, exchange.body)
	if deviation := exchange.deviation(); deviation != nil {
		if response.StatusCode != deviation.code {
			return fmt.Sprintf("code %d, want %d (%s)\n%s", response.StatusCode, deviation.code, deviation.why, body)
		}
		if response.StatusCode >= 400 {
			return errorProblem(response.StatusCode, body)
		}
		return ""
	}
	if response.StatusCode != exchange.code {
		return fmt.Sprintf("code %d, recorded %d\n%s", response.StatusCode, exchange.code, body)
	}
	for _, name := range []string{"Content-Type", "Location", "Allow"} {
		want := strings.ReplaceAll(exchange.header.Get(name), recordedHost, c.url)
		if want == "" && name != "Location" {
			continue // errors have more headers here
		}
		if got := response.Header.Get(name); got != want {
			return fmt.Sprintf("header %s: %q, recorded %q", name, got, want)
		}
	}
	if exchange.method == http.MethodHead {
		if got := response.Header.Get("Content-Length"); got != exchange.header.Get("Content-Length") {
			return fmt.Sprintf("Content-Length %s, recorded %s", got, exchange.header.Get("Content-Length"))
		}
		return ""
	}
	got, want := comparable(body), comparable(exchange.answer)
	if !reflect.DeepEqual(got, want) {
		return fmt.Sprintf("body     %s\nrecorded %s", body, exchange.answer)
	}
	return ""
}

func errorProblem(code int, body string) string {
	var answer struct {
		ErrorCode int    `json:"error_code"`
		Message   string `json:"message"`
	}
	if err := json.Unmarshal([]byte(body), &answer); err != nil || answer.ErrorCode != code || answer.Message == "" {
		return fmt.Sprintf("an error must be {error_code, message}: %s", body)
	}
	return ""
}

// comparable decodes an answer and evens out what differs on purpose: literal secrets are masked, and traces are not
// those of Java.
func comparable(body string) any {
	var value any
	if json.Unmarshal([]byte(body), &value) != nil {
		return body
	}
	return evened(value)
}

func evened(value any) any {
	switch value := value.(type) {
	case map[string]any:
		for key, field := range value {
			switch {
			case key == "trace":
				value[key] = "…"
			case field == "hunter2":
				value[key] = "********"
			default:
				value[key] = evened(field)
			}
		}
	case []any:
		for i, item := range value {
			value[i] = evened(item)
		}
	}
	return value
}

func (c *cluster) send(t testing.TB, method, path, contentType, body string) (*http.Response, string) {
	t.Helper()
	request, err := http.NewRequestWithContext(t.Context(), method, c.url+path, bytes.NewReader([]byte(body)))
	if err != nil {
		t.Fatal(err)
	}
	if contentType != "" {
		request.Header.Set("Content-Type", contentType)
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	content, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatal(err)
	}
	return response, string(content)
}
