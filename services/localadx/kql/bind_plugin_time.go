package kql

import (
	"fmt"
	"strings"

	"github.com/calypso-cdc/calypso/services/localadx/kql/syntax"
	"github.com/calypso-cdc/calypso/services/localadx/kql/value"
)

// bindPluginArguments binds the arguments of a plugin over a relation; the names are for messages.
func bindPluginArguments(b *binder, rel *relation, op syntax.EvaluateOp, s *scope, names ...string) []*expr {
	args := op.Call.Args
	if len(args) < len(names) {
		b.fail(op, syntax.CodeArguments, "%s: the argument '%s' is missing", op.Call.Name, names[len(args)])
	}
	out := make([]*expr, len(args))
	for i, a := range args {
		out[i] = bindScalar(b, a.X, env{scope: s, rel: rel})
	}
	return out
}

// bindDimensions returns the remaining arguments of a plugin, which must be columns.
func bindDimensions(b *binder, op syntax.EvaluateOp, args []*expr) []column {
	var out []column
	for _, a := range args {
		if !a.isColumn() {
			b.fail(op, syntax.CodeArguments, "%s: the dimensions must be columns", op.Call.Name)
		}
		out = append(out, column{name: a.name, typ: a.typ, id: a.sql})
	}
	return out
}

// bindCheckTimeline refuses a timeline that is not a datetime or a number, or bounds of other types.
func bindCheckTimeline(b *binder, op syntax.EvaluateOp, timeline *expr, points []*expr, lengths []*expr) {
	length := timeline.typ
	if timeline.typ == value.Datetime {
		length = value.Timespan
	}
	ok := timeline.typ == value.Datetime || timeline.typ.Numeric() && timeline.typ != value.Decimal
	for _, p := range points {
		ok = ok && (p.typ == timeline.typ || p.typ.Numeric() && timeline.typ.Numeric())
	}
	for _, l := range lengths {
		ok = ok && (l.typ == length || l.typ.Numeric() && length.Numeric())
	}
	if !ok {
		b.fail(op, syntax.CodeArguments, "%s: the bounds and windows must have the types of the timeline", op.Call.Name)
	}
}

// columnsOf lists dimension columns as SQL, each followed by a comma.
func columnsOf(cols []column, prefix string) string {
	var out strings.Builder
	for _, c := range cols {
		out.WriteString(prefix + c.id + ", ")
	}
	return out.String()
}

// bindSlidingWindowCounts binds sliding_window_counts(id, timeline, start, end, lookback, bin[,
// dimensions]): for each bin the number of rows and of ids in the lookback window that ends with
// it.
func bindSlidingWindowCounts(b *binder, rel *relation, op syntax.EvaluateOp, s *scope) *relation {
	args := bindPluginArguments(b, rel, op, s, "IdColumn", "TimelineColumn", "Start", "End", "LookbackWindow", "Bin")
	id, timeline, start, end, lookback, bin := args[0], args[1], args[2], args[3], args[4], args[5]
	bindCheckTimeline(b, op, timeline, []*expr{start, end}, []*expr{lookback, bin})
	dims := bindDimensions(b, op, args[6:])
	at, count, dcount := b.newID(), b.newID(), b.newID()
	rows := fmt.Sprintf("SELECT *, %s AS kid, %s AS kbin FROM (%s) WHERE %s <= %s + %s", id.sql,
		bindRounded(b, op, timeline, bin, start).sql, rel.sql, timeline.sql, end.sql, bin.sql)
	last := fmt.Sprintf(
		"CASE WHEN (%s - %s) / %s > %d THEN error('sliding_window_counts: there would be more than %d bins: make the bin larger') ELSE %s END",
		end.sql, start.sql, bin.sql, maxPoints, maxPoints, end.sql)
	points := fmt.Sprintf("SELECT unnest(generate_series(%s, %s, %s)) AS %s", start.sql, last, bin.sql, at)
	out := &relation{cols: []column{{name: timeline.name, typ: timeline.typ, id: at}}}
	out.cols = append(out.cols, dims...)
	out.cols = append(out.cols, column{name: "Count", typ: value.Long, id: count},
		column{name: "Dcount", typ: value.Long, id: dcount})
	out.sql = fmt.Sprintf(
		"SELECT %s, %scount(*) AS %s, count(DISTINCT kid) AS %s FROM (%s) JOIN (%s) ON kbin <= %s AND kbin > %s - %s GROUP BY %s%s",
		at, columnsOf(dims, ""), count, dcount, points, rows, at, at, lookback.sql, columnsOf(dims, ""), at)
	return out
}

