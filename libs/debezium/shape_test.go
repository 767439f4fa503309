package debezium

import (
	"fmt"
	"reflect"
	"strings"
	"testing"

	"github.com/twmb/franz-go/pkg/kgo"
	"pgregory.net/rapid"

	"github.com/calypso-cdc/calypso/libs/pgmodel"
	"github.com/calypso-cdc/calypso/libs/record"
)

// printed are values of PostgreSQL's types as it prints them, some that have no representation.
var printed = map[string][]string{
	"bool": {"t", "f"}, "int2": {"0", "-32768", "32767"}, "int4": {"-2147483648", "7", "2147483647"},
	"int8": {"-9223372036854775808", "9223372036854775807", "12"}, "oid": {"4294967295"},
	"float4": {"1.5", "-Infinity", "NaN", "3.4e+38", "1e-45"}, "float8": {"0.1", "1e400", "-0", "NaN"},
	"numeric": {"12.34", "-0.01", "NaN", "123456789012345678901.23", "0.00", "1000"},
	"money":   {"$1,234.56", "-$0.05"}, "text": {"", "plain", "ü日😀\"\\\n", "bad\xff\xfe", strings.Repeat("long ", 60)},
	"varchar": {"v", strings.Repeat("é", 40)}, "bpchar": {"c   "}, "name": {"n"}, "xml": {"<a/>"}, "json": {`{"a":1}`},
	"uuid": {"a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11"}, "bytea": {`\x`, `\xdeadbeef`, `\x` + strings.Repeat("00ff", 70)},
	"bit": {"1", "0"}, "varbit": {"", "1", "101010101"}, "date": {"2026-11-23", "infinity", "-infinity", "0044-03-15 BC"},
	"time": {"24:00:00", "10:11:12.345678"}, "timetz": {"10:11:12.345678+02", "00:00:00-12:30"},
	"timestamp":   {"2026-11-23 10:00:00.123456", "infinity", "-infinity", "294276-12-31 23:59:59.999999", "0044-03-15 00:00:00 BC"},
	"timestamptz": {"2026-11-23 10:00:00.1+02", "infinity", "-infinity"},
	"interval":    {"1 year 2 mons -3 days +04:05:06.7", "00:00:00"},
	"hstore":      {`"a"=>"1", "b"=>NULL`, ""}, "point": {"(1,2.5)"}, "geometry": {"0101000000000000000000F03F0000000000000040"},
	"vector": {"[1,2.5]"}, "halfvec": {"[1]"}, "sparsevec": {"{1:0.5,3:2}/5"}, "int2vector": {"1 -2"}, "oidvector": {"7"},
	"line": {"{1,2,3}"}, "tsquery": {"'a'"}, "citext": {"C"}, "inet": {"::1"},
}

