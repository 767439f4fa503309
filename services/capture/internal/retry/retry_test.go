package retry_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"

	"github.com/calypso-cdc/calypso/libs/pgrepl"
	"github.com/calypso-cdc/calypso/services/capture/internal/retry"
)

// policy tries again for ever and notes how long each wait is.
func policy(waits *[]time.Duration) retry.Policy {
	return retry.Policy{Failures: -1, MostDelay: time.Second, SlotInUse: 10 * time.Second,
		SlotDelay: 100 * time.Millisecond,
		Notice:    func(_ error, in time.Duration) { *waits = append(*waits, in) }}
}

// failing is a session that fails with each of the errors in turn and then with one that waiting does not fix.
func failing(errs ...error) func(context.Context) error {
	return func(context.Context) error {
		if len(errs) == 0 {
			return retry.Permanent("the end")
		}
		err := errs[0]
		errs = errs[1:]
		return err
	}
}

func TestTheWaitBetweenSessionsDoublesUpToItsLimit(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var waits []time.Duration
		err := retry.Sessions(t.Context(), policy(&waits), failing(io.EOF, io.EOF, io.EOF, io.EOF))
		if want := []time.Duration{250 * time.Millisecond, 500 * time.Millisecond, time.Second,
			time.Second}; !slices.Equal(waits, want) || !errors.Is(err, retry.ErrPermanent) {
			t.Errorf("waits %v, want %v; %v", waits, want, err)
		}
	})
}

func TestASessionThatLastedMakesTheWaitShortAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var waits []time.Duration
		next := failing(io.EOF, io.EOF, io.EOF)
		err := retry.Sessions(t.Context(), policy(&waits), func(ctx context.Context) error {
			if len(waits) == 2 {
				time.Sleep(time.Minute)
			}
			return next(ctx)
		})
		if want := []time.Duration{250 * time.Millisecond, 500 * time.Millisecond,
			250 * time.Millisecond}; !slices.Equal(waits, want) {
			t.Errorf("waits %v, want %v; %v", waits, want, err)
		}
	})
}

func TestSessionsThatFailTooOftenFailTheTask(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var waits []time.Duration
		p := policy(&waits)
		p.Failures = 2
		if err := retry.Sessions(t.Context(), p, func(context.Context) error { return io.EOF }); !errors.Is(err, io.EOF) ||
			len(waits) != 2 {
			t.Errorf("%d sessions were tried again, and then: %v", len(waits), err)
		}
	})
}

func TestASlotThatStaysInUseIsGivenUpInTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var waits []time.Duration
		busy := &pgrepl.Error{Reason: pgrepl.ReasonSlotInUse, Op: "read the slot", Err: errors.New("it is active")}
		began := time.Now()
		err := retry.Sessions(t.Context(), policy(&waits), func(context.Context) error { return busy })
		if took := time.Since(began); !errors.Is(err, error(busy)) || took <= 10*time.Second || took > 11*time.Second {
			t.Errorf("given up after %s of 10 s: %v", took, err)
		}
		if slices.Max(waits) > 100*time.Millisecond {
			t.Errorf("the longest wait is %s", slices.Max(waits))
		}
	})
}

func TestTheEndOfTheContextIsNoFailure(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var waits []time.Duration
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if err := retry.Sessions(ctx, policy(&waits), func(context.Context) error { return io.EOF }); err != nil {
			t.Error(err)
		}
	})
}

// token is an error of who gives tokens, as of packages entra and kafka.
type token bool

func (token) Error() string   { return "no token" }
func (t token) Passing() bool { return bool(t) }

func TestWhatAnErrorSaysOfItselfDecidesBeforeItsCause(t *testing.T) {
	for _, c := range []struct {
		err       error
		transient bool
	}{
		{io.EOF, true},
		{errors.New("strange"), false},
		{kerr.NotLeaderForPartition, true},
		{fmt.Errorf("find the coordinator: %w", token(true)), true},
		{fmt.Errorf("find the coordinator: %w", token(false)), false},
		{kerr.TopicAuthorizationFailed, false},
		{kerr.UnknownServerError, true},
		{retry.Permanent("look at it: %w", io.EOF), false},
		{errors.Join(retry.ErrFenced, kerr.NotLeaderForPartition), false},
		{errors.Join(errors.New("strange"), retry.Passing("it passes")), true},
		{&pgrepl.Error{Reason: pgrepl.ReasonSlotLost, Err: io.EOF}, false},
		{&pgrepl.Error{Reason: pgrepl.ReasonSlotInUse, Err: errors.New("it is active")}, true},
	} {
		if got := retry.Transient(c.err); got != c.transient {
			t.Errorf("%v: transient %t, want %t", c.err, got, c.transient)
		}
	}
}
