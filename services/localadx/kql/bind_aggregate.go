package kql

import (
	"strconv"
	"strings"

	"github.com/calypso-cdc/calypso/services/localadx/kql/syntax"
	"github.com/calypso-cdc/calypso/services/localadx/kql/value"
)

// aggregates returns the aggregate functions. A name ending in "if" takes a predicate as its last argument.
func aggregates() map[string]aggregate {
	return map[string]aggregate{
		"count": aggCount, "countif": aggCountIf, "cnt": aggCount,
		"sum": aggSum, "sumif": withPredicate(aggSum),
		"avg": aggAvg, "avgif": withPredicate(aggAvg),
		"min": aggExtreme("min"), "minif": withPredicate(aggExtreme("min")),
		"max": aggExtreme("max"), "maxif": withPredicate(aggExtreme("max")),
		"dcount": aggDistinct, "dcountif": aggDistinctIf, "count_distinct": aggDistinct, "count_distinctif": aggDistinctIf,
		"stdev": aggReal("stddev_samp"), "stdevif": withPredicate(aggReal("stddev_samp")), "stdevp": aggReal("stddev_pop"),
		"variance": aggReal("var_samp"), "varianceif": withPredicate(aggReal("var_samp")), "variancep": aggReal("var_pop"),
		"variancepif": withPredicate(aggReal("var_pop")),
		"stdevpif":    withPredicate(aggReal("stddev_pop")),
		"covariance":  aggCovariance("covar_samp", false), "covarianceif": aggCovariance("covar_samp", true),
		"covariancep": aggCovariance("covar_pop", false), "covariancepif": aggCovariance("covar_pop", true),
		"binary_all_and": aggBits("bit_and"), "binary_all_or": aggBits("bit_or"), "binary_all_xor": aggBits("bit_xor"),
		"make_list": aggList(collectors["make_list"]), "makelist": aggList(collectors["makelist"]),
		"make_list_if":         aggList(collectors["make_list_if"]),
		"make_list_with_nulls": aggList(collectors["make_list_with_nulls"]),
		"make_set":             aggList(collectors["make_set"]), "makeset": aggList(collectors["makeset"]),
		"make_set_if": aggList(collectors["make_set_if"]),
		"make_bag":    aggBag(false), "make_bag_if": aggBag(true), "make_dictionary": aggBag(false),
		"take_any": aggAny, "any": aggAny, "take_anyif": aggAnyIf, "anyif": aggAnyIf,
		"arg_max": aggArg("arg_max"), "arg_min": aggArg("arg_min"), "argmax": aggArg("arg_max"), "argmin": aggArg("arg_min"),
		"percentile": aggPercentile, "percentiles": aggPercentile, "percentiles_array": aggPercentilesArray,
		"percentilew": aggPercentileWeighted, "percentilesw": aggPercentileWeighted,
		"percentilesw_array": aggPercentilesWeightedArray,
		"hll":                aggHLL(false), "hll_if": aggHLL(true), "hll_merge": aggMerge("hll_union"),
		"tdigest": aggTDigest, "tdigest_merge": aggMerge("tdigest_union"), "merge_tdigest": aggMerge("tdigest_union"),
		"buildschema": aggSchema,
	}
}

// aggregatePrefixes are the result-name prefixes that are not the function's name.
var aggregatePrefixes = map[string]string{
	"make_list": "list", "makelist": "list", "make_list_if": "list", "make_list_with_nulls": "list",
	"make_set": "set", "makeset": "set", "make_set_if": "set", "make_bag": "bag", "make_bag_if": "bag",
	"make_dictionary": "dictionary",
	"tdigest_merge":   "merge_tdigests", "merge_tdigest": "merge_tdigests", "buildschema": "schema", "argmax": "max",
	"argmin": "min",
}

// bindAggregateCall binds x if it is an aggregate in a place for aggregates; nil if it is not an aggregate.
func bindAggregateCall(b *binder, x syntax.CallNode, env env) *expr {
	if !env.aggregate {
		return nil
	}
	f, ok := b.aggregates[x.Name]
	if !ok {
		return nil
	}
	for _, a := range x.Args {
		if a.Name != "" {
			b.fail(a.X, syntax.CodeArguments, "%s(): aggregates do not take arguments by name", x.Name)
		}
	}
	return restricted(f)(b, x, env)
}

