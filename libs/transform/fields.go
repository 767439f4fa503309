package transform

import (
	"fmt"
	"strings"

	"github.com/calypso-cdc/calypso/libs/record"
)

// insertField is InsertField: fields with the record's topic, partition, offset, time or a fixed text.
type insertField struct {
	on                                          part
	topic, partition, offset, timestamp, static *newField
	staticValue                                 string
	orDefault                                   bool
	schemas                                     schemaCache
}

type newField struct {
	name     string
	optional bool
}

func newInsertField(o *options, on part) (Transform, error) {
	fieldOf := func(option string) *newField {
		text := o.text(option, "")
		if text == "" {
			return nil
		}
		if name, required := strings.CutSuffix(text, "!"); required {
			return &newField{name: name}
		}
		return &newField{name: strings.TrimSuffix(text, "?"), optional: true}
	}
	t := &insertField{on: on, topic: fieldOf("topic.field"), partition: fieldOf("partition.field"), offset: fieldOf("offset.field"),
		timestamp: fieldOf("timestamp.field"), static: fieldOf("static.field"), staticValue: o.text("static.value", ""),
		orDefault: o.flag("replace.null.with.default", true), schemas: schemaCache{}}
	if t.topic == nil && t.partition == nil && t.offset == nil && t.timestamp == nil && t.static == nil {
		return nil, fmt.Errorf("no field to insert is configured")
	}
	if t.static != nil && !o.has("static.value") {
		o.fail("static.value", "it is required with static.field")
	}
	return t, o.err
}

// inserted lists the fields to add with their values for a record; a nil value leaves the field null.
func (t *insertField) inserted(r *record.Record) (fields []record.Field, values []any) {
	add := func(f *newField, s *record.Schema, v any) {
		if f != nil {
			fields = append(fields, record.Field{Name: f.name, Schema: s.AsOptional(f.optional)})
			values = append(values, v)
		}
	}
	var partition, at any
	if r.Partition >= 0 {
		partition = r.Partition
	}
	if r.Timestamp != 0 {
		at = r.Timestamp
	}
	add(t.topic, record.Of(record.String), r.Topic)
	add(t.partition, record.Of(record.Int32), partition)
	add(t.offset, record.Of(record.Int64), r.Offset)
	add(t.timestamp, &record.Schema{Type: record.Int64, Name: record.TimestampName, Version: 1}, at)
	add(t.static, record.Of(record.String), t.staticValue)
	return fields, values
}

func (t *insertField) Apply(r *record.Record) (*record.Record, error) {
	s, v := t.on.get(r)
	if v == nil {
		return r, nil
	}
	fields, values := t.inserted(r)
	if s == nil {
		m, err := requireMap(v, "insert fields")
		if err != nil {
			return nil, err
		}
		for i, f := range fields {
			if values[i] != nil {
				m = put(m, f.Name, values[i])
			}
		}
		return t.on.set(r, nil, m), nil
	}
	old, err := requireStruct(v, "insert fields")
	if err != nil {
		return nil, err
	}
	derived := t.schemas.get(old.Schema, func() *record.Schema {
		d := basics(old.Schema, record.Struct)
		d.Fields = append(append([]record.Field(nil), old.Schema.Fields...), fields...)
		return d
	})
	out := record.NewStruct(derived)
	for i := range old.Values {
		out.Values[i] = field(old, i, t.orDefault)
	}
	copy(out.Values[len(old.Values):], values)
	return t.on.set(r, derived, out), nil
}

// replaceField is ReplaceField: it leaves out, keeps and renames fields.
type replaceField struct {
	on               part
	include, exclude map[string]bool
	renames          map[string]string
	orDefault        bool
	schemas          schemaCache
}

func newReplaceField(o *options, on part) (Transform, error) {
	set := func(names ...string) map[string]bool {
		m := map[string]bool{}
		for _, n := range names {
			for _, f := range o.list(n) {
				m[f] = true
			}
		}
		return m
	}
	t := &replaceField{on: on, include: set("include", "whitelist"), exclude: set("exclude", "blacklist"), renames: map[string]string{},
		orDefault: o.flag("replace.null.with.default", true), schemas: schemaCache{}}
	for _, pair := range o.list("renames") {
		from, to, ok := strings.Cut(pair, ":")
		if !ok || strings.Contains(to, ":") {
			o.fail("renames", "each item must be old:new")
		}
		t.renames[from] = to
	}
	return t, o.err
}

func (t *replaceField) keeps(name string) bool {
	return !t.exclude[name] && (len(t.include) == 0 || t.include[name])
}

func (t *replaceField) renamed(name string) string {
	if to, ok := t.renames[name]; ok {
		return to
	}
	return name
}

