package debezium

import (
	"errors"
	"fmt"
	"slices"

	"github.com/calypso-cdc/calypso/libs/pgmodel"
	"github.com/calypso-cdc/calypso/libs/record"
)

// program writes a record's key or value: bytes that all records of a shape share, with values of
// the event between them.
type program struct {
	frame
	steps []step
	// tail follows the last step, before the frame's end.
	tail []byte
	// null is true if the key or value is Kafka's null.
	null bool
}

// frame is the bytes that a converter puts around all values of a schema.
type frame struct{ open, end []byte }

// step writes one value.
type step struct {
	value unknown
	// id is the placeholder's ID.
	id int
	// literal precedes the value, whatever that is.
	literal []byte
	// column writes the value if it is a column's.
	column *columnPlan
	// Other values are written in the format out, after lead; null replaces a missing one.
	out        format
	lead, null []byte
	scratch    []byte
}

// append runs the program.
func (p *program) append(dst []byte, c *change) ([]byte, error) {
	var err error
	dst = append(dst, p.open...)
	for i := range p.steps {
		s := &p.steps[i]
		dst = append(dst, s.literal...)
		if s.value > inAfter {
			dst = s.appendField(dst, c)
		} else if dst, err = s.appendColumn(dst, c); err != nil {
			return dst, err
		}
	}
	return append(append(dst, p.tail...), p.end...), nil
}

func (s *step) appendColumn(dst []byte, c *change) ([]byte, error) {
	row, unsent, from := c.row, c.event.Before, c.event.origin()
	if s.value == inBefore || s.value == inKey && c.op == Delete {
		row, unsent, from = c.old, nil, fromStream
	}
	if s.column.index >= len(row) {
		return dst, outOfDate(row, s.column.index)
	}
	d := s.column.in(row, unsent)
	if c.known && s.value == inBefore && s.column.unknown(d) {
		return append(dst, s.column.absent...), nil
	}
	return s.column.append(dst, d, from, c.cfg)
}

// appendField appends a field of the envelope or one of its blocks.
func (s *step) appendField(dst []byte, c *change) []byte {
	var number int64
	var kind fieldKind
	switch number, s.scratch, kind = s.value.field(c, s.scratch[:0]); kind {
	case numberField:
		return s.out.integer(append(dst, s.lead...), number)
	case textField:
		return s.out.text(append(dst, s.lead...), s.scratch)
	}
	return append(dst, s.null...)
}

// errUnsupported is the error for a record that no program can write.
var errUnsupported = errors.New("the record cannot be written without its values")

// programmer compiles a program.
type programmer struct {
	cfg *Config
	rel *pgmodel.Relation
	// values holds what placeholders stand for, by ID.
	values []placed
	// compiled holds parts of programs made for other shapes, which have most columns in common.
	compiled *compiled
	out      format
	// literal collects the bytes before the next value.
	literal []byte
	program program
}

// compiled holds parts of programs that do not depend on their surroundings.
type compiled struct {
	frames  map[framed]frame
	columns map[planned]*columnPlan
}

// framed is what a frame depends on, planned what a columnPlan depends on unless something replaces
// null.
type (
	framed struct {
		converter record.Converter
		topic     string
		schema    *record.Schema
	}
	planned struct {
		plan   *columnPlan
		out    format
		schema *record.Schema // of the row, and of the field in which the column ended up
		field  *record.Schema
	}
)

// compile makes the program of a key or value; the converter writes the parts that are the same in
// all records. An error other than errUnsupported comes from the converter.
func (p programmer) compile(c record.Converter, topic string, s *record.Schema, value any) (program, error) {
	if !holdsPlaceholder(value) {
		constant, err := c.Encode(nil, topic, s, value)
		return program{tail: constant, null: constant == nil}, err
	}
	if s == nil {
		return program{}, errUnsupported
	}
	switch c := c.(type) {
	case *record.JSON:
		p.out = jsonFormat{c}
	case *record.Avro:
		if _, whole := value.(record.Placeholder); whole { // null would be Kafka's null
			return program{}, errUnsupported
		}
		p.out = avroFormat{c}
	default:
		return program{}, errUnsupported
	}
	if p.add(s, value) != nil {
		return program{}, errUnsupported
	}
	var err error
	p.program.tail = p.literal
	p.program.frame, err = p.compiled.frame(framed{c, topic, s})
	return p.program, err
}

