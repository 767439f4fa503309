package debezium

import (
	"slices"

	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/calypso-cdc/calypso/libs/record"
	"github.com/calypso-cdc/calypso/libs/transform"
)

// generic makes, one by one, the records that neither the direct path nor shapes can write: those
// of transforms that look at values, and of converters that write text. It fills the same templates
// as shapes, with values read from the columns' JSON, so that the envelope and every type are
// described only once. It allocates.
type generic struct {
	e         *Encoder
	w         Writer
	templates map[shape]*template
	scratch   []byte
}

func newGeneric(e *Encoder, chain *transform.Chain) *generic {
	return &generic{e: e, w: Writer{e.cfg.Key, e.cfg.Value, chain}, templates: map[shape]*template{}}
}

// append appends the record of a change; with op Delete also its tombstone; the two are transformed
// one after the other.
func (g *generic) append(b *Batch, c change, headers []kgo.RecordHeader) error {
	r, err := g.record(&c)
	if err != nil {
		return err
	}
	r.Headers = recordHeaders(headers, g.e.context, c.event.Headers)
	if c.op != Delete || !g.e.cfg.TombstonesOnDelete {
		return g.w.Append(b, r)
	}
	tombstone := &record.Record{Topic: r.Topic, Partition: -1, Offset: -1, KeySchema: r.KeySchema, Key: r.Key,
		Headers: slices.Clone(r.Headers)}
	r.Tombstone = tombstone
	if err := g.w.Append(b, r); err != nil {
		return err
	}
	return g.w.Append(b, tombstone)
}

// record makes the record of a change event, without headers.
func (g *generic) record(c *change) (*record.Record, error) {
	of := c.shape()
	t := g.templates[of]
	if t == nil {
		t = newTemplate(g.e, of)
		g.templates[of] = t
	}
	r := *t.record
	var err error
	if r.Key, err = t.fill(r.Key, c); err != nil {
		return nil, err
	}
	if r.Value, err = t.fill(r.Value, c); err != nil {
		return nil, err
	}
	if g.e.cfg.ListUnchanged {
		i := r.ValueSchema.Index("unchanged")
		g.scratch = g.e.row.appendUnchanged(g.scratch[:0], c.row, c.event.Before)
		r.Value.(*record.StructValue).Values[i], err = record.DecodeJSONValue(r.ValueSchema.Fields[i].Schema, g.scratch)
	}
	return &r, err
}
