package runtime

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"

	"github.com/twmb/franz-go/pkg/kgo"
)

// owner is told which partitions of the config topic this worker holds. Calls come one at a time.
type owner interface {
	partitionsAssigned(partitions []int32)
	// partitionsRevoked returns when the tasks of the partitions have ended, or after the handover timeout; only then
	// does another worker get them.
	partitionsRevoked(partitions []int32)
	// partitionsLost is called when others may hold the partitions already.
	partitionsLost(partitions []int32)
}

// joinGroup makes this worker a member of the fleet's consumer group. Kafka's group protocol divides the partitions
// of the config topic among the members, as the balancer decides; nothing is ever consumed through the group. Closing
// the client hands everything over.
//
// A member that cannot reach Kafka for the session timeout loses its partitions at the broker; the
// lease, which hooks into the client, knows when that may have happened.
func joinGroup(config *Config, owner owner, balancer *fleetBalancer, hooks ...kgo.Hook) (*kgo.Client, error) {
	topic := config.ConfigTopic
	client, err := kgo.NewClient(append(append([]kgo.Opt{}, config.Kafka...),
		kgo.ConsumerGroup(config.GroupID),
		kgo.ConsumeTopics(topic),
		kgo.Balancers(balancer),
		kgo.ConsumeResetOffset(kgo.NewOffset().AtEnd()),
		kgo.DisableAutoCommit(),
		kgo.SessionTimeout(config.SessionTimeout),
		kgo.HeartbeatInterval(config.SessionTimeout/6),
		kgo.RebalanceTimeout(config.rebalanceTimeout()),
		kgo.WithHooks(hooks...),
		kgo.OnPartitionsAssigned(func(_ context.Context, _ *kgo.Client, assigned map[string][]int32) {
			balancer.assigned()
			owner.partitionsAssigned(assigned[topic])
		}),
		kgo.OnPartitionsRevoked(func(_ context.Context, _ *kgo.Client, revoked map[string][]int32) {
			owner.partitionsRevoked(revoked[topic])
		}),
		kgo.OnPartitionsLost(func(_ context.Context, _ *kgo.Client, lost map[string][]int32) {
			owner.partitionsLost(lost[topic])
		}),
	)...)
	if err != nil {
		return nil, fmt.Errorf("join consumer group %s: %w", config.GroupID, err)
	}
	client.PauseFetchTopics(topic)
	return client, nil
}

// membership says why this worker is not a member of the group now; empty if it is.
type membership struct{ why atomic.Pointer[string] }

func (m *membership) set(why string) { m.why.Store(&why) }

func (m *membership) String() string {
	if why := m.why.Load(); why != nil {
		return *why
	}
	return "it has not joined yet"
}

// follow keeps track of the group's session until ctx ends. Nothing is fetched; polling only
// surfaces errors.
func (m *membership) follow(ctx context.Context, group *kgo.Client, config *Config) {
	for ctx.Err() == nil {
		group.PollFetches(ctx).EachError(func(_ string, _ int32, err error) {
			var session *kgo.ErrGroupSession
			if errors.As(err, &session) {
				m.set(session.Err.Error())
				config.Logger.Warn("not a member of the group; joining again", "group", config.GroupID, "err", session.Err)
			}
		})
	}
}
