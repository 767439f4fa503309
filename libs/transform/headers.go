package transform

import (
	"fmt"
	"math"
	"math/big"
	"regexp"
	"strconv"
	"time"

	"github.com/calypso-cdc/calypso/libs/connector/catalogue"
	"github.com/calypso-cdc/calypso/libs/record"
)

// insertHeader is InsertHeader: it adds a header with a fixed value.
type insertHeader struct {
	name    string
	literal literalValue
}

// literalValue is a value with its schema.
type literalValue struct {
	schema *record.Schema
	value  any
}

func (t *insertHeader) keys() []catalogue.Key {
	return []catalogue.Key{
		{Name: "header", Type: catalogue.String, Required: true,
			Importance: catalogue.High,
			Into:       catalogue.Text(&t.name),
			Doc:        "Name of the header to add."},
		{Name: "value.literal", Type: catalogue.String, Required: true, Importance: catalogue.High,
			Into: catalogue.Read(&t.literal, parseLiteral),
			Doc:  "Its value."},
	}
}

func parseLiteral(text string) (literalValue, error) {
	schema, value := literal(text)
	return literalValue{schema, value}, nil
}

// literal parses a text as Kafka Connect does (Values.parseString): null, a boolean, a number of
// the smallest type that holds it, a date or time, else text. Lists and maps stay text, since most
// header converters write them as that.
func literal(text string) (*record.Schema, any) {
	switch text {
	case "null":
		return nil, nil
	case "true", "false":
		return record.Of(record.Boolean), text == "true"
	}
	for _, form := range []struct {
		layout string
		schema record.Schema
		value  func(time.Time) any
	}{
		{"2006-01-02", record.Schema{Type: record.Int32, Name: record.DateName, Version: 1},
			func(t time.Time) any { return int32(t.Unix() / 86400) }},
		{"15:04:05.000Z", record.Schema{Type: record.Int32, Name: record.TimeName, Version: 1},
			func(t time.Time) any { return int32(t.Sub(t.Truncate(24 * time.Hour)).Milliseconds()) }},
		{"2006-01-02T15:04:05.000Z", record.Schema{Type: record.Int64, Name: record.TimestampName, Version: 1},
			func(t time.Time) any { return t.UnixMilli() }},
	} {
		if at, err := time.Parse(form.layout, text); err == nil {
			return &form.schema, form.value(at)
		}
	}
	if s, v := numeric(text); s != nil {
		return s, v
	}
	return record.Of(record.String), text
}

// aNumber matches what Kafka Connect's parser reads as a number: it begins with a digit or a sign.
// The exponent's length is limited, so that a short text cannot make a huge number.
var aNumber = regexp.MustCompile(`^([0-9]+\.?[0-9]*|[+-]([0-9]+\.?[0-9]*|\.[0-9]+))([eE][+-]?[0-9]{1,4})?$`)

func numeric(text string) (*record.Schema, any) {
	if !aNumber.MatchString(text) {
		return nil, nil
	}
	d, err := record.ParseDecimal(text)
	if err != nil {
		return nil, nil
	}
	if n, ok := wholeNumber(d); ok {
		switch {
		case n == int64(int8(n)):
			return record.Of(record.Int8), int8(n)
		case n == int64(int16(n)):
			return record.Of(record.Int16), int16(n)
		case n == int64(int32(n)):
			return record.Of(record.Int32), int32(n)
		}
		return record.Of(record.Int64), n
	}
	if d.Scale != 0 {
		if f, err := strconv.ParseFloat(text, 32); err == nil && !math.IsInf(f, 0) {
			return record.Of(record.Float32), float32(f)
		}
		if f, err := strconv.ParseFloat(text, 64); err == nil && !math.IsInf(f, 0) {
			return record.Of(record.Float64), f
		}
	}
	return &record.Schema{Type: record.Bytes, Name: record.DecimalName, Version: 1,
		Params: []record.Param{{Name: "scale", Value: strconv.Itoa(d.Scale)}}}, d
}