// aggregateName is prefix_argument.
func aggregateName(function string, args ...*expr) string {
	prefix, ok := aggregatePrefixes[function]
	if !ok {
		prefix = function
	}
	name := prefix + "_"
	for i, a := range args {
		if i > 0 && a.name != "" {
			name += "_"
		}
		name += a.name
	}
	return name
}

func aggCount(b *binder, x syntax.CallNode, env env) *expr {
	bindArity(b, x, 0, 1)
	e := &expr{sql: "count(*)" + env.only.filter(), typ: value.Long, name: "count_"}
	if len(x.Args) == 1 {
		e.name = aggregateName("count", bindScalar(b, x.Args[0].X, env.plain()))
	}
	return e
}

func aggCountIf(b *binder, x syntax.CallNode, env env) *expr {
	bindArity(b, x, 1, 1)
	p := bindBoolean(b, x.Args[0].X, env.plain())
	return &expr{sql: "count(*) FILTER (WHERE " + p.filterSQL() + ")", typ: value.Long, name: aggregateName("countif", p)}
}

// withPredicate makes an aggregate one whose last argument is a predicate.
func withPredicate(f aggregate) aggregate {
	return func(b *binder, x syntax.CallNode, env env) *expr {
		bindArity(b, x, 2, 3)
		p := bindBoolean(b, x.Args[1].X, env.plain())
		inner := x
		inner.Args = x.Args[:1]
		env.only = &restriction{condition: p.filterSQL()}
		return f(b, inner, env)
	}
}

// restricted notes whether an aggregate takes the restriction that it is bound with.
func restricted(f aggregate) aggregate {
	return func(b *binder, x syntax.CallNode, env env) *expr {
		if env.only == nil {
			return f(b, x, env)
		}
		before := env.only.taken
		e := f(b, x, env)
		env.only.ignored = env.only.ignored || env.only.taken == before
		return e
	}
}

func aggSum(b *binder, x syntax.CallNode, env env) *expr {
	bindArity(b, x, 1, 1)
	arg := bindScalar(b, x.Args[0].X, env.plain())
	name, filter := aggregateName(x.Name, arg), env.only.filter()
	switch arg.typ {
	case value.Int, value.Long, value.Bool:
		v := bindCoerce(b, arg, value.Long)
		return &expr{sql: "CAST(coalesce(sum(" + v.sql + ")" + filter + ", 0) AS BIGINT)", typ: value.Long, name: name}
	case value.Timespan:
		return &expr{sql: "CAST(coalesce(sum(" + arg.sql + ")" + filter + ", 0) AS BIGINT)",
			typ: value.Timespan, name: name}
	case value.Decimal:
		return &expr{sql: decimalSum(arg, filter), typ: value.Decimal, name: name}
	case value.Real, value.Dynamic:
		v := bindCoerce(b, arg, value.Real)
		return &expr{sql: "coalesce(sum(" + v.sql + ")" + filter + ", 0)", typ: value.Real, name: name}
	}
	b.fail(x, syntax.CodeArguments, "%s(): the argument must be numeric or a timespan but is %s", x.Name, arg.typ)
	return nil
}

// decimalSum is SQL for the sum of decimals. The database sums what is whole in units of 10^-8 and
// fits a long, which amounts of money do; what is not, a Go function adds.
func decimalSum(e *expr, filter string) string {
	units := goCall("decimal_units", value.Long, e.sql)
	rest := "CASE WHEN " + units + " IS NULL THEN '\"' || " + e.sql + " || '\"' END"
	return goCall("decimal_sum", value.Decimal, "CAST(sum("+units+")"+filter+" AS VARCHAR)",
		elementsSQL(rest, "", filter))
}

