package kql

import (
	"strconv"
	"strings"

	"github.com/calypso-cdc/calypso/services/localadx/kql/scalar"
	"github.com/calypso-cdc/calypso/services/localadx/kql/syntax"
	"github.com/calypso-cdc/calypso/services/localadx/kql/value"
)

// bindCallExpr binds a call in a scalar place: a let function, a special form, an aggregate, a
// built-in or a stored function.
func bindCallExpr(b *binder, x syntax.CallNode, env env) *expr {
	b.calls++
	defer func() { b.calls-- }()
	if b.calls > maxCalls*4 {
		b.fail(x, syntax.CodeSemantic, "Calls are nested more than %d levels deep", maxCalls*4)
	}
	if bound := env.scope.lookup(x.Name); bound != nil && (bound.lambda != nil) {
		return b.callLambda(x, bound, env)
	}
	if special, ok := b.special[x.Name]; ok {
		return special(b, x, env)
	}
	if e := b.aggregateCall(x, env); e != nil {
		return e
	}
	if overloads := builtinFunctions()[x.Name]; len(overloads) > 0 && !syntax.Contains(internalFunctions, x.Name) {
		return bindBuiltinCall(b, x, overloads, env)
	}
	if f, ok := bindStoredFunction(b, x.Name, x); ok {
		return b.callLambda(x, f, env)
	}
	bindUnknownFunction(b, x)
	return nil
}

func bindUnknownFunction(b *binder, x syntax.CallNode) {
	names := make([]string, 0, 512)
	for name := range builtinFunctions() {
		names = append(names, name)
	}
	for name := range b.special {
		names = append(names, name)
	}
	for name := range b.aggregates {
		names = append(names, name)
	}
	hint := ""
	if near := syntax.Nearest(x.Name, names); near != "" {
		hint = "did you mean '" + near + "'?"
	}
	if _, ok := b.aggregates[x.Name]; ok {
		b.fail(x, syntax.CodeSemantic,
			"Function '%s' cannot be invoked in current context: aggregates belong in summarize or make-series", x.Name)
	}
	if syntax.Contains(strings.Fields(unsupportedFunctions), x.Name) {
		b.fail(x, syntax.CodeUnsupported, "The function '%s' is not supported", x.Name)
	}
	b.failHint(x, "SEM0260", hint, "Unknown function: '%s'", x.Name)
}

// bindStoredFunction returns a function of the catalog as a binding.
func bindStoredFunction(b *binder, name string, at syntax.Node) (*binding, bool) {
	if b.opts.Catalog == nil {
		return nil, false
	}
	f, ok := b.opts.Catalog.Function(b.opts.Database, name)
	if !ok {
		return nil, false
	}
	body := strings.TrimSpace(f.Body)
	if !strings.HasPrefix(body, "{") {
		body = "{" + body + "\n}"
	}
	params := f.Params
	if strings.TrimSpace(params) == "" {
		params = "()"
	}
	statements, err := syntax.Parse("let f = " + params + body + ";f")
	if err != nil {
		b.fail(at, syntax.CodeSemantic, "The stored function '%s' is invalid: %s", name, err.Message)
	}
	lambda, ok := statements[0].(syntax.LetStatement).X.(syntax.LambdaNode)
	if !ok {
		b.fail(at, syntax.CodeSemantic, "The stored function '%s' is invalid", name)
	}
	return &binding{lambda: &lambda, name: name}, true
}

// bindArguments binds the arguments of a lambda call and returns the scope of its body.
func bindArguments(b *binder, x syntax.CallNode, f *binding, env env) *scope {
	s := f.scope
	args := x.Args
	given := make(map[string]syntax.Node)
	positional := 0
	for _, a := range args {
		if a.Name == "@" {
			continue
		}
		positional++
		if a.Name != "" {
			given[a.Name] = a.X
			continue
		}
		if positional > len(f.lambda.Params) {
			b.fail(x, syntax.CodeArguments, "%s(): function expects at most %d argument(s)", x.Name, len(f.lambda.Params))
		}
		given[f.lambda.Params[positional-1].Name] = a.X
	}
	for _, p := range f.lambda.Params {
		arg, ok := given[p.Name]
		switch {
		case !ok && p.Default == nil:
			b.fail(x, syntax.CodeArguments, "%s(): no argument for the parameter '%s'", x.Name, p.Name)
		case p.Tabular:
			s = s.add(p.Name, &binding{table: bindTableArgument(b, arg, p, env)})
		case !ok:
			bound := &binding{}
			bound.facts = apart(b, func() {
				bound.value = bindCoerce(b, bindScalar(b, p.Default, env.bare(f.scope)), p.Type)
			})
			s = s.add(p.Name, bound)
		default:
			var e expr
			noted := apart(b, func() { e = *bindScalar(b, arg, env.plain()) })
			if e.typ != p.Type && !(e.typ.Numeric() && p.Type.Numeric()) && e.typ != value.Dynamic && p.Type != value.Dynamic &&
				!(e.isConst && e.konst == nil) {
				b.fail(arg, syntax.CodeArguments, "%s(): argument '%s' must be %s but is %s", x.Name, p.Name, p.Type, e.typ)
			}
			s = s.add(p.Name, &binding{value: bindCoerce(b, &e, p.Type), facts: noted})
		}
	}
	return s
}

