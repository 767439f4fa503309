package capture

import (
	"log/slog"
	"slices"
	"strings"
	"sync"
	"time"

	"google.golang.org/protobuf/types/known/durationpb"
	"google.golang.org/protobuf/types/known/timestamppb"

	capturev1 "github.com/calypso-cdc/calypso/gen/calypso/capture/v1"
	"github.com/calypso-cdc/calypso/libs/change"
	"github.com/calypso-cdc/calypso/libs/connector"
	"github.com/calypso-cdc/calypso/libs/latency"
	"github.com/calypso-cdc/calypso/libs/pgrepl"
	"github.com/calypso-cdc/calypso/services/capture/internal/incremental"
	"github.com/calypso-cdc/calypso/services/capture/internal/progress"
	"github.com/calypso-cdc/calypso/services/capture/internal/snapshot"
	"github.com/calypso-cdc/calypso/services/capture/internal/spec"
	"github.com/calypso-cdc/calypso/services/capture/internal/stage"
)

// Board shows what the captures of a worker are doing, for CaptureService and metrics. It is safe for concurrent use.
type Board struct {
	mu      sync.Mutex
	entries map[string]*entry // guarded by mu
}

// NewBoard makes an empty board.
func NewBoard() *Board { return &Board{entries: make(map[string]*entry)} }

// entry is one capture's state. Its task writes, anybody reads.
type entry struct {
	board *Board
	name  string
	spec  *spec.Spec
	// hidden takes secrets out of what is shown.
	hidden func(string) string
	// config is what an entry was made from whose connector does not run; nil for that of a task.
	config map[string]string

	mu     sync.Mutex
	state  *capturev1.Capture // guarded by mu
	smooth *shownPhase        // guarded by mu; what the state was before trouble with server or broker; nil without
	reader *liveStream        // guarded by mu; nil unless streaming
	ages   latency.Window     // guarded by mu; of transactions when they were durable in Kafka
	// incremental is the durable progress of incremental snapshots; guarded by mu, never changed in place; nil before
	// streaming.
	incremental *progress.Incremental
	// passed is what streams that ended have had, lastEvent when events were last durable; guarded by mu.
	passed    streamTotals
	lastEvent time.Time
	// tables are those captured, by name, without their states; guarded by mu.
	tables map[string]*capturev1.CapturedTable
	// turn counts the phases; guarded by mu.
	turn int
	// slot was read at slotAt, in the phase slotTurn; unseen is why it could not be. All are guarded by slotMu, which is held while the
	// server is asked.
	slotMu   sync.Mutex
	slot     *capturev1.Slot
	unseen   error
	slotAt   time.Time
	slotTurn int
}

// liveStream is what the board shows of a stream, and where signals for it go.
type liveStream struct {
	conn        *pgrepl.Stream
	stage       *stage.Stage
	incremental *incremental.Snapshots
}

// shownPhase is a phase with its reason.
type shownPhase struct {
	phase  capturev1.Phase
	reason string
}

func newEntry(b *Board, env connector.TaskEnv, s *spec.Spec) *entry {
	return &entry{board: b, name: env.Connector, hidden: env.Hidden, spec: s, state: &capturev1.Capture{Connector: env.Connector, WorkerId: env.WorkerID}, tables: make(map[string]*capturev1.CapturedTable)}
}

func (b *Board) add(env connector.TaskEnv, s *spec.Spec) *entry {
	e := newEntry(b, env, s)
	b.mu.Lock()
	defer b.mu.Unlock()
	b.entries[env.Connector] = e
	return e
}

// remove takes the entry off, unless a newer task of the same connector has taken its place. A failed one stays.
func (e *entry) remove() {
	e.mu.Lock()
	failed := e.state.Phase == capturev1.Phase_PHASE_FAILED
	e.detach()
	e.mu.Unlock()
	e.board.mu.Lock()
	defer e.board.mu.Unlock()
	if e.board.entries[e.name] == e && !failed {
		delete(e.board.entries, e.name)
	}
}

// streamTotals is what streams of a task have had.
type streamTotals struct {
	wal    int64         // bytes of the replication stream
	waited time.Duration // for Kafka
}

