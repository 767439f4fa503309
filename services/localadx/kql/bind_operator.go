package kql

import (
	"fmt"
	"path"
	"sort"
	"strings"

	"github.com/calypso-cdc/calypso/services/localadx/kql/syntax"
	"github.com/calypso-cdc/calypso/services/localadx/kql/value"
)

// operators applies tabular operators from left to right.
func (b *binder) operators(rel *relation, ops []syntax.Operator, s *scope) *relation {
	for i, op := range ops {
		if join, ok := op.(syntax.JoinOp); ok {
			join.Then = leadingPredicates(ops[i+1:])
			op = join
		}
		rel = b.operator(rel, op, s)
		if as, ok := op.(syntax.AsOp); ok {
			if rel.volatile() {
				rel = b.share(rel)
			}
			s = s.add(as.Name, &binding{table: rel})
		}
		b.checkSize(rel)
	}
	return rel
}

// checkSize refuses relations that inlining has blown up.
func (b *binder) checkSize(rel *relation) {
	b.spend(nil, len(rel.sql)+64*len(rel.cols))
	if len(rel.sql) > maxSQL {
		b.fail(nil, syntax.CodeUnsupported, "The query grows to more than %d bytes when its let statements are inlined", maxSQL)
	}
	if len(rel.cols) > syntax.MaxColumns {
		b.fail(nil, syntax.CodeUnsupported, "The query has an intermediate result of more than %d columns", syntax.MaxColumns)
	}
}

func (b *binder) operator(rel *relation, op syntax.Operator, s *scope) *relation {
	outer := b.current
	b.current = b.operatorName(op)
	defer func() { b.current = outer }()
	switch op := op.(type) {
	case syntax.WhereOp:
		return b.where(rel, op, s)
	case syntax.ProjectOp:
		return b.projectOperator(rel, op, s)
	case syntax.ColumnsOp:
		return b.columns(rel, op, s)
	case syntax.SummarizeOp:
		return b.summarize(rel, op, s)
	case syntax.SortOp:
		return b.sort(rel, op.Keys, s)
	case syntax.TakeOp:
		return b.take(rel, op.Count, s)
	case syntax.TopOp:
		return b.take(b.sort(rel, op.Keys, s), op.Count, s)
	case syntax.CountOp:
		id := b.newID()
		return &relation{sql: "SELECT count(*) AS " + id + " FROM (" + rel.sql + ")", cols: []column{{name: op.Name, typ: value.Long, id: id}}}
	case syntax.JoinOp:
		return b.join(rel, op, s)
	case syntax.UnionOp:
		return b.union(op, rel, s)
	case syntax.MvExpandOp:
		if op.Apply != nil {
			return b.mvApply(rel, op, s)
		}
		return b.mvExpand(rel, op, s)
	case syntax.ParseOp:
		return b.parseOperator(rel, op, s)
	case syntax.ParseKVOp:
		return b.parseKV(rel, op, s)
	case syntax.MakeSeriesOp:
		return b.makeSeries(rel, op, s)
	case syntax.RenderOp:
		b.render = &Render{Visualization: op.Kind, Properties: op.Properties}
		return rel
	case syntax.SerializeOp:
		out := *rel
		out.serialized = true
		if len(op.Items) == 0 {
			return &out
		}
		return b.projectOperator(&out, syntax.ProjectOp{Kind: "extend", Items: op.Items, Span: op.Span}, s)
	case syntax.AsOp:
		out := *rel
		out.name = op.Name
		return &out
	case syntax.GetSchemaOp:
		return b.getSchema(rel)
	case syntax.EvaluateOp:
		return b.evaluate(rel, op, s)
	case syntax.InvokeOp:
		return b.invoke(rel, op, s)
	case syntax.PartitionOp:
		return b.partition(rel, op, s)
	case syntax.ScanOp:
		return b.scanOperator(rel, op, s)
	case syntax.TopNestedOp:
		return b.topNested(rel, op, s)
	case syntax.SampleOp:
		return b.sample(rel, op, s)
	case syntax.SearchOp:
		return b.search(rel, op, s)
	case syntax.FindOp:
		return b.find(op, s)
	case syntax.ReduceOp:
		return b.reduce(rel, op, s)
	case syntax.TopHittersOp:
		return b.topHitters(rel, op, s)
	case syntax.ConsumeOp:
		return &relation{sql: "SELECT 1 AS none WHERE FALSE"}
	}
	b.fail(op, syntax.CodeUnsupported, "This operator is not supported")
	return nil
}

