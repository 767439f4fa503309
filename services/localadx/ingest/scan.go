package ingest

import (
	"bytes"
	"unicode/utf16"
	"unicode/utf8"
)

// maxDepth bounds the nesting of JSON values; deeper ones are malformed.
const maxDepth = 512

// cut and malformed are what scanning functions return in place of a position: the text ended within the value, or is
// not JSON.
const (
	cut       = -1
	malformed = -2
)

// skipSpace returns the position of the first byte from i on that is not white space, which may be len(b).
func skipSpace(b []byte, i int) int {
	for i < len(b) && (b[i] == ' ' || b[i] == '\n' || b[i] == '\r' || b[i] == '\t') {
		i++
	}
	return i
}

// scanJSON reports where the JSON value at i ends, and whether there is one.
func scanJSON(b []byte, i int) (end int, ok bool) {
	end = skipValue(b, skipSpace(b, i), 0)
	return end, end >= 0
}

// skipValue returns the position after the JSON value that starts at i, or cut or malformed.
func skipValue(b []byte, i, depth int) int {
	if i >= len(b) {
		return cut
	}
	switch c := b[i]; {
	case c == '"':
		end, _ := skipString(b, i)
		return end
	case c == '{':
		return skipObject(b, i, depth)
	case c == '[':
		return skipArray(b, i, depth)
	case c == 't':
		return skipWord(b, i, "true")
	case c == 'f':
		return skipWord(b, i, "false")
	case c == 'n':
		return skipWord(b, i, "null")
	case c == '-' || c >= '0' && c <= '9':
		return skipNumber(b, i)
	}
	return malformed
}

func skipObject(b []byte, i, depth int) int {
	if depth >= maxDepth {
		return malformed
	}
	i = skipSpace(b, i+1)
	if i < len(b) && b[i] == '}' {
		return i + 1
	}
	for {
		if i = keyAndColon(b, i); i < 0 {
			return i
		}
		if i = skipValue(b, i, depth+1); i < 0 {
			return i
		}
		more := false
		if i, more = afterElement(b, i, '}'); !more {
			return i
		}
	}
}

// keyAndColon returns the position of the value behind a member's name.
func keyAndColon(b []byte, i int) int {
	if i >= len(b) {
		return cut
	}
	if b[i] != '"' {
		return malformed
	}
	if i, _ = skipString(b, i); i < 0 {
		return i
	}
	return afterColon(b, i)
}

func afterColon(b []byte, i int) int {
	if i = skipSpace(b, i); i >= len(b) {
		return cut
	}
	if b[i] != ':' {
		return malformed
	}
	return skipSpace(b, i+1)
}

// afterElement passes over what follows a member or element that ends at i. With a comma there is
// more, and the position is that of the next one; else it is the one behind the closing bracket, or
// cut or malformed.
func afterElement(b []byte, i int, closing byte) (next int, more bool) {
	i = skipSpace(b, i)
	switch {
	case i >= len(b):
		return cut, false
	case b[i] == closing:
		return i + 1, false
	case b[i] != ',':
		return malformed, false
	}
	return skipSpace(b, i+1), true
}

func skipArray(b []byte, i, depth int) int {
	if depth >= maxDepth {
		return malformed
	}
	i = skipSpace(b, i+1)
	if i < len(b) && b[i] == ']' {
		return i + 1
	}
	for {
		if i = skipValue(b, i, depth+1); i < 0 {
			return i
		}
		more := false
		if i, more = afterElement(b, i, ']'); !more {
			return i
		}
	}
}

// skipString returns the position after the string that starts at i, and whether it holds escapes.
func skipString(b []byte, i int) (end int, escaped bool) {
	for i++; i < len(b); i++ {
		switch b[i] {
		case '"':
			return i + 1, escaped
		case '\\':
			escaped = true
			i++
			if i < len(b) && b[i] == 'u' {
				if bad := notHex(b, i+1); bad < len(b) && bad < i+5 {
					return malformed, true
				}
			} else if i < len(b) && bytes.IndexByte(escapes, b[i]) < 0 {
				return malformed, true
			}
		}
	}
	return cut, escaped
}

// escapes are the characters that may follow a backslash, besides u.
var escapes = []byte("\"\\/bfnrt")

func skipWord(b []byte, i int, word string) int {
	rest := b[i:]
	if len(rest) < len(word) {
		if bytes.HasPrefix([]byte(word), rest) {
			return cut
		}
		return malformed
	}
	if string(rest[:len(word)]) != word {
		return malformed
	}
	return i + len(word)
}

// skipNumber takes what Go's and DuckDB's number readers take too; a number at the very end of the text is complete.
func skipNumber(b []byte, i int) int {
	if b[i] == '-' {
		i++
	}
	digits := skipDigits(b, i)
	if digits == i {
		return cutOr(b, i)
	}
	if b[i] == '0' && digits > i+1 {
		return malformed
	}
	i = digits
	if i < len(b) && b[i] == '.' {
		if digits = skipDigits(b, i+1); digits == i+1 {
			return cutOr(b, digits)
		}
		i = digits
	}
	if i < len(b) && (b[i] == 'e' || b[i] == 'E') {
		i++
		if i < len(b) && (b[i] == '+' || b[i] == '-') {
			i++
		}
		if digits = skipDigits(b, i); digits == i {
			return cutOr(b, i)
		}
		i = digits
	}
	return i
}

