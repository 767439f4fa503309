package usecase

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"

	"github.com/calypso-cdc/calypso/examples/orders"
	connectorv1 "github.com/calypso-cdc/calypso/gen/calypso/connector/v1"
	"github.com/calypso-cdc/calypso/libs/testenv"
	"github.com/calypso-cdc/calypso/libs/verify"
	"github.com/calypso-cdc/calypso/tests/internal/connect"
	"github.com/calypso-cdc/calypso/tests/internal/stack"
)

// A fault is a mistake in a configuration, or at the source or target, that does not go away by waiting.
// It must be named, with what to do about it, in the answer or in /status, over gRPC and in the log.
type fault struct {
	name string
	// arrange causes the fault; nil if the configuration alone does.
	arrange func(t *testing.T, p *pipeline)
	// source and sink change the configuration of the connector that must fail; one of the two is set.
	source, sink func(config map[string]any)
	// words must all be in the message, compared without case.
	words []string
}

var faults = []fault{
	{name: "a wrong password", source: set("database.password", "wrong-canary"), words: []string{"password", "postgres"}},
	{name: "an unknown database", source: set("database.dbname", "nowhere"), words: []string{"nowhere", "not exist"}},
	{name: "a role without REPLICATION", arrange: role, words: []string{"replication", "alter role"},
		source: func(c map[string]any) {
			c["database.user"], c["database.password"], c["slot.name"] = "reader", "reader", "reader"
		}},
	{name: "a slot that another reads", arrange: takenSlot, source: set("slot.name", "taken"),
		words: []string{"taken", "slot.name"}},
	{name: "an output plugin that is not installed", source: set("plugin.name", "nonsense"),
		words: []string{"plugin.name", "must be one of pgoutput"}},
	{name: "an unknown target table", sink: mapping("Ordes", "OrdersEventMapping"),
		words: []string{"Ordes", ".create table"}},
	{name: "an unknown mapping", sink: mapping("Orders", "Nothing"), words: []string{"Nothing", "mapping"}},
	{name: "a mapping list that is no list", sink: set("kusto.tables.topics.mapping", "[{'topic'"),
		words: []string{"kusto.tables.topics.mapping"}},
	{name: "an address that is not ADX's", sink: set("kusto.url", "https://evil.example"),
		words: []string{"evil.example"}},
}

func set(key, value string) func(map[string]any) {
	return func(c map[string]any) { c[key] = value }
}

func mapping(table, name string) func(map[string]any) {
	return set("kusto.tables.topics.mapping",
		fmt.Sprintf("[{'topic': '%s','db': '%s', 'table': '%s','format': 'json', 'mapping':'%s'}]", topic,
			database, table, name))
}

func role(t *testing.T, p *pipeline) {
	if _, err := p.conn.Exec(t.Context(), "create role reader login password 'reader'"); err != nil {
		t.Fatal(err)
	}
}

// takenSlot has another connector read the slot.
func takenSlot(t *testing.T, p *pipeline) {
	if err := p.post(t.Context(), p.Source(), strings.Replace(orders.SourceConfig, source, "another", 1),
		func(c map[string]any) {
			c["slot.name"], c["database.server.name"] = "taken", "another"
		}); err != nil {
		t.Fatal(err)
	}
	testenv.Eventually(t, time.Minute, "another connector to read the slot", func(ctx context.Context) error {
		var active bool
		err := p.conn.QueryRow(ctx, "select active from pg_replication_slots where slot_name = 'taken'").Scan(&active)
		if err == nil && !active {
			err = errors.New("not active")
		}
		return errors.Join(err)
	})
}

