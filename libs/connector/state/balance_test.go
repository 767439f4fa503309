package state

import (
	"maps"
	"slices"
	"testing"

	"pgregory.net/rapid"
)

func TestTasksOfOneConnectorAreSpreadOverTheFleet(t *testing.T) {
	loads := make([]Load, 12)
	for _, partition := range []int{4, 5, 6} { // successive tasks
		loads[partition].Tasks = 1
	}
	shares := Share(map[string][]int32{"a": {0, 1, 2, 3}, "b": {4, 5, 6, 7}, "c": {8, 9, 10, 11}}, loads)
	for member, partitions := range shares {
		tasks := 0
		for _, partition := range partitions {
			tasks += loads[partition].Tasks
		}
		if tasks != 1 || len(partitions) != 4 {
			t.Errorf("%s has %d tasks in %d partitions: %v", member, tasks, len(partitions), shares)
		}
	}
}

func TestTheYoungestConnectorIsMovedFirst(t *testing.T) {
	loads := []Load{{1, 300}, {1, 100}, {1, 400}, {1, 200}}
	shares := Share(map[string][]int32{"a": {0, 1, 2, 3}, "b": nil}, loads)
	if !slices.Equal(shares["b"], []int32{0, 2}) {
		t.Errorf("%v", shares)
	}
}

func TestSharesAreCompleteEvenAndStable(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		loads := make([]Load, rapid.IntRange(1, 30).Draw(t, "partitions"))
		heaviest := 0
		for i := range loads {
			loads[i] = Load{rapid.IntRange(0, 4).Draw(t, "tasks"), rapid.Int64Range(0, 3).Draw(t, "newest")}
			heaviest = max(heaviest, loads[i].Tasks)
		}
		members := []string{"a", "b", "c", "d"}[:rapid.IntRange(1, 4).Draw(t, "members")]
		owned := map[string][]int32{}
		for _, member := range members {
			owned[member] = nil
		}
		for partition := range loads {
			if owner := rapid.SampledFrom(append([]string{""}, members...)).Draw(t, "owner"); owner != "" {
				owned[owner] = append(owned[owner], int32(partition))
			}
		}
		shares := Share(owned, loads)
		given := 0
		var least, most int
		for i, member := range members {
			tasks := 0
			for _, partition := range shares[member] {
				tasks += loads[partition].Tasks
				given++
			}
			if i == 0 {
				least, most = tasks, tasks
			}
			least, most = min(least, tasks), max(most, tasks)
		}
		if given != len(loads) {
			t.Fatalf("%d of %d partitions given: %v", given, len(loads), shares)
		}
		if most-least > max(heaviest, 1) {
			t.Fatalf("loads from %d to %d with partitions of at most %d", least, most, heaviest)
		}
		if again := Share(shares, loads); !maps.EqualFunc(shares, again, slices.Equal) {
			t.Fatalf("sharing again moves: %v to %v", shares, again)
		}
		// A cooperative rebalance gives what moves only after its owner has given it up, in another rebalance. That
		// comes to rest, and moves no task twice.
		moved := map[int32]int{}
		for round := 0; ; round++ {
			if round > 3 {
				t.Fatalf("no rest after %d rebalances: %v", round, owned)
			}
			wanted := Share(owned, loads)
			next := map[string][]int32{}
			for _, member := range members {
				next[member] = slices.DeleteFunc(slices.Clone(wanted[member]), func(partition int32) bool {
					for _, other := range members {
						if other != member && slices.Contains(owned[other], partition) {
							if loads[partition].Tasks > 0 {
								moved[partition]++
							}
							return true
						}
					}
					return false
				})
			}
			if maps.EqualFunc(next, owned, slices.Equal) {
				break
			}
			owned = next
		}
		for partition, times := range moved {
			if times > 1 {
				t.Fatalf("the tasks of partition %d are moved %d times", partition, times)
			}
		}
	})
}
