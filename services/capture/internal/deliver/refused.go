package deliver

import (
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/calypso-cdc/calypso/libs/kafka"
	"github.com/calypso-cdc/calypso/services/capture/internal/retry"
)

// refused adds to an error the topic of the record that was not written, and what to do if trying
// again cannot help.
func refused(r *kgo.Record, limits *kafka.TopicLimits, err error) error {
	if strings.HasPrefix(err.Error(), "invalid record partitioning choice") { // the client has no name for it
		return retry.Permanent("topic %s has no partition %d, which a transform asks for: %w Give the topic more "+
			"partitions, or leave the partition out of table.fields.additional.placement", r.Topic, r.Partition, err)
	}
	if _, answered := errors.AsType[*kerr.Error](err); !answered {
		return err
	}
	switch {
	case errors.Is(err, kerr.MessageTooLarge), errors.Is(err, kerr.RecordListTooLarge):
		return TooLarge(r, limits, err)
	case errors.Is(err, kerr.InvalidRecord) && r.Key == nil:
		return retry.Permanent(
			"topic %s does not take a record without key, as a topic that is compacted does not: %w Give the table a primary key, or name columns in message.key.columns; or set cleanup.policy=delete on the topic",
			r.Topic, err)
	case errors.Is(err, kerr.InvalidTimestamp):
		return retry.Permanent(
			"topic %s does not take a record of %s, the worker's time or the one that an EventRouter takes from the row: %w Set the clock of the worker or the broker right, or raise the topic's message.timestamp.before.max.ms and message.timestamp.after.max.ms",
			r.Topic, r.Timestamp.UTC().Format(time.RFC3339), err)
	}
	return fmt.Errorf("topic %s: %w", r.Topic, err)
}

// TooLarge is the error of a record that is larger than its topic accepts, with the limit as far as
// it is known.
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
