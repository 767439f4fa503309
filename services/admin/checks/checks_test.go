package checks

import (
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"google.golang.org/protobuf/types/known/durationpb"
	"google.golang.org/protobuf/types/known/timestamppb"
	"pgregory.net/rapid"

	adminv1 "github.com/calypso-cdc/calypso/gen/calypso/admin/v1"
	capturev1 "github.com/calypso-cdc/calypso/gen/calypso/capture/v1"
	connectorv1 "github.com/calypso-cdc/calypso/gen/calypso/connector/v1"
	sinkv1 "github.com/calypso-cdc/calypso/gen/calypso/sink/v1"
	"github.com/calypso-cdc/calypso/services/admin/lag"
)

var now = time.Date(2026, 1, 1, 12, 0, 0, 0, time.UTC)

// healthy is a pipeline with nothing wrong.
func healthy() View {
	running := func(name string) *connectorv1.ConnectorStatus {
		return &connectorv1.ConnectorStatus{Name: name, State: connectorv1.State_STATE_RUNNING,
			Tasks: []*connectorv1.TaskStatus{{State: connectorv1.State_STATE_RUNNING}}}
	}
	return View{
		Slots: map[string]bool{"debezium": true},
		Pipeline: &adminv1.Pipeline{
			Source: "src", SourceStatus: running("src"), Topics: []string{"shop.orders", "__debezium-heartbeat.shop"},
			Capture: &capturev1.Capture{Connector: "src", Phase: capturev1.Phase_PHASE_STREAMING, ExactlyOnce: true,
				RowsDelivered: 1,
				Slot: &capturev1.Slot{Name: "debezium", WalStatus: "reserved", Active: true, SafeWalBytes: 9 << 30,
					RetainedBytes: 1 << 30}},
			Sinks: []*adminv1.PipelineSink{{Status: running("adx"),
				Sink: &sinkv1.Sink{Guarantee: "exactly once: …",
					Partitions: []*sinkv1.PartitionProgress{{Committed: 10, End: 10}}}}},
			CommitToCapture: &adminv1.Lag{Time: durationpb.New(time.Second)},
			SlotForecast:    &adminv1.SlotForecast{},
		},
		Source: map[string]string{"topic.prefix": "shop", "database.hostname": "localhost"},
		Sinks:  map[string]map[string]string{"adx": {"topics": "shop.orders", "flush.interval.ms": "1000"}},
		Workers: map[string][]*adminv1.ServiceHealth{
			"capture": {{Service: "capture", Address: "a:1", Serving: true},
				{Service: "capture", Address: "b:1", Serving: true}},
			"sink": {{Service: "sink", Address: "a:2", Serving: true}},
		},
		Trends: lag.Trends{Growth: map[lag.Segment]time.Duration{}, Letters: map[string]lag.Rise{}, Over: 10 * time.Minute},
	}
}

const (
	isHealthy      = adminv1.Verdict_VERDICT_HEALTHY
	isSnapshotting = adminv1.Verdict_VERDICT_SNAPSHOTTING
	isPaused       = adminv1.Verdict_VERDICT_PAUSED
	isDegraded     = adminv1.Verdict_VERDICT_DEGRADED
	isBroken       = adminv1.Verdict_VERDICT_BROKEN
)

func TestWhatNobodyCanSayIsNotSaidToBeWell(t *testing.T) {
	v := healthy()
	v.Pipeline.Capture, v.Pipeline.Topics, v.Tables, v.Pipeline.Sinks[0].Sink = nil, nil, nil, nil
	for _, c := range Run(now, v) {
		switch c.Name {
		case Capture, Topics, Flow:
			if c.State == ok || c.Remedy == "" {
				t.Errorf("%s is %v", c.Name, c)
			}
		case Fleet, SourceState, SinkState, Configuration, LagGrowth:
		default:
			t.Errorf("nobody can have said %v", c)
		}
	}
}

