package telemetry

import (
	"context"
	"crypto/sha256"
	"fmt"
	"hash"
	"log/slog"
	"sync"
	"time"
)

// maxRepeats bounds how many different lines are remembered, each as a hash. When it is reached,
// all are forgotten, which lets at most that many lines through once more.
const maxRepeats = 1024

// repeatHandler holds back warnings and errors that were written a moment ago. Lower levels are not
// affected.
//
// A line is a repetition if its level, message and attributes are the same, so that a problem of
// another table or connector is another line. Passing attributes do not count.
type repeatHandler struct {
	next slog.Handler
	// bound represents the attributes and groups of With.
	bound string
	seen  *repeats
}

// passing is the value of an attribute that does not distinguish lines.
type passing struct{ value slog.Value }

func (p passing) LogValue() slog.Value { return p.value }

// Passing returns an attribute that changes although a line repeats, such as a count of attempts or
// a position: lines that differ only in such attributes are repetitions.
func Passing(key string, value any) slog.Attr {
	return slog.Any(key, passing{slog.AnyValue(value)})
}

// repeats is shared by all handlers derived from one logger.
type repeats struct {
	interval time.Duration
	now      func() time.Time

	mu sync.Mutex
	// last is guarded by mu and has at most maxRepeats entries.
	last map[lineID]*repeat
}

// lineID is the hash of everything that distinguishes lines.
type lineID [sha256.Size]byte

type repeat struct {
	written  time.Time
	heldBack int
}

func newRepeatHandler(next slog.Handler, interval time.Duration, now func() time.Time) *repeatHandler {
	return &repeatHandler{next: next, seen: &repeats{interval: interval, now: now, last: map[lineID]*repeat{}}}
}

func (h *repeatHandler) Enabled(ctx context.Context, l slog.Level) bool {
	return h.next.Enabled(ctx, l)
}

func (h *repeatHandler) Handle(ctx context.Context, r slog.Record) error {
	if r.Level < slog.LevelWarn {
		return h.next.Handle(ctx, r)
	}
	write, heldBack := h.seen.note(h.identify(r))
	if !write {
		return nil
	}
	if heldBack > 0 {
		r = r.Clone()
		r.AddAttrs(slog.Int("repeated", heldBack))
	}
	return h.next.Handle(ctx, r)
}

// identify hashes everything that distinguishes a line from others.
func (h *repeatHandler) identify(r slog.Record) (id lineID) {
	sum := sha256.New()
	fmt.Fprintf(sum, "%s\x00%s\x00%s\x00", r.Level, r.Message, h.bound)
	r.Attrs(func(a slog.Attr) bool {
		identifyBy(sum, a)
		return true
	})
	sum.Sum(id[:0])
	return id
}

// identifyBy adds an attribute to such a hash.
func identifyBy(sum hash.Hash, a slog.Attr) {
	if a.Value.Kind() == slog.KindLogValuer {
		if _, ok := a.Value.Any().(passing); ok {
			return
		}
	}
	// Lengths are hashed too, so that one attribute cannot look like two.
	text := a.Value.Resolve().String()
	fmt.Fprintf(sum, "%d:%s=%d:%s;", len(a.Key), a.Key, len(text), text)
}

// note reports whether the message should be written now, and how many equal ones were held back
// since the last time.
func (s *repeats) note(line lineID) (write bool, heldBack int) {
	now := s.now()
	s.mu.Lock()
	defer s.mu.Unlock()
	if r, ok := s.last[line]; ok {
		if now.Sub(r.written) < s.interval {
			r.heldBack++
			return false, 0
		}
		heldBack = r.heldBack
	} else if len(s.last) >= maxRepeats {
		clear(s.last)
	}
	s.last[line] = &repeat{written: now}
	return true, heldBack
}

func (h *repeatHandler) WithAttrs(attrs []slog.Attr) slog.Handler {
	sum := sha256.New()
	sum.Write([]byte(h.bound))
	for _, a := range attrs {
		identifyBy(sum, a)
	}
	return &repeatHandler{next: h.next.WithAttrs(attrs), bound: string(sum.Sum(nil)), seen: h.seen}
}

func (h *repeatHandler) WithGroup(name string) slog.Handler {
	return &repeatHandler{next: h.next.WithGroup(name), bound: h.bound + name + ".", seen: h.seen}
}
