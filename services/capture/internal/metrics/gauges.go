package metrics

import (
	"context"
	"log/slog"
	"slices"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/metric"

	"github.com/calypso-cdc/calypso/libs/contain"
	"github.com/calypso-cdc/calypso/services/capture/internal/slot"
	"github.com/calypso-cdc/calypso/services/capture/internal/status"
)

// gauges are the metrics that are read from the registry when they are collected. Counters among them start over with a
// connector's task.
type gauges struct {
	registry *status.Registry

	received, confirmed, lag       metric.Int64ObservableGauge
	inFlight, inFlightTransactions metric.Int64ObservableGauge
	retained, safe, active, status metric.Int64ObservableGauge
	ranges, tablesRemaining        metric.Int64ObservableGauge
	eventAge, behind               metric.Float64ObservableGauge
	walReceived, spilled           metric.Int64ObservableCounter
	waited                         metric.Float64ObservableCounter
}

// registerGauges registers the gauges that show the registry.
func registerGauges(meter metric.Meter, registry *status.Registry) error {
	g := &gauges{registry: registry}
	var all []metric.Observable
	var failed error
	for _, one := range []struct {
		into       *metric.Int64ObservableGauge
		name, help string
	}{
		{&g.received, "cdc_capture_received_lsn", "End of the server's log as last heard."},
		{&g.confirmed, "cdc_capture_confirmed_lsn", "Position confirmed to the server."},
		{&g.lag, "cdc_capture_slot_lag_bytes", "Bytes of log between the last heard end and the confirmed position."},
		{&g.inFlight, "cdc_capture_inflight_bytes", "Encoded events that are not durable in Kafka yet."},
		{&g.inFlightTransactions, "cdc_capture_inflight_transactions",
			"Transactions that were read to their commit and are not durable in Kafka yet."},
		{&g.retained, "cdc_capture_slot_retained_wal_bytes", "Bytes of log that the server keeps for the slot."},
		{&g.safe, "cdc_capture_slot_safe_wal_bytes", "Bytes that may be written before the slot is lost; -1 if unlimited."},
		{&g.active, "cdc_capture_slot_active", "1 if somebody reads the slot."},
		{&g.status, "cdc_capture_slot_wal_status", "1 for the state that the slot's log is in."},
		{&g.ranges, "cdc_capture_snapshot_ranges",
			"Ranges of pages of the tables of the initial snapshot, by table and state: done, or left to read."},
		{&g.tablesRemaining, "cdc_capture_snapshot_tables_remaining",
			"Tables that the initial snapshot has not read to their end (Debezium's RemainingTableCount)."},
	} {
		var err error
		if *one.into, err = meter.Int64ObservableGauge(one.name, metric.WithDescription(one.help)); err != nil {
			failed = err
		}
		all = append(all, *one.into)
	}
	note := func(o metric.Observable, err error) {
		if err != nil {
			failed = err
		}
		all = append(all, o)
	}
	var err error
	g.eventAge, err = meter.Float64ObservableGauge("cdc_capture_last_event_age_seconds", metric.WithUnit("s"),
		metric.WithDescription("Time since events were last durable in Kafka (Debezium's MilliSecondsSinceLastEvent)."))
	note(g.eventAge, err)
	g.behind, err = meter.Float64ObservableGauge("cdc_capture_behind_source_seconds", metric.WithUnit("s"),
		metric.WithDescription("Age of the last change when it was durable in Kafka (Debezium's MilliSecondsBehindSource)."))
	note(g.behind, err)
	g.walReceived, err = meter.Int64ObservableCounter("cdc_capture_wal_received_bytes",
		metric.WithDescription("Bytes of the replication stream that came from the server."))
	note(g.walReceived, err)
	g.spilled, err = meter.Int64ObservableCounter("cdc_capture_spill_bytes",
		metric.WithDescription(
			"Bytes of transactions that the server wrote to disk while it decoded them, because logical_decoding_work_mem was full (pg_stat_replication_slots, PostgreSQL 14)."))
	note(g.spilled, err)
	g.waited, err = meter.Float64ObservableCounter("cdc_capture_backpressure_seconds", metric.WithUnit("s"),
		metric.WithDescription("Time for which the stream was not read, because Kafka had not yet taken what was read before."))
	note(g.waited, err)
	if failed != nil {
		return failed
	}
	_, err = meter.RegisterCallback(func(ctx context.Context, o metric.Observer) error {
		return contain.Call("gauges of captures", func() error { return g.collect(ctx, o) })
	}, all...)
	return err
}

