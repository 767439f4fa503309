package conformance

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/calypso-cdc/calypso/libs/debezium/recorded"
	"github.com/calypso-cdc/calypso/libs/testenv"
	"github.com/calypso-cdc/calypso/tests/internal/debezium"
	"github.com/calypso-cdc/calypso/tests/internal/stack"
)

var beside = flag.String("beside", "",
	"a directory of cases to run beside the real Debezium: setup.sql, config.json and steps (1.sql, 2.signals, …)")

// TestGivenCasesGiveDebeziumsBytes runs cases of a directory, each on a database of its own that
// Debezium and capture watch. A case is setup.sql, config.json, database (what follows the name in
// CREATE DATABASE, such as an encoding), where that matters, and steps in the order of their names:
// SQL, SQL that runs while both are stopped (down), or signals for both brokers, a JSON object of
// topic, key and value a line. Before each step the topics of both have to be quiet.
func TestGivenCasesGiveDebeziumsBytes(t *testing.T) {
	if *beside == "" {
		t.Skip("it runs with -beside only (make conformance-beside)")
	}
	kafka := testenv.KafkaConfig{RealOnly: true}
	theirs := testenv.RunKafka(t, kafka)
	debeziumWorker := newWorker(t, theirs.Bootstrap)
	debeziumWorker.connect, debeziumWorker.quiet = debezium.Run(t, theirs.Bootstrap), recordingQuiet
	s := stack.Start(t, stack.Options{Capture: true, Kafka: kafka, Postgres: testenv.PostgresConfig{
		Settings: []string{"max_replication_slots = 300", "max_wal_senders = 200", "max_connections = 600",
			"max_prepared_transactions = 20"},
	}})
	captureWorker := newWorker(t, s.Kafka.Bootstrap)
	captureWorker.connect = s.Source()
	schemas, registry := newRegistry(t)
	dirs, err := filepath.Glob(filepath.Join(*beside, "*", "setup.sql"))
	if err != nil || len(dirs) == 0 {
		t.Fatalf("no case in %s: %v", *beside, err)
	}
	for _, file := range dirs {
		dir := filepath.Dir(file)
		t.Run(filepath.Base(dir), func(t *testing.T) {
			t.Parallel()
			r := &round{postgres: s.Postgres, database: "b_" + strings.ReplaceAll(filepath.Base(dir), "-", "_"),
				gen: newGenerator(1), debezium: debeziumWorker, capture: captureWorker,
				schemas: schemas, registry: registry}
			options, err := os.ReadFile(filepath.Join(dir, "database"))
			if err != nil && !errors.Is(err, os.ErrNotExist) {
				t.Fatal(err)
			}
			if err := r.postgres.Exec(t.Context(), "postgres", "create database "+r.database+" "+string(options)); err != nil {
				t.Fatal(err)
			}
			r.followCase(t, dir)
		})
	}
}

func (r *round) followCase(t *testing.T, dir string) {
	r.psql(t, contents(t, filepath.Join(dir, "setup.sql")))
	p := r.pair(0)
	delete(p.settings, "poll.interval.ms")
	config := strings.ReplaceAll(contents(t, filepath.Join(dir, "config.json")), "$prefix", p.prefix)
	if err := json.Unmarshal([]byte(config), &p.settings); err != nil {
		t.Fatalf("%s: %v", dir, err)
	}
	p.start(t)
	begun := func() {
		if !strings.Contains(p.settings["snapshot.mode"], "only") {
			p.await(t)
		}
	}
	begun()
	steps, err := filepath.Glob(filepath.Join(dir, "[0-9]*"))
	if err != nil {
		t.Fatal(err)
	}
	for _, step := range steps {
		for _, w := range p.sides() {
			w.settle(t, p.prefix, 0)
		}
		switch filepath.Ext(step) {
		case ".sql":
			r.psql(t, contents(t, step))
		case ".down":
			for _, w := range p.sides() {
				if err := w.connect.Put(t.Context(), p.prefix, "stop"); err != nil {
					t.Fatal(err)
				}
			}
			for side := range p.sides() {
				testenv.Eventually(t, time.Minute, side+p.prefix+" to stop", func(ctx context.Context) error {
					if p.round.postgres.Streaming(ctx, side+p.prefix) == nil {
						return errors.New("it streams")
					}
					return nil
				})
			}
			r.psql(t, contents(t, step))
			for _, w := range p.sides() {
				if err := w.connect.Put(t.Context(), p.prefix, "resume"); err != nil {
					t.Fatal(err)
				}
			}
			begun()
		case ".signals":
			for _, w := range p.sides() {
				w.send(t, strings.ReplaceAll(contents(t, step), "$prefix", p.prefix))
			}
		}
	}
	p.settle(t, true)
	if err := errors.Join(recorded.Write(filepath.Join(dir, "expected.jsonl"), p.expected),
		recorded.Write(filepath.Join(dir, "got.jsonl"), p.got)); err != nil {
		t.Error(err)
	}
	p.compare(t)
}

// send writes the records, one a line.
func (w *worker) send(t *testing.T, lines string) {
	client, err := kgo.NewClient(kgo.SeedBrokers(w.brokers), kgo.AllowAutoTopicCreation())
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	dec := json.NewDecoder(bytes.NewReader([]byte(lines)))
	for dec.More() {
		var r struct {
			Topic, Key string
			Value      json.RawMessage
		}
		if err := dec.Decode(&r); err != nil {
			t.Fatal(err)
		}
		if err := client.ProduceSync(context.WithoutCancel(t.Context()),
			&kgo.Record{Topic: r.Topic, Key: []byte(r.Key), Value: r.Value}).FirstErr(); err != nil {
			t.Fatal(err)
		}
	}
}

func contents(t *testing.T, file string) string {
	b, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}
