package kafka

import (
	"context"
	"errors"
	"fmt"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// ErrTopicsByHand says that the brokers have no request for making topics, as Event Hubs by
// Microsoft's page of client configurations.
var ErrTopicsByHand = errors.New("the brokers let no client make topics")

// MakeTopic makes a topic, with the broker's defaults where partitions or replication are -1. The
// error has what the broker says beside its code, such as that the name is too like another
// topic's; it is TOPIC_ALREADY_EXISTS for a topic that exists, even where brokers do not let this
// client make any, or have no request for it (ErrTopicsByHand).
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

// TryTopic asks whether a topic could be made, with the broker's default of partitions. The error is as MakeTopic's.
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

// refusedToMake is the error of a topic that was not made; said is what the broker says beside its code.
func refusedToMake(ctx context.Context, admin *kadm.Client, err error, said string) error {
	if _, answered := errors.AsType[*kerr.Error](err); !answered && !makesTopics(ctx, admin) {
		return ErrTopicsByHand
	}
	if said != "" {
		return fmt.Errorf("%w (the broker says: %s)", err, said)
	}
	return err
}

// makesTopics reports whether brokers know the request that makes topics; true if they do not answer.
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

// TopicRemedy is what to do where a topic could not be made; empty where waiting may be enough.
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

// Forgetful gives, of topics that exist, the cleanup.policy of those that are not compacted: they
// lose records by age. Such are topics made by hand, and event hubs made in Azure's portal. Brokers
// that do not tell are trusted.
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

// CompactRemedy is how a topic is made to forget nothing.
func CompactRemedy(topic string) string {
	return fmt.Sprintf(
		"set it to compact (kafka-configs.sh --alter --entity-type topics --entity-name %s --add-config cleanup.policy=compact; on Event Hubs delete the event hub and let Calypso make it, or make it with Compact)",
		topic)
}
