package command

import (
	"context"
	"errors"
	"testing"
)

func TestOnlyTheCaptureThatServesAnEndpointRunsItsCommands(t *testing.T) {
	endpoints := New[int, int]()
	if _, err := endpoints.Call(t.Context(), "a", 1); !errors.Is(err, ErrClosed) {
		t.Errorf("before the endpoint is open: %v", err)
	}
	serve := func(factor int) (end func()) {
		endpoint := endpoints.Open("a")
		ctx, cancel := context.WithCancel(t.Context())
		ended := make(chan error, 1)
		go func() {
			ended <- endpoint.Serve(ctx, func(_ context.Context, n int) (int, error) {
				if n < 0 {
					panic("below zero")
				}
				return n * factor, nil
			})
		}()
		return func() {
			cancel()
			if err := <-ended; err != nil {
				t.Error(err)
			}
			endpoint.Close()
		}
	}
	endOld := serve(2)
	if got, err := endpoints.Call(t.Context(), "a", 4); got != 8 || err != nil {
		t.Errorf("4 is answered by %d, %v", got, err)
	}
	if _, err := endpoints.Call(t.Context(), "a", -1); err == nil {
		t.Error("a command that panics is answered without an error")
	}
	if _, err := endpoints.Call(t.Context(), "b", 4); !errors.Is(err, ErrClosed) {
		t.Errorf("another connector's endpoint: %v", err)
	}
	endNew := serve(3)
	endOld() // leaves the endpoint open that leads to the newer capture
	if got, err := endpoints.Call(t.Context(), "a", 4); got != 12 || err != nil {
		t.Errorf("4 is answered by %d, %v", got, err)
	}
	endNew()
	if _, err := endpoints.Call(t.Context(), "a", 4); !errors.Is(err, ErrClosed) {
		t.Errorf("after the endpoint was closed: %v", err)
	}
}

func TestACallEndsWithItsEndpointAndWithItsCaller(t *testing.T) {
	endpoints := New[int, int]()
	endpoint := endpoints.Open("a") // and nobody serves it
	ended := make(chan error, 1)
	go func() {
		_, err := endpoints.Call(t.Context(), "a", 1)
		ended <- err
	}()
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := endpoints.Call(ctx, "a", 1); !errors.Is(err, context.Canceled) {
		t.Errorf("the caller has gone: %v", err)
	}
	endpoint.Close()
	if err := <-ended; !errors.Is(err, ErrClosed) {
		t.Errorf("the endpoint was closed: %v", err)
	}
}
