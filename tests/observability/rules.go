package main

import (
	"fmt"
	"strings"
	"time"
)

// severity is how soon somebody has to look.
type severity string

const (
	// page is for what cannot wait for the morning.
	page severity = "page"
	// ticket is for what can.
	ticket severity = "ticket"
	// info is for what explains others.
	info severity = "info"
	// none is for an alert that is no fault.
	none severity = "none"
)

// alert is one rule. Texts may name its labels and its value as templates of Prometheus do.
type alert struct {
	name string
	// expr gives a series for each object that is at fault.
	expr string
	// hold is for how long expr must give it before the alert fires.
	hold     time.Duration
	severity severity
	// summary names the object and the number, description says what to do.
	summary, description string
	// view is the path of admin's page below its address.
	view string
}

// group is evaluated as one. Azure takes at most 20 rules in each.
type group struct {
	name   string
	alerts []alert
}

const (
	ofPipeline = "/ui/pipelines/{{ $labels.pipeline }}"
	ofWorkers  = "/ui/workers"
	ofTopic    = "/ui/tables?filter={{ $labels.topic }}"
	// adminJob matches also what an operator of Kubernetes makes of a PodMonitor's name.
	adminJob = `job=~"(.*/)?calypso-admin"`
)

// where are labels that tell installations apart; Prometheus adds them if it is told to. A label
// that is not there changes nothing.
const where = "cluster, namespace"

// per aggregates a vector to one series for each object, so that a second admin, a worker that
// takes over and the labels of targets cause no second alert.
func per(how, vector string, object ...string) string {
	return fmt.Sprintf("%s by (%s) (%s)", how, strings.Join(append([]string{where}, object...), ", "), vector)
}

// same matches two vectors by the object.
func same(operator string, object ...string) string {
	return fmt.Sprintf(" %s on (%s) ", operator, strings.Join(append([]string{where}, object...), ", "))
}

// check is the state of a check of a pipeline.
func check(name string) string {
	return per("max", fmt.Sprintf(`cdc_pipeline_check{check=%q}`, name), "pipeline", "subject")
}

// burns says that a topic's changes spend the budget of the objective at a multiple of the rate that
// would spend it exactly, in a long window and still in a short one. The objective: 99 of 100
// samples are queryable 300 seconds after the commit, which is one of the histogram's bounds, and
// which Prometheus 3 writes as 300.0.
func burns(multiple float64, long, short string) string {
	late := func(window string) string {
		const metric = "cdc_sink_commit_to_visible_seconds"
		return fmt.Sprintf("(1 - %s / %s)",
			per("sum", fmt.Sprintf(`rate(%s_bucket{le=~"300(\\.0)?"}[%s])`, metric, window), "topic"),
			per("sum", fmt.Sprintf(`rate(%s_count[%s])`, metric, window), "topic"))
	}
	return fmt.Sprintf("%[1]s > %.4[3]g%[4]s%[2]s > %.4[3]g", late(long), late(short), multiple*.01, same("and", "topic"))
}

// groups are all alerts, the source of every file of rules. docs/alerts.md has a section for each.
func groups() []group {
	return []group{
		{"calypso-pipelines", pipelineAlerts()},
		{"calypso-slots", slotAlerts()},
		{"calypso-connectors", connectorAlerts()},
		{"calypso-sinks", sinkAlerts()},
		{"calypso-fleet", fleetAlerts()},
	}
}

