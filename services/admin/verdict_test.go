package admin

import (
	"strings"
	"testing"

	adminv1 "github.com/calypso-cdc/calypso/gen/calypso/admin/v1"
	capturev1 "github.com/calypso-cdc/calypso/gen/calypso/capture/v1"
	connectorv1 "github.com/calypso-cdc/calypso/gen/calypso/connector/v1"
	sinkv1 "github.com/calypso-cdc/calypso/gen/calypso/sink/v1"
)

// healthy is a pipeline with nothing wrong.
func healthy() *adminv1.Pipeline {
	running := func(name string) *connectorv1.ConnectorStatus {
		return &connectorv1.ConnectorStatus{Name: name, State: connectorv1.State_STATE_RUNNING,
			Tasks: []*connectorv1.TaskStatus{{State: connectorv1.State_STATE_RUNNING}}}
	}
	return &adminv1.Pipeline{
		Source: "src", SourceStatus: running("src"),
		Capture: &capturev1.Capture{Phase: capturev1.Phase_PHASE_STREAMING, Slot: &capturev1.Slot{Name: "debezium", WalStatus: "reserved"}},
		Sinks: []*adminv1.PipelineSink{{Status: running("adx"),
			Sink: &sinkv1.Sink{Partitions: []*sinkv1.PartitionProgress{{Committed: 10, End: 10}}}}},
	}
}

func TestTheVerdictIsTheWorstFindingWithItsReason(t *testing.T) {
	for name, test := range map[string]struct {
		change  func(*adminv1.Pipeline)
		verdict adminv1.Verdict
		reason  string
	}{
		"nothing wrong": {func(*adminv1.Pipeline) {}, adminv1.Verdict_VERDICT_HEALTHY, "has everything"},
		"records wait": {func(p *adminv1.Pipeline) { p.Sinks[0].Sink.Partitions[0].End = 17 },
			adminv1.Verdict_VERDICT_HEALTHY, "7 records"},
		"only a transaction's marker is left": {func(p *adminv1.Pipeline) {
			p.Capture.ExactlyOnce, p.Sinks[0].Sink.Partitions[0].End = true, 11
		}, adminv1.Verdict_VERDICT_HEALTHY, "has everything"},
		"nothing committed yet": {func(p *adminv1.Pipeline) { p.Sinks[0].Sink.Partitions[0].Committed = -1 },
			adminv1.Verdict_VERDICT_HEALTHY, "10 records"},
		"no sink": {func(p *adminv1.Pipeline) { p.Sinks = nil }, adminv1.Verdict_VERDICT_HEALTHY, "no sink connector"},
		"a paused sink": {func(p *adminv1.Pipeline) { p.Sinks[0].Status.State = connectorv1.State_STATE_PAUSED },
			adminv1.Verdict_VERDICT_PAUSED, "connector adx is paused"},
		"a stopped source": {func(p *adminv1.Pipeline) {
			p.SourceStatus.State, p.SourceStatus.Tasks = connectorv1.State_STATE_STOPPED, nil
		}, adminv1.Verdict_VERDICT_PAUSED, "connector src is stopped"},
		"a failed task": {func(p *adminv1.Pipeline) {
			p.SourceStatus.Tasks[0].State, p.SourceStatus.Tasks[0].Trace = connectorv1.State_STATE_FAILED, "slot debezium is active\nat line 2"
		}, adminv1.Verdict_VERDICT_BROKEN, "task 0 of connector src failed: slot debezium is active"},
		"no worker": {func(p *adminv1.Pipeline) { p.SourceStatus.State = connectorv1.State_STATE_UNASSIGNED },
			adminv1.Verdict_VERDICT_DEGRADED, "waits for a worker"},
		"no task": {func(p *adminv1.Pipeline) { p.SourceStatus.Tasks = nil }, adminv1.Verdict_VERDICT_DEGRADED, "no task"},
		"a snapshot": {func(p *adminv1.Pipeline) {
			p.Capture.Phase = capturev1.Phase_PHASE_SNAPSHOTTING
			p.Capture.Snapshots = []*capturev1.TableSnapshot{{Table: "a", Completed: true}, {Table: "retail.orders_info", RowsDone: 5, RowsEstimated: 20}}
		}, adminv1.Verdict_VERDICT_SNAPSHOTTING, "snapshot of retail.orders_info: 5 of about 20 rows"},
		"capture retries": {func(p *adminv1.Pipeline) {
			p.Capture.Phase, p.Capture.Reason = capturev1.Phase_PHASE_RETRYING, "connection refused"
		}, adminv1.Verdict_VERDICT_DEGRADED, "connection refused"},
		"a lost slot": {func(p *adminv1.Pipeline) { p.Capture.Slot.WalStatus = "lost" }, adminv1.Verdict_VERDICT_BROKEN, "slot debezium lost"},
		"a slot in danger": {func(p *adminv1.Pipeline) { p.Capture.Slot.WalStatus = "unreserved" },
			adminv1.Verdict_VERDICT_DEGRADED, "max_slot_wal_keep_size"},
		"dead letters": {func(p *adminv1.Pipeline) { p.Sinks[0].Sink.RowsDeadLettered = 3 },
			adminv1.Verdict_VERDICT_DEGRADED, "3 rows of adx are dead letters"},
		"paused and failed": {func(p *adminv1.Pipeline) {
			p.Sinks[0].Status.State, p.SourceStatus.State = connectorv1.State_STATE_PAUSED, connectorv1.State_STATE_FAILED
		}, adminv1.Verdict_VERDICT_BROKEN, "connector src failed: no reason given"},
	} {
		t.Run(name, func(t *testing.T) {
			p := healthy()
			test.change(p)
			if got := judge(p); got.verdict != test.verdict || !strings.Contains(got.reason, test.reason) {
				t.Errorf("%v: %s", got.verdict, got.reason)
			}
		})
	}
}

func TestASinkBelongsToTheSourceWhoseTopicsItReads(t *testing.T) {
	source := map[string]string{"database.server.name": "myserver"}
	for name, test := range map[string]struct {
		sink map[string]string
		used []string
		want bool
	}{
		"by prefix, before anything is written": {map[string]string{"topics": "other, myserver.retail.orders_info"}, nil, true},
		"by a topic used":                       {map[string]string{"topics": "renamed"}, []string{"renamed"}, true},
		"by pattern":                            {map[string]string{"topics.regex": "my.*"}, []string{"myserver.a"}, true},
		"another server":                        {map[string]string{"topics": "myserver2.retail.orders_info"}, []string{"myserver.a"}, false},
		"a pattern that matches in part":        {map[string]string{"topics.regex": "server"}, []string{"myserver.a"}, false},
		"a pattern that is none":                {map[string]string{"topics.regex": "("}, []string{"("}, false},
		"nothing":                               {map[string]string{}, []string{""}, false},
	} {
		if got := reads(test.sink, source, test.used); got != test.want {
			t.Errorf("%s: %v", name, got)
		}
	}
}
