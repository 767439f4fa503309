package target

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"time"

	"github.com/calypso-cdc/calypso/services/sink/internal/memory"
	"github.com/calypso-cdc/calypso/services/sink/internal/status"

	"github.com/calypso-cdc/calypso/libs/connector"
	"github.com/calypso-cdc/calypso/libs/kusto"
	"github.com/calypso-cdc/calypso/services/sink/internal/retry"
	"github.com/calypso-cdc/calypso/services/sink/internal/route"
	"github.com/calypso-cdc/calypso/services/sink/internal/row"
	"github.com/calypso-cdc/calypso/services/sink/internal/spec"
)

// Cluster is what tables are found, changed and told of by.
type Cluster struct {
	// Ctx ends what is done beside the records.
	Ctx    context.Context
	Env    connector.TaskEnv
	Spec   *spec.Spec
	Client *kusto.Client
	Retry  *retry.Retrier
	Board  *status.Task
	Memory *memory.Share
	Meters *status.Meters
	// Beside runs what no record waits for.
	Beside func(name string, work func())
}

func New(c Cluster) *Tables { return &Tables{Cluster: c, byTopic: map[string]*Table{}} }

// Tables finds the tables that topics go to and what is known of them, and keeps it. It is shared
// by a task's partitions.
type Tables struct {
	Cluster
	doubts doubts

	mu      sync.Mutex
	byTopic map[string]*Table
	// Inline is set once the server has said that it takes no queued ingestion.
	Inline bool
}

// Table is a table and what its rows are checked against.
type Table struct {
	tables *Tables
	Route  route.Route
	// Mode is how rows are ingested: one of the mode constants but auto.
	Mode   spec.Mode
	Budget budget

	mu      sync.Mutex
	checked row.Target
	looked  time.Time
	// version counts how often checked has changed.
	version int
	// mapping is the ingestion mapping in use: the route's, or its present version where columns were added.
	mapping string
	// missing is set where the table or the mapping is to be made from the first record.
	missing bool
	// unstreamed is until when the table is not streamed into, after the cluster has refused it.
	unstreamed time.Time
	state      currentState

	unfilled unfilled
	// shaping is held while the table is changed for a new schema.
	shaping sync.Mutex
}

// streamAgain is after how long streaming is tried again on a table that the cluster refused to stream into.
const streamAgain = 5 * time.Minute

const (
	// lookAgain is after how long a refused row, or a notice about columns, makes the sink look
	// whether the table has changed.
	lookAgain = 5 * time.Second
	// lookAnyway is after how long it looks without a reason: a column that was renamed in the
	// cluster gets null without a word.
	lookAnyway = 30 * time.Second
)

// Of returns a topic's table, looking it up the first time and waiting for the cluster if that must be.
func (ts *Tables) Of(ctx context.Context, topic string) (*Table, error) {
	ts.mu.Lock()
	t, ok := ts.byTopic[topic]
	ts.mu.Unlock()
	if ok {
		return t, nil
	}
	r, ok := ts.Spec.Routes.Find(topic)
	if !ok {
		return nil, fmt.Errorf("kusto.tables.topics.mapping has no entry for topic %s: add one, or one for *", topic)
	}
	t = &Table{tables: ts, Route: r, mapping: r.Mapping}
	err := ts.Retry.Do(ctx, func(ctx context.Context) error { return t.Look(ctx) })
	if err != nil {
		return nil, err
	}
	t.Mode = ts.modeOf(r)
	ts.keepTags(ctx, t)
	ts.mu.Lock()
	defer ts.mu.Unlock()
	if first, ok := ts.byTopic[topic]; ok {
		return first, nil
	}
	ts.byTopic[topic] = t
	return t, nil
}

// Check looks at every table whose name does not depend on a topic's.
func (ts *Tables) Check(ctx context.Context) error {
	for _, r := range ts.Spec.Routes.Fixed() {
		t := &Table{tables: ts, Route: r}
		if err := t.Look(ctx); err != nil {
			return err
		}
	}
	return nil
}

// Probe finds out whether the server takes queued ingestion. Only the emulator of Kusto does not,
// which is never reached by TLS; at a cluster the address is that of its query endpoint.
func (ts *Tables) Probe(ctx context.Context) error {
	s := ts.Spec
	if s.Mode == spec.ModeInline {
		ts.Inline = true
		return nil
	}
	if s.Mode == spec.ModeStreaming {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, probePatience)
		defer cancel()
	}
	err := ts.Client.CanQueue(ctx)
	endpoint := s.Kusto.Endpoints.Ingest
	switch {
	case !kusto.Unmanaged(err):
		if s.Mode == spec.ModeStreaming { // what cannot be streamed is queued, and waits for that to be possible
			return nil
		}
		return err
	case strings.HasPrefix(endpoint, "https://"):
		return retry.Permanent(
			fmt.Errorf(
				"%s takes no queued ingestion, as the query endpoint of a cluster takes none: %w. Set kusto.ingestion.url to the cluster's data ingestion URI (https://ingest-<cluster>.<region>.kusto.windows.net), or ingestion.mode=inline for a server that has no other", endpoint, err))
	case s.Mode != spec.ModeAuto:
		return retry.Permanent(
			fmt.Errorf(
				"ingestion.mode=%s is not possible: %s has no data management service, as Kusto's emulator has none, so that it takes neither queued nor streamed rows: %w. Leave ingestion.mode out, or set it to inline: rows go within commands then, each once", s.Mode, endpoint, err))
	}
	ts.Env.Logger.Info("the server has no data management service; rows are sent within commands", "endpoint", endpoint)
	ts.Inline = true
	return nil
}

