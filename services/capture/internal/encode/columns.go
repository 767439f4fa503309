package encode

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/jackc/pgx/v5/pgconn"

	"github.com/calypso-cdc/calypso/libs/debezium"
	"github.com/calypso-cdc/calypso/libs/pgmodel"
	"github.com/calypso-cdc/calypso/libs/pgrepl"
)

// Columns are the columns of a table whose values go into records; the others are not read.
type Columns struct {
	Relation *pgmodel.Relation
	included []bool // by the relation's columns
}

// ColumnsOf finds the columns of a relation that go into records.
func ColumnsOf(events *debezium.Config, rel *pgmodel.Relation) Columns {
	included := make([]bool, len(rel.Columns))
	for _, c := range events.EventColumns(rel) {
		for i := range rel.Columns {
			included[i] = included[i] || &rel.Columns[i] == c.Column
		}
	}
	return Columns{rel, included}
}

// Included reports whether the values of the relation's column at i go into records.
func (c Columns) Included(i int) bool { return c.included[i] }

// With returns the columns with more of the relation's, given by index, which are read although no
// record has them.
func (c Columns) With(more []int) Columns {
	c.included = slices.Clone(c.included)
	for _, i := range more {
		c.included[i] = true
	}
	return c
}

// Selection is the list of a SELECT whose rows have all columns of the relation. Columns that are
// not included are NULL and not touched: the role may not be allowed to read them, and reading them
// may be expensive.
func (c Columns) Selection() string {
	list := make([]string, len(c.included))
	for i := range list {
		if list[i] = "NULL"; c.included[i] {
			list[i] = pgrepl.QuoteIdent(c.Relation.Columns[i].Name)
		}
	}
	return strings.Join(list, ", ")
}

// ReadError gives an error of reading the table's rows its reason and remedy, if it is a missing
// right of the role or a text that cannot be converted from the database's encoding.
func (c Columns) ReadError(role, encoding string, err error) error {
	if pg, ok := errors.AsType[*pgconn.PgError](err); ok && pg.Code == "42501" {
		return c.RightMissing(role, err)
	}
	var converted []string
	for _, name := range c.quoted() {
		converted = append(converted, "convert_to("+name+"::text, 'UTF8')")
	}
	return pgrepl.Inconvertible(err, encoding, c.reading(), fmt.Sprintf(
		"Find the row with SELECT %s FROM %s WHERE …, which fails for it, and change the character that the error names, or leave the column out by column.exclude.list.",
		strings.Join(converted, ", "), pgrepl.QuoteTable(c.Relation.Schema, c.Relation.Name)))
}

// RightMissing is the error of columns that a role may not read.
func (c Columns) RightMissing(role string, err error) error {
	table, role := pgrepl.QuoteTable(c.Relation.Schema, c.Relation.Name), pgrepl.QuoteIdent(role)
	remedy := fmt.Sprintf(
		"Run GRANT USAGE ON SCHEMA %s TO %s; GRANT SELECT ON %s TO %[2]s; or for the columns that events have GRANT SELECT (%[4]s) ON %[3]s TO %[2]s;",
		pgrepl.QuoteIdent(c.Relation.Schema), role, table, strings.Join(c.quoted(), ", "))
	pg, ok := errors.AsType[*pgconn.PgError](err)
	if ok && pg.Routine == "check_enable_rls" { // PostgreSQL fails rather than hide rows
		remedy = fmt.Sprintf("Run ALTER ROLE %s BYPASSRLS; or, to read the rows that policies show it, ALTER ROLE %[1]s SET row_security = on;", role)
	}
	return &pgrepl.Error{Reason: pgrepl.ReasonTableRight, Op: c.reading(), Err: err, Remedy: remedy}
}

func (c Columns) reading() string {
	return "read table " + pgrepl.Table{Schema: c.Relation.Schema, Name: c.Relation.Name}.String()
}

func (c Columns) quoted() (names []string) {
	for i := range c.included {
		if c.included[i] {
			names = append(names, pgrepl.QuoteIdent(c.Relation.Columns[i].Name))
		}
	}
	return names
}

// checkTexts refuses rows with a value that is not UTF-8 in a column that goes into records.
func (c Columns) checkTexts(rows ...pgmodel.Tuple) error {
	for _, row := range rows {
		for i := range row {
			if c.included[i] && !utf8.Valid(row[i].Data) {
				t := pgrepl.Table{Schema: c.Relation.Schema, Name: c.Relation.Name}
				return pgrepl.Misencoded(t, c.Relation.Columns[i].Name, RowText(c.Relation, row), row[i].Data)
			}
		}
	}
	return nil
}

// RowText describes a row by its key, for messages.
func RowText(rel *pgmodel.Relation, row pgmodel.Tuple) string {
	names, values := make([]string, len(rel.Key)), make([][]byte, len(rel.Key))
	for i, k := range rel.Key {
		names[i] = rel.Columns[k].Name
		if k < len(row) && row[k].Kind == pgmodel.Text {
			values[i] = row[k].Data
		}
	}
	return pgrepl.KeyText(names, values)
}
