package kql

import (
	"strconv"
	"strings"

	"github.com/calypso-cdc/calypso/services/localadx/kql/syntax"
	"github.com/calypso-cdc/calypso/services/localadx/kql/value"
)

// specialForms returns the functions bound by hand.
func specialForms() map[string]specialForm {
	return map[string]specialForm{
		"iff": bindIff, "iif": bindIff, "case": bindCase, "coalesce": bindCoalesce,
		"isnull": bindIsNull, "isnotnull": bindIsNotNull, "notnull": bindIsNotNull, "not": bindNot,
		"min_of": bindExtremeOf, "max_of": bindExtremeOf,
		"tostring": convertTo(value.String), "tolong": convertTo(value.Long), "toint": convertTo(value.Int),
		"toreal": convertTo(value.Real), "todouble": convertTo(value.Real), "tobool": convertTo(value.Bool),
		"toboolean":  convertTo(value.Bool),
		"todatetime": convertTo(value.Datetime), "totimespan": convertTo(value.Timespan), "totime": convertTo(value.Timespan),
		"todecimal": convertTo(value.Decimal), "toguid": convertTo(value.GUID),
		"bin": bindBin, "floor": bindBin, "bin_at": bindBinAt, "bin_auto": bindBinAuto,
		"now": bindNow, "ago": bindAgo,
		"ingestion_time": bindIngestionTime, "extent_id": bindExtentID, "extentid": bindExtentID,
		"extent_tags":    bindExtentTags,
		"cursor_current": bindCursorCurrent, "current_cursor": bindCursorCurrent,
		"cursor_after": bindCursorFilter(">"), "cursor_before_or_at": bindCursorFilter("<="),
		"toscalar": bindToScalar, "materialize": bindMaterializeScalar,
		"pack_array": bindPackArray, "bag_pack": bindBagPack, "pack": bindBagPack, "pack_dictionary": bindBagPack,
		"pack_all": bindPackAll, "bag_pack_columns": bindBagPackColumns,
		"gettype": bindGetType, "column_ifexists": bindColumnIfExists, "columnifexists": bindColumnIfExists,
		"column_names_of": bindColumnNamesOf, "estimate_data_size": bindEstimateDataSize,
		"row_number": bindRowNumber, "prev": bindPrevNext, "next": bindPrevNext, "row_cumsum": bindRowCumsum,
		"row_rank_dense": bindRowRank, "row_rank_min": bindRowRank, "row_window_session": bindRowWindowSession,
		"range": bindRangeFunction, "assert": bindAssert,
		"extract": bindExtract, "extract_json": bindExtractJSON, "extractjson": bindExtractJSON,
		"current_database": bindCurrentDatabase, "current_cluster_endpoint": bindCurrentCluster,
		"binary_shift_left": bindShift, "binary_shift_right": bindShift,
		"hll_merge":     bindMerge("hll_union", "hll_merged_result"),
		"tdigest_merge": bindMerge("tdigest_union", "tdigests_merge_result"),
		"merge_tdigest": bindMerge("tdigest_union", "tdigests_merge_result"), "percentile_tdigest": bindPercentileTDigest,
		"percentiles_array_tdigest": bindPercentilesArrayTDigest,
		"hash":                      bindHash, "hash_xxhash64": bindHash, "hash_md5": bindHashText, "hash_sha1": bindHashText,
		"hash_sha256":    bindHashText,
		"array_sort_asc": bindArraySort, "array_sort_desc": bindArraySort,
		"series_stats": bindParts, "series_fit_line": bindParts, "series_fit_poly": bindParts,
		"series_fft": bindParts, "series_ifft": bindParts,
		"rank_tdigest": bindRankTDigest, "percentrank_tdigest": bindRankTDigest,
		"map": bindOverPath, "all": bindOverPath, "any": bindOverPath,
		"node_id": bindNodeFunction, "node_degree_in": bindNodeFunction, "node_degree_out": bindNodeFunction,
		"tohex": bindToHex, "datetime_diff": bindDatetimeDiff, "unicode_codepoints_to_string": bindCodepoints,
	}
}

