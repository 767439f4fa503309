package admin

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"go.opentelemetry.io/otel/trace/noop"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/types/known/durationpb"

	adminv1 "github.com/calypso-cdc/calypso/gen/calypso/admin/v1"
	capturev1 "github.com/calypso-cdc/calypso/gen/calypso/capture/v1"
	connectorv1 "github.com/calypso-cdc/calypso/gen/calypso/connector/v1"
	sinkv1 "github.com/calypso-cdc/calypso/gen/calypso/sink/v1"
	"github.com/calypso-cdc/calypso/libs/rpc"
	"github.com/calypso-cdc/calypso/libs/testenv"
)

// quick is the shortest interval of a watch.
var quick = durationpb.New(shortestWatchInterval)

// nextWith receives until a pipeline comes that fits.
func nextWith(t *testing.T, watch adminv1.AdminService_WatchPipelinesClient,
	fits func(*adminv1.WatchPipelinesResponse) bool) *adminv1.WatchPipelinesResponse {
	t.Helper()
	for {
		got, err := watch.Recv()
		if err != nil {
			t.Fatal(err)
		}
		if fits(got) {
			return got
		}
	}
}

func TestAWatchGivesAllPipelinesThenThoseThatChangeAndThoseThatGo(t *testing.T) {
	s := start(t, nil)
	for _, name := range []string{"src", "other"} {
		s.create(t, name, sourceClass, map[string]string{"topic.prefix": name})
		s.await(t, name, connectorv1.State_STATE_RUNNING)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 3*time.Minute)
	defer cancel()
	client := adminv1.NewAdminServiceClient(s.connection)
	watch, err := client.WatchPipelines(ctx, &adminv1.WatchPipelinesRequest{Interval: quick})
	if err != nil {
		t.Fatal(err)
	}
	first, err := watch.Recv()
	if err != nil || len(first.Pipelines) != 2 || first.Pipelines[0].Source != "other" || first.Time == nil {
		t.Fatalf("the first message is %v, %v", first, err)
	}
	s.captures.set(&capturev1.Capture{Connector: "src", Phase: capturev1.Phase_PHASE_RETRYING,
		Reason: "connection refused"})
	got := nextWith(t, watch, func(r *adminv1.WatchPipelinesResponse) bool {
		return len(r.Pipelines) == 1 && r.Pipelines[0].Source == "src" &&
			r.Pipelines[0].Verdict == adminv1.Verdict_VERDICT_DEGRADED
	})
	if !strings.Contains(got.Pipelines[0].Reason, "connection refused") || got.Pipelines[0].Checks[0].Since == nil {
		t.Errorf("the change is %v", got)
	}
	if _, err := s.connectors().DeleteConnector(ctx, &connectorv1.DeleteConnectorRequest{Name: "other"}); err != nil {
		t.Fatal(err)
	}
	nextWith(t, watch, func(r *adminv1.WatchPipelinesResponse) bool {
		return len(r.Deleted) == 1 && r.Deleted[0] == "other"
	})
}

func TestAWatchOfOnePipelineShowsNoOther(t *testing.T) {
	s := start(t, nil)
	for _, name := range []string{"src", "other"} {
		s.create(t, name, sourceClass, map[string]string{"topic.prefix": name})
	}
	client := adminv1.NewAdminServiceClient(s.connection)
	watch, err := client.WatchPipelines(t.Context(), &adminv1.WatchPipelinesRequest{Source: "src"})
	if err != nil {
		t.Fatal(err)
	}
	if got, err := watch.Recv(); err != nil || len(got.Pipelines) != 1 || got.Pipelines[0].Source != "src" {
		t.Errorf("%v, %v", got, err)
	}
	for what, q := range map[codes.Code]*adminv1.WatchPipelinesRequest{
		codes.NotFound:        {Source: "nope"},
		codes.InvalidArgument: {Interval: durationpb.New(time.Millisecond)},
	} {
		watch, err := client.WatchPipelines(t.Context(), q)
		if err == nil {
			_, err = watch.Recv()
		}
		if status.Code(err) != what || len(status.Convert(err).Details()) == 0 {
			t.Errorf("%v: %v", q, err)
		}
	}
}

