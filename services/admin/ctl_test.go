package admin

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"google.golang.org/protobuf/types/known/durationpb"
	"google.golang.org/protobuf/types/known/timestamppb"

	capturev1 "github.com/calypso-cdc/calypso/gen/calypso/capture/v1"
	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"

	connectorv1 "github.com/calypso-cdc/calypso/gen/calypso/connector/v1"
	latencyv1 "github.com/calypso-cdc/calypso/gen/calypso/latency/v1"
	sinkv1 "github.com/calypso-cdc/calypso/gen/calypso/sink/v1"
	"github.com/calypso-cdc/calypso/libs/testenv"
	"github.com/calypso-cdc/calypso/services/admin/ctl"
)

// ctl runs calypsoctl against the system and returns what it printed and its exit status.
func (s *system) ctl(t *testing.T, stdin string, args ...string) (string, int) {
	t.Helper()
	t.Setenv("CALYPSO_ADDRESS", s.grpc)
	var out bytes.Buffer
	err := ctl.Run(t.Context(), "test", args, strings.NewReader(stdin), &out)
	if err != nil {
		out.WriteString(ctl.Message(err))
	}
	return out.String(), ctl.Exit(err)
}

func TestAConnectorIsDescribedWhileKafkaIsAway(t *testing.T) {
	s := start(t, nil)
	s.create(t, "src", sourceClass, map[string]string{"topic.prefix": "shop"})
	s.await(t, "src", connectorv1.State_STATE_RUNNING)
	s.broker.Close()
	out, code := s.ctl(t, "", "describe", "src")
	if code != 0 || !strings.Contains(out, "Verdict") || !strings.Contains(out, "topic.prefix") ||
		!strings.Contains(out, "Events") || !strings.Contains(out, "cannot be read") {
		t.Errorf("%d %s", code, out)
	}
	testenv.Eventually(t, 3*time.Minute, "the status says why it is old", func(context.Context) error {
		code, body, _ := s.request(t, "GET", "/connectors/src/status", "")
		if code != http.StatusOK || !strings.Contains(body, "RUNNING") || !strings.Contains(body, `"trace":"The states are`) ||
			!strings.Contains(body, "capture:1 cannot") {
			return fmt.Errorf("%d %s", code, body)
		}
		return nil
	})
}

func TestAConnectorIsDescribedWhileItsWorkersAreAway(t *testing.T) {
	s := start(t, nil)
	s.create(t, "src", sourceClass, map[string]string{"topic.prefix": "shop"})
	s.create(t, "adx", sinkClass, map[string]string{"topics": "shop.orders"})
	for _, name := range []string{"src", "adx"} {
		s.await(t, name, connectorv1.State_STATE_RUNNING)
	}
	if out, code := s.ctl(t, "", "get", "pipelines"); code != 0 {
		t.Fatalf("%d %s", code, out)
	}
	for _, c := range []struct{ fleet, connector string }{{"sink", "adx"}, {"capture", "src"}} {
		s.stop[c.fleet]()
		out, code := s.ctl(t, "", "describe", c.connector)
		if code != ctl.ExitUnavailable || !strings.Contains(out, "workers do not answer") ||
			!strings.Contains(out, "broken") || !strings.Contains(out, "fleet of "+c.fleet) || !strings.Contains(out, "to do:") ||
			strings.Contains(out, "rpc error") {
			t.Errorf("without %s: %d %s", c.fleet, code, out)
		}
	}
}

const twoConnectors = `
name: src
config:
  connector.class: test.SourceConnector
  topic.prefix: shop
  secret.password: canary-31
---
name: adx
config: {connector.class: test.SinkConnector, topics: shop.retail.orders_info, tasks.max: 1}
`

func TestAFileIsAppliedOnceAndThenHasNoDifference(t *testing.T) {
	s := start(t, nil)
	if out, code := s.ctl(t, twoConnectors, "diff", "-f", "-"); code != ctl.ExitDifferent ||
		!strings.Contains(out, "+ connector src") {
		t.Errorf("diff before: %d %s", code, out)
	}
	if out, code := s.ctl(t, twoConnectors, "apply", "-f", "-"); code != 0 || !strings.Contains(out, "src created") ||
		!strings.Contains(out, "adx created") {
		t.Fatalf("apply: %d %s", code, out)
	}
	s.await(t, "adx", connectorv1.State_STATE_RUNNING)
	if out, code := s.ctl(t, twoConnectors, "diff", "-f", "-"); code != 0 || out != "" {
		t.Errorf("diff after: %d %s", code, out)
	}
	exported, code := s.ctl(t, "", "export")
	if code != 0 || strings.Contains(exported, "canary-31") {
		t.Fatalf("export: %d %s", code, exported)
	}
	if out, code := s.ctl(t, exported, "apply", "-f", "-"); code != 0 || !strings.Contains(out, "src unchanged") ||
		!strings.Contains(out, "adx unchanged") {
		t.Errorf("applying what was exported: %d %s", code, out)
	}
	changed := strings.Replace(twoConnectors, "shop.retail.orders_info", "shop.retail.returns", 1)
	if out, code := s.ctl(t, changed, "diff", "-f", "-"); code != ctl.ExitDifferent ||
		!strings.Contains(out, "~ topics: shop.retail.orders_info -> shop.retail.returns") ||
		strings.Contains(out, "canary-31") {
		t.Errorf("diff of a change: %d %s", code, out)
	}
}

