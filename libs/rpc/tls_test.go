package rpc_test

import (
	"context"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"google.golang.org/grpc"

	"github.com/calypso-cdc/calypso/libs/rpc"
	"github.com/calypso-cdc/calypso/libs/testenv"
)

// issue writes the files of a service into dir.
func issue(t *testing.T, a *testenv.Authority, dir, name string) rpc.TLS {
	t.Helper()
	cert, key, ca := a.Issue(t, dir, name)
	return rpc.TLS{Cert: cert, Key: key, CA: ca}
}

// ask calls the server over a new connection.
func ask(ctx context.Context, address string, files rpc.TLS) error {
	connection, err := grpc.NewClient("passthrough:///"+address, files.Dial())
	if err != nil {
		return err
	}
	defer connection.Close()
	return rpc.Healthy(ctx, connection)
}

func TestServicesKnowEachOtherByCertificatesThatAreRenewedWithoutARestart(t *testing.T) {
	first, second := testenv.NewAuthority(t), testenv.NewAuthority(t)
	serverDir, clientDir, strangerDir := t.TempDir(), t.TempDir(), t.TempDir()
	files := issue(t, first, serverDir, "capture")
	client, stranger := issue(t, first, clientDir, "admin"), issue(t, second, strangerDir, "stranger")
	if err := files.Validate(); err != nil {
		t.Fatal(err)
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	server := rpc.NewServer(rpc.Config{TLS: files.ServerOfServices()})
	go func() { done <- server.Serve(ctx, listener) }()
	defer func() {
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
	}()
	address := listener.Addr().String()
	if err := ask(ctx, address, client); err != nil {
		t.Errorf("a service that the authority knows: %v", err)
	}
	if err := ask(ctx, address, stranger); err == nil {
		t.Error("a stranger trusts the server")
	}
	if err := ask(ctx, address, rpc.TLS{CA: client.CA}); err == nil {
		t.Error("a caller without a certificate is answered")
	}
	if err := ask(ctx, address, rpc.TLS{Cert: stranger.Cert, Key: stranger.Key, CA: client.CA}); err == nil {
		t.Error("a stranger's certificate is taken")
	}
	if err := ask(ctx, address, rpc.TLS{}); err == nil {
		t.Error("plaintext is answered")
	}

	// The authority and all certificates change while the server runs; a renewal that is half done
	// leaves the old ones in use.
	if err := os.WriteFile(files.Cert, []byte("half"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := ask(ctx, address, client); err != nil {
		t.Errorf("while the certificate is being renewed: %v", err)
	}
	issue(t, second, serverDir, "capture")
	if err := ask(ctx, address, stranger); err != nil {
		t.Errorf("with the new authority: %v", err)
	}
	if err := ask(ctx, address, client); err == nil {
		t.Error("the old authority is still trusted")
	}
}

func TestFilesOfTLSThatAreWrongAreNamed(t *testing.T) {
	dir := t.TempDir()
	good := issue(t, testenv.NewAuthority(t), dir, "x")
	bad := filepath.Join(dir, "bad.pem")
	if err := os.WriteFile(bad, []byte("no PEM"), 0o600); err != nil {
		t.Fatal(err)
	}
	for want, files := range map[string]rpc.TLS{
		"tls-cert and tls-key": {Cert: good.Cert},
		"bad.pem":              {Cert: bad, Key: good.Key},
		"tls-ca":               {Cert: good.Cert, Key: good.Key, CA: bad},
		"none.pem":             {Cert: filepath.Join(dir, "none.pem"), Key: good.Key},
	} {
		if err := files.Validate(); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%+v: %v", files, err)
		}
	}
}

func TestAnAddressBeyondLoopbackNeedsCertificatesOfCallersOrAWordThatItDoesNot(t *testing.T) {
	mutual := rpc.TLS{Cert: "service.pem", Key: "service.key", CA: "ca.pem"}
	for _, c := range []struct {
		name    string
		tls     rpc.TLS
		address string
		fault   string
	}{
		{"loopback by name", rpc.TLS{}, "localhost:1", ""},
		{"loopback of version 4", rpc.TLS{}, "127.0.0.9:1", ""},
		{"loopback of version 6", rpc.TLS{}, "[::1]:1", ""},
		{"all addresses", rpc.TLS{}, ":1", "--insecure-no-auth"},
		{"one address", rpc.TLS{}, "10.0.0.1:1", "--insecure-no-auth"},
		{"a name that anybody may resolve", rpc.TLS{}, "localhost.example.com:1", "--insecure-no-auth"},
		{"TLS that asks nobody", rpc.TLS{Cert: "service.pem", Key: "service.key"}, ":1", "--tls-ca"},
		{"an authority without a certificate", rpc.TLS{CA: "ca.pem"}, ":1", "--tls-cert"},
		{"mutual TLS", mutual, ":1", ""},
		{"guarded otherwise", rpc.TLS{InsecureNoAuth: true}, ":1", ""},
		{"no port", rpc.TLS{InsecureNoAuth: true}, "10.0.0.1", "not host:port"},
	} {
		t.Run(c.name, func(t *testing.T) {
			switch err := c.tls.CheckAddress(c.address); {
			case c.fault == "" && err != nil:
				t.Error(err)
			case c.fault != "" && (err == nil || !strings.Contains(err.Error(), c.fault)):
				t.Errorf("error is %v, want one about %s", err, c.fault)
			}
		})
	}
}
