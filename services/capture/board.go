package capture

import (
	"context"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/jackc/pgx/v5"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/metric"
	"google.golang.org/protobuf/types/known/durationpb"
	"google.golang.org/protobuf/types/known/timestamppb"

	capturev1 "github.com/calypso-cdc/calypso/gen/calypso/capture/v1"
	"github.com/calypso-cdc/calypso/libs/change"
	"github.com/calypso-cdc/calypso/libs/connector"
	"github.com/calypso-cdc/calypso/libs/latency"
	"github.com/calypso-cdc/calypso/libs/pgrepl"
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
	board    *Board
	name     string
	settings *settings

	mu     sync.Mutex
	state  *capturev1.Capture // guarded by mu
	reader *reader            // guarded by mu; nil unless streaming
	ages   latency.Window     // guarded by mu; of transactions when they were durable in Kafka
	// incremental is the durable progress of incremental snapshots; guarded by mu, never changed in place; nil before
	// streaming.
	incremental *incrementalProgress
	// tables are those captured, by name, without their states; guarded by mu.
	tables map[string]*capturev1.CapturedTable
	// slot was read at slotAt. Both are guarded by slotMu, which is held while the server is asked.
	slotMu sync.Mutex
	slot   *capturev1.Slot
	slotAt time.Time
}

func (b *Board) add(env connector.TaskEnv, s *settings) *entry {
	e := &entry{board: b, name: env.Connector, settings: s, state: &capturev1.Capture{Connector: env.Connector, WorkerId: env.WorkerID}, tables: make(map[string]*capturev1.CapturedTable)}
	b.mu.Lock()
	defer b.mu.Unlock()
	b.entries[env.Connector] = e
	return e
}

// remove takes the entry off, unless a newer task of the same connector has taken its place. A failed one stays.
func (e *entry) remove() {
	e.mu.Lock()
	failed := e.state.Phase == capturev1.Phase_PHASE_FAILED
	e.reader = nil
	e.mu.Unlock()
	e.board.mu.Lock()
	defer e.board.mu.Unlock()
	if e.board.entries[e.name] == e && !failed {
		delete(e.board.entries, e.name)
	}
}

func (e *entry) set(phase capturev1.Phase, reason string) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.state.Phase, e.state.Reason = phase, reason
	if phase != capturev1.Phase_PHASE_STREAMING {
		e.reader = nil
	}
}

func (e *entry) connecting() {
	e.set(capturev1.Phase_PHASE_CONNECTING, "Connecting to source and broker.")
}

func (e *entry) failed(err error) { e.set(capturev1.Phase_PHASE_FAILED, err.Error()) }

func (e *entry) idle(why string) { e.set(capturev1.Phase_PHASE_STREAMING, why) }

func (e *entry) retrying(err error) {
	e.set(capturev1.Phase_PHASE_RETRYING, err.Error())
	e.mu.Lock()
	e.state.Reconnects++
	e.mu.Unlock()
}

func (e *entry) streaming(r *reader, at pgrepl.Position) {
	e.set(capturev1.Phase_PHASE_STREAMING, "Streaming from slot "+e.settings.slot+".")
	e.mu.Lock()
	defer e.mu.Unlock()
	e.reader, e.incremental = r, r.incremental.progress
	e.state.DurableLsn = at.Commit.String()
}

// slow shows trouble with the broker while streaming goes on; nil ends it.
func (e *entry) slow(err error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.state.Phase, e.state.Reason = capturev1.Phase_PHASE_STREAMING, "Streaming from slot "+e.settings.slot+"."
	if err != nil {
		e.state.Phase, e.state.Reason = capturev1.Phase_PHASE_RETRYING, err.Error()
	}
}

func (e *entry) snapshotting(q *rangeQueue) {
	e.set(capturev1.Phase_PHASE_SNAPSHOTTING, "Reading the captured tables.")
	e.mu.Lock()
	defer e.mu.Unlock()
	e.state.Snapshots = nil
	for _, t := range q.tables {
		e.state.Snapshots = append(e.state.Snapshots, &capturev1.TableSnapshot{Table: t.String(), RowsEstimated: t.RowEstimate, RangesTotal: int32(t.left)})
	}
}

