package transform

import (
	"strings"
	"time"

	"github.com/calypso-cdc/calypso/libs/record"
)

// regexRouter is RegexRouter: it renames topics.
type regexRouter struct{ topic *renaming }

func newRegexRouter(o *options) (Transform, error) {
	return &regexRouter{o.renaming("regex", "", "replacement", o.required("replacement"))}, o.err
}

func (t *regexRouter) Apply(r *record.Record) (*record.Record, error) {
	name, ok, err := t.topic.of(r.Topic)
	if ok {
		r.Topic = name
	}
	return r, err
}

// timestampRouter is TimestampRouter: it puts the record's time into the topic's name.
type timestampRouter struct {
	topic  string
	format dateFormat
}

func newTimestampRouter(o *options) (Transform, error) {
	f, err := parseDateFormat(o.text("timestamp.format", "yyyyMMdd"))
	if err != nil {
		o.fail("timestamp.format", err.Error())
	}
	return &timestampRouter{topic: o.text("topic.format", "${topic}-${timestamp}"), format: f}, o.err
}

func (t *timestampRouter) Apply(r *record.Record) (*record.Record, error) {
	at := r.Timestamp
	if at == 0 {
		at = time.Now().UnixMilli()
	}
	text := t.format.format(time.UnixMilli(at).UTC())
	r.Topic = strings.NewReplacer("${topic}", r.Topic, "${timestamp}", text).Replace(t.topic)
	return r, nil
}

// logicalRouter is ByLogicalTableRouter: it sends the events of several tables to one topic, and
// tells their keys apart by a field that names the table.
type logicalRouter struct {
	topic     *renaming
	keyField  string // empty: keys are left as they are
	keyName   *renaming
	adjust    string                 // schema.name.adjustment.mode
	keys      map[string]schemaCache // by new topic
	envelopes map[string]schemaCache
}

func newLogicalRouter(o *options, keyField string) (Transform, error) {
	t := &logicalRouter{
		topic:     o.renaming("topic.regex", "", "topic.replacement", o.required("topic.replacement")),
		adjust:    o.choice("schema.name.adjustment.mode", "none", "avro", "avro_unicode"),
		keys:      map[string]schemaCache{},
		envelopes: map[string]schemaCache{},
	}
	if o.flag("key.enforce.uniqueness", true) {
		if t.keyField = o.text("key.field.name", keyField); t.keyField == "" {
			o.fail("key.field.name", "String must be non-empty")
		}
	}
	for _, name := range []string{"topic.regex", "topic.replacement"} {
		if o.has(name) && o.text(name, "") == "" {
			o.fail(name, "String must be non-empty")
		}
	}
	if strings.TrimSpace(o.text("key.field.regex", "")) != "" {
		t.keyName = o.renaming("key.field.regex", "", "key.field.replacement", o.required("key.field.replacement"))
	}
	return t, o.err
}

func (t *logicalRouter) Apply(r *record.Record) (*record.Record, error) {
	topic, ok, err := t.topic.of(r.Topic)
	if !ok || topic == "" {
		return r, err
	}
	out := *r
	out.Topic = topic
	if r.Key != nil {
		old, err := requireStruct(r.Key, "route to a logical table")
		if err != nil {
			return nil, err
		}
		s, err := cacheFor(t.keys, topic).distinct(old.Schema,
			func() *record.Schema { return t.keySchema(old.Schema, topic) })
		if err != nil {
			return nil, err
		}
		k := record.NewStruct(s)
		n := copy(k.Values, old.Values)
		if t.keyField != "" {
			id := r.Topic
			if t.keyName != nil {
				if id, _, err = t.keyName.of(r.Topic); err != nil {
					return nil, err
				}
			}
			k.Values[n] = id
		}
		out.KeySchema, out.Key = s, k
	}
	if r.Value == nil || !isEnvelope(r) {
		return &out, nil
	}
	old, err := requireStruct(r.Value, "route to a logical table")
	if err != nil {
		return nil, err
	}
	s := cacheFor(t.envelopes, topic).get(old.Schema, func() *record.Schema { return t.envelopeSchema(old.Schema, topic) })
	envelope := record.NewStruct(s)
	copy(envelope.Values, old.Values)
	for i, f := range s.Fields {
		if row, isRow := envelope.Values[i].(*record.StructValue); isRow && row != nil &&
			(f.Name == "before" || f.Name == "after") {
			envelope.Values[i] = &record.StructValue{Schema: f.Schema, Values: row.Values}
		}
	}
	out.ValueSchema, out.Value = s, envelope
	return &out, nil
}

func cacheFor(caches map[string]schemaCache, topic string) schemaCache {
	c := caches[topic]
	if c == nil {
		c = schemaCache{}
		caches[topic] = c
	}
	return c
}

func (t *logicalRouter) keySchema(old *record.Schema, topic string) *record.Schema {
	s := *old
	s.Name, s.Default = t.name(topic+".Key"), nil
	s.Fields = append([]record.Field(nil), old.Fields...)
	if t.keyField != "" {
		s.Fields = append(s.Fields, record.Field{Name: t.keyField, Schema: record.Of(record.String)})
	}
	return &s
}

func (t *logicalRouter) envelopeSchema(old *record.Schema, topic string) *record.Schema {
	row := *old.Fields[old.Index("before")].Schema
	row.Name = t.name(topic + ".Value")
	s := *old
	s.Name = t.name(topic + ".Envelope")
	s.Fields = append([]record.Field(nil), old.Fields...)
	for i, f := range s.Fields {
		if f.Name == "before" || f.Name == "after" {
			s.Fields[i].Schema = &row
		}
	}
	return &s
}

func (t *logicalRouter) name(name string) string { return record.Adjustment(t.adjust).SchemaName(name) }
