package capture

import (
	"context"
	"fmt"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"

	"github.com/calypso-cdc/calypso/libs/pgrepl"
)

// administrator makes a role with only the rights of a managed server's administrator
// (Azure's, say): it makes roles and databases, may replicate, and is no superuser; nor does it
// read what is not its own. It returns a connection as the role.
func (s *source) administrator(t testing.TB, group string) (name string, conn *pgx.Conn) {
	t.Helper()
	name = "adm" + s.db
	s.exec(t, fmt.Sprintf("DO $$ BEGIN CREATE ROLE %s NOLOGIN; EXCEPTION WHEN duplicate_object THEN END $$", group))
	s.exec(t,
		fmt.Sprintf(
			"CREATE ROLE %s LOGIN PASSWORD 'p' CREATEROLE CREATEDB REPLICATION IN ROLE %s; GRANT CREATE ON DATABASE %s TO %[1]s; GRANT ALL ON SCHEMA public TO %[1]s", name, group, s.db))
	t.Cleanup(func() {
		_ = s.Exec(context.WithoutCancel(t.Context()), s.db, fmt.Sprintf("DROP OWNED BY %s CASCADE; DROP ROLE %[1]s", name))
	})
	conn, err := pgx.Connect(t.Context(), s.URLFor(name, "p", s.db))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close(context.WithoutCancel(t.Context())) })
	return name, conn
}

func TestTheAdministratorOfAManagedServerCapturesWhatItOwns(t *testing.T) {
	s := newSource(t)
	role, conn := s.administrator(t, "azure_pg_admin")
	own := &source{s.Postgres, s.db, conn}
	own.exec(t, `CREATE TABLE ledger (id int PRIMARY KEY, tx int, x text); INSERT INTO ledger VALUES (1, 0, 'a');
		CREATE TABLE signals (id text PRIMARY KEY, type text, data text); CREATE TABLE beats (id int PRIMARY KEY, n int); INSERT INTO beats VALUES (1, 0)`)
	config := s.config("c"+s.db, map[string]string{"database.user": role, "database.password": "p",
		"table.include.list": "public.ledger", "signal.data.collection": "public.signals",
		"heartbeat.interval.ms": "200", "heartbeat.action.query": "UPDATE beats SET n = n + 1"})
	for _, name := range []string{"wal_level", "replication right", "replication connection", "read rights", "publication",
		"slot", "promotion"} {
		// Tests beside this one have standbys, which promotion has a remedy for.
		if c := s.finding(t, name, config); !c.OK || c.Remedy != "" && name != "promotion" {
			t.Errorf("check %s: %+v", name, c)
		}
	}
	start(t, config)
	topic := s.db + ".public.ledger"
	await(t, topic, 1)
	s.awaitSlot(t)
	own.exec(t, "INSERT INTO ledger VALUES (2, 0, 'b')")
	await(t, topic, 2)
	own.exec(t, `INSERT INTO signals VALUES ('1', 'execute-snapshot', '{"data-collections": ["public.ledger"]}')`)
	if got := ops(await(t, topic, 4)); got != "rcrr" {
		t.Errorf("operations are %s", got)
	}
	eventually(t, "the heartbeat's statement runs", func() error {
		if n := own.query(t, "SELECT n::text FROM beats"); n == "0" {
			return fmt.Errorf("it has not run")
		}
		return nil
	})
}

