package capture

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"github.com/calypso-cdc/calypso/libs/change"
	"github.com/calypso-cdc/calypso/libs/pgrepl"
	"github.com/calypso-cdc/calypso/services/capture/internal/spec"
)

// incrementalProgress is how far an incremental snapshot is. It is never changed in place: batches and checkpoints keep it.
type incrementalProgress struct {
	// Collections are the tables still to read; the first is being read.
	Collections []collection `json:"collections"`
	// Last is the key of the last row delivered of the first table, Max its greatest key when its reading began; nil before the first
	// chunk.
	Last keyValues `json:"last,omitempty"`
	Max  keyValues `json:"max,omitempty"`
	// Rows counts the rows read of the first table.
	Rows int64 `json:"rows,omitempty"`
	// Signal is the id of the last signal that asked for tables.
	Signal string `json:"signal,omitempty"`
	// Paused says that no chunk is read until a resume-snapshot signal.
	Paused bool `json:"paused,omitempty"`
	// ended are the tables that ended since the stream began, those of the snapshots under way only.
	ended []endedCollection
}

// endedCollection is a table that an incremental snapshot has done with.
type endedCollection struct {
	collection
	rows    int64
	stopped bool
	err     error
}

// collection is a table of an incremental snapshot.
type collection struct {
	Table pgrepl.Table `json:"table"`
	// Filter narrows the rows (additional-conditions); empty for all.
	Filter string `json:"filter,omitempty"`
	// Key is the column to read by in place of the primary key (surrogate-key); empty for the key.
	Key string `json:"key,omitempty"`
	// Estimate is pg_class.reltuples when the table was asked for; -1 if unknown.
	Estimate int64 `json:"estimate,omitempty"`
}

// incremental reads tables in chunks while the stream goes on (the watermark method of DBLog, arXiv:2010.12597): a mark is
// written, a chunk is read, another mark is written; when the stream has passed both marks, the rows of the chunk whose
// keys did not change between them are delivered. So a row read never comes after a newer change of it.
//
// The reader owns it, under the stage's lock; a goroutine of its own reads chunks, one at a time.
type incremental struct {
	session  *session
	progress *incrementalProgress
	requests chan chunkRequest
	// asked is the id of the chunk that was asked for and has not come through the stream; empty if none was. Marks of
	// other chunks, such as another session's, mean nothing.
	asked string
	// window is open between a chunk's marks.
	window *window
	// encoders of the catalog's versions of tables, which chunks have.
	encoders *encoders

	mu    sync.Mutex
	ready *chunk // guarded by mu: the chunk that was read last
}

// window notes which rows change between a chunk's marks.
type window struct {
	table   string
	changed map[string]bool
	key     []byte
}

// chunkRequest asks for the rows of a table after a key.
type chunkRequest struct {
	id string
	collection
	last, max keyValues
}

// chunk are rows as COPY wrote them.
type chunk struct {
	id    string
	rel   *change.Relation
	lines [][]byte
	// last is the key of the last row; max the table's greatest key.
	last, max keyValues
	// err says why the table cannot be read.
	err error
}

func newIncremental(s *session, saved *incrementalProgress) *incremental {
	if saved == nil {
		saved = new(incrementalProgress)
	}
	return &incremental{session: s, progress: saved, requests: make(chan chunkRequest, 1), encoders: newEncoders(s)}
}

// next asks for the next chunk, if there is one to read and none is being read.
func (n *incremental) next() {
	p := n.progress
	if n.asked != "" || p.Paused || len(p.Collections) == 0 {
		return
	}
	n.asked = uuid()
	select {
	case <-n.requests: // one that was given up before it began
	default:
	}
	n.requests <- chunkRequest{n.asked, p.Collections[0], p.Last, p.Max}
}

// update replaces the progress, to become durable with the batch.
func (n *incremental) update(b *batch, p incrementalProgress) {
	n.progress = &p
	b.incremental = n.progress
}

// end puts the first table, or a later one, with the ended.
func (p *incrementalProgress) end(at int, stopped bool, err error) {
	e := endedCollection{collection: p.Collections[at], stopped: stopped, err: err}
	if at == 0 {
		e.rows = p.Rows
		p.Last, p.Max, p.Rows = nil, nil, 0
	}
	p.ended = append(slices.Clip(p.ended), e)
	p.Collections = slices.Delete(slices.Clone(p.Collections), at, at+1)
}

