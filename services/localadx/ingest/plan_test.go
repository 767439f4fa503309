package ingest_test

import (
	"database/sql/driver"
	"encoding/csv"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"testing"
	"testing/iotest"
	"unicode/utf8"

	"github.com/duckdb/duckdb-go/v2"

	"github.com/calypso-cdc/calypso/services/localadx/ingest"
	"github.com/calypso-cdc/calypso/services/localadx/kql"
	"github.com/calypso-cdc/calypso/services/localadx/kql/value"
)

// columnsOf reads "a:string,b:long".
func columnsOf(t testing.TB, schema string) []kql.Column {
	t.Helper()
	var columns []kql.Column
	for part := range strings.SplitSeq(schema, ",") {
		name, typeName, _ := strings.Cut(part, ":")
		typ, ok := value.ParseType(typeName)
		if !ok {
			t.Fatalf("%s is not a type", typeName)
		}
		columns = append(columns, kql.Column{Name: name, Type: typ})
	}
	return columns
}

// show writes a row as text.
func show(columns []kql.Column, row []driver.Value) string {
	cells := make([]string, len(row))
	for i, v := range row {
		switch v := v.(type) {
		case nil:
			cells[i] = "null"
		case []byte:
			cells[i] = string(v)
		case string:
			if cells[i] = v; columns[i].Type == value.Decimal {
				cells[i] = value.DecimalText(v)
			}
		case int64:
			switch columns[i].Type {
			case value.Datetime:
				cells[i] = value.FormatDatetime(v)
			case value.Timespan:
				cells[i] = value.FormatTimespan(v)
			default:
				cells[i] = fmt.Sprint(v)
			}
		case duckdb.UUID:
			cells[i] = v.String()
		default:
			cells[i] = fmt.Sprint(v)
		}
	}
	return strings.Join(cells, "|")
}

// read runs a source through a plan; bytes come one at a time as well, which must make no difference.
func read(t testing.TB, schema string, format ingest.Format, mapping, text string) ([]string, ingest.Counts, error) {
	t.Helper()
	columns := columnsOf(t, schema)
	var m *ingest.Mapping
	if mapping != "" {
		var err error
		if m, err = ingest.ParseMapping(format.MappingKind(), mapping); err != nil {
			return nil, ingest.Counts{}, err
		}
	}
	plan, err := ingest.NewPlan(columns, format, m)
	if err != nil {
		return nil, ingest.Counts{}, err
	}
	run := func(r io.Reader) ([]string, ingest.Counts, error) {
		var rows []string
		counts, err := plan.Read(r, ingest.Source{Location: "https://host/c/blob.json"}, func(row []driver.Value) error {
			rows = append(rows, show(columns, row))
			return nil
		})
		return rows, counts, err
	}
	rows, counts, err := run(strings.NewReader(text))
	slow, slowCounts, slowErr := run(iotest.OneByteReader(strings.NewReader(text)))
	if fmt.Sprint(rows, counts, err) != fmt.Sprint(slow, slowCounts, slowErr) {
		t.Errorf("read at once: %v %v %v\nbyte by byte: %v %v %v", rows, counts, err, slow, slowCounts, slowErr)
	}
	return rows, counts, err
}

