package engine_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/calypso-cdc/calypso/services/localadx/kql/syntax"
)

// The right values are the real engine's as users of it compared them with ours; they are not recorded here.
func TestAnswersThatWereWrongAreTheEngines(t *testing.T) {
	h := newHarness(t)
	h.expect(t, []queryCase{
		// classes of regular expressions are Unicode's
		{`print extract(@'(\w+)', 1, 'Müller'), extract(@'^(\D+)', 1, 'a٣'), replace_regex('a b', @'\s', '_'), 'é' matches regex @'^\w$', extract_all(@'([\w]+)', 'Ä-ö')`, `[["Müller","a","a_b",true,["Ä","ö"]]]`},
		{`print extract(@'([\]\w]+)', 1, '-]é-'), extract(@'([]a]+)', 1, '-]a-'), extract(@'(\\w)', 1, @'a\w'), extract(@'([[:alpha:]\d]+)', 1, '-a1-'), extract(@'\Q\w\E(.)', 1, @'\wx')`, `[["]é","]a","\\w","a1","x"]]`},
		{`print extract(@'\b(\w+)\b', 1, 'über x'), replace_regex('Müller müll', @'\bm\w*', 'X'), extract_all(@'\b(x)\b', 'éx x xé'), countof('äx x x', @'\bx', 'regex')`, `[["über","Müller X",["x"],2]]`},
		{`print 'éx' matches regex @'\bx\b', 'é x' matches regex @'\bx\b', indexof_regex('aé é', @'\Bé'), trim(@'\b\w+\b', 'äa b cä')`, `[[false,true,1," b "]]`},
		{`print extract_all(@'([^\W\d]+)', 'Ä1ö2'), extract(@'([\W]+)', 1, 'ä-ö'), extract(@'([\D]+)', 1, '٣x4'), extract_all(@'([\S]+)', 'a\u00a0b'), extract(@'\u{e9}', 0, 'é')`, `[[["Ä","ö"],"-","x",["a","b"],"é"]]`},
		{`print x = 'aé1' | parse kind=regex x with @'\w*\B' y:long`, `[["aé1",1]]`},
		{`print x = 'é b' | parse kind=regex x with '.' a:string @'\b' b:string`, `[["é b"," b",""]]`},
		// lists, sets and bags
		{`datatable(d:dynamic)[dynamic(null), dynamic(1), dynamic([2, 3])] | summarize make_list(d), make_list_with_nulls(d)`,
			`[[[null,1,2,3],[null,1,2,3]]]`},
		{`range x from 1 to 1100000 step 1 | summarize l = make_list(x), s = make_set(x), f = make_list(x, 2000000) | project array_length(l), array_length(s), array_length(f)`, `[[1048576,1048576,1048576]]`},
		{`range x from 1 to 300 step 1 | summarize l = makelist(x), s = makeset(x), d = make_dictionary(bag_pack(tostring(x), x)) | project array_length(l), array_length(s), array_length(bag_keys(d))`, `[[128,128,128]]`},
		{`datatable(d:dynamic)[dynamic({"a":1}), dynamic({"a":1,"b":3}), dynamic([1])] | summarize make_bag(d), make_bag(d, 1), make_bag_if(d, true, 1)`, `[[{"a":1,"b":3},{"a":1},{"a":1}]]`},
		{`print s = 'src=1 "event time"=2021-01-01T10:00:54' | parse-kv s as (['event time']:datetime, src:string) with (pair_delimiter=' ', kv_delimiter='=', quote='"') | project-away s`, `[["2021-01-01T10:00:54Z","1"]]`},
		{`print s = 'a (event time)=(x y) b = z ' | parse-kv s as (['event time']:string) with (pair_delimiter=' ', kv_delimiter='=', quote='()') | project-away s`, `[["x y"]]`},
		{`datatable(x:long, d:dynamic)[1, dynamic({"b":1,"c":"s"})] | evaluate bag_unpack(d) : (b:long)`, `[[1]]`},
		{`datatable(x:long, d:dynamic)[7, dynamic({"b":1,"c":"s"})] | evaluate bag_unpack(d) : (b:long, x:long, c:string)`,
			`[[1,7,"s"]]`},
		{`datatable(d:dynamic)[dynamic({"b":1.5}), dynamic({"b":1})] | evaluate bag_unpack(d)`, `[[1.5],[1]]`},
		{`datatable(d:dynamic)[dynamic({"b":1.5})] | evaluate bag_unpack(d) | getschema | project ColumnType`, `[["real"]]`},
		// lists and sets alone in a summarize, whose rows are cut before they are gathered
		{`datatable(k:string, v:string)["a", "y", "b", "x", "a", "x", "a", "y", "a", ""] | summarize make_set(v) by k | sort by k asc`, `[["a",["y","x",""]],["b",["x"]]]`},
		{`datatable(v:int)[3, 1, int(null), 3, 2] | sort by v desc | summarize s = make_set(v, 2), l = make_list(v)`,
			`[[[3,2],[3,3,2,1]]]`},
		{`datatable(v:int)[3, 1, int(null), 3, 2] | sort by v desc | summarize make_set(v, 2)`, `[[[3,2]]]`},
		{`datatable(v:int)[3, 1, int(null), 3, 2] | summarize make_set_if(v + 1, v > 1, 5)`, `[[[4,3]]]`},
		{`datatable(v:int)[3, 1, int(null), 3, 2] | summarize make_list(v, 2)`, `[[[3,1]]]`},
		{`datatable(v:int)[3, 1, int(null), 3, 2] | summarize make_list_with_nulls(v, 3)`, `[[[3,1,null]]]`},
		{`datatable(v:int)[] | summarize make_set(v)`, `[[[]]]`},
		{`datatable(v:int)[] | summarize make_set(v) by v | count`, `[[0]]`},
		{`datatable(v:int)[1, int(null)] | summarize make_set(v) by v | sort by v asc`, `[[null,[]],[1,[1]]]`},
		// before 1970
		{`print dayofmonth(endofmonth(datetime(1900-03-15))), getyear(datetime(1969-12-31 23:59:59.9999999)), monthofyear(datetime(1899-12-31 23:59:59.9999999)), dayofyear(datetime(0001-12-31 23:59:59.9999999))`, `[[31,1969,12,365]]`},
		{`print startofmonth(datetime(1900-03-15 00:00:00.0000001)), startofyear(datetime(1600-12-31 23:59:59.9999999)), endofyear(datetime(1600-01-01))`,
			`[["1900-03-01T00:00:00Z","1600-01-01T00:00:00Z","1600-12-31T23:59:59.9999999Z"]]`},
		// one match at each end
		{`print trim("x", "xxabcxx"), trim_start("x", "xxabc"), trim_end("x", "abcxx"), trim(@"x+", "xxabcxx"), trim("x", "x"), trim("x", "xx")`, `[["xabcx","xabc","abcx","abc","",""]]`},
		{`print substring("abc", 1, -1), substring("abc", -5), substring("abc", -2), substring("abc", -5, 4)`,
			`[["","","bc",""]]`},
		{`print log(-1.0), log2(-1.0), log10(-1.0), array_sum(dynamic([])), array_sum(dynamic([1, 2]))`,
			`[[null,null,null,null,3]]`},
		{`print datetime(9999-12-31) + 1d, datetime(0001-01-01) - 1d, endofyear(datetime(9999-05-05), 1)`,
			`[[null,null,null]]`},
		{`print array_concat(dynamic([1]), dynamic(null)), bag_merge(dynamic(null), dynamic({"a":1})), array_concat(dynamic(null), dynamic(null))`, `[[[1],{"a":1},null]]`},
		{`print todouble(dynamic(true)), todouble(dynamic("1.5")), todouble(dynamic(2)), gettype(dynamic(1.5)), gettype(1.5), gettype(rand(10))`, `[[1,1.5,2,"double","real","real"]]`},
		{`print y = dynamic([2, 5, 6]) | extend (a, b) = series_stats(y) | project a, b`, `[[2,0]]`},
		// one name for a function of several columns
		{`print y = dynamic([2, 5, 6]) | extend st = series_stats(y) | project-away y`, `[[2]]`},
		{`print st = series_stats(dynamic([2, 5, 6]))`, `[[2]]`},
		// rows without columns
		{`print x = 1 | project-away x`, `[[]]`},
		{`datatable(d:dynamic)[dynamic(null), dynamic({})] | evaluate bag_unpack(d)`, `[[],[]]`},
		{`datatable(a:string)["x y", "z"] | search not("x") | project a`, `[["z"]]`},
		// "Null values": in is an 'or' of equalities, and !in an 'and' of inequalities
		{`print int(null) in (1), int(null) in (1, int(null)), 1 in (int(null)), int(null) !in (1), int(null) !in (1, int(null)), real(nan) in (real(nan)), real(nan) !in (real(nan), 1)`,
			`[[false,null,false,true,null,false,true]]`},
		{`datatable(a:int)[1, int(null)] | where a !in (2, int(null)) | project a`, `[[1]]`},
		{`print real(null) == real(null), real(null) != real(null), real(null) < real(nan), real(null) == real(nan), real(null) != real(nan), real(nan) between (real(null) .. 1.0)`,
			`[[null,null,null,false,true,false]]`},
		// a null that a conversion gives is one in a filter too
		{`datatable(l:long, s:string, r:real)[-1099511627776, "1099511627776", -1e12, 3, "4", 5.5] | where toint(l) < 5 and toint(s) > 3 and toint(r) != 6 | project toint(l), toint(s), toint(r)`, `[[3,4,5]]`},
		{`datatable(l:long, s:string, r:real)[-1099511627776, "-1099511627776", -1e12, 2147483647, "-2147483648", 2147483647.5] | project toint(l), toint(s), toint(r), toint(l) < 5, toint(s) < 5, toint(r) < 5`,
			`[[null,null,null,null,null,null],[2147483647,-2147483648,2147483647,false,true,false]]`},
		// what leaves the years 1 to 9999 is null to the functions behind it too
		{`datatable(a:datetime, b:timespan)[datetime(9999-12-31), 1d] | project isnull(a + b), tostring(b + a), a + b > a, isnull(startofyear(a, 1)), isnull(datetime(0001-01-01) - b), datetime_diff('day', a + b, a)`,
			`[[true,"",null,true,true,null]]`},
		{`print unixtime_seconds_todatetime(9223372036854775807), unixtime_milliseconds_todatetime(-9223372036854775807), unixtime_seconds_todatetime(1e300), unixtime_microseconds_todatetime(0)`,
			`[[null,null,null,"1970-01-01T00:00:00Z"]]`},
	})
}

