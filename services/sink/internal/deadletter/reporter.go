package deadletter

import (
	"context"
	"fmt"

	"github.com/calypso-cdc/calypso/libs/connector"
	"github.com/calypso-cdc/calypso/libs/telemetry"
	"github.com/calypso-cdc/calypso/services/sink/internal/batch"
	"github.com/calypso-cdc/calypso/services/sink/internal/retry"
	"github.com/calypso-cdc/calypso/services/sink/internal/spec"
	"github.com/calypso-cdc/calypso/services/sink/internal/status"
)

// Reporter takes the records of a task that cannot be delivered.
type Reporter struct {
	s      *spec.Spec
	env    connector.TaskEnv
	retry  *retry.Retrier
	status *status.Task
	meters *status.Meters
	// topic writes to the dead letter topic; nil if none is configured.
	topic *topicClient
}

// OpenReporter connects to the dead letter topic, if one is configured.
func OpenReporter(ctx context.Context, env connector.TaskEnv, s *spec.Spec, waits *retry.Retrier, status *status.Task,
	meters *status.Meters) (*Reporter, error) {
	l, err := openTopic(ctx, env, s, waits)
	if err != nil {
		return nil, err
	}
	return &Reporter{s: s, env: env, retry: waits, status: status, meters: meters, topic: l}, nil
}

// Tolerates reports whether a record that cannot be delivered goes to a topic or is passed over;
// otherwise it stops the task.
func (r *Reporter) Tolerates() bool { return r.topic != nil || r.s.Tolerate }

// HasTopic reports whether there is a dead letter topic.
func (r *Reporter) HasTopic() bool { return r.topic != nil }

func (r *Reporter) Close() {
	if r != nil {
		r.topic.Close()
	}
}

// SetAside does with refused records what the user chose: it writes them to the dead letter topic,
// passes over them, or stops.
func (r *Reporter) SetAside(ctx context.Context, records []batch.Refused) error {
	if len(records) == 0 {
		return nil
	}
	first := records[0]
	if !r.Tolerates() {
		return retry.Permanent(
			fmt.Errorf(
				"offset %d of partition %d of %s cannot be delivered: %w. Fix the cause, or set errors.tolerance=all with errors.deadletterqueue.topic.name to set such records aside",
				first.Record.Offset, first.Record.Partition, first.Record.Topic, first.Reason))
	}
	if r.topic != nil {
		if err := r.retry.Do(ctx, func(ctx context.Context) error { return r.topic.write(ctx, records) }); err != nil {
			return err
		}
	}
	r.status.SetAside(len(records), r.topic != nil)
	classes := make([]string, len(records))
	for i, refused := range records {
		classes[i] = string(rejectionOf(refused.Reason).Class)
	}
	r.meters.SetAside(ctx, first.Record.Topic, classes, r.topic != nil)
	if r.s.LogErrors {
		r.env.Logger.Warn("records cannot be delivered", telemetry.Passing("count", len(records)), "topic",
			first.Record.Topic, "partition", first.Record.Partition,
			telemetry.Passing("offset", first.Record.Offset), "dead_letter_topic", r.s.DeadTopic, "err", first.Reason)
	}
	return nil
}