func TestAWatchOverHTTPIsALineAMessageAndEndsWithItsClient(t *testing.T) {
	s := start(t, nil)
	s.create(t, "src", sourceClass, map[string]string{"topic.prefix": "shop"})
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	q, err := http.NewRequestWithContext(ctx, http.MethodGet, s.http+"/v1/pipelines:watch?interval=0.5s", nil)
	if err != nil {
		t.Fatal(err)
	}
	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	answer, err := client.Do(q)
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()
	lines := bufio.NewReader(answer.Body)
	line := func() (said struct {
		Result struct {
			Pipelines []struct{ Source, Reason string }
		}
	}) {
		t.Helper()
		text, err := lines.ReadString('\n')
		if err != nil {
			t.Fatal(err)
		}
		if err := json.Unmarshal([]byte(text), &said); err != nil {
			t.Fatalf("%s: %v", text, err)
		}
		return said
	}
	if got := line().Result.Pipelines; answer.StatusCode != http.StatusOK || len(got) != 1 || got[0].Source != "src" {
		t.Fatalf("%d: the first line is %v", answer.StatusCode, got)
	}
	s.captures.set(&capturev1.Capture{Connector: "src", Phase: capturev1.Phase_PHASE_FAILED, Reason: "no such database"})
	for !strings.Contains(line().Result.Pipelines[0].Reason, "no such database") {
	}
	cancel()
	if _, err := io.ReadAll(lines); err == nil {
		t.Error("the stream goes on without its client")
	}
	for path, want := range map[string]string{
		"?interval=fast": "", "?interval=1h": `"field":"interval"`, "?interval=-1s": `"field":"interval"`,
		"?source=nope": "CONNECTOR_NOT_FOUND", "?source=%00%ff": "",
	} {
		code, body, _ := s.request(t, "GET", "/v1/pipelines:watch"+path, "")
		if code < 400 || code >= 500 || !strings.Contains(body, want) || !strings.Contains(body, `"reason"`) {
			t.Errorf("%s: %d %s", path, code, body)
		}
	}
}

func TestAWatcherThatReadsNothingHoldsNobodyUpAndThenGetsTheNewest(t *testing.T) {
	s := start(t, nil)
	s.create(t, "src", sourceClass, map[string]string{"topic.prefix": "shop"})
	client := adminv1.NewAdminServiceClient(s.connection)
	watch := func() adminv1.AdminService_WatchPipelinesClient {
		w, err := client.WatchPipelines(t.Context(), &adminv1.WatchPipelinesRequest{Interval: quick})
		if err != nil {
			t.Fatal(err)
		}
		return w
	}
	slow, quick := watch(), watch()
	// A reason so long that a few messages fill the stream's window.
	for n := range 4 {
		reason := fmt.Sprintf("attempt %d of %s", n, strings.Repeat("x", 100_000))
		s.captures.set(&capturev1.Capture{Connector: "src", Phase: capturev1.Phase_PHASE_RETRYING, Reason: reason})
		nextWith(t, quick, func(r *adminv1.WatchPipelinesResponse) bool {
			return len(r.Pipelines) > 0 && r.Pipelines[0].Capture.GetReason() == reason
		})
	}
	nextWith(t, slow, func(r *adminv1.WatchPipelinesResponse) bool {
		return len(r.Pipelines) > 0 && strings.HasPrefix(r.Pipelines[0].Capture.GetReason(), "attempt 3")
	})
}

