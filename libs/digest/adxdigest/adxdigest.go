package adxdigest

import (
	"context"
	"fmt"
	"strconv"
	"strings"

	"github.com/calypso-cdc/calypso/libs/digest"
	"github.com/calypso-cdc/calypso/libs/kusto"
)

// Table reads a table of Azure Data Explorer.
type Table struct {
	// Query runs a query in the table's database.
	Query func(ctx context.Context, text string) (*kusto.Table, error)
	// Source is the query that returns the table's rows: its name, or a function call.
	Source string
	// Latest is an expression whose greatest value marks the latest row of a key; empty if each key
	// has one row.
	Latest string
	// Present is a condition that holds if the latest row of a key is not a deletion; empty if it
	// always holds.
	Present   string
	Selection digest.Selection
}

// separator is U+001F in a literal of KQL.
const separator = `"\u001f"`

// strcat takes at most 64 arguments.
const maxArguments = 30

// latest returns the query for the latest present rows of keys whose place meets a condition, with
// all their columns, place and place_key. All rows of a key have the same place, so the condition
// may come before the choice of the latest.
func (k *Table) latest(where string) string {
	place := `tolong(strcat("0x", substring(hash_md5(place_key), 0, 15)))`
	if k.Selection.NumericKey() {
		// A null key has the empty text, and place 0.
		place = "coalesce(tolong(" + kusto.QuoteName(k.Selection.Key[0].Name) + "), 0)"
	}
	var q strings.Builder
	steps, key := join(k.Selection.Key, "digest_key")
	fmt.Fprintf(&q, "%s%s\n| extend place_key = %s\n| extend place = %s", k.Source, steps, key, place)
	if where != "" {
		q.WriteString("\n| where place " + where)
	}
	if k.Latest != "" {
		fmt.Fprintf(&q, "\n| extend place_order = %s\n| summarize arg_max(place_order, *) by place_key", k.Latest)
	}
	if k.Present != "" {
		q.WriteString("\n| where " + k.Present)
	}
	return q.String()
}

// rows returns the query for the rows whose place meets a condition, with place, key and the parts
// of the hash.
func (k *Table) rows(where string) string {
	var q strings.Builder
	q.WriteString(k.latest(where))
	whole := "place_key"
	if len(k.Selection.Columns) > 0 {
		steps, columns := join(k.Selection.Columns, "digest_")
		q.WriteString(steps)
		whole = "strcat(place_key, " + separator + ", " + columns + ")"
	}
	q.WriteString("\n| extend hash = hash_md5(" + whole + ")")
	q.WriteString("\n" +
		`| project place, place_key, a = tolong(strcat("0x", substring(hash, 0, 8))), b = tolong(strcat("0x", substring(hash, 8, 8)))`)
	return q.String()
}

// Extent implements digest.Table.
func (k *Table) Extent(ctx context.Context) (e digest.Extent, err error) {
	t, err := k.Query(ctx, k.rows("")+"\n| summarize rows_ = count(), low = min(place), high = max(place)")
	if err != nil || len(t.Rows) == 0 {
		return e, err
	}
	if e.Rows, err = number(t, 0, "rows_"); err != nil || e.Rows == 0 {
		return e, err
	}
	if e.Low, err = number(t, 0, "low"); err == nil {
		e.High, err = number(t, 0, "high")
	}
	return k.Selection.Named(e), err
}

// Digests implements digest.Table.
func (k *Table) Digests(ctx context.Context, span digest.Span) ([]digest.Digest, error) {
	t, err := k.Query(ctx, k.rows(between(span))+
		fmt.Sprintf("\n| summarize rows_ = count(), a = sum(a), b = sum(b) by bucket = (place - (%d)) / %d",
			span.Low, span.Width()))
	if err != nil {
		return nil, err
	}
	digests := make([]digest.Digest, len(t.Rows))
	for i := range t.Rows {
		d := &digests[i]
		for name, into := range map[string]*int64{"bucket": &d.Bucket, "rows_": &d.Rows, "a": &d.A, "b": &d.B} {
			if *into, err = number(t, i, name); err != nil {
				return nil, err
			}
		}
	}
	return digests, nil
}

// Rows implements digest.Table.
func (k *Table) Rows(ctx context.Context, span digest.Span) ([]digest.Row, error) {
	return k.list(ctx, between(span))
}

// RowsAt implements digest.Table.
func (k *Table) RowsAt(ctx context.Context, places []int64) ([]digest.Row, error) {
	return k.list(ctx, "in ("+digest.Numbers(places)+")")
}

func (k *Table) list(ctx context.Context, where string) ([]digest.Row, error) {
	t, err := k.Query(ctx, k.rows(where)+fmt.Sprintf("\n| take %d", digest.MaxListed))
	if err != nil {
		return nil, err
	}
	rows := make([]digest.Row, len(t.Rows))
	for i := range t.Rows {
		r := &rows[i]
		r.Key = t.Value(i, "place_key")
		for name, into := range map[string]*int64{"place": &r.Place, "a": &r.A, "b": &r.B} {
			if *into, err = number(t, i, name); err != nil {
				return nil, err
			}
		}
	}
	return rows, nil
}

func between(span digest.Span) string { return fmt.Sprintf("between (%d .. %d)", span.Low, span.High) }

func number(t *kusto.Table, row int, column string) (int64, error) {
	n, err := strconv.ParseInt(t.Value(row, column), 10, 64)
	if err != nil {
		return 0, fmt.Errorf("read column %s of an answer of Azure Data Explorer: %w", column, err)
	}
	return n, nil
}