func TestEachCheckFindsWhatItIsForAndTheVerdictFollows(t *testing.T) {
	type view = *View
	slot := func(v view) *capturev1.Slot { return v.Pipeline.Capture.Slot }
	sink := func(v view) *sinkv1.Sink { return v.Pipeline.Sinks[0].Sink }
	written := lag.Segment{Name: lag.CommitToCapture}
	for name, test := range map[string]struct {
		change  func(view)
		check   string // the check that is not ok; none if empty
		state   adminv1.CheckState
		verdict adminv1.Verdict
		// summary is a part of the reason where the verdict is not healthy, else of the check's
		// summary; remedy of its remedy.
		summary, remedy string
	}{
		"nothing": {func(view) {}, Flow, ok, isHealthy, "has everything", ""},

		"a worker of two is gone": {func(v view) {
			v.Workers["capture"][1] = &adminv1.ServiceHealth{Service: "capture", Address: "b:1", Detail: "refused"}
		},
			Fleet, warning, isDegraded, "capture at b:1: refused", "/readyz"},
		"a fleet whose workers cannot reach Kafka": {func(v view) {
			v.Workers["sink"][0] = &adminv1.ServiceHealth{Service: "sink", Address: "a:2",
				Detail: "not ready for work: it is not a member of Kafka's consumer group calypso-sink: unable to dial: dial tcp 127.0.0.1:9092: connect: connection refused"}
		}, Fleet, failure, isBroken, "dial tcp 127.0.0.1:9092: connect: connection refused",
			"nothing listens at the address that the error names"},
		"a fleet is gone": {func(v view) { v.Workers["sink"][0].Serving = false }, Fleet, failure, isBroken,
			"sink at a:2", ""},

		"a failed task": {func(v view) {
			task := v.Pipeline.SourceStatus.Tasks[0]
			task.State, task.Trace = connectorv1.State_STATE_FAILED, "slot debezium is active\nat line 2"
		}, SourceState, failure, isBroken, "task 0 of connector src failed: slot debezium is active",
			"calypsoctl restart src"},
		"a failed sink": {func(v view) { v.Pipeline.Sinks[0].Status.State = connectorv1.State_STATE_FAILED }, SinkState,
			failure, isBroken, "connector adx failed: no reason given", "calypsoctl restart adx"},
		"a paused sink": {func(v view) { v.Pipeline.Sinks[0].Status.State = connectorv1.State_STATE_PAUSED }, SinkState,
			notice, isPaused, "connector adx is paused", "calypsoctl resume adx"},
		"a paused sink for which records wait": {func(v view) {
			v.Pipeline.Sinks[0].Status.State = connectorv1.State_STATE_PAUSED
			v.Pipeline.Sinks[0].Sink = &sinkv1.Sink{Partitions: []*sinkv1.PartitionProgress{{Committed: 10, End: 15},
				{Committed: -1, End: 4}}}
			late(v, time.Hour, "1000")
			// without the markers of two transactions
		}, SinkState, notice, isPaused, "connector adx is paused; 7 records wait in Kafka for it", "calypsoctl resume adx"},
		"a sink that has not come to its topics yet": {func(v view) { v.Pipeline.Sinks[0].Sink = &sinkv1.Sink{} }, Flow, notice,
			isHealthy, "is not known", ""},
		"a source without topics yet": {func(v view) { v.Pipeline.Topics = nil }, Topics, ok, isHealthy, "no topic yet", ""},
		"a sink that is not known yet": {func(v view) { v.Pipeline.Sinks[0].Sink = nil }, Flow, notice, isHealthy,
			"is not known", ""},
		"a failed task whose error says what to type": {func(v view) {
			task := v.Pipeline.SourceStatus.Tasks[0]
			task.State, task.Trace = connectorv1.State_STATE_FAILED,
				"resume: there is no such slot (SLOT_MISSING). To read all tables again: calypsoctl offsets reset <connector>."
		}, SourceState, failure, isBroken, "calypsoctl offsets reset src",
			"calypsoctl offsets reset src; then: calypsoctl restart src"},
		"a failure whose cause has gone": {func(v view) {
			task := v.Pipeline.SourceStatus.Tasks[0]
			task.State, task.Trace = connectorv1.State_STATE_FAILED,
				"connect to PostgreSQL: password authentication failed (SQLSTATE 28P01) (AUTHENTICATION_FAILED). Check database.password."
			// a worker has looked at the slot since
			v.Pipeline.Capture = &capturev1.Capture{Connector: "src", Slot: slot(v)}
		}, SourceState, failure, isBroken, "By now the server lets it in", "calypsoctl restart src"},
		"a failure whose cause is not known to have gone": {func(v view) {
			task := v.Pipeline.SourceStatus.Tasks[0]
			task.State, task.Trace = connectorv1.State_STATE_FAILED,
				"connect to PostgreSQL: password authentication failed (SQLSTATE 28P01) (AUTHENTICATION_FAILED). Check database.password."
			v.Pipeline.Capture = &capturev1.Capture{Connector: "src", Reason: "its slot cannot be looked at"}
		}, SourceState, failure, isBroken, "password authentication failed", "Check database.password; then: calypsoctl restart src"},
		"a failure with a statement as its remedy": {func(v view) {
			task := v.Pipeline.SourceStatus.Tasks[0]
			task.State, task.Trace = connectorv1.State_STATE_FAILED,
				"connect: role asleep may not log in (AUTHENTICATION_FAILED). Run ALTER ROLE asleep LOGIN;"
		}, SourceState, failure, isBroken, "may not log in", "Run ALTER ROLE asleep LOGIN; then: calypsoctl restart src"},
		"a paused source whose server cannot be asked": {func(v view) {
			v.Pipeline.Capture = &capturev1.Capture{Reason: "its slot cannot be looked at: connect to PostgreSQL at db:5432: connection refused"}
		}, Capture, warning, isDegraded, "its slot cannot be looked at", "start the server"},
		"a stopped source": {func(v view) {
			v.Pipeline.SourceStatus.State, v.Pipeline.SourceStatus.Tasks, v.Pipeline.Capture = connectorv1.State_STATE_STOPPED,
				nil, nil
		}, SourceState, notice, isPaused, "connector src is stopped", "calypsoctl resume src"},
		"no worker": {func(v view) { v.Pipeline.SourceStatus.State = connectorv1.State_STATE_UNASSIGNED }, SourceState,
			warning, isDegraded, "waits for a worker", ""},
		"no task": {func(v view) { v.Pipeline.SourceStatus.Tasks = nil }, SourceState, warning,
			isDegraded, "no task", ""},
		"a restart": {func(v view) { v.Pipeline.SourceStatus.State = connectorv1.State_STATE_RESTARTING }, SourceState,
			warning, isDegraded, "restarts", ""},
		"no state known": {func(v view) { v.Pipeline.Sinks[0].Status.State = connectorv1.State_STATE_UNSPECIFIED }, SinkState,
			warning, isDegraded, "not known", ""},
		"paused and failed": {func(v view) {
			v.Pipeline.Sinks[0].Status.State, v.Pipeline.SourceStatus.State = connectorv1.State_STATE_PAUSED,
				connectorv1.State_STATE_FAILED
		}, SourceState, failure, isBroken, "connector src failed: no reason given", ""},

		"a key of the source that does not exist": {func(v view) {
			v.Warnings = map[string][]string{"src": {"table.inclde.list is not a known configuration key and has no effect; did you mean table.include.list?"}}
		}, Configuration, notice, isHealthy, "connector src: table.inclde.list is not a known configuration key",
			"did you mean table.include.list? If so, change the configuration and apply it: calypsoctl apply"},
		"keys of a sink that do not exist, and one without effect": {func(v view) {
			v.Warnings = map[string][]string{"adx": {"topcs.regex is not a known configuration key and has no effect; did you mean topics.regex?", "consumer.override.x is not supported: it has no counterpart",
				"taks.max is not a known configuration key and has no effect; did you mean tasks.max?"}}
		}, Configuration, notice, isHealthy, "did you mean topics.regex? consumer.override.x is not supported",
			"did you mean topics.regex, tasks.max?"},
		"more doubtful keys than anybody reads": {func(v view) {
			v.Warnings = map[string][]string{"adx": slices.Repeat(
				[]string{"x is not a known configuration key and has no effect."}, 400)}
		}, Configuration, notice, isHealthy, "And 395 more: calypsoctl describe adx", "calypsoctl apply"},

		"capture is not seen": {func(v view) { v.Pipeline.Capture = nil }, Capture, notice, isHealthy, "no worker says", ""},
		"capture retries": {func(v view) {
			v.Pipeline.Capture.Phase, v.Pipeline.Capture.Reason = capturev1.Phase_PHASE_RETRYING, "connection refused"
		}, Capture, warning, isDegraded, "connection refused", ""},
		"capture connects": {func(v view) { v.Pipeline.Capture.Phase = capturev1.Phase_PHASE_CONNECTING }, Capture, warning,
			isDegraded, "connects", ""},
		"capture failed": {func(v view) {
			v.Pipeline.Capture.Phase, v.Pipeline.Capture.Reason = capturev1.Phase_PHASE_FAILED, "no such database"
		}, Capture, failure, isBroken, "no such database", "restart src"},
		"a snapshot": {func(v view) {
			v.Pipeline.Capture.Phase = capturev1.Phase_PHASE_SNAPSHOTTING
			v.Pipeline.Capture.Snapshots = []*capturev1.TableSnapshot{{Table: "a", Completed: true},
				{Table: "retail.orders_info", RowsDone: 5, RowsEstimated: 20}}
		}, Snapshot, notice, isSnapshotting, "snapshot of retail.orders_info: 5 of about 20 rows", ""},
		"an incremental snapshot": {func(v view) {
			v.Incremental = &capturev1.IncrementalSnapshot{Tables: []*capturev1.IncrementalTable{
				{Table: "a", State: capturev1.IncrementalTable_STATE_COMPLETED},
				{Table: "b", State: capturev1.IncrementalTable_STATE_READING, RowsDone: 3, RowsEstimated: -1},
				{Table: "c", State: capturev1.IncrementalTable_STATE_WAITING}}}
		}, IncrementalSnapshot, notice, isHealthy, "incremental snapshot of b: 3 rows; 1 table waits more", ""},
		"a paused incremental snapshot": {func(v view) {
			v.Incremental = &capturev1.IncrementalSnapshot{Paused: true,
				Tables: []*capturev1.IncrementalTable{{Table: "b", State: capturev1.IncrementalTable_STATE_READING}}}
		}, IncrementalSnapshot, notice, isHealthy, "is paused", "calypsoctl snapshot resume src"},
		"a failed incremental snapshot": {func(v view) {
			v.Incremental = &capturev1.IncrementalSnapshot{Tables: []*capturev1.IncrementalTable{{Table: "b",
				State: capturev1.IncrementalTable_STATE_FAILED, Reason: "no key"}}}
		}, IncrementalSnapshot, warning, isDegraded, "of b failed: no key", "calypsoctl snapshot start src --table b"},
		"incremental snapshots that ended": {func(v view) {
			v.Incremental = &capturev1.IncrementalSnapshot{Tables: []*capturev1.IncrementalTable{{Table: "b",
				State: capturev1.IncrementalTable_STATE_COMPLETED}}}
		}, Flow, ok, isHealthy, "", ""},

		"a slot that was never made": {func(v view) {
			v.Pipeline.Capture.Slot = &capturev1.Slot{Name: "debezium", Missing: true}
		}, Slot, ok, isHealthy, "does not exist yet", ""},
		"a paused source whose slot was lost": {func(v view) {
			v.Pipeline.SourceStatus.State, v.Pipeline.Capture.Phase, slot(v).WalStatus = connectorv1.State_STATE_PAUSED,
				capturev1.Phase_PHASE_UNSPECIFIED, "lost"
		}, Slot, failure, isBroken, "slot debezium lost", "pg_drop_replication_slot('debezium')"},
		"a slot in use": {func(v view) {
			v.Pipeline.Capture.Phase, v.Pipeline.Capture.Reason = capturev1.Phase_PHASE_RETRYING,
				`use replication slot "debezium": the slot is active for the server process 7 (SLOT_IN_USE). Another process reads this slot: stop it.`
		}, Capture, warning, isDegraded, "active for the server process 7",
			"Another process reads this slot: stop it; it goes on by itself"},
		"a missing slot": {func(v view) { slot(v).Missing, v.Pipeline.Capture.DurableLsn = true, "0/1" },
			Slot, failure, isBroken, "no longer has the slot debezium", "calypsoctl offsets reset src"},
		"a lost slot": {func(v view) { slot(v).WalStatus = "lost" }, Slot, failure, isBroken,
			"slot debezium lost", "pg_drop_replication_slot('debezium')"},
		"a slot in danger": {func(v view) { slot(v).WalStatus = "unreserved" }, Slot, warning, isDegraded,
			"max_slot_wal_keep_size", "ALTER SYSTEM"},
		"an idle slot": {func(v view) { slot(v).Active = false }, Slot, warning, isDegraded,
			"nobody reads slot debezium", ""},
		"little space": {func(v view) { slot(v).RetainedBytes, slot(v).SafeWalBytes = 9<<30, 1<<30 },
			SlotSpace, warning, isDegraded, "lost after another 1.0 GiB", "ALTER SYSTEM"},
		"full before long": {func(v view) { v.Pipeline.SlotForecast.GrowthBytesPerSecond = 1 << 20 },
			SlotSpace, warning, isDegraded, "lost in 2h33m36s", ""},
		"full in a year": {func(v view) { v.Pipeline.SlotForecast.GrowthBytesPerSecond = 100 }, Flow, ok,
			isHealthy, "", ""},
		"a plugin that an update refuses": {func(v view) { slot(v).Plugin, slot(v).PluginUnlisted = "wal2json", true },
			OutputPlugin, notice, isHealthy, "refuses wal2json", "ALTER SYSTEM SET output_plugin_libraries"},
		"full, but it was only just seen": {func(
			v view) {
			v.Pipeline.SlotForecast.GrowthBytesPerSecond, v.Trends.Over = 1<<20, time.Second
		},
			Flow, ok, isHealthy, "", ""},
		"much log without a limit": {func(v view) { slot(v).SafeWalBytes, slot(v).RetainedBytes = -1, 2<<30 }, SlotSpace,
			notice, isHealthy, "nothing limits it", "ALTER SYSTEM"},
		"too much log on Azure": {func(v view) {
			slot(v).SafeWalBytes, slot(v).RetainedBytes = -1, 20<<30
			v.Source["database.hostname"] = "shop1.postgres.database.azure.com"
		}, SlotSpace, warning, isDegraded, "Azure drops the slot",
			"az postgres flexible-server update --resource-group <group> --name shop1 --storage-size"},
		"transactions on disk": {func(v view) {
			slot(v).Statistics = &capturev1.SlotStatistics{SpilledBytes: 3 << 20, TotalBytes: 5 << 20}
		}, Decoding, notice, isHealthy, "3.0 MiB of 5.0 MiB", "logical_decoding_work_mem"},
		"transactions in memory": {func(v view) { slot(v).Statistics = &capturev1.SlotStatistics{TotalBytes: 5 << 20} },
			Flow, ok, isHealthy, "", ""},
		"a statement of heartbeats that fails": {func(v view) {
			v.Pipeline.Capture.BackgroundFailures = []*capturev1.BackgroundFailure{{Work: "heartbeat.action.query",
				Reason: `relation "beats" does not exist (SQLSTATE 42P01)`, Remedy: "Correct the statement.", Failures: 7,
				BeginTime: timestamppb.New(now)}}
		}, BackgroundWork, warning, isDegraded,
			`heartbeat.action.query has failed 7 times since 2026-01-01T12:00:00Z: relation "beats" does not exist`,
			"Correct the statement."},
		"a conflict with recovery": {func(v view) { slot(v).Conflicting = true }, Slot, failure, isBroken,
			"slot debezium lost", ""},
		"a standstill": {func(v view) { v.Trends.Standstill, v.Trends.StandstillBytes = 6*time.Minute, 5<<20 },
			Progress, warning, isDegraded, "confirmed nothing for 6m0s while 5.0 MiB", "calypsoctl restart src"},
		"a long standstill": {func(v view) { v.Trends.Standstill = time.Hour }, Progress, failure, isBroken,
			"confirmed nothing for 1h0m0s", ""},
		"a moment of standstill": {func(v view) { v.Trends.Standstill = time.Minute }, Progress, ok, isHealthy,
			"confirmed nothing for 1m0s", ""},
		"capture at least once": {func(v view) { v.Pipeline.Capture.ExactlyOnce = false }, Delivery, notice, isHealthy,
			"at least once into Kafka", "exactly.once.support"},
		"nothing delivered yet": {func(
			v view) {
			v.Pipeline.Capture.ExactlyOnce, v.Pipeline.Capture.RowsDelivered = false, 0
		}, Flow, ok, isHealthy, "", ""},
		"streaming ingestion": {func(v view) { sink(v).Guarantee = "at least once: streaming ingestion has no tags" },
			Delivery, notice, isHealthy, "streaming ingestion", ""},
		"letters that are done with": {func(v view) { sink(v).RowsDeadLettered = 3; sink(v).OpenDeadLetters = new(int64(0)) },
			DeadLetters, ok, isHealthy, "no record of adx waits", ""},
		"a column gets no values any more": {func(v view) {
			sink(v).Notices = []*sinkv1.SinkNotice{{Kind: sinkv1.SinkNotice_KIND_COLUMN_WITHOUT_FIELD, Topic: "t",
				Column: "city", Summary: "city gets nothing", Remedy: "map it"}}
		}, SourceChanges, warning, isDegraded, "city gets nothing", "map it"},
		"dead letters": {func(v view) {
			sink(v).OpenDeadLetters = new(int64(3))
			v.Trends.Letters["adx"] = lag.Rise{At: now, By: 2}
		}, DeadLetters, warning, isDegraded, "3 rows of adx are dead letters; the last 2 came at 2026-01-01T12:00:00Z",
			"calypsoctl dead-letters list adx"},
		"a current state that truncates do not reach": {func(v view) {
			v.Sinks["adx"]["table.form"], v.Sinks["adx"]["current.state"] = "changes", "true"
		}, Truncates, notice, isHealthy, "would leave all rows of the table in <table>_current of adx",
			"set skipped.operations=none in the configuration of src"},
		"a current state before its sink has run": {func(v view) {
			v.Sinks["adx"]["table.form"], v.Sinks["adx"]["current.state"] = "changes", "true"
			v.Pipeline.Sinks[0].Sink = &sinkv1.Sink{Partitions: []*sinkv1.PartitionProgress{{}}}
		}, Truncates, notice, isHealthy, "<table>_current of adx", "skipped.operations=none"},
		"a table of changes without a current state": {func(v view) {
			v.Sinks["adx"]["table.form"], v.Source["skipped.operations"] = "Changes", "u, T"
		}, Truncates, notice, isHealthy, "would not show in the tables of changes of adx", "skipped.operations=none"},
		"a current state of a plugin without truncates": {func(v view) {
			v.Sinks["adx"]["table.form"], v.Sinks["adx"]["current.state"] = "changes", "true"
			v.Source["skipped.operations"], slot(v).Plugin = "none", "decoderbufs"
		}, Truncates, notice, isHealthy, "plugin decoderbufs of connector src sends no truncates", "plugin.name=pgoutput"},
		"a current state that truncates reach": {func(v view) {
			v.Sinks["adx"]["table.form"], v.Sinks["adx"]["current.state"] = "changes", "true"
			v.Source["skipped.operations"] = "u"
		}, Truncates, ok, isHealthy, "", ""},
		"rows passed over": {func(v view) { sink(v).RowsPassedOver = 1 }, PassedOver, warning, isDegraded,
			"1 row of adx was refused", "errors.deadletterqueue.topic.name"},
		"an error that is tried again": {func(v view) { fail(sink(v), sinkv1.Sink_OBSTACLE_CLUSTER, "connection reset") },
			Ingestion, warning, isDegraded, "adx tries again: connection reset", "az kusto cluster show"},
		"an error a moment ago": {func(v view) {
			succeed(sink(v), sinkv1.Sink_OBSTACLE_CLUSTER, "dial tcp 127.0.0.1:8080: connect: connection refused")
		}, Flow, ok, isHealthy, "", ""},
		"throttling": {func(v view) {
			fail(sink(v), sinkv1.Sink_OBSTACLE_THROTTLED,
				"ingest into shop.orders: Request was throttled (General_ThrottledIngestion) [HTTP 429]")
		},
			Ingestion, warning, isDegraded, "throttles adx", "az kusto cluster update"},
		"throttling between the attempts": {func(v view) {
			succeed(sink(v), sinkv1.Sink_OBSTACLE_THROTTLED,
				"ingest into shop.orders: wait (General_ThrottledIngestion) [HTTP 429]")
		},
			Ingestion, warning, isDegraded, "throttles adx", "az kusto cluster update"},
		"no right to ingest": {func(v view) {
			fail(sink(v), sinkv1.Sink_OBSTACLE_ACCESS_DENIED, "ingest into shop.orders: no [HTTP 403]")
		}, Ingestion, warning, isDegraded, "403", ".add database"},
		"a missing table": {func(v view) { fail(sink(v), sinkv1.Sink_OBSTACLE_TARGET_MISSING, "table not found") },
			Ingestion, warning, isDegraded, "not found", "calypsoctl describe adx"},
		"brokers that are away": {func(v view) {
			fail(sink(v), sinkv1.Sink_OBSTACLE_ELSEWHERE,
				"read topic shop.orders: EOF")
		}, Ingestion, warning, isDegraded, "EOF", "it is not the cluster"},
		"an error of a worker that does not say what stands in the way": {func(v view) {
			fail(sink(v), sinkv1.Sink_OBSTACLE_UNSPECIFIED, "ingest into shop.orders: x [HTTP 429]")
		}, Ingestion, warning, isDegraded, "tries again", "az kusto cluster show"},
		"a missing entity": {func(v view) {
			fail(sink(v), sinkv1.Sink_OBSTACLE_TARGET_MISSING,
				"look at shop.orders: BadRequest_EntityNotFound: no such entity [HTTP 400]")
		}, Ingestion, warning, isDegraded, "no such", "calypsoctl describe adx"},
		"capture falls behind": {func(v view) { v.Trends.Growth[written] = 90 * time.Second }, LagGrowth, warning,
			isDegraded, "1s behind, and 1m30s more than 10m0s ago", "split the tables"},
		"a little behind": {func(v view) { v.Trends.Growth[written] = 30 * time.Second }, Flow, ok,
			isHealthy, "", ""},
		"a sink of large batches": {func(v view) { late(v, 90*time.Second, "60000") }, Flow, ok, isHealthy, "", ""},
		"a sink falls behind": {func(v view) { late(v, 90*time.Second, "30000") }, LagGrowth, warning, isDegraded,
			"more than 10m0s ago", ".show ingestion failures"},
		"no sink": {func(v view) { v.Pipeline.Sinks = nil }, Topics, notice, isHealthy,
			"no sink connector reads the topics of src", "calypsoctl apply"},
		"a topic that nobody reads": {func(v view) {
			v.Pipeline.Topics = append(v.Pipeline.Topics, "shop.lonely", "shop",
				"shop.transaction")
		},
			Topics, notice, isHealthy, "no sink reads 1 topic: shop.lonely", "topics.regex"},
		"rows that the role does not see": {func(v view) {
			v.Tables = []*capturev1.CapturedTable{{Table: "a"},
				{Table: "retail.b",
					KeptBack: []string{`Row level security keeps rows of it from role cdc: ALTER ROLE "cdc" BYPASSRLS; lets the role read all.`}}}
		}, KeptBack, warning, isDegraded, "retail.b: Row level security keeps rows of it from role cdc",
			`ALTER ROLE "cdc" BYPASSRLS;`},
		"a prepared transaction that was forgotten": {func(v view) {
			slot(v).Holders = []*capturev1.SlotHolder{{What: "prepared transaction 'x1' of app in database shop",
				BeginTime: timestamppb.New(now.Add(-time.Hour)), Remedy: "ROLLBACK PREPARED 'x1';"}}
		}, OpenTransactions, warning, isDegraded,
			"a prepared transaction 'x1' of app in database shop is open since 2026-01-01T11:00:00Z; slot debezium keeps all log since it began", "ROLLBACK PREPARED 'x1';"},
		"a transaction of some minutes": {func(v view) {
			slot(v).Holders = []*capturev1.SlotHolder{{What: "transaction of process 7",
				BeginTime: timestamppb.New(now.Add(-2 * time.Minute)), Remedy: "SELECT pg_terminate_backend(7);"}}
		}, OpenTransactions, notice, isHealthy, "process 7", "pg_terminate_backend(7)"},
		"a slot that is nobody's": {func(v view) {
			v.Slots["other"] = true
			slot(v).IdleSlots = []*capturev1.IdleSlot{{Name: "other", RetainedBytes: 9 << 30}, {Name: "left", RetainedBytes: 2 << 30},
				{Name: "standby", RetainedBytes: 1}}
		}, IdleSlots, warning, isDegraded, "slot left of the same server keeps 2.0 GiB of log; nobody reads it, and it is no " +
			"connector's here, like 1 slot more", "SELECT pg_drop_replication_slot('left');"},
		"a slot that is nobody's and keeps little": {func(v view) {
			slot(v).IdleSlots = []*capturev1.IdleSlot{{Name: "left", RetainedBytes: 5 << 20}}
		}, IdleSlots, notice, isHealthy, "slot left of the same server keeps 5.0 MiB", "pg_drop_replication_slot('left')"},
		"a slot of another connector that is paused": {func(v view) {
			v.Slots["other"] = true
			slot(v).IdleSlots = []*capturev1.IdleSlot{{Name: "other", RetainedBytes: 9 << 30}}
		}, Flow, ok, isHealthy, "", ""},
		"a transaction whose age is hidden": {func(v view) {
			slot(v).Holders, slot(v).RetainedBytes = []*capturev1.SlotHolder{{What: "transaction of process 7"}}, 1
		}, Flow, ok, isHealthy, "", ""},
		"a table whose events lack old values": {func(v view) {
			v.Tables = []*capturev1.CapturedTable{{Table: "a"},
				{Table: "retail.b",
					Warnings: []string{`An update that leaves a large value of x alone does not carry it: ALTER TABLE "retail"."b" REPLICA IDENTITY FULL; sends it.`}}}
		}, Tables, notice, isHealthy, "the events of 1 table lack something; of retail.b: An update",
			`ALTER TABLE "retail"."b" REPLICA IDENTITY FULL;`},
		"a table without a key": {func(v view) {
			v.Tables = []*capturev1.CapturedTable{{Table: "a", Warnings: []string{"Its events have no key."}},
				{Table: "b", Warnings: []string{"Its events have no key."}}}
		}, Tables, notice, isHealthy, "the events of 2 tables lack something; of a: Its events have no key.",
			"calypsoctl get tables src"},
		"tables that lack nothing": {func(v view) { v.Tables = []*capturev1.CapturedTable{{Table: "a"}} }, Flow, ok,
			isHealthy, "", ""},
		"the disk of the target is full": {func(v view) {
			fail(sink(v), sinkv1.Sink_OBSTACLE_CLUSTER,
				"queueing, ingesting into db.T: Op(OpFileIngest): Kind(KBlobstore): problem uploading to IngestBlob Storage (InsufficientStorage) [HTTP 507]")
		}, Ingestion, warning, isDegraded, "InsufficientStorage", "free space"},
		"the disk of the brokers is full": {func(v view) {
			v.Pipeline.Capture.Phase, v.Pipeline.Capture.Reason = capturev1.Phase_PHASE_RETRYING,
				`write records to Kafka: KAFKA_STORAGE_ERROR: Disk error when trying to access log file on disk.`
		}, Capture, warning, isDegraded, "KAFKA_STORAGE_ERROR", "free space"},
		"the disk of the source is full": {func(v view) {
			v.Pipeline.Capture.Phase, v.Pipeline.Capture.Reason = capturev1.Phase_PHASE_RETRYING,
				`make slot "s": could not create file "pg_replslot/s.tmp": No space left on device (SQLSTATE 53100)`
		}, Capture, warning, isDegraded, "No space left", "free space"},
		"a slot that the server has not made yet": {func(v view) {
			slot(v).ConfirmedFlushLsn, v.Pipeline.Capture.DurableLsn = "0/0", ""
		}, Progress, ok, isHealthy, "before the slot is made", ""},
		"a worker whose disk is full": {func(v view) {
			v.Pipeline.Capture.Phase, v.Pipeline.Capture.Reason = capturev1.Phase_PHASE_RETRYING,
				`spill 1050024 bytes of transaction 1045 to /tmp/calypso-spool-4: write /tmp/calypso-spool-4: no space left on device`
		}, Capture, warning, isDegraded, "no space left", "where the worker writes; it goes on by itself then"},
		"records wait": {func(v view) { sink(v).Partitions[0].End = 18 }, Flow, ok, isHealthy,
			"7 records", ""},
		"only a transaction's marker is left": {func(v view) { sink(v).Partitions[0].End = 11 }, Flow, ok, isHealthy,
			"has everything", ""},
		"nothing committed yet": {func(v view) { sink(v).Partitions[0].Committed = -1 }, Flow, ok, isHealthy,
			"9 records", ""},
	} {
		t.Run(name, func(t *testing.T) {
			v := healthy()
			test.change(&v)
			all := Run(now, v)
			for i, c := range all {
				if c.Summary == "" || c.State == ok && c.Remedy != "" || i > 0 && c.State > all[i-1].State {
					t.Errorf("check %d is %v", i, c)
				}
				if c.State != ok && (c.State != test.state || c.Name != test.check) && test.state != failure {
					t.Errorf("another check is not ok: %v", c)
				}
			}
			var found *adminv1.HealthCheck
			for _, c := range all {
				if c.Name == test.check && c.State == test.state && found == nil {
					found = c
				}
			}
			if !strings.Contains(found.GetSummary(), test.summary) ||
				!strings.Contains(found.GetRemedy(), test.remedy) || found == nil {
				t.Errorf("the check is %v", found)
			}
			verdict, reason := Verdict(all)
			if verdict != test.verdict || verdict != isHealthy && reason != found.GetSummary() {
				t.Errorf("the verdict is %v: %s", verdict, reason)
			}
		})
	}
}

