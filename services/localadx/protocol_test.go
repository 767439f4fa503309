package localadx_test

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"

	"github.com/calypso-cdc/calypso/services/localadx"
)

func TestSignInMetadataIsAbsent(t *testing.T) {
	r := start(t, t.TempDir())
	response, err := r.client.Get(r.http + "/v1/rest/auth/metadata")
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	if err != nil || response.StatusCode != http.StatusNotFound || len(body) != 0 {
		t.Errorf("the answer is %s %q, %v; want 404 without a body", response.Status, body, err)
	}
}

func TestTheFragmentedDialectIsWhatTheGoSDKReads(t *testing.T) {
	r := start(t, t.TempDir())
	status, body := r.post("/v2/rest/query",
		`{"db":"shop","csl":"print a=1, s='x'","properties":{"Options":{"results_v2_fragment_primary_tables":true,"results_v2_newlines_between_frames":true}}}`)
	if status != http.StatusOK {
		t.Fatal(status, body)
	}
	lines := strings.Split(strings.TrimSpace(body), "\n")
	starts := []string{
		`[{"FrameType":"DataSetHeader","IsProgressive":false,"Version":"v2.0","IsFragmented":true,"ErrorReportingPlacement":"EndOfTable"}`,
		`,{"FrameType":"DataTable","TableId":0,"TableKind":"QueryProperties","TableName":"@ExtendedProperties","Columns":[`,
		`,{"FrameType":"TableHeader","TableId":1,"TableKind":"PrimaryResult","TableName":"PrimaryResult","Columns":[{"ColumnName":"a","ColumnType":"long"},{"ColumnName":"s","ColumnType":"string"}]}`,
		`,{"FrameType":"TableFragment","TableFragmentType":"DataAppend","TableId":1,"Rows":[[1,"x"]]}`,
		`,{"FrameType":"TableCompletion","TableId":1,"RowCount":1}`,
		`,{"FrameType":"DataTable","TableId":2,"TableKind":"QueryCompletionInformation","TableName":"QueryCompletionInformation","Columns":[`,
		`,{"FrameType":"DataSetCompletion","HasErrors":false,"Cancelled":false}`,
		`]`,
	}
	if len(lines) != len(starts) {
		t.Fatalf("there are %d lines, want %d:\n%s", len(lines), len(starts), body)
	}
	for i, want := range starts {
		if !strings.HasPrefix(lines[i], want) {
			t.Errorf("line %d is\n%s\nwant it to start\n%s", i+1, lines[i], want)
		}
	}
}

// "Batches" and "Query v2 HTTP response" of the documentation: each statement with a result has a
// table of its own, in their order.
func TestEachQueryOfARequestHasATableOfItsOwn(t *testing.T) {
	r := start(t, t.TempDir())
	const text = "let n = 2; let T = materialize(range x from 1 to n step 1); T | count; T | render table; let m = n + 1; print m"
	status, body := r.post("/v2/rest/query", `{"db":"shop","csl":"`+text+`"}`)
	var frames []struct {
		FrameType, TableKind string
		TableID              int `json:"TableId"`
		Rows                 [][]any
	}
	if err := json.Unmarshal([]byte(body), &frames); err != nil || status != http.StatusOK {
		t.Fatal(status, body, err)
	}
	var got []any
	for _, f := range frames {
		switch f.TableKind {
		case "PrimaryResult":
			got = append(got, f.TableID, f.Rows)
		case "QueryProperties":
			for _, row := range f.Rows {
				got = append(got, row[0], strings.Contains(row[2].(string), `"Visualization":"table"`))
			}
		}
	}
	const want = `[1,false,2,true,3,false,1,[[2]],2,[[1],[2]],3,[[3]]]`
	if text, _ := json.Marshal(got); string(text) != want {
		t.Errorf("v2 has %s, want %s", text, want)
	}
	status, body = r.post("/v1/rest/query", `{"db":"shop","csl":"`+text+`"}`)
	var answer struct{ Tables []struct{ Rows [][]any } }
	if err := json.Unmarshal([]byte(body), &answer); err != nil || status != http.StatusOK || len(answer.Tables) != 6 {
		t.Fatal(status, body, err)
	}
	contents := answer.Tables[5].Rows
	if len(contents) != 5 || contents[2][1] != "QueryResult" || contents[3][1] != "QueryProperties" ||
		len(answer.Tables[1].Rows) != 2 || len(answer.Tables[3].Rows) != 3 {
		t.Errorf("v1 has %s", body)
	}
	if status, body := r.post("/v2/rest/query",
		`{"db":"shop","csl":"print 1; print nothing"}`); status != http.StatusBadRequest {
		t.Errorf("a request whose second query is wrong: %d %s", status, body)
	}
	if status, body := r.post("/v2/rest/query",
		`{"db":"shop","csl":"print 1; print assert(now() < datetime(2000-01-01), 'no')"}`); status != http.StatusOK ||
		!strings.Contains(body, `"HasErrors":true`) {
		t.Errorf("a request whose second query fails: %d %s", status, body)
	}
}

