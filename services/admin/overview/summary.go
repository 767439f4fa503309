package overview

import (
	"strings"
	"time"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/timestamppb"

	adminv1 "github.com/calypso-cdc/calypso/gen/calypso/admin/v1"
)

const (
	// maxReason bounds the reason of a summary, in bytes.
	maxReason = 160
	// farAway is how far in the future the time when a slot is full is not shown yet.
	farAway = 30 * 24 * time.Hour
	// coarse is the part of the time until a slot is full by which the time shown may be off, since
	// the forecast changes with each look.
	coarse = 20
)

// Summary makes the one-line summary of a pipeline with its rows. last is the summary of the look
// before, nil if there was none; it is returned again if nothing has changed.
func Summary(now time.Time, p *adminv1.Pipeline, rows []*adminv1.TableStatus,
	last *adminv1.PipelineSummary) *adminv1.PipelineSummary {
	s := &adminv1.PipelineSummary{Source: p.Source, Verdict: p.Verdict, Reason: shortened(p.Reason),
		State: p.SourceStatus.GetState(), Tables: int32(len(rows))}
	for _, sink := range p.Sinks {
		s.Sinks = append(s.Sinks, &adminv1.SinkSummary{Name: sink.Status.GetName(), State: sink.Status.GetState()})
	}
	if s.Verdict == adminv1.Verdict_VERDICT_HEALTHY {
		s.Reason = "" // it says how many records are on their way
	}
	latest := 0.
	for _, r := range rows {
		if r.Check != "" {
			s.LateTables++
			latest = max(latest, r.LateSeconds)
		}
	}
	if latest > 0 {
		s.LateSince = steady(now.Add(-time.Duration(latest*float64(time.Second))), last.GetLateSince(), time.Second)
	}
	if full := p.SlotForecast.GetFullTime(); full != nil {
		if left := full.AsTime().Sub(now); left < farAway {
			s.SlotFullTime = steady(full.AsTime(), last.GetSlotFullTime(), max(left/coarse, time.Minute))
		}
	}
	if last != nil && proto.Equal(last, s) {
		return last
	}
	return s
}

// steady is a time to the second, or the time shown last if the two differ by no more than off.
func steady(at time.Time, last *timestamppb.Timestamp, off time.Duration) *timestamppb.Timestamp {
	if last != nil && at.Sub(last.AsTime()).Abs() <= off {
		return last
	}
	return timestamppb.New(at.Truncate(time.Second))
}

// shortened leaves out the middle of a long reason: its head says what is wrong, its tail the
// deepest cause.
func shortened(reason string) string {
	if len(reason) <= maxReason {
		return reason
	}
	const gap, tail = " … ", 60
	return strings.ToValidUTF8(reason[:maxReason-tail-len(gap)], "") + gap +
		strings.ToValidUTF8(reason[len(reason)-tail:], "")
}
