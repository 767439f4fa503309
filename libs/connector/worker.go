package connector

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"runtime/pprof"
	"sync/atomic"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/calypso-cdc/calypso/libs/connector/secret"
	"github.com/calypso-cdc/calypso/libs/connector/state"
	"github.com/calypso-cdc/calypso/libs/contain"
	"github.com/calypso-cdc/calypso/libs/kafka"
)

// sweepInterval is how often a worker compares the status topic with what it runs.
const sweepInterval = 2 * time.Second

// Worker is one member of a fleet. It follows the store, holds a share of the tasks and runs them. Make it with
// NewWorker, serve its Server and call Run once.
type Worker struct {
	config  WorkerConfig
	logger  *slog.Logger
	plugins plugins
	store   *store
	metrics *workerMetrics
	// clients measures the Kafka clients of tasks.
	clients *kafka.Meters
	// reach is why the brokers cannot be connected to.
	reach *kafka.Reach
	// offsets and schemas are what source tasks begin with.
	offsets, schemas *stateTopic
	turns            *turns
	// crashes is what ended this worker's last processes.
	crashes *crashes

	// checks has room for the validations that may connect at the same time.
	checks   chan struct{}
	lease    *leasing
	balancer *fleetBalancer

	// idle are the connectors that are this worker's to run and do not run.
	idle atomic.Pointer[[]string]

	// membership says why the worker is not a member of the group now; empty if it is.
	membership atomic.Value

	// events are run one after the other by the loop, which alone touches the fields below it.
	events   chan func()
	loopDone chan struct{}

	lifecycle *state.Lifecycle
	// assigned are the partitions that the group gave to this worker; the life cycle holds them while the lease lasts.
	assigned  map[int32]bool
	leased    bool
	cancels   map[state.TaskID]context.CancelFunc
	handovers []handover
	runs      contain.Waiting

	// noted are the events that are being added to the timeline.
	noted contain.Waiting
	// timelineThere says that the timeline's topic was seen or made by this process.
	timelineThere atomic.Bool
}

// handover waits for the tasks of partitions to end.
type handover struct {
	partitions []int32
	done       chan struct{}
}

// NewWorker checks the configuration and makes a worker; it does not connect yet.
func NewWorker(config WorkerConfig) (*Worker, error) {
	config = config.withDefaults()
	if err := config.Validate(); err != nil {
		return nil, fmt.Errorf("worker configuration: %w", err)
	}
	config.Logger = config.Logger.With("worker", config.WorkerID)
	reach := &kafka.Reach{}
	config.Kafka = append(append([]kgo.Opt{}, config.Kafka...), kgo.WithHooks(reach))
	store, err := newStore(config, reach)
	if err != nil {
		return nil, err
	}
	w := &Worker{
		config:   config,
		logger:   config.Logger,
		plugins:  newPlugins(config.Plugins),
		store:    store,
		checks:   make(chan struct{}, maxChecks),
		events:   make(chan func()),
		loopDone: make(chan struct{}),
		turns:    newTurns(),
		reach:    reach,
		assigned: map[int32]bool{},
		leased:   true,
		cancels:  map[state.TaskID]context.CancelFunc{},
	}
	w.offsets = &stateTopic{topic: config.OffsetsTopic, client: w.kafkaClient}
	w.schemas = &stateTopic{topic: config.SchemasTopic, client: w.kafkaClient, keep: versionsKept}
	w.membership.Store("it has not joined yet")
	w.metrics, err = newWorkerMetrics(config.Meter)
	if err != nil {
		return nil, err
	}
	if w.clients, err = kafka.NewMeters(config.Meter); err != nil {
		return nil, fmt.Errorf("make metrics of Kafka clients: %w", err)
	}
	return w, nil
}