func bindTableArgument(b *binder, arg syntax.Node, p syntax.ParameterDef, env env) *relation {
	rel := b.table(arg, env.scope)
	if p.Columns == nil {
		return rel
	}
	cols := make([]column, 0, len(rel.cols))
	for _, want := range p.Columns {
		c, ok := rel.column(want.Name)
		if !ok || c.typ != want.Type {
			b.fail(arg, syntax.CodeArguments, "The table argument '%s' needs a column '%s' of type %s", p.Name,
				want.Name, want.Type)
		}
	}
	cols = append(cols, rel.cols...)
	return rel.keep(cols)
}

// bindCallLambda calls a function whose body is scalar.
func bindCallLambda(b *binder, x syntax.CallNode, f *binding, env env) *expr {
	b.calls++
	defer func() { b.calls-- }()
	if b.calls > maxCalls {
		b.fail(x, syntax.CodeSemantic, "Function calls are nested more than %d levels deep", maxCalls)
	}
	s := bindArguments(b, x, f, env)
	body, s := bindDeclarations(b, f.lambda.Body, s)
	if b.isTabular(body, s) {
		b.failHint(x, syntax.CodeSemantic, "wrap it in toscalar()",
			"The function '%s' returns a table and cannot be used as a scalar", x.Name)
	}
	inner := env
	inner.scope, inner.rel, inner.right = s, nil, nil
	e := *bindScalar(b, body, inner)
	e.name = ""
	return &e
}

// bindBuiltinCall binds a call to the overload that fits its arguments best.
func bindBuiltinCall(b *binder, x syntax.CallNode, overloads []builtin, env env) *expr {
	args := make([]*expr, len(x.Args))
	for i, a := range x.Args {
		if a.Name != "" {
			b.fail(a.X, syntax.CodeArguments, "%s(): built-in functions do not take arguments by name", x.Name)
		}
		args[i] = bindScalar(b, a.X, env)
	}
	best, bestCost := -1, 1<<30
	for i := range overloads {
		if cost, ok := overloadCost(&overloads[i], args); ok && cost < bestCost {
			best, bestCost = i, cost
		}
	}
	if best < 0 {
		bindNoOverload(b, x, overloads, args)
	}
	if specifiers, ok := timeSpecifiers[x.Name]; ok {
		bindCheckTimeFormat(b, x, args[1], specifiers)
	}
	bindCheckPattern(b, x, args)
	return bindApply(b, &overloads[best], args, x)
}

func bindNoOverload(b *binder, x syntax.CallNode, overloads []builtin, args []*expr) {
	min, max, variadic := 1<<30, 0, false
	for _, o := range overloads {
		if m := o.MinArgs(); m < min {
			min = m
		}
		if len(o.Params) > max {
			max = len(o.Params)
		}
		variadic = variadic || o.Variadic
	}
	if len(args) < min || len(args) > max && !variadic {
		if min == max {
			b.fail(x, syntax.CodeArguments, "%s(): function expects %d argument(s)", x.Name, min)
		}
		b.fail(x, syntax.CodeArguments, "%s(): function expects between %d and %d argument(s)", x.Name, min, max)
	}
	types := make([]string, len(args))
	for i, a := range args {
		types[i] = a.typ.String()
	}
	b.fail(x, syntax.CodeArguments, "%s(): the arguments (%s) have wrong types", x.Name, strings.Join(types, ", "))
}

// overloadCost tells how far the arguments are from an overload's parameters: 0 is an exact match.
func overloadCost(o *builtin, args []*expr) (int, bool) {
	if len(args) < o.MinArgs() {
		return 0, false
	}
	total := 0
	for i, a := range args {
		p, ok := o.Param(i)
		if !ok {
			return 0, false
		}
		cost, ok := paramCost(p, a)
		if !ok {
			return 0, false
		}
		total += cost
	}
	return total, true
}

