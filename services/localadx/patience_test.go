package localadx

import (
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"testing"
	"time"
)

func TestAHalfSentBodyDoesNotHoldItsConnectionAndOthersAreAnswered(t *testing.T) {
	ended := make(chan error, 100)
	server := httptest.NewServer(patient(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/health" {
			return
		}
		_, err := io.ReadAll(r.Body)
		ended <- err
	}), 50*time.Millisecond))
	defer server.Close()
	var held []net.Conn
	for range cap(ended) {
		conn, err := net.Dial("tcp", server.Listener.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close()
		fmt.Fprintf(conn, "POST /v1/rest/mgmt HTTP/1.1\r\nHost: x\r\nContent-Length: 1000\r\n\r\n{\"db\"")
		held = append(held, conn)
	}
	if response, err := http.Get(server.URL + "/health"); err != nil || response.StatusCode != http.StatusOK {
		t.Errorf("a probe beside %d half-sent requests got %v, %v", len(held), response, err)
	}
	for range held {
		if err := <-ended; !errors.Is(err, os.ErrDeadlineExceeded) {
			t.Errorf("a half-sent body ended with %v", err)
		}
	}
}

func TestASlowAnswerToAWholeBodyIsNotCutOff(t *testing.T) {
	server := httptest.NewServer(patient(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		io.Copy(io.Discard, r.Body)
		select {
		case <-r.Context().Done():
			t.Error("the request was given up while its answer was made")
		case <-time.After(300 * time.Millisecond):
		}
	}), 50*time.Millisecond))
	defer server.Close()
	response, err := http.Post(server.URL, "text/plain", strings.NewReader("whole"))
	if err != nil {
		t.Fatal(err)
	}
	response.Body.Close()
}
