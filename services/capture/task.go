package capture

import (
	"context"
	"errors"
	"fmt"
	"os"
	"sync/atomic"
	"time"

	"github.com/google/uuid"

	"github.com/calypso-cdc/calypso/libs/connector"
	"github.com/calypso-cdc/calypso/libs/connector/catalogue"
	"github.com/calypso-cdc/calypso/libs/contain"
	"github.com/calypso-cdc/calypso/libs/debezium"
	"github.com/calypso-cdc/calypso/libs/failpoint"
	"github.com/calypso-cdc/calypso/libs/pgmodel"
	"github.com/calypso-cdc/calypso/libs/pgrepl"
	"github.com/calypso-cdc/calypso/libs/shell"
	"github.com/calypso-cdc/calypso/libs/telemetry"
	"github.com/calypso-cdc/calypso/services/capture/internal/metrics"
	"github.com/calypso-cdc/calypso/services/capture/internal/retry"
	"github.com/calypso-cdc/calypso/services/capture/internal/schemas"
	"github.com/calypso-cdc/calypso/services/capture/internal/slot"
	"github.com/calypso-cdc/calypso/services/capture/internal/spec"
	"github.com/calypso-cdc/calypso/services/capture/internal/status"
	"github.com/calypso-cdc/calypso/services/capture/internal/stream"
)

// task is a running capture connector. It works in sessions: each connects, takes up the last durable checkpoint and
// streams. A session that fails for a reason that waiting can end is followed by another; any other reason fails the
// task. Nothing but the checkpoint passes from one session to the next, so a restart within the process and one after
// kill -9 are the same.
type task struct {
	env    connector.TaskEnv
	spec   *spec.Spec
	events debezium.Config
	status status.Observers
	// memory returns how many bytes the stream holds; nil unless streaming.
	memory   atomic.Pointer[func() int64]
	registry *Registry
	shown    *status.Capture
	fail     *failpoint.Set
	delivery Delivery
	schemas  schemas.Log
}

func newTask(env connector.TaskEnv, v catalogue.Values, o Options, m *metrics.Meters) (*task, error) {
	s, err := spec.Parse(v)
	if err != nil {
		return nil, err
	}
	if err := connector.RefuseInternal(env.InternalTopics, s.Signals.Topic); err != nil {
		return nil, fmt.Errorf("signal.kafka.topic: %w", err)
	}
	t := &task{env: env, spec: s, events: s.Events, delivery: o.Delivery,
		fail: failpoint.Parse(os.Getenv(failpoint.Variable)), registry: o.Registry,
		shown: status.NewCapture(env, slot.ViewOf(s)), schemas: schemas.New(env)}
	t.status = status.Observers{t.shown, m, metrics.NewTraces(o.Tracer, s)}
	o.Registry.captures.Put(t.shown)
	t.events.Database, t.events.Task, t.events.Run = s.Connection.Database, "0", uuid.NewString()
	t.events.OnConversionFailure = t.conversionFailed
	return t, nil
}

// Run implements connector.Task.
func (t *task) Run(ctx context.Context) error {
	defer t.registry.captures.Remove(t.shown)
	s := t.spec
	err := retry.Sessions(ctx, retry.Policy{
		Failures: s.Retry.Times, MostDelay: s.Retry.Delay, SlotInUse: time.Duration(s.Slot.Tries) * s.Slot.Delay,
		SlotDelay: s.Slot.Delay,
		Notice: func(err error, in time.Duration) {
			t.status.Observe(status.SessionFailed{Err: err})
			t.env.Retrying(err)
			t.env.Logger.Warn("capture tries again after a failure", "err", err, telemetry.Passing("in", in))
		},
	}, func(ctx context.Context) error {
		return contain.Call("session of a capture", func() error { return t.session(ctx) })
	})
	if err != nil {
		t.status.Observe(status.TaskFailed{Err: err})
	}
	return err
}

