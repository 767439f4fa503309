package row

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/calypso-cdc/calypso/libs/kusto"
)

const ordersSchema = `{"type":"struct","fields":[{"type":"struct","fields":[{"type":"int32","optional":false,"field":"orderid"},{"type":"string","optional":false,"field":"city"},{"type":"bytes","optional":true,"name":"org.apache.kafka.connect.data.Decimal","version":1,"parameters":{"scale":"2","connect.decimal.precision":"10"},"field":"price"},{"type":"int32","optional":true,"name":"io.debezium.time.Date","field":"day"},{"type":"int64","optional":true,"name":"io.debezium.time.MicroTimestamp","field":"at"}],"optional":true,"name":"s.retail.orders.Value","field":"before"},{"type":"struct","fields":[{"type":"int32","optional":false,"field":"orderid"},{"type":"string","optional":false,"field":"city"},{"type":"bytes","optional":true,"name":"org.apache.kafka.connect.data.Decimal","version":1,"parameters":{"scale":"2","connect.decimal.precision":"10"},"field":"price"},{"type":"int32","optional":true,"name":"io.debezium.time.Date","field":"day"},{"type":"int64","optional":true,"name":"io.debezium.time.MicroTimestamp","field":"at"}],"optional":true,"name":"s.retail.orders.Value","field":"after"}],"optional":false,"name":"s.retail.orders.Envelope","version":1}`

const sourceBlock = `{"version":"3.6","name":"s","ts_ms":1700000000123,"ts_us":1700000000123456,"db":"d","schema":"retail","table":"orders","txId":77,"lsn":4242}`

func withSchema(payload string) []byte {
	return []byte(`{"schema":` + ordersSchema + `,"payload":` + payload + `}`)
}

func envelope(before, after, op string) string {
	return `{"before":` + before + `,"after":` + after + `,"source":` + sourceBlock + `,"transaction":null,"op":"` +
		op + `","ts_ms":5}`
}

func orders(columns string) Target {
	c, err := kusto.ParseColumns(columns)
	if err != nil {
		panic(err)
	}
	return Target{Schema: &kusto.TableSchema{Columns: c}}
}

func encode(t *testing.T, e *Encoder, value []byte) (string, Kind) {
	t.Helper()
	out, kind, err := e.Append(nil, &kgo.Record{Topic: "s.retail.orders", Partition: 3, Offset: 9,
		Key: []byte(`{"orderid":1}`), Value: value})
	if err != nil {
		t.Fatalf("%s: %v", value, err)
	}
	if len(out) > 0 && !json.Valid(out) {
		t.Fatalf("%s is not JSON", out)
	}
	return string(out), kind
}

func TestAnEnvelopeBecomesItsRowWithAndWithoutSchema(t *testing.T) {
	const row = `{"orderid":1,"city":"a \"b\" }"}`
	e := NewEncoder(Config{Unwrap: true}, Target{})
	for _, value := range [][]byte{
		[]byte(envelope("null", row, "c")), withSchema(envelope("null", row, "c")), withSchema(envelope("null", row, "u")),
		[]byte(`{"schema":null,"payload":` + envelope("null", row, "r") + ` } `), []byte(row), withSchema(row),
	} {
		if got, kind := encode(t, e, value); got != row+"\n" || kind != Row {
			t.Errorf("%.60s: %s %v", value, got, kind)
		}
	}
}

func TestDeletesAndTombstonesAreCountedAndTakenAsConfigured(t *testing.T) {
	deletion := envelope(`{"orderid":1}`, "null", "d")
	drop := NewEncoder(Config{Unwrap: true}, Target{})
	for value, want := range map[string]Kind{deletion: DroppedDelete, "null": Tombstone,
		envelope("null", "null", "t"): Truncate} {
		if _, kind := encode(t, drop, []byte(value)); kind != want {
			t.Errorf("%s: %v, want %v", value, kind, want)
		}
	}
	if _, kind, _ := drop.Append(nil, &kgo.Record{}); kind != Tombstone {
		t.Error("a record without a value is a tombstone")
	}
	rewrite := NewEncoder(Config{Unwrap: true, Deletes: RewriteDeletes,
		Extra: []Extra{{"__deleted", Deleted, ""}, {"__op", OfEnvelope, "op"}, {"__lsn", OfSource, "lsn"},
			{"__none", OfSource, "none"}}}, Target{})
	if got, _ := encode(t, rewrite, []byte(deletion)); got != `{"orderid":1,"__deleted":"true","__op":"d","__lsn":4242}`+
		"\n" {
		t.Error(got)
	}
	if got, _ := encode(t, rewrite,
		withSchema(envelope("null", "{ }", "c"))); got != `{"__deleted":"false","__op":"c","__lsn":4242}`+"\n" {
		t.Error(got)
	}
}

