package admin

import (
	"fmt"
	"testing"
	"time"

	"google.golang.org/protobuf/types/known/timestamppb"

	adminv1 "github.com/calypso-cdc/calypso/gen/calypso/admin/v1"
	capturev1 "github.com/calypso-cdc/calypso/gen/calypso/capture/v1"
	connectorv1 "github.com/calypso-cdc/calypso/gen/calypso/connector/v1"
	sinkv1 "github.com/calypso-cdc/calypso/gen/calypso/sink/v1"
	"github.com/calypso-cdc/calypso/services/admin/checks"
)

// busyView is pipeline n of a look, with so many tables, all of which have something on its way.
func busyView(now time.Time, n, tables int) checks.View {
	source, sink := fmt.Sprintf("source-%04d", n), fmt.Sprintf("sink-%04d", n)
	running := connectorv1.State_STATE_RUNNING
	s := &sinkv1.Sink{Connector: sink, Guarantee: "exactly once"}
	v := checks.View{Source: map[string]string{"topic.prefix": source},
		Sinks: map[string]map[string]string{sink: {"topics.regex": source + `\..*`, "flush.interval.ms": "30000"}},
		Pipeline: &adminv1.Pipeline{Source: source, SourceStatus: &connectorv1.ConnectorStatus{Name: source, State: running},
			Capture: &capturev1.Capture{Connector: source, Phase: capturev1.Phase_PHASE_STREAMING, ReceivedLsn: "0/2",
				DurableLsn: "0/1", Slot: &capturev1.Slot{Name: "s", RestartLsn: "0/1", RetainedBytes: 10, Active: true,
					SafeWalBytes: 1 << 30}},
			Sinks: []*adminv1.PipelineSink{{Status: &connectorv1.ConnectorStatus{Name: sink, State: running}, Sink: s}}}}
	for i := range tables {
		table := fmt.Sprintf("public.t%02d", i)
		v.Tables = append(v.Tables, &capturev1.CapturedTable{Table: table, Topic: source + "." + table})
		v.Pipeline.Topics = append(v.Pipeline.Topics, source+"."+table)
		s.Partitions = append(s.Partitions, &sinkv1.PartitionProgress{Topic: source + "." + table, End: 10, Committed: 5,
			TargetDatabase: "db", TargetTable: table, Waiting: sinkv1.PartitionProgress_WAITING_IN_BATCH,
			OldestWaitingTime: timestamppb.New(now.Add(-3 * time.Second))})
	}
	return v
}

// BenchmarkALookAtAThousandPipelines judges 1,000 pipelines of 20 tables, as each look does, without what asking
// the fleets costs.
func BenchmarkALookAtAThousandPipelines(b *testing.B) {
	now := time.Unix(1_000_000, 0)
	o := newObserver(func() time.Time { return now })
	views := func() (all []checks.View) {
		for n := range 1000 {
			all = append(all, busyView(now, n, 20))
		}
		return all
	}
	for range 720 / 5 { // as long as a history may be without thinning, a part of it
		now = now.Add(5 * time.Second)
		o.observe(busyView(now, 0, 20))
	}
	for b.Loop() {
		b.StopTimer()
		now = now.Add(5 * time.Second)
		all := views()
		b.StartTimer()
		for _, v := range all {
			o.observe(v)
		}
	}
}

func TestTheMetricOfTablesHasTheLatestAndNoMoreThanItMay(t *testing.T) {
	now := time.Unix(1_000_000, 0)
	o := newObserver(func() time.Time { return now })
	for n := range 3 {
		v := busyView(now, n, 20)
		v.Pipeline.Sinks[0].Sink.Partitions[7].OldestWaitingTime = timestamppb.New(now.Add(-time.Duration(n+1) * time.Hour))
		o.observe(v)
	}
	if all := o.recentTables(); len(all) != 0 {
		t.Errorf("without leave there are %d", len(all))
	}
	o.tableMetrics = 4
	all := o.recentTables()
	if len(all) != 4 || all[0].Source != "source-0002" || all[2].Source != "source-0000" || all[2].Check != checks.SinkState ||
		all[3].LateSeconds != 3 {
		t.Errorf("there are %v", all)
	}
}
