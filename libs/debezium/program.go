package debezium

import (
	"errors"
	"fmt"
	"slices"
	"strconv"

	"github.com/calypso-cdc/calypso/libs/pgmodel"
	"github.com/calypso-cdc/calypso/libs/record"
)

// program writes a record's key or value: bytes that all records of a shape have, and values of the
// event between them.
type program struct {
	steps []step
	// tail stands after the last step.
	tail []byte
	// null says that it is Kafka's null.
	null bool
}

// step writes one value, with the bytes before it.
type step struct {
	value unknown
	out   format
	// id is the placeholder's.
	id int
	// column is set where the value is a column's. Its lead, and what stands for a value, begin with
	// the bytes before it; absent are those and null.
	column columnPlan
	absent []byte
	// lead stands before other values, null in their place.
	lead, null []byte
	scratch    []byte
}

// unknown is a value that differs from event to event.
type unknown byte

const (
	inKey unknown = iota // columns of rows
	inBefore
	inAfter

	sourceMillis
	sourceSnapshot
	sourceSequence
	sourceMicros
	sourceNanos
	sourceTxID
	sourceLSN
	sourceOrigin
	sourceOriginLSN

	transactionOf
	transactionOrder
	transactionCollectionOrder

	nowMillis
	nowMicros
	nowNanos
)

// change is an event with what differs between the records that it becomes.
type change struct {
	*Event
	op Op
	// old and row are the row before and after, as far as the change event has them.
	old, row pgmodel.Tuple
	// offset is how many change events of the Event have gone before this one.
	offset int64
	// known leaves out of before what PostgreSQL did not send.
	known bool
	cfg   *Config
}

// append runs the program.
func (p *program) append(dst []byte, c *change) ([]byte, error) {
	var err error
	for i := range p.steps {
		s := &p.steps[i]
		if s.value > inAfter {
			dst = s.appendField(dst, c)
		} else if dst, err = s.appendColumn(dst, c); err != nil {
			return dst, err
		}
	}
	return append(dst, p.tail...), nil
}

func (s *step) appendColumn(dst []byte, c *change) ([]byte, error) {
	row, unsent, snapshot := c.row, c.Before, c.Op == Read
	if s.value == inBefore || s.value == inKey && c.op == Delete {
		row, unsent, snapshot = c.old, nil, false
	}
	if s.column.index >= len(row) {
		return dst, outOfDate(row, s.column.index)
	}
	d := s.column.in(row, unsent)
	if c.known && s.value == inBefore && s.column.unknown(d) {
		return append(dst, s.absent...), nil
	}
	return s.column.append(dst, d, snapshot, c.cfg)
}

// appendField appends a field of the envelope or one of its blocks.
func (s *step) appendField(dst []byte, c *change) []byte {
	src := &c.Source
	integer := func(v int64) []byte { return s.out.integer(append(dst, s.lead...), v) }
	text := func(v string) []byte {
		s.scratch = append(s.scratch[:0], v...)
		return s.out.text(append(dst, s.lead...), s.scratch)
	}
	switch s.value {
	case sourceMillis:
		return integer(floorDiv(src.CommitTime, 1000))
	case sourceSnapshot:
		if src.Snapshot != NotSnapshot {
			return text(string(src.Snapshot))
		}
	case sourceSequence:
		s.scratch = appendSequence(s.scratch[:0], src)
		return s.out.text(append(dst, s.lead...), s.scratch)
	case sourceMicros:
		return integer(src.CommitTime)
	case sourceNanos:
		return integer(src.CommitTime * 1000)
	case sourceTxID:
		if src.HasTx {
			return integer(int64(src.TxID))
		}
	case sourceLSN:
		if src.HasLSN {
			return integer(int64(src.LSN))
		}
	case sourceOrigin:
		if src.Origin != "" {
			return text(src.Origin)
		}
	case sourceOriginLSN:
		if src.Origin != "" {
			return integer(int64(src.OriginLSN))
		}
	case transactionOf:
		return text(c.Transaction.ID)
	case transactionOrder:
		return integer(c.Transaction.TotalOrder + c.offset)
	case transactionCollectionOrder:
		return integer(c.Transaction.CollectionOrder + c.offset)
	case nowMillis:
		return integer(c.Now / 1e6)
	case nowMicros:
		return integer(c.Now / 1e3)
	case nowNanos:
		return integer(c.Now)
	}
	return append(dst, s.null...)
}

