package gateway_test

import (
	"context"
	"encoding/json"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"go.uber.org/goleak"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/test/bufconn"

	adminv1 "github.com/calypso-cdc/calypso/gen/calypso/admin/v1"
	capturev1 "github.com/calypso-cdc/calypso/gen/calypso/capture/v1"
	connectorv1 "github.com/calypso-cdc/calypso/gen/calypso/connector/v1"
	ordersv1 "github.com/calypso-cdc/calypso/gen/calypso/orders/v1"
	sinkv1 "github.com/calypso-cdc/calypso/gen/calypso/sink/v1"
	"github.com/calypso-cdc/calypso/services/admin/gateway"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// start serves the gateway before services of which every call that arrives is answered by 501.
func start(t *testing.T) *httptest.Server {
	t.Helper()
	pipe := bufconn.Listen(1 << 20)
	server := grpc.NewServer()
	adminv1.RegisterAdminServiceServer(server, adminv1.UnimplementedAdminServiceServer{})
	connectorv1.RegisterConnectorServiceServer(server, connectorv1.UnimplementedConnectorServiceServer{})
	capturev1.RegisterCaptureServiceServer(server, capturev1.UnimplementedCaptureServiceServer{})
	sinkv1.RegisterSinkServiceServer(server, sinkv1.UnimplementedSinkServiceServer{})
	ordersv1.RegisterOrdersServiceServer(server, ordersv1.UnimplementedOrdersServiceServer{})
	go func() { _ = server.Serve(pipe) }()
	t.Cleanup(server.Stop)
	conn, err := grpc.NewClient("passthrough:///services", grpc.WithTransportCredentials(insecure.NewCredentials()),
		grpc.WithContextDialer(func(context.Context, string) (net.Conn, error) { return pipe.Dial() }))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	handler, err := gateway.New(t.Context(), conn)
	if err != nil {
		t.Fatal(err)
	}
	web := httptest.NewServer(http.MaxBytesHandler(handler, 1<<20))
	t.Cleanup(web.Close)
	return web
}

const arrived = http.StatusNotImplemented

func TestWhatIsWrongInARequestIsRefusedByTheNameOfItsField(t *testing.T) {
	web := start(t)
	for _, c := range []struct {
		call, body string
		code       int
		// Field of the BadRequest, and a part of the message.
		field, says string
	}{
		{"POST /v1/connectors", `{"name":"x","config":{"a":"b"},"initialState":"STATE_PAUSED"}`, arrived, "", ""},
		{"POST /v1/connectors", `{"name":"x","initial_state":2}`, arrived, "", ""},
		{"POST /v1/connectors", ``, arrived, "", ""},
		{"POST /v1/connectors", `{"name":5}`, 400, "name", "must be a string, not 5"},
		{"POST /v1/connectors", `{"name":"\ud800"}`, 400, "name", "must be a string"},
		{"POST /v1/connectors", `{"initialState":"NOPE"}`, 400, "initialState", `STATE_STOPPED, not "NOPE"`},
		{"POST /v1/connectors", `{"check":"yes"}`, 400, "check", "must be true or false"},
		{"POST /v1/connectors", `{"config":{"a":"b","flush.size.bytes":10000}}`, 400, `config["flush.size.bytes"]`,
			"must be a string, not 10000"},
		{"POST /v1/connectors", `{"config":[]}`, 400, "config", "must be an object, not a list"},
		{"POST /v1/connectors", `{"nope":1}`, 400, "nope",
			"there is no such field; there are name, config, initialState, check"},
		{"POST /v1/connectors", `{"` + strings.Repeat("n", 5000) + `":1}`, 400, strings.Repeat("n", 100) + "…",
			"there is no such field"},
		{"POST /v1/connectors", `[]`, 400, "body", "must be an object, not a list"},
		{"POST /v1/connectors", `{"name":"x"`, 400, "body", "is not JSON"},
		{"POST /v1/connectors", `{"name":"x"} {}`, 400, "body", "is not JSON"},
		{"POST /v1/connectors", `{"name":"x","name":"y"}`, 400, "body", "duplicate"},
		{"POST /v1/connectors", `{"name":"` + strings.Repeat("x", 2<<20) + `"}`, http.StatusRequestEntityTooLarge, "body",
			"no more than 1048576 bytes"},
		{"PATCH /v1/connectors/x/config", `{"remove":["a",null]}`, 400, "remove[1]", "must be a string, not null"},
		{"PATCH /v1/connectors/x/offsets", `{"offsets":[{"partition":{"server":"s"}},{"partition":"x"}]}`, 400,
			"offsets[1].partition", `must be an object, not "x"`},
		{"POST /v1/connectors/x/tasks/0:restart", `{"task":1.5}`, 400, "task", "must be a whole number of 32 bits, not 1.5"},
		{"POST /v1/connectors/x/tasks/first:restart", `{}`, 400, "", "task"},
		{"POST /v1/captures/x/snapshot", `{"tables":[{"pattern":"a","where":"b"}]}`, 400, "tables[0].where",
			"there are pattern, condition"},
		{"POST /v1/captures/x/snapshot", `{"tables":{"pattern":"a"}}`, 400, "tables", "must be a list, not an object"},
		{"POST /v1/sinks/x/dead-letters:replay", `{"filter":{"ids":"0/1"}}`, 400, "filter.ids", `must be a list, not "0/1"`},
		{"POST /v1/pipelines/x:verify", `{"patience":"soon"}`, 400, "patience",
			`must be a duration in seconds such as "1.5s", not "soon"`},
		{"POST /v1/orders:burst", `{"orders":"9223372036854775808"}`, 400, "orders", "must be a whole number of 64 bits"},
		{"POST /v1/orders:rate", `{"rate":{}}`, 400, "rate", "must be a number, not an object"},
		{"GET /v1/events?page_size=5&connectors=a&connectors=b", ``, arrived, "", ""},
		{"GET /v1/events?pageSize=many", ``, 400, "pageSize", `must be a whole number of 32 bits, not "many"`},
		{"GET /v1/events?connectors=%FF", ``, 400, "connectors", "must be valid UTF-8"},
		{"GET /v1/events?nope=1", ``, 400, "nope", "there is no such parameter"},
		{"GET /v1/sinks/x/dead-letters?filter.topic=t", ``, arrived, "", ""},
		{"GET /v1/sinks/x/dead-letters?filter.nope=t", ``, 400, "filter.nope", "there is no such parameter"},
		{"GET /v1/sinks/%FF", ``, 400, "path", "must be valid UTF-8"},
		{"DELETE /v1/orders:rate", ``, http.StatusMethodNotAllowed, "", "method not allowed"},
		{"GET /v1/nothing", ``, 404, "", "Not Found"},
	} {
		method, path, _ := strings.Cut(c.call, " ")
		code, answer := send(t, web, method, path, "application/json; charset=utf-8", c.body)
		if code != c.code || answer.field() != c.field || !strings.Contains(answer.Message, c.says) {
			t.Errorf("%s with %.80q: %d about %q: %s", c.call, c.body, code, answer.field(), answer.Message)
		}
		if code != arrived && answer.reason() == "" {
			t.Errorf("%s with %.80q: the error has no reason", c.call, c.body)
		}
	}
}

func TestABodyThatDoesNotSayThatItIsJSONIsNotRead(t *testing.T) {
	code, answer := send(t, start(t), "POST", "/v1/connectors", "application/x-www-form-urlencoded", `{"name":"x"}`)
	if code != http.StatusUnsupportedMediaType || answer.field() != "body" {
		t.Errorf("%d: %+v", code, answer)
	}
}

// failure is google.rpc.Status in JSON.
type failure struct {
	Message string
	Details []struct {
		Reason          string
		FieldViolations []struct{ Field string }
	}
}

func (f failure) reason() string {
	for _, d := range f.Details {
		if d.Reason != "" {
			return d.Reason
		}
	}
	return ""
}

func (f failure) field() string {
	for _, d := range f.Details {
		for _, v := range d.FieldViolations {
			return v.Field
		}
	}
	return ""
}

func send(t *testing.T, web *httptest.Server, method, path, contentType, body string) (code int, answer failure) {
	t.Helper()
	request, err := http.NewRequestWithContext(t.Context(), method, web.URL+path, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	if body != "" {
		request.Header.Set("Content-Type", contentType)
	}
	response, err := web.Client().Do(request)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	content, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(content, &answer); err != nil {
		t.Fatalf("%s %s: %d: %v: %.300s", method, path, response.StatusCode, err, content)
	}
	return response.StatusCode, answer
}
