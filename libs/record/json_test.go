package record

import (
	"encoding/json"
	"math"
	"strings"
	"testing"
)

func TestJSONReadsBackWhatItWrote(t *testing.T) {
	for _, decimals := range []DecimalFormat{DecimalBase64, DecimalNumeric} {
		c := &JSON{Schemas: true, KeepNull: true, Decimals: decimals}
		s, v := everyType()
		data, err := c.Encode(nil, "t", s, v)
		if err != nil || !json.Valid(data) {
			t.Fatalf("%s: %v", data, err)
		}
		gotSchema, got, err := c.Decode("t", data)
		if err != nil {
			t.Fatal(err)
		}
		again, err := c.Encode(nil, "t", gotSchema, got)
		if err != nil || string(again) != string(data) {
			t.Errorf("read back as %s (%v)\nwant %s", again, err, data)
		}
	}
}

func TestTheSameSchemaIsReadOnce(t *testing.T) {
	c := &JSON{Schemas: true}
	s, v := everyType()
	data, err := c.Encode(nil, "t", s, v)
	if err != nil {
		t.Fatal(err)
	}
	first, _, err := c.Decode("t", data)
	if err != nil {
		t.Fatal(err)
	}
	if second, _, _ := c.Decode("t", data); second != first {
		t.Error("the schema of the second record is another one")
	}
}

func TestJSONWithoutSchemaIsReadAsItIs(t *testing.T) {
	_, v, err := (&JSON{}).Decode("t",
		[]byte(` {"b":[1,2.5,null,true,"\u00e9\ud83d\ude00"],"a":{"x":-9223372036854775808}} `))
	if err != nil {
		t.Fatal(err)
	}
	got, err := (&JSON{}).AppendValue(nil, nil, v)
	if want := `{"b":[1,2.5,null,true,"é\uD83D\uDE00"],"a":{"x":-9223372036854775808}}`; err != nil ||
		string(got) != want {
		t.Errorf("%s (%v), want %s", got, err, want)
	}
}

func TestNullIsATombstoneOnlyWithoutASchema(t *testing.T) {
	for _, c := range []struct {
		json   *JSON
		schema *Schema
		want   string
	}{{&JSON{}, nil, ""}, {&JSON{Schemas: true}, nil, ""}, {&JSON{}, OptionalOf(String), "null"},
		{&JSON{Schemas: true}, OptionalOf(String), `{"schema":{"type":"string","optional":true},"payload":null}`}} {
		got, err := c.json.Encode(nil, "t", c.schema, nil)
		if err != nil || string(got) != c.want || (got == nil) != (c.want == "") {
			t.Errorf("%+v: %s (%v), want %s", c.schema, got, err, c.want)
		}
	}
}

func TestNullBecomesTheDefaultUnlessItIsKept(t *testing.T) {
	s := &Schema{Type: Struct, Fields: []Field{{"a", OptionalOf(Int32).WithDefault(int32(5))}}}
	v := NewStruct(s)
	for keep, want := range map[bool]string{false: `{"a":5}`, true: `{"a":null}`} {
		if got, err := (&JSON{KeepNull: keep}).AppendValue(nil, s, v); err != nil || string(got) != want {
			t.Errorf("keep %t: %s (%v)", keep, got, err)
		}
	}
	for keep, want := range map[bool]any{false: "x", true: nil} {
		_, got, err := (&JSON{Schemas: true, KeepNull: keep}).Decode("t",
			[]byte(`{"schema":{"type":"string","optional":true,"default":"x"},"payload":null}`))
		if err != nil || got != want {
			t.Errorf("keep %t: read %v (%v), want %v", keep, got, err, want)
		}
	}
}

func TestRequiredNullAndMalformedInputAreErrors(t *testing.T) {
	if _, err := (&JSON{}).AppendValue(nil, Of(Int32), nil); err == nil {
		t.Error("null was written for a required value")
	}
	for _, text := range []string{``, `{`, `{}`, `{"schema":null}`, `{"schema":{"type":"int32"},"payload":"x"}`,
		`{"schema":{"type":"nope"},"payload":1}`,
		`{"schema":{"type":"struct","fields":[{"type":"int32","field":"a"}]},"payload":{}}`, `{"schema":null,"payload":1}x`,
		`{"payload":1,"schema":null,"z":1}`,
		`{"schema":{"type":"array"},"payload":[]}`, `[` + strings.Repeat("[", 600),
		`{"schema":{"type":"int8","optional":false},"payload":300}`} {
		if s, v, err := (&JSON{Schemas: true}).Decode("t", []byte(text)); err == nil {
			t.Errorf("%q was read as %v of %v", text, v, s)
		}
	}
}

func TestNumbersArePrintedAsJavaPrintsThem(t *testing.T) {
	for in, want := range map[float64]string{0: "0.0", 1: "1.0", -2.5: "-2.5", 0.001: "0.001", 0.0001: "1.0E-4",
		1e7: "1.0E7", 9999999: "9999999.0",
		2e23: "1.9999999999999998E23", 8.41e21: "8.409999999999999E21", 4.9e-324: "4.9E-324",
		math.MaxFloat64: "1.7976931348623157E308",
		123456789.125:   "1.23456789125E8", math.Inf(-1): `"-Infinity"`} {
		if got := string(AppendFloat64(nil, in)); got != want {
			t.Errorf("%v: %s, want %s", in, got, want)
		}
	}
	for in, want := range map[float32]string{0.1: "0.1", 16777216: "1.6777216E7", 3.4028235e38: "3.4028235E38",
		1e-45: "1.4E-45", 1e-30: "1.0E-30"} {
		if got := string(AppendFloat32(nil, in)); got != want {
			t.Errorf("%v: %s, want %s", in, got, want)
		}
	}
}

func TestHeadersAreWrittenAsKafkaConnectWritesThem(t *testing.T) {
	s := &Schema{Type: Struct, Fields: []Field{{"a", Of(Int32)}, {"t", OptionalOf(String)},
		{"day", &Schema{Type: Int32, Name: DateName}}}}
	v := &StructValue{Schema: s, Values: []any{int32(1), `q"\`, int32(18262)}}
	for want, value := range map[string]any{`{"a":1,"t":"q\"\\","day":2020-01-01}`: v, "plain": "plain", "5": int64(5),
		"true": true, "[1,null]": []any{int32(1), nil}} {
		if got := string(HeaderBytes(nil, value)); got != want {
			t.Errorf("%s, want %s", got, want)
		}
	}
}

func FuzzDecodeJSON(f *testing.F) {
	s, v := everyType()
	seed, err := (&JSON{Schemas: true}).Encode(nil, "t", s, v)
	if err != nil {
		f.Fatal(err)
	}
	f.Add(seed)
	f.Add([]byte(`{"schema":null,"payload":{"a":[1,"x"]}}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		for _, c := range []*JSON{{Schemas: true, KeepNull: true}, {}} {
			s, v, err := c.Decode("t", data)
			if err != nil || s == nil && v == nil {
				continue
			}
			out, err := c.Encode(nil, "t", s, v)
			if err == nil && !json.Valid(out) {
				t.Errorf("%s became %s, which is no JSON", data, out)
			}
		}
	})
}
