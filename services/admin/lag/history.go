package lag

import (
	"cmp"
	"fmt"
	"strconv"
	"strings"
	"time"

	"google.golang.org/protobuf/types/known/durationpb"
	"google.golang.org/protobuf/types/known/timestamppb"

	adminv1 "github.com/calypso-cdc/calypso/gen/calypso/admin/v1"
	capturev1 "github.com/calypso-cdc/calypso/gen/calypso/capture/v1"
)

// Bounds of a history.
const (
	// maxSamples bounds the memory of a pipeline. When there are more, every second one of the older
	// samples is dropped, so that the history reaches back further the longer it is kept, and what is
	// recent stays exact.
	maxSamples = 720
	// least is the shortest time between two samples.
	least = time.Second
	// growthWindow is the time over which growth is measured, growthLeast the shortest that says
	// anything about the future.
	growthWindow = 5 * time.Minute
	growthLeast  = time.Minute
)

// History remembers where the steps of one pipeline were, so that a distance becomes a time: a step
// is late by the time that has passed since the step before it was where this one is now. It has no
// clock and no locks; samples come in the order of time. The zero value is empty.
type History struct {
	samples []sample
}

// sample says where the steps were: the log's end, how far it was read and what the slot has
// confirmed, and the ends and positions of the topics by sink. A step that was not known is
// unknown, or missing in the map.
type sample struct {
	at            time.Time
	written, read int64
	// confirmed is 0 if the slot was not known.
	confirmed     int64
	retained      int64
	ends, fetched map[string]int64
	// late is how late each segment was, letters how many dead letters each sink had.
	late    map[Segment]time.Duration
	letters map[string]int64
}

// unknown stands for a position that is not known.
const unknown = -1

// Observe sets the lags and the forecast of a pipeline and remembers where it is.
func (h *History) Observe(now time.Time, p *adminv1.Pipeline) {
	s := sample{at: now, written: unknown, read: unknown, ends: map[string]int64{}, fetched: map[string]int64{},
		late: map[Segment]time.Duration{}, letters: map[string]int64{}}
	slot := p.Capture.GetSlot()
	s.retained = slot.GetRetainedBytes()
	durable, known := ParseLSN(p.Capture.GetDurableLsn())
	restart, seen := ParseLSN(slot.GetRestartLsn())
	// If the slot is missing or has lost its log, nothing says where the log ends.
	if seen = seen && HoldsLog(slot); seen {
		s.written = restart + s.retained
		s.confirmed, _ = ParseLSN(slot.GetConfirmedFlushLsn())
	}
	read, ok := ParseLSN(p.Capture.GetReceivedLsn())
	if ok || known {
		s.read = max(read, durable)
	}
	for _, sink := range p.Sinks {
		s.letters[sink.Status.GetName()] = sink.Sink.GetRowsDeadLettered()
		for _, part := range sink.Sink.GetPartitions() {
			s.ends[sink.Status.GetName()] += part.End
			s.fetched[sink.Status.GetName()] += max(part.Position, part.Committed, 0)
		}
	}
	h.add(s)
	if seen && (ok || known) {
		p.CommitToCapture = h.bytes(s.written-s.read, s.read, func(s sample) int64 { return s.written })
	}
	if ok || known {
		p.CaptureToKafka = h.bytes(s.read-durable, durable, func(s sample) int64 { return s.read })
	}
	for _, sink := range p.Sinks {
		h.sink(p, sink, s)
	}
	if HoldsLog(slot) {
		p.SlotForecast = h.forecast(slot)
	}
	for segment, l := range Segments(p) {
		s.late[segment] = l.Time.AsDuration()
	}
}

// HoldsLog reports whether a slot exists and has not lost its log.
func HoldsLog(slot *capturev1.Slot) bool {
	return slot != nil && !slot.Missing && !slot.Conflicting && slot.WalStatus != "lost"
}

func (h *History) sink(p *adminv1.Pipeline, sink *adminv1.PipelineSink, now sample) {
	if !Known(sink.Sink) {
		return
	}
	name := sink.Status.GetName()
	var committed, unread, unwritten int64
	for _, part := range sink.Sink.Partitions {
		at := max(part.Committed, 0)
		committed += at
		read := max(part.Position, at)
		unread += behind(p, part.End-read)
		unwritten += behind(p, part.End-at) - behind(p, part.End-read)
	}
	sink.KafkaToSink = h.records(unread, now.fetched[name],
		ofSink(name, func(s sample) map[string]int64 { return s.ends }))
	sink.SinkToQueryable = h.records(unwritten, committed,
		ofSink(name, func(s sample) map[string]int64 { return s.fetched }))
}

// ofSink returns a function that gets a position of a sink from a sample.
func ofSink(name string, of func(sample) map[string]int64) func(sample) int64 {
	return func(s sample) int64 {
		if position, ok := of(s)[name]; ok {
			return position
		}
		return unknown
	}
}

