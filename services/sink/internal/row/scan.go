package row

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"math/bits"
)

// The scanner walks JSON text in place. What it delimits is one value of JSON except for the inside of
// strings, whose contents it skips: see sound. Every function takes the index of a
// value's first byte and gives the index after it, or -1 if the text ends or is no JSON.

func skipSpace(b []byte, i int) int {
	for i < len(b) && b[i] <= ' ' && (b[i] == ' ' || b[i] == '\n' || b[i] == '\t' || b[i] == '\r') {
		i++
	}
	return i
}

// skipString looks at eight bytes at a time: most strings are names and short values, for which a
// call that looks for the quote costs more.
func skipString(b []byte, i int) int {
	for i++; i+8 <= len(b); {
		ends := quotesOrBackslashes(binary.LittleEndian.Uint64(b[i:]))
		if ends == 0 {
			i += 8
			continue
		}
		i += bits.TrailingZeros64(ends) / 8
		if b[i] == '"' {
			return i + 1
		}
		i += 2 // what is escaped ends nothing
	}
	for ; i < len(b); i++ {
		switch b[i] {
		case '"':
			return i + 1
		case '\\':
			i++
		}
	}
	return -1
}

// quotesOrBackslashes has the top bit of the first byte of a word set that is a quote or a backslash,
// and no bit below it; 0 if there is none.
func quotesOrBackslashes(word uint64) uint64 {
	const ones, top = 0x0101010101010101, 0x8080808080808080
	quotes, backslashes := word^ones*'"', word^ones*'\\'
	return ((quotes-ones)&^quotes | (backslashes-ones)&^backslashes) & top
}

func skipValue(b []byte, i int) int {
	if i >= len(b) {
		return -1
	}
	switch b[i] {
	case '"':
		return skipString(b, i)
	case '{', '[':
		return skipNested(b, i)
	}
	return skipLiteral(b, i)
}

// skipLiteral passes over a number, true, false or null.
func skipLiteral(b []byte, i int) int {
	switch end := literal(b, i); {
	case end < 0:
		return -1
	case end == len(b):
		return end
	default:
		switch b[end] {
		case ',', '}', ']', ' ', '\n', '\t', '\r':
			return end
		}
		return -1
	}
}

// maxDepth bounds nesting; Kusto's own limit for dynamic values is far below.
const maxDepth = 512

func skipNested(b []byte, i int) int {
	var kinds [maxDepth / 64]uint64 // one bit for each level: set for an object
	for depth := 0; ; {
		// A value begins here, or what is open ends without one.
		switch {
		case i >= len(b):
			return -1
		case b[i] == '{' || b[i] == '[':
			if depth == maxDepth {
				return -1
			}
			bit := uint64(1) << (depth % 64)
			object := b[i] == '{'
			if kinds[depth/64] &^= bit; object {
				kinds[depth/64] |= bit
			}
			depth++
			i = skipSpace(b, i+1)
			switch {
			case i >= len(b):
				return -1
			case b[i] == '}' && object || b[i] == ']' && !object: // it is empty
			case object:
				if i = skipName(b, i); i < 0 {
					return -1
				}
				continue
			default:
				continue
			}
		case b[i] == '"':
			if i = skipString(b, i); i < 0 {
				return -1
			}
		default:
			if i = skipLiteral(b, i); i < 0 {
				return -1
			}
		}
		// A value has ended.
		for {
			if i = skipSpace(b, i); i >= len(b) {
				return -1
			}
			object := kinds[(depth-1)/64]>>((depth-1)%64)&1 == 1
			if b[i] == ',' {
				if i = skipSpace(b, i+1); object {
					if i = skipName(b, i); i < 0 {
						return -1
					}
				}
				break
			}
			if b[i] != '}' && b[i] != ']' || object != (b[i] == '}') {
				return -1
			}
			i++
			if depth--; depth == 0 {
				return i
			}
		}
	}
}

// skipName passes over a member's name and the colon to its value.
func skipName(b []byte, i int) int {
	if i >= len(b) || b[i] != '"' {
		return -1
	}
	if i = skipString(b, i); i < 0 {
		return -1
	}
	if i = skipSpace(b, i); i >= len(b) || b[i] != ':' {
		return -1
	}
	return skipSpace(b, i+1)
}

// member reads an object's next member from i, which is behind the opening brace or a value. At the
// object's end key is nil and next is behind the closing brace; next is -1 if the text is no
// object.
func member(b []byte, i int) (key []byte, value, next int) {
	first := b[i-1] == '{'
	i = skipSpace(b, i)
	switch {
	case i >= len(b):
		return nil, 0, -1
	case b[i] == '}':
		return nil, 0, i + 1
	case !first && b[i] != ',':
		return nil, 0, -1
	case !first:
		i = skipSpace(b, i+1)
	}
	if i >= len(b) || b[i] != '"' {
		return nil, 0, -1
	}
	end := skipString(b, i)
	if end < 0 {
		return nil, 0, -1
	}
	key = b[i+1 : end-1]
	if end < len(b) && b[end] == ':' {
		i = end + 1
	} else if i = skipSpace(b, end); i < len(b) && b[i] == ':' {
		i++
	} else {
		return nil, 0, -1
	}
	value = skipSpace(b, i)
	return key, value, skipValue(b, value)
}

// name is the name that a member's key writes, as found in the text: most are written plainly.
func name(key []byte) []byte {
	if bytes.IndexByte(key, '\\') < 0 {
		return key
	}
	quoted := append(append(append(make([]byte, 0, len(key)+2), '"'), key...), '"')
	if plain, ok := unquote(quoted); ok {
		return plain
	}
	return key
}

