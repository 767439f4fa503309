package admin

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"golang.org/x/crypto/bcrypt"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/timestamppb"

	adminv1 "github.com/calypso-cdc/calypso/gen/calypso/admin/v1"
	capturev1 "github.com/calypso-cdc/calypso/gen/calypso/capture/v1"
	connectorv1 "github.com/calypso-cdc/calypso/gen/calypso/connector/v1"
	sinkv1 "github.com/calypso-cdc/calypso/gen/calypso/sink/v1"
	"github.com/calypso-cdc/calypso/libs/rpc"
	"github.com/calypso-cdc/calypso/libs/testenv"
)

// request is one HTTP call; header entries are "Name: value".
func (s *system) request(t *testing.T, method, path, body string, header ...string) (int, string, http.Header) {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), method, s.http+path, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	for _, h := range header {
		name, value, _ := strings.Cut(h, ": ")
		if name == "Host" {
			r.Host = value
		}
		r.Header.Set(name, value)
	}
	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	answer, err := client.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()
	content, err := io.ReadAll(answer.Body)
	if err != nil {
		t.Fatal(err)
	}
	return answer.StatusCode, string(content), answer.Header
}

func TestAPipelineIsOneObjectWithAVerdictOverJSON(t *testing.T) {
	s := start(t, nil)
	s.create(t, "src", sourceClass, map[string]string{"topic.prefix": "shop"})
	s.create(t, "adx", sinkClass, map[string]string{"topics": "shop.retail.orders_info"})
	s.create(t, "elsewhere", sinkClass, map[string]string{"topics": "other"})
	for _, name := range []string{"src", "adx", "elsewhere"} {
		s.await(t, name, connectorv1.State_STATE_RUNNING)
	}
	s.captures.set(&capturev1.Capture{Connector: "src", Phase: capturev1.Phase_PHASE_STREAMING})
	s.sinks.set(&sinkv1.Sink{Connector: "adx", Guarantee: "exactly once",
		Partitions: []*sinkv1.PartitionProgress{{Committed: 3, End: 5}}})

	code, body, _ := s.request(t, "GET", "/v1/pipelines", "")
	var list struct {
		Pipelines []struct {
			Source, Verdict, Reason string
			Sinks                   []struct{ Status struct{ Name string } }
		}
	}
	if err := json.Unmarshal([]byte(body), &list); err != nil || code != http.StatusOK {
		t.Fatalf("%d %s: %v", code, body, err)
	}
	if len(list.Pipelines) != 1 {
		t.Fatalf("pipelines are %s", body)
	}
	p := list.Pipelines[0]
	if p.Source != "src" || p.Verdict != "VERDICT_HEALTHY" || !strings.Contains(p.Reason, "2 records") ||
		len(p.Sinks) != 1 || p.Sinks[0].Status.Name != "adx" {
		t.Errorf("the pipeline is %+v", p)
	}
	if code, body, _ := s.request(t, "GET", "/v1/pipelines/nope", ""); code != http.StatusNotFound ||
		!strings.Contains(body, "CONNECTOR_NOT_FOUND") {
		t.Errorf("an unknown pipeline: %d %s", code, body)
	}
}

