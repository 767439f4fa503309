package capture

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"sync/atomic"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/calypso-cdc/calypso/libs/connector"
	"github.com/calypso-cdc/calypso/libs/failpoint"
)

// errFenced says that another worker runs the connector now.
var errFenced = errors.New("another worker has taken the connector over")

// producer writes batches and checkpoints to Kafka. Where the broker has transactions, both go in one, which may hold
// several batches: write opens it if none is open, commit ends it. Without transactions the checkpoint follows the
// acknowledged events, and a crash in between repeats the batch. It is used by one goroutine. After an error of write or
// commit nothing that was not durable is visible to readers of committed records, and the producer must not be used any more.
type producer struct {
	client        *kgo.Client
	topics        *topicMaker
	transactional bool
	// transactionalID fences: there is one a connector.
	transactionalID string
	offsetsTopic    string
	offsetKey       []byte
	// saved is the checkpoint that was written last. It is durable unless open says that it waits for commit.
	saved checkpoint
	open  bool
	fail  *failpoint.Set
	// blind says that the broker does not tell how far it is with the last transaction (see settle).
	blind  bool
	logger *slog.Logger

	failure atomic.Pointer[error] // the first failed record of the batch
	promise func(*kgo.Record, error)
}

// transactionTimeout is after how long the broker rolls back what a dead worker left open. Until then readers of
// committed records wait, among them connectors that start and share a partition of the offsets topic.
const transactionTimeout = 30 * time.Second

// newProducer connects and fences whatever ran the connector before: from its return on, only this producer can write
// with the connector's transactional id.
func newProducer(ctx context.Context, t *task) (*producer, error) {
	env, s, fail := t.env, t.settings, t.fail
	p := &producer{fail: fail, logger: env.Logger, offsetsTopic: env.OffsetsTopic, offsetKey: connector.OffsetKey(env.Connector, map[string]any{"server": s.prefix}), transactionalID: "calypso-" + env.Connector}
	limits := newTopicLimits(s.topics, s.producer.maxRequest)
	p.promise = func(r *kgo.Record, err error) {
		if err != nil {
			if errors.Is(err, kerr.MessageTooLarge) || errors.Is(err, kerr.RecordListTooLarge) {
				err = tooLarge(r, int(limits.batch(r.Topic)), err)
			}
			p.failure.CompareAndSwap(nil, &err)
		}
	}
	opts := []kgo.Opt{
		// The broker may answer the first request for a topic that was just made with "unknown"; the client then asks again
		// after this time, not after its default of 5 s.
		kgo.MetadataMinAge(50 * time.Millisecond),
		kgo.ProducerLinger(0), kgo.MaxBufferedRecords(4*s.batchEvents + 1000), kgo.DisableClientMetrics(),
		kgo.RecordPartitioner(kgo.StickyKeyPartitioner(nil)), kgo.ProducerBatchCompression(s.producer.compression...),
		// Large record batches cost the broker half as much a record. What a consumer gets to unpack at once is bounded by
		// the size of our own batch, which is flushed.
		kgo.StreamingCompression(),
		kgo.ProducerBatchMaxBytesFn(limits.batch), kgo.StopProducerOnDataLossDetected(),
	}
	if t.delivery == AtLeastOnce {
		if s.exactlyOnce == "required" {
			return nil, permanent("exactly.once.support=required, but this worker runs with exactly-once-source-support=disabled")
		}
		return p, p.withoutTransactions(env, limits, opts)
	}
	client, err := env.Kafka(append(opts, kgo.TransactionalID(p.transactionalID), kgo.TransactionTimeout(transactionTimeout), kgo.ConcurrentTransactionsBackoff(time.Millisecond))...)
	if err != nil {
		return nil, fmt.Errorf("make a Kafka client: %w", err)
	}
	_, _, err = client.ProducerID(ctx)
	switch {
	case err == nil:
		p.client, p.transactional = client, true
		p.topics = newTopicMaker(p.client, limits, env.UsedTopic)
		return p, nil
	case noTransactions(err):
		client.Close()
		if s.exactlyOnce == "required" {
			return nil, fmt.Errorf("start a transactional producer, which exactly.once.support=required demands: %w", err)
		}
		env.Logger.Warn("The broker has no transactions for this client: events are delivered at least once. After a crash the last batch can come twice; within a run the idempotent producer keeps it from that.", "error", err)
		return p, p.withoutTransactions(env, limits, opts)
	default:
		client.Close()
		return nil, fmt.Errorf("start a transactional producer: %w", err)
	}
}

// withoutTransactions makes an idempotent producer: nothing fences a predecessor but the slot, which has one reader.
func (p *producer) withoutTransactions(env connector.TaskEnv, limits *topicLimits, opts []kgo.Opt) (err error) {
	if p.client, err = env.Kafka(opts...); err != nil {
		return fmt.Errorf("make a Kafka client: %w", err)
	}
	p.topics = newTopicMaker(p.client, limits, env.UsedTopic)
	return nil
}

// noTransactions says whether an error means that transactions cannot be had, as opposed to not now.
func noTransactions(err error) bool {
	return errors.Is(err, kerr.UnsupportedVersion) || errors.Is(err, kerr.TransactionalIDAuthorizationFailed) || errors.Is(err, kerr.UnsupportedForMessageFormat)
}

// write sends a batch's records, and the checkpoint that they lead to, and waits until the broker has them: from then on
// the batch's memory is free, and readers of uncommitted records have what is in it.
func (p *producer) write(ctx context.Context, b *batch, next checkpoint) error {
	value, err := json.Marshal(&next)
	if err != nil {
		return fmt.Errorf("write the checkpoint: %w", err)
	}
	if err := p.writeOffset(ctx, b, p.offsetKey, value); err != nil {
		return err
	}
	p.saved = next
	return nil
}

