package localadx

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"fmt"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"slices"
	"time"

	settings "github.com/calypso-cdc/calypso/libs/config"
)

// CAFile is the name of the certificate authority's certificate within the data directory.
const CAFile = "ca.pem"

const (
	caKeyFile = "ca.key"
	caLife    = 10 * 365 * 24 * time.Hour
	// Some systems refuse server certificates that are good for longer than this.
	serverLife = 397 * 24 * time.Hour
)

// certificateNames are what clients call a server on their machine or in a container.
func certificateNames(config Config) []string {
	names := []string{"localhost", "ingest-localhost", "localadx", "ingest-localadx", "host.docker.internal",
		"127.0.0.1", "::1"}
	if host, err := os.Hostname(); err == nil {
		names = append(names, host)
	}
	for _, addr := range []string{config.HTTPAddr, config.HTTPSAddr} {
		if host, _, err := net.SplitHostPort(addr); err == nil && host != "" {
			names = append(names, host)
		}
	}
	names = append(names, config.Names...)
	slices.Sort(names)
	return slices.Compact(names)
}

// serverCertificate loads the configured certificate, or issues one for this start by the authority in the data
// directory, which stays the same so that clients need to trust it only once.
func serverCertificate(config Config) (tls.Certificate, error) {
	if config.CertFile != "" {
		certificate, err := settings.ReadKeyPair(config.CertFile, config.KeyFile)
		if err != nil {
			return tls.Certificate{}, fmt.Errorf("load the https certificate: %w", err)
		}
		return certificate, nil
	}
	authority, err := loadAuthority(config.DataDir)
	if os.IsNotExist(err) {
		authority, err = makeAuthority(config.DataDir)
	}
	if err != nil {
		return tls.Certificate{}, err
	}
	return issue(authority, certificateNames(config))
}

type authority struct {
	certificate *x509.Certificate
	key         *ecdsa.PrivateKey
}

func loadAuthority(dir string) (*authority, error) {
	pair, err := tls.LoadX509KeyPair(filepath.Join(dir, CAFile), filepath.Join(dir, caKeyFile))
	if err != nil {
		if os.IsNotExist(err) {
			return nil, err
		}
		return nil, fmt.Errorf("load the certificate authority from %s: %w", dir, err)
	}
	certificate, err := x509.ParseCertificate(pair.Certificate[0])
	if err != nil {
		return nil, fmt.Errorf("read %s: %w", CAFile, err)
	}
	key, ok := pair.PrivateKey.(*ecdsa.PrivateKey)
	if !ok {
		return nil, fmt.Errorf("%s holds a %T and not a key that this program made: remove it together with %s", caKeyFile,
			pair.PrivateKey, CAFile)
	}
	return &authority{certificate, key}, nil
}

func makeAuthority(dir string) (*authority, error) {
	template := certificateTemplate("localadx certificate authority", caLife)
	template.IsCA, template.BasicConstraintsValid = true, true
	template.KeyUsage = x509.KeyUsageCertSign | x509.KeyUsageCRLSign
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, fmt.Errorf("make the authority's key: %w", err)
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		return nil, fmt.Errorf("make the authority's certificate: %w", err)
	}
	keyDER, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		return nil, fmt.Errorf("write the authority's key: %w", err)
	}
	if err := os.WriteFile(filepath.Join(dir, caKeyFile),
		pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: keyDER}), 0o600); err != nil {
		return nil, fmt.Errorf("write the authority's key: %w", err)
	}
	if err := os.WriteFile(filepath.Join(dir, CAFile), pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}),
		0o644); err != nil {
		return nil, fmt.Errorf("write the authority's certificate: %w", err)
	}
	return loadAuthority(dir)
}

func issue(by *authority, names []string) (tls.Certificate, error) {
	template := certificateTemplate("localadx", serverLife)
	template.KeyUsage = x509.KeyUsageDigitalSignature
	template.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth}
	for _, name := range names {
		if ip := net.ParseIP(name); ip != nil {
			template.IPAddresses = append(template.IPAddresses, ip)
		} else {
			template.DNSNames = append(template.DNSNames, name)
		}
	}
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return tls.Certificate{}, fmt.Errorf("make the https key: %w", err)
	}
	der, err := x509.CreateCertificate(rand.Reader, template, by.certificate, key.Public(), by.key)
	if err != nil {
		return tls.Certificate{}, fmt.Errorf("make the https certificate: %w", err)
	}
	return tls.Certificate{Certificate: [][]byte{der, by.certificate.Raw}, PrivateKey: key}, nil
}

func certificateTemplate(name string, life time.Duration) *x509.Certificate {
	serial, err := rand.Int(rand.Reader, new(big.Int).Lsh(big.NewInt(1), 127))
	if err != nil {
		serial = big.NewInt(time.Now().UnixNano())
	}
	return &x509.Certificate{
		SerialNumber: serial,
		Subject:      pkix.Name{CommonName: name, Organization: []string{"localadx"}},
		NotBefore:    time.Now().Add(-time.Hour),
		NotAfter:     time.Now().Add(life),
	}
}
