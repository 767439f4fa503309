package syntax

import (
	"fmt"
	"strings"

	"github.com/calypso-cdc/calypso/services/localadx/kql/value"
)

// maxDepth bounds the nesting of expressions and subqueries, so that hostile text cannot exhaust the stack.
const maxDepth = 400

// maxQuery bounds the text of a query in bytes; Kusto's.
const maxQuery = 2_000_000

// parser is a recursive-descent parser with one token of look-ahead. Errors travel as panics of *Error inside the
// parser only; parse recovers them.
type parser struct {
	lexer lexer
	tok   token // the current token
	end   int   // end of the token before tok
	depth int

	operators map[string]operatorParser
	wildcards bool // names may contain asterisks, as in project-away a*b
}

// parse parses a whole query: statements separated by semicolons.
func Parse(text string) (statements []Statement, err *Error) {
	if len(text) > maxQuery {
		return nil, &Error{Code: CodeSyntax, Message: fmt.Sprintf("The query has %d bytes and may have %d", len(text),
			maxQuery), Permanent: true}
	}
	p := &parser{lexer: lexer{text: text}, operators: operatorParsers()}
	defer func() {
		switch r := recover().(type) {
		case nil:
		case *Error:
			statements, err = nil, r
		default:
			panic(r)
		}
	}()
	p.advance()
	statements = parseStatements(p, tokenEnd, "")
	return statements, nil
}

// parseExpression parses a lone expression, such as the value of a query parameter.
func ParseExpression(text string) (x Node, err *Error) {
	p := &parser{lexer: lexer{text: text}, operators: operatorParsers()}
	defer func() {
		switch r := recover().(type) {
		case nil:
		case *Error:
			x, err = nil, r
		default:
			panic(r)
		}
	}()
	p.advance()
	x = parsePipelineOrExpr(p)
	if p.tok.Kind != tokenEnd {
		p.fail("Unexpected '%s' after the expression", p.tok.Text)
	}
	return x, nil
}

// parseStatements reads statements up to a closing token.
func parseStatements(p *parser, endKind tokenKind, endText string) []Statement {
	var list []Statement
	for {
		for p.acceptPunct(";") {
		}
		if p.tok.Kind == endKind && (endKind == tokenEnd || p.tok.Text == endText) {
			return list
		}
		list = append(list, parseStatement(p))
		if p.tok.Kind == endKind && (endKind == tokenEnd || p.tok.Text == endText) {
			return list
		}
		if !p.isPunct(";") {
			p.fail("Unexpected %s; a statement ends with ';' and an operator starts with '|'", p.describe())
		}
	}
}

func parseStatement(p *parser) Statement {
	start := p.tok.Start
	switch {
	case p.isName("let"):
		p.advance()
		name := p.identifier("a name after 'let'")
		p.expectPunct("=")
		return LetStatement{Name: name, X: parseLetValue(p), Span: p.from(start)}
	case p.isName("set") && p.peek().Kind == tokenName:
		p.advance()
		s := SetStatement{Name: p.identifier("an option name")}
		if p.acceptPunct("=") {
			s.Value = parseExpr(p)
		}
		s.Span = p.from(start)
		return s
	case p.isName("declare"):
		p.advance()
		if p.acceptName("pattern") {
			return parsePattern(p, start)
		}
		p.expectName("query_parameters")
		return DeclareStatement{Params: parseParameters(p), Span: p.from(start)}
	case p.isName("alias") || p.isName("restrict"):
		p.failHint("remove the statement", "The '%s' statement is not supported", p.tok.Text)
	}
	x := parsePipelineOrExpr(p)
	return QueryStatement{X: x, Span: p.from(start)}
}

// parseLetValue reads the right side of a let: a lambda or an expression, tabular or scalar.
func parseLetValue(p *parser) Node {
	start := p.tok.Start
	view := false
	if p.isName("view") && p.peek().Text == "(" {
		p.advance()
		view = true
	}
	if p.isPunct("(") && parseLooksLikeLambda(p) {
		params := parseParameters(p)
		p.expectPunct("{")
		body := parseStatements(p, tokenPunct, "}")
		p.expectPunct("}")
		return LambdaNode{Params: params, Body: body, View: view, Span: p.from(start)}
	}
	return parsePipelineOrExpr(p)
}