func TestWhatASlotKeepsForAPausedSourceIsSaidAndWhatConfirmsIt(t *testing.T) {
	for name, test := range map[string]struct {
		change          func(*View, *capturev1.Slot)
		check           string
		summary, remedy string
	}{
		"for a moment": {func(v *View, s *capturev1.Slot) {
			v.Trends.Standstill, v.Trends.StandstillBytes = time.Minute,
				5<<20
		},
			Progress, "confirmed nothing for 1m0s while 5.0 MiB of log were written", ""},
		"for long": {func(v *View, s *capturev1.Slot) { v.Trends.Standstill = time.Hour },
			Progress, "nobody reads slot debezium", "calypsoctl resume src"},
		"little space": {func(v *View, s *capturev1.Slot) { s.RetainedBytes, s.SafeWalBytes = 9<<30, 1<<30 },
			SlotSpace, "lost after another 1.0 GiB",
			"SELECT pg_reload_conf(); and calypsoctl resume src; or, if it is no longer needed"},
		"in danger": {func(v *View, s *capturev1.Slot) { s.WalStatus = "unreserved" },
			Slot, "1.0 GiB of WAL wait for it", "SELECT pg_reload_conf(); and calypsoctl resume src"},
	} {
		t.Run(name, func(t *testing.T) {
			v := healthy()
			slot := v.Pipeline.Capture.Slot
			v.Pipeline.SourceStatus.State, v.Pipeline.Capture.Phase, slot.Active = connectorv1.State_STATE_PAUSED,
				capturev1.Phase_PHASE_UNSPECIFIED, false
			test.change(&v, slot)
			for _, c := range Run(now, v) {
				if c.Name == test.check && (!strings.Contains(c.Summary, test.summary) ||
					!strings.Contains(c.Remedy, test.remedy)) {
					t.Errorf("the check is %v", c)
				}
			}
		})
	}
}

