package telemetry_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"testing"
	"time"

	"github.com/calypso-cdc/calypso/libs/telemetry"
)

// half are the ways to hold a connection without a whole request.
var half = map[string]string{
	"nothing":          "",
	"half a header":    "POST / HTTP/1.1\r\nHost: a\r\nX-",
	"half a body":      "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1000\r\n\r\nhalf",
	"half of a chunk":  "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n10\r\nhalf",
	"nothing any more": "GET /answered HTTP/1.1\r\nHost: a\r\n\r\n",
}

func TestAThousandCallersWhoSendHalfARequestKeepNobodyOut(t *testing.T) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	watching := make(chan struct{})
	go func() {
		ended <- telemetry.ServeHTTP(ctx, listener, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			switch r.URL.Path {
			case "/watch":
				close(watching)
				<-r.Context().Done()
				return
			case "/livez", "/answered":
				fmt.Fprint(w, "ok")
				return
			}
			_, _ = io.ReadAll(r.Body)
		}))
	}()
	address := listener.Addr().String()
	watch, err := net.Dial("tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	defer watch.Close()
	fmt.Fprintf(watch, "GET /watch HTTP/1.1\r\nHost: a\r\n\r\n")
	<-watching
	var held []net.Conn
	for how, text := range half {
		for range 1200 {
			c, err := net.Dial("tcp", address)
			if err != nil {
				t.Fatalf("%s: %v", how, err)
			}
			held = append(held, c)
			_, _ = io.WriteString(c, text)
		}
		client := http.Client{Timeout: 20 * time.Second, Transport: &http.Transport{DisableKeepAlives: true}}
		answer, err := client.Get("http://" + address + "/livez")
		if err != nil {
			t.Fatalf("while 1200 connections hold %s: %v", how, err)
		}
		_ = answer.Body.Close()
	}
	if err := watch.SetReadDeadline(time.Now().Add(10 * time.Millisecond)); err != nil {
		t.Fatal(err)
	}
	if _, err := watch.Read(make([]byte, 1)); !errors.Is(err, os.ErrDeadlineExceeded) {
		t.Errorf("a request that is being answered was ended: %v", err)
	}
	for _, c := range held {
		_ = c.Close()
	}
	cancel()
	if err := <-ended; err != nil {
		t.Error(err)
	}
}
