package debezium_test

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"

	"github.com/calypso-cdc/calypso/libs/debezium"
	"github.com/calypso-cdc/calypso/libs/debezium/recorded"
	"github.com/calypso-cdc/calypso/libs/javaregex"
	"github.com/calypso-cdc/calypso/libs/pgmodel"
	"github.com/calypso-cdc/calypso/libs/pgrepl"
	"github.com/calypso-cdc/calypso/libs/testenv"
)

// otherSuites are cases that need a whole connector: signals, snapshots, publications.
var otherSuites = []string{"incremental", "snapshot-modes", "snapshot-select", "snapshot-empty-last",
	"snapshot-empty-one", "snapshot-inherit", "skip-updates", "heartbeat", "incremental-types", "snapshot-override-types",
	"snapshot-no-data", "snapshot-repeatable",
	"incremental-generated", "notifications"}

// TestRecordsEqualThoseOfDebezium replays the recorded cases against a real PostgreSQL: the rows of
// setup.sql as a snapshot, changes.sql through pgoutput; and compares with what Debezium wrote, but
// for what differs from run to run.
func TestRecordsEqualThoseOfDebezium(t *testing.T) {
	var cases []string
	for _, root := range append([]string{"testdata/conformance"},
		filepath.SplitList(os.Getenv("CALYPSO_CONFORMANCE_CASES"))...) {
		found, err := filepath.Glob(filepath.Join(root, "*", "expected.jsonl"))
		if err != nil {
			t.Fatal(err)
		}
		cases = append(cases, found...)
	}
	pg := testenv.RunPostgres(t,
		testenv.PostgresConfig{Settings: []string{"max_replication_slots = 100", "max_wal_senders = 100"}})
	for _, path := range cases {
		dir := filepath.Dir(path)
		name := filepath.Base(dir)
		if slices.Contains(otherSuites, name) {
			continue
		}
		t.Run(name, func(t *testing.T) {
			t.Parallel() // each has a database of its own, and waits for the server most of the time
			replay(t, pg, name, dir)
		})
	}
}

func replay(t *testing.T, pg *testenv.Postgres, name, dir string) {
	id := "c_" + strings.ReplaceAll(name, "-", "_")
	settings := map[string]string{"topic.prefix": id, "database.dbname": id, "slot.name": id}
	readJSON(t, filepath.Join(dir, "config.json"), &settings)
	cfg, err := debezium.ConfigFrom(settings)
	if err != nil {
		t.Fatal(err)
	}
	cfg.Task = "0"
	ctx := t.Context()
	if err := pg.Exec(ctx, "postgres", "create database "+id); err != nil {
		t.Fatal(err)
	}
	psql(t, pg, id, filepath.Join(dir, "setup.sql"))
	options, err := pgx.ParseConfig(pg.URL(id))
	if err != nil {
		t.Fatal(err)
	}
	options.RuntimeParams = map[string]string{"timezone": "UTC", "datestyle": "ISO", "intervalstyle": "postgres",
		"bytea_output": "hex", "extra_float_digits": "1"}
	conn, err := pgx.ConnectConfig(ctx, options)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close(context.Background())
	r := &replayer{t: t, ctx: ctx, conn: conn, cfg: &cfg, settings: settings,
		encoders:     map[*pgmodel.Relation]*debezium.Encoder{},
		transactions: debezium.NewTransactionEncoder(&cfg), messages: debezium.NewMessageEncoder(&cfg)}
	r.catalog = pgrepl.NewCatalog(ctx, pgrepl.Query(conn), r.captured)
	r.openSlot(id)
	if settings["snapshot.mode"] != "no_data" {
		r.snapshot()
	}
	stream := pgrepl.NewPgoutput(pgrepl.PgoutputOptions{Publication: id, Protocol: 1, Messages: true}, r.catalog)
	done := make(chan struct{})
	defer func() { <-done }() // a test must not end before its goroutines
	go func() {
		defer close(done)
		psql(t, pg, id, filepath.Join(dir, "changes.sql"))
	}()
	for running := true; running; {
		select {
		case <-done:
			running = false
		default:
		}
		r.drain(stream, id)
	}
	if err := pg.Exec(ctx, id, "select pg_drop_replication_slot('"+id+"')"); err != nil {
		t.Error(err)
	}
	expected, err := recorded.Read(filepath.Join(dir, "expected.jsonl"))
	if err != nil {
		t.Fatal(err)
	}
	var got []recorded.Event
	for i := range r.batch.Records {
		got = append(got, recorded.NewEvent(&r.batch.Records[i]))
	}
	if v := recorded.Compare(expected, got); v.Difference != "" {
		t.Errorf("%d of %d records equal; the first difference:\n%s", v.Equal, v.Expected, v.Difference)
	}
}

