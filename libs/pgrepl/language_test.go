package pgrepl

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"github.com/calypso-cdc/calypso/libs/testenv"
)

// A server speaks the language of its lc_messages, and only a superuser may have it speak another.
func TestWhatAServerRefusesIsRecognisedInEachLanguage(t *testing.T) {
	for _, language := range []string{"de", "ja"} {
		t.Run(language, func(t *testing.T) {
			t.Setenv("LANGUAGE", language) // the translation that a locale other than C takes
			server := testenv.RunPostgres(t, testenv.PostgresConfig{Settings: []string{"lc_messages = 'C.UTF-8'"}})
			recognise(t, server)
		})
	}
}

// recognise has a server refuse something for each of the reasons.
func recognise(t *testing.T, server *testenv.Postgres) {
	t.Helper()
	admin, err := pgx.Connect(t.Context(), server.URL("postgres"))
	if err != nil {
		t.Fatal(err)
	}
	defer admin.Close(context.Background())
	if _, err := admin.Exec(t.Context(), "SELECT 1/0"); err == nil || strings.Contains(err.Error(), "division") {
		t.Skip("this PostgreSQL has no translations:", err)
	}
	run := func(statements ...string) {
		t.Helper()
		for _, sql := range statements {
			if _, err := admin.Exec(t.Context(), sql); err != nil {
				t.Fatalf("%s: %v", sql, err)
			}
		}
	}
	hba := filepath.Join(server.Dir, "pg_hba.conf")
	lines, err := os.ReadFile(hba)
	if err != nil {
		t.Fatal(err)
	}
	rejecting := append([]byte("host all rejected 127.0.0.1/32 reject\n"), lines...)
	if err := os.WriteFile(hba, rejecting, 0o600); err != nil {
		t.Fatal(err)
	}
	run("CREATE ROLE asleep PASSWORD 'p'", "CREATE ROLE rejected LOGIN PASSWORD 'p'",
		"CREATE ROLE reader LOGIN PASSWORD 'p'", "CREATE DATABASE closed", "REVOKE CONNECT ON DATABASE closed FROM public",
		"CREATE TABLE t (a int)", "SELECT pg_reload_conf()")
	as := func(user, database string) Config {
		return Config{Host: server.Host, Port: uint16(server.Port), User: user, Password: "p", Database: database,
			SSLMode: "disable"}
	}
	connecting := func(user, database string) error {
		conn, err := as(user, database).Connect(t.Context())
		if err == nil {
			_ = conn.Close(t.Context())
		}
		return err
	}
	streaming := func(slot string) error {
		config := as(testenv.PostgresUser, "postgres")
		config.Password = testenv.PostgresPassword
		session, err := OpenSession(t.Context(), config)
		if err != nil {
			t.Fatal(err)
		}
		defer session.Close(context.Background())
		stream, err := session.Start(t.Context(), slot, 0, []string{`proto_version '1'`, `publication_names 'nope'`})
		for err == nil {
			err = stream.Next(new(Frame))
		}
		return StreamError(slot, err)
	}
	fill := func() { // writes a file of the log
		run("INSERT INTO t SELECT generate_series(1, 1000)", "SELECT pg_switch_wal()", "CHECKPOINT")
	}
	ask := func(sql string) (answer string) {
		t.Helper()
		if err := admin.QueryRow(t.Context(), sql).Scan(&answer); err != nil {
			t.Fatalf("%s: %v", sql, err)
		}
		return answer
	}
	run("SELECT pg_create_logical_replication_slot('unpublished', 'pgoutput')", "INSERT INTO t VALUES (1)")
	unpublished := streaming("unpublished")
	run("SELECT pg_switch_wal()", "SELECT pg_create_logical_replication_slot('bereft', 'pgoutput')")
	file := ask("SELECT pg_walfile_name(restart_lsn) FROM pg_replication_slots WHERE slot_name = 'bereft'")
	fill()
	if err := os.Remove(filepath.Join(server.Dir, "pg_wal", file)); err != nil {
		t.Fatal(err)
	}
	bereft := streaming("bereft")
	run("SELECT pg_create_logical_replication_slot('lost', 'pgoutput')",
		"ALTER SYSTEM SET max_slot_wal_keep_size = '1MB'", "SELECT pg_reload_conf()")
	for ask("SELECT wal_status FROM pg_replication_slots WHERE slot_name = 'lost'") != "lost" {
		fill()
	}
	lost := streaming("lost")
	_, noPlugin := admin.Exec(t.Context(), "SELECT pg_create_logical_replication_slot('x', 'no_such_plugin')")
	replicating := func() error {
		session, err := OpenSession(t.Context(), as("reader", "postgres"))
		if err == nil {
			session.Close(context.Background())
		}
		return err
	}
	for _, c := range []struct {
		what   string
		err    error
		reason Reason
		says   string
	}{
		{"a role that may not log in", connecting("asleep", "postgres"), ReasonAuthentication, "LOGIN"},
		{"a role that pg_hba.conf rejects", connecting("rejected", "postgres"), ReasonAuthentication, "pg_hba.conf"},
		{"a wrong password", connecting(testenv.PostgresUser, "postgres"), ReasonAuthentication, "database.password"},
		{"no such database", connecting("reader", "none"), ReasonDatabaseMissing, "database.dbname"},
		{"a database without the right", connecting("reader", "closed"), ReasonAuthentication, "GRANT CONNECT"},
		{"a role that may not replicate", replicating(), ReasonReplication, "REPLICATION"},
		{"no such slot", streaming("none"), ReasonSlotMissing, "is gone"},
		{"no such publication", unpublished, ReasonPublication, "publication"},
		{"a slot that was lost", lost, ReasonSlotLost, "pg_drop_replication_slot"},
		{"a file of the log that was removed", bereft, ReasonSlotLost, "pg_drop_replication_slot"},
		{"no such plugin", slotError("create", "x", "no_such_plugin", "u", noPlugin), ReasonPluginMissing, "pgoutput"},
	} {
		if ReasonOf(c.err) != c.reason || !strings.Contains(fmt.Sprint(c.err), c.says) {
			t.Errorf("%s: %q, want %s with a word about %s: %v", c.what, ReasonOf(c.err), c.reason, c.says, c.err)
		}
	}
	run("SET default_transaction_read_only = on")
	if _, err := admin.Exec(t.Context(), "CREATE TABLE u ()"); !Transient(err) {
		t.Errorf("a server that is read-only for now is not waited for: %v", err)
	}
}

