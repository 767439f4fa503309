package kql

import (
	"fmt"
	"math"
	"strings"

	"github.com/calypso-cdc/calypso/services/localadx/kql/syntax"
	"github.com/calypso-cdc/calypso/services/localadx/kql/value"
)

// bindIsTabular reports whether an expression yields a table rather than a scalar.
func bindIsTabular(b *binder, x syntax.Node, s *scope) bool {
	switch x := x.(type) {
	case syntax.PipelineNode, syntax.DatatableNode, syntax.RangeNode, syntax.PrintNode, syntax.WildcardNode:
		return true
	case syntax.NameNode:
		if bound := s.lookup(x.Name); bound != nil {
			switch {
			case bound.value != nil:
				return false
			case bound.table != nil || bound.cases != nil:
				return true
			case bound.x != nil:
				return b.isTabular(bound.x, bound.scope)
			}
			return bindLambdaIsTabular(b, bound)
		}
		if b.opts.Catalog == nil {
			return false
		}
		if _, ok := b.opts.Catalog.Table(b.opts.Database, x.Name); ok {
			return true
		}
		f, ok := bindStoredFunction(b, x.Name, x)
		return ok && bindLambdaIsTabular(b, f)
	case syntax.CallNode:
		if bound := s.lookup(x.Name); bound != nil {
			return bound.cases != nil || bound.lambda != nil && bindLambdaIsTabular(b, bound)
		}
		switch x.Name {
		case "table", "view":
			return true
		case "materialize":
			return len(x.Args) == 1 && b.isTabular(x.Args[0].X, s)
		}
		if _, ok := b.special[x.Name]; ok {
			return false
		}
		if f, ok := bindStoredFunction(b, x.Name, x); ok && len(builtinFunctions()[x.Name]) == 0 {
			return bindLambdaIsTabular(b, f)
		}
	case syntax.MemberNode:
		if c, ok := x.X.(syntax.CallNode); ok {
			return c.Name == "database" || c.Name == "cluster" || s.lookup(c.Name) != nil && s.lookup(c.Name).cases != nil
		}
	}
	return false
}

// bindLambdaIsTabular looks at the query of a function's body. Parameters shadow outer names.
func bindLambdaIsTabular(b *binder, f *binding) bool {
	b.calls++
	defer func() { b.calls-- }()
	if b.calls > maxCalls {
		return false
	}
	s := f.scope
	for _, p := range f.lambda.Params {
		if p.Tabular {
			s = s.add(p.Name, &binding{table: &relation{}})
		} else {
			s = s.add(p.Name, &binding{value: constant(p.Type, nil, nil)})
		}
	}
	for _, st := range f.lambda.Body {
		switch st := st.(type) {
		case syntax.LetStatement:
			s = s.let(st)
		case syntax.QueryStatement:
			return b.isTabular(st.X, s)
		}
	}
	return false
}

// bindTable binds a tabular expression.
func bindTable(b *binder, x syntax.Node, s *scope) *relation {
	b.calls++
	defer func() { b.calls-- }()
	if b.calls > maxCalls*4 {
		b.fail(x, syntax.CodeSemantic, "Tables and functions are nested more than %d levels deep", maxCalls*4)
	}
	var rel *relation
	noted := apart(b, func() { rel = bindStoredTable(b, x, s) })
	if _, ok := x.(syntax.PipelineNode); !ok && noted.volatile { // those of a pipeline its operators know
		rel = rel.asVolatile()
	}
	b.facts.add(facts{volatile: rel.volatile, tables: true, reads: noted.reads})
	b.checkSize(rel)
	return rel
}

func bindStoredTable(b *binder, x syntax.Node, s *scope) *relation {
	switch x := x.(type) {
	case syntax.PipelineNode:
		var rel *relation
		if x.Source != nil {
			rel = b.table(x.Source, s)
		}
		return b.operators(rel, x.Ops, s)
	case syntax.NameNode:
		return bindNamedTable(b, x, s)
	case syntax.CallNode:
		return bindTableCall(b, x, s)
	case syntax.DatatableNode:
		return bindDatatable(b, x, s)
	case syntax.RangeNode:
		return bindRangeTable(b, x, s)
	case syntax.PrintNode:
		return bindPrint(b, x, s)
	case syntax.MemberNode:
		return bindQualifiedTable(b, x, s)
	case syntax.WildcardNode:
		return b.union(syntax.UnionOp{Tables: []syntax.Node{x}, Span: x.Span}, nil, s)
	case syntax.LiteralNode, syntax.BinaryNode, syntax.UnaryNode, syntax.IndexNode, syntax.InNode, syntax.BetweenNode:
		return bindPrint(b, syntax.PrintNode{Items: []syntax.NamedExpr{{X: x}}, Span: x.Place()}, s)
	}
	b.fail(x, syntax.CodeSemantic, "A tabular expression was expected")
	return nil
}

