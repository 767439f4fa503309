package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"maps"
	"os"
	"strconv"
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
	snapshotRows, drainRows int64
	runs, latencyRows       int
	verbose                 bool
}

func (b *captureBench) flags(f *flag.FlagSet) {
	f.Int64Var(&b.snapshotRows, "snapshot-rows", 2_000_000, "rows that the snapshot reads")
	f.Int64Var(&b.drainRows, "drain-rows", 500_000, "rows written, 1000 a transaction, while the connector is stopped")
	f.IntVar(&b.runs, "runs", 3, "how often the drain is repeated; the median counts")
	f.IntVar(&b.latencyRows, "latency-rows", 2000, "rows committed one by one at 100 a second to measure latency")
	f.BoolVar(&b.verbose, "v", false, "say on standard error what is being done")
}

// formats are the two event formats that are measured: JSON without and with schema in every record.
var formats = []struct {
	name, topicPrefix string
	config            map[string]string
}{
	{"JSON without schema", "plain", map[string]string{
		"key.converter": "org.apache.kafka.connect.json.JsonConverter", "key.converter.schemas.enable": "false",
		"value.converter": "org.apache.kafka.connect.json.JsonConverter", "value.converter.schemas.enable": "false"}},
	{"JSON with schema", "schema", map[string]string{
		"value.converter": "org.apache.kafka.connect.json.JsonConverter"}},
}

// figures are what is measured of one format.
type figures struct {
	snapshot, drain, ceiling float64 // rows a second
	cpuPerMillion            float64 // CPU seconds of capture for a million rows of the drain
	peak                     int64   // bytes, over all phases
	uncommitted, committed   []time.Duration
}

func (b *captureBench) run(ctx context.Context) (report, error) {
	r := newReport("Capture")
	r.Notes = []string{
		"Table retail.orders_info, five columns; exactly once into Kafka; one partition; capture, PostgreSQL, Kafka and the measuring program share the machine.",
		fmt.Sprintf("Snapshot: %d rows, from the first record in the topic to the last.", b.snapshotRows),
		fmt.Sprintf("Streaming: connector stopped, %d rows written in transactions of 1000, connector resumed; from the first new record to the last; median of %d.", b.drainRows, b.runs),
		"Ceiling: pg_recvlogical with pgoutput, writing to /dev/null, over the same WAL from a slot of its own; median.",
		fmt.Sprintf("Latency: %d rows at 100 a second, from the return of COMMIT to the record in a consumer.", b.latencyRows),
		"Peak memory: the largest resident set of capture over all of it.",
	}
	t := table{Heading: "Rows a second, latency, memory", Columns: []string{"events", "snapshot rows/s", "streaming rows/s", "pg_recvlogical rows/s",
		"streaming of ceiling", "CPU s per million rows", "read_uncommitted p50 / p99", "read_committed p50 / p99", "peak RSS"}}
	for _, f := range formats {
		got, err := b.measure(ctx, f.topicPrefix, f.config)
		if err != nil {
			return r, fmt.Errorf("%s: %w", f.name, err)
		}
		t.Rows = append(t.Rows, []string{f.name, thousands(got.snapshot), thousands(got.drain), thousands(got.ceiling), percent(got.drain, got.ceiling),
			fmt.Sprintf("%.1f", got.cpuPerMillion),
			milliseconds(percentile(got.uncommitted, .5)) + " / " + milliseconds(percentile(got.uncommitted, .99)),
			milliseconds(percentile(got.committed, .5)) + " / " + milliseconds(percentile(got.committed, .99)), megabytes(got.peak)})
	}
	r.Tables = append(r.Tables, t)
	return r, nil
}

// session is one format being measured on servers of its own.
type session struct {
	*captureBench
	stack *stack.Stack
	conn  *pgx.Conn
	admin *kadm.Client
	topic string
	name  string
}

