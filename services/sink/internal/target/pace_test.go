package target

import (
	"testing"
	"time"
)

func TestRowsAreStreamedWhileTheyComeSlowlyAndQueuedWhileTheyDoNot(t *testing.T) {
	now := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	var b Pace
	step := func(seconds int, bytesPerSecond int64) (streamed int) {
		for range seconds {
			if b.slow(now) {
				streamed++
			}
			b.Charge(now, bytesPerSecond)
			now = now.Add(time.Second)
		}
		return streamed
	}
	if n := step(60, 100_000); n != 60 {
		t.Errorf("%d of 60 slow seconds were streamed", n)
	}
	if n := step(60, 20<<20); n != 1 {
		t.Errorf("%d of 60 fast seconds were streamed, want the first only", n)
	}
	if n := step(60, 100_000); n < 30 || n == 60 {
		t.Errorf("%d of 60 slow seconds after fast ones were streamed, want those after some", n)
	}
}
