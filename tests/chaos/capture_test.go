// Package chaos breaks the pipeline while it works, in every way that its parts can break, and then
// compares by identity what PostgreSQL committed with what arrived: nothing lost, nothing twice,
// nothing that was rolled back, order per key.
//
// Random choices come from -seed, which every run prints; -short shortens each test.
package chaos

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"maps"
	"math/rand/v2"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/calypso-cdc/calypso/libs/testenv"
	"github.com/calypso-cdc/calypso/libs/verify"
	"github.com/calypso-cdc/calypso/tests/internal/nemesis"
	"github.com/calypso-cdc/calypso/tests/internal/stack"
	"github.com/calypso-cdc/calypso/tests/internal/workload"
)

var seed = flag.Uint64("seed", 1, "seed of the random choices")

// captureRig is a connector that streams the workload's table through proxies that can break.
type captureRig struct {
	*stack.Stack
	// database is the proxy between capture and PostgreSQL; Kafka.Proxy is the one between capture and Kafka.
	database *testenv.Proxy
	work     *workload.Workload
	random   *rand.Rand
	// promise is what the topic owes.
	promise verify.Promise
	// configs are the configurations of the connectors by name.
	configs map[string]map[string]string
}

const (
	connector = "ledger"
	// topicPrefix is before the name of each table.
	topicPrefix = "chaos."
	topic       = topicPrefix + workload.Table
)

// newCaptureRig is a rig whose connector streams from an empty table.
func newCaptureRig(t *testing.T) *captureRig {
	t.Helper()
	r := newRig(t)
	r.promise.Start = verify.AtFirstChange
	r.create(t, nil)
	testenv.Eventually(t, time.Minute, "the connector to stream", r.streaming)
	return r
}

// newRig is a rig without connector.
func newRig(t *testing.T) *captureRig { return newRigWith(t, stack.Options{}) }

// newRigWith is a rig that runs more than capture.
func newRigWith(t *testing.T, o stack.Options) *captureRig {
	t.Helper()
	t.Logf("seed %d", *seed)
	o.Capture, o.Kafka.Proxied = true, true
	o.Postgres.Settings = []string{"wal_sender_timeout = 10s", "logical_decoding_work_mem = 64kB"}
	s := stack.Start(t, o)
	r := &captureRig{Stack: s, random: rand.New(rand.NewPCG(*seed, 0)), configs: map[string]map[string]string{}}
	r.database = testenv.RunProxy(t, fmt.Sprintf("%s:%d", s.Postgres.Host, s.Postgres.Port))
	var err error
	if r.work, err = workload.Setup(t.Context(), workload.Config{URL: s.Postgres.URL("postgres"), Seed: *seed, Writers: 3,
		Pause: 5 * time.Millisecond}); err != nil {
		t.Fatal(err)
	}
	return r
}

// create makes the connector, with more properties if given.
func (r *captureRig) create(t *testing.T, more map[string]string) {
	t.Helper()
	host, port, err := net.SplitHostPort(r.database.Addr)
	if err != nil {
		t.Fatal(err)
	}
	config := map[string]string{
		"connector.class":   "io.debezium.connector.postgresql.PostgresConnector",
		"database.hostname": host, "database.port": port, "database.user": testenv.PostgresUser,
		"database.password": testenv.PostgresPassword, "database.dbname": "postgres", "database.sslmode": "disable",
		"topic.prefix": "chaos", "plugin.name": "pgoutput", "slot.name": connector, "publication.name": connector,
		"publication.autocreate.mode": "filtered", "table.include.list": workload.Table,
		"key.converter": "org.apache.kafka.connect.json.JsonConverter", "key.converter.schemas.enable": "false",
		"value.converter": "org.apache.kafka.connect.json.JsonConverter", "value.converter.schemas.enable": "false",
	}
	maps.Copy(config, more)
	r.configs[connector] = config
	if err := r.Source().Create(t.Context(), connector, config, ""); err != nil {
		t.Fatal(err)
	}
}

// streaming says why the connector does not stream.
func (r *captureRig) streaming(ctx context.Context) error {
	if err := r.Postgres.Streaming(ctx, connector); err != nil {
		return errors.Join(err, r.Source().Running(ctx, connector))
	}
	return nil
}

