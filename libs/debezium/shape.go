package debezium

import (
	"errors"
	"fmt"

	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/calypso-cdc/calypso/libs/record"
	"github.com/calypso-cdc/calypso/libs/transform"
)

// shapes writes records by programs. For the first event of a shape, a record of placeholders
// passes the transforms; the places where these come out tell what to write for all events of that
// shape.
type shapes struct {
	e     *Encoder
	chain *transform.Chain
	// known holds the shapes seen so far; a shape is nil if its records have to be made one by one.
	known    map[shape]*shaped
	last     shape
	current  *shaped // of last
	compiled compiled
	change   change
	scratch  []byte
}

// shaped is what the events of a shape are turned into.
type shaped struct {
	records []shapedRecord
	// unused are columns that end up in no record. They are converted anyway: whether a value can be
	// converted must not depend on the transforms.
	unused []step
}

// shapedRecord is one record into which the events of a shape are turned.
type shapedRecord struct {
	topic      string
	partition  int32
	key, value program
	headers    []kgo.RecordHeader
}

// newShapes makes the shapes of an encoder; nil if its records have to be made one by one.
func newShapes(e *Encoder, chain *transform.Chain) *shapes {
	written := func(c record.Converter) bool {
		switch c.(type) {
		case *record.JSON, *record.Avro:
			return true
		}
		return false
	}
	if e.cfg.ListUnchanged || !written(e.cfg.Key) || !written(e.cfg.Value) || !chain.Structural() {
		return nil
	}
	return &shapes{e: e, chain: chain, known: map[shape]*shaped{},
		compiled: compiled{map[framed]frame{}, map[planned]*columnPlan{}}}
}

// append appends the records of a change, with op Delete also its tombstone. It returns false if
// the records have to be made one by one.
func (s *shapes) append(b *Batch, c change, headers []kgo.RecordHeader) (bool, error) {
	if s.chain != nil && len(headers)+len(c.event.Headers) > 0 {
		return false, nil // a transform may look for such headers
	}
	of := c.shape()
	if s.current == nil || s.last != of {
		current, known := s.known[of]
		if !known {
			var err error
			if current, err = s.compile(of); err != nil {
				return true, err
			}
			s.known[of] = current
		}
		s.last, s.current = of, current
	}
	if s.current == nil {
		return false, nil
	}
	s.change = c // so that it does not escape to the heap
	for i := range s.current.unused {
		var err error
		if s.scratch, err = s.current.unused[i].appendColumn(s.scratch[:0], &s.change); err != nil {
			return true, err
		}
	}
	for i := range s.current.records {
		r := &s.current.records[i]
		with := r.headers
		if s.chain == nil {
			with = b.joinHeaders(headers, s.e.context, c.event.Headers)
		}
		if err := r.append(b, &s.change, with); err != nil {
			return true, err
		}
	}
	return true, nil
}

// append appends the record of one change.
func (r *shapedRecord) append(b *Batch, c *change, headers []kgo.RecordHeader) error {
	buf, err := r.key.append(b.tail(), c)
	if err != nil {
		return err
	}
	n := len(buf)
	if buf, err = r.value.append(buf, c); err != nil {
		return err
	}
	b.keep(buf)
	key, value := buf[:n:n], buf[n:len(buf):len(buf)]
	if r.key.null {
		key = nil
	}
	if r.value.null {
		value = nil
	}
	b.add(r.topic, key, value, headers)
	b.Records[len(b.Records)-1].Partition = r.partition
	return nil
}

// compile makes the programs of a shape; nil, without an error, if there cannot be any.
func (s *shapes) compile(of shape) (*shaped, error) {
	t := newTemplate(s.e, of)
	first, values := t.record, len(t.values)
	if s.chain != nil {
		first.Headers = recordHeaders(s.e.context)
	}
	made := []*record.Record{first}
	if of.op == Delete && s.e.cfg.TombstonesOnDelete {
		made = append(made, t.tombstone(s.e))
	}
	out := new(shaped)
	used := map[int]bool{}
	for _, r := range made {
		if s.chain != nil {
			var err error
			if r, err = s.chain.Apply(r); err != nil {
				return nil, nil // with real values the transforms may succeed, or give a better error
			}
		}
		if r == nil {
			continue
		}
		written, err := s.program(t.values, r)
		if errors.Is(err, errUnsupported) {
			return nil, nil
		}
		if err != nil {
			return nil, err
		}
		out.records = append(out.records, written)
		for _, p := range []program{written.key, written.value} {
			for i := range p.steps {
				used[p.steps[i].id] = true
			}
		}
	}
	for id, v := range t.values[:values] {
		if v.plan != nil && !used[id] {
			out.unused = append(out.unused, step{value: v.value, column: v.plan})
		}
	}
	return out, nil
}

// program compiles one record.
func (s *shapes) program(values []placed, r *record.Record) (out shapedRecord, err error) {
	out.topic, out.partition = r.Topic, r.Partition
	for _, h := range r.Headers {
		if holdsPlaceholder(h.Value) {
			return out, errUnsupported
		}
		out.headers = append(out.headers, kgo.RecordHeader{Key: h.Key, Value: record.HeaderBytes(h.Schema, h.Value)})
	}
	p := programmer{cfg: s.e.cfg, rel: s.e.rel, values: values, compiled: &s.compiled}
	if out.key, err = p.compile(s.e.cfg.Key, r.Topic, r.KeySchema, r.Key); err != nil {
		return out, fmt.Errorf("convert the key for topic %s: %w", r.Topic, err)
	}
	if out.value, err = p.compile(s.e.cfg.Value, r.Topic, r.ValueSchema, r.Value); err != nil {
		return out, fmt.Errorf("convert the value for topic %s: %w", r.Topic, err)
	}
	return out, nil
}

// recordHeaders returns headers in the form that transforms see.
func recordHeaders(lists ...[]kgo.RecordHeader) (headers []record.Header) {
	for _, list := range lists {
		for _, h := range list {
			headers = append(headers, record.Header{Key: h.Key, Schema: record.OptionalOf(record.String),
				Value: string(h.Value)})
		}
	}
	return headers
}
