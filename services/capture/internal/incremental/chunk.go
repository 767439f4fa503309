package incremental

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/jackc/pgx/v5"

	"github.com/calypso-cdc/calypso/libs/debezium"
	"github.com/calypso-cdc/calypso/libs/pgmodel"
	"github.com/calypso-cdc/calypso/libs/pgrepl"
	"github.com/calypso-cdc/calypso/services/capture/internal/encode"
	"github.com/calypso-cdc/calypso/services/capture/internal/notify"
	"github.com/calypso-cdc/calypso/services/capture/internal/progress"
	"github.com/calypso-cdc/calypso/services/capture/internal/spec"
)

// Chunks reads chunks of tables and writes the marks around them.
type Chunks struct {
	Spec   *spec.Spec
	Events *debezium.Config
	Server pgrepl.Server
	Plugin spec.Plugin
}

// Request asks for the rows of a table after a key.
type Request struct {
	progress.Collection
	id string
	// Last is the key to read after, Max the greatest to read; both are nil at first.
	Last, Max progress.Key
}

// Chunk are rows of a table, as COPY wrote them.
type Chunk struct {
	// Lines are the rows, Last is the key of the last one, Max the table's greatest key.
	Lines     [][]byte
	Last, Max progress.Key

	id  string
	rel *pgmodel.Relation
	// err says why the table cannot be read.
	err error
}

// end says, for the notice about its table, why the chunk has no rows: nil if all rows of the table
// were read before.
func (c *Chunk) end() error {
	if c.err == nil && c.Max == nil {
		return notify.ErrEmpty
	}
	return c.err
}

// read reads a chunk of a table.
func (r Chunks) read(ctx context.Context, conn *pgx.Conn, req Request) (*Chunk, error) {
	rel, key, err := r.resolve(ctx, conn, req.Collection)
	if err != nil {
		return nil, err
	}
	return r.ReadBy(ctx, conn, req, rel, key)
}

// ReadBy reads a chunk in the order of the key columns.
func (r Chunks) ReadBy(ctx context.Context, conn *pgx.Conn, req Request, rel *pgmodel.Relation,
	key []int) (_ *Chunk, err error) {
	c := &Chunk{rel: rel, Max: req.Max}
	if c.Max == nil {
		rows, err := copyRows(ctx, conn, fmt.Sprintf("SELECT %s FROM %s%s ORDER BY %s LIMIT 1", columnList(rel, key, ""),
			pgrepl.QuoteTable(rel.Schema, rel.Name), where(req.Filter), columnList(rel, key, " DESC")))
		if err != nil || len(rows) == 0 {
			return c, err
		}
		if c.Max, err = keyOf(rows[0], nil); err != nil {
			return nil, err
		}
	}
	conditions := []string{pgrepl.RowsUpTo(keyTerms(rel, key, c.Max))}
	if req.Last != nil {
		conditions = append(conditions, pgrepl.RowsAfter(keyTerms(rel, key, req.Last)))
	}
	if req.Filter != "" {
		conditions = append(conditions, "("+req.Filter+")")
	}
	c.Lines, err = r.readAfter(ctx, conn, rel, key, strings.Join(conditions, " AND "))
	if err != nil || len(c.Lines) == 0 {
		return c, err
	}
	c.Last, err = keyOf(slices.Clone(c.Lines[len(c.Lines)-1]), key)
	return c, err
}

// readAfter reads the next rows, and those beyond the chunk's size that have the same key as its
// last. Rows that the key does not tell apart, since it has NULLs or is not unique, thus come in
// one chunk.
func (r Chunks) readAfter(ctx context.Context, conn *pgx.Conn, rel *pgmodel.Relation, key []int,
	condition string) ([][]byte, error) {
	columns := encode.ColumnsOf(r.Events, rel).With(key)
	rows := func(query string) ([][]byte, error) {
		lines, err := copyRows(ctx, conn, query)
		if err != nil {
			return nil, columns.ReadError(conn.Config().User, r.Server.Encoding, err)
		}
		return lines, nil
	}
	size := r.Spec.Signals.ChunkRows
	from, by := pgrepl.QuoteTable(rel.Schema, rel.Name), columnList(rel, key, "")
	if r.Server.Major() >= 13 {
		return rows(fmt.Sprintf("SELECT %s FROM %s WHERE %s ORDER BY %s FETCH FIRST %d ROWS WITH TIES", columns.Selection(),
			from, condition, by, size))
	}
	last, err := rows(fmt.Sprintf("SELECT %s FROM %s WHERE %s ORDER BY %s OFFSET %d LIMIT 1", by, from,
		condition, by, size-1))
	if err != nil {
		return nil, err
	}
	if len(last) > 0 {
		end, err := keyOf(last[0], nil)
		if err != nil {
			return nil, err
		}
		condition += " AND " + pgrepl.RowsUpTo(keyTerms(rel, key, end))
	}
	return rows(fmt.Sprintf("SELECT %s FROM %s WHERE %s ORDER BY %s", columns.Selection(), from, condition, by))
}

// keyOf takes key columns (all if nil) from a row of COPY.
func keyOf(line []byte, columns []int) (progress.Key, error) {
	row, err := pgrepl.SplitCopyRow(nil, line)
	if err != nil {
		return nil, err
	}
	var out progress.Key
	add := func(d pgmodel.Datum) {
		if d.Kind == pgmodel.Null {
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
