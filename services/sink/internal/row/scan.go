package row

import "bytes"

// The scanner walks JSON text in place. It checks structure, so that what it delimits is one value, and leaves the inside of
// numbers and literals to those who read them. Every function takes the index of a value's first byte and gives the index after it,
// or -1 if the text ends or is no JSON.

func skipSpace(b []byte, i int) int {
	for i < len(b) && (b[i] == ' ' || b[i] == '\n' || b[i] == '\t' || b[i] == '\r') {
		i++
	}
	return i
}

func skipString(b []byte, i int) int {
	for i++; ; i++ {
		n := bytes.IndexByte(b[i:], '"')
		if n < 0 {
			return -1
		}
		i += n
		// An odd number of backslashes before the quote escapes it.
		s := i - 1
		for b[s] == '\\' {
			s--
		}
		if (i-s)%2 == 1 {
			return i + 1
		}
	}
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
	case ',', ':', '}', ']':
		return -1
	}
	for i < len(b) {
		switch b[i] {
		case ',', '}', ']', ' ', '\n', '\t', '\r':
			return i
		case '"', '{', '[', ':':
			return -1
		}
		i++
	}
	return i
}

// maxDepth bounds nesting; Kusto's own limit for dynamic values is far below.
const maxDepth = 512

func skipNested(b []byte, i int) int {
	var kinds [maxDepth / 64]uint64 // one bit for each level: set for an object
	depth := 0
	for ; i < len(b); i++ {
		switch b[i] {
		case '"':
			end := skipString(b, i)
			if end < 0 {
				return -1
			}
			i = end - 1
		case '{', '[':
			if depth == maxDepth {
				return -1
			}
			bit := uint64(1) << (depth % 64)
			if b[i] == '{' {
				kinds[depth/64] |= bit
			} else {
				kinds[depth/64] &^= bit
			}
			depth++
		case '}', ']':
			depth--
			if object := kinds[depth/64]>>(depth%64)&1 == 1; object != (b[i] == '}') {
				return -1
			}
			if depth == 0 {
				return i + 1
			}
		}
	}
	return -1
}

// member reads an object's next member from i, which is behind the opening brace or a comma. At the object's end key is nil
// and next is behind the closing brace; next is -1 if the text is no object.
func member(b []byte, i int) (key []byte, value, next int) {
	i = skipSpace(b, i)
	if i < len(b) && b[i] == ',' {
		i = skipSpace(b, i+1)
	}
	if i >= len(b) {
		return nil, 0, -1
	}
	if b[i] == '}' {
		return nil, 0, i + 1
	}
	if b[i] != '"' {
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

// literal says whether a value that is no string, object or array is what JSON allows there: a number, true, false or null.
func literal(v []byte) bool {
	switch string(v) {
	case "true", "false", "null":
		return true
	}
	i := 0
	digits := func() bool {
		begun := i
		for i < len(v) && v[i] >= '0' && v[i] <= '9' {
			i++
		}
		return i > begun
	}
	if i < len(v) && v[i] == '-' {
		i++
	}
	if i < len(v) && v[i] == '0' {
		i++
	} else if !digits() {
		return false
	}
	if i < len(v) && v[i] == '.' {
		if i++; !digits() {
			return false
		}
	}
	if i < len(v) && (v[i] == 'e' || v[i] == 'E') {
		if i++; i < len(v) && (v[i] == '+' || v[i] == '-') {
			i++
		}
		if !digits() {
			return false
		}
	}
	return i == len(v)
}

func isNull(v []byte) bool { return len(v) == 0 || len(v) == 4 && string(v) == "null" }
