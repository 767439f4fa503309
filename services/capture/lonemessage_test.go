package capture

import "testing"

// The LSN of a message that belongs to no transaction is where its record ends, so the record of the next message, or of
// a commit, begins there. A stream that goes on a byte later does not get it.
func TestWhatFollowsAMessageOutsideTransactionsArrivesAfterARestartAtTheMessage(t *testing.T) {
	s := newSource(t)
	s.needsMessages(t)
	s.exec(t, "CREATE TABLE a (id int PRIMARY KEY)")
	config := s.config("c"+s.db, nil)
	c := start(t, config)
	s.awaitSlot(t)
	s.exec(t, "BEGIN; INSERT INTO a VALUES (1)")
	s.exec(t, "SELECT pg_logical_emit_message(false, 'first', 'x')")
	await(t, s.db+".message", 1)
	stop := func() {
		if err := c.stop(t); err != nil {
			t.Fatal(err)
		}
	}
	stop()
	s.exec(t, "COMMIT")
	c = start(t, config)
	await(t, s.db+".public.a", 1)
	s.exec(t, "SELECT pg_logical_emit_message(false, 'second', 'x')")
	await(t, s.db+".message", 2)
	stop()
	s.exec(t, "SELECT pg_logical_emit_message(false, 'third', 'x')")
	start(t, config)
	await(t, s.db+".message", 3)
}
