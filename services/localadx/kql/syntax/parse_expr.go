package syntax

import (
	"math"
	"strconv"
	"strings"

	"github.com/calypso-cdc/calypso/services/localadx/kql/value"
)

// Binding powers, weakest first.
const (
	powerOr = iota + 1
	powerAnd
	powerCompare
	powerAdd
	powerMultiply
)

// wordOperators are the binary operators spelled as words; all compare.
var wordOperators = map[string]bool{
	"has": true, "has_cs": true, "hasprefix": true, "hasprefix_cs": true, "hassuffix": true, "hassuffix_cs": true,
	"contains": true, "contains_cs": true, "startswith": true, "startswith_cs": true, "endswith": true,
	"endswith_cs": true,
	"in":          true, "has_any": true, "has_all": true, "between": true, "matches": true, "like": true, "notlike": true,
	"notcontains": true, "notcontains_cs": true,
}

// parseExpr reads an expression without pipes.
func parseExpr(p *parser) Node { return parseBinary(p, powerOr) }

// parseBinaryOperator returns the operator at the current token, how many tokens it has, and its
// binding power; 0 if there is none.
func parseBinaryOperator(p *parser) (op string, tokens, power int) {
	switch p.tok.Kind {
	case tokenName:
		switch {
		case p.tok.Text == "or":
			return "or", 1, powerOr
		case p.tok.Text == "and":
			return "and", 1, powerAnd
		case p.tok.Text == "matches":
			return "matches regex", 2, powerCompare
		case wordOperators[p.tok.Text]:
			return p.tok.Text, 1, powerCompare
		}
	case tokenPunct:
		switch p.tok.Text {
		case "==", "!=", "<>", "<", "<=", ">", ">=", "=~", "!~", ":":
			return p.tok.Text, 1, powerCompare
		case "+", "-":
			return p.tok.Text, 1, powerAdd
		case "*", "/", "%":
			return p.tok.Text, 1, powerMultiply
		case "!":
			if next := p.peek(); next.Kind == tokenName && wordOperators[next.Text] {
				return "!" + next.Text, 2, powerCompare
			}
		}
	}
	return "", 0, 0
}

func parseBinary(p *parser, min int) Node {
	p.enter()
	defer p.leave()
	start := p.tok.Start
	left := parseUnary(p)
	for {
		op, tokens, power := parseBinaryOperator(p)
		if power == 0 || power < min {
			return left
		}
		for range tokens {
			p.advance()
		}
		if (op == "in" || op == "!in") && p.isPunct("~") {
			p.advance()
			op += "~"
		}
		switch op {
		case "between", "!between":
			left = parseBetween(p, start, left, op == "!between")
		case "in", "!in", "in~", "!in~", "has_any", "has_all":
			left = parseIn(p, start, left, op)
		default:
			right := parseBinary(p, power+1)
			left = BinaryNode{Op: op, L: left, R: right, Span: p.from(start)}
		}
	}
}

func parseBetween(p *parser, start int, x Node, not bool) Node {
	p.expectPunct("(")
	low := parseExpr(p)
	p.expectPunct("..")
	high := parseExpr(p)
	p.expectPunct(")")
	return BetweenNode{X: x, Low: low, High: high, Not: not, Span: p.from(start)}
}

func parseIn(p *parser, start int, x Node, op string) Node {
	n := InNode{Op: op, X: x}
	if !p.isPunct("(") {
		n.List = []Node{parseUnary(p)}
	} else {
		p.advance()
		for !p.isPunct(")") {
			n.List = append(n.List, parsePipelineOrExpr(p))
			if !p.acceptPunct(",") {
				break
			}
		}
		p.expectPunct(")")
	}
	n.Span = p.from(start)
	return n
}

func parseUnary(p *parser) Node {
	start := p.tok.Start
	if p.isPunct("-") || p.isPunct("+") {
		op := p.tok.Text
		p.advance()
		if op == "-" && p.tok.Kind == tokenLong && p.tok.Text == "9223372036854775808" {
			p.advance()
			return LiteralNode{Type: value.Long, Value: int64(math.MinInt64), Span: p.from(start)}
		}
		p.enter()
		x := parseUnary(p)
		p.leave()
		return UnaryNode{Op: op, X: x, Span: p.from(start)}
	}
	return parsePostfix(p)
}

