package row

import (
	"errors"
	"strings"
	"testing"

	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/calypso-cdc/calypso/libs/kusto"
)

func TestTextsThatKustoWouldStoreAsNullAreRefusedWithTheirColumn(t *testing.T) {
	target := orders("id: int, at: datetime, name: string, ok: bool, doc: dynamic, g: guid, d: decimal")
	mapped := target
	mapped.Mapping = &kusto.Mapping{Kind: "csv", Columns: []kusto.Mapped{{Column: "at", Ordinal: 2},
		{Column: "id", Ordinal: 0}}}
	for _, c := range []struct {
		format, value string
		target        Target
		column        string
		refused       bool
	}{
		{"csv", "1,2026-01-02,a,true,{},,1.5\n2,,,,,,", target, "", false},
		{"csv", `"1","2026-01-02 03:04:05","a, ""b""",1,"{""x"":1}",74be27de-1e4e-49d9-b579-fe0b331d3642,2` + "\r\n",
			target, "", false},
		{"csv", "x,2026-01-02", target, "id", true},
		{"csv", "1,2026-13-02", target, "at", true},
		{"csv", "1,2026-01-02\n99999999999,", target, "id", true},
		{"csv", "1,,a,yes", target, "ok", true},
		{"csv", `1,,"a`, target, "", true},
		{"csv", "1,anything,2026-01-02", mapped, "", false},
		{"csv", "1,anything,tomorrow", mapped, "at", true},
		{"tsv", "1\t2026-01-02\ta", target, "", false},
		{"tsv", "one\t2026-01-02", target, "id", true},
		{"tsve", "1\t2026-01-02\ta\\tb", target, "", false},
		{"tsve", "one\t2026-01-02", target, "id", true},
		{"psv", "1|x", target, "at", true},
		{"scsv", "1;x", target, "at", true},
		{"json", `{"id":1,"at":"2026-01-02","ok":null}`, target, "", false},
		{"json", `{"id":1}` + "\n" + `{"id":"two"}`, target, "id", true},
		{"multijson", `[{"id":1}, {"id":2,"at":17}]`, target, "at", true},
		{"multijson", `[{"id":1}, {"id":2}]`, target, "", false},
		{"json", `{"id":1`, target, "", true},
		{"json", `no JSON`, target, "", true},
		{"json", "{\"id\":1,\n\"name\":\"a\"}\n{\"id\":2}\n", target, "", false},
		{"json", `{"id":1}` + "\n{\"id\":2,\"name\":\"a\nb\"}", target, "", true},
		{"json", `{"id":1,"name":"\q"}`, target, "", true},
		{"txt", `anything "at all`, orders("line: string"), "", false},
		{"txt", "short\n" + strings.Repeat("x", maxString+1), orders("line: string"), "line", true},
		{"txt", strings.Repeat("short\n", maxString/4), orders("line: string"), "", false},
		{"raw", strings.Repeat("short\n", maxString/4), orders("text: string"), "text", true},
		{"txt", "no number", target, "id", true},
	} {
		e := NewEncoder(Config{Converter: Text, Format: c.format}, c.target)
		_, _, err := e.Append(nil, &kgo.Record{Value: []byte(c.value)})
		var refused *Refused
		if errors.As(err, &refused) != c.refused || c.refused && refused.Column != c.column {
			t.Errorf("%s %.100q: %v, want column %q refused: %v", c.format, c.value, err, c.column, c.refused)
		}
		lenient := NewEncoder(Config{Converter: Text, Format: c.format, AllowNull: true}, c.target)
		if out, kind, err := lenient.Append(nil, &kgo.Record{Value: []byte(c.value)}); err != nil || kind != Row ||
			string(out) != c.value+"\n" || (lenient.Nulls == 1) != c.refused {
			t.Errorf("%s %.100q with values.check=null: %.100q, %v, %d nulls", c.format, c.value, out, err, lenient.Nulls)
		}
	}
}

func FuzzTextsAreLookedAtToTheirEnd(f *testing.F) {
	f.Add("csv", []byte("1,\"a\"\"\",2\n"))
	f.Add("json", []byte(`[{"id":1},{"id":2}]`))
	f.Fuzz(func(t *testing.T, format string, value []byte) {
		e := NewEncoder(Config{Converter: Text, Format: format}, orders("id: int, at: datetime, doc: dynamic"))
		_, _, _ = e.Append(nil, &kgo.Record{Value: value})
	})
}

func TestColumnsWithoutAFieldAreNoticedWhereRowsHaveAllTheirFields(t *testing.T) {
	target := orders("id: int, city: string, _op: string")
	extra := []Extra{{Name: "_op", From: OfEnvelope, Field: "op"}}
	schema := func(fields string) []byte {
		return []byte(`{"schema":{"type":"struct","fields":[` + fields + `]},"payload":{"id":1}}`)
	}
	const id, city, town = `{"field":"id","type":"int32"}`, `{"field":"city","type":"string"}`,
		`{"field":"town","type":"string"}`
	for name, c := range map[string]struct {
		values [][]byte
		want   []string
	}{
		"change events without schema": {[][]byte{[]byte(envelope("null", `{"id":1,"city":"a"}`, "c")),
			[]byte(envelope("null", `{"id":1,"town":"a"}`, "c"))}, []string{"", "city"}},
		"a value that is null": {[][]byte{[]byte(envelope("null", `{"id":1,"city":null}`, "c"))}, []string{""}},
		"a delete with the key alone": {[][]byte{[]byte(envelope("null", `{"id":1,"city":"a"}`, "c")),
			[]byte(envelope(`{"id":1}`, "null", "d"))}, []string{"", "-"}},
		"rows with a schema": {[][]byte{schema(id + "," + city), schema(id + "," + town), schema(id + "," + city)},
			[]string{"", "city", ""}},
		"rows without a schema": {[][]byte{[]byte(`{"id":1,"city":"a"}`), []byte(`{"id":1}`)}, []string{"-", "-"}},
	} {
		e := NewEncoder(Config{Unwrap: true, Deletes: RewriteDeletes, Extra: extra}, target)
		for i, value := range c.values {
			encode(t, e, value)
			columns, changed := e.Unfilled()
			got := "-"
			if changed {
				got = ""
				for _, c := range columns {
					got += c
				}
			}
			if got != c.want[i] {
				t.Errorf("%s: after %d values %q, want %q", name, i+1, got, c.want[i])
			}
			if _, again := e.Unfilled(); again {
				t.Errorf("%s: it says so twice", name)
			}
		}
	}
}
