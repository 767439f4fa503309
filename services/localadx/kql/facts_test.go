package kql

import (
	"strings"
	"testing"
)

// sqlOf compiles a query, in which the word TEXT stands for a text, and returns its SQL with TEXT
// put back.
func sqlOf(t *testing.T, query, text string) string {
	t.Helper()
	plan, err := compile(strings.ReplaceAll(query, "TEXT", text))
	if err != nil {
		t.Fatal(err)
	}
	return strings.ReplaceAll(plan.SQL, "'"+text+"'", "'TEXT'")
}

func TestTextsInAQueryDoNotCountAsWhatTheyLookLike(t *testing.T) {
	for _, query := range []string{
		"T | join kind=innerunique T on a | where s == 'TEXT'", // taken early: it is of the left side alone
		"T | extend x = 'TEXT' | as X | where a > 1",           // computed as often as it is read
		"T | extend x = 'TEXT' | summarize arg_max(a, i) by s", // reads its source twice
	} {
		plain := sqlOf(t, query, "plain words")
		for _, text := range []string{"c13", "random()", "uuid()"} {
			if got := sqlOf(t, query, text); got != plain {
				t.Errorf("%s: with the text %q it becomes\n%s\nand with another\n%s", query, text, got, plain)
			}
		}
	}
}

func TestRandomValuesAreComputedOnceWhereTheyAreReadTwice(t *testing.T) {
	for query, shares := range map[string]bool{
		"T | extend x = rand() | as X | where a > 1":                   true,
		"let f = (x:real){ x }; T | extend x = f(rand()) | as X":       true,
		"let V = T | extend x = new_guid(); V | as X":                  true,
		"T | extend x = toscalar(T | project rand() | take 1) | as X":  true,
		"let once = toscalar(print rand()); T | extend x = once":       true,
		"let r = materialize(T | extend x = rand()); r | as X":         true,
		"T | where a in ((T | where rand() > 0.5 | project a)) | as X": true,
		"T | extend x = a | as X | where a > 1":                        false,
	} {
		plan, err := compile(query)
		if err != nil {
			t.Fatal(query, err)
		}
		if strings.Contains(plan.SQL, "MATERIALIZED") != shares {
			t.Errorf("%s: shares a table: %v, in %s", query, !shares, plan.SQL)
		}
	}
	plan, err := compile("let r = materialize(T | extend x = rand()); r | as X")
	if err != nil || strings.Count(plan.SQL, "MATERIALIZED") != 1 {
		t.Errorf("what is computed once already is not shared again: %v %v", plan, err)
	}
	plan, err = compile("T | extend x = rand() | summarize arg_max(a, i) by s")
	if err != nil || strings.Contains(plan.SQL, "SEMI JOIN") {
		t.Errorf("random values are read twice: %v %v", plan, err)
	}
	plan, err = compile("T | join kind=innerunique T on a | where tostring(new_guid()) < '8'")
	if err != nil || strings.Count(plan.SQL, "uuid()") != 1 {
		t.Errorf("a random choice is made twice: %v %v", plan, err)
	}
}

func TestPivotRefusesAggregatesThatItCannotRestrictToTheRowsOfAValue(t *testing.T) {
	options := Options{Database: "db", Catalog: testCatalog{"T": {Name: "T", Physical: `"db"."T"`,
		Columns: []Column{{"a", typeLong}, {"s", typeString}, {"k", typeString}}}},
		Probe: func(*Plan) ([][]any, error) { return [][]any{{"one"}, {"two"}}, nil }}
	for _, aggregate := range []string{"count()", "sum(a)", "avg(a)", "min(s)", "dcount(a)", "take_any(a)", "take_any(s)",
		"take_any(a, s)", "percentile(a, 50)", "percentiles(a, 50, 90)", "sum(a) + count()", "stdev(a)"} {
		plan, err := Compile("T | evaluate pivot(k, "+aggregate+", s)", options)
		if err != nil {
			t.Errorf("%s: %v", aggregate, err)
			continue
		}
		if n := strings.Count(plan.SQL, " FILTER (WHERE "); n < 2 || strings.Contains(plan.SQL, "['f0'] FILTER") {
			t.Errorf("%s: the aggregates of two values have %d filters: %s", aggregate, n, plan.SQL)
		}
	}
	for _, aggregate := range []string{"sum(a) + countif(a > 1)", "sumif(a, a > 1)", "countif(a > 1)", "arg_max(a, s)",
		"make_list(a)", "take_anyif(a, a > 1)", "1"} {
		if _, err := Compile("T | evaluate pivot(k, "+aggregate+", s)", options); err == nil ||
			!strings.Contains(err.Error(), "pivot: this aggregate is not supported") {
			t.Errorf("%s gives %v", aggregate, err)
		}
	}
}
