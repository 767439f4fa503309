package scalar

import (
	"bytes"
	"compress/gzip"
	"compress/zlib"
	"encoding/base64"
	"encoding/binary"
	"encoding/hex"
	"hash/adler32"
	"hash/crc32"
	"io"
	"math"
	"strings"
	"unicode/utf8"

	"github.com/calypso-cdc/calypso/services/localadx/kql/value"
)

// encodings are base64, compression, URL escapes and punycode.
func encodings() []Function {
	return []Function{
		define("base64_encode_tostring(text) string", func(a []any) any {
			return base64.StdEncoding.EncodeToString([]byte(a[0].(string)))
		}),
		define("base64_decode_tostring(text) string", base64Text),
		define("base64_decode_toarray(text) dynamic", base64Array),
		defineNulls("base64_encode_fromarray(dynamic) string", base64FromArray),
		define("base64_encode_fromguid(guid) string", func(a []any) any {
			return base64.StdEncoding.EncodeToString(guidBytes(a[0].(string)))
		}),
		define("base64_decode_toguid(text) guid", base64GUID),
		define("gzip_compress_to_base64_string(text) string", gzipText),
		define("gzip_decompress_from_base64_string(text) string", ungzipText),
		define("zlib_compress_to_base64_string(text) string", zlibText),
		define("zlib_decompress_from_base64_string(text) string", unzlibText),
		define("url_encode(text) string", func(a []any) any { return urlEncode(a[0].(string), true) }),
		define("url_encode_component(text) string", func(a []any) any { return urlEncode(a[0].(string), false) }),
		define("url_decode(text) string", func(a []any) any { return urlDecode(a[0].(string)) }),
		define("parse_url(text) dynamic", parseURL),
		define("parse_urlquery(text) dynamic", func(a []any) any {
			return &value.Bag{Keys: []string{"Query Parameters"},
				Values: []any{urlQuery(strings.TrimPrefix(a[0].(string), "?"))}}
		}),
		define("parse_path(text) dynamic", parsePath),
		define("parse_version(text) decimal", func(a []any) any {
			return storedOrNil(value.ParseDecimal(parseVersion(a[0].(string))))
		}),
		define("punycode_from_string(text) string", func(a []any) any { return orNil(punycodeEncode(a[0].(string))) }),
		define("punycode_to_string(text) string", func(a []any) any { return orNil(punycodeDecode(a[0].(string))) }),
		define("punycode_domain_from_string(text) string",
			func(a []any) any { return mapDomain(a[0].(string), decodeLabel) }),
		define("punycode_domain_to_string(text) string", func(a []any) any { return mapDomain(a[0].(string), encodeLabel) }),
	}
}

func decodeBase64(s string) ([]byte, bool) {
	b, err := base64.StdEncoding.DecodeString(s)
	if err != nil {
		return nil, false
	}
	return b, true
}

func base64Text(a []any) any {
	b, ok := decodeBase64(a[0].(string))
	if !ok || !utf8.Valid(b) {
		return ""
	}
	return string(b)
}

func base64Array(a []any) any {
	b, ok := decodeBase64(a[0].(string))
	if !ok {
		return nil
	}
	out := make([]any, len(b))
	for i, c := range b {
		out[i] = int64(c)
	}
	return out
}

func base64FromArray(a []any) any {
	l, ok := a[0].([]any)
	if !ok {
		return ""
	}
	b := make([]byte, len(l))
	for i, v := range l {
		n, ok := v.(int64)
		if !ok || n < 0 || n > math.MaxUint8 {
			return ""
		}
		b[i] = byte(n)
	}
	return base64.StdEncoding.EncodeToString(b)
}

// guidBytes returns the .NET byte order of a GUID: the first three groups are little-endian.
func guidBytes(g string) []byte {
	b, _ := hex.DecodeString(strings.ReplaceAll(g, "-", ""))
	swapGUID(b)
	return b
}

func swapGUID(b []byte) {
	b[0], b[1], b[2], b[3] = b[3], b[2], b[1], b[0]
	b[4], b[5], b[6], b[7] = b[5], b[4], b[7], b[6]
}

func base64GUID(a []any) any {
	b, ok := decodeBase64(a[0].(string))
	if !ok || len(b) != 16 {
		return nil
	}
	swapGUID(b)
	return orNil(value.ParseGUID(hex.EncodeToString(b)))
}

// storedBlocks writes DEFLATE blocks without compression, which is what Kusto's compressor yields for short texts.
func storedBlocks(data []byte) []byte {
	const most = 65535
	var out []byte
	for {
		n := min(len(data), most)
		final := byte(0)
		if n == len(data) {
			final = 1
		}
		out = append(out, final)
		out = binary.LittleEndian.AppendUint16(out, uint16(n))
		out = binary.LittleEndian.AppendUint16(out, ^uint16(n))
		out = append(out, data[:n]...)
		if data = data[n:]; final == 1 {
			return out
		}
	}
}

