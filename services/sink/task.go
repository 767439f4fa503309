package sink

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"math"
	"slices"
	"sync"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/calypso-cdc/calypso/services/sink/internal/batch"
	"github.com/calypso-cdc/calypso/services/sink/internal/deadletter"
	"github.com/calypso-cdc/calypso/services/sink/internal/ingest"
	"github.com/calypso-cdc/calypso/services/sink/internal/memory"
	"github.com/calypso-cdc/calypso/services/sink/internal/partition"
	"github.com/calypso-cdc/calypso/services/sink/internal/retry"
	"github.com/calypso-cdc/calypso/services/sink/internal/spec"
	"github.com/calypso-cdc/calypso/services/sink/internal/status"
	"github.com/calypso-cdc/calypso/services/sink/internal/target"

	sinkv1 "github.com/calypso-cdc/calypso/gen/calypso/sink/v1"
	"github.com/calypso-cdc/calypso/libs/connector"
	"github.com/calypso-cdc/calypso/libs/connector/catalogue"
	"github.com/calypso-cdc/calypso/libs/contain"
	"github.com/calypso-cdc/calypso/libs/kusto"
	"github.com/calypso-cdc/calypso/services/sink/internal/ledger"
)

// task is one member of the connector's consumer group. Its poll loop hands records to partitions
// and never waits for them.
type task struct {
	env   connector.TaskEnv
	s     *spec.Spec
	o     Options
	board *status.Task
	retry *retry.Retrier

	// ctx ends with the task, or with the first failure as its cause.
	ctx    context.Context
	cancel context.CancelCauseFunc

	client   *kusto.Client
	consumer *kgo.Client
	commits  *partition.Committer
	outbox   *deadletter.Outbox
	ingest   *ingest.Ingester
	tables   *target.Tables
	// unread is set while fetching fails, which failing says; the poll loop owns both.
	unread  bool
	failing status.Trouble
	memory  *memory.Share
	// wanted is signalled when a partition wants records again.
	wanted chan struct{}

	// ready is closed when consumer and commits are there: the group may assign partitions before.
	ready chan struct{}

	mu         sync.Mutex
	partitions map[batch.Source]*partition.Partition
	// topicIDs are the ids that brokers give topics; empty on brokers before Kafka 2.8.
	topicIDs map[string]string
	// anew are partitions to begin at their first record, since what is committed belongs to a deleted topic.
	anew map[batch.Source]bool

	// renewed are topics that this task has seen deleted: what is there under their names later was made anew.
	renewed map[string]bool

	// recalling are questions about what was before the task began; see recall and lastRows.
	recalling contain.Waiting
	// counting counts the partitions once.
	counting sync.Once

	// watched belongs to the poll loop.
	watched watched
}

func newTask(env connector.TaskEnv, v catalogue.Values, o Options) (*task, error) {
	s, err := spec.Parse(v, o.defaults())
	if err != nil {
		return nil, err
	}
	held := memory.NewShare(&o.Board.Memory)
	t := &task{env: env, s: s, o: o, board: status.NewProgress(env, held, s.Guarantee()), memory: held,
		ready: make(chan struct{}), wanted: make(chan struct{}, 1), partitions: map[batch.Source]*partition.Partition{},
		topicIDs: map[string]string{}, anew: map[batch.Source]bool{}, renewed: map[string]bool{},
		watched: watched{lost: map[string]bool{}}}
	t.retry = retry.New(t.board.Troubles, s.RetryLimit, s.MaxBackoff, env.Retrying, t.fail)
	return t, nil
}

// newIngester makes what brings batches into the tables.
func (t *task) newIngester() *ingest.Ingester {
	return &ingest.Ingester{
		Env: t.env, Spec: t.s, Client: t.client, Retry: t.retry, Memory: t.memory, Meters: t.o.meters, Tracer: t.o.Tracer,
		Failpoints: t.o.Failpoints,
		TopicID:    t.topicID, SetAside: t.outbox.SetAside,
	}
}

// newTables makes the tables of the task's connector.
func (t *task) newTables() *target.Tables {
	return target.New(target.Cluster{
		Ctx: t.ctx, Env: t.env, Spec: t.s, Client: t.client, Retry: t.retry, Board: t.board, Memory: t.memory,
		Meters: t.o.meters,
		Beside: func(name string, work func()) { t.recalling.Go(name, work, t.fail) },
	})
}

// Holds implements connector.Holder.
func (t *task) Holds() int64 { return t.memory.Held.Load() }

