package fetch

import (
	"context"
	"errors"
	"fmt"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/calypso-cdc/calypso/services/sink/internal/batch"
	"github.com/calypso-cdc/calypso/services/sink/internal/membership"
	"github.com/calypso-cdc/calypso/services/sink/internal/memory"
	"github.com/calypso-cdc/calypso/services/sink/internal/partition"
	"github.com/calypso-cdc/calypso/services/sink/internal/retry"
	"github.com/calypso-cdc/calypso/services/sink/internal/status"
	"github.com/calypso-cdc/calypso/services/sink/internal/topics"
)

// Loop polls the records of a membership and hands them to its partitions. One goroutine owns it.
type Loop struct {
	ctx    context.Context
	of     membership.Task
	member *membership.Membership
	topics *topics.Watcher
	demand demand
	// unread is set while fetching fails, which failing says.
	unread  bool
	failing status.Trouble
	// outside is set where fetching fails because the task is not in its group.
	outside bool
}

// New makes the loop of a membership. ctx ends with the task.
func New(ctx context.Context, of membership.Task, member *membership.Membership) *Loop {
	return &Loop{ctx: ctx, of: of, member: member, topics: member.Topics.Watch(),
		demand: demand{of.Memory, member.Partitions, member.Wanted}}
}

// Run hands fetched records over until the task ends, or must join the group again.
func (l *Loop) Run() {
	for l.ctx.Err() == nil {
		l.poll().EachPartition(l.hand)
		l.member.Client.AllowRebalance()
		if l.outside && l.member.InGroup() {
			l.readable() // records may be long in coming
		}
		if l.topics.Look(l.ctx); l.topics.Rejoin() {
			l.readable()
			return
		}
	}
}

// poll waits for records, or until it is time to look after the topics.
func (l *Loop) poll() kgo.Fetches {
	ctx, cancel := context.WithTimeout(l.ctx, l.topics.Pause())
	defer cancel()
	l.of.Memory.AwaitRoom(ctx)
	if l.demand.await(ctx); ctx.Err() != nil {
		return nil
	}
	l.member.Client.UpdateFetchMaxBytes(l.of.Batches.Spec.Member.Bound(l.demand.sizes()))
	return l.member.Client.PollFetches(ctx)
}

// hand gives a partition what was fetched of it.
func (l *Loop) hand(f kgo.FetchTopicPartition) {
	if f.Err != nil {
		l.failed(f)
	}
	if len(f.Records) == 0 {
		return
	}
	l.readable()
	p, among := l.member.Partitions.Find(batch.Source{Topic: f.Topic, Partition: f.Partition})
	if p == nil {
		return
	}
	bytes := memory.SizeOf(f.Records)
	l.of.Memory.Hold(bytes)
	p.Offer(partition.Fetched{Records: f.Records, Bytes: bytes, End: f.LastStableOffset}, l.of.Memory.QueueHigh(among))
}

// readable takes back that fetching fails.
func (l *Loop) readable() {
	if l.unread {
		l.unread, l.outside = false, false
		l.of.Batches.Status.Troubles.Over(&l.failing)
		l.of.Batches.Env.Retrying(nil)
	}
}

// failed deals with a fetch that failed.
func (l *Loop) failed(f kgo.FetchTopicPartition) {
	var lost *kgo.ErrDataLoss
	switch {
	case errors.Is(f.Err, kerr.FencedInstanceID):
		l.of.Fail(retry.Permanent(fmt.Errorf("another worker has taken over this task: %w", f.Err)))
	case l.ctx.Err() != nil, errors.Is(f.Err, context.Canceled), errors.Is(f.Err, context.DeadlineExceeded),
		errors.Is(f.Err, kgo.ErrClientClosed):
	case l.topics.Doubt(f.Topic, f.Err):
	case errors.Is(f.Err, kerr.InvalidSessionTimeout):
		l.of.Fail(retry.Permanent(fmt.Errorf(
			"join consumer group %s: %w Set consumer.override.session.timeout.ms to a time that the brokers allow (6000 to 1800000 by default), or take it out",
			l.of.Batches.Spec.Group, f.Err)))
	case errors.Is(f.Err, kerr.OffsetOutOfRange), errors.As(f.Err, &lost):
		l.member.Topics.Missing(f.Topic,
			fmt.Errorf(
				"partition %d of %s: the records after the committed offset of group %s are gone from the topic (%w): retention was shorter than the connector stood still, the topic was made again, or the offset was set beyond its end. Set the offset where the connector may go on: calypsoctl offsets set, or PATCH /connectors/%s/offsets",
				f.Partition, f.Topic, l.of.Batches.Spec.Group, f.Err, l.of.Batches.Env.Connector))
	default:
		l.unread = true
		_, session := errors.AsType[*kgo.ErrGroupSession](f.Err)
		// Where the member still counts as one, as in the newer protocol, no assignment takes this back.
		l.outside = session && !l.member.InGroup()
		if errors.Is(f.Err, kerr.InconsistentGroupProtocol) {
			f.Err = fmt.Errorf("%w Another consumer is in group %s and knows none of the ways in which this one shares partitions out, such as cooperative-sticky: stop it, or set consumer.override.group.id to a group of the connector's own",
				f.Err, l.of.Batches.Spec.Group)
		}
		l.of.Batches.Status.Troubles.Retrying(&l.failing, f.Err)
		from := "topic " + f.Topic
		if f.Topic == "" { // it is about the group, or all brokers
			from = "the topics of group " + l.of.Batches.Spec.Group
		}
		l.of.Batches.Env.Retrying(fmt.Errorf("read %s: %w", from, f.Err))
	}
}
