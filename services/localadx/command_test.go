package localadx_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// column returns one column of rows as text.
func column(rows [][]any, i int) []string {
	texts := make([]string, len(rows))
	for n, row := range rows {
		texts[n] = fmt.Sprint(row[i])
	}
	return texts
}

func TestTheUseCaseSevenQuestions(t *testing.T) {
	r := start(t, t.TempDir())
	r.createOrders()
	if got := r.command(".show table Orders policy ingestionbatching")[0][2]; !strings.Contains(got.(string), "00:00:30") {
		t.Errorf("the policy is %v", got)
	}
	r.command(`.ingest inline into table Orders <|
1,77,Seattle,140,2020-10-09 07:10:49
2,541,Cleveland,186,2020-10-09 07:10:46
3,533,Cleveland,116,2020-10-09 07:19:42
4,306,New York,183,2020-10-10 23:59:59
5,306,"New York",50,2020-10-11 00:00:00`)
	for query, want := range map[string]string{
		`Orders | where city == 'New York' | count`:                                                                                           `[[2]]`,
		`Orders | project orderid, amount | sort by amount desc | take 1`:                                                                     `[["2",186]]`,
		`Orders | summarize avg(amount) by city | sort by city asc | render columnchart`:                                                      `[["Cleveland",151],["New York",116.5],["Seattle",140]]`,
		`Orders | summarize sum(amount) by city | sort by city asc | render piechart`:                                                         `[["Cleveland",302],["New York",233],["Seattle",140]]`,
		`Orders | summarize count() by city | sort by city asc | render linechart`:                                                            `[["Cleveland",2],["New York",2],["Seattle",1]]`,
		`Orders | extend hour = floor(purchase_time % 1d, 10m) | summarize event_count=count() by hour | sort by hour asc | render timechart`: `[["00:00:00",1],["07:10:00",3],["23:50:00",1]]`,
		`Orders | extend hour = floor(purchase_time % 1d, 10m) | where city in ('Seattle','New York') | summarize event_count=count() by hour, city | sort by hour asc, city asc | render columnchart`: `[["00:00:00","New York",1],["07:10:00","Seattle",1],["23:50:00","New York",1]]`,
	} {
		got, err := json.Marshal(r.query(query))
		if err != nil {
			t.Fatal(err)
		}
		if string(got) != want {
			t.Errorf("%s\n got %s\nwant %s", query, got, want)
		}
	}
}

func TestColumnsOfCommandsAreKustos(t *testing.T) {
	shared := os.Getenv("CALYPSO_SHARED")
	if shared == "" {
		shared = "../../../shared"
	}
	text, err := os.ReadFile(filepath.Join(shared, "kql", "command-schemas.json"))
	if err != nil {
		t.Skipf("the recorded schemas are not here: %v", err)
	}
	var recorded []struct {
		Cmd    string
		Schema []string
	}
	if err := json.Unmarshal(text, &recorded); err != nil {
		t.Fatal(err)
	}
	// What localadx does not have is refused; the rest must have Kusto's columns, to which it may add.
	refused := []string{".ingest into", ".add database", ".show journal", ".show table Orders column statistics",
		".show extents", ".purge", ".delete table Orders records", ".show principal access", ".show diagnostics"}
	for _, c := range recorded {
		if len(c.Schema) == 0 || slices.ContainsFunc(refused,
			func(prefix string) bool { return strings.HasPrefix(c.Cmd, prefix) }) {
			continue
		}
		t.Run(c.Cmd, func(t *testing.T) {
			r := start(t, t.TempDir())
			r.command(createOrders)
			r.command(".create table T2 (orderid: string, custid: string, city: string, amount: int, purchase_time: datetime)")
			prepare := map[string]string{
				".drop table Orders ingestion json mapping 'm'": `.create table Orders ingestion json mapping 'm' '[]'`,
				".show table Orders ingestion json mapping 'm'": `.create table Orders ingestion json mapping 'm' '[]'`,
				".show materialized-view MV":                    `.create materialized-view MV on table Orders { Orders | summarize count() by city }`,
				".drop materialized-view MV":                    `.create materialized-view MV on table Orders { Orders | summarize count() by city }`,
				".create-merge table T2 (a:string)":             `.drop table T2`,
				".create table T2 (a:string,b:int)":             `.drop table T2`,
				".drop function F":                              `.create function F() { Orders }`,
				".drop database X":                              `.create database X`,
				".show database db schema as json":              `.create database db`,
			}
			if first, ok := prepare[c.Cmd]; ok {
				r.command(first)
			}
			status, a := r.send("/v1/rest/mgmt", "shop", c.Cmd)
			if status != http.StatusOK {
				t.Fatalf("%d %+v", status, a.Error)
			}
			var columns []string
			for _, column := range a.Tables[0].Columns {
				columns = append(columns, column.ColumnName+":"+column.ColumnType)
			}
			if len(columns) < len(c.Schema) || !slices.Equal(columns[:len(c.Schema)], c.Schema) {
				t.Errorf("the columns are\n%v\nwant\n%v", columns, c.Schema)
			}
		})
	}
}

