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