// parseLooksLikeLambda reports whether the parenthesis at the current token closes before a '{'.
func parseLooksLikeLambda(p *parser) bool {
	l := p.lexer
	depth := 1
	for {
		t, err := l.next()
		if err != nil || t.Kind == tokenEnd {
			return false
		}
		if t.Kind != tokenPunct {
			continue
		}
		switch t.Text {
		case "(":
			depth++
		case ")":
			depth--
			if depth == 0 {
				t, err = l.next()
				return err == nil && t.Kind == tokenPunct && t.Text == "{"
			}
		}
	}
}

// parseParameters reads (a:long, b:string="x", T:(c:int), U:(*)).
func parseParameters(p *parser) []ParameterDef {
	p.expectPunct("(")
	var params []ParameterDef
	for !p.isPunct(")") {
		d := ParameterDef{Name: p.identifier("a parameter name")}
		p.expectPunct(":")
		if p.isPunct("(") {
			d.Tabular = true
			if p.peek().Text == "*" {
				p.advance()
				p.advance()
				p.expectPunct(")")
			} else {
				d.Columns = parseColumnDefs(p)
			}
		} else {
			d.Type = parseTypeName(p)
		}
		if p.acceptPunct("=") {
			d.Default = parseExpr(p)
		}
		params = append(params, d)
		if !p.acceptPunct(",") {
			break
		}
	}
	p.expectPunct(")")
	return params
}

// parseColumnDefs reads (a:long, b:string).
func parseColumnDefs(p *parser) []ColumnDef {
	p.expectPunct("(")
	return parseColumnList(p)
}

// parseColumnList reads the columns behind the opening bracket, and the closing one.
func parseColumnList(p *parser) []ColumnDef {
	var defs []ColumnDef
	for !p.isPunct(")") {
		p.bounded(len(defs))
		name := p.identifier("a column name")
		p.expectPunct(":")
		defs = append(defs, ColumnDef{Name: name, Type: parseTypeName(p)})
		if !p.acceptPunct(",") {
			break
		}
	}
	p.expectPunct(")")
	return defs
}

func parseTypeName(p *parser) value.Type {
	t, ok := value.ParseType(p.tok.Text)
	if p.tok.Kind != tokenName || !ok {
		p.fail("Expected a type such as long or string but found %s", p.describe())
	}
	p.advance()
	return t
}

// parsePattern reads declare pattern name = (a:string)[path:string] { ("x").["y"] = { … }; … }.
func parsePattern(p *parser, start int) Statement {
	s := PatternStatement{Name: p.identifier("a pattern name")}
	if p.acceptPunct("=") {
		parseParameters(p)
		if p.acceptPunct("[") {
			p.identifier("a path name")
			p.expectPunct(":")
			parseTypeName(p)
			p.expectPunct("]")
		}
		p.expectPunct("{")
		for !p.isPunct("}") {
			s.Cases = append(s.Cases, parsePatternCase(p))
			for p.acceptPunct(";") {
			}
		}
		p.expectPunct("}")
	}
	s.Span = p.from(start)
	return s
}

func parsePatternCase(p *parser) patternCase {
	var c patternCase
	p.expectPunct("(")
	for !p.isPunct(")") {
		c.Args = append(c.Args, parseStringLiteral(p))
		if !p.acceptPunct(",") {
			break
		}
	}
	p.expectPunct(")")
	if p.acceptPunct(".") {
		if p.tok.Kind == tokenQuoted {
			c.Path = p.tok.Text
			p.advance()
		} else {
			p.expectPunct("[")
			c.Path = parseStringLiteral(p)
			p.expectPunct("]")
		}
	}
	p.expectPunct("=")
	p.expectPunct("{")
	c.Body = parseStatements(p, tokenPunct, "}")
	p.expectPunct("}")
	return c
}

func parseStringLiteral(p *parser) string {
	if p.tok.Kind != tokenString {
		p.fail("Expected a string literal but found %s", p.describe())
	}
	text := p.tok.Text
	p.advance()
	return text
}

// parsePipelineOrExpr reads an expression with the operators piped behind it, if any.
func parsePipelineOrExpr(p *parser) Node {
	p.enter()
	defer p.leave()
	start := p.tok.Start
	x := parseSource(p)
	if !p.isPunct("|") {
		return x
	}
	pipe := PipelineNode{Source: x}
	for p.acceptPunct("|") {
		pipe.Ops = append(pipe.Ops, parseOperator(p))
	}
	pipe.Span = p.from(start)
	return pipe
}

