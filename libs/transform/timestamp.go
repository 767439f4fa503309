package transform

import (
	"fmt"
	"strings"
	"time"

	"github.com/calypso-cdc/calypso/libs/record"
)

// timestampConverter is TimestampConverter: times as text, Unix time or Connect's logical types.
type timestampConverter struct {
	on        part
	field     string // empty: the whole value
	target    string // string, unix, Date, Time or Timestamp
	format    dateFormat
	precision string
	orDefault bool
	schemas   schemaCache
}

func newTimestampConverter(o *options, on part) (Transform, error) {
	t := &timestampConverter{on: on, field: o.text("field", ""), target: o.required("target.type"),
		precision: o.choice("unix.precision", "milliseconds", "seconds", "microseconds", "nanoseconds"),
		orDefault: o.flag("replace.null.with.default", true), schemas: schemaCache{}}
	switch t.target {
	case "string", "unix", "Date", "Time", "Timestamp":
	default:
		o.fail("target.type", "it must be string, unix, Date, Time or Timestamp")
	}
	if f := o.text("format", ""); f != "" {
		var err error
		if t.format, err = parseDateFormat(f); err != nil {
			o.fail("format", err.Error())
		}
	} else if t.target == "string" {
		o.fail("format", "it is required with target.type=string")
	}
	return t, o.err
}

func (t *timestampConverter) Apply(r *record.Record) (*record.Record, error) {
	s, v := t.on.get(r)
	if s == nil {
		if v == nil || t.field == "" {
			out, err := t.convert(v, nil)
			return t.on.set(r, nil, out), err
		}
		m, err := requireMap(v, "convert a timestamp")
		if err != nil {
			return nil, err
		}
		out, err := t.convert(lookup(m, t.field), nil)
		return t.on.set(r, nil, put(m, t.field, out)), err
	}
	if t.field == "" {
		out, err := t.convert(v, s)
		return t.on.set(r, t.schema(s.Optional), out), err
	}
	derived := t.schemas.get(s, func() *record.Schema {
		d := basics(s, record.Struct)
		d.Optional = s.Optional
		for _, f := range s.Fields {
			if f.Name == t.field {
				f.Schema = t.schema(f.Schema.Optional)
			}
			d.Fields = append(d.Fields, f)
		}
		return d
	})
	if v == nil {
		return t.on.set(r, derived, nil), nil
	}
	old, err := requireStruct(v, "convert a timestamp")
	if err != nil {
		return nil, err
	}
	out := record.NewStruct(derived)
	for i, f := range old.Schema.Fields {
		out.Values[i] = field(old, i, t.orDefault)
		if f.Name == t.field {
			if out.Values[i], err = t.convert(out.Values[i], f.Schema); err != nil {
				return nil, fmt.Errorf("convert the timestamp in field %s: %w", f.Name, err)
			}
		}
	}
	return t.on.set(r, derived, out), nil
}

func (t *timestampConverter) schema(optional bool) *record.Schema {
	switch t.target {
	case "string":
		return optionalSchema(record.String, optional)
	case "unix":
		return optionalSchema(record.Int64, optional)
	case "Date":
		return &record.Schema{Type: record.Int32, Name: record.DateName, Version: 1, Optional: optional}
	case "Time":
		return &record.Schema{Type: record.Int32, Name: record.TimeName, Version: 1, Optional: optional}
	}
	return &record.Schema{Type: record.Int64, Name: record.TimestampName, Version: 1, Optional: optional}
}

const millisPerDay = 24 * 60 * 60 * 1000

// convert turns a time of schema s, or of its Go type where s is nil, into the target.
func (t *timestampConverter) convert(v any, s *record.Schema) (any, error) {
	if v == nil {
		return nil, nil
	}
	name := ""
	if s != nil {
		name = s.Name
	}
	var millis int64
	switch x := v.(type) {
	case string:
		at, err := t.format.parse(x)
		if err != nil {
			return nil, err
		}
		millis = at.UnixMilli()
	case int32:
		switch name {
		case record.DateName:
			millis = int64(x) * millisPerDay
		case record.TimeName:
			millis = int64(x)
		default:
			return nil, fmt.Errorf("an int32 without a logical type is no time")
		}
	case int64:
		if millis = x; name != record.TimestampName {
			millis = unixMillis(x, t.precision)
		}
	default:
		return nil, fmt.Errorf("a %T is no time", v)
	}
	switch t.target {
	case "string":
		return t.format.format(time.UnixMilli(millis).UTC()), nil
	case "unix":
		return unixOf(millis, t.precision), nil
	case "Date":
		return int32(floorDiv(millis, millisPerDay)), nil
	case "Time":
		return int32(millis - floorDiv(millis, millisPerDay)*millisPerDay), nil
	}
	return millis, nil
}

func floorDiv(a, b int64) int64 {
	q := a / b
	if a%b < 0 {
		q--
	}
	return q
}

func unixMillis(v int64, precision string) int64 {
	switch precision {
	case "seconds":
		return v * 1000
	case "microseconds":
		return v / 1000
	case "nanoseconds":
		return v / 1e6
	}
	return v
}

func unixOf(millis int64, precision string) int64 {
	switch precision {
	case "seconds":
		return millis / 1000
	case "microseconds":
		return millis * 1000
	case "nanoseconds":
		return millis * 1e6
	}
	return millis
}

// dateFormat is a pattern of Java's SimpleDateFormat, in UTC.
type dateFormat struct{ layout string }

// patternLetters are the runs of letters that are understood, with Go's spelling.
var patternLetters = map[string]string{
	"yyyy": "2006", "yy": "06", "MMMM": "January", "MMM": "Jan", "MM": "01", "M": "1", "dd": "02", "d": "2", "HH": "15", "hh": "03",
	"h": "3", "mm": "04", "m": "4", "ss": "05", "s": "5", "SSS": "000", "a": "PM", "EEE": "Mon", "EEEE": "Monday", "DDD": "002",
	"z": "MST", "Z": "-0700", "X": "Z07", "XX": "Z0700", "XXX": "Z07:00",
}

func parseDateFormat(pattern string) (dateFormat, error) {
	var layout strings.Builder
	for i := 0; i < len(pattern); {
		c := pattern[i]
		switch {
		case c == '\'':
			end := strings.IndexByte(pattern[i+1:], '\'')
			if end < 0 {
				return dateFormat{}, fmt.Errorf("a quote in the date pattern %q does not end", pattern)
			}
			if end == 0 {
				layout.WriteByte('\'')
			}
			layout.WriteString(pattern[i+1 : i+1+end])
			i += end + 2
		case c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z':
			n := i
			for n < len(pattern) && pattern[n] == c {
				n++
			}
			letters, ok := patternLetters[pattern[i:n]]
			if !ok {
				return dateFormat{}, fmt.Errorf("%q in the date pattern %q is not supported", pattern[i:n], pattern)
			}
			// Go knows fractions of a second only after a point or comma.
			if letters == "000" && !strings.HasSuffix(layout.String(), ".") && !strings.HasSuffix(layout.String(), ",") {
				return dateFormat{}, fmt.Errorf("SSS in the date pattern %q must follow a point or comma", pattern)
			}
			layout.WriteString(letters)
			i = n
		default:
			layout.WriteByte(c)
			i++
		}
	}
	return dateFormat{layout.String()}, nil
}

func (f dateFormat) format(t time.Time) string { return t.Format(f.layout) }

func (f dateFormat) parse(text string) (time.Time, error) {
	t, err := time.Parse(f.layout, text)
	if err != nil {
		return t, fmt.Errorf("the time %q does not fit the format", text)
	}
	return t, nil
}
