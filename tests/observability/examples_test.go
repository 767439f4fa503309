package main

import "time"

// series is a series that Prometheus has scraped every minute: its name with labels, and its values in
// promtool's notation ("7+1x9" is 7, 8, … 16).
type series struct{ name, values string }

// example is a fault that raises an alert, and a state that almost does.
type example struct {
	alert string
	// fires is the fault, true from its first minute on unless at says when; under stays just below it.
	fires, under []series
	// at is when the alert fires; the alert's hold if it is 0.
	at time.Duration
	// labels are those of the alert, without the severity.
	labels map[string]string
	// summary is what people read.
	summary string
}

// steady is a series that keeps a value for an hour.
func steady(name, value string) series { return series{name, value + "x60"} }

func pipeline(more ...string) map[string]string {
	labels := map[string]string{"pipeline": "src"}
	for i := 0; i < len(more); i += 2 {
		labels[more[i]] = more[i+1]
	}
	return labels
}

var examples = []example{
	{alert: "CalypsoPipelineBroken",
		fires: []series{steady(`cdc_pipeline_verdict{pipeline="src",instance="a"}`, "5"),
			steady(`cdc_pipeline_verdict{pipeline="src",instance="b"}`, "5"),
			steady(`cdc_pipeline_checks{pipeline="src",state="error",instance="a"}`, "2")},
		under: []series{steady(`cdc_pipeline_verdict{pipeline="src"}`, "4"),
			steady(`cdc_pipeline_checks{pipeline="src",state="error"}`, "0")},
		labels: pipeline(), summary: "Pipeline src is broken: checks with an error: 2"},
	{alert: "CalypsoPipelineDegraded",
		fires: []series{steady(`cdc_pipeline_verdict{pipeline="src"}`, "4"),
			steady(`cdc_pipeline_checks{pipeline="src",state="warning"}`, "3")},
		under: []series{steady(`cdc_pipeline_verdict{pipeline="src"}`, "3"),
			steady(`cdc_pipeline_checks{pipeline="src",state="warning"}`, "0")},
		labels: pipeline(), summary: "Pipeline src is degraded: checks with a warning: 3"},
	{alert: "CalypsoTableLate",
		// The place where the change is held moves on, and the table stays late.
		fires: []series{
			{`cdc_table_lag_seconds{pipeline="src",table="public.orders",sink="adx",held_at="kafka_to_sink"}`, "840 900 stale"},
			{`cdc_table_lag_seconds{pipeline="src",table="public.orders",sink="adx",held_at="sink_to_queryable"}`,
				"_ _ 840x20"}},
		under:  []series{steady(`cdc_table_lag_seconds{pipeline="src",table="public.orders",sink="adx"}`, "300")},
		labels: pipeline("table", "public.orders", "sink", "adx"), at: 5 * time.Minute,
		summary: "public.orders of pipeline src is 14m 0s late in adx"},
	{alert: "CalypsoFreshnessBudgetBurnFast", at: 60 * time.Minute,
		fires: []series{{`cdc_sink_commit_to_visible_seconds_bucket{topic="t",le="300"}`, "0+80x60"},
			{`cdc_sink_commit_to_visible_seconds_count{topic="t"}`, "0+100x60"}},
		under: []series{{`cdc_sink_commit_to_visible_seconds_bucket{topic="t",le="300"}`, "0+86x60"},
			{`cdc_sink_commit_to_visible_seconds_count{topic="t"}`, "0+100x60"}},
		labels:  map[string]string{"topic": "t"},
		summary: "Of the changes of topic t 20% of the last hour took more than five minutes to be queryable"},
	{alert: "CalypsoFreshnessBudgetBurnSlow", at: 360 * time.Minute,
		// As Prometheus 3 writes the bound.
		fires: []series{{`cdc_sink_commit_to_visible_seconds_bucket{topic="t",le="300.0"}`, "0+90x360"},
			{`cdc_sink_commit_to_visible_seconds_count{topic="t"}`, "0+100x360"}},
		under: []series{{`cdc_sink_commit_to_visible_seconds_bucket{topic="t",le="300.0"}`, "0+95x360"},
			{`cdc_sink_commit_to_visible_seconds_count{topic="t"}`, "0+100x360"}},
		labels:  map[string]string{"topic": "t"},
		summary: "Of the changes of topic t 10% of the last six hours took more than five minutes to be queryable"},

	{alert: "CalypsoSlotFull", fires: []series{steady(`cdc_pipeline_slot_full_seconds{pipeline="src"}`, "14399")},
		under:  []series{steady(`cdc_pipeline_slot_full_seconds{pipeline="src"}`, "14400")},
		labels: pipeline(), summary: "The slot of pipeline src is full in 3h 59m 59s and is lost then"},
	{alert: "CalypsoSlotFilling", fires: []series{steady(`cdc_pipeline_slot_full_seconds{pipeline="src"}`, "86399")},
		under:  []series{steady(`cdc_pipeline_slot_full_seconds{pipeline="src"}`, "86400")},
		labels: pipeline(), summary: "The slot of pipeline src is full in 23h 59m 59s"},
	{alert: "CalypsoSlotLost",
		fires: []series{steady(`cdc_pipeline_check{pipeline="src",check="slot",subject="s1"}`, "4"),
			steady(`cdc_pipeline_slot_missing{pipeline="src"}`, "0")},
		under: []series{steady(`cdc_pipeline_check{pipeline="src",check="slot",subject="s1"}`, "3")},
		at:    time.Minute, labels: pipeline("subject", "s1"),
		summary: "Slot s1 of pipeline src lost log that was not captured yet"},
	{alert: "CalypsoSlotMissing",
		fires: []series{steady(`cdc_pipeline_check{pipeline="src",check="slot",subject="s1"}`, "4"),
			steady(`cdc_pipeline_slot_missing{pipeline="src"}`, "1")},
		// The first start will make it: the check passes.
		under: []series{steady(`cdc_pipeline_check{pipeline="src",check="slot",subject="s1"}`, "1"),
			steady(`cdc_pipeline_slot_missing{pipeline="src"}`, "1")},
		at: time.Minute, labels: pipeline("subject", "s1"), summary: "The server no longer has slot s1 of pipeline src"},
	{alert: "CalypsoSlotInactive",
		fires: []series{steady(`cdc_pipeline_slot_active{pipeline="src"}`, "0"),
			steady(`cdc_pipeline_phase{pipeline="src"}`, "4")},
		under: []series{steady(`cdc_pipeline_slot_active{pipeline="src"}`, "0"),
			steady(`cdc_pipeline_phase{pipeline="src"}`, "2")},
		labels: pipeline(), summary: "Nobody reads the slot of pipeline src, for which the server keeps its log"},
	{alert: "CalypsoSlotUnlimited",
		fires: []series{steady(`cdc_pipeline_slot_retained_bytes{pipeline="src"}`, "12884901888"),
			steady(`cdc_pipeline_slot_safe_bytes{pipeline="src"}`, "-1")},
		under: []series{steady(`cdc_pipeline_slot_retained_bytes{pipeline="src"}`, "10737418240"),
			steady(`cdc_pipeline_slot_safe_bytes{pipeline="src"}`, "-1")},
		labels: pipeline(), summary: "The server keeps 12GiB of log for pipeline src, without a limit"},
	{alert: "CalypsoNoProgress", at: time.Minute,
		fires:   []series{steady(`cdc_pipeline_check{pipeline="src",check="progress",subject="s1"}`, "4")},
		under:   []series{steady(`cdc_pipeline_check{pipeline="src",check="progress",subject="s1"}`, "3")},
		labels:  pipeline("subject", "s1"),
		summary: "Slot s1 of pipeline src has confirmed no log for 15 minutes"},
	{alert: "CalypsoSpilling", at: 45 * time.Minute,
		fires:   []series{{`cdc_capture_spill_bytes_total{connector="src"}`, "0+125829120x60"}},
		under:   []series{{`cdc_capture_spill_bytes_total{connector="src"}`, "0+62914560x60"}},
		labels:  map[string]string{"connector": "src"},
		summary: "PostgreSQL decodes src through its disk: 2MiB a second"},

	{alert: "CalypsoConnectorFailed",
		fires:   []series{steady(`cdc_pipeline_connector_state{pipeline="src",connector="adx"}`, "4")},
		under:   []series{steady(`cdc_pipeline_connector_state{pipeline="src",connector="adx"}`, "5")},
		labels:  pipeline("connector", "adx"),
		summary: "Connector adx of pipeline src has failed"},
	{alert: "CalypsoTaskFailed",
		fires:   []series{steady(`cdc_pipeline_tasks{pipeline="src",connector="adx",state="FAILED"}`, "2")},
		under:   []series{steady(`cdc_pipeline_tasks{pipeline="src",connector="adx",state="RESTARTING"}`, "2")},
		labels:  pipeline("connector", "adx"),
		summary: "Tasks of connector adx that have failed: 2"},
	{alert: "CalypsoTaskUnassigned",
		fires:   []series{steady(`cdc_pipeline_tasks{pipeline="src",connector="adx",state="UNASSIGNED"}`, "2")},
		under:   []series{steady(`cdc_pipeline_tasks{pipeline="src",connector="adx",state="RUNNING"}`, "2")},
		labels:  pipeline("connector", "adx"),
		summary: "No worker runs connector adx of pipeline src, or 2 of its tasks"},
	{alert: "CalypsoSnapshotStalled", at: 15 * time.Minute,
		fires: []series{steady(`cdc_pipeline_snapshot_rows{pipeline="src",table="a"}`, "100"),
			steady(`cdc_pipeline_snapshot_rows{pipeline="src",table="b"}`, "200"),
			steady(`cdc_pipeline_phase{pipeline="src"}`, "2")},
		under: []series{steady(`cdc_pipeline_snapshot_rows{pipeline="src",table="a"}`, "100"),
			{`cdc_pipeline_snapshot_rows{pipeline="src",table="b"}`, "200+1x60"},
			steady(`cdc_pipeline_phase{pipeline="src"}`, "2")},
		labels: pipeline(), summary: "The initial snapshot of pipeline src has read no row for 15 minutes"},
	{alert: "CalypsoDecodeErrors", at: 12 * time.Minute,
		// The counter is there only since the first error.
		fires:   []series{{`cdc_capture_decode_errors_total{instance="w",kind="value"}`, "_x11 3x20"}},
		under:   []series{steady(`cdc_capture_decode_errors_total{instance="w",kind="value"}`, "3")},
		labels:  map[string]string{"instance": "w", "kind": "value"},
		summary: "Worker w could not convert values (value); in ten minutes: 3"},

	{alert: "CalypsoDeadLetters", at: time.Minute,
		fires: []series{steady(`cdc_pipeline_open_dead_letters{pipeline="src",sink="adx"}`, "7")},
		// All of them have been settled.
		under: []series{steady(`cdc_pipeline_open_dead_letters{pipeline="src",sink="adx"}`, "0"),
			steady(`cdc_pipeline_dead_letters{pipeline="src",sink="adx"}`, "7")},
		labels: pipeline("sink", "adx"), summary: "Records of adx (pipeline src) that are dead letters: 7"},
	{alert: "CalypsoPassedOver", at: 10 * time.Minute,
		fires:  []series{{`cdc_pipeline_rows_passed_over{pipeline="src",sink="adx"}`, "5+2x60"}},
		under:  []series{steady(`cdc_pipeline_rows_passed_over{pipeline="src",sink="adx"}`, "5")},
		labels: pipeline("sink", "adx"), summary: "Rows that adx (pipeline src) dropped in ten minutes: 20"},
	{alert: "CalypsoIngestionFailing", at: 7 * time.Minute,
		fires: []series{steady(`cdc_pipeline_check{pipeline="src",check="ingestion",subject="adx"}`, "3"),
			steady(`cdc_pipeline_rows_ingested{pipeline="src",sink="adx"}`, "900")},
		// Attempts fail, and some succeed.
		under: []series{steady(`cdc_pipeline_check{pipeline="src",check="ingestion",subject="adx"}`, "3"),
			{`cdc_pipeline_rows_ingested{pipeline="src",sink="adx"}`, "900+1x60"}},
		labels:  pipeline("sink", "adx"),
		summary: "adx (pipeline src) has brought no row into its table for 7 minutes, and attempts fail"},
	{alert: "CalypsoIngestionThrottled", at: 10 * time.Minute,
		fires: []series{{`cdc_sink_ingest_failures_total{reason="General_ThrottledIngestion",permanent="false"}`,
			"0+60x60"}},
		under:   []series{{`cdc_sink_ingest_failures_total{reason="http_503",permanent="false"}`, "0+60x60"}},
		labels:  map[string]string{"reason": "General_ThrottledIngestion"},
		summary: "Azure Data Explorer throttles (General_ThrottledIngestion): 1 attempts a second"},
	{alert: "CalypsoSinkRetrying", at: 20 * time.Minute,
		fires:   []series{{`cdc_pipeline_retries{pipeline="src",sink="adx"}`, "3+1x60"}},
		under:   []series{{`cdc_pipeline_retries{pipeline="src",sink="adx"}`, "3x8 4x52"}},
		labels:  pipeline("sink", "adx"),
		summary: "adx (pipeline src) repeats attempts; in ten minutes: 10"},

	{alert: "CalypsoAdminDown",
		fires: []series{steady(`up{job="monitoring/calypso-admin",instance="a"}`, "0"),
			steady(`up{job="calypso-capture",instance="b"}`, "1")},
		under: []series{steady(`up{job="monitoring/calypso-admin",instance="a"}`, "0"),
			steady(`up{job="monitoring/calypso-admin",instance="b"}`, "1")},
		summary: "No admin can be scraped: nothing is known of any pipeline"},
	{alert: "CalypsoFleetUnavailable",
		fires: []series{steady(`cdc_pipeline_check{pipeline="src",check="fleet",subject="capture"}`, "4"),
			steady(`cdc_pipeline_check{pipeline="other",check="fleet",subject="capture"}`, "4")},
		under:   []series{steady(`cdc_pipeline_check{pipeline="src",check="fleet",subject="capture"}`, "3")},
		labels:  map[string]string{"subject": "capture"},
		summary: "No worker of capture can work"},
	{alert: "CalypsoFleetShrunk",
		fires: []series{steady(`cdc_pipeline_check{pipeline="src",check="fleet",subject="capture"}`, "3"),
			steady(`cdc_pipeline_check{pipeline="other",check="fleet",subject="capture"}`, "3")},
		under:   []series{steady(`cdc_pipeline_check{pipeline="src",check="fleet",subject="capture"}`, "2")},
		labels:  map[string]string{"subject": "capture"},
		summary: "A worker of capture is away"},
	{alert: "CalypsoRebalanceStorm", at: 12 * time.Minute,
		fires:   []series{{`calypso_connector_rebalances_total{instance="w"}`, "0+1x60"}},
		under:   []series{{`calypso_connector_rebalances_total{instance="w"}`, "0x7 5x50"}},
		labels:  map[string]string{"instance": "w"},
		summary: "Worker w has joined 10 rebalances in ten minutes"},
	{alert: "CalypsoWatchdog", at: time.Minute, summary: "Alerts are evaluated and delivered"},
}
