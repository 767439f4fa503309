package syntax

import (
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/calypso-cdc/calypso/services/localadx/kql/value"
)

// tokenKind classifies a token.
type tokenKind uint8

const (
	tokenEnd      tokenKind = iota
	tokenName               // identifier or keyword; Text is the name
	tokenQuoted             // ['name'] or ["name"]; Text is the name
	tokenString             // string literal; Text is its value
	tokenLong               // integer literal; Text is its digits
	tokenReal               // real literal; Text is its digits
	tokenTimespan           // timespan literal such as 5m; Text is as written
	tokenPunct              // operator or punctuation; Text is as written
)

// token is one lexical unit. Start and End are byte offsets into the query.
type token struct {
	Kind       tokenKind
	Text       string
	Start, End int
}

// lexer splits a query into tokens. It is restartable at any offset, which the parser needs for literals such as
// datetime(2017-01-01) whose inside follows other rules.
type lexer struct {
	text string
	at   int
}

// puncts are the operators of more than one byte, longest first.
var puncts = []string{"-->", "=>", "==", "=~", "!=", "!~", "<=", ">=", "<>", "<|", ".."}

// next returns the token at the current offset and moves behind it.
func (l *lexer) next() (token, *Error) {
	l.skipSpace()
	start := l.at
	if l.at >= len(l.text) {
		return token{Kind: tokenEnd, Start: start, End: start}, nil
	}
	c := l.text[l.at]
	switch {
	case c == '"' || c == '\'':
		return l.quotedString(start, c, false)
	case c == '@' && l.peekQuote(1):
		l.at++
		return l.quotedString(start, l.text[l.at], true)
	case (c == 'h' || c == 'H') && l.peekQuote(1):
		l.at++
		return l.quotedString(start, l.text[l.at], false)
	case (c == 'h' || c == 'H') && l.at+1 < len(l.text) && l.text[l.at+1] == '@' && l.peekQuote(2):
		l.at += 2
		return l.quotedString(start, l.text[l.at], true)
	case strings.HasPrefix(l.text[l.at:], "```") || strings.HasPrefix(l.text[l.at:], "~~~"):
		return l.multilineString(start)
	case c == '[' && l.bracketedName():
		return l.quotedName(start)
	case c >= '0' && c <= '9':
		return l.number(start), nil
	case isNameStart(l.text[l.at:]):
		return l.name(start), nil
	}
	return l.punct(start)
}

func (l *lexer) peekQuote(ahead int) bool {
	return l.at+ahead < len(l.text) && (l.text[l.at+ahead] == '"' || l.text[l.at+ahead] == '\'')
}

func (l *lexer) skipSpace() {
	for l.at < len(l.text) {
		switch c := l.text[l.at]; {
		case c == ' ' || c == '\t' || c == '\n' || c == '\r' || c == '\f' || c == '\v':
			l.at++
		case c == '/' && strings.HasPrefix(l.text[l.at:], "//"):
			end := strings.IndexByte(l.text[l.at:], '\n')
			if end < 0 {
				l.at = len(l.text)
			} else {
				l.at += end
			}
		case c >= utf8.RuneSelf:
			r, size := utf8.DecodeRuneInString(l.text[l.at:])
			if !unicode.IsSpace(r) && r != '\uFEFF' {
				return
			}
			l.at += size
		default:
			return
		}
	}
}

func isNameStart(s string) bool {
	r, _ := utf8.DecodeRuneInString(s)
	return r == '_' || r == '$' || unicode.IsLetter(r)
}

func IsNameRune(r rune) bool { return r == '_' || unicode.IsLetter(r) || unicode.IsDigit(r) }

func (l *lexer) name(start int) token {
	_, size := utf8.DecodeRuneInString(l.text[l.at:])
	l.at += size
	for l.at < len(l.text) {
		r, size := utf8.DecodeRuneInString(l.text[l.at:])
		if !IsNameRune(r) {
			break
		}
		l.at += size
	}
	return token{Kind: tokenName, Text: l.text[start:l.at], Start: start, End: l.at}
}

