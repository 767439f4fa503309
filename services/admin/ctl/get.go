package ctl

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"

	adminv1 "github.com/calypso-cdc/calypso/gen/calypso/admin/v1"
	connectorv1 "github.com/calypso-cdc/calypso/gen/calypso/connector/v1"
	latencyv1 "github.com/calypso-cdc/calypso/gen/calypso/latency/v1"
	ordersv1 "github.com/calypso-cdc/calypso/gen/calypso/orders/v1"
	"github.com/calypso-cdc/calypso/libs/contain"
	"github.com/calypso-cdc/calypso/libs/shell"
	"github.com/calypso-cdc/calypso/services/admin/checks"
)

// getCommand lists things of a kind.
func getCommand(s *session) *cobra.Command {
	get := &cobra.Command{Use: "get",
		Short: "List pipelines, connectors, versions of configurations, tables, schemas, events, plugins or the health of services"}
	add := func(use, short string, run func(context.Context) error) {
		get.AddCommand(&cobra.Command{Use: use, Short: short, Args: exactly(0),
			RunE: func(cmd *cobra.Command, _ []string) error { return run(cmd.Context()) }})
	}
	add("pipelines", "Each source connector with its sinks, verdict and progress", func(ctx context.Context) error {
		r, err := allPipelines(ctx, s)
		if err != nil {
			return err
		}
		return s.show(r, func(t *table) { pipelines(t, r.Pipelines) })
	})
	add("connectors", "Each connector with its state", func(ctx context.Context) error { return getConnectors(ctx, s) })
	add("plugins", "The connector classes", func(ctx context.Context) error {
		r, err := s.connectors().ListPlugins(ctx, &connectorv1.ListPluginsRequest{ReturnPartialSuccess: true})
		if err != nil {
			return err
		}
		return s.showPart(r, r.Unreachable, func(t *table) {
			t.row("CLASS", "TYPE", "VERSION", "ALSO KNOWN AS")
			for _, p := range r.Plugins {
				t.row(p.Class, kind(p.Type), p.Version, strings.Join(p.Aliases, ", "))
			}
		})
	})
	services := &cobra.Command{Use: "services", Aliases: []string{"health"}, Args: exactly(0),
		Short: "Each process of a service with its version, its health and why, since when, and how many tasks it runs",
		RunE: func(cmd *cobra.Command, _ []string) error {
			r, err := s.admin().GetHealth(cmd.Context(), &adminv1.GetHealthRequest{})
			if err != nil {
				return err
			}
			return s.show(r, func(t *table) { services(t, r) })
		}}
	get.AddCommand(services)
	get.AddCommand(getTablesCommand(s), getSchemasCommand(s), versionsCommand(s), getEventsCommand(s))
	return get
}

// services shows the health of each process of a service, and the verdict over all.
func services(t *table, r *adminv1.GetHealthResponse) {
	t.row("SERVICE", "ADDRESS", "VERSION", "READY", "SINCE", "TASKS", "DETAIL")
	for _, h := range r.Services {
		since, tasks := "", ""
		if h.Since != nil {
			since = h.Since.AsTime().Local().Format(time.DateTime)
		}
		if h.Tasks != nil {
			tasks = strconv.Itoa(int(*h.Tasks))
		}
		t.row(h.Service, h.Address, cmp.Or(h.Version, "unknown"), h.Serving, since, tasks, h.Detail)
	}
	t.row("")
	t.row(verdict(r.Verdict)+":", r.Reason)
}

func getEventsCommand(s *session) *cobra.Command {
	var request connectorv1.ListEventsRequest
	command := &cobra.Command{
		Use: "events [CONNECTOR…]", Short: "Who did what, newest first", ValidArgsFunction: s.names,
		RunE: func(cmd *cobra.Command, args []string) error {
			request.Connectors = args
			r, err := s.connectors().ListEvents(cmd.Context(), &request)
			if err != nil {
				return err
			}
			return s.show(r, func(t *table) { events(t, r.Events) })
		},
	}
	command.Flags().Int32Var(&request.PageSize, "limit", 100, "the most events to show, 1000 at most")
	return command
}

