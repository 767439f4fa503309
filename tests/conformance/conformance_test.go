// Package conformance runs the same SQL that was run through a real Kafka Connect with Debezium's PostgreSQL connector through
// capture, and demands the same records, byte for byte.
package conformance

import (
	"context"
	"encoding/json"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/calypso-cdc/calypso/libs/change/recorded"
	"github.com/calypso-cdc/calypso/libs/testenv"
	"github.com/calypso-cdc/calypso/tests/internal/connect"
	"github.com/calypso-cdc/calypso/tests/internal/stack"
)

// quiet is how long topics must not have grown before a step counts as done. Records that come later than this after
// all expected ones would go unnoticed; those that come while fewer than expected are there are waited for.
const quiet = 2500 * time.Millisecond

// patience is how long topics may not grow before the case counts as done with too few records.
const patience = 45 * time.Second

func TestTheSameSQLGivesDebeziumsBytes(t *testing.T) {
	s := stack.Start(t, stack.Options{Capture: true, Postgres: testenv.PostgresConfig{
		Settings: []string{"max_replication_slots = 200"}, // each case leaves one behind
	}})
	dirs, err := filepath.Glob("../../libs/change/testdata/conformance/*")
	if err != nil {
		t.Fatal(err)
	}
	for _, dir := range dirs {
		t.Run(filepath.Base(dir), func(t *testing.T) {
			t.Parallel()
			c := newCase(t, s, dir)
			v := c.run(t)
			t.Logf("%d of %d records equal", v.Equal, v.Expected)
			if v.Difference != "" {
				t.Errorf("%d of %d records equal; the first difference:\n%s", v.Equal, v.Expected, v.Difference)
			}
		})
	}
}

// testCase is one case with where it runs.
type testCase struct {
	dir string
	// id names the database, the connector, the slot, the publication and the topic prefix.
	id       string
	stack    *stack.Stack
	connect  connect.Client
	client   *kgo.Client
	admin    *kadm.Client
	expected []recorded.Event
}

func newCase(t *testing.T, s *stack.Stack, dir string) *testCase {
	client, err := kgo.NewClient(kgo.SeedBrokers(s.Kafka.Bootstrap))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(client.Close)
	c := &testCase{dir: dir, id: "c_" + strings.ReplaceAll(filepath.Base(dir), "-", "_"), stack: s, connect: s.Source(),
		client: client, admin: kadm.NewClient(client)}
	if c.expected, err = recorded.Read(filepath.Join(dir, "expected.jsonl")); err != nil {
		t.Fatal(err)
	}
	return c
}

func (c *testCase) run(t *testing.T) recorded.Verdict {
	ctx := t.Context()
	if err := c.stack.Postgres.Exec(ctx, "postgres", "create database "+c.id); err != nil {
		t.Fatal(err)
	}
	c.psql(t, "setup.sql")
	// Created stopped with its offsets forgotten, then resumed: as the expected records were made.
	if err := c.connect.Create(ctx, c.id, c.config(t), "STOPPED"); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.connect.Delete(context.WithoutCancel(ctx), c.id) })
	testenv.Eventually(t, 30*time.Second, "the connector to stop", func(ctx context.Context) error {
		return c.connect.Call(ctx, "DELETE", "/connectors/"+c.id+"/offsets", nil, nil)
	})
	if err := c.connect.Put(ctx, c.id, "resume"); err != nil {
		t.Fatal(err)
	}
	testenv.Eventually(t, time.Minute, "the slot to become active", c.streaming)
	_, err := os.Stat(filepath.Join(c.dir, "changes.sql"))
	if err == nil {
		c.settle(t, 0)
		c.psql(t, "changes.sql")
	}
	got := c.settle(t, len(c.expected))
	if len(got) < len(c.expected) {
		if trace, err := c.connect.Trace(ctx, c.id); trace != "" || err != nil {
			t.Logf("status: %s (%v)", trace, err)
		}
	}
	return recorded.Compare(c.expected, got)
}