func TestRecordsBecomeRows(t *testing.T) {
	all := "b:bool,i:int,l:long,r:real,m:decimal,s:string,d:datetime,p:timespan,g:guid,j:dynamic"
	tests := []struct {
		name, schema  string
		format        ingest.Format
		mapping, text string
		rows          string
		malformed     int64
		code, message string
	}{
		{name: "every type by name", schema: all, format: ingest.JSON,
			text: `{"b":true,"i":-7,"l":9223372036854775807,"r":1.5e3,"m":"12.340","s":"ä\"\u00e4\n","d":"2026-01-02T03:04:05.1234567Z","p":"1.02:03:04","g":"74be27de-1e4e-49d9-b579-fe0b331d3642","j":{"a": [1, "x y"]}}`,
			rows: "true|-7|9223372036854775807|1500|12.34|ä\"ä\n|2026-01-02T03:04:05.1234567Z|1.02:03:04|74be27de-1e4e-49d9-b579-fe0b331d3642|{\"a\":[1,\"x y\"]}"},
		{name: "numbers and booleans within strings, numbers for strings", schema: all, format: ingest.JSON,
			text: `{"b":"1","i":"5","l":"0x10","r":"NaN","m":3,"s":4.50,"d":"2026-01-02 03:04","p":"01:00","j":"text"}`,
			rows: `true|5|16|NaN|3|4.50|2026-01-02T03:04:00.0000000Z|01:00:00|null|"text"`},
		{name: "what does not fit is null", schema: all, format: ingest.JSON,
			text: `{"b":"x","i":2147483648,"l":1.5,"r":"x","m":"x","s":null,"d":"yesterday","p":"long","g":"g","j":null}`,
			rows: `null|null|null|null|null||null|null|null|null`},
		{name: "half a surrogate pair is the replacement character", schema: "s:string,j:dynamic", format: ingest.JSON,
			text: `{"s":"\ud800x","j":{"\udc00":["\ud83d\ude00","\\ud800","\ud83d\ud83d\ude00"]}}`,
			rows: "\uFFFDx|" + `{"\ufffd":["\ud83d\ude00","\\ud800","\ufffd\ud83d\ude00"]}`},
		{name: "what is absent is null", schema: all, format: ingest.JSON, text: `{}`,
			rows: `null|null|null|null|null||null|null|null|null`},
		{name: "malformed lines are left out", schema: "a:long", format: ingest.JSON,
			text: "{\"a\":1}\n{\"a\":}\n\n[1]\n{\"a\":2} x\r\n{\"a\":3}", rows: "1;3", malformed: 3},
		{name: "names are case-sensitive", schema: "a:long", format: ingest.JSON, text: `{"A":1}`, rows: "null"},
		{name: "the last of two members counts", schema: "a:long", format: ingest.JSON, text: `{"a":1,"a":2}`, rows: "2"},
		{name: "a byte order mark", schema: "a:long", format: ingest.JSON, text: "\xEF\xBB\xBF{\"a\":1}", rows: "1"},
		{name: "several records of multijson", schema: "a:long", format: ingest.MultiJSON,
			text: " {\"a\":\n1}{\"a\":2}\n[ {\"a\":3} , {\"a\":4}]", rows: "1;2;3;4"},
		{name: "a malformed record fails multijson", schema: "a:long", format: ingest.MultiJSON, text: `{"a":1}{"a":`,
			code: ingest.CodeInvalidBlob, message: "Record 2"},
		{name: "an array without an end", schema: "a:long", format: ingest.MultiJSON, text: `[{"a":1}`,
			code: ingest.CodeInvalidBlob},
		{name: "an empty source", schema: "a:long", format: ingest.JSON, text: ``, code: ingest.CodeEmptyBlob},
		{name: "a source of another format", schema: "a:long", format: ingest.JSON, text: `a,b`, code: ingest.CodeNoRecords},
		{name: "paths", schema: "a:long,b:string,c:dynamic,d:string", format: ingest.JSON,
			mapping: `[{"column":"a","Properties":{"Path":"$.x.y"}},{"column":"b","path":"$['odd name'][1]"},{"Column":"c","Properties":{"path":"$"}},{"column":"d","path":"$.x"}]`,
			text:    `{"x":{"y":7,"z":8},"odd name":["p","q"]}`,
			rows:    `7|q|{"x":{"y":7,"z":8},"odd name":["p","q"]}|{"y":7,"z":8}`},
		{name: "transformations",
			schema:  "s:datetime,ms:datetime,us:datetime,ns:datetime,loc:string,line:long,bag:dynamic,rest:dynamic,c:int",
			format:  ingest.JSON,
			mapping: `[{"column":"s","Properties":{"Path":"$.t","Transform":"DateTimeFromUnixSeconds"}},{"column":"ms","Properties":{"Path":"$.ms","Transform":"DateTimeFromUnixMilliseconds"}},{"column":"us","Properties":{"Path":"$.us","Transform":"DateTimeFromUnixMicroseconds"}},{"column":"ns","Properties":{"Path":"$.ns","Transform":"DateTimeFromUnixNanoseconds"}},{"column":"loc","Properties":{"Transform":"SourceLocation"}},{"column":"line","Properties":{"Transform":"SourceLineNumber"}},{"column":"bag","Properties":{"Path":"$.bag","Transform":"PropertyBagArrayToDictionary"}},{"column":"rest","Properties":{"Path":"$","Transform":"DropMappedFields"}},{"column":"c","Properties":{"ConstValue":"42"}}]`,
			text:    `{"t":1.5,"ms":"1500","us":1500000,"ns":1500000000,"bag":[{"a":1},{"b":2}],"more":{"x":1}}`,
			rows:    `1970-01-01T00:00:01.5000000Z|1970-01-01T00:00:01.5000000Z|1970-01-01T00:00:01.5000000Z|1970-01-01T00:00:01.5000000Z|https://host/c/blob.json|1|{"a":1,"b":2}|{"more":{"x":1}}|42`},
		{name: "fields by order", schema: "a:long,s:string,d:datetime", format: ingest.CSV,
			text: "1,\"x, \"\"y\"\"\nz\",2020-01-01\r\n\r\n,,\n", rows: "1|x, \"y\"\nz|2020-01-01T00:00:00.0000000Z;null||null"},
		{name: "fields by ordinal", schema: "a:long,s:string", format: ingest.PSV,
			mapping: `[{"column":"s","Properties":{"Ordinal":"0"}},{"column":"a","Properties":{"Ordinal":2}}]`,
			text:    "x|y|3", rows: "3|x"},
		{name: "fewer and more fields than columns", schema: "a:long,b:long", format: ingest.TSV, text: "1\n2\n",
			rows: "1|null;2|null"},
		{name: "records of different widths", schema: "a:long,b:long", format: ingest.CSV, text: "1,2\n3\n",
			code: ingest.CodeWrongFields, message: "Record 2 has 1 fields"},
		{name: "escapes", schema: "a:string,b:string", format: ingest.TSVE, text: "x\\ty\tz\\n\n", rows: "x\ty|z\n"},
		{name: "lines", schema: "a:string", format: ingest.TXT, text: "one, two\r\nthree", rows: "one, two;three"},
		{name: "raw", schema: "a:string", format: ingest.Raw, text: "one\ntwo", rows: "one\ntwo"},
		{name: "a quote without an end", schema: "a:string", format: ingest.CSV, text: "\"one\ntwo",
			code: ingest.CodeInvalidBlob},
		{name: "dynamic text in CSV", schema: "a:dynamic,b:dynamic", format: ingest.CSV, text: "\"{\"\"k\"\": 1}\",plain",
			rows: `{"k":1}|"plain"`},
		{name: "a mapping of another kind", schema: "a:string", format: ingest.CSV, mapping: `[{"column":"a","path":"$.a"}]`,
			text: "x", code: ingest.CodeInvalidMapping},
		{name: "a column that is not there", schema: "a:string", format: ingest.JSON,
			mapping: `[{"column":"b","path":"$.a"}]`, text: "{}", code: ingest.CodeInvalidMapping,
			message: "'b' is not in the table"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			rows, counts, err := read(t, test.schema, test.format, test.mapping, test.text)
			if test.code != "" {
				var known *ingest.Error
				if !errors.As(err, &known) || known.Code != test.code || !strings.Contains(known.Message, test.message) {
					t.Fatalf("the error is %v, want %s with %q", err, test.code, test.message)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			if got := strings.Join(rows, ";"); got != test.rows || counts.Malformed != test.malformed {
				t.Errorf("the rows are\n%s (%d left out)\nwant\n%s (%d left out)", got, counts.Malformed, test.rows, test.malformed)
			}
		})
	}
}

func TestLongStringsAreCutAndLongDynamicsAreNull(t *testing.T) {
	long := strings.Repeat("ä", 1<<20)
	rows, _, err := read(t, "s:string,d:dynamic", ingest.JSON, "", `{"s":"x`+long+`","d":["`+long+`"]}`)
	if err != nil {
		t.Fatal(err)
	}
	s, d, _ := strings.Cut(rows[0], "|")
	if len(s) > 1<<20 || len(s) < 1<<20-4 || !utf8.ValidString(s) || d != "null" {
		t.Errorf("the string has %d bytes, valid %t; the dynamic is %.20s", len(s), utf8.ValidString(s), d)
	}
}

func TestAvroRecordsBecomeRows(t *testing.T) {
	// Avro's own package reads the file in full; this is about the mapping.
	file, err := os.ReadFile("avro/testdata/deflate.avro")
	if err != nil {
		t.Fatal(err)
	}
	rows, _, err := read(t, "id:long,name:string,at:datetime,tags:dynamic,x:real,bin:string,price:decimal", ingest.Avro,
		`[{"column":"id","Properties":{"Path":"$.id"}},{"column":"name","Properties":{"Field":"name"}},{"column":"at","path":"$.at"},{"column":"tags","path":"$.tags"},{"column":"x","path":"$.next.f"},{"column":"bin","Properties":{"Path":"$.bin","Transform":"BytesAsBase64"}},{"column":"price","path":"$.price"}]`, string(file))
	if err != nil {
		t.Fatal(err)
	}
	want := `0||2024-02-29T01:02:03.4567890Z|[]|null|aMOp|0;-1000000000000|one|2024-02-29T01:02:03.4567890Z|["a"]|1|aMOp|-12.345`
	if got := strings.Join(rows, ";"); got != want {
		t.Errorf("the rows are\n%s\nwant\n%s", got, want)
	}
	if _, _, err := read(t, "id:long", ingest.Avro, "", "nope"); err == nil ||
		!strings.Contains(err.Error(), ingest.CodeInvalidBlob) {
		t.Errorf("text for Avro is %v", err)
	}
}

func TestMappingsAreReadInAllForms(t *testing.T) {
	for text, want := range map[string]string{
		`[{"column":"a","path":"$.a","datatype":"long"}]`:                        "",
		`[{"Column":"a","DataType":"System.Int64","Properties":{"path":"$.a"}}]`: "",
		`[{"Name":"a","cslDataType":"long","Path":"$.a"}]`:                       "",
		`{}`:                               "not a JSON array",
		`[{"path":"$.a"}]`:                 "names no column",
		`[{"column":"a"}]`:                 "needs a Path",
		`[{"column":"a","path":"$..a"}]`:   "not supported",
		`[{"column":"a","path":"$.a[*]"}]`: "not a number",
		`[{"column":"a","path":"$.a","transform":"X"}]`:             "unknown transform",
		`[{"column":"a","path":"$.a","datatype":"x"}]`:              "unknown type",
		`[{"column":"a","path":"$.a"},{"column":"a","path":"$.b"}]`: "mapped twice",
	} {
		_, err := ingest.ParseMapping("json", text)
		if want == "" && err != nil || want != "" && (err == nil || !strings.Contains(err.Error(), want)) {
			t.Errorf("%s: %v, want %q", text, err, want)
		}
	}
}

// FuzzJSON compares the scanner with encoding/json: they agree on what a record is and on its members.
func FuzzJSON(f *testing.F) {
	for _, seed := range []string{`{"a":1,"s":"x"}`, `{"s":"\ud83d\ude00\n"}`, `{"a":{"b":[1,2,{"c":null}]},"s":""}`,
		`{"a":-0.5e+10}`, `{"s":"\u00"}`, `{`, `{"a":01}`, `nul`} {
		f.Add(seed)
	}
	columns := []kql.Column{{Name: "s", Type: value.String}, {Name: "a", Type: value.Dynamic}}
	plan, err := ingest.NewPlan(columns, ingest.JSON, nil)
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, text string) {
		if strings.ContainsAny(text, "\n\r") || !utf8.ValidString(text) || strings.ContainsRune(text, utf8.RuneError) ||
			len(text) > 1<<16 {
			return
		}
		var s, a driver.Value
		counts, readErr := plan.Read(strings.NewReader(text), ingest.Source{}, func(row []driver.Value) error {
			s, a = row[0], row[1]
			if b, ok := s.([]byte); ok {
				s = string(b)
			}
			if b, ok := a.([]byte); ok {
				a = string(b)
			}
			return nil
		})
		if readErr != nil || counts.Rows != 1 {
			return
		}
		var want map[string]json.RawMessage
		if err := json.Unmarshal([]byte(text), &want); err != nil {
			// The scanner is more lenient within strings (control characters, odd escapes), as Kusto is.
			if !strings.Contains(err.Error(), "string") {
				t.Fatalf("%q was taken; encoding/json says %v", text, err)
			}
			return
		}
		var wantString string
		if json.Unmarshal(want["s"], &wantString) == nil && want["s"] != nil && want["s"][0] == '"' &&
			!strings.ContainsRune(wantString, utf8.RuneError) && s != wantString {
			t.Errorf("%q: s is %q, want %q", text, s, wantString)
		}
		if got, ok := a.(string); ok && !json.Valid([]byte(got)) {
			t.Errorf("%q: a is %q, which is not JSON", text, got)
		}
	})
}

