package capture

import (
	"fmt"
	"maps"
	"testing"
	"time"
)

// ledger writes transactions with what makes capture hard: several rows in a statement (one LSN),
// savepoints rolled back, whole rollbacks, updates and deletes. It returns after n transactions.
func ledger(t testing.TB, s *source, from, n int) {
	t.Helper()
	for i := from; i < from+n; i++ {
		id := i * 100
		s.exec(t,
			fmt.Sprintf(
				`BEGIN; INSERT INTO ledger SELECT g, %d, 'a' FROM generate_series(%d, %d) g; SAVEPOINT s; INSERT INTO ledger SELECT g, %[1]d, 'undone' FROM generate_series(%[4]d, %[5]d) g;
			ROLLBACK TO s; UPDATE ledger SET x = 'b' WHERE id IN (%[2]d, %[6]d); DELETE FROM ledger WHERE id = %[3]d; COMMIT`, i,
				id, id+19, id+20, id+29, id+1))
		if i%5 == 0 {
			s.exec(t, fmt.Sprintf("BEGIN; INSERT INTO ledger VALUES (%d, %d, 'never'); ROLLBACK", id+50, i))
		}
	}
}

// verify compares topic and table by identity: every committed change once, nothing rolled back, and the table rebuilt
// from the topic equal to the table.
func (s *source) verify(t testing.TB, topic string, transactions int) {
	t.Helper()
	changes := make(map[string]int)
	state := make(map[string]string)
	for _, e := range events(t, topic) {
		if e.tombstone {
			continue
		}
		row := e.After
		if e.Op == "d" {
			row = e.Before
		}
		id := fmt.Sprint(row["id"])
		if x := fmt.Sprint(row["x"]); x == "undone" || x == "never" {
			t.Errorf("row %s of a rolled-back part was delivered: %v", id, e)
		}
		changes[fmt.Sprintf("%s %s %v", e.Op, id, row["x"])]++
		if e.Op == "d" {
			delete(state, id)
		} else {
			state[id] = fmt.Sprint(row["x"])
		}
	}
	for change, n := range changes {
		if n > 1 && change[0] != 'r' {
			t.Errorf("change %q was delivered %d times", change, n)
		}
	}
	rows, err := s.conn.Query(t.Context(), "SELECT id::text, x FROM ledger")
	if err != nil {
		t.Fatal(err)
	}
	want := make(map[string]string)
	for rows.Next() {
		var id, x string
		if err := rows.Scan(&id, &x); err != nil {
			t.Fatal(err)
		}
		want[id] = x
	}
	if !maps.Equal(state, want) {
		missing, extra := 0, 0
		for id, x := range want {
			if state[id] != x {
				missing++
			}
		}
		for id := range state {
			if _, ok := want[id]; !ok {
				extra++
			}
		}
		t.Errorf("the table rebuilt from the topic differs: %d rows missing or stale, %d too many, of %d", missing,
			extra, len(want))
	}
}

// events of a ledger transaction: 20 inserts, 2 updates, 1 delete and its tombstone.
const ledgerEvents = 24

func TestNothingIsLostOrRepeatedWhereverTheProcessIsKilled(t *testing.T) {
	for _, c := range []struct {
		point string
		set   map[string]string
	}{
		{"after_decode:40", nil}, {"before_produce:3", nil}, {"after_produce_before_commit:4", nil},
		{"after_commit_before_status:2", nil},
		{"after_commit_before_status:3", map[string]string{"max.batch.size": "7"}},
		{"after_produce_before_commit:4", map[string]string{"max.batch.size": "7"}},
		{"after_commit_before_status:5", map[string]string{"max.batch.size": "9", "replication.protocol": "4"}},
		{"after_commit_before_status:2", map[string]string{"plugin.name": "wal2json"}},
		{"after_commit_before_status:3", map[string]string{"max.batch.size": "7", "plugin.name": "decoderbufs"}},
		{"before_produce:6", map[string]string{"max.batch.size": "7", "plugin.name": "decoderbufs"}},
	} {
		t.Run(c.point+fmt.Sprint(c.set), func(t *testing.T) {
			t.Parallel()
			s := newSource(t)
			s.exec(t, "CREATE TABLE ledger (id int PRIMARY KEY, tx int, x text)")
			config := s.config("k"+s.db, c.set)
			config["slot.max.retries"], config["slot.retry.delay.ms"] = "60", "200"
			p := child(t, config, c.point)
			s.awaitSlot(t)
			ledger(t, s, 1, 10)
			_ = p.Ends(t, 2*time.Minute) // it kills itself at the failpoint
			ledger(t, s, 11, 5)
			start(t, config)
			await(t, s.db+".public.ledger", 15*ledgerEvents)
			s.verify(t, s.db+".public.ledger", 15)
		})
	}
}

