package sink

import (
	"context"
	"errors"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/calypso-cdc/calypso/libs/contain"
	"github.com/calypso-cdc/calypso/libs/kusto"
	"github.com/calypso-cdc/calypso/services/sink/internal/batcher"
	"github.com/calypso-cdc/calypso/services/sink/internal/deadletter"
	"github.com/calypso-cdc/calypso/services/sink/internal/fetch"
	"github.com/calypso-cdc/calypso/services/sink/internal/ingest"
	"github.com/calypso-cdc/calypso/services/sink/internal/membership"
	"github.com/calypso-cdc/calypso/services/sink/internal/retry"
	"github.com/calypso-cdc/calypso/services/sink/internal/spec"
	"github.com/calypso-cdc/calypso/services/sink/internal/target"
	"github.com/calypso-cdc/calypso/services/sink/internal/topics"
)

// pipeline is a task that runs: what brings the records of its topics into their tables.
type pipeline struct {
	// ctx ends with the task, or with the first failure as its cause; cancel gets failures.
	ctx    context.Context
	cancel context.CancelCauseFunc
	client *kusto.Client
	member membership.Task
	// beside are questions that no record waits for, watching is what goes on until ctx ends.
	beside, watching *contain.Waiting
}

// open connects a task to its cluster, waiting for it if it is away, and to its dead letter topic.
func open(ctx context.Context, cancel context.CancelCauseFunc, t *task) (*pipeline, error) {
	client, err := kusto.New(t.spec.Kusto)
	if err != nil {
		return nil, err
	}
	beside := new(contain.Waiting)
	goBeside := func(name string, work func()) { beside.Go(name, work, cancel) }
	waits := retry.New(t.status.Troubles, t.spec.RetryLimit, t.spec.MaxBackoff, t.env.Retrying, cancel)
	tables := target.New(target.Cluster{
		Ctx: ctx, Env: t.env, Spec: t.spec, Client: client, Retry: waits, Status: t.status, Memory: t.memory,
		Meters: t.o.meters, Beside: goBeside,
	})
	if err := waits.Do(ctx, func(ctx context.Context) error { return probe(ctx, t.spec, tables) }); err != nil {
		return nil, errors.Join(err, client.Close())
	}
	reporter, err := deadletter.OpenReporter(ctx, t.env, t.spec, waits, t.status, t.o.meters)
	if err != nil {
		return nil, errors.Join(err, client.Close())
	}
	read := new(topics.Registry)
	member := membership.Task{
		Batches: batcher.Task{
			Env: t.env, Spec: t.spec, Retry: waits, Tables: tables, Reporter: reporter, Status: t.status,
			Ingest: &ingest.Ingester{
				Env: t.env, Spec: t.spec, Client: client, Retry: waits, Memory: t.memory, Meters: t.o.meters,
				Tracer: t.o.Tracer, Failpoints: t.o.Failpoints, TopicID: read.ID, SetAside: reporter.SetAside,
			},
		},
		Topics: read, Memory: t.memory, Meters: t.o.meters, Failpoints: t.o.Failpoints, Fail: cancel, Beside: goBeside,
	}
	return &pipeline{ctx: ctx, cancel: cancel, client: client, member: member, beside: beside,
		watching: new(contain.Waiting)}, nil
}

// probe finds out how the cluster takes rows, and looks at the tables if that is asked for.
func probe(ctx context.Context, s *spec.Spec, tables *target.Tables) error {
	if s.Validate {
		if err := tables.Check(ctx); err != nil {
			return err
		}
	}
	return tables.Probe(ctx)
}

// run consumes until asked, the context of who asked for the task, ends or something fails. joined
// is given each membership of the group.
func (p *pipeline) run(asked context.Context, joined func(*membership.Membership)) (err error) {
	defer func() { err = errors.Join(err, p.client.Close()) }()
	defer p.member.Batches.Reporter.Close()
	defer func() { p.cancel(nil); p.beside.Wait(); p.watching.Wait() }()
	spec := p.member.Batches.Spec
	if p.member.Batches.Reporter.HasTopic() && p.member.Batches.Env.Task == 0 {
		p.watching.Go("count of dead letters", func() { p.member.Batches.Reporter.CountLetters(p.ctx) }, p.cancel)
	}
	if spec.Exact {
		p.watching.Go("look for doubled batches", func() { p.member.Batches.Tables.ResolveDoubts(p.ctx) }, p.cancel)
	}
	for first := true; p.ctx.Err() == nil; first = false {
		m, err := membership.Join(p.ctx, p.member)
		if err != nil {
			return err
		}
		joined(m)
		if first && p.member.Batches.Env.Task == 0 {
			p.member.Beside("count of partitions", func() { p.warnOfStatuses(m.Client) })
		}
		contain.Run("poll of records", fetch.New(p.ctx, p.member, m).Run, p.cancel)
		m.Leave() // gives the partitions back whatever became of the poll
	}
	if asked.Err() != nil {
		return nil
	}
	return context.Cause(p.ctx)
}

// warnOfStatuses warns of more batches than the cluster's table of statuses is made for, by all
// partitions of the connector's topics.
func (p *pipeline) warnOfStatuses(client *kgo.Client) {
	ctx, cancel := context.WithTimeout(p.ctx, 15*time.Second)
	defer cancel()
	spec := p.member.Batches.Spec
	topics, err := kadm.NewClient(client).ListTopics(ctx, spec.Topics...) // all topics where a pattern says which
	if err != nil {
		p.member.Batches.Env.Logger.Debug("partitions could not be counted", "err", err)
		return
	}
	partitions := 0
	for _, topic := range topics {
		if spec.Pattern == nil || spec.Pattern.Matches(topic.Topic) {
			partitions += len(topic.Partitions)
		}
	}
	if w := spec.WarnOfStatuses(partitions); w != "" {
		p.member.Batches.Env.Logger.Warn(w)
	}
}
