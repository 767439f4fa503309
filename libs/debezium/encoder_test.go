package debezium

import (
	"bytes"
	"errors"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/calypso-cdc/calypso/libs/pgmodel"
)

// ordersRelation is the 5-column table of the conformance case "orders".
func ordersRelation() *pgmodel.Relation {
	int4 := &pgmodel.Type{OID: 23, Schema: "pg_catalog", Name: "int4", Kind: pgmodel.BaseType}
	varchar := &pgmodel.Type{OID: 1043, Schema: "pg_catalog", Name: "varchar", Kind: pgmodel.BaseType}
	return &pgmodel.Relation{OID: 1, Schema: "retail", Name: "orders_info", ReplicaIdentity: 'd', Key: []int{0}, Columns: []pgmodel.Column{
		{Name: "orderid", Type: int4, TypeMod: -1, NotNull: true, InIdentity: true,
			Default: "nextval('retail.orders_info_orderid_seq'::regclass)"},
		{Name: "custid", Type: int4, TypeMod: -1, NotNull: true},
		{Name: "amount", Type: int4, TypeMod: -1, NotNull: true},
		{Name: "city", Type: varchar, TypeMod: 259, NotNull: true},
		{Name: "purchase_time", Type: varchar, TypeMod: 24, NotNull: true},
	}}
}

func textTuple(values ...string) pgmodel.Tuple {
	t := make(pgmodel.Tuple, len(values))
	for i, v := range values {
		t[i] = pgmodel.Datum{Kind: pgmodel.Text, Data: []byte(v)}
	}
	return t
}

func mustConfig(t testing.TB, settings map[string]string) *Config {
	t.Helper()
	cfg, err := ConfigFrom(settings)
	if err != nil {
		t.Fatal(err)
	}
	return &cfg
}

func plainSettings(more ...string) map[string]string {
	s := map[string]string{"topic.prefix": "p", "database.dbname": "db", "key.converter.schemas.enable": "false",
		"value.converter.schemas.enable": "false"}
	for i := 0; i+1 < len(more); i += 2 {
		s[more[i]] = more[i+1]
	}
	return s
}

func insertOrder() *Event {
	return &Event{Op: Create, After: textTuple("4", "533", "116", "Cleveland", "2020-10-09 07:10:42"),
		Now: 1795410999485829846,
		Source: Source{Snapshot: NotSnapshot, CommitTime: 1795410999469881, TxID: 3753, HasTx: true,
			LSN: 527806928, HasLSN: true}}
}

func TestAnInsertIsWrittenAsDebeziumWritesIt(t *testing.T) {
	e, err := NewEncoder(ordersRelation(), mustConfig(t, plainSettings()))
	if err != nil {
		t.Fatal(err)
	}
	var b Batch
	if n, err := e.Append(&b, insertOrder()); n != 1 || err != nil {
		t.Fatal(n, err)
	}
	r := b.Records[0]
	const want = `{"before":null,"after":{"orderid":4,"custid":533,"amount":116,"city":"Cleveland","purchase_time":"2020-10-09 07:10:42"},` +
		`"source":{"version":"3.6.3.Final","connector":"postgresql","name":"p","ts_ms":1795410999469,"snapshot":"false","db":"db",` +
		`"sequence":"[null,\"527806928\"]","ts_us":1795410999469881,"ts_ns":1795410999469881000,"schema":"retail","table":"orders_info",` +
		`"txId":3753,"lsn":527806928,"xmin":null,"origin":null,"origin_lsn":null},"transaction":null,"op":"c",` +
		`"ts_ms":1795410999485,"ts_us":1795410999485829,"ts_ns":1795410999485829846}`
	if r.Topic != "p.retail.orders_info" || string(r.Key) != `{"orderid":4}` || string(r.Value) != want {
		t.Errorf("topic %s\nkey %s\nvalue %s\nwant  %s", r.Topic, r.Key, r.Value, want)
	}
}

// registry answers as a schema registry does that knows every schema.
func registry(t testing.TB) string {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		_, _ = w.Write([]byte(`{"id":258}`))
	}))
	t.Cleanup(server.Close)
	return server.URL
}

