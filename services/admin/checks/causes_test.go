package checks

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"math/big"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"

	capturev1 "github.com/calypso-cdc/calypso/gen/calypso/capture/v1"
	"github.com/calypso-cdc/calypso/libs/kusto"
	"github.com/calypso-cdc/calypso/libs/pgrepl"
	"github.com/calypso-cdc/calypso/libs/testenv"
)

// broken are servers that cannot be worked with, by what is wrong: their addresses as host:port.
// authorities is the file (PEM) of those that clients trust.
func broken(t *testing.T) (addresses map[string]string, authorities string) {
	t.Helper()
	authorities = filepath.Join(t.TempDir(), "ca.pem")
	listen := func() net.Listener {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		return l
	}
	refusing, silent := listen(), listen()
	refused := refusing.Addr().String()
	_ = refusing.Close()
	t.Cleanup(func() { _ = silent.Close() })
	unknown := httptest.NewUnstartedServer(http.NotFoundHandler())
	unknown.Config.ErrorLog = nil
	unknown.StartTLS()
	t.Cleanup(unknown.Close)
	speaks := func(config *tls.Config) string {
		t.Helper()
		return testenv.Peer(t, func(conn net.Conn) {
			server := tls.Server(conn, config)
			if server.Handshake() == nil {
				_, _ = server.Read(make([]byte, 1))
			}
		}).String()
	}
	certificate := func(end time.Duration, address net.IP) []tls.Certificate {
		return []tls.Certificate{selfSigned(t, authorities, time.Now().Add(end), address)}
	}
	here, elsewhere := net.IPv4(127, 0, 0, 1), net.IPv4(10, 0, 0, 1)
	plain := httptest.NewServer(http.NotFoundHandler())
	t.Cleanup(plain.Close)
	return map[string]string{
		"refused": refused, "name": testenv.NoSuchHost + ":4711", "silent": silent.Addr().String(),
		"authority":     strings.TrimPrefix(unknown.URL, "https://"),
		"plain":         strings.TrimPrefix(plain.URL, "http://"),
		"expired":       speaks(&tls.Config{MinVersion: tls.VersionTLS12, Certificates: certificate(-time.Minute, here)}),
		"not yet valid": speaks(&tls.Config{MinVersion: tls.VersionTLS12, Certificates: certificate(3*time.Hour, here)}),
		"another host": speaks(&tls.Config{MinVersion: tls.VersionTLS12,
			Certificates: certificate(time.Hour, elsewhere)}),
		"client's": speaks(&tls.Config{MinVersion: tls.VersionTLS12, Certificates: certificate(time.Hour, here),
			ClientAuth: tls.RequireAndVerifyClientCert}),
		"client's, by 1.2": speaks(&tls.Config{MinVersion: tls.VersionTLS12, MaxVersion: tls.VersionTLS12,
			Certificates: certificate(time.Hour, here), ClientAuth: tls.RequireAndVerifyClientCert}),
	}, authorities
}

// selfSigned makes a certificate for an address that holds for the hour before end, and adds it to
// the authorities of clients.
func selfSigned(t *testing.T, authorities string, end time.Time, address net.IP) tls.Certificate {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(time.Now().UnixNano()),
		NotBefore: end.Add(-time.Hour - time.Minute), NotAfter: end, IPAddresses: []net.IP{address},
		IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign | x509.KeyUsageDigitalSignature}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	file, err := os.OpenFile(authorities, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o600)
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	if err := pem.Encode(file, &pem.Block{Type: "CERTIFICATE", Bytes: der}); err != nil {
		t.Fatal(err)
	}
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}
}

