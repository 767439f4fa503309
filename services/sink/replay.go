package sink

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"hash/fnv"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/types/known/timestamppb"

	sinkv1 "github.com/calypso-cdc/calypso/gen/calypso/sink/v1"
	"github.com/calypso-cdc/calypso/libs/kusto"
	"github.com/calypso-cdc/calypso/services/sink/internal/row"
)

const (
	defaultLetters = 100
	maxLetters     = 1000
)

// A dead letter that is replayed or discarded is noted in a compacted topic beside the dead letter topic, by its id.
func resolvedTopic(dead string) string { return dead + "-resolved" }

// letter is one dead letter as read from its topic.
type letter struct {
	id     string
	record *kgo.Record // as it was in its own topic, headers included
	reason string
}

// read returns the connector's dead letters that are not resolved, oldest first. A record that became a letter twice, in a crash,
// counts once.
func (l *letters) read(ctx context.Context, filter *sinkv1.DeadLetterFilter) ([]letter, error) {
	resolved := map[string]bool{}
	if err := l.scan(ctx, resolvedTopic(l.topic), func(r *kgo.Record) { resolved[string(r.Key)] = true }); err != nil {
		return nil, err
	}
	var found []letter
	seen := map[string]bool{}
	err := l.scan(ctx, l.topic, func(r *kgo.Record) {
		one, connector := parseLetter(r)
		position := fmt.Sprintf("%s/%d/%d", one.record.Topic, one.record.Partition, one.record.Offset)
		if connector != l.connector || seen[position] || resolved[one.id] {
			return
		}
		seen[position] = true
		if matches(one, filter) {
			found = append(found, one)
		}
	})
	return found, err
}

func parseLetter(r *kgo.Record) (one letter, connector string) {
	own := &kgo.Record{Key: r.Key, Value: r.Value, Timestamp: r.Timestamp}
	one = letter{id: fmt.Sprintf("%d/%d", r.Partition, r.Offset), record: own}
	for _, h := range r.Headers {
		switch h.Key {
		case headerTopic:
			own.Topic = string(h.Value)
		case headerPartition:
			n, _ := strconv.ParseInt(string(h.Value), 10, 32)
			own.Partition = int32(n)
		case headerOffset:
			own.Offset, _ = strconv.ParseInt(string(h.Value), 10, 64)
		case headerConnector:
			connector = string(h.Value)
		case headerMessage:
			one.reason = string(h.Value)
		}
		if !ownHeader(h.Key) {
			own.Headers = append(own.Headers, h)
		}
	}
	return one, connector
}

func matches(one letter, f *sinkv1.DeadLetterFilter) bool {
	return (len(f.GetIds()) == 0 || slices.Contains(f.GetIds(), one.id)) &&
		(f.GetTopic() == "" || f.GetTopic() == one.record.Topic) &&
		(f.GetReason() == "" || strings.Contains(one.reason, f.GetReason()))
}

// scan reads a topic from its beginning to its present end. A topic that does not exist has no records.
func (l *letters) scan(ctx context.Context, topic string, each func(*kgo.Record)) error {
	ends, err := kadm.NewClient(l.client).ListEndOffsets(ctx, topic)
	if err != nil {
		return fmt.Errorf("reading the end of topic %s: %w", topic, err)
	}
	starts := map[int32]kgo.Offset{}
	left := map[int32]int64{}
	ends.Each(func(o kadm.ListedOffset) {
		if o.Err == nil && o.Offset > 0 {
			starts[o.Partition], left[o.Partition] = kgo.NewOffset().AtStart(), o.Offset
		}
	})
	if len(left) == 0 {
		return nil
	}
	client, err := l.connect(kgo.ConsumePartitions(map[string]map[int32]kgo.Offset{topic: starts}))
	if err != nil {
		return err
	}
	defer client.Close()
	for len(left) > 0 {
		wait, cancel := context.WithTimeout(ctx, 5*time.Second)
		fetches := client.PollFetches(wait)
		cancel()
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		if fetches.NumRecords() == 0 {
			for _, f := range fetches.Errors() {
				if !errors.Is(f.Err, context.DeadlineExceeded) {
					return fmt.Errorf("reading topic %s: %w", topic, f.Err)
				}
			}
			return nil // the last offsets hold no records any more
		}
		fetches.EachRecord(func(r *kgo.Record) {
			if end, ok := left[r.Partition]; ok && r.Offset < end {
				each(r)
				if r.Offset == end-1 {
					delete(left, r.Partition)
				}
			}
		})
	}
	return nil
}

