package admin

import (
	"crypto/tls"
	"crypto/x509"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	connectorv1 "github.com/calypso-cdc/calypso/gen/calypso/connector/v1"
	"github.com/calypso-cdc/calypso/libs/rpc"
	"github.com/calypso-cdc/calypso/libs/testenv"
)

func TestWithTLSAllPartsKnowEachOtherAndUsersMayShowCertificates(t *testing.T) {
	authority, dir := testenv.NewAuthority(t), t.TempDir()
	cert, key, ca := authority.Issue(t, dir, "robot")
	users := filepath.Join(dir, "users")
	if err := os.WriteFile(users, []byte("robot:operator:certificate\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	s := startWith(t, rpc.TLS{Cert: cert, Key: key, CA: ca}, func(c *Config) { c.UsersFile = users })
	if _, err := s.connectors().ListConnectors(t.Context(), &connectorv1.ListConnectorsRequest{}); err != nil {
		t.Errorf("a user with a certificate: %v", err)
	}
	_, err := s.connectors().DeleteConnector(t.Context(), &connectorv1.DeleteConnectorRequest{Name: "x"})
	if status.Code(err) != codes.PermissionDenied || !strings.Contains(err.Error(), "robot") {
		t.Errorf("an operator deletes: %v", err)
	}
	nameless := *s
	if nameless.connection, err = grpc.NewClient("dns:///"+s.grpc, rpc.TLS{CA: ca}.Dial()); err != nil {
		t.Fatal(err)
	}
	defer nameless.connection.Close()
	if _, err := nameless.connectors().ListConnectors(t.Context(),
		&connectorv1.ListConnectorsRequest{}); status.Code(err) != codes.Unauthenticated {
		t.Errorf("a caller without a certificate: %v", err)
	}

	pem, err := os.ReadFile(ca)
	if err != nil {
		t.Fatal(err)
	}
	pool := x509.NewCertPool()
	pool.AppendCertsFromPEM(pem)
	pair, err := tls.LoadX509KeyPair(cert, key)
	if err != nil {
		t.Fatal(err)
	}
	get := func(path string, certificates ...tls.Certificate) int {
		t.Helper()
		client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true,
			TLSClientConfig: &tls.Config{RootCAs: pool, Certificates: certificates}}}
		answer, err := client.Get(strings.Replace(s.http, "http:", "https:", 1) + path)
		if err != nil {
			t.Fatal(err)
		}
		defer answer.Body.Close()
		return answer.StatusCode
	}
	for _, path := range []string{"/connectors", "/v1/connectors", "/v1/pipelines"} {
		if code := get(path, pair); code != http.StatusOK {
			t.Errorf("%s with a certificate: %d", path, code)
		}
		if code := get(path); code != http.StatusUnauthorized {
			t.Errorf("%s without: %d", path, code)
		}
	}
}
