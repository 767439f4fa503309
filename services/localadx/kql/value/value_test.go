package value

import (
	"math"
	"testing"

	"pgregory.net/rapid"
)

func TestDatetimesAreReadInTheFormsKustoTakes(t *testing.T) {
	const day = "2020-10-09T00:00:00.0000000Z"
	for text, want := range map[string]string{
		"2020-10-09": day, "2020-10-09T00:00:00Z": day, "2020-10-09 07:10": "2020-10-09T07:10:00.0000000Z",
		"2020-10-09 07:10:49":           "2020-10-09T07:10:49.0000000Z",
		"2020-10-09T07:10:49.1234567Z":  "2020-10-09T07:10:49.1234567Z",
		"2020-10-09T07:10:49.12345678Z": "2020-10-09T07:10:49.1234567Z",
		"2020-10-09T07:10:49+02:00":     "2020-10-09T05:10:49.0000000Z",
		"2020-10-09T07:10:49-0130":      "2020-10-09T08:40:49.0000000Z",
		"10/09/2020":                    day, "10/9/2020 7:10:49 PM": "2020-10-09T19:10:49.0000000Z",
		"2020-10":                       "2020-10-01T00:00:00.0000000Z",
		"2020":                          "2020-01-01T00:00:00.0000000Z",
		"Fri, 09 Oct 2020 07:10:49 GMT": "2020-10-09T07:10:49.0000000Z", " 2020-10-09 ": day,
		"0001-01-01":                   "0001-01-01T00:00:00.0000000Z",
		"9999-12-31T23:59:59.9999999Z": "9999-12-31T23:59:59.9999999Z",
	} {
		ticks, ok := ParseDatetime(text)
		if got := FormatDatetime(ticks); !ok || got != want {
			t.Errorf("%q: %s %v, want %s", text, got, ok, want)
		}
	}
	for _, text := range []string{"", "abc", "2020-13-01", "2020-02-30", "2020-10-09T25:00:00", "2020-10-09T07:60:00",
		"12345678901", "2020-10-09T07:10:49X"} {
		if ticks, ok := ParseDatetime(text); ok {
			t.Errorf("%q: %s", text, FormatDatetime(ticks))
		}
	}
}

func TestTimespansAreReadAndWritten(t *testing.T) {
	for text, want := range map[string]string{
		"1.02:03:04": "1.02:03:04", "-12:00:00": "-12:00:00", "00:00:00.5": "00:00:00.5000000", "1:02": "01:02:00",
		"3": "3.00:00:00", "90m": "01:30:00",
		"1.5h": "01:30:00", "100ns": "", "24:00:00": "", "5tick": "00:00:00.0000005", "1:2:3:4": "1.02:03:04",
		"--1": "", "-+1": "", "+5": "", "-1.02:03": "-1.02:03:00", "10675199.02:48:05.4775807": "10675199.02:48:05.4775807",
		"10675199.02:48:05.4775808": "", "10675199.23:00:00": "", "2147483647.00:00:00": "", "--1.00:00:00": "",
	} {
		ticks, ok := ParseTimespan(text)
		if !ok {
			if want != "" {
				t.Errorf("%q is refused", text)
			}
			continue
		}
		if got := FormatTimespan(ticks); got != want {
			t.Errorf("%q: %s, want %s", text, got, want)
		}
	}
	if got := FormatTimespan(math.MinInt64); got != "-10675199.02:48:05.4775808" {
		t.Errorf("the least timespan is %s", got)
	}
}

func TestTicksRoundTripThroughTimeAndText(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		ticks := rapid.Int64Range(0, MaxDatetime).Draw(t, "ticks")
		if got := TicksOf(TimeOf(ticks)); got != ticks {
			t.Fatalf("through time.Time: %d", got)
		}
		if got, ok := ParseDatetime(FormatDatetime(ticks)); !ok || got != ticks {
			t.Fatalf("through tostring(): %d %v", got, ok)
		}
		if got, ok := ParseDatetime(string(AppendDatetime(nil, ticks))); !ok || got != ticks {
			t.Fatalf("through the wire form: %d %v", got, ok)
		}
		span := rapid.Int64().Draw(t, "span")
		if got, ok := ParseTimespan(FormatTimespan(span)); span != math.MinInt64 && (!ok || got != span) {
			t.Fatalf("timespan %s: %d %v", FormatTimespan(span), got, ok)
		}
	})
}

