package kafka

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
)

// Between two attempts to write passes producePause at first, and longestPause at most.
const producePause, longestPause = 100 * time.Millisecond, 2 * time.Second

// RefusedForNow reports whether a broker has refused a write that it may take later, although it
// does not say so: services that throttle answer POLICY_VIOLATION to what they would have to hold
// back for too long, and UNKNOWN_SERVER_ERROR is what most troubles of Event Hubs show up as.
func RefusedForNow(err error) bool {
	return errors.Is(err, kerr.PolicyViolation) || errors.Is(err, kerr.UnknownServerError)
}

// Produce returns when all records are durable, or one cannot be written. What brokers refuse for
// now is written again, in its order, until ctx ends.
func Produce(ctx context.Context, client *kgo.Client, records ...*kgo.Record) error {
	for pause := producePause; ; pause = min(2*pause, longestPause) {
		var refused []*kgo.Record
		var failure error
		for _, result := range client.ProduceSync(ctx, records...) {
			switch {
			case RefusedForNow(result.Err):
				refused, failure = append(refused, result.Record), result.Err
			case result.Err != nil:
				return result.Err
			}
		}
		if len(refused) == 0 {
			return nil
		}
		records = refused
		select {
		case <-ctx.Done():
			return fmt.Errorf("%w, again and again: %w", failure, context.Cause(ctx))
		case <-time.After(pause):
		}
	}
}
