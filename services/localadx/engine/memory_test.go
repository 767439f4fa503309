package engine_test

import "testing"

func TestAQueryThatNeedsMoreMemoryThanAllowedFails(t *testing.T) {
	h := newHarness(t)
	for _, setting := range []string{"memory_limit = '16MB'", "threads = 1", "temp_directory = '" + t.TempDir() + "'"} {
		if _, err := h.db.Exec("SET GLOBAL " + setting); err != nil {
			t.Fatal(err)
		}
	}
	if _, _, err := h.query(
		"range x from 1 to 1500000 step 1 | summarize make_list(x) | project array_length(list_x)"); err == nil {
		t.Error("no error")
	}
	if _, rows, err := h.query("print 1"); err != nil || len(rows) != 1 {
		t.Errorf("the next query gives %v, %v", rows, err)
	}
}
