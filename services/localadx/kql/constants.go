package kql

import (
	"github.com/calypso-cdc/calypso/services/localadx/kql/syntax"
	"github.com/calypso-cdc/calypso/services/localadx/kql/value"
)

// bindConstantValue returns the value of an expression that must be known while binding.
func bindConstantValue(b *binder, e *expr, what string) any {
	if e.isConst {
		return e.konst
	}
	rel := &relation{sql: "SELECT " + e.sql + " AS k", cols: []column{{name: "k", typ: e.typ, id: "k"}}}
	rows := b.probe(e.at, rel, what)
	if len(rows) != 1 {
		b.fail(e.at, syntax.CodeArguments, "%s must be a constant", what)
	}
	v := rows[0][0]
	if n, ok := v.(int32); ok {
		v = int64(n)
	}
	return v
}

// bindWithoutColumns binds an expression that must be known while binding: one that reads columns is refused.
func bindWithoutColumns(b *binder, x syntax.Node, env env, what string) *expr {
	if env.rel != nil {
		marked := map[string]bool{}
		if markColumns(x, env.rel, marked); len(marked) > 0 {
			b.fail(x, syntax.CodeArguments, "%s must be a constant", what)
		}
	}
	return bindScalar(b, x, env.bare(env.scope))
}

// bindConstantLong returns the value of an expression that must be an integer constant.
func bindConstantLong(b *binder, x syntax.Node, env env, what string) int64 {
	e := bindWithoutColumns(b, x, env, what)
	if e.typ == value.Dynamic || e.typ == value.Real {
		e = bindCoerce(b, e, value.Long)
	}
	n, ok := bindConstantValue(b, e, what).(int64)
	if !ok {
		b.fail(x, syntax.CodeArguments, "%s must be a constant of type long", what)
	}
	return n
}

// bindConstantString returns the value of an expression that must be a string constant.
func bindConstantString(b *binder, x syntax.Node, env env, what string) string {
	s, ok := bindConstantValue(b, bindWithoutColumns(b, x, env, what), what).(string)
	if !ok {
		b.fail(x, syntax.CodeArguments, "%s must be a string constant", what)
	}
	return s
}
