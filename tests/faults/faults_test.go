package faults

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"os/exec"
	"slices"
	"strings"
	"syscall"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"

	adminv1 "github.com/calypso-cdc/calypso/gen/calypso/admin/v1"
)

// fault is one row of the matrix.
type fault struct {
	// name is that of the fault's pipeline, of lower-case letters; what says it in words.
	name, what string
	// inject causes the fault in a healthy pipeline, heal ends it, by the remedy where that is a command.
	inject, heal func(t *testing.T, p *pipeline)
	// held is where the busy table's changes wait, one of these; empty if the table is not late.
	held []adminv1.HeldAt
	// check says why: one of these, of the table if that is late, else of the pipeline.
	check []string
	// harmless says that nothing is wrong yet, so that the check only gives notice.
	harmless bool
	// because and remedy are words of the cause and of what to do, compared without case.
	because, remedy []string
	// mode is the sink's ingestion.mode; streaming, which falls back to queued, if empty.
	mode string
	// partitions are those of each topic; 1 if 0.
	partitions int
	// unasked says that nobody can say how late the table is.
	unasked bool
	// alerts are the names of exactly those that fire until it is healed; one of a fleet fires for
	// all pipelines.
	alerts []string
}

const (
	beforeCapture = adminv1.HeldAt_HELD_AT_COMMIT_TO_CAPTURE
	beforeKafka   = adminv1.HeldAt_HELD_AT_CAPTURE_TO_KAFKA
	beforeSink    = adminv1.HeldAt_HELD_AT_KAFKA_TO_SINK
	beforeQuery   = adminv1.HeldAt_HELD_AT_SINK_TO_QUERYABLE
)

