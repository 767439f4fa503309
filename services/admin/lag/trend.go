package lag

import (
	"iter"
	"time"

	adminv1 "github.com/calypso-cdc/calypso/gen/calypso/admin/v1"
)

// Segment is a part of a pipeline, between two steps; behind Kafka there is one for each sink.
type Segment struct {
	Name string
	Sink string
}

// Names of segments, in the order in which a change passes them.
const (
	CommitToCapture = "commit_to_capture"
	CaptureToKafka  = "capture_to_kafka"
	KafkaToSink     = "kafka_to_sink"
	SinkToQueryable = "sink_to_queryable"
)

// Segments yields the segments of a pipeline whose lag is known, in the order in which a change
// passes them.
func Segments(p *adminv1.Pipeline) iter.Seq2[Segment, *adminv1.Lag] {
	return func(yield func(Segment, *adminv1.Lag) bool) {
		of := func(name, sink string, l *adminv1.Lag) bool { return l == nil || yield(Segment{name, sink}, l) }
		if !of(CommitToCapture, "", p.CommitToCapture) || !of(CaptureToKafka, "", p.CaptureToKafka) {
			return
		}
		for _, s := range p.Sinks {
			name := s.Status.GetName()
			if !of(KafkaToSink, name, s.KafkaToSink) || !of(SinkToQueryable, name, s.SinkToQueryable) {
				return
			}
		}
	}
}

// Bounds of trends.
const (
	// trendWindow is how long a lag must grow, leastTrend the least history that is needed to tell.
	trendWindow = 15 * time.Minute
	leastTrend  = 5 * time.Minute
	// moving is how many bytes of log must be written for a standstill; a server without load writes a
	// little all the time.
	moving = 64 << 10
)

// Trends is where a pipeline is going.
type Trends struct {
	// Standstill is how long log has been written without any being confirmed, and how much; 0 if log
	// is confirmed.
	Standstill      time.Duration
	StandstillBytes int64
	// Growth is by how much segments became later, without ever catching up, within the time over
	// which it was measured.
	Growth map[Segment]time.Duration
	Over   time.Duration
	// Letters says when the number of a sink's dead letters last rose, as far back as the history
	// goes, and by how many.
	Letters map[string]Rise
}

// Rise says when a number last became larger, and by how much.
type Rise struct {
	At time.Time
	By int64
}

// Trends computes the trends from the samples so far.
func (h *History) Trends() Trends {
	t := Trends{Growth: map[Segment]time.Duration{}, Letters: map[string]Rise{}}
	if len(h.samples) == 0 {
		return t
	}
	t.Standstill, t.StandstillBytes = h.standstill()
	h.growth(&t)
	for sink := range h.samples[len(h.samples)-1].letters {
		if rise, ok := h.rise(sink); ok {
			t.Letters[sink] = rise
		}
	}
	return t
}

// standstill goes back to the time when log was first written beyond what is confirmed now.
func (h *History) standstill() (time.Duration, int64) {
	last := h.samples[len(h.samples)-1]
	if last.confirmed == 0 || last.written-last.confirmed < moving {
		return 0, 0
	}
	since := last.at
	for i := len(h.samples) - 1; i >= 0; i-- {
		s := h.samples[i]
		if s.confirmed == 0 {
			continue
		}
		if s.confirmed != last.confirmed || s.written <= last.confirmed {
			break
		}
		since = s.at
	}
	return last.at.Sub(since), last.written - last.confirmed
}

// growth compares the least lags of three parts of the window: a step that works in batches falls
// behind and catches up in turn, and its least lag shows what it cannot catch up.
func (h *History) growth(t *Trends) {
	last := h.samples[len(h.samples)-1]
	first := len(h.samples) - 1
	for first > 0 && last.at.Sub(h.samples[first-1].at) <= trendWindow {
		first--
	}
	window := h.samples[first:]
	t.Over = last.at.Sub(window[0].at)
	if t.Over < leastTrend {
		return
	}
	for segment := range last.late {
		var least [3]time.Duration
		var seen [3]bool
		for _, s := range window {
			late, ok := s.late[segment]
			part := min(int(3*s.at.Sub(window[0].at)/t.Over), 2)
			if ok && (!seen[part] || late < least[part]) {
				least[part], seen[part] = late, true
			}
		}
		if seen == [3]bool{true, true, true} && least[0] < least[1] && least[1] < least[2] {
			t.Growth[segment] = least[2] - least[0]
		}
	}
}

func (h *History) rise(sink string) (Rise, bool) {
	for i := len(h.samples) - 1; i > 0; i-- {
		if by := h.samples[i].letters[sink] - h.samples[i-1].letters[sink]; by > 0 {
			return Rise{h.samples[i].at, by}, true
		}
	}
	return Rise{}, false
}
