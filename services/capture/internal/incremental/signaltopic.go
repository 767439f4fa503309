package incremental

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/calypso-cdc/calypso/libs/telemetry"
	"github.com/calypso-cdc/calypso/services/capture/internal/retry"
)

// Follow obeys the records of the signal topic (signal.enabled.channels with kafka): the key is
// topic.prefix, the value {"id":…,"type":…,"data":{…}} as Debezium has it. Its position is part of
// the checkpoint; without one, which is nil, it begins at the topic's end, since older signals were
// not meant for this connector.
func (n *Snapshots) Follow(ctx context.Context, saved *int64) error {
	topic := n.d.Spec.Signals.Topic
	if topic == "" {
		return nil
	}
	if saved == nil {
		end, err := n.endOfSignals(ctx, topic)
		if err != nil || ctx.Err() != nil {
			return err
		}
		saved = &end
	}
	client, err := n.d.Kafka(
		kgo.ConsumePartitions(map[string]map[int32]kgo.Offset{topic: {0: kgo.NewOffset().At(*saved)}}),
		kgo.FetchIsolationLevel(kgo.ReadCommitted()), kgo.FetchMaxWait(time.Second))
	if err != nil {
		return fmt.Errorf("make the client that reads signal topic %s: %w", topic, err)
	}
	defer client.Close()
	for {
		fetches := client.PollFetches(ctx)
		if ctx.Err() != nil {
			return nil
		}
		fetches.EachError(func(_ string, _ int32, err error) {
			n.d.Log.Warn("the signal topic cannot be read; trying again", "topic", topic, "err", err)
		})
		if len(fetches.Errors()) > 0 && !retry.Sleep(ctx, time.Second) {
			return nil
		}
		for _, record := range fetches.Records() {
			if err := n.signalRecord(record); err != nil {
				return err
			}
		}
	}
}

// endOfSignals finds where the signal topic ends now, and makes it the position that a later start
// goes on at: signals of the time in between are obeyed then. A topic that is not there ends where
// it will begin.
func (n *Snapshots) endOfSignals(ctx context.Context, topic string) (end int64, err error) {
	client, err := n.d.Kafka()
	if err != nil {
		return 0, fmt.Errorf("make the client that looks at signal topic %s: %w", topic, err)
	}
	defer client.Close()
	for {
		var ends kadm.ListedOffsets
		if ends, err = kadm.NewClient(client).ListEndOffsets(ctx, topic); err == nil {
			err = ends.Error()
		}
		if ctx.Err() != nil {
			return 0, nil
		}
		if errors.Is(err, kerr.UnknownTopicOrPartition) {
			break
		}
		if err == nil {
			if o, ok := ends.Lookup(topic, 0); ok {
				end = o.Offset
			}
			break
		}
		n.d.Log.Warn("the end of the signal topic cannot be found; trying again", "topic", topic, "err", err)
		if !retry.Sleep(ctx, time.Second) {
			return 0, nil
		}
	}
	if b := n.d.Buffer.Fill(); b != nil {
		b.SignalOffset, b.Due = &end, true
	}
	n.d.Buffer.Unlock()
	return end, nil
}

func (n *Snapshots) signalRecord(record *kgo.Record) error {
	b := n.d.Buffer.Fill()
	defer n.d.Buffer.Unlock()
	if b == nil {
		return nil
	}
	next := record.Offset + 1
	b.SignalOffset, b.Due = &next, true
	if string(record.Key) != n.d.Spec.Prefix {
		return nil
	}
	var v struct {
		ID   string          `json:"id"`
		Type string          `json:"type"`
		Data json.RawMessage `json:"data"`
	}
	if err := json.Unmarshal(record.Value, &v); err != nil {
		n.d.Log.Error("a record of the signal topic is not JSON", "topic", record.Topic,
			telemetry.Passing("offset", record.Offset), "err", err)
		return nil
	}
	data := string(v.Data)
	var text string
	if json.Unmarshal(v.Data, &text) == nil { // the data may be a string that holds JSON
		data = text
	}
	switch s := (Signal{ID: v.ID, Kind: Kind(v.Type), Data: data}); s.Kind {
	case windowOpen, windowClose:
		return nil // marks come through the stream: elsewhere they say nothing of its order
	default:
		return n.obey(b, s)
	}
}
