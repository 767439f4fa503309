package deliver

import (
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/calypso-cdc/calypso/libs/kafka"
	"github.com/calypso-cdc/calypso/services/capture/internal/retry"
)

// TooLarge is the error of a record that its topic does not take, as far as limits know it.
func TooLarge(r *kgo.Record, limits *kafka.TopicLimits, err error) error {
	limit, raise := limits.Known(r.Topic),
		"raise the topic's max.message.bytes (and producer.override.max.request.size, if it is set), "
	switch {
	case limits.Unset(r.Topic):
		raise = "set producer.override.max.request.size to more, without which no larger records are sent, and " +
			"raise the topic's max.message.bytes if it is less, "
	case limits.Bounded(r.Topic): // no setting of the topic raises it
		raise = "the brokers take no larger requests (socket.request.max.bytes; Event Hubs has a limit of its own); "
	}
	return retry.Permanent(
		"a record of %d bytes with key %.200q is too large for topic %s, whose limit is %d bytes: %sset oversized.records.mode to dead.letter or truncate, or leave the column out with column.exclude.list: %w",
		kafka.RecordSize(r), r.Key, r.Topic, limit, raise, err)
}
