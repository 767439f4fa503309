package transform

import (
	"fmt"
	"time"

	"github.com/calypso-cdc/calypso/libs/connector/catalogue"
	"github.com/calypso-cdc/calypso/libs/record"
)

// timestampConverter is TimestampConverter: it converts times between text, Unix time and Connect's
// logical types.
type timestampConverter struct {
	on        part
	field     string // empty for the whole value
	target    timeForm
	format    dateFormat
	precision precision
	orDefault bool
	schemas   schemaCache
}

// timeForm is a form of a time (target.type).
type timeForm string

const (
	timeText      timeForm = "string"
	timeUnix      timeForm = "unix"
	timeDate      timeForm = "Date"
	timeOfDay     timeForm = "Time"
	timeTimestamp timeForm = "Timestamp"
)

// precision is the unit of Unix time (unix.precision).
type precision string

const (
	seconds      precision = "seconds"
	milliseconds precision = "milliseconds"
	microseconds precision = "microseconds"
	nanoseconds  precision = "nanoseconds"
)

func (t *timestampConverter) keys() []catalogue.Key {
	return []catalogue.Key{
		{Name: "field", Type: catalogue.String, Default: catalogue.Default(""), Importance: catalogue.High,
			Into: catalogue.Text(&t.field),
			Doc:  "Field with the time; empty if the whole value is the time."},
		{Name: "target.type", Type: catalogue.String, Required: true, Cased: true, Importance: catalogue.High,
			Into: catalogue.Choice(&t.target, timeText, timeUnix, timeDate, timeOfDay, timeTimestamp),
			Doc:  "Form to convert it to: string, unix, Date, Time or Timestamp."},
		{Name: "format", Type: catalogue.String, Default: catalogue.Default(""), Importance: catalogue.Medium,
			Into: catalogue.Read(&t.format, parseAnyFormat),
			Doc:  "Layout for writing or reading text, as a pattern of Java's SimpleDateFormat."},
		{Name: "unix.precision", Type: catalogue.String, Default: catalogue.Default("milliseconds"), Cased: true,
			Importance: catalogue.Low,
			Into:       catalogue.Choice(&t.precision, nanoseconds, microseconds, milliseconds, seconds),
			Doc:        "Unit of Unix time: seconds, milliseconds, microseconds or nanoseconds. Anything finer than a millisecond is lost."},
		nullsToDefaults(&t.orDefault),
	}
}

func (t *timestampConverter) finish(s catalogue.Settings) error {
	if t.target == timeText && t.format == nil {
		return s.Refuse(&t.format, "it is required with target.type=string")
	}
	return nil
}

// parseFormat parses a date pattern. parseAnyFormat also accepts an empty text, which means no
// pattern.
func parseFormat(pattern string) (dateFormat, error) {
	format, err := parseDateFormat(pattern)
	if err != nil {
		return nil, catalogue.Fault(err.Error())
	}
	return format, nil
}

func parseAnyFormat(pattern string) (dateFormat, error) {
	if pattern == "" {
		return nil, nil
	}
	return parseFormat(pattern)
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
	case timeText:
		return optionalSchema(record.String, optional)
	case timeUnix:
		return optionalSchema(record.Int64, optional)
	case timeDate:
		return &record.Schema{Type: record.Int32, Name: record.DateName, Version: 1, Optional: optional}
	case timeOfDay:
		return &record.Schema{Type: record.Int32, Name: record.TimeName, Version: 1, Optional: optional}
	}
	return &record.Schema{Type: record.Int64, Name: record.TimestampName, Version: 1, Optional: optional}
}

const millisPerDay = 24 * 60 * 60 * 1000

// convert turns a time of schema s, or of its Go type if s is nil, into the target form.
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
			return nil, fmt.Errorf("format is not set, which reading a time from text needs")
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
			return nil, fmt.Errorf("an int32 without a logical type is not a time")
		}
	case int64:
		if millis = x; name != record.TimestampName {
			millis = unixMillis(x, t.precision)
		}
	default:
		return nil, fmt.Errorf("a %T is not a time", v)
	}
	switch t.target {
	case timeText:
		return t.format.format(time.UnixMilli(millis).UTC()), nil
	case timeUnix:
		return unixOf(millis, t.precision), nil
	case timeDate:
		return int32(floorDiv(millis, millisPerDay)), nil
	case timeOfDay:
		return int32(millis - floorDiv(millis, millisPerDay)*millisPerDay), nil
	}
	return millis, nil
}

func unixMillis(v int64, of precision) int64 {
	switch of {
	case seconds:
		return v * 1000
	case microseconds:
		return v / 1000
	case nanoseconds:
		return v / 1e6
	}
	return v
}

func unixOf(millis int64, to precision) int64 {
	switch to {
	case seconds:
		return millis / 1000
	case microseconds:
		return millis * 1000
	case nanoseconds:
		return millis * 1e6
	}
	return millis
}