// operatorName is the word an operator starts with in the query text.
func (b *binder) operatorName(op syntax.Operator) string {
	at := op.Place()
	if at.Start < 0 || at.End > len(b.text) || at.Start >= at.End {
		return ""
	}
	text := b.text[at.Start:at.End]
	end := strings.IndexFunc(text, func(r rune) bool { return !(r == '-' || syntax.IsNameRune(r)) })
	if end < 0 {
		return text
	}
	return text[:end]
}

func (b *binder) where(rel *relation, op syntax.WhereOp, s *scope) *relation {
	var extra []item
	e := b.boolean(op.X, env{scope: s, rel: rel, extra: &extra})
	rel = b.layers(rel, extra)
	return b.filter(rel, e.filterSQL())
}

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

func (n *namer) name(hint string) string {
	if hint == "" {
		n.unnamed++
		hint = fmt.Sprintf("Column%d", n.unnamed)
	}
	name := uniqueName(hint, func(s string) bool { return n.taken[s] })
	n.taken[name] = true
	return name
}

// outputs binds a list of named expressions against a relation, one output column each or several for an expression with parts.
func (b *binder) outputs(items []syntax.NamedExpr, env env, n *namer) []item {
	var out []item
	for _, it := range items {
		if _, ok := it.X.(syntax.StarNode); ok && len(it.Names) == 0 && env.rel != nil {
			for _, c := range env.rel.cols {
				out = append(out, item{sql: c.id, col: c})
				n.taken[c.name] = true
			}
			continue
		}
		before := b.reads
		e := b.scalar(it.X, env)
		weight := b.reads - before
		e.sql = clean(e.sql)
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
				out = append(out, item{sql: clean(p.sql), col: column{name: name, typ: p.typ, id: b.newID(), weight: weight}})
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

func (b *binder) projectOperator(rel *relation, op syntax.ProjectOp, s *scope) *relation {
	switch op.Kind {
	case "extend":
		return b.extendOperator(rel, op, s)
	case "project-rename":
		return b.rename(rel, op)
	}
	var extra []item
	n := newNamer(op.Items)
	items := b.outputs(op.Items, env{scope: s, rel: rel, extra: &extra}, n)
	b.checkDuplicates(op, items)
	out := b.project(b.layers(rel, extra), items)
	if op.Kind == "distinct" {
		ids := make([]string, len(items))
		for i, it := range items {
			ids[i] = it.col.id
		}
		out.sql = "SELECT DISTINCT " + strings.Join(ids, ", ") + " FROM (" + out.sql + ")"
		out = out.unordered()
		out.ingestion = nil
	}
	out.name = ""
	return out.settle()
}

func (b *binder) checkDuplicates(op syntax.Operator, items []item) {
	seen := map[string]bool{}
	for _, it := range items {
		if seen[it.col.name] {
			b.fail(op, "SEM0049", "A column named '%s' already exists", it.col.name)
		}
		seen[it.col.name] = true
	}
}

func (b *binder) extendOperator(rel *relation, op syntax.ProjectOp, s *scope) *relation {
	var extra []item
	n := newNamer(op.Items)
	for _, c := range rel.cols {
		n.taken[c.name] = true
	}
	items := b.outputs(op.Items, env{scope: s, rel: rel, extra: &extra}, n)
	b.checkDuplicates(op, items)
	out := b.extend(b.layers(rel, extra), items)
	return out.keep(replaceColumns(rel.cols, items)).settle()
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

func (b *binder) rename(rel *relation, op syntax.ProjectOp) *relation {
	cols := append([]column(nil), rel.cols...)
	for _, it := range op.Items {
		old, ok := it.X.(syntax.NameNode)
		if !ok || len(it.Names) != 1 {
			b.fail(op, syntax.CodeSyntax, "project-rename: write new_name = old_name")
		}
		i := rel.index(old.Name)
		if i < 0 {
			b.fail(it.X, syntax.CodeUnknownName, "project-rename: Failed to resolve column named '%s'", old.Name)
		}
		cols[i].name = it.Names[0]
	}
	seen := map[string]bool{}
	for _, c := range cols {
		if seen[c.name] {
			b.fail(op, "SEM0049", "A column named '%s' already exists", c.name)
		}
		seen[c.name] = true
	}
	return rel.keep(cols)
}

// columnPattern returns the name pattern of an item of project-away and its kin.
func (b *binder) columnPatterns(x syntax.Node, s *scope) []string {
	switch x := x.(type) {
	case syntax.NameNode:
		return []string{x.Name}
	case syntax.WildcardNode:
		return []string{x.Pattern}
	case syntax.CallNode:
		e := b.scalar(x, env{scope: s})
		text, _ := b.constantValue(e, "The column list").(string)
		decoded, _ := value.DecodeDynamic(text)
		list, _ := decoded.([]any)
		names := make([]string, 0, len(list))
		for _, v := range list {
			names = append(names, value.DynamicText(v))
		}
		return names
	}
	b.fail(x, syntax.CodeSyntax, "A column name was expected")
	return nil
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

func (b *binder) columns(rel *relation, op syntax.ColumnsOp, s *scope) *relation {
	type pick struct {
		pattern, order string
	}
	var picks []pick
	for i, x := range op.Items {
		for _, pattern := range b.columnPatterns(x, s) {
			picks = append(picks, pick{pattern, op.Order[i]})
			if !strings.Contains(pattern, "*") && rel.index(pattern) < 0 && op.Kind != "project-reorder" {
				b.fail(x, syntax.CodeUnknownName, "%s: Failed to resolve column named '%s'", op.Kind, pattern)
			}
		}
	}
	var chosen []column
	used := map[string]bool{}
	for _, p := range picks {
		var group []column
		for _, c := range rel.cols {
			if !used[c.id] && matchName(p.pattern, c.name) {
				group = append(group, c)
				used[c.id] = true
			}
		}
		sortColumns(group, p.order)
		chosen = append(chosen, group...)
	}
	switch op.Kind {
	case "project-keep":
		var kept []column
		for _, c := range rel.cols {
			if used[c.id] {
				kept = append(kept, c)
			}
		}
		return rel.keep(kept)
	case "project-reorder":
		for _, c := range rel.cols {
			if !used[c.id] {
				chosen = append(chosen, c)
			}
		}
		return rel.keep(chosen)
	}
	var rest []column
	for _, c := range rel.cols {
		if !used[c.id] {
			rest = append(rest, c)
		}
	}
	return rel.keep(rest)
}

// sortColumns orders columns by name; the granny orders compare digits as numbers.
func sortColumns(cols []column, order string) {
	if order == "" {
		return
	}
	less := func(x, y string) bool { return x < y }
	if strings.HasPrefix(order, "granny") {
		less = naturalLess
	}
	sort.SliceStable(cols, func(i, j int) bool {
		if strings.HasSuffix(order, "desc") {
			return less(cols[j].name, cols[i].name)
		}
		return less(cols[i].name, cols[j].name)
	})
}

// naturalLess compares names with runs of digits as numbers, so that a2 comes before a10.
func naturalLess(x, y string) bool {
	for x != "" && y != "" {
		if syntax.IsDigit(x[0]) && syntax.IsDigit(y[0]) {
			nx, ny := digitRun(x), digitRun(y)
			tx, ty := strings.TrimLeft(x[:nx], "0"), strings.TrimLeft(y[:ny], "0")
			if len(tx) != len(ty) {
				return len(tx) < len(ty)
			}
			if tx != ty {
				return tx < ty
			}
			x, y = x[nx:], y[ny:]
			continue
		}
		if x[0] != y[0] {
			return x[0] < y[0]
		}
		x, y = x[1:], y[1:]
	}
	return len(x) < len(y)
}

func digitRun(s string) int {
	n := 0
	for n < len(s) && syntax.IsDigit(s[n]) {
		n++
	}
	return n
}

// sort makes the keys the relation's order; rows equal in them keep the order they had. Nulls are the smallest values.
func (b *binder) sort(rel *relation, keys []syntax.SortKey, s *scope) *relation {
	var extra, items []item
	var order []orderKey
	e := env{scope: s, rel: rel, extra: &extra}
	for _, k := range keys {
		bound := b.scalar(k.X, e)
		id := bound.sql
		if bound.typ == value.Dynamic {
			b.failHint(k.X, syntax.CodeArguments, "convert it with tostring(), tolong() …", "A dynamic value cannot be a sort key")
		}
		if bound.isConst {
			continue
		}
		if !isID(id) {
			id = b.newID()
			items = append(items, item{sql: bound.sql, col: column{typ: bound.typ, id: id}})
		}
		key := orderKey{id: id, desc: !k.Asc, nullsLast: !k.Asc}
		if k.Nulls != "" {
			key.nullsLast = k.Nulls == "last"
		}
		if bound.typ == value.Real {
			// NaN stands beside null at the one or the other end; for DuckDB it is the largest number.
			isNumber := item{sql: "coalesce(NOT isnan(" + bound.sql + "), FALSE)", col: column{typ: value.Bool, id: b.newID()}}
			items = append(items, isNumber)
			order = append(order, orderKey{id: isNumber.col.id, desc: key.nullsLast})
		}
		order = append(order, key)
	}
	out := b.extend(b.layers(rel, extra), items)
	out = out.with(out.sql)
	out.order = append(order, rel.order...)
	out.serialized = true
	return out
}

// isID reports whether SQL is a bare column id.
func isID(sql string) bool {
	if len(sql) < 2 || sql[0] != 'c' {
		return false
	}
	for i := 1; i < len(sql); i++ {
		if !syntax.IsDigit(sql[i]) {
			return false
		}
	}
	return true
}

func (b *binder) take(rel *relation, count syntax.Node, s *scope) *relation {
	e := b.scalar(count, env{scope: s})
	if e.typ != value.Dynamic && !e.typ.Numeric() {
		b.fail(count, syntax.CodeArguments, "The number of rows must be a long but is %s", e.typ)
	}
	sql := b.coerce(e, value.Long).sql
	out := rel.with("SELECT * FROM (" + rel.sql + ")" + rel.orderBy() + " LIMIT " + sql)
	out.stable = false
	return out
}

func (b *binder) sample(rel *relation, op syntax.SampleOp, s *scope) *relation {
	if op.Of == nil {
		return b.take(rel, op.Count, s)
	}
	distinct := b.projectOperator(rel, syntax.ProjectOp{Kind: "distinct", Items: []syntax.NamedExpr{{X: op.Of}}, Span: op.Span}, s)
	return b.take(distinct, op.Count, s)
}

// constantTable returns a relation of literal rows.
func (b *binder) constantTable(cols []Column, rows [][]any) *relation {
	d := syntax.DatatableNode{}
	for _, c := range cols {
		d.Columns = append(d.Columns, syntax.ColumnDef(c))
	}
	for _, row := range rows {
		for i, v := range row {
			d.Values = append(d.Values, syntax.LiteralNode{Type: cols[i].Type, Value: v})
		}
	}
	return b.datatable(d, nil)
}

func (b *binder) getSchema(rel *relation) *relation {
	rows := make([][]any, len(rel.cols))
	for i, c := range rel.cols {
		rows[i] = []any{c.name, int64(i), c.typ.DotNet(), c.typ.String()}
	}
	return b.constantTable([]Column{{"ColumnName", value.String}, {"ColumnOrdinal", value.Int}, {"DataType", value.String}, {"ColumnType", value.String}}, rows)
}

// invoke calls a function with the piped table as its first argument.
func (b *binder) invoke(rel *relation, op syntax.InvokeOp, s *scope) *relation {
	const hidden = "\x00invoked"
	inner := s.add(hidden, &binding{table: rel})
	call := *op.Call
	call.Args = append([]syntax.Argument{{X: syntax.NameNode{Name: hidden, Span: op.Span}}}, call.Args...)
	bound := s.lookup(call.Name)
	if bound == nil {
		f, ok := b.storedFunction(call.Name, call)
		if !ok {
			b.unknownFunction(call)
		}
		bound = f
	}
	if bound.lambda == nil {
		b.fail(op, syntax.CodeSemantic, "'%s' is not a function", call.Name)
	}
	return b.callTable(call, bound, inner)
}

func (b *binder) topHitters(rel *relation, op syntax.TopHittersOp, s *scope) *relation {
	aggregateCall := syntax.CallNode{Name: "count", Span: op.Span}
	if op.By != nil {
		aggregateCall = syntax.CallNode{Name: "sum", Args: []syntax.Argument{{X: op.By}}, Span: op.Span}
	}
	name := "approximate_count_"
	if op.By != nil {
		name = "approximate_sum_"
	}
	of := b.scalar(op.Of, env{scope: s, rel: rel})
	out := b.summarize(rel, syntax.SummarizeOp{Aggregates: []syntax.NamedExpr{{Names: []string{name + of.name}, X: aggregateCall}}, By: []syntax.NamedExpr{{X: op.Of}}, Span: op.Span}, s)
	return b.take(b.sort(out, []syntax.SortKey{{X: syntax.NameNode{Name: name + of.name, Span: op.Span}}}, s), op.Count, s)
}
