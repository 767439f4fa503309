package capture

import (
	"context"
	"fmt"
	"time"
)

// beat writes heartbeats and runs heartbeat.action.query, as often as heartbeat.interval.ms says.
func (s *session) beat(ctx context.Context, r *reader) error {
	if s.settings.heartbeat <= 0 {
		return nil
	}
	tick := time.NewTicker(s.settings.heartbeat)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case now := <-tick.C:
			if err := r.heartbeat(now); err != nil {
				return err
			}
			if err := s.heartbeatQuery(ctx); err != nil {
				return err
			}
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

func (s *session) heartbeatQuery(ctx context.Context) error {
	if s.settings.heartbeatQuery == "" {
		return nil
	}
	conn, err := s.settings.connection.Connect(ctx)
	if err != nil {
		return err
	}
	defer conn.Close(context.WithoutCancel(ctx))
	if _, err := conn.Exec(ctx, s.settings.heartbeatQuery); err != nil && ctx.Err() == nil {
		return fmt.Errorf("run heartbeat.action.query: %w", err)
	}
	return nil
}