// askedAtOnce is how many connectors are asked for their states at the same time.
const askedAtOnce = 16

// pipelinesAtOnce is how many pipelines are in one answer: those of a large fleet would be larger together
// than a message may be.
const pipelinesAtOnce = 20

// allPipelines lists all pipelines, page by page.
func allPipelines(ctx context.Context, s *session) (*adminv1.ListPipelinesResponse, error) {
	all := new(adminv1.ListPipelinesResponse)
	for {
		r, err := s.admin().ListPipelines(ctx,
			&adminv1.ListPipelinesRequest{PageSize: pipelinesAtOnce, PageToken: all.NextPageToken})
		if err != nil {
			return nil, err
		}
		r.Pipelines = append(all.Pipelines, r.Pipelines...)
		if all = r; all.NextPageToken == "" {
			return all, nil
		}
	}
}

func getConnectors(ctx context.Context, s *session) error {
	r, err := s.connectors().ListConnectors(ctx, &connectorv1.ListConnectorsRequest{ReturnPartialSuccess: true})
	if err != nil {
		return err
	}
	// A fleet of hundreds is asked at once, and a worker that does not answer holds up few of them.
	states := make([]*connectorv1.ConnectorStatus, len(r.Connectors))
	gone := make([]bool, len(r.Connectors))
	group, ctx := contain.WithContext(ctx)
	group.SetLimit(askedAtOnce)
	for i, c := range r.Connectors {
		group.Go("question for the state of a connector", func() error {
			st, err := s.connectors().GetConnectorStatus(ctx, &connectorv1.GetConnectorStatusRequest{Name: c.Name})
			gone[i] = status.Code(err) == codes.NotFound // deleted meanwhile
			if err != nil && !gone[i] && (status.Code(err) != codes.Unavailable || len(r.Unreachable) == 0) {
				return err
			}
			states[i] = st.GetStatus()
			return nil
		})
	}
	if err := group.Wait(); err != nil {
		return err
	}
	return s.showPart(r, r.Unreachable, func(t *table) {
		t.row("CONNECTOR", "TYPE", "STATE", "TASKS", "CLASS")
		for i, c := range r.Connectors {
			if gone[i] {
				continue
			}
			st := states[i]
			var tasks []string
			for _, task := range st.GetTasks() {
				tasks = append(tasks, state(task.State))
			}
			is := "unknown"
			if st != nil {
				is = state(st.State)
			}
			t.row(c.Name, kind(c.Type), is, strings.Join(tasks, " "), c.Config["connector.class"])
		}
	})
}

// describeCommand shows everything about one connector.
func describeCommand(s *session) *cobra.Command {
	return &cobra.Command{
		Use: "describe CONNECTOR", Short: "Show a connector's state, lag, configuration and events", Args: exactly(1),
		ValidArgsFunction: s.names,
		RunE: func(cmd *cobra.Command, args []string) error {
			ctx, name := cmd.Context(), args[0]
			c, err := s.connectors().GetConnector(ctx, &connectorv1.GetConnectorRequest{Name: name})
			if status.Code(err) == codes.Unavailable {
				return describeAway(ctx, s, name, err)
			}
			if err != nil {
				return err
			}
			st, err := s.connectors().GetConnectorStatus(ctx, &connectorv1.GetConnectorStatusRequest{Name: name})
			if err != nil {
				return err
			}
			topics, err := s.connectors().GetConnectorTopics(ctx, &connectorv1.GetConnectorTopicsRequest{Name: name})
			if err != nil {
				return err
			}
			// Events are read from Kafka. While that is away, everything else is still worth showing.
			happened, unread := s.connectors().ListEvents(ctx,
				&connectorv1.ListEventsRequest{Connectors: []string{name}, PageSize: 10})
			if unread != nil && status.Code(unread) != codes.Unavailable {
				return unread
			}
			// Only a source has a pipeline.
			pipeline, err := s.admin().GetPipeline(ctx, &adminv1.GetPipelineRequest{Source: name})
			if err != nil && status.Code(err) != codes.NotFound {
				return err
			}
			late, err := lateTables(ctx, s, name)
			if err != nil {
				return err
			}
			if s.output == "json" {
				answers := []proto.Message{c, st, topics}
				if happened != nil {
					answers = append(answers, happened)
				}
				if pipeline != nil {
					answers = append(answers, pipeline)
				}
				var errs []error
				for _, answer := range answers {
					errs = append(errs, s.show(answer, nil))
				}
				return errors.Join(errs...)
			}
			return s.show(c, func(t *table) {
				describeConnector(t, c.Connector, st.Status, topics.Topics)
				describePipeline(t, name, pipeline.GetPipeline())
				for _, sentence := range late {
					t.wrapped("Late", sentence)
				}
				switch {
				case unread != nil:
					t.row("")
					t.wrapped("Events", "cannot be read: "+status.Convert(unread).Message())
				case len(happened.Events) > 0:
					t.row("")
					events(t, happened.Events)
				}
			})
		},
	}
}

