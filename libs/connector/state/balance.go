package state

import (
	"cmp"
	"maps"
	"slices"
)

// Load is the work that belongs to one partition of the config topic.
type Load struct {
	Tasks int
	// Newest is when the latest of its connectors was configured, in milliseconds since 1970.
	Newest int64
}

// Share divides partitions among the members of a fleet so that each runs about as many tasks: the loads of two
// members differ by less than the heaviest partition that could be moved. It moves as little as it can: what a member
// owns stays with it unless moving it evens the loads, and of equal moves it takes the one that disturbs the youngest
// connector, which has the least to lose. Partitions without tasks are then spread by number.
//
// owned holds every member, including those that own nothing, and each partition at most once;
// loads are by partition. Sharing what has been shared changes nothing.
func Share(owned map[string][]int32, loads []Load) map[string][]int32 {
	members := slices.Sorted(maps.Keys(owned))
	if len(members) == 0 {
		return nil
	}
	shares := map[string][]int32{}
	tasks := map[string]int{}
	taken := make([]bool, len(loads))
	give := func(member string, partition int32) {
		shares[member] = append(shares[member], partition)
		tasks[member] += loads[partition].Tasks
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
	slices.SortStableFunc(free, func(a, b int32) int { return cmp.Compare(loads[b].Tasks, loads[a].Tasks) })
	for _, partition := range free {
		if loads[partition].Tasks > 0 {
			give(slices.MinFunc(members, byTasks), partition)
		} else {
			give(slices.MinFunc(members, byNumber), partition)
		}
	}
	move := func(from, to string, partition int32) {
		shares[from] = slices.DeleteFunc(shares[from], func(p int32) bool { return p == partition })
		tasks[from] -= loads[partition].Tasks
		give(to, partition)
	}
	for { // each move makes the sum of the squares of the loads smaller, so this ends
		least := slices.MinFunc(members, byTasks)
		var best evening
		for _, member := range members {
			difference := tasks[member] - tasks[least]
			for _, partition := range shares[member] {
				weight := loads[partition].Tasks
				candidate := evening{weight * (difference - weight), loads[partition].Newest, member, partition}
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
		return slices.IndexFunc(shares[member], func(p int32) bool { return loads[p].Tasks == 0 })
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
