package membership

import (
	"context"
	"errors"
	"fmt"
	"math"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/calypso-cdc/calypso/libs/connector"
	"github.com/calypso-cdc/calypso/libs/contain"
	"github.com/calypso-cdc/calypso/libs/failpoint"
	"github.com/calypso-cdc/calypso/services/sink/internal/batch"
	"github.com/calypso-cdc/calypso/services/sink/internal/batcher"
	"github.com/calypso-cdc/calypso/services/sink/internal/memory"
	"github.com/calypso-cdc/calypso/services/sink/internal/partition"
	"github.com/calypso-cdc/calypso/services/sink/internal/status"
	"github.com/calypso-cdc/calypso/services/sink/internal/topics"
)

// Task is what a task gives its memberships.
type Task struct {
	Batches    batcher.Task
	Topics     *topics.Registry
	Memory     *memory.Share
	Meters     *status.Meters
	Failpoints *failpoint.Set
	// Fail ends the task.
	Fail func(error)
	// Beside runs what no record waits for.
	Beside func(name string, work func())
}

// Membership is one membership of the connector's consumer group.
type Membership struct {
	of Task
	// ctx ends with the task.
	ctx context.Context

	Client     *kgo.Client
	Partitions *partition.Owned
	// Topics are those that it reads.
	Topics *topics.Reader
	// Wanted is signalled when a partition wants records again.
	Wanted chan struct{}

	notes  commitNotes
	member *partition.Member
	group  *standing
	// beside looks after the topics until it is left, committing commits until its partitions have ended.
	beside, committing contain.Waiting
	// left ends what runs beside, committed the committer.
	left, committed context.CancelFunc
}

// Join makes a task a member of its group until it leaves. ctx ends with the task.
func Join(ctx context.Context, of Task) (*Membership, error) {
	of.Topics.Join()
	// The group may assign partitions as soon as there is a client, which waits until m is whole.
	var m *Membership
	joined := make(chan struct{})
	callback := func(name string, call func(*Membership, map[string][]int32)) func(context.Context, *kgo.Client,
		map[string][]int32) {
		return func(_ context.Context, _ *kgo.Client, partitions map[string][]int32) {
			<-joined
			contain.Run(name, func() { call(m, partitions) }, of.Fail) // in a goroutine of the client's
		}
	}
	group := new(standing)
	client, err := of.Batches.Env.Kafka(append(options(of),
		kgo.WithHooks(group), kgo.OnPartitionsAssigned(callback("assignment of partitions", (*Membership).assigned)),
		kgo.OnPartitionsRevoked(callback("revocation of partitions", (*Membership).revoked)),
		kgo.OnPartitionsLost(callback("loss of partitions", (*Membership).lost)))...)
	if err != nil {
		return nil, fmt.Errorf("join consumer group %s: %w", of.Batches.Spec.Group, err)
	}
	of.Batches.Env.Started()
	partitions, wanted := partition.NewOwned(), make(chan struct{}, 1)
	notes := commitNotes{of.Batches.Env, of.Batches.Spec.Group, of.Topics}
	commits := partition.NewCommitter(client, of.Batches.Env.Logger, partitions.Has, notes.keep)
	member, left := context.WithCancel(ctx)
	committing, committed := context.WithCancel(context.WithoutCancel(ctx))
	m = &Membership{of: of, ctx: ctx, Client: client, Partitions: partitions, Wanted: wanted, notes: notes, group: group,
		left: left, committed: committed,
		Topics: &topics.Reader{Env: of.Batches.Env, Spec: of.Batches.Spec, Client: client,
			Registry: of.Topics, Partitions: partitions, Status: of.Batches.Status, Fail: of.Fail},
		member: &partition.Member{
			Task: of.Batches, Client: client, Commits: commits, Memory: of.Memory, Meters: of.Meters,
			Failpoints: of.Failpoints, Wanted: wanted, Fail: of.Fail,
		}}
	of.Batches.Status.Joined(func(ctx context.Context, topics []string) kadm.ListedOffsets {
		ends, err := kadm.NewClient(client).ListCommittedOffsets(ctx, topics...)
		if err != nil {
			return nil
		}
		return ends
	})
	close(joined)
	m.committing.Go("committer", func() {
		if err := commits.Run(committing); err != nil {
			of.Fail(err)
		}
	}, of.Fail)
	m.follow(member)
	return m, nil
}

// follow looks after the topics until ctx ends.
func (m *Membership) follow(ctx context.Context) {
	if m.of.Batches.Spec.Pattern != nil {
		m.beside.Go("discovery of topics", func() { m.Topics.Discover(ctx) }, m.of.Fail)
	}
	if !m.of.Batches.Spec.Member.Uncommitted {
		m.beside.Go("watch of open transactions", func() { m.Topics.WatchTransactions(ctx) }, m.of.Fail)
	}
}