func TestTheRecordsPositionCanBecomeColumns(t *testing.T) {
	e := NewEncoder(Config{Unwrap: true, Extra: []Extra{{"_ts", ChangeTime, ""}, {"_topic", Topic, ""},
		{"_partition", Partition, ""}, {"_offset", Offset, ""}, {"_key", Key, ""}, {"_headers", Headers, ""},
		{"_deleted", DeletedBool, ""}}}, Target{})
	got, _ := encode(t, e, []byte(envelope("null", `{"a":1}`, "c")))
	const want = `{"a":1,"_ts":"2023-11-14T22:13:20.123456Z","_topic":"s.retail.orders","_partition":3,"_offset":9,"_key":{"orderid":1},"_headers":{},"_deleted":false}` + "\n"
	if got != want {
		t.Errorf("%s, want %s", got, want)
	}
}

// A member whose value is no JSON made the whole row none, so that the cluster refused the batch for it.
func TestAddedMembersNeverMakeARowThatIsNoJSON(t *testing.T) {
	extra := []Extra{{Name: "_op", From: OfEnvelope, Field: "op"}, {Name: "_lsn", From: OfSource, Field: "lsn"},
		{Name: "_tx", From: OfTransaction, Field: "id"}, {Name: "_key", From: Key}, {Name: "_headers", From: Headers}}
	const whole = `{"after":{"id":1},"source":{"lsn":%s},"transaction":{"id":%s},"op":"c"}`
	for name, c := range map[string]struct {
		lsn, tx, key, want string
	}{
		"all is well": {`1`, `"a"`, `{"id":1}`,
			`{"id":1,"_op":"c","_lsn":1,"_tx":"a","_key":{"id":1},"_headers":{"h":"{x}"}}`},
		"a key that is no JSON": {`1`, `"a"`, `{id x}`,
			`{"id":1,"_op":"c","_lsn":1,"_tx":"a","_key":"{id x}","_headers":{"h":"{x}"}}`},
		"a word":              {`one`, `"a"`, `1`, ""},
		"an object of a word": {`1`, `{x}`, `1`, ""},
		"an odd escape":       {`"\q"`, `"a"`, `1`, ""},
	} {
		e := NewEncoder(Config{Unwrap: true, Extra: extra}, Target{})
		out, _, err := e.Append(nil, &kgo.Record{Key: []byte(c.key), Value: fmt.Appendf(nil, whole, c.lsn, c.tx),
			Headers: []kgo.RecordHeader{{Key: "h", Value: []byte("{x}")}}})
		if (err != nil) != (c.want == "") || strings.TrimSpace(string(out)) != c.want {
			t.Errorf("%s: %s, %v", name, out, err)
		}
	}
}

