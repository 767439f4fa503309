package deliver

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync/atomic"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/calypso-cdc/calypso/libs/connector"
	"github.com/calypso-cdc/calypso/libs/failpoint"
	"github.com/calypso-cdc/calypso/libs/kafka"
	"github.com/calypso-cdc/calypso/services/capture/internal/retry"
)

// Config says how a producer is opened.
type Config struct {
	// Env names the connector and gives the clients of the broker.
	Env      connector.TaskEnv
	Settings Settings
	// AtLeastOnce does without transactions even where the broker has them.
	AtLeastOnce bool
	// Patience is how long to wait for the brokers to end the last transaction of the connector; 0 for
	// twice as long as they let one be open.
	Patience time.Duration
	// Fail kills the process at named places; nil for none.
	Fail *failpoint.Set
}

// Producer writes records, and the offset that they lead to, to Kafka. Where the broker has
// transactions, both go in one, which may hold several batches: Write opens it if none is open,
// Commit ends it. Without transactions the offset follows the acknowledged records, and a crash in
// between repeats the batch. It is used by one goroutine. After an error of Write or Commit nothing
// that was not durable is visible to readers of committed records, and the producer must not be
// used any more.
type Producer struct {
	client        *kgo.Client
	topics        *topicMaker
	limits        *kafka.TopicLimits
	transactional bool
	// transactionalID fences: there is one for each connector.
	transactionalID string
	offsetsTopic    string
	// open says that something was written that waits for Commit.
	open bool
	fail *failpoint.Set
	// blind says that the broker does not tell how far it is with the last transaction (see Settle).
	blind  bool
	logger *slog.Logger

	failure atomic.Pointer[error] // the first failed record of the batch
	promise func(*kgo.Record, error)
}

// transactionTimeout is after how long the broker rolls back what a dead worker left open. Until then readers of
// committed records wait, among them connectors that start and share a partition of the offsets topic.
const transactionTimeout = 30 * time.Second

const (
	// metadataAge is how long the client waits at least before it asks again for a topic that the
	// broker did not know: brokers learn of a topic some time after another one has created it. The
	// client's default is 5 s.
	metadataAge = 50 * time.Millisecond
	// unknownPatience is how long a topic may be unknown before writing to it fails, so that the next
	// session creates it again. It is a lower bound, since the client counts answers and not time.
	unknownPatience = 30 * time.Second
)

// Open connects and fences whatever ran the connector before: once it returns, only this producer
// can write with the connector's transactional id.
func Open(ctx context.Context, cfg Config) (*Producer, error) {
	env, s := cfg.Env, cfg.Settings
	limits := kafka.NewTopicLimits(s.Topics.planned, s.MaxRequest)
	p := &Producer{limits: limits, transactionalID: connector.TransactionalID(env.Connector),
		offsetsTopic: env.OffsetsTopic, fail: cfg.Fail, logger: env.Logger}
	p.promise = func(r *kgo.Record, err error) { // runs in a goroutine of the client's
		if err != nil {
			err = refused(r, limits, err)
			p.failure.CompareAndSwap(nil, &err)
		}
	}
	opts := []kgo.Opt{
		kgo.MetadataMinAge(metadataAge), kgo.UnknownTopicRetries(int(unknownPatience / metadataAge)),
		kgo.ProducerLinger(0), kgo.MaxBufferedRecords(4*s.BatchEvents + 1000), kgo.DisableClientMetrics(),
		kgo.RecordPartitioner(newPartitioner()), kgo.ProducerBatchCompression(s.Compression...),
		// Large record batches cost the broker half as much a record. What a consumer gets to unpack at once is bounded by
		// the size of our own batch, which is flushed.
		kgo.StreamingCompression(),
		kgo.ProducerBatchMaxBytesFn(limits.Known), kgo.StopProducerOnDataLossDetected(),
	}
	opts = append(opts, kafka.RequestOf(s.MaxRequest)...)
	if cfg.AtLeastOnce {
		if s.ExactlyOnceRequired {
			return nil,
				retry.Permanent("exactly.once.support=required, but this worker runs with exactly-once-source-support=disabled")
		}
		return p.withoutTransactions(ctx, env, s.Topics, opts)
	}
	client, err := env.Kafka(append(opts, kgo.TransactionalID(p.transactionalID),
		kgo.TransactionTimeout(transactionTimeout), kgo.ConcurrentTransactionsBackoff(time.Millisecond))...)
	if err != nil {
		return nil, fmt.Errorf("make a Kafka client: %w", err)
	}
	if err = haveTransactions(ctx, client); err == nil {
		err = fence(ctx, client, cmp.Or(cfg.Patience, 2*transactionTimeout))
	}
	switch {
	case err == nil:
		p.transactional = true
		return p.with(ctx, client, env, s.Topics), nil
	case noTransactions(err):
		client.Close()
		if s.ExactlyOnceRequired {
			return nil, fmt.Errorf("start a transactional producer, which exactly.once.support=required demands: %w", err)
		}
		env.Logger.Warn(
			"the broker has no transactions for this client: events are delivered at least once. After a crash the last batch can come twice; within a run the idempotent producer keeps it from that.", "err", err)
		return p.withoutTransactions(ctx, env, s.Topics, opts)
	default:
		client.Close()
		return nil, fmt.Errorf("start a transactional producer: %w", err)
	}
}

