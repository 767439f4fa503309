package capture

import (
	"context"
	"fmt"
	"strings"
	"testing"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	capturev1 "github.com/calypso-cdc/calypso/gen/calypso/capture/v1"
	"github.com/calypso-cdc/calypso/libs/connector"
	"github.com/calypso-cdc/calypso/libs/connector/catalogue"
	"github.com/calypso-cdc/calypso/services/capture/internal/api"
)

// ownFleet is a fleet of this worker alone, or, if it is another's, of another.
type ownFleet struct{ anothers bool }

func (f *ownFleet) Idle() []string { return nil }

func (f *ownFleet) Reports(string, int) bool { return !f.anothers }

func (f *ownFleet) Environment(name string) (connector.TaskEnv, catalogue.Values, error) {
	if f.anothers {
		return connector.TaskEnv{}, catalogue.Values{}, status.Error(codes.NotFound, "no such connector")
	}
	return testEnv(servers.kafka.Bootstrap, name), catalogue.Values{}, nil
}

// serviceOf is CaptureService of a worker that shows the registry.
func serviceOf(b *Registry) *api.Service { return NewService(b, &ownFleet{}) }

// signalled sends a call once the connector streams.
func signalled(t testing.TB, s *api.Service, r *capturev1.SignalSnapshotRequest) *capturev1.IncrementalSnapshot {
	t.Helper()
	var out *capturev1.SignalSnapshotResponse
	eventually(t, fmt.Sprintf("%s is taken", r.Action), func() (err error) {
		out, err = s.SignalSnapshot(t.Context(), r)
		return err
	})
	reads := r.Action == capturev1.SnapshotAction_SNAPSHOT_ACTION_EXECUTE
	if said := strings.Join(out.Consequences, " "); strings.Contains(said, "once more") != reads {
		t.Errorf("%s leads to %q", r.Action, said)
	}
	return out.Incremental
}

// states prints the tables of an incremental snapshot.
func states(p *capturev1.IncrementalSnapshot) string {
	var b strings.Builder
	if p.Paused {
		b.WriteString("paused")
	}
	for _, t := range p.Tables {
		fmt.Fprintf(&b, " %s:%s:%d", strings.TrimPrefix(t.Table, "public."),
			strings.TrimPrefix(t.State.String(), "STATE_"), t.RowsDone)
	}
	return strings.TrimSpace(b.String())
}

func TestACallReadsTablesUnderConditionsAndShowsHowFarTheyAre(t *testing.T) {
	s := newSource(t)
	s.needsMessages(t)
	s.exec(t,
		"CREATE TABLE a (id int PRIMARY KEY); INSERT INTO a SELECT generate_series(1, 100); CREATE TABLE b (id int PRIMARY KEY); INSERT INTO b SELECT generate_series(1, 9); ANALYZE a")
	registry := NewRegistry()
	config := s.config("c"+s.db, map[string]string{"snapshot.mode": "no_data", "incremental.snapshot.chunk.size": "7"})
	startWith(t, servers.kafka.Bootstrap, config, Options{Registry: registry})
	service := serviceOf(registry)
	got := signalled(t, service, &capturev1.SignalSnapshotRequest{Connector: "c" + s.db,
		Action: capturev1.SnapshotAction_SNAPSHOT_ACTION_EXECUTE, Tables: []*capturev1.SnapshotTable{
			{Pattern: `public\.a`, Condition: "id <= 20"}, {Pattern: "public.b"}}})
	if len(got.Tables) != 2 || got.Tables[0].Condition != "id <= 20" || got.Tables[0].RowsEstimated != 100 {
		t.Errorf("the answer shows %v", got)
	}
	if rows := await(t, s.db+".public.a", 20); ops(rows) != strings.Repeat("r", 20) ||
		rows[0].Source.Snapshot != "incremental" {
		t.Errorf("rows of a are %+v", rows)
	}
	await(t, s.db+".public.b", 9)
	var progress *capturev1.GetSnapshotProgressResponse
	eventually(t, "all tables end", func() (err error) {
		if progress, err = service.GetSnapshotProgress(t.Context(),
			&capturev1.GetSnapshotProgressRequest{Connector: "c" + s.db}); err != nil {
			return err
		}
		if text := states(progress.Incremental); text != "a:COMPLETED:20 b:COMPLETED:9" {
			return fmt.Errorf("%s", text)
		}
		return nil
	})
}

