package connector

import (
	"context"
	"maps"
	"slices"
	"time"
)

// checkLease stops everything when the lease has ended, and goes on if it is renewed and nothing was taken away.
func (w *Worker) checkLease() {
	leased := !w.lease.expired()
	if leased == w.leased {
		return
	}
	w.leased = leased
	partitions := slices.Sorted(maps.Keys(w.assigned))
	if leased {
		w.membership.Store("")
		w.logger.Info("Kafka's group coordinator answers again; tasks go on", "partitions", partitions)
		w.act(w.lifecycle.Assigned(partitions))
		return
	}
	w.membership.Store("its coordinator has not answered for the session timeout")
	w.logger.Warn("Kafka's group coordinator has not answered for the session timeout; tasks stop, since others may take them over", "partitions", partitions)
	w.act(w.lifecycle.Lost(partitions))
}

func (w *Worker) partitionsAssigned(partitions []int32) {
	w.balancer.assigned()
	w.membership.Store("")
	w.metrics.rebalanced()
	w.logger.Info("partitions assigned", "partitions", partitions)
	w.do(func() {
		for _, partition := range partitions {
			w.assigned[partition] = true
		}
		w.leased = true
		w.act(w.lifecycle.Assigned(slices.Sorted(maps.Keys(w.assigned))))
	})
}

func (w *Worker) partitionsRevoked(partitions []int32) {
	if len(partitions) == 0 {
		return
	}
	w.logger.Info("partitions revoked", "partitions", partitions)
	done := make(chan struct{})
	w.do(func() {
		w.unassign(partitions)
		w.handovers = append(w.handovers, handover{partitions, done})
		w.act(w.lifecycle.Revoked(partitions))
	})
	timer := time.NewTimer(w.config.HandoverTimeout)
	defer timer.Stop()
	select {
	case <-done:
		// The last word about these tasks must precede the first of their next owner.
		flushing, cancel := context.WithTimeout(context.Background(), w.config.StoreTimeout)
		defer cancel()
		_ = w.store.flush(flushing)
	case <-timer.C:
		w.logger.Warn("tasks did not stop in time; they are left behind, fenced by their successors", "timeout", w.config.HandoverTimeout)
	case <-w.loopDone:
	}
}

func (w *Worker) partitionsLost(partitions []int32) {
	if len(partitions) == 0 {
		return
	}
	w.membership.Store("it has lost its partitions")
	w.logger.Warn("partitions lost; their tasks stop here", "partitions", partitions)
	w.do(func() {
		w.unassign(partitions)
		w.act(w.lifecycle.Lost(partitions))
	})
}

func (w *Worker) unassign(partitions []int32) {
	for _, partition := range partitions {
		delete(w.assigned, partition)
	}
}
