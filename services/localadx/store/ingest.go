package store

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"encoding/json"
	"errors"
	"fmt"
	"runtime/debug"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/duckdb/duckdb-go/v2"
	"github.com/google/uuid"

	"github.com/calypso-cdc/calypso/services/localadx/engine"
	"github.com/calypso-cdc/calypso/services/localadx/kql"
	"github.com/calypso-cdc/calypso/services/localadx/kql/value"
)

// ingestByPrefix marks the tags that ingestIfNotExists looks for.
const ingestByPrefix = "ingest-by:"

// Streamed rows join one extent until it is this full or this old, so that many small requests make few extents.
const (
	maxStreamedRows = 1 << 20
	maxStreamedAge  = time.Hour
)

// How much an ingestion appends before it hands rows over to the database, in bytes of texts: the
// database counts rows alone.
const maxAppended = 16 << 20

// How much an ingestion adds between two looks at the disk and at whether its caller still waits.
const (
	checkRows  = 1 << 14
	checkBytes = 64 << 20
)

// Load says how rows enter a table.
type Load struct {
	// Tags are the new extent's, such as "ingest-by:x" and "drop-by:y".
	Tags []string
	// IfNotExists are values of ingest-by tags, without the prefix; when the table has one, nothing is added.
	IfNotExists []string
	// Created is the extent's creation time; zero means now.
	Created time.Time
	// Streamed rows join the table's current streamed extent; Tags and Created must be empty.
	Streamed bool
	// Replace removes all other rows of the table in the same step.
	Replace bool
}

// Extent is a set of rows that entered a table together.
type Extent struct {
	ID           int64
	GUID         uuid.UUID
	Rows         int64
	OriginalSize int64
	MinCreated   time.Time
	MaxCreated   time.Time
	Tags         []string
}

// tableWriter is a table's write state.
type tableWriter struct {
	// lock is held by the one ingestion or change of the table under way. The fields below are guarded by it.
	lock sync.Mutex
	// tags counts the extents that have an ingest-by tag.
	tags map[string]int
	// streamed is the extent that takes streamed rows; its ID is 0 when there is none.
	streamed      Extent
	streamedSince time.Time
}

func writer(s *Store, table int64) *tableWriter {
	s.mu.Lock()
	defer s.mu.Unlock()
	w, ok := s.writers[table]
	if !ok {
		w = &tableWriter{tags: map[string]int{}}
		s.writers[table] = w
	}
	return w
}

// loadTags rebuilds the ingest-by tags of all tables from their extents.
func loadTags(ctx context.Context, s *Store) error {
	err := each(ctx, s, "SELECT table_id, tags FROM adx.extents WHERE contains(tags, 'ingest-by:')",
		func(scan func(...any) error) error {
			var table int64
			var text string
			if err := scan(&table, &text); err != nil {
				return err
			}
			var tags []string
			if err := json.Unmarshal([]byte(text), &tags); err != nil {
				return fmt.Errorf("tags %q: %w", text, err)
			}
			writer(s, table).count(tags, 1)
			return nil
		})
	if err != nil {
		return fmt.Errorf("read the extents' tags: %w", err)
	}
	return nil
}

func forgetTags(s *Store, table int64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.writers, table)
}

func (w *tableWriter) count(tags []string, by int) {
	for _, tag := range tags {
		if !strings.HasPrefix(tag, ingestByPrefix) {
			continue
		}
		if w.tags[tag] += by; w.tags[tag] <= 0 {
			delete(w.tags, tag)
		}
	}
}

func (w *tableWriter) has(values []string) bool {
	return slices.ContainsFunc(values, func(v string) bool {
		_, ok := w.tags[ingestByPrefix+strings.TrimPrefix(v, ingestByPrefix)]
		return ok
	})
}

// Ingestion is rows entering one table in a transaction under way. It is used by one goroutine.
type Ingestion struct {
	Database *Database
	Table    *Table
	// OriginalSize is the size of the rows before ingestion in bytes, counted by the code that appends
	// them.
	OriginalSize int64

	ctx      context.Context
	store    *Store
	conn     *sql.Conn
	appender *duckdb.Appender
	extent   Extent
	time     int64 // ticks; $ingested of all rows
	// row is reused by Append; at maps a column's place in Table.Columns to its place in row.
	row []driver.Value
	at  []int
	// appended and unchecked are the bytes of texts since the last hand-over and the last check.
	appended, unchecked int
	// writers are held until the end: the table's own and those of the tables that update policies fill.
	writers map[int64]*tableWriter
	// added are extents made besides the main one, by update policies.
	added map[int64]Extent
	// later are the update policies that run when this is committed.
	later []policyStep
}

