package capture

import (
	"sync"
	"testing"

	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/calypso-cdc/calypso/libs/pgrepl"
)

func put(s *stage, commit pgrepl.LSN, whole bool) {
	b := s.fill()
	defer s.unlock()
	if b == nil {
		return
	}
	b.Records = append(b.Records, kgo.Record{})
	b.at, b.whole = pgrepl.Position{Commit: commit}, whole
}

func TestABatchLeavesAtOnceBetweenTransactionsAndNotWithinOne(t *testing.T) {
	s := newStage(pgrepl.Position{}, 3, 1000)
	put(s, 1, false)
	if s.ready() {
		t.Error("a batch that ends within a transaction is ready")
	}
	put(s, 2, true)
	b := s.take()
	if b == nil || len(b.Records) != 2 {
		t.Fatalf("took %+v", b)
	}
	s.written(b)
	if mark := s.committed(); mark != 2 {
		t.Errorf("mark %s, want 0/2", mark)
	}
	for range 3 {
		put(s, 9, false)
	}
	if !s.ready() {
		t.Error("a full batch is not ready")
	}
}

func TestAReaderWaitsForRoomAndEverythingComesInOrder(t *testing.T) {
	const n = 5000
	s := newStage(pgrepl.Position{}, 7, 1<<20)
	var wg sync.WaitGroup
	wg.Go(func() {
		for i := 1; i <= n; i++ {
			put(s, pgrepl.LSN(i), i%3 == 0 || i == n)
		}
		if !s.drain() {
			t.Error("the stage was closed")
		}
		s.close()
	})
	seen, mark := 0, pgrepl.LSN(0)
	for {
		b := s.take()
		if b == nil {
			break
		}
		if len(b.Records) > 7 {
			t.Fatalf("a batch of %d records, limit 7", len(b.Records))
		}
		seen += len(b.Records)
		if int(b.at.Commit) != seen {
			t.Fatalf("position %s after %d records", b.at, seen)
		}
		s.written(b)
		mark = s.committed()
	}
	wg.Wait()
	if seen != n || mark != n {
		t.Errorf("%d records to mark %s, want %d", seen, mark, n)
	}
}

func TestBatchesAreConfirmedWhenTheirKafkaTransactionIsCommittedAndNotWhenTheyAreWritten(t *testing.T) {
	s := newStage(pgrepl.Position{Commit: 1}, 100, 1000)
	put(s, 10, true)
	b := s.take()
	put(s, 20, true)
	if !s.written(b) {
		t.Error("the next batch is ready, but the deliverer was not told")
	}
	b = s.take()
	put(s, 30, false)
	if s.written(b) {
		t.Error("a batch that ends within a transaction is called ready")
	}
	if mark := s.ring.Mark(); mark != 1 {
		t.Errorf("mark %s before the commit", mark)
	}
	if mark := s.committed(); mark != 20 {
		t.Errorf("mark %s after the commit, want 0/14", mark)
	}
}
