package capture

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/calypso-cdc/calypso/libs/kafka"
	"github.com/calypso-cdc/calypso/libs/testenv/eventhubs"
	"github.com/calypso-cdc/calypso/services/capture/internal/schemas"
)

// ops prints events as a word: the operations in order, with - for a tombstone.
func ops(events []event) string {
	var b strings.Builder
	for _, e := range events {
		if e.tombstone {
			b.WriteByte('-')
		} else {
			b.WriteString(e.Op)
		}
	}
	return b.String()
}

func TestASnapshotIsFollowedByTheStreamWithoutGapOrRepetition(t *testing.T) {
	for _, plugin := range []map[string]string{
		{"plugin.name": "pgoutput"}, {"plugin.name": "pgoutput", "replication.protocol": "4"},
		{"plugin.name": "wal2json"}, {"plugin.name": "wal2json_rds_streaming", "slot.stream.params": "format-version=1"},
		{"plugin.name": "decoderbufs"},
	} {
		t.Run(fmt.Sprint(plugin), func(t *testing.T) {
			s := newSource(t)
			s.exec(t,
				"CREATE TABLE a (id int PRIMARY KEY, x text); INSERT INTO a SELECT g, 'v' || g FROM generate_series(1, 3) g")
			plugin["table.include.list"] = "public.a"
			start(t, s.config("c"+s.db, plugin))
			topic := s.db + ".public.a"
			got := await(t, topic, 3)
			for i, want := range []string{"first", "true", "last"} {
				if got[i].Op != "r" || got[i].Source.Snapshot != want {
					t.Errorf("event %d has op %s and snapshot %s, want r and %s", i, got[i].Op, got[i].Source.Snapshot, want)
				}
			}
			s.exec(t,
				"BEGIN; INSERT INTO a VALUES (4, 'a''b\\\"ü'), (5, NULL); SAVEPOINT x; INSERT INTO a VALUES (6, 'undone'); ROLLBACK TO x; UPDATE a SET x = 'changed' WHERE id = 1; COMMIT; DELETE FROM a WHERE id = 2")
			got = await(t, topic, 8)[3:]
			if ops(got) != "ccud-" {
				t.Errorf("operations are %s, want ccud-", ops(got))
			}
			if x := got[0].After["x"]; x != "a'b\\\"ü" {
				t.Errorf("x of the first insert is %q", x)
			}
			if x := got[1].After["x"]; x != nil {
				t.Errorf("x of the second insert is %v, want null", x)
			}
			if x := got[2].After["x"]; x != "changed" || got[2].Before != nil {
				t.Errorf("update: x is %v, before %v", x, got[2].Before)
			}
		})
	}
}

// wal2json has null for the transaction and the time of such a message.
func TestALogicalMessageOutsideOfATransactionPassesWithEveryPlugin(t *testing.T) {
	for _, plugin := range []map[string]string{
		{"plugin.name": "pgoutput"}, {"plugin.name": "wal2json"},
		{"plugin.name": "wal2json", "slot.stream.params": "format-version=1"},
	} {
		t.Run(fmt.Sprint(plugin), func(t *testing.T) {
			s := newSource(t)
			s.needsMessages(t)
			s.exec(t, "CREATE TABLE a (id int PRIMARY KEY); INSERT INTO a VALUES (1)")
			plugin["table.include.list"] = "public.a"
			start(t, s.config("c"+s.db, plugin))
			await(t, s.db+".public.a", 1)
			s.exec(t, "SELECT pg_logical_emit_message(false, 'app', 'x'); INSERT INTO a VALUES (2)")
			if got := await(t, s.db+".public.a", 2); ops(got) != "rc" {
				t.Errorf("operations are %s, want rc", ops(got))
			}
			await(t, s.db+".message", 1)
		})
	}
}