func aggAvg(b *binder, x syntax.CallNode, env env) *expr {
	bindArity(b, x, 1, 1)
	arg := bindScalar(b, x.Args[0].X, env.plain())
	name, filter := aggregateName(x.Name, arg), env.only.filter()
	switch arg.typ {
	case value.Timespan, value.Datetime:
		return &expr{sql: "CAST(avg(" + arg.sql + ")" + filter + " AS BIGINT)", typ: arg.typ, name: name, nullable: true}
	case value.Decimal:
		count := goCall("long_to_decimal", value.Decimal, "count("+arg.sql+")"+filter)
		return &expr{sql: goCall("decimal_divide", value.Decimal, decimalSum(arg, filter), count), typ: value.Decimal,
			name: name, nullable: true}
	case value.Int, value.Long, value.Real, value.Dynamic, value.Bool:
		if arg.typ == value.Dynamic || arg.typ == value.Bool {
			arg = bindCoerce(b, arg, value.Real)
		}
		return &expr{sql: "coalesce(avg(" + arg.sql + ")" + filter + ", 'NaN'::DOUBLE)", typ: value.Real, name: name}
	}
	b.fail(x, syntax.CodeArguments, "%s(): the argument must be numeric, a timespan or a datetime but is %s",
		x.Name, arg.typ)
	return nil
}

func aggExtreme(function string) aggregate {
	return func(b *binder, x syntax.CallNode, env env) *expr {
		bindArity(b, x, 1, 1)
		arg := bindScalar(b, x.Args[0].X, env.plain())
		filter := env.only.filter()
		e := &expr{sql: function + "(" + arg.sql + ")" + filter, typ: arg.typ,
			name: aggregateName(x.Name, arg), nullable: true}
		switch arg.typ {
		case value.String:
			e.sql, e.nullable = notNullString(e.sql), false
		case value.Dynamic:
			e.sql = function + "(" + bindCoerce(b, arg, value.Real).sql + ")" + filter
			e.typ = value.Real
		}
		return e
	}
}

func aggDistinct(b *binder, x syntax.CallNode, env env) *expr {
	bindArity(b, x, 1, 2)
	arg := bindScalar(b, x.Args[0].X, env.plain())
	return &expr{sql: "count(DISTINCT " + arg.sql + ")" + env.only.filter(), typ: value.Long,
		name: aggregateName(x.Name, arg)}
}

func aggDistinctIf(b *binder, x syntax.CallNode, env env) *expr {
	bindArity(b, x, 2, 3)
	arg := bindScalar(b, x.Args[0].X, env.plain())
	p := bindBoolean(b, x.Args[1].X, env.plain())
	return &expr{sql: "count(DISTINCT " + arg.sql + ") FILTER (WHERE " + p.filterSQL() + ")", typ: value.Long,
		name: aggregateName(x.Name, arg)}
}

// aggReal is an aggregate of reals that is 0 without values.
func aggReal(function string) aggregate {
	return func(b *binder, x syntax.CallNode, env env) *expr {
		bindArity(b, x, 1, 1)
		arg := bindScalar(b, x.Args[0].X, env.plain())
		v := call(function, bindCoerce(b, arg, value.Real).sql) + env.only.filter()
		return &expr{sql: "coalesce(" + v + ", 0)", typ: value.Real,
			name: aggregateName(x.Name, arg)}
	}
}

func aggCovariance(function string, predicate bool) aggregate {
	return func(b *binder, x syntax.CallNode, env env) *expr {
		n := 2
		if predicate {
			n = 3
		}
		bindArity(b, x, n, n)
		l, r := bindScalar(b, x.Args[0].X, env.plain()), bindScalar(b, x.Args[1].X, env.plain())
		filter := ""
		if predicate {
			filter = " FILTER (WHERE " + bindBoolean(b, x.Args[2].X, env.plain()).filterSQL() + ")"
		}
		return &expr{sql: "coalesce(" + call(function, bindCoerce(b, l, value.Real).sql,
			bindCoerce(b, r, value.Real).sql) + filter + ", 0)", typ: value.Real,
			name: aggregateName(x.Name, l, r)}
	}
}

