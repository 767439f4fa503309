package change

import (
	"testing"
)

// ordersRelation is the 5-column table of the conformance case "orders".
func ordersRelation() *Relation {
	int4 := &Type{OID: 23, Schema: "pg_catalog", Name: "int4", Kind: BaseType}
	varchar := &Type{OID: 1043, Schema: "pg_catalog", Name: "varchar", Kind: BaseType}
	return &Relation{OID: 1, Schema: "retail", Name: "orders_info", ReplicaIdentity: 'd', Key: []int{0}, Columns: []Column{
		{Name: "orderid", Type: int4, TypeMod: -1, NotNull: true, InIdentity: true, Default: "nextval('retail.orders_info_orderid_seq'::regclass)"},
		{Name: "custid", Type: int4, TypeMod: -1, NotNull: true},
		{Name: "amount", Type: int4, TypeMod: -1, NotNull: true},
		{Name: "city", Type: varchar, TypeMod: 259, NotNull: true},
		{Name: "purchase_time", Type: varchar, TypeMod: 24, NotNull: true},
	}}
}

func textTuple(values ...string) Tuple {
	t := make(Tuple, len(values))
	for i, v := range values {
		t[i] = Datum{Kind: Text, Data: []byte(v)}
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
	return &Event{Op: Create, After: textTuple("4", "533", "116", "Cleveland", "2020-10-09 07:10:42"), Now: 1795410999485829846,
		Source: Source{Snapshot: NotSnapshot, CommitTime: 1795410999469881, TxID: 3753, HasTx: true, LSN: 527806928, HasLSN: true}}
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

func TestARowOfCommonTypesAllocatesNothing(t *testing.T) {
	for _, schemas := range []string{"false", "true"} {
		e, err := NewEncoder(ordersRelation(), mustConfig(t, plainSettings("value.converter.schemas.enable", schemas)))
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
		if n := testing.AllocsPerRun(10, run); n != 0 {
			t.Errorf("with schemas %s: %v allocations in 100 rows", schemas, n)
		}
	}
}

func BenchmarkAppendInsert(b *testing.B) {
	for _, schemas := range []string{"false", "true"} {
		b.Run("schemas="+schemas, func(b *testing.B) {
			e, err := NewEncoder(ordersRelation(), mustConfig(b, plainSettings("value.converter.schemas.enable", schemas)))
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
