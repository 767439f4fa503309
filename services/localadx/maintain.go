package localadx

import (
	"context"
	"time"

	"github.com/calypso-cdc/calypso/libs/contain"
)

// maintenanceInterval is how often retention is applied and old reports are removed.
const maintenanceInterval = time.Minute

// abandonedBlob is the age at which a blob that nobody asked to ingest is removed.
const abandonedBlob = signatureLife

// maintain keeps the database in order until ctx ends.
func (s *Server) maintain(ctx context.Context) error {
	ticker := time.NewTicker(maintenanceInterval)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-ticker.C:
			s.tidy(ctx)
		}
	}
}

// tidy applies retention policies and removes what is out of date. Failures are logged, and so are panics,
// which stored data may cause at each start: the next round tries again.
func (s *Server) tidy(ctx context.Context) {
	for what, step := range map[string]func() error{
		"apply retention policies": func() error { return s.commands.ApplyRetention(ctx, time.Now()) },
		"remove old reports":       func() error { return s.store.Forget(ctx) },
		"remove abandoned blobs":   func() error { return s.blobs.DeleteOlderThan(time.Now().Add(-abandonedBlob)) },
	} {
		if err := contain.Call(what, step); err != nil && ctx.Err() == nil {
			s.config.Log.Error("maintenance", "step", what, "err", err)
		}
	}
}
