package slot

import (
	"context"
	"fmt"
	"sync"
	"time"

	"github.com/calypso-cdc/calypso/libs/contain"
	"github.com/calypso-cdc/calypso/libs/pgrepl"
	"github.com/calypso-cdc/calypso/services/capture/internal/preflight"
	"github.com/calypso-cdc/calypso/services/capture/internal/spec"
	"github.com/calypso-cdc/calypso/services/capture/internal/visibility"
)

// question bounds a look at a slot and at what holds it; counting the changes of tables may take a
// second of it, and some round trips.
const question = 5 * time.Second

// Seen is a slot as its server has it.
type Seen struct {
	Name string
	// Publication is the one that the connector reads the slot with.
	Publication string
	// State is nil if the server has no slot of the name.
	State *pgrepl.SlotState
	// Unlisted says that an update of the server can end the reading with the slot's plugin; see pgrepl.PluginList.
	Unlisted bool
	// LimitedBy is the key that State.SafeWAL is computed from, where the server sets no limit; empty
	// otherwise.
	LimitedBy string
	// Statistics are nil where the server has none.
	Statistics *pgrepl.SlotStatistics
	// Holders are the transactions that have been open for long.
	Holders []pgrepl.Holder
	// Idle are the server's other slots that keep log and that nobody reads.
	Idle []pgrepl.IdleSlot
	// Tables are the captured tables that exist, by their names, with what the server keeps back of each; nil
	// where the slot's plugin reads no publication, or it is not known.
	Tables map[string]visibility.Table
}

// limitsQuestion bounds the question what the server keeps back, which takes some queries of the catalog.
const limitsQuestion = time.Second

// limitsAge is how old what the server keeps back may be, by how long the last question took: the
// catalog of a server of many tables is not to be read all the time.
func limitsAge(took time.Duration) time.Duration {
	const least, share = 4 * time.Second, 20
	return max(least, share*took)
}

// View is a look at a connector's slot, for those who watch it and do not use it. A server is asked
// on a connection of its own, for five seconds at most, and not again while what was seen is fresh
// enough for the caller. Nothing is changed on the server. A View is safe for concurrent use:
// callers that ask at the same time share one question.
type View struct {
	spec *spec.Spec
	// inspect asks the server; counts is what the view knows of its tables.
	inspect func(ctx context.Context, counts *counts) answer

	mu sync.Mutex
	// counts are of the server's tables; a view that follows another shares them. mu guards the
	// pointer, and all below.
	counts *counts
	// last is what the last question has brought, zero before the first, and phase the capture's
	// when that began.
	last  answer
	phase int
	// at is when that question began, or when it ended if it failed: after a wait in vain the next
	// caller does not wait again.
	at time.Time
	// asking is the question under way; nil if there is none.
	asking *inquiry

	// kept is what the server keeps back; whoever asks owns it.
	kept limits
}

// answer is what a question has brought.
type answer struct {
	// slot is nil if err is not.
	slot *Seen
	err  error
	// uncounted is why changes could not be counted; nil if they could.
	uncounted error
}

// inquiry is a question under way.
type inquiry struct {
	begun time.Time
	done  chan struct{} // closed once View.last has the answer
}

// limits are Seen.Tables as of at; the question took took.
type limits struct {
	tables map[string]visibility.Table
	at     time.Time
	took   time.Duration
}

// patience is how long a question is waited for. It goes on by itself after that: a server that
// hangs must not hold up those who look at all connectors.
const patience = 2 * time.Second

// ViewOf makes the view of a connector's slot.
func ViewOf(s *spec.Spec) *View {
	v := &View{spec: s, counts: new(counts)}
	v.inspect = v.ask
	return v
}

// Follow makes the view share what an earlier view of the connector knows about its tables, if that
// was of the same slot: pausing or restarting a connector does not change which tables have unread
// changes.
func (v *View) Follow(earlier *View) {
	if earlier == nil || earlier == v {
		return
	}
	a, b := v.spec, earlier.spec
	if a.Slot.Name != b.Slot.Name || a.Connection.Host != b.Connection.Host || a.Connection.Port != b.Connection.Port ||
		a.Connection.Database != b.Connection.Database {
		return
	}
	earlier.mu.Lock()
	counts := earlier.counts
	earlier.mu.Unlock()
	v.mu.Lock()
	v.counts = counts
	v.mu.Unlock()
}

// Unread lists the tables with changes after durable, the position up to which everything is in
// Kafka, as of the last look. The error says why that is not known.
func (v *View) Unread(durable pgrepl.LSN) ([]Unread, error) {
	v.mu.Lock()
	counts, err := v.counts, v.last.uncounted
	v.mu.Unlock()
	return counts.unread(durable), err
}

