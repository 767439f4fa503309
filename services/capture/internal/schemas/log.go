package schemas

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/calypso-cdc/calypso/libs/connector"
	"github.com/calypso-cdc/calypso/libs/kafka"
	"github.com/calypso-cdc/calypso/services/capture/internal/history"
)

// Log is where a connector's versions of tables are kept.
type Log struct{ env connector.TaskEnv }

// New returns the log of the environment's connector.
func New(env connector.TaskEnv) Log { return Log{env} }

// Make makes the topic, unless it is there.
func (l Log) Make(ctx context.Context) error {
	client, err := l.env.Kafka()
	if err != nil {
		return fmt.Errorf("make a Kafka client: %w", err)
	}
	defer client.Close()
	set := map[string]*string{"cleanup.policy": kadm.StringPtr("compact")}
	_, err = kafka.MakeTopic(ctx, kadm.NewClient(client), l.env.Schemas.Topic, 1, l.env.Schemas.ReplicationFactor, set)
	if err != nil && !errors.Is(err, kerr.TopicAlreadyExists) {
		return fmt.Errorf("make the compacted topic %s: %w", l.env.Schemas.Topic, err)
	}
	return nil
}

// Read reads the connector's versions.
func (l Log) Read(ctx context.Context) (*history.History, error) {
	h := history.New()
	values, err := l.env.Schemas.Versions(ctx)
	for _, value := range values {
		v := new(history.Version)
		if err := json.Unmarshal(value, v); err != nil {
			l.env.Logger.Error("a version of a table cannot be read and is left out", "topic", l.env.Schemas.Topic, "err", err)
			continue
		}
		h.Apply(v)
	}
	return h, err
}

// Absent reports whether Read found no topic: nothing has been kept yet.
func Absent(err error) bool { return errors.Is(err, kerr.UnknownTopicOrPartition) }

// Record is a version as the topic has it.
func (l Log) Record(v *history.Version) (*kgo.Record, error) {
	key, err := json.Marshal([]any{l.env.Connector, v.Table, v.Number})
	if err != nil {
		return nil, fmt.Errorf("write version %d of table %s: %w", v.Number, v.Table, err)
	}
	value, err := json.Marshal(v)
	if err != nil {
		return nil, fmt.Errorf("write version %d of table %s: %w", v.Number, v.Table, err)
	}
	return &kgo.Record{Topic: l.env.Schemas.Topic, Key: key, Value: value}, nil
}