func TestTheAdministratorOfAManagedServerIsToldHowToCaptureWhatOthersOwn(t *testing.T) {
	for _, way := range []string{"the owner makes the publication", "the administrator becomes a member of the owner"} {
		t.Run(way, func(t *testing.T) {
			s := newSource(t)
			role, conn := s.administrator(t, "azure_pg_admin")
			own := &source{s.Postgres, s.db, conn}
			// The administrator makes the application's role, which makes the tables.
			app := "app" + s.db
			own.exec(t, "CREATE ROLE "+app+" LOGIN PASSWORD 'p'")
			s.exec(t, fmt.Sprintf("GRANT CREATE ON DATABASE %s TO %s; GRANT ALL ON SCHEMA public TO %[2]s", s.db, app))
			t.Cleanup(func() {
				_ = s.Exec(context.WithoutCancel(t.Context()), s.db, fmt.Sprintf("DROP OWNED BY %s CASCADE; DROP ROLE %[1]s", app))
			})
			theirs, err := pgx.Connect(t.Context(), s.URLFor(app, "p", s.db))
			if err != nil {
				t.Fatal(err)
			}
			defer theirs.Close(context.WithoutCancel(t.Context()))
			owner := &source{s.Postgres, s.db, theirs}
			owner.exec(t, "CREATE TABLE a (id int PRIMARY KEY); INSERT INTO a VALUES (1)")
			config := s.config("c"+s.db, map[string]string{"database.user": role, "database.password": "p",
				"table.include.list": "public.a"})
			if c := s.finding(t, "read rights", config); c.OK || !strings.Contains(c.Remedy, "GRANT") {
				t.Errorf("%+v", c)
			}
			owner.exec(t, "GRANT SELECT ON a TO "+role)
			err = start(t, config).failure(t)
			if pgrepl.ReasonOf(err) != pgrepl.ReasonPublicationMake ||
				!strings.Contains(err.Error(), "GRANT "+pgrepl.QuoteIdent(app)+" TO "+pgrepl.QuoteIdent(role)) ||
				!strings.Contains(err.Error(), "CREATE PUBLICATION") {
				t.Fatalf("error %v, want %s and both ways out", err, pgrepl.ReasonPublicationMake)
			}
			if c := s.finding(t, "publication", config); !strings.Contains(c.Remedy, "CREATE PUBLICATION") ||
				!strings.Contains(c.Remedy, "GRANT") {
				t.Errorf("%+v", c)
			}
			if way == "the owner makes the publication" {
				owner.exec(t, "CREATE PUBLICATION "+s.db+" FOR TABLE a")
			} else {
				own.exec(t, fmt.Sprintf("GRANT %s TO %s", app, role))
			}
			if c := s.finding(t, "publication", config); !c.OK || c.Remedy != "" {
				t.Errorf("%+v", c)
			}
			start(t, config)
			await(t, s.db+".public.a", 1)
			s.awaitSlot(t)
			owner.exec(t, "INSERT INTO a VALUES (2)")
			await(t, s.db+".public.a", 2)
		})
	}
}

func TestMembershipInARoleOfAProviderIsNoRightToReplicate(t *testing.T) {
	s := newSource(t)
	name := "m" + s.db
	s.exec(t, "DO $$ BEGIN CREATE ROLE azure_pg_admin NOLOGIN; EXCEPTION WHEN duplicate_object THEN END $$")
	s.exec(t, "CREATE ROLE "+name+" LOGIN PASSWORD 'p' IN ROLE azure_pg_admin; CREATE TABLE a (id int PRIMARY KEY)")
	t.Cleanup(func() {
		_ = s.Exec(context.WithoutCancel(t.Context()), s.db, "DROP OWNED BY "+name+"; DROP ROLE "+name)
	})
	config := s.config("c"+s.db, map[string]string{"database.user": name, "database.password": "p"})
	if c := s.finding(t, "replication right", config); c.OK || !strings.Contains(c.Remedy, "ALTER ROLE") {
		t.Errorf("%+v", c)
	}
	if err := start(t, config).failure(t); pgrepl.ReasonOf(err) != pgrepl.ReasonReplication ||
		!strings.Contains(err.Error(), "ALTER ROLE") {
		t.Errorf("error %v, want %s", err, pgrepl.ReasonReplication)
	}
}