func parsePostfix(p *parser) Node {
	start := p.tok.Start
	x := parsePrimary(p)
	for {
		switch {
		case p.isPunct(".") && parseCanMember(p):
			p.advance()
			switch {
			case p.isPunct("["):
				p.advance()
				index := parseExpr(p)
				p.expectPunct("]")
				x = IndexNode{X: x, Index: index, Span: p.from(start)}
			case (p.tok.Kind == tokenName || p.tok.Kind == tokenQuoted) && p.peek().Text == "(" &&
				p.lexer.at < len(p.lexer.text) && p.lexer.text[p.lexer.at] == '(':
				call := parsePrimary(p) // database('x').f(…) or cluster(…).database(…)
				x = memberCall(x, call, p.from(start))
			default:
				x = MemberNode{X: x, Name: p.identifier("a member name"), Span: p.from(start)}
			}
		case p.isPunct("["):
			p.advance()
			index := parseExpr(p)
			p.expectPunct("]")
			x = IndexNode{X: x, Index: index, Span: p.from(start)}
		case p.tok.Kind == tokenQuoted && p.tok.Start == p.end:
			x = MemberNode{X: x, Name: p.tok.Text}
			p.advance()
			x = MemberNode{X: x.(MemberNode).X, Name: x.(MemberNode).Name, Span: p.from(start)}
		default:
			return x
		}
	}
}

// parseCanMember reports whether the '.' at the current token starts a member access rather than ending a pattern.
func parseCanMember(p *parser) bool {
	next := p.peek()
	return next.Kind == tokenName || next.Kind == tokenQuoted || next.Text == "["
}

// memberCall keeps the qualifier of a call as its first argument named "@".
func memberCall(x, call Node, at Span) Node {
	c, ok := call.(CallNode)
	if !ok {
		return call
	}
	c.Args = append([]Argument{{Name: "@", X: x}}, c.Args...)
	c.Span = at
	return c
}

func parsePrimary(p *parser) Node {
	start := p.tok.Start
	t := p.tok
	switch t.Kind {
	case tokenString:
		p.advance()
		text := t.Text
		for p.tok.Kind == tokenString { // adjacent literals are one
			text += p.tok.Text
			p.advance()
		}
		return LiteralNode{Type: value.String, Value: text, Span: p.from(start)}
	case tokenLong:
		p.advance()
		return parseLong(p, t)
	case tokenReal:
		p.advance()
		f, err := strconv.ParseFloat(t.Text, 64)
		if err != nil && math.IsInf(f, 0) {
			p.fail("The number %s is out of range", t.Text)
		}
		return LiteralNode{Type: value.Real, Value: f, Span: p.from(start)}
	case tokenTimespan:
		p.advance()
		ticks, ok := value.ParseTimespan(t.Text)
		if !ok {
			p.fail("The timespan %s is out of range", t.Text)
		}
		return LiteralNode{Type: value.Timespan, Value: ticks, Span: p.from(start)}
	case tokenQuoted:
		p.advance()
		if p.isPunct("(") {
			return parseCall(p, t.Text, start)
		}
		return parseNameOrWildcard(p, t.Text, start)
	case tokenName:
		return parseNamePrimary(p)
	case tokenPunct:
		switch t.Text {
		case "(":
			p.advance()
			x := parsePipelineOrExpr(p)
			p.expectPunct(")")
			return x
		case "*":
			p.advance()
			if p.tok.Kind == tokenName && p.tok.Start == p.end {
				return parseNameOrWildcard(p, "*", start)
			}
			return StarNode{Span: p.from(start)}
		case "[":
			p.fail("A list is not an expression; write dynamic([…])")
		}
	}
	p.fail("Expected an expression but found %s", p.describe())
	return nil
}

func parseLong(p *parser, t token) Node {
	at := Span{t.Start, t.End}
	if strings.HasPrefix(t.Text, "0x") || strings.HasPrefix(t.Text, "0X") {
		n, err := strconv.ParseUint(t.Text[2:], 16, 64)
		if err != nil {
			p.fail("The number %s is out of range", t.Text)
		}
		return LiteralNode{Type: value.Long, Value: int64(n), Span: at}
	}
	n, err := strconv.ParseInt(t.Text, 10, 64)
	if err != nil {
		p.fail("The number %s is out of the range of long", t.Text)
	}
	return LiteralNode{Type: value.Long, Value: n, Span: at}
}

