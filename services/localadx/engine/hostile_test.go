package engine_test

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"strconv"
	"strings"
	"testing"

	"github.com/calypso-cdc/calypso/services/localadx/engine"
	"github.com/calypso-cdc/calypso/services/localadx/kql"
	"github.com/calypso-cdc/calypso/services/localadx/kql/syntax"
)

// hostile are literals at the edges of each type.
var hostile = []string{
	`""`, `"$"`, `"a"`, `"."`, `"$.["`, `"Ünï ☃ 𝄞"`, `"\0"`, `"{"`, `"(["`, `"%"`, `"yyyy-MM-dd"`,
	`"second"`, `"1.2.3.4/33"`,
	`0`, `1`, `-1`, `2`, `64`, `9223372036854775807`, `-9223372036854775807`, `int(null)`, `long(null)`,
	`int(-2147483648)`,
	`0.0`, `-0.5`, `1e308`, `real(nan)`, `real(+inf)`, `real(-inf)`, `real(null)`, `decimal(1e27)`, `decimal(null)`,
	`true`, `bool(null)`, `datetime(0001-01-01)`, `datetime(9999-12-31 23:59:59.9999999)`, `datetime(null)`,
	`datetime(2024-02-29)`,
	`timespan(0)`, `timespan(null)`, `timespan(-10675199.02:48:05.4775807)`,
	`timespan(10675199.02:48:05.4775807)`, `1tick`,
	`guid(null)`, `guid(74be27de-1e4e-49d9-b579-fe0b331d3642)`,
	`dynamic(null)`, `dynamic({})`, `dynamic([])`, `dynamic("")`, `dynamic(1)`, `dynamic([null])`,
	`dynamic([1,"a",null,2.5,[],{}])`,
	`dynamic([1,2,3])`, `dynamic(["a","b"])`, `dynamic([1e308,-1e308])`, `dynamic({"":null})`, `dynamic({"a":{"b":[1]}})`,
	`dynamic([[0],[1,2]])`,
	`dynamic({"type":"Point","coordinates":[200,100]})`, `dynamic({"type":"Polygon","coordinates":[]})`, `dynamic([[[]]])`,
	`dynamic([-1])`, `dynamic([9223372036854775807])`,
	`now()`, `typeof(long)`,
}

// CALYPSO_FUZZ names how many calls of each function are tried; without, a few.
func TestNoFunctionFailsOfItsArguments(t *testing.T) {
	each := 25
	if n, err := strconv.Atoi(os.Getenv("CALYPSO_FUZZ")); err == nil {
		each = n
	}
	h := newHarness(t)
	random := rand.New(rand.NewPCG(1, 2))
	for _, name := range kql.SupportedNames().Functions {
		var calls []string
		for range each * 5 {
			arguments := make([]string, random.IntN(5))
			for i := range arguments {
				arguments[i] = hostile[random.IntN(len(hostile))]
			}
			call := name + "(" + strings.Join(arguments, ", ") + ")"
			_, err := kql.Compile("print "+call, kql.Options{})
			var refused *syntax.Error
			switch {
			case err == nil:
				calls = append(calls, call)
			case !errors.As(err, &refused) && len(calls) < each:
				t.Errorf("%s: compiling it gives %v", call, err)
			}
			if len(calls) == each {
				break
			}
		}
		h.survive(t, calls)
	}
	h.survive(t, []string{`bag_set_key(dynamic({}), "$", 0)`}) // the path of the bag itself
}

// survive runs calls, as one query while all goes well, and reports those that fail for another
// reason than what they ask for.
func (h *harness) survive(t *testing.T, calls []string) {
	t.Helper()
	if len(calls) == 0 {
		return
	}
	_, _, err := h.query("print " + strings.Join(calls, ", "))
	var refused *syntax.Error
	var failed *engine.Error
	switch {
	case err == nil || len(calls) == 1 && (errors.As(err, &refused) || errors.As(err, &failed) && failed.OfQuery):
	case len(calls) == 1:
		t.Errorf("%s: %v", calls[0], short(err))
	default:
		h.survive(t, calls[:len(calls)/2])
		h.survive(t, calls[len(calls)/2:])
	}
}

func short(err error) string {
	text := fmt.Sprint(err)
	return text[:min(len(text), 300)]
}

func TestTheMemoryOfGoFunctionsIsBounded(t *testing.T) {
	h := newHarnessWithin(t, 16<<20)
	for _, query := range []string{
		"range x from 1 to 300000 step 1 | summarize make_set(tostring(x))",
		"range x from 1 to 300000 step 1 | summarize make_bag(bag_pack(tostring(x), x))",
		"range x from 1 to 2000 step 1 | extend y = range(x, x + 100000) | summarize sum(array_length(y))",
		"print x = range(1, 1000000) | extend y = array_concat(x, x) | project array_length(y)",
	} {
		_, _, err := h.query(query)
		if err == nil || !strings.Contains(err.Error(), "out of memory") {
			t.Errorf("%s: %v", query, short(err))
		}
	}
	if _, _, err := h.query("range x from 1 to 10000 step 1 | summarize make_set(tostring(x))"); err != nil {
		t.Errorf("a set that fits: %v", short(err))
	}
}