func (t *replaceField) Apply(r *record.Record) (*record.Record, error) {
	s, v := t.on.get(r)
	if v == nil {
		return r, nil
	}
	if s == nil {
		m, err := requireMap(v, "replace fields")
		if err != nil {
			return nil, err
		}
		out := record.Map{}
		for _, e := range m {
			if name, _ := e.Key.(string); t.keeps(name) {
				out = append(out, record.Entry{Key: t.renamed(name), Value: e.Value})
			}
		}
		return t.on.set(r, nil, out), nil
	}
	old, err := requireStruct(v, "replace fields")
	if err != nil {
		return nil, err
	}
	derived := t.schemas.get(old.Schema, func() *record.Schema {
		d := basics(old.Schema, record.Struct)
		for _, f := range old.Schema.Fields {
			if t.keeps(f.Name) {
				d.Fields = append(d.Fields, record.Field{Name: t.renamed(f.Name), Schema: f.Schema})
			}
		}
		return d
	})
	out := record.NewStruct(derived)
	n := 0
	for i, f := range old.Schema.Fields {
		if t.keeps(f.Name) {
			out.Values[n] = field(old, i, t.orDefault)
			n++
		}
	}
	return t.on.set(r, derived, out), nil
}

// maskField is MaskField: the zero of its type, or a fixed text, instead of a field's value.
type maskField struct {
	on          part
	fields      map[string]bool
	replacement *string
	orDefault   bool
}

func newMaskField(o *options, on part) (Transform, error) {
	t := &maskField{on: on, fields: map[string]bool{}, orDefault: o.flag("replace.null.with.default", true)}
	o.required("fields")
	for _, f := range o.list("fields") {
		t.fields[f] = true
	}
	if o.has("replacement") {
		text := o.required("replacement")
		t.replacement = &text
	}
	return t, o.err
}

func (t *maskField) Apply(r *record.Record) (*record.Record, error) {
	s, v := t.on.get(r)
	if s == nil {
		m, err := requireMap(v, "mask fields")
		if err != nil {
			return nil, err
		}
		for i, e := range m {
			if name, _ := e.Key.(string); t.fields[name] {
				masked, err := t.masked(e.Value)
				if err != nil {
					return nil, fmt.Errorf("mask field %s: %w", name, err)
				}
				m[i].Value = masked
			}
		}
		return r, nil
	}
	old, err := requireStruct(v, "mask fields")
	if err != nil {
		return nil, err
	}
	out := record.NewStruct(old.Schema)
	for i, f := range old.Schema.Fields {
		if out.Values[i] = field(old, i, t.orDefault); t.fields[f.Name] {
			if out.Values[i], err = t.masked(out.Values[i]); err != nil {
				return nil, fmt.Errorf("mask field %s: %w", f.Name, err)
			}
		}
	}
	return t.on.set(r, s, out), nil
}

func (t *maskField) masked(v any) (any, error) {
	if v == nil {
		return nil, nil
	}
	if t.replacement != nil {
		switch v.(type) {
		case string, int8, int16, int32, int64, float32, float64, record.Decimal:
			return castText(*t.replacement, v)
		}
		return nil, fmt.Errorf("a %T cannot have a replacement", v)
	}
	return zeroOf(v)
}

// valueToKey is ValueToKey: a key of fields of the value.
type valueToKey struct {
	fields    []string
	orDefault bool
	schemas   schemaCache
}

func newValueToKey(o *options) (Transform, error) {
	o.required("fields")
	return &valueToKey{fields: o.list("fields"), orDefault: o.flag("replace.null.with.default", true), schemas: schemaCache{}}, o.err
}

func (t *valueToKey) Apply(r *record.Record) (*record.Record, error) {
	if r.ValueSchema == nil {
		m, err := requireMap(r.Value, "copy fields to the key")
		if err != nil {
			return nil, err
		}
		k := record.Map{}
		for _, name := range t.fields {
			k = append(k, record.Entry{Key: name, Value: lookup(m, name)})
		}
		return key.set(r, nil, k), nil
	}
	v, err := requireStruct(r.Value, "copy fields to the key")
	if err != nil {
		return nil, err
	}
	for _, name := range t.fields {
		if v.Schema.Index(name) < 0 {
			return nil, fmt.Errorf("copy fields to the key: the value has no field %s", name)
		}
	}
	s := t.schemas.get(v.Schema, func() *record.Schema {
		d := &record.Schema{Type: record.Struct}
		for _, name := range t.fields {
			d.Fields = append(d.Fields, v.Schema.Fields[v.Schema.Index(name)])
		}
		return d
	})
	k := record.NewStruct(s)
	for i, name := range t.fields {
		k.Values[i] = field(v, v.Schema.Index(name), t.orDefault)
	}
	return key.set(r, s, k), nil
}