// parseNameOrWildcard reads the rest of a name pattern such as T*_x after its first part.
func parseNameOrWildcard(p *parser, first string, start int) Node {
	pattern := first
	for p.tok.Start == p.end && (p.isPunct("*") || strings.HasSuffix(pattern, "*") && p.tok.Kind == tokenName) {
		if p.isPunct("*") && !p.wildcards && !parseEndsPattern(p) {
			break // a product written without spaces
		}
		pattern += p.tok.Text
		p.advance()
	}
	if pattern != first || pattern == "*" {
		return WildcardNode{Pattern: pattern, Span: p.from(start)}
	}
	return NameNode{Name: first, Span: p.from(start)}
}

// parseEndsPattern reports whether the '*' that touches a name is followed by what ends a name pattern.
func parseEndsPattern(p *parser) bool {
	next := p.peek()
	return next.Kind == tokenEnd || next.Kind == tokenPunct &&
		(next.Text == "," || next.Text == "|" || next.Text == ")" || next.Text == ";")
}

// parseNamePrimary reads what starts with a name: a literal, a call, a tabular source in an expression, or a reference.
func parseNamePrimary(p *parser) Node {
	start := p.tok.Start
	name := p.tok.Text
	next := p.peek()
	if next.Kind == tokenPunct && next.Text == "(" {
		switch name {
		case "dynamic":
			p.advance()
			p.advance()
			json := parseDynamicValue(p)
			p.expectPunct(")")
			if json == "null" {
				return LiteralNode{Type: value.Dynamic, Span: p.from(start)}
			}
			return LiteralNode{Type: value.Dynamic, Value: json, Span: p.from(start)}
		case "typeof":
			return parseTypeof(p, start)
		case "datatable":
			return parseDatatable(p, start)
		}
		if t, ok := value.ParseType(name); ok && isLiteralType(name) {
			return parseRawLiteral(p, t, start)
		}
		p.advance()
		return parseCall(p, name, start)
	}
	switch name {
	case "true", "True", "TRUE", "false", "False", "FALSE":
		p.advance()
		return LiteralNode{Type: value.Bool, Value: strings.EqualFold(name, "true"), Span: p.from(start)}
	case "datatable":
		if next.Text == "(" {
			return parseDatatable(p, start)
		}
	}
	p.advance()
	return parseNameOrWildcard(p, name, start)
}

// isLiteralType reports whether name(…) is a literal of the type name.
func isLiteralType(name string) bool {
	switch name {
	case "bool", "boolean", "int", "long", "real", "double", "decimal", "datetime", "date", "timespan", "time",
		"guid", "string":
		return true
	}
	return false
}

func parseCall(p *parser, name string, start int) Node {
	p.expectPunct("(")
	c := CallNode{Name: name}
	for !p.isPunct(")") {
		var arg Argument
		if p.tok.Kind == tokenName || p.tok.Kind == tokenQuoted {
			if next := p.peek(); next.Kind == tokenPunct && next.Text == "=" {
				arg.Name = p.tok.Text
				p.advance()
				p.advance()
			}
		}
		arg.X = parsePipelineOrExpr(p)
		c.Args = append(c.Args, arg)
		if !p.acceptPunct(",") {
			break
		}
	}
	p.expectPunct(")")
	c.Span = p.from(start)
	return c
}

func parseTypeof(p *parser, start int) Node {
	p.advance()
	if p.peek().Kind == tokenName {
		p.expectPunct("(")
		n := TypeofNode{}
		if next := p.peek(); next.Text == ":" {
			for {
				name := p.identifier("a column name")
				p.expectPunct(":")
				n.Columns = append(n.Columns, ColumnDef{Name: name, Type: parseTypeName(p)})
				if !p.acceptPunct(",") {
					break
				}
			}
		} else {
			n.Type = parseTypeName(p)
		}
		p.expectPunct(")")
		n.Span = p.from(start)
		return n
	}
	p.fail("Expected typeof(type)")
	return nil
}

