package row

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/twmb/franz-go/pkg/kgo"
)

// Converter is how values are written in Kafka.
type Converter int

const (
	// JSON is org.apache.kafka.connect.json.JsonConverter.
	JSON Converter = iota
	// Text is StringConverter and ByteArrayConverter: values are passed as they are.
	Text
)

// Deletes says what becomes of a delete.
type Deletes int

const (
	// DropDeletes leaves deletes out, as ExtractNewRecordState does by default.
	DropDeletes Deletes = iota
	// RewriteDeletes makes a row of the old values, marked as deleted.
	RewriteDeletes
)

// Config says what rows to make.
type Config struct {
	Converter Converter
	Schemas   SchemaMode
	// Unwrap takes change envelopes apart (ExtractNewRecordState); without it they are rows themselves.
	Unwrap bool
	// Deletes is what becomes of deletes when envelopes are unwrapped.
	Deletes Deletes
	// Extra are the members added to each row, in order.
	Extra []Extra
	// CSV writes rows as csv, in the order of the target's columns, instead of JSON.
	CSV bool
	// Format is the format of values passed as they are, which are checked by it; empty checks nothing.
	Format string
	// Truncates makes a row of a truncate, which has nothing but the added members.
	Truncates bool
	// Changes refuses what is no change event, whose row would lack what is added of one.
	Changes bool
	// Files says that each value passed as it is makes a file: nothing is put behind it.
	Files bool
	// Transform, if set, changes each record before anything else: its value is JSON with a schema
	// then. Nil without an error drops the record.
	Transform func(*kgo.Record) (*kgo.Record, error)
	// AllowNull passes values that Kusto would store as null or cut, and counts them, instead of refusing the row.
	AllowNull bool
}

// Kind says what a record became.
type Kind int

const (
	// Row was appended.
	Row Kind = iota
	// Tombstone is a record without a value.
	Tombstone
	// DroppedDelete is a delete left out on request.
	DroppedDelete
	// NoRow is an event about no row: a logical message, a heartbeat, or metadata of a transaction.
	NoRow
	// Truncate is the truncation of the source's table, which makes no row.
	Truncate
)

// Encoder makes rows of one topic for one table. One goroutine uses it.
type Encoder struct {
	cfg      Config
	target   Target
	splitter Splitter
	// dates takes values apart for their commit time.
	dates Splitter
	plans map[*Schema]*plan
	// whole is set where members behind the row are needed, so that the envelope must be read to its end.
	whole    bool
	envelope Envelope
	csv      csvWriter
	texts    texts
	fields   fields
	// Nulls counts rows passed although Kusto will store a null or cut a value.
	Nulls int64
}

// NewEncoder makes an encoder.
func NewEncoder(cfg Config, target Target) *Encoder {
	e := &Encoder{cfg: cfg, target: target, splitter: Splitter{Mode: cfg.Schemas}, plans: map[*Schema]*plan{},
		csv: csvWriter{order: target.order()}, texts: texts{format: cfg.Format, target: target}}
	e.splitter.forget = func(s *Schema) { delete(e.plans, s) }
	for _, x := range cfg.Extra {
		e.whole = e.whole || x.From == OfEnvelope || x.From == OfSource || x.From == OfTransaction || x.From == ChangeTime
	}
	return e
}

// Retarget has the next rows checked against another state of the table.
func (e *Encoder) Retarget(t Target) {
	e.target, e.texts = t, texts{format: e.cfg.Format, target: t}
	e.csv = csvWriter{order: t.order()}
	clear(e.plans)
}

var errNoRow = errors.New("the record makes no row")

// errRegistered is of a value that begins as those do whose schema a registry keeps, and no JSON does.
var errRegistered = errors.New("the value is not JSON but begins as values do whose schema is in a registry: Avro is read with value.converter=io.confluent.connect.avro.AvroConverter, JSON Schema and Protobuf are not")

// Schema returns the schema that a record carries, nil if it carries none. An error says that the
// record makes no row, or cannot be read.
func (e *Encoder) Schema(r *kgo.Record) (*Schema, error) {
	if e.cfg.Transform != nil {
		changed, err := e.cfg.Transform(r)
		if err != nil {
			return nil, err
		}
		if changed == nil || changed.Value == nil {
			return nil, errNoRow
		}
		r = changed
	}
	if r.Value == nil || e.cfg.Converter == Text {
		return nil, nil
	}
	s, _, err := e.splitter.Split(r.Value)
	if err == nil && e.passes(s) {
		return nil, errNoRow
	}
	return s, err
}

