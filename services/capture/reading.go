package capture

import (
	"errors"
	"fmt"
	"strings"
	"unicode/utf8"

	"github.com/jackc/pgx/v5/pgconn"

	"github.com/calypso-cdc/calypso/libs/change"
	"github.com/calypso-cdc/calypso/libs/pgrepl"
)

// sentColumns says of each column of a relation whether its values go into records.
func sentColumns(events *change.Config, rel *change.Relation) []bool {
	sent := make([]bool, len(rel.Columns))
	for _, c := range events.SentColumns(rel) {
		for i := range rel.Columns {
			sent[i] = sent[i] || &rel.Columns[i] == c.Column
		}
	}
	return sent
}

// selection is the list of a SELECT whose rows are a relation's. Columns that are not wanted are not touched: reading them can be
// forbidden, and dear.
func selection(rel *change.Relation, wanted []bool) string {
	list := make([]string, len(rel.Columns))
	for i, c := range rel.Columns {
		if list[i] = "NULL"; wanted[i] {
			list[i] = pgrepl.QuoteIdent(c.Name)
		}
	}
	return strings.Join(list, ", ")
}

// readError gives the failure to read a table's rows its reason.
func readError(rel *change.Relation, wanted []bool, encoding string, err error) error {
	if pg, ok := errors.AsType[*pgconn.PgError](err); ok && pg.Code == "42501" {
		return rightMissing(rel, wanted, err)
	}
	var converted []string
	for _, name := range quotedColumns(rel, wanted) {
		converted = append(converted, "convert_to("+name+"::text, 'UTF8')")
	}
	return pgrepl.Inconvertible(err, encoding, reading(rel), fmt.Sprintf("Find the row with SELECT %s FROM %s WHERE …, which fails for it, and change the character that the error names, or leave the column out by column.exclude.list.",
		strings.Join(converted, ", "), pgrepl.QuoteTable(rel.Schema, rel.Name)))
}

// rightMissing is the error of columns that the role may not read.
func rightMissing(rel *change.Relation, wanted []bool, err error) error {
	table := pgrepl.QuoteTable(rel.Schema, rel.Name)
	return &pgrepl.Error{Reason: pgrepl.ReasonTableRight, Op: reading(rel), Err: err,
		Remedy: fmt.Sprintf("GRANT SELECT ON %s TO the connector's role, or for the columns that events have GRANT SELECT (%s) ON %[1]s; it needs GRANT USAGE ON SCHEMA %s as well.", table, strings.Join(quotedColumns(rel, wanted), ", "), pgrepl.QuoteIdent(rel.Schema))}
}

func reading(rel *change.Relation) string {
	return "read table " + pgrepl.Table{Schema: rel.Schema, Name: rel.Name}.String()
}

func quotedColumns(rel *change.Relation, wanted []bool) (names []string) {
	for i, c := range rel.Columns {
		if wanted[i] {
			names = append(names, pgrepl.QuoteIdent(c.Name))
		}
	}
	return names
}

// checkTexts refuses rows with a value that is not UTF-8 in a column that goes into records.
func (e *tableEncoder) checkTexts(rows ...change.Tuple) error {
	t := pgrepl.Table{Schema: e.rel.Schema, Name: e.rel.Name}
	for _, row := range rows {
		for i := range row {
			if e.sent[i] && !utf8.Valid(row[i].Data) {
				return pgrepl.Misencoded(t, e.rel.Columns[i].Name, e.rowText(row), row[i].Data)
			}
		}
	}
	return nil
}

// rowText names a row by its key.
func (e *tableEncoder) rowText(row change.Tuple) string {
	names, values := make([]string, len(e.rel.Key)), make([][]byte, len(e.rel.Key))
	for i, k := range e.rel.Key {
		names[i] = e.rel.Columns[k].Name
		if k < len(row) && row[k].Kind == change.Text {
			values[i] = row[k].Data
		}
	}
	return pgrepl.KeyText(names, values)
}
