package membership

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"

	"github.com/calypso-cdc/calypso/services/sink/internal/batch"
	"github.com/calypso-cdc/calypso/services/sink/internal/ledger"
	"github.com/calypso-cdc/calypso/services/sink/internal/partition"
	"github.com/calypso-cdc/calypso/services/sink/internal/status"
)

// assignment is what else follows from an assignment of partitions, besides where they begin.
type assignment struct {
	committed kadm.OffsetResponses
	// delivered are those without an offset whose batches are in tables all the same.
	delivered map[batch.Source]bool
	// recorded are the partitions with batches beyond the committed offset.
	recorded map[*partition.Partition]recorded
	// begun are those that an earlier task has brought rows from.
	begun []batch.Source
	// forgotten are those whose committed offsets the brokers have lost.
	forgotten []batch.Source
}

// assigned begins partitions where the group's last commit of them ended, with the cuts recorded there.
func (m *Membership) assigned(added map[string][]int32) {
	m.group.in.Store(true)
	if len(added) == 0 {
		return
	}
	m.Client.ResumeFetchPartitions(added) // a pause outlives the assignment in which it was made
	names := slices.Collect(maps.Keys(added))
	a := &assignment{recorded: map[*partition.Partition]recorded{}}
	if err := m.of.Batches.Retry.Do(m.ctx, func(ctx context.Context) (err error) {
		a.committed, err = m.offsets(ctx, names)
		return err
	}); err != nil {
		m.of.Fail(fmt.Errorf("read the offsets of group %s: %w", m.of.Batches.Spec.Group, err))
		return
	}
	notes := m.notes.read()
	var err error
	if a.delivered, err = m.deliveredBefore(added, a.committed, notes); err != nil {
		m.of.Fail(fmt.Errorf("look whether tables have batches of partitions without offsets: %w", err))
		return
	}
	for topic := range added {
		if err := m.of.Batches.Env.UsedTopic(topic); err != nil {
			m.of.Fail(err)
			return
		}
		a.forgotten = nil
		for _, number := range added[topic] {
			m.begin(batch.Source{Topic: topic, Partition: number}, a, notes)
		}
		if len(a.forgotten) > 0 {
			m.Topics.Missing(topic, m.notes.lost(a.forgotten))
		}
	}
	if len(a.recorded) > 0 {
		m.of.Beside("look for the records of noted batches", func() { m.prove(a.recorded) })
	}
	m.of.Beside("recall of columns without a field", func() { m.of.Batches.Tables.Recall(names) })
	m.of.Beside("time of the last rows", func() { m.of.Batches.Tables.LastRows(a.begun) })
}

// offsets asks which topics exist, and for the offsets that the group has committed.
func (m *Membership) offsets(ctx context.Context, names []string) (kadm.OffsetResponses, error) {
	ctx, cancel := context.WithTimeout(ctx, 15*time.Second)
	defer cancel()
	admin := kadm.NewClient(m.Client)
	listed, err := admin.ListTopics(ctx, names...)
	if err != nil {
		return nil, err
	}
	for _, topic := range listed {
		id := ""
		if topic.ID != (kadm.TopicID{}) {
			id = topic.ID.String()
		}
		if m.of.Topics.See(topic.Topic, id) {
			m.of.Batches.Status.Notices.Withdraw(status.TopicDeleted, topic.Topic, "") // it is there again
		}
	}
	return admin.FetchOffsets(ctx, m.of.Batches.Spec.Group)
}

// begin begins a partition, unless it is not known where.
func (m *Membership) begin(of batch.Source, a *assignment, notes committedNotes) {
	l, fromStart, err := m.restore(of, a.committed)
	if err != nil {
		m.Topics.Missing(of.Topic, err)
		return
	}
	if !l.Known() && !fromStart && (a.delivered[of] || m.notes.tell(notes, of)) {
		a.forgotten = append(a.forgotten, of)
		return
	}
	p := partition.New(m.ctx, m.member, of, l)
	if l.End() > l.Committed() {
		a.recorded[p] = recorded{l.Committed(), l.End()}
	}
	m.of.Batches.Status.Committed(of, l.Committed())
	if l.Committed() > 0 {
		a.begun = append(a.begun, of)
	}
	m.Partitions.Add(p)
	p.Start()
}

// restore finds where an assigned partition continues, and the cuts that were recorded beyond. What
// is committed counts only for the topic that it was committed for: one that was recreated begins
// at its first record, which fromStart reports.
func (m *Membership) restore(of batch.Source, committed kadm.OffsetResponses) (l *ledger.Ledger, fromStart bool,
	err error) {
	id := m.of.Topics.ID(of.Topic)
	o, ok := committed.Lookup(of.Topic, of.Partition)
	if !ok || o.Err != nil || o.At < 0 {
		return ledger.New(id), m.of.Topics.Begin(of), nil
	}
	// What a later version has noted, and what cannot be read, is unknown: Restore refuses both.
	if !m.of.Topics.Resume(of, ledger.TopicOf(o.Metadata)) {
		m.of.Batches.Env.Logger.Info("the topic was made again since its offset was committed; it is read from its beginning",
			"topic", of.Topic, "partition", of.Partition, "committed", o.At)
		return ledger.New(id), true, nil
	}
	l, err = ledger.Restore(id, o.At, o.Metadata)
	if err != nil {
		err = fmt.Errorf("partition %d of %s: %w. %s", of.Partition, of.Topic, err,
			partition.Forget(m.of.Batches.Env.Connector))
	}
	return l, false, err
}
