package sink

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/calypso-cdc/calypso/libs/kusto"
	"github.com/calypso-cdc/calypso/libs/testenv"
	"github.com/calypso-cdc/calypso/services/sink/internal/row"
)

// answers waits for a query to give rows: values with a space between, rows with "; ".
func (s *fixture) answers(query, want string) {
	s.t.Helper()
	testenv.Eventually(s.t, time.Minute, query, func(ctx context.Context) error {
		got, err := servers.adx.client.Query(ctx, "shop", query)
		if err != nil {
			return err
		}
		var rows []string
		for _, r := range got.Rows {
			rows = append(rows, strings.Join(r, " "))
		}
		if text := strings.Join(rows, "; "); text != want {
			return errors.New(text)
		}
		return nil
	})
}

// everyType is a record with a field of each kind of column, one that needs conversion by its schema among them.
const everyType = `{"schema":{"type":"struct","fields":[{"field":"id","type":"int64"},{"field":"name","type":"string"},{"field":"price","type":"bytes","name":"org.apache.kafka.connect.data.Decimal","parameters":{"scale":"2"}},` +
	`{"field":"day","type":"int32","name":"io.debezium.time.Date"},{"field":"ok","type":"boolean"},{"field":"f","type":"double"},{"field":"doc","type":"string","name":"io.debezium.data.Json"},{"field":"g","type":"string","name":"io.debezium.data.Uuid"},{"field":"span","type":"int64","name":"io.debezium.time.MicroTime"}]},` +
	`"payload":{"id":%d,"name":"O\"Brien, é","price":"AMk=","day":19000,"ok":true,"f":2.5,"doc":"{\"a\":[1,{\"b\":null}]}","g":"74be27de-1e4e-49d9-b579-fe0b331d3642","span":3723000000}}`

const (
	everyColumn = "(id: long, name: string, price: decimal, day: datetime, ok: bool, f: real, doc: dynamic, g: guid, span: timespan)"
	noNulls     = `{"id":3,"name":null,"price":null,"day":null,"ok":null,"f":null,"doc":null,"g":null,"span":null}`
)

func TestRecordsComeIntoTheTableInEveryFormatThatCanBeWritten(t *testing.T) {
	for _, format := range []string{"json", "multijson", "singlejson", "csv", "avro", "apacheavro", "parquet"} {
		for _, mapped := range []bool{false, true} {
			if mapped && (format == "multijson" || format == "singlejson" || format == "apacheavro") {
				continue // as json and avro are
			}
			t.Run(fmt.Sprintf("%s mapped=%v", format, mapped), func(t *testing.T) {
				t.Parallel()
				s := newFixture(t, 1, nil)
				table, mapping := "F"+strings.TrimPrefix(s.table, "Orders"), ""
				s.manage(".create table " + table + " " + everyColumn)
				if mapped {
					mapping = "M"
					var elements []string
					for i, c := range []string{"id", "name", "price", "day", "ok", "f", "doc", "g", "span"} {
						elements = append(elements, fmt.Sprintf(`{"Column":%q,"Properties":{"Path":"$.%s","Ordinal":"%d"}}`, c, c, i))
					}
					s.manage(".create table " + table + " ingestion " + kusto.MappingKind(format) + " mapping 'M' '[" +
						strings.Join(elements, ",") + "]'")
				}
				s.config["kusto.tables.topics.mapping"] = fmt.Sprintf(
					"[{'topic':'%s','db':'shop','table':'%s','format':'%s','mapping':'%s'}]", s.topic, table, format, mapping)
				s.send(&kgo.Record{Value: fmt.Appendf(nil, everyType, 1)}, &kgo.Record{Value: fmt.Appendf(nil, everyType, 2)},
					&kgo.Record{Value: []byte(noNulls)})
				s.start()
				const row = ` O"Brien, é 2.01 2022-01-08 True 2.5 1 74be27de-1e4e-49d9-b579-fe0b331d3642 01:02:03`
				s.answers(table+
					" | order by id asc | project id, name, tostring(price), format_datetime(day, 'yyyy-MM-dd'), tostring(ok), tostring(f), tostring(doc.a[0]), tostring(g), tostring(span)",
					"1"+row+"; 2"+row+"; 3        ")
				s.commits(0, 3)
			})
		}
	}
}

