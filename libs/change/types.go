package change

import (
	"bytes"
	"errors"
	"fmt"
	"strconv"
	"strings"

	"github.com/calypso-cdc/calypso/libs/record"
)

// errUnrepresentable says that a value has no form in the column's Connect type (NaN as a Decimal).
var errUnrepresentable = errors.New("the value has no representation in the Kafka Connect type of the column")

// compiler makes the codecs of columns. json is the converter of the record's part that the codecs write.
type compiler struct {
	cfg  *Config
	json *record.JSON
}

// resolveDomain returns the base type of a domain and the modifier that it fixes.
func resolveDomain(t *Type, mod int32) (*Type, int32) {
	for t.Kind == DomainType && t.Elem != nil {
		if mod == -1 {
			mod = t.TypeMod
		}
		t = t.Elem
	}
	return t, mod
}

// column returns the codec of a column; false if its type has no representation and is left out.
func (k *compiler) column(c *Column) (codec, bool) {
	t, mod := resolveDomain(c.Type, c.TypeMod)
	switch t.Kind {
	case ArrayType:
		return k.array(t, mod)
	case EnumType:
		s := semantic(record.String, "io.debezium.data.Enum", record.Param{Name: "allowed", Value: strings.Join(t.Labels, ",")})
		return k.text(s), true
	}
	if c, ok := k.base(t, mod); ok {
		return c, true
	}
	return k.unknown(t)
}

// semantic is a schema of one of Debezium's semantic types, all of version 1.
func semantic(t record.Type, name string, params ...record.Param) *record.Schema {
	return &record.Schema{Type: t, Name: name, Version: 1, Params: params}
}

// textTypes are the types whose text output is their value, by their semantic names.
var textTypes = map[string]string{
	"text": "", "varchar": "", "bpchar": "", "char": "", "citext": "", "isbn": "", "inet": "", "cidr": "", "macaddr": "", "macaddr8": "",
	"int4range": "", "int8range": "", "numrange": "", "tsrange": "", "tstzrange": "", "daterange": "",
	"json": "io.debezium.data.Json", "jsonb": "io.debezium.data.Json", "xml": "io.debezium.data.Xml", "uuid": "io.debezium.data.Uuid",
	"ltree": "io.debezium.data.Ltree", "tsvector": "io.debezium.data.Tsvector",
}

// base is the codec of a type that is neither array, enum nor domain. Types are told by name, as Debezium tells those of
// extensions, whose OIDs differ from database to database.
func (k *compiler) base(t *Type, mod int32) (codec, bool) {
	if name, ok := textTypes[t.Name]; ok {
		if name == "" {
			return k.text(record.Of(record.String)), true
		}
		return k.text(semantic(record.String, name)), true
	}
	switch t.Name {
	case "bool":
		return codec{schema: record.Of(record.Boolean), encode: encodeBool, fallback: false}, true
	case "int2":
		return codec{schema: record.Of(record.Int16), encode: intEncoder(16), fallback: int16(0)}, true
	case "int4":
		return codec{schema: record.Of(record.Int32), encode: intEncoder(32), fallback: int32(0)}, true
	case "int8", "oid":
		return codec{schema: record.Of(record.Int64), encode: intEncoder(64), fallback: int64(0)}, true
	case "int2vector":
		return integers(record.Int16, 16), true
	case "oidvector":
		return integers(record.Int64, 64), true
	case "float4":
		return codec{schema: record.Of(record.Float32), encode: encodeFloat32, fallback: float32(0)}, true
	case "float8":
		return codec{schema: record.Of(record.Float64), encode: encodeFloat64, fallback: float64(0)}, true
	case "name":
		return k.nameType(), true
	case "numeric":
		return k.numeric(mod), true
	case "money":
		return k.money(), true
	case "bytea":
		return k.bytea(), true
	case "bit", "varbit":
		return k.bits(t.Name, mod), true
	case "date":
		return k.date(), true
	case "time":
		return k.time(mod), true
	case "timetz":
		return k.timetz(), true
	case "timestamp":
		return k.timestamp(mod, days), true
	case "timestamptz":
		return k.timestamptz(mod), true
	case "interval":
		return k.interval(), true
	case "hstore":
		return k.hstore(), true
	case "point":
		return k.point(), true
	case "geometry", "geography":
		return k.geometry(t.Name), true
	case "vector", "halfvec":
		return k.vector(t.Name), true
	case "sparsevec":
		return k.sparseVector(), true
	}
	return codec{}, false
}

