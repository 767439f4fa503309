package transform

import (
	"fmt"
	"slices"
	"strings"

	"github.com/calypso-cdc/calypso/libs/connector/catalogue"
	"github.com/calypso-cdc/calypso/libs/javaregex"
	"github.com/calypso-cdc/calypso/libs/record"
)

// eventRouter is io.debezium.transforms.outbox.EventRouter: it turns the rows of an outbox table
// into events.
type eventRouter struct {
	id, key, payload, timestamp, version, routeBy string
	additional                                    []additionalField
	missingIsError                                bool
	inEnvelope                                    bool // some additional field goes next to the payload
	expandJSON                                    bool
	nullsAsBytes                                  bool
	tombstoneOnEmpty                              bool
	failOnUpdate                                  bool
	topic                                         renaming

	// As in Debezium, a value schema is made once for each payload schema or, with a version column,
	// for each version. Events that share it also share its name, which comes from the topic of the
	// first of them.
	byPayload map[string]*record.Schema
	byVersion map[int32]*record.Schema
}

// additionalField is a column that goes along with the payload.
type additionalField struct {
	column    string
	placement string // header, envelope or partition
	as        string
}

func newEventRouter() *eventRouter {
	return &eventRouter{byPayload: map[string]*record.Schema{}, byVersion: map[int32]*record.Schema{}}
}

// The groups in which configuration forms show the keys.
const (
	groupTable  = "Table"
	groupRouter = "Router"
)

