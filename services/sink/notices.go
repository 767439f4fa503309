package sink

import (
	"cmp"
	"fmt"
	"slices"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"
	"google.golang.org/protobuf/types/known/timestamppb"

	sinkv1 "github.com/calypso-cdc/calypso/gen/calypso/sink/v1"
)

// maxNotices is how many notices a task keeps; more than the topics of one task have at once only where something is wrong with all.
const maxNotices = 200

// noticeKey tells notices apart: each kind once of a topic, of each column where it is about columns.
type noticeKey struct {
	kind          sinkv1.SinkNotice_Kind
	topic, column string
}

// notices are what a task saw that somebody should know or decide. Owner is the progress whose lock guards them.
type notices map[noticeKey]*sinkv1.SinkNotice

// notice shows n until it is withdrawn. It reports whether it is new; its time is that of the first.
func (p *progress) notice(n *sinkv1.SinkNotice) (fresh bool) {
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

// withdraw takes a notice back.
func (p *progress) withdraw(kind sinkv1.SinkNotice_Kind, topic, column string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	delete(p.notices, noticeKey{kind, topic, column})
}

// all are the notices, oldest first.
func (n notices) all() []*sinkv1.SinkNotice {
	out := make([]*sinkv1.SinkNotice, 0, len(n))
	for _, one := range n {
		out = append(out, one)
	}
	slices.SortFunc(out, func(a, b *sinkv1.SinkNotice) int {
		return cmp.Or(a.Time.AsTime().Compare(b.Time.AsTime()), cmp.Compare(a.Topic, b.Topic), cmp.Compare(a.Column, b.Column))
	})
	return out
}

// tell shows a notice, and writes a new one into the log and the timeline.
func (t *task) tell(n *sinkv1.SinkNotice) {
	if !t.board.notice(n) {
		return
	}
	t.env.Logger.Warn(n.Summary, "topic", n.Topic, "table", n.Table, "column", n.Column, "remedy", n.Remedy)
	if t.env.Happened != nil {
		t.env.Happened(happenings[n.Kind], n.Summary+". "+n.Remedy)
	}
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

// truncated tells that the source's table was truncated, which a table of rows does not follow.
func (t *task) truncated(to *target, r *kgo.Record) {
	table := to.route.Database + "." + to.route.Table
	t.tell(&sinkv1.SinkNotice{
		Kind: sinkv1.SinkNotice_KIND_TRUNCATED, Topic: to.route.Topic, Table: table,
		Summary: fmt.Sprintf("the source's table was truncated at %s, and the rows that it had are still in %s, where rows are appended and never removed", r.Timestamp.UTC().Format(time.RFC3339), table),
		Remedy:  "table.form=changes with current.state=true gives the rows that the source has now. To empty the copy by hand: .clear table ['" + to.route.Table + "'] data, where no later rows are in it",
	})
}

// readAnew tells that a snapshot has begun after changes were streamed: what was deleted while nobody read the source's log has no
// delete in the topic.
func (t *task) readAnew(to *target, r *kgo.Record) {
	table := to.route.Database + "." + to.route.Table
	t.tell(&sinkv1.SinkNotice{
		Kind: sinkv1.SinkNotice_KIND_SNAPSHOT_REPEATED, Topic: to.route.Topic, Table: table,
		Summary: fmt.Sprintf("the source was read anew by a snapshot from %s on (a lost slot, or a signal): rows that were deleted before it without an event are still in the present state of %s", r.Timestamp.UTC().Format(time.RFC3339), table),
		Remedy:  "When the snapshot has ended, have them removed: calypsoctl repair <source connector> shows what it would remove, and with --write removes it. Restart the sink's task to take this notice back",
	})
}
