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

	wildcards bool // names may contain asterisks, as in project-away a*b
}

// parse parses a whole query: statements separated by semicolons.
func Parse(text string) (statements []Statement, err *Error) {
	if len(text) > maxQuery {
		return nil, &Error{Code: CodeSyntax, Message: fmt.Sprintf("The query has %d bytes and may have %d", len(text), maxQuery), Permanent: true}
	}
	p := &parser{lexer: lexer{text: text}}
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
	statements = p.statements(tokenEnd, "")
	return statements, nil
}

// parseExpression parses a lone expression, such as the value of a query parameter.
func ParseExpression(text string) (x Node, err *Error) {
	p := &parser{lexer: lexer{text: text}}
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
	x = p.pipelineOrExpr()
	if p.tok.Kind != tokenEnd {
		p.fail("Unexpected '%s' after the expression", p.tok.Text)
	}
	return x, nil
}

func (p *parser) advance() {
	p.end = p.tok.End
	t, err := p.lexer.next()
	if err != nil {
		panic(err)
	}
	p.tok = t
}

// restart makes the lexer continue at a byte offset, the current token being the one there.
func (p *parser) restart(offset int) {
	p.lexer.at = offset
	p.tok.End = offset
	p.advance()
}

func (p *parser) fail(format string, args ...any) {
	panic(syntaxError(p.lexer.text, p.tok.Start, fmt.Sprintf(format, args...)))
}

// failHint refuses what Kusto has and this server has not, with advice.
func (p *parser) failHint(hint, format string, args ...any) {
	err := syntaxError(p.lexer.text, p.tok.Start, fmt.Sprintf(format, args...))
	err.Code, err.Hint = CodeUnsupported, hint
	panic(err)
}

func (p *parser) enter() {
	p.depth++
	if p.depth > maxDepth {
		p.fail("The query is nested more than %d levels deep", maxDepth)
	}
}

// bounded refuses a list that would go on beyond what a table may have of columns: names are compared with one another.
func (p *parser) bounded(have int) {
	if have >= MaxColumns {
		p.fail("The list has more than %d items", MaxColumns)
	}
}

func (p *parser) leave() { p.depth-- }

func (p *parser) isPunct(text string) bool { return p.tok.Kind == tokenPunct && p.tok.Text == text }

func (p *parser) isName(text string) bool { return p.tok.Kind == tokenName && p.tok.Text == text }

func (p *parser) acceptPunct(text string) bool {
	if p.isPunct(text) {
		p.advance()
		return true
	}
	return false
}

func (p *parser) acceptName(text string) bool {
	if p.isName(text) {
		p.advance()
		return true
	}
	return false
}

func (p *parser) expectPunct(text string) {
	if !p.acceptPunct(text) {
		p.fail("Expected '%s' but found %s", text, p.describe())
	}
}

func (p *parser) expectName(text string) {
	if !p.acceptName(text) {
		p.fail("Expected '%s' but found %s", text, p.describe())
	}
}

func (p *parser) describe() string {
	if p.tok.Kind == tokenEnd {
		return "the end of the query"
	}
	return "'" + p.lexer.text[p.tok.Start:p.tok.End] + "'"
}

// peek returns the token after the current one.
func (p *parser) peek() token {
	l := p.lexer
	t, err := l.next()
	if err != nil {
		return token{}
	}
	return t
}

// identifier reads a name, quoted or not.
func (p *parser) identifier(what string) string {
	if p.tok.Kind != tokenName && p.tok.Kind != tokenQuoted {
		p.fail("Expected %s but found %s", what, p.describe())
	}
	name := p.tok.Text
	p.advance()
	return name
}

// dashed reads a word that may contain dashes, such as mv-expand. The current token is its first part.
func (p *parser) dashed() string {
	start := p.tok.Start
	end := p.tok.End
	for p.lexer.at < len(p.lexer.text) && p.lexer.text[p.lexer.at] == '-' && p.lexer.at+1 < len(p.lexer.text) && isNameStart(p.lexer.text[p.lexer.at+1:]) {
		p.advance() // onto the dash
		p.advance() // onto the next part
		end = p.tok.End
	}
	word := p.lexer.text[start:end]
	p.advance()
	return word
}

func (p *parser) from(start int) Span { return Span{start, p.end} }

