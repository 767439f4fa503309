package sink

import (
	"context"
	"fmt"
	"log/slog"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"
	"go.opentelemetry.io/otel/metric"

	"github.com/calypso-cdc/calypso/services/sink/internal/deadletter"
	"github.com/calypso-cdc/calypso/services/sink/internal/memory"
	"github.com/calypso-cdc/calypso/services/sink/internal/retry"
	"github.com/calypso-cdc/calypso/services/sink/internal/spec"
	"github.com/calypso-cdc/calypso/services/sink/internal/status"
	"github.com/calypso-cdc/calypso/services/sink/internal/target"

	metricnoop "go.opentelemetry.io/otel/metric/noop"
	"go.opentelemetry.io/otel/trace"

	tracenoop "go.opentelemetry.io/otel/trace/noop"

	"github.com/calypso-cdc/calypso/libs/connector"
	"github.com/calypso-cdc/calypso/libs/connector/catalogue"
	"github.com/calypso-cdc/calypso/libs/failpoint"
	"github.com/calypso-cdc/calypso/libs/kusto"
	"github.com/calypso-cdc/calypso/services/sink/internal/route"
)

// Class is the connector class that configurations name; the plugin's aliases select it as well.
const Class = spec.Class

// Version is the version of Azure's sink whose keys and behaviour this one has.
const Version = "5.3.1"

// Options are what a plugin's tasks report to and the worker's defaults for them. The zero value reports nowhere.
type Options struct {
	// Registry shows the sinks; a registry of its own if nil.
	Registry *status.Registry
	// Meter and Tracer record metrics and spans; none if nil.
	Meter  metric.Meter
	Tracer trace.Tracer
	// CAFile is a PEM file of authorities to trust for connectors that name none.
	CAFile string
	// TrustedHosts are hosts that every connector may send to, besides Azure's and this machine.
	TrustedHosts []string
	// Limited gets how many bytes the sinks of the process may hold together, whenever that changes; nil is allowed.
	Limited func(bytes int64)
	// Failpoints kill the process at named places, for tests.
	Failpoints *failpoint.Set

	meters *status.Meters
}

// complete fills what is not set. Metrics are registered once, however many parts of a worker have the options.
func (o *Options) complete() (err error) {
	if o.meters != nil {
		return nil
	}
	if o.Registry == nil {
		o.Registry = status.NewRegistry()
	}
	if o.Meter == nil {
		o.Meter = metricnoop.Meter{}
	}
	if o.Tracer == nil {
		o.Tracer = tracenoop.Tracer{}
	}
	if o.Limited != nil {
		o.Registry.Memory.Limited = o.Limited
	}
	o.meters, err = status.NewMeters(o.Meter, o.Registry)
	return err
}

// Plugin makes the connector class of sinks.
func Plugin(o Options) (connector.Plugin, error) {
	if err := o.complete(); err != nil {
		return connector.Plugin{}, fmt.Errorf("register the metrics of sinks: %w", err)
	}
	keys, err := spec.Keys()
	if err != nil {
		return connector.Plugin{}, fmt.Errorf("declare the keys of sink connectors: %w", err)
	}
	return connector.Plugin{
		Class:     Class,
		Aliases:   []string{"KustoSinkConnector", "KustoSink", "calypso.sink.KustoSinkConnector"},
		Type:      connector.Sink,
		Version:   Version,
		Catalogue: keys,
		Tasks: func(v catalogue.Values) (int, error) {
			s, err := spec.Parse(v, o.defaults())
			if err != nil {
				return 0, err
			}
			return s.TasksMax, nil
		},
		Check:   func(ctx context.Context, v catalogue.Values) []connector.Check { return check(ctx, v, o) },
		Topics:  func(v catalogue.Values) connector.UsedTopics { return usedTopics(v, o) },
		Repeats: repeats,
		NewTask: func(env connector.TaskEnv, v catalogue.Values) (connector.Task, error) {
			return newTask(env, v, o)
		},
	}, nil
}