// passes reports whether a schema is that of an event about no row, which a table that is there takes
// nothing of. A topic of such events alone has a table of its own.
func (e *Encoder) passes(s *Schema) bool {
	if s == nil || !s.metadata || e.target.Schema == nil || e.target.TakesWhole() {
		return false
	}
	return len(compile(s, e.target, e.cfg.Extra).unmapped()) == len(s.Fields)
}

// maxPlans bounds the plans kept for schemas that have gone out of use.
const maxPlans = 64

// Append appends a record's row and a line end to dst. An error of type *Refused concerns this
// record only; so does any other: the record cannot be read.
func (e *Encoder) Append(dst []byte, r *kgo.Record) ([]byte, Kind, error) {
	if e.cfg.Transform != nil && r.Value != nil {
		changed, err := e.cfg.Transform(r)
		if err != nil {
			return dst, NoRow, err
		}
		if changed == nil {
			return dst, NoRow, nil
		}
		r = changed
	}
	if r.Value == nil {
		return dst, Tombstone, nil
	}
	if e.cfg.Converter == Text {
		if err := e.texts.check(r.Value); err != nil {
			if !e.cfg.AllowNull {
				return dst, NoRow, err
			}
			e.Nulls++
		}
		if dst = append(dst, r.Value...); !e.cfg.Files {
			dst = append(dst, '\n')
		}
		return dst, Row, nil
	}
	if len(r.Value) > 0 && r.Value[0] == 0 {
		return dst, NoRow, errRegistered
	}
	schema, payload, err := e.splitter.Split(r.Value)
	if err != nil {
		return dst, NoRow, err
	}
	if isNull(payload) {
		return dst, Tombstone, nil
	}
	object, deleted, isEnvelope := payload, false, false
	if e.cfg.Unwrap && (schema == nil || schema.Envelope) {
		if isEnvelope, err = e.envelope.parse(payload, schema != nil && !e.whole); err != nil {
			return dst, NoRow, err
		}
		if isEnvelope {
			switch {
			case !isNull(e.envelope.After):
				object = e.envelope.After
			case isTruncate(e.envelope.Op) && e.cfg.Truncates:
				object, deleted = []byte("{}"), true
			case isTruncate(e.envelope.Op):
				return dst, Truncate, nil
			case e.cfg.Deletes == DropDeletes && (isDelete(e.envelope.Op) || !isNull(e.envelope.Before)):
				return dst, DroppedDelete, nil
			case isDelete(e.envelope.Op) && hasNothing(e.envelope.Before):
				return dst, NoRow, &Refused{Reason: "it deletes a row and does not say which: its before is null or empty"}
			case isNull(e.envelope.Before):
				return dst, NoRow, nil
			default:
				object, deleted = e.envelope.Before, true
			}
		} else {
			e.envelope = Envelope{}
		}
	}
	if e.cfg.Changes && !isEnvelope && !(schema != nil && schema.metadata || schema == nil && isMetadata(object)) {
		return dst, NoRow, &Refused{Reason: "it is no change event as Debezium writes them, with before, after, source and op, which table.form=changes takes alone"}
	}
	p := e.plans[schema]
	if p == nil {
		if len(e.plans) == maxPlans {
			clear(e.plans)
		}
		planned := schema
		if schema != nil && schema.Envelope && !e.cfg.Unwrap {
			planned = nil // the row is the envelope, whose own members are columns
		}
		p = compile(planned, e.target, e.cfg.Extra)
		p.lenient = e.cfg.AllowNull
		e.plans[schema] = p
	}
	start := len(dst)
	dst, err = p.append(dst, object)
	if err != nil {
		return dst[:start], NoRow, err
	}
	if refused := p.foreign(object); refused != nil && (!deleted || p.alien) {
		switch {
		case schema != nil && schema.metadata, schema == nil && isMetadata(object):
			return dst[:start], NoRow, nil
		case !p.lenient:
			return dst[:start], NoRow, refused
		}
		p.nulls = true
	}
	if p.nulls {
		e.Nulls++
	}
	if !deleted {
		e.fields.note(p, object, isEnvelope, e.cfg.Extra)
	}
	if len(e.cfg.Extra) > 0 {
		if dst, err = e.appendExtra(dst, p, r, deleted); err != nil {
			return dst[:start], NoRow, err
		}
	}
	if !sound(dst[start:]) {
		return dst[:start], NoRow,
			&Refused{Reason: "the row is not JSON: a string in it has a control character or an escape that there is not"}
	}
	replaceHalfSurrogates(dst[start:])
	if e.cfg.CSV {
		if dst, err = e.csv.rewrite(dst, start); err != nil {
			return dst, NoRow, err
		}
		return append(dst, '\n'), Row, nil
	}
	if bytes.IndexByte(dst[start:], '\n') >= 0 {
		for i, c := range dst[start:] { // line ends between tokens; those within strings are escaped
			if c == '\n' || c == '\r' {
				dst[start+i] = ' '
			}
		}
	}
	return append(dst, '\n'), Row, nil
}

