package localadx_test

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
)

// Each would compute for hours: in the database, in functions that are not its own, and where the
// operator asks for columns that depend on the rows.
var endless = map[string]string{
	"the database": "range x from 1 to 1000000000000 step 1 | summarize sum(x * 2 % 7)",
	"functions":    "range x from 1 to 1000000000 step 1 | extend y = array_sort_asc(range(x, x + 5000)) | summarize sum(array_length(y))",
	"a plugin":     "range x from 1 to 1000000000000 step 1 | extend k = strcat('k', x % 3) | evaluate pivot(k)",
}

// ask sends a query under a client's name for it and returns what becomes of it.
func (r *running) ask(ctx context.Context, id, query string) <-chan string {
	body, _ := json.Marshal(map[string]string{"db": "shop", "csl": query})
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, r.http+"/v1/rest/query",
		strings.NewReader(string(body)))
	if err != nil {
		r.t.Fatal(err)
	}
	request.Header.Set("x-ms-client-request-id", id)
	ended := make(chan string, 1)
	go func() {
		response, err := r.client.Do(request)
		if err != nil {
			ended <- err.Error()
			return
		}
		defer response.Body.Close()
		answer, _ := io.ReadAll(response.Body)
		ended <- fmt.Sprint(response.StatusCode, " ", string(answer))
	}()
	return ended
}

// state is what is known of a query.
func (r *running) state(id string) string {
	rows := r.command(fmt.Sprintf(".show queries | where ClientActivityId == '%s' | project State", id))
	if len(rows) != 1 {
		return fmt.Sprintf("%d queries", len(rows))
	}
	return rows[0][0].(string)
}

func TestAQueryEndsWhenItsClientLeaves(t *testing.T) {
	r := start(t, t.TempDir())
	for where, query := range endless {
		t.Run(where, func(t *testing.T) {
			ctx, leave := context.WithCancel(t.Context())
			defer leave()
			ended := r.ask(ctx, where, query)
			r.eventually("the query runs", func() bool { return r.state(where) == "InProgress" })
			leave()
			<-ended
			r.eventually("the query ends", func() bool { return r.state(where) == "Failed" })
			if left := r.command(".show running queries"); len(left) > 0 {
				t.Errorf("%v run still", left)
			}
		})
	}
}

func TestAQueryIsCancelledByItsClientsNameForIt(t *testing.T) {
	r := start(t, t.TempDir())
	for where, query := range endless {
		t.Run(where, func(t *testing.T) {
			ended := r.ask(t.Context(), where, query)
			r.eventually("the query runs", func() bool { return r.state(where) == "InProgress" })
			cancel := fmt.Sprintf(".cancel query '%s' with (reason='too long')", where)
			if got := fmt.Sprint(r.command(cancel)); got != fmt.Sprintf("[[%s too long true]]", where) {
				t.Errorf("the command says %s", got)
			}
			if got := <-ended; !strings.HasPrefix(got, "400 ") || !strings.Contains(got, "too long") {
				t.Errorf("the query ended with %s", got)
			}
			if got := r.state(where); got != "Cancelled" {
				t.Errorf("its state is %s", got)
			}
			if got := fmt.Sprint(r.command(cancel)); got != fmt.Sprintf("[[%s too long false]]", where) {
				t.Errorf("of a query that is gone, the command says %s", got)
			}
		})
	}
}

// Kusto keeps such literals from its own logs too.
func TestHiddenStringsAreNotShownInTheListsOfCommandsAndQueries(t *testing.T) {
	r := start(t, t.TempDir())
	const secret = "sig=S3cret"
	r.send("/v1/rest/mgmt", "shop", `.ingest into table Nope (h'https://localhost/a.csv?`+secret+`')`)
	r.send("/v1/rest/mgmt", "shop", `.ingest into table Nope (h@"https://localhost/a.csv?`+secret+`")`)
	r.send("/v1/rest/query", "shop", `print strlen(h"`+secret+`"), h'`+secret)
	for _, list := range []string{".show queries", ".show commands", ".show commands-and-queries", ".show operations"} {
		if rows := r.command(list); strings.Contains(fmt.Sprint(rows), secret) {
			t.Errorf("%s shows a secret: %v", list, rows)
		}
	}
}