func gzipText(a []any) any {
	data := []byte(a[0].(string))
	out := append([]byte{0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 0xff}, storedBlocks(data)...)
	out = binary.LittleEndian.AppendUint32(out, crc32.ChecksumIEEE(data))
	out = binary.LittleEndian.AppendUint32(out, uint32(len(data)))
	return base64.StdEncoding.EncodeToString(out)
}

func zlibText(a []any) any {
	data := []byte(a[0].(string))
	out := append([]byte{0x78, 0x01}, storedBlocks(data)...)
	out = binary.BigEndian.AppendUint32(out, adler32.Checksum(data))
	return base64.StdEncoding.EncodeToString(out)
}

// maxInflated bounds decompressed text, in bytes.
const maxInflated = 64 << 20

func inflate(s string, open func(io.Reader) (io.ReadCloser, error)) any {
	b, ok := decodeBase64(s)
	if !ok {
		return ""
	}
	r, err := open(bytes.NewReader(b))
	if err != nil {
		return ""
	}
	defer r.Close()
	out, err := io.ReadAll(io.LimitReader(r, maxInflated))
	if err != nil {
		return ""
	}
	return string(out)
}

func ungzipText(a []any) any {
	return inflate(a[0].(string), func(r io.Reader) (io.ReadCloser, error) { return gzip.NewReader(r) })
}

func unzlibText(a []any) any { return inflate(a[0].(string), zlib.NewReader) }

const urlHex = "0123456789abcdef"

func urlEncode(s string, plus bool) string {
	var out strings.Builder
	for i := range len(s) {
		c := s[i]
		switch {
		case c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || strings.IndexByte("-_.!*()", c) >= 0:
			out.WriteByte(c)
		case c == ' ' && plus:
			out.WriteByte('+')
		default:
			out.WriteByte('%')
			out.WriteByte(urlHex[c>>4])
			out.WriteByte(urlHex[c&15])
		}
	}
	return out.String()
}

func urlDecode(s string) string {
	var out strings.Builder
	for i := 0; i < len(s); i++ {
		if s[i] == '%' && i+2 < len(s) {
			if b, err := hex.DecodeString(s[i+1 : i+3]); err == nil {
				out.WriteByte(b[0])
				i += 2
				continue
			}
		}
		if s[i] == '+' {
			out.WriteByte(' ')
			continue
		}
		out.WriteByte(s[i])
	}
	return out.String()
}

func parseURL(a []any) any {
	rest := a[0].(string)
	var scheme, host, port, user, password, fragment, query string
	if i := strings.Index(rest, "://"); i >= 0 {
		scheme, rest = rest[:i], rest[i+3:]
	} else {
		return nil
	}
	if i := strings.IndexByte(rest, '#'); i >= 0 {
		rest, fragment = rest[:i], rest[i+1:]
	}
	if i := strings.IndexByte(rest, '?'); i >= 0 {
		rest, query = rest[:i], rest[i+1:]
	}
	authority, path := rest, ""
	if i := strings.IndexByte(rest, '/'); i >= 0 {
		authority, path = rest[:i], rest[i:]
	}
	if i := strings.LastIndexByte(authority, '@'); i >= 0 {
		user, password, _ = strings.Cut(authority[:i], ":")
		authority = authority[i+1:]
	}
	host = authority
	if i := strings.LastIndexByte(authority, ':'); i >= 0 && !strings.HasSuffix(authority, "]") {
		host, port = authority[:i], authority[i+1:]
	}
	return &value.Bag{
		Keys:   []string{"Scheme", "Host", "Port", "Path", "Username", "Password", "Query Parameters", "Fragment"},
		Values: []any{scheme, host, port, path, user, password, urlQuery(query), fragment},
	}
}

func urlQuery(query string) *value.Bag {
	bag := &value.Bag{}
	for _, pair := range strings.Split(query, "&") {
		if pair == "" {
			continue
		}
		k, v, _ := strings.Cut(pair, "=")
		bag.Set(urlDecode(k), urlDecode(v))
	}
	return bag
}