// frame returns the bytes that a converter puts around values of a schema.
func (c *compiled) frame(of framed) (f frame, err error) {
	f, known := c.frames[of]
	if known {
		return f, nil
	}
	switch converter := of.converter.(type) {
	case *record.JSON:
		f.open, f.end, err = wrapping(converter, of.schema)
	case *record.Avro:
		f.open, err = converter.AppendHeader(nil, of.topic, of.schema)
	}
	if err == nil {
		c.frames[of] = f
	}
	return f, err
}

// holdsPlaceholder reports whether any part of a value is a placeholder.
func holdsPlaceholder(value any) bool {
	switch v := value.(type) {
	case record.Placeholder:
		return true
	case *record.StructValue:
		return v != nil && slices.ContainsFunc(v.Values, holdsPlaceholder)
	case []any:
		return slices.ContainsFunc(v, holdsPlaceholder)
	case record.Map:
		return slices.ContainsFunc(v, func(e record.Entry) bool { return holdsPlaceholder(e.Value) })
	}
	return false
}

// add adds the steps that write a value.
func (p *programmer) add(s *record.Schema, value any) (err error) {
	if !holdsPlaceholder(value) {
		p.literal, err = p.out.constant(p.literal, s, value)
		return err
	}
	switch v := value.(type) {
	case record.Placeholder:
		return p.addStep(s, v)
	case *record.StructValue:
		if v.Schema != s {
			break
		}
		p.literal = p.out.lead(p.literal, s)
		for i := range s.Fields {
			p.literal = p.out.member(p.literal, s, i)
			if err := p.add(s.Fields[i].Schema, v.Values[i]); err != nil {
				return fmt.Errorf("field %s: %w", s.Fields[i].Name, err)
			}
		}
		p.literal = p.out.end(p.literal)
		return nil
	}
	return errUnsupported
}

// addStep adds the step for a placeholder that ended up in a field of schema s.
func (p *programmer) addStep(s *record.Schema, of record.Placeholder) (err error) {
	in := p.values[of.ID]
	made := step{value: in.value, id: of.ID, literal: p.literal}
	if in.plan == nil {
		made.out, made.lead = p.out, p.out.lead(nil, s)
		made.null, _ = p.out.constant(nil, s, of.OrElse) // if null cannot be written, no value is null
	} else if made.column, err = p.column(in, s, of.OrElse); err != nil {
		return err
	}
	p.program.steps = append(p.program.steps, made)
	p.literal = nil
	return nil
}

// column plans a column for the format and the schema of the field in which it ended up.
func (p *programmer) column(in placed, s *record.Schema, orElse any) (*columnPlan, error) {
	key := planned{in.plan, p.out, in.schema, s}
	if c := p.compiled.columns[key]; c != nil && orElse == nil {
		return c, nil
	}
	c := *in.plan
	k := compiler{cfg: p.cfg, out: p.out}
	codec, ok := k.column(c.column)
	if !ok {
		return nil, errUnsupported
	}
	if err := codec.apply(c.mapping, c.column, p.rel.Streamed, p.out); err != nil {
		return nil, err
	}
	codec.schema = c.codec.schema
	c.codec, c.lead = codec, p.out.lead(nil, s)
	// The values that replace others are the same as in a record read from the JSON.
	stand := func(json []byte) []byte {
		if json == nil {
			return nil
		}
		value := orElse
		if string(json) != "null" {
			var err error
			if value, err = record.DecodeJSONValue(in.schema, json); err != nil {
				return nil
			}
		}
		written, err := p.out.constant(nil, s, value)
		if err != nil {
			return nil
		}
		return written
	}
	c.null, c.unchanged, c.absent = stand(c.null), stand(c.unchanged), stand([]byte("null"))
	if orElse == nil {
		p.compiled.columns[key] = &c
	}
	return &c, nil
}
