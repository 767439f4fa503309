package checks

import (
	"cmp"
	"slices"
	"strings"
	"time"

	"google.golang.org/protobuf/types/known/timestamppb"

	adminv1 "github.com/calypso-cdc/calypso/gen/calypso/admin/v1"
	capturev1 "github.com/calypso-cdc/calypso/gen/calypso/capture/v1"
	connectorv1 "github.com/calypso-cdc/calypso/gen/calypso/connector/v1"
	"github.com/calypso-cdc/calypso/services/admin/lag"
)

// Names of checks, in the order in which causes come before their effects. The list is part of the
// API (HealthCheck.name).
const (
	Fleet               = "fleet"
	SourceState         = "source_state"
	Configuration       = "configuration"
	Capture             = "capture"
	Snapshot            = "snapshot"
	IncrementalSnapshot = "incremental_snapshot"
	Slot                = "slot"
	OutputPlugin        = "output_plugin"
	SlotSpace           = "slot_space"
	OpenTransactions    = "open_transactions"
	IdleSlots           = "idle_slots"
	Progress            = "progress"
	Decoding            = "decoding"
	BackgroundWork      = "background_work"
	SinkState           = "sink_state"
	Ingestion           = "ingestion"
	DeadLetters         = "dead_letters"
	PassedOver          = "passed_over"
	SourceChanges       = "source_changes"
	Truncates           = "truncates"
	LagGrowth           = "lag"
	Topics              = "topics"
	KeptBack            = "kept_back"
	Tables              = "tables"
	Delivery            = "delivery"
	Lateness            = "lateness"
	Flow                = "flow"
)

// View is what is known about a pipeline. Parts that could not be asked for are nil; the check of
// the fleet says why.
type View struct {
	// Pipeline with states, lags and forecast, without checks.
	Pipeline *adminv1.Pipeline
	// Source is the source connector's configuration with masked secrets, Sinks that of each sink by
	// name.
	Source map[string]string
	Sinks  map[string]map[string]string
	// Warnings are the warnings about the configurations of connectors, by their names.
	Warnings map[string][]string
	// Slots are the names of the slots of all connectors.
	Slots map[string]bool
	// Workers of the fleets that the pipeline needs, by the fleet's name.
	Workers map[string][]*adminv1.ServiceHealth
	// Tables are the captured tables; nil if they are not known.
	Tables []*capturev1.CapturedTable
	// Incremental is how far incremental snapshots are.
	Incremental *capturev1.IncrementalSnapshot
	// Trends are those of the pipeline's history.
	Trends lag.Trends
}

const (
	ok      = adminv1.CheckState_CHECK_STATE_OK
	notice  = adminv1.CheckState_CHECK_STATE_NOTICE
	warning = adminv1.CheckState_CHECK_STATE_WARNING
	failure = adminv1.CheckState_CHECK_STATE_ERROR
)

// Run makes all checks of a pipeline, worst first. Their field since is left for Memory.Date.
func Run(now time.Time, v View) []*adminv1.HealthCheck {
	var all []*adminv1.HealthCheck
	add := func(name, subject string, f finding) {
		all = append(all, &adminv1.HealthCheck{Name: name, Subject: subject, State: f.state, Summary: f.summary,
			Remedy: f.remedy})
	}
	for _, fleet := range []string{"capture", "sink"} {
		if workers := v.Workers[fleet]; len(workers) > 0 {
			add(Fleet, fleet, judgeFleet(fleet, workers))
		}
	}
	p := v.Pipeline
	add(SourceState, p.Source, overcome(judgeConnector(p.Source, p.SourceStatus), p))
	add(Configuration, p.Source, judgeConfiguration(p.Source, v.Warnings[p.Source]))
	if f, known := judgeCapture(p); known {
		add(Capture, p.Source, f)
	}
	if p.Capture != nil {
		add(Snapshot, p.Source, judgeSnapshot(p.Capture))
	}
	if f, any := judgeIncremental(p.Source, v.Incremental); any {
		add(IncrementalSnapshot, p.Source, f)
	}
	if slot := p.Capture.GetSlot(); slot != nil {
		add(Slot, slot.Name, judgeSlot(p))
		if lag.HoldsLog(slot) {
			add(SlotSpace, slot.Name, judgeSpace(v))
			for _, holder := range slot.Holders {
				if f, any := judgeHolder(now, slot, holder); any {
					add(OpenTransactions, holder.What, f)
				}
			}
			if f, any := judgeIdleSlots(v); any {
				add(IdleSlots, slot.Name, f)
			}
			add(Progress, slot.Name, judgeProgress(v))
			if slot.PluginUnlisted {
				add(OutputPlugin, slot.Name, judgePlugin(p.Source, slot))
			}
			if slot.Statistics != nil {
				add(Decoding, slot.Name, judgeDecoding(slot.Statistics))
			}
		}
	}
	for _, failed := range p.Capture.GetBackgroundFailures() {
		add(BackgroundWork, failed.Work, judgeBackground(failed))
	}
	if f, known := judgeSourceDelivery(p.Capture); known {
		add(Delivery, p.Source, f)
	}
	for _, s := range p.Sinks {
		name := s.Status.GetName()
		add(SinkState, name, waits(judgeConnector(name, s.Status), p, s))
		add(Configuration, name, judgeConfiguration(name, v.Warnings[name]))
		if f, any := judgeTruncates(v, name); any {
			add(Truncates, name, f)
		}
		if s.Sink == nil || Idle(s.Sink) {
			continue
		}
		add(Ingestion, name, judgeIngestion(now, s.Sink, name))
		add(DeadLetters, name, judgeLetters(s.Sink, name, v.Trends.Letters[name]))
		if f, any := judgePassedOver(s.Sink, name); any {
			add(PassedOver, name, f)
		}
		for _, n := range s.Sink.Notices {
			add(SourceChanges, NoticeSubject(name, n), judgeNotice(n))
		}
		add(Delivery, name, judgeSinkDelivery(s.Sink))
	}
	for segment, l := range lag.Segments(p) {
		if idles(p, segment.Sink) {
			continue
		}
		add(LagGrowth, strings.TrimSpace(segment.Name+" "+segment.Sink), judgeLag(v, segment, l))
	}
	add(Topics, p.Source, judgeTopics(v))
	if v.Tables != nil {
		for _, table := range keepingBack(v.Tables) {
			add(KeptBack, table.Table, judgeKeptBack(p.Source, table))
		}
		add(Tables, p.Source, judgeTables(p.Source, v.Tables))
	}
	add(Flow, p.Source, judgeFlow(p))
	Sort(all)
	return all
}

