package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/calypso-cdc/calypso/examples/orders"
	"github.com/calypso-cdc/calypso/libs/testenv"
	"github.com/calypso-cdc/calypso/tests/internal/stack"
)

// captureBench measures capture with the use case's table of five columns.
type captureBench struct {
	only, events                     string
	snapshotRows, drainRows, txRows  int64
	snapshotRuns, drainRuns, latency int
	tables                           int
	verbose                          bool
	// set are more connector properties, to compare settings.
	set properties
}

// phases are what can be measured, in the order in which it is.
var phases = []string{"snapshot", "streaming", "latency", "half", "transaction", "start"}

func (b *captureBench) flags(f *flag.FlagSet) {
	f.StringVar(&b.only, "only", strings.Join(phases, ","), "what to measure")
	f.StringVar(&b.events, "events", "plain,schema", "events to measure: plain (JSON without schema), schema (with it), "+
		"avro, unwrap (JSON without schema and envelope), cast (the same, by a transform that looks into values)")
	f.Int64Var(&b.snapshotRows, "snapshot-rows", 1_500_000, "rows that the snapshot reads")
	f.IntVar(&b.snapshotRuns, "snapshot-runs", 2, "how often the snapshot is repeated; the best counts")
	f.Int64Var(&b.drainRows, "drain-rows", 500_000, "rows written, 1000 a transaction, while the connector is stopped")
	f.IntVar(&b.drainRuns, "runs", 3, "how often the drain is repeated; the median counts")
	f.IntVar(&b.latency, "latency-rows", 1500, "rows committed one by one at 100 a second to measure latency")
	f.Int64Var(&b.txRows, "tx-rows", 5_000_000, "rows of the one large transaction")
	f.IntVar(&b.tables, "tables", 1000, "tables of the connector whose start is measured")
	f.Var(&b.set, "set", "a connector property, name=value; may be repeated")
	f.BoolVar(&b.verbose, "v", false, "say on standard error what is being done")
}

func (b *captureBench) measures(phase string) bool {
	return slices.Contains(strings.Split(b.only, ","), phase)
}

// properties is a flag that collects name=value.
type properties map[string]string

func (p *properties) String() string { return fmt.Sprint(map[string]string(*p)) }

// Set implements flag.Value.
func (p *properties) Set(text string) error {
	name, value, ok := strings.Cut(text, "=")
	if !ok {
		return fmt.Errorf("%q is not name=value", text)
	}
	if *p == nil {
		*p = properties{}
	}
	(*p)[name] = value
	return nil
}

// formats are the event formats that can be measured.
var formats = []format{
	{"plain", "JSON without schema", map[string]string{
		"key.converter": "org.apache.kafka.connect.json.JsonConverter", "key.converter.schemas.enable": "false",
		"value.converter": "org.apache.kafka.connect.json.JsonConverter", "value.converter.schemas.enable": "false"}},
	{"schema", "JSON with schema", map[string]string{
		"value.converter": "org.apache.kafka.connect.json.JsonConverter"}},
	{"avro", "Avro", map[string]string{
		"schema.name.adjustment.mode": "avro",
		"key.converter":               "io.confluent.connect.avro.AvroConverter",
		"value.converter":             "io.confluent.connect.avro.AvroConverter"}},
	{"unwrap", "JSON without schema, ExtractNewRecordState", map[string]string{
		"key.converter.schemas.enable": "false", "value.converter.schemas.enable": "false",
		"transforms": "unwrap", "transforms.unwrap.type": "io.debezium.transforms.ExtractNewRecordState"}},
	{"cast", "JSON without schema, ExtractNewRecordState, Cast", map[string]string{
		"key.converter.schemas.enable": "false", "value.converter.schemas.enable": "false",
		"transforms": "unwrap,cast", "transforms.unwrap.type": "io.debezium.transforms.ExtractNewRecordState",
		"transforms.cast.type": "org.apache.kafka.connect.transforms.Cast$Value", "transforms.cast.spec": "custid:string"}},
}

type format struct {
	name, title string
	config      map[string]string
}

// session is the servers that everything is measured on, and what was measured.
type session struct {
	bench *captureBench
	stack *stack.Stack
	conn  *pgx.Conn
	admin *kadm.Client
	// registry knows every schema.
	registry *httptest.Server

	rates, latencies, memory, starts table
}