func TestEachServiceIsListedWithItsVersionSinceWhenItIsSoAndItsTasks(t *testing.T) {
	begun := time.Now().Add(-time.Second) // times have no fractions of seconds
	s := start(t, nil)
	s.create(t, "pg-orders-source", sourceClass, nil)
	client := adminv1.NewAdminServiceClient(s.connection)
	var all map[string]*adminv1.ServiceHealth
	look := func(ctx context.Context) error {
		h, err := client.GetHealth(ctx, &adminv1.GetHealthRequest{})
		if err != nil {
			return err
		}
		all = map[string]*adminv1.ServiceHealth{}
		for _, one := range h.Services {
			all[one.Service] = one
		}
		return nil
	}
	testenv.Eventually(t, time.Minute, "the worker to say what runs", func(ctx context.Context) error {
		if err := look(ctx); err != nil {
			return err
		}
		if n := all["capture"].GetTasks(); n != 1 {
			return fmt.Errorf("capture runs %d tasks", n)
		}
		return nil
	})
	for name, want := range map[string]*adminv1.ServiceHealth{
		"admin":            {Address: s.grpc, Version: "test"},
		"capture":          {Address: s.capture, Version: "1.2.3", Tasks: proto.Int32(1)},
		"sink":             {Address: s.sink, Version: "1.2.3", Tasks: proto.Int32(0)},
		"orders-generator": {Address: s.orders},
	} {
		got := all[name]
		if got.Address != want.Address || got.Version != want.Version || (got.Tasks == nil) != (want.Tasks == nil) ||
			got.GetTasks() != want.GetTasks() || !got.Serving || got.Detail != "" ||
			got.Since.AsTime().Before(begun.Truncate(time.Second)) || got.Since.AsTime().After(time.Now()) {
			t.Errorf("%s: %v", name, got)
		}
	}
	ready := all["sink"].Since.AsTime()
	s.stop["sink"]()
	testenv.Eventually(t, time.Minute, "the sink to be missed", func(ctx context.Context) error {
		if err := look(ctx); err != nil {
			return err
		}
		if all["sink"].Serving {
			return errors.New("it serves")
		}
		return nil
	})
	missed := all["sink"].Since.AsTime()
	if missed.Before(ready) || all["sink"].Detail == "" || all["sink"].Tasks != nil {
		t.Errorf("ready since %v, then %v", ready, all["sink"])
	}
	if err := look(t.Context()); err != nil || !all["sink"].Since.AsTime().Equal(missed) {
		t.Errorf("missed since %v, and %v when asked again: %v", missed, all["sink"].Since.AsTime(), err)
	}
	code, body, _ := s.request(t, "GET", "/v1/health", "")
	if code != http.StatusOK || !strings.Contains(body, `"version":"1.2.3"`) || !strings.Contains(body, `"since":`) {
		t.Errorf("REST: %d %s", code, body)
	}
}

func TestHealthNamesTheServiceThatIsMissing(t *testing.T) {
	s := start(t, nil)
	if code, body, _ := s.request(t, "GET", "/readyz", ""); code != http.StatusOK {
		t.Errorf("/readyz: %d %s", code, body)
	}
	s.stop["orders-generator"]()
	client := adminv1.NewAdminServiceClient(s.connection)
	h, err := client.GetHealth(t.Context(), &adminv1.GetHealthRequest{})
	if err != nil || h.Verdict != adminv1.Verdict_VERDICT_DEGRADED || !strings.Contains(h.Reason, "orders-generator") {
		t.Errorf("without generator: %v, %v", h, err)
	}
	s.stop["capture"]()
	h, err = client.GetHealth(t.Context(), &adminv1.GetHealthRequest{})
	if err != nil || h.Verdict != adminv1.Verdict_VERDICT_BROKEN || !strings.Contains(h.Reason, "capture") ||
		len(h.Services) != 4 {
		t.Errorf("without capture: %v, %v", h, err)
	}
	// What is left works, and whoever asks what is missing must get an answer.
	if code, body, _ := s.request(t, "GET", "/readyz", ""); code != http.StatusOK {
		t.Errorf("/readyz without capture: %d %s", code, body)
	}
	s.stop["sink"]()
	testenv.Eventually(t, time.Minute, "not to be ready without any fleet", func(ctx context.Context) error {
		code, body, _ := s.request(t, "GET", "/readyz", "")
		if code != http.StatusServiceUnavailable || !strings.Contains(body, "capture at") ||
			!strings.Contains(body, "sink at") {
			return fmt.Errorf("/readyz: %d %s", code, body)
		}
		if err := s.tls.CheckHealth(ctx, s.grpc); !errors.Is(err, rpc.ErrNotServing) {
			return fmt.Errorf("gRPC health: %w", err)
		}
		return nil
	})
	for _, path := range []string{"/healthz", "/livez"} {
		if code, _, _ := s.request(t, "GET", path, ""); code != http.StatusOK {
			t.Errorf("%s: %d", path, code)
		}
	}
	if code, body, _ := s.request(t, "GET", "/health", ""); code < 500 || !strings.Contains(body, "status") {
		t.Errorf("Kafka Connect's /health: %d %s", code, body)
	}
}

