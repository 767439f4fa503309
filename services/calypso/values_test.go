package calypso

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"math"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"google.golang.org/protobuf/encoding/protojson"
	"pgregory.net/rapid"

	adminv1 "github.com/calypso-cdc/calypso/gen/calypso/admin/v1"
	"github.com/calypso-cdc/calypso/libs/testenv"
	"github.com/calypso-cdc/calypso/services/admin/ctl"
)

// kind is a column of the table that the comparison is tried with.
type kind struct {
	name, sqlType string
	// values draws values in a text that PostgreSQL reads.
	values *rapid.Generator[string]
	// before and after are two values that hardly differ.
	before, after string
}

func kinds() []kind {
	one := func(of ...string) *rapid.Generator[string] { return rapid.SampledFrom(of) }
	number := func(low, high int64, format string) *rapid.Generator[string] {
		return rapid.Map(rapid.Int64Range(low, high), func(n int64) string { return fmt.Sprintf(format, n) })
	}
	moment := rapid.Map(rapid.Int64Range(-8e15, 8e15),
		func(n int64) string { return time.UnixMicro(n).UTC().Format("2006-01-02 15:04:05.999999") })
	text := rapid.OneOf(rapid.StringMatching(`[a-zA-Zäß🙂,;"'\\ \t-]{0,12}`), one("", "NULL", " ", "line\nend", "\u2028"))
	return []kind{
		{"yes", "boolean", one("t", "f"), "t", "f"},
		{"i2", "smallint", number(math.MinInt16, math.MaxInt16, "%d"), "6", "7"},
		{"i4", "integer", number(math.MinInt32, math.MaxInt32, "%d"), "-6", "-7"},
		{"i8", "bigint", number(math.MinInt64, math.MaxInt64, "%d"), "9007199254740992", "9007199254740993"},
		{"o", "oid", number(0, math.MaxUint32, "%d"), "4000000000", "4000000001"},
		{"f4", "real", rapid.OneOf(rapid.Map(rapid.Uint32(),
			func(n uint32) string { return fmt.Sprint(math.Float32frombits(n)) }),
			rapid.Map(rapid.Float32(), func(f float32) string { return fmt.Sprint(f) }),
			one("0", "-0", "NaN", "Infinity", "1.4e-45", "2.8e-45", "1.1754942e-38", "1.17549435e-38", "3.4028235e38",
				"0.33333334", "0.002", "1e10")), "0.1", "0.10000001"},
		{"f8", "double precision",
			rapid.OneOf(rapid.Map(rapid.Uint64(), func(n uint64) string { return fmt.Sprint(math.Float64frombits(n)) }),
				rapid.Map(rapid.Float64(), func(f float64) string { return fmt.Sprint(f) }),
				one("0", "-0", "NaN", "-Infinity", "4.9e-324", "-2.2250738585072009e-308", "2.2250738585072014e-308",
					"1.7976931348623157e308", "-8", "0.9999999999999999", "0.002")), "0.1", "0.10000000000000002"},
		{"n", "numeric", number(math.MinInt64, math.MaxInt64, "%d.1500"), "1.5", "1.51"},
		{"n2", "numeric(12,2)", number(-1e9, 1e9, "%d.07"), "-0.25", "-0.24"},
		{"n27", "numeric(27,9)", number(-99e16, 99e16, "%d.123456789"), "-0.000000001", "0.000000001"},
		{"n0", "numeric(9,0)", number(-1e8, 1e8, "%d"), "1", "2"},
		{"dom", "price", one("1.250", "-3.5", "0"), "1.25", "1.251"},
		{"t", "text", text, "a", "A"},
		{"vc", "varchar(20)", text, "", " "},
		{"c", "char(12)", rapid.StringMatching(`[a-z ]{0,12}`), "ab", "a b"},
		{"u", "uuid", number(0, math.MaxUint32, "0b0e8f5c-2f0c-4E0E-9a52-0000%08x"), "0b0e8f5c-2f0c-4e0e-9a52-0d5a3a6f0001",
			"0b0e8f5c-2f0c-4e0e-9a52-0d5a3a6f0002"},
		{"j", "json", one(`{"a": 1.50, "b":[1, 2]}`, `"x"`, "null", "[]", ` { } `), `{"a":1}`, `{"a": 1}`},
		{"jb", "jsonb", one(`{"a": 1.50, "b":[1, 2]}`, `"ü"`, "null", "[]"), `{"a":1}`, `{"a":2}`},
		{"x", "bytea", rapid.Map(rapid.SliceOfN(rapid.Byte(), 0, 100),
			func(b []byte) string { return fmt.Sprintf(`\x%x`, b) }), `\xfbff`, `\xfbfe`},
		{"d", "date", rapid.Map(moment, func(s string) string { return s[:10] }), "2026-01-02", "2026-01-03"},
		{"tm", "time", rapid.OneOf(rapid.Map(moment, func(s string) string { return s[11:] }), one("24:00:00")),
			"03:04:05.001", "03:04:05.002"},
		{"tm3", "time(3)", one("00:00:00", "23:59:59.999", "12:30:00.5"), "03:04:05.001", "03:04:05.002"},
		{"tmz", "timetz", one("00:00:00+02", "23:59:59.999999-05:30", "12:00:00Z", "24:00:00+00"), "03:04:05.001+01",
			"03:04:05.001+02"},
		{"ts", "timestamp", moment, "1969-12-31 23:59:59.998", "1969-12-31 23:59:59.999"},
		{"ts3", "timestamp(3)", moment, "2026-01-02 03:04:05.001", "2026-01-02 03:04:05.002"},
		{"tz", "timestamptz", moment, "2026-01-02 03:04:05.001+00", "2026-01-02 03:04:05.001+01"},
		{"tz0", "timestamptz(0)", moment, "2026-01-02 03:04:05+00", "2026-01-02 03:04:06+00"},
		{"iv", "interval", rapid.Map(rapid.SliceOfN(rapid.IntRange(-50, 50), 4, 4), func(n []int) string {
			return fmt.Sprintf("%d years %d months %d days %d.%06d seconds", n[0], n[1], n[2], n[3]*1000, max(n[3], -n[3])*12345)
		}), "-1 day 02:00:00.001", "-1 day 02:00:00.002"},
		{"mood", "mood", one("sad", "ok ay"), "sad", "ok ay"},
		{"ip", "inet", one("10.0.0.1", "10.0.0.1/8", "::1"), "10.0.0.1", "10.0.0.1/24"},
		{"net", "cidr", one("10.0.0.0/8", "::/0"), "10.0.0.0/8", "10.0.0.0/9"},
		{"mac", "macaddr", one("08:00:2b:01:02:03"), "08:00:2b:01:02:03", "08:00:2b:01:02:04"},
		{"span", "int4range", one("[1,5)", "empty", "(,7)"), "[1,5)", "[1,6)"},
		{"bit1", "bit(1)", one("0", "1"), "0", "1"},
		{"ints", "integer[]", one("{}", "{1,-2,NULL}", "{2147483647}"), "{1,2}", "{1,3}"},
		{"bools", "boolean[]", one("{}", "{t,f,NULL}"), "{t}", "{f}"},
		{"bit5", "bit(5)", one("10101"), "10101", "10100"},
		{"strings", "text[]", one(`{a,"b c"}`), "{a}", "{b}"},
		{"cash", "money", one("1.50"), "1", "2"},
		{"place", "point", one("(1,2)"), "(1,2)", "(1,3)"},
	}
}