func (e *entry) snapshotted() {
	e.mu.Lock()
	defer e.mu.Unlock()
	for _, t := range e.state.Snapshots {
		t.Completed, t.RangesDone = true, t.RangesTotal
	}
}

// delivered notes durable records.
func (e *entry) delivered(b *tally, now time.Time, exactlyOnce bool) {
	e.mu.Lock()
	defer e.mu.Unlock()
	st := e.state
	for _, c := range b.counts {
		if c.op != change.Read {
			st.RowsDelivered += c.n
		}
	}
	e.countTables(b.counts)
	st.ExactlyOnce = exactlyOnce
	st.TransactionsDelivered += int64(b.transactions)
	if b.transactions > 0 {
		st.LastCommitTime = timestamppb.New(time.UnixMicro(b.commitTime))
	}
	if b.changed > 0 {
		st.CommitToKafka = durationpb.New(now.Sub(time.UnixMicro(b.newest)))
		e.ages.Observe(now, now.Sub(time.UnixMicro(b.oldest)), b.changed)
	}
	if b.incremental != nil {
		e.incremental = b.incremental
	}
	if b.at.Commit > 0 {
		st.DurableLsn = b.at.Commit.String()
	}
	for _, step := range b.steps {
		for _, t := range st.Snapshots {
			if t.Table == step.table {
				t.RowsDone += step.rows
				if step.done {
					t.RangesDone++
					t.Completed = t.RangesDone >= t.RangesTotal
				}
			}
		}
	}
}

// snapshot copies the state, with what changes all the time as of now.
func (e *entry) snapshot() *capturev1.Capture {
	e.mu.Lock()
	defer e.mu.Unlock()
	out := cloneCapture(e.state)
	out.CommitToKafkaLatency = e.ages.Summary(time.Now())
	if e.reader != nil {
		out.ReceivedLsn = e.reader.conn.Received().String()
		out.InFlightBytes = int64(e.reader.stage.inFlight())
	}
	return out
}

// streamReader is the reader of the stream; nil unless streaming.
func (e *entry) streamReader() *reader {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.reader
}

// incrementalSnapshot shows the durable progress of incremental snapshots.
func (e *entry) incrementalSnapshot() *capturev1.IncrementalSnapshot {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.incremental.message()
}