// text is the codec of types whose text output is their value.
func (k *compiler) text(s *record.Schema) codec {
	return codec{schema: s, encode: encodeText, verbatim: true, fallback: "", unchanged: string(k.cfg.unavailable())}
}

// nameType is the codec of name. Debezium knows the type in snapshots but takes a streamed value for one of an unknown type:
// unless those are included it is lost.
func (k *compiler) nameType() codec {
	c := k.text(record.Of(record.String))
	if !k.cfg.IncludeUnknown {
		c.snapshot = encodeText
		c.encode, c.lost = nil, true
	}
	return c
}

// unknown is the codec of types that Debezium does not know: none, or the bytes of their text.
func (k *compiler) unknown(t *Type) (codec, bool) {
	if !k.cfg.IncludeUnknown {
		return codec{}, false
	}
	if k.cfg.UnknownAsText {
		return k.text(record.Of(record.String)), true
	}
	c := k.bytea()
	encode := k.binaryEncoder()
	c.encode = encode
	switch t.Name {
	case "line", "lseg", "box", "path", "polygon", "circle":
		// These pass through the JDBC driver's classes, which print coordinates as Java doubles.
		c.encode = func(dst, text []byte) ([]byte, error) {
			return encode(dst, javaCoordinates(text))
		}
	}
	return c, true
}

func encodeText(dst, text []byte) ([]byte, error) { return record.AppendString(dst, text), nil }

// intEncoder copies the digits of integers, which are JSON already, after a look at them.
func intEncoder(bits int) encodeFunc {
	safe := map[int]int{16: 4, 32: 9, 64: 18}[bits] // so many digits always fit
	return func(dst, text []byte) ([]byte, error) {
		digits := text
		if len(digits) > 0 && digits[0] == '-' {
			digits = digits[1:]
		}
		if len(digits) == 0 || len(digits) > 1 && digits[0] == '0' {
			return dst, fmt.Errorf("%q is no integer", text)
		}
		for _, c := range digits {
			if c < '0' || c > '9' {
				return dst, fmt.Errorf("%q is no integer", text)
			}
		}
		if len(digits) > safe {
			if _, err := strconv.ParseInt(string(text), 10, bits); err != nil {
				return dst, fmt.Errorf("%q is no integer of %d bits", text, bits)
			}
		}
		return append(dst, text...), nil
	}
}

// isVector says whether a type is one of the catalogs' lists of integers, whose text has spaces between them.
func isVector(t *Type) bool { return t.Name == "int2vector" || t.Name == "oidvector" }

// integers is the codec of such a list. Debezium has the schema, but takes the text for an array's, of which nothing is left.
func integers(element record.Type, bits int) codec {
	encode := intEncoder(bits)
	return codec{schema: record.ArrayOf(record.Of(element)), fallback: []any{}, encode: func(dst, text []byte) (_ []byte, err error) {
		dst = append(dst, '[')
		for i, number := range bytes.Fields(text) {
			if i > 0 {
				dst = append(dst, ',')
			}
			if dst, err = encode(dst, number); err != nil {
				return dst, err
			}
		}
		return append(dst, ']'), nil
	}}
}

func encodeBool(dst, text []byte) ([]byte, error) {
	if len(text) == 1 && text[0] == 't' {
		return append(dst, "true"...), nil
	}
	if len(text) == 1 && text[0] == 'f' {
		return append(dst, "false"...), nil
	}
	return dst, fmt.Errorf("%q is no boolean", text)
}

func encodeFloat64(dst, text []byte) ([]byte, error) {
	f, err := strconv.ParseFloat(string(text), 64)
	if err != nil && !errors.Is(err, strconv.ErrRange) {
		return dst, fmt.Errorf("%q is no floating-point number", text)
	}
	return record.AppendFloat64(dst, f), nil
}

func encodeFloat32(dst, text []byte) ([]byte, error) {
	f, err := strconv.ParseFloat(string(text), 32)
	if err != nil && !errors.Is(err, strconv.ErrRange) {
		return dst, fmt.Errorf("%q is no floating-point number", text)
	}
	return record.AppendFloat32(dst, float32(f)), nil
}

// unavailable is the placeholder for TOASTed values that were not sent.
func (c *Config) unavailable() []byte {
	if c.Unavailable == nil {
		return []byte("__debezium_unavailable_value")
	}
	return c.Unavailable
}
