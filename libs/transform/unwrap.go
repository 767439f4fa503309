package transform

import (
	"fmt"
	"strings"

	"github.com/calypso-cdc/calypso/libs/connector/catalogue"
	"github.com/calypso-cdc/calypso/libs/record"
)

// extractNewRecordState is io.debezium.transforms.ExtractNewRecordState: it replaces the envelope by the row.
type extractNewRecordState struct {
	handling      handling
	handlingGiven bool
	// earlier holds the keys of Debezium up to 2.4. They apply if one of them is set and handling is
	// not.
	earlier struct {
		handling
		deletesGiven, tombstonesGiven bool
	}
	routeByField                string
	fieldsPrefix, headersPrefix string
	fields                      []FieldReference
	headers                     []FieldReference
	orDefault                   bool
	dropHeader                  string
	dropFromKey                 bool
	keepSchema                  bool
	markedSchemas               schemaCache
	addedSchemas                map[addedKey]*record.Schema
}

// handling says what to do with deletes, and whether tombstones are passed on.
type handling struct {
	deletes    deleteMode
	tombstones bool
}

// deleteMode says what to do with a delete.
type deleteMode string

const (
	deleteDrop        deleteMode = "drop"
	deleteToNull      deleteMode = "tombstone"           // null with the row's schema
	deleteToTombstone deleteMode = "delete-to-tombstone" // null without schema
	deleteRewrite     deleteMode = "rewrite"             // the old row, marked
	deletePass        deleteMode = "none"                // Debezium 1.2's name of tombstone
)

const deletedField = "__deleted"

type addedKey struct {
	value, envelope *record.Schema
}

// handlings lists the values of delete.tombstone.handling.mode.
var handlings = []catalogue.Word[handling]{
	{Text: "drop", Means: handling{deletes: deleteDrop}},
	{Text: "tombstone", Means: handling{deletes: deleteToNull}},
	{Text: "rewrite", Means: handling{deletes: deleteRewrite}},
	{Text: "rewrite-with-tombstone", Means: handling{deletes: deleteRewrite, tombstones: true}},
	{Text: "delete-to-tombstone", Means: handling{deletes: deleteToTombstone}},
}

func newExtractNewRecordState() *extractNewRecordState {
	return &extractNewRecordState{markedSchemas: schemaCache{}, addedSchemas: map[addedKey]*record.Schema{}}
}

