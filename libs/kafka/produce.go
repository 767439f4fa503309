package kafka

import (
	"context"
	"errors"
	"fmt"
	"slices"
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
// now is written again until ctx ends, and all records after it with it, so that the last ones of
// each key stand in the order given. Records may be written twice.
func Produce(ctx context.Context, client *kgo.Client, records ...*kgo.Record) error {
	for pause := producePause; ; pause = min(2*pause, longestPause) {
		first := len(records)
		var failure error
		for _, result := range client.ProduceSync(ctx, records...) {
			switch {
			case RefusedForNow(result.Err):
				first, failure = min(first, slices.Index(records, result.Record)), result.Err
			case result.Err != nil:
				return result.Err
			}
		}
		if first == len(records) {
			return nil
		}
		records = records[first:]
		select {
		case <-ctx.Done():
			return fmt.Errorf("%w, again and again: %w", failure, context.Cause(ctx))
		case <-time.After(pause):
		}
	}
}
