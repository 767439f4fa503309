package record

import (
	"bytes"
	"context"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"math"
	"slices"
	"strconv"
	"strings"

	"github.com/twmb/avro"
)

const (
	// maxAvroDepth bounds how deep a schema nests, and with it how deep reading a value goes.
	maxAvroDepth = 128
	// maxAvroTypes bounds the types of a schema with each reference replaced by what it names: where
	// each definition names the next one twice, they double with every level.
	maxAvroTypes = 10_000
)

// avroType is an Avro schema with the Connect schema it stands for.
type avroType struct {
	connect *Schema
	read    func(in *avroInput) any
	// types counts the types that it consists of.
	types int
}

// Decode reads Confluent's wire format and looks up the schema in the registry.
func (c *Avro) Decode(topic string, data []byte) (*Schema, any, error) {
	if data == nil {
		return nil, nil, nil
	}
	if len(data) < 5 || data[0] != avroMagic {
		return nil, nil, fmt.Errorf("read Avro of topic %s: the record is not in Confluent's wire format", topic)
	}
	id := int(int32(binary.BigEndian.Uint32(data[1:])))
	t, err := c.schemaOf(id)
	if err != nil {
		return nil, nil, fmt.Errorf("read Avro of topic %s: %w", topic, err)
	}
	in := newAvroInput(data[5:])
	value := t.read(in)
	if in.err != nil {
		return nil, nil, fmt.Errorf("read Avro of topic %s with schema %d: %w", topic, id, in.err)
	}
	return t.connect, value, nil
}

func (c *Avro) schemaOf(id int) (*avroType, error) {
	return c.written.get(id, func() (*avroType, int, error) {
		written, err := c.Registry.Schema(context.Background(), id)
		if err != nil {
			return nil, 0, fmt.Errorf("get schema %d from the registry: %w", id, err)
		}
		defined, bytes, err := c.resolve(written.References)
		if err != nil {
			return nil, 0, fmt.Errorf("schema %d: %w", id, err)
		}
		t, err := parseAvro(written.Text, defined...)
		if err != nil {
			return nil, 0, fmt.Errorf("schema %d: %w", id, err)
		}
		return t, bytes + len(written.Text), nil
	})
}

// parseAvro reads a schema's text. defined are the texts of schemas that define types which text,
// or a later one of them, only names.
func parseAvro(text string, defined ...string) (*avroType, error) {
	// All texts are read as the fields of one record, so that each type is known to everything after
	// its definition.
	type field struct {
		Name string          `json:"name"`
		Type json.RawMessage `json:"type"`
	}
	var fields []field
	for i, schema := range append(defined, text) {
		if !json.Valid([]byte(schema)) {
			return nil, fmt.Errorf("it is not JSON: %.100q", schema)
		}
		fields = append(fields, field{fmt.Sprintf("f%d", i), json.RawMessage(schema)})
	}
	together, err := json.Marshal(map[string]any{"type": "record", "name": "_together", "fields": fields})
	if err != nil {
		return nil, err
	}
	s, err := parseText(string(together))
	if err != nil {
		return nil, err
	}
	p := avroParser{named: map[string]*avroType{}}
	var last *avroType
	root := s.Root()
	for i := range root.Fields {
		if last, err = p.node(&root.Fields[i].Type, ""); err != nil {
			return nil, err
		}
	}
	return last, nil
}

// parseText parses a schema as Java's Avro does, which takes names of letters of all scripts, and
// namespaces of any form.
func parseText(text string) (*avro.Schema, error) {
	anyName := avro.WithLaxNames(func(string) error { return nil })
	s, err := avro.Parse(text, anyName)
	if err != nil {
		if lenient, changed := lenientDecimals([]byte(text)); changed {
			s, err = avro.Parse(string(lenient), anyName)
		}
	}
	if err != nil {
		return nil, fmt.Errorf("%.500s", err.Error())
	}
	return s, nil
}

