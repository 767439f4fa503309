package record

import (
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"math/big"
	"net/http"
	"net/http/httptest"
	"reflect"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/twmb/avro"
)

// fakeRegistry is the part of Confluent's schema registry that converters use.
type fakeRegistry struct {
	mu       sync.Mutex
	schemas  []string
	subjects map[string][]int
	requests int
	// normalized is whether the last schema was to be compared without regard to order.
	normalized bool
}

func (f *fakeRegistry) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.requests++
	w.Header().Set("Content-Type", "application/vnd.schemaregistry.v1+json")
	path := strings.Split(strings.Trim(r.URL.Path, "/"), "/")
	switch {
	case r.Method == http.MethodGet && len(path) == 3 && path[0] == "schemas":
		id, _ := strconv.Atoi(path[2])
		if id < 1 || id > len(f.schemas) {
			w.WriteHeader(http.StatusNotFound)
			fmt.Fprint(w, `{"error_code":40403,"message":"Schema not found"}`)
			return
		}
		json.NewEncoder(w).Encode(map[string]any{"schema": f.schemas[id-1]})
	case r.Method == http.MethodGet && len(path) == 4 && path[3] == "latest" && len(f.subjects[path[1]]) > 0:
		id := f.subjects[path[1]][len(f.subjects[path[1]])-1]
		json.NewEncoder(w).Encode(map[string]any{"id": id, "version": 7, "schema": f.schemas[id-1]})
	case r.Method == http.MethodPost && path[0] == "subjects":
		f.normalized = r.URL.Query().Get("normalize") == "true"
		var body struct{ Schema string }
		if err := json.NewDecoder(r.Body).Decode(&body); err != nil {
			w.WriteHeader(http.StatusUnprocessableEntity)
			return
		}
		id := 0
		for i := range f.schemas {
			if f.schemas[i] == body.Schema {
				id = i + 1
			}
		}
		if id == 0 {
			f.schemas = append(f.schemas, body.Schema)
			id = len(f.schemas)
		}
		f.subjects[path[1]] = append(f.subjects[path[1]], id)
		json.NewEncoder(w).Encode(map[string]any{"id": id, "schema": body.Schema})
	default:
		w.WriteHeader(http.StatusNotFound)
	}
}

func newAvro(t *testing.T) (*Avro, *fakeRegistry) {
	fake := &fakeRegistry{subjects: map[string][]int{}}
	server := httptest.NewServer(fake)
	t.Cleanup(server.Close)
	client, err := NewRegistry(server.URL, server.Client(), "", "")
	if err != nil {
		t.Fatal(err)
	}
	return &Avro{Registry: client}, fake
}

// everyType is a struct with a field of each type, optional and not, and defaults.
func everyType() (*Schema, *StructValue) {
	inner := &Schema{Type: Struct, Name: "s.Inner", Version: 1, Optional: true,
		Fields: []Field{{"x", Of(Float64)}, {"b", OptionalOf(Bytes)}}}
	decimal := &Schema{Type: Bytes, Name: DecimalName, Version: 1,
		Params: []Param{{"scale", "2"}, {"connect.decimal.precision", "10"}}}
	s := &Schema{Type: Struct, Name: "s.Every", Version: 3, Doc: "all of them", Fields: []Field{
		{"i8", Of(Int8)}, {"i16", OptionalOf(Int16).WithDefault(int16(7))}, {"i32", Of(Int32)}, {"i64", OptionalOf(Int64)},
		{"f32", Of(Float32)}, {"f64", OptionalOf(Float64)}, {"b", Of(Boolean)}, {"s", OptionalOf(String)}, {"by", Of(Bytes)},
		{"dec", decimal}, {"arr", ArrayOf(OptionalOf(Int32))},
		{"m", &Schema{Type: MapType, Keys: Of(String), Values: OptionalOf(String)}},
		{"day", &Schema{Type: Int32, Name: DateName, Version: 1}}, {"in", inner}, {"again", inner}, {"none", inner},
	}}
	v := NewStruct(s)
	in := &StructValue{Schema: inner, Values: []any{1.5, nil}}
	v.Values = []any{int8(-1), nil, int32(1 << 30), int64(-1 << 60), float32(0.5), 2.25, true, "té😀", []byte{0, 255},
		Decimal{Value: big.NewInt(-12345), Scale: 2}, []any{int32(1), nil}, Map{{"k", "v"}, {"n", nil}},
		int32(18000), in, in, nil}
	return s, v
}