func TestAJSONFileOfKafkaConnectIsApplied(t *testing.T) {
	s := start(t, nil)
	path := filepath.Join(t.TempDir(), "sink.json")
	if err := os.WriteFile(path,
		[]byte(`{"name": "adx", "config": {"connector.class": "test.SinkConnector", "topics": "a", "tasks.max": 2}}`),
		0o600); err != nil {
		t.Fatal(err)
	}
	if out, code := s.ctl(t, "", "apply", "--dry-run", "-f", path); code != 0 ||
		!strings.Contains(out, "adx would be created") {
		t.Errorf("dry run: %d %s", code, out)
	}
	if out, code := s.ctl(t, "", "apply", "-f", path); code != 0 || !strings.Contains(out, "adx created") {
		t.Fatalf("apply: %d %s", code, out)
	}
	if out, code := s.ctl(t, "", "describe", "adx"); code != 0 || !strings.Contains(out, "tasks.max") {
		t.Errorf("describe: %d %s", code, out)
	}
}

func TestStatesAreShownAndChanged(t *testing.T) {
	s := start(t, nil)
	s.create(t, "src", sourceClass, map[string]string{"topic.prefix": "shop"})
	s.await(t, "src", connectorv1.State_STATE_RUNNING)
	if out, code := s.ctl(t, "", "pause", "src"); code != 0 {
		t.Fatalf("pause: %d %s", code, out)
	}
	if out, code := s.ctl(t, "", "wait", "src", "--for", "paused"); code != 0 || !strings.Contains(out, "src is paused") {
		t.Errorf("wait: %d %s", code, out)
	}
	if out, code := s.ctl(t, "", "get", "connectors"); code != 0 || !strings.Contains(out, "PAUSED") {
		t.Errorf("get connectors: %d %s", code, out)
	}
	if out, code := s.ctl(t, "", "watch", "--times", "1"); code != 0 ||
		!strings.Contains(out, "connector src is paused") || strings.Contains(out, "\x1b") {
		t.Errorf("watch: %d %s", code, out)
	}
	// Events are written behind the calls.
	testenv.Eventually(t, time.Minute, "the events", func(context.Context) error {
		if out, code := s.ctl(t, "", "get", "events"); code != 0 || !strings.Contains(out, "PauseConnector") {
			return fmt.Errorf("get events: %d %s", code, out)
		}
		return nil
	})
	if out, code := s.ctl(t, "", "describe", "src"); code != 0 || !strings.Contains(out, "Verdict") ||
		!strings.Contains(out, "PauseConnector") {
		t.Errorf("describe: %d %s", code, out)
	}
	out, code := s.ctl(t, "", "get", "pipelines", "-o", "json")
	var answer struct{ Pipelines []struct{ Verdict string } }
	if err := json.Unmarshal([]byte(out), &answer); err != nil || code != 0 || len(answer.Pipelines) != 1 ||
		answer.Pipelines[0].Verdict != "VERDICT_PAUSED" {
		t.Errorf("get pipelines: %d %s", code, out)
	}
	if out, code := s.ctl(t, "", "__complete", "resume", ""); code != 0 || !strings.Contains(out, "src") {
		t.Errorf("completion: %d %s", code, out)
	}
	if out, code := s.ctl(t, "", "orders", "rate", "12.5"); code != 0 || !strings.Contains(out, "12.5") {
		t.Errorf("orders rate: %d %s", code, out)
	}
}

