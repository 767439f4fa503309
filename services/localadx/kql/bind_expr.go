package kql

import (
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"

	"github.com/calypso-cdc/calypso/services/localadx/kql/syntax"
	"github.com/calypso-cdc/calypso/services/localadx/kql/value"
)

// bindScalar binds a scalar expression.
func bindScalar(b *binder, x syntax.Node, env env) *expr {
	e := bindAll(b, x, env)
	b.spend(x, len(e.sql))
	e.at = x
	return e
}

func bindAll(b *binder, x syntax.Node, env env) *expr {
	switch x := x.(type) {
	case syntax.LiteralNode:
		if x.Type == value.Decimal {
			bindCheckDecimal(b, x, x.Value)
		}
		return constant(x.Type, x.Value, x)
	case syntax.NameNode:
		return bindNameExpr(b, x, env)
	case syntax.UnaryNode:
		return bindUnary(b, x, env)
	case syntax.BinaryNode:
		return bindBinary(b, x, env)
	case syntax.BetweenNode:
		return bindBetween(b, x, env)
	case syntax.InNode:
		return b.in(x, env)
	case syntax.MemberNode:
		return bindMember(b, x, env)
	case syntax.IndexNode:
		return bindIndexExpr(b, x, env)
	case syntax.CallNode:
		return b.call(x, env)
	case syntax.TypeofNode:
		return constant(value.String, x.Type.String(), x)
	case syntax.PipelineNode, syntax.PrintNode, syntax.RangeNode, syntax.DatatableNode:
		// a tabular expression with one cell, where a scalar stands: toscalar() is implied only in function bodies
		b.failHint(x, syntax.CodeSemantic, "wrap it in toscalar()", "A tabular expression cannot be used as a scalar here")
	case syntax.StarNode, syntax.WildcardNode:
		b.fail(x, syntax.CodeSemantic, "'*' is not allowed here")
	}
	b.fail(x, syntax.CodeUnsupported, "This expression is not supported")
	return nil
}

func bindColumnExpr(b *binder, c column) *expr {
	b.facts.reads += max(c.weight, 1)
	b.facts.columns = append(b.facts.columns, c.id)
	return columnExpr(c.id, c.typ, c.name)
}

func bindNameExpr(b *binder, x syntax.NameNode, env env) *expr {
	if env.rel != nil {
		if c, ok := env.rel.column(x.Name); ok {
			if env.aggregate && !env.keys[c.id] {
				b.failHint(x, syntax.CodeSemantic, "aggregate it, or put it behind 'by'",
					"%sthe column '%s' is used outside an aggregate", bindOperatorPrefix(b), x.Name)
			}
			return bindColumnExpr(b, c)
		}
	}
	if bound := env.scope.lookup(x.Name); bound != nil {
		switch {
		case bound.value != nil:
			b.facts.add(bound.facts)
			e := *bound.value
			e.name = ""
			return &e
		case bound.x != nil:
			if b.isTabular(bound.x, bound.scope) {
				b.failHint(x, syntax.CodeSemantic, "wrap it in toscalar()",
					"'%s' is a table and cannot be used as a scalar here", x.Name)
			}
			inner := env
			inner.scope, inner.rel, inner.right = bound.scope, nil, nil
			if bound.isCall("toscalar") {
				e := *b.scalarOnce(bound, inner)
				e.name = ""
				return &e
			}
			e := *bindScalar(b, bound.x, inner)
			e.name = ""
			return &e
		case bound.lambda != nil && len(bound.lambda.Params) == 0:
			return b.callLambda(syntax.CallNode{Name: x.Name, Span: x.Span}, bound, env)
		}
	}
	if env.rel == nil {
		b.fail(x, syntax.CodeUnknownName, "Failed to resolve scalar expression named '%s'", x.Name)
	}
	names := make([]string, len(env.rel.cols))
	for i, c := range env.rel.cols {
		names[i] = c.name
	}
	hint := ""
	if near := syntax.Nearest(x.Name, names); near != "" {
		hint = "did you mean '" + near + "'?"
	}
	b.failHint(x, syntax.CodeUnknownName, hint, "%sFailed to resolve column or scalar expression named '%s'",
		bindOperatorPrefix(b), x.Name)
	return nil
}

// bindOperatorPrefix names the operator being bound, as Kusto's messages do.
func bindOperatorPrefix(b *binder) string {
	if b.current == "" {
		return ""
	}
	return "'" + b.current + "' operator: "
}