func (t *eventRouter) keys() []catalogue.Key {
	return slices.Concat(passed([]catalogue.Key{
		{Name: "table.field.event.id", Type: catalogue.String, Default: catalogue.Default("id"),
			Importance: catalogue.Low, Group: groupTable, Order: 1, Width: catalogue.Middle,
			DisplayName: "Event ID Field",
			Into:        catalogue.Text(&t.id),
			Doc:         "Column of the outbox table with the event's id."},
		{Name: "table.field.event.key", Type: catalogue.String, Default: catalogue.Default("aggregateid"),
			Importance: catalogue.Low, Group: groupTable, Order: 2, Width: catalogue.Middle,
			DisplayName: "Event Key Field",
			Into:        catalogue.Text(&t.key),
			Doc:         "Column with the event's key."},
		{Name: "table.field.event.payload", Type: catalogue.String, Default: catalogue.Default("payload"),
			Importance: catalogue.Low, Group: groupTable, Order: 4, Width: catalogue.Middle,
			DisplayName: "Event Payload Field",
			Into:        catalogue.Text(&t.payload),
			Doc:         "Column with the event's payload."},
		{Name: "table.field.event.timestamp", Type: catalogue.String, Importance: catalogue.Medium,
			Group: groupTable, Order: 5, Width: catalogue.Middle, DisplayName: "Event Timestamp Field",
			Into: catalogue.Text(&t.timestamp),
			Doc:  "Column whose value is the record's timestamp; by default that is the time of processing."},
		{Name: "table.fields.additional.placement", Type: catalogue.List, Importance: catalogue.High,
			Group: groupTable, Order: 6, Width: catalogue.Middle,
			DisplayName: "Settings for each additional column in the outbox table",
			Into:        catalogue.Read(&t.additional, parsePlacements),
			Doc:         "Further columns and where they go, separated by commas: column:header, column:envelope or column:partition, with another name after a second colon."},
		{Name: "table.field.additional.missing", Type: catalogue.String, Default: catalogue.Default("error"),
			Importance: catalogue.Medium, Group: groupTable, Order: 7, Width: catalogue.Middle,
			DisplayName: "Behavior when an additional field is missing in the change data",
			Into:        catalogue.Read(&t.missingIsError, errorOrIgnore),
			Doc:         "What to do with a row that lacks one of these columns: error or ignore."},
		{Name: "table.field.event.schema.version", Type: catalogue.String, Importance: catalogue.Low,
			Group: groupTable, Order: 8, Width: catalogue.Middle, DisplayName: "Event Schema Version Field",
			Into: catalogue.Text(&t.version),
			Doc:  "Column with the version of the event's schema."},
		{Name: "table.op.invalid.behavior", Type: catalogue.String, Default: catalogue.Default("warn"),
			Importance: catalogue.Medium, Group: groupTable, Order: 9, Width: catalogue.Middle,
			DisplayName: "Behavior when capturing an unexpected outbox event",
			Into:        whether(&t.failOnUpdate, "fatal", "warn", "error", "fatal"),
			Doc:         "What to do with an update of the outbox table: warn and error skip it, fatal fails the task."},
		{Name: "table.expand.json.payload", Type: catalogue.Boolean, Default: catalogue.Default("false"),
			Importance: catalogue.Medium, Group: groupTable, Order: 10, Width: catalogue.Middle,
			DisplayName: "Expand Payload escaped string as real JSON",
			Into:        catalogue.Flag(&t.expandJSON),
			Doc:         "Turns a payload that is a JSON object into fields; any other payload is passed on as it is."},
		{Name: "table.json.payload.null.behavior", Type: catalogue.String, Default: catalogue.Default("ignore"),
			Importance: catalogue.Medium, Group: groupTable, Order: 11, Width: catalogue.Middle,
			DisplayName: "Behavior when json payload including null value",
			Into:        whether(&t.nullsAsBytes, "optional_bytes", "ignore", "optional_bytes"),
			Doc:         "What happens to a null in such JSON: ignore leaves its field out, optional_bytes keeps it."},
		{Name: "route.by.field", Type: catalogue.String, Default: catalogue.Default("aggregatetype"),
			Importance: catalogue.High, Group: groupRouter, Order: 1, Width: catalogue.Middle,
			DisplayName: "Field to route events by",
			Into:        catalogue.Text(&t.routeBy),
			Doc:         "Column whose value becomes part of the topic's name."},
	}), []catalogue.Key{ // the topic is made by Kafka Connect's RegexRouter
		{Name: "route.topic.regex", Type: catalogue.String, Default: catalogue.Default("(?<routedByValue>.*)"),
			Check: checkPattern, Importance: catalogue.Low, Group: groupRouter, Order: 2, Width: catalogue.Middle,
			DisplayName: "The name of the routed topic",
			Into:        catalogue.Read(&t.topic.pattern, javaregex.Compile),
			Doc:         "Regular expression for that value, with a group for route.topic.replacement."},
		{Name: "route.topic.replacement", SeenIn: catalogue.InTopics, Type: catalogue.String,
			Default: catalogue.Default("outbox.event.${routedByValue}"), Importance: catalogue.High,
			Group: groupRouter, Order: 3, Width: catalogue.Middle, DisplayName: "The name of the routed topic",
			Into: catalogue.Text(&t.topic.text),
			Doc:  "Name of the topic; ${routedByValue} stands for the value of route.by.field."},
	}, passed([]catalogue.Key{
		{Name: "route.tombstone.on.empty.payload", Type: catalogue.Boolean, Default: catalogue.Default("false"),
			Importance: catalogue.High, Group: groupRouter, Order: 4, Width: catalogue.Middle,
			DisplayName: "Empty payloads cause a tombstone message",
			Into:        catalogue.Flag(&t.tombstoneOnEmpty),
			Doc:         "Turns an event with an empty payload into a tombstone."},
	}))
}

func (t *eventRouter) finish(s catalogue.Settings) error {
	t.inEnvelope = slices.ContainsFunc(t.additional, func(f additionalField) bool { return f.placement == "envelope" })
	return t.topic.finish(s)
}

func errorOrIgnore(text string) (bool, error) {
	switch strings.ToLower(strings.TrimSpace(text)) {
	case "error":
		return true, nil
	case "ignore":
		return false, nil
	}
	return false, catalogue.Fault("it must be one of error, ignore")
}