func TestAWatchShowsWhatIsWrongAndWhatToDoAboutIt(t *testing.T) {
	s := start(t, nil)
	s.create(t, "src", sourceClass, map[string]string{"topic.prefix": "shop"})
	s.create(t, "adx", sinkClass, map[string]string{"topics": "shop.retail.orders_info"})
	for _, name := range []string{"src", "adx"} {
		s.await(t, name, connectorv1.State_STATE_RUNNING)
	}
	ages := &latencyv1.Latency{Window: durationpb.New(time.Minute), Count: 1, P50: durationpb.New(1200 * time.Millisecond),
		P99:     durationpb.New(time.Minute),
		Buckets: []*latencyv1.LatencyBucket{{UpperBound: durationpb.New(1200 * time.Millisecond), Count: 1}}}
	s.captures.set(&capturev1.Capture{Connector: "src", Phase: capturev1.Phase_PHASE_STREAMING, CommitToKafkaLatency: ages,
		Slot: &capturev1.Slot{Name: "debezium", Active: true, SafeWalBytes: -1}})
	s.sinks.set(&sinkv1.Sink{Connector: "adx", Guarantee: "exactly once", RowsDeadLettered: 2,
		CommitToQueryableLatency: ages,
		Partitions: []*sinkv1.PartitionProgress{{Topic: "shop.retail.orders_info", TargetDatabase: "shop",
			TargetTable: "Orders", Committed: 1, End: 3, RowsIngested: 1}}})
	for command, wanted := range map[string][]string{
		"watch --times 2 --interval 500ms": {"degraded", "1.2s", "dead_letters", "2 rows of adx are dead letters",
			"calypsoctl dead-letters list adx"},
		"watch src --times 1":         {"dead_letters"},
		"watch src --times 1 -o json": {`"checks"`, `"CHECK_STATE_WARNING"`},
		"describe src": {"Commit to Kafka", "p50 1.2s", "Commit to queryable in adx", "source_state",
			"dead_letters", "slot", "calypsoctl dead-letters"},
		"get tables src": {"retail.orders_info", "shop.Orders", "shop.retail.orders_info"},
		"get pipelines":  {"P99", "1.2s"},
		"get services":   {"VERSION", "SINCE", "TASKS", "1.2.3", s.capture, "orders-generator", "all services are ready"},
		"get health":     {"TASKS"}, // as it was called
	} {
		out, code := s.ctl(t, "", strings.Fields(command)...)
		for _, want := range wanted {
			if code != 0 || !strings.Contains(out, want) {
				t.Errorf("%s: %d, without %q: %s", command, code, want, out)
			}
		}
	}
	for command, want := range map[string]int{
		"watch nope": ctl.ExitNotFound, "watch --interval 1ms": ctl.ExitUsage, "watch a b": ctl.ExitUsage,
		"get tables nope": ctl.ExitNotFound, "get tables --order size": ctl.ExitInvalid,
	} {
		if out, code := s.ctl(t, "", strings.Fields(command)...); code != want {
			t.Errorf("%s: %d %s", command, code, out)
		}
	}
}

func TestAKeyThatDoesNotExistIsNamedWithTheOneThatIsMeant(t *testing.T) {
	s := start(t, nil)
	s.create(t, "src", sourceClass, map[string]string{"topic.prefix": "shop", "topics.prefix": "a"})
	s.create(t, "adx", sinkClass, map[string]string{"topics": "shop.retail.orders_info", "topcs.regex": "b"})
	for _, name := range []string{"src", "adx"} {
		s.await(t, name, connectorv1.State_STATE_RUNNING)
	}
	for command, wanted := range map[string][]string{
		// of all its pipeline
		"describe src": {"Warning", "topics.prefix is not a known configuration key", "notice", "configuration",
			"did you mean topic.prefix", "did you mean topics.regex"},
		"describe adx": {"Warning",
			"topcs.regex is not a known configuration key and has no effect; did you mean topics.regex?"},
	} {
		out, code := s.ctl(t, "", strings.Fields(command)...)
		for _, want := range wanted {
			if code != 0 || !strings.Contains(strings.Join(strings.Fields(out), " "), want) {
				t.Errorf("%s: %d, without %q: %s", command, code, want, out)
			}
		}
	}
}

func TestSnapshotsAreStartedPausedResumedAndStopped(t *testing.T) {
	s := start(t, nil)
	s.captures.set(&capturev1.Capture{Connector: "src"})
	for _, step := range []struct{ args, want string }{
		{"snapshot start src --table retail.orders_info --where amount>5",
			"retail.orders_info  incremental  reading  0     unknown   at key 4 of 9"},
		{"snapshot pause src", "paused"},
		{"snapshot resume src", "reading"},
		{"snapshot progress src", "initial      completed"},
		{"snapshot stop src --table retail.orders_info", "SNAPSHOT"},
	} {
		if out, code := s.ctl(t, "", strings.Fields(step.args)...); code != 0 || !strings.Contains(out, step.want) {
			t.Errorf("%s: %d %s", step.args, code, out)
		}
	}
	if out, code := s.ctl(t, "", "snapshot", "start", "src"); code != ctl.ExitUsage {
		t.Errorf("without a table: %d %s", code, out)
	}
	if out, code := s.ctl(t, "", "snapshot", "pause", "nobody"); code != ctl.ExitNotFound {
		t.Errorf("of nobody: %d %s", code, out)
	}
}

func TestTheSlotOfAConnectorIsDescribed(t *testing.T) {
	s := start(t, nil)
	s.create(t, "src", sourceClass, map[string]string{"topic.prefix": "shop"})
	for want, slot := range map[string]*capturev1.Slot{
		"read by process 77, which waits for Client:WalSenderWaitForWal, kept on standbys": {Name: "shop", Active: true,
			ActivePid: 77, WaitEvent: "Client:WalSenderWaitForWal", Failover: true},
		"read by process 78": {Name: "shop", Active: true, ActivePid: 78},
		"nobody reads it, lost to a conflict with recovery": {Name: "shop", Conflicting: true},
		"nobody reads it since 20":                          {Name: "shop", InactiveSince: timestamppb.Now()},
		"Slot spilled  3 transactions  2.0 KiB": {Name: "shop",
			Statistics: &capturev1.SlotStatistics{SpilledTransactions: 3, SpilledBytes: 2048}},
		"the server has no such slot": {Name: "shop", Missing: true},
	} {
		s.captures.set(&capturev1.Capture{Connector: "src", Slot: slot})
		testenv.Eventually(t, time.Minute, want, func(context.Context) error {
			// Columns are as wide as the widest cell.
			if out, code := s.ctl(t, "", "describe", "src"); code != 0 ||
				!strings.Contains(strings.Join(strings.Fields(out), " "), strings.Join(strings.Fields(want), " ")) {
				return fmt.Errorf("describe: %d %s", code, out)
			}
			return nil
		})
	}
}

