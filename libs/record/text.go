package record

import (
	"encoding/binary"
	"unicode/utf16"
	"unicode/utf8"
)

const upperHex = "0123456789ABCDEF"

// AppendString appends s as a JSON string the way Jackson's UTF8JsonGenerator writes it, which Kafka Connect uses:
// characters outside the basic plane as two \u escapes in capitals, control characters as \u00XX or their short form,
// everything else as it is. Bytes that are not UTF-8 become U+FFFD, as Java decodes them.
func AppendString(dst, s []byte) []byte {
	dst = append(dst, '"')
	for {
		n := plainPrefix(s)
		dst = append(dst, s[:n]...)
		if n == len(s) {
			return append(dst, '"')
		}
		s = s[n:]
		if c := s[0]; c < utf8.RuneSelf {
			dst = appendEscape(dst, c)
			s = s[1:]
			continue
		}
		r, size := utf8.DecodeRune(s)
		switch {
		case r > 0xFFFF:
			hi, lo := utf16.EncodeRune(r)
			dst = appendHex4(appendHex4(dst, hi), lo)
		case r == utf8.RuneError && size <= 1:
			dst = append(dst, "\uFFFD"...)
		default:
			dst = append(dst, s[:size]...)
		}
		s = s[size:]
	}
}

// AppendCharacters appends s as a JSON string the way Jackson writes to a character stream, which
// Debezium does for JSON within a string: like AppendString, but with characters outside the basic
// plane as they are.
func AppendCharacters(dst, s []byte) []byte {
	dst = append(dst, '"')
	for {
		n := plainPrefix(s)
		dst = append(dst, s[:n]...)
		if n == len(s) {
			return append(dst, '"')
		}
		s = s[n:]
		if s[0] < utf8.RuneSelf {
			dst = appendEscape(dst, s[0])
			s = s[1:]
			continue
		}
		r, size := utf8.DecodeRune(s)
		dst = utf8.AppendRune(dst, r)
		s = s[size:]
	}
}

// plainPrefix returns how many leading bytes of s are ASCII and need no escape in a JSON string.
func plainPrefix(s []byte) int {
	const ones, high = 0x0101010101010101, 0x8080808080808080
	i := 0
	for ; i+8 <= len(s); i += 8 {
		w := binary.LittleEndian.Uint64(s[i:])
		quote, slash := w^(ones*'"'), w^(ones*'\\')
		// The top bit of a byte of this word is set if that byte is below 0x20, '"', '\\' or not ASCII; a false positive is
		// possible only after a true one, so that the test against zero is exact.
		if ((w-ones*0x20)|(quote-ones)|(slash-ones)|w)&high != 0 {
			break
		}
	}
	for ; i < len(s); i++ {
		if c := s[i]; c < 0x20 || c == '"' || c == '\\' || c >= utf8.RuneSelf {
			break
		}
	}
	return i
}

func appendEscape(dst []byte, c byte) []byte {
	switch c {
	case '"', '\\':
		return append(dst, '\\', c)
	case '\b':
		return append(dst, '\\', 'b')
	case '\t':
		return append(dst, '\\', 't')
	case '\n':
		return append(dst, '\\', 'n')
	case '\f':
		return append(dst, '\\', 'f')
	case '\r':
		return append(dst, '\\', 'r')
	}
	return append(dst, '\\', 'u', '0', '0', upperHex[c>>4], upperHex[c&15])
}

func appendHex4(dst []byte, r rune) []byte {
	return append(dst, '\\', 'u', upperHex[r>>12&15], upperHex[r>>8&15], upperHex[r>>4&15], upperHex[r&15])
}
