package sink

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"time"

	"github.com/calypso-cdc/calypso/libs/connector"
	"github.com/calypso-cdc/calypso/libs/kusto"
	"github.com/calypso-cdc/calypso/services/sink/internal/retry"
	"github.com/calypso-cdc/calypso/services/sink/internal/route"
	"github.com/calypso-cdc/calypso/services/sink/internal/row"
	"github.com/calypso-cdc/calypso/services/sink/internal/spec"
)

// tables finds the tables that topics go to and what is known of them, and keeps it. It is shared by a task's partitions.
type tables struct {
	task *task

	mu      sync.Mutex
	byTopic map[string]*target
	// inline is set once the server has said that it takes no queued ingestion.
	inline bool
}

// target is a table and what its rows are checked against.
type target struct {
	tables *tables
	route  route.Route
	// mode is how rows are ingested: one of the mode constants but auto.
	mode   spec.Mode
	budget budget

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
	// lookAgain is after how long a refused row, or a notice about columns, makes the sink look whether the table has changed.
	lookAgain = 5 * time.Second
	// lookAnyway is after how long it looks without a reason: a column that was renamed in the cluster gets null without a word.
	lookAnyway = 30 * time.Second
)

// of returns a topic's table, looking it up the first time and waiting for the cluster if that must be.
func (ts *tables) of(ctx context.Context, topic string) (*target, error) {
	ts.mu.Lock()
	t, ok := ts.byTopic[topic]
	ts.mu.Unlock()
	if ok {
		return t, nil
	}
	r, ok := ts.task.s.Routes.Find(topic)
	if !ok {
		return nil, fmt.Errorf("kusto.tables.topics.mapping has no entry for topic %s: add one, or one for *", topic)
	}
	t = &target{tables: ts, route: r, mapping: r.Mapping}
	err := ts.task.retry.Do(ctx, func(ctx context.Context) error { return t.look(ctx) })
	if err != nil {
		return nil, err
	}
	t.mode = ts.mode(r)
	ts.task.keepTags(ctx, t)
	ts.mu.Lock()
	defer ts.mu.Unlock()
	if first, ok := ts.byTopic[topic]; ok {
		return first, nil
	}
	ts.byTopic[topic] = t
	return t, nil
}

// check looks at every table whose name does not depend on a topic's.
func (ts *tables) check(ctx context.Context) error {
	for _, r := range ts.task.s.Routes.Fixed() {
		t := &target{tables: ts, route: r}
		if err := t.look(ctx); err != nil {
			return err
		}
	}
	return nil
}

// probe finds out whether the server takes queued ingestion. Only the emulator of Kusto does not, which is never reached by TLS; at a
// cluster the address is that of its query endpoint.
func (ts *tables) probe(ctx context.Context) error {
	s := ts.task.s
	if s.Mode == spec.ModeInline {
		ts.inline = true
		return nil
	}
	if s.Mode == spec.ModeStreaming {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, probePatience)
		defer cancel()
	}
	err := ts.task.client.CanQueue(ctx)
	endpoint := s.Kusto.Endpoints.Ingest
	switch {
	case !kusto.Unmanaged(err):
		if s.Mode == spec.ModeStreaming { // what cannot be streamed is queued, and waits for that to be possible
			return nil
		}
		return err
	case strings.HasPrefix(endpoint, "https://"):
		return retry.Permanent(fmt.Errorf("%s takes no queued ingestion, as the query endpoint of a cluster takes none: %w. Set kusto.ingestion.url to the cluster's data ingestion URI (https://ingest-<cluster>.<region>.kusto.windows.net), or ingestion.mode=inline for a server that has no other", endpoint, err))
	case s.Mode != spec.ModeAuto:
		return retry.Permanent(fmt.Errorf("ingestion.mode=%s is not possible: %s has no data management service, as Kusto's emulator has none, so that it takes neither queued nor streamed rows: %w. Leave ingestion.mode out, or set it to inline: rows go within commands then, each once", s.Mode, endpoint, err))
	}
	ts.task.env.Logger.Info("the server has no data management service; rows are sent within commands", "endpoint", endpoint)
	ts.inline = true
	return nil
}

// probePatience is how long it may take to find out whether what is not streamed could be queued.
const probePatience = 10 * time.Second

// checkQueueing says how rows get to the server.
func (ts *tables) checkQueueing(ctx context.Context) connector.Check {
	c := connector.Check{Name: "ingestion", OK: true, Detail: "The server takes queued ingestion."}
	switch err := ts.probe(ctx); {
	case err != nil:
		c.OK, c.Detail, c.Remedy = false, err.Error(), "Mend kusto.ingestion.url or ingestion.mode, or give the identity the role ingestor."
	case ts.inline:
		c.Detail = "Rows are sent within commands (ingestion.mode=inline), which is for the Kusto emulator and not for clusters: it takes neither queued nor streamed rows."
	case ts.task.s.Mode == spec.ModeStreaming:
		c.Detail = "Rows are streamed; what the server does not stream is queued."
	}
	return c
}

func (ts *tables) mode(r route.Route) spec.Mode {
	switch {
	case ts.task.s.Mode != spec.ModeAuto:
		return ts.task.s.Mode
	case ts.inline:
		return spec.ModeInline
	case r.Streaming:
		return spec.ModeStreaming
	}
	return spec.ModeQueued
}