// convertTo binds the to…() functions.
func convertTo(t Type) specialForm {
	return func(b *binder, x syntax.CallNode, env env) *expr {
		bindArity(b, x, 1, 2)
		arg := bindScalar(b, x.Args[0].X, env)
		e := *bindCoerce(b, arg, t)
		e.name = arg.name
		if t == value.Datetime && arg.typ == value.Real {
			b.fail(x, syntax.CodeArguments, "todatetime(): the argument must not be real")
		}
		return &e
	}
}

func bindIff(b *binder, x syntax.CallNode, env env) *expr {
	bindArity(b, x, 3, 3)
	cond := bindBoolean(b, x.Args[0].X, env)
	return bindChoose(b, x, []*expr{cond}, []*expr{bindScalar(b, x.Args[1].X, env), bindScalar(b, x.Args[2].X, env)})
}

func bindCase(b *binder, x syntax.CallNode, env env) *expr {
	if len(x.Args)%2 == 0 || len(x.Args) < 3 {
		b.fail(x, syntax.CodeArguments, "case(): function expects an odd number of arguments, at least 3")
	}
	b.plan(x, len(x.Args)/16) // in the order of their number
	var conds, values []*expr
	for i := 0; i+1 < len(x.Args); i += 2 {
		conds = append(conds, bindBoolean(b, x.Args[i].X, env))
		values = append(values, bindScalar(b, x.Args[i+1].X, env))
	}
	return bindChoose(b, x, conds, append(values, bindScalar(b, x.Args[len(x.Args)-1].X, env)))
}

// bindChoose writes CASE; values has one entry more than conds.
func bindChoose(b *binder, x syntax.CallNode, conds, values []*expr) *expr {
	t := bindCommon(b, x, values)
	var sql strings.Builder
	sql.WriteString("CASE")
	for i, c := range conds {
		sql.WriteString(" WHEN " + c.filterSQL() + " THEN " + bindCoerce(b, values[i], t).sql)
	}
	sql.WriteString(" ELSE " + bindCoerce(b, values[len(values)-1], t).sql + " END")
	nullable := false
	for _, v := range values {
		nullable = nullable || v.nullable
	}
	return &expr{sql: "(" + sql.String() + ")", typ: t, nullable: nullable && t != value.String}
}

// bindAlike binds the arguments, 2 to 64, and brings them to their common type.
func bindAlike(b *binder, x syntax.CallNode, env env) (sqls []string, t value.Type) {
	bindArity(b, x, 2, 64)
	args := make([]*expr, len(x.Args))
	for i, a := range x.Args {
		args[i] = bindScalar(b, a.X, env)
	}
	t = bindCommon(b, x, args)
	for _, a := range args {
		sqls = append(sqls, bindCoerce(b, a, t).sql)
	}
	return sqls, t
}

func bindCoalesce(b *binder, x syntax.CallNode, env env) *expr {
	sqls, t := bindAlike(b, x, env)
	if t == value.String {
		for i := range sqls {
			sqls[i] = "nullif(" + sqls[i] + ", '')"
		}
	}
	e := &expr{sql: call("coalesce", sqls...), typ: t, nullable: t != value.String}
	if t == value.String {
		e.sql = notNullString(e.sql)
	}
	return e
}

func bindIsNull(b *binder, x syntax.CallNode, env env) *expr {
	bindArity(b, x, 1, 1)
	e := bindScalar(b, x.Args[0].X, env)
	if !e.nullable {
		return &expr{sql: "FALSE", typ: value.Bool}
	}
	return &expr{sql: "((" + e.sql + ") IS NULL)", typ: value.Bool}
}

func bindIsNotNull(b *binder, x syntax.CallNode, env env) *expr {
	e := bindIsNull(b, x, env)
	return &expr{sql: "(NOT " + e.sql + ")", typ: value.Bool}
}

