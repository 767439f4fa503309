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

// property is a field of a request's body, as OpenAPI describes it.
type property struct{ method, path, name string }

// properties lists the fields of all bodies of the OpenAPI document.
func properties(t *testing.T) (all []property) {
	t.Helper()
	type schema struct {
		Ref        string `json:"$ref"`
		Properties map[string]json.RawMessage
	}
	var document struct {
		Paths map[string]map[string]struct {
			Parameters []struct {
				In     string
				Schema schema
			}
		}
		Definitions map[string]schema
	}
	if err := json.Unmarshal(gen.OpenAPI, &document); err != nil {
		t.Fatal(err)
	}
	for template, methods := range document.Paths {
		for method, call := range methods {
			for _, p := range call.Parameters {
				if p.In != "body" {
					continue
				}
				of := p.Schema
				if of.Ref != "" {
					of = document.Definitions[strings.TrimPrefix(of.Ref, "#/definitions/")]
				}
				for name := range of.Properties {
					all = append(all, property{strings.ToUpper(method), pathParameter.ReplaceAllString(template, "x"), name})
				}
			}
		}
	}
	return all
}

func TestEveryFieldOfEveryBodyIsRefusedByNameIfItsTypeIsWrong(t *testing.T) {
	s := start(t, nil)
	all := properties(t)
	if len(all) < 25 {
		t.Fatalf("only %d fields were found", len(all))
	}
	values := []string{`[[1]]`, `{"\u0000":{"a":[]}}`, `1e999`, `true`, `-9223372036854775809`, `"` + strings.Repeat("x", 70_000) + `"`, `"\u0000\u202e'; DROP TABLE x; --"`, `null`}
	for _, p := range all {
		for _, value := range values {
			code, answer, _ := s.request(t, p.method, p.path, `{"`+p.name+`":`+value+`}`, "Content-Type: application/json")
			// 501 is the generator of the fixture, which has two methods only.
			if code >= 500 && code != http.StatusNotImplemented {
				t.Errorf("%s %s with %s = %.60s: %d %.300s", p.method, p.path, p.name, value, code, answer)
			}
			if code < 400 {
				continue
			}
			type failure struct {
				Message string
				Details []struct {
					Reason          string
					FieldViolations []struct{ Field string }
				}
			}
			var said struct {
				failure
				Error *failure // of a stream
			}
			err := json.Unmarshal([]byte(answer), &said)
			if said.Error != nil {
				said.failure = *said.Error
			}
			if err != nil || len(said.Details) == 0 || said.Details[0].Reason == "" {
				t.Errorf("%s %s with %s = %.60s: the answer has no reason: %.300s", p.method, p.path, p.name, value, answer)
			}
			if strings.Contains(said.Message, "proto:") && (len(said.Details) < 2 || len(said.Details[1].FieldViolations) != 1 || said.Details[1].FieldViolations[0].Field != p.name) {
				t.Errorf("%s %s with %s = %.60s: the field is not named: %.300s", p.method, p.path, p.name, value, answer)
			}
		}
	}
}
