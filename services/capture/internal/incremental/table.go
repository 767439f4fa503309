package incremental

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"github.com/calypso-cdc/calypso/libs/pgmodel"
	"github.com/calypso-cdc/calypso/libs/pgrepl"
	"github.com/calypso-cdc/calypso/services/capture/internal/notify"
	"github.com/calypso-cdc/calypso/services/capture/internal/progress"
	"github.com/calypso-cdc/calypso/services/capture/internal/spec"
)

// Why a table cannot be read in chunks; ErrNotIncremental comes with all of them.
var (
	ErrNotIncremental = errors.New("the table cannot be read in chunks")
	ErrCondition      = errors.New("the condition is refused")
	ErrSurrogateKey   = errors.New("the surrogate-key is refused")
)

// resolve finds a table with the columns that it is read by, and refuses what cannot be read in chunks.
func (r Chunks) resolve(ctx context.Context, conn *pgx.Conn, c progress.Collection) (rel *pgmodel.Relation,
	key []int, err error) {
	catalog := pgrepl.NewCatalog(ctx, pgrepl.Query(conn), func(pgrepl.Table) bool { return true })
	if rel, err = catalog.Named(c.Table.Schema, c.Table.Name); err != nil {
		return nil, nil, err
	}
	if rel == nil {
		return nil, nil, fmt.Errorf("%w: %w", ErrNotIncremental, notify.ErrNoTable)
	}
	if r.Plugin == spec.Pgoutput {
		rel = withoutGenerated(rel)
	}
	if key, err = keyColumns(rel, c.Key); err != nil {
		return nil, nil, err
	}
	return rel, key, checkFilter(ctx, conn, c)
}

// withoutGenerated is a table as pgoutput describes it, without generated columns, so that the
// events of a table have the same columns wherever they come from. Debezium does the same.
func withoutGenerated(rel *pgmodel.Relation) *pgmodel.Relation {
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

// checkFilter refuses a condition that is not one expression. Chunks are read by COPY, whose
// protocol takes several statements at once, so that a condition could close the parentheses around
// it and begin a statement of its own. A prepared statement is a single statement; and a condition
// that closes the parentheses of WHERE, and would pass there, is a syntax error in the list of
// columns.
func checkFilter(ctx context.Context, conn *pgx.Conn, c progress.Collection) error {
	if c.Filter == "" {
		return nil
	}
	_, err := conn.PgConn().Prepare(ctx, "", fmt.Sprintf("SELECT (%s)::boolean FROM %s%s", c.Filter,
		pgrepl.QuoteTable(c.Table.Schema, c.Table.Name), where(c.Filter)), nil)
	if pg, ok := errors.AsType[*pgconn.PgError](err); ok && !pgrepl.Transient(pg) {
		return fmt.Errorf("%w: %w, %q of table %s: %w", ErrNotIncremental, ErrCondition, c.Filter, c.Table, pg)
	}
	return err
}

// checkOrder refuses a key whose columns have no order, or may not be read. EXPLAIN finds both
// without reading rows.
func checkOrder(ctx context.Context, conn *pgx.Conn, c progress.Collection, rel *pgmodel.Relation, key []int) error {
	by := columnList(rel, key, "")
	_, err := conn.Exec(ctx, fmt.Sprintf("EXPLAIN SELECT %s FROM %s ORDER BY %s", by,
		pgrepl.QuoteTable(rel.Schema, rel.Name), by))
	pg, ok := errors.AsType[*pgconn.PgError](err)
	switch {
	case !ok || pgrepl.Transient(pg):
		return err
	case c.Key != "":
		return fmt.Errorf("%w: %w: read %s in the order of %s: %w", ErrNotIncremental, ErrSurrogateKey, c.Table, by, pg)
	}
	return fmt.Errorf("%w: read %s in the order of its key %s: %w", ErrNotIncremental, c.Table, by, pg)
}

func keyColumns(rel *pgmodel.Relation, surrogate string) ([]int, error) {
	if surrogate == "" {
		if len(rel.Key) == 0 {
			return nil,
				fmt.Errorf(
					"%w: %s.%s %w; name a unique column to read it by (surrogate-key in a signal, --surrogate-key of calypsoctl snapshot start), or leave it out", ErrNotIncremental, rel.Schema, rel.Name, notify.ErrNoKey)
		}
		return rel.Key, nil
	}
	for i := range rel.Columns {
		if rel.Columns[i].Name == surrogate {
			return []int{i}, nil
		}
	}
	return nil, fmt.Errorf("%w: %w: table %s.%s has no column %s", ErrNotIncremental, ErrSurrogateKey, rel.Schema,
		rel.Name, surrogate)
}

func where(filter string) string {
	if filter == "" {
		return ""
	}
	return " WHERE (" + filter + ")"
}

func columnList(rel *pgmodel.Relation, columns []int, suffix string) string {
	names := make([]string, len(columns))
	for i, c := range columns {
		names[i] = pgrepl.QuoteIdent(rel.Columns[c].Name) + suffix
	}
	return strings.Join(names, ", ")
}