// The places are those of PostgreSQL 13 to 18; no server can be had that raises each of them.
func TestRefusalsAreToldApartByTheirPlaceInTheServersSource(t *testing.T) {
	for _, c := range []struct {
		code, routine, detail string
		want                  Reason
	}{
		{"42704", "ReplicationSlotAcquire", "", ReasonSlotMissing},
		{"42704", "ReplicationSlotAcquireInternal", "", ReasonSlotMissing}, // 13
		{"42704", "get_publication_oid", "", ReasonPublication},
		{"42704", "typenameType", "", ""},
		{"55000", "StartLogicalReplication", "", ReasonSlotLost}, // to 15
		{"55000", "CreateDecodingContext", "", ReasonSlotLost},   // 16, 17
		{"55000", "ReplicationSlotAcquire", "", ReasonSlotLost},  // 18
		{"58P01", "WalSndSegmentOpen", "", ReasonSlotLost},
		{"58P01", "wal_segment_open", "", ReasonSlotLost},
		{"58P01", "internal_load_library", "", ReasonPluginMissing},
		{"58P01", "ReorderBufferRestoreChanges", "", ""},
		{"42501", "CheckSlotPermissions", "", ReasonReplication},
		{"42501", "check_permissions", "", ReasonReplication}, // 13
	} {
		err := slotError("stream", "s", "pgoutput", "u",
			&pgconn.PgError{Code: c.code, Routine: c.routine, Message: "in einer anderen Sprache"})
		if ReasonOf(err) != c.want {
			t.Errorf("%s in %s: %q, want %q", c.code, c.routine, ReasonOf(err), c.want)
		}
		if !errors.As(err, new(*pgconn.PgError)) && c.want == "" {
			t.Errorf("%s in %s: the server's error is lost: %v", c.code, c.routine, err)
		}
	}
}
