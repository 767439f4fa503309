package testenv

import (
	"context"
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"
	"time"
)

// Port is FreePort for a test.
func Port(t testing.TB) int {
	t.Helper()
	p, err := FreePort()
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// WaitFor calls check until it returns nil, and fails with its last error when ctx ends first: the
// last that ctx's end did not cut short, if there is one, since only that says what is wrong.
func WaitFor(ctx context.Context, what string, check func(context.Context) error) error {
	pause := 10 * time.Millisecond
	var last error
	for {
		err := check(ctx)
		if err == nil {
			return nil
		}
		if last == nil || ctx.Err() == nil {
			last = err
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("wait for %s: %w (%w)", what, last, context.Cause(ctx))
		case <-time.After(pause):
		}
		pause = min(pause*2, 200*time.Millisecond)
	}
}

// Eventually is WaitFor for a test: it fails the test when check has not returned nil within d. d is how long a broken
// run takes to say so, never a claim about speed, so it should be generous.
func Eventually(t testing.TB, d time.Duration, what string, check func(context.Context) error) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), d)
	defer cancel()
	if err := WaitFor(ctx, what, check); err != nil {
		t.Fatal(err)
	}
}

// missing skips t because the machine lacks part, or fails it where CALYPSO_TEST_REQUIRE names the part.
func missing(t testing.TB, part string, err error) {
	t.Helper()
	if slices.Contains(strings.Split(os.Getenv("CALYPSO_TEST_REQUIRE"), ","), part) {
		t.Fatalf("CALYPSO_TEST_REQUIRE demands %s: %v", part, err)
	}
	t.Skipf("left out: %v", err)
}