// ofOne are faults that one pipeline has and the others beside it do not have.
var ofOne = []fault{
	{name: "revoked", alerts: []string{"CalypsoTaskFailed"}, what: "the role may no longer replicate", held: []adminv1.HeldAt{beforeCapture},
		check: []string{"source_state", "capture"}, because: []string{"revoked", "replication"}, remedy: []string{"alter role"},
		inject: func(t *testing.T, p *pipeline) {
			p.exec(t, "alter role revoked noreplication")
			p.disconnect(t)
		},
		heal: func(t *testing.T, p *pipeline) {
			p.exec(t, "alter role revoked replication")
			p.restart(t, p.name)
		}},
	{name: "badlogin", alerts: []string{"CalypsoTaskFailed"}, what: "the role's password is another", unasked: true, held: []adminv1.HeldAt{beforeCapture},
		check: []string{"source_state", "capture"}, because: []string{"password"}, remedy: []string{"database.password"},
		inject: func(t *testing.T, p *pipeline) {
			p.exec(t, "alter role badlogin password 'other'")
			p.disconnect(t)
		},
		heal: func(t *testing.T, p *pipeline) {
			p.exec(t, "alter role badlogin password 'right'")
			p.restart(t, p.name)
		}},
	{name: "dropped", alerts: []string{"CalypsoSlotMissing"}, what: "the slot was dropped", held: []adminv1.HeldAt{beforeCapture},
		check: []string{"slot", "source_state"}, because: []string{"slot", "dropped"}, remedy: []string{"offsets reset"},
		inject: func(t *testing.T, p *pipeline) { p.drop(t) },
		heal:   func(t *testing.T, p *pipeline) { p.reset(t, p.name) }},
	{name: "unpublished", alerts: []string{"CalypsoPipelineDegraded"}, what: "the publication no longer holds the table", check: []string{"kept_back"},
		because: []string{"public.unpublished", "publication"}, remedy: []string{"alter publication"},
		inject: func(t *testing.T, p *pipeline) { p.exec(t, "alter publication unpublished drop table unpublished") },
		heal:   func(t *testing.T, p *pipeline) { p.exec(t, "alter publication unpublished add table unpublished") }},
	{name: "renamed", alerts: []string{"CalypsoPipelineDegraded"}, what: "a column that the target has was renamed", check: []string{"source_changes"},
		because: []string{"renamed"}, remedy: []string{"acknowledge"},
		inject: func(t *testing.T, p *pipeline) { p.exec(t, "alter table renamed rename column n to m") },
		heal: func(t *testing.T, p *pipeline) {
			p.exec(t, "alter table renamed rename column m to n")
			p.acknowledge(t)
		}},
	{name: "deleted", alerts: []string{"CalypsoSlotInactive", "CalypsoTableLate"}, what: "the topic was deleted, and nobody makes it again", check: []string{"source_changes"},
		because: []string{"deleted.public.deleted"},
		inject: func(t *testing.T, p *pipeline) {
			if err := p.Source().Put(t.Context(), p.name, "stop"); err != nil {
				t.Fatal(err)
			}
			p.eventually(t, "the source to be stopped", func(ctx context.Context) error {
				s, err := p.Source().Status(ctx, p.name)
				if err == nil && (s.Connector.State != "STOPPED" || len(s.Tasks) > 0) {
					err = fmt.Errorf("it is %+v", s)
				}
				return err
			})
			if _, err := p.kafka(t).DeleteTopic(t.Context(), p.topic()); err != nil {
				t.Fatal(err)
			}
		},
		heal: func(t *testing.T, p *pipeline) {
			if err := p.Source().Put(t.Context(), p.name, "resume"); err != nil {
				t.Fatal(err)
			}
		}},
	{name: "removed", alerts: []string{"CalypsoTaskFailed"}, what: "records were removed before the sink read them", held: []adminv1.HeldAt{beforeSink},
		check: []string{"sink_state"}, because: []string{"removed.public.removed", "gone from the topic"},
		remedy: []string{"offsets"},
		inject: func(t *testing.T, p *pipeline) {
			p.halt(t)
			ends, err := p.kafka(t).ListEndOffsets(t.Context(), p.topic())
			if err != nil {
				t.Fatal(err)
			}
			if _, err := p.kafka(t).DeleteRecords(t.Context(), ends.Offsets()); err != nil {
				t.Fatal(err)
			}
			p.resume(t)
		},
		heal: func(t *testing.T, p *pipeline) { p.reset(t, p.sinkName()) }},
	{name: "paused", alerts: []string{"CalypsoTableLate"}, what: "the sink is paused", held: []adminv1.HeldAt{beforeSink}, check: []string{"sink_state"},
		because: []string{"paused_sink", "paused"}, remedy: []string{"resume"},
		inject: func(t *testing.T, p *pipeline) {
			if err := p.Sink().Put(t.Context(), p.sinkName(), "pause"); err != nil {
				t.Fatal(err)
			}
		},
		heal: func(t *testing.T, p *pipeline) { p.resume(t) }},
	{name: "untabled", alerts: []string{"CalypsoTaskFailed"}, what: "the target was dropped", held: []adminv1.HeldAt{beforeSink, beforeQuery},
		check: []string{"sink_state", "ingestion"}, because: []string{"untabled"}, remedy: []string{"make or change the table", "offsets reset"},
		inject: func(t *testing.T, p *pipeline) { p.command(t, ".drop table untabled") },
		heal: func(t *testing.T, p *pipeline) {
			p.target(t)
			p.restart(t, p.sinkName())
		}},
	{name: "misfit", alerts: []string{"CalypsoTaskFailed"}, what: "a row does not fit", held: []adminv1.HeldAt{beforeSink, beforeQuery},
		check: []string{"sink_state"}, because: []string{"misfit.public.misfit", "column at"}, remedy: []string{"errors.tolerance"},
		inject: func(t *testing.T, p *pipeline) { p.exec(t, "insert into misfit (at) values ('not a time')") },
		heal: func(t *testing.T, p *pipeline) {
			config := p.sinkConfig()
			config["errors.tolerance"], config["behavior.on.error"] = "all", "IGNORE"
			config["values.check"] = "null"
			if err := p.Sink().Call(t.Context(), "PUT", "/connectors/"+p.sinkName()+"/config", marshal(t, config), nil); err != nil {
				t.Fatal(err)
			}
			p.restart(t, p.sinkName())
		}},
	{name: "unkeyed", what: "a table has nothing that its rows can be told apart by", check: []string{"tables"}, harmless: true,
		because: []string{"public.unkeyed", "no key"}, remedy: []string{"primary key", "message.key.columns"},
		inject: func(t *testing.T, p *pipeline) {
			p.exec(t, "alter table unkeyed drop constraint unkeyed_pkey")
			p.restart(t, p.name)
		},
		heal: func(t *testing.T, p *pipeline) {
			p.exec(t, "alter table unkeyed add primary key (id)")
			p.restart(t, p.name)
		}},
	{name: "skewed", what: "one partition of three is stuck", alerts: []string{"CalypsoTableLate"}, mode: "inline", partitions: 3,
		held: []adminv1.HeldAt{beforeSink, beforeQuery}, check: []string{"lateness", "ingestion"},
		because: []string{"partition 0 of topic skewed.public.skewed", "only this one"}, remedy: []string{"overloaded"},
		inject: func(_ *testing.T, p *pipeline) { p.cluster.stall(ingestBy + p.topic() + "/0/") },
		heal:   func(_ *testing.T, p *pipeline) { p.cluster.goOn() }},
	answer("forbidden", http.StatusForbidden, []string{"403", "not authorized"}, []string{"ingestor"}),
	answer("unauthorized", http.StatusUnauthorized, []string{"401"}, []string{"aad.auth"}),
	answer("throttled", http.StatusTooManyRequests, []string{"throttl"}, []string{"flush"}),
	answer("unavailable", http.StatusServiceUnavailable, []string{"503"}, nil),
}

