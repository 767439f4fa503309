package localadx_test

import (
	"bytes"
	"fmt"
	"net/http"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/calypso-cdc/calypso/libs/testenv"
)

// aWhile is for a machine that does much else.
const aWhile = 5 * time.Minute

// Whatever is asked, the process stays within its memory limit and 512 MB beside that: what queries
// take until they notice that they are ended, which is the more the faster the machine is.
func TestTheMemoryOfTheProcessIsBoundedWhateverIsAsked(t *testing.T) {
	if testenv.RaceDetector {
		t.Skip("the race detector takes several times the memory: make memory")
	}
	const beside = 512
	double := strings.Repeat(" | extend a = strcat(a, a)", 22)
	tests := map[string]func(*child){"large bodies": func(c *child) {
		body := gzipped(t, bytes.Repeat([]byte(" "), 100<<20))
		var all sync.WaitGroup
		for range 12 {
			all.Go(func() { c.post("/v1/rest/mgmt", string(body), "Content-Encoding", "gzip") })
		}
		all.Wait()
	}, "remembered commands": func(c *child) {
		for range 12 {
			c.send("/v1/rest/mgmt", "shop", ".show "+strings.Repeat("x ", 20<<20))
		}
	}}
	for name, query := range map[string]string{
		"a set":         "range x from 1 to 3000000 step 1 | summarize make_set(tostring(x))",
		"a large set":   "range x from 1 to 12000000 step 1 | summarize s = make_set(tostring(x)) | project array_length(s)",
		"a large list":  "range x from 1 to 12000000 step 1 | summarize l = make_list(tostring(x)) | project array_length(l)",
		"sets":          "range x from 1 to 12000000 step 1 | summarize s = make_set(tostring(x)) by x % 10 | summarize sum(array_length(s))",
		"a set of many": "range x from 1 to 12000000 step 1 | summarize count(), make_set(tostring(x))",
		"a list":        "range x from 1 to 5000000 step 1 | summarize l = make_list(tostring(x)) | project array_length(l)",
		"a bag":         "range x from 1 to 3000000 step 1 | summarize make_bag(bag_pack(tostring(x), x))",
		"a schema":      "range x from 1 to 3000000 step 1 | summarize buildschema(bag_pack('a', x))",
		"percentiles":   "range x from 1 to 30000000 step 1 | summarize percentiles(x, 1, 2, 3, 4, 5, 6, 7, 8, 9)",
		"weights":       "range x from 1 to 5000000 step 1 | summarize percentilesw(x, x, 50)",
		"series":        "range x from 1 to 1000000 step 1 | make-series count() on x from 0 to 1000000 step 1 by x % 1000",
		"windows":       "range x from 1 to 1000000 step 1 | extend t = datetime(2020-01-01) + x * 1s | evaluate sliding_window_counts(x, t, datetime(2000-01-01), datetime(2021-01-01), 3650d, 1s)",
		"repeated":      "print array_length(repeat(strcat_array(range(1, 100000), ','), 1000000))",
		"joined":        "print strlen(strcat_array(range(1, 1000000), strcat_array(range(1, 10000), ',')))",
		"replaced":      "print a = 'abcd'" + double + " | extend b = replace_string(a, 'a', a) | project strlen(b)",
		"by a pattern": "print a = 'abcd'" + double +
			` | extend b = replace_regex(a, '.', strcat_array(range(1, 100000), '\\0')) | project strlen(b)`,
		"repeated texts": "print a = 'abcd'" + double + " | project strlen(strrep(a, 1024))",
	} {
		tests[name] = func(c *child) { c.send("/v1/rest/query", "shop", query) }
	}
	for name, attack := range tests {
		t.Run(name, func(t *testing.T) { boundedChild(t, 128, beside, attack) })
	}
	t.Run("with more memory", func(t *testing.T) { testLargerMemory(t, beside) })
}