// Kafka Connect's converter refuses such values each by itself. The cluster refuses a whole batch
// for one of them, or passes it over.
func TestNoRowIsMadeOfARecordThatIsNotJSON(t *testing.T) {
	converters := map[string]*Encoder{
		"columns":   NewEncoder(Config{Unwrap: true}, orders("a:int,s:string,d:dynamic,r:real")),
		"nulls":     NewEncoder(Config{Unwrap: true, AllowNull: true}, orders("a:int,s:string,d:dynamic,r:real")),
		"no column": NewEncoder(Config{Unwrap: true}, Target{}),
		"whole":     NewEncoder(Config{}, Target{}),
		"csv":       NewEncoder(Config{Unwrap: true, CSV: true}, orders("a:int,s:string,d:dynamic,r:real")),
	}
	for _, e := range converters { // a schema that is known is not read again, and the payload is what follows it
		if _, _, err := e.Append(nil, &kgo.Record{Value: withSchema(envelope("null", `{"a":1}`, "c"))}); err != nil {
			t.Fatal(err)
		}
	}
	for _, after := range []string{
		`{"a":01}`, `{"a":+1}`, `{"a":.5}`, `{"a":1.}`, `{"r":NaN}`, `{"r":-Infinity}`, `{"r":1e}`, `{"s":None}`,
		`{"b":undefined}`, `{"b":0x10}`, `{"b":}`,
		`{"a":1,}`, `{,"a":1}`, `{"a":1,,"b":2}`, `{"a":1 "b":2}`, `{"a" 1}`, `{"a":1:2}`, `{a:1}`, `{'a':1}`, `{"a":1/**/}`,
		`{"d":[1,]}`, `{"d":[,1]}`, `{"d":[1 2]}`, `{"d":{"x":1,}}`, `{"d":{"x"}}`, `{"d":{x:1}}`, `{"d":{"x":1]}`,
		`{"d":[NaN]}`, `{"d":[1}`, `{"d":{1:2}}`, `{"d":[[[01]]]}`, `{"d":{"x":}}`,
		"{\"s\":\"a\nb\"}", "{\"s\":\"a\tb\"}", "{\"s\":\"\x01\"}", "{\"s\":\"long enough for a word\x1f\"}", `{"s":"\q"}`,
		`{"s":"\u12"}`, `{"s":"\u12g4"}`,
		"{\"d\":[\"\x00\"]}", "{\"b\\x\":1}", "{\"s\":\"\xff\xfe\x00\"}", "{\"s\":\"\xff\xfeabcdefg\\x\"}", "\ufeff{\"a\":1}",
	} {
		for name, e := range converters {
			for _, value := range []string{after, envelope("null", after, "c"),
				string(withSchema(envelope("null", after, "c")))} {
				if out, _, err := e.Append(nil, &kgo.Record{Value: []byte(value)}); err == nil || len(out) > 0 {
					t.Errorf("%s: %s became %s", name, value, out)
				}
			}
		}
	}
	for _, after := range []string{
		`{"s":null}`, ` { "a" : 1 , "s" : "b" } `, "{\n\t\"a\": 1,\r\n\t\"d\": [ ]\n}",
		`{"a":-0,"r":-1.5E+30,"b":true,"c":null,"d":[{},[],"",0,{"x":[1,{"y":null}]}]}`,
		`{"s":"ä 東京 \u00e4\ud83d\ude00 \"\\\/\b\f\n\r\t \u007f"}`, "{\"s\":\"\x7f \u2028 \U0001F600\"}",
		"{\"s\":\"\xff\xfe \xc0\x80 abcdefgh\"}", `{"d":{"":{"a":[true,false,null]}}}`, `{"d":"x","s":"1234567\n"}`,
	} {
		for name, e := range converters {
			for _, value := range []string{after, envelope("null", after, "c"),
				string(withSchema(envelope("null", after, "c")))} {
				out, kind, err := e.Append(nil, &kgo.Record{Value: []byte(value)})
				if err != nil || kind != Row || name != "csv" && !json.Valid(out) {
					t.Errorf("%s: %s became %s, %v, %v", name, value, out, kind, err)
				}
			}
		}
	}
}

func TestDebeziumsNumbersBecomeWhatTheirSchemaSaysTheyAre(t *testing.T) {
	e := NewEncoder(Config{Unwrap: true}, orders("orderid:int,city:string,price:decimal,day:datetime,at:datetime"))
	got, _ := encode(t, e, withSchema(envelope("null",
		`{"orderid":1,"city":"x","price":"/zg=","day":19000,"at":-1}`, "c")))
	const want = `{"orderid":1,"city":"x","price":"-2.00","day":"2022-01-08T00:00:00Z","at":"1969-12-31T23:59:59.999999Z"}` + "\n"
	if got != want {
		t.Errorf("%s, want %s", got, want)
	}
	if got, _ := encode(t, e,
		withSchema(envelope("null", `{"orderid":1,"city":null,"price":null,"day":null,"at":null}`,
			"c"))); !strings.Contains(got, `"day":null`) {
		t.Error(got)
	}
}