// Run consumes until ctx ends. What is committed is in the table; what is not is read again by whoever comes next.
func (t *task) Run(ctx context.Context) (err error) {
	t.ctx, t.cancel = context.WithCancelCause(ctx)
	defer t.cancel(nil)
	for _, w := range t.s.Warnings {
		t.env.Logger.Warn(w)
	}
	t.o.Board.Enter(t.board)
	defer t.o.Board.Leave(t.board)
	t.o.Board.Memory.Enter(t.s.BufferMemory)
	defer t.o.Board.Memory.Leave()
	if t.client, err = kusto.New(t.s.Kusto); err != nil {
		return err
	}
	defer func() { err = errors.Join(err, t.client.Close()) }()
	t.tables = t.newTables()
	if err := t.prepare(); err != nil {
		if ctx.Err() != nil {
			return nil
		}
		return err
	}
	defer t.outbox.Close()
	counting, stopCounting := context.WithCancel(t.ctx)
	var counter contain.Waiting
	if t.outbox.Keeps() && t.env.Task == 0 {
		counter.Go("count of dead letters", func() { t.outbox.CountLetters(counting) }, t.fail)
	}
	defer counter.Wait()
	defer stopCounting()
	var looking contain.Waiting
	defer func() { t.cancel(nil); t.recalling.Wait(); looking.Wait() }()
	if t.s.Exact {
		looking.Go("look for doubled batches", func() { t.tables.ResolveDoubts(t.ctx) }, t.fail)
	}
	for t.ctx.Err() == nil {
		if err := t.join(); err != nil {
			return err
		}
	}
	if ctx.Err() != nil {
		return nil
	}
	return context.Cause(t.ctx)
}

// join is a member of the group until the task ends, or a topic was made anew.
func (t *task) join() error {
	joined := make(chan struct{})
	t.mu.Lock()
	t.ready = joined
	clear(t.topicIDs)
	t.mu.Unlock()
	consumer, err := t.env.Kafka(t.consumerOptions()...)
	if err != nil {
		return fmt.Errorf("joining consumer group %s: %w", t.s.Group, err)
	}
	t.env.Started()
	t.mu.Lock()
	t.consumer = consumer
	t.commits = partition.NewCommitter(consumer, t.env.Logger, t.owns, t.remember)
	t.mu.Unlock()
	t.board.Joined(func(ctx context.Context, topics []string) kadm.ListedOffsets {
		ends, err := kadm.NewClient(consumer).ListCommittedOffsets(ctx, topics...)
		if err != nil {
			return nil
		}
		return ends
	})
	close(joined)
	committing, stopCommitting := context.WithCancel(context.WithoutCancel(t.ctx))
	var committer contain.Waiting
	committer.Go("committer", func() { t.commits.Run(committing) }, t.fail)
	member, left := context.WithCancel(t.ctx)
	var beside contain.Waiting
	if t.s.Pattern != nil {
		beside.Go("discovery of topics", func() { t.discover(member) }, t.fail)
	}
	if !t.s.Member.Uncommitted {
		beside.Go("watch of open transactions", func() { t.watchHeld(member) }, t.fail)
	}
	contain.Run("poll of records", t.poll, t.fail) // what follows gives the partitions back
	left()
	beside.Wait()
	t.leave()
	stopCommitting()
	committer.Wait()
	return nil
}

// prepare checks the cluster, waiting for it if it is away.
func (t *task) prepare() error {
	check := t.tables.Probe
	if t.s.Validate {
		check = func(ctx context.Context) error {
			if err := t.tables.Check(ctx); err != nil {
				return err
			}
			return t.tables.Probe(ctx)
		}
	}
	if err := t.retry.Do(t.ctx, check); err != nil {
		return err
	}
	var err error
	if t.outbox, err = deadletter.OpenOutbox(t.ctx, t.env, t.s, t.retry, t.board, t.o.meters); err != nil {
		return err
	}
	t.ingest = t.newIngester()
	return nil
}