func (c *testCase) config(t *testing.T) map[string]string {
	raw, err := os.ReadFile(filepath.Join(c.dir, "config.json"))
	if err != nil {
		t.Fatal(err)
	}
	config := map[string]string{
		"connector.class": "io.debezium.connector.postgresql.PostgresConnector", "plugin.name": "pgoutput",
		"database.hostname": c.stack.Postgres.Host, "database.port": strconv.Itoa(c.stack.Postgres.Port),
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
	pg := c.stack.Postgres
	cmd := exec.CommandContext(t.Context(), filepath.Join(pg.Bin, "psql"), "-h", pg.Host, "-p", strconv.Itoa(pg.Port), "-U", testenv.PostgresUser,
		"-d", c.id, "-v", "ON_ERROR_STOP=1", "-q", "-At", "-f", filepath.Join(c.dir, file))
	cmd.Env = append(os.Environ(), "PGPASSWORD="+testenv.PostgresPassword)
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%s: %v\n%s", file, err, out)
	}
}

func (c *testCase) streaming(ctx context.Context) error {
	if err := c.stack.Postgres.Streaming(ctx, c.id); err != nil {
		return errors.Join(err, c.connect.Running(ctx, c.id))
	}
	return nil
}

// settle waits until the case's topics hold at least n records, as a read_committed consumer sees them, and have not grown
// for the quiet time.
func (c *testCase) settle(t *testing.T, n int) []recorded.Event {
	last, since := int64(-1), time.Now()
	for {
		count, _ := c.ends(t)
		if count != last {
			last, since = count, time.Now()
		}
		if still := time.Since(since); still > quiet {
			if got := c.records(t); len(got) >= n || still > patience {
				return got
			}
		}
		time.Sleep(100 * time.Millisecond)
	}
}

// ends counts the records of the case's topics, transaction markers included, and lists the topics.
func (c *testCase) ends(t *testing.T) (int64, []string) {
	topics, err := c.admin.ListTopicsWithInternal(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, name := range topics.Names() {
		if strings.HasPrefix(name, c.id+".") || strings.HasSuffix(name, "."+c.id) {
			names = append(names, name)
		}
	}
	if len(names) == 0 {
		return 0, nil
	}
	offsets, err := c.admin.ListCommittedOffsets(t.Context(), names...)
	if err != nil {
		return 0, names // a topic is just being created
	}
	var count int64
	offsets.Each(func(o kadm.ListedOffset) { count += o.Offset })
	return count, names
}

// records reads what a read_committed consumer sees of the case's topics now.
func (c *testCase) records(t *testing.T) []recorded.Event {
	_, names := c.ends(t)
	if len(names) == 0 {
		return nil
	}
	ends, err := c.admin.ListCommittedOffsets(t.Context(), names...)
	if err != nil {
		t.Fatal(err)
	}
	left := map[string]map[int32]int64{}
	start := map[string]map[int32]kgo.Offset{}
	open := 0
	ends.Each(func(o kadm.ListedOffset) {
		if o.Offset == 0 {
			return
		}
		if left[o.Topic] == nil {
			left[o.Topic], start[o.Topic] = map[int32]int64{}, map[int32]kgo.Offset{}
		}
		left[o.Topic][o.Partition], start[o.Topic][o.Partition] = o.Offset, kgo.NewOffset().At(0)
		open++
	})
	consumer, err := kgo.NewClient(kgo.SeedBrokers(c.stack.Kafka.Bootstrap), kgo.ConsumePartitions(start),
		kgo.FetchIsolationLevel(kgo.ReadCommitted()), kgo.KeepControlRecords(), kgo.FetchMaxWait(100*time.Millisecond))
	if err != nil {
		t.Fatal(err)
	}
	defer consumer.Close()
	var events []recorded.Event
	for open > 0 {
		fetches := consumer.PollFetches(t.Context())
		if err := fetches.Err(); err != nil {
			t.Fatal(err)
		}
		fetches.EachRecord(func(r *kgo.Record) {
			end, reading := left[r.Topic][r.Partition]
			if !r.Attrs.IsControl() && r.Offset < end {
				events = append(events, recorded.NewEvent(r))
			}
			if reading && r.Offset+1 >= end {
				delete(left[r.Topic], r.Partition)
				open--
			}
		})
	}
	slices.SortStableFunc(events, func(a, b recorded.Event) int { return strings.Compare(a.Topic, b.Topic) })
	return events
}