func TestValuesThatKustoWouldLoseAreRefusedByName(t *testing.T) {
	e := NewEncoder(Config{Unwrap: true},
		orders("i:int,l:long,r:real,d:decimal,b:bool,t:datetime,s:timespan,g:guid,x:string,y:dynamic"))
	for value, column := range map[string]string{
		`{"i":2147483647,"l":-9223372036854775808,"r":1e3,"d":"1.5","b":"TRUE","t":"2026-01-02 03:04:05","s":"1.02:03:04.5","g":"11111111-2222-3333-4444-555555555555","x":5,"y":{"a":1}}`: "",
		`{"i":"-2147483648","l":"12","r":"NaN","d":3,"b":1,"t":"2026-01-02T03:04:05.123456+02:00","s":"00:00:01","x":{"a":1},"y":"z"}`:                                                     "",
		`{"i":2147483648}`: "i", `{"i":1.5}`: "i", `{"i":"abc"}`: "i", `{"i":true}`: "i", `{"i":{}}`: "i",
		`{"l":9223372036854775808}`: "l", `{"r":"one"}`: "r", `{"d":"AQ=="}`: "d",
		`{"d":12345678901234567890123456789012345}`: "d",
		`{"b":"yes"}`: "b", `{"t":19000}`: "t", `{"t":"2026-02-30"}`: "t", `{"t":"infinity"}`: "t",
		`{"t":"10000-01-01"}`: "t", `{"t":"0001-01-01T00:00:00+14:00"}`: "t", `{"t":"9999-12-31 23:59:59-00:01"}`: "t",
		`{"t":"0001-01-01T14:00:00+14:00"}`: "", `{"t":"9999-12-31T23:59:59.9999999+00:00"}`: "",
		`{"s":"--1"}`: "s", `{"s":"-+1"}`: "s", `{"s":"+5"}`: "s", `{"s":"1:+2"}`: "s", `{"s":"1:2.5"}`: "s",
		`{"s":"1.2:3:"}`: "s", `{"s":"10675199.02:48:05.4775807"}`: "", `{"s":"-10675199.02:48"}`: "",
		`{"s":"10675199.02:48:05.477581"}`: "s", `{"s":"-10675199.23:00"}`: "s", `{"s":"0:1:2.5"}`: "",
		`{"s":"25:00:00"}`: "s", `{"s":12}`: "s", `{"g":"x"}`: "g", `{"x":"` + strings.Repeat("x", maxString) + `"}`: "x",
		`{"i":1,"other":"anything"}`: "",
	} {
		_, _, err := e.Append(nil, &kgo.Record{Value: []byte(value)})
		var refused *Refused
		if column == "" && err != nil || column != "" && (!errors.As(err, &refused) || refused.Column != column) {
			t.Errorf("%.80s: %v, want column %q refused", value, err, column)
		}
	}
}

func TestHalfASurrogatePairBecomesTheReplacementCharacter(t *testing.T) {
	e := NewEncoder(Config{}, orders("x:string,y:dynamic"))
	for value, want := range map[string]string{
		`{"x":"\ud800"}`: `{"x":"\ufffd"}`, `{"y":{"\uDC00":"a\uDBFFb"}}`: `{"y":{"\ufffd":"a\ufffdb"}}`,
		`{"x":"\ud83d\ude00"}`: `{"x":"\ud83d\ude00"}`, `{"x":"\ud83d\ud83d\ude00"}`: `{"x":"\ufffd\ud83d\ude00"}`,
		`{"x":"\\ud800"}`: `{"x":"\\ud800"}`, `{"x":"\ud83d\\ude00"}`: `{"x":"\ufffd\\ude00"}`,
	} {
		if got, _ := encode(t, e, []byte(value)); got != want+"\n" {
			t.Errorf("%s: %s, want %s", value, got, want)
		}
	}
}

