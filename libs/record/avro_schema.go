package record

import (
	"errors"
	"fmt"
	"math"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"
)

// AvroForm is how Avro's schemas are made of Connect's; the zero value is how Confluent's converter
// makes them by default.
type AvroForm struct {
	// Plain leaves out the connect.* properties (connect.meta.data=false).
	Plain bool
	// Scrubbed makes names that Avro would refuse ones that it takes (scrub.invalid.names=true).
	Scrubbed bool
}

// schema returns the Avro schema of a Connect schema in JSON. The text is that of Confluent's
// converter, byte for byte: a registry tells schemas apart by their text, so that another order of
// members would be another schema.
func (f AvroForm) schema(s *Schema) (string, error) {
	w := avroSchemaWriter{AvroForm: f, defined: map[string]bool{}, seen: map[string]bool{}}
	if err := w.schema(s, ""); err != nil {
		return "", err
	}
	return string(w.out), nil
}

// name is the name that something gets in Avro: scrubbed, Confluent's converter encodes it as
// application/x-www-form-urlencoded in UTF-8, and makes an underscore of what Avro does not take in that.
func (f AvroForm) name(name string) string {
	if !f.Scrubbed || name == "" {
		return name
	}
	var scrubbed strings.Builder
	if name[0] >= '0' && name[0] <= '9' {
		scrubbed.WriteByte('x')
	}
	for _, b := range []byte(name) {
		switch {
		case b >= 'a' && b <= 'z', b >= 'A' && b <= 'Z', b >= '0' && b <= '9':
			scrubbed.WriteByte(b)
		case strings.IndexByte("_.-* ", b) >= 0: // which the encoding keeps, or makes a plus sign of
			scrubbed.WriteByte('_')
		default:
			fmt.Fprintf(&scrubbed, "_%02X", b)
		}
	}
	return scrubbed.String()
}

// fullName is the full name that something gets in Avro, each part of it scrubbed by itself.
func (f AvroForm) fullName(full string) string {
	if !f.Scrubbed {
		return full
	}
	parts := strings.Split(strings.TrimRight(full, "."), ".")
	for i := range parts {
		parts[i] = f.name(parts[i])
	}
	return strings.Join(parts, ".")
}

// checkName applies the rule of Java's Avro: letters of all scripts, and namespaces of any form.
func checkName(name string) error {
	for i, r := range name {
		if r == '_' || unicode.IsLetter(r) || i > 0 && unicode.IsDigit(r) {
			continue
		}
		return fmt.Errorf("make an Avro schema: a name is no name in Avro: %q at %q; set schema.name.adjustment.mode"+
			" and field.name.adjustment.mode to avro, or the converter's scrub.invalid.names to true", name, r)
	}
	if name == "" {
		return errors.New("make an Avro schema: a name is empty")
	}
	return nil
}

// avroSchemaWriter writes a schema as Java's Avro does: a record is written where it comes first,
// and named from then on.
type avroSchemaWriter struct {
	AvroForm
	out []byte
	// defined are the full names of the records that are written, seen the names of fields' schemas.
	defined, seen map[string]bool
	// unnamed are the structs, entries the maps that have no name to go by.
	unnamed, entries []*Schema
}

func (w *avroSchemaWriter) raw(text string) { w.out = append(w.out, text...) }

// text writes a string. Java's Avro writes text, and not bytes: characters outside the basic plane are as they are.
func (w *avroSchemaWriter) text(s string) {
	w.raw(`"`)
	for len(s) > 0 {
		beyond := strings.IndexFunc(s, func(r rune) bool { return r > 0xFFFF })
		if beyond < 0 {
			beyond = len(s)
		}
		quoted := AppendString(nil, []byte(s[:beyond]))
		w.out = append(w.out, quoted[1:len(quoted)-1]...)
		_, n := utf8.DecodeRuneInString(s[beyond:])
		w.raw(s[beyond : beyond+n])
		s = s[beyond+n:]
	}
	w.raw(`"`)
}

// member writes the name of an object's member that is not the first one.
func (w *avroSchemaWriter) member(name string) {
	w.raw(`,"`)
	w.raw(name)
	w.raw(`":`)
}

