package capture

import (
	"context"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/metric"

	capturev1 "github.com/calypso-cdc/calypso/gen/calypso/capture/v1"
	"github.com/calypso-cdc/calypso/libs/contain"
)

// gauges are the metrics that are read from the board when they are collected. Counters among them begin anew with a
// connector's task.
type gauges struct {
	board *Board

	received, confirmed, lag       metric.Int64ObservableGauge
	inFlight, inFlightTransactions metric.Int64ObservableGauge
	retained, safe, active, status metric.Int64ObservableGauge
	ranges, tablesRemaining        metric.Int64ObservableGauge
	eventAge, behind               metric.Float64ObservableGauge
	walReceived, spilled           metric.Int64ObservableCounter
	waited                         metric.Float64ObservableCounter
}

// observe registers the gauges that show the board.
func (b *Board) observe(meter metric.Meter) error {
	g := &gauges{board: b}
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
		{&g.inFlightTransactions, "cdc_capture_inflight_transactions", "Transactions that were read to their commit and are not durable in Kafka yet."},
		{&g.retained, "cdc_capture_slot_retained_wal_bytes", "Bytes of log that the server keeps for the slot."},
		{&g.safe, "cdc_capture_slot_safe_wal_bytes", "Bytes that may be written before the slot is lost; -1 if unlimited."},
		{&g.active, "cdc_capture_slot_active", "1 if somebody reads the slot."},
		{&g.status, "cdc_capture_slot_wal_status", "1 for the state that the slot's log is in."},
		{&g.ranges, "cdc_capture_snapshot_ranges", "Ranges of pages of the tables of the initial snapshot, by table and state: done, or left to read."},
		{&g.tablesRemaining, "cdc_capture_snapshot_tables_remaining", "Tables that the initial snapshot has not read to their end (Debezium's RemainingTableCount)."},
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
	g.walReceived, err = meter.Int64ObservableCounter("cdc_capture_wal_received_bytes", metric.WithDescription("Bytes of the replication stream that came from the server."))
	note(g.walReceived, err)
	g.spilled, err = meter.Int64ObservableCounter("cdc_capture_spill_bytes",
		metric.WithDescription("Bytes of transactions that the server wrote to disk while it decoded them, since logical_decoding_work_mem was full (pg_stat_replication_slots, PostgreSQL 14)."))
	note(g.spilled, err)
	g.waited, err = meter.Float64ObservableCounter("cdc_capture_backpressure_seconds", metric.WithUnit("s"),
		metric.WithDescription("Time for which the stream was not read since Kafka had not taken what was read before."))
	note(g.waited, err)
	if failed != nil {
		return failed
	}
	_, err = meter.RegisterCallback(func(ctx context.Context, o metric.Observer) error {
		return contain.Call("gauges of captures", func() error { return g.collect(ctx, o) })
	}, all...)
	return err
}

// collect shows all captures. Their servers are asked at the same time: one that does not answer holds up no other.
func (g *gauges) collect(ctx context.Context, o metric.Observer) error {
	entries := g.board.all()
	slots := make([]*capturev1.Slot, len(entries))
	var asked contain.Waiting
	for i, e := range entries {
		asked.Go("question for a slot", func() { slots[i] = e.withSlot(ctx).Slot }, e.notShown)
	}
	asked.Wait()
	for i, e := range entries {
		if e.spec.Slot.Name == "" { // a connector that polls
			continue
		}
		of := attribute.String("connector", e.name)
		g.showStream(o, e, of)
		g.showSnapshot(o, e, of)
		if s := slots[i]; s != nil && !s.Missing {
			g.showSlot(o, s, of)
		}
	}
	return nil
}

func (g *gauges) showStream(o metric.Observer, e *entry, connector attribute.KeyValue) {
	of := metric.WithAttributes(connector)
	e.mu.Lock()
	defer e.mu.Unlock()
	wal, waited := e.passed.wal, e.passed.waited
	if r := e.reader; r != nil {
		received, confirmed := r.conn.Received(), r.conn.Confirmed()
		o.ObserveInt64(g.received, int64(received), of)
		o.ObserveInt64(g.confirmed, int64(confirmed), of)
		o.ObserveInt64(g.lag, int64(received-min(received, confirmed)), of)
		load := r.stage.Load()
		o.ObserveInt64(g.inFlight, int64(load.Bytes), of)
		o.ObserveInt64(g.inFlightTransactions, int64(load.Transactions), of)
		wal, waited = wal+int64(r.conn.Bytes()), waited+load.Waited
	}
	o.ObserveInt64(g.walReceived, wal, of)
	o.ObserveFloat64(g.waited, waited.Seconds(), of)
	if !e.lastEvent.IsZero() {
		o.ObserveFloat64(g.eventAge, time.Since(e.lastEvent).Seconds(), of)
	}
	if e.state.CommitToKafka != nil {
		o.ObserveFloat64(g.behind, e.state.CommitToKafka.AsDuration().Seconds(), of)
	}
}

func (g *gauges) showSnapshot(o metric.Observer, e *entry, connector attribute.KeyValue) {
	e.mu.Lock()
	defer e.mu.Unlock()
	remaining := int64(0)
	for _, t := range e.state.Snapshots {
		if !t.Completed {
			remaining++
		}
		ranges := func(state string, n int32) {
			o.ObserveInt64(g.ranges, int64(n), metric.WithAttributes(connector, attribute.String("table", t.Table), attribute.String("state", state)))
		}
		ranges("done", t.RangesDone)
		ranges("left", t.RangesTotal-t.RangesDone)
	}
	o.ObserveInt64(g.tablesRemaining, remaining, metric.WithAttributes(connector))
}

func (g *gauges) showSlot(o metric.Observer, s *capturev1.Slot, connector attribute.KeyValue) {
	of := metric.WithAttributes(connector)
	o.ObserveInt64(g.retained, s.RetainedBytes, of)
	o.ObserveInt64(g.safe, s.SafeWalBytes, of)
	active := int64(0)
	if s.Active {
		active = 1
	}
	o.ObserveInt64(g.active, active, of)
	o.ObserveInt64(g.status, 1, metric.WithAttributes(connector, attribute.String("status", s.WalStatus)))
	if s.Statistics != nil {
		o.ObserveInt64(g.spilled, s.Statistics.SpilledBytes, of)
	}
}
