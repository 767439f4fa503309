package runtime

import (
	"sync"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/calypso-cdc/calypso/libs/connector/state"
)

// leasing updates the lease from what the group's client reports about its requests.
type leasing struct {
	now func() time.Time

	mu    sync.Mutex
	lease *state.Lease
}

func newLeasing(session, rebalance time.Duration, now func() time.Time) *leasing {
	return &leasing{now: now, lease: state.NewLease(session, rebalance, now())}
}

// OnBrokerE2E implements kgo.HookBrokerE2E.
func (l *leasing) OnBrokerE2E(_ kgo.BrokerMetadata, key int16, request kgo.BrokerE2E) {
	if request.Err() != nil {
		return
	}
	switch kmsg.Key(key) {
	case kmsg.JoinGroup, kmsg.SyncGroup, kmsg.Heartbeat:
		l.mu.Lock()
		defer l.mu.Unlock()
		l.lease.Answered(l.now(), request.DurationE2E())
	}
}

// OnBrokerWrite implements kgo.HookBrokerWrite.
func (l *leasing) OnBrokerWrite(_ kgo.BrokerMetadata, key int16, _ int, _, _ time.Duration, err error) {
	if err != nil {
		return
	}
	switch kmsg.Key(key) {
	case kmsg.JoinGroup, kmsg.SyncGroup:
		l.mu.Lock()
		defer l.mu.Unlock()
		l.lease.Joining(l.now())
	}
}

func (l *leasing) expired() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.lease.Expired(l.now())
}
