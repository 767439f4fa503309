package store_test

import (
	"database/sql/driver"
	"log/slog"
	"testing"

	"github.com/calypso-cdc/calypso/services/localadx/disk"
	"github.com/calypso-cdc/calypso/services/localadx/kql"
	"github.com/calypso-cdc/calypso/services/localadx/kql/value"
	"github.com/calypso-cdc/calypso/services/localadx/store"
)

func open(t testing.TB, dir string) *store.Store {
	t.Helper()
	s, err := store.Open(t.Context(), store.Options{Dir: dir, Disk: disk.NewGuard(dir, 0),
		Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	return s
}

// BenchmarkEnqueue measures one durable queue message after the other.
func BenchmarkEnqueue(b *testing.B) {
	s := open(b, b.TempDir())
	for b.Loop() {
		if _, err := s.Queues().Enqueue(b.Context(), "q", "a message"); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkIngestSmall measures ingestions of one row.
func BenchmarkIngestSmall(b *testing.B) {
	for name, load := range map[string]store.Load{"extent": {}, "streamed": {Streamed: true}} {
		b.Run(name, func(b *testing.B) {
			s := open(b, b.TempDir())
			if err := s.CreateDatabase(b.Context(), "d"); err != nil {
				b.Fatal(err)
			}
			err := s.ChangeDatabase(b.Context(), "d", func(c *store.Change) error {
				_, err := c.CreateTable("t", []kql.Column{{Name: "a", Type: value.Long}})
				return err
			})
			if err != nil {
				b.Fatal(err)
			}
			for b.Loop() {
				_, err := s.Ingest(b.Context(), "d", "t", load,
					func(in *store.Ingestion) error { return in.Append([]driver.Value{int64(1)}) })
				if err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
