// Package latency records how long the changes of the last minutes took, as a distribution that can
// be added to those of other workers. It has no clock and no locks: callers provide both.
package latency

import (
	"cmp"
	"math"
	"slices"
	"time"

	"google.golang.org/protobuf/types/known/durationpb"

	latencyv1 "github.com/calypso-cdc/calypso/gen/calypso/latency/v1"
)

const (
	// Span is how far back a window reaches, to within a slot.
	Span = 5 * time.Minute
	// slots is the number of parts into which the span is divided; they expire one by one.
	slots = 10
	slot  = Span / slots
	// perOctave is how many buckets there are between a duration and its double: a bucket ends a
	// factor of 2^(1/8), or 9 %, above its start.
	perOctave = 8
	// shortest is the end of the first bucket, longest of the last.
	shortest = 100 * time.Microsecond
	octaves  = 30 // 100 µs · 2^30 is 30 hours
)

// Window counts durations by when they were observed. The zero value is empty.
type Window struct {
	// counts holds the buckets of the slots that began at starts; slots are used in turn.
	counts [slots]map[int]int64
	starts [slots]time.Time
}

// Observe counts n changes that took d until now. A negative duration, which differing clocks
// cause, counts as 0.
func (w *Window) Observe(now time.Time, d time.Duration, n int64) {
	start := now.Truncate(slot)
	i := int(start.UnixNano()/int64(slot)) % slots
	if !w.starts[i].Equal(start) {
		w.starts[i], w.counts[i] = start, map[int]int64{}
	}
	w.counts[i][bucket(d)] += n
}

// Distribution counts durations by the upper bounds of their buckets. A nil one has none.
type Distribution map[time.Duration]int64

// Distribution is what was observed within the span before now.
func (w *Window) Distribution(now time.Time) Distribution {
	counts := Distribution{}
	for i, start := range w.starts {
		if age := now.Sub(start); age < 0 || age >= Span {
			continue
		}
		for b, n := range w.counts[i] {
			counts[end(b)] += n
		}
	}
	return counts
}

// Add adds another distribution's counts.
func (d Distribution) Add(other Distribution) {
	for upper, n := range other {
		d[upper] += n
	}
}

// Sum adds up distributions that services told; nil has nothing.
func Sum(all ...*latencyv1.Latency) *latencyv1.Latency {
	counts := Distribution{}
	for _, l := range all {
		for _, b := range l.GetBuckets() {
			counts[b.UpperBound.AsDuration()] += b.Count
		}
	}
	return counts.Message()
}

// bucket returns the number of the bucket of d.
func bucket(d time.Duration) int {
	if d <= shortest {
		return 0
	}
	return min(int(math.Ceil(math.Log2(float64(d)/float64(shortest))*perOctave)), octaves*perOctave)
}

// end returns the upper bound of a bucket, rounded to microseconds.
func end(bucket int) time.Duration {
	return time.Duration(float64(shortest) * math.Exp2(float64(bucket)/perOctave)).Round(time.Microsecond)
}

// Message is the distribution as services tell it, with its quantiles.
func (d Distribution) Message() *latencyv1.Latency {
	l := &latencyv1.Latency{Window: durationpb.New(Span)}
	for upper, n := range d {
		if n > 0 {
			l.Buckets = append(l.Buckets, &latencyv1.LatencyBucket{UpperBound: durationpb.New(upper), Count: n})
			l.Count += n
		}
	}
	if l.Count == 0 {
		return l
	}
	slices.SortFunc(l.Buckets, func(a, b *latencyv1.LatencyBucket) int {
		return cmp.Compare(a.UpperBound.AsDuration(), b.UpperBound.AsDuration())
	})
	l.P50, l.P95, l.P99, l.Max = quantile(l, .5), quantile(l, .95), quantile(l, .99), quantile(l, 1)
	return l
}

// quantile returns the upper bound of the bucket with the first change whose rank is at least
// q·count.
func quantile(l *latencyv1.Latency, q float64) *durationpb.Duration {
	rank := int64(math.Ceil(q * float64(l.Count)))
	for _, b := range l.Buckets {
		if rank -= b.Count; rank <= 0 {
			return b.UpperBound
		}
	}
	return l.Buckets[len(l.Buckets)-1].UpperBound
}