// resolve notes that letters are done with.
func (l *letters) resolve(ctx context.Context, found []letter, how string) error {
	compact := "compact"
	if err := makeTopic(ctx, l.client, resolvedTopic(l.topic), -1, map[string]*string{"cleanup.policy": &compact}); err != nil {
		return err
	}
	records := make([]*kgo.Record, len(found))
	for i, one := range found {
		value, err := json.Marshal(map[string]string{"as": how, "at": time.Now().UTC().Format(time.RFC3339)})
		if err != nil {
			return err
		}
		records[i] = &kgo.Record{Topic: resolvedTopic(l.topic), Key: []byte(one.id), Value: value}
	}
	if err := l.client.ProduceSync(ctx, records...).FirstErr(); err != nil {
		return fmt.Errorf("noting dead letters as %s: %w", how, err)
	}
	return nil
}

// replay ingests letters, those of a topic together, and returns those that were refused again.
func (t *task) replay(ctx context.Context, found []letter) (done, refused []letter, err error) {
	if len(found) == 0 {
		return nil, nil, nil
	}
	if err := t.persist(ctx, t.tables.probe); err != nil {
		return nil, nil, err
	}
	byTopic := map[string][]letter{}
	for _, one := range found {
		byTopic[one.record.Topic] = append(byTopic[one.record.Topic], one)
	}
	for topic, those := range byTopic {
		to, err := t.tables.of(ctx, topic)
		if err != nil {
			return done, refused, err
		}
		ingested, again, err := t.replayTo(ctx, to, those)
		done, refused = append(done, ingested...), append(refused, again...)
		if err != nil {
			return done, refused, err
		}
	}
	return done, refused, nil
}

func (t *task) replayTo(ctx context.Context, to *target, those []letter) (done, refused []letter, err error) {
	if err := to.look(ctx); err != nil { // the user has probably mended the table
		return nil, nil, err
	}
	b := &batch{}
	enc := row.NewEncoder(t.s.newRows(to.route), to.rows())
	names := fnv.New64a()
	for _, one := range those {
		if err := b.add(enc, one.record, &t.zippers); err != nil {
			one.reason = err.Error()
			refused = append(refused, one)
			continue
		}
		_, _ = names.Write([]byte(one.id + ";"))
		done = append(done, one)
	}
	b.close(&t.zippers)
	if b.rows == 0 {
		return done, refused, nil
	}
	// The same letters have the same tag, so a replay that was interrupted before it was noted can be repeated.
	err = t.send(ctx, to, b, fmt.Sprintf("%s/%016x", t.s.deadTopic, names.Sum64()))
	switch {
	case err == nil:
		return done, refused, nil
	case !rowsRefused(err):
		return nil, refused, err
	case len(done) == 1:
		done[0].reason = err.Error()
		return nil, append(refused, done[0]), nil
	}
	halves := [][]letter{done[:len(done)/2], done[len(done)/2:]}
	done = nil
	for _, half := range halves {
		ingested, again, err := t.replayTo(ctx, to, half)
		done, refused = append(done, ingested...), append(refused, again...)
		if err != nil {
			return done, refused, err
		}
	}
	return done, refused, nil
}

// ListDeadLetters returns dead letters.
func (s *Service) ListDeadLetters(ctx context.Context, r *sinkv1.ListDeadLettersRequest) (*sinkv1.ListDeadLettersResponse, error) {
	d, err := s.open(ctx, r.GetConnector())
	if err != nil {
		return nil, err
	}
	defer d.close()
	found, err := d.letters.read(ctx, r.GetFilter())
	if err != nil {
		return nil, status.Error(codes.Unavailable, err.Error())
	}
	size := int(r.GetPageSize())
	if size <= 0 {
		size = defaultLetters
	}
	return &sinkv1.ListDeadLettersResponse{Total: int64(len(found)), Letters: show(found[:min(len(found), size, maxLetters)])}, nil
}

