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

// loss is one that this task has seen, or found noted.
type loss struct {
	BackgroundFailure
	// durable is how many of Failures its note counts; 0 if it has none. A note that is gone was acknowledged.
	durable int64
	// last is the latest one, of which Reason and Remedy are made when they are looked at.
	last Worked
}

// now is the loss as it is shown. The caller holds mu.
func (l *Losses) now(one *loss) BackgroundFailure {
	if one.last.Err != nil {
		one.Reason, one.Remedy = l.env.Hidden(one.last.Err.Error()), l.env.Hidden(one.last.Remedy)
		one.last = Worked{}
	}
	return one.BackgroundFailure
}

// lossNote begins the names of the notes.
const lossNote = "lost."

const (
	// mostLost bounds for how many tables and columns losses are shown.
	mostLost = 100
	// lossEvery is how often losses are made durable: each may be of millions of rows.
	lossEvery = time.Second
	// keepTime bounds the time to make one durable.
	keepTime = 5 * time.Second
	// longestNote bounds a note in bytes; it may have 16 KiB.
	longestNote = 15 << 10
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

// Count counts a loss, which Follow makes durable within a second. It neither blocks nor looks at the
// notes but for the first of a kind, since it is called for each value of each row.
func (l *Losses) Count(w Worked) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.count(w)
}

// Keep counts a loss. The first of its kind is durable when Keep returns without an error: the
// position must not pass it before.
func (l *Losses) Keep(w Worked) error {
	l.mu.Lock()
	one := l.count(w)
	first := one != nil && one.durable == 0
	l.mu.Unlock()
	if !first {
		return nil
	}
	return l.write(w.Work)
}

// count returns the loss, nil if there are too many to count it. The caller holds mu.
func (l *Losses) count(w Worked) *loss {
	one := l.known[w.Work]
	if one == nil && len(l.known) < mostLost {
		l.compare() // an earlier task may have noted it
		one = l.known[w.Work]
	}
	if one == nil {
		if len(l.known) >= mostLost {
			return nil
		}
		one = &loss{BackgroundFailure: BackgroundFailure{Lasts: true, Work: w.Work, Since: time.Now().UTC()}}
		l.known[w.Work] = one
	}
	one.last = w
	one.Failures++
	return one
}

// compare takes up what is noted, and forgets what was acknowledged. The caller holds mu.
func (l *Losses) compare() {
	kept := KeptLosses(l.env)
	for w, f := range kept {
		if l.known[w] == nil {
			l.known[w] = &loss{BackgroundFailure: f, durable: f.Failures}
		}
	}
	for w, one := range l.known {
		if _, there := kept[w]; there || one.durable == 0 {
			continue
		}
		if one.Failures -= one.durable; one.Failures == 0 {
			delete(l.known, w)
		}
		one.Since, one.durable = time.Now().UTC(), 0 // what came since is a new loss
	}
}

// write makes a loss durable if it is not.
func (l *Losses) write(w Work) error {
	l.writing.Lock()
	defer l.writing.Unlock()
	l.mu.Lock()
	one := l.known[w]
	if one == nil || one.durable == one.Failures || l.env.Note == nil {
		l.mu.Unlock()
		return nil
	}
	now := l.now(one)
	l.mu.Unlock()
	note, err := encodeNote(now)
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
	one.durable = now.Failures
	return nil
}

// encodeNote shortens a reason that a note has no room for.
func encodeNote(f BackgroundFailure) (json.RawMessage, error) {
	for {
		note, err := json.Marshal(f)
		if err != nil || len(note) <= longestNote || f.Reason == "" {
			return note, err
		}
		f.Reason = strings.ToValidUTF8(f.Reason[:len(f.Reason)/2], "")
	}
}

// Follow makes durable how many there were until ctx ends, and then what is left.
func (l *Losses) Follow(ctx context.Context) {
	tick := time.NewTicker(lossEvery)
	defer tick.Stop()
	for {
		select {
		case <-tick.C:
			l.Flush()
		case <-ctx.Done():
			l.Flush()
			return
		}
	}
}

// Flush makes durable how many there are now.
func (l *Losses) Flush() {
	l.mu.Lock()
	l.compare()
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
	l.compare()
	all := make([]BackgroundFailure, 0, len(l.known))
	for _, one := range l.known {
		all = append(all, l.now(one))
	}
	slices.SortFunc(all, func(a, b BackgroundFailure) int {
		return cmp.Or(a.Since.Compare(b.Since), cmp.Compare(a.Work, b.Work))
	})
	return all
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
