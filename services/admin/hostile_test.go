package admin

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"testing"
	"time"

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
	names := []string{"x", "..", "a b", "%00", "\u202e\U0001f4a5", "'; DROP TABLE retail.orders_info; --",
		strings.Repeat("n", 5000)}
	bodies := []string{
		`{}`, `[]`, `null`, `"x"`, `{"name":1}`, `{"name":"","config":null}`, `{"config":{"a":{"b":"c"}}}`, `{"rate":"NaN"}`,
		`{"rate":-1e308}`,
		`{"orders":"9223372036854775808"}`, `{"orders":-1}`, `{"task":2147483648}`,
		`{"offsets":[{"partition":[],"offset":1}]}`, `{"unknown":true}`,
		`{"name":"` + strings.Repeat("x", 100_000) + `"}`, strings.Repeat(`{"config":`, 5000), "\xff\xfe",
		`{"name":"a\u0000b","config":{"connector.class":"\ud800"}}`,
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

// schema is a type of OpenAPI's.
type schema struct {
	Ref        string `json:"$ref"`
	Type       string
	Format     string
	Enum       []string
	Items      *schema
	Properties map[string]schema
}

// parameter is a field of a request: of its body, or one of its query.
type parameter struct {
	call schema
	// As an error names it: tables[0].pattern.
	path string
	// Makes a body of a value for the field.
	body func(value string) string
}

// operation is a call of the OpenAPI document.
type operation struct {
	method, path string
	query, body  []parameter
}

// operations lists the calls with all their fields.
func operations(t *testing.T) (all []operation) {
	t.Helper()
	var document struct {
		Paths map[string]map[string]struct {
			Parameters []struct {
				schema
				Name, In string
				Schema   schema
			}
		}
		Definitions map[string]schema
	}
	if err := json.Unmarshal(gen.OpenAPI, &document); err != nil {
		t.Fatal(err)
	}
	resolve := func(s schema) schema {
		if s.Ref != "" {
			return document.Definitions[strings.TrimPrefix(s.Ref, "#/definitions/")]
		}
		return s
	}
	var fields func(of schema, path string, body func(string) string) []parameter
	fields = func(of schema, path string, body func(string) string) (found []parameter) {
		for name, field := range resolve(of).Properties {
			field = resolve(field)
			at, inside := path+name, func(value string) string { return body(fmt.Sprintf("{%q:%s}", name, value)) }
			found = append(found, parameter{field, at, inside})
			if field.Type == "array" {
				element := func(value string) string { return inside("[" + value + "]") }
				found = append(found, parameter{resolve(*field.Items), at + "[0]", element})
				found = append(found, fields(*field.Items, at+"[0].", element)...)
			}
			found = append(found, fields(field, at+".", inside)...)
		}
		return found
	}
	for template, methods := range document.Paths {
		for method, call := range methods {
			o := operation{method: strings.ToUpper(method), path: pathParameter.ReplaceAllString(template, "x")}
			for _, p := range call.Parameters {
				switch p.In {
				case "body":
					o.body = fields(p.Schema, "", func(value string) string { return value })
				case "query":
					o.query = append(o.query, parameter{call: p.schema, path: p.Name})
				}
			}
			all = append(all, o)
		}
	}
	return all
}

// wrong lists values in JSON that a field cannot have.
func (s schema) wrong() []string {
	values := []string{`[[1]]`, `{"\u0000":{"a":[]}}`}
	switch {
	case s.Enum != nil:
		return append(values, `"NOPE"`, `true`, `""`, `1.5`)
	case s.Type == "string" && s.Format == "":
		return append(values, `5`, `true`, `1e999`)
	case s.Format == "byte":
		return append(values, `"%%"`, `true`, `5`)
	case s.Type == "string":
		return append(values, `"\u202e'; DROP TABLE x; --"`, `true`, `"-9223372036854775809"`)
	case s.Type == "boolean":
		return append(values, `"true"`, `1`, `""`)
	case s.Type == "integer" || s.Type == "number":
		return append(values, `"many"`, `true`, `1e999`, `""`)
	case s.Type == "array":
		return []string{`"x"`, `5`, `{}`, `true`}
	}
	return []string{`"x"`, `5`, `[1]`, `true`} // an object
}

// refusal is an error as /v1 answers it; that of a stream is inside.
type refusal struct {
	Message string
	Details []struct {
		Reason          string
		FieldViolations []struct{ Field string }
	}
	Error *refusal
}

func TestEveryFieldOfEveryBodyIsRefusedByNameIfItsTypeIsWrong(t *testing.T) {
	s := start(t, nil)
	tried := 0
	for _, o := range operations(t) {
		for _, p := range o.body {
			for _, value := range p.call.wrong() {
				tried++
				code, answer, _ := s.request(t, o.method, o.path, p.body(value), "Content-Type: application/json")
				var said refusal
				if err := json.Unmarshal([]byte(answer), &said); err != nil || code != http.StatusBadRequest ||
					len(said.Details) != 2 || len(said.Details[1].FieldViolations) != 1 {
					t.Errorf("%s %s with %s = %s: %d %.300s", o.method, o.path, p.path, value, code, answer)
					continue
				}
				if field := said.Details[1].FieldViolations[0].Field; !strings.HasPrefix(field, p.path) ||
					!strings.Contains(said.Message, field) {
					t.Errorf("%s %s with %s = %s: field %s is named: %s", o.method, o.path, p.path, value, field, said.Message)
				}
			}
		}
	}
	if tried < 150 {
		t.Errorf("only %d values were tried", tried)
	}
}

func TestEveryParameterOfEveryQueryIsRefusedByNameIfItIsWrong(t *testing.T) {
	s := start(t, nil)
	tried := 0
	for _, o := range operations(t) {
		for _, p := range o.query {
			values := []string{"%FF"}
			switch {
			case p.call.Type == "integer" || p.call.Type == "number" || p.call.Type == "boolean" || p.call.Format != "" ||
				p.call.Enum != nil:
				values = append(values, "x", "1.5e", "99999999999999999999", "'%3B--")
			}
			for _, value := range values {
				tried++
				code, answer, _ := s.request(t, o.method, o.path+"?"+p.path+"="+value, "")
				var said refusal
				if err := json.Unmarshal([]byte(answer), &said); err != nil || code != http.StatusBadRequest ||
					!strings.Contains(said.Message, p.path) {
					t.Errorf("%s %s with %s = %s: %d %.300s", o.method, o.path, p.path, value, code, answer)
				}
			}
		}
	}
	if tried < 8 {
		t.Errorf("only %d values were tried", tried)
	}
}

func TestHostileValuesOfTheRightTypeBreakNothing(t *testing.T) {
	s := start(t, nil)
	values := []string{`""`, `"` + strings.Repeat("x", 70_000) + `"`, `"\u0000\u202e'; DROP TABLE x; --"`,
		`"${file:/etc/passwd:root}"`, `"../../etc/passwd"`, `null`, `-1`, `1e308`, `"9223372036854775807"`,
		`{}`, `[]`, `true`}
	for _, o := range operations(t) {
		for _, p := range o.body {
			for _, value := range values {
				code, answer, _ := s.request(t, o.method, o.path, p.body(value), "Content-Type: application/json")
				// 501 is the generator of the fixture, which has two methods only.
				if code >= 500 && code != http.StatusNotImplemented {
					t.Errorf("%s %s with %s = %.60s: %d %.300s", o.method, o.path, p.path, value, code, answer)
				}
				if code < 400 {
					continue
				}
				var said refusal
				err := json.Unmarshal([]byte(answer), &said)
				if said.Error != nil {
					said = *said.Error
				}
				if err != nil || len(said.Details) == 0 || said.Details[0].Reason == "" {
					t.Errorf("%s %s with %s = %.60s: the answer has no reason: %.300s", o.method, o.path, p.path, value, answer)
				}
			}
		}
	}
}

func TestEveryParameterOfAWatchIsUsedOrRefusedWithAReason(t *testing.T) {
	s := start(t, nil)
	var document struct {
		Paths map[string]map[string]struct {
			Parameters []struct{ Name, In string }
		}
	}
	if err := json.Unmarshal(gen.OpenAPI, &document); err != nil {
		t.Fatal(err)
	}
	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	tried := 0
	for path, methods := range document.Paths {
		if !strings.HasSuffix(path, ":watch") {
			continue
		}
		for _, parameter := range methods["get"].Parameters {
			for _, value := range []string{"1", "-1s", "1e9s", "NaN", "{}", "\x00", "\xff",
				"'; DROP TABLE retail.orders_info; --", strings.Repeat("9", 5000)} {
				tried++
				ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
				q, err := http.NewRequestWithContext(ctx, http.MethodGet,
					s.http+path+"?"+url.Values{parameter.Name: {value}}.Encode(), nil)
				if err != nil {
					t.Fatal(err)
				}
				answer, err := client.Do(q)
				if err != nil {
					t.Fatal(err)
				}
				// The first line: an error, or the first message of a stream that goes on.
				line, err := bufio.NewReader(answer.Body).ReadString('\n')
				if refused := answer.StatusCode >= 400 && answer.StatusCode < 500 && strings.Contains(line, `"reason"`); !refused &&
					(answer.StatusCode != http.StatusOK || err != nil) {
					t.Errorf("%s?%s=%.40q: %d %.300s %v", path, parameter.Name, value, answer.StatusCode, line, err)
				}
				cancel()
				_ = answer.Body.Close()
			}
		}
	}
	if tried < 20 {
		t.Errorf("only %d values were tried", tried)
	}
}
