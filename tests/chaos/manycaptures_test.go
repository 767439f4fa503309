package chaos

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/twmb/franz-go/pkg/kgo"

	runtime "github.com/calypso-cdc/calypso/libs/connector"
	"github.com/calypso-cdc/calypso/libs/testenv"
	"github.com/calypso-cdc/calypso/tests/internal/stack"
)

// manyCaptures are n connectors, each with a table and a slot of its own.
type manyCaptures struct {
	*stack.Stack
	conn *pgx.Conn
	n    int
}

// readers says which process of the server sends each slot's changes; slots that nobody reads are left out.
func (m *manyCaptures) readers(ctx context.Context) (map[string]int, error) {
	rows, err := m.conn.Query(ctx,
		`SELECT s.slot_name, r.pid FROM pg_replication_slots s JOIN pg_stat_replication r ON r.pid = s.active_pid
		WHERE r.state IN ('catchup', 'streaming')`)
	if err != nil {
		return nil, err
	}
	readers := map[string]int{}
	var slot string
	var pid int
	_, err = pgx.ForEachRow(rows, []any{&slot, &pid}, func() error {
		readers[slot] = pid
		return nil
	})
	return readers, err
}

// awaitReaders waits until every slot is read.
func (m *manyCaptures) awaitReaders(t *testing.T, patience time.Duration, what string) map[string]int {
	t.Helper()
	var readers map[string]int
	testenv.Eventually(t, patience, what, func(ctx context.Context) error {
		var err error
		if readers, err = m.readers(ctx); err == nil && len(readers) < m.n {
			err = fmt.Errorf("%d of %d slots are read", len(readers), m.n)
		}
		return err
	})
	return readers
}

// work inserts rows into all tables until ctx ends.
func (m *manyCaptures) work(ctx context.Context, t *testing.T) {
	conn, err := pgx.Connect(ctx, m.Postgres.URL("postgres"))
	if err != nil {
		t.Error(err)
		return
	}
	defer conn.Close(context.WithoutCancel(ctx))
	for i := 0; ctx.Err() == nil; i++ {
		if _, err := conn.Exec(ctx, fmt.Sprintf("INSERT INTO many_%d DEFAULT VALUES", i%m.n)); err != nil &&
			ctx.Err() == nil {
			t.Error(err)
			return
		}
		time.Sleep(5 * time.Millisecond)
	}
}

// insert adds a row to every table, so that every connector has an offset to write.
func (m *manyCaptures) insert(t *testing.T) {
	t.Helper()
	batch := &pgx.Batch{}
	for i := range m.n {
		batch.Queue(fmt.Sprintf("INSERT INTO many_%d DEFAULT VALUES", i))
	}
	if err := m.conn.SendBatch(t.Context(), batch).Close(); err != nil {
		t.Fatal(err)
	}
}

// newManyCaptures runs n captures on two workers.
func newManyCaptures(t *testing.T, n int) *manyCaptures {
	t.Helper()
	m := &manyCaptures{n: n}
	m.Stack = stack.Start(t, stack.Options{Capture: true, Workers: 2, Postgres: testenv.PostgresConfig{
		Settings: []string{"max_replication_slots = 250", "max_wal_senders = 250", "max_connections = 1000",
			"shared_buffers = 64MB"}}})
	var err error
	if m.conn, err = pgx.Connect(t.Context(), m.Postgres.URL("postgres")); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { m.conn.Close(context.WithoutCancel(t.Context())) })
	for i := range n {
		if _, err := m.conn.Exec(t.Context(),
			fmt.Sprintf("CREATE TABLE many_%d (id bigserial PRIMARY KEY, at timestamptz DEFAULT now())", i)); err != nil {
			t.Fatal(err)
		}
	}
	began := time.Now()
	for i := range n {
		name := fmt.Sprintf("many_%d", i)
		if err := m.Source().Create(t.Context(), name, map[string]string{
			"connector.class":   "io.debezium.connector.postgresql.PostgresConnector",
			"database.hostname": m.Postgres.Host, "database.port": strconv.Itoa(m.Postgres.Port),
			"database.user":     testenv.PostgresUser,
			"database.password": testenv.PostgresPassword, "database.dbname": "postgres", "database.sslmode": "disable",
			"topic.prefix": "p" + strconv.Itoa(i), "plugin.name": "pgoutput", "slot.name": name, "publication.name": name,
			"publication.autocreate.mode": "filtered", "table.include.list": "public." + name, "snapshot.mode": "no_data",
		}, ""); err != nil {
			t.Fatal(err)
		}
	}
	m.awaitReaders(t, 5*time.Minute, "all captures stream")
	t.Logf("%d captures were made and stream after %s", n, time.Since(began).Round(time.Second))
	return m
}

