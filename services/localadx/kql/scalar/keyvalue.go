package scalar

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/calypso-cdc/calypso/services/localadx/kql/value"
)

// keyValues are the functions of the operator parse-kv, which find the values of keys in a text.
func keyValues(c *patternCache) []Function {
	return []Function{
		// text, pair delimiter, key-value delimiter, opening and closing quotes by turns, escapes, keys, greedy
		define("parse_kv(string, string, string, string, string, dynamic, bool) dynamic", parseKV),
		// text, pattern with groups of a key and its value, keys
		define("parse_kv_regex(string, string, dynamic) dynamic", c.parseKVRegex),
	}
}

// found are the values of the keys asked for. Of a key that is there more than once the first
// counts.
type found struct {
	keys []any
	bag  value.Bag
}

func (f *found) add(key, v string) {
	if _, again := f.bag.Get(key); !again && slices.Contains(f.keys, any(key)) {
		f.bag.Set(key, v)
	}
}

func (c *patternCache) parseKVRegex(a []any) any {
	text := a[0].(string)
	m, err := c.compile(a[1].(string))
	if err != nil {
		return err
	}
	if m.re.NumSubexp() != 2 {
		return errors.New("parse-kv: the pattern must have two groups")
	}
	f := found{keys: list(a[2])}
	for _, match := range m.all(text) {
		pair := groups(text, match)
		f.add(strings.TrimSpace(pair[1]), strings.TrimSpace(pair[2]))
	}
	return &f.bag
}

// kvReader reads pairs of a key and a value off the front of a text.
type kvReader struct {
	text     string
	pair, kv string
	quotes   string // opening and closing ones by turns
	escapes  string
	greedy   bool
}

func parseKV(a []any) any {
	r := &kvReader{text: a[0].(string), pair: a[1].(string), kv: a[2].(string), quotes: a[3].(string),
		escapes: a[4].(string), greedy: a[6].(bool)}
	f := found{keys: list(a[5])}
	if len(r.quotes)%2 != 0 {
		return errors.New("parse-kv: there is a quote without its end")
	}
	if r.pair == "" {
		return r.words(f)
	}
	for r.text != "" {
		i := strings.Index(r.text, r.kv)
		if i < 0 {
			break
		}
		key := r.key(r.text[:i])
		r.text = r.text[i+len(r.kv):]
		v, quoted := r.quoted()
		switch {
		case quoted:
		case r.greedy:
			var err error
			if v, err = r.upToKey(f.keys); err != nil {
				return err
			}
		default:
			v, r.text, _ = strings.Cut(r.text, r.pair)
			v = strings.TrimSpace(v)
		}
		f.add(key, v)
	}
	return &f.bag
}

// words takes what is neither letter nor digit for a delimiter: each word, or text in quotes, is the value
// of the key before it. The documentation does not say whether a value may be a key as well, nor whether
// an underscore is a letter, so a text that makes a difference is refused.
func (r *kvReader) words(f found) any {
	const unclear = "parse-kv: without delimiters it is not clear where the value of a key is; " +
		"give pair_delimiter and kv_delimiter"
	var words []string
	for r.text != "" {
		if v, quoted := r.quoted(); quoted {
			words = append(words, v)
			continue
		}
		end := strings.IndexFunc(r.text, func(c rune) bool {
			return c != '_' && !unicode.IsLetter(c) && !unicode.IsDigit(c)
		})
		switch {
		case end < 0:
			end = len(r.text)
		case end == 0:
			_, size := utf8.DecodeRuneInString(r.text)
			r.text = r.text[size:]
			continue
		}
		words, r.text = append(words, r.text[:end]), r.text[end:]
	}
	for i, word := range words {
		if !slices.Contains(f.keys, any(word)) {
			continue
		}
		if i%2 != 0 || i+1 == len(words) || strings.Contains(word+words[i+1], "_") ||
			slices.Contains(f.keys, any(words[i+1])) {
			return errors.New(unclear)
		}
		f.add(word, words[i+1])
	}
	return &f.bag
}

// key is the key at the end of what stands before a delimiter.
func (r *kvReader) key(before string) string {
	key := strings.TrimSpace(before)
	for i := 0; i < len(r.quotes); i += 2 {
		if len(key) > 1 && key[len(key)-1] == r.quotes[i+1] {
			if opening := strings.LastIndexByte(key[:len(key)-1], r.quotes[i]); opening >= 0 {
				return strings.TrimSpace(key[opening+1 : len(key)-1])
			}
		}
	}
	if i := strings.LastIndex(key, r.pair); i >= 0 {
		key = key[i+len(r.pair):]
	}
	return strings.TrimSpace(key)
}

// quoted takes a value in quotes, as it is between them except for its escapes.
func (r *kvReader) quoted() (string, bool) {
	rest := r.text
	if strings.TrimSpace(r.pair) != "" {
		rest = strings.TrimLeft(rest, " \t\r\n")
	}
	for i := 0; i < len(r.quotes) && rest != ""; i += 2 {
		if rest[0] != r.quotes[i] {
			continue
		}
		var v []byte
		for at := 1; at < len(rest); at++ {
			switch {
			case strings.IndexByte(r.escapes, rest[at]) >= 0 && at+1 < len(rest):
				at++
				v = append(v, rest[at])
			case rest[at] == r.quotes[i+1]:
				r.text = rest[at+1:]
				return string(v), true
			default:
				v = append(v, rest[at])
			}
		}
	}
	return "", false
}

// upToKey takes a value up to the pair delimiter before the next key. Nothing reports whether that is
// any word before a key-value delimiter or one of the keys asked for, so a text that makes a
// difference is refused.
func (r *kvReader) upToKey(keys []any) (string, error) {
	end := len(r.text)
	if i := strings.Index(r.text, r.kv); i >= 0 {
		next := r.key(r.text[:i])
		if !slices.Contains(keys, any(next)) {
			return "", fmt.Errorf("parse-kv: with 'greedy' each key of the text must be asked for, and %.40q is not", next)
		}
		if end = strings.LastIndex(r.text[:strings.LastIndex(r.text[:i], next)], r.pair); end < 0 {
			end = 0
		}
	}
	v := strings.TrimSpace(r.text[:end])
	r.text = r.text[end:]
	return v, nil
}
