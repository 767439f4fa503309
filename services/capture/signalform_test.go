package capture

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
)

// TestSignalsOfAnyFormDoWhatTheyDoInDebezium: each signal comes alone, and what is expected was
// seen beside Debezium 3.6.3.
func TestSignalsOfAnyFormDoWhatTheyDoInDebezium(t *testing.T) {
	s := newSource(t)
	s.exec(t,
		`CREATE TABLE a (id int PRIMARY KEY); INSERT INTO a SELECT generate_series(1, 3); CREATE TABLE b (id int); INSERT INTO b VALUES (1);
		CREATE TABLE sig (id varchar(42) PRIMARY KEY, type varchar(32) NOT NULL, data varchar(2048))`)
	start(t, s.config("c"+s.db, map[string]string{"snapshot.mode": "no_data", "signal.data.collection": "public.sig",
		"table.include.list": "public.a,public.b"}))
	s.awaitSlot(t)
	seen := 0
	for i, c := range []struct{ kind, data, rows string }{
		{"execute-snapshot", `{not json`, ""},
		{"execute-snapshot", `{}`, ""},
		{"execute-snapshot", `{"data-collections": "public.a"}`, ""},
		{"execute-snapshot", `{"data-collections": []}`, ""},
		{"execute-snapshot", `{"data-collections": ["public.a", 5, null]}`, ""},
		{"execute-snapshot", `{"data-collections": ["public.a"], "type": "nonsense"}`, ""},
		{"execute-snapshot", `{"data-collections": ["public.a"], "additional-conditions": [{"data-collection": "public.a"}]}`,
			""},
		{"execute-snapshot", `{"data-collections": ["PUBLIC.A"]}`, ""},
		{"EXECUTE-SNAPSHOT", `{"data-collections": ["public.a"]}`, ""},
		{"pause-snapshot", ``, ""},
		{"execute-snapshot", `{"data-collections": ["public.a"], "type": "INCREMENTAL"}`, "1 2 3"},
		{"execute-snapshot", `{"data-collections": [" public.a "], "extra": {"x": [1]}}`, "1 2 3"},
		{"execute-snapshot", `{"data-collections": ["public.[ab]"]}`, "1 2 3"},
		{"execute-snapshot", `{"data-collections": ["public.a"], "surrogate-key": "id"}`, "1 2 3"},
		{"execute-snapshot",
			`{"data-collections": ["public.a"], "additional-conditions": [{"data-collection": "PUBLIC.A", "filter": "id = 2 or id=3"}, {"data-collection": "public.a", "filter": "false"}]}`, "2 3"},
	} {
		s.exec(t, "INSERT INTO sig VALUES ($1, $2, $3)", fmt.Sprint(i), c.kind, c.data)
		s.exec(t, fmt.Sprintf("INSERT INTO a VALUES (%d); DELETE FROM a WHERE id = %[1]d", 100+i))
		want := strings.Fields(c.rows)
		all := await(t, s.db+".public.a", seen+len(want)+3) // the row, its end, and the tombstone
		var rows []string
		for _, e := range all[seen:] {
			if e.Op == "r" {
				rows = append(rows, fmt.Sprint(e.After["id"]))
			}
		}
		seen = len(all)
		if slices.Sort(rows); !slices.Equal(rows, want) {
			t.Errorf("%s %s gives rows %v, want %v", c.kind, c.data, rows, want)
		}
	}
	// Signals and watermarks are events of their table as well, whatever the lists say.
	kinds := make(map[string]bool)
	for _, e := range events(t, s.db+".public.sig") {
		kinds[fmt.Sprint(e.After["type"])] = true
	}
	if got, want := slices.Sorted(maps.Keys(kinds)), []string{"EXECUTE-SNAPSHOT", "execute-snapshot", "pause-snapshot",
		"snapshot-window-close", "snapshot-window-open"}; !slices.Equal(got, want) {
		t.Errorf("the signal table has events of %v, want %v", got, want)
	}
}
