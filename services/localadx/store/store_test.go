package store_test

import (
	"context"
	"database/sql/driver"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/calypso-cdc/calypso/services/localadx/azstorage"
	"github.com/calypso-cdc/calypso/services/localadx/kql"
	"github.com/calypso-cdc/calypso/services/localadx/kql/value"
	"github.com/calypso-cdc/calypso/services/localadx/store"
)

// withTable opens a store with table t (a: long) in database d.
func withTable(t testing.TB, dir string) *store.Store {
	t.Helper()
	s := open(t, dir)
	if err := s.CreateDatabase(t.Context(), "d"); err != nil {
		t.Fatal(err)
	}
	err := s.ChangeDatabase(t.Context(), "d", func(c *store.Change) error {
		_, err := c.CreateTable("t", []kql.Column{{Name: "a", Type: value.Long}})
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func oneRow(in *store.Ingestion) error { return in.Append([]driver.Value{int64(1)}) }

func rows(t testing.TB, s *store.Store) int64 {
	t.Helper()
	statistics, err := s.Statistics(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	var total int64
	for _, table := range statistics {
		total += table.Rows
	}
	return total
}

func TestOnlyOneOfManyIngestionsWithOneTagAddsRows(t *testing.T) {
	s := withTable(t, t.TempDir())
	load := store.Load{Tags: []string{"ingest-by:x"}, IfNotExists: []string{"x"}}
	var added, skipped atomic.Int32
	var work sync.WaitGroup
	for range 8 {
		work.Go(func() {
			switch _, err := s.Ingest(context.Background(), "d", "t", load, oneRow); {
			case err == nil:
				added.Add(1)
			case errors.Is(err, store.ErrTagExists):
				skipped.Add(1)
			default:
				t.Error(err)
			}
		})
	}
	work.Wait()
	if added.Load() != 1 || skipped.Load() != 7 || rows(t, s) != 1 {
		t.Errorf("%d ingestions added rows and %d were left out; there are %d rows", added.Load(), skipped.Load(), rows(t, s))
	}
}

func TestAnIngestionThatFailsLeavesNothing(t *testing.T) {
	s := withTable(t, t.TempDir())
	id, err := s.Queues().Enqueue(t.Context(), "q", "m")
	if err != nil {
		t.Fatal(err)
	}
	broken := errors.New("broken")
	_, err = s.Ingest(t.Context(), "d", "t", store.Load{Tags: []string{"ingest-by:x"}}, func(in *store.Ingestion) error {
		for range 5000 {
			if err := oneRow(in); err != nil {
				return err
			}
		}
		if err := in.Settle(store.Settlement{Messages: []string{id}}); err != nil {
			return err
		}
		return broken
	})
	if !errors.Is(err, broken) {
		t.Errorf("the error is %v", err)
	}
	left, err := s.Queues().Peek(t.Context(), "q", 10)
	if err != nil {
		t.Fatal(err)
	}
	if rows(t, s) != 0 || len(left) != 1 || s.HasTag("d", "t", []string{"x"}) {
		t.Errorf("there are %d rows and %d messages, the tag is there: %t", rows(t, s), len(left),
			s.HasTag("d", "t", []string{"x"}))
	}
}

func TestRowsAndSettlementCommitTogether(t *testing.T) {
	s := withTable(t, t.TempDir())
	id, err := s.Queues().Enqueue(t.Context(), "q", "m")
	if err != nil {
		t.Fatal(err)
	}
	extent, err := s.Ingest(t.Context(), "d", "t", store.Load{}, func(in *store.Ingestion) error {
		if err := oneRow(in); err != nil {
			return err
		}
		return in.Settle(store.Settlement{
			Messages: []string{id},
			Statuses: []store.StatusUpdate{{Table: "s", PartitionKey: "p", RowKey: "r", Body: []byte(`{"Status":"Succeeded"}`)}},
			Reports:  []store.Report{{Queue: "ok", Text: "report"}},
		})
	})
	if err != nil || extent.Rows != 1 {
		t.Fatal(extent, err)
	}
	queue, err := s.Queues().Peek(t.Context(), "q", 10)
	if err != nil {
		t.Fatal(err)
	}
	reports, err := s.Queues().Peek(t.Context(), "ok", 10)
	if err != nil {
		t.Fatal(err)
	}
	status, err := s.Entities().Entity(t.Context(), "s", "p", "r")
	if err != nil || len(queue) != 0 || len(reports) != 1 || string(status) != `{"Status":"Succeeded"}` {
		t.Errorf("messages %v, reports %v, status %s, %v", queue, reports, status, err)
	}
}

func TestStreamedRowsShareAnExtent(t *testing.T) {
	s := withTable(t, t.TempDir())
	for range 5 {
		if _, err := s.Ingest(t.Context(), "d", "t", store.Load{Streamed: true}, oneRow); err != nil {
			t.Fatal(err)
		}
	}
	statistics, err := s.Statistics(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for _, table := range statistics {
		if table.Extents != 1 || table.Rows != 5 {
			t.Errorf("there are %d extents with %d rows", table.Extents, table.Rows)
		}
	}
}

func TestAChangeThatFailsChangesNothing(t *testing.T) {
	s := withTable(t, t.TempDir())
	before := s.Catalog()
	err := s.ChangeDatabase(t.Context(), "d", func(c *store.Change) error {
		if _, err := c.CreateTable("u", []kql.Column{{Name: "a", Type: value.Long}}); err != nil {
			return err
		}
		return c.DropTable("nope")
	})
	var missing *store.NotFoundError
	if !errors.As(err, &missing) || s.Catalog() != before {
		t.Errorf("the error is %v", err)
	}
	// The name is free in DuckDB too.
	err = s.ChangeDatabase(t.Context(), "d", func(c *store.Change) error {
		_, err := c.CreateTable("u", []kql.Column{{Name: "a", Type: value.Long}})
		return err
	})
	if err != nil {
		t.Error(err)
	}
}

func TestEntitiesMerge(t *testing.T) {
	s := withTable(t, t.TempDir())
	if _, err := s.Entities().Entity(t.Context(), "s", "p", "r"); !errors.Is(err, azstorage.ErrEntityNotFound) {
		t.Error(err)
	}
	if err := s.Entities().InsertEntity(t.Context(), "s", "p", "r", []byte(`{"a":1,"b":2}`)); err != nil {
		t.Fatal(err)
	}
	if err := s.Entities().InsertEntity(t.Context(), "s", "p", "r", []byte(`{}`)); !errors.Is(err,
		azstorage.ErrEntityExists) {
		t.Error(err)
	}
	if err := s.Entities().MergeEntity(t.Context(), "s", "p", "r", []byte(`{"b":3}`)); err != nil {
		t.Fatal(err)
	}
	if got, err := s.Entities().Entity(t.Context(), "s", "p", "r"); err != nil ||
		fmt.Sprint(string(got)) != `{"a":1,"b":3}` {
		t.Errorf("%s, %v", got, err)
	}
}
