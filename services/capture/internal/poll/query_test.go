package poll

import (
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgtype"

	"github.com/calypso-cdc/calypso/libs/pgrepl"
)

func TestAPollAsksForTheRowsAfterTheOffsetInTheOrderOfItsMode(t *testing.T) {
	columns := []column{{name: "id", oid: pgtype.Int8OID, declared: "bigint", order: "pg_catalog"}, {name: "at", oid: pgtype.TimestamptzOID},
		{name: "made", oid: pgtype.TimestamptzOID}}
	until := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	for _, c := range []struct {
		name string
		src  source
		want string
	}{
		{"bulk", source{mode: bulk, number: -1}, `SELECT "id", "at", "made" FROM "s"."a"`},
		{"incrementing", source{mode: incrementing, number: 0, offset: offset{number: 7, hasNum: true}},
			`SELECT "id", "at", "made" FROM "s"."a" WHERE "id" IS NOT NULL AND ("id") OPERATOR("pg_catalog".>) (7) ORDER BY "id"`},
		{"the first poll by time", source{mode: timestamp, number: -1, stamps: []int{1}},
			`SELECT "id", "at", "made" FROM "s"."a" WHERE "at" < TIMESTAMPTZ '2026-01-02 03:04:05+00' ORDER BY "at"`},
		{"ties of time are broken by the key", source{mode: timestamp, number: -1, stamps: []int{1}, ties: []int{0},
			offset: offset{stamp: 1_500_000, hasStamp: true, tie: []string{"it's"}}},
			`SELECT "id", "at", "made" FROM "s"."a" WHERE "at" < TIMESTAMPTZ '2026-01-02 03:04:05+00' AND ("at", "id") OPERATOR("pg_catalog".>) (TIMESTAMPTZ '1970-01-01 00:00:01.5+00', 'it''s'::bigint) ORDER BY "at", "id"`},
		{"an offset without tie asks for later times", source{mode: timestamp, number: -1, stamps: []int{1}, ties: []int{0},
			offset: offset{stamp: 0, hasStamp: true}},
			`SELECT "id", "at", "made" FROM "s"."a" WHERE "at" < TIMESTAMPTZ '2026-01-02 03:04:05+00' AND ("at") OPERATOR("pg_catalog".>) (TIMESTAMPTZ '1970-01-01 00:00:00+00') ORDER BY "at", "id"`},
		{"an offset whose tie is not of the key asks for its time again", source{mode: timestamp, number: -1, stamps: []int{1},
			offset: offset{stamp: 0, hasStamp: true, tie: []string{"1"}}},
			`SELECT "id", "at", "made" FROM "s"."a" WHERE "at" < TIMESTAMPTZ '2026-01-02 03:04:05+00' AND ("at") OPERATOR("pg_catalog".>=) (TIMESTAMPTZ '1970-01-01 00:00:00+00') ORDER BY "at"`},
		{"the first timestamp that is set counts", source{mode: timestampIncrementing, number: 0, stamps: []int{1, 2},
			offset: offset{stamp: 0, hasStamp: true, number: 3, hasNum: true}},
			`SELECT "id", "at", "made" FROM "s"."a" WHERE COALESCE("at", "made") < TIMESTAMPTZ '2026-01-02 03:04:05+00' AND "id" IS NOT NULL AND (COALESCE("at", "made"), "id") OPERATOR("pg_catalog".>) (TIMESTAMPTZ '1970-01-01 00:00:00+00', 3) ORDER BY COALESCE("at", "made"), "id"`},
	} {
		t.Run(c.name, func(t *testing.T) {
			c.src.set, c.src.table, c.src.columns = &spec{mode: c.src.mode}, pgrepl.Table{Schema: "s", Name: "a"}, columns
			if got, want := c.src.copyQuery(until), "COPY ("+c.want+") TO STDOUT"; got != want {
				t.Errorf("query\n%s\nwant\n%s", got, want)
			}
		})
	}
	query := source{mode: bulk, number: -1, columns: columns[:1],
		set: &spec{query: "SELECT 1 AS id", suffix: "LIMIT 1"}}
	if got, want := query.copyQuery(until), `COPY (SELECT "id" FROM (SELECT 1 AS id) q LIMIT 1) TO STDOUT`; got != want {
		t.Errorf("query\n%s\nwant\n%s", got, want)
	}
}