// bindActivityCounts binds activity_counts_metrics(id, timeline, start, end, window[, dimensions]):
// per window the rows, the ids, the ids seen for the first time, and the ids seen so far.
func bindActivityCounts(b *binder, rel *relation, op syntax.EvaluateOp, s *scope) *relation {
	args := bindPluginArguments(b, rel, op, s, "IdColumn", "TimelineColumn", "Start", "End", "Window")
	id, timeline, start, end, window := args[0], args[1], args[2], args[3], args[4]
	bindCheckTimeline(b, op, timeline, []*expr{start, end}, []*expr{window})
	dims := bindDimensions(b, op, args[5:])
	at, count, dcount, fresh, total := b.newID(), b.newID(), b.newID(), b.newID(), b.newID()
	partition := ""
	if len(dims) > 0 {
		partition = "PARTITION BY " + strings.TrimSuffix(columnsOf(dims, ""), ", ") + " "
	}
	rows := fmt.Sprintf("SELECT *, %s AS kid, %s AS %s FROM (%s) WHERE %s >= %s AND %s <= %s", id.sql,
		bindRounded(b, op, timeline, window, start).sql, at, rel.sql,
		timeline.sql, start.sql, timeline.sql, end.sql)
	first := fmt.Sprintf("SELECT *, min(%s) OVER (PARTITION BY %skid) AS kfirst FROM (%s)", at, columnsOf(dims, ""), rows)
	grouped := fmt.Sprintf(
		"SELECT %s, %scount(*) AS %s, count(DISTINCT kid) AS %s, count(DISTINCT kid) FILTER (WHERE kfirst = %s) AS %s FROM (%s) GROUP BY %s%s",
		at, columnsOf(dims, ""), count, dcount, at, fresh, first, columnsOf(dims, ""), at)
	out := &relation{cols: []column{{name: timeline.name, typ: timeline.typ, id: at}}}
	out.cols = append(out.cols, dims...)
	for _, c := range []struct{ name, id string }{{"count", count}, {"dcount", dcount}, {"new_dcount", fresh},
		{"aggregated_dcount", total}} {
		out.cols = append(out.cols, column{name: c.name, typ: value.Long, id: c.id})
	}
	out.sql = fmt.Sprintf("SELECT *, CAST(sum(%s) OVER (%sORDER BY %s) AS BIGINT) AS %s FROM (%s)", fresh, partition,
		at, total, grouped)
	return out
}

// bindRollingPercentile binds rolling_percentile(value, percentile, index, bin, bins[,
// dimensions]): per bin the percentile over the bins that end with it.
func bindRollingPercentile(b *binder, rel *relation, op syntax.EvaluateOp, s *scope) *relation {
	args := bindPluginArguments(b, rel, op, s, "ValueColumn", "Percentile", "IndexColumn", "BinSize", "BinsPerWindow")
	v, index, bin := args[0], args[2], args[3]
	bindCheckTimeline(b, op, index, nil, []*expr{bin})
	percentile := bindPercentileArguments(b, op.Call.Args[1:2], env{scope: s})[0]
	bins := bindConstantLong(b, op.Call.Args[4].X, env{scope: s}, "BinsPerWindow")
	dims := bindDimensions(b, op, args[5:])
	at, result := b.newID(), b.newID()
	rows := fmt.Sprintf("SELECT *, %s AS kvalue, %s AS kbin FROM (%s)", v.sql,
		bindRounded(b, op, index, bin, nil).sql, rel.sql)
	points := fmt.Sprintf("SELECT DISTINCT kbin AS %s%s FROM (%s)", at, dimensionAliases(dims), rows)
	on := fmt.Sprintf("kbin <= %s AND kbin > %s - %d * %s", at, at, bins, bin.sql)
	for _, d := range dims {
		on += " AND " + d.id + " IS NOT DISTINCT FROM d" + d.id
	}
	out := &relation{cols: []column{{name: index.name, typ: index.typ, id: at}}}
	out.cols = append(out.cols, dims...)
	name := fmt.Sprintf("rolling_%d_percentile_%s_%s", bins, v.name, percentileSuffix(percentile))
	out.cols = append(out.cols, column{name: name, typ: v.typ, id: result})
	out.sql = fmt.Sprintf("SELECT %s, %s%s AS %s FROM (%s) JOIN (%s) ON %s GROUP BY %s%s", at, columnsOf(dims, ""),
		quantileSQL(b, &expr{sql: "kvalue"}, "", percentile)[0], result, points, rows, on, columnsOf(dims, ""), at)
	return out
}

func dimensionAliases(dims []column) string {
	var out strings.Builder
	for _, d := range dims {
		out.WriteString(", " + d.id + " AS d" + d.id)
	}
	return out.String()
}

