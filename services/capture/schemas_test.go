package capture

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"
	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	capturev1 "github.com/calypso-cdc/calypso/gen/calypso/capture/v1"
)

// versions lists what a connector's tables have been, the first first: "a/2 COMPATIBLE column x text added".
func versions(t testing.TB, connector, table string) []string {
	t.Helper()
	got, err := serviceOf(NewRegistry()).ListSchemaVersions(context.WithoutCancel(t.Context()),
		&capturev1.ListSchemaVersionsRequest{Connector: connector, Table: table})
	if err != nil {
		t.Fatal(err)
	}
	var out []string
	for _, v := range got.Versions {
		var b strings.Builder
		fmt.Fprintf(&b, "%s/%d %s", strings.TrimPrefix(v.Table, "public."), v.Version,
			strings.TrimPrefix(v.Compatibility.String(), "COMPATIBILITY_"))
		for _, c := range v.Changes {
			fmt.Fprintf(&b, " %s(%s %s>%s)", strings.TrimPrefix(c.Kind.String(), "KIND_"), c.Column, c.From, c.To)
		}
		if v.Lsn == "0/0" || v.Time.AsTime().Year() < 2020 {
			fmt.Fprintf(&b, " from LSN %s at %s", v.Lsn, v.Time.AsTime())
		}
		out = append(out, b.String())
	}
	slices.Reverse(out)
	return out
}

