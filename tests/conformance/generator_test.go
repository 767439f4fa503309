package conformance

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
)

// generator makes the random tables, changes and settings of one round.
type generator struct {
	random
	tables []*table
}

func newGenerator(seed uint64) *generator {
	return &generator{random: random{rand.New(rand.NewPCG(seed, 0))}}
}

// table is a table with what its random changes need to know.
type table struct {
	schema, name string
	columns      []column
	parted       bool
	// inherits says that it inherits from another table, or that another one inherits from it.
	inherits bool
	// byID says that its key is the column id and that no column is generated.
	byID bool
}

// column is a column of a kind. A generated one takes no values.
type column struct {
	name      string
	kind      kind
	generated bool
}

// kind is a type with the ways to write values and defaults of it.
type kind struct {
	name     string
	value    func(random) string
	defaults []string
	key      bool // may be part of a key
}

// arraysInDomains reports whether a column has a type that Debezium has no values of with decoderbufs.
func (t *table) arraysInDomains() bool {
	return slices.ContainsFunc(t.columns, func(c column) bool {
		switch c.kind.name {
		case "d_ints", "d_ints2", "d_texts", "d_int[]":
			return true
		}
		return false
	})
}

func (t *table) sql() string { return quote(t.schema) + "." + quote(t.name) }

func quote(name string) string { return `"` + strings.ReplaceAll(name, `"`, `""`) + `"` }

func literal(s string) string { return "'" + strings.ReplaceAll(s, "'", "''") + "'" }

// of chooses among literals; those in parentheses are taken as expressions.
func of(values ...string) func(random) string {
	return func(r random) string {
		v := r.one(values...)
		if strings.HasPrefix(v, "(") && strings.HasSuffix(v, ")::x") {
			return strings.TrimSuffix(v, "::x")
		}
		return literal(v)
	}
}

func number(format string, least, greatest int64, also ...string) func(random) string {
	return func(r random) string {
		if len(also) > 0 && r.chance(30) {
			return literal(r.one(also...))
		}
		return literal(fmt.Sprintf(format, least+int64(r.Uint64N(uint64(greatest-least)+1))))
	}
}

var words = []string{"", "a", "it''s", "Grüße", "日本語", "tab\there", "line\nbreak", `back\slash`, `"quoted"`, "{}",
	"null", "NULL", " lead", "trail ", "<&>", "\u2028", "\x7f", "%_", "é"}

func text(limit int) func(random) string {
	return func(r random) string {
		s := r.one(words...)
		for len([]rune(s)) < limit && r.chance(50) {
			s += r.one(words...)
		}
		if runes := []rune(s); len(runes) > limit {
			s = string(runes[:limit])
		}
		return literal(s)
	}
}

// long makes values that are stored out of line, now and then.
func long(short func(random) string, expression string) func(random) string {
	return func(r random) string {
		switch {
		case r.chance(25):
			return expression
		case r.chance(3) && expression == longText:
			return hugeText
		}
		return short(r)
	}
}

func bits(least, greatest int) func(random) string {
	return func(r random) string {
		n := least
		if greatest > least {
			n += r.IntN(greatest - least + 1)
		}
		var b strings.Builder
		for range n {
			b.WriteByte("01"[r.IntN(2)])
		}
		return "B'" + b.String() + "'"
	}
}

// hugeText is larger than what fits into one page of a TOAST table many times over.
const hugeText = "(select string_agg(md5(g::text), '') from generate_series(1, 6000) g)"

const longText = "(select string_agg(md5(g::text), '') from generate_series(1, 200) g)"

var dates = []string{"2024-02-29", "1970-01-01", "1969-12-31", "0001-01-01", "4713-01-01 BC", "9999-12-31",
	"5874897-12-31", "1582-10-04", "1582-10-15", "1900-02-28", "0044-03-15 BC", "infinity", "-infinity", "12345-06-07"}

