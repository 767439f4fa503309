package pgdigest

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"math"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"pgregory.net/rapid"

	"github.com/calypso-cdc/calypso/libs/debezium"
	"github.com/calypso-cdc/calypso/libs/digest"
	"github.com/calypso-cdc/calypso/libs/pgmodel"
	"github.com/calypso-cdc/calypso/libs/pgrepl"
	"github.com/calypso-cdc/calypso/libs/pgserver"
	"github.com/calypso-cdc/calypso/libs/testenv"
)

// open starts a PostgreSQL and connects to it as the connector does.
func open(t *testing.T) *pgx.Conn {
	t.Helper()
	server, err := testenv.StartPostgres(t.Context(), testenv.PostgresConfig{})
	if errors.Is(err, pgserver.ErrNoBinaries) {
		t.Skipf("left out: %v", err)
	}
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = server.Close() })
	conn, err := pgrepl.Config{Host: server.Host, Port: uint16(server.Port), User: testenv.PostgresUser,
		Password: testenv.PostgresPassword, Database: "postgres"}.Connect(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close(context.Background()) })
	return conn
}

// extremes are types with values from their whole range, and those at its ends.
func extremes() map[string]*rapid.Generator[string] {
	one := func(of ...string) *rapid.Generator[string] { return rapid.SampledFrom(of) }
	era := func(year int) (string, string) {
		if year > 0 {
			return fmt.Sprintf("%04d", year), ""
		}
		return fmt.Sprintf("%04d", 1-year), " BC"
	}
	day := rapid.Custom(func(t *rapid.T) [2]string {
		year, bc := era(rapid.OneOf(rapid.IntRange(-4700, 200_000), rapid.IntRange(-2, 2), rapid.IntRange(9998, 10_001),
			rapid.IntRange(1900, 2100)).Draw(t, "year"))
		return [2]string{fmt.Sprintf("%s-%02d-%02d", year, rapid.IntRange(1, 12).Draw(t, "month"),
			rapid.IntRange(1, 28).Draw(t, "day")), bc}
	})
	clock := rapid.Map(rapid.Int64Range(0, 24*3600*1e6-1),
		func(n int64) string { return time.UnixMicro(n).UTC().Format("15:04:05.999999") })
	moment := rapid.Custom(func(t *rapid.T) string {
		d := day.Draw(t, "date")
		return d[0] + " " + clock.Draw(t, "time") + d[1]
	})
	interval := rapid.Custom(func(t *rapid.T) string {
		n := func(name string, most int64) int64 { return rapid.Int64Range(-most, most).Draw(t, name) }
		return fmt.Sprintf("%d months %d days %d microseconds", n("months", 100_000), n("days", 100_000), n("micros", 1e15))
	})
	return map[string]*rapid.Generator[string]{
		"date": rapid.OneOf(rapid.Map(day, func(d [2]string) string { return d[0] + d[1] }),
			one("infinity", "-infinity", "5874897-12-31", "4713-11-24 BC")),
		"timestamp":      rapid.OneOf(moment, one("infinity", "-infinity", "4713-11-24 00:00:00 BC")),
		"timestamp(3)":   moment,
		"timestamptz":    rapid.OneOf(moment, one("infinity", "-infinity")),
		"timestamptz(2)": moment,
		"timestamptz(0)": moment,
		"time":           rapid.OneOf(clock, one("24:00:00")),
		"time(2)":        clock,
		"timetz":         rapid.Map(clock, func(s string) string { return s + "-03:30" }),
		"interval": rapid.OneOf(interval, one("178000000 years", "-178000000 years", "-0.000001 seconds",
			"59.999999 seconds", "0")),
		"bytea": rapid.Map(rapid.SliceOfN(rapid.Byte(), 0, 120),
			func(b []byte) string { return fmt.Sprintf(`\x%x`, b) }),
		"numeric": rapid.OneOf(rapid.Map(rapid.Int64(), func(n int64) string {
			return fmt.Sprintf("%d.%03d00", n, n&127)
		}), one("NaN", "Infinity", "-Infinity", "1e300", "1e-300")),
		"numeric(8,3)": rapid.OneOf(rapid.Map(rapid.IntRange(-9999, 9999),
			func(n int) string { return fmt.Sprintf("%d.5", n) }), one("NaN")),
		"bigint":    rapid.Map(rapid.Int64(), func(n int64) string { return fmt.Sprint(n) }),
		"oid":       rapid.Map(rapid.Uint32(), func(n uint32) string { return fmt.Sprint(n) }),
		"char(9)":   rapid.StringMatching(`[a-zß ]{0,9}`),
		"inet":      one("10.0.0.1", "10.0.0.1/8", "fe80::1"),
		"integer[]": one("{}", "{1,NULL,-3}"),
		"boolean[]": one("{t,f,NULL}"),
		"jsonb":     one(`{"b": 1.50, "a": "\u00fc"}`),
	}
}

