package kafka

import (
	"fmt"
	"net"
	"strings"
	"sync"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"
)

// Reach knows why the brokers cannot be connected to. Clients wait such times out and in the end
// say only that the time is over. It is a hook, kgo.WithHooks, of any number of clients.
type Reach struct {
	mu  sync.Mutex
	why error // guarded by mu; nil if the last connection was made
}

var _ kgo.HookBrokerConnect = (*Reach)(nil)

// OnBrokerConnect notes how an attempt to connect ended.
func (r *Reach) OnBrokerConnect(_ kgo.BrokerMetadata, _ time.Duration, _ net.Conn, err error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.why = err
}

// Why is why the last attempt to connect failed; nil if it did not.
func (r *Reach) Why() error {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.why
}

// Explain adds to an error of a client why the brokers cannot be connected to, if they cannot and it does not say so.
func (r *Reach) Explain(err error) error {
	why := r.Why()
	if err == nil || why == nil || strings.Contains(err.Error(), why.Error()) {
		return err
	}
	return fmt.Errorf("%w: %w", err, why)
}
