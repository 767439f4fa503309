package verify

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"
)

// Topic reads the change events of a topic from its beginning to its end at the time of the call: what a read_committed
// consumer sees of it. The events are Debezium envelopes in JSON, with or without schema; tombstones are left out.
func Topic(ctx context.Context, brokers, topic string) ([]Change, error) {
	client, err := kgo.NewClient(kgo.SeedBrokers(brokers), kgo.FetchIsolationLevel(kgo.ReadCommitted()),
		kgo.FetchMaxWait(100*time.Millisecond),
		kgo.KeepControlRecords()) // the end may be a transaction marker
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
	// position is the next offset of each partition that has something left to read.
	position := map[int32]int64{}
	partitions := map[int32]kgo.Offset{}
	starts.Each(func(o kadm.ListedOffset) {
		if end, _ := ends.Lookup(topic, o.Partition); end.Offset > o.Offset {
			position[o.Partition] = o.Offset
			partitions[o.Partition] = kgo.NewOffset().At(o.Offset)
		}
	})
	client.AddConsumePartitions(map[string]map[int32]kgo.Offset{topic: partitions})
	var changes []Change
	for len(position) > 0 {
		fetches := client.PollFetches(ctx)
		if err := fetches.Err(); err != nil {
			return nil, fmt.Errorf("read topic %s to its end %v, at offsets %v: %w", topic, ends.Offsets(), position, err)
		}
		var broken error
		fetches.EachRecord(func(r *kgo.Record) {
			// What is behind the end also says that the end was reached: the last records before it may have been aborted.
			position[r.Partition] = r.Offset + 1
			end, _ := ends.Lookup(topic, r.Partition)
			if r.Offset >= end.Offset || r.Attrs.IsControl() || r.Value == nil {
				return
			}
			c, err := ParseEvent(r)
			if err != nil && broken == nil {
				broken = err
			}
			changes = append(changes, c)
		})
		if broken != nil {
			return nil, broken
		}
		maps.DeleteFunc(position, func(p int32, next int64) bool {
			end, _ := ends.Lookup(topic, p)
			return next >= end.Offset
		})
	}
	return changes, nil
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
