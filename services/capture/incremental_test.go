package capture

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"

	"github.com/calypso-cdc/calypso/libs/debezium"
	"github.com/calypso-cdc/calypso/libs/pgrepl"
	"github.com/calypso-cdc/calypso/services/capture/internal/incremental"
	"github.com/calypso-cdc/calypso/services/capture/internal/progress"
	"github.com/calypso-cdc/calypso/services/capture/internal/spec"
)

// keyTypes are types of key columns, each with SQL for a value from a number g of a small range.
var keyTypes = map[string]string{
	"int": "g", "bigint": "-g * 4000000000", "text": "chr(97 + g) || '''\\'", "varchar(9)": "'v' || g",
	"char(5)": "'c' || g", "boolean": "g % 2 = 0",
	"numeric(9,2)": "g / 3.0", "float8": "CASE g WHEN 0 THEN 'NaN' WHEN 1 THEN '-Infinity' ELSE g / 7.0 END::float8",
	"date": "date '2020-01-01' + g", "timestamptz": "timestamptz '2020-01-01 00:00+00' + g * interval '1 hour'",
	"interval": "g * interval '1 day'", "uuid": "md5(g::text)::uuid", "bytea": "decode(lpad(to_hex(g), 2, '0'), 'hex')",
	"inet": "inet '10.0.0.0' + g", "int[]": "ARRAY[g, NULL, -g]", "mood": "(enum_range(NULL::mood))[1 + g % 3]",
	"bit(4)": "g::bit(4)", "name": "('n' || g)::name", "jsonb": "jsonb_build_object('g', g)",
	"pair": "row(g, 'x,y')::pair", "int4range": "int4range(g, g + 2)", "time": "time '00:00' + g * interval '1 minute'",
	"posint": "g + 1", "ext.citext": "CASE g % 3 WHEN 0 THEN chr(65 + g) ELSE chr(97 + g) END", "ext.tag": "chr(66 + g % 3) || chr(99 - g)",
}

// TestChunksReadEveryRowOnceWhateverTheKey reads random tables chunk by chunk, as an incremental
// snapshot does, by keys of all types, with NULLs, equal beginnings and rows that the key does not
// tell apart.
func TestChunksReadEveryRowOnceWhateverTheKey(t *testing.T) {
	s := newSource(t)
	s.exec(t,
		"CREATE TYPE mood AS ENUM ('sad', 'ok', 'happy'); CREATE TYPE pair AS (a int, b text); CREATE DOMAIN posint AS int CHECK (VALUE > 0); "+
			// The connection's search_path has no ext, as a role's may have no public.
			"CREATE SCHEMA ext; CREATE EXTENSION citext SCHEMA ext; CREATE DOMAIN ext.tag AS ext.citext")
	conn, err := pgx.Connect(t.Context(), s.URL(s.db))
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close(t.Context())
	server, err := pgrepl.InspectServer(t.Context(), conn)
	if err != nil {
		t.Fatal(err)
	}
	types := slices.Sorted(maps.Keys(keyTypes))
	seed := rand.Uint64()
	random := rand.New(rand.NewPCG(seed, 0))
	for round := range 60 {
		first := types[round%len(types)] // each type comes first in some round
		columns := []string{first}
		for range random.IntN(3) {
			columns = append(columns, types[random.IntN(len(types))])
		}
		var define, values, names []string
		for i, typ := range columns {
			name := fmt.Sprintf("K%d", i)
			names = append(names, pgrepl.QuoteIdent(name))
			null := ""
			value := "(" + keyTypes[typ] + ")"
			if random.IntN(3) == 0 {
				null = " NOT NULL"
			} else {
				value = fmt.Sprintf("CASE WHEN (n + %d) %% %d <> 0 THEN %s END", i, 2+random.IntN(3), value)
			}
			define = append(define, pgrepl.QuoteIdent(name)+" "+typ+null)
			values = append(values, fmt.Sprintf("(SELECT %s FROM (SELECT (n * %d %% %d)::int AS g) q)", value, 1+random.IntN(7),
				2+random.IntN(9)))
		}
		rows := random.IntN(40)
		s.exec(t,
			fmt.Sprintf("CREATE TABLE k%d (%s, n int); INSERT INTO k%[1]d SELECT %[3]s, n FROM generate_series(1, %[4]d) n",
				round, strings.Join(define, ", "), strings.Join(values, ", "), rows))
		what := fmt.Sprintf("round %d of seed %d: %s, %d rows", round, seed, strings.Join(define, ", "), rows)
		for _, chunk := range []int{1, 2, 1 + random.IntN(rows+1), rows + 1} {
			set := new(spec.Spec)
			set.Signals.ChunkRows = chunk
			chunks := incremental.Chunks{Spec: set, Events: new(debezium.Config), Server: server}
			req := incremental.Request{Collection: progress.Collection{Table: pgrepl.Table{Schema: "public",
				Name: fmt.Sprintf("k%d", round)}}}
			rel, err := pgrepl.NewCatalog(t.Context(), pgrepl.Query(conn),
				func(pgrepl.Table) bool { return true }).Named(req.Table.Schema, req.Table.Name)
			if err != nil {
				t.Fatal(err)
			}
			var key []int
			for i := range names {
				key = append(key, i)
			}
			seen := make(map[string]int)
			for reads := 0; ; reads++ {
				c, err := chunks.ReadBy(t.Context(), conn, req, rel, key)
				if err != nil {
					t.Fatalf("%s, chunks of %d: %v", what, chunk, err)
				}
				if len(c.Lines) == 0 {
					break
				}
				for _, line := range c.Lines {
					fields := strings.Split(strings.TrimSuffix(string(line), "\n"), "\t")
					seen[fields[len(fields)-1]]++
				}
				if req.Last, req.Max = c.Last, c.Max; reads > rows {
					t.Fatalf("%s, chunks of %d: no end", what, chunk)
				}
			}
			for i := range rows {
				if id := fmt.Sprint(i + 1); seen[id] != 1 {
					t.Errorf("%s, chunks of %d: row %s came %d times", what, chunk, id, seen[id])
				}
			}
		}
	}
}