func (t *extractNewRecordState) keys() []catalogue.Key {
	return passed([]catalogue.Key{
		{Name: "delete.tombstone.handling.mode", Type: catalogue.String, Default: catalogue.Default("tombstone"),
			Importance: catalogue.Medium, Order: 1, Width: catalogue.Middle,
			DisplayName: "Handle delete and tombstone records",
			Into:        catalogue.Given(&t.handlingGiven, catalogue.OneOf(&t.handling, handlings...)),
			Doc:         "What a delete and the tombstone after it turn into. drop: nothing. tombstone: only the tombstone. rewrite: the old row with __deleted=true. rewrite-with-tombstone: that row and the tombstone. delete-to-tombstone: the delete becomes the only tombstone."},
		{Name: "route.by.field", Type: catalogue.String, Default: catalogue.Default(""), Importance: catalogue.Low,
			Order: 1, Width: catalogue.Wide, DisplayName: "Route by field name",
			Into: catalogue.Text(&t.routeByField),
			Doc:  "Field of the row whose value is the record's topic."},
		{Name: "add.fields.prefix", Type: catalogue.String, Default: catalogue.Default("__"),
			Importance: catalogue.Low, Order: 1, Width: catalogue.Short,
			DisplayName: "Field prefix to be added to each field.",
			Into:        catalogue.Text(&t.fieldsPrefix),
			Doc:         "Prefix of the fields of add.fields."},
		{Name: "add.fields", Type: catalogue.List, Default: catalogue.Default(""), Importance: catalogue.Low,
			Order: 1, Width: catalogue.Wide,
			DisplayName: "Adds the specified field(s) to the message if they exist.",
			Into:        catalogue.Read(&t.fields, parseReferences),
			Doc:         "Fields of the envelope to add to the row, separated by commas, such as op or source.ts_ms; they are named __op and __source_ts_ms, or by a name after a colon: op:operation."},
		{Name: "add.headers.prefix", Type: catalogue.String, Default: catalogue.Default("__"),
			Importance: catalogue.Low, Order: 1, Width: catalogue.Short,
			DisplayName: "Header prefix to be added to each header.",
			Into:        catalogue.Text(&t.headersPrefix),
			Doc:         "Prefix of the headers of add.headers."},
		{Name: "add.headers", Type: catalogue.List, Default: catalogue.Default(""), Importance: catalogue.Low,
			Order: 1, Width: catalogue.Wide, DisplayName: "Adds the specified fields to the header if they exist.",
			Into: catalogue.Read(&t.headers, parseReferences),
			Doc:  "Fields of the envelope to add as headers, written as in add.fields."},
		{Name: "drop.fields.header.name", Type: catalogue.String, Importance: catalogue.Low, Order: 1,
			Width:       catalogue.Short,
			DisplayName: "Specifies a header that contains a list of field names to be removed",
			Into:        catalogue.Text(&t.dropHeader),
			Doc:         "Header that lists fields to leave out of the row."},
		{Name: "drop.fields.from.key", Type: catalogue.Boolean, Default: catalogue.Default("false"),
			Importance: catalogue.Low, Order: 1, Width: catalogue.Short,
			DisplayName: "Specifies whether the fields to be dropped should also be omitted from the key",
			Into:        catalogue.Flag(&t.dropFromKey),
			Doc:         "Also leaves these fields out of the key."},
		{Name: "drop.fields.keep.schema.compatible", Type: catalogue.Boolean, Default: catalogue.Default("true"),
			Importance: catalogue.Low, Order: 1, Width: catalogue.Short,
			DisplayName: "Specifies if fields are dropped, will the event's schemas be compatible",
			Into:        catalogue.Flag(&t.keepSchema),
			Doc:         "true leaves out only optional fields, so that schemas stay compatible; false leaves out all of them."},
		{Name: "delete.handling.mode", Type: catalogue.String, Default: catalogue.Default("drop"), Hidden: true,
			Importance: catalogue.Low,
			Into: catalogue.Given(&t.earlier.deletesGiven,
				catalogue.Choice(&t.earlier.deletes, deleteDrop, deleteRewrite, deletePass)),
			Doc: "What to do with deletes, as before Debezium 2.5: drop, rewrite or none."},
		{Name: "drop.tombstones", Type: catalogue.Boolean, Default: catalogue.Default("true"), Hidden: true,
			Importance: catalogue.Low,
			Into:       catalogue.Given(&t.earlier.tombstonesGiven, catalogue.Unless(&t.earlier.tombstones)),
			Doc:        "Drops tombstones, as before Debezium 2.5."},
		{Name: "replace.null.with.default", Type: catalogue.Boolean, Default: catalogue.Default("true"),
			Hidden: true, Importance: catalogue.Low,
			Into: catalogue.Flag(&t.orDefault),
			Doc:  "Gives a null whose field has a default that default."},
	})
}

func (t *extractNewRecordState) finish(catalogue.Settings) error {
	if e := t.earlier; (e.deletesGiven || e.tombstonesGiven) && !t.handlingGiven {
		t.handling = e.handling
	}
	for i := range t.fields {
		t.fields[i].As = t.fieldsPrefix + t.fields[i].As
	}
	for i := range t.headers {
		t.headers[i].As = t.headersPrefix + t.headers[i].As
	}
	return nil
}

// FieldReference names a field of the envelope or of one of its blocks.
type FieldReference struct {
	// Block is source, transaction, before or after; empty for the envelope itself.
	Block string
	Field string
	// As is the name of the added field.
	As string
}

// parseReferences parses a list of references; the prefix is not added to their names yet.
func parseReferences(list string) ([]FieldReference, error) {
	var refs []FieldReference
	for _, text := range catalogue.Named(list) {
		path, as, renamed := strings.Cut(text, ":")
		block, name, qualified := strings.Cut(path, ".")
		name, _, _ = strings.Cut(name, ".") // the rest is ignored
		renamed, qualified = renamed && as != "", qualified && name != ""
		if !qualified {
			name = block
			switch name {
			case "id", "total_order", "data_collection_order":
				block = "transaction"
			case "op", "ts_ms", "ts_us", "ts_ns":
				block = ""
			default:
				block = "source"
			}
		}
		switch {
		case renamed && strings.Contains(as, ":"):
			return nil, fmt.Errorf("the field reference %q has more than one ':'", text)
		case renamed:
		case qualified:
			as = block + "_" + name
		default:
			as = name
		}
		refs = append(refs, FieldReference{Block: block, Field: name, As: as})
	}
	return refs, nil
}