// psql runs a script as its own transactions, as the recorder does.
func psql(t *testing.T, pg *testenv.Postgres, database, script string) {
	cmd := exec.Command("psql", "-d", pg.URL(database), "-v", "ON_ERROR_STOP=1", "-q", "-At", "-f", script)
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Errorf("psql -f %s: %v\n%s", script, err, out)
	}
}

// replayer is a connector without its machinery.
type replayer struct {
	t            *testing.T
	ctx          context.Context
	conn         *pgx.Conn
	cfg          *debezium.Config
	settings     map[string]string
	catalog      *pgrepl.Catalog
	encoders     map[*pgmodel.Relation]*debezium.Encoder
	transactions *debezium.TransactionEncoder
	messages     *debezium.MessageEncoder
	batch        debezium.Batch

	begin      pgrepl.Message
	lastCommit uint64
	total      int64
	counts     []debezium.CollectionCount
}

func (r *replayer) captured(table pgrepl.Table) bool {
	include, err := javaregex.ParseList(r.settings["table.include.list"])
	if err != nil {
		r.t.Fatal(err)
	}
	exclude, err := javaregex.ParseList(r.settings["table.exclude.list"])
	if err != nil {
		r.t.Fatal(err)
	}
	return (len(include) == 0 || include.Match(table.String())) && !exclude.Match(table.String())
}

func (r *replayer) exec(sql string) {
	if _, err := r.conn.Exec(r.ctx, sql, pgx.QueryExecModeSimpleProtocol); err != nil {
		r.t.Fatalf("%s: %v", sql, err)
	}
}

func (r *replayer) openSlot(id string) {
	r.exec("create publication " + id + " for all tables with (publish_via_partition_root = " +
		strconv.FormatBool(r.settings["publish.via.partition.root"] == "true") + ")")
	r.exec("select pg_create_logical_replication_slot('" + id + "', 'pgoutput')")
}

func (r *replayer) encoder(rel *pgmodel.Relation) *debezium.Encoder {
	if r.encoders[rel] == nil {
		e, err := debezium.NewEncoder(rel, r.cfg)
		if err != nil {
			r.t.Fatal(err)
		}
		r.encoders[rel] = e
	}
	return r.encoders[rel]
}

// snapshot encodes all rows of all captured tables.
func (r *replayer) snapshot() {
	found, err := r.catalog.Find(r.captured)
	if err != nil {
		r.t.Fatal(err)
	}
	oids := make([]uint32, len(found))
	for i := range found {
		oids[i] = found[i].OID
	}
	if err := r.catalog.Load(oids); err != nil {
		r.t.Fatal(err)
	}
	type row struct {
		rel   *pgmodel.Relation
		tuple pgmodel.Tuple
	}
	var rows []row
	for _, oid := range oids {
		rel := r.catalog.Relation(oid)
		res, err := r.conn.Query(r.ctx, "select * from "+pgx.Identifier{rel.Schema, rel.Name}.Sanitize(),
			pgx.QueryExecModeSimpleProtocol)
		if err != nil {
			r.t.Fatal(err)
		}
		for res.Next() {
			var tuple pgmodel.Tuple
			for _, v := range res.RawValues() {
				if v == nil {
					tuple = append(tuple, pgmodel.Datum{Kind: pgmodel.Null})
				} else {
					tuple = append(tuple, pgmodel.Datum{Kind: pgmodel.Text, Data: slices.Clone(v)})
				}
			}
			rows = append(rows, row{rel, tuple})
		}
		if err := res.Err(); err != nil {
			r.t.Fatal(err)
		}
	}
	for i, row := range rows {
		first := i == 0 || rows[i-1].rel != row.rel
		last := i == len(rows)-1 || rows[i+1].rel != row.rel
		mark := debezium.SnapshotTrue
		switch {
		case i == len(rows)-1:
			mark = debezium.SnapshotLast
		case i == 0:
			mark = debezium.SnapshotFirst
		case last:
			mark = debezium.SnapshotLastInTable
		case first:
			mark = debezium.SnapshotFirstInTable
		}
		src := debezium.Source{Snapshot: mark, CommitTime: 1, TxID: 1, HasTx: true, LSN: 1, HasLSN: true}
		if _, err := r.encoder(row.rel).Append(&r.batch,
			&debezium.Event{Op: debezium.Read, After: row.tuple, Source: src, Now: 1e18}); err != nil {
			r.t.Error(err)
		}
	}
}

