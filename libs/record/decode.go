package record

import (
	"encoding/base64"
	"errors"
	"fmt"
	"math"
	"strconv"
)

// Decode reads JSON with schema ({"schema":…,"payload":…}) if Schemas is set, else a bare value,
// whose schema is nil.
func (c *JSON) Decode(_ string, data []byte) (*Schema, any, error) {
	if data == nil {
		return nil, nil, nil
	}
	if !c.Schemas {
		tree, err := parseJSON(data)
		if err != nil {
			return nil, nil, err
		}
		return nil, plain(tree), nil
	}
	schema, payload, err := splitEnvelope(data)
	if err != nil {
		return nil, nil, err
	}
	tree, err := parseJSON(payload)
	if err != nil {
		return nil, nil, err
	}
	if string(schema) == "null" {
		return nil, plain(tree), nil
	}
	s, err := c.schemaOf(schema)
	if err != nil {
		return nil, nil, err
	}
	if tree == nil && c.KeepNull && s.Optional {
		return s, nil, nil
	}
	value, err := typed(s, tree)
	return s, value, err
}

// splitEnvelope finds the two members of {"schema":…,"payload":…}.
func splitEnvelope(data []byte) (schema, payload []byte, err error) {
	p := parser{data: data}
	if p.space(); p.peek() == '{' {
		p.pos++
		for {
			p.space()
			if p.peek() != '"' {
				break
			}
			name, terr := p.text()
			if p.space(); terr != nil || p.peek() != ':' {
				break
			}
			p.pos++
			p.space()
			from := p.pos
			if serr := p.skip(); serr != nil {
				return nil, nil, serr
			}
			switch name {
			case "schema":
				schema = data[from:p.pos]
			case "payload":
				payload = data[from:p.pos]
			default:
				return nil, nil, errNoEnvelope
			}
			done, nerr := p.next('}')
			if nerr != nil {
				return nil, nil, nerr
			}
			if done {
				if p.space(); p.pos == len(data) && schema != nil && payload != nil {
					return schema, payload, nil
				}
				break
			}
		}
	}
	return nil, nil, errNoEnvelope
}

var errNoEnvelope = errors.New("read JSON with schema: it must have exactly the members schema and payload; " +
	"for JSON without schema set schemas.enable=false")

// schemaOf returns the schema of a text, from the cache if it was read before.
func (c *JSON) schemaOf(text []byte) (*Schema, error) {
	if s, known := c.known.get(string(text)); known {
		return s, nil
	}
	tree, err := parseJSON(text)
	if err != nil {
		return nil, err
	}
	s, err := decodeSchema(tree)
	if err != nil {
		return nil, err
	}
	c.known.put(string(text), s, len(text))
	return s, nil
}

// DecodeJSONValue reads a value from JSON without an envelope, by a schema that the caller knows.
func DecodeJSONValue(s *Schema, data []byte) (any, error) {
	tree, err := parseJSON(data)
	if err != nil {
		return nil, err
	}
	return typed(s, tree)
}

func (m Map) get(key string) any {
	for i := range m {
		if m[i].Key == key {
			return m[i].Value
		}
	}
	return nil
}

// plain turns a tree into the values that JsonConverter returns without a schema: whole numbers are
// int64, others float64.
func plain(tree any) any {
	switch v := tree.(type) {
	case number:
		if i, err := strconv.ParseInt(string(v), 10, 64); err == nil {
			return i
		}
		f, _ := strconv.ParseFloat(string(v), 64)
		return f
	case []any:
		for i := range v {
			v[i] = plain(v[i])
		}
	case Map:
		for i := range v {
			v[i].Value = plain(v[i].Value)
		}
	}
	return tree
}

// typed turns a tree into a value of schema s.
func typed(s *Schema, tree any) (any, error) {
	if tree == nil {
		if s.Default != nil {
			return s.Default, nil
		}
		if !s.Optional {
			return nil, fmt.Errorf("read JSON: null for %s, which is required", describe(s))
		}
		return nil, nil
	}
	switch v := tree.(type) {
	case bool:
		if s.Type == Boolean {
			return v, nil
		}
	case number:
		return typedNumber(s, string(v))
	case string:
		return typedText(s, v)
	case []any:
		switch s.Type {
		case Array:
			for i := range v {
				var err error
				if v[i], err = typed(s.Items, v[i]); err != nil {
					return nil, err
				}
			}
			return v, nil
		case MapType:
			return typedPairs(s, v)
		}
	case Map:
		switch s.Type {
		case Struct:
			return typedStruct(s, v)
		case MapType:
			for i := range v {
				var err error
				if v[i].Value, err = typed(s.Values, v[i].Value); err != nil {
					return nil, err
				}
			}
			return v, nil
		}
	}
	return nil, fmt.Errorf("read JSON: %T does not fit the schema type %s", tree, s.Type)
}