func TestASeriesHasNoMorePointsThanKustoAllows(t *testing.T) {
	h := newHarness(t)
	for _, query := range []string{
		"range x from 1 to 3 step 1 | make-series count() on x from 0 to 100000000 step 1",
		"print x = datetime(2020-01-01) | make-series count() on x from datetime(2000-01-01) to datetime(2020-01-01) step 1tick",
	} {
		_, _, err := h.query(query)
		if err == nil || !strings.Contains(err.Error(), "make the step larger") {
			t.Errorf("%s: %v", query, short(err))
		}
	}
}

// PostgreSQL's tables have up to 1,600 columns.
func TestTheLatestRowOfATableOfManyColumnsIsPicked(t *testing.T) {
	const n = 1600
	wide := "datatable(k:long, x:long"
	for i := range n {
		wide += fmt.Sprintf(", c%d:long", i)
	}
	wide += ")[1,1" + strings.Repeat(",1", n) + ", 1,3" + strings.Repeat(",long(null)", n) + ", 0,2" + strings.Repeat(",2", n) + "]"
	h := newHarness(t)
	for query, want := range map[string]string{
		" | summarize arg_max(x, *) by k | order by k asc | project k, x, c0, c1599":        "[[0,2,2,2],[1,3,null,null]]",
		" | summarize arg_min(x, *), n=count() by k | order by k asc | project x, n, c1599": "[[2,1,2],[1,2,1]]",
		" | where k == 0 | summarize take_any(*) | project x, c1599":                        "[[2,2]]",
	} {
		_, rows, err := h.query(wide + query)
		if got := preview(rows); err != nil || got != want {
			t.Errorf("%s: %s, %v; want %s", query, got, short(err), want)
		}
	}
}

// Each of these took the database minutes, or all of its memory.
func TestQueriesOfManyPartsAreAnsweredOrRefused(t *testing.T) {
	join := func(n int, separator, format string) string {
		parts := make([]string, n)
		for i := range parts {
			parts[i] = fmt.Sprintf(format, i)
		}
		return strings.Join(parts, separator)
	}
	h := newHarness(t)
	for what, c := range map[string]struct{ query, want string }{
		"equalities": {"print x=19999 | where " + join(20_000, " or ", "x == %d"), "[[19999]]"},
		"terms":      {"print x='b c399' | where " + join(400, " or ", "x has 'c%d'") + " | count", "[[1]]"},
		"any terms":  {"print x='b c1999' | where x has_any (" + join(2000, ", ", "'c%d'") + ") | count", "[[1]]"},
		"all terms":  {"print x='b c1999' | where x has_all (" + join(2000, ", ", "'c%d'") + ") | count", "[[0]]"},
		"tests":      {"print x=1 | where " + join(20_000, " or ", "x + 1 == x + %d"), "refused"},
		"steps":      {"range x from 1 to 2 step 1 | scan with (" + join(100, "; ", "step s%d: true") + ";)", "refused"},
		"levels":     {"print a=1 | top-nested " + join(12, ", top-nested ", "1 of a by b%d=max(a)") + " | count", "[[1]]"},
		"sessions":   {sessionsOf(100_000, "") + " | summarize dcount(s)", "[[28]]"},
		"short ones": {sessionsOf(9, ", x % 3 == 1") + " | summarize dcount(s)", "[[3]]"},
		"of no order": {"datatable(d:datetime)[datetime(2020-01-02), datetime(null), datetime(2020-01-01)] | serialize " +
			"| extend s=row_window_session(d, 1h, 1h), n=row_number() | project day=dayofmonth(s), n",
			"[[2,1],[2,2],[2,3]]"},
	} {
		t.Run(what, func(t *testing.T) {
			_, rows, err := h.query(c.query)
			got := preview(rows)
			if refused := new(*syntax.Error); errors.As(err, refused) {
				got = "refused"
			} else if err != nil {
				got = short(err)
			}
			if got != c.want {
				t.Errorf("%s, want %s", got, c.want)
			}
		})
	}
}

func sessionsOf(rows int, restart string) string {
	return fmt.Sprintf("range x from 1 to %d step 1 | serialize | extend d=datetime(2020-01-01) + x * 1s "+
		"| extend s=row_window_session(d, 1h, 5m%s)", rows, restart)
}

func TestWhatTheDatabaseLacksIsRefusedAndIsNoFailureOfTheServer(t *testing.T) {
	_, _, err := newHarness(t).query("print a=dynamic([1, 2]) | mv-apply a to typeof(long) on " +
		"(top-nested 1 of a by max(a), top-nested 1 of a by min(a))")
	if refused := new(*syntax.Error); !errors.As(err, refused) {
		t.Errorf("%v", short(err))
	}
}
