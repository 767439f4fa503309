package conformance

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"maps"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/calypso-cdc/calypso/libs/debezium/recorded"
	"github.com/calypso-cdc/calypso/libs/testenv"
	"github.com/calypso-cdc/calypso/tests/internal/debezium"
	"github.com/calypso-cdc/calypso/tests/internal/stack"
)

var (
	seed   = flag.Uint64("seed", 0, "the first seed of the random trial; 0 leaves the trial out")
	rounds = flag.Int("rounds", 1, "how many seeds the random trial takes")
	keep   = flag.String("keep", "", "a directory for the SQL and the settings of rounds that differ")
)

// TestRandomTablesGiveDebeziumsBytes runs Debezium and capture on the same database, each with a
// broker of its own, gives both the same random settings, and compares what they make of random
// tables and changes.
func TestRandomTablesGiveDebeziumsBytes(t *testing.T) {
	if *seed == 0 {
		t.Skip("it runs with -seed only (make conformance-random)")
	}
	kafka := testenv.KafkaConfig{RealOnly: true}
	theirs := testenv.RunKafka(t, kafka)
	debeziumWorker := newWorker(t, theirs.Bootstrap)
	debeziumWorker.connect, debeziumWorker.quiet = debezium.Run(t, theirs.Bootstrap), recordingQuiet
	s := stack.Start(t, stack.Options{Capture: true, Kafka: kafka, Postgres: testenv.PostgresConfig{
		Settings: []string{"max_replication_slots = 100", "max_wal_senders = 100", "max_connections = 300"},
	}})
	captureWorker := newWorker(t, s.Kafka.Bootstrap)
	captureWorker.connect = s.Source()
	schemas, address := newRegistry(t)
	for n := range *rounds {
		of := *seed + uint64(n)
		t.Run(strconv.FormatUint(of, 10), func(t *testing.T) {
			r := &round{postgres: s.Postgres, database: fmt.Sprintf("r%d", of), gen: newGenerator(of), debezium: debeziumWorker,
				capture: captureWorker, schemas: schemas, registry: address}
			r.run(t)
		})
	}
}

// phases are how often the tables of a round are altered, and then changed.
const phases = 3

// connectorsOfRound is how many pairs of connectors, each with settings of its own, watch the database of one round.
const connectorsOfRound = 3

// round is one database with random tables and the pairs of connectors that watch it.
type round struct {
	postgres          *testenv.Postgres
	database          string
	gen               *generator
	debezium, capture *worker
	schemas           *registry
	registry          string
}

func (r *round) run(t *testing.T) {
	ctx := t.Context()
	if err := r.postgres.Exec(ctx, "postgres", "create database "+r.database); err != nil {
		t.Fatal(err)
	}
	setup := r.gen.setup()
	r.psql(t, setup)
	pairs := make([]*pair, connectorsOfRound)
	for i := range pairs {
		pairs[i] = r.pair(i)
		pairs[i].start(t)
	}
	for _, p := range pairs {
		p.await(t)
	}
	var all string
	for phase := range phases {
		changes := r.gen.changes(phase)
		all += changes
		for _, p := range pairs {
			p.signal(t)
		}
		r.psql(t, changes)
		for _, p := range pairs {
			p.sent(t)
		}
		var settled sync.WaitGroup
		for _, p := range pairs {
			settled.Go(func() { p.settle(t, phase == phases-1) })
		}
		settled.Wait()
	}
	for i, p := range pairs {
		if p.compare(t) || *keep == "" {
			continue
		}
		dir := filepath.Join(*keep, fmt.Sprintf("%s-%d", r.database, i))
		if err := errors.Join(os.MkdirAll(dir, 0o755), os.WriteFile(filepath.Join(dir, "setup.sql"), []byte(setup), 0o644),
			os.WriteFile(filepath.Join(dir, "changes.sql"), []byte(all), 0o644),
			os.WriteFile(filepath.Join(dir, "config.json"), asJSON(p.settings), 0o644),
			recorded.Write(filepath.Join(dir, "expected.jsonl"), p.expected),
			recorded.Write(filepath.Join(dir, "got.jsonl"), p.got)); err != nil {
			t.Error(err)
		}
	}
}

// psql runs statements one by one; random ones may fail.
func (r *round) psql(t *testing.T, text string) {
	t.Helper()
	pg := r.postgres
	cmd := exec.CommandContext(t.Context(), filepath.Join(pg.Bin, "psql"), "-h", pg.Host, "-p", strconv.Itoa(pg.Port),
		"-U", testenv.PostgresUser,
		"-d", r.database, "-q", "-At")
	cmd.Env = append(os.Environ(), "PGPASSWORD="+testenv.PostgresPassword)
	cmd.Stdin = strings.NewReader(text)
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("psql: %v\n%s", err, out)
	}
	if n := strings.Count(string(out), "ERROR:"); n > 0 {
		t.Logf("%d statements failed, first: %.300s", n, out[strings.Index(string(out), "ERROR:"):])
	}
}

// pair is a Debezium connector and one of ours with the same settings but for slot and publication.
type pair struct {
	round    *round
	prefix   string
	settings map[string]string
	// signals says where signals of incremental snapshots come from: kafka, source, or empty for nowhere.
	signals string
	// ended is why Debezium's connector ended before ours; empty while it runs.
	ended string
	// expected and got are the records of both, in the order of topics.
	expected, got []recorded.Event
}