func TestTheLogThatASlotKeepsIsShownOnlyOnceSomebodyHasLookedAtIt(t *testing.T) {
	s := start(t, nil)
	s.create(t, "src", sourceClass, map[string]string{"topic.prefix": "shop"})
	for _, c := range []struct {
		slot *capturev1.Slot
		want string
	}{
		{nil, "-"},
		{&capturev1.Slot{Name: "shop", RestartLsn: "0/1"}, "0 B"},
		{&capturev1.Slot{Name: "shop", RestartLsn: "0/1", RetainedBytes: 2048}, "2.0 KiB"},
		{&capturev1.Slot{Name: "shop", Missing: true}, "-"},
	} {
		s.captures.set(&capturev1.Capture{Connector: "src", Slot: c.slot})
		testenv.Eventually(t, time.Minute, c.want, func(context.Context) error {
			out, code := s.ctl(t, "", "get", "pipelines")
			head, row, _ := strings.Cut(out, "\n")
			at, end := strings.Index(head, "WAL KEPT"), strings.Index(head, "REASON")
			if code != 0 || at < 0 || len(row) < end || strings.TrimSpace(row[at:end]) != c.want {
				return fmt.Errorf("%v shows: %d %s", c.slot, code, out)
			}
			return nil
		})
	}
}

func TestTablesAndTheirVersionsAreListed(t *testing.T) {
	s := start(t, nil)
	s.create(t, "src", sourceClass, map[string]string{"topic.prefix": "shop"})
	s.captures.set(&capturev1.Capture{Connector: "src"})
	for _, step := range []struct{ args, want string }{
		{"get tables src", "retail.orders_info  streaming  0     7"},
		{"get tables src", "It has no key."},
		{"get schemas src", "0/2A  breaking  - city text"},
		{"get schemas src", "0/10  first     orderid integer not null key"},
		{"get schemas src retail.orders_info --limit 5", "breaking"},
		{"get schemas src -o json", `"compatibility"`},
		{"get tables src -o json", `"rowsInserted"`},
	} {
		if out, code := s.ctl(t, "", strings.Fields(step.args)...); code != 0 || !strings.Contains(out, step.want) {
			t.Errorf("%s: %d %s", step.args, code, out)
		}
	}
	for args, want := range map[string]int{"get schemas nobody": ctl.ExitNotFound, "get tables nobody": ctl.ExitNotFound,
		"get schemas": ctl.ExitUsage, "get schemas a b c": ctl.ExitUsage, "get tables a b": ctl.ExitUsage} {
		if out, code := s.ctl(t, "", strings.Fields(args)...); code != want {
			t.Errorf("%s: %d %s", args, code, out)
		}
	}
	if code, body, _ := s.request(t, "GET", "/v1/captures/src/schema-versions?table=retail.none", ""); code != 200 ||
		!strings.Contains(body, `"versions":[]`) {
		t.Errorf("versions over HTTP: %d %s", code, body)
	}
	if code, body, _ := s.request(t, "GET", "/v1/captures/src/tables", ""); code != 200 ||
		!strings.Contains(body, `"STATE_STREAMING"`) {
		t.Errorf("tables over HTTP: %d %s", code, body)
	}
}

func TestDeadLettersAreListedReplayedAndDiscarded(t *testing.T) {
	s := start(t, nil)
	s.sinks.letters = []*sinkv1.DeadLetter{{Id: "0/1", Topic: "shop.orders", Partition: 2, Offset: 3, Reason: "forever"},
		{Id: "0/2", Reason: "fixed"}, {Id: "0/3", Reason: "old"}}
	if out, code := s.ctl(t, "", "dead-letters", "list", "adx"); code != 0 || !strings.Contains(out, "shop.orders/2@3") ||
		!strings.Contains(out, "forever") {
		t.Errorf("list: %d %s", code, out)
	}
	if out, code := s.ctl(t, "", "dead-letters", "replay", "adx", "--id", "0/2"); code != 0 ||
		!strings.Contains(out, "1 replayed, 0 refused again") {
		t.Errorf("replay of one: %d %s", code, out)
	}
	if out, code := s.ctl(t, "", "dead-letters", "discard", "adx", "--id", "0/3"); code != 0 ||
		!strings.Contains(out, "1 discarded") {
		t.Errorf("discard: %d %s", code, out)
	}
	if out, code := s.ctl(t, "", "dead-letters", "replay", "adx", "--all"); code != ctl.ExitDifferent ||
		!strings.Contains(out, "1 refused again") {
		t.Errorf("replay of all: %d %s", code, out)
	}
	if out, code := s.ctl(t, "", "dead-letters", "list", "adx", "-o", "json"); code != 0 ||
		!strings.Contains(out, `"total"`) {
		t.Errorf("list as JSON: %d %s", code, out)
	}
}