// Run follows the config store and runs this worker's share of the tasks until ctx ends; then it stops the tasks, hands
// them over and returns nil. While Kafka cannot be reached it waits and tries again.
func (w *Worker) Run(ctx context.Context) error {
	crashes, forget, err := openCrashes(w.config.crashDir(), w.logger)
	if err != nil {
		w.logger.Warn("a connector that ends this process again and again will not be found: name another folder for what crashes leave", "err", err)
	}
	defer forget()
	w.crashes = crashes
	// Once the worker stops, whoever kills it does so because that takes long, and not for want of memory.
	working, stopReading := context.WithCancel(ctx)
	var reader contain.Waiting
	reader.Go("readings of memory", func() { crashes.readings.keep(working) }, func(err error) {
		w.logger.Error("a connector that uses up the memory will not be found any more", "err", err)
	})
	defer reader.Wait()
	defer stopReading()
	// The store outlives ctx: the last statuses are written through it.
	following, stopFollowing := context.WithCancel(context.WithoutCancel(ctx))
	var follower contain.Waiting
	unread := func(err error) {
		w.store.setFailure(err)
		w.logger.Error("the config store is not read any more; restart the worker", "err", err)
	}
	follower.Go("reader of the config store", func() { w.store.follow(following) }, unread)
	follower.Go("reader of offsets", func() { w.offsets.follow(following, offsetsInterval) }, unread)
	defer follower.Wait()
	defer stopFollowing()
	defer w.noted.Wait() // through the store's client

	if !w.awaitStore(ctx) {
		return nil
	}
	w.lifecycle = state.NewLifecycle(w.store.configPartitions())
	w.lifecycle.Quarantined = w.quarantined
	if w.crashes.plan.oneByOne {
		tasks := 0
		for _, load := range w.loads() {
			tasks += load.Tasks
		}
		w.turns.oneByOne(tasks, w.config.AloneFor, w.crashes.alone)
	}
	loop, stopLoop := context.WithCancel(context.WithoutCancel(ctx))
	contain.Go("life cycle of tasks", func() { w.loop(loop) }, w.turnFailed)
	defer func() { <-w.loopDone }()
	defer stopLoop()

	w.lease = newLeasing(w.config.SessionTimeout, w.config.rebalanceTimeout(), time.Now)
	w.balancer = newFleetBalancer(w.config.ConfigTopic, w.loads)
	group, err := joinGroup(w.config, w, w.balancer, w.lease)
	if err != nil {
		return err
	}
	polling, stopPolling := context.WithCancel(context.WithoutCancel(ctx))
	defer stopPolling()
	contain.Go("membership of the fleet", func() {
		// Nothing is fetched; polling only surfaces errors of the group session.
		for polling.Err() == nil {
			group.PollFetches(polling).EachError(func(_ string, _ int32, err error) {
				var session *kgo.ErrGroupSession
				if errors.As(err, &session) {
					w.membership.Store(session.Err.Error())
					w.logger.Warn("not a member of the group; joining again", "group", w.config.GroupID, "err", session.Err)
				}
			})
		}
	}, func(err error) { w.logger.Error("errors of the fleet's group are not shown any more", "err", err) })
	leasing := time.NewTicker(w.config.SessionTimeout / 20)
	defer leasing.Stop()
	balancing := time.NewTicker(sweepInterval)
	defer balancing.Stop()
	for ctx.Err() == nil {
		select {
		case <-leasing.C:
			w.do(w.checkLease)
		case <-balancing.C:
			if w.balancer.uneven() {
				w.logger.Info("tasks are unevenly spread; the fleet shares them anew")
				group.ForceRebalance()
			}
		case <-ctx.Done():
		}
	}
	w.membership.Store("it stops")
	w.logger.Info("worker stops; its tasks go to others")
	group.CloseAllowingRebalance() // revokes, and so hands over, everything
	w.awaitRuns()
	flushing, cancel := context.WithTimeout(following, w.config.StoreTimeout)
	defer cancel()
	if err := w.store.flush(flushing); err != nil {
		w.logger.Warn("the last statuses were not written", "err", err)
	}
	return nil
}

// awaitRuns waits for the tasks to end, at most for the handover timeout.
func (w *Worker) awaitRuns() {
	ended := make(chan struct{})
	contain.Go("end of all tasks", func() {
		w.runs.Wait()
		close(ended)
	}, w.turnFailed)
	timer := time.NewTimer(w.config.HandoverTimeout)
	defer timer.Stop()
	select {
	case <-ended:
	case <-timer.C:
		w.logger.Error("tasks did not stop in time and are left behind", "timeout", w.config.HandoverTimeout)
	}
}

// Ready says why the worker cannot take its share now, or nil.
func (w *Worker) Ready() error {
	if err := w.store.usable(); err != nil {
		return fmt.Errorf("config store: %w", w.reach.Explain(err))
	}
	if why := w.membership.Load().(string); why != "" {
		return w.reach.Explain(fmt.Errorf("it is not a member of Kafka's consumer group %s: %s", w.config.GroupID, why))
	}
	return nil
}

