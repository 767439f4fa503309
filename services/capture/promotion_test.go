package capture

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/calypso-cdc/calypso/libs/pgrepl"
	"github.com/calypso-cdc/calypso/libs/testenv"
)

// pair is a primary with a physical standby. The source is the primary until promote.
type pair struct {
	*source
	standby *testenv.Postgres
}

// awaitStandbysSlot waits until the connector has made its slot on the standby, which PostgreSQL makes once
// the primary has logged its running transactions.
func (p *pair) awaitStandbysSlot(t testing.TB, primary *source) {
	t.Helper()
	eventually(t, "the slot is made", func() error {
		primary.exec(t, "SELECT pg_log_standby_snapshot()")
		if p.query(t, "SELECT count(*)::text FROM pg_replication_slots WHERE slot_name = '"+p.db+
			"' AND confirmed_flush_lsn IS NOT NULL") != "1" {
			return errors.New("it is not")
		}
		return nil
	})
}

func newPair(t testing.TB, settings ...string) *pair {
	t.Helper()
	needServers(t)
	primary := testenv.RunPostgres(t,
		testenv.PostgresConfig{Settings: append([]string{"wal_sender_timeout = 4s"}, settings...)})
	db := fmt.Sprintf("t%d", time.Now().UnixNano())
	if err := primary.Exec(t.Context(), "postgres", "CREATE DATABASE "+db); err != nil {
		t.Fatal(err)
	}
	p := &pair{source: &source{Postgres: primary, db: db}}
	p.standby = primary.RunStandby(t)
	p.connect(t, primary)
	return p
}

// connect makes a server the source.
func (p *pair) connect(t testing.TB, to *testenv.Postgres) {
	t.Helper()
	conn, err := pgx.Connect(t.Context(), to.URL(p.db))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close(context.Background()) })
	p.source = &source{to, p.db, conn}
}

// config names both servers: the one that takes writes is captured.
func (p *pair) config(name string, set map[string]string) map[string]string {
	c := p.source.config(name, set)
	c["database.hostname"] = fmt.Sprintf("%s:%d,%s:%d", p.Host, p.Port, p.standby.Host, p.standby.Port)
	return c
}

func (p *pair) caughtUp(t testing.TB) {
	t.Helper()
	testenv.Eventually(t, time.Minute, "the standby has everything",
		func(ctx context.Context) error { return p.standby.CaughtUp(ctx, p.Postgres) })
}

// copySlot brings the slot to the standby as it is on disk, as Patroni does where the server does
// not synchronise slots.
func (p *pair) copySlot(t testing.TB) {
	t.Helper()
	p.exec(t, "CHECKPOINT")
	p.caughtUp(t)
	if err := p.standby.Stop(testenv.Fast); err != nil {
		t.Fatal(err)
	}
	// Only the state, which the server replaces in one step: other files come and go while it runs.
	from, to := filepath.Join(p.Dir, "pg_replslot", p.db), filepath.Join(p.standby.Dir, "pg_replslot", p.db)
	if out, err := exec.Command("sh", "-c",
		`mkdir "$2" && cp -a "$1/state" "$2/" && chown --reference="$1" "$2" && chmod --reference="$1" "$2"`, "sh", from,
		to).CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	if err := p.standby.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
}

// awaitCopy waits until the standby has a copy of the slot that would survive its promotion.
func (p *pair) awaitCopy(t testing.TB) {
	t.Helper()
	conn, err := pgx.Connect(t.Context(), p.standby.URL("postgres"))
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close(context.WithoutCancel(t.Context()))
	eventually(t, "the standby keeps the slot", func() error {
		var kept bool
		err := conn.QueryRow(t.Context(),
			"SELECT EXISTS (SELECT FROM pg_replication_slots WHERE slot_name = $1 AND synced AND NOT temporary AND invalidation_reason IS NULL)", p.db).Scan(&kept)
		if err == nil && !kept {
			err = errors.New("it does not")
		}
		return err
	})
}

