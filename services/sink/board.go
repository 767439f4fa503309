package sink

import (
	"maps"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/calypso-cdc/calypso/services/sink/internal/batch"
	"github.com/calypso-cdc/calypso/services/sink/internal/memory"

	sinkv1 "github.com/calypso-cdc/calypso/gen/calypso/sink/v1"
	"github.com/calypso-cdc/calypso/libs/kusto"
	"github.com/calypso-cdc/calypso/services/sink/internal/route"
)

// Board shows what this worker's sink tasks are doing: tasks write, SinkService and metrics read.
type Board struct {
	mu    sync.Mutex
	tasks map[string][]*task // by connector

	// memory is what all tasks hold.
	memory memory.Process
}

// NewBoard makes an empty board.
func NewBoard() *Board { return &Board{tasks: map[string][]*task{}} }

func (b *Board) enter(t *task) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.tasks[t.env.Connector] = append(b.tasks[t.env.Connector], t)
}

func (b *Board) leave(t *task) {
	b.mu.Lock()
	defer b.mu.Unlock()
	left := slices.DeleteFunc(b.tasks[t.env.Connector], func(other *task) bool { return other == t })
	if b.tasks[t.env.Connector] = left; len(left) == 0 {
		delete(b.tasks, t.env.Connector)
	}
}

// connectors returns the names of the connectors with tasks here, sorted.
func (b *Board) connectors() []string {
	b.mu.Lock()
	defer b.mu.Unlock()
	var names []string
	for name := range b.tasks {
		names = append(names, name)
	}
	slices.Sort(names)
	return names
}

func (b *Board) of(connector string) []*task {
	b.mu.Lock()
	defer b.mu.Unlock()
	return slices.Clone(b.tasks[connector])
}

// eachLag tells how far each partition's commits are behind the log.
func (b *Board) eachLag(each func(connector string, tp batch.Source, lag int64)) {
	for _, connector := range b.connectors() {
		for _, t := range b.of(connector) {
			t.board.mu.Lock()
			for tp, p := range t.board.partitions {
				if p.committed >= 0 && p.end >= p.committed {
					each(connector, tp, p.end-p.committed)
				}
			}
			t.board.mu.Unlock()
		}
	}
}

// progress is what one task has done.
type progress struct {
	mu         sync.Mutex
	partitions map[batch.Source]*partitionProgress
	counts     counts
	traces     recentTraces
	lastError  string
	lastTime   time.Time
	// lastObstacle is what stood in the way then.
	lastObstacle sinkv1.Sink_Obstacle
	troubles     map[*trouble]bool
	// hidden takes secrets out of what is shown.
	hidden  func(string) string
	latency time.Duration
	ages    batch.Ages
	notices notices
	// openLetters are the dead letters that nobody is done with; nil if they were not counted.
	openLetters *int64
}

type counts struct {
	rows, bytes, batches, setAside, deadLetters, tombstones, deletes, retries int64
}

type partitionProgress struct {
	route     route.Route
	committed int64
	position  int64
	// end is the end of the log at the last fetch.
	end int64
	// rows are those in the table, the last since ingested; that of the table before there are any.
	rows     int64
	ingested time.Time
}

func newProgress(hidden func(string) string) *progress {
	return &progress{partitions: map[batch.Source]*partitionProgress{}, troubles: map[*trouble]bool{}, hidden: hidden}
}

func (p *progress) partition(tp batch.Source) *partitionProgress {
	if p.partitions[tp] == nil {
		p.partitions[tp] = &partitionProgress{committed: -1, position: -1}
	}
	return p.partitions[tp]
}

func (p *progress) aim(tp batch.Source, r route.Route) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.partition(tp).route = r
}

func (p *progress) forget(tp batch.Source) {
	p.mu.Lock()
	defer p.mu.Unlock()
	delete(p.partitions, tp)
}

