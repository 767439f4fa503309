package kql

import (
	"strconv"
	"strings"

	"github.com/calypso-cdc/calypso/services/localadx/kql/syntax"
	"github.com/calypso-cdc/calypso/services/localadx/kql/value"
)

// maxPoints bounds a series, as Kusto does.
const maxPoints = 1 << 20

// maxGrid bounds the points of all series of one make-series, since the database makes them at once.
const maxGrid = 1 << 24

// bindMakeSeries binds make-series: per group, one array a aggregate with an element for every step
// of the axis, and the axis itself. An element without rows has the default.
func bindMakeSeries(b *binder, rel *relation, op syntax.MakeSeriesOp, s *scope) *relation {
	e := env{scope: s, rel: rel}
	n := newNamer(op.By)
	keys := bindOutputs(b, op.By, e, n)
	axis := bindOutputs(b, []syntax.NamedExpr{op.Axis}, e, n)[0]
	step := bindScalar(b, op.Step, env{scope: s})
	axisExpr := &expr{sql: axis.col.id, typ: axis.col.typ, nullable: true, at: op.Axis.X}
	bindCheckAxis(b, op, axis.col.typ, step.typ)
	if axis.col.typ.Numeric() {
		t := promote(axis.col.typ, step.typ)
		axisExpr, step = bindCoerce(b, axisExpr, t), bindCoerce(b, step, t)
	}
	source := bindExtend(b, rel, append(append([]item(nil), keys...), axis))
	grid := bindSeriesBounds(b, source, op, axisExpr, step, keys, s)

	e.aggregate = true
	names := newNamer(nil)
	for name := range n.taken {
		names.taken[name] = true
	}
	var aggregates []item
	var defaults []string
	for _, a := range op.Aggregates {
		bound := bindOutputs(b, []syntax.NamedExpr{a.Expr}, e, names)
		if len(bound) != 1 {
			b.fail(a.Expr.X, syntax.CodeArguments, "make-series: an aggregate must yield one column")
		}
		aggregates = append(aggregates, bound[0])
		defaults = append(defaults, bindSeriesDefault(b, a, bound[0].col.typ, s))
	}
	return bindSeriesRelation(b, grid, axisExpr, axis, step, keys, aggregates, defaults)
}

func bindCheckAxis(b *binder, op syntax.MakeSeriesOp, axis, step Type) {
	if axis == value.Decimal || step == value.Decimal {
		b.failHint(op, syntax.CodeUnsupported, "use toreal()", "make-series: an axis of decimals is not supported")
	}
	ok := axis.Numeric() && step.Numeric() || (axis == value.Datetime || axis == value.Timespan) && step == value.Timespan
	if !ok {
		b.fail(op, syntax.CodeArguments, "make-series: an axis of type %s cannot have a step of type %s", axis, step)
	}
}

// seriesGrid is the rows of a make-series with the first point (from) and the number of points
// (count) of their group's axis.
type seriesGrid struct {
	rows        string // SQL
	from, count string // column ids
	// alone is SQL for from and count without rows, if an empty input gets a series too.
	alone string
}

// bindSeriesBounds finds the axis of every group. A bound that the operator does not give is that
// of the group's own rows.
func bindSeriesBounds(b *binder, source *relation, op syntax.MakeSeriesOp, axis, step *expr, keys []item,
	s *scope) seriesGrid {
	rows := source.sql
	low, high := b.newID(), b.newID()
	if op.From == nil || op.To == nil {
		rows = bindWithExtremes(b, source, axis, keys, low, high)
	}
	first := bindRounded(b, op.Axis.X, &expr{sql: low, typ: axis.typ}, step, nil).sql
	if op.From != nil {
		first = bindCoerce(b, bindScalar(b, op.From, env{scope: s}), axis.typ).sql
	}
	end := high
	points := "CAST(floor((CAST(e AS DOUBLE) - CAST(f AS DOUBLE)) / " + step.sql + ") AS BIGINT) + 1"
	if op.To != nil {
		end = bindCoerce(b, bindScalar(b, op.To, env{scope: s}), axis.typ).sql
		points = "CAST(ceil((CAST(e AS DOUBLE) - CAST(f AS DOUBLE)) / " + step.sql + ") AS BIGINT)"
	}
	g := seriesGrid{from: b.newID(), count: b.newID()}
	// Kusto's bound on the elements of an array; without it a small step makes any number of them.
	points = "CASE WHEN " + points + " > " + strconv.Itoa(maxPoints) +
		" THEN error('make-series: a series would have more than " +
		strconv.Itoa(maxPoints) + " points: make the step larger') ELSE greatest(" + points + ", 0) END"
	bounds := "f AS " + g.from + ", " + points + " AS " + g.count
	g.rows = "SELECT * EXCLUDE (e, f), " + bounds + " FROM (SELECT *, " + first + " AS f, " + end +
		" AS e FROM (" + rows + "))"
	if op.NonEmpty && len(keys) == 0 && op.From != nil && op.To != nil {
		g.alone = "SELECT " + bounds + " FROM (SELECT " + first + " AS f, " + end + " AS e)"
	}
	return g
}