// describeAway shows what admin remembers about a connector whose workers do not answer, and
// returns why they do not. Only they know the configuration.
func describeAway(ctx context.Context, s *session, name string, away error) error {
	r, err := allPipelines(ctx, s)
	if err != nil {
		return away // admin cannot be reached, or has not seen any pipeline yet
	}
	of := slices.IndexFunc(r.Pipelines, func(p *adminv1.Pipeline) bool {
		return p.Source == name || slices.ContainsFunc(p.Sinks, func(sink *adminv1.PipelineSink) bool {
			return sink.Status.GetName() == name
		})
	})
	if of < 0 {
		return away
	}
	p := r.Pipelines[of]
	if s.output == "json" {
		if err := s.show(p, nil); err != nil {
			return err
		}
		return away
	}
	err = s.show(p, func(t *table) {
		t.row("Connector", name)
		t.wrapped("State", "unknown: its workers do not answer. What follows is what admin saw last, and what it sees now")
		t.row("Source", p.Source)
		t.wrapped("Topics", strings.Join(p.Topics, ", "))
		describePipeline(t, name, p)
		happened, err := s.connectors().ListEvents(ctx,
			&connectorv1.ListEventsRequest{Connectors: []string{name}, PageSize: 10})
		if err == nil && len(happened.Events) > 0 {
			t.row("")
			events(t, happened.Events)
		}
	})
	if err != nil {
		return err
	}
	return away
}

// lateTables says, in a sentence each, which tables of a connector are late for a reason, the
// latest first; none while capture cannot be asked.
func lateTables(ctx context.Context, s *session, connector string) (sentences []string, err error) {
	const most = 10
	r, err := s.admin().ListTables(ctx, &adminv1.ListTablesRequest{Filter: connector, LateOnly: true, PageSize: 1000})
	if err != nil && status.Code(err) != codes.Unavailable && status.Code(err) != codes.Unimplemented { // an earlier admin
		return nil, err
	}
	for _, of := range r.GetTables() {
		if (of.Source == connector || of.Sink == connector) && len(sentences) < most {
			sentences = append(sentences, of.Sentence)
		}
	}
	return sentences, nil
}

func describeConnector(t *table, c *connectorv1.Connector, st *connectorv1.ConnectorStatus, topics []string) {
	t.row("Connector", c.Name)
	t.row("Type", kind(c.Type))
	t.wrapped("State", strings.TrimSpace(state(st.State)+" "+short(st.Trace)))
	for _, task := range st.Tasks {
		t.wrapped(fmt.Sprintf("Task %d", task.Id),
			strings.TrimSpace(fmt.Sprintf("%s on %s %s", state(task.State), task.WorkerId, short(task.Trace))))
	}
	t.wrapped("Topics", strings.Join(topics, ", "))
	t.row("")
	for _, key := range slices.Sorted(maps.Keys(c.Config)) {
		t.wrapped(key, c.Config[key])
	}
	for _, warning := range c.Warnings {
		t.wrapped("Warning", warning)
	}
}

