package chaos

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"maps"
	"net/http"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/calypso-cdc/calypso/libs/testenv"
	"github.com/calypso-cdc/calypso/libs/verify"
	"github.com/calypso-cdc/calypso/tests/internal/connect"
	"github.com/calypso-cdc/calypso/tests/internal/nemesis"
)

var duration = flag.Duration("duration", 10*time.Minute, "how long TestSoak breaks things; a fifth of it with -short")

// soak applies the steps that a machine draws to a running pipeline.
type soak struct {
	*sinkRig
	t *testing.T
	// conn is to the database, not through its proxy; nil until it is needed.
	conn *pgx.Conn
	// streams are the topics of the tables, by table as the machine calls it, from which the
	// validators have seen what there was after the last step.
	streams map[string]*stream
	// rows counts the rows that were inserted in bulk, whose keys are beyond those of the workload.
	rows int
}

const (
	schema  = "shop."
	signals = schema + "signals"
	// firstBulkKey is beyond the keys that the workload uses.
	firstBulkKey = 100_000_000
)

// TestSoak takes random steps for a long time, which a weighted state machine draws from the seed, while the tables are
// changed, and then demands every change in the topics and in ADX exactly once. It logs each step: the same seed has the
// same steps, though not the same moments.
func TestSoak(t *testing.T) {
	s := newSoak(t)
	machine := nemesis.New(*seed)
	s.under(t, *duration, func(ctx context.Context) {
		step := machine.Next()
		t.Logf("%s: %v", time.Now().Format(time.TimeOnly), step)
		s.do(ctx, step)
		time.Sleep(step.Wait)
		s.look(ctx)
	})
	for _, step := range machine.Settle() {
		t.Logf("%s: %v", time.Now().Format(time.TimeOnly), step)
		s.do(t.Context(), step)
	}
	snapshots := machine.State().Snapshots
	for _, table := range machine.State().Tables {
		s.streams[table].identity.Allow(1 + snapshots[table])
		s.streams[table].settle(t, s.connection(), s.running)
	}
	s.verifyADX(t)
}

// newSoak is a pipeline of a table whose events have the whole row before the change and whose truncates have events,
// with a table of signals.
func newSoak(t *testing.T) *soak {
	t.Helper()
	s := &soak{t: t, streams: map[string]*stream{}}
	s.sinkRig = newSinkRigWith(t, 1, func(r *captureRig) map[string]string {
		if err := r.Postgres.Exec(t.Context(), "postgres", "CREATE TABLE "+signals+
			" (id text PRIMARY KEY, type text NOT NULL, data text); ALTER TABLE "+schema+nemesis.FirstTable+
			" REPLICA IDENTITY FULL"); err != nil {
			t.Fatal(err)
		}
		return map[string]string{"signal.data.collection": signals, "skipped.operations": "none"}
	})
	s.watch(nemesis.FirstTable, verify.AtFirstChange)
	return s
}

// watch has validators look at the topic of a table.
func (s *soak) watch(table string, start verify.Start) {
	images := verify.FullImages
	s.streams[table] = newStream(s.Kafka.Bootstrap, schema+table, verify.Promise{Start: start}, images)
}

// look shows the validators what is new, so that a fault is found next to the step that caused it. What cannot be read
// now, such as the topic of a table that has none yet, is read later.
func (s *soak) look(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	for table, stream := range s.streams {
		if err := stream.read(ctx); err != nil {
			s.t.Logf("the topic of %s is read later: %v", table, err)
		}
		if err := verify.Err(stream.live); err != nil {
			s.t.Errorf("%s: %v", table, err)
		}
	}
}

// connection is a connection to the database, which may have been restarted.
func (s *soak) connection() *pgx.Conn {
	if s.conn == nil || s.conn.IsClosed() || s.conn.Ping(s.t.Context()) != nil {
		s.conn = s.connect(s.t)
	}
	return s.conn
}

// connector is where a connector is called, and by which name.
func (s *soak) connector(of string) (connect.Client, string) {
	switch of {
	case nemesis.Source:
		return s.Source(), connector
	case nemesis.Rows:
		return s.Sink(), sinkConnector
	default:
		return s.Sink(), stateConnector
	}
}

// do does a step.
func (s *soak) do(ctx context.Context, step nemesis.Step) {
	var err error
	switch step.Action {
	case nemesis.Insert, nemesis.Update, nemesis.Delete, nemesis.Truncate:
		err = s.change(ctx, step)
	case nemesis.AddColumn:
		err = s.alter(ctx, "ADD COLUMN %s int DEFAULT 7", step.Of)
	case nemesis.DropColumn:
		err = s.alter(ctx, "DROP COLUMN %s", step.Of)
	case nemesis.RenameColumn:
		err = s.alter(ctx, "RENAME COLUMN %s TO %s", step.Of, step.To)
	case nemesis.NewTable:
		err = s.newTable(ctx, step)
	case nemesis.Pause, nemesis.Stop, nemesis.Resume:
		err = s.call(ctx, step.Of, http.MethodPut, "/"+string(step.Action), nil)
	case nemesis.Restart:
		err = s.call(ctx, step.Of, http.MethodPost, "/restart?includeTasks=true", nil)
	case nemesis.Configure:
		err = s.configure(ctx, step.Of, step.To, step.Value)
	case nemesis.Snapshot:
		_, err = s.connection().Exec(ctx, "INSERT INTO "+signals+" VALUES ($1, 'execute-snapshot', $2)",
			fmt.Sprint("snapshot ", step.Number), fmt.Sprintf(`{"data-collections": ["%s%s"]}`, schema, step.Of))
	case nemesis.Fingerprint:
		var mark verify.Mark
		if mark, err = s.streams[step.Of].fingerprint.Mark(ctx, s.connection(), schema+step.Of); err == nil {
			s.streams[step.Of].fingerprint.Expect(mark)
		}
	case nemesis.Kill:
		err = s.kill(ctx, step.Of)
	case nemesis.Break:
		s.breakIn(map[string]*testenv.Proxy{"database": s.database, "broker": s.Kafka.Proxy, "adx": s.ADXProxy,
			"storage": s.StorageProxy}[step.Of], step.To)
	default:
		err = errors.New("nobody knows how")
	}
	if err != nil {
		s.t.Errorf("%v: %v", step, err)
	}
}