// bracketedName reports whether the text at '[' is ['name'] rather than an index into a dynamic, which the parser asks
// for itself.
func (l *lexer) bracketedName() bool {
	i := l.at + 1
	for i < len(l.text) && (l.text[i] == ' ' || l.text[i] == '\t') {
		i++
	}
	if i >= len(l.text) || l.text[i] != '"' && l.text[i] != '\'' {
		return false
	}
	quote := l.text[i]
	for i++; i < len(l.text) && l.text[i] != quote && l.text[i] != '\n'; i++ {
		if l.text[i] == '\\' {
			i++
		}
	}
	for i++; i < len(l.text) && (l.text[i] == ' ' || l.text[i] == '\t'); i++ {
	}
	return i < len(l.text) && l.text[i] == ']'
}

func (l *lexer) quotedName(start int) (token, *Error) {
	l.at++
	l.skipSpace()
	t, err := l.quotedString(l.at, l.text[l.at], false)
	if err != nil {
		return t, err
	}
	l.skipSpace()
	l.at++ // the bracket bracketedName saw
	return token{Kind: tokenQuoted, Text: t.Text, Start: start, End: l.at}, nil
}

func (l *lexer) number(start int) token {
	if strings.HasPrefix(l.text[l.at:], "0x") || strings.HasPrefix(l.text[l.at:], "0X") {
		l.at += 2
		for l.at < len(l.text) && isHex(l.text[l.at]) {
			l.at++
		}
		return token{Kind: tokenLong, Text: l.text[start:l.at], Start: start, End: l.at}
	}
	kind := tokenLong
	l.digits()
	if l.at+1 < len(l.text) && l.text[l.at] == '.' && IsDigit(l.text[l.at+1]) {
		kind = tokenReal
		l.at++
		l.digits()
	} else if l.at < len(l.text) && l.text[l.at] == '.' && !strings.HasPrefix(l.text[l.at:], "..") &&
		!(l.at+1 < len(l.text) && isNameStart(l.text[l.at+1:])) {
		kind = tokenReal
		l.at++
	}
	if l.at < len(l.text) && (l.text[l.at] == 'e' || l.text[l.at] == 'E') {
		i := l.at + 1
		if i < len(l.text) && (l.text[i] == '+' || l.text[i] == '-') {
			i++
		}
		if i < len(l.text) && IsDigit(l.text[i]) {
			kind = tokenReal
			l.at = i
			l.digits()
		}
	}
	end := l.at
	for l.at < len(l.text) {
		r, size := utf8.DecodeRuneInString(l.text[l.at:])
		if !IsNameRune(r) {
			break
		}
		l.at += size
	}
	if l.at > end {
		if _, ok := value.TimespanUnit(l.text[end:l.at]); ok {
			return token{Kind: tokenTimespan, Text: l.text[start:l.at], Start: start, End: l.at}
		}
		if kind == tokenLong {
			return token{Kind: tokenName, Text: l.text[start:l.at], Start: start, End: l.at}
		}
		l.at = end
	}
	return token{Kind: kind, Text: l.text[start:end], Start: start, End: end}
}

func (l *lexer) digits() {
	for l.at < len(l.text) && IsDigit(l.text[l.at]) {
		l.at++
	}
}

func IsDigit(c byte) bool { return c >= '0' && c <= '9' }

func isHex(c byte) bool { return IsDigit(c) || c >= 'a' && c <= 'f' || c >= 'A' && c <= 'F' }

