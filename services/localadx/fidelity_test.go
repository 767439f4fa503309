package localadx_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/google/uuid"

	"github.com/calypso-cdc/calypso/services/localadx"
	"github.com/calypso-cdc/calypso/services/localadx/fidelity"
)

// like gives a server traits of Azure's service.
func like(traits ...fidelity.Trait) func(*localadx.Config) {
	return func(c *localadx.Config) { c.Like = traits }
}

// tagged asks for the ingestion of one row under a tag, guarded by it, and returns the end of the
// request in the status table.
func (r *running) tagged(table, row, tag string) map[string]any {
	r.t.Helper()
	key := uuid.NewString()
	status := r.resource("IngestionsStatusTable")
	text, err := json.Marshal(map[string]any{
		"Id": key, "BlobPath": r.upload(key+".csv", []byte(row+"\n")), "DatabaseName": "shop", "TableName": table,
		"ReportLevel": 2, "ReportMethod": 1,
		"IngestionStatusInTable": map[string]string{"TableConnectionString": status, "PartitionKey": key, "RowKey": key},
		"AdditionalProperties": map[string]any{"format": "csv", "tags": fmt.Sprintf(`["ingest-by:%s"]`, tag),
			"ingestIfNotExists": fmt.Sprintf("[%q]", tag)},
	})
	if err != nil {
		r.t.Fatal(err)
	}
	r.message(string(text))
	var entity map[string]any
	path, query, _ := strings.Cut(status, "?")
	r.eventually("the request ends", func() bool {
		request, err := http.NewRequest(http.MethodGet, fmt.Sprintf("%s(PartitionKey='%s',RowKey='%s')?%s", path, key,
			key, query), nil)
		if err != nil {
			r.t.Fatal(err)
		}
		response, err := r.client.Do(request)
		if err != nil {
			r.t.Fatal(err)
		}
		defer response.Body.Close()
		return response.StatusCode == http.StatusOK && json.NewDecoder(response.Body).Decode(&entity) == nil
	})
	return entity
}

func end(entity map[string]any) string {
	return fmt.Sprint(entity["Status"], " ", entity["ErrorCode"], " ", entity["FailureStatus"])
}

func TestADroppedBlobEndsInTheFormThatIsAskedFor(t *testing.T) {
	for want, adjust := range map[string]func(*localadx.Config){
		"Skipped <nil> <nil>":                               like(),
		"Failed Skipped_IngestByTagAlreadyExists Permanent": like(fidelity.SkippedAsFailed),
	} {
		r := start(t, t.TempDir(), adjust)
		r.command(".create table T (a: long)")
		if got := end(r.tagged("T", "1", "x")); got != "Succeeded <nil> <nil>" {
			t.Errorf("the first ended as %s", got)
		}
		if got := end(r.tagged("T", "1", "x")); got != want {
			t.Errorf("the second ended as %s, want %s", got, want)
		}
		if n := r.rows("T"); n != 1 {
			t.Errorf("%d rows", n)
		}
	}
}

func TestAMessageThatIsDeliveredTwiceIsDroppedTheSecondTimeByItsTag(t *testing.T) {
	r := start(t, t.TempDir(), like(fidelity.Redelivery, fidelity.SkippedAsFailed))
	r.command(".create table T (a: long)")
	if got := end(r.tagged("T", "1", "x")); got != "Failed Skipped_IngestByTagAlreadyExists Permanent" ||
		r.rows("T") != 1 {
		t.Errorf("it ended as %s with %d rows", got, r.rows("T"))
	}
}

func TestARequestMayEndAsExceedingItsRetriesWithItsRowsCommitted(t *testing.T) {
	r := start(t, t.TempDir(), like(fidelity.RetriesExceeded))
	r.command(".create table T (a: long)")
	ends := map[string]int{}
	for n := range 3 {
		ends[end(r.tagged("T", "1", fmt.Sprint(n)))]++
	}
	if ends["Failed General_RetryAttemptsExceeded Permanent"] != 1 || ends["Succeeded <nil> <nil>"] != 2 ||
		r.rows("T") != 3 {
		t.Errorf("the ends are %v, with %d rows", ends, r.rows("T"))
	}
}

func TestStreamingIngestionKnowsAChangedSchemaWhenItsCacheIsCleared(t *testing.T) {
	r := start(t, t.TempDir(), like(fidelity.StreamingCache))
	r.command(".create table T (a: long)")
	r.command(".alter table T policy streamingingestion enable")
	stream := func(body, parameters string) (int, string) {
		return r.post("/v1/rest/ingest/shop/T?streamFormat=json"+parameters, body)
	}
	if status, answer := stream(`{"a":1}`, ""); status != http.StatusOK {
		t.Fatal(status, answer)
	}
	r.command(".alter-merge table T (b: string)")
	r.command(`.create table T ingestion json mapping 'm' '[{"column":"b","Properties":{"path":"$.x"}}]'`)
	if status, answer := stream(`{"a":2,"b":"lost"}`, ""); status != http.StatusOK {
		t.Error(status, answer)
	}
	if status, answer := stream(`{"x":"mapped"}`, "&mappingName=m"); status != http.StatusBadRequest ||
		!strings.Contains(answer, "MappingReferenceWasNotFound") {
		t.Error("a mapping that is too new:", status, answer)
	}
	r.command(".clear table T cache streamingingestion schema")
	if status, answer := stream(`{"a":3,"b":"kept"}`, ""); status != http.StatusOK {
		t.Error(status, answer)
	}
	if status, answer := stream(`{"x":"mapped"}`, "&mappingName=m"); status != http.StatusOK {
		t.Error(status, answer)
	}
	if got := fmt.Sprint(r.query(
		"T | sort by a asc nulls last | project a, b")); got != "[[1 ] [2 ] [3 kept] [<nil> mapped]]" {
		t.Errorf("the rows are %s", got)
	}
}