func bindNot(b *binder, x syntax.CallNode, env env) *expr {
	bindArity(b, x, 1, 1)
	e := bindBoolean(b, x.Args[0].X, env)
	return &expr{sql: "(NOT " + e.sql + ")", typ: value.Bool, nullable: e.nullable}
}

func bindExtremeOf(b *binder, x syntax.CallNode, env env) *expr {
	sqls, t := bindAlike(b, x, env)
	name := "greatest"
	if x.Name == "min_of" {
		name = "least"
	}
	return &expr{sql: call(name, sqls...), typ: t, nullable: true}
}

// bindBin binds bin(value, step) and its synonym floor: values are rounded down to multiples of
// step, counted from 0 (for datetime from 0001-01-01, a Monday).
func bindBin(b *binder, x syntax.CallNode, env env) *expr {
	bindArity(b, x, 2, 2)
	v := bindScalar(b, x.Args[0].X, env)
	step := bindScalar(b, x.Args[1].X, env)
	e := bindRounded(b, x, v, step, nil)
	e.name = v.name
	return e
}

// bindRounded rounds v down to a multiple of step, counted from origin or from 0.
func bindRounded(b *binder, x syntax.Node, v, step, origin *expr) *expr {
	if v.typ == value.Dynamic {
		v = bindDynamicOperand(b, v, step.typ)
	}
	if step.typ == value.Dynamic {
		step = bindDynamicOperand(b, step, v.typ)
	}
	t := v.typ
	switch {
	case t == value.Datetime && step.typ == value.Timespan, t == value.Timespan && step.typ == value.Timespan:
	case t.Numeric() && step.typ.Numeric():
		t = promote(t, step.typ)
		v, step = bindCoerce(b, v, t), bindCoerce(b, step, t)
	case (t == value.Datetime || t == value.Timespan) && step.typ.Integer():
		step = bindCoerce(b, step, value.Long)
	default:
		b.fail(x, syntax.CodeArguments, "bin(): a value of type %s cannot be rounded to multiples of %s", t, step.typ)
	}
	amount, offset := v.sql, ""
	if origin != nil {
		amount, offset = "("+v.sql+" - "+origin.sql+")", " + "+origin.sql
	}
	e := &expr{typ: t, nullable: true}
	switch {
	case t == value.Real:
		e.sql = "(CASE WHEN " + step.sql + " > 0 THEN floor(" + amount + " / " + step.sql + ") * " + step.sql +
			offset + " END)"
	case t == value.Decimal:
		if origin != nil {
			b.failHint(x, syntax.CodeUnsupported, "use toreal()", "bin_at() of decimals is not supported")
		}
		e.sql = goCall("decimal_bin", value.Decimal, v.sql, step.sql)
	case t == value.Datetime && origin == nil:
		e.sql = "(" + amount + " // nullif(" + step.sql + ", 0) * " + step.sql + ")"
		if n, ok := step.konst.(int64); ok && n > 0 {
			e.sql = "(" + amount + " // " + step.sql + " * " + step.sql + ")"
		}
	default:
		e.sql = "(" + amount + " - " + modulo(&expr{sql: amount}, step, false) + offset + ")"
		switch t {
		case value.Int:
			e.sql = "CAST(" + e.sql + " AS INTEGER)"
		case value.Datetime:
			e.sql = withinYears(e.sql) // from an origin, the step may begin before the year 1
		}
	}
	return e
}

func bindBinAt(b *binder, x syntax.CallNode, env env) *expr {
	bindArity(b, x, 3, 3)
	v, step, origin := bindScalar(b, x.Args[0].X, env), bindScalar(b, x.Args[1].X, env), bindScalar(b, x.Args[2].X, env)
	if v.typ.Numeric() && origin.typ.Numeric() {
		t := promote(promote(v.typ, origin.typ), step.typ)
		v, step, origin = bindCoerce(b, v, t), bindCoerce(b, step, t), bindCoerce(b, origin, t)
	}
	if v.typ == value.Dynamic {
		b.failHint(x.Args[0].X, syntax.CodeArguments, "convert it, as by todatetime()",
			"bin_at(): the value must be a number, a datetime or a timespan but is dynamic")
	}
	if v.typ != origin.typ {
		b.fail(x, syntax.CodeArguments, "bin_at(): the fixed point must be %s but is %s", v.typ, origin.typ)
	}
	e := bindRounded(b, x, v, step, origin)
	e.name = v.name
	return e
}