// Ingest adds rows to a table in one transaction: those that fill appends, with the extent that holds them and all that
// fill does through the Ingestion. It returns ErrTagExists when one of load.IfNotExists is there already, and what fill
// returns when that fails; then nothing has changed. An ingestion without rows makes no extent.
func (s *Store) Ingest(ctx context.Context, db, table string, load Load, fill func(*Ingestion) error) (Extent, error) {
	if err := s.disk.Check(); err != nil {
		return Extent{}, err
	}
	d, t, writers, err := lockTable(s, db, table)
	if err != nil {
		return Extent{}, err
	}
	defer unlock(writers)
	return ingestLocked(ctx, s, d, t, load, writers, fill)
}

// lockTable finds a table and takes its writers.
func lockTable(s *Store, db, table string) (*Database, *Table, map[int64]*tableWriter, error) {
	for {
		d, t, err := lookup(s, db, table)
		if err != nil {
			return nil, nil, nil, err
		}
		writers := lockWriters(s, d, t)
		// The table may have changed while this waited for its writer.
		current, currentTable, err := lookup(s, db, table)
		if err == nil && current == d && currentTable == t {
			return d, t, writers, nil
		}
		unlock(writers)
		if err != nil {
			return nil, nil, nil, err
		}
	}
}

func lookup(s *Store, db, table string) (*Database, *Table, error) {
	d, err := s.Catalog().Database(db)
	if err != nil {
		return nil, nil, err
	}
	t, err := d.Table(table)
	return d, t, err
}

// lockWriters takes the writers of the table and of all tables that its update policies reach, in the order of their
// IDs, so that two ingestions cannot wait for each other.
func lockWriters(s *Store, d *Database, t *Table) map[int64]*tableWriter {
	ids := d.updateTargets(t)
	slices.Sort(ids)
	writers := make(map[int64]*tableWriter, len(ids))
	for _, id := range ids {
		w := writer(s, id)
		w.lock.Lock()
		writers[id] = w
	}
	return writers
}

func unlock(writers map[int64]*tableWriter) {
	for _, w := range writers {
		w.lock.Unlock()
	}
}

func ingestLocked(ctx context.Context, s *Store, d *Database, t *Table, load Load, writers map[int64]*tableWriter,
	fill func(*Ingestion) error) (Extent, error) {
	w := writers[t.ID]
	if w.has(load.IfNotExists) {
		return Extent{}, ErrTagExists
	}
	at, end := beginIngestion(s)
	defer end()
	in := &Ingestion{Database: d, Table: t, ctx: ctx, store: s, time: at, writers: writers, added: map[int64]Extent{}}
	joins := false
	err := transact(ctx, s, func(conn *sql.Conn) error {
		in.conn = conn
		// fill may panic: what was appended must not outlive the transaction.
		defer in.closeAppender()
		var err error
		if joins, err = in.begin(load, w); err != nil {
			return err
		}
		err = guarded(s, in, fill)
		if closed := in.closeAppender(); err == nil {
			err = closed
		}
		if err != nil {
			return err
		}
		if load.Replace {
			if err := in.keepOnly(in.extent.ID); err != nil {
				return err
			}
		}
		return in.finish(joins)
	})
	if err != nil {
		return Extent{}, err
	}
	if load.Replace {
		w.tags, w.streamed = map[string]int{}, Extent{}
	}
	if in.extent.Rows > 0 && !joins {
		w.count(in.extent.Tags, 1)
	}
	if load.Streamed {
		if !joins {
			w.streamedSince = time.Now()
		}
		w.streamed = in.extent
	}
	for table, extent := range in.added {
		in.countTags(table, extent)
	}
	runLater(context.WithoutCancel(ctx), s, in)
	return in.extent, nil
}

// PanicError is a source that its reader was not written for; nothing of it was ingested.
type PanicError struct{ Cause any }

// Error names what the reader ended with.
func (e *PanicError) Error() string {
	return fmt.Sprintf("the source made its reader fail: %v", e.Cause)
}

// guarded runs fill. What comes from outside must not end the process or leave a table locked, so a panic is an error.
func guarded(s *Store, in *Ingestion, fill func(*Ingestion) error) (err error) {
	defer func() {
		if cause := recover(); cause != nil {
			s.log.Error("a source made its reader fail", "table", in.Table.Name, "err", cause, "stack", string(debug.Stack()))
			err = &PanicError{cause}
		}
	}()
	return fill(in)
}

