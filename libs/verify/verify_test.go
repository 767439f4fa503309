package verify_test

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"
	"go.uber.org/goleak"
	"pgregory.net/rapid"

	"github.com/calypso-cdc/calypso/libs/testenv"
	"github.com/calypso-cdc/calypso/libs/verify"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func row(v int) verify.Row {
	return verify.NewRow(map[string]any{"id": "1", "v": json.Number(fmt.Sprint(v))})
}

// changes reads a short script: c1 u2 d r2, where the number is the row's version.
func changes(script string) []verify.Change {
	var out []verify.Change
	for i, word := range strings.Fields(script) {
		c := verify.Change{Table: "s.t", Key: "{}", Op: verify.Op(word[:1]), Where: fmt.Sprint(i)}
		if c.Op != verify.Delete {
			var v int
			fmt.Sscan(word[1:], &v)
			c.Row = row(v)
		}
		out = append(out, c)
	}
	return out
}

func TestAKeysChangesAreComparedInOrder(t *testing.T) {
	for _, c := range []struct {
		name, committed, got     string
		fromStart                bool
		lost, phantom, repeated  int
		disordered               int
		exactlyOnce, atLeastOnce bool
	}{
		{name: "the same", committed: "c1 u2 d", got: "c1 u2 d", fromStart: true, exactlyOnce: true, atLeastOnce: true},
		{name: "the first is missing", committed: "c1 u2 d", got: "u2 d", fromStart: true, lost: 1},
		{name: "one in the middle is missing", committed: "c1 u2 u3 u4", got: "c1 u4", fromStart: true, lost: 2},
		{name: "the last is missing", committed: "c1 u2 d", got: "c1 u2", fromStart: true, lost: 1},
		{name: "nothing came", committed: "c1", got: "", fromStart: true, lost: 1},
		{name: "one came twice", committed: "c1 u2", got: "c1 c1 u2", fromStart: true, repeated: 1, atLeastOnce: true},
		{name: "a replay", committed: "c1 u2 u3", got: "c1 u2 c1 u2 u3", fromStart: true, repeated: 2, atLeastOnce: true},
		{name: "two changed places", committed: "c1 u2 u3", got: "c1 u3 u2", fromStart: true, lost: 1, repeated: 1},
		{name: "never committed", committed: "c1", got: "c1 u9", fromStart: true, phantom: 1},
		{name: "a snapshot in the middle", committed: "c1 u2 u3", got: "r2 u3", exactlyOnce: true, atLeastOnce: true},
		{name: "a snapshot of everything", committed: "c1 u2", got: "r2", exactlyOnce: true, atLeastOnce: true},
		{name: "a snapshot with a gap behind it", committed: "c1 u2 u3 u4", got: "r2 u4", lost: 1},
		{name: "a row that became again what the snapshot read", committed: "c1 u2 u1 u3", got: "r1 u2 u1 u3",
			exactlyOnce: true, atLeastOnce: true},
		{name: "a row read when it had become again what it was", committed: "c1 u2 u1 u3", got: "r1 u3", exactlyOnce: true,
			atLeastOnce: true},
		{name: "a row read twice that became again what it was", committed: "c1 u2 u1 u3", got: "r1 r1 u2 u1 u3", repeated: 1,
			atLeastOnce: true},
		{name: "two equal updates behind a snapshot", committed: "c1 u2 u2", got: "r1 u2 u2", exactlyOnce: true,
			atLeastOnce: true},
		{name: "one of two equal updates behind a snapshot came twice", committed: "c1 u2 u3 u3", got: "r2 u3 u3 u3",
			repeated: 1, atLeastOnce: true},
		{name: "made again as it was", committed: "c1 d c1 u3", got: "c1 d c1 u3", exactlyOnce: true, atLeastOnce: true},
		{name: "gone before the snapshot", committed: "c1 d", got: "", exactlyOnce: true, atLeastOnce: true},
		{name: "made again after the snapshot", committed: "c1 d c2 u3", got: "c2 u3", exactlyOnce: true, atLeastOnce: true},
		{name: "there at the snapshot and missing", committed: "c1 u2", got: "", lost: 2},
		{name: "an incremental snapshot of what is known", committed: "c1 u2 u3", got: "c1 u2 r2 u3", exactlyOnce: true,
			atLeastOnce: true},
		{name: "a ghost of an incremental snapshot", committed: "c1 u2 u3", got: "c1 u2 u3 r1", disordered: 1},
	} {
		t.Run(c.name, func(t *testing.T) {
			promise := verify.Promise{Start: verify.AtSnapshot}
			if c.fromStart {
				promise.Start = verify.AtFirstChange
			}
			r := verify.Changes(changes(c.committed), changes(c.got), promise)
			got := []int{len(r.Lost), len(r.Phantom), len(r.Repeated), len(r.Disordered)}
			if want := []int{c.lost, c.phantom, c.repeated, c.disordered}; !slices.Equal(got, want) {
				t.Errorf("lost, phantom, repeated, disordered: got %v, want %v", got, want)
			}
			if (r.Err() == nil) != c.exactlyOnce {
				t.Errorf("exactly once: %v", r.Err())
			}
			promise.Guarantee = verify.AtLeastOnce
			if r := verify.Changes(changes(c.committed), changes(c.got), promise); (r.Err() == nil) != c.atLeastOnce {
				t.Errorf("at least once: %v", r.Err())
			}
		})
	}
}

