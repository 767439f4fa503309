package engine_test

import (
	"context"
	"errors"
	"testing"

	"github.com/calypso-cdc/calypso/services/localadx/kql"
	"github.com/calypso-cdc/calypso/services/localadx/kql/syntax"
)

// results runs a request of several queries and returns the rows of each.
func (h *harness) results(query string) ([]string, error) {
	plans, err := kql.CompileAll(query, kql.Options{Database: "NetDefaultDB", Catalog: h.catalog})
	var out []string
	for _, plan := range plans {
		rows, err := h.engine.All(context.Background(), plan)
		if err != nil {
			return nil, err
		}
		out = append(out, preview(rows))
	}
	return out, err
}

func TestAForkHasAResultForEachBranch(t *testing.T) {
	h := newHarness(t)
	for query, want := range map[string]string{
		"range x from 1 to 4 step 1 | fork (where x > 2 | count) big=(top 1 by x | project y=x*10) | as ignored": "refused",
		"range x from 1 to 4 step 1 | fork (where x > 2 | count) big=(top 1 by x | project y=x*10)":              `["[[2]]","[[40]]"]`,
		"print 0; let T=range x from 1 to 2 step 1; T | fork (count) (take 0)":                                   `["[[0]]","[[2]]","null"]`,
		"datatable(a:string, b:long)['p',1,'p',1] | facet by a, b with (where b == 2)":                           `["null","[[\"p\",2]]","[[1,2]]"]`,
		"print r=rand() | fork (project r) (project r)":                                                          "refused",
	} {
		got, err := h.results(query)
		text := preview(got)
		if refused := new(*syntax.Error); errors.As(err, refused) {
			text = "refused"
		}
		if text != want {
			t.Errorf("%s: %s, %v, want %s", query, text, err, want)
		}
	}
}

func TestProjectByNamesKeepsTheNamedColumnsInTheirOrder(t *testing.T) {
	h := newHarness(t)
	for query, want := range map[string]string{
		`print a=1, b=2, ab=3 | project-by-names "b", "a*", "none"`:                                                               "b a ab",
		`let f=(T:(*), names:dynamic){T | project-by-names names, column_names_of(T)}; print a=1, b=2 | invoke f(dynamic(["b"]))`: "b a",
	} {
		cols, _, err := h.query(query)
		got := ""
		for i, c := range cols {
			if i > 0 {
				got += " "
			}
			got += c.Name
		}
		if got != want {
			t.Errorf("%s: %s, %v, want %s", query, got, err, want)
		}
	}
}

func TestASchemaWithAStarKeepsTheInputsColumns(t *testing.T) {
	h := newHarness(t)
	for query, want := range map[string]string{
		`print n=1, d=dynamic({"a":"x","b":2,"c":3}) | evaluate bag_unpack(d) : (*, b:long, a:string)`: `[[1,2,"x"]]`,
		`print n=1, d=dynamic({"a":"x"}) | evaluate bag_unpack(d) : (*, n:long)`:                       "refused",
		`print n=1 | evaluate narrow() : (*, b:long)`:                                                  "refused",
		`print n=1 | evaluate narrow() : (Row:long, Column:string)`:                                    "refused",
		`print n=1 | evaluate narrow() : (Row:long, Column:string, Value:string)`:                      `[[0,"n","1"]]`,
	} {
		_, rows, err := h.query(query)
		got := preview(rows)
		if refused := new(*syntax.Error); errors.As(err, refused) {
			got = "refused"
		}
		if got != want {
			t.Errorf("%s: %s, %v, want %s", query, got, err, want)
		}
	}
}

func TestKeysAndValuesWithoutDelimitersAreWordsByTurns(t *testing.T) {
	h := newHarness(t)
	for query, want := range map[string]string{
		`print s="[a:1] b = 'it is' c->é2" | parse-kv s as (b:string, a:long, c:string) with (quote="'")`: `[["it is",1,"é2"]]`,
		`print s="a: 'x\\'y'" | parse-kv s as (a:string, b:string) with (quote="'", escape="\\")`:         `[["x'y",""]]`,
		`print s="at a:1" | parse-kv s as (a:long)`:                                                       "refused",
		`print s="a: b: 1" | parse-kv s as (a:string, b:string)`:                                          "refused",
		`print s="a: x_y" | parse-kv s as (a:string)`:                                                     "refused",
		`print s="a" | parse-kv s as (a:string)`:                                                          "refused",
		`print s="" | parse-kv s as (a:string)`:                                                           `[[""]]`,
	} {
		_, rows, err := h.query(query + " | project-away s")
		got := preview(rows)
		if err != nil {
			got = "refused"
		}
		if got != want {
			t.Errorf("%s: %s, %v, want %s", query, got, err, want)
		}
	}
}