func (t *task) consumerOptions() []kgo.Opt {
	fetch, partition := t.memory.FetchSizes(math.MaxInt)
	options := []kgo.Opt{
		kgo.ConsumerGroup(t.s.Group), kgo.DisableAutoCommit(), kgo.BlockRebalanceOnPoll(),
		kgo.ConsumeStartOffset(t.s.Member.Start),
		// An offset that is gone means that rows are gone: the task says so and stops, and never skips them silently.
		kgo.ConsumeResetOffset(kgo.NoResetOffset()),
		// Markers of transactions take offsets; passed over in silence, they would count as records that wait.
		kgo.FetchIsolationLevel(kgo.ReadCommitted()), kgo.KeepControlRecords(), kgo.FetchMaxBytes(fetch),
		kgo.FetchMaxPartitionBytes(partition), kgo.FetchMaxWait(500 * time.Millisecond),
		kgo.SessionTimeout(10 * time.Second), kgo.HeartbeatInterval(2 * time.Second), kgo.RebalanceTimeout(60 * time.Second),
		kgo.MaxConcurrentFetches(2),
		kgo.WithHooks(&t.memory.Expansion), kgo.MetadataMaxAge(discovery), // partitions that are added are read soon
		kgo.AdjustFetchOffsetsFn(t.begins),
		kgo.OnPartitionsAssigned(t.contained("assignment of partitions", t.assigned)),
		kgo.OnPartitionsRevoked(t.contained("revocation of partitions", t.revoked)),
		kgo.OnPartitionsLost(t.contained("loss of partitions", t.lost)),
	}
	options = append(append(options, t.s.Member.Balancing(t.instance())...), t.s.Member.Options...)
	if t.s.Pattern != nil {
		return options // discover finds them
	}
	return append(options, kgo.ConsumeTopics(t.s.Topics...))
}

// poll hands fetched records over until the task ends.
func (t *task) poll() {
	for t.ctx.Err() == nil {
		fetches := t.fetch()
		fetches.EachPartition(func(f kgo.FetchTopicPartition) {
			if f.Err != nil {
				t.fetchFailed(f)
			}
			if len(f.Records) == 0 {
				return
			}
			if t.unread {
				t.unread = false
				t.board.Troubles.Over(&t.failing)
				t.env.Retrying(nil)
			}
			tp := batch.Source{Topic: f.Topic, Partition: f.Partition}
			t.mu.Lock()
			p, partitions := t.partitions[tp], len(t.partitions)
			t.mu.Unlock()
			if p == nil {
				return
			}
			bytes := memory.SizeOf(f.Records)
			t.memory.Hold(bytes)
			p.Offer(partition.Fetched{Records: f.Records, Bytes: bytes, End: f.LastStableOffset}, t.memory.QueueHigh(partitions))
		})
		t.consumer.AllowRebalance()
		if t.look(); t.renewable() {
			t.rejoin()
			return
		}
	}
}

// fetch waits for records, or until it is time to look after the topics.
func (t *task) fetch() kgo.Fetches {
	ctx, cancel := context.WithTimeout(t.ctx, t.watched.pause())
	defer cancel()
	t.memory.AwaitRoom(ctx)
	if t.awaitDemand(ctx); ctx.Err() != nil {
		return nil
	}
	t.boundFetches()
	return t.consumer.PollFetches(ctx)
}

func (t *task) fetchFailed(f kgo.FetchTopicPartition) {
	var lost *kgo.ErrDataLoss
	switch {
	case errors.Is(f.Err, kerr.FencedInstanceID):
		t.fail(retry.Permanent(fmt.Errorf("another worker has taken over this task: %w", f.Err)))
	case t.ctx.Err() != nil, errors.Is(f.Err, context.Canceled), errors.Is(f.Err, context.DeadlineExceeded),
		errors.Is(f.Err, kgo.ErrClientClosed):
	case topicLost(f.Err) && t.topicID(f.Topic) != "":
		t.watched.doubted = true
	case errors.Is(f.Err, kerr.OffsetOutOfRange), errors.As(f.Err, &lost):
		t.astray(f.Topic,
			fmt.Errorf(
				"partition %d of %s: the records after the committed offset of group %s are gone from the topic (%w): retention was shorter than the connector stood still, or the topic was made anew. Set the offset where the connector may go on: PATCH /connectors/%s/offsets",
				f.Partition, f.Topic, t.s.Group, f.Err, t.env.Connector))
	default:
		t.unread = true
		t.board.Troubles.Retrying(&t.failing, f.Err)
		t.env.Retrying(fmt.Errorf("reading topic %s: %w", f.Topic, f.Err))
	}
}

// astray deals with a topic of which it is not known where to go on: it stops the task, or the
// topic alone where the user wants that.
func (t *task) astray(topic string, why error) {
	if t.s.MissingStopsTopic {
		t.stands(topic, why)
		return
	}
	t.fail(retry.Permanent(why))
}

// fail ends the task with err as its reason; later reasons are lost to the first.
func (t *task) fail(err error) { t.cancel(err) }