// note notes what tells a changed row from others, before and after its change.
func (w *window) note(enc *tableEncoder, rows ...change.Tuple) {
	if enc.name != w.table {
		return
	}
	for _, row := range rows {
		if row == nil {
			continue
		}
		key, err := enc.AppendIdentity(w.key[:0], row, rows[0])
		if err != nil {
			continue // the row's own event reports it
		}
		w.key = key
		w.changed[string(key)] = true
	}
}

// open begins the window of the chunk that was asked for.
func (n *incremental) open(id string) {
	if id == n.asked {
		n.window = &window{table: n.progress.Collections[0].Table.String(), changed: make(map[string]bool)}
	}
}

// closeWindow delivers what the window left of its chunk.
func (r *reader) closeWindow(b *batch, id string) error {
	n := r.incremental
	n.mu.Lock()
	c := n.ready
	n.mu.Unlock()
	if c == nil || c.id != id || n.window == nil || id != n.asked {
		return nil
	}
	w := n.window
	n.window, n.asked = nil, ""
	p := *n.progress
	switch {
	case c.err != nil:
		r.env.Logger.Error("An incremental snapshot left a table out", "table", p.Collections[0].Table.String(), "error", c.err)
		fallthrough
	case len(c.lines) == 0:
		if c.err == nil {
			r.env.Logger.Info("An incremental snapshot finished a table", "table", p.Collections[0].Table.String())
		}
		if err := r.scanned(b, &p, c); err != nil {
			return err
		}
		p.end(0, false, c.err)
	default:
		if err := r.deliverChunk(b, c, w); err != nil {
			return err
		}
		p.Last, p.Max = c.last, c.max
		p.Rows += int64(len(c.lines))
		if err := r.tell(b, &p, notifyInProgress, "current_collection_in_progress", p.Collections[0].Table.String(), "maximum_key", p.Max.text(), "last_processed_key", p.Last.text(), "data_collections", p.collections()); err != nil {
			return err
		}
	}
	n.update(b, p)
	n.next()
	return nil
}

func (r *reader) deliverChunk(b *batch, c *chunk, w *window) error {
	n := r.incremental
	enc, err := n.encoders.of(c.rel)
	if err != nil {
		return err
	}
	var row change.Tuple
	r.observeChunk(b, enc)
	for _, line := range c.lines {
		if row, err = pgrepl.SplitCopyRow(row[:0], line); err != nil {
			return err
		}
		if w.key, err = enc.AppendIdentity(w.key[:0], row, nil); err != nil {
			return err
		}
		if w.changed[string(w.key)] {
			continue
		}
		now := time.Now()
		ev := change.Event{Op: change.Read, After: row, Now: now.UnixNano(), Source: change.Source{
			Snapshot: change.SnapshotIncremental, CommitTime: now.UnixMicro(), LSN: uint64(r.lastCommit), LastCommit: uint64(r.lastCommit)}}
		k, err := enc.Append(&b.Batch, &ev)
		if err != nil {
			return r.unprocessable(err)
		}
		b.count(enc, int64(k), &ev)
	}
	return nil
}

// runChunks reads chunks as they are asked for.
func (n *incremental) runChunks(ctx context.Context) error {
	var conn *watched
	defer func() { conn.hangUp() }()
	for {
		select {
		case <-ctx.Done():
			return nil
		case req := <-n.requests:
			var err error
			if conn == nil {
				if conn, err = n.session.dial(ctx, "begin an incremental snapshot"); err != nil {
					return err
				}
			}
			conn.uses("read a chunk of table " + req.Table.String() + ", or take a watermark of it")
			if err := n.runChunk(ctx, conn.Conn, req); err != nil {
				if ctx.Err() != nil {
					return nil
				}
				return fmt.Errorf("incremental snapshot of table %s: %w", req.Table, err)
			}
		}
	}
}

