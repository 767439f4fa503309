package scalar

import (
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/calypso-cdc/calypso/services/localadx/kql/value"
)

// texts are the string functions that are no regular expressions.
func texts() []Function {
	return []Function{
		define("has(string, string) bool", func(a []any) any { return hasTerm(a[0].(string), a[1].(string), true, true) }),
		define("hasprefix(string, string) bool", func(a []any) any {
			return hasTerm(a[0].(string), a[1].(string), true, false)
		}),
		define("hassuffix(string, string) bool", func(a []any) any {
			return hasTerm(a[0].(string), a[1].(string), false, true)
		}),
		define("has_any(text, dynamic) bool", func(a []any) any { return hasAnyIndex(a[0].(string), a[1]) >= 0 }),
		define("has_all(text, dynamic) bool", hasAll),
		define("has_any_index(text, dynamic) long", func(a []any) any { return hasAnyIndex(a[0].(string), a[1]) }),
		define("substring(text, long, long?) string", substring),
		define("indexof(text, text, long?, long?, long?) long", indexOf),
		define("split(text, string, long?) dynamic@", split),
		define("strcat_delim(string, text...) string", func(a []any) any { return joinTexts(a[1:], a[0].(string)) }),
		define("strcat_array(dynamic, string) string", strcatArray),
		define("strrep(text, long, text?) string", strrep),
		define("replace_strings(text, dynamic, dynamic) string", replaceStrings),
		define("translate(text, text, text) string", translate),
		define("unicode_codepoints_from_string(text) dynamic", codepoints),
		defineNulls("unicode_codepoints_to_string(dynamic...) string", fromCodepoints),
		define("isascii(text) bool", func(a []any) any { return isASCII(a[0].(string)) }),
		define("isutf8(text) bool", func(a []any) any { return utf8.ValidString(a[0].(string)) }),
		define("parse_csv(text) dynamic@", parseCSV),
		define("parse_command_line(text, string) dynamic", parseCommandLine),
		define("soundex(text) string", soundex),
	}
}

func isTerm(r rune) bool { return unicode.IsLetter(r) || unicode.IsDigit(r) }

// hasTerm reports whether needle occurs in text delimited by what is no letter or digit, on the
// sides asked for. The caller has lowered both for a case-insensitive search.
func hasTerm(text, needle string, start, end bool) bool {
	if needle == "" {
		return true
	}
	first, _ := utf8.DecodeRuneInString(needle)
	last, _ := utf8.DecodeLastRuneInString(needle)
	for from := 0; ; {
		i := strings.Index(text[from:], needle)
		if i < 0 {
			return false
		}
		i += from
		before, _ := utf8.DecodeLastRuneInString(text[:i])
		after, _ := utf8.DecodeRuneInString(text[i+len(needle):])
		startOK := !start || i == 0 || !isTerm(first) || !isTerm(before)
		endOK := !end || i+len(needle) == len(text) || !isTerm(last) || !isTerm(after)
		if startOK && endOK {
			return true
		}
		_, size := utf8.DecodeRuneInString(text[i:])
		from = i + size
	}
}

func list(v any) []any {
	l, _ := v.([]any)
	return l
}

func hasAnyIndex(text string, v any) int64 {
	lower := strings.ToLower(text)
	for i, el := range list(v) {
		if hasTerm(lower, strings.ToLower(value.DynamicText(el)), true, true) {
			return int64(i)
		}
	}
	return -1
}

func hasAll(a []any) any {
	lower := strings.ToLower(a[0].(string))
	for _, el := range list(a[1]) {
		if !hasTerm(lower, strings.ToLower(value.DynamicText(el)), true, true) {
			return false
		}
	}
	return true
}

// substring counts characters from 0; a negative start counts from the end, and one before the text gives nothing.
func substring(a []any) any {
	text := []rune(a[0].(string))
	start := a[1].(int64)
	n := int64(len(text))
	if start < 0 {
		start += n
	}
	if start < 0 || start >= n {
		return ""
	}
	end := n
	if len(a) > 2 {
		length := a[2].(int64)
		if length < 0 {
			return ""
		}
		end = min(n, start+length)
		if end < start {
			end = n
		}
	}
	return string(text[start:end])
}

