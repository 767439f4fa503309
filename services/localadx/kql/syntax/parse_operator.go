package syntax

import (
	"strings"

	"github.com/calypso-cdc/calypso/services/localadx/kql/value"
)

// operator reads one tabular operator; the current token is the one behind the pipe.
func (p *parser) operator() Operator {
	start := p.tok.Start
	if p.tok.Kind != tokenName {
		p.fail("Expected an operator after '|' but found %s", p.describe())
	}
	name := p.dashed()
	switch name {
	case "where", "filter":
		p.properties()
		return WhereOp{X: p.expr(), Span: p.from(start)}
	case "project", "extend", "distinct":
		p.properties()
		return ProjectOp{Kind: name, Items: p.namedExprs(), Span: p.from(start)}
	case "project-rename":
		return ProjectOp{Kind: name, Items: p.namedExprs(), Span: p.from(start)}
	case "project-away", "project-keep", "project-reorder":
		return p.columns(name, start)
	case "summarize":
		return p.summarize(start)
	case "sort", "order":
		p.properties()
		p.expectName("by")
		return SortOp{Keys: p.sortKeys(), Span: p.from(start)}
	case "take", "limit":
		return TakeOp{Count: p.expr(), Span: p.from(start)}
	case "top":
		count := p.expr()
		p.expectName("by")
		return TopOp{Count: count, Keys: p.sortKeys(), Span: p.from(start)}
	case "count":
		op := CountOp{Name: "Count"}
		if p.acceptName("as") {
			op.Name = p.identifier("a column name")
		}
		op.Span = p.from(start)
		return op
	case "join", "lookup":
		return p.join(name, start)
	case "union":
		return p.union(start)
	case "mv-expand", "mvexpand":
		return p.mvExpand(start)
	case "mv-apply", "mvapply":
		return p.mvApply(start)
	case "parse", "parse-where":
		return p.parseOperator(name, start)
	case "parse-kv":
		return p.parseKV(start)
	case "make-series":
		return p.makeSeries(start)
	case "render":
		return p.render(start)
	case "serialize":
		op := SerializeOp{}
		if !p.endsOperator() {
			op.Items = p.namedExprs()
		}
		op.Span = p.from(start)
		return op
	case "as":
		p.properties()
		return AsOp{Name: p.identifier("a name"), Span: p.from(start)}
	case "getschema":
		return GetSchemaOp{Span: p.from(start)}
	case "evaluate":
		return p.evaluate(start)
	case "invoke":
		return InvokeOp{Call: p.callOnly("a function call after 'invoke'"), Span: p.from(start)}
	case "partition":
		return p.partition(start)
	case "scan":
		return p.scan(start)
	case "top-nested":
		return p.topNested(start)
	case "top-hitters":
		return p.topHitters(start)
	case "sample":
		return SampleOp{Count: p.expr(), Span: p.from(start)}
	case "sample-distinct":
		count := p.expr()
		p.expectName("of")
		return SampleOp{Count: count, Of: p.expr(), Span: p.from(start)}
	case "search":
		return p.search(start)
	case "reduce":
		return p.reduce(start)
	case "consume":
		p.properties("decodeblocks")
		return ConsumeOp{Span: p.from(start)}
	}
	err := syntaxError(p.lexer.text, start, "The operator '"+name+"' is not supported")
	err.Code = CodeUnsupported
	if near := Nearest(name, OperatorNames); near != "" {
		err.Hint = "did you mean '" + near + "'?"
	}
	panic(err)
}

// operatorNames are the operators this parser reads, for hints.
var OperatorNames = []string{"where", "project", "extend", "distinct", "project-away", "project-keep", "project-rename", "project-reorder",
	"summarize", "sort", "order", "take", "limit", "top", "count", "join", "lookup", "union", "mv-expand", "mv-apply", "parse",
	"parse-where", "parse-kv", "make-series", "render", "serialize", "as", "getschema", "evaluate", "invoke", "partition", "scan",
	"top-nested", "top-hitters", "sample", "sample-distinct", "search", "find", "consume"}

// endsOperator reports whether the current token ends an operator.
func (p *parser) endsOperator() bool {
	return p.tok.Kind == tokenEnd || p.isPunct("|") || p.isPunct(")") || p.isPunct(";") || p.isPunct("}")
}

func (p *parser) callOnly(what string) *CallNode {
	start := p.tok.Start
	if p.tok.Kind != tokenName {
		p.fail("Expected %s but found %s", what, p.describe())
	}
	name := p.tok.Text
	p.advance()
	if !p.isPunct("(") {
		return &CallNode{Name: name, Span: p.from(start)}
	}
	call := p.call(name, start).(CallNode)
	return &call
}

