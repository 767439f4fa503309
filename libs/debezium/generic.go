package debezium

import (
	"fmt"
	"github.com/calypso-cdc/calypso/libs/pgmodel"
	"slices"

	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/calypso-cdc/calypso/libs/record"
)

// generic is the path of records that go through transforms or a converter other than JSON. It
// builds each record from the JSON that the direct path writes, so that there is one description of
// every type; it allocates.
type generic struct {
	e *Encoder
	p pipeline
}

func newGeneric(e *Encoder) *generic { return &generic{e: e, p: pipeline{cfg: e.cfg}} }

func (g *generic) appendChange(b *Batch, ev *Event, op Op, before, after pgmodel.Tuple, headers []kgo.RecordHeader,
	offset int64) error {
	r, err := g.change(ev, op, before, after, headers, offset)
	if err != nil {
		return err
	}
	return g.p.append(b, r)
}

// appendDelete appends a delete and its tombstone, which are transformed one after the other.
func (g *generic) appendDelete(b *Batch, ev *Event, headers []kgo.RecordHeader) error {
	r, err := g.change(ev, Delete, ev.Before, nil, headers, 0)
	if err != nil {
		return err
	}
	if !g.e.cfg.TombstonesOnDelete {
		return g.p.append(b, r)
	}
	tombstone := &record.Record{Topic: r.Topic, Partition: -1, Offset: -1, Headers: slices.Clone(r.Headers)}
	if err := g.setKey(tombstone, Delete, ev.Before, nil, false); err != nil {
		return err
	}
	r.Tombstone = tombstone
	if err := g.p.append(b, r); err != nil {
		return err
	}
	return g.p.append(b, tombstone)
}

// change makes the record of a change event.
func (g *generic) change(ev *Event, op Op, before, after pgmodel.Tuple, headers []kgo.RecordHeader,
	offset int64) (*record.Record, error) {
	r := &record.Record{Topic: g.e.topic, Partition: -1, Offset: -1}
	for _, list := range [][]kgo.RecordHeader{headers, g.e.context, ev.Headers} {
		for _, h := range list {
			r.Headers = append(r.Headers, record.Header{Key: h.Key, Schema: record.OptionalOf(record.String),
				Value: string(h.Value)})
		}
	}
	of, old := after, ev.Before
	if op == Delete {
		of, old = before, nil
	}
	if err := g.setKey(r, op, of, old, ev.Op == Read); err != nil {
		return nil, err
	}
	payload, err := g.e.appendPayload(nil, ev, op, before, after, offset)
	if err != nil {
		return nil, err
	}
	r.ValueSchema = g.e.schemas.envelope
	r.Value, err = record.DecodeJSONValue(r.ValueSchema, payload)
	return r, err
}

func (g *generic) setKey(r *record.Record, op Op, t, old pgmodel.Tuple, snapshot bool) error {
	if !g.e.HasKey() || op == Truncate {
		return nil
	}
	payload, err := g.e.key.append(nil, t, old, snapshot)
	if err != nil {
		return err
	}
	r.KeySchema = g.e.schemas.key
	r.Key, err = record.DecodeJSONValue(r.KeySchema, payload)
	return err
}

// pipeline transforms and converts records.
type pipeline struct{ cfg *Config }

// append runs a record through the transforms and the converters and appends what comes out, if anything does.
func (p *pipeline) append(b *Batch, r *record.Record) error {
	if p.cfg.Transforms != nil {
		var err error
		if r, err = p.cfg.Transforms.Apply(r); err != nil || r == nil {
			return err
		}
	}
	key, err := p.cfg.Key.Encode(nil, r.Topic, r.KeySchema, r.Key)
	if err != nil {
		return fmt.Errorf("convert the key for topic %s: %w", r.Topic, err)
	}
	value, err := p.cfg.Value.Encode(nil, r.Topic, r.ValueSchema, r.Value)
	if err != nil {
		return fmt.Errorf("convert the value for topic %s: %w", r.Topic, err)
	}
	var headers []kgo.RecordHeader
	for _, h := range r.Headers {
		headers = append(headers, kgo.RecordHeader{Key: h.Key, Value: record.HeaderBytes(h.Schema, h.Value)})
	}
	b.add(r.Topic, key, value, headers)
	b.Records[len(b.Records)-1].Partition = r.Partition
	return nil
}
