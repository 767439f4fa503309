package transform

import (
	"cmp"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/calypso-cdc/calypso/libs/connector/catalogue"
	"github.com/calypso-cdc/calypso/libs/record"
)

// insertField is InsertField: it adds fields with the record's topic, partition, offset or time, or
// a fixed text.
type insertField struct {
	on                                          part
	topic, partition, offset, timestamp, static *newField
	value                                       string
	valueGiven                                  bool
	orDefault                                   bool
	schemas                                     schemaCache
}

type newField struct {
	name     string
	optional bool
}

func (t *insertField) keys() []catalogue.Key {
	return []catalogue.Key{
		{Name: "topic.field", Type: catalogue.String, Importance: catalogue.Medium,
			Into: catalogue.Read(&t.topic, parseNewField),
			Doc:  "Field for the topic's name; a trailing ! makes it required, a trailing ? optional, which is the default."},
		{Name: "partition.field", Type: catalogue.String, Importance: catalogue.Medium,
			Into: catalogue.Read(&t.partition, parseNewField),
			Doc:  "Field for the partition's number; ! and ? as for topic.field."},
		{Name: "offset.field", Type: catalogue.String, Importance: catalogue.Medium,
			Into: catalogue.Read(&t.offset, parseNewField),
			Doc:  "Field for the offset, in sinks only; ! and ? as for topic.field."},
		{Name: "timestamp.field", Type: catalogue.String, Importance: catalogue.Medium,
			Into: catalogue.Read(&t.timestamp, parseNewField),
			Doc:  "Field for the record's timestamp; ! and ? as for topic.field."},
		{Name: "static.field", Type: catalogue.String, Importance: catalogue.Medium,
			Into: catalogue.Read(&t.static, parseNewField),
			Doc:  "Field for static.value; ! and ? as for topic.field."},
		{Name: "static.value", Type: catalogue.String, Importance: catalogue.Medium,
			Into: catalogue.Given(&t.valueGiven, catalogue.Text(&t.value)),
			Doc:  "Value of static.field."},
		nullsToDefaults(&t.orDefault),
	}
}

func parseNewField(text string) (*newField, error) {
	if text == "" {
		return nil, nil
	}
	if name, required := strings.CutSuffix(text, "!"); required {
		return &newField{name: name}, nil
	}
	return &newField{name: strings.TrimSuffix(text, "?"), optional: true}, nil
}

func (t *insertField) finish(s catalogue.Settings) error {
	switch {
	case t.topic == nil && t.partition == nil && t.offset == nil && t.timestamp == nil && t.static == nil:
		return fmt.Errorf("no field to insert is configured")
	case t.static != nil && !t.valueGiven:
		return s.Refuse(&t.value, "it is required with static.field")
	}
	return nil
}

// inserted returns the fields to add and their values for a record; a nil value leaves the field
// null.
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
	add(t.static, record.Of(record.String), t.value)
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

// replaceField is ReplaceField: it drops, keeps and renames fields.
type replaceField struct {
	on               part
	include, exclude map[string]bool
	renames          renames
	orDefault        bool
	schemas          schemaCache
}

// renames maps old names of fields to new ones (names), and new names to old ones (sources).
type renames struct{ names, sources map[string]string }

func (t *replaceField) keys() []catalogue.Key {
	return []catalogue.Key{
		{Name: "exclude", Aliases: []string{"blacklist"}, Type: catalogue.List, Default: catalogue.Default(""),
			Importance: catalogue.Medium,
			Into:       catalogue.Read(&t.exclude, setOf),
			Doc:        "Fields to leave out; takes precedence over include."},
		{Name: "include", Aliases: []string{"whitelist"}, Type: catalogue.List, Default: catalogue.Default(""),
			Importance: catalogue.Medium,
			Into:       catalogue.Read(&t.include, setOf),
			Doc:        "The only fields to keep."},
		{Name: "renames", Type: catalogue.List, Default: catalogue.Default(""), Check: checkRenames,
			Importance: catalogue.Medium,
			Into:       catalogue.Read(&t.renames, parseRenames),
			Doc:        "New names for fields, as old:new separated by commas."},
		nullsToDefaults(&t.orDefault),
	}
}

// checkRenames checks a list of old:new. Java's split drops empty parts at the end, so that some
// texts fail as there.
func checkRenames(list string) error {
	for _, item := range catalogue.Items(list) {
		if strings.Count(strings.TrimRight(item, ":"), ":") != 1 {
			return catalogue.Fault("Invalid rename mapping: " + item)
		}
	}
	return nil
}

func parseRenames(list string) (renames, error) {
	r := renames{map[string]string{}, map[string]string{}}
	for _, pair := range catalogue.Named(list) {
		from, to, ok := strings.Cut(pair, ":")
		if !ok || strings.Contains(to, ":") {
			return r, catalogue.Fault("each item must be old:new")
		}
		r.names[from], r.sources[to] = to, from
	}
	return r, nil
}

// source returns the index of the field whose value the kept field i of s gets. As in Kafka
// Connect, a field that has the new name of another gets the value of that other, which must exist.
func (t *replaceField) source(s *record.Schema, i int) (int, error) {
	from, ok := t.renames.sources[t.renamed(s.Fields[i].Name)]
	if !ok || from == s.Fields[i].Name {
		return i, nil
	}
	if i = s.Index(from); i < 0 {
		return 0, fmt.Errorf("there is no field %q to rename, but one that has its new name", from)
	}
	return i, nil
}