// probePatience is how long it may take to find out whether what is not streamed could be queued.
const probePatience = 10 * time.Second

// CheckQueueing says how rows get to the server.
func (ts *Tables) CheckQueueing(ctx context.Context) connector.Check {
	c := connector.Check{Name: "ingestion", OK: true, Detail: "The server takes queued ingestion."}
	switch err := ts.Probe(ctx); {
	case err != nil:
		c.OK, c.Detail, c.Remedy = false, err.Error(),
			"Mend kusto.ingestion.url or ingestion.mode, or give the identity the role ingestor."
	case ts.Inline:
		c.Detail = "Rows are sent within commands (ingestion.mode=inline), which is for the Kusto emulator and not for clusters: it takes neither queued nor streamed rows."
	case ts.Spec.Mode == spec.ModeStreaming:
		c.Detail = "Rows are streamed; what the server does not stream is queued."
	}
	return c
}

func (ts *Tables) modeOf(r route.Route) spec.Mode {
	switch {
	case ts.Spec.Mode != spec.ModeAuto:
		return ts.Spec.Mode
	case ts.Inline:
		return spec.ModeInline
	case r.Streaming:
		return spec.ModeStreaming
	}
	return spec.ModeQueued
}

// Streams says whether a batch that is closed now should be streamed.
func (t *Table) Streams(now time.Time) bool {
	if !t.Mode.Streams() {
		return false
	}
	t.mu.Lock()
	resting := now.Before(t.unstreamed)
	t.mu.Unlock()
	return !resting && (t.Mode == spec.ModeStreaming || t.Budget.left(now))
}

// Rest has the table's batches queued for a while, as large as queued ones are, before streaming is tried again.
func (t *Table) Rest(now time.Time) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.unstreamed = now.Add(streamAgain)
}

// Rows returns what rows are checked against.
func (t *Table) Rows() row.Target {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.tables.Spec.Check == spec.CheckOff && !spec.NeedsColumns(t.Route.Format) {
		return row.Target{}
	}
	return t.checked
}

// Look fetches the table's columns and mapping.
func (t *Table) Look(ctx context.Context) error {
	s, client := t.tables.Spec, t.tables.Client
	if !s.Validate && s.Check == spec.CheckOff && !spec.NeedsColumns(t.Route.Format) {
		return nil
	}
	schema, err := client.Schema(ctx, t.Route.Database, t.Route.Table)
	if kusto.Unauthorized(err) && !s.AutoCreate && !spec.NeedsColumns(t.Route.Format) {
		// Azure's sink goes on as well: the right to ingest does not include that to look.
		t.tables.Env.Logger.Warn(
			"the identity may not see the table, so rows are not checked before they are sent: what does not fit is found by ADX, and nulls are not noticed at all. Give it the role viewer",
			"database", t.Route.Database, "table", t.Route.Table, "err", err)
		t.mu.Lock()
		t.looked = time.Now()
		t.mu.Unlock()
		return nil
	}
	if s.AutoCreate && kusto.NotFound(err) {
		t.mu.Lock()
		t.missing = true
		t.mu.Unlock()
		return nil
	}
	if err != nil {
		return t.explain(err, fmt.Sprintf("Make it, in database %s: .create table %s (<column>:<type>, …)", t.Route.Database,
			kusto.QuoteName(t.Route.Table))+t.refill())
	}
	checked := row.Target{Schema: schema}
	if t.Route.Mapping != "" {
		kind := kusto.MappingKind(t.Route.Format)
		t.mu.Lock()
		name := t.mapping
		t.mu.Unlock()
		if name == "" {
			name = t.Route.Mapping
		}
		checked.Mapping, err = client.MappingOf(ctx, t.Route.Database, t.Route.Table, kind, name)
		if s.AutoCreate && kusto.NotFound(err) {
			err = nil
			t.mu.Lock()
			t.missing = true
			t.mu.Unlock()
		}
		if err != nil {
			return t.explain(err, fmt.Sprintf("Make it, in database %s: .create table %s ingestion %s mapping %s '[…]'",
				t.Route.Database, kusto.QuoteName(t.Route.Table), kind, kusto.QuoteString(t.Route.Mapping)))
		}
	}
	t.mu.Lock()
	before := t.checked
	changed := before.Schema == nil || kusto.Declaration(before.Schema.Columns) != kusto.Declaration(schema.Columns) ||
		!sameMapping(before.Mapping, checked.Mapping)
	if t.looked = time.Now(); changed {
		t.checked = checked
		t.version++
	}
	t.mu.Unlock()
	if changed && before.Schema != nil {
		t.changed(before, checked)
	}
	return nil
}