// searchRange resolves the start and length arguments of indexof over n characters; ok is false if start lies outside.
func searchRange(a []any, at int, n int64) (start, end, occurrence int64, ok bool) {
	end, occurrence = n, 1
	if len(a) > at {
		start = a[at].(int64)
	}
	if start < 0 {
		start = max(n+start, 0)
	}
	if start > n {
		return 0, 0, 0, false
	}
	if len(a) > at+1 {
		if length := a[at+1].(int64); length >= 0 && length < n-start {
			end = start + length
		}
	}
	if len(a) > at+2 {
		occurrence = a[at+2].(int64)
	}
	return start, end, occurrence, true
}

// indexOf finds the n-th occurrence that begins between start and start+length.
func indexOf(a []any) any {
	text, needle := []rune(a[0].(string)), []rune(a[1].(string))
	start, end, occurrence, ok := searchRange(a, 2, int64(len(text)))
	if !ok || occurrence < 1 {
		return int64(-1)
	}
	for i := start; i < end || len(needle) == 0 && i == end; i++ {
		if i+int64(len(needle)) > int64(len(text)) {
			break
		}
		if string(text[i:i+int64(len(needle))]) == string(needle) {
			if occurrence--; occurrence == 0 {
				return i
			}
		}
	}
	return int64(-1)
}

func split(a []any) any {
	text, delimiter := a[0].(string), a[1].(string)
	var parts []string
	if delimiter == "" {
		parts = []string{text}
	} else {
		parts = strings.Split(text, delimiter)
	}
	if len(a) > 2 {
		i := a[2].(int64)
		if i < 0 || i >= int64(len(parts)) {
			return nil
		}
		parts = parts[i : i+1]
	}
	return anyStrings(parts)
}

func anyStrings(parts []string) []any {
	out := make([]any, len(parts))
	for i, p := range parts {
		out[i] = p
	}
	return out
}

func joinTexts(parts []any, delimiter string) string {
	texts := make([]string, len(parts))
	for i, p := range parts {
		texts[i], _ = p.(string)
	}
	return strings.Join(texts, delimiter)
}

func strcatArray(a []any) any {
	l, ok := a[0].([]any)
	if !ok {
		return ""
	}
	texts := make([]string, len(l))
	for i, v := range l {
		texts[i] = value.DynamicText(v)
	}
	return join(texts, a[1].(string))
}

// maxText bounds what a function makes of texts that each are as long as allowed, in bytes.
const maxText = 64 << 20

// tooLong is the error of a text of that many bytes, or nil.
func tooLong(bytes int) error {
	if bytes > maxText {
		return fmt.Errorf("the result would have %d MB, and a value may have %d MB", bytes>>20, maxText>>20)
	}
	return nil
}

// join is strings.Join, or the error of a text that would be too long.
func join(texts []string, delimiter string) any {
	size := len(texts) * len(delimiter)
	for _, text := range texts {
		size += len(text)
	}
	if err := tooLong(size); err != nil {
		return err
	}
	return strings.Join(texts, delimiter)
}

// maxRepeat bounds strrep(), as Kusto does.
const maxRepeat = 1024

func strrep(a []any) any {
	n := min(max(a[1].(int64), 0), maxRepeat)
	delimiter := ""
	if len(a) > 2 {
		delimiter = a[2].(string)
	}
	parts := make([]string, n)
	for i := range parts {
		parts[i] = a[0].(string)
	}
	return join(parts, delimiter)
}

// replaceStrings replaces each text by its counterpart. An earlier text of the list takes its
// matches first; what has been matched is not looked at again. A counterpart that is no string
// leaves its matches as they are.
func replaceStrings(a []any) any {
	rewrites := list(a[2])
	type piece struct {
		text string
		done bool
	}
	pieces := []piece{{text: a[0].(string)}}
	for i, l := range list(a[1]) {
		from, ok := l.(string)
		if !ok || from == "" || i >= len(rewrites) {
			continue
		}
		to, ok := rewrites[i].(string)
		if !ok {
			to = from
		}
		var next []piece
		for _, p := range pieces {
			if p.done {
				next = append(next, p)
				continue
			}
			for j, part := range strings.Split(p.text, from) {
				if j > 0 {
					next = append(next, piece{to, true})
				}
				next = append(next, piece{text: part})
			}
		}
		pieces = next
	}
	texts := make([]string, len(pieces))
	for i, p := range pieces {
		texts[i] = p.text
	}
	return join(texts, "")
}

