package buffer

import (
	"runtime"
	"slices"
	"sync"
	"testing"

	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/calypso-cdc/calypso/libs/debezium"
	"github.com/calypso-cdc/calypso/libs/pgrepl"
	"github.com/calypso-cdc/calypso/services/capture/internal/progress"
)

func put(s *Buffer, commit pgrepl.LSN, whole bool) {
	b := s.Fill()
	defer s.Unlock()
	if b == nil {
		return
	}
	b.Events.Records = append(b.Events.Records, kgo.Record{})
	b.Summary.At, b.Whole = pgrepl.Position{Commit: commit}, whole
}

func TestABatchLeavesAtOnceBetweenTransactionsAndNotWithinOne(t *testing.T) {
	s := New(pgrepl.Position{}, 3, 1000)
	put(s, 1, false)
	if s.ready() {
		t.Error("a batch that ends within a transaction is ready")
	}
	put(s, 2, true)
	b := s.Take()
	if b == nil || len(b.Events.Records) != 2 {
		t.Fatalf("took %+v", b)
	}
	s.Written(b)
	s.Committed()
	for range 3 {
		put(s, 9, false)
	}
	if !s.ready() {
		t.Error("a full batch is not ready")
	}
}

func TestAReaderWaitsForRoomAndEverythingComesInOrder(t *testing.T) {
	const n = 5000
	s := New(pgrepl.Position{}, 7, 1<<20)
	var wg sync.WaitGroup
	wg.Go(func() {
		for i := 1; i <= n; i++ {
			put(s, pgrepl.LSN(i), i%3 == 0 || i == n)
		}
		if !s.Drain() {
			t.Error("the buffer was closed")
		}
		s.Close()
	})
	seen := 0
	for {
		b := s.Take()
		if b == nil {
			break
		}
		if len(b.Events.Records) > 7 {
			t.Fatalf("a batch of %d records, limit 7", len(b.Events.Records))
		}
		seen += len(b.Events.Records)
		if int(b.Summary.At.Commit) != seen {
			t.Fatalf("position %s after %d records", b.Summary.At, seen)
		}
		s.Written(b)
		s.Committed()
	}
	wg.Wait()
	if seen != n {
		t.Errorf("%d records, want %d", seen, n)
	}
}

func TestWhatWasTakenIsHeldUntilItsKafkaTransactionIsCommitted(t *testing.T) {
	s := New(pgrepl.Position{Commit: 1}, 100, 1000)
	put(s, 10, true)
	b := s.Take()
	put(s, 20, true)
	if !s.Written(b) {
		t.Error("the next batch is ready, but the deliverer was not told")
	}
	b = s.Take()
	put(s, 30, false)
	if s.Written(b) {
		t.Error("a batch that ends within a transaction is called ready")
	}
	if s.taken.batches != 2 {
		t.Errorf("%d batches are held before the commit, want 2", s.taken.batches)
	}
	s.Committed()
	if s.taken.batches != 0 {
		t.Errorf("%d batches are held after the commit", s.taken.batches)
	}
}

func TestABufferKnowsWhichTransactionsItHoldsAndForHowLongItsReaderWaited(t *testing.T) {
	s := New(pgrepl.Position{}, 2, 1000)
	commit := func(at pgrepl.LSN) {
		put(s, at, true)
		b := s.Fill()
		b.Summary.Transactions++
		s.Unlock()
	}
	commit(1)
	b := s.Take()
	commit(2)
	if l := s.Load(); l.Transactions != 2 || l.Waited != 0 {
		t.Errorf("%+v, want two transactions and no wait", l)
	}
	put(s, 3, true)
	done := make(chan struct{})
	go func() { // the batch is full
		put(s, 4, true)
		close(done)
	}()
	for s.Load().Waited == 0 {
		runtime.Gosched()
	}
	s.Written(b)
	s.Committed()
	for s.Load().Transactions != 1 { // after the commit it is the second one's
		runtime.Gosched()
	}
	s.Take()
	<-done
	waited := s.Load().Waited
	if waited <= 0 || s.Load().Waited != waited {
		t.Errorf("waited %s, then %s: want what the reader waited and no more", waited, s.Load().Waited)
	}
}

func TestWhatABufferHoldsIsToldWithoutWaitingForTheEventThatIsEncoded(t *testing.T) {
	s := New(pgrepl.Position{}, 2, 1000)
	put(s, 1, true)
	s.open.Events.Size = 50
	held := s.Load().Bytes
	if held != 50 {
		t.Errorf("it holds 50 bytes, and tells %d", held)
	}
	b := s.Fill()
	b.Events.Size += 100
	if got := s.Load().Bytes; got != held {
		t.Errorf("%d, want the %d before the event that is being encoded", got, held)
	}
	s.Unlock()
	if got := s.Load().Bytes; got != held+100 {
		t.Errorf("%d, want %d", got, held+100)
	}
}