func TestWatchersShareTheLooksAtTheFleets(t *testing.T) {
	var looks atomic.Int64
	now := time.Unix(1000, 0)
	v := newViews(func() time.Time { return now }, func(context.Context) ([]*adminv1.Pipeline, error) {
		looks.Add(1)
		return []*adminv1.Pipeline{{Source: "src"}}, nil
	})
	for range 10 {
		if all, err := v.within(t.Context(), time.Second); err != nil || len(all) != 1 {
			t.Errorf("%v, %v", all, err)
		}
	}
	if n := looks.Load(); n != 1 {
		t.Errorf("%d looks for ten watchers", n)
	}
	now = now.Add(2 * time.Second)
	if _, err := v.within(t.Context(), time.Second); err != nil || looks.Load() != 2 {
		t.Errorf("an old look is given, %v", err)
	}
	now = now.Add(time.Millisecond)
	if _, err := v.within(t.Context(), 0); err != nil || looks.Load() != 3 {
		t.Errorf("a question for now gets an earlier look, %v", err)
	}
}

func TestALookThatFailsOrHangsIsNotSharedAndEndsWithWhoAsked(t *testing.T) {
	fails, begun := true, make(chan struct{})
	v := newViews(time.Now, func(ctx context.Context) ([]*adminv1.Pipeline, error) {
		if fails {
			close(begun)
			<-ctx.Done()
			return nil, ctx.Err()
		}
		return nil, nil
	})
	ctx, cancel := context.WithCancel(t.Context())
	first := make(chan error, 1)
	go func() { _, err := v.within(ctx, 0); first <- err }()
	<-begun
	waiting, stop := context.WithCancel(t.Context())
	stop()
	if _, err := v.within(waiting, time.Hour); !errors.Is(err, context.Canceled) {
		t.Errorf("one that no longer waits: %v", err)
	}
	cancel()
	if err := <-first; !errors.Is(err, context.Canceled) {
		t.Errorf("the first: %v", err)
	}
	fails = false
	if _, err := v.within(t.Context(), time.Hour); err != nil {
		t.Errorf("afterwards: %v", err)
	}
}

func TestTablesAreJoinedOverCaptureAndSinks(t *testing.T) {
	s := start(t, nil)
	s.create(t, "src", sourceClass, map[string]string{"topic.prefix": "shop"})
	s.create(t, "adx", sinkClass, map[string]string{"topics": "shop.retail.orders_info,shop.retail.returns"})
	s.captures.set(&capturev1.Capture{Connector: "src",
		Snapshots: []*capturev1.TableSnapshot{{Table: "retail.orders_info", RowsDone: 4},
			{Table: "retail.customers", RowsDone: 2}}})
	s.sinks.set(&sinkv1.Sink{Connector: "adx", Guarantee: "exactly once", Partitions: []*sinkv1.PartitionProgress{
		{Topic: "shop.retail.orders_info", Partition: 0, TargetDatabase: "shop", TargetTable: "Orders", Committed: 3, End: 5,
			RowsIngested: 3},
		{Topic: "shop.retail.orders_info", Partition: 1, TargetDatabase: "shop", TargetTable: "Orders", Committed: -1, End: 7,
			RowsIngested: 0},
		{Topic: "shop.retail.returns", Partition: 0, TargetDatabase: "shop", TargetTable: "Returns", Committed: 1, End: 1,
			RowsIngested: 1}}})
	client := adminv1.NewAdminServiceClient(s.connection)
	testenv.Eventually(t, time.Minute, "the tables", func(ctx context.Context) error {
		got, err := client.ListPipelineTables(ctx, &adminv1.ListPipelineTablesRequest{Source: "src"})
		if err != nil {
			return err
		}
		var said []string
		for _, table := range got.Tables {
			line := fmt.Sprintf("%s %s %d/%d", table.Topic, table.Table, table.Snapshot.GetRowsDone(),
				table.Captured.GetRowsInserted())
			for _, to := range table.Sinks {
				line += fmt.Sprintf(" %s:%s.%s/%d waiting=%d ingested=%d", to.Sink, to.TargetDatabase, to.TargetTable,
					len(to.Partitions), to.RecordsWaiting, to.RowsIngested)
			}
			said = append(said, line)
		}
		const want = "shop.retail.customers retail.customers 2/0\n" +
			"shop.retail.orders_info retail.orders_info 4/7 adx:shop.Orders/2 waiting=9 ingested=3\n" +
			"shop.retail.returns retail.returns 0/0 adx:shop.Returns/1 waiting=0 ingested=1"
		if is := strings.Join(said, "\n"); is != want {
			return fmt.Errorf("tables are\n%s", is)
		}
		return nil
	})
	if code, body, _ := s.request(t, "GET", "/v1/pipelines/src/tables", ""); code != http.StatusOK ||
		!strings.Contains(body, `"targetTable":"Orders"`) {
		t.Errorf("over HTTP: %d %s", code, body)
	}
	if code, body, _ := s.request(t, "GET", "/v1/pipelines/nope/tables", ""); code != http.StatusNotFound ||
		!strings.Contains(body, "CONNECTOR_NOT_FOUND") {
		t.Errorf("of an unknown pipeline: %d %s", code, body)
	}
}

