package kql

import (
	"strconv"
	"strings"

	"github.com/calypso-cdc/calypso/services/localadx/kql/syntax"
	"github.com/calypso-cdc/calypso/services/localadx/kql/value"
)

// aggHLL binds hll(x[, accuracy]) and hll_if(x, predicate[, accuracy]): a state that dcount_hll()
// counts. Nulls do not count.
func aggHLL(predicate bool) aggregate {
	return func(b *binder, x syntax.CallNode, env env) *expr {
		n := 1
		if predicate {
			n = 2
		}
		bindArity(b, x, n, n+1)
		arg := bindScalar(b, x.Args[0].X, env.plain())
		filter := arg.sql + " IS NOT NULL"
		if predicate {
			filter += " AND " + bindBoolean(b, x.Args[1].X, env.plain()).filterSQL()
		}
		accuracy := literalSQL(value.Long, int64(1))
		if len(x.Args) > n {
			accuracy = literalSQL(value.Long, bindConstantLong(b, x.Args[n].X, env.plain(), "The accuracy"))
		}
		hash := bindSketchHash(b, arg)
		list := elementsSQL("DISTINCT '\"' || "+hash+" || '\"'", "", " FILTER (WHERE "+filter+")")
		return &expr{sql: goCall("hll_of", value.Dynamic, list, accuracy), typ: value.Dynamic,
			name: aggregateName(x.Name, arg)}
	}
}

// bindSketchHash is hash() of a value; one of a type that hash() does not take counts by its text.
func bindSketchHash(b *binder, e *expr) string {
	switch e.typ {
	case value.Real, value.Decimal, value.GUID, value.Bool:
		return bindHashed(b, bindAsText(b, e))
	}
	return bindHashed(b, e)
}

// aggTDigest binds tdigest(x[, weight]): a state that percentile_tdigest() reads.
func aggTDigest(b *binder, x syntax.CallNode, env env) *expr {
	bindArity(b, x, 1, 2)
	arg := bindScalar(b, x.Args[0].X, env.plain())
	name := aggregateName(x.Name, arg)
	switch arg.typ {
	case value.Int:
		arg = bindCoerce(b, arg, value.Long)
	case value.Decimal, value.Dynamic:
		arg = bindCoerce(b, arg, value.Real)
	case value.Long, value.Real, value.Datetime, value.Timespan:
	default:
		b.fail(x, syntax.CodeArguments, "%s(): the argument must be numeric, a datetime or a timespan but is %s",
			x.Name, arg.typ)
	}
	b.doubles = true
	// A histogram has one entry a value, however many rows there are.
	counts := "histogram(" + arg.sql + ")"
	values, weights := "map_keys("+counts+")", "map_values("+counts+")"
	if len(x.Args) == 2 {
		w := bindCoerce(b, bindScalar(b, x.Args[1].X, env.plain()), value.Long)
		pairs := "list({'v': " + arg.sql + ", 'w': " + w.sql + "})"
		values, weights = "list_transform("+pairs+", lambda p: p.v)", "list_transform("+pairs+", lambda p: p.w)"
	}
	jsonList := func(list string) string { return "coalesce(CAST(to_json(" + list + ") AS VARCHAR), '[]')" }
	return &expr{sql: goCall("tdigest_of", value.Dynamic, jsonList(values), jsonList(weights), quoteSQL(arg.typ.String())),
		typ: value.Dynamic, name: name}
}

// aggMerge binds hll_merge(state) and tdigest_merge(state) as aggregates.
func aggMerge(function string) aggregate {
	return func(b *binder, x syntax.CallNode, env env) *expr {
		bindArity(b, x, 1, 1)
		arg := bindScalar(b, x.Args[0].X, env.plain())
		if arg.typ != value.Dynamic {
			b.fail(x, syntax.CodeArguments, "%s(): the argument must be dynamic but is %s", x.Name, arg.typ)
		}
		return &expr{sql: goCall(function, value.Dynamic, elementsSQL(arg.sql, "", "")),
			typ:  value.Dynamic,
			name: aggregateName(x.Name, arg), nullable: true}
	}
}

// bindMerge binds hll_merge(a, b, …) and tdigest_merge(a, b, …) over the states of one row. With
// one argument they are aggregates.
func bindMerge(function, name string) specialForm {
	return func(b *binder, x syntax.CallNode, env env) *expr {
		if len(x.Args) == 1 {
			if e := b.aggregateCall(x, env); e != nil {
				return e
			}
		}
		bindArity(b, x, 2, 64)
		states := ""
		for i, a := range x.Args {
			if i > 0 {
				states += " || ',' || "
			}
			states += "coalesce(" + bindJson(b, bindScalar(b, a.X, env)).sql + ", 'null')"
		}
		return &expr{sql: goCall(function, value.Dynamic, states), typ: value.Dynamic,
			name: name, nullable: true}
	}
}