func TestAKilledSnapshotGoesOnWithoutStartingOver(t *testing.T) {
	for _, point := range []string{"mid_snapshot:0", "before_produce:5", "between_snapshot_and_stream"} {
		for _, threads := range []string{"1", "3"} {
			t.Run(point+" with "+threads+" threads", func(t *testing.T) {
				t.Parallel()
				s := newSource(t)
				s.exec(t,
					"CREATE TABLE ledger (id int PRIMARY KEY, tx int, x text); INSERT INTO ledger SELECT g, 0, 'old' FROM generate_series(-5000, -1) g; CREATE TABLE other (id int PRIMARY KEY); INSERT INTO other SELECT generate_series(1, 300)")
				s.exec(t, "VACUUM ANALYZE")
				config := s.config("k"+s.db, map[string]string{"max.batch.size": "500", "snapshot.max.threads": threads,
					"slot.max.retries": "60", "slot.retry.delay.ms": "200"})
				p := child(t, config, point)
				_ = p.Ends(t, 2*time.Minute) // it kills itself at the failpoint
				before := len(events(t, s.db+".public.ledger")) + len(events(t, s.db+".public.other"))
				s.exec(t,
					"UPDATE ledger SET x = 'new' WHERE id BETWEEN -10 AND -1; DELETE FROM ledger WHERE id = -5000; INSERT INTO ledger VALUES (1, 0, 'late')")
				start(t, config)
				await(t, s.db+".public.other", 300)
				s.awaitSlot(t)
				s.exec(t, "INSERT INTO ledger VALUES (2, 0, 'last')")
				eventually(t, "the last row comes", func() error {
					if e := events(t, s.db+".public.ledger"); len(e) == 0 || fmt.Sprint(e[len(e)-1].After["x"]) != "last" {
						return fmt.Errorf("%d events", len(e))
					}
					return nil
				})
				s.verify(t, s.db+".public.ledger", 0)
				reads := make(map[string]int)
				all := events(t, s.db+".public.ledger")
				for _, e := range all {
					if e.Op == "r" {
						reads[fmt.Sprint(e.After["id"], e.After["x"])]++
					}
				}
				for id, n := range reads {
					if n > 1 {
						t.Errorf("row %s was read %d times; it did not change in between", id, n)
					}
				}
				if before == 0 && point == "mid_snapshot:0" {
					t.Error("nothing was delivered before the kill")
				}
			})
		}
	}
}

// TestAKilledSnapshotLosesNoRowsWhereAnotherScanIsInTheMiddleOfTheTable kills a snapshot of a table
// large enough that PostgreSQL would let its scan join another one in the middle (a quarter of
// shared_buffers), after its first rows are durable.
func TestAKilledSnapshotLosesNoRowsWhereAnotherScanIsInTheMiddleOfTheTable(t *testing.T) {
	t.Parallel()
	const rows = 6000 // one a page: 47 MiB
	s := newSource(t)
	s.exec(t, "CREATE TABLE large (id int PRIMARY KEY, x text)")
	s.exec(t, "ALTER TABLE large ALTER x SET STORAGE PLAIN")
	s.exec(t, fmt.Sprintf("INSERT INTO large SELECT g, repeat('x', 7000) FROM generate_series(1, %d) g", rows))
	s.exec(t, "ANALYZE large")
	s.exec(t, "BEGIN; DECLARE other CURSOR FOR SELECT * FROM large; MOVE 3000 FROM other; ROLLBACK")
	config := s.config("k"+s.db, map[string]string{"max.batch.size": "500", "slot.max.retries": "60",
		"slot.retry.delay.ms": "200", "column.exclude.list": "public.large.x"})
	_ = child(t, config, "mid_snapshot:0").Ends(t, 2*time.Minute) // it kills itself at the failpoint
	start(t, config)
	await(t, s.db+".public.large", rows)
	ids := make(map[string]int)
	for _, e := range events(t, s.db+".public.large") {
		ids[fmt.Sprint(e.After["id"])]++
	}
	if len(ids) != rows {
		t.Errorf("%d of %d rows came", len(ids), rows)
	}
}

