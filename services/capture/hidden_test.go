package capture

import (
	"context"
	"fmt"
	"net"
	"strings"
	"testing"
	"time"

	capturev1 "github.com/calypso-cdc/calypso/gen/calypso/capture/v1"
	"github.com/calypso-cdc/calypso/libs/connector"
	"github.com/calypso-cdc/calypso/libs/connector/catalogue"
	"github.com/calypso-cdc/calypso/libs/pgrepl"
	"github.com/calypso-cdc/calypso/services/capture/internal/check"
	"github.com/calypso-cdc/calypso/services/capture/internal/digests"
	"github.com/calypso-cdc/calypso/services/capture/internal/spec"
)

// checked is a configuration as the catalogue reads it.
func checked(t testing.TB, config map[string]string) catalogue.Values {
	t.Helper()
	keys, err := spec.Catalogue()
	if err != nil {
		t.Fatal(err)
	}
	values, _, problems := keys.Parse(config)
	if len(problems) > 0 {
		t.Fatal(problems)
	}
	return values
}

// findings looks at the source as a validation does.
func (s *source) findings(t testing.TB, config map[string]string) map[string]connector.Check {
	t.Helper()
	out := make(map[string]connector.Check)
	for _, c := range check.Source(t.Context(), checked(t, config)) {
		out[c.Name] = c
	}
	return out
}

func TestTablesThatDoNotExistAreNamedBeforeTheStartWithTheOneThatIsMeant(t *testing.T) {
	s := newSource(t)
	s.exec(t, "CREATE TABLE orders (id int PRIMARY KEY); CREATE TABLE hidden (id int PRIMARY KEY); CREATE VIEW v AS SELECT 1 x")
	for list, want := range map[string]struct {
		ok   bool
		says string
	}{
		"public.order": {false, fmt.Sprintf(`no table public.order in database "%s" (did you mean public.orders?)`, s.db)},
		"public.orders, public.ordesr": {true,
			fmt.Sprintf(`1 tables match the filters; no table public.ordesr in database "%s" (did you mean public.orders?)`, s.db)},
		"public.orders,public.o.*,public.v": {true, "1 tables match the filters"}, // a view is told of by another finding
		"sales.*":                           {false, "no table matches the filters"},
	} {
		config := s.config("c"+s.db, map[string]string{"table.include.list": list})
		if c := s.findings(t, config)["tables"]; c.OK != want.ok || !strings.Contains(c.Detail, want.says) ||
			(c.Remedy == "") == strings.Contains(c.Detail, "no table") {
			t.Errorf("%s: %+v, want %v", list, c, want)
		}
	}
}

func TestACheckSaysWithinItsTimeThatAServerSaysNothing(t *testing.T) {
	mute, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer mute.Close()
	s := newSource(t)
	_, port, _ := net.SplitHostPort(mute.Addr().String())
	values := checked(t, s.config("c"+s.db, map[string]string{"database.port": port}))
	ctx, cancel := context.WithTimeout(t.Context(), 9*time.Second) // less than database.connection.timeout.ms
	defer cancel()
	all := check.Source(ctx, values)
	if len(all) != 1 || all[0].OK || !strings.Contains(all[0].Detail, "says nothing for") || ctx.Err() != nil {
		t.Errorf("%+v, %v", all, ctx.Err())
	}
}

