package status

import (
	"context"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"google.golang.org/protobuf/types/known/durationpb"
	"google.golang.org/protobuf/types/known/timestamppb"

	latencyv1 "github.com/calypso-cdc/calypso/gen/calypso/latency/v1"
	sinkv1 "github.com/calypso-cdc/calypso/gen/calypso/sink/v1"
	"github.com/calypso-cdc/calypso/libs/latency"
)

// Summarize is what the tasks of a connector say together.
func Summarize(ctx context.Context, name string, tasks []*Task) *sinkv1.Sink {
	out := &sinkv1.Sink{Connector: name, Guarantee: tasks[0].guarantee}
	now := time.Now()
	var committed, produced []*latencyv1.Latency
	for _, p := range tasks {
		ends := p.ends(ctx)
		p.Troubles.show(out)
		p.mu.Lock()
		out.RowsIngested += p.counts.rows
		out.BytesIngested += p.counts.bytes
		out.BatchesIngested += p.counts.batches
		out.RowsDeadLettered += p.counts.deadLetters
		out.Tombstones += p.counts.Tombstones
		out.RowsPassedOver += p.counts.SetAside - p.counts.deadLetters
		committed, produced = append(committed, p.ages.Committed.Summary(now)), append(produced, p.ages.Produced.Summary(now))
		if p.latency > out.GetProduceToIngested().AsDuration() {
			out.ProduceToIngested = durationpb.New(p.latency)
		}
		for tp, q := range p.partitions {
			end, ok := ends.Lookup(tp.Topic, tp.Partition)
			progress := &sinkv1.PartitionProgress{
				Topic: tp.Topic, Partition: tp.Partition, TargetDatabase: q.route.Database, TargetTable: q.route.Table,
				Position: q.position, Committed: q.committed, WorkerId: p.env.WorkerID, RowsIngested: q.rows,
			}
			if !q.ingested.IsZero() {
				progress.LastIngestedTime = timestamppb.New(q.ingested)
			}
			if ok && end.Err == nil {
				progress.End = end.Offset
			}
			out.Partitions = append(out.Partitions, progress)
		}
		if p.openLetters != nil {
			out.OpenDeadLetters = new(*p.openLetters)
		}
		out.Notices = append(out.Notices, inOrder(p.notices)...)
		out.RecentTraces = NewestTraces(out.RecentTraces, p.traces)
		p.mu.Unlock()
		if p.env.Task == 0 { // one tells those of the connector
			out.Notices = append(out.Notices, ShownNotices(p.env)...)
		}
		out.BufferedBytes += p.memory.Held.Load()
		out.BatchesInFlight += p.memory.Flying.Load()
	}
	out.ProcessBufferedBytes, out.ProcessBufferLimitBytes = tasks[0].memory.Together()
	out.CommitToQueryableLatency, out.ProduceToQueryableLatency = latency.Sum(committed...), latency.Sum(produced...)
	return out
}

// ends asks for the end offsets of the task's topics; empty if the brokers do not answer soon.
func (p *Task) ends(ctx context.Context) kadm.ListedOffsets {
	p.mu.Lock()
	seen := map[string]bool{}
	var topics []string
	for tp := range p.partitions {
		if !seen[tp.Topic] {
			seen[tp.Topic] = true
			topics = append(topics, tp.Topic)
		}
	}
	ask := p.logEnds
	p.mu.Unlock()
	if len(topics) == 0 || ask == nil {
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, 3*time.Second)
	defer cancel()
	return ask(ctx, topics)
}
