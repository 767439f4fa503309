package kusto

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"
)

func TestEitherEndpointGivesTheOther(t *testing.T) {
	for _, c := range []struct{ query, ingest, wantQuery, wantIngest string }{
		{"", "https://ingest-shop.southeastasia.kusto.windows.net", "https://shop.southeastasia.kusto.windows.net",
			"https://ingest-shop.southeastasia.kusto.windows.net"},
		{"", "https://shop.southeastasia.kusto.windows.net/", "https://shop.southeastasia.kusto.windows.net",
			"https://ingest-shop.southeastasia.kusto.windows.net"},
		{"shop.kusto.chinacloudapi.cn", "", "https://shop.kusto.chinacloudapi.cn",
			"https://ingest-shop.kusto.chinacloudapi.cn"},
		{"https://trd-x.z0.kusto.fabric.microsoft.com", "", "https://trd-x.z0.kusto.fabric.microsoft.com",
			"https://ingest-trd-x.z0.kusto.fabric.microsoft.com"},
		{"", "http://localhost:8082", "http://localhost:8082", "http://localhost:8082"},
		// What the Java SDK, which Azure's sink uses, leaves out of the addresses that it asks.
		{"https://a.kusto.windows.net/?k=v", "", "https://a.kusto.windows.net", "https://ingest-a.kusto.windows.net"},
		{"https://a.kusto.windows.net?k=v/", "", "https://a.kusto.windows.net", "https://ingest-a.kusto.windows.net"},
		{"https://a.kusto.windows.net/#part", "", "https://a.kusto.windows.net", "https://ingest-a.kusto.windows.net"},
		{"", "https://ingest-a.kusto.windows.net/shop", "https://a.kusto.windows.net", "https://ingest-a.kusto.windows.net"},
		{"", "http://localhost:8082/shop/orders?k=v", "http://localhost:8082", "http://localhost:8082"},
		{"https://a.kusto.windows.net;Fed=true", "", "https://a.kusto.windows.net", "https://ingest-a.kusto.windows.net"},
		{"https://a.kusto.windows.net/;fed=True", "", "https://a.kusto.windows.net", "https://ingest-a.kusto.windows.net"},
		{"https://a.kusto.windows.net", "https://private.example:8443", "https://a.kusto.windows.net",
			"https://private.example:8443"},
	} {
		got, err := DeriveEndpoints(c.query, c.ingest)
		if err != nil || got.Query != c.wantQuery || got.Ingest != c.wantIngest {
			t.Errorf("%q %q: %+v %v", c.query, c.ingest, got, err)
		}
	}
	for _, wrong := range []string{"", "ftp://x", "https://", "https://user:word@shop.kusto.windows.net",
		"https://a.kusto windows.net", "https://a.kusto.windows.net/a b?sig=word", "https://a.kusto.windows.net ?k=word",
		"https://a.kusto.windows.net\t", "https://a.kusto.windows.net;AppKey=word",
		"https://a.kusto.windows.net;Fed=true;AppKey=word", "Data Source=https://a.kusto.windows.net;AppKey=word"} {
		if got, err := DeriveEndpoints(wrong, ""); err == nil {
			t.Errorf("%q gave %+v", wrong, got)
		} else if strings.Contains(err.Error(), "word") {
			t.Errorf("%v shows a password", err)
		}
	}
}

func TestOnlyKnownHostsAreTrusted(t *testing.T) {
	for host, trusted := range map[string]bool{
		"https://a.b.kusto.windows.net": true, "http://localhost:8082": true, "http://127.0.0.1:1": true,
		"http://[::1]:1":                         true,
		"https://kusto.windows.net.evil.example": false, "https://evilkusto.windows.net": false,
		"https://localadx:8443": true, "https://x.corp.example": true, "https://corp.example": false,
	} {
		err := CheckTrust(host, []string{"localadx", ".corp.example"})
		var untrusted *UntrustedHostError
		if trusted != (err == nil) || err != nil && !errors.As(err, &untrusted) {
			t.Errorf("%s: %v", host, err)
		}
	}
}

func TestAStrategySaysWhatItLacks(t *testing.T) {
	for _, a := range []Auth{{Strategy: Application, AppID: "a", Authority: "t"},
		{Strategy: Application, AppKey: "secret"}, {Strategy: Token}, {Strategy: "KERBEROS"}} {
		err := a.Validate()
		if err == nil || !strings.Contains(err.Error(), "aad.auth.") || strings.Contains(err.Error(), "secret") {
			t.Errorf("%s: %v", a.Strategy, err)
		}
	}
	for _, a := range []Auth{{Strategy: NoAuth}, {Strategy: ManagedIdentity},
		{Strategy: Application, AppID: "a", Authority: "t", CertificateFile: "f"}, {Strategy: AzureCLI}} {
		if err := a.Validate(); err != nil {
			t.Error(err)
		}
	}
}