// wal2json writes the names of such types as they are, which is no JSON.
func TestAColumnOfATypeWithAQuotedNameIsReadByWal2JSON(t *testing.T) {
	for _, format := range []string{"1", "2"} {
		t.Run(format, func(t *testing.T) {
			s := newSource(t)
			s.needsWal2json(t)
			s.exec(t, `CREATE SCHEMA "Odd Schema"; CREATE TYPE "Odd Schema"."Odd, Mood" AS ENUM ('a', 'b');
				CREATE TYPE "Mixed" AS ENUM ('a', 'b'); CREATE TYPE "Odd Schema".plain AS ENUM ('a', 'b');
				CREATE TYPE "back\slash" AS ENUM ('a', 'b'); CREATE TYPE "Odd Schema"."\""u\" AS ENUM ('a', 'b'); CREATE SCHEMA low;
				CREATE TYPE low."end\" AS ENUM ('a', 'b'); CREATE TYPE low."Mood, two" AS ENUM ('a', 'b');
				CREATE TABLE a (id int, b "back\slash" DEFAULT 'a', bs "back\slash"[], q "Odd Schema"."\""u\", e low."end\", es low."end\"[], l low."Mood, two",
					ls low."Mood, two"[], m "Odd Schema"."Odd, Mood", ms "Odd Schema"."Odd, Mood"[], x "Mixed", xs "Mixed"[],
					p "Odd Schema".plain, ps "Odd Schema".plain[], z text,
					PRIMARY KEY (id, b));
				ALTER TABLE a REPLICA IDENTITY FULL; INSERT INTO a VALUES (1)`)
			start(t, s.config("c"+s.db, map[string]string{"plugin.name": "wal2json", "table.include.list": "public.a",
				"slot.stream.params": "format-version=" + format + ";include-pk=true"}))
			await(t, s.db+".public.a", 1)
			s.exec(t, "INSERT INTO a VALUES (2, 'a', '{a}', 'b', 'a', '{b}', 'b', '{a}', 'a', '{a,b}', 'b', '{b}', 'a', '{a}', 'end'); DELETE FROM a WHERE id = 2")
			got := await(t, s.db+".public.a", 4)
			if ops(got) != "rcd-" {
				t.Fatalf("operations are %s, want rcd-", ops(got))
			}
			for column, want := range map[string]string{"b": "a", "q": "b", "e": "a", "l": "b", "m": "a", "x": "b", "p": "a", "z": "end"} {
				if got[1].After[column] != want || got[2].Before[column] != want {
					t.Errorf("%s is %v, then %v, want %s", column, got[1].After[column], got[2].Before[column], want)
				}
			}
		})
	}
}

// wal2json leaves NULL out of the old row, and what is not the whole row out of before.
func TestAnUpdateOfNULLInAColumnWhoseDomainForbidsItHasTheRowBefore(t *testing.T) {
	for _, set := range []map[string]string{{"plugin.name": "pgoutput"}, {"plugin.name": "wal2json"},
		{"plugin.name": "wal2json", "slot.stream.params": "format-version=1"}, {"plugin.name": "decoderbufs"}} {
		t.Run(fmt.Sprint(set), func(t *testing.T) {
			s := newSource(t)
			s.exec(t, `CREATE DOMAIN word AS text NOT NULL; CREATE TABLE a (id int PRIMARY KEY, b word);
				ALTER TABLE a REPLICA IDENTITY FULL; INSERT INTO a VALUES (1, (SELECT b FROM a))`)
			start(t, s.config("c"+s.db, set))
			await(t, s.db+".public.a", 1)
			s.exec(t, "UPDATE a SET b = 'there'")
			if got := await(t, s.db+".public.a", 2); got[1].Before["id"] == nil {
				t.Errorf("before is %v, want the row", got[1].Before)
			}
		})
	}
}

func TestARestartGoesOnWhereItStopped(t *testing.T) {
	s := newSource(t)
	s.exec(t, "CREATE TABLE a (id int PRIMARY KEY); INSERT INTO a VALUES (1)")
	config := s.config("c"+s.db, nil)
	topic := s.db + ".public.a"
	for i := range 3 {
		c := start(t, config)
		n := len(await(t, topic, 1+i*4))
		s.exec(t, fmt.Sprintf("INSERT INTO a VALUES (%d), (%d)", 100*i+10, 100*i+11))
		await(t, topic, n+2)
		if err := c.stop(t); err != nil {
			t.Fatal(err)
		}
		s.exec(t, fmt.Sprintf("INSERT INTO a VALUES (%d), (%d)", 100*i+12, 100*i+13))
	}
	start(t, config)
	await(t, topic, 13)
}