func TestTheStatementsOfAnErrorAboutARightOrSettingOfTheRoleLetTheConnectorStart(t *testing.T) {
	const reading = "GRANT USAGE ON SCHEMA SCHEMA_NAME TO ROLE; GRANT SELECT ON SCHEMA_NAME.a TO ROLE; "
	for name, c := range map[string]struct{ prepare, publication, reason string }{
		"no right to the table":  {"GRANT USAGE ON SCHEMA SCHEMA_NAME TO ROLE", "FOR ALL TABLES", "TABLE_RIGHT_MISSING"},
		"no right to the schema": {"GRANT SELECT ON SCHEMA_NAME.a TO ROLE", "FOR ALL TABLES", "TABLE_RIGHT_MISSING"},
		"rows that policies hide": {reading + "ALTER TABLE SCHEMA_NAME.a ENABLE ROW LEVEL SECURITY; CREATE POLICY p ON SCHEMA_NAME.a USING (id = 0); alter role ROLE SET row_security = off",
			"FOR ALL TABLES", "TABLE_RIGHT_MISSING"},
		"no right to log in": {reading + "alter role ROLE NOLOGIN", "FOR ALL TABLES", "AUTHENTICATION_FAILED"},
		"read-only transactions of the role": {"alter role ROLE SUPERUSER; alter role ROLE SET default_transaction_read_only = on", "",
			"PUBLICATION_RIGHT_MISSING"},
		"read-only transactions of the role there": {"alter role ROLE SUPERUSER; alter role ROLE in database DATABASE_NAME SET default_transaction_read_only = on",
			"", "PUBLICATION_RIGHT_MISSING"},
	} {
		t.Run(name, func(t *testing.T) {
			s := newSource(t)
			schema := "sch " + s.db
			s.exec(t, fmt.Sprintf("CREATE SCHEMA %q; CREATE TABLE %[1]q.a (id int PRIMARY KEY, x text); INSERT INTO %[1]q.a VALUES (1)", schema))
			if c.publication != "" {
				s.exec(t, "CREATE PUBLICATION "+s.db+" "+c.publication)
			}
			set := s.role(t, strings.NewReplacer("SCHEMA_NAME", pgrepl.QuoteIdent(schema), "DATABASE_NAME", s.db).Replace(c.prepare))
			config := s.config("c"+s.db, set)
			err := start(t, config).failure(t)
			if string(pgrepl.ReasonOf(err)) != c.reason {
				t.Fatalf("the failure is %v, want %s", err, c.reason)
			}
			_, remedy, _ := strings.Cut(err.Error(), ". Run ")
			statements, _, _ := strings.Cut(remedy, "; or")
			s.exec(t, strings.TrimSuffix(statements, ";."))
			start(t, config)
			await(t, s.db+"."+strings.ReplaceAll(schema, " ", "_")+".a", 1)
		})
	}
}

func TestASlotThatNoConnectorCanReadIsNamedAsWhatItIs(t *testing.T) {
	s := newSource(t)
	s.exec(t, "CREATE TABLE a (id int PRIMARY KEY)")
	physical, testing := s.db+"_p", s.db+"_t"
	s.exec(t, fmt.Sprintf("SELECT pg_create_physical_replication_slot('%s'); SELECT pg_create_logical_replication_slot('%s', 'test_decoding')",
		physical, testing))
	t.Cleanup(func() {
		_ = s.Exec(context.WithoutCancel(t.Context()), s.db, fmt.Sprintf(
			"SELECT pg_drop_replication_slot('%s'); SELECT pg_drop_replication_slot('%s')", physical, testing))
	})
	for slot, says := range map[string]string{physical: "it is a physical slot", testing: "no connector reads what test_decoding sends"} {
		err := start(t, s.config("c"+slot, map[string]string{"slot.name": slot})).failure(t)
		if pgrepl.ReasonOf(err) != pgrepl.ReasonSlotPlugin || !strings.Contains(err.Error(), says) ||
			strings.Contains(err.Error(), "Set plugin.name") {
			t.Errorf("the failure is %v, want %q", err, says)
		}
	}
}
