package stream

import (
	"context"
	"fmt"
	"log/slog"
	"time"

	"github.com/calypso-cdc/calypso/libs/debezium"
	"github.com/calypso-cdc/calypso/services/capture/internal/buffer"
	"github.com/calypso-cdc/calypso/services/capture/internal/connections"
	"github.com/calypso-cdc/calypso/services/capture/internal/spec"
	"github.com/calypso-cdc/calypso/services/capture/internal/status"
)

// Heartbeats writes a heartbeat and runs heartbeat.action.query every heartbeat.interval.ms.
type Heartbeats struct {
	Spec        spec.Heartbeat
	Buffer      *buffer.Buffer
	Connections *connections.Set
	// Status is told whether the query succeeded.
	Status status.Observer
	Log    *slog.Logger
}

// Run writes them until ctx ends.
func (h Heartbeats) Run(ctx context.Context, events *debezium.Config) error {
	if h.Spec.Interval <= 0 {
		return nil
	}
	encoder := debezium.NewHeartbeatEncoder(events)
	tick := time.NewTicker(h.Spec.Interval)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case now := <-tick.C:
			if err := h.write(encoder, now); err != nil {
				return err
			}
			h.query(ctx)
		}
	}
}

// write puts a heartbeat record into the open batch. The buffer's lock orders it with the reader's records; within a
// transaction it is left to the next tick, so that it never becomes part of one.
func (h Heartbeats) write(encoder *debezium.HeartbeatEncoder, now time.Time) error {
	b := h.Buffer.Fill()
	defer h.Buffer.Unlock()
	if b == nil || !b.Whole {
		return nil
	}
	if err := encoder.Append(&b.Events, now.UnixNano()); err != nil {
		return fmt.Errorf("write a heartbeat: %w", err)
	}
	return nil
}

// query runs heartbeat.action.query. If it fails, the stream goes on, as in Debezium.
func (h Heartbeats) query(ctx context.Context) {
	if h.Spec.Query == "" {
		return
	}
	conn, err := h.Connections.Dial(ctx, "run heartbeat.action.query")
	if err == nil {
		defer conn.Disconnect()
		_, err = conn.Exec(ctx, h.Spec.Query)
	}
	if ctx.Err() != nil {
		return
	}
	const remedy = "Correct the statement of heartbeat.action.query, or let the connector's role run it."
	h.Status.Observe(status.Worked{Work: status.HeartbeatQuery, Err: err, Remedy: remedy})
	if err != nil {
		h.Log.Error("heartbeat.action.query failed; the next heartbeat runs it again", "err", err, "remedy", remedy)
	}
}
