package debezium

import (
	"bytes"
	"fmt"
	"slices"
	"unicode/utf16"
	"unicode/utf8"

	"github.com/calypso-cdc/calypso/libs/record"
)

// pair is one entry of an hstore.
type pair struct {
	key, value []byte
	null       bool
	bucket     uint32
}

// hstore is the codec of hstore under hstore.handling.mode. The entries are in the order in which a
// java.util.HashMap iterates over them, as in Debezium.
func (k *compiler) hstore() codec {
	unavailable := string(k.cfg.Unavailable)
	if k.cfg.HStore == HStoreMap {
		s := &record.Schema{Type: record.MapType, Keys: record.Of(record.String), Values: record.OptionalOf(record.String)}
		return codec{schema: s, fallback: record.Map{}, unchanged: record.Map{{Key: unavailable, Value: unavailable}},
			encode: func(dst, text []byte) ([]byte, error) {
				pairs, err := parseHStore(text)
				return appendPairs(dst, pairs, record.AppendString), err
			}}
	}
	placeholder := appendPairs(nil, []pair{{key: k.cfg.Unavailable, value: k.cfg.Unavailable}},
		record.AppendCharacters)
	return codec{schema: semantic(record.String, "io.debezium.data.Json"), fallback: "{}", unchanged: string(placeholder),
		encode: func(dst, text []byte) ([]byte, error) {
			pairs, err := parseHStore(text)
			return record.AppendString(dst, appendPairs(nil, pairs, record.AppendCharacters)), err
		}}
}

// appendPairs appends a JSON object; str writes its strings.
func appendPairs(dst []byte, pairs []pair, str func(dst, s []byte) []byte) []byte {
	dst = append(dst, '{')
	for i, p := range pairs {
		if i > 0 {
			dst = append(dst, ',')
		}
		dst = append(str(dst, p.key), ':')
		if p.null {
			dst = append(dst, "null"...)
		} else {
			dst = str(dst, p.value)
		}
	}
	return append(dst, '}')
}

// parseHStore reads what hstore_out prints: "key"=>"value", "key"=>NULL.
func parseHStore(text []byte) ([]pair, error) {
	var pairs []pair
	for rest := text; len(rest) > 0; {
		if len(pairs) > 0 {
			if !bytes.HasPrefix(rest, []byte(", ")) {
				return nil, fmt.Errorf("%q is not an hstore: ',' is missing", text)
			}
			rest = rest[2:]
		}
		if len(rest) == 0 || rest[0] != '"' {
			return nil, fmt.Errorf("%q is not an hstore: a key is missing", text)
		}
		key, n, ok := unquote(rest)
		if rest = rest[n:]; !ok || !bytes.HasPrefix(rest, []byte("=>")) {
			return nil, fmt.Errorf("%q is not an hstore: '=>' is missing", text)
		}
		rest = rest[2:]
		p := pair{key: key}
		switch {
		case bytes.HasPrefix(rest, []byte("NULL")):
			p.null = true
			rest = rest[4:]
		case len(rest) > 0 && rest[0] == '"':
			if p.value, n, ok = unquote(rest); !ok {
				return nil, fmt.Errorf("%q is not an hstore: a value does not end", text)
			}
			rest = rest[n:]
		default:
			return nil, fmt.Errorf("%q is not an hstore: a value is missing", text)
		}
		pairs = append(pairs, p)
	}
	hashOrder(pairs)
	return pairs, nil
}

// hashOrder sorts entries as java.util.HashMap iterates over them: by bucket, in a table of 16 that
// doubles when it is three quarters full, and within a bucket in the order of insertion.
func hashOrder(pairs []pair) {
	buckets := uint32(16)
	for uint32(len(pairs)) > buckets/4*3 {
		buckets *= 2
	}
	for i := range pairs {
		h := javaHash(pairs[i].key)
		pairs[i].bucket = (h ^ h>>16) & (buckets - 1)
	}
	slices.SortStableFunc(pairs, func(a, b pair) int { return int(a.bucket) - int(b.bucket) })
}

// javaHash returns Java's String.hashCode of UTF-8 text.
func javaHash(s []byte) (h uint32) {
	for len(s) > 0 {
		r, n := utf8.DecodeRune(s)
		s = s[n:]
		if r > 0xFFFF {
			hi, lo := utf16.EncodeRune(r)
			h = (h*31+uint32(hi))*31 + uint32(lo)
			continue
		}
		h = h*31 + uint32(r)
	}
	return h
}