func TestAWorkerThatIsGoneDegradesItsFleetAndHidesNothing(t *testing.T) {
	s := start(t, func(c *Config) {
		gone := fmt.Sprintf("127.0.0.1:%d", testenv.Port(t))
		c.Capture, c.Sink = append(c.Capture, gone), append([]string{gone}, c.Sink...)
	})
	s.create(t, "src", sourceClass, map[string]string{"topic.prefix": "shop"})
	s.await(t, "src", connectorv1.State_STATE_RUNNING)
	s.captures.set(&capturev1.Capture{Connector: "src", RowsDelivered: 7})
	s.sinks.set(&sinkv1.Sink{Connector: "adx", Guarantee: "exactly once", RowsIngested: 5})
	for path, want := range map[string]string{
		"/v1/captures": `"rowsDelivered":"7"`, "/v1/captures/src": `"rowsDelivered":"7"`,
		"/v1/sinks": `"rowsIngested":"5"`, "/v1/sinks/adx": `"rowsIngested":"5"`, "/v1/health": "VERDICT_DEGRADED",
	} {
		if code, body, _ := s.request(t, "GET", path, ""); code != http.StatusOK || !strings.Contains(body, want) {
			t.Errorf("%s: %d %s", path, code, body)
		}
	}
	if code, body, _ := s.request(t, "GET", "/v1/sinks/nope", ""); code != http.StatusNotFound {
		t.Errorf("an unknown sink: %d %s", code, body)
	}
}

func TestASinkIsTheSumOfItsWorkers(t *testing.T) {
	notice := &sinkv1.SinkNotice{Kind: sinkv1.SinkNotice_KIND_COLUMN_WITHOUT_FIELD, Topic: "t", Column: "city"}
	total := sum([]*sinkv1.Sink{
		{Connector: "adx", RowsIngested: 5, Retries: 1, Partitions: []*sinkv1.PartitionProgress{{Topic: "t", Partition: 1}},
			Notices: []*sinkv1.SinkNotice{notice}},
		{Connector: "adx", RowsIngested: 3, LastError: "throttled", LastErrorObstacle: sinkv1.Sink_OBSTACLE_THROTTLED,
			LastErrorTime: timestamppb.Now(), Partitions: []*sinkv1.PartitionProgress{{Topic: "t"}},
			TryingAgain: "throttled", TryingAgainObstacle: sinkv1.Sink_OBSTACLE_THROTTLED,
			Notices: []*sinkv1.SinkNotice{notice, {Kind: notice.Kind, Topic: "t", Column: "town"}}},
	})
	if len(total.Notices) != 2 || total.TryingAgainObstacle != sinkv1.Sink_OBSTACLE_THROTTLED ||
		total.LastErrorObstacle != sinkv1.Sink_OBSTACLE_THROTTLED {
		t.Errorf("the sum is %v", total)
	}
	if total.RowsIngested != 8 || total.Retries != 1 || total.LastError != "throttled" || len(total.Partitions) != 2 ||
		total.Partitions[0].Partition != 0 {
		t.Errorf("the sum is %v", total)
	}
}

func TestTheOrdersGeneratorIsControlledOverJSON(t *testing.T) {
	s := start(t, nil)
	code, body, _ := s.request(t, "POST", "/v1/orders:rate", `{"rate": 250}`, "Content-Type: application/json")
	if code != http.StatusOK || !strings.Contains(body, `"rate":250`) {
		t.Errorf("%d %s", code, body)
	}
	without := start(t, func(c *Config) { c.Orders = "" })
	if code, body, _ := without.request(t, "GET", "/v1/orders/statistics", ""); code != http.StatusBadRequest ||
		!strings.Contains(body, "NO_GENERATOR") {
		t.Errorf("without a generator: %d %s", code, body)
	}
}