func TestAMappingSaysWhichFieldIsWhichColumn(t *testing.T) {
	m, err := kusto.ParseMapping("m", "json",
		`[{"column":"when","Properties":{"path":"$.t"}},{"column":"day","path":"$['a b']"},{"column":"unix","Properties":{"Path":"$.u","Transform":"DateTimeFromUnixSeconds"}}]`)
	if err != nil {
		t.Fatal(err)
	}
	target := orders("when:datetime,day:int,unix:datetime")
	target.Mapping = m
	e := NewEncoder(Config{}, target)
	if _, _, err := e.Append(nil,
		&kgo.Record{Value: []byte(`{"t":"2026-01-01","a b":3,"u":17,"when":"not mapped"}`)}); err != nil {
		t.Error(err)
	}
	if _, _, err := e.Append(nil, &kgo.Record{Value: []byte(`{"a b":"x"}`)}); err == nil {
		t.Error("a text was taken for an int")
	}
}

func TestARowCanBeWrittenAsCSV(t *testing.T) {
	target := orders("a:int,b:string,c:dynamic,d:string,e:string")
	e := NewEncoder(Config{CSV: true}, target)
	row := []byte(`{"e":"","d":"say \"hi\",\nthen go","c":{"x":[1,"y"]},"b":"plain","z":9,"a":null}`)
	out, _, err := e.Append(nil, &kgo.Record{Value: row})
	if want := ",plain,\"{\"\"x\"\":[1,\"\"y\"\"]}\",\"say \"\"hi\"\",\nthen go\",\"\"\n"; err != nil ||
		string(out) != want {
		t.Errorf("%q %v, want %q", out, err, want)
	}
	for text, want := range map[string]string{
		`"5 "`: `"""5 """`, `"null"`: `"""null"""`, `" "`: `""" """`, `"1"`: `"""1"""`, `"say \"hi\""`: `"""say \""hi\"""""`,
		`"{\"a\": 1}"`: `"{""a"": 1}"`, `""`: `""`, `7`: `7`, `"[1"`: `[1`,
	} {
		out, _, err := e.Append(nil, &kgo.Record{Value: []byte(`{"c":` + text + `}`)})
		if err != nil || string(out) != ",,"+want+",,\n" {
			t.Errorf("a dynamic value %s is %q, want %q (%v)", text, out, want, err)
		}
	}
	m, err := kusto.ParseMapping("m", "csv",
		`[{"column":"b","Properties":{"Ordinal":"0"}},{"column":"a","Properties":{"Ordinal":"2"}}]`)
	if err != nil {
		t.Fatal(err)
	}
	target.Mapping = m
	e.Retarget(target)
	if out, _, err = e.Append(nil, &kgo.Record{Value: []byte(`{"a":5,"b":"x y"}`)}); err != nil ||
		string(out) != "\"x y\",,5\n" {
		t.Errorf("%q %v", out, err)
	}
}

func TestARowIsEncodedWithoutAllocation(t *testing.T) {
	e := NewEncoder(Config{Unwrap: true}, orders("orderid:int,city:string,price:decimal,day:datetime"))
	r := &kgo.Record{Value: withSchema(envelope("null", `{"orderid":1,"city":"x"}`, "c"))}
	buf, _, err := e.Append(make([]byte, 0, 1024), r)
	if err != nil {
		t.Fatal(err)
	}
	if n := testing.AllocsPerRun(100, func() { buf, _, _ = e.Append(buf[:0], r) }); n != 0 {
		t.Errorf("%v allocations a row", n)
	}
}

func FuzzAppend(f *testing.F) {
	f.Add(withSchema(envelope("null", `{"orderid":1,"price":"AQ==","day":3}`, "c")))
	f.Add([]byte(envelope(`{"orderid":1}`, "null", "d")))
	f.Add([]byte(`{"a":"\\\"","b":[1,{"c":null}]}`))
	f.Fuzz(func(t *testing.T, value []byte) {
		e := NewEncoder(Config{Unwrap: true, Deletes: RewriteDeletes,
			Extra: []Extra{{"__op", OfEnvelope, "op"}, {"_key", Key, ""}}},
			orders("orderid:int,price:decimal,day:datetime,a:string,b:dynamic"))
		for range 2 { // the second time the schema is known
			out, kind, err := e.Append(nil, &kgo.Record{Key: value, Value: value})
			if err != nil || kind != Row {
				if len(out) != 0 {
					t.Fatal("bytes were left of a record that makes no row")
				}
				continue
			}
			if n := strings.Count(string(out), "\n"); n != 1 {
				t.Fatalf("%d line ends", n)
			}
			if !json.Valid(out) {
				t.Fatalf("%q became %q, which is no JSON", value, out)
			}
		}
	})
}

