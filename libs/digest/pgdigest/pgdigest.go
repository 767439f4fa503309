package pgdigest

import (
	"context"
	"fmt"
	"strings"

	"github.com/jackc/pgx/v5"

	"github.com/calypso-cdc/calypso/libs/digest"
)

// Table reads a table of PostgreSQL over a connection of package pgrepl, which fixes how values are
// printed: DateStyle ISO, the time zone UTC.
type Table struct {
	// Query runs a statement and returns its rows.
	Query func(ctx context.Context, sql string, args ...any) (pgx.Rows, error)
	// Schema and Name name the table.
	Schema, Name string
	Selection    digest.Selection
}

func (p *Table) join(columns []digest.Column) string {
	texts := make([]string, len(columns))
	for i, c := range columns {
		texts[i] = "coalesce(" + sqlText(c) + ", '')"
	}
	return strings.Join(texts, " || chr(31) || ")
}

// rows returns the subquery of all rows with place, key and hash.
func (p *Table) rows() string {
	key := p.join(p.Selection.Key)
	place := "('x0' || substr(md5(pg_catalog.convert_to(" + key + ", 'UTF8')), 1, 15))::bit(64)::bigint"
	if p.Selection.NumericKey() {
		place = "(" + sqlText(p.Selection.Key[0]) + ")::bigint"
	}
	return fmt.Sprintf("(SELECT %s AS place, %s AS key, md5(pg_catalog.convert_to(%s, 'UTF8')) AS hash FROM %s) AS r",
		place, key, p.join(append(p.Selection.Key[:len(p.Selection.Key):len(p.Selection.Key)], p.Selection.Columns...)),
		pgx.Identifier{p.Schema, p.Name}.Sanitize())
}

const (
	sqlA = "('x' || substr(hash, 1, 8))::bit(32)::bigint & 4294967295"
	sqlB = "('x' || substr(hash, 9, 8))::bit(32)::bigint & 4294967295"
)

// Extent implements digest.Table.
func (p *Table) Extent(ctx context.Context) (e digest.Extent, err error) {
	rows, err := p.Query(ctx, "SELECT count(*), coalesce(min(place), 0), coalesce(max(place), 0) FROM "+p.rows())
	if err != nil {
		return e, p.failed(err)
	}
	if e, err = pgx.CollectExactlyOneRow(rows, func(r pgx.CollectableRow) (e digest.Extent, err error) {
		return e, r.Scan(&e.Rows, &e.Low, &e.High)
	}); err != nil {
		return e, p.failed(err)
	}
	return p.Selection.Named(e), nil
}

// Digests implements digest.Table.
func (p *Table) Digests(ctx context.Context, span digest.Span) ([]digest.Digest, error) {
	rows, err := p.Query(ctx,
		fmt.Sprintf(
			"SELECT (place - (%d)) / %d, count(*), sum(%s)::bigint, sum(%s)::bigint FROM %s WHERE place BETWEEN %d AND %d GROUP BY 1",
			span.Low, span.Width(), sqlA, sqlB, p.rows(), span.Low, span.High))
	if err != nil {
		return nil, p.failed(err)
	}
	digests, err := pgx.CollectRows(rows, func(r pgx.CollectableRow) (d digest.Digest, err error) {
		return d, r.Scan(&d.Bucket, &d.Rows, &d.A, &d.B)
	})
	return digests, p.failed(err)
}

// Rows implements digest.Table.
func (p *Table) Rows(ctx context.Context, span digest.Span) ([]digest.Row, error) {
	return p.list(ctx, fmt.Sprintf("BETWEEN %d AND %d", span.Low, span.High))
}

// RowsAt implements digest.Table.
func (p *Table) RowsAt(ctx context.Context, places []int64) ([]digest.Row, error) {
	return p.list(ctx, "IN ("+digest.Numbers(places)+")")
}

func (p *Table) list(ctx context.Context, where string) ([]digest.Row, error) {
	rows, err := p.Query(ctx, fmt.Sprintf("SELECT place, key, %s, %s FROM %s WHERE place %s LIMIT %d", sqlA, sqlB,
		p.rows(), where, digest.MaxListed))
	if err != nil {
		return nil, p.failed(err)
	}
	list, err := pgx.CollectRows(rows, func(r pgx.CollectableRow) (row digest.Row, err error) {
		return row, r.Scan(&row.Place, &row.Key, &row.A, &row.B)
	})
	return list, p.failed(err)
}

func (p *Table) failed(err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("compare table %s.%s of PostgreSQL: %w", p.Schema, p.Name, err)
}
