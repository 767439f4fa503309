package kql

import (
	"github.com/calypso-cdc/calypso/services/localadx/kql/syntax"
	"github.com/calypso-cdc/calypso/services/localadx/kql/value"
)

// hashed returns the hash of a value: of its text, or of the eight bytes of a number.
func (b *binder) hashed(e *expr) string {
	if e.typ == value.String || e.typ == value.Dynamic {
		return goCall("hash_text", value.Long, b.asText(e).sql)
	}
	if e.typ.Integer() || e.typ == value.Datetime || e.typ == value.Timespan {
		return goCall("hash_long", value.Long, "CAST("+e.sql+" AS BIGINT)")
	}
	b.fail(e.at, syntax.CodeUnsupported, "hash() of a value of type %s is not supported", e.typ)
	return ""
}

func bindHash(b *binder, x syntax.CallNode, env env) *expr {
	b.arity(x, 1, 2)
	e := b.scalar(x.Args[0].X, env)
	e.at = x
	sql := b.hashed(e)
	if len(x.Args) == 2 {
		mod := b.coerce(b.scalar(x.Args[1].X, env), value.Long)
		sql = modulo(&expr{sql: sql}, mod, false)
	}
	return &expr{sql: sql, typ: value.Long, nullable: true}
}

func bindHashText(b *binder, x syntax.CallNode, env env) *expr {
	b.arity(x, 1, 1)
	e := b.scalar(x.Args[0].X, env)
	sql := b.asText(e).sql
	return &expr{sql: goCall(x.Name, value.String, sql), typ: value.String}
}