// answer is a fault in which the cluster answers each request to ingest with a status.
func answer(name string, status int, because, remedy []string) fault {
	return fault{name: name, what: fmt.Sprintf("the cluster answers %d", status), alerts: []string{"CalypsoIngestionFailing"},
		held: []adminv1.HeldAt{beforeSink, beforeQuery}, check: []string{"ingestion", "sink_state"}, because: because, remedy: remedy, mode: "inline",
		inject: func(_ *testing.T, p *pipeline) { p.cluster.status.Store(int32(status)) },
		heal: func(t *testing.T, p *pipeline) {
			p.cluster.status.Store(0)
			p.restart(t, p.sinkName())
		}}
}

// ofAll are faults that every pipeline has.
var ofAll = []fault{
	{name: "nopostgres", alerts: []string{"CalypsoPipelineDegraded"}, what: "PostgreSQL is stopped", check: []string{"capture"},
		because: []string{"connection refused"},
		inject: func(t *testing.T, p *pipeline) {
			if err := p.Postgres.Stop(syscall.SIGINT); err != nil {
				t.Fatal(err)
			}
		},
		heal: func(t *testing.T, p *pipeline) {
			if err := p.Postgres.Start(t.Context()); err != nil {
				t.Fatal(err)
			}
		}},
	{name: "nokafka", alerts: []string{"CalypsoFleetUnavailable", "CalypsoFleetUnavailable"}, what: "Kafka is away", check: []string{"capture", "fleet", "ingestion"},
		because: []string{"kafka"},
		inject: func(t *testing.T, p *pipeline) {
			if err := p.Kafka.Stop(); err != nil {
				t.Fatal(err)
			}
		},
		heal: func(t *testing.T, p *pipeline) {
			if err := p.Kafka.Start(t.Context()); err != nil {
				t.Fatal(err)
			}
		}},
	{name: "noadx", alerts: []string{"CalypsoIngestionFailing"}, what: "Azure Data Explorer is away", held: []adminv1.HeldAt{beforeSink, beforeQuery},
		check: []string{"ingestion"}, because: []string{"502"},
		inject: func(_ *testing.T, p *pipeline) { p.Service("localadx").Kill() },
		heal: func(t *testing.T, p *pipeline) {
			if err := p.Service("localadx").Start(t.Context()); err != nil {
				t.Fatal(err)
			}
		}},
	worker("nocapture", "capture", true, beforeCapture, beforeKafka),
	worker("nosink", "sink", false, beforeSink, beforeQuery),
	{name: "open", what: "a transaction that somebody left open holds up the making of the slot", held: []adminv1.HeldAt{beforeCapture},
		unasked: true, check: []string{"capture", "snapshot"}, because: []string{"transaction of process"}, remedy: []string{"pg_terminate_backend"},
		inject: func(t *testing.T, p *pipeline) {
			p.leaveOpen(t)
			p.drop(t)
			p.reset(t, p.name)
		},
		heal: func(t *testing.T, p *pipeline) {
			p.exec(t, "select pg_terminate_backend(pid) from pg_stat_activity where application_name = 'forgotten'")
		}},
	{name: "filling", alerts: []string{"CalypsoSlotFull", "CalypsoSlotInactive", "CalypsoTableLate"}, what: "the log that the slot may keep is nearly used up", held: []adminv1.HeldAt{beforeCapture},
		check: []string{"slot_space", "source_state"}, because: []string{"filling"}, remedy: []string{"resume filling"},
		inject: func(t *testing.T, p *pipeline) { p.fill(t, 256, 220) },
		heal: func(t *testing.T, p *pipeline) {
			p.limit(t, "64GB")
			p.proceed(t)
		}},
	{name: "lost", alerts: []string{"CalypsoSlotLost"}, what: "the slot lost log that was not captured", held: []adminv1.HeldAt{beforeCapture},
		check: []string{"slot"}, because: []string{"slot lost lost"}, remedy: []string{"pg_drop_replication_slot", "offsets reset lost"},
		inject: func(t *testing.T, p *pipeline) {
			p.fill(t, 64, 128)
			p.exec(t, "checkpoint")
		},
		heal: func(t *testing.T, p *pipeline) {
			p.limit(t, "64GB")
			p.exec(t, "select pg_drop_replication_slot('lost')")
			p.reset(t, p.name)
			p.proceed(t)
		}},
}