// fail has an attempt have failed that is tried again.
func fail(s *sinkv1.Sink, obstacle sinkv1.Sink_Obstacle, text string) {
	succeed(s, obstacle, text)
	s.TryingAgain, s.TryingAgainObstacle = text, obstacle
}

// succeed has an attempt have failed that has succeeded since.
func succeed(s *sinkv1.Sink, obstacle sinkv1.Sink_Obstacle, text string) {
	s.LastError, s.LastErrorObstacle, s.LastErrorTime = text, obstacle, timestamppb.New(now.Add(-time.Second))
}

// late has the sink fall behind while its batches wait for as long as flush says, in milliseconds.
func late(v *View, grown time.Duration, flush string) {
	v.Pipeline.Sinks[0].SinkToQueryable = &adminv1.Lag{Time: durationpb.New(time.Minute)}
	v.Trends.Growth[lag.Segment{Name: lag.SinkToQueryable, Sink: "adx"}] = grown
	v.Sinks["adx"]["flush.interval.ms"] = flush
}

func TestASourceThatSomebodyStoppedDoesNotFallBehind(t *testing.T) {
	for _, state := range []connectorv1.State{connectorv1.State_STATE_PAUSED, connectorv1.State_STATE_STOPPED} {
		v := healthy()
		v.Pipeline.SourceStatus.State, v.Pipeline.SourceStatus.Tasks = state, nil
		v.Trends.Growth[lag.Segment{Name: lag.CommitToCapture}] = 90 * time.Second
		for _, c := range Run(now, v) {
			if c.Name == LagGrowth && c.Subject == lag.CommitToCapture && c.State != ok {
				t.Errorf("of a source that is %v: %s; %s", state, c.Summary, c.Remedy)
			}
		}
	}
}

