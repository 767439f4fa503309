package debezium

import (
	"fmt"
	"math"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/calypso-cdc/calypso/libs/record"
	"github.com/calypso-cdc/calypso/libs/transform"
)

// Writer writes records of any kind, such as rows that a query returned, through transforms and
// converters. It is used by one goroutine at a time.
type Writer struct {
	key, value record.Converter
	transforms *transform.Chain
}

// NewWriter makes a Writer. transforms may be nil.
func NewWriter(key, value record.Converter, transforms *transform.Chain) *Writer {
	return &Writer{key, value, transforms}
}

func writerOf(cfg *Config) Writer { return Writer{cfg.Key, cfg.Value, cfg.Transforms.Copy()} }

// newRecord makes a record of structs whose partition the producer chooses.
func newRecord(topic string, key, value *record.StructValue) *record.Record {
	return &record.Record{Topic: topic, Partition: -1, Offset: -1, KeySchema: key.Schema, Key: key,
		ValueSchema: value.Schema, Value: value}
}

// Append appends what the transforms make of a record, if they do not drop it.
func (w *Writer) Append(b *Batch, r *record.Record) error {
	if w.transforms != nil {
		var err error
		if r, err = w.transforms.Apply(r); err != nil || r == nil {
			return err
		}
	}
	at, err := recordTime(r.Timestamp)
	if err != nil {
		return fmt.Errorf("write the record for topic %s: %w", r.Topic, err)
	}
	key, err := w.key.Encode(nil, r.Topic, r.KeySchema, r.Key)
	if err != nil {
		return fmt.Errorf("convert the key for topic %s: %w", r.Topic, err)
	}
	value, err := w.value.Encode(nil, r.Topic, r.ValueSchema, r.Value)
	if err != nil {
		return fmt.Errorf("convert the value for topic %s: %w", r.Topic, err)
	}
	var headers []kgo.RecordHeader
	for _, h := range r.Headers {
		headers = append(headers, kgo.RecordHeader{Key: h.Key, Value: record.HeaderBytes(h.Schema, h.Value)})
	}
	b.add(r.Topic, key, value, headers)
	last := &b.Records[len(b.Records)-1]
	last.Partition, last.Timestamp = r.Partition, at
	return nil
}

// lastMillis is the last time that the Kafka client can write: it counts nanoseconds in 64 bits.
const lastMillis = math.MaxInt64 / int64(time.Millisecond)

// recordTime is the time that a transform gave a record, in milliseconds since the Unix epoch, 0
// for none. Kafka has no time before 1970: Kafka Connect's producer refuses a negative one as well.
func recordTime(millis int64) (time.Time, error) {
	switch {
	case millis == 0:
		return time.Time{}, nil
	case millis < 0:
		return time.Time{}, fmt.Errorf(
			"the transforms gave it the timestamp %d ms, which is before 1970; a Kafka record cannot have it", millis)
	case millis > lastMillis:
		return time.Time{}, fmt.Errorf(
			"the transforms gave it the timestamp %d ms, which is after 11 April 2262, the last that can be written", millis)
	}
	return time.UnixMilli(millis), nil
}
