package sink

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"
	"google.golang.org/grpc/codes"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/types/known/timestamppb"

	sinkv1 "github.com/calypso-cdc/calypso/gen/calypso/sink/v1"
	"github.com/calypso-cdc/calypso/libs/connector"
	"github.com/calypso-cdc/calypso/libs/rpc"
)

// maxNotices is how many notices a task keeps; more than the topics of one task have at once only where something is wrong with all.
const maxNotices = 200

// noticeKey tells notices apart: each kind once of a topic, of each column where it is about columns.
type noticeKey struct {
	kind          sinkv1.SinkNotice_Kind
	topic, column string
}

// notices are what a task saw that somebody should know or decide, for as long as it is so; those that last are notes. Owner is the progress whose lock guards them.
type notices = map[noticeKey]*sinkv1.SinkNotice

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

// inOrder are notices, oldest first.
func inOrder[K comparable](of map[K]*sinkv1.SinkNotice) []*sinkv1.SinkNotice {
	out := slices.Collect(maps.Values(of))
	slices.SortFunc(out, func(a, b *sinkv1.SinkNotice) int {
		return cmp.Or(a.Time.AsTime().Compare(b.Time.AsTime()), cmp.Compare(a.Topic, b.Topic), cmp.Compare(a.Column, b.Column))
	})
	return out
}

// tell shows a notice, and writes a new one into the log and the timeline.
func (t *task) tell(n *sinkv1.SinkNotice) {
	if t.board.notice(n) {
		t.say(n)
	}
}

// say writes a notice into the log and the timeline.
func (t *task) say(n *sinkv1.SinkNotice) {
	t.env.Logger.Warn(n.Summary, "topic", n.Topic, "table", n.Table, "column", n.Column, "remedy", n.Remedy)
	if t.env.Happened != nil {
		t.env.Happened(happenings[n.Kind], n.Summary+". "+n.Remedy)
	}
}

// lasting says of a kind that it is of something that happened once, which no later record tells of: such a notice stays until it is acknowledged,
// whatever becomes of the task, as a note of the connector's. Owner of these is the runtime; the board has none of them.
func lasting(kind sinkv1.SinkNotice_Kind) bool {
	switch kind {
	case sinkv1.SinkNotice_KIND_TRUNCATED, sinkv1.SinkNotice_KIND_SNAPSHOT_REPEATED, sinkv1.SinkNotice_KIND_BATCH_DOUBLED:
		return true
	}
	return false
}

// noteOf is the name of a lasting notice's note: there is one of each kind and topic.
func noteOf(n *sinkv1.SinkNotice) string { return n.Kind.String() + "." + n.Topic }

// keep tells a notice that lasts, and returns when it is durable: what it is about must not be committed before.
func (t *task) keep(ctx context.Context, n *sinkv1.SinkNotice) error {
	before := keptNotices(t.env)[noteOf(n)]
	if before.GetSummary() == n.Summary {
		return nil
	}
	n.Time = timestamppb.Now()
	n.Summary, n.Remedy = t.env.Hidden(n.Summary), t.env.Hidden(n.Remedy)
	note, err := protojson.Marshal(n)
	if err != nil {
		return err
	}
	if err := t.persist(ctx, func(ctx context.Context) error { return t.env.Note(ctx, noteOf(n), note) }); err != nil {
		return fmt.Errorf("noting that %s: %w", n.Summary, err)
	}
	if before == nil {
		t.say(n)
	}
	return nil
}

// keptNotices are the notices of a connector that last, by the names of their notes. What another version has noted and this one does not know is none.
func keptNotices(env connector.TaskEnv) map[string]*sinkv1.SinkNotice {
	found := map[string]*sinkv1.SinkNotice{}
	if env.Notes == nil {
		return found
	}
	for name, note := range env.Notes() {
		n := &sinkv1.SinkNotice{}
		if (protojson.UnmarshalOptions{DiscardUnknown: true}).Unmarshal(note, n) == nil && lasting(n.Kind) {
			found[name] = n
		}
	}
	return found
}

// shownNotices are as many of the notices that last as an answer has, oldest first.
func shownNotices(env connector.TaskEnv) []*sinkv1.SinkNotice {
	all := inOrder(keptNotices(env))
	return all[:min(len(all), maxNotices)]
}

// AcknowledgeNotices takes lasting notices back.
func (s *Service) AcknowledgeNotices(ctx context.Context, r *sinkv1.AcknowledgeNoticesRequest) (*sinkv1.AcknowledgeNoticesResponse, error) {
	if r.GetKind() != 0 && !lasting(r.GetKind()) {
		return nil, rpc.InvalidField("kind", fmt.Sprintf("notices of kind %s pass with what they are about; those that are acknowledged are TRUNCATED, SNAPSHOT_REPEATED and BATCH_DOUBLED", strings.TrimPrefix(r.GetKind().String(), "KIND_")))
	}
	env, _, err := s.environment(r.GetConnector())
	if err != nil {
		return nil, err
	}
	out := &sinkv1.AcknowledgeNoticesResponse{}
	for name, n := range keptNotices(env) {
		if r.GetKind() != 0 && r.GetKind() != n.Kind || r.GetTopic() != "" && r.GetTopic() != n.Topic {
			continue
		}
		if err := env.Note(ctx, name, nil); err != nil {
			return nil, refusal(env, codes.Unavailable, string(connector.ReasonStoreUnavailable), err)
		}
		out.Acknowledged++
	}
	return out, nil
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
func (t *task) truncated(ctx context.Context, to *target, r *kgo.Record) error {
	table := to.route.Database + "." + to.route.Table
	return t.keep(ctx, &sinkv1.SinkNotice{
		Kind: sinkv1.SinkNotice_KIND_TRUNCATED, Topic: to.route.Topic, Table: table,
		Summary: fmt.Sprintf("the source's table was truncated at %s, and the rows that it had are still in %s, where rows are appended and never removed", r.Timestamp.UTC().Format(time.RFC3339), table),
		Remedy:  "table.form=changes with current.state=true gives the rows that the source has now. To empty the copy by hand: .clear table ['" + to.route.Table + "'] data, where no later rows are in it. " + t.acknowledge(),
	})
}

// readAnew tells that a snapshot has begun after changes were streamed: what was deleted while nobody read the source's log has no
// delete in the topic.
func (t *task) readAnew(ctx context.Context, to *target, r *kgo.Record) error {
	table := to.route.Database + "." + to.route.Table
	return t.keep(ctx, &sinkv1.SinkNotice{
		Kind: sinkv1.SinkNotice_KIND_SNAPSHOT_REPEATED, Topic: to.route.Topic, Table: table,
		Summary: fmt.Sprintf("the source was read anew by a snapshot from %s on (a lost slot, or a signal): rows that were deleted before it without an event are still in the present state of %s", r.Timestamp.UTC().Format(time.RFC3339), table),
		Remedy:  "When the snapshot has ended, have them removed: calypsoctl repair <source connector> shows what it would remove, and with --write removes it. " + t.acknowledge(),
	})
}

// acknowledge is how a notice that lasts is taken back.
func (t *task) acknowledge() string {
	return "To take this notice back: calypsoctl acknowledge " + t.env.Connector
}
