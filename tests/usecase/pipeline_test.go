// Package usecase runs the orders use case as its users do: the files of examples/orders, the Kafka
// Connect API on two ports, Azure Data Explorer through the official SDK; with a real PostgreSQL
// and a real Kafka, and localadx.
package usecase

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"

	"github.com/calypso-cdc/calypso/examples/orders"
	ordersv1 "github.com/calypso-cdc/calypso/gen/calypso/orders/v1"
	"github.com/calypso-cdc/calypso/libs/testenv"
	"github.com/calypso-cdc/calypso/libs/verify"
	"github.com/calypso-cdc/calypso/tests/internal/adx"
	"github.com/calypso-cdc/calypso/tests/internal/connect"
	"github.com/calypso-cdc/calypso/tests/internal/stack"
)

const (
	source   = "pg-orders-source"
	sink     = "adx-orders-sink"
	table    = "retail.orders_info"
	topic    = "myserver." + table
	database = "orders"
)

// pipeline is the use case set up: tables on both sides, no connectors yet.
type pipeline struct {
	*stack.Stack
	conn   *pgx.Conn
	adx    *adx.Client
	orders ordersv1.OrdersServiceClient
}

func newPipeline(t *testing.T, o stack.Options) *pipeline {
	t.Helper()
	o.Capture, o.Sink, o.ADX, o.Orders = true, true, true, true
	o.ADXEnv = append(o.ADXEnv, "LOCALADX_DATABASE="+database)
	p := &pipeline{Stack: stack.Start(t, o)}
	ctx := t.Context()
	var err error
	p.connect(t)
	if _, err = p.conn.PgConn().Exec(ctx, orders.SQL).ReadAll(); err != nil {
		t.Fatal(err)
	}
	if err := verify.Watch(ctx, p.conn, table); err != nil {
		t.Fatal(err)
	}
	if p.adx, err = adx.New(p.ADX(), database); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { p.adx.Close() })
	for _, command := range orders.Setup() {
		if err := p.adx.Command(ctx, command); err != nil {
			t.Fatal(err)
		}
	}
	conn, err := grpc.NewClient(p.Address("orders grpc"), grpc.WithTransportCredentials(insecure.NewCredentials()))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	p.orders = ordersv1.NewOrdersServiceClient(conn)
	return p
}

// connect opens the test's own connection to PostgreSQL, again after its restart.
func (p *pipeline) connect(t *testing.T) {
	t.Helper()
	ctx := t.Context()
	conn, err := pgx.Connect(ctx, p.Postgres.URL("postgres"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close(context.WithoutCancel(ctx)) })
	p.conn = conn
}

// body fills the placeholders of a connector's file, and what the files fix and a test cannot have: the default port.
func (p *pipeline) body(file string) []byte {
	return []byte(strings.NewReplacer(
		"<POSTGRES_INSTANCE_NAME>.postgres.database.azure.com", p.Postgres.Host,
		"<DB_USER_NAME>@<POSTGRES_INSTANCE_NAME>", testenv.PostgresUser,
		"<PASSWORD>", testenv.PostgresPassword,
		`"5432"`, strconv.Quote(strconv.Itoa(p.Postgres.Port)),
		"<DATABASE_NAME>", database, "<TENANT_ID>", "tenant", "<APP_ID>", "application", "<APP_PASSWORD>",
		"canary-app-password",
		"https://ingest-<CLUSTER_NAME>.<REGION>.kusto.windows.net", p.ADX(),
	).Replace(file))
}

// post registers a connector from its file, with properties changed by edit if that is not nil.
func (p *pipeline) post(ctx context.Context, api connect.Client, file string, edit func(config map[string]any)) error {
	body := p.body(file)
	if edit != nil {
		var parsed struct {
			Name   string         `json:"name"`
			Config map[string]any `json:"config"`
		}
		if err := json.Unmarshal(body, &parsed); err != nil {
			return err
		}
		edit(parsed.Config)
		var err error
		if body, err = json.Marshal(parsed); err != nil {
			return err
		}
	}
	return api.Call(ctx, "POST", "/connectors", body, nil)
}

