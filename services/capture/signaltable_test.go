package capture

import (
	"fmt"
	"strings"
	"testing"

	"github.com/calypso-cdc/calypso/services/capture/internal/status"
)

func TestASignalTableThatCannotBeUsedIsNamedInTheCheckWithItsRemedy(t *testing.T) {
	s := newSource(t)
	s.exec(t, `CREATE TABLE a (id int PRIMARY KEY); CREATE TABLE signals (id text PRIMARY KEY, type text, data text);
		CREATE TABLE numbers (id int PRIMARY KEY, type text, data text); CREATE TABLE narrow (id text, type text);
		CREATE VIEW seen AS SELECT * FROM signals;
		CREATE PUBLICATION `+s.db+` FOR TABLE a`)
	for _, c := range []struct {
		table, mode, says, remedy string
	}{
		{"public.none", "disabled", "table public.none does not exist", `CREATE TABLE "public"."none" (id varchar(42) PRIMARY KEY`},
		{"public.seen", "disabled", "is not a table", "CREATE TABLE"},
		{"public.numbers", "disabled", "three text columns", "CREATE TABLE"},
		{"public.narrow", "disabled", "three text columns", "CREATE TABLE"},
		{"public.signals", "disabled", "does not publish the inserts of public.signals",
			`ALTER PUBLICATION "` + s.db + `" ADD TABLE "public"."signals"`},
		{"public.signals", "filtered", "signals of public.signals arrive", ""},
	} {
		found := s.findings(t, s.config("c"+s.db, map[string]string{"table.include.list": "public.a",
			"signal.data.collection": c.table, "publication.autocreate.mode": c.mode}))["signal table"]
		if !found.OK || !strings.Contains(found.Detail, c.says) || !strings.Contains(found.Remedy, c.remedy) ||
			c.remedy == "" && found.Remedy != "" {
			t.Errorf("%s (%s): %+v", c.table, c.mode, found)
		}
	}
	found := s.findings(t, s.config("c"+s.db, map[string]string{"table.include.list": "public.a"}))
	if c, any := found["signal table"]; any {
		t.Errorf("without a signal table: %+v", c)
	}
	set := s.role(t, "GRANT SELECT ON ALL TABLES IN SCHEMA public TO ROLE")
	set["signal.data.collection"], set["publication.autocreate.mode"] = "public.signals", "filtered"
	c := s.findings(t, s.config("c"+s.db, set))["signal table"]
	if !strings.Contains(c.Detail, "may not insert into public.signals") ||
		!strings.HasPrefix(c.Remedy, `GRANT INSERT ON "public"."signals" TO`) {
		t.Errorf("of a role that may not insert: %+v", c)
	}
}

func TestAMissingSignalTableIsSaidWhileTheConnectorStreamsUntilItIsThere(t *testing.T) {
	s := newSource(t)
	s.exec(t, `CREATE TABLE a (id int PRIMARY KEY); INSERT INTO a VALUES (1);
		CREATE PUBLICATION `+s.db+` FOR ALL TABLES`)
	config := s.config("c"+s.db, map[string]string{"signal.data.collection": "public.signals"})
	registry := NewRegistry()
	startWith(t, servers.kafka.Bootstrap, config, Options{Registry: registry})
	said := func() (failed status.BackgroundFailure, any bool) {
		e := registry.captures.Find(config["name"])
		if e == nil {
			return failed, false
		}
		for _, f := range e.State().Background {
			if f.Work == status.SignalTable {
				return f, true
			}
		}
		return failed, false
	}
	eventually(t, "the missing table is said", func() error {
		f, any := said()
		if !any || !strings.Contains(f.Reason, "table public.signals does not exist") ||
			!strings.HasPrefix(f.Remedy, `CREATE TABLE "public"."signals"`) {
			return fmt.Errorf("said %t: %+v", any, f)
		}
		return nil
	})
	s.exec(t, "CREATE TABLE signals (id varchar(42) PRIMARY KEY, type varchar(32) NOT NULL, data varchar(2048))")
	eventually(t, "the table is taken up", func() error {
		if f, any := said(); any {
			return fmt.Errorf("still said: %+v", f)
		}
		return nil
	})
}
