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
	"github.com/calypso-cdc/calypso/services/capture/internal/status"
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
	var failed error
	for {
		var fetches kgo.Fetches
		fetches, failed = poll(ctx, client, failed != nil)
		if ctx.Err() != nil {
			return nil
		}
		n.signalsRead(topic, failed)
		if failed != nil && !retry.Sleep(ctx, time.Second) {
			return nil
		}
		for _, record := range fetches.Records() {
			if err := n.signalRecord(record); err != nil {
				return err
			}
		}
	}
}

// quiet is how long reading must go on without another error, after it failed, until it counts as
// succeeded: signals are rare, so that no record may come, and the client tries again more often
// than this.
const quiet = 5 * time.Second

// poll waits for records or an error. After a failure it also returns once reading has gone on for
// a while (quiet) without either.
func poll(ctx context.Context, client *kgo.Client, afterFailure bool) (fetches kgo.Fetches, failed error) {
	within := ctx
	if afterFailure {
		var cancel context.CancelFunc
		within, cancel = context.WithTimeout(ctx, quiet)
		defer cancel()
	}
	fetches = client.PollFetches(within)
	fetches.EachError(func(_ string, _ int32, err error) {
		if within.Err() == nil || !errors.Is(err, within.Err()) {
			failed = err
		}
	})
	return fetches, failed
}

// endOfSignals finds where the signal topic ends now, and makes that the position from which a
// later start goes on, so that signals sent in between are obeyed then. A topic that does not exist
// ends where it will begin.
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
		n.signalsRead(topic, err)
		if err == nil {
			if o, ok := ends.Lookup(topic, 0); ok {
				end = o.Offset
			}
			break
		}
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

// signalsRead reports whether the signal topic could be read; reading is tried until it can.
func (n *Snapshots) signalsRead(topic string, err error) {
	if err != nil {
		err = fmt.Errorf("read signal topic %s: %w", topic, err)
		n.d.Log.Warn("signals of the signal topic wait until it can be read; trying again", "err", err)
	}
	n.d.Status.Observe(status.Worked{Work: status.SignalTopic, Err: err,
		Remedy: "Make sure that the topic of signal.kafka.topic exists and that the worker may read it."})
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
		n.d.Happened("SignalLeftOut", fmt.Sprintf("the record at offset %d of topic %s is not JSON: %v", record.Offset,
			record.Topic, err))
		return nil
	}
	data := string(v.Data)
	var text string
	if json.Unmarshal(v.Data, &text) == nil { // the data may be a string that holds JSON
		data = text
	}
	switch s := (Signal{ID: v.ID, Kind: Kind(v.Type), Data: data}); s.Kind {
	case windowOpen, windowClose:
		return nil // marks come through the stream: elsewhere they say nothing about its order
	default:
		return n.obey(b, s)
	}
}
