package runtime

import (
	"context"
	"fmt"
	"log/slog"
	"sync/atomic"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/calypso-cdc/calypso/libs/connector"
	"github.com/calypso-cdc/calypso/libs/connector/classes"
	"github.com/calypso-cdc/calypso/libs/connector/crash"
	"github.com/calypso-cdc/calypso/libs/connector/secret"
	"github.com/calypso-cdc/calypso/libs/connector/state"
	"github.com/calypso-cdc/calypso/libs/connector/store"
	"github.com/calypso-cdc/calypso/libs/contain"
	"github.com/calypso-cdc/calypso/libs/kafka"
)

// offsetsInterval is how often a worker reads on in the offsets topic once one of its tasks has
// read it, so that tasks that it takes over find little left to read.
const offsetsInterval = time.Minute

// Worker is one member of a fleet. It follows the store, holds a share of the tasks and runs them.
// Make it with New, serve its API (package api) and call Run once.
type Worker struct {
	config       *Config
	logger       *slog.Logger
	store        *store.Store
	classes      *classes.Classes
	environments *environments
	metrics      *workerMetrics
	membership   membership
	// supervisor is nil until the store was read.
	supervisor atomic.Pointer[supervisor]
}

// New checks the configuration and makes a worker; it does not connect yet.
func New(config Config) (*Worker, error) {
	config = config.withDefaults()
	if err := config.Validate(); err != nil {
		return nil, fmt.Errorf("worker configuration: %w", err)
	}
	config.Logger = config.Logger.With("worker", config.WorkerID)
	reach := &kafka.Reach{}
	config.Kafka = append(append([]kgo.Opt{}, config.Kafka...), kgo.WithHooks(reach))
	meters, err := kafka.NewMeters(config.Meter)
	if err != nil {
		return nil, fmt.Errorf("make metrics of Kafka clients: %w", err)
	}
	metrics, err := newWorkerMetrics(config.Meter)
	if err != nil {
		return nil, err
	}
	store, err := store.New(config.store(reach, meters))
	if err != nil {
		return nil, err
	}
	return &Worker{
		config:       &config,
		logger:       config.Logger,
		store:        store,
		classes:      classes.New(config.Plugins, config.Secrets.References),
		environments: &environments{&config, store},
		metrics:      metrics,
	}, nil
}

// Config is the worker's configuration with its defaults.
func (w *Worker) Config() Config { return *w.config }

// Store returns what the fleet keeps in Kafka.
func (w *Worker) Store() *store.Store { return w.store }

// Classes returns the connector classes of the fleet.
func (w *Worker) Classes() *classes.Classes { return w.classes }

// TaskEnv returns what a task of a connector would be given on this worker, whether or not it runs
// here.
func (w *Worker) TaskEnv(id state.TaskID, tasks int, secrets secret.Values) connector.TaskEnv {
	return w.environments.of(id, tasks, secrets)
}

// Run follows the config store and runs this worker's share of the tasks until ctx ends; then it stops the tasks, hands
// them over and returns nil. While Kafka cannot be reached it waits and tries again.
func (w *Worker) Run(ctx context.Context) error {
	crashes, forget, err := crash.Open(w.config.crashDir(), w.logger)
	if err != nil {
		w.logger.Warn(
			"a connector that crashes this process again and again cannot be identified: set crash-dir to a directory that the worker may write to",
			"err", err)
	}
	defer forget()
	// Once the worker stops, it may be killed because that takes long, which must not be mistaken for
	// lack of memory.
	working, stopReading := context.WithCancel(ctx)
	var reader contain.Waiting
	reader.Go("readings of memory", func() { crashes.Watch(working) }, func(err error) {
		w.logger.Error("a connector that uses up the memory can no longer be identified", "err", err)
	})
	defer reader.Wait()
	defer stopReading()
	// The store outlives ctx: the last statuses are written through it.
	following, stopFollowing := context.WithCancel(context.WithoutCancel(ctx))
	var follower contain.Waiting
	unread := func(err error) {
		w.store.SetFailure(err)
		w.logger.Error("the config store is no longer read; restart the worker", "err", err)
	}
	follower.Go("reader of the config store", func() { w.store.Follow(following) }, unread)
	follower.Go("reader of offsets", func() { w.store.Offsets.Follow(following, offsetsInterval) }, unread)
	defer follower.Wait()
	defer stopFollowing()
	defer w.store.Timeline.Wait() // through the store's client

	if !w.awaitStore(ctx) {
		return nil
	}
	runner := &runner{
		config: w.config, logger: w.logger, store: w.store, classes: w.classes, environments: w.environments,
		metrics: w.metrics,
		turns:   w.turns(crashes), crashes: crashes,
	}
	lease := newLeasing(w.config.SessionTimeout, w.config.rebalanceTimeout(), time.Now)
	supervisor := newSupervisor(w.config, w.store, w.classes, runner, lease, &w.membership)
	w.supervisor.Store(supervisor)
	loop, stopLoop := context.WithCancel(context.WithoutCancel(ctx))
	contain.Go("life cycle of tasks", func() { supervisor.loop(loop) }, supervisor.turnFailed)
	defer func() { <-supervisor.done }()
	defer stopLoop()

	if err := w.takePart(ctx, supervisor); err != nil {
		return err
	}
	runner.await()
	flushing, cancel := context.WithTimeout(following, w.config.StoreTimeout)
	defer cancel()
	if err := w.store.Flush(flushing); err != nil {
		w.logger.Warn("the last statuses were not written", "err", err)
	}
	return nil
}

