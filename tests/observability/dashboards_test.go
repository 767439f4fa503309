package main

import (
	"encoding/json"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// panelQuery is a query of a panel of a committed dashboard.
type panelQuery struct{ board, panel, expr string }

// everyQuery gives the queries of all panels of all dashboards, of folded rows too, and of annotations.
func everyQuery(t *testing.T) (all []panelQuery) {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(directory, "dashboards", "*.json"))
	if err != nil || len(files) == 0 {
		t.Fatalf("there are no dashboards: %v", err)
	}
	type panel struct {
		Title   string
		Targets []struct{ Expr string }
		Panels  []json.RawMessage
	}
	var add func(board string, raw json.RawMessage)
	add = func(board string, raw json.RawMessage) {
		var p panel
		if err := json.Unmarshal(raw, &p); err != nil {
			t.Fatal(err)
		}
		for _, q := range p.Targets {
			all = append(all, panelQuery{board, p.Title, q.Expr})
		}
		for _, below := range p.Panels {
			add(board, below)
		}
	}
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		var d struct {
			Panels      []json.RawMessage
			Annotations struct {
				List []struct{ Name, Expr string }
			}
		}
		if err := json.Unmarshal(text, &d); err != nil {
			t.Fatalf("%s: %v", file, err)
		}
		board := strings.TrimSuffix(filepath.Base(file), ".json")
		for _, p := range d.Panels {
			add(board, p)
		}
		for _, a := range d.Annotations.List {
			all = append(all, panelQuery{board, a.Name, a.Expr})
		}
	}
	return all
}

// foreign are metrics that libraries export, with the labels that dashboards use.
var foreign = map[string][]string{
	"process_resident_memory_bytes":               nil,
	"process_cpu_seconds_total":                   nil,
	"go_memstats_heap_inuse_bytes":                nil,
	"go_goroutines":                               nil,
	"cdc_build_info":                              {"version"},
	"rpc_server_call_duration_seconds":            {"rpc_method"},
	"messaging_client_operation_duration_seconds": {"messaging_operation_name"},
	"messaging_client_sent_messages_total":        {"messaging_destination_name"},
	"messaging_client_consumed_messages_total":    {"messaging_destination_name"},
}

var ofHistogram = regexp.MustCompile(`_(bucket|sum|count)$`)

func TestEveryMetricAndLabelOfADashboardExists(t *testing.T) {
	documented := read(t, "docs/metrics.md")
	labelsOf := labelsInCode(t)
	for _, q := range everyQuery(t) {
		metrics, labels := named(q.expr)
		if len(metrics) == 0 {
			t.Errorf("%s, %s: %s names no metric", q.board, q.panel, q.expr)
		}
		known := slices.Clone(fromPrometheus)
		for _, m := range metrics {
			base := ofHistogram.ReplaceAllString(m, "")
			of, external := foreign[base]
			if !external && !strings.Contains(documented, "| `"+m+"` |") &&
				!strings.Contains(documented, "| `"+base+"` | histogram |") {
				t.Errorf("%s, %s: %s is not in docs/metrics.md", q.board, q.panel, m)
			}
			known = append(append(known, of...), labelsOf(base)...)
		}
		for _, l := range labels {
			if !slices.Contains(known, l) {
				t.Errorf("%s, %s: none of %v has the label %s", q.board, q.panel, metrics, l)
			}
		}
	}
}

