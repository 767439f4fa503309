package calypso

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/calypso-cdc/calypso/examples/orders"
	"github.com/calypso-cdc/calypso/libs/pgrepl"
	"github.com/calypso-cdc/calypso/libs/pgserver"
	"github.com/calypso-cdc/calypso/libs/testenv"
)

// screen is what Up prints, readable while it runs.
type screen struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (s *screen) Write(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.b.Write(p)
}

func (s *screen) String() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.b.String()
}

// up runs Up and returns when everything has started; it runs until the returned function is called.
func up(t *testing.T, s Settings) (out *screen, stop func()) {
	t.Helper()
	if _, err := pgserver.FindBinaries(); errors.Is(err, pgserver.ErrNoBinaries) {
		t.Skipf("left out: %v", err)
	}
	out = &screen{}
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- Up(ctx, s, "test", out) }()
	stop = sync.OnceFunc(func() {
		cancel()
		if err := <-ended; err != nil {
			t.Errorf("Up: %v", err)
		}
		if t.Failed() {
			t.Logf("Up printed:\n%s", out)
			for _, log := range []string{"capture", "sink", "localadx"} {
				content, _ := os.ReadFile(filepath.Join(s.Data, "logs", log+".log"))
				t.Logf("%s logged:\n%.4000s", log, content)
			}
		}
	})
	t.Cleanup(stop)
	awaitStart(t, out)
	return out, stop
}

func awaitStart(t *testing.T, out *screen) {
	t.Helper()
	testenv.Eventually(t, 2*time.Minute, "the start", func(context.Context) error {
		if !strings.Contains(out.String(), "Calypso runs") {
			return errors.New("Calypso has not said that it runs")
		}
		return nil
	})
}

// upSettings are settings whose data PostgreSQL's user can reach even if root runs the test.
func upSettings(t *testing.T, args ...string) Settings {
	t.Helper()
	s := settings(t, args...)
	dir, err := os.MkdirTemp("", "calypso-up-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	if err := os.Chmod(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	s.Data = filepath.Join(dir, "data")
	return s
}

// flushQuickly makes the sink send batches each second, so that tests need not wait for the use case's thirty.
func flushQuickly(t *testing.T, s *Settings) {
	t.Helper()
	code, answer, err := call(t.Context(), http.MethodPatch,
		"http://"+local(s.SinkPort)+"/connectors/adx-orders-sink/config", map[string]string{"flush.interval.ms": "1000"})
	if err := outcome("patching", http.StatusOK, code, answer, err); err != nil {
		t.Fatal(err)
	}
}

// postgres connects to the embedded PostgreSQL as a user does.
func postgres(t *testing.T, s *Settings) *pgx.Conn {
	t.Helper()
	conn, err := pgx.Connect(t.Context(), fmt.Sprintf("postgres://postgres:%s@%s/postgres", s.PostgresPassword.Reveal(),
		local(s.PostgresPort)))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close(context.Background()) })
	return conn
}

// ask returns the rows of a query's answer.
func ask(ctx context.Context, s *Settings, query string) ([][]any, error) {
	body := map[string]string{"db": s.ADXDatabase, "csl": query}
	code, answer, err := call(ctx, http.MethodPost, "http://"+local(s.ADXPort)+"/v1/rest/query", body)
	if err := outcome("querying", http.StatusOK, code, answer, err); err != nil {
		return nil, err
	}
	var tables struct{ Tables []struct{ Rows [][]any } }
	if err := json.Unmarshal(answer, &tables); err != nil {
		return nil, err
	}
	return tables.Tables[0].Rows, nil
}

// ordersInADX are the ids in table Orders, as often as they are there.
func ordersInADX(ctx context.Context, s *Settings) (map[string]int, error) {
	rows, err := ask(ctx, s, "Orders | project orderid")
	if err != nil {
		return nil, err
	}
	ids := map[string]int{}
	for _, row := range rows {
		ids[fmt.Sprint(row[0])]++
	}
	return ids, nil
}

// awaitSameOrders waits until ADX has every order of PostgreSQL exactly once, and no other.
func awaitSameOrders(t *testing.T, s *Settings, least int) {
	t.Helper()
	conn := postgres(t, s)
	testenv.Eventually(t, 2*time.Minute, "the same orders in PostgreSQL and ADX", func(ctx context.Context) error {
		rows, err := conn.Query(ctx, "SELECT orderid::text FROM retail.orders_info")
		if err != nil {
			return err
		}
		want, err := pgx.CollectRows(rows, pgx.RowTo[string])
		if err != nil {
			return err
		}
		got, err := ordersInADX(ctx, s)
		if err != nil {
			return err
		}
		if len(want) < least || len(got) != len(want) {
			return fmt.Errorf("%d orders in PostgreSQL, %d in ADX", len(want), len(got))
		}
		for _, id := range want {
			if got[id] != 1 {
				return fmt.Errorf("order %s is %d times in ADX", id, got[id])
			}
		}
		return nil
	})
}