// describePipeline shows each segment's lag and the slot of the pipeline that a connector belongs to;
// nothing if p is nil.
func describePipeline(t *table, connector string, p *adminv1.Pipeline) {
	if p == nil {
		return
	}
	t.row("")
	t.wrapped("Verdict", verdict(p.Verdict)+": "+p.Reason)
	lag := func(segment, amount string, l *adminv1.Lag) {
		if l != nil {
			t.row(segment, amount, l.Time.AsDuration().Round(time.Millisecond))
		}
	}
	lag("Commit to capture", checks.Size(p.CommitToCapture.GetBytes()), p.CommitToCapture)
	lag("Capture to Kafka", checks.Size(p.CaptureToKafka.GetBytes()), p.CaptureToKafka)
	for _, s := range p.Sinks {
		lag("Kafka to "+s.Status.GetName(), checks.Plural(int(s.KafkaToSink.GetRecords()), "record", "records"),
			s.KafkaToSink)
		lag(s.Status.GetName()+" to queryable", checks.Plural(int(s.SinkToQueryable.GetRecords()), "record", "records"),
			s.SinkToQueryable)
	}
	age := func(what string, l *latencyv1.Latency) {
		if l.GetCount() > 0 {
			t.row(what, fmt.Sprintf("p50 %v, p95 %v, p99 %v, max %v of %d in the last %v", rounded(l.P50), rounded(l.P95),
				rounded(l.P99), rounded(l.Max), l.Count, l.Window.AsDuration()))
		}
	}
	age("Commit to Kafka", p.Capture.GetCommitToKafkaLatency())
	for _, s := range p.Sinks {
		age("Commit to queryable in "+s.Status.GetName(), s.Sink.GetCommitToQueryableLatency())
	}
	describeSlot(t, p.Capture.GetSlot())
	if f := p.SlotForecast; f != nil {
		t.row("Slot keeps", checks.Size(f.RetainedBytes), fmt.Sprintf("%+.0f B/s", f.GrowthBytesPerSecond), f.Limit)
	}
	t.row("")
	for _, c := range p.Checks {
		t.wrapped(strings.ToLower(strings.TrimPrefix(c.State.String(), "CHECK_STATE_")),
			fmt.Sprintf("%s of %s: %s", c.Name, c.Subject, c.Summary))
		if remedy := elsewhere(c.Remedy, connector); remedy != "" {
			t.wrapped("", "to do: "+remedy)
		}
		t.row("", "since "+c.Since.AsTime().Local().Format(time.DateTime))
	}
}

// elsewhere is a remedy without the advice to describe the connector that is being described.
func elsewhere(remedy, connector string) string {
	command := "calypsoctl describe " + shell.Quote(connector)
	remedy = strings.ReplaceAll(remedy, " ("+command+")", "")
	if before, found := strings.CutSuffix(remedy, command); found {
		return strings.TrimRight(before, ": ")
	}
	return remedy
}

func events(t *table, all []*connectorv1.Event) {
	t.row("TIME", "WHO", "WHAT", "CONNECTOR", "DETAIL")
	for _, e := range all {
		detail := e.Detail
		if e.Error != "" {
			detail = "refused: " + e.Error
		}
		t.row(e.Time.AsTime().Local().Format(time.DateTime), e.Actor, e.Action, e.Connector,
			shortened(oneLine(detail), maxDetail))
	}
}

// maxDetail is how many characters of an event's detail are shown in a table; -o json has all of it.
const maxDetail = 100

// oneLine joins the lines of a text.
func oneLine(s string) string {
	return strings.Join(strings.FieldsFunc(s, func(r rune) bool { return r == '\n' || r == '\r' }), "; ")
}

// shortened is the beginning of a text that is longer than most characters.
func shortened(s string, most int) string {
	if runes := []rune(s); len(runes) > most {
		return string(runes[:most-1]) + "…"
	}
	return s
}

// short is an error in one line; nothing if there is none.
func short(trace string) string {
	if trace == "" {
		return ""
	}
	return checks.Sentence(trace)
}

