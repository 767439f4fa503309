// Package nemesis decides what happens to a pipeline that works: its tables are changed in bulk and altered, its
// connectors paused, restarted and configured, snapshots signalled, its services killed and its networks broken.
//
// Model. A Machine is in a State, which is what the steps before have made of the pipeline. Next draws one of the
// actions that the state allows, by weight, with all that there is to choose about it, and moves on. Nothing is done
// here: whoever runs the machine does the steps.
//
// Guarantee. The same seed gives the same steps.
package nemesis

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"time"
)

// Action is what a step does.
type Action string

const (
	// Insert, Update and Delete change Rows rows of table Of in one transaction, Truncate empties it.
	Insert   Action = "insert rows"
	Update   Action = "update rows"
	Delete   Action = "delete rows"
	Truncate Action = "truncate"
	// AddColumn adds column Of to the first table, with a default, DropColumn drops it, RenameColumn renames it to To.
	AddColumn    Action = "add column"
	DropColumn   Action = "drop column"
	RenameColumn Action = "rename column"
	// NewTable makes table Of with Rows rows, and configures the source to capture it.
	NewTable Action = "new table"
	// Pause, Stop and Resume change the state of connector Of, Restart restarts its tasks.
	Pause   Action = "pause"
	Stop    Action = "stop"
	Resume  Action = "resume"
	Restart Action = "restart"
	// Configure sets the key To of connector Of to Value, by a PUT of its whole configuration.
	Configure Action = "configure"
	// Snapshot signals an incremental snapshot of table Of.
	Snapshot Action = "signal a snapshot"
	// Fingerprint takes the fingerprint of table Of, a state that the stream must pass through.
	Fingerprint Action = "take the fingerprint"
	// Kill ends server Of as kill -9 does, and starts it again.
	Kill Action = "kill -9"
	// Break breaks network Of in the way To, and heals it.
	Break Action = "break the network"
)

// What a pipeline has, by the names that steps call it.
const (
	Source     = "source"
	Rows       = "rows"
	Current    = "current"
	FirstTable = "ledger"
)

var (
	// Connectors are the source and two sinks of its first table.
	Connectors = []string{Source, Rows, Current}
	// Servers are the processes that can be killed.
	Servers = []string{"capture", "sink", "admin", "localadx", "kafka", "postgres"}
	// Networks are the connections that can be broken, Ways how.
	Networks = []string{"database", "broker", "adx", "storage"}
	Ways     = []string{"reset", "cut", "stall", "slow", "cut later"}
)

// settings are the values that Configure chooses from, of each connector's keys.
var settings = map[string][]struct {
	key    string
	values []string
}{
	Source: {
		{"max.batch.size", []string{"100", "500", "2048"}},
		{"incremental.snapshot.chunk.size", []string{"16", "200", "1024"}},
		{"heartbeat.interval.ms", []string{"0", "500"}},
	},
	Rows: {
		{"flush.interval.ms", []string{"500", "1000", "2000"}},
		{"flush.size.bytes", []string{"20000", "200000", "1000000"}},
		{"tasks.max", []string{"1", "2", "3"}},
	},
	Current: {
		{"flush.interval.ms", []string{"500", "1000", "2000"}},
		{"tasks.max", []string{"1", "2", "3"}},
	},
}

// Step is one thing that happens.
type Step struct {
	// Number counts from 1.
	Number int
	Action Action
	// Of is what it is done to. To, Value and Rows are as the action says.
	Of, To, Value string
	Rows          int
	// Wait is how long nothing else happens afterwards.
	Wait time.Duration
}

func (s Step) String() string {
	text := fmt.Sprintf("%d: %s %s", s.Number, s.Action, s.Of)
	if s.To != "" {
		text += ", " + s.To
	}
	if s.Value != "" {
		text += "=" + s.Value
	}
	if s.Rows > 0 {
		text += fmt.Sprintf(", %d rows", s.Rows)
	}
	return text + fmt.Sprintf("; then %v", s.Wait)
}

// State is what the steps so far have made of the pipeline.
type State struct {
	// Tables are the captured tables, the first one first.
	Tables []string
	// Columns are those that were added to the first table and are there.
	Columns []string
	// Idle are the connectors that are paused or stopped.
	Idle []string
	// Snapshots counts those that were signalled, by table.
	Snapshots map[string]int
	// names counts the names given to tables and columns: none is given twice.
	names int
}

// At most that many of each exist at a time, or in a machine's whole life for tables and snapshots,
// so that a run can be verified in reasonable time.
const (
	mostColumns, mostTables, mostSnapshots = 3, 4, 8
)

// rule says when an action may happen, how often compared with others, with what choices, and what it changes.
type rule struct {
	action Action
	weight int
	// allowed is the precondition.
	allowed func(State) bool
	// draw chooses what is done; the action and the number are filled in.
	draw func(State, *rand.Rand) Step
	// after is the state that follows; nil where it stays. It may change what it is given.
	after func(State, Step) State
}

func pick[T any](r *rand.Rand, from []T) T { return from[r.IntN(len(from))] }

func always(State) bool { return true }

func hasColumns(s State) bool { return len(s.Columns) > 0 }

// running are the connectors that are not idle.
func (s State) running() []string {
	return slices.DeleteFunc(slices.Clone(Connectors), func(c string) bool { return slices.Contains(s.Idle, c) })
}