func TestWithoutTheOptionTheResultIsOneTable(t *testing.T) {
	r := start(t, t.TempDir())
	for _, properties := range []string{`null`, `{}`, `"{\"Options\":{\"servertimeout\":240000}}"`,
		`{"Options":{"servertimeout":"00:04:00"},"Parameters":null}`} {
		status, body := r.post("/v2/rest/query", `{"db":"shop","csl":"print a=1","properties":`+properties+`}`)
		var frames []struct {
			FrameType, TableKind string
			Rows                 [][]any
		}
		if err := json.Unmarshal([]byte(body), &frames); err != nil || status != http.StatusOK {
			t.Fatalf("properties %s: %d %v in %s", properties, status, err, body)
		}
		var kinds []string
		for _, f := range frames {
			kinds = append(kinds, f.FrameType+f.TableKind)
		}
		if got, want := strings.Join(kinds, " "),
			"DataSetHeader DataTableQueryProperties DataTablePrimaryResult DataTableQueryCompletionInformation DataSetCompletion"; got != want {
			t.Errorf("the frames are %s, want %s", got, want)
		}
	}
}

func TestRequestsMayBeGzippedAndChunked(t *testing.T) {
	r := start(t, t.TempDir())
	var body bytes.Buffer
	compressor := gzip.NewWriter(&body)
	io.WriteString(compressor, `{"db":"shop","csl":"print 1"}`)
	compressor.Close()
	// A reader of unknown length makes the client send chunks.
	request, err := http.NewRequest(http.MethodPost, r.http+"/v1/rest/query", io.MultiReader(&body))
	if err != nil {
		t.Fatal(err)
	}
	request.Header.Set("Content-Encoding", "gzip")
	r.do(request, http.StatusOK)
}

func TestParametersReachTheQuery(t *testing.T) {
	r := start(t, t.TempDir())
	_, body := r.post("/v1/rest/query",
		`{"db":"shop","csl":"declare query_parameters(x:string, n:long); print strcat(x, tostring(n))","properties":{"Options":{},"Parameters":{"x":"'a'","n":2}}}`)
	if !strings.Contains(body, `[["a2"]]`) {
		t.Error(body)
	}
}

