package store

import (
	"bytes"
	"context"
	"fmt"
	"log/slog"
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/calypso-cdc/calypso/libs/contain"
	"github.com/calypso-cdc/calypso/libs/kafka"
)

// StateTopic is a compacted topic in which tasks keep their state, under keys that begin with the
// connector's name (["connector",…]): what is committed of it, the last record of each key. A
// worker has one of each such topic, whatever number of its tasks ask at once: those who ask while
// it is being read are all served by the next reading, and a reading takes up where the one before
// ended.
//
// What other connectors have not committed yet keeps nobody waiting, as it would a consumer of
// committed records, which a worker that was killed holds up until its transactions time out:
// records are held back by their producer until the marker of their transaction says what becomes
// of them.
//
// Commit and owner's life. A task commits its rows and the offset after them in one transaction, and its owner may end
// at any moment of that; the next owner must begin with exactly what was committed. These are the moments, A being the
// owner before and B the next one:
//
//	A ends before it asks for the commit         the offset is in the topic, its transaction open. B's producer, by the
//	                                             same transactional id, has the coordinator roll it back: B fences
//	                                             first, then reads, and finds the offset before. The rows come again,
//	                                             and A's are not committed.
//	A ends after it asked, the answer is lost    the coordinator finishes the commit, marker by marker, while B
//	                                             already reads. B may have read the offset's partition to its end
//	                                             before the marker was there: an end that is looked up says nothing of
//	                                             what is still open below it.
//	A is frozen, and thaws after B has begun     what A still writes is refused (it is fenced), since B's epoch is
//	                                             newer; what it had written is one of the two cases above.
//	the topic is made again meanwhile            what was open is decided with the topic that it was in.
//
// The second is why a reader waits for each transaction that has written something of its connector
// and is open when it has come to the end, however far it has read: after B's producer has fenced A
// there is nobody who could leave a new one, so that the wait ends with the coordinator, in
// moments, or never, if no coordinator knows the transaction (kafka.HangingTransaction), which is
// then said instead of waited for. Were it left out, B would read the offset before and write again
// what is committed a moment later. Transactions of others are not waited for: their offsets are
// not B's.
type StateTopic struct {
	topic  string
	client func(...kgo.Opt) (*kgo.Client, error)
	// keep is for how long the records stay in memory that nobody asks for; for ever if 0.
	keep time.Duration

	mu sync.Mutex
	// under is being read, and next will be after it: it serves callers from now on. Both may be
	// nil.
	under, next *reading
	idle        *time.Timer
	view        topicView
}

// reading is one reading of the topic up to its end.
type reading struct {
	waiting int
	done    chan struct{}
	cancel  context.CancelFunc // nil until it begins
	err     error              // valid once done is closed
}

// of returns the records of one connector by their keys, up to the end that the topic has at the
// call. Transactions that wrote some of them and are open are waited for. A topic that does not
// exist is kerr.UnknownTopicOrPartition.
func (t *StateTopic) of(ctx context.Context, name string) (map[string]kept, error) {
	if err := t.read(ctx); err != nil {
		return nil, err
	}
	for _, open := range t.openOf(name) {
		if err := t.await(ctx, name, open); err != nil {
			return nil, err
		}
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	records := map[string]kept{}
	for key, record := range t.view.owners[name] {
		copied := *record
		copied.value = bytes.Clone(record.value)
		records[key] = copied
	}
	return records, nil
}

// All returns the values that all connectors have, up to the end that the topic has at the call;
// what is not decided yet is left out.
func (t *StateTopic) All(ctx context.Context) ([][]byte, error) {
	if err := t.read(ctx); err != nil {
		return nil, err
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	var values [][]byte
	for _, records := range t.view.owners {
		for _, record := range records {
			values = append(values, bytes.Clone(record.value))
		}
	}
	return values, nil
}

// doubtInterval is how often a transaction that is waited for is looked at, whether anybody will end it.
const doubtInterval = 5 * time.Second

// await returns when a transaction is decided; its error is a kafka.HangingTransaction if nobody will decide it.
func (t *StateTopic) await(ctx context.Context, name string, open *transaction) error {
	failed := func(err error) error {
		return fmt.Errorf("read topic %s: wait for an open transaction of connector %s: %w", t.topic, name, err)
	}
	doubted := time.Now()
	for pause := time.Millisecond; !t.decided(open); pause = min(2*pause, 100*time.Millisecond) {
		select {
		case <-time.After(pause):
		case <-ctx.Done():
			return failed(ctx.Err())
		}
		if time.Since(doubted) >= doubtInterval {
			switch hanging, err := t.hanging(ctx, open); {
			case hanging != nil:
				return failed(hanging)
			case err != nil:
				slog.Warn("an open transaction of a connector is waited for, and the brokers cannot be asked whether it will end",
					"connector", name, "topic", t.topic, "partition", open.by.partition, "producer", open.by.producer, "err", err)
			default:
				slog.Info(
					"an open transaction of a connector is waited for; it ends, or is ended by the brokers when its time is over",
					"connector", name, "topic", t.topic, "partition", open.by.partition, "producer", open.by.producer)
			}
			doubted = time.Now()
		}
		if err := t.read(ctx); err != nil {
			return err
		}
	}
	return nil
}

// hanging reports whether nobody will end a transaction; nil if somebody will.
func (t *StateTopic) hanging(ctx context.Context, open *transaction) (*kafka.HangingTransaction, error) {
	c, err := t.client()
	if err != nil {
		return nil, err
	}
	defer c.Close()
	found, err := kafka.FindHanging(ctx, kadm.NewClient(c), t.topic)
	for _, h := range found {
		if h.Partition == open.by.partition && h.ProducerID == open.by.producer {
			return h, nil
		}
	}
	return nil, err
}

func (t *StateTopic) openOf(name string) (all []*transaction) {
	t.mu.Lock()
	defer t.mu.Unlock()
	for _, open := range t.view.open {
		if slices.ContainsFunc(open.records, func(r *kgo.Record) bool { return ownerOf(r.Key) == name }) {
			all = append(all, open)
		}
	}
	return all
}

func (t *StateTopic) decided(open *transaction) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	return open.decided
}

// Follow reads on every interval what somebody has asked for once, so that little is left to read
// when many ask at once.
func (t *StateTopic) Follow(ctx context.Context, interval time.Duration) {
	ticker := time.NewTicker(interval)
	defer ticker.Stop()
	for {
		select {
		case <-ticker.C:
		case <-ctx.Done():
			return
		}
		t.mu.Lock()
		asked := t.view.from != nil
		t.mu.Unlock()
		if asked {
			_ = t.read(ctx) // the next caller is told what is wrong
		}
	}
}

// read returns when a reading has ended that began after the call.
func (t *StateTopic) read(ctx context.Context) error {
	t.mu.Lock()
	r := t.next
	if r == nil {
		r = &reading{done: make(chan struct{})}
		t.next = r
	}
	r.waiting++
	if t.under == nil {
		t.begin()
	}
	t.mu.Unlock()
	select {
	case <-r.done:
		return r.err
	case <-ctx.Done():
		t.leave(r)
		return fmt.Errorf("read topic %s: %w", t.topic, ctx.Err())
	}
}

// leave ends a reading that nobody waits for.
func (t *StateTopic) leave(r *reading) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if r.waiting--; r.waiting > 0 {
		return
	}
	if r.cancel != nil {
		r.cancel()
	} else if r == t.next {
		t.next = nil
	}
}

