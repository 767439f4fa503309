package main

// slot answers: does PostgreSQL suffer from us, and for how long can it?
func slot() board {
	mine := func(metric string, conditions ...string) string {
		return of(metric, append(conditions, thisPipeline)...)
	}
	behind := func(to string) string {
		return per("max", mine("cdc_pipeline_lsn", `at="received"`), "pipeline") + " - " +
			per("max", mine("cdc_pipeline_lsn", `at="`+to+`"`), "pipeline")
	}
	return board{uid: "calypso-slot", title: "Calypso: slot and PostgreSQL",
		about:   "Replication slots: log that is kept, when it is full, what decoding costs the server.",
		choices: []choice{byPipeline},
		rows: []row{
			{title: "Space", panels: []panel{
				{title: "Full in", kind: number, width: 8, unit: "dtdurations", warn: 86400, bad: 14400, none: "does not fill",
					about:   "Time until what the server keeps reaches its limit (max_slot_wal_keep_size, or slot.storage.bytes), if it goes on growing; nothing if it does not.",
					queries: []query{{per("min", mine("cdc_pipeline_slot_full_seconds"), "pipeline"), "{{pipeline}}"}}},
				{title: "Read by somebody", kind: number, width: 8, unit: "short",
					about:   "1 if a process reads the slot. The server keeps log for it in any case.",
					queries: []query{{per("max", mine("cdc_pipeline_slot_active"), "pipeline"), "{{pipeline}}"}}},
				{title: "Missing", kind: number, width: 8, unit: "short", warn: 1, bad: 1,
					about:   "1 if the server has no such slot.",
					queries: []query{{per("max", mine("cdc_pipeline_slot_missing"), "pipeline"), "{{pipeline}}"}}},
				{title: "Log kept", kind: lines, width: 12, unit: "bytes",
					about: "What the server keeps for the slot, and what may still be written before the slot is lost (negative: without a limit).",
					queries: []query{{per("max", mine("cdc_pipeline_slot_retained_bytes"), "pipeline"), "{{pipeline}} kept"},
						{per("max", mine("cdc_pipeline_slot_safe_bytes"), "pipeline"), "{{pipeline}} left"}}},
				{title: "Growth", kind: lines, width: 12, unit: "Bps",
					about:   "Growth of the kept log over the last minutes.",
					queries: []query{{per("max", mine("cdc_pipeline_slot_growth_bytes_per_second"), "pipeline"), "{{pipeline}}"}}},
				{title: "Log not yet passed on", kind: lines, width: 12, unit: "bytes",
					about:   "From the end of the server's log as last heard back to what is durable in Kafka, and to what is confirmed.",
					queries: []query{{behind("durable"), "{{pipeline}} durable"}, {behind("slot_confirmed_flush"), "{{pipeline}} confirmed"}}},
				{title: "Oldest transaction that keeps log", kind: lines, width: 12, unit: "s", warn: 3600, bad: 6 * 3600,
					about: "Age of the oldest transaction, prepared or running for a minute or longer, that keeps log for the slot.",
					queries: []query{{"time() - (" + per("min", mine("cdc_pipeline_slot_oldest_transaction_timestamp_seconds"), "pipeline") + " > 0)",
						"{{pipeline}}"}}},
			}},
			{title: "Decoding", folded: true, panels: []panel{
				{title: "Spilled to the server's disk", kind: lines, width: 12, unit: "Bps",
					about: "Bytes of transactions larger than logical_decoding_work_mem.",
					queries: []query{{per("max", speed(of("cdc_capture_spill_bytes_total", thisConnector)), "connector"),
						"{{connector}}"}}},
				{title: "Decoded transactions", kind: lines, width: 12, unit: "cps",
					about:   "All, those spilled to disk, and those streamed while they ran (PostgreSQL 14).",
					queries: []query{{per("max", speed(mine("cdc_pipeline_decoding_transactions")), "pipeline", "how"), "{{pipeline}} {{how}}"}}},
				{title: "Received", kind: lines, width: 12, unit: "Bps",
					about:   "Bytes of the replication stream, of all captures of the workers.",
					queries: []query{{"sum(" + speed(of("cdc_capture_wal_received_bytes_total")) + ")", "received"}}},
				{title: "Held back by Kafka", kind: lines, width: 12, unit: "percentunit",
					about: "The part of the time for which the stream was not read because Kafka had not yet taken what was read before.",
					queries: []query{{per("max", speed(of("cdc_capture_backpressure_seconds_total", thisConnector)), "connector"),
						"{{connector}}"}}},
				{title: "Reconnects", kind: lines, width: 12, unit: "short",
					about:   "Sessions that failed and were tried again in five minutes, by reason, of all captures.",
					queries: []query{{per("sum", "increase("+of("cdc_capture_reconnects_total")+"[5m])", "reason"), "{{reason}}"}}},
				{title: "Values that could not be converted", kind: lines, width: 12, unit: "short", warn: 1, bad: 1,
					about:   "By kind, in five minutes, of all captures.",
					queries: []query{{per("sum", "increase("+of("cdc_capture_decode_errors_total")+"[5m])", "kind"), "{{kind}}"}}},
			}},
		}}
}