func bindBinAuto(b *binder, x syntax.CallNode, env env) *expr {
	bindArity(b, x, 1, 1)
	v := bindScalar(b, x.Args[0].X, env)
	step, ok := b.options["query_bin_auto_size"]
	if !ok {
		b.failHint(x, syntax.CodeArguments, "add: set query_bin_auto_size=1h;",
			"bin_auto(): the option query_bin_auto_size is not set")
	}
	e := bindRounded(b, x, v, step, b.options["query_bin_auto_at"])
	e.name = v.name
	return e
}

func bindNow(b *binder, x syntax.CallNode, env env) *expr {
	bindArity(b, x, 0, 1)
	e := constant(value.Datetime, b.now, x)
	if len(x.Args) == 1 {
		return bindArithmetic(b, syntax.BinaryNode{Op: "+", Span: x.Span}, e, bindScalar(b, x.Args[0].X, env))
	}
	return e
}

func bindAgo(b *binder, x syntax.CallNode, env env) *expr {
	bindArity(b, x, 1, 1)
	e := bindScalar(b, x.Args[0].X, env)
	if e.typ != value.Timespan {
		b.fail(x, syntax.CodeArguments, "ago(): the argument must be a timespan")
	}
	if n, ok := e.konst.(int64); ok {
		return constant(value.Datetime, b.now-n, x)
	}
	return bindArithmetic(b, syntax.BinaryNode{Op: "-", Span: x.Span}, constant(value.Datetime, b.now, x), e)
}

// bindToScalar binds toscalar(T): the first column of the first row, computed once.
func bindToScalar(b *binder, x syntax.CallNode, env env) *expr {
	bindArity(b, x, 1, 1)
	arg := x.Args[0].X
	if !b.isTabular(arg, env.scope) {
		e := *bindScalar(b, arg, env)
		e.name = ""
		return &e
	}
	rel := b.table(arg, env.scope)
	if len(rel.cols) == 0 {
		b.fail(x, syntax.CodeArguments, "toscalar(): the table has no columns")
	}
	c := rel.cols[0]
	e := &expr{sql: "(SELECT " + c.id + " FROM (" + rel.sql + ")" + rel.orderBy() + " LIMIT 1)", typ: c.typ,
		nullable: c.typ != value.String}
	if c.typ == value.String {
		e.sql = notNullString(e.sql)
	}
	return e
}

func bindMaterializeScalar(b *binder, x syntax.CallNode, env env) *expr {
	bindArity(b, x, 1, 1)
	return bindScalar(b, x.Args[0].X, env)
}

func bindGetType(b *binder, x syntax.CallNode, env env) *expr {
	bindArity(b, x, 1, 1)
	e := bindScalar(b, x.Args[0].X, env)
	name := ""
	if e.name != "" {
		name = "type_" + e.name
	}
	if e.typ == value.Dynamic {
		return &expr{sql: "CASE WHEN " + e.sql + " IS NULL THEN 'null' ELSE " + goCall("gettype", value.String,
			e.sql) + " END", typ: value.String, name: name}
	}
	out := constant(value.String, e.typ.String(), x)
	out.name = name
	return out
}

func bindColumnIfExists(b *binder, x syntax.CallNode, env env) *expr {
	bindArity(b, x, 2, 2)
	name := bindConstantString(b, x.Args[0].X, env, "The column name")
	if env.rel != nil {
		if c, ok := env.rel.column(name); ok {
			return bindColumnExpr(b, c)
		}
	}
	e := *bindScalar(b, x.Args[1].X, env)
	if e.name == "" {
		e.name = name
	}
	return &e
}

