package telemetry

import (
	"bytes"
	"context"
	"fmt"
	"log/slog"
	"strings"
	"testing"
	"time"
)

func TestRepeatedErrorsAreWrittenOnceAnIntervalWithTheirCount(t *testing.T) {
	now := time.Unix(0, 0)
	var out bytes.Buffer
	log := slog.New(newRepeatHandler(slog.NewTextHandler(&out, nil), 10*time.Second, func() time.Time { return now }))
	lines := func() int { defer out.Reset(); return strings.Count(out.String(), "\n") }

	for range 5 {
		log.Error("connecting failed", "err", "refused")
	}
	if n := lines(); n != 1 {
		t.Errorf("5 equal errors gave %d lines", n)
	}
	log.With("connector", "a").Error("connecting failed")
	log.With("connector", "b").Error("connecting failed")
	if n := lines(); n != 2 {
		t.Errorf("the same error of two connectors gave %d lines", n)
	}
	for range 5 {
		log.Info("inserted")
	}
	if n := lines(); n != 5 {
		t.Errorf("5 equal informations gave %d lines", n)
	}
	now = now.Add(11 * time.Second)
	log.Error("connecting failed")
	if !strings.Contains(out.String(), "repeated=4") {
		t.Errorf("the count of held back lines is missing: %s", out.String())
	}
}

func TestTheMemoryOfRepeatedErrorsIsBounded(t *testing.T) {
	h := newRepeatHandler(slog.DiscardHandler, time.Hour, time.Now)
	for i := range 3 * maxRepeats {
		r := slog.NewRecord(time.Time{}, slog.LevelError, fmt.Sprint(i), 0)
		if err := h.Handle(context.Background(), r); err != nil {
			t.Fatal(err)
		}
	}
	if n := len(h.seen.last); n > maxRepeats {
		t.Errorf("%d messages are remembered", n)
	}
}