func bindNamedTable(b *binder, x syntax.NameNode, s *scope) *relation {
	if bound := s.lookup(x.Name); bound != nil {
		return bindBoundTable(b, syntax.CallNode{Name: x.Name, Span: x.Span}, bound, s)
	}
	if rel := bindCatalogTable(b, b.opts.Database, x.Name); rel != nil {
		return rel
	}
	if f, ok := bindStoredFunction(b, x.Name, x); ok {
		return bindCallTable(b, syntax.CallNode{Name: x.Name, Span: x.Span}, f, s)
	}
	bindUnknownTable(b, x, x.Name)
	return nil
}

func bindUnknownTable(b *binder, at syntax.Node, name string) {
	hint := ""
	if b.opts.Catalog != nil {
		var names []string
		for _, t := range b.opts.Catalog.Tables(b.opts.Database) {
			names = append(names, t.Name)
		}
		if near := syntax.Nearest(name, names); near != "" {
			hint = "did you mean '" + near + "'?"
		}
	}
	b.failHint(at, syntax.CodeUnknownName, hint, "Failed to resolve table or column expression named '%s'", name)
}

// bindBoundTable returns what a let name or a parameter stands for, as a table.
func bindBoundTable(b *binder, x syntax.CallNode, bound *binding, s *scope) *relation {
	switch {
	case bound.table != nil:
		return bindCopyOf(b, bound.table, x.Name)
	case bound.value != nil:
		return bindPrint(b, syntax.PrintNode{Items: []syntax.NamedExpr{{X: syntax.NameNode{Name: x.Name, Span: x.Span}}},
			Span: x.Span}, s)
	case bound.lambda != nil:
		rel := bindCallTable(b, x, bound, s)
		if bound.lambda.View {
			rel.name = x.Name
		}
		return rel
	case bound.isCall("materialize"):
		return b.materialized(bound)
	case bound.x != nil:
		rel := *b.table(bound.x, bound.scope)
		return &rel
	}
	return bindPatternCall(b, x, bound, "", s)
}

// bindCopyOf gives a bound relation's columns fresh ids, so that it can be used more than once.
func bindCopyOf(b *binder, rel *relation, name string) *relation {
	items := make([]item, len(rel.cols))
	for i, c := range rel.cols {
		items[i] = item{sql: c.id, col: column{name: c.name, typ: c.typ, id: b.newID()}}
	}
	source := rel.with(rel.sql)
	source.ingestion = nil
	out := bindProject(b, source, items)
	renamed := map[string]string{}
	for i, c := range rel.cols {
		renamed[c.id] = items[i].col.id
	}
	parts := strings.Builder{}
	out.order = nil
	for _, k := range rel.order {
		if id, ok := renamed[k.id]; ok {
			k.id = id
		} else {
			fresh := b.newID()
			parts.WriteString(", " + k.id + " AS " + fresh)
			k.id = fresh
		}
		out.order = append(out.order, k)
	}
	if parts.Len() > 0 {
		out.sql = "SELECT *" + parts.String() + " FROM (" + out.sql + ")"
	}
	out.name = name
	return out
}

func bindCatalogTable(b *binder, db, name string) *relation {
	if b.opts.Catalog == nil {
		return nil
	}
	t, ok := b.opts.Catalog.Table(db, name)
	if !ok {
		return nil
	}
	return bindScan(b, t)
}