// bindRowsNear binds rows_near(condition, before[, after]): the rows around those for which the condition holds.
func bindRowsNear(b *binder, rel *relation, op syntax.EvaluateOp, s *scope) *relation {
	bindArity(b, *op.Call, 2, 3)
	if !rel.serialized {
		b.failHint(op, syntax.CodeSemantic, "sort the rows or add '| serialize'", "rows_near: the rows must be serialized")
	}
	condition := bindBoolean(b, op.Call.Args[0].X, env{scope: s, rel: rel})
	before := bindConstantLong(b, op.Call.Args[1].X, env{scope: s}, "NumRows")
	after := before
	if len(op.Call.Args) > 2 {
		after = bindConstantLong(b, op.Call.Args[2].X, env{scope: s}, "RowsAfter")
	}
	over := rel.over()
	near := fmt.Sprintf("bool_or(%s) %s ROWS BETWEEN %d PRECEDING AND %d FOLLOWING)", condition.filterSQL(),
		over[:len(over)-1], after, before)
	return bindLayers(b, rel, nil).with("SELECT * FROM (" + rel.sql + ") QUALIFY " + near)
}

// bindActiveUsers binds active_users_count(id, timeline, start, end, lookback, period,
// active_periods, bin[, dimensions]): per bin the ids with an event before which, within the
// lookback, they were seen in at least that many periods.
func bindActiveUsers(b *binder, rel *relation, op syntax.EvaluateOp, s *scope) *relation {
	args := bindPluginArguments(b, rel, op, s, "IdColumn", "TimelineColumn", "Start", "End", "LookbackWindow", "Period",
		"ActivePeriodsCount", "Bin")
	id, timeline, start, end, lookback, period, active, bin := args[0], args[1], args[2], args[3], args[4], args[5],
		args[6], args[7]
	bindCheckTimeline(b, op, timeline, []*expr{start, end}, []*expr{lookback, period, bin})
	dims := bindDimensions(b, op, args[8:])
	at, dcount := b.newID(), b.newID()
	rows := fmt.Sprintf("SELECT DISTINCT %s%s AS kid, %s AS kat, %s AS kperiod, %s AS kbin FROM (%s)", columnsOf(dims, ""),
		id.sql, timeline.sql,
		bindRounded(b, op, timeline, period, start).sql, bindRounded(b, op, timeline, bin, start).sql, rel.sql)
	on := "e.kid IS NOT DISTINCT FROM h.kid AND h.kat <= e.kat AND h.kat > e.kat - " + lookback.sql
	for _, d := range dims {
		on += " AND e." + d.id + " IS NOT DISTINCT FROM h." + d.id
	}
	events := fmt.Sprintf(
		"SELECT %se.kid AS kid, e.kbin AS kbin FROM (%s) e JOIN (%s) h ON %s WHERE e.kat >= %s AND e.kat <= %s GROUP BY %se.kid, e.kbin, e.kat HAVING count(DISTINCT h.kperiod) >= %s",
		columnsOf(dims, "e."), rows, rows, on, start.sql, end.sql, columnsOf(dims, "e."), active.sql)
	out := &relation{cols: []column{{name: timeline.name, typ: timeline.typ, id: at}}}
	out.cols = append(out.cols, dims...)
	out.cols = append(out.cols, column{name: "dcount", typ: value.Long, id: dcount})
	out.sql = fmt.Sprintf("SELECT kbin AS %s, %scount(DISTINCT kid) AS %s FROM (%s) GROUP BY %skbin", at,
		columnsOf(dims, ""), dcount, events, columnsOf(dims, ""))
	return out
}

// bindSessionCount binds session_count(id, timeline, start, end, bin, lookback[, dimensions]): per
// bin the sessions that begin in it. A session of an id begins with its first row and with each
// that is at least a lookback window behind the one before.
func bindSessionCount(b *binder, rel *relation, op syntax.EvaluateOp, s *scope) *relation {
	args := bindPluginArguments(b, rel, op, s, "IdColumn", "TimelineColumn", "Start", "End", "Bin", "LookBackWindow")
	id, timeline, start, end, bin, lookback := args[0], args[1], args[2], args[3], args[4], args[5]
	bindCheckTimeline(b, op, timeline, []*expr{start, end}, []*expr{bin, lookback})
	dims := bindDimensions(b, op, args[6:])
	at, count := b.newID(), b.newID()
	rows := fmt.Sprintf(
		"SELECT *, lag(%s) OVER (PARTITION BY %s%s ORDER BY %s) AS kbefore FROM (%s) WHERE %s >= %s AND %s <= %s",
		timeline.sql, columnsOf(dims, ""), id.sql, timeline.sql,
		rel.sql, timeline.sql, start.sql, timeline.sql, end.sql)
	out := &relation{cols: []column{{name: timeline.name, typ: timeline.typ, id: at}}}
	out.cols = append(out.cols, dims...)
	out.cols = append(out.cols, column{name: "count_sessions", typ: value.Long, id: count})
	out.sql = fmt.Sprintf(
		"SELECT %s AS %s, %scount(*) AS %s FROM (%s) WHERE kbefore IS NULL OR %s - kbefore >= %s GROUP BY %s%s",
		bindRounded(b, op, timeline, bin, nil).sql, at,
		columnsOf(dims, ""), count, rows, timeline.sql, lookback.sql, columnsOf(dims, ""), at)
	return out
}
