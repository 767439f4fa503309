package syntax

import "fmt"

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

// failHint refuses what Kusto has but this server does not, with advice.
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
	for p.lexer.at < len(p.lexer.text) && p.lexer.text[p.lexer.at] == '-' && p.lexer.at+1 < len(p.lexer.text) &&
		isNameStart(p.lexer.text[p.lexer.at+1:]) {
		p.advance() // onto the dash
		p.advance() // onto the next part
		end = p.tok.End
	}
	word := p.lexer.text[start:end]
	p.advance()
	return word
}

func (p *parser) from(start int) Span { return Span{start, p.end} }