var times = []string{"00:00:00", "24:00:00", "23:59:59.999999", "12:34:56.789", "01:02:03.000004",
	"00:00:00.1", "12:00:00.5"}

var timestamps = []string{"2024-02-29 12:34:56.789012", "1970-01-01 00:00:00", "1969-12-31 23:59:59.999999",
	"0001-01-01 00:00:00", "4713-01-02 00:00:00 BC", "9999-12-31 23:59:59.999999",
	"294276-12-31 23:59:59.999999", "1582-10-10 01:02:03", "1582-10-04 23:59:59.5", "infinity", "-infinity",
	"1900-01-01 00:00:00.1", "2262-04-11 23:47:16.854775", "2262-04-12 00:00:00", "1677-09-21 00:12:43.145225"}

var intervals = []string{"1 year 2 mons 3 days 04:05:06.78", "0", "-1 day", "1 mon -1 day", "-00:00:00.000001",
	"100 years", "23:59:59.999999", "1 day 24:00:00", "-3 years 4 mons", "999999 hours", "00:00:59.9999995"}

// kinds are the types that every table may have. No default is NaN or infinite, which no schema in Avro can have.
func kinds() []kind {
	json := []string{`{}`, `{"a": 1, "b": [1, 2.50, null]}`, `[]`, `"x"`, `null`, `1e3`,
		`{"a":"é\n\u0041"}`, ` {"sp" : 1} `}
	all := []kind{
		{"boolean", of("t", "f"), []string{"true", "false", "(1 = 1)", "NULL", "not true", "random() > 0.5"}, true},
		{"smallint", number("%d", -32768, 32767), []string{"7", "-7", "'5'", "(1 + 2)", "NULL"}, true},
		{"integer", number("%d", -2147483648, 2147483647, "0", "2147483647"),
			[]string{"42", "-42", "'42'::int", "1 + 2", "length('abc')", "NULL", "(random() * 10)::int"}, true},
		{"bigint", number("%d", -1<<62, 1<<62, "9223372036854775807", "-9223372036854775808"),
			[]string{"42", "9223372036854775807", "-1", "(extract(epoch from now()))::bigint"}, true},
		{"real", of("0", "-0", "1.5", "3.4028235e38", "1.4e-45", "NaN", "Infinity", "-Infinity", "0.1", "1e10", "123456.79",
			"1e-7", "9999999", "10000000"), []string{"1.5", "-0.5", "1e10"}, false},
		{"double precision", of("0", "-0", "1.5", "1.7976931348623157e308", "5e-324", "NaN", "Infinity", "-Infinity", "0.1",
			"1e7", "12345678.9", "0.001", "0.0001", "1e21", "123456789012345680"),
			[]string{"1.5", "-0.5", "1e300", "pi()"}, false},
		{"numeric", of("0", "-0.00", "1.10", "123456789012345678901234567890.123456789", "1e-20", "1e30", "-0.5", "100"),
			[]string{"1.10", "-3", "0", "1e5", "'2.50'::numeric"}, true},
		{"numeric(6,2)", of("0", "1.1", "-9999.99", "0.005"), []string{"1", "1.1", "0.0", "-2.50"}, true},
		{"numeric(10)", of("0", "1234567890", "-1"), []string{"7", "0"}, true},
		{"numeric(4,-2)", of("0", "123400", "-100", "55"), []string{"700"}, false},
		{"numeric(3,5)", of("0", "0.00123", "-0.00999"), []string{"0.001"}, false},
		{"numeric(38,10)", of("0", "1234567890123456789012345678.0123456789", "-1"), []string{"3.14", "0.0000000001"}, false},
		{"money", of("0", "1234.56", "-0.01", "92233720368547758.07", "-92233720368547758.08"),
			[]string{"1.50", "'$2.00'", "0"}, false},
		{"text", long(text(40), longText), []string{"'x'", "''", "'it''s'", "E'a\\nb'", "'a' || 'b'", "upper('q')",
			"current_user", "'{\"a\": \"b\"}'", "NULL", "'(1)'"}, true},
		{"varchar(10)", text(10), []string{"'x'", "''", "'it''s'", "substr('hello', 2)"}, true},
		{"varchar", long(text(30), longText), []string{"'y z'"}, true},
		{"char(5)", text(5), []string{"'x'", "''", "'ab'"}, true},
		{`"char"`, of("a", "", "z", "!"), []string{"'b'"}, false},
		{"name", text(20), []string{"'n'"}, false},
		{"bytea", long(of(`\x`, `\x00ff`, `\x010203`, `\xdeadbeef00`),
			"decode((select string_agg(md5(g::text), '') from generate_series(1, 300) g), 'hex')"),
			[]string{`'\x01'`, `'abc'`}, true},
		{"bit", bits(1, 1), []string{"B'1'", "B'0'"}, false}, {"bit(3)", bits(3, 3), []string{"B'101'", "'011'"}, false},
		{"bit(20)", bits(20, 20), []string{"B'10101010101010101010'"}, false},
		{"bit varying", bits(0, 12), []string{"B'10'"}, false}, {"bit varying(5)", bits(0, 5), []string{"B'1'"}, false},
		{"date", of(dates...), []string{"'2020-01-02'", "current_date", "now()", "'infinity'", "'2020-01-01'::date + 5",
			"'today'", "('2020-01-01'::date + '1 day'::interval)"}, true},
		{"time", of(times...), []string{"'10:11:12'", "'24:00'", "current_time", "'10:11:12.5'", "localtime",
			"'10:00'::time + '1 hour'::interval"}, true},
		{"time(3)", of(times...), []string{"'10:11:12.345'", "'24:00:00'"}, false},
		{"time(0)", of(times...), []string{"'10:11:12'"}, false}, {"time(6)", of(times...), nil, false},
		{"timetz", of("00:00:00+00", "12:34:56.789+02", "23:59:59.999999-15:59", "24:00:00+00", "01:02:03+05:30"),
			[]string{"'10:11:12+01'", "current_time", "'24:00+00'"}, false},
		{"timetz(2)", of("00:00:00+00", "12:34:56.789+02"), nil, false},
		{"timestamp", of(timestamps...), []string{"'2020-01-02 03:04:05'", "now()", "current_timestamp", "'infinity'",
			"'-infinity'", "localtimestamp", "'2020-01-01'::timestamp + '1 day'::interval",
			"'2020-01-01'::date + '1 day'::interval", "'epoch'", "now() at time zone 'utc'", "timezone('utc', now())"}, true},
		{"timestamp(3)", of(timestamps...), []string{"'2020-01-02 03:04:05.678'", "CURRENT_TIMESTAMP(3)"}, false},
		{"timestamp(0)", of(timestamps...), []string{"'2020-01-02 03:04:05'"}, false},
		{"timestamptz", of(append([]string{"2024-02-29 12:34:56.789012+05:30", "1900-01-01 00:00:00+00:17:30"},
			timestamps...)...), []string{"'2020-01-02 03:04:05+02'", "now()", "clock_timestamp()", "'infinity'",
			"now() + '1 day'::interval", "'2020-01-01 00:00:00+00'::timestamptz + '1 day'::interval"}, true},
		{"timestamptz(3)", of(timestamps...), []string{"'2020-01-02 03:04:05.678+02'"}, false},
		{"interval", of(intervals...), []string{"'1 day'", "'01:02:03'", "'1 year 2 mons'", "make_interval(days => 3)",
			"'P1D'::interval", "'1 day'::interval * 2", "'-1 day'"}, false},
		{"interval(3)", of(intervals...), []string{"'1 day 00:00:01.5'"}, false},
		{"interval day to second", of(intervals...), nil, false}, {"interval year", of("1 year", "-2 years"), nil, false},
		{"uuid", of("00000000-0000-0000-0000-000000000000", "12345678-9abc-def0-1234-56789abcdef0",
			"ffffffff-ffff-ffff-ffff-ffffffffffff"), []string{"gen_random_uuid()", "'12345678-9abc-def0-1234-56789abcdef0'"},
			true},
		{"json", long(of(json...), "(select json_build_object('k', "+longText+"))"),
			[]string{"'{}'", `'{"a": 1}'::json`, "json_build_array()"}, false},
		{"jsonb", long(of(json...), "(select jsonb_build_object('k', "+longText+"))"),
			[]string{"'{}'", `'{"a": [1, "it''s"]}'`, "'[]'::jsonb", "jsonb_build_object()"}, false},
		{"xml", of("<a/>", "<a b=\"c\">é &amp; x</a>", "text"), []string{"'<x/>'"}, false},
		{"inet", of("10.0.0.1", "10.0.0.1/8", "::1", "fe80::/10"), []string{"'10.0.0.1'"}, true},
		{"cidr", of("10.0.0.0/8", "::/0"), []string{"'10.0.0.0/8'"}, false},
		{"macaddr", of("08:00:2b:01:02:03"), []string{"'08:00:2b:01:02:03'"}, false},
		{"macaddr8", of("08:00:2b:01:02:03:04:05"), nil, false},
		{"int4range", of("[1,5)", "empty", "(,)", "[3,]", "(,-2]"), []string{"'[1,2)'", "int4range(1, 3)"}, false},
		{"int8range", of("[1,5)", "empty"), nil, false},
		{"numrange", of("[1.5,2.50]", "empty", "(,3)"), []string{"'[1,2]'"}, false},
		{"tsrange", of("[2020-01-01 00:00:00,2020-01-02 00:00:00.5)", "(,)", "[-infinity,infinity]"), nil, false},
		{"tstzrange", of("[2020-01-01 00:00:00+00,2020-01-02 00:00:00+05)", "empty"), nil, false},
		{"daterange", of("[2020-01-01,2020-02-01)", "(,)", "[2020-01-01,infinity)"),
			[]string{"'[2020-01-01,2020-01-02)'"}, false},
		{"int4multirange", of("{[1,3),[5,8)}", "{}"), nil, false},
		{"point", of("(1,2)", "(-0.5,1e10)", "(0,0)", "(NaN,1)", "(Infinity,1)"), []string{"'(1,2)'"}, false},
		{"line", of("{1,2,3}", "{1,-0.5,0}"), nil, false}, {"lseg", of("[(1,2),(3,4.5)]"), nil, false},
		{"box", of("(3,4),(1,2)"), []string{"'(1,1),(0,0)'"}, false},
		{"path", of("((1,2),(3,4))", "[(1,2),(3,4)]"), nil, false}, {"polygon", of("((1,2),(3,4),(5,6))"), nil, false},
		{"circle", of("<(1,2),3>"), nil, false},
		{"tsvector", of("a:1 b:2C", "'it''s'", ""), []string{"'x'", "to_tsvector('simple', 'x')"}, false},
		{"tsquery", of("a & b", "!a"), nil, false},
		{"oid", of("0", "4294967295", "1259"), []string{"1259"}, true}, {"regclass", of("pg_class"), nil, false},
		{"pg_lsn", of("0/0", "16/B374D848"), nil, false},
		{"txid_snapshot", of("10:20:10,14,15"), nil, false}, {"xid", of("5"), nil, false}, {"tid", of("(0,1)"), nil, false},
		{"jsonpath", of("$.a"), nil, false},
		{"hstore", of(`a=>1`, `"k k"=>NULL, b=>"x\"y"`, ``, `é=>ü`), []string{`'a=>1'`, `''`, `hstore('a', 'b')`}, false},
		{"citext", text(20), []string{"'CI'"}, true}, {"ltree", of("a.b.c", "Top", ""), []string{"'a.b'"}, true},
		{"isbn", of("978-0-393-04002-9"), nil, false},
		{"lquery", of("a.*"), nil, false}, {"cube", of("(1,2)", "0"), nil, false}, {"seg", of("1 .. 2"), nil, false},
		{"mood", of("sad", "ok", "it's", "Ünï"), []string{"'ok'", "'it''s'::mood", "'sad'::public.mood"}, true},
		{`"Odd Schema"."Odd Mood"`, of("a,b", "c"), []string{`'c'`}, false},
		{"d_int", number("%d", 1, 1000), []string{"5", "NULL"}, true}, {"d_text", text(8), []string{"'d'"}, true},
		{"d_num", of("1.25", "0", "-3"), []string{"1.5"}, false}, {"d_d", number("%d", 1, 1000), []string{"9"}, false},
		{"d_ts", of(timestamps...), []string{"now()", "'2020-01-01'"}, false},
		{"d_ints", of("{1,2}", "{}", "{NULL}"), nil, false}, {"d_vc", text(4), []string{"'v'"}, false},
		{"comp", of(`(1,a)`, `(,"x y")`), nil, false}, {"floatrange", of("[1,2)"), nil, false},
		{"d_ints2", of("{1,2}", "{}"), []string{"'{3}'"}, false}, {"d_texts", of("{a,b}", "{}", `{"x y",NULL}`), nil, false},
		{"d_comp", of("(1,a)"), nil, false}, {"d_uuid", of("12345678-9abc-def0-1234-56789abcdef0"),
			[]string{"gen_random_uuid()"}, true},
		{"d_date", of(dates...), []string{"'2020-01-01'", "current_date"}, false},
		{"d_json", of("{}", `{"a": 1}`), []string{"'{}'"}, false},
		{"d_tz", of(timestamps...), []string{"now()"}, false}, {"d_interval", of(intervals...), nil, false},
		{"nested", of(`("(1,a)","{""(2,b)""}")`), nil, false},
		{"xid8", of("5"), nil, false}, {"nummultirange", of("{[1.5,2),[3,4)}", "{}"), nil, false},
		{"tstzmultirange", of("{}", "{[2020-01-01 00:00:00+00,2020-01-02 00:00:00+05)}"), nil, false},
		{"datemultirange", of("{[2020-01-01,2020-02-01)}"), nil, false},
	}
	arrays := []string{"boolean", "smallint", "integer", "bigint", "real", "double precision", "numeric", "numeric(6,2)",
		"text", "varchar(10)", "char(5)", "bytea", "date", "time", "timestamp", "timestamptz", "uuid", "json",
		"jsonb", "inet",
		"mood", "int4range", "hstore", "citext", "oid", "money", "interval", "timetz", "d_int", "point", "xml", "name",
		"macaddr", "ltree", "comp", "tstzrange", "daterange", "cidr",
		"varchar", "numeric(10)", "timestamp(3)", "timestamptz(3)", "int8range", "numrange", "tsrange"}
	for _, k := range all {
		for _, a := range arrays {
			if k.name == a {
				all = append(all, arrayOf(k))
			}
		}
	}
	return all
}

