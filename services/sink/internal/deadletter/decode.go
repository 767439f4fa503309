package deadletter

import (
	"bytes"
	"fmt"
	"time"
	"unicode/utf8"

	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/calypso-cdc/calypso/services/sink/internal/spec"

	"github.com/calypso-cdc/calypso/services/sink/internal/route"
	"github.com/calypso-cdc/calypso/services/sink/internal/row"
)

// maxDecoded is the size of a value in bytes above which it is not decoded: an answer would contain
// it four times.
const maxDecoded = 512 << 10

// Decoder shows what records say, as the connector's converters and transforms read them. One goroutine uses it.
type Decoder struct {
	// plain reads without transforms; nil where values are JSON or text anyway.
	plain *spec.Conversion
	Rows  *row.Encoder
}

// NewDecoder makes the decoder of a connector.
func NewDecoder(s *spec.Spec) *Decoder {
	d := &Decoder{}
	if s.NewTransform != nil {
		d.plain = s.NewTransform().Plain()
	}
	// A target without columns refuses and converts nothing.
	d.Rows = row.NewEncoder(s.NewRows(route.Route{}), row.Target{})
	return d
}

// Decoded is a record as the connector's own converters and transforms read it. Rows are JSON text,
// so that numbers keep all their digits.
type Decoded struct {
	// Key is JSON, or text.
	Key string
	// Op, Before and After are of a change event, as are its position in the source's log, as
	// PostgreSQL writes it, and its time, zero if it has none.
	Op, Before, After, SourceLSN string
	SourceTime                   time.Time
	// Row is the row after transforms, before values are converted for the table.
	Row string
	// Failure is why the record, or its row, cannot be decoded; empty if it can.
	Failure string
}

// Decode reads as much of a record as can be read. Its texts are valid UTF-8.
func (d *Decoder) Decode(r *kgo.Record) (out Decoded) {
	out.Key = text(d.key(r))
	if len(r.Value) > maxDecoded {
		out.Failure = fmt.Sprintf("the value has %d bytes, more than the %d up to which values are shown decoded",
			len(r.Value), maxDecoded)
		return out
	}
	value, err := d.value(r)
	if err != nil {
		out.Failure = text([]byte(err.Error()))
		return out
	}
	if change, ok := row.ReadChange(value); ok {
		out.Op, out.Before, out.After = change.Op, text(change.Before), text(change.After)
		if change.LSN > 0 {
			out.SourceLSN = fmt.Sprintf("%X/%X", change.LSN>>32, uint32(change.LSN))
		}
		out.SourceTime = change.Time
	}
	made, _, err := d.Rows.Append(nil, r)
	made = bytes.TrimSpace(made)
	switch _, isJSON := row.Payload(made); {
	case err != nil:
		out.Failure = text([]byte(err.Error()))
	case isJSON:
		out.Row = text(made)
	case len(made) > 0:
		out.Failure = "the converter passes values as they are, and this one is no JSON"
	}
	return out
}

// value is a record's value before transforms.
func (d *Decoder) value(r *kgo.Record) ([]byte, error) {
	if d.plain == nil {
		return r.Value, nil
	}
	read, err := d.plain.Apply(r)
	if err != nil {
		return nil, fmt.Errorf("the record cannot be decoded: %w", err)
	}
	return read.Value, nil
}

// key is a record's key as JSON, or as it is.
func (d *Decoder) key(r *kgo.Record) []byte {
	key := r.Key
	if d.plain != nil {
		if read, err := d.plain.KeyJSON(r); err == nil {
			key = read
		}
	}
	if payload, isJSON := row.Payload(key); isJSON {
		return payload
	}
	return key
}

// text is bytes as valid UTF-8.
func text(b []byte) string {
	if utf8.Valid(b) {
		return string(b)
	}
	return string(bytes.ToValidUTF8(b, []byte("\uFFFD")))
}
