package overview

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/types/known/timestamppb"

	adminv1 "github.com/calypso-cdc/calypso/gen/calypso/admin/v1"
	connectorv1 "github.com/calypso-cdc/calypso/gen/calypso/connector/v1"
)

var noon = time.Date(2026, 11, 30, 12, 0, 0, 0, time.UTC)

// pipeline is one of a thousand, with a sink and so many late tables of twenty.
func pipeline(n, late int) (*adminv1.Pipeline, []*adminv1.TableStatus) {
	p := &adminv1.Pipeline{Source: fmt.Sprintf("pg-orders-source-%04d", n), Verdict: adminv1.Verdict_VERDICT_HEALTHY,
		Reason:       fmt.Sprintf("streaming; %d records are on their way from Kafka to Azure Data Explorer", n),
		SourceStatus: &connectorv1.ConnectorStatus{State: connectorv1.State_STATE_RUNNING},
		Sinks: []*adminv1.PipelineSink{{Status: &connectorv1.ConnectorStatus{Name: fmt.Sprintf("adx-orders-sink-%04d", n),
			State: connectorv1.State_STATE_RUNNING}}}}
	if late > 0 {
		p.Verdict = adminv1.Verdict_VERDICT_DEGRADED
		p.Reason = strings.Repeat("adx tries again: 403 Forbidden: Principal lacks ingestor; ", 20)
	}
	var rows []*adminv1.TableStatus
	for i := range 20 {
		r := &adminv1.TableStatus{Source: p.Source, Table: fmt.Sprintf("public.t%d", i), LateSeconds: 3}
		if i < late {
			r.Check, r.LateSeconds = "ingestion", float64(100+i)
		}
		rows = append(rows, r)
	}
	return p, rows
}

// size is how many bytes a message has as the gateway writes it.
func size(t *testing.T, m *adminv1.WatchPipelinesResponse) int {
	t.Helper()
	text, err := protojson.MarshalOptions{EmitUnpopulated: true}.Marshal(m)
	if err != nil {
		t.Fatal(err)
	}
	return len(text)
}

func TestAThousandPipelinesAreToldInLessThan300KBAndAChangeInOne(t *testing.T) {
	first := &adminv1.WatchPipelinesResponse{Sequence: 1, Time: timestamppb.New(noon)}
	for n := range 1000 {
		late := 0
		if n%20 == 0 {
			late = 5
		}
		p, rows := pipeline(n, late)
		first.Summaries = append(first.Summaries, Summary(noon, p, rows, nil))
	}
	if n := size(t, first); n > 300_000 {
		t.Errorf("the first message has %d bytes", n)
	}
	p, rows := pipeline(0, 20)
	p.SlotForecast = &adminv1.SlotForecast{FullTime: timestamppb.New(noon.Add(time.Hour))}
	change := &adminv1.WatchPipelinesResponse{Summaries: []*adminv1.PipelineSummary{Summary(noon, p, rows, nil)},
		Sequence: 1 << 40, Time: timestamppb.New(noon)}
	if n := size(t, change); n > 1000 {
		t.Errorf("a change has %d bytes", n)
	}
}

func TestASummaryStaysTheSameWhileNothingIsNew(t *testing.T) {
	p, rows := pipeline(1, 0)
	last := Summary(noon, p, rows, nil)
	p, rows = pipeline(1, 0)
	p.Reason, rows[3].LateSeconds = "streaming; 9 records are on their way", 20
	if now := Summary(noon.Add(time.Minute), p, rows, last); now != last {
		t.Errorf("of a pipeline that does well %v became %v", last, now)
	}
	// What is late grows later, and the slot's time is foretold a little differently each time.
	p, rows = pipeline(1, 2)
	p.SlotForecast = &adminv1.SlotForecast{FullTime: timestamppb.New(noon.Add(10 * time.Hour))}
	last = Summary(noon, p, rows, last)
	if last.LateTables != 2 || !last.LateSince.AsTime().Equal(noon.Add(-101*time.Second)) || len(last.Reason) > maxReason {
		t.Errorf("the summary is %v", last)
	}
	for _, r := range rows {
		r.LateSeconds += 5.3
	}
	p.SlotForecast = &adminv1.SlotForecast{FullTime: timestamppb.New(noon.Add(10*time.Hour + 7*time.Minute))}
	if now := Summary(noon.Add(5300*time.Millisecond), p, rows, last); now != last {
		t.Errorf("%v became %v", last, now)
	}
	p.SlotForecast = &adminv1.SlotForecast{FullTime: timestamppb.New(noon.Add(8 * time.Hour))}
	if now := Summary(noon.Add(5300*time.Millisecond), p, rows, last); now == last {
		t.Error("a slot that is full two hours earlier is no news")
	}
}

