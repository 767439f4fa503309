package status

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/calypso-cdc/calypso/libs/connector"
	"github.com/calypso-cdc/calypso/libs/shell"
)

// maxNotices is how many notices a task keeps; more than the topics of one task have at once only
// where something is wrong with all.
const maxNotices = 200

// noticeKey tells notices apart: each kind once of a topic, of each column where it is about columns.
type noticeKey struct {
	kind          Kind
	topic, column string
}

// Notices are what a task saw that somebody should know or decide, for as long as it is so; those that
// last are notes of the connector. They are safe for concurrent use.
type Notices struct {
	env connector.TaskEnv

	mu   sync.Mutex
	held map[noticeKey]*Notice // guarded by mu
}

// NewNotices makes the notices of a task.
func NewNotices(env connector.TaskEnv) *Notices {
	return &Notices{env: env, held: map[noticeKey]*Notice{}}
}

// Show shows n until it is withdrawn. It reports whether it is new; its time is that of the first.
func (s *Notices) Show(n *Notice) (fresh bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	k := noticeKey{n.Kind, n.Topic, n.Column}
	before := s.held[k]
	if before == nil && len(s.held) >= maxNotices {
		return false
	}
	if n.Time = time.Now(); before != nil {
		n.Time = before.Time
	}
	s.held[k] = n
	return before == nil
}

// Withdraw takes a notice back.
func (s *Notices) Withdraw(kind Kind, topic, column string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.held, noticeKey{kind, topic, column})
}

// inOrder are notices, oldest first.
func inOrder[K comparable](of map[K]*Notice) []*Notice {
	out := slices.Collect(maps.Values(of))
	slices.SortFunc(out, func(a, b *Notice) int {
		return cmp.Or(a.Time.Compare(b.Time), cmp.Compare(a.Topic, b.Topic),
			cmp.Compare(a.Column, b.Column))
	})
	return out
}

// Tell shows a notice, and writes a new one into the log and the timeline.
func (s *Notices) Tell(n *Notice) {
	if s.Show(n) {
		s.say(n)
	}
}

// say writes a notice into the log and the timeline.
func (s *Notices) say(n *Notice) {
	s.env.Logger.Warn(n.Summary, "topic", n.Topic, "table", n.Table, "column", n.Column, "remedy", n.Remedy)
	if s.env.Happened != nil {
		s.env.Happened(kindNames[n.Kind].happening, n.Summary+". "+n.Remedy)
	}
}

// Keep tells a notice that lasts, and returns when it is durable: what it is about must not be
// committed before. persist repeats what fails while the store is away.
func (s *Notices) Keep(ctx context.Context, n *Notice,
	persist func(context.Context, func(context.Context) error) error) error {
	before := KeptNotices(s.env)[n.noteName()]
	if before != nil && before.Summary == n.Summary {
		return nil
	}
	n.Time = time.Now().UTC()
	n.Summary, n.Remedy = s.env.Hidden(n.Summary), s.env.Hidden(n.Remedy)
	note, err := json.Marshal(n)
	if err != nil {
		return err
	}
	if err := persist(ctx, func(ctx context.Context) error { return s.env.Note(ctx, n.noteName(), note) }); err != nil {
		return fmt.Errorf("note that %s: %w", n.Summary, err)
	}
	if before == nil {
		s.say(n)
	}
	return nil
}

// KeptNotices are the notices of a connector that last, by the names of their notes. What another
// version has noted and this one does not know is none.
func KeptNotices(env connector.TaskEnv) map[string]*Notice {
	found := map[string]*Notice{}
	if env.Notes == nil {
		return found
	}
	for name, note := range env.Notes() {
		if connector.IsCommittedNote(name) {
			continue
		}
		if n := readNote(note); n != nil {
			found[name] = n
		}
	}
	return found
}

// ShownNotices are as many of the notices that last as an answer has, oldest first.
func ShownNotices(env connector.TaskEnv) []*Notice {
	all := inOrder(KeptNotices(env))
	return all[:min(len(all), maxNotices)]
}

// Acknowledge is how a notice that lasts is taken back.
func (s *Notices) Acknowledge() string {
	return "To take this notice back: calypsoctl acknowledge " + shell.Quote(s.env.Connector)
}

// here are the task's own notices that hold now, oldest first.
func (s *Notices) here() []*Notice {
	s.mu.Lock()
	defer s.mu.Unlock()
	return inOrder(s.held)
}

// Told are the notices that hold now, oldest first, and then those that last.
func (s *Notices) Told() []*Notice { return append(s.here(), ShownNotices(s.env)...) }