// change changes a table in bulk.
func (s *soak) change(ctx context.Context, step nemesis.Step) error {
	table := schema + step.Of
	var err error
	switch step.Action {
	case nemesis.Insert:
		_, err = s.connection().Exec(ctx, "INSERT INTO "+table+" (id, account, note) SELECT i, i % 7, 'bulk ' || i "+
			"FROM generate_series($1::bigint, $2) i", firstBulkKey+s.rows, firstBulkKey+s.rows+step.Rows-1)
		s.rows += step.Rows
	case nemesis.Update:
		_, err = s.connection().Exec(ctx, "UPDATE "+table+" SET account = account + 1, version = nextval('shop.versions') "+
			"WHERE id IN (SELECT id FROM "+table+" ORDER BY id DESC LIMIT $1)", step.Rows)
	case nemesis.Delete:
		_, err = s.connection().Exec(ctx,
			"DELETE FROM "+table+" WHERE id IN (SELECT id FROM "+table+" ORDER BY id LIMIT $1)", step.Rows)
	default:
		_, err = s.connection().Exec(ctx, "TRUNCATE "+table)
	}
	return err
}

// alter alters the first table; names are the machine's, which need no quotes.
func (s *soak) alter(ctx context.Context, how string, names ...any) error {
	_, err := s.connection().Exec(ctx, "ALTER TABLE "+schema+nemesis.FirstTable+" "+fmt.Sprintf(how, names...))
	return err
}

// newTable makes a table with rows and has the source capture it, which reads the rows that it has.
func (s *soak) newTable(ctx context.Context, step nemesis.Step) error {
	table := schema + step.Of
	if _, err := s.connection().PgConn().Exec(ctx, "CREATE TABLE "+table+" (id bigint PRIMARY KEY, account int NOT NULL,"+
		" version bigint NOT NULL DEFAULT nextval('shop.versions'), note text); ALTER TABLE "+table+
		" REPLICA IDENTITY FULL").ReadAll(); err != nil {
		return err
	}
	if err := verify.Watch(ctx, s.connection(), table); err != nil {
		return err
	}
	step.Action = nemesis.Insert
	if err := s.change(ctx, step); err != nil {
		return err
	}
	s.watch(step.Of, verify.AtSnapshot)
	if err := s.configure(ctx, nemesis.Source, "table.include.list",
		s.configs[connector]["table.include.list"]+","+table); err != nil {
		return err
	}
	// From now on the table's changes are streamed, and what it had before is in the topic.
	return s.patiently(ctx, "the rows of "+table, func(ctx context.Context) error {
		if err := s.streams[step.Of].read(ctx); err != nil {
			return errors.Join(err, s.running(ctx))
		}
		if n := len(s.streams[step.Of].identity.Seen()); n < step.Rows {
			return errors.Join(fmt.Errorf("%d of %d are in the topic", n, step.Rows), s.running(ctx))
		}
		return nil
	})
}

// patiently waits for check to pass, which it does once servers that were killed have recovered.
func (s *soak) patiently(ctx context.Context, what string, check func(context.Context) error) error {
	ctx, cancel := context.WithTimeoutCause(ctx, 2*time.Minute, errors.New("it was given two minutes"))
	defer cancel()
	return testenv.WaitFor(ctx, what, check)
}

// call calls the Kafka Connect API of a connector, again while it cannot answer.
func (s *soak) call(ctx context.Context, of, method, path string, body any) error {
	client, name := s.connector(of)
	return s.patiently(ctx, "an answer to "+method+" "+path, func(ctx context.Context) error {
		return client.Call(ctx, method, "/connectors/"+name+path, body, nil)
	})
}

// configure sets a key of a connector.
func (s *soak) configure(ctx context.Context, of, key, value string) error {
	_, name := s.connector(of)
	config := maps.Clone(s.configs[name])
	config[key] = value
	s.configs[name] = config
	return s.call(ctx, of, http.MethodPut, "/config", config)
}

// kill ends a server as kill -9 does, and starts it again.
func (s *soak) kill(ctx context.Context, server string) error {
	switch server {
	case "kafka":
		s.Kafka.Kill()
		return s.Kafka.Start(ctx)
	case "postgres":
		_ = s.Postgres.Stop(testenv.Immediate) // its status says that it did not end in an orderly way
		return s.Postgres.Start(ctx)
	default:
		return s.Service(server).Restart(ctx)
	}
}