// parseSource reads what a pipeline starts with: a tabular keyword or an expression.
func parseSource(p *parser) Node {
	start := p.tok.Start
	if p.tok.Kind == tokenName {
		next := p.peek()
		switch p.tok.Text {
		case "print":
			if next.Text != "=" && next.Text != "." {
				p.advance()
				return PrintNode{Items: parseNamedExprs(p), Span: p.from(start)}
			}
		case "range":
			if next.Kind == tokenName || next.Kind == tokenQuoted {
				p.advance()
				return parseRangeSource(p, start)
			}
		case "union":
			if next.Text != "=" && next.Text != "|" {
				p.advance()
				op := parseUnion(p, start)
				return PipelineNode{Ops: []Operator{op}, Span: p.from(start)}
			}
		case "find":
			if next.Text != "=" && next.Text != "|" && next.Text != "." && next.Kind != tokenEnd {
				p.advance()
				op := parseFind(p, start)
				return PipelineNode{Ops: []Operator{op}, Span: p.from(start)}
			}
		case "search":
			if next.Text != "=" && next.Text != "|" {
				p.advance()
				op := parseSearch(p, start)
				return PipelineNode{Ops: []Operator{op}, Span: p.from(start)}
			}
		case "evaluate", "externaldata", "external_data":
			if next.Text != "=" && next.Text != "|" && next.Text != "." && next.Kind != tokenEnd {
				if p.tok.Text == "evaluate" {
					p.advance()
					op := parseEvaluate(p, start)
					return PipelineNode{Ops: []Operator{op}, Span: p.from(start)}
				}
				p.failHint("use union or a table name", "The '%s' operator is not supported", p.tok.Text)
			}
		}
	}
	return parseExpr(p)
}

func parseRangeSource(p *parser, start int) Node {
	r := RangeNode{Column: p.identifier("a column name")}
	p.expectName("from")
	r.From = parseExpr(p)
	p.expectName("to")
	r.To = parseExpr(p)
	p.expectName("step")
	r.Step = parseExpr(p)
	r.Span = p.from(start)
	return r
}

// parseNamedExprs reads a list such as a, b = x + 1, (c, d) = f().
func parseNamedExprs(p *parser) []NamedExpr {
	var list []NamedExpr
	for {
		p.bounded(len(list))
		list = append(list, parseNamedExpr(p))
		if !p.acceptPunct(",") {
			return list
		}
	}
}

func parseNamedExpr(p *parser) NamedExpr {
	if p.isPunct("(") {
		if names, ok := parseNameList(p); ok {
			return NamedExpr{Names: names, X: parseExpr(p)}
		}
	}
	if p.tok.Kind == tokenName || p.tok.Kind == tokenQuoted {
		if next := p.peek(); next.Kind == tokenPunct && next.Text == "=" {
			name := p.tok.Text
			p.advance()
			p.advance()
			return NamedExpr{Names: []string{name}, X: parseExpr(p)}
		}
	}
	return NamedExpr{X: parseExpr(p)}
}

// parseNameList reads (a, b) = if that is what follows, and nothing otherwise.
func parseNameList(p *parser) ([]string, bool) {
	l := p.lexer
	var names []string
	for {
		t, err := l.next()
		if err != nil || t.Kind != tokenName && t.Kind != tokenQuoted {
			return nil, false
		}
		names = append(names, t.Text)
		if t, err = l.next(); err != nil || t.Kind != tokenPunct {
			return nil, false
		}
		if t.Text == ")" {
			break
		}
		if t.Text != "," {
			return nil, false
		}
	}
	if t, err := l.next(); err != nil || t.Kind != tokenPunct || t.Text != "=" {
		return nil, false
	}
	p.restart(l.at)
	return names, true
}

// parseProperties reads name=value pairs as long as they follow, such as kind=inner
// hint.strategy=shuffle. Hints are read and dropped: they never change a result.
func parseProperties(p *parser, known ...string) map[string]string {
	out := map[string]string{}
	for p.tok.Kind == tokenName {
		name := p.tok.Text
		next := p.peek()
		dotted := strings.HasPrefix(name, "hint") && next.Text == "."
		if !dotted && next.Text != "=" {
			return out
		}
		if !dotted && !Contains(known, name) {
			return out
		}
		p.advance()
		for p.acceptPunct(".") {
			name += "." + p.identifier("a hint name")
		}
		p.expectPunct("=")
		out[name] = p.lexer.text[p.tok.Start:p.tok.End]
		if p.tok.Kind == tokenString || p.tok.Kind == tokenQuoted {
			out[name] = p.tok.Text
		}
		if p.tok.Kind == tokenName {
			out[name] = p.dashed()
		} else {
			p.advance()
		}
	}
	return out
}

func Contains(list []string, s string) bool {
	for _, x := range list {
		if x == s {
			return true
		}
	}
	return false
}
