package kql

import (
	"fmt"
	"strings"

	"github.com/calypso-cdc/calypso/services/localadx/kql/syntax"
	"github.com/calypso-cdc/calypso/services/localadx/kql/value"
)

// bindMakeGraph binds make-graph: each row of the table is an edge. A node that no table of nodes has
// is its id alone.
func bindMakeGraph(b *binder, rel *relation, op syntax.MakeGraphOp, s *scope) *relation {
	source, ok := rel.column(op.Source)
	target, ok2 := rel.column(op.Target)
	if !ok || !ok2 {
		b.fail(op, syntax.CodeUnknownName, "make-graph: Failed to resolve the columns '%s' and '%s' of the edges",
			op.Source, op.Target)
	}
	if source.typ != target.typ {
		b.fail(op, syntax.CodeArguments, "make-graph: the columns of source and target have different types, %s and %s",
			source.typ, target.typ)
	}
	g := &graph{source: source.id, target: target.id, edge: b.newID(), number: b.newID(),
		key: column{typ: source.typ, id: b.newID()}}
	numbered := *bindExtend(b, rel, []item{{sql: "row_number() " + rel.over(), col: column{id: g.edge}}})
	g.edges = *b.share(&numbered)
	g.edges.order = nil
	nodes := bindGraphNodes(b, g, op, s)
	nodes.volatile = b.facts.volatile // where one of the tables is
	g.nodes = *b.share(nodes)
	return &relation{sql: g.nodes.sql, graph: g}
}

// bindGraphNodes are the nodes of all tables, and those of the edges that none of them has.
func bindGraphNodes(b *binder, g *graph, op syntax.MakeGraphOp, s *scope) *relation {
	var tables []*relation
	var ids []string
	for _, nodes := range op.Nodes {
		table := b.table(nodes.Table, s)
		id, ok := table.column(nodes.ID)
		if !ok {
			b.fail(nodes.Table, syntax.CodeUnknownName, "make-graph: Failed to resolve column named '%s'", nodes.ID)
		}
		if id.typ != g.key.typ {
			b.fail(nodes.Table, syntax.CodeArguments, "make-graph: the ids of nodes are %s and those of edges %s", id.typ,
				g.key.typ)
		}
		hidden := column{name: "\x00key", typ: id.typ, id: b.newID()}
		position := column{name: "\x00position", typ: value.Long, id: b.newID()}
		table = bindExtend(b, table, []item{{sql: id.id, col: hidden}, {sql: "row_number() " + table.over(), col: position}})
		tables = append(tables, table.keep(append(append([]column(nil), table.cols...), hidden, position)))
		ids = append(ids, nodes.ID)
	}
	ends := "SELECT " + g.source + " AS key, 2 * " + g.edge + " AS place FROM (" + g.edges.sql + ") UNION ALL SELECT " +
		g.target + ", 2 * " + g.edge + " + 1 FROM (" + g.edges.sql + ")"
	if len(tables) == 0 {
		out := &relation{sql: "SELECT key AS " + g.key.id + ", row_number() OVER (ORDER BY min(place)) AS " + g.number +
			" FROM (" + ends + ") GROUP BY key"}
		if op.NodeID != "" {
			out.cols = []column{{name: op.NodeID, typ: g.key.typ, id: g.key.id}}
		}
		return out
	}
	all := bindUnionOf(b, tables, false, "")
	key, _ := all.column("\x00key")
	position, _ := all.column("\x00position")
	out := &relation{}
	parts := []string{key.id + " AS " + g.key.id, "min(" + position.id + ") AS " + g.number}
	missing := []string{"key", "1000000000000 + min(place)"}
	for _, c := range all.cols {
		if c.id == key.id || c.id == position.id {
			continue
		}
		col := column{name: c.name, typ: c.typ, id: b.newID()}
		out.cols = append(out.cols, col)
		one, none := "any_value("+c.id+")", literalSQL(c.typ, nil)
		if c.typ == value.String {
			one, none = notNullString("any_value(nullif("+c.id+", ''))"), "''"
		}
		if syntax.Contains(ids, c.name) && c.typ == g.key.typ {
			none = "key"
		}
		parts, missing = append(parts, one+" AS "+col.id), append(missing, none)
	}
	out.sql = "SELECT " + strings.Join(parts, ", ") + " FROM (" + all.sql + ") GROUP BY " + key.id +
		" UNION ALL SELECT " + strings.Join(missing, ", ") + " FROM (" + ends + ") ANTI JOIN (SELECT " + key.id +
		" AS known FROM (" + all.sql + ")) ON key = known GROUP BY key"
	return out
}