func generator(t *testing.T, s *Settings, verb, body string) {
	t.Helper()
	code, answer, err := call(t.Context(), http.MethodPost, "http://"+local(s.SourcePort)+"/v1/orders:"+verb,
		json.RawMessage(body))
	if err := outcome("orders:"+verb, http.StatusOK, code, answer, err); err != nil {
		t.Fatal(err)
	}
}

func TestOrdersFlowAndAnotherStartGoesOnWhereTheFirstStopped(t *testing.T) {
	s := upSettings(t, "--rate", "50")
	s.PostgresPassword = "canary-of-the-password"
	_, stop := up(t, s)
	flushQuickly(t, &s)
	generator(t, &s, "burst", `{"orders": 1500}`)
	generator(t, &s, "stop", `{}`)
	awaitSameOrders(t, &s, 1500)
	stop()

	out, _ := up(t, s)
	flushQuickly(t, &s)
	generator(t, &s, "burst", `{"orders": 700}`)
	generator(t, &s, "stop", `{}`)
	awaitSameOrders(t, &s, 2200)
	for i, question := range orders.Queries() {
		if rows, err := ask(t.Context(), &s, question); err != nil || len(rows) == 0 {
			t.Errorf("question %d has %d rows: %v", i+1, len(rows), err)
		}
	}
	logs, err := filepath.Glob(filepath.Join(s.Data, "logs", "*"))
	if err != nil || len(logs) < 5 {
		t.Fatalf("logs are %v, %v", logs, err)
	}
	shown := out.String()
	for _, log := range logs {
		content, err := os.ReadFile(log)
		if err != nil {
			t.Fatal(err)
		}
		shown += string(content)
	}
	if strings.Contains(shown, s.PostgresPassword.Reveal()) {
		t.Error("the password was printed or logged")
	}
}

func TestWithoutOrdersNothingIsMade(t *testing.T) {
	s := upSettings(t, "--no-orders")
	up(t, s)
	code, answer, err := call(t.Context(), http.MethodGet, "http://"+local(s.SourcePort)+"/connectors", nil)
	if err != nil || code != http.StatusOK || strings.TrimSpace(string(answer)) != "[]" {
		t.Errorf("connectors: %d %s %v", code, answer, err)
	}
	var tables int
	if err := postgres(t, &s).QueryRow(t.Context(),
		"SELECT count(*) FROM pg_tables WHERE schemaname = 'retail'").Scan(&tables); err != nil || tables != 0 {
		t.Errorf("%d tables, %v", tables, err)
	}
}

func TestSecretsAreReadAsTheyWereGivenWhereThatIsWanted(t *testing.T) {
	s := upSettings(t, "--no-orders", "--reveal-secrets")
	up(t, s)
	for port, c := range map[int]struct {
		secret string
		config map[string]string
	}{
		s.SourcePort: {"database.password",
			map[string]string{"connector.class": "io.debezium.connector.postgresql.PostgresConnector",
				"database.hostname": "127.0.0.1", "database.user": "postgres",
				"database.dbname": "postgres", "topic.prefix": "a"}},
		s.SinkPort: {"aad.auth.appkey",
			map[string]string{"connector.class": "com.microsoft.azure.kusto.kafka.connect.sink.KustoSinkConnector",
				"topics": "a.b", "kusto.ingestion.url": "https://ingest-c.r.kusto.windows.net",
				"aad.auth.authority": "tenant", "aad.auth.appid": "app",
				"kusto.tables.topics.mapping": "[{'topic': 'a.b','db': 'd', 'table': 'T','format': 'json'}]"}},
	} {
		c.config[c.secret] = "as it was given"
		base := "http://" + local(port) + "/connectors"
		code, answer, err := call(t.Context(), http.MethodPost, base,
			map[string]any{"name": "c" + strconv.Itoa(port), "initial_state": "STOPPED", "config": c.config})
		if err := outcome("creating", http.StatusCreated, code, answer, err); err != nil {
			t.Fatal(err)
		}
		code, answer, err = call(t.Context(), http.MethodGet, base+"/c"+strconv.Itoa(port)+"/config", nil)
		var read map[string]string
		if err := errors.Join(outcome("reading", http.StatusOK, code, answer, err),
			json.Unmarshal(answer, &read)); err != nil || read[c.secret] != "as it was given" {
			t.Errorf("%s is read as %q, %v", c.secret, read[c.secret], err)
		}
	}
}