func parsePlacements(list string) ([]additionalField, error) {
	var fields []additionalField
	for _, item := range catalogue.Named(list) {
		parts := strings.Split(item, ":")
		if len(parts) < 2 || len(parts) > 3 {
			return nil, catalogue.Fault("each item must be column:placement or column:placement:alias")
		}
		f := additionalField{column: strings.TrimSpace(parts[0]), placement: strings.ToLower(strings.TrimSpace(parts[1]))}
		if f.as = f.column; len(parts) == 3 {
			f.as = strings.TrimSpace(parts[2])
		}
		switch f.placement {
		case "envelope", "header", "partition":
		default:
			return nil, catalogue.Fault("the placement must be header, envelope or partition")
		}
		fields = append(fields, f)
	}
	return fields, nil
}

func (t *eventRouter) Apply(r *record.Record) (*record.Record, error) {
	if r.Value == nil {
		return nil, nil
	}
	if !isEnvelope(r) {
		return r, nil
	}
	envelope, err := requireStruct(r.Value, "route an outbox event")
	if err != nil {
		return nil, err
	}
	switch op, _ := envelope.Get("op").(string); op {
	case "d":
		return nil, nil
	case "u":
		if t.failOnUpdate {
			return nil, fmt.Errorf("an update of an outbox table is unexpected; rows are only inserted and deleted")
		}
		return nil, nil
	}
	row, err := requireStruct(envelope.Get("after"), "route an outbox event")
	if err != nil {
		return nil, err
	}
	return t.event(r, envelope, row)
}

// column returns the schema and value of a column; it is an error if the row has no such column.
func column(row *record.StructValue, name string) (*record.Schema, any, error) {
	i := row.Schema.Index(name)
	if i < 0 {
		return nil, nil, missingColumn(name)
	}
	return row.Schema.Fields[i].Schema, field(row, i, true), nil
}

func missingColumn(name string) error { return fmt.Errorf("the outbox table has no column %s", name) }

// event makes the event from a row.
func (t *eventRouter) event(r *record.Record, envelope, row *record.StructValue) (*record.Record, error) {
	out := *r
	out.Partition = -1
	idSchema, id, err := column(row, t.id)
	if err != nil {
		return nil, err
	}
	out.Headers = append(append([]record.Header(nil), r.Headers...), record.Header{Key: "id", Schema: idSchema, Value: id})
	payloadSchema, payload, err := column(row, t.payload)
	if err != nil {
		return nil, err
	}
	if text, ok := payload.(string); ok && t.expandJSON {
		payloadSchema, payload = t.expanded(payloadSchema, text)
	}
	i := row.Schema.Index(t.routeBy)
	if i < 0 {
		return nil, missingColumn(t.routeBy)
	}
	topic, ok := row.Values[i].(string)
	if !ok {
		return nil, fmt.Errorf("the column %s, by which events are routed, holds no text", t.routeBy)
	}
	if err := t.place(&out, row, payloadSchema, payload, topic); err != nil {
		return nil, err
	}
	if t.tombstoneOnEmpty && isEmptyPayload(payload) {
		out.ValueSchema, out.Value = nil, nil
	}
	out.KeySchema, out.Key = record.Of(record.String), nil
	if i = row.Schema.Index(t.key); i >= 0 {
		out.KeySchema, out.Key = row.Schema.Fields[i].Schema, field(row, i, true)
	}
	if out.Timestamp, err = t.time(envelope, row); err != nil {
		return nil, err
	}
	out.Topic, _, err = t.topic.of(topic)
	return &out, err
}

func isEmptyPayload(v any) bool {
	text, isText := v.(string)
	return v == nil || isText && strings.TrimSpace(text) == ""
}

