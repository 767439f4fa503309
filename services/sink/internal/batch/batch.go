package batch

import (
	"bytes"
	"cmp"
	"strings"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"
	"go.opentelemetry.io/otel/trace"

	"github.com/calypso-cdc/calypso/libs/telemetry"
	"github.com/calypso-cdc/calypso/services/sink/internal/ledger"
	"github.com/calypso-cdc/calypso/services/sink/internal/memory"
	"github.com/calypso-cdc/calypso/services/sink/internal/row"
)

const (
	// Chunk is how many bytes of rows are gathered before they are compressed.
	Chunk = 128 << 10
	// maxLinks bounds how many traces one batch is linked with.
	maxLinks = 64
)

// Batch is the rows of a range of offsets, compressed as they come. It belongs to the partition
// until it is closed, then to its delivery.
type Batch struct {
	Cut ledger.Cut
	// Raw holds rows that are not compressed yet, gz what is.
	Raw  []byte
	Gz   zipped
	Size int64 // bytes of rows
	Rows int64
	// Streamed is set when the batch is closed: it is sent by streaming ingestion, which has no
	// tags.
	Streamed bool
	// Recorded is set when the batch is closed: its cut was made before this task read it, so it
	// may have been sent before.
	Recorded bool
	// Version is that of the table which its first row was written for.
	Version int
	// Through is the offset before which its rows came into the table, where its delivery failed; 0 if
	// none are known to have.
	Through int64
	// counts of what became no row, by kind
	Tombstones, Deletes, Others, Truncates int64
	// Refused are the records that cannot become rows; they are kept until they are dead letters.
	Refused []Refused
	// Oldest is when the first record was taken, newest the produce time of the last one.
	Oldest time.Time
	Newest time.Time
	Links  []Traced
	// AgeGroups are the rows by age.
	AgeGroups ageGroups
}

type Refused struct {
	Record *kgo.Record
	Reason error
}

// Copy is a copy of a record that does not keep alive the whole fetch it came in, which is
// megabytes.
func Copy(r *kgo.Record) *kgo.Record {
	c := *r
	c.Key, c.Value, c.Context = bytes.Clone(r.Key), bytes.Clone(r.Value), nil
	c.Headers = make([]kgo.RecordHeader, len(r.Headers))
	for i, h := range r.Headers {
		c.Headers[i] = kgo.RecordHeader{Key: strings.Clone(h.Key), Value: bytes.Clone(h.Value)}
	}
	return &c
}

// Traced is a record that carries a sampled trace.
type Traced struct {
	Context  trace.SpanContext
	Offset   int64
	Produced time.Time
	// Committed is the change's commit time, zero if the record does not say.
	Committed time.Time
}

// Add makes a record's row part of the batch. After an error the record is no row and not part of
// the batch; admit, if there is one, is asked last.
func (b *Batch) Add(e *row.Encoder, r *kgo.Record, admit func(*kgo.Record, row.Kind) error) error {
	if b.Oldest.IsZero() {
		b.Oldest = time.Now()
	}
	if r.Attrs.IsControl() { // the marker at a Kafka transaction's end, whose offset is passed like a record's
		return nil
	}
	before := len(b.Raw)
	raw, kind, err := e.Append(b.Raw, r)
	b.Raw = raw
	if err == nil && admit != nil {
		err = admit(r, kind)
	}
	if err != nil {
		b.Raw = b.Raw[:before]
		return err
	}
	b.Newest = r.Timestamp
	switch kind {
	case row.Row:
		b.Rows++
		b.Size += int64(len(raw) - before)
		b.AgeGroups.Add(e, r)
		b.link(e, r)
	case row.Tombstone:
		b.Tombstones++
	case row.DroppedDelete:
		b.Deletes++
	case row.NoRow:
		b.Others++
	case row.Truncate:
		b.Truncates++
	}
	if len(b.Raw) >= Chunk {
		b.Gz.Add(b.Raw)
		b.Raw = b.Raw[:0]
	}
	return nil
}

func (b *Batch) link(e *row.Encoder, r *kgo.Record) {
	if len(r.Headers) == 0 || len(b.Links) == maxLinks {
		return
	}
	for _, h := range r.Headers {
		if h.Key != "traceparent" {
			continue
		}
		if sc, ok := telemetry.SpanContext(string(h.Value)); ok && sc.IsSampled() {
			committed, _ := e.CommitTime(r)
			b.Links = append(b.Links, Traced{sc, r.Offset, r.Timestamp, committed})
		}
	}
}

// Close ends the compressed stream.
func (b *Batch) Close() {
	if b.Rows == 0 {
		return
	}
	if len(b.Raw) > 0 {
		b.Gz.Add(b.Raw)
	}
	b.Gz.end()
	b.Raw = nil
}

// FirstChange is when the oldest of the batch's rows was committed in the source, or produced where
// its record does not say; zero without rows. It is never later than when the batch took its first
// record, whatever the source's clock says.
func (b *Batch) FirstChange() time.Time {
	if len(b.AgeGroups.All) == 0 {
		return time.Time{}
	}
	first := b.AgeGroups.All[0]
	at := first.Produced
	if first.Dated > 0 {
		at = first.Committed
	}
	if b.Oldest.Before(at) {
		return b.Oldest
	}
	return at
}

// Memory is how many bytes the batch holds.
func (b *Batch) Memory() int64 {
	n := int64(b.Gz.Cap() + cap(b.Raw))
	for _, r := range b.Refused {
		n += memory.SizeOf([]*kgo.Record{r.Record})
	}
	return n
}

// Source names a partition.
type Source struct {
	Topic     string
	Partition int32
}

// Compare orders partitions by topic and number.
func (s Source) Compare(other Source) int {
	return cmp.Or(cmp.Compare(s.Topic, other.Topic), cmp.Compare(s.Partition, other.Partition))
}