func TestTablesChangeTheirColumns(t *testing.T) {
	r := start(t, t.TempDir())
	r.command(".create table T (a: string, b: long) with (folder='f', docstring=\"d\")")
	r.command(".ingest inline into table T <| x,1")
	r.command(".create table T (a: string, b: long)") // again, the same
	if message := r.refused(".create table T (a: string)"); !strings.Contains(message, "already exists") {
		t.Error(message)
	}
	r.command(".create-merge table T (c: int, a: string)")
	if message := r.refused(".alter-merge table T (b: string)"); !strings.Contains(message, "type long") {
		t.Error(message)
	}
	r.command(".rename column T.b to bb")
	r.command(".alter table T (bb: long, a: string, ['d e']: datetime)")
	if got := r.command(".show table T cslschema")[0]; got[1] != "bb:long,a:string,['d e']:datetime" ||
		got[3] != "f" || got[4] != "d" {
		t.Errorf("the schema is %v", got)
	}
	if got := fmt.Sprint(r.query("T")); got != "[[1 x <nil>]]" {
		t.Errorf("the row is %s", got)
	}
	r.command(".alter column T.bb type=string")
	if got := fmt.Sprint(r.query("T")); got != "[[ x <nil>]]" {
		t.Errorf("after the change of type the row is %s", got)
	}
	r.command(".drop column T.bb")
	r.command(".ingest inline into table T <| y,2020-01-01")
	if got := fmt.Sprint(r.query("T | sort by a asc")); got != "[[x <nil>] [y 2020-01-01T00:00:00Z]]" {
		t.Errorf("after a dropped column the rows are %s", got)
	}
	r.command(".create table U (z: string)")
	r.command(".rename tables T = U, U = T")
	if got := column(r.query("U | sort by a asc"), 0); !slices.Equal(got, []string{"x", "y"}) {
		t.Errorf("after the swap U holds %v", got)
	}
	r.command(".drop table Nope ifexists")
	if message := r.refused(".drop table Nope"); !strings.Contains(message, "Nope") {
		t.Error(message)
	}
	r.command(".drop tables (T, U)")
	if got := r.command(".show tables"); len(got) != 0 {
		t.Errorf("tables are left: %v", got)
	}
}

func TestNamesMayDifferInCase(t *testing.T) {
	r := start(t, t.TempDir())
	r.command(".create table T (a: string)")
	r.command(".create table t (a: string)")
	r.command(".ingest inline into table T <| upper")
	r.command(".ingest inline into table t <| lower")
	if got := fmt.Sprint(r.query("T"), r.query("t")); got != "[[upper]] [[lower]]" {
		t.Error(got)
	}
	if message := r.refused(".create table U (a: string, A: string)"); !strings.Contains(message, "differ only in case") {
		t.Error(message)
	}
}

func TestQueriesFillTables(t *testing.T) {
	r := start(t, t.TempDir())
	r.command(".set T <| range n from 1 to 3 step 1")
	r.command(".append T <| print n=4")
	r.command(".set-or-append T <| print n=5")
	if message := r.refused(".set T <| print n=1"); !strings.Contains(message, "already exists") {
		t.Error(message)
	}
	if message := r.refused(".append T <| print n='x'"); !strings.Contains(message, "type string") {
		t.Error(message)
	}
	r.command(".set-or-replace T <| T | where n > 1 | extend n = n * 10")
	if got := column(r.query("T | sort by n asc"), 0); !slices.Equal(got, []string{"20", "30", "40", "50"}) {
		t.Errorf("the table holds %v", got)
	}
	if got := len(r.command(".show table T extents")); got != 1 {
		t.Errorf("after the replacement there are %d extents", got)
	}
}

