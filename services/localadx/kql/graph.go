package kql

import "github.com/calypso-cdc/calypso/services/localadx/kql/syntax"

// graph is what make-graph makes: two relations that the query computes once.
type graph struct {
	nodes, edges relation
	key          column // of nodes: what identifies one
	number       string // of nodes: their order of appearance
	source       string // of edges: the key of the node that it leads from
	target       string
	edge         string // of edges: its number
}

// table refuses a graph where a table is asked for.
func (g *graph) table(b *binder, at syntax.Node) {
	if g != nil {
		b.failHint(at, syntax.CodeSemantic, "add graph-match or graph-to-table", "A table was expected and this is a graph")
	}
}

// match is a pattern that is being bound: one SELECT over a table for each of its nodes and edges.
type match struct {
	graph *graph
	op    syntax.GraphMatchOp
	nodes map[string]string // the name of a node to its table's
	edges map[string]*matchEdge
	order []*matchEdge
	from  []string // nodes' tables
	tests []string
	scope *scope
	// inner is SQL of the key of the node whose properties an expression names, within functions over inner nodes.
	inner string
}

// matchEdge is an edge of a pattern, whose table has the columns f and t, the nodes it leads from and to, and ids, the
// numbers of its edges.
type matchEdge struct {
	syntax.GraphEdge
	table string
	// lists are what is collected of each edge of a variable one, or of each node within it.
	lists []matchList
}

type matchList struct {
	sql   string
	id    string
	typ   string
	inner bool
}