func bindUnary(b *binder, x syntax.UnaryNode, env env) *expr {
	e := bindScalar(b, x.X, env)
	if x.Op == "+" {
		return e
	}
	if e.isConst {
		switch v := e.konst.(type) {
		case int64:
			if e.typ == value.Int {
				return constant(value.Long, -v, x)
			}
			return constant(e.typ, -v, x)
		case float64:
			return constant(e.typ, -v, x)
		}
	}
	switch e.typ {
	case value.Decimal:
		return &expr{sql: goCall("decimal_negate", value.Decimal, e.sql), typ: e.typ, nullable: e.nullable}
	case value.Long, value.Real, value.Timespan:
		return &expr{sql: "(-" + e.sql + ")", typ: e.typ, nullable: e.nullable}
	case value.Int:
		return &expr{sql: "(-CAST(" + e.sql + " AS BIGINT))", typ: value.Long, nullable: e.nullable}
	}
	b.fail(x, syntax.CodeArguments, "The operator '-' cannot be applied to %s", e.typ)
	return nil
}

func bindBinary(b *binder, x syntax.BinaryNode, env env) *expr {
	if _, ok := x.L.(syntax.StarNode); ok && env.rel != nil {
		return bindAnyColumn(b, x, env)
	}
	switch x.Op {
	case "and", "or":
		return bindLogical(b, x, env)
	case "+", "-", "*", "/", "%":
		return bindArithmetic(b, x, bindScalar(b, x.L, env), bindScalar(b, x.R, env))
	case "==", "!=", "<>", "<", "<=", ">", ">=":
		op := x.Op
		if op == "<>" {
			op = "!="
		}
		return bindCompare(b, x, op, bindScalar(b, x.L, env), bindScalar(b, x.R, env))
	}
	return b.stringOperator(x, bindScalar(b, x.L, env), bindScalar(b, x.R, env))
}

// bindAnyColumn binds * op value: true if the test holds for any column whose type it suits.
func bindAnyColumn(b *binder, x syntax.BinaryNode, env env) *expr {
	right := bindScalar(b, x.R, env)
	var tests []string
	for _, c := range env.rel.cols {
		left := bindColumnExpr(b, c)
		switch x.Op {
		case "==", "!=", "<", "<=", ">", ">=":
			if c.typ == right.typ || c.typ.Numeric() && right.typ.Numeric() {
				tests = append(tests, bindCompare(b, x, x.Op, left, right).filterSQL())
			}
		case "and", "or", "+", "-", "*", "/", "%":
			b.fail(x.L, syntax.CodeSemantic, "'*' is not allowed here")
		default:
			tests = append(tests, b.stringOperator(x, bindAsText(b, left), right).filterSQL())
		}
	}
	if len(tests) == 0 {
		return constant(value.Bool, false, x)
	}
	return &expr{sql: "coalesce(" + strings.Join(tests, " OR ") + ", FALSE)", typ: value.Bool}
}

func bindLogical(b *binder, x syntax.BinaryNode, env env) *expr {
	// A chain of one operator is one list, so that a long one is neither nested deeply nor written over and over.
	var operands []*expr
	last := syntax.Node(x)
	for {
		chain, ok := last.(syntax.BinaryNode)
		if !ok || chain.Op != x.Op {
			break
		}
		operands = append(operands, bindBoolean(b, chain.R, env))
		last = chain.L
	}
	operands = append(operands, bindBoolean(b, last, env))
	slices.Reverse(operands)
	if x.Op == "or" {
		operands = withLists(operands)
	}
	b.plan(x, len(operands))
	e := &expr{typ: value.Bool}
	whole, filters := make([]string, len(operands)), make([]string, len(operands))
	predicate := false
	for i, o := range operands {
		whole[i], filters[i] = o.sql, o.filterSQL()
		e.nullable = e.nullable || o.nullable
		predicate = predicate || o.predicate != ""
	}
	op := " " + strings.ToUpper(x.Op) + " "
	e.sql = "(" + strings.Join(whole, op) + ")"
	if predicate {
		e.predicate = "(" + strings.Join(filters, op) + ")"
	}
	return e
}

