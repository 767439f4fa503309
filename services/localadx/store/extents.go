package store

import (
	"context"
	"database/sql"
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/google/uuid"

	"github.com/calypso-cdc/calypso/services/localadx/kql"
	"github.com/calypso-cdc/calypso/services/localadx/kql/value"
)

// RowColumn is the name of the column of RowTable that identifies a row.
const RowColumn = "$row"

// Extents lists a table's extents, oldest first.
func (s *Store) Extents(ctx context.Context, t *Table) ([]Extent, error) {
	var extents []Extent
	err := each(ctx, s, `SELECT id, CAST(guid AS VARCHAR), row_count, original_size, min_created, max_created, tags
		FROM adx.extents WHERE table_id = ? ORDER BY id`, func(scan func(...any) error) error {
		var e Extent
		var guid, tags string
		var minCreated, maxCreated int64
		if err := scan(&e.ID, &guid, &e.Rows, &e.OriginalSize, &minCreated, &maxCreated, &tags); err != nil {
			return err
		}
		var err error
		if e.GUID, err = uuid.Parse(guid); err != nil {
			return err
		}
		e.MinCreated, e.MaxCreated = value.TimeOf(minCreated), value.TimeOf(maxCreated)
		if err := json.Unmarshal([]byte(tags), &e.Tags); err != nil {
			return err
		}
		extents = append(extents, e)
		return nil
	}, t.ID)
	if err != nil {
		return nil, fmt.Errorf("read the extents of %s: %w", t.Name, err)
	}
	return extents, nil
}

// DropExtents removes extents with their rows.
func (s *Store) DropExtents(ctx context.Context, db, table string, extents []Extent) error {
	if len(extents) == 0 {
		return nil
	}
	return edit(ctx, s, db, table, func(in *Ingestion) error {
		var err error
		if extents, err = present(ctx, s, in.Table, extents); err != nil || len(extents) == 0 {
			return err
		}
		list := idList(extents)
		if err := in.exec(fmt.Sprintf("DELETE FROM %s WHERE %s IN (%s)", in.Database.relation(in.Table),
			quoteIdent(extentColumn), list)); err != nil {
			return err
		}
		return in.exec("DELETE FROM adx.extents WHERE id IN (" + list + ")")
	}, func(w *tableWriter) {
		for _, e := range extents {
			w.count(e.Tags, -1)
			if e.ID == w.streamed.ID {
				w.streamed = Extent{}
			}
		}
	})
}

// present returns those of the extents that the table has now. What a caller listed before it held the table's writer
// may be gone.
func present(ctx context.Context, s *Store, t *Table, extents []Extent) ([]Extent, error) {
	current, err := s.Extents(ctx, t)
	if err != nil {
		return nil, err
	}
	return slices.DeleteFunc(slices.Clone(extents), func(e Extent) bool {
		return !slices.ContainsFunc(current, func(c Extent) bool { return c.ID == e.ID })
	}), nil
}

// idList writes the extents' numbers for SQL's IN.
func idList(extents []Extent) string {
	ids := make([]string, len(extents))
	for i, e := range extents {
		ids[i] = strconv.FormatInt(e.ID, 10)
	}
	return strings.Join(ids, ",")
}

// ClearTable removes all rows of a table, and its extents with their tags.
func (s *Store) ClearTable(ctx context.Context, db, table string) error {
	return edit(ctx, s, db, table, (*Ingestion).empty, func(w *tableWriter) {
		w.tags, w.streamed = map[string]int{}, Extent{}
	})
}

// SetExtentTags replaces the tags of extents; what is given holds the new ones.
func (s *Store) SetExtentTags(ctx context.Context, db, table string, before, after []Extent) error {
	return edit(ctx, s, db, table, func(in *Ingestion) error {
		for _, e := range after {
			text, err := json.Marshal(e.Tags)
			if err != nil {
				return fmt.Errorf("write the extent's tags: %w", err)
			}
			if err := in.exec("UPDATE adx.extents SET tags = ? WHERE id = ?", string(text), e.ID); err != nil {
				return err
			}
		}
		return nil
	}, func(w *tableWriter) {
		for _, e := range before {
			w.count(e.Tags, -1)
		}
		for _, e := range after {
			w.count(e.Tags, 1)
			if e.ID == w.streamed.ID {
				w.streamed = Extent{}
			}
		}
	})
}

