package main

import "fmt"

// fleet answers: is anything wrong, and where?
func fleet() board {
	verdict := per("max", of("cdc_pipeline_verdict"), "pipeline")
	having := func(value int) string { return fmt.Sprintf("count(%s == %d) or vector(0)", verdict, value) }
	retained := per("max", of("cdc_pipeline_slot_retained_bytes"), "pipeline")
	return board{uid: "calypso-fleet", title: "Calypso: fleet",
		about: "All pipelines: what is wrong, which tables are late, which slots fill.",
		rows: []row{
			{title: "Now", panels: []panel{
				{title: "Pipelines by verdict", kind: number, width: 12, unit: "short",
					about: "How many pipelines have each verdict. Broken ones lose time or changes now; degraded ones work, but not as they should.",
					queries: []query{{having(5), "broken"}, {having(4), "degraded"}, {having(3), "paused"},
						{having(2), "snapshotting"}, {having(1), "healthy"}}},
				{title: "Failed tasks", kind: number, width: 4, unit: "short", warn: 1, bad: 1,
					about:   "Tasks that stopped with an error and wait for somebody.",
					queries: []query{{"sum(" + per("max", of("cdc_pipeline_tasks", `state="FAILED"`), "pipeline", "connector") + ") or vector(0)", "failed"}}},
				{title: "Open dead letters", kind: number, width: 4, unit: "short", warn: 1, bad: 1000,
					about:   "Records that could not be delivered and are neither replayed nor discarded.",
					queries: []query{{"sum(" + per("max", of("cdc_pipeline_open_dead_letters"), "pipeline", "sink") + ") or vector(0)", "open"}}},
				{title: "Roles with absent workers", kind: number, width: 4, unit: "short", warn: 1, bad: 1,
					about:   "Fleets (capture, sink) of which at least one worker is away.",
					queries: []query{{"count(" + per("max", of("cdc_pipeline_check", `check="fleet"`), "subject") + " >= 3) or vector(0)", "fleets"}}},
				{title: "Latest tables", kind: list, width: 12, unit: "dtdurations", warn: 60, bad: 300, none: "No table is late",
					about: "The 20 tables whose oldest change that is not queryable is the oldest, and where it is held.",
					queries: []query{{"topk(20, " + per("max", of("cdc_table_lag_seconds"), "pipeline", "table", "sink", "held_at") + " > 0)",
						"late"}}},
				{title: "Checks that are not ok", kind: list, width: 12, words: checks, unit: "short", none: "All checks are ok",
					about:   "Warnings and errors. The page of the pipeline says for each what was found and what to do.",
					queries: []query{{per("max", of("cdc_pipeline_check"), "pipeline", "check", "subject") + " >= 3", "state"}}},
				{title: "Slots by time to full", kind: list, width: 12, unit: "dtdurations", warn: 86400, bad: 14400, none: "No slot fills",
					about:   "How long until what the server keeps reaches its limit, if it goes on growing; nothing if it does not.",
					queries: []query{{"bottomk(20, " + per("min", of("cdc_pipeline_slot_full_seconds"), "pipeline") + ")", "full in"}}},
				{title: "Log kept for slots", kind: lines, width: 12, unit: "bytes",
					about:   "What PostgreSQL keeps on its disk until it is captured, of the 20 pipelines with most.",
					queries: []query{{"topk(20, " + retained + ")", "{{pipeline}}"}}},
			}},
			{title: "Over time", panels: []panel{
				{title: "Verdicts", kind: states, width: 24, words: verdicts, unit: "short",
					about:   "The verdict of each pipeline over time.",
					queries: []query{{verdict, "{{pipeline}}"}}},
				{title: "Commit to queryable, 95 of 100 changes", kind: lines, width: 12, unit: "s",
					about: "The age at which 95 of 100 changes of the last five minutes became queryable. Nothing where nothing changed.",
					queries: []query{{per("max", of("cdc_pipeline_latency_seconds", `segment="commit_to_queryable"`, `percentile="95"`), "pipeline"),
						"{{pipeline}}"}}},
				{title: "Changes a second", kind: lines, width: 12, unit: "cps",
					about: "Changes read from PostgreSQL, and rows that became queryable.",
					queries: []query{{"sum(" + speed(of("cdc_capture_rows_total")) + ")", "captured"},
						{"sum(" + speed(of("cdc_sink_records_total", `result="ingested"`)) + ")", "queryable"}}},
			}},
		}}
}
