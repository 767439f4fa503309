package kql

import (
	"slices"
	"strings"

	"github.com/calypso-cdc/calypso/services/localadx/kql/syntax"
	"github.com/calypso-cdc/calypso/services/localadx/kql/value"
)

// joinPair is one equality of a join: a column of each side.
type joinPair struct {
	left, right column
}

// joinKinds maps the spellings of join kinds to one each.
var joinKinds = map[string]string{
	"inner": "inner", "innerunique": "innerunique", "leftouter": "leftouter", "rightouter": "rightouter",
	"fullouter": "fullouter",
	"leftanti":  "leftanti", "anti": "leftanti", "leftantisemi": "leftanti", "rightanti": "rightanti",
	"rightantisemi": "rightanti",
	"leftsemi":      "leftsemi", "rightsemi": "rightsemi",
}

// bindJoin binds join and lookup. Null keys match each other.
func bindJoin(b *binder, left *relation, op syntax.JoinOp, s *scope) *relation {
	kind, ok := joinKinds[op.Kind]
	if !ok || op.Lookup && kind != "leftouter" && kind != "inner" {
		b.fail(op, syntax.CodeSyntax, "The join kind '%s' is not known", op.Kind)
	}
	right := b.table(op.Right, s)
	right.graph.table(b, op.Right)
	left, right, pairs := bindJoinPairs(b, left, right, op, s)
	if len(pairs) == 0 {
		b.fail(op, syntax.CodeSyntax, "The join needs an 'on' clause with at least one column")
	}
	conditions := make([]string, len(pairs))
	for i, p := range pairs {
		conditions[i] = joinCondition(p)
	}
	on := strings.Join(conditions, " AND ")
	switch kind {
	case "leftsemi":
		return semiJoin(left, right, on, "SEMI")
	case "rightsemi":
		return semiJoin(right, left, on, "SEMI")
	case "leftanti":
		return semiJoin(left, right, on, "ANTI")
	case "rightanti":
		return semiJoin(right, left, on, "ANTI")
	case "innerunique":
		joined := bindCombine(b, uniqueOn(left, pairs), right, right.cols, on, kind)
		early := bindLeftPredicates(b, joined, left, op.Then, s)
		if len(early) == 0 {
			return joined
		}
		left = uniqueOn(bindFilter(b, left, strings.Join(early, " AND ")), pairs)
	}
	looked := right.cols
	if op.Lookup {
		looked = slices.DeleteFunc(slices.Clone(looked), func(c column) bool {
			return slices.ContainsFunc(pairs, func(p joinPair) bool { return p.right.id == c.id })
		})
	}
	return bindCombine(b, left, right, looked, on, kind)
}

// leadingPredicates returns the conjuncts of the where operators that ops begin with.
func leadingPredicates(ops []syntax.Operator) []syntax.Node {
	var out []syntax.Node
	var split func(x syntax.Node)
	split = func(x syntax.Node) {
		if and, ok := x.(syntax.BinaryNode); ok && and.Op == "and" {
			split(and.L)
			split(and.R)
			return
		}
		out = append(out, x)
	}
	for _, op := range ops {
		where, ok := op.(syntax.WhereOp)
		if !ok {
			break
		}
		split(where.X)
	}
	return out
}

// bindLeftPredicates binds predicates over a join's result and returns as SQL those that only name
// columns of the left side. An innerunique join keeps any left row of a key, and Kusto's engine
// picks after such filters, not before: join … | where value == "b" finds the row with "b".
func bindLeftPredicates(b *binder, joined, left *relation, predicates []syntax.Node, s *scope) []string {
	ours := map[string]bool{}
	for _, c := range left.cols {
		ours[c.id] = true
	}
	var out []string
	for _, x := range predicates {
		var extra []item
		var e *expr
		noted := apart(b, func() { e = bindBoolean(b, x, env{scope: s, rel: joined, extra: &extra}) })
		isTheirs := func(id string) bool { return !ours[id] }
		if len(extra) > 0 || noted.volatile || noted.tables || slices.ContainsFunc(noted.columns, isTheirs) {
			continue
		}
		out = append(out, "("+e.filterSQL()+")")
	}
	return out
}

// joinCondition compares two keys so that nulls match; strings are never null.
func joinCondition(p joinPair) string {
	if p.left.typ == value.String && p.right.typ == value.String {
		return p.left.id + " = " + p.right.id
	}
	return p.left.id + " IS NOT DISTINCT FROM " + p.right.id
}

func semiJoin(kept, other *relation, on, kind string) *relation {
	out := kept.with("SELECT * FROM (" + kept.sql + ") " + kind + " JOIN (" + other.sql + ") ON " + on)
	return out
}

// uniqueOn keeps one row a key, the first if the rows have an order.
func uniqueOn(rel *relation, pairs []joinPair) *relation {
	ids := make([]string, len(pairs))
	for i, p := range pairs {
		ids[i] = p.left.id
	}
	order := ""
	if len(rel.order) > 0 {
		order = " ORDER BY " + strings.Join(ids, ", ") + ", " + orderList(rel.order)
	}
	out := rel.with("SELECT DISTINCT ON (" + strings.Join(ids, ", ") + ") * FROM (" + rel.sql + ")" + order)
	out.stable = false
	return out
}

