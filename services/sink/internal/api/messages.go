package api

import (
	"context"

	"google.golang.org/protobuf/types/known/durationpb"
	"google.golang.org/protobuf/types/known/timestamppb"

	latencyv1 "github.com/calypso-cdc/calypso/gen/calypso/latency/v1"
	sinkv1 "github.com/calypso-cdc/calypso/gen/calypso/sink/v1"
	"github.com/calypso-cdc/calypso/libs/kusto"
	"github.com/calypso-cdc/calypso/libs/latency"
	"github.com/calypso-cdc/calypso/services/sink/internal/status"
)

// summarize is what the tasks of a connector say together.
func summarize(ctx context.Context, name string, tasks []*status.Task) *sinkv1.Sink {
	out := &sinkv1.Sink{Connector: name}
	var committed, produced []*latencyv1.Latency
	var traces []status.DeliveredTrace
	var last status.Failure
	for _, task := range tasks {
		ends := task.Ends(ctx)
		s := task.State()
		if out.Guarantee == "" {
			out.Guarantee, out.ProcessBufferedBytes, out.ProcessBufferLimitBytes = s.Guarantee, s.ProcessHeld, s.ProcessLimit
		}
		out.RowsIngested += s.Counts.Rows
		out.BytesIngested += s.Counts.Bytes
		out.BatchesIngested += s.Counts.Batches
		out.RowsDeadLettered += s.Counts.DeadLetters
		out.Tombstones += s.Counts.Tombstones
		out.RowsPassedOver += s.Counts.SetAside - s.Counts.DeadLetters
		out.BufferedBytes += s.Held
		out.BatchesInFlight += s.InFlight
		out.Retries += s.Difficulty.Retries
		committed, produced = append(committed, s.Committed), append(produced, s.Produced)
		if s.Latency > out.GetProduceToIngested().AsDuration() {
			out.ProduceToIngested = durationpb.New(s.Latency)
		}
		if s.Difficulty.Last.At.After(last.At) {
			last = s.Difficulty.Last
			out.LastError, out.LastErrorTime = last.Said, timestamppb.New(last.At)
			out.LastErrorObstacle = obstacle(last.Obstacle)
		}
		if now := s.Difficulty.Now; !now.At.IsZero() {
			out.TryingAgain, out.TryingAgainObstacle = now.Said, obstacle(now.Obstacle)
		}
		for of, p := range s.Partitions {
			progress := &sinkv1.PartitionProgress{
				Topic: of.Topic, Partition: of.Partition, TargetDatabase: p.Route.Database, TargetTable: p.Route.Table,
				Position: p.Position, Committed: p.Committed, WorkerId: s.Worker, RowsIngested: p.Rows,
			}
			if !p.Ingested.IsZero() {
				progress.LastIngestedTime = timestamppb.New(p.Ingested)
			}
			if end, ok := ends.Lookup(of.Topic, of.Partition); ok && end.Err == nil {
				progress.End = end.Offset
			}
			out.Partitions = append(out.Partitions, progress)
		}
		if s.OpenDeadLetters != nil {
			out.OpenDeadLetters = s.OpenDeadLetters
		}
		out.Notices = append(out.Notices, notices(s.Notices)...)
		traces = status.NewestTraces(traces, s.Traces)
	}
	for _, t := range traces {
		out.RecentTraces = append(out.RecentTraces, delivered(t))
	}
	out.CommitToQueryableLatency, out.ProduceToQueryableLatency = latency.Sum(committed...), latency.Sum(produced...)
	return out
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
