package connector

import (
	"context"
	"fmt"

	"github.com/twmb/franz-go/pkg/kadm"

	"github.com/calypso-cdc/calypso/libs/kafka"
)

// NeededTopic is a topic that a connector creates if it is missing.
type NeededTopic struct {
	Name string
	// For says what it holds, for messages.
	For string
	// Replication is the replication factor that it is created with; -1 for the broker's default.
	Replication int16
	// Compacted is true if it must be compacted, so that nothing is lost by age.
	Compacted bool
	// Later is true if the connector can run without it.
	Later bool
}

// CheckNeeded reports topics that are missing and cannot be created, and topics that lose what must
// be kept. It creates nothing.
func CheckNeeded(ctx context.Context, admin *kadm.Client, needed []NeededTopic) (checks []Check) {
	for _, topic := range needed {
		if detail, remedy := topic.fault(ctx, admin); detail != "" {
			checks = append(checks, Check{Name: "topic " + topic.Name, OK: topic.Later, Detail: detail, Remedy: remedy})
		}
	}
	return checks
}

// fault says what is wrong with the topic and what to do about it; empty if nothing is wrong, or if
// the brokers do not say.
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
		return "", "" // it can be created, or waiting may be enough
	}
	policy := "cleanup.policy=delete"
	if n.Compacted {
		policy = "cleanup.policy=compact"
	}
	return fmt.Sprintf("topic %s, for %s, is missing and cannot be created: %v", n.Name, n.For, err),
		fmt.Sprintf("%s: topic %s with one partition and %s.", remedy, n.Name, policy)
}
