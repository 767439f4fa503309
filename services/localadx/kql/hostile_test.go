package kql_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/calypso-cdc/calypso/services/localadx/kql"
	"github.com/calypso-cdc/calypso/services/localadx/kql/syntax"
)

// list joins what each makes of 0, 1, 2 ….
func list(n int, separator string, each func(int) string) string {
	parts := make([]string, n)
	for i := range parts {
		parts[i] = each(i)
	}
	return strings.Join(parts, separator)
}

func TestAQueryTooLargeToRunIsRefusedBeforeItTakesLong(t *testing.T) {
	const n = 100_000
	number := func(i int) string { return fmt.Sprint(i) }
	column := func(i int) string { return fmt.Sprintf("a%d=x", i) }
	for what, query := range map[string]string{
		"columns of extend":  "range x from 1 to 1 step 1 | extend " + list(n, ",", column),
		"columns of project": "range x from 1 to 1 step 1 | project " + list(n, ",", column),
		"columns of print":   "print " + list(n, ",", number),
		"aggregates": "range x from 1 to 1 step 1 | summarize " + list(n, ",",
			func(i int) string { return fmt.Sprintf("a%d=count()", i) }),
		"keys":      "range x from 1 to 1 step 1 | summarize count() by " + list(n, ",", column),
		"sort keys": "range x from 1 to 1 step 1 | sort by " + list(n, ",", func(int) string { return "x" }),
		"ands": "range x from 1 to 1 step 1 | where " + list(n, " and ",
			func(int) string { return "x>1" }),
		"ors": "range x from 1 to 1 step 1 | where " + list(n, " or ",
			func(int) string { return "x>1" }),
		"sums":             "print " + list(n, "+", number),
		"minus signs":      "print " + strings.Repeat("-", n) + "1",
		"nots":             "print " + strings.Repeat("not(", n) + "true" + strings.Repeat(")", n),
		"brackets":         "print " + strings.Repeat("(", n) + "1" + strings.Repeat(")", n),
		"arrays":           "print dynamic(" + strings.Repeat("[", n) + strings.Repeat("]", n) + ")",
		"member accesses":  "print dynamic({})" + strings.Repeat(".a", n),
		"element accesses": "print dynamic({})" + strings.Repeat("[0]", n),
		"pipes":            "range x from 1 to 1 step 1" + strings.Repeat(" | where x > 0", n),
		"extends": "range x from 1 to 1 step 1" + list(n, "",
			func(i int) string { return fmt.Sprintf(" | extend a%d=1", i) }),
		"the same column extended": "range x from 1 to 1 step 1" + strings.Repeat(" | extend x=x+1", n),
		"takes":                    "range x from 1 to 1 step 1" + strings.Repeat(" | take 1", n),
		"counts":                   "range x from 1 to 1 step 1" + strings.Repeat(" | count", n),
		"lets":                     list(n, ";", func(i int) string { return fmt.Sprintf("let a%d=1", i) }) + "; print a0",
		"lets that double": "let a0=1;" + list(60, ";",
			func(i int) string { return fmt.Sprintf("let a%d=a%d+a%d", i+1, i, i) }) + "; print a60",
		"tables that double": "let a0=print x=1;" + list(60, ";",
			func(i int) string { return fmt.Sprintf("let a%d=union a%d, a%d", i+1, i, i) }) + "; a60",
		"functions that double": "let a0=(x:long){x};" + list(60, ";",
			func(i int) string { return fmt.Sprintf("let a%d=(x:long){a%d(x)+a%d(x)}", i+1, i, i) }) + "; print a60(1)",
		"arguments":   "print strcat(" + list(n, ",", number) + ")",
		"cases":       "print case(" + list(n, ",", func(int) string { return "true,1" }) + ",2)",
		"nested iffs": "print " + strings.Repeat("iff(true,1,", n) + "1" + strings.Repeat(")", n),
		"in":          "range x from 1 to 1 step 1 | where x in (" + list(n, ",", number) + ")",
		"a datatable of columns": "datatable(" + list(n, ",",
			func(i int) string { return fmt.Sprintf("a%d:long", i) }) + ")[]",
		"unions":    "union " + list(n, ",", func(int) string { return "(print 1)" }),
		"joins":     "range x from 1 to 1 step 1" + strings.Repeat(" | join (print x=1) on x", n),
		"mv-expand": "print x=dynamic([1])" + strings.Repeat(" | mv-expand x", n),
		"parse": "print x='' | parse x with " + list(n, " ' ' ",
			func(i int) string { return fmt.Sprintf("a%d", i) }),
		"statements":      strings.Repeat("print 1;", n),
		"a text of 64 MB": "print '" + strings.Repeat("x", 64<<20) + "'",
		"comments":        strings.Repeat("// x\n", 1_000_000) + "print 1",
	} {
		t.Run(what, func(t *testing.T) {
			begun := time.Now()
			_, err := kql.Compile(query, kql.Options{})
			t.Logf("%v after %s", short(err), time.Since(begun))
			var refused *syntax.Error
			if err != nil && !errors.As(err, &refused) {
				t.Errorf("it is refused with %s", short(err))
			}
		})
	}
}

func short(err error) string {
	text := fmt.Sprint(err)
	return text[:min(len(text), 200)]
}
