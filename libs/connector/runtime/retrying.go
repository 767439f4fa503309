package runtime

import (
	"log/slog"
	"sync"
	"time"

	"github.com/calypso-cdc/calypso/libs/connector/secret"
	"github.com/calypso-cdc/calypso/libs/telemetry"
)

// retryInterval is how often the same error is logged again while a task keeps retrying.
const retryInterval = 30 * time.Second

// retryReporter logs what a task retries: a new error at once, the same one every retryInterval
// with the number of attempts, and success when it works again.
type retryReporter struct {
	logger  *slog.Logger
	secrets secret.Values
	now     func() time.Time

	mu       sync.Mutex
	last     string
	logged   time.Time
	attempts int
}

func newRetryReporter(logger *slog.Logger, secrets secret.Values, now func() time.Time) *retryReporter {
	return &retryReporter{logger: logger, secrets: secrets, now: now}
}

func (r *retryReporter) report(err error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if err == nil {
		if r.last != "" {
			r.logger.Info("works again", "after", r.last, "attempts", r.attempts)
		}
		r.last, r.attempts = "", 0
		return
	}
	r.attempts++
	if text := r.secrets.Hide(err.Error()); text != r.last || r.now().Sub(r.logged) >= retryInterval {
		r.logger.Warn("trying again", "err", text, telemetry.Passing("attempts", r.attempts))
		r.last, r.logged = text, r.now()
	}
}
