package kql

import (
	"github.com/calypso-cdc/calypso/services/localadx/kql/syntax"
	"github.com/calypso-cdc/calypso/services/localadx/kql/value"
)

// find binds find: the rows of tables for which the predicate holds, with the columns it projects. A column that a table lacks is null in
// its rows; a table that has none of the columns that the predicate names is left out.
func (b *binder) find(op syntax.FindOp, s *scope) *relation {
	if b.hasTerm(op.X) {
		b.failHint(op.X, syntax.CodeUnsupported, "use search, or compare columns", "find: a search for a term in all columns is not supported")
	}
	var inputs []*relation
	if op.Tables == nil {
		inputs = b.matchingTables("*", s)
	}
	for _, t := range op.Tables {
		inputs = append(inputs, b.unionTables(t, syntax.UnionOp{}, s)...)
	}
	var used []*relation
	for _, in := range inputs {
		marked := map[string]bool{}
		markColumns(op.X, in, marked)
		if len(marked) > 0 {
			used = append(used, in)
		}
	}
	if len(used) == 0 {
		b.fail(op, syntax.CodeSemantic, "find: no table has a column that the predicate names")
	}
	rel := b.unionOf(used, false, op.WithSource)
	e := b.boolean(op.X, env{scope: s, rel: rel.keep(rel.cols[1:])})
	rel = b.filter(rel, e.filterSQL())
	items := []item{{sql: rel.cols[0].id, col: rel.cols[0]}}
	for _, def := range op.Columns {
		items = append(items, b.findColumn(op, rel, def))
	}
	b.checkDuplicates(op, items)
	return b.project(rel, items)
}

// findColumn is a column that find projects. One that has different types in different tables must be given one.
func (b *binder) findColumn(op syntax.FindOp, rel *relation, def syntax.ColumnDef) item {
	c, ok := rel.column(def.Name)
	if !ok {
		b.failHint(op, syntax.CodeUnknownName, "a column of different types in different tables is one column a type, name_type", "find: Failed to resolve column named '%s'", def.Name)
	}
	e := b.columnExpr(c)
	if def.Type != value.Unknown {
		e = b.coerce(e, def.Type)
	}
	return item{sql: e.sql, col: column{name: def.Name, typ: e.typ, id: b.newID()}}
}

// hasTerm reports whether a predicate holds a bare term, which find looks for in all columns.
func (b *binder) hasTerm(x syntax.Node) bool {
	switch x := x.(type) {
	case syntax.LiteralNode:
		return x.Type != value.Bool
	case syntax.StarNode:
		return true
	case syntax.BinaryNode:
		if x.Op == "and" || x.Op == "or" {
			return b.hasTerm(x.L) || b.hasTerm(x.R)
		}
		_, star := x.L.(syntax.StarNode)
		return star
	}
	return false
}
