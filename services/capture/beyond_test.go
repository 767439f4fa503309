package capture

import (
	"encoding/json"
	"fmt"
	"maps"
	"strings"
	"testing"
)

// TestValuesThatEndOrMisleadDebeziumAreSent covers values at which Debezium 3.6.3 fails, or which it
// writes wrongly: intervals beyond Java's range, seconds in the offset of timetz, days that the
// Gregorian calendar left out, and domains over enums. What is expected is what PostgreSQL
// itself says.
func TestValuesThatEndOrMisleadDebeziumAreSent(t *testing.T) {
	s := newSource(t)
	s.exec(t, `CREATE TYPE mood AS ENUM ('sad', 'ok'); CREATE DOMAIN feeling AS mood;
		CREATE TABLE a (id int PRIMARY KEY, i interval NOT NULL, n interval, tz timetz, d date, ts timestamp, ds date[], tss timestamp[], f feeling NOT NULL)`)
	const row = `INSERT INTO a VALUES (%d, '178000000 years', '-178000000 years', '12:00:00+01:02:03', '1582-10-10', '1582-10-10 01:00:00', '{1582-10-04,1582-10-05,1582-10-14,1582-10-15}', '{1582-10-05 00:00:00,1582-10-14 01:00:00,1582-10-15 00:00:00}', 'ok')`
	s.exec(t, fmt.Sprintf(row, 1))
	utc := s.query(t, "SELECT (time '12:00:00' - interval '01:02:03')::text || 'Z'")
	day := func(date string) string { return s.query(t, "SELECT (date '"+date+"' - date '1970-01-01')::text") }
	instant := func(timestamp string) string {
		return s.query(t, "SELECT (extract(epoch FROM timestamp '"+timestamp+"') * 1000000)::bigint::text")
	}
	want := map[string]string{"tz": `"` + utc + `"`, "d": day("1582-10-10"), "f": `"ok"`,
		"ts": instant("1582-10-10 01:00:00"),
		"tss": "[" + strings.Join([]string{instant("1582-10-05"), instant("1582-10-14 01:00:00"), instant("1582-10-15")},
			",") + "]",
		"ds": "[" + strings.Join([]string{day("1582-10-04"), day("1582-10-05"), day("1582-10-14"), day("1582-10-15")},
			",") + "]"}
	for mode, intervals := range map[string]map[string]string{
		"numeric": {"i": "9223372036854775807", "n": "-9223372036854775808"},
		"string":  {"i": `"P178000000Y0M0DT0H0M0S"`, "n": `"P-178000000Y0M0DT0H0M0S"`},
	} {
		t.Run(mode, func(t *testing.T) {
			name := mode[:1] + s.db
			c := start(t, s.config(name, map[string]string{"topic.prefix": name, "slot.name": name, "publication.name": name,
				"interval.handling.mode": mode}))
			defer c.stop(t)
			topic := name + ".public.a"
			await(t, topic, 1)
			s.exec(t, fmt.Sprintf(row, 2))
			await(t, topic, 2)
			s.exec(t, "DELETE FROM a WHERE id = 2")
			want := maps.Clone(want)
			maps.Copy(want, intervals)
			for _, r := range records(t, topic)[:2] {
				var e struct{ After map[string]json.RawMessage }
				if err := json.Unmarshal(r.Value, &e); err != nil {
					t.Fatal(err)
				}
				for column, value := range want {
					if got := string(e.After[column]); got != value {
						t.Errorf("record %s has %s %s, want %s", r.Key, column, got, value)
					}
				}
			}
		})
	}
}

func TestAnIncrementalSnapshotReadsATableByAKeyOfUUIDs(t *testing.T) {
	s := newSource(t)
	s.exec(t,
		`CREATE TABLE a (id uuid PRIMARY KEY, n int); INSERT INTO a SELECT md5(g::text)::uuid, g FROM generate_series(1, 25) g;
		CREATE TABLE sig (id varchar(42) PRIMARY KEY, type varchar(32), data varchar(2048))`)
	start(t, s.config("c"+s.db, map[string]string{"snapshot.mode": "no_data", "signal.data.collection": "public.sig",
		"incremental.snapshot.chunk.size": "4"}))
	s.awaitSlot(t)
	s.exec(t, "INSERT INTO sig VALUES ('s', 'execute-snapshot', '{\"data-collections\": [\"public.a\"]}')")
	keys := make(map[string]bool)
	for _, e := range await(t, s.db+".public.a", 25) {
		if e.Source.Snapshot != "incremental" {
			t.Errorf("the event of %s has mark %q", e.key, e.Source.Snapshot)
		}
		keys[e.key] = true
	}
	if len(keys) != 25 {
		t.Errorf("%d of 25 rows were read", len(keys))
	}
}

