package record

// Type is a Kafka Connect schema type, spelled as JsonConverter does.
type Type string

const (
	Int8    Type = "int8"
	Int16   Type = "int16"
	Int32   Type = "int32"
	Int64   Type = "int64"
	Float32 Type = "float"
	Float64 Type = "double"
	Boolean Type = "boolean"
	String  Type = "string"
	Bytes   Type = "bytes"
	Array   Type = "array"
	MapType Type = "map"
	Struct  Type = "struct"
)

// Names of Kafka Connect's logical types.
const (
	DecimalName   = "org.apache.kafka.connect.data.Decimal"
	DateName      = "org.apache.kafka.connect.data.Date"
	TimeName      = "org.apache.kafka.connect.data.Time"
	TimestampName = "org.apache.kafka.connect.data.Timestamp"
)

// Param is one schema parameter. Parameters keep their order, which shows in JSON.
type Param struct{ Name, Value string }

// Field is one field of a struct schema.
type Field struct {
	Name   string
	Schema *Schema
}

// Schema is a Kafka Connect schema. It must not change once it is in use; AsOptional and
// WithDefault return changed copies.
//
// Values by type: int8, int16, int32 and int64, float32 and float64, bool, string, []byte, []any (arrays), Map, and
// *StructValue. nil is null. A Decimal's value is a Decimal; Connect's Date, Time and Timestamp keep the numbers of
// their encoding (days, milliseconds).
type Schema struct {
	Type     Type
	Optional bool
	Name     string
	// Version is 0 if the schema has none.
	Version int
	Doc     string
	Params  []Param
	// Default is nil if there is none.
	Default any

	Fields []Field // Struct
	Items  *Schema // Array
	Keys   *Schema // MapType
	Values *Schema // MapType
}

// Shared schemas without a name.
func Of(t Type) *Schema         { return &Schema{Type: t} }
func OptionalOf(t Type) *Schema { return &Schema{Type: t, Optional: true} }

// ArrayOf returns the schema of arrays of items.
func ArrayOf(items *Schema) *Schema { return &Schema{Type: Array, Items: items} }

// AsOptional returns the schema with the given optionality; s itself if that is unchanged.
func (s *Schema) AsOptional(optional bool) *Schema {
	if s.Optional == optional {
		return s
	}
	c := *s
	c.Optional = optional
	return &c
}

// WithDefault returns the schema with the given default.
func (s *Schema) WithDefault(value any) *Schema {
	c := *s
	c.Default = value
	return &c
}

// Param returns the value of a parameter, and false if the schema has no such parameter.
func (s *Schema) Param(name string) (string, bool) {
	for _, p := range s.Params {
		if p.Name == name {
			return p.Value, true
		}
	}
	return "", false
}

// Index returns the position of a field in a struct schema, -1 if it has no such field.
func (s *Schema) Index(field string) int {
	for i := range s.Fields {
		if s.Fields[i].Name == field {
			return i
		}
	}
	return -1
}

// StructValue is the value of a struct schema: Values[i] belongs to Schema.Fields[i].
type StructValue struct {
	Schema *Schema
	Values []any
}

// NewStruct returns a struct value whose fields are all null.
func NewStruct(s *Schema) *StructValue {
	return &StructValue{Schema: s, Values: make([]any, len(s.Fields))}
}

// Get returns the value of the named field, or its default if the value is null; nil if there is no
// such field.
func (v *StructValue) Get(field string) any {
	i := v.Schema.Index(field)
	if i < 0 {
		return nil
	}
	if v.Values[i] == nil {
		return v.Schema.Fields[i].Schema.Default
	}
	return v.Values[i]
}

// Map is the value of a map schema. It keeps its order.
type Map []Entry

// Entry is one entry of a Map.
type Entry struct{ Key, Value any }

// Header is one header of a Record.
type Header struct {
	Key    string
	Schema *Schema
	Value  any
}

// Record is one record before its conversion to bytes, or after the conversion from them. A nil
// schema with a nil key or value is Kafka's null; a nil schema with a value is a value without
// schema (a Map, slice, string, number or bool, as JSON without schemas is read).
type Record struct {
	Topic string
	// Partition is -1 to let the producer choose.
	Partition   int32
	KeySchema   *Schema
	Key         any
	ValueSchema *Schema
	Value       any
	Headers     []Header
	// Timestamp is in milliseconds since the Unix epoch; 0 if there is none yet.
	Timestamp int64
	// Offset is the record's offset where it was read from a topic, -1 otherwise.
	Offset int64
	// Tombstone is the record that follows a delete, as long as no transform has made another record
	// of the delete: in Debezium the two share one list of headers until then.
	Tombstone *Record
}

// AddHeader adds a header in place, and to the tombstone too, as Debezium's transforms do.
func (r *Record) AddHeader(h Header) {
	r.Headers = append(r.Headers, h)
	if r.Tombstone != nil {
		r.Tombstone.Headers = append(r.Tombstone.Headers, h)
	}
}

// Header returns the last header of that name.
func (r *Record) Header(key string) (Header, bool) {
	for i := len(r.Headers) - 1; i >= 0; i-- {
		if r.Headers[i].Key == key {
			return r.Headers[i], true
		}
	}
	return Header{}, false
}

// Converter turns keys or values into the bytes of a Kafka record, and back.
type Converter interface {
	// Encode appends the bytes of a value to dst. It returns nil for Kafka's null.
	Encode(dst []byte, topic string, s *Schema, value any) ([]byte, error)
	// Decode reads a value; nil data is Kafka's null.
	Decode(topic string, data []byte) (*Schema, any, error)
}