func TestTablesAreChosenOrderedAndPaged(t *testing.T) {
	var all []*adminv1.TableStatus
	for n := range 5 {
		_, rows := pipeline(n, n)
		all = append(all, rows...)
	}
	all[7].RecordsWaiting = 9
	list := func(q *adminv1.ListTablesRequest) *adminv1.ListTablesResponse {
		t.Helper()
		r, err := Tables(all, q)
		if err != nil {
			t.Fatal(err)
		}
		return r
	}
	if r := list(&adminv1.ListTablesRequest{}); len(r.Tables) != 50 || r.TotalSize != 100 || r.Tables[0].LateSeconds != 103 ||
		r.Tables[9].Check == "" || r.Tables[10].Check != "" {
		t.Errorf("the first page has %d of %d rows, %v first", len(r.Tables), r.TotalSize, r.Tables[0])
	}
	seen := map[string]int{}
	for token, pages := "", 0; ; pages++ {
		r := list(&adminv1.ListTablesRequest{PageSize: 30, PageToken: token, OrderBy: "name"})
		for _, row := range r.Tables {
			seen[row.Source+row.Table]++
		}
		if token = r.NextPageToken; token == "" {
			if pages != 3 || len(seen) != 100 {
				t.Errorf("%d pages after the first have %d rows", pages, len(seen))
			}
			break
		}
	}
	if r := list(&adminv1.ListTablesRequest{Filter: "SOURCE-0004", LateOnly: true}); r.TotalSize != 4 {
		t.Errorf("late of one pipeline are %d", r.TotalSize)
	}
	if r := list(&adminv1.ListTablesRequest{MinLateSeconds: 103}); r.TotalSize != 1 {
		t.Errorf("so late are %d", r.TotalSize)
	}
	if r := list(&adminv1.ListTablesRequest{OrderBy: "waiting"}); r.Tables[0] != all[7] {
		t.Errorf("most waits of %v", r.Tables[0])
	}
	for _, q := range []*adminv1.ListTablesRequest{{OrderBy: "size"}, {PageToken: "x"}, {PageSize: -1}} {
		if _, err := Tables(all, q); err == nil {
			t.Errorf("%v is answered", q)
		}
	}
}

func TestPipelinesAreChosenOrderedAndPaged(t *testing.T) {
	var all []Listed
	for n := range 5 {
		p, rows := pipeline(n, n%3)
		all = append(all, Listed{p, Summary(noon, p, rows, nil), rows})
	}
	order := func(q *adminv1.ListPipelinesRequest) (names string) {
		t.Helper()
		q.View = adminv1.PipelineView_PIPELINE_VIEW_BASIC
		r, err := Pipelines(all, q)
		if err != nil || len(r.Pipelines) > 0 {
			t.Fatal(err, r)
		}
		for _, s := range r.Summaries {
			names += s.Source[len(s.Source)-1:]
		}
		return names + r.NextPageToken
	}
	for want, q := range map[string]*adminv1.ListPipelinesRequest{
		"01234": {}, "12403": {OrderBy: "verdict"}, "21403": {OrderBy: "late"}, "012": {PageSize: 2},
		"234": {PageSize: 2, PageToken: "2"}, "3": {Filter: "Sink-0003"},
		"03": {Verdicts: []adminv1.Verdict{adminv1.Verdict_VERDICT_HEALTHY}},
	} {
		if got := order(q); got != want {
			t.Errorf("%v: %s, want %s", q, got, want)
		}
	}
	r, err := Pipelines(all, &adminv1.ListPipelinesRequest{})
	if err != nil || len(r.Pipelines) != 5 || len(r.Summaries) != 0 || r.TotalSize != 5 {
		t.Errorf("all in full are %v, %v", r, err)
	}
}
