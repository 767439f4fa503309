package state

import "time"

// Lease is how long a worker may count on holding its partitions. It has no clock and no lock: its
// owner tells it what the group's coordinator answered, and when.
//
// The coordinator gives the partitions to others when it has not heard from a member for the session timeout; a worker
// that cannot reach it, without being told so by a connection that breaks, must have stopped its tasks by then. The
// lease therefore runs from when the last request that was answered had been sent, and ends a tenth before the session
// does. While a rebalance is under way the coordinator waits for members and no heartbeats are sent: the lease then
// lasts as long as a rebalance may.
//
// Lease and thaw. A process that is frozen (SIGSTOP, a paused machine, a long stall of its disk) cannot stop anything,
// and others take its tasks over after the session. When it thaws, these happen in an order that nobody chooses:
//
//	the loop looks at the lease      it has expired: all tasks are told to stop, although nobody asked for that
//	a heartbeat is answered          the coordinator says that the member is unknown: partitions are lost
//	a heartbeat of before is read    it was answered before the freeze, and took as long as the freeze did
//	a task writes                    its producer was fenced by its successor's, which has its transactional id
//
// The third is why renewal counts from when the request was sent, which is when it was answered
// less how long that took: were it counted from the answer, an answer that lay in a socket during
// the freeze would give a dead lease a new session. The fourth is why a task that still runs
// between the thaw and the first two does no harm: the lease keeps two workers from running a task,
// and the fence keeps two from writing. Neither would be enough alone: a lease cannot stop a write
// that is under way, and a fence does not end a task that only reads.
type Lease struct {
	session, rebalance time.Duration
	until              time.Time
}

// NewLease makes a lease that first lasts as long as joining the group may take.
func NewLease(session, rebalance time.Duration, now time.Time) *Lease {
	return &Lease{session: session * 9 / 10, rebalance: rebalance, until: now.Add(rebalance)}
}

// Answered notes that the coordinator has just answered a request of the group, which took a time.
func (l *Lease) Answered(now time.Time, took time.Duration) { l.until = now.Add(l.session - took) }

// Joining notes that the worker waits for a rebalance. It does not renew a lease that has ended.
func (l *Lease) Joining(now time.Time) {
	if l.until.After(now) {
		l.until = now.Add(l.rebalance)
	}
}

// Expired reports whether others may hold the partitions.
func (l *Lease) Expired(now time.Time) bool { return !now.Before(l.until) }