func TestNoticesAreAcknowledgedByTheirKindAndTopic(t *testing.T) {
	s := start(t, nil)
	s.sinks.set(&sinkv1.Sink{Connector: "adx", Guarantee: "exactly once", Notices: []*sinkv1.SinkNotice{
		{Kind: sinkv1.SinkNotice_KIND_TRUNCATED, Topic: "a"}, {Kind: sinkv1.SinkNotice_KIND_TRUNCATED, Topic: "b"},
		{Kind: sinkv1.SinkNotice_KIND_BATCH_DOUBLED, Topic: "a"},
	}})
	for line, want := range map[string]string{
		"acknowledge adx": "3 acknowledged", "acknowledge adx --topic a": "2 acknowledged",
		"acknowledge adx --kind truncated":               "2 acknowledged",
		"acknowledge adx --kind batch_doubled --topic b": "0 acknowledged",
	} {
		if out, code := s.ctl(t, "", strings.Fields(line)...); code != 0 || !strings.Contains(out, want) {
			t.Errorf("%s: %d %s", line, code, out)
		}
	}
	if out, code := s.ctl(t, "", "acknowledge", "adx", "--kind", "table_changing"); code != ctl.ExitUsage ||
		!strings.Contains(out, "batch_doubled") {
		t.Errorf("a kind that passes by itself: %d %s", code, out)
	}
	if code, body, _ := s.request(t, "POST", "/v1/sinks/adx/notices:acknowledge", `{"kind":"KIND_TRUNCATED"}`,
		"Content-Type: application/json"); code != http.StatusOK || !strings.Contains(body, `"acknowledged":"2"`) {
		t.Errorf("over HTTP: %d %s", code, body)
	}
}

func TestWhatASourceLeftOutIsAcknowledged(t *testing.T) {
	s := start(t, nil)
	s.captures.set(&capturev1.Capture{Connector: "src", BackgroundFailures: []*capturev1.BackgroundFailure{
		{Work: "heartbeat.action.query"}, {Work: "encoding of events of public.a", Lasts: true},
		{Work: "encoding of events of public.b", Lasts: true}}})
	if out, code := s.ctl(t, "", "acknowledge", "src"); code != 0 || !strings.Contains(out, "2 acknowledged") {
		t.Errorf("%d %s", code, out)
	}
	if out, code := s.ctl(t, "", "acknowledge", "nobody"); code != ctl.ExitNotFound {
		t.Errorf("of nobody: %d %s", code, out)
	}
	if code, body, _ := s.request(t, "POST", "/v1/captures/src/losses:acknowledge", `{"work":"encoding of events of public.b"}`,
		"Content-Type: application/json"); code != http.StatusOK || !strings.Contains(body, `"acknowledged":"1"`) {
		t.Errorf("over HTTP: %d %s", code, body)
	}
}

