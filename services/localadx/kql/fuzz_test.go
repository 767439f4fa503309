package kql

import (
	"errors"
	"testing"

	"github.com/calypso-cdc/calypso/services/localadx/kql/syntax"
)

// FuzzCompile checks that no text makes the lexer, the parser or the binder panic.
func FuzzCompile(f *testing.F) {
	for _, seed := range []string{
		"T | where a == 1 | summarize count() by bin(t, 1h)", "let f=(x:long){x+1}; print f(1)",
		"T | join (T) on a | mv-expand d | parse s with 'a' b:long *",
		"print dynamic({'a':[1,{}]}).a[0], datetime(2020), 1.5h, @'x', ['q']",
		"range x from 1 to 5 step 1 | scan with (step s: true)",
		"T | make-series n=count() on t step 1d by a | evaluate pivot(a)", "union T*, (T | as U) | search 'x*'",
		"T | mv-apply d on (top 1 by a)",
	} {
		f.Add(seed)
	}
	catalog := testCatalog{"T": {Name: "T", Physical: `"T"`,
		Columns: []Column{{"a", typeLong}, {"s", typeString}, {"t", typeDatetime}, {"d", typeDynamic}}}}
	f.Fuzz(func(t *testing.T, query string) {
		plan, err := Compile(query, Options{Database: "db", Catalog: catalog})
		var refusal *syntax.Error
		if err != nil && !errors.As(err, &refusal) {
			t.Error(err)
		}
		if err == nil && plan.SQL == "" {
			t.Error("a plan without SQL")
		}
	})
}