// statements reads statements up to a closing token.
func (p *parser) statements(endKind tokenKind, endText string) []Statement {
	var list []Statement
	for {
		for p.acceptPunct(";") {
		}
		if p.tok.Kind == endKind && (endKind == tokenEnd || p.tok.Text == endText) {
			return list
		}
		list = append(list, p.statement())
		if p.tok.Kind == endKind && (endKind == tokenEnd || p.tok.Text == endText) {
			return list
		}
		if !p.isPunct(";") {
			p.fail("Unexpected %s; a statement ends with ';' and an operator starts with '|'", p.describe())
		}
	}
}

func (p *parser) statement() Statement {
	start := p.tok.Start
	switch {
	case p.isName("let"):
		p.advance()
		name := p.identifier("a name after 'let'")
		p.expectPunct("=")
		return LetStatement{Name: name, X: p.letValue(), Span: p.from(start)}
	case p.isName("set") && p.peek().Kind == tokenName:
		p.advance()
		s := SetStatement{Name: p.identifier("an option name")}
		if p.acceptPunct("=") {
			s.Value = p.expr()
		}
		s.Span = p.from(start)
		return s
	case p.isName("declare"):
		p.advance()
		if p.acceptName("pattern") {
			return p.pattern(start)
		}
		p.expectName("query_parameters")
		return DeclareStatement{Params: p.parameters(), Span: p.from(start)}
	case p.isName("alias") || p.isName("restrict"):
		p.failHint("remove the statement", "The '%s' statement is not supported", p.tok.Text)
	}
	x := p.pipelineOrExpr()
	return QueryStatement{X: x, Span: p.from(start)}
}

// letValue reads the right side of a let: a lambda or an expression, tabular or scalar.
func (p *parser) letValue() Node {
	start := p.tok.Start
	view := false
	if p.isName("view") && p.peek().Text == "(" {
		p.advance()
		view = true
	}
	if p.isPunct("(") && p.looksLikeLambda() {
		params := p.parameters()
		p.expectPunct("{")
		body := p.statements(tokenPunct, "}")
		p.expectPunct("}")
		return LambdaNode{Params: params, Body: body, View: view, Span: p.from(start)}
	}
	return p.pipelineOrExpr()
}

// looksLikeLambda reports whether the parenthesis at the current token closes before a '{'.
func (p *parser) looksLikeLambda() bool {
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

// parameters reads (a:long, b:string="x", T:(c:int), U:(*)).
func (p *parser) parameters() []ParameterDef {
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
				d.Columns = p.columnDefs()
			}
		} else {
			d.Type = p.typeName()
		}
		if p.acceptPunct("=") {
			d.Default = p.expr()
		}
		params = append(params, d)
		if !p.acceptPunct(",") {
			break
		}
	}
	p.expectPunct(")")
	return params
}

// columnDefs reads (a:long, b:string).
func (p *parser) columnDefs() []ColumnDef {
	p.expectPunct("(")
	var defs []ColumnDef
	for !p.isPunct(")") {
		p.bounded(len(defs))
		name := p.identifier("a column name")
		p.expectPunct(":")
		defs = append(defs, ColumnDef{Name: name, Type: p.typeName()})
		if !p.acceptPunct(",") {
			break
		}
	}
	p.expectPunct(")")
	return defs
}

func (p *parser) typeName() value.Type {
	t, ok := parseTypeName(p.tok.Text)
	if p.tok.Kind != tokenName || !ok {
		p.fail("Expected a type such as long or string but found %s", p.describe())
	}
	p.advance()
	return t
}

// pattern reads declare pattern name = (a:string)[path:string] { ("x").["y"] = { … }; … }.
func (p *parser) pattern(start int) Statement {
	s := PatternStatement{Name: p.identifier("a pattern name")}
	if p.acceptPunct("=") {
		p.parameters()
		if p.acceptPunct("[") {
			p.identifier("a path name")
			p.expectPunct(":")
			p.typeName()
			p.expectPunct("]")
		}
		p.expectPunct("{")
		for !p.isPunct("}") {
			s.Cases = append(s.Cases, p.patternCase())
			for p.acceptPunct(";") {
			}
		}
		p.expectPunct("}")
	}
	s.Span = p.from(start)
	return s
}

