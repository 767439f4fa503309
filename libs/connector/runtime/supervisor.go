package runtime

import (
	"context"
	"log/slog"
	"sync/atomic"
	"time"

	"github.com/calypso-cdc/calypso/libs/connector/classes"
	"github.com/calypso-cdc/calypso/libs/connector/state"
	"github.com/calypso-cdc/calypso/libs/connector/store"
	"github.com/calypso-cdc/calypso/libs/contain"
)

// sweepInterval is how often a worker compares the status topic with what it runs.
const sweepInterval = 2 * time.Second

// supervisor manages this worker's share of the tasks: it tells the life cycle what happened, one
// thing after the other, and does what the life cycle decides. What happens in other goroutines
// comes to it as events (do).
type supervisor struct {
	config     *Config
	logger     *slog.Logger
	store      *store.Store
	classes    *classes.Classes
	runner     *runner
	lease      *leasing
	membership *membership

	// events are run one after the other by the loop, which alone touches the fields below it.
	events chan func()
	done   chan struct{}

	lifecycle *state.Lifecycle
	// assigned are the partitions that the group gave to this worker; the life cycle counts them as
	// held while the lease lasts.
	assigned map[int32]bool
	// watched are the partitions whose idle connectors this worker reports (Idle): its own, or all
	// while Kafka is away and no partitions are assigned.
	watched   map[int32]bool
	leased    bool
	cancels   map[state.TaskID]context.CancelFunc
	handovers []handover

	// idle are the connectors of the watched partitions that do not run, as of the last sweep.
	idle atomic.Pointer[[]string]
}

// handover waits for the tasks of revoked partitions to end; done is closed then.
type handover struct {
	partitions []int32
	done       chan struct{}
}

// newSupervisor makes a supervisor; the store must have been read.
func newSupervisor(config *Config, store *store.Store, classes *classes.Classes, runner *runner, lease *leasing,
	membership *membership) *supervisor {
	s := &supervisor{
		config:     config,
		logger:     config.Logger,
		store:      store,
		classes:    classes,
		runner:     runner,
		lease:      lease,
		membership: membership,
		events:     make(chan func()),
		done:       make(chan struct{}),
		lifecycle:  state.NewLifecycle(store.ConfigPartitions()),
		assigned:   map[int32]bool{},
		leased:     true,
		cancels:    map[state.TaskID]context.CancelFunc{},
	}
	s.lifecycle.Quarantined = runner.quarantined
	return s
}

// loop runs events, follows the store and sweeps until ctx ends.
func (s *supervisor) loop(ctx context.Context) {
	defer close(s.done)
	ticker := time.NewTicker(sweepInterval)
	defer ticker.Stop()
	configured := int64(-1) // the last change of configurations that was seen
	for {
		changed, latest := s.store.Changes()
		s.turn(func() {
			// Only then: statuses change far more often, at least once for each task.
			if latest != configured {
				configured = latest
				s.act(s.lifecycle.Configured(wanted(s.store, s.classes)))
			}
			for _, request := range s.store.TakeRestarts() {
				s.act(s.lifecycle.Restarted(request))
			}
		})
		select {
		case event := <-s.events:
			s.turn(event)
		case <-changed:
		case <-ticker.C:
			configured = -1
			s.turn(s.sweep)
			s.turn(func() { idle := s.lifecycle.Idle(s.watched); s.idle.Store(&idle) })
		case <-ctx.Done():
			return
		}
	}
}

// turn runs one function on the loop; a panic ends only that turn.
func (s *supervisor) turn(do func()) { contain.Run("turn of the life cycle", do, s.turnFailed) }

func (s *supervisor) turnFailed(err error) {
	s.logger.Error("a turn of the worker's loop failed", "err", err)
}

// do runs an event on the loop; it is dropped if the loop has ended.
func (s *supervisor) do(event func()) {
	select {
	case s.events <- event:
	case <-s.done:
	}
}

// act does what the life cycle decided.
func (s *supervisor) act(actions []state.Action) {
	for _, action := range actions {
		name := action.ID.Connector
		switch action.Kind {
		case state.StartTask:
			s.start(action)
		case state.StopTask:
			s.cancels[action.ID]()
		case state.ReportTask:
			s.store.Report(name, state.Entry{Key: state.TaskStatusKey(action.ID), Value: s.statusOf(action)})
		case state.ReportConnector:
			s.store.Report(name, state.Entry{Key: state.StatusConnectorKey + name, Value: s.statusOf(action)})
		case state.ForgetTask:
			if _, ok := s.store.Known.StatusesOf(name).Tasks[action.ID.Task]; ok {
				s.store.Report(name, state.Entry{Key: state.TaskStatusKey(action.ID)})
			}
		case state.ForgetConnector:
			s.store.ForgetStatuses(name)
		}
	}
	waiting := s.handovers[:0]
	for _, handover := range s.handovers {
		if s.lifecycle.RunsOf(handover.partitions) {
			waiting = append(waiting, handover)
			continue
		}
		close(handover.done)
	}
	s.handovers = waiting
}

// start runs a task. The connector may have changed since the decision; the next pass of the loop then restarts the
// task.
func (s *supervisor) start(a state.Action) {
	ctx, cancel := context.WithCancel(context.Background())
	s.cancels[a.ID] = cancel
	c, _ := s.store.Known.Connector(a.ID.Connector)
	s.runner.start(ctx, c, a, func(trace string) {
		cancel()
		s.do(func() { s.act(s.lifecycle.Ended(a.ID, a.Run, trace)) })
	})
}

func (s *supervisor) statusOf(a state.Action) state.StatusRecord {
	status := state.StatusRecord{State: a.State, Trace: a.Trace, WorkerID: s.config.WorkerID, Generation: a.Generation,
		Quarantined: a.Quarantined}
	if c, ok := s.store.Known.Connector(a.ID.Connector); ok {
		if plugin, ok := s.classes.Of(c.Config); ok {
			status.Version = plugin.Version
		}
	}
	return status
}

// sweep corrects the status topic, once everything that this worker reported is in it.
func (s *supervisor) sweep() {
	if !s.store.Settled() {
		return
	}
	exists := func(name string) bool { _, ok := s.store.Known.Connector(name); return ok }
	s.act(s.lifecycle.Sweep(s.config.WorkerID, s.store.Known.AllStatuses(), exists))
}
