package runtime

import (
	"context"
	"encoding/json"
	"log/slog"
	"time"

	connectorv1 "github.com/calypso-cdc/calypso/gen/calypso/connector/v1"
	"github.com/calypso-cdc/calypso/libs/connector"
	"github.com/calypso-cdc/calypso/libs/connector/secret"
	"github.com/calypso-cdc/calypso/libs/connector/state"
	"github.com/calypso-cdc/calypso/libs/connector/store"
)

// environments makes the environments of tasks.
type environments struct {
	config *Config
	store  *store.Store
}

// of makes the environment of one of the tasks of a connector.
func (e *environments) of(id state.TaskID, tasks int, secrets secret.Values) connector.TaskEnv {
	logger := slog.New(secret.NewHandler(e.config.Logger.Handler(), secrets)).With("connector", id.Connector,
		"task", id.Task)
	retries := newRetryReporter(logger, secrets, time.Now)
	return connector.TaskEnv{
		Connector:    id.Connector,
		Task:         id.Task,
		Tasks:        tasks,
		WorkerID:     e.config.WorkerID,
		Kafka:        e.store.Client,
		OffsetsTopic: e.config.OffsetsTopic,
		Offsets: func(ctx context.Context) (map[string][]byte, error) {
			return e.store.Offsets.Offsets(ctx, id.Connector)
		},
		Schemas: connector.Schemas{
			Topic:             e.config.SchemasTopic,
			ReplicationFactor: e.config.ReplicationFactor,
			Versions: func(ctx context.Context) ([][]byte, error) {
				return e.store.Schemas.Values(ctx, id.Connector)
			},
			AllVersions: e.store.Schemas.All,
		},
		Started:        func() {},
		Doing:          func(string) {},
		BrokersAway:    e.store.Config().Reach.Why,
		UsedTopic:      func(topic string) error { return e.usedTopic(id, topic) },
		InternalTopics: e.store.Config().InternalTopics(),
		Retrying:       retries.report,
		Happened:       func(action, detail string) { e.happened(action, id.Connector, secrets.Hide(detail)) },
		Note: func(ctx context.Context, name string, note json.RawMessage) error {
			return e.note(ctx, id.Connector, name, note)
		},
		Notes:  func() map[string]json.RawMessage { return e.store.Known.StatusesOf(id.Connector).Notes },
		Hide:   secrets.Hide,
		Logger: logger,
	}
}

// usedTopic notes a topic once.
func (e *environments) usedTopic(id state.TaskID, topic string) error {
	if err := connector.RefuseInternal(e.store.Config().InternalTopics(), topic); err != nil {
		return err
	}
	if topic == "" || e.store.Known.StatusesOf(id.Connector).Topics[topic] {
		return nil
	}
	var record state.TopicRecord
	record.Topic.Name, record.Topic.Connector, record.Topic.Task = topic, id.Connector, id.Task
	record.Topic.DiscoverTimestamp = time.Now().UnixMilli()
	e.store.Report(id.Connector, state.Entry{Key: state.TopicStatusKey(id.Connector, topic), Value: record})
	return nil
}

// note writes a note of a connector, or removes it if its value is nil, and returns when that is durable.
func (e *environments) note(ctx context.Context, name, note string, value json.RawMessage) error {
	entry, err := state.Note(name, note, value)
	if _, there := e.store.Known.StatusesOf(name).Notes[note]; err != nil || value == nil && !there {
		return err
	}
	return e.store.Append(ctx, e.store.Config().StatusTopic, name, entry)
}

// happened adds to the timeline what this worker did or saw by itself.
func (e *environments) happened(action, name, detail string) {
	e.store.Timeline.Note(&connectorv1.Event{Actor: "worker " + e.config.WorkerID, Action: action, Connector: name,
		Detail: detail})
}