// InGroup reports whether the group has the task as a member, whether or not it has any partition.
func (m *Membership) InGroup() bool { return m.group.in.Load() }

// instance is the task's name in the group.
func instance(env connector.TaskEnv) string { return fmt.Sprintf("task-%d", env.Task) }

// options are those of the member's client, except its callbacks.
func options(of Task) []kgo.Opt {
	fetch, partition := of.Batches.Spec.Member.Bound(of.Memory.FetchSizes(math.MaxInt))
	options := []kgo.Opt{
		kgo.ConsumerGroup(of.Batches.Spec.Group), kgo.DisableAutoCommit(), kgo.BlockRebalanceOnPoll(),
		kgo.ConsumeStartOffset(of.Batches.Spec.Member.Start),
		// An offset that is gone means that rows are gone: the task says so and stops, and never skips them silently.
		kgo.ConsumeResetOffset(kgo.NoResetOffset()),
		// Transaction markers take up offsets; if they were not fetched they would count as waiting
		// records.
		kgo.FetchIsolationLevel(kgo.ReadCommitted()), kgo.KeepControlRecords(), kgo.FetchMaxBytes(fetch),
		kgo.FetchMaxPartitionBytes(partition), kgo.FetchMaxWait(500 * time.Millisecond),
		kgo.RebalanceTimeout(60 * time.Second),
		kgo.MaxConcurrentFetches(2),
		kgo.WithHooks(&of.Memory.Expansion),
		kgo.MetadataMaxAge(topics.Refresh), // partitions that are added are read soon
		kgo.AdjustFetchOffsetsFn(of.Topics.Offsets),
	}
	member := of.Batches.Spec.Member
	options = append(append(options, member.Balancing(instance(of.Batches.Env))...), member.Options...)
	if of.Batches.Spec.Pattern != nil {
		return options // Discover finds them
	}
	return append(options, kgo.ConsumeTopics(of.Batches.Spec.Topics...))
}

// Leave hands the partitions over, which waits for their batches, and leaves the group. A static
// member must say so explicitly, since its place would otherwise be kept. A task that is to join
// again keeps its place.
func (m *Membership) Leave() {
	m.left()
	m.beside.Wait()
	fenced := errors.Is(context.Cause(m.ctx), kerr.FencedInstanceID)
	m.end(m.Partitions.Sources(), partition.Stop{Grace: partition.HandoverGrace, Fenced: fenced})
	memberID, _ := m.Client.GroupMetadata()
	m.Client.CloseAllowingRebalance()
	if !fenced && !m.of.Batches.Spec.Member.BrokerAssigns && m.ctx.Err() != nil {
		if err := m.leave(memberID); err != nil {
			m.of.Batches.Env.Logger.Info("the group was not left; its other members go on when the session ends", "err", err)
		}
	}
	m.committed()
	m.committing.Wait()
}

// leave gives up a static member's place. It runs after the member's client has ended, so that no
// later request to join can leave a member behind that nobody is; and it names the member, so that
// one which has taken the place meanwhile keeps it.
func (m *Membership) leave(memberID string) error {
	client, err := m.of.Batches.Env.Kafka()
	if err != nil {
		return err
	}
	defer client.Close()
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	request := kmsg.NewPtrLeaveGroupRequest()
	request.Group, request.MemberID = m.of.Batches.Spec.Group, memberID // the latter is what brokers before 2.4 read
	member := kmsg.NewLeaveGroupRequestMember()
	member.MemberID, member.InstanceID, member.Reason = memberID, new(instance(m.of.Batches.Env)), new("the task ends")
	request.Members = append(request.Members, member)
	answer, err := request.RequestWith(ctx, client)
	if err != nil {
		return err
	}
	for _, left := range answer.Members {
		err = errors.Join(err, kerr.ErrorForCode(left.ErrorCode))
	}
	return errors.Join(err, kerr.ErrorForCode(answer.ErrorCode))
}

func (m *Membership) revoked(removed map[string][]int32) {
	m.end(sources(removed), partition.Stop{Grace: partition.HandoverGrace})
}

func (m *Membership) lost(removed map[string][]int32) {
	m.end(sources(removed), partition.Stop{Fenced: true})
}

// end ends partitions, and returns when they have.
func (m *Membership) end(removed []batch.Source, how partition.Stop) {
	m.of.Batches.Env.Doing("the batches under way of " + named(removed))
	defer m.of.Batches.Env.Doing("")
	var ended contain.Waiting
	for _, of := range removed {
		p, _ := m.Partitions.Find(of)
		if p == nil {
			continue
		}
		ended.Go("end of a partition", func() {
			p.Stop(how)
			m.Partitions.Remove(p)
		}, func(err error) {
			m.of.Fail(err)
			p.Abandon()
		})
	}
	ended.Wait()
}
