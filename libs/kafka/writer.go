package kafka

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
)

// Writer appends records to topics by a client of its own, in batches that the topics take. It is
// safe for concurrent use; writes follow one another, since what is written at once may share a
// batch.
type Writer struct {
	client *kgo.Client
	limits *TopicLimits
	turn   chan struct{}
}

// WriterOptions are what the client of a Writer must be made with.
func WriterOptions() []kgo.Opt {
	// A record that alone is larger than its topic takes may be small enough when it is compressed.
	return []kgo.Opt{kgo.ProducerBatchMaxBytes(mostLimit), kgo.RequiredAcks(kgo.AllISRAcks())}
}

// NewWriter writes by a client with WriterOptions, which stays the caller's to close and is to produce by nothing else.
func NewWriter(client *kgo.Client) *Writer {
	limits := NewTopicLimits(func(string) *string { return nil }, 0)
	limits.Ask(client)
	return &Writer{client: client, limits: limits, turn: make(chan struct{}, 1)}
}

// TooLargeError is the error of a record that its topic does not take.
type TooLargeError struct {
	Record *kgo.Record
	// Limit is what the topic takes, in bytes, as far as that is known.
	Limit int
	Err   error
}

func (e *TooLargeError) Error() string {
	return fmt.Sprintf(
		"a record of %d bytes is too large for topic %s, which takes %d bytes: raise its max.message.bytes (kafka-configs.sh --alter --entity-type topics --entity-name %[2]s --add-config max.message.bytes=%d): %v",
		RecordSize(e.Record), e.Record.Topic, e.Limit, RecordSize(e.Record)+RecordSize(e.Record)/8, e.Err)
}

// Unwrap returns the broker's or the client's error.
func (e *TooLargeError) Unwrap() error { return e.Err }

// Write returns when the records, all of one topic, are durable. After an error some may be.
func (w *Writer) Write(ctx context.Context, records ...*kgo.Record) error {
	if len(records) == 0 {
		return nil
	}
	select {
	case w.turn <- struct{}{}:
		defer func() { <-w.turn }()
	case <-ctx.Done():
		return context.Cause(ctx)
	}
	limit := w.limits.Of(ctx, records[0].Topic)
	for len(records) > 0 {
		n, size := 1, RecordSize(records[0])
		for n < len(records) && size+RecordSize(records[n]) <= limit {
			size += RecordSize(records[n])
			n++
		}
		if err := w.write(ctx, records[:n], limit); err != nil {
			return err
		}
		records = records[n:]
	}
	return nil
}

// write sends records that may share a batch. Where the topic takes less than was thought, since
// its limit may not be asked or was lowered, they are halved.
func (w *Writer) write(ctx context.Context, records []*kgo.Record, limit int) error {
	var failure error
	refused := map[*kgo.Record]bool{}
	for _, result := range w.client.ProduceSync(ctx, records...) {
		switch {
		case errors.Is(result.Err, kerr.MessageTooLarge), errors.Is(result.Err, kerr.RecordListTooLarge):
			failure, refused[result.Record] = result.Err, true
		case result.Err != nil:
			return result.Err
		}
	}
	if failure == nil {
		return nil
	}
	if len(records) == 1 {
		return &TooLargeError{Record: records[0], Limit: limit, Err: failure}
	}
	left := slices.DeleteFunc(slices.Clone(records), func(r *kgo.Record) bool { return !refused[r] })
	for half := range slices.Chunk(left, (len(left)+1)/2) {
		if err := w.write(ctx, half, limit); err != nil {
			return err
		}
	}
	return nil
}
