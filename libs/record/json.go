package record

import (
	"encoding/base64"
	"fmt"
	"strconv"
)

// DecimalFormat is the JSON converter's decimal.format.
type DecimalFormat string

const (
	DecimalBase64  DecimalFormat = "BASE64"
	DecimalNumeric DecimalFormat = "NUMERIC"
)

// JSON is org.apache.kafka.connect.json.JsonConverter. It is safe for concurrent use and must not be copied.
type JSON struct {
	// Schemas is schemas.enable: the value is wrapped as {"schema":…,"payload":…}. Kafka Connect's default is true.
	Schemas bool
	// Decimals is decimal.format; empty means BASE64.
	Decimals DecimalFormat
	// KeepNull is replace.null.with.default=false: null in an optional field with a default stays null. Kafka Connect's
	// default is false, which writes the default instead.
	KeepNull bool

	// known holds the schemas that Decode has read, by their JSON: a topic's records repeat a few
	// schemas, and callers recognize the same schema by its address.
	known cache[string, *Schema]
}

// Encode appends the JSON of value to dst.
func (c *JSON) Encode(dst []byte, _ string, s *Schema, value any) ([]byte, error) {
	if s == nil && value == nil {
		return nil, nil
	}
	if !c.Schemas {
		return c.AppendValue(dst, s, value)
	}
	dst = append(dst, `{"schema":`...)
	var err error
	if s == nil {
		dst = append(dst, "null"...)
	} else if dst, err = c.AppendSchema(dst, s); err != nil {
		return dst, err
	}
	dst = append(dst, `,"payload":`...)
	if dst, err = c.AppendValue(dst, s, value); err != nil {
		return dst, err
	}
	return append(dst, '}'), nil
}

// AppendSchema appends the JSON form of a schema.
func (c *JSON) AppendSchema(dst []byte, s *Schema) ([]byte, error) {
	dst, err := c.appendOpenSchema(dst, s)
	return append(dst, '}'), err
}

// appendOpenSchema is AppendSchema without the closing brace, since a field of a struct adds its
// name as the last member of its schema.
func (c *JSON) appendOpenSchema(dst []byte, s *Schema) ([]byte, error) {
	var err error
	dst = append(append(append(dst, `{"type":"`...), s.Type...), '"')
	nested := func(member string, s *Schema) {
		if err == nil {
			dst = append(append(append(dst, `,"`...), member...), `":`...)
			dst, err = c.AppendSchema(dst, s)
		}
	}
	switch s.Type {
	case Array:
		nested("items", s.Items)
	case MapType:
		nested("keys", s.Keys)
		nested("values", s.Values)
	case Struct:
		dst = append(dst, `,"fields":[`...)
		for i := range s.Fields {
			if i > 0 {
				dst = append(dst, ',')
			}
			if dst, err = c.appendOpenSchema(dst, s.Fields[i].Schema); err != nil {
				break
			}
			dst = AppendString(append(dst, `,"field":`...), []byte(s.Fields[i].Name))
			dst = append(dst, '}')
		}
		dst = append(dst, ']')
	}
	dst = strconv.AppendBool(append(dst, `,"optional":`...), s.Optional)
	if s.Name != "" {
		dst = AppendString(append(dst, `,"name":`...), []byte(s.Name))
	}
	if s.Version != 0 {
		dst = strconv.AppendInt(append(dst, `,"version":`...), int64(s.Version), 10)
	}
	if s.Doc != "" {
		dst = AppendString(append(dst, `,"doc":`...), []byte(s.Doc))
	}
	if len(s.Params) > 0 {
		dst = append(dst, `,"parameters":{`...)
		for i, p := range s.Params {
			if i > 0 {
				dst = append(dst, ',')
			}
			dst = append(AppendString(dst, []byte(p.Name)), ':')
			dst = AppendString(dst, []byte(p.Value))
		}
		dst = append(dst, '}')
	}
	if s.Default != nil && err == nil {
		dst, err = c.AppendValue(append(dst, `,"default":`...), s, s.Default)
	}
	return dst, err
}