func TestAvroReadsBackWhatItWrote(t *testing.T) {
	c, fake := newAvro(t)
	s, v := everyType()
	data, err := c.Encode(nil, "topic", s, v)
	if err != nil {
		t.Fatal(err)
	}
	if data[0] != 0 || len(fake.subjects["topic-value"]) != 1 {
		t.Errorf("the record does not begin with a zero byte, or its subject is wrong: %v", fake.subjects)
	}
	gotSchema, got, err := c.Decode("topic", data)
	if err != nil {
		t.Fatal(err)
	}
	want, _ := new(JSON).AppendValue(nil, s, v)
	have, err := (&JSON{KeepNull: true}).AppendValue(nil, gotSchema, got)
	if err != nil || string(have) != string(want) {
		t.Errorf("read back %s (%v), want %s", have, err, want)
	}
	if gotSchema.Name != s.Name || gotSchema.Version != 3 || gotSchema.Fields[9].Schema.Name != DecimalName ||
		!reflect.DeepEqual(gotSchema.Fields[9].Schema.Params, s.Fields[9].Schema.Params) {
		t.Errorf("the schema came back as %+v", gotSchema)
	}
}

func TestAvroThatWeWriteIsReadByAnotherDecoder(t *testing.T) {
	c, fake := newAvro(t)
	s, v := everyType()
	data, err := c.Encode(nil, "topic", s, v)
	if err != nil {
		t.Fatal(err)
	}
	var out map[string]any
	if _, err := avro.MustParse(fake.schemas[0]).Decode(data[5:], &out); err != nil {
		t.Fatal(err)
	}
	if out["i64"].(int64) != -1<<60 || out["s"] != "té😀" || out["i16"] != int32(7) || out["in"].(map[string]any)["x"] != 1.5 {
		t.Errorf("read %v", out)
	}
}

func TestASchemaIsRegisteredOnceForManyRecords(t *testing.T) {
	c, fake := newAvro(t)
	s, v := everyType()
	for range 10 {
		if _, err := c.Encode(nil, "topic", s, v); err != nil {
			t.Fatal(err)
		}
	}
	if fake.requests != 1 {
		t.Errorf("%d requests", fake.requests)
	}
}

func TestANameThatAvroRefusesIsAnErrorWithARemedy(t *testing.T) {
	_, err := AvroForm{}.schema(&Schema{Type: Struct, Name: "a.b-Value", Fields: []Field{{"x", Of(Int32)}}})
	if err == nil || !strings.Contains(err.Error(), "schema.name.adjustment.mode") {
		t.Errorf("got %v", err)
	}
}

func TestAvroOfAnUnknownSchemaOrFormatIsAnError(t *testing.T) {
	c, _ := newAvro(t)
	for _, data := range [][]byte{{}, {1, 2, 3, 4, 5, 6}, {0, 0, 0, 0, 99, 1}} {
		if _, _, err := c.Decode("topic", data); err == nil {
			t.Errorf("decoded %v", data)
		}
	}
}