func bindColumnNamesOf(b *binder, x syntax.CallNode, env env) *expr {
	bindArity(b, x, 1, 1)
	rel := b.table(x.Args[0].X, env.scope)
	names := make([]any, len(rel.cols))
	for i, c := range rel.cols {
		names[i] = c.name
	}
	return constant(value.Dynamic, value.EncodeDynamic(names), x)
}

// typeSizes are the bytes estimate_data_size() counts for values of fixed size.
var typeSizes = map[Type]int64{value.Bool: 1, value.Int: 4, value.Long: 8, value.Real: 8, value.Datetime: 8,
	value.Timespan: 8, value.Decimal: 16, value.GUID: 16}

func bindEstimateDataSize(b *binder, x syntax.CallNode, env env) *expr {
	var parts []string
	add := func(e *expr) {
		if n, ok := typeSizes[e.typ]; ok {
			parts = append(parts, literalSQL(value.Long, n))
			return
		}
		parts = append(parts, "coalesce(strlen("+bindAsText(b, e).sql+"), 0)")
	}
	for _, a := range x.Args {
		if _, ok := a.X.(syntax.StarNode); ok && env.rel != nil {
			for _, c := range env.rel.cols {
				add(bindColumnExpr(b, c))
			}
			continue
		}
		add(bindScalar(b, a.X, env))
	}
	if len(parts) == 0 {
		bindArity(b, x, 1, -1)
	}
	return &expr{sql: "(" + strings.Join(parts, " + ") + ")", typ: value.Long}
}

func bindRangeFunction(b *binder, x syntax.CallNode, env env) *expr {
	bindArity(b, x, 2, 3)
	from, to := bindScalar(b, x.Args[0].X, env), bindScalar(b, x.Args[1].X, env)
	var step *expr
	if len(x.Args) == 3 {
		step = bindScalar(b, x.Args[2].X, env)
	}
	if from.typ.Numeric() && to.typ.Numeric() {
		types := []*expr{from, to}
		if step != nil {
			types = append(types, step)
		}
		t := bindCommon(b, x, types)
		switch t {
		case value.Int:
			t = value.Long
		case value.Long, value.Real:
		default:
			b.fail(x, syntax.CodeArguments, "range(): the arguments must be of type long or real but are %s", t)
		}
		if step == nil {
			step = constant(value.Long, int64(1), x)
		}
		if t == value.Real {
			return &expr{sql: goCall("range_real", value.Dynamic, bindCoerce(b, from, t).sql, bindCoerce(b, to, t).sql,
				bindCoerce(b, step, t).sql), typ: value.Dynamic, nullable: true}
		}
		return &expr{sql: goCall("range_long", value.Dynamic, bindCoerce(b, from, t).sql, bindCoerce(b, to, t).sql,
			bindCoerce(b, step, t).sql), typ: value.Dynamic, nullable: true}
	}
	if step == nil {
		step = constant(value.Timespan, value.Hour, x)
	}
	if from.typ == to.typ && (from.typ == value.Datetime || from.typ == value.Timespan) && step.typ == value.Timespan {
		return &expr{sql: goCall("range_"+from.typ.String(), value.Dynamic, from.sql, to.sql, step.sql),
			typ: value.Dynamic, nullable: true}
	}
	b.fail(x, syntax.CodeArguments, "range(): the arguments (%s, %s, %s) have wrong types", from.typ, to.typ, step.typ)
	return nil
}

func bindAssert(b *binder, x syntax.CallNode, env env) *expr {
	bindArity(b, x, 2, 2)
	cond := bindBoolean(b, x.Args[0].X, env)
	message := bindConstantString(b, x.Args[1].X, env, "The message")
	if cond.isConst {
		if ok, _ := cond.konst.(bool); !ok {
			b.fail(x, syntax.CodeSemantic, "assert() has failed with message: '%s'", message)
		}
	}
	return &expr{sql: "CASE WHEN " + cond.filterSQL() + " THEN TRUE ELSE error(" +
		quoteSQL("assert() has failed with message: '"+message+"'") + ") END", typ: value.Bool}
}