func TestAnIdleTableHoldsNoLogBack(t *testing.T) {
	s := newSource(t)
	s.exec(t, "CREATE TABLE a (id int PRIMARY KEY); CREATE TABLE other (x text)")
	start(t, s.config("c"+s.db, map[string]string{"table.include.list": "public.a",
		"publication.autocreate.mode": "filtered", "status.update.interval.ms": "100"}))
	s.awaitSlot(t)
	s.exec(t, "INSERT INTO other SELECT repeat('x', 1000) FROM generate_series(1, 30000)")
	end := s.query(t, "SELECT pg_current_wal_lsn()::text")
	eventually(t, "the slot follows the log", func() error {
		if s.query(t,
			fmt.Sprintf("SELECT (confirmed_flush_lsn >= '%s')::text FROM pg_replication_slots WHERE slot_name = '%s'", end,
				s.db)) != "true" {
			return fmt.Errorf("confirmed %s of %s", s.query(t,
				"SELECT confirmed_flush_lsn::text FROM pg_replication_slots WHERE slot_name = '"+s.db+"'"), end)
		}
		return nil
	})
}

func TestATransactionCarriesItsTraceContextToItsEvents(t *testing.T) {
	s := newSource(t)
	s.needsMessages(t)
	s.exec(t, "CREATE TABLE a (id int PRIMARY KEY)")
	start(t, s.config("c"+s.db, map[string]string{"snapshot.mode": "no_data"}))
	const parent = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"
	s.awaitSlot(t)
	s.exec(t, "BEGIN; SELECT pg_logical_emit_message(true, 'traceparent', '"+parent+
		"'); INSERT INTO a VALUES (1), (2); COMMIT; INSERT INTO a VALUES (3)")
	got := await(t, s.db+".public.a", 3)
	for i, want := range []string{parent, parent, ""} {
		if got[i].headers["traceparent"] != want {
			t.Errorf("event %d has traceparent %q, want %q", i, got[i].headers["traceparent"], want)
		}
	}
}

func TestTablesCreatedWhileStreamingAreCaptured(t *testing.T) {
	s := newSource(t)
	s.exec(t, "CREATE TABLE a (id int PRIMARY KEY)")
	start(t, s.config("c"+s.db, nil))
	s.awaitSlot(t)
	s.exec(t,
		"CREATE TABLE b (id int PRIMARY KEY, x text); INSERT INTO b VALUES (1, 'x'); ALTER TABLE b ADD y int; INSERT INTO b VALUES (2, 'x', 3)")
	got := await(t, s.db+".public.b", 2)
	if _, ok := got[0].After["y"]; ok {
		t.Errorf("the first row has the later column: %v", got[0].After)
	}
	if fmt.Sprint(got[1].After["y"]) != "3" {
		t.Errorf("the second row lacks the new column: %v", got[1].After)
	}
}