// clients are the ways in which the fleets speak to servers; each returns the error with which it speaks to an address.
var clients = map[string]func(ctx context.Context, address, authorities string) error{
	"PostgreSQL": func(ctx context.Context, address, _ string) error {
		host, port, _ := net.SplitHostPort(address)
		number, _ := strconv.ParseUint(port, 10, 16)
		conn, err := pgrepl.Config{Host: host, Port: uint16(number), User: "u", Password: "p", Database: "d",
			SSLMode: "disable", ConnectTimeout: time.Second}.Connect(ctx)
		if err == nil {
			_ = conn.Close(ctx)
		}
		return err
	},
	"Kafka": func(ctx context.Context, address, authorities string) error {
		client, err := kgo.NewClient(kgo.SeedBrokers(address),
			kgo.DialTLSConfig(&tls.Config{MinVersion: tls.VersionTLS12, RootCAs: pool(authorities)}),
			kgo.DialTimeout(time.Second), kgo.RequestRetries(0))
		if err != nil {
			return err
		}
		defer client.Close()
		_, err = kadm.NewClient(client).BrokerMetadata(ctx)
		return err
	},
	"Kusto": func(ctx context.Context, address, authorities string) error {
		host, _, _ := net.SplitHostPort(address)
		endpoints, err := kusto.DeriveEndpoints("https://"+address, "")
		if err != nil {
			return err
		}
		client, err := kusto.New(kusto.Config{Endpoints: endpoints, TrustedHosts: []string{host}, CAFile: authorities})
		if err != nil {
			return err
		}
		defer client.Close()
		_, err = client.Query(ctx, "d", "print 1")
		return err
	},
	"a registry": func(ctx context.Context, address, authorities string) error {
		r, err := http.NewRequestWithContext(ctx, http.MethodGet, "https://"+address+"/schemas/ids/1", nil)
		if err != nil {
			return err
		}
		client := http.Client{Transport: &http.Transport{TLSClientConfig: &tls.Config{MinVersion: tls.VersionTLS12,
			RootCAs: pool(authorities)}}}
		defer client.CloseIdleConnections()
		answer, err := client.Do(r)
		if err == nil {
			_ = answer.Body.Close()
			err = errors.New(answer.Status)
		}
		return err
	},
}

// pool reads authorities; none where nobody is trusted.
func pool(authorities string) *x509.CertPool {
	pool := x509.NewCertPool()
	if text, err := os.ReadFile(authorities); err == nil {
		pool.AppendCertsFromPEM(text)
	}
	return pool
}

func TestWhatIsShownOfARealErrorHasItsDeepestCauseAndARemedyThatFits(t *testing.T) {
	want := map[string]struct{ causes, remedies []string }{
		"refused": {[]string{"connection refused"}, []string{"nothing listens"}},
		"name":    {[]string{"no such host"}, []string{"DNS"}},
		"silent": {[]string{"timeout", "deadline exceeded", "has not answered", "says nothing for"},
			[]string{"does not answer in time"}},
		"authority": {[]string{"certificate signed by unknown authority"},
			[]string{"kusto.tls.ca.file", "sslrootcert", "admin's --tls-ca"}},
		"plain": {[]string{"first record does not look like a TLS handshake", "server gave HTTP response", "but an HTTP server"},
			[]string{"one side speaks TLS"}},
		"expired": {[]string{"certificate has expired or is not yet valid"},
			[]string{"renew the server's certificate"}},
		"not yet valid": {[]string{"certificate has expired or is not yet valid"},
			[]string{"renew the server's certificate"}},
		"another host": {[]string{"certificate is valid for 10.0.0.1"}, []string{"connect by a name that it has"}},
		"client's":     {[]string{"tls: certificate required"}, []string{"give the client one"}},
		"client's, by 1.2": {[]string{"tls: bad certificate", "tls: handshake failure"},
			[]string{"give the client one", "it may want a client certificate"}},
	}
	addresses, authorities := broken(t)
	for what, address := range addresses {
		for name, speak := range clients {
			if tls := what != "refused" && what != "name" && what != "silent"; name == "PostgreSQL" && tls {
				continue // libs/pgrepl gives that its reason and remedy
			}
			t.Run(name+" "+what, func(t *testing.T) {
				t.Parallel()
				if what == "name" {
					testenv.SkipWithoutNames(t)
				}
				ctx, cancel := context.WithTimeout(context.WithoutCancel(t.Context()), 5*time.Second)
				defer cancel()
				err := speak(ctx, address, authorities)
				if err == nil {
					t.Fatal("no error")
				}
				text := fmt.Sprintf("do what was to be done:\n\t%v", err)
				sink := healthy()
				sink.Pipeline.Sinks[0].Sink.TryingAgain = text
				source := healthy()
				source.Pipeline.Capture.Phase, source.Pipeline.Capture.Reason = capturev1.Phase_PHASE_RETRYING, text
				fleet := healthy()
				fleet.Workers["sink"][0].Serving, fleet.Workers["sink"][0].Detail = false, text
				views := []View{sink, source}
				if wayOf(text).tls {
					views = append(views, fleet)
				}
				for _, v := range views {
					var found bool
					for _, c := range Run(now, v) {
						if !strings.Contains(c.Summary, "do what was to be done") {
							continue
						}
						found = true
						if !containsAny(c.Summary, want[what].causes) || !containsAny(c.Remedy, want[what].remedies) ||
							strings.Contains(c.Summary, "\n") || strings.Contains(c.Remedy, "az kusto") {
							t.Errorf("shown as %q with the remedy %q", c.Summary, c.Remedy)
						}
					}
					if !found {
						t.Errorf("nothing is shown of %v", err)
					}
				}
			})
		}
	}
}