func TestAPausedSnapshotStaysPausedOverARestartUntilItIsResumedOrStopped(t *testing.T) {
	s := newSource(t)
	s.exec(t,
		"CREATE TABLE a (id int PRIMARY KEY); INSERT INTO a SELECT generate_series(1, 30); CREATE TABLE b (id int PRIMARY KEY); INSERT INTO b VALUES (1)")
	config := s.config("c"+s.db, map[string]string{"snapshot.mode": "no_data", "incremental.snapshot.chunk.size": "7"})
	registry := NewRegistry()
	service := serviceOf(registry)
	call := func(action capturev1.SnapshotAction, tables ...*capturev1.SnapshotTable) string {
		return states(signalled(t, service, &capturev1.SignalSnapshotRequest{Connector: "c" + s.db, Action: action,
			Tables: tables}))
	}
	first := startWith(t, servers.kafka.Bootstrap, config, Options{Registry: registry})
	if got := call(capturev1.SnapshotAction_SNAPSHOT_ACTION_PAUSE); got != "paused" {
		t.Errorf("after pause: %s", got)
	}
	if got := call(capturev1.SnapshotAction_SNAPSHOT_ACTION_EXECUTE,
		&capturev1.SnapshotTable{Pattern: "public.(a|b)"}); got != "paused a:READING:0 b:WAITING:0" {
		t.Errorf("after execute: %s", got)
	}
	if err := first.stop(t); err != nil {
		t.Fatal(err)
	}
	startWith(t, servers.kafka.Bootstrap, config, Options{Registry: registry})
	if got := call(capturev1.SnapshotAction_SNAPSHOT_ACTION_STOP,
		&capturev1.SnapshotTable{Pattern: "public.b"}); got != "paused b:STOPPED:0 a:READING:0" {
		t.Errorf("after stop: %s", got)
	}
	if n := len(events(t, s.db+".public.a")); n != 0 {
		t.Errorf("%d rows were read while paused", n)
	}
	call(capturev1.SnapshotAction_SNAPSHOT_ACTION_RESUME)
	await(t, s.db+".public.a", 30)
	s.exec(t, "INSERT INTO b VALUES (2)")
	if got := await(t, s.db+".public.b", 1); ops(got) != "c" {
		t.Errorf("the stopped table has events %s, want its insert only", ops(got))
	}
}

