package command

import (
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/calypso-cdc/calypso/services/localadx/disk"
	"github.com/calypso-cdc/calypso/services/localadx/query"
	"github.com/calypso-cdc/calypso/services/localadx/source"
	"github.com/calypso-cdc/calypso/services/localadx/store"
)

func TestRetentionDropsOldExtentsAndOldTags(t *testing.T) {
	dir := t.TempDir()
	s, err := store.Open(t.Context(), store.Options{Dir: dir, Disk: disk.NewGuard(dir, 0),
		Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	if err := s.CreateDatabase(t.Context(), "d"); err != nil {
		t.Fatal(err)
	}
	x := New(Config{Store: s, Query: &query.Runner{Store: s}, Loader: &source.Loader{Store: s}, Journal: &Journal{}})
	run := func(text string) *Result {
		t.Helper()
		r, err := x.Run(t.Context(), Request{Database: "d", Statement: text})
		if err != nil {
			t.Fatalf("%s: %v", text, err)
		}
		return r
	}
	run(".create table T (a: string)")
	run(".alter table T policy retention softdelete = 10d")
	run(`.alter table T policy extent_tags_retention '[{"TagPrefix":"ingest-by:","RetentionPeriod":"3.00:00:00"}]'`)
	run(`.ingest inline into table T with (creationTime='2026-01-01', tags='["ingest-by:old"]') <| old`)
	run(`.ingest inline into table T with (creationTime='2026-01-09', tags='["ingest-by:new","drop-by:x"]') <| new`)
	for _, step := range []struct {
		day  int
		tags string
	}{{3, "ingest-by:old;ingest-by:new,drop-by:x"}, {10, ";ingest-by:new,drop-by:x"}, {11, "ingest-by:new,drop-by:x"},
		{13, "drop-by:x"}, {20, ""}} {
		if err := x.ApplyRetention(t.Context(), time.Date(2026, 1, step.day, 1, 0, 0, 0, time.UTC)); err != nil {
			t.Fatal(err)
		}
		var extents []string
		for _, row := range run(".show table T extents").Rows {
			extents = append(extents, strings.ReplaceAll(row[13].(string), "\r\n", ","))
		}
		if got := strings.Join(extents, ";"); got != step.tags {
			t.Errorf("on day %d the extents are %q, want %q", step.day, got, step.tags)
		}
	}
	// The tag is gone, so it does not keep rows out any more.
	run(`.ingest inline into table T with (tags='["ingest-by:new"]', ingestIfNotExists='["new"]') <| again`)
	if got := len(run(".show table T extents").Rows); got != 1 {
		t.Errorf("there are %d extents, want 1", got)
	}
}
