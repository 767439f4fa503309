// Package egress bounds where a service connects to on behalf of a connector's configuration, which
// whoever may write one chooses: database.hostname, the brokers of a dead letter topic, a schema
// registry, kusto.url.
//
// Link-local addresses and those of the clouds' metadata services are refused, since what answers
// there hands credentials of the machine to whoever asks. The address is looked at when it is
// dialled, after names are resolved, so that no name leads there either, whatever it resolved to
// before. Loopback and private networks are allowed: databases and brokers stand there. There is no
// exception, since no server of a pipeline has such an address; the credentials of the machine
// itself are asked for by the cloud's own client, which does not come here.
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

// nat64 is the prefix under which a translator reaches IPv4 addresses (RFC 6052), which are the last four bytes.
var nat64 = netip.MustParsePrefix("64:ff9b::/96")

// Refused says that an address may not be connected to.
type Refused struct{ Address netip.Addr }

func (r *Refused) Error() string {
	return fmt.Sprintf(
		"%s is a link-local address or a cloud's metadata service, to which no connector may connect; name the server that is meant", r.Address)
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

// Transport is the default transport of HTTP, bounded. A proxy that the environment names is
// dialled in place of the server, and bounds where it goes itself.
func Transport() *http.Transport {
	transport := http.DefaultTransport.(*http.Transport).Clone()
	transport.DialContext = (&net.Dialer{Timeout: 30 * time.Second, KeepAlive: 30 * time.Second,
		Control: Control}).DialContext
	return transport
}
