package runtime

import (
	"errors"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"
)

func TestALeaseEndsBeforeTheSessionOfTheLastAnsweredHeartbeat(t *testing.T) {
	now := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	l := newLeasing(10*time.Second, 30*time.Second, func() time.Time { return now })
	heartbeat := func(took time.Duration, err error) {
		l.OnBrokerE2E(kgo.BrokerMetadata{}, kmsg.Heartbeat.Int16(), kgo.BrokerE2E{TimeToRead: took, ReadErr: err})
	}
	expect := func(what string, after time.Duration, expired bool) {
		t.Helper()
		now = now.Add(after)
		if l.expired() != expired {
			t.Errorf("%s: expired %t", what, l.expired())
		}
	}
	heartbeat(0, nil)
	expect("just before the end", 8900*time.Millisecond, false)
	expect("at nine tenths of the session", 100*time.Millisecond, true)
	heartbeat(4*time.Second, nil) // was sent 4 s ago
	expect("4 s of it are over", 4900*time.Millisecond, false)
	expect("at its end", 100*time.Millisecond, true)
	heartbeat(0, errors.New("cut off"))
	expect("a heartbeat that failed", 0, true)
	l.OnBrokerWrite(kgo.BrokerMetadata{}, kmsg.JoinGroup.Int16(), 1, 0, 0, nil)
	expect("a join does not renew what has ended", 0, true)
	heartbeat(0, nil)
	l.OnBrokerWrite(kgo.BrokerMetadata{}, kmsg.JoinGroup.Int16(), 1, 0, 0, nil)
	expect("others take their time to join", 29*time.Second, false)
	expect("but not for ever", time.Second, true)
}