func (p *progress) committed(tp batch.Source, offset int64) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.partition(tp).committed = offset
}

func (p *progress) fetched(tp batch.Source, end int64) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.partition(tp).end = end
}

// passed notes a batch without rows.
func (p *progress) passed(b *batch.Batch) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.counts.tombstones += b.Tombstones
	p.counts.deletes += b.Deletes
}

func (p *progress) ingested(tp batch.Source, b *batch.Batch) {
	p.passed(b)
	p.mu.Lock()
	defer p.mu.Unlock()
	of := p.partition(tp)
	of.position = b.Cut.End
	if b.Rows == 0 {
		return
	}
	now := time.Now()
	of.rows, of.ingested = of.rows+b.Rows, now
	p.ages.Visible(now, b.Cohorts)
	p.traces.add(tp, b.Links, time.Now())
	p.counts.rows += b.Rows
	p.counts.bytes += b.Size
	p.counts.batches++
	p.latency = now.Sub(b.Newest)
}

// filled notes when rows last came into the table of partitions that have brought none yet.
func (p *progress) filled(at time.Time, partitions []batch.Source) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, tp := range partitions {
		if of := p.partitions[tp]; of != nil && of.ingested.IsZero() {
			of.ingested = at
		}
	}
}

func (p *progress) setAside(n int, dead bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.counts.setAside += int64(n)
	if dead {
		p.counts.deadLetters += int64(n)
	}
}

// trouble is something that is tried again, or that waits for an answer, for as long as that lasts.
type trouble struct {
	said     string
	at       time.Time
	obstacle sinkv1.Sink_Obstacle
	// silent is the host that could not be reached, which is over as soon as it answers anybody; empty if that is not known.
	silent string
}

// obstacleOf is what stands in the way by an error.
func obstacleOf(err error) sinkv1.Sink_Obstacle {
	switch kusto.ObstacleOf(err) {
	case kusto.Unrelated:
		return sinkv1.Sink_OBSTACLE_ELSEWHERE
	case kusto.Throttling:
		return sinkv1.Sink_OBSTACLE_THROTTLED
	case kusto.Denial:
		return sinkv1.Sink_OBSTACLE_ACCESS_DENIED
	case kusto.Absence:
		return sinkv1.Sink_OBSTACLE_TARGET_MISSING
	}
	return sinkv1.Sink_OBSTACLE_CLUSTER
}

// retrying notes an attempt that failed and is repeated.
func (p *progress) retrying(of *trouble, err error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.counts.retries++
	p.have(of, err, kusto.SilentHost(err))
	p.lastError, p.lastTime, p.lastObstacle = of.said, of.at, of.obstacle
}

// waits notes what a call waits for before it has returned.
func (p *progress) waits(of *trouble, why error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.have(of, why, "")
}

// have notes a trouble; p.mu is held.
func (p *progress) have(of *trouble, why error, silent string) {
	*of = trouble{strings.ToValidUTF8(p.hidden(why.Error()), "\uFFFD"), time.Now(), obstacleOf(why), silent}
	p.troubles[of] = true
}

// over ends a trouble, if there was one.
func (p *progress) over(of *trouble) {
	p.mu.Lock()
	defer p.mu.Unlock()
	delete(p.troubles, of)
}

// answered ends the troubles of all whose host has answered since, though they will try again only later.
func (p *progress) answered(by *kusto.Watch) {
	p.mu.Lock()
	defer p.mu.Unlock()
	maps.DeleteFunc(p.troubles, func(of *trouble, _ bool) bool { return of.silent != "" && by.Answered(of.silent) })
}

// latest is the trouble that came last; nil without any. p.mu is held.
func (p *progress) latest() *trouble {
	var latest *trouble
	for of := range p.troubles {
		if latest == nil || of.at.After(latest.at) {
			latest = of
		}
	}
	return latest
}

func (p *progress) open(letters int64) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.openLetters = &letters
}
