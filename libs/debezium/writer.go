package debezium

import (
	"github.com/calypso-cdc/calypso/libs/record"
	"github.com/calypso-cdc/calypso/libs/transform"
)

// Writer writes records that are not change events, such as rows that a query returned: through
// transforms and converters. It is used by one goroutine at a time.
type Writer struct{ p pipeline }

// NewWriter makes a Writer. transforms may be nil.
func NewWriter(key, value record.Converter, transforms *transform.Chain) *Writer {
	return &Writer{pipeline{&Config{Key: key, Value: value, Transforms: transforms}}}
}

// Append appends what comes of a record, if anything does.
func (w *Writer) Append(b *Batch, r *record.Record) error { return w.p.append(b, r) }
