package runtime

import (
	"context"
	"fmt"
	"sync/atomic"
	"time"

	"github.com/calypso-cdc/calypso/libs/connector/state"
)

const (
	// stopNotice is how long a task that was told to stop may take before that is reported,
	// stopReminder how often the report is repeated.
	stopNotice   = 5 * time.Second
	stopReminder = 30 * time.Second
)

// doing is what a task says that it is working on (TaskEnv.Doing).
type doing struct{ what atomic.Pointer[string] }

func (d *doing) set(what string) { d.what.Store(&what) }

func (d *doing) String() string {
	if what := d.what.Load(); what != nil && *what != "" {
		return *what
	}
	return "what was under way"
}

// watchStop reports what a task waits for if it was told to stop and has not ended; it returns when
// ended is closed.
func (r *runner) watchStop(ctx context.Context, id state.TaskID, task *doing, ended <-chan struct{}) {
	select {
	case <-ctx.Done():
	case <-ended:
		return
	}
	told := time.Now()
	timer := time.NewTimer(stopNotice)
	defer timer.Stop()
	for first := true; ; first = false {
		select {
		case <-ended:
			return
		case <-timer.C:
		}
		timer.Reset(stopReminder)
		said := fmt.Sprintf("task %d was told to stop %s ago and waits for %s", id.Task,
			time.Since(told).Round(time.Second), task)
		r.logger.With("connector", id.Connector, "task", id.Task).Warn("a task has not stopped yet", "waits_for",
			task.String(), "for", time.Since(told).Round(time.Second))
		if first {
			r.environments.happened("StopWaits", id.Connector, said)
		}
	}
}
