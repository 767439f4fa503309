package kql

import (
	"path"
	"strings"

	"github.com/calypso-cdc/calypso/services/localadx/kql/syntax"
)

// namer hands out names for result columns the query does not name.
type namer struct {
	taken   map[string]bool
	unnamed int
}

func newNamer(items []syntax.NamedExpr) *namer {
	n := &namer{taken: map[string]bool{}}
	for _, it := range items {
		for _, name := range it.Names {
			n.taken[name] = true
		}
	}
	return n
}

// bindOutputs binds a list of named expressions against a relation, one output column each or
// several for an expression with parts.
func bindOutputs(b *binder, items []syntax.NamedExpr, env env, n *namer) []item {
	var out []item
	for _, it := range items {
		if _, ok := it.X.(syntax.StarNode); ok && len(it.Names) == 0 && env.rel != nil {
			for _, c := range env.rel.cols {
				out = append(out, item{sql: c.id, col: c})
				n.taken[c.name] = true
			}
			continue
		}
		before := b.facts.reads
		e := bindScalar(b, it.X, env)
		weight := b.facts.reads - before
		if len(e.parts) > 0 {
			parts := e.parts
			if len(it.Names) == 1 && !env.aggregate {
				parts = parts[:1] // a name for one column asks for no more
			}
			for j, p := range parts {
				name := p.name
				if j < len(it.Names) {
					name = it.Names[j]
				} else {
					name = n.name(name)
				}
				out = append(out, item{sql: p.sql, col: column{name: name, typ: p.typ, id: b.newID(), weight: weight}})
			}
			continue
		}
		if len(it.Names) > 1 {
			b.fail(it.X, syntax.CodeArguments, "The expression yields one column but %d names are given", len(it.Names))
		}
		if len(it.Names) == 1 {
			out = append(out, item{sql: e.sql, col: column{name: it.Names[0], typ: e.typ, id: b.newID(), weight: weight}})
			continue
		}
		out = append(out, item{sql: e.sql, col: column{name: n.name(e.name), typ: e.typ, id: b.newID(), weight: weight}})
	}
	return out
}

func bindCheckDuplicates(b *binder, op syntax.Operator, items []item) {
	seen := map[string]bool{}
	for _, it := range items {
		if seen[it.col.name] {
			b.fail(op, "SEM0049", "A column named '%s' already exists", it.col.name)
		}
		seen[it.col.name] = true
	}
}

// replaceColumns puts items in place of the columns of their names, and at the end where there are none.
func replaceColumns(cols []column, items []item) []column {
	out := append([]column(nil), cols...)
next:
	for _, it := range items {
		for i, c := range out {
			if c.name == it.col.name {
				out[i] = it.col
				continue next
			}
		}
		out = append(out, it.col)
	}
	return out
}

// matchName reports whether a name fits a pattern with asterisks.
func matchName(pattern, name string) bool {
	if !strings.Contains(pattern, "*") {
		return pattern == name
	}
	escaped := strings.NewReplacer(`\`, `\\`, "[", `\[`, "?", `\?`).Replace(pattern)
	ok, err := path.Match(escaped, strings.ReplaceAll(name, "/", "\x01"))
	return err == nil && ok
}
