package engine_test

import (
	"context"
	"encoding/json"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/calypso-cdc/calypso/services/localadx/engine"
	"github.com/calypso-cdc/calypso/services/localadx/kql"
)

// people and events are the tables of these tests, as let statements.
const tables = `
let people = datatable(name:string, age:int, city:string, joined:datetime)[
  'Ann', 30, 'Oslo', datetime(2020-01-05), 'Bob', int(null), 'Rome', datetime(2020-01-06 12:00), 'Cid', 25, '', datetime(null), 'Dan', 30, 'Oslo', datetime(2020-02-01)];
let events = datatable(name:string, at:timespan, d:dynamic)[
  'Ann', 1h, dynamic({"k":1,"l":["x","y"]}), 'Ann', 2h, dynamic({"k":"two"}), 'Eve', time(null), dynamic(null)];
`

func TestQueriesMeanWhatTheyMeanInKusto(t *testing.T) {
	h := newHarness(t)
	h.expect(t, []queryCase{
		// nulls and strings
		{"people | where age == 30 | project name", `[["Ann"],["Dan"]]`},
		{"people | where age != 30 | project name", `[["Bob"],["Cid"]]`},
		{"people | where age !in (30) | project name", `[["Bob"],["Cid"]]`},
		{"people | where not(age == 30) | project name", `[["Bob"],["Cid"]]`},
		{"people | where age > 20 or isnull(age) | count", `[[4]]`},
		{"people | where isnull(city) | count", `[[0]]`},
		{"people | where isempty(city) | project name", `[["Cid"]]`},
		{"print strcat('a-', tostring(int(null)), '-end'), coalesce(int(null), 3), isnull(int(null)), int(null) == int(null)",
			`[["a--end",3,true,null]]`},
		{"people | summarize sum(age), avg(age), count(age), min(age), dcount(age)", `[[85,28.333333333333332,4,25,2]]`},
		{"people | where name == 'x' | summarize sum(age), avg(age), max(age), make_list(age), count()",
			`[[0,"NaN",null,[],0]]`},
		{"people | sort by age asc | project name", `[["Bob"],["Cid"],["Ann"],["Dan"]]`},
		{"people | sort by age | project name", `[["Ann"],["Dan"],["Cid"],["Bob"]]`},
		{"people | sort by age asc nulls last, name desc | project name", `[["Cid"],["Dan"],["Ann"],["Bob"]]`},
		{"people | summarize n = count() by age | sort by n, age asc", `[[30,2],[null,1],[25,1]]`},
		// terms
		{"print 'alpha_beta gamma' has 'alpha', 'alphabet' has 'alpha', 'x-alpha' has 'ALPHA', 'a' has_cs 'A', 'alphabet' hasprefix 'alp', 'abc' contains 'B', 'abc' contains_cs 'B'",
			`[[true,false,true,false,true,true,false]]`},
		{"print 'Éa b' has 'éa', 'a b' has_any ('c', 'B'), 'a b' has_all ('a', 'c'), 'ab' !has 'a', 'abc' startswith 'AB', 'abc' !endswith_cs 'BC'", `[[true,true,false,true,true,true]]`},
		// numbers
		{"print 7 / 2, -7 / 2, 7 % 3, -7 % 3, 7 % -3, 1 / 0, 1.0 / 0, 7.0 / 2", `[[3,-3,1,2,1,null,"Infinity",3.5]]`},
		{"print bin(-5, 2), bin(5.5, 2), bin(7, 2), floor(-1.5, 1), round(2.5), round(1.2345, 2), real(nan) == real(nan), real(nan) != real(nan), real(nan) > 1", `[[-6,4,6,-2,3,1.23,false,true,false]]`},
		{"print toint(2.9), toint(-2.5), toint('3.14'), tolong('0x1f'), todouble('1e3'), tobool('yes'), tobool('TRUE'), tostring(true), tostring(1.0), tostring(1e20)", `[[2,-2,null,31,1000,null,true,"True","1.0","1E+20"]]`},
		{"print int(2147483647) + 1, 2147483647 * 2, todecimal('1.50') + 1, gettype(1), gettype(1.0), gettype(dynamic([1]))",
			`[[2147483648,4294967294,"2.5","long","real","array"]]`},
		// time
		{"print bin(datetime(2020-01-08 13:14), 7d), datetime(2020-01-08 13:14) % 1d, datetime(2020-01-02) - datetime(2020-01-01), 1d / 1h, 1h * 1.5, 5h % 2h", `[["2020-01-06T00:00:00Z","13:14:00","1.00:00:00",24,"01:30:00","01:00:00"]]`},
		{"print startofweek(datetime(2020-01-08)), endofmonth(datetime(2020-02-10)), dayofweek(datetime(2020-01-08)), monthofyear(datetime(2020-01-08)), hourofday(datetime(2020-01-08 05:00))", `[["2020-01-05T00:00:00Z","2020-02-29T23:59:59.9999999Z","3.00:00:00",1,5]]`},
		{"print datetime_diff('year', datetime(2021-01-01), datetime(2020-12-31)), datetime_add('month', 1, datetime(2020-01-31)), format_datetime(datetime(2020-03-04 15:06:07.12), 'yy-M-d h:mm:ss tt ff')", `[[1,"2020-02-29T00:00:00Z","20-3-4 3:06:07 PM 12"]]`},
		// dynamic
		{"events | project name, d.k, d.l[0], d.l[-1], d['l'], d.none.deeper",
			`[["Ann",1,"x","y",["x","y"],null],["Ann","two",null,null,null,null],["Eve",null,null,null,null,null]]`},
		{"events | mv-expand l = d.l to typeof(string) | project name, l", `[["Ann","x"],["Ann","y"],["Ann",""],["Eve",""]]`},
		{"print d = dynamic([1, '2', 3.7, null]) | mv-expand d to typeof(long)", `[[1],[null],[3],[null]]`},
		{"print d = dynamic([]) | mv-expand d | count", `[[0]]`},
		{"print dynamic({'a':1}).a == 1, dynamic('x') == 'x', tostring(dynamic('x')), tostring(dynamic({'a':[1,2.0]})), array_length(dynamic([1,2])), tolong(dynamic('12'))", `[[true,true,"x","{\"a\":[1,2.0]}",2,12]]`},
		{"events | summarize make_list(at), make_set(name)", `[[["01:00:00","02:00:00"],["Ann","Eve"]]]`},
		{"print x = dynamic([3,1,2]) | mv-expand y = x to typeof(long) | sort by y asc | summarize make_list(y)",
			`[[[1,2,3]]]`},
		// joins
		{"people | join kind=inner events on name | project name, at | sort by at asc",
			`[["Ann","01:00:00"],["Ann","02:00:00"]]`},
		{"people | join kind=leftouter events on name | project name, name1, at | sort by name asc, at asc",
			`[["Ann","Ann","01:00:00"],["Ann","Ann","02:00:00"],["Bob","",null],["Cid","",null],["Dan","",null]]`},
		{"people | join kind=rightanti events on name | project name", `[["Eve"]]`},
		{"people | join kind=fullouter events on name | summarize count() by left = name, right = name1 | sort by left asc, right asc", `[["","Eve",1],["Ann","Ann",2],["Bob","",1],["Cid","",1],["Dan","",1]]`},
		{"datatable(k:int, v:string)[1,'a',int(null),'b'] | join kind=inner (datatable(k:long, w:string)[1,'x',long(null),'y']) on k | project v, w | sort by v asc", `[["a","x"],["b","y"]]`},
		{"people | join events on name | project name, at | sort by at asc", `[["Ann","01:00:00"],["Ann","02:00:00"]]`},
		{"events | join people on name | where at == 2h | project name, at, age", `[["Ann","02:00:00",30]]`},
		{"events | join people on name | where age == 30 and at > 1h | where name == 'Ann' | project at", `[["02:00:00"]]`},
		{"people | where city in ((people | summarize c = count() by city | where c > 1 | project city)) | count", `[[2]]`},
		// shape
		{"people | extend age = age + 1, old = age | where name == 'Ann' | project age, old", `[[31,30]]`},
		{"datatable(Foo:long, foo:string)[1,'a'] | project foo, Foo", `[["a",1]]`},
		{"let age = 99; people | where name == 'Ann' | project age", `[[30]]`},
		{"let f = (T:(age:int), limit:long) { T | where age >= limit | count }; f(people, 30)", `[[2]]`},
		{"people | summarize arg_max(joined, name), arg_min(joined, name)",
			`[["2020-02-01T00:00:00Z","Dan","2020-01-05T00:00:00Z","Ann"]]`},
		{"people | top 2 by name desc | project name", `[["Dan"],["Cid"]]`},
		{"datatable(a:real)[1.5, real(nan), real(null), real(+inf), -1.0] | sort by a asc",
			`[[null],["NaN"],[-1],[1.5],["Infinity"]]`},
		{"datatable(a:real)[1.5, real(nan), real(null), real(+inf), -1.0] | sort by a",
			`[["Infinity"],[1.5],[-1],["NaN"],[null]]`},
		{"print tostring(9223372036854775807 + 1), tostring(9223372036854775807 * 2)", `[["-9223372036854775808","-2"]]`},
		{"print make_timespan(1, 2), make_timespan(25, 0), make_timespan(0, 0, 60.0)", `[["01:02:00",null,null]]`},
		{"print gettype(dynamic(null)), gettype(parse_json('{}')), decimal(1) / 4", `[["null","dictionary","0.25"]]`},
		{"print decimal(1) / 3, decimal(0.1) * decimal(0.00000000000000000001), -decimal(2.50), decimal(-7) % 3, decimal(1) / 0",
			`[["0.3333333333333333333333333333333333","0.000000000000000000001","-2.5","2",null]]`},
		{"print tolong(decimal(-3.9)), toreal(decimal(1.5)), tobool(decimal(0)), todecimal('x'), todecimal(2.5), abs(decimal(-3)), bin(decimal(5.7), decimal(0.5))",
			`[[-3,1.5,false,null,"2.5","3","5.5"]]`},
		{"print 1h * decimal(1.5), 1h / decimal(2), decimal(2) * 1h", `[["01:30:00","00:30:00","02:00:00"]]`},
		{"datatable(d:decimal, w:long)[10, 1, 9, 2, -1, 1] | summarize percentilew(d, w, 10), percentilew(d, w, 60), percentilew(d, w, 100)",
			`[["-1","9","10"]]`},
		{"datatable(d:decimal, t:datetime)[1.5, datetime(2020-01-01)] | make-series s = sum(d) on t from datetime(2020-01-01) to datetime(2020-01-03) step 1d | project s",
			`[[["1.5","0"]]]`},
		{"print decimal(2) > 10, decimal(-2) < decimal(-1.5), decimal(7.50) == 7.5, decimal(10) between (9 .. 11)", `[[false,true,true,true]]`},
		{`datatable(d:decimal)[decimal(1234567890123456789012345678901.5), decimal(0.00000000000000000001), -3, decimal(null)]
			| summarize sum(d), avg(d), min(d), max(d), countif(d < 0), percentile(d, 50), make_list(d), sumif(d, d < 1)`,
			`[["1234567890123456789012345678898.5","411522630041152263004115226299.5","-3","1234567890123456789012345678901.5",1,
			"0.00000000000000000001",["1234567890123456789012345678901.5","0.00000000000000000001","-3"],"-2.99999999999999999999"]]`},
		{"datatable(d:decimal)[3, 1.5, -2, 10] | sort by d asc | extend c = row_cumsum(d) | project d, c",
			`[["-2","-2"],["1.5","-0.5"],["3","2.5"],["10","12.5"]]`},
		{"people | serialize | extend p = prev(name), n = next(name, 2, '-'), c = row_cumsum(age), r = row_number(0) | project p, n, c, r", `[["","Cid",30,0],["Ann","Dan",30,1],["Bob","-",55,2],["Cid","-",85,3]]`},
		{"range x from 1 to 4 step 1 | where x % 2 == 0 | extend y = x * x", `[[2,4],[4,16]]`},
		{"people | take 0 | getschema | project ColumnName, ColumnType",
			`[["name","string"],["age","int"],["city","string"],["joined","datetime"]]`},
		{"print a = 1 | union (print a = 2), (print b = 'x') | sort by a asc", `[[null,"x"],[1,""],[2,""]]`},
		{"people | make-series n = count() default = 0 on joined from datetime(2020-01-01) to datetime(2020-03-01) step 30d | project n", `[[[2,1]]]`},
		{"people | where false | make-series n = count() default = 7 on joined from datetime(2020-01-01) to datetime(2020-01-03) step 1d | count", `[[0]]`},
		{"people | where false | make-series kind=nonempty n = count() default = 7 on joined from datetime(2020-01-01) to datetime(2020-01-03) step 1d | project n", `[[[7,7]]]`},
		{"datatable(t:long, g:string)[1, 'a', 3, 'a', 10, 'b'] | make-series n = count() on t step 1 by g | sort by g asc",
			`[["a",[1,0,1],[1,2,3]],["b",[1],[10]]]`},
		{"people | make-series n = count() on joined in range(datetime(2020-01-04), datetime(2020-01-06), 1d) | project n",
			`[[[0,1,1]]]`},
		{"people | summarize n = count() by city | evaluate pivot(city, sum(n))", `[[1,2,1]]`},
		{"print s = 'k=12;rest of it' | parse s with 'k=' k:long ';' rest", `[["k=12;rest of it",12,"rest of it"]]`},
		{"print s = 'nothing' | parse s with 'k=' k:long ';' rest", `[["nothing",null,""]]`},
		{"people | where age > 0 | partition by age { events | where toscalar(age) == 30 and name == 'Ann' | extend of = age | project at, of }", `[["01:00:00",30],["02:00:00",30]]`},
		{"people | partition by city (top 1 by name asc | project name)", `[["Cid"],["Ann"],["Bob"]]`},
		{"datatable(u:string, t:datetime)['a', datetime(2020-01-01 00:10), 'a', datetime(2020-01-01 00:20), 'a', datetime(2020-01-01 00:50), 'b', datetime(2020-01-01 01:00), 'b', datetime(2020-01-02)] | evaluate session_count(u, t, datetime(2020-01-01), datetime(2020-01-01 12:00), 1h, 30m) | sort by t asc", `[["2020-01-01T00:00:00Z",2],["2020-01-01T01:00:00Z",1]]`},
		{"people | top-nested 1 of city with others = 'elsewhere' by n = count() | sort by n, city asc",
			`[["Oslo",2],["elsewhere",2]]`},
		{"people | top-nested 9 of city with others = 'elsewhere' by count() | count", `[[3]]`},
		{"people | top-nested 1 of age with others = -1 by max(name) | sort by age", `[[30,"Dan"],[-1,"Cid"]]`},
		{"find in (people, events) where name == 'Ann' and isnotnull(name) project name, age, at:string | sort by at asc",
			`[["union_arg0","Ann",30,""],["union_arg1","Ann",null,"01:00:00"],["union_arg1","Ann",null,"02:00:00"]]`},
		{"find withsource=t in (people, events) where age == 25 or city in ('Rome') project name | sort by name asc",
			`[["union_arg0","Bob"],["union_arg0","Cid"]]`},
		{"people | where name == \"O'Hara\" or name == 'Ann' | project toupper(name), substring(name, 1), indexof(name, 'n'), reverse(name)", `[["ANN","nn",1,"nnA"]]`},
	})
}

