package kafka

import (
	"context"
	"errors"
	"fmt"
	"net"
	"strconv"
	"strings"
	"sync/atomic"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/calypso-cdc/calypso/libs/banner"
)

// Reach knows why the brokers cannot be reached. Clients keep trying while they cannot, and in the
// end report only a timeout. It is a hook, kgo.WithHooks, for any number of clients.
type Reach struct {
	why atomic.Pointer[error] // nil if a broker answered after the last failure
}

var (
	_ kgo.HookBrokerConnect = (*Reach)(nil)
	_ kgo.HookBrokerRead    = (*Reach)(nil)
)

// OnBrokerConnect records that an attempt to connect failed. A connection alone proves nothing:
// another server may be there, or a proxy without a server behind it.
func (r *Reach) OnBrokerConnect(_ kgo.BrokerMetadata, _ time.Duration, _ net.Conn, err error) {
	if err == nil {
		return
	}
	// The caller may have run out of time, which says less than what is known already.
	if timeout, ok := errors.AsType[net.Error](err); ok && timeout.Timeout() && r.why.Load() != nil {
		return
	}
	r.why.Store(&err)
}

// OnBrokerRead records that a broker answers, or that the server does not answer the first request
// like a broker.
func (r *Reach) OnBrokerRead(m kgo.BrokerMetadata, key int16, _ int, _, _ time.Duration, err error) {
	const first = 18 // ApiVersions
	switch {
	case err == nil:
		if r.why.Load() != nil {
			r.why.Store(nil)
		}
	case key == first && !errors.Is(err, context.Canceled) && !errors.Is(err, kgo.ErrClientClosed):
		if _, other := errors.AsType[*banner.OtherServerError](err); !other {
			err = fmt.Errorf("%s takes the connection and does not answer as a broker of Kafka: %w",
				net.JoinHostPort(m.Host, strconv.Itoa(int(m.Port))), err)
		}
		r.why.Store(&err)
	}
}

// Why returns why the last attempt to connect failed; nil if a broker has answered since.
func (r *Reach) Why() error {
	if why := r.why.Load(); why != nil {
		return *why
	}
	return nil
}

// Explain adds to a client's error why the brokers cannot be reached, if they cannot and the error
// does not say so.
func (r *Reach) Explain(err error) error {
	why := r.Why()
	if err == nil || why == nil || strings.Contains(err.Error(), why.Error()) {
		return err
	}
	return fmt.Errorf("%w: %w", err, why)
}
