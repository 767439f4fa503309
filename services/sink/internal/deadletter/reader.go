package deadletter

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"hash/maphash"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"

	sinkv1 "github.com/calypso-cdc/calypso/gen/calypso/sink/v1"
	"github.com/calypso-cdc/calypso/libs/kafka"
	"github.com/calypso-cdc/calypso/services/sink/internal/marks"
	"github.com/calypso-cdc/calypso/services/sink/internal/status"
)

// MarkTopic is the compacted topic beside a dead letter topic that says what became of its letters.
func MarkTopic(dead string) string { return dead + "-resolved" }

// Letter is one dead letter as read from its topic.
type Letter struct {
	ID string
	// copies are the ids of later letters about the same record: a task that dies before it commits
	// writes its letters again.
	copies    []string
	Record    *kgo.Record // as it was in its own topic, headers included
	reason    string
	rejection rejection
	connector string
	task      int32
	// edited is set where the record's value is the caller's.
	edited bool
}

// Read returns the connector's dead letters that are not done with, in the order of their topic,
// and the state of the marks.
func (l *letters) Read(ctx context.Context, filter *sinkv1.DeadLetterFilter) ([]Letter, *marks.Marks, error) {
	known, err := l.Marks(ctx)
	if err != nil {
		return nil, nil, err
	}
	var found []*Letter
	byPosition := map[string]*Letter{}
	_, err = l.scan(ctx, l.topic, func(r *kgo.Record) {
		one := ParseLetter(r)
		if one.connector != l.connector || known.Done(one.ID) {
			return
		}
		position := fmt.Sprintf("%s/%d/%d", one.Record.Topic, one.Record.Partition, one.Record.Offset)
		first := byPosition[position]
		if first != nil && bytes.Equal(first.Record.Value, one.Record.Value) &&
			bytes.Equal(first.Record.Key, one.Record.Key) {
			first.copies = append(first.copies, one.ID)
			return
		}
		byPosition[position] = &one
		found = append(found, &one)
	})
	if err != nil {
		return nil, nil, err
	}
	slices.SortStableFunc(found, func(a, b *Letter) int { return CompareIDs(a.ID, b.ID) })
	var matching []Letter
	for _, one := range found {
		if one.matches(filter) {
			matching = append(matching, *one)
		}
	}
	return matching, known, nil
}

// count says how many of the connector's letters are not done with, each record once, and which
// records are no marks where marks are.
func (l *letters) count(ctx context.Context) (int64, []marks.Foreign, error) {
	known, err := l.Marks(ctx)
	if err != nil {
		return 0, nil, err
	}
	seed, open := maphash.MakeSeed(), map[uint64]struct{}{}
	_, err = l.scan(ctx, l.topic, func(r *kgo.Record) {
		one := ParseLetter(r)
		if one.connector == l.connector && !known.Done(one.ID) {
			var h maphash.Hash
			h.SetSeed(seed)
			fmt.Fprintf(&h, "%s/%d/%d/%d/", one.Record.Topic, one.Record.Partition, one.Record.Offset, len(one.Record.Key))
			h.Write(one.Record.Key)
			h.Write(one.Record.Value)
			open[h.Sum64()] = struct{}{}
		}
	})
	return int64(len(open)), known.Foreign(), err
}

// ends says where the topics of letters and of marks end now, to tell whether there is anything new.
func (l *letters) ends(ctx context.Context) (string, error) {
	found, err := kadm.NewClient(l.client).ListEndOffsets(ctx, l.topic, MarkTopic(l.topic))
	if err != nil {
		return "", err
	}
	var text strings.Builder
	for _, o := range found.Offsets().Sorted() {
		fmt.Fprintf(&text, "%s/%d@%d ", o.Topic, o.Partition, o.At)
	}
	return text.String(), nil
}

const (
	// countAfter is how often the number of open letters is brought up to date, countRest how much
	// longer than a count took the next one waits at least.
	countAfter = 3 * time.Second
	countRest  = 20
)

// CountLetters keeps the number of open letters on the board until ctx ends. One task of a
// connector does, since all have one topic.
func (t *Outbox) CountLetters(ctx context.Context) {
	counted, wait := "", time.Duration(0)
	for {
		select {
		case <-ctx.Done():
			return
		case <-time.After(wait):
		}
		wait = countAfter
		ends, err := t.letters.ends(ctx)
		if err != nil || ends == counted {
			continue
		}
		begun := time.Now()
		if n, foreign, err := t.letters.count(ctx); err == nil {
			t.board.Open(n)
			t.foreign(foreign)
			counted = ends
		}
		wait = max(wait, countRest*time.Since(begun))
	}
}