// appendSequence appends source.sequence: the commit before the transaction, and the change.
func appendSequence(dst []byte, src *Source) []byte {
	position := func(lsn uint64) {
		if lsn == 0 {
			dst = append(dst, "null"...)
			return
		}
		dst = append(strconv.AppendUint(append(dst, '"'), lsn, 10), '"')
	}
	dst = append(dst, '[')
	position(src.LastCommit)
	dst = append(dst, ',')
	position(src.LSN)
	return append(dst, ']')
}

// errUnsupported is of a record that no program can write.
var errUnsupported = errors.New("the record cannot be written without its values")

// programmer compiles a program.
type programmer struct {
	cfg *Config
	rel *pgmodel.Relation
	// values are what placeholders stand for, by their ID.
	values []placed
	out    format
	// literal is what stands before the next value.
	literal []byte
	program program
}

// placed is what a placeholder stands for.
type placed struct {
	value unknown
	// plan and schema are of the column.
	plan   *columnPlan
	schema *record.Schema
}

// compile makes the program of a key or value, whose converter is asked for what does not differ
// from record to record. An error that is not errUnsupported is the converter's.
func (p programmer) compile(c record.Converter, topic string, s *record.Schema, value any) (program, error) {
	if !holdsPlaceholder(value) {
		constant, err := c.Encode(nil, topic, s, value)
		return program{tail: constant, null: constant == nil}, err
	}
	if s == nil {
		return program{}, errUnsupported
	}
	var end []byte
	var err error
	switch c := c.(type) {
	case *record.JSON:
		p.out = jsonFormat{c}
		p.literal, end, err = wrapping(c, s)
	case *record.Avro:
		if _, whole := value.(record.Placeholder); whole { // null would be Kafka's
			return program{}, errUnsupported
		}
		p.out = avroFormat{}
		p.literal, err = c.AppendHeader(nil, topic, s)
	default:
		return program{}, errUnsupported
	}
	if err != nil {
		return program{}, err
	}
	if p.add(s, value) != nil {
		return program{}, errUnsupported
	}
	p.program.tail = append(p.literal, end...)
	return p.program, nil
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

// add adds what writes a value.
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

// addStep adds the step of a placeholder that has come into a field of the schema.
func (p *programmer) addStep(s *record.Schema, of record.Placeholder) error {
	in := p.values[of.ID]
	made := step{value: in.value, out: p.out, id: of.ID}
	if in.plan == nil {
		made.lead = p.out.lead(slices.Clone(p.literal), s)
		made.null, _ = p.standIn(s, of.OrElse) // no value is null where that cannot be written
	} else if err := p.planColumn(&made, in, s, of); err != nil {
		return err
	}
	p.program.steps = append(p.program.steps, made)
	p.literal = nil
	return nil
}

// standIn is what is written in the place of a value, with the bytes before it.
func (p *programmer) standIn(s *record.Schema, value any) ([]byte, error) {
	return p.out.constant(slices.Clone(p.literal), s, value)
}

// planColumn compiles the column of a step for its format and the schema of the field that it has come into.
func (p *programmer) planColumn(made *step, in placed, s *record.Schema, of record.Placeholder) error {
	made.column = *in.plan
	c := &made.column
	k := compiler{cfg: p.cfg, out: p.out}
	codec, ok := k.column(c.column)
	if !ok {
		return errUnsupported
	}
	if err := codec.apply(c.mapping, c.column, p.rel.Streamed, p.out); err != nil {
		return err
	}
	codec.schema = c.codec.schema
	c.codec, c.lead = codec, p.out.lead(slices.Clone(p.literal), s)
	// What stands for values is the same as in a record that is made of its JSON.
	stand := func(json []byte) []byte {
		if json == nil {
			return nil
		}
		value := of.OrElse
		if string(json) != "null" {
			var err error
			if value, err = record.DecodeJSONValue(in.schema, json); err != nil {
				return nil
			}
		}
		written, err := p.standIn(s, value)
		if err != nil {
			return nil
		}
		return written
	}
	c.null, c.unchanged, made.absent = stand(c.null), stand(c.unchanged), stand([]byte("null"))
	return nil
}