func TestEveryFaultIsNamedWithWhatToDoAboutIt(t *testing.T) {
	p := newPipeline(t, stack.Options{})
	for _, f := range faults {
		t.Run(f.name, func(t *testing.T) {
			if f.arrange != nil {
				f.arrange(t, p)
			}
			api, name, file, edit, fleet := p.Source(), source, orders.SourceConfig, f.source, "capture"
			if f.sink != nil {
				api, name, file, edit, fleet = p.Stack.Sink(), sink, orders.SinkConfig, f.sink, "sink"
			}
			logged := len(p.Service(fleet).Log())
			err := p.post(t.Context(), api, file, edit)
			if refused := (*connect.Error)(nil); errors.As(err, &refused) {
				if refused.Status != http.StatusBadRequest {
					t.Errorf("status %d, want 400", refused.Status)
				}
				f.in(t, "the answer", refused.Message)
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			defer func() {
				if err := api.Delete(context.WithoutCancel(t.Context()), name); err != nil {
					t.Error(err)
				}
			}()
			testenv.Eventually(t, 90*time.Second, "the fault in the status", func(ctx context.Context) error {
				trace, err := api.Trace(ctx, name)
				return errors.Join(err, f.missing(trace))
			})
			f.in(t, "the answer over gRPC", p.grpcTrace(t, fleet, name))
			testenv.Eventually(t, 10*time.Second, "the fault in the log",
				func(context.Context) error { return f.missing(p.Service(fleet).Log()[logged:]) })
		})
	}
	for _, fleet := range []string{"capture", "sink", "admin"} {
		if strings.Contains(p.Service(fleet).Log(), "canary") {
			t.Errorf("the log of %s holds a password", fleet)
		}
	}
}

// missing says which of the fault's words a message lacks.
func (f fault) missing(message string) error {
	for _, w := range f.words {
		if !strings.Contains(strings.ToLower(message), strings.ToLower(w)) {
			return fmt.Errorf("%q is not in %q", w, message)
		}
	}
	return nil
}

func (f fault) in(t *testing.T, where, message string) {
	t.Helper()
	if err := f.missing(message); err != nil {
		t.Errorf("%s: %v", where, err)
	}
}

// grpcTrace asks a fleet itself for the trace of a connector.
func (p *pipeline) grpcTrace(t *testing.T, fleet, name string) string {
	conn, err := grpc.NewClient(p.Address(fleet+" grpc"), grpc.WithTransportCredentials(insecure.NewCredentials()))
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	answer, err := connectorv1.NewConnectorServiceClient(conn).GetConnectorStatus(t.Context(),
		&connectorv1.GetConnectorStatusRequest{Name: name})
	if err != nil {
		t.Fatal(err)
	}
	text, err := json.Marshal(answer)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

func TestMalformedRequestsAreRefused(t *testing.T) {
	p := newPipeline(t, stack.Options{})
	for _, c := range []struct {
		name, body string
		status     []int
		word       string
	}{
		{"broken JSON", `{"name": "x", `, []int{400, 500}, ""},
		{"no configuration", `{"name": "x"}`, []int{400, 500}, ""},
		{"no class", `{"name": "x", "config": {}}`, []int{400, 500}, "connector type"},
		{"an unknown class", `{"name": "x", "config": {"connector.class": "com.example.Nothing"}}`, []int{400, 500},
			"com.example.Nothing"},
		{"a required key missing",
			`{"name": "x", "config": {"connector.class": "io.debezium.connector.postgresql.PostgresConnector"}}`, []int{400},
			"database.hostname"},
		{"a value of the wrong type", strings.Replace(string(p.body(orders.SourceConfig)), `"database.server.name"`,
			`"max.batch.size": "many", "database.server.name"`, 1), []int{400}, "max.batch.size"},
	} {
		err := p.Source().Call(t.Context(), http.MethodPost, "/connectors", []byte(c.body), nil)
		refused := (*connect.Error)(nil)
		if !errors.As(err, &refused) {
			t.Errorf("%s: got %v", c.name, err)
			continue
		}
		if ok := strings.Contains(fmt.Sprint(c.status), fmt.Sprint(refused.Status)); !ok ||
			!strings.Contains(refused.Message, c.word) {
			t.Errorf("%s: got %v, want status %v and %q", c.name, refused, c.status, c.word)
		}
	}
}

func TestAnUnknownKeyIsNamedAndStopsNothing(t *testing.T) {
	p := newPipeline(t, stack.Options{})
	if err := p.post(t.Context(), p.Source(), orders.SourceConfig, set("databse.hostname", "typo")); err != nil {
		t.Fatal(err)
	}
	testenv.Eventually(t, time.Minute, "the connector to run",
		func(ctx context.Context) error { return p.Source().Running(ctx, source) })
	testenv.Eventually(t, 10*time.Second, "the log to name the key", func(context.Context) error {
		if !strings.Contains(p.Service("capture").Log(), "databse.hostname") {
			return errors.New("it does not")
		}
		return nil
	})
}

func TestAServerWithoutLogicalWALIsNamedWithTheRemedy(t *testing.T) {
	p := newPipeline(t, stack.Options{Postgres: testenv.PostgresConfig{Settings: []string{"wal_level = replica"}}})
	f := fault{words: []string{"wal_level", "logical", "restart"}}
	err := p.post(t.Context(), p.Source(), orders.SourceConfig, nil)
	if err != nil {
		f.in(t, "the answer", err.Error())
		return
	}
	testenv.Eventually(t, time.Minute, "the fault in the status", func(ctx context.Context) error {
		trace, err := p.Source().Trace(ctx, source)
		return errors.Join(err, f.missing(trace))
	})
}

func TestOutagesAreWaitedOutAndLoseNothing(t *testing.T) {
	p := newPipeline(t, stack.Options{ADXEnv: []string{batchQuickly}})
	p.start(t, quick)
	p.burst(t, 200)
	ctx := t.Context()
	outage := func(what string, stop func() error, start func(context.Context) error) {
		t.Helper()
		if err := stop(); err != nil {
			t.Fatalf("stop %s: %v", what, err)
		}
		if what != "PostgreSQL" {
			p.burst(t, 200)
		}
		time.Sleep(5 * time.Second)
		if err := start(ctx); err != nil {
			t.Fatalf("start %s: %v", what, err)
		}
		testenv.Eventually(t, time.Minute, "the generator to write again", func(ctx context.Context) error {
			return p.tryBurst(ctx, 200)
		})
	}
	outage("ADX", p.Service("localadx").Stop, func(ctx context.Context) error { return p.Service("localadx").Start(ctx) })
	outage("Kafka", p.Kafka.Stop, p.Kafka.Start)
	if err := p.conn.Close(ctx); err != nil {
		t.Fatal(err)
	}
	outage("PostgreSQL", func() error { return p.Postgres.Stop(testenv.Fast) }, p.Postgres.Start)
	p.connect(t)
	p.settle(t, 3*time.Minute, verify.ExactlyOnce, verify.ExactlyOnce)
}