// pipelines are what records commonly pass, by their names.
func pipelines(t testing.TB) map[string][]string {
	url := registry(t)
	const avro = "io.confluent.connect.avro.AvroConverter"
	toAvro := []string{"key.converter", avro, "value.converter", avro, "key.converter.schema.registry.url", url,
		"value.converter.schema.registry.url", url}
	unwrap := []string{"transforms", "u", "transforms.u.type", "io.debezium.transforms.ExtractNewRecordState",
		"transforms.u.add.fields", "op,source.ts_ms,source.lsn,table", "transforms.u.delete.tombstone.handling.mode", "rewrite"}
	return map[string][]string{
		"JSON": nil, "JSON with schemas": {"value.converter.schemas.enable", "true"}, "Avro": toAvro, "unwrapped": unwrap,
		"unwrapped Avro": append(slices.Clone(toAvro), unwrap...),
		"routed and extended": {"transforms", "r,i", "transforms.r.type", "org.apache.kafka.connect.transforms.RegexRouter",
			"transforms.r.regex", "(.*)", "transforms.r.replacement", "x.$1",
			"transforms.i.type", "org.apache.kafka.connect.transforms.InsertField$Value",
			"transforms.i.static.field", "env", "transforms.i.static.value", "prod"},
	}
}

func TestARowOfCommonTypesAllocatesNothing(t *testing.T) {
	for name, settings := range pipelines(t) {
		e, err := NewEncoder(ordersRelation(), mustConfig(t, plainSettings(settings...)))
		if err != nil {
			t.Fatal(err)
		}
		ev := insertOrder()
		var b Batch
		run := func() {
			b.Reset()
			for range 100 {
				if _, err := e.Append(&b, ev); err != nil {
					t.Fatal(err)
				}
				ev.Source.LSN++
			}
		}
		run()
		n := testing.AllocsPerRun(10, run)
		for range 2 { // others of the process, such as the collector's end, are counted too
			n = min(n, testing.AllocsPerRun(10, run))
		}
		if n != 0 {
			t.Errorf("%s: %v allocations in 100 rows", name, n)
		}
	}
}

func TestEncodersOfOneConfigurationAreUsedAtOnce(t *testing.T) {
	cfg := mustConfig(t, plainSettings("transforms", "u,c", "transforms.u.type",
		"io.debezium.transforms.ExtractNewRecordState", "transforms.c.type",
		"org.apache.kafka.connect.transforms.Cast$Value", "transforms.c.spec", "custid:string"))
	var workers sync.WaitGroup
	for range 4 {
		workers.Go(func() {
			e, err := NewEncoder(ordersRelation(), cfg)
			if err != nil {
				t.Error(err)
				return
			}
			var b Batch
			for range 100 {
				if _, err := e.Append(&b, insertOrder()); err != nil {
					t.Error(err)
				}
			}
		})
	}
	workers.Wait()
}

// docs is a table with columns that PostgreSQL may TOAST and one of a type that Debezium does not know.
func docs(identity byte) *pgmodel.Relation {
	return &pgmodel.Relation{Schema: "s", Name: "docs", ReplicaIdentity: identity, Key: []int{0}, Columns: []pgmodel.Column{
		{Name: "id", Type: baseType("int4"), TypeMod: -1, NotNull: true, InIdentity: true},
		{Name: "body", Type: baseType("text"), TypeMod: -1, NotNull: true, InIdentity: identity == 'f'},
		{Name: "bits", Type: baseType("varbit"), TypeMod: -1, InIdentity: identity == 'f'},
		{Name: "range", Type: &pgmodel.Type{Name: "floatrange", Schema: "public", Kind: pgmodel.RangeType}, TypeMod: -1},
	}}
}

func appended(t *testing.T, rel *pgmodel.Relation, ev *Event, more ...string) []string {
	t.Helper()
	e, err := NewEncoder(rel,
		mustConfig(t, plainSettings(append([]string{"extended.headers.enabled", "false"}, more...)...)))
	if err != nil {
		t.Fatal(err)
	}
	var b Batch
	if _, err := e.Append(&b, ev); err != nil {
		t.Fatal(err)
	}
	var out []string
	for _, r := range b.Records {
		value := "null"
		if r.Value != nil {
			value = string(r.Value[:bytes.Index(r.Value, []byte(`,"source"`))])
			if i := bytes.Index(r.Value, []byte(`,"unchanged"`)); i >= 0 {
				value += string(r.Value[i:])
			}
		}
		line := string(r.Key) + " " + value
		for _, h := range r.Headers {
			line += " " + h.Key + "=" + string(h.Value)
		}
		out = append(out, line)
	}
	return out
}