func pipelineAlerts() []alert {
	verdict := per("max", "cdc_pipeline_verdict", "pipeline")
	checks := func(state string) string {
		return per("max", fmt.Sprintf(`cdc_pipeline_checks{state=%q}`, state), "pipeline")
	}
	const slow = "See where the oldest change is held, because of what, and what to do: " +
		"calypsoctl get tables --late --filter {{ $labels.topic }}"
	return []alert{
		{"CalypsoPipelineBroken", checks("error") + same("and", "pipeline") + verdict + " == 5", 2 * time.Minute, page,
			"Pipeline {{ $labels.pipeline }} is broken: checks with an error: {{ $value }}",
			"Each check says what to do: calypsoctl describe {{ $labels.pipeline }}", ofPipeline},
		{"CalypsoPipelineDegraded", checks("warning") + same("and", "pipeline") + verdict + " == 4", 15 * time.Minute, ticket,
			"Pipeline {{ $labels.pipeline }} is degraded: checks with a warning: {{ $value }}",
			"Each check says what to do: calypsoctl describe {{ $labels.pipeline }}", ofPipeline},
		// held_at is no part of the alert: it changes while a batch goes through, and would restart the
		// wait.
		{"CalypsoTableLate", per("max", "cdc_table_lag_seconds", "pipeline", "table", "sink") + " > 300",
			5 * time.Minute, page,
			"{{ $labels.table }} of pipeline {{ $labels.pipeline }} is {{ $value | humanizeDuration }} late in {{ $labels.sink }}",
			"The row of the table says where its oldest change is held, why, and what to do: " +
				"calypsoctl get tables --late --filter {{ $labels.table }}", ofPipeline},
		{"CalypsoFreshnessBudgetBurnFast", burns(14.4, "1h", "5m"), 0, page,
			"Of the changes of topic {{ $labels.topic }} {{ $value | humanizePercentage }} of the last hour took " +
				"more than five minutes to be queryable", slow, ofTopic},
		{"CalypsoFreshnessBudgetBurnSlow", burns(6, "6h", "30m"), 0, ticket,
			"Of the changes of topic {{ $labels.topic }} {{ $value | humanizePercentage }} of the last six hours took " +
				"more than five minutes to be queryable", slow, ofTopic},
	}
}

func slotAlerts() []alert {
	missing := per("max", "cdc_pipeline_slot_missing", "pipeline") + " == 1"
	full := per("min", "cdc_pipeline_slot_full_seconds", "pipeline")
	retained := per("max", "cdc_pipeline_slot_retained_bytes", "pipeline")
	const confirm = "Make the log be confirmed again: the checks slot_space, open_transactions and progress say what keeps it: " +
		"calypsoctl describe {{ $labels.pipeline }}"
	const again = "Changes are missing. A new snapshot brings the rows as they are now; the command first says what comes twice: " +
		"calypsoctl offsets reset {{ $labels.pipeline }}"
	return []alert{
		{"CalypsoSlotFull", full + " < 4 * 3600", 5 * time.Minute, page,
			"The slot of pipeline {{ $labels.pipeline }} is full in {{ $value | humanizeDuration }} and is lost then",
			confirm, ofPipeline},
		{"CalypsoSlotFilling", full + " < 24 * 3600", 5 * time.Minute, ticket,
			"The slot of pipeline {{ $labels.pipeline }} is full in {{ $value | humanizeDuration }}", confirm, ofPipeline},
		// The check knows that a slot which the first start will make is not missing.
		{"CalypsoSlotLost", check("slot") + " == 4" + same("unless", "pipeline") + missing, 0, page,
			"Slot {{ $labels.subject }} of pipeline {{ $labels.pipeline }} lost log that was not captured yet", again, ofPipeline},
		{"CalypsoSlotMissing", check("slot") + " == 4" + same("and", "pipeline") + missing, 0, page,
			"The server no longer has slot {{ $labels.subject }} of pipeline {{ $labels.pipeline }}", again, ofPipeline},
		// Nobody reads the slot while the initial snapshot is read (phase 2).
		{"CalypsoSlotInactive", per("max", "cdc_pipeline_slot_active", "pipeline") + " == 0" +
			same("unless", "pipeline") + missing +
			same("unless", "pipeline") + per("max", "cdc_pipeline_phase", "pipeline") + " == 2", 5 * time.Minute, page,
			"Nobody reads the slot of pipeline {{ $labels.pipeline }}, for which the server keeps its log",
			"Resume or restart the connector (calypsoctl resume {{ $labels.pipeline }}), " +
				"or drop the slot of one that will not come back", ofPipeline},
		{"CalypsoSlotUnlimited", retained + " > 10 * 2^30" +
			same("and", "pipeline") + per("max", "cdc_pipeline_slot_safe_bytes", "pipeline") + " < 0", 15 * time.Minute, ticket,
			"The server keeps {{ $value | humanize1024 }}B of log for pipeline {{ $labels.pipeline }}, without a limit",
			"Set max_slot_wal_keep_size below the free storage, or watch that. " + confirm, ofPipeline},
		{"CalypsoNoProgress", check("progress") + " == 4", 0, page,
			"Slot {{ $labels.subject }} of pipeline {{ $labels.pipeline }} has confirmed no log for 15 minutes",
			"The check progress says what holds it: calypsoctl describe {{ $labels.pipeline }}", ofPipeline},
		// Every worker that watches a slot says the same of it.
		{"CalypsoSpilling", per("max", "rate(cdc_capture_spill_bytes_total[10m])", "connector") + " > 2^20",
			30 * time.Minute, info,
			"PostgreSQL decodes {{ $labels.connector }} through its disk: {{ $value | humanize1024 }}B a second",
			"Raise logical_decoding_work_mem above the size of usual transactions: " +
				"calypsoctl describe {{ $labels.connector }}", "/ui/pipelines/{{ $labels.connector }}"},
	}
}

