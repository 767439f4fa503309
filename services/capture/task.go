package capture

import (
	"context"
	"fmt"
	"os"
	"time"

	"github.com/google/uuid"

	"github.com/calypso-cdc/calypso/libs/change"
	"github.com/calypso-cdc/calypso/libs/connector"
	"github.com/calypso-cdc/calypso/libs/connector/catalogue"
	"github.com/calypso-cdc/calypso/libs/contain"
	"github.com/calypso-cdc/calypso/libs/failpoint"
	"github.com/calypso-cdc/calypso/libs/pgrepl"
	"github.com/calypso-cdc/calypso/libs/telemetry"
	"github.com/calypso-cdc/calypso/services/capture/internal/retry"
	"github.com/calypso-cdc/calypso/services/capture/internal/schemas"
	"github.com/calypso-cdc/calypso/services/capture/internal/spec"
)

// task is a running capture connector. It works in sessions: each connects, takes up the last durable checkpoint and
// streams. A session that fails for a reason that waiting can mend is followed by another; any other reason fails the
// task. Nothing but the checkpoint passes from one session to the next, so a restart within the process and one after
// kill -9 are the same.
type task struct {
	env      connector.TaskEnv
	spec     *spec.Spec
	events   change.Config
	board    *entry
	meters   *meters
	fail     *failpoint.Set
	delivery Delivery
	schemas  schemas.Log
}

func newTask(env connector.TaskEnv, v catalogue.Values, o Options, m *meters) (*task, error) {
	s, err := spec.Parse(v)
	if err != nil {
		return nil, err
	}
	t := &task{env: env, spec: s, events: s.Events, meters: m, delivery: o.Delivery, fail: failpoint.Parse(os.Getenv(failpoint.Variable)), board: o.Board.add(env, s),
		schemas: schemas.New(env)}
	t.events.Database, t.events.Task, t.events.Run = s.Connection.Database, "0", uuid.NewString()
	t.events.OnConversionFailure = t.conversionFailed
	return t, nil
}

// Run implements connector.Task.
func (t *task) Run(ctx context.Context) error {
	defer t.board.remove()
	s := t.spec
	err := retry.Sessions(ctx, retry.Policy{
		Failures: s.Retry.Times, MostDelay: s.Retry.Delay, SlotInUse: time.Duration(s.Slot.Tries) * s.Slot.Delay, SlotDelay: s.Slot.Delay,
		Notice: func(err error, in time.Duration) {
			t.board.retrying(err)
			t.env.Retrying(err)
			t.meters.reconnect(ctx, err)
			t.env.Logger.Warn("Capture tries again after a failure", "error", err, telemetry.Passing("in", in))
		},
	}, func(ctx context.Context) error {
		return contain.Call("session of a capture", func() error { return t.session(ctx) })
	})
	if err != nil {
		t.board.failed(err)
	}
	return err
}

// Holds implements connector.Holder: of the stream, which alone may have to hold much. Ranges of a snapshot are read by rows.
func (t *task) Holds() int64 {
	if r := t.board.streamReader(); r != nil {
		return r.conn.Holds() + r.stage.Holds()
	}
	return 0
}

// unprocessable decides about an event that cannot be encoded, as event.processing.failure.handling.mode says.
func (t *task) unprocessable(err error) error {
	t.meters.decodeError(context.Background(), "event")
	switch t.spec.Unprocessable {
	case spec.FailUnprocessable:
		return retry.Permanent("%w", err)
	case spec.WarnUnprocessable:
		t.env.Logger.Warn("An event was left out (event.processing.failure.handling.mode)", "error", err)
	}
	return nil
}

// unidentified reports a change that the plugin left out what identifies the row of: no event can be made of it.
func (t *task) unidentified(table pgrepl.Table) {
	t.meters.decodeError(context.Background(), "unidentified")
	t.env.Logger.Error("A row was changed or deleted in a table without key and replica identity: the server does not say which, so there is no event of it", "table", table.String(),
		"reason", pgrepl.ReasonIdentity, "remedy", fmt.Sprintf("ALTER TABLE %s REPLICA IDENTITY FULL; or add a primary key", pgrepl.QuoteTable(table.Schema, table.Name)))
}

func (t *task) conversionFailed(c *change.Column, err error) {
	t.env.Logger.Warn("A value could not be converted; null is sent in its place (event.converting.failure.handling.mode)", "column", c.Name, "error", err)
	t.meters.decodeError(context.Background(), "conversion")
}

func (t *task) untold(err error) {
	t.env.Logger.Error("What takes long, or ends, could not be told", "error", err)
}
