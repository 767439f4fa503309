package kql

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/calypso-cdc/calypso/services/localadx/kql/syntax"
	"github.com/calypso-cdc/calypso/services/localadx/kql/value"
)

const (
	typeLong     = value.Long
	typeString   = value.String
	typeDatetime = value.Datetime
	typeDynamic  = value.Dynamic
)

// testCatalog is a catalog of one database.
type testCatalog map[string]Table

func (c testCatalog) Table(db, name string) (Table, bool) { t, ok := c[name]; return t, ok }

func (c testCatalog) Function(db, name string) (Function, bool) {
	if name == "Loop" {
		return Function{Name: name, Params: "()", Body: "{ Loop() }"}, true
	}
	return Function{Name: name, Params: "(x:long)", Body: "{ T | where a > x }"}, name == "Above"
}

func (c testCatalog) Tables(db string) []Table {
	var out []Table
	for _, t := range c {
		out = append(out, t)
	}
	return out
}

func compile(query string) (*Plan, error) {
	catalog := testCatalog{"T": {Name: "T", Physical: `"db"."T"`,
		Columns: []Column{{"a", value.Long}, {"i", value.Int}, {"r", value.Real}, {"s", value.String},
			{"t", value.Datetime}, {"p", value.Timespan}, {"b", value.Bool}, {"d", value.Dynamic}, {"m", value.Decimal},
			{"g", value.GUID}}}}
	return Compile(query, Options{Database: "db", Catalog: catalog, Now: time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC),
		Parameters: map[string]string{"given": "7"}})
}

// schema is "name:type, …" of a plan.
func schema(plan *Plan) string {
	parts := make([]string, len(plan.Columns))
	for i, c := range plan.Columns {
		parts[i] = c.Name + ":" + c.Type.String()
	}
	return strings.Join(parts, ", ")
}

func TestResultColumnsHaveKustosNamesAndTypes(t *testing.T) {
	for _, c := range []struct{ query, want string }{
		{"T | project a, i + i, r * 2, tolower(s), strlen(s), tostring(a), t - t, t - 1h, p / p, p * 2, d.x.y",
			"a:long, Column1:long, Column2:real, Column3:string, strlen_s:long, a1:string, Column4:timespan, Column5:datetime, Column6:real, Column7:timespan, d_x_y:dynamic"},
		{"T | summarize count(), sum(i), avg(a), min(t), max(s), dcount(s), countif(b), sumif(a, b)",
			"count_:long, sum_i:long, avg_a:real, min_t:datetime, max_s:string, dcount_s:long, countif_b:long, sumif_a:long"},
		{"T | summarize percentile(a, 50), percentiles(r, 5, 99.9), stdev(a), make_list(s), make_set(i), take_any(s)",
			"percentile_a_50:long, percentile_r_5:real, percentile_r_99_9:real, stdev_a:real, list_s:dynamic, set_i:dynamic, s:string"},
		{"T | summarize arg_max(t, a, s) by i", "i:int, t:datetime, a:long, s:string"},
		{"T | project a, s, t | summarize arg_max(t, *) by s", "s:string, t:datetime, a:long"},
		{"T | summarize count() by bin(t, 1h), s", "t:datetime, s:string, count_:long"},
		{"T | summarize x = sum(a), sum(a), sum(a) by s", "s:string, x:long, sum_a:long, sum_a1:long"},
		{"T | extend a = tostring(a), n = a + 1 | project a, n", "a:string, n:long"},
		{"T | project a, s | join (T | project a, s) on a", "a:long, s:string, a1:long, s1:string"},
		{"T | project a, s | join kind=leftsemi (T | project a) on a", "a:long, s:string"},
		{"T | project a, s | lookup (T | project a, i) on a", "a:long, s:string, i:int"},
		{"union withsource=src (T | project a, x = s), (T | project a, x = i)",
			"src:string, a:long, x_string:string, x_int:int"},
		{"print 1, 'x', y = 2.5, dynamic([1])", "print_0:long, print_1:string, y:real, print_3:dynamic"},
		{"range x from 1 to 3 step 1", "x:long"},
		{"range x from now() to now() step 1h", "x:datetime"},
		{"T | count", "Count:long"},
		{"T | getschema", "ColumnName:string, ColumnOrdinal:int, DataType:string, ColumnType:string"},
		{"T | project d | mv-expand with_itemindex=k d to typeof(long)", "d:long, k:long"},
		{"T | make-series n = count() on t from now() to now() step 1d by s", "s:string, n:dynamic, t:dynamic"},
		{"T | project s | parse s with 'x=' x:long ',' y", "s:string, x:long, y:string"},
		{"T | project iff(b, a, r), case(b, i, a), coalesce(i, a), max_of(i, i), bin(r, 2), bin(a, 2)",
			"Column1:real, Column2:long, Column3:long, Column4:int, r:real, a:long"},
		{"declare query_parameters(given:long, other:string = 'z'); print given, other", "print_0:long, print_1:string"},
		{"Above(3) | project a", "a:long"},
		{"T | project-rename q = a | project-keep q, s | project-reorder s", "s:string, q:long"},
		{"T | top-nested 2 of s by n = count(), top-nested 1 of i by max(a)", "s:string, n:long, i:int, aggregated_i:long"},
		{"find in (T) where a == 1 project s, a:string", "source_:string, s:string, a:string"},
		{"T | project array_sort_asc(d), x = 1", "Column1:dynamic, x:long"},
		{"T | summarize hll(s), hll_if(s, b), tdigest(a), hll_merge(d), tdigest_merge(d)",
			"hll_s:dynamic, hll_if_s:dynamic, tdigest_a:dynamic, hll_merge_d:dynamic, merge_tdigests_d:dynamic"},
		{"T | project dcount_hll(d), hll_merge(d, d), percentile_tdigest(d, 5), x = percentile_tdigest(d, 5, typeof(long))",
			"dcount_hll_d:long, hll_merged_result:dynamic, percentile_tdigest_d:dynamic, x:long"},
	} {
		plan, err := compile(c.query)
		if err != nil {
			t.Errorf("%s: %v", c.query, err)
			continue
		}
		if got := schema(plan); got != c.want {
			t.Errorf("%s:\n got %s\nwant %s", c.query, got, c.want)
		}
	}
}

