package kql

import (
	"fmt"
	"sort"
	"strings"

	"github.com/calypso-cdc/calypso/services/localadx/kql/syntax"
	"github.com/calypso-cdc/calypso/services/localadx/kql/value"
)

// bindOperators applies tabular operators from left to right.
func bindOperators(b *binder, rel *relation, ops []syntax.Operator, s *scope) *relation {
	for i, op := range ops {
		if join, ok := op.(syntax.JoinOp); ok {
			join.Then = leadingPredicates(ops[i+1:])
			op = join
		}
		before := rel
		noted := apart(b, func() { rel = bindOperator(b, rel, op, s) })
		if noted.volatile || before != nil && before.volatile {
			rel = rel.asVolatile()
		}
		if as, ok := op.(syntax.AsOp); ok {
			if rel.volatile {
				rel = b.share(rel)
			}
			s = s.add(as.Name, &binding{table: rel})
		}
		b.checkSize(rel)
	}
	b.facts.volatile = b.facts.volatile || rel != nil && rel.volatile
	return rel
}

func bindOperator(b *binder, rel *relation, op syntax.Operator, s *scope) *relation {
	outer := b.current
	b.current = bindOperatorName(b, op)
	defer func() { b.current = outer }()
	if rel != nil && rel.graph != nil {
		return bindGraphOperator(b, rel, op, s)
	}
	switch op := op.(type) {
	case syntax.MakeGraphOp:
		return bindMakeGraph(b, rel, op, s)
	case syntax.GraphMatchOp, syntax.GraphToTableOp, syntax.GraphComponentsOp:
		b.failHint(op, syntax.CodeSemantic, "make a graph of a table by make-graph",
			"The operator '%s' takes a graph", b.current)
	case syntax.WhereOp:
		return bindWhere(b, rel, op, s)
	case syntax.ProjectOp:
		return bindProjectOperator(b, rel, op, s)
	case syntax.ColumnsOp:
		return bindColumns(b, rel, op, s)
	case syntax.SummarizeOp:
		return bindSummarize(b, rel, op, s)
	case syntax.SortOp:
		return bindSort(b, rel, op.Keys, s)
	case syntax.TakeOp:
		return bindTake(b, rel, op.Count, s)
	case syntax.TopOp:
		return bindTake(b, bindSort(b, rel, op.Keys, s), op.Count, s)
	case syntax.CountOp:
		id := b.newID()
		return &relation{sql: "SELECT count(*) AS " + id + " FROM (" + rel.sql + ")",
			cols: []column{{name: op.Name, typ: value.Long, id: id}}}
	case syntax.JoinOp:
		return bindJoin(b, rel, op, s)
	case syntax.UnionOp:
		return b.union(op, rel, s)
	case syntax.MvExpandOp:
		if op.Apply != nil {
			return bindMvApply(b, rel, op, s)
		}
		return bindMvExpand(b, rel, op, s)
	case syntax.ParseOp:
		return bindParseOperator(b, rel, op, s)
	case syntax.ParseKVOp:
		return bindParseKV(b, rel, op, s)
	case syntax.MakeSeriesOp:
		return bindMakeSeries(b, rel, op, s)
	case syntax.RenderOp:
		b.render = &Render{Visualization: op.Kind, Properties: op.Properties}
		return rel
	case syntax.SerializeOp:
		out := *rel
		out.serialized = true
		if len(op.Items) == 0 {
			return &out
		}
		return bindProjectOperator(b, &out, syntax.ProjectOp{Kind: "extend", Items: op.Items, Span: op.Span}, s)
	case syntax.AsOp:
		out := *rel
		out.name = op.Name
		return &out
	case syntax.GetSchemaOp:
		return bindGetSchema(b, rel)
	case syntax.EvaluateOp:
		return bindEvaluate(b, rel, op, s)
	case syntax.InvokeOp:
		return bindInvoke(b, rel, op, s)
	case syntax.PartitionOp:
		return bindPartition(b, rel, op, s)
	case syntax.ScanOp:
		return bindScanOperator(b, rel, op, s)
	case syntax.TopNestedOp:
		return bindTopNested(b, rel, op, s)
	case syntax.SampleOp:
		return bindSample(b, rel, op, s)
	case syntax.SearchOp:
		return bindSearch(b, rel, op, s)
	case syntax.FindOp:
		return bindFind(b, op, s)
	case syntax.ReduceOp:
		return bindReduce(b, rel, op, s)
	case syntax.TopHittersOp:
		return bindTopHitters(b, rel, op, s)
	case syntax.ForkOp:
		b.fail(op, syntax.CodeSemantic, "%s: it must be the last operator of a query", b.current)
	case syntax.ConsumeOp:
		return &relation{sql: "SELECT 1 AS none WHERE FALSE"}
	}
	b.fail(op, syntax.CodeUnsupported, "This operator is not supported")
	return nil
}