// TestWhatSomebodyNamedChoosesNoRemedy gives what the words of remedies stand in to ports, hosts, tables and the like.
func TestWhatSomebodyNamedChoosesNoRemedy(t *testing.T) {
	const other = "az kusto cluster show"
	for text, remedy := range map[string]string{
		`Post "https://10.0.4.29:44297/x-429-y": EOF`:                              other,
		`look at shop.orders: Post "https://throttle-1.kusto.windows.net/v1": EOF`: other,
		`throttle-1.westeurope.kusto.windows.net: connection reset by peer`:        other,
		`forbidden:443: connection reset by peer`:                                  other,
		`ingest into shop.unauthorized: connection reset by peer`:                  other,
		`ingest into Forbidden.AADSTS: EOF [HTTP 500]`:                             other,
		`read topic throttled: EOF`:                                                other,
		`read topic shop.connection.refused: EOF`:                                  other,
		`look at table 'not found': row 403 is odd [HTTP 500]`:                     other,
		`[::1]:40403: EOF`:                          other,
		`ingest into shop.timeout: id 429-401: EOF`: other,
		`ingest into shop.unauthorized: dial tcp 10.0.0.1:443: connect: connection refused`:                                 "nothing listens",
		`Post "https://throttle-1/": x509: cannot validate certificate for 10.0.0.1 because it doesn't contain any IP SANs`: "a name that it has",
		`look up throttled.example: no such host`:                                                                           "DNS",
		`konnte nicht in Datei »base/5/1« schreiben: Auf dem Gerät ist kein Speicherplatz mehr frei (SQLSTATE 53100)`:       "a disk is full",
		`read tcp 10.0.0.1:40404->10.0.0.2:443: i/o timeout`:                                                                "in time",
		// these two a sink says as data
		`the table orders was not found [HTTP 400]`:                        other,
		`sign in: AADSTS7000222: the client secret has expired [HTTP 401]`: other,
	} {
		v := healthy()
		v.Pipeline.Sinks[0].Sink.TryingAgain = text
		for _, c := range Run(now, v) {
			if c.Name == Ingestion && !strings.Contains(c.Remedy, remedy) {
				t.Errorf("%s\nhas the remedy %q, want %q", text, c.Remedy, remedy)
			}
		}
	}
}

func containsAny(text string, words []string) bool {
	for _, w := range words {
		if strings.Contains(text, w) {
			return true
		}
	}
	return false
}

func TestASentenceKeepsHeadAndTailOfWhatIsTooLong(t *testing.T) {
	long := "do this:\n" + strings.Repeat("because of that: ", 500) + "\n\tconnection refused"
	if got := Sentence(long); !strings.HasPrefix(got, "do this: because") ||
		!strings.HasSuffix(got, "connection refused") || len(got) > 800 {
		t.Errorf("%d bytes: %s", len(got), got)
	}
	if got := Sentence(
		"the task panicked: nil\n\ngoroutine 7 [running]:\nmain.f()\n\tf.go:1"); got != "the task panicked: nil" {
		t.Error(got)
	}
	if got := Sentence(" \n "); got != "no reason given" {
		t.Error(got)
	}
}

func TestAnotherServerAtAnAddressHasARemedyOfItsOwn(t *testing.T) {
	const other = "another server is at the address"
	for text, want := range map[string]string{
		`what answers at 10.0.4.29:443 is not Azure Data Explorer but a web page called "x"`:           other,
		`what answers at 10.0.4.29:22 is not a schema registry without TLS but an SSH server`:          other,
		`10.0.4.29:5432 takes the connection and ends it without an answer (EOF), as other servers do`: other,
		`what answers at h:80 is not admin but a server that speaks TLS from the first byte on`:        "the server speaks TLS",
	} {
		if got := remedyOf(strings.ToLower(text), "a file"); !strings.Contains(got, want) {
			t.Errorf("%s: %q, want %q", text, got, want)
		}
	}
}