func (b *captureBench) measure(ctx context.Context, prefix string, format map[string]string) (f figures, err error) {
	st, err := stack.New(ctx, stack.Options{Capture: true,
		Postgres: testenv.PostgresConfig{Settings: []string{"shared_buffers = 512MB", "max_wal_size = 8GB", "checkpoint_timeout = 1h"}},
		Kafka:    testenv.KafkaConfig{Heap: "1g", RealOnly: true}})
	if err != nil {
		return f, err
	}
	defer func() { err = errors.Join(err, st.Close()) }()
	s := &session{captureBench: b, stack: st, topic: prefix + ".retail.orders_info", name: prefix}
	if s.conn, err = pgx.Connect(ctx, st.Postgres.URL("postgres")); err != nil {
		return f, fmt.Errorf("connect to PostgreSQL: %w", err)
	}
	defer s.conn.Close(context.WithoutCancel(ctx))
	client, err := kgo.NewClient(kgo.SeedBrokers(st.Kafka.Bootstrap))
	if err != nil {
		return f, fmt.Errorf("make a Kafka client: %w", err)
	}
	defer client.Close()
	s.admin = kadm.NewClient(client)
	if _, err := s.admin.CreateTopic(ctx, 1, 1, nil, s.topic); err != nil {
		return f, fmt.Errorf("make topic %s: %w", s.topic, err)
	}
	if _, err := s.conn.PgConn().Exec(ctx, orders.SQL+"; create publication ceiling for table retail.orders_info").ReadAll(); err != nil {
		return f, fmt.Errorf("make the table: %w", err)
	}
	if f.snapshot, err = s.snapshot(ctx, format); err != nil {
		return f, fmt.Errorf("snapshot: %w", err)
	}
	if f.uncommitted, f.committed, err = s.latency(ctx); err != nil {
		return f, fmt.Errorf("latency: %w", err)
	}
	if err := s.drains(ctx, &f); err != nil {
		return f, fmt.Errorf("streaming: %w", err)
	}
	f.peak, err = st.Service("capture").Process().PeakRSS()
	return f, err
}

func (s *session) say(format string, args ...any) {
	if s.verbose {
		fmt.Fprintf(os.Stderr, "%s: "+format+"\n", append([]any{s.name}, args...)...)
	}
}

const insertRows = `insert into retail.orders_info (custid, amount, city, purchase_time)
	select 1 + i %% 1000, 100 + i %% 100, (array['New Delhi','Seattle','New York','Austin','Chicago','Cleveland'])[1 + i %% 6], '2020-10-09 07:10:49'
	from generate_series(1, %d) i`

// snapshot writes the rows, creates the connector and waits for them in the topic.
func (s *session) snapshot(ctx context.Context, format map[string]string) (float64, error) {
	s.say("writing %d rows", s.snapshotRows)
	if _, err := s.conn.Exec(ctx, fmt.Sprintf(insertRows, s.snapshotRows)); err != nil {
		return 0, err
	}
	if _, err := s.conn.Exec(ctx, "vacuum analyze retail.orders_info"); err != nil {
		return 0, err
	}
	pg := s.stack.Postgres
	config := map[string]string{
		"connector.class":   "io.debezium.connector.postgresql.PostgresConnector",
		"database.hostname": pg.Host, "database.port": strconv.Itoa(pg.Port), "database.user": testenv.PostgresUser,
		"database.password": testenv.PostgresPassword, "database.dbname": "postgres", "topic.prefix": s.name, "plugin.name": "pgoutput",
		"slot.name": s.name, "publication.name": s.name, "publication.autocreate.mode": "filtered", "table.include.list": "retail.orders_info",
	}
	maps.Copy(config, format)
	if err := s.stack.Source().Create(ctx, s.name, config, ""); err != nil {
		return 0, err
	}
	rate, err := s.arrive(ctx, 0, s.snapshotRows)
	s.say("snapshot: %.0f rows/s", rate)
	return rate, err
}

// latency commits rows one by one and waits for them in two consumers.
func (s *session) latency(ctx context.Context) (uncommitted, committed []time.Duration, err error) {
	dirty, err := watchArrivals(ctx, s.stack.Kafka.Bootstrap, s.topic, kgo.ReadUncommitted())
	if err != nil {
		return nil, nil, err
	}
	defer dirty.close()
	clean, err := watchArrivals(ctx, s.stack.Kafka.Bootstrap, s.topic, kgo.ReadCommitted())
	if err != nil {
		return nil, nil, err
	}
	defer clean.close()
	// The first rows show that both consumers are at the end of the topic; they are not counted.
	warm, err := insertOrders(ctx, s.conn, 200, 100)
	if err != nil {
		return nil, nil, err
	}
	_ = warm
	rows, err := insertOrders(ctx, s.conn, s.latencyRows, 100)
	if err != nil {
		return nil, nil, err
	}
	ctx, cancel := context.WithTimeout(ctx, time.Minute)
	defer cancel()
	for id := range rows {
		if err := testenv.WaitFor(ctx, fmt.Sprintf("order %d", id), func(context.Context) error {
			if !dirty.has(id) || !clean.has(id) {
				return errors.New("not in both consumers yet")
			}
			return nil
		}); err != nil {
			return nil, nil, err
		}
	}
	if uncommitted, err = dirty.delays(rows); err != nil {
		return nil, nil, err
	}
	committed, err = clean.delays(rows)
	s.say("latency p99: %v, %v", percentile(uncommitted, .99), percentile(committed, .99))
	return uncommitted, committed, err
}