func TestOneDataDirectoryIsForOneProcess(t *testing.T) {
	s := settings(t)
	lock, err := lockData(s.Data)
	if err != nil {
		t.Fatal(err)
	}
	defer lock.Close()
	if err := Up(t.Context(), s, "test", &screen{}); err == nil ||
		!strings.Contains(err.Error(), "another calypso runs with the data directory") {
		t.Errorf("error is %v", err)
	}
}

func TestAPartThatEndsEndsAllWithItsReason(t *testing.T) {
	if _, err := pgserver.FindBinaries(); errors.Is(err, pgserver.ErrNoBinaries) {
		t.Skipf("left out: %v", err)
	}
	s := upSettings(t, "--no-orders")
	out := &screen{}
	ended := make(chan error, 1)
	go func() { ended <- Up(t.Context(), s, "test", out) }()
	awaitStart(t, out)
	pid, err := os.ReadFile(filepath.Join(s.Data, "postgres", "postmaster.pid"))
	if err != nil {
		t.Fatal(err)
	}
	var server int
	if _, err := fmt.Sscan(string(pid), &server); err != nil {
		t.Fatal(err)
	}
	process, err := os.FindProcess(server)
	if err != nil {
		t.Fatal(err)
	}
	if err := process.Kill(); err != nil {
		t.Fatal(err)
	}
	if err := <-ended; err == nil || !strings.Contains(err.Error(), "PostgreSQL: ended") ||
		!strings.Contains(err.Error(), "postgres.log") {
		t.Errorf("Up ended with %v", err)
	}
}

func TestAServerThatRefusesThePluginOfTheOrdersIsReadWithPgoutput(t *testing.T) {
	pg := testenv.RunPostgres(t, testenv.PostgresConfig{})
	conn, err := pgx.Connect(t.Context(), pg.URL("postgres"))
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close(t.Context())
	if listed, err := pgrepl.ListsPlugins(t.Context(), conn); err != nil || !listed {
		t.Skipf("left out: the server has no list of output plugins (%v)", err)
	}
	if _, err := conn.Exec(t.Context(),
		"ALTER ROLE postgres SET output_plugin_libraries = pgoutput, test_decoding"); err != nil {
		t.Fatal(err)
	}
	given := func(url string) *Settings { return &Settings{PostgresURL: url} }
	src, err := openSource(t.Context(), given(pg.URL("postgres")), nil, func(string) {})
	if err != nil {
		t.Fatal(err)
	}
	f, err := sourceFile(src)
	if err != nil || f.Config["plugin.name"] != "pgoutput" || !strings.Contains(src.Remark, "output_plugin_libraries") {
		t.Errorf("plugin %v, remark %q, %v", f.Config["plugin.name"], src.Remark, err)
	}
	if _, err := conn.Exec(t.Context(), "CREATE ROLE plain LOGIN PASSWORD 'plain'"); err != nil {
		t.Fatal(err)
	}
	_, err = openSource(t.Context(), given(pg.URLFor("plain", "plain", "postgres")), nil, func(string) {})
	if pgrepl.ReasonOf(err) != pgrepl.ReasonReplication {
		t.Errorf("for a role that may not replicate: %v", err)
	}
}

func TestAServerWhoseSlotsAreAllTakenIsStartedAgain(t *testing.T) {
	pg := testenv.RunPostgres(t, testenv.PostgresConfig{Settings: []string{"max_replication_slots = 1"}})
	conn, err := pgx.Connect(t.Context(), pg.URL("postgres"))
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close(t.Context())
	if _, err := conn.Exec(t.Context(), "SELECT pg_create_logical_replication_slot('taken', 'pgoutput')"); err != nil {
		t.Fatal(err)
	}
	var file bytes.Buffer
	sys := &system{settings: &Settings{PostgresURL: pg.URL("postgres"), Data: t.TempDir()}, progress: newProgress(&file)}
	if err := os.Mkdir(filepath.Join(sys.settings.Data, "logs"), 0o700); err != nil {
		t.Fatal(err)
	}
	err = sys.progress.step("PostgreSQL", func(note func(string)) (string, error) {
		return sys.startPostgres(t.Context(), note)
	})
	if err != nil || sys.source.Wal2json || !strings.Contains(file.String(), "✓ PostgreSQL") ||
		!strings.Contains(file.String(), "slots are in use") {
		t.Errorf("%v, and a file has %q", err, file.String())
	}
}

func TestAServerThatCannotBeCapturedFromIsRefusedWithTheRemedy(t *testing.T) {
	pg := testenv.RunPostgres(t, testenv.PostgresConfig{Settings: []string{"wal_level = replica"}})
	s := upSettings(t, "--pg-url", pg.URL("postgres"))
	err := Up(t.Context(), s, "test", &screen{})
	if err == nil || !strings.Contains(err.Error(), "wal_level=replica") ||
		!strings.Contains(err.Error(), "ALTER SYSTEM") {
		t.Errorf("error is %v", err)
	}
}
