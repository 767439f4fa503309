package writer

import (
	"context"
	"encoding/json"
	"errors"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"
	"pgregory.net/rapid"

	"github.com/calypso-cdc/calypso/libs/failpoint"
	"github.com/calypso-cdc/calypso/libs/pgrepl"
	"github.com/calypso-cdc/calypso/services/capture/internal/buffer"
	"github.com/calypso-cdc/calypso/services/capture/internal/progress"
)

// broker is a producer whose records become durable with a commit, or with each write where it has no transactions.
type broker struct {
	transactions bool
	open         bool
	// written and durable are the positions of the last checkpoints, settled counts.
	written, durable pgrepl.LSN
	fails            error
}

func (b *broker) Write(_ context.Context, _ []kgo.Record, _, value []byte, _ ...*kgo.Record) error {
	if b.fails != nil {
		return b.fails
	}
	var c progress.Checkpoint
	if err := json.Unmarshal(value, &c); err != nil {
		return err
	}
	b.written, b.open = c.At.Commit, b.transactions
	if !b.transactions {
		b.durable = b.written
	}
	return nil
}

func (b *broker) Commit(context.Context) error {
	if b.fails != nil {
		return b.fails
	}
	b.durable, b.open = b.written, false
	return nil
}

func (b *broker) Durable() bool          { return !b.open }
func (b *broker) Settle(context.Context) {}

// told is what a report was told.
type told struct {
	records int
	at      pgrepl.LSN
}

func (r *told) Delivered(t *buffer.Summary) { r.records, r.at = r.records+t.Sent, t.At.Commit }
func (r *told) Waits(int, time.Duration)    {}
func (r *told) Acknowledges()               {}
func (r *told) NoticeFailed(error)          {}
func batch(at, records int) *buffer.Batch {
	b := new(buffer.Batch)
	b.Summary.At = pgrepl.Position{Commit: pgrepl.LSN(at)}
	b.Events.Records = make([]kgo.Record, records)
	return b
}

// TestWhatIsDeliveredIsDurableAndWhatIsDurableIsDelivered writes batches that follow each other
// closely or not, to brokers with and without transactions, and compares what is told, and what may
// be confirmed, with what the broker has.
func TestWhatIsDeliveredIsDurableAndWhatIsDurableIsDelivered(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		kafka := &broker{transactions: rapid.Bool().Draw(t, "transactions")}
		p, report := progress.Since(nil), new(told)
		w := New(Saver{Producer: kafka, Progress: p}, report, failpoint.Parse(""))
		sent := 0
		for at := range rapid.IntRange(1, 20).Draw(t, "batches") {
			records := rapid.IntRange(0, 3).Draw(t, "records")
			sent += records
			b := batch(at+1, records)
			more := rapid.Bool().Draw(t, "more")
			span := rapid.SampledFrom([]time.Duration{0, time.Hour}).Draw(t, "span")
			durable, err := w.Write(t.Context(), b, p.Take(b.Step()), span, func() bool { return more })
			if err != nil {
				t.Fatal(err)
			}
			if want := !kafka.transactions || !more || span == 0; durable != want {
				t.Fatalf("batch %d is durable: %v, want %v", at, durable, want)
			}
			if p.Durable() != kafka.durable || durable && (report.records != sent || report.at != kafka.durable) {
				t.Fatalf("%s may be confirmed, %d records to %s are told; the broker has all to %s, of %d records", p.Durable(),
					report.records, report.at, kafka.durable, sent)
			}
		}
	})
}

func TestAFailureDeliversNothing(t *testing.T) {
	failure := errors.New("the broker is gone")
	for name, write := range map[string]func(*Writer, *progress.Progress) error{
		"a batch": func(w *Writer, p *progress.Progress) error {
			b := batch(5, 1)
			_, err := w.Write(t.Context(), b, p.Take(b.Step()), time.Hour, func() bool { return false })
			return err
		},
		"a checkpoint": func(w *Writer, p *progress.Progress) error {
			return w.Save(t.Context(), new(buffer.Batch), p.Take(progress.Step{At: pgrepl.Position{Commit: 5}}))
		},
	} {
		kafka := &broker{transactions: true, fails: failure}
		p, report := progress.Since(nil), new(told)
		w := New(Saver{Producer: kafka, Progress: p}, report, failpoint.Parse(""))
		if err := write(w, p); !errors.Is(err, failure) || p.Durable() != 0 || report.records != 0 {
			t.Errorf("%s: %v; %s may be confirmed, %d records are told", name, err, p.Durable(), report.records)
		}
	}
}

func TestACheckpointAloneIsDurableAtOnce(t *testing.T) {
	kafka := &broker{transactions: true}
	p := progress.Since(nil)
	w := New(Saver{Producer: kafka, Progress: p}, new(told), failpoint.Parse(""))
	if err := w.Save(t.Context(), new(buffer.Batch), p.Take(progress.Step{At: pgrepl.Position{Commit: 5}})); err != nil ||
		kafka.durable != 5 || p.Durable() != 5 {
		t.Errorf("%v; the broker has all to %s, %s may be confirmed", err, kafka.durable, p.Durable())
	}
}