func (r *round) pair(i int) *pair {
	prefix := fmt.Sprintf("%s_%d", r.database, i)
	settings := r.gen.settings(i)
	maps.Copy(settings, map[string]string{
		"connector.class":   "io.debezium.connector.postgresql.PostgresConnector",
		"database.hostname": r.postgres.Host, "database.port": strconv.Itoa(r.postgres.Port),
		"database.user":     testenv.PostgresUser,
		"database.password": testenv.PostgresPassword, "database.dbname": r.database, "topic.prefix": prefix,
		"poll.interval.ms": "50",
	})
	p := &pair{round: r, prefix: prefix, settings: settings}
	if settings["signal.enabled.channels"] != "" {
		p.signals = settings["signal.enabled.channels"]
	}
	return p
}

func (p *pair) sides() map[string]*worker {
	return map[string]*worker{"d": p.round.debezium, "c": p.round.capture}
}

func (p *pair) start(t *testing.T) {
	for side, w := range p.sides() {
		settings := maps.Clone(p.settings)
		settings["slot.name"], settings["publication.name"] = side+p.prefix, side+p.prefix
		for key, value := range settings {
			settings[key] = strings.NewReplacer("$brokers", w.brokers, "$prefix", p.prefix, "$registry", p.round.registry,
				"$side", side).Replace(value)
		}
		if err := w.connect.Create(t.Context(), p.prefix, settings, ""); err != nil {
			t.Fatalf("%s: %v\n%s", side, err, asJSON(settings))
		}
		t.Cleanup(func() {
			ctx := context.WithoutCancel(t.Context())
			_ = w.connect.Delete(ctx, p.prefix)
			for range 50 {
				if p.round.postgres.Exec(ctx, "postgres", "select pg_drop_replication_slot('"+side+p.prefix+"')") == nil {
					return
				}
				time.Sleep(100 * time.Millisecond)
			}
		})
	}
}

// await waits until both stream, or Debezium has ended.
func (p *pair) await(t *testing.T) {
	for _, side := range []string{"d", "c"} {
		w := p.sides()[side]
		testenv.Eventually(t, 2*time.Minute, side+p.prefix+" to stream", func(ctx context.Context) error {
			if p.over(ctx) {
				return nil
			}
			return errors.Join(p.round.postgres.Streaming(ctx, side+p.prefix), w.connect.Running(ctx, p.prefix))
		})
	}
}

// over reports whether Debezium's connector has ended; what comes after that cannot be compared.
func (p *pair) over(ctx context.Context) bool {
	if p.ended == "" {
		p.ended, _ = p.round.debezium.connect.Trace(ctx, p.prefix)
	}
	return p.ended != ""
}

// sent waits until all changes have gone to both connectors.
func (p *pair) sent(t *testing.T) {
	for _, side := range []string{"d", "c"} {
		w := p.sides()[side]
		testenv.Eventually(t, time.Minute, side+p.prefix+" to read all changes", func(ctx context.Context) error {
			if p.over(ctx) {
				return nil
			}
			return errors.Join(w.connect.Running(ctx, p.prefix), p.round.postgres.Exec(ctx, p.round.database,
				`do $$ begin if not exists (select from pg_stat_replication r join pg_replication_slots s on s.active_pid = r.pid where s.slot_name = '`+side+p.prefix+`'
					and r.sent_lsn >= (select max(end_lsn) from end_of_changes)) then raise 'not yet'; end if; end $$`))
		})
	}
}

// settle waits until the topics of both no longer grow; the last time it keeps their records.
func (p *pair) settle(t *testing.T, last bool) {
	if p.ended != "" {
		return
	}
	if !last {
		p.round.debezium.still(t, p.prefix, betweenPhases)
		p.round.capture.still(t, p.prefix, betweenPhases)
		return
	}
	p.expected = p.round.debezium.settle(t, p.prefix, 1)
	p.got = p.round.capture.settle(t, p.prefix, len(p.expected))
}

// compare reports every topic that differs, and whether none does.
func (p *pair) compare(t *testing.T) bool {
	if p.ended != "" {
		trace, _ := p.round.capture.connect.Trace(t.Context(), p.prefix)
		t.Logf("%s: Debezium ended (%s), with settings %s:%s\nours: %.500s", p.prefix, p.kind(), asJSON(p.settings),
			causes(p.ended), trace)
		return true
	}
	for side, w := range p.sides() {
		if err := w.connect.Running(t.Context(), p.prefix); err != nil {
			t.Errorf("%s: %.1500v", side, err)
		}
	}
	compare := recorded.Compare
	if p.signals != "" {
		compare = compareAroundSnapshots
	}
	p.round.readable(t, p.expected)
	p.round.readable(t, p.got)
	v := compare(p.expected, p.got)
	t.Logf("%s: %d of %d records equal (%s)", p.prefix, v.Equal, v.Expected, p.kind())
	if v.Difference == "" {
		return true
	}
	t.Errorf("%s\nsettings %s", p.round.named(v.Difference), asJSON(p.settings))
	return false
}

// causes are the lines of a Java stack trace that say what happened, with where the last one did.
func causes(trace string) string {
	var out strings.Builder
	lines := strings.Split(trace, "\n")
	for i, line := range lines {
		if strings.HasPrefix(line, "Caused by") && i+2 < len(lines) {
			fmt.Fprintf(&out, "\n%.300s%s%s", line, lines[i+1], lines[i+2])
		}
	}
	return out.String()
}

// kind says what is special about the records of a pair.
func (p *pair) kind() string {
	kind := p.settings["plugin.name"]
	if p.settings["value.converter"] == avroConverter {
		kind += ", Avro"
	}
	if p.signals != "" {
		kind += ", incremental snapshots by " + p.signals
	}
	if p.settings["transforms"] != "" {
		kind += ", transforms " + p.settings["transforms"]
	}
	return kind
}

// random is a source of choices.
type random struct{ *rand.Rand }

func (r random) one(of ...string) string { return of[r.IntN(len(of))] }

func (r random) chance(percent int) bool { return r.IntN(100) < percent }
