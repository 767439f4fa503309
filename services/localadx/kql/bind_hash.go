package kql

import (
	"github.com/calypso-cdc/calypso/services/localadx/kql/syntax"
	"github.com/calypso-cdc/calypso/services/localadx/kql/value"
)

// bindHashed returns the hash of a value: of its text, or of the eight bytes of a number.
func bindHashed(b *binder, e *expr) string {
	if e.typ == value.String || e.typ == value.Dynamic {
		return goCall("hash_text", value.Long, bindAsText(b, e).sql)
	}
	if e.typ.Integer() || e.typ == value.Datetime || e.typ == value.Timespan {
		return goCall("hash_long", value.Long, "CAST("+e.sql+" AS BIGINT)")
	}
	b.fail(e.at, syntax.CodeUnsupported, "hash() of a value of type %s is not supported", e.typ)
	return ""
}

func bindHash(b *binder, x syntax.CallNode, env env) *expr {
	bindArity(b, x, 1, 2)
	e := bindScalar(b, x.Args[0].X, env)
	e.at = x
	sql := bindHashed(b, e)
	if len(x.Args) == 2 {
		mod := bindCoerce(b, bindScalar(b, x.Args[1].X, env), value.Long)
		sql = modulo(&expr{sql: sql}, mod, false)
	}
	return &expr{sql: sql, typ: value.Long, nullable: true}
}

func bindHashText(b *binder, x syntax.CallNode, env env) *expr {
	bindArity(b, x, 1, 1)
	e := bindScalar(b, x.Args[0].X, env)
	sql := bindAsText(b, e).sql
	return &expr{sql: goCall(x.Name, value.String, sql), typ: value.String}
}