func TestTextsAndNumbersAreThoseOfTheEvents(t *testing.T) {
	conn := open(t)
	var declarations []string
	var values []*rapid.Generator[string]
	types := extremes()
	for i, sqlType := range slices.Sorted(maps.Keys(types)) {
		declarations, values = append(declarations, fmt.Sprintf("c%d %s", i, sqlType)), append(values, types[sqlType])
	}
	if _, err := conn.Exec(t.Context(), "CREATE TABLE kinds (id int PRIMARY KEY, "+strings.Join(declarations,
		", ")+")"); err != nil {
		t.Fatal(err)
	}
	rel, err := pgrepl.NewCatalog(t.Context(), pgrepl.Query(conn),
		func(pgrepl.Table) bool { return true }).Named("public", "kinds")
	if err != nil {
		t.Fatal(err)
	}
	rel.Streamed = true
	for _, settings := range []map[string]string{
		{},
		{"time.precision.mode": "connect", "interval.handling.mode": "string", "decimal.handling.mode": "string"},
		{"time.precision.mode": "microseconds", "binary.handling.mode": "hex"},
		{"time.precision.mode": "nanoseconds", "binary.handling.mode": "base64-url-safe"},
		{"time.precision.mode": "isostring", "interval.handling.mode": "string"},
	} {
		t.Run(fmt.Sprint(settings), func(t *testing.T) {
			settings["topic.prefix"], settings["value.converter.schemas.enable"] = "p", "false"
			cfg, err := debezium.ConfigFrom(settings)
			if err != nil {
				t.Fatal(err)
			}
			encoder, err := debezium.NewEncoder(rel, &cfg)
			if err != nil {
				t.Fatal(err)
			}
			columns, texts := compared(encoder, &cfg)
			rapid.Check(t, func(rt *rapid.T) {
				row := []string{"1"}
				for i, g := range values {
					row = append(row, "'"+strings.ReplaceAll(g.Draw(rt, declarations[i]), "'", "''")+"'")
				}
				printed := query(rt, conn, "DELETE FROM kinds; INSERT INTO kinds VALUES ("+strings.Join(row,
					", ")+"); SELECT * FROM kinds")
				event := eventOf(rt, encoder, printed)
				for i, text := range query(rt, conn, "SELECT "+strings.Join(texts, ", ")+" FROM kinds") {
					want, known := textIn(event[columns[i].Name])
					if known && string(text) != want {
						rt.Errorf("%s, %s: the text is %q, in events it is %q", columns[i].Type, columns[i].Encoding, text, want)
					}
				}
			})
		})
	}
}

// compared are the columns that are compared as the text or the whole number that events hold, and
// the SQL of their texts.
func compared(encoder *debezium.Encoder, cfg *debezium.Config) (columns []digest.Column, texts []string) {
	for _, r := range encoder.Representations() {
		d := Describe(r, cfg)
		for _, kusto := range []string{"long", "string", "dynamic"} {
			form, err := digest.FormOf(d, kusto)
			if err == nil && (form == digest.Text || form == digest.Integer) {
				c := digest.Pair(d, digest.DescribedColumn{}, form)[0]
				columns, texts = append(columns, c), append(texts, sqlText(c))
			}
		}
	}
	return columns, texts
}

// query runs statements and returns the last one's only row as PostgreSQL prints it.
func query(t *rapid.T, conn *pgx.Conn, sql string) [][]byte {
	results, err := conn.PgConn().Exec(t.Context(), sql).ReadAll()
	if err != nil || len(results[len(results)-1].Rows) != 1 {
		t.Fatalf("%s: %v", sql, err)
	}
	return results[len(results)-1].Rows[0]
}

// eventOf is the row of the event that creates what PostgreSQL printed.
func eventOf(t *rapid.T, encoder *debezium.Encoder, printed [][]byte) map[string]json.RawMessage {
	tuple := make(pgmodel.Tuple, len(printed))
	for i, text := range printed {
		tuple[i] = pgmodel.Datum{Kind: pgmodel.Text, Data: text}
	}
	var b debezium.Batch
	if _, err := encoder.Append(&b, &debezium.Event{Op: debezium.Create, After: tuple}); err != nil {
		t.Fatal(err)
	}
	var envelope struct{ After map[string]json.RawMessage }
	if err := json.Unmarshal(b.Records[0].Value, &envelope); err != nil {
		t.Fatal(err)
	}
	return envelope.After
}

// textIn is the text of a value of JSON; false for null, which stands for what events cannot hold.
func textIn(value json.RawMessage) (string, bool) {
	if string(value) == "null" {
		return "", false
	}
	var text string
	if json.Unmarshal(value, &text) == nil {
		return text, true
	}
	return string(value), true
}

func TestSignificandsAreExact(t *testing.T) {
	conn := open(t)
	rapid.Check(t, func(rt *rapid.T) {
		v := math.Float64frombits(rapid.Uint64().Draw(rt, "bits"))
		single := math.Float32frombits(rapid.Uint32().Draw(rt, "single bits"))
		got := query(rt, conn, fmt.Sprintf("SELECT %s, %s FROM (SELECT '%v'::float8 AS x, '%v'::float4 AS y)",
			significand("x", "float8send", 64, 52), significand("y", "float4send", 32, 23), v, single)+" r")
		for i, f := range []float64{v, float64(single)} {
			var significand int64
			var power int
			switch text := string(got[i]); {
			case math.IsNaN(f) || math.IsInf(f, 0):
				if want := strings.TrimPrefix(fmt.Sprint(f), "+") + "inity"; text != "NaN" && text != want {
					rt.Errorf("%v is %s", f, text)
				}
			case f == 0:
				if text != "0" {
					rt.Errorf("%v is %s", f, text)
				}
			default:
				if _, err := fmt.Sscanf(text, "%dp%d", &significand, &power); err != nil ||
					math.Ldexp(float64(significand), power) != f {
					rt.Errorf("%v is %s: %v", f, text, err)
				}
			}
		}
	})
}
