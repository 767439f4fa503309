package testenv

import (
	"context"
	"errors"
	"net"
	"testing"
	"time"
)

// NoSuchHost is a name that no server has (RFC 6761).
const NoSuchHost = "no-such-host.invalid"

// SkipWithoutNames leaves a test out where nothing answers that a name is not there: without a network, a look-up fails
// for that reason and not because of the name.
func SkipWithoutNames(t testing.TB) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
	defer cancel()
	_, err := net.DefaultResolver.LookupHost(ctx, NoSuchHost)
	if unknown, ok := errors.AsType[*net.DNSError](err); !ok || !unknown.IsNotFound {
		t.Skipf("left out: no name server answers here (%v)", err)
	}
}
