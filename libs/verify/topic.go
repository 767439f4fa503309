package verify

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"
)

// silence is after how long without a record a consumer is replaced by a new one: in the midst of faults a fetch can be lost, and
// what is verified is the topic, not the consumer.
const silence = 10 * time.Second

// Topic reads the change events of a topic from its beginning to its end at the time of the call: what a read_committed
// consumer sees of it. The events are Debezium envelopes in JSON, with or without schema; tombstones are left out.
func Topic(ctx context.Context, brokers, topic string) ([]Change, error) {
	client, err := kgo.NewClient(kgo.SeedBrokers(brokers))
	if err != nil {
		return nil, fmt.Errorf("make a Kafka client: %w", err)
	}
	defer client.Close()
	admin := kadm.NewClient(client)
	starts, err := admin.ListStartOffsets(ctx, topic)
	if err == nil {
		err = starts.Error()
	}
	if err != nil {
		return nil, fmt.Errorf("find the start of topic %s: %w", topic, err)
	}
	ends, err := admin.ListCommittedOffsets(ctx, topic)
	if err == nil {
		err = ends.Error()
	}
	if err != nil {
		return nil, fmt.Errorf("find the end of topic %s: %w", topic, err)
	}
	r := reader{brokers: brokers, topic: topic, next: map[int32]int64{}, end: map[int32]int64{}}
	starts.Each(func(o kadm.ListedOffset) {
		if end, _ := ends.Lookup(topic, o.Partition); end.Offset > o.Offset {
			r.next[o.Partition], r.end[o.Partition] = o.Offset, end.Offset
		}
	})
	for len(r.next) > 0 {
		if err := r.read(ctx); err != nil {
			return nil, fmt.Errorf("read topic %s up to offsets %v, at %v: %w", topic, r.end, r.next, err)
		}
	}
	return r.changes, nil
}

// reader reads a topic up to an end.
type reader struct {
	brokers, topic string
	// next is the offset to read next of each partition whose end was not reached, end where the reading ends.
	next, end map[int32]int64
	changes   []Change
}

// read consumes until the end of every partition, or until nothing came for the time of silence.
func (r *reader) read(ctx context.Context) error {
	from := map[int32]kgo.Offset{}
	for p, next := range r.next {
		from[p] = kgo.NewOffset().At(next)
	}
	consumer, err := kgo.NewClient(kgo.SeedBrokers(r.brokers), kgo.ConsumePartitions(map[string]map[int32]kgo.Offset{r.topic: from}),
		kgo.FetchIsolationLevel(kgo.ReadCommitted()), kgo.FetchMaxWait(100*time.Millisecond),
		kgo.KeepControlRecords()) // the end may be a transaction marker
	if err != nil {
		return fmt.Errorf("make a consumer: %w", err)
	}
	defer consumer.Close()
	for len(r.next) > 0 {
		fetches, silent, err := poll(ctx, consumer)
		if silent || err != nil {
			return err
		}
		for _, record := range fetches.Records() {
			end := r.end[record.Partition]
			// What is behind the end also says that the end was reached: the last records before it may have been aborted.
			if record.Offset+1 >= end {
				delete(r.next, record.Partition)
			} else {
				r.next[record.Partition] = record.Offset + 1
			}
			if record.Offset >= end || record.Attrs.IsControl() || record.Value == nil {
				continue
			}
			change, err := ParseEvent(record)
			if err != nil {
				return err
			}
			r.changes = append(r.changes, change)
		}
	}
	return nil
}

// poll waits for records for the time of silence.
func poll(ctx context.Context, consumer *kgo.Client) (fetches kgo.Fetches, silent bool, err error) {
	wait, cancel := context.WithTimeout(ctx, silence)
	defer cancel()
	fetches = consumer.PollFetches(wait)
	if wait.Err() != nil && fetches.NumRecords() == 0 {
		return nil, true, ctx.Err()
	}
	return fetches, false, fetches.Err()
}

// envelope is a Debezium change event; with schema it is in payload.
type envelope struct {
	Payload json.RawMessage
	Before  json.RawMessage
	After   json.RawMessage
	Op      string
	Source  struct{ Schema, Table string }
}

// ParseEvent reads a change event from a record whose key and value are Debezium's JSON, with or without schema.
func ParseEvent(r *kgo.Record) (Change, error) {
	where := fmt.Sprintf("%s/%d@%d", r.Topic, r.Partition, r.Offset)
	var e envelope
	if err := json.Unmarshal(r.Value, &e); err != nil {
		return Change{}, fmt.Errorf("event %s: %w", where, err)
	}
	if e.Op == "" && e.Payload != nil {
		if err := json.Unmarshal(e.Payload, &e); err != nil {
			return Change{}, fmt.Errorf("payload of event %s: %w", where, err)
		}
	}
	var key struct{ Payload json.RawMessage }
	keyJSON := json.RawMessage(r.Key)
	if err := json.Unmarshal(r.Key, &key); err == nil && key.Payload != nil {
		keyJSON = key.Payload
	}
	c := Change{Table: e.Source.Schema + "." + e.Source.Table, Op: Op(e.Op), Where: where, Partition: r.Partition}
	var err error
	if c.Key, err = parseRow(keyJSON); err != nil {
		return Change{}, fmt.Errorf("key of event %s: %w", where, err)
	}
	if c.Op != Delete {
		if c.Row, err = parseRow(e.After); err != nil {
			return Change{}, fmt.Errorf("row of event %s: %w", where, err)
		}
	}
	return c, nil
}
