// Package history keeps an hour of each pipeline's numbers, so that what admin shows over time is
// there when somebody begins to look.
//
// Guarantees. A pipeline costs some 12 KB, however long it is kept. There is no clock and no lock
// in here: only the observer of pipelines calls it.
package history

import (
	"math"
	"time"

	"google.golang.org/protobuf/types/known/durationpb"
	"google.golang.org/protobuf/types/known/timestamppb"

	adminv1 "github.com/calypso-cdc/calypso/gen/calypso/admin/v1"
	"github.com/calypso-cdc/calypso/services/admin/lag"
)

const (
	// Interval is from one value to the next, Values how many there are at most.
	Interval = 15 * time.Second
	Values   = 240
	// unknown stands for a number that was not known.
	unknown = -1
)

// series are the numbers that are kept.
var series = []struct{ name, unit string }{
	{"late", "s"}, {"late_commit_to_capture", "s"}, {"late_capture_to_kafka", "s"}, {"late_kafka_to_sink", "s"},
	{"late_sink_to_queryable", "s"}, {"late_tables", "{table}"}, {"records_waiting", "{record}"},
	{"rows_captured", "{row}/s"}, {"rows_ingested", "{row}/s"}, {"slot_retained", "By"}, {"slot_free", "By"},
	{"verdict", ""},
}

// sample has the values of an interval, in the order of series.
type sample [12]float32

// History is the history of one pipeline. The zero value is empty.
type History struct {
	// samples is a ring: the sample of interval n is at n % Values. It is allocated with the first
	// value.
	samples []sample
	// first and last are the numbers of intervals, counted since 1970.
	first, last int64
	captured    rate
	ingested    rate
}

// rate computes how much per second a count grows that is reset now and then.
type rate struct {
	at    time.Time
	count int64
	known bool
}

// of is how fast a count grew since the last interval.
func (r *rate) of(now time.Time, count int64, known bool) float32 {
	last := *r
	*r = rate{now, count, known}
	seconds := now.Sub(last.at).Seconds()
	if !known || !last.known || count < last.count || seconds <= 0 || seconds > 4*Interval.Seconds() {
		return unknown
	}
	return float32(float64(count-last.count) / seconds)
}

// Observe adds a pipeline's numbers, as of now. The first look within an interval counts.
func (h *History) Observe(now time.Time, p *adminv1.Pipeline, rows []*adminv1.TableStatus) {
	n := now.UnixNano() / int64(Interval)
	if h.samples != nil && n <= h.last {
		return
	}
	if h.samples == nil || n-h.last >= Values {
		h.samples, h.first, h.last = make([]sample, Values), n, n-1
	}
	for h.last++; h.last < n; h.last++ { // nobody looked then
		h.samples[h.last%Values] = unknowns()
	}
	h.samples[n%Values] = h.sample(now, p, rows)
	h.first = max(h.first, n-Values+1)
}

func unknowns() (s sample) {
	for i := range s {
		s[i] = unknown
	}
	return s
}

func (h *History) sample(now time.Time, p *adminv1.Pipeline, rows []*adminv1.TableStatus) sample {
	s := unknowns()
	s[0], s[1], s[2], s[3], s[4], s[5] = 0, 0, 0, 0, 0, 0
	for _, r := range rows {
		late := float32(r.LateSeconds)
		s[0] = max(s[0], late)
		if r.HeldAt != 0 {
			s[r.HeldAt] = max(s[r.HeldAt], late)
		}
		if r.Check != "" {
			s[5]++
		}
	}
	records, captured := int64(0), p.Capture.GetRowsDelivered()
	var ingested int64
	all := true
	for _, sink := range p.Sinks {
		all = all && lag.Known(sink.Sink)
		ingested += sink.Sink.GetRowsIngested()
	}
	if all {
		records = lag.Records(p)
		s[6] = float32(records)
	}
	s[7] = h.captured.of(now, captured, p.Capture != nil)
	s[8] = h.ingested.of(now, ingested, all)
	if slot := p.Capture.GetSlot(); lag.HoldsLog(slot) {
		s[9] = float32(slot.RetainedBytes)
		if slot.SafeWalBytes >= 0 {
			s[10] = float32(slot.SafeWalBytes)
		}
	}
	s[11] = float32(p.Verdict)
	return s
}

// Show returns the history as a message.
func (h *History) Show() *adminv1.GetPipelineHistoryResponse {
	out := &adminv1.GetPipelineHistoryResponse{Interval: durationpb.New(Interval)}
	if h.samples == nil {
		return out
	}
	out.StartTime = timestamppb.New(time.Unix(0, h.first*int64(Interval)))
	for i, of := range series {
		values := make([]float32, 0, h.last-h.first+1)
		for n := h.first; n <= h.last; n++ {
			values = append(values, float32(math.Round(float64(h.samples[n%Values][i])*100)/100))
		}
		out.Series = append(out.Series, &adminv1.HistorySeries{Name: of.name, Unit: of.unit, Values: values})
	}
	return out
}