// withLists puts the tests of one value for several constants into one test, in the place of the first.
func withLists(alternatives []*expr) []*expr {
	constants := map[string][]string{}
	for _, a := range alternatives {
		if a.equal != nil {
			constants[a.equal.value] = append(constants[a.equal.value], a.equal.constant)
		}
	}
	out := make([]*expr, 0, len(alternatives))
	for _, a := range alternatives {
		if a.equal == nil || len(constants[a.equal.value]) == 1 {
			out = append(out, a)
			continue
		}
		list := constants[a.equal.value]
		if len(list) == 0 {
			continue // is in the list of an earlier one
		}
		test := &expr{typ: value.Bool, sql: "(" + a.equal.value + " IN (" + strings.Join(list, ", ") + "))"}
		if a.equal.nullable {
			test.sql, test.predicate = "coalesce("+test.sql+", FALSE)", test.sql
		}
		out = append(out, test)
		constants[a.equal.value] = nil
	}
	return out
}

// bindBoolean binds an expression that must be a condition.
func bindBoolean(b *binder, x syntax.Node, env env) *expr {
	e := bindScalar(b, x, env)
	switch e.typ {
	case value.Bool:
		return e
	case value.Int, value.Long, value.Real, value.Decimal, value.Dynamic:
		return bindCoerce(b, e, value.Bool)
	}
	b.fail(x, syntax.CodeArguments, "Expected an expression of type bool but this is %s", e.typ)
	return nil
}

// numericRank orders the numeric types for promotion.
var numericRank = map[Type]int{value.Int: 1, value.Long: 2, value.Real: 3, value.Decimal: 4}

func bindArithmetic(b *binder, x syntax.BinaryNode, l, r *expr) *expr {
	fail := func() {
		b.failHint(x, syntax.CodeArguments, "use an explicit cast", "Operator '%s' cannot be applied to %s and %s",
			x.Op, l.typ, r.typ)
	}
	if l.typ == value.Bool {
		l = bindCoerce(b, l, value.Long)
	}
	if r.typ == value.Bool {
		r = bindCoerce(b, r, value.Long)
	}
	if l.typ == value.Dynamic || r.typ == value.Dynamic {
		b.failHint(x, syntax.CodeArguments, "convert it with tolong(), todouble() …",
			"Arithmetic expression cannot be carried-out between %s and %s", l.typ, r.typ)
	}
	nullable := l.nullable || r.nullable
	typed := func(t Type, format string, args ...any) *expr {
		return &expr{sql: fmt.Sprintf(format, args...), typ: t, nullable: nullable || x.Op == "/" || x.Op == "%"}
	}
	lt, rt := l.typ, r.typ
	switch {
	case lt.Numeric() && rt.Numeric():
		t := promote(promote(lt, rt), value.Long)
		return bindNumberArithmetic(b, x.Op, bindCoerce(b, l, t), bindCoerce(b, r, t), t)
	case lt == value.Datetime && rt == value.Datetime && x.Op == "-":
		return typed(value.Timespan, "(%s - %s)", l.sql, r.sql)
	case lt == value.Datetime && rt == value.Timespan && (x.Op == "+" || x.Op == "-"):
		return bindMoved(b, x.Op, l, r)
	case lt == value.Timespan && rt == value.Datetime && x.Op == "+":
		return bindMoved(b, x.Op, r, l)
	case lt == value.Datetime && rt == value.Timespan && x.Op == "%":
		return typed(value.Timespan, "%s", modulo(l, r, true))
	case lt == value.Timespan && rt == value.Timespan:
		switch x.Op {
		case "+", "-":
			return typed(value.Timespan, "(%s %s %s)", l.sql, x.Op, r.sql)
		case "/":
			return typed(value.Real, "(CAST(%s AS DOUBLE) / CAST(%s AS DOUBLE))", l.sql, r.sql)
		case "%":
			return typed(value.Timespan, "%s", modulo(l, r, false))
		}
	case lt == value.Timespan && rt.Numeric() && (x.Op == "*" || x.Op == "/"):
		return bindScaleTimespan(b, x.Op, l, r, nullable)
	case lt.Numeric() && rt == value.Timespan && x.Op == "*":
		return bindScaleTimespan(b, "*", r, l, nullable)
	}
	fail()
	return nil
}

// bindMoved adds a timespan to a datetime or takes it off. What leaves the years 1 to 9999 is null.
func bindMoved(b *binder, op string, from, by *expr) *expr {
	ticks, ok := from.konst.(int64)
	span, ok2 := by.konst.(int64)
	if ok && ok2 {
		if op == "-" {
			span = -span
		}
		if sum := ticks + span; sum >= 0 && sum <= value.MaxDatetime {
			return constant(value.Datetime, sum, nil)
		}
		return constant(value.Datetime, nil, nil)
	}
	return &expr{sql: withinYears("CAST(" + from.sql + " AS HUGEINT) " + op + " " + by.sql),
		typ: value.Datetime, nullable: true}
}

