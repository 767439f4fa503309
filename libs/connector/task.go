package connector

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/calypso-cdc/calypso/libs/connector/catalogue"
	"github.com/calypso-cdc/calypso/libs/connector/secret"
	"github.com/calypso-cdc/calypso/libs/connector/state"
	"github.com/calypso-cdc/calypso/libs/contain"
)

// runTask runs one task until ctx ends and says why it failed, if it did: the text that /status shows as trace. Secrets
// of the configuration are taken out of it.
func (w *Worker) runTask(ctx context.Context, plugin Plugin, connector state.Connector, id state.TaskID, run string) (trace string) {
	logger := w.logger.With("connector", id.Connector, "task", id.Task)
	resolved, faults := w.config.References.Resolve(connector.Properties())
	secrets := secret.Of(plugin.Catalogue, connector.Config, resolved)
	fail := func(err error) string {
		text := secrets.Hide(err.Error())
		logger.With("err", text).Error("task failed")
		return text
	}
	if err := faults.Err(); err != nil {
		return fail(fmt.Errorf("resolve the configuration on worker %s: %w", w.config.WorkerID, err))
	}
	values, warnings, problems := plugin.parseStored(connector.Properties(), resolved)
	if len(problems) > 0 {
		return fail(fmt.Errorf("the configuration is not valid: %s", joinProblems(problems)))
	}
	for _, warning := range warnings {
		if warning.Outdated {
			logger.Warn("a setting of the configuration is outdated", "key", warning.Key, "warning", secrets.Hide(warning.Message))
		}
	}
	started, err := w.turns.take(ctx, run, w.turnFailed)
	if err != nil {
		return ""
	}
	defer started()
	env := w.taskEnv(id, connector.Tasks, secrets)
	env.Started = started
	about, ended := &doing{}, make(chan struct{})
	env.Doing = about.set
	w.runs.Go("watch of a stop", func() { w.watchStop(ctx, id, about, ended) }, func(err error) {
		logger.Error("what a task waits for is not said any more", "err", err)
	})
	defer close(ended)
	logger.Info("task started")
	err = contain.Call("task", func() error {
		task, err := plugin.NewTask(env, values)
		if err != nil {
			return err
		}
		defer w.crashes.readings.holds(run, task)()
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

func (w *Worker) taskEnv(id state.TaskID, tasks int, secrets secret.Values) TaskEnv {
	logger := slog.New(secret.NewHandler(w.logger.Handler(), secrets)).With("connector", id.Connector, "task", id.Task)
	retries := newRetryReporter(logger, secrets, time.Now)
	return TaskEnv{
		Connector:    id.Connector,
		Task:         id.Task,
		Tasks:        tasks,
		WorkerID:     w.config.WorkerID,
		Kafka:        w.kafkaClient,
		OffsetsTopic: w.config.OffsetsTopic, SchemasTopic: w.config.SchemasTopic, ReplicationFactor: w.config.ReplicationFactor,
		Offsets: func(ctx context.Context) (map[string][]byte, error) {
			return w.sourceOffsets(ctx, id.Connector)
		},
		Versions: func(ctx context.Context) ([][]byte, error) {
			return w.versions(ctx, id.Connector)
		},
		AllVersions:    w.schemas.all,
		Started:        func() {},
		Doing:          func(string) {},
		BrokersAway:    w.reach.Why,
		UsedTopic:      func(topic string) error { return w.usedTopic(id, topic) },
		InternalTopics: w.config.internalTopics(),
		Retrying:       retries.report,
		Happened:       func(action, detail string) { w.happened(action, id.Connector, secrets.Hide(detail)) },
		Hide:           secrets.Hide,
		Logger:         logger,
	}
}

// kafkaClient makes a client with the worker's connection options and the given ones, which is measured, and keeps to what the brokers take.
func (w *Worker) kafkaClient(options ...kgo.Opt) (*kgo.Client, error) {
	bounded := append(options[:len(options):len(options)], w.store.brokerRestrictions().Options()...)
	return kgo.NewClient(append(append([]kgo.Opt{kgo.WithHooks(w.clients)}, w.config.Kafka...), bounded...)...)
}

// usedTopic notes a topic once.
func (w *Worker) usedTopic(id state.TaskID, topic string) error {
	if slices.Contains(w.config.internalTopics(), topic) {
		return fmt.Errorf("topic %s keeps the state of Calypso's own workers, and no connector may read or write it: choose another topic", topic)
	}
	if topic == "" || w.store.statusesOf(id.Connector).Topics[topic] {
		return nil
	}
	var record state.TopicRecord
	record.Topic.Name, record.Topic.Connector, record.Topic.Task = topic, id.Connector, id.Task
	record.Topic.DiscoverTimestamp = time.Now().UnixMilli()
	w.store.report(id.Connector, state.Entry{Key: state.TopicStatusKey(id.Connector, topic), Value: record})
	return nil
}

func joinProblems(problems []catalogue.Problem) string {
	texts := make([]string, len(problems))
	for i, problem := range problems {
		texts[i] = problem.Message
	}
	return strings.Join(texts, "; ")
}