// lenientDecimals renames the logical type of decimals with a precision or scale that Avro does not
// allow, which Java's Avro passes over and Confluent's converter reads and writes all the same
// (numeric(3,5)), so that they are properties like others.
func lenientDecimals(schema []byte) (_ []byte, changed bool) {
	dec := json.NewDecoder(bytes.NewReader(schema))
	dec.UseNumber()
	var tree any
	if dec.Decode(&tree) != nil {
		return nil, false
	}
	var walk func(any)
	walk = func(node any) {
		switch node := node.(type) {
		case []any:
			for _, item := range node {
				walk(item)
			}
		case map[string]any:
			for _, member := range node {
				walk(member)
			}
			if node["logicalType"] == "decimal" {
				precision, scale := whole(node["precision"]), whole(node["scale"])
				if precision <= 0 || scale < 0 || scale > precision {
					node["logicalType"], changed = "Decimal", true
				}
			}
		}
	}
	walk(tree)
	out, err := json.Marshal(tree)
	return out, changed && err == nil
}

func whole(number any) int64 {
	n, _ := number.(json.Number)
	v, _ := n.Int64()
	return v
}

// avroParser turns an Avro schema into a Connect schema and a reader.
type avroParser struct {
	// named holds the named types so far; nil marks those that are not complete yet.
	named map[string]*avroType
	depth int
	types int
}

// node reads one type. namespace is that of the enclosing record, which references may leave out.
func (p *avroParser) node(n *avro.SchemaNode, namespace string) (t *avroType, err error) {
	if p.depth++; p.depth > maxAvroDepth {
		return nil, fmt.Errorf("the schema nests deeper than %d levels", maxAvroDepth)
	}
	defer func() { p.depth-- }()
	before := p.types
	p.types++
	switch n.Type {
	case "record", "error":
		t, err = p.record(n)
	case "enum":
		t, err = p.enum(n)
	case "fixed":
		t, err = p.fixed(n)
	case "array":
		t, err = p.array(n, namespace)
	case "map":
		t, err = p.mapping(n, namespace)
	case "union":
		return p.union(n, namespace)
	default:
		if t = fromPrimitive(n); t == nil {
			return p.reference(n.Type, namespace)
		}
		t, err = annotated(n, t)
	}
	if err != nil {
		return nil, err
	}
	if p.types > maxAvroTypes {
		return nil, fmt.Errorf("the schema has more than %d types, counting each as often as it is used", maxAvroTypes)
	}
	t.types = p.types - before
	return t, nil
}

// reference finds the type that a name stands for. A type that contains itself has no form in
// Connect's JSON, nor in a table.
func (p *avroParser) reference(name, namespace string) (*avroType, error) {
	t, known := p.named[name]
	if !known && namespace != "" && !strings.Contains(name, ".") {
		t, known = p.named[namespace+"."+name]
	}
	switch {
	case !known:
		return nil, fmt.Errorf("an Avro schema of type %s cannot be read", name)
	case t == nil:
		return nil, fmt.Errorf("the type %s contains itself, and rows cannot", name)
	}
	if p.types += t.types - 1; p.types > maxAvroTypes {
		return nil, fmt.Errorf("the schema has more than %d types, counting each as often as it is used", maxAvroTypes)
	}
	return t, nil
}

func fullName(n *avro.SchemaNode) string {
	if n.Namespace == "" || strings.Contains(n.Name, ".") {
		return n.Name
	}
	return n.Namespace + "." + n.Name
}

func (p *avroParser) enum(n *avro.SchemaNode) (*avroType, error) {
	symbols := n.Symbols
	t := &avroType{connect: &Schema{Type: String, Name: fullName(n)}, read: func(in *avroInput) any {
		in.begin()
		i := in.int()
		if i < 0 || int(i) >= len(symbols) {
			in.fail(fmt.Errorf("an enum of %[2]d symbols has no number %[1]d", i, len(symbols)))
			return nil
		}
		return symbols[i]
	}}
	withConnectProperties(t.connect, n.Props)
	p.named[fullName(n)] = t
	return t, nil
}