// contained makes a panic of a callback, which runs in a goroutine of the client's, the task's failure.
func (t *task) contained(name string, callback func(context.Context, *kgo.Client,
	map[string][]int32)) func(context.Context, *kgo.Client, map[string][]int32) {
	return func(ctx context.Context, client *kgo.Client, partitions map[string][]int32) {
		contain.Run(name, func() { callback(ctx, client, partitions) }, t.fail)
	}
}

// assigned begins partitions where the group's last commit of them ended, with the cuts recorded there.
func (t *task) assigned(ctx context.Context, client *kgo.Client, added map[string][]int32) {
	if len(added) == 0 {
		return
	}
	t.mu.Lock()
	joined := t.ready
	t.mu.Unlock()
	<-joined
	client.ResumeFetchPartitions(added) // a pause outlives the assignment in which it was made
	var committed kadm.OffsetResponses
	err := t.retry.Do(t.ctx, func(ctx context.Context) error {
		ctx, cancel := context.WithTimeout(ctx, 15*time.Second)
		defer cancel()
		admin := kadm.NewClient(client)
		topics, err := admin.ListTopics(ctx, slices.Collect(maps.Keys(added))...)
		if err != nil {
			return err
		}
		t.mu.Lock()
		for _, topic := range topics {
			// What a client reads is the topic that it saw first under a name.
			if topic.ID != (kadm.TopicID{}) && t.topicIDs[topic.Topic] == "" {
				t.topicIDs[topic.Topic] = topic.ID.String()
			}
			if topic.ID.String() == t.topicIDs[topic.Topic] {
				t.board.Withdraw(sinkv1.SinkNotice_KIND_TOPIC_DELETED, topic.Topic, "") // it is there again
			}
		}
		t.mu.Unlock()
		committed, err = admin.FetchOffsets(ctx, t.s.Group)
		return err
	})
	if err != nil {
		t.fail(fmt.Errorf("reading the offsets of group %s: %w", t.s.Group, err))
		return
	}
	of := t.member(client)
	noted := map[*partition.Partition]note{}
	notes, forgotten := t.env.Notes(), map[string][]int32{}
	var begun []batch.Source
	for topic, partitions := range added {
		if err := t.env.UsedTopic(topic); err != nil {
			t.fail(err)
			return
		}
		for _, number := range partitions {
			tp := batch.Source{Topic: topic, Partition: number}
			l, err := t.restore(tp, committed)
			if err != nil {
				t.astray(topic, err)
				continue
			}
			if !l.Known() && !t.startsAnew(tp) && t.committedBefore(notes, tp) {
				forgotten[topic] = append(forgotten[topic], number)
				continue
			}
			p := partition.New(t.ctx, of, tp, l)
			if l.End() > l.Committed() {
				noted[p] = note{l.Committed(), l.End()}
			}
			t.board.Committed(tp, l.Committed())
			if l.Committed() > 0 {
				begun = append(begun, tp)
			}
			t.mu.Lock()
			t.partitions[tp] = p
			t.mu.Unlock()
			p.Start()
		}
		if partitions := forgotten[topic]; len(partitions) > 0 {
			t.astray(topic, t.forgotten(topic, partitions))
		}
	}
	topics := slices.Collect(maps.Keys(added))
	t.warnOfStatuses(client)
	if len(noted) > 0 {
		t.recalling.Go("look for the records of noted batches", func() { t.prove(client, noted) }, t.fail)
	}
	t.recalling.Go("recall of columns without a field", func() { t.tables.Recall(topics) }, t.fail)
	t.recalling.Go("time of the last rows", func() { t.tables.LastRows(begun) }, t.fail)
}

// member is what the partitions of this membership work with.
func (t *task) member(client *kgo.Client) *partition.Member {
	t.mu.Lock()
	commits := t.commits
	t.mu.Unlock()
	return &partition.Member{
		Spec: t.s, Env: t.env, Client: client, Commits: commits, Retry: t.retry, Tables: t.tables, Ingest: t.ingest,
		Outbox: t.outbox, Board: t.board,
		Memory: t.memory, Meters: t.o.meters, Failpoints: t.o.Failpoints, Wanted: t.wanted, Fail: t.fail,
	}
}