func TestSemanticErrorsNameTheCauseAndThePlace(t *testing.T) {
	for _, c := range []struct{ query, code, message string }{
		{"X | count", "SEM0100", "Failed to resolve table or column expression named 'X'"},
		{"T | where nope == 1", "SEM0100", "'where' operator: Failed to resolve column or scalar expression named 'nope'"},
		{"T | where s == 1", "SEM0064", "Cannot compare values of types string and long"},
		{"T | where strlenn(s) > 1", "SEM0260", "Unknown function: 'strlenn'"},
		{"T | where strlen(s, 1) > 1", "SEM0219", "strlen(): function expects 1 argument(s)"},
		{"T | extend x = s + 1", "SEM0219", "Operator '+' cannot be applied to string and long"},
		{"T | where a", "", ""},
		{"T | where s", "SEM0219", "Expected an expression of type bool"},
		{"T | extend x = count()", "SEM0100", "aggregates belong in summarize"},
		{"T | extend x = prev(a)", "SEM0100", "must be serialized"},
		{"T | join T on nope", "SEM0100", "the left side has no column 'nope'"},
		{"T | evaluate autocluster()", "SEM0001", "The plugin 'autocluster' is not supported"},
		{"T | evaluate pivot(s)", "SEM0001", "depends on data"},
		{"T | extend x = 1, x = 2", "SEM0049", "A column named 'x' already exists"},
		{"T | summarize a = count() by a", "SEM0049", "A column named 'a' already exists"},
		{"T | project a = a, a = s", "SEM0049", "A column named 'a' already exists"},
		{"T | summarize a + count() by s", "SEM0100", "'summarize' operator: the column 'a' is used outside an aggregate"},
		{"T | summarize a", "SEM0100", "the expression has no aggregate function"},
		{"T | summarize count() by d", "SEM0100", "is of a 'dynamic' type"},
		{"T | extend x = d + 1", "SEM0219", "Arithmetic expression cannot be carried-out between dynamic and long"},
		{"T | sort by d", "SEM0219", "A dynamic value cannot be a sort key"},
		{"T | mv-expand s", "SEM0219", "mv-expand: the expression must be dynamic but is string"},
		{"T | where s matches regex '('", "SEM0219", "The regular expression is invalid"},
		{"Loop()", "SEM0100", "nested more than"},
		{"let f = (x:long) { x }; print f('a')", "SEM0219", "argument 'x' must be long but is string"},
		{"T | summarize percentile(a, i)", "SEM0219", "The percentile must be a constant"},
		{"T | summarize percentile(a, toscalar(T | count))", "SEM0001", "depends on data"},
		{"T | extend x = column_ifexists(s, 0)", "SEM0219", "The column name must be a constant"},
		{"search 'x' and datetime(2020-01-01)", "SEM0001", "A term of type datetime is not supported"},
		{"T | extend x = format_datetime(t, 'MMM yyyy')", "SEM0219", "the format 'MMM yyyy' is not supported"},
		{"range x from 1 to 2 step 0", "SEM0219", "the 'step' must not be zero"},
		{"print decimal(1.0000000000000000000000000000000001)", "SEM0001", "A decimal of more than 34 digits"},
		{"range x from decimal(1) to decimal(2) step decimal(0.1)", "SEM0001", "a range of decimals is not supported"},
		{"print strlen(text = 'a')", "SEM0219", "do not take arguments by name"},
		{"T | summarize arg_max(a, x = s)", "SEM0219", "do not take arguments by name"},
		{"print abs('abc')", "SEM0219", "abs(): the arguments (string) have wrong types"},
		{"print hourofday('noon')", "SEM0219", "hourofday(): the arguments (string) have wrong types"},
		{"find in (T) where a == 1 project a, nope", "SEM0100", "find: Failed to resolve column named 'nope'"},
		{"find in (T) where nope == 1 project a", "SEM0100", "'find' operator: Failed to resolve column or scalar expression named 'nope'"},
		{"T; T", "SEM0001", "2 queries"},
		{"let x = 1;", "SYN0002", "no expression"},
	} {
		_, err := compile(c.query)
		if c.code == "" {
			if err != nil {
				t.Errorf("%s: %v", c.query, err)
			}
			continue
		}
		var e *syntax.Error
		if !errors.As(err, &e) {
			t.Errorf("%s: %v, want %s", c.query, err, c.code)
			continue
		}
		if e.Code != c.code || !strings.Contains(e.Message, c.message) || !e.Permanent {
			t.Errorf("%s: %v, want %s %s", c.query, err, c.code, c.message)
		}
	}
}

