package avro_test

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"testing"

	"github.com/calypso-cdc/calypso/services/localadx/ingest/avro"
)

// total bounds the records of a file in these tests, in bytes.
const total = 64 << 20

// read returns the records of a file, and what ended it.
func read(file io.Reader, limit int) ([]string, error) {
	r, err := avro.NewReader(file, avro.Options{Limit: limit, Total: total})
	if err != nil {
		return nil, err
	}
	defer r.Close()
	var records []string
	for {
		record, err := r.Next()
		if errors.Is(err, io.EOF) {
			return records, nil
		}
		if err != nil {
			return records, err
		}
		if len(records) < 10 {
			records = append(records, string(record))
		}
	}
}

// The files are fastavro's: testdata/make.py writes them.
func TestFilesOfEachCompressionAreReadAsJSON(t *testing.T) {
	const zero = `{"id":0,"n":0,"ok":true,"nothing":null,"f":0.0,"x":0.0,"name":null,"bin":"hé","state":"NEW","code":"abc","tags":[],"props":{"a":null,"b":1.5},` +
		`"next":null,"day":"1969-12-31T00:00:00Z","at":"2024-02-29T01:02:03.456789Z","took":"01:02:03.0040000","price":0.000,"key":"74be27de-1e4e-49d9-b579-fe0b331d3642"}`
	const two = `{"id":2000000000000,"n":-2,"ok":true,"nothing":null,"f":1.0,"x":2E+300,"name":7,"bin":"hé","state":"NEW","code":"abc","tags":["a","ü\"b"],"props":{"a":null,"b":1.5},` +
		`"next":null,"day":"1969-12-31T00:00:00Z","at":"2024-02-29T01:02:03.456789Z","took":"01:02:03.0040000","price":-24.690,"key":"74be27de-1e4e-49d9-b579-fe0b331d3642"}`
	const one = `{"id":-1000000000000,"n":-1,"ok":false,"nothing":null,"f":0.5,"x":1E+300,"name":"one","bin":"hé","state":"PAID","code":"abc","tags":["a"],"props":{"a":null,"b":1.5},` +
		`"next":` + two +
		`,"day":"1969-12-31T00:00:00Z","at":"2024-02-29T01:02:03.456789Z","took":"01:02:03.0040000","price":-12.345,"key":"74be27de-1e4e-49d9-b579-fe0b331d3642"}`
	for _, codec := range []string{"null", "deflate", "snappy", "zstandard"} {
		file, err := os.Open("testdata/" + codec + ".avro")
		if err != nil {
			t.Fatal(err)
		}
		defer file.Close()
		records, err := read(file, 1<<20)
		if err != nil {
			t.Fatalf("%s: %v", codec, err)
		}
		if got := strings.Join(records, "\n"); got != zero+"\n"+one {
			t.Errorf("%s gives\n%s\nwant\n%s", codec, got, zero+"\n"+one)
		}
	}
}

func number(n int64) []byte { return binary.AppendVarint(nil, n) }

// container is a file of one block.
func container(schema, codec string, count, size int64, content ...[]byte) []byte {
	file := []byte("Obj\x01")
	add := func(parts ...[]byte) { file = append(file, bytes.Join(parts, nil)...) }
	text := func(s string) { add(number(int64(len(s))), []byte(s)) }
	add(number(2))
	text("avro.schema")
	text(schema)
	text("avro.codec")
	text(codec)
	add(number(0), make([]byte, 16))
	add(number(count), number(size))
	add(content...)
	add(make([]byte, 16))
	return file
}

// fields are so many fields of a record, with long names.
func fields(n int, typ string) string {
	var out []string
	for i := range n {
		out = append(out, fmt.Sprintf(`{"name":"a field of a name that is long %d","type":%s}`, i, typ))
	}
	return strings.Join(out, ",")
}

func TestAFileThatEndsAnywhereGivesTheRecordsBeforeThatAndNoOthers(t *testing.T) {
	for _, codec := range []string{"null", "deflate", "snappy", "zstandard"} {
		file, err := os.ReadFile("testdata/" + codec + ".avro")
		if err != nil {
			t.Fatal(err)
		}
		all, err := read(bytes.NewReader(file), 1<<20)
		if err != nil {
			t.Fatal(err)
		}
		for end := range file {
			records, err := read(bytes.NewReader(file[:end]), 1<<20)
			if err == nil && len(records) > 0 {
				t.Errorf("%s: %d of %d bytes are read as a whole", codec, end, len(file))
			}
			for i, record := range records {
				if record != all[i] {
					t.Errorf("%s: with %d of %d bytes record %d is %s", codec, end, len(file), i, record)
				}
			}
		}
	}
}