// worker is a fault in which the only worker of a fleet is killed: changes are held where it said last.
func worker(name, fleet string, unasked bool, held ...adminv1.HeldAt) fault {
	return fault{name: name, unasked: unasked, alerts: []string{"CalypsoFleetUnavailable"}, what: "the only worker of " + fleet + " is killed", held: held,
		check: []string{"fleet"}, because: []string{fleet}, remedy: []string{"start"},
		inject: func(_ *testing.T, p *pipeline) { p.Service(fleet).Kill() },
		heal: func(t *testing.T, p *pipeline) {
			if err := p.Service(fleet).Start(t.Context()); err != nil {
				t.Fatal(err)
			}
		}}
}

func TestOperatorsAreToldOfEachFaultWithItsCauseAndRemedyAndOfItsEnd(t *testing.T) {
	r := newRig(t)
	t.Run("of one pipeline", func(t *testing.T) {
		for _, f := range ofOne {
			t.Run(f.name, func(t *testing.T) {
				t.Parallel()
				r.try(t, f)
			})
		}
	})
	t.Run("the metrics are as promtool wants them", r.checkMetrics)
	t.Run("each panel of the dashboards has an answer", r.checkPanels)
	for _, f := range ofAll {
		t.Run(f.name, func(t *testing.T) { r.try(t, f) })
	}
}

func (r *rig) try(t *testing.T, f fault) {
	p := r.newPipeline(t, f)
	f.inject(t, p)
	p.eventually(t, "operators to be told that "+f.what, func(ctx context.Context) error { return p.told(ctx, f) })
	p.eventually(t, "the alerts", func(context.Context) error { return p.alarms.fire(p.name, f.alerts...) })
	f.heal(t, p)
	p.eventually(t, "operators to be told that all is well again", p.healthy)
	p.eventually(t, "the page to say so", func(context.Context) error {
		return p.page.shows("pipelines/"+p.name, p.name+" ✓ healthy")
	})
	p.eventually(t, "the alerts to end", func(context.Context) error { return p.alarms.fire(p.name) })
}