func TestExtentsCarryTagsAndCanBeDropped(t *testing.T) {
	r := start(t, t.TempDir())
	r.command(".create table T (a: string)")
	for range 2 {
		r.command(
			`.ingest inline into table T with (tags='["ingest-by:one","drop-by:x"]', ingestIfNotExists='["one"]', creationTime='2020-02-02') <| x`)
	}
	r.command(`.ingest inline into table T <| y`)
	extents := r.command(`.show table T extents | where Tags has "ingest-by:one" | project RowCount, MinCreatedOn`)
	if got := fmt.Sprint(extents); got != "[[1 2020-02-02T00:00:00Z]]" {
		t.Errorf("the tagged extents are %s", got)
	}
	r.command(`.drop extents <| .show table T extents where tags has 'drop-by:x'`)
	if got := fmt.Sprint(r.query("T")); got != "[[y]]" {
		t.Errorf("after dropping the tagged extent the table holds %s", got)
	}
	r.command(`.ingest inline into table T with (tags='["ingest-by:one"]', ingestIfNotExists='["one"]') <| again`)
	if got := r.rows("T"); got != 2 {
		t.Errorf("a tag that was dropped keeps rows out: %d rows", got)
	}
	r.command(".clear table T data")
	if got := r.rows("T"); got != 0 {
		t.Errorf("after clearing there are %d rows", got)
	}
}

func TestExtentsMoveBetweenTablesWithTheirTags(t *testing.T) {
	r := start(t, t.TempDir())
	r.command(".create table Staging (a: string, b: long)")
	r.command(".create table T (b: long, a: string)")
	r.command(".create table Other (a: string)")
	r.command(`.ingest inline into table Staging with (tags='["ingest-by:1"]') <| x,1`)
	if message := r.refused(".move extents all from table Staging to table Other"); !strings.Contains(message,
		"same columns") {
		t.Error(message)
	}
	r.command(".move extents all from table Staging to table T")
	if got := fmt.Sprint(r.query("T"), r.query("Staging")); got != "[[1 x]] []" {
		t.Errorf("after the move the tables hold %s", got)
	}
	r.command(`.ingest inline into table T with (tags='["ingest-by:1"]', ingestIfNotExists='["1"]') <| 2,y`)
	if got := r.rows("T"); got != 1 {
		t.Errorf("the tag did not move: %d rows", got)
	}
}

func TestBlobsAreIngestedByCommand(t *testing.T) {
	r := start(t, t.TempDir())
	r.createOrders()
	first, second := r.upload("1.csv", []byte("1,2,Oslo,3,2020-01-01")), r.upload("2.json", []byte(orders(0, 3)))
	r.command(fmt.Sprintf(".ingest into table Orders (h@'%s')", first))
	rows := r.command(fmt.Sprintf(
		`.ingest async into table Orders ("%s") with (format='json', ingestionMappingReference='OrdersEventMapping')`,
		second))
	if got := column(r.command(".show operations "+rows[0][0].(string)), 6); !slices.Equal(got, []string{"Completed"}) {
		t.Errorf("the operation is %v", got)
	}
	if got := r.rows("Orders"); got != 4 {
		t.Errorf("the table has %d rows, want 4", got)
	}
}

func TestClientsNeedNotNameTheDatabase(t *testing.T) {
	r := start(t, t.TempDir())
	r.command(".create table T (a: string)")
	for _, database := range []string{"", "NetDefaultDB", "SHOP"} {
		if status, a := r.send("/v1/rest/query", database, "T | count"); status != http.StatusOK {
			t.Errorf("%q: %+v", database, a.Error)
		}
	}
	if message := r.refused(".drop database NetDefaultDB"); !strings.Contains(message, "NetDefaultDB") {
		t.Error(message)
	}
}

func TestDeletingRecordsRemovesThoseTheQueryReturns(t *testing.T) {
	r := start(t, t.TempDir())
	r.command(".set T <| range n from 1 to 5 step 1")
	if got := r.command(".delete table T records <| T | where n > 3")[0][3]; got != 2.0 {
		t.Errorf("%v rows were deleted, want 2", got)
	}
	r.command(".purge table T records in database shop with (noregrets='true') <| where n == 1")
	if got := column(r.query("T | sort by n asc"), 0); !slices.Equal(got, []string{"2", "3"}) {
		t.Errorf("the table holds %v", got)
	}
	if got := r.rows("T"); got != 2 {
		t.Errorf("the extents count %d rows", got)
	}
}

