package transform

import (
	"errors"
	"fmt"
	"maps"
	"math"
	"math/big"
	"slices"
	"strconv"
	"strings"

	"github.com/calypso-cdc/calypso/libs/connector/catalogue"
	"github.com/calypso-cdc/calypso/libs/record"
)

// cast is Kafka Connect's Cast: it changes the types of fields, or of the whole value.
type cast struct {
	on        part
	spec      castSpec
	orDefault bool
	schemas   schemaCache
}

// castSpec holds the types to cast to.
type castSpec struct {
	casts  int         // how many items spec has
	whole  record.Type // empty: fields
	fields map[string]record.Type
}

// castTypes maps the names in the option spec to the types to cast to.
var castTypes = map[string]record.Type{"int8": record.Int8, "int16": record.Int16, "int32": record.Int32,
	"int64":   record.Int64,
	"float32": record.Float32, "float64": record.Float64, "boolean": record.Boolean, "string": record.String}

func (t *cast) keys() []catalogue.Key {
	return []catalogue.Key{
		{Name: "spec", Type: catalogue.List, Required: true, Importance: catalogue.High,
			Into: catalogue.Read(&t.spec, parseCastSpec),
			Doc:  "Fields and their new types, field:type separated by commas, or one type for the whole value: int8, int16, int32, int64, float32, float64, boolean, string."},
		nullsToDefaults(&t.orDefault),
	}
}

func parseCastSpec(list string) (castSpec, error) {
	items := catalogue.Named(list)
	spec := castSpec{casts: len(items), fields: map[string]record.Type{}}
	for _, item := range items {
		name, typeName, isField := strings.Cut(item, ":")
		if !isField {
			name, typeName = "", name
		}
		to, ok := castTypes[strings.ToLower(strings.TrimSpace(typeName))]
		if !ok {
			return spec, catalogue.Fault("unknown type " + typeName)
		}
		if isField {
			spec.fields[strings.TrimSpace(name)] = to
		} else {
			spec.whole = to
		}
	}
	return spec, nil
}

func (t *cast) finish(s catalogue.Settings) error {
	switch spec := s.Name(&t.spec); {
	case t.spec.casts == 0:
		return catalogue.Problemf(spec, "Must specify at least one field to cast.")
	case t.spec.whole != "" && t.spec.casts > 1:
		return catalogue.Problemf(spec,
			"Cast transformations that specify a type to cast the entire value to may only specify a single cast in their spec")
	}
	return nil
}

