package ctl

import (
	"bytes"
	"fmt"
	"strings"
	"testing"

	"google.golang.org/protobuf/types/known/timestamppb"

	adminv1 "github.com/calypso-cdc/calypso/gen/calypso/admin/v1"
	capturev1 "github.com/calypso-cdc/calypso/gen/calypso/capture/v1"
	connectorv1 "github.com/calypso-cdc/calypso/gen/calypso/connector/v1"
	sinkv1 "github.com/calypso-cdc/calypso/gen/calypso/sink/v1"
)

// printed is what a table prints.
func printed(t *testing.T, fill func(*table)) string {
	t.Helper()
	var out bytes.Buffer
	table := newTable(&out)
	fill(table)
	if err := table.flush(); err != nil {
		t.Fatal(err)
	}
	return out.String()
}

func TestADescriptionFitsIntoATerminalAndLosesNothing(t *testing.T) {
	var tables []string
	for i := range 60 {
		tables = append(tables, fmt.Sprintf("public.table_%02d", i))
	}
	list, sentence := strings.Join(tables, ","), strings.Repeat("the server keeps log and nobody reads it ", 20)
	out := printed(t, func(to *table) {
		describeConnector(to, &connectorv1.Connector{Name: "src", Config: map[string]string{"table.include.list": list},
			Warnings: []string{"topcs is not known and " + sentence, "did you mean topics?"}},
			&connectorv1.ConnectorStatus{Tasks: []*connectorv1.TaskStatus{{Trace: sentence}}}, tables)
		describePipeline(to, "src", &adminv1.Pipeline{Source: "src", Reason: sentence,
			Checks: []*adminv1.HealthCheck{{Name: "slot", Subject: "s", Summary: sentence, Remedy: sentence,
				Since: timestamppb.Now()}}})
		to.row("")
		events(to, []*connectorv1.Event{{Time: timestamppb.Now(), Actor: "anna", Action: "CreateConnector", Connector: "src",
			Detail: "+ aad.auth.strategy: NONE\n+ topics: a\n+ " + sentence}})
	})
	for line := range strings.Lines(out) {
		if n := len([]rune(line)); n > 180 {
			t.Errorf("a line of %d columns: %s", n, line)
		}
	}
	if joined := strings.Join(strings.Fields(out), ""); !strings.Contains(joined, list) ||
		strings.Count(joined, "nobodyreadsit") < 3*20 {
		t.Errorf("something was left out:\n%s", out)
	}
	for _, want := range []string{"Warning             topcs is not known", "Warning             did you mean topics?"} {
		if !strings.Contains(out, want) {
			t.Errorf("%q is missing:\n%s", want, out)
		}
	}
	if !strings.Contains(out, "+ aad.auth.strategy: NONE; + topics: a; ") {
		t.Errorf("the event shows only its first line:\n%s", out)
	}
}

func TestPipelinesSayThatCountsBeginWithTheStartAndWhenRowsCameLast(t *testing.T) {
	at := timestamppb.Now()
	out := printed(t, func(to *table) {
		pipelines(to, []*adminv1.Pipeline{{Source: "src", Capture: &capturev1.Capture{RowsDelivered: 7},
			Sinks: []*adminv1.PipelineSink{{Sink: &sinkv1.Sink{RowsIngested: 5,
				Partitions: []*sinkv1.PartitionProgress{{}, {LastIngestedTime: at}}}}}}})
	})
	for _, want := range []string{"CAPTURED SINCE START", "INGESTED SINCE START", "LAST INGESTED", moment(at)} {
		if !strings.Contains(out, want) {
			t.Errorf("%q is missing:\n%s", want, out)
		}
	}
}

