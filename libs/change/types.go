package change

import (
	"errors"
	"fmt"
	"strconv"

	"github.com/calypso-cdc/calypso/libs/record"
)

// errUnrepresentable says that a value has no form in the column's Connect type (NaN as a Decimal).
var errUnrepresentable = errors.New("the value has no representation in the Kafka Connect type of the column")

// compiler makes the codecs of one relation's columns.
type compiler struct {
	cfg  *Config
	json *record.JSON
}

// codecFor returns the codec of a column; false if its type has no representation and is left out.
func codecFor(c *Column, cfg *Config, json *record.JSON) (codec, bool) {
	k := compiler{cfg: cfg, json: json}
	t, mod := resolveDomain(c.Type, c.TypeMod)
	return k.codec(t, mod)
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

func (k *compiler) codec(t *Type, mod int32) (codec, bool) {
	switch t.Name {
	case "bool":
		return codec{schema: record.Of(record.Boolean), encode: encodeBool, fallback: false}, true
	case "int2":
		return codec{schema: record.Of(record.Int16), encode: encodeInt, fallback: int16(0)}, true
	case "int4":
		return codec{schema: record.Of(record.Int32), encode: encodeInt, fallback: int32(0)}, true
	case "int8", "oid":
		return codec{schema: record.Of(record.Int64), encode: encodeInt, fallback: int64(0)}, true
	case "float4":
		return codec{schema: record.Of(record.Float32), encode: encodeFloat32, fallback: float32(0)}, true
	case "float8":
		return codec{schema: record.Of(record.Float64), encode: encodeFloat64, fallback: float64(0)}, true
	case "text", "varchar", "bpchar", "char":
		return k.text(record.Of(record.String)), true
	}
	return codec{}, false
}

// text is the codec of types whose text output is their value.
func (k *compiler) text(s *record.Schema) codec {
	return codec{schema: s, encode: encodeText, fallback: "", unchanged: string(k.cfg.unavailable())}
}

func encodeText(dst, text []byte) ([]byte, error) { return record.AppendString(dst, text), nil }

// encodeInt copies the digits, which are JSON already, after a look at them.
func encodeInt(dst, text []byte) ([]byte, error) {
	digits := text
	if len(digits) > 0 && digits[0] == '-' {
		digits = digits[1:]
	}
	if len(digits) == 0 || len(digits) > 20 {
		return dst, fmt.Errorf("%q is no integer", text)
	}
	for _, c := range digits {
		if c < '0' || c > '9' {
			return dst, fmt.Errorf("%q is no integer", text)
		}
	}
	return append(dst, text...), nil
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
		return dst, err
	}
	return record.AppendFloat64(dst, f), nil
}

func encodeFloat32(dst, text []byte) ([]byte, error) {
	f, err := strconv.ParseFloat(string(text), 32)
	if err != nil && !errors.Is(err, strconv.ErrRange) {
		return dst, err
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