// bindScan reads a stored table.
func bindScan(b *binder, t Table) *relation {
	rel := &relation{name: t.Name, stable: true}
	parts := make([]string, len(t.Columns))
	for i, c := range t.Columns {
		id := b.newID()
		parts[i] = quoteIdent(c.Name) + " AS " + id
		rel.cols = append(rel.cols, column{name: c.Name, typ: c.Type, id: id})
	}
	if t.Extents != "" {
		rel.ingestion = &ingestionColumns{time: b.newID(), extent: b.newID(), extents: t.Extents}
		parts = append(parts, quoteIdent(t.Ingested)+" AS "+rel.ingestion.time,
			quoteIdent(t.Extent)+" AS "+rel.ingestion.extent)
	}
	if len(parts) == 0 {
		parts = []string{"NULL AS none"}
	}
	rel.sql = "SELECT " + strings.Join(parts, ", ") + " FROM " + t.Physical
	return rel
}

// bindCallTable calls a function whose body is tabular.
func bindCallTable(b *binder, x syntax.CallNode, f *binding, s *scope) *relation {
	b.calls++
	defer func() { b.calls-- }()
	if b.calls > maxCalls {
		b.fail(x, syntax.CodeSemantic, "Function calls are nested more than %d levels deep", maxCalls)
	}
	body, inner := bindDeclarations(b, f.lambda.Body, bindArguments(b, x, f, env{scope: s}))
	if !b.isTabular(body, inner) {
		e := bindScalar(b, body, env{scope: inner})
		id := b.newID()
		return &relation{sql: "SELECT " + e.sql + " AS " + id, cols: []column{{name: "Column1", typ: e.typ, id: id}}}
	}
	rel := *b.table(body, inner)
	return &rel
}

func bindTableCall(b *binder, x syntax.CallNode, s *scope) *relation {
	if bound := s.lookup(x.Name); bound != nil {
		return bindBoundTable(b, x, bound, s)
	}
	switch x.Name {
	case "materialize", "view":
		bindArity(b, x, 1, 1)
		return b.table(x.Args[0].X, s)
	case "table":
		if len(x.Args) == 0 {
			bindArity(b, x, 1, 2)
		}
		name := bindConstantString(b, x.Args[0].X, env{scope: s}, "The table name")
		if bound := s.lookup(name); bound != nil {
			return bindBoundTable(b, syntax.CallNode{Name: name, Span: x.Span}, bound, s)
		}
		if rel := bindCatalogTable(b, b.opts.Database, name); rel != nil {
			return rel
		}
		bindUnknownTable(b, x, name)
	case "toscalar", "cluster", "database", "externaldata", "external_table", "materialized_view":
		if x.Name == "materialized_view" && len(x.Args) == 1 {
			name := bindConstantString(b, x.Args[0].X, env{scope: s}, "The view name")
			if rel := bindCatalogTable(b, b.opts.Database, name); rel != nil {
				return rel
			}
			bindUnknownTable(b, x, name)
		}
		if x.Name == "toscalar" {
			return bindPrint(b, syntax.PrintNode{Items: []syntax.NamedExpr{{X: x}}, Span: x.Span}, s)
		}
		b.fail(x, syntax.CodeUnsupported, "'%s()' is not supported here", x.Name)
	}
	if len(x.Args) > 0 && x.Args[0].Name == "@" {
		return bindQualifiedCall(b, x, s)
	}
	if f, ok := bindStoredFunction(b, x.Name, x); ok {
		return bindCallTable(b, x, f, s)
	}
	if len(builtinFunctions()[x.Name]) > 0 || b.special[x.Name] != nil {
		return bindPrint(b, syntax.PrintNode{Items: []syntax.NamedExpr{{X: x}}, Span: x.Span}, s)
	}
	bindUnknownFunction(b, x)
	return nil
}

// bindDatabase returns the database a qualifier such as database('x') or cluster('c').database('x') names.
func bindDatabase(b *binder, x syntax.Node, s *scope) string {
	c, ok := x.(syntax.CallNode)
	if !ok || c.Name != "database" {
		b.fail(x, syntax.CodeUnsupported, "Only database('name') may qualify a table")
	}
	args := c.Args
	if len(args) > 0 && args[0].Name == "@" {
		args = args[1:]
	}
	if len(args) != 1 {
		b.fail(x, syntax.CodeArguments, "database(): function expects 1 argument(s)")
	}
	return bindConstantString(b, args[0].X, env{scope: s}, "The database name")
}