// anyColumn is a column of any type, and values that may be in it.
func anyColumn(t *rapid.T, name string) (pgmodel.Column, []string) {
	of := rapid.SampledFrom(sortedKeys(printed)).Draw(t, "type")
	typ := &pgmodel.Type{Schema: "pg_catalog", Name: of, Kind: pgmodel.BaseType, TypeMod: -1}
	c := pgmodel.Column{Name: name, Type: typ, TypeMod: -1, NotNull: rapid.Bool().Draw(t, "not null"),
		InIdentity: rapid.Bool().Draw(t, "in identity")}
	values := printed[of]
	switch of {
	case "numeric":
		c.TypeMod = rapid.SampledFrom([]int32{-1, 10<<16 | 2 + 4, 655366}).Draw(t, "modifier")
	case "timestamp", "time", "timestamptz", "bit", "varbit":
		c.TypeMod = rapid.SampledFrom([]int32{-1, 1, 3}).Draw(t, "modifier")
	}
	switch rapid.IntRange(0, 5).Draw(t, "form") {
	case 0:
		c.Type = &pgmodel.Type{Name: "_" + of, Kind: pgmodel.ArrayType, Elem: typ}
		var quoted []string
		for _, v := range values {
			quoted = append(quoted, `"`+strings.NewReplacer(`\`, `\\`, `"`, `\"`).Replace(v)+`"`)
		}
		values = []string{"{}", "{" + strings.Join(quoted, ",") + "}", "{NULL}", "{{" + quoted[0] + "}}"}
	case 1:
		c.Type = &pgmodel.Type{Name: "d", Kind: pgmodel.DomainType, Elem: typ, TypeMod: -1}
	case 2:
		c.Type = &pgmodel.Type{Name: "mood", Kind: pgmodel.EnumType, Labels: []string{"a", "b"}}
		values = []string{"a", "b"}
	case 3:
		c.Default = rapid.SampledFrom([]string{"7", "'x'::text", "now()", "'2020-01-01'::date"}).Draw(t, "default")
	}
	return c, values
}

func sortedKeys(m map[string][]string) (keys []string) {
	for key := range m {
		keys = append(keys, key)
	}
	// rapid reproduces a failure by the order.
	for i := range keys {
		for j := i; j > 0 && keys[j] < keys[j-1]; j-- {
			keys[j], keys[j-1] = keys[j-1], keys[j]
		}
	}
	return keys
}

// anyRow is a row with any values that the wire may bring.
func anyRow(t *rapid.T, values [][]string, kinds ...pgmodel.Kind) pgmodel.Tuple {
	row := make(pgmodel.Tuple, len(values))
	for i := range row {
		row[i].Kind = rapid.SampledFrom(append(kinds, pgmodel.Text, pgmodel.Text, pgmodel.Null)).Draw(t, "kind")
		if row[i].Kind == pgmodel.Text {
			row[i].Data = []byte(rapid.SampledFrom(values[i]).Draw(t, "value"))
		}
	}
	return row
}

// anySettings are those of a connector whose records shapes may write.
func anySettings(t *rapid.T, registry string) map[string]string {
	one := func(key string, values ...string) []string {
		return []string{key, rapid.SampledFrom(values).Draw(t, key)}
	}
	avro := "io.confluent.connect.avro.AvroConverter"
	json := "org.apache.kafka.connect.json.JsonConverter"
	s := map[string]string{"topic.prefix": "p", "database.dbname": "db",
		"key.converter.schema.registry.url": registry, "value.converter.schema.registry.url": registry}
	for _, pair := range [][]string{
		one("key.converter", avro, json), one("value.converter", avro, json),
		one("value.converter.schemas.enable", "true", "false"), one("key.converter.schemas.enable", "true", "false"),
		one("value.converter.decimal.format", "BASE64", "NUMERIC"),
		one("value.converter.ignore.default.for.nullables", "true", "false"),
		one("value.converter.replace.null.with.default", "true", "false"),
		one("decimal.handling.mode", "precise", "string", "double"),
		one("time.precision.mode", "adaptive", "connect", "isostring", "nanoseconds", "microseconds"),
		one("binary.handling.mode", "bytes", "base64", "base64-url-safe", "hex"), one("hstore.handling.mode", "json", "map"),
		one("interval.handling.mode", "numeric", "string"), one("include.unknown.datatypes", "true", "false"),
		one("before.known.only", "true", "false"), one("tombstones.on.delete", "true", "false"),
		one("extended.headers.enabled", "true", "false"), one("skipped.operations", "none", "t"),
		one("event.converting.failure.handling.mode", "warn", "fail"),
		one("column.truncate.to.3.chars", "", "s.t.c1"), one("column.mask.with.2.chars", "", "s.t.c2"),
		one("column.mask.hash.SHA-256.with.salt.x", "", "s.t.c3"), one("column.propagate.source.type", "", ".*"),
		one("message.key.columns", "", "s.t:c0,c1"), one("column.exclude.list", "", "s.t.c0"),
		one("schema.name.adjustment.mode", "avro"), one("field.name.adjustment.mode", "avro"),
	} {
		s[pair[0]] = pair[1]
	}
	transforms := map[string][]string{
		"unwrap": {"io.debezium.transforms.ExtractNewRecordState", "add.fields", "op,source.lsn,source.snapshot,transaction.id,ts_ns",
			"delete.tombstone.handling.mode", rapid.SampledFrom([]string{"drop", "tombstone", "rewrite",
				"rewrite-with-tombstone", "delete-to-tombstone"}).Draw(t, "deletes"),
			"replace.null.with.default", rapid.SampledFrom([]string{"true", "false"}).Draw(t, "or default")},
		"headers": {"io.debezium.transforms.ExtractNewRecordState", "add.headers", "op,db"},
		"route":   {"org.apache.kafka.connect.transforms.RegexRouter", "regex", "p.(.*)", "replacement", "$1"},
		"logical": {"io.debezium.transforms.ByLogicalTableRouter", "topic.regex", "(.*)", "topic.replacement", "all"},
		"insert": {"org.apache.kafka.connect.transforms.InsertField$Value", "static.field", "env", "static.value", "prod",
			"topic.field", "topic"},
		"replace": {"org.apache.kafka.connect.transforms.ReplaceField$Value", "exclude", "c1", "renames", "c2:two,op:o"},
		"key":     {"org.apache.kafka.connect.transforms.ValueToKey", "fields", "c2"},
		"field":   {"org.apache.kafka.connect.transforms.ExtractField$Key", "field", "c2"},
		"hoist":   {"org.apache.kafka.connect.transforms.HoistField$Value", "field", "in"},
		"name":    {"org.apache.kafka.connect.transforms.SetSchemaMetadata$Value", "schema.name", "n.N"},
		"drop":    {"io.confluent.connect.transforms.Drop$Key"},
		"filter":  {"org.apache.kafka.connect.transforms.Filter", "predicate", "tombstone"},
		"header":  {"org.apache.kafka.connect.transforms.InsertHeader", "header", "h", "value.literal", "7"},
	}
	s["predicates"], s["predicates.tombstone.type"] = "tombstone", "org.apache.kafka.connect.transforms.predicates.RecordIsTombstone"
	var names []string
	for name := range transforms {
		names = append(names, name)
	}
	keys := map[string][]string{}
	for _, name := range names {
		keys[name] = nil
	}
	chain := rapid.SliceOfNDistinct(rapid.SampledFrom(sortedKeys(keys)), 0, 3, rapid.ID).Draw(t, "transforms")
	s["transforms"] = strings.Join(chain, ",")
	for _, name := range chain {
		s["transforms."+name+".type"] = transforms[name][0]
		for i := 1; i < len(transforms[name]); i += 2 {
			s["transforms."+name+"."+transforms[name][i]] = transforms[name][i+1]
		}
	}
	return s
}

// isWhatItsJSONSays fails unless the record that transforms see of an event is what the event's JSON says.
func isWhatItsJSONSays(t *rapid.T, e *Encoder, ev *Event) {
	c := change{event: ev, op: ev.Op, old: ev.Before, row: ev.After, cfg: e.cfg, known: e.before.known}
	got, err := e.generic.record(&c)
	payload, wrong := e.appendPayload(nil, ev, ev.Op, ev.Before, ev.After, 0)
	if wrong == nil && e.HasKey() && ev.Op == Delete {
		_, wrong = e.key.append(nil, ev.Before, nil, fromStream)
	} else if wrong == nil && e.HasKey() && ev.Op != Truncate {
		_, wrong = e.key.append(nil, ev.After, ev.Before, ev.origin())
	}
	if (err == nil) != (wrong == nil) {
		t.Fatalf("%v, want %v", err, wrong)
	}
	if err != nil {
		return
	}
	want, err := record.DecodeJSONValue(got.ValueSchema, payload)
	if err != nil {
		t.Fatal(err)
	}
	// As JSON, since no NaN equals itself.
	asJSON := func(value any) string {
		text, err := decoded.AppendValue(nil, got.ValueSchema, value)
		return fmt.Sprintf("%s %v", text, err)
	}
	if asJSON(got.Value) != asJSON(want) {
		t.Fatalf("%s\nwant %s", asJSON(got.Value), asJSON(want))
	}
}

// TestShapesWriteWhatIsWrittenRecordByRecord compares the two ways, of any table, with any settings.
func TestShapesWriteWhatIsWrittenRecordByRecord(t *testing.T) {
	url := registry(t)
	byShapes, all := 0, 0
	rapid.Check(t, func(t *rapid.T) {
		cfg, err := ConfigFrom(anySettings(t, url))
		if err != nil {
			t.Skip(err)
		}
		rel := &pgmodel.Relation{Schema: "s", Name: "t", ReplicaIdentity: 'd', Streamed: rapid.Bool().Draw(t, "streamed")}
		var values [][]string
		for i := range rapid.IntRange(2, 6).Draw(t, "columns") {
			c, v := anyColumn(t, fmt.Sprint("c", i))
			rel.Columns, values = append(rel.Columns, c), append(values, v)
		}
		if rapid.Bool().Draw(t, "keyed") {
			rel.Key = []int{0}
		}
		shaped, err := NewEncoder(rel, &cfg)
		if err != nil {
			t.Skip(err)
		}
		single, _ := NewEncoder(rel, &cfg)
		if shaped.shapes == nil {
			if shaped.generic != nil {
				t.Fatal("shapes do not write what these transforms make")
			}
			t.Skip("it is JSON that passes no transform")
		}
		single.shapes = nil
		for range 4 {
			ev := &Event{Op: rapid.SampledFrom([]Op{Create, Update, Delete, Read, Truncate}).Draw(t, "op"),
				Now: rapid.SampledFrom([]int64{0, 5, 1795410999485829846}).Draw(t, "now"),
				Source: Source{Snapshot: rapid.SampledFrom([]SnapshotMark{NotSnapshot, SnapshotLast}).Draw(t, "snapshot"),
					CommitTime: rapid.SampledFrom([]int64{0, -5, 1795410999469881}).Draw(t, "commit"),
					TxID:       7, HasTx: rapid.Bool().Draw(t, "tx"), LSN: rapid.SampledFrom([]uint64{0, 527806928}).Draw(t, "lsn"),
					LastCommit: rapid.SampledFrom([]uint64{0, 3}).Draw(t, "last"), HasLSN: rapid.Bool().Draw(t, "has lsn"),
					Origin: rapid.SampledFrom([]string{"", "o\"ü"}).Draw(t, "origin"), OriginLSN: 9}}
			if rapid.Bool().Draw(t, "metadata") {
				ev.Transaction = &Transaction{ID: "7:9", TotalOrder: 1, CollectionOrder: 2}
			}
			if rapid.IntRange(0, 5).Draw(t, "traced") == 0 {
				ev.Headers = []kgo.RecordHeader{{Key: "traceparent", Value: []byte("00-1")}}
			}
			switch ev.Op {
			case Create, Read:
				ev.After = anyRow(t, values)
			case Delete:
				ev.Before = anyRow(t, values, pgmodel.Absent)
			case Update:
				ev.After = anyRow(t, values, pgmodel.Unchanged)
				if rapid.Bool().Draw(t, "old row") {
					ev.Before = anyRow(t, values, pgmodel.Absent, pgmodel.Unchanged)
				}
			}
			var got, want Batch
			n, err := shaped.Append(&got, ev)
			m, wrong := single.Append(&want, ev)
			if (err == nil) != (wrong == nil) || n != m {
				t.Fatalf("%d events, %v, want %d, %v", n, err, m, wrong)
			}
			if len(got.Records) != len(want.Records) || got.Size != want.Size {
				t.Fatalf("%d records of %d bytes, want %d of %d", len(got.Records), got.Size, len(want.Records), want.Size)
			}
			for i := range want.Records {
				g, w := &got.Records[i], &want.Records[i]
				if string(g.Key) != string(w.Key) || string(g.Value) != string(w.Value) || g.Topic != w.Topic ||
					(g.Key == nil) != (w.Key == nil) || (g.Value == nil) != (w.Value == nil) || g.Partition != w.Partition ||
					len(g.Headers)+len(w.Headers) > 0 && !reflect.DeepEqual(g.Headers, w.Headers) {
					t.Fatalf("record %d\n%s: %q = %q %v\nwant\n%s: %q = %q %v", i, g.Topic, g.Key, g.Value, g.Headers, w.Topic, w.Key,
						w.Value, w.Headers)
				}
			}
			isWhatItsJSONSays(t, single, ev)
			if all++; shaped.shapes.current != nil && err == nil {
				byShapes++
			}
		}
	})
	t.Logf("%d of %d events were written by shapes", byShapes, all)
}
