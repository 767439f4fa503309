package rpc_test

import (
	"context"
	"log/slog"
	"net"
	"testing"

	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
	healthv1 "google.golang.org/grpc/health/grpc_health_v1"

	"github.com/calypso-cdc/calypso/libs/rpc"
)

// Each says what a client of HTTP/2 begins with, and nothing more.
func TestAnyNumberOfSilentConnectionsKeepsNobodyOut(t *testing.T) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	server := rpc.NewServer(rpc.Config{Logger: slog.New(slog.DiscardHandler)})
	ctx, stop := context.WithCancel(t.Context())
	served := make(chan error, 1)
	go func() { served <- server.Serve(ctx, listener) }()
	var silent []net.Conn
	for range 1100 {
		c, err := net.Dial("tcp", listener.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		silent = append(silent, c)
		if _, err := c.Write([]byte("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\x00\x00\x00\x04\x00\x00\x00\x00\x00")); err != nil {
			t.Fatal(err)
		}
	}
	for range 2 {
		connection, err := grpc.NewClient(listener.Addr().String(), grpc.WithTransportCredentials(insecure.NewCredentials()))
		if err != nil {
			t.Fatal(err)
		}
		asked, end := context.WithTimeout(t.Context(), patience)
		if _, err := healthv1.NewHealthClient(connection).Check(asked,
			&healthv1.HealthCheckRequest{Service: rpc.Liveness}); err != nil {
			t.Error(err)
		}
		end()
		connection.Close()
	}
	for _, c := range silent {
		c.Close()
	}
	stop()
	if err := <-served; err != nil {
		t.Error(err)
	}
}
