package connector

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
	"google.golang.org/grpc/codes"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/types/known/timestamppb"

	connectorv1 "github.com/calypso-cdc/calypso/gen/calypso/connector/v1"
	"github.com/calypso-cdc/calypso/libs/connector/secret"
	"github.com/calypso-cdc/calypso/libs/kafka"
	"github.com/calypso-cdc/calypso/libs/telemetry"
)

const (
	// timelineRetention is how long events are kept in a topic that the runtime makes.
	timelineRetention = "2592000000" // 30 days, in milliseconds
	// maxEvents bounds an answer, scannedEvents how far back it is looked for; maxEventText bounds a text of an event in bytes.
	maxEvents     = 1000
	scannedEvents = 20_000
	maxEventText  = 8 << 10
)

// The timeline is a topic of one partition: one JSON object (connector.v1.Event) a record, with the connector's name as key, in the
// order of time. Its readers read it anew at each question.

func (s *service) GetCluster(ctx context.Context, _ *connectorv1.GetClusterRequest) (*connectorv1.GetClusterResponse, error) {
	metadata, err := s.store.admin.BrokerMetadata(ctx)
	if err != nil {
		return nil, storeUnavailable(err)
	}
	return &connectorv1.GetClusterResponse{KafkaClusterId: metadata.Cluster}, nil
}

func (s *service) AppendEvent(ctx context.Context, request *connectorv1.AppendEventRequest) (*connectorv1.AppendEventResponse, error) {
	if request.GetEvent().GetAction() == "" {
		return nil, invalidField("REQUEST_INVALID", "event.action", "an event needs an action")
	}
	if err := s.appendEvent(ctx, request.GetEvent()); err != nil {
		return nil, storeUnavailable(err)
	}
	return &connectorv1.AppendEventResponse{}, nil
}

// appendEvent returns when the event is durable.
func (w *Worker) appendEvent(ctx context.Context, event *connectorv1.Event) error {
	ctx, cancel := context.WithTimeout(ctx, w.config.StoreTimeout)
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
	// A producer asks for a topic that is not there for about as long as an event may take, so that is found out before.
	if err := w.makeTimeline(ctx); err != nil {
		return err
	}
	record := &kgo.Record{Topic: w.config.TimelineTopic, Key: []byte(event.Connector), Value: value}
	err = w.store.client.ProduceSync(ctx, record).FirstErr()
	if errors.Is(err, kerr.UnknownTopicOrPartition) || errors.Is(err, kerr.UnknownTopicID) { // it was deleted
		w.timelineThere.Store(false)
		if err = w.makeTimeline(ctx); err == nil {
			err = w.store.client.ProduceSync(ctx, record).FirstErr()
		}
	}
	if err != nil {
		return fmt.Errorf("append to topic %s: %w", w.config.TimelineTopic, err)
	}
	return nil
}

func clip(text string) string {
	if len(text) > maxEventText {
		text = text[:maxEventText] + "…"
	}
	return secret.Values(nil).Hide(text) // makes it valid UTF-8
}

// makeTimeline makes the topic unless it is there.
func (w *Worker) makeTimeline(ctx context.Context) error {
	if w.timelineThere.Load() {
		return nil
	}
	topics, err := w.store.admin.ListTopics(ctx, w.config.TimelineTopic)
	if err != nil {
		return fmt.Errorf("look for the topic %s: %w", w.config.TimelineTopic, err)
	}
	if found, asked := topics[w.config.TimelineTopic]; asked && found.Err == nil {
		w.timelineThere.Store(true)
		return nil
	}
	kept := map[string]*string{"cleanup.policy": kadm.StringPtr("delete"), "retention.ms": kadm.StringPtr(timelineRetention)}
	_, err = kafka.MakeTopic(ctx, w.store.admin, w.config.TimelineTopic, 1, w.config.ReplicationFactor, kept)
	if errors.Is(err, kerr.PolicyViolation) || errors.Is(err, kerr.InvalidConfig) {
		// A service with a shorter longest retention, such as Event Hubs' tier Standard, keeps events for as long as it keeps anything.
		_, err = kafka.MakeTopic(ctx, w.store.admin, w.config.TimelineTopic, 1, w.config.ReplicationFactor, nil)
	}
	if err != nil && !errors.Is(err, kerr.TopicAlreadyExists) {
		return fmt.Errorf("make the topic %s: %w", w.config.TimelineTopic, err)
	}
	w.store.client.ForceMetadataRefresh()
	w.timelineThere.Store(true)
	return nil
}

// happened notes what a worker did or saw by itself; that it cannot be noted is logged and stops nothing.
func (w *Worker) happened(action, connector, detail string) {
	w.noted.Go("event of a worker", func() {
		err := w.appendEvent(context.Background(), &connectorv1.Event{Actor: "worker " + w.config.WorkerID, Action: action, Connector: connector, Detail: detail})
		if err != nil {
			w.logger.Warn("an event could not be added to the timeline", "action", action, "connector", connector, "err", err)
		}
	}, func(err error) {
		w.logger.Error("an event could not be added to the timeline", "action", action, "connector", connector, "err", err)
	})
}

func (s *service) ListEvents(ctx context.Context, request *connectorv1.ListEventsRequest) (*connectorv1.ListEventsResponse, error) {
	most := int(request.GetPageSize())
	switch {
	case most == 0:
		most = 100
	case most < 0 || most > maxEvents:
		return nil, invalidField("REQUEST_INVALID", "page_size", fmt.Sprintf("page_size is %d, want 1 to %d", most, maxEvents))
	}
	ctx, cancel := context.WithTimeout(ctx, s.config.StoreTimeout)
	defer cancel()
	events, err := s.readTimeline(ctx, most, request.GetConnectors())
	if err != nil {
		return nil, failure(codes.Unavailable, ReasonStoreUnavailable, err.Error())
	}
	return &connectorv1.ListEventsResponse{Events: events}, nil
}

// readTimeline returns the latest events of the connectors, newest first.
func (w *Worker) readTimeline(ctx context.Context, most int, connectors []string) ([]*connectorv1.Event, error) {
	topic := w.config.TimelineTopic
	failed := func(err error) error { return fmt.Errorf("read topic %s: %w", topic, err) }
	ends, err := w.store.admin.ListEndOffsets(ctx, topic)
	if err != nil {
		return nil, failed(err)
	}
	starts, err := w.store.admin.ListStartOffsets(ctx, topic)
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
	client, err := kgo.NewClient(append(append([]kgo.Opt{}, w.config.Kafka...), kgo.FetchMaxWait(100*time.Millisecond),
		kgo.ConsumePartitions(map[string]map[int32]kgo.Offset{topic: {0: kgo.NewOffset().At(next)}}))...)
	if err != nil {
		return nil, failed(err)
	}
	defer client.Close()
	var events []*connectorv1.Event
	for next < end.Offset {
		fetches := client.PollFetches(ctx)
		if err := fetches.Err(); err != nil {
			return nil, failed(err)
		}
		fetches.EachRecord(func(r *kgo.Record) {
			next = r.Offset + 1
			event := &connectorv1.Event{}
			if len(connectors) > 0 && !slices.Contains(connectors, string(r.Key)) {
				return
			}
			if err := (protojson.UnmarshalOptions{DiscardUnknown: true}).Unmarshal(r.Value, event); err != nil {
				w.logger.Warn("an event of the timeline cannot be read and is left out", "topic", topic, telemetry.Passing("offset", r.Offset), "err", err)
				return
			}
			if events = append(events, event); len(events) > most {
				events = events[1:]
			}
		})
	}
	slices.Reverse(events)
	return events, nil
}