// writeOffset is write with any offset; none is written if value is nil.
func (p *producer) writeOffset(ctx context.Context, b *batch, key, value []byte) error {
	if err := p.ensureTopics(ctx, b); err != nil {
		return err
	}
	if p.transactional && !p.open {
		if err := p.client.BeginTransaction(); err != nil {
			return fmt.Errorf("begin a Kafka transaction: %w", fenced(err))
		}
	}
	p.open = true
	now := time.Now() // else the client would ask the clock for each
	for i := range b.Records {
		b.Records[i].Timestamp = now
		p.client.Produce(ctx, &b.Records[i], p.promise)
	}
	if !p.transactional {
		if err := p.flush(ctx); err != nil {
			return err
		}
	}
	if value != nil {
		p.client.Produce(ctx, &kgo.Record{Topic: p.offsetsTopic, Key: key, Value: value}, p.promise)
	}
	return p.flush(ctx)
}

// commit makes everything that was written durable.
func (p *producer) commit(ctx context.Context) error {
	if p.transactional && p.open {
		p.fail.Pass("after_produce_before_commit")
		if err := p.client.EndTransaction(ctx, kgo.TryCommit); err != nil {
			return fmt.Errorf("commit a Kafka transaction: %w", fenced(err))
		}
	}
	p.open = false
	return nil
}

// durable says whether everything that was written is.
func (p *producer) durable() bool { return !p.open }

// deliver makes a batch and the checkpoint after it durable.
func (p *producer) deliver(ctx context.Context, b *batch, next checkpoint) error {
	if err := p.write(ctx, b, next); err != nil {
		return err
	}
	if err := p.commit(ctx); err != nil {
		return err
	}
	p.settle(ctx)
	return nil
}

// How long settle waits between two questions at first, and for how long it asks at most.
const (
	settlePause   = 300 * time.Microsecond
	settleLongest = 200 * time.Millisecond
)

// settle waits until the broker has written the markers of the last transaction, which it does after it has answered the
// commit. A transaction that begins before, Kafka 4 holds for add.partitions.to.txn.retry.backoff.ms, 20 ms by default (KIP-890);
// the markers take one or two. A broker that cannot be asked, or does not answer, costs those 20 ms and nothing else.
func (p *producer) settle(ctx context.Context) {
	if !p.transactional || p.blind {
		return
	}
	req := kmsg.NewPtrDescribeTransactionsRequest()
	req.TransactionalIDs = []string{p.transactionalID}
	for began, pause := time.Now(), settlePause; time.Since(began) < settleLongest; pause *= 2 {
		resp, err := req.RequestWith(ctx, p.client)
		if err != nil || len(resp.TransactionStates) != 1 {
			p.blind = errors.Is(err, kerr.UnsupportedVersion) || err == nil
			return
		}
		if err := kerr.ErrorForCode(resp.TransactionStates[0].ErrorCode); err != nil {
			p.blind = !kerr.IsRetriable(err)
			if p.blind {
				p.logger.Info("The broker does not tell the states of transactions: batches that follow each other closely may take 20 ms longer", "error", err)
			}
			return
		}
		if state := resp.TransactionStates[0].State; state != "PrepareCommit" && state != "PrepareAbort" {
			return
		}
		if !sleep(ctx, pause) {
			return
		}
	}
}

func (p *producer) ensureTopics(ctx context.Context, b *batch) error {
	last := ""
	for i := range b.Records {
		if t := b.Records[i].Topic; t != last {
			if err := p.topics.ensure(ctx, t); err != nil {
				return err
			}
			last = t
		}
	}
	return nil
}

// flush waits until all records are acknowledged. After a failed record it rolls the transaction back.
func (p *producer) flush(ctx context.Context) error {
	err := p.client.Flush(ctx)
	if failed := p.failure.Load(); failed != nil {
		err = *failed
	}
	if err == nil {
		return nil
	}
	if p.transactional && ctx.Err() == nil {
		abort, cancel := context.WithTimeout(ctx, 10*time.Second)
		defer cancel()
		// What cannot be rolled back now is by the next producer's fencing.
		_ = p.client.AbortBufferedRecords(abort)
		_ = p.client.EndTransaction(abort, kgo.TryAbort)
	}
	return fmt.Errorf("write records to Kafka: %w", fenced(err))
}

// fenced tells a lost ownership apart from other failures.
func fenced(err error) error {
	if errors.Is(err, kerr.InvalidProducerEpoch) || errors.Is(err, kerr.ProducerFenced) || errors.Is(err, kerr.InvalidProducerIDMapping) {
		return fmt.Errorf("%w: %w", errFenced, err)
	}
	return err
}

// load reads the checkpoint; nil if the connector has none.
func (p *producer) load(ctx context.Context, env connector.TaskEnv, prefix string) (*checkpoint, error) {
	offsets, err := env.Offsets(ctx)
	if err != nil {
		return nil, fmt.Errorf("read the connector's offsets: %w", err)
	}
	partition, err := json.Marshal(map[string]string{"server": prefix})
	if err != nil {
		return nil, err
	}
	raw, ok := offsets[string(partition)]
	if !ok || len(raw) == 0 || string(raw) == "null" {
		return nil, nil
	}
	c := new(checkpoint)
	if err := json.Unmarshal(raw, c); err != nil {
		return nil, fmt.Errorf("read the connector's offset %.200s: %w", raw, err)
	}
	p.saved = *c
	return c, nil
}

func (p *producer) close() { p.client.Close() }
