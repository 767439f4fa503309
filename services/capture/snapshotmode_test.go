package capture

import (
	"fmt"
	"strings"
	"testing"
)

// TestWhatChangedWhileAConnectorWasDownComesAsItsSnapshotModeSays: what is expected was seen beside
// Debezium 3.6.3, which has a snapshot at each start take the place of the changes since the last
// position.
func TestWhatChangedWhileAConnectorWasDownComesAsItsSnapshotModeSays(t *testing.T) {
	const based = "snapshot.mode.configuration.based."
	const first, changes, again = "r1 r2 r3 c4", "c5 d3 - u2", "r1 r4 r5 r2"
	for name, c := range map[string]struct {
		set  map[string]string
		want string
	}{
		"always":      {map[string]string{"snapshot.mode": "always"}, first + " " + again + " c6"},
		"initial":     {map[string]string{"snapshot.mode": "initial"}, first + " " + changes + " c6"},
		"when_needed": {map[string]string{"snapshot.mode": "when_needed"}, first + " " + changes + " c6"},
		"no_data":     {map[string]string{"snapshot.mode": "no_data"}, "c4 " + changes + " c6"},
		"configuration_based with data": {map[string]string{"snapshot.mode": "configuration_based",
			based + "snapshot.data": "true", based + "start.stream": "true"},
			first + " " + again + " c6"},
		"configuration_based without data": {map[string]string{"snapshot.mode": "configuration_based",
			based + "start.stream": "true"}, "c4 " + changes + " c6"},
		"always with wal2json": {map[string]string{"snapshot.mode": "always", "plugin.name": "wal2json"},
			first + " " + again + " c6"},
	} {
		t.Run(name, func(t *testing.T) {
			s := newSource(t)
			s.exec(t, "CREATE TABLE a (id int PRIMARY KEY, v text); INSERT INTO a VALUES (1, 'a'), (2, 'b'), (3, 'c')")
			config := s.config("c"+s.db, c.set)
			topic := s.db + ".public.a"
			seen := func(want string) {
				t.Helper()
				var all []string
				for _, e := range await(t, topic, len(strings.Fields(want))) {
					switch {
					case e.tombstone:
						all = append(all, "-")
					case e.After == nil:
						all = append(all, fmt.Sprint(e.Op, e.Before["id"]))
					default:
						all = append(all, fmt.Sprint(e.Op, e.After["id"]))
					}
				}
				if got := strings.Join(all, " "); got != want {
					t.Errorf("got %s, want %s", got, want)
				}
			}
			before, _, _ := strings.Cut(c.want, "c4")
			running := start(t, config)
			s.awaitSlot(t)
			s.exec(t, "INSERT INTO a VALUES (4, 'd')")
			seen(before + "c4")
			if err := running.stop(t); err != nil {
				t.Fatal(err)
			}
			s.awaitFreeSlot(t)
			s.exec(t,
				"BEGIN; INSERT INTO a VALUES (5, 'e'); DELETE FROM a WHERE id = 3; COMMIT; UPDATE a SET v = 'B' WHERE id = 2")
			start(t, config)
			s.awaitSlot(t)
			s.exec(t, "INSERT INTO a VALUES (6, 'f')")
			seen(c.want)
		})
	}
}
