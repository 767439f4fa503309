package kql

import (
	"fmt"
	"strings"

	"github.com/calypso-cdc/calypso/services/localadx/kql/syntax"
	"github.com/calypso-cdc/calypso/services/localadx/kql/value"
)

// bindUnion binds union of the piped relation (nil if there is none) and the tables: columns are
// aligned by name; one that has different types in different tables becomes one column a type,
// name_type.
func bindUnion(b *binder, op syntax.UnionOp, piped *relation, s *scope) *relation {
	var inputs []*relation
	if piped != nil {
		inputs = append(inputs, piped)
	}
	for _, t := range op.Tables {
		inputs = append(inputs, bindUnionTables(b, t, op, s)...)
	}
	if len(inputs) == 0 {
		b.fail(op, syntax.CodeSemantic, "union: no table matches")
	}
	return bindUnionOf(b, inputs, op.Inner, op.WithSource)
}

// bindUnionTables returns the tables one operand of union stands for.
func bindUnionTables(b *binder, x syntax.Node, op syntax.UnionOp, s *scope) []*relation {
	switch x := x.(type) {
	case syntax.WildcardNode:
		return bindMatchingTables(b, x.Pattern, s)
	case syntax.StarNode:
		return bindMatchingTables(b, "*", s)
	}
	if op.Fuzzy && !bindResolves(b, x, s) {
		return nil
	}
	return []*relation{b.table(x, s)}
}

// bindResolves reports whether a table that union isfuzzy=true names exists.
func bindResolves(b *binder, x syntax.Node, s *scope) (ok bool) {
	ids, depth := b.ids, b.calls
	defer func() {
		if r := recover(); r != nil {
			err, isError := r.(*syntax.Error)
			if !isError || err.Code != syntax.CodeUnknownName && err.Code != "SEM0260" {
				panic(r)
			}
			b.ids, b.calls, ok = ids, depth, false
		}
	}()
	b.table(x, s)
	return true
}

// bindMatchingTables returns the views in scope and the stored tables that match a pattern.
func bindMatchingTables(b *binder, pattern string, s *scope) []*relation {
	var out []*relation
	seen := map[string]bool{}
	var views []*binding
	for at := s; at != nil; at = at.parent {
		for name, bound := range at.names {
			if bound.lambda != nil && bound.lambda.View && !seen[name] && matchName(pattern, name) {
				seen[name] = true
				views = append([]*binding{bound}, views...)
			}
		}
	}
	for _, v := range views {
		rel := *bindBoundTable(b, syntax.CallNode{Name: v.name}, v, s)
		rel.name = v.name
		out = append(out, &rel)
	}
	if b.opts.Catalog != nil {
		for _, t := range b.opts.Catalog.Tables(b.opts.Database) {
			if !seen[t.Name] && matchName(pattern, t.Name) {
				out = append(out, bindScan(b, t))
			}
		}
	}
	return out
}

// unionColumn is a column of a union and where each input has it.
type unionColumn struct {
	col    column
	source []string // the input's id, or ""
}

func bindUnionOf(b *binder, inputs []*relation, inner bool, withSource string) *relation {
	cols := bindAlignColumns(b, inputs, inner)
	out := &relation{}
	sourceID := ""
	if withSource != "" {
		sourceID = b.newID()
		out.cols = append(out.cols, column{name: withSource, typ: value.String, id: sourceID})
	}
	branchID := b.newID()
	var branches []string
	ordered := false
	for _, in := range inputs {
		in.graph.table(b, nil)
		ordered = ordered || len(in.order) > 0
	}
	rowID := b.newID()
	for i, in := range inputs {
		var parts []string
		if withSource != "" {
			name := in.name
			if name == "" {
				name = fmt.Sprintf("union_arg%d", i)
			}
			parts = append(parts, quoteSQL(name)+" AS "+sourceID)
		}
		for _, c := range cols {
			sql := c.source[i]
			if sql == "" {
				sql = literalSQL(c.col.typ, nil)
				if c.col.typ == value.String {
					sql = "''"
				}
			}
			parts = append(parts, sql+" AS "+c.col.id)
		}
		parts = append(parts, fmt.Sprintf("%d AS %s", i, branchID))
		if ordered {
			parts = append(parts, "row_number() "+in.over()+" AS "+rowID)
		}
		branches = append(branches, "SELECT "+strings.Join(parts, ", ")+" FROM ("+in.sql+")")
	}
	for _, c := range cols {
		out.cols = append(out.cols, c.col)
	}
	if ordered {
		out.order = []orderKey{{id: branchID}, {id: rowID}}
	}
	out.sql = strings.Join(branches, " UNION ALL ")
	return out
}

