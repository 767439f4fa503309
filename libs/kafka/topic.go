package kafka

import (
	"context"
	"errors"
	"fmt"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kerr"
)

// MakeTopic makes a topic, with the broker's defaults where partitions or replication are -1. The
// error has what the broker says beside its code, such as that the name is too like another
// topic's; it is TOPIC_ALREADY_EXISTS for a topic that exists, even where brokers do not let this
// client make any, or have no request for it, as Event Hubs by its documentation.
func MakeTopic(ctx context.Context, admin *kadm.Client, topic string, partitions int32, replication int16,
	settings map[string]*string) (kadm.CreateTopicResponse, error) {
	made, err := admin.CreateTopic(ctx, partitions, replication, settings, topic)
	if err != nil && !errors.Is(err, kerr.TopicAlreadyExists) {
		if found, look := admin.ListTopics(ctx, topic); look == nil && found.Has(topic) && found[topic].Err == nil {
			return made, kerr.TopicAlreadyExists
		}
	}
	if err != nil && made.ErrMessage != "" {
		err = fmt.Errorf("%w (the broker says: %s)", err, made.ErrMessage)
	}
	return made, err
}
