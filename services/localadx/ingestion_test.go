package localadx_test

import (
	"database/sql"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	_ "github.com/duckdb/duckdb-go/v2"

	"github.com/calypso-cdc/calypso/services/localadx"
)

func TestABlobMayComeInBlocks(t *testing.T) {
	r := start(t, t.TempDir())
	r.createOrders()
	path, query, _ := strings.Cut(r.resource("TempStorage"), "?")
	url := path + "/a folder/shop%2F1 +0000 m=+0.1.json"
	put := func(extra, body string) {
		t.Helper()
		request, err := http.NewRequest(http.MethodPut, strings.ReplaceAll(url, " ", "%20")+"?"+extra+"&"+query,
			strings.NewReader(body))
		if err != nil {
			t.Fatal(err)
		}
		r.do(request, http.StatusCreated)
	}
	text := orders(0, 20)
	first, second := base64.StdEncoding.EncodeToString([]byte("block 1")),
		base64.StdEncoding.EncodeToString([]byte("block 2"))
	put("comp=block&blockid="+first, text[:300])
	put("comp=block&blockid="+second, text[300:])
	put("comp=blocklist", "<?xml version='1.0'?><BlockList><Latest>"+first+"</Latest><Latest>"+second+
		"</Latest></BlockList>")
	r.enqueue(strings.ReplaceAll(url, " ", "%20")+"?"+query,
		map[string]any{"format": "json", "ingestionMappingReference": "OrdersEventMapping"})
	r.eventually("the rows arrive", func() bool { return r.rows("Orders") == 20 })
}

func TestQueuedIngestionByREST(t *testing.T) {
	r := start(t, t.TempDir())
	r.createOrders()
	request, err := http.NewRequest(http.MethodGet, r.http+"/v1/rest/ingestion/configuration", nil)
	if err != nil {
		t.Fatal(err)
	}
	var configuration struct {
		ContainerSettings struct {
			Containers []struct{ Path string }
		}
		IngestionSettings struct {
			MaxBlobsPerBatch         int
			PreferredIngestionMethod string
		}
	}
	if err := json.Unmarshal([]byte(r.do(request, http.StatusOK)), &configuration); err != nil ||
		len(configuration.ContainerSettings.Containers) == 0 || configuration.IngestionSettings.MaxBlobsPerBatch != 20 {
		t.Fatalf("the configuration is %+v, %v", configuration, err)
	}
	good, bad := r.upload("good.json", []byte(orders(0, 5))), r.upload("bad.json", []byte("{"))
	status, body := r.post("/v1/rest/ingestion/queued/shop/Orders", fmt.Sprintf(
		`{"timestamp":"2026-01-01T00:00:00Z","blobs":[{"url":%q,"sourceId":"11111111-1111-1111-1111-111111111111","rawSize":100},{"url":%q,"sourceId":"22222222-2222-2222-2222-222222222222","rawSize":1}],`+
			`"properties":{"format":"multijson","enableTracking":true,"tags":["drop-by:x"],"ingestionMappingReference":"OrdersEventMapping","skipBatching":true}}`, good, bad))
	var accepted struct{ IngestionOperationID string }
	if err := json.Unmarshal([]byte(body), &accepted); err != nil || status != http.StatusOK ||
		accepted.IngestionOperationID == "" {
		t.Fatalf("%d %s", status, body)
	}
	var state struct {
		Status  map[string]int
		Details []struct{ SourceID, Status, ErrorCode string }
	}
	r.eventually("both end", func() bool {
		request, err := http.NewRequest(http.MethodGet, r.http+"/v1/rest/ingestion/queued/shop/Orders/"+
			accepted.IngestionOperationID+"?details=true", nil)
		if err != nil {
			t.Fatal(err)
		}
		if err := json.Unmarshal([]byte(r.do(request, http.StatusOK)), &state); err != nil {
			t.Fatal(err)
		}
		return state.Status["InProgress"] == 0
	})
	if state.Status["Succeeded"] != 1 || state.Status["Failed"] != 1 || len(state.Details) != 2 ||
		state.Details[1].ErrorCode != "BadRequest_InvalidBlob" {
		t.Errorf("the state is %+v", state)
	}
	if got := r.rows("Orders"); got != 5 {
		t.Errorf("the table has %d rows, want 5", got)
	}
	if status, body := r.post("/v1/rest/ingestion/queued/shop/Nope",
		`{"blobs":[{"url":"x"}],"properties":{}}`); status != http.StatusBadRequest {
		t.Errorf("a table that is not there: %d %s", status, body)
	}
}