// waitsFor waits until n goroutines wait for room.
func waitsFor(s *Buffer, n int) {
	for {
		s.mu.Lock()
		waiting := s.waiting
		s.mu.Unlock()
		if waiting == n {
			return
		}
		runtime.Gosched()
	}
}

func TestAHeartbeatThatFindsATransactionOpenDoesNotHoldUpItsReader(t *testing.T) {
	s := New(pgrepl.Position{}, 1, 1000)
	put(s, 1, false) // full, within a transaction
	beaten := make(chan struct{})
	go func() { // waits first, and leaves the batch as it is
		defer close(beaten)
		s.Fill()
		s.Unlock()
	}()
	waitsFor(s, 1)
	read := make(chan struct{})
	go func() {
		defer close(read)
		put(s, 2, false)
	}()
	waitsFor(s, 2)
	s.Take()
	<-read
	s.Close()
	<-beaten
}

func TestAClosedBufferLetsNobodyWait(t *testing.T) {
	s := New(pgrepl.Position{}, 1, 1000)
	put(s, 1, false)
	drained := make(chan bool)
	go func() { drained <- s.Drain() }()
	filled := make(chan *Batch)
	go func() {
		b := s.Fill()
		s.Unlock()
		filled <- b
	}()
	waitsFor(s, 1)
	s.Close()
	if <-drained {
		t.Error("a closed buffer was drained")
	}
	if b := <-filled; b != nil {
		t.Errorf("a closed buffer was filled: %+v", b)
	}
	if b := s.Take(); b != nil {
		t.Errorf("a closed buffer gave %+v", b)
	}
}

func TestTheSummaryOfATransactionIsTheSumOfItsBatches(t *testing.T) {
	first, second := new(Batch), new(Batch)
	for i, b := range []*Batch{first, second} {
		b.Events.Records = []kgo.Record{{Topic: "t"}, {Topic: "u"}}
		b.Summary.At = pgrepl.Position{Commit: pgrepl.LSN(10 * (i + 1))}
		b.Summary.Commit(progress.Commit{TxID: uint32(i), CommitTime: int64(100 - i)}, 1)
		b.Summary.Commit(progress.Commit{TxID: uint32(i), CommitTime: 7}, 0) // nothing of it was an event
		for _, c := range []struct {
			events int64
			lsn    uint64
		}{{2, uint64(i)}, {0, uint64(i + 5)}} {
			b.Summary.Count("s.t", c.events, &debezium.Event{Op: debezium.Update,
				Source: debezium.Source{LSN: c.lsn, CommitTime: int64(i)}})
		}
		b.Summary.Count("s.t", 1, &debezium.Event{Op: debezium.Create})
		b.Summary.Reads = []Read{{Table: "s.t", Rows: 3}}
		b.Summary.Traces, b.Summary.Versions = []Trace{{Parent: "p"}}, []Version{{}}
		b.Summary.Awaited = []chan struct{}{make(chan struct{})}
	}
	second.Summary.Incremental = &progress.Incremental{Rows: 9}
	offset := int64(4)
	second.SignalOffset = &offset
	if step := second.Step(); step.At != second.Summary.At || step.Incremental != second.Summary.Incremental ||
		step.SignalOffset != &offset || *step.Committed != (progress.Commit{TxID: 1, CommitTime: 7}) {
		t.Errorf("the second batch is the step %+v", step)
	}
	var sum Summary
	sum.Add(first)
	sum.Add(second)
	if sum.Topic != "t" || sum.Sent != 4 || sum.At != second.Summary.At || sum.Transactions != 4 ||
		sum.Last != second.Summary.Last || sum.Changed != 2 || sum.Oldest != 99 || sum.Newest != 99 ||
		sum.Incremental != second.Summary.Incremental || len(sum.Awaited) != 2 || len(sum.Reads) != 2 ||
		len(sum.Traces) != 2 || len(sum.Versions) != 2 || sum.Began.IsZero() {
		t.Errorf("%+v", sum)
	}
	want := []Count{{Table: "s.t", Op: debezium.Update, Events: 4, Rows: 2, LSN: 6, CommitTime: 1},
		{Table: "s.t", Op: debezium.Create, Events: 2, Rows: 2}}
	if !slices.Equal(sum.Counts, want) {
		t.Errorf("counted %+v, want %+v", sum.Counts, want)
	}
	second.Reset()
	if step := second.Step(); len(second.Events.Records) != 0 || step != (progress.Step{}) ||
		len(second.Summary.Counts) != 0 {
		t.Errorf("after the reset it is %+v", second)
	}
}
