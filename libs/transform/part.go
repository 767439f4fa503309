package transform

import (
	"errors"
	"fmt"
	"slices"

	"github.com/calypso-cdc/calypso/libs/record"
)

// part is the part of a record that a transform works on.
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

// set gives a copy of the record another key or value.
func (p part) set(r *record.Record, s *record.Schema, v any) *record.Record {
	c := *r
	if p == key {
		c.KeySchema, c.Key = s, v
	} else {
		c.ValueSchema, c.Value = s, v
	}
	return &c
}

// basics is a schema with the name, version, documentation and parameters of s and nothing else: what Kafka Connect's
// transforms copy when they rebuild a schema. Optionality is not among them.
func basics(s *record.Schema, t record.Type) *record.Schema {
	return &record.Schema{Type: t, Name: s.Name, Version: s.Version, Doc: s.Doc, Params: s.Params}
}

// schemaCache keeps schemas derived from others. It is emptied when it holds cacheLimit, which
// happens only where schemas are made for each record.
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

// distinct is get for schemas in which two fields may have the same name, which is an error.
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

// requireStruct returns a value with schema as a struct, or says that it is none.
func requireStruct(v any, purpose string) (*record.StructValue, error) {
	s, ok := v.(*record.StructValue)
	if !ok || s == nil {
		return nil, fmt.Errorf("%s: only structs are supported, the value is a %T", purpose, v)
	}
	return s, nil
}

// requireMap returns a value without schema as a map, or says that it is none.
func requireMap(v any, purpose string) (record.Map, error) {
	m, ok := v.(record.Map)
	if !ok {
		return nil, fmt.Errorf("%s: only maps are supported without schema, the value is a %T", purpose, v)
	}
	return m, nil
}

// field reads a struct's field, its default instead of null if orDefault.
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

// put returns the map with an entry changed or added at the end.
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

// changed is the map with other values of these entries, which are null where they are missing.
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

// distinct fails if two fields of a schema have one name, as Kafka Connect does.
func distinct(s *record.Schema) error {
	for i, f := range s.Fields {
		if s.Index(f.Name) != i {
			return duplicate(f.Name)
		}
	}
	return nil
}

// duplicate is the error of a field whose name another one has.
func duplicate(name string) error {
	//nolint:staticcheck // Kafka Connect's words
	return fmt.Errorf("Cannot create field because of field name duplication %s", name)
}

// once are the items of a list without those that were there before.
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

// errOpaque is the error of a transform that would have to look into a placeholder.
var errOpaque = errors.New("the value is not known yet")

// opaque reports whether a value is a placeholder of a struct.
func opaque(s *record.Schema, v any) bool {
	_, unknown := v.(record.Placeholder)
	return unknown && s != nil && s.Type == record.Struct
}