// promote ends the primary and makes the standby the source.
func (p *pair) promote(t testing.TB, end os.Signal) {
	t.Helper()
	_ = p.Stop(end)
	if err := p.standby.Promote(t.Context()); err != nil {
		t.Fatal(err)
	}
	p.connect(t, p.standby)
}

func (p *pair) major(t testing.TB) string {
	return p.query(t, "SELECT current_setting('server_version_num')::int / 10000 || ''")
}

func (p *pair) needs17(t testing.TB) {
	t.Helper()
	if p.major(t) < "17" {
		t.Skipf("left out: PostgreSQL %s does not synchronise slots; make pg-versions runs it", p.major(t))
	}
}

func TestAPromotionLosesAndRepeatsNothingWhereTheSlotSurvives(t *testing.T) {
	for _, c := range []struct {
		name   string
		end    os.Signal
		synced bool
		set    map[string]string
	}{
		{"copied, switchover", testenv.Fast, false, nil},
		{"copied, crash", testenv.Immediate, false, nil},
		{"copied, in the middle of a transaction", testenv.Immediate, false,
			map[string]string{"max.batch.size": "7", "replication.protocol": "4"}},
		{"synchronised, switchover", testenv.Fast, true, nil},
		{"synchronised, crash", testenv.Immediate, true, nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			p := newPair(t)
			if c.synced {
				p.needs17(t)
				p.exec(t, "ALTER SYSTEM SET synchronized_standby_slots = '"+testenv.StandbySlot+"'")
				p.exec(t, "SELECT pg_reload_conf()")
			}
			p.exec(t, "CREATE TABLE ledger (id int PRIMARY KEY, tx int, x text)")
			topic, config := p.db+".public.ledger", p.config("c"+p.db, c.set)
			start(t, config)
			p.awaitSlot(t)
			ledger(t, p.source, 1, 4)
			await(t, topic, 4*ledgerEvents)
			if c.synced {
				p.awaitCopy(t)
			} else {
				p.copySlot(t)
			}
			ledger(t, p.source, 5, 4)
			p.caughtUp(t)
			p.promote(t, c.end)
			ledger(t, p.source, 9, 4)
			await(t, topic, 12*ledgerEvents)
			p.awaitSlot(t)
			ledger(t, p.source, 13, 1)
			await(t, topic, 13*ledgerEvents)
			p.verify(t, topic, 13)
		})
	}
}

func TestAPromotionDuringASnapshotReadsTheRestFromTheNewServer(t *testing.T) {
	for _, plugin := range []string{"pgoutput", "wal2json"} {
		t.Run(plugin, func(t *testing.T) {
			const rows = 3000
			p := newPair(t)
			p.exec(t,
				fmt.Sprintf(
					"CREATE TABLE a (id int PRIMARY KEY, x text); INSERT INTO a SELECT g, repeat(md5(g::text), 60) FROM generate_series(1, %d) g", rows))
			proxy := testenv.RunProxy(t, fmt.Sprintf("%s:%d", p.Host, p.Port))
			config := p.config("c"+p.db, map[string]string{"plugin.name": plugin, "max.batch.size": "10",
				"slot.retry.delay.ms": "200", "slot.max.retries": "300", "retriable.restart.connector.wait.ms": "500"})
			config["database.hostname"] = fmt.Sprintf("%s,%s:%d", proxy.Addr, p.standby.Host, p.standby.Port)
			proxy.Slow(10*time.Millisecond, 4<<10)
			topic := p.db + ".public.a"
			start(t, config)
			eventually(t, "rows come", func() error {
				if len(records(t, topic)) == 0 {
					return errors.New("none has come")
				}
				return nil
			})
			p.copySlot(t)
			p.exec(t,
				"UPDATE a SET x = 'new' WHERE id % 100 = 0; DELETE FROM a WHERE id % 100 = 50; INSERT INTO a VALUES (10000, 'x')")
			p.caughtUp(t)
			if n := len(records(t, topic)); n >= rows {
				t.Fatalf("the snapshot was over after %d rows", n)
			}
			p.promote(t, testenv.Immediate)
			p.exec(t, "UPDATE a SET x = 'newer' WHERE id % 100 = 1")
			p.awaitSlot(t)
			p.exec(t, "INSERT INTO a VALUES (10001, 'end')")
			state := make(map[string]string)
			eventually(t, "the last change comes", func() error {
				clear(state)
				for _, e := range events(t, topic) {
					if e.After != nil {
						state[fmt.Sprint(e.After["id"])] = fmt.Sprint(e.After["x"])
					} else if !e.tombstone {
						delete(state, fmt.Sprint(e.Before["id"]))
					}
				}
				if state["10001"] == "" {
					return fmt.Errorf("%d rows have come", len(state))
				}
				return nil
			})
			want := make(map[string]string)
			for pair := range strings.FieldsSeq(p.query(t, "SELECT string_agg(id || '=' || x, ' ') FROM a")) {
				id, x, _ := strings.Cut(pair, "=")
				want[id] = x
			}
			for id, x := range want {
				if state[id] != x {
					t.Errorf("row %s is %.20q, want %.20q", id, state[id], x)
				}
			}
			if len(state) != len(want) {
				t.Errorf("%d rows are there, want %d", len(state), len(want))
			}
		})
	}
}