func TestADeadLetterIsShownAndReplayedWithAnotherValueThatOnlyItsTopicHolds(t *testing.T) {
	s := start(t, nil)
	s.sinks.letters = []*sinkv1.DeadLetter{
		{Id: "0/1", Topic: "shop.orders", Reason: "forever", Class: sinkv1.DeadLetterClass_DEAD_LETTER_CLASS_REFUSED,
			ErrorCode: "BadRequest_InvalidBlob", Permanent: true, TraceId: "0af7",
			Decoded: &sinkv1.DecodedRecord{Key: `{"id":7}`, Op: "u", Before: `{"id":7,"amount":1}`,
				After: `{"id":7,"amount":"x"}`}},
		{Id: "0/2", Reason: "forever", Class: sinkv1.DeadLetterClass_DEAD_LETTER_CLASS_MISFIT},
	}
	out, code := s.ctl(t, "", "dead-letters", "list", "adx", "--id", "0/1")
	for _, want := range []string{"BadRequest_InvalidBlob, permanent: true", `{"id":7}`, `{"id":7,"amount":1}`,
		`{"id":7,"amount":"x"}`, "refused", "0af7"} {
		if code != 0 || !strings.Contains(out, want) {
			t.Errorf("list of one lacks %s: %d %s", want, code, out)
		}
	}
	if out, code := s.ctl(t, "", "dead-letters", "list", "adx", "--class", "misfit"); code != 0 ||
		!strings.Contains(out, "0/2") || strings.Contains(out, "0/1") {
		t.Errorf("list of a class: %d %s", code, out)
	}
	file := filepath.Join(t.TempDir(), "value.json")
	if err := os.WriteFile(file, []byte(`{"id":7,"amount":41521}`), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, wrong := range [][]string{{"--class", "odd", "--all"}, {"--all", "--value", "x"},
		{"--id", "0/1", "--id", "0/2", "--value", "x"}, {"--id", "0/1", "--value", "@/nonexistent"}} {
		if out, code := s.ctl(t, "", append([]string{"dead-letters", "replay", "adx"}, wrong...)...); code != ctl.ExitUsage {
			t.Errorf("%v: %d %s", wrong, code, out)
		}
	}
	if out, code := s.ctl(t, "", "dead-letters", "replay", "adx", "--id", "0/1", "--value", "@"+file); code != 0 ||
		!strings.Contains(out, "1 replayed") {
		t.Errorf("with a file: %d %s", code, out)
	}
	if out, code := s.ctl(t, `{"id":8}`, "dead-letters", "replay", "adx", "--id", "0/2", "--value", "-"); code != 0 {
		t.Errorf("with standard input: %d %s", code, out)
	}
	if e := s.sinks.edits; len(e) != 2 || e[0].Id != "0/1" || string(e[0].Value) != `{"id":7,"amount":41521}` ||
		string(e[1].Value) != `{"id":8}` {
		t.Errorf("the values that were given are %v", e)
	}
	testenv.Eventually(t, time.Minute, "the timeline", func(context.Context) error {
		out, code := s.ctl(t, "", "get", "events", "-o", "json")
		if code != 0 || !strings.Contains(out, "1 replayed, 0 refused again; with other values: 0/1") {
			return fmt.Errorf("%d %s", code, out)
		}
		if all := out + s.log.String(); strings.Contains(all, "41521") {
			t.Error("the timeline or the log holds what a letter holds")
		}
		return nil
	})
}

func TestShellCompletionIsWritten(t *testing.T) {
	s := start(t, nil)
	for _, shell := range []string{"bash", "zsh", "fish"} {
		if out, code := s.ctl(t, "", "completion", shell); code != 0 || !strings.Contains(out, "calypsoctl") {
			t.Errorf("%s: %d %.200s", shell, code, out)
		}
	}
}

func TestExitStatusesSayWhatWentWrong(t *testing.T) {
	s := start(t, nil)
	for _, test := range []struct {
		args  []string
		stdin string
		want  int
	}{
		{[]string{"pause", "nope"}, "", ctl.ExitNotFound},
		{[]string{"wait", "nope"}, "", ctl.ExitNotFound},
		{[]string{"pause"}, "", ctl.ExitUsage},
		{[]string{"fly"}, "", ctl.ExitUsage},
		{[]string{"get"}, "", ctl.ExitOK},
		{[]string{"get", "connector"}, "", ctl.ExitUsage},
		{[]string{"dead-letters", "nope"}, "", ctl.ExitUsage},
		{[]string{"get", "connectors", "-o", "xml"}, "", ctl.ExitUsage},
		{[]string{"get", "connectors", "--fast"}, "", ctl.ExitUsage},
		{[]string{"apply"}, "", ctl.ExitUsage},
		{[]string{"apply", "-f", "/nonexistent"}, "", ctl.ExitUsage},
		{[]string{"apply", "-f", "-"}, "name: a\nconfig: {b: [1]}", ctl.ExitUsage},
		{[]string{"apply", "-f", "-"}, "nam: a", ctl.ExitUsage},
		{[]string{"apply", "-f", "-"}, "", ctl.ExitUsage},
		{[]string{"apply", "-f", "-"}, "name: a\nconfig: {connector.class: test.SinkConnector, tasks.max: many, topics: x}",
			ctl.ExitInvalid},
		{[]string{"orders", "rate", "fast"}, "", ctl.ExitUsage},
	} {
		if out, code := s.ctl(t, test.stdin, test.args...); code != test.want {
			t.Errorf("%v: %d %s", test.args, code, out)
		}
	}
	if out, _ := s.ctl(t, "", "get", "connector"); !strings.Contains(out, "did you mean connectors?") {
		t.Errorf("a command that does not exist: %s", out)
	}
	for want, args := range map[string][]string{
		`calypsoctl has no command "gt"; did you mean get?`: {"gt", "pipelines"},
		`wrong usage: required flag(s) "to"`:                {"rollback", "c"},
		"--times is -1":                                     {"watch", "--times", "-1"},
		"host:port is wanted":                               {"get", "pipelines", "--address", "http://localhost:7070"},
		"/nonexistent/ca.pem":                               {"get", "pipelines", "--tls-ca", "/nonexistent/ca.pem"},
	} {
		if out, code := s.ctl(t, "", args...); code == ctl.ExitOK || !strings.Contains(out, want) {
			t.Errorf("%v: %d %s, want %s", args, code, out, want)
		}
	}
	if out, _ := s.ctl(t, "[]", "apply", "-f", "-"); strings.Contains(out, "ctl.document") {
		t.Errorf("a list in place of a connector: %s", out)
	}
	if out, _ := s.ctl(t, "", "pause"); !strings.Contains(out, "want calypsoctl pause CONNECTOR") {
		t.Errorf("a name is missing: %s", out)
	}
	if out, code := s.ctl(t, "", "get", "connectors", "--address", "127.0.0.1:1"); code != ctl.ExitUnavailable ||
		!strings.Contains(out, "admin at 127.0.0.1:1 does not answer: ") || !strings.Contains(out, "--address") {
		t.Errorf("no admin: %d %s", code, out)
	}
	s.stop["sink"]()
	if out, code := s.ctl(t, "", "get", "connectors"); code != ctl.ExitUnavailable || !strings.Contains(out, "sink") {
		t.Errorf("without sink: %d %s", code, out)
	}
}

func TestOffsetsAreMovedOnlyAfterItWasSaidWhatComesTwice(t *testing.T) {
	s := start(t, nil)
	s.create(t, "src", sourceClass, map[string]string{"topic.prefix": "shop"})
	s.await(t, "src", connectorv1.State_STATE_RUNNING)
	const moved = `{"offsets": [{"partition": {"server": "shop"}, "offset": {"lsn": 9007199254740993}}]}`
	out, code := s.ctl(t, moved, "offsets", "set", "src", "-f", "-")
	if code != 0 || !strings.Contains(out, "rows come twice into a table") || !strings.Contains(out, "--yes does it.") {
		t.Errorf("what would follow: %d %s", code, out)
	}
	if out, code := s.ctl(t, "", "offsets", "get", "src"); code != 0 || strings.Contains(out, "lsn") {
		t.Errorf("nothing was to be changed: %d %s", code, out)
	}
	if out, code := s.ctl(t, moved, "offsets", "set", "src", "-f", "-", "--yes"); code != 0 ||
		!strings.Contains(out, "altered successfully") {
		t.Fatalf("set: %d %s", code, out)
	}
	s.await(t, "src", connectorv1.State_STATE_RUNNING)
	if out, code := s.ctl(t, "", "offsets", "get", "src"); code != 0 || !strings.Contains(out, `"lsn":9007199254740993`) {
		t.Errorf("get: %d %s", code, out)
	}
	written, code := s.ctl(t, "", "offsets", "get", "src", "-o", "json")
	if code != 0 {
		t.Fatalf("get as JSON: %d %s", code, written)
	}
	if out, code := s.ctl(t, "", "pause", "src"); code != 0 {
		t.Fatalf("pause: %d %s", code, out)
	}
	s.await(t, "src", connectorv1.State_STATE_PAUSED)
	if out, code := s.ctl(t, "", "offsets", "reset", "src", "--yes"); code != 0 ||
		!strings.Contains(out, "reset successfully") || !strings.Contains(out, "rows come twice into a table") {
		t.Errorf("reset: %d %s", code, out)
	}
	s.await(t, "src", connectorv1.State_STATE_PAUSED)
	if out, code := s.ctl(t, "", "offsets", "get", "src"); code != 0 || strings.Contains(out, "lsn") {
		t.Errorf("get after reset: %d %s", code, out)
	}
	if out, code := s.ctl(t, written, "offsets", "set", "src", "-f", "-", "--yes"); code != 0 {
		t.Errorf("what get wrote is not taken back: %d %s", code, out)
	}
	if out, code := s.ctl(t, "", "offsets", "get", "src"); code != 0 || !strings.Contains(out, `"lsn":9007199254740993`) {
		t.Errorf("get of what was written back: %d %s", code, out)
	}
	if out, code := s.ctl(t, "", "offsets", "reset", "src", "--topic", "none"); code != ctl.ExitUsage ||
		!strings.Contains(out, "no offsets of topic none") {
		t.Errorf("reset of a topic that it has not: %d %s", code, out)
	}
	if out, code := s.ctl(t, "", "offsets", "reset", "nobody"); code != ctl.ExitNotFound {
		t.Errorf("reset of no connector: %d %s", code, out)
	}
}

func TestASinkWhoseOffsetsAreLostGoesOnWhereItIsProvenThatItWas(t *testing.T) {
	s := start(t, nil)
	client, err := kgo.NewClient(kgo.SeedBrokers(s.broker.ListenAddrs()...))
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	brokers := kadm.NewClient(client)
	const topic, group = "shop.retail.orders_info", "connect-adx"
	if made, err := brokers.CreateTopic(t.Context(), 3, 1, nil, topic); err != nil || made.Err != nil {
		t.Fatal(err, made.Err)
	}
	s.create(t, "adx", sinkClass, map[string]string{"topics": topic})
	s.await(t, "adx", connectorv1.State_STATE_RUNNING)
	if out, code := s.ctl(t, "", "offsets", "recover", "adx"); code != 0 || !strings.Contains(out, "Nothing is lost") {
		t.Errorf("without lost offsets: %d %s", code, out)
	}
	s.sinks.mu.Lock()
	s.sinks.proven = []*sinkv1.ProvenOffset{
		{Topic: topic, Partition: 0, Offset: 40, Batches: "calypso3:AAAAAAAAAAAAAAAAAAAAAA==:2,5", Begin: 7, End: 90},
		{Topic: topic, Partition: 1, Offset: -1, End: 3},
		{Topic: topic, Partition: 2, Offset: 5, Begin: 6, End: 9},
	}
	s.sinks.mu.Unlock()
	committed := func() kadm.OffsetResponses {
		t.Helper()
		found, err := brokers.FetchOffsets(t.Context(), group)
		if err != nil && !errors.Is(err, kerr.GroupIDNotFound) {
			t.Fatal(err)
		}
		return found
	}
	out, code := s.ctl(t, "", "offsets", "recover", "adx")
	for _, part := range []string{"40", "no table has a batch of it", "its records before 6 are gone", "--yes has it go on",
		"of 2 partitions it is not proven"} {
		if code != ctl.ExitDifferent || !strings.Contains(out, part) {
			t.Errorf("%d %s lacks %q", code, out, part)
		}
	}
	if found := committed(); len(found) > 0 {
		t.Errorf("committed without --yes: %v", found)
	}
	if out, code := s.ctl(t, "", "offsets", "recover", "adx", "--yes"); code != ctl.ExitDifferent {
		t.Errorf("%d %s", code, out)
	}
	s.await(t, "adx", connectorv1.State_STATE_RUNNING)
	if o, ok := committed().Lookup(topic, 0); !ok || o.At != 40 ||
		o.Metadata != "calypso3:AAAAAAAAAAAAAAAAAAAAAA==:2,5" || len(committed()[topic]) != 1 {
		t.Errorf("committed is %v", committed())
	}
	// The partitions of a topic are those that the sink reads, whatever is committed of them.
	if out, code := s.ctl(t, "", "offsets", "reset", "adx", "--topic", topic, "--yes"); code != 0 {
		t.Errorf("%d %s", code, out)
	}
	if found := committed(); len(found[topic]) > 0 {
		t.Errorf("committed after a reset: %v", found)
	}
	if out, code := s.ctl(t, "", "offsets", "reset", "adx", "--topic", topic); code != 0 ||
		!strings.Contains(out, "--yes does it.") {
		t.Errorf("a reset without offsets: %d %s", code, out)
	}
}

func TestLevelsOfTheLogAreShownAndSet(t *testing.T) {
	s := start(t, nil)
	if out, code := s.ctl(t, "", "logs", "levels"); code != 0 || !strings.Contains(out, "root    INFO   -") {
		t.Errorf("levels: %d %s", code, out)
	}
	if out, code := s.ctl(t, "", "logs", "set", "root", "debug"); code != 0 ||
		!strings.Contains(out, "From DEBUG on is written: root") {
		t.Errorf("set: %d %s", code, out)
	}
	if out, code := s.ctl(t, "", "logs", "levels"); code != 0 || !strings.Contains(out, "root    DEBUG  20") {
		t.Errorf("levels: %d %s", code, out)
	}
	if out, code := s.ctl(t, "", "logs", "set", "root", "LOUD"); code != ctl.ExitInvalid ||
		!strings.Contains(out, `"LOUD" is no level`) {
		t.Errorf("set to no level: %d %s", code, out)
	}
}

func TestADeletedSourceNamesTheSlotThatItLeaves(t *testing.T) {
	s := start(t, nil)
	s.create(t, "src", sourceClass, map[string]string{"topic.prefix": "shop"})
	s.create(t, "adx", sinkClass, map[string]string{"topics": "shop.retail.orders_info"})
	s.captures.set(&capturev1.Capture{Connector: "src", Slot: &capturev1.Slot{Name: "debezium"}})
	if out, code := s.ctl(t, "", "delete", "src"); code != 0 || !strings.Contains(out, "src is deleted") ||
		!strings.Contains(out, "SELECT pg_drop_replication_slot('debezium');") {
		t.Errorf("%d %s", code, out)
	}
	if out, code := s.ctl(t, "", "delete", "adx"); code != 0 || out != "adx is deleted\n" {
		t.Errorf("%d %s", code, out)
	}
	if out, code := s.ctl(t, "", "delete", "src"); code != ctl.ExitNotFound {
		t.Errorf("%d %s", code, out)
	}
}

func TestWhoDeletesASourceByRESTIsToldOfItsSlotAndTheTimelineKeepsThat(t *testing.T) {
	s := start(t, nil)
	s.create(t, "src", sourceClass, map[string]string{"topic.prefix": "shop"})
	s.captures.set(&capturev1.Capture{Connector: "src", Slot: &capturev1.Slot{Name: "debezium"}})
	const drop = "SELECT pg_drop_replication_slot('debezium');"
	q, err := http.NewRequestWithContext(t.Context(), http.MethodDelete, s.http+"/connectors/src", nil)
	if err != nil {
		t.Fatal(err)
	}
	answer, err := http.DefaultClient.Do(q)
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()
	if answer.StatusCode != http.StatusNoContent || !strings.Contains(fmt.Sprint(answer.Header), drop) {
		t.Errorf("the answer is %s with %v", answer.Status, answer.Header)
	}
	testenv.Eventually(t, time.Minute, "the timeline", func(context.Context) error {
		out, _ := s.ctl(t, "", "get", "events")
		if !strings.Contains(out, drop) {
			return fmt.Errorf("it says %s", out)
		}
		return nil
	})
}
