package record

import (
	"encoding/binary"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"runtime"
	"strings"
	"testing"

	"github.com/twmb/avro"
)

// wire is a record in Confluent's format, of the schema with id 1.
func wire(body ...byte) []byte { return append([]byte{0, 0, 0, 0, 1}, body...) }

func long(n int64) []byte { return binary.AppendVarint(nil, n) }

func join(parts ...[]byte) []byte {
	var out []byte
	for _, p := range parts {
		out = append(out, p...)
	}
	return out
}

// nested is a schema of arrays within arrays.
func nested(levels int) string {
	return strings.Repeat(`{"type":"array","items":`, levels) + `"int"` + strings.Repeat("}", levels)
}

// doubling is a schema of records that each hold the one before twice.
func doubling(levels int) string {
	field := func(name, schema string) string { return fmt.Sprintf(`{"name":%q,"type":%s}`, name, schema) }
	schema := `{"type":"record","name":"R0","fields":[{"name":"x","type":"int"}]}`
	for i := 1; i <= levels; i++ {
		schema = fmt.Sprintf(`{"type":"record","name":"R%d","fields":[%s,%s]}`, i, field("a", schema),
			field("b", fmt.Sprintf(`"R%d"`, i-1)))
	}
	return schema
}

func TestAHostileAvroRecordIsAnErrorAndTakesNoMoreMemoryThanItsBytes(t *testing.T) {
	const empty = `{"type":"array","items":{"type":"record","name":"E","fields":[]}}`
	huge := int64(1) << 62
	for name, c := range map[string]struct {
		schema string
		record []byte
	}{
		"a fixed of 2^40 bytes":                  {`{"type":"fixed","name":"F","size":1099511627776}`, wire(1, 2, 3)},
		"a string of 2^62 bytes":                 {`"string"`, wire(long(huge)...)},
		"bytes of a negative length":             {`"bytes"`, wire(long(-1)...)},
		"a block of 2^62 records without fields": {empty, wire(long(huge)...)},
		"a block of 2^20 records without fields": {empty, wire(join(long(1<<20), long(0))...)},
		"many blocks of records without fields": {empty,
			wire(join([]byte(strings.Repeat(string(long(60000)), 20)), long(0))...)},
		"a block of the smallest number":          {empty, wire(join(long(-1<<63), long(1))...)},
		"a block of 2^62 numbers":                 {`{"type":"array","items":"int"}`, wire(long(huge)...)},
		"a map of 2^62 entries":                   {`{"type":"map","values":"int"}`, wire(long(huge)...)},
		"a schema that nests very deep":           {nested(3000), wire(0)},
		"a schema that contains itself":           {`{"type":"record","name":"L","fields":[{"name":"next","type":["null","L"]}]}`, wire([]byte(strings.Repeat("\x02", 1<<20))...)},
		"a schema that contains itself by arrays": {`{"type":"record","name":"L","fields":[{"name":"all","type":{"type":"array","items":"L"}}]}`, wire([]byte(strings.Repeat("\x02", 1<<20))...)},
		"a schema that doubles with each level":   {doubling(40), wire(0)},
		"a union's branch that there is not":      {`["null","int"]`, wire(join(long(7), long(1))...)},
		"a symbol that there is not":              {`{"type":"enum","name":"N","symbols":["A"]}`, wire(long(huge)...)},
		"a number of eleven bytes":                {`"long"`, wire([]byte(strings.Repeat("\xff", 11))...)},
		"an int of 40 bits":                       {`"int"`, wire(long(1 << 40)...)},
		"a number too large for its Connect type": {`{"type":"int","connect.type":"int8"}`, wire(long(1000)...)},
		"a decimal of scale 2^31": {`{"type":"bytes","connect.name":"` + DecimalName +
			`","connect.parameters":{"scale":"2147483648"}}`, wire(2, 1)},
		"a decimal of scale -2^31": {`{"type":"bytes","connect.name":"` + DecimalName +
			`","connect.parameters":{"scale":"-2147483648"}}`, wire(2, 1)},
		"a decimal whose scale is no number": {`{"type":"bytes","connect.name":"` + DecimalName +
			`","connect.parameters":{"scale":"many"}}`, wire(2, 1)},
		"a decimal of a million bytes": {`{"type":"bytes","connect.name":"` + DecimalName +
			`","connect.parameters":{"scale":"0"}}`, wire(append(long(1_000_000), make([]byte, 1_000_000)...)...)},
		"a union of unions": {`["null",["null","int"]]`, wire(2, 2, 2)},
		"many values of a union of many types": {`{"type":"array","items":[` + manyRecords(5000) + `]}`,
			wire(append(append(long(1000), make([]byte, 1000)...), 0)...)},
		"a name that nothing has":  {`"Nobody"`, wire(2)},
		"no schema at all":         {``, wire(2)},
		"a record that ends early": {`{"type":"record","name":"R","fields":[{"name":"a","type":"double"},{"name":"b","type":"string"}]}`, wire(1, 2, 3, 4, 5, 6, 7, 8, 20, 'x')},
	} {
		t.Run(name, func(t *testing.T) {
			converter, fake := newAvro(t)
			fake.schemas = []string{c.schema}
			_, _, _ = converter.Decode("topic", wire()) // the schema is read once
			var before, after runtime.MemStats
			runtime.ReadMemStats(&before)
			_, value, err := converter.Decode("topic", c.record)
			runtime.ReadMemStats(&after)
			if err == nil {
				t.Fatalf("it was read as %.100v", value)
			}
			if took := after.TotalAlloc - before.TotalAlloc; took > 64<<20 {
				t.Errorf("it took %d bytes to find: %v", took, err)
			}
		})
	}
}

