package syntax

import (
	"strconv"
	"strings"

	"github.com/calypso-cdc/calypso/services/localadx/kql/value"
)

// dynamicValue reads the inside of dynamic(…): JSON, with Kusto's additions (single quotes, nested literals such as
// datetime(2020-01-01) and dynamic(…), trailing commas). It returns canonical JSON.
func (p *parser) dynamicValue() string {
	var b strings.Builder
	p.dynamicInto(&b)
	return b.String()
}

func (p *parser) dynamicInto(b *strings.Builder) {
	p.enter()
	defer p.leave()
	t := p.tok
	switch {
	case t.Kind == tokenQuoted: // ["x"] lexes as a quoted name
		p.advance()
		b.WriteByte('[')
		b.Write(value.AppendQuoted(nil, t.Text))
		b.WriteByte(']')
	case t.Kind == tokenString:
		p.advance()
		b.Write(value.AppendQuoted(nil, t.Text))
	case t.Kind == tokenLong || t.Kind == tokenReal:
		p.advance()
		b.WriteString(p.jsonNumber(t, ""))
	case p.isPunct("-"):
		p.advance()
		n := p.tok
		if n.Kind != tokenLong && n.Kind != tokenReal {
			p.fail("Expected a number but found %s", p.describe())
		}
		p.advance()
		b.WriteString(p.jsonNumber(n, "-"))
	case t.Kind == tokenTimespan:
		p.advance()
		ticks, _ := value.ParseTimespan(t.Text)
		b.Write(value.AppendQuoted(nil, value.FormatTimespan(ticks)))
	case p.isPunct("["):
		p.dynamicList(b)
	case p.isPunct("{"):
		p.dynamicBag(b)
	case t.Kind == tokenName && (t.Text == "null" || t.Text == "true" || t.Text == "false"):
		p.advance()
		b.WriteString(t.Text)
	case t.Kind == tokenName && p.peek().Text == "(":
		b.WriteString(p.nestedLiteral())
	default:
		p.fail("Expected a JSON value but found %s", p.describe())
	}
}

func (p *parser) jsonNumber(t token, sign string) string {
	if t.Kind == tokenLong {
		lit, _ := p.long(t).(LiteralNode)
		n := lit.Value.(int64)
		if sign != "" {
			n = -n
		}
		return strconv.FormatInt(n, 10)
	}
	f, _ := strconv.ParseFloat(sign+t.Text, 64)
	return string(value.AppendReal(nil, f))
}

// nestedLiteral reads datetime(…), guid(…), dynamic(…) and so on inside a dynamic literal, as JSON.
func (p *parser) nestedLiteral() string {
	lit, ok := p.namePrimary().(LiteralNode)
	if !ok {
		p.fail("Only literals may stand inside dynamic()")
	}
	return literalJSON(lit)
}

// literalJSON returns the JSON a literal becomes inside a dynamic.
func literalJSON(lit LiteralNode) string {
	if lit.Value == nil {
		return "null"
	}
	switch lit.Type {
	case value.Datetime:
		return strconv.Quote(value.FormatDatetime(lit.Value.(int64)))
	case value.Timespan:
		return strconv.Quote(value.FormatTimespan(lit.Value.(int64)))
	}
	return string(value.AppendJSON(nil, lit.Type, lit.Value))
}

func (p *parser) dynamicList(b *strings.Builder) {
	p.expectPunct("[")
	b.WriteByte('[')
	for n := 0; !p.isPunct("]"); n++ {
		if n > 0 {
			b.WriteByte(',')
		}
		p.dynamicInto(b)
		if !p.acceptPunct(",") {
			break
		}
	}
	p.expectPunct("]")
	b.WriteByte(']')
}

func (p *parser) dynamicBag(b *strings.Builder) {
	p.expectPunct("{")
	b.WriteByte('{')
	for n := 0; !p.isPunct("}"); n++ {
		if n > 0 {
			b.WriteByte(',')
		}
		key := p.tok.Text
		if p.tok.Kind != tokenString && p.tok.Kind != tokenName {
			p.fail("Expected a property name but found %s", p.describe())
		}
		p.advance()
		p.expectPunct(":")
		b.Write(value.AppendQuoted(nil, key))
		b.WriteByte(':')
		p.dynamicInto(b)
		if !p.acceptPunct(",") {
			break
		}
	}
	p.expectPunct("}")
	b.WriteByte('}')
}
