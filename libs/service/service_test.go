package service_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/calypso-cdc/calypso/libs/config"
	"github.com/calypso-cdc/calypso/libs/rpc"
	"github.com/calypso-cdc/calypso/libs/service"
	"github.com/calypso-cdc/calypso/libs/telemetry"
	"github.com/calypso-cdc/calypso/libs/testenv"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

type settings struct {
	GRPCAddress string `name:"grpc-address" help:"gRPC."`
	HTTPAddress string `name:"http-address" help:"HTTP."`
}

// program serves until its context ends; unready says why it is not ready.
func program(unready func() error) service.Program[settings] {
	return service.Program[settings]{
		Program: config.Program{Name: "test"}, Version: "1",
		Health: func(s *settings) string { return s.GRPCAddress },
		Run: func(ctx context.Context, s *settings, tel *telemetry.Telemetry) error {
			return service.Serve(ctx, tel, service.Endpoints{
				GRPCAddress: s.GRPCAddress, HTTPAddress: s.HTTPAddress, Ready: unready, Register: func(*rpc.Server) {},
			}, func(ctx context.Context) error { <-ctx.Done(); return nil })
		},
	}
}

func TestAServiceAnswersForItsHealthUntilItIsStopped(t *testing.T) {
	grpcAddress, httpAddress := fmt.Sprintf("127.0.0.1:%d", testenv.Port(t)), fmt.Sprintf("127.0.0.1:%d", testenv.Port(t))
	args := []string{"--grpc-address", grpcAddress, "--http-address", httpAddress}
	p := program(func() error { return nil })
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- p.Execute(ctx, args) }()
	testenv.Eventually(t, 30*time.Second, "healthcheck", func(ctx context.Context) error {
		return p.Execute(ctx, append([]string{"healthcheck"}, args...))
	})
	testenv.Eventually(t, 30*time.Second, "/readyz", func(ctx context.Context) error {
		answer, err := (&http.Client{Transport: &http.Transport{DisableKeepAlives: true}}).Get("http://" +
			httpAddress + "/readyz")
		if err != nil {
			return err
		}
		defer answer.Body.Close()
		body, err := io.ReadAll(answer.Body)
		if answer.StatusCode != http.StatusOK {
			return fmt.Errorf("%d %s", answer.StatusCode, body)
		}
		return err
	})
	cancel()
	if err := <-ended; err != nil {
		t.Error(err)
	}
	if err := p.Execute(t.Context(), append([]string{"healthcheck"}, args...)); err == nil {
		t.Error("a stopped service is said to be healthy")
	}
}

func TestAServiceThatIsNotReadyIsNotHealthy(t *testing.T) {
	address := fmt.Sprintf("127.0.0.1:%d", testenv.Port(t))
	p := program(func() error { return errors.New("waiting for the database") })
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- p.Execute(ctx, []string{"--grpc-address", address}) }()
	testenv.Eventually(t, 30*time.Second, "not to be ready", func(ctx context.Context) error {
		err := p.Execute(ctx, []string{"healthcheck", "--grpc-address", address})
		if !errors.Is(err, rpc.ErrNotServing) {
			return fmt.Errorf("healthcheck says %w", err)
		}
		return nil
	})
	cancel()
	if err := <-ended; err != nil {
		t.Error(err)
	}
}

func TestATakenAddressEndsTheServiceAndNamesIt(t *testing.T) {
	err := program(func() error { return nil }).Execute(t.Context(), []string{"--grpc-address", "127.0.0.1:99999"})
	if err == nil || !strings.Contains(err.Error(), "listen for gRPC") {
		t.Errorf("error is %v", err)
	}
}

func TestNoServiceListensToOtherMachinesWithoutAskingWhoTheyAre(t *testing.T) {
	err := program(func() error { return nil }).Execute(t.Context(), []string{"--grpc-address", ":0"})
	if err == nil || !strings.Contains(err.Error(), "--insecure-no-auth") || !strings.Contains(err.Error(), "--tls-ca") {
		t.Errorf("error is %v", err)
	}
}