// appendExtra adds members before the closing brace that ends dst. What they are in the record need
// not fit their columns.
func (e *Encoder) appendExtra(dst []byte, p *plan, r *kgo.Record, deleted bool) ([]byte, error) {
	dst = bytes.TrimRight(dst[:len(dst)-1], " \t\r\n")
	for _, x := range e.cfg.Extra {
		mark := len(dst)
		if dst[len(dst)-1] != '{' {
			dst = append(dst, ',')
		}
		dst = append(append(append(dst, '"'), x.Name...), '"', ':')
		before := len(dst)
		dst = e.appendValue(dst, x, r, deleted)
		if len(dst) == before {
			dst = dst[:mark]
			continue
		}
		at, known := p.byName[x.Name]
		if !known || !p.fields[at].whole {
			continue
		}
		to := &p.fields[at].destination
		if reason := refusal(to.kind, dst[before:]); reason != "" && !p.lenient {
			return dst, to.refused(reason, dst[before:])
		} else if reason != "" {
			e.Nulls++
		}
	}
	return append(dst, '}'), nil
}

func (e *Encoder) appendValue(dst []byte, x Extra, r *kgo.Record, deleted bool) []byte {
	switch x.From {
	case Deleted:
		return append(strconv.AppendBool(append(dst, '"'), deleted), '"')
	case DeletedBool:
		return strconv.AppendBool(dst, deleted)
	case OfEnvelope:
		switch x.Field {
		case "op":
			return append(dst, e.envelope.Op...)
		case "ts_ms":
			return append(dst, e.envelope.TsMs...)
		case "ts_us":
			return append(dst, e.envelope.TsUs...)
		case "ts_ns":
			return append(dst, e.envelope.TsNs...)
		}
		return dst
	case OfSource:
		return append(dst, find(e.envelope.Source, x.Field)...)
	case OfTransaction:
		return append(dst, find(e.envelope.Transaction, x.Field)...)
	case ChangeTime:
		if v := find(e.envelope.Source, "ts_us"); !isNull(v) {
			return appendEpoch(dst, v, time.Microsecond)
		}
		if v := find(e.envelope.Source, "ts_ms"); !isNull(v) {
			return appendEpoch(dst, v, time.Millisecond)
		}
		return append(dst, "null"...)
	case Topic:
		return appendString(dst, r.Topic)
	case Partition:
		return strconv.AppendInt(dst, int64(r.Partition), 10)
	case Offset:
		return strconv.AppendInt(dst, r.Offset, 10)
	case Timestamp:
		return r.Timestamp.UTC().AppendFormat(dst, `"2006-01-02T15:04:05.999Z"`)
	case Key:
		return appendBytes(dst, r.Key)
	case Headers:
		dst = append(dst, '{')
		for i, h := range r.Headers {
			if i > 0 {
				dst = append(dst, ',')
			}
			dst = append(appendString(dst, h.Key), ':')
			dst = appendBytes(dst, h.Value)
		}
		return append(dst, '}')
	}
	return dst
}

func appendEpoch(dst, v []byte, unit time.Duration) []byte {
	out, reason := epoch(unit, false)(dst, v)
	if reason != "" {
		return append(dst, "null"...)
	}
	return out
}

// appendBytes writes bytes of unknown kind: JSON as it is, other text as a string, null for none,
// anything else as a string of base64 would hide, so invalid bytes are replaced.
func appendBytes(dst, b []byte) []byte {
	switch {
	case b == nil:
		return append(dst, "null"...)
	case len(b) > 0 && (b[0] == '{' || b[0] == '[') && json.Valid(b):
		return append(dst, b...)
	}
	return appendString(dst, string(b))
}

func appendString(dst []byte, s string) []byte {
	if !utf8.ValidString(s) {
		s = strings.ToValidUTF8(s, "\uFFFD")
	}
	dst = append(dst, '"')
	for i := 0; i < len(s); i++ {
		switch c := s[i]; {
		case c == '"' || c == '\\':
			dst = append(dst, '\\', c)
		case c < 0x20:
			dst = fmt.Appendf(dst, `\u%04x`, c)
		default:
			dst = append(dst, c)
		}
	}
	return append(dst, '"')
}