func bindExtract(b *binder, x syntax.CallNode, env env) *expr {
	bindArity(b, x, 3, 4)
	pattern, group, text := bindScalar(b, x.Args[0].X, env), bindScalar(b, x.Args[1].X, env),
		bindAsText(b, bindScalar(b, x.Args[2].X, env))
	if pattern.typ != value.String {
		b.fail(x.Args[0].X, syntax.CodeArguments, "extract(): the regular expression must be a string but is %s", pattern.typ)
	}
	e := &expr{sql: goCall("extract", value.String, pattern.sql, bindCoerce(b, group, value.Long).sql, text.sql),
		typ: value.String}
	if s, ok := pattern.konst.(string); ok {
		bindCheckRegex(b, x.Args[0].X, s)
	}
	return bindTypedExtract(b, x, e, env)
}

// bindTypedExtract converts what extract() found to the type of the optional typeof argument.
func bindTypedExtract(b *binder, x syntax.CallNode, e *expr, env env) *expr {
	last := x.Args[len(x.Args)-1].X
	if t, ok := last.(syntax.TypeofNode); ok {
		return bindCoerce(b, e, t.Type)
	}
	return e
}

func bindExtractJSON(b *binder, x syntax.CallNode, env env) *expr {
	bindArity(b, x, 2, 3)
	path, text := bindAsText(b, bindScalar(b, x.Args[0].X, env)), bindAsText(b, bindScalar(b, x.Args[1].X, env))
	return bindTypedExtract(b, x, &expr{sql: goCall("extract_json", value.String, path.sql, text.sql),
		typ: value.String, at: x}, env)
}

func bindCurrentDatabase(b *binder, x syntax.CallNode, _ env) *expr {
	bindArity(b, x, 0, 0)
	return constant(value.String, b.opts.Database, x)
}

func bindCurrentCluster(b *binder, x syntax.CallNode, _ env) *expr {
	bindArity(b, x, 0, 0)
	return constant(value.String, "localhost", x)
}

func bindShift(b *binder, x syntax.CallNode, env env) *expr {
	bindArity(b, x, 2, 2)
	v, n := bindScalar(b, x.Args[0].X, env), bindCoerce(b, bindScalar(b, x.Args[1].X, env), value.Long)
	name := v.name
	v = bindCoerce(b, v, value.Long)
	return &expr{sql: goCall(x.Name, value.Long, v.sql, n.sql), typ: value.Long, nullable: true, name: name}
}

func bindToHex(b *binder, x syntax.CallNode, env env) *expr {
	bindArity(b, x, 1, 2)
	v := bindScalar(b, x.Args[0].X, env)
	bits := int64(64)
	if v.typ == value.Int {
		bits = 32
	}
	width := constant(value.Long, int64(0), x)
	if len(x.Args) == 2 {
		width = bindCoerce(b, bindScalar(b, x.Args[1].X, env), value.Long)
	}
	return &expr{sql: goCall("tohex", value.String, bindCoerce(b, v, value.Long).sql, literalSQL(value.Long, bits),
		width.sql), typ: value.String, name: v.name}
}

// bindDatetimeDiff binds datetime_diff: whole boundaries as long, weeks as real.
func bindDatetimeDiff(b *binder, x syntax.CallNode, env env) *expr {
	bindArity(b, x, 3, 3)
	e := bindBuiltinCall(b, x, builtinFunctions()["datetime_diff"], env)
	if part, ok := bindScalar(b, x.Args[0].X, env).konst.(string); ok && strings.EqualFold(part, "week") {
		return bindCoerce(b, e, value.Real)
	}
	return e
}

