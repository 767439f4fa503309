package kusto

import (
	"crypto/tls"
	"encoding/pem"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"google.golang.org/grpc"

	"github.com/calypso-cdc/calypso/libs/testenv"
)

func TestAnotherServerAtTheAddressOfAzureDataExplorerIsNamedByWhatItSays(t *testing.T) {
	answering := func(status int, media, text string) string {
		s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", media)
			w.WriteHeader(status)
			fmt.Fprint(w, text)
		}))
		t.Cleanup(s.Close)
		return s.Listener.Addr().String()
	}
	secured := httptest.NewTLSServer(http.NotFoundHandler())
	t.Cleanup(secured.Close)
	ca := filepath.Join(t.TempDir(), "ca.pem")
	if err := os.WriteFile(ca, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: secured.Certificate().Raw}), 0o600); err != nil {
		t.Fatal(err)
	}
	grpcOf := func(l net.Listener) string {
		s := grpc.NewServer()
		go func() { _ = s.Serve(l) }()
		t.Cleanup(s.Stop)
		return l.Addr().String()
	}
	listen := func() net.Listener {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		return l
	}
	overTLS := grpcOf(tls.NewListener(listen(), &tls.Config{Certificates: secured.TLS.Certificates, NextProtos: []string{"h2"}}))
	const (
		ssh   = "SSH-2.0-OpenSSH_9.2p1 Debian-2+deb12u3\r\n"
		mysql = "J\x00\x00\x00\x0a8.0.36\x00\x01\x02\x03\x04"
		alert = "\x15\x03\x01\x00\x02\x02\x46"
	)
	for name, c := range map[string]struct{ scheme, address, says string }{
		"SSH":                    {"http", testenv.Speaker(t, ssh, "").String(), `is not Azure Data Explorer without TLS but an SSH server, which says "SSH-2.0-OpenSSH_9.2p1 Debian-2+deb12u3"`},
		"SSH, asked with TLS":    {"https", testenv.Speaker(t, ssh, "").String(), `is not Azure Data Explorer with TLS but an SSH server`},
		"MySQL":                  {"http", testenv.Speaker(t, mysql, "").String(), `a MySQL or MariaDB server`},
		"PostgreSQL":             {"http", testenv.Speaker(t, "", "").String(), "takes the connection and ends it without an answer"},
		"PostgreSQL with TLS":    {"https", testenv.Speaker(t, "", "").String(), "takes the connection and ends it without an answer"},
		"a server of TLS":        {"http", testenv.Speaker(t, "", alert).String(), "is not Azure Data Explorer without TLS but a server that speaks TLS from the first byte on"},
		"Go's server of TLS":     {"http", secured.Listener.Addr().String(), `which says "Client sent an HTTP request to an HTTPS server."`},
		"no TLS":                 {"https", answering(200, "text/plain", "hello"), `is not Azure Data Explorer with TLS but an HTTP server, which says "HTTP/1.1 400 Bad Request"`},
		"gRPC":                   {"http", grpcOf(listen()), "a server that speaks HTTP/2 from the first byte on, such as one of gRPC"},
		"gRPC with TLS":          {"https", overTLS, "is not Azure Data Explorer but a gRPC server"},
		"an HTTP server":         {"http", answering(404, "text/plain", "404 page not found\n"), `is not Azure Data Explorer but an HTTP server with text/plain, which says "404 page not found" (HTTP 404 Not Found)`},
		"text with 200":          {"http", answering(200, "text/plain", "It works!"), `an HTTP server with text/plain, which says "It works!" (HTTP 200 OK)`},
		"Kafka Connect":          {"http", answering(404, "application/json", `{"error_code":404,"message":"HTTP 404 Not Found"}`), "a server of Kafka Connect's kind"},
		"another server of JSON": {"http", answering(400, "application/json", `{"error":{"type":"illegal_argument_exception"},"status":400}`), "is not Azure Data Explorer but an HTTP server with application/json"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			client, err := New(Config{Endpoints: Endpoints{Query: c.scheme + "://" + c.address, Ingest: c.scheme + "://" + c.address},
				Auth: Auth{Strategy: NoAuth}, CAFile: ca})
			if err != nil {
				t.Fatal(err)
			}
			defer client.Close()
			_, command := client.Manage(t.Context(), "db", ".show tables")
			_, query := client.Query(t.Context(), "db", "T | count")
			for _, err := range []error{command, query} {
				var e *Error
				if !errors.As(err, &e) || !strings.Contains(err.Error(), c.says) || strings.Contains(err.Error(), "Kind(K") ||
					!strings.Contains(err.Error(), c.address) || !strings.Contains(err.Error(), "kusto.windows.net") {
					t.Errorf("error %v\nwant one that says %s", err, c.says)
				}
				if Permanent(err) || ObstacleOf(err) != Mistaken {
					t.Errorf("of %v the obstacle is %v, permanent %t", err, ObstacleOf(err), Permanent(err))
				}
			}
		})
	}
}
