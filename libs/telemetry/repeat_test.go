package telemetry

import (
	"bytes"
	"context"
	"fmt"
	"log/slog"
	"strings"
	"testing"
	"time"

	"go.opentelemetry.io/otel/trace"
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
	log.Error("connecting failed", "err", "refused")
	if !strings.Contains(out.String(), "repeated=4") {
		t.Errorf("the count of held back lines is missing: %s", out.String())
	}
}

func TestLinesAboutDifferentThingsAreNoRepetition(t *testing.T) {
	var out bytes.Buffer
	log := slog.New(newRepeatHandler(slog.NewTextHandler(&out, nil), time.Hour, time.Now))
	for name, lines := range map[string]struct {
		write func(i int)
		want  int
	}{
		"tables":       {func(i int) { log.Warn("left out", "table", fmt.Sprint("public.t", i)) }, 20},
		"errors":       {func(i int) { log.Error("a signal is left out", "err", fmt.Errorf("signal %d is none", i)) }, 20},
		"partitions":   {func(i int) { log.Error("not written", "partition", i) }, 20},
		"tables twice": {func(i int) { log.Warn("left out", "table", fmt.Sprint("twice.t", i/2)) }, 10},
		"groups":       {func(i int) { log.Warn("in a group", slog.Group("of", "table", i)) }, 20},
		"bound":        {func(i int) { log.With("connector", i).Warn("bound") }, 20},
		"attempts":     {func(i int) { log.Warn("tries again", "table", "public.t", Passing("attempts", i)) }, 1},
		"shifted": {func(i int) {
			log.Warn("shifted", "a", "b=1;", "c", "d")
			log.Warn("shifted", "a", "", "b", "1;c=d")
		}, 2},
	} {
		out.Reset()
		for i := range 20 {
			lines.write(i)
		}
		if n := strings.Count(out.String(), "\n"); n != lines.want {
			t.Errorf("%s: %d lines, want %d", name, n, lines.want)
		}
	}
	out.Reset()
	log.Warn("passing once", Passing("attempts", 7))
	if !strings.Contains(out.String(), "attempts=7") {
		t.Errorf("a passing attribute is written as any other: %s", out.String())
	}
}

func TestALineIsARepetitionUnderAnyTrace(t *testing.T) {
	var out bytes.Buffer
	log := NewLogger(&out, slog.LevelInfo)
	for i := range 5 {
		id := trace.NewSpanContext(trace.SpanContextConfig{TraceID: trace.TraceID{byte(i + 1)},
			SpanID: trace.SpanID{byte(i + 1)}})
		log.WarnContext(trace.ContextWithSpanContext(context.Background(), id), "tries again")
	}
	if n := strings.Count(out.String(), "\n"); n != 1 || !strings.Contains(out.String(), "trace_id") {
		t.Errorf("%d lines: %s", n, out.String())
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
