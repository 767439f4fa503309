package connector

import (
	"cmp"
	"maps"
	"slices"
	"sync"

	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// load is what hangs on one partition of the config topic.
type load struct {
	tasks int
	// newest is when the latest of its connectors was configured, in milliseconds since 1970.
	newest int64
}

// share divides partitions among the members of a fleet so that each runs about as many tasks: the loads of two
// members differ by less than the heaviest partition that could be moved. It moves as little as it can: what a member
// owns stays with it unless moving it evens the loads, and of equal moves it takes the one that disturbs the youngest
// connector, which has the least to lose. Partitions without tasks are then spread by number.
//
// owned holds every member, also those that own nothing, and each partition at most once; loads are by partition. Sharing what has been
// shared changes nothing.
func share(owned map[string][]int32, loads []load) map[string][]int32 {
	members := slices.Sorted(maps.Keys(owned))
	if len(members) == 0 {
		return nil
	}
	shares := map[string][]int32{}
	tasks := map[string]int{}
	taken := make([]bool, len(loads))
	give := func(member string, partition int32) {
		shares[member] = append(shares[member], partition)
		tasks[member] += loads[partition].tasks
		taken[partition] = true
	}
	for _, member := range members {
		shares[member] = nil
		for _, partition := range owned[member] {
			if int(partition) < len(loads) && !taken[partition] {
				give(member, partition)
			}
		}
	}
	byTasks := func(a, b string) int {
		return cmp.Or(cmp.Compare(tasks[a], tasks[b]), cmp.Compare(len(shares[a]), len(shares[b])))
	}
	byNumber := func(a, b string) int { return cmp.Compare(len(shares[a]), len(shares[b])) }
	var free []int32
	for partition := range loads {
		if !taken[partition] {
			free = append(free, int32(partition))
		}
	}
	slices.SortStableFunc(free, func(a, b int32) int { return cmp.Compare(loads[b].tasks, loads[a].tasks) })
	for _, partition := range free {
		if loads[partition].tasks > 0 {
			give(slices.MinFunc(members, byTasks), partition)
		} else {
			give(slices.MinFunc(members, byNumber), partition)
		}
	}
	move := func(from, to string, partition int32) {
		shares[from] = slices.DeleteFunc(shares[from], func(p int32) bool { return p == partition })
		tasks[from] -= loads[partition].tasks
		give(to, partition)
	}
	for { // each move makes the sum of the squares of the loads smaller, so this ends
		least := slices.MinFunc(members, byTasks)
		var best evening
		for _, member := range members {
			difference := tasks[member] - tasks[least]
			for _, partition := range shares[member] {
				weight := loads[partition].tasks
				candidate := evening{weight * (difference - weight), loads[partition].newest, member, partition}
				if candidate.gain > 0 && candidate.better(best) {
					best = candidate
				}
			}
		}
		if best.gain == 0 {
			break
		}
		move(best.from, least, best.partition)
	}
	idle := func(member string) int {
		return slices.IndexFunc(shares[member], func(p int32) bool { return loads[p].tasks == 0 })
	}
	for {
		least := slices.MinFunc(members, byNumber)
		giving := slices.DeleteFunc(slices.Clone(members), func(m string) bool { return idle(m) < 0 })
		if len(giving) == 0 {
			break
		}
		most := slices.MaxFunc(giving, byNumber)
		if len(shares[most])-len(shares[least]) < 2 {
			break
		}
		move(most, least, shares[most][idle(most)])
	}
	for _, partitions := range shares {
		slices.Sort(partitions)
	}
	return shares
}

// evening is a move that evens the loads.
type evening struct {
	// gain is half of how much smaller the move makes the sum of the squares of the loads.
	gain      int
	newest    int64
	from      string
	partition int32
}

func (e evening) better(than evening) bool {
	return cmp.Or(cmp.Compare(e.gain, than.gain), cmp.Compare(e.newest, than.newest)) > 0
}

// fleetBalancer is the group protocol of a fleet: cooperative, so that only tasks that move are stopped, and aware of
// the number of tasks a partition stands for. The member that the group made its leader decides, from its own view of
// the config topic.
type fleetBalancer struct {
	kgo.GroupBalancer // metadata, encoding and cooperation are those of cooperative-sticky
	topic             string
	loads             func() []load

	mu sync.Mutex
	// decided is what this worker has decided as the leader since the last assignment, and plan what holds now if it is
	// the leader; nil if it is not.
	decided, plan map[string][]int32
}

func newFleetBalancer(topic string, loads func() []load) *fleetBalancer {
	return &fleetBalancer{GroupBalancer: kgo.CooperativeStickyBalancer(), topic: topic, loads: loads}
}

// ProtocolName implements kgo.GroupBalancer.
func (*fleetBalancer) ProtocolName() string { return "calypso-tasks" }

// MemberBalancer implements kgo.GroupBalancer.
func (f *fleetBalancer) MemberBalancer(members []kmsg.JoinGroupResponseMember) (kgo.GroupMemberBalancer, map[string]struct{}, error) {
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
				// A member that missed rebalances may claim what others have got since.
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
	shares := share(owned, loads)
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

// assigned is called after each rebalance: who decided it is the leader now.
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
	return f.plan != nil && !maps.EqualFunc(f.plan, share(f.plan, loads), slices.Equal)
}