// add remembers a sample. One that comes too soon after the last replaces it, so that the history
// covers its time however often it is asked.
func (h *History) add(s sample) {
	if n := len(h.samples); n > 1 && s.at.Sub(h.samples[n-2].at) < least {
		h.samples[n-1] = s
		return
	}
	h.samples = append(h.samples, s)
	if len(h.samples) <= maxSamples {
		return
	}
	kept := 0
	for i, s := range h.samples {
		if i < maxSamples/2 && i%2 == 1 {
			continue
		}
		h.samples[kept] = s
		kept++
	}
	clear(h.samples[kept:])
	h.samples = h.samples[:kept]
}

// bytes is a distance in bytes of log, with the time since upstream was at position.
func (h *History) bytes(distance, position int64, upstream func(sample) int64) *adminv1.Lag {
	return &adminv1.Lag{Bytes: max(distance, 0), Time: h.behind(distance, position, upstream)}
}

// records is a distance in records, with the time since upstream was at position.
func (h *History) records(distance, position int64, upstream func(sample) int64) *adminv1.Lag {
	return &adminv1.Lag{Records: max(distance, 0), Time: h.behind(distance, position, upstream)}
}

// behind is the time since upstream was at position; nil if there is no distance to it.
func (h *History) behind(distance, position int64, upstream func(sample) int64) *durationpb.Duration {
	if distance <= 0 {
		return durationpb.New(0)
	}
	return durationpb.New(h.since(position, upstream))
}

// since is how long ago upstream was at position, interpolated between two samples; the length of
// the whole history if it was never seen there. Samples in which upstream is unknown are skipped.
func (h *History) since(position int64, upstream func(sample) int64) time.Duration {
	last := h.samples[len(h.samples)-1]
	b := last
	for i := len(h.samples) - 2; i >= 0; i-- {
		a := h.samples[i]
		from, to := upstream(a), upstream(b)
		if from == unknown {
			continue
		}
		if from > position {
			b = a
			continue
		}
		at := a.at
		if to > from {
			at = at.Add(time.Duration(float64(b.at.Sub(a.at)) * float64(min(position, to)-from) / float64(to-from)))
		}
		return last.at.Sub(at)
	}
	return last.at.Sub(h.samples[0].at)
}

// slotGrowth is how much more the server keeps for the slot, in bytes a second, and the time over which
// that was seen. What a healthy slot keeps rises and falls, however much is written, since a server
// moves the slot's beginning now and then: so the least of the window's first half is compared with
// the least of its second.
func (h *History) slotGrowth() (rate float64, over time.Duration) {
	last := h.samples[len(h.samples)-1]
	begin := len(h.samples) - 1
	for begin > 0 && last.at.Sub(h.samples[begin-1].at) <= growthWindow {
		begin--
	}
	over = last.at.Sub(h.samples[begin].at)
	middle := last.at.Add(-over / 2)
	var before, after *sample
	for i := range h.samples[begin:] {
		s := &h.samples[begin+i]
		least := &after
		if s.at.Before(middle) {
			least = &before
		}
		if s.written != unknown && (*least == nil || s.retained < (*least).retained) {
			*least = s
		}
	}
	if before == nil || after == nil {
		return 0, 0
	}
	return float64(after.retained-before.retained) / after.at.Sub(before.at).Seconds(), over
}

// forecast says when the slot is full, from how what the server keeps has grown in the last minutes.
func (h *History) forecast(slot *capturev1.Slot) *adminv1.SlotForecast {
	rate, over := h.slotGrowth()
	f := &adminv1.SlotForecast{RetainedBytes: slot.RetainedBytes, GrowthBytesPerSecond: rate}
	limit, danger := cmp.Or(slot.LimitedBy, "max_slot_wal_keep_size"), "the slot is lost"
	if slot.LimitedBy != "" {
		danger = "the server's storage is full"
	}
	switch {
	case slot.SafeWalBytes < 0:
		f.Limit = "max_slot_wal_keep_size sets no limit, so the log can fill the server's disk: set it, or name the room that there is in slot.storage.bytes, and watch retained_bytes"
	case rate <= 0 || over < growthLeast:
		f.Limit = fmt.Sprintf("%d bytes may still be written before %s (%s)", slot.SafeWalBytes, danger, limit)
	default:
		left := time.Duration(min(float64(slot.SafeWalBytes)/rate, maxForecast.Seconds()) * float64(time.Second))
		f.TimeToFull = durationpb.New(left)
		if left < maxForecast {
			f.FullTime = timestamppb.New(h.samples[len(h.samples)-1].at.Add(left))
		}
		f.Limit = fmt.Sprintf("%d bytes may still be written before %s (%s), which takes %v at the present rate",
			slot.SafeWalBytes, danger, limit, left.Round(time.Second))
	}
	return f
}

// maxForecast is the longest time that is forecast.
const maxForecast = 365 * 24 * time.Hour

// ParseLSN reads a position as PostgreSQL writes it: 16/B374D848.
func ParseLSN(s string) (int64, bool) {
	high, low, ok := strings.Cut(s, "/")
	h, err1 := strconv.ParseUint(high, 16, 31)
	l, err2 := strconv.ParseUint(low, 16, 32)
	return int64(h<<32 | l), ok && err1 == nil && err2 == nil
}