func TestAPromotionWithoutTheSlotStopsTheConnector(t *testing.T) {
	p := newPair(t)
	p.exec(t, "CREATE TABLE ledger (id int PRIMARY KEY, tx int, x text)")
	c := start(t, p.config("c"+p.db, map[string]string{"slot.failover": "false"}))
	p.awaitSlot(t)
	ledger(t, p.source, 1, 1)
	await(t, p.db+".public.ledger", ledgerEvents)
	p.caughtUp(t)
	p.promote(t, testenv.Immediate)
	if err := c.failure(t); pgrepl.ReasonOf(err) != pgrepl.ReasonSlotMissing ||
		!strings.Contains(err.Error(), "slot.failover") {
		t.Errorf("error %v, want %s and a word about slot.failover", err, pgrepl.ReasonSlotMissing)
	}
}

func TestWhatAPromotionUndidIsNamedAndTheRestOfTheNewHistoryArrivesOnce(t *testing.T) {
	p := newPair(t)
	p.exec(t, "CREATE TABLE ledger (id int PRIMARY KEY, tx int, x text)")
	topic, config := p.db+".public.ledger", p.config("c"+p.db, map[string]string{"slot.failover": "false"})
	c := start(t, config)
	p.awaitSlot(t)
	ledger(t, p.source, 1, 2)
	await(t, topic, 2*ledgerEvents)
	p.copySlot(t)
	p.caughtUp(t)
	// The standby gets nothing any more, and what capture delivers now is lost with the primary.
	if err := p.standby.Stop(testenv.Fast); err != nil {
		t.Fatal(err)
	}
	p.exec(t, "INSERT INTO ledger VALUES (-1, 0, 'undone by the promotion')")
	await(t, topic, 2*ledgerEvents+1)
	_ = p.Stop(testenv.Immediate)
	if err := p.standby.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	p.promote(t, testenv.Immediate)
	// More log than the old primary had: a position of its history would skip some of it.
	ledger(t, p.source, 3, 5)
	err := c.failure(t)
	if pgrepl.ReasonOf(err) != pgrepl.ReasonTimeline || !strings.Contains(err.Error(), "trust_greater_lsn") {
		t.Fatalf("error %v, want %s and the way on", err, pgrepl.ReasonTimeline)
	}
	config["offset.mismatch.strategy"] = "trust_greater_lsn"
	start(t, config)
	await(t, topic, 7*ledgerEvents+1)
	p.exec(t, "INSERT INTO ledger VALUES (-1, 0, 'undone by the promotion')") // makes the table what the topic says
	await(t, topic, 7*ledgerEvents+2)
	p.awaitSlot(t)
	seen := make(map[string]int)
	for _, e := range events(t, topic) {
		if !e.tombstone && e.key != `{"id":-1}` {
			seen[fmt.Sprint(e.Op, e.key, e.After)]++
		}
	}
	for what, n := range seen {
		if n > 1 {
			t.Errorf("%s came %d times", what, n)
		}
	}
}