// schema writes a schema, as a union with null if it is optional, within a namespace.
func (w *avroSchemaWriter) schema(s *Schema, space string) error {
	if !s.Optional {
		return w.definite(s, space)
	}
	if s.Default != nil && s.Type != Struct {
		w.raw("[")
		err := w.definite(s, space)
		w.raw(`,"null"]`)
		return err
	}
	w.raw(`["null",`)
	err := w.definite(s, space)
	w.raw("]")
	return err
}

// definite writes a schema as if it were not optional.
func (w *avroSchemaWriter) definite(s *Schema, space string) error {
	switch s.Type {
	case Int8, Int16:
		return w.primitive("int", s)
	case Int32:
		return w.primitive("int", s)
	case Int64:
		return w.primitive("long", s)
	case Float32, Float64, Boolean, String, Bytes:
		return w.primitive(string(s.Type), s)
	case Array:
		w.raw(`{"type":"array","items":`)
		if err := w.schema(s.Items, space); err != nil {
			return err
		}
	case MapType:
		if err := w.mapOf(s, space); err != nil {
			return err
		}
	case Struct:
		if named, err := w.record(s, space); named || err != nil {
			return err
		}
	default:
		return fmt.Errorf("make an Avro schema: unknown type %q", s.Type)
	}
	if err := w.properties(s); err != nil {
		return err
	}
	w.raw("}")
	return nil
}

// primitive writes the name of the type alone where there is nothing else to say.
func (w *avroSchemaWriter) primitive(name string, s *Schema) error {
	from := len(w.out)
	w.raw(`{"type":"` + name + `"`)
	bare := len(w.out)
	if err := w.properties(s); err != nil {
		return err
	}
	if len(w.out) == bare {
		w.out = w.out[:from]
		w.text(name)
		return nil
	}
	w.raw("}")
	return nil
}

// properties notes what Avro has no word for, and its logical types.
func (w *avroSchemaWriter) properties(s *Schema) error {
	if s.Name == DecimalName {
		scale, _ := s.Param("scale")
		precision, given := s.Param("connect.decimal.precision")
		if !given {
			precision = strconv.Itoa(defaultPrecision)
		}
		for _, number := range []string{scale, precision} {
			if _, err := strconv.Atoi(number); err != nil {
				return fmt.Errorf("make an Avro schema: the scale or precision of a decimal: %w", err)
			}
		}
		w.member("scale")
		w.raw(scale)
		w.member("precision")
		w.raw(precision)
	}
	if !w.Plain {
		w.metadata(s)
	}
	if logical, known := logicalTypes[s.Name]; known {
		w.member("logicalType")
		w.text(logical)
	}
	return nil
}

// metadata notes what else Connect knows of a schema.
func (w *avroSchemaWriter) metadata(s *Schema) {
	if s.Doc != "" {
		w.member("connect.doc")
		w.text(s.Doc)
	}
	if s.Version != 0 {
		w.member("connect.version")
		w.out = strconv.AppendInt(w.out, int64(s.Version), 10)
	}
	w.parameters(s)
	if s.Default != nil {
		if written, ok := avroDefault(s.Default); ok {
			w.member("connect.default")
			w.literal(written)
		}
	}
	if s.Name != "" {
		w.member("connect.name")
		w.text(s.Name)
	}
	switch s.Type {
	case Int8, Int16:
		w.member("connect.type")
		w.text(string(s.Type))
	}
}

var logicalTypes = map[string]string{DecimalName: "decimal", DateName: "date", TimeName: "time-millis",
	TimestampName: "timestamp-millis"}

func (w *avroSchemaWriter) parameters(s *Schema) {
	if len(s.Params) == 0 {
		return
	}
	w.member("connect.parameters")
	w.raw("{")
	for i, p := range s.Params {
		if i > 0 {
			w.raw(",")
		}
		w.text(p.Name)
		w.raw(":")
		w.text(p.Value)
	}
	w.raw("}")
}

// mapOf writes a map, or, where its keys are not text, a list of entries, without the closing brace.
func (w *avroSchemaWriter) mapOf(s *Schema, space string) error {
	if s.Keys.Type == String && !s.Keys.Optional {
		w.raw(`{"type":"map","values":`)
		return w.schema(s.Values, space)
	}
	name := w.fullName(s.Name)
	if name == "" {
		name = entryName + numbered(&w.entries, s)
	}
	w.raw(`{"type":"array","items":`)
	if named, err := w.begin(name, space); named || err != nil {
		return err
	}
	within, _ := split(name)
	w.raw(`,"fields":[`)
	if err := w.field("key", s.Keys, within); err != nil {
		return err
	}
	w.raw(",")
	if err := w.field("value", s.Values, within); err != nil {
		return err
	}
	w.raw(`],"connect.internal.type":"MapEntry"}`)
	return nil
}