func arrayOf(k kind) kind {
	element := func(r random) string {
		if k.name != "mood" && r.chance(8) { // which Debezium ends at where the column is NOT NULL
			return "NULL"
		}
		value := k.value(r)
		for strings.Contains(value, "1582-10-10") { // which Debezium turns into another day in arrays
			value = k.value(r)
		}
		return value
	}
	return kind{name: k.name + "[]", defaults: []string{"'{}'", "array[]::" + k.name + "[]"},
		value: func(r random) string {
			var parts []string
			for range r.IntN(4) {
				parts = append(parts, element(r))
			}
			return "array[" + strings.Join(parts, ",") + "]::" + k.name + "[]"
		}}
}

// A domain over an enum is not among them: with one in the database Debezium ends at its start.
const prelude = `\set ON_ERROR_STOP off
\set ON_ERROR_ROLLBACK on
set client_min_messages = warning;
create extension hstore; create extension citext; create extension ltree; create extension isn; create extension cube; create extension seg;
create schema "Odd Schema"; create schema s2;
create type mood as enum ('sad', 'ok', 'it''s', 'Ünï'); create type "Odd Schema"."Odd Mood" as enum ('a,b', 'c');
create type comp as (a int, b text); create type floatrange as range (subtype = float8);
create domain d_int as int check (value > 0); create domain d_text as varchar(8) not null; create domain d_num as numeric(8,3); create domain d_d as d_int; create domain d_ts as timestamp(2) default now();
create domain d_ints as int[]; create domain d_ints2 as d_ints; create domain d_texts as text[]; create domain d_comp as comp; create domain d_uuid as uuid; create domain d_date as date; 
create domain d_json as jsonb; create domain d_tz as timestamptz(3); create domain d_interval as interval; create type nested as (c comp, cs comp[]); create domain d_vc as varchar(4) default 'dv';
create table signals_d2 (id varchar(42) primary key, type varchar(32) not null, data varchar(2048)); create table signals_c2 (like signals_d2 including all);
create table outboxevent (id uuid primary key, aggregatetype varchar(255) not null, aggregateid varchar(255) not null, type varchar(255) not null, payload jsonb, ver int, part int not null default 0, at timestamp);
insert into outboxevent values ('a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11', 'Order', '1', 'Created', '{"a": 1}', 1, 0, localtimestamp);
`

