package transform

import (
	"strings"
	"time"

	"github.com/calypso-cdc/calypso/libs/connector/catalogue"
	"github.com/calypso-cdc/calypso/libs/javaregex"
	"github.com/calypso-cdc/calypso/libs/record"
)

// regexRouter is RegexRouter: it renames topics.
type regexRouter struct{ topic renaming }

func (t *regexRouter) keys() []catalogue.Key {
	return []catalogue.Key{
		{Name: "regex", Type: catalogue.String, Required: true, Check: checkPattern, Importance: catalogue.High,
			Into: catalogue.Read(&t.topic.pattern, javaregex.Compile),
			Doc:  "Regular expression that must match a topic's whole name for it to be changed."},
		{Name: "replacement", SeenIn: catalogue.InTopics, Type: catalogue.String, Required: true, Importance: catalogue.High,
			Into: catalogue.Text(&t.topic.text),
			Doc:  "The new name; $1 is the first group of regex."},
	}
}

func (t *regexRouter) finish(s catalogue.Settings) error { return t.topic.finish(s) }

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

func (t *timestampRouter) keys() []catalogue.Key {
	return []catalogue.Key{
		{Name: "topic.format", SeenIn: catalogue.InTopics, Type: catalogue.String, Default: catalogue.Default("${topic}-${timestamp}"),
			Importance: catalogue.High,
			Into:       catalogue.Text(&t.topic),
			Doc:        "New name of the topic; ${topic} and ${timestamp} stand for the old name and the time."},
		{Name: "timestamp.format", Type: catalogue.String, Default: catalogue.Default("yyyyMMdd"),
			Importance: catalogue.High,
			Into:       catalogue.Read(&t.format, parseFormat),
			Doc:        "Layout of that time, as a pattern of Java's SimpleDateFormat."},
	}
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

// logicalRouter is Debezium's ByLogicalTableRouter: it sends the events of several tables to one
// topic, and adds to their keys a field that names the table.
type logicalRouter struct {
	topic renaming
	// enforce is key.enforce.uniqueness: it adds the field keyField to keys.
	enforce  bool
	keyField string
	// keyName makes the value of keyField from the old topic's name, if it has a pattern; named is
	// true if its replacement is set.
	keyName   renaming
	named     bool
	adjust    record.Adjustment      // schema.name.adjustment.mode
	keyed     map[string]schemaCache // schemas of keys, by new topic
	envelopes map[string]schemaCache
}

// newLogicalRouter makes a router; keyField is the default name of its field in keys.
func newLogicalRouter(keyField string) *logicalRouter {
	return &logicalRouter{keyField: keyField, keyed: map[string]schemaCache{}, envelopes: map[string]schemaCache{}}
}

func (t *logicalRouter) keys() []catalogue.Key {
	return passed([]catalogue.Key{
		{Name: "topic.regex", Type: catalogue.String, Required: true, Check: checkPattern,
			Importance: catalogue.Low, Order: 1, Width: catalogue.Wide, DisplayName: "Topic regex",
			Into: catalogue.Read(&t.topic.pattern, javaregex.Compile),
			Doc:  "Regular expression that must match a topic's whole name for it to be changed; its groups are for topic.replacement."},
		{Name: "topic.replacement", SeenIn: catalogue.InTopics, Type: catalogue.String, Required: true,
			Check:      catalogue.NotEmpty,
			Importance: catalogue.Low, Order: 1, Width: catalogue.Wide, DisplayName: "Topic replacement",
			Into: catalogue.Text(&t.topic.text),
			Doc:  "New name of such a topic; $1 is the first group of topic.regex."},
		{Name: "key.enforce.uniqueness", Type: catalogue.Boolean, Default: catalogue.Default("true"),
			Importance: catalogue.Low, Order: 1, Width: catalogue.Short,
			DisplayName: "Add source topic name into key",
			Into:        catalogue.Flag(&t.enforce),
			Doc:         "Adds to each key a field that names the row's table, since keys of several tables that share a topic may be equal. false leaves keys as they are."},
		{Name: "key.field.regex", Type: catalogue.String, Check: checkAnyPattern, Importance: catalogue.Low, Order: 1,
			Width: catalogue.Wide, DisplayName: "Key field regex",
			Into: catalogue.Read(&t.keyName.pattern, anyPattern),
			Doc:  "Regular expression for the old topic's name, from which that field's value is made; by default the value is the whole name."},
		{Name: "key.field.replacement", Type: catalogue.String, Importance: catalogue.Low, Order: 1,
			Width: catalogue.Wide, DisplayName: "Key field replacement",
			Into: catalogue.Given(&t.named, catalogue.Text(&t.keyName.text)),
			Doc:  "Value of that field, with references to the groups of key.field.regex."},
		{Name: "key.field.name", Type: catalogue.String,
			Default: catalogue.Default(t.keyField), Importance: catalogue.Low,
			Into: catalogue.Text(&t.keyField),
			Doc:  "Name of the field that distinguishes the keys of several tables."},
		{Name: "schema.name.adjustment.mode", Type: catalogue.String, Default: catalogue.Default("none"),
			Importance: catalogue.Low,
			Into:       catalogue.Choice(&t.adjust, record.AdjustNone, record.AdjustAvro, record.AdjustAvroUnicode),
			Doc:        "How schema names are made valid: none, avro or avro_unicode."},
		{Name: "logical.table.cache.size", Type: catalogue.Int, Default: catalogue.Default("16"), Hidden: true,
			Importance:  catalogue.Low,
			Unsupported: "schemas are kept while they are in use.",
			Doc:         "Has no effect."},
	})
}

func (t *logicalRouter) finish(s catalogue.Settings) error {
	if err := t.topic.finish(s); err != nil {
		return err
	}
	switch {
	case t.enforce && t.keyField == "":
		return s.Refuse(&t.keyField, "String must be non-empty")
	case t.keyName.pattern == nil:
		return nil
	case !t.named:
		return s.Missing(&t.keyName.text)
	}
	return t.keyName.finish(s)
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
		s, err := cacheFor(t.keyed, topic).distinct(old.Schema,
			func() *record.Schema { return t.keySchema(old.Schema, topic) })
		if err != nil {
			return nil, err
		}
		k := record.NewStruct(s)
		n := copy(k.Values, old.Values)
		if t.enforce {
			id := r.Topic
			if t.keyName.pattern != nil {
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
	if t.enforce {
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

func (t *logicalRouter) name(name string) string { return t.adjust.SchemaName(name) }