// under runs the workload while breakIt breaks things, for at least d (a fifth of it with -short), then stops it.
func (r *captureRig) under(t *testing.T, d time.Duration, breakIt func(context.Context)) {
	t.Helper()
	if testing.Short() {
		d /= 5
	}
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	done := make(chan error, 1)
	go func() { done <- r.work.Run(ctx) }()
	deadline := time.Now().Add(d)
	for {
		breakIt(ctx)
		if !time.Now().Before(deadline) || t.Failed() {
			break
		}
	}
	cancel()
	if err := <-done; err != nil {
		t.Fatal(err)
	}
	t.Logf("%d transactions committed", r.work.Committed())
}

// wait lets the workload run on for a random time up to most.
func (r *captureRig) wait(most time.Duration) {
	time.Sleep(time.Duration(r.random.Int64N(int64(most))))
}

// verify waits until all that was committed is in the topic, and demands that it is there exactly once.
func (r *captureRig) verify(t *testing.T) {
	t.Helper()
	conn := r.connect(t)
	s := newStream(r.Kafka.Bootstrap, workload.Table, r.promise, verify.KeyImages)
	if r.promise.Start == verify.AtSnapshot {
		// An initial snapshot that is resumed reads rows that are newer than the changes that follow.
		s.validators = verify.Validators{s.identity}
	}
	s.settle(t, conn, r.running)
}

// running says why the connector does not run.
func (r *captureRig) running(ctx context.Context) error { return r.Source().Running(ctx, connector) }

// connect connects to the database, not through its proxy.
func (r *captureRig) connect(t *testing.T) *pgx.Conn {
	t.Helper()
	conn, err := pgx.Connect(t.Context(), r.Postgres.URL("postgres"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close(context.WithoutCancel(t.Context())) })
	return conn
}

// breakNetwork breaks one of the proxies in one of the ways there are, for some seconds, and heals it.
func (r *captureRig) breakNetwork(proxies ...*testenv.Proxy) {
	r.breakIn(proxies[r.random.IntN(len(proxies))], nemesis.Ways[r.random.IntN(len(nemesis.Ways))])
}

// breakIn breaks a proxy in one way, for some seconds, and heals it.
func (r *captureRig) breakIn(proxy *testenv.Proxy, way string) {
	switch way {
	case "reset":
		proxy.Reset()
	case "cut":
		proxy.Cut()
		r.wait(3 * time.Second)
	case "stall":
		proxy.Stall()
		r.wait(15 * time.Second)
	case "slow":
		proxy.Slow(time.Duration(r.random.IntN(50))*time.Millisecond, 1+r.random.IntN(1000))
		r.wait(3 * time.Second)
	case "cut later":
		proxy.CutAfter(r.random.Int64N(50_000))
		r.wait(3 * time.Second)
	default:
		panic("a network cannot be broken by " + way)
	}
	proxy.Heal()
	r.wait(2 * time.Second)
}

func TestCaptureSurvivesKillsAtRandomTimes(t *testing.T) {
	r := newCaptureRig(t)
	r.under(t, 60*time.Second, func(ctx context.Context) {
		r.wait(3 * time.Second)
		if err := r.Service("capture").Restart(ctx); err != nil {
			t.Error(err)
		}
	})
	r.verify(t)
}

// streamingFailpoints are the places on the way from a decoded change to its confirmed position
// where capture can be told to kill itself, snapshotFailpoints those of the initial snapshot.
var (
	streamingFailpoints = []string{"after_decode", "before_produce", "after_produce_before_commit",
		"after_commit_before_status"}
	snapshotFailpoints = []string{"before_produce", "mid_snapshot", "after_produce_before_commit",
		"between_snapshot_and_stream"}
)

// dieAt restarts capture so that it kills itself at a failpoint, waits for that and starts it again.
func (r *captureRig) dieAt(ctx context.Context, t *testing.T, point string) {
	t.Helper()
	capture := r.Service("capture")
	capture.Kill()
	// It passes the failpoint unharmed a few times, so that the crash comes in the middle of work.
	if err := capture.Start(ctx, fmt.Sprintf("CALYPSO_FAILPOINT=%s:%d", point, r.random.IntN(4))); err != nil &&
		capture.Process().Running() == nil {
		t.Fatalf("%s: %v", point, err)
	}
	select {
	case <-capture.Process().Done():
	case <-time.After(30 * time.Second):
		t.Errorf("capture never came to failpoint %s", point)
		capture.Kill()
	}
	if err := capture.Start(ctx); err != nil {
		t.Fatal(err)
	}
}

func TestCaptureSurvivesAKillAtEveryFailpoint(t *testing.T) {
	r := newCaptureRig(t)
	for _, point := range streamingFailpoints {
		r.under(t, 0, func(ctx context.Context) { r.dieAt(ctx, t, point) })
	}
	r.verify(t)
}