// place puts the payload and the additional columns where they belong.
func (t *eventRouter) place(out *record.Record, row *record.StructValue, payloadSchema *record.Schema, payload any,
	topic string) error {
	fields := []record.Field{{Name: "payload", Schema: payloadSchema}}
	values := []any{payload}
	for _, f := range t.additional {
		fs, v, err := column(row, f.column)
		if err != nil {
			if t.missingIsError {
				return err
			}
			continue
		}
		switch f.placement {
		case "envelope":
			fields = append(fields, record.Field{Name: f.as, Schema: fs})
			values = append(values, v)
		case "header":
			out.Headers = append(out.Headers, record.Header{Key: f.as, Schema: fs, Value: v})
		case "partition":
			n, ok := v.(int32)
			if !ok {
				return fmt.Errorf("the column %s, which names the partition, must be an integer", f.column)
			}
			out.Partition = n
		}
	}
	if !t.inEnvelope {
		out.ValueSchema, out.Value = payloadSchema, payload
		return nil
	}
	made := &record.Schema{Type: record.Struct, Name: schemaNameFor(row.Schema.Name, topic), Fields: fields}
	s, err := t.valueSchema(row, made)
	if err != nil {
		return err
	}
	out.ValueSchema, out.Value = s, &record.StructValue{Schema: s, Values: values}
	return nil
}

// valueSchema returns the schema to use instead of made: the first one made for the same payload
// schema or version.
func (t *eventRouter) valueSchema(row *record.StructValue, made *record.Schema) (*record.Schema, error) {
	if t.version != "" {
		_, v, err := column(row, t.version)
		if err != nil {
			return nil, err
		}
		version, ok := v.(int32)
		if !ok {
			return nil, fmt.Errorf("the column %s, which holds the schema's version, must be an integer and not null", t.version)
		}
		if t.byVersion[version] == nil {
			made.Version = int(version)
			t.byVersion[version] = made
		}
		return t.byVersion[version], nil
	}
	text, err := schemaText(made.Fields[0].Schema)
	if err != nil {
		return nil, err
	}
	if len(t.byPayload) >= cacheLimit {
		clear(t.byPayload)
	}
	if t.byPayload[text] == nil {
		t.byPayload[text] = made
	}
	return t.byPayload[text], nil
}

// schemaText identifies a schema by its content.
func schemaText(s *record.Schema) (string, error) {
	text, err := (&record.JSON{}).AppendSchema(nil, s)
	return string(text), err
}

// schemaNameFor puts the routed name before the last part of the table's schema name.
func schemaNameFor(name, topic string) string {
	if name == "" {
		return topic
	}
	dot := strings.LastIndexByte(name, '.')
	return name[:dot+1] + topic + "." + name[dot+1:]
}

// time returns the event's time in milliseconds since the epoch: from a column of the row, or when
// the change was processed.
func (t *eventRouter) time(envelope, row *record.StructValue) (int64, error) {
	processed, _ := envelope.Get("ts_ms").(int64)
	if t.timestamp == "" {
		return processed, nil
	}
	s, v, err := column(row, t.timestamp)
	if err != nil {
		return 0, err
	}
	n, ok := v.(int64)
	unit := map[string]int64{"io.debezium.time.Timestamp": 1, "io.debezium.time.MicroTimestamp": 1e3,
		"io.debezium.time.NanoTimestamp": 1e6}[s.Name]
	switch {
	case unit != 0 && v == nil:
		return processed, nil
	case unit != 0:
		return n / unit, nil
	}
	return 0,
		fmt.Errorf(
			"the column %s, which holds the event's time, must be a timestamp without time zone (its schema is %q, a number: %t)", t.timestamp, s.Name, ok)
}

// expanded turns JSON text into a struct; text that is not a JSON object stays as it is.
func (t *eventRouter) expanded(s *record.Schema, text string) (*record.Schema, any) {
	if !strings.HasPrefix(text, "{") {
		return s, text
	}
	_, tree, err := (&record.JSON{}).Decode("", []byte(text))
	if err != nil {
		return s, text
	}
	inferred, err := t.infer(t.payload, tree)
	if err != nil {
		return s, text
	}
	return inferred, fit(inferred, tree)
}