// bindGraphOperator binds the operators that take a graph.
func bindGraphOperator(b *binder, rel *relation, op syntax.Operator, s *scope) *relation {
	g := rel.graph
	switch op := op.(type) {
	case syntax.GraphMatchOp:
		return bindGraphMatch(b, g, op, s)
	case syntax.GraphToTableOp:
		return bindGraphToTable(b, g, op)
	case syntax.GraphComponentsOp:
		return bindGraphComponents(b, g, op)
	case syntax.AsOp:
		return rel
	}
	b.fail(op, syntax.CodeSemantic, "The operator '%s' takes a table, and what is before it is a graph", b.current)
	return nil
}

// bindGraphToTable gives nodes or edges, with the hashes of the nodes' ids where they are asked for.
func bindGraphToTable(b *binder, g *graph, op syntax.GraphToTableOp) *relation {
	from, names := g.nodes, []string{op.NodeID}
	keys := []string{g.key.id}
	from.order = []orderKey{{id: g.number}}
	if op.Edges {
		from, names, keys = g.edges, []string{op.SourceID, op.TargetID}, []string{g.source, g.target}
		from.order = []orderKey{{id: g.edge}}
	}
	var items []item
	for i, name := range names {
		if name == "" {
			continue
		}
		hashed := bindHashed(b, &expr{sql: keys[i], typ: g.key.typ, nullable: true, at: op})
		items = append(items, item{sql: hashed, col: column{name: name, typ: value.Long, id: b.newID()}})
	}
	for _, c := range from.cols {
		items = append(items, item{sql: c.id, col: c})
	}
	if len(items) == 0 {
		b.failHint(op, syntax.CodeSemantic, "use with_node_id", "graph-to-table: the nodes have no properties")
	}
	bindCheckDuplicates(b, op, items)
	return bindProject(b, &from, items)
}

// bindGraphComponents numbers the parts of a graph whose nodes reach each other: along edges either way, or, of strong
// ones, both ways. Each has the number of its first node in their order.
func bindGraphComponents(b *binder, g *graph, op syntax.GraphComponentsOp) *relation {
	edges := "SELECT " + g.source + " AS f, " + g.target + " AS t FROM (" + g.edges.sql + ")"
	if !op.Strong {
		edges += " UNION ALL SELECT " + g.target + ", " + g.source + " FROM (" + g.edges.sql + ")"
	}
	reach := "WITH RECURSIVE reach(f, t) AS (SELECT " + g.key.id + ", " + g.key.id + " FROM (" + g.nodes.sql +
		") UNION SELECT reach.f, e.t FROM reach JOIN (" + edges + ") AS e ON reach.t = e.f) "
	together := "SELECT a.f AS member, min(n." + g.number + ") AS first FROM reach AS a "
	if op.Strong {
		together += "JOIN reach AS back ON a.f = back.t AND a.t = back.f "
	}
	together += "JOIN (" + g.nodes.sql + ") AS n ON a.t = n." + g.key.id + " GROUP BY a.f"
	component := column{name: op.Name, typ: value.Long, id: b.newID()}
	marked := *g
	marked.nodes.sql = "SELECT n.*, m.component AS " + component.id + " FROM (" + g.nodes.sql +
		") AS n JOIN (" + reach + "SELECT member, dense_rank() OVER (ORDER BY first) - 1 AS component FROM (" + together +
		")) AS m ON n." + g.key.id + " = m.member"
	marked.nodes.cols = append(append([]column(nil), g.nodes.cols...), component)
	marked.nodes = *b.share(&marked.nodes)
	return &relation{sql: marked.nodes.sql, graph: &marked}
}

func bindGraphMatch(b *binder, g *graph, op syntax.GraphMatchOp, s *scope) *relation {
	m := &match{graph: g, op: op, scope: s, nodes: map[string]string{}, edges: map[string]*matchEdge{}}
	ends := bindGraphPattern(b, m)
	e := env{scope: s, match: m}
	if op.Where != nil {
		m.tests = append(m.tests, bindBoolean(b, op.Where, e).filterSQL())
	}
	items := bindOutputs(b, op.Project, e, newNamer(op.Project))
	bindCheckDuplicates(b, op, items)
	out := &relation{}
	parts := make([]string, len(items))
	for i, it := range items {
		parts[i] = it.sql + " AS " + it.col.id
		out.cols = append(out.cols, it.col)
	}
	from := append([]string(nil), m.from...)
	var lengths, ids []string
	for _, edge := range m.order {
		from = append(from, "("+m.edgeSQL(edge)+") AS "+edge.table)
		lengths, ids = append(lengths, "len("+edge.table+".ids)"), append(ids, edge.table+".ids")
	}
	out.sql = "SELECT " + strings.Join(parts, ", ") + " FROM " + strings.Join(from, ", ")
	if len(m.tests) > 0 {
		out.sql += " WHERE " + strings.Join(m.tests, " AND ")
	}
	if op.Shortest {
		if len(lengths) == 0 {
			b.fail(op, syntax.CodeSemantic, "graph-shortest-paths: the pattern has no edge")
		}
		rank, order := "row_number()", strings.Join(lengths, " + ")+", "+strings.Join(ids, ", ")
		if op.All {
			rank, order = "rank()", strings.Join(lengths, " + ")
		}
		out.sql += " QUALIFY " + rank + " OVER (PARTITION BY " + strings.Join(ends, ", ") + " ORDER BY " + order + ") = 1"
	}
	return out
}

