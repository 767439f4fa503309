package connector

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"
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

	// checks has room for the validations that may connect at the same time.
	checks   chan struct{}
	lease    *lease
	balancer *fleetBalancer

	// membership says why the worker is not a member of the group now; empty if it is.
	membership atomic.Value

	// events are run one after the other by the loop, which alone touches the fields below it.
	events   chan func()
	loopDone chan struct{}

	lifecycle *lifecycle
	// assigned are the partitions that the group gave to this worker; the life cycle holds them while the lease lasts.
	assigned  map[int32]bool
	leased    bool
	cancels   map[taskID]context.CancelFunc
	handovers []handover
	runs      sync.WaitGroup
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
	store, err := newStore(config)
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
		assigned: map[int32]bool{},
		leased:   true,
		cancels:  map[taskID]context.CancelFunc{},
	}
	w.membership.Store("it has not joined yet")
	w.metrics, err = newWorkerMetrics(config.Meter)
	if err != nil {
		return nil, err
	}
	return w, nil
}

// Run follows the config store and runs this worker's share of the tasks until ctx ends; then it stops the tasks, hands
// them over and returns nil. While Kafka cannot be reached it waits and tries again.
func (w *Worker) Run(ctx context.Context) error {
	// The store outlives ctx: the last statuses are written through it.
	following, stopFollowing := context.WithCancel(context.WithoutCancel(ctx))
	var follower sync.WaitGroup
	follower.Go(func() { w.store.follow(following) })
	defer follower.Wait()
	defer stopFollowing()

	if !w.awaitStore(ctx) {
		return nil
	}
	w.lifecycle = newLifecycle(w.store.configPartitions())
	loop, stopLoop := context.WithCancel(context.WithoutCancel(ctx))
	go w.loop(loop)
	defer func() { <-w.loopDone }()
	defer stopLoop()

	w.lease = newLease(w.config.SessionTimeout, w.config.rebalanceTimeout(), time.Now)
	w.balancer = newFleetBalancer(w.config.ConfigTopic, w.loads)
	group, err := joinGroup(w.config, w, w.balancer, w.lease)
	if err != nil {
		return err
	}
	polling, stopPolling := context.WithCancel(context.WithoutCancel(ctx))
	defer stopPolling()
	go func() {
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
	}()
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
	go func() {
		w.runs.Wait()
		close(ended)
	}()
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
		return fmt.Errorf("config store: %w", err)
	}
	if why := w.membership.Load().(string); why != "" {
		return fmt.Errorf("worker is not a member of consumer group %s: %s", w.config.GroupID, why)
	}
	return nil
}

