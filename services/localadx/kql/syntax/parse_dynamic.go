package syntax

import (
	"strconv"
	"strings"

	"github.com/calypso-cdc/calypso/services/localadx/kql/value"
)

// parseDynamicValue reads the inside of dynamic(…): JSON, with Kusto's additions (single quotes,
// nested literals such as datetime(2020-01-01) and dynamic(…), trailing commas). It returns
// canonical JSON.
func parseDynamicValue(p *parser) string {
	var b strings.Builder
	parseDynamicInto(p, &b)
	return b.String()
}

func parseDynamicInto(p *parser, b *strings.Builder) {
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
		b.WriteString(parseJsonNumber(p, t, ""))
	case p.isPunct("-"):
		p.advance()
		n := p.tok
		if n.Kind != tokenLong && n.Kind != tokenReal {
			p.fail("Expected a number but found %s", p.describe())
		}
		p.advance()
		b.WriteString(parseJsonNumber(p, n, "-"))
	case t.Kind == tokenTimespan:
		p.advance()
		ticks, _ := value.ParseTimespan(t.Text)
		b.Write(value.AppendQuoted(nil, value.FormatTimespan(ticks)))
	case p.isPunct("["):
		parseDynamicList(p, b)
	case p.isPunct("{"):
		parseDynamicBag(p, b)
	case t.Kind == tokenName && (t.Text == "null" || t.Text == "true" || t.Text == "false"):
		p.advance()
		b.WriteString(t.Text)
	case t.Kind == tokenName && p.peek().Text == "(":
		b.WriteString(parseNestedLiteral(p))
	default:
		p.fail("Expected a JSON value but found %s", p.describe())
	}
}

func parseJsonNumber(p *parser, t token, sign string) string {
	if t.Kind == tokenLong {
		lit, _ := parseLong(p, t).(LiteralNode)
		n := lit.Value.(int64)
		if sign != "" {
			n = -n
		}
		return strconv.FormatInt(n, 10)
	}
	f, _ := strconv.ParseFloat(sign+t.Text, 64)
	return string(value.AppendReal(nil, f))
}

// parseNestedLiteral reads datetime(…), guid(…), dynamic(…) and so on inside a dynamic literal, as JSON.
func parseNestedLiteral(p *parser) string {
	lit, ok := parseNamePrimary(p).(LiteralNode)
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

func parseDynamicList(p *parser, b *strings.Builder) {
	p.expectPunct("[")
	b.WriteByte('[')
	for n := 0; !p.isPunct("]"); n++ {
		if n > 0 {
			b.WriteByte(',')
		}
		parseDynamicInto(p, b)
		if !p.acceptPunct(",") {
			break
		}
	}
	p.expectPunct("]")
	b.WriteByte(']')
}

func parseDynamicBag(p *parser, b *strings.Builder) {
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
		parseDynamicInto(p, b)
		if !p.acceptPunct(",") {
			break
		}
	}
	p.expectPunct("}")
	b.WriteByte('}')
}
