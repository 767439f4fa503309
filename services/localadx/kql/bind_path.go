package kql

import (
	"github.com/calypso-cdc/calypso/services/localadx/kql/syntax"
	"github.com/calypso-cdc/calypso/services/localadx/kql/value"
)

// bindGraphMember binds a property of a node or an edge, which is an array of those of a variable edge.
func bindGraphMember(b *binder, m *match, x syntax.MemberNode, of syntax.NameNode) *expr {
	if table, ok := m.nodes[of.Name]; ok {
		c, ok := m.graph.nodes.column(x.Name)
		if !ok {
			b.fail(x, syntax.CodeUnknownName, "The node '%s' has no property '%s'", of.Name, x.Name)
		}
		c.id = table + "." + c.id
		e := bindColumnExpr(b, c)
		e.name = joinNames(of.Name, x.Name)
		return e
	}
	edge, ok := m.edges[of.Name]
	if !ok {
		b.fail(x, syntax.CodeUnknownName, "The pattern has no node or edge '%s'", of.Name)
	}
	c, ok := m.graph.edges.column(x.Name)
	if !ok {
		b.fail(x, syntax.CodeUnknownName, "The edge '%s' has no property '%s'", of.Name, x.Name)
	}
	if !edge.Variable {
		c.id = edge.table + "." + c.id
		e := bindColumnExpr(b, c)
		e.name = joinNames(of.Name, x.Name)
		return e
	}
	c.id = "s." + c.id
	e := m.collect(b, edge, false, bindJson(b, bindColumnExpr(b, c)), "VARCHAR")
	e.name = joinNames(of.Name, x.Name)
	return e
}

// collect has a variable edge gather what an expression is for each of its edges or inner nodes; it returns an array.
func (m *match) collect(b *binder, edge *matchEdge, inner bool, of *expr, typ string) *expr {
	l := matchList{sql: of.sql, id: b.newID(), typ: typ, inner: inner}
	if typ == "VARCHAR" {
		l.sql = "coalesce(" + l.sql + ", 'null')"
	}
	edge.lists = append(edge.lists, l)
	list := edge.table + "." + l.id
	if typ != "VARCHAR" {
		return &expr{sql: list}
	}
	return &expr{sql: "'[' || array_to_string(" + list + ", ',') || ']'", typ: value.Dynamic}
}

// bindOverPath binds map, all and any: an expression for each edge of a variable edge, or with inner_nodes
// for each node between them.
func bindOverPath(b *binder, x syntax.CallNode, outer env) *expr {
	m := outer.match
	if m == nil {
		if x.Name == "any" {
			if e := b.aggregateCall(x, outer); e != nil {
				return e
			}
			bindUnknownFunction(b, x)
		}
		b.fail(x, syntax.CodeSemantic, "Function '%s' cannot be invoked in current context: it belongs in graph operators",
			x.Name)
	}
	bindArity(b, x, 2, 2)
	over := x.Args[0].X
	call, inner := over.(syntax.CallNode)
	if inner && call.Name == "inner_nodes" && len(call.Args) == 1 {
		over = call.Args[0].X
	}
	name, _ := over.(syntax.NameNode)
	edge := m.edges[name.Name]
	if edge == nil || !edge.Variable {
		b.fail(x, syntax.CodeSemantic,
			"%s(): the first argument must be a variable edge of the pattern, or inner_nodes() of one", x.Name)
	}
	of, prefix := m.graph.edges, "s."
	scoped := *m
	if inner {
		of, prefix = m.graph.nodes, "n."
		scoped.inner = "n." + m.graph.key.id
	}
	rel := of.keep(append([]column(nil), of.cols...))
	for i := range rel.cols {
		rel.cols[i].id = prefix + rel.cols[i].id
	}
	e := env{scope: outer.scope, rel: rel, match: &scoped}
	if x.Name == "map" {
		return m.collect(b, edge, inner, bindJson(b, bindScalar(b, x.Args[1].X, e)), "VARCHAR")
	}
	condition := bindBoolean(b, x.Args[1].X, e)
	list := m.collect(b, edge, inner, &expr{sql: "coalesce(" + condition.filterSQL() + ", FALSE)"}, "BOOLEAN")
	if x.Name == "all" {
		return &expr{sql: "(NOT list_contains(" + list.sql + ", FALSE))", typ: value.Bool}
	}
	return &expr{sql: "list_contains(" + list.sql + ", TRUE)", typ: value.Bool}
}

// bindNodeFunction binds node_id, node_degree_in and node_degree_out of a node of the pattern, or of the inner node.
func bindNodeFunction(b *binder, x syntax.CallNode, env env) *expr {
	m := env.match
	if m == nil {
		b.fail(x, syntax.CodeSemantic, "Function '%s' cannot be invoked in current context: it belongs in graph operators",
			x.Name)
	}
	bindArity(b, x, 0, 1)
	key := m.inner
	if len(x.Args) == 1 {
		name, _ := x.Args[0].X.(syntax.NameNode)
		table, ok := m.nodes[name.Name]
		if !ok {
			b.fail(x, syntax.CodeSemantic, "%s(): the argument must be a node of the pattern", x.Name)
		}
		key = table + "." + m.graph.key.id
	}
	if key == "" {
		b.fail(x, syntax.CodeSemantic, "%s(): the node must be given", x.Name)
	}
	end := m.graph.source
	switch x.Name {
	case "node_id":
		return &expr{sql: key, typ: m.graph.key.typ, nullable: m.graph.key.typ != value.String, name: x.Name}
	case "node_degree_in":
		end = m.graph.target
	}
	degree := b.newID()
	return &expr{sql: "(SELECT count(*) FROM (" + m.graph.edges.sql + ") AS " + degree + " WHERE " + degree + "." + end +
		" = " + key + ")", typ: value.Long, name: x.Name}
}