// The window of a chunk leaves out what changed while it was open: the rows that changed, and not
// others whose records have the same key.
func TestAnIncrementalSnapshotDeliversAllRowsOfAKeyThatDoesNotTellThemApart(t *testing.T) {
	for name, c := range map[string]struct {
		table, surrogate string
		set              map[string]string
		// after is executed after the rows are there, by servers of at least version and before until.
		after          string
		version, until int
	}{
		"unique with NULL": {table: "id int, a int NOT NULL, b text, x text, UNIQUE (a, b)"},
		"message.key.columns": {table: "id int PRIMARY KEY, a int NOT NULL, b text, x text",
			set: map[string]string{"message.key.columns": "public.a:a"}},
		"unique with NULL where a domain forbids it": {table: "id int, a int NOT NULL, b word, x text, UNIQUE (a, b)"},
		"unique with NULL where a constraint is not valid": {table: "id int, a int NOT NULL, b text, x text, UNIQUE (a, b)",
			after: "UPDATE a SET b = 'b' || id WHERE id % 5 = 1; ALTER TABLE a ADD CONSTRAINT there NOT NULL b NOT VALID", version: 180000},
		"unique with NULL in a child": {table: "id int, a int NOT NULL, b text, x text, UNIQUE (a, b)", until: 180000,
			after: `CREATE TABLE child () INHERITS (a); ALTER TABLE child REPLICA IDENTITY FULL; INSERT INTO child SELECT * FROM a
				WHERE id % 5 = 2; DELETE FROM ONLY a WHERE id % 5 = 2;
				UPDATE ONLY a SET b = 'b' || id; ALTER TABLE ONLY a ALTER b SET NOT NULL`},
		"surrogate key": {table: "id int, a int NOT NULL, b text, x text", surrogate: `, "surrogate-key": "b"`},
	} {
		t.Run(name, func(t *testing.T) {
			s := newSource(t)
			if v := s.query(t, "SELECT current_setting('server_version_num')"); v < fmt.Sprint(c.version) || c.until > 0 && v >= fmt.Sprint(c.until) {
				t.Skip("PostgreSQL", v, "has no such constraint")
			}
			s.exec(t, "CREATE DOMAIN word AS text NOT NULL; CREATE TABLE words (i int, b word); CREATE TABLE a ("+c.table+
				"); ALTER TABLE a REPLICA IDENTITY FULL; CREATE TABLE sig (id varchar(42) PRIMARY KEY, type varchar(32) NOT NULL, data varchar(2048))")
			// An outer join gives NULL of a domain that is NOT NULL.
			s.exec(t, `INSERT INTO words SELECT i, 'b' || i FROM generate_series(2, 200, 2) i;
				INSERT INTO a SELECT g, g % 3, words.b, 'old' FROM generate_series(1, 200) g LEFT JOIN words ON i = g; `+c.after)
			set := map[string]string{"snapshot.mode": "no_data", "signal.data.collection": "public.sig",
				"incremental.snapshot.chunk.size": "5", "table.include.list": "public.a"}
			maps.Copy(set, c.set)
			start(t, s.config("c"+s.db, set))
			s.awaitSlot(t)
			s.exec(t, fmt.Sprintf(`INSERT INTO sig VALUES ('s', 'execute-snapshot', '{"data-collections": ["public.a"]%s}')`,
				c.surrogate))
			for i := range 40 {
				s.exec(t, fmt.Sprintf("UPDATE a SET x = 'new' WHERE id = %d", 1+5*i))
			}
			state := make(map[string]any)
			eventually(t, "all rows come", func() error {
				clear(state)
				for _, e := range events(t, s.db+".public.a") {
					if e.After != nil {
						state[fmt.Sprint(e.After["id"])] = e.After["x"]
					}
				}
				if len(state) < 200 {
					return fmt.Errorf("%d of 200 rows", len(state))
				}
				return nil
			})
			for i := range 40 {
				if id := fmt.Sprint(1 + 5*i); state[id] != "new" {
					t.Errorf("row %s ends as %v: an older read came after the change", id, state[id])
				}
			}
		})
	}
}