func TestWhatIsMaterializedIsComputedOnce(t *testing.T) {
	h := newHarness(t)
	h.expect(t, []queryCase{
		{`let T = materialize(range x from 1 to 3 step 1 | extend g = new_guid()); T | join kind=inner T on g | count`,
			`[[3]]`},
		{`let T = materialize(range x from 1 to 3 step 1 | extend g = rand()); union T, T | summarize dcount(g)`, `[[3]]`},
		{`let T = materialize(range x from 1 to 3 step 1 | sort by x desc); T | project x`, `[[3],[2],[1]]`},
		{`let T = materialize(range x from 1 to 5 step 1 | extend g = rand()); let m = toscalar(T | summarize max(g)); T | where g == m | count`, `[[1]]`},
		{`let r = toscalar(print rand()); print r == r, r - r`, `[[true,0]]`},
		{`let r = toscalar(rand()); print r == r`, `[[true]]`},
		{`let r = toscalar(print new_guid()); range x from 1 to 3 step 1 | extend g = r | summarize dcount(g)`, `[[1]]`},
		{`let f = (n:long) { toscalar(range x from 1 to n step 1 | count) }; print f(1), f(2)`, `[[1,2]]`},
		{`range x from 1 to 3 step 1 | extend g = rand() | as T | join kind=inner T on g | count`, `[[3]]`},
		{`let T = materialize(print a = 'x', b = dynamic({'k':1})); T | evaluate bag_unpack(b)`, `[["x",1]]`},
	})
}

