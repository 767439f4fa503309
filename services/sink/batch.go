package sink

import (
	"bytes"
	"strings"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"
	"go.opentelemetry.io/otel/trace"

	"github.com/calypso-cdc/calypso/libs/telemetry"
	"github.com/calypso-cdc/calypso/services/sink/internal/ledger"
	"github.com/calypso-cdc/calypso/services/sink/internal/row"
)

const (
	// chunk is how many bytes of rows are gathered before they are compressed.
	chunk = 128 << 10
	// maxLinks bounds how many traces one batch is linked with.
	maxLinks = 64
)

// batch is the rows of a range of offsets, compressed as they come. It belongs to the partition until it is closed, then to its
// delivery.
type batch struct {
	cut ledger.Cut
	// raw holds rows that are not compressed yet, gz what is.
	raw  []byte
	gz   zipped
	size int64 // bytes of rows
	rows int64
	// streamed is set when the batch is closed: it goes by streaming ingestion, which has no tags.
	streamed bool
	// recorded is set when the batch is closed: its cut was made before this task read it, so that it may have been sent before.
	recorded bool
	// counts of what became no row, by kind
	tombstones, deletes, others, truncates int64
	// refused are the records that cannot be rows; they are kept until they are dead letters.
	refused []refusedRecord
	// oldest is when the first record was taken, newest the produce time of the last one.
	oldest time.Time
	newest time.Time
	links  []tracedRecord
	// cohorts are the rows by age.
	cohorts cohorts
}

type refusedRecord struct {
	record *kgo.Record
	reason error
}

// kept is a copy of a record that does not hold the whole fetch it came in, which is megabytes.
func kept(r *kgo.Record) *kgo.Record {
	c := *r
	c.Key, c.Value, c.Context = bytes.Clone(r.Key), bytes.Clone(r.Value), nil
	c.Headers = make([]kgo.RecordHeader, len(r.Headers))
	for i, h := range r.Headers {
		c.Headers[i] = kgo.RecordHeader{Key: strings.Clone(h.Key), Value: bytes.Clone(h.Value)}
	}
	return &c
}

// tracedRecord is a record that carries a sampled trace.
type tracedRecord struct {
	context  trace.SpanContext
	offset   int64
	produced time.Time
	// committed is the change's commit time, zero if the record does not say.
	committed time.Time
}

// add makes a record's row part of the batch. An error says that the record is no row; it is not part of the batch then.
func (b *batch) add(e *row.Encoder, r *kgo.Record) error {
	if b.oldest.IsZero() {
		b.oldest = time.Now()
	}
	if r.Attrs.IsControl() { // the marker at a Kafka transaction's end, whose offset is passed like a record's
		return nil
	}
	before := len(b.raw)
	raw, kind, err := e.Append(b.raw, r)
	b.raw = raw
	if err != nil {
		return err
	}
	b.newest = r.Timestamp
	switch kind {
	case row.Row:
		b.rows++
		b.size += int64(len(raw) - before)
		b.cohorts.add(e, r)
		b.link(e, r)
	case row.Tombstone:
		b.tombstones++
	case row.DroppedDelete:
		b.deletes++
	case row.NoRow:
		b.others++
	case row.Truncate:
		b.truncates++
	}
	if len(b.raw) >= chunk {
		b.gz.add(b.raw)
		b.raw = b.raw[:0]
	}
	return nil
}

func (b *batch) link(e *row.Encoder, r *kgo.Record) {
	if len(r.Headers) == 0 || len(b.links) == maxLinks {
		return
	}
	for _, h := range r.Headers {
		if h.Key != "traceparent" {
			continue
		}
		if sc, ok := telemetry.SpanContext(string(h.Value)); ok && sc.IsSampled() {
			committed, _ := e.CommitTime(r)
			b.links = append(b.links, tracedRecord{sc, r.Offset, r.Timestamp, committed})
		}
	}
}

// close ends the compressed stream.
func (b *batch) close() {
	if b.rows == 0 {
		return
	}
	if len(b.raw) > 0 {
		b.gz.add(b.raw)
	}
	b.gz.end()
	b.raw = nil
}

// memory is how many bytes the batch holds.
func (b *batch) memory() int64 {
	n := int64(b.gz.Cap() + cap(b.raw))
	for _, r := range b.refused {
		n += sizeOf([]*kgo.Record{r.record})
	}
	return n
}