func bindQualifiedTable(b *binder, x syntax.MemberNode, s *scope) *relation {
	if c, ok := x.X.(syntax.CallNode); ok {
		if bound := s.lookup(c.Name); bound != nil && bound.cases != nil {
			return bindPatternCall(b, c, bound, x.Name, s)
		}
	}
	db := bindDatabase(b, x.X, s)
	rel := bindCatalogTable(b, db, x.Name)
	if rel == nil {
		b.fail(x, syntax.CodeUnknownName, "Failed to resolve entity '%s' in database '%s'", x.Name, db)
	}
	return rel
}

// bindQualifiedCall binds database('x').f(…) and database('x').table('t').
func bindQualifiedCall(b *binder, x syntax.CallNode, s *scope) *relation {
	if c, ok := x.Args[0].X.(syntax.CallNode); ok {
		if bound := s.lookup(c.Name); bound != nil && bound.cases != nil {
			return bindPatternCall(b, c, bound, x.Name, s)
		}
	}
	db := bindDatabase(b, x.Args[0].X, s)
	outer := b.opts.Database
	b.opts.Database = db
	defer func() { b.opts.Database = outer }()
	inner := x
	inner.Args = x.Args[1:]
	return bindTableCall(b, inner, s)
}

// bindPatternCall picks the case of declare pattern that the arguments name.
func bindPatternCall(b *binder, x syntax.CallNode, bound *binding, path string, s *scope) *relation {
	args := make([]string, len(x.Args))
	for i, a := range x.Args {
		args[i] = bindConstantString(b, a.X, env{scope: s}, "The pattern argument")
	}
	for _, c := range bound.cases.Cases {
		if c.Path == path && strings.Join(c.Args, "\x00") == strings.Join(args, "\x00") && len(c.Args) == len(args) {
			return bindBody(b, c.Body, bound.scope)
		}
	}
	b.fail(x, syntax.CodeSemantic, "The pattern '%s' has no case for these arguments", x.Name)
	return nil
}

// bindDatatable binds datatable(…)[…] as VALUES. A hidden row number keeps the rows' order.
func bindDatatable(b *binder, x syntax.DatatableNode, s *scope) *relation {
	width := len(x.Columns)
	if len(x.Values)%width != 0 {
		b.fail(x, syntax.CodeSyntax, "The datatable has %d values, which is not a multiple of its %d columns",
			len(x.Values), width)
	}
	rel := &relation{}
	ord := b.newID()
	names := []string{ord}
	casts := []string{ord}
	for _, c := range x.Columns {
		id := b.newID()
		rel.cols = append(rel.cols, column{name: c.Name, typ: c.Type, id: id})
		names = append(names, id)
		casts = append(casts, id)
	}
	rel.order = []orderKey{{id: ord}}
	if len(x.Values) == 0 {
		empty := make([]string, len(names))
		empty[0] = "0::BIGINT AS " + ord
		for i, c := range rel.cols {
			empty[i+1] = "NULL::" + c.typ.Physical() + " AS " + c.id
		}
		rel.sql = "SELECT " + strings.Join(empty, ", ") + " WHERE FALSE"
		return rel
	}
	var rows []string
	for at := 0; at < len(x.Values); at += width {
		cells := []string{fmt.Sprintf("%d::BIGINT", at/width)}
		for i, c := range x.Columns {
			e := bindScalar(b, x.Values[at+i], env{scope: s})
			cells = append(cells, bindCoerce(b, e, c.Type).sql)
		}
		rows = append(rows, "("+strings.Join(cells, ", ")+")")
	}
	rel.sql = "SELECT " + strings.Join(casts, ", ") + " FROM (VALUES " + strings.Join(rows,
		", ") + ") AS t(" + strings.Join(names, ", ") + ")"
	return rel
}

