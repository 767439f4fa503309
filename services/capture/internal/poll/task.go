package poll

import (
	"context"
	"fmt"
	"maps"
	"os"
	"slices"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/calypso-cdc/calypso/libs/connector"
	"github.com/calypso-cdc/calypso/libs/connector/catalogue"
	"github.com/calypso-cdc/calypso/libs/contain"
	"github.com/calypso-cdc/calypso/libs/debezium"
	"github.com/calypso-cdc/calypso/libs/failpoint"
	"github.com/calypso-cdc/calypso/libs/pgrepl"
	"github.com/calypso-cdc/calypso/libs/telemetry"
	"github.com/calypso-cdc/calypso/services/capture/internal/deliver"
	"github.com/calypso-cdc/calypso/services/capture/internal/retry"
)

// task polls in sessions. Nothing but the offsets passes from one to the next.
type task struct {
	env  connector.TaskEnv
	spec *spec
	// records has the converters and transforms.
	records     debezium.Config
	atLeastOnce bool
	report      Report
	fail        *failpoint.Set
}

func newTask(env connector.TaskEnv, v catalogue.Values, o Options) (*task, error) {
	t := &task{env: env, atLeastOnce: o.AtLeastOnce, fail: failpoint.Parse(os.Getenv(failpoint.Variable))}
	var err error
	if t.spec, err = parse(v); err != nil {
		return nil, err
	}
	if err = t.records.ReadConverters(v.Raw()); err != nil {
		return nil, err
	}
	t.report = o.Report(env)
	return t, nil
}

// Run implements connector.Task.
func (t *task) Run(ctx context.Context) error {
	defer t.report.Ended()
	err := retry.Sessions(ctx, retry.Policy{
		Failures: t.spec.retries, MostDelay: t.spec.retryDelay,
		Notice: func(err error, in time.Duration) {
			t.report.Retrying(err)
			t.env.Retrying(err)
			t.env.Logger.Warn("polling tries again after a failure", "err", err, telemetry.Passing("in", in))
		},
	}, func(ctx context.Context) error {
		return contain.Call("session of a poll", func() error { return t.session(ctx) })
	})
	if err != nil {
		t.report.Failed(err)
	}
	return err
}

// session is one attempt, once it is connected, up to the first failure.
type session struct {
	task     *task
	conn     *pgx.Conn
	producer *deliver.Producer
	writer   *debezium.Writer
	offsets  map[string][]byte // as they were at the start, by canonical partition
	sources  map[string]*source
}

func (t *task) session(ctx context.Context) error {
	t.report.Connecting()
	conn, err := t.spec.connection.Connect(ctx)
	if err != nil {
		return err
	}
	defer pgrepl.Disconnect(conn)
	producer, err := deliver.Open(ctx, deliver.Config{Env: t.env, Settings: t.spec.delivery,
		AtLeastOnce: t.atLeastOnce, Fail: t.fail})
	if err != nil {
		return err
	}
	defer producer.Close()
	offsets, err := t.env.Offsets(ctx)
	if err != nil {
		return fmt.Errorf("read the connector's offsets: %w", err)
	}
	t.env.Started()
	s := &session{task: t, conn: conn, producer: producer, offsets: offsets, sources: make(map[string]*source),
		writer: debezium.NewWriter(t.records.Key, t.records.Value, t.records.Transforms)}
	return s.run(ctx)
}

// run polls until ctx ends.
func (s *session) run(ctx context.Context) error {
	t := s.task
	var found time.Time
	for {
		if time.Since(found) >= t.spec.tableInterval {
			if err := s.find(ctx); err != nil {
				return err
			}
			found = time.Now()
			t.report.Polling(t.spec.subject(len(s.sources)))
			t.env.Retrying(nil)
		}
		next := time.Now().Add(t.spec.tableInterval)
		for _, from := range s.inOrder() {
			if time.Until(from.due) <= 0 {
				if err := s.poll(ctx, from); err != nil {
					return fmt.Errorf("poll %s: %w", from.name, err)
				}
				from.due = time.Now().Add(t.spec.interval)
			}
			if from.due.Before(next) {
				next = from.due
			}
		}
		if !retry.Sleep(ctx, max(time.Until(next), time.Millisecond)) {
			return nil
		}
	}
}

// find updates the list of tables to poll: tables that were created since are added, tables that
// are gone are removed.
func (s *session) find(ctx context.Context) error {
	if s.task.spec.query != "" {
		if s.sources[""] == nil {
			return s.add(pgrepl.Table{})
		}
		return nil
	}
	found, err := pgrepl.NewCatalog(ctx, pgrepl.Query(s.conn), s.task.spec.wanted).Find(s.task.spec.wanted)
	if err != nil {
		return err
	}
	if len(found) == 0 {
		s.task.env.Logger.Warn("no table matches the filters; they are looked for again later", "in",
			s.task.spec.tableInterval)
	}
	exists := make(map[string]bool)
	for _, t := range found {
		if t.Partition { // its rows are its root's
			continue
		}
		exists[t.String()] = true
		if s.sources[t.String()] == nil {
			if err := s.add(t.Table); err != nil {
				return err
			}
		}
	}
	for name := range s.sources {
		if !exists[name] {
			s.task.env.Logger.Warn("a polled table is gone", "table", name)
			delete(s.sources, name)
		}
	}
	return nil
}

// add begins to poll a table, or the query, after its last offset.
func (s *session) add(t pgrepl.Table) error {
	from, err := newSource(s.task.spec, t, s.task.env.Connector, s.offsets)
	if err == nil {
		s.sources[from.id()] = from
	}
	return err
}

// poll reads the rows that are new since the last offset and delivers them.
func (s *session) poll(ctx context.Context, from *source) error {
	if err := from.describe(ctx, s.conn); err != nil {
		return err
	}
	if doubtful := from.doubtful(); len(doubtful) > 0 && !from.warned {
		from.warned = true
		s.task.env.Logger.Warn("rows with NULL in a column that the table is polled by are never polled, and PostgreSQL "+
			"does not keep NULL out of it: it is NOT NULL by its domain only, or by a constraint that is NOT VALID",
			"table", from.name, "columns", doubtful)
	}
	var until time.Time
	if from.mode.timestamps() {
		// Rows that are written while the query runs have this time or a later one: they are the next poll's.
		if err := s.conn.QueryRow(ctx, "SELECT clock_timestamp()").Scan(&until); err != nil {
			return fmt.Errorf("ask for the server's time: %w", err)
		}
		until = until.Add(-s.task.spec.delay)
	}
	d := &delivery{session: s, ctx: ctx, source: from, offset: from.offset}
	if _, err := s.conn.PgConn().CopyTo(ctx, d, pgrepl.TextSettings+from.copyQuery(until)); err != nil {
		return err
	}
	return d.finish()
}

// inOrder are the sources by name.
func (s *session) inOrder() []*source {
	var out []*source
	for _, name := range slices.Sorted(maps.Keys(s.sources)) {
		out = append(out, s.sources[name])
	}
	return out
}