func (n *incremental) runChunk(ctx context.Context, conn *pgx.Conn, req chunkRequest) error {
	id, opened := req.id, time.Now()
	if err := n.mark(ctx, conn, id+"-open", opened, time.Time{}); err != nil {
		return err
	}
	c, err := n.read(ctx, conn, req)
	if pg, ok := errors.AsType[*pgconn.PgError](err); ok && !pgrepl.Transient(pg) || errors.Is(err, errNotIncremental) {
		c, err = &chunk{err: err}, nil
	}
	if err != nil {
		return err
	}
	c.id = id
	n.mu.Lock()
	n.ready = c
	n.mu.Unlock()
	return n.mark(ctx, conn, id+"-close", opened, time.Now())
}

// watermarkPrefix is the prefix of the logical messages that mark chunks where there is no signal table.
const watermarkPrefix = "calypso.watermark"

// mark writes a chunk's mark where the stream will bring it: into the signal table, or as a logical message.
func (n *incremental) mark(ctx context.Context, conn *pgx.Conn, id string, opened, closed time.Time) error {
	set := n.session.spec.Signals
	if set.Table == "" || set.ReadOnly {
		if _, err := conn.Exec(ctx, "SELECT pg_logical_emit_message(true, $1, $2::text)", watermarkPrefix, id); err != nil {
			return fmt.Errorf("write a watermark: %w", err)
		}
		return nil
	}
	schema, name, _ := strings.Cut(set.Table, ".")
	table := pgrepl.QuoteTable(schema, name)
	const layout = "2006-01-02T15:04:05.000000000Z"
	data := fmt.Sprintf(`{"openWindowTimestamp": %q}`, opened.UTC().Format(layout))
	sql, args := "INSERT INTO "+table+" VALUES ($1, 'snapshot-window-open', $2)", []any{id, data}
	if !closed.IsZero() {
		data = fmt.Sprintf(`{"openWindowTimestamp": %q, "closeWindowTimestamp": %q}`, opened.UTC().Format(layout), closed.UTC().Format(layout))
		sql, args = "INSERT INTO "+table+" VALUES ($1, 'snapshot-window-close', $2)", []any{id, data}
		if set.Watermarks == spec.InsertDelete {
			sql, args = "DELETE FROM "+table+" WHERE id = $1", []any{strings.TrimSuffix(id, "-close") + "-open"}
		}
	}
	if _, err := conn.Exec(ctx, sql, args...); err != nil {
		return fmt.Errorf("write a watermark into signal table %s: %w", set.Table, err)
	}
	return nil
}

// Why a table cannot be read in chunks; errNotIncremental comes with all of them.
var (
	errNotIncremental = errors.New("the table cannot be read in chunks")
	errCondition      = errors.New("the condition is refused")
	errSurrogateKey   = errors.New("the surrogate-key is refused")
	errNoTable        = errors.New("it does not exist")
	errNoKey          = errors.New("has no primary key")
)

// read reads a chunk of a table.
func (n *incremental) read(ctx context.Context, conn *pgx.Conn, req chunkRequest) (*chunk, error) {
	rel, key, err := n.session.resolve(ctx, conn, &req.collection)
	if err != nil {
		return nil, err
	}
	return n.readBy(ctx, conn, req, rel, key)
}

// readBy reads a chunk in the order of the key columns.
func (n *incremental) readBy(ctx context.Context, conn *pgx.Conn, req chunkRequest, rel *change.Relation, key []int) (_ *chunk, err error) {
	order := newKeyOrder(rel, key)
	c := &chunk{rel: rel, max: req.max}
	if c.max == nil {
		rows, err := copyRows(ctx, conn, fmt.Sprintf("SELECT %s FROM %s%s ORDER BY %s LIMIT 1", columnList(rel, key, ""), pgrepl.QuoteTable(rel.Schema, rel.Name), where(req.Filter), columnList(rel, key, " DESC")))
		if err != nil || len(rows) == 0 {
			return c, err
		}
		if c.max, err = keyOf(rows[0], nil); err != nil {
			return nil, err
		}
	}
	conditions := []string{order.upTo(c.max)}
	if req.last != nil {
		conditions = append(conditions, order.after(req.last))
	}
	if req.Filter != "" {
		conditions = append(conditions, "("+req.Filter+")")
	}
	c.lines, err = n.readAfter(ctx, conn, rel, key, strings.Join(conditions, " AND "))
	if err != nil || len(c.lines) == 0 {
		return c, err
	}
	c.last, err = keyOf(slices.Clone(c.lines[len(c.lines)-1]), key)
	return c, err
}

