package kql

import (
	"fmt"

	"github.com/calypso-cdc/calypso/services/localadx/kql/syntax"
	"github.com/calypso-cdc/calypso/services/localadx/kql/value"
)

// serialized checks that row functions are allowed here and returns the relation they run over.
func (b *binder) serialized(x syntax.CallNode, env env) *relation {
	if env.rel == nil || env.extra == nil {
		b.fail(x, syntax.CodeSemantic, "Function '%s' cannot be invoked in current context", x.Name)
	}
	if !env.rel.serialized {
		b.failHint(x, syntax.CodeSemantic, "add '| serialize' or sort the rows",
			"Function '%s' cannot be invoked in current context. Details: the row set must be serialized", x.Name)
	}
	return env.rel
}

// layer computes SQL in a SELECT of its own below the expression and returns a reference to it.
func (b *binder) layer(env env, sql string, t Type) *expr {
	id := b.newID()
	*env.extra = append(*env.extra, item{sql: sql, col: column{typ: t, id: id}})
	return &expr{sql: id, typ: t, nullable: t != value.String}
}

// group computes a column that numbers the groups that rows fall in: a new one starts where restart is true.
func (b *binder) group(x syntax.CallNode, env env, arg int) []string {
	if len(x.Args) <= arg {
		return nil
	}
	restart := bindBoolean(b, x.Args[arg].X, env)
	sql := "sum(CASE WHEN " + restart.filterSQL() + " THEN 1 ELSE 0 END) " + runningOver(env.rel)
	return []string{b.layer(env, sql, value.Long).sql}
}

// runningOver is the window from the first row to the current one.
func runningOver(rel *relation, partition ...string) string {
	over := rel.over(partition...)
	return over[:len(over)-1] + " ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW)"
}

func bindRowNumber(b *binder, x syntax.CallNode, env env) *expr {
	bindArity(b, x, 0, 2)
	rel := b.serialized(x, env)
	start := constant(value.Long, int64(1), x)
	if len(x.Args) > 0 {
		start = bindCoerce(b, bindScalar(b, x.Args[0].X, env), value.Long)
	}
	group := b.group(x, env, 1)
	return b.layer(env, fmt.Sprintf("row_number() %s - 1 + %s", rel.over(group...), start.sql), value.Long)
}

func bindPrevNext(b *binder, x syntax.CallNode, env env) *expr {
	bindArity(b, x, 1, 3)
	rel := b.serialized(x, env)
	e := bindScalar(b, x.Args[0].X, env)
	offset := "1"
	if len(x.Args) > 1 {
		offset = fmt.Sprint(bindConstantLong(b, x.Args[1].X, env, "The offset"))
	}
	function := "lag"
	if x.Name == "next" {
		function = "lead"
	}
	args := []string{e.sql, offset}
	if len(x.Args) > 2 {
		args = append(args, bindCoerce(b, bindScalar(b, x.Args[2].X, env), e.typ).sql)
	} else if e.typ == value.String {
		args = append(args, "''")
	}
	return b.layer(env, call(function, args...)+" "+rel.over(), e.typ)
}

func bindRowCumsum(b *binder, x syntax.CallNode, env env) *expr {
	bindArity(b, x, 1, 2)
	rel := b.serialized(x, env)
	e := bindScalar(b, x.Args[0].X, env)
	if e.typ == value.Dynamic {
		e = bindCoerce(b, e, value.Real)
	}
	if !e.typ.Numeric() && e.typ != value.Timespan {
		b.fail(x, syntax.CodeArguments, "row_cumsum(): the argument must be numeric or a timespan but is %s", e.typ)
	}
	t := e.typ
	group := b.group(x, env, 1)
	if t == value.Decimal {
		units := "sum(" + goCall("decimal_units_only", value.Long, e.sql) + ") " + runningOver(rel, group...)
		return b.layer(env, goCall("decimal_sum", t, "CAST("+units+" AS VARCHAR)", "NULL"), t)
	}
	return b.layer(env, "CAST(sum("+e.sql+") "+runningOver(rel, group...)+" AS "+t.Physical()+")", t)
}

// bindRowRank binds row_rank_dense and row_rank_min: a rank grows where the value differs from the row before.
func bindRowRank(b *binder, x syntax.CallNode, env env) *expr {
	bindArity(b, x, 1, 2)
	rel := b.serialized(x, env)
	e := bindScalar(b, x.Args[0].X, env)
	group := b.group(x, env, 1)
	first := b.layer(env, "row_number() "+rel.over(group...), value.Long)
	changed := b.layer(env, "("+first.sql+" = 1 OR ("+e.sql+") IS DISTINCT FROM lag("+e.sql+") "+rel.over(group...)+")",
		value.Bool)
	if x.Name == "row_rank_dense" {
		return b.layer(env, "CAST(sum(CASE WHEN "+changed.sql+" THEN 1 ELSE 0 END) "+runningOver(rel, group...)+" AS BIGINT)",
			value.Long)
	}
	return b.layer(env, "max(CASE WHEN "+changed.sql+" THEN "+first.sql+" END) "+runningOver(rel, group...), value.Long)
}

// bindRowWindowSession binds row_window_session: the start of the session a row belongs to. A
// session ends by distance from its start, by distance from the row before, or by the restart
// predicate. Where a session starts depends on where the one before did, so a Go function walks the
// values, once, and its answers are joined to the rows by their numbers.
func bindRowWindowSession(b *binder, x syntax.CallNode, env env) *expr {
	bindArity(b, x, 3, 4)
	rel := b.serialized(x, env)
	e := bindScalar(b, x.Args[0].X, env)
	fromFirst, between := bindScalar(b, x.Args[1].X, env), bindScalar(b, x.Args[2].X, env)
	if e.typ != value.Datetime || fromFirst.typ != value.Timespan || between.typ != value.Timespan {
		b.fail(x, syntax.CodeArguments, "row_window_session(): the arguments must be a datetime and two timespans")
	}
	group := constant(value.Long, int64(0), x).sql
	if restarts := b.group(x, env, 3); restarts != nil {
		group = restarts[0]
	}
	position := b.layer(env, "row_number() "+rel.over(), value.Long).sql
	id, rows, walked := b.newID(), b.newID(), b.newID()
	list := "'[' || string_agg(coalesce(CAST(" + e.sql + " AS VARCHAR), 'null'), ',' ORDER BY " + position + ") || ']'"
	walk := goCall("session_starts", value.Dynamic, list, "any_value("+fromFirst.sql+")", "any_value("+between.sql+")")
	sessions := "SELECT unnest(rows) AS row, unnest(from_json(" + walked + ", '[\"BIGINT\"]')) AS " + id +
		" FROM (SELECT list(" + position + " ORDER BY " + position + ") AS rows, " + walk + " AS " + walked +
		" FROM " + rows + " GROUP BY " + group + ")"
	over := func(sql string) string {
		joined := "WITH " + rows + " AS MATERIALIZED (" + sql + ") SELECT " + rows + ".*, s." + id +
			" FROM " + rows + " JOIN (" + sessions + ") AS s ON " + rows + "." + position + " = s.row"
		if len(rel.order) == 0 {
			joined += " ORDER BY " + rows + "." + position
		}
		return joined
	}
	*env.extra = append(*env.extra, item{col: column{typ: value.Datetime, id: id}, over: over})
	return &expr{sql: id, typ: value.Datetime, nullable: true}
}