func TestWhatPostgreSQLKeepsBackIsNamedBeforeTheStartWhileItRunsAndInComparisons(t *testing.T) {
	s := newSource(t)
	s.exec(t,
		`CREATE TABLE a (id int PRIMARY KEY, x text); INSERT INTO a VALUES (1), (2); ALTER TABLE a ENABLE ROW LEVEL SECURITY; CREATE POLICY few ON a USING (id = 1);
		CREATE TABLE f (id int PRIMARY KEY, x text, y text); INSERT INTO f VALUES (1);
		CREATE UNLOGGED TABLE u (id int PRIMARY KEY); CREATE TABLE whole (id int PRIMARY KEY)`)
	set := s.role(t, "GRANT SELECT ON ALL TABLES IN SCHEMA public TO ROLE")
	filters := s.query(t, "SELECT current_setting('server_version_num')") >= "150000"
	if filters {
		s.exec(t, "CREATE PUBLICATION "+s.db+
			" FOR TABLE a, whole, f (id, x) WHERE (id > 10) WITH (publish = 'insert, update, truncate')")
	} else {
		s.exec(t, "CREATE PUBLICATION "+s.db+" FOR TABLE a, whole, f WITH (publish = 'insert, update, truncate')")
	}
	config := s.config("c"+s.db, set)
	want := map[string][]string{
		"row level security":  {"public.a: Row level security keeps rows", "r" + s.db},
		"publication filters": {"does not send delete", s.db},
		"unlogged tables":     {"public.u", "never stream"},
	}
	if filters {
		want["publication filters"] = append(want["publication filters"], "public.f: Publication "+s.db+" has a row filter",
			"(id > 10)", "column list", "id, x")
	}
	found := s.findings(t, config)
	for name, texts := range want {
		for _, text := range texts {
			if c := found[name]; !strings.Contains(c.Detail, text) || !strings.HasPrefix(c.Remedy, "ALTER ") {
				t.Errorf("check %q does not say %q: %+v", name, text, c)
			}
		}
	}

	registry := NewRegistry()
	startWith(t, servers.kafka.Bootstrap, config, Options{Registry: registry})
	await(t, s.db+".public.a", 1)
	var kept map[string]string
	eventually(t, "the tables are shown", func() error {
		e := registry.captures.Find(config["name"])
		if e == nil {
			return fmt.Errorf("no entry yet")
		}
		kept = make(map[string]string)
		for _, table := range e.Tables() {
			kept[table.Name] = strings.Join(table.KeptBack, "\n")
		}
		if len(kept) < 4 {
			return fmt.Errorf("tables %v", kept)
		}
		return nil
	})
	for table, text := range map[string]string{"public.a": "BYPASSRLS", "public.u": "SET LOGGED",
		"public.f": "SET (publish = 'insert, update, delete, truncate')"} {
		if !strings.Contains(kept[table], text) {
			t.Errorf("of %s is shown %q, want %q", table, kept[table], text)
		}
	}

	r, err := digests.Open(t.Context(), checked(t, config), nil)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	for _, d := range r.Tables() {
		switch d.Name {
		case "public.a":
			if !strings.Contains(d.Failure, "Row level security keeps rows of it from role r"+s.db) {
				t.Errorf("a comparison of rows that the role does not see begins: %q", d.Failure)
			}
		case "public.f":
			for _, c := range d.Columns {
				if hidden := c.Name == "y" && filters; (c.Withheld != "") != hidden {
					t.Errorf("column %s is withheld: %q", c.Name, c.Withheld)
				}
			}
		default:
			if d.Failure != "" {
				t.Errorf("%s cannot be compared: %s", d.Name, d.Failure)
			}
		}
	}
}

func TestATableThatThePublicationDoesNotHoldIsNamedUnlessTheStartAddsIt(t *testing.T) {
	for mode, named := range map[string]bool{"disabled": true, "all_tables": true, "no_tables": true, "filtered": false} {
		t.Run(mode, func(t *testing.T) {
			s := newSource(t)
			s.exec(t, "CREATE TABLE a (id int PRIMARY KEY); CREATE TABLE b (id int PRIMARY KEY); INSERT INTO b VALUES (1)")
			s.exec(t, "CREATE PUBLICATION "+s.db+" FOR TABLE a")
			config := s.config("c"+s.db, map[string]string{"publication.autocreate.mode": mode})
			said := "Publication " + s.db + " does not hold it: its changes never stream"
			c := s.findings(t, config)["publication filters"]
			if got := strings.Contains(c.Detail, "public.b: "+said); got != named {
				t.Errorf("the check names it: %v, want %v: %+v", got, named, c)
			}
			registry := NewRegistry()
			startWith(t, servers.kafka.Bootstrap, config, Options{Registry: registry})
			await(t, s.db+".public.b", 1)
			for _, table := range registry.captures.Find(config["name"]).Tables() {
				kept := strings.Join(table.KeptBack, "\n")
				want := named && table.Name == "public.b"
				if got := strings.Contains(kept, said) &&
					strings.Contains(kept, `ALTER PUBLICATION "`+s.db+`" ADD TABLE "public"."b";`); got != want {
					t.Errorf("of %s is shown %q, want it named: %v", table.Name, kept, want)
				}
			}
		})
	}
}

