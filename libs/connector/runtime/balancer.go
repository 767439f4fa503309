package runtime

import (
	"maps"
	"slices"
	"sync"

	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/calypso-cdc/calypso/libs/connector/state"
)

// fleetBalancer is the group protocol of a fleet: cooperative, so that only tasks that move are
// stopped, and aware of how many tasks a partition stands for. The group's leader decides, from its
// own view of the config topic.
type fleetBalancer struct {
	kgo.GroupBalancer // metadata, encoding and cooperation are those of cooperative-sticky
	topic             string
	loads             func() []state.Load

	mu sync.Mutex
	// decided is what this worker, as the leader, has decided since the last assignment; plan is the
	// assignment in force. Both are nil if it is not the leader.
	decided, plan map[string][]int32
}

func newFleetBalancer(topic string, loads func() []state.Load) *fleetBalancer {
	return &fleetBalancer{GroupBalancer: kgo.CooperativeStickyBalancer(), topic: topic, loads: loads}
}

// ProtocolName implements kgo.GroupBalancer.
func (*fleetBalancer) ProtocolName() string { return "calypso-tasks" }

// MemberBalancer implements kgo.GroupBalancer.
func (f *fleetBalancer) MemberBalancer(members []kmsg.JoinGroupResponseMember) (kgo.GroupMemberBalancer,
	map[string]struct{}, error) {
	balancer, err := kgo.NewConsumerBalancer(f, members)
	return balancer, balancer.MemberTopics(), err
}

// Balance implements kgo.ConsumerBalancerBalance.
func (f *fleetBalancer) Balance(group *kgo.ConsumerBalancer, topics map[string]int32) kgo.IntoSyncAssignment {
	owners := map[int32]string{}
	generations := map[int32]int32{}
	owned := map[string][]int32{}
	group.EachMember(func(member *kmsg.JoinGroupResponseMember, claims *kmsg.ConsumerMemberMetadata) {
		owned[member.MemberID] = nil
		for _, claim := range claims.OwnedPartitions {
			if claim.Topic != f.topic {
				continue
			}
			for _, partition := range claim.Partitions {
				// A member that missed rebalances may claim partitions that others were given since.
				if _, claimed := owners[partition]; !claimed || claims.Generation > generations[partition] {
					owners[partition], generations[partition] = member.MemberID, claims.Generation
				}
			}
		}
	})
	for _, partition := range slices.Sorted(maps.Keys(owners)) {
		owned[owners[partition]] = append(owned[owners[partition]], partition)
	}
	loads := slices.Grow(f.loads(), int(topics[f.topic]))[:topics[f.topic]]
	shares := state.Share(owned, loads)
	f.mu.Lock()
	f.decided = shares
	f.mu.Unlock()
	plan := group.NewPlan()
	group.EachMember(func(member *kmsg.JoinGroupResponseMember, _ *kmsg.ConsumerMemberMetadata) {
		plan.AddPartitions(member, f.topic, shares[member.MemberID])
	})
	plan.AdjustCooperative(group)
	return plan
}

// assigned is called after each rebalance: the member that decided it is the leader now.
func (f *fleetBalancer) assigned() {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.plan, f.decided = f.decided, nil
}

// uneven reports whether this worker is the leader and would now decide otherwise.
func (f *fleetBalancer) uneven() bool {
	loads := f.loads()
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.plan != nil && !maps.EqualFunc(f.plan, state.Share(f.plan, loads), slices.Equal)
}