func TestALossIsFoundEvenIfARepetitionMakesTheCountRight(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		n := rapid.IntRange(2, 30).Draw(t, "changes")
		var committed []verify.Change
		for i := range n {
			key := verify.Row(fmt.Sprint(rapid.IntRange(0, 4).Draw(t, "key")))
			committed = append(committed, verify.Change{Table: "s.t", Key: key, Op: verify.Update, Row: row(i)})
		}
		promise := verify.Promise{Start: verify.AtFirstChange}
		if err := verify.Changes(committed, committed, promise).Err(); err != nil {
			t.Fatalf("a faithful topic: %v", err)
		}
		lost := rapid.IntRange(0, n-1).Draw(t, "lost")
		twice := rapid.IntRange(0, n-1).Filter(func(i int) bool { return i != lost }).Draw(t, "twice")
		var got []verify.Change
		for i, c := range committed {
			if i != lost {
				got = append(got, c)
			}
			if i == twice {
				got = append(got, c)
			}
		}
		for _, r := range []verify.Report{
			verify.Changes(committed, got, verify.Promise{Guarantee: verify.AtLeastOnce, Start: verify.AtFirstChange}),
			verify.Rows(committed, got, verify.AtLeastOnce),
		} {
			if len(r.Lost) != 1 || r.Lost[0] != committed[lost] || len(r.Repeated) != 1 || r.Err() == nil {
				t.Fatalf("lost %v, found %v", committed[lost], r)
			}
		}
	})
}

func TestAnEventIsReadWithAndWithoutSchema(t *testing.T) {
	plain := `{"before":null,"after":{"id":1,"v":2},"source":{"schema":"s","table":"t"},"op":"c"}`
	for _, r := range []*kgo.Record{
		{Key: []byte(`{"id":1}`), Value: []byte(plain)},
		{Key: []byte(`{"schema":{},"payload":{"id":1}}`), Value: []byte(`{"schema":{},"payload":` + plain + `}`)},
	} {
		c, err := verify.ParseEvent(r)
		if err != nil {
			t.Fatal(err)
		}
		if c.Table != "s.t" || c.Op != verify.Create || c.Key != `{"id":"1"}` || c.Row != `{"id":"1","v":"2"}` {
			t.Errorf("got %v", c)
		}
	}
}

