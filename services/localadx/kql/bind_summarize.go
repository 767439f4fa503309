package kql

import (
	"fmt"
	"strings"
)

// summarize binds summarize: group keys first, then the aggregates.
func (b *binder) summarize(rel *relation, op summarizeOp, s *scope) *relation {
	var extra []item
	n := newNamer(append(append([]namedExpr(nil), op.Aggregates...), op.By...))
	e := env{scope: s, rel: rel, extra: &extra}
	keys := b.outputs(op.By, e, n)
	e.aggregate = true
	var aggregates []item
	for _, it := range op.Aggregates {
		aggregates = append(aggregates, b.aggregateOutputs(it, e, n, keys)...)
	}
	b.checkDuplicates(op, append(append([]item(nil), keys...), aggregates...))
	if len(aggregates) == 0 && len(keys) == 0 {
		b.fail(op, codeSyntax, "summarize needs an aggregate or a 'by' clause")
	}
	source := b.layers(rel, extra)
	out := &relation{}
	var parts, ordinals []string
	for i, k := range keys {
		parts = append(parts, k.sql+" AS "+k.col.id)
		ordinals = append(ordinals, fmt.Sprint(i+1))
		out.cols = append(out.cols, k.col)
	}
	for _, a := range aggregates {
		parts = append(parts, a.sql+" AS "+a.col.id)
		out.cols = append(out.cols, a.col)
	}
	out.sql = "SELECT " + strings.Join(parts, ", ") + " FROM (" + source.sql + ")"
	if len(ordinals) > 0 {
		out.sql += " GROUP BY " + strings.Join(ordinals, ", ")
	}
	return out
}

// aggregateOutputs binds one aggregate; '*' in arg_max and take_any leaves out the group keys, which are there already.
func (b *binder) aggregateOutputs(it namedExpr, e env, n *namer, keys []item) []item {
	if hasStar(it.X) {
		rel := *e.rel
		rel.cols = nil
		for _, c := range e.rel.cols {
			isKey := false
			for _, k := range keys {
				isKey = isKey || k.sql == c.id
			}
			if !isKey {
				rel.cols = append(rel.cols, c)
			}
		}
		e.rel = &rel
	}
	if len(it.Names) == 0 {
		if c, ok := it.X.(callNode); ok && (c.Name == "arg_max" || c.Name == "arg_min") && hasStar(it.X) {
			return b.starOutputs(it, e, n)
		}
	}
	return b.outputs([]namedExpr{it}, e, n)
}

// starOutputs names the columns of arg_max(v, *) after the input columns, without numbers.
func (b *binder) starOutputs(it namedExpr, e env, n *namer) []item {
	return b.outputs([]namedExpr{it}, e, n)
}

func hasStar(x node) bool {
	c, ok := x.(callNode)
	if !ok {
		return false
	}
	for _, a := range c.Args {
		if _, ok := a.X.(starNode); ok {
			return true
		}
	}
	return false
}
