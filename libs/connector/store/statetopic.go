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
// connector's name (["connector",…]). It returns the last committed record of each key. A worker
// has one StateTopic for each such topic, however many of its tasks ask at once: all who ask while
// it is being read are served by the next reading, and a reading starts where the one before ended.
//
// Open transactions of other connectors keep nobody waiting. They would hold up a consumer of
// committed records: after a worker is killed, until its transactions time out. Instead the topic
// is read uncommitted, and records are kept aside, by producer, until the marker of their
// transaction decides about them.
//
// Commit and owner's life. A task commits its rows and the offset after them in one transaction.
// Its owner may end at any moment of that, and the next owner must begin with exactly what was
// committed. These are the moments, with A as the previous owner and B as the next one:
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
// The second is why a reader, once it has come to the end, waits for each open transaction that has
// written something of its connector. After B's producer has fenced A, nobody can begin another
// such transaction, so that the coordinator ends the wait in moments. If no coordinator knows the
// transaction (kafka.HangingTransaction) it would never end, and that is reported instead. Without
// the wait, B would read the offset before and write again what is committed a moment later.
// Transactions of other connectors are not waited for: their offsets are not B's.
type StateTopic struct {
	topic  string
	client func(...kgo.Opt) (*kgo.Client, error)
	// keep is how long records stay in memory while nobody asks for them; for ever if 0.
	keep time.Duration

	mu sync.Mutex
	// under is the reading under way, and next the one after it, which serves callers from now on.
	// Both may be nil.
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

// of returns the records of one connector by their keys, up to the end of the topic at the call. It
// waits for open transactions that wrote some of them. The error is kerr.UnknownTopicOrPartition if
// the topic does not exist.
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

// All returns the values of all connectors, up to the end of the topic at the call; open
// transactions are left out.
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

// doubtInterval is how often, while a transaction is waited for, the brokers are asked whether
// anybody will end it.
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

// hanging returns the transaction if nobody will end it; nil if somebody will.
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

// Follow reads on at every interval, once somebody has asked, so that little is left to read when
// many ask at once.
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

// read waits for the end of a reading that began after the call.
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

// leave is called by a caller that no longer waits; it ends a reading for which nobody waits.
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

// Limits of a fetch, in bytes: besides the records that are kept, a reading has no more in memory
// than what the broker sends at once.
const (
	readAtOnce          = 8 << 20
	readOfPartitionOnce = 1 << 20
)

// readOn reads from where the last reading ended to the present end of the topic.
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

// plan returns the offsets from which and up to which each partition is to be read. A topic that
// was recreated is read from its start.
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