func TestTheWitnessNotesWhatWasCommittedAndNothingElse(t *testing.T) {
	pg := testenv.RunPostgres(t, testenv.PostgresConfig{})
	ctx := t.Context()
	conn, err := pgx.Connect(ctx, pg.URL("postgres"))
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close(context.WithoutCancel(ctx))
	run := func(sql string) {
		t.Helper()
		if _, err := conn.PgConn().Exec(ctx, sql).ReadAll(); err != nil {
			t.Fatal(err)
		}
	}
	run(`create table public."Odd name" (id int primary key, v text)`)
	if err := verify.Watch(ctx, conn, "public.Odd name"); err != nil {
		t.Fatal(err)
	}
	run(`insert into "Odd name" values (1, 'a'), (2, null)`)
	run(`begin; update "Odd name" set v = 'b' where id = 1; savepoint s; delete from "Odd name"; rollback to s; commit`)
	run(`begin; insert into "Odd name" values (9, 'z'); rollback`)
	run(`update "Odd name" set id = 3 where id = 2; delete from "Odd name" where id = 1`)
	run(`truncate "Odd name"`)
	run(`begin; truncate "Odd name"; rollback`)
	run(`alter table "Odd name" add w int default 7`)
	run(`insert into "Odd name" values (4, 'd')`)
	history, err := verify.History(ctx, conn, "public.Odd name")
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, c := range history {
		got = append(got, fmt.Sprint(c.Op, " ", c.Key, " ", c.Row))
	}
	want := []string{
		`c {"id":"1"} {"id":"1","v":"a"}`, `c {"id":"2"} {"id":"2","v":null}`, `u {"id":"1"} {"id":"1","v":"b"}`,
		`d {"id":"2"} `, `c {"id":"3"} {"id":"3","v":null}`, `d {"id":"1"} `, `t  `, `c {"id":"4"} {"id":"4","v":"d","w":"7"}`,
	}
	if !slices.Equal(got, want) {
		t.Errorf("got\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
	if a, b, c := history[0].Transaction, history[1].Transaction, history[2].Transaction; a == 0 || a != b || b == c {
		t.Errorf("changes of two transactions are said to be of %d, %d and %d", a, b, c)
	}
	fingerprint := verify.NewFingerprint("id", "v", "w")
	mark, err := fingerprint.Mark(ctx, conn, "public.Odd name")
	if err != nil {
		t.Fatal(err)
	}
	fingerprint.Expect(mark)
	for _, c := range history {
		fingerprint.Note(c)
	}
	if err := verify.Err(fingerprint); err != nil {
		t.Error(err)
	}
	current, err := verify.Current(ctx, conn, "public.Odd name")
	if err != nil {
		t.Fatal(err)
	}
	if err := verify.State(current, history).Err(); err != nil {
		t.Error(err)
	}
}

func TestATopicIsReadAsAReadCommittedConsumerSeesIt(t *testing.T) {
	k := testenv.RunKafka(t, testenv.KafkaConfig{})
	ctx := t.Context()
	cl, err := kgo.NewClient(kgo.SeedBrokers(k.Bootstrap), kgo.TransactionalID("t"))
	if err != nil {
		t.Fatal(err)
	}
	defer cl.Close()
	if _, err := kadm.NewClient(cl).CreateTopic(ctx, 1, 1, nil, "topic"); err != nil {
		t.Fatal(err)
	}
	for v, end := range []kgo.TransactionEndTry{kgo.TryCommit, kgo.TryAbort, kgo.TryCommit, kgo.TryAbort} {
		if err := cl.BeginTransaction(); err != nil {
			t.Fatal(err)
		}
		value := fmt.Sprintf(`{"after":{"v":%d},"source":{"schema":"s","table":"t"},"op":"c"}`, v)
		if err := cl.ProduceSync(ctx, &kgo.Record{Topic: "topic", Value: []byte(value)}).FirstErr(); err != nil {
			t.Fatal(err)
		}
		if err := cl.EndTransaction(ctx, end); err != nil {
			t.Fatal(err)
		}
	}
	got, err := verify.Topic(ctx, k.Bootstrap, "topic")
	if err != nil {
		t.Fatal(err)
	}
	if len(got) != 2 || got[0].Row != `{"v":"0"}` || got[1].Row != `{"v":"2"}` {
		t.Errorf("got %v", got)
	}
}
