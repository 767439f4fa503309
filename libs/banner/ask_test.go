package banner_test

import (
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"

	"google.golang.org/grpc"

	"github.com/calypso-cdc/calypso/libs/banner"
	"github.com/calypso-cdc/calypso/libs/testenv"
)

func TestWhoAnswersAClientOfGRPCIsNamed(t *testing.T) {
	web := httptest.NewServer(http.NotFoundHandler())
	t.Cleanup(web.Close)
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	server := grpc.NewServer()
	go func() { _ = server.Serve(l) }()
	t.Cleanup(server.Stop)
	gone, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	gone.Close()
	const ssh = "SSH-2.0-OpenSSH_9.2p1\r\n"
	for name, c := range map[string]struct {
		address string
		secured bool
		says    string
	}{
		"gRPC":           {address: l.Addr().String()},
		"nobody":         {address: gone.Addr().String()},
		"HTTP":           {address: web.Listener.Addr().String(), says: `is not admin without TLS but an HTTP server, which says "HTTP/1.1 404 Not Found"`},
		"HTTP for TLS":   {address: web.Listener.Addr().String(), secured: true, says: `is not admin with TLS but an HTTP server, which says "HTTP/1.1 400 Bad Request"`},
		"gRPC for TLS":   {address: l.Addr().String(), secured: true, says: "is not admin with TLS but a server that speaks HTTP/2 from the first byte on, such as one of gRPC"},
		"TLS":            {address: testenv.Speaker(t, "", "\x15\x03\x01\x00\x02\x02\x46").String(), says: "is not admin without TLS but a server that speaks TLS from the first byte on"},
		"SSH":            {address: testenv.Speaker(t, "", ssh).String(), says: `is not admin without TLS but an SSH server, which says "SSH-2.0-OpenSSH_9.2p1"`},
		"SSH for TLS":    {address: testenv.Speaker(t, "", ssh).String(), secured: true, says: "is not admin with TLS but an SSH server"},
		"PostgreSQL":     {address: testenv.Speaker(t, "", "").String(), says: "takes the connection and ends it without an answer"},
		"Kafka, for TLS": {address: testenv.Speaker(t, "", "").String(), secured: true, says: "takes the connection and ends it without an answer"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			err := banner.GRPC(t.Context(), c.address, "admin", c.secured)
			if (err == nil) != (c.says == "") || err != nil && !strings.Contains(err.Error(), c.says) {
				t.Errorf("%v, want one that says %q", err, c.says)
			}
		})
	}
}

func TestAnAnswerThatComesInPiecesIsJudgedWhenItCan(t *testing.T) {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		c, _, err := http.NewResponseController(w).Hijack()
		if err != nil {
			t.Error(err)
			return
		}
		defer c.Close()
		for _, piece := range []string{"H", "TT", "P/1.1 200 OK\r\nContent-", "Length: 2\r\n\r\n", "o", "k"} {
			_, _ = io.WriteString(c, piece)
		}
	}))
	t.Cleanup(server.Close)
	client := http.Client{Transport: banner.HTTP(http.DefaultTransport.(*http.Transport).Clone(), "the service")}
	response, err := client.Get(server.URL)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	if text, err := io.ReadAll(response.Body); string(text) != "ok" {
		t.Errorf("%q, %v", text, err)
	}
}

// A proxy of SOCKS answers its client before the server does, in bytes of its own.
func TestWhatAProxyOfSOCKSSaysIsNotTakenForTheServer(t *testing.T) {
	proxy := testenv.Speaker(t, "", "\x05\xff").String() // no way of signing in is good enough
	transport := http.DefaultTransport.(*http.Transport).Clone()
	transport.Proxy = func(*http.Request) (*url.URL, error) { return url.Parse("socks5://" + proxy) }
	client := http.Client{Transport: banner.HTTP(transport, "the service")}
	_, err := client.Get("http://service.example/")
	if err == nil || banner.Wrong(err) || !strings.Contains(err.Error(), "socks") {
		t.Errorf("%v", err)
	}
}
