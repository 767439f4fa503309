package kql

import "github.com/calypso-cdc/calypso/services/localadx/kql/syntax"

// rules are the ways in which parts of a query contain each other: expressions contain tables,
// tables operators, and operators expressions. Each part reaches the others by the binder's methods
// below, and needs to know none of them; compile.go puts the parts together.
type rules struct {
	call           func(b *binder, x syntax.CallNode, env env) *expr
	callLambda     func(b *binder, x syntax.CallNode, f *binding, env env) *expr
	in             func(b *binder, x syntax.InNode, env env) *expr
	stringOperator func(b *binder, x syntax.BinaryNode, l, r *expr) *expr
	scalarOnce     func(b *binder, bound *binding, inner env) *expr
	graphMember    func(b *binder, m *match, x syntax.MemberNode, of syntax.NameNode) *expr
	aggregateCall  func(b *binder, x syntax.CallNode, env env) *expr
	isTabular      func(b *binder, x syntax.Node, s *scope) bool
	table          func(b *binder, x syntax.Node, s *scope) *relation
	operators      func(b *binder, rel *relation, ops []syntax.Operator, s *scope) *relation
	union          func(b *binder, op syntax.UnionOp, piped *relation, s *scope) *relation
	materialized   func(b *binder, bound *binding) *relation
}

func (b *binder) call(x syntax.CallNode, env env) *expr { return b.rules.call(b, x, env) }

func (b *binder) callLambda(x syntax.CallNode, f *binding, env env) *expr {
	return b.rules.callLambda(b, x, f, env)
}

func (b *binder) in(x syntax.InNode, env env) *expr { return b.rules.in(b, x, env) }

func (b *binder) stringOperator(x syntax.BinaryNode, l, r *expr) *expr {
	return b.rules.stringOperator(b, x, l, r)
}

func (b *binder) scalarOnce(bound *binding, inner env) *expr {
	return b.rules.scalarOnce(b, bound, inner)
}

func (b *binder) aggregateCall(x syntax.CallNode, env env) *expr {
	return b.rules.aggregateCall(b, x, env)
}

func (b *binder) isTabular(x syntax.Node, s *scope) bool { return b.rules.isTabular(b, x, s) }

func (b *binder) table(x syntax.Node, s *scope) *relation { return b.rules.table(b, x, s) }

func (b *binder) operators(rel *relation, ops []syntax.Operator, s *scope) *relation {
	return b.rules.operators(b, rel, ops, s)
}

func (b *binder) union(op syntax.UnionOp, piped *relation, s *scope) *relation {
	return b.rules.union(b, op, piped, s)
}

func (b *binder) materialized(bound *binding) *relation { return b.rules.materialized(b, bound) }
