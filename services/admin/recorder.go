package admin

import (
	"context"
	"log/slog"
	"time"

	"google.golang.org/protobuf/types/known/timestamppb"

	connectorv1 "github.com/calypso-cdc/calypso/gen/calypso/connector/v1"
	"github.com/calypso-cdc/calypso/libs/rpc"
)

const (
	// maxQueued is how many events may wait for Kafka; further ones are only in the log.
	maxQueued = 1000
	// recordTimeout bounds how long writing one event is retried.
	recordTimeout = 30 * time.Second
	// recordRetry is the pause between two tries.
	recordRetry = time.Second
)

// recorder adds events to the timeline, which the workers keep in Kafka, in the order of the calls
// and without holding them up.
type recorder struct {
	fleets []*fleet
	log    *slog.Logger
	queue  chan *connectorv1.Event
}

func newRecorder(fleets []*fleet, log *slog.Logger) *recorder {
	return &recorder{fleets: fleets, log: log, queue: make(chan *connectorv1.Event, maxQueued)}
}

// note queues an event with the present time.
func (r *recorder) note(event *connectorv1.Event) {
	event.Time = timestamppb.Now()
	select {
	case r.queue <- event:
	default:
		r.log.Warn("the timeline is not written fast enough; an event is only in this log", "user", event.Actor, "method",
			event.Action, "connector", event.Connector)
	}
}

// run writes events until ctx ends, and then spends a short time on those that are left.
func (r *recorder) run(ctx context.Context) error {
	for {
		select {
		case event := <-r.queue:
			r.write(ctx, event)
		case <-ctx.Done():
			last, cancel := context.WithTimeout(context.WithoutCancel(ctx), 2*time.Second)
			defer cancel()
			for {
				select {
				case event := <-r.queue:
					r.write(last, event)
				default:
					return nil
				}
			}
		}
	}
}

// write tries until the event is durable or its time is over.
func (r *recorder) write(ctx context.Context, event *connectorv1.Event) {
	ctx, cancel := context.WithTimeout(ctx, recordTimeout)
	defer cancel()
	q := &connectorv1.AppendEventRequest{Event: event}
	for {
		_, err := fromEither(ctx, r.fleets, q, connectorv1.ConnectorServiceClient.AppendEvent)
		if err == nil {
			return
		}
		if !rpc.Temporary(err) || !pause(ctx, recordRetry) {
			r.log.Warn("an event could not be added to the timeline and is only in this log", "user", event.Actor, "method",
				event.Action, "connector", event.Connector, "err", err)
			return
		}
	}
}