func TestUpdatingATableReplacesRowsInOneStep(t *testing.T) {
	r := start(t, t.TempDir())
	r.command(".set T <| datatable(n:long, s:string)[1, 'a', 2, 'b', 3, 'c']")
	// The new rows match the filter of the old ones, too, and both are worked out before anything changes.
	changes := r.command(
		".update table T delete Old append New <| let Old = T | where n >= toscalar(T | summarize max(n)) - 1; let New = T | where n > 1 | extend n = n + 1, s = strcat(s, '!');")
	if len(changes) != 2 || fmt.Sprint([]any{changes[0][1], changes[0][3], changes[1][1],
		changes[1][3]}) != "[Delete 2 Append 2]" {
		t.Errorf("the command says %v", changes)
	}
	if got := fmt.Sprint(r.query("T | sort by n asc")); got != "[[1 a] [3 b!] [4 c!]]" {
		t.Errorf("the table holds %s", got)
	}
	if got := r.rows("T"); got != 3 {
		t.Errorf("the extents count %d rows", got)
	}
	r.command(".update table T on n <| datatable(n:long, s:string)[3, 'x', 9, 'new']")
	if got := fmt.Sprint(r.query("T | sort by n asc")); got != "[[1 a] [3 x] [4 c!] [9 new]]" {
		t.Errorf("after the update by a column the table holds %s", got)
	}
	for _, wrong := range []string{
		".update table T delete Old append New <| let Old = T | where n == 1; let New = print n = 'text', s = 'x'",
		".update table T delete Old append New <| let Old = T | summarize n = max(n); let New = T | take 0",
		".update table T delete Old append New <| let Old = T | where n == 1",
	} {
		r.refused(wrong)
	}
	if got := r.rows("T"); got != 4 {
		t.Errorf("refused updates left %d rows", got)
	}
	r.command(".update table T delete Old append New <| let Old = T; let New = T | take 0")
	if got := len(r.query("T")); got != 0 {
		t.Errorf("%d rows are left", got)
	}
}

func TestFunctionsAreStoredAndCalled(t *testing.T) {
	r := start(t, t.TempDir())
	r.command(".set T <| range n from 1 to 5 step 1")
	r.command(".create-or-alter function with (folder='f') Above(limit: long) { T | where n > limit }")
	if got := len(r.query("Above(3)")); got != 2 {
		t.Errorf("the function returns %d rows", got)
	}
	if got := len(r.query("['Above'](3) | union (database(current_database()).['Above'](4))")); got != 3 {
		t.Errorf("the function returns %d rows where its name is quoted", got)
	}
	if got := r.command(".show functions")[0][:4]; fmt.Sprint(got) != "[Above (limit: long) { T | where n > limit } f]" {
		t.Errorf("the function is shown as %v", got)
	}
	if message := r.refused(".create function Above() { T }"); !strings.Contains(message, "already exists") {
		t.Error(message)
	}
	r.command(".drop function Above")
}

func TestAMaterializedViewIsTheCurrentState(t *testing.T) {
	r := start(t, t.TempDir())
	r.command(".create table Changes (id: string, seq: long, city: string, _deleted: bool)")
	r.command(".ingest inline into table Changes <|\na,1,Oslo,false\na,2,Rome,false\nb,1,Bern,false")
	r.command(".create materialized-view Current on table Changes { Changes | summarize arg_max(seq, *) by id }")
	r.command(".ingest inline into table Changes <|\nb,2,Bern,true")
	if got := fmt.Sprint(r.query("Current | where not(_deleted) | project id, city")); got != "[[a Rome]]" {
		t.Errorf("the view holds %s", got)
	}
	if got := fmt.Sprint(r.query("materialized_view('Current') | count")); got != "[[2]]" {
		t.Errorf("materialized_view() counts %s", got)
	}
	if message := r.refused(".drop table Changes"); !strings.Contains(message, "Current") {
		t.Error(message)
	}
	r.command(".drop materialized-view Current")
}

