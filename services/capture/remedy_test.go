package capture

import (
	"context"
	"fmt"
	"regexp"
	"strings"
	"testing"

	"github.com/calypso-cdc/calypso/libs/pgrepl"
	"github.com/calypso-cdc/calypso/services/capture/internal/status"
)

// statement is a statement of SQL in a remedy.
var statement = regexp.MustCompile(`(?:ALTER (?:TABLE|ROLE|PUBLICATION)|GRANT|CREATE TABLE) [^;…]*;`)

// TestRemediesAreExecutedAsTheyArePrintedWhateverTheNames does what each check says until none says
// more, with names that have to be quoted.
func TestRemediesAreExecutedAsTheyArePrintedWhateverTheNames(t *testing.T) {
	s := newSource(t)
	const schema, people, quiet = `Sales "EU" 'x'`, `People's "Own"`, "Quiet Ones"
	role := `R-` + s.db + ` "q" 'x'`
	table := func(name string) string { return pgrepl.QuoteTable(schema, name) }
	s.exec(t, `CREATE SCHEMA `+pgrepl.QuoteIdent(schema)+`; CREATE TABLE `+table(people)+` ("Id" int PRIMARY KEY, "The Name" text);
		ALTER TABLE `+table(people)+` ENABLE ROW LEVEL SECURITY; CREATE UNLOGGED TABLE `+table(quiet)+` ("No Key" int);
		CREATE ROLE `+pgrepl.QuoteIdent(role)+` LOGIN REPLICATION PASSWORD 'p'; CREATE PUBLICATION `+s.db)
	t.Cleanup(func() {
		for _, sql := range []string{"DROP OWNED BY " + pgrepl.QuoteIdent(role), "DROP ROLE " + pgrepl.QuoteIdent(role)} {
			if _, err := s.conn.Exec(context.Background(), sql); err != nil {
				t.Error(err)
			}
		}
	})
	config := s.config("c"+s.db, map[string]string{"database.user": role, "database.password": "p",
		"signal.data.collection": schema + ".My 'Signals'", "publication.autocreate.mode": "disabled",
		"schema.include.list": `Sales.*`})
	done := map[string]bool{}
	for {
		before := len(done)
		for name, c := range s.findings(t, config) {
			first, _, _ := strings.Cut(c.Remedy, "; or")
			for _, sql := range statement.FindAllString(first+";", -1) {
				if name == "promotion" || done[sql] {
					continue
				}
				done[sql] = true
				if _, err := s.conn.Exec(t.Context(), sql); err != nil {
					t.Errorf("check %q (%s) says %q: %v", name, c.Detail, sql, err)
				}
			}
		}
		if len(done) == before {
			break
		}
	}
	for name, c := range s.findings(t, config) {
		if name != "promotion" && (!c.OK || statement.MatchString(c.Remedy)) {
			t.Errorf("after all remedies check %q still says %q: %s", name, c.Detail, c.Remedy)
		}
	}
	for _, kind := range []string{"CREATE TABLE", "GRANT INSERT", "GRANT USAGE", "SET LOGGED", "REPLICA IDENTITY", "BYPASSRLS",
		"ADD TABLE " + table(people)} {
		found := false
		for sql := range done {
			found = found || strings.Contains(sql, kind)
		}
		if !found {
			t.Errorf("no remedy said %q: %v", kind, done)
		}
	}
}

func TestAValueThatCannotBeConvertedNamesItsTableAndAStatementThatHelps(t *testing.T) {
	s := newSource(t)
	s.exec(t, `CREATE SCHEMA "Sales EU"; CREATE TABLE "Sales EU"."The Sums" (id int PRIMARY KEY, "Sum" numeric);
		INSERT INTO "Sales EU"."The Sums" VALUES (1, 'NaN')`)
	config := s.config("c"+s.db, nil)
	registry := NewRegistry()
	startWith(t, servers.kafka.Bootstrap, config, Options{Registry: registry})
	const column = "Sales EU.The Sums.Sum"
	eventually(t, "the column is named with its table", func() error {
		var failed []status.BackgroundFailure
		if e := registry.captures.Find(config["name"]); e != nil {
			failed = e.State().Background
		}
		for _, f := range failed {
			if strings.HasSuffix(string(f.Work), column) && strings.Contains(f.Remedy, "--table") {
				return nil
			}
		}
		return fmt.Errorf("said: %+v", failed)
	})

	o := newSource(t)
	o.exec(t, `CREATE SCHEMA "Sales EU"; CREATE TABLE "Sales EU"."The Sums" (id int PRIMARY KEY, "Sum" numeric NOT NULL);
		INSERT INTO "Sales EU"."The Sums" VALUES (1, 'NaN')`)
	err := start(t, o.config("c"+o.db, nil)).failure(t)
	if err == nil || !strings.Contains(err.Error(), "column "+column) {
		t.Fatalf("the failure is %v", err)
	}
	for _, sql := range regexp.MustCompile(`ALTER TABLE [^;…]*;`).FindAllString(err.Error(), -1) {
		o.exec(t, sql)
	}
	start(t, o.config("c"+o.db, nil))
	await(t, o.db+".Sales_EU.The_Sums", 1)
}