func TestCredentialsAreNotSentInClearOrToThisMachine(t *testing.T) {
	app := Auth{Strategy: Application, AppID: "a", AppKey: "k", Authority: "t"}
	for endpoint, sends := range map[string]bool{"http://localadx:8082": false, "https://localhost:8443": false,
		"https://x.kusto.windows.net": true} {
		if got := (Config{Auth: app, Endpoints: Endpoints{Query: endpoint}}).SendsCredentials(); got != sends {
			t.Errorf("%s: %v", endpoint, got)
		}
	}
	if !(Config{Auth: Auth{Strategy: Token, AccessToken: "x"},
		Endpoints: Endpoints{Query: "https://localhost:8443"}}).SendsCredentials() {
		t.Error("a token given for a local server is sent to it")
	}
}

// serve answers every management command with status and body.
func serve(t *testing.T, answer http.HandlerFunc) *Client {
	t.Helper()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if strings.Contains(r.URL.Path, "/auth/metadata") {
			w.WriteHeader(http.StatusNotFound)
			return
		}
		answer(w, r)
	}))
	t.Cleanup(server.Close)
	endpoints, err := DeriveEndpoints(server.URL, "")
	if err != nil {
		t.Fatal(err)
	}
	c, err := New(Config{Endpoints: endpoints})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	return c
}

func TestErrorsKeepWhatTheServiceSaid(t *testing.T) {
	c := serve(t, func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(http.StatusBadRequest)
		fmt.Fprint(w,
			`{"error":{"code":"BadRequest_EntityNotFound","message":"Request is invalid","@message":"Entity ID 'T' of kind 'Table' was not found.","@permanent":true}}`)
	})
	_, err := c.Manage(t.Context(), "db", ".show table ['T'] cslschema")
	if !Permanent(err) || Doubtful(err) || !NotFound(err) || Unauthorized(err) ||
		!strings.Contains(err.Error(), "'.show table ['T'] cslschema'") || !strings.Contains(err.Error(), "Entity ID 'T'") {
		t.Errorf("%v", err)
	}
	c = serve(t, func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Retry-After", "7")
		w.WriteHeader(http.StatusTooManyRequests)
	})
	if _, err := c.Manage(t.Context(), "db", ".show tables"); Permanent(err) || RetryAfter(err) != 7*time.Second {
		t.Errorf("%v", err)
	}
	c = serve(t, func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(http.StatusBadRequest)
		fmt.Fprint(w, `{"error":{"code":"Surprise_Unheard","message":"Not now"}}`)
	})
	if _, err := c.Manage(t.Context(), "db", ".show tables"); !Permanent(err) || !Doubtful(err) {
		t.Errorf("a refusal of a kind that is not known: %v, doubtful %t", err, Doubtful(err))
	}
	c = serve(t, func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusForbidden) })
	if _, err := c.Manage(t.Context(), "db", ".show tables"); !Unauthorized(err) {
		t.Errorf("%v", err)
	}
}

func TestACallEndsWithItsContextEvenIfTheSDKSleeps(t *testing.T) {
	c := serve(t, func(w http.ResponseWriter, r *http.Request) {
		var body struct{ CSL string }
		if err := json.NewDecoder(r.Body).Decode(&body); err != nil || !strings.Contains(body.CSL, "identity token") {
			w.WriteHeader(http.StatusServiceUnavailable)
			return
		}
		fmt.Fprint(w,
			`{"Tables":[{"TableName":"Table_0","Columns":[{"ColumnName":"AuthorizationContext","DataType":"String","ColumnType":"string"}],"Rows":[["token"]]}]}`)
	})
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	done := make(chan error, 1)
	go func() {
		_, err := c.Enqueue(ctx, &Blob{Database: "d", Table: "t", Format: "multijson", Data: []byte{1}, RawSize: 1})
		done <- err
	}()
	select {
	case err := <-done:
		if !errors.Is(err, context.DeadlineExceeded) {
			t.Error(err)
		}
	case <-time.After(8 * time.Second):
		t.Error("the call slept on")
	}
}

func TestTheClientRequestIDGoesWithTheRequest(t *testing.T) {
	got := make(chan string, 4)
	c := serve(t, func(w http.ResponseWriter, r *http.Request) {
		got <- r.Header.Get("x-ms-client-request-id")
		w.WriteHeader(http.StatusServiceUnavailable)
	})
	_, _ = c.Manage(WithClientRequestID(t.Context(), "calypso.ingest;trace"), "db", ".show tables")
	if id := <-got; id != "calypso.ingest;trace" {
		t.Error(id)
	}
}

