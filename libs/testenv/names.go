package testenv

import (
	"context"
	"errors"
	"net"
	"testing"
	"time"
)

// NoSuchHost is a name that never exists (RFC 6761).
const NoSuchHost = "no-such-host.invalid"

// SkipWithoutNames skips a test if no name server answers that a name does not exist: without a
// network, a look-up fails for that reason and not because of the name.
func SkipWithoutNames(t testing.TB) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
	defer cancel()
	_, err := net.DefaultResolver.LookupHost(ctx, NoSuchHost)
	if unknown, ok := errors.AsType[*net.DNSError](err); !ok || !unknown.IsNotFound {
		t.Skipf("left out: no name server answers here (%v)", err)
	}
}
