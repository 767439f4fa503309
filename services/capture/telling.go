package capture

import (
	"fmt"
	"time"

	"github.com/calypso-cdc/calypso/libs/pgmodel"
	"github.com/calypso-cdc/calypso/libs/pgrepl"
	"github.com/calypso-cdc/calypso/services/capture/internal/buffer"
	"github.com/calypso-cdc/calypso/services/capture/internal/connections"
	"github.com/calypso-cdc/calypso/services/capture/internal/deliver"
	starting "github.com/calypso-cdc/calypso/services/capture/internal/start"
	"github.com/calypso-cdc/calypso/services/capture/internal/status"
	"github.com/calypso-cdc/calypso/services/capture/internal/visibility"
)

// writing reports how records become durable, to the status and to those that wait for it.
type writing struct {
	task     *task
	visible  *visibility.Limits
	producer *deliver.Producer
}

// Delivered implements writer.Report.
func (w writing) Delivered(t *buffer.Summary) {
	var tables []status.Table
	for _, v := range t.Versions {
		tables = append(tables, describe(w.task, w.visible, v.Relation, v.Version.Number))
	}
	w.task.status.Observe(&status.Delivered{Summary: t, Tables: tables, At: time.Now(),
		ExactlyOnce: w.producer.Transactional()})
	for _, v := range t.Versions {
		w.task.env.Logger.Info("a table has a new version", "table", v.Version.Table, "version", v.Version.Number,
			"lsn", v.Version.From.LSN.String(), "changes", v.Version.Summary())
		if v.Version.Number > 1 {
			w.task.env.Happened("SchemaChanged", fmt.Sprintf("table %s is version %d from LSN %s on, %s", v.Version.Table,
				v.Version.Number, v.Version.From.LSN, v.Version.Summary()))
		}
	}
	for _, c := range t.Awaited {
		close(c)
	}
}

// describe describes a captured table as of one of its versions.
func describe(t *task, visible *visibility.Limits, rel *pgmodel.Relation, version int) status.Table {
	return status.Describe(rel, &t.events, visible.Of(rel), version)
}

// Waits implements writer.Report.
func (w writing) Waits(records int, longest time.Duration) {
	what := "ended a transaction"
	if records > 0 {
		what = fmt.Sprintf("acknowledged %d records", records)
	}
	err := fmt.Errorf("wait for Kafka, which has not %s for %s: the broker is down or slow, its disk is full, or a topic was deleted",
		what, longest)
	if why := w.task.env.BrokersAway(); why != nil {
		err = fmt.Errorf("%w: %w", err, why)
	}
	w.task.status.Observe(status.Slow{Err: err})
	w.task.env.Retrying(err)
	w.task.env.Logger.Warn(err.Error())
}

// Acknowledges implements writer.Report.
func (w writing) Acknowledges() {
	w.task.status.Observe(status.Slow{})
	w.task.env.Retrying(nil)
}

// NoticeFailed implements writer.Report.
func (w writing) NoticeFailed(err error) { w.task.noticeFailed(err) }

// waiting reports what statements wait for.
type waiting struct{ t *task }

// Waits implements connections.Report.
func (w waiting) Waits(what connections.Wait) {
	if what.Others {
		w.t.status.Observe(status.Held{Err: what.Err})
	} else {
		w.t.status.Observe(status.Slow{Err: what.Err})
	}
	if what.New {
		w.t.env.Retrying(what.Err)
		w.t.env.Logger.Warn(what.Err.Error())
	}
}

// NoticeFailed implements connections.Report.
func (w waiting) NoticeFailed(err error) { w.t.noticeFailed(err) }

// Answers implements connections.Report.
func (w waiting) Answers() {
	w.t.status.Observe(status.Slow{})
	w.t.env.Retrying(nil)
	w.t.env.Logger.Info("the server answers again")
}

// tellPlan reports what is unusual about the start of a connector that was at a position before.
// again says why all tables are read once more; it is empty if they are not.
func tellPlan(t *task, before pgrepl.Position, p starting.Plan) (again string) {
	switch {
	case p.Lost != nil:
		return tellLost(t, before, p)
	case p.Gap != nil:
		t.env.Logger.Warn("slot and last position differ; going on as offset.mismatch.strategy says", "strategy",
			t.spec.Slot.Mismatch, "err", p.Gap)
		t.env.Happened("GapAccepted", fmt.Sprintf("the stream goes on at %s (offset.mismatch.strategy=%s): %v", p.At,
			t.spec.Slot.Mismatch, p.Gap))
	case p.Promotion:
		what := fmt.Sprintf(
			"a standby was promoted: the server is on timeline %d, before on %d; all that was delivered, up to %s, is part of its history, and the slot goes on from there", p.At.Timeline, before.Timeline, p.At)
		t.env.Logger.Warn("the connector goes on after a promotion", "what", what, "slot", t.spec.Slot.Name)
		t.env.Happened("Promoted", what)
	}
	return ""
}

// deletesUntold says what is missing when a snapshot takes the place of changes.
const deletesUntold = "Rows that were deleted meanwhile have no event, and stay where events are kept: calypsoctl verify names those that only Azure Data Explorer has."

// nothingInstead says how to get the lost rows when no snapshot takes the place of the changes.
const nothingInstead = "calypsoctl snapshot start reads the tables while the stream goes on; rows that were deleted meanwhile have no event, and calypsoctl verify names them."

// tellLost reports that changes after a position are lost, and whether a snapshot takes their
// place, which brings no deletes. With snapshot.mode=configuration_based nothing may take their
// place.
func tellLost(t *task, after pgrepl.Position, p starting.Plan) (again string) {
	reason := pgrepl.ReasonOf(p.Lost)
	if p.Read == starting.Nothing {
		what := fmt.Sprintf("the changes after %s are lost (%s), and nothing is read in their place: the stream starts over (snapshot.mode=%s)",
			after, reason, t.spec.Snapshot.Name)
		t.env.Logger.Warn("the slot's changes are lost, and nothing takes their place, as snapshot.mode says", "err", p.Lost,
			"remedy", nothingInstead)
		t.env.Happened("GapAccepted", fmt.Sprintf("%s: %v. %s", what, p.Lost, nothingInstead))
		return ""
	}
	t.env.Logger.Warn("the slot's changes are lost: all tables are read again, as snapshot.mode says", "err", p.Lost,
		"remedy", deletesUntold)
	again = fmt.Sprintf("all tables are read again, since the changes after %s are lost (%s)", after, reason)
	t.env.Happened("ReadAgain", fmt.Sprintf("%s: %v. %s", again, p.Lost, deletesUntold))
	return again
}

// tellPassedOver reports that, as configured, a snapshot takes the place of the changes between two
// positions.
func tellPassedOver(t *task, after, to pgrepl.Position) (again string) {
	again = fmt.Sprintf(
		"all tables are read at each start (snapshot.mode=%s), and changes from %s to %s come as the rows that they led to",
		t.spec.Snapshot.Name, after, to)
	t.env.Logger.Info(
		"all tables are read again, as snapshot.mode says; what changed since the last position comes as rows only", "after",
		after.String(), "to", to.String(), "remedy", deletesUntold)
	t.env.Happened("ReadAgain", fmt.Sprintf("%s. %s", again, deletesUntold))
	return again
}
