package debezium

import (
	"encoding/json"
	"math"
	"math/big"
	"strconv"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/calypso-cdc/calypso/libs/pgmodel"
	"github.com/calypso-cdc/calypso/libs/record"
)

// typed returns the codec of a base type.
func typed(t testing.TB, name string, mod int32, settings ...string) codec {
	t.Helper()
	cfg := mustConfig(t, plainSettings(settings...))
	k := compiler{cfg: cfg, out: jsonFormat{&record.JSON{}}}
	c, ok := k.column(&pgmodel.Column{Name: "c", Type: baseType(name), TypeMod: mod})
	if !ok {
		t.Fatalf("there is no codec for %s", name)
	}
	return c
}

// baseType makes a Type of a name; a leading "_" makes an array.
func baseType(name string) *pgmodel.Type {
	if elem, ok := strings.CutPrefix(name, "_"); ok {
		return &pgmodel.Type{Name: name, Schema: "pg_catalog", Kind: pgmodel.ArrayType, Elem: baseType(elem), TypeMod: -1}
	}
	return &pgmodel.Type{Name: name, Schema: "pg_catalog", Kind: pgmodel.BaseType, TypeMod: -1}
}

func TestValuesInDebeziumsSourcesAreEncodedAsTheyStateThere(t *testing.T) {
	for _, c := range []struct {
		typ  string
		mod  int32
		in   string
		want string
		with []string
	}{
		{"numeric", 3<<16 | 2 + 4, "1.10", `"bg=="`, nil},
		{"numeric", 6<<16 | 4 + 4, "22.2200", `"A2P4"`, nil},
		{"numeric", -1, "10.1111", `{"scale":4,"value":"AYr3"}`, nil},
		{"money", -1, "$1,234.11", `"AeIT"`, nil},
		{"money", -1, "($1234.11)", `"/h3t"`, nil},
		{"timestamp", -1, "2016-11-04 13:51:30.123456", "1478267490123456", nil},
		{"timestamp", 3, "2016-11-04 13:51:30.123", "1478267490123", nil},
		{"timestamp", -1, "1936-10-25 22:10:12.608", "-1047174587392000", nil},
		{"timestamp", -1, "4713-12-31 23:59:59.999999 BC", "-210831897600000001", nil},
		{"timestamptz", -1, "2016-11-04 13:51:30.123456+02", `"2016-11-04T11:51:30.123456Z"`, nil},
		{"timestamptz", -1, "21016-11-04 06:51:30.123456+00", `"+21016-11-04T06:51:30.123456Z"`, nil},
		{"_timestamptz", 3, "{-infinity,infinity}", `["+292269055-12-02T23:00:00.000Z","infinity"]`, nil},
		{"_timestamptz", 0, "{-infinity}", `["+292269055-12-02T23:00:00Z"]`, nil},
		{"_timestamptz", -1, "{-infinity}", `["+292269055-12-02T23:00:00.000000Z"]`, nil},
		{"date", -1, "2016-11-04", "17109", nil},
		{"time", -1, "24:00:00", "86400000000", nil},
		{"time", 3, "13:51:30.123", "49890123", nil},
		{"timetz", -1, "13:51:30.123789+02", `"11:51:30.123789Z"`, nil},
		{"interval", -1, "1 year 2 mons 3 days 04:05:06.78", "37091106780000", nil},
		{"interval", -1, "1 year 2 mons 3 days 04:05:06.78", `"P1Y2M3DT4H5M6.78S"`,
			[]string{"interval.handling.mode", "string"}},
		{"bytea", -1, `\x010203`, `"AQID"`, nil},
		{"bytea", -1, `\x010203`, `"010203"`, []string{"binary.handling.mode", "hex"}},
		{"bit", 7, "1000000", `"QA=="`, nil},
		{"varbit", -1, "101", `"BQ=="`, nil},
		{"hstore", -1, `"key1"=>"val1", "key2"=>NULL`, `"{\"key1\":\"val1\",\"key2\":null}"`, nil},
		{"geometry", -1, "0101000020E6100000000000000000F03F000000000000F03F",
			`{"wkb":"AQEAACDmEAAAAAAAAAAA8D8AAAAAAADwPw==","srid":4326}`, nil},
		{"vector", -1, "[1,2.5,-3]", `[1.0,2.5,-3.0]`, nil},
		{"sparsevec", -1, "{1:0.5,3:2}/5", `{"dimensions":5,"vector":[[1,0.5],[3,2.0]]}`, nil},
	} {
		codec := typed(t, c.typ, c.mod, c.with...)
		got, err := codec.encode(nil, []byte(c.in))
		if err != nil || string(got) != c.want {
			t.Errorf("%s %q: %s (%v), want %s", c.typ, c.in, got, err, c.want)
		}
	}
}