func TestALongReasonStandsInItsColumnOnSeveralLines(t *testing.T) {
	reason := strings.TrimSpace(strings.Repeat("connect to PostgreSQL: refused; ", 20))
	out := printed(t, func(t *table) {
		pipelines(t, []*adminv1.Pipeline{{Source: "broken", Reason: reason}, {Source: "fine", Reason: "streaming"}})
	})
	all := strings.Split(strings.TrimRight(out, "\n"), "\n")
	at := strings.Index(all[0], "REASON")
	var said []string
	for _, line := range all[1:] {
		if len(line) > at+cellWidth {
			t.Errorf("a line of %d columns: %q", len(line), line)
		}
		said = append(said, strings.TrimSpace(line[min(at, len(line)):]))
	}
	if got := strings.Join(said, " "); got != reason+" streaming" {
		t.Errorf("the reasons are %q", got)
	}
	if last := all[len(all)-1]; !strings.HasPrefix(last, "fine ") || strings.Index(last, "streaming") != at {
		t.Errorf("the columns are not aligned:\n%s", out)
	}
}

func TestATargetThatIsNotKnownIsADash(t *testing.T) {
	out := printed(t, func(t *table) {
		pipelineTables(t, []*adminv1.PipelineTable{{Table: "s.a", Topic: "p.s.a",
			Sinks: []*adminv1.PipelineTableSink{{Sink: "adx"}}}})
	})
	if strings.Contains(out, " . ") || !strings.Contains(out, "adx   -  ") {
		t.Errorf("got\n%s", out)
	}
}

func TestWhatNobodySaysIsADashAndNotZero(t *testing.T) {
	captured := &capturev1.Capture{Phase: capturev1.Phase_PHASE_STREAMING}
	none := &adminv1.Lag{}
	ingested := &adminv1.PipelineSink{Sink: &sinkv1.Sink{Partitions: []*sinkv1.PartitionProgress{{End: 1, Committed: 1}}},
		KafkaToSink: none, SinkToQueryable: none}
	for name, c := range map[string]struct {
		pipeline *adminv1.Pipeline
		want     string // PHASE, CAPTURED, INGESTED, LAST, WAITING, LAG
	}{
		"all answer": {&adminv1.Pipeline{Capture: captured, CommitToCapture: none, CaptureToKafka: none,
			Sinks: []*adminv1.PipelineSink{ingested}}, "streaming 0 0 - 0 0s"},
		"PostgreSQL says nothing": {&adminv1.Pipeline{Capture: captured, CaptureToKafka: none,
			Sinks: []*adminv1.PipelineSink{ingested}}, "streaming 0 0 - 0 -"},
		"capture says nothing":  {&adminv1.Pipeline{Sinks: []*adminv1.PipelineSink{ingested}}, "- - 0 - 0 -"},
		"the sink says nothing": {&adminv1.Pipeline{Capture: captured, Sinks: []*adminv1.PipelineSink{{}}}, "streaming 0 - - - -"},
	} {
		c.pipeline.Source, c.pipeline.Verdict = "src", adminv1.Verdict_VERDICT_BROKEN
		out := printed(t, func(to *table) { pipelines(to, []*adminv1.Pipeline{c.pipeline}) })
		line := strings.Join(strings.Fields(strings.Split(out, "\n")[1]), " ")
		if !strings.HasPrefix(line, "src broken "+c.want) {
			t.Errorf("%s: %s\nwant %s", name, line, c.want)
		}
	}
}

func TestADescriptionDoesNotSendItsReaderToItself(t *testing.T) {
	for remedy, want := range map[string]string{
		"fix what the error says (calypsoctl describe src); then: calypsoctl restart src": "fix what the error says; then: calypsoctl restart src",
		"see what holds capture up (calypsoctl describe src), or: calypsoctl restart src": "see what holds capture up, or: calypsoctl restart src",
		"see why capture does not confirm: calypsoctl describe src":                       "see why capture does not confirm",
		"calypsoctl describe src": "",
		// another connector's tells more
		"make the table as the error says: calypsoctl describe src-2": "make the table as the error says: calypsoctl describe src-2",
	} {
		out := printed(t, func(to *table) {
			describePipeline(to, "src", &adminv1.Pipeline{Source: "src",
				Checks: []*adminv1.HealthCheck{{Name: "slot", Subject: "s", Summary: "x", Remedy: remedy}}})
		})
		said := strings.Join(strings.Fields(out), " ")
		if want == "" && strings.Contains(said, "to do") || want != "" && !strings.Contains(said, "to do: "+want+" since") {
			t.Errorf("%s is shown as\n%s", remedy, out)
		}
	}
}
