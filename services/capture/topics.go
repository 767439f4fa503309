package capture

import (
	"context"
	"errors"
	"fmt"
	"strconv"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
)

// parseTopics reads topic.creation.default.*: partitions (1), replication.factor (-1, the broker's default) and any
// topic setting.
func parseTopics(set map[string]string) (topicSettings, error) {
	t := topicSettings{partitions: 1, replication: -1, config: make(map[string]*string)}
	for name, value := range set {
		switch name {
		case "partitions", "replication.factor":
			bits := 32
			if name == "replication.factor" {
				bits = 16
			}
			n, err := strconv.ParseInt(value, 10, bits)
			if err != nil || n == 0 || n < -1 {
				return t, fmt.Errorf("topic.creation.default.%s: %q is not a positive number or -1", name, value)
			}
			if bits == 16 {
				t.replication = int16(n)
			} else {
				t.partitions = int32(n)
			}
		case "include", "exclude":
		default:
			t.config[name] = &value
		}
	}
	return t, nil
}

// topicMaker creates the topics that records go to before their first record. It is used by one goroutine.
type topicMaker struct {
	admin *kadm.Client
	set   topicSettings
	known map[string]bool
	used  func(topic string)
}

func newTopicMaker(client *kgo.Client, set topicSettings, used func(string)) *topicMaker {
	return &topicMaker{admin: kadm.NewClient(client), set: set, known: make(map[string]bool), used: used}
}

// ensure creates the topic unless it is there.
func (m *topicMaker) ensure(ctx context.Context, topic string) error {
	if m.known[topic] {
		return nil
	}
	r, err := m.admin.CreateTopic(ctx, m.set.partitions, m.set.replication, m.set.config, topic)
	if err == nil {
		err = r.Err
	}
	if err != nil && !errors.Is(err, kerr.TopicAlreadyExists) {
		// Without the right to create it, the topic may still be there.
		if d, derr := m.admin.ListTopics(ctx, topic); derr != nil || !d.Has(topic) || d[topic].Err != nil {
			return fmt.Errorf("create Kafka topic %q (topic.creation.default.*): %w", topic, err)
		}
	}
	m.known[topic] = true
	m.used(topic)
	return nil
}