func (p *avroParser) fixed(n *avro.SchemaNode) (*avroType, error) {
	size := int64(n.Size)
	t, err := annotated(n, &avroType{connect: &Schema{Type: Bytes}, read: func(in *avroInput) any {
		in.begin()
		return append([]byte{}, in.take(size)...)
	}})
	if err != nil {
		return nil, err
	}
	p.named[fullName(n)] = t
	return t, nil
}

func (p *avroParser) array(n *avro.SchemaNode, namespace string) (*avroType, error) {
	items, err := p.node(n.Items, namespace)
	if err != nil {
		return nil, err
	}
	t := &avroType{connect: ArrayOf(items.connect), read: func(in *avroInput) any {
		in.begin()
		out := []any{}
		in.blocks(func() { out = append(out, items.read(in)) })
		return out
	}}
	withConnectProperties(t.connect, n.Props)
	return t, nil
}

func (p *avroParser) mapping(n *avro.SchemaNode, namespace string) (*avroType, error) {
	values, err := p.node(n.Values, namespace)
	if err != nil {
		return nil, err
	}
	t := &avroType{connect: &Schema{Type: MapType, Keys: Of(String), Values: values.connect},
		read: func(in *avroInput) any {
			in.begin()
			out := Map{}
			in.blocks(func() {
				key := in.string()
				out = append(out, Entry{Key: key, Value: values.read(in)})
			})
			return out
		}}
	withConnectProperties(t.connect, n.Props)
	return t, nil
}

func (p *avroParser) record(n *avro.SchemaNode) (*avroType, error) {
	name := fullName(n)
	namespace := name[:max(0, strings.LastIndexByte(name, '.'))]
	t := &avroType{connect: &Schema{Type: Struct}}
	if !strings.HasPrefix(name, unnamedName) {
		t.connect.Name = name
	}
	withConnectProperties(t.connect, n.Props)
	p.named[name] = nil
	readers := make([]func(*avroInput) any, len(n.Fields))
	for i := range n.Fields {
		f := &n.Fields[i]
		ft, err := p.node(&f.Type, namespace)
		if err != nil {
			return nil, fmt.Errorf("field %s: %w", f.Name, err)
		}
		t.connect.Fields = append(t.connect.Fields, Field{Name: f.Name, Schema: ft.connect})
		readers[i] = ft.read
	}
	p.named[name] = t
	t.read = func(in *avroInput) any {
		if !in.begin() {
			return nil
		}
		out := NewStruct(t.connect)
		for i := range readers {
			if in.err != nil {
				return nil
			}
			out.Values[i] = readers[i](in)
		}
		return out
	}
	return t, nil
}

// union reads a union: null with one type is an optional value, any other union a struct that has a
// member for each type, as in Confluent's converter (AvroData, toConnectSchema).
func (p *avroParser) union(n *avro.SchemaNode, namespace string) (*avroType, error) {
	if len(n.Branches) == 2 && (n.Branches[0].Type == "null") != (n.Branches[1].Type == "null") {
		return p.optional(n, namespace)
	}
	before := p.types
	t := &avroType{connect: &Schema{Type: Struct, Name: "io.confluent.connect.avro.Union"}}
	readers := make([]func(*avroInput) any, len(n.Branches)) // nil for null
	at := make([]int, len(n.Branches))
	for i := range n.Branches {
		branch := &n.Branches[i]
		if branch.Type == "null" {
			t.connect.Optional = true
			continue
		}
		inner, err := p.node(branch, namespace)
		if err != nil {
			return nil, err
		}
		name := memberOf(branch)
		if slices.ContainsFunc(t.connect.Fields, func(f Field) bool { return f.Name == name }) {
			return nil, fmt.Errorf("a union has two types called %.200s", name)
		}
		at[i], readers[i] = len(t.connect.Fields), inner.read
		t.connect.Fields = append(t.connect.Fields, Field{Name: name, Schema: inner.connect.AsOptional(true)})
	}
	t.types = p.types - before
	t.read = func(in *avroInput) any {
		in.begin()
		branch := in.long()
		if branch < 0 || branch >= int64(len(readers)) {
			in.fail(fmt.Errorf("a union of %d types claims to hold number %d", len(readers), branch))
			return nil
		}
		if readers[branch] == nil {
			return nil
		}
		for range t.connect.Fields { // counted, since a null takes no bytes
			if !in.begin() {
				return nil
			}
		}
		field := at[branch]
		out := NewStruct(t.connect)
		out.Values[field] = asOf(t.connect.Fields[field].Schema, readers[branch](in))
		return out
	}
	return t, nil
}