func aggBits(function string) aggregate {
	return func(b *binder, x syntax.CallNode, env env) *expr {
		bindArity(b, x, 1, 1)
		arg := bindScalar(b, x.Args[0].X, env.plain())
		return &expr{sql: function + "(" + bindCoerce(b, arg, value.Long).sql + ")", typ: value.Long,
			name: arg.name, nullable: true}
	}
}

type listOptions struct{ distinct, predicate, nulls bool }

// maxElements is how many elements a list, set or bag has at most, and has by default.
const maxElements = 1048576

// oldElements is how many a list, set or bag has by default that a deprecated function makes.
var oldElements = map[string]int64{"makelist": 128, "makeset": 128, "make_dictionary": 128}

// bindMaxSize reads the argument that bounds a list, set or bag.
func bindMaxSize(b *binder, x syntax.CallNode, at int, env env) int64 {
	if len(x.Args) <= at {
		if n, ok := oldElements[x.Name]; ok {
			return n
		}
		return maxElements
	}
	n, ok := bindConstantValue(b, bindCoerce(b, bindScalar(b, x.Args[at].X, env.bare(env.scope)), value.Long),
		"maxSize").(int64)
	if !ok || n < 1 {
		b.failHint(x.Args[at].X, syntax.CodeArguments, "give a number from 1 to "+strconv.Itoa(maxElements),
			"%s(): maxSize must be a positive number", x.Name)
	}
	return min(n, maxElements)
}

// aggList makes make_list and make_set. Null values are left out, except lists of dynamic
// (make_list_with_nulls keeps them all); the elements of arrays are taken one by one. The order is
// that of the rows, when they have one.
func aggList(o listOptions) aggregate {
	return func(b *binder, x syntax.CallNode, env env) *expr {
		max := 2
		if o.predicate {
			max = 3
		}
		bindArity(b, x, 1, max)
		arg := bindScalar(b, x.Args[0].X, env.plain())
		element := bindJson(b, arg).sql
		filters := []string{}
		limitArg := 1
		if o.predicate {
			if len(x.Args) < 2 {
				bindArity(b, x, 2, 3)
			}
			filters = append(filters, bindBoolean(b, x.Args[1].X, env.plain()).filterSQL())
			limitArg = 2
		}
		if o.nulls || arg.typ == value.Dynamic && !o.distinct {
			element = "coalesce(" + element + ", 'null')"
		}
		if arg.typ == value.Dynamic {
			element = "nullif(CASE WHEN starts_with(" + element + ", '[') THEN substr(" + element + ", 2, length(" + element +
				") - 2) ELSE " + element + " END, '')"
		}
		order := ""
		if env.rel != nil && len(env.rel.order) > 0 {
			order = env.rel.orderBy()
		}
		filter := ""
		if len(filters) > 0 {
			filter = " FILTER (WHERE " + strings.Join(filters, " AND ") + ")"
		}
		limit := bindMaxSize(b, x, limitArg, env)
		sql := listSQL(element, order, filter, limit)
		if o.distinct {
			sql = goCall("array_distinct", value.Dynamic, elementsSQL(element, order, filter), literalSQL(value.Long, limit))
		}
		return &expr{sql: sql, typ: value.Dynamic, name: aggregateName(x.Name, arg)}
	}
}

func aggBag(predicate bool) aggregate {
	return func(b *binder, x syntax.CallNode, env env) *expr {
		bindArity(b, x, 1, 3)
		arg := bindScalar(b, x.Args[0].X, env.plain())
		if arg.typ != value.Dynamic {
			b.fail(x, syntax.CodeArguments, "%s(): the argument must be dynamic", x.Name)
		}
		filter, limitArg := "", 1
		if predicate {
			bindArity(b, x, 2, 3)
			limitArg = 2
			filter = " FILTER (WHERE " + bindBoolean(b, x.Args[1].X, env.plain()).filterSQL() + ")"
		}
		order := ""
		if env.rel != nil {
			order = env.rel.orderBy()
		}
		return &expr{sql: goCall("bag_union", value.Dynamic,
			elementsSQL(arg.sql, order, filter),
			literalSQL(value.Long, bindMaxSize(b, x, limitArg, env))),
			typ: value.Dynamic, name: aggregateName(x.Name, arg)}
	}
}