func TestATimestampEqualsWhatTheStandardLibraryComputes(t *testing.T) {
	micros := typed(t, "timestamp", -1)
	iso := typed(t, "timestamptz", -1)
	rapid.Check(t, func(t *rapid.T) {
		at := time.UnixMicro(rapid.Int64Range(-62135596800000000, 253402300799999999).Draw(t, "micros")).UTC()
		text := at.Format("2006-01-02 15:04:05.999999")
		got, err := micros.encode(nil, []byte(text))
		if err != nil || string(got) != strconv.FormatInt(at.UnixMicro(), 10) {
			t.Fatalf("%s: %s (%v), want %d", text, got, err, at.UnixMicro())
		}
		if got, err = iso.encode(nil, []byte(text+"+00")); err != nil ||
			string(got) != at.Format(`"2006-01-02T15:04:05.000000Z"`) {
			t.Fatalf("%s: %s (%v)", text, got, err)
		}
	})
}

func TestADecimalKeepsEveryDigit(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		scale := rapid.IntRange(0, 12).Draw(t, "scale")
		unscaled, _ := new(big.Int).SetString(rapid.StringMatching(`-?[1-9][0-9]{0,40}`).Draw(t, "unscaled"), 10)
		d := record.Decimal{Value: unscaled, Scale: scale}
		c := codec{}
		for _, format := range []record.DecimalFormat{record.DecimalBase64, record.DecimalNumeric} {
			k := compiler{cfg: &Config{}, out: jsonFormat{&record.JSON{Decimals: format}}}
			c = k.numeric(int32(60<<16|scale) + 4)
			got, err := c.encode(nil, []byte(d.String()))
			if err != nil {
				t.Fatal(err)
			}
			want, _ := k.out.constant(nil, c.schema, d)
			if string(got) != string(want) {
				t.Fatalf("%s: %s, want %s", d, got, want)
			}
		}
	})
}

// fuzzedTypes are all types whose text is decoded.
var fuzzedTypes = []string{"bool", "int4", "float4", "float8", "numeric", "money", "bytea", "bit", "varbit", "date",
	"time", "timetz",
	"timestamp", "timestamptz", "interval", "hstore", "point", "geometry", "vector", "sparsevec", "text", "_int4", "_text",
	"_numeric", "_timestamptz",
	"_timetz", "_bytea", "_hstore", "_date"}

