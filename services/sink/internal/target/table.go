package target

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync/atomic"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/calypso-cdc/calypso/libs/kusto"
	"github.com/calypso-cdc/calypso/services/sink/internal/retry"
	"github.com/calypso-cdc/calypso/services/sink/internal/route"
	"github.com/calypso-cdc/calypso/services/sink/internal/row"
	"github.com/calypso-cdc/calypso/services/sink/internal/spec"
)

// Table owns what is known about a table. A goroutine that looks at the table or changes it in the
// cluster holds changing for as long as that takes, and meanwhile is the only one to replace what
// is known; all others read that at any time without waiting.
type Table struct {
	cluster *Cluster
	doubts  *doubts
	Route   route.Route
	// Mode is how rows are ingested: one of the mode constants except auto.
	Mode spec.Mode
	// known is never nil.
	known atomic.Pointer[known]
	// changing is held while the table is looked at or changed.
	changing lock
	// opened says that the table was looked at for the first time; who holds changing sets it.
	opened atomic.Bool

	// asked is when it was last looked at, whatever came of that, unless who looked was told to stop
	// meanwhile; Unix nanoseconds.
	asked atomic.Int64
	// later says that it will be looked at by itself.
	later atomic.Bool

	explain  explainer
	Pace     Pace
	Retypes  Retypes
	state    currentState
	coverage coverage
}

// known is what is known about a table at one time. It is replaced as a whole, and never changed.
type known struct {
	// rows is what rows are checked against; version counts how often it has changed.
	rows    row.Target
	version int
	// mapping is the ingestion mapping in use: the route's, or its present version where columns were added.
	mapping string
	// missing is set if the table or the mapping is to be created from the first record.
	missing bool
	// hidden is set if the identity may not see the table.
	hidden bool
	// at is when the table was looked at.
	at time.Time
}

// newTable makes a table about which nothing is known yet.
func newTable(c *Cluster, d *doubts, r route.Route, mode spec.Mode) *Table {
	t := &Table{cluster: c, doubts: d, Route: r, Mode: mode, changing: newLock(),
		explain: explainer{c.Env.Connector, r}, Pace: Pace{mode: mode}}
	t.known.Store(&known{mapping: r.Mapping})
	t.state = currentState{cluster: c, route: r, explain: t.explain, making: newLock()}
	t.coverage = coverage{cluster: c, route: r, rows: t.Rows}
	t.Retypes = Retypes{cluster: c, route: r}
	return t
}

// Opened reports whether the table was looked at.
func (t *Table) Opened() bool { return t.opened.Load() }

// Open looks at the table unless that was done, and waits for the cluster if necessary.
func (t *Table) Open(ctx context.Context) error {
	if t.opened.Load() {
		return nil
	}
	if err := t.changing.acquire(ctx); err != nil {
		return err
	}
	defer t.changing.release()
	if t.opened.Load() {
		return nil
	}
	if err := t.cluster.Retry.Do(ctx, t.look); err != nil {
		return err
	}
	t.keepTags(ctx)
	t.opened.Store(true)
	return nil
}

// keepTags sets the retention of tags, if there are tags and a table to have them.
func (t *Table) keepTags(ctx context.Context) {
	if t.cluster.Spec.Exact && t.Mode != spec.ModeStreaming && !t.known.Load().missing {
		t.cluster.keepTags(ctx, t.Route)
	}
}

// Rows returns what rows are checked against.
func (t *Table) Rows() row.Target {
	if t.cluster.Spec.Check == spec.CheckOff && !spec.NeedsColumns(t.Route.Format) {
		return row.Target{}
	}
	return t.known.Load().rows
}

// MappingName is the ingestion mapping that rows are brought in by.
func (t *Table) MappingName() string { return t.known.Load().mapping }

// Version counts how often what rows are checked against has changed.
func (t *Table) Version() int { return t.known.Load().version }

// Look fetches the table's columns and mapping.
func (t *Table) Look(ctx context.Context) error {
	if err := t.changing.acquire(ctx); err != nil {
		return err
	}
	defer t.changing.release()
	return t.look(ctx)
}