// told says what is missing from what operators are told about a fault.
func (p *pipeline) told(ctx context.Context, f fault) error {
	if len(f.held) == 0 {
		var view adminv1.GetPipelineResponse
		if err := p.ask(ctx, "/v1/pipelines/"+p.name, &view); err != nil {
			return err
		}
		for _, c := range view.Pipeline.GetChecks() {
			if slices.Contains(f.check, c.Name) && (f.harmless || c.State > adminv1.CheckState_CHECK_STATE_NOTICE) &&
				missing(c.Summary, f.because) == "" && missing(c.Remedy, f.remedy) == "" {
				if err := p.printed(ctx, c.Summary, "describe", p.name); err != nil {
					return err
				}
				return p.page.shows("pipelines/"+p.name, c.Summary, c.Remedy)
			}
		}
		return fmt.Errorf("no check %v with %q and the remedy %q; the pipeline is %s:\n%s", f.check, f.because, f.remedy,
			view.Pipeline.GetVerdict(), describe(view.Pipeline))
	}
	row, err := p.row(ctx, p.busy())
	if err != nil {
		return err
	}
	told := fmt.Sprintf("the table is %.0f s late at %s, check %q, because %q, remedy %q", row.GetLateSeconds(), row.GetHeldAt(),
		row.GetCheck(), row.GetBecause(), row.GetRemedy())
	if !f.unasked && row.GetLateSeconds() <= 0 || !slices.Contains(f.held, row.HeldAt) || !slices.Contains(f.check, row.Check) {
		return fmt.Errorf("%s; want one of %v held at %v", told, f.check, f.held)
	}
	if word := missing(row.Because, f.because) + missing(row.Because+row.Remedy, f.remedy); word != "" {
		return fmt.Errorf("%s: it lacks %q", told, word)
	}
	if err := p.printed(ctx, row.Because, "get", "tables", "--late", "--filter", p.busy()); err != nil {
		return err
	}
	if f.unasked {
		return p.page.shows("pipelines/"+p.name, row.Because, row.Remedy)
	}
	if err := p.page.shows("", p.busy()+" is ", row.Because, row.Remedy); err != nil {
		return err
	}
	return p.counted(ctx)
}

// missing is a word that a text lacks, "" if none.
func missing(text string, words []string) string {
	for _, w := range words {
		if !strings.Contains(strings.ToLower(text), w) {
			return w
		}
	}
	return ""
}

// printed says if calypsoctl does not print a text, apart from line breaks.
func (p *pipeline) printed(ctx context.Context, text string, arguments ...string) error {
	out, err := p.ctl(ctx, arguments...)
	if of := (*exec.ExitError)(nil); errors.As(err, &of) && of.ExitCode() == 5 {
		err = nil // it prints what it knows, and that a service is away
	}
	squeeze := func(s string) string { return strings.Join(strings.Fields(s), "") }
	if err == nil && !strings.Contains(squeeze(out), squeeze(text)) {
		err = fmt.Errorf("calypsoctl %s does not print %q:\n%s", strings.Join(arguments, " "), text, out)
	}
	return err
}

// counted says if the metrics do not show that the busy table is late.
func (p *pipeline) counted(ctx context.Context) error {
	text, err := p.text(ctx, "/metrics")
	if err != nil {
		return err
	}
	for line := range strings.Lines(string(text)) {
		if strings.HasPrefix(line, "cdc_table_lag_seconds{") && strings.Contains(line, fmt.Sprintf("table=%q", p.busy())) &&
			!strings.HasSuffix(line, " 0\n") {
			return nil
		}
	}
	return fmt.Errorf("the metrics do not say that %s is late", p.busy())
}

// disconnect ends all connections of the pipeline's role.
func (p *pipeline) disconnect(t *testing.T) {
	t.Helper()
	p.exec(t, fmt.Sprintf("select pg_terminate_backend(pid) from pg_stat_activity where usename = '%s'", p.name))
}

// restart restarts a connector with its tasks.
func (p *pipeline) restart(t *testing.T, connector string) {
	t.Helper()
	if _, err := p.ctl(t.Context(), "restart", connector); err != nil {
		t.Fatal(err)
	}
}