func TestAnIncrementalSnapshotReadsTheTableWhileTheStreamGoesOn(t *testing.T) {
	for _, readOnly := range []string{"false", "true"} {
		t.Run("read.only="+readOnly, func(t *testing.T) {
			s := newSource(t)
			if readOnly == "true" {
				s.needsMessages(t)
			}
			s.exec(t,
				"CREATE TABLE a (id int, part text, x text, PRIMARY KEY (id, part)); CREATE TABLE sig (id varchar(42) PRIMARY KEY, type varchar(32) NOT NULL, data varchar(2048)); INSERT INTO a SELECT g, 'it''s', 'a' || g FROM generate_series(1, 100) g")
			start(t, s.config("c"+s.db, map[string]string{"snapshot.mode": "no_data", "signal.data.collection": "public.sig",
				"incremental.snapshot.chunk.size": "7", "table.include.list": "public.a", "read.only": readOnly}))
			s.awaitSlot(t)
			s.exec(t,
				`INSERT INTO sig VALUES ('s', 'execute-snapshot', '{"data-collections": ["public.a"], "additional-conditions": [{"data-collection": "public.a", "filter": "id > 10"}]}')`)
			for i := range 20 {
				s.exec(t, fmt.Sprintf("UPDATE a SET x = 'changed' WHERE id = %d", 11+i*4))
			}
			read := make(map[string]int)
			eventually(t, "all rows come", func() error {
				clear(read)
				for _, e := range events(t, s.db+".public.a") {
					read[fmt.Sprint(e.After["id"])]++
				}
				if len(read) < 90 {
					return fmt.Errorf("%d of 90 rows", len(read))
				}
				return nil
			})
			state := make(map[string]string)
			for _, e := range events(t, s.db+".public.a") {
				state[fmt.Sprint(e.After["id"])] = fmt.Sprint(e.After["x"])
			}
			for i := range 20 {
				if id := fmt.Sprint(11 + i*4); state[id] != "changed" {
					t.Errorf("row %s ends as %q: an older read came after the change", id, state[id])
				}
			}
		})
	}
}

func TestASignalFromTheSignalTopicStartsASnapshotWithoutASignalTable(t *testing.T) {
	s := newSource(t)
	s.exec(t, "CREATE TABLE a (id int PRIMARY KEY); INSERT INTO a SELECT generate_series(1, 20)")
	client, err := kgo.NewClient(kgo.SeedBrokers(servers.kafka.Bootstrap))
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	topic := s.db + "-signal"
	if _, err := kadm.NewClient(client).CreateTopic(t.Context(), 1, 1, nil, topic); err != nil {
		t.Fatal(err)
	}
	start(t, s.config("c"+s.db, map[string]string{"snapshot.mode": "no_data", "signal.enabled.channels": "source,kafka"}))
	s.awaitSlot(t)
	signal := &kgo.Record{Topic: topic, Key: []byte(s.db),
		Value: []byte(
			`{"id": "k", "type": "execute-snapshot", "data": {"data-collections": ["public.a"], "type": "INCREMENTAL"}}`)}
	// The subscription begins at the topic's end, some time after the stream does: a signal is repeated until it is heard.
	eventually(t, "the table is read", func() error {
		if n := len(events(t, s.db+".public.a")); n < 20 {
			if err := client.ProduceSync(t.Context(), signal).FirstErr(); err != nil {
				return err
			}
			time.Sleep(time.Second)
			return fmt.Errorf("%d events", n)
		}
		return nil
	})
}

func TestATableThatJoinsTheCaptureIsFilledBack(t *testing.T) {
	s := newSource(t)
	s.exec(t,
		"CREATE TABLE a (id int PRIMARY KEY); CREATE TABLE b (id int PRIMARY KEY); INSERT INTO a VALUES (1); INSERT INTO b SELECT generate_series(1, 30)")
	config := s.config("c"+s.db, map[string]string{"table.include.list": "public.a",
		"publication.autocreate.mode": "filtered", "incremental.snapshot.chunk.size": "8"})
	first := start(t, config)
	await(t, s.db+".public.a", 1)
	s.awaitSlot(t)
	if err := first.stop(t); err != nil {
		t.Fatal(err)
	}
	config["table.include.list"] = "public.a,public.b"
	start(t, config)
	got := await(t, s.db+".public.b", 30)
	if ops(got) != strings.Repeat("r", 30) || got[0].Source.Snapshot != "incremental" {
		t.Errorf("operations are %s, snapshot %s", ops(got), got[0].Source.Snapshot)
	}
	s.exec(t, "INSERT INTO b VALUES (31)")
	await(t, s.db+".public.b", 31)
	await(t, s.db+".public.a", 1)
}