func TestACallThatCannotBeObeyedSaysWhy(t *testing.T) {
	s := newSource(t)
	s.exec(t,
		"CREATE TABLE a (id int PRIMARY KEY); CREATE TABLE keyless (id int, place point); CREATE TABLE forbidden (id int PRIMARY KEY)")
	s.exec(t,
		fmt.Sprintf(
			"CREATE ROLE %[1]s_reader LOGIN REPLICATION PASSWORD 'x'; GRANT SELECT ON a, keyless TO %[1]s_reader; CREATE PUBLICATION %[1]s FOR ALL TABLES", s.db))
	registry := NewRegistry()
	name := "c" + s.db
	startWith(t, servers.kafka.Bootstrap, s.config(name,
		map[string]string{"snapshot.mode": "no_data", "database.user": s.db + "_reader", "database.password": "x",
			"publication.name": s.db, "publication.autocreate.mode": "disabled", "read.only": "true"}),
		Options{Registry: registry})
	service := serviceOf(registry)
	signalled(t, service, &capturev1.SignalSnapshotRequest{Connector: name,
		Action: capturev1.SnapshotAction_SNAPSHOT_ACTION_RESUME})
	execute := func(pattern, condition string) *capturev1.SignalSnapshotRequest {
		return &capturev1.SignalSnapshotRequest{Connector: name, Action: capturev1.SnapshotAction_SNAPSHOT_ACTION_EXECUTE,
			Tables: []*capturev1.SnapshotTable{{Pattern: pattern, Condition: condition}}}
	}
	for _, c := range []struct {
		name string
		r    *capturev1.SignalSnapshotRequest
		code codes.Code
		says string
	}{
		{"no such connector", &capturev1.SignalSnapshotRequest{Connector: "nobody",
			Action: capturev1.SnapshotAction_SNAPSHOT_ACTION_PAUSE}, codes.NotFound, "nobody"},
		{"no action", &capturev1.SignalSnapshotRequest{Connector: name}, codes.InvalidArgument, "EXECUTE"},
		{"no tables", &capturev1.SignalSnapshotRequest{Connector: name,
			Action: capturev1.SnapshotAction_SNAPSHOT_ACTION_EXECUTE}, codes.InvalidArgument, "schema.table"},
		{"no such table", &capturev1.SignalSnapshotRequest{Connector: name,
			Action: capturev1.SnapshotAction_SNAPSHOT_ACTION_EXECUTE,
			Tables: []*capturev1.SnapshotTable{{Pattern: "public.none"}}}, codes.NotFound, "public.none"},
		{"no pattern", &capturev1.SignalSnapshotRequest{Connector: name,
			Action: capturev1.SnapshotAction_SNAPSHOT_ACTION_STOP, Tables: []*capturev1.SnapshotTable{{Pattern: "("}}},
			codes.InvalidArgument, "regular expression"},
		{"no expression", execute("public.a", "id >"), codes.InvalidArgument, "tables.condition"},
		{"no such column", execute("public.a", "name = 'x'"), codes.InvalidArgument, "tables.condition"},
		{"another statement", execute("public.a", "true)) TO STDOUT; DROP TABLE a; --"), codes.InvalidArgument,
			"tables.condition"},
		{"another query", execute("public.a", "false) UNION SELECT 1 WHERE (true"), codes.InvalidArgument,
			"tables.condition"},
		{"no such surrogate key", &capturev1.SignalSnapshotRequest{Connector: name,
			Action: capturev1.SnapshotAction_SNAPSHOT_ACTION_EXECUTE, Tables: []*capturev1.SnapshotTable{{Pattern: "public.a"}},
			SurrogateKey: "nope"},
			codes.InvalidArgument, "surrogate_key"},
		{"no key", execute("public.keyless", ""), codes.InvalidArgument,
			"public.keyless has no primary key; name a unique column"},
		{"a table without a key among others", execute("public.(a|keyless)", ""), codes.InvalidArgument, "--surrogate-key"},
		{"a surrogate key without an order", &capturev1.SignalSnapshotRequest{Connector: name,
			Action: capturev1.SnapshotAction_SNAPSHOT_ACTION_EXECUTE,
			Tables: []*capturev1.SnapshotTable{{Pattern: "public.keyless"}}, SurrogateKey: "place"},
			codes.InvalidArgument, "surrogate_key"},
		{"a table that may not be read", execute("public.forbidden", ""), codes.InvalidArgument, "permission denied"},
	} {
		_, err := service.SignalSnapshot(t.Context(), c.r)
		if status.Code(err) != c.code || !strings.Contains(err.Error(), c.says) {
			t.Errorf("%s: %v, want %s and a word about %q", c.name, err, c.code, c.says)
		}
	}
}

func TestAConditionInASignalRowCannotBeginAStatementOfItsOwn(t *testing.T) {
	s := newSource(t)
	s.exec(t,
		"CREATE TABLE a (id int PRIMARY KEY); INSERT INTO a VALUES (1); CREATE TABLE victim (id int PRIMARY KEY); CREATE TABLE signals (id text PRIMARY KEY, type text, data text)")
	registry, name := NewRegistry(), "c"+s.db
	startWith(t, servers.kafka.Bootstrap, s.config(name,
		map[string]string{"snapshot.mode": "no_data", "signal.data.collection": "public.signals"}),
		Options{Registry: registry})
	service := serviceOf(registry)
	signalled(t, service, &capturev1.SignalSnapshotRequest{Connector: name,
		Action: capturev1.SnapshotAction_SNAPSHOT_ACTION_RESUME})
	s.exec(t,
		`INSERT INTO signals VALUES ('1', 'execute-snapshot', '{"data-collections": ["public.a"], "additional-conditions": [{"data-collection": "public.a", "filter": "true)) TO STDOUT; DROP TABLE victim; --"}]}')`)
	eventually(t, "the table fails", func() error {
		progress, err := service.GetSnapshotProgress(t.Context(), &capturev1.GetSnapshotProgressRequest{Connector: name})
		if err != nil {
			return err
		}
		if text := states(progress.Incremental); text != "a:FAILED:0" {
			return fmt.Errorf("%s", text)
		}
		return nil
	})
	s.exec(t, "INSERT INTO victim VALUES (1)") // it is there
}