func TestReservedNamesAreRefused(t *testing.T) {
	r := start(t, t.TempDir(), like(fidelity.ReservedNames))
	r.command(".create table T (a: long, _b: long, c_: long)")
	for _, command := range []string{
		".create table __T (a: long)", ".create table U (__op: string)", ".create-merge table U (a__: string)",
		".alter-merge table T (__x: string)",
		".rename column T.a to __a", ".alter table T (a: long, __y: long)",
	} {
		if said := r.refused(command); !strings.Contains(said, "reserved") {
			t.Errorf("%s: %s", command, said)
		}
	}
}

func TestAViewWithoutBackfillHasTheRowsThatComeAfterIt(t *testing.T) {
	dir := t.TempDir()
	r := start(t, dir, like(fidelity.ViewsFromCreation))
	r.command(".create table T (k: string, v: long)")
	r.command(".ingest inline into table T <| a,1")
	r.command(".create materialized-view Late on table T { T | summarize arg_max(v, *) by k }")
	r.command(".create materialized-view with (backfill=true) Whole on table T { T | summarize arg_max(v, *) by k }")
	r.command(".ingest inline into table T <| b,2")
	check := func(r *running) {
		t.Helper()
		if got := fmt.Sprint(r.query("Late | project k"), r.query("Whole | sort by k asc | project k"),
			r.query("T | count")); got != "[[b]] [[a] [b]] [[2]]" {
			t.Errorf("the views and the table have %s", got)
		}
	}
	check(r)
	r.stop()
	check(start(t, dir))
}

func TestClientsMayDoWhatTheirRolesAllow(t *testing.T) {
	dir := t.TempDir()
	r := start(t, dir)
	r.command(".create table T (a: long)")
	r.command(".alter table T policy streamingingestion enable")
	r.stop()
	// Whether it may: ask for resources, see the table, make a mapping, make a table, alter one,
	// make a view, see the capacity, query, stream.
	for role, want := range map[fidelity.Role]string{
		fidelity.Ingestor: "101000001", fidelity.Viewer: "110000010", fidelity.User: "110100110",
		fidelity.TableAdmin: "111010011", fidelity.DatabaseAdmin: "111111111",
	} {
		r := start(t, dir, func(c *localadx.Config) { c.Roles = fidelity.Roles{role} })
		got := ""
		note := func(status int) {
			switch status {
			case http.StatusOK:
				got += "1"
			case http.StatusForbidden:
				got += "0"
			default:
				got += fmt.Sprintf("(%d)", status)
			}
		}
		for _, command := range []string{
			".get ingestion resources", ".show table T cslschema",
			`.create-or-alter table T ingestion json mapping 'm' '[{"column":"a","Properties":{"path":"$.a"}}]'`,
			".create-merge table U (a: long)", ".alter-merge table T (b: long)",
			".create-or-alter materialized-view V on table T { T | summarize count() by a }",
			".show capacity",
		} {
			status, _ := r.send("/v1/rest/mgmt", "shop", command)
			note(status)
		}
		status, _ := r.send("/v1/rest/query", "shop", "T | count")
		note(status)
		status, _ = r.post("/v1/rest/ingest/shop/T?streamFormat=csv", "1\n")
		note(status)
		if got != want {
			t.Errorf("%s may %s, want %s", role, got, want)
		}
		r.stop()
	}
}

func TestAQueuedRequestWithoutTheRoleFailsInTheStatusTable(t *testing.T) {
	dir := t.TempDir()
	r := start(t, dir)
	r.command(".create table T (a: long)")
	r.stop()
	// Nobody with this role would get the queue's address; it is known from before.
	r = start(t, dir, func(c *localadx.Config) { c.Roles = fidelity.Roles{fidelity.Viewer} })
	if got := end(r.tagged("T", "1", "x")); got != "Failed BadRequest_TableAccessDenied Permanent" {
		t.Errorf("it ended as %s", got)
	}
}

func TestTheStatusTableAsksToWaitBeyondItsRequestsOfADay(t *testing.T) {
	r := start(t, t.TempDir(), func(c *localadx.Config) { c.StatusOperations = 2 })
	path, query, _ := strings.Cut(r.resource("IngestionsStatusTable"), "?")
	for n, want := range []int{http.StatusNotFound, http.StatusNotFound, http.StatusServiceUnavailable} {
		request, err := http.NewRequest(http.MethodGet, path+"(PartitionKey='x',RowKey='x')?"+query, nil)
		if err != nil {
			t.Fatal(err)
		}
		if body := r.do(request, want); n == 2 && !strings.Contains(body, "ServerBusy") {
			t.Errorf("it says %s", body)
		}
	}
}

func TestBothQueuesAreRead(t *testing.T) {
	r := start(t, t.TempDir(), like(fidelity.TwoQueues))
	r.createOrders()
	queues := map[string]bool{}
	for _, row := range r.command(".get ingestion resources") {
		if row[0] == "SecuredReadyForAggregationQueue" {
			queues[row[1].(string)] = true
		}
	}
	if len(queues) != 2 {
		t.Fatalf("the queues are %v", queues)
	}
	n := 0
	for queue := range queues {
		n++
		blob := r.upload(fmt.Sprintf("%d.json", n), []byte(orders(n, 1)))
		r.messageTo(queue,
			fmt.Sprintf(
				`{"Id":"%d","BlobPath":%q,"DatabaseName":"shop","TableName":"Orders","AdditionalProperties":{"format":"json"}}`, n,
				blob))
	}
	r.eventually("both rows arrive", func() bool { return r.rows("Orders") == 2 })
}
