package kql

import (
	"strings"

	"github.com/calypso-cdc/calypso/services/localadx/kql/syntax"
	"github.com/calypso-cdc/calypso/services/localadx/kql/value"
)

// bindIn binds in, !in, in~, !in~, has_any and has_all over a list, a dynamic array or a one-column table.
func bindIn(b *binder, x syntax.InNode, env env) *expr {
	v := bindScalar(b, x.X, env)
	if x.Op == "has_any" || x.Op == "has_all" {
		return bindHasList(b, x, v, env)
	}
	not := strings.HasPrefix(x.Op, "!")
	folded := strings.HasSuffix(x.Op, "~")
	if folded {
		v = bindCoerce(b, v, value.String)
		v = &expr{sql: "lower(" + v.sql + ")", typ: value.String}
	}
	var tests, listed, nulls []string
	for _, entry := range x.List {
		if b.isTabular(entry, env.scope) && !bindIsColumn(b, entry, env) {
			tests = append(tests, bindInTable(b, x, v, entry, env, folded))
			continue
		}
		e := bindScalar(b, entry, env)
		if e.typ == value.Dynamic {
			tests = append(tests, bindInDynamic(b, v, e, folded))
			continue
		}
		left, right := bindComparable(b, entry, v, e)
		if right.nullable {
			nulls = append(nulls, "("+right.sql+") IS NULL")
		}
		if left != v || left.typ == value.Real {
			tests = append(tests, bindCompare(b, x, "==", left, right).filterSQL())
			continue
		}
		sql := right.sql
		if folded {
			sql = "lower(" + sql + ")"
		}
		listed = append(listed, sql)
	}
	if len(listed) > 0 {
		tests = append(tests, "("+v.sql+" IN ("+strings.Join(listed, ", ")+"))")
	}
	if len(tests) == 0 {
		tests = []string{"FALSE"}
	}
	plain := "(" + strings.Join(tests, " OR ") + ")"
	e := &expr{sql: "coalesce(" + plain + ", FALSE)", predicate: plain, typ: value.Bool}
	if v.nullable && len(nulls) > 0 {
		// in is an 'or' of equalities, and two nulls are neither equal nor not.
		e.sql = "CASE WHEN (" + v.sql + ") IS NULL AND (" + strings.Join(nulls, " OR ") + ") THEN NULL ELSE " + e.sql + " END"
		e.nullable = true
	}
	if not {
		e.sql, e.predicate = "(NOT "+e.sql+")", ""
	}
	return e
}

// bindIsColumn reports whether a node is a name that the row context resolves, so that a table of
// the same name is not meant.
func bindIsColumn(b *binder, x syntax.Node, env env) bool {
	n, ok := x.(syntax.NameNode)
	if !ok || env.rel == nil {
		return false
	}
	_, ok = env.rel.column(n.Name)
	return ok
}

func bindInTable(b *binder, x syntax.InNode, v *expr, entry syntax.Node, env env, folded bool) string {
	rel := b.table(entry, env.scope)
	if len(rel.cols) == 0 {
		b.fail(entry, syntax.CodeArguments, "The table behind '%s' has no columns", x.Op)
	}
	c := bindColumnExpr(b, rel.cols[0])
	c.at = entry
	left, right := bindComparable(b, entry, v, c)
	sql := right.sql
	if folded {
		sql = "lower(" + sql + ")"
	}
	return "(" + left.sql + " IN (SELECT " + sql + " FROM (" + rel.sql + ")))"
}

func bindInDynamic(b *binder, v, list *expr, folded bool) string {
	if list.isConst && v.typ != value.Dynamic {
		if sql, ok := bindExpandList(b, v, list, folded); ok {
			return sql
		}
	}
	sql := list.sql
	if folded {
		sql = "lower(" + sql + ")"
	}
	return goCall("array_contains", value.Bool, sql, bindJson(b, v).sql)
}

// bindExpandList writes v IN (…) for a constant dynamic array; false if it is not an array of plain values.
func bindExpandList(b *binder, v, list *expr, folded bool) (string, bool) {
	text, _ := list.konst.(string)
	decoded, err := value.DecodeDynamic(text)
	if err != nil {
		return "", false
	}
	elements, ok := decoded.([]any)
	if !ok {
		elements = []any{decoded}
	}
	var parts []string
	for _, el := range elements {
		e := constant(value.Dynamic, value.EncodeDynamic(el), list.at)
		if el == nil {
			continue
		}
		sql := bindCoerce(b, e, v.typ).sql
		if folded {
			sql = "lower(" + sql + ")"
		}
		parts = append(parts, sql)
	}
	if len(parts) == 0 {
		return "FALSE", true
	}
	return "(" + v.sql + " IN (" + strings.Join(parts, ", ") + "))", true
}
