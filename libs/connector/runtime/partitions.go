package runtime

import (
	"context"
	"maps"
	"slices"
	"time"
)

// checkLease stops all tasks when the lease has ended, and starts them again if it is renewed and
// no partition was taken away.
func (s *supervisor) checkLease() {
	leased := !s.lease.expired()
	if leased == s.leased {
		return
	}
	s.leased = leased
	partitions := slices.Sorted(maps.Keys(s.assigned))
	if leased {
		s.watched = maps.Clone(s.assigned)
		s.membership.set("")
		s.logger.Info("the group's coordinator answers again; tasks go on", "partitions", partitions)
		s.act(s.lifecycle.Assigned(partitions))
		return
	}
	s.membership.set("its coordinator has not answered for the session timeout")
	s.logger.Warn(
		"the group's coordinator has not answered for the session timeout; tasks stop, since others may take them over",
		"partitions", partitions)
	s.watched = s.everyPartition()
	s.act(s.lifecycle.Lost(partitions))
}

// everyPartition is what a worker watches while the group does not assign partitions: the worker
// that had a connector may have ended since, or may know nothing, having been started while Kafka
// was away.
func (s *supervisor) everyPartition() map[int32]bool {
	all := map[int32]bool{}
	for partition := range s.store.ConfigPartitions() {
		all[partition] = true
	}
	return all
}

func (s *supervisor) partitionsAssigned(partitions []int32) {
	s.membership.set("")
	s.runner.metrics.rebalanced()
	s.logger.Info("partitions assigned", "partitions", partitions)
	s.do(func() {
		for _, partition := range partitions {
			s.assigned[partition] = true
		}
		s.watched = maps.Clone(s.assigned)
		s.leased = true
		s.act(s.lifecycle.Assigned(slices.Sorted(maps.Keys(s.assigned))))
	})
}

func (s *supervisor) partitionsRevoked(partitions []int32) {
	if len(partitions) == 0 {
		return
	}
	s.logger.Info("partitions revoked", "partitions", partitions)
	done := make(chan struct{})
	s.do(func() {
		s.unassign(partitions)
		s.watched = maps.Clone(s.assigned)
		s.handovers = append(s.handovers, handover{partitions, done})
		s.act(s.lifecycle.Revoked(partitions))
	})
	timer := time.NewTimer(s.config.HandoverTimeout)
	defer timer.Stop()
	select {
	case <-done:
		// The last word about these tasks must precede the first of their next owner.
		flushing, cancel := context.WithTimeout(context.Background(), s.config.StoreTimeout)
		defer cancel()
		_ = s.store.Flush(flushing)
	case <-timer.C:
		s.logger.Warn("tasks did not stop in time; they are left behind, fenced by their successors", "timeout",
			s.config.HandoverTimeout)
	case <-s.done:
	}
}

func (s *supervisor) partitionsLost(partitions []int32) {
	if len(partitions) == 0 {
		return
	}
	s.membership.set("it has lost its partitions")
	s.logger.Warn("partitions lost; their tasks stop here", "partitions", partitions)
	s.do(func() {
		s.unassign(partitions)
		s.watched = s.everyPartition()
		s.act(s.lifecycle.Lost(partitions))
	})
}

func (s *supervisor) unassign(partitions []int32) {
	for _, partition := range partitions {
		delete(s.assigned, partition)
	}
}