// fence ends what ran the connector before. The broker first ends the transaction of that, which it
// says nothing of while it cannot: after patience the error does, and the caller tries again.
func fence(ctx context.Context, client *kgo.Client, patience time.Duration) error {
	asked, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	_, _, err := client.ProducerID(asked)
	if err != nil && asked.Err() != nil && ctx.Err() == nil {
		return fmt.Errorf("the brokers have not ended the connector's last transaction within %v: their logs say why, such as "+
			"a topic of it that refuses their marks (message.timestamp.before.max.ms), or whose brokers are away: %w", patience, err)
	}
	return err
}

// withoutTransactions makes an idempotent producer: nothing fences a predecessor but the slot, which has one reader.
func (p *Producer) withoutTransactions(ctx context.Context, env connector.TaskEnv, groups TopicGroups,
	opts []kgo.Opt) (*Producer, error) {
	client, err := env.Kafka(opts...)
	if err != nil {
		return nil, fmt.Errorf("make a Kafka client: %w", err)
	}
	return p.with(ctx, client, env, groups), nil
}

// with completes the producer with its client.
func (p *Producer) with(ctx context.Context, client *kgo.Client, env connector.TaskEnv, groups TopicGroups) *Producer {
	p.client, p.topics = client, newTopicMaker(client, groups, p.limits, env)
	p.limits.AskRequests(ctx)
	return p
}

// haveTransactions asks the brokers whether they know the requests of transactions. A broker that
// does not may simply close the connection on which one is begun, and would then look like one that
// is away.
func haveTransactions(ctx context.Context, client *kgo.Client) error {
	versions, err := kadm.NewClient(client).ApiVersions(ctx)
	if err != nil {
		return fmt.Errorf("ask the brokers what they can do: %w", err)
	}
	for _, v := range versions.Sorted() {
		if v.Err != nil {
			return fmt.Errorf("ask broker %d what it can do: %w", v.NodeID, v.Err)
		}
		if !kafka.Transactions(v) {
			return fmt.Errorf("broker %d does not know transactions: %w", v.NodeID, kerr.UnsupportedVersion)
		}
	}
	return nil
}

// noTransactions reports whether the answer to the beginning of a transactional producer means that
// transactions are not available at all, as opposed to not now, or no longer for this producer. A
// service that knows the requests and has no transactions in the user's tier answers with any
// error.
func noTransactions(err error) bool {
	if _, answered := errors.AsType[*kerr.Error](err); !answered {
		return false
	}
	// Errors that doing without transactions would not avoid.
	for _, other := range []error{kerr.SaslAuthenticationFailed, kerr.UnsupportedSaslMechanism, kerr.IllegalSaslState,
		kerr.ClusterAuthorizationFailed, kerr.InvalidTransactionTimeout} {
		if errors.Is(err, other) {
			return false
		}
	}
	return !retry.KafkaTransient(err) && !errors.Is(fenced(err), retry.ErrFenced)
}

