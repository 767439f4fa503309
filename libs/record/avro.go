package record

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"sync"
)

// Avro is io.confluent.connect.avro.AvroConverter: Avro in Confluent's wire format (a zero byte,
// the schema's id in four, the value), with schemas in a registry under subjects. It is safe for
// concurrent use.
type Avro struct {
	// Registry keeps the schemas.
	Registry *Registry
	// Key is true for a converter of keys.
	Key bool
	// Schemas says whose schemas are written.
	Schemas AvroSchemas
	// Form is how they are made.
	Form AvroForm
	// KeepNull writes null as null also where its schema has a default, which stands in its place
	// otherwise (ignore.default.for.nullables).
	KeepNull bool
	// Subjects says how subjects are named; by topics if it is empty.
	Subjects SubjectNames

	mu      sync.Mutex
	ids     map[subjectSchema]int
	written lookups[int, *avroType]
	// referenced are the schemas that others refer to, by subject and version.
	referenced lookups[Reference, WrittenSchema]
}

// AvroSchemas says which schema of a registry records are written with.
type AvroSchemas struct {
	// Lookup uses the schema that the registry has under the subject instead of registering one
	// (auto.register.schemas=false). The others but Normalize count only with it, as in Confluent's
	// converter, where those that come first here go before.
	Lookup bool
	// ID is the schema of all records (use.schema.id); none if it is not positive.
	ID int
	// Latest is the subject's latest version (use.latest.version=true), and not the one with the same text.
	Latest bool
	// Normalize has the registry compare schemas without regard to the order of what has none
	// (normalize.schemas=true).
	Normalize bool
}

type subjectSchema struct {
	subject string
	schema  *Schema
}

const avroMagic = 0

// SubjectNames is how the subjects are named under which a registry keeps schemas: the class of
// Confluent's converters that does it (key.subject.name.strategy, value.subject.name.strategy).
type SubjectNames string

const (
	// ByTopic is <topic>-key and <topic>-value.
	ByTopic SubjectNames = "io.confluent.kafka.serializers.subject.TopicNameStrategy"
	// ByRecord is the full name of the record's schema.
	ByRecord SubjectNames = "io.confluent.kafka.serializers.subject.RecordNameStrategy"
	// ByTopicAndRecord is <topic>-<full name of the record's schema>.
	ByTopicAndRecord SubjectNames = "io.confluent.kafka.serializers.subject.TopicRecordNameStrategy"
)

// subject names the subject of a schema. Names of records need a record: a schema that is optional is
// a union in Avro, which has no name, so that Confluent's strategies refuse it.
func (c *Avro) subject(topic string, s *Schema) (string, error) {
	what := "value"
	if c.Key {
		what = "key"
	}
	if c.Subjects == "" || c.Subjects == ByTopic {
		return topic + "-" + what, nil
	}
	if s.Type != Struct || s.Optional {
		return "", fmt.Errorf("name the subject of topic %s: %s.subject.name.strategy=%s takes records only, and the %s's "+
			"schema is %s: use %s", topic, what, c.Subjects, what, describe(s), ByTopic)
	}
	name := c.Form.fullName(s.Name)
	if name == "" {
		name = unnamedName
	}
	if c.Subjects == ByTopicAndRecord {
		name = topic + "-" + name
	}
	return name, nil
}

// Encode appends the id of the schema, which it registers when it first sees it, and the value. A
// nil value gives nil.
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
	return c.AppendValue(dst, s, value)
}