func (b *captureBench) run(ctx context.Context) (r report, err error) {
	for _, p := range strings.Split(b.only, ",") {
		if !slices.Contains(phases, p) {
			return r, fmt.Errorf("-only: cannot measure %q; these can be measured: %s", p, strings.Join(phases, ", "))
		}
	}
	s, err := b.open(ctx)
	if err != nil {
		return r, err
	}
	defer func() { err = errors.Join(err, s.close(ctx)) }()
	if err := s.prepare(ctx); err != nil {
		return r, err
	}
	for _, f := range formats {
		if !slices.Contains(strings.Split(b.events, ","), f.name) {
			continue
		}
		if err := s.format(ctx, f); err != nil {
			return r, fmt.Errorf("%s: %w", f.title, err)
		}
	}
	if b.measures("transaction") {
		if err := s.transaction(ctx); err != nil {
			return r, fmt.Errorf("one large transaction: %w", err)
		}
	}
	if b.measures("start") {
		if err := s.startManyTables(ctx); err != nil {
			return r, fmt.Errorf("start with many tables: %w", err)
		}
	}
	return s.report(), nil
}

func (s *session) report() report {
	r := newReport("Capture")
	r.Notes = []string{
		"Table retail.orders_info, five columns; exactly once into Kafka; one partition; capture, PostgreSQL, Kafka and the measuring program share the machine.",
		fmt.Sprintf(
			"Snapshot: %d rows, from the first record in the topic to the last; best of %d, after one that warms the broker's JVM.", s.bench.snapshotRows, s.bench.snapshotRuns),
		fmt.Sprintf(
			"Streaming: connector stopped, %d rows written in transactions of 1000, connector resumed; from the first new record to the last; median of %d.", s.bench.drainRows, s.bench.drainRuns),
		"Ceiling: pg_recvlogical with pgoutput, writing to /dev/null, over the same WAL from a slot of its own; median.",
		fmt.Sprintf(
			"Latency: %d rows at 100 a second, from the return of COMMIT to the record in a consumer; at half of the rate at which rows pass while a writer on the same machine commits as fast as it can, of the last row of each transaction of 1000.", s.bench.latency),
		fmt.Sprintf(
			"Large transaction: %d rows of one INSERT, sent after its commit (protocol 1) and while it runs (protocol 2, spilled to disk beyond streaming.memory.bytes).", s.bench.txRows),
		"Peak RSS: the largest resident set of the capture process during the phase.",
		"Start: until the slot is read.",
	}
	for _, t := range []table{s.rates, s.latencies, s.memory, s.starts} {
		if len(t.Rows) > 0 {
			r.Tables = append(r.Tables, t)
		}
	}
	return r
}

func (b *captureBench) open(ctx context.Context) (_ *session, err error) {
	s := &session{bench: b,
		rates: table{Heading: "Rows a second", Columns: []string{"events", "snapshot rows/s", "streaming rows/s",
			"pg_recvlogical rows/s",
			"streaming of ceiling", "CPU s per million rows, snapshot", "streaming"}},
		latencies: table{Heading: "Commit to consumer", Columns: []string{"events", "load", "read_uncommitted p50 / p99",
			"read_committed p50 / p99"}},
		memory: table{Heading: "Peak memory", Columns: []string{"phase", "rows/s", "peak RSS"}},
		starts: table{Heading: "Start", Columns: []string{"what", "time"}}}
	if s.stack, err = stack.New(ctx, stack.Options{Capture: true,
		Postgres: testenv.PostgresConfig{Settings: []string{"shared_buffers = 512MB", "max_wal_size = 16GB",
			"checkpoint_timeout = 1h", "max_replication_slots = 40", "max_wal_senders = 40"}},
		Kafka: testenv.KafkaConfig{Heap: "1g", RealOnly: true}}); err != nil {
		return nil, err
	}
	if s.conn, err = pgx.Connect(ctx, s.stack.Postgres.URL("postgres")); err != nil {
		return nil, errors.Join(fmt.Errorf("connect to PostgreSQL: %w", err), s.stack.Close())
	}
	client, err := kgo.NewClient(kgo.SeedBrokers(s.stack.Kafka.Bootstrap))
	if err != nil {
		return nil, errors.Join(fmt.Errorf("make a Kafka client: %w", err), s.conn.Close(ctx), s.stack.Close())
	}
	s.admin = kadm.NewClient(client)
	s.registry = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		_, _ = w.Write([]byte(`{"id":1}`))
	}))
	return s, nil
}

func (s *session) close(ctx context.Context) error {
	s.registry.Close()
	s.admin.Close()
	s.conn.Close(context.WithoutCancel(ctx))
	return s.stack.Close()
}