// TestAnEnumsNewValueIsAllowedFromDDLOfItsTableOn: the value itself is sent at once; Debezium
// allows the old values until it is started again.
func TestAnEnumsNewValueIsAllowedFromDDLOfItsTableOn(t *testing.T) {
	s := newSource(t)
	s.exec(t,
		"CREATE TYPE mood AS ENUM ('sad', 'ok'); CREATE TABLE a (id int PRIMARY KEY, m mood); INSERT INTO a VALUES (1, 'ok')")
	start(t, s.config("c"+s.db, map[string]string{"value.converter.schemas.enable": "true"}))
	topic := s.db + ".public.a"
	await(t, topic, 1)
	s.exec(t, "ALTER TYPE mood ADD VALUE 'glad' BEFORE 'ok'")
	s.exec(t, "INSERT INTO a VALUES (2, 'glad')")
	await(t, topic, 2)
	s.exec(t, "ALTER TYPE mood ADD VALUE 'calm'")
	s.exec(t, "ALTER TABLE a ADD COLUMN n int")
	s.exec(t, "INSERT INTO a VALUES (3, 'calm')")
	await(t, topic, 3)
	for i, want := range []string{`"m":"ok"`, `"m":"glad"`, `"allowed":"sad,glad,ok,calm"`} {
		if value := string(records(t, topic)[i].Value); !strings.Contains(value, want) {
			t.Errorf("record %d does not have %s: %s", i+1, want, value)
		}
	}
}

// says reports each text that a failure does not have.
func says(t *testing.T, err error, wants ...string) {
	t.Helper()
	for _, want := range wants {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("the failure does not say %q: %v", want, err)
		}
	}
}

func TestAValueThatNothingStandsForNamesItsRowAndWhatToDo(t *testing.T) {
	for of, value := range map[string]string{"mood[]": "{ok,NULL}", "bit(3)[]": "{101}", "pair[]": `{"(1,x)"}`,
		"numeric": "NaN"} {
		t.Run(of, func(t *testing.T) {
			s := newSource(t)
			s.exec(t,
				"CREATE TYPE mood AS ENUM ('sad', 'ok'); CREATE TYPE pair AS (a int, b text); CREATE TABLE a (id int PRIMARY KEY, v "+of+" NOT NULL)")
			set := map[string]string{"include.unknown.datatypes": "true"}
			c := start(t, s.config("c"+s.db, set))
			s.awaitSlot(t)
			s.exec(t, "INSERT INTO a VALUES (7, '"+value+"')")
			if of == "pair[]" {
				// Unknown types have the bytes of their text.
				await(t, s.db+".public.a", 1)
				return
			}
			says(t, c.failure(t), "column public.a.v", "id=7", "column.exclude.list", "TYPE text", "DROP NOT NULL",
				"event.processing.failure.handling.mode=warn")
			s.exec(t, "ALTER TABLE a ALTER v DROP NOT NULL")
			set["column.exclude.list"] = "public.a.v"
			start(t, s.config("c"+s.db, set))
			await(t, s.db+".public.a", 1)
		})
	}
}

// A snapshot keeps each row back until it has read the next one, which may be of the next table.
func TestARowOfASnapshotThatNothingStandsForIsNamedWithItsOwnTable(t *testing.T) {
	s := newSource(t)
	s.exec(t,
		"CREATE TABLE a (id int PRIMARY KEY, v numeric NOT NULL); INSERT INTO a VALUES (7, 'NaN'); CREATE TABLE b (id int PRIMARY KEY); INSERT INTO b VALUES (1)")
	err := start(t, s.config("c"+s.db, nil)).failure(t)
	says(t, err, "snapshot of table public.a", "column public.a.v", "id=7")
	if strings.Contains(err.Error(), "public.b") {
		t.Errorf("the other table is named: %v", err)
	}
}

func TestAChangeThatTheServerCannotSendIsNamedAndItsRemedyWorks(t *testing.T) {
	s := newSourceWith(t, "ENCODING 'WIN1252' LC_COLLATE 'C' LC_CTYPE 'C' TEMPLATE template0")
	s.exec(t, "CREATE TABLE a (id int PRIMARY KEY, x text, y text); INSERT INTO a VALUES (1, 'plain', '')")
	config := s.config("c"+s.db, nil)
	c := start(t, config)
	topic := s.db + ".public.a"
	await(t, topic, 1)
	s.exec(t,
		"BEGIN; INSERT INTO a VALUES (2, 'before', ''); INSERT INTO a VALUES (3, 'fine', convert_from('\\x6181', 'WIN1252')); COMMIT")
	err := c.failure(t)
	says(t, err, "(ENCODING)", "WIN1252", "0x81", "public.a", "id=3", "column y", "LSN 0/", "pg_replication_slot_advance")
	if err == nil {
		return
	}
	_, advance, _ := strings.Cut(err.Error(), "SELECT ")
	advance, _, _ = strings.Cut(advance, ", resume")
	s.exec(t, "UPDATE a SET y = 'fixed' WHERE id = 3")
	// The server may notice a little later that its reader is gone.
	eventually(t, "the slot is free", func() error {
		_, err := s.conn.Exec(t.Context(), "SELECT "+advance)
		return err
	})
	config["offset.mismatch.strategy"] = "trust_slot"
	told := startTold(t, config)
	if got := <-told; !strings.HasPrefix(got, "GapAccepted: ") || !strings.Contains(got, "trust_slot") {
		t.Errorf("the timeline has %q", got)
	}
	got := await(t, topic, 2) // the transaction was passed over whole
	if last := got[len(got)-1]; last.Op != "u" || last.After["y"] != "fixed" {
		t.Errorf("the last event is %+v", last)
	}
}
