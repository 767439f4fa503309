package transform

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/calypso-cdc/calypso/libs/connector/catalogue"
	"github.com/calypso-cdc/calypso/libs/record"
)

// tombstoneHandler is Confluent's TombstoneHandler: it drops records without a value, or fails on
// them.
type tombstoneHandler struct{ fails bool }

func (t *tombstoneHandler) keys() []catalogue.Key {
	return []catalogue.Key{
		{Name: "behavior", Type: catalogue.String, Default: catalogue.Default("warn"),
			Importance: catalogue.Medium,
			Into:       whether(&t.fails, "fail", "warn", "ignore", "fail"),
			Doc:        "warn and ignore drop records without a value; fail makes the task fail on one."},
	}
}

func (t *tombstoneHandler) Apply(r *record.Record) (*record.Record, error) {
	switch {
	case r.Value != nil:
		return r, nil
	case t.fails:
		return nil, fmt.Errorf("the record has no value, which behavior=fail forbids")
	}
	return nil, nil
}

// drop is Confluent's Drop: it makes the key or value null.
type drop struct {
	on       part
	schema   droppedSchema
	optional schemaCache
}

// droppedSchema is what Drop does with the schema (schema.behavior).
type droppedSchema string

const (
	nullifySchema      droppedSchema = "nullify"
	retainSchema       droppedSchema = "retain"
	validateSchema     droppedSchema = "validate"
	makeSchemaOptional droppedSchema = "force_optional"
)

func (t *drop) keys() []catalogue.Key {
	return []catalogue.Key{
		{Name: "schema.behavior", Type: catalogue.String, Default: catalogue.Default("nullify"),
			Importance: catalogue.Medium,
			Into:       catalogue.Choice(&t.schema, nullifySchema, retainSchema, validateSchema, makeSchemaOptional),
			Doc:        "What happens to the schema: nullify removes it, retain keeps it, validate fails if it is not optional, force_optional makes it optional."},
	}
}

func (t *drop) Apply(r *record.Record) (*record.Record, error) {
	s, _ := t.on.get(r)
	switch {
	case t.schema == nullifySchema:
		s = nil
	case t.schema == validateSchema && s != nil && !s.Optional:
		return nil, fmt.Errorf("the schema is not optional, as schema.behavior=validate requires")
	case t.schema == makeSchemaOptional && s != nil && !s.Optional:
		s = t.optional.get(s, func() *record.Schema { return s.AsOptional(true) })
	}
	return t.on.set(r, s, nil), nil
}

// extractTopic is Confluent's ExtractTopic: it takes the topic's name from the record's key or
// value, the whole of it or a field.
type extractTopic struct {
	on    part
	field string // empty for the whole key or value
	plain bool
	skip  bool
}

func (t *extractTopic) keys() []catalogue.Key {
	return []catalogue.Key{
		{Name: "field", Type: catalogue.String, Default: catalogue.Default(""), Importance: catalogue.Medium,
			Into: catalogue.Text(&t.field),
			Doc:  "Field whose text names the topic; empty for the whole key or value."},
		{Name: "field.format", Type: catalogue.String, Default: catalogue.Default("PLAIN"),
			Allowed: []string{"PLAIN", "JSON_PATH"}, Importance: catalogue.Low,
			Into: catalogue.Read(&t.plain, plainOnly),
			Doc:  "PLAIN takes field as a name; JSON_PATH is not supported."},
		{Name: "skip.missing.or.null", Type: catalogue.Boolean, Default: catalogue.Default("false"),
			Importance: catalogue.Low,
			Into:       catalogue.Flag(&t.skip),
			Doc:        "Whether a record keeps its topic where what should name it is missing or null; otherwise the task fails there."},
	}
}

func plainOnly(format string) (bool, error) {
	if strings.EqualFold(strings.TrimSpace(format), "JSON_PATH") {
		return false, catalogue.Fault("JSON_PATH is not supported: name a field with PLAIN")
	}
	return true, nil
}

func (t *extractTopic) Apply(r *record.Record) (*record.Record, error) {
	s, v := t.on.get(r)
	switch {
	case t.field == "" || v == nil:
		return withTopic(r, v, t.skip)
	case s == nil:
		m, err := requireMap(v, "extract the topic")
		if err != nil {
			return nil, err
		}
		return withTopic(r, lookup(m, t.field), t.skip)
	}
	row, err := requireStruct(v, "extract the topic")
	if err != nil {
		return nil, err
	}
	var named any
	if i := row.Schema.Index(t.field); i >= 0 {
		named = field(row, i, true)
	}
	return withTopic(r, named, t.skip)
}

// headerTopic is Confluent's ExtractTopic$Header.
type headerTopic struct {
	header string
	skip   bool
}

func (t *headerTopic) keys() []catalogue.Key {
	return []catalogue.Key{
		{Name: "field", Type: catalogue.String, Required: true, Importance: catalogue.Medium,
			Into: catalogue.Text(&t.header),
			Doc:  "Header whose text names the topic."},
		{Name: "skip.missing.or.null", Type: catalogue.Boolean, Default: catalogue.Default("false"),
			Importance: catalogue.Low,
			Into:       catalogue.Flag(&t.skip),
			Doc:        "Whether a record keeps its topic where what should name it is missing or null; otherwise the task fails there."},
	}
}

func (t *headerTopic) Apply(r *record.Record) (*record.Record, error) {
	h, _ := r.Header(t.header)
	return withTopic(r, h.Value, t.skip)
}

// withTopic moves a record to the topic that found names. If found is no name, the record keeps its
// topic with skip, and fails otherwise.
func withTopic(r *record.Record, found any, skip bool) (*record.Record, error) {
	topic := ""
	switch v := found.(type) {
	case nil:
	case string:
		topic = v
	case bool:
		topic = strconv.FormatBool(v)
	case int8, int16, int32, int64, float32, float64:
		topic = fmt.Sprint(v)
	default:
		return nil, fmt.Errorf("extract the topic: a %T cannot be the name of a topic", found)
	}
	if strings.TrimSpace(topic) == "" {
		if skip {
			return r, nil
		}
		return nil,
			fmt.Errorf(
				"extract the topic: the value that should name it is missing, null or empty; set skip.missing.or.null to keep the topic in this case")
	}
	out := *r
	out.Topic = topic
	return &out, nil
}
