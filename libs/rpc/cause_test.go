package rpc_test

import (
	"context"
	"net"
	"strings"
	"testing"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
	healthv1 "google.golang.org/grpc/health/grpc_health_v1"

	"github.com/calypso-cdc/calypso/libs/rpc"
)

func TestWhyAServiceCannotBeReachedIsSaidWithoutTheWordsOfGRPC(t *testing.T) {
	frozen, err := net.Listen("tcp", "127.0.0.1:0") // connections are taken by the system, and nobody speaks
	if err != nil {
		t.Fatal(err)
	}
	defer frozen.Close()
	gone, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	gone.Close()
	for _, c := range []struct{ address, want string }{
		{gone.Addr().String(), "dial tcp " + gone.Addr().String() + ": connect: connection refused"},
		{frozen.Addr().String(), "it takes connections and does not answer, as a process does that is frozen"},
	} {
		connection, err := grpc.NewClient("dns:///"+c.address, grpc.WithTransportCredentials(insecure.NewCredentials()),
			grpc.WithConnectParams(grpc.ConnectParams{MinConnectTimeout: 100 * time.Millisecond}))
		if err != nil {
			t.Fatal(err)
		}
		defer connection.Close()
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		for {
			_, err := healthv1.NewHealthClient(connection).Check(ctx, &healthv1.HealthCheckRequest{})
			if got := rpc.Cause(err); got == c.want || ctx.Err() != nil || !strings.Contains(got, "context") {
				if got != c.want {
					t.Errorf("of %q the cause is %q, want %q", err, got, c.want)
				}
				break
			}
		}
	}
}
