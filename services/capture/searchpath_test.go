package capture

import (
	"fmt"
	"strings"
	"testing"

	"github.com/calypso-cdc/calypso/libs/digest"
	"github.com/calypso-cdc/calypso/libs/pgrepl"
	"github.com/calypso-cdc/calypso/services/capture/internal/digests"
)

// trap is a schema whose tables and types have the names of the catalog's, and whose functions and
// operators those of the catalog's for other types of arguments, which fit where a query's arguments
// are not quite of the types that the catalog's own declare. Whoever calls one of them fails.
const trap = `CREATE SCHEMA trap;
DO $do$
DECLARE
	r record;
	types text[] := ARRAY['oid', 'int2', 'int4', 'int8', 'name', 'text', 'varchar', '"char"', 'regclass', 'xid', 'pg_lsn', 'timestamptz',
		'numeric', 'float8', 'bool', 'bit', 'varbit', 'bytea', 'name[]', 'text[]', 'int2[]', 'int4[]', 'oid[]', 'int2vector', 'oidvector', 'inet', 'tid'];
BEGIN
	FOR r IN SELECT relname FROM pg_class WHERE relnamespace = 'pg_catalog'::regnamespace AND relkind IN ('r', 'v') LOOP
		EXECUTE format('CREATE TABLE trap.%I ()', r.relname);
	END LOOP;
	FOR r IN SELECT unnest(ARRAY['name', 'text', 'oid', 'regclass', 'pg_lsn', 'xid', 'timestamptz', 'int2']) t LOOP
		EXECUTE format('CREATE DOMAIN trap.%I AS pg_catalog.text', r.t);
	END LOOP;
	-- Functions that have one argument changed to each type that converts to it without being asked.
	FOR r IN SELECT DISTINCT proname, array_to_string(ARRAY(SELECT format_type(CASE WHEN k.n = v.n THEN v.t ELSE
				CASE k.t WHEN 'anyarray'::regtype THEN 'name[]'::regtype WHEN 'anynonarray'::regtype THEN 'name'::regtype
					WHEN 'anyelement'::regtype THEN 'name'::regtype WHEN '"any"'::regtype THEN 'text'::regtype ELSE k.t END END, NULL)
			FROM unnest(p.proargtypes::oid[]) WITH ORDINALITY k(t, n) ORDER BY k.n), ', ') AS args
		FROM pg_proc p CROSS JOIN LATERAL (
			SELECT a.n, c.castsource AS t FROM unnest(p.proargtypes::oid[]) WITH ORDINALITY a(t, n)
				JOIN pg_cast c ON c.casttarget = a.t AND c.castcontext = 'i'
			UNION SELECT a.n, x::regtype::oid FROM unnest(p.proargtypes::oid[]) WITH ORDINALITY a(t, n), unnest(types) x
				WHERE a.t IN ('anyelement'::regtype, 'anynonarray'::regtype, 'anyarray'::regtype, '"any"'::regtype)
				AND (a.t <> 'anyarray'::regtype OR x LIKE '%[]')
				AND (a.t <> 'anynonarray'::regtype OR x NOT LIKE '%[]')) v
		WHERE p.pronamespace = 'pg_catalog'::regnamespace AND pronargs BETWEEN 1 AND 4 AND proname ~ '^[a-z_0-9]+$'
			AND NOT (p.proargtypes::oid[] && ARRAY['internal'::regtype::oid, 'cstring'::regtype::oid]) LOOP
		BEGIN
			EXECUTE format('CREATE FUNCTION trap.%I(%s) RETURNS text LANGUAGE plpgsql
				AS $$ BEGIN RAISE ''the trap: %s(%s)''; END $$', r.proname, r.args, r.proname, r.args);
		EXCEPTION WHEN duplicate_function OR invalid_function_definition THEN
		END;
	END LOOP;
	FOR r IN SELECT a, b FROM unnest(types) a, unnest(types) b LOOP
		EXECUTE format('CREATE FUNCTION trap.o(%s, %s) RETURNS bool LANGUAGE plpgsql
			AS $$ BEGIN RAISE ''the trap: operator of %s, %s''; END $$', r.a, r.b, r.a, r.b);
	END LOOP;
	FOR r IN SELECT a, b, o FROM unnest(types) a, unnest(types) b,
			unnest(ARRAY['=', '<>', '<', '<=', '>', '>=', '||', '~', '~~', '!~~', '+', '-', '*', '/', '&', '>>']) o LOOP
		EXECUTE format('CREATE OPERATOR trap.%s (LEFTARG = %s, RIGHTARG = %s, FUNCTION = trap.o)', r.o, r.a, r.b);
	END LOOP;
END $do$;
GRANT USAGE ON SCHEMA trap TO PUBLIC;`