func TestParquetIsIngestedByNameAndByMapping(t *testing.T) {
	r := start(t, t.TempDir())
	r.command(".create table T (id: long, at: datetime, price: decimal, tags: dynamic, id8: guid)")
	file := filepath.Join(t.TempDir(), "t.parquet")
	db, err := sql.Open("duckdb", "")
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	if _, err := db.Exec(
		`COPY (SELECT 7 AS id, TIMESTAMP '2026-01-02 03:04:05.123456' AS "at", 12345678901234567.12345678901234567::DECIMAL(38,17) AS price, ['a','b'] AS tags,
		UUID '74be27de-1e4e-49d9-b579-fe0b331d3642' AS id8, {'x': 1} AS nested) TO '` + file +
			`' (FORMAT parquet)`); err != nil {
		t.Fatal(err)
	}
	content, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	r.enqueueInto("T", r.upload("t.parquet", content), map[string]any{"format": "parquet"})
	r.enqueueInto("T", r.upload("u.parquet", content),
		map[string]any{"format": "parquet", "ingestionMapping": `[{"Column":"id","Properties":{"Path":"$.nested.x"}}]`})
	r.eventually("the rows arrive", func() bool { return r.rows("T") == 2 })
	const query = "T | sort by id asc | project id, at == datetime(2026-01-02T03:04:05.123456), price == decimal(12345678901234567.12345678901234567), tags, id8"
	want := `[[1 <nil> <nil> <nil> <nil>] [7 true true [a b] 74be27de-1e4e-49d9-b579-fe0b331d3642]]`
	if got := fmt.Sprint(r.query(query)); strings.ReplaceAll(got, "false", "<nil>") != want {
		t.Errorf("the rows are %s, want %s", got, want)
	}
}

func TestNaNAndInfinitiesAreIngestedFromParquet(t *testing.T) {
	r := start(t, t.TempDir())
	r.command(".create table T (id: long, r: real, list: dynamic)")
	file := filepath.Join(t.TempDir(), "t.parquet")
	db, err := sql.Open("duckdb", "")
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	if _, err := db.Exec(`COPY (SELECT unnest([1, 2, 3]) AS id, unnest(['NaN', 'Infinity', '-Infinity'])::DOUBLE AS r,
		['-Infinity'::FLOAT, 1.5] AS list) TO '` + file + `' (FORMAT parquet)`); err != nil {
		t.Fatal(err)
	}
	content, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	r.enqueueInto("T", r.upload("t.parquet", content), map[string]any{"format": "parquet"})
	r.eventually("the rows arrive", func() bool { return r.rows("T") == 3 })
	const want = `[[1 NaN -Infinity] [2 Infinity -Infinity] [3 -Infinity -Infinity]]`
	if got := fmt.Sprint(r.query("T | sort by id asc | project id, tostring(r), tostring(list[0])")); got != want {
		t.Errorf("the rows are %s, want %s", got, want)
	}
}

func TestAQueuedMappingWithTypesAddsColumns(t *testing.T) {
	r := start(t, t.TempDir())
	r.command(".create table T (a: string)")
	r.command(
		`.create table T ingestion json mapping 'm' '[{"column":"a","path":"$.a"},{"column":"n","path":"$.n","datatype":"long"}]'`)
	r.enqueueInto("T", r.upload("x.json", []byte(`{"a":"x","n":5}`)),
		map[string]any{"format": "json", "ingestionMappingReference": "m"})
	r.eventually("the row arrives", func() bool { return r.rows("T") == 1 })
	if got := fmt.Sprint(r.query("T")); got != "[[x 5]]" {
		t.Errorf("the row is %s", got)
	}
}

func TestOneBadBlobDoesNotHurtItsBatch(t *testing.T) {
	r := start(t, t.TempDir(), func(c *localadx.Config) { c.MaxBatchingTime = 0 })
	r.createOrders()
	// Complete with its third blob, however long that takes to come.
	r.command(
		`.alter table Orders policy ingestionbatching '{"MaximumBatchingTimeSpan":"00:05:00","MaximumNumberOfItems":3}'`)
	for i, text := range []string{orders(0, 5), `{"orderid":1}{`, orders(5, 5)} {
		url := r.upload(fmt.Sprintf("%d.json", i), []byte(text))
		message, err := json.Marshal(map[string]any{"Id": fmt.Sprint(i), "BlobPath": url, "RawDataSize": len(text),
			"DatabaseName": "shop", "TableName": "Orders",
			"AdditionalProperties": map[string]any{"format": "multijson", "ingestionMappingReference": "OrdersEventMapping"}})
		if err != nil {
			t.Fatal(err)
		}
		r.message(string(message))
	}
	r.eventually("the good ones arrive", func() bool { return r.rows("Orders") == 10 })
	r.eventually("the bad one fails", func() bool { return len(r.command(".show ingestion failures")) == 1 })
	if got := len(r.command(".show table Orders extents")); got != 1 {
		t.Errorf("the batch made %d extents, want 1", got)
	}
}

