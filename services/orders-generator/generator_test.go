package ordersgenerator

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"math"
	"net"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"
	"go.uber.org/goleak"
	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/status"

	ordersv1 "github.com/calypso-cdc/calypso/gen/calypso/orders/v1"
	"github.com/calypso-cdc/calypso/libs/telemetry"
	"github.com/calypso-cdc/calypso/libs/testenv"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// logs collects log lines of many goroutines.
type logs struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *logs) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *logs) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}

// start runs a generator and returns a client of its service and its log.
func start(t *testing.T, cfg Config, opts ...telemetry.Option) (ordersv1.OrdersServiceClient, *logs) {
	t.Helper()
	out := &logs{}
	tel, err := telemetry.Start(t.Context(), "orders-generator", "test", append(opts, telemetry.WithLogOutput(out))...)
	if err != nil {
		t.Fatal(err)
	}
	cfg.Telemetry = tel
	cfg.GRPCAddress, cfg.HTTPAddress = fmt.Sprintf("127.0.0.1:%d", testenv.Port(t)), "127.0.0.1:0"
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- Run(ctx, cfg) }()
	connection, err := grpc.NewClient("passthrough:///"+cfg.GRPCAddress,
		grpc.WithTransportCredentials(insecure.NewCredentials()))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = connection.Close()
		cancel()
		if err := <-ended; err != nil {
			t.Errorf("Run: %v", err)
		}
		_ = tel.Shutdown(context.Background())
		if t.Failed() {
			t.Logf("the generator's log:\n%s", out)
		}
	})
	client := ordersv1.NewOrdersServiceClient(connection)
	testenv.Eventually(t, 30*time.Second, "the generator's service", func(ctx context.Context) error {
		_, err := client.GetStatistics(ctx, &ordersv1.GetStatisticsRequest{})
		return err
	})
	return client, out
}

func configFor(pg *testenv.Postgres) Config {
	return Config{Host: pg.Host, Port: uint16(pg.Port), User: testenv.PostgresUser, Password: testenv.PostgresPassword,
		Database: "postgres", SSLMode: "disable"}
}

func connect(t *testing.T, pg *testenv.Postgres) *pgx.Conn {
	t.Helper()
	conn, err := pgx.Connect(t.Context(), pg.URL("postgres"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close(context.Background()) })
	return conn
}

func awaitStatistics(t *testing.T, client ordersv1.OrdersServiceClient, what string,
	ok func(*ordersv1.Statistics) bool) {
	t.Helper()
	testenv.Eventually(t, time.Minute, what, func(ctx context.Context) error {
		r, err := client.GetStatistics(ctx, &ordersv1.GetStatisticsRequest{})
		if err == nil && !ok(r.Statistics) {
			err = fmt.Errorf("statistics are %v", r.Statistics)
		}
		return err
	})
}

func TestOrdersArriveInTheTableThatTheGeneratorMakes(t *testing.T) {
	pg := testenv.RunPostgres(t, testenv.PostgresConfig{})
	cfg := configFor(pg)
	cfg.CreateTable, cfg.Rate, cfg.Seed = true, 200, 11
	client, _ := start(t, cfg)
	awaitStatistics(t, client, "50 orders", func(s *ordersv1.Statistics) bool {
		return s.Inserted >= 50 && s.ActualRate > 0
	})
	stopped, err := client.Stop(t.Context(), &ordersv1.StopRequest{})
	if err != nil || stopped.Statistics.Running {
		t.Fatalf("%v, %v", stopped, err)
	}

	rows, err := connect(t, pg).Query(t.Context(),
		"SELECT orderid, custid, amount, city, purchase_time FROM retail.orders_info ORDER BY orderid LIMIT 50")
	if err != nil {
		t.Fatal(err)
	}
	want := newShop(11, Mix{}).draw(50)
	i := 0
	var orderid, custid, amount int32
	var city, purchased string
	_, err = pgx.ForEachRow(rows, []any{&orderid, &custid, &amount, &city, &purchased}, func() error {
		if orderid != int32(i+1) || custid != want.customers[i] || amount != want.amounts[i] || city != want.cities[i] {
			t.Errorf("order %d is (%d, %d, %s)", orderid, custid, amount, city)
		}
		if !regexp.MustCompile(`^\d{4}-\d\d-\d\d \d\d:\d\d:\d\d$`).MatchString(purchased) {
			t.Errorf("purchase_time is %q", purchased)
		}
		i++
		return nil
	})
	if err != nil || i != 50 {
		t.Errorf("%d rows, %v", i, err)
	}
}