// withinYears makes ticks null that are no datetime. The operand is written once: a sum of many
// would otherwise double with each. A number beyond the last tick is one beyond 64 bits when what
// is left of these is added to it, and one before the first has a sign.
func withinYears(ticks string) string {
	rest := strconv.FormatInt(math.MaxInt64-value.MaxDatetime, 10)
	return "CAST(TRY_CAST(TRY_CAST(CAST(" + ticks + " AS HUGEINT) + " + rest + " AS BIGINT) - " + rest +
		" AS UBIGINT) AS BIGINT)"
}

// bindDynamicOperand converts a dynamic operand of arithmetic to a type that fits the other one.
func bindDynamicOperand(b *binder, e *expr, other Type) *expr {
	switch other {
	case value.Timespan, value.Datetime:
		return bindCoerce(b, e, other)
	case value.Int:
		return bindCoerce(b, e, value.Long)
	case value.Long, value.Decimal:
		return bindCoerce(b, e, other)
	}
	return bindCoerce(b, e, value.Real)
}

func bindScaleTimespan(b *binder, op string, span, factor *expr, nullable bool) *expr {
	if factor.typ == value.Decimal {
		factor = bindCoerce(b, factor, value.Real)
	}
	e := &expr{typ: value.Timespan, nullable: nullable || op == "/"}
	switch {
	case op == "*" && factor.typ.Integer():
		e.sql = "(" + span.sql + " * " + factor.sql + ")"
	case op == "/" && factor.typ.Integer():
		e.sql = "(" + span.sql + " // nullif(" + factor.sql + ", 0))"
	default:
		e.sql = "CAST(round(" + span.sql + " " + op + " CAST(" + factor.sql + " AS DOUBLE)) AS BIGINT)"
	}
	if span.isConst && factor.isConst && op == "*" {
		if f, ok := factor.konst.(int64); ok && span.konst != nil {
			return constant(value.Timespan, span.konst.(int64)*f, nil)
		}
	}
	return e
}

func bindNumberArithmetic(b *binder, op string, l, r *expr, t Type) *expr {
	e := &expr{typ: t, nullable: l.nullable || r.nullable}
	if folded := foldLong(op, l, r); folded != nil {
		return folded
	}
	if t == value.Decimal {
		return &expr{sql: goCall(decimalOperators[op], t, l.sql, r.sql), typ: t, nullable: true}
	}
	switch op {
	case "+", "-", "*":
		e.sql = "(" + l.sql + " " + op + " " + r.sql + ")"
	case "/":
		e.nullable = true
		switch t {
		case value.Long:
			e.sql = "(" + l.sql + " // nullif(" + r.sql + ", 0))"
		default:
			e.sql = "(" + l.sql + " / " + r.sql + ")"
		}
	case "%":
		e.nullable = true
		e.sql = modulo(l, r, false)
	}
	return e
}

// foldLong computes + - * of constants, so that constant arithmetic stays constant. It wraps around as Kusto does.
func foldLong(op string, l, r *expr) *expr {
	if !l.isConst || !r.isConst || l.typ != value.Long || r.typ != value.Long {
		return nil
	}
	x, ok := l.konst.(int64)
	y, ok2 := r.konst.(int64)
	if !ok || !ok2 {
		return nil
	}
	switch op {
	case "+":
		return constant(value.Long, x+y, nil)
	case "-":
		return constant(value.Long, x-y, nil)
	case "*":
		return constant(value.Long, x*y, nil)
	}
	return nil
}

// modulo is Kusto's %: never negative. A constant positive divisor, or a dividend that is never
// negative, needs less SQL.
func modulo(l, r *expr, dividendNonNegative bool) string {
	if n, ok := r.konst.(int64); ok && n > 0 {
		if dividendNonNegative {
			return "(" + l.sql + " % " + r.sql + ")"
		}
		return "((" + l.sql + " % " + r.sql + " + " + r.sql + ") % " + r.sql + ")"
	}
	return "((" + l.sql + " % " + r.sql + " + abs(" + r.sql + ")) % abs(" + r.sql + "))"
}