// awaitVersions waits until a table has had these versions and no others.
func awaitVersions(t testing.TB, connector, table string, want ...string) {
	t.Helper()
	eventually(t, "the versions of "+table, func() error {
		if got := versions(t, connector, table); !slices.Equal(got, want) {
			return fmt.Errorf("versions are\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
		}
		return nil
	})
}

func TestEveryVersionOfATableIsKeptOverRestarts(t *testing.T) {
	want := []string{
		"a/1 UNSPECIFIED",
		"a/2 COMPATIBLE COLUMN_ADDED(amount >numeric(10,2))",
		"a/3 BREAKING COLUMN_RENAMED(remark note>remark)",
		"a/4 BREAKING TYPE_CHANGED(id integer>bigint) TYPE_CHANGED(amount numeric(10,2)>text)",
		"a/5 BREAKING COLUMN_DROPPED(amount text>)",
		"a/6 BREAKING OPTIONAL_CHANGED(remark optional>required) KEY_CHANGED( id>id, remark)",
		"a/7 COMPATIBLE REPLICA_IDENTITY_CHANGED( DEFAULT>FULL)",
	}
	for _, c := range []struct {
		plugin string
		// seen are the versions that the plugin lets see before the restart, after it, and in the
		// end: what its messages do not say is noticed when the catalog is read for another reason.
		seen [3]int
	}{{"pgoutput", [3]int{4, 4, 7}}, {"decoderbufs", [3]int{4, 4, 6}}, {"wal2json", [3]int{4, 4, 5}}} {
		t.Run(c.plugin, func(t *testing.T) {
			s := newSource(t)
			s.exec(t,
				"CREATE TABLE a (id int PRIMARY KEY, note text); INSERT INTO a VALUES (1, 'x'); CREATE TABLE b (id int PRIMARY KEY, g int GENERATED ALWAYS AS (id * 2) STORED)")
			name := "c" + s.db
			config := s.config(name, map[string]string{"plugin.name": c.plugin})
			topic := s.db + ".public.a"
			run := start(t, config)
			await(t, topic, 1)
			s.awaitSlot(t)
			if has := s.query(t, "SELECT plugin::text FROM pg_replication_slots WHERE slot_name = '"+s.db+"'"); has != c.plugin {
				t.Skipf("left out: the server has no plugin %s, so that %s is used", c.plugin, has)
			}
			s.exec(t, "INSERT INTO b VALUES (1); INSERT INTO a VALUES (2, 'x')")
			rows := 2
			change := func(sql, insert string) {
				// read before the next one: keys and options are the catalog's as of the reading
				s.exec(t, sql)
				s.exec(t, "INSERT INTO a "+insert)
				rows++
				await(t, topic, rows)
			}
			change("ALTER TABLE a ADD amount numeric(10,2)", "(id, note, amount) VALUES (3, 'x', 1.5)")
			change("ALTER TABLE a RENAME note TO remark", "(id, remark) VALUES (4, 'x')")
			change("ALTER TABLE a ALTER id TYPE bigint, ALTER amount TYPE text", "(id, remark) VALUES (5, 'x')")
			awaitVersions(t, name, "public.a", want[:c.seen[0]]...)
			if err := run.stop(t); err != nil {
				t.Fatal(err)
			}
			s.exec(t, "INSERT INTO a (id, remark) VALUES (6, 'x')")
			rows++
			run = start(t, config)
			await(t, topic, rows)
			awaitVersions(t, name, "public.a", want[:c.seen[1]]...)
			change("ALTER TABLE a DROP amount", "(id, remark) VALUES (7, 'x')")
			change("ALTER TABLE a ALTER remark SET NOT NULL, DROP CONSTRAINT a_pkey, ADD PRIMARY KEY (id, remark)",
				"(id, remark) VALUES (8, 'y')")
			change("ALTER TABLE a REPLICA IDENTITY FULL", "(id, remark) VALUES (9, 'y')")
			awaitVersions(t, name, "public.a", want[:c.seen[2]]...)
			awaitVersions(t, name, "public.b", "b/1 UNSPECIFIED")
			if err := run.stop(t); err != nil {
				t.Fatal(err)
			}
		})
	}
}

func TestAKilledWorkerLosesNoVersionAndWritesNoneTwice(t *testing.T) {
	for _, point := range []string{"before_produce:2", "after_produce_before_commit:2", "after_commit_before_status:2"} {
		t.Run(point, func(t *testing.T) {
			t.Parallel()
			s := newSource(t)
			s.exec(t, "CREATE TABLE a (id int PRIMARY KEY); INSERT INTO a VALUES (1)")
			name := "k" + s.db
			config := s.config(name, map[string]string{"max.batch.size": "2", "slot.max.retries": "60",
				"slot.retry.delay.ms": "200"})
			first := start(t, config)
			s.awaitSlot(t)
			if err := first.stop(t); err != nil {
				t.Fatal(err)
			}
			for i := range 5 {
				s.exec(t, fmt.Sprintf("ALTER TABLE a ADD c%d int; INSERT INTO a (id) VALUES (%d), (%d)", i, 10*i+10, 10*i+11))
			}
			p := child(t, config, point)
			_ = p.Ends(t, 2*time.Minute) // it kills itself at the failpoint
			start(t, config)
			await(t, s.db+".public.a", 11)
			want := []string{"a/1 UNSPECIFIED"}
			for i := range 5 {
				want = append(want, fmt.Sprintf("a/%d COMPATIBLE COLUMN_ADDED(c%d >integer)", i+2, i))
			}
			awaitVersions(t, name, "", want...)
			n := 0
			for _, r := range records(t, testSchemas) {
				if strings.Contains(string(r.Key), `"`+name+`"`) {
					n++
				}
			}
			if n != len(want) {
				t.Errorf("%d records of versions are committed, want %d", n, len(want))
			}
		})
	}
}

func TestVersionsThatAreReadAgainKeepTheirNumbers(t *testing.T) {
	s := newSource(t)
	s.exec(t, "CREATE TABLE a (id int PRIMARY KEY); INSERT INTO a VALUES (1)")
	name := "c" + s.db
	config := s.config(name, map[string]string{"flush.lsn.source": "false"}) // the slot stays where it was
	first := startWith(t, servers.kafka.Bootstrap, config, Options{Delivery: AtLeastOnce})
	await(t, s.db+".public.a", 1)
	s.awaitSlot(t)
	offsets := func() []*kgo.Record {
		return slices.DeleteFunc(records(t, testOffsets),
			func(r *kgo.Record) bool { return !strings.Contains(string(r.Key), name) })
	}
	atStart := offsets()
	s.exec(t,
		"ALTER TABLE a ADD b int; INSERT INTO a VALUES (2); ALTER TABLE a ALTER b TYPE text; INSERT INTO a VALUES (3)")
	await(t, s.db+".public.a", 3)
	want := []string{"a/1 UNSPECIFIED", "a/2 COMPATIBLE COLUMN_ADDED(b >integer)",
		"a/3 BREAKING TYPE_CHANGED(b integer>text)"}
	awaitVersions(t, name, "", want...)
	if err := first.stop(t); err != nil {
		t.Fatal(err)
	}
	client, err := kgo.NewClient(kgo.SeedBrokers(servers.kafka.Bootstrap))
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	last := atStart[len(atStart)-1]
	if err := client.ProduceSync(t.Context(), &kgo.Record{Topic: testOffsets, Key: last.Key,
		Value: last.Value}).FirstErr(); err != nil {
		t.Fatal(err)
	}
	startWith(t, servers.kafka.Bootstrap, config, Options{Delivery: AtLeastOnce})
	await(t, s.db+".public.a", 5) // both again
	awaitVersions(t, name, "", want...)
}

func TestASchemaChangeIsAnEventOfTheWorker(t *testing.T) {
	s := newSource(t)
	s.exec(t, "CREATE TABLE a (id int PRIMARY KEY, x int); INSERT INTO a VALUES (1, 1)")
	config := s.config("c"+s.db, nil)
	env := testEnv(servers.kafka.Bootstrap, config["name"])
	happened := make(chan string, 10)
	env.Happened = func(action, detail string) { happened <- action + ": " + detail }
	task, err := makeTaskIn(env, config, Options{})
	if err != nil {
		t.Fatal(err)
	}
	runTask(t, task)
	await(t, s.db+".public.a", 1)
	s.awaitSlot(t)
	s.exec(t, "ALTER TABLE a DROP x; INSERT INTO a VALUES (2)")
	select {
	case got := <-happened:
		if !strings.HasPrefix(got, "SchemaChanged: table public.a is version 2 from LSN ") ||
			!strings.HasSuffix(got, ", breaking: column x integer dropped") {
			t.Errorf("the event is %q", got)
		}
	case <-time.After(2 * time.Minute):
		t.Error("there was no event")
	}
	if len(happened) > 0 {
		t.Errorf("another event: %q", <-happened)
	}
}

func TestATableThatNeverWasHasNoVersions(t *testing.T) {
	needServers(t)
	if got := versions(t, "nobody'; DROP TABLE x; --", "public.\"; --"); len(got) != 0 {
		t.Errorf("versions of nothing: %v", got)
	}
}

func TestAVersionsRequestThatCannotBeIsRefusedByTheFieldsName(t *testing.T) {
	service := serviceOf(NewRegistry())
	for _, c := range []struct {
		r     *capturev1.ListSchemaVersionsRequest
		field string
	}{
		{&capturev1.ListSchemaVersionsRequest{PageSize: -1}, "page_size"},
		{&capturev1.ListSchemaVersionsRequest{PageSize: 1001}, "page_size"},
		{&capturev1.ListSchemaVersionsRequest{Table: "orders"}, "table"},
		{&capturev1.ListSchemaVersionsRequest{Table: "public."}, "table"},
		{&capturev1.ListSchemaVersionsRequest{Table: ".orders"}, "table"},
		{&capturev1.ListSchemaVersionsRequest{Table: "public.a\x00b"}, "table"},
		{&capturev1.ListSchemaVersionsRequest{Table: "public." + strings.Repeat("x", 200)}, "table"},
	} {
		_, err := service.ListSchemaVersions(t.Context(), c.r)
		var field string
		for _, d := range status.Convert(err).Details() {
			if bad, ok := d.(*errdetails.BadRequest); ok {
				field = bad.FieldViolations[0].Field
			}
		}
		if status.Code(err) != codes.InvalidArgument || field != c.field {
			t.Errorf("%v: %v names %q, want INVALID_ARGUMENT and %s", c.r, err, field, c.field)
		}
	}
	other := NewService(NewRegistry(), &ownFleet{anothers: true})
	if _, err := other.ListSchemaVersions(t.Context(),
		&capturev1.ListSchemaVersionsRequest{Connector: "nobody"}); status.Code(err) != codes.NotFound {
		t.Errorf("of a connector that the fleet does not have: %v, want NOT_FOUND", err)
	}
	if _, err := service.ListCapturedTables(t.Context(),
		&capturev1.ListCapturedTablesRequest{Connector: "nobody"}); status.Code(err) != codes.NotFound {
		t.Errorf("tables of nobody: %v, want NOT_FOUND", err)
	}
}