func TestABurstIsCommittedWhenTheCallReturns(t *testing.T) {
	pg := testenv.RunPostgres(t, testenv.PostgresConfig{})
	cfg := configFor(pg)
	cfg.CreateTable, cfg.Stopped = true, true
	client, out := start(t, cfg)
	testenv.Eventually(t, time.Minute, "the table", func(context.Context) error {
		if !strings.Contains(out.String(), "writing orders") {
			return errors.New("not yet")
		}
		return nil
	})
	r, err := client.Burst(t.Context(), &ordersv1.BurstRequest{Orders: 2345})
	if err != nil || r.Statistics.Inserted != 2345 {
		t.Fatalf("%v, %v", r, err)
	}
	var rows, transactions int
	if err := connect(t, pg).QueryRow(t.Context(),
		"SELECT count(*), count(DISTINCT xmin::text) FROM retail.orders_info").Scan(&rows, &transactions); err != nil {
		t.Fatal(err)
	}
	if rows != 2345 || transactions != 3 {
		t.Errorf("%d rows in %d transactions", rows, transactions)
	}
}

func TestTheMixUpdatesAndDeletesEarlierOrders(t *testing.T) {
	pg := testenv.RunPostgres(t, testenv.PostgresConfig{})
	cfg := configFor(pg)
	cfg.CreateTable, cfg.Rate = true, 2000
	client, _ := start(t, cfg)
	if _, err := client.SetMix(t.Context(), &ordersv1.SetMixRequest{Updates: 0.3, Deletes: 0.2}); err != nil {
		t.Fatal(err)
	}
	awaitStatistics(t, client, "updates and deletes",
		func(s *ordersv1.Statistics) bool { return s.Updated >= 300 && s.Deleted >= 200 })
	if _, err := client.Stop(t.Context(), &ordersv1.StopRequest{}); err != nil {
		t.Fatal(err)
	}
	// A transaction under way when Stop was answered may still be counted.
	conn := connect(t, pg)
	testenv.Eventually(t, time.Minute, "statistics to equal the table", func(ctx context.Context) error {
		r, err := client.GetStatistics(ctx, &ordersv1.GetStatisticsRequest{})
		if err != nil {
			return err
		}
		var rows, last int64
		if err := conn.QueryRow(ctx, "SELECT count(*), max(orderid) FROM retail.orders_info").Scan(&rows, &last); err != nil {
			return err
		}
		if s := r.Statistics; rows != s.Inserted-s.Deleted || s.Errors != 0 {
			return fmt.Errorf("%d rows, %v", rows, s)
		}
		return nil
	})
}

func TestOnlyASampledTransactionAnnouncesItsTraceAndBeforeItsRows(t *testing.T) {
	pg := testenv.RunPostgres(t, testenv.PostgresConfig{})
	conn := connect(t, pg)
	messages := func(sampler trace.Sampler) (decoded []string, spans tracetest.SpanStubs) {
		exporter := tracetest.NewInMemoryExporter()
		provider := trace.NewTracerProvider(trace.WithSyncer(exporter), trace.WithSampler(sampler))
		db, err := openDatabase(t.Context(), configFor(pg), provider.Tracer("test"))
		if err != nil {
			t.Fatal(err)
		}
		defer db.close()
		if err := db.ready(t.Context(), true); err != nil {
			t.Fatal(err)
		}
		if _, err := conn.Exec(t.Context(),
			"SELECT pg_create_logical_replication_slot('probe', 'test_decoding')"); err != nil {
			t.Fatal(err)
		}
		if _, err := db.write(t.Context(), newShop(1, Mix{}).draw(2), time.Now()); err != nil {
			t.Fatal(err)
		}
		rows, err := conn.Query(t.Context(), "SELECT data FROM pg_logical_slot_get_changes('probe', NULL, NULL)")
		if err != nil {
			t.Fatal(err)
		}
		if decoded, err = pgx.CollectRows(rows, pgx.RowTo[string]); err != nil {
			t.Fatal(err)
		}
		if _, err := conn.Exec(t.Context(), "SELECT pg_drop_replication_slot('probe')"); err != nil {
			t.Fatal(err)
		}
		return decoded, exporter.GetSpans()
	}

	decoded, spans := messages(trace.AlwaysSample())
	if len(spans) != 1 || spans[0].Name != "INSERT retail.orders_info" {
		t.Fatalf("spans are %v", spans)
	}
	if len(decoded) != 5 || !strings.Contains(decoded[1], "traceparent") ||
		!strings.Contains(decoded[1], spans[0].SpanContext.SpanID().String()) || !strings.Contains(decoded[2], "INSERT") ||
		!strings.HasPrefix(decoded[4], "COMMIT") {
		t.Errorf("a sampled transaction is %q", decoded)
	}
	if decoded, _ := messages(trace.NeverSample()); len(decoded) != 4 {
		t.Errorf("an unsampled transaction is %q", decoded)
	}
}