func TestAFileThatClaimsTheImpossibleIsRefused(t *testing.T) {
	const huge = int64(1) << 62
	record := func(field string) string {
		return `{"type":"record","name":"r","fields":[` + field + `]}`
	}
	name := func(typ string) string { return record(`{"name":"a","type":` + typ + `}`) }
	nested := strings.Repeat(`{"type":"array","items":`, 1_000_000) + `"int"` + strings.Repeat("}", 1_000_000)
	deep := bytes.Repeat([]byte{2}, 1_000_000) // each the second branch of a union: one level more
	doubling := &strings.Builder{}
	doubling.WriteString(`{"type":"record","name":"r0","fields":[`)
	for i := range 40 {
		fmt.Fprintf(doubling, `{"name":"a","type":{"type":"record","name":"r%d","fields":[`, i+1)
	}
	for i := range 40 {
		fmt.Fprintf(doubling, `]}},{"name":"b","type":"r%d"}`, 40-i)
	}
	doubling.WriteString(`]}`)
	for what, file := range map[string][]byte{
		"a block of 2^62 bytes":                  container(name(`"int"`), "null", 1, huge),
		"a block of 2^62 records":                container(name(`"int"`), "null", huge, 1, number(1)),
		"a block of 2^62 records without a byte": container(record(""), "null", huge, 0),
		"a block of -1 records":                  container(name(`"int"`), "null", -1, 0),
		"a block of -1 bytes":                    container(name(`"int"`), "null", 1, -1),
		"a string of 2^62 bytes":                 container(name(`"string"`), "null", 1, 20, number(huge)),
		"a string of -1 bytes":                   container(name(`"string"`), "null", 1, 1, number(-1)),
		"a fixed of 2^40 bytes": container(name(`{"type":"fixed","name":"f","size":1099511627776}`), "null",
			1, 0),
		"a fixed of -1 bytes": container(name(`{"type":"fixed","name":"f","size":-1}`), "null", 1, 0),
		"an array of 2^62 nulls": container(name(`{"type":"array","items":"null"}`), "null", 1,
			10, number(huge)),
		"an array of 2^62 empty records": container(
			name(`{"type":"array","items":{"type":"record","name":"e","fields":[]}}`), "null", 1, 10, number(huge)),
		"an array of -2^63 elements": container(name(`{"type":"array","items":"null"}`), "null", 1, 11,
			number(-1<<63), number(0)),
		"a map of 2^62 entries": container(name(`{"type":"map","values":"null"}`), "null", 1,
			10, number(huge)),
		"arrays of a million nulls": container(name(`{"type":"array","items":"null"}`), "null", 40, 40*4,
			bytes.Repeat(append(number(1<<16), 0), 40)),
		"records of names": container(record(fields(1000, `"null"`)), "null", 1<<20, 0),
		"records of names, with a byte each": container(record(fields(1000, `"null"`)+`,{"name":"b","type":"boolean"}`),
			"null", 1<<20, 1<<20, make([]byte, 1<<20)),
		"a name in a circle":    container(`{"type":{"type":"r"}}`, "null", 1, 0),
		"a type of two circles": container(name(`{"type":"record","name":"q","fields":[{"name":"b","type":"r"}]}`), "null", 1, 0),
		"symbols of no text":    container(name(`{"type":"enum","name":"e","symbols":[{}]}`), "null", 1, 1, number(0)),
		"a size that is text":   container(name(`{"type":"fixed","name":"f","size":"9"}`), "null", 1, 0),
		"an enum's symbol 5 of 1": container(name(`{"type":"enum","name":"e","symbols":["x"]}`), "null",
			1, 1, number(5)),
		"a union's branch -1":                    container(name(`["null","int"]`), "null", 1, 1, number(-1)),
		"a record that holds itself":             container(name(`"r"`), "null", 1, 0),
		"a list a million levels deep":           container(name(`["null","r"]`), "null", 1, int64(len(deep)), deep),
		"records that double 40 times":           container(doubling.String(), "null", 1, 0),
		"a schema a million levels deep":         container(nested, "null", 1, 0),
		"a schema that is no type":               container(`7`, "null", 1, 0),
		"a schema that names a type that is not": container(name(`"x"`), "null", 1, 0),
		"an empty schema":                        container(``, "null", 1, 0),
		"an unknown compression":                 container(name(`"int"`), "lzma", 1, 0),
		"a block of snappy that claims 4 GB": container(name(`"int"`), "snappy", 1, 9,
			binary.AppendUvarint(nil, 1<<32-1), make([]byte, 4)),
		"a block of snappy of 2^62 bytes": container(name(`"int"`), "snappy", 1, huge),
		"a block of zstandard with a huge window": container(name(`"int"`), "zstandard", 1, 6,
			[]byte{0x28, 0xb5, 0x2f, 0xfd, 0x00, 0xff}),
		"a block of deflate that is not": container(name(`"int"`), "deflate", 1, 4, []byte("nope")),
		"a number of eleven bytes":       container(name(`"long"`), "null", 1, 11, bytes.Repeat([]byte{0xff}, 11)),
		"a decimal of a scale of a billion": container(
			name(`{"type":"bytes","logicalType":"decimal","precision":4,"scale":1000000000}`), "null", 1, 2,
			number(1), []byte{1}),
		"a header of 2^62 entries":     append([]byte("Obj\x01"), number(huge)...),
		"a header entry of 2^62 bytes": append([]byte("Obj\x01"), append(number(1), number(huge)...)...),
		"text":                         []byte("nope"),
		"nothing":                      nil,
		"a block that another mark ends": append(container(name(`"int"`), "null", 1, 1,
			number(1))[:len(container(name(`"int"`), "null", 1, 1, number(1)))-1], 1),
	} {
		t.Run(what, func(t *testing.T) {
			if records, err := read(bytes.NewReader(file), 1<<20); err == nil {
				t.Errorf("it was read: %.200s", strings.Join(records, "\n"))
			} else if len(err.Error()) > 300 {
				t.Errorf("the error has %d characters", len(err.Error()))
			}
		})
	}
}

func FuzzAnyFileIsReadOrRefused(f *testing.F) {
	for _, codec := range []string{"null", "deflate", "snappy", "zstandard"} {
		file, err := os.ReadFile("testdata/" + codec + ".avro")
		if err != nil {
			f.Fatal(err)
		}
		f.Add(file)
	}
	f.Fuzz(func(t *testing.T, file []byte) {
		read(bytes.NewReader(file), 1<<16)
	})
}
