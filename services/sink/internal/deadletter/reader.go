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

	"github.com/calypso-cdc/calypso/libs/kafka"
	"github.com/calypso-cdc/calypso/services/sink/internal/resolution"
	"github.com/calypso-cdc/calypso/services/sink/internal/retry"
	"github.com/calypso-cdc/calypso/services/sink/internal/status"
)

// ResolvedTopic is the compacted topic beside a dead letter topic that says what became of its letters.
func ResolvedTopic(dead string) string { return dead + "-resolved" }

// Letter is one dead letter as read from its topic.
type Letter struct {
	ID string
	// copies are the ids of later letters about the same record: a task that dies before it commits
	// writes its letters again.
	copies    []string
	Record    *kgo.Record // as it was in its own topic, headers included
	Reason    string
	Rejection Rejection
	Connector string
	Task      int32
	// edited is set where the record's value is the caller's.
	edited bool
}

// Read returns the connector's dead letters that are not done with, in the order of their topic,
// and what is known of their resolution.
func (l *topicClient) Read(ctx context.Context, filter Filter) ([]Letter, *resolution.Log, error) {
	known, err := l.Resolutions(ctx)
	if err != nil {
		return nil, nil, err
	}
	var found []*Letter
	byPosition := map[string]*Letter{}
	_, err = l.scan(ctx, l.topic, func(r *kgo.Record) {
		one := ParseLetter(r)
		if one.Connector != l.connector || known.Done(one.ID) {
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
		if filter.matches(one) {
			matching = append(matching, *one)
		}
	}
	return matching, known, nil
}

// count says how many of the connector's letters are not done with, each record once, and which
// records of the log of resolutions no sink has written.
func (l *topicClient) count(ctx context.Context) (int64, []resolution.Foreign, error) {
	known, err := l.Resolutions(ctx)
	if err != nil {
		return 0, nil, err
	}
	seed, open := maphash.MakeSeed(), map[uint64]struct{}{}
	_, err = l.scan(ctx, l.topic, func(r *kgo.Record) {
		one := ParseLetter(r)
		if one.Connector == l.connector && !known.Done(one.ID) {
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

// ends returns where the topics of letters and of their resolutions end now, to find out whether
// there is anything new.
func (l *topicClient) ends(ctx context.Context) (string, error) {
	found, err := kadm.NewClient(l.client).ListEndOffsets(ctx, l.topic, ResolvedTopic(l.topic))
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
	// countAfter is how often the number of open letters is updated. The next count waits at least
	// countRest times as long as the last one took.
	countAfter = 3 * time.Second
	countRest  = 20
)

// CountLetters keeps the number of open letters in the status until ctx ends. One task of a
// connector does, since all have one topic.
func (r *Reporter) CountLetters(ctx context.Context) {
	counted, wait := "", time.Duration(0)
	for {
		select {
		case <-ctx.Done():
			return
		case <-time.After(wait):
		}
		wait = countAfter
		ends, err := r.topic.ends(ctx)
		if err != nil || ends == counted {
			continue
		}
		begun := time.Now()
		if n, foreign, err := r.topic.count(ctx); err == nil {
			r.status.Open(n)
			r.foreign(foreign)
			counted = ends
		}
		wait = max(wait, countRest*time.Since(begun))
	}
}

// foreign reports records in the log of resolutions that no sink has written, and withdraws the
// notice when they are gone.
func (r *Reporter) foreign(found []resolution.Foreign) {
	topic := ResolvedTopic(r.topic.topic)
	if len(found) == 0 {
		r.status.Notices.Withdraw(status.MarkForeign, topic, "")
		return
	}
	var where []string
	for _, f := range found {
		where = append(where, fmt.Sprintf("offset %d of partition %d with key %q (%s)", f.Offset, f.Partition,
			f.Key, f.Reason))
	}
	r.status.Notices.Tell(&status.Notice{
		Kind: status.MarkForeign, Topic: topic,
		Summary: fmt.Sprintf(
			"topic %s, which says what became of dead letters, has records that no sink has written; they are passed over: %s",
			topic, strings.Join(where, "; ")),
		Remedy: "Find out who writes there. A record without a value under the same key in the same partition removes one; dead letters can be replayed and discarded meanwhile",
	})
}

// Resolutions reads what became of letters.
func (l *topicClient) Resolutions(ctx context.Context) (*resolution.Log, error) {
	of, err := l.topicID(ctx)
	if err != nil {
		return nil, err
	}
	known := &resolution.Log{Of: of}
	ends, err := l.scan(ctx, ResolvedTopic(l.topic), func(r *kgo.Record) {
		known.Read(r.Partition, r.Offset, r.Key, r.Value)
	})
	if err != nil {
		return nil, err
	}
	known.Ended(ends[resolution.Partition])
	return known, nil
}

// topicID is the id of the topic of letters; empty where brokers give none, or before there is one.
func (l *topicClient) topicID(ctx context.Context) (string, error) {
	topics, err := kadm.NewClient(l.client).ListTopics(ctx, l.topic)
	if err != nil {
		return "", fmt.Errorf("look for topic %s: %w", l.topic, err)
	}
	if id := topics[l.topic].ID; id != (kadm.TopicID{}) {
		return id.String(), nil
	}
	return "", nil
}

// ParseLetter reads a record of a dead letter topic as a letter, whoever wrote it.
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
			one.Connector = value
		case HeaderTask:
			n, _ := strconv.ParseInt(value, 10, 32)
			one.Task = int32(n)
		case headerStage:
			stage = value
		case headerException:
			exception = value
		case HeaderMessage:
			one.Reason = value
		case HeaderClass:
			one.Rejection.Class = Class(value)
		case headerCode:
			one.Rejection.Code = value
		case headerPermanent:
			one.Rejection.Permanent = value == "true"
		case HeaderColumn:
			one.Rejection.Column = value
		}
		if !ownHeader(h.Key) {
			own.Headers = append(own.Headers, h)
		}
	}
	if one.Rejection.Class == "" && stage == "TASK_PUT" { // written before letters had a class
		one.Rejection.Class, one.Rejection.Code = ClassRefused, exception
	}
	return one
}

func letterID(partition int32, offset int64) string { return fmt.Sprintf("%d/%d", partition, offset) }

// CompareIDs orders ids as their topic does.
func CompareIDs(a, b string) int {
	ap, ao, _ := resolution.ParseID(a)
	bp, bo, _ := resolution.ParseID(b)
	return cmp.Or(cmp.Compare(ap, bp), cmp.Compare(ao, bo))
}

// scan reads a topic from its beginning to its present end, and returns where each partition ends.
// A topic that does not exist has no records.
func (l *topicClient) scan(ctx context.Context, topic string, each func(*kgo.Record)) (map[int32]int64, error) {
	ends, err := kadm.NewClient(l.client).ListEndOffsets(ctx, topic)
	if err != nil {
		return nil, fmt.Errorf("read the end of topic %s: %w", topic, err)
	}
	until := map[int32]int64{}
	ends.Each(func(o kadm.ListedOffset) {
		switch {
		case o.Err != nil && !errors.Is(o.Err, kerr.UnknownTopicOrPartition):
			err = errors.Join(err, fmt.Errorf("read the end of partition %d of topic %s: %w", o.Partition, topic, o.Err))
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
		return nil, fmt.Errorf("read topic %s: %w", topic, err)
	}
	return until, nil
}

// noteBatch notes a batch that is about to be sent. It reports false, and notes nothing, if another
// writer was faster.
func (l *topicClient) noteBatch(ctx context.Context, b *resolution.Batch) (bool, error) {
	value, err := b.Value()
	if err != nil {
		return false, err
	}
	noted, err := l.note(ctx, &kgo.Record{Key: b.Key(), Value: value})
	if err != nil {
		return false, fmt.Errorf("note which dead letters are sent: %w", err)
	}
	return noted[0].Offset == b.At, nil
}

// arrived notes that a batch's rows are in the table.
func (l *topicClient) arrived(ctx context.Context, b *resolution.Batch) error {
	records, err := done(slices.Concat(b.Letters, b.Copies), "replayed", b.Edited, b.Of)
	if err != nil {
		return err
	}
	return l.end(ctx, b, records)
}

// freed notes that a batch's rows were refused: its letters can be replayed again.
func (l *topicClient) freed(ctx context.Context, b *resolution.Batch) error {
	return l.end(ctx, b, nil)
}

// end notes what became of a batch's letters, and with it that the batch is no longer under way.
func (l *topicClient) end(ctx context.Context, b *resolution.Batch, records []*kgo.Record) error {
	if _, err := l.note(ctx, append(records, &kgo.Record{Key: b.Key()})...); err != nil {
		return fmt.Errorf("note what became of dead letters: %w", err)
	}
	return nil
}

// Resolve notes that letters of the topic with an id are done with.
func (l *topicClient) Resolve(ctx context.Context, found []Letter, how, of string) error {
	var ids []string
	for _, one := range found {
		ids = append(append(ids, one.ID), one.copies...)
	}
	records, err := done(ids, how, nil, of)
	if err != nil {
		return err
	}
	if _, err := l.note(ctx, records...); err != nil {
		return fmt.Errorf("note dead letters as %s: %w", how, err)
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

// note appends to the log of resolutions, making its topic where it is missing. A topic that forgets
// is refused: letters that were replayed would be open again, and be replayed twice.
func (l *topicClient) note(ctx context.Context, records ...*kgo.Record) ([]*kgo.Record, error) {
	topic, compact := ResolvedTopic(l.topic), "compact"
	if err := makeTopic(ctx, l.client, topic, -1, map[string]*string{"cleanup.policy": &compact}); err != nil {
		return nil, err
	}
	forgetful, err := kafka.Forgetful(ctx, kadm.NewClient(l.client), topic)
	if err != nil {
		return nil, err
	}
	if policy := forgetful[topic]; policy != "" {
		return nil, retry.Permanent(fmt.Errorf(
			"topic %s has cleanup.policy=%s, so that what became of dead letters would be forgotten after its retention: %s",
			topic, policy, kafka.CompactRemedy(topic)))
	}
	writer, err := kafka.NewWriter(func(first, last []kgo.Opt) (*kgo.Client, error) {
		return l.connect(append(first, kgo.RecordPartitioner(kgo.ManualPartitioner())), last)
	})
	if err != nil {
		return nil, err
	}
	defer writer.Close()
	for _, r := range records {
		r.Topic, r.Partition = topic, resolution.Partition
	}
	return records, writer.Write(ctx, records...)
}