// turns makes the turns in which tasks start, one by one if a crash of the process before calls for
// it.
func (w *Worker) turns(crashes *crash.Journal) *turns {
	turns := newTurns()
	if crashes.OneByOne() {
		tasks := 0
		for _, load := range loads(w.store, w.classes) {
			tasks += load.Tasks
		}
		turns.oneByOne(tasks, w.config.AloneFor, crashes.Alone)
	}
	return turns
}

// takePart is a member of the group until ctx ends. It then hands over its partitions, waiting for
// their tasks to end for at most the handover timeout.
func (w *Worker) takePart(ctx context.Context, supervisor *supervisor) error {
	balancer := newFleetBalancer(w.config.ConfigTopic, func() []state.Load { return loads(w.store, w.classes) })
	group, err := joinGroup(w.config, supervisor, balancer, supervisor.lease)
	if err != nil {
		return err
	}
	polling, stopPolling := context.WithCancel(context.WithoutCancel(ctx))
	defer stopPolling()
	contain.Go("membership of the fleet", func() { w.membership.follow(polling, group, w.config) },
		func(err error) { w.logger.Error("errors of the fleet's group are no longer shown", "err", err) })
	leasing := time.NewTicker(w.config.SessionTimeout / 20)
	defer leasing.Stop()
	balancing := time.NewTicker(sweepInterval)
	defer balancing.Stop()
	for ctx.Err() == nil {
		select {
		case <-leasing.C:
			supervisor.do(supervisor.checkLease)
		case <-balancing.C:
			if balancer.uneven() {
				w.logger.Info("tasks are unevenly spread; the fleet shares them again")
				group.ForceRebalance()
			}
		case <-ctx.Done():
		}
	}
	w.membership.set("it stops")
	w.logger.Info("worker stops; its tasks go to others")
	group.CloseAllowingRebalance() // revokes, and so hands over, everything
	return nil
}

// Ready returns why the worker cannot take its share of the tasks now; nil if it can.
func (w *Worker) Ready() error {
	reach := w.store.Config().Reach
	if err := w.store.Usable(); err != nil {
		return fmt.Errorf("config store: %w", reach.Explain(err))
	}
	if why := w.membership.String(); why != "" {
		return reach.Explain(fmt.Errorf("it is not a member of Kafka's consumer group %s: %s", w.config.GroupID, why))
	}
	return nil
}

// CutOff returns why the worker can neither reach Kafka nor work, so that what it knows may be old;
// nil if it can. A worker that only waits to become a member of the group still reads the topics,
// and one of several brokers that is away does not cut it off.
func (w *Worker) CutOff() error {
	if w.store.Config().Reach.Why() == nil {
		return nil
	}
	return w.Ready()
}

// Reports reports whether a task's status is this worker's: it ran the task last, and the connector still exists.
func (w *Worker) Reports(name string, task int) bool {
	said, ok := w.store.Known.StatusesOf(name).Tasks[task]
	return ok && said.WorkerID == w.config.WorkerID
}

// Running is how many tasks run here, according to their statuses.
func (w *Worker) Running() (n int) {
	for _, c := range w.store.Known.Connectors() {
		for _, said := range w.store.Known.StatusesOf(c.Name).Tasks {
			if said.WorkerID == w.config.WorkerID && said.State == state.Running {
				n++
			}
		}
	}
	return n
}

// Idle lists the connectors that belong to this worker but do not run, because they are paused,
// stopped or failed, or because Kafka is away, as of the last sweep. While Kafka is away a worker
// counts every connector of the fleet as its own.
func (w *Worker) Idle() []string {
	if supervisor := w.supervisor.Load(); supervisor != nil {
		if idle := supervisor.idle.Load(); idle != nil {
			return *idle
		}
	}
	return nil
}

func (w *Worker) awaitStore(ctx context.Context) bool {
	for {
		changed, _ := w.store.Changes()
		if w.store.Usable() == nil {
			return true
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return false
		}
	}
}
