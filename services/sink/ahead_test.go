package sink

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"sync/atomic"
	"testing"
	"time"

	"github.com/twmb/avro"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/calypso-cdc/calypso/libs/testenv"
)

const widerAvro = `{"type":"record","name":"O","fields":[{"name":"orderid","type":"string"},{"name":"amount","type":"int"},{"name":"city","type":"string"}]}`

// widerOrder is an order of the second schema.
func widerOrder(t *testing.T, id int) *kgo.Record {
	body, err := avro.MustParse(widerAvro).Encode(map[string]any{"orderid": fmt.Sprint(id), "amount": int32(id),
		"city": "Austin"})
	if err != nil {
		t.Fatal(err)
	}
	return avroRecord(2, body)
}

// newWaitingFixture is a fixture whose registry does not have the second schema until that is released.
func newWaitingFixture(t *testing.T) (s *fixture, released *atomic.Bool) {
	s, _ = newAvroFixture(t, widerAvro)
	to, err := url.Parse(s.config["value.converter.schema.registry.url"])
	if err != nil {
		t.Fatal(err)
	}
	released = new(atomic.Bool)
	forward := &httputil.ReverseProxy{Rewrite: func(r *httputil.ProxyRequest) { r.SetURL(to) }}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/schemas/ids/2" && !released.Load() {
			w.WriteHeader(http.StatusServiceUnavailable)
			return
		}
		forward.ServeHTTP(w, r)
	}))
	t.Cleanup(server.Close)
	s.config["value.converter.schema.registry.url"] = server.URL
	return s, released
}

func TestWhatIsAheadOfARecordThatWaitsForARegistryIsDeliveredAndCommitted(t *testing.T) {
	s, released := newWaitingFixture(t)
	// Nothing but the waiting record makes a batch due.
	s.config["flush.interval.ms"], s.config["flush.size.bytes"] = "3600000", "100000"
	s.config["flush.max.bytes"] = "1000000"
	s.send(avroOrder(t, 1), avroOrder(t, 2), widerOrder(t, 3), avroOrder(t, 4))
	r := s.start()
	s.holds(3)
	s.commits(0, 2)
	r.waits(t, "registry answered 503")
	if err := r.stop(); err != nil {
		t.Fatal(err)
	}
	s.config["flush.interval.ms"] = "200"
	r = s.start()
	r.waits(t, "registry answered 503")
	released.Store(true)
	s.holds(5)
	s.commits(0, 4)
	if n := r.task.status.Counted().SetAside; n != 0 {
		t.Errorf("%d records were set aside", n)
	}
}

func TestWhatIsAheadOfARecordThatWaitsForItsTableIsDeliveredAndCommitted(t *testing.T) {
	s, released := newWaitingFixture(t)
	released.Store(true)
	s.evolving()
	s.send(avroOrder(t, 1))
	s.start()
	s.answers(s.table+" | project orderid, amount", "1 1")
	altering := new(atomic.Bool)
	altering.Store(true)
	servers.adx.inject(t, func(r *http.Request) fault {
		body, _ := io.ReadAll(r.Body)
		r.Body = io.NopCloser(bytes.NewReader(body))
		if altering.Load() && bytes.Contains(body, []byte(".create-merge")) {
			return refuse
		}
		return pass
	})
	s.send(avroOrder(t, 2), widerOrder(t, 3), avroOrder(t, 4))
	s.holds(3)
	s.commits(0, 2)
	altering.Store(false)
	s.holds(5)
	s.commits(0, 4)
}

func TestARecordedCutIsMadeAgainAsItWasAlsoWhereARecordInItWaits(t *testing.T) {
	s, released := newWaitingFixture(t)
	released.Store(true)
	s.send(avroOrder(t, 1), avroOrder(t, 2), widerOrder(t, 3), avroOrder(t, 4))
	s.config["flush.interval.ms"] = "3000"
	s.dies("after_status") // its rows are in the table, and that is not committed
	s.holds(5)
	released.Store(false)
	r := s.start()
	r.waits(t, "registry answered 503")
	time.Sleep(2 * time.Second)
	if at, err := s.committed(t.Context(), 0); err != nil || at > 0 {
		t.Fatalf("offset %d is committed, within a cut that was recorded (%v)", at, err)
	}
	released.Store(true)
	s.commits(0, 4)
	s.holds(5)
}

func TestANoticeThatCannotBeWrittenHoldsNothingThatIsAheadOfItsRecord(t *testing.T) {
	s := newFixture(t, 1, map[string]string{"transforms.unwrap.delete.handling.mode": "rewrite"})
	fix := s.breakNotes()
	s.produce(1, 3, 1)
	s.send(&kgo.Record{Value: []byte(`{"source":{"lsn":3,"ts_ms":1},"op":"t","ts_ms":1}`)})
	s.produce(3, 4, 1)
	r := s.start()
	testenv.Eventually(t, time.Minute, "what is ahead to be committed", func(ctx context.Context) error {
		if at, err := s.committed(ctx, 0); err != nil || at != 2 {
			return fmt.Errorf("committed %d: %w", at, err)
		}
		return nil
	})
	r.waits(t, "notes cannot be written")
	fix()
	s.holds(4)
	s.commits(0, 4)
}