// edit changes a table's rows in a transaction, under its writer; kept adjusts the writer after the commit.
func edit(ctx context.Context, s *Store, db, table string, change func(*Ingestion) error,
	kept func(*tableWriter)) error {
	d, t, err := lookup(s, db, table)
	if err != nil {
		return err
	}
	w := writer(s, t.ID)
	w.lock.Lock()
	defer w.lock.Unlock()
	if d, t, err = lookup(s, db, table); err != nil {
		return err
	}
	err = transact(ctx, s, func(conn *sql.Conn) error {
		return change(&Ingestion{Database: d, Table: t, ctx: ctx, store: s, conn: conn})
	})
	if err == nil {
		kept(w)
	}
	return err
}

// MoveExtents moves extents with their rows, tags and times to another table of the database, which must have the same
// columns by name and type.
func (s *Store) MoveExtents(ctx context.Context, db, from, to string, extents []Extent) error {
	d, source, err := lookup(s, db, from)
	if err != nil {
		return err
	}
	target, err := d.Table(to)
	if err != nil {
		return err
	}
	if source == target || len(extents) == 0 {
		return nil
	}
	// Always the lower ID first, so that two moves cannot wait for each other.
	w, other := writer(s, source.ID), writer(s, target.ID)
	first, second := w, other
	if source.ID > target.ID {
		first, second = other, w
	}
	first.lock.Lock()
	defer first.lock.Unlock()
	second.lock.Lock()
	defer second.lock.Unlock()
	if d, source, err = lookup(s, db, from); err != nil {
		return err
	}
	if target, err = d.Table(to); err != nil {
		return err
	}
	if extents, err = present(ctx, s, source, extents); err != nil || len(extents) == 0 {
		return err
	}
	if err := moveLocked(ctx, s, d, source, target, extents); err != nil {
		return err
	}
	for _, e := range extents {
		w.count(e.Tags, -1)
		other.count(e.Tags, 1)
		if e.ID == w.streamed.ID {
			w.streamed = Extent{}
		}
	}
	return nil
}

func moveLocked(ctx context.Context, s *Store, d *Database, source, target *Table, extents []Extent) error {
	if len(source.Columns) != len(target.Columns) {
		return invalid("Table '%s' has %d columns and table '%s' has %d: extents move between tables with the same columns",
			source.Name, len(source.Columns), target.Name, len(target.Columns))
	}
	columns := quoteIdent(extentColumn) + ", " + quoteIdent(ingestedColumn)
	for _, c := range source.Columns {
		if i, ok := target.Column(c.Name); !ok || target.Columns[i].Type != c.Type {
			return invalid("Table '%s' has no column '%s' of type %s: extents move between tables with the same columns",
				target.Name, c.Name, c.Type)
		}
		columns += ", " + quoteIdent(c.Name)
	}
	list := idList(extents)
	return transact(ctx, s, func(conn *sql.Conn) error {
		for _, statement := range []string{
			fmt.Sprintf("INSERT INTO %s (%s) SELECT %s FROM %s WHERE %s IN (%s)", d.relation(target), columns, columns,
				d.relation(source), quoteIdent(extentColumn), list),
			fmt.Sprintf("DELETE FROM %s WHERE %s IN (%s)", d.relation(source), quoteIdent(extentColumn), list),
			fmt.Sprintf("UPDATE adx.extents SET table_id = %d WHERE id IN (%s)", target.ID, list),
		} {
			if _, err := conn.ExecContext(ctx, statement); err != nil {
				return fmt.Errorf("move extents from %s to %s: %w", source.Name, target.Name, err)
			}
		}
		return nil
	})
}

