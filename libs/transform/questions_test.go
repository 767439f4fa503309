package transform_test

import (
	"fmt"
	"slices"
	"strings"
)

// each asks of every configuration what it makes of every record.
func each(class string, configs []map[string]string, records []question) []question {
	var all []question
	for _, config := range configs {
		for _, q := range records {
			q.Class, q.Config = class, config
			all = append(all, q)
		}
	}
	return all
}

// set is a configuration of keys and values in turn.
func set(pairs ...string) map[string]string {
	config := map[string]string{}
	for i := 0; i+1 < len(pairs); i += 2 {
		config[pairs[i]] = pairs[i+1]
	}
	return config
}

func typed(schema, payload string) *string {
	return new(fmt.Sprintf(`{"schema":%s,"payload":%s}`, schema, payload))
}

func structOf(name string, optional bool, fields ...string) string {
	if name != "" {
		name = fmt.Sprintf(`"name":%q,`, name)
	}
	return fmt.Sprintf(`{"type":"struct","fields":[%s],"optional":%t,%s"version":1}`,
		strings.Join(fields, ","), optional, name)
}

// named is a schema as the field of a struct.
func named(field, schema string) string {
	return schema[:len(schema)-1] + fmt.Sprintf(`,"field":%q}`, field)
}

const (
	textual = `{"type":"string","optional":true}`
	must    = `{"type":"string","optional":false}`
	number  = `{"type":"int32","optional":false}`
	long    = `{"type":"int64","optional":true}`
	texts   = `{"type":"array","items":{"type":"string","optional":true},"optional":true}`
)

// row is the schema of the table's rows in envelopes.
func row(more ...string) string {
	return structOf("p.s.t.Value", true,
		append([]string{named("id", number), `{"type":"string","optional":true,"default":"dflt","field":"b"}`,
			named("to", textual),
			`{"type":"bytes","optional":true,"name":"org.apache.kafka.connect.data.Decimal","version":1,"parameters":{"scale":"2"},"field":"dec"}`,
			named("req", must), named("list", texts)}, more...)...)
}

func envelopeOf(name, row string) string {
	return structOf(name, false, named("before", row), named("after", row),
		named("source", structOf("io.debezium.connector.postgresql.Source", false, named("version", must),
			named("ts_ms", long),
			`{"type":"string","optional":true,"default":"false","field":"snapshot"}`, named("db", must), named("table", must),
			named("txId", long), named("lsn", long))),
		named("transaction", structOf("event.block", true, named("id", must), named("total_order", long),
			named("data_collection_order", long))),
		named("op", must), named("ts_ms", long), named("ts_us", long))
}

const (
	oneRow   = `{"id":1,"b":null,"to":"elsewhere","dec":"AMg=","req":"r","list":["x",null]}`
	otherRow = `{"id":1,"b":"old","to":"t2","dec":null,"req":"q","list":null}`
)

func change(name, row, before, after, op, transaction string) *string {
	return typed(envelopeOf(name, row),
		fmt.Sprintf(
			`{"before":%s,"after":%s,"source":{"version":"3.6.3","ts_ms":1600000000001,"snapshot":null,"db":"d","table":"t","txId":7,"lsn":42},`+
				`"transaction":%s,"op":%q,"ts_ms":1600000000002,"ts_us":1600000000002003}`, before, after, transaction, op))
}

// changes are records that topics of Debezium have, and some that they have not.
func changes() []question {
	const name, tx = "p.s.t.Envelope", `{"id":"9:8","total_order":1,"data_collection_order":2}`
	key := typed(structOf("p.s.t.Key", false, named("id", number), named("b", textual)), `{"id":1,"b":"x"}`)
	var all []question
	add := func(value *string) { all = append(all, question{Schema: true, Key: key, Value: value}) }
	add(change(name, row(), "null", oneRow, "c", tx))
	add(change(name, row(), "null", otherRow, "r", "null"))
	add(change(name, row(), otherRow, oneRow, "u", "null"))
	add(change(name, row(), oneRow, "null", "d", tx))
	add(change(name, row(), "null", "null", "t", "null"))
	add(change(name, row(), "null", "null", "d", "null"))
	add(nil)
	add(change(name, row(named("__deleted", textual)), "null", oneRow[:len(oneRow)-1]+`,"__deleted":"x"}`, "c", tx))
	add(change(name, row(named("__op", textual)), oneRow[:len(oneRow)-1]+`,"__op":"x"}`, "null", "d", tx))
	add(change("p.s.t.Enveloped", row(), "null", oneRow, "c", tx))
	add(typed(structOf("io.debezium.connector.common.Heartbeat", false, named("ts_ms", long)), `{"ts_ms":5}`))
	add(typed(row(), oneRow))
	add(typed(must, `"text"`))
	add(typed(structOf("x.Envelope", false, named("a", textual)), `{"a":"b"}`))
	all = append(all,
		question{Key: new(`{"id":1}`), Value: new(`{"before":null,"after":{"id":1},"op":"c"}`)},
		question{Key: new(`"k"`), Value: new(`"text"`)},
		question{Schema: true, Value: change(name, row(), otherRow, oneRow, "u", "null")},
	)
	return all
}