func TestAvroOfAllFormsIsReadAsAnotherEncoderWroteIt(t *testing.T) {
	schema := `{"type":"record","name":"R","namespace":"a.b","fields":[
		{"name":"e","type":{"type":"enum","name":"E","symbols":["X","Y"]}},{"name":"f","type":{"type":"fixed","name":"F","size":3}},
		{"name":"again","type":["null","F"]},{"name":"full","type":"a.b.E"},{"name":"last","type":["int","null"]},
		{"name":"m","type":{"type":"map","values":"double"}},{"name":"rs","type":{"type":"array","items":{"type":"record","name":"In","fields":[{"name":"t","type":"boolean"}]}}}]}`
	body, err := avro.MustParse(schema).Encode(map[string]any{
		"e": "Y", "f": []byte{1, 2, 3}, "again": []byte{4, 5, 6}, "full": "X", "last": nil, "m": map[string]any{"k": 1.5},
		"rs": []any{map[string]any{"t": true}, map[string]any{"t": false}},
	})
	if err != nil {
		t.Fatal(err)
	}
	converter, fake := newAvro(t)
	fake.schemas = []string{schema}
	s, value, err := converter.Decode("topic", wire(body...))
	if err != nil {
		t.Fatal(err)
	}
	text, err := (&JSON{KeepNull: true}).AppendValue(nil, s, value)
	if want := `{"e":"Y","f":"AQID","again":"BAUG","full":"X","last":null,"m":{"k":1.5},"rs":[{"t":true},{"t":false}]}`; err != nil || string(text) != want {
		t.Errorf("got %s, %v, want %s", text, err, want)
	}
}

func TestARegistryThatDoesNotAnswerIsToldFromOneThatRefuses(t *testing.T) {
	status := http.StatusServiceUnavailable
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.WriteHeader(status)
		fmt.Fprint(w, `{"error_code":40403,"message":"not now"}`)
	}))
	client, err := NewRegistry(server.URL, server.Client(), "", "")
	if err != nil {
		t.Fatal(err)
	}
	converter := &Avro{Registry: client}
	var away *Unavailable
	if _, _, err := converter.Decode("topic", wire(0)); !errors.As(err, &away) ||
		!strings.Contains(err.Error(), "not now") {
		t.Errorf("503: %v", err)
	}
	status = http.StatusNotFound
	if _, _, err := (&Avro{Registry: client}).Decode("topic", wire(0)); err == nil || errors.As(err, &away) {
		t.Errorf("404: %v", err)
	}
	server.Close()
	if _, _, err := (&Avro{Registry: client}).Decode("topic", wire(0)); !errors.As(err, &away) {
		t.Errorf("a closed server: %v", err)
	}
}

// manyRecords are n types of their own, without fields.
func manyRecords(n int) string {
	var types []string
	for i := range n {
		types = append(types, fmt.Sprintf(`{"type":"record","name":"R%d","fields":[]}`, i))
	}
	return strings.Join(types, ",")
}

// FuzzAvro reads any bytes by any schema.
func FuzzAvro(f *testing.F) {
	f.Add(`{"type":"array","items":{"type":"record","name":"E","fields":[]}}`, []byte{2, 0})
	f.Add(doubling(3), []byte(strings.Repeat("\x02", 16)))
	f.Add(
		`{"type":"record","name":"L","fields":[{"name":"m","type":["null",{"type":"map","values":{"type":"fixed","name":"F","size":2}}]}]}`, []byte{2, 2, 2, 'k', 1, 2, 0})
	f.Fuzz(func(t *testing.T, schema string, data []byte) {
		if len(schema)+len(data) > 64<<10 {
			return
		}
		read, err := parseAvro(schema)
		if err != nil {
			return
		}
		in := newAvroInput(data)
		value := read.read(in)
		if in.err != nil {
			return
		}
		if _, err := (&JSON{Schemas: true, KeepNull: true}).Encode(nil, "t", read.connect, value); err != nil {
			t.Logf("written: %v", err)
		}
	})
}
