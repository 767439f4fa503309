package stream

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/calypso-cdc/calypso/libs/debezium"
	"github.com/calypso-cdc/calypso/libs/pgrepl"
	"github.com/calypso-cdc/calypso/libs/telemetry"
)

// written is a transaction of the log: its commit record lies at commit, and ends before end.
type written struct {
	commit, end pgrepl.LSN
	changes     int
}

// deliveries reads transactions as a stream that began at resume sends them, and names the changes
// that are due, each with the position after it. Positions after transactions are among them.
func deliveries(log []written, resume pgrepl.Position, tells bool) (changes []string, positions []pgrepl.Position) {
	at := resume
	var tx transaction
	for _, w := range log {
		m := &pgrepl.Message{XID: uint32(w.commit), CommitLSN: w.commit}
		if !tells {
			m.CommitLSN = 0
		}
		tx.begin(m, at, resume)
		for range w.changes {
			if tx.next() == due {
				at = tx.after(at)
				changes, positions = append(changes, fmt.Sprintf("%s/%d", w.commit, tx.ordinal)), append(positions, at)
			}
		}
		if !tx.skip {
			at = tx.ended(at, w.end)
			changes, positions = append(changes, "end of "+w.commit.String()), append(positions, at)
		}
	}
	return changes, positions
}

// TestAStreamThatGoesOnAnywhereDeliversWhatIsLeft stops a stream after any change or commit and
// goes on from the position there. Of servers that do not tell commits in advance, the stream goes
// on with the transactions that the slot has not confirmed.
func TestAStreamThatGoesOnAnywhereDeliversWhatIsLeft(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		tells := rapid.Bool().Draw(t, "tells commits")
		var log []written
		lsn := pgrepl.LSN(100)
		for range rapid.IntRange(1, 6).Draw(t, "transactions") {
			commit := lsn + pgrepl.LSN(rapid.IntRange(1, 50).Draw(t, "gap"))
			lsn = commit + pgrepl.LSN(rapid.IntRange(1, 5).Draw(t, "record"))
			log = append(log, written{commit, lsn, rapid.IntRange(0, 4).Draw(t, "changes")})
		}
		all, positions := deliveries(log, pgrepl.Position{Commit: 100}, tells)
		for i := 1; i < len(positions); i++ {
			if !positions[i-1].Before(positions[i]) {
				t.Fatalf("position %s is followed by %s", positions[i-1], positions[i])
			}
		}
		for i, at := range positions {
			sent := log
			if !tells { // the server sends what commits after what was confirmed, which here is exact between transactions
				sent = slices.DeleteFunc(slices.Clone(log), func(w written) bool { return w.end <= at.Commit })
			}
			rest, _ := deliveries(sent, at, tells)
			if !slices.Equal(rest, all[i+1:]) {
				t.Fatalf("after %s the stream from %s delivers\n%v, want\n%v", all[i], at, rest, all[i+1:])
			}
		}
	})
}

func TestADeliveredPointOfTheLogHasAllOfItsTransaction(t *testing.T) {
	var tx transaction
	tx.begin(&pgrepl.Message{CommitLSN: 50}, pgrepl.Position{Commit: 40, Delivered: 30}, pgrepl.Position{Commit: 40})
	tx.next()
	if at := tx.after(pgrepl.Position{Commit: 40}); at.Delivered != 51 {
		t.Errorf("within a transaction %s was delivered, want its commit's 0/33", at.Delivered)
	}
	if at := tx.ended(pgrepl.Position{}, 60); at.Delivered != 60 || at.Commit != 60 || at.Ordinal != 0 {
		t.Errorf("after it the position is %+v", at)
	}
	tx.begin(&pgrepl.Message{CommitLSN: 70}, pgrepl.Position{Commit: 60}, pgrepl.Position{Commit: 40})
	if at := tx.ended(pgrepl.Position{Commit: 60, Delivered: 60}, 80); at.Delivered != 60 || at.Commit != 80 {
		t.Errorf("after a transaction without changes the position is %+v", at)
	}
	tx.begin(&pgrepl.Message{}, pgrepl.Position{Commit: 80}, pgrepl.Position{})
	tx.next()
	if at := tx.after(pgrepl.Position{}); at.Delivered != pgrepl.UnknownEnd || at.Commit != 80 {
		t.Errorf("where the commit is not told the position is %+v", at)
	}
}

func TestEventsHaveTheirPlaceInTheTransaction(t *testing.T) {
	var tx transaction
	tx.begin(&pgrepl.Message{XID: 7, CommitLSN: 50}, pgrepl.Position{}, pgrepl.Position{})
	m := &pgrepl.Message{LSN: 40}
	var places []string
	place := func(p *debezium.Transaction) {
		places = append(places, fmt.Sprintf("%s %d %d", p.ID, p.TotalOrder, p.CollectionOrder))
	}
	place(tx.place("s.a", m))
	tx.count("s.a", 1)
	place(tx.place("s.b", m))
	tx.count("s.b", 2) // an update of the key is two
	place(tx.placeMessage(m))
	tx.countMessage(m)
	place(tx.place("s.b", m))
	tx.count("s.b", 0) // no event
	place(tx.place("s.a", m))
	tx.count("s.a", 1)
	if got, want := strings.Join(places, "; "), "7:40 1 1; 7:40 2 1; 7:40 4 1; 7:40 5 3; 7:40 5 2"; got != want {
		t.Errorf("places %s\nwant   %s", got, want)
	}
	if tx.total != 5 || len(tx.counts) != 3 || tx.counts[0].Events != 2 || tx.counts[1].Events != 2 ||
		!strings.HasSuffix(tx.counts[2].Collection, "@00000028") {
		t.Errorf("counted %d: %+v", tx.total, tx.counts)
	}
	tx.begin(&pgrepl.Message{CommitLSN: 60}, pgrepl.Position{}, pgrepl.Position{})
	if tx.total != 0 || len(tx.counts) != 0 {
		t.Errorf("the next transaction begins with %d: %+v", tx.total, tx.counts)
	}
}

func TestASampledTraceContextGoesWithTheEventsUnchanged(t *testing.T) {
	var tx transaction
	for _, unsampled := range []string{"", "x", "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-00"} {
		if tx.trace(unsampled); tx.headers != nil || tx.traceparent != "" {
			t.Errorf("%q is taken over: %+v", unsampled, tx.headers)
		}
	}
	const sampled = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
	tx.trace(sampled)
	if len(tx.headers) != 1 || tx.headers[0].Key != telemetry.TraceparentKey || string(tx.headers[0].Value) != sampled ||
		tx.traceparent != sampled {
		t.Errorf("%+v", tx.headers)
	}
}

func TestASourceBlockSaysWhereAChangeLies(t *testing.T) {
	var tx transaction
	tx.begin(&pgrepl.Message{XID: 7, CommitLSN: 50, CommitTime: 9}, pgrepl.Position{}, pgrepl.Position{})
	var s debezium.Source
	tx.source(&s, &pgrepl.Message{LSN: 40, OriginLSN: 3}, 30)
	if s.TxID != 7 || !s.HasTx || s.CommitTime != 9 || s.LSN != 40 || !s.HasLSN || s.LastCommit != 30 ||
		s.OriginLSN != 3 || s.Snapshot != debezium.NotSnapshot {
		t.Errorf("%+v", s)
	}
}
