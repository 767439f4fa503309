package main

// tables answers: which table is late, and where is its oldest change?
func tables() board {
	mine := func(metric string, conditions ...string) string {
		return of(metric, append(conditions, thisPipeline, thisTable)...)
	}
	return board{uid: "calypso-tables", title: "Calypso: tables",
		about:   "Tables: how late, where the oldest change is held, what changes, how far the snapshot is.",
		choices: []choice{byPipeline, byTable},
		rows: []row{
			{title: "Lateness", panels: []panel{
				{title: "Late tables", kind: list, width: 24, unit: "dtdurations", warn: 60, bad: 300, none: "No table is late",
					about:   "Age of the oldest change that is not queryable. admin tells of the latest tables only (--table-metrics).",
					queries: []query{{per("max", mine("cdc_table_lag_seconds"), "pipeline", "table", "sink", "held_at") + " > 0", "late"}}},
				{title: "Lateness", kind: lines, width: 24, unit: "s", warn: 60, bad: 300,
					about:   "The same over time. A table that is written to is always a little late: by the sink's flush.interval.ms.",
					queries: []query{{per("max", mine("cdc_table_lag_seconds"), "table", "sink"), "{{table}} in {{sink}}"}}},
			}},
			{title: "Changes", panels: []panel{
				{title: "Changes by operation", kind: areas, width: 12, unit: "cps",
					about:   "Events that capture delivered: c insert, u update, d delete, t truncate, r read by a snapshot.",
					queries: []query{{per("sum", speed(of("cdc_capture_rows_total", thisTable)), "table", "op"), "{{table}} {{op}}"}}},
				{title: "Records of topics", kind: lines, width: 12, unit: "cps",
					about:   "What became of the records that sinks read.",
					queries: []query{{per("sum", speed(of("cdc_sink_records_total")), "topic", "result"), "{{topic}} {{result}}"}}},
				{title: "Commit to queryable by topic, 95 of 100", kind: lines, width: 12, unit: "s",
					about: "The age at which 95 of 100 changes of a topic became queryable.",
					queries: []query{{"histogram_quantile(0.95, " + per("sum", speed(of("cdc_sink_commit_to_visible_seconds_bucket")), "topic", "le") + ")",
						"{{topic}}"}}},
				{title: "Time to ingest a batch, 95 of 100", kind: lines, width: 12, unit: "s",
					about: "From sending a batch to its final status, by target table and way.",
					queries: []query{{"histogram_quantile(0.95, " + per("sum", speed(of("cdc_sink_ingest_seconds_bucket")), "table", "mode", "le") + ")",
						"{{table}} {{mode}}"}}},
				{title: "Bytes of rows", kind: lines, width: 12, unit: "Bps",
					about:   "Bytes of rows that became queryable, before compression, by target table.",
					queries: []query{{per("sum", speed(of("cdc_sink_ingest_bytes_total")), "table"), "{{table}}"}}},
				{title: "Batches", kind: lines, width: 12, unit: "cps",
					about:   "Batches that became queryable, by topic. Fewer and larger ones are cheaper for the cluster.",
					queries: []query{{per("sum", speed(of("cdc_sink_batches_total")), "topic"), "{{topic}}"}}},
			}},
			{title: "Snapshot", folded: true, panels: []panel{
				{title: "Read so far", kind: lines, width: 12, unit: "percentunit",
					about: "Ranges of each table that the initial snapshot has read.",
					queries: []query{{per("max", mine("cdc_pipeline_snapshot_ranges"), "pipeline", "table") + " / " +
						per("max", mine("cdc_pipeline_snapshot_ranges_expected"), "pipeline", "table"), "{{table}}"}}},
				{title: "Rows read", kind: lines, width: 12, unit: "short",
					about:   "Rows that the initial snapshot has read.",
					queries: []query{{per("max", mine("cdc_pipeline_snapshot_rows"), "pipeline", "table"), "{{table}}"}}},
				{title: "Lag by partition", kind: lines, width: 24, unit: "short",
					about:   "Offsets that a sink has still to commit. One that stands out holds one table back.",
					queries: []query{{"topk(20, " + per("max", of("cdc_sink_consumer_lag_records"), "connector", "topic", "partition") + ")", "{{connector}} {{topic}} {{partition}}"}}},
			}},
		}}
}