// unseen are metrics that no dashboard and no alert needs, each with the reason.
var unseen = map[string]string{
	"cdc_capture_behind_source_seconds":                      "Debezium's word for what cdc_pipeline_lag_seconds says",
	"cdc_capture_last_event_age_seconds":                     "Debezium's word; an idle table has an old one and is well",
	"cdc_capture_commit_to_produce_seconds":                  "cdc_pipeline_latency_seconds has it by pipeline",
	"cdc_capture_confirmed_lsn":                              "cdc_pipeline_lsn",
	"cdc_capture_received_lsn":                               "cdc_pipeline_lsn",
	"cdc_capture_inflight_bytes":                             "cdc_pipeline_inflight_bytes",
	"cdc_capture_inflight_transactions":                      "cdc_pipeline_inflight_bytes",
	"cdc_capture_slot_active":                                "cdc_pipeline_slot_active, which is known of a paused source too",
	"cdc_capture_slot_lag_bytes":                             "cdc_pipeline_lsn",
	"cdc_capture_slot_retained_wal_bytes":                    "cdc_pipeline_slot_retained_bytes",
	"cdc_capture_slot_safe_wal_bytes":                        "cdc_pipeline_slot_safe_bytes",
	"cdc_capture_slot_wal_status":                            "the check slot",
	"cdc_capture_snapshot_ranges":                            "cdc_pipeline_snapshot_ranges",
	"cdc_capture_snapshot_rows_total":                        "cdc_pipeline_snapshot_rows",
	"cdc_capture_snapshot_tables_remaining":                  "cdc_pipeline_snapshot_ranges, by table",
	"cdc_capture_transactions_total":                         "rows are shown",
	"cdc_sink_batches_in_flight":                             "cdc_pipeline_batches_in_flight",
	"cdc_sink_ingest_skips_total":                            "normal after a crash",
	"cdc_sink_doubled_batches_total":                         "the check ingestion",
	"cdc_sink_produce_to_visible_seconds":                    "commit to visible is what users wait for",
	"messaging_process_duration_seconds":                     "OpenTelemetry's word for cdc_sink_ingest_seconds",
	"cdc_pipeline_batches_ingested":                          "cdc_sink_batches_total",
	"cdc_pipeline_check_since_timestamp_seconds":             "the page says since when",
	"cdc_pipeline_decoding_bytes":                            "transactions are shown, and what is spilled in bytes",
	"cdc_pipeline_decoding_reset_timestamp_seconds":          "tells rates that a reset is not growth",
	"cdc_pipeline_decoding_times":                            "transactions are shown",
	"cdc_pipeline_exactly_once":                              "the check delivery",
	"cdc_pipeline_ingested_bytes":                            "cdc_sink_ingest_bytes_total",
	"cdc_pipeline_lag_bytes":                                 "cdc_pipeline_lsn",
	"cdc_pipeline_last_commit_timestamp_seconds":             "an idle source has an old one and is well",
	"cdc_pipeline_last_commit_to_kafka_seconds":              "cdc_pipeline_latency_seconds",
	"cdc_pipeline_last_error_timestamp_seconds":              "the check ingestion",
	"cdc_pipeline_last_produce_to_ingested_seconds":          "cdc_pipeline_latency_seconds",
	"cdc_pipeline_latency_changes":                           "tells how much quantiles are worth",
	"cdc_pipeline_offset":                                    "cdc_sink_consumer_lag_records",
	"cdc_pipeline_partition_last_ingested_timestamp_seconds": "an idle partition has an old one and is well",
	"cdc_pipeline_partition_rows_ingested":                   "cdc_sink_records_total",
	"cdc_pipeline_process_buffer_limit_bytes":                "cdc_sink_buffer_limit_bytes",
	"cdc_pipeline_process_buffered_bytes":                    "cdc_sink_buffered_bytes",
	"cdc_pipeline_reconnects":                                "cdc_capture_reconnects_total, by reason",
	"cdc_pipeline_slot_active_pid":                           "a number without an order",
	"cdc_pipeline_slot_conflicting":                          "the check slot",
	"cdc_pipeline_slot_failover":                             "the check slot",
	"cdc_pipeline_slot_full_timestamp_seconds":               "cdc_pipeline_slot_full_seconds",
	"cdc_pipeline_slot_inactive_since_timestamp_seconds":     "cdc_pipeline_slot_active over time",
	"cdc_pipeline_snapshot_completed":                        "cdc_pipeline_snapshot_ranges",
	"cdc_pipeline_snapshot_rows_estimated":                   "ranges tell how far it is",
	"cdc_pipeline_tombstones":                                "follow deletes",
	"cdc_pipeline_transactions_captured":                     "rows are shown",
	"cdc_orders_changes_total":                               "of the example",
	"cdc_orders_errors_total":                                "of the example",
	"cdc_orders_transaction_seconds":                         "of the example",
}

var documentedMetric = regexp.MustCompile("(?m)^\\| `([a-z0-9_]+)` \\| (?:gauge|counter|histogram) \\|")

func TestEveryMetricIsOnADashboardOrInAnAlertOrThereIsAReason(t *testing.T) {
	shown := map[string]bool{}
	note := func(expr string) {
		metrics, _ := named(expr)
		for _, m := range metrics {
			shown[m], shown[ofHistogram.ReplaceAllString(m, "")] = true, true
		}
	}
	for _, q := range everyQuery(t) {
		note(q.expr)
	}
	for _, a := range everyAlert() {
		note(a.expr)
	}
	exists := map[string]bool{}
	for _, m := range documentedMetric.FindAllStringSubmatch(read(t, "docs/metrics.md"), -1) {
		exists[m[1]] = true
		reason, excused := unseen[m[1]]
		if !shown[m[1]] && reason == "" {
			t.Errorf("%s is on no dashboard and in no alert: show it, or say why not", m[1])
		}
		if shown[m[1]] && excused {
			t.Errorf("%s is excused and shown", m[1])
		}
	}
	for m := range unseen {
		if !exists[m] {
			t.Errorf("%s is excused and does not exist", m)
		}
	}
}
