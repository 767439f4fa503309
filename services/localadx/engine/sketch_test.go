package engine_test

import (
	"strings"
	"testing"
)

func TestSketchesOfFewValuesAreExact(t *testing.T) {
	newHarness(t).expect(t, []queryCase{
		{"people | summarize h = hll(age) | project dcount_hll(h)", `[[2]]`},
		{"people | summarize h = hll(city), g = hll_if(city, age == 30) | project dcount_hll(h), dcount_hll(g)", `[[3,1]]`},
		{"people | summarize h = hll(name) by city | summarize m = hll_merge(h) | project dcount_hll(m)", `[[4]]`},
		{"people | summarize a = hll(age), n = hll(name) | project dcount_hll(hll_merge(a, n, a))", `[[6]]`},
		{"people | where false | summarize h = hll(age), d = tdigest(age) | project dcount_hll(h), percentile_tdigest(d, 50)",
			`[[0,null]]`},
		{"range x from 1 to 100 step 1 | summarize d = tdigest(x), p = percentile(x, 33) | project percentile_tdigest(d, 33, typeof(long)) == p, percentiles_array_tdigest(d, 0, 50, 99.5)", `[[true,[1,50,100]]]`},
		{"people | summarize d = tdigest(joined) | project percentile_tdigest(d, 50, typeof(datetime)), percentile_tdigest(d, 1)", `[["2020-01-06T12:00:00Z","2020-01-05T00:00:00.0000000Z"]]`},
		{"people | summarize d = tdigest(age) by city | summarize m = tdigest_merge(d) | project percentile_tdigest(m, 34, typeof(long))", `[[30]]`},
		{"datatable(v:real, w:long)[1.5, 10, 5.0, 1, real(null), 100] | summarize d = tdigest(v, w) | project percentiles_array_tdigest(d, dynamic([90, 95]))", `[[[1.5,5]]]`},
		{"datatable(v:long)[9007199254740993, 9007199254740992] | summarize d = tdigest(v) | project percentile_tdigest(d, 100, typeof(long)) == 9007199254740993", `[[true]]`},
	})
}

func TestSketchesOfManyValuesAreCloseAndBounded(t *testing.T) {
	newHarness(t).expect(t, []queryCase{
		{"range x from 1 to 200000 step 1 | summarize h = hll(x) | project abs(dcount_hll(h) - 200000) < 6000, array_length(h[2])", `[[true,16384]]`},
		{"range x from 1 to 200000 step 1 | summarize h = hll(x) by x % 3 | summarize m = hll_merge(h) | project abs(dcount_hll(m) - 200000) < 6000", `[[true]]`},
		{"range x from 1 to 200000 step 1 | summarize d = tdigest(x * 0.5) | project abs(percentile_tdigest(d, 90, typeof(real)) - 90000) < 200, array_length(d[1]) < 20000", `[[true,true]]`},
	})
}

func TestAValueThatIsNoSketchIsAnError(t *testing.T) {
	h := newHarness(t)
	for _, query := range []string{"print dcount_hll(dynamic([1]))", "print dcount_hll(dynamic([[1024,99],[],[]]))",
		"print percentile_tdigest(dynamic({}), 5)",
		"print percentile_tdigest(dynamic([[7,'long'],['x'],[1]]), 5)"} {
		if _, _, err := h.query(query); err == nil || !strings.Contains(err.Error(), "is not the result of") {
			t.Errorf("%s: %v", query, err)
		}
	}
}