// find returns the schema and value of the field that the reference names; a nil schema if the
// envelope has no such field.
func (f *FieldReference) find(envelope *record.StructValue) (*record.Schema, any) {
	if f.Block != "" {
		if i := envelope.Schema.Index(f.Block); i >= 0 {
			block := envelope.Schema.Fields[i].Schema
			if j := block.Index(f.Field); j >= 0 {
				v, _ := envelope.Values[i].(*record.StructValue)
				if v == nil {
					return block.Fields[j].Schema, nil
				}
				return block.Fields[j].Schema, v.Values[j]
			}
		}
	}
	if i := envelope.Schema.Index(f.Field); i >= 0 {
		return envelope.Schema.Fields[i].Schema, envelope.Values[i]
	}
	return nil, nil
}

// optionalBasics returns the schema of an added field: the original one, but optional and without
// default.
func optionalBasics(s *record.Schema) *record.Schema {
	c := *s
	c.Optional, c.Default = true, nil
	return &c
}

// isEnvelope reports whether the record is one of Debezium's change events.
func isEnvelope(r *record.Record) bool {
	return r.ValueSchema != nil && (strings.HasSuffix(r.ValueSchema.Name, ".Envelope") ||
		strings.HasSuffix(r.ValueSchema.Name, "_Envelope"))
}

func (t *extractNewRecordState) Apply(r *record.Record) (*record.Record, error) {
	if r.Value == nil {
		if !t.handling.tombstones {
			return nil, nil
		}
		for _, h := range t.headers {
			if h.Field == "op" {
				r.Headers = append(r.Headers, record.Header{Key: h.As, Schema: record.Of(record.String), Value: "d"})
			}
		}
		return r, nil
	}
	if !isEnvelope(r) {
		return r, nil
	}
	envelope, err := requireStruct(r.Value, "unwrap a change event")
	if err != nil {
		return nil, err
	}
	for i := range t.headers {
		if s, v := t.headers[i].find(envelope); s != nil {
			r.AddHeader(record.Header{Key: t.headers[i].As, Schema: optionalBasics(s), Value: v})
		}
	}
	after, before, err := rows(envelope)
	if err != nil {
		return nil, err
	}
	switch {
	case after == nil && before == nil: // truncate
		return nil, nil
	case after == nil:
		return t.deleted(r, envelope, before)
	}
	row := after
	if t.handling.deletes == deleteRewrite {
		var err error
		if row, err = t.mark(row, "false"); err != nil {
			return nil, err
		}
	}
	if r, err = t.route(r, row); err != nil {
		return nil, err
	}
	if row, err = t.add(row, envelope); err != nil {
		return nil, err
	}
	return t.unwrapped(r, row)
}

// rows returns the new and the old row of an envelope.
func rows(envelope *record.StructValue) (after, before *record.StructValue, err error) {
	for _, name := range []string{"after", "before"} {
		if envelope.Schema.Index(name) < 0 {
			return nil, nil, fmt.Errorf("unwrap a change event: its envelope has no field %s", name)
		}
	}
	after, _ = envelope.Get("after").(*record.StructValue)
	before, _ = envelope.Get("before").(*record.StructValue)
	return after, before, nil
}

// deleted turns a delete into what the configured mode says.
func (t *extractNewRecordState) deleted(r *record.Record, envelope,
	before *record.StructValue) (*record.Record, error) {
	if t.handling.deletes == deleteDrop {
		return nil, nil
	}
	routed, err := t.route(r, before)
	if err != nil {
		return nil, err
	}
	switch t.handling.deletes {
	case deleteToTombstone:
		return value.set(routed, nil, nil), nil
	case deleteToNull, deletePass:
		names, err := t.dropped(routed)
		if err != nil {
			return nil, err
		}
		if routed, err = t.dropFromKeyOf(routed, names); err != nil {
			return nil, err
		}
		s := envelope.Schema.Fields[envelope.Schema.Index("after")].Schema
		return value.set(routed, s, nil), nil
	}
	row, err := t.mark(before, "true")
	if err != nil {
		return nil, err
	}
	if row, err = t.add(row, envelope); err != nil {
		return nil, err
	}
	return t.unwrapped(routed, row)
}

