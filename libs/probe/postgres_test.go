package probe_test

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/calypso-cdc/calypso/libs/pgrepl"
	"github.com/calypso-cdc/calypso/libs/probe"
	"github.com/calypso-cdc/calypso/libs/testenv"
)

func TestAProbeOfPostgreSQLTellsAPoolerAndMissingRightsFromAServer(t *testing.T) {
	server := testenv.RunPostgres(t, testenv.PostgresConfig{})
	if err := server.Exec(t.Context(), "postgres", "CREATE ROLE little LOGIN PASSWORD 'little'"); err != nil {
		t.Fatal(err)
	}
	super := pgrepl.Config{Host: server.Host, Port: uint16(server.Port), User: testenv.PostgresUser,
		Password: testenv.PostgresPassword, Database: "postgres", SSLMode: "disable"}
	little, pooled := super, super
	little.User, little.Password = "little", "little"
	pooled.Port = uint16(server.RunPgBouncer(t, testenv.PgBouncerConfig{PoolMode: "session", Role: testenv.PostgresUser,
		Password: testenv.PostgresPassword, Settings: []string{"ignore_startup_parameters = extra_float_digits"}}))
	testenv.Eventually(t, time.Minute, "PgBouncer", func(ctx context.Context) error {
		conn, err := pooled.Connect(ctx)
		pgrepl.Disconnect(conn)
		return err
	})
	type want struct {
		verdict probe.Verdict
		seen    string
	}
	for _, c := range []struct {
		name string
		cfg  pgrepl.Config
		want map[string]want
	}{
		{"a superuser", super, map[string]want{
			"the way to the server": {probe.AsExpected, "itself"}, "the server's log": {probe.AsExpected, "wal_level=logical"},
			"a replication connection":    {probe.AsExpected, "timeline 1"},
			"the output plugin pgoutput":  {probe.AsExpected, "could be made"},
			"a publication of all tables": {probe.AsExpected, "rolled back"}, "a publication": {probe.AsExpected, "rolled back"},
		}},
		{"a role without rights", little, map[string]want{
			"the way to the server":       {probe.AsExpected, "itself"},
			"a replication connection":    {probe.Otherwise, string(pgrepl.ReasonReplication)},
			"the output plugin pgoutput":  {probe.Otherwise, string(pgrepl.ReasonReplication)},
			"a publication of all tables": {probe.Otherwise, ""}, "a publication": {probe.Otherwise, "permission denied"},
		}},
		{"a pooler", pooled, map[string]want{
			"the way to the server":      {probe.Otherwise, "a pooler is between"},
			"the server's log":           {probe.AsExpected, "wal_level=logical"},
			"a replication connection":   {probe.Otherwise, string(pgrepl.ReasonPooler)},
			"the output plugin pgoutput": {probe.AsExpected, "could be made"},
			"a publication":              {probe.AsExpected, "rolled back"},
		}},
	} {
		t.Run(c.name, func(t *testing.T) {
			report := probe.PostgreSQL(t.Context(), c.cfg, options())
			found := told(report)
			for name, w := range c.want {
				if f := found[name]; f.Verdict != w.verdict || !strings.Contains(f.Seen, w.seen) || f.Follows == "" {
					t.Errorf("%s: %+v", name, f)
				}
			}
			conn, err := super.Connect(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			defer pgrepl.Disconnect(conn)
			var left int
			err = conn.QueryRow(t.Context(),
				"SELECT (SELECT count(*) FROM pg_replication_slots) + (SELECT count(*) FROM pg_publication)").Scan(&left)
			if err != nil || left > 0 || len(report.Left) > 0 {
				t.Errorf("%d slots and publications are left, the report says %v (%v)", left, report.Left, err)
			}
		})
	}
}

func TestAProbeOfPostgreSQLNamesTheSlotThatOneThatWasKilledHasLeft(t *testing.T) {
	server := testenv.RunPostgres(t, testenv.PostgresConfig{})
	if err := server.Exec(t.Context(), "postgres",
		"SELECT pg_create_logical_replication_slot('calypso_probe_killed', 'pgoutput')"); err != nil {
		t.Fatal(err)
	}
	report := probe.PostgreSQL(t.Context(), pgrepl.Config{Host: server.Host, Port: uint16(server.Port),
		User: testenv.PostgresUser, Password: testenv.PostgresPassword, Database: "postgres", SSLMode: "disable"}, options())
	if len(report.Left) != 1 || !strings.Contains(report.Left[0], "pg_drop_replication_slot('calypso_probe_killed')") {
		t.Errorf("left: %v", report.Left)
	}
}