// queryCase is a query over the tables above and the rows it returns, as the wire carries them.
type queryCase struct{ query, want string }

// expect runs queries and compares their rows.
func (h *harness) expect(t *testing.T, cases []queryCase) {
	t.Helper()
	for _, c := range cases {
		_, rows, err := h.query(tables + c.query)
		if err != nil {
			t.Errorf("%s: %v", c.query, err)
			continue
		}
		var want [][]any
		if err := json.Unmarshal([]byte(c.want), &want); err != nil {
			t.Fatalf("%s: %v", c.want, err)
		}
		if got := preview(rows); got != preview(want) {
			t.Errorf("%s:\n got %s\nwant %s", c.query, got, preview(want))
		}
	}
}

func TestAQueryStopsWhenItsContextEnds(t *testing.T) {
	h := newHarness(t)
	plan, err := kql.Compile(
		"range x from 1 to 1000000 step 1 | extend k = 1 | join kind=inner (range y from 1 to 1000000 step 1 | extend k = 1) on k | summarize sum(x * y % 7)", kql.Options{})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(context.Background(), 200*time.Millisecond)
	defer cancel()
	done := make(chan error, 1)
	go func() {
		rows, err := h.engine.Query(ctx, plan)
		if err == nil {
			for rows.Next() {
			}
			err = rows.Err()
			rows.Close()
		}
		done <- err
	}()
	select {
	case err := <-done:
		if !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("got %v", err)
		}
	case <-time.After(30 * time.Second):
		t.Fatal("the query goes on")
	}
}

func TestTooManyRowsAreAnErrorAfterTheLimit(t *testing.T) {
	h := newHarness(t)
	limited := engine.New(h.db, engine.Limits{Rows: 3})
	plan, err := kql.Compile("range x from 1 to 10 step 1", kql.Options{})
	if err != nil {
		t.Fatal(err)
	}
	rows, err := limited.All(context.Background(), plan)
	var tooMany *engine.ErrTooManyRows
	if !errors.As(err, &tooMany) || tooMany.Limit != 3 || len(rows) != 3 {
		t.Errorf("%d rows, %v", len(rows), err)
	}
	for _, part := range []string{"exceed the set limit of 3 records", "(E_QUERY_RESULT_SET_TOO_LARGE, 0x80DA0003)"} {
		if !strings.Contains(err.Error(), part) {
			t.Errorf("the message lacks %q: %v", part, err)
		}
	}
}

func TestOverflowIsAnErrorNotAWrongNumber(t *testing.T) {
	h := newHarness(t)
	_, rows, err := h.query("print x = 9223372036854775807 | extend y = x + 1")
	var failed *engine.Error
	if !errors.As(err, &failed) || strings.Contains(err.Error(), "SELECT") {
		t.Errorf("got %v, %v", rows, err)
	}
}