// A table in its catalog's place stands in for Citus.
func TestATableThatCitusDistributesIsNamed(t *testing.T) {
	s := newSource(t)
	s.exec(t, "CREATE TABLE a (id int PRIMARY KEY); CREATE TABLE b (id int PRIMARY KEY); CREATE TABLE c (id int PRIMARY KEY)")
	s.exec(t, "SET allow_system_table_mods = on; CREATE TABLE pg_catalog.pg_dist_partition (logicalrelid regclass, partmethod \"char\")")
	s.exec(t, "INSERT INTO pg_dist_partition VALUES ('a', 'h'), ('b', 'n')")
	c := s.findings(t, s.config("c"+s.db, nil))["distributed tables"]
	if !strings.Contains(c.Detail, "public.a: Citus keeps its rows in shards") || !strings.HasPrefix(c.Remedy, "Add the shards") || strings.Contains(c.Detail, "public.b") ||
		strings.Contains(c.Detail, "public.c") {
		t.Errorf("the check says %+v", c)
	}
}

// PostgreSQL sends nothing of a table that leaves the publication, not even that it left.
func TestATableThatLeavesThePublicationWhileItStreamsIsNamedUntilItIsBack(t *testing.T) {
	for _, mode := range []string{"disabled", "filtered"} {
		t.Run(mode, func(t *testing.T) {
			s := newSource(t)
			s.exec(t, "CREATE TABLE a (id int PRIMARY KEY); INSERT INTO a VALUES (1); CREATE TABLE b (id int PRIMARY KEY)")
			s.exec(t, "CREATE PUBLICATION "+s.db+" FOR TABLE a, b")
			config := s.config("c"+s.db, map[string]string{"publication.autocreate.mode": mode, "plugin.name": "pgoutput"})
			registry := NewRegistry()
			startWith(t, servers.kafka.Bootstrap, config, Options{Registry: registry})
			await(t, s.db+".public.a", 1)
			kept := func() map[string]string {
				out := map[string]string{}
				answer, err := serviceOf(registry).ListCapturedTables(t.Context(),
					&capturev1.ListCapturedTablesRequest{Connector: config["name"]})
				if err != nil {
					t.Fatal(err)
				}
				for _, table := range answer.Tables {
					out[table.Table] = strings.Join(table.KeptBack, "\n")
				}
				return out
			}
			eventually(t, "the stream to keep nothing back", func() error {
				if k := kept(); k["public.a"]+k["public.b"] != "" || len(k) != 2 {
					return fmt.Errorf("%q", k)
				}
				return nil
			})
			s.exec(t, "ALTER PUBLICATION "+s.db+" DROP TABLE a")
			eventually(t, "the table to be named", func() error {
				if k := kept(); !strings.Contains(k["public.a"], "does not hold it") || k["public.b"] != "" {
					return fmt.Errorf("%q", k)
				}
				return nil
			})
			s.exec(t, "ALTER PUBLICATION "+s.db+" ADD TABLE a")
			eventually(t, "nothing to be kept back any more", func() error {
				if k := kept(); k["public.a"] != "" {
					return fmt.Errorf("%q", k)
				}
				return nil
			})
			// Nor does it send anything of one that it does not hold from the beginning.
			s.exec(t, "CREATE TABLE c (id int PRIMARY KEY); INSERT INTO c VALUES (1); ALTER TABLE b RENAME TO d")
			eventually(t, "the new table to be named", func() error {
				if k := kept(); !strings.Contains(k["public.c"], `ADD TABLE "public"."c"`) || k["public.a"] != "" {
					return fmt.Errorf("%q", k)
				}
				return nil
			})
			s.exec(t, "ALTER PUBLICATION "+s.db+" ADD TABLE c")
			eventually(t, "nothing to be kept back any more", func() error {
				if k := kept(); k["public.c"] != "" {
					return fmt.Errorf("%q", k)
				}
				return nil
			})
		})
	}
}