func (t *cast) Apply(r *record.Record) (*record.Record, error) {
	s, v := t.on.get(r)
	if v == nil {
		return r, nil
	}
	if t.spec.whole != "" {
		out, err := castTo(s, v, t.spec.whole)
		if err != nil || s == nil {
			return t.on.set(r, nil, out), err
		}
		return t.on.set(r, optionalSchema(t.spec.whole, s.Optional), out), nil
	}
	if s == nil {
		m, err := requireMap(v, "cast")
		if err != nil {
			return nil, err
		}
		m, err = changed(m, slices.Sorted(maps.Keys(t.spec.fields)),
			func(name string, v any) (any, error) { return castTo(nil, v, t.spec.fields[name]) })
		if err != nil {
			return nil, fmt.Errorf("cast %w", err)
		}
		return t.on.set(r, nil, m), nil
	}
	old, err := requireStruct(v, "cast")
	if err != nil {
		return nil, err
	}
	derived := t.schemas.get(old.Schema, func() *record.Schema { return t.derive(old.Schema) })
	out := record.NewStruct(derived)
	for i, f := range old.Schema.Fields {
		out.Values[i] = field(old, i, t.orDefault)
		if to, ok := t.spec.fields[f.Name]; ok {
			if out.Values[i], err = castTo(f.Schema, out.Values[i], to); err != nil {
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
		if to, ok := t.spec.fields[f.Name]; ok {
			c := optionalSchema(to, f.Schema.Optional)
			if f.Schema.Default != nil {
				if def, err := castTo(f.Schema, f.Schema.Default, to); err == nil {
					c.Default = def
				}
			}
			f.Schema = c
		}
		d.Fields = append(d.Fields, f)
	}
	return d
}

// castTo converts a scalar of schema s, which may be nil, as Java converts numbers: an integer that
// is too large keeps its lowest bits; a floating-point number becomes the nearest int32 or int64
// first.
func castTo(s *record.Schema, v any, to record.Type) (any, error) {
	switch v.(type) {
	case nil:
		return nil, nil
	case *record.StructValue, record.Map, []any:
		return nil, fmt.Errorf("a %T cannot be cast: only numbers, booleans, text and bytes can", v)
	}
	switch to {
	case record.String:
		return string(record.HeaderBytes(s, v)), nil
	case record.Boolean:
		switch b := v.(type) {
		case bool:
			return b, nil
		case string:
			return strings.EqualFold(b, "true"), nil
		}
		n, err := integer(v, 64)
		return n != 0, err
	case record.Float64:
		return floating(v, 64)
	case record.Float32:
		f, err := floating(v, 32)
		return float32(f), err
	case record.Int8:
		n, err := integer(v, 8)
		return int8(n), err
	case record.Int16:
		n, err := integer(v, 16)
		return int16(n), err
	case record.Int32:
		n, err := integer(v, 32)
		return int32(n), err
	}
	return integer(v, 64)
}

// integer turns a scalar into an integer of which the caller keeps the lowest bits.
func integer(v any, bits int) (int64, error) {
	switch v := v.(type) {
	case bool:
		if v {
			return 1, nil
		}
		return 0, nil
	case int8:
		return int64(v), nil
	case int16:
		return int64(v), nil
	case int32:
		return int64(v), nil
	case int64:
		return v, nil
	case float32:
		return nearest(float64(v), bits), nil
	case float64:
		return nearest(v, bits), nil
	case record.Decimal:
		word := new(big.Int).Lsh(big.NewInt(1), 64)
		whole := new(big.Int)
		if v.Scale >= 0 {
			whole.Quo(v.Value, new(big.Int).Exp(big.NewInt(10), big.NewInt(int64(v.Scale)), nil))
		} else {
			whole.Mul(v.Value, new(big.Int).Exp(big.NewInt(10), big.NewInt(-int64(v.Scale)), word))
		}
		low := whole.Mod(whole, word)
		return int64(low.Uint64()), nil
	case string:
		n, err := strconv.ParseInt(v, 10, bits)
		if err != nil {
			return 0, fmt.Errorf("%.200q is not a whole number of %d bits", v, bits)
		}
		return n, nil
	}
	return 0, fmt.Errorf("a %T is not a number", v)
}

// nearest truncates a floating-point number to an integer of at least 32 bits: the least or
// greatest one if f is outside their range, 0 for NaN.
func nearest(f float64, bits int) int64 {
	least, most := int64(math.MinInt32), int64(math.MaxInt32)
	if bits == 64 {
		least, most = math.MinInt64, math.MaxInt64
	}
	switch {
	case f != f:
		return 0
	case f >= float64(most):
		return most
	case f <= float64(least):
		return least
	}
	return int64(f)
}

// floating turns a scalar into a floating-point number.
func floating(v any, bits int) (float64, error) {
	switch v := v.(type) {
	case float32:
		return float64(v), nil
	case float64:
		return v, nil
	case string, record.Decimal:
		text := strings.TrimSpace(string(record.HeaderBytes(nil, v)))
		f, err := strconv.ParseFloat(text, bits)
		if err != nil && !errors.Is(err, strconv.ErrRange) {
			return 0, fmt.Errorf("%.200q is not a number", text)
		}
		return f, nil
	}
	n, err := integer(v, 64)
	if bits == 32 {
		return float64(float32(n)), err
	}
	return float64(n), err
}

// castText converts text to the Go type of like, the value that it replaces.
func castText(text string, like any) (any, error) {
	switch like.(type) {
	case string:
		return text, nil
	case record.Decimal:
		return record.ParseDecimal(text)
	case int8:
		return castTo(nil, text, record.Int8)
	case int16:
		return castTo(nil, text, record.Int16)
	case int32:
		return castTo(nil, text, record.Int32)
	case int64:
		return castTo(nil, text, record.Int64)
	case float32:
		return castTo(nil, text, record.Float32)
	case float64:
		return castTo(nil, text, record.Float64)
	}
	return nil, fmt.Errorf("text cannot replace a %T", like)
}

// zeroOf returns the zero value of v's type.
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
	return nil, fmt.Errorf("a %T has no zero value to mask it with", v)
}