func aggSchema(b *binder, x syntax.CallNode, env env) *expr {
	bindArity(b, x, 1, 1)
	arg := bindScalar(b, x.Args[0].X, env.plain())
	return &expr{sql: goCall("build_schema", value.Dynamic,
		elementsSQL(bindJson(b, arg).sql, "", "")),
		typ: value.Dynamic, name: aggregateName(x.Name, arg)}
}

// aggAny binds take_any(a, b, …) and take_any(*): any row's values, all from one row.
func aggAny(b *binder, x syntax.CallNode, env env) *expr {
	if len(x.Args) == 0 {
		bindArity(b, x, 1, -1)
	}
	exprs := bindReturned(b, x.Args, env)
	if len(exprs) == 1 {
		e := *exprs[0]
		e.sql = "first(" + e.sql + ")" + env.only.filter()
		if e.typ == value.String {
			e.sql = notNullString(e.sql)
		}
		if x.Name == "any" {
			e.name = "any_" + e.name
		}
		e.isConst, e.konst, e.predicate = false, nil, ""
		return &e
	}
	row := "first(" + bindRow(b, exprs, env) + ")" + env.only.filter()
	e := &expr{typ: exprs[0].typ}
	for i, v := range exprs {
		name := v.name
		if x.Name == "any" {
			name = "any_" + name
		}
		e.parts = append(e.parts, rowPart(row, i, name, v.typ))
	}
	e.sql = e.parts[0].sql
	return e
}

func aggAnyIf(b *binder, x syntax.CallNode, env env) *expr {
	bindArity(b, x, 2, 2)
	e := *bindScalar(b, x.Args[0].X, env.plain())
	p := bindBoolean(b, x.Args[1].X, env.plain())
	e.sql = "first(" + e.sql + ") FILTER (WHERE " + p.filterSQL() + ")"
	if e.typ == value.String {
		e.sql = notNullString(e.sql)
	}
	if x.Name == "anyif" {
		e.name = "anyif_" + e.name
	}
	e.isConst, e.konst, e.predicate, e.nullable = false, nil, "", e.typ != value.String
	return &e
}

// bindReturned binds the arguments of arg_max and take_any; '*' is all columns.
func bindReturned(b *binder, args []syntax.Argument, env env) []*expr {
	var exprs []*expr
	for _, a := range args {
		if _, ok := a.X.(syntax.StarNode); ok {
			for _, c := range env.rel.cols {
				exprs = append(exprs, bindColumnExpr(b, c))
			}
			continue
		}
		exprs = append(exprs, bindScalar(b, a.X, env.plain()))
	}
	return exprs
}

// namedRow is from how many values on a row is computed in a layer of its own: what takes it apart
// says it once for each value, so its text would grow with the square of their number.
const namedRow = 32

// bindRow is the values as one, of which an aggregate picks that of a row.
func bindRow(b *binder, exprs []*expr, env env) string {
	row := rowStruct(exprs)
	if len(exprs) < namedRow || env.extra == nil {
		return row
	}
	id := b.newID()
	*env.extra = append(*env.extra, item{sql: row, col: column{id: id}})
	return id
}

func rowStruct(exprs []*expr) string {
	fields := make([]string, len(exprs))
	for i, e := range exprs {
		fields[i] = "'f" + strconv.Itoa(i) + "': " + e.sql
	}
	return "{" + strings.Join(fields, ", ") + "}"
}

func rowPart(row string, i int, name string, t Type) part {
	sql := row + "['f" + strconv.Itoa(i) + "']"
	if t == value.String {
		sql = notNullString(sql)
	}
	return part{name: name, sql: sql, typ: t}
}