// Sort puts the worst checks first.
func Sort(all []*adminv1.HealthCheck) {
	slices.SortStableFunc(all, func(a, b *adminv1.HealthCheck) int { return cmp.Compare(b.State, a.State) })
}

// idles reports whether a connector of the pipeline does not run, the source if sink is empty: its
// lag is then shown with its state.
func idles(p *adminv1.Pipeline, sink string) bool {
	if sink == "" {
		state := p.SourceStatus.GetState()
		return state == connectorv1.State_STATE_PAUSED || state == connectorv1.State_STATE_STOPPED
	}
	return slices.ContainsFunc(p.Sinks, func(s *adminv1.PipelineSink) bool {
		return s.Status.GetName() == sink && Idle(s.Sink)
	})
}

// finding is the outcome of a check.
type finding struct {
	state           adminv1.CheckState
	summary, remedy string
}

func fine(summary string) finding { return finding{ok, summary, ""} }

// Verdict sums up checks, sorted as by Run: the worst verdict that any of them means, with its
// summary.
func Verdict(all []*adminv1.HealthCheck) (adminv1.Verdict, string) {
	verdict, reason := adminv1.Verdict_VERDICT_UNSPECIFIED, ""
	for _, c := range all {
		if meant := Means(c); meant > verdict || meant == verdict && c.Name == Flow &&
			meant == adminv1.Verdict_VERDICT_HEALTHY {
			verdict, reason = meant, c.Summary
		}
	}
	return verdict, reason
}

// Means is the verdict on a pipeline that has only this check. The enum goes from good to bad.
func Means(c *adminv1.HealthCheck) adminv1.Verdict {
	switch {
	case c.State == failure:
		return adminv1.Verdict_VERDICT_BROKEN
	case c.State == warning:
		return adminv1.Verdict_VERDICT_DEGRADED
	case c.State == notice && (c.Name == SourceState || c.Name == SinkState):
		return adminv1.Verdict_VERDICT_PAUSED
	case c.State == notice && c.Name == Snapshot:
		return adminv1.Verdict_VERDICT_SNAPSHOTTING
	}
	return adminv1.Verdict_VERDICT_HEALTHY
}

// Memory knows since when checks have had their states. The zero value knows nothing.
type Memory struct{ since map[key]dated }

// key identifies a check of a pipeline.
type key struct{ name, subject string }

type dated struct {
	state adminv1.CheckState
	since time.Time
}

// Date sets since of all checks of a pipeline, and forgets those that are no longer made.
func (m *Memory) Date(now time.Time, all []*adminv1.HealthCheck) {
	next := make(map[key]dated, len(all))
	for _, c := range all {
		k := key{c.Name, c.Subject}
		d, known := m.since[k]
		if !known || d.state != c.State {
			d = dated{c.State, now}
		}
		next[k] = d
		c.Since = timestamppb.New(d.since)
	}
	m.since = next
}
