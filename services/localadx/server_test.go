package localadx_test

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/calypso-cdc/calypso/services/localadx"
)

// running is a server of a test.
type running struct {
	t      testing.TB
	config localadx.Config
	http   string // URL
	https  string
	client *http.Client // trusts the server's authority
	stop   func()
}

// start runs a server with free ports and data in dir until the test ends or stop is called.
func start(t testing.TB, dir string, adjust ...func(*localadx.Config)) *running {
	t.Helper()
	config := localadx.Config{
		// All tests are one process, in which the race detector takes much; memory_test.go has one of its own.
		MemoryBeside: 16 << 30,
		HTTPAddr:     "localhost:0", HTTPSAddr: "localhost:0", DataDir: dir, Databases: []string{"shop"},
		MaxBatchingTime: 100 * time.Millisecond,
		Log:             slog.New(slog.NewTextHandler(testWriter{t}, &slog.HandlerOptions{Level: slog.LevelWarn})),
	}
	for _, f := range adjust {
		f(&config)
	}
	server, err := localadx.New(t.Context(), config)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- server.Run(ctx) }()
	<-server.Ready()
	stopped := false
	stop := func() {
		if stopped {
			return
		}
		stopped = true
		cancel()
		if err := <-done; err != nil {
			t.Errorf("the server ended with %v", err)
		}
	}
	t.Cleanup(stop)
	httpAddr, httpsAddr := server.Addrs()
	r := &running{t: t, config: config, http: "http://" + localhost(httpAddr),
		https: "https://" + localhost(httpsAddr), stop: stop}
	pem, err := os.ReadFile(filepath.Join(dir, localadx.CAFile))
	if err != nil {
		t.Fatal(err)
	}
	roots := x509.NewCertPool()
	roots.AppendCertsFromPEM(pem)
	transport := &http.Transport{TLSClientConfig: &tls.Config{RootCAs: roots}}
	t.Cleanup(transport.CloseIdleConnections)
	r.client = &http.Client{Transport: transport}
	return r
}

type testWriter struct{ t testing.TB }

func (w testWriter) Write(p []byte) (int, error) {
	w.t.Logf("%s", strings.TrimSpace(string(p)))
	return len(p), nil
}

// localhost puts the name in place of the address: SDKs know "localhost".
func localhost(addr string) string {
	_, port, _ := net.SplitHostPort(addr)
	return "localhost:" + port
}

// post sends a body and returns the status and the answer.
func (r *running) post(path string, body string, header ...string) (int, string) {
	r.t.Helper()
	request, err := http.NewRequestWithContext(r.t.Context(), http.MethodPost, r.http+path, strings.NewReader(body))
	if err != nil {
		r.t.Fatal(err)
	}
	for i := 0; i < len(header); i += 2 {
		request.Header.Set(header[i], header[i+1])
	}
	response, err := r.client.Do(request)
	if err != nil {
		r.t.Fatal(err)
	}
	defer response.Body.Close()
	answer, err := io.ReadAll(response.Body)
	if err != nil {
		r.t.Fatal(err)
	}
	return response.StatusCode, string(answer)
}

// answer is a v1 answer.
type answer struct {
	Tables []struct {
		Columns []struct{ ColumnName, DataType, ColumnType string }
		Rows    [][]any
	}
	Error *struct {
		Code      string
		Detail    string `json:"@message"`
		Type      string `json:"@type"`
		Permanent bool   `json:"@permanent"`
	}
}

func (r *running) send(path, database, text string) (int, answer) {
	r.t.Helper()
	body, err := json.Marshal(map[string]string{"db": database, "csl": text})
	if err != nil {
		r.t.Fatal(err)
	}
	status, content := r.post(path, string(body), "Content-Type", "application/json")
	var a answer
	if err := json.Unmarshal([]byte(content), &a); err != nil {
		r.t.Fatalf("%s: %v in %s", text, err, content)
	}
	return status, a
}

// command runs a management command that must succeed and returns its rows.
func (r *running) command(text string) [][]any {
	r.t.Helper()
	status, a := r.send("/v1/rest/mgmt", "shop", text)
	if status != http.StatusOK {
		r.t.Fatalf("%s: %d %+v", text, status, a.Error)
	}
	return a.Tables[0].Rows
}

// refused runs a management command that must fail and returns the error's message.
func (r *running) refused(text string) string {
	r.t.Helper()
	status, a := r.send("/v1/rest/mgmt", "shop", text)
	if status == http.StatusOK || a.Error == nil {
		r.t.Fatalf("%s: was not refused", text)
	}
	return a.Error.Detail
}

