package kusto

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"
)

// strange answers every request with a status and JSON.
func strange(t *testing.T, status int, text string) *Client {
	t.Helper()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		w.WriteHeader(status)
		fmt.Fprint(w, text)
	}))
	t.Cleanup(server.Close)
	client, err := New(Config{Endpoints: Endpoints{Query: server.URL, Ingest: server.URL}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { client.Close() })
	return client
}

func TestAServerThatAnswersOtherJSONIsNotTakenForAzureDataExplorer(t *testing.T) {
	const missing = `{"message":"Table 'Orders' was not found"}`
	for _, c := range []struct {
		status int
		text   string
	}{
		{200, `{}`}, {200, `[]`}, {200, `null`}, {200, `[{}]`}, {200, `"ok"`}, {200, `{"status":"ok"}`},
		{200, `{"Tables":[]}`}, {200, `{"Tables":null}`}, {200, `{"Tables":{}}`}, {200, `{"Tables":[{}]}`},
		{200, `{"Tables":["Orders"]}`}, {200, `{"tables":[{"name":"Orders"}]}`}, {200, `[{"FrameType":1}]`},
		{200, `[{"name":"Orders"}]`}, {200, `{"Tables":[{"TableName":"T","Columns":[],"Rows":[]}]}`},
		{200, missing}, {404, missing}, {404, `{"error":` + missing + `}`}, {404, `{}`}, {201, `{}`}, {204, ``},
	} {
		t.Run(fmt.Sprintf("%d %s", c.status, c.text), func(t *testing.T) {
			t.Parallel()
			client := strange(t, c.status, c.text)
			blob := &Blob{Database: "db", Table: "Orders", Format: "json", Plain: true, Data: []byte("{}\n"), Tag: "tag"}
			for name, ask := range map[string]func(context.Context) error{
				"a command": func(ctx context.Context) error {
					_, err := client.Manage(ctx, "db", ".show tables")
					return err
				},
				"a query": func(ctx context.Context) error {
					_, err := client.Query(ctx, "db", "Orders | count")
					return err
				},
				"a schema": func(ctx context.Context) error {
					_, err := client.Schema(ctx, "db", "Orders")
					return err
				},
				"a new table": func(ctx context.Context) error {
					return client.CreateMerge(ctx, &TableSchema{Database: "db", Table: "Orders"})
				},
				"the look for the queue": client.CanQueue,
				"streamed rows":          func(ctx context.Context) error { return client.Stream(ctx, blob) },
				"rows in a command":      func(ctx context.Context) error { return client.Inline(ctx, blob, blob.Data) },
			} {
				ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
				err := ask(ctx)
				cancel()
				var e *Error
				if !errors.As(err, &e) || !strings.Contains(err.Error(), "is not Azure Data Explorer") ||
					!strings.Contains(err.Error(), "kusto.windows.net") {
					t.Errorf("%s: %v, want an error that says what answers", name, err)
					continue
				}
				if ObstacleOf(err) != Mistaken || VerdictOf(err) != Again || Permanent(err) || NotFound(err) ||
					AlreadyThere(err) || Unmanaged(err) || Unauthorized(err) || QueueInstead(err) {
					t.Errorf("%s: obstacle %v, verdict %v, permanent %t, not found %t: %v", name, ObstacleOf(err), VerdictOf(err),
						Permanent(err), NotFound(err), err)
				}
			}
		})
	}
}

// The SDK asks where to queue in goroutines of its own.
func TestAnAnswerToWhatTheSDKAsksBesideIsJudgedToo(t *testing.T) {
	client := strange(t, 200, `{"Tables":[{}]}`)
	answer, err := client.http.Post(client.Endpoints().Ingest+"/v1/rest/mgmt", "application/json", strings.NewReader("{}"))
	if err == nil {
		_ = answer.Body.Close()
	}
	if err == nil || !strings.Contains(err.Error(), "is not Azure Data Explorer") {
		t.Error(err)
	}
}

func TestACompressedAnswerIsJudgedByWhatItSays(t *testing.T) {
	for text, ours := range map[string]bool{`{}`: false,
		`{"Tables":[{"TableName":"T","Columns":[{"ColumnName":"Name","DataType":"String"}],"Rows":[]}]}`: true} {
		packed, err := zip([]byte(text))
		if err != nil {
			t.Fatal(err)
		}
		answer := &http.Response{Header: http.Header{"Content-Encoding": {"gzip"}}}
		if got := hasShape("/v1/rest/mgmt", answer, packed); got != ours {
			t.Errorf("%s is the service's: %t", text, got)
		}
	}
}

func TestATableWithoutTheColumnsOfAnAnswerIsNotTakenForOneThatIsMissing(t *testing.T) {
	const table = `{"Tables":[{"TableName":"T","Columns":[{"ColumnName":"Name","DataType":"String"}],"Rows":[%s]}]}`
	for _, rows := range []string{"", `["Orders"]`} {
		client := strange(t, 200, fmt.Sprintf(table, rows))
		schema, err := client.Schema(t.Context(), "db", "Orders")
		if err == nil || NotFound(err) || ObstacleOf(err) != Mistaken ||
			!strings.Contains(err.Error(), "is not Azure Data Explorer") || !strings.Contains(err.Error(), "Schema") {
			t.Errorf("with rows %q: %v, %v", rows, schema, err)
		}
		if err := client.CanQueue(t.Context()); err == nil || ObstacleOf(err) != Mistaken {
			t.Errorf("with rows %q it takes queued ingestion: %v", rows, err)
		}
	}
}

func TestAValueOfARowThatIsNotThereIsEmpty(t *testing.T) {
	if got := (&Table{Columns: []string{"Count"}}).Value(0, "Count"); got != "" {
		t.Error(got)
	}
}