func TestTheGeneratorWaitsForTheDatabaseAndForTheTable(t *testing.T) {
	pg := testenv.RunPostgres(t, testenv.PostgresConfig{})
	if err := pg.Stop(testenv.Fast); err != nil {
		t.Fatal(err)
	}
	cfg := configFor(pg)
	cfg.Rate = 100
	client, _ := start(t, cfg)
	awaitStatistics(t, client, "the refusal to be shown", func(s *ordersv1.Statistics) bool { return s.LastError != "" })
	if err := pg.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	awaitStatistics(t, client, "the missing table to be named", func(s *ordersv1.Statistics) bool {
		return strings.Contains(s.LastError, "retail.orders_info does not exist") &&
			strings.Contains(s.LastError, "--create-table")
	})
	if err := pg.Exec(t.Context(), "postgres",
		"CREATE SCHEMA retail; CREATE TABLE retail.orders_info (orderid serial PRIMARY KEY, custid int, amount int, city varchar(255), purchase_time varchar(20))"); err != nil {
		t.Fatal(err)
	}
	awaitStatistics(t, client, "orders", func(s *ordersv1.Statistics) bool { return s.Inserted > 0 && s.LastError == "" })

	// A restart of the server is survived, too.
	if err := pg.Stop(testenv.Immediate); err != nil {
		t.Log(err) // ends with status 2 by design
	}
	awaitStatistics(t, client, "an error", func(s *ordersv1.Statistics) bool { return s.Errors > 0 })
	if err := pg.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	r, err := client.GetStatistics(t.Context(), &ordersv1.GetStatisticsRequest{})
	if err != nil {
		t.Fatal(err)
	}
	before := r.Statistics.Inserted
	awaitStatistics(t, client, "orders after the restart",
		func(s *ordersv1.Statistics) bool { return s.Inserted > before })
}

func TestThePasswordIsNeverLogged(t *testing.T) {
	const canary = "canary-81c3"
	pg := testenv.RunPostgres(t, testenv.PostgresConfig{})
	cfg := configFor(pg)
	cfg.Password = canary
	client, out := start(t, cfg)
	var lastError string
	awaitStatistics(t, client, "the refusal", func(
		s *ordersv1.Statistics) bool {
		lastError = s.LastError
		return lastError != ""
	})
	if !strings.Contains(lastError, "password authentication failed") {
		t.Errorf("the error is %q", lastError)
	}
	cfg.SSLMode = "sometimes"
	invalid := cfg.Validate()
	if invalid == nil {
		t.Error("sslmode sometimes is accepted")
	}
	if all := out.String() + lastError + fmt.Sprintf("%v %+v %#v", cfg, cfg, invalid); strings.Contains(all, canary) {
		t.Errorf("the password shows in %s", all)
	}
}

func TestWrongRequestsNameTheirField(t *testing.T) {
	// No database: what is wrong with a request does not depend on it.
	port := testenv.Port(t)
	listener, err := net.Listen("tcp", fmt.Sprintf("127.0.0.1:%d", port))
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	client, _ := start(t, Config{Host: "127.0.0.1", Port: uint16(port), User: "u", Database: "d", SSLMode: "disable"})
	for name, call := range map[string]func() error{
		"rate": func() error {
			_, err := client.SetRate(t.Context(), &ordersv1.SetRateRequest{Rate: math.NaN()})
			return err
		},
		"orders": func() error { _, err := client.Burst(t.Context(), &ordersv1.BurstRequest{Orders: -1}); return err },
		"updates": func() error {
			_, err := client.SetMix(t.Context(), &ordersv1.SetMixRequest{Updates: 0.7, Deletes: 0.7})
			return err
		},
	} {
		st := status.Convert(call())
		var field, reason string
		for _, d := range st.Details() {
			switch d := d.(type) {
			case *errdetails.BadRequest:
				field = d.FieldViolations[0].Field
			case *errdetails.ErrorInfo:
				reason = d.Reason
			}
		}
		if st.Code() != codes.InvalidArgument || field != name || reason != "REQUEST_INVALID" {
			t.Errorf("%s: %v with field %q and reason %q", name, st, field, reason)
		}
	}
}

func TestWhatIsMissingInTheConfigurationIsNamedAllAtOnce(t *testing.T) {
	err := (&Config{Rate: 1e9}).Validate()
	for _, want := range []string{"PG_HOST", "PG_USER", "PG_DB", "rate"} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s is not named in %v", want, err)
		}
	}
}
