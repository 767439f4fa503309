package record

import (
	"errors"
	"net/http"
	"net/http/httptest"
	"testing"
)

// The id stands before each record: of records with one that is no schema's nobody can read any.
func TestAnAnswerWithoutASchemaIDIsNotARegistrys(t *testing.T) {
	for _, answer := range []string{`{}`, `{"id":0}`, `{"id":-1}`, `{"id":null}`, `{"schema":"\"int\""}`} {
		server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			_, _ = w.Write([]byte(answer))
		}))
		r := &Registry{base: server.URL, client: server.Client()}
		for name, ask := range map[string]func() (int, error){
			"register": func() (int, error) { return r.Register(t.Context(), "s", `"int"`, false) },
			"look up":  func() (int, error) { return r.Registered(t.Context(), "s", `"int"`, false) },
		} {
			if id, err := ask(); !errors.As(err, new(*OtherServerError)) {
				t.Errorf("%s: the answer %s gives the id %d: %v", name, answer, id, err)
			}
		}
		server.Close()
	}
}