func typedNumber(s *Schema, text string) (any, error) {
	switch s.Type {
	case Float64:
		return strconv.ParseFloat(text, 64)
	case Float32:
		f, err := strconv.ParseFloat(text, 32)
		return float32(f), err
	case Bytes:
		if s.Name == DecimalName {
			return ParseDecimal(text)
		}
	}
	bits := map[Type]int{Int8: 8, Int16: 16, Int32: 32, Int64: 64}[s.Type]
	if bits == 0 {
		return nil, fmt.Errorf("read JSON: the number %s does not fit the schema type %s", text, s.Type)
	}
	i, err := strconv.ParseInt(text, 10, bits)
	if err != nil {
		return nil, fmt.Errorf("read JSON: %w", err)
	}
	switch s.Type {
	case Int8:
		return int8(i), nil
	case Int16:
		return int16(i), nil
	case Int32:
		return int32(i), nil
	}
	return i, nil
}

func typedText(s *Schema, text string) (any, error) {
	special := map[string]float64{"NaN": math.NaN(), "Infinity": math.Inf(1), "-Infinity": math.Inf(-1)}
	switch s.Type {
	case String:
		return text, nil
	case Bytes:
		b, err := base64.StdEncoding.DecodeString(text)
		if err != nil {
			return nil, fmt.Errorf("read JSON: bytes must be base64: %w", err)
		}
		if s.Name == DecimalName {
			scale, _ := s.Param("scale")
			n, err := strconv.Atoi(scale)
			if err != nil {
				return nil, fmt.Errorf("read JSON: the scale %.20q of a decimal is not a number", scale)
			}
			return DecimalOf(b, n)
		}
		return b, nil
	case Float64:
		if f, ok := special[text]; ok {
			return f, nil
		}
	case Float32:
		if f, ok := special[text]; ok {
			return float32(f), nil
		}
	}
	return nil, fmt.Errorf("read JSON: the string %q does not fit the schema type %s", text, s.Type)
}

func typedPairs(s *Schema, pairs []any) (any, error) {
	m := make(Map, len(pairs))
	for i := range pairs {
		pair, ok := pairs[i].([]any)
		if !ok || len(pair) != 2 {
			return nil, fmt.Errorf("read JSON: a map entry is not a pair")
		}
		var err error
		if m[i].Key, err = typed(s.Keys, pair[0]); err == nil {
			m[i].Value, err = typed(s.Values, pair[1])
		}
		if err != nil {
			return nil, err
		}
	}
	return m, nil
}

// typedStruct reads the members in the order of the fields; missing members are null.
func typedStruct(s *Schema, m Map) (any, error) {
	v := NewStruct(s)
	found := members{all: m}
	for i := range s.Fields {
		f := &s.Fields[i]
		var tree any
		if i < len(m) && m[i].Key == f.Name {
			tree = m[i].Value
		} else if at := found.place(f.Name); at >= 0 {
			tree = m[at].Value
		}
		// A struct distinguishes null from the default; only a converter replaces one by the other.
		if tree == nil && f.Schema.Default != nil {
			continue
		}
		var err error
		if v.Values[i], err = typed(f.Schema, tree); err != nil {
			return nil, fmt.Errorf("field %s: %w", f.Name, err)
		}
	}
	return v, nil
}

func decodeSchema(tree any) (*Schema, error) {
	m, ok := tree.(Map)
	if !ok {
		return nil, fmt.Errorf("read a JSON schema: %T is not an object", tree)
	}
	s := &Schema{}
	var fallback any
	for _, e := range m {
		var err error
		switch e.Key {
		case "type":
			name, _ := e.Value.(string)
			s.Type = Type(name)
		case "optional":
			s.Optional, _ = e.Value.(bool)
		case "name":
			s.Name, _ = e.Value.(string)
		case "version":
			if n, ok := e.Value.(number); ok {
				s.Version, err = strconv.Atoi(string(n))
			}
		case "doc":
			s.Doc, _ = e.Value.(string)
		case "parameters":
			params, _ := e.Value.(Map)
			for _, p := range params {
				name, _ := p.Key.(string)
				text, _ := p.Value.(string)
				s.Params = append(s.Params, Param{Name: name, Value: text})
			}
		case "default":
			fallback = e.Value
		case "items":
			s.Items, err = decodeSchema(e.Value)
		case "keys":
			s.Keys, err = decodeSchema(e.Value)
		case "values":
			s.Values, err = decodeSchema(e.Value)
		case "fields":
			fields, _ := e.Value.([]any)
			for _, f := range fields {
				fs, ferr := decodeSchema(f)
				if ferr != nil {
					return nil, ferr
				}
				fm, _ := f.(Map)
				name, _ := fm.get("field").(string)
				s.Fields = append(s.Fields, Field{Name: name, Schema: fs})
			}
		}
		if err != nil {
			return nil, err
		}
	}
	switch s.Type {
	case Int8, Int16, Int32, Int64, Float32, Float64, Boolean, String, Bytes, Struct:
	case Array:
		if s.Items == nil {
			return nil, fmt.Errorf("read a JSON schema: an array without items")
		}
	case MapType:
		if s.Keys == nil || s.Values == nil {
			return nil, fmt.Errorf("read a JSON schema: a map without keys or values")
		}
	default:
		return nil, fmt.Errorf("read a JSON schema: unknown type %q", s.Type)
	}
	if fallback != nil {
		value, err := typed(s, fallback)
		if err != nil {
			return nil, err
		}
		s.Default = value
	}
	return s, nil
}
