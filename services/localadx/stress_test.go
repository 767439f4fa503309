package localadx_test

import (
	"fmt"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// TestIngestionQueriesAndSchemaChangesRunSideBySide lets everything run at once: nothing may fail, and every query sees
// whole ingestions only.
func TestIngestionQueriesAndSchemaChangesRunSideBySide(t *testing.T) {
	r := start(t, t.TempDir())
	const tables, batch = 3, 40
	for i := range tables {
		r.command(fmt.Sprintf(".create table T%d (id: long, name: string)", i))
		r.command(fmt.Sprintf(".alter table T%d policy streamingingestion enable", i))
	}
	text := strings.Repeat("{\"id\":1,\"name\":\"x\"}\n", batch)
	var sent [tables]atomic.Int64
	stop := time.Now().Add(2 * time.Second)
	var work sync.WaitGroup
	forAWhile := func(step func(n int)) {
		work.Go(func() {
			for n := 0; time.Now().Before(stop) && !t.Failed(); n++ {
				step(n)
			}
		})
	}
	for i := range tables {
		forAWhile(func(int) {
			if status, body := r.post(fmt.Sprintf("/v1/rest/ingest/shop/T%d?streamFormat=json", i),
				text); status != http.StatusOK {
				t.Errorf("streaming into T%d: %d %s", i, status, body)
				return
			}
			sent[i].Add(batch)
		})
		forAWhile(func(int) {
			url := r.upload(fmt.Sprintf("%d-%d.json", i, time.Now().UnixNano()), []byte(text))
			r.enqueueInto(fmt.Sprintf("T%d", i), url, map[string]any{"format": "json"})
			sent[i].Add(batch)
		})
		forAWhile(func(int) {
			if status, a := r.send("/v1/rest/query", "shop", fmt.Sprintf("T%d | count", i)); status != http.StatusOK {
				t.Errorf("querying T%d: %d %+v", i, status, a.Error)
			} else if count := int(a.Tables[0].Rows[0][0].(float64)); count%batch != 0 {
				t.Errorf("a query saw %d rows: part of an ingestion", count)
			}
		})
	}
	forAWhile(func(n int) {
		if status, a := r.send("/v1/rest/mgmt", "shop", fmt.Sprintf(".alter-merge table T0 (c%d: long)",
			n%5)); status != http.StatusOK {
			t.Errorf("changing a table: %d %+v", status, a.Error)
		}
		if status, a := r.send("/v1/rest/mgmt", "shop", fmt.Sprintf(".create table Passing%d (a: long)",
			n)); status != http.StatusOK {
			t.Errorf("making a table: %d %+v", status, a.Error)
		}
		if status, a := r.send("/v1/rest/mgmt", "shop", fmt.Sprintf(".drop table Passing%d", n)); status != http.StatusOK {
			t.Errorf("dropping a table: %d %+v", status, a.Error)
		}
	})
	work.Wait()
	for i := range tables {
		r.eventually("everything arrives", func() bool { return int64(r.rows(fmt.Sprintf("T%d", i))) == sent[i].Load() })
		if got := r.query(fmt.Sprintf("T%d | count", i))[0][0].(float64); int64(got) != sent[i].Load() {
			t.Errorf("T%d holds %v rows, and its extents say %d", i, got, sent[i].Load())
		}
	}
	t.Logf("rows: %d %d %d", sent[0].Load(), sent[1].Load(), sent[2].Load())
}