func unwrapQuestions() []question {
	const class = "io.debezium.transforms.ExtractNewRecordState"
	configs := []map[string]string{set()}
	for _, mode := range []string{"drop", "tombstone", "rewrite", "rewrite-with-tombstone", "delete-to-tombstone",
		"REWRITE", " rewrite ", "none", ""} {
		configs = append(configs, set("delete.tombstone.handling.mode", mode))
	}
	for _, fields := range []string{"op", "op,ts_ms,table", " op , source.ts_ms ", "source.ts_ms:at,op:OP",
		"transaction.id", "id", "total_order,data_collection_order", "lsn,txId,snapshot",
		"nosuch", "source.nosuch", "before.id", "after.b", "op:", ":x", "op:a:b", "op,op", "b", "", ",", "source.table.name",
		"ts_us,ts_ns", "version", "db:b"} {
		configs = append(configs, set("add.fields", fields), set("add.headers", fields),
			set("add.fields", fields, "add.fields.prefix", "", "delete.tombstone.handling.mode", "rewrite"),
			set("add.headers", fields, "add.headers.prefix", "", "delete.tombstone.handling.mode", "rewrite-with-tombstone"))
	}
	configs = append(configs, set("add.fields", "op", "add.fields.prefix", "x."),
		set("add.fields", "op,table", "add.headers", "op,table", "add.headers.prefix", " h_ "),
		set("add.fields", "op", "replace.null.with.default", "false"),
		set("replace.null.with.default", "false", "delete.tombstone.handling.mode", "rewrite"),
		set("delete.tombstone.handling.mode", "rewrite", "add.fields", "op,table,lsn,source.ts_ms", "add.headers", "db"))
	configs = append(configs, set("drop.fields.header.name", " gone "),
		set("replace.null.with.default", " false ", "add.fields", "op"), set("add.fields", "op", "add.fields.prefix", " "))
	for _, field := range []string{"to", " to ", "b", "nosuch", "id", "list", "req"} {
		configs = append(configs, set("route.by.field", field),
			set("route.by.field", field, "delete.tombstone.handling.mode", "rewrite"))
	}
	// Before Debezium 2.5 two keys said what the one says now; later ones ignore them, ours does not.
	earlier := []map[string]string{set("drop.tombstones", "false"), set("drop.tombstones", "true")}
	for _, mode := range []string{"drop", "rewrite", "none", "NONE", "other"} {
		earlier = append(earlier, set("delete.handling.mode", mode),
			set("delete.handling.mode", mode, "drop.tombstones", "false"),
			set("delete.handling.mode", mode, "drop.tombstones", "false", "add.headers", "db,op"))
	}
	old := each(class, earlier, changes())
	for i := range old {
		old[i].Release = "2.4"
	}
	return slices.Concat(each(class, configs, changes()), dropQuestions(class), old)
}

