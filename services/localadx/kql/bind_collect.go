package kql

import (
	"strconv"
	"strings"

	"github.com/calypso-cdc/calypso/services/localadx/kql/syntax"
	"github.com/calypso-cdc/calypso/services/localadx/kql/value"
)

// collectors are the aggregates that gather values into an array. The database keeps all that one
// is given, outside its memory limit, before the array is cut to what it may have; so what a lone
// one is given is cut before.
var collectors = map[string]listOptions{
	"make_list": {}, "makelist": {}, "make_list_if": {predicate: true}, "make_list_with_nulls": {nulls: true},
	"make_set": {distinct: true}, "makeset": {distinct: true}, "make_set_if": {distinct: true, predicate: true},
}

// collection is a summarize with one collector, over rows that were cut to those that it needs.
type collection struct {
	source *relation
	keys   []item
	sql    string // of the aggregate over source; "" where it is as it was
}

// bindLoneCollector cuts the source of a summarize whose only aggregate is a collector; nil if there is nothing to cut.
func bindLoneCollector(b *binder, source *relation, op syntax.SummarizeOp, keys []item, s *scope) *collection {
	if len(op.Aggregates) != 1 {
		return nil
	}
	x, ok := op.Aggregates[0].X.(syntax.CallNode)
	o, known := collectors[x.Name]
	if !ok || !known {
		return nil
	}
	e := env{scope: s, rel: source}
	arg := bindScalar(b, x.Args[0].X, e)
	if arg.typ == value.Dynamic {
		return nil // an element may be an array, and so several
	}
	where, limitArg := "TRUE", 1
	if o.predicate {
		where, limitArg = bindBoolean(b, x.Args[1].X, e).filterSQL(), 2
	}
	limit := bindMaxSize(b, x, limitArg, e)
	switch {
	case o.distinct:
		return bindDifferentElements(b, source, keys, "CASE WHEN "+where+" THEN "+arg.sql+" END", arg.typ, limit)
	case len(keys) > 0:
		return nil
	case !o.nulls:
		where = "(" + where + ") AND (" + arg.sql + ") IS NOT NULL"
	}
	return &collection{source: bindFilter(b, source, where+source.orderBy()+" LIMIT "+strconv.FormatInt(limit, 10))}
}

// bindDifferentElements keeps one row of each value in a group, as the database does within its
// limit: that of the first row with it. Null is no element, but its row stays for the sake of the
// group.
func bindDifferentElements(b *binder, source *relation, keys []item, sql string, t Type, limit int64) *collection {
	if len(source.order) > 1 {
		return nil // no aggregate gives the least of several keys, each in its direction
	}
	element := b.newID()
	parts, groups := []string{sql + " AS " + element}, []string{"1"}
	out := &collection{source: &relation{}}
	for i, k := range keys {
		parts, groups = append(parts, k.sql+" AS "+k.col.id), append(groups, strconv.Itoa(i+2))
		out.keys = append(out.keys, item{sql: k.col.id, col: k.col})
	}
	for _, key := range source.order {
		first := "min(" + key.id + ")"
		if key.desc {
			first = "max(" + key.id + ")"
		}
		id := b.newID()
		parts = append(parts, first+" AS "+id)
		key.id = id
		out.source.order = append(out.source.order, key)
	}
	out.source.sql = "SELECT " + strings.Join(parts, ", ") + " FROM (" + source.sql + ") GROUP BY " +
		strings.Join(groups, ", ")
	if len(keys) == 0 {
		out.source.sql += " HAVING " + element + " IS NOT NULL" + out.source.orderBy() + " LIMIT " +
			strconv.FormatInt(limit, 10)
	}
	out.sql = listSQL(bindJson(b, &expr{sql: element, typ: t}).sql, out.source.orderBy(),
		" FILTER (WHERE "+element+" IS NOT NULL)", limit)
	return out
}

// listSQL gathers elements, JSON, into an array of at most that many. Each has a character and a
// comma, so shorter arrays need not be read.
func listSQL(element, order, filter string, limit int64) string {
	elements := elementsSQL(element, order, filter)
	return "CASE WHEN strlen(" + elements + ") > " + strconv.FormatInt(2*limit, 10) + " THEN " +
		goCall("array_take", value.Dynamic, elements, literalSQL(value.Long, limit)) + " ELSE " +
		gatheredSQL(element, order, filter) + " END"
}

// gatheredSQL gathers elements, JSON, into an array. It copies what was gathered once, since the
// database counts no copies.
func gatheredSQL(element, order, filter string) string {
	return "concat('[', " + elementsSQL(element, order, filter) + ", ']')"
}

// elementsSQL gathers elements, JSON, with commas between them, as scalar.Elements has them.
func elementsSQL(element, order, filter string) string {
	return "string_agg(" + element + ", ','" + order + ")" + filter
}
