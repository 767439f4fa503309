package capture

import (
	"maps"
	"testing"
)

// A transform stops the task at one kind of event. Without the transform the event comes, and what
// came with it does not come twice.
func TestAnEventThatStopsTheTaskComesOnceItCan(t *testing.T) {
	for name, c := range map[string]struct {
		change string
		// stops is the end of the topic whose event stops the task, counts are the records of topics by
		// their ends once it no longer does.
		stops  string
		counts map[string]int
	}{
		"a row": {"BEGIN; INSERT INTO b VALUES (1); INSERT INTO a VALUES (1); COMMIT", ".public.a",
			map[string]int{".public.b": 1, ".public.a": 1, ".transaction": 2}},
		"a row alone":             {"INSERT INTO a VALUES (1)", ".public.a", map[string]int{".public.a": 1, ".transaction": 2}},
		"a truncate of two":       {"TRUNCATE a, b", ".public.b", map[string]int{".public.a": 1, ".public.b": 1, ".transaction": 2}},
		"a transaction's message": {"SELECT pg_logical_emit_message(true, 'p', 'x')", ".message", map[string]int{".message": 1}},
		"a message alone":         {"SELECT pg_logical_emit_message(false, 'p', 'x')", ".message", map[string]int{".message": 1}},
	} {
		t.Run(name, func(t *testing.T) {
			s := newSource(t)
			s.exec(t, "CREATE TABLE a (id int PRIMARY KEY); CREATE TABLE b (id int PRIMARY KEY)")
			s.exec(t, "CREATE PUBLICATION "+s.db+" FOR TABLE a, b")
			// With batches of one record, what an event appended before it failed is taken at once.
			plain := map[string]string{"provide.transaction.metadata": "true", "skipped.operations": "none", "max.batch.size": "1"}
			stopping := maps.Clone(plain)
			maps.Copy(stopping, map[string]string{"transforms": "x",
				"transforms.x.type": "org.apache.kafka.connect.transforms.Cast$Value", "transforms.x.spec": "op:int32",
				"transforms.x.predicate": "of", "predicates": "of",
				"predicates.of.type":    "org.apache.kafka.connect.transforms.predicates.TopicNameMatches",
				"predicates.of.pattern": ".*\\" + c.stops})
			first := start(t, s.config("c"+s.db, stopping))
			s.awaitSlot(t)
			s.exec(t, c.change)
			if err := first.failure(t); err == nil {
				t.Fatal("the event does not stop the task")
			}
			start(t, s.config("c"+s.db, plain))
			for end, n := range c.counts {
				await(t, s.db+end, n)
			}
			s.exec(t, "INSERT INTO a VALUES (2)")
			await(t, s.db+".public.a", c.counts[".public.a"]+1)
			for end, n := range c.counts {
				switch end {
				case ".transaction":
					n += 2
				case ".public.a":
					n++
				}
				if got := len(await(t, s.db+end, n)); got != n {
					t.Errorf("%s has %d records, want %d", end, got, n)
				}
			}
		})
	}
}
