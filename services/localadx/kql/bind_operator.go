package kql

import (
	"fmt"
	"path"
	"sort"
	"strings"

	"github.com/calypso-cdc/calypso/services/localadx/kql/value"
)

// operators applies tabular operators from left to right.
func (b *binder) operators(rel *relation, ops []operator, s *scope) *relation {
	for i, op := range ops {
		if join, ok := op.(joinOp); ok {
			join.Then = leadingPredicates(ops[i+1:])
			op = join
		}
		rel = b.operator(rel, op, s)
		if as, ok := op.(asOp); ok {
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
		b.fail(nil, codeUnsupported, "The query grows to more than %d bytes when its let statements are inlined", maxSQL)
	}
	if len(rel.cols) > maxColumns {
		b.fail(nil, codeUnsupported, "The query has an intermediate result of more than %d columns", maxColumns)
	}
}

func (b *binder) operator(rel *relation, op operator, s *scope) *relation {
	outer := b.current
	b.current = b.operatorName(op)
	defer func() { b.current = outer }()
	switch op := op.(type) {
	case whereOp:
		return b.where(rel, op, s)
	case projectOp:
		return b.projectOperator(rel, op, s)
	case columnsOp:
		return b.columns(rel, op, s)
	case summarizeOp:
		return b.summarize(rel, op, s)
	case sortOp:
		return b.sort(rel, op.Keys, s)
	case takeOp:
		return b.take(rel, op.Count, s)
	case topOp:
		return b.take(b.sort(rel, op.Keys, s), op.Count, s)
	case countOp:
		id := b.newID()
		return &relation{sql: "SELECT count(*) AS " + id + " FROM (" + rel.sql + ")", cols: []column{{name: op.Name, typ: value.Long, id: id}}}
	case joinOp:
		return b.join(rel, op, s)
	case unionOp:
		return b.union(op, rel, s)
	case mvExpandOp:
		if op.Apply != nil {
			return b.mvApply(rel, op, s)
		}
		return b.mvExpand(rel, op, s)
	case parseOp:
		return b.parseOperator(rel, op, s)
	case parseKVOp:
		return b.parseKV(rel, op, s)
	case makeSeriesOp:
		return b.makeSeries(rel, op, s)
	case renderOp:
		b.render = &Render{Visualization: op.Kind, Properties: op.Properties}
		return rel
	case serializeOp:
		out := *rel
		out.serialized = true
		if len(op.Items) == 0 {
			return &out
		}
		return b.projectOperator(&out, projectOp{Kind: "extend", Items: op.Items, span: op.span}, s)
	case asOp:
		out := *rel
		out.name = op.Name
		return &out
	case getSchemaOp:
		return b.getSchema(rel)
	case evaluateOp:
		return b.evaluate(rel, op, s)
	case invokeOp:
		return b.invoke(rel, op, s)
	case partitionOp:
		return b.partition(rel, op, s)
	case scanOp:
		return b.scanOperator(rel, op, s)
	case topNestedOp:
		return b.topNested(rel, op, s)
	case sampleOp:
		return b.sample(rel, op, s)
	case searchOp:
		return b.search(rel, op, s)
	case findOp:
		return b.find(op, s)
	case reduceOp:
		return b.reduce(rel, op, s)
	case topHittersOp:
		return b.topHitters(rel, op, s)
	case consumeOp:
		return &relation{sql: "SELECT 1 AS none WHERE FALSE"}
	}
	b.fail(op, codeUnsupported, "This operator is not supported")
	return nil
}

// operatorName is the word an operator starts with in the query text.
func (b *binder) operatorName(op operator) string {
	at := op.place()
	if at.Start < 0 || at.End > len(b.text) || at.Start >= at.End {
		return ""
	}
	text := b.text[at.Start:at.End]
	end := strings.IndexFunc(text, func(r rune) bool { return !(r == '-' || isNameRune(r)) })
	if end < 0 {
		return text
	}
	return text[:end]
}

func (b *binder) where(rel *relation, op whereOp, s *scope) *relation {
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

func newNamer(items []namedExpr) *namer {
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
func (b *binder) outputs(items []namedExpr, env env, n *namer) []item {
	var out []item
	for _, it := range items {
		if _, ok := it.X.(starNode); ok && len(it.Names) == 0 && env.rel != nil {
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
			b.fail(it.X, codeArguments, "The expression yields one column but %d names are given", len(it.Names))
		}
		if len(it.Names) == 1 {
			out = append(out, item{sql: e.sql, col: column{name: it.Names[0], typ: e.typ, id: b.newID(), weight: weight}})
			continue
		}
		out = append(out, item{sql: e.sql, col: column{name: n.name(e.name), typ: e.typ, id: b.newID(), weight: weight}})
	}
	return out
}

func (b *binder) projectOperator(rel *relation, op projectOp, s *scope) *relation {
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

func (b *binder) checkDuplicates(op operator, items []item) {
	seen := map[string]bool{}
	for _, it := range items {
		if seen[it.col.name] {
			b.fail(op, "SEM0049", "A column named '%s' already exists", it.col.name)
		}
		seen[it.col.name] = true
	}
}

func (b *binder) extendOperator(rel *relation, op projectOp, s *scope) *relation {
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

func (b *binder) rename(rel *relation, op projectOp) *relation {
	cols := append([]column(nil), rel.cols...)
	for _, it := range op.Items {
		old, ok := it.X.(nameNode)
		if !ok || len(it.Names) != 1 {
			b.fail(op, codeSyntax, "project-rename: write new_name = old_name")
		}
		i := rel.index(old.Name)
		if i < 0 {
			b.fail(it.X, codeUnknownName, "project-rename: Failed to resolve column named '%s'", old.Name)
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
func (b *binder) columnPatterns(x node, s *scope) []string {
	switch x := x.(type) {
	case nameNode:
		return []string{x.Name}
	case wildcardNode:
		return []string{x.Pattern}
	case callNode:
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
	b.fail(x, codeSyntax, "A column name was expected")
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

func (b *binder) columns(rel *relation, op columnsOp, s *scope) *relation {
	type pick struct {
		pattern, order string
	}
	var picks []pick
	for i, x := range op.Items {
		for _, pattern := range b.columnPatterns(x, s) {
			picks = append(picks, pick{pattern, op.Order[i]})
			if !strings.Contains(pattern, "*") && rel.index(pattern) < 0 && op.Kind != "project-reorder" {
				b.fail(x, codeUnknownName, "%s: Failed to resolve column named '%s'", op.Kind, pattern)
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
		if isDigit(x[0]) && isDigit(y[0]) {
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
	for n < len(s) && isDigit(s[n]) {
		n++
	}
	return n
}

// sort makes the keys the relation's order; rows equal in them keep the order they had. Nulls are the smallest values.
func (b *binder) sort(rel *relation, keys []sortKey, s *scope) *relation {
	var extra, items []item
	var order []orderKey
	e := env{scope: s, rel: rel, extra: &extra}
	for _, k := range keys {
		bound := b.scalar(k.X, e)
		id := bound.sql
		if bound.typ == value.Dynamic {
			b.failHint(k.X, codeArguments, "convert it with tostring(), tolong() …", "A dynamic value cannot be a sort key")
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
		if !isDigit(sql[i]) {
			return false
		}
	}
	return true
}

func (b *binder) take(rel *relation, count node, s *scope) *relation {
	e := b.scalar(count, env{scope: s})
	if e.typ != value.Dynamic && !e.typ.Numeric() {
		b.fail(count, codeArguments, "The number of rows must be a long but is %s", e.typ)
	}
	sql := b.coerce(e, value.Long).sql
	out := rel.with("SELECT * FROM (" + rel.sql + ")" + rel.orderBy() + " LIMIT " + sql)
	out.stable = false
	return out
}

func (b *binder) sample(rel *relation, op sampleOp, s *scope) *relation {
	if op.Of == nil {
		return b.take(rel, op.Count, s)
	}
	distinct := b.projectOperator(rel, projectOp{Kind: "distinct", Items: []namedExpr{{X: op.Of}}, span: op.span}, s)
	return b.take(distinct, op.Count, s)
}

// constantTable returns a relation of literal rows.
func (b *binder) constantTable(cols []Column, rows [][]any) *relation {
	d := datatableNode{}
	for _, c := range cols {
		d.Columns = append(d.Columns, columnDef(c))
	}
	for _, row := range rows {
		for i, v := range row {
			d.Values = append(d.Values, literalNode{Type: cols[i].Type, Value: v})
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
func (b *binder) invoke(rel *relation, op invokeOp, s *scope) *relation {
	const hidden = "\x00invoked"
	inner := s.add(hidden, &binding{table: rel})
	call := *op.Call
	call.Args = append([]argument{{X: nameNode{Name: hidden, span: op.span}}}, call.Args...)
	bound := s.lookup(call.Name)
	if bound == nil {
		f, ok := b.storedFunction(call.Name, call)
		if !ok {
			b.unknownFunction(call)
		}
		bound = f
	}
	if bound.lambda == nil {
		b.fail(op, codeSemantic, "'%s' is not a function", call.Name)
	}
	return b.callTable(call, bound, inner)
}

func (b *binder) topHitters(rel *relation, op topHittersOp, s *scope) *relation {
	aggregateCall := callNode{Name: "count", span: op.span}
	if op.By != nil {
		aggregateCall = callNode{Name: "sum", Args: []argument{{X: op.By}}, span: op.span}
	}
	name := "approximate_count_"
	if op.By != nil {
		name = "approximate_sum_"
	}
	of := b.scalar(op.Of, env{scope: s, rel: rel})
	out := b.summarize(rel, summarizeOp{Aggregates: []namedExpr{{Names: []string{name + of.name}, X: aggregateCall}}, By: []namedExpr{{X: op.Of}}, span: op.span}, s)
	return b.take(b.sort(out, []sortKey{{X: nameNode{Name: name + of.name, span: op.span}}}, s), op.Count, s)
}