// usedTopics are the topics that a sink's configuration names. Those that a pattern matches are
// found later, and dead letters may go to brokers of their own.
func usedTopics(v catalogue.Values, o Options) (used connector.UsedTopics) {
	s, err := spec.Parse(v, o.defaults())
	if err != nil {
		return used
	}
	used.Reads = s.Topics
	if s.DeadTopic != "" && s.DeadClient == nil {
		used.Writes, used.Needs = []string{s.DeadTopic}, deadletter.Needs(s)
	}
	return used
}

// checkLetters looks for the topics of dead letters that go to brokers of their own. Those on the
// worker's brokers are looked for with the connector's other topics.
func checkLetters(ctx context.Context, s *spec.Spec) []connector.Check {
	if s.DeadClient == nil {
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, 15*time.Second)
	defer cancel()
	client, err := kgo.NewClient(s.DeadClient...)
	if err == nil {
		defer client.Close()
		err = client.Ping(ctx)
	}
	if err != nil {
		return []connector.Check{{Name: "brokers of dead letters", OK: true,
			Detail: fmt.Sprintf("they do not answer: %v", err),
			Remedy: "See that misc.deadletterqueue.bootstrap.servers is right and that the brokers run."}}
	}
	return connector.CheckNeeded(ctx, kadm.NewClient(client), deadletter.Needs(s))
}

// repeats is what follows when a sink's offsets are removed or set to an earlier position.
var repeats = []string{
	"The sink reads its topics again from where its offsets stand then (without offsets from consumer.override.auto.offset.reset, which is earliest unless it is set), as far as they still hold the records.",
	"Tables that hold these records already then hold them twice: batches are cut at other places, so that their tags are new and nothing recognises them, also with delivery.guarantee=exactly_once. A table that was dropped or cleared is filled again.",
	"The current state (current.state=true) takes each change once, by key and offset.",
	"To go on where it stopped, set the offsets to what they were before: calypsoctl offsets get -o json writes what calypsoctl offsets set reads.",
}

// checkBatching looks how long queued ingestion may wait; it only informs. A batch with a tag is
// sealed at once, whatever the policy (learn.microsoft.com/kusto/management/batching-policy,
// SingleBlob_IngestByTag).
func checkBatching(ctx context.Context, client *kusto.Client, s *spec.Spec, r route.Route) connector.Check {
	c := connector.Check{Name: "batching of " + r.Database + "." + r.Table, OK: true,
		Detail: "The table has a batching policy."}
	if s.Exact {
		c.Detail = fmt.Sprintf(
			"Batches have tags, so that no batching policy holds them up: rows can be queried some seconds after their batch is sent, and wait for that at most flush.interval.ms (%s).", s.FlushInterval)
		return c
	}
	policy, err := client.Manage(ctx, r.Database, ".show table "+kusto.QuoteName(r.Table)+" policy ingestionbatching",
		"Policy")
	switch {
	case err != nil:
		c.Detail = "The batching policy cannot be read: " + err.Error()
	case len(policy.Rows) == 0 || policy.Value(0, "Policy") == "" || policy.Value(0, "Policy") == "null":
		c.Detail = "The table has no batching policy of its own: rows can wait up to five minutes, Kusto's default, before they can be queried."
		c.Remedy = ".alter table " + kusto.QuoteName(r.Table) +
			` policy ingestionbatching @'{"MaximumBatchingTimeSpan":"00:00:30","MaximumNumberOfItems":500,"MaximumRawDataSizeMB":1024}'`
	}
	return c
}