func connectorAlerts() []alert {
	tasks := func(state string) string {
		return per("max", fmt.Sprintf(`cdc_pipeline_tasks{state=%q}`, state), "pipeline", "connector") + " > 0"
	}
	state := per("max", "cdc_pipeline_connector_state", "pipeline", "connector")
	const fix = "Its error says what to do (calypsoctl describe {{ $labels.connector }}), " +
		"then: calypsoctl restart {{ $labels.connector }}"
	return []alert{
		{"CalypsoConnectorFailed", state + " == 4", time.Minute, page,
			"Connector {{ $labels.connector }} of pipeline {{ $labels.pipeline }} has failed", fix, ofPipeline},
		{"CalypsoTaskFailed", tasks("FAILED"), time.Minute, page,
			"Tasks of connector {{ $labels.connector }} that have failed: {{ $value }}", fix, ofPipeline},
		{"CalypsoTaskUnassigned", tasks("UNASSIGNED") + " or " + state + " == 1", 5 * time.Minute, page,
			"No worker runs connector {{ $labels.connector }} of pipeline {{ $labels.pipeline }}, or {{ $value }} of its tasks",
			"Start workers, or see why those that run do not take it: calypsoctl get services", ofPipeline},
		{"CalypsoSnapshotStalled", per("max", "changes(cdc_pipeline_snapshot_rows[10m])", "pipeline") + " == 0" +
			same("and", "pipeline") + per("max", "cdc_pipeline_phase", "pipeline") + " == 2", 5 * time.Minute, ticket,
			"The initial snapshot of pipeline {{ $labels.pipeline }} has read no row for 15 minutes",
			"See what it waits for: calypsoctl snapshot progress {{ $labels.pipeline }}", ofPipeline},
		// A new counter appears with its first count, which a rate does not see.
		{"CalypsoDecodeErrors", per("sum", "increase(cdc_capture_decode_errors_total[10m])", "instance", "kind") +
			" > 0 or (" + per("sum", "cdc_capture_decode_errors_total", "instance", "kind") + " unless " +
			per("sum", "cdc_capture_decode_errors_total offset 10m", "instance", "kind") + ") > 0", 0, ticket,
			"Worker {{ $labels.instance }} could not convert values ({{ $labels.kind }}); in ten minutes: " +
				"{{ $value | humanize }}",
			"The log of the worker names table and column; the check tables what is at fault: calypsoctl watch", ofWorkers},
	}
}