func TestFailuresHaveADXsCodes(t *testing.T) {
	r := start(t, t.TempDir())
	r.createOrders()
	url := func(text string) string { return r.upload(fmt.Sprintf("%d.x", len(text)), []byte(text)) }
	for code, message := range map[string]map[string]any{
		"BadRequest_TableNotExist":    {"BlobPath": url("1"), "DatabaseName": "shop", "TableName": "Nope"},
		"BadRequest_DatabaseNotExist": {"BlobPath": url("12"), "DatabaseName": "nope", "TableName": "Orders"},
		"BadRequest_MappingReferenceWasNotFound": {"BlobPath": url("123"), "DatabaseName": "shop", "TableName": "Orders",
			"AdditionalProperties": map[string]any{"format": "json", "ingestionMappingReference": "nope"}},
		"BadRequest_FormatNotSupported": {"BlobPath": url("1234"), "DatabaseName": "shop", "TableName": "Orders",
			"AdditionalProperties": map[string]any{"format": "orc"}},
		"BadRequest_EmptyBlob": {"BlobPath": r.upload("empty", nil), "DatabaseName": "shop",
			"TableName": "Orders"},
		"Stream_WrongNumberOfFields": {"BlobPath": url("a,b\nc,d,e"), "DatabaseName": "shop",
			"TableName": "Orders"},
		"Download_SourceNotFound": {"BlobPath": strings.Replace(url("12345"), "5.x", "gone.x", 1),
			"DatabaseName": "shop", "TableName": "Orders"},
		"BadRequest_InvalidMessage": {"DatabaseName": "shop"},
	} {
		text, err := json.Marshal(message)
		if err != nil {
			t.Fatal(err)
		}
		r.message(string(text))
		r.eventually(code, func() bool {
			return len(r.command(fmt.Sprintf(".show ingestion failures | where ErrorCode == '%s'", code))) == 1
		})
	}
}

func TestStreamingHasALimit(t *testing.T) {
	r := start(t, t.TempDir())
	r.createOrders()
	r.command(".alter table Orders policy streamingingestion enable")
	status, body := r.post("/v1/rest/ingest/shop/Orders?streamFormat=csv",
		strings.Repeat("1,2,Oslo,3,2020-01-01\n", 200_000))
	if status != http.StatusRequestEntityTooLarge || !strings.Contains(body, `"@permanent":true`) {
		t.Errorf("%d %.200s", status, body)
	}
	url := r.upload("s.csv", []byte("1,2,Oslo,3,2020-01-01"))
	if status, body := r.post("/v1/rest/ingest/shop/Orders?streamFormat=Csv&sourceKind=uri",
		fmt.Sprintf(`{"sourceUri":%q}`, url)); status != http.StatusOK || !strings.Contains(body, "[[1,") {
		t.Errorf("streaming from a blob: %d %s", status, body)
	}
	if got := r.rows("Orders"); got != 1 {
		t.Errorf("the table has %d rows, want 1", got)
	}
}

func TestRequestsLeftFromBeforeAreIngestedAfterARestart(t *testing.T) {
	dir := t.TempDir()
	slow := func(c *localadx.Config) { c.MaxBatchingTime = 0 }
	r := start(t, dir, slow)
	r.createOrders()
	text := orders(0, 5)
	url := r.upload("a.json", []byte(text))
	message, err := json.Marshal(map[string]any{"Id": "1", "BlobPath": url, "RawDataSize": len(text),
		"DatabaseName": "shop", "TableName": "Orders",
		"AdditionalProperties": map[string]any{"format": "json", "ingestionMappingReference": "OrdersEventMapping"}})
	if err != nil {
		t.Fatal(err)
	}
	r.message(string(message))
	r.stop()
	r = start(t, dir)
	r.eventually("the row arrives", func() bool { return r.rows("Orders") == 5 })
}

func TestANearlyFullDiskRefusesIngestionAndNothingElse(t *testing.T) {
	dir := t.TempDir()
	r := start(t, dir)
	r.createOrders()
	r.command(".ingest inline into table Orders <| 1,2,Oslo,3,2020-01-01")
	r.stop()
	r = start(t, dir, func(c *localadx.Config) { c.DiskReserve = 1 << 60 })
	if message := r.refused(".ingest inline into table Orders <| 1,2,Oslo,3,2020-01-01"); !strings.Contains(message,
		"make room") {
		t.Error(message)
	}
	path, query, _ := strings.Cut(r.resource("TempStorage"), "?")
	request, err := http.NewRequest(http.MethodPut, path+"/x?"+query, strings.NewReader("x"))
	if err != nil {
		t.Fatal(err)
	}
	r.do(request, http.StatusInsufficientStorage)
	if got := len(r.query("Orders")); got != 1 {
		t.Errorf("a query returns %d rows, want 1", got)
	}
	r.command(".clear table Orders data")
}