func TestAnUpdatePolicyFillsItsTableInTheSameTransaction(t *testing.T) {
	r := start(t, t.TempDir())
	r.command(".create table Raw (line: string)")
	r.command(".create table Parsed (key: string, n: long)")
	r.command(
		`.alter table Parsed policy update @'[{"IsEnabled":true,"Source":"Raw","Query":"Raw | project key = tostring(split(line, \"=\")[0]), n = tolong(split(line, \"=\")[1])","IsTransactional":true}]'`)
	r.command(".ingest inline into table Raw with (format='txt') <|\na=1\nb=2")
	if got := fmt.Sprint(r.query("Parsed | sort by key asc")); got != "[[a 1] [b 2]]" {
		t.Errorf("the policy's table holds %s", got)
	}
	r.command(".ingest inline into table Raw with (format='txt') <| c=3")
	if got := r.rows("Parsed"); got != 3 {
		t.Errorf("the policy's table has %d rows, want 3", got)
	}
	r.command(".drop table Parsed")
	r.command(".create table Parsed (other: string)")
	r.command(
		`.alter table Parsed policy update @'[{"IsEnabled":true,"Source":"Raw","Query":"Raw | project n = 1","IsTransactional":true}]'`)
	if message := r.refused(".ingest inline into table Raw with (format='txt') <| d=4"); !strings.Contains(message,
		"update policy of table 'Parsed'") {
		t.Error(message)
	}
	if got := r.rows("Raw"); got != 3 {
		t.Errorf("the source has %d rows although its update policy failed, want 3", got)
	}
}

func TestAFailedUpdatePolicyThatIsNotTransactionalLeavesTheIngestion(t *testing.T) {
	r := start(t, t.TempDir())
	r.command(".create table Raw (line: string)")
	r.command(".create table Good (n: long)")
	r.command(".create table Next (n: long)")
	r.command(".create table Bad (n: long)")
	r.command(".create table Back (n: long)")
	r.command(
		`.alter table Good policy update @'[{"IsEnabled":true,"Source":"Raw","Query":"Raw | project n = strlen(line)","IsTransactional":false}]'`)
	r.command(
		`.alter table Next policy update @'[{"IsEnabled":true,"Source":"Good","Query":"Good | project n = n + 1","IsTransactional":true}]'`)
	r.command(
		`.alter table Back policy update @'[{"IsEnabled":true,"Source":"Good","Query":"Good | project n","IsTransactional":false}]'`)
	r.command(
		`.alter table Good policy update @'[{"IsEnabled":true,"Source":"Raw","Query":"Raw | project n = strlen(line)"},{"IsEnabled":true,"Source":"Back","Query":"Back | project n"}]'`)
	r.command(
		`.alter table Bad policy update @'[{"IsEnabled":true,"Source":"Raw","Query":"Raw | project line","IsTransactional":false}]'`)
	r.command(".ingest inline into table Raw with (format='txt') <| abc")
	for query, want := range map[string]string{"Raw": "[[abc]]", "Good": "[[3]]", "Next": "[[4]]",
		"Bad | count": "[[0]]"} {
		if got := fmt.Sprint(r.query(query)); got != want {
			t.Errorf("%s is %s, want %s", query, got, want)
		}
	}
	failures := r.command(
		".show ingestion failures | project Table, ErrorCode, OriginatesFromUpdatePolicy | sort by Table asc")
	if got := fmt.Sprint(
		failures); got != "[[Bad UpdatePolicy_IngestionError true] [Good UpdatePolicy_IngestionError true]]" {
		t.Errorf("the failures are %s", got)
	}
}

func TestRowsTellWhenAndWithWhichExtentTheyCame(t *testing.T) {
	r := start(t, t.TempDir())
	r.command(".create table T (a: string)")
	r.command(`.ingest inline into table T with (tags='["drop-by:<1>"]') <| x`)
	cursor := r.query("print cursor_current()")[0][0]
	r.command(".ingest inline into table T <| y")
	extents := r.command(".show table T extents | project ExtentId, MaxCreatedOn")
	for query, want := range map[string]string{
		"T | where ingestion_time() between (ago(1h) .. now(1h)) | summarize count(), dcount(extent_id())": "[[2 2]]",
		"T | where extent_tags() has 'drop-by:<1>' | project a":                                            "[[x]]",
		"T | sort by ingestion_time() asc | project a, array_length(extent_tags())":                        "[[x 1] [y 0]]",
		fmt.Sprintf("T | where cursor_after('%s') | project a", cursor):                                    "[[y]]",
		fmt.Sprintf("T | where cursor_before_or_at('%s') | project a", cursor):                             "[[x]]",
		"T | where cursor_after(cursor_current()) | count":                                                 "[[0]]",
		fmt.Sprintf("T | where extent_id() == guid(%s) | project a", extents[1][0]):                        "[[y]]",
		"T | as Q | union (T | project a) | join kind=inner Q on a | count":                                "[[4]]",
	} {
		if got := fmt.Sprint(r.query(query)); got != want {
			t.Errorf("%s: %s, want %s", query, got, want)
		}
	}
}

