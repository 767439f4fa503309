package connector_test

import (
	"context"
	"fmt"
	"maps"
	"math/rand/v2"
	"net"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/calypso-cdc/calypso/libs/connector"
	"github.com/calypso-cdc/calypso/libs/testenv"
)

// offsetWriter writes offsets in transactions of its own.
type offsetWriter struct{ *kgo.Client }

func newOffsetWriter(t *testing.T, kafka []kgo.Opt, id string) offsetWriter {
	t.Helper()
	client, err := kgo.NewClient(append(append([]kgo.Opt{}, kafka...), kgo.TransactionalID(id))...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(client.Close)
	return offsetWriter{client}
}

func (w offsetWriter) write(t *testing.T, connectorName, server, value string) {
	t.Helper()
	r := &kgo.Record{Topic: "calypso-offsets", Key: connector.OffsetKey(connectorName, map[string]any{"server": server})}
	if value != "" {
		r.Value = []byte(value)
	}
	if err := w.ProduceSync(t.Context(), r).FirstErr(); err != nil {
		t.Fatal(err)
	}
}

func (w offsetWriter) begin(t *testing.T) {
	t.Helper()
	if err := w.BeginTransaction(); err != nil {
		t.Fatal(err)
	}
}

func (w offsetWriter) end(t *testing.T, how kgo.TransactionEndTry) {
	t.Helper()
	if err := w.EndTransaction(t.Context(), how); err != nil {
		t.Fatal(err)
	}
}

func environment(t *testing.T, w *worker, name string) connector.TaskEnv {
	t.Helper()
	env, _, err := w.Environment(name)
	if err != nil {
		t.Fatal(err)
	}
	return env
}

func TestAnOpenTransactionOfAnotherConnectorKeepsNobodyWaitingForOffsets(t *testing.T) {
	kafka := broker(t)
	w := startReadyWorker(t, kafka, newBoard(), connector.Source, "w1:1")
	create(t, w, "mine")
	create(t, w, "other")
	mine, other := newOffsetWriter(t, kafka, "mine"), newOffsetWriter(t, kafka, "other")
	other.begin(t)
	// In every partition, whatever is hashed to which.
	for n := range 50 {
		other.write(t, "other", fmt.Sprint(n), `{"n":1}`)
	}
	mine.begin(t)
	mine.write(t, "mine", "x", `{"n":2}`)
	mine.end(t, kgo.TryCommit)
	offsets, err := environment(t, w, "mine").Offsets(t.Context())
	if err != nil || string(offsets[`{"server":"x"}`]) != `{"n":2}` || len(offsets) != 1 {
		t.Errorf("%s %v", offsets, err)
	}
	// Its own is decided first.
	short, cancel := context.WithTimeout(t.Context(), 300*time.Millisecond)
	defer cancel()
	if offsets, err := environment(t, w, "other").Offsets(short); err == nil {
		t.Errorf("while its transaction is open a connector has the offsets %s", offsets)
	}
	done := make(chan error, 1)
	go func() {
		offsets, err := environment(t, w, "other").Offsets(t.Context())
		if err == nil && len(offsets) != 50 {
			err = fmt.Errorf("%d offsets", len(offsets))
		}
		done <- err
	}()
	other.end(t, kgo.TryCommit)
	if err := <-done; err != nil {
		t.Error(err)
	}
}

func TestTheOffsetsOfAllConnectorsAreWhatAConsumerOfCommittedRecordsReads(t *testing.T) {
	kafka := broker(t)
	w := startReadyWorker(t, kafka, newBoard(), connector.Source, "w1:1")
	random := rand.New(rand.NewPCG(1, 2))
	var writers []offsetWriter
	for n := range 4 {
		create(t, w, fmt.Sprintf("c%d", n))
		writers = append(writers, newOffsetWriter(t, kafka, fmt.Sprintf("c%d", n)))
	}
	for round := range 30 {
		open := writers[:1+random.IntN(len(writers))]
		for _, writer := range open {
			writer.begin(t)
		}
		for range random.IntN(20) {
			n := random.IntN(len(open))
			value := fmt.Sprintf(`{"round":%d,"n":%d}`, round, random.Int32())
			if random.IntN(5) == 0 {
				value = ""
			}
			open[n].write(t, fmt.Sprintf("c%d", n), fmt.Sprint(random.IntN(6)), value)
		}
		for _, writer := range open {
			how := kgo.TryCommit
			if random.IntN(3) == 0 {
				how = kgo.TryAbort
			}
			writer.end(t, how)
		}
		if round%7 != 0 {
			continue
		}
		want := map[string]map[string]string{}
		err := testenv.ReadTopic(t.Context(), environment(t, w, "c0").Kafka, "calypso-offsets", func(r *kgo.Record) {
			name, partition, err := connector.ParseOffsetKey(r.Key)
			if err != nil {
				t.Error(err)
			}
			if want[name] == nil {
				want[name] = map[string]string{}
			}
			want[name][string(partition)] = string(r.Value)
			if r.Value == nil {
				delete(want[name], string(partition))
			}
		})
		if err != nil {
			t.Fatal(err)
		}
		for n := range writers {
			name := fmt.Sprintf("c%d", n)
			got := map[string]string{}
			offsets, err := environment(t, w, name).Offsets(t.Context())
			for partition, offset := range offsets {
				got[partition] = string(offset)
			}
			if err != nil || !maps.Equal(got, want[name]) {
				t.Fatalf("round %d: %s has %v, want %v; %v", round, name, got, want[name], err)
			}
		}
	}
}

func TestManyTasksThatStartAtOnceShareTheReadingOfOffsetsAndVersions(t *testing.T) {
	kafka := broker(t)
	var dialled atomic.Int64
	counted := append(append([]kgo.Opt{}, kafka...),
		kgo.Dialer(func(ctx context.Context, network, address string) (net.Conn, error) {
			dialled.Add(1)
			return (&net.Dialer{}).DialContext(ctx, network, address)
		}))
	w := startReadyWorker(t, counted, newBoard(), connector.Source, "w1:1")
	create(t, w, "a")
	env := environment(t, w, "a")
	writer := newOffsetWriter(t, kafka, "a")
	writer.begin(t)
	writer.write(t, "a", "x", `{"n":1}`)
	if err := writer.ProduceSync(t.Context(), &kgo.Record{Topic: env.OffsetsTopic,
		Key: []byte("no key of ours")}).FirstErr(); err != nil {
		t.Fatal(err)
	}
	writer.end(t, kgo.TryCommit)
	dialled.Store(0)
	var all sync.WaitGroup
	for range 200 {
		all.Go(func() {
			offsets, err := env.Offsets(t.Context())
			if err != nil || string(offsets[`{"server":"x"}`]) != `{"n":1}` {
				t.Errorf("%s %v", offsets, err)
			}
		})
	}
	all.Wait()
	// A reading takes a few connections. Two serve all who ask at once; on a busy machine some come later.
	if n := dialled.Load(); n > 100 {
		t.Errorf("200 tasks made %d connections to read one topic", n)
	}
}