// age fills the topics that keep the connectors' state as months of work do: the broker compacts them late.
func (m *manyCaptures) age(t *testing.T) {
	t.Helper()
	client, err := kgo.NewClient(kgo.SeedBrokers(m.Kafka.Bootstrap), kgo.MaxBufferedRecords(100_000))
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	refused := func(_ *kgo.Record, err error) {
		if err != nil {
			t.Errorf("fill a topic: %v", err)
		}
	}
	note := strings.Repeat("x", 200)
	for n := range 5000 {
		for i := range m.n {
			client.Produce(t.Context(), &kgo.Record{Topic: "calypso-offsets",
				Value: fmt.Appendf(nil, `{"n":%d,"note":"%s"}`, n, note),
				Key:   runtime.OffsetKey(fmt.Sprintf("many_%d", i), map[string]any{"server": "earlier"})}, refused)
			if n%50 == 0 {
				client.Produce(t.Context(), &kgo.Record{Topic: "calypso-schemas",
					Key:   fmt.Appendf(nil, `["many_%d","public.earlier",%d]`, i, n),
					Value: fmt.Appendf(nil, `{"table":"public.earlier","number":%d,"note":"%s"}`, n+1, strings.Repeat(note, 10))},
					refused)
			}
		}
	}
	if err := client.Flush(t.Context()); err != nil {
		t.Fatal(err)
	}
}

func TestWhenOneOfTwoWorkersIsKilledTheOtherTakesItsHundredCapturesAndGoesOnWithItsOwn(t *testing.T) {
	if testing.Short() {
		t.Skip("left out by -short: 200 connectors")
	}
	m := newManyCaptures(t, 200)
	m.insert(t) // the first row makes the topic
	m.age(t)
	m.awaitConfirmed(t)
	m.awaitReaders(t, time.Minute, "all captures stream")
	working, stop := context.WithCancel(t.Context())
	var work sync.WaitGroup
	defer work.Wait()
	defer stop()
	work.Go(func() { m.work(working, t) })
	first, second := m.Service("capture"), m.Service("capture 2")
	before := m.awaitReaders(t, time.Minute, "all captures stream")
	kept := strings.Count(second.Log(), "task started")
	if err := second.Process().ResetPeakRSS(); err != nil {
		t.Fatal(err)
	}
	first.Kill()
	killed := time.Now()
	var own map[string]int // the slots that the survivor read all along, and by which process of the server
	longest := time.Duration(0)
	testenv.Eventually(t, 5*time.Minute, "the survivor takes all", func(ctx context.Context) error {
		now, err := m.readers(ctx)
		if err != nil {
			return err
		}
		if own == nil && time.Since(killed) > time.Second { // by then the server has noticed that the sockets are closed
			own = now
		}
		for slot, pid := range own {
			if now[slot] != pid {
				delete(own, slot)
				return fmt.Errorf("the survivor stopped to read %s", slot)
			}
		}
		began := time.Now()
		call, cancel := context.WithTimeout(ctx, 10*time.Second)
		defer cancel()
		if _, err := m.Source().Status(call, "many_0"); err != nil {
			t.Logf("after %s: %v", time.Since(killed).Round(time.Second), err)
		}
		longest = max(longest, time.Since(began))
		if len(now) < m.n {
			return fmt.Errorf("after %s %d of %d slots are read", time.Since(killed).Round(time.Second), len(now), m.n)
		}
		return nil
	})
	took := time.Since(killed)
	after := m.awaitReaders(t, time.Minute, "all captures stream")
	same := 0
	for slot, pid := range before {
		if after[slot] == pid {
			same++
		}
	}
	peak, err := second.Process().PeakRSS()
	started := strings.Count(second.Log(), "task started") - kept
	t.Logf(
		"after the kill all slots were read again in %s, %d without interruption; %d tasks were started; the survivor took %d MB at most; the slowest call about a status took %s",
		took.Round(100*time.Millisecond), same, started, peak>>20, longest.Round(time.Millisecond))
	if err != nil || peak > 1<<30 {
		t.Errorf("the survivor took %d MB: %v", peak>>20, err)
	}
	if same+started != m.n {
		lines := strings.Split(second.Log(), "\n")
		for _, line := range slices.DeleteFunc(lines, func(line string) bool {
			return !strings.Contains(line, `"level":"WARN"`)
		}) {
			t.Logf("%.400s", line)
		}
		t.Errorf("%d slots were read without interruption and %d tasks were started, which is not %d together",
			same, started, m.n)
	}
	m.insert(t)
	m.awaitConfirmed(t)
}

// awaitConfirmed waits until every slot has confirmed what was written by now.
func (m *manyCaptures) awaitConfirmed(t *testing.T) {
	t.Helper()
	var at string
	if err := m.conn.QueryRow(t.Context(), "SELECT pg_current_wal_lsn()::text").Scan(&at); err != nil {
		t.Fatal(err)
	}
	testenv.Eventually(t, time.Minute, "every slot confirms what was inserted", func(ctx context.Context) error {
		var behind int
		err := m.conn.QueryRow(ctx, "SELECT count(*) FROM pg_replication_slots WHERE confirmed_flush_lsn < $1::pg_lsn",
			at).Scan(&behind)
		if err == nil && behind > 0 {
			err = fmt.Errorf("%d slots are behind", behind)
		}
		return err
	})
}