// checkStatuses says how many partitions the table of statuses has room for; it only informs.
func checkStatuses(s *spec.Spec) connector.Check {
	a := s.StatusesADay()
	c := connector.Check{Name: "status requests", OK: true}
	room := fmt.Sprintf("enough for %d such partitions", spec.StatusBudget/a)
	if a > spec.StatusBudget {
		room = "not enough for one such partition"
		c.Remedy = fmt.Sprintf("Set flush.interval.ms to at least %d.", (24*time.Hour/spec.StatusBudget).Milliseconds()+1)
	}
	c.Detail = fmt.Sprintf(
		"A partition that always has rows makes %d batches a day with flush.interval.ms=%d, and each is followed in the cluster's table of statuses, which is made for some %d a day: %s.",
		a, s.FlushInterval.Milliseconds(), spec.StatusBudget, room)
	return c
}

// checkCapacity says how many ingestions the cluster runs at a time
// (learn.microsoft.com/kusto/management/show-capacity-command); it only informs.
func checkCapacity(ctx context.Context, client *kusto.Client, routes []route.Route) connector.Check {
	c := connector.Check{Name: "ingestion capacity", OK: true}
	database := "" // any in which the identity has a role
	if len(routes) > 0 {
		database = routes[0].Database
	}
	capacity, err := client.Manage(ctx, database, ".show capacity", "Resource")
	if kusto.Unauthorized(err) {
		c.Detail = "How many ingestions the cluster runs at a time is for identities with the role Database User to see; nothing else needs it."
		return c
	}
	if err != nil {
		c.Detail = "How many ingestions the cluster runs at a time cannot be read: " + err.Error()
		return c
	}
	for i := range capacity.Rows {
		if capacity.Value(i, "Resource") != "Ingestions" {
			continue
		}
		c.Detail = fmt.Sprintf(
			"The cluster runs %s ingestions at a time, of which %s are under way now. Each batch is one; those beyond wait.",
			capacity.Value(i, "Total"), capacity.Value(i, "Consumed"))
		if capacity.Value(i, "Remaining") == "0" {
			c.Remedy = "Batches wait for others: send larger ones (flush.size.bytes, flush.interval.ms), or give the cluster more or larger nodes."
		}
		return c
	}
	c.Detail = "The cluster does not say how many ingestions it runs at a time."
	return c
}

// check looks at the cluster and the tables without changing anything.
func check(ctx context.Context, v catalogue.Values, o Options) []connector.Check {
	s, err := spec.Parse(v, o.defaults())
	if err != nil {
		return []connector.Check{{Name: "configuration", Detail: err.Error(), Remedy: "Fix the configuration."}}
	}
	client, err := kusto.New(s.Kusto)
	if err != nil {
		return []connector.Check{{Name: "cluster", Detail: err.Error(), Remedy: "Fix the kusto and aad.auth keys."}}
	}
	defer client.Close()
	env := connector.TaskEnv{Connector: v.Raw()["name"], Logger: slog.New(slog.DiscardHandler)}
	held := memory.NewShare(new(memory.Process)) // a check holds nothing
	told, ignored := status.NewTask(env, held, s.Guarantee()), func(error) {}
	ts := target.New(target.Cluster{Ctx: ctx, Env: env, Spec: s, Client: client, Memory: held, Meters: o.meters,
		Status: told, Retry: retry.New(told.Troubles, s.RetryLimit, s.MaxBackoff, ignored, ignored),
		Beside: func(_ string, work func()) { work() }})
	checks := append([]connector.Check{ts.CheckQueueing(ctx)}, checkLetters(ctx, s)...)
	if !ts.Inline() && s.Mode != spec.ModeStreaming {
		checks = append(checks, checkStatuses(s), checkCapacity(ctx, client, s.Routes.Fixed()))
	}
	for _, r := range s.Routes.Fixed() {
		c := ts.CheckTable(ctx, r)
		checks = append(checks, c)
		if c.OK && s.Mode == spec.ModeQueued || s.Mode == spec.ModeAuto && !r.Streaming {
			checks = append(checks, checkBatching(ctx, client, s, r))
		}
	}
	return checks
}

// defaults are those of the worker for a connector's configuration.
func (o Options) defaults() spec.Defaults {
	return spec.Defaults{CAFile: o.CAFile, TrustedHosts: o.TrustedHosts}
}
