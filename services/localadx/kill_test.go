package localadx_test

import (
	"context"
	"crypto/tls"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"os"
	"os/signal"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/calypso-cdc/calypso/libs/testenv/reexec"
	"github.com/calypso-cdc/calypso/services/localadx"
)

// served says what server a process is.
type served struct {
	// Dir is its data directory.
	Dir string
	// Memory is its memory limit; localadx's own if empty.
	Memory string
}

// serverProcess is a server until SIGTERM; it is ready with its addresses.
var serverProcess = reexec.New("localadx", func(s served) error {
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM)
	defer stop()
	server, err := localadx.New(ctx, localadx.Config{
		HTTPAddr: "localhost:0", HTTPSAddr: "localhost:0", DataDir: s.Dir, Databases: []string{"shop"},
		MaxBatchingTime: 50 * time.Millisecond,
		MemoryLimit:     s.Memory,
		Log:             slog.New(slog.NewTextHandler(os.Stderr, nil)),
	})
	if err != nil {
		return err
	}
	httpAddr, httpsAddr := server.Addrs()
	if err := reexec.Ready(localhost(httpAddr) + " " + localhost(httpsAddr)); err != nil {
		return err
	}
	return server.Run(ctx)
})

func TestMain(m *testing.M) {
	reexec.Run()
	goleak.VerifyTestMain(m)
}

// child is a server in a process of its own, to be killed.
type child struct {
	*running
	process *reexec.Process
}

func startChild(t *testing.T, dir string) *child {
	t.Helper()
	return startChildWithin(t, dir, "")
}

// startChildWithin starts a child with a memory limit, which is localadx's own if it is empty.
func startChildWithin(t *testing.T, dir, memory string) *child {
	t.Helper()
	process := serverProcess.Start(t, served{dir, memory})
	addrs := strings.Fields(process.Ready(t, aWhile))
	// The authority is new at the first start only, but the certificate is new at each: this client takes any.
	transport := &http.Transport{TLSClientConfig: &tls.Config{InsecureSkipVerify: true}}
	t.Cleanup(transport.CloseIdleConnections)
	return &child{process: process, running: &running{t: t, http: "http://" + addrs[0], https: "https://" + addrs[1],
		client: &http.Client{Transport: transport, Timeout: 20 * time.Second}}}
}

// ledger is which orders were sent and which of them acknowledged.
type ledger struct {
	mu           sync.Mutex
	sent         int
	acknowledged map[string]bool
}

// take reserves n order numbers.
func (l *ledger) take(n int) (first int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.sent += n
	return l.sent - n
}

func (l *ledger) acknowledge(first, n int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for i := first; i < first+n; i++ {
		l.acknowledged[strconv.Itoa(i)] = true
	}
}

// produce sends orders by one way until the server is gone.
func produce(l *ledger, n int, send func(text string) error) {
	for {
		first := l.take(n)
		if send(orders(first, n)) != nil {
			return
		}
		l.acknowledge(first, n)
	}
}

func (c *child) attempt(method, url, body string) error {
	request, err := http.NewRequest(method, url, strings.NewReader(body))
	if err != nil {
		return err
	}
	response, err := c.client.Do(request)
	if err != nil {
		return err
	}
	defer response.Body.Close()
	if _, err := io.Copy(io.Discard, response.Body); err != nil {
		return err
	}
	if response.StatusCode >= 300 {
		return fmt.Errorf("%s", response.Status)
	}
	return nil
}

func TestKillingTheServerLosesAndRepeatsNoAcknowledgedRow(t *testing.T) {
	dir := t.TempDir()
	l := &ledger{acknowledged: map[string]bool{}}
	for round := range 4 {
		c := startChild(t, dir)
		if round == 0 {
			c.createOrders()
			c.command(".alter table Orders policy streamingingestion enable")
		}
		container, containerQuery, _ := strings.Cut(c.resource("TempStorage"), "?")
		queue, queueQuery, _ := strings.Cut(c.resource("SecuredReadyForAggregationQueue"), "?")
		var producers sync.WaitGroup
		stream := func(text string) error {
			return c.attempt(http.MethodPost,
				c.http+"/v1/rest/ingest/shop/Orders?streamFormat=json&mappingName=OrdersEventMapping", text)
		}
		blobs := 0
		byQueue := func(text string) error {
			blobs++
			blob := fmt.Sprintf("%s/%d-%d.json?%s", container, round, blobs, containerQuery)
			if err := c.attempt(http.MethodPut, blob, text); err != nil {
				return err
			}
			message := fmt.Sprintf(
				`{"Id":"%d-%d","BlobPath":%q,"RawDataSize":%d,"DatabaseName":"shop","TableName":"Orders","AdditionalProperties":{"format":"json","ingestionMappingReference":"OrdersEventMapping"}}`,
				round, blobs, blob, len(text))
			return c.attempt(http.MethodPost, queue+"/messages?"+queueQuery,
				"<QueueMessage><MessageText>"+strings.ReplaceAll(message, "&", "&amp;")+"</MessageText></QueueMessage>")
		}
		producers.Go(func() { produce(l, 7, stream) })
		producers.Go(func() { produce(l, 50, byQueue) })
		time.Sleep(time.Duration(400+150*round) * time.Millisecond)
		c.process.Process.Kill()
		producers.Wait()
	}

	c := startChild(t, dir)
	c.eventually("the queue is worked off", func() bool {
		queue, query, _ := strings.Cut(c.resource("SecuredReadyForAggregationQueue"), "?")
		request, err := http.NewRequest(http.MethodGet, queue+"/messages?peekonly=true&"+query, nil)
		if err != nil {
			t.Fatal(err)
		}
		return !strings.Contains(c.do(request, http.StatusOK), "MessageId")
	})
	seen := map[string]int{}
	for _, row := range c.query("set notruncation; Orders | project orderid") {
		seen[row[0].(string)]++
	}
	if len(l.acknowledged) < 100 {
		t.Fatalf("only %d orders were acknowledged: the test proves nothing", len(l.acknowledged))
	}
	lost, repeated := 0, 0
	for id := range l.acknowledged {
		if seen[id] == 0 {
			lost++
		}
	}
	for _, n := range seen {
		repeated += n - 1
	}
	if lost > 0 || repeated > 0 {
		t.Errorf("of %d acknowledged orders %d are lost; %d are there more than once", len(l.acknowledged), lost, repeated)
	}
	if failures := c.command(".show ingestion failures"); len(failures) > 0 {
		t.Errorf("ingestions failed: %v", failures)
	}
	t.Logf("%d orders acknowledged, %d in the table", len(l.acknowledged), len(seen))
}