// explain adds the remedy to errors that only the user can mend, and marks them as such.
func (t *Table) explain(err error, remedy string) error {
	switch {
	case kusto.NotFound(err):
		return t.beyondRetry(err, remedy)
	case kusto.Unauthorized(err):
		return retry.Permanent(t.denied(err))
	}
	return err
}

// Judged adds to the service's answer to an ingestion what to do about it, and marks what only the user can change.
func (t *Table) Judged(err error) error {
	switch kusto.VerdictOf(err) {
	case kusto.TargetMissing, kusto.MappingRefused:
		if e, ok := errors.AsType[*kusto.Error](err); ok && t.Route.Mapping != "" && strings.Contains(e.Code, "Mapping") {
			return t.beyondRetry(err,
				fmt.Sprintf("Make or change the mapping, in database %s: .create-or-alter table %s ingestion %s mapping %s '[…]'",
					t.Route.Database, kusto.QuoteName(t.Route.Table), kusto.MappingKind(t.Route.Format),
					kusto.QuoteString(t.Route.Mapping)))
		}
		return t.beyondRetry(err, "Make or change the table and its mapping"+t.refill())
	case kusto.TargetRefused:
		return t.beyondRetry(err, "The table, its policies or its name rule out what is ingested: change them")
	case kusto.AccessDenied:
		// A role takes minutes to arrive, so this is waited for.
		return t.denied(err)
	}
	return err
}

func (t *Table) beyondRetry(err error, remedy string) error {
	return retry.Permanent(fmt.Errorf("topic %s goes to %s.%s: %w. %s; then restart the connector", t.Route.Topic,
		t.Route.Database, t.Route.Table, err, remedy))
}

func (t *Table) denied(err error) error {
	return fmt.Errorf(
		"topic %s goes to %s.%s: %w. Check the aad.auth keys, and give the identity the roles: .add database %s ingestors ('aadapp=<appid>;<tenant>') and the same for viewers",
		t.Route.Topic, t.Route.Database, t.Route.Table, err, kusto.QuoteName(t.Route.Database))
}

// refill says how a table that was dropped gets back the rows that it had.
func (t *Table) refill() string {
	return fmt.Sprintf(
		"; if it was dropped, give it its rows again as far as the topic still has them: calypsoctl offsets reset %s --topic %s; or all rows that the source has now: calypsoctl snapshot start <source connector> --table <schema.table>", t.tables.Env.Connector, t.Route.Topic)
}

// Evolved looks whether the table has changed since a row was refused for it; then the row is worth another try.
func (t *Table) Evolved(ctx context.Context, refused error) bool {
	var r *row.Refused
	if !errors.As(refused, &r) || r.Column == "" {
		return false
	}
	t.mu.Lock()
	recent, before := time.Since(t.looked) < lookAgain, t.version
	t.mu.Unlock()
	if recent || t.Look(ctx) != nil {
		return false
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.version != before
}

func sameMapping(a, b *kusto.Mapping) bool {
	if a == nil || b == nil {
		return a == b
	}
	return a.JSON() == b.JSON()
}

// at is a table that is looked at by itself, not for a topic's rows.
func (ts *Tables) at(r route.Route) *Table { return &Table{tables: ts, Route: r} }

// CheckTable says whether rows can go where a route leads.
func (ts *Tables) CheckTable(ctx context.Context, r route.Route) connector.Check {
	c := connector.Check{Name: "table " + r.Database + "." + r.Table, OK: true,
		Detail: "The table and its mapping are there."}
	to := ts.at(r)
	if err := to.Look(ctx); err != nil {
		c.OK, c.Detail, c.Remedy = false, err.Error(),
			"Make the table and the mapping, give the identity its roles, or mend the address."
	} else if to.missing {
		c.Detail = "The table or its mapping is not there: auto.create makes it from the first record."
	} else if to.checked.Schema == nil && !to.looked.IsZero() {
		c.Detail = "The identity may not see the table, so rows are not checked before they are sent. The role viewer changes that."
	}
	if missing, _ := lacking(r.Mapping, to.checked, ts.addedColumns()); c.OK && (ts.Spec.AutoEvolve || to.missing) {
		if err := nameable(r, missing); err != nil {
			c.OK, c.Detail, c.Remedy = false, err.Error(), "Name a mapping for the topic, or set add.fields.prefix."
		}
	}
	return c
}

// Seen is how often what is known of the table has changed.
func (t *Table) Seen() int {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.version
}