// FuzzCSV compares the reader with encoding/csv where that one accepts the text.
func FuzzCSV(f *testing.F) {
	for _, seed := range []string{"a,b\nc,d\n", "\"x\"\"y\",\"p\nq\"\n", "a", ",\n", "\"", "a\r\nb"} {
		f.Add(seed)
	}
	columns := []kql.Column{{Name: "a", Type: value.String}, {Name: "b", Type: value.String},
		{Name: "c", Type: value.String}}
	plan, err := ingest.NewPlan(columns, ingest.CSV, nil)
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, text string) {
		if !utf8.ValidString(text) || strings.Contains(text, "\r") || strings.HasPrefix(text, "\ufeff") {
			return
		}
		var got [][]string
		_, err := plan.Read(strings.NewReader(text), ingest.Source{}, func(row []driver.Value) error {
			record := make([]string, len(row))
			for i, v := range row {
				record[i] = show(columns[i:i+1], []driver.Value{v})
			}
			got = append(got, record)
			return nil
		})
		want, wantErr := csv.NewReader(strings.NewReader(text)).ReadAll()
		if wantErr != nil || err != nil {
			return
		}
		if len(got) != len(want) {
			t.Fatalf("%q: %d records, want %d: %q %q", text, len(got), len(want), got, want)
		}
		for i := range want {
			for j := range min(len(want[i]), len(columns)) {
				if got[i][j] != want[i][j] {
					t.Errorf("%q: record %d is %q, want %q", text, i, got[i], want[i])
				}
			}
		}
	})
}

// FuzzMapping checks that no text makes the mapping parser or the plan panic.
func FuzzMapping(f *testing.F) {
	f.Add(`[{"column":"a","Properties":{"Path":"$.a['b'][0]","Transform":"DropMappedFields"}}]`)
	f.Add(`[{"column":"a","Properties":{"Ordinal":"1","ConstValue":5}}]`)
	columns := []kql.Column{{Name: "a", Type: value.Dynamic}}
	f.Fuzz(func(t *testing.T, text string) {
		for kind, format := range map[string]ingest.Format{"json": ingest.JSON, "csv": ingest.CSV} {
			mapping, err := ingest.ParseMapping(kind, text)
			if err != nil {
				continue
			}
			plan, err := ingest.NewPlan(columns, format, mapping)
			if err != nil {
				continue
			}
			if _, err := plan.Read(strings.NewReader("{\"a\":{\"b\":[1]}}\n"), ingest.Source{},
				func([]driver.Value) error { return nil }); err != nil {
				continue
			}
		}
	})
}