func TestAPositionBeyondThePromotionGoesOnWhereNothingWasDeliveredOfIt(t *testing.T) {
	p := newPair(t)
	p.exec(t, "CREATE TABLE ledger (id int PRIMARY KEY, tx int, x text); CREATE TABLE apart (id int)")
	topic, config := p.db+".public.ledger", p.config("c"+p.db,
		map[string]string{"slot.failover": "false", "table.include.list": "public.ledger",
			"publication.autocreate.mode": "filtered"})
	start(t, config)
	p.awaitSlot(t)
	ledger(t, p.source, 1, 2)
	await(t, topic, 2*ledgerEvents)
	p.copySlot(t)
	p.caughtUp(t)
	if err := p.standby.Stop(testenv.Fast); err != nil {
		t.Fatal(err)
	}
	fork := p.query(t, "SELECT pg_current_wal_insert_lsn()")
	// Enough log of others that the position moves over it.
	p.exec(t, "INSERT INTO apart SELECT generate_series(1, 400000)")
	eventually(t, "the position moves", func() error {
		if at := p.query(t, "SELECT confirmed_flush_lsn::text FROM pg_replication_slots WHERE slot_name = '"+p.db+
			"'"); p.query(t, fmt.Sprintf("SELECT ('%s'::pg_lsn > '%s'::pg_lsn)::text", at, fork)) != "true" {
			return fmt.Errorf("it is %s, the fork %s", at, fork)
		}
		return nil
	})
	_ = p.Stop(testenv.Immediate)
	if err := p.standby.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	p.promote(t, testenv.Immediate)
	ledger(t, p.source, 3, 5)
	await(t, topic, 7*ledgerEvents)
	p.verify(t, topic, 7)
}

func TestACheckSaysWhetherTheSlotSurvivesAPromotion(t *testing.T) {
	p := newPair(t)
	config := func(set map[string]string) map[string]string { return p.config("c"+p.db, set) }
	if p.major(t) < "17" {
		if c := p.finding(t, "promotion", config(nil)); !c.OK || !strings.Contains(c.Remedy, "pg_failover_slots") {
			t.Errorf("%+v", c)
		}
	} else {
		if c := p.finding(t, "promotion", config(map[string]string{"slot.failover": "false"})); !c.OK ||
			!strings.Contains(c.Remedy, "sync_replication_slots") {
			t.Errorf("%+v", c)
		}
		if c := p.finding(t, "promotion", config(nil)); !c.OK || !strings.Contains(c.Remedy, "synchronized_standby_slots") {
			t.Errorf("%+v", c)
		}
		p.exec(t, "ALTER SYSTEM SET synchronized_standby_slots = '"+testenv.StandbySlot+"'")
		p.exec(t, "SELECT pg_reload_conf()")
		eventually(t, "the setting counts", func() error {
			if c := p.finding(t, "promotion", config(nil)); !c.OK || c.Remedy != "" ||
				!strings.Contains(c.Detail, testenv.StandbySlot) {
				return fmt.Errorf("%+v", c)
			}
			return nil
		})
	}
	if err := p.standby.Stop(testenv.Fast); err != nil {
		t.Fatal(err)
	}
	eventually(t, "the standby is gone", func() error {
		if c := p.finding(t, "promotion", config(nil)); !c.OK || c.Remedy != "" || !strings.Contains(c.Detail, "no standby") {
			return fmt.Errorf("%+v", c)
		}
		return nil
	})
}