// query runs a query that must succeed and returns its rows.
func (r *running) query(text string) [][]any {
	r.t.Helper()
	status, a := r.send("/v1/rest/query", "shop", text)
	if status != http.StatusOK {
		r.t.Fatalf("%s: %d %+v", text, status, a.Error)
	}
	return a.Tables[0].Rows
}

// rows is how many rows a table has by its extents.
func (r *running) rows(table string) int {
	r.t.Helper()
	return int(r.command(".show table " + table + " details")[0][7].(float64))
}

// eventually waits until the condition holds.
func (r *running) eventually(what string, holds func() bool) {
	r.t.Helper()
	for deadline := time.Now().Add(aWhile); !holds(); time.Sleep(20 * time.Millisecond) {
		if time.Now().After(deadline) {
			r.t.Fatalf("%s did not happen; failures: %v", what, r.command(".show ingestion failures"))
		}
	}
}

// Definitions of the use case.
const (
	createOrders  = `.create table Orders (orderid: string, custid: string, city: string, amount: int, purchase_time: datetime)`
	ordersMapping = `.create table Orders ingestion json mapping 'OrdersEventMapping' '[{"column":"orderid","Properties":{"path":"$.orderid"}},{"column":"custid","Properties":{"path":"$.custid"}},{"column":"city","Properties":{"path":"$.city"}},{"column":"amount","Properties":{"path":"$.amount"}},{"column":"purchase_time","Properties":{"path":"$.purchase_time"}}]'`
	ordersPolicy  = `.alter table Orders policy ingestionbatching @'{"MaximumBatchingTimeSpan":"00:00:30","MaximumNumberOfItems":500,"MaximumRawDataSizeMB":1024}'`
)

func (r *running) createOrders() {
	r.t.Helper()
	r.command(createOrders)
	r.command(ordersMapping)
	r.command(ordersPolicy)
}

// orders writes n orders as JSON lines, numbered from first.
func orders(first, n int) string {
	var b strings.Builder
	for i := first; i < first+n; i++ {
		fmt.Fprintf(&b, `{"orderid":%d,"custid":%d,"city":"New York","amount":%d,"purchase_time":"2020-10-09 07:10:%02d"}`+
			"\n", i, i%1000, 100+i%100, i%60)
	}
	return b.String()
}

// resource returns the URL of an ingestion resource.
func (r *running) resource(name string) string {
	r.t.Helper()
	for _, row := range r.command(".get ingestion resources") {
		if row[0] == name {
			return row[1].(string)
		}
	}
	r.t.Fatalf("there is no ingestion resource %s", name)
	return ""
}

// do sends a request that must be answered with the status.
func (r *running) do(request *http.Request, status int) string {
	r.t.Helper()
	response, err := r.client.Do(request)
	if err != nil {
		r.t.Fatal(err)
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	if err != nil {
		r.t.Fatal(err)
	}
	if response.StatusCode != status {
		r.t.Fatalf("%s %s: %s %s", request.Method, request.URL.Path, response.Status, body)
	}
	return string(body)
}

// enqueue puts a request to ingest a blob into table Orders into the queue.
func (r *running) enqueue(blobURL string, properties map[string]any) {
	r.t.Helper()
	r.enqueueInto("Orders", blobURL, properties)
}

// enqueueInto is enqueue for any table.
func (r *running) enqueueInto(table, blobURL string, properties map[string]any) {
	r.t.Helper()
	message, err := json.Marshal(map[string]any{
		"Id": uuid.NewString(), "BlobPath": blobURL, "DatabaseName": "shop", "TableName": table,
		"AdditionalProperties": properties,
	})
	if err != nil {
		r.t.Fatal(err)
	}
	r.message(string(message))
}

// message puts a message into the ingestion queue.
func (r *running) message(text string) {
	r.t.Helper()
	r.messageTo(r.resource("SecuredReadyForAggregationQueue"), text)
}

// messageTo puts a message into the queue of a URL.
func (r *running) messageTo(queue, text string) {
	r.t.Helper()
	path, query, _ := strings.Cut(queue, "?")
	body := "<QueueMessage><MessageText>" + base64.StdEncoding.EncodeToString([]byte(text)) +
		"</MessageText></QueueMessage>"
	request, err := http.NewRequest(http.MethodPost, path+"/messages?"+query, strings.NewReader(body))
	if err != nil {
		r.t.Fatal(err)
	}
	r.do(request, http.StatusCreated)
}