func BenchmarkARowWithSchema(b *testing.B) {
	e := NewEncoder(Config{Unwrap: true},
		orders("orderid:string,custid:string,city:string,amount:int,purchase_time:datetime"))
	r := &kgo.Record{Value: withSchema(envelope("null",
		`{"orderid":1000001,"custid":17,"amount":150,"city":"New York","purchase_time":"2026-01-02 03:04:05"}`, "c"))}
	buf := make([]byte, 0, 1024)
	b.SetBytes(int64(len(r.Value)))
	for b.Loop() {
		buf, _, _ = e.Append(buf[:0], r)
	}
}

func mapped(columns, mapping string) Target {
	t := orders(columns)
	m, err := kusto.ParseMapping("m", "json", mapping)
	if err != nil {
		panic(err)
	}
	t.Mapping = m
	return t
}

func TestValuesAreCheckedWhereverAMappingTakesThemFrom(t *testing.T) {
	const columns = "id: int, amount: int, at: datetime, name: string, twice: string"
	target := mapped(columns,
		`[{"column":"id","path":"$.after.id"},{"column":"amount","path":"$['after']['lines'][1].amount"},{"column":"at","path":"$.ms","transform":"DateTimeFromUnixMilliseconds"},{"column":"name","path":"$.after.name"},{"column":"twice","path":"$.*"}]`)
	for value, column := range map[string]string{
		`{"after":{"id":1,"lines":[{"amount":"x"},{"amount":5}],"name":"a"},"ms":1700000000000}`: "",
		`{"after":{"id":"one"}}`:                                             "id",
		` {"after" : {"lines" : [ {} , {"amount" : "x"} ] } } `:              "amount",
		`{"after":{"l\u0069nes":[0,{"amount":1.5}]}}`:                        "amount",
		`{"after":null,"ms":"1700000000000"}`:                                "",
		`{"ms":"yesterday"}`:                                                 "at",
		`{"ms":9999999999999999}`:                                            "at",
		`{"after":{"name":` + `"` + strings.Repeat("x", maxString+1) + `"}}`: "name",
		`{"after":[1],"ms":null}`:                                            "",
	} {
		e := NewEncoder(Config{}, target)
		_, _, err := e.Append(nil, &kgo.Record{Value: []byte(value)})
		var refused *Refused
		if errors.As(err, &refused) != (column != "") || refused != nil && refused.Column != column {
			t.Errorf("%.80s: %v, want column %q refused", value, err, column)
		}
	}
}

func TestNamesAreReadAsJSONWritesThem(t *testing.T) {
	const value = `{"\u0061mount":%,"gr\u00f6\u00dfe":"é"}`
	target := orders("amount: int, größe: string")
	if _, _, err := NewEncoder(Config{}, target).Append(nil,
		&kgo.Record{Value: []byte(strings.Replace(value, "%", `"x"`, 1))}); err == nil ||
		!strings.Contains(err.Error(), "column amount") {
		t.Error(err)
	}
	out, _, err := NewEncoder(Config{CSV: true}, target).Append(nil,
		&kgo.Record{Value: []byte(strings.Replace(value, "%", `5`, 1))})
	if err != nil || string(out) != "5,é\n" {
		t.Errorf("%q %v", out, err)
	}
	var parquet strings.Builder
	if err := WriteParquet(&parquet, strings.NewReader(strings.Replace(value, "%", `5`, 1)+"\n"),
		[]Column{{"größe", kusto.String}}); err != nil || !strings.Contains(parquet.String(), "é") {
		t.Errorf("the file lacks the value: %v", err)
	}
}

func TestASchemaMayStandBehindThePayload(t *testing.T) {
	const schema = `{"type":"struct","fields":[{"field":"id","type":"int32"},{"field":"day","type":"int32","name":"io.debezium.time.Date"}]}`
	for _, mode := range []SchemaMode{Detect, WithSchema} {
		e := NewEncoder(Config{Schemas: mode}, orders("id: int, day: datetime"))
		for range 2 {
			if got, _ := encode(t, e,
				[]byte(`{"payload":{"id":1,"day":19000},"schema":`+schema+`}`)); got != `{"id":1,"day":"2022-01-08T00:00:00Z"}`+
				"\n" {
				t.Errorf("mode %d: %s", mode, got)
			}
		}
		if len(e.plans) != 1 {
			t.Errorf("%d plans were made for one schema", len(e.plans))
		}
	}
}

