package transform

import (
	"fmt"
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
		if t.format == nil {
			return nil, fmt.Errorf("a text is read as a time by its format, which is not set")
		}
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