// infer returns the schema of JSON; nil if it has none (null, an empty array).
func (t *eventRouter) infer(name string, tree any) (*record.Schema, error) {
	switch v := tree.(type) {
	case string:
		return record.OptionalOf(record.String), nil
	case bool:
		return record.OptionalOf(record.Boolean), nil
	case float64:
		return record.OptionalOf(record.Float64), nil
	case int64:
		if int64(int32(v)) == v {
			return record.OptionalOf(record.Int32), nil
		}
		return record.OptionalOf(record.Int64), nil
	case record.Map:
		s := &record.Schema{Type: record.Struct, Name: name, Optional: true}
		for _, e := range v {
			field, _ := e.Key.(string)
			if field == "" {
				return nil, fmt.Errorf("a member of %s has an empty name", name)
			}
			fs, err := t.infer(name+"."+field, e.Value)
			if err != nil {
				return nil, err
			}
			if fs != nil && s.Index(field) < 0 {
				s.Fields = append(s.Fields, record.Field{Name: field, Schema: fs})
			}
		}
		return s, nil
	case []any:
		return t.inferArray(name, v)
	case nil:
		if t.nullsAsBytes {
			return record.OptionalOf(record.Bytes), nil
		}
		return nil, nil
	}
	return nil, fmt.Errorf("%s holds a %T", name, tree)
}

// inferArray returns the schema of an array. Its elements must have the same type; the schemas of
// objects are merged.
func (t *eventRouter) inferArray(name string, items []any) (*record.Schema, error) {
	var of *record.Schema
	for _, item := range items {
		s, err := t.infer(name, item)
		switch {
		case err != nil:
			return nil, err
		case item == nil:
			continue
		case s == nil:
			return nil, fmt.Errorf("an element of array %s has no type", name)
		case of == nil:
			of = s
			continue
		}
		if of, err = merged(name, of, s); err != nil {
			return nil, err
		}
	}
	if of == nil {
		return nil, nil
	}
	return record.ArrayOf(of).AsOptional(true), nil
}

// merged returns a schema that fits the values of a and of b.
func merged(name string, a, b *record.Schema) (*record.Schema, error) {
	var err error
	switch {
	case a.Type != b.Type:
		return nil, fmt.Errorf("elements of array %s have different types", name)
	case a.Type == record.Array:
		m := *a
		m.Items, err = merged(name, a.Items, b.Items)
		return &m, err
	case a.Type != record.Struct || same(a, b):
		return a, nil
	}
	m := *a
	m.Optional = false // as in Debezium, which builds a merged schema without it
	m.Fields = append([]record.Field(nil), a.Fields...)
	for _, f := range b.Fields {
		if i := m.Index(f.Name); i < 0 {
			m.Fields = append(m.Fields, f)
		} else if m.Fields[i].Schema, err = merged(name+"."+f.Name, m.Fields[i].Schema, f.Schema); err != nil {
			return nil, err
		}
	}
	return &m, nil
}

// same reports whether two schemas are written as the same JSON.
func same(a, b *record.Schema) bool {
	one, err := schemaText(a)
	other, err2 := schemaText(b)
	return err == nil && err2 == nil && one == other
}

// fit turns a JSON tree into a value of the schema.
func fit(s *record.Schema, tree any) any {
	switch v := tree.(type) {
	case int64:
		if s.Type == record.Int32 {
			return int32(v)
		}
	case []any:
		for i := range v {
			v[i] = fit(s.Items, v[i])
		}
	case record.Map:
		st := record.NewStruct(s)
		for i, f := range s.Fields {
			st.Values[i] = fit(f.Schema, lookup(v, f.Name))
		}
		return st
	}
	return tree
}
