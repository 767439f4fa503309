package capture

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"time"

	"github.com/calypso-cdc/calypso/libs/change"
	"github.com/calypso-cdc/calypso/libs/connector"
	"github.com/calypso-cdc/calypso/libs/connector/catalogue"
	"github.com/calypso-cdc/calypso/libs/failpoint"
	"github.com/calypso-cdc/calypso/libs/pgrepl"
)

// task is a running capture connector. It works in sessions: each connects, takes up the last durable checkpoint and
// streams. A session that fails for a reason that waiting can mend is followed by another; any other reason fails the
// task. Nothing but the checkpoint passes from one session to the next, so a restart within the process and one after
// kill -9 are the same.
type task struct {
	env      connector.TaskEnv
	settings *settings
	events   change.Config
	board    *entry
	meters   *meters
	fail     *failpoint.Set
	delivery Delivery
	// work is one session.
	work func(context.Context) error
}

func newTask(env connector.TaskEnv, v catalogue.Values, o Options, m *meters) (*task, error) {
	s, err := parseSettings(v)
	if err != nil {
		return nil, err
	}
	events, err := change.ConfigFrom(v.Raw())
	if err != nil {
		return nil, err
	}
	t := newPlainTask(env, s, m, o)
	t.work, t.events = t.session, events
	t.events.Database, t.events.Connector, t.events.Task = s.connection.Database, env.Connector, "0"
	t.events.OnConversionFailure = t.conversionFailed
	return t, nil
}

// newPlainTask makes a task without its work.
func newPlainTask(env connector.TaskEnv, s *settings, m *meters, o Options) *task {
	return &task{env: env, settings: s, meters: m, delivery: o.Delivery, fail: failpoint.Parse(os.Getenv(failpoint.Variable)), board: o.Board.add(env, s)}
}

const (
	firstRetryDelay = 250 * time.Millisecond
	steadyAfter     = 30 * time.Second // a session that lasted this long makes the next delay the first again
)

// Run implements connector.Task.
func (t *task) Run(ctx context.Context) error {
	defer t.board.remove()
	delay, failures := firstRetryDelay, 0
	var inUse time.Time // since when the slot is another's; zero if it is not
	for {
		began := time.Now()
		err := t.work(ctx)
		if ctx.Err() != nil {
			return nil
		}
		if err == nil {
			err = errors.New("the session ended without a reason")
		}
		if time.Since(began) > steadyAfter {
			delay, failures = firstRetryDelay, 0
		}
		failures++
		wait := delay
		if pgrepl.ReasonOf(err) != pgrepl.ReasonSlotInUse {
			inUse = time.Time{}
		} else {
			// After a crash the server may need wal_sender_timeout to notice that the slot's reader is gone.
			if inUse.IsZero() {
				inUse = time.Now()
			}
			if time.Since(inUse) > time.Duration(t.settings.slotTries)*t.settings.slotDelay {
				t.board.failed(err)
				return err
			}
			wait = min(delay, t.settings.slotDelay)
		}
		if !retriable(err) || t.settings.retries >= 0 && failures > t.settings.retries {
			t.board.failed(err)
			return err
		}
		t.board.retrying(err)
		t.env.Retrying(err)
		t.meters.reconnect(ctx, err)
		t.env.Logger.Warn("Capture tries again after a failure", "error", err, "in", wait)
		wait += time.Duration(rand.Int64N(int64(wait)/4 + 1))
		select {
		case <-ctx.Done():
			return nil
		case <-time.After(wait):
		}
		delay = min(2*delay, max(firstRetryDelay, t.settings.retryDelay))
	}
}

// retriable says whether waiting can mend err. Being fenced is not: the other worker is right.
func retriable(err error) bool {
	if errors.Is(err, errFenced) || errors.Is(err, errPermanent) {
		return false
	}
	if errors.Is(err, errSnapshotGone) {
		return true
	}
	if pgrepl.ReasonOf(err) != "" {
		return pgrepl.Transient(err)
	}
	return pgrepl.Transient(err) || kafkaTransient(err)
}

// errSnapshotGone says that the session that exported a snapshot ended before everybody had imported it; the next one
// exports another.
var errSnapshotGone = errors.New("the exporting connection may have ended")

// errPermanent marks an error that no waiting mends.
var errPermanent = errors.New("it stays wrong until something is changed")

func permanent(format string, args ...any) error {
	return fmt.Errorf("%w; %w", fmt.Errorf(format, args...), errPermanent)
}

func (t *task) conversionFailed(c *change.Column, err error) {
	t.env.Logger.Warn("A value could not be converted; null is sent in its place (event.converting.failure.handling.mode)", "column", c.Name, "error", err)
	t.meters.decodeError(context.Background(), "conversion")
}