// countTags notes the ingest-by tags of a committed extent.
func (in *Ingestion) countTags(table int64, extent Extent) {
	in.writers[table].count(extent.Tags, 1)
}

// begin picks the extent that takes the rows and reports whether it is one that exists.
func (in *Ingestion) begin(load Load, w *tableWriter) (joins bool, err error) {
	if load.Streamed && w.streamed.ID != 0 && w.streamed.Rows < maxStreamedRows &&
		time.Since(w.streamedSince) < maxStreamedAge {
		in.extent = w.streamed
		in.extent.MaxCreated = value.TimeOf(in.time)
		return true, nil
	}
	created := load.Created
	if created.IsZero() {
		created = value.TimeOf(in.time)
	}
	in.extent, err = newExtent(in.ctx, in.store, load.Tags, created)
	return false, err
}

func newExtent(ctx context.Context, s *Store, tags []string, created time.Time) (Extent, error) {
	id, err := nextID(ctx, s)
	if err != nil {
		return Extent{}, err
	}
	return Extent{ID: id, GUID: uuid.New(), MinCreated: created, MaxCreated: created, Tags: tags}, nil
}

// Append adds one row: a value for each of Table.Columns, nil for null, else of the Go type that the column's type
// has: bool, int32, int64 (also datetime and timespan, in ticks), float64, string or []byte (also dynamic, as JSON),
// duckdb.UUID. The row is copied.
func (in *Ingestion) Append(row []driver.Value) error {
	if in.appender == nil {
		if err := in.openAppender(); err != nil {
			return err
		}
	}
	size := 0
	for i, v := range row {
		in.row[in.at[i]] = v
		switch v := v.(type) {
		case string:
			size += len(v)
		case []byte:
			size += len(v)
		}
	}
	if err := in.appender.AppendRow(in.row...); err != nil {
		return fmt.Errorf("append a row to %s: %w", in.Table.Name, err)
	}
	in.extent.Rows++
	in.appended += size
	in.unchecked += size
	if in.appended >= maxAppended {
		in.appended = 0
		if err := in.appender.Flush(); err != nil {
			return fmt.Errorf("append rows to %s: %w", in.Table.Name, err)
		}
	}
	if in.unchecked >= checkBytes || in.extent.Rows%checkRows == 0 {
		in.unchecked = 0
		if err := in.ctx.Err(); err != nil {
			return err
		}
		return in.store.disk.Check()
	}
	return nil
}

// Rows is how many rows the ingestion has added so far.
func (in *Ingestion) Rows() int64 { return in.extent.Rows }

// Exec runs a statement on the store's own tables in the same transaction.
func (in *Ingestion) exec(query string, args ...any) error {
	if _, err := in.conn.ExecContext(in.ctx, query, args...); err != nil {
		return fmt.Errorf("ingest into %s: %w", in.Table.Name, err)
	}
	return nil
}

func (in *Ingestion) openAppender() error {
	err := in.conn.Raw(func(dc any) error {
		appender, err := duckdb.NewAppenderFromConn(dc.(driver.Conn), in.Database.schemaName(), in.Table.Physical)
		in.appender = appender
		return err
	})
	if err != nil {
		return fmt.Errorf("open table %s for appending: %w", in.Table.Name, err)
	}
	order := make([]int, len(in.Table.Columns))
	for i := range order {
		order[i] = i
	}
	slices.SortFunc(order, func(a, b int) int { return int(in.Table.Columns[a].ID - in.Table.Columns[b].ID) })
	in.row = make([]driver.Value, 2+len(order))
	in.row[0], in.row[1] = in.extent.ID, in.time
	in.at = make([]int, len(order))
	for place, column := range order {
		in.at[column] = 2 + place
	}
	return nil
}

func (in *Ingestion) closeAppender() error {
	if in.appender == nil {
		return nil
	}
	appender := in.appender
	in.appender = nil
	if err := appender.Close(); err != nil {
		return fmt.Errorf("append rows to %s: %w", in.Table.Name, err)
	}
	return nil
}

// InsertQuery adds the rows of a compiled query. Its columns must be the table's in number and types; names do not
// matter, as in Kusto.
func (in *Ingestion) InsertQuery(plan *kql.Plan) error {
	if err := in.closeAppender(); err != nil {
		return err
	}
	rows, err := in.insertQuery(in.Table, in.extent.ID, plan)
	in.extent.Rows += rows
	return err
}

