package latency

import (
	"math"
	"slices"
	"testing"
	"time"

	"google.golang.org/protobuf/proto"
	"pgregory.net/rapid"

	latencyv1 "github.com/calypso-cdc/calypso/gen/calypso/latency/v1"
)

var noon = time.Date(2026, 1, 1, 12, 0, 0, 0, time.UTC)

func TestAQuantileIsNeverBelowTheTrueOneAndAtMostTenPercentAbove(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var w Window
		took := rapid.SliceOfN(rapid.Int64Range(int64(shortest), int64(time.Hour)), 1, 200).Draw(t, "durations")
		for _, d := range took {
			w.Observe(noon, time.Duration(d), 1)
		}
		slices.Sort(took)
		l := w.Distribution(noon).Message()
		for q, got := range map[float64]time.Duration{.5: l.P50.AsDuration(), .95: l.P95.AsDuration(),
			.99: l.P99.AsDuration(), 1: l.Max.AsDuration()} {
			want := float64(took[int(math.Ceil(q*float64(len(took))))-1])
			if f := float64(got); f < want-float64(time.Microsecond) || f > want*1.1 {
				t.Fatalf("quantile %v of %v is %v", q, took, got)
			}
		}
		if l.Count != int64(len(took)) {
			t.Fatalf("%d were counted of %d", l.Count, len(took))
		}
	})
}

func TestWhatIsOlderThanTheWindowIsForgotten(t *testing.T) {
	var w Window
	w.Observe(noon, time.Second, 3)
	if l := w.Distribution(noon.Add(Span - slot)).Message(); l.Count != 3 {
		t.Errorf("within the window: %v", l)
	}
	if l := w.Distribution(noon.Add(Span)).Message(); l.Count != 0 || l.P99 != nil || len(l.Buckets) != 0 {
		t.Errorf("after the window: %v", l)
	}
	w.Observe(noon.Add(Span), time.Minute, 1)
	if l := w.Distribution(noon.Add(Span)).Message(); l.Count != 1 || l.P50.AsDuration() < time.Minute {
		t.Errorf("a slot that is used again: %v", l)
	}
}

func TestDistributionsOfWorkersAddUp(t *testing.T) {
	var a, b, both Window
	for i := range 100 {
		d := time.Duration(i) * time.Millisecond
		a.Observe(noon, d, 1)
		b.Observe(noon, 10*d, 2)
		both.Observe(noon, d, 1)
		both.Observe(noon, 10*d, 2)
	}
	if got, want := Sum(a.Distribution(noon).Message(), nil, b.Distribution(noon).Message()), both.Distribution(noon).Message(); !proto.Equal(got, want) {
		t.Errorf("the sum is %v, want %v", got, want)
	}
	sum := a.Distribution(noon)
	if sum.Add(b.Distribution(noon)); !proto.Equal(sum.Message(), both.Distribution(noon).Message()) {
		t.Errorf("what is added up is %v", sum)
	}
	if l := Sum(nil, &latencyv1.Latency{}); l.Count != 0 || l.P50 != nil {
		t.Errorf("the sum of nothing is %v", l)
	}
}

func TestDurationsBeyondTheScaleCountAtItsEnds(t *testing.T) {
	var w Window
	w.Observe(noon, -time.Second, 1)
	w.Observe(noon, 1<<62, 1)
	l := w.Distribution(noon).Message()
	if l.P50.AsDuration() != shortest || l.Max.AsDuration() < 24*time.Hour || l.Count != 2 {
		t.Errorf("the ends are %v", l)
	}
}
