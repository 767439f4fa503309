package transform

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/calypso-cdc/calypso/libs/record"
)

// tombstoneHandler is Confluent's TombstoneHandler: it drops records without a value, or fails at them.
type tombstoneHandler struct{ fails bool }

func newTombstoneHandler(o *options) (Transform, error) {
	return &tombstoneHandler{o.choice("behavior", "warn", "ignore", "fail") == "fail"}, o.err
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
	schema   string
	optional schemaCache
}

func newDrop(o *options, on part) (Transform, error) {
	return &drop{on, o.choice("schema.behavior", "nullify", "retain", "validate", "force_optional"), schemaCache{}}, o.err
}

func (t *drop) Apply(r *record.Record) (*record.Record, error) {
	s, _ := t.on.get(r)
	switch {
	case t.schema == "nullify":
		s = nil
	case t.schema == "validate" && s != nil && !s.Optional:
		return nil, fmt.Errorf("the schema is not optional, which schema.behavior=validate demands")
	case t.schema == "force_optional" && s != nil && !s.Optional:
		s = t.optional.get(s, func() *record.Schema { return s.AsOptional(true) })
	}
	return t.on.set(r, s, nil), nil
}

// extractTopic is Confluent's ExtractTopic: it takes the topic's name from the record, from the
// whole key or value or a field of it.
type extractTopic struct {
	from func(*record.Record) (any, error)
	skip bool
}

func newExtractTopic(o *options, on part) (Transform, error) {
	name := o.text("field", "")
	if format := o.choice("field.format", "plain", "json_path"); format == "json_path" {
		o.fail("field.format", "JSON_PATH is not supported: name a field with PLAIN")
	}
	return &extractTopic{func(r *record.Record) (any, error) {
		s, v := on.get(r)
		switch {
		case name == "" || v == nil:
			return v, nil
		case s == nil:
			m, err := requireMap(v, "extract the topic")
			if err != nil {
				return nil, err
			}
			return lookup(m, name), nil
		}
		row, err := requireStruct(v, "extract the topic")
		if err != nil {
			return nil, err
		}
		if i := row.Schema.Index(name); i >= 0 {
			return field(row, i, true), nil
		}
		return nil, nil
	}, o.flag("skip.missing.or.null", false)}, o.err
}

func newHeaderTopic(o *options) (Transform, error) {
	name := o.required("field")
	return &extractTopic{func(r *record.Record) (any, error) {
		h, _ := r.Header(name)
		return h.Value, nil
	}, o.flag("skip.missing.or.null", false)}, o.err
}

func (t *extractTopic) Apply(r *record.Record) (*record.Record, error) {
	found, err := t.from(r)
	if err != nil {
		return nil, err
	}
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
		if t.skip {
			return r, nil
		}
		return nil,
			fmt.Errorf(
				"extract the topic: what should name it is missing, null or empty; set skip.missing.or.null to keep the topic then")
	}
	out := *r
	out.Topic = topic
	return &out, nil
}
