package capture

import (
	"context"
	"fmt"
	"time"
)

// beat writes heartbeats and runs heartbeat.action.query, as often as heartbeat.interval.ms says.
func (s *session) beat(ctx context.Context, r *reader) error {
	if s.spec.Heartbeat.Interval <= 0 {
		return nil
	}
	tick := time.NewTicker(s.spec.Heartbeat.Interval)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case now := <-tick.C:
			if err := r.heartbeat(now); err != nil {
				return err
			}
			s.heartbeatQuery(ctx)
		}
	}
}

// heartbeat puts a heartbeat record into the open batch. The stage's lock orders it with the reader's records; amid a
// transaction it is left to the next tick, so that it never becomes part of one.
func (r *reader) heartbeat(now time.Time) error {
	b := r.stage.fill()
	defer r.stage.unlock()
	if b == nil || !b.whole {
		return nil
	}
	if err := r.beats.AppendHeartbeat(&b.Batch, now.UnixNano()); err != nil {
		return fmt.Errorf("write a heartbeat: %w", err)
	}
	return nil
}

// heartbeatQuery runs heartbeat.action.query. As with Debezium the stream goes on where it fails.
func (s *session) heartbeatQuery(ctx context.Context) {
	if s.spec.Heartbeat.Query == "" {
		return
	}
	conn, err := s.dial(ctx, "run heartbeat.action.query")
	if err == nil {
		defer conn.hangUp()
		_, err = conn.Exec(ctx, s.spec.Heartbeat.Query)
	}
	if err != nil && ctx.Err() == nil {
		s.env.Logger.Error("heartbeat.action.query failed; the next heartbeat runs it again", "error", err, "remedy", "Correct the statement, or let the connector's role run it.")
	}
}
