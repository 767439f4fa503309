package status

import (
	"context"
	"maps"
	"slices"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"

	"github.com/calypso-cdc/calypso/libs/latency"
	"github.com/calypso-cdc/calypso/services/sink/internal/batch"
)

// State is what a task has done, and what holds of it, at a moment.
type State struct {
	// Guarantee says in a sentence what delivery the task has, Worker where it runs.
	Guarantee, Worker string
	Counts            Counts
	Partitions        map[batch.Source]Progress
	Difficulty        Difficulty
	// Notices are those that hold now, oldest first: the task's, and of one task those of the
	// connector that last.
	Notices []*Notice
	// Traces are the sampled ones whose rows came into the table last, oldest first.
	Traces RecentTraces
	// Latency is from the last batch's newest record to its rows being in the table; Committed and
	// Produced are the ages of rows in the last minutes.
	Latency             time.Duration
	Committed, Produced latency.Distribution
	// OpenDeadLetters are the dead letters that nobody is done with; nil if they were not counted.
	OpenDeadLetters *int64
	// Held is how many bytes the task holds, InFlight how many batches are under way. All tasks of
	// the process hold ProcessHeld, and at most ProcessLimit.
	Held, InFlight, ProcessHeld, ProcessLimit int64
}

// State is the task's state now.
func (p *Task) State() State {
	now := time.Now()
	s := State{Guarantee: p.guarantee, Worker: p.env.WorkerID, Difficulty: p.Troubles.Shown(),
		Partitions: map[batch.Source]Progress{}, Held: p.memory.Held.Load(), InFlight: p.memory.InFlight.Load()}
	s.ProcessHeld, s.ProcessLimit = p.memory.Together()
	p.mu.Lock()
	for of, progress := range p.partitions {
		s.Partitions[of] = *progress
	}
	s.Counts, s.Latency, s.OpenDeadLetters = p.counts, p.latency, p.openLetters
	s.Committed, s.Produced = p.ages.Committed.Distribution(now), p.ages.Produced.Distribution(now)
	s.Traces = slices.Clone(p.traces)
	p.mu.Unlock()
	s.Notices = p.Notices.here()
	if p.env.Task == 0 { // one tells those of the connector
		s.Notices = append(s.Notices, ShownNotices(p.env)...)
	}
	return s
}

// Ends asks where the topics of the task's partitions end; empty if the brokers do not answer soon.
func (p *Task) Ends(ctx context.Context) kadm.ListedOffsets {
	topics := map[string]bool{}
	p.mu.Lock()
	for of := range p.partitions {
		topics[of.Topic] = true
	}
	ask := p.logEnds
	p.mu.Unlock()
	if len(topics) == 0 || ask == nil {
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, 3*time.Second)
	defer cancel()
	return ask(ctx, slices.Collect(maps.Keys(topics)))
}