func (p *parser) columns(kind string, start int) Operator {
	op := ColumnsOp{Kind: kind}
	p.wildcards = true
	for {
		op.Items = append(op.Items, p.primaryPattern())
		order := ""
		for _, word := range []string{"asc", "desc", "granny-asc", "granny-desc"} {
			if p.tok.Kind == tokenName && strings.HasPrefix(word, p.tok.Text) && (p.tok.Text == word || p.tok.Text == "granny") {
				order = p.dashed()
				break
			}
		}
		op.Order = append(op.Order, order)
		if !p.acceptPunct(",") {
			break
		}
	}
	p.wildcards = false
	op.Span = p.from(start)
	return op
}

// primaryPattern reads a name, a name pattern, or a call such as column_names_of(T).
func (p *parser) primaryPattern() Node {
	if p.isPunct("*") || p.tok.Kind == tokenName || p.tok.Kind == tokenQuoted {
		x := p.primary()
		if s, ok := x.(StarNode); ok {
			return WildcardNode{Pattern: "*", Span: s.Span}
		}
		return x
	}
	p.fail("Expected a column name but found %s", p.describe())
	return nil
}

func (p *parser) summarize(start int) Operator {
	op := SummarizeOp{}
	p.properties()
	if !p.isName("by") && !p.endsOperator() {
		op.Aggregates = p.namedExprs()
	}
	if p.acceptName("by") {
		op.By = p.namedExprs()
	}
	op.Span = p.from(start)
	return op
}

func (p *parser) sortKeys() []SortKey {
	var keys []SortKey
	for {
		p.bounded(len(keys))
		k := SortKey{X: p.namedExpr().X}
		if p.acceptName("asc") {
			k.Asc = true
		} else {
			p.acceptName("desc")
		}
		if p.acceptName("nulls") {
			k.Nulls = p.tok.Text
			if k.Nulls != "first" && k.Nulls != "last" {
				p.fail("Expected 'first' or 'last' but found %s", p.describe())
			}
			p.advance()
		}
		keys = append(keys, k)
		if !p.acceptPunct(",") {
			return keys
		}
	}
}

func (p *parser) join(name string, start int) Operator {
	op := JoinOp{Lookup: name == "lookup", Kind: "innerunique"}
	if op.Lookup {
		op.Kind = "leftouter"
	}
	for key, v := range p.properties("kind", "withsource") {
		if key == "kind" {
			op.Kind = v
		}
	}
	op.Right = p.tableOperand()
	p.properties("kind")
	if p.acceptName("on") {
		for {
			op.On = append(op.On, p.expr())
			if !p.acceptPunct(",") {
				break
			}
		}
	} else if p.isName("where") {
		p.failHint("write on $left.a == $right.b", "A join with 'where' is not supported")
	}
	op.Span = p.from(start)
	return op
}

// tableOperand reads the table of join or union: a name, a call, or a pipeline in parentheses.
func (p *parser) tableOperand() Node {
	return p.postfix()
}

func (p *parser) union(start int) UnionOp {
	op := UnionOp{}
	for key, v := range p.properties("kind", "withsource", "with_source", "isfuzzy") {
		switch key {
		case "kind":
			op.Inner = v == "inner"
		case "withsource", "with_source":
			op.WithSource = v
		case "isfuzzy":
			op.Fuzzy = v == "true"
		}
	}
	for {
		p.bounded(len(op.Tables))
		op.Tables = append(op.Tables, p.tableOperand())
		if !p.acceptPunct(",") {
			break
		}
	}
	op.Span = p.from(start)
	return op
}

func (p *parser) mvProperties(op *MvExpandOp) {
	for key, v := range p.properties("kind", "bagexpansion", "with_itemindex") {
		switch key {
		case "kind", "bagexpansion":
			op.Array = v == "array"
		case "with_itemindex":
			op.ItemIndex = v
		}
	}
}

func (p *parser) mvItems() []MvItem {
	var items []MvItem
	for {
		n := p.namedExpr()
		item := MvItem{X: n.X}
		if len(n.Names) == 1 {
			item.Name = n.Names[0]
		}
		if p.acceptName("to") {
			p.expectName("typeof")
			p.expectPunct("(")
			item.To = p.typeName()
			p.expectPunct(")")
		}
		p.bounded(len(items))
		items = append(items, item)
		if !p.acceptPunct(",") {
			return items
		}
	}
}

func (p *parser) mvExpand(start int) MvExpandOp {
	op := MvExpandOp{}
	p.mvProperties(&op)
	op.Items = p.mvItems()
	if p.acceptName("limit") {
		op.Limit = p.expr()
	}
	op.Span = p.from(start)
	return op
}