// look is Look for who holds changing.
func (t *Table) look(ctx context.Context) error {
	s, client := t.cluster.Spec, t.cluster.Client
	before := t.known.Load()
	next := *before
	if t.cluster.unchecked(t.Route.Format) {
		return nil
	}
	begun := time.Now()
	defer func() {
		if !errors.Is(ctx.Err(), context.Canceled) {
			t.asked.Store(time.Now().UnixNano())
		}
	}()
	schema, err := client.Schema(ctx, t.Route.Database, t.Route.Table)
	if kusto.Unauthorized(err) && !s.AutoCreate && !spec.NeedsColumns(t.Route.Format) {
		// Azure's sink continues as well: the right to ingest does not include the right to look.
		if !before.hidden {
			t.cluster.Env.Logger.Warn(
				"the identity may not see the table, so rows are not checked before they are sent: what does not fit is found by ADX, and nulls are not noticed at all. Give it the role viewer",
				"database", t.Route.Database, "table", t.Route.Table, "err", err)
		}
		next.hidden, next.at = true, begun
		t.known.Store(&next)
		return nil
	}
	if s.AutoCreate && kusto.NotFound(err) {
		next.missing = true
		t.known.Store(&next)
		return nil
	}
	if err != nil {
		return t.explain.command(err, fmt.Sprintf("Make it, in database %s: .create table %s (<column>:<type>, …)", t.Route.Database,
			kusto.QuoteName(t.Route.Table))+t.explain.refill(), "viewers")
	}
	next.missing, next.hidden = false, false
	rows := row.Target{Schema: schema}
	if t.Route.Mapping != "" {
		kind := kusto.MappingKind(t.Route.Format)
		rows.Mapping, err = client.MappingOf(ctx, t.Route.Database, t.Route.Table, kind, next.mapping)
		if s.AutoCreate && kusto.NotFound(err) {
			next.missing, err = true, nil
		}
		if err != nil {
			return t.explain.command(err, fmt.Sprintf("Make it, in database %s: .create table %s ingestion %s mapping %s '[…]'",
				t.Route.Database, kusto.QuoteName(t.Route.Table), kind, kusto.QuoteString(t.Route.Mapping)), "viewers")
		}
	}
	if !next.missing {
		if err := t.tellsChanges(rows); err != nil {
			return err
		}
	}
	if next.at = begun; !sameRows(before.rows, rows) {
		next.rows = rows
		next.version++
	}
	t.known.Store(&next)
	if next.version != before.version && before.rows.Schema != nil {
		t.coverage.changed(before.rows, rows)
		t.Retypes.changed(before.rows.Schema, rows.Schema, before.at, next.version)
	}
	return nil
}

// tellsChanges refuses a table of changes whose columns take nothing that tells a delete from the row
// that it deletes: both would be the same row.
func (t *Table) tellsChanges(rows row.Target) error {
	s := t.cluster.Spec
	if !s.Rows.Changes || s.AutoEvolve || rows.TakesWhole() {
		return nil
	}
	added := addedColumns(s)
	names := make([]string, len(added))
	for i, c := range added {
		names[i] = c.Name
	}
	_, untaken := row.Fit(names, rows, nil)
	if !slices.Contains(untaken, "_op") || !slices.Contains(untaken, "_deleted") {
		return nil
	}
	added = slices.DeleteFunc(added, func(c kusto.Column) bool { return !slices.Contains(untaken, c.Name) })
	place, remedy := "no column takes", "Set auto.evolve=true, or run in database %s: .alter-merge table %s %s"
	if rows.Mapping != nil {
		place = "no column of the mapping " + rows.Mapping.Name + " takes"
		remedy += "; and give the mapping their paths, $._op and so on"
	}
	return retry.Permanent(fmt.Errorf("table %s.%s: %s _op or _deleted, which table.form=changes adds, so that the delete of a "+
		"row could not be told from the row. "+remedy, t.Route.Database, t.Route.Table, place, t.Route.Database,
		kusto.QuoteName(t.Route.Table), kusto.Declaration(added)))
}