// drain decodes what the slot holds.
func (r *replayer) drain(stream *pgrepl.Pgoutput, id string) {
	rows, err := r.conn.Query(r.ctx,
		`select (lsn - '0/0')::bigint, data from pg_logical_slot_get_binary_changes($1::text, null, null,
		'proto_version', '1', 'publication_names', $1::text, 'messages', 'true')`, id)
	if err != nil {
		r.t.Fatal(err)
	}
	type message struct {
		LSN  int64
		Data []byte
	}
	messages, err := pgx.CollectRows(rows, pgx.RowToStructByPos[message])
	if err != nil {
		r.t.Fatal(err)
	}
	for _, m := range messages {
		if err := stream.Decode(&pgrepl.Frame{Start: pgrepl.LSN(m.LSN), Data: m.Data}, r.handle); err != nil {
			r.t.Fatal(err)
		}
	}
}

func (r *replayer) handle(m *pgrepl.Message) error {
	switch m.Kind {
	case pgrepl.Begin:
		r.begin, r.total, r.counts = *m, 0, nil
		if r.cfg.TransactionMetadata {
			return r.transactions.AppendBegin(&r.batch, uint64(m.XID), uint64(m.LSN), m.CommitTime)
		}
	case pgrepl.Commit:
		r.lastCommit = uint64(m.EndLSN)
		if r.cfg.TransactionMetadata {
			return r.transactions.AppendEnd(&r.batch, uint64(m.XID), uint64(m.EndLSN), m.CommitTime, r.counts)
		}
	case pgrepl.Logical:
		msg := &debezium.LogicalMessage{Prefix: string(m.Prefix), Content: m.Content, Source: r.source(m), Now: 1e18}
		collection := "io.debezium.connector.postgresql.LogicalDecodingMessageMonitor$LogicalDecodingMessageId@0"
		if msg.Source.HasTx = m.Transactional; m.Transactional {
			msg.Transaction = r.transaction(m, collection)
		}
		sent, err := r.messages.Append(&r.batch, msg)
		if sent && m.Transactional {
			r.count(collection, 1)
		}
		return err
	case pgrepl.Truncate:
		for _, rel := range m.Truncated {
			if err := r.change(m, rel, debezium.Truncate); err != nil {
				return err
			}
		}
	case pgrepl.Insert:
		return r.change(m, m.Relation, debezium.Create)
	case pgrepl.Update:
		return r.change(m, m.Relation, debezium.Update)
	case pgrepl.Delete:
		return r.change(m, m.Relation, debezium.Delete)
	}
	return nil
}

func (r *replayer) source(m *pgrepl.Message) debezium.Source {
	return debezium.Source{Snapshot: debezium.NotSnapshot, CommitTime: r.begin.CommitTime,
		TxID: uint64(r.begin.XID), HasTx: true,
		LSN: uint64(m.LSN), HasLSN: true, LastCommit: r.lastCommit, Origin: m.Origin, OriginLSN: uint64(m.OriginLSN)}
}

func (r *replayer) change(m *pgrepl.Message, rel *pgmodel.Relation, op debezium.Op) error {
	if !r.captured(pgrepl.Table{Schema: rel.Schema, Name: rel.Name}) {
		return nil
	}
	collection := rel.Schema + "." + rel.Name
	ev := &debezium.Event{Op: op, Before: m.Old, After: m.New, Source: r.source(m), Now: 1e18,
		Transaction: r.transaction(m, collection)}
	n, err := r.encoder(rel).Append(&r.batch, ev)
	r.count(collection, int64(n))
	return err
}

// transaction is the transaction block of the next event of a collection; nil without metadata.
func (r *replayer) transaction(m *pgrepl.Message, collection string) *debezium.Transaction {
	if !r.cfg.TransactionMetadata {
		return nil
	}
	t := &debezium.Transaction{ID: fmt.Sprintf("%d:%d", r.begin.XID, uint64(m.LSN)), TotalOrder: r.total + 1,
		CollectionOrder: 1}
	for _, c := range r.counts {
		if c.Collection == collection {
			t.CollectionOrder = c.Events + 1
		}
	}
	return t
}

// count counts n events of a collection.
func (r *replayer) count(collection string, n int64) {
	if n == 0 {
		return
	}
	r.total += n
	for i := range r.counts {
		if r.counts[i].Collection == collection {
			r.counts[i].Events += n
			return
		}
	}
	r.counts = append(r.counts, debezium.CollectionCount{Collection: collection, Events: n})
}

func readJSON(t *testing.T, path string, into any) {
	raw, err := os.ReadFile(path)
	if err == nil {
		err = json.Unmarshal(raw, into)
	}
	if err != nil {
		t.Fatal(err)
	}
}