// drains measures capture and the ceiling over the same rows, in turn.
func (s *session) drains(ctx context.Context, f *figures) error {
	top := ceiling{pg: s.stack.Postgres, publication: "ceiling"}
	var capture, most, cpu []float64
	process := s.stack.Service("capture").Process()
	for range s.runs {
		if err := s.stack.Source().Put(ctx, s.name, "stop"); err != nil {
			return err
		}
		if err := s.idle(ctx); err != nil {
			return err
		}
		if err := top.slot(ctx, s.conn, "ceiling"); err != nil {
			return err
		}
		s.say("writing %d rows", s.drainRows)
		for range s.drainRows / 1000 {
			if _, err := s.conn.Exec(ctx, fmt.Sprintf(insertRows, 1000)); err != nil {
				return err
			}
		}
		took, err := top.read(ctx, s.conn, "ceiling")
		if err != nil {
			return err
		}
		most = append(most, perSecond(s.drainRows, took))
		before, err := s.end(ctx)
		if err != nil {
			return err
		}
		used, err := process.CPU()
		if err != nil {
			return err
		}
		if err := s.stack.Source().Put(ctx, s.name, "resume"); err != nil {
			return err
		}
		rate, err := s.arrive(ctx, before, s.drainRows)
		if err != nil {
			return err
		}
		after, err := process.CPU()
		if err != nil {
			return err
		}
		capture, cpu = append(capture, rate), append(cpu, (after-used).Seconds()/float64(s.drainRows)*1e6)
		s.say("streaming: %.0f rows/s, pg_recvlogical %.0f rows/s", rate, most[len(most)-1])
	}
	f.drain, f.ceiling, f.cpuPerMillion = median(capture), median(most), median(cpu)
	return nil
}

// idle waits until nobody reads the connector's slot.
func (s *session) idle(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, time.Minute)
	defer cancel()
	return testenv.WaitFor(ctx, "the connector to leave its slot", func(ctx context.Context) error {
		var active bool
		if err := s.conn.QueryRow(ctx, "select active from pg_replication_slots where slot_name = $1", s.name).Scan(&active); err != nil {
			return err
		}
		if active {
			return errors.New("the slot is still read")
		}
		return nil
	})
}

// end is the end offset of the topic, uncommitted records and transaction markers included.
func (s *session) end(ctx context.Context) (int64, error) {
	offsets, err := s.admin.ListEndOffsets(ctx, s.topic)
	if err == nil {
		err = offsets.Error()
	}
	o, _ := offsets.Lookup(s.topic, 0)
	return o.Offset, err
}

// arrive waits until the topic has grown by n beyond start, and returns the rate from the first growth to the last.
// Transaction markers take offsets too, one in thousands: they make the figure that much too good.
func (s *session) arrive(ctx context.Context, start, n int64) (float64, error) {
	ctx, cancel := context.WithTimeoutCause(ctx, 8*time.Minute, fmt.Errorf("%d records took more than eight minutes", n))
	defer cancel()
	var first, asked time.Time
	var had int64
	for {
		end, err := s.end(ctx)
		if err != nil {
			return 0, fmt.Errorf("watch topic %s: %w", s.topic, errors.Join(err, context.Cause(ctx)))
		}
		now := time.Now()
		grown := end - start
		if grown > 0 && first.IsZero() {
			first, had = now, grown
		}
		if grown >= n {
			return perSecond(grown-had, now.Sub(first)), nil
		}
		if now.Sub(asked) > time.Second { // a failed connector would let the wait go on to its end
			if asked = now; !first.IsZero() {
				if err := s.stack.Source().Running(ctx, s.name); err != nil {
					return 0, err
				}
			}
		}
		select {
		case <-ctx.Done():
			return 0, fmt.Errorf("%d of %d records: %w", grown, n, context.Cause(ctx))
		case <-time.After(20 * time.Millisecond):
		}
	}
}
