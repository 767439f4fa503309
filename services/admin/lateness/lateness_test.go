package lateness

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/cockroachdb/datadriven"
	"google.golang.org/protobuf/types/known/timestamppb"

	adminv1 "github.com/calypso-cdc/calypso/gen/calypso/admin/v1"
	capturev1 "github.com/calypso-cdc/calypso/gen/calypso/capture/v1"
	connectorv1 "github.com/calypso-cdc/calypso/gen/calypso/connector/v1"
	sinkv1 "github.com/calypso-cdc/calypso/gen/calypso/sink/v1"
	"github.com/calypso-cdc/calypso/services/admin/checks"
)

// noon is 12:00:00 of the scripts.
var noon = time.Date(2026, 11, 30, 12, 0, 0, 0, time.UTC)

// TestTablesAreAsLateAsTheirScriptsSay runs testdata. A file is the life of one pipeline: each look
// names its time, seconds after noon, and what the fleets say then, a line each. Times are such
// seconds too.
//
//	table public.orders lsn=0/10 changed=5         (captured; the position and time of its last change)
//	unread public.orders since=5 lsn=0/20          (capture has not all of its changes)
//	capture received=0/20 phase=retrying reason=…  (none: nobody says; its defaults are a stream that has all)
//	blind no route to host                         (whether tables have changes cannot be seen)
//	sink adx flush=30 topics=t                     (its topics default to those of all tables; away: it does not say)
//	part adx public.orders 0 waiting=kafka oldest=5 end=10 committed=4 target=db.Orders
//	notice adx public.orders topic_deleted … text
//	check sink_state adx error the summary | the remedy
//
// The answer has a line for each row, after it the sentence, and the check of what nothing explains.
func TestTablesAreAsLateAsTheirScriptsSay(t *testing.T) {
	datadriven.Walk(t, "testdata", func(t *testing.T, path string) {
		var m Memory
		datadriven.RunTest(t, path, func(t *testing.T, d *datadriven.TestData) string {
			if d.Cmd != "look" {
				t.Fatalf("%s: there is no command %s", d.Pos, d.Cmd)
			}
			s := newScript(t, d)
			rows, unexplained := m.Judge(s.at(d.CmdArgs[0].Key), s.view)
			return shown(rows, unexplained)
		})
	})
}

func shown(rows []*adminv1.TableStatus, unexplained *adminv1.HealthCheck) string {
	var b strings.Builder
	for _, r := range rows {
		fmt.Fprintf(&b, "%s → %s: %s", r.Table+strings.Repeat("topic "+r.Topic, one(r.Table == "")),
			strings.TrimSpace(r.Sink+" "+r.Target), strings.ToLower(strings.TrimPrefix(r.Verdict.String(), "VERDICT_")))
		if r.HeldAt != 0 {
			fmt.Fprintf(&b, ", %g s, %s since %g", r.LateSeconds,
				strings.ToLower(strings.TrimPrefix(r.HeldAt.String(), "HELD_AT_")), r.HeldSince.AsTime().Sub(noon).Seconds())
		}
		if r.Check != "" {
			fmt.Fprintf(&b, " [%s]", r.Check)
		}
		b.WriteByte('\n')
		if r.Sentence != "" {
			fmt.Fprintf(&b, "  %s\n", r.Sentence)
		}
	}
	if unexplained != nil {
		fmt.Fprintf(&b, "check %s: %s | %s\n", unexplained.Name, unexplained.Summary, unexplained.Remedy)
	}
	return b.String()
}

func one(is bool) int {
	if is {
		return 1
	}
	return 0
}

// script is what the fleets say at a look.
type script struct {
	t    *testing.T
	d    *datadriven.TestData
	view View
}

func newScript(t *testing.T, d *datadriven.TestData) *script {
	s := &script{t: t, d: d, view: View{Prefix: "srv", Sinks: map[string]Sink{}, Pipeline: &adminv1.Pipeline{Source: "src",
		Capture: &capturev1.Capture{Phase: capturev1.Phase_PHASE_STREAMING, ReceivedLsn: "F/0", DurableLsn: "F/0"}}}}
	for line := range strings.SplitSeq(d.Input, "\n") {
		if words := strings.Fields(line); len(words) > 0 {
			s.line(words)
		}
	}
	return s
}