func equalLines(t *testing.T, got []string, want ...string) {
	t.Helper()
	if strings.Join(got, "\n") != strings.Join(want, "\n") {
		t.Errorf("got\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
}

var toasted = pgmodel.Tuple{{Kind: pgmodel.Text, Data: []byte("1")}, {Kind: pgmodel.Unchanged}, {Kind: pgmodel.Unchanged}, {Kind: pgmodel.Null}}

func TestAnUnchangedToastedValueIsItsPlaceholder(t *testing.T) {
	equalLines(t, appended(t, docs('d'), &Event{Op: Update, After: toasted}),
		`{"id":1} {"before":null,"after":{"id":1,"body":"__debezium_unavailable_value","bits":null}`)
}

func TestUnchangedColumnsAreListedOnRequest(t *testing.T) {
	equalLines(t, appended(t, docs('d'), &Event{Op: Update, After: toasted}, "unchanged.columns.list", "true"),
		`{"id":1} {"before":null,"after":{"id":1,"body":null,"bits":null},"unchanged":["body","bits"]}`)
}

func TestATOASTedValueIsTakenFromTheOldRowIfItIsThere(t *testing.T) {
	before := pgmodel.Tuple{{Kind: pgmodel.Text, Data: []byte("1")}, {Kind: pgmodel.Text, Data: []byte("old")},
		{Kind: pgmodel.Text, Data: []byte("1")}, {Kind: pgmodel.Null}}
	equalLines(t, appended(t, docs('f'), &Event{Op: Update, Before: before, After: toasted},
		"unchanged.columns.list", "true"),
		`{"id":1} {"before":{"id":1,"body":"old","bits":"AQ=="},"after":{"id":1,"body":"old","bits":"AQ=="},"unchanged":[]}`)
}

func TestBeforeHoldsFallbacksUnlessOnlyWhatIsKnownIsWanted(t *testing.T) {
	before := pgmodel.Tuple{{Kind: pgmodel.Text, Data: []byte("1")}, {Kind: pgmodel.Absent}, {Kind: pgmodel.Absent}, {Kind: pgmodel.Absent}}
	equalLines(t, appended(t, docs('d'), &Event{Op: Delete, Before: before}),
		`{"id":1} {"before":{"id":1,"body":"","bits":null},"after":null`, `{"id":1} null`)
	equalLines(t, appended(t, docs('d'), &Event{Op: Delete, Before: before}, "before.known.only", "true"),
		`{"id":1} {"before":{"id":1},"after":null`, `{"id":1} null`)
}

func TestATypeThatDebeziumDoesNotKnowIsBytesOrTextOnRequest(t *testing.T) {
	after := pgmodel.Tuple{{Kind: pgmodel.Text, Data: []byte("1")}, {Kind: pgmodel.Text, Data: []byte("b")}, {Kind: pgmodel.Null},
		{Kind: pgmodel.Text, Data: []byte("[1.5,2)")}}
	equalLines(t, appended(t, docs('d'), &Event{Op: Create, After: after}, "include.unknown.datatypes", "true"),
		`{"id":1} {"before":null,"after":{"id":1,"body":"b","bits":null,"range":"WzEuNSwyKQ=="}`)
	equalLines(t, appended(t, docs('d'), &Event{Op: Create, After: after}, "include.unknown.datatypes", "true",
		"unknown.datatypes.as.text", "true"),
		`{"id":1} {"before":null,"after":{"id":1,"body":"b","bits":null,"range":"[1.5,2)"}`)
}

func TestAnUpdateThatChangesTheKeyBecomesDeleteTombstoneCreate(t *testing.T) {
	ev := &Event{Op: Update, After: textTuple("2", "b", "1", "x"),
		Before:  pgmodel.Tuple{{Kind: pgmodel.Text, Data: []byte("1")}, {Kind: pgmodel.Absent}, {Kind: pgmodel.Absent}, {Kind: pgmodel.Absent}},
		Headers: []kgo.RecordHeader{{Key: "traceparent", Value: []byte("00-1")}}}
	equalLines(t, appended(t, docs('d'), ev),
		`{"id":1} {"before":{"id":1,"body":"","bits":null},"after":null __debezium.newkey={"id":2} traceparent=00-1`,
		`{"id":1} null __debezium.newkey={"id":2} traceparent=00-1`,
		`{"id":2} {"before":null,"after":{"id":2,"body":"b","bits":"AQ=="} __debezium.oldkey={"id":1} traceparent=00-1`)
	equalLines(t, appended(t, docs('d'), ev, "tombstones.on.delete", "false", "skipped.operations", "c"),
		`{"id":1} {"before":{"id":1,"body":"","bits":null},"after":null __debezium.newkey={"id":2} traceparent=00-1`)
}

func TestHeadersOfTwoKeyChangesInABatchStayApart(t *testing.T) {
	e, err := NewEncoder(docs('d'), mustConfig(t, plainSettings("extended.headers.enabled", "false")))
	if err != nil {
		t.Fatal(err)
	}
	var b Batch
	for _, id := range []string{"2", "3"} {
		ev := &Event{Op: Update, After: textTuple(id, "b", "1", "x"), Before: textTuple("1", "b", "1", "x")}
		if _, err := e.Append(&b, ev); err != nil {
			t.Fatal(err)
		}
	}
	if got := string(b.Records[0].Headers[0].Value); got != `{"id":2}` {
		t.Errorf("the first event's new key became %s", got)
	}
}

func TestSkippedOperationsMakeNoRecords(t *testing.T) {
	row := textTuple("1", "b", "1", "x")
	for op, ev := range map[string]*Event{"c": {Op: Create, After: row}, "u": {Op: Update, After: row},
		"d": {Op: Delete, Before: row}, "t": {Op: Truncate}} {
		equalLines(t, appended(t, docs('d'), ev, "skipped.operations", op))
	}
	equalLines(t, appended(t, docs('d'), &Event{Op: Truncate}, "skipped.operations", "none"),
		` {"before":null,"after":null`)
	equalLines(t, appended(t, docs('f'), &Event{Op: Update, Before: row, After: row},
		"skip.messages.without.change", "true"))
}

func TestAFailedConversionIsNullOrAnErrorAsConfigured(t *testing.T) {
	rel := &pgmodel.Relation{Schema: "s", Name: "t", Columns: []pgmodel.Column{{Name: "n", Type: baseType("numeric"), TypeMod: -1}}}
	equalLines(t, appended(t, rel, &Event{Op: Create, After: textTuple("NaN")}), ` {"before":null,"after":{"n":null}`)
	e, err := NewEncoder(rel, mustConfig(t, plainSettings("event.converting.failure.handling.mode", "fail")))
	if err != nil {
		t.Fatal(err)
	}
	var b Batch
	if _, err := e.Append(&b, &Event{Op: Create, After: textTuple("NaN")}); !errors.Is(err, errUnrepresentable) ||
		len(b.Records) != 0 {
		t.Errorf("got %v and %d records", err, len(b.Records))
	}
}

func TestARowOfAnotherVersionOfTheTableIsAnError(t *testing.T) {
	e, err := NewEncoder(docs('d'), mustConfig(t, plainSettings()))
	if err != nil {
		t.Fatal(err)
	}
	var b Batch
	if _, err := e.Append(&b, &Event{Op: Create, After: textTuple("1")}); err == nil ||
		!strings.Contains(err.Error(), "s.docs") {
		t.Errorf("got %v", err)
	}
}

func TestTopicNamesKeepWhatKafkaAllows(t *testing.T) {
	cfg := mustConfig(t, plainSettings())
	for table, want := range map[string]string{"t": "p.s.t", "T a-b": "p.s.T_a-b", "ü日": "p.s.__", "😀": "p.s.__",
		"x.y": "p.s.x.y", strings.Repeat("l", 300): "p.s." + strings.Repeat("l", 245)} {
		if got := cfg.TableTopic("s", table); got != want {
			t.Errorf("%s: %s, want %s", table, got, want)
		}
	}
}

func TestAHeartbeatIsWrittenAsDebeziumWritesIt(t *testing.T) {
	a := NewHeartbeatEncoder(mustConfig(t, plainSettings("extended.headers.enabled", "false")))
	var b Batch
	if err := a.Append(&b, 1577872800123456789); err != nil {
		t.Fatal(err)
	}
	r := b.Records[0]
	if r.Topic != "__debezium-heartbeat.p" || string(r.Key) != `{"serverName":"p"}` ||
		string(r.Value) != `{"ts_ms":1577872800123}` {
		t.Errorf("%s %s %s", r.Topic, r.Key, r.Value)
	}
}

func TestWrongSettingsAreNamed(t *testing.T) {
	for key, value := range map[string]string{"decimal.handling.mode": "exact", "skipped.operations": "x",
		"column.include.list": "(", "message.key.columns": "t",
		"tombstones.on.delete": "maybe", "money.fraction.digits": "two", "value.converter": "Custom", "transforms": "x",
		"unavailable.value.placeholder": "hex:zz"} {
		if _, err := ConfigFrom(plainSettings(key, value)); err == nil || !strings.Contains(err.Error(), key) {
			t.Errorf("%s=%s: %v", key, value, err)
		}
	}
}

func BenchmarkAppendInsert(b *testing.B) {
	for name, settings := range pipelines(b) {
		b.Run(name, func(b *testing.B) {
			e, err := NewEncoder(ordersRelation(), mustConfig(b, plainSettings(settings...)))
			if err != nil {
				b.Fatal(err)
			}
			ev := insertOrder()
			var batch Batch
			b.ReportAllocs()
			for i := 0; b.Loop(); i++ {
				if i%1000 == 0 {
					batch.Reset()
				}
				if _, err := e.Append(&batch, ev); err != nil {
					b.Fatal(err)
				}
				ev.Source.LSN += 8
			}
		})
	}
}

// Debezium has the schema, and an empty list or null as value.
func TestVectorsOfIntegersAreListsOfThem(t *testing.T) {
	numbers, ids := baseType("int2vector"), baseType("oidvector")
	rel := &pgmodel.Relation{Schema: "s", Name: "a", ReplicaIdentity: 'd', Columns: []pgmodel.Column{
		{Name: "n", Type: numbers, TypeMod: -1, NotNull: true}, {Name: "o", Type: ids, TypeMod: -1},
		{Name: "l", Type: &pgmodel.Type{Name: "_int2vector", Kind: pgmodel.ArrayType, Elem: numbers}, TypeMod: -1}}}
	equalLines(t, appended(t, rel, &Event{Op: Create, After: textTuple("1 -2 3", "4294967295 7", `{"1 2",3}`)}),
		` {"before":null,"after":{"n":[1,-2,3],"o":[4294967295,7],"l":[[1,2],[3]]}`)
	equalLines(t, appended(t, rel, &Event{Op: Create, After: pgmodel.Tuple{{Kind: pgmodel.Text}, {Kind: pgmodel.Null}, {Kind: pgmodel.Null}}}),
		` {"before":null,"after":{"n":[],"o":null,"l":null}`)
	equalLines(t, appended(t, rel, &Event{Op: Delete, Before: pgmodel.Tuple{{Kind: pgmodel.Absent}, {Kind: pgmodel.Absent}, {Kind: pgmodel.Absent}}},
		"tombstones.on.delete", "false"),
		` {"before":{"n":[],"o":null,"l":null},"after":null`)
}

// As seen beside Debezium 3.6.3: elements of isbn[] must not be null, and an array in which one is has no value.
func TestElementsOfArraysOfISBNsMustNotBeNull(t *testing.T) {
	rel := &pgmodel.Relation{Schema: "s", Name: "a", ReplicaIdentity: 'd', Columns: []pgmodel.Column{
		{Name: "b", Type: &pgmodel.Type{Name: "_isbn", Kind: pgmodel.ArrayType, Elem: baseType("isbn")}, TypeMod: -1}}}
	equalLines(t, appended(t, rel, &Event{Op: Create, After: textTuple("{0-393-04002-X}")}),
		` {"before":null,"after":{"b":["0-393-04002-X"]}`)
	equalLines(t, appended(t, rel, &Event{Op: Create, After: textTuple("{0-393-04002-X,NULL}")}),
		` {"before":null,"after":{"b":null}`)
}

// So that all changes of such a table are in one partition, in their order; recorded from Debezium.
func TestAKeyOfColumnsWithoutARepresentationIsEmptyAndNotNull(t *testing.T) {
	rel := &pgmodel.Relation{Schema: "s", Name: "a", ReplicaIdentity: 'd', Key: []int{0}, Columns: []pgmodel.Column{
		{Name: "q", Type: baseType("tsquery"), TypeMod: -1, NotNull: true, InIdentity: true},
		{Name: "n", Type: baseType("int4"), TypeMod: -1}}}
	equalLines(t, appended(t, rel, &Event{Op: Create, After: textTuple("'a'", "1")}), `{} {"before":null,"after":{"n":1}`)
	equalLines(t, appended(t, rel, &Event{Op: Update, Before: textTuple("'a'", "1"), After: textTuple("'b'", "1")}),
		`{} {"before":{"n":1},"after":{"n":1}`)
	equalLines(t, appended(t, rel, &Event{Op: Delete, Before: pgmodel.Tuple{{Kind: pgmodel.Text, Data: []byte("'b'")}, {Kind: pgmodel.Absent}}}),
		`{} {"before":{"n":null},"after":null`, "{} null")
}