// streams says whether a batch that is closed now should be streamed.
func (t *target) streams(now time.Time) bool {
	if !t.mode.Streams() {
		return false
	}
	t.mu.Lock()
	resting := now.Before(t.unstreamed)
	t.mu.Unlock()
	return !resting && (t.mode == spec.ModeStreaming || t.budget.left(now))
}

// rest has the table's batches queued for a while, as large as queued ones are, before streaming is tried again.
func (t *target) rest(now time.Time) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.unstreamed = now.Add(streamAgain)
}

// rows returns what rows are checked against.
func (t *target) rows() row.Target {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.tables.task.s.Check == spec.CheckOff && !spec.NeedsColumns(t.route.Format) {
		return row.Target{}
	}
	return t.checked
}

// look fetches the table's columns and mapping.
func (t *target) look(ctx context.Context) error {
	s, client := t.tables.task.s, t.tables.task.client
	if !s.Validate && s.Check == spec.CheckOff && !spec.NeedsColumns(t.route.Format) {
		return nil
	}
	schema, err := client.Schema(ctx, t.route.Database, t.route.Table)
	if kusto.Unauthorized(err) && !s.AutoCreate && !spec.NeedsColumns(t.route.Format) {
		// Azure's sink goes on as well: the right to ingest does not include that to look.
		t.tables.task.env.Logger.Warn("the identity may not see the table, so rows are not checked before they are sent: what does not fit is found by ADX, and nulls are not noticed at all. Give it the role viewer",
			"database", t.route.Database, "table", t.route.Table, "err", err)
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
		return t.explain(err, fmt.Sprintf("Make it, in database %s: .create table %s (<column>:<type>, …)", t.route.Database, kusto.QuoteName(t.route.Table))+t.refill())
	}
	checked := row.Target{Schema: schema}
	if t.route.Mapping != "" {
		kind := kusto.MappingKind(t.route.Format)
		t.mu.Lock()
		name := t.mapping
		t.mu.Unlock()
		if name == "" {
			name = t.route.Mapping
		}
		checked.Mapping, err = client.MappingOf(ctx, t.route.Database, t.route.Table, kind, name)
		if s.AutoCreate && kusto.NotFound(err) {
			err = nil
			t.mu.Lock()
			t.missing = true
			t.mu.Unlock()
		}
		if err != nil {
			return t.explain(err, fmt.Sprintf("Make it, in database %s: .create table %s ingestion %s mapping %s '[…]'", t.route.Database, kusto.QuoteName(t.route.Table), kind, kusto.QuoteString(t.route.Mapping)))
		}
	}
	t.mu.Lock()
	before := t.checked
	changed := before.Schema == nil || kusto.Declaration(before.Schema.Columns) != kusto.Declaration(schema.Columns) || !sameMapping(before.Mapping, checked.Mapping)
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
func (t *target) explain(err error, remedy string) error {
	switch {
	case kusto.NotFound(err):
		return t.beyondRetry(err, remedy)
	case kusto.Unauthorized(err):
		return retry.Permanent(t.denied(err))
	}
	return err
}

// judged adds to the service's answer to an ingestion what to do about it, and marks what only the user can change.
func (t *target) judged(err error) error {
	switch kusto.VerdictOf(err) {
	case kusto.TargetMissing, kusto.MappingRefused:
		if e, ok := errors.AsType[*kusto.Error](err); ok && t.route.Mapping != "" && strings.Contains(e.Code, "Mapping") {
			return t.beyondRetry(err, fmt.Sprintf("Make or change the mapping, in database %s: .create-or-alter table %s ingestion %s mapping %s '[…]'",
				t.route.Database, kusto.QuoteName(t.route.Table), kusto.MappingKind(t.route.Format), kusto.QuoteString(t.route.Mapping)))
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

func (t *target) beyondRetry(err error, remedy string) error {
	return retry.Permanent(fmt.Errorf("topic %s goes to %s.%s: %w. %s; then restart the connector", t.route.Topic, t.route.Database, t.route.Table, err, remedy))
}

func (t *target) denied(err error) error {
	return fmt.Errorf("topic %s goes to %s.%s: %w. Check the aad.auth keys, and give the identity the roles: .add database %s ingestors ('aadapp=<appid>;<tenant>') and the same for viewers",
		t.route.Topic, t.route.Database, t.route.Table, err, kusto.QuoteName(t.route.Database))
}

// refill says how a table that was dropped gets back the rows that it had.
func (t *target) refill() string {
	return fmt.Sprintf("; if it was dropped, give it its rows again as far as the topic still has them: calypsoctl offsets reset %s --topic %s; or all rows that the source has now: calypsoctl snapshot start <source connector> --table <schema.table>", t.tables.task.env.Connector, t.route.Topic)
}

// evolved looks whether the table has changed since a row was refused for it; then the row is worth another try.
func (t *target) evolved(ctx context.Context, refused error) bool {
	var r *row.Refused
	if !errors.As(refused, &r) || r.Column == "" {
		return false
	}
	t.mu.Lock()
	recent, before := time.Since(t.looked) < lookAgain, t.version
	t.mu.Unlock()
	if recent || t.look(ctx) != nil {
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
