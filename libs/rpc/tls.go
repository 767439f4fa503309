package rpc

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"os"
	"sync"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/credentials/insecure"

	"github.com/calypso-cdc/calypso/libs/config"
)

// TLS is the section of a service's settings about TLS between Calypso's services: PEM files that
// are read again when they change, so that certificates are renewed without a restart. The zero
// value means plaintext.
//
// A service with Cert and Key serves only TLS 1.3. With CA, its callers must show a certificate
// that CA signed (mutual TLS), and it trusts CA and shows its own certificate when it calls others.
type TLS struct {
	Cert string `name:"tls-cert" env:"TLS_CERT" help:"File of this service's PEM certificate (with its chain), for TLS between Calypso's services; plaintext if empty. Read again when it changes."`
	Key  string `name:"tls-key" env:"TLS_KEY" help:"File of the PEM key of that certificate."`
	CA   string `name:"tls-ca" env:"TLS_CA" help:"File of the PEM certificates that sign those of Calypso's services: callers must show one then."`

	// InsecureNoAuth lets a service listen beyond loopback without authenticating its callers.
	InsecureNoAuth bool `name:"insecure-no-auth" env:"INSECURE_NO_AUTH" help:"Listen on any address without authentication: something else must guard it."`
}

// Validate returns all errors, joined.
func (t TLS) Validate() error {
	switch {
	case (t.Cert == "") != (t.Key == ""):
		return errors.New("tls-cert and tls-key must be set together")
	case t.Cert == "" && t.CA == "":
		return nil
	}
	files := &tlsFiles{TLS: t}
	_, err := files.read()
	return err
}

// CheckAddress refuses an address, host:port, that other machines can reach if callers need not
// show a certificate and InsecureNoAuth is not set.
func (t TLS) CheckAddress(address string) error {
	loopback, err := IsLoopback(address)
	if err != nil {
		return err
	}
	if loopback || t.InsecureNoAuth || t.Enabled() && t.CA != "" {
		return nil
	}
	return fmt.Errorf(
		"%s can be reached from other machines and nobody would be asked who they are: give --tls-cert, --tls-key and --tls-ca, "+
			"so that callers must show a certificate, or say --insecure-no-auth if something else guards the address", address)
}

// IsLoopback reports whether only this machine can reach an address, host:port.
func IsLoopback(address string) (bool, error) {
	host, _, err := net.SplitHostPort(address)
	if err != nil {
		return false, fmt.Errorf("address %q is not host:port", address)
	}
	if host == "localhost" {
		return true, nil
	}
	ip := net.ParseIP(host)
	return ip != nil && ip.IsLoopback(), nil
}

// Enabled reports whether there is a certificate to serve with.
func (t TLS) Enabled() bool { return t.Cert != "" }

// Server returns the configuration for listening, which asks callers for certificates as clients
// says; nil for plaintext.
func (t TLS) Server(clients tls.ClientAuthType) *tls.Config {
	if !t.Enabled() {
		return nil
	}
	files := &tlsFiles{TLS: t}
	return &tls.Config{
		MinVersion: tls.VersionTLS13,
		NextProtos: []string{"h2", "http/1.1"},
		GetConfigForClient: func(*tls.ClientHelloInfo) (*tls.Config, error) {
			read, err := files.read()
			if err != nil {
				return nil, err
			}
			config := &tls.Config{MinVersion: tls.VersionTLS13, NextProtos: []string{"h2", "http/1.1"},
				Certificates: []tls.Certificate{read.certificate}}
			if read.authorities != nil {
				config.ClientAuth, config.ClientCAs = clients, read.authorities
			}
			return config, nil
		},
	}
}

// ServerOfServices is Server for callers that are services: they must show a certificate if CA is
// set.
func (t TLS) ServerOfServices() *tls.Config { return t.Server(tls.RequireAndVerifyClientCert) }

// Dial returns the credentials for calling other services: plaintext if neither CA nor a
// certificate is set.
func (t TLS) Dial() grpc.DialOption {
	if t.CA == "" && !t.Enabled() {
		return grpc.WithTransportCredentials(insecure.NewCredentials())
	}
	files := &tlsFiles{TLS: t}
	config := &tls.Config{
		MinVersion: tls.VersionTLS13,
		GetClientCertificate: func(*tls.CertificateRequestInfo) (*tls.Certificate, error) {
			read, err := files.read()
			return &read.certificate, err
		},
	}
	if t.CA != "" {
		// The certificates of a tls.Config cannot change, so they are checked here, as crypto/tls would
		// do it.
		config.InsecureSkipVerify = true
		config.VerifyConnection = func(state tls.ConnectionState) error {
			read, err := files.read()
			if err != nil {
				return err
			}
			options := x509.VerifyOptions{DNSName: state.ServerName, Roots: read.authorities, Intermediates: x509.NewCertPool()}
			for _, c := range state.PeerCertificates[1:] {
				options.Intermediates.AddCert(c)
			}
			_, err = state.PeerCertificates[0].Verify(options)
			return err
		}
	}
	return grpc.WithTransportCredentials(credentials.NewTLS(config))
}

// tlsFiles reads the files again when one of them has changed. If they cannot be read, the earlier
// contents stay in use, so that a half-finished renewal breaks nothing. It is safe for concurrent
// use.
type tlsFiles struct {
	TLS

	mu       sync.Mutex
	modified [3]time.Time
	last     *tlsRead
}

type tlsRead struct {
	certificate tls.Certificate
	authorities *x509.CertPool
}

func (f *tlsFiles) read() (tlsRead, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	modified, err := f.times()
	if err == nil && f.last != nil && modified == f.modified {
		return *f.last, nil
	}
	var fresh *tlsRead
	if err == nil {
		fresh, err = f.load()
	}
	switch {
	case err == nil:
		f.last, f.modified = fresh, modified
	case f.last == nil:
		return tlsRead{}, err
	}
	return *f.last, nil
}

func (f *tlsFiles) times() (times [3]time.Time, err error) {
	for i, path := range []string{f.Cert, f.Key, f.CA} {
		if path == "" {
			continue
		}
		info, err := os.Stat(path)
		if err != nil {
			return times, fmt.Errorf("read a file of TLS: %w", err)
		}
		times[i] = info.ModTime()
	}
	return times, nil
}

func (f *tlsFiles) load() (*tlsRead, error) {
	read := &tlsRead{}
	if f.Cert != "" {
		var err error
		if read.certificate, err = config.ReadKeyPair(f.Cert, f.Key); err != nil {
			return nil, fmt.Errorf("read tls-cert %s and tls-key %s: %w", f.Cert, f.Key, err)
		}
	}
	if f.CA != "" {
		pem, err := config.ReadFile(f.CA)
		if err != nil {
			return nil, fmt.Errorf("read tls-ca: %w", err)
		}
		read.authorities = x509.NewCertPool()
		if !read.authorities.AppendCertsFromPEM(pem) {
			return nil, fmt.Errorf("tls-ca %s holds no PEM certificate", f.CA)
		}
	}
	return read, nil
}