// prepare makes and fills the table, and warms the broker up: a JVM that has just started compiles
// while it is measured.
func (s *session) prepare(ctx context.Context) error {
	if _, err := s.conn.PgConn().Exec(ctx, orders.SQL+
		"; create publication ceiling for table retail.orders_info").ReadAll(); err != nil {
		return fmt.Errorf("make the table: %w", err)
	}
	s.say("writing %d rows", s.bench.snapshotRows)
	if _, err := s.conn.Exec(ctx, fmt.Sprintf(insertRows, s.bench.snapshotRows)); err != nil {
		return err
	}
	if _, err := s.conn.Exec(ctx, "vacuum analyze retail.orders_info"); err != nil {
		return err
	}
	if !s.bench.measures("snapshot") {
		return nil
	}
	_, err := s.snapshot(ctx, s.connector("warm", formats[0]))
	return err
}

// format measures what depends on the format of events.
func (s *session) format(ctx context.Context, f format) error {
	c := s.connector(f.name, f)
	var rates, streamed rates
	if s.bench.measures("snapshot") {
		for i := range s.bench.snapshotRuns {
			got, err := s.snapshot(ctx, s.connector(fmt.Sprintf("%s-snapshot-%d", f.name, i), f))
			if err != nil {
				return fmt.Errorf("snapshot: %w", err)
			}
			if got.rows > rates.rows {
				rates = got
			}
		}
		s.memory.add(f.title+", snapshot", thousands(rates.rows), megabytes(rates.peak))
	}
	if s.bench.measures("streaming") || s.bench.measures("latency") || s.bench.measures("half") {
		c.config["snapshot.mode"] = "no_data"
		if err := s.create(ctx, c); err != nil {
			return err
		}
	}
	if s.bench.measures("latency") {
		if err := s.latencyAtRest(ctx, c, f); err != nil {
			return fmt.Errorf("latency: %w", err)
		}
	}
	if s.bench.measures("streaming") {
		var err error
		if streamed, err = s.drains(ctx, c); err != nil {
			return fmt.Errorf("streaming: %w", err)
		}
		s.memory.add(f.title+", streaming", thousands(streamed.rows), megabytes(streamed.peak))
	}
	if s.bench.measures("half") && f.name == "plain" {
		if err := s.latencyAtHalf(ctx, c, f); err != nil {
			return fmt.Errorf("latency at half of the rate: %w", err)
		}
	}
	if rates.rows > 0 || streamed.rows > 0 {
		s.rates.add(f.title, thousands(rates.rows), thousands(streamed.rows), thousands(streamed.ceiling),
			percent(streamed.rows, streamed.ceiling),
			fmt.Sprintf("%.2f", rates.cpu), fmt.Sprintf("%.2f", streamed.cpu))
	}
	return s.drop(ctx, c)
}

// rates are what is measured of one phase.
type rates struct {
	rows, ceiling float64 // rows a second
	cpu           float64 // CPU seconds of capture for a million rows
	peak          int64   // bytes
}

func (s *session) say(format string, args ...any) {
	if s.bench.verbose {
		fmt.Fprintf(os.Stderr, "bench: "+format+"\n", args...)
	}
}

const insertRows = `insert into retail.orders_info (custid, amount, city, purchase_time)
	select 1 + i %% 1000, 100 + i %% 100, (array['New Delhi','Seattle','New York','Austin','Chicago','Cleveland'])[1 + i %% 6], '2020-10-09 07:10:49'
	from generate_series(1, %d) i`

// during runs a phase of n rows and adds to its rates what it cost capture.
func (s *session) during(n int64, phase func() (float64, error)) (r rates, err error) {
	process := s.stack.Service("capture").Process()
	if err := process.ResetPeakRSS(); err != nil {
		return r, err
	}
	before, err := process.CPU()
	if err != nil {
		return r, err
	}
	if r.rows, err = phase(); err != nil {
		return r, err
	}
	after, err := process.CPU()
	if err != nil {
		return r, err
	}
	r.cpu = (after - before).Seconds() / float64(n) * 1e6
	r.peak, err = process.PeakRSS()
	return r, err
}

