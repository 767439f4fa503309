package kusto

import (
	"encoding/json"
	"encoding/pem"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"
)

// moving is a cluster whose storage is gone from where it was told to be, until it is asked for again.
type moving struct {
	// place is where the storage is, asked how often that was asked for.
	place, asked atomic.Int64
	storage      *httptest.Server
	// gone are the methods and kinds of requests that were refused.
	gone chan string
}

func newMoving(t *testing.T) (*moving, *Client) {
	t.Helper()
	m := &moving{gone: make(chan string, 100)}
	m.storage = httptest.NewTLSServer(http.HandlerFunc(m.store))
	t.Cleanup(m.storage.Close)
	caFile := filepath.Join(t.TempDir(), "ca.pem")
	if err := os.WriteFile(caFile, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: m.storage.Certificate().Raw}),
		0o600); err != nil {
		t.Fatal(err)
	}
	engine := httptest.NewServer(http.HandlerFunc(m.command))
	t.Cleanup(engine.Close)
	endpoints, err := DeriveEndpoints(engine.URL, "")
	if err != nil {
		t.Fatal(err)
	}
	c, err := New(Config{Endpoints: endpoints, CAFile: caFile, StatusInterval: 20 * time.Millisecond})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	return m, c
}

func (m *moving) command(w http.ResponseWriter, r *http.Request) {
	var body struct{ CSL string }
	if strings.Contains(r.URL.Path, "/auth/metadata") || json.NewDecoder(r.Body).Decode(&body) != nil {
		w.WriteHeader(http.StatusNotFound)
		return
	}
	const table = `{"Tables":[{"TableName":"Table_0","Columns":[%s],"Rows":[%s]}]}`
	column := func(name string) string {
		return fmt.Sprintf(`{"ColumnName":%q,"DataType":"String","ColumnType":"string"}`, name)
	}
	if strings.Contains(body.CSL, "identity token") {
		fmt.Fprintf(w, table, column("AuthorizationContext"), `["token"]`)
		return
	}
	m.asked.Add(1)
	var rows []string
	for kind, name := range map[string]string{"TempStorage": "container",
		"SecuredReadyForAggregationQueue": "account/queue", "IngestionsStatusTable": "table"} {
		rows = append(rows, fmt.Sprintf(`[%q,"%s/%s%d?sig=x"]`, kind, m.storage.URL, name, m.place.Load()))
	}
	fmt.Fprintf(w, table, column("ResourceTypeName")+","+column("StorageRoot"), strings.Join(rows, ","))
}

func (m *moving) store(w http.ResponseWriter, r *http.Request) {
	for kind, code := range map[string]string{"container": "ContainerNotFound", "queue": "QueueNotFound",
		"table": "TableNotFound"} {
		if strings.Contains(r.URL.Path, kind) && !strings.Contains(r.URL.Path, fmt.Sprintf("%s%d", kind, m.place.Load())) {
			m.gone <- code
			w.Header().Set("x-ms-error-code", code)
			w.WriteHeader(http.StatusNotFound)
			return
		}
	}
	switch {
	case r.Method == http.MethodGet:
		fmt.Fprint(w, `{"Status":"Succeeded"}`)
	case strings.Contains(r.URL.Path, "/messages"):
		w.WriteHeader(http.StatusCreated)
		fmt.Fprint(w, `<QueueMessagesList><QueueMessage><MessageId>1</MessageId></QueueMessage></QueueMessagesList>`)
	default:
		w.WriteHeader(http.StatusCreated)
		fmt.Fprint(w, `{}`)
	}
}

func TestStorageThatHasMovedIsAskedForAgain(t *testing.T) {
	m, c := newMoving(t)
	blob := &Blob{Database: "d", Table: "t", Format: "multijson", Data: []byte{1}, RawSize: 1}
	send := func() error {
		q, err := c.Enqueue(t.Context(), blob)
		if err == nil {
			_, err = q.Wait(t.Context())
		}
		return err
	}
	if err := send(); err != nil {
		t.Fatal(err)
	}
	m.place.Add(1)
	if err := send(); err == nil || Permanent(err) || VerdictOf(err) != StorageMoved {
		t.Fatalf("after the storage moved: %v", err)
	}
	if code := <-m.gone; code != "ContainerNotFound" {
		t.Errorf("the first that is missed is %s", code)
	}
	asked := m.asked.Load()
	if err := send(); err != nil {
		t.Fatalf("the next time: %v", err)
	}
	if m.asked.Load() == asked {
		t.Error("the storage was not asked for again")
	}
	// A status whose table is gone is not known, and the next ingestion goes to the new one.
	q, err := c.Enqueue(t.Context(), blob)
	if err != nil {
		t.Fatal(err)
	}
	m.place.Add(1)
	if _, err := q.Wait(t.Context()); err == nil || Permanent(err) || VerdictOf(err) != StorageMoved {
		t.Fatalf("a status whose table has moved: %v", err)
	}
	if err := send(); err != nil {
		t.Fatal(err)
	}
}

func TestTheLongerAnIngestionTakesTheLessOftenItsStatusIsAskedFor(t *testing.T) {
	m, c := newMoving(t)
	var looks atomic.Int64
	ended := time.Now().Add(2 * time.Second)
	m.storage.Config.Handler = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method == http.MethodGet && time.Now().Before(ended) {
			looks.Add(1)
			fmt.Fprint(w, `{"Status":"Pending"}`)
			return
		}
		m.store(w, r)
	})
	q, err := c.Enqueue(t.Context(), &Blob{Database: "d", Table: "t", Format: "multijson", Data: []byte{1}, RawSize: 1})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := q.Wait(t.Context()); err != nil {
		t.Fatal(err)
	}
	// Even pauses of 20 ms would have looked a hundred times.
	if n := looks.Load(); n > 30 {
		t.Errorf("the status was asked for %d times", n)
	}
}