// RowTable returns the table with a column more, RowColumn, by which DeleteRows finds rows.
func (d *Database) RowTable(t *Table) kql.Table {
	table := d.kqlTable(t)
	table.Columns = append(table.Columns, kql.Column{Name: RowColumn, Type: value.Long})
	table.Physical = fmt.Sprintf("(SELECT *, rowid AS %s FROM %s)", quoteIdent(RowColumn), d.relation(t))
	return table
}

// RowPlan makes a plan over a table's rows. It is called under the table's writer.
type RowPlan func(*Database, *Table) (*kql.Plan, error)

// DeleteRows removes the rows whose RowColumn the plan returns as its only column, and returns how many those were. The
// plan is made under the table's writer, because row numbers hold only while nothing else changes the table.
func (s *Store) DeleteRows(ctx context.Context, db, table string, plan RowPlan) (int64, error) {
	var deleted int64
	err := edit(ctx, s, db, table, func(in *Ingestion) error {
		p, err := plan(in.Database, in.Table)
		if err != nil {
			return err
		}
		deleted, err = in.deleteRows(p.SQL)
		return err
	}, func(w *tableWriter) { w.streamed = Extent{} })
	return deleted, err
}

// deleteRows removes the rows whose numbers a query returns.
func (in *Ingestion) deleteRows(rows string) (int64, error) {
	relation := in.Database.relation(in.Table)
	deleted, err := in.query(fmt.Sprintf("DELETE FROM %s WHERE rowid IN (%s)", relation, rows))
	if err != nil {
		return 0, fmt.Errorf("delete rows of %s: %w", in.Table.Name, err)
	}
	return deleted, in.exec(fmt.Sprintf(`UPDATE adx.extents SET row_count = coalesce(
		(SELECT count(*) FROM %s r WHERE r.%s = extents.id), 0) WHERE table_id = ?`, relation, quoteIdent(extentColumn)),
		in.Table.ID)
}

// UpdateRows removes the rows whose RowColumn the first plan returns and adds the rows of the
// second, in one transaction; both see the table as it was before. It returns the extent of the new
// rows and how many were removed.
func (s *Store) UpdateRows(ctx context.Context, db, table string, old, replacement RowPlan) (added Extent,
	deleted int64, err error) {
	added, err = s.Ingest(ctx, db, table, Load{}, func(in *Ingestion) error {
		doomed, err := old(in.Database, in.Table)
		if err != nil {
			return err
		}
		fresh, err := replacement(in.Database, in.Table)
		if err != nil {
			return err
		}
		// The old rows are named before there are new ones, which their plan might match too.
		if _, err := in.query("CREATE OR REPLACE TEMP TABLE doomed_rows AS SELECT * FROM (" + doomed.SQL + ") " +
			positional(doomed)); err != nil {
			return fmt.Errorf("find the old rows of %s: %w", in.Table.Name, err)
		}
		if err := in.InsertQuery(fresh); err != nil {
			return err
		}
		if deleted, err = in.deleteRows("SELECT p0 FROM doomed_rows"); err != nil {
			return err
		}
		in.writers[in.Table.ID].streamed = Extent{}
		return in.exec("DROP TABLE doomed_rows")
	})
	return added, deleted, err
}

// TableStatistics sum up a table's extents.
type TableStatistics struct {
	Extents      int64
	Rows         int64
	OriginalSize int64
	MinCreated   int64 // ticks; 0 without extents
	MaxCreated   int64
}

// Statistics sums up the extents of every table of all databases, by table ID.
func (s *Store) Statistics(ctx context.Context) (map[int64]TableStatistics, error) {
	statistics := map[int64]TableStatistics{}
	err := each(ctx, s,
		`SELECT table_id, count(*), CAST(sum(row_count) AS BIGINT), CAST(sum(original_size) AS BIGINT), min(min_created), max(max_created)
		FROM adx.extents GROUP BY table_id`, func(scan func(...any) error) error {
			var id int64
			var t TableStatistics
			if err := scan(&id, &t.Extents, &t.Rows, &t.OriginalSize, &t.MinCreated, &t.MaxCreated); err != nil {
				return err
			}
			statistics[id] = t
			return nil
		})
	if err != nil {
		return nil, fmt.Errorf("sum up the extents: %w", err)
	}
	return statistics, nil
}