// readAfter reads the next rows, and those beyond the chunk's size that have the same key as its last: what a key does not tell apart,
// since it has NULLs, or is not unique, comes in one chunk.
func (n *incremental) readAfter(ctx context.Context, conn *pgx.Conn, rel *change.Relation, key []int, condition string) ([][]byte, error) {
	wanted := sentColumns(&n.session.events, rel)
	for _, i := range key {
		wanted[i] = true
	}
	rows := func(query string) ([][]byte, error) {
		lines, err := copyRows(ctx, conn, query)
		if err != nil {
			return nil, readError(rel, wanted, n.session.server.Encoding, err)
		}
		return lines, nil
	}
	size := n.session.spec.Signals.ChunkRows
	from, by := pgrepl.QuoteTable(rel.Schema, rel.Name), columnList(rel, key, "")
	if n.session.server.Major() >= 13 {
		return rows(fmt.Sprintf("SELECT %s FROM %s WHERE %s ORDER BY %s FETCH FIRST %d ROWS WITH TIES", selection(rel, wanted), from, condition, by, size))
	}
	last, err := rows(fmt.Sprintf("SELECT %s FROM %s WHERE %s ORDER BY %s OFFSET %d LIMIT 1", by, from, condition, by, size-1))
	if err != nil {
		return nil, err
	}
	if len(last) > 0 {
		end, err := keyOf(last[0], nil)
		if err != nil {
			return nil, err
		}
		condition += " AND " + newKeyOrder(rel, key).upTo(end)
	}
	return rows(fmt.Sprintf("SELECT %s FROM %s WHERE %s ORDER BY %s", selection(rel, wanted), from, condition, by))
}

// resolve finds a table with the columns that it is read by, and refuses what cannot be read in chunks.
func (s *session) resolve(ctx context.Context, conn *pgx.Conn, c *collection) (rel *change.Relation, key []int, err error) {
	catalog := pgrepl.NewCatalog(ctx, pgrepl.Query(conn), func(pgrepl.Table) bool { return true })
	if rel, err = catalog.Named(c.Table.Schema, c.Table.Name, true); err != nil {
		return nil, nil, err
	}
	if rel == nil {
		return nil, nil, fmt.Errorf("%w: %w", errNotIncremental, errNoTable)
	}
	if s.plugin == spec.Pgoutput {
		rel = withoutGenerated(rel)
	}
	if key, err = keyColumns(rel, c.Key); err != nil {
		return nil, nil, err
	}
	return rel, key, c.checkFilter(ctx, conn)
}

// withoutGenerated is a table as pgoutput describes it, which leaves generated columns out: events of one table have the same columns
// wherever they come from. Debezium does the same.
func withoutGenerated(rel *change.Relation) *change.Relation {
	out := *rel
	out.Columns, out.Key = nil, nil
	places := make([]int, len(rel.Columns))
	for i, c := range rel.Columns {
		if places[i] = -1; !c.Generated {
			places[i] = len(out.Columns)
			out.Columns = append(out.Columns, c)
		}
	}
	for _, k := range rel.Key {
		if places[k] < 0 {
			out.Key = nil
			break
		}
		out.Key = append(out.Key, places[k])
	}
	return &out
}

// checkFilter refuses a condition that is not one expression. Chunks are read by COPY, whose protocol takes several statements at
// once, so that a condition could close the parentheses around it and begin a statement of its own. A prepared statement is one
// only, and what ends the parentheses of WHERE and is right there is wrong in the list of columns.
func (c *collection) checkFilter(ctx context.Context, conn *pgx.Conn) error {
	if c.Filter == "" {
		return nil
	}
	_, err := conn.PgConn().Prepare(ctx, "", fmt.Sprintf("SELECT (%s)::boolean FROM %s%s", c.Filter, pgrepl.QuoteTable(c.Table.Schema, c.Table.Name), where(c.Filter)), nil)
	if pg, ok := errors.AsType[*pgconn.PgError](err); ok && !pgrepl.Transient(pg) {
		return fmt.Errorf("%w: %w, %q of table %s: %w", errNotIncremental, errCondition, c.Filter, c.Table, pg)
	}
	return err
}