func (in *Ingestion) insertQuery(t *Table, extent int64, plan *kql.Plan) (int64, error) {
	if len(plan.Columns) != len(t.Columns) {
		return 0, invalid("The query has %d columns and table '%s' has %d: make the query's columns the table's, in order",
			len(plan.Columns), t.Name, len(t.Columns))
	}
	names, values := "", ""
	for i, c := range plan.Columns {
		if c.Type != t.Columns[i].Type {
			return 0,
				invalid(
					"Column %d of the query, '%s', has type %s and column '%s' of table '%s' has type %s: convert it in the query",
					i+1, c.Name, c.Type, t.Columns[i].Name, t.Name, t.Columns[i].Type)
		}
		expression := fmt.Sprintf("CAST(q.p%d AS %s)", i, c.Type.Physical())
		if c.Type == value.String {
			expression = fmt.Sprintf("coalesce(q.p%d, '')", i)
		}
		names += ", " + quoteIdent(t.Columns[i].Name)
		values += ", " + expression
	}
	insert := fmt.Sprintf("INSERT INTO %s (%s, %s%s) SELECT %d, %d%s FROM (%s) %s",
		in.Database.relation(t), quoteIdent(extentColumn), quoteIdent(ingestedColumn), names, extent, in.time, values,
		plan.SQL, positional(plan))
	rows, err := in.query(insert)
	if err != nil {
		return 0, fmt.Errorf("ingest the query's rows into %s: %w", t.Name, err)
	}
	return rows, nil
}

// query runs a statement that holds a query and returns how many rows it changed.
func (in *Ingestion) query(statement string) (rows int64, err error) {
	err = engine.Run(in.ctx, func(ctx context.Context) error {
		result, err := in.conn.ExecContext(ctx, statement)
		if err == nil {
			rows, err = result.RowsAffected()
		}
		return err
	})
	return rows, err
}

// positional names the columns of a plan's rows p0, p1, …: a result may have two columns of one name.
func positional(plan *kql.Plan) string {
	names := make([]string, len(plan.Columns))
	for i := range names {
		names[i] = fmt.Sprintf("p%d", i)
	}
	return "q(" + strings.Join(names, ", ") + ")"
}

// keepOnly removes the rows of all other extents. It comes after the new rows, which a query may have made of the old.
func (in *Ingestion) keepOnly(extent int64) error {
	if err := in.exec(fmt.Sprintf("DELETE FROM %s WHERE %s <> %d", in.Database.relation(in.Table),
		quoteIdent(extentColumn), extent)); err != nil {
		return err
	}
	return in.exec("DELETE FROM adx.extents WHERE table_id = ?", in.Table.ID)
}

func (in *Ingestion) empty() error {
	if err := in.exec("DELETE FROM " + in.Database.relation(in.Table)); err != nil {
		return err
	}
	return in.exec("DELETE FROM adx.extents WHERE table_id = ?", in.Table.ID)
}

// finish records the extents; the commit follows.
func (in *Ingestion) finish(joins bool) error {
	if in.extent.Rows == 0 {
		return nil
	}
	if err := in.runUpdatePolicies(); err != nil {
		return err
	}
	in.extent.OriginalSize += in.OriginalSize
	if joins {
		return in.exec("UPDATE adx.extents SET row_count = ?, original_size = ?, max_created = ? WHERE id = ?",
			in.extent.Rows, in.extent.OriginalSize, value.TicksOf(in.extent.MaxCreated), in.extent.ID)
	}
	return in.record(in.Table, in.extent)
}

func (in *Ingestion) record(t *Table, e Extent) error {
	tags := e.Tags
	if tags == nil {
		tags = []string{}
	}
	text, err := json.Marshal(tags)
	if err != nil {
		return fmt.Errorf("write the extent's tags: %w", err)
	}
	return in.exec("INSERT INTO adx.extents VALUES (?, CAST(? AS UUID), ?, ?, ?, ?, ?, ?)",
		e.ID, e.GUID.String(), t.ID, e.Rows, e.OriginalSize, value.TicksOf(e.MinCreated),
		value.TicksOf(e.MaxCreated), string(text))
}

// HasTag reports whether the table holds an extent with one of the ingest-by values now; an ingestion that starts later
// checks again.
func (s *Store) HasTag(db, table string, values []string) bool {
	_, t, err := lookup(s, db, table)
	if err != nil || len(values) == 0 {
		return false
	}
	w := writer(s, t.ID)
	w.lock.Lock()
	defer w.lock.Unlock()
	return w.has(values)
}

// errUpdatePolicy marks a failed update policy.
var errUpdatePolicy = errors.New("the update policy failed")