// aggArg binds arg_max(v, …) and arg_min: v's extreme and the other values of its row. A row whose
// v is null counts as the worst, so that a group of nulls still yields a row.
func aggArg(function string) aggregate {
	return func(b *binder, x syntax.CallNode, env env) *expr {
		bindArity(b, x, 1, -1)
		v := bindScalar(b, x.Args[0].X, env.plain())
		extreme := map[string]string{"arg_max": "max", "arg_min": "min"}[function]
		e := &expr{typ: v.typ, nullable: true, name: v.name}
		top := extreme + "(" + v.sql + ")"
		if v.typ == value.String {
			top = notNullString(top)
		}
		e.parts = []part{{name: v.name, sql: top, typ: v.typ}}
		if e.parts[0].name == "" {
			e.parts[0].name = extreme + "_"
		}
		var others []*expr
		for _, o := range bindReturned(b, x.Args[1:], env) {
			if o.name == "" || o.sql != v.sql {
				others = append(others, o)
			}
		}
		if len(others) > 0 {
			row := call(function, bindRow(b, others, env), worstIfNull(v, function))
			for i, o := range others {
				e.parts = append(e.parts, rowPart(row, i, o.name, o.typ))
			}
		}
		e.sql = top
		if len(e.parts) == 1 {
			e.name, e.parts = e.parts[0].name, nil
		}
		return e
	}
}

// worstIfNull replaces a null key of arg_max or arg_min by the value that loses against all others.
func worstIfNull(v *expr, function string) string {
	if !v.nullable {
		return v.sql
	}
	low := function == "arg_max"
	pick := func(min, max string) string {
		if low {
			return "coalesce(" + v.sql + ", " + min + ")"
		}
		return "coalesce(" + v.sql + ", " + max + ")"
	}
	switch v.typ {
	case value.Int:
		return pick("-2147483648", "2147483647")
	case value.Long, value.Datetime, value.Timespan:
		return pick("(-9223372036854775808)::BIGINT", "9223372036854775807")
	case value.Real:
		return pick("'-Infinity'::DOUBLE", "'Infinity'::DOUBLE")
	case value.Bool:
		return "coalesce(CAST(" + v.sql + " AS INTEGER), " + map[bool]string{true: "-1", false: "2"}[low] + ")"
	case value.Decimal:
		return pick("''", "'~'")
	case value.Dynamic:
		return pick("''", "'\u007f'")
	}
	return v.sql
}

// percentileSuffix writes a percentile into a column name: 99.9 as 99_9.
func percentileSuffix(p float64) string {
	return strings.ReplaceAll(strconv.FormatFloat(p, 'f', -1, 64), ".", "_")
}

// bindPercentileArguments returns the constant percentiles among arguments; a dynamic array stands for its elements.
func bindPercentileArguments(b *binder, args []syntax.Argument, env env) []float64 {
	var out []float64
	add := func(v any, at syntax.Node) {
		switch v := v.(type) {
		case int64:
			out = append(out, float64(v))
		case float64:
			out = append(out, v)
		default:
			b.fail(at, syntax.CodeArguments, "The percentile must be a constant number")
		}
	}
	for _, a := range args {
		e := bindWithoutColumns(b, a.X, env.plain(), "The percentile")
		v := bindConstantValue(b, e, "The percentile")
		if e.typ == value.Dynamic {
			text, _ := v.(string)
			decoded, _ := value.DecodeDynamic(text)
			list, _ := decoded.([]any)
			for _, el := range list {
				add(el, a.X)
			}
			continue
		}
		add(v, a.X)
	}
	for i, p := range out {
		if p < 0 || p > 100 {
			b.fail(args[min(i, len(args)-1)].X, syntax.CodeArguments, "The percentile must be between 0 and 100")
		}
	}
	return out
}

// quantileSQL is SQL for each of the percentiles of an expression. Several come of one aggregate:
// each would keep all values.
func quantileSQL(b *binder, v *expr, filter string, percentiles ...float64) []string {
	b.doubles = true
	shares := make([]string, len(percentiles))
	for i, p := range percentiles {
		shares[i] = strconv.FormatFloat(p/100, 'g', -1, 64)
	}
	if len(shares) == 1 {
		return []string{"quantile_disc(" + v.sql + ", " + shares[0] + ")" + filter}
	}
	all := "quantile_disc(" + v.sql + ", [" + strings.Join(shares, ", ") + "])" + filter
	out := make([]string, len(shares))
	for i := range out {
		out[i] = all + "[" + strconv.Itoa(i+1) + "]"
	}
	return out
}