func TestWhatIsNoTableIsNamedWhereTablesAreListed(t *testing.T) {
	s := newSource(t)
	s.exec(t,
		"CREATE TABLE a (id int PRIMARY KEY); CREATE VIEW v AS SELECT * FROM a; CREATE MATERIALIZED VIEW m AS SELECT * FROM a; CREATE FOREIGN DATA WRAPPER w; CREATE SERVER far FOREIGN DATA WRAPPER w; CREATE FOREIGN TABLE f (id int) SERVER far")
	err := start(t, s.config("c"+s.db, map[string]string{"table.include.list": "public.v,public.f"})).failure(t)
	if pgrepl.ReasonOf(err) != pgrepl.ReasonNotATable || !strings.Contains(err.Error(), "public.v is a view") ||
		!strings.Contains(err.Error(), "public.f is a foreign table") {
		t.Errorf("the failure is: %v", err)
	}
	c := s.findings(t, s.config("c"+s.db, map[string]string{"table.include.list": "public.*"}))["left out"]
	for _, want := range []string{"public.f is a foreign table", "public.m is a materialized view", "public.v is a view"} {
		if !strings.Contains(c.Detail, want) {
			t.Errorf("the check does not say %q: %+v", want, c)
		}
	}
}

func TestAPreparedTransactionThatHoldsTheSlotIsNamed(t *testing.T) {
	s := newSource(t)
	s.exec(t, "CREATE TABLE a (id int PRIMARY KEY)")
	s.exec(t, "BEGIN; INSERT INTO a VALUES (1)")
	s.exec(t, "PREPARE TRANSACTION 'forgotten "+s.db+"'")
	config := s.config("c"+s.db, map[string]string{"internal.create.slot.command.timeout": "8000",
		"errors.max.retries": "0"})
	registry := NewRegistry()
	c := startWith(t, servers.kafka.Bootstrap, config, Options{Registry: registry})
	named := func(text string) error {
		for _, want := range []string{"prepared transaction 'forgotten " + s.db + "'",
			"ROLLBACK PREPARED 'forgotten " + s.db + "'"} {
			if !strings.Contains(text, want) {
				return fmt.Errorf("it does not say %q: %s", want, text)
			}
		}
		return nil
	}
	eventually(t, "the status names what the slot waits for", func() error {
		e := registry.captures.Find(config["name"])
		if e == nil {
			return fmt.Errorf("no entry yet")
		}
		return named(e.State().Reason)
	})
	s.exec(t, "ROLLBACK PREPARED 'forgotten "+s.db+"'")
	s.exec(t, "INSERT INTO a VALUES (2)")
	await(t, s.db+".public.a", 1)
	c.stop(t)

	s.exec(t, "BEGIN; INSERT INTO a VALUES (3)")
	s.exec(t, "PREPARE TRANSACTION 'forgotten "+s.db+"'")
	defer s.exec(t, "ROLLBACK PREPARED 'forgotten "+s.db+"'")
	all, err := pgrepl.Holders(t.Context(), s.conn, 0)
	if err != nil {
		t.Fatal(err)
	}
	var texts []string
	for _, h := range all {
		if h.Since.IsZero() {
			t.Errorf("%s has no beginning", h)
		}
		texts = append(texts, h.String()+" "+h.Remedy)
	}
	if err := named(strings.Join(texts, "\n")); err != nil {
		t.Error(err)
	}
}
