package status

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"slices"
	"time"

	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/types/known/timestamppb"

	sinkv1 "github.com/calypso-cdc/calypso/gen/calypso/sink/v1"
	"github.com/calypso-cdc/calypso/libs/connector"
)

// maxNotices is how many notices a task keeps; more than the topics of one task have at once only
// where something is wrong with all.
const maxNotices = 200

// noticeKey tells notices apart: each kind once of a topic, of each column where it is about columns.
type noticeKey struct {
	kind          sinkv1.SinkNotice_Kind
	topic, column string
}

// notices are what a task saw that somebody should know or decide, for as long as it is so; those
// that last are notes. Owner is the progress whose lock guards them.
type notices = map[noticeKey]*sinkv1.SinkNotice

// Notice shows n until it is withdrawn. It reports whether it is new; its time is that of the first.
func (p *Task) Notice(n *sinkv1.SinkNotice) (fresh bool) {
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
	if n.Time = timestamppb.New(time.Now()); before != nil {
		n.Time = before.Time
	}
	p.notices[k] = n
	return before == nil
}

// Withdraw takes a notice back.
func (p *Task) Withdraw(kind sinkv1.SinkNotice_Kind, topic, column string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	delete(p.notices, noticeKey{kind, topic, column})
}

// inOrder are notices, oldest first.
func inOrder[K comparable](of map[K]*sinkv1.SinkNotice) []*sinkv1.SinkNotice {
	out := slices.Collect(maps.Values(of))
	slices.SortFunc(out, func(a, b *sinkv1.SinkNotice) int {
		return cmp.Or(a.Time.AsTime().Compare(b.Time.AsTime()), cmp.Compare(a.Topic, b.Topic),
			cmp.Compare(a.Column, b.Column))
	})
	return out
}

// Tell shows a notice, and writes a new one into the log and the timeline.
func (p *Task) Tell(n *sinkv1.SinkNotice) {
	if p.Notice(n) {
		p.say(n)
	}
}

// say writes a notice into the log and the timeline.
func (p *Task) say(n *sinkv1.SinkNotice) {
	p.env.Logger.Warn(n.Summary, "topic", n.Topic, "table", n.Table, "column", n.Column, "remedy", n.Remedy)
	if p.env.Happened != nil {
		p.env.Happened(happenings[n.Kind], n.Summary+". "+n.Remedy)
	}
}

// Lasting says of a kind that it is of something that happened once, which no later record tells
// of: such a notice stays until it is acknowledged, whatever becomes of the task, as a note of the
// connector's. Owner of these is the runtime; the board has none of them.
func Lasting(kind sinkv1.SinkNotice_Kind) bool {
	switch kind {
	case sinkv1.SinkNotice_KIND_TRUNCATED, sinkv1.SinkNotice_KIND_SNAPSHOT_REPEATED, sinkv1.SinkNotice_KIND_BATCH_DOUBLED:
		return true
	}
	return false
}

// noteOf is the name of a lasting notice's note: there is one of each kind and topic.
func noteOf(n *sinkv1.SinkNotice) string { return n.Kind.String() + "." + n.Topic }

// Keep tells a notice that lasts, and returns when it is durable: what it is about must not be
// committed before. persist repeats what fails while the store is away.
func (p *Task) Keep(ctx context.Context, n *sinkv1.SinkNotice,
	persist func(context.Context, func(context.Context) error) error) error {
	before := KeptNotices(p.env)[noteOf(n)]
	if before.GetSummary() == n.Summary {
		return nil
	}
	n.Time = timestamppb.Now()
	n.Summary, n.Remedy = p.env.Hidden(n.Summary), p.env.Hidden(n.Remedy)
	note, err := protojson.Marshal(n)
	if err != nil {
		return err
	}
	if err := persist(ctx, func(ctx context.Context) error { return p.env.Note(ctx, noteOf(n), note) }); err != nil {
		return fmt.Errorf("noting that %s: %w", n.Summary, err)
	}
	if before == nil {
		p.say(n)
	}
	return nil
}

// KeptNotices are the notices of a connector that last, by the names of their notes. What another
// version has noted and this one does not know is none.
func KeptNotices(env connector.TaskEnv) map[string]*sinkv1.SinkNotice {
	found := map[string]*sinkv1.SinkNotice{}
	if env.Notes == nil {
		return found
	}
	for name, note := range env.Notes() {
		if connector.IsCommittedNote(name) {
			continue
		}
		n := &sinkv1.SinkNotice{}
		if (protojson.UnmarshalOptions{DiscardUnknown: true}).Unmarshal(note, n) == nil && Lasting(n.Kind) {
			found[name] = n
		}
	}
	return found
}

// ShownNotices are as many of the notices that last as an answer has, oldest first.
func ShownNotices(env connector.TaskEnv) []*sinkv1.SinkNotice {
	all := inOrder(KeptNotices(env))
	return all[:min(len(all), maxNotices)]
}

// happenings are the names of notices in the timeline.
var happenings = map[sinkv1.SinkNotice_Kind]string{
	sinkv1.SinkNotice_KIND_TOPIC_DELETED:        "TopicDeleted",
	sinkv1.SinkNotice_KIND_RECORDS_MISSING:      "RecordsMissing",
	sinkv1.SinkNotice_KIND_COLUMN_WITHOUT_FIELD: "ColumnWithoutField",
	sinkv1.SinkNotice_KIND_TRUNCATED:            "Truncated",
	sinkv1.SinkNotice_KIND_SNAPSHOT_REPEATED:    "SnapshotRepeated",
	sinkv1.SinkNotice_KIND_TABLE_CHANGING:       "TableChanging",
	sinkv1.SinkNotice_KIND_TRANSACTION_HANGING:  "TransactionHanging",
	sinkv1.SinkNotice_KIND_BATCH_DOUBLED:        "BatchDoubled",
	sinkv1.SinkNotice_KIND_FIELD_WITHOUT_COLUMN: "FieldWithoutColumn",
	sinkv1.SinkNotice_KIND_MARK_FOREIGN:         "MarkForeign",
}

// Acknowledge is how a notice that lasts is taken back.
func (p *Task) Acknowledge() string {
	return "To take this notice back: calypsoctl acknowledge " + p.env.Connector
}

// Told are the notices that hold now, oldest first.
func (p *Task) Told() []*sinkv1.SinkNotice {
	p.mu.Lock()
	defer p.mu.Unlock()
	return append(inOrder(p.notices), ShownNotices(p.env)...)
}
