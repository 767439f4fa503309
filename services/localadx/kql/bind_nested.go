package kql

import (
	"fmt"
	"strings"

	"github.com/calypso-cdc/calypso/services/localadx/kql/syntax"
)

// bindTopNested binds top-nested: per level the best keys under each key of the levels above, with their aggregates.
func bindTopNested(b *binder, rel *relation, op syntax.TopNestedOp, s *scope) *relation {
	source := rel.unordered()
	out := &relation{}
	var keys []column // of the levels so far, in the source
	var kept *relation
	var levels []string
	for _, level := range op.Levels {
		if level.Others != nil && len(op.Levels) > 1 {
			b.fail(op, syntax.CodeUnsupported, "top-nested: 'with others' is supported for one level only")
		}
		e := env{scope: s, rel: rel}
		of := bindOutputs(b, []syntax.NamedExpr{level.Of}, e, newNamer(nil))[0]
		source = bindExtend(b, source, []item{of})
		e.aggregate = true
		by := level.By
		if len(by.Names) == 0 {
			by.Names = []string{"aggregated_" + of.col.name}
		}
		agg := bindOutputs(b, []syntax.NamedExpr{by}, e, newNamer(nil))[0]
		kept = bindNestedLevel(b, source, kept, keys, of.col, agg, level, s)
		if level.Others != nil {
			kept = bindWithOthers(b, source, kept, of.col, agg, level, s)
		}
		if len(op.Levels) > 1 {
			// It is read by the next level, and by the rows that are left for it.
			id := "level" + b.newID()
			levels = append(levels, id+" AS MATERIALIZED ("+kept.sql+")")
			kept = kept.with("SELECT * FROM " + id)
		}
		keys = append(keys, of.col)
		out.cols = append(out.cols, of.col, agg.col)
		source = source.with("SELECT * FROM (" + source.sql + ") SEMI JOIN (" + renamedKeys(kept.sql,
			keys) + ") ON " + keyMatch(keys))
		b.checkSize(source)
	}
	out.sql = kept.sql
	if len(levels) > 0 {
		out.sql = "WITH " + strings.Join(levels, ", ") + " " + out.sql
	}
	return out
}

// renamedKeys prefixes the key columns of a level so that they can be compared with the source's.
func renamedKeys(sql string, keys []column) string {
	parts := make([]string, len(keys))
	for i, k := range keys {
		parts[i] = k.id + " AS k" + k.id
	}
	return "SELECT " + strings.Join(parts, ", ") + " FROM (" + sql + ")"
}

func keyMatch(keys []column) string {
	parts := make([]string, len(keys))
	for i, k := range keys {
		parts[i] = k.id + " IS NOT DISTINCT FROM k" + k.id
	}
	return strings.Join(parts, " AND ")
}

// bindNestedLevel groups the source by the keys and the level's own key, keeps the best, and joins the levels above.
func bindNestedLevel(b *binder, source, above *relation, keys []column, of column, agg item,
	level syntax.TopNestedLevel, s *scope) *relation {
	var group []string
	for _, k := range append(append([]column(nil), keys...), of) {
		group = append(group, k.id)
	}
	grouped := "SELECT " + strings.Join(group, ", ") + ", " + agg.sql + " AS " + agg.col.id + " FROM (" + source.sql +
		") GROUP BY " + strings.Join(group, ", ")
	if level.Count != nil {
		direction := " DESC NULLS LAST"
		if level.Asc {
			direction = " ASC NULLS FIRST"
		}
		partition := ""
		if len(keys) > 0 {
			partition = "PARTITION BY " + strings.Join(group[:len(group)-1], ", ") + " "
		}
		count := bindConstantLong(b, level.Count, env{scope: s}, "The number of rows")
		grouped = fmt.Sprintf("SELECT * FROM (%s) QUALIFY row_number() OVER (%sORDER BY %s%s) <= %d", grouped, partition,
			agg.col.id, direction, count)
	}
	if above == nil {
		return &relation{sql: grouped}
	}
	upper := above.sql
	parts := make([]string, 0, len(keys))
	for _, k := range keys {
		parts = append(parts, k.id+" AS k"+k.id)
	}
	upper = "SELECT * EXCLUDE (" + strings.Join(group[:len(group)-1], ", ") + "), " + strings.Join(parts,
		", ") + " FROM (" + upper + ")"
	joined := "SELECT * FROM (" + grouped + ") JOIN (" + upper + ") ON " + keyMatch(keys)
	drop := make([]string, len(keys))
	for i, k := range keys {
		drop[i] = "k" + k.id
	}
	return &relation{sql: "SELECT * EXCLUDE (" + strings.Join(drop, ", ") + ") FROM (" + joined + ")"}
}

// bindWithOthers adds the row of all that is not among the best, if there is anything. The best are
// worked out once: which of several equal ones they are may differ the next time.
func bindWithOthers(b *binder, source, kept *relation, of column, agg item, level syntax.TopNestedLevel,
	s *scope) *relation {
	label := bindCoerce(b, bindScalar(b, level.Others, env{scope: s}), of.typ)
	best := "best" + b.newID()
	rest := "SELECT * FROM (" + source.sql + ") ANTI JOIN (" + renamedKeys("SELECT * FROM "+best,
		[]column{of}) + ") ON " + keyMatch([]column{of})
	others := "SELECT " + label.sql + ", " + agg.sql + " FROM (" + rest + ") HAVING count(*) > 0"
	return kept.with("WITH " + best + " AS MATERIALIZED (" + kept.sql + ") SELECT " + of.id + ", " + agg.col.id +
		" FROM " + best + " UNION ALL " + others)
}

// bindReduce binds reduce by: it is refused, because its clustering is not documented.
func bindReduce(b *binder, _ *relation, op syntax.ReduceOp, _ *scope) *relation {
	b.failHint(op, syntax.CodeUnsupported, "summarize by a pattern of your own", "The operator 'reduce' is not supported")
	return nil
}
