package connector

import (
	"context"
	"fmt"

	"github.com/twmb/franz-go/pkg/kgo"
)

// owner is told which partitions of the config topic this worker holds. Calls come one at a time.
type owner interface {
	partitionsAssigned(partitions []int32)
	// partitionsRevoked returns when the tasks of the partitions have ended, or after the handover timeout; only then
	// does another worker get them.
	partitionsRevoked(partitions []int32)
	// partitionsLost says that others may hold the partitions already.
	partitionsLost(partitions []int32)
}

// joinGroup makes this worker a member of the fleet's consumer group. Kafka's group protocol divides the partitions of
// the config topic among the members, as the balancer decides; nothing is ever consumed through the group. Closing the
// client hands everything over.
//
// A member that cannot reach Kafka for the session timeout loses its partitions at the broker; the lease that hooks into
// the client tells when that may be.
func joinGroup(config WorkerConfig, owner owner, balancer kgo.GroupBalancer, hooks ...kgo.Hook) (*kgo.Client, error) {
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
