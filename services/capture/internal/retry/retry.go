package retry

import (
	"context"
	"errors"
	"math/rand/v2"
	"time"

	"github.com/calypso-cdc/calypso/libs/pgrepl"
)

// Policy says how often, and after what delay, a session follows one that failed.
type Policy struct {
	// Failures is how many sessions in a row may fail before the next failure is final; -1 for any
	// number.
	Failures int
	// MostDelay is the longest wait between two sessions. The first is 250 ms, each further one twice as long, and a
	// quarter at most is added by chance.
	MostDelay time.Duration
	// SlotInUse is how long a slot that somebody else reads is asked for again, with at most SlotDelay
	// in between: after a crash the server may need wal_sender_timeout to notice that the slot's
	// reader is gone.
	SlotInUse, SlotDelay time.Duration
	// Notice is called with the error of a failed session, and with the time until the next one
	// begins.
	Notice func(err error, in time.Duration)
}

const (
	firstDelay  = 250 * time.Millisecond
	steadyAfter = 30 * time.Second // a session that lasted this long makes the next delay the first again
)

// Sessions runs one session after another. It returns nil when ctx ends, and the error of a session
// that failed for a reason that waiting does not end, or once too often.
func Sessions(ctx context.Context, p Policy, session func(context.Context) error) error {
	delay, failures := firstDelay, 0
	var inUse time.Time // since when the slot is another's; zero if it is not
	for {
		began := time.Now()
		err := session(ctx)
		if ctx.Err() != nil {
			return nil
		}
		if err == nil {
			err = errors.New("the session ended without a reason")
		}
		if time.Since(began) > steadyAfter {
			delay, failures = firstDelay, 0
		}
		failures++
		wait := delay
		if pgrepl.ReasonOf(err) != pgrepl.ReasonSlotInUse {
			inUse = time.Time{}
		} else {
			if inUse.IsZero() {
				inUse = time.Now()
			}
			if time.Since(inUse) > p.SlotInUse {
				return err
			}
			wait = min(delay, p.SlotDelay)
		}
		if !Transient(err) || p.Failures >= 0 && failures > p.Failures {
			return err
		}
		p.Notice(err, wait)
		if !Sleep(ctx, wait+time.Duration(rand.Int64N(int64(wait)/4+1))) {
			return nil
		}
		delay = min(2*delay, max(firstDelay, p.MostDelay))
	}
}

// Sleep waits; false if ctx ends before.
func Sleep(ctx context.Context, d time.Duration) bool {
	if d <= 0 {
		return ctx.Err() == nil
	}
	select {
	case <-ctx.Done():
		return false
	case <-time.After(d):
		return true
	}
}