func (s *script) line(words []string) {
	p := s.view.Pipeline
	value := func(name string) string {
		for _, w := range words {
			if text, ok := strings.CutPrefix(w, name+"="); ok {
				return text
			}
		}
		return ""
	}
	switch words[0] {
	case "table":
		t := &capturev1.CapturedTable{Table: words[1], Topic: "srv." + words[1], LastChangeLsn: value("lsn")}
		if at := value("changed"); at != "" {
			t.LastChangeTime = timestamppb.New(s.at(at))
		}
		s.view.Tables = append(s.view.Tables, t)
	case "unread":
		p.Capture.UnreadTables = append(p.Capture.UnreadTables, &capturev1.UnreadTable{Table: words[1],
			Since: timestamppb.New(s.at(value("since"))), Lsn: value("lsn")})
	case "capture":
		if words[1] == "none" {
			p.Capture = nil
			return
		}
		if lsn := value("received"); lsn != "" {
			p.Capture.ReceivedLsn = lsn
		}
		if phase := value("phase"); phase != "" {
			p.Capture.Phase = capturev1.Phase(capturev1.Phase_value["PHASE_"+strings.ToUpper(phase)])
		}
	case "blind":
		p.Capture.UnreadUnknown, p.Capture.Phase = strings.Join(words[1:], " "), capturev1.Phase_PHASE_RETRYING
	case "sink":
		s.sink(words[1], value, slices.Contains(words, "away"))
	case "part":
		s.part(words, value)
	case "notice":
		s.of(words[1]).Notices = append(s.of(words[1]).Notices, &sinkv1.SinkNotice{Topic: "srv." + words[2],
			Kind: sinkv1.SinkNotice_Kind(sinkv1.SinkNotice_Kind_value["KIND_"+strings.ToUpper(words[3])])})
	case "check":
		summary, remedy, _ := strings.Cut(strings.Join(words[4:], " "), " | ")
		p.Checks = append(p.Checks, &adminv1.HealthCheck{Name: words[1], Subject: strings.ReplaceAll(words[2], "/", " "),
			State:   adminv1.CheckState(adminv1.CheckState_value["CHECK_STATE_"+strings.ToUpper(words[3])]),
			Summary: summary, Remedy: remedy})
		checks.Sort(p.Checks)
	default:
		s.t.Fatalf("%s: there is no line %s", s.d.Pos, words[0])
	}
}

func (s *script) sink(name string, value func(string) string, away bool) {
	flush, _ := strconv.Atoi(value("flush"))
	topics := value("topics")
	s.view.Sinks[name] = Sink{Patience: time.Duration(flush) * time.Second, Reads: func(topic string) bool {
		return topics == "" || slices.Contains(strings.Split(topics, ","), topic)
	}}
	of := &adminv1.PipelineSink{Status: &connectorv1.ConnectorStatus{Name: name}}
	if !away {
		of.Sink = &sinkv1.Sink{}
	}
	s.view.Pipeline.Sinks = append(s.view.Pipeline.Sinks, of)
}

func (s *script) of(sink string) *sinkv1.Sink {
	for _, of := range s.view.Pipeline.Sinks {
		if of.Status.Name == sink {
			return of.Sink
		}
	}
	s.t.Fatalf("%s: there is no sink %s", s.d.Pos, sink)
	return nil
}

func (s *script) part(words []string, value func(string) string) {
	number := func(text string) int64 { n, _ := strconv.ParseInt(text, 10, 64); return n }
	part := &sinkv1.PartitionProgress{Topic: "srv." + words[2], Partition: int32(number(words[3])),
		End: number(value("end")), Committed: number(value("committed")), Position: number(value("committed"))}
	if waiting := value("waiting"); waiting != "" {
		part.Waiting = map[string]sinkv1.PartitionProgress_Waiting{"nothing": sinkv1.PartitionProgress_WAITING_NOTHING,
			"kafka": sinkv1.PartitionProgress_WAITING_IN_KAFKA, "batch": sinkv1.PartitionProgress_WAITING_IN_BATCH,
			"cluster": sinkv1.PartitionProgress_WAITING_FOR_CLUSTER}[waiting]
	}
	if oldest := value("oldest"); oldest != "" {
		part.OldestWaitingTime = timestamppb.New(s.at(oldest))
	}
	part.TargetDatabase, part.TargetTable, _ = strings.Cut(value("target"), ".")
	s.of(words[1]).Partitions = append(s.of(words[1]).Partitions, part)
}

// at is a time of the script.
func (s *script) at(seconds string) time.Time {
	n, err := strconv.ParseFloat(seconds, 64)
	if err != nil {
		s.t.Fatalf("%s: %s is no time", s.d.Pos, seconds)
	}
	return noon.Add(time.Duration(n * float64(time.Second)))
}

func TestRowsAreOrderedByCauseThenLateness(t *testing.T) {
	rows := []*adminv1.TableStatus{
		{Source: "a", LateSeconds: 100},
		{Source: "b", LateSeconds: 10, Check: "sink_state"},
		{Source: "c", LateSeconds: 20, Check: "sink_state"},
		{Source: "d"},
		{Source: "e", Check: "fleet"},
	}
	rand.Shuffle(len(rows), func(i, j int) { rows[i], rows[j] = rows[j], rows[i] })
	slices.SortFunc(rows, Compare)
	order := ""
	for _, r := range rows {
		order += r.Source
	}
	if order != "cbead" {
		t.Errorf("the order is %s", order)
	}
}

func TestAgesAreReadAsPeopleSayThem(t *testing.T) {
	for seconds, want := range map[float64]string{0: "0 s", 89.9: "89 s", 90: "1 min", 840: "14 min", 5399: "89 min",
		11100: "3 h 5 min", 129600: "1 d 12 h"} {
		if got := Age(seconds); got != want {
			t.Errorf("%g s are %s, want %s", seconds, got, want)
		}
	}
}
