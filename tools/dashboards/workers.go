package main

// workers answers: do the processes have what they need?
func workers() board {
	const ours = `job=~"(.*/)?calypso-.*"`
	process := func(metric string) string { return per("max", of(metric, ours), "job", "instance") }
	perProcess := func(expr string) string { return per("max", expr, "job", "instance") }
	return board{uid: "calypso-workers", title: "Calypso: workers and runtime",
		about: "The processes: tasks, rebalances, memory, CPU, requests to Kafka.",
		rows: []row{
			{title: "Tasks", panels: []panel{
				{title: "Tasks that run", kind: areas, width: 8, unit: "short",
					about:   "By worker. They move when one is restarted, and nowhere else should steps be seen.",
					queries: []query{{per("sum", of("calypso_connector_tasks_running"), "instance"), "{{instance}}"}}},
				{title: "Starts of tasks", kind: lines, width: 8, unit: "short",
					about:   "In five minutes, by connector. One that starts again and again fails each time.",
					queries: []query{{per("sum", "increase("+of("calypso_connector_task_starts_total")+"[5m])", "connector"), "{{connector}}"}}},
				{title: "Rebalances", kind: lines, width: 8, unit: "short", warn: 5, bad: 10,
					about:   "In ten minutes, by worker. Each has the tasks distributed again.",
					queries: []query{{per("sum", "increase("+of("calypso_connector_rebalances_total")+"[10m])", "instance"), "{{instance}}"}}},
				{title: "Failed tasks", kind: lines, width: 12, unit: "short", warn: 1, bad: 1,
					about:   "Tasks that went to FAILED in five minutes, by connector.",
					queries: []query{{per("sum", "increase("+of("calypso_connector_task_failures_total")+"[5m])", "connector"), "{{connector}}"}}},
				{title: "The sinks' buffer", kind: lines, width: 12, unit: "percentunit", warn: .9, bad: 1,
					about: "What all sinks of a worker hold, as a part of buffer.memory.bytes.",
					queries: []query{{per("sum", of("cdc_sink_buffered_bytes"), "instance") + " / " +
						per("max", of("cdc_sink_buffer_limit_bytes"), "instance"), "{{instance}}"}}},
			}},
			{title: "Processes", panels: []panel{
				{title: "Memory", kind: lines, width: 12, unit: "bytes",
					about:   "Resident memory.",
					queries: []query{{process("process_resident_memory_bytes"), "{{job}} {{instance}}"}}},
				{title: "CPU", kind: lines, width: 12, unit: "percentunit",
					about:   "Of one core.",
					queries: []query{{perProcess(speed(of("process_cpu_seconds_total", ours))), "{{job}} {{instance}}"}}},
				{title: "Go heap", kind: lines, width: 12, unit: "bytes",
					about:   "Heap in use.",
					queries: []query{{process("go_memstats_heap_inuse_bytes"), "{{job}} {{instance}}"}}},
				{title: "Goroutines", kind: lines, width: 12, unit: "short",
					about:   "One that only grows is a leak: report it.",
					queries: []query{{process("go_goroutines"), "{{job}} {{instance}}"}}},
			}},
			{title: "Kafka", folded: true, panels: []panel{
				{title: "Requests, 95 of 100", kind: lines, width: 12, unit: "s",
					about: "Time of a request to a broker, by operation. That of poll includes waiting for records.",
					queries: []query{{"histogram_quantile(0.95, " +
						per("sum", speed(of("messaging_client_operation_duration_seconds_bucket")), "messaging_operation_name", "le") + ")",
						"{{messaging_operation_name}}"}}},
				{title: "Records sent", kind: lines, width: 12, unit: "cps",
					about: "That brokers acknowledged, of the 20 busiest topics.",
					queries: []query{{"topk(20, " + per("sum", speed(of("messaging_client_sent_messages_total")), "messaging_destination_name") + ")",
						"{{messaging_destination_name}}"}}},
				{title: "Records fetched", kind: lines, width: 12, unit: "cps",
					about: "Those that are fetched again as well, of the 20 busiest topics.",
					queries: []query{{"topk(20, " + per("sum", speed(of("messaging_client_consumed_messages_total")), "messaging_destination_name") + ")",
						"{{messaging_destination_name}}"}}},
				{title: "Calls by gRPC, 95 of 100", kind: lines, width: 12, unit: "s",
					about: "By method.",
					queries: []query{{"histogram_quantile(0.95, " +
						per("sum", speed(of("rpc_server_call_duration_seconds_bucket")), "rpc_method", "le") + ")", "{{rpc_method}}"}}},
			}},
			{title: "Versions", folded: true, panels: []panel{
				{title: "Versions", kind: list, width: 24, unit: "short", none: "Nothing is scraped",
					about:   "Of all processes. More than one for a role is an update under way, or one that was forgotten.",
					queries: []query{{per("count", of("cdc_build_info"), "job", "version"), "processes"}}},
			}},
		}}
}