func paramCost(p scalar.Param, a *expr) (int, bool) {
	switch {
	case p.Kind == scalar.JSON:
		if a.typ == value.Dynamic {
			return 0, true
		}
		return 1, true
	case p.Kind == scalar.Text:
		if a.typ == value.String {
			return 0, true
		}
		return 3, true
	case p.Type == a.typ:
		return 0, true
	case p.Type.Numeric() && a.typ.Numeric():
		if numericRank[a.typ] < numericRank[p.Type] {
			return numericRank[p.Type] - numericRank[a.typ], true
		}
		return 8, p.Type != value.Bool && (a.typ.Integer() || p.Type == value.Real || a.isConst || a.typ == value.Decimal)
	case a.isConst && a.konst == nil:
		return 4, true
	case a.typ == value.Dynamic:
		return 6, true
	case a.typ == value.Bool && p.Type.Numeric():
		return 9, true
	case a.typ == value.String && (p.Type == value.Datetime || p.Type == value.Timespan || p.Type == value.GUID):
		return 9, p.Type == value.GUID || isLiteralOf(a, p.Type)
	}
	return 0, false
}

// isLiteralOf reports whether a string constant reads as a value of a type.
func isLiteralOf(a *expr, t Type) bool {
	if !a.isConst {
		return false
	}
	converted, ok := foldConversion(a, t)
	return ok && converted.konst != nil
}

// bindApply writes a call of an overload.
func bindApply(b *binder, o *builtin, args []*expr, x syntax.CallNode) *expr {
	e := &expr{typ: o.Result, nullable: true}
	sqls := make([]string, len(args))
	anyNull := false
	for i, a := range args {
		p, _ := o.Param(i)
		c := bindCoerce(b, a, p.Type)
		sqls[i] = c.sql
		anyNull = anyNull || c.nullable
		if o.sql == "" {
			sqls[i] = goArgument(c)
		}
	}
	if o.sql == "" {
		e.sql = callGo(o.function, sqls)
		switch o.Result {
		case value.Int:
			e.sql = "CAST(" + e.sql + " AS INTEGER)"
		case value.GUID:
			e.sql = "CAST(" + e.sql + " AS UUID)"
		}
	} else {
		e.sql = expandTemplate(o.sql, sqls)
		if o.leavesYears {
			e.sql = withinYears(e.sql)
		}
		if o.Result == value.String && (anyNull || o.mayBeNull) {
			e.sql = notNullString(e.sql)
		}
	}
	b.facts.volatile = b.facts.volatile || o.volatile
	e.nullable = o.Result != value.String
	e.name = functionName(o.Naming, o.Name, args)
	return e
}

// goArgument returns an argument as Go functions take it: guid as text, int as BIGINT.
func goArgument(e *expr) string {
	switch e.typ {
	case value.GUID:
		return "CAST(" + e.sql + " AS VARCHAR)"
	case value.Int:
		return "CAST(" + e.sql + " AS BIGINT)"
	}
	return e.sql
}

// expandTemplate replaces $1, $2 … by SQL; $* is all arguments separated by commas.
func expandTemplate(template string, args []string) string {
	var out strings.Builder
	for i := 0; i < len(template); i++ {
		if template[i] != '$' || i+1 >= len(template) {
			out.WriteByte(template[i])
			continue
		}
		if template[i+1] == '*' {
			out.WriteString(strings.Join(args, ", "))
			i++
			continue
		}
		if n := int(template[i+1] - '1'); n >= 0 && n < 9 && n < len(args) {
			out.WriteString("(" + args[n] + ")")
			i++
			continue
		}
		out.WriteByte('$')
	}
	return out.String()
}

// functionName applies a naming rule.
func functionName(rule scalar.Naming, function string, args []*expr) string {
	if len(args) == 0 || args[0].name == "" {
		return ""
	}
	switch rule {
	case scalar.OfArgument:
		return args[0].name
	case scalar.Prefixed:
		return strings.TrimPrefix(function, "get") + "_" + args[0].name
	}
	return ""
}

// bindArity checks the number of a special form's arguments; max < 0 is no limit.
func bindArity(b *binder, x syntax.CallNode, min, max int) {
	switch n := len(x.Args); {
	case min == max && n != min:
		b.fail(x, syntax.CodeArguments, "%s(): function expects %d argument(s)", x.Name, min)
	case n < min || max >= 0 && n > max:
		limit := "more"
		if max >= 0 {
			limit = strconv.Itoa(max)
		}
		b.fail(x, syntax.CodeArguments, "%s(): function expects between %d and %s argument(s)", x.Name, min, limit)
	}
}