func TestQueriesThatTheEngineRefusesAreRefused(t *testing.T) {
	h := newHarness(t)
	for _, query := range []string{
		"print floor(1.5)", "print bin(1.5)", "print format_timespan(1h, 'q')", "print format_timespan(1h, 'Ü')",
		"print format_datetime(now(), 'Ünï')", "print strcat()",
		`print extract(@'\b{start}a', 0, 'a')`, `print extract(@'\<a', 0, 'a')`, "print extract('[a-z&&[^aeiou]]', 0, 'a')",
		"print replace_regex('a', '[a[b]]', '')", "print trim('(', 'a')",
		"datatable(p:string)['('] | extend z = extract(p, 0, 'a')",
		"print x='a' | parse kind=regex flags=z x with 'a' y:string",
		"print d=dynamic([1]) | summarize make_list(d, 0)", "print d=dynamic([1]) | summarize make_set(d, -1)",
		"print x=1 | summarize make_list(x, x)",
		"print s='a=b c d=e f=g' | parse-kv s as (a:string, f:string) with (pair_delimiter=' ', kv_delimiter='=', greedy=true)",
		"print s='a=b c' | parse-kv s as (a:string) with (regex='a=(.)')",
		"print s='a=b c' | parse-kv s as (a:string) with (regex='(.)=(.)', quote='q')",
		"find in ((print a=1), (print a=1, b=2)) where a == 1",
		"find in ((print a=1), (print a=1, b=2)) where a == 1 project a, pack_all()",
		"print s='x a=b c' | parse-kv s as (a:string)",
		`print x=1, d=dynamic({"d":1,"a":2}) | evaluate bag_unpack(d)`,
		`print d=dynamic({"a":2}) | evaluate bag_unpack(d, columnsConflict='none')`,
		`print x=1, d=dynamic({"a":2}) | evaluate bag_unpack(d) : (x:string, a:long)`,
		"print x=1 | render nochart", "print x=1 | render timechart with (nothing=1)",
		"datatable(x:long)[1,2] | where x > 0 | summarize count() by x | extend row_number()",
		"datatable(x:long)[1,2] | extend prev(x)", "datatable(x:long)[1,2] | where next(x) > 1",
		"datatable(x:long)[1,2] | extend row_cumsum(x)",
	} {
		if _, _, err := h.query(query); err == nil {
			t.Errorf("%s was answered", query)
		}
	}
}

func TestAResultOfTooManyColumnsIsRefusedBeforeTheyAreBound(t *testing.T) {
	h := newHarness(t)
	for query, says := range map[string]string{
		"range x from 1 to 100000 step 1 | evaluate pivot(x)":                                             "The result of pivot has more than 2000 columns",
		"range x from 1 to 2001 step 1 | evaluate pivot(x, count())":                                      "The result of pivot has more than 2000 columns",
		"range x from 1 to 100000 step 1 | project d = bag_pack(tostring(x), 1) | evaluate bag_unpack(d)": "The result of bag_unpack has more than 2000 columns",
		"print 1 | take -1":                        "The number of rows must not be negative",
		"print x=1 | sample -1":                    "The number of rows must not be negative",
		"range x from 1 to 3 step 1 | top -1 by x": "The number of rows must not be negative",
	} {
		_, _, err := h.query(query)
		var refused *syntax.Error
		if !errors.As(err, &refused) || !strings.Contains(refused.Message, says) {
			t.Errorf("%s: %v, want %q", query, err, says)
		}
	}
}
