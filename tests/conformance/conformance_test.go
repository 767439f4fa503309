// Package conformance runs the same SQL that was run through a real Kafka Connect with Debezium's
// PostgreSQL connector through capture, and demands the same records, byte for byte.
package conformance

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/calypso-cdc/calypso/libs/debezium/recorded"
	"github.com/calypso-cdc/calypso/libs/testenv"
	"github.com/calypso-cdc/calypso/tests/internal/debezium"
	"github.com/calypso-cdc/calypso/tests/internal/stack"
)

var (
	record = flag.Bool("record", false, "record what Debezium writes as what is expected, instead of comparing with it")
	cases  = flag.String("cases", "../../libs/debezium/testdata/conformance", "the directory of the cases")
)

func TestTheSameSQLGivesDebeziumsBytes(t *testing.T) {
	s := stack.Start(t, stack.Options{Capture: !*record, Postgres: testenv.PostgresConfig{
		Settings: []string{"max_replication_slots = 200"}, // each case leaves one behind
	}})
	w := newWorker(t, s.Kafka.Bootstrap)
	if *record {
		w.connect, w.quiet = debezium.Run(t, s.Kafka.Bootstrap), recordingQuiet
	} else {
		w.connect = s.Source()
	}
	dirs, err := filepath.Glob(filepath.Join(*cases, "*"))
	if err != nil {
		t.Fatal(err)
	}
	ran := 0
	var cases []string
	for _, dir := range dirs {
		cases = append(cases, filepath.Base(dir))
		t.Run(filepath.Base(dir), func(t *testing.T) {
			ran++
			t.Parallel()
			c := &testCase{worker: w, dir: dir, id: "c_" + strings.ReplaceAll(filepath.Base(dir), "-", "_"),
				postgres: s.Postgres}
			file := filepath.Join(dir, "expected.jsonl")
			if *record {
				if err := recorded.Write(file, c.run(t, 0)); err != nil {
					t.Fatal(err)
				}
				return
			}
			expected, err := recorded.Read(file)
			if err != nil {
				t.Fatal(err)
			}
			v := recorded.Compare(expected, c.run(t, len(expected)))
			t.Logf("%d of %d records equal", v.Equal, v.Expected)
			if v.Difference != "" {
				t.Errorf("%d of %d records equal; the first difference:\n%s", v.Equal, v.Expected, v.Difference)
			}
		})
	}
	if ran == 0 {
		t.Errorf("no case has the name that was asked for; there are: %s", strings.Join(cases, ", "))
	}
}

// testCase is one case with where it runs.
type testCase struct {
	*worker
	dir string
	// id names the database, the connector, the slot, the publication and the topic prefix.
	id       string
	postgres *testenv.Postgres
}

// run returns what the case's topics hold once they have settled and at least n records have come.
func (c *testCase) run(t *testing.T, n int) []recorded.Event {
	ctx := t.Context()
	if err := c.postgres.Exec(ctx, "postgres", "create database "+c.id); err != nil {
		t.Fatal(err)
	}
	c.psql(t, "setup.sql")
	if err := c.connect.Create(ctx, c.id, c.config(t), ""); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.connect.Delete(context.WithoutCancel(ctx), c.id) })
	testenv.Eventually(t, time.Minute, "the slot to become active", func(ctx context.Context) error {
		return errors.Join(c.postgres.Streaming(ctx, c.id), c.connect.Running(ctx, c.id))
	})
	if _, err := os.Stat(filepath.Join(c.dir, "changes.sql")); err == nil {
		c.settle(t, c.id, 0)
		c.psql(t, "changes.sql")
	}
	got := c.settle(t, c.id, n)
	if len(got) < n {
		if trace, err := c.connect.Trace(ctx, c.id); trace != "" || err != nil {
			t.Logf("status: %s (%v)", trace, err)
		}
	}
	return got
}

func (c *testCase) config(t *testing.T) map[string]string {
	raw, err := os.ReadFile(filepath.Join(c.dir, "config.json"))
	if err != nil {
		t.Fatal(err)
	}
	config := map[string]string{
		"connector.class": "io.debezium.connector.postgresql.PostgresConnector", "plugin.name": "pgoutput",
		"database.hostname": c.postgres.Host, "database.port": strconv.Itoa(c.postgres.Port),
		"database.user": testenv.PostgresUser, "database.password": testenv.PostgresPassword, "database.dbname": c.id,
		"topic.prefix": c.id, "slot.name": c.id, "publication.name": c.id, "poll.interval.ms": "20",
	}
	if err := json.Unmarshal(raw, &config); err != nil {
		t.Fatalf("%s: %v", c.dir, err)
	}
	return config
}

// psql runs a file as psql does: each statement is a transaction of its own unless the file says otherwise.
func (c *testCase) psql(t *testing.T, file string) {
	t.Helper()
	pg := c.postgres
	cmd := exec.CommandContext(t.Context(), filepath.Join(pg.Bin, "psql"), "-h", pg.Host, "-p", strconv.Itoa(pg.Port),
		"-U", testenv.PostgresUser,
		"-d", c.id, "-v", "ON_ERROR_STOP=1", "-q", "-At", "-f", filepath.Join(c.dir, file))
	cmd.Env = append(os.Environ(), "PGPASSWORD="+testenv.PostgresPassword)
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%s: %v\n%s", file, err, out)
	}
}
