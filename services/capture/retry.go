package capture

import (
	"context"
	"errors"
	"io"
	"net"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
)

// kafkaTransient says whether waiting can mend an error of the broker or of the way to it.
func kafkaTransient(err error) bool {
	if _, ok := errors.AsType[*kerr.Error](err); ok {
		return kerr.IsRetriable(err) || errors.Is(err, kerr.ConcurrentTransactions) || errors.Is(err, kerr.UnknownProducerID) ||
			errors.Is(err, kerr.TransactionAbortable) || errors.Is(err, kerr.OutOfOrderSequenceNumber)
	}
	if _, ok := errors.AsType[net.Error](err); ok {
		return true
	}
	return errors.Is(err, kgo.ErrRecordTimeout) || errors.Is(err, kgo.ErrRecordRetries) || errors.Is(err, kgo.ErrAborting) || errors.Is(err, kgo.ErrClientClosed) ||
		errors.Is(err, io.EOF) || errors.Is(err, context.DeadlineExceeded) || errors.Is(err, context.Canceled)
}
