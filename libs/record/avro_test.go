package record

import (
	"encoding/json"
	"fmt"
	"math/big"
	"net/http"
	"net/http/httptest"
	"reflect"
	"strconv"
	"strings"
	"sync"
	"testing"

	"github.com/twmb/avro"
)

// fakeRegistry is the part of Confluent's schema registry that converters use.
type fakeRegistry struct {
	mu       sync.Mutex
	schemas  []string
	subjects map[string][]int
	requests int
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
	case r.Method == http.MethodPost && path[0] == "subjects":
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
	inner := &Schema{Type: Struct, Name: "s.Inner", Version: 1, Optional: true, Fields: []Field{{"x", Of(Float64)}, {"b", OptionalOf(Bytes)}}}
	decimal := &Schema{Type: Bytes, Name: DecimalName, Version: 1, Params: []Param{{"scale", "2"}, {"connect.decimal.precision", "10"}}}
	s := &Schema{Type: Struct, Name: "s.Every", Version: 3, Doc: "all of them", Fields: []Field{
		{"i8", Of(Int8)}, {"i16", OptionalOf(Int16).WithDefault(int16(7))}, {"i32", Of(Int32)}, {"i64", OptionalOf(Int64)},
		{"f32", Of(Float32)}, {"f64", OptionalOf(Float64)}, {"b", Of(Boolean)}, {"s", OptionalOf(String)}, {"by", Of(Bytes)},
		{"dec", decimal}, {"arr", ArrayOf(OptionalOf(Int32))}, {"m", &Schema{Type: MapType, Keys: Of(String), Values: OptionalOf(String)}},
		{"day", &Schema{Type: Int32, Name: DateName, Version: 1}}, {"in", inner}, {"again", inner}, {"none", inner},
	}}
	v := NewStruct(s)
	in := &StructValue{Schema: inner, Values: []any{1.5, nil}}
	v.Values = []any{int8(-1), nil, int32(1 << 30), int64(-1 << 60), float32(0.5), 2.25, true, "té😀", []byte{0, 255},
		Decimal{Value: big.NewInt(-12345), Scale: 2}, []any{int32(1), nil}, Map{{"k", "v"}, {"n", nil}}, int32(18000), in, in, nil}
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
	want, _ := (&JSON{KeepNull: true}).AppendValue(nil, s, v)
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
	if out["i64"].(int64) != -1<<60 || out["s"] != "té😀" || out["i16"] != nil || out["in"].(map[string]any)["x"] != 1.5 {
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
	_, err := AvroSchema(&Schema{Type: Struct, Name: "a-b.Value", Fields: []Field{{"x", Of(Int32)}}})
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