func FuzzDecodersWriteJSONOrRefuse(f *testing.F) {
	for _, seed := range []string{"1", "-1.50", "NaN", "infinity", "2020-01-01 00:00:00+00 BC", "1 year -00:00:01",
		`\x00ff`, "101", `"a"=>"b", "c"=>NULL`,
		"{1,NULL,\"a\\\"b\",{2}}", "[0:1]={1,2}", "(1,2)", "$1.00", "", "{", "\"", "\xff", "24:00:00", "[1,2]", "{1:2}/3"} {
		f.Add(seed)
	}
	var codecs []codec
	for _, mode := range [][]string{nil, {"decimal.handling.mode", "string", "time.precision.mode", "isostring",
		"interval.handling.mode", "string",
		"binary.handling.mode", "hex", "hstore.handling.mode", "map"},
		{"decimal.handling.mode", "double", "time.precision.mode", "nanoseconds"}} {
		for _, name := range fuzzedTypes {
			codecs = append(codecs, typed(f, name, -1, mode...))
		}
		codecs = append(codecs, typed(f, "numeric", 10<<16|2+4, mode...), typed(f, "bit", 5, mode...),
			typed(f, "timestamp", 3, mode...))
	}
	f.Fuzz(func(t *testing.T, text string) {
		for _, c := range codecs {
			for _, encode := range []encodeFunc{c.encode, c.queried} {
				if encode == nil {
					continue
				}
				got, err := encode(nil, []byte(text))
				if err != nil {
					continue
				}
				if !json.Valid(got) {
					t.Errorf("%s: %q became %s, which is no JSON", c.schema.Name, text, got)
				}
				if _, err := record.DecodeJSONValue(c.schema, got); err != nil {
					t.Errorf("%q became %s, which does not fit the schema %+v: %v", text, got, c.schema, err)
				}
			}
		}
	})
}

func TestARowIsWhatTheSlowConverterWrites(t *testing.T) {
	rel := &pgmodel.Relation{Schema: "s", Name: "t", Key: []int{0}, Columns: []pgmodel.Column{
		{Name: "id", Type: baseType("int8"), TypeMod: -1, NotNull: true},
		{Name: `q"uoted é`, Type: baseType("text"), TypeMod: -1},
		{Name: "f", Type: baseType("float8"), TypeMod: -1}, {Name: "n", Type: baseType("numeric"), TypeMod: 12<<16 | 3 + 4},
		{Name: "b", Type: baseType("bytea"), TypeMod: -1},
		{Name: "d", Type: baseType("text"), TypeMod: -1, Default: "'dflt'::text"},
	}}
	for _, schemas := range []string{"true", "false"} {
		e, err := NewEncoder(rel, mustConfig(t, plainSettings("value.converter.schemas.enable", schemas)))
		if err != nil {
			t.Fatal(err)
		}
		slow := &record.JSON{Schemas: schemas == "true"}
		rapid.Check(t, func(t *rapid.T) {
			number, text := rapid.Int64().Draw(t, "id"), rapid.String().Draw(t, "text")
			float := rapid.Float64().Draw(t, "float")
			tuple := textTuple(strconv.FormatInt(number, 10), text, strconv.FormatFloat(float, 'g', -1, 64),
				"1.500", `\x00ff`, text)
			if rapid.Bool().Draw(t, "null") {
				tuple[1], tuple[5] = pgmodel.Datum{Kind: pgmodel.Null}, pgmodel.Datum{Kind: pgmodel.Null}
			}
			ev := &Event{Op: Create, After: tuple, Now: 1e18,
				Source: Source{Snapshot: NotSnapshot, CommitTime: number % 1e15, LSN: 7, HasLSN: true,
					Origin: text, LastCommit: 3}}
			var b Batch
			if _, err := e.Append(&b, ev); err != nil {
				t.Fatal(err)
			}
			value := b.Records[0].Value
			if !json.Valid(value) {
				t.Fatalf("no JSON: %s", value)
			}
			payload, err := e.appendPayload(nil, ev, Create, nil, tuple, 0)
			if err != nil {
				t.Fatal(err)
			}
			tree, err := record.DecodeJSONValue(e.schemas.envelope, payload)
			if err != nil {
				t.Fatal(err)
			}
			want, err := slow.Encode(nil, "", e.schemas.envelope, tree)
			if err != nil {
				t.Fatal(err)
			}
			if math.Signbit(float) && float == 0 {
				return // the text of -0 is read back as 0
			}
			if string(want) != string(value) {
				t.Fatalf("got  %s\nwant %s", value, want)
			}
		})
	}
}