// find returns the raw value of an object's member, nil if there is none.
func find(object []byte, wanted string) []byte {
	i := skipSpace(object, 0)
	if i >= len(object) || object[i] != '{' {
		return nil
	}
	for i++; ; {
		key, value, next := member(object, i)
		if next < 0 || key == nil {
			return nil
		}
		if string(key) == wanted || string(name(key)) == wanted {
			return object[value:next]
		}
		i = next
	}
}

// element returns the raw value of an array's element, nil if there is none.
func element(array []byte, at int) []byte {
	i := skipSpace(array, 0)
	if i >= len(array) || array[i] != '[' {
		return nil
	}
	for i = skipSpace(array, i+1); ; at-- {
		next := skipValue(array, i)
		if next < 0 {
			return nil
		}
		if at == 0 {
			return array[i:next]
		}
		if i = skipSpace(array, next); i >= len(array) || array[i] != ',' {
			return nil
		}
		i = skipSpace(array, i+1)
	}
}

// literal gives the index after what JSON allows at i where no string, object or array is: a number,
// true, false or null; -1 if it is none of them.
func literal(b []byte, i int) int {
	if i < len(b) {
		switch b[i] {
		case 't':
			return after(b, i, "true")
		case 'f':
			return after(b, i, "false")
		case 'n':
			return after(b, i, "null")
		case '-':
			i++
		}
	}
	whole := digits(b, i)
	if whole == i || b[i] == '0' && whole > i+1 {
		return -1
	}
	if i = whole; i < len(b) && b[i] == '.' {
		fraction := digits(b, i+1)
		if fraction == i+1 {
			return -1
		}
		i = fraction
	}
	if i < len(b) && (b[i] == 'e' || b[i] == 'E') {
		if i++; i < len(b) && (b[i] == '+' || b[i] == '-') {
			i++
		}
		exponent := digits(b, i)
		if exponent == i {
			return -1
		}
		i = exponent
	}
	return i
}

// after gives the index after a word at i; -1 if it does not stand there.
func after(b []byte, i int, word string) int {
	if len(b)-i < len(word) || string(b[i:i+len(word)]) != word {
		return -1
	}
	return i + len(word)
}

// digits gives the index after those that stand at i.
func digits(b []byte, i int) int {
	for i < len(b) && b[i]-'0' <= 9 {
		i++
	}
	return i
}

// sound reports whether the strings within a text whose structure was scanned are what JSON allows:
// known escapes, no control characters. Bytes that are no UTF-8 are let pass, since ADX replaces
// them.
func sound(b []byte) bool {
	for i := 0; i < len(b); {
		if i+8 <= len(b) && plain(binary.LittleEndian.Uint64(b[i:])) {
			i += 8
			continue
		}
		switch c := b[i]; {
		case c == '\\':
			n := escape(b[i:])
			if n == 0 {
				return false
			}
			i += n
		case c < ' ':
			return json.Valid(b) // it may stand between values
		default:
			i++
		}
	}
	return true
}

// replaceHalfSurrogates makes the escapes of half surrogate pairs within sound JSON those of the
// replacement character, in place. Half a pair is no character: a reader of JSON may refuse the
// text for it. PostgreSQL's json, which is text, can hold one.
func replaceHalfSurrogates(b []byte) {
	for i := 0; ; {
		n := bytes.IndexByte(b[i:], '\\')
		if n < 0 {
			return
		}
		i += n
		half := surrogate(b[i:])
		switch {
		case half == 0:
			i += escape(b[i:])
		case half == high && surrogate(b[i+6:]) == low:
			i += 12
		default:
			i += copy(b[i:], `\ufffd`)
		}
	}
}

// high and low are the halves of a surrogate pair.
const high, low = 1, 2

// surrogate says which half of a surrogate pair the escape is that a text begins with; 0 if it is none.
func surrogate(b []byte) int {
	switch {
	case len(b) < 6 || b[0] != '\\' || b[1] != 'u' || b[2]|0x20 != 'd':
		return 0
	case b[3] == '8' || b[3] == '9' || b[3]|0x20 == 'a' || b[3]|0x20 == 'b':
		return high
	case b[3]|0x20 >= 'c' && b[3]|0x20 <= 'f':
		return low
	}
	return 0
}

// plain reports whether there are neither control characters nor backslashes among eight bytes.
func plain(word uint64) bool {
	const ones, top = 0x0101010101010101, 0x8080808080808080
	backslashes := word ^ ones*'\\'
	return ((word-ones*' ')&^word|(backslashes-ones)&^backslashes)&top == 0
}

// escape is how long the escape is that a text begins with; 0 if it is none.
func escape(b []byte) int {
	if len(b) < 2 {
		return 0
	}
	switch b[1] {
	case '"', '\\', '/', 'b', 'f', 'n', 'r', 't':
		return 2
	case 'u':
		if len(b) < 6 {
			return 0
		}
		for _, c := range b[2:6] {
			if (c < '0' || c > '9') && (c < 'a' || c > 'f') && (c < 'A' || c > 'F') {
				return 0
			}
		}
		return 6
	}
	return 0
}

func isNull(v []byte) bool { return len(v) == 0 || len(v) == 4 && string(v) == "null" }

// unquote reads a JSON string.
func unquote(v []byte) ([]byte, bool) {
	if len(v) < 2 || v[0] != '"' {
		return nil, false
	}
	var s string
	if json.Unmarshal(v, &s) != nil {
		return nil, false
	}
	return []byte(s), true
}
