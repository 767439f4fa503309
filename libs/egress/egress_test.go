package egress_test

import (
	"context"
	"errors"
	"net"
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/calypso-cdc/calypso/libs/egress"
)

func TestLinkLocalAndMetadataAddressesAreRefusedInEveryForm(t *testing.T) {
	for _, address := range []string{
		"169.254.169.254:80", "169.254.0.1:5432", "[::ffff:169.254.169.254]:80", "[::ffff:a9fe:a9fe]:80",
		"[64:ff9b::a9fe:a9fe]:80",
		"[fe80::1]:443", "[fe80::1%eth0]:443", "[febf::1]:443", "168.63.129.16:80", "100.100.100.200:80", "192.0.0.192:80",
		"[fd00:ec2::254]:80", "[fd20:ce::254]:80", "224.0.0.1:80", "[ff02::1]:80",
	} {
		var refused *egress.Refused
		if err := egress.Control("tcp", address, nil); !errors.As(err, &refused) {
			t.Errorf("%s: %v", address, err)
		}
	}
}

func TestLoopbackPrivateAndPublicAddressesAreAllowed(t *testing.T) {
	for _, address := range []string{"127.0.0.1:5432", "[::1]:5432", "10.0.0.1:9092", "172.16.0.1:1", "192.168.1.1:443",
		"[fd12::1]:443", "20.1.2.3:443",
		"169.253.255.255:1", "169.255.0.0:1", "[fec0::1]:1", "/var/run/postgresql/.s.PGSQL.5432"} {
		if err := egress.Control("tcp", address, nil); err != nil {
			t.Errorf("%s: %v", address, err)
		}
	}
}

func TestTheTransportRefusesBeforeItConnects(t *testing.T) {
	server := httptest.NewServer(http.NotFoundHandler())
	defer server.Close()
	transport := egress.Transport()
	transport.Proxy = nil
	defer transport.CloseIdleConnections()
	client := &http.Client{Transport: transport}
	response, err := client.Get(server.URL)
	if err != nil {
		t.Fatal(err)
	}
	_ = response.Body.Close()
	var refused *egress.Refused
	if _, err := client.Get("http://169.254.169.254/latest/meta-data/"); !errors.As(err, &refused) {
		t.Errorf("the metadata service: %v", err)
	}
}

func TestANameIsRefusedByTheAddressThatItHasWhenItIsDialled(t *testing.T) {
	server, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	answered := make(chan struct{})
	go func() {
		defer close(answered)
		answerNames(server, [4]byte{169, 254, 169, 254})
	}()
	defer func() {
		_ = server.Close()
		<-answered
	}()
	dialer := net.Dialer{Control: egress.Control, Resolver: &net.Resolver{PreferGo: true,
		Dial: func(ctx context.Context, _, _ string) (net.Conn, error) {
			return new(net.Dialer).DialContext(ctx, "udp", server.LocalAddr().String())
		}}}
	var refused *egress.Refused
	if conn, err := dialer.DialContext(t.Context(), "tcp4", "innocent.example.:80"); !errors.As(err, &refused) {
		t.Errorf("connection %v, %v", conn, err)
	}
}

// answerNames answers every query of the DNS (RFC 1035, section 4) with one address until the socket is closed.
func answerNames(server net.PacketConn, address [4]byte) {
	const header = 12
	query := make([]byte, 512)
	for {
		n, from, err := server.ReadFrom(query)
		if err != nil {
			return
		}
		end := header
		for end < n && query[end] != 0 {
			end += 1 + int(query[end])
		}
		if end += 5; end > n { // the root label, type and class
			continue
		}
		answer := append([]byte{query[0], query[1], 0x81, 0x80, 0, 1, 0, 1, 0, 0, 0, 0}, query[header:end]...)
		answer = append(answer, 0xc0, header, 0, 1, 0, 1, 0, 0, 0, 60, 0, 4)
		_, _ = server.WriteTo(append(answer, address[:]...), from)
	}
}