// What AvroData of Confluent's schema registry makes of a schema without connect.name
// (toConnectSchema): decimal, date, time-millis and timestamp-millis are types of Connect, whatever
// their case, and all others are what they are made of.
func TestAvrosLogicalTypesAreThoseThatConfluentsConverterKnows(t *testing.T) {
	decimal := func(more ...Param) []Param { return append([]Param{{"scale", "2"}}, more...) }
	for avroType, want := range map[string]struct {
		wire   []byte
		typ    Type
		name   string
		params []Param
		value  string
	}{
		`{"type":"bytes","logicalType":"decimal","precision":10,"scale":2}`: {[]byte{4, 0x30, 0x39}, Bytes,
			DecimalName, decimal(Param{"connect.decimal.precision", "10"}), `"MDk="`},
		`{"type":"bytes","logicalType":"decimal","precision":64,"scale":2}`: {[]byte{4, 0x30, 0x39}, Bytes,
			DecimalName, decimal(), `"MDk="`},
		`{"type":"fixed","name":"f","size":3,"logicalType":"DECIMAL","precision":6,"scale":2}`: {[]byte{0xff, 0xff, 0xfe},
			Bytes, DecimalName, decimal(Param{"connect.decimal.precision", "6"}), `"/g=="`},
		`["null",{"type":"bytes","logicalType":"decimal","precision":10,"scale":2}]`: {[]byte{2, 4, 0x30, 0x39},
			Bytes, DecimalName, decimal(Param{"connect.decimal.precision", "10"}), `"MDk="`},
		`{"type":"int","logicalType":"date"}`: {[]byte{4}, Int32,
			DateName, nil, `2`},
		`{"type":"int","logicalType":"Time-Millis"}`: {[]byte{4}, Int32,
			TimeName, nil, `2`},
		`{"type":"long","logicalType":"timestamp-millis"}`: {[]byte{4}, Int64,
			TimestampName, nil, `2`},
		`{"type":"long","logicalType":"timestamp-millis","connect.name":"` + TimestampName +
			`"}`: {[]byte{4}, Int64, TimestampName, nil, `2`},
		`{"type":"long","logicalType":"timestamp-micros"}`: {[]byte{4},
			Int64, "", nil, `2`},
		`{"type":"long","logicalType":"local-timestamp-millis"}`: {[]byte{4},
			Int64, "", nil, `2`},
		`{"type":"long","logicalType":"time-micros"}`: {[]byte{4},
			Int64, "", nil, `2`},
		`{"type":"string","logicalType":"uuid"}`: {[]byte{2, 'x'}, String,
			"", nil, `"x"`},
		`{"type":"long","logicalType":"date"}`: {[]byte{4},
			Int64, "", nil, `2`},
		`{"type":"int","logicalType":"timestamp-millis"}`: {[]byte{4},
			Int32, "", nil, `2`},
		`{"type":"int","logicalType":"something"}`: {[]byte{4},
			Int32, "", nil, `2`},
		`{"type":"long","connect.name":"io.debezium.time.MicroTimestamp","connect.version":1}`: {[]byte{4}, Int64,
			"io.debezium.time.MicroTimestamp", nil, `2`},
		`{"type":"bytes","connect.name":"` + DecimalName +
			`","connect.parameters":{"scale":"2"}}`: {[]byte{4, 0x30, 0x39}, Bytes, DecimalName, decimal(), `"MDk="`},
		`{"type":"fixed","name":"d","size":2,"connect.name":"` + DecimalName +
			`","connect.parameters":{"scale":"2"}}`: {[]byte{0x30, 0x39}, Bytes, DecimalName, decimal(), `"MDk="`},
	} {
		got, err := parseAvro(avroType)
		if err != nil {
			t.Errorf("%s: %v", avroType, err)
			continue
		}
		in := newAvroInput(want.wire)
		value := got.read(in)
		text, err := (&JSON{}).AppendValue(nil, got.connect, value)
		if in.err != nil || err != nil || string(text) != want.value {
			t.Errorf("%s: read %s, want %s: %v %v", avroType, text, want.value, in.err, err)
		}
		version := 0
		if want.name != "" && (strings.HasPrefix(want.name, "org") && strings.Contains(avroType, "logicalType") ||
			strings.Contains(avroType, "version")) {
			version = 1
		}
		if c := got.connect; c.Type != want.typ || c.Name != want.name || !reflect.DeepEqual(c.Params, want.params) ||
			c.Version != version {
			t.Errorf("%s became %+v", avroType, *c)
		}
	}
	for _, avroType := range []string{`{"type":"int","logicalType":"date","connect.name":"io.debezium.time.Date"}`,
		`{"type":"bytes","logicalType":"decimal","precision":4,"scale":2,"connect.name":"x"}`} {
		if _, err := parseAvro(avroType); err == nil || !strings.Contains(err.Error(), "connect.name") {
			t.Errorf("%s: %v", avroType, err) // which AvroData refuses as mismatched names
		}
	}
}

func TestARegistryIsAskedOnceForASchemaThatManyWantAndForOneThatItDoesNotHave(t *testing.T) {
	var questions atomic.Int32
	release := make(chan struct{})
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		questions.Add(1)
		<-release
		if strings.HasSuffix(r.URL.Path, "/1") {
			fmt.Fprint(w, `{"schema":"\"long\""}`)
			return
		}
		w.WriteHeader(http.StatusNotFound)
		fmt.Fprint(w, `{"error_code":40403,"message":"Schema not found"}`)
	}))
	defer server.Close()
	client, err := NewRegistry(server.URL, server.Client(), "", "")
	if err != nil {
		t.Fatal(err)
	}
	c := &Avro{Registry: client}
	var readers sync.WaitGroup
	for i := range 100 {
		readers.Go(func() {
			id := byte(1 + i%2)
			_, value, err := c.Decode("t", []byte{0, 0, 0, 0, id, 14})
			if id == 1 && (err != nil || value != int64(7)) || id == 2 &&
				(err == nil || !strings.Contains(err.Error(), "Schema not found")) {
				t.Errorf("schema %d: %v, %v", id, value, err)
			}
		})
	}
	close(release)
	readers.Wait()
	for range 1000 {
		if _, _, err := c.Decode("t", []byte{0, 0, 0, 0, 2, 14}); err == nil {
			t.Fatal("a schema that is not there was read")
		}
	}
	if n := questions.Load(); n > 4 { // one of each, and more only where this takes longer than a refusal is remembered
		t.Errorf("the registry was asked %d times", n)
	}
	for id := range 5 * maxSchemas {
		_, _, _ = c.Decode("t", binary.BigEndian.AppendUint32([]byte{0}, uint32(100+id)))
	}
	if n := len(c.written.refused); n > maxSchemas {
		t.Errorf("%d refusals are remembered", n)
	}
}

