package status

import (
	"context"
	"slices"
	"sync"
	"time"

	"github.com/calypso-cdc/calypso/libs/connector"
	"github.com/calypso-cdc/calypso/libs/debezium"
	"github.com/calypso-cdc/calypso/libs/latency"
	"github.com/calypso-cdc/calypso/services/capture/internal/progress"
	"github.com/calypso-cdc/calypso/services/capture/internal/slot"
)

// Capture is what is known of one capture.
type Capture struct {
	name string
	// hidden removes secrets from texts that are shown.
	hidden func(string) string
	// slot is nil for a connector that has none.
	slot *slot.View
	// Losses are what the connector's events lack.
	Losses *Losses
	// config is the configuration of a connector that does not run; nil for one that does.
	config map[string]string

	mu    sync.Mutex
	state State // guarded by mu, as are all below; now() adds what changes all the time
	turn  int   // counts the phases
	// positioned is true once it is known how far the connector had come.
	positioned bool
	// trouble is shown in place of the phase; nil if there is none.
	trouble *trouble
	// counters reads the counters of the stream; nil unless streaming.
	counters func() Counters
	ages     latency.Window // the ages of transactions when they became durable in Kafka
	// incremental is the durable progress of incremental snapshots, which is never changed in place; nil before streaming.
	incremental *progress.Incremental
	tables      tables
}

// trouble is what a capture waits for without leaving its phase.
type trouble struct {
	phase  Phase
	reason string
}

// NewCapture makes the status of a connector; slot is nil for one that has none.
func NewCapture(env connector.TaskEnv, slot *slot.View) *Capture {
	return &Capture{
		name: env.Connector, hidden: env.Hidden, slot: slot, tables: make(tables), Losses: NewLosses(env),
		state: State{Connector: env.Connector, Worker: env.WorkerID},
	}
}

// Name is the connector's name.
func (c *Capture) Name() string { return c.name }

// HasSlot reports whether the connector has a slot to look at.
func (c *Capture) HasSlot() bool { return c.slot != nil }

// Hidden removes the connector's secrets from a text.
func (c *Capture) Hidden(text string) string { return c.hidden(text) }

// Observe implements Observer.
func (c *Capture) Observe(e Event) {
	c.mu.Lock()
	defer c.mu.Unlock()
	switch e := e.(type) {
	case Connected:
		c.connecting()
	case Waits:
		c.enter(Connecting, e.Why)
	case SnapshotBegan:
		c.snapshotBegan(e)
	case StreamBegan:
		c.streamBegan(e)
	case Completed:
		c.enter(Complete, "The snapshot is complete and streaming is off (snapshot.mode).")
	case PollBegan:
		c.enter(Polling, "Polling "+e.What+".")
	case SessionFailed:
		c.state.Reconnects++
		c.enter(Retrying, e.Err.Error())
	case TaskFailed:
		c.enter(Failed, e.Err.Error())
		c.state.Background = nil
	case Held:
		c.disturb(c.state.Phase, e.Err)
	case Slow:
		c.disturb(Retrying, e.Err)
	default:
		c.note(e)
	}
}

// note handles the events that do not change the phase; the caller holds mu.
func (c *Capture) note(e Event) {
	switch e := e.(type) {
	case TakenUp:
		c.state.Durable, c.positioned = e.At.Commit, true
	case Found:
		c.tables = c.tables.found(e.Tables)
	case SnapshotEnded:
		for i := range c.state.Snapshots {
			t := &c.state.Snapshots[i]
			t.Completed, t.Done = true, t.Ranges
		}
	case *Delivered:
		c.delivered(e)
	case Worked:
		c.worked(e)
	case Polled:
		c.state.Rows += int64(e.Rows)
		c.state.ExactlyOnce = e.ExactlyOnce
	}
}

// enter begins a phase if it may follow the present one, and reports whether it did; the caller
// holds mu.
func (c *Capture) enter(next Phase, reason string) bool {
	if !c.state.Phase.leadsTo(next) {
		return false
	}
	c.state.Phase, c.state.Reason, c.trouble = next, c.hidden(reason), nil
	c.turn++
	c.endStream()
	return true
}

// worked notes the outcome of background work; the caller holds mu.
func (c *Capture) worked(e Worked) {
	all := slices.Clone(c.state.Background) // copies of the state share it
	i := slices.IndexFunc(all, func(f BackgroundFailure) bool { return f.Work == e.Work })
	switch {
	case e.Err != nil && i < 0:
		all = append(all, BackgroundFailure{Work: e.Work, Since: time.Now()})
		i = len(all) - 1
	case e.Err == nil && i >= 0:
		all = slices.Delete(all, i, i+1)
	}
	if e.Err != nil {
		all[i].Reason, all[i].Remedy = c.hidden(e.Err.Error()), c.hidden(e.Remedy)
		all[i].Failures++
	}
	c.state.Background = all
}

// connecting begins a session; the caller holds mu. Meanwhile it still shows why the last one
// failed: a server that keeps each attempt waiting would otherwise hide that nearly all the time.
func (c *Capture) connecting() {
	var last *trouble
	if c.state.Phase == Retrying {
		last = &trouble{Retrying, c.state.Reason}
	}
	if c.enter(Connecting, "Connecting to source and broker.") {
		c.trouble, c.state.Background = last, nil
	}
}

// endStream adds the counters of the stream that ends to the sums; the caller holds mu.
func (c *Capture) endStream() {
	if c.counters != nil {
		last := c.counters()
		c.state.WALBytes += last.WALBytes
		c.state.Waited += last.Waited
		c.counters = nil
	}
}

