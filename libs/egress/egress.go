// Package egress limits the addresses to which a service connects because a connector's
// configuration names them: database.hostname, the brokers of a dead letter topic, a schema
// registry, kusto.url. Everybody who may write a configuration chooses these.
//
// Link-local addresses and those of the clouds' metadata services are refused, since the services
// there give the machine's credentials to every caller. The address is checked when it is dialled,
// after names are resolved, so that no name leads there either, whatever it resolved to before.
// Loopback and private networks are allowed, since databases and brokers are there. There is no
// exception, since no server of a pipeline has such an address; the machine's own credentials are
// requested by the cloud's client library, which does not use this package.
package egress

import (
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"slices"
	"syscall"
	"time"
)

// metadata are the addresses of metadata services that are not link-local: Azure's wire server,
// Alibaba's, Oracle's older one, and EC2's and Google's for IPv6.
var metadata = []netip.Addr{
	netip.MustParseAddr("168.63.129.16"), netip.MustParseAddr("100.100.100.200"), netip.MustParseAddr("192.0.0.192"),
	netip.MustParseAddr("fd00:ec2::254"), netip.MustParseAddr("fd20:ce::254"),
}

// nat64 is the prefix under which a translator reaches IPv4 addresses (RFC 6052); the last four
// bytes are the address.
var nat64 = netip.MustParsePrefix("64:ff9b::/96")

// Refused is the error for an address to which no connection may be made.
type Refused struct{ Address netip.Addr }

func (r *Refused) Error() string {
	return fmt.Sprintf(
		"%s is a link-local address or a cloud's metadata service, to which no connector may connect; name the intended server", r.Address)
}

// Control refuses addresses; it is a net.Dialer's Control. The error is a *Refused.
func Control(_, address string, _ syscall.RawConn) error {
	to, err := netip.ParseAddrPort(address)
	if err != nil {
		return nil // a socket of this machine's file system
	}
	addr := to.Addr().Unmap().WithZone("")
	if nat64.Contains(addr) {
		bytes := addr.As16()
		addr = netip.AddrFrom4([4]byte(bytes[12:]))
	}
	if addr.IsLinkLocalUnicast() || addr.IsMulticast() || slices.Contains(metadata, addr) {
		return &Refused{addr}
	}
	return nil
}

// Transport returns a copy of the default HTTP transport with these limits. A proxy that the
// environment names is dialled in place of the server, and must limit itself where it connects.
func Transport() *http.Transport {
	transport := http.DefaultTransport.(*http.Transport).Clone()
	transport.DialContext = (&net.Dialer{Timeout: 30 * time.Second, KeepAlive: 30 * time.Second,
		Control: Control}).DialContext
	return transport
}