// begin begins the next reading, if somebody waits for one; t.mu is held.
func (t *StateTopic) begin() {
	r := t.next
	t.under, t.next = r, nil
	if r == nil {
		t.rest()
		return
	}
	ctx, cancel := context.WithCancel(context.Background())
	r.cancel = cancel
	contain.Go("reader of a topic of state", func() {
		err := contain.Call("reading of a topic of state", func() error { return t.readOn(ctx) })
		cancel()
		t.mu.Lock()
		defer t.mu.Unlock()
		r.err = err
		close(r.done)
		t.begin()
	}, t.failed)
}

// rest forgets the records after a time in which nobody asks; t.mu is held.
func (t *StateTopic) rest() {
	if t.keep == 0 {
		return
	}
	if t.idle != nil {
		t.idle.Stop()
	}
	t.idle = time.AfterFunc(t.keep, func() { contain.Run("rest of a topic of state", t.forget, t.failed) })
}

func (t *StateTopic) forget() {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.under == nil {
		t.view = topicView{}
	}
}

func (t *StateTopic) failed(err error) {
	slog.Error("a state topic is no longer read; restart the worker", "topic", t.topic, "err", err)
}

// Limits of a reading, in bytes: what the broker sends at once is all that it has in memory besides
// the records that are kept.
const (
	readAtOnce          = 8 << 20
	readOfPartitionOnce = 1 << 20
)

// readOn reads from where the reading before ended to the end that the topic has now.
func (t *StateTopic) readOn(ctx context.Context) error {
	failed := func(err error) error { return fmt.Errorf("read topic %s: %w", t.topic, err) }
	from, until, err := t.plan(ctx)
	if err != nil {
		return failed(err)
	}
	err = kafka.ReadUntil(ctx, t.client, t.topic, from, until, func(r *kgo.Record) {
		t.mu.Lock()
		defer t.mu.Unlock()
		t.view.take(r)
	}, kgo.FetchIsolationLevel(kgo.ReadUncommitted()),
		kgo.FetchMaxBytes(readAtOnce), kgo.FetchMaxPartitionBytes(readOfPartitionOnce), kgo.BrokerMaxReadBytes(16*readAtOnce),
		kgo.MaxConcurrentFetches(1))
	if err != nil {
		return failed(err)
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	for partition, end := range until {
		t.view.from[partition] = max(t.view.from[partition], end) // the last records before it may be gone
	}
	return nil
}

// plan says from which offset until which each partition is to be read. A topic that was made again
// is read from its start.
func (t *StateTopic) plan(ctx context.Context) (from, until map[int32]int64, err error) {
	c, err := t.client()
	if err != nil {
		return nil, nil, err
	}
	defer c.Close()
	admin := kadm.NewClient(c)
	metadata, err := admin.Metadata(ctx, t.topic)
	if err != nil {
		return nil, nil, err
	}
	topic := metadata.Topics[t.topic]
	if topic.Err != nil {
		return nil, nil, topic.Err
	}
	starts, err := admin.ListStartOffsets(ctx, t.topic)
	if err == nil {
		err = starts.Error()
	}
	if err != nil {
		return nil, nil, err
	}
	ends, err := admin.ListEndOffsets(ctx, t.topic)
	if err == nil {
		err = ends.Error()
	}
	if err != nil {
		return nil, nil, err
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.view.from == nil || t.view.id != topic.ID {
		for _, open := range t.view.open {
			open.decided = true // with the topic that it was in
		}
		t.view = topicView{id: topic.ID, from: map[int32]int64{}, owners: map[string]map[string]*kept{},
			open: map[producing]*transaction{}}
	}
	until = map[int32]int64{}
	ends.Each(func(end kadm.ListedOffset) {
		start, _ := starts.Lookup(t.topic, end.Partition)
		t.view.from[end.Partition] = max(t.view.from[end.Partition], start.Offset)
		until[end.Partition] = end.Offset
	})
	return maps.Clone(t.view.from), until, nil
}