// detach keeps what the stream has had when it ends; the caller holds mu.
func (e *entry) detach() {
	if r := e.reader; r != nil {
		e.passed.wal += int64(r.conn.Bytes())
		e.passed.waited += r.stage.Load().Waited
		e.reader = nil
	}
}

func (e *entry) set(phase capturev1.Phase, reason string) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.state.Phase, e.state.Reason, e.smooth = phase, e.hidden(reason), nil
	e.turn++
	if phase != capturev1.Phase_PHASE_STREAMING {
		e.detach()
	}
}

func (e *entry) connecting() {
	e.set(capturev1.Phase_PHASE_CONNECTING, "Connecting to source and broker.")
}

// waits says what the connecting waits for.
func (e *entry) waits(why string) { e.set(capturev1.Phase_PHASE_CONNECTING, why) }

func (e *entry) failed(err error) { e.set(capturev1.Phase_PHASE_FAILED, err.Error()) }

func (e *entry) idle(why string) { e.set(capturev1.Phase_PHASE_STREAMING, why) }

func (e *entry) retrying(err error) {
	e.set(capturev1.Phase_PHASE_RETRYING, err.Error())
	e.mu.Lock()
	e.state.Reconnects++
	e.mu.Unlock()
}

func (e *entry) streaming(r *liveStream, at pgrepl.Position) {
	e.set(capturev1.Phase_PHASE_STREAMING, "Streaming from slot "+e.spec.Slot.Name+".")
	e.mu.Lock()
	defer e.mu.Unlock()
	e.detach()
	e.reader, e.incremental = r, r.incremental.Progress()
	e.state.DurableLsn = at.Commit.String()
}

// saved shows the position that the task takes up.
func (e *entry) saved(at pgrepl.Position) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.state.DurableLsn = at.Commit.String()
}

// phases counts the phases so far.
func (e *entry) phases() int {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.turn
}

// held shows what the capture waits for while it goes on; nil ends it.
func (e *entry) held(err error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	phase := e.state.Phase
	if e.smooth != nil {
		phase = e.smooth.phase
	}
	e.disturb(phase, err)
}

// slow shows trouble with server or broker while the capture goes on; nil ends it.
func (e *entry) slow(err error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.disturb(capturev1.Phase_PHASE_RETRYING, err)
}

func (e *entry) disturb(phase capturev1.Phase, err error) {
	switch {
	case err == nil && e.smooth != nil:
		e.state.Phase, e.state.Reason = e.smooth.phase, e.smooth.reason
		e.smooth = nil
	case err != nil:
		if e.smooth == nil {
			e.smooth = &shownPhase{e.state.Phase, e.state.Reason}
		}
		e.state.Phase, e.state.Reason = phase, e.hidden(err.Error())
	}
}

// snapshotting shows a snapshot; why says what is unusual about it and may be empty.
func (e *entry) snapshotting(q *snapshot.Queue, why string) {
	reason := "Reading the captured tables."
	if why != "" {
		reason = "Reading the captured tables: " + why + ". Rows that were deleted meanwhile have no event."
	}
	e.set(capturev1.Phase_PHASE_SNAPSHOTTING, reason)
	e.mu.Lock()
	defer e.mu.Unlock()
	e.state.Snapshots = nil
	for _, t := range q.Tables() {
		e.state.Snapshots = append(e.state.Snapshots, &capturev1.TableSnapshot{Table: t.Name, RowsEstimated: t.RowsEstimate, RangesTotal: int32(t.Ranges)})
	}
}

func (e *entry) snapshotted() {
	e.mu.Lock()
	defer e.mu.Unlock()
	for _, t := range e.state.Snapshots {
		t.Completed, t.RangesDone = true, t.RangesTotal
	}
}