func (l *lexer) punct(start int) (token, *Error) {
	rest := l.text[l.at:]
	for _, p := range puncts {
		if strings.HasPrefix(rest, p) {
			l.at += len(p)
			return token{Kind: tokenPunct, Text: p, Start: start, End: l.at}, nil
		}
	}
	r, size := utf8.DecodeRuneInString(rest)
	if !strings.ContainsRune("()[]{}|,;.:=<>+-*/%!~?", r) {
		return token{}, l.errorAt(start, fmt.Sprintf("Invalid character %q", r))
	}
	l.at += size
	return token{Kind: tokenPunct, Text: rest[:size], Start: start, End: l.at}, nil
}

// quotedString reads a string from its opening quote. A verbatim string has no escapes; its quote is doubled.
func (l *lexer) quotedString(start int, quote byte, verbatim bool) (token, *Error) {
	l.at++
	var b strings.Builder
	for l.at < len(l.text) {
		c := l.text[l.at]
		switch {
		case c == quote && verbatim && l.at+1 < len(l.text) && l.text[l.at+1] == quote:
			b.WriteByte(quote)
			l.at += 2
		case c == quote:
			l.at++
			return token{Kind: tokenString, Text: b.String(), Start: start, End: l.at}, nil
		case c == '\\' && !verbatim:
			if err := l.escape(&b); err != nil {
				return token{}, err
			}
		case c == '\n' && !verbatim:
			return token{}, l.errorAt(start, "The string literal is not closed on its line")
		default:
			b.WriteByte(c)
			l.at++
		}
	}
	return token{}, l.errorAt(start, "The string literal is not closed")
}

// escape reads one escape sequence of an ordinary string.
func (l *lexer) escape(b *strings.Builder) *Error {
	start := l.at
	l.at++
	if l.at >= len(l.text) {
		return l.errorAt(start, "The string literal ends in an escape sequence")
	}
	c := l.text[l.at]
	l.at++
	simple := map[byte]byte{'n': '\n', 't': '\t', 'r': '\r', '0': 0, 'a': 7, 'b': 8, 'f': 12, 'v': 11, '\\': '\\',
		'"': '"', '\'': '\''}
	if out, ok := simple[c]; ok {
		b.WriteByte(out)
		return nil
	}
	width := map[byte]int{'x': 2, 'u': 4, 'U': 8}[c]
	if width == 0 {
		return l.errorAt(start, fmt.Sprintf("Unknown escape sequence \\%c; write @'…' for a string without escapes", c))
	}
	var code rune
	for range width {
		if l.at >= len(l.text) || !isHex(l.text[l.at]) {
			return l.errorAt(start, "The escape sequence needs hexadecimal digits")
		}
		code = code<<4 | rune(hexValue(l.text[l.at]))
		l.at++
	}
	b.WriteRune(code)
	return nil
}

func hexValue(c byte) int {
	switch {
	case c <= '9':
		return int(c - '0')
	case c >= 'a':
		return int(c-'a') + 10
	}
	return int(c-'A') + 10
}

func (l *lexer) multilineString(start int) (token, *Error) {
	fence := l.text[l.at : l.at+3]
	l.at += 3
	end := strings.Index(l.text[l.at:], fence)
	if end < 0 {
		return token{}, l.errorAt(start, "The multi-line string literal is not closed")
	}
	text := l.text[l.at : l.at+end]
	l.at += end + 3
	return token{Kind: tokenString, Text: text, Start: start, End: l.at}, nil
}

func (l *lexer) errorAt(offset int, message string) *Error {
	return syntaxError(l.text, offset, message)
}

func syntaxError(text string, offset int, message string) *Error {
	line, column := Position(text, offset)
	return &Error{Code: CodeSyntax, Message: message, Line: line, Column: column, Permanent: true}
}

// position turns a byte offset into a line and a column, both from 1, the column in characters.
func Position(text string, offset int) (line, column int) {
	offset = min(offset, len(text))
	before := text[:offset]
	line = 1 + strings.Count(before, "\n")
	return line, 1 + utf8.RuneCountInString(before[strings.LastIndexByte(before, '\n')+1:])
}
