package kql

import (
	"strconv"

	"github.com/calypso-cdc/calypso/services/localadx/kql/syntax"
	"github.com/calypso-cdc/calypso/services/localadx/kql/value"
)

// bindIngestionOf returns the ingestion columns of the rows an expression is bound over. Only rows
// of a stored table have them, as long as they are not aggregated, joined or expanded.
func bindIngestionOf(b *binder, x syntax.CallNode, env env) *ingestionColumns {
	if env.rel == nil || env.rel.ingestion == nil {
		b.failHint(x, syntax.CodeSemantic, "use it before joining or aggregating",
			"%s() needs the rows of a stored table", x.Name)
	}
	return env.rel.ingestion
}

// bindIngestionTime is when the row was ingested.
func bindIngestionTime(b *binder, x syntax.CallNode, env env) *expr {
	bindArity(b, x, 0, 0)
	return &expr{sql: bindIngestionOf(b, x, env).time, typ: value.Datetime, at: x, nullable: true}
}

// bindExtentID is the extent that holds the row.
func bindExtentID(b *binder, x syntax.CallNode, env env) *expr {
	bindArity(b, x, 0, 0)
	in := bindIngestionOf(b, x, env)
	return &expr{sql: "(SELECT guid FROM " + in.extents + " WHERE id = " + in.extent + ")", typ: value.GUID,
		at: x, nullable: true}
}

// bindExtentTags are the tags of the extent that holds the row.
func bindExtentTags(b *binder, x syntax.CallNode, env env) *expr {
	bindArity(b, x, 0, 0)
	in := bindIngestionOf(b, x, env)
	return &expr{sql: goCall("parse_json", value.Dynamic, "(SELECT tags FROM "+in.extents+" WHERE id = "+in.extent+")"),
		typ: value.Dynamic, at: x, nullable: true}
}

// bindCursorCurrent is the database cursor: what has been ingested up to now. A cursor is a time of
// ingestion in ticks, as text.
func bindCursorCurrent(b *binder, x syntax.CallNode, env env) *expr {
	bindArity(b, x, 0, 0)
	if b.opts.Cursor == 0 {
		b.fail(x, syntax.CodeUnsupported, "There is no database cursor here")
	}
	return constant(value.String, strconv.FormatInt(b.opts.Cursor, 10), x)
}

// bindCursorFilter returns cursor_after or cursor_before_or_at. An empty cursor lies before
// everything for the former and is the current one for the latter.
func bindCursorFilter(op string) specialForm {
	return func(b *binder, x syntax.CallNode, env env) *expr {
		bindArity(b, x, 1, 1)
		in := bindIngestionOf(b, x, env)
		text := bindConstantString(b, x.Args[0].X, env, "The cursor")
		cursor, err := strconv.ParseInt(text, 10, 64)
		switch {
		case err == nil:
		case text != "":
			b.failHint(x, syntax.CodeArguments, "take one from cursor_current()", "'%s' is not a database cursor", text)
		case op == "<=":
			cursor = b.opts.Cursor
		}
		return &expr{sql: "(" + in.time + " " + op + " " + literalSQL(value.Long, cursor) + ")", typ: value.Bool, at: x}
	}
}