func TestErrorsHaveKustosBody(t *testing.T) {
	r := start(t, t.TempDir())
	tests := []struct {
		name, path, body, code, contains string
		status                           int
	}{
		{"a syntax error", "/v2/rest/query", `{"db":"shop","csl":"print ("}`, "General_BadRequest", "SYN", 400},
		{"an unknown table", "/v2/rest/query", `{"db":"shop","csl":"Nope"}`, "General_BadRequest", "SEM0100", 400},
		{"an unknown database", "/v2/rest/query", `{"db":"nope","csl":"print 1"}`, "BadRequest_EntityNotFound", "nope", 400},
		{"an unknown command", "/v1/rest/mgmt", `{"db":"shop","csl":".frobnicate"}`, "General_BadRequest", "SYN0002", 400},
		{"a command as a query", "/v2/rest/query", `{"db":"shop","csl":".show tables"}`, "General_BadRequest",
			"/v1/rest/mgmt", 400},
		{"export", "/v1/rest/mgmt", `{"db":"shop","csl":".export to csv (h@'x') <| T"}`, "General_BadRequest",
			"not available", 400},
		{"a body that is not JSON", "/v1/rest/mgmt", `nope`, "General_BadRequest", "JSON", 400},
		{"an unknown path", "/v1/rest/nope", ``, "NotFound", "", 404},
	}
	for _, test := range tests {
		status, body := r.post(test.path, test.body, "x-ms-client-request-id", "KGC.execute;42")
		var e struct {
			Error struct {
				Code      string
				Detail    string                                       `json:"@message"`
				Permanent *bool                                        `json:"@permanent"`
				Type      string                                       `json:"@type"`
				Context   struct{ ClientRequestID, ActivityID string } `json:"@context"`
			}
		}
		if err := json.Unmarshal([]byte(body), &e); err != nil {
			t.Errorf("%s: %v in %s", test.name, err, body)
			continue
		}
		if status != test.status || e.Error.Code != test.code || !strings.Contains(e.Error.Detail, test.contains) ||
			e.Error.Permanent == nil || e.Error.Context.ClientRequestID != "KGC.execute;42" {
			t.Errorf("%s: %d %s", test.name, status, body)
		}
	}
}

func TestABrowserOfAzuresQueryPageMayCall(t *testing.T) {
	r := start(t, t.TempDir())
	for origin, allowed := range map[string]bool{"https://dataexplorer.azure.com": true, "http://localhost:3000": true,
		"https://evil.example": false} {
		request, err := http.NewRequest(http.MethodOptions, r.http+"/v2/rest/query", nil)
		if err != nil {
			t.Fatal(err)
		}
		request.Header.Set("Origin", origin)
		request.Header.Set("Access-Control-Request-Headers", "x-ms-user-id")
		response, err := r.client.Do(request)
		if err != nil {
			t.Fatal(err)
		}
		response.Body.Close()
		if got := response.StatusCode == http.StatusNoContent &&
			response.Header.Get("Access-Control-Allow-Origin") == origin; got != allowed {
			t.Errorf("%s: allowed is %t, want %t", origin, got, allowed)
		}
		if allowed && (response.Header.Get("Access-Control-Allow-Headers") != "x-ms-user-id" ||
			response.Header.Get("Access-Control-Allow-Private-Network") != "true") {
			t.Errorf("%s: headers are %v", origin, response.Header)
		}
	}
}

func TestProbesAreAnsweredWithoutAToken(t *testing.T) {
	r := start(t, t.TempDir(), func(c *localadx.Config) { c.Token = "secret" })
	for _, server := range []string{r.http, r.https} {
		for _, path := range []string{"/livez", "/healthz", "/readyz", "/health"} {
			response, err := r.client.Get(server + path)
			if err != nil {
				t.Fatal(err)
			}
			response.Body.Close()
			if response.StatusCode != http.StatusOK {
				t.Errorf("%s answers %s", path, response.Status)
			}
		}
	}
}

func TestATokenKeepsOthersOut(t *testing.T) {
	r := start(t, t.TempDir(), func(c *localadx.Config) { c.Token = "secret" })
	const body = `{"db":"shop","csl":"print 1"}`
	for header, want := range map[string]int{"": 401, "Bearer wrong": 401, "Bearer secret": 200} {
		if status, answer := r.post("/v1/rest/query", body, "Authorization", header); status != want {
			t.Errorf("%q: %d %s, want %d", header, status, answer, want)
		}
	}
}

func TestStorageURLsAreSigned(t *testing.T) {
	r := start(t, t.TempDir())
	container := r.resource("TempStorage")
	path, _, _ := strings.Cut(container, "?")
	request, err := http.NewRequest(http.MethodPut, path+"/x?sv=1&se=2999-01-01T00%3A00%3A00Z&sig=forged",
		strings.NewReader("x"))
	if err != nil {
		t.Fatal(err)
	}
	r.do(request, http.StatusForbidden)
}

