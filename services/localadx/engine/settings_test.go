package engine_test

import (
	"context"
	"testing"

	"github.com/calypso-cdc/calypso/services/localadx/engine"
)

func TestAQueryThatNeedsMoreMemoryThanAllowedFails(t *testing.T) {
	h := newHarness(t)
	if err := engine.Configure(context.Background(), h.db, engine.Settings{MemoryBytes: 16 << 20, Threads: 1, TempDir: t.TempDir()}); err != nil {
		t.Fatal(err)
	}
	if _, _, err := h.query("range x from 1 to 1500000 step 1 | summarize make_list(x) | project array_length(list_x)"); err == nil {
		t.Error("no error")
	}
	if _, rows, err := h.query("print 1"); err != nil || len(rows) != 1 {
		t.Errorf("the next query gives %v, %v", rows, err)
	}
}
