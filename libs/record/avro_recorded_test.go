package record

import (
	"bufio"
	"encoding/base64"
	"encoding/json"
	"os"
	"testing"
)

// TestAvroIsThatOfConfluentsConverter compares with what AvroData of Confluent's schema registry (8.5)
// made of records of Debezium: the text of the schema, by which a registry tells schemas apart, and
// the bytes of the value; an error where a name is none in Java's Avro. Where null is written, the
// default of the schema stands in its place. testdata/avro.jsonl has a record a line: json is what
// JsonConverter wrote, avro is in base64.
func TestAvroIsThatOfConfluentsConverter(t *testing.T) {
	file, err := os.Open("testdata/avro.jsonl")
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	lines := bufio.NewScanner(file)
	lines.Buffer(nil, 1<<20)
	n := 0
	for ; lines.Scan(); n++ {
		var want struct{ Of, JSON, Schema, Avro, Error string }
		if err := json.Unmarshal(lines.Bytes(), &want); err != nil {
			t.Fatal(err)
		}
		s, v, err := (&JSON{Schemas: true}).Decode("t", []byte(want.JSON))
		if err != nil {
			t.Fatalf("%s: %v", want.Of, err)
		}
		text, err := AvroForm{}.schema(s)
		if (err != nil) != (want.Error != "") {
			t.Errorf("%s: error %v, want %q", want.Of, err, want.Error)
		}
		if err != nil {
			continue
		}
		if text != want.Schema {
			t.Errorf("%s: the schema is\n%s\nwant\n%s", want.Of, text, want.Schema)
		}
		got, err := new(Avro).AppendValue(nil, s, v)
		if encoded := base64.StdEncoding.EncodeToString(got); err != nil || encoded != want.Avro {
			t.Errorf("%s: the value is %s (%v)\nwant %s", want.Of, encoded, err, want.Avro)
		}
		read, err := parseAvro(text)
		if err != nil {
			t.Errorf("%s: our own schema is not read: %v", want.Of, err)
			continue
		}
		if read.connect.Name != s.Name {
			t.Errorf("%s: the schema is read as %s, want %s", want.Of, read.connect.Name, s.Name)
		}
	}
	if err := lines.Err(); err != nil || n < 100 {
		t.Errorf("%d records: %v", n, err)
	}
}

func TestADefaultStandsInThePlaceOfNullUnlessTheSettingSaysOtherwise(t *testing.T) {
	s := OptionalOf(Int32).WithDefault(int32(7))
	for keep, want := range map[bool]string{false: "\x00\x0e", true: "\x02"} {
		if got, err := (&Avro{KeepNull: keep}).AppendValue(nil, s, nil); err != nil || string(got) != want {
			t.Errorf("with ignore.default.for.nullables=%t: %q (%v), want %q", keep, got, err, want)
		}
	}
}