var tableNames = []string{"t", "Mixed Case", "select", "with.dot", "ünï", "a-b", "x$1", "q\"q", "_lead",
	"9digit", "order"}

var columnNames = []string{"c", "Mixed", "select", "with.dot", "ünï", "a-b", "x$1", "q\"q", "_lead", "9digit", "op",
	"before", "ts_ms", "payload", "ord er", "日本"}

// setup is the SQL that makes the tables and their first rows.
func (g *generator) setup() string {
	var b strings.Builder
	b.WriteString(prelude)
	all := kinds()
	for i := range 6 + g.IntN(6) {
		t := &table{schema: g.one("public", "public", "s2", "Odd Schema"), name: fmt.Sprintf("%s%d", g.one(tableNames...), i)}
		b.WriteString(g.create(t, all))
		g.tables = append(g.tables, t)
	}
	for _, t := range g.tables {
		if g.chance(75) {
			for range 1 + g.IntN(8) {
				b.WriteString(g.insert(t) + ";\n")
			}
		}
	}
	return b.String()
}

// create writes the table's definition.
func (g *generator) create(t *table, all []kind) string {
	var parts, keys []string
	used := map[string]bool{}
	name := func() string {
		n := g.one(columnNames...)
		for used[n] {
			n += "x"
		}
		used[n] = true
		return n
	}
	keyed := g.IntN(5)
	if keyed < 3 {
		n := "id"
		used[n] = true
		switch g.IntN(5) {
		case 0:
			parts = append(parts, "id int generated by default as identity")
		case 1:
			parts = append(parts, "id bigserial")
		case 2:
			parts = append(parts, "id int default 5")
		default:
			parts = append(parts, "id bigint")
		}
		keys = append(keys, n)
		t.columns = append(t.columns, column{name: n, kind: kind{name: "int", value: number("%d", 1, 60)}})
	}
	for range 2 + g.IntN(9) {
		k := all[g.IntN(len(all))]
		c := column{name: name(), kind: k}
		def := quote(c.name) + " " + k.name
		if len(k.defaults) > 0 && g.chance(45) {
			def += " default " + g.one(k.defaults...)
		}
		if g.chance(30) {
			def += " not null"
		}
		if k.key && g.chance(12) && keyed < 4 && !strings.Contains(c.name, `"`) { // at which Debezium ends
			keys = append(keys, c.name)
		}
		parts = append(parts, def)
		t.columns = append(t.columns, c)
	}
	if g.chance(25) {
		c := column{name: name(), generated: true}
		expression := g.one("int generated always as (1 + 1) stored", "text generated always as ('a' || 'b') stored",
			"text generated always as (case when 1 > 0 then null else 'lit' end) stored",
			"int generated always as (null::int) stored",
			"numeric(6,2) generated always as (1.5) stored", "int not null generated always as (abs(-3)) stored",
			"boolean generated always as (1 > 2) stored",
			"timestamp generated always as ('2020-01-01'::timestamp + '1 day'::interval) stored")
		parts = append(parts, quote(c.name)+" "+expression)
		t.columns = append(t.columns, c)
	}
	var b strings.Builder
	t.byID = slices.Equal(keys, []string{"id"}) && keyed < 4 &&
		!slices.ContainsFunc(t.columns, func(c column) bool { return c.generated })
	if len(keys) > 0 && keyed < 4 {
		quoted := make([]string, len(keys))
		for i, k := range keys {
			quoted[i] = quote(k)
		}
		g.Shuffle(len(quoted), func(i, j int) { quoted[i], quoted[j] = quoted[j], quoted[i] })
		parts = append(parts, g.one("primary key", "primary key", "primary key",
			"unique")+" ("+strings.Join(quoted, ", ")+")")
	}
	t.parted = len(keys) > 0 && keys[0] == "id" && g.chance(20)
	fmt.Fprintf(&b, "create table %s (%s)%s;\n", t.sql(), strings.Join(parts, ", "),
		map[bool]string{true: " partition by range (id)"}[t.parted])
	fmt.Fprintf(&b, "alter table %s replica identity %s;\n", t.sql(), g.one("full", "default", "default", "nothing"))
	if g.chance(20) { // which fails where the columns may be null
		index := t.columns[g.IntN(len(t.columns))].name
		if strings.Contains(index, `"`) {
			index = t.columns[0].name
		}
		fmt.Fprintf(&b,
			"create unique index \"u of %s\" on %s (%s); alter table %[2]s replica identity using index \"u of %[1]s\";\n",
			strings.ReplaceAll(t.name, `"`, ""), t.sql(), quote(index))
	}
	b.WriteString(g.members(t, keys))
	if g.chance(20) {
		fmt.Fprintf(&b, "comment on column %s.%s is 'a comment'; comment on table %s is 'of a table';\n", t.sql(),
			quote(t.columns[0].name), t.sql())
	}
	return b.String()
}

// members makes the partitions of a partitioned table, in two levels, or now and then tables that
// inherit from another one.
func (g *generator) members(t *table, keys []string) string {
	member := func(suffix string) string { return quote(t.schema) + "." + quote(t.name+suffix) }
	switch {
	case t.parted:
		return fmt.Sprintf(
			"create table %s partition of %s for values from (minvalue) to (20);\ncreate table %s partition of %[2]s for values from (20) to (maxvalue) partition by range (id);\n"+
				"create table %s partition of %[3]s for values from (20) to (40);\ncreate table %s partition of %[3]s default;\n",
			member(" low"), t.sql(), member(" high"), member(" middle"), member(" rest"))
	case g.chance(15):
		t.inherits = true
		child := &table{inherits: true, schema: t.schema, name: t.name + " child",
			columns: append(slices.Clone(t.columns), column{name: "extra", kind: kind{name: "int", value: number("%d", 1, 60)}})}
		g.tables = append(g.tables, child)
		key := ""
		if len(keys) > 0 {
			key = ", primary key (" + quote(keys[0]) + ")"
		}
		return fmt.Sprintf("create table %s (extra int%s) inherits (%s);\n", child.sql(), key, t.sql())
	}
	return ""
}