// AppendHeader appends the bytes that precede each value of a schema, which it registers when it
// first sees it.
func (c *Avro) AppendHeader(dst []byte, topic string, s *Schema) ([]byte, error) {
	subject, err := c.subject(topic, s)
	if err != nil {
		return dst, err
	}
	id, err := c.id(subject, s)
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
	text, err := c.Form.schema(s)
	if err != nil {
		return 0, err
	}
	if id, err = c.chosen(subject, text); err != nil {
		return 0, err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.ids == nil || len(c.ids) > maxSchemas {
		c.ids = map[subjectSchema]int{}
	}
	c.ids[key] = id
	return id, nil
}

// chosen returns the id of the schema that records with a schema's text are written with.
func (c *Avro) chosen(subject, text string) (int, error) {
	ctx := context.Background()
	var (
		id   int
		kept WrittenSchema
		err  error
	)
	switch {
	case !c.Schemas.Lookup:
		if id, err = c.Registry.Register(ctx, subject, text, c.Schemas.Normalize); err != nil {
			return 0, fmt.Errorf("register the schema of %s: %w", subject, err)
		}
		return id, nil
	case c.Schemas.ID > 0:
		id = c.Schemas.ID
		if kept, err = c.Registry.Schema(ctx, id); err != nil {
			return 0, fmt.Errorf("get schema %d, which use.schema.id names, from the registry: %w", id, err)
		}
	case c.Schemas.Latest:
		if id, kept, err = c.Registry.Latest(ctx, subject); err != nil {
			return 0, fmt.Errorf("get the latest schema of %s from the registry, as use.latest.version says: %w", subject, err)
		}
	default:
		if id, err = c.Registry.Registered(ctx, subject, text, c.Schemas.Normalize); err != nil {
			return 0, fmt.Errorf("find the schema of %s in the registry (auto.register.schemas=false): %w", subject, err)
		}
		return id, nil
	}
	if err := sameLayout(kept, text); err != nil {
		return 0, fmt.Errorf("write records of %s with the registry's schema %d: %w", subject, id, err)
	}
	return id, nil
}

// sameLayout returns an error unless records written with a schema can be read with one that a registry
// keeps, which may say more about them: documentation, defaults, logical types. Where the fields differ,
// Confluent's converter writes them by their positions, one in another's place.
func sameLayout(kept WrittenSchema, text string) error {
	if len(kept.References) > 0 {
		return fmt.Errorf("it refers to other schemas, such as %s, with which nothing is written: "+
			"register one that has all types in its text", kept.References[0])
	}
	have, err := parsingForm(kept.Text)
	if err != nil {
		return err
	}
	want, err := parsingForm(text)
	if err != nil {
		return err
	}
	if have != want {
		return fmt.Errorf("it has other fields, types or names than the records: register a version that has theirs, "+
			"or set auto.register.schemas=true; it is %.2000s, and theirs %.2000s", have, want)
	}
	return nil
}

// parsingForm is Avro's parsing canonical form, which has only what the bytes of values depend on.
func parsingForm(text string) (string, error) {
	s, err := parseText(text)
	if err != nil {
		return "", err
	}
	return string(s.Canonical()), nil
}

// maxSchemas is how many schemas a converter remembers (schemas.cache.size in Kafka Connect), and
// maxSchemaBytes the limit of their texts together: both are bounded because whoever writes the
// records also chooses the schemas.
const (
	maxSchemas     = 1000
	maxSchemaBytes = 16 << 20
)

// AppendValue appends a value in Avro's binary encoding.
func (c *Avro) AppendValue(dst []byte, s *Schema, value any) ([]byte, error) {
	if value == nil && (!c.KeepNull || !s.Optional) {
		value = s.Default
	}
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
		return dst, fmt.Errorf("write Avro: null for %s, which is required", describe(s))
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
			return c.AppendValue(dst, s.Items, v[i])
		})
	case Map:
		return appendAvroBlocks(dst, len(v), func(dst []byte, i int) ([]byte, error) {
			dst, err := c.AppendValue(dst, s.Keys, v[i].Key)
			if err != nil {
				return dst, err
			}
			return c.AppendValue(dst, s.Values, v[i].Value)
		})
	case *StructValue:
		for i := range s.Fields {
			var err error
			if dst, err = c.AppendValue(dst, s.Fields[i].Schema, v.Values[i]); err != nil {
				return dst, fmt.Errorf("field %s: %w", s.Fields[i].Name, err)
			}
		}
		return dst, nil
	}
	return dst, fmt.Errorf("write a value of Go type %T as Avro: no schema type fits it", value)
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