// newPassage is a fixture whose values are passed as they are, in a format, to a table of its own.
func newPassage(t *testing.T, converter, format, columns string) *fixture {
	t.Helper()
	s := newFixture(t, 1, map[string]string{"value.converter": converter})
	delete(s.config, "transforms")
	delete(s.config, "transforms.unwrap.type")
	s.table = "P" + strings.TrimPrefix(s.table, "Orders")
	s.manage(".create table " + s.table + " " + columns)
	s.config["kusto.tables.topics.mapping"] = fmt.Sprintf("[{'topic':'%s','db':'shop','table':'%s','format':'%s'}]",
		s.topic, s.table, format)
	return s
}

func TestValuesThatAreFilesOrLinesArePassedAsTheyAre(t *testing.T) {
	const rows = `{"orderid":"1","amount":5}` + "\n" + `{"orderid":"2","amount":6}` + "\n"
	columns := []row.Column{{Name: "orderid", Type: kusto.String}, {Name: "amount", Type: kusto.Int}}
	written := func(write func(*bytes.Buffer) error) []byte {
		var out bytes.Buffer
		if err := write(&out); err != nil {
			t.Fatal(err)
		}
		return out.Bytes()
	}
	avro := written(func(out *bytes.Buffer) error { return row.WriteAvro(out, strings.NewReader(rows), columns) })
	parquet := written(func(out *bytes.Buffer) error { return row.WriteParquet(out, strings.NewReader(rows), columns) })
	for format, values := range map[string][][]byte{
		"avro": {avro}, "apacheavro": {avro}, "parquet": {parquet},
		"csv": {[]byte("1,5"), []byte("2,6")}, "tsv": {[]byte("1\t5"), []byte("2\t6")}, "psv": {[]byte("1|5"), []byte("2|6")},
		"scsv": {[]byte("1;5"), []byte("2;6")},
		"json": {[]byte(rows)}, "multijson": {[]byte(rows)},
	} {
		t.Run(format, func(t *testing.T) {
			t.Parallel()
			s := newPassage(t, "org.apache.kafka.connect.converters.ByteArrayConverter", format,
				"(orderid: string, amount: int)")
			for range 2 { // two records under way: files must not be joined
				for _, value := range values {
					s.send(&kgo.Record{Value: value})
				}
			}
			s.start()
			s.answers(s.table+" | summarize n=count() by orderid, amount | order by orderid asc", "1 5 2; 2 6 2")
		})
	}
}

func TestTextsAreARowEachOrARowInAll(t *testing.T) {
	for format, want := range map[string]string{"txt": "a,b; c", "raw": "a,b\nc\n"} {
		t.Run(format, func(t *testing.T) {
			t.Parallel()
			s := newPassage(t, "org.apache.kafka.connect.storage.StringConverter", format, "(line: string)")
			s.send(&kgo.Record{Value: []byte("a,b")}, &kgo.Record{Value: []byte("c")})
			s.start()
			s.answers(s.table+" | order by line asc", want)
		})
	}
}

func TestAPathIntoAFieldIsRefusedInAFileOfRows(t *testing.T) {
	s := newFixture(t, 1, map[string]string{"transforms": "", "value.converter.schemas.enable": "false"})
	s.manage(".create table " + s.table +
		` ingestion avro mapping 'Deep' '[{"Column":"orderid","Properties":{"Path":"$.a.b"}}]'`)
	s.config["kusto.tables.topics.mapping"] = fmt.Sprintf(
		"[{'topic':'%s','db':'shop','table':'%s','format':'avro','mapping':'Deep'}]", s.topic, s.table)
	s.send(&kgo.Record{Value: []byte(`{"a":{"b":"x"}}`)})
	if err := s.start().failure(t); !strings.Contains(err.Error(), "$.a.b") ||
		!strings.Contains(err.Error(), "format json") {
		t.Error(err)
	}
}