// Stale reports whether the table was last looked at so long ago that it is to be looked at before
// more rows are written for it.
func (t *Table) Stale() bool { return !t.cluster.unchecked(t.Route.Format) && untilStale(t) <= 0 }

// untilStale is for how long what is known of a table still holds.
func untilStale(t *Table) time.Duration {
	pause := t.cluster.lookPause()
	if t.coverage.urgent() {
		pause = lookAgain
	}
	return time.Until(time.Unix(0, t.asked.Load()).Add(pause))
}

// Refresh has it checked soon whether somebody has changed the table or its mapping: rows came into it.
func (t *Table) Refresh() {
	if t.cluster.unchecked(t.Route.Format) || t.later.Swap(true) {
		return
	}
	t.cluster.Beside("look at a table", func() {
		defer t.later.Store(false)
		select {
		case <-t.cluster.Ctx.Done():
			return
		case <-time.After(untilStale(t)):
		}
		_ = t.LookAgain(t.cluster.Ctx) // who gives up looks once more when rows come
	})
}

// Explain adds to the service's answer to an ingestion what to do about it, and marks what only the user can change.
func (t *Table) Explain(err error) error { return t.explain.ingestion(err) }

// Follow notes which columns a partition's rows have no field for from now on, and gives or
// withdraws the notices that follow.
func (t *Table) Follow(ctx context.Context, of Followed, r *kgo.Record) {
	t.coverage.follow(ctx, of, r)
}

// EnsureCurrentState makes the view and function of the current state once, if they are asked for. key is a record's.
func (t *Table) EnsureCurrentState(ctx context.Context, key []byte) error {
	return t.state.ensure(ctx, t.Rows().Mapping, key)
}

// SentAgain notes that a batch with a tag was sent more than once.
func (t *Table) SentAgain(tag string) { t.doubts.note(t.Route, tag) }

// ChangedSince reports whether the table is known to have changed since a version of it for which a
// row was refused, which is worth another try then.
func (t *Table) ChangedSince(since int, refused error) bool {
	return aboutColumn(refused) && t.Version() != since
}

// Doubtful reports whether a row may have been refused only because the table was last looked at a
// while ago: LookAgain would find out.
func (t *Table) Doubtful(refused error) bool { return aboutColumn(refused) && t.old() }

// aboutColumn reports whether a row was refused for what a column is.
func aboutColumn(refused error) bool {
	r, ok := errors.AsType[*row.Refused](refused)
	return ok && r.Column != ""
}

// old reports whether the table was last looked at a while ago.
func (t *Table) old() bool { return time.Since(t.known.Load().at) >= lookAgain }

// LookAgain looks at the table if that was a while ago, and has a few seconds for it. Those who wait
// while another looks take what came of that: where the cluster does not answer, each partition would
// otherwise wait for those before it, and then by itself.
func (t *Table) LookAgain(ctx context.Context) error {
	asked := t.asked.Load()
	if err := t.changing.acquire(ctx); err != nil {
		return err
	}
	defer t.changing.release()
	if t.asked.Load() == asked && t.old() {
		ctx, cancel := context.WithTimeout(ctx, lookAgain)
		defer cancel()
		before := t.known.Load()
		_ = t.look(ctx) // a table that is gone is noticed by the next batch
		if t.Version() != before.version {
			t.forgetStreamedSchema(ctx) // somebody else changed it
		}
	}
	return nil
}

// sameRows reports whether rows are written alike for two states of a table.
func sameRows(a, b row.Target) bool {
	return a.Schema != nil && kusto.Declaration(a.Schema.Columns) == kusto.Declaration(b.Schema.Columns) &&
		sameMapping(a.Mapping, b.Mapping)
}

func sameMapping(a, b *kusto.Mapping) bool {
	if a == nil || b == nil {
		return a == b
	}
	return a.JSON() == b.JSON()
}