// Write sends records and the source offset that they lead to, and waits until the broker has them:
// from then on the caller may reuse the records' memory, and readers of uncommitted records see
// them. No offset is written if its value is nil. beside are records that the connector keeps in
// topics which exist already; they too are written before the offset.
func (p *Producer) Write(ctx context.Context, records []kgo.Record, key, value []byte, beside ...*kgo.Record) error {
	if err := p.ensureTopics(ctx, records); err != nil {
		return err
	}
	if p.transactional && !p.open {
		if err := p.client.BeginTransaction(); err != nil {
			return fmt.Errorf("begin a Kafka transaction: %w", fenced(err))
		}
	}
	p.open = true
	now := time.Now() // else the client would ask the clock for each
	for i := range records {
		if records[i].Timestamp.IsZero() {
			records[i].Timestamp = now
		}
		p.client.Produce(ctx, &records[i], p.promise)
	}
	for _, r := range beside {
		r.Partition = -1
		p.client.Produce(ctx, r, p.promise)
	}
	if !p.transactional {
		if err := p.flush(ctx); err != nil {
			return err
		}
	}
	if value != nil {
		p.client.Produce(ctx, &kgo.Record{Topic: p.offsetsTopic, Partition: -1, Key: key, Value: value}, p.promise)
	}
	return p.flush(ctx)
}

// Commit makes everything that was written durable.
func (p *Producer) Commit(ctx context.Context) error {
	if p.transactional && p.open {
		p.fail.Pass("after_produce_before_commit")
		if err := p.client.EndTransaction(ctx, kgo.TryCommit); err != nil {
			return fmt.Errorf("commit a Kafka transaction: %w", fenced(err))
		}
	}
	p.open = false
	return nil
}

// Durable reports whether everything that was written is.
func (p *Producer) Durable() bool { return !p.open }

// How long Settle waits between two questions at first, and for how long it asks at most.
const (
	settlePause   = 300 * time.Microsecond
	settleLongest = 200 * time.Millisecond
)

// Settle waits until the broker has written the markers of the last transaction, which it does
// after it has answered the commit. Kafka 4 holds up a transaction that begins earlier for
// add.partitions.to.txn.retry.backoff.ms, 20 ms by default (KIP-890); the markers take one or two.
// A broker that cannot be asked, or does not answer, costs those 20 ms and nothing else.
func (p *Producer) Settle(ctx context.Context) {
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
				p.logger.Info(
					"the broker does not tell the states of transactions: batches that follow each other closely may take 20 ms longer", "err", err)
			}
			return
		}
		if state := resp.TransactionStates[0].State; state != "PrepareCommit" && state != "PrepareAbort" {
			return
		}
		if !retry.Sleep(ctx, pause) {
			return
		}
	}
}

func (p *Producer) ensureTopics(ctx context.Context, records []kgo.Record) error {
	last := ""
	for i := range records {
		if t := records[i].Topic; t != last {
			if err := p.topics.ensure(ctx, t); err != nil {
				return err
			}
			last = t
		}
	}
	return nil
}

// flush waits until all records are acknowledged. After a failed record it rolls the transaction back.
func (p *Producer) flush(ctx context.Context) error {
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
		// If this fails, the transaction is rolled back when the next producer fences this one.
		_ = p.client.AbortBufferedRecords(abort)
		_ = p.client.EndTransaction(abort, kgo.TryAbort)
	}
	if p.transactional {
		return fmt.Errorf("write records to Kafka: %w", fenced(err))
	}
	return fmt.Errorf(
		"write records to Kafka: %w; without transactions, records of the failed batch that the broker took come again",
		fenced(err))
}

// fenced gives an error of the broker its class: ownership is lost (retry.ErrFenced), or a new
// producer will not have the failure (retry.Passing). Other errors stay as they are.
func fenced(err error) error {
	switch {
	case errors.Is(err, kerr.InvalidProducerEpoch), errors.Is(err, kerr.ProducerFenced):
		return fmt.Errorf("%w: %w", retry.ErrFenced, err)
	case errors.Is(err, kerr.InvalidProducerIDMapping):
		// The broker has forgotten the producer: it has written nothing for
		// transactional.id.expiration.ms, or a service was upgraded.
		return fmt.Errorf("%w: %w", retry.Passing("the broker has forgotten the producer"), err)
	case errors.Is(err, kerr.PolicyViolation):
		// Said to a write by services that throttle (Event Hubs).
		return fmt.Errorf("%w: %w", retry.Passing("the broker throttles writes"), err)
	}
	return err
}

// Transactional reports whether records and offsets go in transactions.
func (p *Producer) Transactional() bool { return p.transactional }

// Limits returns what is known about how large records may be.
func (p *Producer) Limits() *kafka.TopicLimits { return p.limits }

// Close ends the connections. A transaction that is still open is rolled back by the next producer.
func (p *Producer) Close() { p.client.Close() }
