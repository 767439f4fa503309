package kql

import "github.com/calypso-cdc/calypso/services/localadx/kql/syntax"

// markColumns notes the columns an expression names.
func markColumns(x syntax.Node, rel *relation, used map[string]bool) {
	switch x := x.(type) {
	case syntax.NameNode:
		if c, ok := rel.column(x.Name); ok {
			used[c.id] = true
		}
	case syntax.CallNode:
		for _, a := range x.Args {
			markColumns(a.X, rel, used)
		}
	case syntax.BinaryNode:
		markColumns(x.L, rel, used)
		markColumns(x.R, rel, used)
	case syntax.UnaryNode:
		markColumns(x.X, rel, used)
	case syntax.MemberNode:
		markColumns(x.X, rel, used)
	case syntax.IndexNode:
		markColumns(x.X, rel, used)
		markColumns(x.Index, rel, used)
	case syntax.InNode:
		markColumns(x.X, rel, used)
		for _, el := range x.List {
			markColumns(el, rel, used)
		}
	case syntax.BetweenNode:
		markColumns(x.X, rel, used)
		markColumns(x.Low, rel, used)
		markColumns(x.High, rel, used)
	}
}