func sinkAlerts() []alert {
	letters := func(metric string) string { return per("max", metric, "pipeline", "sink") + " > 0" }
	ingestion := per("max", `label_replace(cdc_pipeline_check{check="ingestion"}, "sink", "$1", "subject", "(.*)")`,
		"pipeline", "sink") + " >= 3"
	return []alert{
		// Open ones are those that somebody has still to settle; where they cannot be counted, all.
		{"CalypsoDeadLetters", letters("cdc_pipeline_open_dead_letters") + " or (" + letters("cdc_pipeline_dead_letters") +
			same("unless", "pipeline", "sink") + per("max", "cdc_pipeline_open_dead_letters", "pipeline", "sink") + ")",
			0, ticket,
			"Records of {{ $labels.sink }} (pipeline {{ $labels.pipeline }}) that are dead letters: {{ $value }}",
			"See why (calypsoctl dead-letters list {{ $labels.sink }}); once the cause is fixed: " +
				"calypsoctl dead-letters replay {{ $labels.sink }} --all", ofPipeline},
		{"CalypsoPassedOver", per("max", "increase(cdc_pipeline_rows_passed_over[10m])", "pipeline", "sink") + " > 0",
			0, ticket,
			"Rows that {{ $labels.sink }} (pipeline {{ $labels.pipeline }}) dropped in ten minutes: {{ $value | humanize }}",
			"They are not in the table and not kept: set errors.deadletterqueue.topic.name, or errors.tolerance=none",
			ofPipeline},
		// What is throttled and goes on is a ticket below. It fires before its tables are late, which it explains.
		{"CalypsoIngestionFailing", ingestion + same("and", "pipeline", "sink") +
			per("max", "increase(cdc_pipeline_rows_ingested[5m])", "pipeline", "sink") + " == 0", 2 * time.Minute, page,
			"{{ $labels.sink }} (pipeline {{ $labels.pipeline }}) has brought no row into its table for 7 minutes, " +
				"and attempts fail",
			"The check ingestion has the cluster's answer and the remedy: calypsoctl describe {{ $labels.sink }}", ofPipeline},
		{"CalypsoIngestionThrottled",
			per("sum", `rate(cdc_sink_ingest_failures_total{reason=~"http_429|.*Throttl.*"}[5m])`, "reason") + " > 0",
			5 * time.Minute, ticket,
			"Azure Data Explorer throttles ({{ $labels.reason }}): {{ $value | humanize }} attempts a second",
			"Send larger batches (flush.size.bytes, flush.interval.ms), or give the cluster more capacity", "/ui/tables"},
		{"CalypsoSinkRetrying", per("max", "increase(cdc_pipeline_retries[10m])", "pipeline", "sink") + " > 0",
			10 * time.Minute, ticket,
			"{{ $labels.sink }} (pipeline {{ $labels.pipeline }}) repeats attempts; in ten minutes: {{ $value | humanize }}",
			"The check ingestion has the cluster's answer and the remedy: calypsoctl describe {{ $labels.sink }}", ofPipeline},
	}
}

func fleetAlerts() []alert {
	fleet := per("max", `cdc_pipeline_check{check="fleet"}`, "subject")
	return []alert{
		{"CalypsoAdminDown", "absent(up{" + adminJob + "} == 1)", 2 * time.Minute, page,
			"No admin can be scraped: nothing is known of any pipeline",
			"See that it runs and that Prometheus reaches it: curl http://<admin>:9090/readyz", "/ui/"},
		// It fires before the pipelines that it breaks are called broken, which would be a page for each.
		{"CalypsoFleetUnavailable", fleet + " == 4", time.Minute, page, "No worker of {{ $labels.subject }} can work",
			"Each of them is away, or cannot work without Kafka; this says which: calypsoctl get services", ofWorkers},
		{"CalypsoFleetShrunk", fleet + " == 3", 5 * time.Minute, page, "A worker of {{ $labels.subject }} is away",
			"Start it again; its tasks run on the others: calypsoctl get services", ofWorkers},
		{"CalypsoRebalanceStorm", per("max", "increase(calypso_connector_rebalances_total[10m])", "instance") + " > 5",
			2 * time.Minute, page,
			"Worker {{ $labels.instance }} has joined {{ $value | humanize }} rebalances in ten minutes",
			"A worker comes and goes, or is too slow for its session: calypsoctl get services, and the workers' logs", ofWorkers},
		{"CalypsoWatchdog", "vector(1)", 0, none, "Alerts are evaluated and delivered",
			"It always fires: have the receiver raise an alarm when it stops", "/ui/"},
	}
}
