package kql

import (
	"math"
	"strconv"
	"strings"

	"github.com/calypso-cdc/calypso/services/localadx/kql/syntax"
	"github.com/calypso-cdc/calypso/services/localadx/kql/value"
)

// expr is a bound scalar expression: SQL over the physical column ids of one relation, and what is known of its value.
//
// Invariants: an expr of type string is never null in SQL; datetime and timespan are BIGINT ticks; a
// decimal is VARCHAR that sorts as the numbers do (see value.Decimal128);
// dynamic is VARCHAR of canonical JSON, SQL null for the JSON null; a guid is UUID.
type expr struct {
	sql  string
	typ  Type
	at   syntax.Node
	name string // the name a result column gets from this expression; "" if none
	// column is the column that sql was made for; see isColumn.
	column string

	konst    any  // the value if it is a constant, in the Go types of literalNode.Value
	isConst  bool // konst is set (a nil konst is a typed null)
	nullable bool // may be null; false lets comparisons stay plain SQL
	// predicate is SQL that may be null where sql is false; as a filter both keep the same rows, and it is simpler.
	predicate string
	equal     *equality // set for the test of a value for a constant
	parts     []part    // more than one result column: array_sort_asc, series_stats …
}

// equality is the SQL of a value and of the constant that it is compared with, which is not null. A
// chain of them is written as a list, which the database looks through at once.
type equality struct {
	value, constant string
	nullable        bool // the value may be null
}

// part is one of the columns of an expression that yields several.
type part struct {
	name string
	sql  string
	typ  Type
}

// filterSQL returns the expression as a filter.
func (e *expr) filterSQL() string {
	if e.predicate != "" {
		return e.predicate
	}
	return e.sql
}

// constant returns an expression for a literal value of a type; a nil value is a null (an empty string for string).
func constant(t Type, v any, at syntax.Node) *expr {
	if t == value.String && v == nil {
		v = ""
	}
	return &expr{sql: literalSQL(t, v), typ: t, at: at, konst: v, isConst: true, nullable: v == nil}
}

// literalSQL returns a literal in SQL, typed so that DuckDB neither narrows nor widens it.
func literalSQL(t Type, v any) string {
	if v == nil {
		return "NULL::" + t.Physical()
	}
	switch v := v.(type) {
	case bool:
		return strings.ToUpper(strconv.FormatBool(v))
	case int64:
		text := strconv.FormatInt(v, 10)
		if v < 0 {
			text = "(" + text + ")"
		}
		return text + "::" + t.Physical()
	case float64:
		switch {
		case math.IsNaN(v):
			return "'NaN'::DOUBLE"
		case math.IsInf(v, 1):
			return "'Infinity'::DOUBLE"
		case math.IsInf(v, -1):
			return "'-Infinity'::DOUBLE"
		}
		return "(" + strconv.FormatFloat(v, 'e', -1, 64) + ")"
	case string:
		switch t {
		case value.Decimal:
			number, _ := value.ParseDecimal(v)
			return quoteSQL(number.Stored())
		case value.GUID:
			return quoteSQL(v) + "::" + t.Physical()
		}
		return quoteSQL(v)
	}
	panic("kql: literal of an unknown Go type")
}

// quoteSQL returns s as a SQL string literal. DuckDB strings cannot hold NUL in a literal, so it is spelled chr(0).
func quoteSQL(s string) string {
	if !strings.Contains(s, "\x00") {
		return "'" + strings.ReplaceAll(s, "'", "''") + "'"
	}
	pieces := strings.Split(s, "\x00")
	for i, piece := range pieces {
		pieces[i] = quoteSQL(piece)
	}
	return "(" + strings.Join(pieces, " || chr(0) || ") + ")"
}

// quoteJSON returns SQL for the JSON string of s.
func quoteJSON(s string) string { return quoteSQL(string(value.AppendQuoted(nil, s))) }

// quoteIdent returns a quoted SQL identifier.
func quoteIdent(s string) string { return `"` + strings.ReplaceAll(s, `"`, `""`) + `"` }

// call returns SQL of a function call.
func call(name string, args ...string) string { return name + "(" + strings.Join(args, ", ") + ")" }

// notNullString wraps SQL that may be null into a string value.
func notNullString(sql string) string { return "coalesce(" + sql + ", '')" }