func TestGrowthByInliningIsBounded(t *testing.T) {
	query := "let t0 = T;"
	for i := range 40 {
		a, b := string(rune('0'+i/10))+string(rune('0'+i%10)), string(rune('0'+(i+1)/10))+string(rune('0'+(i+1)%10))
		if i == 0 {
			a = "0"
		}
		query += "let t" + b + " = t" + a + " | join t" + a + " on a;"
	}
	if _, err := compile(query + "t40"); err == nil {
		t.Error("no error")
	}
}

func TestFiltersOnColumnsStayPlainSQL(t *testing.T) {
	plan, err := compile("T | where t >= datetime(2020-01-01) and s == 'x' and a == 5 | project a")
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"= 'x'", "= 5::BIGINT", ">= 637134336000000000::BIGINT"} {
		if !strings.Contains(plan.SQL, want) {
			t.Errorf("%s lacks %s", plan.SQL, want)
		}
	}
	if strings.Contains(plan.SQL, "coalesce") || strings.Contains(plan.SQL, "CASE") {
		t.Errorf("the filter is not plain: %s", plan.SQL)
	}
}

func TestNowIsFixedForAQuery(t *testing.T) {
	plan, err := compile("print now(), ago(1h)")
	if err != nil {
		t.Fatal(err)
	}
	now := value.TicksOf(time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC))
	for _, want := range []string{literalSQL(value.Datetime, now), literalSQL(value.Datetime, now-value.Hour)} {
		if !strings.Contains(plan.SQL, want) {
			t.Errorf("%s lacks %s", plan.SQL, want)
		}
	}
}

func TestRenderIsKeptBesideThePlan(t *testing.T) {
	plan, err := compile(
		"T | summarize count() by s | render piechart with (title='Orders by city', xcolumn=s, ycolumns=count_, a)")
	if err != nil {
		t.Fatal(err)
	}
	r := plan.Visualization
	if r == nil || r.Visualization != "piechart" || r.Properties["title"] != "Orders by city" ||
		r.Properties["ycolumns"] != "count_, a" {
		t.Errorf("got %+v", r)
	}
}

func TestQueryParametersTakeLiteralsAndBareText(t *testing.T) {
	for _, c := range []struct{ typ, text, want string }{
		{"string", `"New York"`, `'New York'`}, {"string", `New York`, `'New York'`}, {"string", `a-b`, `'a-b'`},
		{"long", `5`, `5::BIGINT`}, {"long", `long(-5)`, `(-5)::BIGINT`}, {"int", `int(7)`, `7::INTEGER`},
		{"real", `1.5`, `(1.5e+00)`}, {"bool", `true`, `TRUE`},
		{"datetime", `2020-01-01`, `637134336000000000::BIGINT`},
		{"datetime", `datetime(2020-01-01)`, `637134336000000000::BIGINT`},
		{"timespan", `01:00:00`, `36000000000::BIGINT`}, {"timespan", `time(1h)`, `36000000000::BIGINT`},
		{"dynamic", `{"a": 1}`, `'{"a":1}'`}, {"dynamic", `dynamic([1])`, `'[1]'`},
	} {
		plan, err := Compile("declare query_parameters(p:"+c.typ+"); print p",
			Options{Parameters: map[string]string{"p": c.text}})
		if err != nil {
			t.Errorf("%s %s: %v", c.typ, c.text, err)
			continue
		}
		if !strings.Contains(plan.SQL, c.want) {
			t.Errorf("%s %s: %s lacks %s", c.typ, c.text, plan.SQL, c.want)
		}
	}
	for _, c := range []struct{ typ, text string }{{"datetime", "yesterday"}, {"guid", "x"}, {"long", "'a' +"}} {
		if _, err := Compile("declare query_parameters(p:"+c.typ+"); print p",
			Options{Parameters: map[string]string{"p": c.text}}); err == nil {
			t.Errorf("%s %s: no error", c.typ, c.text)
		}
	}
}