func TestValuesAreWrittenAsTheProtocolsWant(t *testing.T) {
	for _, c := range []struct {
		typ  Type
		v    any
		want string
	}{
		{String, nil, `""`}, {String, "a\"b\n\x01é", `"a\"b\n\u0001é"`}, {String, "\xff", "\"\uFFFD\""},
		{Long, int64(-5), `-5`}, {Int, int32(7), `7`}, {Long, nil, `null`},
		{Real, 1.0, `1.0`}, {Real, 0.1, `0.1`}, {Real, math.NaN(), `"NaN"`}, {Real, math.Inf(-1), `"-Infinity"`},
		{Bool, true, `true`}, {Decimal, "1.5", `"1.5"`},
		{Datetime, int64(0), `"0001-01-01T00:00:00Z"`}, {Datetime, int64(9000000), `"0001-01-01T00:00:00.9Z"`},
		{Timespan, -Hour, `"-01:00:00"`},
		{Dynamic, `{"a":[1]}`, `{"a":[1]}`}, {GUID, "74be27de-1e4e-49d9-b579-fe0b331d3642",
			`"74be27de-1e4e-49d9-b579-fe0b331d3642"`},
	} {
		if got := string(AppendJSON(nil, c.typ, c.v)); got != c.want {
			t.Errorf("%s %v: %s, want %s", c.typ, c.v, got, c.want)
		}
	}
}

func TestDynamicsKeepOrderAndNumberKinds(t *testing.T) {
	for text, want := range map[string]string{
		`{"b": 1, "a": [1.0, 2, -3e2, null, true], "b": 2}`: `{"b":2,"a":[1.0,2,-300.0,null,true]}`,
		`"\u00e9\ud83d\ude00\n"`:                            `"é😀\n"`, ` [ ] `: `[]`, `{}`: `{}`,
		`123456789012345678901`: `1.2345678901234568E+20`,
	} {
		v, err := DecodeDynamic(text)
		if got := EncodeDynamic(v); err != nil || got != want {
			t.Errorf("%s: %s %v, want %s", text, got, err, want)
		}
	}
	for _, text := range []string{"", "{", "[1,", `{"a"}`, `{"a":}`, "tru", "1 2", `"\x"`, "{a:1}"} {
		if v, err := DecodeDynamic(text); err == nil {
			t.Errorf("%s: %v", text, v)
		}
	}
}

// FuzzDecodeDynamic checks that decoding never panics and that what it returns survives encoding.
func FuzzDecodeDynamic(f *testing.F) {
	for _, seed := range []string{`{"a":[1,2.5,"x",null]}`, `"\ud83d\ude00"`, `[[[[]]]]`, `-1e308`, `{"a":{"a":{}}}`} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		v, err := DecodeDynamic(text)
		if err != nil {
			return
		}
		encoded := EncodeDynamic(v)
		again, err := DecodeDynamic(encoded)
		if err != nil || EncodeDynamic(again) != encoded {
			t.Errorf("%q became %q, then %v %v", text, encoded, again, err)
		}
	})
}

// FuzzParseTimes checks that no text makes the time parsers panic.
func FuzzParseTimes(f *testing.F) {
	for _, seed := range []string{"2020-10-09T07:10:49.1Z", "10/9/2020 7:10 PM", "1.02:03:04.5", "-3d", "1e400d"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		if ticks, ok := ParseDatetime(text); ok && (ticks < 0 || ticks > MaxDatetime) {
			t.Errorf("%q: %d is out of range", text, ticks)
		}
		_, _ = ParseTimespan(text)
		_, _ = ParseGUID(text)
	})
}
