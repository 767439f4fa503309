package calypso

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/calypso-cdc/calypso/libs/testenv"
	"github.com/calypso-cdc/calypso/services/admin/ctl"
)

func TestWhatWasDeletedWhileASlotWasLostIsRemovedByARepairAndNothingElse(t *testing.T) {
	s := upSettings(t, "--no-orders")
	up(t, s)
	conn := postgres(t, &s)
	run := func(statement string) {
		t.Helper()
		if _, err := conn.Exec(t.Context(), statement); err != nil {
			t.Fatalf("%s: %v", statement, err)
		}
	}
	do := func(want int, args ...string) string {
		t.Helper()
		out, code := calypsoctl(t, &s, args...)
		if code != want {
			t.Fatalf("%v: exit status %d, want %d\n%s", args, code, want, out)
		}
		return out
	}
	run("CREATE TABLE kept (region text, id int, name text, price numeric(8,2), PRIMARY KEY (region, id))")
	run("INSERT INTO kept SELECT 'north', n, 'row ' || n, n + 0.5 FROM generate_series(1, 10) n")
	changes := map[string]string{"table.form": "changes", "current.state": "true"}
	connect(t, &s, "kept", "kept", map[string]string{"snapshot.mode": "when_needed"}, changes)
	awaitRows(t, &s, "kept_current()", 10)

	do(ctl.ExitOK, "stop", "kept")
	testenv.Eventually(t, time.Minute, "the slot to be let go and lost", func(ctx context.Context) error {
		_, err := conn.Exec(ctx, "SELECT pg_drop_replication_slot('kept')")
		return err
	})
	run("DELETE FROM kept WHERE id IN (3, 7)")
	run("INSERT INTO kept VALUES ('south', 11, 'row 11', NULL)")
	do(ctl.ExitOK, "resume", "kept")
	awaitRows(t, &s, "kept_current()", 11) // with those that nobody said were deleted
	if v := verify(t, &s, "kept", "20s"); strings.Join(v.differing, " ") != "north,3 north,7" {
		t.Fatalf("what differs is %v\n%s", v.differing, v.text)
	}

	shown := do(ctl.ExitOK, "repair", "kept", "--patience", "20s")
	for _, want := range []string{"public.kept, key north, 3: a deletion of version", "key north, 7",
		"2 rows would be removed from the present state; nothing was written"} {
		if !strings.Contains(shown, want) {
			t.Errorf("%q is not in\n%s", want, shown)
		}
	}
	awaitRows(t, &s, "kept_current()", 11)

	do(ctl.ExitOK, "pause", "kept-sink")
	run("INSERT INTO kept VALUES ('north', 12, 'waits', 1)")
	if out := do(2, "repair", "kept", "--write", "--patience", "1s"); !strings.Contains(out, "kept-sink") {
		t.Errorf("of a sink that does not run is said:\n%s", out)
	}
	do(ctl.ExitOK, "resume", "kept-sink")
	run("INSERT INTO kept VALUES ('north', 3, 'back again', 3)")
	awaitRows(t, &s, "kept_current() | where name in ('waits', 'back again')", 2)

	done := do(ctl.ExitOK, "repair", "kept", "--write", "--patience", "20s")
	if !strings.Contains(done, "key north, 7") || strings.Contains(done, "key north, 3") ||
		!strings.Contains(done, "1 row that") {
		t.Errorf("the repair says\n%s", done)
	}
	if v := verify(t, &s, "kept", "30s"); v.exit != ctl.ExitOK {
		t.Errorf("after the repair:\n%s", v.text)
	}
	if again := do(ctl.ExitOK, "repair", "kept", "--write", "--patience", "5s"); !strings.Contains(again,
		"there is nothing to remove") {
		t.Errorf("a second repair says\n%s", again)
	}
	// A row that comes after its deletion was written is there.
	run("INSERT INTO kept VALUES ('north', 7, 'here too', 7)")
	awaitRows(t, &s, "kept_current() | where id == 7 and name == 'here too'", 1)
	if v := verify(t, &s, "kept", "30s"); v.exit != ctl.ExitOK {
		t.Errorf("after the row came back:\n%s", v.text)
	}

	// Another sink appends the rows to a table, from which nothing is ever removed.
	addSink(t, &s, "appended", "appended", map[string]string{"topics": "kept.public.kept"})
	awaitRows(t, &s, "appended | where id == 12", 1)
	run("DELETE FROM kept WHERE id = 12")
	if out := do(ctl.ExitOK, "repair", "kept", "--sink", "appended", "--write", "--patience", "3s"); !strings.Contains(out,
		"rows are appended") || !strings.Contains(out, "nothing to remove") {
		t.Errorf("of a table to which rows are appended is said\n%s", out)
	}
}
