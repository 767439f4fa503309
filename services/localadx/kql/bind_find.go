package kql

import (
	"slices"

	"github.com/calypso-cdc/calypso/services/localadx/kql/syntax"
	"github.com/calypso-cdc/calypso/services/localadx/kql/value"
)

// bindFind binds find: the rows of tables for which the predicate holds. A column that a table
// lacks is null in its rows; a table that has none of the columns that the predicate names is left
// out.
func bindFind(b *binder, op syntax.FindOp, s *scope) *relation {
	var inputs []*relation
	if op.Tables == nil {
		inputs = bindMatchingTables(b, "*", s)
	}
	for _, t := range op.Tables {
		inputs = append(inputs, bindUnionTables(b, t, syntax.UnionOp{}, s)...)
	}
	used := bindFindTables(b, op, inputs)
	// What is about all columns is asked of each table's own: the union of many has hundreds.
	whole := bindNamesNoColumn(op.X, used)
	if whole {
		for i, in := range used {
			used[i] = bindFilter(b, in, bindSearchPredicate(b, op.X, in, false, s))
		}
	}
	var chosen []string // with Smart
	if op.Smart {
		chosen = bindFindChosen(b, op, used)
	}
	pack := ""
	if op.Smart || op.PackAll {
		apart := slices.Clone(chosen)
		for _, def := range op.Columns {
			apart = append(apart, def.Name)
		}
		used, pack = bindFindPacked(b, op, used, apart)
	}
	rel := bindUnionOf(b, used, false, op.WithSource)
	if !whole {
		rel = bindFilter(b, rel, bindFindPredicate(b, op, rel, pack, s))
	}
	items := []item{{sql: rel.cols[0].id, col: rel.cols[0]}}
	for _, def := range op.Columns {
		items = append(items, bindFindColumn(b, op, rel, def))
	}
	for _, name := range chosen {
		items = append(items, bindFindColumn(b, op, rel, syntax.ColumnDef{Name: name}))
	}
	if pack != "" {
		packed, _ := rel.column(pack)
		items = append(items, item{sql: packed.id, col: column{name: "pack_", typ: value.Dynamic, id: b.newID()}})
	}
	bindCheckDuplicates(b, op, items)
	return bindProject(b, rel, items)
}

// bindFindPredicate binds the predicate to the union of the tables, whose first column is the source.
func bindFindPredicate(b *binder, op syntax.FindOp, rel *relation, pack string, s *scope) string {
	searched := rel.keep(rel.cols[1:])
	if pack != "" {
		isPack := func(c column) bool { return c.name == pack }
		searched = searched.keep(slices.DeleteFunc(slices.Clone(searched.cols), isPack))
	}
	return bindSearchPredicate(b, op.X, searched, false, s)
}

// bindNamesNoColumn reports whether a predicate names none of the tables' columns.
func bindNamesNoColumn(x syntax.Node, tables []*relation) bool {
	for _, in := range tables {
		marked := map[string]bool{}
		if markColumns(x, in, marked); len(marked) > 0 {
			return false
		}
	}
	return true
}

// bindFindTables returns the tables that the predicate is about: a term is about all columns.
func bindFindTables(b *binder, op syntax.FindOp, inputs []*relation) []*relation {
	if len(inputs) == 0 {
		b.fail(op, syntax.CodeSemantic, "find: there is no table to look into")
	}
	if len(inputs) == 1 || bindHasTerm(b, op.X) {
		return inputs
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
	return used
}

// bindFindChosen are the columns that find chooses itself: those that all tables have, and those that
// the predicate names.
func bindFindChosen(b *binder, op syntax.FindOp, used []*relation) []string {
	var names []string
	for _, c := range used[0].cols {
		if !slices.ContainsFunc(used, func(in *relation) bool {
			other, ok := in.column(c.name)
			return !ok || other.typ != c.typ
		}) {
			names = append(names, c.name)
		}
	}
	for _, in := range used {
		marked := map[string]bool{}
		markColumns(op.X, in, marked)
		for _, c := range in.cols {
			if marked[c.id] && !slices.Contains(names, c.name) {
				names = append(names, c.name)
			}
		}
	}
	return names
}

// bindFindPacked adds a bag of the other columns to each table, under a name that none has; "" is the name where no
// table has others.
func bindFindPacked(b *binder, op syntax.FindOp, used []*relation, chosen []string) ([]*relation, string) {
	const name = "pack\x01"
	packed := make([]*relation, len(used))
	without := 0
	for i, in := range used {
		var rest []column
		for _, c := range in.cols {
			if !slices.Contains(chosen, c.name) {
				rest = append(rest, c)
			}
		}
		if len(rest) == 0 {
			without++
		}
		bag := item{sql: bindPackColumns(b, "bag_pack", rest).sql, col: column{name: name, typ: value.Dynamic, id: b.newID()}}
		packed[i] = bindExtend(b, in, []item{bag})
		packed[i] = packed[i].keep(append(slices.Clone(in.cols), bag.col))
	}
	switch without {
	case 0:
		return packed, name
	case len(used):
		return used, ""
	}
	b.failHint(op, syntax.CodeUnsupported, "name the columns: find … where … project a, b",
		"find: what is packed of a table that has no other columns is not supported")
	return nil, ""
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