// foreign tells of records that are no marks where marks are, and takes that back when they are gone.
func (t *Outbox) foreign(found []marks.Foreign) {
	topic := MarkTopic(t.letters.topic)
	if len(found) == 0 {
		t.board.Withdraw(status.MarkForeign, topic, "")
		return
	}
	var where []string
	for _, f := range found {
		where = append(where, fmt.Sprintf("offset %d of partition %d with key %q (%s)", f.Offset, f.Partition,
			f.Key, f.Reason))
	}
	t.board.Tell(&status.Notice{
		Kind: status.MarkForeign, Topic: topic,
		Summary: fmt.Sprintf(
			"topic %s, which says what became of dead letters, has records that no sink has written; they are passed over: %s",
			topic, strings.Join(where, "; ")),
		Remedy: "Find out who writes there. A record without a value under the same key in the same partition removes one; dead letters can be replayed and discarded meanwhile",
	})
}

// Marks reads what became of letters.
func (l *letters) Marks(ctx context.Context) (*marks.Marks, error) {
	of, err := l.topicID(ctx)
	if err != nil {
		return nil, err
	}
	known := &marks.Marks{Of: of}
	ends, err := l.scan(ctx, MarkTopic(l.topic), func(r *kgo.Record) { known.Read(r.Partition, r.Offset, r.Key, r.Value) })
	if err != nil {
		return nil, err
	}
	known.Ended(ends[marks.Partition])
	return known, nil
}

// topicID is the id of the topic of letters; empty where brokers give none, or before there is one.
func (l *letters) topicID(ctx context.Context) (string, error) {
	topics, err := kadm.NewClient(l.client).ListTopics(ctx, l.topic)
	if err != nil {
		return "", fmt.Errorf("looking for topic %s: %w", l.topic, err)
	}
	if id := topics[l.topic].ID; id != (kadm.TopicID{}) {
		return id.String(), nil
	}
	return "", nil
}

func ParseLetter(r *kgo.Record) Letter {
	own := &kgo.Record{Key: r.Key, Value: r.Value, Timestamp: r.Timestamp}
	one := Letter{ID: letterID(r.Partition, r.Offset), Record: own}
	var stage, exception string
	for _, h := range r.Headers {
		value := string(h.Value)
		switch h.Key {
		case HeaderTopic:
			own.Topic = value
		case HeaderPartition:
			n, _ := strconv.ParseInt(value, 10, 32)
			own.Partition = int32(n)
		case HeaderOffset:
			own.Offset, _ = strconv.ParseInt(value, 10, 64)
		case HeaderConnector:
			one.connector = value
		case HeaderTask:
			n, _ := strconv.ParseInt(value, 10, 32)
			one.task = int32(n)
		case headerStage:
			stage = value
		case headerException:
			exception = value
		case HeaderMessage:
			one.reason = value
		case HeaderClass:
			one.rejection.class = value
		case headerCode:
			one.rejection.code = value
		case headerPermanent:
			one.rejection.permanent = value == "true"
		case HeaderColumn:
			one.rejection.column = value
		}
		if !ownHeader(h.Key) {
			own.Headers = append(own.Headers, h)
		}
	}
	if one.rejection.class == "" && stage == "TASK_PUT" { // written before letters had a class
		one.rejection.class, one.rejection.code = classRefused, exception
	}
	return one
}

func letterID(partition int32, offset int64) string { return fmt.Sprintf("%d/%d", partition, offset) }

// CompareIDs orders ids as their topic does.
func CompareIDs(a, b string) int {
	ap, ao, _ := marks.ParseID(a)
	bp, bo, _ := marks.ParseID(b)
	return cmp.Or(cmp.Compare(ap, bp), cmp.Compare(ao, bo))
}

func (one *Letter) matches(f *sinkv1.DeadLetterFilter) bool {
	chosen := func(id string) bool { return slices.Contains(f.GetIds(), id) }
	return (len(f.GetIds()) == 0 || chosen(one.ID) || slices.ContainsFunc(one.copies, chosen)) &&
		(f.GetTopic() == "" || f.GetTopic() == one.Record.Topic) &&
		(f.GetReason() == "" || strings.Contains(one.reason, f.GetReason())) &&
		(f.GetClass() == 0 || f.GetClass() == one.rejection.shown())
}