// dropQuestions are about the header that names fields to leave out.
func dropQuestions(class string) []question {
	configs := []map[string]string{}
	for _, keep := range []string{"", "true", "false"} {
		for _, fromKey := range []string{"false", "true"} {
			c := set("drop.fields.header.name", "gone", "drop.fields.from.key", fromKey)
			if keep != "" {
				c["drop.fields.keep.schema.compatible"] = keep
			}
			configs = append(configs, c)
		}
	}
	configs = append(configs, set("drop.fields.header.name", "gone", "replace.null.with.default", "false",
		"drop.fields.keep.schema.compatible", "false"))
	var records []question
	for _, gone := range []*string{
		typed(texts, `["b","req"]`), typed(texts, `["id","b","to"]`), typed(texts, `["nosuch"]`), typed(texts, `[]`),
		typed(texts, `null`),
		typed(textual, `"b"`), typed(`{"type":"array","items":{"type":"int32","optional":true},"optional":true}`, `[1]`), nil,
	} {
		for _, q := range changes()[:4] {
			if gone != nil {
				q.Headers = [][2]string{{"other", *typed(textual, `"o"`)}, {"gone", *gone}}
			}
			records = append(records, q)
		}
	}
	return each(class, configs, records)
}

func outboxQuestions() []question {
	const class = "io.debezium.transforms.outbox.EventRouter"
	micro := `{"type":"int64","optional":true,"name":"io.debezium.time.MicroTimestamp","version":1}`
	fields := []string{named("id", `{"type":"string","optional":false,"name":"io.debezium.data.Uuid","version":1}`),
		named("aggregatetype", must), named("aggregateid", must), named("type", textual),
		named("payload", `{"type":"string","optional":true,"name":"io.debezium.data.Json","version":1}`), named("at", micro),
		named("v", number), named("part", number), named("tenant", textual),
		`{"type":"string","optional":true,"default":"dflt","field":"b"}`, named("big", long),
		named("zoned", `{"type":"string","optional":true,"name":"io.debezium.time.ZonedTimestamp","version":1}`),
		named("ms", `{"type":"int64","optional":true,"name":"io.debezium.time.Timestamp","version":1}`),
		named("ns", `{"type":"int64","optional":true,"name":"io.debezium.time.NanoTimestamp","version":1}`)}
	outbox := structOf("p.s.outbox.Value", true, fields...)
	rowOf := func(payload string) string {
		return fmt.Sprintf(
			`{"id":"0f3e","aggregatetype":"Order","aggregateid":"77","type":"Created","payload":%s,"at":1500000000123456,"v":2,"part":5,"tenant":null,"b":null,"big":9000000000,`+
				`"zoned":"2020-01-02T03:04:05Z","ms":1500000000777,"ns":1500000000888999888}`, payload)
	}
	record := func(payload string) question {
		return question{Schema: true, Key: typed(structOf("p.s.outbox.Key", false, named("id", must)), `{"id":"0f3e"}`),
			Value: change("p.s.outbox.Envelope", outbox, "null", rowOf(payload), "c", "null")}
	}
	records := []question{record(`"{\"a\":1,\"s\":\"x\",\"n\":null,\"deep\":{\"l\":[1,2],\"f\":1.5}}"`), record("null"),
		record(`""`), record(`"text"`)}
	for _, op := range [][3]string{{rowOf(`"{}"`), rowOf(`"{}"`), "u"}, {rowOf(`"{}"`), "null", "d"},
		{"null", rowOf(`"{}"`), "r"}, {"null", "null", "t"}} {
		q := record("null")
		q.Value = change("p.s.outbox.Envelope", outbox, op[0], op[1], op[2], "null")
		records = append(records, q)
	}
	later := record(`"{\"a\":2}"`)
	later.First = records[0].Value
	with := func(v string) question {
		q := record(`"p"`)
		q.Value = new(strings.Replace(*q.Value, `"aggregatetype":"Order"`, `"aggregatetype":"`+v+`"`, 1))
		return q
	}
	first := with("Customer")
	first.First = record(`"p"`).Value
	records = append(records, later, first, with(""), with("a b/c"), question{Schema: true},
		question{Schema: true, Value: typed(must, `"x"`)},
		question{Schema: true, Value: typed(structOf("io.debezium.connector.common.Heartbeat", false, named("ts_ms", long)),
			`{"ts_ms":5}`)}, question{Value: new(`{"after":{"id":1},"op":"c"}`)})
	binary := record(`"AQI="`)
	binary.Value = change("p.s.outbox.Envelope", structOf("p.s.outbox.Value", true,
		append(append(fields[:4:4], named("payload", `{"type":"bytes","optional":true}`)), fields[5:]...)...), "null",
		rowOf(`"AQI="`), "c", "null")
	records = append(records, binary)

	configs := []map[string]string{set()}
	for _, placement := range []string{"type:header", "type:envelope", "type:header:eventType,tenant:header",
		"type:envelope:kind,tenant:envelope,b:envelope", "part:partition", "big:partition", "type:partition",
		"tenant:partition",
		" type : header : x ", "type:HEADER", "type:elsewhere", "type", "type:header:a:b", "nosuch:header", "nosuch:envelope",
		"id:envelope", "b:header,part:envelope,type:header", "type:header,type:envelope", "payload:header",
		"at:header,ms:envelope"} {
		configs = append(configs, set("table.fields.additional.placement", placement),
			set("table.fields.additional.placement", placement, "table.fields.additional.error.on.missing", "false",
				"table.field.event.schema.version", "v"))
	}
	for _, key := range []string{"aggregateid", "id", "part", "tenant", "nosuch", "payload", "b", ""} {
		configs = append(configs, set("table.field.event.key", key))
	}
	for _, id := range []string{"part", "tenant", "b", "nosuch", ""} {
		configs = append(configs, set("table.field.event.id", id))
	}
	for _, at := range []string{"at", "ms", "ns", "zoned", "big", "tenant", "part", "nosuch"} {
		configs = append(configs, set("table.field.event.timestamp", at))
	}
	for _, payload := range []string{"type", "tenant", "b", "v", "at", "nosuch", ""} {
		configs = append(configs, set("table.field.event.payload", payload),
			set("table.field.event.payload", payload, "table.expand.json.payload", "true",
				"route.tombstone.on.empty.payload", "true"))
	}
	for _, version := range []string{"v", "part", "tenant", "big", "nosuch"} {
		configs = append(configs, set("table.field.event.schema.version", version, "table.fields.additional.placement",
			"type:envelope"), set("table.field.event.schema.version", version))
	}
	for _, by := range []string{"type", "tenant", "part", "nosuch", "b", ""} {
		configs = append(configs, set("route.by.field", by))
	}
	for _, r := range [][2]string{{"(?<routedByValue>.*)", "ev.${routedByValue}"}, {"(.*)", "$1-x"}, {"(.*)der", "$1"},
		{"Cust.*", "c"}, {"(?<x>.*)", "${y}"}, {"(", "x"}, {"", "x"}, {"(.*)", ""}, {".*", "${routedByValue}"},
		{"(.*)", "$2"}} {
		configs = append(configs, set("route.topic.regex", r[0], "route.topic.replacement", r[1]))
	}
	for _, b := range []string{"warn", "error", "fatal", "FATAL", "other", ""} {
		configs = append(configs, set("table.op.invalid.behavior", b))
	}
	configs = append(configs, set("route.topic.replacement", "all"), set("route.tombstone.on.empty.payload", "true"),
		set("table.expand.json.payload", "true"), set("table.expand.json.payload", "true", "table.json.payload.null.behavior",
			"optional_bytes"),
		set("table.expand.json.payload", "true", "table.json.payload.null.behavior", "other"),
		set("table.expand.json.payload", "true", "table.fields.additional.placement", "type:envelope,part:partition"),
		set("table.expand.json.payload", "yes"),
		set("table.fields.additional.error.on.missing", "x"),
		set("table.expand.json.payload", "true", "route.tombstone.on.empty.payload", "true"))
	configs = append(configs, set("table.field.event.key", " id "), set("route.by.field", "type "),
		set("route.topic.replacement", " x "), set("table.expand.json.payload", " true "),
		set("table.op.invalid.behavior", " fatal "),
		set("route.topic.regex", " (.*) ", "route.topic.replacement", "$1"),
		set("table.fields.additional.placement", " type:header , part:partition "))
	all := each(class, configs, records)

	var payloads []question
	for _, payload := range []string{`{}`, `[1,"x"]`, `{"a":[]}`, `{"a":[{"x":1},{"y":2}]}`, `{"a":[1,2.5]}`,
		`{"a":[null,1]}`, `{"a":{"b":{}}}`,
		` {"a":1}`, `{"a":1`, `{"a":1,"a":2}`, `{"a":12345678901}`, `{"a":1.5e3,"b":-0.0,"c":1e400}`, `{"a":true,"b":false}`,
		`{"a":"\u00e9\ud83d\ude00"}`, `{"a b":1,"c.d":2,"":3}`,
		`"s"`, `1`, `null`, `true`, `{"a":[[],[1]]}`, `{"a":[3000000000,1]}`, `{"a":null}`, `{'a':1}`, `{a:1}`, `{"a":NaN}`,
		`{"a":01}`, `{"a":.5}`, `{"a":[true,null,false]}`} {
		payloads = append(payloads, record(fmt.Sprintf("%q", payload)))
		if strings.Contains(payload, `\u`) {
			payloads[len(payloads)-1] = record(`"` + strings.ReplaceAll(strings.ReplaceAll(payload, `\`, `\\`), `"`, `\"`) + `"`)
		}
	}
	return append(all, each(class, []map[string]string{
		set("table.expand.json.payload", "true"), set("table.expand.json.payload", "true", "table.json.payload.null.behavior",
			"optional_bytes", "route.tombstone.on.empty.payload", "true"),
		set("table.expand.json.payload", "true", "table.fields.additional.placement", "type:envelope"),
	}, payloads)...)
}

func logicalRouterQuestions() []question {
	var all []question
	var records []question
	for _, of := range []string{"srv.s.shard_1", "srv.s.other-2", "1.a.shard_x"} {
		for _, i := range []int{0, 2, 3, 6, 9, 10, 11, 12, 14, 16} {
			q := changes()[i]
			q.Of = of
			records = append(records, q)
		}
	}
	configs := []map[string]string{set(), set("topic.regex", "(.*)shard_(.*)"),
		set("topic.regex", "(", "topic.replacement", "x"), set("topic.regex", "", "topic.replacement", "x"),
		set("topic.regex", "(.*)shard_(.*)", "topic.replacement", ""),
		set("topic.regex", " (.*)shard_(.*) ", "topic.replacement", " x "),
		set("topic.regex", "(.*)shard_(.*)", "topic.replacement", " x ")}
	for _, more := range [][]string{nil, {"key.enforce.uniqueness", "false"}, {"key.field.name", "shard"},
		{"key.field.name", "id"}, {"key.field.regex", "(.*)_(.*)", "key.field.replacement", "$2"},
		{"key.field.regex", "nosuch", "key.field.replacement", "x"},
		{"key.field.regex", "(.*)_(.*)"}, {"key.field.regex", "(", "key.field.replacement", "x"},
		{"key.field.replacement", "x"}, {"schema.name.adjustment.mode", "avro"},
		{"schema.name.adjustment.mode", "avro_unicode"}, {"schema.name.adjustment.mode", "other"},
		{"key.enforce.uniqueness", " false "}, {"key.field.name", " k "}, {"schema.name.adjustment.mode", " avro "},
		{"key.field.regex", " (.*)_(.*) ", "key.field.replacement", " $2 "}, {"logical.table.cache.size", "1"},
		{"logical.table.cache.size", "0"}, {"key.enforce.uniqueness", "x"}, {"key.field.name", ""},
		{"key.field.regex", "", "key.field.replacement", ""}} {
		configs = append(configs,
			set(append([]string{"topic.regex", "(.*)shard_(.*)", "topic.replacement", "$1all-$2 é"}, more...)...),
			set(append([]string{"topic.regex", "(.*)s.(.*)", "topic.replacement", "$2"}, more...)...))
	}
	for _, class := range []string{"ByLogicalTableRouter"} {
		all = append(all, each("io.debezium.transforms."+class, configs, records)...)
	}
	return all
}

func debeziumQuestions() []question {
	return append(append(unwrapQuestions(), outboxQuestions()...), logicalRouterQuestions()...)
}

// headerQuestions are about the transforms of headers.
func headerQuestions() []question {
	var records []question
	for _, q := range changes()[:1] {
		q.Headers = [][2]string{{"h", *typed(textual, `"first"`)}, {"n", *typed(number, "5")}, {"h", *typed(textual, "null")}}
		records = append(records, q, question{Value: new(`{"a":1,"b":{"c":2}}`)}, question{Value: new(`"x"`)}, question{})
	}
	var configs []map[string]string
	for _, literal := range []string{"text", "1", "-129", "70000", "3000000000", "99999999999999999999", "1.50", "1e400",
		"true", "TRUE", "null", "", " ", "\"quoted\"", "2020-01-02", "2020-01-02T03:04:05.678Z", "12:13:14.555Z", "[1,",
		"a,b", "é", "0x10", "1.", ".5", "+1", "NaN", "[true,null]", "-.5", "1e3", "1E39", "0.1", "123456789.123", " 5 ",
		"5 5", "-9223372036854775808", "9223372036854775808", "1e-7", "12e", "2020-1-2", "127", "128", "-0", "007"} {
		configs = append(configs, set("header", "x", "value.literal", literal))
	}
	configs = append(configs, set("header", "x"), set("value.literal", "x"), set("header", "", "value.literal", "x"),
		set("header", "h", "value.literal", "again"))
	all := each("org.apache.kafka.connect.transforms.InsertHeader", configs, records[:1])
	all = append(all, each("org.apache.kafka.connect.transforms.DropHeaders",
		[]map[string]string{set("headers", "h"), set("headers", "n,h"), set("headers", " n , nosuch "), set("headers", ""),
			set(), set("headers", "H")}, records)...)

	row := question{Schema: true, Key: typed(structOf("k", false, named("a", textual), named("id", number)),
		`{"a":"x","id":1}`), Value: typed(row(), oneRow), Headers: [][2]string{{"h", *typed(textual, `"first"`)}}}
	plain := question{Key: new(`{"a":"x","n":null}`), Value: new(`{"id":5,"b":[1],"to":null}`)}
	froms := []map[string]string{set(), set("fields", "id"), set("fields", "id", "headers", "i"),
		set("fields", "id", "headers", "i", "operation", "nosuch")}
	for _, operation := range []string{"copy", "move", "MOVE", "drop", ""} {
		for _, fields := range [][2]string{{"id", "i"}, {"id,b", "i,j"}, {"id", "i,j"}, {"id,b", "i"}, {"nosuch", "x"},
			{"a,id", "h,h"}, {"list", "l"}, {"dec", "d"}, {"", ""}, {"id", ""}, {"id,id", "x,y"}} {
			froms = append(froms, set("fields", fields[0], "headers", fields[1], "operation", operation))
		}
	}
	froms = append(froms, set("fields", "b", "headers", "x", "operation", "copy", "replace.null.with.default", "false"),
		set("fields", "id", "headers", "x", "operation", "move", "replace.null.with.default", "false"))
	for _, on := range []string{"Key", "Value"} {
		all = append(all, each("org.apache.kafka.connect.transforms.HeaderFrom$"+on, froms,
			[]question{row, plain, {}, {Schema: true, Key: typed(must, `"k"`), Value: typed(must, `"v"`)},
				{Key: new(`"k"`), Value: new(`[1]`)}})...)
		all = append(all, each("org.apache.kafka.connect.transforms.SetSchemaMetadata$"+on, []map[string]string{
			set(), set("schema.name", "n"), set("schema.version", "7"), set("schema.name", "n", "schema.version", "7"),
			set("schema.version", "x"), set("schema.version", "-1"), set("schema.version", ""),
			set("schema.name", "n", "replace.null.with.default", "false"), set("schema.version", "99999999999"),
		}, []question{row, plain, {}, {Schema: true, Key: typed(must, `"k"`), Value: typed(textual, `"v"`)}, changes()[0],
			{Schema: true, Key: typed(texts, `["a"]`), Value: typed(long, "null")},
			{Schema: true,
				Key: typed(`{"type":"int64","optional":true,"name":"org.apache.kafka.connect.data.Timestamp","version":1}`, "5"),
				Value: typed(`{"type":"string","optional":true,"doc":"d","default":"x","parameters":{"p":"q"},"name":"old"}`,
					"null")}})...)
	}
	all = append(all, each("org.apache.kafka.connect.transforms.Filter", []map[string]string{set()},
		[]question{row, plain, {}})...)
	return all
}

// connectQuestions are those about headers, and a part of the answered ones about values, with keys.
func connectQuestions(answers []answered) []question {
	all := headerQuestions()
	n := 0
	for _, a := range answers {
		class, ok := strings.CutSuffix(a.Class, "$Value")
		if !ok || strings.HasSuffix(class, "HeaderFrom") || strings.HasSuffix(class, "SetSchemaMetadata") {
			continue
		}
		if n++; n%6 == 0 {
			q := a.question
			q.Class, q.Key, q.Value = class+"$Key", q.Value, q.Key
			all = append(all, q)
		}
	}
	return all
}