// TestAKilledSnapshotLosesNoRowsThatMoveToOtherPagesBeforeItGoesOn has rows move from pages that are
// not read to such as are, without a new xmin, and swaps a table for another.
func TestAKilledSnapshotLosesNoRowsThatMoveToOtherPagesBeforeItGoesOn(t *testing.T) {
	t.Parallel()
	const rows, gone = 1500, 400
	for name, meanwhile := range map[string]string{
		"VACUUM FULL": "VACUUM FULL moved",
		"a table that is put in its place": `BEGIN; ALTER TABLE moved RENAME TO before; ALTER TABLE after RENAME TO moved;
			DROP TABLE before; COMMIT`,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newSource(t)
			s.exec(t, "CREATE TABLE moved (id int PRIMARY KEY, x text)")
			s.exec(t, "ALTER TABLE moved ALTER x SET STORAGE PLAIN")
			s.exec(t, fmt.Sprintf("INSERT INTO moved SELECT g, repeat('x', 7000) FROM generate_series(1, %d) g", rows))
			s.exec(t, "CREATE TABLE after (LIKE moved INCLUDING ALL)")
			s.exec(t, fmt.Sprintf("INSERT INTO after SELECT * FROM moved WHERE id > %d", gone))
			config := s.config("k"+s.db, map[string]string{"max.batch.size": "500", "slot.max.retries": "60",
				"slot.retry.delay.ms": "200", "table.include.list": "public.moved", "column.exclude.list": "public.moved.x"})
			_ = child(t, config, "mid_snapshot:0").Ends(t, 2*time.Minute) // it kills itself at the failpoint
			s.exec(t, fmt.Sprintf("DELETE FROM moved WHERE id <= %d", gone))
			s.exec(t, meanwhile)
			start(t, config)
			eventually(t, "all rows", func() error {
				ids := make(map[string]int)
				for _, e := range events(t, s.db+".public.moved") {
					ids[fmt.Sprint(e.After["id"])]++
				}
				for id := gone + 1; id <= rows; id++ {
					if ids[fmt.Sprint(id)] == 0 {
						return fmt.Errorf("row %d has not come; %d others have", id, len(ids))
					}
				}
				return nil
			})
		})
	}
}

func TestALargeTransactionThatIsStreamedWhileItRunsLosesOnlyWhatItRolledBack(t *testing.T) {
	for _, protocol := range []string{"1", "2", "4"} {
		t.Run("protocol "+protocol, func(t *testing.T) {
			s := newSource(t)
			s.exec(t, "CREATE TABLE ledger (id int PRIMARY KEY, tx int, x text)")
			start(t, s.config("c"+s.db, map[string]string{"replication.protocol": protocol, "max.batch.size": "300",
				"streaming.memory.bytes": "20000"}))
			s.awaitSlot(t)
			s.exec(t,
				`BEGIN; INSERT INTO ledger SELECT g, 1, 'a' FROM generate_series(1, 3000) g; SAVEPOINT s; INSERT INTO ledger SELECT g, 1, 'undone' FROM generate_series(3001, 6000) g;
				ROLLBACK TO s; INSERT INTO ledger SELECT g, 1, 'b' FROM generate_series(3001, 4000) g; COMMIT; BEGIN; INSERT INTO ledger SELECT g, 2, 'never' FROM generate_series(10001, 14000) g; ROLLBACK; INSERT INTO ledger VALUES (0, 3, 'last')`)
			await(t, s.db+".public.ledger", 4001)
			s.verify(t, s.db+".public.ledger", 2)
		})
	}
}