// halt stops the sink, and waits for rows that it does not read.
func (p *pipeline) halt(t *testing.T) {
	t.Helper()
	if err := p.Sink().Put(t.Context(), p.sinkName(), "stop"); err != nil {
		t.Fatal(err)
	}
	p.eventually(t, "rows that the stopped sink does not read", func(ctx context.Context) error {
		if s, err := p.Sink().Status(ctx, p.sinkName()); err != nil || s.Connector.State != "STOPPED" || len(s.Tasks) > 0 {
			return fmt.Errorf("the sink is %+v: %w", s, err)
		}
		row, err := p.row(ctx, p.busy())
		if err == nil && row.GetRecordsWaiting() < 5 {
			err = fmt.Errorf("%d records wait", row.GetRecordsWaiting())
		}
		return err
	})
}

// drop drops the pipeline's slot under its reader.
func (p *pipeline) drop(t *testing.T) {
	t.Helper()
	p.eventually(t, "the slot to be dropped", func(ctx context.Context) error {
		return p.Postgres.Exec(ctx, "postgres", fmt.Sprintf(`select pg_terminate_backend(active_pid) from pg_replication_slots
			where slot_name = '%[1]s'; select pg_drop_replication_slot('%[1]s')`, p.name))
	})
}

// leaveOpen begins a transaction that writes, and leaves it.
func (p *pipeline) leaveOpen(t *testing.T) {
	t.Helper()
	conn, err := pgx.Connect(t.Context(), p.Postgres.URL("postgres")+"&application_name=forgotten")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close(context.Background()) })
	if _, err := conn.Exec(t.Context(), "begin; create table forgotten (n int)"); err != nil {
		t.Fatal(err)
	}
}

// limit sets how much log slots may keep.
func (p *pipeline) limit(t *testing.T, size string) {
	t.Helper()
	p.exec(t, fmt.Sprintf("alter system set max_slot_wal_keep_size = '%s'", size))
	p.exec(t, "select pg_reload_conf()")
}

// fill pauses the source, and has the server write as many MB of log, which its slot keeps, of those it may.
func (p *pipeline) fill(t *testing.T, may, written int) {
	t.Helper()
	if err := p.Source().Put(t.Context(), p.name, "pause"); err != nil {
		t.Fatal(err)
	}
	p.eventually(t, "the slot not to be read", func(ctx context.Context) error {
		return p.Postgres.Exec(ctx, "postgres", fmt.Sprintf(`do $$ begin if exists (select 1 from pg_replication_slots
			where slot_name = '%s' and active) then raise 'it is'; end if; end $$`, p.name))
	})
	p.limit(t, fmt.Sprintf("%dMB", may))
	for range written / 16 {
		p.exec(t, "create table filler as select repeat(md5(i::text), 60) from generate_series(1, 8000) i; drop table filler")
	}
}

// proceed resumes the source.
func (p *pipeline) proceed(t *testing.T) {
	t.Helper()
	if err := p.Source().Put(t.Context(), p.name, "resume"); err != nil {
		t.Fatal(err)
	}
}

func (p *pipeline) resume(t *testing.T) {
	t.Helper()
	if err := p.Sink().Put(t.Context(), p.sinkName(), "resume"); err != nil {
		t.Fatal(err)
	}
}

// reset has a connector begin again, as remedies say.
func (p *pipeline) reset(t *testing.T, connector string) {
	t.Helper()
	p.eventually(t, "the offsets to be reset", func(ctx context.Context) error {
		_, err := p.ctl(ctx, "offsets", "reset", connector, "--yes")
		return err
	})
}

// acknowledge marks what the sink saw of the source as settled.
func (p *pipeline) acknowledge(t *testing.T) {
	t.Helper()
	if _, err := p.ctl(t.Context(), "acknowledge", p.sinkName()); err != nil {
		t.Fatal(err)
	}
}

// kafka is an administrator's client of the broker.
func (p *pipeline) kafka(t *testing.T) *kadm.Client {
	t.Helper()
	client, err := kgo.NewClient(kgo.SeedBrokers(p.Kafka.Bootstrap))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(client.Close)
	return kadm.NewClient(client)
}
