package kql

import (
	"github.com/calypso-cdc/calypso/services/localadx/kql/syntax"
	"github.com/calypso-cdc/calypso/services/localadx/kql/value"
)

// bindFind binds find: the rows of tables for which the predicate holds, with the columns it
// projects. A column that a table lacks is null in its rows; a table that has none of the columns
// that the predicate names is left out.
func bindFind(b *binder, op syntax.FindOp, s *scope) *relation {
	if bindHasTerm(b, op.X) {
		b.failHint(op.X, syntax.CodeUnsupported, "use search, or compare columns",
			"find: a search for a term in all columns is not supported")
	}
	var inputs []*relation
	if op.Tables == nil {
		inputs = bindMatchingTables(b, "*", s)
	}
	for _, t := range op.Tables {
		inputs = append(inputs, bindUnionTables(b, t, syntax.UnionOp{}, s)...)
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
	rel := bindUnionOf(b, used, false, op.WithSource)
	e := bindBoolean(b, op.X, env{scope: s, rel: rel.keep(rel.cols[1:])})
	rel = bindFilter(b, rel, e.filterSQL())
	items := []item{{sql: rel.cols[0].id, col: rel.cols[0]}}
	for _, def := range op.Columns {
		items = append(items, bindFindColumn(b, op, rel, def))
	}
	bindCheckDuplicates(b, op, items)
	return bindProject(b, rel, items)
}

// bindFindColumn is a column that find projects. One that has different types in different tables must be given one.
func bindFindColumn(b *binder, op syntax.FindOp, rel *relation, def syntax.ColumnDef) item {
	c, ok := rel.column(def.Name)
	if !ok {
		b.failHint(op, syntax.CodeUnknownName,
			"a column of different types in different tables is one column a type, name_type",
			"find: Failed to resolve column named '%s'", def.Name)
	}
	e := bindColumnExpr(b, c)
	if def.Type != value.Unknown {
		e = bindCoerce(b, e, def.Type)
	}
	return item{sql: e.sql, col: column{name: def.Name, typ: e.typ, id: b.newID()}}
}

// bindHasTerm reports whether a predicate holds a bare term, which find looks for in all columns.
func bindHasTerm(b *binder, x syntax.Node) bool {
	switch x := x.(type) {
	case syntax.LiteralNode:
		return x.Type != value.Bool
	case syntax.StarNode:
		return true
	case syntax.BinaryNode:
		if x.Op == "and" || x.Op == "or" {
			return bindHasTerm(b, x.L) || bindHasTerm(b, x.R)
		}
		_, star := x.L.(syntax.StarNode)
		return star
	}
	return false
}