// representation is a way in which source and sink hold values.
type representation struct {
	name string
	// source are keys of the source connector.
	source map[string]string
	// declared are the columns' types in ADX where they are not string; nil has the sink make the table.
	declared map[string]string
	// leftOut are the columns that cannot be compared.
	leftOut []string
}

func representations() []representation {
	never := []string{"bit5", "cash", "place", "strings"}
	typed := append([]string{"j", "jb"}, never...)
	const schemaless = "value.converter.schemas.enable"
	texts := map[string]string{"f4": "real", "f8": "real", "ints": "dynamic", "bools": "dynamic"}
	numbers := maps.Clone(texts)
	for _, name := range []string{"d", "tm", "tm3", "ts", "ts3", "iv", "i2", "i4", "i8", "o"} {
		numbers[name] = "long"
	}
	return []representation{
		{"adaptive", nil, nil, typed},
		{"connect", map[string]string{"time.precision.mode": "connect", "decimal.handling.mode": "double",
			"interval.handling.mode": "string", "binary.handling.mode": "hex"}, nil, typed},
		{"nano", map[string]string{"time.precision.mode": "nanoseconds", "decimal.handling.mode": "string"}, nil, typed},
		{"texts", map[string]string{"time.precision.mode": "isostring", "decimal.handling.mode": "string",
			"interval.handling.mode": "string", "binary.handling.mode": "base64-url-safe", schemaless: "false"}, texts, never},
		{"numbers", map[string]string{"time.precision.mode": "microseconds", schemaless: "false"}, numbers,
			append([]string{"n", "n2", "n27", "n0", "dom"}, never...)},
	}
}

