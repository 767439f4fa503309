package transform

import (
	"fmt"
	"math/big"
	"strconv"
	"strings"

	"github.com/calypso-cdc/calypso/libs/record"
)

// cast is Cast: other types for fields, or for the whole value.
type cast struct {
	on        part
	whole     record.Type // empty: fields
	fields    map[string]record.Type
	orDefault bool
	schemas   schemaCache
}

// castTypes are the types to cast to, by their names in the option spec.
var castTypes = map[string]record.Type{"int8": record.Int8, "int16": record.Int16, "int32": record.Int32, "int64": record.Int64,
	"float32": record.Float32, "float64": record.Float64, "boolean": record.Boolean, "string": record.String}

func newCast(o *options, on part) (Transform, error) {
	t := &cast{on: on, fields: map[string]record.Type{}, orDefault: o.flag("replace.null.with.default", true), schemas: schemaCache{}}
	o.required("spec")
	for _, item := range o.list("spec") {
		name, typeName, isField := strings.Cut(item, ":")
		if !isField {
			name, typeName = "", name
		}
		to, ok := castTypes[strings.ToLower(strings.TrimSpace(typeName))]
		if !ok {
			o.fail("spec", "unknown type "+typeName)
		}
		if isField {
			t.fields[strings.TrimSpace(name)] = to
		} else {
			t.whole = to
		}
	}
	return t, o.err
}

func (t *cast) Apply(r *record.Record) (*record.Record, error) {
	s, v := t.on.get(r)
	if v == nil {
		return r, nil
	}
	if t.whole != "" {
		out, err := castTo(v, t.whole)
		if err != nil || s == nil {
			return t.on.set(r, nil, out), err
		}
		return t.on.set(r, optionalSchema(t.whole, s.Optional), out), nil
	}
	if s == nil {
		m, err := requireMap(v, "cast")
		if err != nil {
			return nil, err
		}
		for i, e := range m {
			name, _ := e.Key.(string)
			if to, ok := t.fields[name]; ok {
				if m[i].Value, err = castTo(e.Value, to); err != nil {
					return nil, fmt.Errorf("cast field %s: %w", name, err)
				}
			}
		}
		return r, nil
	}
	old, err := requireStruct(v, "cast")
	if err != nil {
		return nil, err
	}
	derived := t.schemas.get(old.Schema, func() *record.Schema { return t.derive(old.Schema) })
	out := record.NewStruct(derived)
	for i, f := range old.Schema.Fields {
		out.Values[i] = field(old, i, t.orDefault)
		if to, ok := t.fields[f.Name]; ok {
			if out.Values[i], err = castTo(out.Values[i], to); err != nil {
				return nil, fmt.Errorf("cast field %s: %w", f.Name, err)
			}
		}
	}
	return t.on.set(r, derived, out), nil
}

func (t *cast) derive(s *record.Schema) *record.Schema {
	d := basics(s, record.Struct)
	d.Optional = s.Optional
	for _, f := range s.Fields {
		if to, ok := t.fields[f.Name]; ok {
			c := optionalSchema(to, f.Schema.Optional)
			if f.Schema.Default != nil {
				if def, err := castTo(f.Schema.Default, to); err == nil {
					c.Default = def
				}
			}
			f.Schema = c
		}
		d.Fields = append(d.Fields, f)
	}
	return d
}

// castTo converts a scalar.
func castTo(v any, to record.Type) (any, error) {
	if v == nil {
		return nil, nil
	}
	text := string(record.HeaderBytes(nil, v))
	switch to {
	case record.String:
		return text, nil
	case record.Boolean:
		switch b := v.(type) {
		case bool:
			return b, nil
		case string:
			return strings.EqualFold(b, "true"), nil
		}
		f, err := strconv.ParseFloat(text, 64)
		return f != 0, err
	}
	if b, ok := v.(bool); ok {
		text = "0"
		if b {
			text = "1"
		}
	}
	if to == record.Float64 {
		return strconv.ParseFloat(text, 64)
	}
	if to == record.Float32 {
		f, err := strconv.ParseFloat(text, 64)
		return float32(f), err
	}
	n, err := strconv.ParseInt(text, 10, 64)
	if err != nil {
		f, ferr := strconv.ParseFloat(text, 64)
		if _, isText := v.(string); ferr != nil || isText {
			return nil, fmt.Errorf("%q is no whole number", text)
		}
		n = int64(f)
	}
	switch to {
	case record.Int8:
		return int8(n), nil
	case record.Int16:
		return int16(n), nil
	case record.Int32:
		return int32(n), nil
	}
	return n, nil
}

// castText converts text to the type of the value that it replaces.
func castText(text string, like any) (any, error) {
	switch like.(type) {
	case string:
		return text, nil
	case record.Decimal:
		return record.ParseDecimal(text)
	case int8:
		return castTo(text, record.Int8)
	case int16:
		return castTo(text, record.Int16)
	case int32:
		return castTo(text, record.Int32)
	case int64:
		return castTo(text, record.Int64)
	case float32:
		return castTo(text, record.Float32)
	case float64:
		return castTo(text, record.Float64)
	}
	return nil, fmt.Errorf("text cannot stand for a %T", like)
}

// zeroOf returns the zero of a value's type.
func zeroOf(v any) (any, error) {
	switch v.(type) {
	case bool:
		return false, nil
	case int8:
		return int8(0), nil
	case int16:
		return int16(0), nil
	case int32:
		return int32(0), nil
	case int64:
		return int64(0), nil
	case float32:
		return float32(0), nil
	case float64:
		return float64(0), nil
	case string:
		return "", nil
	case record.Decimal:
		return record.Decimal{Value: new(big.Int)}, nil
	case []any:
		return []any{}, nil
	case record.Map:
		return record.Map{}, nil
	}
	return nil, fmt.Errorf("a %T has no zero to mask it with", v)
}
