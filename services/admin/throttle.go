package admin

import (
	"errors"
	"net/netip"
	"sync"
	"time"

	"google.golang.org/grpc/codes"

	"github.com/calypso-cdc/calypso/libs/rpc"
)

const (
	// freeFailures is how many wrong passwords in a row a machine may send before it must wait; each
	// further one doubles the wait, from one second up to a minute.
	freeFailures = 5
	longestWait  = time.Minute
	// maxHosts bounds the memory; when it is reached, all hosts are forgotten.
	maxHosts = 4096
)

// errTooManyFailures means that a machine sent too many wrong passwords.
var errTooManyFailures = errors.New("too many wrong passwords came from this machine: wait a minute and try again")

// throttle makes machines that send wrong passwords wait, by their address. Credentials that are
// already known to be right bypass it, so that others behind the same proxy are not locked out.
// Safe for concurrent use.
type throttle struct {
	now func() time.Time

	mu    sync.Mutex
	hosts map[string]failures
}

type failures struct {
	inARow int
	until  time.Time
}

func newThrottle(now func() time.Time) *throttle {
	return &throttle{now: now, hosts: map[string]failures{}}
}

// neighbourhood is the unit by which failures are counted: an address, or for IPv6 the 64 bits that
// name a network, within which a machine can have as many addresses as it likes.
func neighbourhood(host string) string {
	address, err := netip.ParseAddr(host)
	if err != nil || address.Unmap().Is4() {
		return host
	}
	network, _ := address.WithZone("").Prefix(64)
	return network.String()
}

// admit returns errTooManyFailures while a host must wait.
func (t *throttle) admit(host string) error {
	host = neighbourhood(host)
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.now().Before(t.hosts[host].until) {
		return errTooManyFailures
	}
	return nil
}

// succeeded forgets the failures of a host.
func (t *throttle) succeeded(host string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	delete(t.hosts, neighbourhood(host))
}

// failed makes a host wait, longer with each failure since its last success.
func (t *throttle) failed(host string) {
	host = neighbourhood(host)
	t.mu.Lock()
	defer t.mu.Unlock()
	if len(t.hosts) >= maxHosts {
		clear(t.hosts)
	}
	f := t.hosts[host]
	f.inARow++
	if over := f.inARow - freeFailures; over >= 0 {
		f.until = t.now().Add(min(time.Second<<min(over, 10), longestWait))
	}
	t.hosts[host] = f
}

// authenticationError is the gRPC error of a call whose caller could not be identified.
func authenticationError(err error) error {
	if errors.Is(err, errTooManyFailures) {
		return rpc.Error(codes.ResourceExhausted, "TOO_MANY_FAILURES", err.Error())
	}
	return rpc.Error(codes.Unauthenticated, "UNAUTHENTICATED", err.Error())
}