// collect observes all captures. Their servers are asked at the same time, so that one that does
// not answer delays no other.
func (g *gauges) collect(ctx context.Context, o metric.Observer) error {
	all := slices.DeleteFunc(g.registry.All(), func(c *status.Capture) bool { return !c.HasSlot() })
	seen := make([]*slot.Seen, len(all))
	var asked contain.Waiting
	for i, c := range all {
		asked.Go("question for a slot", func() { seen[i], _ = c.Slot(ctx) }, func(err error) {
			slog.Error("the slot of a capture could not be looked at", "connector", c.Name(), "err", err)
		})
	}
	asked.Wait()
	for i, c := range all {
		of := attribute.String("connector", c.Name())
		state := c.State()
		g.showStream(o, &state, metric.WithAttributes(of))
		g.showSnapshot(o, &state, of)
		if s := seen[i]; s != nil && s.State != nil {
			g.showSlot(o, s, of)
		}
	}
	return nil
}

func (g *gauges) showStream(o metric.Observer, s *status.State, of metric.MeasurementOption) {
	if n := s.Stream; n != nil {
		o.ObserveInt64(g.received, int64(n.Received), of)
		o.ObserveInt64(g.confirmed, int64(n.Confirmed), of)
		o.ObserveInt64(g.lag, int64(n.Received-min(n.Received, n.Confirmed)), of)
		o.ObserveInt64(g.inFlight, int64(n.Bytes), of)
		o.ObserveInt64(g.inFlightTransactions, int64(n.Transactions), of)
	}
	o.ObserveInt64(g.walReceived, s.WALBytes, of)
	o.ObserveFloat64(g.waited, s.Waited.Seconds(), of)
	if !s.LastEvent.IsZero() {
		o.ObserveFloat64(g.eventAge, time.Since(s.LastEvent).Seconds(), of)
	}
	if s.Age != nil {
		o.ObserveFloat64(g.behind, s.Age.Seconds(), of)
	}
}

func (g *gauges) showSnapshot(o metric.Observer, s *status.State, connector attribute.KeyValue) {
	remaining := int64(0)
	for _, t := range s.Snapshots {
		if !t.Completed {
			remaining++
		}
		ranges := func(state string, n int) {
			o.ObserveInt64(g.ranges, int64(n), metric.WithAttributes(connector, attribute.String("table", t.Table),
				attribute.String("state", state)))
		}
		ranges("done", t.Done)
		ranges("left", t.Ranges-t.Done)
	}
	o.ObserveInt64(g.tablesRemaining, remaining, metric.WithAttributes(connector))
}

func (g *gauges) showSlot(o metric.Observer, s *slot.Seen, connector attribute.KeyValue) {
	of := metric.WithAttributes(connector)
	o.ObserveInt64(g.retained, s.State.Retained, of)
	o.ObserveInt64(g.safe, s.State.SafeWAL, of)
	active := int64(0)
	if s.State.Active {
		active = 1
	}
	o.ObserveInt64(g.active, active, of)
	o.ObserveInt64(g.status, 1, metric.WithAttributes(connector, attribute.String("status", s.State.WALStatus)))
	if s.Statistics != nil {
		o.ObserveInt64(g.spilled, s.Statistics.SpilledBytes, of)
	}
}