// Holds implements connector.Holder. Only the stream counts, since it alone may have to hold much:
// snapshots are read row by row.
func (t *task) Holds() int64 {
	if of := t.memory.Load(); of != nil {
		return (*of)()
	}
	return 0
}

// unprocessable decides about an event that cannot be encoded, as event.processing.failure.handling.mode says.
func (t *task) unprocessable(table string, at pgrepl.LSN, err error) error {
	if t.spec.Unprocessable == spec.FailUnprocessable {
		t.status.Observe(status.Unconverted{Kind: "event"})
		return retry.Permanent("%w", err)
	}
	again := "Fix the rows, or leave the column out, and send the table again: calypsoctl snapshot start " +
		shell.Quote(t.env.Connector) + " --table " + shell.Quote(table) + ". "
	if table == stream.LogicalMessages {
		again = "Send the message again in a form that can be encoded. "
	}
	t.status.Observe(status.Unconverted{Kind: "event"})
	if err := t.shown.Losses.Keep(status.Worked{
		Work: status.Work("encoding of events of " + table),
		Err: fmt.Errorf("they are left out (event.processing.failure.handling.mode=%s), the last at LSN %s: %w",
			t.spec.Unprocessable, at, err),
		Remedy: again + t.takeBack()}); err != nil {
		return err
	}
	if t.spec.Unprocessable == spec.WarnUnprocessable {
		t.env.Logger.Warn("an event was left out (event.processing.failure.handling.mode)", "table", table, "lsn",
			at.String(), "err", err)
	}
	return nil
}

// lost counts something that events lack where they go on whether that could be noted or not.
func (t *task) lost(kind string, w status.Worked) {
	t.status.Observe(status.Unconverted{Kind: kind})
	t.shown.Losses.Count(w)
}

// takeBack says how to clear the message about something lost.
func (t *task) takeBack() string {
	return "Once that is done, clear this message: calypsoctl acknowledge " + shell.Quote(t.env.Connector)
}

// unidentified reports a change for which the plugin did not send what identifies the row: no event
// can be made of it.
func (t *task) unidentified(table pgrepl.Table) {
	remedy := fmt.Sprintf("ALTER TABLE %s REPLICA IDENTITY FULL; or add a primary key",
		pgrepl.QuoteTable(table.Schema, table.Name))
	t.lost("unidentified", status.Worked{
		Work: status.Work("identification of changed rows of " + table.String()),
		Err:  errors.New("the table has neither key nor replica identity, so that its updates and deletes have no event"),
		Remedy: remedy + "; then send it again: calypsoctl snapshot start " + shell.Quote(t.env.Connector) + " --table " +
			shell.Quote(table.String()) + ". " + t.takeBack()})
	t.env.Logger.Error(
		"a row was changed or deleted in a table without key and replica identity: the server does not say which, so there is no event of it", "table", table.String(),
		"reason", pgrepl.ReasonIdentity, "remedy", remedy)
}

func (t *task) conversionFailed(rel *pgmodel.Relation, c *pgmodel.Column, err error) {
	table := pgrepl.Table{Schema: rel.Schema, Name: rel.Name}.String()
	column := table + "." + c.Name
	t.env.Logger.Warn("a value could not be converted; null is sent in its place (event.converting.failure.handling.mode)",
		"column", column, "err", err)
	t.lost("conversion", status.Worked{
		Work: status.Work("conversion of values of column " + column),
		Err:  fmt.Errorf("null is sent in their place (event.converting.failure.handling.mode), the last: %w", err),
		Remedy: "Choose a mode that can represent them, such as decimal.handling.mode=string, or leave the column out, and send the table again by calypsoctl snapshot start " +
			shell.Quote(t.env.Connector) + " --table " + shell.Quote(table) + ". " + t.takeBack()})
}

func (t *task) noticeFailed(err error) {
	t.env.Logger.Error("could not report that something takes long, or has ended", "err", err)
}