func (t *replaceField) keeps(name string) bool {
	return !t.exclude[name] && (len(t.include) == 0 || t.include[name])
}

func (t *replaceField) renamed(name string) string {
	if to, ok := t.renames.names[name]; ok {
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

// maskField is MaskField: it replaces a field's value by the zero of its type, or by a fixed text.
type maskField struct {
	on          part
	fields      map[string]bool
	replacement *string
	orDefault   bool
}

func (t *maskField) keys() []catalogue.Key {
	return []catalogue.Key{
		{Name: "fields", Type: catalogue.List, Required: true, Check: catalogue.NotEmpty,
			Importance: catalogue.High,
			Into:       catalogue.Read(&t.fields, setOf),
			Doc:        "Fields to mask, separated by commas."},
		{Name: "replacement", Type: catalogue.String, Check: catalogue.NotEmpty, Importance: catalogue.Low,
			Into: catalogue.Read(&t.replacement, textOf),
			Doc:  "Replacement for numbers and text; without it, the zero or empty value of their type."},
		nullsToDefaults(&t.orDefault),
	}
}

func textOf(text string) (*string, error) { return &text, nil }

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

// valueToKey is ValueToKey: it makes a key of fields of the value.
type valueToKey struct {
	fields    []string
	orDefault bool
	schemas   schemaCache
}

func (t *valueToKey) keys() []catalogue.Key {
	return []catalogue.Key{
		{Name: "fields", Type: catalogue.List, Required: true, Check: catalogue.NotEmpty,
			Importance: catalogue.High,
			Into:       catalogue.Read(&t.fields, distinctItems),
			Doc:        "Fields of the value that become the key, separated by commas."},
		nullsToDefaults(&t.orDefault),
	}
}

func distinctItems(list string) ([]string, error) { return once(catalogue.Named(list)), nil }

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

// hoistField is HoistField: it makes the key or value the only field of a struct.
type hoistField struct {
	on      part
	name    string
	schemas schemaCache
}

func (t *hoistField) keys() []catalogue.Key {
	return []catalogue.Key{
		{Name: "field", Type: catalogue.String, Required: true, Importance: catalogue.Medium,
			Into: catalogue.Text(&t.name),
			Doc:  "Name of the only field, which holds the original key or value."},
	}
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

// extractField is ExtractField: it replaces a struct by one of its fields, which with
// field.syntax.version=V2 may be named by a path (a.b).
type extractField struct {
	on        part
	field     string
	nested    bool // field.syntax.version=V2
	path      []string
	orDefault bool
}

func (t *extractField) keys() []catalogue.Key {
	return []catalogue.Key{
		{Name: "field", Type: catalogue.String, Required: true, Importance: catalogue.Medium,
			Into: catalogue.Text(&t.field),
			Doc:  "Field whose value becomes the whole key or value."},
		nullsToDefaults(&t.orDefault),
		{Name: "field.syntax.version", Type: catalogue.String, Default: catalogue.Default("V1"),
			Importance: catalogue.High,
			Into:       whether(&t.nested, "V2", "V1", "V2"),
			Doc:        "V1 names top-level fields; V2 also nested ones, as names joined by dots, with backticks around names that contain dots."},
	}
}

func (t *extractField) finish(s catalogue.Settings) error {
	t.path = []string{t.field}
	if !t.nested {
		return nil
	}
	var err error
	if t.path, err = fieldPath(t.field); err != nil {
		return s.Refuse(&t.field, err.Error())
	}
	return nil
}

// fieldPath splits a path at its dots, except within backticks that begin a step (Kafka Connect's
// SingleFieldPath).
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
			return nil, fmt.Errorf("a backtick in the path %s is not closed", text)
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

// flatten is Flatten: it makes the fields of nested structs fields of the outermost one, under
// their joined names.
type flatten struct {
	on        part
	delimiter string
	schemas   schemaCache
}

func (t *flatten) keys() []catalogue.Key {
	return []catalogue.Key{
		{Name: "delimiter", Type: catalogue.String, Default: catalogue.Default("."), Importance: catalogue.Medium,
			Into: catalogue.Text(&t.delimiter),
			Doc:  "Text between the names of an outer field and a field within it."},
	}
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

// mapWithin returns the name of a field that is a map, empty if there is none.
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

// setSchemaMetadata is SetSchemaMetadata: it changes the name or version of a struct's schema.
type setSchemaMetadata struct {
	on                      part
	name                    string
	version                 int
	nameGiven, versionGiven bool
	orDefault               bool
	schemas                 schemaCache
}

func (t *setSchemaMetadata) keys() []catalogue.Key {
	return []catalogue.Key{
		{Name: "schema.name", Type: catalogue.String, Importance: catalogue.High,
			Into: catalogue.Given(&t.nameGiven, catalogue.Text(&t.name)),
			Doc:  "Name to give the schema. This or schema.version must be set."},
		{Name: "schema.version", Type: catalogue.Int, Importance: catalogue.High,
			Into: catalogue.Given(&t.versionGiven, catalogue.Number(&t.version)),
			Doc:  "Version to give the schema."},
		nullsToDefaults(&t.orDefault),
	}
}

func (t *setSchemaMetadata) finish(catalogue.Settings) error {
	if !t.nameGiven && !t.versionGiven {
		return fmt.Errorf("neither schema.name nor schema.version is configured")
	}
	return nil
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