func TestPoliciesAreCheckedAndShown(t *testing.T) {
	r := start(t, t.TempDir())
	r.command(".create table T (a: string)")
	if got := r.command(".show table T policy streamingingestion")[0][2]; got != nil {
		t.Errorf("a policy that was never set is %v", got)
	}
	for command, want := range map[string]string{
		".alter table T policy ingestionbatching '{\"MaximumBatchingTimeSpan\":\"00:00:05\"}'": "between 00:00:10 and 00:30:00",
		".alter table T policy ingestionbatching 'nope'":                                       "not valid JSON",
		".alter table T policy row_level_security 'x'":                                         "not supported",
		".alter table Nope policy retention '{}'":                                              "Nope",
	} {
		if message := r.refused(command); !strings.Contains(message, want) {
			t.Errorf("%s: %s", command, message)
		}
	}
	r.command(`.alter-merge table T policy retention softdelete = 30d recoverability = disabled`)
	r.command(`.alter-merge table T policy retention softdelete = 10d`)
	if got := r.command(
		".show table T policy retention")[0][2]; got != `{"Recoverability":"Disabled","SoftDeletePeriod":"10.00:00:00"}` {
		t.Errorf("the merged policy is %v", got)
	}
	r.command(".delete table T policy retention")
	r.command(".alter database shop policy streamingingestion enable")
	if status, body := r.post("/v1/rest/ingest/shop/T?streamFormat=csv", "x"); status != http.StatusOK {
		t.Errorf("the database's policy does not hold for its table: %d %s", status, body)
	}
	r.command(".alter table T policy streamingingestion disable")
	if status, _ := r.post("/v1/rest/ingest/shop/T?streamFormat=csv", "x"); status != http.StatusNotFound {
		t.Errorf("the table's policy does not go before the database's: %d", status)
	}
}

func TestAScriptRunsItsCommandsInOrder(t *testing.T) {
	r := start(t, t.TempDir())
	rows := r.command(`.execute database script with (ContinueOnErrors=true) <|
.create table A (a: string)
// a comment
.create-or-alter function F() {
    A
    | take 1
}
.drop table Nope
.create table B (b: string)`)
	if got := column(rows, 3); !slices.Equal(got, []string{"Completed", "Completed", "Failed", "Completed"}) {
		t.Errorf("the commands ended as %v", got)
	}
}

func TestDataAndSchemaSurviveARestart(t *testing.T) {
	dir := t.TempDir()
	r := start(t, dir)
	r.createOrders()
	r.command(
		`.ingest inline into table Orders with (tags='["ingest-by:one"]', ingestIfNotExists='["one"]') <| 1,2,Oslo,3,2020-01-01`)
	r.command(".create database Second")
	r.stop()
	r = start(t, dir)
	r.command(
		`.ingest inline into table Orders with (tags='["ingest-by:one"]', ingestIfNotExists='["one"]') <| 1,2,Oslo,3,2020-01-01`)
	if got := fmt.Sprint(r.query("Orders")); got != "[[1 2 Oslo 3 2020-01-01T00:00:00Z]]" {
		t.Errorf("the table holds %s", got)
	}
	if got := column(r.command(".show databases"), 0); !slices.Equal(got, []string{"Second", "shop"}) {
		t.Errorf("the databases are %v", got)
	}
	if got := len(r.command(".show table Orders ingestion json mappings")); got != 1 {
		t.Errorf("there are %d mappings", got)
	}
}

func TestSyntaxErrorsSayWhereAndWhatWasExpected(t *testing.T) {
	r := start(t, t.TempDir())
	for command, want := range map[string]string{
		".create table T a: string)":           "[line:position=1:16]",
		".create table T (a: strin)":           "a type (",
		".show table T policy":                 "policy",
		".alter table T policy retention\n\t4": "[line:position=2:2]",
	} {
		if message := r.refused(command); !strings.Contains(message, want) {
			t.Errorf("%s: %s", command, message)
		}
	}
}
