package connector

import (
	"context"
	"fmt"

	"github.com/twmb/franz-go/pkg/kadm"

	"github.com/calypso-cdc/calypso/libs/kafka"
)

// NeededTopic is a topic that a connector makes where it is missing.
type NeededTopic struct {
	Name string
	// For is what it holds.
	For string
	// Replication is what it is made with, -1 for the broker's default.
	Replication int16
	// Compacted says that it must forget nothing.
	Compacted bool
	// Later says that the connector runs without it.
	Later bool
}

// CheckNeeded names the topics that are missing where brokers let nobody make them, and those that
// forget what must be kept. Nothing is made.
func CheckNeeded(ctx context.Context, admin *kadm.Client, needed []NeededTopic) (checks []Check) {
	for _, topic := range needed {
		if detail, remedy := topic.fault(ctx, admin); detail != "" {
			checks = append(checks, Check{Name: "topic " + topic.Name, OK: topic.Later, Detail: detail, Remedy: remedy})
		}
	}
	return checks
}

// fault is what is wrong with the topic and what to do about it; empty if nothing is, or nothing can be said.
func (n NeededTopic) fault(ctx context.Context, admin *kadm.Client) (detail, remedy string) {
	found, err := admin.ListTopics(ctx, n.Name)
	switch {
	case err != nil:
		return "", ""
	case found.Has(n.Name) && n.Compacted:
		if forgetful, err := kafka.Forgetful(ctx, admin, n.Name); err == nil && forgetful[n.Name] != "" {
			return fmt.Sprintf("topic %s, for %s, has cleanup.policy=%s and would forget them", n.Name, n.For,
				forgetful[n.Name]), "To keep them, " + kafka.CompactRemedy(n.Name) + "."
		}
		return "", ""
	case found.Has(n.Name):
		return "", ""
	}
	err = kafka.TryTopic(ctx, admin, n.Name, n.Replication)
	if remedy = kafka.TopicRemedy(err); remedy == "" {
		return "", "" // it can be made, or waiting may be enough
	}
	policy := "cleanup.policy=delete"
	if n.Compacted {
		policy = "cleanup.policy=compact"
	}
	return fmt.Sprintf("topic %s, for %s, is missing and may not be made: %v", n.Name, n.For, err),
		fmt.Sprintf("%s: topic %s with one partition and %s.", remedy, n.Name, policy)
}