// memberOf returns the name of a type's member in the struct of its union: records and enums go by
// their name without the namespace, all others by their type.
func memberOf(n *avro.SchemaNode) string {
	switch n.Type {
	case "record", "error", "enum":
		return n.Name[strings.LastIndexByte(n.Name, '.')+1:]
	case "array", "map", "fixed", "string", "bytes", "boolean", "int", "long", "float", "double":
		return n.Type
	}
	return n.Type[strings.LastIndexByte(n.Type, '.')+1:] // a reference
}

// asOf gives a struct value the schema s, which differs from its own only in being optional.
func asOf(s *Schema, value any) any {
	if st, ok := value.(*StructValue); ok {
		return &StructValue{Schema: s, Values: st.Values}
	}
	return value
}

// optional reads a union of null and one type.
func (p *avroParser) optional(n *avro.SchemaNode, namespace string) (*avroType, error) {
	some := 0
	if n.Branches[0].Type == "null" {
		some = 1
	}
	inner, err := p.node(&n.Branches[some], namespace)
	if err != nil {
		return nil, err
	}
	t := &avroType{connect: inner.connect.AsOptional(true), types: inner.types}
	t.read = func(in *avroInput) any {
		in.begin()
		switch branch := in.long(); branch {
		case int64(some):
		case int64(1 - some):
			return nil
		default:
			in.fail(fmt.Errorf("a union of two types claims to hold number %d", branch))
			return nil
		}
		return asOf(t.connect, inner.read(in))
	}
	return t, nil
}

// fromPrimitive returns the type of a primitive schema, nil for any other schema.
func fromPrimitive(n *avro.SchemaNode) *avroType {
	t := &avroType{}
	switch n.Type {
	case "string":
		t.connect, t.read = Of(String), func(in *avroInput) any { in.begin(); return in.string() }
	case "bytes":
		t.connect, t.read = Of(Bytes), func(in *avroInput) any { in.begin(); return in.bytes() }
	case "boolean":
		t.connect, t.read = Of(Boolean), func(in *avroInput) any { in.begin(); return in.boolean() }
	case "long":
		t.connect, t.read = Of(Int64), func(in *avroInput) any { in.begin(); return in.long() }
	case "float":
		t.connect, t.read = Of(Float32), func(in *avroInput) any { in.begin(); return in.float() }
	case "double":
		t.connect, t.read = Of(Float64), func(in *avroInput) any { in.begin(); return in.double() }
	case "int":
		fromInt(t, n.Props["connect.type"])
	default:
		return nil
	}
	return t
}

// fromInt makes t read an integer of a type that Avro lacks, and refuse numbers outside that type's
// range.
func fromInt(t *avroType, connectType any) {
	within := func(in *avroInput, low, high int32) int32 {
		in.begin()
		v := in.int()
		if v < low || v > high {
			in.fail(fmt.Errorf("the number %d is not between %d and %d", v, low, high))
		}
		return v
	}
	switch connectType {
	case "int8":
		t.connect, t.read = Of(Int8), func(in *avroInput) any { return int8(within(in, math.MinInt8, math.MaxInt8)) }
	case "int16":
		t.connect, t.read = Of(Int16), func(in *avroInput) any { return int16(within(in, math.MinInt16, math.MaxInt16)) }
	default:
		t.connect, t.read = Of(Int32), func(in *avroInput) any { in.begin(); return in.int() }
	}
}

