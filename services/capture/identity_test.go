package capture

import (
	"fmt"
	"strings"
	"testing"
)

// The server sends of a deleted row, and of the old row when a key changes, what the replica identity
// has; Debezium's key of such an event lacks the rest, and so does ours.
func TestAKeyThatTheReplicaIdentityDoesNotHaveIsNamedBeforeTheStartAndWhileItRuns(t *testing.T) {
	for name, c := range map[string]struct {
		table, keys, lost string
	}{
		"another unique index": {
			"id int PRIMARY KEY, code text NOT NULL UNIQUE); ALTER TABLE %[1]s REPLICA IDENTITY USING INDEX \"Keyed_code_key\";",
			"", "id"},
		"columns of the connector":         {"id int PRIMARY KEY, code text, n int);", "code,n", "code, n"},
		"a part of the primary key":        {"id int, code text, PRIMARY KEY (id, code));", "code", ""},
		"the primary key":                  {"id int PRIMARY KEY, code text);", "", ""},
		"the whole row":                    {"id int PRIMARY KEY, code text); ALTER TABLE %[1]s REPLICA IDENTITY FULL;", "code", ""},
		"the identity's index without key": {"code text NOT NULL UNIQUE); ALTER TABLE %[1]s REPLICA IDENTITY USING INDEX \"Keyed_code_key\";", "", ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newSource(t)
			s.exec(t, fmt.Sprintf("CREATE TABLE %[1]s ("+c.table, `"Keyed"`))
			set := map[string]string{}
			if c.keys != "" {
				set["message.key.columns"] = "public.Keyed:" + c.keys
			}
			config := s.config("c"+s.db, set)
			registry := NewRegistry()
			startWith(t, servers.kafka.Bootstrap, config, Options{Registry: registry})
			said := ""
			eventually(t, "the table is shown", func() error {
				e := registry.captures.Find(config["name"])
				if e == nil || len(e.Tables()) != 1 {
					return fmt.Errorf("it is not")
				}
				said = strings.Join(e.Tables()[0].Warnings, " ")
				return nil
			})
			check := s.findings(t, config)["replica identity"]
			const remedy = `ALTER TABLE "public"."Keyed" REPLICA IDENTITY FULL;`
			for where, text := range map[string]string{"while it runs": said, "before the start": check.Detail + " " + check.Remedy} {
				names := strings.Contains(text, "The key of its events has "+c.lost+", which") && strings.Contains(text, remedy)
				if c.lost == "" && strings.Contains(text, "which the replica identity") || c.lost != "" && !names {
					t.Errorf("%s: %q", where, text)
				}
			}
		})
	}
}

func TestEveryTableWhoseRowsCannotBeToldApartIsNamedUnlessTheConnectorSetsItsIdentity(t *testing.T) {
	s := newSource(t)
	s.exec(t, `CREATE TABLE bare (x text); CREATE TABLE bare2 (x text); CREATE TABLE set_by_it (x text);
		CREATE TABLE keyed (id int PRIMARY KEY, code text NOT NULL UNIQUE); ALTER TABLE keyed REPLICA IDENTITY USING INDEX keyed_code_key`)
	c := s.findings(t, s.config("c"+s.db,
		map[string]string{"replica.identity.autoset.values": "public.set_by_it:FULL"}))["replica identity"]
	for _, table := range []string{"bare", "bare2", "keyed"} {
		if !strings.Contains(c.Remedy, `ALTER TABLE "public"."`+table+`" REPLICA IDENTITY FULL;`) {
			t.Errorf("%s is not named: %+v", table, c)
		}
	}
	if !c.OK || !strings.Contains(c.Detail, "of 3 tables") || strings.Contains(c.Remedy, "set_by_it") {
		t.Errorf("the check is %+v", c)
	}
}
