package engine_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/calypso-cdc/calypso/services/localadx/kql/syntax"
)

// moves is a graph of places: a circle a → b → c → a, a way on from c to d, and x → y apart. No table of nodes has y.
const moves = `let E = datatable(f:string, t:string, by:string)["a","b","bus", "b","c","bus", "c","a","tram", "c","d","bus", "x","y","foot"];
let N = datatable(id:string, size:long)["a",1, "b",2, "c",3, "d",4, "x",5];
let G = E | make-graph f --> t with N on id;
`

func TestGraphsAreMatched(t *testing.T) {
	h := newHarness(t)
	for what, c := range map[string]struct{ query, want string }{
		"an edge":                  {"G | graph-match (p)-[e]->(q) where q.size == 4 project p.id, e.by, q.size", `[["c","bus",4]]`},
		"an edge backwards":        {"G | graph-match (p)<-[e]-(q) where p.id == 'd' project q.id", `[["c"]]`},
		"either way":               {"G | graph-match (p)-[e]-(q) where p.id == 'c' project q.id | sort by q_id asc", `[["a"],["b"],["d"]]`},
		"a node that no table has": {"G | graph-match (p)-->(q) where p.id == 'x' project q.id, q.size", `[["y",null]]`},
		"a circle":                 {"G | graph-match (p)-->(q)-->(r)-->(p) project p.id | sort by p_id asc", `[["a"],["b"],["c"]]`},
		"several sequences": {"G | graph-match (p)-->(q)-->(r), (q)-->(s) where r.id != s.id project q.id, r.id, s.id | sort by r_id asc",
			`[["c","a","d"],["c","d","a"]]`},
		"paths": {"G | graph-match (p)-[e*1..3]->(q) where p.id == 'a' project q.id, ways = map(e, by), over = map(inner_nodes(e), id), " +
			"e.t | sort by q_id asc, array_length(over) asc",
			`[["a",["bus","bus","tram"],["b","c"],["b","c","a"]],["b",["bus"],[],["b"]],["c",["bus","bus"],["b"],["b","c"]],` +
				`["d",["bus","bus","bus"],["b","c"],["b","c","d"]]]`},
		"paths of no edge":     {"G | graph-match (p)-[e*0..1]->(q) where p.id == 'a' project q.id, n = array_length(map(e, by)) | sort by n asc", `[["a",0],["b",1]]`},
		"paths without cycles": {"G | graph-match cycles=none (p)-[e*1..9]->(q) where p.id == 'a' project q.id | sort by q_id asc", `[["b"],["c"],["d"]]`},
		"paths with cycles":    {"G | graph-match cycles=all (p)-[e*4..4]->(q) where p.id == 'a' project q.id", `[["b"]]`},
		"all edges":            {"G | graph-match (p)-[e*1..4]->(q) where p.id == 'b' and all(e, by == 'bus') project q.id | sort by q_id asc", `[["c"],["d"]]`},
		"any inner node":       {"G | graph-match (p)-[e*1..3]->(q) where q.id == 'd' and any(inner_nodes(e), size == 2) project p.id | sort by p_id asc", `[["a"]]`},
		"degrees": {"G | graph-match (p)-->(q) where node_degree_out(p) > 1 project node_id(p), i = node_degree_in(p), q.id | sort by q_id asc",
			`[["c",1,"a"],["c",1,"d"]]`},
		"degrees of inner nodes": {"G | graph-match (p)-[e*2..2]->(q) where q.id == 'd' project map(inner_nodes(e), node_degree_out())", `[[[2]]]`},
		"a shortest path":        {"G | graph-shortest-paths (p)-[e*1..9]->(q) where p.id == 'a' and q.id == 'd' project map(e, t)", `[[["b","c","d"]]]`},
		"all shortest paths": {"datatable(f:long, t:long)[1,2, 1,3, 2,4, 3,4, 1,1] | make-graph f --> t with_node_id=n " +
			"| graph-shortest-paths output=all (p)-[e*1..5]->(q) where p.n == 1 and q.n == 4 project map(e, t)", `[[[2,4]],[[3,4]]]`},
		"components": {"G | graph-mark-components with_component_id=c | graph-to-table nodes | project id, c",
			`[["a",0],["b",0],["c",0],["d",0],["x",1],["y",1]]`},
		"strong components": {"G | graph-mark-components kind=strong with_component_id=c | graph-to-table nodes | project id, c",
			`[["a",0],["b",0],["c",0],["d",1],["x",2],["y",3]]`},
		"edges as a table": {"G | graph-to-table edges with_source_id=s with_target_id=d | where s == hash('x') | project d == hash('y'), f, t, by",
			`[[true,"x","y","foot"]]`},
		"nodes of two tables": {"E | make-graph f --> t with N on id, (datatable(place:string, open:bool)['a',true,'z',false]) on place " +
			"| graph-to-table nodes | where id in ('a','b') or place == 'z' | project id, size, place, open | sort by id asc",
			`[["",null,"z",false],["a",1,"a",true],["b",2,"",null]]`},
		"the aggregate any": {"N | summarize any(id) by size | getschema | project ColumnName", `[["size"],["any_id"]]`},
	} {
		t.Run(what, func(t *testing.T) {
			_, rows, err := h.query(moves + c.query)
			if got := preview(rows); err != nil || got != c.want {
				t.Errorf("%s, %v, want %s", got, err, c.want)
			}
		})
	}
}

func TestWhatIsNoGraphQueryIsRefused(t *testing.T) {
	h := newHarness(t)
	for query, want := range map[string]string{
		"E | graph-match (a)-->(b) project 1": "takes a graph",
		"G | take 1":                          "is a graph",
		"G":                                   "this is a graph",
		"G | graph-match (a)->(b) project 1":  "a pattern such as",
		"G | graph-match (a)-[e*3..1]->(b) project 1":                           "a variable edge",
		"G | graph-match (a)-[e*1..1000000]->(b) project 1":                     "a variable edge",
		"G | graph-match (a)-[e]->(b)-[e]->(c) project 1":                       "used twice",
		"G | graph-match (a)-[e]->(b) where all(e, true) project 1":             "variable edge of the pattern",
		"G | graph-match (a)-[e]->(b) project a.nothing":                        "no property 'nothing'",
		"E | make-graph f --> nothing":                                          "failed to resolve",
		"print map(a, b)":                                                       "belongs in graph operators",
		"E | make-graph f --> t with (print id=1) on id | graph-to-table nodes": "ids of nodes are long",
		"E | join kind=inner (G) on $left.f == $right.id":                       "is a graph",
		"union E, G": "is a graph",
	} {
		_, _, err := h.query(moves + query)
		var refused *syntax.Error
		if !errors.As(err, &refused) || !strings.Contains(strings.ToLower(err.Error()), want) {
			t.Errorf("%s: %v, want %s", query, err, want)
		}
	}
}
