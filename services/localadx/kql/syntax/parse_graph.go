package syntax

import (
	"strconv"
	"strings"
)

// parseMakeGraph reads make-graph Source --> Target [with Nodes on ID, …] [with_node_id=Name].
func parseMakeGraph(p *parser, start int) Operator {
	op := MakeGraphOp{Source: p.identifier("the column of the source")}
	if !strings.HasPrefix(p.lexer.text[p.tok.Start:], "-->") {
		p.fail("Expected '-->' but found %s", p.describe())
	}
	p.restart(p.tok.Start + len("-->"))
	op.Target = p.identifier("the column of the target")
	if p.acceptName("with") {
		for {
			nodes := GraphNodes{Table: parsePrimary(p)}
			p.expectName("on")
			nodes.ID = p.identifier("the column of the nodes' ids")
			op.Nodes = append(op.Nodes, nodes)
			if !p.acceptPunct(",") {
				break
			}
		}
	}
	op.NodeID = parseProperties(p, "with_node_id")["with_node_id"]
	if strings.HasPrefix(p.lexer.text[p.tok.Start:], "partitioned") {
		p.failHint("make a graph of the rows of each partition", "make-graph: 'partitioned-by' is not supported")
	}
	op.Span = p.from(start)
	return op
}

// parseGraphMatch reads graph-match and graph-shortest-paths.
func parseGraphMatch(p *parser, start int, shortest bool) Operator {
	op := GraphMatchOp{Shortest: shortest, Cycles: "unique_edges"}
	properties := parseProperties(p, "cycles", "output")
	if cycles, ok := properties["cycles"]; ok {
		op.Cycles = cycles
	}
	if !Contains([]string{"all", "none", "unique_edges"}, op.Cycles) {
		p.fail("cycles must be all, none or unique_edges but is '%s'", op.Cycles)
	}
	op.All = properties["output"] == "all"
	scan := patternScanner{parser: p, at: p.tok.Start}
	op.Paths = scan.paths()
	p.restart(scan.at)
	if p.acceptName("where") {
		op.Where = parseExpr(p)
	}
	p.expectName("project")
	op.Project = parseNamedExprs(p)
	op.Span = p.from(start)
	return op
}

// parseGraphToTable reads graph-to-table nodes|edges with the names of columns for ids.
func parseGraphToTable(p *parser, start int) Operator {
	op := GraphToTableOp{}
	switch {
	case p.acceptName("nodes"):
	case p.acceptName("edges"):
		op.Edges = true
	default:
		p.fail("Expected 'nodes' or 'edges' but found %s", p.describe())
	}
	if p.isName("as") || p.isPunct(",") {
		p.failHint("use graph-to-table once for nodes and once for edges",
			"graph-to-table: two tables at once are not supported")
	}
	properties := parseProperties(p, "with_node_id", "with_source_id", "with_target_id")
	op.NodeID, op.SourceID, op.TargetID = properties["with_node_id"], properties["with_source_id"],
		properties["with_target_id"]
	op.Span = p.from(start)
	return op
}

func parseGraphComponents(p *parser, start int) Operator {
	properties := parseProperties(p, "kind", "with_component_id")
	op := GraphComponentsOp{Name: "ComponentId", Strong: properties["kind"] == "strong", Span: p.from(start)}
	if name, ok := properties["with_component_id"]; ok {
		op.Name = name
	}
	return op
}

// maxPathLength bounds a variable edge, in edges.
const maxPathLength = 100

// patternScanner reads the pattern of a graph operator by its characters, whose dashes and brackets are no tokens of
// the language.
type patternScanner struct {
	parser *parser
	at     int
}

func (s *patternScanner) fail() {
	s.parser.restart(min(s.at, len(s.parser.lexer.text)))
	s.parser.fail("A pattern such as (a)-[e]->(b) was expected but found %s", s.parser.describe())
}

func (s *patternScanner) accept(text string) bool {
	for s.at < len(s.parser.lexer.text) && strings.ContainsRune(" \t\r\n", rune(s.parser.lexer.text[s.at])) {
		s.at++
	}
	if strings.HasPrefix(s.parser.lexer.text[s.at:], text) {
		s.at += len(text)
		return true
	}
	return false
}

func (s *patternScanner) expect(text string) {
	if !s.accept(text) {
		s.fail()
	}
}

// word reads letters and digits; there may be none.
func (s *patternScanner) word() string {
	s.accept("")
	start := s.at
	text := s.parser.lexer.text
	for s.at < len(text) && (IsNameRune(rune(text[s.at])) || text[s.at] >= 0x80) {
		s.at++
	}
	return text[start:s.at]
}

func (s *patternScanner) paths() []GraphPath {
	var paths []GraphPath
	for {
		path := GraphPath{Nodes: []string{s.node()}}
		for {
			edge, ok := s.edge()
			if !ok {
				break
			}
			s.parser.bounded(len(path.Edges) * 20)
			path.Edges = append(path.Edges, edge)
			path.Nodes = append(path.Nodes, s.node())
		}
		paths = append(paths, path)
		if !s.accept(",") {
			return paths
		}
		s.parser.bounded(len(paths) * 20)
	}
}

func (s *patternScanner) node() string {
	s.expect("(")
	name := s.word()
	s.expect(")")
	return name
}

func (s *patternScanner) edge() (GraphEdge, bool) {
	var e GraphEdge
	left := s.accept("<-")
	if !left && !s.accept("-") {
		return e, false
	}
	if s.accept("[") {
		e.Name = s.word()
		if s.accept("*") {
			e.Variable = true
			e.Min = s.number()
			s.expect("..")
			e.Max = s.number()
			if e.Max < e.Min || e.Max > maxPathLength {
				s.parser.restart(s.at)
				s.parser.fail("A variable edge has up to %d edges, and no fewer than its least number", maxPathLength)
			}
		}
		s.expect("]")
	}
	s.expect("-")
	right := s.accept(">")
	switch {
	case left && right:
		s.fail()
	case left:
		e.Direction = -1
	case right:
		e.Direction = 1
	}
	return e, true
}

func (s *patternScanner) number() int {
	n, err := strconv.Atoi(s.word())
	if err != nil {
		s.fail()
	}
	return n
}
