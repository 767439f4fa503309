package transform

import (
	"errors"
	"fmt"
	"math/big"
	"reflect"
	"strconv"
	"time"

	"github.com/calypso-cdc/calypso/libs/record"
)

// Lineage is what a chain makes of the records of one table: their topic, and which fields of the
// outgoing rows still carry the values of the incoming ones.
type Lineage struct {
	Topic string
	// Envelope is true if the rows are still within change envelopes.
	Envelope bool
	// Carriers maps a field of the incoming row to the field of the outgoing row that has the same
	// values and type. Fields that the chain drops or changes are missing.
	Carriers map[string]string
}

// Errors of Chain.Lineage.
var (
	ErrDropped   = errors.New("the transforms drop the table's records")
	ErrScattered = errors.New(
		"the transforms choose the topic by a record's contents or time, so that a table has no topic of its own")
)

// Lineage follows the rows of a table through the chain; a nil chain changes nothing. schema is the
// schema of the records' values: of change envelopes, or of rows. The chain runs on made-up
// creates: on one row, and for each field on the same row with only that field changed. Whatever
// changes in the result comes from that field, so nothing needs to be known about the transforms.
// An error other than ErrDropped and ErrScattered comes from a transform that cannot handle the
// made-up values.
func (c *Chain) Lineage(topic string, schema *record.Schema, headers []record.Header) (*Lineage, error) {
	l := lineage{chain: c, topic: topic, schema: schema, headers: headers}
	row := l.rowSchema()
	if row == nil || row.Type != record.Struct {
		return nil, fmt.Errorf("the records of topic %s hold no rows with fields", topic)
	}
	first, second := sample(row, 0).(*record.StructValue), sample(row, 1).(*record.StructValue)
	base, err := l.apply(first, 0)
	if err != nil {
		return nil, err
	}
	other, err := l.apply(second, 400*24*time.Hour)
	if err != nil {
		return nil, err
	}
	if base.topic != other.topic {
		return nil, ErrScattered
	}
	out := &Lineage{Topic: base.topic, Envelope: base.envelope, Carriers: map[string]string{}}
	for i, f := range row.Fields {
		changed := &record.StructValue{Schema: row, Values: append([]any(nil), first.Values...)}
		changed.Values[i] = second.Values[i]
		seen, err := l.apply(changed, 0)
		if err != nil {
			return nil, err
		}
		if seen.topic != base.topic {
			return nil, ErrScattered
		}
		if name, ok := carrier(base, seen, f, first.Values[i], second.Values[i]); ok {
			out.Carriers[f.Name] = name
		}
	}
	return out, nil
}

// lineage is one run of Chain.Lineage.
type lineage struct {
	chain   *Chain
	topic   string
	schema  *record.Schema
	headers []record.Header
}

// rowSchema returns the schema of the rows in the incoming records.
func (l *lineage) rowSchema() *record.Schema {
	if i := l.schema.Index("after"); i >= 0 && isEnvelope(&record.Record{ValueSchema: l.schema}) {
		return l.schema.Fields[i].Schema
	}
	return l.schema
}

// traced is an outgoing row.
type traced struct {
	topic    string
	envelope bool
	fields   []record.Field
	values   []any
}

// apply sends the create of a row through the chain. Its time is after behind a fixed one, so that
// two calls can differ only in time.
func (l *lineage) apply(row *record.StructValue, after time.Duration) (traced, error) {
	r := &record.Record{Topic: l.topic, Partition: -1, Offset: -1, Headers: append([]record.Header(nil), l.headers...),
		ValueSchema: l.schema, Value: row,
		Timestamp: time.Date(2001, 2, 3, 4, 5, 6, 0, time.UTC).Add(after).UnixMilli()}
	if row.Schema != l.schema {
		envelope := sample(l.schema, 0).(*record.StructValue)
		for i, f := range l.schema.Fields {
			switch f.Name {
			case "before":
				envelope.Values[i] = nil
			case "after":
				envelope.Values[i] = row
			case "op":
				envelope.Values[i] = "c"
			}
		}
		r.Value = envelope
	}
	r.KeySchema, r.Key = l.schemaOfKey(row)
	if l.chain != nil {
		var err error
		if r, err = l.chain.Apply(r); err != nil {
			return traced{}, fmt.Errorf("the transforms cannot be followed with made-up values: %w", err)
		}
	}
	if r == nil {
		return traced{}, ErrDropped
	}
	value, _ := r.Value.(*record.StructValue)
	if value == nil {
		return traced{}, fmt.Errorf("the transforms make records of topic %s that hold no rows with fields", l.topic)
	}
	t := traced{topic: r.Topic}
	if after, ok := value.Get("after").(*record.StructValue); ok && after != nil && isEnvelope(r) {
		t.envelope, value = true, after
	}
	t.fields, t.values = value.Schema.Fields, value.Values
	return t, nil
}

// schemaOfKey makes the whole row the key, so that transforms of keys find the fields they need.
func (l *lineage) schemaOfKey(row *record.StructValue) (*record.Schema, any) {
	s := *row.Schema
	s.Name, s.Optional = l.topic+".Key", false
	return &s, &record.StructValue{Schema: &s, Values: row.Values}
}

// carrier finds the outgoing field that has the values first and second, as field f had.
func carrier(base, seen traced, f record.Field, first, second any) (string, bool) {
	if len(base.fields) != len(seen.fields) {
		return "", false
	}
	for i, out := range base.fields {
		if out.Name == seen.fields[i].Name && out.Schema.Type == f.Schema.Type && out.Schema.Name == f.Schema.Name &&
			reflect.DeepEqual(base.values[i], first) && reflect.DeepEqual(seen.values[i], second) {
			return out.Name, true
		}
	}
	return "", false
}

// sample makes up a value of a schema. The two variants differ in every part, and except for
// booleans neither is the zero of its type, since transforms hide values behind that.
func sample(s *record.Schema, variant int) any {
	n := variant + 1
	switch s.Type {
	case record.Boolean:
		return variant == 0
	case record.Int8:
		return int8(n)
	case record.Int16:
		return int16(n)
	case record.Int32:
		return int32(n)
	case record.Int64:
		return int64(n)
	case record.Float32:
		return float32(n)
	case record.Float64:
		return float64(n)
	case record.String:
		switch s.Name {
		case "io.debezium.time.ZonedTimestamp", "io.debezium.time.IsoTimestamp":
			return fmt.Sprintf("2001-01-0%dT00:00:00Z", n)
		case "io.debezium.time.IsoDate":
			return fmt.Sprintf("2001-01-0%dZ", n)
		}
		return strconv.Itoa(n)
	case record.Bytes:
		if s.Name == record.DecimalName {
			return record.Decimal{Value: big.NewInt(int64(n))}
		}
		return []byte{byte(n)}
	case record.Array:
		return []any{sample(s.Items, variant)}
	case record.MapType:
		return record.Map{{Key: sample(s.Keys, variant), Value: sample(s.Values, variant)}}
	case record.Struct:
		v := record.NewStruct(s)
		for i, f := range s.Fields {
			v.Values[i] = sample(f.Schema, variant)
		}
		return v
	}
	return nil
}