func TestSinceIsWhenACheckCameToItsState(t *testing.T) {
	var m Memory
	v := healthy()
	since := func(at time.Duration) (paused, flow time.Time) {
		all := Run(now, v)
		m.Date(now.Add(at), all)
		for _, c := range all {
			switch c.Name {
			case SinkState:
				paused = c.Since.AsTime()
			case Flow:
				flow = c.Since.AsTime()
			}
		}
		return paused, flow
	}
	since(0)
	v.Pipeline.Sinks[0].Status.State = connectorv1.State_STATE_PAUSED
	since(time.Minute)
	v.Pipeline.Sinks[0].Status.State = connectorv1.State_STATE_STOPPED // also a notice
	if paused, flow := since(2 * time.Minute); !paused.Equal(now.Add(time.Minute)) || !flow.Equal(now) {
		t.Errorf("paused since %v, flowing since %v", paused, flow)
	}
	v.Pipeline.Sinks[0].Status.State = connectorv1.State_STATE_RUNNING
	if running, _ := since(3 * time.Minute); !running.Equal(now.Add(3 * time.Minute)) {
		t.Errorf("running since %v", running)
	}
}

func TestTheSystemIsAsHealthyAsItsFleetsAndTheGeneratorOnlyDegrades(t *testing.T) {
	workers := func(capture, generator bool) map[string][]*adminv1.ServiceHealth {
		return map[string][]*adminv1.ServiceHealth{"capture": {{Serving: capture, Address: "a"}},
			GeneratorFleet: {{Serving: generator, Address: "g"}}}
	}
	names := []string{"capture", GeneratorFleet}
	for want, w := range map[adminv1.Verdict]map[string][]*adminv1.ServiceHealth{
		isHealthy: workers(true, true), isDegraded: workers(true, false), isBroken: workers(false, true),
	} {
		if got, reason := System(names, w); got != want || reason == "" {
			t.Errorf("%v: %s, want %v", got, reason, want)
		}
	}
}

