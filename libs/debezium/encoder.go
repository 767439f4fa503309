package debezium

import (
	"bytes"
	"fmt"
	"strconv"

	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/calypso-cdc/calypso/libs/pgmodel"
	"github.com/calypso-cdc/calypso/libs/record"
)

// Encoder turns the events of one version of one relation into Kafka records.
//
// It is compiled once: names, schemas, the constant parts of the envelope and one function for each
// column are computed in advance, so that a row takes no allocation and no lookup. A new version of
// the relation needs a new Encoder. An Encoder is used by one goroutine at a time, since it keeps
// scratch space and the last source block.
type Encoder struct {
	rel   *pgmodel.Relation
	cfg   *Config
	topic string

	row    rowPlan // columns of before and after
	before rowPlan // differs from row only with KnownBefore
	key    rowPlan // empty if the table has no key
	// identity is made when AppendIdentity first needs it.
	identity *rowPlan

	schemas tableSchemas

	// keyOpen and keyClose surround the key's payload, valueOpen and valueClose the value's: with
	// schemas they are {"schema":…,"payload": and }, without they are empty.
	keyOpen, keyClose     []byte
	valueOpen, valueClose []byte

	source  sourceBlock
	context []kgo.RecordHeader
	generic *generic // nil if the bytes can be written directly: JSON converters and no transforms
	shapes  *shapes  // nil if generic has to make all records

	scratch []byte
}

// NewEncoder compiles an Encoder for a relation.
func NewEncoder(rel *pgmodel.Relation, cfg *Config) (*Encoder, error) {
	e := &Encoder{rel: rel, cfg: cfg, topic: cfg.TableTopic(rel.Schema, rel.Name), context: cfg.contextHeaders()}
	if err := e.compile(); err != nil {
		return nil, fmt.Errorf("compile the encoder of table %s.%s: %w", rel.Schema, rel.Name, err)
	}
	return e, nil
}

// Topic returns the topic of the relation's events, before transforms.
func (e *Encoder) Topic() string { return e.topic }

// Relation returns the relation for which the Encoder was compiled.
func (e *Encoder) Relation() *pgmodel.Relation { return e.rel }

// HasKey reports whether the relation's records have keys.
func (e *Encoder) HasKey() bool { return e.schemas.key != nil }

// Append appends the records of one event: none if the configuration skips it, one, or two with a
// tombstone. An update that changes the key becomes a delete, its tombstone and a create. Append
// returns how many change events that were, not counting tombstones; the order counters of a
// transaction advance by that. On an error nothing is appended.
func (e *Encoder) Append(b *Batch, ev *Event) (int, error) {
	before := b.Mark()
	n, err := e.appendEvent(b, ev)
	if err != nil {
		b.Rollback(before)
		return 0, fmt.Errorf("encode a change (op %c) of table %s.%s at LSN %X/%X: %w", ev.Op, e.rel.Schema, e.rel.Name,
			uint32(ev.Source.LSN>>32), uint32(ev.Source.LSN), err)
	}
	return n, nil
}

func (e *Encoder) appendEvent(b *Batch, ev *Event) (int, error) {
	if len(e.rel.Columns) == 0 && ev.Op != Truncate {
		return 0, nil // like Debezium: a row without columns has nothing to tell
	}
	switch ev.Op {
	case Update:
		if e.cfg.SkipUnchanged && e.unchanged(ev) {
			return 0, nil
		}
		changed, err := e.keyChanged(ev)
		if err != nil {
			return 0, err
		}
		if changed {
			return e.appendRekeyed(b, ev)
		}
		if e.cfg.Skipped.Has(Update) {
			return 0, nil
		}
		return 1, e.appendChange(b, ev, Update, ev.Before, ev.After, nil, 0)
	case Delete:
		if e.cfg.Skipped.Has(Delete) {
			return 0, nil
		}
		return 1, e.appendDelete(b, ev, nil)
	case Truncate:
		if e.cfg.Skipped.Has(Truncate) {
			return 0, nil
		}
		return 1, e.appendChange(b, ev, Truncate, nil, nil, nil, 0)
	case Create, Read:
		if e.cfg.Skipped.Has(ev.Op) {
			return 0, nil
		}
		return 1, e.appendChange(b, ev, ev.Op, nil, ev.After, nil, 0)
	}
	return 0, fmt.Errorf("operation %q is not a change of a table", ev.Op)
}

