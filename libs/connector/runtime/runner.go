package runtime

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"runtime/pprof"
	"strings"
	"time"

	"github.com/calypso-cdc/calypso/libs/connector"
	"github.com/calypso-cdc/calypso/libs/connector/catalogue"
	"github.com/calypso-cdc/calypso/libs/connector/classes"
	"github.com/calypso-cdc/calypso/libs/connector/crash"
	"github.com/calypso-cdc/calypso/libs/connector/state"
	"github.com/calypso-cdc/calypso/libs/connector/store"
	"github.com/calypso-cdc/calypso/libs/contain"
)

// errTaskEnded is the failure of a task that returned without an error although it was not told to
// stop.
var errTaskEnded = errors.New("the task ended by itself, which is a fault in the connector: restart it")

// runner runs tasks, each in a goroutine of its own.
type runner struct {
	config       *Config
	logger       *slog.Logger
	store        *store.Store
	classes      *classes.Classes
	environments *environments
	metrics      *workerMetrics
	turns        *turns
	// crashes knows what ended this worker's last processes.
	crashes *crash.Journal
	// runs waits for the runs that have not ended, and for the watches over their ends.
	runs contain.Waiting
}

// start runs a task until ctx ends, and then calls ended once, with the reason if the task failed,
// else with an empty text. A task whose connector no longer exists is not run.
func (r *runner) start(ctx context.Context, c state.Connector, a state.Action, ended func(trace string)) {
	r.runs.Go("run of a task", func() {
		plugin, ok := r.classes.Of(c.Config)
		if !ok {
			ended("")
			return
		}
		r.metrics.started(a.ID.Connector, plugin.Class)
		c.Tasks = r.classes.TaskCount(plugin, c)
		run := crash.RunOf(a.ID, a.Generation)
		r.crashes.Lift(run)
		var trace string
		pprof.Do(ctx, pprof.Labels(crash.Label, run), func(ctx context.Context) {
			trace = r.run(ctx, plugin, c, a.ID, run)
		})
		r.metrics.ended(a.ID.Connector, plugin.Class, trace != "")
		if trace != "" {
			r.environments.happened("TaskFailed", a.ID.Connector, fmt.Sprintf("task %d: %s", a.ID.Task, trace))
		}
		ended(trace)
	}, func(err error) {
		r.logger.Error("task failed", "connector", a.ID.Connector, "task", a.ID.Task, "err", err)
		ended(err.Error())
	})
}

// run runs one task until ctx ends. It returns why the task failed, without secrets, which is the
// text that /status shows as trace; empty if it did not fail.
func (r *runner) run(ctx context.Context, plugin connector.Plugin, c state.Connector, id state.TaskID,
	run string) (trace string) {
	logger := r.logger.With("connector", id.Connector, "task", id.Task)
	read := r.classes.Read(plugin, c)
	secrets := read.Secrets
	fail := func(err error) string {
		text := secrets.Hide(err.Error())
		logger.With("err", text).Error("task failed")
		return text
	}
	if err := read.Faults.Err(); err != nil {
		return fail(fmt.Errorf("resolve the configuration on worker %s: %w", r.config.WorkerID, err))
	}
	if len(read.Problems) > 0 {
		return fail(fmt.Errorf("the configuration is not valid: %s", joinProblems(read.Problems)))
	}
	for _, warning := range read.Warnings {
		if warning.Outdated {
			logger.Warn("a setting of the configuration is outdated", "key", warning.Key, "warning",
				secrets.Hide(warning.Message))
		}
	}
	started, err := r.turns.take(ctx, run, r.failed)
	if err != nil {
		return ""
	}
	defer started()
	env := r.environments.of(id, c.Tasks, secrets)
	env.Started = started
	about, ended := &doing{}, make(chan struct{})
	env.Doing = about.set
	r.runs.Go("watch of a stop", func() { r.watchStop(ctx, id, about, ended) }, func(err error) {
		logger.Error("what a task waits for is no longer reported", "err", err)
	})
	defer close(ended)
	logger.Info("task started")
	err = contain.Call("task", func() error {
		task, err := plugin.NewTask(env, read.Values)
		if err != nil {
			return err
		}
		defer r.crashes.Holds(run, task)()
		return task.Run(ctx)
	})
	switch {
	case ctx.Err() != nil:
		if err != nil && !errors.Is(err, context.Canceled) {
			logger.Warn("task stopped with an error", "err", secrets.Hide(err.Error()))
			return ""
		}
		logger.Info("task stopped")
		return ""
	case err == nil:
		err = errTaskEnded
	}
	return fail(err)
}

// quarantined says why a task must not be started with a configuration although it is wanted; empty
// if it may be. All workers respect a quarantine in the status topic, whichever of them imposed it.
func (r *runner) quarantined(id state.TaskID, generation int64) string {
	if said := r.store.Known.StatusesOf(id.Connector).Tasks[id.Task]; said.Quarantined && said.Generation == generation {
		return said.Trace
	}
	trace := r.crashes.Verdict(crash.RunOf(id, generation))
	if trace == "" {
		return ""
	}
	if c, ok := r.store.Known.Connector(id.Connector); ok {
		if plugin, ok := r.classes.Of(c.Config); ok {
			trace = r.classes.Secrets(plugin, c.Properties()).Hide(trace)
		}
	}
	r.logger.Error("task quarantined", "connector", id.Connector, "task", id.Task, "err", trace)
	r.environments.happened("TaskQuarantined", id.Connector, fmt.Sprintf("task %d: %s", id.Task, trace))
	return trace
}

// await waits for the tasks to end, at most for the handover timeout.
func (r *runner) await() {
	ended := make(chan struct{})
	contain.Go("end of all tasks", func() {
		r.runs.Wait()
		close(ended)
	}, r.failed)
	timer := time.NewTimer(r.config.HandoverTimeout)
	defer timer.Stop()
	select {
	case <-ended:
	case <-timer.C:
		r.logger.Error("tasks did not stop in time and are left behind", "timeout", r.config.HandoverTimeout)
	}
}

func (r *runner) failed(err error) {
	r.logger.Error("a helper of a task's run failed", "err", err)
}

func joinProblems(problems []catalogue.Problem) string {
	texts := make([]string, len(problems))
	for i, problem := range problems {
		texts[i] = problem.Message
	}
	return strings.Join(texts, "; ")
}
