package pgrepl_test

import (
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/calypso-cdc/calypso/libs/pgrepl"
	"github.com/calypso-cdc/calypso/libs/testenv"
)

func TestAnotherServerAtPostgreSQLsAddressIsNamedByWhatItSays(t *testing.T) {
	plain, secure := httptest.NewServer(http.NotFoundHandler()), httptest.NewTLSServer(http.NotFoundHandler())
	secure.Config.ErrorLog = log.New(io.Discard, "", 0)
	t.Cleanup(plain.Close)
	t.Cleanup(secure.Close)
	silent := testenv.Peer(t, func(c net.Conn) { _, _ = io.Copy(io.Discard, c) })
	gone := testenv.Peer(t, func(net.Conn) {})
	stranger := []string{"what answers at ", " is not PostgreSQL but "}
	for name, c := range map[string]struct {
		address net.Addr
		says    []string
		not     []string
	}{
		// nginx, Apache and Jetty answer what is no request at once; Go's server waits for the end of its line.
		"HTTP": {testenv.Speaker(t, "", "HTTP/1.1 400 Bad Request\r\nServer: nginx\r\nConnection: close\r\n\r\n<html>"),
			append(stranger, `an HTTP server, which says "HTTP/1.1 400 Bad Request"`), []string{"nginx"}},
		"HTTP of Go": {plain.Listener.Addr(), []string{"says nothing for 1s", "an HTTP server"}, []string{"switched off"}},
		"HTTP with a cookie": {testenv.Speaker(t, "", "HTTP/1.1 302 Found\r\nSet-Cookie: session=secret\r\n\r\n"),
			append(stranger, `an HTTP server, which says "HTTP/1.1 302 Found"`), []string{"secret"}},
		// OpenSSL's alert about the version of what is no handshake; Go's server closes the connection.
		"TLS": {testenv.Speaker(t, "", "\x15\x03\x01\x00\x02\x02\x46"),
			append(stranger, "a server that speaks TLS from the first byte on"), nil},
		"TLS of Go": {secure.Listener.Addr(), []string{"without a word", "TLS from the first byte on"}, []string{"switched off"}},
		"SSH": {testenv.Speaker(t, "SSH-2.0-OpenSSH_9.2p1 Debian-2+deb12u3\r\n", ""),
			append(stranger, `an SSH server, which says "SSH-2.0-OpenSSH_9.2p1 Debian-2+deb12u3"`), nil},
		// The greeting of MySQL 8.0.36: version, thread, salt, capabilities, plugin.
		"MySQL": {testenv.Speaker(t, "I\x00\x00\x00\n8.0.36\x00\x0b\x00\x00\x00&Ae;:\x1d&\x04\x00\xff\xff\xff\x02\x00\xff\xdf\x15\x00\x00\x00\x00\x00\x00"+
			"\x00\x00\x00\x00Z7L%BRl\x1f\x18p3n\x00caching_sha2_password\x00", ""),
			append(stranger, `a MySQL or MariaDB server, which says "8.0.36"`), []string{"Z7L%BRl"}},
		"SMTP": {testenv.Speaker(t, "220 mail.example.com ESMTP Postfix\r\n", ""),
			append(stranger, `another server, which says "220 mail.example.com ESMTP Postfix"`), nil},
		"memcached": {testenv.Speaker(t, "", "ERROR\r\n"), append(stranger, `another server, which says "ERROR"`), nil},
		"binary":    {testenv.Speaker(t, "", "\x01\x02\x03"), append(stranger, "which says 01 02 03 (hexadecimal)"), nil},
		"a line as long as it likes": {testenv.Speaker(t, "", strings.Repeat("blah", 1000)),
			append(stranger, strings.Repeat("blah", 20)+"…"), []string{strings.Repeat("blah", 21)}},
		"no process left": {testenv.Speaker(t, "", "Ecould not fork new process for connection: Resource temporarily unavailable\n\x00"),
			[]string{`cannot serve another connection: "could not fork new process for connection: Resource temporarily unavailable"`},
			[]string{"is not PostgreSQL"}},
		"a broker of Kafka": {testenv.Speaker(t, "", ""), []string{"without a word", "a Kafka broker"}, []string{"switched off"}},
		"nobody":            {gone, []string{"without a word", "Docker"}, []string{"switched off"}},
		"silence":           {silent, []string{"says nothing for 1s"}, []string{"switched off"}},
	} {
		for _, mode := range []string{"disable", "prefer", "allow", "require", "verify-ca", "verify-full"} {
			if strings.Contains(c.says[0], "says nothing") && mode == "allow" {
				break // each waits, and the others are like those before
			}
			t.Run(name+", sslmode="+mode, func(t *testing.T) {
				t.Parallel()
				port, err := strconv.ParseUint(c.address.String()[strings.LastIndex(c.address.String(), ":")+1:], 10, 16)
				if err != nil {
					t.Fatal(err)
				}
				cfg := pgrepl.Config{Host: "127.0.0.1", Port: uint16(port), User: "u", Database: "d", SSLMode: mode,
					ConnectTimeout: time.Second}
				_, replication := pgrepl.OpenSession(t.Context(), cfg)
				_, ordinary := cfg.Connect(t.Context())
				for _, err := range []error{replication, ordinary} {
					if pgrepl.ReasonOf(err) != pgrepl.ReasonUnreachable || !pgrepl.Transient(err) {
						t.Fatalf("error %v, want one that is %s", err, pgrepl.ReasonUnreachable)
					}
					for _, want := range c.says {
						if !strings.Contains(err.Error(), want) {
							t.Errorf("error %v\nwant one that says %s", err, want)
						}
					}
					for _, not := range append(c.not, " bytes", "\n") {
						if strings.Contains(err.Error(), not) {
							t.Errorf("error %v\nwant one that does not say %q", err, not)
						}
					}
				}
			})
		}
	}
}