// bindOperatorName is the word an operator starts with in the query text.
func bindOperatorName(b *binder, op syntax.Operator) string {
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

func bindWhere(b *binder, rel *relation, op syntax.WhereOp, s *scope) *relation {
	var extra []item
	e := bindBoolean(b, op.X, env{scope: s, rel: rel, extra: &extra})
	rel = bindLayers(b, rel, extra)
	return bindFilter(b, rel, e.filterSQL())
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

func bindProjectOperator(b *binder, rel *relation, op syntax.ProjectOp, s *scope) *relation {
	switch op.Kind {
	case "extend":
		return bindExtendOperator(b, rel, op, s)
	case "project-rename":
		return bindRename(b, rel, op)
	}
	var extra []item
	n := newNamer(op.Items)
	items := bindOutputs(b, op.Items, env{scope: s, rel: rel, extra: &extra}, n)
	bindCheckDuplicates(b, op, items)
	out := bindProject(b, bindLayers(b, rel, extra), items)
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

func bindExtendOperator(b *binder, rel *relation, op syntax.ProjectOp, s *scope) *relation {
	var extra []item
	n := newNamer(op.Items)
	for _, c := range rel.cols {
		n.taken[c.name] = true
	}
	items := bindOutputs(b, op.Items, env{scope: s, rel: rel, extra: &extra}, n)
	bindCheckDuplicates(b, op, items)
	out := bindExtend(b, bindLayers(b, rel, extra), items)
	return out.keep(replaceColumns(rel.cols, items)).settle()
}

func bindRename(b *binder, rel *relation, op syntax.ProjectOp) *relation {
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

// columnPattern returns the name pattern of an item of project-away and similar operators.
func bindColumnPatterns(b *binder, x syntax.Node, s *scope) []string {
	switch x := x.(type) {
	case syntax.NameNode:
		return []string{x.Name}
	case syntax.WildcardNode:
		return []string{x.Pattern}
	case syntax.CallNode:
		return bindColumnNames(b, x, s)
	}
	b.fail(x, syntax.CodeSyntax, "A column name was expected")
	return nil
}

// bindColumnNames returns the name patterns that a constant is: a text, or an array of them.
func bindColumnNames(b *binder, x syntax.Node, s *scope) []string {
	e := bindScalar(b, x, env{scope: s})
	text, _ := bindConstantValue(b, e, "The column list").(string)
	if e.typ == value.String {
		return []string{text}
	}
	decoded, _ := value.DecodeDynamic(text)
	list, _ := decoded.([]any)
	names := make([]string, 0, len(list))
	for _, v := range list {
		names = append(names, value.DynamicText(v))
	}
	return names
}

func bindColumns(b *binder, rel *relation, op syntax.ColumnsOp, s *scope) *relation {
	type pick struct {
		pattern, order string
	}
	var picks []pick
	for i, x := range op.Items {
		patterns, lenient := bindColumnPatterns, op.Kind == "project-reorder"
		if op.Kind == "project-by-names" {
			patterns, lenient = bindColumnNames, true
		}
		for _, pattern := range patterns(b, x, s) {
			picks = append(picks, pick{pattern, op.Order[i]})
			if !strings.Contains(pattern, "*") && rel.index(pattern) < 0 && !lenient {
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
	case "project-by-names":
		return rel.keep(chosen)
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

// bindSort makes the keys the relation's order; rows equal in them keep the order they had. Nulls
// are the smallest values.
func bindSort(b *binder, rel *relation, keys []syntax.SortKey, s *scope) *relation {
	var extra, items []item
	var order []orderKey
	e := env{scope: s, rel: rel, extra: &extra}
	for _, k := range keys {
		bound := bindScalar(b, k.X, e)
		id := bound.sql
		if bound.typ == value.Dynamic {
			b.failHint(k.X, syntax.CodeArguments, "convert it with tostring(), tolong() …",
				"A dynamic value cannot be a sort key")
		}
		if bound.isConst {
			continue
		}
		if !bound.isColumn() {
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
	out := bindExtend(b, bindLayers(b, rel, extra), items)
	out = out.with(out.sql)
	out.order = append(order, rel.order...)
	out.serialized = true
	return out
}

func bindTake(b *binder, rel *relation, count syntax.Node, s *scope) *relation {
	e := bindScalar(b, count, env{scope: s})
	if e.typ != value.Dynamic && !e.typ.Numeric() {
		b.fail(count, syntax.CodeArguments, "The number of rows must be a long but is %s", e.typ)
	}
	sql := bindCoerce(b, e, value.Long).sql
	out := rel.with("SELECT * FROM (" + rel.sql + ")" + rel.orderBy() + " LIMIT " + sql)
	out.stable = false
	return out
}

func bindSample(b *binder, rel *relation, op syntax.SampleOp, s *scope) *relation {
	if op.Of == nil {
		return bindTake(b, rel, op.Count, s)
	}
	distinct := bindProjectOperator(b, rel, syntax.ProjectOp{Kind: "distinct", Items: []syntax.NamedExpr{{X: op.Of}},
		Span: op.Span}, s)
	return bindTake(b, distinct, op.Count, s)
}

// bindConstantTable returns a relation of literal rows.
func bindConstantTable(b *binder, cols []Column, rows [][]any) *relation {
	d := syntax.DatatableNode{}
	for _, c := range cols {
		d.Columns = append(d.Columns, syntax.ColumnDef(c))
	}
	for _, row := range rows {
		for i, v := range row {
			d.Values = append(d.Values, syntax.LiteralNode{Type: cols[i].Type, Value: v})
		}
	}
	return bindDatatable(b, d, nil)
}

func bindGetSchema(b *binder, rel *relation) *relation {
	rows := make([][]any, len(rel.cols))
	for i, c := range rel.cols {
		rows[i] = []any{c.name, int64(i), c.typ.DotNet(), c.typ.String()}
	}
	return bindConstantTable(b, []Column{{"ColumnName", value.String}, {"ColumnOrdinal", value.Int},
		{"DataType", value.String}, {"ColumnType", value.String}}, rows)
}

// bindInvoke calls a function with the piped table as its first argument.
func bindInvoke(b *binder, rel *relation, op syntax.InvokeOp, s *scope) *relation {
	const hidden = "\x00invoked"
	inner := s.add(hidden, &binding{table: rel})
	call := *op.Call
	call.Args = append([]syntax.Argument{{X: syntax.NameNode{Name: hidden, Span: op.Span}}}, call.Args...)
	bound := s.lookup(call.Name)
	if bound == nil {
		f, ok := bindStoredFunction(b, call.Name, call)
		if !ok {
			bindUnknownFunction(b, call)
		}
		bound = f
	}
	if bound.lambda == nil {
		b.fail(op, syntax.CodeSemantic, "'%s' is not a function", call.Name)
	}
	return bindCallTable(b, call, bound, inner)
}

func bindTopHitters(b *binder, rel *relation, op syntax.TopHittersOp, s *scope) *relation {
	aggregateCall := syntax.CallNode{Name: "count", Span: op.Span}
	if op.By != nil {
		aggregateCall = syntax.CallNode{Name: "sum", Args: []syntax.Argument{{X: op.By}}, Span: op.Span}
	}
	name := "approximate_count_" + bindScalar(b, op.Of, env{scope: s, rel: rel}).name
	if op.By != nil {
		name = "approximate_sum_" + bindScalar(b, op.By, env{scope: s, rel: rel}).name
	}
	out := bindSummarize(b, rel,
		syntax.SummarizeOp{Aggregates: []syntax.NamedExpr{{Names: []string{name}, X: aggregateCall}},
			By: []syntax.NamedExpr{{X: op.Of}}, Span: op.Span}, s)
	return bindTake(b, bindSort(b, out, []syntax.SortKey{{X: syntax.NameNode{Name: name, Span: op.Span}}}, s),
		op.Count, s)
}