func TestNoViewMakesChecksOutOfOrderOrAVerdictWithoutReason(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		v := healthy()
		states := rapid.SampledFrom([]connectorv1.State{0, 1, 2, 3, 4, 5, 6, 7})
		v.Pipeline.SourceStatus.State, v.Pipeline.Sinks[0].Status.State = states.Draw(t, "source"), states.Draw(t, "sink")
		c := v.Pipeline.Capture
		c.Phase = capturev1.Phase(rapid.IntRange(0, 6).Draw(t, "phase"))
		c.Slot.Missing, c.Slot.Active = rapid.Bool().Draw(t, "missing"), rapid.Bool().Draw(t, "active")
		c.Slot.SafeWalBytes, c.Slot.RetainedBytes = rapid.Int64Range(-1, 1<<40).Draw(t, "safe"),
			rapid.Int64Range(0, 1<<40).Draw(t, "retained")
		v.Pipeline.SlotForecast.GrowthBytesPerSecond = rapid.Float64().Draw(t, "growth")
		if rapid.Bool().Draw(t, "sink unknown") {
			v.Pipeline.Sinks[0].Sink, v.Pipeline.Sinks[0].Status = nil, nil
		}
		if rapid.Bool().Draw(t, "source unknown") {
			v = View{Pipeline: &adminv1.Pipeline{Source: "src"}}
		}
		all := Run(now, v)
		for i, check := range all {
			if i > 0 && check.State > all[i-1].State {
				t.Fatalf("%v comes after %v", check, all[i-1])
			}
			if check.State >= warning && check.Summary == "" {
				t.Fatalf("%v says nothing", check)
			}
		}
		if verdict, reason := Verdict(all); verdict == 0 || reason == "" {
			t.Fatalf("the verdict is %v: %q", verdict, reason)
		}
	})
}

