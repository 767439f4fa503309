package kafka

import (
	"context"
	"errors"
	"fmt"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// ErrTopicsByHand means that the brokers have no request for creating topics, as Microsoft's page
// of client configurations says of Event Hubs.
var ErrTopicsByHand = errors.New("the brokers let no client make topics")

// MakeTopic creates a topic, with the broker's defaults if partitions or replication are -1. The
// error includes the broker's message, such as that the name is too similar to another topic's; it
// is TOPIC_ALREADY_EXISTS for an existing topic, even if brokers do not let this client create any,
// or have no request for it (ErrTopicsByHand).
func MakeTopic(ctx context.Context, admin *kadm.Client, topic string, partitions int32, replication int16,
	settings map[string]*string) (kadm.CreateTopicResponse, error) {
	made, err := admin.CreateTopic(ctx, partitions, replication, settings, topic)
	if err == nil || errors.Is(err, kerr.TopicAlreadyExists) {
		return made, err
	}
	if found, look := admin.ListTopics(ctx, topic); look == nil && found.Has(topic) && found[topic].Err == nil {
		return made, kerr.TopicAlreadyExists
	}
	return made, refusedToMake(ctx, admin, err, made.ErrMessage)
}

// TryTopic asks whether a topic could be created, with the broker's default number of partitions.
// Its errors are those of MakeTopic.
func TryTopic(ctx context.Context, admin *kadm.Client, topic string, replication int16) error {
	tried, err := admin.ValidateCreateTopics(ctx, 1, replication, nil, topic)
	said := ""
	if err == nil {
		err, said = tried.Error(), tried[topic].ErrMessage
	}
	if err == nil {
		return nil
	}
	return refusedToMake(ctx, admin, err, said)
}

// refusedToMake returns the error for a topic that was not created; said is the broker's message.
func refusedToMake(ctx context.Context, admin *kadm.Client, err error, said string) error {
	if _, answered := errors.AsType[*kerr.Error](err); !answered && !makesTopics(ctx, admin) {
		return ErrTopicsByHand
	}
	if said != "" {
		return fmt.Errorf("%w (the broker says: %s)", err, said)
	}
	return err
}

// makesTopics reports whether brokers know the request that creates topics; true if they do not
// answer.
func makesTopics(ctx context.Context, admin *kadm.Client) bool {
	versions, err := admin.ApiVersions(ctx)
	if err != nil {
		return true
	}
	for _, broker := range versions.Sorted() {
		if _, known := broker.KeyMaxVersion(kmsg.CreateTopics.Int16()); broker.Err == nil && !known {
			return false
		}
	}
	return true
}

// TopicRemedy says what to do if a topic could not be created; empty if waiting may be enough.
func TopicRemedy(err error) string {
	switch {
	case errors.Is(err, ErrTopicsByHand):
		return "Make it yourself, in the service's portal, by its command line or a template"
	case errors.Is(err, kerr.PolicyViolation):
		return "Ask for what the service takes (topic.creation.default.partitions, retention.ms and the like), or make room: a namespace of Event Hubs has so many event hubs as its tier allows (10 in Standard)"
	case errors.Is(err, kerr.TopicAuthorizationFailed), errors.Is(err, kerr.ClusterAuthorizationFailed):
		return "Make it yourself, or give the worker the right Create"
	}
	return ""
}

// Forgetful returns the cleanup.policy of those existing topics that are not compacted: they lose
// records by age, as topics made by hand and event hubs made in Azure's portal may. If brokers do
// not tell, a topic counts as compacted.
func Forgetful(ctx context.Context, admin *kadm.Client, topics ...string) (map[string]string, error) {
	described, err := admin.DescribeTopicConfigs(ctx, topics...)
	if err != nil {
		return nil, fmt.Errorf("ask how topics are cleaned up: %w", err)
	}
	found := map[string]string{}
	for _, topic := range described {
		for _, setting := range topic.Configs {
			if setting.Key == "cleanup.policy" && setting.Value != nil && *setting.Value != "compact" {
				found[topic.Name] = *setting.Value
			}
		}
	}
	return found, nil
}

// CompactRemedy says how to make a topic keep the last record of each key.
func CompactRemedy(topic string) string {
	return fmt.Sprintf(
		"set it to compact (kafka-configs.sh --alter --entity-type topics --entity-name %s --add-config cleanup.policy=compact; on Event Hubs delete the event hub and let Calypso make it, or make it with Compact)",
		topic)
}