// translate replaces characters of the first list by those of the second; its last character serves the rest.
func translate(a []any) any {
	from, to := []rune(a[0].(string)), []rune(a[1].(string))
	return strings.Map(func(r rune) rune {
		for i, f := range from {
			if f != r {
				continue
			}
			if len(to) == 0 {
				return -1
			}
			return to[min(i, len(to)-1)]
		}
		return r
	}, a[2].(string))
}

func codepoints(a []any) any {
	out := []any{}
	for _, r := range a[0].(string) {
		out = append(out, int64(r))
	}
	return out
}

func fromCodepoints(a []any) any {
	var out strings.Builder
	var add func(v any)
	add = func(v any) {
		switch v := v.(type) {
		case int64:
			out.WriteRune(rune(v))
		case []any:
			for _, el := range v {
				add(el)
			}
		}
	}
	for _, v := range a {
		add(v)
	}
	return out.String()
}

func isASCII(s string) bool {
	for i := range len(s) {
		if s[i] >= utf8.RuneSelf {
			return false
		}
	}
	return true
}

// parseCSV reads the first record of CSV text.
func parseCSV(a []any) any {
	text := a[0].(string)
	fields := []any{}
	var field strings.Builder
	quoted := false
	for i := 0; i < len(text); i++ {
		c := text[i]
		switch {
		case quoted && c == '"' && i+1 < len(text) && text[i+1] == '"':
			field.WriteByte('"')
			i++
		case c == '"':
			quoted = !quoted
		case c == ',' && !quoted:
			fields = append(fields, field.String())
			field.Reset()
		case (c == '\n' || c == '\r') && !quoted:
			return append(fields, field.String())
		default:
			field.WriteByte(c)
		}
	}
	return append(fields, field.String())
}

// parseCommandLine splits a command line by the rules of Windows' CommandLineToArgvW.
func parseCommandLine(a []any) any {
	if a[1].(string) != "windows" {
		return nil
	}
	text := a[0].(string)
	out := []any{}
	var arg strings.Builder
	inArg, quoted := false, false
	for i := 0; i < len(text); i++ {
		c := text[i]
		switch {
		case c == '\\':
			n := 0
			for i < len(text) && text[i] == '\\' {
				n++
				i++
			}
			inArg = true
			if i < len(text) && text[i] == '"' {
				arg.WriteString(strings.Repeat(`\`, n/2))
				if n%2 == 1 {
					arg.WriteByte('"')
					continue
				}
			} else {
				arg.WriteString(strings.Repeat(`\`, n))
			}
			i--
		case c == '"':
			quoted, inArg = !quoted, true
		case (c == ' ' || c == '\t') && !quoted:
			if inArg {
				out = append(out, arg.String())
				arg.Reset()
				inArg = false
			}
		default:
			inArg = true
			arg.WriteByte(c)
		}
	}
	if inArg {
		out = append(out, arg.String())
	}
	return out
}

func soundex(a []any) any {
	codes := map[rune]byte{'B': '1', 'F': '1', 'P': '1', 'V': '1', 'C': '2', 'G': '2', 'J': '2', 'K': '2', 'Q': '2',
		'S': '2', 'X': '2', 'Z': '2',
		'D': '3', 'T': '3', 'L': '4', 'M': '5', 'N': '5', 'R': '6'}
	out := []byte{}
	var previous byte
	for _, r := range strings.ToUpper(a[0].(string)) {
		if r < 'A' || r > 'Z' {
			continue
		}
		code := codes[r]
		if len(out) == 0 {
			out = append(out, byte(r))
		} else if code != 0 && code != previous {
			out = append(out, code)
		}
		if r != 'H' && r != 'W' {
			previous = code
		}
		if len(out) == 4 {
			break
		}
	}
	for len(out) > 0 && len(out) < 4 {
		out = append(out, '0')
	}
	return string(out)
}
