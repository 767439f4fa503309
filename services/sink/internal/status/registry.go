package status

import (
	"context"
	"slices"
	"sync"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/calypso-cdc/calypso/services/sink/internal/batch"
	"github.com/calypso-cdc/calypso/services/sink/internal/memory"

	"github.com/calypso-cdc/calypso/libs/connector"
	"github.com/calypso-cdc/calypso/services/sink/internal/route"
)

// Registry shows what this worker's sink tasks are doing: tasks write, SinkService and metrics read.
type Registry struct {
	mu    sync.Mutex
	tasks map[string][]*Task // by connector

	// Memory is what all tasks hold.
	Memory memory.Process
}

// NewRegistry makes an empty registry.
func NewRegistry() *Registry { return &Registry{tasks: map[string][]*Task{}} }

func (r *Registry) Add(t *Task) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.tasks[t.env.Connector] = append(r.tasks[t.env.Connector], t)
}

func (r *Registry) Remove(t *Task) {
	r.mu.Lock()
	defer r.mu.Unlock()
	left := slices.DeleteFunc(r.tasks[t.env.Connector], func(other *Task) bool { return other == t })
	if r.tasks[t.env.Connector] = left; len(left) == 0 {
		delete(r.tasks, t.env.Connector)
	}
}

// Connectors returns the names of the connectors with tasks here, sorted.
func (r *Registry) Connectors() []string {
	r.mu.Lock()
	defer r.mu.Unlock()
	var names []string
	for name := range r.tasks {
		names = append(names, name)
	}
	slices.Sort(names)
	return names
}

func (r *Registry) Of(connector string) []*Task {
	r.mu.Lock()
	defer r.mu.Unlock()
	return slices.Clone(r.tasks[connector])
}

// EachLag tells how far each partition's commits are behind the log.
func (r *Registry) EachLag(each func(connector string, tp batch.Source, lag int64)) {
	for _, connector := range r.Connectors() {
		for _, t := range r.Of(connector) {
			t.mu.Lock()
			for tp, p := range t.partitions {
				if p.Committed >= 0 && p.End >= p.Committed {
					each(connector, tp, p.End-p.Committed)
				}
			}
			t.mu.Unlock()
		}
	}
}

// Task is what one task has done.
type Task struct {
	env       connector.TaskEnv
	memory    *memory.Share
	guarantee string
	// Troubles are what the task waits for, Notices what somebody should know or decide.
	Troubles *Troubles
	Notices  *Notices
	// logEnds asks for the ends of topics; nil before the task is a member of its group.
	logEnds func(ctx context.Context, topics []string) kadm.ListedOffsets

	mu         sync.Mutex
	partitions map[batch.Source]*Progress
	counts     Counts
	traces     RecentTraces
	latency    time.Duration
	ages       batch.Ages
	// openLetters are the dead letters that nobody is done with; nil if they were not counted.
	openLetters *int64
}

// Counts are what a task has done since it began. DeadLetters are those of SetAside that have a dead letter topic.
type Counts struct {
	Rows, Bytes, Batches, SetAside, DeadLetters, Tombstones, Deletes int64
}

// Progress is how far a partition is. Offsets are -1 where they are not known.
type Progress struct {
	// Route is where its rows go; zero before the first record.
	Route route.Route
	// Committed is the offset that is committed or may be, Position that after the last batch, End
	// the end of the log at the last fetch.
	Committed, Position, End int64
	// Holding is what was taken of the partition and is not in its table.
	Holding Holding
	// Rows are those that came into the table, the last of them at Ingested; whatever their origin
	// before there are any.
	Rows     int64
	Ingested time.Time
}

// Holding is what a partition has taken and has not brought into its table yet.
type Holding struct {
	// Oldest is when the oldest change of it was committed in the source, or produced; zero if it holds none.
	Oldest time.Time
	// Fills says that it is in a batch that waits for more.
	Fills bool
	// Next is the offset after the last record that was taken; -1 before the first.
	Next int64
}

// NewTask is the progress of a task that has done nothing yet. guarantee says in a sentence what delivery it has.
func NewTask(env connector.TaskEnv, held *memory.Share, guarantee string) *Task {
	return &Task{env: env, memory: held, guarantee: guarantee, partitions: map[batch.Source]*Progress{},
		Troubles: NewTroubles(env.Hidden), Notices: NewNotices(env)}
}

func (p *Task) partition(tp batch.Source) *Progress {
	if p.partitions[tp] == nil {
		p.partitions[tp] = &Progress{Committed: -1, Position: -1, Holding: Holding{Next: -1}}
	}
	return p.partitions[tp]
}

func (p *Task) Routed(tp batch.Source, r route.Route) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.partition(tp).Route = r
}

func (p *Task) Forget(tp batch.Source) {
	p.mu.Lock()
	defer p.mu.Unlock()
	delete(p.partitions, tp)
}

func (p *Task) Committed(tp batch.Source, offset int64) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.partition(tp).Committed = offset
}

// Kafka makes a client for questions about the task's topics.
func (p *Task) Kafka() (*kgo.Client, error) { return p.env.Kafka() }

// Holds notes what a partition holds now.
func (p *Task) Holds(tp batch.Source, h Holding) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.partition(tp).Holding = h
}

func (p *Task) Fetched(tp batch.Source, end int64) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.partition(tp).End = end
}

// Passed notes a batch without rows.
func (p *Task) Passed(b *batch.Batch) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.counts.Tombstones += b.Tombstones
	p.counts.Deletes += b.Deletes
}

func (p *Task) Ingested(tp batch.Source, b *batch.Batch) {
	p.Passed(b)
	p.mu.Lock()
	defer p.mu.Unlock()
	of := p.partition(tp)
	of.Position = b.Cut.End
	if b.Rows == 0 {
		return
	}
	now := time.Now()
	of.Rows, of.Ingested = of.Rows+b.Rows, now
	p.ages.Visible(now, b.AgeGroups)
	p.traces.Add(tp, b.Links, time.Now())
	p.counts.Rows += b.Rows
	p.counts.Bytes += b.Size
	p.counts.Batches++
	p.latency = now.Sub(b.Newest)
}

// Filled notes when rows last came into the table of partitions that have brought none yet.
func (p *Task) Filled(at time.Time, partitions []batch.Source) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, tp := range partitions {
		if of := p.partitions[tp]; of != nil && of.Ingested.IsZero() {
			of.Ingested = at
		}
	}
}

func (p *Task) SetAside(n int, dead bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.counts.SetAside += int64(n)
	if dead {
		p.counts.DeadLetters += int64(n)
	}
}

func (p *Task) Open(letters int64) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.openLetters = &letters
}

// Joined has the ends of topics asked for by a member of the task's group.
func (p *Task) Joined(logEnds func(ctx context.Context, topics []string) kadm.ListedOffsets) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.logEnds = logEnds
}

// Counted are the task's counts as of now.
func (p *Task) Counted() Counts {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.counts
}

// OpenDeadLetters are the dead letters that nobody is done with; nil if they were not counted.
func (p *Task) OpenDeadLetters() *int64 {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.openLetters
}

// EndOf is where a partition ended at the last fetch.
func (p *Task) EndOf(tp batch.Source) int64 {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.partition(tp).End
}
