package connector

import (
	"cmp"

	"github.com/calypso-cdc/calypso/libs/connector/catalogue"
)

// TransactionalPrefix is what transactional ids begin with.
const TransactionalPrefix = "calypso-"

// TransactionalID is that of a source connector's producer: there is one for each connector, which fences.
func TransactionalID(connector string) string { return TransactionalPrefix + connector }

// ConsumerGroup is the Kafka consumer group of a sink connector: connect-<name>, as tools expect, unless the
// configuration sets consumer.override.group.id.
func ConsumerGroup(connector string, values catalogue.Values) string {
	return groupNamed(values.WithPrefix(consumerOverride)[groupID], connector)
}

// ConsumerGroupOf is ConsumerGroup for a configuration that was not checked; its references are resolved.
func ConsumerGroupOf(connector string, config map[string]string) string {
	return groupNamed(config[consumerOverride+groupID], connector)
}

const (
	consumerOverride = "consumer.override."
	groupID          = "group.id"
)

func groupNamed(name, connector string) string { return cmp.Or(name, "connect-"+connector) }
