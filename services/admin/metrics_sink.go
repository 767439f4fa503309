package admin

import (
	"strings"

	"go.opentelemetry.io/otel/attribute"

	adminv1 "github.com/calypso-cdc/calypso/gen/calypso/admin/v1"
	connectorv1 "github.com/calypso-cdc/calypso/gen/calypso/connector/v1"
	sinkv1 "github.com/calypso-cdc/calypso/gen/calypso/sink/v1"
)

// sinkGauges are the metrics of what the sinks say about a pipeline, and of the states of all its
// connectors.
func sinkGauges() []gauge {
	each := func(p *adminv1.Pipeline, of func(*sinkv1.Sink, attribute.KeyValue)) {
		for _, s := range p.Sinks {
			if s.Sink != nil {
				of(s.Sink, attribute.String("sink", s.Status.GetName()))
			}
		}
	}
	of := func(name, unit, help string, number func(*sinkv1.Sink) int64) gauge {
		return gauge{name, unit, help, func(p *adminv1.Pipeline, emit emitter) {
			each(p, func(s *sinkv1.Sink, sink attribute.KeyValue) { emit.number(number(s), sink) })
		}}
	}
	return []gauge{
		of("cdc_pipeline_rows_ingested", "{row}", "Rows that are queryable since the sink's tasks started.",
			(*sinkv1.Sink).GetRowsIngested),
		of("cdc_pipeline_ingested_bytes", "By", "Bytes of those rows before compression.", (*sinkv1.Sink).GetBytesIngested),
		of("cdc_pipeline_batches_ingested", "{batch}", "Batches that those rows came in.", (*sinkv1.Sink).GetBatchesIngested),
		of("cdc_pipeline_batches_in_flight", "{batch}", "Batches that are sent and whose status is not known yet.",
			(*sinkv1.Sink).GetBatchesInFlight),
		of("cdc_pipeline_buffered_bytes", "By", "Bytes that the sink holds.", (*sinkv1.Sink).GetBufferedBytes),
		of("cdc_pipeline_process_buffered_bytes", "By", "Bytes that all sinks of the workers hold.",
			(*sinkv1.Sink).GetProcessBufferedBytes),
		of("cdc_pipeline_process_buffer_limit_bytes", "By", "Bytes that they may hold.",
			(*sinkv1.Sink).GetProcessBufferLimitBytes),
		{"cdc_pipeline_open_dead_letters", "{record}",
			"Dead letters that are neither replayed nor discarded; absent where they are not counted.",
			func(p *adminv1.Pipeline, emit emitter) {
				each(p, func(s *sinkv1.Sink, sink attribute.KeyValue) {
					if s.OpenDeadLetters != nil {
						emit.number(s.GetOpenDeadLetters(), sink)
					}
				})
			}},
		of("cdc_pipeline_dead_letters", "{record}", "Dead letters of a sink since its tasks started.",
			(*sinkv1.Sink).GetRowsDeadLettered),
		of("cdc_pipeline_rows_passed_over", "{row}",
			"Rows that were refused and are in no dead letter topic, since the sink's tasks started.",
			(*sinkv1.Sink).GetRowsPassedOver),
		of("cdc_pipeline_tombstones", "{record}", "Tombstones that the sink has read since its tasks started.",
			(*sinkv1.Sink).GetTombstones),
		of("cdc_pipeline_retries", "{attempt}",
			"Attempts of the sink that failed and were repeated, since its tasks started.", (*sinkv1.Sink).GetRetries),
		{"cdc_pipeline_last_error_timestamp_seconds", "s", "Unix time of the sink's last attempt that failed; 0 if none did.",
			func(p *adminv1.Pipeline, emit emitter) {
				each(p, func(s *sinkv1.Sink, sink attribute.KeyValue) { emit.number(s.GetLastErrorTime().GetSeconds(), sink) })
			}},
		{"cdc_pipeline_last_produce_to_ingested_seconds", "s",
			"Age of the newest record of the last batch when it was queryable.", func(p *adminv1.Pipeline, emit emitter) {
				each(p, func(s *sinkv1.Sink, sink attribute.KeyValue) {
					emit(s.GetProduceToIngested().AsDuration().Seconds(), sink)
				})
			}},
		partition("cdc_pipeline_offset", "", "Offsets of each partition that a sink reads: position, committed, end.",
			func(part *sinkv1.PartitionProgress, emit emitter) {
				emit.number(part.Position, attribute.String("at", "position"))
				emit.number(part.Committed, attribute.String("at", "committed"))
				emit.number(part.End, attribute.String("at", "end"))
			}),
		partition("cdc_pipeline_partition_rows_ingested", "{row}",
			"Rows of each partition that are queryable since the worker took it.",
			func(part *sinkv1.PartitionProgress, emit emitter) {
				emit.number(part.RowsIngested)
			}),
		partition("cdc_pipeline_partition_last_ingested_timestamp_seconds", "s",
			"Unix time when the last of them became queryable; 0 if none did.",
			func(part *sinkv1.PartitionProgress, emit emitter) {
				emit.number(part.GetLastIngestedTime().GetSeconds())
			}),
		{"cdc_pipeline_connector_state", "",
			"State of each connector: 1 unassigned, 2 running, 3 paused, 4 failed, 5 restarting, 6 stopped.",
			func(p *adminv1.Pipeline, emit emitter) {
				connectors(p, func(s *connectorv1.ConnectorStatus) {
					emit(float64(s.State), attribute.String("connector", s.Name))
				})
			}},
		{"cdc_pipeline_tasks", "{task}", "Tasks of each connector by state.", func(p *adminv1.Pipeline, emit emitter) {
			connectors(p, func(s *connectorv1.ConnectorStatus) {
				counts := map[connectorv1.State]int64{}
				for _, t := range s.Tasks {
					counts[t.State]++
				}
				for state, n := range counts {
					emit.number(n, attribute.String("connector", s.Name),
						attribute.String("state", strings.TrimPrefix(state.String(), "STATE_")))
				}
			})
		}},
	}
}

// partition makes a gauge with values for each partition that a sink reads.
func partition(name, unit, help string, of func(*sinkv1.PartitionProgress, emitter)) gauge {
	return gauge{name, unit, help, func(p *adminv1.Pipeline, emit emitter) {
		for _, s := range p.Sinks {
			for _, part := range s.Sink.GetPartitions() {
				of(part, func(value float64, labels ...attribute.KeyValue) {
					emit(value, append(labels, attribute.String("sink", s.Status.GetName()), attribute.String("topic", part.Topic),
						attribute.Int("partition", int(part.Partition)))...)
				})
			}
		}
	}}
}

// connectors calls each for the states of a pipeline's connectors.
func connectors(p *adminv1.Pipeline, each func(*connectorv1.ConnectorStatus)) {
	if p.SourceStatus != nil {
		each(p.SourceStatus)
	}
	for _, s := range p.Sinks {
		if s.Status != nil {
			each(s.Status)
		}
	}
}