// hoistField is HoistField: the value as the only field of a struct.
type hoistField struct {
	on      part
	name    string
	schemas schemaCache
}

func newHoistField(o *options, on part) (Transform, error) {
	return &hoistField{on: on, name: o.required("field"), schemas: schemaCache{}}, o.err
}

func (t *hoistField) Apply(r *record.Record) (*record.Record, error) {
	s, v := t.on.get(r)
	if s == nil {
		return t.on.set(r, nil, record.Map{{Key: t.name, Value: v}}), nil
	}
	derived := t.schemas.get(s, func() *record.Schema {
		return &record.Schema{Type: record.Struct, Fields: []record.Field{{Name: t.name, Schema: s}}}
	})
	return t.on.set(r, derived, &record.StructValue{Schema: derived, Values: []any{v}}), nil
}

// extractField is ExtractField: one field instead of the struct that holds it. Its name may be a path (a.b) with
// field.syntax.version=V2.
type extractField struct {
	on        part
	path      []string
	orDefault bool
}

func newExtractField(o *options, on part) (Transform, error) {
	t := &extractField{on: on, path: []string{o.required("field")}, orDefault: o.flag("replace.null.with.default", true)}
	if strings.EqualFold(o.text("field.syntax.version", "V1"), "V2") {
		t.path = strings.Split(t.path[0], ".")
	}
	return t, o.err
}

func (t *extractField) Apply(r *record.Record) (*record.Record, error) {
	s, v := t.on.get(r)
	for _, name := range t.path {
		if s == nil {
			if v == nil {
				return r, nil
			}
			m, err := requireMap(v, "extract field "+name)
			if err != nil {
				return nil, err
			}
			v = lookup(m, name)
			continue
		}
		if s.Type != record.Struct || s.Index(name) < 0 {
			return nil, fmt.Errorf("extract field: there is no field %s", name)
		}
		i := s.Index(name)
		if st, _ := v.(*record.StructValue); st != nil {
			v = field(st, i, t.orDefault)
		}
		s = s.Fields[i].Schema
	}
	return t.on.set(r, s, v), nil
}

// flatten is Flatten: the fields of nested structs as fields of the outermost, their names joined.
type flatten struct {
	on        part
	delimiter string
	schemas   schemaCache
}

func newFlatten(o *options, on part) (Transform, error) {
	return &flatten{on: on, delimiter: o.text("delimiter", "."), schemas: schemaCache{}}, o.err
}

func (t *flatten) Apply(r *record.Record) (*record.Record, error) {
	s, v := t.on.get(r)
	if v == nil {
		return r, nil
	}
	if s == nil {
		m, err := requireMap(v, "flatten")
		if err != nil {
			return nil, err
		}
		return t.on.set(r, nil, t.entries(nil, "", m)), nil
	}
	st, err := requireStruct(v, "flatten")
	if err != nil {
		return nil, err
	}
	derived := t.schemas.get(st.Schema, func() *record.Schema {
		d := basics(st.Schema, record.Struct)
		d.Fields = t.fields(nil, "", st.Schema, false)
		return d
	})
	return t.on.set(r, derived, &record.StructValue{Schema: derived, Values: t.values(nil, st.Schema, st)}), nil
}

func (t *flatten) join(prefix, name string) string {
	if prefix == "" {
		return name
	}
	return prefix + t.delimiter + name
}

func (t *flatten) entries(out record.Map, prefix string, m record.Map) record.Map {
	for _, e := range m {
		name, _ := e.Key.(string)
		if inner, ok := e.Value.(record.Map); ok {
			out = t.entries(out, t.join(prefix, name), inner)
		} else {
			out = append(out, record.Entry{Key: t.join(prefix, name), Value: e.Value})
		}
	}
	return out
}

func (t *flatten) fields(out []record.Field, prefix string, s *record.Schema, optional bool) []record.Field {
	for _, f := range s.Fields {
		if f.Schema.Type == record.Struct {
			out = t.fields(out, t.join(prefix, f.Name), f.Schema, optional || f.Schema.Optional)
			continue
		}
		out = append(out, record.Field{Name: t.join(prefix, f.Name), Schema: f.Schema.AsOptional(optional || f.Schema.Optional)})
	}
	return out
}

func (t *flatten) values(out []any, s *record.Schema, v *record.StructValue) []any {
	for i, f := range s.Fields {
		var inner any
		if v != nil {
			inner = field(v, i, true)
		}
		if f.Schema.Type == record.Struct {
			st, _ := inner.(*record.StructValue)
			out = t.values(out, f.Schema, st)
			continue
		}
		out = append(out, inner)
	}
	return out
}
