package record

import (
	"context"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"strconv"
	"strings"
	"sync"

	"github.com/twmb/avro"
)

// Avro is io.confluent.connect.avro.AvroConverter: Avro in Confluent's wire format (a zero byte,
// the schema's id in four, the value), with schemas in a registry under the subjects <topic>-key
// and <topic>-value. It is safe for concurrent use.
type Avro struct {
	// Registry keeps the schemas.
	Registry *Registry
	// Key says that the converter is for keys.
	Key bool
	// Lookup uses the schema that the registry has under the subject instead of registering one
	// (auto.register.schemas=false).
	Lookup bool

	mu      sync.Mutex
	ids     map[subjectSchema]int
	written lookups[int, *avroType]
	// referenced are the schemas that others refer to, by subject and version.
	referenced lookups[Reference, WrittenSchema]
}

type subjectSchema struct {
	subject string
	schema  *Schema
}

const avroMagic = 0

// subject is Confluent's TopicNameStrategy.
func (c *Avro) subject(topic string) string {
	if c.Key {
		return topic + "-key"
	}
	return topic + "-value"
}

// Encode appends the value with the id of its schema, which it registers when it first sees it.
func (c *Avro) Encode(dst []byte, topic string, s *Schema, value any) ([]byte, error) {
	if value == nil {
		return nil, nil
	}
	if s == nil {
		return dst, errors.New("write Avro: the value has no schema; a transform may have removed it")
	}
	dst, err := c.AppendHeader(dst, topic, s)
	if err != nil {
		return dst, err
	}
	return AppendAvro(dst, s, value)
}

// AppendHeader appends what stands before the values of a schema, which it registers when it first
// sees it.
func (c *Avro) AppendHeader(dst []byte, topic string, s *Schema) ([]byte, error) {
	id, err := c.id(c.subject(topic), s)
	if err != nil {
		return dst, err
	}
	return binary.BigEndian.AppendUint32(append(dst, avroMagic), uint32(id)), nil
}

