package localadx_test

import (
	"bytes"
	"fmt"
	"net/http"
	"os"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/calypso-cdc/calypso/libs/testenv"
)

// aWhile is for a machine that does much else.
const aWhile = 5 * time.Minute

// peak is the most memory in MB that a process has had.
func (c *child) peak() int {
	c.t.Helper()
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", c.process.Process.Pid))
	if err != nil {
		c.t.Fatal(err)
	}
	_, after, _ := strings.Cut(string(text), "VmHWM:")
	kB, err := strconv.Atoi(strings.Fields(after)[0])
	if err != nil {
		c.t.Fatal(err)
	}
	return kB >> 10
}

// Whatever is asked, the process stays within its memory limit, what it may have beside that (256
// MB), and what a query takes before it is noticed.
func TestTheMemoryOfTheProcessIsBoundedWhateverIsAsked(t *testing.T) {
	if testenv.RaceDetector {
		t.Skip("the race detector takes several times the memory: make memory")
	}
	if _, err := os.Stat("/proc/self/status"); err != nil {
		t.Skip("this system does not tell how much memory a process has had")
	}
	const limit, bound = 128, 128 + 256 + 256
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
		t.Run(name, func(t *testing.T) {
			c := startChildWithin(t, t.TempDir(), fmt.Sprintf("%dMB", limit))
			c.client.Timeout = aWhile
			attack(c)
			if peak := c.peak(); peak > bound {
				t.Errorf("the process had %d MB, with a limit of %d", peak, limit)
			}
			if status, a := c.send("/v1/rest/query", "shop", "print 1"); status != http.StatusOK {
				t.Errorf("the next query: %d %+v", status, a.Error)
			}
		})
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