func TestASchemaOnTheSearchPathChangesNothing(t *testing.T) {
	for _, path := range []string{"trap, pg_catalog", "trap, public", `"$user", trap, PG_CATALOG, public`} {
		t.Run(path, func(t *testing.T) {
			s := newSource(t)
			s.exec(t, trap)
			s.exec(t, `CREATE TYPE public.mood AS ENUM ('sad', 'happy'); CREATE TABLE signals (id text PRIMARY KEY, type text, data text);
				CREATE TABLE parted (id varchar(9) PRIMARY KEY, m public.mood DEFAULT 'sad') PARTITION BY RANGE (id);
				CREATE TABLE parted_1 PARTITION OF parted FOR VALUES FROM ('a') TO ('m'); CREATE TABLE parted_2 PARTITION OF parted FOR VALUES FROM ('m') TO ('z');
				CREATE TABLE parent (id int2 PRIMARY KEY, at timestamptz, n numeric(9, 2), f float8, d date, i interval, b bytea); CREATE TABLE child () INHERITS (parent);
				INSERT INTO parted VALUES ('a', 'sad'), ('n', 'happy'); INSERT INTO parent VALUES (1, '2020-01-01', 1.5, 0.1, '2020-01-01', '1 day', '\x00');
				INSERT INTO child VALUES (2, '2021-01-01', 2.5, 0.2, '2020-01-01', '1 day', '\x01')`)
			set := s.role(t, "GRANT SELECT ON ALL TABLES IN SCHEMA public TO ROLE; GRANT INSERT ON signals TO ROLE; GRANT CREATE ON DATABASE "+s.db+" TO ROLE")
			s.exec(t, "ALTER TABLE parent OWNER TO "+set["database.user"]+"; ALTER TABLE child OWNER TO "+set["database.user"]+
				"; ALTER TABLE parted OWNER TO "+set["database.user"]+"; ALTER TABLE parted_1 OWNER TO "+set["database.user"]+
				"; ALTER TABLE parted_2 OWNER TO "+set["database.user"]+"; ALTER TABLE signals OWNER TO "+set["database.user"])
			set["signal.data.collection"] = "public.signals"
			set["table.include.list"] = `public\..*`
			set["publication.autocreate.mode"] = "filtered"
			config := s.config("c"+s.db, set)
			before := s.findings(t, config)
			s.exec(t, fmt.Sprintf("ALTER ROLE %s IN DATABASE %s SET search_path = %s", set["database.user"], s.db, path))
			for name, c := range s.findings(t, config) {
				if was := before[name]; c.OK != was.OK || c.Remedy != was.Remedy || strings.Contains(c.Detail, "trap") {
					t.Errorf("check %s: %+v, without the schema %+v", name, c, was)
				}
			}

			r, err := digests.Open(t.Context(), checked(t, config), nil)
			if err != nil {
				t.Fatal(err)
			}
			defer r.Close()
			for _, d := range r.Tables() {
				compareAll(t, r, d)
			}
			start(t, config)
			parted, parent := s.db+".public.parted_1", s.db+".public.parent"
			await(t, parted, 1)
			await(t, parent, 2)
			s.awaitSlot(t)
			s.exec(t, "INSERT INTO parent VALUES (3); INSERT INTO parted VALUES ('b')")
			await(t, parted, 2)
			await(t, parent, 3)
			s.exec(t, `INSERT INTO signals VALUES ('1', 'execute-snapshot', '{"data-collections": ["public.parent", "public.parted_1"]}')`)
			if got := ops(await(t, parent, 6)); got != "rrcrrr" {
				t.Errorf("operations are %s", got)
			}
			await(t, parted, 4)

		})
	}
}