// id returns the registry's id of a schema.
func (c *Avro) id(subject string, s *Schema) (int, error) {
	key := subjectSchema{subject, s}
	c.mu.Lock()
	id, known := c.ids[key]
	c.mu.Unlock()
	if known {
		return id, nil
	}
	text, err := AvroSchema(s)
	if err != nil {
		return 0, err
	}
	if c.Lookup {
		id, err = c.Registry.Registered(context.Background(), subject, text)
	} else {
		id, err = c.Registry.Register(context.Background(), subject, text)
	}
	if err != nil {
		return 0, fmt.Errorf("register the schema of %s: %w", subject, err)
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.ids == nil || len(c.ids) > maxSchemas {
		c.ids = map[subjectSchema]int{}
	}
	c.ids[key] = id
	return id, nil
}

// maxSchemas is how many schemas a converter remembers (schemas.cache.size of Kafka Connect), and
// maxSchemaBytes how many bytes their texts may have: whoever writes the records also writes their
// schemas.
const (
	maxSchemas     = 1000
	maxSchemaBytes = 16 << 20
)

// avroNamer names records, and refers to those that it has defined.
type avroNamer struct {
	defined   map[string]bool
	anonymous int
}

// AvroSchema returns the Avro schema of a Connect schema in JSON, with Confluent's connect.* properties.
func AvroSchema(s *Schema) (string, error) {
	n := avroNamer{defined: map[string]bool{}}
	tree, err := n.schema(s, true)
	if err != nil {
		return "", err
	}
	text, err := json.Marshal(tree)
	if err != nil {
		return "", err
	}
	if _, err := avro.Parse(string(text)); err != nil {
		return "",
			fmt.Errorf(
				"make an Avro schema: %w; set schema.name.adjustment.mode and field.name.adjustment.mode to avro if names are at fault", err)
	}
	return string(text), nil
}

// schema returns a tree for json.Marshal. outer is whether optionality makes a union here.
func (n *avroNamer) schema(s *Schema, outer bool) (any, error) {
	m := map[string]any{}
	var tree any = m
	switch s.Type {
	case Int8, Int16:
		m["type"], m["connect.type"] = "int", string(s.Type)
	case Int32:
		m["type"] = "int"
	case Int64:
		m["type"] = "long"
	case Float32, Float64, Boolean, String, Bytes:
		m["type"] = string(s.Type)
	case Array:
		items, err := n.schema(s.Items, true)
		if err != nil {
			return nil, err
		}
		m["type"], m["items"] = "array", items
	case MapType:
		if err := n.mapSchema(m, s); err != nil {
			return nil, err
		}
	case Struct:
		ref, err := n.record(m, s)
		if err != nil {
			return nil, err
		}
		if ref != "" {
			tree = ref
		}
	default:
		return nil, fmt.Errorf("make an Avro schema: unknown type %q", s.Type)
	}
	if tree, same := tree.(map[string]any); same {
		connectProperties(tree, s)
	}
	if !s.Optional || !outer {
		return tree, nil
	}
	if s.Default != nil {
		return []any{tree, "null"}, nil
	}
	return []any{"null", tree}, nil
}

// connectProperties notes what Avro has no word for.
func connectProperties(m map[string]any, s *Schema) {
	if s.Name != "" {
		m["connect.name"] = s.Name
	}
	if s.Version != 0 {
		m["connect.version"] = s.Version
	}
	if s.Doc != "" {
		m["connect.doc"] = s.Doc
	}
	if len(s.Params) > 0 {
		params := map[string]string{}
		for _, p := range s.Params {
			params[p.Name] = p.Value
		}
		m["connect.parameters"] = params
	}
	if s.Default != nil {
		if def, ok := avroDefault(s.Default); ok {
			m["connect.default"] = def
		}
	}
	switch s.Name {
	case DecimalName:
		scale, _ := s.Param("scale")
		precision, ok := s.Param("connect.decimal.precision")
		if !ok {
			precision = strconv.Itoa(defaultPrecision)
		}
		m["logicalType"], m["scale"], m["precision"] = "decimal", json.Number(scale), json.Number(precision)
	case DateName:
		m["logicalType"] = "date"
	case TimeName:
		m["logicalType"] = "time-millis"
	case TimestampName:
		m["logicalType"] = "timestamp-millis"
	}
}

func (n *avroNamer) mapSchema(m map[string]any, s *Schema) error {
	values, err := n.schema(s.Values, true)
	if err != nil {
		return err
	}
	if s.Keys.Type == String && !s.Keys.Optional {
		m["type"], m["values"] = "map", values
		return nil
	}
	keys, err := n.schema(s.Keys, true)
	if err != nil {
		return err
	}
	n.anonymous++
	m["type"], m["items"] = "array", map[string]any{"type": "record", "name": "MapEntry" + strconv.Itoa(n.anonymous),
		"namespace": "io.confluent.connect.avro", "connect.internal.type": "MapEntry",
		"fields": []any{map[string]any{"name": "key", "type": keys}, map[string]any{"name": "value", "type": values}}}
	return nil
}

// record fills m with a record, or returns the name of one that is defined already.
func (n *avroNamer) record(m map[string]any, s *Schema) (ref string, err error) {
	full := s.Name
	if full == "" {
		full = "io.confluent.connect.avro.ConnectDefault"
		if n.anonymous++; n.anonymous > 1 {
			full += strconv.Itoa(n.anonymous)
		}
	}
	if n.defined[full] {
		return full, nil
	}
	n.defined[full] = true
	m["type"], m["name"] = "record", full
	if dot := strings.LastIndexByte(full, '.'); dot >= 0 {
		m["namespace"], m["name"] = full[:dot], full[dot+1:]
	}
	fields := make([]any, len(s.Fields))
	for i, f := range s.Fields {
		t, err := n.schema(f.Schema, true)
		if err != nil {
			return "", err
		}
		field := map[string]any{"name": f.Name, "type": t}
		if def, ok := avroDefault(f.Schema.Default); ok {
			field["default"] = def
		} else if f.Schema.Optional && f.Schema.Default == nil {
			field["default"] = nil
		}
		fields[i] = field
	}
	m["fields"] = fields
	return "", nil
}

// avroDefault returns a default in Avro's JSON: bytes as a string of the characters with their codes. Defaults without
// such a form are left out.
func avroDefault(v any) (any, bool) {
	switch v := v.(type) {
	case bool, int8, int16, int32, int64, string:
		return v, true
	case float32:
		return v, !math.IsNaN(float64(v)) && !math.IsInf(float64(v), 0)
	case float64:
		return v, !math.IsNaN(v) && !math.IsInf(v, 0)
	case []byte:
		return latin1(v), true
	case Decimal:
		return latin1(v.Unscaled()), true
	}
	return nil, false
}

func latin1(b []byte) string {
	r := make([]rune, len(b))
	for i := range b {
		r[i] = rune(b[i])
	}
	return string(r)
}

// AppendAvro appends a value in Avro's binary encoding.
func AppendAvro(dst []byte, s *Schema, value any) ([]byte, error) {
	if s.Optional {
		if value == nil {
			if s.Default != nil { // the union is [type, null]
				return binary.AppendVarint(dst, 1), nil
			}
			return binary.AppendVarint(dst, 0), nil
		}
		branch := int64(1)
		if s.Default != nil {
			branch = 0
		}
		dst = binary.AppendVarint(dst, branch)
	} else if value == nil {
		if value = s.Default; value == nil {
			return dst, fmt.Errorf("write Avro: null for %s, which is required", describe(s))
		}
	}
	switch v := value.(type) {
	case bool:
		if v {
			return append(dst, 1), nil
		}
		return append(dst, 0), nil
	case int8:
		return binary.AppendVarint(dst, int64(v)), nil
	case int16:
		return binary.AppendVarint(dst, int64(v)), nil
	case int32:
		return binary.AppendVarint(dst, int64(v)), nil
	case int64:
		return binary.AppendVarint(dst, v), nil
	case float32:
		return binary.LittleEndian.AppendUint32(dst, math.Float32bits(v)), nil
	case float64:
		return binary.LittleEndian.AppendUint64(dst, math.Float64bits(v)), nil
	case string:
		return append(binary.AppendVarint(dst, int64(len(v))), v...), nil
	case []byte:
		return append(binary.AppendVarint(dst, int64(len(v))), v...), nil
	case Decimal:
		b := v.Unscaled()
		return append(binary.AppendVarint(dst, int64(len(b))), b...), nil
	case []any:
		return appendAvroBlocks(dst, len(v), func(dst []byte, i int) ([]byte, error) {
			return AppendAvro(dst, s.Items, v[i])
		})
	case Map:
		return appendAvroBlocks(dst, len(v), func(dst []byte, i int) ([]byte, error) {
			dst, err := AppendAvro(dst, s.Keys, v[i].Key)
			if err != nil {
				return dst, err
			}
			return AppendAvro(dst, s.Values, v[i].Value)
		})
	case *StructValue:
		for i := range s.Fields {
			var err error
			if dst, err = AppendAvro(dst, s.Fields[i].Schema, v.Values[i]); err != nil {
				return dst, fmt.Errorf("field %s: %w", s.Fields[i].Name, err)
			}
		}
		return dst, nil
	}
	return dst, fmt.Errorf("write a value of Go type %T as Avro: there is no schema type for it", value)
}

// appendAvroBlocks writes an array or map as one block.
func appendAvroBlocks(dst []byte, n int, item func([]byte, int) ([]byte, error)) ([]byte, error) {
	if n > 0 {
		dst = binary.AppendVarint(dst, int64(n))
		for i := range n {
			var err error
			if dst, err = item(dst, i); err != nil {
				return dst, err
			}
		}
	}
	return append(dst, 0), nil
}