// bindWithExtremes adds to each row the lowest and the highest value of the axis in its group.
func bindWithExtremes(b *binder, source *relation, axis *expr, keys []item, low, high string) string {
	selects := []string{"min(" + axis.sql + ") AS " + low, "max(" + axis.sql + ") AS " + high}
	var group, on []string
	for _, k := range keys {
		id := b.newID()
		selects = append(selects, k.col.id+" AS "+id)
		group = append(group, k.col.id)
		on = append(on, joinCondition(joinPair{k.col, column{typ: k.col.typ, id: id}}))
	}
	extremes := "SELECT " + strings.Join(selects, ", ") + " FROM (" + source.sql + ")"
	if len(keys) == 0 {
		return "SELECT * FROM (" + source.sql + ") CROSS JOIN (" + extremes + ")"
	}
	return "SELECT * FROM (" + source.sql + ") JOIN (" + extremes + " GROUP BY " + strings.Join(group,
		", ") + ") ON " + strings.Join(on, " AND ")
}

// bindSeriesDefault returns the JSON of the value an empty point has.
func bindSeriesDefault(b *binder, a syntax.SeriesAggregate, t Type, s *scope) string {
	if a.Default == nil {
		switch t {
		case value.Real:
			return "'0.0'"
		case value.Decimal:
			return "'\"0\"'"
		}
		return "'0'"
	}
	d := bindScalar(b, a.Default, env{scope: s})
	if d.typ != t {
		if d.isConst && d.konst == nil {
			return "'null'"
		}
		if t.Numeric() && d.typ.Numeric() && !(t.Integer() && d.typ == value.Real) {
			d = bindCoerce(b, d, t)
		}
	}
	return "coalesce(" + bindJson(b, d).sql + ", 'null')"
}

// bindSeriesRelation joins groups, axis points and the aggregates of each point.
func bindSeriesRelation(b *binder, g seriesGrid, axis *expr, axisItem item, step *expr, keys, aggregates []item,
	defaults []string) *relation {
	index := b.newID()
	position := "CAST(floor((CAST(" + axis.sql + " AS DOUBLE) - CAST(" + g.from + " AS DOUBLE)) / " +
		step.sql + ") AS BIGINT)"
	if axis.typ != value.Real {
		position = "CASE WHEN " + axis.sql + " >= " + g.from + " THEN (" + axis.sql + " - " + g.from + ") // " +
			step.sql + " ELSE -1 END"
	}
	keyIDs := make([]string, len(keys))
	for i, k := range keys {
		keyIDs[i] = k.col.id
	}
	points := "SELECT *, " + position + " AS " + index + " FROM (" + g.rows + ")"
	inside := "SELECT * FROM (" + points + ") WHERE " + index + " >= 0 AND " + index + " < " + g.count
	groupBy := append(append([]string(nil), keyIDs...), index)
	parts := append([]string(nil), groupBy...)
	for _, a := range aggregates {
		parts = append(parts, a.sql+" AS "+a.col.id)
	}
	buckets := "SELECT " + strings.Join(parts, ", ") + " FROM (" + inside + ") GROUP BY " + strings.Join(groupBy, ", ")

	// every group with every point
	groupKeys := make([]string, len(keys))
	on := []string{"p.i = " + index}
	var groupSelect []string
	out := &relation{}
	for i, k := range keys {
		groupKeys[i] = b.newID()
		groupSelect = append(groupSelect, k.col.id+" AS "+groupKeys[i])
		on = append(on, "p."+groupKeys[i]+" IS NOT DISTINCT FROM "+k.col.id)
		out.cols = append(out.cols, column{name: k.col.name, typ: k.col.typ, id: groupKeys[i]})
	}
	groups := "SELECT DISTINCT " + strings.Join(append(groupSelect, g.from, g.count), ", ") + " FROM (" + inside + ")"
	if g.alone != "" {
		groups = g.alone
	}
	points = "CASE WHEN total > " + strconv.Itoa(maxGrid) +
		" THEN error('make-series: all series together would have more than " +
		strconv.Itoa(maxGrid) + " points: make the step larger, or the groups fewer') ELSE " + g.count + " END"
	grid := "SELECT * EXCLUDE (" + g.from + ", " + g.count + ", total), " + g.from + " AS f, unnest(range(" + points +
		")) AS i FROM (SELECT *, sum(" + g.count + ") OVER () AS total FROM (" + groups + "))"

	var selects []string
	selects = append(selects, groupKeys...)
	for i, a := range aggregates {
		id := b.newID()
		element := "coalesce(" + bindJson(b, &expr{sql: a.col.id, typ: a.col.typ}).sql + ", " + defaults[i] + ")"
		selects = append(selects, gatheredSQL(element, " ORDER BY p.i", "")+" AS "+id)
		out.cols = append(out.cols, column{name: a.col.name, typ: value.Dynamic, id: id})
	}
	id := b.newID()
	at := "p.f + p.i * " + step.sql
	if axis.typ.Integer() || axis.typ == value.Datetime || axis.typ == value.Timespan {
		at = "CAST(" + at + " AS BIGINT)"
	}
	selects = append(selects, gatheredSQL(bindJson(b, &expr{sql: at, typ: axis.typ}).sql, " ORDER BY p.i", "")+" AS "+id)
	out.cols = append(out.cols, column{name: axisItem.col.name, typ: value.Dynamic, id: id})
	out.sql = "SELECT " + strings.Join(selects, ", ") + " FROM (" + grid + ") p LEFT JOIN (" + buckets + ") ON " +
		strings.Join(on, " AND ")
	if len(groupKeys) > 0 {
		out.sql += " GROUP BY " + strings.Join(groupKeys, ", ")
	} else {
		out.sql += " HAVING count(*) > 0"
	}
	return out
}