// PostgreSQL makes what a statement names without a schema in the first schema of the path.
func TestStatementsOfTheUsersMakeTablesWhereTheirSearchPathSays(t *testing.T) {
	for _, path := range []string{"app, pg_catalog", "$user, app, pg_catalog", `"odd, ""one", pg_catalog, app`} {
		t.Run(path, func(t *testing.T) {
			s := newSource(t)
			s.exec(t, `CREATE SCHEMA app; CREATE SCHEMA "odd, ""one"`)
			config := s.tlsConfig(s.role(t, "GRANT ALL ON SCHEMA app, \"odd, \"\"one\" TO ROLE"))
			config.InitialStatements = []string{
				"SELECT set_config('search_path', " + pgrepl.QuoteLiteral(path) + ", false)", "CREATE TABLE first ()"}
			conn, err := config.Connect(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			defer pgrepl.Disconnect(conn)
			if _, err := conn.Exec(t.Context(), "CREATE TABLE later ()"); err != nil {
				t.Fatal(err)
			}
			var same bool
			if err := conn.QueryRow(t.Context(), `SELECT 'later'::regclass::oid > 0
				AND (SELECT count(DISTINCT relnamespace) FROM pg_class WHERE relname IN ('first', 'later')) = 1`).Scan(&same); err != nil {
				t.Fatal(err)
			}
			if !same {
				t.Error("the tables are not in one schema")
			}
			var schemas []string
			if err := conn.QueryRow(t.Context(), "SELECT current_schemas(true)::text[]").Scan(&schemas); err != nil ||
				schemas[0] != "pg_catalog" {
				t.Errorf("names are looked up in %q: %v", schemas, err)
			}
		})
	}
}

// compareAll reads a table as a comparison does, by all of its columns that can be compared.
func compareAll(t *testing.T, r digest.Reader, d digest.Description) {
	t.Helper()
	if d.Failure != "" {
		t.Errorf("%s cannot be compared: %s", d.Name, d.Failure)
		return
	}
	var selection digest.Selection
	for _, c := range d.Columns {
		if c.Withheld != "" {
			continue
		}
		for _, kusto := range []string{"string", "long", "int", "datetime", "decimal", "real", "timespan", "bool"} {
			form, err := digest.FormOf(c, kusto)
			if err != nil {
				continue
			}
			pair := digest.Pair(c, digest.DescribedColumn{Name: c.Name, Type: kusto}, form)
			if len(d.Key) > 0 && c.Name == d.Key[0] && len(selection.Key) == 0 {
				selection.Key = append(selection.Key, pair[0])
			}
			selection.Columns = append(selection.Columns, pair[0])
		}
	}
	if len(selection.Key) == 0 {
		return
	}
	table, err := r.Table(d.Name, selection)
	if err != nil {
		t.Fatal(err)
	}
	e, err := table.Extent(t.Context())
	if err != nil {
		t.Errorf("%s: %v", d.Name, err)
		return
	}
	span := digest.Span{Low: e.Low, High: e.High}
	if _, err := table.Digests(t.Context(), span); err != nil {
		t.Errorf("%s: %v", d.Name, err)
	}
	rows, err := table.Rows(t.Context(), span)
	if err != nil || int64(len(rows)) != e.Rows {
		t.Errorf("%s: %d of %d rows: %v", d.Name, len(rows), e.Rows, err)
	}
	if _, err := table.RowsAt(t.Context(), []int64{e.Low}); err != nil {
		t.Errorf("%s: %v", d.Name, err)
	}
}