func (t *extractNewRecordState) route(r *record.Record, row *record.StructValue) (*record.Record, error) {
	if t.routeByField == "" {
		return r, nil
	}
	i := row.Schema.Index(t.routeByField)
	if i < 0 || row.Schema.Fields[i].Schema.Type != record.String {
		return nil, fmt.Errorf("route by field %s: the row has no such field with text", t.routeByField)
	}
	topic, _ := row.Values[i].(string)
	if strings.TrimSpace(topic) == "" {
		return r, nil
	}
	c := *r
	c.Topic = topic
	return &c, nil
}

// mark adds the field __deleted.
func (t *extractNewRecordState) mark(row *record.StructValue, deleted string) (*record.StructValue, error) {
	if err := unused(row.Schema, deletedField); err != nil {
		return nil, err
	}
	s := t.markedSchemas.get(row.Schema, func() *record.Schema {
		m := basics(row.Schema, record.Struct)
		m.Fields = append(append([]record.Field(nil), row.Schema.Fields...),
			record.Field{Name: deletedField, Schema: record.OptionalOf(record.String)})
		return m
	})
	out := record.NewStruct(s)
	for i := range row.Values {
		out.Values[i] = field(row, i, t.orDefault)
	}
	out.Values[len(row.Values)] = deleted
	return out, nil
}

// add copies the row and adds the configured fields of the envelope.
func (t *extractNewRecordState) add(row, envelope *record.StructValue) (*record.StructValue, error) {
	key := addedKey{row.Schema, envelope.Schema}
	s := t.addedSchemas[key]
	if s == nil {
		if len(t.addedSchemas) >= cacheLimit {
			clear(t.addedSchemas)
		}
		s = basics(row.Schema, record.Struct)
		s.Fields = append([]record.Field(nil), row.Schema.Fields...)
		for i := range t.fields {
			if fs, _ := t.fields[i].find(envelope); fs != nil {
				if err := unused(s, t.fields[i].As); err != nil {
					return nil, fmt.Errorf("%w: give the added field another name (add.fields=%s:NAME), or set add.fields.prefix", err,
						t.fields[i].Field)
				}
				s.Fields = append(s.Fields, record.Field{Name: t.fields[i].As, Schema: optionalBasics(fs)})
			}
		}
		t.addedSchemas[key] = s
	}
	out := record.NewStruct(s)
	n := copy(out.Values, row.Values)
	for i := range t.fields {
		if fs, v := t.fields[i].find(envelope); fs != nil {
			out.Values[n] = v
			n++
		}
	}
	return out, nil
}

// unused fails if the schema already has a field of this name, as Kafka Connect does.
func unused(s *record.Schema, name string) error {
	if s.Index(name) >= 0 {
		return duplicate(name)
	}
	return nil
}

// unwrapped makes the row the record's value, without the fields that the record's header names.
func (t *extractNewRecordState) unwrapped(r *record.Record, row *record.StructValue) (*record.Record, error) {
	r = value.set(r, row.Schema, row)
	names, err := t.dropped(r)
	if err != nil || names == nil {
		return r, err
	}
	if r, err = t.dropFromKeyOf(r, names); err != nil {
		return nil, err
	}
	return t.dropFields(r, value, names)
}

// dropped returns the names of the fields to drop, from the record's header.
func (t *extractNewRecordState) dropped(r *record.Record) ([]any, error) {
	if t.dropHeader == "" {
		return nil, nil
	}
	h, _ := r.Header(t.dropHeader)
	names, isList := h.Value.([]any)
	if !isList && h.Value != nil {
		return nil, fmt.Errorf("drop fields: the header %s holds a %T, not a list of names", t.dropHeader, h.Value)
	}
	return names, nil
}

func (t *extractNewRecordState) dropFromKeyOf(r *record.Record, names []any) (*record.Record, error) {
	if !t.dropFromKey || r.Key == nil || len(names) == 0 {
		return r, nil
	}
	return t.dropFields(r, key, names)
}

func (t *extractNewRecordState) dropFields(r *record.Record, p part, names []any) (*record.Record, error) {
	s, _ := p.get(r)
	exclude := map[string]bool{}
	for _, n := range names {
		name := fmt.Sprint(n)
		if i := s.Index(name); !t.keepSchema || i >= 0 && s.Fields[i].Schema.Optional {
			exclude[name] = true
		}
	}
	if len(exclude) == 0 {
		return r, nil
	}
	return (&replaceField{on: p, exclude: exclude, orDefault: true, schemas: schemaCache{}}).Apply(r)
}
