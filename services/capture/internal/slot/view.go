package slot

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"
	"time"

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
	// Statistics are nil where the server has none.
	Statistics *pgrepl.SlotStatistics
	// Holders are the transactions that have been open for long.
	Holders []pgrepl.Holder
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
	// counts are of the server's tables; a view that follows another shares them. mu does not guard
	// the pointer, since mu is held while the server is asked.
	counts atomic.Pointer[counts]

	mu    sync.Mutex
	slot  *Seen // guarded by mu, as are all below: what was seen last, or nil and err
	err   error
	at    time.Time
	phase int
	// uncounted is why the last look could not count changes; nil if it could.
	uncounted error
	// tables are those of Seen, as of tablesAt; the question took tablesIn.
	tables   map[string]visibility.Table
	tablesAt time.Time
	tablesIn time.Duration
}

// ViewOf makes the view of a connector's slot.
func ViewOf(s *spec.Spec) *View {
	v := &View{spec: s}
	v.counts.Store(new(counts))
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
	v.counts.Store(earlier.counts.Load())
}

// Unread lists the tables with changes after durable, the position up to which everything is in
// Kafka, as of the last look. The error says why that is not known.
func (v *View) Unread(durable pgrepl.LSN) ([]Unread, error) {
	v.mu.Lock()
	err := v.uncounted
	v.mu.Unlock()
	return v.counts.Load().unread(durable), err
}

// Look returns the slot as it was seen at most age ago and in the capture's present phase: a stream
// that has just begun must not be judged by a slot that nobody was reading before. phase returns
// the number of the present phase. The error says why the server could not be asked.
func (v *View) Look(ctx context.Context, age time.Duration, phase func() int) (*Seen, error) {
	v.mu.Lock()
	defer v.mu.Unlock()
	const attempts = 3 // a phase may end while the server is asked
	for range attempts {
		now := phase()
		if now == v.phase && time.Since(v.at) <= age {
			break
		}
		if now != v.phase {
			v.tables, v.tablesAt = nil, time.Time{} // a start may have added tables to the publication
		}
		v.at, v.phase = time.Now(), now
		if v.slot, v.err = v.ask(ctx); v.err != nil {
			v.at = time.Now() // after a wait in vain the next caller does not wait again
		}
	}
	return v.slot, v.err
}

// ask looks at the slot, and counts the changes of tables; the caller holds mu.
func (v *View) ask(ctx context.Context) (seen *Seen, err error) {
	s := v.spec
	v.uncounted = errors.New("the server could not be asked")
	defer func() {
		if err != nil {
			v.uncounted = err
		}
	}()
	ctx, cancel := context.WithTimeout(ctx, question)
	defer cancel()
	conn, err := s.Connection.Connect(ctx)
	if err != nil {
		return nil, err
	}
	defer pgrepl.Disconnect(conn)
	changes, end, uncounted := pgrepl.Changes(ctx, conn)
	if v.uncounted = uncounted; uncounted == nil {
		every := func(pgrepl.Table) bool { return true }
		v.counts.Load().observe(time.Now(), captured(changes, every), captured(changes, s.Tables.Captured), end)
	}
	server, err := pgrepl.InspectServer(ctx, conn)
	if err != nil {
		return nil, err
	}
	state, err := pgrepl.InspectSlot(ctx, conn, server, s.Slot.Name)
	if err != nil {
		return nil, err
	}
	out := &Seen{Name: s.Slot.Name, State: state, Publication: s.Publication.Name}
	if state == nil {
		return out, nil
	}
	if state.Plugin != "" && !pgrepl.BuiltIn(state.Plugin) {
		listed, err := pgrepl.ListsPlugins(ctx, conn)
		out.Unlisted = err == nil && !listed
	}
	// Without statistics and holders the slot is shown all the same.
	if statistics, err := pgrepl.InspectSlotStatistics(ctx, conn, server, s.Slot.Name); err == nil {
		out.Statistics = statistics
	}
	if holders, err := pgrepl.Holders(ctx, conn, preflight.OpenForLong); err == nil {
		out.Holders = holders
	}
	if state.Plugin == string(spec.Pgoutput) {
		if time.Since(v.tablesAt) > limitsAge(v.tablesIn) {
			v.tablesAt = time.Now()
			// It may wait for locks of tables. Without an answer, the last one holds.
			asked, end := context.WithTimeout(ctx, limitsQuestion)
			if tables, err := visibility.Streaming(asked, conn, server, s); err == nil {
				v.tables = tables
			}
			end()
			v.tablesIn = time.Since(v.tablesAt)
		}
		out.Tables = v.tables
	}
	return out, nil
}