func TestOneRecordIsOnItsWayAndTwoOnTheir(t *testing.T) {
	for waiting, want := range map[int64]string{1: "streaming; 1 record is on its way from",
		2: "streaming; 2 records are on their way from"} {
		v := healthy()
		v.Pipeline.Sinks[0].Sink.Partitions[0].End += waiting + 1 // the marker of the transaction
		if got := judgeFlow(v.Pipeline).summary; !strings.HasPrefix(got, want) {
			t.Errorf("got %q, want %q", got, want)
		}
	}
}

// TestEveryCheckIsInTheDocumentationsList reads the names from the code: the constants of
// checks.go, and the kinds of a sink's notices.
func TestEveryCheckIsInTheDocumentationsList(t *testing.T) {
	text, err := os.ReadFile(filepath.Join("..", "..", "..", "docs", "operations.md"))
	if err != nil {
		t.Fatal(err)
	}
	_, list, found := strings.Cut(string(text), "| check | looks at | not ok |\n")
	if list, _, _ = strings.Cut(list, "\n\n"); !found {
		t.Fatal("docs/operations.md has no table of checks")
	}
	documented := map[string]bool{}
	for row := range strings.Lines(list) {
		cell, _, _ := strings.Cut(strings.TrimPrefix(row, "|"), "|")
		for name := range strings.SplitSeq(cell, ",") {
			documented[strings.Trim(name, " `")] = true
		}
	}
	file, err := parser.ParseFile(token.NewFileSet(), "checks.go", nil, 0)
	if err != nil {
		t.Fatal(err)
	}
	names := map[string]bool{}
	for _, decl := range file.Decls {
		d, ok := decl.(*ast.GenDecl)
		if !ok || d.Tok != token.CONST {
			continue
		}
		for _, spec := range d.Specs {
			for _, value := range spec.(*ast.ValueSpec).Values {
				if literal, ok := value.(*ast.BasicLit); ok && literal.Kind == token.STRING {
					name, _ := strconv.Unquote(literal.Value)
					names[name] = true
				}
			}
		}
	}
	if len(names) < 20 {
		t.Fatalf("only %d names of checks were found in checks.go", len(names))
	}
	for name := range names {
		if !documented[name] {
			t.Errorf("check %s is not in the table of checks of docs/operations.md", name)
		}
	}
	for name := range documented {
		if strings.Trim(name, "-") != "" && !names[name] {
			t.Errorf("docs/operations.md has a check %s that is not in the code", name)
		}
	}
	for number, kind := range sinkv1.SinkNotice_Kind_name {
		word := strings.ToLower(strings.TrimPrefix(kind, "KIND_"))
		if number != 0 && !strings.Contains(list, "`"+word+"`") {
			t.Errorf("notice %s of a sink is not in the table of checks of docs/operations.md", word)
		}
	}
}