// disturb shows a phase and an error in place of the present phase, or that phase again if err is
// nil; the caller holds mu. It does nothing for a task that failed, which waits for nothing.
func (c *Capture) disturb(phase Phase, err error) {
	if c.trouble = nil; err != nil && c.state.Phase != Failed {
		c.trouble = &trouble{phase, c.hidden(err.Error())}
	}
}

func (c *Capture) snapshotBegan(e SnapshotBegan) {
	reason := "Reading the captured tables."
	if e.Why != "" {
		reason = "Reading the captured tables: " + e.Why + ". Rows that were deleted meanwhile have no event."
	}
	if c.enter(Snapshotting, reason) {
		c.state.Snapshots = slices.Clone(e.Tables)
	}
}

func (c *Capture) streamBegan(e StreamBegan) {
	if c.enter(Streaming, "Streaming from slot "+e.Slot+".") {
		c.counters, c.incremental = e.Counters, e.Incremental
		c.state.Durable = e.At.Commit
	}
}

// delivered notes durable records; the caller holds mu.
func (c *Capture) delivered(d *Delivered) {
	s := &c.state
	for i := range d.Summary.Counts {
		if d.Summary.Counts[i].Op != debezium.Read {
			s.Rows += d.Summary.Counts[i].Events
		}
	}
	for _, t := range d.Tables {
		c.tables.describe(t)
	}
	c.tables.count(d.Summary.Counts)
	if len(d.Summary.Counts) > 0 {
		s.LastEvent = d.At
	}
	s.ExactlyOnce = d.ExactlyOnce
	if d.Summary.Transactions > 0 {
		s.Transactions += int64(d.Summary.Transactions)
		s.LastCommit = time.UnixMicro(d.Summary.Last.CommitTime)
	}
	if d.Summary.Changed > 0 {
		age := d.At.Sub(time.UnixMicro(d.Summary.Newest))
		s.Age = &age
		c.ages.Observe(d.At, d.At.Sub(time.UnixMicro(d.Summary.Oldest)), d.Summary.Changed)
	}
	if d.Summary.Incremental != nil {
		c.incremental = d.Summary.Incremental
	}
	if d.Summary.At.Commit > 0 {
		s.Durable = d.Summary.At.Commit
	}
	for _, r := range d.Summary.Reads {
		if t := s.tableSnapshot(r.Table); t != nil {
			t.Rows += r.Rows
			if r.Done {
				t.Done++
				t.Completed = t.Done >= t.Ranges
			}
		}
	}
}

// State returns a copy of the state, with the values that change all the time as of now.
func (c *Capture) State() State {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.now()
}

// now returns the state with the values that change all the time; the caller holds mu.
func (c *Capture) now() State {
	out := c.state
	out.Background = append(c.Losses.All(), out.Background...)
	out.Snapshots = slices.Clone(out.Snapshots)
	out.Latency = c.ages.Distribution(time.Now())
	if c.counters != nil {
		now := c.counters()
		out.Stream = &now
		out.WALBytes += now.WALBytes
		out.Waited += now.Waited
	}
	if c.trouble != nil {
		out.Phase, out.Reason = c.trouble.phase, c.trouble.reason
	}
	return out
}

// Incremental is the durable progress of incremental snapshots; nil before streaming.
func (c *Capture) Incremental() *progress.Incremental {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.incremental
}

// How old the state of a slot may be when it is shown: of a connector that runs, and of one that
// does not.
const (
	slotMaxAge = 5 * time.Second
	idleMaxAge = 30 * time.Second
)

// Slot looks at the connector's slot; nil if it has none. The error says why the server could not
// be asked.
func (c *Capture) Slot(ctx context.Context) (*slot.Seen, error) {
	if c.slot == nil {
		return nil, nil
	}
	age := slotMaxAge
	if c.Idled() {
		age = idleMaxAge
	}
	return c.slot.Look(ctx, age, c.phases)
}

// Unread lists the tables with changes that are not durable in Kafka, as of the last look at the
// slot, which returned seen. The error says why that is not known.
func (c *Capture) Unread(seen *slot.Seen) ([]slot.Unread, error) {
	if c.slot == nil {
		return nil, nil
	}
	s := c.State()
	durable := s.Durable
	if seen != nil && seen.State != nil {
		durable = max(durable, seen.State.ConfirmedFlush)
	}
	if s.Stream != nil {
		durable = max(durable, s.Stream.Confirmed)
		if s.Stream.Bytes == 0 && s.Stream.Transactions == 0 { // all that was read is
			durable = max(durable, s.Stream.Received)
		}
	}
	return c.slot.Unread(durable)
}

// phases returns the number of the present phase (see slot.View.Look).
func (c *Capture) phases() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.turn
}

// Idled reports whether the connector does not run.
func (c *Capture) Idled() bool { return c.config != nil }

// Positioned reports whether it is known how far the connector had come, if it ever began.
func (c *Capture) Positioned() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.positioned
}

// NewIdle makes the status of a connector that does not run, with its configuration. The event
// TakenUp says how far it had come.
func NewIdle(env connector.TaskEnv, config map[string]string, slot *slot.View) *Capture {
	c := NewCapture(env, slot)
	c.config = config
	c.state.Reason = "Its task does not run; its slot is watched."
	return c
}

// Config is the configuration of a connector that does not run; nil for one that does.
func (c *Capture) Config() map[string]string { return c.config }