// bindComparable converts two operands of a comparison to one type.
func bindComparable(b *binder, x syntax.Node, l, r *expr) (*expr, *expr) {
	if l.typ == r.typ {
		return l, r
	}
	switch {
	case l.typ.Numeric() && r.typ.Numeric():
		t := promote(l.typ, r.typ)
		return bindCoerce(b, l, t), bindCoerce(b, r, t)
	case l.typ == value.Dynamic:
		return bindCoerce(b, l, r.typ), r
	case r.typ == value.Dynamic:
		return l, bindCoerce(b, r, l.typ)
	case l.typ == value.Bool && r.typ.Numeric():
		return bindCoerce(b, l, r.typ), r
	case r.typ == value.Bool && l.typ.Numeric():
		return l, bindCoerce(b, r, l.typ)
	case l.typ == value.String && (r.typ == value.GUID || r.typ == value.Datetime && l.isConst ||
		r.typ == value.Timespan && l.isConst):
		return bindCoerce(b, l, r.typ), r
	case r.typ == value.String && (l.typ == value.GUID || l.typ == value.Datetime && r.isConst ||
		l.typ == value.Timespan && r.isConst):
		return l, bindCoerce(b, r, l.typ)
	}
	b.failHint(x, "SEM0064", "try adding explicit casts", "Cannot compare values of types %s and %s", l.typ, r.typ)
	return nil, nil
}

// bindCompare binds == != < <= > >=. With one null operand == is false and != is true; with two
// both are null; the order operators are null with any null. NaN equals nothing and has no order.
func bindCompare(b *binder, x syntax.Node, op string, l, r *expr) *expr {
	l, r = bindComparable(b, x, l, r)
	e := &expr{typ: value.Bool}
	if l.typ == value.Real {
		return bindCompareReal(b, op, l, r)
	}
	switch op {
	case "==", "!=":
		plain := "(" + l.sql + " = " + r.sql + ")"
		if op == "!=" {
			plain = "(" + l.sql + " <> " + r.sql + ")"
		}
		switch {
		case !l.nullable && !r.nullable:
			e.sql = plain
		case op == "==":
			e.sql, e.predicate = "coalesce("+plain+", FALSE)", plain
		default:
			e.sql = "((" + l.sql + ") IS DISTINCT FROM (" + r.sql + "))"
			e.predicate = e.sql
		}
		if op == "==" && r.isConst && !r.nullable && !l.isConst {
			e.equal = &equality{value: l.sql, constant: r.sql, nullable: l.nullable}
		}
		e.unlessBothNull(l, r)
	default:
		e.sql = "(" + l.sql + " " + op + " " + r.sql + ")"
		e.nullable = l.nullable || r.nullable
	}
	return e
}

// unlessBothNull makes the result of == or != null where both operands are, which keeps the rows
// that the predicate keeps.
func (e *expr) unlessBothNull(l, r *expr) *expr {
	if l.nullable && r.nullable {
		e.sql = "(CASE WHEN (" + l.sql + ") IS NULL AND (" + r.sql + ") IS NULL THEN NULL ELSE " + e.sql + " END)"
		e.nullable = true
	}
	return e
}

// bindCompareReal compares doubles, where DuckDB takes NaN for equal to itself and greater than everything.
func bindCompareReal(b *binder, op string, l, r *expr) *expr {
	guards := []string{"FALSE"}
	for _, o := range []*expr{l, r} {
		if f, ok := o.konst.(float64); !ok || math.IsNaN(f) {
			guards = append(guards, "isnan("+o.sql+")")
		}
	}
	nan := "coalesce(" + strings.Join(guards, " OR ") + ", FALSE)"
	plain := "(" + l.sql + " " + map[string]string{"==": "=", "!=": "<>"}[op] + " " + r.sql + ")"
	switch op {
	case "==":
		e := &expr{typ: value.Bool, sql: "coalesce(" + plain + " AND NOT " + nan + ", FALSE)",
			predicate: "(" + plain + " AND NOT " + nan + ")"}
		return e.unlessBothNull(l, r)
	case "!=":
		e := &expr{typ: value.Bool, sql: "((" + l.sql + ") IS DISTINCT FROM (" + r.sql + ") OR " + nan + ")"}
		e.predicate = e.sql
		return e.unlessBothNull(l, r)
	}
	test := "(" + l.sql + " " + op + " " + r.sql + ")"
	return &expr{typ: value.Bool, sql: "(CASE WHEN NOT " + nan + " THEN " + test + " WHEN (" + l.sql +
		") IS NOT NULL AND (" + r.sql + ") IS NOT NULL THEN FALSE END)",
		predicate: "(" + test + " AND NOT " + nan + ")", nullable: true}
}