func TestWithNullsAllowedTheRowsOtherValuesAreKept(t *testing.T) {
	const schema = `{"type":"struct","fields":[{"field":"id","type":"int64"},{"field":"price","type":"bytes","name":"org.apache.kafka.connect.data.Decimal","parameters":{"scale":"2"}},{"field":"day","type":"int32","name":"io.debezium.time.Date"},{"field":"amount","type":"int64"}]}`
	e := NewEncoder(Config{AllowNull: true}, orders("id: long, price: decimal, day: datetime, amount: int"))
	for payload, want := range map[string]string{
		`{"id":1,"price":"AMk=","day":19000,"amount":99999999999}`: `{"id":1,"price":"2.01","day":"2022-01-08T00:00:00Z","amount":99999999999}`,
		`{"id":1,"price":"?","day":9999999999,"amount":5}`:         `{"id":1,"price":null,"day":null,"amount":5}`,
	} {
		before := e.Nulls
		if got, _ := encode(t, e, []byte(`{"schema":`+schema+`,"payload":`+payload+`}`)); got != want+"\n" ||
			e.Nulls != before+1 {
			t.Errorf("%s became %s, %d rows with nulls", payload, got, e.Nulls-before)
		}
	}
}

func TestWhatIsNoJSONObjectIsRefused(t *testing.T) {
	e := NewEncoder(Config{}, orders("id: int, name: string"))
	for value, readable := range map[string]bool{
		" \n{ \"id\" : 3 }\t ": true, `{"id":1}{"id":2}`: false, `{"id":1} x`: false, `{"name":garbage}`: false,
		`{"name":01}`: false, `{"name":-1.5e+3}`: true, `{"name":TRUE}`: false, `[{"id":1}]`: false, `5`: false,
	} {
		if _, _, err := e.Append(nil, &kgo.Record{Value: []byte(value)}); (err == nil) != readable {
			t.Errorf("%q: %v", value, err)
		}
	}
}

func TestAFieldWithinAChangeThatIsGoneIsNoticed(t *testing.T) {
	e := NewEncoder(Config{}, mapped("id: int, amount: int, op: string",
		`[{"column":"id","path":"$.after.id"},{"column":"amount","path":"$.after.amount"},{"column":"op","path":"$.op"}]`))
	change := func(after, op string) string { return envelope("null", after, op) }
	for _, c := range []struct {
		value    string
		unfilled string
		changed  bool
	}{
		{change(`{"id":1,"amount":null}`, "c"), "", true},
		{change("null", "d"), "", false},
		{change(`{"id":1,"total":5}`, "u"), "amount", true},
		{change("null", "d"), "amount", false},
		{change(`{"id":1,"amount":5}`, "u"), "", true},
	} {
		encode(t, e, []byte(c.value))
		if unfilled, changed := e.Unfilled(); strings.Join(unfilled, ",") != c.unfilled || changed != c.changed {
			t.Errorf("%s: unfilled %v changed %v", c.value, unfilled, changed)
		}
	}
	plain := NewEncoder(Config{}, orders("id: int, amount: int"))
	for value, doubted := range map[string]bool{`{"id":1,"amount":2}`: false, `{"id":1}`: true} {
		encode(t, plain, []byte(value))
		_, changed := plain.Unfilled()
		if lacking, _ := plain.Lacking(); changed || len(lacking) > 0 != doubted {
			t.Errorf("%s: changed %v", value, changed)
		}
	}
}

func TestAValueWhoseSchemaARegistryKeepsIsToldFromOneThatIsNoJSON(t *testing.T) {
	e := NewEncoder(Config{}, Target{})
	for value, want := range map[string]string{"\x00\x00\x00\x00\x07\x02a": "value.converter=io.confluent.connect.avro.AvroConverter",
		"no JSON": "JSON"} {
		if _, _, err := e.Append(nil, &kgo.Record{Value: []byte(value)}); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v", value, err)
		}
	}
}
