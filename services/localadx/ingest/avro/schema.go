package avro

import (
	"encoding/json"
	"errors"
	"fmt"
	"math"
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

// schemas reads one file's schema; named knows the types by full name.
type schemas struct{ named map[string]*schema }

func parseSchema(text []byte) (*schema, error) {
	// The text is read once: reading each type again for those within it would take the square of its
	// length.
	var tree any
	if err := json.Unmarshal(text, &tree); err != nil {
		return nil, err
	}
	s := &schemas{named: map[string]*schema{}}
	return s.parse(tree, "", 0)
}

func (s *schemas) parse(tree any, namespace string, depth int) (*schema, error) {
	if depth > maxDepth {
		return nil, fmt.Errorf("types are nested more than %d levels deep", maxDepth)
	}
	switch t := tree.(type) {
	case string:
		return s.byName(t, namespace)
	case []any:
		return s.union(t, namespace, depth)
	case map[string]any:
		return s.define(t, namespace, depth)
	}
	return nil, fmt.Errorf("%.40v is not a type", tree)
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

func (s *schemas) union(branches []any, namespace string, depth int) (*schema, error) {
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

func (s *schemas) define(d map[string]any, namespace string, depth int) (*schema, error) {
	typeName, ok := d["type"].(string)
	if !ok {
		// {"type": {…}} and {"type": […]} are the type within.
		return s.parse(d["type"], namespace, depth+1)
	}
	name, _ := d["name"].(string)
	if given, ok := d["namespace"].(string); ok {
		namespace = given
	} else if i := strings.LastIndexByte(name, '.'); i >= 0 {
		namespace = name[:i]
	}
	t := &schema{}
	t.logical, _ = d["logicalType"].(string)
	var err error
	if t.scale, err = number(d, "scale"); err != nil {
		return nil, err
	}
	switch typeName {
	case "record", "error":
		t.kind = kindRecord
		s.named[fullName(name, namespace)] = t
		t.fields, err = s.fieldsOf(d, namespace, depth)
	case "enum":
		t.kind = kindEnum
		s.named[fullName(name, namespace)] = t
		t.symbols, err = symbolsOf(d)
	case "fixed":
		t.kind = kindFixed
		s.named[fullName(name, namespace)] = t
		t.size, err = number(d, "size")
	case "array":
		t.kind = kindArray
		t.items, err = s.parse(d["items"], namespace, depth+1)
	case "map":
		t.kind = kindMap
		t.items, err = s.parse(d["values"], namespace, depth+1)
	default:
		known, err := s.byName(typeName, namespace)
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

// fieldsOf reads the fields of a record.
func (s *schemas) fieldsOf(d map[string]any, namespace string, depth int) ([]field, error) {
	list, _ := d["fields"].([]any)
	var fields []field
	for _, entry := range list {
		f, _ := entry.(map[string]any)
		name, ok := f["name"].(string)
		if !ok {
			return nil, errors.New("a field has no name")
		}
		typ, err := s.parse(f["type"], namespace, depth+1)
		if err != nil {
			return nil, fmt.Errorf("field %.40q: %w", name, err)
		}
		fields = append(fields, field{name, typ})
	}
	return fields, nil
}

// symbolsOf reads the symbols of an enum.
func symbolsOf(d map[string]any) ([]string, error) {
	list, _ := d["symbols"].([]any)
	symbols := make([]string, len(list))
	for i, entry := range list {
		text, ok := entry.(string)
		if !ok {
			return nil, errors.New("a symbol of an enum is no text")
		}
		symbols[i] = text
	}
	return symbols, nil
}

// number reads a size or a scale, which is 0 unless it is there.
func number(d map[string]any, key string) (int, error) {
	switch n := d[key].(type) {
	case nil:
		return 0, nil
	case float64:
		if n >= 0 && n < 1<<40 && n == math.Trunc(n) {
			return int(n), nil
		}
	}
	return 0, fmt.Errorf("the %s of a type is not a number that it may have", key)
}