// delivered notes durable records, and what tables look like from them on.
func (e *entry) delivered(b *stage.Tally, versions []*capturev1.CapturedTable, now time.Time, exactlyOnce bool) {
	e.mu.Lock()
	defer e.mu.Unlock()
	st := e.state
	for _, c := range b.Counts {
		if c.Op != change.Read {
			st.RowsDelivered += c.Events
		}
	}
	e.describeTables(versions)
	e.countTables(b.Counts)
	if len(b.Counts) > 0 {
		e.lastEvent = now
	}
	st.ExactlyOnce = exactlyOnce
	st.TransactionsDelivered += int64(b.Transactions)
	if b.Transactions > 0 {
		st.LastCommitTime = timestamppb.New(time.UnixMicro(b.Last.CommitTime))
	}
	if b.Changed > 0 {
		st.CommitToKafka = durationpb.New(now.Sub(time.UnixMicro(b.Newest)))
		e.ages.Observe(now, now.Sub(time.UnixMicro(b.Oldest)), b.Changed)
	}
	if b.Incremental != nil {
		e.incremental = b.Incremental
	}
	if b.At.Commit > 0 {
		st.DurableLsn = b.At.Commit.String()
	}
	for _, step := range b.Reads {
		for _, t := range st.Snapshots {
			if t.Table == step.Table {
				t.RowsDone += step.Rows
				if step.Done {
					t.RangesDone++
					t.Completed = t.RangesDone >= t.RangesTotal
				}
			}
		}
	}
}

// notShown logs why the slot could not be looked at.
func (e *entry) notShown(err error) {
	slog.Error("the slot of a capture could not be looked at", "connector", e.name, "err", err)
}

// snapshot copies the state, with what changes all the time as of now.
func (e *entry) snapshot() *capturev1.Capture {
	e.mu.Lock()
	defer e.mu.Unlock()
	out := cloneCapture(e.state)
	out.CommitToKafkaLatency = e.ages.Summary(time.Now())
	if e.reader != nil {
		out.ReceivedLsn = e.reader.conn.Received().String()
		out.InFlightBytes = int64(e.reader.stage.Load().Bytes)
	}
	return out
}

// streamReader is the reader of the stream; nil unless streaming.
func (e *entry) streamReader() *liveStream {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.reader
}

// incrementalSnapshot shows the durable progress of incremental snapshots.
func (e *entry) incrementalSnapshot() *capturev1.IncrementalSnapshot {
	e.mu.Lock()
	defer e.mu.Unlock()
	return incrementalMessage(e.incremental, e.hidden)
}

// incrementalMessage shows a progress; nil is one without tables.
func incrementalMessage(p *progress.Incremental, hidden func(string) string) *capturev1.IncrementalSnapshot {
	if p == nil {
		return new(capturev1.IncrementalSnapshot)
	}
	out := &capturev1.IncrementalSnapshot{Paused: p.Paused}
	add := func(c progress.Collection, state capturev1.IncrementalTable_State, rows int64) *capturev1.IncrementalTable {
		t := &capturev1.IncrementalTable{Table: c.Table.String(), State: state, Condition: c.Filter, RowsDone: rows, RowsEstimated: c.Estimate}
		out.Tables = append(out.Tables, t)
		return t
	}
	for _, c := range p.Ended {
		switch {
		case c.Err != nil:
			add(c.Collection, capturev1.IncrementalTable_STATE_FAILED, c.Rows).Reason = hidden(c.Err.Error())
		case c.Stopped:
			add(c.Collection, capturev1.IncrementalTable_STATE_STOPPED, c.Rows)
		default:
			add(c.Collection, capturev1.IncrementalTable_STATE_COMPLETED, c.Rows)
		}
	}
	for i, c := range p.Collections {
		if i > 0 {
			add(c, capturev1.IncrementalTable_STATE_WAITING, 0)
			continue
		}
		t := add(c, capturev1.IncrementalTable_STATE_READING, p.Rows)
		t.LastKey, t.MaxKey = p.Last.Texts("NULL"), p.Max.Texts("NULL")
	}
	return out
}

// polled notes rows that a poll delivered.
func (e *entry) polled(n int, exactlyOnce bool) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.state.RowsDelivered += int64(n)
	e.state.ExactlyOnce = exactlyOnce
}

// all returns the entries by name.
func (b *Board) all() []*entry {
	b.mu.Lock()
	defer b.mu.Unlock()
	out := make([]*entry, 0, len(b.entries))
	for _, e := range b.entries {
		out = append(out, e)
	}
	slices.SortFunc(out, func(a, b *entry) int { return strings.Compare(a.name, b.name) })
	return out
}

func (b *Board) find(name string) *entry {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.entries[name]
}
