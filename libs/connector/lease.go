package connector

import (
	"sync"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// lease is how long this worker may count on holding its partitions. The group's coordinator gives them to others when
// it has not heard from a member for the session timeout; a worker that cannot reach it, without being told so by a
// connection that breaks, must have stopped its tasks by then. The lease therefore runs from when the last request that
// was answered had been sent, and ends a little before the session does.
//
// While a rebalance is under way the coordinator waits for members and no heartbeats are sent: the lease then lasts as
// long as a rebalance may.
type lease struct {
	session   time.Duration
	rebalance time.Duration
	now       func() time.Time

	mu    sync.Mutex
	until time.Time
}

func newLease(session, rebalance time.Duration, now func() time.Time) *lease {
	return &lease{session: session * 9 / 10, rebalance: rebalance, now: now, until: now().Add(rebalance)}
}

// OnBrokerE2E implements kgo.HookBrokerE2E.
func (l *lease) OnBrokerE2E(_ kgo.BrokerMetadata, key int16, request kgo.BrokerE2E) {
	if request.Err() != nil {
		return
	}
	switch kmsg.Key(key) {
	case kmsg.JoinGroup, kmsg.SyncGroup, kmsg.Heartbeat:
		l.mu.Lock()
		defer l.mu.Unlock()
		l.until = l.now().Add(l.session - request.DurationE2E())
	}
}

// OnBrokerWrite implements kgo.HookBrokerWrite.
func (l *lease) OnBrokerWrite(_ kgo.BrokerMetadata, key int16, _ int, _, _ time.Duration, err error) {
	if err != nil {
		return
	}
	switch kmsg.Key(key) {
	case kmsg.JoinGroup, kmsg.SyncGroup:
		l.mu.Lock()
		defer l.mu.Unlock()
		if now := l.now(); l.until.After(now) {
			l.until = now.Add(l.rebalance)
		}
	}
}

func (l *lease) expired() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return !l.now().Before(l.until)
}