func TestAPipelineStaysInSightWhileAFleetIsAway(t *testing.T) {
	s := start(t, nil)
	s.create(t, "src", sourceClass, map[string]string{"topic.prefix": "shop"})
	s.create(t, "adx", sinkClass, map[string]string{"topics": "shop.orders"})
	for _, name := range []string{"src", "adx"} {
		s.await(t, name, connectorv1.State_STATE_RUNNING)
	}
	client := adminv1.NewAdminServiceClient(s.connection)
	seen := func(subject string) {
		t.Helper()
		got, err := client.GetPipeline(t.Context(), &adminv1.GetPipelineRequest{Source: "src"})
		if err != nil {
			t.Fatal(err)
		}
		p := got.Pipeline
		if len(p.Sinks) != 1 || p.Sinks[0].Status.GetName() != "adx" || p.Verdict != adminv1.Verdict_VERDICT_BROKEN ||
			p.Checks[0].Name != "fleet" || p.Checks[0].Subject != subject ||
			p.Checks[0].Remedy == "" || p.Reason != p.Checks[0].Summary {
			t.Errorf("without %s: %v", subject, p)
		}
	}
	if _, err := client.ListPipelines(t.Context(), &adminv1.ListPipelinesRequest{}); err != nil {
		t.Fatal(err)
	}
	s.stop["sink"]()
	seen("sink")
	s.stop["capture"]()
	seen("capture")
	// One that was started while the fleet was away cannot know it.
	var fleets []*fleet
	for name, address := range map[string]string{"capture": s.capture, "sink": s.sink} {
		f, err := dialFleet(name, []string{address}, rpc.TLS{}, noop.NewTracerProvider())
		if err != nil {
			t.Fatal(err)
		}
		defer f.close()
		fleets = append(fleets, f)
	}
	later := newService(fleets)
	if _, err := later.ListPipelines(t.Context(),
		&adminv1.ListPipelinesRequest{}); status.Code(err) != codes.Unavailable || len(status.Convert(err).Details()) == 0 {
		t.Errorf("without any memory: %v", err)
	}
}

func TestLooksThatTakeLongAreTakenLessOften(t *testing.T) {
	now := time.Unix(1000, 0)
	looks := 0
	v := newViews(func() time.Time { return now }, func(context.Context) ([]int, error) {
		looks++
		now = now.Add(400 * time.Millisecond)
		return []int{looks}, nil
	})
	within := func(age time.Duration) int {
		t.Helper()
		all, err := v.within(t.Context(), age)
		if err != nil {
			t.Fatal(err)
		}
		return all[0]
	}
	for range 10 { // seconds
		within(500 * time.Millisecond)
		now = now.Add(time.Second)
	}
	if looks > 6 {
		t.Errorf("in ten seconds there were %d looks of 0.4 s", looks)
	}
	if before := looks; within(0) != before+1 {
		t.Error("who wants to know it now is told what was")
	}
}