const (
	entryName   = "io.confluent.connect.avro.MapEntry"
	unnamedName = "io.confluent.connect.avro.ConnectDefault"
)

// numbered counts a schema that has no name, and returns what follows the name that it gets: nothing
// for the first, and the same for equal ones.
func numbered(known *[]*Schema, s *Schema) string {
	s = s.AsOptional(false)
	i := slices.IndexFunc(*known, func(k *Schema) bool { return reflect.DeepEqual(k, s) })
	if i < 0 {
		i = len(*known)
		*known = append(*known, s)
	}
	if i == 0 {
		return ""
	}
	return strconv.Itoa(i + 1)
}

// split is a full name's namespace, with the name in it.
func split(full string) (space, name string) {
	dot := strings.LastIndexByte(full, '.')
	if dot < 0 {
		return "", full
	}
	return full[:dot], full[dot+1:]
}

// begin writes the head of a record, or its name if it is defined already.
func (w *avroSchemaWriter) begin(full, space string) (named bool, err error) {
	own, name := split(full)
	if err := checkName(name); err != nil {
		return false, err
	}
	if w.defined[full] {
		if own != space {
			name = full
		}
		w.text(name)
		return true, nil
	}
	w.defined[full] = true
	w.raw(`{"type":"record","name":`)
	w.text(name)
	if own != space {
		w.member("namespace")
		w.text(own)
	}
	return false, nil
}

// record writes a record without its closing brace, or the name of one that is defined already.
func (w *avroSchemaWriter) record(s *Schema, space string) (named bool, err error) {
	full := w.fullName(s.Name)
	if full == "" {
		full = unnamedName + numbered(&w.unnamed, s)
	}
	if named, err := w.begin(full, space); named || err != nil {
		return named, err
	}
	own, _ := split(full)
	w.raw(`,"fields":[`)
	for i, f := range s.Fields {
		if i > 0 {
			w.raw(",")
		}
		if err := w.field(f.Name, f.Schema, own); err != nil {
			return false, err
		}
	}
	w.raw("]")
	return false, nil
}

// field writes a field with its default. Parameters of a record that is only named here are its own.
func (w *avroSchemaWriter) field(name string, s *Schema, space string) error {
	name = w.name(name)
	if err := checkName(name); err != nil {
		return err
	}
	named := w.fullName(s.Name)
	again := named != "" && w.seen[named]
	w.seen[named] = true
	w.raw(`{"name":`)
	w.text(name)
	w.member("type")
	if err := w.schema(s, space); err != nil {
		return err
	}
	written, has := avroDefault(s.Default)
	switch {
	case has:
		w.member("default")
		w.literal(written)
	case s.Optional && s.Default == nil:
		w.member("default")
		w.raw("null")
	}
	if again && s.Type == Struct && !w.Plain {
		w.parameters(s)
	}
	w.raw("}")
	return nil
}

// avroDefault returns a default as Avro's JSON has it: bytes as a string of the characters with their
// codes. Defaults without such a form are left out.
func avroDefault(v any) (any, bool) {
	switch v := v.(type) {
	case bool, int8, int16, int32, int64, string:
		return v, true
	case float32:
		return v, !math.IsNaN(float64(v)) && !math.IsInf(float64(v), 0)
	case float64:
		return v, !math.IsNaN(v) && !math.IsInf(v, 0)
	case []byte:
		return latin1(v), true
	case Decimal:
		return latin1(v.Unscaled()), true
	}
	return nil, false
}

// literal writes what avroDefault returned.
func (w *avroSchemaWriter) literal(v any) {
	switch v := v.(type) {
	case string:
		w.text(v)
	case float32:
		w.out = AppendFloat32(w.out, v)
	case float64:
		w.out = AppendFloat64(w.out, v)
	default:
		w.out = fmt.Append(w.out, v)
	}
}

func latin1(b []byte) string {
	r := make([]rune, len(b))
	for i := range b {
		r[i] = rune(b[i])
	}
	return string(r)
}