// wholeNumber returns a decimal as an int64, and whether it is one.
func wholeNumber(d record.Decimal) (int64, bool) {
	power := new(big.Int).Exp(big.NewInt(10), big.NewInt(int64(max(d.Scale, -d.Scale))), nil)
	whole, rest := new(big.Int), new(big.Int)
	if d.Scale > 0 {
		whole.QuoRem(d.Value, power, rest)
	} else {
		whole.Mul(d.Value, power)
	}
	return whole.Int64(), rest.Sign() == 0 && whole.IsInt64()
}

func (t *insertHeader) Apply(r *record.Record) (*record.Record, error) {
	r.Headers = append(r.Headers, record.Header{Key: t.name, Schema: t.literal.schema, Value: t.literal.value})
	return r, nil
}

// dropHeaders is DropHeaders: it removes headers by name.
type dropHeaders struct{ names map[string]bool }

func (t *dropHeaders) keys() []catalogue.Key {
	return []catalogue.Key{
		{Name: "headers", Type: catalogue.List, Required: true, Check: catalogue.NotEmpty,
			Importance: catalogue.High,
			Into:       catalogue.Read(&t.names, setOfSome),
			Doc:        "Names of the headers to remove, separated by commas."},
	}
}

func (t *dropHeaders) Apply(r *record.Record) (*record.Record, error) {
	var kept []record.Header
	for _, h := range r.Headers {
		if !t.names[h.Key] {
			kept = append(kept, h)
		}
	}
	r.Headers = kept
	return r, nil
}

// headerFrom is HeaderFrom: it copies or moves fields of the key or value into headers.
type headerFrom struct {
	on              part
	fields, headers []string
	move            bool
	orDefault       bool
	rest            *replaceField
}

func (t *headerFrom) keys() []catalogue.Key {
	return []catalogue.Key{
		{Name: "fields", Type: catalogue.List, Required: true, Check: catalogue.NotEmpty,
			Importance: catalogue.High,
			Into:       catalogue.Read(&t.fields, some),
			Doc:        "Fields to turn into headers, separated by commas."},
		{Name: "headers", Type: catalogue.List, Required: true, Check: catalogue.NotEmpty,
			Importance: catalogue.High,
			Into:       catalogue.Read(&t.headers, some),
			Doc:        "Names of the headers: one for each of fields, in their order."},
		{Name: "operation", Type: catalogue.String, Required: true, Cased: true, Importance: catalogue.High,
			Into: whether(&t.move, "move", "move", "copy"),
			Doc:  "move takes the fields out of the record, copy leaves them."},
		nullsToDefaults(&t.orDefault),
	}
}

func (t *headerFrom) finish(s catalogue.Settings) error {
	if fields := s.Name(&t.fields); len(t.fields) != len(t.headers) {
		return catalogue.Problemf(fields, "'%s' config must have the same number of elements as '%s' config.", fields,
			s.Name(&t.headers))
	}
	t.rest = &replaceField{on: t.on, exclude: map[string]bool{}, orDefault: t.orDefault, schemas: schemaCache{}}
	for _, name := range t.fields {
		t.rest.exclude[name] = true
	}
	return nil
}

func (t *headerFrom) Apply(r *record.Record) (*record.Record, error) {
	s, v := t.on.get(r)
	var find func(name string) (*record.Schema, any, error)
	if s == nil {
		m, err := requireMap(v, "make headers of fields")
		if err != nil {
			return nil, err
		}
		find = func(name string) (*record.Schema, any, error) { return nil, lookup(m, name), nil }
	} else {
		row, err := requireStruct(v, "make headers of fields")
		if err != nil {
			return nil, err
		}
		find = func(name string) (*record.Schema, any, error) {
			i := row.Schema.Index(name)
			if i < 0 {
				return nil, nil, fmt.Errorf("make headers of fields: there is no field %s", name)
			}
			return row.Schema.Fields[i].Schema, field(row, i, t.orDefault), nil
		}
	}
	out := *r
	out.Headers = append([]record.Header(nil), r.Headers...)
	for i, name := range t.fields {
		fs, fv, err := find(name)
		if err != nil {
			return nil, err
		}
		out.Headers = append(out.Headers, record.Header{Key: t.headers[i], Schema: fs, Value: fv})
	}
	if t.move {
		return t.rest.Apply(&out)
	}
	return &out, nil
}