func parsePath(a []any) any {
	p := a[0].(string)
	var scheme, root, stream string
	if i := strings.Index(p, "://"); i >= 0 {
		scheme, p = p[:i], p[i+3:]
	}
	slash := strings.LastIndexAny(p, `/\`)
	dir, file := "", p
	if slash >= 0 {
		dir, file = p[:slash], p[slash+1:]
	}
	if i := strings.IndexByte(file, ':'); i >= 0 {
		file, stream = file[:i], file[i+1:]
	}
	if len(p) >= 3 && p[1] == ':' && (p[2] == '\\' || p[2] == '/') {
		root = p[:3]
	}
	name := dir
	if i := strings.LastIndexAny(dir, `/\`); i >= 0 {
		name = dir[i+1:]
	}
	extension := ""
	if i := strings.LastIndexByte(file, '.'); i >= 0 {
		extension = file[i+1:]
	}
	return &value.Bag{
		Keys: []string{"Scheme", "RootPath", "DirectoryPath", "DirectoryName", "Filename", "Extension",
			"AlternateDataStreamName"},
		Values: []any{scheme, root, dir, name, file, extension, stream},
	}
}

// parseVersion turns up to four parts into one comparable number, eight digits a part.
func parseVersion(text string) string {
	parts := strings.Split(text, ".")
	if len(parts) > 4 {
		return ""
	}
	digits := ""
	for i := range 4 {
		part := "0"
		if i < len(parts) {
			part = parts[i]
		}
		n, ok := ParseLong(part)
		if !ok || n < 0 || n > 99999999 || part == "" {
			return ""
		}
		text := strings.TrimLeft(part, "0")
		digits += strings.Repeat("0", 8-len(text)) + text
	}
	if digits = strings.TrimLeft(digits, "0"); digits == "" {
		return "0"
	}
	return digits
}

// Punycode parameters, RFC 3492 section 5.
const (
	punyBase, punyTMin, punyTMax, punySkew, punyDamp, punyBias, punyN = 36, 1, 26, 38, 700, 72, 128
)

// punyAdapt is the bias after a delta that was damped: by punyDamp the first time, then by 2.
func punyAdapt(delta, points int32) int32 {
	delta += delta / points
	k := int32(0)
	for delta > ((punyBase-punyTMin)*punyTMax)/2 {
		delta /= punyBase - punyTMin
		k += punyBase
	}
	return k + (punyBase-punyTMin+1)*delta/(delta+punySkew)
}

func punyThreshold(k, bias int32) int32 { return min(max(k-bias, punyTMin), punyTMax) }

func punycodeEncode(s string) (string, bool) {
	const digits = "abcdefghijklmnopqrstuvwxyz0123456789"
	var out []byte
	runes := []rune(s)
	for _, r := range runes {
		if r < punyN {
			out = append(out, byte(r))
		}
	}
	basic := int32(len(out))
	handled := basic
	if basic > 0 {
		out = append(out, '-')
	}
	n, delta, bias, damp := int32(punyN), int32(0), int32(punyBias), int32(punyDamp)
	for handled < int32(len(runes)) {
		next := int32(math.MaxInt32)
		for _, r := range runes {
			if r >= n && r < next {
				next = r
			}
		}
		if (next - n) > (math.MaxInt32-delta)/(handled+1) {
			return "", false
		}
		delta += (next - n) * (handled + 1)
		n = next
		for _, r := range runes {
			if r < n {
				delta++
			}
			if r != n {
				continue
			}
			q := delta
			for k := int32(punyBase); ; k += punyBase {
				t := punyThreshold(k, bias)
				if q < t {
					break
				}
				out = append(out, digits[t+(q-t)%(punyBase-t)])
				q = (q - t) / (punyBase - t)
			}
			out = append(out, digits[q])
			bias = punyAdapt(delta/damp, handled+1)
			damp = 2
			delta = 0
			handled++
		}
		delta++
		n++
	}
	return string(out), true
}

func punycodeDecode(s string) (string, bool) {
	var out []rune
	rest := s
	if i := strings.LastIndexByte(s, '-'); i >= 0 {
		out, rest = []rune(s[:i]), s[i+1:]
	}
	n, i, bias, damp := int32(punyN), int32(0), int32(punyBias), int32(punyDamp)
	for rest != "" {
		old, w := i, int32(1)
		for k := int32(punyBase); ; k += punyBase {
			if rest == "" {
				return "", false
			}
			digit := punyDigit(rest[0])
			rest = rest[1:]
			if digit < 0 || digit > (math.MaxInt32-i)/w {
				return "", false
			}
			i += digit * w
			t := punyThreshold(k, bias)
			if digit < t {
				break
			}
			if w > math.MaxInt32/(punyBase-t) {
				return "", false
			}
			w *= punyBase - t
		}
		size := int32(len(out) + 1)
		bias = punyAdapt((i-old)/damp, size)
		damp = 2
		n += i / size
		i %= size
		if n > utf8.MaxRune {
			return "", false
		}
		out = append(out[:i], append([]rune{n}, out[i:]...)...)
		i++
	}
	return string(out), true
}

func punyDigit(c byte) int32 {
	switch {
	case c >= 'a' && c <= 'z':
		return int32(c - 'a')
	case c >= 'A' && c <= 'Z':
		return int32(c - 'A')
	case c >= '0' && c <= '9':
		return int32(c-'0') + 26
	}
	return -1
}

// mapDomain changes each label of a domain name; the ideographic full stops separate as well.
func mapDomain(domain string, label func(string) string) string {
	domain = strings.NewReplacer("\u3002", ".", "\uff0e", ".", "\uff61", ".").Replace(domain)
	labels := strings.Split(domain, ".")
	for i, l := range labels {
		labels[i] = label(l)
	}
	return strings.Join(labels, ".")
}

func decodeLabel(l string) string {
	if rest, ok := strings.CutPrefix(l, "xn--"); ok {
		if decoded, ok := punycodeDecode(rest); ok {
			return decoded
		}
	}
	return l
}

func encodeLabel(l string) string {
	if isASCII(l) {
		return l
	}
	encoded, _ := punycodeEncode(l)
	return "xn--" + encoded
}