func TestWhatIsNoAnswerOfARegistrySaysNothingOfTheRecord(t *testing.T) {
	for name, c := range map[string]struct {
		status int
		body   string
		away   bool
	}{
		"no such schema":         {404, `{"error_code":40403,"message":"Schema not found"}`, false},
		"another type":           {200, `{"schemaType":"PROTOBUF","schema":"syntax = \"proto3\";"}`, false},
		"a schema that is none":  {200, `{"schema":"{"}`, false},
		"a page not found":       {404, `<html>nginx</html>`, true},
		"a page":                 {200, `<html>Welcome</html>`, true},
		"an answer cut off":      {200, `{"schema":"\"lo`, true},
		"an empty answer":        {200, ``, true},
		"an answer of others":    {200, `{}`, true},
		"a password wanted":      {401, `{"error_code":401,"message":"Unauthorized"}`, true},
		"no rights":              {403, `{"error_code":40301,"message":"User is denied operation Read"}`, true},
		"elsewhere":              {302, ``, true},
		"a gateway's own 404":    {404, `{"message":"no Route matched with those values"}`, true},
		"Kafka Connect":          {404, `{"error_code":404,"message":"HTTP 404 Not Found"}`, true},
		"an error of its own":    {500, `{"error_code":50001,"message":"Error in the backend data store"}`, true},
		"overloaded":             {429, ``, true},
		"a gateway without one":  {502, `<html>`, true},
		"a gateway that gave up": {504, `<html>`, true},
	} {
		t.Run(name, func(t *testing.T) {
			server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
				w.WriteHeader(c.status)
				fmt.Fprint(w, c.body)
			}))
			defer server.Close()
			client, err := NewRegistry(server.URL, server.Client(), "", "")
			if err != nil {
				t.Fatal(err)
			}
			_, _, err = (&Avro{Registry: client}).Decode("t", []byte{0, 0, 0, 0, 1, 14})
			if away := (*Unavailable)(nil); err == nil || errors.As(err, &away) != c.away {
				t.Errorf("%v", err)
			}
		})
	}
}

func TestAUnionOfSeveralTypesIsAStructWithAMemberForEachAsConfluentsConverterMakesIt(t *testing.T) {
	const union = `{"type":"record","name":"R","fields":[{"name":"u","type":["null","string","long",{"type":"record","name":"a.b.In","fields":[{"name":"x","type":"int"}]},{"type":"array","items":"int"}]},{"name":"v","type":["int","string"]},{"name":"again","type":["a.b.In","string"]}]}`
	got, err := parseAvro(union)
	if err != nil {
		t.Fatal(err)
	}
	if u := got.connect.Fields[0].Schema; u.Name != "io.confluent.connect.avro.Union" || !u.Optional ||
		len(u.Fields) != 4 || !u.Fields[0].Schema.Optional {
		t.Errorf("%+v", u)
	}
	for wire, want := range map[string]string{
		"\x00\x00\x02\x02\x02z":            `{"u":null,"v":{"int":1,"string":null},"again":{"In":null,"string":"z"}}`,
		"\x02\x02y\x02\x02w\x00\x08":       `{"u":{"string":"y","long":null,"In":null,"array":null},"v":{"int":null,"string":"w"},"again":{"In":{"x":4},"string":null}}`,
		"\x04\x06\x00\x02\x00\x08":         `{"u":{"string":null,"long":3,"In":null,"array":null},"v":{"int":1,"string":null},"again":{"In":{"x":4},"string":null}}`,
		"\x06\x0a\x00\x02\x00\x08":         `{"u":{"string":null,"long":null,"In":{"x":5},"array":null},"v":{"int":1,"string":null},"again":{"In":{"x":4},"string":null}}`,
		"\x08\x02\x06\x00\x00\x02\x00\x08": `{"u":{"string":null,"long":null,"In":null,"array":[3]},"v":{"int":1,"string":null},"again":{"In":{"x":4},"string":null}}`,
	} {
		in := newAvroInput([]byte(wire))
		text, err := (&JSON{KeepNull: true}).AppendValue(nil, got.connect, got.read(in))
		if in.err != nil || err != nil || string(text) != want {
			t.Errorf("%q: read %s, want %s: %v %v", wire, text, want, in.err, err)
		}
	}
	in := newAvroInput([]byte("\x0c"))
	if got.read(in); in.err == nil {
		t.Error("a branch that the union does not have was read")
	}
	if _, err := parseAvro(
		`["string",{"type":"record","name":"a.S","fields":[]},{"type":"record","name":"b.S","fields":[]}]`); err == nil ||
		!strings.Contains(err.Error(), "two types called S") {
		t.Errorf("%v", err) // as AvroData
	}
}