// ReplayDeadLetters ingests dead letters.
func (s *Service) ReplayDeadLetters(ctx context.Context, r *sinkv1.ReplayDeadLettersRequest) (*sinkv1.ReplayDeadLettersResponse, error) {
	d, found, err := s.choose(ctx, r.GetConnector(), r.GetFilter(), r.GetAll())
	if err != nil {
		return nil, err
	}
	defer d.close()
	done, refused, err := d.replay(ctx, found)
	if len(done) > 0 {
		err = errors.Join(err, d.letters.resolve(ctx, done, "replayed"))
	}
	if err != nil {
		return nil, status.Error(codes.Unavailable, err.Error())
	}
	return &sinkv1.ReplayDeadLettersResponse{Replayed: int64(len(done)), Refused: show(refused)}, nil
}

// DiscardDeadLetters marks dead letters as done with.
func (s *Service) DiscardDeadLetters(ctx context.Context, r *sinkv1.DiscardDeadLettersRequest) (*sinkv1.DiscardDeadLettersResponse, error) {
	d, found, err := s.choose(ctx, r.GetConnector(), r.GetFilter(), r.GetAll())
	if err != nil {
		return nil, err
	}
	defer d.close()
	if len(found) > 0 {
		if err := d.letters.resolve(ctx, found, "discarded"); err != nil {
			return nil, status.Error(codes.Unavailable, err.Error())
		}
	}
	return &sinkv1.DiscardDeadLettersResponse{Discarded: int64(len(found))}, nil
}

// desk is a task that is not run: what it takes to read and ingest dead letters, on whichever worker is asked.
type desk struct{ *task }

func (d desk) close() {
	d.letters.close()
	_ = d.client.Close() // nothing was left in it
}

// open makes a desk for a connector's dead letters.
func (s *Service) open(ctx context.Context, connector string) (_ *desk, err error) {
	env, values, err := s.environment(connector)
	if err != nil {
		return nil, err
	}
	t, err := newTask(env, values, s.options)
	if err != nil {
		return nil, status.Error(codes.FailedPrecondition, err.Error())
	}
	if t.s.deadTopic == "" {
		return nil, status.Errorf(codes.FailedPrecondition, "sink connector %q has no dead letter topic: set errors.deadletterqueue.topic.name", connector)
	}
	if t.client, err = kusto.New(t.s.kusto); err != nil {
		return nil, status.Error(codes.FailedPrecondition, err.Error())
	}
	t.tables = &tables{task: t, byTopic: map[string]*target{}}
	if t.letters, err = openLetters(ctx, t); err != nil {
		return nil, status.Error(codes.Unavailable, errors.Join(err, t.client.Close()).Error())
	}
	return &desk{t}, nil
}

// choose opens a desk with the letters that a call is about.
func (s *Service) choose(ctx context.Context, connector string, f *sinkv1.DeadLetterFilter, all bool) (*desk, []letter, error) {
	filtered := len(f.GetIds()) > 0 || f.GetTopic() != "" || f.GetReason() != ""
	if filtered == all {
		return nil, nil, status.Error(codes.InvalidArgument, "choose letters by a filter, or set all without a filter")
	}
	d, err := s.open(ctx, connector)
	if err != nil {
		return nil, nil, err
	}
	found, err := d.letters.read(ctx, f)
	if err != nil {
		d.close()
		return nil, nil, status.Error(codes.Unavailable, err.Error())
	}
	return d, found, nil
}

func show(found []letter) []*sinkv1.DeadLetter {
	out := make([]*sinkv1.DeadLetter, len(found))
	for i, one := range found {
		out[i] = &sinkv1.DeadLetter{
			Id: one.id, Topic: one.record.Topic, Partition: one.record.Partition, Offset: one.record.Offset,
			Key: one.record.Key, Value: one.record.Value, Reason: strings.ToValidUTF8(one.reason, "\uFFFD"), Time: timestamppb.New(one.record.Timestamp),
		}
		for _, h := range one.record.Headers {
			out[i].Headers = append(out[i].Headers, &sinkv1.Header{Key: strings.ToValidUTF8(h.Key, "\uFFFD"), Value: h.Value})
		}
	}
	return out
}
