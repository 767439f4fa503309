package store

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync/atomic"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/types/known/timestamppb"

	connectorv1 "github.com/calypso-cdc/calypso/gen/calypso/connector/v1"
	"github.com/calypso-cdc/calypso/libs/connector/secret"
	"github.com/calypso-cdc/calypso/libs/contain"
	"github.com/calypso-cdc/calypso/libs/kafka"
	"github.com/calypso-cdc/calypso/libs/telemetry"
)

const (
	// timelineRetention is how long events are kept if the runtime creates the topic.
	timelineRetention = "2592000000" // 30 days, in milliseconds
	// scannedEvents is how many of the last events are searched; maxEventText bounds a text of an
	// event in bytes.
	scannedEvents = 20_000
	maxEventText  = 8 << 10
)

// Timeline is a topic with one partition. Each record is one JSON object (connector.v1.Event) with
// the connector's name as its key, in the order of time. Nothing is kept in memory: each call of
// Read reads the topic.
type Timeline struct {
	config Config
	client *kgo.Client
	admin  *kadm.Client
	// there is true once this process has seen or created the topic.
	there atomic.Bool
	// noted are the events that are being added in the background.
	noted contain.Waiting
}

func newTimeline(config Config, client *kgo.Client) *Timeline {
	return &Timeline{config: config, client: client, admin: kadm.NewClient(client)}
}

// Append returns when the event is durable.
func (t *Timeline) Append(ctx context.Context, event *connectorv1.Event) error {
	ctx, cancel := context.WithTimeout(ctx, t.config.Timeout)
	defer cancel()
	event = &connectorv1.Event{Time: event.GetTime(), Actor: clip(event.GetActor()), Action: clip(event.GetAction()),
		Connector: clip(event.GetConnector()), Detail: clip(event.GetDetail()), Error: clip(event.GetError())}
	if event.Time == nil {
		event.Time = timestamppb.Now()
	}
	value, err := protojson.Marshal(event)
	if err != nil {
		return fmt.Errorf("write an event: %w", err)
	}
	// A producer would keep asking for a missing topic for about as long as an event may take, so that
	// is found out first.
	if err := t.make(ctx); err != nil {
		return err
	}
	record := &kgo.Record{Topic: t.config.TimelineTopic, Key: []byte(event.Connector), Value: value}
	err = kafka.Produce(ctx, t.client, record)
	if errors.Is(err, kerr.UnknownTopicOrPartition) || errors.Is(err, kerr.UnknownTopicID) { // it was deleted
		t.there.Store(false)
		if err = t.make(ctx); err == nil {
			t.client.PurgeTopicsFromProducing(t.config.TimelineTopic) // otherwise it goes on with the old topic's id
			err = kafka.Produce(ctx, t.client, record)
		}
	}
	if err != nil {
		return fmt.Errorf("append to topic %s: %w", t.config.TimelineTopic, err)
	}
	return nil
}

func clip(text string) string {
	if len(text) > maxEventText {
		text = text[:maxEventText] + "…"
	}
	return secret.Values(nil).Hide(text) // makes it valid UTF-8
}

// make creates the topic unless it exists.
func (t *Timeline) make(ctx context.Context) error {
	if t.there.Load() {
		return nil
	}
	topics, err := t.admin.ListTopics(ctx, t.config.TimelineTopic)
	if err != nil {
		return fmt.Errorf("look for the topic %s: %w", t.config.TimelineTopic, err)
	}
	if found, asked := topics[t.config.TimelineTopic]; asked && found.Err == nil {
		t.there.Store(true)
		return nil
	}
	kept := map[string]*string{"cleanup.policy": kadm.StringPtr("delete"),
		"retention.ms": kadm.StringPtr(timelineRetention)}
	_, err = kafka.MakeTopic(ctx, t.admin, t.config.TimelineTopic, 1, t.config.ReplicationFactor, kept)
	if errors.Is(err, kerr.PolicyViolation) || errors.Is(err, kerr.InvalidConfig) {
		// A service that does not allow so long a retention, such as Event Hubs in its tier Standard,
		// keeps events as long as its default says.
		_, err = kafka.MakeTopic(ctx, t.admin, t.config.TimelineTopic, 1, t.config.ReplicationFactor, nil)
	}
	if err != nil && !errors.Is(err, kerr.TopicAlreadyExists) {
		return fmt.Errorf("make the topic %s: %w", t.config.TimelineTopic, err)
	}
	t.client.ForceMetadataRefresh()
	t.there.Store(true)
	return nil
}

// Note adds an event in the background; a failure is logged and has no other effect.
func (t *Timeline) Note(event *connectorv1.Event) {
	failed := func(err error) {
		t.config.Logger.With("action", event.GetAction(), "connector",
			event.GetConnector()).Warn("an event could not be added to the timeline", "err", err)
	}
	t.noted.Go("event of a worker", func() {
		if err := t.Append(context.Background(), event); err != nil {
			failed(err)
		}
	}, failed)
}

// Wait waits until every event of Note was added, or could not be.
func (t *Timeline) Wait() { t.noted.Wait() }

// Read returns the latest events of the connectors, or of all if none is named, newest first and at
// most that many.
func (t *Timeline) Read(ctx context.Context, most int, connectors []string) ([]*connectorv1.Event, error) {
	ctx, cancel := context.WithTimeout(ctx, t.config.Timeout)
	defer cancel()
	topic := t.config.TimelineTopic
	failed := func(err error) error { return fmt.Errorf("read topic %s: %w", topic, err) }
	ends, err := t.admin.ListEndOffsets(ctx, topic)
	if err != nil {
		return nil, failed(err)
	}
	starts, err := t.admin.ListStartOffsets(ctx, topic)
	if err != nil {
		return nil, failed(err)
	}
	end, _ := ends.Lookup(topic, 0)
	start, known := starts.Lookup(topic, 0)
	if errors.Is(end.Err, kerr.UnknownTopicOrPartition) || !known {
		return nil, nil // nothing has happened yet
	}
	if err := errors.Join(end.Err, start.Err); err != nil {
		return nil, failed(err)
	}
	next := max(start.Offset, end.Offset-scannedEvents)
	if next >= end.Offset {
		return nil, nil
	}
	connect := func(options ...kgo.Opt) (*kgo.Client, error) {
		return kgo.NewClient(append(append([]kgo.Opt{}, t.config.Kafka...), options...)...)
	}
	var events []*connectorv1.Event
	err = kafka.ReadUntil(ctx, connect, topic, map[int32]int64{0: next}, map[int32]int64{0: end.Offset},
		func(r *kgo.Record) {
			event := &connectorv1.Event{}
			if r.Attrs.IsControl() || len(connectors) > 0 && !slices.Contains(connectors, string(r.Key)) {
				return
			}
			if err := (protojson.UnmarshalOptions{DiscardUnknown: true}).Unmarshal(r.Value, event); err != nil {
				t.config.Logger.Warn("an event of the timeline cannot be read and is left out", "topic", topic,
					telemetry.Passing("offset", r.Offset), "err", err)
				return
			}
			if events = append(events, event); len(events) > most {
				events = events[1:]
			}
		}, kgo.FetchMaxWait(100*time.Millisecond))
	if err != nil {
		return nil, failed(err)
	}
	slices.Reverse(events)
	return events, nil
}