// warnOfStatuses warns once of more batches than the cluster's table of statuses is made for, by
// all partitions of the connector's topics.
func (t *task) warnOfStatuses(client *kgo.Client) {
	if t.env.Task != 0 {
		return
	}
	t.counting.Do(func() {
		ctx, cancel := context.WithTimeout(t.ctx, 15*time.Second)
		defer cancel()
		topics, err := kadm.NewClient(client).ListTopics(ctx, t.s.Topics...) // all topics where a pattern says which
		if err != nil {
			t.env.Logger.Debug("partitions could not be counted", "err", err)
			return
		}
		partitions := 0
		for _, topic := range topics {
			if t.s.Pattern == nil || t.s.Pattern.Matches(topic.Topic) {
				partitions += len(topic.Partitions)
			}
		}
		if w := t.s.WarnOfStatuses(partitions); w != "" {
			t.env.Logger.Warn(w)
		}
	})
}

// restore finds where an assigned partition goes on, and the cuts that were recorded beyond. What
// is committed counts only for the topic that it was committed for: one that was made anew begins
// at its first record.
func (t *task) restore(tp batch.Source, committed kadm.OffsetResponses) (*ledger.Ledger, error) {
	id := t.topicID(tp.Topic)
	o, ok := committed.Lookup(tp.Topic, tp.Partition)
	known := ok && o.Err == nil && o.At >= 0
	// Nothing is known of what a later version has noted, nor of what cannot be read: Restore refuses both.
	old := known && id != "" && ledger.TopicOf(o.Metadata) != "" && ledger.TopicOf(o.Metadata) != id
	t.mu.Lock()
	if t.anew[tp] = old || !known && t.renewed[tp.Topic]; old {
		t.env.Logger.Info("the topic was made anew since its offset was committed; it is read from its beginning", "topic",
			tp.Topic, "partition", tp.Partition, "committed", o.At)
	}
	t.mu.Unlock()
	if !known || old {
		return ledger.New(id), nil
	}
	l, err := ledger.Restore(id, o.At, o.Metadata)
	if err != nil {
		err = fmt.Errorf("partition %d of %s: %w. %s", tp.Partition, tp.Topic, err, partition.Forget(t.env.Connector))
	}
	return l, err
}

// startsAnew says of a partition whether it begins at its first record since its topic was made anew.
func (t *task) startsAnew(tp batch.Source) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.anew[tp]
}

// owns says whether a partition's life at this member goes on.
func (t *task) owns(p *partition.Partition) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.partitions[p.Source] == p
}

func (t *task) topicID(topic string) string {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.topicIDs[topic]
}

func (t *task) revoked(_ context.Context, _ *kgo.Client, removed map[string][]int32) {
	t.end(removed, partition.Stop{Grace: partition.HandoverGrace})
}

func (t *task) lost(_ context.Context, _ *kgo.Client, removed map[string][]int32) {
	t.end(removed, partition.Stop{Fenced: true})
}

func (t *task) end(removed map[string][]int32, r partition.Stop) {
	var ended contain.Waiting
	t.env.Doing("the batches under way of " + named(removed))
	defer t.env.Doing("")
	for topic, partitions := range removed {
		for _, number := range partitions {
			tp := batch.Source{Topic: topic, Partition: number}
			t.mu.Lock()
			p := t.partitions[tp]
			t.mu.Unlock()
			if p == nil {
				continue
			}
			ended.Go("end of a partition", func() {
				p.Stop(r)
				t.mu.Lock()
				delete(t.partitions, tp)
				t.mu.Unlock()
			}, t.fail)
		}
	}
	ended.Wait()
}

// instance is the task's name in the group.
func (t *task) instance() string { return fmt.Sprintf("task-%d", t.env.Task) }

// leave hands the partitions over, which waits for their batches, and leaves the group, which a
// static member must say itself: its place would be kept for it otherwise.
func (t *task) leave() {
	fenced := errors.Is(context.Cause(t.ctx), kerr.FencedInstanceID)
	left := map[string][]int32{}
	t.mu.Lock()
	for tp := range t.partitions {
		left[tp.Topic] = append(left[tp.Topic], tp.Partition)
	}
	t.mu.Unlock()
	t.end(left, partition.Stop{Grace: partition.HandoverGrace, Fenced: fenced})
	if !fenced && !t.s.Member.BrokerAssigns && t.ctx.Err() != nil {
		ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
		defer cancel()
		leaving := kadm.LeaveGroup(t.s.Group).InstanceIDs(t.instance()).Reason("the task ends")
		if _, err := kadm.NewClient(t.consumer).LeaveGroup(ctx, leaving); err != nil {
			t.env.Logger.Info("the group was not left; its other members go on when the session ends", "err", err)
		}
	}
	t.consumer.CloseAllowingRebalance()
}
