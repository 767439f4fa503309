package debezium

import (
	"slices"

	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/calypso-cdc/calypso/libs/pgmodel"
	"github.com/calypso-cdc/calypso/libs/record"
	"github.com/calypso-cdc/calypso/libs/transform"
)

// generic makes the records one by one that neither the direct path nor shapes can write: those of
// transforms that look into values, and of converters that write text. It builds each record from
// the JSON that the direct path writes, so that there is one description of every type; it allocates.
type generic struct {
	e *Encoder
	w Writer
}

func newGeneric(e *Encoder, chain *transform.Chain) *generic {
	return &generic{e, Writer{e.cfg.Key, e.cfg.Value, chain}}
}

func (g *generic) appendChange(b *Batch, ev *Event, op Op, before, after pgmodel.Tuple, headers []kgo.RecordHeader,
	offset int64) error {
	r, err := g.change(ev, op, before, after, headers, offset)
	if err != nil {
		return err
	}
	return g.w.Append(b, r)
}

// appendDelete appends a delete and its tombstone, which are transformed one after the other.
func (g *generic) appendDelete(b *Batch, ev *Event, headers []kgo.RecordHeader) error {
	r, err := g.change(ev, Delete, ev.Before, nil, headers, 0)
	if err != nil {
		return err
	}
	if !g.e.cfg.TombstonesOnDelete {
		return g.w.Append(b, r)
	}
	tombstone := &record.Record{Topic: r.Topic, Partition: -1, Offset: -1, Headers: slices.Clone(r.Headers)}
	if err := g.setKey(tombstone, Delete, ev.Before, nil, false); err != nil {
		return err
	}
	r.Tombstone = tombstone
	if err := g.w.Append(b, r); err != nil {
		return err
	}
	return g.w.Append(b, tombstone)
}

// change makes the record of a change event.
func (g *generic) change(ev *Event, op Op, before, after pgmodel.Tuple, headers []kgo.RecordHeader,
	offset int64) (*record.Record, error) {
	r := &record.Record{Topic: g.e.topic, Partition: -1, Offset: -1,
		Headers: recordHeaders(headers, g.e.context, ev.Headers)}
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