func TestCaptureSurvivesAKillAtEveryFailpointOfItsSnapshot(t *testing.T) {
	for _, point := range snapshotFailpoints {
		t.Run(point, func(t *testing.T) {
			r := newRig(t)
			if err := r.Postgres.Exec(t.Context(), "postgres",
				"insert into shop.ledger (id, account, note) select i, i % 7, repeat('x', 50) from generate_series(10000000, 10060000) i"); err != nil {
				t.Fatal(err)
			}
			// The connector is made by a worker that will die, and its snapshot done by the next.
			capture := r.Service("capture")
			capture.Kill()
			unharmed := r.random.IntN(2)
			if point == "between_snapshot_and_stream" {
				unharmed = 0 // a snapshot ends once
			}
			env := fmt.Sprintf("CALYPSO_FAILPOINT=%s:%d", point, unharmed)
			if err := capture.Start(t.Context(), env); err != nil {
				t.Fatal(err)
			}
			r.create(t, nil)
			// Every change after the slot's beginning is promised. One before is in the snapshot, and where that is resumed
			// later, it is what a later change made of it.
			testenv.Eventually(t, time.Minute, "the slot to begin", func(ctx context.Context) error {
				return r.Postgres.Exec(ctx, "postgres",
					"select 1 / count(confirmed_flush_lsn) from pg_replication_slots where slot_name = '"+connector+"'")
			})
			r.under(t, 0, func(ctx context.Context) {
				select {
				case <-capture.Process().Done():
				case <-time.After(time.Minute):
					t.Errorf("capture never came to failpoint %s", point)
					capture.Kill()
				}
				if err := capture.Start(ctx); err != nil {
					t.Fatal(err)
				}
				r.wait(2 * time.Second)
			})
			r.verify(t)
		})
	}
}

func TestCaptureSurvivesABrokenNetwork(t *testing.T) {
	r := newCaptureRig(t)
	r.under(t, 90*time.Second, func(context.Context) {
		r.breakNetwork(r.database, r.Kafka.Proxy)
	})
	r.verify(t)
}

func TestCaptureSurvivesRestartsOfPostgreSQL(t *testing.T) {
	r := newCaptureRig(t)
	r.under(t, 45*time.Second, func(ctx context.Context) {
		r.wait(4 * time.Second)
		switch r.random.IntN(3) {
		case 0:
			if err := r.Postgres.Stop(testenv.Fast); err != nil {
				t.Error(err)
			}
		case 1:
			_ = r.Postgres.Stop(testenv.Immediate) // its status says that it did not end in an orderly way
		case 2:
			if err := r.Postgres.Exec(ctx, "postgres",
				"select pg_terminate_backend(active_pid) from pg_replication_slots where active"); err != nil {
				t.Error(err)
			}
			return
		}
		if err := r.Postgres.Start(ctx); err != nil {
			t.Error(err)
		}
	})
	r.verify(t)
}

func TestCaptureSurvivesCrashesOfTheBroker(t *testing.T) {
	r := newCaptureRig(t)
	r.under(t, 60*time.Second, func(ctx context.Context) {
		r.wait(5 * time.Second)
		r.Kafka.Kill()
		r.wait(3 * time.Second)
		if err := r.Kafka.Start(ctx); err != nil {
			t.Error(err)
		}
	})
	r.verify(t)
}

func TestCaptureStopsWithAReasonWhenItsSlotIsGone(t *testing.T) {
	r := newCaptureRig(t)
	r.under(t, 0, func(context.Context) { time.Sleep(2 * time.Second) })
	r.verify(t)
	if err := r.Source().Put(t.Context(), connector, "stop"); err != nil {
		t.Fatal(err)
	}
	testenv.Eventually(t, time.Minute, "the slot to be dropped", func(ctx context.Context) error {
		return r.Postgres.Exec(ctx, "postgres", "select pg_drop_replication_slot('"+connector+"')")
	})
	if err := r.Source().Put(t.Context(), connector, "resume"); err != nil {
		t.Fatal(err)
	}
	testenv.Eventually(t, time.Minute, "the connector to fail", func(ctx context.Context) error {
		trace, err := r.Source().Trace(ctx, connector)
		if err == nil && !strings.Contains(trace, connector) {
			err = fmt.Errorf("the trace does not name the slot: %q", trace)
		}
		return err
	})
}