// snapshot makes the connector, waits for the table's rows in its topic, and removes it.
func (s *session) snapshot(ctx context.Context, c connector) (rates, error) {
	var rows int64
	if err := s.conn.QueryRow(ctx, "select count(*) from retail.orders_info").Scan(&rows); err != nil {
		return rates{}, err
	}
	r, err := s.during(rows, func() (float64, error) {
		if err := s.create(ctx, c); err != nil {
			return 0, err
		}
		return s.arrive(ctx, c, 0, rows)
	})
	s.say("%s: %.0f rows/s, CPU %.2f s/M, peak %s", c.name, r.rows, r.cpu, megabytes(r.peak))
	if err == nil {
		err = s.drop(ctx, c)
	}
	return r, err
}

// drains measures capture and the ceiling over the same rows, in turn.
func (s *session) drains(ctx context.Context, c connector) (r rates, err error) {
	top := ceiling{pg: s.stack.Postgres, publication: "ceiling"}
	var capture, most, cpu []float64
	for range s.bench.drainRuns {
		if err := s.stop(ctx, c); err != nil {
			return r, err
		}
		if err := top.slot(ctx, s.conn, "ceiling"); err != nil {
			return r, err
		}
		for range s.bench.drainRows / 1000 {
			if _, err := s.conn.Exec(ctx, fmt.Sprintf(insertRows, 1000)); err != nil {
				return r, err
			}
		}
		took, err := top.read(ctx, s.conn, "ceiling")
		if err != nil {
			return r, err
		}
		most = append(most, perSecond(s.bench.drainRows, took))
		got, err := s.resume(ctx, c, s.bench.drainRows)
		if err != nil {
			return r, err
		}
		capture, cpu, r.peak = append(capture, got.rows), append(cpu, got.cpu), max(r.peak, got.peak)
		s.say("%s: streaming %.0f rows/s, CPU %.2f s/M, pg_recvlogical %.0f rows/s", c.name, got.rows, got.cpu,
			most[len(most)-1])
	}
	r.rows, r.ceiling, r.cpu = median(capture), median(most), median(cpu)
	return r, nil
}

// transaction measures one transaction of many rows, sent by the server after its commit and while it runs.
func (s *session) transaction(ctx context.Context) error {
	var read []connector
	for _, protocol := range []string{"1", "2"} {
		c := s.connector("transaction-"+protocol, formats[0])
		c.config["snapshot.mode"], c.config["replication.protocol"] = "no_data", protocol
		if err := s.create(ctx, c); err != nil {
			return err
		}
		if err := s.stop(ctx, c); err != nil {
			return err
		}
		read = append(read, c)
	}
	s.say("writing one transaction of %d rows", s.bench.txRows)
	if _, err := s.conn.Exec(ctx, fmt.Sprintf(insertRows, s.bench.txRows)); err != nil {
		return err
	}
	for i, c := range read {
		r, err := s.resume(ctx, c, s.bench.txRows)
		if err != nil {
			return err
		}
		s.say("%s: %.0f rows/s, peak %s", c.name, r.rows, megabytes(r.peak))
		s.memory.add(fmt.Sprintf("one transaction of %d rows, %s", s.bench.txRows,
			[]string{"sent after its commit", "sent while it runs"}[i]), thousands(r.rows), megabytes(r.peak))
		if err := s.drop(ctx, c); err != nil {
			return err
		}
	}
	return nil
}

// startManyTables measures how long a connector that captures many tables takes until it streams.
func (s *session) startManyTables(ctx context.Context) error {
	s.say("making %d tables", s.bench.tables)
	if _, err := s.conn.Exec(ctx,
		fmt.Sprintf(`do $$ begin execute 'create schema many'; for i in 1..%d loop execute format(
		'create table many.t%%s (id int primary key, a int not null, b text, c varchar(20), d timestamptz)', i); end loop; end $$`, s.bench.tables)); err != nil {
		return err
	}
	c := s.connector("many", formats[0])
	c.config["table.include.list"] = `many\..*`
	began := time.Now()
	if err := s.create(ctx, c); err != nil {
		return err
	}
	s.starts.add(fmt.Sprintf("connector with %d empty tables: created, snapshot, streaming", s.bench.tables),
		fmt.Sprintf("%.2f s", time.Since(began).Seconds()))
	capture := s.stack.Service("capture")
	if err := capture.Stop(); err != nil {
		return err
	}
	if err := s.inactive(ctx, c); err != nil {
		return err
	}
	began = time.Now()
	if err := capture.Start(ctx); err != nil {
		return err
	}
	if err := s.active(ctx, c); err != nil {
		return err
	}
	s.starts.add(fmt.Sprintf("capture process with the same connector, until it streams, %d tables", s.bench.tables),
		fmt.Sprintf("%.2f s", time.Since(began).Seconds()))
	return s.drop(ctx, c)
}