func TestWithoutTransactionsOffsetsHaveNoGapsAndARestartInOrderRepeatsNothing(t *testing.T) {
	s := newSource(t)
	s.exec(t, "CREATE TABLE ledger (id int PRIMARY KEY, tx int, x text)")
	config, topic := s.config("c"+s.db, nil), s.db+".public.ledger"
	for i := range 2 {
		c := startWith(t, servers.kafka.Bootstrap, config, Options{Delivery: AtLeastOnce})
		s.awaitSlot(t)
		ledger(t, s, 1+3*i, 3)
		await(t, topic, 3*(i+1)*ledgerEvents)
		if err := c.stop(t); err != nil {
			t.Fatal(err)
		}
	}
	s.verify(t, topic, 6)
	client, err := kgo.NewClient(kgo.SeedBrokers(servers.kafka.Bootstrap))
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	if end := ended(t.Context(), kadm.NewClient(client), topic); end != 6*ledgerEvents {
		t.Errorf("the topic ends at %d, want %d: it holds something besides events", end, 6*ledgerEvents)
	}
	config["exactly.once.support"] = "required"
	if err := startWith(t, servers.kafka.Bootstrap, config, Options{Delivery: AtLeastOnce}).failure(t); err == nil ||
		!strings.Contains(err.Error(), "exactly-once-source-support") {
		t.Errorf("error %v does not say why exactly once cannot be had", err)
	}
}

func TestASnapshotReadsATableByTheSelectOfItsOwnAndByNothingElse(t *testing.T) {
	s := newSource(t)
	s.exec(t,
		"CREATE TABLE a (id int PRIMARY KEY); INSERT INTO a VALUES (1), (2), (3); CREATE TABLE victim (id int PRIMARY KEY)")
	const override = "snapshot.select.statement.overrides"
	start(t, s.config("c"+s.db, map[string]string{"table.include.list": "public.a", override: "public.a",
		override + ".public.a": "SELECT * FROM a WHERE id > 1 ORDER BY id DESC"}))
	if rows := await(t, s.db+".public.a", 2); ops(rows) != "rr" || rows[0].After["id"] != 3.0 {
		t.Errorf("the snapshot read %+v", rows)
	}
	failure := start(t, s.config("x"+s.db, map[string]string{"table.include.list": "public.a", "slot.name": s.db + "_x",
		override:               "public.a",
		override + ".public.a": "SELECT * FROM a) q) TO STDOUT; COMMIT; DROP TABLE victim; --"})).failure(t)
	if !strings.Contains(failure.Error(), override) {
		t.Errorf("the failure is %v", failure)
	}
	s.exec(t, "INSERT INTO victim VALUES (1)") // it is there
}

func TestTopicsThatAreThereNeedNotBeMade(t *testing.T) {
	s := newSource(t)
	if !servers.kafka.Real {
		t.Skip("needs Apache Kafka:", servers.kafka.Notice)
	}
	s.exec(t, "CREATE TABLE a (id int PRIMARY KEY); INSERT INTO a VALUES (1)")
	env := testEnv(servers.kafka.Bootstrap, "c"+s.db)
	if err := errors.Join(makeOffsetsTopic(env.Kafka), schemas.New(env).Make(t.Context())); err != nil {
		t.Fatal(err)
	}
	own, err := env.Kafka()
	if err != nil {
		t.Fatal(err)
	}
	defer own.Close()
	if _, err := kafka.MakeTopic(t.Context(), kadm.NewClient(own), s.db+".public.a", 1, 1, nil); err != nil {
		t.Fatal(err)
	}
	hubs := eventhubs.Run(t, servers.kafka.Bootstrap, eventhubs.Config{Tier: eventhubs.Standard, WithoutAdmin: true})
	// What the runtime finds out about brokers, such as that they take no compressed batches, is not what this is about.
	c := startWith(t, hubs.Addr, s.config("c"+s.db, map[string]string{"producer.override.compression.type": "none"}),
		Options{})
	await(t, s.db+".public.a", 1)
	s.awaitSlot(t)
	s.exec(t, "INSERT INTO a VALUES (2)")
	await(t, s.db+".public.a", 2)
	s.exec(t, "CREATE TABLE b (id int PRIMARY KEY); INSERT INTO b VALUES (1)")
	err = c.failure(t)
	for _, part := range []string{s.db + ".public.b", "let no client make topics", "Make it yourself"} {
		if !strings.Contains(err.Error(), part) {
			t.Errorf("%q lacks %q", err, part)
		}
	}
}