func bindBetween(b *binder, x syntax.BetweenNode, env env) *expr {
	v, low, high := bindScalar(b, x.X, env), bindScalar(b, x.Low, env), bindScalar(b, x.High, env)
	if v.typ == value.Datetime && high.typ == value.Timespan {
		high = bindArithmetic(b, syntax.BinaryNode{Op: "+", Span: x.Span}, low, high)
	}
	from := bindCompare(b, x, ">=", v, low)
	to := bindCompare(b, x, "<=", v, high)
	sql := "(" + from.sql + " AND " + to.sql + ")"
	if x.Not {
		return &expr{sql: "(NOT " + sql + ")", typ: value.Bool, nullable: true}
	}
	return &expr{sql: sql, predicate: "(" + from.filterSQL() + " AND " + to.filterSQL() + ")",
		typ: value.Bool, nullable: true}
}

// bindMember binds x.name: a property of a dynamic.
func bindMember(b *binder, x syntax.MemberNode, env env) *expr {
	if n, ok := x.X.(syntax.NameNode); ok {
		if env.match != nil && (env.match.nodes[n.Name] != "" || env.match.edges[n.Name] != nil) {
			return b.rules.graphMember(b, env.match, x, n)
		}
		if cols, ok := env.steps[n.Name]; ok {
			if e, ok := cols[x.Name]; ok {
				c := *e
				c.name = ""
				return &c
			}
			b.fail(x, syntax.CodeUnknownName, "The step '%s' has no column '%s'", n.Name, x.Name)
		}
		switch {
		case n.Name == "$left" && env.rel != nil:
			return bindSideColumn(b, x, env.rel)
		case n.Name == "$right" && env.right != nil:
			return bindSideColumn(b, x, env.right)
		}
	}
	base := bindScalar(b, x.X, env)
	if base.typ != value.Dynamic {
		b.failHint(x, syntax.CodeArguments, "convert it with parse_json()",
			"A member of a value of type %s cannot be accessed", base.typ)
	}
	return bindProperty(b, base, x.Name)
}

func bindSideColumn(b *binder, x syntax.MemberNode, rel *relation) *expr {
	c, ok := rel.column(x.Name)
	if !ok {
		b.fail(x, syntax.CodeUnknownName, "Failed to resolve column named '%s'", x.Name)
	}
	return bindColumnExpr(b, c)
}

// bindProperty returns a property of a dynamic expression.
func bindProperty(b *binder, base *expr, name string) *expr {
	path := `$."` + strings.NewReplacer(`\`, `\\`, `"`, `\"`).Replace(name) + `"`
	sql := "nullif(CAST(json_extract(" + base.sql + ", " + quoteSQL(path) + ") AS VARCHAR), 'null')"
	if strings.ContainsAny(name, "\"\\*") {
		sql = goCall("dynamic_get", value.Dynamic, base.sql, quoteSQL(name))
	}
	return &expr{sql: sql, typ: value.Dynamic, nullable: true, name: joinNames(base.name, name)}
}

func joinNames(base, member string) string {
	if base == "" {
		return member
	}
	return base + "_" + member
}

// bindIndexExpr binds x[i]: an element of a dynamic array or a property of a bag.
func bindIndexExpr(b *binder, x syntax.IndexNode, env env) *expr {
	base := bindScalar(b, x.X, env)
	if len(base.parts) > 0 {
		i := bindConstantLong(b, x.Index, env, "The index")
		if i < 0 || int(i) >= len(base.parts) {
			b.fail(x, syntax.CodeArguments, "The index %d is out of range", i)
		}
		p := base.parts[i]
		return &expr{sql: p.sql, typ: p.typ, nullable: true}
	}
	if base.typ != value.Dynamic {
		b.failHint(x, syntax.CodeArguments, "convert it with parse_json()", "A value of type %s cannot be indexed", base.typ)
	}
	i := bindScalar(b, x.Index, env)
	if i.isConst {
		switch v := i.konst.(type) {
		case string:
			if i.typ == value.String {
				return bindProperty(b, base, v)
			}
		case int64:
			path := fmt.Sprintf("$[%d]", v)
			if v < 0 {
				path = fmt.Sprintf("$[#%d]", v)
			}
			return &expr{sql: "nullif(CAST(json_extract(" + base.sql + ", '" + path + "') AS VARCHAR), 'null')",
				typ:      value.Dynamic,
				nullable: true, name: joinNames(base.name, fmt.Sprint(v))}
		}
	}
	return &expr{sql: goCall("dynamic_get", value.Dynamic, base.sql, bindAsText(b, i).sql),
		typ: value.Dynamic, nullable: true}
}
