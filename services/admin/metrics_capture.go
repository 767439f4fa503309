package admin

import (
	"go.opentelemetry.io/otel/attribute"

	adminv1 "github.com/calypso-cdc/calypso/gen/calypso/admin/v1"
	capturev1 "github.com/calypso-cdc/calypso/gen/calypso/capture/v1"
	"github.com/calypso-cdc/calypso/services/admin/lag"
)

// captureGauges are the metrics of what capture says about a pipeline.
func captureGauges() []gauge {
	of := func(name, unit, help string, number func(*capturev1.Capture) int64) gauge {
		return gauge{name, unit, help, func(p *adminv1.Pipeline, emit emitter) {
			if p.Capture != nil {
				emit.number(number(p.Capture))
			}
		}}
	}
	snapshot := func(name, unit, help string, number func(*capturev1.TableSnapshot) int64) gauge {
		return gauge{name, unit, help, func(p *adminv1.Pipeline, emit emitter) {
			for _, t := range p.Capture.GetSnapshots() {
				emit.number(number(t), attribute.String("table", t.Table))
			}
		}}
	}
	slot := func(name, unit, help string, number func(*capturev1.Slot) int64) gauge {
		return gauge{name, unit, help, func(p *adminv1.Pipeline, emit emitter) {
			if p.Capture.GetSlot() != nil {
				emit.number(number(p.Capture.Slot))
			}
		}}
	}
	return []gauge{
		of("cdc_pipeline_phase", "", "What capture does: 1 connecting, 2 snapshotting, 3 streaming, 4 retrying, 5 failed.",
			func(c *capturev1.Capture) int64 { return int64(c.Phase) }),
		of("cdc_pipeline_exactly_once", "", "1 if events are written to Kafka in transactions.",
			func(c *capturev1.Capture) int64 { return one(c.ExactlyOnce) }),
		of("cdc_pipeline_rows_captured", "{row}", "Changes that are durable in Kafka since the task started.",
			(*capturev1.Capture).GetRowsDelivered),
		of("cdc_pipeline_transactions_captured", "{transaction}",
			"Transactions that are durable in Kafka since the task started.", (*capturev1.Capture).GetTransactionsDelivered),
		of("cdc_pipeline_inflight_bytes", "By", "Encoded events that are not durable in Kafka yet.",
			(*capturev1.Capture).GetInFlightBytes),
		of("cdc_pipeline_reconnects", "{session}",
			"Sessions of capture that failed and were tried again, since the task started.", (*capturev1.Capture).GetReconnects),
		{"cdc_pipeline_last_commit_timestamp_seconds", "s", "Unix time of the commit of the last transaction in Kafka.",
			func(p *adminv1.Pipeline, emit emitter) {
				if at := p.Capture.GetLastCommitTime(); at != nil {
					emit.number(at.Seconds)
				}
			}},
		{"cdc_pipeline_last_commit_to_kafka_seconds", "s", "Age of the last change when Kafka had it.",
			func(p *adminv1.Pipeline, emit emitter) {
				if age := p.Capture.GetCommitToKafka(); age != nil {
					emit(age.AsDuration().Seconds())
				}
			}},
		{"cdc_pipeline_lsn", "", "Positions in the log, as numbers: received, durable, slot_restart, slot_confirmed_flush.",
			func(p *adminv1.Pipeline, emit emitter) {
				position := func(at, text string) {
					if n, ok := lag.ParseLSN(text); ok {
						emit.number(n, attribute.String("at", at))
					}
				}
				position("received", p.Capture.GetReceivedLsn())
				position("durable", p.Capture.GetDurableLsn())
				position("slot_restart", p.Capture.GetSlot().GetRestartLsn())
				position("slot_confirmed_flush", p.Capture.GetSlot().GetConfirmedFlushLsn())
			}},
		slot("cdc_pipeline_slot_safe_bytes", "By",
			"Log that may still be written before the slot is lost; negative if unlimited.", (*capturev1.Slot).GetSafeWalBytes),
		slot("cdc_pipeline_slot_active", "", "1 if somebody reads the slot.",
			func(s *capturev1.Slot) int64 { return one(s.Active) }),
		slot("cdc_pipeline_slot_active_pid", "", "Process of the server that reads the slot; 0 if none.",
			func(s *capturev1.Slot) int64 { return int64(s.ActivePid) }),
		slot("cdc_pipeline_slot_failover", "", "1 if standbys keep the slot too.",
			func(s *capturev1.Slot) int64 { return one(s.Failover) }),
		slot("cdc_pipeline_slot_conflicting", "", "1 if the slot was lost to a conflict with recovery.",
			func(s *capturev1.Slot) int64 { return one(s.Conflicting) }),
		slot("cdc_pipeline_slot_inactive_since_timestamp_seconds", "s",
			"Unix time since which nobody reads the slot; 0 if somebody does, or before PostgreSQL 17.",
			func(s *capturev1.Slot) int64 { return s.GetInactiveSince().GetSeconds() }),
		slot("cdc_pipeline_slot_oldest_transaction_timestamp_seconds", "s",
			"Unix time when the oldest transaction began, prepared or running for a minute or longer, that keeps log for the slot; 0 if there is none.", func(s *capturev1.Slot) (oldest int64) {
				for _, h := range s.Holders {
					if at := h.GetBeginTime().GetSeconds(); at != 0 && (oldest == 0 || at < oldest) {
						oldest = at
					}
				}
				return oldest
			}),
		decoding("cdc_pipeline_decoding_transactions", "{transaction}",
			"Transactions that the server has decoded since its statistics were reset: spilled to disk, streamed while they ran, all (PostgreSQL 14).", func(s *capturev1.SlotStatistics) map[string]int64 {
				return map[string]int64{"spilled": s.SpilledTransactions, "streamed": s.StreamedTransactions,
					"all": s.TotalTransactions}
			}),
		decoding("cdc_pipeline_decoding_times", "{time}", "How often it spilled and streamed them.",
			func(s *capturev1.SlotStatistics) map[string]int64 {
				return map[string]int64{"spilled": s.Spills, "streamed": s.Streams}
			}),
		decoding("cdc_pipeline_decoding_bytes", "By", "Bytes of them.", func(s *capturev1.SlotStatistics) map[string]int64 {
			return map[string]int64{"spilled": s.SpilledBytes, "streamed": s.StreamedBytes, "all": s.TotalBytes}
		}),
		decoding("cdc_pipeline_decoding_reset_timestamp_seconds", "s",
			"Unix time when the server's statistics were reset; 0 if never.",
			func(s *capturev1.SlotStatistics) map[string]int64 {
				return map[string]int64{"all": s.GetResetTime().GetSeconds()}
			}),
		slot("cdc_pipeline_slot_missing", "", "1 if the server has no such slot.",
			func(s *capturev1.Slot) int64 { return one(s.Missing) }),
		snapshot("cdc_pipeline_snapshot_rows", "{row}", "Rows that the snapshot of a table has read.",
			(*capturev1.TableSnapshot).GetRowsDone),
		snapshot("cdc_pipeline_snapshot_rows_estimated", "{row}",
			"Rows that the table has by PostgreSQL's estimate; -1 if unknown.", (*capturev1.TableSnapshot).GetRowsEstimated),
		snapshot("cdc_pipeline_snapshot_ranges", "{range}", "Ranges of the table that are read.",
			func(t *capturev1.TableSnapshot) int64 { return int64(t.RangesDone) }),
		snapshot("cdc_pipeline_snapshot_ranges_expected", "{range}", "Ranges that the table is divided into.",
			func(t *capturev1.TableSnapshot) int64 { return int64(t.RangesTotal) }),
		snapshot("cdc_pipeline_snapshot_completed", "", "1 if the table is read.",
			func(t *capturev1.TableSnapshot) int64 { return one(t.Completed) }),
	}
}

// decoding makes a gauge of what decoding has cost the server, by how the transactions were
// handled.
func decoding(name, unit, help string, numbers func(*capturev1.SlotStatistics) map[string]int64) gauge {
	return gauge{name, unit, help, func(p *adminv1.Pipeline, emit emitter) {
		if s := p.Capture.GetSlot().GetStatistics(); s != nil {
			for how, n := range numbers(s) {
				emit.number(n, attribute.String("how", how))
			}
		}
	}}
}

func one(is bool) int64 {
	if is {
		return 1
	}
	return 0
}