func (w *Worker) awaitStore(ctx context.Context) bool {
	for {
		changed := w.store.changes()
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
	for {
		changed := w.store.changes()
		w.act(w.lifecycle.configured(w.wanted()))
		for _, request := range w.store.takeRestarts() {
			w.act(w.lifecycle.restarted(request))
		}
		select {
		case event := <-w.events:
			event()
		case <-changed:
		case <-ticker.C:
			w.sweep()
		case <-ctx.Done():
			return
		}
	}
}

// do runs an event on the loop; it is dropped if the loop has ended.
func (w *Worker) do(event func()) {
	select {
	case w.events <- event:
	case <-w.loopDone:
	}
}

// wanted are the connectors of this fleet.
func (w *Worker) wanted() map[string]wanted {
	connectors := map[string]wanted{}
	for _, connector := range w.store.all() {
		if plugin, ok := w.plugins.of(connector.config); ok {
			connectors[connector.name] = wanted{connector.generation, w.taskCount(plugin, connector.stored), connector.target}
		}
	}
	return connectors
}

// loads counts this fleet's tasks by partition. A stopped connector counts, since it may be started again.
func (w *Worker) loads() []load {
	loads := make([]load, w.store.configPartitions())
	for _, connector := range w.store.all() {
		plugin, ok := w.plugins.of(connector.config)
		if !ok {
			continue
		}
		for n := range w.taskCount(plugin, connector.stored) {
			on := &loads[partitionOf(connector.name, n, int32(len(loads)))]
			on.tasks++
			on.newest = max(on.newest, connector.configured)
		}
	}
	return loads
}

// taskCount is as recorded; a configuration that something else has written is asked now, and has one task if that
// fails, which then says why.
func (w *Worker) taskCount(plugin Plugin, connector *stored) int {
	if connector.tasks > 0 {
		return connector.tasks
	}
	config := withName(connector.config, connector.name)
	resolved, _ := w.config.References.resolve(config)
	values, _, problems := plugin.Catalogue.ParseResolved(config, resolved)
	if len(problems) == 0 {
		if tasks, err := plugin.Tasks(values); err == nil && tasks > 0 {
			return tasks
		}
	}
	return 1
}

// checkLease stops everything when the lease has ended, and goes on if it is renewed and nothing was taken away.
func (w *Worker) checkLease() {
	leased := !w.lease.expired()
	if leased == w.leased {
		return
	}
	w.leased = leased
	partitions := slices.Sorted(maps.Keys(w.assigned))
	if leased {
		w.membership.Store("")
		w.logger.Info("Kafka's group coordinator answers again; tasks go on", "partitions", partitions)
		w.act(w.lifecycle.assigned(partitions))
		return
	}
	w.membership.Store("its coordinator has not answered for the session timeout")
	w.logger.Warn("Kafka's group coordinator has not answered for the session timeout; tasks stop, since others may take them over", "partitions", partitions)
	w.act(w.lifecycle.lost(partitions))
}

func (w *Worker) partitionsAssigned(partitions []int32) {
	w.balancer.assigned()
	w.membership.Store("")
	w.metrics.rebalanced()
	w.logger.Info("partitions assigned", "partitions", partitions)
	w.do(func() {
		for _, partition := range partitions {
			w.assigned[partition] = true
		}
		w.leased = true
		w.act(w.lifecycle.assigned(slices.Sorted(maps.Keys(w.assigned))))
	})
}

func (w *Worker) partitionsRevoked(partitions []int32) {
	if len(partitions) == 0 {
		return
	}
	w.logger.Info("partitions revoked", "partitions", partitions)
	done := make(chan struct{})
	w.do(func() {
		w.unassign(partitions)
		w.handovers = append(w.handovers, handover{partitions, done})
		w.act(w.lifecycle.revoked(partitions))
	})
	timer := time.NewTimer(w.config.HandoverTimeout)
	defer timer.Stop()
	select {
	case <-done:
		// The last word about these tasks must precede the first of their next owner.
		flushing, cancel := context.WithTimeout(context.Background(), w.config.StoreTimeout)
		defer cancel()
		_ = w.store.flush(flushing)
	case <-timer.C:
		w.logger.Warn("tasks did not stop in time; they are left behind, fenced by their successors", "timeout", w.config.HandoverTimeout)
	case <-w.loopDone:
	}
}

func (w *Worker) partitionsLost(partitions []int32) {
	if len(partitions) == 0 {
		return
	}
	w.membership.Store("it has lost its partitions")
	w.logger.Warn("partitions lost; their tasks stop here", "partitions", partitions)
	w.do(func() {
		w.unassign(partitions)
		w.act(w.lifecycle.lost(partitions))
	})
}

func (w *Worker) unassign(partitions []int32) {
	for _, partition := range partitions {
		delete(w.assigned, partition)
	}
}

// act does what the life cycle decided.
func (w *Worker) act(actions []action) {
	for _, action := range actions {
		switch action.kind {
		case startTask:
			w.start(action)
		case stopTask:
			w.cancels[action.id]()
		case reportTask:
			w.store.report(action.id.connector, entry{taskStatusKey(action.id), w.statusOf(action)})
		case reportConnector:
			w.store.report(action.id.connector, entry{statusConnectorKey + action.id.connector, w.statusOf(action)})
		case forgetTask:
			w.forget(action.id)
		}
	}
	waiting := w.handovers[:0]
	for _, handover := range w.handovers {
		if w.lifecycle.runsOf(handover.partitions) {
			waiting = append(waiting, handover)
			continue
		}
		close(handover.done)
	}
	w.handovers = waiting
}

func (w *Worker) statusOf(a action) statusRecord {
	status := statusRecord{State: a.state, Trace: a.trace, WorkerID: w.config.WorkerID, Generation: a.generation}
	if connector, ok := w.store.get(a.id.connector); ok {
		if plugin, ok := w.plugins.of(connector.config); ok {
			status.Version = plugin.Version
		}
	}
	return status
}

// forget removes the status of a task, if there is one.
func (w *Worker) forget(id taskID) {
	if _, ok := w.store.statusesOf(id.connector).tasks[id.task]; ok {
		w.store.report(id.connector, entry{key: taskStatusKey(id)})
	}
}

// start runs a task in a goroutine of its own. The connector may have changed since the decision; the next pass of the
// loop then restarts the task.
func (w *Worker) start(a action) {
	ctx, cancel := context.WithCancel(context.Background())
	w.cancels[a.id] = cancel
	connector, _ := w.store.get(a.id.connector)
	w.runs.Go(func() {
		defer cancel()
		var trace string
		plugin, ok := w.plugins.of(connector.configOrNil())
		if ok {
			w.metrics.started(a.id.connector, plugin.Class)
			connector.stored = connector.withTasks(w.taskCount(plugin, connector.stored))
			trace = w.runTask(ctx, plugin, connector, a.id)
			w.metrics.ended(a.id.connector, plugin.Class, trace != "")
		}
		w.do(func() { w.act(w.lifecycle.ended(a.id, a.run, trace)) })
	})
}

// sweep mends the status topic: it writes again what this worker last said of what it holds where the topic says
// something else, and removes what is said of tasks that do not exist.
func (w *Worker) sweep() {
	if w.store.pendingStatus.Load() > 0 {
		return
	}
	statuses := w.store.allStatuses()
	for id, task := range w.lifecycle.tasks {
		if task.reported == "" || !w.lifecycle.holds(id) {
			continue
		}
		said, ok := statuses[id.connector].tasks[id.task]
		if !ok || said.State != task.reported || said.WorkerID != w.config.WorkerID {
			w.act([]action{{kind: reportTask, id: id, generation: task.generation, state: task.reported, trace: task.trace}})
		}
	}
	for name, state := range w.lifecycle.reported {
		if said := statuses[name].connector; said == nil || said.State != state || said.WorkerID != w.config.WorkerID {
			w.act([]action{{kind: reportConnector, id: taskID{connector: name}, generation: w.lifecycle.wanted[name].generation, state: state}})
		}
	}
	for name, said := range statuses {
		if _, exists := w.store.get(name); !exists && w.lifecycle.holds(taskID{name, 0}) {
			w.forgetAll(name, said)
			continue
		}
		if _, ours := w.lifecycle.wanted[name]; !ours {
			continue
		}
		for n := range said.tasks {
			id := taskID{name, n}
			if w.lifecycle.tasks[id] == nil && w.lifecycle.holds(id) {
				w.forget(id)
			}
		}
	}
}

// forgetAll removes everything the status topic says about a connector that was deleted.
func (w *Worker) forgetAll(name string, said connectorStatuses) {
	if said.connector != nil {
		w.store.report(name, entry{key: statusConnectorKey + name})
	}
	for n := range said.tasks {
		w.store.report(name, entry{key: taskStatusKey(taskID{name, n})})
	}
	for topic := range said.topics {
		w.store.report(name, entry{key: topicStatusKey(name, topic)})
	}
}