func TestBadRequestsAreRefused(t *testing.T) {
	s := start(t, nil)
	for _, test := range []struct {
		what, method, path, body string
		header                   []string
		want                     int
	}{
		{"a form", "POST", "/v1/orders:rate", "rate=1", []string{"Content-Type: application/x-www-form-urlencoded"}, 415},
		{"broken JSON", "POST", "/v1/orders:rate", "{", []string{"Content-Type: application/json"}, 400},
		{"a wrong type", "POST", "/v1/orders:rate", `{"rate":"fast"}`, []string{"Content-Type: application/json"}, 400},
		{"an unknown path", "GET", "/v1/nope", "", nil, 404},
		{"a wrong method", "PUT", "/v1/health", "", nil, 405},
		{"a huge body", "POST", "/v1/connectors", `{"name":"` + strings.Repeat("x", 2<<20) + `"}`,
			[]string{"Content-Type: application/json"}, 413},
		{"another origin", "POST", "/v1/orders:stop", "{}",
			[]string{"Content-Type: application/json", "Sec-Fetch-Site: cross-site"}, 403},
		{"another name for this machine", "GET", "/v1/health", "", []string{"Host: evil.example:9090"}, 403},
	} {
		if code, body, _ := s.request(t, test.method, test.path, test.body, test.header...); code != test.want {
			t.Errorf("%s: %d %s", test.what, code, body)
		}
	}
}

func TestDocumentsAndPagesAreServed(t *testing.T) {
	s := start(t, nil)
	code, body, _ := s.request(t, "GET", "/openapi.json", "")
	var document struct{ Paths map[string]any }
	if err := json.Unmarshal([]byte(body), &document); err != nil || code != http.StatusOK ||
		document.Paths["/v1/pipelines"] == nil {
		t.Errorf("/openapi.json: %d %.200s", code, body)
	}
	code, body, header := s.request(t, "GET", "/", "", "Accept: text/html")
	if code != http.StatusOK || !strings.Contains(body, `href="/v1/tables"`) ||
		!strings.Contains(header.Get("Content-Security-Policy"), "default-src 'self'") ||
		header.Get("Access-Control-Allow-Origin") != "" {
		t.Errorf("the page: %d %s %v", code, body, header)
	}
	if code, view, _ := s.request(t, "GET", "/ui/pipelines/src", ""); code != http.StatusOK || view != body {
		t.Errorf("a view of it: %d %s", code, view)
	}
	if code, body, _ := s.request(t, "GET", "/metrics", ""); code != http.StatusOK ||
		!strings.Contains(body, "cdc_build_info") {
		t.Errorf("/metrics: %d", code)
	}
}

func TestTheConnectAPIServesTheConnectorsOfBothFleetsOnEveryAddress(t *testing.T) {
	s := start(t, nil)
	code, body, header := s.request(t, "POST", "/connectors",
		`{"name":"src","config":{"connector.class":"`+sourceClass+`","topic.prefix":"shop","secret.password":"canary-77"}}`,
		"Content-Type: application/json")
	if code != http.StatusCreated || !strings.HasSuffix(header.Get("Location"), "/connectors/src") {
		t.Fatalf("creating: %d %s %v", code, body, header)
	}
	s.create(t, "adx", sinkClass, map[string]string{"topics": "shop.retail.orders_info"})
	for _, name := range []string{"src", "adx"} {
		s.await(t, name, connectorv1.State_STATE_RUNNING)
	}
	code, body, _ = s.request(t, "GET", "/connectors?expand=status&expand=info", "")
	if code != http.StatusOK || !strings.Contains(body, `"type":"source"`) || !strings.Contains(body, `"type":"sink"`) ||
		strings.Contains(body, "canary-77") {
		t.Errorf("listing: %d %s", code, body)
	}
	if code, body, _ := s.request(t, "GET", "/", "", "Accept: */*"); code != http.StatusOK ||
		!strings.Contains(body, `"version"`) {
		t.Errorf("the root for Connect's clients: %d %s", code, body)
	}
	if code, body, _ := s.request(t, "GET", "/nope", ""); code != http.StatusNotFound ||
		!strings.Contains(body, `"error_code":404`) {
		t.Errorf("an unknown path: %d %s", code, body)
	}
	// As Kafka Connect, which sends nobody to another path.
	for path, want := range map[string]int{"/connectors/..": 404, "/connectors/.": 404, "/connectors/../connectors": 404,
		"/v1/../connectors": 404, "/connectors/src/../adx": 404,
		"//connectors": 400, "/connectors//": 400, "/connectors/%2e%2e": 400, "/connectors/a%2Fb": 400, "/..": 400,
		"/connectors/": 200} {
		if code, body, _ := s.request(t, "GET", path, ""); code != want {
			t.Errorf("%s: %d %s, want %d", path, code, body, want)
		}
	}
	if strings.Contains(s.log.String(), "canary-77") {
		t.Error("a secret was logged")
	}
}