func cutOr(b []byte, i int) int {
	if i >= len(b) {
		return cut
	}
	return malformed
}

func skipDigits(b []byte, i int) int {
	for i < len(b) && b[i] >= '0' && b[i] <= '9' {
		i++
	}
	return i
}

// appendUnescaped appends the inside of a JSON string with its escapes undone; lone surrogates become U+FFFD.
func appendUnescaped(dst, inner []byte) []byte {
	for i := 0; i < len(inner); {
		c := inner[i]
		if c != '\\' || i+1 == len(inner) {
			dst = append(dst, c)
			i++
			continue
		}
		i += 2
		switch e := inner[i-1]; e {
		case 'n':
			dst = append(dst, '\n')
		case 't':
			dst = append(dst, '\t')
		case 'r':
			dst = append(dst, '\r')
		case 'b':
			dst = append(dst, '\b')
		case 'f':
			dst = append(dst, '\f')
		case 'u':
			r, ok := hex4(inner, i)
			if !ok {
				return dst
			}
			i += 4
			if utf16.IsSurrogate(r) {
				if low, ok := hex4(inner, i+2); ok && i+1 < len(inner) && inner[i] == '\\' && inner[i+1] == 'u' {
					if pair := utf16.DecodeRune(r, low); pair != utf8.RuneError {
						r = pair
						i += 6
					}
				}
			}
			dst = utf8.AppendRune(dst, r)
		default:
			dst = append(dst, e)
		}
	}
	return dst
}

// notHex returns the position of the first byte from i on that is not a hexadecimal digit.
func notHex(b []byte, i int) int {
	for i < len(b) && bytes.IndexByte(hexDigits, b[i]) >= 0 {
		i++
	}
	return i
}

var hexDigits = []byte("0123456789abcdefABCDEF")

func hex4(b []byte, i int) (rune, bool) {
	if i+4 > len(b) {
		return 0, false
	}
	var r rune
	for _, c := range b[i : i+4] {
		r <<= 4
		switch {
		case c >= '0' && c <= '9':
			r |= rune(c - '0')
		case c >= 'a' && c <= 'f':
			r |= rune(c-'a') + 10
		case c >= 'A' && c <= 'F':
			r |= rune(c-'A') + 10
		default:
			return 0, false
		}
	}
	return r, true
}

// wholeRunes returns valid JSON in which the escapes of half surrogate pairs are those of U+FFFD: what reads a
// dynamic value later takes no half for a character. Text that has none is returned itself.
func wholeRunes(text []byte) []byte {
	copied := false
	for i := 0; i < len(text); {
		n := bytes.IndexByte(text[i:], '\\')
		if n < 0 {
			break
		}
		i += n
		r, ok := escapedRune(text, i)
		if !ok {
			i += 2
			continue
		}
		low, _ := escapedRune(text, i+6)
		switch {
		case !utf16.IsSurrogate(r):
			i += 6
		case utf16.DecodeRune(r, low) != utf8.RuneError:
			i += 12
		default:
			if !copied {
				text, copied = bytes.Clone(text), true
			}
			i += copy(text[i:], `\ufffd`)
		}
	}
	return text
}

// escapedRune reads the escape \uXXXX at b[i].
func escapedRune(b []byte, i int) (rune, bool) {
	if i+6 > len(b) || b[i] != '\\' || b[i+1] != 'u' {
		return 0, false
	}
	return hex4(b, i+2)
}

// quoteNumbers puts what is no number in quotes where DuckDB wrote it as one, so that the text is JSON: NaN,
// Infinity, -Infinity. Text that has none is returned itself.
func quoteNumbers(text []byte) []byte {
	var dst []byte
	copied := 0
	for i := 0; i < len(text); {
		word := 0
		switch text[i] {
		case '"':
			if i, _ = skipString(text, i); i < 0 {
				return text
			}
			continue
		case 'N', 'I', '-':
			for _, w := range []string{"NaN", "Infinity", "-Infinity", "-NaN"} {
				if bytes.HasPrefix(text[i:], []byte(w)) {
					word = len(w)
				}
			}
		}
		if word == 0 {
			i++
			continue
		}
		dst = append(append(append(append(dst, text[copied:i]...), '"'), text[i:i+word]...), '"')
		i += word
		copied = i
	}
	if copied == 0 {
		return text
	}
	return append(dst, text[copied:]...)
}

// compactJSON returns the valid JSON text without white space between tokens; text that has none is returned itself.
func compactJSON(text []byte) []byte {
	var dst []byte
	copied := 0
	for i := 0; i < len(text); {
		switch text[i] {
		case '"':
			i, _ = skipString(text, i)
			if i < 0 {
				return text
			}
		case ' ', '\n', '\r', '\t':
			dst = append(dst, text[copied:i]...)
			i = skipSpace(text, i)
			copied = i
		default:
			i++
		}
	}
	if copied == 0 {
		return text
	}
	return append(dst, text[copied:]...)
}