// waitCommand waits until a pipeline has a given verdict.
func waitCommand(s *session) *cobra.Command {
	var timeout time.Duration
	var wanted string
	wait := &cobra.Command{
		Use: "wait PIPELINE", Short: "Wait until a pipeline has a given verdict; exit status 1 if that takes too long",
		Args: exactly(1), ValidArgsFunction: s.names,
		RunE: func(cmd *cobra.Command, args []string) error {
			if _, known := adminv1.Verdict_value["VERDICT_"+strings.ToUpper(wanted)]; !known {
				return fmt.Errorf("%w: --for is %q: healthy, snapshotting, paused, degraded or broken", errUsage, wanted)
			}
			ctx, cancel := context.WithTimeout(cmd.Context(), timeout)
			defer cancel()
			for {
				r, err := s.admin().GetPipeline(ctx, &adminv1.GetPipelineRequest{Source: args[0]})
				if err == nil && verdict(r.Pipeline.Verdict) == wanted {
					_, err := fmt.Fprintf(s.out, "%s is %s: %s\n", args[0], wanted, r.Pipeline.Reason)
					return err
				}
				if err != nil && ctx.Err() == nil {
					return err
				}
				select {
				case <-ctx.Done():
					return fmt.Errorf("%w: %s is not %s after %v: it is %s: %s", errDifferent, args[0], wanted, timeout,
						verdict(r.GetPipeline().GetVerdict()), r.GetPipeline().GetReason())
				case <-time.After(500 * time.Millisecond):
				}
			}
		},
	}
	wait.Flags().DurationVar(&timeout, "timeout", time.Minute, "how long")
	wait.Flags().StringVar(&wanted, "for", "healthy", "the verdict")
	return wait
}

// ordersCommand controls the generator.
func ordersCommand(s *session) *cobra.Command {
	root := &cobra.Command{Use: "orders", Short: "Control the orders generator"}
	show := func(statistics *ordersv1.Statistics, err error) error {
		if err != nil {
			return err
		}
		return s.show(statistics, func(t *table) {
			t.row("RUNNING", "RATE", "ACTUAL RATE", "INSERTED", "UPDATED", "DELETED", "ERRORS", "LAST ERROR")
			t.row(statistics.Running, statistics.Rate, fmt.Sprintf("%.1f", statistics.ActualRate), statistics.Inserted,
				statistics.Updated,
				statistics.Deleted, statistics.Errors, statistics.LastError)
		})
	}
	number := func(text string, into any) error {
		if _, err := fmt.Sscan(text, into); err != nil {
			return fmt.Errorf("%w: %q is not a number", errUsage, text)
		}
		return nil
	}
	root.AddCommand(
		&cobra.Command{Use: "get", Short: "Show what was written", Args: exactly(0),
			RunE: func(cmd *cobra.Command, _ []string) error {
				r, err := s.orders().GetStatistics(cmd.Context(), &ordersv1.GetStatisticsRequest{})
				return show(r.GetStatistics(), err)
			}},
		&cobra.Command{Use: "start", Short: "Begin or continue writing", Args: exactly(0),
			RunE: func(cmd *cobra.Command, _ []string) error {
				r, err := s.orders().Start(cmd.Context(), &ordersv1.StartRequest{})
				return show(r.GetStatistics(), err)
			}},
		&cobra.Command{Use: "stop", Short: "Cease writing", Args: exactly(0),
			RunE: func(cmd *cobra.Command, _ []string) error {
				r, err := s.orders().Stop(cmd.Context(), &ordersv1.StopRequest{})
				return show(r.GetStatistics(), err)
			}},
		&cobra.Command{Use: "rate CHANGES", Short: "Set the changes a second", Args: exactly(1),
			RunE: func(cmd *cobra.Command, args []string) error {
				var rate float64
				if err := number(args[0], &rate); err != nil {
					return err
				}
				r, err := s.orders().SetRate(cmd.Context(), &ordersv1.SetRateRequest{Rate: rate})
				return show(r.GetStatistics(), err)
			}},
		&cobra.Command{Use: "burst ORDERS", Short: "Write orders at once", Args: exactly(1),
			RunE: func(cmd *cobra.Command, args []string) error {
				var n int64
				if err := number(args[0], &n); err != nil {
					return err
				}
				r, err := s.orders().Burst(cmd.Context(), &ordersv1.BurstRequest{Orders: n})
				return show(r.GetStatistics(), err)
			}},
	)
	return root
}
