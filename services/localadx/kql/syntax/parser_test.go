package syntax

import (
	"strings"
	"testing"
)

func TestStatementsAndOperatorsParse(t *testing.T) {
	for _, query := range []string{
		"T", "T | take 5", "T | where a == 1 and b != 'x' or not(c)",
		"T | where a !in (1, 2) and b in~ ('x') and c !between (1 .. 2)",
		"T | where a has_any ('x', 'y') and b matches regex @'\\d+' and c !~ 'z'",
		"T | project a, b = c + 1, ['odd name'] = d | extend (x, y) = f()",
		"T | summarize count(), s = sum(a) by bin(t, 1h), k = tolower(c)", "T | summarize by a",
		"T | sort by a asc nulls last, b desc | top 3 by a",
		"T | join kind=leftouter hint.strategy=broadcast (U | where x > 1) on k, $left.a == $right.b",
		"T | lookup kind=inner U on k", "union kind=inner withsource=S T, U*, (V | take 1)",
		"T | mv-expand a, b = c to typeof(long) limit 3",
		"T | mv-apply x = a to typeof(long) on (top 1 by x)", "T | parse kind=regex flags=i a with * 'x=' x:long ',' *",
		"T | make-series n=count() default=0 on t from ago(1d) to now() step 1h by k",
		"T | render timechart with (title='a', ycolumns=a, b)",
		"T | evaluate bag_unpack(d) : (a:long, b:string)", "T | partition hint.strategy=native by k (top 1 by v)",
		"T | project-away a*, *b | project-reorder c desc, *",
		"T | scan with_match_id=m declare (x:long=0) with (step s1: true => x = s1.x + 1; step s2 output=none: a > s1.x;)",
		"T | top-nested 3 of a by count(), top-nested of b by sum(c) desc", "T | search in (A, B) 'x' and y == 1",
		"T | as U | serialize r = row_number() | consume",
		"let x = 5; let f = (a:long, b:string='q') { a + x }; T | where n == f(1)", "let V = view () { T | take 1 }; V",
		"declare query_parameters(a:long, b:string = 'x'); T | where n == a", "set querytrace; T | count",
		"print dynamic({'a': [1, -2.5, datetime(2020-01-01), null, true], \"b\": {}})",
		"print datetime(2020-01-01 10:00), timespan(1.02:03:04), guid(74be27de-1e4e-49d9-b579-fe0b331d3642), long(null)",
		"print a.b.['c d'][0]['e'], -x, 1.5e3, 0xFF, 5m, h'secret', @\"a\\b\", ```multi\nline```",
		"range x from 1 to 10 step 2 // comment",
		"T | getschema | distinct *", "T | count as N", "database('d').T | count", "['f g']() | count",
		"T | where ['f g'](a) and ['b c'] > 1", "database('d').['f g'](1)", "T | reduce by a with characters='x'",
	} {
		if _, err := Parse(query); err != nil {
			t.Errorf("%s: %v", query, err)
		}
	}
}

func TestSyntaxErrorsTellThePlace(t *testing.T) {
	for _, c := range []struct {
		query, message string
		line, column   int
	}{
		{"T | where", "Expected an expression but found the end of the query", 1, 10},
		{"T |\n| count", "Expected an operator after '|'", 2, 1},
		{"T | where a == 'x", "not closed", 1, 16},
		{"T | summarize count( by a", "Expected ')'", 1, 25},
		{"T | project a b", "a statement ends with ';'", 1, 15},
		{"T | frobnicate", "The operator 'frobnicate' is not supported", 1, 5},
		{"print datetime(not a date)", "is not a datetime literal", 1, 7},
		{"print 99999999999999999999", "out of the range of long", 1, 27},
		{"T | where a § 1", "Invalid character", 1, 13},
	} {
		_, err := Parse(c.query)
		if err == nil {
			t.Errorf("%s: no error", c.query)
			continue
		}
		if !strings.Contains(err.Message, c.message) || err.Line != c.line || err.Column != c.column {
			t.Errorf("%s: %d:%d %s, want %d:%d %s", c.query, err.Line, err.Column, err.Message, c.line, c.column, c.message)
		}
	}
}

func TestDeepNestingIsAnErrorNotACrash(t *testing.T) {
	for _, query := range []string{
		"print " + strings.Repeat("(", 100000) + "1", "print " + strings.Repeat("-", 100000) + "1",
		"print dynamic(" + strings.Repeat("[", 100000), "print " + strings.Repeat("not(", 100000),
	} {
		if _, err := Parse(query); err == nil {
			t.Errorf("%.20s…: no error", query)
		}
	}
}