func (p *parser) patternCase() patternCase {
	var c patternCase
	p.expectPunct("(")
	for !p.isPunct(")") {
		c.Args = append(c.Args, p.stringLiteral())
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
			c.Path = p.stringLiteral()
			p.expectPunct("]")
		}
	}
	p.expectPunct("=")
	p.expectPunct("{")
	c.Body = p.statements(tokenPunct, "}")
	p.expectPunct("}")
	return c
}

func (p *parser) stringLiteral() string {
	if p.tok.Kind != tokenString {
		p.fail("Expected a string literal but found %s", p.describe())
	}
	text := p.tok.Text
	p.advance()
	return text
}

// pipelineOrExpr reads an expression with the operators piped behind it, if any.
func (p *parser) pipelineOrExpr() Node {
	p.enter()
	defer p.leave()
	start := p.tok.Start
	x := p.source()
	if !p.isPunct("|") {
		return x
	}
	pipe := PipelineNode{Source: x}
	for p.acceptPunct("|") {
		pipe.Ops = append(pipe.Ops, p.operator())
	}
	pipe.Span = p.from(start)
	return pipe
}

// source reads what a pipeline starts with: a tabular keyword or an expression.
func (p *parser) source() Node {
	start := p.tok.Start
	if p.tok.Kind == tokenName {
		next := p.peek()
		switch p.tok.Text {
		case "print":
			if next.Text != "=" && next.Text != "." {
				p.advance()
				return PrintNode{Items: p.namedExprs(), Span: p.from(start)}
			}
		case "range":
			if next.Kind == tokenName || next.Kind == tokenQuoted {
				p.advance()
				return p.rangeSource(start)
			}
		case "union":
			if next.Text != "=" && next.Text != "|" {
				p.advance()
				op := p.union(start)
				return PipelineNode{Ops: []Operator{op}, Span: p.from(start)}
			}
		case "find":
			if next.Text != "=" && next.Text != "|" && next.Text != "." && next.Kind != tokenEnd {
				p.advance()
				op := p.find(start)
				return PipelineNode{Ops: []Operator{op}, Span: p.from(start)}
			}
		case "search":
			if next.Text != "=" && next.Text != "|" {
				p.advance()
				op := p.search(start)
				return PipelineNode{Ops: []Operator{op}, Span: p.from(start)}
			}
		case "evaluate", "externaldata", "external_data":
			if next.Text != "=" && next.Text != "|" && next.Text != "." && next.Kind != tokenEnd {
				if p.tok.Text == "evaluate" {
					p.advance()
					op := p.evaluate(start)
					return PipelineNode{Ops: []Operator{op}, Span: p.from(start)}
				}
				p.failHint("use union or a table name", "The '%s' operator is not supported", p.tok.Text)
			}
		}
	}
	return p.expr()
}

func (p *parser) rangeSource(start int) Node {
	r := RangeNode{Column: p.identifier("a column name")}
	p.expectName("from")
	r.From = p.expr()
	p.expectName("to")
	r.To = p.expr()
	p.expectName("step")
	r.Step = p.expr()
	r.Span = p.from(start)
	return r
}

// namedExprs reads a list such as a, b = x + 1, (c, d) = f().
func (p *parser) namedExprs() []NamedExpr {
	var list []NamedExpr
	for {
		p.bounded(len(list))
		list = append(list, p.namedExpr())
		if !p.acceptPunct(",") {
			return list
		}
	}
}

func (p *parser) namedExpr() NamedExpr {
	if p.isPunct("(") {
		if names, ok := p.nameList(); ok {
			return NamedExpr{Names: names, X: p.expr()}
		}
	}
	if p.tok.Kind == tokenName || p.tok.Kind == tokenQuoted {
		if next := p.peek(); next.Kind == tokenPunct && next.Text == "=" {
			name := p.tok.Text
			p.advance()
			p.advance()
			return NamedExpr{Names: []string{name}, X: p.expr()}
		}
	}
	return NamedExpr{X: p.expr()}
}

// nameList reads (a, b) = if that is what follows, and nothing otherwise.
func (p *parser) nameList() ([]string, bool) {
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

// properties reads name=value pairs as long as they follow, such as kind=inner hint.strategy=shuffle. Hints are read and
// dropped: they never change a result.
func (p *parser) properties(known ...string) map[string]string {
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