// annotated adds to a type what its schema says beyond the plain type, above all its name in
// Connect. Avro's logical types have such a name too if Confluent's converter knows them (AvroData,
// toConnectSchema); others, such as microseconds, stay plain numbers.
func annotated(n *avro.SchemaNode, t *avroType) (*avroType, error) {
	withConnectProperties(t.connect, n.Props)
	if logical := logicalOf(n, t.connect); logical != "" {
		if t.connect.Name != "" && t.connect.Name != logical {
			return nil, fmt.Errorf("its logical type is %s, and its connect.name %.200s", logical, t.connect.Name)
		}
		t.connect.Name, t.connect.Version = logical, 1
	}
	if t.connect.Name == DecimalName && t.connect.Type == Bytes {
		t.read = decimalReader(t)
	}
	return t, nil
}

// logicalOf returns Connect's name for a type's logical type, empty if it has none, and adds a
// Decimal's parameters to s.
func logicalOf(n *avro.SchemaNode, s *Schema) string {
	switch logical := strings.ToLower(n.LogicalType); {
	case s.Type == Bytes && logical == "decimal":
		scale, precision := int64(n.Scale), int64(n.Precision)
		if n.LogicalType != logical { // the parser left them among the properties
			scale, _ = n.Props["scale"].(int64)
			precision, _ = n.Props["precision"].(int64)
		}
		if _, said := s.Param("scale"); !said {
			s.Params = slices.Insert(s.Params, 0, Param{"scale", strconv.FormatInt(scale, 10)})
		}
		if _, said := s.Param("connect.decimal.precision"); !said && precision != 0 && precision != defaultPrecision {
			s.Params = slices.Insert(s.Params, 1, Param{"connect.decimal.precision", strconv.FormatInt(precision, 10)})
		}
		return DecimalName
	case s.Type == Int32 && logical == "date":
		return DateName
	case s.Type == Int32 && logical == "time-millis":
		return TimeName
	case s.Type == Int64 && logical == "timestamp-millis":
		return TimestampName
	}
	return ""
}

// defaultPrecision is the precision of decimals whose source states none; it is not written as a
// parameter.
const defaultPrecision = 64

// decimalReader makes Decimals from bytes.
func decimalReader(t *avroType) func(*avroInput) any {
	text, _ := t.connect.Param("scale")
	scale, wrong := strconv.Atoi(text)
	bytes := t.read
	return func(in *avroInput) any {
		unscaled, _ := bytes(in).([]byte)
		if in.err != nil {
			return nil
		}
		d, err := DecimalOf(unscaled, scale)
		if err = errors.Join(wrong, err); err != nil {
			in.fail(fmt.Errorf("a decimal of scale %.20q: %w", text, err))
			return nil
		}
		return d
	}
}

// withConnectProperties reads back what connectProperties adds.
func withConnectProperties(s *Schema, props map[string]any) {
	if name, ok := props["connect.name"].(string); ok {
		s.Name = name
	}
	if doc, ok := props["connect.doc"].(string); ok {
		s.Doc = doc
	}
	switch n := props["connect.version"].(type) {
	case int64:
		s.Version = int(n)
	}
	params, _ := props["connect.parameters"].(map[string]any)
	for _, known := range []string{"scale", "connect.decimal.precision"} { // first, since the object's own order is lost
		if v, ok := params[known].(string); ok {
			s.Params = append(s.Params, Param{known, v})
			delete(params, known)
		}
	}
	for _, name := range slices.Sorted(maps.Keys(params)) {
		if text, ok := params[name].(string); ok {
			s.Params = append(s.Params, Param{name, text})
		}
	}
}