// Reports says whether a task's status is this worker's: it ran the task last, and the connector still exists.
func (w *Worker) Reports(connector string, task int) bool {
	said, ok := w.store.statusesOf(connector).Tasks[task]
	return ok && said.WorkerID == w.config.WorkerID
}

// Idle are the connectors that are this worker's to run and do not run, since they are paused, stopped or failed, as of the last
// sweep.
func (w *Worker) Idle() []string {
	if idle := w.idle.Load(); idle != nil {
		return *idle
	}
	return nil
}

func (w *Worker) awaitStore(ctx context.Context) bool {
	for {
		changed, _ := w.store.changes()
		if w.store.usable() == nil {
			return true
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return false
		}
	}
}

// loop runs events, follows the store and sweeps.
func (w *Worker) loop(ctx context.Context) {
	defer close(w.loopDone)
	ticker := time.NewTicker(sweepInterval)
	defer ticker.Stop()
	configured := int64(-1) // the change of the configurations that was seen last
	for {
		changed, latest := w.store.changes()
		w.turn(func() {
			// Statuses change far more often, and each once a task.
			if latest != configured {
				configured = latest
				w.act(w.lifecycle.Configured(w.wanted()))
			}
			for _, request := range w.store.takeRestarts() {
				w.act(w.lifecycle.Restarted(request))
			}
		})
		select {
		case event := <-w.events:
			w.turn(event)
		case <-changed:
		case <-ticker.C:
			configured = -1
			w.turn(w.sweep)
			w.turn(func() { idle := w.lifecycle.Idle(); w.idle.Store(&idle) })
		case <-ctx.Done():
			return
		}
	}
}

// turn does one thing on the loop; the next turn goes on after a panic.
func (w *Worker) turn(do func()) { contain.Run("turn of the life cycle", do, w.turnFailed) }

func (w *Worker) turnFailed(err error) {
	w.logger.Error("a turn of the worker's loop failed", "err", err)
}

// do runs an event on the loop; it is dropped if the loop has ended.
func (w *Worker) do(event func()) {
	select {
	case w.events <- event:
	case <-w.loopDone:
	}
}

// wanted are the connectors of this fleet.
func (w *Worker) wanted() map[string]state.Wanted {
	connectors := map[string]state.Wanted{}
	for _, connector := range w.store.configured() {
		if plugin, ok := w.plugins.of(connector.Config); ok {
			connectors[connector.Name] = state.Wanted{Generation: connector.Generation, Tasks: w.taskCount(plugin, connector), Target: connector.Target}
		}
	}
	return connectors
}

// loads counts this fleet's tasks by partition. A stopped connector counts, since it may be started again.
func (w *Worker) loads() []state.Load {
	loads := make([]state.Load, w.store.configPartitions())
	for _, connector := range w.store.configured() {
		plugin, ok := w.plugins.of(connector.Config)
		if !ok {
			continue
		}
		for n := range w.taskCount(plugin, connector) {
			on := &loads[state.PartitionOf(connector.Name, n, int32(len(loads)))]
			on.Tasks++
			on.Newest = max(on.Newest, connector.Configured)
		}
	}
	return loads
}

// taskCount is as recorded; a configuration that something else has written is asked now, and has one task if that
// fails, which then says why.
func (w *Worker) taskCount(plugin Plugin, connector state.Connector) int {
	if connector.Tasks > 0 {
		return connector.Tasks
	}
	config := connector.Properties()
	resolved, _ := w.config.References.Resolve(config)
	values, _, problems := plugin.parseStored(config, resolved)
	tasks := 0
	if len(problems) == 0 {
		err := contain.Call("count of tasks", func() (err error) { tasks, err = plugin.Tasks(values); return err })
		if err != nil {
			return 1
		}
	}
	return max(tasks, 1)
}

