package transform

import (
	"fmt"
	"strings"

	"github.com/calypso-cdc/calypso/libs/record"
)

// extractNewRecordState is io.debezium.transforms.ExtractNewRecordState: it replaces the envelope by the row.
type extractNewRecordState struct {
	deletes       deleteMode
	tombstones    bool // pass tombstones on
	routeByField  string
	fields        []fieldReference
	headers       []fieldReference
	orDefault     bool
	dropHeader    string
	dropFromKey   bool
	keepSchema    bool
	markedSchemas schemaCache
	addedSchemas  map[addedKey]*record.Schema
}

// deleteMode is what becomes of a delete.
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

func newExtractNewRecordState(o *options) (Transform, error) {
	t := &extractNewRecordState{
		routeByField:  o.text("route.by.field", ""),
		orDefault:     o.flag("replace.null.with.default", true),
		dropHeader:    o.text("drop.fields.header.name", ""),
		dropFromKey:   o.flag("drop.fields.from.key", false),
		keepSchema:    o.flag("drop.fields.keep.schema.compatible", true),
		markedSchemas: schemaCache{},
		addedSchemas:  map[addedKey]*record.Schema{},
	}
	if old := o.has("delete.handling.mode") || o.has("drop.tombstones"); old && !o.has("delete.tombstone.handling.mode") {
		t.tombstones = !o.flag("drop.tombstones", true)
		t.deletes = deleteMode(o.choice("delete.handling.mode", string(deleteDrop), string(deleteRewrite),
			string(deletePass)))
	} else {
		switch mode := o.choice("delete.tombstone.handling.mode", "tombstone", "drop", "rewrite", "rewrite-with-tombstone",
			"delete-to-tombstone"); mode {
		case "rewrite-with-tombstone":
			t.deletes, t.tombstones = deleteRewrite, true
		default:
			t.deletes = deleteMode(mode)
		}
	}
	var err error
	if t.fields, err = parseReferences(o.list("add.fields"), o.text("add.fields.prefix", "__")); err != nil {
		return nil, err
	}
	t.headers, err = parseReferences(o.list("add.headers"), o.text("add.headers.prefix", "__"))
	return t, err
}

// fieldReference names a field of the envelope, or of one of its blocks.
type fieldReference struct {
	block string // source, transaction or empty
	field string
	as    string
}

func parseReferences(list []string, prefix string) ([]fieldReference, error) {
	var refs []fieldReference
	for _, text := range list {
		path, as, renamed := strings.Cut(text, ":")
		block, name, qualified := strings.Cut(path, ".")
		name, _, _ = strings.Cut(name, ".") // what follows is not looked at
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
		refs = append(refs, fieldReference{block: block, field: name, as: prefix + as})
	}
	return refs, nil
}

// find returns the schema and value of what the reference names; a nil schema if the envelope has no such field.
func (f *fieldReference) find(envelope *record.StructValue) (*record.Schema, any) {
	if f.block != "" {
		if i := envelope.Schema.Index(f.block); i >= 0 {
			block := envelope.Schema.Fields[i].Schema
			if j := block.Index(f.field); j >= 0 {
				v, _ := envelope.Values[i].(*record.StructValue)
				if v == nil {
					return block.Fields[j].Schema, nil
				}
				return block.Fields[j].Schema, v.Values[j]
			}
		}
	}
	if i := envelope.Schema.Index(f.field); i >= 0 {
		return envelope.Schema.Fields[i].Schema, envelope.Values[i]
	}
	return nil, nil
}

// optionalBasics is the schema of an added field: the original's, optional and without default.
func optionalBasics(s *record.Schema) *record.Schema {
	c := *s
	c.Optional, c.Default = true, nil
	return &c
}

// isEnvelope reports whether the record is a change event of Debezium's.
func isEnvelope(r *record.Record) bool {
	return r.ValueSchema != nil && (strings.HasSuffix(r.ValueSchema.Name, ".Envelope") ||
		strings.HasSuffix(r.ValueSchema.Name, "_Envelope"))
}

func (t *extractNewRecordState) Apply(r *record.Record) (*record.Record, error) {
	if r.Value == nil {
		if !t.tombstones {
			return nil, nil
		}
		for _, h := range t.headers {
			if h.field == "op" {
				r.Headers = append(r.Headers, record.Header{Key: h.as, Schema: record.Of(record.String), Value: "d"})
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
			r.AddHeader(record.Header{Key: t.headers[i].as, Schema: optionalBasics(s), Value: v})
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
	if t.deletes == deleteRewrite {
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
	return t.finish(r, row)
}

// rows are the new and the old row of an envelope.
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

// deleted turns a delete into what the mode says.
func (t *extractNewRecordState) deleted(r *record.Record, envelope,
	before *record.StructValue) (*record.Record, error) {
	if t.deletes == deleteDrop {
		return nil, nil
	}
	routed, err := t.route(r, before)
	if err != nil {
		return nil, err
	}
	switch t.deletes {
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
	return t.finish(routed, row)
}

func (t *extractNewRecordState) route(r *record.Record, row *record.StructValue) (*record.Record, error) {
	if t.routeByField == "" {
		return r, nil
	}
	i := row.Schema.Index(t.routeByField)
	if i < 0 || row.Schema.Fields[i].Schema.Type != record.String {
		return nil, fmt.Errorf("route by field %s: the row has no such text", t.routeByField)
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
				if err := unused(s, t.fields[i].as); err != nil {
					return nil, fmt.Errorf("%w: name the added field otherwise (add.fields=%s:NAME), or set add.fields.prefix", err,
						t.fields[i].field)
				}
				s.Fields = append(s.Fields, record.Field{Name: t.fields[i].as, Schema: optionalBasics(fs)})
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

// unused fails if the schema has a field of this name already, as Kafka Connect does.
func unused(s *record.Schema, name string) error {
	if s.Index(name) >= 0 {
		return duplicate(name)
	}
	return nil
}

// finish sets the row as the record's value and drops the fields that the record's header names.
func (t *extractNewRecordState) finish(r *record.Record, row *record.StructValue) (*record.Record, error) {
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

// dropped are the fields that the record's header names.
func (t *extractNewRecordState) dropped(r *record.Record) ([]any, error) {
	if t.dropHeader == "" {
		return nil, nil
	}
	h, _ := r.Header(t.dropHeader)
	names, isList := h.Value.([]any)
	if !isList && h.Value != nil {
		return nil, fmt.Errorf("drop fields: the header %s holds no list of their names but a %T", t.dropHeader, h.Value)
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
