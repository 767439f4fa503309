package transform

import (
	"errors"
	"fmt"
	"slices"

	"github.com/calypso-cdc/calypso/libs/record"
)

// part is the part of a record, key or value, that a transform works on.
type part bool

const (
	value part = false
	key   part = true
)

func (p part) get(r *record.Record) (*record.Schema, any) {
	if p == key {
		return r.KeySchema, r.Key
	}
	return r.ValueSchema, r.Value
}

// set returns a copy of the record with another key or value.
func (p part) set(r *record.Record, s *record.Schema, v any) *record.Record {
	c := *r
	if p == key {
		c.KeySchema, c.Key = s, v
	} else {
		c.ValueSchema, c.Value = s, v
	}
	return &c
}

// basics returns a schema of type t with only the name, version, documentation and parameters of s,
// which are what Kafka Connect's transforms copy when they rebuild a schema. They do not copy
// optionality.
func basics(s *record.Schema, t record.Type) *record.Schema {
	return &record.Schema{Type: t, Name: s.Name, Version: s.Version, Doc: s.Doc, Params: s.Params}
}

// schemaCache maps schemas to those derived from them. It is emptied when it holds cacheLimit
// schemas, which happens only if schemas are made for each record.
type schemaCache map[*record.Schema]*record.Schema

const cacheLimit = 256

func (c schemaCache) get(s *record.Schema, derive func() *record.Schema) *record.Schema {
	if d := c[s]; d != nil {
		return d
	}
	if len(c) >= cacheLimit {
		clear(c)
	}
	d := derive()
	c[s] = d
	return d
}

// distinct is like get, and fails if two fields of the derived schema have the same name.
func (c schemaCache) distinct(s *record.Schema, derive func() *record.Schema) (*record.Schema, error) {
	var wrong error
	if c[s] == nil {
		d := derive()
		if wrong = distinct(d); wrong == nil {
			c.get(s, func() *record.Schema { return d })
		}
	}
	return c[s], wrong
}

// requireStruct returns a value with schema as a struct, or an error if it is not one.
func requireStruct(v any, purpose string) (*record.StructValue, error) {
	s, ok := v.(*record.StructValue)
	if !ok || s == nil {
		return nil, fmt.Errorf("%s: only structs are supported, the value is a %T", purpose, v)
	}
	return s, nil
}

// requireMap returns a value without schema as a map, or an error if it is not one.
func requireMap(v any, purpose string) (record.Map, error) {
	m, ok := v.(record.Map)
	if !ok {
		return nil, fmt.Errorf("%s: only maps are supported without schema, the value is a %T", purpose, v)
	}
	return m, nil
}

// field returns the value of a struct's field; with orDefault, its default instead of null.
func field(v *record.StructValue, i int, orDefault bool) any {
	value := v.Values[i]
	if !orDefault {
		return value
	}
	switch p, unknown := value.(record.Placeholder); {
	case unknown:
		return p.Or(v.Schema.Fields[i].Schema.Default)
	case value == nil:
		return v.Schema.Fields[i].Schema.Default
	}
	return value
}

// put returns a map with an entry changed, or added at the end.
func put(m record.Map, name string, v any) record.Map {
	out := make(record.Map, 0, len(m)+1)
	found := false
	for _, e := range m {
		if e.Key == name {
			e.Value, found = v, true
		}
		out = append(out, e)
	}
	if !found {
		out = append(out, record.Entry{Key: name, Value: v})
	}
	return out
}

// changed returns the map with the entries of these names changed; change gets nil for a missing
// one.
func changed(m record.Map, names []string, change func(name string, v any) (any, error)) (record.Map, error) {
	for _, name := range names {
		v, err := change(name, lookup(m, name))
		if err != nil {
			return nil, fmt.Errorf("field %s: %w", name, err)
		}
		m = put(m, name, v)
	}
	return m, nil
}

func lookup(m record.Map, name string) any {
	for _, e := range m {
		if e.Key == name {
			return e.Value
		}
	}
	return nil
}

// distinct fails if two fields of a schema have the same name, as Kafka Connect does.
func distinct(s *record.Schema) error {
	for i, f := range s.Fields {
		if s.Index(f.Name) != i {
			return duplicate(f.Name)
		}
	}
	return nil
}

// duplicate is the error for a field whose name another one has already.
func duplicate(name string) error {
	//nolint:staticcheck // Kafka Connect's words
	return fmt.Errorf("Cannot create field because of field name duplication %s", name)
}

// once returns the items of a list without repetitions.
func once(items []string) []string {
	var kept []string
	for _, item := range items {
		if !slices.Contains(kept, item) {
			kept = append(kept, item)
		}
	}
	return kept
}

func optionalSchema(t record.Type, optional bool) *record.Schema {
	return &record.Schema{Type: t, Optional: optional}
}

// errOpaque is the error of a transform that would need the value of a placeholder.
var errOpaque = errors.New("the value is not known yet")

// opaque reports whether a value is a placeholder for a struct.
func opaque(s *record.Schema, v any) bool {
	_, unknown := v.(record.Placeholder)
	return unknown && s != nil && s.Type == record.Struct
}