func (p *parser) mvApply(start int) MvExpandOp {
	op := p.mvExpand(start)
	p.expectName("on")
	op.Apply = p.subquery()
	op.Span = p.from(start)
	return op
}

// subquery reads ( op | op … ), a pipeline without a source.
func (p *parser) subquery() *PipelineNode {
	start := p.tok.Start
	p.expectPunct("(")
	p.enter()
	defer p.leave()
	sub := &PipelineNode{}
	p.acceptPunct("|")
	for {
		sub.Ops = append(sub.Ops, p.operator())
		if !p.acceptPunct("|") {
			break
		}
	}
	p.expectPunct(")")
	sub.Span = p.from(start)
	return sub
}

func (p *parser) parseOperator(name string, start int) Operator {
	op := ParseOp{Where: name == "parse-where", Kind: "simple"}
	for key, v := range p.properties("kind", "flags") {
		if key == "kind" {
			op.Kind = v
		} else {
			op.Flags = v
		}
	}
	op.X = p.postfix()
	p.expectName("with")
	for !p.endsOperator() {
		p.bounded(len(op.Pattern))
		switch p.tok.Kind {
		case tokenString:
			op.Pattern = append(op.Pattern, ParsePart{Literal: p.tok.Text})
			p.advance()
		case tokenName, tokenQuoted:
			part := ParsePart{Column: p.identifier("a column name"), Type: value.String}
			if p.acceptPunct(":") {
				part.Type = p.typeName()
			}
			op.Pattern = append(op.Pattern, part)
		default:
			if !p.acceptPunct("*") {
				p.fail("Expected a string, a column or '*' in the pattern but found %s", p.describe())
			}
			op.Pattern = append(op.Pattern, ParsePart{Star: true})
		}
		p.acceptPunct(",")
	}
	op.Span = p.from(start)
	return op
}

func (p *parser) parseKV(start int) Operator {
	op := ParseKVOp{X: p.postfix()}
	p.expectName("as")
	op.Columns = p.columnDefs()
	if p.acceptName("with") {
		p.expectPunct("(")
		op.Properties = p.arguments()
	}
	op.Span = p.from(start)
	return op
}

// arguments reads name=value pairs up to the closing parenthesis.
func (p *parser) arguments() []Argument {
	var args []Argument
	for !p.isPunct(")") {
		name := p.identifier("a property name")
		p.expectPunct("=")
		args = append(args, Argument{Name: name, X: p.expr()})
		if !p.acceptPunct(",") {
			break
		}
	}
	p.expectPunct(")")
	return args
}

func (p *parser) makeSeries(start int) Operator {
	op := MakeSeriesOp{NonEmpty: p.properties("kind")["kind"] == "nonempty"}
	for {
		a := SeriesAggregate{Expr: p.namedExpr()}
		if p.acceptName("default") {
			p.expectPunct("=")
			a.Default = p.expr()
		}
		op.Aggregates = append(op.Aggregates, a)
		if !p.acceptPunct(",") {
			break
		}
	}
	p.expectName("on")
	op.Axis = p.namedExpr()
	if in, ok := op.Axis.X.(InNode); ok && in.Op == "in" {
		p.seriesRange(&op, in)
	} else {
		if p.acceptName("from") {
			op.From = p.expr()
		}
		if p.acceptName("to") {
			op.To = p.expr()
		}
		p.expectName("step")
		op.Step = p.expr()
	}
	if p.acceptName("by") {
		op.By = p.namedExprs()
	}
	op.Span = p.from(start)
	return op
}

// seriesRange reads the older form "on axis in range(start, stop, step)": its points are multiples of step, and stop is one.
func (p *parser) seriesRange(op *MakeSeriesOp, in InNode) {
	var call CallNode
	if len(in.List) == 1 {
		call, _ = in.List[0].(CallNode)
	}
	if call.Name != "range" || len(call.Args) != 3 {
		p.fail("Expected range(start, stop, step) behind 'in'")
	}
	bin := func(x Node) Node {
		return CallNode{Name: "bin", Args: []Argument{{X: x}, {X: call.Args[2].X}}, Span: call.Span}
	}
	op.Axis.X = in.X
	op.From = bin(call.Args[0].X)
	op.To = BinaryNode{Op: "+", L: bin(call.Args[1].X), R: call.Args[2].X, Span: call.Span}
	op.Step = call.Args[2].X
}

// visualizations and renderProperties are Kusto's ("render operator" in its documentation).
var (
	visualizations = []string{"anomalychart", "areachart", "barchart", "card", "columnchart", "graph", "ladderchart", "linechart", "piechart",
		"pivotchart", "plotly", "scatterchart", "stackedareachart", "table", "timechart", "timepivot", "treemap"}
	renderProperties = []string{"accumulate", "anomalycolumns", "kind", "legend", "series", "title", "xaxis", "xcolumn", "xtitle", "yaxis",
		"ycolumns", "ymax", "ymin", "ysplit", "ytitle"}
)

