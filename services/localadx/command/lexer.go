package command

import (
	"strings"
	"unicode"
	"unicode/utf8"
)

// token is a part of a command's text.
type token struct {
	kind tokenKind
	// text is the token as written; value is a string literal's or quoted name's content, else text.
	text, value string
	start, end  int
}

type tokenKind uint8

const (
	endToken tokenKind = iota
	wordToken
	stringToken
	quotedNameToken // ['a b']
	punctuationToken
	badToken
)

// next reads the token at or after offset. Comments (// to the line's end) count as white space.
func next(text string, offset int) token {
	offset = skipBlank(text, offset)
	if offset >= len(text) {
		return token{kind: endToken, start: len(text), end: len(text)}
	}
	switch c := text[offset]; {
	case c == '\'' || c == '"':
		return stringAt(text, offset, offset)
	case (c == '@' || c == 'h' || c == 'H') && isStringStart(text, offset):
		return stringAt(text, offset, offset+strings.IndexAny(text[offset:], `'"`))
	case strings.HasPrefix(text[offset:], "```"):
		return multiLineString(text, offset)
	case strings.HasPrefix(text[offset:], "['") || strings.HasPrefix(text[offset:], `["`):
		inner := stringAt(text, offset, offset+1)
		if inner.kind == stringToken && strings.HasPrefix(text[inner.end:], "]") {
			return token{kind: quotedNameToken, text: text[offset : inner.end+1], value: inner.value, start: offset,
				end: inner.end + 1}
		}
		return punctuation(text, offset, 1)
	case strings.HasPrefix(text[offset:], "<|"):
		return punctuation(text, offset, 2)
	case c == '.' && offset+1 < len(text) && isLetter(rune(text[offset+1])) && (offset == 0 || isBlank(text[offset-1])):
		return word(text, offset, offset+1)
	}
	r, size := utf8.DecodeRuneInString(text[offset:])
	if isLetter(r) || unicode.IsDigit(r) {
		return word(text, offset, offset)
	}
	return punctuation(text, offset, size)
}

func isBlank(c byte) bool { return c == ' ' || c == '\t' || c == '\n' || c == '\r' }

func isLetter(r rune) bool { return r == '_' || unicode.IsLetter(r) }

// isStringStart reports whether a prefix (h, H, @ or h@) stands before a quote.
func isStringStart(text string, offset int) bool {
	rest := strings.TrimPrefix(strings.TrimLeft(text[offset:min(len(text), offset+1)],
		"hH")+text[min(len(text), offset+1):], "@")
	return strings.HasPrefix(rest, "'") || strings.HasPrefix(rest, `"`)
}

func skipBlank(text string, offset int) int {
	for offset < len(text) {
		switch {
		case isBlank(text[offset]):
			offset++
		case strings.HasPrefix(text[offset:], "\xEF\xBB\xBF"):
			offset += 3
		case strings.HasPrefix(text[offset:], "//"):
			end := strings.IndexByte(text[offset:], '\n')
			if end < 0 {
				return len(text)
			}
			offset += end
		default:
			return offset
		}
	}
	return offset
}

// maxWord bounds a word in bytes: names have 1,024 letters at most, and every command reads the
// words of a text again.
const maxWord = 4 << 10

// word reads letters, digits and underscores; a hyphen belongs to the word when a letter follows (create-merge).
func word(text string, start, from int) token {
	end := from
	for end < len(text) {
		if end-from > maxWord {
			return token{kind: badToken, text: text[start:end], start: start, end: end}
		}
		r, size := utf8.DecodeRuneInString(text[end:])
		hyphen := r == '-' && end+1 < len(text) && isLetter(rune(text[end+1])) && end > from
		if !isLetter(r) && !unicode.IsDigit(r) && !hyphen {
			break
		}
		end += size
	}
	return token{kind: wordToken, text: text[start:end], value: text[start:end], start: start, end: end}
}

func punctuation(text string, start, length int) token {
	return token{kind: punctuationToken, text: text[start : start+length], value: text[start : start+length], start: start,
		end: start + length}
}

// stringAt reads a string literal whose quote is at quoteAt; @ before the quote makes backslashes plain and doubled
// quotes single.
func stringAt(text string, start, quoteAt int) token {
	quote := text[quoteAt]
	verbatim := quoteAt > start && text[quoteAt-1] == '@'
	var b strings.Builder
	for i := quoteAt + 1; i < len(text); i++ {
		c := text[i]
		switch {
		case verbatim && c == quote && i+1 < len(text) && text[i+1] == quote:
			b.WriteByte(quote)
			i++
		case c == quote:
			return token{kind: stringToken, text: text[start : i+1], value: b.String(), start: start, end: i + 1}
		case c == '\\' && !verbatim && i+1 < len(text):
			i++
			b.WriteByte(unescape(text[i]))
		default:
			b.WriteByte(c)
		}
	}
	return token{kind: badToken, text: text[start:], start: start, end: len(text)}
}

func unescape(c byte) byte {
	switch c {
	case 'n':
		return '\n'
	case 't':
		return '\t'
	case 'r':
		return '\r'
	}
	return c
}

func multiLineString(text string, start int) token {
	inner, _, ok := strings.Cut(text[start+3:], "```")
	if !ok {
		return token{kind: badToken, text: text[start:], start: start, end: len(text)}
	}
	end := start + 6 + len(inner)
	return token{kind: stringToken, text: text[start:end], value: inner, start: start, end: end}
}

// enclosed returns the end of the text that the bracket at start opens, past its closing bracket; strings and comments
// within it are skipped. It is negative when the bracket is not closed.
func enclosed(text string, start int) int {
	depth := 0
	for offset := start; ; {
		t := next(text, offset)
		switch {
		case t.kind == endToken || t.kind == badToken:
			return -1
		case t.text == "(" || t.text == "{" || t.text == "[":
			depth++
		case t.text == ")" || t.text == "}" || t.text == "]":
			if depth--; depth == 0 {
				return t.end
			}
		}
		offset = t.end
	}
}
