package admin

import (
	"cmp"
	"context"
	"maps"
	"slices"
	"strings"

	adminv1 "github.com/calypso-cdc/calypso/gen/calypso/admin/v1"
	capturev1 "github.com/calypso-cdc/calypso/gen/calypso/capture/v1"
	sinkv1 "github.com/calypso-cdc/calypso/gen/calypso/sink/v1"
	"github.com/calypso-cdc/calypso/services/admin/checks"
	"github.com/calypso-cdc/calypso/services/admin/lag"
	"github.com/calypso-cdc/calypso/services/admin/lateness"
)

// ListPipelineTables joins what capture and the sinks say about each topic.
func (s *service) ListPipelineTables(ctx context.Context,
	q *adminv1.ListPipelineTablesRequest) (*adminv1.ListPipelineTablesResponse, error) {
	p, err := s.pipeline(ctx, q.Source)
	if err != nil {
		return nil, err
	}
	source, err := connectorsOf(ctx, s.capture.fleet)
	if err != nil {
		return nil, err
	}
	connector, err := sourceNamed(source, q.Source)
	if err != nil {
		return nil, err
	}
	captured, err := s.tablesOf(ctx, q.Source, asOfNow)
	if err != nil {
		return nil, err
	}
	tables := tablesOf(p.Pipeline, captured, checks.Prefix(connector.Config))
	for _, row := range p.Tables {
		dated(tables, row)
	}
	return &adminv1.ListPipelineTablesResponse{Tables: tables, Unreachable: s.awayFleets()}, nil
}

// dated adds to a table how late it is, as found by package lateness. A target that no partition
// names yet gets an entry of its own.
func dated(tables []*adminv1.PipelineTable, row *adminv1.TableStatus) {
	at, found := slices.BinarySearchFunc(tables, row.Topic, func(t *adminv1.PipelineTable, topic string) int {
		return strings.Compare(t.Topic, topic)
	})
	if !found || row.Sink == "" {
		return
	}
	of := tables[at]
	i := slices.IndexFunc(of.Sinks, func(s *adminv1.PipelineTableSink) bool {
		return s.Sink == row.Sink && targetName(s) == row.Target
	})
	if i < 0 { // the target is remembered, and no task runs that could name it
		i = slices.IndexFunc(of.Sinks, func(s *adminv1.PipelineTableSink) bool {
			return s.Sink == row.Sink && s.TargetTable == ""
		})
	}
	if i < 0 {
		i = len(of.Sinks)
		of.Sinks = append(of.Sinks, &adminv1.PipelineTableSink{Sink: row.Sink})
	}
	s := of.Sinks[i]
	s.LateSeconds, s.HeldAt, s.HeldSince = row.LateSeconds, row.HeldAt, row.HeldSince
	s.Check, s.Because, s.Remedy = row.Check, row.Because, row.Remedy
}

func targetName(s *adminv1.PipelineTableSink) string {
	if s.TargetTable == "" {
		return ""
	}
	return s.TargetDatabase + "." + s.TargetTable
}

// tablesOf returns the tables of a pipeline, whose topics begin with prefix, sorted by topic.
func tablesOf(p *adminv1.Pipeline, captured []*capturev1.CapturedTable, prefix string) []*adminv1.PipelineTable {
	snapshots := map[string]*capturev1.TableSnapshot{}
	for _, t := range p.Capture.GetSnapshots() {
		snapshots[t.Table] = t
	}
	tables := map[string]*adminv1.PipelineTable{}
	of := func(topic string) *adminv1.PipelineTable {
		t, known := tables[topic]
		if !known {
			t = &adminv1.PipelineTable{Topic: topic, Table: lateness.TableOf(topic, prefix)}
			t.Snapshot = snapshots[t.Table]
			tables[topic] = t
		}
		return t
	}
	for _, c := range captured {
		t := of(c.Topic)
		t.Table, t.Captured, t.Snapshot = c.Table, c, snapshots[c.Table]
		delete(snapshots, c.Table)
	}
	for _, topic := range p.Topics {
		of(topic)
	}
	for table := range snapshots {
		of(prefix + "." + table)
	}
	for _, sink := range p.Sinks {
		byTopic := map[string][]*sinkv1.PartitionProgress{}
		for _, part := range sink.Sink.GetPartitions() {
			byTopic[part.Topic] = append(byTopic[part.Topic], part)
		}
		for topic, parts := range byTopic {
			t := of(topic)
			t.Sinks = append(t.Sinks, targetsOf(p, sink.Status.GetName(), parts)...)
		}
	}
	all := slices.Collect(maps.Values(tables))
	slices.SortFunc(all, func(a, b *adminv1.PipelineTable) int { return strings.Compare(a.Topic, b.Topic) })
	return all
}

// targetsOf returns the targets of a sink that the partitions of one topic go to.
func targetsOf(p *adminv1.Pipeline, sink string, parts []*sinkv1.PartitionProgress) (all []*adminv1.PipelineTableSink) {
	for _, part := range parts {
		i := slices.IndexFunc(all, func(t *adminv1.PipelineTableSink) bool {
			return t.TargetDatabase == part.TargetDatabase && t.TargetTable == part.TargetTable
		})
		if i < 0 {
			i = len(all)
			all = append(all, &adminv1.PipelineTableSink{Sink: sink, TargetDatabase: part.TargetDatabase,
				TargetTable: part.TargetTable})
		}
		t := all[i]
		t.Partitions = append(t.Partitions, part)
		t.RecordsWaiting += lag.Waiting(p, part)
		t.RowsIngested += part.RowsIngested
		if part.GetLastIngestedTime().AsTime().After(t.GetLastIngestedTime().AsTime()) {
			t.LastIngestedTime = part.LastIngestedTime
		}
	}
	slices.SortFunc(all, func(a, b *adminv1.PipelineTableSink) int {
		return cmp.Or(strings.Compare(a.TargetDatabase, b.TargetDatabase), strings.Compare(a.TargetTable, b.TargetTable))
	})
	return all
}