func TestResourcesFollowTheNameTheClientUsed(t *testing.T) {
	r := start(t, t.TempDir())
	request, err := http.NewRequest(http.MethodPost, r.http+"/v1/rest/mgmt",
		strings.NewReader(`{"db":"NetDefaultDB","csl":".show ingestion resources"}`))
	if err != nil {
		t.Fatal(err)
	}
	request.Host = "ingest-localadx:1234"
	if body := r.do(request, http.StatusOK); !strings.Contains(body, `"https://localadx:`) ||
		strings.Count(body, "?") != 5 {
		t.Error(body)
	}
}

func TestValidatePermissionsAnswersOK(t *testing.T) {
	r := start(t, t.TempDir())
	r.createOrders()
	_, body := r.post("/v2/rest/query",
		`{"db":"shop","csl":"Orders | count","properties":{"Options":{"validate_permissions":true}}}`)
	if !strings.Contains(body, `[["OK"]]`) {
		t.Error(body)
	}
}

func TestAPageOfAnotherSiteCannotRunCommands(t *testing.T) {
	r := start(t, t.TempDir())
	// Browsers send this without asking first.
	status, _ := r.post("/v1/rest/mgmt", `{"db":"shop","csl":".create table T (a:string)"}`, "Origin",
		"https://evil.example", "Content-Type", "text/plain")
	if status != http.StatusForbidden {
		t.Errorf("the answer is %d", status)
	}
	if tables := r.command(".show tables"); len(tables) != 0 {
		t.Errorf("there are tables: %v", tables)
	}
	// Its own page may, by a known name and by its address.
	_, port, _ := net.SplitHostPort(strings.TrimPrefix(r.http, "http://"))
	for host, want := range map[string]int{"localhost:" + port: http.StatusOK, "127.0.0.1:" + port: http.StatusOK,
		"192.0.2.1:80": http.StatusForbidden} {
		request, err := http.NewRequest(http.MethodPost, "http://127.0.0.1:"+port+"/v1/rest/mgmt",
			strings.NewReader(`{"db":"shop","csl":".show tables"}`))
		if err != nil {
			t.Fatal(err)
		}
		request.Header.Set("Origin", "http://"+host)
		r.do(request, want)
	}
}

func TestResultsAreLimitedUnlessTheQuerySaysOtherwise(t *testing.T) {
	r := start(t, t.TempDir(), func(c *localadx.Config) { c.MaxResultRows = 10 })
	for query, want := range map[string]int{
		"range n from 1 to 10 step 1":                              10,
		"set notruncation; range n from 1 to 100 step 1":           100,
		"set truncationmaxrecords=50; range n from 1 to 50 step 1": 50,
	} {
		if _, body := r.post("/v1/rest/query", `{"db":"shop","csl":"`+query+`"}`); strings.Count(body, "],[") < want-1 ||
			strings.Contains(body, "Exceptions") {
			t.Errorf("%s: %.300s", query, body)
		}
	}
	_, body := r.post("/v2/rest/query",
		`{"db":"shop","csl":"range n from 1 to 11 step 1","properties":{"Options":{"results_v2_fragment_primary_tables":true}}}`)
	if !strings.Contains(body, `"RowCount":10,"OneApiErrors":[{"error":{"code":"LimitsExceeded"`) ||
		!strings.Contains(body, `"HasErrors":true`) {
		t.Error(body)
	}
	_, body = r.post("/v2/rest/query",
		`{"db":"shop","csl":"range n from 1 to 11 step 1","properties":{"Options":{"truncationmaxrecords":5}}}`)
	if !strings.Contains(body, `[5],{"OneApiErrors"`) {
		t.Error(body)
	}
}

func TestTheKafkaConnectorsStartUpChecksPass(t *testing.T) {
	r := start(t, t.TempDir())
	r.createOrders()
	if got := r.command(
		".show principal access with (principal = 'aadapp=a;b', accesstype='ingest',database='shop',table='Orders')")[0][3]; got != true {
		t.Errorf("the access is %v", got)
	}
	if got := r.command(".show table Orders ingestion json mapping 'OrdersEventMapping'"); len(got) != 1 {
		t.Errorf("the mapping is %v", got)
	}
}

