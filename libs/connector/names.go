package connector

import (
	"cmp"

	"github.com/calypso-cdc/calypso/libs/connector/catalogue"
)

// TransactionalPrefix is what transactional ids begin with.
const TransactionalPrefix = "calypso-"

// TransactionalID is the transactional id of a source connector's producer. There is one for each
// connector, so that a new producer fences the one before.
func TransactionalID(connector string) string { return TransactionalPrefix + connector }

// ConsumerGroup is the Kafka consumer group of a sink connector: connect-<name>, as tools expect, unless the
// configuration sets consumer.override.group.id.
func ConsumerGroup(connector string, values catalogue.Values) string {
	return groupNamed(values.WithPrefix(consumerOverride)[groupID], connector)
}

// ConsumerGroupOf is ConsumerGroup for a configuration that was not checked; its references must be
// resolved.
func ConsumerGroupOf(connector string, config map[string]string) string {
	return groupNamed(config[consumerOverride+groupID], connector)
}

const (
	consumerOverride = "consumer.override."
	groupID          = "group.id"
)

func groupNamed(name, connector string) string { return cmp.Or(name, "connect-"+connector) }
