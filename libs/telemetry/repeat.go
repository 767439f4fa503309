package telemetry

import (
	"context"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"time"
)

// maxRepeats bounds how many different messages are watched for repetition. When it is reached the memory is cleared,
// which lets at most that many lines through once more.
const maxRepeats = 1024

// repeatHandler holds back warnings and errors that were written a moment ago. Lower levels pass untouched.
type repeatHandler struct {
	next slog.Handler
	// bound renders the attributes and groups of With: two connectors that report the same message are two messages.
	bound string
	seen  *repeats
}

// repeats is shared by all handlers derived from one logger.
type repeats struct {
	interval time.Duration
	now      func() time.Time

	mu sync.Mutex
	// last is guarded by mu and has at most maxRepeats entries.
	last map[string]*repeat
}

type repeat struct {
	written  time.Time
	heldBack int
}

func newRepeatHandler(next slog.Handler, interval time.Duration, now func() time.Time) *repeatHandler {
	return &repeatHandler{next: next, seen: &repeats{interval: interval, now: now, last: map[string]*repeat{}}}
}

func (h *repeatHandler) Enabled(ctx context.Context, l slog.Level) bool {
	return h.next.Enabled(ctx, l)
}

func (h *repeatHandler) Handle(ctx context.Context, r slog.Record) error {
	if r.Level < slog.LevelWarn {
		return h.next.Handle(ctx, r)
	}
	write, heldBack := h.seen.note(r.Level.String() + "\x00" + r.Message + "\x00" + h.bound)
	if !write {
		return nil
	}
	if heldBack > 0 {
		r = r.Clone()
		r.AddAttrs(slog.Int("repeated", heldBack))
	}
	return h.next.Handle(ctx, r)
}

// note reports whether the message is to be written now, and how many equal ones were held back since the last time.
func (s *repeats) note(key string) (write bool, heldBack int) {
	now := s.now()
	s.mu.Lock()
	defer s.mu.Unlock()
	if r, ok := s.last[key]; ok {
		if now.Sub(r.written) < s.interval {
			r.heldBack++
			return false, 0
		}
		heldBack = r.heldBack
	} else if len(s.last) >= maxRepeats {
		clear(s.last)
	}
	s.last[key] = &repeat{written: now}
	return true, heldBack
}

func (h *repeatHandler) WithAttrs(attrs []slog.Attr) slog.Handler {
	var b strings.Builder
	b.WriteString(h.bound)
	for _, a := range attrs {
		fmt.Fprintf(&b, "%s=%s;", a.Key, a.Value)
	}
	return &repeatHandler{next: h.next.WithAttrs(attrs), bound: b.String(), seen: h.seen}
}

func (h *repeatHandler) WithGroup(name string) slog.Handler {
	return &repeatHandler{next: h.next.WithGroup(name), bound: h.bound + name + ".", seen: h.seen}
}