// AppendValue appends the JSON of value alone. s may be nil for a value without schema.
func (c *JSON) AppendValue(dst []byte, s *Schema, value any) ([]byte, error) {
	if value == nil && s != nil {
		switch {
		case s.Default != nil && !c.KeepNull:
			value = s.Default
		case s.Default == nil && !s.Optional:
			return dst, fmt.Errorf("write null as JSON: the schema %s is not optional and has no default", describe(s))
		}
	}
	switch v := value.(type) {
	case nil:
		return append(dst, "null"...), nil
	case bool:
		return strconv.AppendBool(dst, v), nil
	case int8:
		return strconv.AppendInt(dst, int64(v), 10), nil
	case int16:
		return strconv.AppendInt(dst, int64(v), 10), nil
	case int32:
		return strconv.AppendInt(dst, int64(v), 10), nil
	case int64:
		return strconv.AppendInt(dst, v, 10), nil
	case float32:
		return AppendFloat32(dst, v), nil
	case float64:
		return AppendFloat64(dst, v), nil
	case string:
		return AppendString(dst, []byte(v)), nil
	case []byte:
		return AppendBase64(dst, v), nil
	case Decimal:
		if c.Decimals == DecimalNumeric {
			return append(dst, v.JavaString()...), nil
		}
		return AppendBase64(dst, v.Unscaled()), nil
	case []any:
		return c.appendArray(dst, s, v)
	case Map:
		return c.appendMap(dst, s, v)
	case *StructValue:
		return c.appendStruct(dst, v)
	}
	return dst, fmt.Errorf("write a value of Go type %T as JSON: no schema type fits it", value)
}

func (c *JSON) appendArray(dst []byte, s *Schema, items []any) ([]byte, error) {
	var itemSchema *Schema
	if s != nil {
		itemSchema = s.Items
	}
	dst = append(dst, '[')
	for i, item := range items {
		if i > 0 {
			dst = append(dst, ',')
		}
		var err error
		if dst, err = c.AppendValue(dst, itemSchema, item); err != nil {
			return dst, err
		}
	}
	return append(dst, ']'), nil
}

// appendMap writes an object if the keys are strings, else an array of pairs.
func (c *JSON) appendMap(dst []byte, s *Schema, entries Map) ([]byte, error) {
	var keySchema, valueSchema *Schema
	object := true
	if s != nil {
		keySchema, valueSchema = s.Keys, s.Values
		object = keySchema.Type == String
	} else {
		for _, e := range entries {
			_, text := e.Key.(string)
			object = object && text
		}
	}
	open, between, pairOpen, pairClose, end := byte('['), byte(','), "[", "]", byte(']')
	if object {
		open, between, pairOpen, pairClose, end = '{', ':', "", "", '}'
	}
	dst = append(dst, open)
	for i, e := range entries {
		if i > 0 {
			dst = append(dst, ',')
		}
		var err error
		if dst, err = c.AppendValue(append(dst, pairOpen...), keySchema, e.Key); err != nil {
			return dst, err
		}
		if dst, err = c.AppendValue(append(dst, between), valueSchema, e.Value); err != nil {
			return dst, err
		}
		dst = append(dst, pairClose...)
	}
	return append(dst, end), nil
}

func (c *JSON) appendStruct(dst []byte, v *StructValue) ([]byte, error) {
	dst = append(dst, '{')
	for i := range v.Schema.Fields {
		f := &v.Schema.Fields[i]
		if i > 0 {
			dst = append(dst, ',')
		}
		dst = append(AppendString(dst, []byte(f.Name)), ':')
		var err error
		if dst, err = c.AppendValue(dst, f.Schema, v.Values[i]); err != nil {
			return dst, fmt.Errorf("field %s: %w", f.Name, err)
		}
	}
	return append(dst, '}'), nil
}

// AppendBase64 appends b as a JSON string in standard base64 with padding.
func AppendBase64(dst, b []byte) []byte {
	dst = append(dst, '"')
	dst = base64.StdEncoding.AppendEncode(dst, b)
	return append(dst, '"')
}

func describe(s *Schema) string {
	if s.Name != "" {
		return s.Name
	}
	return string(s.Type)
}