// act does what the life cycle decided.
func (w *Worker) act(actions []state.Action) {
	for _, action := range actions {
		switch action.Kind {
		case state.StartTask:
			w.start(action)
		case state.StopTask:
			w.cancels[action.ID]()
		case state.ReportTask:
			w.store.report(action.ID.Connector, state.Entry{Key: state.TaskStatusKey(action.ID), Value: w.statusOf(action)})
		case state.ReportConnector:
			w.store.report(action.ID.Connector, state.Entry{Key: state.StatusConnectorKey + action.ID.Connector, Value: w.statusOf(action)})
		case state.ForgetTask:
			w.forget(action.ID)
		case state.ForgetConnector:
			w.forgetAll(action.ID.Connector, w.store.statusesOf(action.ID.Connector))
		}
	}
	waiting := w.handovers[:0]
	for _, handover := range w.handovers {
		if w.lifecycle.RunsOf(handover.partitions) {
			waiting = append(waiting, handover)
			continue
		}
		close(handover.done)
	}
	w.handovers = waiting
}

func (w *Worker) statusOf(a state.Action) state.StatusRecord {
	status := state.StatusRecord{State: a.State, Trace: a.Trace, WorkerID: w.config.WorkerID, Generation: a.Generation, Quarantined: a.Quarantined}
	if connector, ok := w.store.get(a.ID.Connector); ok {
		if plugin, ok := w.plugins.of(connector.Config); ok {
			status.Version = plugin.Version
		}
	}
	return status
}

// sweep mends the status topic, once all that this worker has said is in it.
func (w *Worker) sweep() {
	if w.store.pendingStatus.Load() > 0 {
		return
	}
	exists := func(name string) bool { _, ok := w.store.get(name); return ok }
	w.act(w.lifecycle.Sweep(w.config.WorkerID, w.store.allStatuses(), exists))
}

// forgetAll removes everything that the status topic says about a connector that was deleted.
func (w *Worker) forgetAll(name string, said state.Statuses) {
	for _, e := range said.Tombstones(name) {
		w.store.report(name, e)
	}
}

// forget removes the status of a task, if there is one.
func (w *Worker) forget(id state.TaskID) {
	if _, ok := w.store.statusesOf(id.Connector).Tasks[id.Task]; ok {
		w.store.report(id.Connector, state.Entry{Key: state.TaskStatusKey(id)})
	}
}

// quarantined says why a task is not to be started with a configuration, although it is wanted, or nothing. Whichever worker found that
// out, all keep to what the status says.
func (w *Worker) quarantined(id state.TaskID, generation int64) string {
	if said := w.store.statusesOf(id.Connector).Tasks[id.Task]; said.Quarantined && said.Generation == generation {
		return said.Trace
	}
	trace := w.crashes.verdict(runOf(id, generation))
	if trace == "" {
		return ""
	}
	if connector, ok := w.store.get(id.Connector); ok {
		if plugin, ok := w.plugins.of(connector.Config); ok {
			resolved, _ := w.config.References.Resolve(connector.Properties())
			trace = secret.Of(plugin.Catalogue, connector.Config, resolved).Hide(trace)
		}
	}
	w.logger.Error("task quarantined", "connector", id.Connector, "task", id.Task, "err", trace)
	w.happened("TaskQuarantined", id.Connector, fmt.Sprintf("task %d: %s", id.Task, trace))
	return trace
}

// start runs a task in a goroutine of its own. The connector may have changed since the decision; the next pass of the
// loop then restarts the task.
func (w *Worker) start(a state.Action) {
	ctx, cancel := context.WithCancel(context.Background())
	w.cancels[a.ID] = cancel
	connector, _ := w.store.get(a.ID.Connector)
	var trace string
	ended := func() { w.do(func() { w.act(w.lifecycle.Ended(a.ID, a.Run, trace)) }) }
	w.runs.Go("run of a task", func() {
		defer cancel()
		plugin, ok := w.plugins.of(connector.Config)
		if ok {
			w.metrics.started(a.ID.Connector, plugin.Class)
			connector.Tasks = w.taskCount(plugin, connector)
			run := runOf(a.ID, a.Generation)
			w.crashes.lift(run)
			pprof.Do(ctx, pprof.Labels(runLabel, run), func(ctx context.Context) {
				trace = w.runTask(ctx, plugin, connector, a.ID, run)
			})
			w.metrics.ended(a.ID.Connector, plugin.Class, trace != "")
			if trace != "" {
				w.happened("TaskFailed", a.ID.Connector, fmt.Sprintf("task %d: %s", a.ID.Task, trace))
			}
		}
		ended()
	}, func(err error) {
		w.logger.Error("task failed", "connector", a.ID.Connector, "task", a.ID.Task, "err", err)
		trace = err.Error()
		ended()
	})
}