func someRun(s State) bool { return len(s.running()) > 0 }

func bulk(s State, r *rand.Rand) Step { return Step{Of: pick(r, s.Tables), Rows: 1 + r.IntN(1500)} }

func ofTable(s State, r *rand.Rand) Step { return Step{Of: pick(r, s.Tables)} }

func ofColumn(s State, r *rand.Rand) Step { return Step{Of: pick(r, s.Columns)} }

func ofRunning(s State, r *rand.Rand) Step { return Step{Of: pick(r, s.running())} }

func idle(s State, step Step) State {
	s.Idle = append(s.Idle, step.Of)
	return s
}

func withoutColumn(s State, step Step) State {
	s.Columns = slices.DeleteFunc(s.Columns, func(c string) bool { return c == step.Of })
	return s
}

func named(s State) State {
	s.names++
	return s
}

func signalled(s State) (n int) {
	for _, count := range s.Snapshots {
		n += count
	}
	return n
}

var rules = []rule{
	{Insert, 6, always, bulk, nil},
	{Update, 6, always, bulk, nil},
	{Delete, 4, always, bulk, nil},
	{Truncate, 2, always, ofTable, nil},
	{AddColumn, 5, func(s State) bool { return len(s.Columns) < mostColumns },
		func(s State, _ *rand.Rand) Step { return Step{Of: fmt.Sprintf("extra_%d", s.names+1)} },
		func(s State, step Step) State {
			s.Columns = append(s.Columns, step.Of)
			return named(s)
		}},
	{DropColumn, 3, hasColumns, ofColumn, withoutColumn},
	{RenameColumn, 3, hasColumns,
		func(s State, r *rand.Rand) Step {
			step := ofColumn(s, r)
			step.To = fmt.Sprintf("extra_%d", s.names+1)
			return step
		},
		func(s State, step Step) State {
			s = withoutColumn(s, step)
			s.Columns = append(s.Columns, step.To)
			return named(s)
		}},
	{NewTable, 3, func(s State) bool { return len(s.Tables) < mostTables && !slices.Contains(s.Idle, Source) },
		func(s State, r *rand.Rand) Step {
			return Step{Of: fmt.Sprintf("side_%d", s.names+1), Rows: 1 + r.IntN(300)}
		},
		func(s State, step Step) State {
			s.Tables = append(s.Tables, step.Of)
			return named(s)
		}},
	{Pause, 4, someRun, ofRunning, idle},
	{Stop, 2, someRun, ofRunning, idle},
	{Resume, 12, func(s State) bool { return len(s.Idle) > 0 },
		func(s State, r *rand.Rand) Step { return Step{Of: pick(r, s.Idle)} },
		func(s State, step Step) State {
			s.Idle = slices.DeleteFunc(s.Idle, func(c string) bool { return c == step.Of })
			return s
		}},
	{Restart, 4, someRun, ofRunning, nil},
	{Configure, 6, always, func(_ State, r *rand.Rand) Step {
		step := Step{Of: pick(r, Connectors)}
		setting := pick(r, settings[step.Of])
		step.To, step.Value = setting.key, pick(r, setting.values)
		return step
	}, nil},
	{Snapshot, 5, func(s State) bool { return signalled(s) < mostSnapshots }, ofTable, func(s State, step Step) State {
		s.Snapshots[step.Of]++
		return s
	}},
	{Fingerprint, 6, always, ofTable, nil},
	{Kill, 18, always, func(_ State, r *rand.Rand) Step { return Step{Of: pick(r, Servers)} }, nil},
	{Break, 8, always, func(_ State, r *rand.Rand) Step { return Step{Of: pick(r, Networks), To: pick(r, Ways)} }, nil},
}

// Machine draws steps. Make it with New.
type Machine struct {
	random *rand.Rand
	state  State
	steps  int
}

// New makes a machine for a pipeline of the first table whose connectors run.
func New(seed uint64) *Machine {
	return &Machine{random: rand.New(rand.NewPCG(seed, 1)),
		state: State{Tables: []string{FirstTable}, Snapshots: map[string]int{}}}
}

// State is what the steps that were drawn make of the pipeline. It is the machine's: whoever asks does not change it.
func (m *Machine) State() State { return m.state }

// Next draws a step that the state allows, and moves on.
func (m *Machine) Next() Step {
	var allowed []rule
	weights := 0
	for _, r := range rules {
		if r.allowed(m.state) {
			allowed = append(allowed, r)
			weights += r.weight
		}
	}
	at := m.random.IntN(weights)
	for _, r := range allowed {
		if at -= r.weight; at >= 0 {
			continue
		}
		step := r.draw(m.state, m.random)
		m.steps++
		step.Number, step.Action = m.steps, r.action
		step.Wait = time.Duration(m.random.IntN(2000)) * time.Millisecond
		if r.after != nil {
			m.state = r.after(m.state, step)
		}
		return step
	}
	panic("weights add up to less than themselves")
}

// Settle draws the steps after which all connectors run.
func (m *Machine) Settle() []Step {
	var steps []Step
	for _, c := range m.state.Idle {
		m.steps++
		steps = append(steps, Step{Number: m.steps, Action: Resume, Of: c})
	}
	m.state.Idle = nil
	return steps
}