// bindRangeTable binds range x from a to b step c.
func bindRangeTable(b *binder, x syntax.RangeNode, s *scope) *relation {
	from, to, step := bindScalar(b, x.From, env{scope: s}), bindScalar(b, x.To, env{scope: s}),
		bindScalar(b, x.Step, env{scope: s})
	id := b.newID()
	rel := &relation{cols: []column{{name: x.Column, id: id}}, order: []orderKey{{id: id}}, serialized: true}
	if from.typ == value.Dynamic {
		from = bindDynamicOperand(b, from, step.typ)
	}
	if to.typ == value.Dynamic {
		to = bindDynamicOperand(b, to, step.typ)
	}
	t := from.typ
	switch {
	case (t == value.Datetime || t == value.Timespan) && to.typ == t && step.typ == value.Timespan:
		rel.sql = seriesSQL(from, to, step, id)
	case t.Numeric() && to.typ.Numeric() && step.typ.Numeric():
		t = bindCommon(b, x, []*expr{from, to, step})
		switch t {
		case value.Int:
			t = value.Long
		case value.Decimal:
			b.failHint(x, syntax.CodeUnsupported, "use toreal()", "range: a range of decimals is not supported")
		}
		from, to, step = bindCoerce(b, from, t), bindCoerce(b, to, t), bindCoerce(b, step, t)
		if t.Integer() {
			rel.sql = seriesSQL(from, to, step, id)
		} else {
			f, l, st := from.sql, to.sql, step.sql
			rel.sql = "SELECT " + f + " + n * " + st + " AS " + id +
				" FROM (SELECT unnest(generate_series(0::BIGINT, CAST(floor((" + l + " - " + f + ") / " + st +
				" + 1e-9) AS BIGINT))) AS n)"
		}
	default:
		b.fail(x, syntax.CodeArguments, "range: 'from', 'to' and 'step' have the types %s, %s and %s, which do not fit",
			from.typ, to.typ, step.typ)
	}
	if step.konst == int64(0) || step.konst == 0.0 {
		b.fail(x, syntax.CodeArguments, "range: the 'step' must not be zero")
	}
	if n, ok := step.konst.(int64); ok && n < 0 {
		rel.order[0].desc = true
	}
	if f, ok := step.konst.(float64); ok && (f < 0 || math.IsNaN(f)) {
		rel.order[0].desc = true
	}
	rel.cols[0].typ = t
	return rel
}

// seriesSQL yields from, from+step … to as rows. Between constants the rows are made as they are
// needed; otherwise DuckDB makes a list first.
func seriesSQL(from, to, step *expr, id string) string {
	args := from.sql + ", " + to.sql + ", " + step.sql
	if n, ok := step.konst.(int64); ok && n != 0 && from.isConst && to.isConst && from.konst != nil && to.konst != nil {
		return "SELECT " + id + " FROM generate_series(" + args + ") AS t(" + id + ")"
	}
	return "SELECT unnest(generate_series(" + args + ")) AS " + id
}

// bindPrint binds print: one row.
func bindPrint(b *binder, x syntax.PrintNode, s *scope) *relation {
	empty := &relation{sql: "SELECT 1 AS one", serialized: true}
	names := map[string]bool{}
	for _, it := range x.Items {
		for _, n := range it.Names {
			names[n] = true
		}
	}
	var items []item
	var extra []item
	e := env{scope: s, extra: &extra}
	for i, it := range x.Items {
		bound := bindScalar(b, it.X, e)
		if len(bound.parts) > 0 {
			parts := bound.parts
			if len(it.Names) == 1 {
				parts = parts[:1]
			}
			for j, p := range parts {
				name := p.name
				if j < len(it.Names) {
					name = it.Names[j]
				}
				if name == "" {
					name = fmt.Sprintf("print_%d_%d", i, j)
				}
				items = append(items,
					item{sql: p.sql, col: column{name: uniqueName(name, taken(items)), typ: p.typ, id: b.newID()}})
			}
			continue
		}
		name := fmt.Sprintf("print_%d", i)
		if len(it.Names) > 0 {
			name = it.Names[0]
		}
		items = append(items, item{sql: bound.sql, col: column{name: uniqueName(name, taken(items)), typ: bound.typ,
			id: b.newID()}})
	}
	return bindProject(b, bindLayers(b, empty, extra), items)
}

// taken returns a test for names among items.
func taken(items []item) func(string) bool {
	return func(name string) bool {
		for _, it := range items {
			if it.col.name == name {
				return true
			}
		}
		return false
	}
}

// bindLayers computes the extra columns of expressions, one SELECT each, because each may use the ones before.
func bindLayers(b *binder, rel *relation, extra []item) *relation {
	for _, it := range extra {
		if it.over != nil {
			rel = rel.with(it.over(rel.sql))
			continue
		}
		rel = bindExtend(b, rel, []item{it})
	}
	return rel
}
