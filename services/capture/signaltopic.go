package capture

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/calypso-cdc/calypso/libs/telemetry"
	"github.com/calypso-cdc/calypso/services/capture/internal/retry"
)

// followSignals obeys the records of the signal topic (signal.enabled.channels with kafka): the key is topic.prefix, the value
// {"id":…,"type":…,"data":{…}} as Debezium has it. Its position is part of the checkpoint; the first start begins at the
// topic's end, since older signals were not meant for this connector.
func (r *reader) followSignals(ctx context.Context) error {
	topic := r.settings.signals.kafkaTopic
	if topic == "" {
		return nil
	}
	at := kgo.NewOffset().AtEnd()
	if saved := r.producer.saved.signalOffset; saved > 0 {
		at = kgo.NewOffset().At(saved)
	}
	client, err := r.env.Kafka(kgo.ConsumePartitions(map[string]map[int32]kgo.Offset{topic: {0: at}}), kgo.FetchIsolationLevel(kgo.ReadCommitted()), kgo.FetchMaxWait(time.Second))
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
			r.env.Logger.Warn("The signal topic cannot be read; trying again", "topic", topic, "error", err)
		})
		if len(fetches.Errors()) > 0 && !retry.Sleep(ctx, time.Second) {
			return nil
		}
		for _, record := range fetches.Records() {
			if err := r.signalRecord(record); err != nil {
				return err
			}
		}
	}
}

func (r *reader) signalRecord(record *kgo.Record) error {
	b := r.stage.fill()
	defer r.stage.unlock()
	if b == nil {
		return nil
	}
	b.signalOffset, b.due = record.Offset+1, true
	if string(record.Key) != r.settings.prefix {
		return nil
	}
	var v struct {
		ID   string          `json:"id"`
		Type string          `json:"type"`
		Data json.RawMessage `json:"data"`
	}
	if err := json.Unmarshal(record.Value, &v); err != nil {
		r.env.Logger.Error("A record of the signal topic is not JSON", "topic", record.Topic, telemetry.Passing("offset", record.Offset), "error", err)
		return nil
	}
	data := string(v.Data)
	var text string
	if json.Unmarshal(v.Data, &text) == nil { // the data may be a string that holds JSON
		data = text
	}
	return r.signal(b, signal{id: v.ID, kind: v.Type, data: data})
}