// testLargerMemory asks a process of a larger limit for what fills it in one or many ways: what
// takes long to notice that it is ended, has taken the more by then.
func testLargerMemory(t *testing.T, beside int) {
	rows := func(n int) string {
		return fmt.Sprintf("range x from 1 to %d step 1 | extend s = strcat('a text of row ', x) ", n)
	}
	sets := rows(20_000_000) + "| summarize s = make_set(s) by x % 3 | project array_length(s)"
	for name, queries := range map[string][]string{
		"several aggregates at once": {rows(20_000_000) + "| summarize make_list(s, 20000000), count(), dcount(s), percentile(x, 50) by x % 3"},
		"lists of many groups":       {rows(20_000_000) + "| summarize l = make_list(s), count() by x % 100000 | summarize sum(array_length(l))"},
		"the greatest of many texts": {rows(20_000_000) + "| summarize arg_max(s, x) by k = x % 5000000 | summarize max(x)"},
		"a join":                     {rows(20_000_000) + "| join kind=inner (" + rows(20_000_000) + ") on s | summarize max(s), max(s1)"},
		"a running sum":              {rows(20_000_000) + "| serialize c = row_cumsum(x), p = prev(s) | summarize max(c), max(p)"},
		"percentiles of groups":      {rows(30_000_000) + "| summarize a = percentile(x, 5), b = percentile(x * 1.5, 20) by x % 7 | summarize max(a), max(b)"},
		"bags of rows":               {"range x from 1 to 500 step 1 | extend l = range(1, 20000) | mv-apply l to typeof(long) on (summarize m = make_bag(bag_pack(tostring(l), strrep('v', 100)))) | summarize sum(array_length(bag_keys(bag_merge(m, m))))"},
		"texts that double":          {"range x from 1 to 20000 step 1 | extend a = strcat('abcd', x)" + strings.Repeat(" | extend a = strcat(a, a)", 13) + " | summarize make_list(a)"},
		"a series of texts":          {rows(5_000_000) + "| make-series l = make_list(s) on x from 0 to 5000000 step 10 | project array_length(l)"},
		"a large result":             {"range x from 1 to 1000000 step 1 | extend s = strrep('x', 1000)"},
		"several at once": {sets, sets, rows(20_000_000) + "| summarize arg_max(s, x) by k = x % 5000000 | summarize max(x)",
			rows(30_000_000) + "| summarize a = percentile(x, 5), b = percentile(x * 1.5, 20) by x % 7 | summarize max(a), max(b)"},
		"rows that enter a table": {".set T <| " + rows(20_000_000) + "| summarize l = make_list(s), count() by x % 10"},
	} {
		t.Run(name, func(t *testing.T) {
			boundedChild(t, 512, beside, func(c *child) {
				var all sync.WaitGroup
				for _, query := range queries {
					all.Go(func() {
						path := "/v1/rest/query"
						if strings.HasPrefix(query, ".") {
							path = "/v1/rest/mgmt"
						}
						if status, a := c.send(path, "shop", query); status >= http.StatusInternalServerError {
							t.Errorf("%.80s: %d %+v", query, status, a.Error)
						}
					})
				}
				all.Wait()
			})
		})
	}
}

// boundedChild attacks a process that may have that many MB, with others beside it; it must stay
// within them and go on.
func boundedChild(t *testing.T, limit, beside int, attack func(*child)) {
	c := startChildWithin(t, t.TempDir(), fmt.Sprintf("%dMB", limit))
	c.client.Timeout = aWhile
	attack(c)
	peak := int(c.process.Peak(t) >> 20)
	t.Logf("the process had %d MB", peak)
	if peak > limit+beside {
		t.Errorf("the process had %d MB, with a limit of %d", peak, limit)
	}
	if status, a := c.send("/v1/rest/query", "shop", "print 1"); status != http.StatusOK {
		t.Errorf("the next query: %d %+v", status, a.Error)
	}
}

// The file ends DuckDB's reader with SIGFPE.
func TestAParquetFileThatEndsItsReaderFailsAlone(t *testing.T) {
	content, err := os.ReadFile("testdata/division_by_zero.parquet")
	if err != nil {
		t.Fatal(err)
	}
	c := startChild(t, t.TempDir())
	c.command(".create table T (a: long)")
	c.command(".alter table T policy streamingingestion enable")
	for range 2 {
		if status, answer := c.post("/v1/rest/ingest/shop/T?streamFormat=parquet",
			string(content)); status != http.StatusBadRequest {
			t.Errorf("the file, streamed: %d %s", status, answer)
		}
	}
	if status, answer := c.post("/v1/rest/ingest/shop/T?streamFormat=csv", "8\n"); status != http.StatusOK {
		t.Errorf("a good source afterwards: %d %s", status, answer)
	}
	if got := c.rows("T"); got != 1 {
		t.Errorf("the table has %d rows, want 1", got)
	}
}
