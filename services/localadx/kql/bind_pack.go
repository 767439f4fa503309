package kql

import (
	"strings"

	"github.com/calypso-cdc/calypso/services/localadx/kql/syntax"
	"github.com/calypso-cdc/calypso/services/localadx/kql/value"
)

func bindPackArray(b *binder, x syntax.CallNode, env env) *expr {
	var parts []string
	for _, a := range x.Args {
		if _, ok := a.X.(syntax.StarNode); ok && env.rel != nil {
			for _, c := range env.rel.cols {
				parts = append(parts, "coalesce("+bindJson(b, bindColumnExpr(b, c)).sql+", 'null')")
			}
			continue
		}
		parts = append(parts, "coalesce("+bindJson(b, bindScalar(b, a.X, env)).sql+", 'null')")
	}
	if len(parts) == 0 {
		return constant(value.Dynamic, "[]", x)
	}
	return &expr{sql: "('[' || " + strings.Join(parts, " || ',' || ") + " || ']')", typ: value.Dynamic}
}

func bindBagPack(b *binder, x syntax.CallNode, env env) *expr {
	if len(x.Args) == 0 || len(x.Args)%2 != 0 {
		b.fail(x, syntax.CodeArguments, "%s(): function expects pairs of a name and a value", x.Name)
	}
	args := make([]string, 0, len(x.Args))
	constants := true
	for i := 0; i < len(x.Args); i += 2 {
		key := bindAsText(b, bindScalar(b, x.Args[i].X, env))
		constants = constants && key.isConst
		args = append(args, bindJson(b, key).sql, bindJson(b, bindScalar(b, x.Args[i+1].X, env)).sql)
	}
	if !constants || len(x.Args) > 2 {
		return &expr{sql: goCall("bag_pack", value.Dynamic, args...), typ: value.Dynamic}
	}
	return &expr{sql: "('{' || " + args[0] + " || ':' || coalesce(" + args[1] + ", 'null') || '}')", typ: value.Dynamic}
}

func bindPackAll(b *binder, x syntax.CallNode, env env) *expr {
	bindArity(b, x, 0, 1)
	if env.rel == nil {
		b.fail(x, syntax.CodeSemantic, "pack_all(): there are no columns here")
	}
	name := "bag_pack"
	if len(x.Args) == 1 {
		const what = "ignore_null_empty"
		if v, _ := bindConstantValue(b, bindWithoutColumns(b, x.Args[0].X, env, what), what).(bool); v {
			name = "bag_pack_nonempty"
		}
	}
	return bindPackColumns(b, name, env.rel.cols)
}

func bindPackColumns(b *binder, name string, cols []column) *expr {
	var args []string
	for _, c := range cols {
		args = append(args, quoteJSON(c.name), bindJson(b, bindColumnExpr(b, c)).sql)
	}
	return &expr{sql: goCall(name, value.Dynamic, args...), typ: value.Dynamic}
}

func bindBagPackColumns(b *binder, x syntax.CallNode, env env) *expr {
	var args []string
	for _, a := range x.Args {
		e := bindScalar(b, a.X, env)
		if e.name == "" {
			b.fail(a.X, syntax.CodeArguments, "bag_pack_columns(): the arguments must be columns")
		}
		args = append(args, quoteJSON(e.name), bindJson(b, e).sql)
	}
	return &expr{sql: goCall("bag_pack", value.Dynamic, args...), typ: value.Dynamic}
}