// bindPercentileTDigest binds percentile_tdigest(state, percentile[, typeof(type)]); without a type
// the value is dynamic.
func bindPercentileTDigest(b *binder, x syntax.CallNode, env env) *expr {
	bindArity(b, x, 2, 3)
	state := bindScalar(b, x.Args[0].X, env)
	p := bindCoerce(b, bindScalar(b, x.Args[1].X, env), value.Real)
	all := goCall("tdigest_percentiles", value.Dynamic, bindJson(b, state).sql, "'[' || "+p.sql+" || ']'")
	e := &expr{sql: goCall("dynamic_get", value.Dynamic, all, "'0'"), typ: value.Dynamic, nullable: true, at: x}
	if len(x.Args) == 3 {
		if _, ok := x.Args[2].X.(syntax.TypeofNode); !ok {
			b.fail(x.Args[2].X, syntax.CodeArguments, "%s(): the third argument must be typeof(type)", x.Name)
		}
		e = bindTypedExtract(b, x, e, env)
	}
	e.name = x.Name + "_" + state.name
	return e
}

// bindPercentilesArrayTDigest binds percentiles_array_tdigest(state, percentile, …), or with an array of percentiles.
func bindPercentilesArrayTDigest(b *binder, x syntax.CallNode, env env) *expr {
	bindArity(b, x, 2, -1)
	state := bindScalar(b, x.Args[0].X, env)
	first := bindScalar(b, x.Args[1].X, env)
	list := first.sql
	if first.typ != value.Dynamic {
		list = "'['"
		for i, a := range x.Args[1:] {
			if i > 0 {
				list += " || ','"
			}
			list += " || " + bindCoerce(b, bindScalar(b, a.X, env), value.Real).sql
		}
		list += " || ']'"
	}
	return &expr{sql: goCall("tdigest_percentiles", value.Dynamic, bindJson(b, state).sql, list), typ: value.Dynamic,
		nullable: true, name: "percentile_tdigest_" + state.name}
}

// bindRankTDigest binds rank_tdigest(state, value), the rows whose values are not greater, and
// percentrank_tdigest(state, value), their share in percent.
func bindRankTDigest(b *binder, x syntax.CallNode, env env) *expr {
	bindArity(b, x, 2, 2)
	state, v := bindScalar(b, x.Args[0].X, env), bindScalar(b, x.Args[1].X, env)
	t := v.typ
	switch t {
	case value.Int:
		t = value.Long
	case value.Long, value.Real, value.Datetime, value.Timespan:
	default:
		b.fail(x.Args[1].X, syntax.CodeArguments,
			"%s(): the value must be a number, a datetime or a timespan but is %s", x.Name, t)
	}
	share := literalSQL(value.Bool, x.Name == "percentrank_tdigest")
	text := "CAST(" + v.sql + " AS VARCHAR)"
	return &expr{sql: goCall("tdigest_rank", value.Real, bindJson(b, state).sql, text, quoteSQL(t.String()), share),
		typ: value.Real, nullable: true}
}

// bindDcountIntersect binds dcount_intersect(state, state, …): how many values the first of hll()'s
// states has, how many the first two have in common, and so on.
func bindDcountIntersect(b *binder, rel *relation, op syntax.EvaluateOp, s *scope) *relation {
	bindArity(b, *op.Call, 2, 16)
	states := make([]string, len(op.Call.Args))
	for i, a := range op.Call.Args {
		e := bindScalar(b, a.X, env{scope: s, rel: rel})
		if e.typ != value.Dynamic {
			b.fail(a.X, syntax.CodeArguments, "dcount_intersect: the arguments must be dynamic but one is %s", e.typ)
		}
		states[i] = "coalesce(" + e.sql + ", 'null')"
	}
	counts := b.newID()
	list := goCall("hll_intersection", value.Dynamic, strings.Join(states, " || ',' || "))
	out := bindExtend(b, rel, []item{{sql: list, col: column{id: counts}}})
	var items []item
	for i := range states {
		name := uniqueName("s"+strconv.Itoa(i), func(n string) bool { return indexOf(rel.cols, n) >= 0 })
		items = append(items, item{sql: "CAST(json_extract(" + counts + ", '$[" + strconv.Itoa(i) + "]') AS BIGINT)",
			col: column{name: name, typ: value.Long, id: b.newID()}})
	}
	out = bindExtend(b, out, items)
	for _, it := range items {
		out.cols = append(out.cols[:len(out.cols):len(out.cols)], it.col)
	}
	return out
}