// scan reads a topic from its beginning to its present end, and returns where each partition ends.
// A topic that does not exist has no records.
func (l *letters) scan(ctx context.Context, topic string, each func(*kgo.Record)) (map[int32]int64, error) {
	ends, err := kadm.NewClient(l.client).ListEndOffsets(ctx, topic)
	if err != nil {
		return nil, fmt.Errorf("reading the end of topic %s: %w", topic, err)
	}
	until := map[int32]int64{}
	ends.Each(func(o kadm.ListedOffset) {
		switch {
		case o.Err != nil && !errors.Is(o.Err, kerr.UnknownTopicOrPartition):
			err = errors.Join(err, fmt.Errorf("reading the end of partition %d of topic %s: %w", o.Partition, topic, o.Err))
		case o.Err == nil && o.Offset > 0:
			until[o.Partition] = o.Offset
		}
	})
	if err != nil {
		return nil, err
	}
	err = kafka.ReadUntil(ctx, l.plain, topic, nil, until, func(r *kgo.Record) {
		if !r.Attrs.IsControl() {
			each(r)
		}
	})
	if err != nil {
		return nil, fmt.Errorf("reading topic %s: %w", topic, err)
	}
	return until, nil
}

// noteBatch notes a batch that is about to be sent. It reports false if another writer was faster:
// then nothing is noted.
func (l *letters) noteBatch(ctx context.Context, b *marks.Batch) (bool, error) {
	value, err := b.Value()
	if err != nil {
		return false, err
	}
	noted, err := l.note(ctx, &kgo.Record{Key: b.Key(), Value: value})
	if err != nil {
		return false, fmt.Errorf("noting which dead letters are sent: %w", err)
	}
	return noted[0].Offset == b.At, nil
}

// endBatch notes a batch's end: that its rows are in the table, or that they were refused and its
// letters are free again.
func (l *letters) endBatch(ctx context.Context, b *marks.Batch, ingested bool) error {
	var records []*kgo.Record
	if ingested {
		var err error
		if records, err = done(slices.Concat(b.Letters, b.Copies), "replayed", b.Edited, b.Of); err != nil {
			return err
		}
	}
	if _, err := l.note(ctx, append(records, &kgo.Record{Key: b.Key()})...); err != nil {
		return fmt.Errorf("noting what became of dead letters: %w", err)
	}
	return nil
}

// MarkDone notes that letters of the topic with an id are done with.
func (l *letters) MarkDone(ctx context.Context, found []Letter, how, of string) error {
	var ids []string
	for _, one := range found {
		ids = append(append(ids, one.ID), one.copies...)
	}
	records, err := done(ids, how, nil, of)
	if err != nil {
		return err
	}
	if _, err := l.note(ctx, records...); err != nil {
		return fmt.Errorf("noting dead letters as %s: %w", how, err)
	}
	return nil
}

func done(ids []string, how string, edited []string, of string) ([]*kgo.Record, error) {
	records := make([]*kgo.Record, len(ids))
	for i, id := range ids {
		value, err := json.Marshal(struct {
			As     string `json:"as"`
			At     string `json:"at"`
			Edited bool   `json:"edited,omitempty"`
			Of     string `json:"of,omitempty"`
		}{how, time.Now().UTC().Format(time.RFC3339), slices.Contains(edited, id), of})
		if err != nil {
			return nil, err
		}
		records[i] = &kgo.Record{Key: []byte(id), Value: value}
	}
	return records, nil
}

// note appends to the marks, making their topic where it is missing.
func (l *letters) note(ctx context.Context, records ...*kgo.Record) ([]*kgo.Record, error) {
	topic, compact := MarkTopic(l.topic), "compact"
	if err := makeTopic(ctx, l.client, topic, -1, map[string]*string{"cleanup.policy": &compact}); err != nil {
		return nil, err
	}
	writer, err := kafka.NewWriter(func(first, last []kgo.Opt) (*kgo.Client, error) {
		return l.connect(append(first, kgo.RecordPartitioner(kgo.ManualPartitioner())), last)
	})
	if err != nil {
		return nil, err
	}
	defer writer.Close()
	for _, r := range records {
		r.Topic, r.Partition = topic, marks.Partition
	}
	return records, writer.Write(ctx, records...)
}