func TestLargeAnswersAreCompressedForClientsThatTakeGzip(t *testing.T) {
	r := start(t, t.TempDir())
	for _, c := range []struct{ accept, query, encoding string }{
		{"gzip, deflate", "range x from 1 to 5000 step 1", "gzip"},
		{"gzip, deflate", "range x from 1 to 100000 step 1", "gzip"},
		{"gzip;q=0", "range x from 1 to 5000 step 1", ""},
		{"identity", "range x from 1 to 5000 step 1", ""},
	} {
		body, err := json.Marshal(map[string]string{"db": "shop", "csl": c.query})
		if err != nil {
			t.Fatal(err)
		}
		request, err := http.NewRequestWithContext(t.Context(), http.MethodPost, r.http+"/v2/rest/query",
			bytes.NewReader(body))
		if err != nil {
			t.Fatal(err)
		}
		request.Header.Set("Accept-Encoding", c.accept)
		response, err := r.client.Do(request)
		if err != nil {
			t.Fatal(err)
		}
		defer response.Body.Close()
		if got := response.Header.Get("Content-Encoding"); got != c.encoding {
			t.Errorf("with Accept-Encoding: %s the encoding is %q, want %q", c.accept, got, c.encoding)
			continue
		}
		content := io.Reader(response.Body)
		if c.encoding == "gzip" {
			if content, err = gzip.NewReader(response.Body); err != nil {
				t.Fatal(err)
			}
		}
		var frames []map[string]any
		if err := json.NewDecoder(content).Decode(&frames); err != nil {
			t.Errorf("%s with Accept-Encoding: %s: %v", c.query, c.accept, err)
		}
		if _, err := io.Copy(io.Discard, content); err != nil {
			t.Errorf("the answer ends with %v", err)
		}
	}
}

func TestLocalhostIsBothLoopbackAddresses(t *testing.T) {
	probe, err := net.Listen("tcp6", "[::1]:0")
	if err != nil {
		t.Skip("this machine has no IPv6 loopback")
	}
	probe.Close()
	answers := func(url string) bool {
		response, err := http.Get(url)
		if err != nil {
			return false
		}
		defer response.Body.Close()
		return response.StatusCode == http.StatusOK
	}
	// The port that is free on 127.0.0.1 may be another process' on [::1].
	for range 5 {
		r := start(t, t.TempDir())
		port := r.http[strings.LastIndex(r.http, ":"):]
		if !answers("http://127.0.0.1" + port + "/health") {
			t.Fatal("127.0.0.1 does not answer")
		}
		if answers("http://[::1]" + port + "/health") {
			return
		}
	}
	t.Error("[::1] does not answer")
}

func TestAClientThatStillSendsSeesWhyItsBatchIsRefused(t *testing.T) {
	server := start(t, t.TempDir())
	for path, want := range map[string]string{
		"/v1/rest/ingest/shop/Missing?streamFormat=csv": "Missing",
		"/v1/rest/ingest/Missing/T?streamFormat=csv":    "Missing",
	} {
		address := strings.TrimPrefix(server.http, "http://")
		conn, err := net.Dial("tcp", address)
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close()
		conn.(*net.TCPConn).SetWriteBuffer(16 << 10) // so that the body is not on its way before the answer
		const size = 3 << 20
		fmt.Fprintf(conn, "POST %s HTTP/1.1\r\nHost: localhost\r\nContent-Length: %d\r\n\r\n", path, size)
		if _, err := conn.Write(bytes.Repeat([]byte("a,1\n"), size/4)); err != nil {
			t.Errorf("%s: the connection was closed before the body was sent: %v", path, err)
			continue
		}
		response, err := http.ReadResponse(bufio.NewReader(conn), nil)
		if err != nil {
			t.Errorf("%s: %v", path, err)
			continue
		}
		body, err := io.ReadAll(response.Body)
		if response.StatusCode != http.StatusBadRequest || !strings.Contains(string(body), want) || err != nil {
			t.Errorf("%s: %s %s, %v", path, response.Status, body, err)
		}
	}
}
