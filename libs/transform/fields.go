package transform

import (
	"cmp"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
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
	t := &insertField{on: on, topic: fieldOf("topic.field"), partition: fieldOf("partition.field"),
		offset:    fieldOf("offset.field"),
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
	derived, err := t.schemas.distinct(old.Schema, func() *record.Schema {
		d := basics(old.Schema, record.Struct)
		d.Fields = append(append([]record.Field(nil), old.Schema.Fields...), fields...)
		return d
	})
	if err != nil {
		return nil, err
	}
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
	// sources are the renames by their new names.
	sources   map[string]string
	orDefault bool
	schemas   schemaCache
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
	t := &replaceField{on: on, include: set("include", "whitelist"), exclude: set("exclude", "blacklist"),
		renames: map[string]string{}, sources: map[string]string{},
		orDefault: o.flag("replace.null.with.default", true), schemas: schemaCache{}}
	for _, pair := range o.list("renames") {
		from, to, ok := strings.Cut(pair, ":")
		if !ok || strings.Contains(to, ":") {
			o.fail("renames", "each item must be old:new")
		}
		t.renames[from], t.sources[to] = to, from
	}
	return t, o.err
}

// source is where the value of a field of s comes from that is kept. As in Kafka Connect one that
// has the new name of another has the value of that other, which must be there.
func (t *replaceField) source(s *record.Schema, i int) (int, error) {
	from, ok := t.sources[t.renamed(s.Fields[i].Name)]
	if !ok || from == s.Fields[i].Name {
		return i, nil
	}
	if i = s.Index(from); i < 0 {
		return 0, fmt.Errorf("there is no field %q to rename, and one that has its new name", from)
	}
	return i, nil
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
	derived, err := t.schemas.distinct(old.Schema, func() *record.Schema {
		d := basics(old.Schema, record.Struct)
		for _, f := range old.Schema.Fields {
			if t.keeps(f.Name) {
				d.Fields = append(d.Fields, record.Field{Name: t.renamed(f.Name), Schema: f.Schema})
			}
		}
		return d
	})
	if err != nil {
		return nil, err
	}
	out := record.NewStruct(derived)
	n := 0
	for i, f := range old.Schema.Fields {
		if t.keeps(f.Name) {
			from, err := t.source(old.Schema, i)
			if err != nil {
				return nil, err
			}
			out.Values[n] = field(old, from, t.orDefault)
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
		m, err = changed(m, slices.Sorted(maps.Keys(t.fields)),
			func(_ string, v any) (any, error) { return t.masked(nil, v) })
		if err != nil {
			return nil, fmt.Errorf("mask %w", err)
		}
		return t.on.set(r, nil, m), nil
	}
	old, err := requireStruct(v, "mask fields")
	if err != nil {
		return nil, err
	}
	out := record.NewStruct(old.Schema)
	for i, f := range old.Schema.Fields {
		if out.Values[i] = field(old, i, t.orDefault); t.fields[f.Name] {
			if out.Values[i], err = t.masked(f.Schema, out.Values[i]); err != nil {
				return nil, fmt.Errorf("mask field %s: %w", f.Name, err)
			}
		}
	}
	return t.on.set(r, s, out), nil
}

func (t *maskField) masked(s *record.Schema, v any) (any, error) {
	if v == nil {
		return nil, nil
	}
	if t.replacement != nil {
		if s != nil && slices.Contains([]string{record.DateName, record.TimeName, record.TimestampName}, s.Name) {
			return nil, fmt.Errorf("a time cannot have a replacement")
		}
		switch v := v.(type) {
		case record.Decimal:
			d, err := record.ParseDecimal(*t.replacement)
			if err == nil && s != nil && d.Scale != v.Scale {
				err = fmt.Errorf("the replacement %s has %d digits after the point, the field %d", *t.replacement, d.Scale, v.Scale)
			}
			return d, err
		case string, int8, int16, int32, int64, float32, float64:
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
	return &valueToKey{fields: once(o.list("fields")), orDefault: o.flag("replace.null.with.default", true),
		schemas: schemaCache{}}, o.err
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
	if t.name == "" {
		return nil, errors.New("a field of a struct needs a name")
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
		var err error
		if t.path, err = fieldPath(t.path[0]); err != nil {
			o.fail("field", err.Error())
		}
	}
	return t, o.err
}

// fieldPath takes a path apart at its dots, except those within backticks that begin a step (Kafka
// Connect's SingleFieldPath).
func fieldPath(text string) ([]string, error) {
	var path []string
	for rest := text; ; {
		if !strings.HasPrefix(rest, "`") {
			step, after, more := strings.Cut(rest, ".")
			if path = append(path, step); !more {
				return path, nil
			}
			rest = after
			continue
		}
		end := 1 + strings.Index(rest[1:], "`")
		for end > 0 && end+1 < len(rest) && rest[end+1] != '.' { // a backtick within the name
			next := strings.Index(rest[end+1:], "`")
			if next < 0 {
				end = 0
				break
			}
			end += 1 + next
		}
		if end == 0 {
			return nil, fmt.Errorf("a backtick in the path %s does not end", text)
		}
		path = append(path, rest[1:end])
		if end+1 == len(rest) {
			return path, nil
		}
		rest = rest[end+2:]
	}
}

func (t *extractField) Apply(r *record.Record) (*record.Record, error) {
	s, v := t.on.get(r)
	for _, name := range t.path {
		if s == nil {
			if v == nil {
				break
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
		if s = s.Fields[i].Schema; opaque(s, v) {
			return nil, errOpaque
		}
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
	if name := mapWithin(st.Schema); name != "" {
		return nil, fmt.Errorf("flatten: the field %s is a map, whose entries the schema does not name", name)
	}
	derived := t.schemas.get(st.Schema, func() *record.Schema {
		d := basics(st.Schema, record.Struct)
		d.Fields = t.fields(nil, "", st.Schema, false)
		return d
	})
	return t.on.set(r, derived, &record.StructValue{Schema: derived, Values: t.values(nil, st.Schema, st)}), nil
}

// mapWithin is the name of a field that is a map; empty if there is none.
func mapWithin(s *record.Schema) string {
	for _, f := range s.Fields {
		switch f.Schema.Type {
		case record.MapType:
			return f.Name
		case record.Struct:
			if name := mapWithin(f.Schema); name != "" {
				return f.Name + "." + name
			}
		}
	}
	return ""
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
		out = append(out, record.Field{Name: t.join(prefix, f.Name),
			Schema: f.Schema.AsOptional(optional || f.Schema.Optional)})
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

// setSchemaMetadata is SetSchemaMetadata: another name or version for the schema of a struct.
type setSchemaMetadata struct {
	on        part
	name      string
	version   int
	orDefault bool
	schemas   schemaCache
}

func newSetSchemaMetadata(o *options, on part) (Transform, error) {
	t := &setSchemaMetadata{on: on, name: o.text("schema.name", ""), orDefault: o.flag("replace.null.with.default", true),
		schemas: schemaCache{}}
	if !o.has("schema.name") && !o.has("schema.version") {
		return nil, fmt.Errorf("neither schema.name nor schema.version is configured")
	}
	if o.has("schema.version") {
		n, err := strconv.ParseInt(o.text("schema.version", ""), 10, 32)
		if err != nil {
			o.fail("schema.version", "Not a number of type INT")
		}
		t.version = int(n)
	}
	return t, o.err
}

func (t *setSchemaMetadata) Apply(r *record.Record) (*record.Record, error) {
	s, v := t.on.get(r)
	switch {
	case s == nil && v == nil:
		return r, nil
	case s == nil || s.Type != record.Struct:
		return nil, fmt.Errorf("set a schema's name or version: only structs with a schema are supported, the value is a %T",
			v)
	}
	derived := t.schemas.get(s, func() *record.Schema {
		d := *s
		d.Name, d.Version = cmp.Or(t.name, s.Name), cmp.Or(t.version, s.Version)
		return &d
	})
	row, _ := v.(*record.StructValue)
	if row == nil {
		return t.on.set(r, derived, nil), nil
	}
	out := record.NewStruct(derived)
	for i := range row.Values {
		out.Values[i] = field(row, i, t.orDefault)
	}
	return t.on.set(r, derived, out), nil
}
