package admin

import (
	"encoding/json"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"testing"

	"github.com/calypso-cdc/calypso/gen"
)

// pathParameter is a parameter of a path template of OpenAPI: {name}, {name=pattern}.
var pathParameter = regexp.MustCompile(`\{[^}]*\}`)

func TestNoCallOfTheOpenAPIDocumentBreaksOnHostileValues(t *testing.T) {
	s := start(t, nil)
	var document struct {
		Paths map[string]map[string]any
	}
	if err := json.Unmarshal(gen.OpenAPI, &document); err != nil {
		t.Fatal(err)
	}
	names := []string{"x", "..", "a b", "%00", "\u202e\U0001f4a5", "'; DROP TABLE retail.orders_info; --", strings.Repeat("n", 5000)}
	bodies := []string{
		`{}`, `[]`, `null`, `"x"`, `{"name":1}`, `{"name":"","config":null}`, `{"config":{"a":{"b":"c"}}}`, `{"rate":"NaN"}`, `{"rate":-1e308}`,
		`{"orders":"9223372036854775808"}`, `{"orders":-1}`, `{"task":2147483648}`, `{"offsets":[{"partition":[],"offset":1}]}`, `{"unknown":true}`,
		`{"name":"` + strings.Repeat("x", 100_000) + `"}`, strings.Repeat(`{"config":`, 5000), "\xff\xfe", `{"name":"a\u0000b","config":{"connector.class":"\ud800"}}`,
	}
	calls := 0
	for template, methods := range document.Paths {
		if strings.HasSuffix(template, ":watch") {
			continue // a stream does not end by itself
		}
		for method := range methods {
			for i, name := range names {
				path := pathParameter.ReplaceAllStringFunc(template, func(string) string { return url.PathEscape(name) })
				body := ""
				if method == "post" || method == "put" || method == "patch" {
					body = bodies[(calls+i)%len(bodies)]
				}
				code, answer, _ := s.request(t, strings.ToUpper(method), path, body, "Content-Type: application/json")
				calls++
				// 501 is the generator of the fixture, which has two methods only.
				if code >= 500 && code != http.StatusNotImplemented {
					t.Errorf("%s %.100s with %.60q: %d %.300s", method, path, body, code, answer)
				}
			}
		}
	}
	if calls < 100 {
		t.Errorf("only %d calls were made", calls)
	}
	if code, _, _ := s.request(t, "GET", "/v1/health", ""); code != http.StatusOK {
		t.Errorf("afterwards the health is %d", code)
	}
}