func bindCodepoints(b *binder, x syntax.CallNode, env env) *expr {
	args := make([]string, len(x.Args))
	for i, a := range x.Args {
		args[i] = bindJson(b, bindScalar(b, a.X, env)).sql
	}
	return &expr{sql: goCall("unicode_codepoints_to_string", value.String, args...), typ: value.String}
}

// bindArraySort binds array_sort_asc/desc(array, …[, nulls_last]): the first array is sorted, the
// others follow it. Each array is a result column of its own.
func bindArraySort(b *binder, x syntax.CallNode, env env) *expr {
	bindArity(b, x, 1, 65)
	var arrays []*expr
	var names []string
	nullsLast := "TRUE"
	for i, a := range x.Args {
		e := bindScalar(b, a.X, env)
		if e.typ == value.Bool && i == len(x.Args)-1 && i > 0 {
			nullsLast = e.sql
			break
		}
		arrays = append(arrays, bindJson(b, e))
		name := e.name
		if n, ok := a.X.(syntax.NameNode); ok {
			name = n.Name
		}
		names = append(names, name)
	}
	asc := "TRUE"
	if x.Name == "array_sort_desc" {
		asc = "FALSE"
	}
	args := []string{asc, nullsLast}
	for _, a := range arrays {
		args = append(args, a.sql)
	}
	sorted := goCall("array_sort", value.Dynamic, args...)
	e := &expr{typ: value.Dynamic, nullable: true}
	for i, name := range names {
		if name != "" {
			name += "_sorted"
		}
		sql := "nullif(CAST(json_extract(" + sorted + ", '$[" + strconv.Itoa(i) + "]') AS VARCHAR), 'null')"
		e.parts = append(e.parts, part{name: name, sql: sql, typ: value.Dynamic})
	}
	e.sql = e.parts[0].sql
	if len(e.parts) == 1 {
		e.parts = nil
	}
	return e
}

// partedFunctions are the functions that yield several columns, as a bag with these properties.
var partedFunctions = map[string][]part{
	"series_stats": {{name: "min", typ: value.Real}, {name: "min_idx", typ: value.Long}, {name: "max", typ: value.Real},
		{name: "max_idx", typ: value.Long},
		{name: "avg", typ: value.Real}, {name: "stdev", typ: value.Real}, {name: "variance", typ: value.Real}},
	"series_fit_line": {{name: "rsquare", typ: value.Real}, {name: "slope", typ: value.Real},
		{name: "variance", typ: value.Real},
		{name: "rvariance", typ: value.Real}, {name: "interception", typ: value.Real},
		{name: "line_fit", typ: value.Dynamic}},
	"series_fit_poly": {{name: "rsquare", typ: value.Real}, {name: "coefficients", typ: value.Dynamic},
		{name: "variance", typ: value.Real}, {name: "rvariance", typ: value.Real},
		{name: "poly_fit", typ: value.Dynamic}},
	"series_fft":  {{name: "real", typ: value.Dynamic}, {name: "imag", typ: value.Dynamic}},
	"series_ifft": {{name: "real", typ: value.Dynamic}, {name: "imag", typ: value.Dynamic}},
}

// bindParts binds a function whose result is several columns named function_argument_property.
func bindParts(b *binder, x syntax.CallNode, env env) *expr {
	inner := x
	inner.Name += "_dynamic"
	overloads := builtinFunctions()[inner.Name]
	if len(overloads) == 0 {
		b.fail(x, syntax.CodeUnsupported, "The function '%s' is not supported", x.Name)
	}
	bag := bindBuiltinCall(b, inner, overloads, env)
	name := x.Name + "_" + bindScalar(b, x.Args[0].X, env).name
	e := &expr{typ: value.Dynamic, nullable: true}
	for _, p := range partedFunctions[x.Name] {
		prop := bindProperty(b, bag, p.name)
		c := bindCoerce(b, prop, p.typ)
		e.parts = append(e.parts, part{name: name + "_" + p.name, sql: c.sql, typ: p.typ})
	}
	e.sql, e.typ = e.parts[0].sql, e.parts[0].typ
	return e
}