func TestTheAgeOfTransactionsIsShownAndTheSlotOrThatItIsMissing(t *testing.T) {
	s := newSource(t)
	s.exec(t, "CREATE TABLE a (id int PRIMARY KEY); INSERT INTO a VALUES (1)")
	registry, name := NewRegistry(), "c"+s.db
	service := serviceOf(registry)
	config := s.config(name, nil)
	running := startWith(t, servers.kafka.Bootstrap, config, Options{Registry: registry})
	await(t, s.db+".public.a", 1)
	s.exec(t, "INSERT INTO a VALUES (2)")
	s.exec(t, "INSERT INTO a VALUES (3)")
	await(t, s.db+".public.a", 3)
	eventually(t, "both transactions are counted", func() error {
		got, err := service.GetCapture(t.Context(), &capturev1.GetCaptureRequest{Connector: name})
		if l := got.GetCapture().GetCommitToKafkaLatency(); err != nil || l.Count != 2 || l.P99.AsDuration() <= 0 ||
			l.Max.AsDuration() < l.P50.AsDuration() {
			return fmt.Errorf("the ages are %v, %w", l, err)
		}
		if slot := got.Capture.Slot; slot.GetMissing() || slot.GetName() == "" || slot.GetActivePid() == 0 {
			return fmt.Errorf("the slot is %v", slot)
		}
		return nil
	})
	running.stop(t)
	s.dropSlot(t)
	startWith(t, servers.kafka.Bootstrap, config, Options{Registry: registry}).failure(t)
	got, err := service.GetCapture(t.Context(), &capturev1.GetCaptureRequest{Connector: name})
	if slot := got.GetCapture().GetSlot(); err != nil || !slot.GetMissing() || slot.GetName() != s.db {
		t.Errorf("a slot that is gone is %v, %v", slot, err)
	}
}

func TestAFailedCaptureIsShownUntilItIsDeletedOrAnothers(t *testing.T) {
	s := newSource(t)
	registry := NewRegistry()
	name := "c" + s.db
	startWith(t, servers.kafka.Bootstrap, s.config(name, map[string]string{"database.password": "wrong"}),
		Options{Registry: registry}).failure(t)
	fleet := &ownFleet{}
	service := NewService(registry, fleet)
	list := func() int {
		got, err := service.ListCaptures(context.WithoutCancel(t.Context()), &capturev1.ListCapturesRequest{})
		if err != nil {
			t.Fatal(err)
		}
		return len(got.Captures)
	}
	if list() != 1 {
		t.Error("the failed capture is not shown")
	}
	_, err := service.SignalSnapshot(t.Context(), &capturev1.SignalSnapshotRequest{Connector: name,
		Action: capturev1.SnapshotAction_SNAPSHOT_ACTION_PAUSE})
	if status.Code(err) != codes.FailedPrecondition {
		t.Errorf("a signal for a failed capture: %v, want FAILED_PRECONDITION", err)
	}
	if fleet.anothers = true; list() != 0 {
		t.Error("a failed capture that is deleted is still shown")
	}
	if _, err := service.GetCapture(t.Context(),
		&capturev1.GetCaptureRequest{Connector: name}); status.Code(err) != codes.NotFound {
		t.Errorf("GetCapture of a deleted one: %v, want NOT_FOUND", err)
	}
}
