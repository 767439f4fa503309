package engine_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/calypso-cdc/calypso/services/localadx/engine"
	"github.com/calypso-cdc/calypso/services/localadx/kql"
)

// Each of these would compute for hours. The functions hold memory while they do, which tells when
// they have begun and ended.
func TestGoFunctionsStopWhenTheirQueryEnds(t *testing.T) {
	for name, query := range map[string]string{
		"a long call":          "print x = range(1, 1000000) | project y = series_fir(array_concat(x, x), x)",
		"many calls":           "range i from 1 to 1000000000 step 1 | extend y = array_sort_asc(range(i, i + 5000)) | summarize sum(array_length(y))",
		"long calls in a set":  "range i from 1 to 100000 step 1 | extend x = range(i, i + 5000) | summarize make_set(array_sum(series_iir(x, x, x)))",
		"calls of a constant":  "range i from 1 to 1000000000 step 1 | summarize sum(array_length(series_fir(range(1, 1000000), range(1, 1000000))))",
		"calls of a predicate": "range i from 1 to 1000000000 step 1 | where array_length(set_union(range(i, i + 5000), range(1, 20000))) == 1",
	} {
		t.Run(name, func(t *testing.T) {
			h := newHarnessWithin(t, 4<<30)
			plan, err := kql.Compile(query, kql.Options{Database: "NetDefaultDB", Catalog: h.catalog})
			if err != nil {
				t.Fatal(err)
			}
			ctx, leave := context.WithCancel(t.Context())
			defer leave()
			ended := make(chan error, 1)
			go func() {
				_, err := h.engine.All(ctx, plan)
				ended <- err
			}()
			waitFor(t, "the functions compute", func() bool { return h.memory.Used() > 0 })
			leave()
			select {
			case err := <-ended:
				if !errors.Is(err, context.Canceled) {
					t.Errorf("the query ended with %v", err)
				}
			case <-time.After(patience):
				t.Fatal("the query goes on after its client left")
			}
			waitFor(t, "the functions end", func() bool { return h.memory.Used() == 0 })
			if _, rows, err := h.query("print array_length(range(1, 3))"); err != nil || len(rows) != 1 {
				t.Errorf("the next query gives %v, %v", rows, err)
			}
		})
	}
}

func TestTheNewestQueryIsEndedFirstAndWhatWritesLast(t *testing.T) {
	var running [3]context.Context
	for i, writes := range []bool{false, false, true} {
		run, end, err := engine.Begin(t.Context(), writes)
		if err != nil {
			t.Fatal(err)
		}
		defer end()
		running[i] = run
	}
	for _, next := range []int{1, 0, 2} {
		if running[next].Err() != nil {
			t.Fatalf("query %d was ended too early", next)
		}
		if !engine.EndNewest() || !engine.IsLowMemory(context.Cause(running[next])) {
			t.Fatalf("query %d was not ended", next)
		}
	}
	if engine.EndNewest() {
		t.Error("there was another to end")
	}
}

// patience is for a machine that does much else; nothing here takes as long.
const patience = 2 * time.Minute

func waitFor(t *testing.T, what string, done func() bool) {
	t.Helper()
	for end := time.Now().Add(patience); !done(); time.Sleep(time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("%s: not within %s", what, patience)
		}
	}
}