func TestAViewerMayNotPostAConnector(t *testing.T) {
	users := usersFile(t)
	s := start(t, func(c *Config) { c.UsersFile = users })
	code, body, _ := s.request(t, "POST", "/connectors", `{"name":"src","config":{"connector.class":"`+sourceClass+`"}}`,
		"Content-Type: application/json", "Authorization: Bearer viewer-1:viewer-pw")
	if code != http.StatusForbidden || !strings.Contains(body, `"error_code":403`) {
		t.Errorf("%d %s", code, body)
	}
}

// usersFile writes a file of one user a role, each with the password <role>-pw.
func usersFile(t *testing.T) string {
	t.Helper()
	var lines strings.Builder
	lines.WriteString("# users of the test\n\n")
	for _, role := range []string{"viewer", "operator", "admin"} {
		hash, err := bcrypt.GenerateFromPassword([]byte(role+"-pw"), bcrypt.MinCost)
		if err != nil {
			t.Fatal(err)
		}
		fmt.Fprintf(&lines, "%s-1:%s:%s\n", role, role, hash)
	}
	path := filepath.Join(t.TempDir(), "users")
	if err := os.WriteFile(path, []byte(lines.String()), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestEachRoleMayDoWhatItIsFor(t *testing.T) {
	users := usersFile(t)
	s := start(t, func(c *Config) { c.UsersFile = users })
	as := func(role string) []string {
		return []string{"Authorization: Bearer " + role + "-1:" + role + "-pw", "Content-Type: application/json"}
	}
	create := `{"name":"src","config":{"connector.class":"` + sourceClass + `","topic.prefix":"shop"}}`
	for _, test := range []struct {
		role, method, path, body string
		want                     int
	}{
		{"viewer", "GET", "/v1/connectors", "", 200},
		{"viewer", "POST", "/v1/orders:rate", `{"rate":1}`, 403},
		{"viewer", "POST", "/v1/connectors", create, 403},
		{"operator", "POST", "/v1/connectors", create, 403},
		{"operator", "POST", "/v1/orders:rate", `{"rate":1}`, 200},
		{"admin", "POST", "/v1/connectors", create, 200},
		{"operator", "POST", "/v1/connectors/src:pause", `{}`, 200},
		{"operator", "POST", "/v1/plugins/" + sourceClass + ":validate", `{"config":{"name":"src"}}`, 403},
		{"admin", "POST", "/v1/plugins/" + sourceClass + ":validate", `{"config":{"name":"src"}}`, 200},
		{"operator", "PUT", "/connector-plugins/" + sourceClass + "/config/validate",
			`{"connector.class":"` + sourceClass + `"}`, 403},
		{"viewer", "POST", "/v1/connectors/src:resume", `{}`, 403},
		{"operator", "DELETE", "/v1/connectors/src", "", 403},
		{"admin", "DELETE", "/v1/connectors/src", "", 200},
	} {
		if code, body, _ := s.request(t, test.method, test.path, test.body, as(test.role)...); code != test.want {
			t.Errorf("%s %s %s: %d %s", test.role, test.method, test.path, code, body)
		}
	}
	if !strings.Contains(s.log.String(),
		`"user":"admin-1","method":"/calypso.connector.v1.ConnectorService/CreateConnector","connector":"src"`) {
		t.Errorf("the audit lacks the creation: %s", s.log)
	}
}

func TestWhoeverDoesNotShowWhoTheyAreIsRefused(t *testing.T) {
	users := usersFile(t)
	s := start(t, func(c *Config) { c.UsersFile = users })
	for what, authorization := range map[string]string{
		"nothing": "", "an empty pair": "Basic Og==", "a wrong password": "Bearer admin-1:viewer-pw",
		"an unknown user": "Bearer root:admin-pw", "no base64": "Basic !", "another scheme": "Digest admin-1:admin-pw",
	} {
		code, body, header := s.request(t, "GET", "/v1/connectors", "", "Authorization: "+authorization)
		if code != http.StatusUnauthorized || header.Get("WWW-Authenticate") == "" ||
			!strings.Contains(body, `"error_code":401`) {
			t.Errorf("%s over HTTP: %d %s", what, code, body)
		}
		ctx := metadata.AppendToOutgoingContext(t.Context(), "authorization", authorization)
		_, err := s.connectors().ListConnectors(ctx, &connectorv1.ListConnectorsRequest{})
		if status.Code(err) != codes.Unauthenticated {
			t.Errorf("%s over gRPC: %v", what, err)
		}
	}
	// A request cannot name its user by itself.
	for _, name := range []string{"Calypso-User", "Grpc-Metadata-Calypso-User", "Grpc-Metadata-calypso-user"} {
		if code, body, _ := s.request(t, "GET", "/v1/connectors", "", name+": admin-1"); code != http.StatusUnauthorized {
			t.Errorf("with %s: %d %s", name, code, body)
		}
		if code, body, _ := s.request(t, "POST", "/v1/orders:rate", `{"rate":1}`, name+": admin-1",
			"Authorization: Bearer viewer-1:viewer-pw", "Content-Type: application/json"); code != http.StatusForbidden {
			t.Errorf("a viewer with %s: %d %s", name, code, body)
		}
	}
	forged := metadata.AppendToOutgoingContext(t.Context(), userKey, "admin-1")
	if _, err := s.connectors().ListConnectors(forged,
		&connectorv1.ListConnectorsRequest{}); status.Code(err) != codes.Unauthenticated {
		t.Errorf("over gRPC: %v", err)
	}
	if strings.Contains(s.log.String(), "-pw") {
		t.Error("a password was logged")
	}
	for _, path := range []string{"/healthz", "/livez", "/readyz"} {
		if code, _, _ := s.request(t, "GET", path, ""); code != http.StatusOK {
			t.Errorf("%s without credentials: %d", path, code)
		}
	}
}

func TestAChangedFileOfUsersCountsAtOnce(t *testing.T) {
	path := usersFile(t)
	users, err := ReadUsers(path)
	if err != nil {
		t.Fatal(err)
	}
	const header = "Bearer viewer-1:viewer-pw"
	if _, err := users.authenticate(header, "host"); err != nil {
		t.Fatal(err)
	}
	content, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	changed := strings.ReplaceAll(string(content), "viewer-1:", "viewer-2:")
	if err := os.WriteFile(path, []byte(changed), 0o600); err != nil {
		t.Fatal(err)
	}
	later := time.Now().Add(time.Second)
	if err := os.Chtimes(path, later, later); err != nil {
		t.Fatal(err)
	}
	if _, err := users.authenticate(header, "host"); err == nil {
		t.Error("a removed user is still let in")
	}
}

func TestAFileOfUsersThatIsWrongIsRefusedByItsLine(t *testing.T) {
	const hash = "$2a$04$N9qo8uLOickgx2ZMRZoMyeIjZAgcfl7p92ldGxad68LJZdL17lhWy"
	for content, want := range map[string]string{
		"":                                       "no user",
		"a:admin":                                "line 1",
		"a:root:" + hash:                         "role",
		"\n#\na:admin:plain-text":                "line 3",
		"a:admin:" + hash + "\na:viewer:" + hash: "twice",
	} {
		if _, err := parseUsers(content); err == nil || !strings.Contains(err.Error(), want) ||
			strings.Contains(err.Error(), "plain-text") {
			t.Errorf("%q: %v", content, err)
		}
	}
}

func TestAnAddressOutsideNeedsUsersOrAWordThatItDoesNot(t *testing.T) {
	base := Config{GRPCAddress: "127.0.0.1:7070", HTTPAddresses: []string{"localhost:9090", "[::1]:8080"},
		Capture: []string{"c:1"}, Sink: []string{"s:1"}}
	if err := base.Validate(); err != nil {
		t.Errorf("loopback: %v", err)
	}
	for _, address := range []string{":9090", "0.0.0.0:9090", "192.0.2.1:9090", "example.com:9090"} {
		c := base
		c.HTTPAddresses = []string{address}
		if err := c.Validate(); err == nil || !strings.Contains(err.Error(), "--insecure-no-auth") {
			t.Errorf("%s: %v", address, err)
		}
		c.TLS.InsecureNoAuth = true
		if err := c.Validate(); err != nil {
			t.Errorf("%s, told so: %v", address, err)
		}
	}
}