func (p *parser) render(start int) Operator {
	at := p.tok
	op := RenderOp{Kind: p.identifier("a visualization"), Properties: map[string]string{}}
	if !Contains(visualizations, op.Kind) {
		p.tok = at
		p.fail("There is no visualization '%s': there are %s", op.Kind, strings.Join(visualizations, ", "))
	}
	parenthesised := false
	if p.acceptName("with") {
		p.expectPunct("(")
		parenthesised = true
	}
	for p.tok.Kind == tokenName && (parenthesised || p.peek().Text == "=") {
		name := strings.ToLower(p.tok.Text)
		if !Contains(renderProperties, name) {
			p.fail("There is no property '%s' of render: there are %s", p.tok.Text, strings.Join(renderProperties, ", "))
		}
		p.advance()
		p.expectPunct("=")
		if p.tok.Kind == tokenString {
			op.Properties[name] = p.tok.Text
			p.advance()
		} else {
			from, to := p.tok.Start, 0
			for {
				to = p.tok.End
				p.advance()
				if p.endsOperator() || p.isPunct(",") && p.peekIsProperty() || p.tok.Kind == tokenName && p.peek().Text == "=" {
					break
				}
			}
			op.Properties[name] = p.lexer.text[from:to]
		}
		p.acceptPunct(",")
	}
	if parenthesised {
		p.expectPunct(")")
	}
	op.Span = p.from(start)
	return op
}

// peekIsProperty reports whether name= follows the current comma, so that a list of columns does not swallow it.
func (p *parser) peekIsProperty() bool {
	l := p.lexer
	if t, err := l.next(); err != nil || t.Kind != tokenName {
		return false
	}
	t, err := l.next()
	return err == nil && t.Text == "="
}

func (p *parser) evaluate(start int) Operator {
	p.properties()
	op := EvaluateOp{Call: p.callOnly("a plugin call after 'evaluate'")}
	if p.acceptPunct(":") {
		if p.isPunct("(") && p.peek().Text == "*" {
			p.failHint("list the columns", "An output schema with '*' is not supported")
		}
		op.Schema = p.columnDefs()
	}
	op.Span = p.from(start)
	return op
}

func (p *parser) partition(start int) Operator {
	p.properties()
	p.expectName("by")
	column := p.tok.Start
	op := PartitionOp{By: NameNode{Name: p.identifier("a column name"), Span: p.from(column)}}
	if p.acceptPunct("{") {
		op.Explicit = p.pipelineOrExpr()
		p.expectPunct("}")
	} else {
		op.Sub = p.subquery()
	}
	op.Span = p.from(start)
	return op
}

func (p *parser) search(start int) SearchOp {
	op := SearchOp{}
	op.CaseSensitive = p.properties("kind")["kind"] == "case_sensitive"
	op.Tables = p.inTables()
	op.X = p.expr()
	op.Span = p.from(start)
	return op
}

// inTables reads in (T, U*), if it is there.
func (p *parser) inTables() []Node {
	if !p.acceptName("in") {
		return nil
	}
	p.expectPunct("(")
	var tables []Node
	for {
		tables = append(tables, p.primaryPattern())
		if !p.acceptPunct(",") {
			break
		}
	}
	p.expectPunct(")")
	return tables
}

func (p *parser) find(start int) FindOp {
	op := FindOp{WithSource: "source_"}
	if name, ok := p.properties("withsource")["withsource"]; ok {
		op.WithSource = name
	}
	op.Tables = p.inTables()
	p.acceptName("where")
	op.X = p.expr()
	if !p.acceptName("project") {
		p.failHint("name the columns: find … where … project a, b", "The form of find that chooses the columns itself is not supported")
	}
	for {
		def := ColumnDef{Name: p.identifier("a column name")}
		if p.acceptPunct(":") {
			def.Type = p.typeName()
		}
		op.Columns = append(op.Columns, def)
		if !p.acceptPunct(",") {
			break
		}
	}
	op.Span = p.from(start)
	return op
}

func (p *parser) reduce(start int) Operator {
	p.properties("kind")
	p.expectName("by")
	op := ReduceOp{By: p.namedExpr().X}
	if p.acceptName("with") {
		parenthesised := p.acceptPunct("(")
		for p.tok.Kind == tokenName && p.peek().Text == "=" {
			name := p.identifier("a property")
			p.advance()
			op.Properties = append(op.Properties, Argument{Name: name, X: p.expr()})
			p.acceptPunct(",")
		}
		if parenthesised {
			p.expectPunct(")")
		}
	}
	op.Span = p.from(start)
	return op
}