// bindCombine joins two relations side by side, the left one with the columns looked of the right
// one. A right column whose name is taken gets a number.
func bindCombine(b *binder, left, right *relation, looked []column, on, kind string) *relation {
	clause := map[string]string{"inner": "JOIN", "innerunique": "JOIN", "leftouter": "LEFT JOIN",
		"rightouter": "RIGHT JOIN", "fullouter": "FULL JOIN"}[kind]
	leftNull := kind == "rightouter" || kind == "fullouter"
	rightNull := kind == "leftouter" || kind == "fullouter"
	var items []item
	add := func(c column, name string, null bool) {
		sql := c.id
		id := c.id
		if null && c.typ == value.String {
			sql, id = notNullString(c.id), b.newID()
		}
		items = append(items, item{sql: sql, col: column{name: name, typ: c.typ, id: id}})
	}
	for _, c := range left.cols {
		add(c, c.name, leftNull)
	}
	isTaken := func(name string) bool { return taken(items)(name) }
	for _, c := range looked {
		name := c.name
		if isTaken(name) {
			name = uniqueName(name, func(s string) bool {
				return isTaken(s) || right.index(s) >= 0 && s != c.name
			})
		}
		add(c, name, rightNull)
	}
	joined := &relation{sql: "SELECT * FROM (" + left.sql + ") " + clause + " (" + right.sql + ") ON " + on}
	return bindProject(b, joined, items)
}

// bindJoinPairs binds the on clause: a column both sides have, or $left.a == $right.b, or an 'and'
// of these. Keys of different numeric types get computed columns of one type.
func bindJoinPairs(b *binder, left, right *relation, op syntax.JoinOp, s *scope) (l, r *relation, pairs []joinPair) {
	var visit func(x syntax.Node)
	visit = func(x syntax.Node) {
		switch n := x.(type) {
		case syntax.NameNode:
			lc, ok := left.column(n.Name)
			rc, ok2 := right.column(n.Name)
			if !ok || !ok2 {
				side := "left"
				if ok {
					side = "right"
				}
				b.fail(n, syntax.CodeUnknownName, "join: the %s side has no column '%s'", side, n.Name)
			}
			pairs = append(pairs, joinPair{lc, rc})
		case syntax.BinaryNode:
			if n.Op == "and" {
				visit(n.L)
				visit(n.R)
				return
			}
			if n.Op != "==" {
				b.failHint(n, syntax.CodeSyntax, "filter after the join", "A join condition must be an equality")
			}
			pairs = append(pairs, bindEquality(b, n, left, right))
		default:
			b.failHint(x, syntax.CodeSyntax, "write a column, or $left.a == $right.b", "This is not a join condition")
		}
	}
	for _, x := range op.On {
		visit(x)
	}
	for i, p := range pairs {
		left, right, pairs[i] = bindAlignPair(b, op, left, right, p)
	}
	return left, right, pairs
}

func bindEquality(b *binder, n syntax.BinaryNode, left, right *relation) joinPair {
	side := func(x syntax.Node) (string, column) {
		m, ok := x.(syntax.MemberNode)
		if ok {
			if base, ok := m.X.(syntax.NameNode); ok && (base.Name == "$left" || base.Name == "$right") {
				rel := left
				if base.Name == "$right" {
					rel = right
				}
				c, ok := rel.column(m.Name)
				if !ok {
					b.fail(m, syntax.CodeUnknownName, "join: '%s' has no column '%s'", base.Name, m.Name)
				}
				return base.Name, c
			}
		}
		b.failHint(x, syntax.CodeSyntax, "write $left.a == $right.b", "A join condition compares a column of each side")
		return "", column{}
	}
	ls, lc := side(n.L)
	rs, rc := side(n.R)
	if ls == rs {
		b.fail(n, syntax.CodeSyntax, "The join condition must name a column of each side")
	}
	if ls == "$right" {
		lc, rc = rc, lc
	}
	return joinPair{lc, rc}
}

// bindAlignPair makes both keys of a pair one type.
func bindAlignPair(b *binder, op syntax.JoinOp, left, right *relation, p joinPair) (*relation, *relation, joinPair) {
	if p.left.typ == p.right.typ {
		return left, right, p
	}
	if !(p.left.typ.Numeric() && p.right.typ.Numeric()) && p.left.typ != value.Dynamic && p.right.typ != value.Dynamic {
		b.fail(op, syntax.CodeArguments, "join: the keys '%s' (%s) and '%s' (%s) have different types", p.left.name,
			p.left.typ, p.right.name, p.right.typ)
	}
	l, r := bindComparable(b, op, bindColumnExpr(b, p.left), bindColumnExpr(b, p.right))
	align := func(rel *relation, c column, e *expr) (*relation, column) {
		if e.sql == c.id {
			return rel, c
		}
		fresh := column{name: c.name, typ: e.typ, id: b.newID()}
		return bindExtend(b, rel, []item{{sql: e.sql, col: fresh}}), fresh
	}
	// the computed key is for the condition; what lookup drops is found by its original id
	left, lk := align(left, p.left, l)
	right, rk := align(right, p.right, r)
	return left, right, joinPair{lk, rk}
}