// checkOrder refuses a key whose columns have no order, or may not be read. EXPLAIN looks for both and reads nothing.
func (c *collection) checkOrder(ctx context.Context, conn *pgx.Conn, rel *change.Relation, key []int) error {
	by := columnList(rel, key, "")
	_, err := conn.Exec(ctx, fmt.Sprintf("EXPLAIN SELECT %s FROM %s ORDER BY %s", by, pgrepl.QuoteTable(rel.Schema, rel.Name), by))
	pg, ok := errors.AsType[*pgconn.PgError](err)
	switch {
	case !ok || pgrepl.Transient(pg):
		return err
	case c.Key != "":
		return fmt.Errorf("%w: %w: reading %s in the order of %s: %w", errNotIncremental, errSurrogateKey, c.Table, by, pg)
	}
	return fmt.Errorf("%w: reading %s in the order of its key %s: %w", errNotIncremental, c.Table, by, pg)
}

func keyColumns(rel *change.Relation, surrogate string) ([]int, error) {
	if surrogate == "" {
		if len(rel.Key) == 0 {
			return nil, fmt.Errorf("%w: %s.%s %w; name a unique column to read it by (surrogate-key in a signal, --surrogate-key of calypsoctl snapshot start), or leave it out", errNotIncremental, rel.Schema, rel.Name, errNoKey)
		}
		return rel.Key, nil
	}
	for i := range rel.Columns {
		if rel.Columns[i].Name == surrogate {
			return []int{i}, nil
		}
	}
	return nil, fmt.Errorf("%w: %w: table %s.%s has no column %s", errNotIncremental, errSurrogateKey, rel.Schema, rel.Name, surrogate)
}

func where(filter string) string {
	if filter == "" {
		return ""
	}
	return " WHERE (" + filter + ")"
}

func columnList(rel *change.Relation, columns []int, suffix string) string {
	names := make([]string, len(columns))
	for i, c := range columns {
		names[i] = pgrepl.QuoteIdent(rel.Columns[c].Name) + suffix
	}
	return strings.Join(names, ", ")
}

// keyOf takes key columns (all if nil) from a row of COPY.
func keyOf(line []byte, columns []int) (keyValues, error) {
	row, err := pgrepl.SplitCopyRow(nil, line)
	if err != nil {
		return nil, err
	}
	var out keyValues
	add := func(d change.Datum) {
		if d.Kind == change.Null {
			out = append(out, nil)
			return
		}
		text := string(d.Data)
		out = append(out, &text)
	}
	for i := range row {
		if columns == nil {
			add(row[i])
		}
	}
	for _, c := range columns {
		add(row[c])
	}
	return out, nil
}

// copyRows runs a query with COPY and keeps its rows.
func copyRows(ctx context.Context, conn *pgx.Conn, query string) ([][]byte, error) {
	var w rowKeeper
	err := pgrepl.Copy(ctx, conn.PgConn(), &w, "COPY ("+query+") TO STDOUT")
	return w.rows, err
}

type rowKeeper struct{ rows [][]byte }

func (k *rowKeeper) Write(line []byte) (int, error) {
	k.rows = append(k.rows, slices.Clone(line))
	return len(line), nil
}

// uuid makes a random UUID (RFC 9562, version 4).
func uuid() string {
	var b [16]byte
	rand.Read(b[:])
	b[6], b[8] = b[6]&0x0f|0x40, b[8]&0x3f|0x80
	return fmt.Sprintf("%x-%x-%x-%x-%x", b[:4], b[4:6], b[6:8], b[8:10], b[10:])
}

// watermark takes a mark that came as a logical message.
func (r *reader) watermark(b *batch, m *pgrepl.Message) error {
	text := string(m.Content)
	if id, ok := strings.CutSuffix(text, "-open"); ok {
		r.incremental.open(id)
		return nil
	}
	return r.closeWindow(b, strings.TrimSuffix(text, "-close"))
}
