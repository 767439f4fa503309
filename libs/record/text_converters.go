package record

import (
	"encoding/base64"
	"fmt"
	"strconv"
	"strings"
)

// StringConverter is org.apache.kafka.connect.storage.StringConverter: a value's Java toString, as UTF-8.
type StringConverter struct{}

// Encode appends the text of a value.
func (StringConverter) Encode(dst []byte, _ string, _ *Schema, value any) ([]byte, error) {
	if value == nil {
		return nil, nil
	}
	if dst == nil {
		dst = []byte{}
	}
	return append(dst, javaText(value)...), nil
}

// Decode reads text.
func (StringConverter) Decode(_ string, data []byte) (*Schema, any, error) {
	if data == nil {
		return OptionalOf(String), nil, nil
	}
	return OptionalOf(String), string(data), nil
}

// javaText is the toString of a value's Java class. Bytes are base64, since their toString says
// nothing about them.
func javaText(value any) string {
	switch v := value.(type) {
	case nil:
		return "null"
	case string:
		return v
	case []byte:
		return base64.StdEncoding.EncodeToString(v)
	case Decimal:
		return v.JavaString()
	case bool:
		return strconv.FormatBool(v)
	case float32:
		return strings.Trim(string(AppendFloat32(nil, v)), `"`)
	case float64:
		return strings.Trim(string(AppendFloat64(nil, v)), `"`)
	case []any:
		parts := make([]string, len(v))
		for i := range v {
			parts[i] = javaText(v[i])
		}
		return "[" + strings.Join(parts, ", ") + "]"
	case Map:
		parts := make([]string, len(v))
		for i := range v {
			parts[i] = javaText(v[i].Key) + "=" + javaText(v[i].Value)
		}
		return "{" + strings.Join(parts, ", ") + "}"
	case *StructValue:
		var parts []string
		for i, f := range v.Schema.Fields {
			if v.Values[i] != nil {
				parts = append(parts, f.Name+"="+javaText(v.Values[i]))
			}
		}
		return "Struct{" + strings.Join(parts, ",") + "}"
	}
	return fmt.Sprint(value)
}

// ByteArrayConverter is org.apache.kafka.connect.converters.ByteArrayConverter: it passes bytes on
// unchanged.
type ByteArrayConverter struct{}

// Encode appends bytes; it fails for other types.
func (ByteArrayConverter) Encode(dst []byte, _ string, s *Schema, value any) ([]byte, error) {
	switch v := value.(type) {
	case nil:
		return nil, nil
	case []byte:
		if dst == nil {
			dst = []byte{}
		}
		return append(dst, v...), nil
	}
	return dst,
		fmt.Errorf(
			"write bytes as they are: the value is a %T, but ByteArrayConverter accepts only bytes; use another converter", value)
}

// Decode returns the bytes.
func (ByteArrayConverter) Decode(_ string, data []byte) (*Schema, any, error) {
	if data == nil {
		return OptionalOf(Bytes), nil, nil
	}
	return OptionalOf(Bytes), data, nil
}
