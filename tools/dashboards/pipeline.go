package main

// pipeline answers: where between commit and queryable row does this pipeline spend its time?
func pipeline() board {
	mine := func(metric string, conditions ...string) string {
		return of(metric, append(conditions, thisPipeline)...)
	}
	age := func(percentile string) query {
		return query{per("max", mine("cdc_pipeline_latency_seconds", `percentile="`+percentile+`"`), "segment", "sink"),
			"{{segment}} {{sink}} p" + percentile}
	}
	return board{uid: "calypso-pipeline", title: "Calypso: pipeline",
		about:   "One pipeline from commit to queryable row: state, lag by segment, latency, throughput, failures.",
		choices: []choice{byPipeline},
		rows: []row{
			{title: "State", panels: []panel{
				{title: "Verdict", kind: number, width: 6, words: verdicts, unit: "short",
					about:   "What admin makes of all checks.",
					queries: []query{{per("max", mine("cdc_pipeline_verdict"), "pipeline"), "{{pipeline}}"}}},
				{title: "Capture", kind: number, width: 6, words: phases, unit: "short",
					about:   "What capture does.",
					queries: []query{{per("max", mine("cdc_pipeline_phase"), "pipeline"), "{{pipeline}}"}}},
				{title: "Connectors", kind: number, width: 12, words: running, unit: "short",
					about:   "The state of the source and of each sink.",
					queries: []query{{per("max", mine("cdc_pipeline_connector_state"), "connector"), "{{connector}}"}}},
				{title: "Checks", kind: states, width: 24, words: checks, unit: "short",
					about:   "Every check over time. The page says what was found and what to do.",
					queries: []query{{per("max", mine("cdc_pipeline_check"), "check", "subject"), "{{check}} {{subject}}"}}},
			}},
			{title: "Lag and latency", panels: []panel{
				{title: "Lag by segment", kind: areas, width: 12, unit: "s",
					about:   "How late each segment is. The one that grows holds the others back.",
					queries: []query{{per("max", mine("cdc_pipeline_lag_seconds"), "segment", "sink"), "{{segment}} {{sink}}"}}},
				{title: "Latency", kind: lines, width: 12, unit: "s",
					about:   "The age of the changes of the last five minutes when they reached Kafka and became queryable.",
					queries: []query{age("50"), age("95"), age("99")}},
				{title: "Waiting records", kind: lines, width: 12, unit: "short",
					about:   "Records in Kafka that a sink has not read, and those it has sent and waits for.",
					queries: []query{{per("max", mine("cdc_pipeline_lag_records"), "segment", "sink"), "{{segment}} {{sink}}"}}},
				{title: "Commit to queryable", kind: buckets, width: 12, unit: "s",
					about: "How many changes took how long, of all pipelines that the workers run.",
					queries: []query{{per("sum", "increase("+of("cdc_sink_commit_to_visible_seconds_bucket")+"[$__rate_interval])", "le"),
						"{{le}}"}}},
			}},
			{title: "Throughput", folded: true, panels: []panel{
				{title: "Captured rows a second", kind: lines, width: 12, unit: "cps",
					about:   "Changes that became durable in Kafka. A restart of the task begins the count again.",
					queries: []query{{per("max", speed(mine("cdc_pipeline_rows_captured")), "pipeline"), "{{pipeline}}"}}},
				{title: "Queryable rows a second", kind: lines, width: 12, unit: "cps",
					about:   "Rows that became queryable, by sink.",
					queries: []query{{per("max", speed(mine("cdc_pipeline_rows_ingested")), "sink"), "{{sink}}"}}},
				{title: "Batches in flight", kind: lines, width: 12, unit: "short",
					about:   "Batches that are sent and whose final status is not known.",
					queries: []query{{per("max", mine("cdc_pipeline_batches_in_flight"), "sink"), "{{sink}}"}}},
				{title: "Held by capture and sink", kind: lines, width: 12, unit: "bytes",
					about: "Bytes that are on their way in memory.",
					queries: []query{{per("max", mine("cdc_pipeline_inflight_bytes"), "pipeline"), "capture"},
						{per("max", mine("cdc_pipeline_buffered_bytes"), "sink"), "{{sink}}"}}},
			}},
			{title: "Failures", folded: true, panels: []panel{
				{title: "Failed attempts to ingest", kind: lines, width: 12, unit: "cps",
					about:   "By the cluster's reason, of all sinks of the workers.",
					queries: []query{{per("sum", speed(of("cdc_sink_ingest_failures_total")), "reason", "permanent"), "{{reason}}, permanent: {{permanent}}"}}},
				{title: "Repeated attempts", kind: lines, width: 12, unit: "short",
					about:   "Attempts of the sink that failed and were repeated, in five minutes.",
					queries: []query{{per("max", "increase("+mine("cdc_pipeline_retries")+"[5m])", "sink"), "{{sink}}"}}},
				{title: "Dead letters", kind: lines, width: 12, unit: "short", warn: 1, bad: 1000,
					about:   "Those that are neither replayed nor discarded.",
					queries: []query{{per("max", mine("cdc_pipeline_open_dead_letters"), "sink"), "{{sink}}"}}},
				{title: "Refused records", kind: lines, width: 12, unit: "cps",
					about:   "Records that could not be delivered, by class, of all sinks of the workers.",
					queries: []query{{per("sum", speed(of("cdc_sink_refused_records_total")), "topic", "class"), "{{topic}} {{class}}"}}},
			}},
		}}
}