const (
	// drawnRows hold drawn values; the rows from firstChanged on have one column each that changes.
	drawnRows    = 60
	firstChanged = 1001
)

// makeKinds makes and fills the table of one representation, in PostgreSQL and, unless the sink makes it, in ADX.
func makeKinds(t *testing.T, s *Settings, r representation) {
	t.Helper()
	columns, copied := []string{"id int PRIMARY KEY"}, []string{"id: int"}
	for _, k := range kinds() {
		columns = append(columns, k.name+" "+k.sqlType)
		copied = append(copied, fmt.Sprintf("['%s']: %s", k.name, cmp.Or(r.declared[k.name], "string")))
	}
	conn := postgres(t, s)
	statements := []string{"CREATE TABLE " + r.name + " (" + strings.Join(columns, ", ") + ")"}
	literal := func(k kind, value string) string {
		return "'" + strings.ReplaceAll(value, "'", "''") + "'::" + k.sqlType
	}
	for row := range drawnRows {
		values := []string{strconv.Itoa(row)}
		for i, k := range kinds() {
			if (row+i)%11 == 0 {
				values = append(values, "NULL")
			} else {
				values = append(values, literal(k, k.values.Example(row*100+i)))
			}
		}
		statements = append(statements, "INSERT INTO "+r.name+" VALUES ("+strings.Join(values, ", ")+")")
	}
	for row := range kinds() {
		values := []string{strconv.Itoa(firstChanged + row)}
		for _, k := range kinds() {
			values = append(values, literal(k, k.before))
		}
		statements = append(statements, "INSERT INTO "+r.name+" VALUES ("+strings.Join(values, ", ")+")")
	}
	for _, statement := range statements {
		if _, err := conn.Exec(t.Context(), statement); err != nil {
			t.Fatalf("%s: %v", statement, err)
		}
	}
	if r.declared != nil {
		manage(t, s, ".create table "+r.name+" ("+strings.Join(copied, ", ")+")")
	}
}

func manage(t *testing.T, s *Settings, command string) {
	t.Helper()
	code, answer, err := call(t.Context(), http.MethodPost, "http://"+local(s.ADXPort)+"/v1/rest/mgmt",
		map[string]string{"db": s.ADXDatabase, "csl": command})
	if err := outcome(command, http.StatusOK, code, answer, err); err != nil {
		t.Fatal(err)
	}
}

// connect makes a source and a sink; the sink's name is the source's with "-sink".
func connect(t *testing.T, s *Settings, name, table string, source, sink map[string]string) {
	t.Helper()
	from := map[string]string{
		"connector.class": "io.debezium.connector.postgresql.PostgresConnector", "plugin.name": "pgoutput",
		"topic.prefix": name, "slot.name": name, "publication.name": name,
		"publication.autocreate.mode": "filtered", "table.include.list": "public." + table, "database.hostname": "127.0.0.1",
		"database.port": strconv.Itoa(s.PostgresPort),
		"database.user": "postgres", "database.password": s.PostgresPassword.Reveal(), "database.dbname": "postgres",
		"database.sslmode": "disable",
		"value.converter":  "org.apache.kafka.connect.json.JsonConverter",
	}
	maps.Copy(from, source)
	create(t, s, name, from)
	to := map[string]string{"topics": name + ".public." + table}
	maps.Copy(to, sink)
	addSink(t, s, name+"-sink", table, to)
}

// addSink makes a sink connector that fills a table of ADX.
func addSink(t *testing.T, s *Settings, name, table string, sink map[string]string) {
	t.Helper()
	to := map[string]string{
		"connector.class": "com.microsoft.azure.kusto.kafka.connect.sink.KustoSinkConnector",
		"kusto.url":       fmt.Sprintf("http://localhost:%d", s.ADXPort), "aad.auth.strategy": "NONE",
		"kusto.tables.topics.mapping": fmt.Sprintf("[{'topic': '*', 'db': '%s', 'table': '%s', 'format': 'json'}]",
			s.ADXDatabase, table),
		"flush.interval.ms": "500", "auto.create": "true",
		"value.converter": "org.apache.kafka.connect.json.JsonConverter",
		"transforms":      "unwrap", "transforms.unwrap.type": "io.debezium.transforms.ExtractNewRecordState",
	}
	maps.Copy(to, sink)
	create(t, s, name, to)
}

