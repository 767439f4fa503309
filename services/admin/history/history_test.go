package history

import (
	"testing"
	"time"

	"google.golang.org/protobuf/proto"

	adminv1 "github.com/calypso-cdc/calypso/gen/calypso/admin/v1"
	capturev1 "github.com/calypso-cdc/calypso/gen/calypso/capture/v1"
)

// start begins an interval.
var start = time.Unix(1_500_000_000, 0)

func valuesOf(t *testing.T, h *History, name string) []float32 {
	t.Helper()
	for _, s := range h.Show().Series {
		if s.Name == name {
			return s.Values
		}
	}
	t.Fatalf("there is no series %s", name)
	return nil
}

func TestAHistoryHasAnHourAndSaysWhereNobodyLooked(t *testing.T) {
	var h History
	if shown := h.Show(); len(shown.Series) != 0 || shown.StartTime != nil {
		t.Errorf("before the first look it is %v", shown)
	}
	for n := range 1000 {
		if n == 990 {
			continue
		}
		p := &adminv1.Pipeline{Verdict: adminv1.Verdict_VERDICT_HEALTHY, Capture: &capturev1.Capture{RowsDelivered: int64(n * 30)}}
		rows := []*adminv1.TableStatus{{LateSeconds: float64(n), HeldAt: adminv1.HeldAt_HELD_AT_KAFKA_TO_SINK, Check: "sink_state"}}
		for look := range 3 { // looks come oftener than values
			h.Observe(start.Add(time.Duration(n)*Interval+time.Duration(look)*5*time.Second), p, rows)
		}
	}
	late := valuesOf(t, &h, "late_kafka_to_sink")
	if len(late) != Values || late[Values-1] != 999 || late[0] != 760 || late[Values-10] != unknown {
		t.Errorf("%d values from %v to %v, where nobody looked %v", len(late), late[0], late[len(late)-1], late[Values-10])
	}
	if got := valuesOf(t, &h, "rows_captured")[Values-1]; got != 2 {
		t.Errorf("30 rows in 15 s are %v a second", got)
	}
	if got := valuesOf(t, &h, "late_sink_to_queryable")[5]; got != 0 {
		t.Errorf("where nothing is held the latest is %v late", got)
	}
	if at := h.Show().StartTime.AsTime(); !at.Equal(start.Add(760 * Interval)) {
		t.Errorf("it begins %v", at)
	}
	if size := proto.Size(h.Show()); size > 12<<10 {
		t.Errorf("it is shown in %d bytes", size)
	}
}

func TestARateIsNotKnownWhereItsCountBeganAgain(t *testing.T) {
	var h History
	for n, count := range []int64{100, 130, 10, 40} {
		h.Observe(start.Add(time.Duration(n)*Interval), &adminv1.Pipeline{Capture: &capturev1.Capture{RowsDelivered: count}}, nil)
	}
	got := valuesOf(t, &h, "rows_captured")
	if got[0] != unknown || got[1] != 2 || got[2] != unknown || got[3] != 2 {
		t.Errorf("rates are %v", got)
	}
}

func TestAfterAnHourWithoutALookAHistoryBeginsAnew(t *testing.T) {
	var h History
	h.Observe(start, &adminv1.Pipeline{}, nil)
	h.Observe(start.Add(2*time.Hour), &adminv1.Pipeline{}, nil)
	if got := valuesOf(t, &h, "late"); len(got) != 1 {
		t.Errorf("%d values", len(got))
	}
}