// appendRekeyed splits an update that changes the key: consumers that partition or compact by key
// must see the end of the old one.
func (e *Encoder) appendRekeyed(b *Batch, ev *Event) (int, error) {
	n := 0
	if !e.cfg.Skipped.Has(Delete) {
		value, err := e.keyHeader(ev.After, ev.Before)
		if err != nil {
			return 0, err
		}
		if err := e.appendDelete(b, ev, []kgo.RecordHeader{{Key: "__debezium.newkey", Value: value}}); err != nil {
			return 0, err
		}
		n++
	}
	if !e.cfg.Skipped.Has(Create) {
		value, err := e.keyHeader(ev.Before, nil)
		if err != nil {
			return 0, err
		}
		headers := []kgo.RecordHeader{{Key: "__debezium.oldkey", Value: value}}
		if err := e.appendChange(b, ev, Create, nil, ev.After, headers, int64(n)); err != nil {
			return 0, err
		}
		n++
	}
	return n, nil
}

// appendDelete appends a delete and its tombstone. The tombstone carries the delete's headers.
func (e *Encoder) appendDelete(b *Batch, ev *Event, headers []kgo.RecordHeader) error {
	if e.generic != nil {
		return e.appendRecord(b, change{event: ev, op: Delete, old: ev.Before}, headers)
	}
	if err := e.appendChange(b, ev, Delete, ev.Before, nil, headers, 0); err != nil {
		return err
	}
	if !e.cfg.TombstonesOnDelete {
		return nil
	}
	last := &b.Records[len(b.Records)-1]
	b.add(e.topic, last.Key, nil, last.Headers)
	return nil
}

// appendChange appends one record. offset is how many change events of ev precede it.
func (e *Encoder) appendChange(b *Batch, ev *Event, op Op, before, after pgmodel.Tuple, headers []kgo.RecordHeader,
	offset int64) error {
	if e.generic != nil {
		return e.appendRecord(b, change{event: ev, op: op, old: before, row: after, offset: offset}, headers)
	}
	buf := b.tail()
	var key []byte
	var err error
	if e.HasKey() && op != Truncate {
		of, old := after, ev.Before
		if op == Delete {
			of, old = before, nil
		}
		if buf, err = e.appendKeyValue(buf, of, old, ev.origin()); err != nil {
			return err
		}
		key = buf
	}
	if buf, err = e.appendEnvelope(buf, ev, op, before, after, offset); err != nil {
		return err
	}
	b.keep(buf)
	var value []byte
	if key != nil {
		n := len(key)
		key, value = buf[:n:n], buf[n:len(buf):len(buf)]
	} else {
		value = buf[:len(buf):len(buf)]
	}
	b.add(e.topic, key, value, b.joinHeaders(headers, e.context, ev.Headers))
	return nil
}

// appendRecord appends the records of a change that is not written directly.
func (e *Encoder) appendRecord(b *Batch, c change, headers []kgo.RecordHeader) error {
	c.cfg, c.known = e.cfg, e.before.known
	if e.shapes != nil {
		if done, err := e.shapes.append(b, c, headers); done {
			return err
		}
	}
	return e.generic.append(b, c, headers)
}

// appendKeyValue appends the key of a row; old supplies TOASTed values that t does not carry, and may be nil.
func (e *Encoder) appendKeyValue(dst []byte, t, old pgmodel.Tuple, from origin) ([]byte, error) {
	dst = append(dst, e.keyOpen...)
	dst, err := e.key.append(dst, t, old, from)
	return append(dst, e.keyClose...), err
}

// appendEnvelope appends the value of a change event.
func (e *Encoder) appendEnvelope(dst []byte, ev *Event, op Op, before, after pgmodel.Tuple,
	offset int64) ([]byte, error) {
	dst = append(dst, e.valueOpen...)
	dst, err := e.appendPayload(dst, ev, op, before, after, offset)
	return append(dst, e.valueClose...), err
}

