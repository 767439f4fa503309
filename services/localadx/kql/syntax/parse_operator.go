package syntax

import (
	"maps"
	"slices"
	"strings"

	"github.com/calypso-cdc/calypso/services/localadx/kql/value"
)

// parseOperator reads one tabular operator; the current token is the one behind the pipe.
func parseOperator(p *parser) Operator {
	start := p.tok.Start
	if p.tok.Kind != tokenName {
		p.fail("Expected an operator after '|' but found %s", p.describe())
	}
	name := p.dashed()
	if parse, ok := p.operators[name]; ok {
		return parse(p, name, start)
	}
	err := syntaxError(p.lexer.text, start, "The operator '"+name+"' is not supported")
	err.Code = CodeUnsupported
	if near := Nearest(name, OperatorNames()); near != "" {
		err.Hint = "did you mean '" + near + "'?"
	}
	panic(err)
}

// operatorParser reads what follows the name of an operator, which begins at start.
type operatorParser func(p *parser, name string, start int) Operator

// unnamed is the parser of an operator that has one name.
func unnamed[O Operator](parse func(p *parser, start int) O) operatorParser {
	return func(p *parser, _ string, start int) Operator { return parse(p, start) }
}

// operatorParsers are the operators of the language, by their names: there is no other list of them.
func operatorParsers() map[string]operatorParser {
	return map[string]operatorParser{
		"where":    parseWhere,
		"filter":   parseWhere,
		"project":  parseProject,
		"extend":   parseProject,
		"distinct": parseProject,
		"project-rename": func(p *parser, name string, start int) Operator {
			return ProjectOp{Kind: name, Items: parseNamedExprs(p), Span: p.from(start)}
		},
		"project-by-names": parseProjectByNames,
		"fork":             parseFork,
		"facet":            unnamed(parseFacet),
		"project-away":     parseColumns,
		"project-keep":     parseColumns,
		"project-reorder":  parseColumns,
		"summarize":        unnamed(parseSummarize),
		"sort":             parseSort,
		"order":            parseSort,
		"take":             parseTake,
		"limit":            parseTake,
		"top": func(p *parser, _ string, start int) Operator {
			count := parseExpr(p)
			p.expectName("by")
			return TopOp{Count: count, Keys: parseSortKeys(p), Span: p.from(start)}
		},
		"count": func(p *parser, _ string, start int) Operator {
			op := CountOp{Name: "Count"}
			if p.acceptName("as") {
				op.Name = p.identifier("a column name")
			}
			op.Span = p.from(start)
			return op
		},
		"join":        parseJoin,
		"lookup":      parseJoin,
		"union":       unnamed(parseUnion),
		"mv-expand":   unnamed(parseMvExpand),
		"mvexpand":    unnamed(parseMvExpand),
		"mv-apply":    unnamed(parseMvApply),
		"mvapply":     unnamed(parseMvApply),
		"parse":       parseParse,
		"parse-where": parseParse,
		"parse-kv":    unnamed(parseKV),
		"make-series": unnamed(parseMakeSeries),
		"render":      unnamed(parseRender),
		"serialize": func(p *parser, _ string, start int) Operator {
			op := SerializeOp{}
			if !parseEndsOperator(p) {
				op.Items = parseNamedExprs(p)
			}
			op.Span = p.from(start)
			return op
		},
		"as": func(p *parser, _ string, start int) Operator {
			parseProperties(p)
			return AsOp{Name: p.identifier("a name"), Span: p.from(start)}
		},
		"getschema": func(p *parser, _ string, start int) Operator {
			return GetSchemaOp{Span: p.from(start)}
		},
		"evaluate": unnamed(parseEvaluate),
		"invoke": func(p *parser, _ string, start int) Operator {
			return InvokeOp{Call: parseCallOnly(p, "a function call after 'invoke'"), Span: p.from(start)}
		},
		"partition":   unnamed(parsePartition),
		"scan":        unnamed(parseScan),
		"top-nested":  unnamed(parseTopNested),
		"top-hitters": unnamed(parseTopHitters),
		"sample": func(p *parser, _ string, start int) Operator {
			return SampleOp{Count: parseExpr(p), Span: p.from(start)}
		},
		"sample-distinct": func(p *parser, _ string, start int) Operator {
			count := parseExpr(p)
			p.expectName("of")
			return SampleOp{Count: count, Of: parseExpr(p), Span: p.from(start)}
		},
		"search":     unnamed(parseSearch),
		"reduce":     unnamed(parseReduce),
		"make-graph": unnamed(parseMakeGraph),
		"graph-match": func(p *parser, _ string, start int) Operator {
			return parseGraphMatch(p, start, false)
		},
		"graph-shortest-paths": func(p *parser, _ string, start int) Operator {
			return parseGraphMatch(p, start, true)
		},
		"graph-to-table":        unnamed(parseGraphToTable),
		"graph-mark-components": unnamed(parseGraphComponents),
		"consume": func(p *parser, _ string, start int) Operator {
			parseProperties(p, "decodeblocks")
			return ConsumeOp{Span: p.from(start)}
		},
	}
}

