package api

import (
	"context"

	"google.golang.org/protobuf/types/known/durationpb"
	"google.golang.org/protobuf/types/known/timestamppb"

	sinkv1 "github.com/calypso-cdc/calypso/gen/calypso/sink/v1"
	"github.com/calypso-cdc/calypso/libs/kusto"
	"github.com/calypso-cdc/calypso/libs/latency"
	"github.com/calypso-cdc/calypso/services/sink/internal/status"
)

// summarize is what the tasks of a connector say together.
func (s *Service) summarize(ctx context.Context, name string, tasks []*status.Task) *sinkv1.Sink {
	out := &sinkv1.Sink{Connector: name}
	committed, produced := latency.Distribution{}, latency.Distribution{}
	var traces []status.DeliveredTrace
	var last status.Failure
	for _, task := range tasks {
		ends := task.Ends(ctx)
		state := task.State()
		if out.Guarantee == "" {
			out.Guarantee = state.Guarantee
			out.ProcessBufferedBytes, out.ProcessBufferLimitBytes = state.ProcessHeld, state.ProcessLimit
		}
		out.RowsIngested += state.Counts.Rows
		out.BytesIngested += state.Counts.Bytes
		out.BatchesIngested += state.Counts.Batches
		out.RowsDeadLettered += state.Counts.DeadLetters
		out.Tombstones += state.Counts.Tombstones
		out.RowsPassedOver += state.Counts.SetAside - state.Counts.DeadLetters
		out.BufferedBytes += state.Held
		out.BatchesInFlight += state.InFlight
		out.Retries += state.Difficulty.Retries
		committed.Add(state.Committed)
		produced.Add(state.Produced)
		if state.Latency > out.GetProduceToIngested().AsDuration() {
			out.ProduceToIngested = durationpb.New(state.Latency)
		}
		if state.Difficulty.Last.At.After(last.At) {
			last = state.Difficulty.Last
			out.LastError, out.LastErrorTime = last.Said, timestamppb.New(last.At)
			out.LastErrorObstacle = obstacle(last.Obstacle)
		}
		if now := state.Difficulty.Now; !now.At.IsZero() {
			out.TryingAgain, out.TryingAgainObstacle = now.Said, obstacle(now.Obstacle)
		}
		for of, p := range state.Partitions {
			progress := &sinkv1.PartitionProgress{
				Topic: of.Topic, Partition: of.Partition, TargetDatabase: p.Route.Database, TargetTable: p.Route.Table,
				Position: p.Position, Committed: p.Committed, WorkerId: state.Worker, RowsIngested: p.Rows,
			}
			if !p.Ingested.IsZero() {
				progress.LastIngestedTime = timestamppb.New(p.Ingested)
			}
			if end, ok := ends.Lookup(of.Topic, of.Partition); ok && end.Err == nil {
				progress.End = end.Offset
			}
			s.waiting(task, progress, p)
			out.Partitions = append(out.Partitions, progress)
		}
		if state.OpenDeadLetters != nil {
			out.OpenDeadLetters = state.OpenDeadLetters
		}
		out.Notices = append(out.Notices, notices(state.Notices)...)
		traces = status.NewestTraces(traces, state.Traces)
	}
	for _, t := range traces {
		out.RecentTraces = append(out.RecentTraces, delivered(t))
	}
	out.CommitToQueryableLatency, out.ProduceToQueryableLatency = committed.Message(), produced.Message()
	return out
}

// waiting says what of a partition waits that a task has.
func (s *Service) waiting(task *status.Task, of *sinkv1.PartitionProgress, p status.Progress) {
	switch next := max(p.Holding.Next, p.Committed, p.Position); {
	case !p.Holding.Oldest.IsZero():
		of.Waiting = sinkv1.PartitionProgress_WAITING_FOR_CLUSTER
		if p.Holding.Fills {
			of.Waiting = sinkv1.PartitionProgress_WAITING_IN_BATCH
		}
		of.OldestWaitingTime = timestamppb.New(p.Holding.Oldest)
	case of.End > 0 && next >= of.End:
		of.Waiting = sinkv1.PartitionProgress_WAITING_NOTHING
	case of.End > 0 && next >= 0:
		s.unread.of(of, next, task.Kafka).tell(of)
	}
}

// notices are notices as callers see them.
func notices(of []*status.Notice) []*sinkv1.SinkNotice {
	out := make([]*sinkv1.SinkNotice, len(of))
	for i, n := range of {
		out[i] = &sinkv1.SinkNotice{Kind: sinkv1.SinkNotice_Kind(n.Kind), Topic: n.Topic, Table: n.Table, Column: n.Column,
			Summary: n.Summary, Remedy: n.Remedy, Time: timestamppb.New(n.Time)}
	}
	return out
}

// delivered is a trace as callers see it.
func delivered(t status.DeliveredTrace) *sinkv1.DeliveredTrace {
	out := &sinkv1.DeliveredTrace{TraceId: t.ID, Topic: t.Topic, Partition: t.Partition, Offset: t.Offset,
		QueryableTime: timestamppb.New(t.Queryable)}
	if !t.Committed.IsZero() {
		out.CommitTime = timestamppb.New(t.Committed)
	}
	return out
}

// obstacle is what stands in the way as callers see it.
func obstacle(of kusto.Obstacle) sinkv1.Sink_Obstacle {
	switch of {
	case kusto.Unrelated:
		return sinkv1.Sink_OBSTACLE_ELSEWHERE
	case kusto.Throttling:
		return sinkv1.Sink_OBSTACLE_THROTTLED
	case kusto.Denial:
		return sinkv1.Sink_OBSTACLE_ACCESS_DENIED
	case kusto.Absence:
		return sinkv1.Sink_OBSTACLE_TARGET_MISSING
	case kusto.Mistaken:
		return sinkv1.Sink_OBSTACLE_OTHER_SERVER
	}
	return sinkv1.Sink_OBSTACLE_CLUSTER
}