// message shows a progress; nil is one without tables.
func (p *incrementalProgress) message() *capturev1.IncrementalSnapshot {
	if p == nil {
		return new(capturev1.IncrementalSnapshot)
	}
	out := &capturev1.IncrementalSnapshot{Paused: p.Paused}
	add := func(c collection, state capturev1.IncrementalTable_State, rows int64) *capturev1.IncrementalTable {
		t := &capturev1.IncrementalTable{Table: c.Table.String(), State: state, Condition: c.Filter, RowsDone: rows, RowsEstimated: c.Estimate}
		out.Tables = append(out.Tables, t)
		return t
	}
	for _, c := range p.ended {
		switch {
		case c.err != nil:
			add(c.collection, capturev1.IncrementalTable_STATE_FAILED, c.rows).Reason = c.err.Error()
		case c.stopped:
			add(c.collection, capturev1.IncrementalTable_STATE_STOPPED, c.rows)
		default:
			add(c.collection, capturev1.IncrementalTable_STATE_COMPLETED, c.rows)
		}
	}
	for i, c := range p.Collections {
		if i > 0 {
			add(c, capturev1.IncrementalTable_STATE_WAITING, 0)
			continue
		}
		t := add(c, capturev1.IncrementalTable_STATE_READING, p.Rows)
		t.LastKey, t.MaxKey = p.Last, p.Max
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

// slotMaxAge is how old a shown slot state may be.
const slotMaxAge = 5 * time.Second

// withSlot asks the server for the slot's state, at most every slotMaxAge.
func (e *entry) withSlot(ctx context.Context) *capturev1.Capture {
	out := e.snapshot()
	if e.settings.slot == "" { // a connector that polls
		return out
	}
	e.slotMu.Lock()
	defer e.slotMu.Unlock()
	if time.Since(e.slotAt) > slotMaxAge {
		e.slotAt = time.Now()
		e.slot = e.readSlot(ctx)
	}
	out.Slot = e.slot
	return out
}

// readSlot returns nil where the server cannot be asked: the phase says why.
func (e *entry) readSlot(ctx context.Context) *capturev1.Slot {
	ctx, cancel := context.WithTimeout(ctx, 3*time.Second)
	defer cancel()
	conn, err := e.settings.connection.Connect(ctx)
	if err != nil {
		return nil
	}
	defer func(c *pgx.Conn) { c.Close(context.WithoutCancel(ctx)) }(conn)
	server, err := pgrepl.InspectServer(ctx, conn)
	if err != nil {
		return nil
	}
	slot, err := pgrepl.InspectSlot(ctx, conn, server, e.settings.slot)
	if err != nil {
		return nil
	}
	if slot == nil {
		return &capturev1.Slot{Name: e.settings.slot, Missing: true}
	}
	return &capturev1.Slot{
		Name: slot.Name, Plugin: slot.Plugin, Publication: e.settings.publication.Name, RestartLsn: slot.RestartLSN.String(),
		ConfirmedFlushLsn: slot.ConfirmedFlush.String(), RetainedBytes: slot.Retained, WalStatus: slot.WALStatus, SafeWalBytes: slot.SafeWAL, Active: slot.Active,
		ActivePid: slot.ActivePID, Failover: slot.Failover,
	}
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

// observe registers the gauges that show the board.
func (b *Board) observe(meter metric.Meter) error {
	gauge := func(name, help string) metric.Int64ObservableGauge {
		g, err := meter.Int64ObservableGauge(name, metric.WithDescription(help))
		if err != nil {
			panic(err) // the names are constants
		}
		return g
	}
	received := gauge("cdc_capture_received_lsn", "End of the server's log as last heard.")
	confirmed := gauge("cdc_capture_confirmed_lsn", "Position confirmed to the server.")
	lag := gauge("cdc_capture_slot_lag_bytes", "Bytes of log between the last heard end and the confirmed position.")
	inFlight := gauge("cdc_capture_inflight_bytes", "Encoded events that are not durable in Kafka yet.")
	retained := gauge("cdc_capture_slot_retained_wal_bytes", "Bytes of log that the server keeps for the slot.")
	safe := gauge("cdc_capture_slot_safe_wal_bytes", "Bytes that may be written before the slot is lost; -1 if unlimited.")
	active := gauge("cdc_capture_slot_active", "1 if somebody reads the slot.")
	status := gauge("cdc_capture_slot_wal_status", "1 for the state that the slot's log is in.")
	_, err := meter.RegisterCallback(func(ctx context.Context, o metric.Observer) error {
		for _, e := range b.all() {
			of := metric.WithAttributes(attribute.String("connector", e.name))
			e.mu.Lock()
			r := e.reader
			e.mu.Unlock()
			if r == nil {
				continue
			}
			conn, st := r.conn, r.stage
			o.ObserveInt64(received, int64(conn.Received()), of)
			o.ObserveInt64(confirmed, int64(conn.Confirmed()), of)
			o.ObserveInt64(lag, int64(conn.Received()-min(conn.Received(), conn.Confirmed())), of)
			o.ObserveInt64(inFlight, int64(st.inFlight()), of)
			if s := e.withSlot(ctx).Slot; s != nil && !s.Missing {
				o.ObserveInt64(retained, s.RetainedBytes, of)
				o.ObserveInt64(safe, s.SafeWalBytes, of)
				n := int64(0)
				if s.Active {
					n = 1
				}
				o.ObserveInt64(active, n, of)
				o.ObserveInt64(status, 1, metric.WithAttributes(attribute.String("connector", e.name), attribute.String("status", s.WalStatus)))
			}
		}
		return nil
	}, received, confirmed, lag, inFlight, retained, safe, active, status)
	return err
}