func parseDatatable(p *parser, start int) Node {
	p.advance()
	d := DatatableNode{Columns: parseColumnDefs(p)}
	if len(d.Columns) == 0 {
		p.fail("A datatable needs at least one column")
	}
	parseProperties(p)
	if p.tok.Kind == tokenQuoted { // ["x"] with one value lexes as a quoted name
		d.Values = []Node{LiteralNode{Type: value.String, Value: p.tok.Text, Span: Span{p.tok.Start, p.tok.End}}}
		p.advance()
	} else {
		p.expectPunct("[")
		for !p.isPunct("]") {
			d.Values = append(d.Values, parseExpr(p))
			if !p.acceptPunct(",") {
				break
			}
		}
		p.expectPunct("]")
	}
	d.Span = p.from(start)
	return d
}

// parseRawLiteral reads type(text): the text up to the closing parenthesis is the literal, in quotes or not.
func parseRawLiteral(p *parser, t value.Type, start int) Node {
	p.advance() // onto '('
	open := p.tok.End
	l := p.lexer
	l.at = open
	l.skipSpace()
	if l.at < len(l.text) && (l.text[l.at] == '"' || l.text[l.at] == '\'' || l.text[l.at] == '@') {
		p.advance()
		text := parseStringLiteral(p)
		p.expectPunct(")")
		return parseTypedLiteral(p, t, text, start)
	}
	end := strings.IndexByte(p.lexer.text[open:], ')')
	if end < 0 {
		p.fail("The literal is not closed by ')'")
	}
	text := strings.TrimSpace(p.lexer.text[open : open+end])
	p.restart(open + end)
	p.expectPunct(")")
	return parseTypedLiteral(p, t, text, start)
}

// parseTypedLiteral interprets the text of a literal of a type.
func parseTypedLiteral(p *parser, t value.Type, text string, start int) Node {
	n := LiteralNode{Type: t, Span: p.from(start)}
	if strings.EqualFold(text, "null") && t != value.String {
		return n
	}
	bad := func() {
		panic(syntaxError(p.lexer.text, start, "'"+text+"' is not a "+t.String()+" literal"))
	}
	switch t {
	case value.Bool:
		switch strings.ToLower(text) {
		case "true", "1":
			n.Value = true
		case "false", "0":
			n.Value = false
		default:
			bad()
		}
	case value.Int, value.Long:
		v, err := strconv.ParseInt(text, 0, 64)
		if err != nil {
			f, ferr := strconv.ParseFloat(text, 64)
			if ferr != nil || math.Abs(f) > 1<<62 {
				bad()
			}
			v = int64(f)
		}
		if t == value.Int && int64(int32(v)) != v {
			bad()
		}
		n.Value = v
	case value.Real:
		switch strings.ToLower(text) {
		case "nan":
			n.Value = math.NaN()
		case "+inf", "inf":
			n.Value = math.Inf(1)
		case "-inf":
			n.Value = math.Inf(-1)
		default:
			f, err := strconv.ParseFloat(text, 64)
			if err != nil {
				bad()
			}
			n.Value = f
		}
	case value.Decimal:
		if _, err := strconv.ParseFloat(text, 64); err != nil {
			bad()
		}
		n.Value = text
	case value.String:
		n.Value = text
	case value.Datetime:
		return parseDatetimeLiteral(p, n, text, bad)
	case value.Timespan:
		ticks, ok := value.ParseTimespan(text)
		if !ok {
			bad()
		}
		n.Value = ticks
	case value.GUID:
		g, ok := value.ParseGUID(text)
		if !ok {
			bad()
		}
		n.Value = g
	}
	return n
}

// parseDatetimeLiteral reads a datetime, including the spaced and comma forms that the
// documentation uses: datetime(2017 - 08 - 01), datetime(2025, 6, 14).
func parseDatetimeLiteral(p *parser, n LiteralNode, text string, bad func()) Node {
	if ticks, ok := value.ParseDatetime(text); ok {
		n.Value = ticks
		return n
	}
	compact := strings.NewReplacer(" - ", "-", ", ", "-", ",", "-").Replace(text)
	ticks, ok := value.ParseDatetime(compact)
	if !ok {
		bad()
	}
	n.Value = ticks
	return n
}
