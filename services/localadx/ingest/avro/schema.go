package avro

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
)

// maxDepth bounds how deeply the types of a schema and the values of a record are nested.
const maxDepth = 512

// kind is one of Avro's types.
type kind int

const (
	kindNull kind = iota
	kindBoolean
	kindInt
	kindLong
	kindFloat
	kindDouble
	kindBytes
	kindString
	kindRecord
	kindEnum
	kindArray
	kindMap
	kindUnion
	kindFixed
)

var primitives = map[string]kind{
	"null": kindNull, "boolean": kindBoolean, "int": kindInt, "long": kindLong, "float": kindFloat, "double": kindDouble,
	"bytes": kindBytes, "string": kindString,
}

// schema is a type. Schemas of named types may contain themselves.
type schema struct {
	kind    kind
	logical string
	// fields are a record's; items is the type of an array's elements and a map's values; branches are a union's.
	fields   []field
	items    *schema
	branches []*schema
	symbols  []string
	// size is a fixed's, scale a decimal's.
	size, scale int
}

type field struct {
	name string
	typ  *schema
}

// definition is the JSON object of a type.
type definition struct {
	Type        json.RawMessage `json:"type"`
	Name        string          `json:"name"`
	Namespace   *string         `json:"namespace"`
	LogicalType string          `json:"logicalType"`
	Fields      []struct {
		Name string          `json:"name"`
		Type json.RawMessage `json:"type"`
	} `json:"fields"`
	Symbols []string        `json:"symbols"`
	Items   json.RawMessage `json:"items"`
	Values  json.RawMessage `json:"values"`
	Size    int             `json:"size"`
	Scale   int             `json:"scale"`
}

// schemas reads one file's schema; named knows the types by full name.
type schemas struct{ named map[string]*schema }

func parseSchema(text []byte) (*schema, error) {
	s := &schemas{named: map[string]*schema{}}
	return s.parse(text, "", 0)
}

func (s *schemas) parse(text json.RawMessage, namespace string, depth int) (*schema, error) {
	if depth > maxDepth {
		return nil, fmt.Errorf("types are nested more than %d levels deep", maxDepth)
	}
	text = bytes.TrimSpace(text)
	if len(text) == 0 {
		return nil, errors.New("a type is missing")
	}
	switch text[0] {
	case '"':
		var name string
		if err := json.Unmarshal(text, &name); err != nil {
			return nil, err
		}
		return s.byName(name, namespace)
	case '[':
		return s.union(text, namespace, depth)
	case '{':
		return s.define(text, namespace, depth)
	}
	return nil, fmt.Errorf("%.40s is not a type", text)
}

func (s *schemas) byName(name, namespace string) (*schema, error) {
	if k, ok := primitives[name]; ok {
		return &schema{kind: k}, nil
	}
	if known, ok := s.named[fullName(name, namespace)]; ok {
		return known, nil
	}
	if known, ok := s.named[name]; ok {
		return known, nil
	}
	return nil, fmt.Errorf("there is no type %q", name)
}

func fullName(name, namespace string) string {
	if namespace == "" || strings.Contains(name, ".") {
		return name
	}
	return namespace + "." + name
}

func (s *schemas) union(text json.RawMessage, namespace string, depth int) (*schema, error) {
	var branches []json.RawMessage
	if err := json.Unmarshal(text, &branches); err != nil {
		return nil, err
	}
	union := &schema{kind: kindUnion}
	for _, b := range branches {
		branch, err := s.parse(b, namespace, depth+1)
		if err != nil {
			return nil, err
		}
		union.branches = append(union.branches, branch)
	}
	return union, nil
}

func (s *schemas) define(text json.RawMessage, namespace string, depth int) (*schema, error) {
	var d definition
	if err := json.Unmarshal(text, &d); err != nil {
		return nil, err
	}
	var name string
	if err := json.Unmarshal(d.Type, &name); err != nil {
		// {"type": {…}} and {"type": […]} are the type within.
		return s.parse(d.Type, namespace, depth+1)
	}
	t := &schema{logical: d.LogicalType, scale: d.Scale}
	if d.Namespace != nil {
		namespace = *d.Namespace
	} else if i := strings.LastIndexByte(d.Name, '.'); i >= 0 {
		namespace = d.Name[:i]
	}
	var err error
	switch name {
	case "record", "error":
		t.kind = kindRecord
		s.named[fullName(d.Name, namespace)] = t
		for _, f := range d.Fields {
			typ, err := s.parse(f.Type, namespace, depth+1)
			if err != nil {
				return nil, fmt.Errorf("field %s: %w", f.Name, err)
			}
			t.fields = append(t.fields, field{f.Name, typ})
		}
	case "enum":
		t.kind, t.symbols = kindEnum, d.Symbols
		s.named[fullName(d.Name, namespace)] = t
	case "fixed":
		t.kind, t.size = kindFixed, d.Size
		if d.Size < 0 {
			return nil, fmt.Errorf("the fixed type %s has size %d", d.Name, d.Size)
		}
		s.named[fullName(d.Name, namespace)] = t
	case "array":
		t.kind = kindArray
		t.items, err = s.parse(d.Items, namespace, depth+1)
	case "map":
		t.kind = kindMap
		t.items, err = s.parse(d.Values, namespace, depth+1)
	default:
		known, err := s.byName(name, namespace)
		if err != nil {
			return nil, err
		}
		if known.kind > kindString {
			return known, nil
		}
		t.kind = known.kind
	}
	if err != nil {
		return nil, err
	}
	return t, nil
}