// bindAlignColumns computes the columns of a union, in the order of first appearance.
func bindAlignColumns(b *binder, inputs []*relation, inner bool) []unionColumn {
	var names []string
	types := map[string][]Type{}
	count := map[string]int{}
	for _, in := range inputs {
		for _, c := range in.cols {
			if count[c.name] == 0 {
				names = append(names, c.name)
			}
			count[c.name]++
			if !containsType(types[c.name], c.typ) {
				types[c.name] = append(types[c.name], c.typ)
			}
		}
	}
	taken := map[string]bool{}
	for _, name := range names {
		if len(types[name]) == 1 {
			taken[name] = true
		}
	}
	var out []unionColumn
	for _, name := range names {
		if inner && (count[name] < len(inputs) || len(types[name]) > 1) {
			continue
		}
		for _, t := range types[name] {
			uc := unionColumn{col: column{name: name, typ: t, id: b.newID()}, source: make([]string, len(inputs))}
			if len(types[name]) > 1 {
				uc.col.name = uniqueName(name+"_"+t.String(), func(s string) bool { return taken[s] })
				taken[uc.col.name] = true
			}
			for i, in := range inputs {
				if c, ok := in.column(name); ok && c.typ == t {
					uc.source[i] = c.id
				}
			}
			out = append(out, uc)
		}
	}
	return out
}

func containsType(list []Type, t Type) bool {
	for _, x := range list {
		if x == t {
			return true
		}
	}
	return false
}

// bindSearch binds search: rows with the term in any column, or for which the predicate holds. It adds $table.
func bindSearch(b *binder, rel *relation, op syntax.SearchOp, s *scope) *relation {
	var inputs []*relation
	switch {
	case rel != nil:
		inputs = []*relation{rel}
	case len(op.Tables) > 0:
		for _, t := range op.Tables {
			inputs = append(inputs, bindUnionTables(b, t, syntax.UnionOp{}, s)...)
		}
	default:
		inputs = bindMatchingTables(b, "*", s)
	}
	var kept []*relation
	for _, in := range inputs {
		if filtered := bindSearchIn(b, in, op, s); filtered != nil {
			kept = append(kept, filtered)
		}
	}
	if len(kept) == 0 {
		b.fail(op, syntax.CodeSemantic, "search: no table has the columns that the predicate names")
	}
	return bindUnionOf(b, kept, false, "$table")
}

// bindSearchIn filters one table; nil if the predicate names columns it lacks.
func bindSearchIn(b *binder, in *relation, op syntax.SearchOp, s *scope) (out *relation) {
	defer func() {
		if r := recover(); r != nil {
			err, ok := r.(*syntax.Error)
			if !ok || err.Code != syntax.CodeUnknownName {
				panic(r)
			}
			out = nil
		}
	}()
	e := bindSearchPredicate(b, op.X, in, op.CaseSensitive, s)
	return bindFilter(b, in, e)
}

func bindSearchPredicate(b *binder, x syntax.Node, in *relation, sensitive bool, s *scope) string {
	switch n := x.(type) {
	case syntax.LiteralNode:
		return bindSearchTerm(b, n, in, sensitive)
	case syntax.StarNode:
		return "TRUE"
	case syntax.CallNode:
		if n.Name == "not" && len(n.Args) == 1 {
			return "(NOT " + bindSearchPredicate(b, n.Args[0].X, in, sensitive, s) + ")"
		}
	case syntax.BinaryNode:
		if n.Op == "and" || n.Op == "or" {
			return "(" + bindSearchPredicate(b, n.L, in, sensitive,
				s) + " " + strings.ToUpper(n.Op) + " " + bindSearchPredicate(b, n.R, in, sensitive, s) + ")"
		}
	}
	return bindBoolean(b, x, env{scope: s, rel: in}).filterSQL()
}

// bindSearchTerm tests all columns for a term; asterisks at its ends widen the test to a prefix, suffix or substring.
func bindSearchTerm(b *binder, n syntax.LiteralNode, in *relation, sensitive bool) string {
	term, ok := n.Value.(string)
	if !ok {
		text := bindAsText(b, constant(n.Type, n.Value, n))
		if term, ok = text.konst.(string); !ok {
			b.failHint(n, syntax.CodeUnsupported, "search for its text: \"…\"", "A term of type %s is not supported", n.Type)
		}
	}
	op := "has"
	switch {
	case term == "" || term == "*":
		return "TRUE"
	case strings.HasPrefix(term, "*") && strings.HasSuffix(term, "*"):
		op = "contains"
	case strings.HasPrefix(term, "*"):
		op = "hassuffix"
	case strings.HasSuffix(term, "*"):
		op = "hasprefix"
	}
	if sensitive {
		op += "_cs"
	}
	needle := constant(value.String, strings.Trim(term, "*"), n)
	var tests []string
	for _, c := range in.cols {
		if c.typ != value.String && c.typ != value.Dynamic && op != "has" {
			continue
		}
		tests = append(tests, bindStringTest(b, syntax.BinaryNode{Op: op, Span: n.Span}, op,
			bindAsText(b, bindColumnExpr(b, c)), needle))
	}
	if len(tests) == 0 {
		return "FALSE"
	}
	return "(" + strings.Join(tests, " OR ") + ")"
}
