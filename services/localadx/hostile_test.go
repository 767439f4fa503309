package localadx_test

import (
	"archive/zip"
	"bytes"
	"compress/gzip"
	"encoding/binary"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/calypso-cdc/calypso/services/localadx"
)

// hugeAvro is a container file of 130 bytes whose block claims 2^62.
func hugeAvro() []byte {
	const schema = `{"type":"record","name":"r","fields":[{"name":"a","type":"long"}]}`
	number := func(n int64) []byte { return binary.AppendVarint(nil, n) }
	return bytes.Join([][]byte{
		[]byte("Obj\x01"), number(1), number(11), []byte("avro.schema"), number(int64(len(schema))),
		[]byte(schema), number(0),
		make([]byte, 16), number(1), number(1 << 62), number(1),
	}, nil)
}

func gzipped(t *testing.T, content []byte) []byte {
	t.Helper()
	var out bytes.Buffer
	w := gzip.NewWriter(&out)
	if _, err := w.Write(content); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

func zipped(t *testing.T, content []byte) []byte {
	t.Helper()
	var out bytes.Buffer
	w := zip.NewWriter(&out)
	file, err := w.Create("x.csv")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := file.Write(content); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

func TestAHostileSourceFailsAloneAndItsTableTakesRowsAfterwards(t *testing.T) {
	r := start(t, t.TempDir())
	r.command(".create table T (a: long, b: dynamic)")
	r.command(".alter table T policy streamingingestion enable")
	deep := strings.Repeat("[", 1_000_000)
	sources := map[string][]byte{
		"huge.avro":      hugeAvro(),
		"cut.avro":       hugeAvro()[:60],
		"text.parquet":   []byte("PAR1 no parquet PAR1"),
		"length.parquet": []byte("PAR1\xff\xff\xff\x7fPAR1"),
		"deep.json":      []byte(`{"a":1,"b":` + deep),
		"deep.multijson": []byte(`{"a":1,"b":` + deep),
		"open.csv":       []byte("1,\"" + strings.Repeat("x", 1<<20)),
		"commas.csv":     bytes.Repeat([]byte(","), 3<<20),
		"cut.json.gz":    gzipped(t, []byte(`{"a":1}`))[:15],
		"no.json.gz":     []byte("no gzip"),
		"bomb.json.gz":   gzipped(t, bytes.Repeat([]byte(" "), 100<<20)),
		"bomb.csv.zip":   zipped(t, bytes.Repeat([]byte("\""), 100<<20)),
		"no.csv.zip":     []byte("PK\x05\x06"),
	}
	for name, content := range sources {
		format, _, _ := strings.Cut(strings.SplitN(name, ".", 2)[1], ".")
		if !strings.HasSuffix(name, ".zip") {
			body := string(content)
			header := []string{}
			if strings.HasSuffix(name, ".gz") {
				header = []string{"Content-Encoding", "gzip"}
			}
			if status, answer := r.post("/v1/rest/ingest/shop/T?streamFormat="+format, body, header...); status >= 500 {
				t.Errorf("%s, streamed: %d %.300s", name, status, answer)
			}
		}
		r.enqueueInto("T", r.upload(name, content), map[string]any{"format": format})
	}
	r.enqueueInto("T", r.upload("good.csv", []byte("7,good\n")), map[string]any{"format": "csv"})
	r.eventually("all queued sources end", func() bool {
		return r.query("T | where a == 7 | count")[0][0] == float64(1) && len(r.command(".show ingestion failures")) >= 8
	})
	if status, answer := r.post("/v1/rest/ingest/shop/T?streamFormat=csv", "8,good\n"); status != http.StatusOK {
		t.Errorf("a good source afterwards: %d %s", status, answer)
	}
}

// Whatever is wrong with the end of a source, nothing of its beginning is ingested.
func TestAMalformedSourceLeavesNoRow(t *testing.T) {
	r := start(t, t.TempDir())
	r.command(".create table T (a: long, b: string)")
	r.command(".alter table T policy streamingingestion enable")
	const rows = 20_000
	object, line := `{"a":1,"b":"x"}`, "1,x\n"
	objects := strings.TrimSuffix(strings.Repeat(object+",", rows), ",")
	for name, content := range map[string][]byte{
		"no end.multijson":         []byte("[" + objects),
		"end twice.multijson":      []byte("[" + objects + "]]"),
		"no element.multijson":     []byte("[" + objects + ",]"),
		"no comma.multijson":       []byte("[" + objects + object + "]"),
		"two commas.multijson":     []byte("[" + objects + ",," + object + "]"),
		"no quote.multijson":       []byte(strings.Repeat(object+"\n", rows) + `{"a":1,"b":"x}`),
		"no brace.multijson":       []byte(strings.Repeat(object+"\n", rows) + `{"a":1`),
		"a word.multijson":         []byte(strings.Repeat(object+"\n", rows) + `nope`),
		"no quote.csv":             []byte(strings.Repeat(line, rows) + `1,"x`),
		"another width.csv":        []byte(strings.Repeat(line, rows) + "1\n"),
		"a long record.psv.gz":     gzipped(t, append([]byte(strings.Repeat("1|x\n", rows)), bytes.Repeat([]byte("y"), 100<<20)...)),
		"cut.csv.gz":               gzipped(t, []byte(strings.Repeat(line, rows)))[:100],
		"another checksum.json.gz": append(gzipped(t, []byte(strings.Repeat(object+"\n", rows))), "nope"...),
		"cut.avro":                 cutAvro(t),
		"an orc file.orc":          []byte("ORC"),
		"no text.w3clogfile":       {0xff, 0xfe, 0},
	} {
		format := strings.Split(name, ".")[1]
		header := []string{}
		if strings.HasSuffix(name, ".gz") {
			header = []string{"Content-Encoding", "gzip"}
		}
		status, answer := r.post("/v1/rest/ingest/shop/T?streamFormat="+format, string(content), header...)
		if status < 400 || status >= 500 {
			t.Errorf("%s, streamed: %d %.300s", name, status, answer)
			continue
		}
		before := len(r.command(".show ingestion failures"))
		r.enqueueInto("T", r.upload(strings.ReplaceAll(name, " ", "-"), content), map[string]any{"format": format})
		r.eventually(name+" ends", func() bool { return len(r.command(".show ingestion failures")) > before })
		if got := r.rows("T"); got != 0 {
			t.Fatalf("%s left %d rows", name, got)
		}
	}
	if status, answer := r.post("/v1/rest/ingest/shop/T?streamFormat=csv", "8,good\n"); status != http.StatusOK {
		t.Errorf("a good source afterwards: %d %s", status, answer)
	}
}

// cutAvro is a file whose second block ends early.
func cutAvro(t *testing.T) []byte {
	t.Helper()
	whole := bytes.Join([][]byte{hugeAvro()[:len(hugeAvro())-11]}, nil)
	number := func(n int64) []byte { return binary.AppendVarint(nil, n) }
	block := bytes.Join([][]byte{number(3), number(3), {2, 4, 6}, make([]byte, 16)}, nil)
	return bytes.Join([][]byte{whole, block, block[:5]}, nil)
}

// Texts that no JSON could hold come back as what can be shown of them.
func TestTextsOfAnyBytesAreIngested(t *testing.T) {
	r := start(t, t.TempDir())
	r.command(".create table T (a: long, b: string)")
	r.command(".alter table T policy streamingingestion enable")
	if status, answer := r.post("/v1/rest/ingest/shop/T?streamFormat=csv",
		"1,a\x00b\n2,\xff\xfe\n3,\"x\x00\"\n"); status != http.StatusOK {
		t.Fatalf("%d %s", status, answer)
	}
	if got := r.rows("T"); got != 3 {
		t.Errorf("the table has %d rows, want 3", got)
	}
	if got := fmt.Sprint(r.query("T | where a == 1 | project strlen(b)")); got != "[[3]]" {
		t.Errorf("the text of a and b with a null between has the length %s", got)
	}
}

func TestBlobsAreNotFetchedFromAMetadataService(t *testing.T) {
	r := start(t, t.TempDir())
	r.command(".create table T (a: string)")
	for _, url := range []string{"http://169.254.169.254/metadata/instance.csv", "http://168.63.129.16/x.csv",
		"http://[fe80::1]/x.csv"} {
		if said := r.refused(fmt.Sprintf(".ingest into table T ('%s')", url)); !strings.Contains(said, "metadata service") {
			t.Errorf("%s: %s", url, said)
		}
		status, answer := r.post("/v1/rest/ingest/shop/T?streamFormat=csv&sourceKind=uri",
			fmt.Sprintf(`{"sourceUri":%q}`, url))
		if status == http.StatusOK {
			t.Errorf("%s, streamed: %s", url, answer)
		}
	}
}

func TestTheDataIsItsOwnersAlone(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "data")
	if err := os.Mkdir(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	r := start(t, dir, func(*localadx.Config) {})
	r.command(".create table T (a: string)")
	for path, want := range map[string]os.FileMode{dir: 0o700, filepath.Join(dir, "localadx.duckdb"): 0o600} {
		info, err := os.Stat(path)
		if err != nil {
			t.Fatal(err)
		}
		if info.Mode().Perm() != want {
			t.Errorf("%s has mode %o", path, info.Mode().Perm())
		}
	}
}

// The text of a query bounds what it costs to find out that it cannot run.
func TestAVastQueryIsAnsweredAndNotByAFailureOfTheServer(t *testing.T) {
	r := start(t, t.TempDir())
	for what, query := range map[string]string{
		"ands":    "range x from 1 to 1 step 1 | where " + strings.TrimSuffix(strings.Repeat("x > 0 and ", 20_000), "and "),
		"in":      "range x from 1 to 1 step 1 | where x in (" + strings.TrimSuffix(strings.Repeat("1,", 100_000), ",") + ")",
		"sums":    "print " + strings.TrimSuffix(strings.Repeat("1+", 1000), "+"),
		"strcat":  "print strcat(" + strings.TrimSuffix(strings.Repeat("'x',", 50_000), ",") + ")",
		"pipes":   "range x from 1 to 1 step 1" + strings.Repeat(" | where x > 0", 1000),
		"extends": "range x from 1 to 1 step 1" + strings.Repeat(" | extend x = x + 1", 1000),
		// The database puts the expression in place of the column wherever that is read.
		"doubles": "print a = 'ab'" + strings.Repeat(" | extend a = strcat(a, a)", 20) + " | where a has 'x' | count",
		"sums of columns": "range x from 1 to 3 step 1" + strings.Repeat(" | extend x = (x + x) % 7",
			60) + " | where x > 3 | join kind=inner (print x = 1) on x | count",
		"nots": "print " + strings.Repeat("not(", 190) + "true" + strings.Repeat(")", 190),
	} {
		if status, answer := r.send("/v1/rest/query", "shop", query); status >= 500 {
			t.Errorf("%s: %d %+v", what, status, answer.Error)
		}
	}
}

// Each command that there is would be looked for in the whole of it.
func TestAVastCommandIsRefused(t *testing.T) {
	r := start(t, t.TempDir())
	for what, command := range map[string]string{"a word": "." + strings.Repeat("a", 60<<20),
		"words": ".create table " + strings.Repeat("a ", 10<<20)} {
		if status, answer := r.send("/v1/rest/mgmt", "shop", command); status != http.StatusBadRequest {
			t.Errorf("%s: %d %+v", what, status, answer.Error)
		}
	}
}
