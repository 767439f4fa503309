package verify

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"
)

// TopicReader reads the change events of a topic as a read_committed consumer sees them: Debezium's envelopes in JSON,
// with or without schema; tombstones are left out. Make it with NewTopicReader.
type TopicReader struct {
	brokers, topic string
	// next is the offset to read next in each partition; without one, reading begins at the start.
	next map[int32]int64
}

// NewTopicReader makes a reader of a topic from its beginning.
func NewTopicReader(brokers, topic string) *TopicReader {
	return &TopicReader{brokers, topic, map[int32]int64{}}
}

// Topic reads all change events of a topic up to its end at the time of the call.
func Topic(ctx context.Context, brokers, topic string) ([]Change, error) {
	var changes []Change
	err := NewTopicReader(brokers, topic).Read(ctx, func(c Change) { changes = append(changes, c) })
	return changes, err
}

// Read calls note for each change event from where the last call ended, with an error or not, up to the topic's end at
// the time of the call.
func (r *TopicReader) Read(ctx context.Context, note func(Change)) error {
	client, err := kgo.NewClient(kgo.SeedBrokers(r.brokers), kgo.FetchIsolationLevel(kgo.ReadCommitted()),
		kgo.FetchMaxWait(100*time.Millisecond),
		kgo.KeepControlRecords()) // the end may be a transaction marker
	if err != nil {
		return fmt.Errorf("make a Kafka client: %w", err)
	}
	defer client.Close()
	ends, err := r.rest(ctx, client)
	for err == nil && len(ends) > 0 {
		fetches := client.PollFetches(ctx)
		if err := fetches.Err(); err != nil {
			return fmt.Errorf("read topic %s to its end %v, at offsets %v: %w", r.topic, ends, r.next, err)
		}
		fetches.EachRecord(func(record *kgo.Record) {
			// What is behind the end also says that the end was reached: the last records before it may have been aborted.
			if record.Offset >= ends[record.Partition] {
				r.next[record.Partition] = max(r.next[record.Partition], ends[record.Partition])
				return
			}
			r.next[record.Partition] = record.Offset + 1
			if record.Attrs.IsControl() || record.Value == nil {
				return
			}
			c, parse := ParseEvent(record)
			if parse != nil {
				err = cmp.Or(err, parse)
				return
			}
			note(c)
		})
		maps.DeleteFunc(ends, func(p int32, end int64) bool { return r.next[p] >= end })
	}
	return err
}

// rest makes the client consume what is left to read, and returns the end of each partition that
// has something left.
func (r *TopicReader) rest(ctx context.Context, client *kgo.Client) (map[int32]int64, error) {
	admin := kadm.NewClient(client)
	starts, err := admin.ListStartOffsets(ctx, r.topic)
	if err == nil {
		err = starts.Error()
	}
	if err != nil {
		return nil, fmt.Errorf("find the start of topic %s: %w", r.topic, err)
	}
	listed, err := admin.ListCommittedOffsets(ctx, r.topic)
	if err == nil {
		err = listed.Error()
	}
	if err != nil {
		return nil, fmt.Errorf("find the end of topic %s: %w", r.topic, err)
	}
	ends, from := map[int32]int64{}, map[int32]kgo.Offset{}
	starts.Each(func(o kadm.ListedOffset) {
		next := max(o.Offset, r.next[o.Partition])
		if end, _ := listed.Lookup(r.topic, o.Partition); end.Offset > next {
			ends[o.Partition], from[o.Partition] = end.Offset, kgo.NewOffset().At(next)
		}
	})
	client.AddConsumePartitions(map[string]map[int32]kgo.Offset{r.topic: from})
	return ends, nil
}

// envelope is a Debezium change event; with schema it is in payload.
type envelope struct {
	Payload json.RawMessage
	Before  json.RawMessage
	After   json.RawMessage
	Op      string
	Source  struct {
		Schema, Table string
		LSN           uint64
		TxID          int64
	}
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
	c := Change{Table: e.Source.Schema + "." + e.Source.Table, Op: Op(e.Op), Where: where, Partition: r.Partition,
		LSN: e.Source.LSN, Transaction: e.Source.TxID}
	var err error
	if c.Key, err = parseRow(keyJSON); err != nil {
		return Change{}, fmt.Errorf("key of event %s: %w", where, err)
	}
	if c.Before, err = parseRow(e.Before); err != nil {
		return Change{}, fmt.Errorf("row before event %s: %w", where, err)
	}
	if c.Op != Delete {
		if c.Row, err = parseRow(e.After); err != nil {
			return Change{}, fmt.Errorf("row of event %s: %w", where, err)
		}
	}
	return c, nil
}
