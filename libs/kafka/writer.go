package kafka

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
)

// Writer appends records to topics with a client of its own, in batches that the topics and their
// brokers accept: it learns the brokers' restrictions from their answers. It is safe for concurrent
// use; writes are done one after the other, since records that are written together may share a
// batch.
//
// A record whose acknowledgement is lost is written again, and may then exist twice: Writer also
// works with brokers that give no producer ids, or only to some clients.
type Writer struct {
	connect Connect
	limits  *TopicLimits
	turn    chan struct{}

	// client belongs to the write whose turn it is.
	client *kgo.Client
	// restricted is set once the brokers have refused something that Apache Kafka accepts.
	restricted bool
}

// Connect makes a client. An implementation puts its own options, such as brokers and users'
// settings, between first and last; later options win.
type Connect func(first, last []kgo.Opt) (*kgo.Client, error)

// NewWriter makes a writer, which must be closed.
func NewWriter(connect Connect) (*Writer, error) {
	client, err := connect(writerOptions(), nil)
	if err != nil {
		return nil, err
	}
	limits := NewTopicLimits(func(string) *string { return nil }, 0)
	limits.Ask(client)
	return &Writer{connect: connect, client: client, limits: limits, turn: make(chan struct{}, 1)}, nil
}

func writerOptions() []kgo.Opt {
	// A record that is larger than its topic accepts may be small enough once it is compressed.
	return []kgo.Opt{kgo.ProducerBatchMaxBytes(mostLimit), kgo.RequiredAcks(kgo.AllISRAcks()),
		kgo.DisableIdempotentWrite()}
}

// Close closes the writer after its last write has returned.
func (w *Writer) Close() {
	w.turn <- struct{}{}
	w.client.Close()
	<-w.turn
}

// TooLargeError is the error for a record that is too large for its topic.
type TooLargeError struct {
	Record *kgo.Record
	// Limit is how many bytes the topic accepts, as far as that is known.
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
		err := w.write(ctx, records[:n], limit)
		if restrictions, told := restrictionsOf(err); told && !w.restricted {
			if err := w.restrict(restrictions); err != nil {
				return err
			}
			continue
		}
		if err != nil {
			return err
		}
		records = records[n:]
	}
	return nil
}

// restrict replaces the client by one that observes restrictions.
func (w *Writer) restrict(r Restrictions) error {
	client, err := w.connect(writerOptions(), r.Options())
	if err != nil {
		return err
	}
	w.client.Close()
	w.client, w.restricted = client, true
	w.limits.Ask(client)
	return nil
}

// Forget makes the next write ask the brokers again about a topic, which was re-created.
func (w *Writer) Forget(ctx context.Context, topic string) error {
	select {
	case w.turn <- struct{}{}:
		defer func() { <-w.turn }()
	case <-ctx.Done():
		return context.Cause(ctx)
	}
	w.client.PurgeTopicsFromProducing(topic)
	return nil
}

// write sends records that may share a batch. If the topic accepts less than expected, because its
// limit could not be read or was lowered, they are halved.
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