func TestSignaturesAndTokensAreNotInTexts(t *testing.T) {
	got := redact(`Put "https://a.blob.core.windows.net/c/b.gz?sv=1&sig=SECRET": dial; Authorization: Bearer abc.def-ghi`)
	if strings.Contains(got, "SECRET") || strings.Contains(got, "abc.def") ||
		!strings.Contains(got, "https://a.blob.core.windows.net/c/b.gz") {
		t.Error(got)
	}
}

func TestNamesAndStringsAreQuoted(t *testing.T) {
	if got := QuoteName("it's\na \\ table"); got != `['it\'s\na \\ table']` {
		t.Error(got)
	}
}

func TestANameThatNoColumnCanHaveBecomesOneThatItCan(t *testing.T) {
	for name, like := range map[string]string{"__op": "_op", "__a__": "_a_", "___": "_", "price$": "price_",
		"a#b/c:d": "a_b_c_d", "b__": "b_"} {
		if NameFault(name) == "" || NameLike(name) != like || NameFault(like) != "" {
			t.Errorf("%s: %q, like %s: %q", name, NameFault(name), NameLike(name), NameFault(NameLike(name)))
		}
	}
	for _, name := range []string{"op", "_op", "a b", "a.b-c", "größe", "a__b"} {
		if NameFault(name) != "" || NameLike(name) != name {
			t.Errorf("%s: %q, like %s", name, NameFault(name), NameLike(name))
		}
	}
}

func TestASchemaIsReadAndWritten(t *testing.T) {
	columns, err := ParseColumns("a:string,['b c']:long,d:System.Int32")
	if err == nil {
		t.Errorf("%v", columns)
	}
	columns, err = ParseColumns("a:string,['b c']:long, d:datetime")
	if err != nil {
		t.Fatal(err)
	}
	if got := Declaration(columns); got != "(['a']:string, ['b c']:long, ['d']:datetime)" {
		t.Error(got)
	}
	for _, wrong := range []string{"a", ":string", "['a:string", "a:blob"} {
		if got, err := ParseColumns(wrong); err == nil {
			t.Errorf("%q gave %v", wrong, got)
		}
	}
}

func TestMappingsOfBothFormsAreRead(t *testing.T) {
	m, err := ParseMapping("m", "json",
		`[{"column":"a","Properties":{"Path":"$.x","Transform":"DateTimeFromUnixSeconds"}},{"name":"b","path":"$['y z']","datatype":"long"},{"Column":"c","Properties":{"ConstValue":"k","Ordinal":"2"}},{"column":"d","path":"$.a.b"}]`)
	if err != nil {
		t.Fatal(err)
	}
	for i, want := range []string{"x", "y z", "", ""} {
		if got, _ := m.Columns[i].Field(); got != want {
			t.Errorf("column %d comes from %q, want %q", i, got, want)
		}
	}
	again, err := ParseMapping("m", "json", m.JSON())
	if err != nil || again.JSON() != m.JSON() {
		t.Errorf("%s %v", m.JSON(), err)
	}
	for _, wrong := range []string{"", "{}", `[{"path":"$.a"}]`, `[{"column":"a","ordinal":"x"}]`} {
		if _, err := ParseMapping("m", "csv", wrong); err == nil {
			t.Errorf("%q was read", wrong)
		}
	}
}

func FuzzParseMapping(f *testing.F) {
	f.Add(`[{"column":"a","Properties":{"Path":"$.x"}}]`)
	f.Add(`[{"column":"a","path":"$['it']","ordinal":3}]`)
	f.Fuzz(func(t *testing.T, text string) {
		m, err := ParseMapping("m", "json", text)
		if err != nil {
			return
		}
		for _, c := range m.Columns {
			c.Field()
		}
		if !json.Valid([]byte(m.JSON())) {
			t.Fatal(m.JSON())
		}
	})
}

func FuzzParseColumns(f *testing.F) {
	f.Add("a:string,['b c']:long")
	f.Fuzz(func(t *testing.T, text string) { _, _ = ParseColumns(text) })
}

func TestADatabaseThatIsMissingIsToldFromAMissingTable(t *testing.T) {
	for _, c := range []struct {
		code, message string
		is            bool
	}{
		{"BadRequest_DatabaseNotExist", "", true},
		{"BadRequest_EntityNotFound", "Entity not found: Database 'Nope' could not be found", true},
		{"BadRequest_EntityNotFound", "Entity ID 'Nope' of kind 'Database' was not found.", true},
		{"BadRequest_EntityNotFound", "Entity not found: Table 'Order' could not be found in database 'd'", false},
		{"ContainerNotFound", "database 'd' was not found", false},
	} {
		if got := DatabaseNotFound(&Error{Code: c.code, Message: c.message}); got != c.is {
			t.Errorf("%s %q: %v", c.code, c.message, got)
		}
	}
}