func (e *Encoder) appendPayload(dst []byte, ev *Event, op Op, before, after pgmodel.Tuple,
	offset int64) ([]byte, error) {
	var err error
	dst = append(dst, `{"before":`...)
	if before == nil {
		dst = append(dst, "null"...)
	} else if dst, err = e.before.append(dst, before, nil, fromStream); err != nil {
		return dst, err
	}
	dst = append(dst, `,"after":`...)
	if after == nil {
		dst = append(dst, "null"...)
	} else if dst, err = e.row.append(dst, after, ev.Before, ev.origin()); err != nil {
		return dst, err
	}
	dst = e.source.append(append(dst, ','), &ev.Source)
	if t := ev.Transaction; t != nil {
		dst = append(append(append(dst, `,"transaction":{"id":"`...), t.ID...), `","total_order":`...)
		dst = strconv.AppendInt(dst, t.TotalOrder+offset, 10)
		dst = append(dst, `,"data_collection_order":`...)
		dst = append(strconv.AppendInt(dst, t.CollectionOrder+offset, 10), '}')
	} else {
		dst = append(dst, `,"transaction":null`...)
	}
	dst = append(dst, `,"op":"`...)
	dst = append(dst, byte(op), '"')
	dst = appendClock(dst, ev.Now)
	if e.cfg.ListUnchanged {
		dst = e.row.appendUnchanged(append(dst, `,"unchanged":`...), after, ev.Before)
	}
	return append(dst, '}'), nil
}

// appendClock appends the three members ts_ms, ts_us and ts_ns.
func appendClock(dst []byte, nanos int64) []byte {
	var text [20]byte
	ns := strconv.AppendInt(text[:0], nanos, 10)
	if nanos < 1e9 { // the clock is not set
		dst = strconv.AppendInt(append(dst, `,"ts_ms":`...), nanos/1e6, 10)
		dst = strconv.AppendInt(append(dst, `,"ts_us":`...), nanos/1e3, 10)
		return append(append(dst, `,"ts_ns":`...), ns...)
	}
	dst = append(append(dst, `,"ts_ms":`...), ns[:len(ns)-6]...)
	dst = append(append(dst, `,"ts_us":`...), ns[:len(ns)-3]...)
	return append(append(dst, `,"ts_ns":`...), ns...)
}

// keyChanged reports whether an update changes the key of its row. If PostgreSQL sends no old
// tuple, it does not.
func (e *Encoder) keyChanged(ev *Event) (bool, error) {
	if ev.Before == nil || !e.HasKey() {
		return false, nil
	}
	buf, err := e.key.append(e.scratch[:0], ev.Before, nil, fromStream)
	if err != nil {
		return false, err
	}
	n := len(buf)
	buf, err = e.key.append(buf, ev.After, ev.Before, fromStream)
	e.scratch = buf
	return !bytes.Equal(buf[:n], buf[n:]), err
}

// unchanged reports whether all columns that go into events are equal before and after.
func (e *Encoder) unchanged(ev *Event) bool {
	if ev.Before == nil {
		return false
	}
	buf, err := e.row.append(e.scratch[:0], ev.Before, nil, fromStream)
	n := len(buf)
	if err == nil {
		buf, err = e.row.append(buf, ev.After, ev.Before, fromStream)
	}
	e.scratch = buf
	return err == nil && bytes.Equal(buf[:n], buf[n:])
}

// keyHeader returns a row's key as Kafka Connect's SimpleHeaderConverter writes it. Key changes are rare: it allocates.
func (e *Encoder) keyHeader(t, old pgmodel.Tuple) ([]byte, error) {
	payload, err := e.key.append(nil, t, old, fromStream)
	if err != nil {
		return nil, err
	}
	value, err := record.DecodeJSONValue(e.schemas.key, payload)
	if err != nil {
		return nil, err
	}
	return record.HeaderBytes(e.schemas.key, value), nil
}
