package retry

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/calypso-cdc/calypso/libs/kafka"
	"github.com/calypso-cdc/calypso/libs/pgrepl"
)

// ErrFenced means that another worker runs the connector now. No session follows: the other worker
// is the rightful owner, and another session would fence it in turn.
var ErrFenced = errors.New("another worker has taken the connector over")

// ErrPermanent marks an error that no waiting ends.
var ErrPermanent = errors.New("it stays wrong until something is changed")

// Permanent makes an error that no waiting ends; its format is fmt.Errorf's.
func Permanent(format string, args ...any) error {
	return fmt.Errorf("%w; %w", fmt.Errorf(format, args...), ErrPermanent)
}

// Passing is an error that another session does not have, whatever caused it.
type Passing string

// Error implements error.
func (p Passing) Error() string { return string(p) }

// Transient reports whether an error can end with another session.
func Transient(err error) bool {
	if errors.Is(err, ErrFenced) || errors.Is(err, ErrPermanent) {
		return false
	}
	if _, ok := errors.AsType[Passing](err); ok {
		return true
	}
	if _, ok := errors.AsType[*kafka.HangingTransaction](err); ok {
		return true // until somebody rolls it back
	}
	if pgrepl.ReasonOf(err) != "" {
		return pgrepl.Transient(err)
	}
	return pgrepl.Transient(err) || KafkaTransient(err)
}

// KafkaTransient reports whether waiting can end an error of the broker or of the way to it.
func KafkaTransient(err error) bool {
	if _, ok := errors.AsType[*kerr.Error](err); ok {
		return kerr.IsRetriable(err) || errors.Is(err, kerr.ConcurrentTransactions) ||
			errors.Is(err, kerr.UnknownProducerID) ||
			errors.Is(err, kerr.UnknownServerError) ||
			errors.Is(err, kerr.TransactionAbortable) || errors.Is(err, kerr.OutOfOrderSequenceNumber)
	}
	if passes, ok := errors.AsType[pgrepl.Passing](err); ok {
		return passes.Passing() // of a token that the broker is to be shown
	}
	if _, ok := errors.AsType[net.Error](err); ok {
		return true
	}
	return errors.Is(err, kgo.ErrRecordTimeout) || errors.Is(err, kgo.ErrRecordRetries) ||
		errors.Is(err, kgo.ErrAborting) || errors.Is(err, kgo.ErrClientClosed) ||
		errors.Is(err, io.EOF) || errors.Is(err, context.DeadlineExceeded) || errors.Is(err, context.Canceled)
}