func parseWhere(p *parser, _ string, start int) Operator {
	parseProperties(p)
	return WhereOp{X: parseExpr(p), Span: p.from(start)}
}

func parseProject(p *parser, name string, start int) Operator {
	parseProperties(p)
	return ProjectOp{Kind: name, Items: parseNamedExprs(p), Span: p.from(start)}
}

func parseSort(p *parser, _ string, start int) Operator {
	parseProperties(p)
	p.expectName("by")
	return SortOp{Keys: parseSortKeys(p), Span: p.from(start)}
}

func parseTake(p *parser, _ string, start int) Operator {
	return TakeOp{Count: parseExpr(p), Span: p.from(start)}
}

func parseProjectByNames(p *parser, name string, start int) Operator {
	op := ColumnsOp{Kind: name}
	for {
		p.bounded(len(op.Items))
		op.Items, op.Order = append(op.Items, parseExpr(p)), append(op.Order, "")
		if !p.acceptPunct(",") {
			break
		}
	}
	op.Span = p.from(start)
	return op
}

func parseFork(p *parser, _ string, start int) Operator {
	op := ForkOp{}
	for p.isPunct("(") || p.peek().Text == "=" {
		p.bounded(20 * len(op.Branches))
		if !p.isPunct("(") {
			p.identifier("a name")
			p.expectPunct("=")
		}
		op.Branches = append(op.Branches, parseSubquery(p).Ops)
	}
	op.Span = p.from(start)
	return op
}

// OperatorNames are the names of all operators that may follow a pipe, sorted.
func OperatorNames() []string { return slices.Sorted(maps.Keys(operatorParsers())) }

// parseEndsOperator reports whether the current token ends an operator.
func parseEndsOperator(p *parser) bool {
	return p.tok.Kind == tokenEnd || p.isPunct("|") || p.isPunct(")") || p.isPunct(";") || p.isPunct("}")
}

// parseFacet reads facet by columns with (operators): a fork whose branches count the values of a column each.
func parseFacet(p *parser, start int) Operator {
	p.expectName("by")
	op := ForkOp{}
	for {
		p.bounded(20 * len(op.Branches))
		at := p.tok.Start
		column := NameNode{Name: p.identifier("a column name"), Span: p.from(at)}
		count := CallNode{Name: "count", Span: column.Span}
		op.Branches = append(op.Branches, []Operator{SummarizeOp{Span: column.Span, By: []NamedExpr{{X: column}},
			Aggregates: []NamedExpr{{Names: []string{"count_" + column.Name}, X: count}}}})
		if !p.acceptPunct(",") {
			break
		}
	}
	if p.acceptName("with") {
		op.Branches = append([][]Operator{parseSubquery(p).Ops}, op.Branches...)
	}
	op.Span = p.from(start)
	return op
}