// bindGraphPattern gives each node and edge its table and joins them. It returns the keys of the first
// and the last node.
func bindGraphPattern(b *binder, m *match) []string {
	var keys []string
	node := func(name string) string {
		table, ok := m.nodes[name]
		if name == "" || !ok {
			table = b.newID()
			m.from = append(m.from, "("+m.graph.nodes.sql+") AS "+table)
			keys = append(keys, table+"."+m.graph.key.id)
			if name != "" {
				m.nodes[name] = table
			}
		}
		return table + "." + m.graph.key.id
	}
	var first, last string
	for _, path := range m.op.Paths {
		last = node(path.Nodes[0])
		if first == "" {
			first = last
		}
		for i, e := range path.Edges {
			edge := &matchEdge{GraphEdge: e, table: b.newID()}
			next := node(path.Nodes[i+1])
			m.tests = append(m.tests, edge.table+".f = "+last, edge.table+".t = "+next)
			if e.Name != "" {
				if m.edges[e.Name] != nil || m.nodes[e.Name] != "" {
					b.fail(m.op, syntax.CodeSemantic, "'%s' is used twice in the pattern", e.Name)
				}
				m.edges[e.Name] = edge
			}
			for _, other := range m.order {
				if m.op.Cycles != "all" {
					m.tests = append(m.tests, "NOT list_has_any("+edge.table+".ids, "+other.table+".ids)")
				}
			}
			m.order = append(m.order, edge)
			last = next
		}
	}
	if m.op.Cycles == "none" {
		for i := range keys {
			for j := range i {
				m.tests = append(m.tests, keys[i]+" <> "+keys[j])
			}
		}
	}
	return []string{first, last}
}

// edgeSQL is the table of an edge: of single edges, or of paths that a recursive query makes longer by
// one edge each time.
func (m *match) edgeSQL(e *matchEdge) string {
	along := func(from, to string) string {
		return "SELECT *, " + from + " AS f, " + to + " AS t, [" + m.graph.edge + "] AS ids FROM (" + m.graph.edges.sql + ")"
	}
	forward, backward := along(m.graph.source, m.graph.target), along(m.graph.target, m.graph.source)
	step := forward
	switch e.Direction {
	case -1:
		step = backward
	case 0:
		step = forward + " UNION ALL " + backward + " WHERE " + m.graph.source + " <> " + m.graph.target
	}
	if !e.Variable {
		return step
	}
	first := []string{"s.f AS f", "s.t AS t", "s.ids AS ids", "[s.f, s.t] AS seen"}
	more := []string{"p.f", "s.t", "list_concat(p.ids, s.ids)", "list_append(p.seen, s.t)"}
	none := []string{m.graph.key.id, m.graph.key.id, "[]::BIGINT[]"} // without seen
	nodes := ""
	for _, l := range e.lists {
		none = append(none, "[]::"+l.typ+"[]")
		if l.inner {
			first = append(first, "[]::"+l.typ+"[] AS "+l.id)
			nodes = " JOIN (" + m.graph.nodes.sql + ") AS n ON n." + m.graph.key.id + " = p.t"
		} else {
			first = append(first, "["+l.sql+"] AS "+l.id)
		}
		more = append(more, "list_append(p."+l.id+", "+l.sql+")")
	}
	fresh := ""
	switch m.op.Cycles {
	case "unique_edges":
		fresh = " AND NOT list_has_any(p.ids, s.ids)"
	case "none":
		fresh = " AND NOT list_contains(p.seen, s.t)"
	}
	paths := "WITH RECURSIVE p AS (SELECT " + strings.Join(first, ", ") + " FROM (" + step + ") AS s UNION ALL SELECT " +
		strings.Join(more, ", ") + " FROM p JOIN (" + step + ") AS s ON p.t = s.f" + nodes +
		fmt.Sprintf(" WHERE len(p.ids) < %d", e.Max) + fresh + ") SELECT * EXCLUDE (seen) FROM p" +
		fmt.Sprintf(" WHERE len(ids) BETWEEN %d AND %d", e.Min, e.Max)
	if m.op.Cycles == "none" {
		paths += " AND f <> t"
	}
	if e.Min == 0 {
		paths += " UNION ALL SELECT " + strings.Join(none, ", ") + " FROM (" + m.graph.nodes.sql + ")"
	}
	return paths
}
