package status

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
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

// notices are what a task saw that somebody should know or decide, for as long as it is so; those
// that last are notes. Owner is the progress whose lock guards them.
type notices = map[noticeKey]*Notice

// Notice shows n until it is withdrawn. It reports whether it is new; its time is that of the first.
func (p *Task) Notice(n *Notice) (fresh bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	k := noticeKey{n.Kind, n.Topic, n.Column}
	before := p.notices[k]
	if before == nil && len(p.notices) >= maxNotices {
		return false
	}
	if p.notices == nil {
		p.notices = notices{}
	}
	if n.Time = time.Now(); before != nil {
		n.Time = before.Time
	}
	p.notices[k] = n
	return before == nil
}

// Withdraw takes a notice back.
func (p *Task) Withdraw(kind Kind, topic, column string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	delete(p.notices, noticeKey{kind, topic, column})
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
func (p *Task) Tell(n *Notice) {
	if p.Notice(n) {
		p.say(n)
	}
}

// say writes a notice into the log and the timeline.
func (p *Task) say(n *Notice) {
	p.env.Logger.Warn(n.Summary, "topic", n.Topic, "table", n.Table, "column", n.Column, "remedy", n.Remedy)
	if p.env.Happened != nil {
		p.env.Happened(kindNames[n.Kind].happening, n.Summary+". "+n.Remedy)
	}
}

// Keep tells a notice that lasts, and returns when it is durable: what it is about must not be
// committed before. persist repeats what fails while the store is away.
func (p *Task) Keep(ctx context.Context, n *Notice,
	persist func(context.Context, func(context.Context) error) error) error {
	before := KeptNotices(p.env)[n.noteName()]
	if before != nil && before.Summary == n.Summary {
		return nil
	}
	n.Time = time.Now().UTC()
	n.Summary, n.Remedy = p.env.Hidden(n.Summary), p.env.Hidden(n.Remedy)
	note, err := json.Marshal(n)
	if err != nil {
		return err
	}
	if err := persist(ctx, func(ctx context.Context) error { return p.env.Note(ctx, n.noteName(), note) }); err != nil {
		return fmt.Errorf("note that %s: %w", n.Summary, err)
	}
	if before == nil {
		p.say(n)
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
func (p *Task) Acknowledge() string {
	return "To take this notice back: calypsoctl acknowledge " + shell.Quote(p.env.Connector)
}

// Told are the notices that hold now, oldest first.
func (p *Task) Told() []*Notice {
	p.mu.Lock()
	defer p.mu.Unlock()
	return append(inOrder(p.notices), ShownNotices(p.env)...)
}