func parseCallOnly(p *parser, what string) *CallNode {
	start := p.tok.Start
	if p.tok.Kind != tokenName {
		p.fail("Expected %s but found %s", what, p.describe())
	}
	name := p.tok.Text
	p.advance()
	if !p.isPunct("(") {
		return &CallNode{Name: name, Span: p.from(start)}
	}
	call := parseCall(p, name, start).(CallNode)
	return &call
}

func parseColumns(p *parser, kind string, start int) Operator {
	op := ColumnsOp{Kind: kind}
	p.wildcards = true
	for {
		op.Items = append(op.Items, parsePrimaryPattern(p))
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

// parsePrimaryPattern reads a name, a name pattern, or a call such as column_names_of(T).
func parsePrimaryPattern(p *parser) Node {
	if p.isPunct("*") || p.tok.Kind == tokenName || p.tok.Kind == tokenQuoted {
		x := parsePrimary(p)
		if s, ok := x.(StarNode); ok {
			return WildcardNode{Pattern: "*", Span: s.Span}
		}
		return x
	}
	p.fail("Expected a column name but found %s", p.describe())
	return nil
}

func parseSummarize(p *parser, start int) Operator {
	op := SummarizeOp{}
	parseProperties(p)
	if !p.isName("by") && !parseEndsOperator(p) {
		op.Aggregates = parseNamedExprs(p)
	}
	if p.acceptName("by") {
		op.By = parseNamedExprs(p)
	}
	op.Span = p.from(start)
	return op
}

func parseSortKeys(p *parser) []SortKey {
	var keys []SortKey
	for {
		p.bounded(len(keys))
		k := SortKey{X: parseNamedExpr(p).X}
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

func parseJoin(p *parser, name string, start int) Operator {
	op := JoinOp{Lookup: name == "lookup", Kind: "innerunique"}
	if op.Lookup {
		op.Kind = "leftouter"
	}
	for key, v := range parseProperties(p, "kind", "withsource") {
		if key == "kind" {
			op.Kind = v
		}
	}
	op.Right = parseTableOperand(p)
	parseProperties(p, "kind")
	if p.acceptName("on") {
		for {
			op.On = append(op.On, parseExpr(p))
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

// parseTableOperand reads the table of join or union: a name, a call, or a pipeline in parentheses.
func parseTableOperand(p *parser) Node {
	return parsePostfix(p)
}

func parseUnion(p *parser, start int) UnionOp {
	op := UnionOp{}
	for key, v := range parseProperties(p, "kind", "withsource", "with_source", "isfuzzy") {
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
		op.Tables = append(op.Tables, parseTableOperand(p))
		if !p.acceptPunct(",") {
			break
		}
	}
	op.Span = p.from(start)
	return op
}

func parseMvProperties(p *parser, op *MvExpandOp) {
	for key, v := range parseProperties(p, "kind", "bagexpansion", "with_itemindex") {
		switch key {
		case "kind", "bagexpansion":
			op.Array = v == "array"
		case "with_itemindex":
			op.ItemIndex = v
		}
	}
}

func parseMvItems(p *parser) []MvItem {
	var items []MvItem
	for {
		n := parseNamedExpr(p)
		item := MvItem{X: n.X}
		if len(n.Names) == 1 {
			item.Name = n.Names[0]
		}
		if p.acceptName("to") {
			p.expectName("typeof")
			p.expectPunct("(")
			item.To = parseTypeName(p)
			p.expectPunct(")")
		}
		p.bounded(len(items))
		items = append(items, item)
		if !p.acceptPunct(",") {
			return items
		}
	}
}

func parseMvExpand(p *parser, start int) MvExpandOp {
	op := MvExpandOp{}
	parseMvProperties(p, &op)
	op.Items = parseMvItems(p)
	if p.acceptName("limit") {
		op.Limit = parseExpr(p)
	}
	op.Span = p.from(start)
	return op
}

func parseMvApply(p *parser, start int) MvExpandOp {
	op := parseMvExpand(p, start)
	p.expectName("on")
	op.Apply = parseSubquery(p)
	op.Span = p.from(start)
	return op
}

// parseSubquery reads ( op | op … ), a pipeline without a source.
func parseSubquery(p *parser) *PipelineNode {
	start := p.tok.Start
	p.expectPunct("(")
	p.enter()
	defer p.leave()
	sub := &PipelineNode{}
	p.acceptPunct("|")
	for {
		sub.Ops = append(sub.Ops, parseOperator(p))
		if !p.acceptPunct("|") {
			break
		}
	}
	p.expectPunct(")")
	sub.Span = p.from(start)
	return sub
}

func parseParse(p *parser, name string, start int) Operator {
	op := ParseOp{Where: name == "parse-where", Kind: "simple"}
	for key, v := range parseProperties(p, "kind", "flags") {
		if key == "kind" {
			op.Kind = v
		} else {
			op.Flags = v
		}
	}
	op.X = parsePostfix(p)
	p.expectName("with")
	for !parseEndsOperator(p) {
		p.bounded(len(op.Pattern))
		switch p.tok.Kind {
		case tokenString:
			op.Pattern = append(op.Pattern, ParsePart{Literal: p.tok.Text})
			p.advance()
		case tokenName, tokenQuoted:
			part := ParsePart{Column: p.identifier("a column name"), Type: value.String}
			if p.acceptPunct(":") {
				part.Type = parseTypeName(p)
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

func parseKV(p *parser, start int) Operator {
	op := ParseKVOp{X: parsePostfix(p)}
	p.expectName("as")
	op.Columns = parseColumnDefs(p)
	if p.acceptName("with") {
		p.expectPunct("(")
		op.Properties = parseArguments(p)
	}
	op.Span = p.from(start)
	return op
}

// parseArguments reads name=value pairs up to the closing parenthesis.
func parseArguments(p *parser) []Argument {
	var args []Argument
	for !p.isPunct(")") {
		name := p.identifier("a property name")
		p.expectPunct("=")
		args = append(args, Argument{Name: name, X: parseExpr(p)})
		if !p.acceptPunct(",") {
			break
		}
	}
	p.expectPunct(")")
	return args
}

func parseMakeSeries(p *parser, start int) Operator {
	op := MakeSeriesOp{NonEmpty: parseProperties(p, "kind")["kind"] == "nonempty"}
	for {
		a := SeriesAggregate{Expr: parseNamedExpr(p)}
		if p.acceptName("default") {
			p.expectPunct("=")
			a.Default = parseExpr(p)
		}
		op.Aggregates = append(op.Aggregates, a)
		if !p.acceptPunct(",") {
			break
		}
	}
	p.expectName("on")
	op.Axis = parseNamedExpr(p)
	if in, ok := op.Axis.X.(InNode); ok && in.Op == "in" {
		parseSeriesRange(p, &op, in)
	} else {
		if p.acceptName("from") {
			op.From = parseExpr(p)
		}
		if p.acceptName("to") {
			op.To = parseExpr(p)
		}
		p.expectName("step")
		op.Step = parseExpr(p)
	}
	if p.acceptName("by") {
		op.By = parseNamedExprs(p)
	}
	op.Span = p.from(start)
	return op
}

// parseSeriesRange reads the older form "on axis in range(start, stop, step)": its points are
// multiples of step, and stop is one.
func parseSeriesRange(p *parser, op *MakeSeriesOp, in InNode) {
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
	visualizations = []string{"anomalychart", "areachart", "barchart", "card", "columnchart", "graph", "ladderchart",
		"linechart", "piechart",
		"pivotchart", "plotly", "scatterchart", "stackedareachart", "table", "timechart", "timepivot", "treemap"}
	renderProperties = []string{"accumulate", "anomalycolumns", "kind", "legend", "series", "title", "xaxis", "xcolumn",
		"xtitle", "yaxis",
		"ycolumns", "ymax", "ymin", "ysplit", "ytitle"}
)

func parseRender(p *parser, start int) Operator {
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
				if parseEndsOperator(p) || p.isPunct(",") && parsePeekIsProperty(p) || p.tok.Kind == tokenName &&
					p.peek().Text == "=" {
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

// parsePeekIsProperty reports whether name= follows the current comma, so that a list of columns does not swallow it.
func parsePeekIsProperty(p *parser) bool {
	l := p.lexer
	if t, err := l.next(); err != nil || t.Kind != tokenName {
		return false
	}
	t, err := l.next()
	return err == nil && t.Text == "="
}

func parseEvaluate(p *parser, start int) Operator {
	parseProperties(p)
	op := EvaluateOp{Call: parseCallOnly(p, "a plugin call after 'evaluate'")}
	if p.acceptPunct(":") {
		p.expectPunct("(")
		if op.Star = p.acceptPunct("*"); op.Star && !p.isPunct(")") {
			p.expectPunct(",")
		}
		op.Schema = parseColumnList(p)
	}
	op.Span = p.from(start)
	return op
}

func parsePartition(p *parser, start int) Operator {
	parseProperties(p)
	p.expectName("by")
	column := p.tok.Start
	op := PartitionOp{By: NameNode{Name: p.identifier("a column name"), Span: p.from(column)}}
	if p.acceptPunct("{") {
		op.Explicit = parsePipelineOrExpr(p)
		p.expectPunct("}")
	} else {
		op.Sub = parseSubquery(p)
	}
	op.Span = p.from(start)
	return op
}

func parseSearch(p *parser, start int) SearchOp {
	op := SearchOp{}
	op.CaseSensitive = parseProperties(p, "kind")["kind"] == "case_sensitive"
	op.Tables = parseInTables(p)
	op.X = parseExpr(p)
	op.Span = p.from(start)
	return op
}

// parseInTables reads in (T, U*), if it is there.
func parseInTables(p *parser) []Node {
	if !p.acceptName("in") {
		return nil
	}
	p.expectPunct("(")
	var tables []Node
	for {
		tables = append(tables, parsePrimaryPattern(p))
		if !p.acceptPunct(",") {
			break
		}
	}
	p.expectPunct(")")
	return tables
}

func parseFind(p *parser, start int) FindOp {
	op := FindOp{WithSource: "source_"}
	if name, ok := parseProperties(p, "withsource")["withsource"]; ok {
		op.WithSource = name
	}
	op.Tables = parseInTables(p)
	p.acceptName("where")
	op.X = parseExpr(p)
	if !p.isName("project") {
		op.Smart = true
	} else if word := p.dashed(); word == "project-smart" {
		op.Smart = true
	} else if word == "project" {
		parseFindColumns(p, &op)
	} else {
		p.fail("Expected 'project' or 'project-smart' but found '%s'", word)
	}
	op.Span = p.from(start)
	return op
}

// parseFindColumns reads what find projects: columns, or all of each row in a bag.
func parseFindColumns(p *parser, op *FindOp) {
	for {
		at := p.tok.Start
		def := ColumnDef{Name: p.identifier("a column name")}
		if (def.Name == "pack_all" || def.Name == "pack") && p.isPunct("(") {
			parseCall(p, def.Name, at)
			op.PackAll = true
			return
		}
		if p.acceptPunct(":") {
			def.Type = parseTypeName(p)
		}
		op.Columns = append(op.Columns, def)
		if !p.acceptPunct(",") {
			return
		}
	}
}

func parseReduce(p *parser, start int) Operator {
	parseProperties(p, "kind")
	p.expectName("by")
	op := ReduceOp{By: parseNamedExpr(p).X}
	if p.acceptName("with") {
		parenthesised := p.acceptPunct("(")
		for p.tok.Kind == tokenName && p.peek().Text == "=" {
			name := p.identifier("a property")
			p.advance()
			op.Properties = append(op.Properties, Argument{Name: name, X: parseExpr(p)})
			p.acceptPunct(",")
		}
		if parenthesised {
			p.expectPunct(")")
		}
	}
	op.Span = p.from(start)
	return op
}
