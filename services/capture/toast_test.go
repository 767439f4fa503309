package capture

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/calypso-cdc/calypso/libs/pgrepl"
)

// A table none of whose rows can become large has nowhere to store values out of line, whatever its columns' storage.
func TestATableWithoutATOASTTableIsNotSaidToStoreValuesThere(t *testing.T) {
	s := newSource(t)
	s.exec(t, "CREATE TABLE a (id int PRIMARY KEY, n numeric(10, 2), x varchar(20), day date)")
	if stored := s.query(t, "SELECT (reltoastrelid <> 0)::text FROM pg_class WHERE relname = 'a'"); stored != "false" {
		t.Fatalf("the server has made a TOAST table: %s", stored)
	}
	registry := NewRegistry()
	config := s.config("c"+s.db, nil)
	startWith(t, servers.kafka.Bootstrap, config, Options{Registry: registry})
	eventually(t, "the table is shown", func() error {
		e := registry.captures.Find(config["name"])
		if e == nil || len(e.Tables()) != 1 {
			return errors.New("it is not")
		}
		if said := strings.Join(e.Tables()[0].Warnings, " "); said != "" {
			t.Errorf("of the table is said: %s", said)
		}
		return nil
	})
}

// Each table has one such column besides one that is large, so that it has a TOAST table, and 300 that fill the row.
func TestOnlyColumnsOfWhichPostgreSQLStoresValuesOutOfLineAreSaidTo(t *testing.T) {
	s := newSource(t)
	s.exec(t, "CREATE DOMAIN short AS varchar(3); CREATE DOMAIN shorter AS short; CREATE DOMAIN longer AS varchar(6)")
	for i, c := range []struct {
		kind, value string
		toasted     bool
	}{
		{"short", "repeat('😀', 3)", false}, {"shorter", "repeat('😀', 3)", false}, {"varchar(3)", "repeat('😀', 3)", false},
		{"varchar(5)", "repeat('😀', 5)", false}, {"char(5)", "repeat('😀', 5)", false}, {"bit(3)", "B'101'", false},
		{"bit(152)", "repeat('10', 76)::bit(152)", false}, {"varbit(152)", "repeat('10', 76)::varbit(152)", false},
		{"varchar(6)", "repeat('😀', 6)", true}, {"longer", "repeat('😀', 6)", true}, {"char(6)", "repeat('😀', 6)", true},
		{"bit(153)", "repeat('10', 77)::bit(153)", true}, {"text", "repeat('😀', 6)", true},
	} {
		table := fmt.Sprintf("t%d", i)
		s.exec(t, fmt.Sprintf(`CREATE TABLE %[1]s (id int PRIMARY KEY, large text, small %[2]s%[3]s);
			ALTER TABLE %[1]s ALTER small SET STORAGE EXTERNAL;
			INSERT INTO %[1]s (id, small%[5]s) SELECT 1, %[4]s%[6]s`, table, c.kind, numbered(", f%d bigint"), c.value,
			numbered(", f%d"), strings.Repeat(", 1", 300)))
		stored := s.query(t, "SELECT (pg_relation_size(reltoastrelid) > 0)::text FROM pg_class WHERE relname = '"+table+"'")
		catalog := pgrepl.NewCatalog(t.Context(), pgrepl.Query(s.conn), func(pgrepl.Table) bool { return true })
		found, err := catalog.Find(func(of pgrepl.Table) bool { return of.Name == table })
		if err != nil || len(found) != 1 {
			t.Fatal(found, err)
		}
		if err := catalog.Load([]uint32{found[0].OID}); err != nil {
			t.Fatal(err)
		}
		got := catalog.Relation(found[0].OID).Columns[2].Toasted
		if got != c.toasted || stored != fmt.Sprint(c.toasted) {
			t.Errorf("%s: said to be stored out of line %v, PostgreSQL does so %s, want %v", c.kind, got, stored, c.toasted)
		}
	}
}

// numbered is a format 300 times, with numbers.
func numbered(format string) string {
	var b strings.Builder
	for i := range 300 {
		fmt.Fprintf(&b, format, i)
	}
	return b.String()
}