// start registers both connectors and waits until they run.
func (p *pipeline) start(t *testing.T, editSink func(map[string]any)) {
	t.Helper()
	ctx := t.Context()
	if err := p.post(ctx, p.Source(), orders.SourceConfig, nil); err != nil {
		t.Fatal(err)
	}
	if err := p.post(ctx, p.Stack.Sink(), orders.SinkConfig, editSink); err != nil {
		t.Fatal(err)
	}
	testenv.Eventually(t, time.Minute, "both connectors to run", func(ctx context.Context) error {
		return errors.Join(p.Source().Running(ctx, source), p.Stack.Sink().Running(ctx, sink))
	})
}

// streaming says why capture does not stream from the slot that it makes by default.
func (p *pipeline) streaming(ctx context.Context) error {
	if err := p.Postgres.Streaming(ctx, "debezium"); err != nil {
		return errors.Join(err, p.Source().Running(ctx, source))
	}
	return nil
}

// burst commits n orders.
func (p *pipeline) burst(t *testing.T, n int64) {
	t.Helper()
	if err := p.tryBurst(t.Context(), n); err != nil {
		t.Fatal(err)
	}
}

func (p *pipeline) tryBurst(ctx context.Context, n int64) error {
	_, err := p.orders.Burst(ctx, &ordersv1.BurstRequest{Orders: n})
	return err
}

// load has the generator write changes at a rate a second, until unload.
func (p *pipeline) load(t *testing.T, rate, updates, deletes float64) {
	t.Helper()
	if _, err := p.orders.SetMix(t.Context(), &ordersv1.SetMixRequest{Updates: updates, Deletes: deletes}); err != nil {
		t.Fatal(err)
	}
	if _, err := p.orders.Start(t.Context(), &ordersv1.StartRequest{Rate: rate, Seed: 1}); err != nil {
		t.Fatal(err)
	}
}

// unload stops the generator; what it has written by then is committed.
func (p *pipeline) unload(t *testing.T) {
	t.Helper()
	answer, err := p.orders.Stop(t.Context(), &ordersv1.StopRequest{})
	if err != nil {
		t.Fatal(err)
	}
	t.Logf("the generator wrote: %v", answer.GetStatistics())
}

// quick makes the sink flush every second instead of every half minute.
func quick(config map[string]any) {
	config["flush.interval.ms"] = 1000
	config["flush.size.bytes"] = 1 << 20
}

// batchQuickly makes localadx ingest after a second, whatever the tables' batching policies say.
const batchQuickly = "LOCALADX_MAX_BATCHING_TIME=1s"

// columns are those of ADX's table Orders.
var columns = []string{"orderid", "custid", "city", "amount", "purchase_time"}

// delivered compares all that was committed with the topic and with ADX.
func (p *pipeline) delivered(ctx context.Context, toTopic, toADX verify.Guarantee) error {
	committed, err := verify.History(ctx, p.conn, table)
	if err != nil {
		return err
	}
	events, err := verify.Topic(ctx, p.Kafka.Bootstrap, topic)
	if err != nil {
		return err
	}
	if err := verify.Changes(committed, events, verify.Promise{Guarantee: toTopic}).Err(); err != nil {
		return fmt.Errorf("PostgreSQL to Kafka: %w", errors.Join(err, p.Source().Running(ctx, source)))
	}
	rows, err := verify.ADX(ctx, p.adx.Client, database, "Orders", columns[:1], columns...)
	if err != nil {
		return err
	}
	if err := verify.Rows(events, rows, toADX).Err(); err != nil {
		return fmt.Errorf("Kafka to ADX: %w", errors.Join(err, p.Stack.Sink().Running(ctx, sink)))
	}
	return nil
}

// settle waits until everything was delivered and shows that nothing more comes.
func (p *pipeline) settle(t *testing.T, patience time.Duration, toTopic, toADX verify.Guarantee) {
	t.Helper()
	check := func(ctx context.Context) error { return p.delivered(ctx, toTopic, toADX) }
	testenv.Eventually(t, patience, "every order to be in ADX", check)
	time.Sleep(2 * time.Second)
	if err := check(t.Context()); err != nil {
		t.Error(err)
	}
}