func TestAStandbyIsCapturedOrRefusedWithTheWayOut(t *testing.T) {
	p := newPair(t)
	p.exec(t, "CREATE TABLE ledger (id int PRIMARY KEY, tx int, x text); INSERT INTO ledger VALUES (1, 0, 'a')")
	p.caughtUp(t)
	primary := p.source
	p.connect(t, p.standby)
	topic, config := p.db+".public.ledger", p.source.config("c"+p.db, nil)
	if p.major(t) < "16" {
		err := start(t, config).failure(t)
		if pgrepl.ReasonOf(err) != pgrepl.ReasonStandby || !strings.Contains(err.Error(), "database.hostname") {
			t.Errorf("error %v, want %s and the way out", err, pgrepl.ReasonStandby)
		}
		if c := p.finding(t, "standby", config); c.OK || c.Remedy == "" {
			t.Errorf("%+v", c)
		}
		return
	}
	if err := start(t, config).failure(t); pgrepl.ReasonOf(err) != pgrepl.ReasonPublication ||
		!strings.Contains(err.Error(), "Run on the primary") {
		t.Fatalf("error %v, want %s and the way out", err, pgrepl.ReasonPublication)
	}
	if c := p.finding(t, "publication", config); c.OK || !strings.Contains(c.Remedy, "primary") {
		t.Errorf("%+v", c)
	}
	primary.exec(t, "CREATE PUBLICATION "+p.db+" FOR ALL TABLES")
	testenv.Eventually(t, time.Minute, "the standby has the publication",
		func(ctx context.Context) error { return p.standby.CaughtUp(ctx, primary.Postgres) })
	if c := p.finding(t, "publication", config); !c.OK {
		t.Errorf("%+v", c)
	}
	c := start(t, config)
	p.awaitStandbysSlot(t, primary)
	await(t, topic, 1)
	p.awaitSlot(t)
	ledger(t, primary, 1, 5)
	await(t, topic, 5*ledgerEvents+1)
	// The standby is promoted, and the stream goes on.
	_ = primary.Stop(testenv.Fast)
	if err := p.standby.Promote(t.Context()); err != nil {
		t.Fatal(err)
	}
	ledger(t, p.source, 6, 2)
	await(t, topic, 7*ledgerEvents+1)
	if err := c.stop(t); err != nil {
		t.Fatal(err)
	}
	ledger(t, p.source, 8, 2)
	start(t, config)
	await(t, topic, 9*ledgerEvents+1)
	p.verify(t, topic, 9)
}

func TestAStandbyOfAStandbyIsCapturedAlsoOnceTheStandbyIsPromoted(t *testing.T) {
	p := newPair(t)
	if p.major(t) < "16" {
		t.Skipf("left out: PostgreSQL %s decodes on primaries only; make pg-versions runs it", p.major(t))
	}
	p.exec(t,
		"CREATE TABLE ledger (id int PRIMARY KEY, tx int, x text); INSERT INTO ledger VALUES (1, 0, 'a'); CREATE PUBLICATION "+p.db+" FOR ALL TABLES")
	primary, middle := p.source, p.standby
	last := middle.RunStandby(t)
	p.caughtUp(t)
	p.connect(t, last)
	testenv.Eventually(t, time.Minute, "the last has everything",
		func(ctx context.Context) error { return last.CaughtUp(ctx, middle) })
	topic, config := p.db+".public.ledger", p.source.config("c"+p.db, nil)
	for _, name := range []string{"standby", "publication", "slot"} {
		if c := p.finding(t, name, config); c.Name != "" && !c.OK {
			t.Errorf("%+v", c)
		}
	}
	c := start(t, config)
	p.awaitStandbysSlot(t, primary)
	await(t, topic, 1)
	p.awaitSlot(t)
	ledger(t, primary, 1, 5)
	await(t, topic, 5*ledgerEvents+1)
	// What the last follows is promoted: its history goes on in another timeline, while it stays a standby.
	testenv.Eventually(t, time.Minute, "the standby has everything",
		func(ctx context.Context) error { return middle.CaughtUp(ctx, primary.Postgres) })
	_ = primary.Stop(testenv.Fast)
	if err := middle.Promote(t.Context()); err != nil {
		t.Fatal(err)
	}
	p.connect(t, middle)
	promoted := p.source
	p.connect(t, last)
	ledger(t, promoted, 6, 2)
	await(t, topic, 7*ledgerEvents+1)
	if err := c.stop(t); err != nil {
		t.Fatal(err)
	}
	ledger(t, promoted, 8, 2)
	start(t, config)
	await(t, topic, 9*ledgerEvents+1)
	p.verify(t, topic, 9)
}
