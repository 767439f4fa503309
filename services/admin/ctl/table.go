package ctl

import (
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"
	"text/tabwriter"
	"time"

	"google.golang.org/protobuf/types/known/durationpb"
	"google.golang.org/protobuf/types/known/timestamppb"

	adminv1 "github.com/calypso-cdc/calypso/gen/calypso/admin/v1"
	capturev1 "github.com/calypso-cdc/calypso/gen/calypso/capture/v1"
	connectorv1 "github.com/calypso-cdc/calypso/gen/calypso/connector/v1"
	latencyv1 "github.com/calypso-cdc/calypso/gen/calypso/latency/v1"
	"github.com/calypso-cdc/calypso/libs/latency"
	"github.com/calypso-cdc/calypso/services/admin/lag"
)

// table writes aligned columns.
type table struct{ w *tabwriter.Writer }

func newTable(out io.Writer) *table { return &table{tabwriter.NewWriter(out, 0, 8, 2, ' ', 0)} }

// row writes cells, each on as many lines as it needs.
func (t *table) row(cells ...any) {
	of, most := make([][]string, len(cells)), 0
	for i, c := range cells {
		// Line breaks within an error's text do not count.
		of[i] = lines(strings.Join(strings.Fields(fmt.Sprint(c)), " "), cellWidth)
		most = max(most, len(of[i]))
	}
	for n := range most {
		text := make([]string, len(cells))
		for i, lines := range of {
			if n < len(lines) {
				text[i] = lines[n]
			}
		}
		fmt.Fprintln(t.w, strings.Join(text, "\t"))
	}
}

// How many characters of a text fit on a line: in a column among others, and next to a label.
const (
	cellWidth = 60
	width     = 100
)

// lines is a text on as many lines as it needs, broken at spaces and after commas; one at least.
func lines(text string, width int) (all []string) {
	line, length := "", 0
	for word := range strings.SplitAfterSeq(text, " ") {
		for part := range strings.SplitAfterSeq(word, ",") {
			n := len([]rune(part))
			if length > 0 && length+n > width {
				all = append(all, strings.TrimRight(line, " "))
				line, length = "", 0
			}
			line, length = line+part, length+n
		}
	}
	return append(all, strings.TrimRight(line, " "))
}

// wrapped writes a label and a text on as many lines as it needs.
func (t *table) wrapped(label, text string) {
	for _, line := range lines(text, width) {
		fmt.Fprintf(t.w, "%s\t%s\n", label, line)
		label = ""
	}
}

func (t *table) flush() error { return t.w.Flush() }

// verdict and state are the enums' names as people write them.
func verdict(v adminv1.Verdict) string {
	return strings.ToLower(strings.TrimPrefix(v.String(), "VERDICT_"))
}

func state(s connectorv1.State) string { return strings.TrimPrefix(s.String(), "STATE_") }

func kind(t connectorv1.ConnectorType) string {
	return strings.ToLower(strings.TrimPrefix(t.String(), "CONNECTOR_TYPE_"))
}

// pipelines is the table of get pipelines and of watch. Counts begin with the connectors' tasks.
func pipelines(t *table, all []*adminv1.Pipeline) {
	t.row("PIPELINE", "VERDICT", "PHASE", "CAPTURED SINCE START", "INGESTED SINCE START", "LAST INGESTED", "WAITING",
		"LAG", "P50", "P99", "WAL KEPT", "REASON")
	for _, p := range all {
		var ingested int64
		var ages []*latencyv1.Latency
		var last *timestamppb.Timestamp
		for _, s := range p.Sinks {
			for _, part := range s.Sink.GetPartitions() {
				if at := part.GetLastIngestedTime(); at != nil && (last == nil || at.AsTime().After(last.AsTime())) {
					last = at
				}
			}
			ingested += s.Sink.GetRowsIngested()
			ages = append(ages, s.Sink.GetCommitToQueryableLatency())
		}
		age := latency.Sum(ages...)
		phase := strings.ToLower(strings.TrimPrefix(p.Capture.GetPhase().String(), "PHASE_"))
		if p.Capture.GetPhase() == capturev1.Phase_PHASE_UNSPECIFIED {
			phase = "-"
		}
		t.row(p.Source, verdict(p.Verdict), phase, known(p.Capture != nil, p.Capture.GetRowsDelivered()),
			known(sinksKnown(p), ingested), moment(last), waiting(p), late(p),
			rounded(age.P50), rounded(age.P99), kept(p.Capture.GetSlot()), p.Reason)
	}
}

// rounded formats a duration for people; a dash if there is none.
func rounded(d *durationpb.Duration) string {
	if d == nil {
		return "-"
	}
	exact := d.AsDuration()
	if exact < 10*time.Millisecond {
		return exact.Round(100 * time.Microsecond).String()
	}
	return exact.Round(time.Millisecond).String()
}

// checkTable lists the checks that are in the state least or a worse one; nothing if there is none.
func checkTable(t *table, all []*adminv1.Pipeline, least adminv1.CheckState) {
	header := false
	for _, p := range all {
		for _, c := range p.Checks {
			if c.State < least {
				continue
			}
			if !header {
				t.row("CHECK", "OF", "STATE", "SINCE", "FOUND", "WHAT TO DO")
				header = true
			}
			subject := c.Subject
			if subject != p.Source && len(all) > 1 {
				subject = p.Source + " " + subject
			}
			t.row(c.Name, subject, strings.ToLower(strings.TrimPrefix(c.State.String(), "CHECK_STATE_")),
				c.Since.AsTime().Local().Format(time.DateTime), c.Summary, c.Remedy)
		}
	}
}

// known is a figure, or a dash if it is not known now, for instance because a worker does not
// answer: 0 would be a statement.
func known(said bool, figure any) any {
	if !said {
		return "-"
	}
	return figure
}

// sinksKnown reports whether the state of all sinks of a pipeline is known.
func sinksKnown(p *adminv1.Pipeline) bool {
	return !slices.ContainsFunc(p.Sinks, func(s *adminv1.PipelineSink) bool { return s.Sink == nil })
}

// waiting is how many records wait in Kafka; a dash where a sink has not come to its topics yet.
func waiting(p *adminv1.Pipeline) string {
	for _, s := range p.Sinks {
		if !lag.Known(s.Sink) {
			return "-"
		}
	}
	return strconv.FormatInt(lag.Records(p), 10)
}

// late is how late the slowest way through a pipeline is: the sum of its segments; a dash where one of
// them is not known, as while PostgreSQL does not say where its log ends.
func late(p *adminv1.Pipeline) string {
	if p.CommitToCapture == nil || p.CaptureToKafka == nil {
		return "-"
	}
	var slowest time.Duration
	for _, s := range p.Sinks {
		if s.KafkaToSink == nil || s.SinkToQueryable == nil {
			return "-"
		}
		slowest = max(slowest, s.KafkaToSink.Time.AsDuration()+s.SinkToQueryable.Time.AsDuration())
	}
	return (p.CommitToCapture.Time.AsDuration() + p.CaptureToKafka.Time.AsDuration() +
		slowest).Round(10 * time.Millisecond).String()
}
