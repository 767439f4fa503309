package status

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"net/url"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/calypso-cdc/calypso/libs/connector"
)

// Losses are what events lack: changes that were left out, values that null was sent for. No later
// change tells of one, so they stay, as notes of the connector's, until somebody acknowledges them,
// whatever becomes of the task. Losses of one kind are one, with how many there were. It is safe for
// concurrent use.
type Losses struct {
	env connector.TaskEnv

	// writing is held while a note is written, which takes as long as Kafka does; mu is not.
	writing sync.Mutex
	mu      sync.Mutex
	known   map[Work]*loss // guarded by mu
}

// loss is one that this task has seen.
type loss struct {
	BackgroundFailure
	// kept is when it was last made durable, dirty that there were more since, seen that its note has come
	// back: without the note it is acknowledged then.
	kept        time.Time
	dirty, seen bool
}

// lossNote begins the names of the notes.
const lossNote = "lost."

const (
	// mostLost bounds for how many tables and columns losses are shown.
	mostLost = 100
	// lossEvery is how often a loss that repeats is made durable: each may be of millions of rows.
	lossEvery = time.Second
	// keepTime bounds the time to make one durable.
	keepTime = 10 * time.Second
	// longestReason bounds a reason in bytes; a note may have 16 KiB.
	longestReason = 6 << 10
)

// NewLosses makes the losses of a connector, those of earlier tasks among them.
func NewLosses(env connector.TaskEnv) *Losses { return &Losses{env: env, known: make(map[Work]*loss)} }

func noteOf(w Work) string { return lossNote + url.QueryEscape(string(w)) }

// KeptLosses are the losses of a connector that are durable, by what was lost.
func KeptLosses(env connector.TaskEnv) map[Work]BackgroundFailure {
	out := make(map[Work]BackgroundFailure)
	if env.Notes == nil {
		return out
	}
	for name, note := range env.Notes() {
		var f BackgroundFailure
		if strings.HasPrefix(name, lossNote) && json.Unmarshal(note, &f) == nil {
			f.Lasts = true
			out[f.Work] = f
		}
	}
	return out
}

// Keep counts a loss. The first of its kind is durable when Keep returns: the position must not pass
// it before.
func (l *Losses) Keep(w Worked) error {
	if !l.count(w) {
		return nil
	}
	return l.write(w.Work)
}

// count counts a loss, and reports whether it is time to make it durable.
func (l *Losses) count(w Worked) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	kept := KeptLosses(l.env)
	one := l.current(w.Work, kept)
	if one == nil {
		if len(kept) >= mostLost || len(l.known) >= mostLost {
			return false
		}
		one = &loss{BackgroundFailure: BackgroundFailure{Lasts: true, Work: w.Work, Since: time.Now().UTC()}}
		if before, any := kept[w.Work]; any {
			one.BackgroundFailure, one.seen = before, true
		}
		l.known[w.Work] = one
	}
	one.Reason, one.Remedy = shortened(l.env.Hidden(w.Err.Error())), l.env.Hidden(w.Remedy)
	one.Failures++
	one.dirty = true
	return time.Since(one.kept) >= lossEvery
}

// current is a loss that this task has seen and nobody has acknowledged; nil if there is none. The
// caller holds mu.
func (l *Losses) current(w Work, kept map[Work]BackgroundFailure) *loss {
	one := l.known[w]
	if one == nil {
		return nil
	}
	_, there := kept[w]
	if one.seen && !there && !one.dirty {
		delete(l.known, w)
		return nil
	}
	one.seen = one.seen || there
	return one
}

// write makes a loss durable if it is not.
func (l *Losses) write(w Work) error {
	l.writing.Lock()
	defer l.writing.Unlock()
	now, dirty := l.dirty(w)
	if !dirty || l.env.Note == nil {
		return nil
	}
	note, err := json.Marshal(now)
	if err != nil {
		return fmt.Errorf("note what events lack: %w", err)
	}
	ctx, cancel := context.WithTimeout(context.Background(), keepTime)
	defer cancel()
	if err := l.env.Note(ctx, noteOf(w), note); err != nil {
		return fmt.Errorf("note what events lack (%s): %w", w, err)
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if one := l.known[w]; one != nil {
		one.kept, one.dirty = time.Now(), one.Failures != now.Failures
	}
	return nil
}

// dirty is a loss as it is now, and whether there were more of it than is durable.
func (l *Losses) dirty(w Work) (now BackgroundFailure, dirty bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	one := l.known[w]
	if one == nil {
		return now, false
	}
	return one.BackgroundFailure, one.dirty
}

// Follow makes durable how many there were until ctx ends, and then what is left.
func (l *Losses) Follow(ctx context.Context) {
	tick := time.NewTicker(lossEvery)
	defer tick.Stop()
	for {
		select {
		case <-tick.C:
			l.flush()
		case <-ctx.Done():
			l.flush()
			return
		}
	}
}

func (l *Losses) flush() {
	l.mu.Lock()
	all := slices.Collect(maps.Keys(l.known))
	l.mu.Unlock()
	for _, w := range all {
		if err := l.write(w); err != nil {
			l.env.Logger.Warn("how much events lack is not durable", "err", err)
			return
		}
	}
}

// All are the losses that nobody has acknowledged, oldest first.
func (l *Losses) All() []BackgroundFailure {
	l.mu.Lock()
	defer l.mu.Unlock()
	all := KeptLosses(l.env)
	durable := maps.Clone(all)
	for w := range l.known {
		if one := l.current(w, durable); one != nil {
			all[w] = one.BackgroundFailure
		}
	}
	return slices.SortedFunc(maps.Values(all), func(a, b BackgroundFailure) int {
		return cmp.Or(a.Since.Compare(b.Since), cmp.Compare(a.Work, b.Work))
	})
}

// Acknowledge removes the losses of a connector that are of w, all of them if it is empty, and
// returns how many.
func Acknowledge(ctx context.Context, env connector.TaskEnv, w Work) (n int, err error) {
	for of := range KeptLosses(env) {
		if w != "" && w != of {
			continue
		}
		if err := env.Note(ctx, noteOf(of), nil); err != nil {
			return n, fmt.Errorf("acknowledge %s: %w", of, err)
		}
		n++
	}
	return n, nil
}

func shortened(text string) string {
	if len(text) <= longestReason {
		return text
	}
	return strings.ToValidUTF8(text[:longestReason], "") + "…"
}