// create makes a connector.
func create(t *testing.T, s *Settings, name string, config map[string]string) {
	t.Helper()
	code, answer, err := call(t.Context(), http.MethodPost, "http://"+local(s.SourcePort)+"/connectors",
		map[string]any{"name": name, "config": config})
	if err := outcome("creating "+name, http.StatusCreated, code, answer, err); err != nil {
		t.Fatal(err)
	}
}

// verified is what calypsoctl verify says of a pipeline with one table.
type verified struct {
	table *adminv1.TableVerification
	// differing are the keys that differ, separated by commas where a key has more than one column.
	differing []string
	exit      int
	text      string
}

func verify(t *testing.T, s *Settings, pipeline, patience string) verified {
	t.Helper()
	var v verified
	v.text, v.exit = calypsoctl(t, s, "verify", pipeline, "--patience", patience, "-o", "json")
	for line := range strings.Lines(v.text) {
		var event adminv1.VerifyPipelineResponse
		if protojson.Unmarshal([]byte(line), &event) != nil {
			continue // what went wrong, behind the events
		}
		if d := event.GetDifference(); d != nil {
			v.differing = append(v.differing, strings.Join(d.Key, ","))
		}
		if event.GetTable() != nil {
			v.table = event.GetTable()
		}
	}
	slices.Sort(v.differing)
	if v.table == nil {
		t.Fatalf("verify %s: nothing is said of the table:\n%s", pipeline, v.text)
	}
	return v
}

// leftOut are the names of the columns that were not compared.
func (v verified) leftOut() []string {
	var names []string
	for _, line := range v.table.ColumnsLeftOut {
		name, _, _ := strings.Cut(line, ":")
		names = append(names, name)
	}
	return slices.Sorted(slices.Values(names))
}

func TestEveryKindOfColumnIsComparedUnderEveryRepresentation(t *testing.T) {
	s := upSettings(t, "--no-orders")
	up(t, s)
	if _, err := postgres(t, &s).Exec(t.Context(),
		"CREATE TYPE mood AS ENUM ('sad', 'ok ay'); CREATE DOMAIN price AS numeric(6,3)"); err != nil {
		t.Fatal(err)
	}
	for _, r := range representations() {
		t.Run(r.name, func(t *testing.T) {
			makeKinds(t, &s, r)
			connect(t, &s, r.name, r.name, r.source, nil)
			awaitRows(t, &s, r.name, drawnRows+len(kinds()))
			v := verify(t, &s, r.name, "2m")
			if v.exit != ctl.ExitOK {
				t.Fatalf("equal tables differ:\n%s", v.text)
			}
			if want := slices.Sorted(slices.Values(r.leftOut)); !slices.Equal(v.leftOut(), want) {
				t.Errorf("left out are %q, want the columns %v", v.table.ColumnsLeftOut, want)
			}

			if out, code := calypsoctl(t, &s, "pause", r.name+"-sink"); code != ctl.ExitOK {
				t.Fatalf("pause: %s", out)
			}
			conn := postgres(t, &s)
			var want []string
			for i, k := range kinds() {
				if _, err := conn.Exec(t.Context(), fmt.Sprintf("UPDATE %s SET %s = $1::text::%s WHERE id = %d", r.name, k.name,
					k.sqlType, firstChanged+i), k.after); err != nil {
					t.Fatal(err)
				}
				if !slices.Contains(r.leftOut, k.name) {
					want = append(want, strconv.Itoa(firstChanged+i))
				}
			}
			if v = verify(t, &s, r.name, "0s"); !slices.Equal(v.differing, want) {
				t.Errorf("the keys that differ are %v, want %v\n%s", v.differing, want, v.text)
			}
			if out, code := calypsoctl(t, &s, "resume", r.name+"-sink"); code != ctl.ExitOK {
				t.Fatalf("resume: %s", out)
			}
			if v = verify(t, &s, r.name, "2m"); v.exit != ctl.ExitOK {
				t.Errorf("after the changes arrived: %s", v.text)
			}
		})
	}
}

// awaitRows waits until a table of ADX holds that many rows.
func awaitRows(t *testing.T, s *Settings, table string, n int) {
	t.Helper()
	testenv.Eventually(t, 2*time.Minute, "the rows of "+table, func(ctx context.Context) error {
		rows, err := ask(ctx, s, table+" | count")
		if err == nil && fmt.Sprint(rows) != fmt.Sprintf("[[%d]]", n) {
			err = fmt.Errorf("there are %v", rows)
		}
		return err
	})
}
