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

// The pause between two attempts to write is producePause at first, and at most longestPause.
const producePause, longestPause = 100 * time.Millisecond, 2 * time.Second

// RefusedForNow reports whether a broker refused a write that it may accept later, although its
// error does not say so: services that throttle answer POLICY_VIOLATION to requests that they would
// have to delay too long, and most problems of Event Hubs show up as UNKNOWN_SERVER_ERROR.
func RefusedForNow(err error) bool {
	return errors.Is(err, kerr.PolicyViolation) || errors.Is(err, kerr.UnknownServerError)
}

// Produce returns when all records are durable, or one cannot be written. A record that brokers
// refuse for now is written again until ctx ends, together with all records after it, so that the
// last records of each key are in the given order. Records may be written twice.
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