func bindPercentileOperand(b *binder, x syntax.CallNode, env env) *expr {
	bindArity(b, x, 2, -1)
	v := bindScalar(b, x.Args[0].X, env.plain())
	switch {
	case v.typ == value.Dynamic:
		v = bindCoerce(b, v, value.Real)
	case v.typ == value.Int:
		v = bindCoerce(b, v, value.Long)
	case !v.typ.Numeric() && v.typ != value.Datetime && v.typ != value.Timespan:
		b.fail(x, syntax.CodeArguments, "%s(): the argument must be numeric, a datetime or a timespan but is %s", x.Name,
			v.typ)
	}
	return v
}

func aggPercentile(b *binder, x syntax.CallNode, env env) *expr {
	v := bindPercentileOperand(b, x, env)
	e := &expr{typ: v.typ, nullable: true}
	percentiles := bindPercentileArguments(b, x.Args[1:], env)
	for i, sql := range quantileSQL(b, v, env.only.filter(), percentiles...) {
		e.parts = append(e.parts, part{name: "percentile_" + v.name + "_" + percentileSuffix(percentiles[i]), sql: sql,
			typ: v.typ})
	}
	return single(e)
}

// single turns an expression with one part into a plain one.
func single(e *expr) *expr {
	e.sql = e.parts[0].sql
	if len(e.parts) == 1 {
		e.name, e.parts = e.parts[0].name, nil
	}
	return e
}

func aggPercentilesArray(b *binder, x syntax.CallNode, env env) *expr {
	v := bindPercentileOperand(b, x, env)
	var parts []string
	for _, sql := range quantileSQL(b, v, "", bindPercentileArguments(b, x.Args[1:], env)...) {
		parts = append(parts, "coalesce("+conversion(sql, v.typ, value.Dynamic)+", 'null')")
	}
	return &expr{sql: "('[' || " + strings.Join(parts, " || ',' || ") + " || ']')", typ: value.Dynamic,
		name: "percentiles_" + v.name}
}

// bindWeighted returns SQL for a JSON array of weighted percentiles of the first argument by the second.
func bindWeighted(b *binder, x syntax.CallNode, env env) (v *expr, sql string, percentiles []float64) {
	bindArity(b, x, 3, -1)
	v = bindScalar(b, x.Args[0].X, env.plain())
	w := bindScalar(b, x.Args[1].X, env.plain())
	percentiles = bindPercentileArguments(b, x.Args[2:], env)
	list := make([]any, len(percentiles))
	for i, p := range percentiles {
		list[i] = p
	}
	pair := "'[' || " + bindCoerce(b, v, value.Real).sql + " || ',' || " + bindCoerce(b, w, value.Long).sql + " || ']'"
	return v, goCall("weighted_percentiles", value.Dynamic, elementsSQL(pair, "", ""),
		quoteSQL(value.EncodeDynamic(list))), percentiles
}

func aggPercentileWeighted(b *binder, x syntax.CallNode, env env) *expr {
	v, sql, percentiles := bindWeighted(b, x, env)
	e := &expr{typ: v.typ, nullable: true}
	for i, p := range percentiles {
		element := "nullif(CAST(json_extract(" + sql + ", '$[" + strconv.Itoa(i) + "]') AS VARCHAR), 'null')"
		e.parts = append(e.parts, part{name: "percentile_" + v.name + "_" + percentileSuffix(p),
			sql: bindCoerce(b, &expr{sql: element, typ: value.Dynamic, at: x}, v.typ).sql, typ: v.typ})
	}
	return single(e)
}

func aggPercentilesWeightedArray(b *binder, x syntax.CallNode, env env) *expr {
	v, sql, _ := bindWeighted(b, x, env)
	if v.typ.Integer() {
		sql = goCall("array_to_long", value.Dynamic, sql)
	}
	return &expr{sql: sql, typ: value.Dynamic, name: "percentiles_" + v.name}
}