// Look returns the slot as it was seen at most age ago and in the capture's present phase: a stream
// that has just begun must not be judged by a slot that nobody was reading before. phase returns
// the number of the present phase. If the server takes longer than patience, Look returns what was
// seen last in this phase. The error says why nothing is known.
func (v *View) Look(ctx context.Context, age time.Duration, phase func() int) (*Seen, error) {
	v.mu.Lock()
	defer v.mu.Unlock()
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	const attempts = 3 // a phase may end while the server is asked
	for range attempts {
		now := phase()
		if now == v.phase && time.Since(v.at) <= age {
			break
		}
		if v.asking == nil {
			v.begin(ctx, now)
		}
		if !v.wait(ctx) {
			if now != v.phase || v.last == (answer{}) {
				v.last = unanswered(fmt.Errorf("wait for PostgreSQL at %s to say what slot %s is like: nothing has come for %s",
					v.spec.Connection.Addresses(), v.spec.Slot.Name, time.Since(v.asking.begun).Round(time.Millisecond)))
			}
			break
		}
	}
	return v.last.slot, v.last.err
}

func unanswered(err error) answer { return answer{err: err, uncounted: err} }

// begin asks the server, for whoever waits; the caller holds mu, and no question is under way.
func (v *View) begin(ctx context.Context, phase int) {
	if phase != v.phase {
		v.kept = limits{} // a start may have added tables to the publication
	}
	q := &inquiry{begun: time.Now(), done: make(chan struct{})}
	counts := v.counts
	v.asking = q
	end := func(a answer) {
		v.mu.Lock()
		defer v.mu.Unlock()
		v.last, v.phase, v.at, v.asking = a, phase, q.begun, nil
		if a.err != nil {
			v.at = time.Now()
		}
		close(q.done)
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), question)
	contain.Go("question for a slot", func() {
		defer cancel()
		end(v.inspect(ctx, counts))
	}, func(err error) { end(unanswered(err)) })
}

// wait reports whether the question under way ended in time; the caller holds mu, which is given up
// meanwhile.
func (v *View) wait(ctx context.Context) bool {
	q := v.asking
	v.mu.Unlock()
	defer v.mu.Lock()
	late := time.NewTimer(patience - time.Since(q.begun))
	defer late.Stop()
	select {
	case <-q.done:
	case <-late.C:
	case <-ctx.Done():
	}
	select {
	case <-q.done:
		return true
	default:
		return false
	}
}

// ask looks at the slot, and counts the changes of tables.
func (v *View) ask(ctx context.Context, counts *counts) answer {
	s := v.spec
	conn, err := s.Connection.Connect(ctx)
	if err != nil {
		return unanswered(err)
	}
	defer pgrepl.Disconnect(conn)
	changes, end, uncounted := pgrepl.Changes(ctx, conn)
	if uncounted == nil {
		every := func(pgrepl.Table) bool { return true }
		counts.observe(time.Now(), captured(changes, every), captured(changes, s.Tables.Captured), end)
	}
	server, err := pgrepl.InspectServer(ctx, conn)
	if err != nil {
		return unanswered(err)
	}
	state, err := pgrepl.InspectSlot(ctx, conn, server, s.Slot.Name)
	if err != nil {
		return unanswered(err)
	}
	out := &Seen{Name: s.Slot.Name, State: state, Publication: s.Publication.Name}
	if state == nil {
		return answer{slot: out, uncounted: uncounted}
	}
	if state.SafeWAL < 0 && s.Slot.Storage > 0 {
		state.SafeWAL, out.LimitedBy = max(s.Slot.Storage-state.Retained, 0), spec.StorageKey
	}
	if state.Plugin != "" && !pgrepl.BuiltIn(state.Plugin) {
		listed, err := pgrepl.ListsPlugins(ctx, conn)
		out.Unlisted = err == nil && !listed
	}
	// Without statistics, holders and other slots the slot is shown all the same.
	if statistics, err := pgrepl.InspectSlotStatistics(ctx, conn, server, s.Slot.Name); err == nil {
		out.Statistics = statistics
	}
	if holders, err := pgrepl.Holders(ctx, conn, preflight.OpenForLong); err == nil {
		out.Holders = holders
	}
	if idle, err := pgrepl.IdleSlots(ctx, conn, server, s.Slot.Name); err == nil {
		out.Idle = idle
	}
	if state.Plugin == string(spec.Pgoutput) {
		if k := &v.kept; time.Since(k.at) > limitsAge(k.took) {
			k.at = time.Now()
			// It may wait for locks of tables. Without an answer, the last one holds.
			asked, end := context.WithTimeout(ctx, limitsQuestion)
			if tables, err := visibility.Streaming(asked, conn, server, s); err == nil {
				k.tables = tables
			}
			end()
			k.took = time.Since(k.at)
		}
		out.Tables = v.kept.tables
	}
	return answer{slot: out, uncounted: uncounted}
}
