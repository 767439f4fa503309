package conformance

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
)

func asJSON(v any) []byte {
	b, err := json.Marshal(v)
	if err != nil {
		panic(err)
	}
	return b
}

// settings are the random settings of the i-th pair of a round; the first has hardly any.
func (g *generator) settings(i int) map[string]string {
	s := map[string]string{"plugin.name": "pgoutput"}
	set := func(percent int, key string, values ...string) {
		if i > 0 && g.chance(percent) {
			s[key] = g.one(values...)
		}
	}
	set(25, "plugin.name", "decoderbufs")
	if slices.ContainsFunc(g.tables, (*table).arraysInDomains) {
		delete(s, "plugin.name")
	}
	if s["plugin.name"] == "" {
		s["plugin.name"] = "pgoutput"
	}
	set(10, "snapshot.mode", "no_data", "when_needed", "always")
	set(50, "decimal.handling.mode", "precise", "double", "string")
	set(60, "time.precision.mode", "adaptive", "adaptive_time_microseconds", "connect", "isostring",
		"microseconds", "nanoseconds")
	set(50, "binary.handling.mode", "bytes", "base64", "base64-url-safe", "hex")
	set(40, "interval.handling.mode", "numeric", "string")
	set(40, "hstore.handling.mode", "json", "map")
	set(30, "include.unknown.datatypes", "true")
	set(20, "money.fraction.digits", "0", "3")
	set(20, "tombstones.on.delete", "false")
	set(50, "skipped.operations", "none", "none", "t", "c", "u", "d", "u,d")
	set(20, "skip.messages.without.change", "true")
	if s["plugin.name"] == "pgoutput" { // which alone reads by a publication
		set(30, "publish.via.partition.root", "true")
	}
	set(30, "provide.transaction.metadata", "true")
	set(20, "schema.name.adjustment.mode", "avro", "avro_unicode")
	set(20, "field.name.adjustment.mode", "avro", "avro_unicode")
	set(20, "message.key.columns", `public.*:id`, `public.t.*:c`, `.*\..*:id`)
	set(20, "column.exclude.list", `.*\.c`, `.*\.op,.*\.ts_ms`)
	set(15, "column.mask.with.5.chars", `.*\.(c|Mixed|select)`)
	set(15, "column.truncate.to.3.chars", `.*\.(payload|op|before)`)
	set(15, "column.mask.hash.SHA-256.with.salt.abc", `.*\.(ts_ms|x\$1)`)
	set(25, "column.propagate.source.type", ".*")
	set(15, "datatype.propagate.source.type", `.*\.(numeric|varchar|int4|timestamp)`)
	set(15, "unavailable.value.placeholder", "hex:ff00", "gone")
	set(15, "extended.headers.enabled", "false")
	set(10, "table.exclude.list", `public\..*1`)
	set(10, "schema.include.list", "public,s2")
	s["message.prefix.exclude.list"] = g.one("calypso\\..*", "calypso\\..*,skip.*") // marks of incremental snapshots
	set(20, "include.schema.comments", "true")
	set(20, "snapshot.fetch.size", "2")
	set(10, "event.converting.failure.handling.mode", "warn", "skip")
	set(10, "heartbeat.interval.ms", "600000")
	set(30, "value.converter.schemas.enable", "false")
	set(30, "key.converter.schemas.enable", "false")
	set(15, "value.converter.replace.null.with.default", "false")
	set(15, "value.converter.decimal.format", "numeric")
	avro := i > 0 && g.chance(60) && withAvro()
	if avro {
		g.avro(s)
	}
	for key := range s {
		if avro {
			break
		}
		for _, part := range []string{"key", "value"} {
			if strings.HasPrefix(key, part+".converter.") {
				s[part+".converter"] = "org.apache.kafka.connect.json.JsonConverter"
			}
		}
	}
	switch {
	case i == connectorsOfRound-1 && g.chance(50):
		g.signals(i, s)
	case i > 0 && g.chance(50):
		g.transforms(s)
	}
	return s
}

// signals has incremental snapshots asked for. Their records are read as they are, without schemas.
func (g *generator) signals(i int, s map[string]string) {
	for key := range s {
		if strings.Contains(key, ".converter") || strings.Contains(key, "adjustment.mode") {
			delete(s, key)
		}
	}
	for _, part := range []string{"key", "value"} {
		s[part+".converter"], s[part+".converter.schemas.enable"] = "org.apache.kafka.connect.json.JsonConverter", "false"
	}
	s["plugin.name"] = g.one("pgoutput", "pgoutput", "decoderbufs")
	s["incremental.snapshot.chunk.size"] = g.one("1", "2", "3", "1024")
	s["signal.poll.interval.ms"] = "200"
	delete(s, "schema.include.list")
	delete(s, "message.key.columns")          // rows are told apart by their keys
	delete(s, "provide.transaction.metadata") // each side has a signal table of its own
	delete(s, "skipped.operations")           // without inserts Debezium sees no signals
	s["table.exclude.list"] = `public\.signals_.*`
	if g.chance(50) {
		s["signal.enabled.channels"] = "source"
		s["signal.data.collection"] = fmt.Sprintf("public.signals_$side%d", i)
		s["incremental.snapshot.watermarking.strategy"] = g.one("insert_insert", "insert_delete")
		return
	}
	s["signal.enabled.channels"], s["read.only"] = "kafka", "true"
	s["signal.kafka.topic"], s["signal.kafka.bootstrap.servers"] = "$prefix-signals", "$brokers"
	s["plugin.name"] = "pgoutput"
}

// avro has keys and values converted to Avro, which does not take all names.
func (g *generator) avro(s map[string]string) {
	for key := range s {
		if strings.HasPrefix(key, "value.converter") || strings.HasPrefix(key, "key.converter") {
			delete(s, key)
		}
	}
	for _, part := range []string{"key", "value"} {
		s[part+".converter"] = avroConverter
		s[part+".converter.schema.registry.url"] = "$registry"
	}
	s["schema.name.adjustment.mode"] = g.one("avro", "avro_unicode")
	s["field.name.adjustment.mode"] = g.one("avro", "avro_unicode")
	if g.chance(25) {
		s["value.converter.ignore.default.for.nullables"] = "true"
	}
}

// transforms adds a chain of transforms.
func (g *generator) transforms(s map[string]string) {
	add := func(name, class string, options ...string) {
		if s["transforms"] != "" {
			s["transforms"] += ","
		}
		s["transforms"] += name
		s["transforms."+name+".type"] = class
		for i := 0; i+1 < len(options); i += 2 {
			s["transforms."+name+"."+options[i]] = options[i+1]
		}
	}
	if g.chance(35) {
		g.outboxRouter(s, add)
	}
	if g.chance(70) {
		add("unwrap", "io.debezium.transforms.ExtractNewRecordState")
		option := func(percent int, key string, values ...string) {
			if g.chance(percent) {
				s["transforms.unwrap."+key] = g.one(values...)
			}
		}
		option(40, "delete.tombstone.handling.mode", "drop", "tombstone", "rewrite", "rewrite-with-tombstone",
			"delete-to-tombstone")
		option(40, "add.fields", "op,table,lsn,source.ts_ms", "op", "op:operation,transaction.id,source.snapshot",
			"table,db,name")
		option(40, "add.headers", "op,table", "source.db,op:o", "transaction.id,op,schema")
		option(20, "add.fields.prefix", "", "m_")
		option(20, "drop.fields.header.name", "fields")
		option(20, "replace.null.with.default", "false")
	}
	const apache = "org.apache.kafka.connect.transforms."
	if g.chance(15) {
		s["predicates.table.type"] = apache + "predicates.TopicNameMatches"
		s["predicates"] = strings.TrimPrefix(s["predicates"]+",table", ",")
		s["predicates.table.pattern"] = g.one(`.*\.public\..*`, `.*\.s2\..*|.*[0-4]`)
		switch g.IntN(4) {
		case 0:
			add("content", apache+"Filter", "predicate", "table")
		case 1:
			add("content", apache+"RegexRouter", "predicate", "table", "regex", `([^.]*)\.(.*)`, "replacement", "$1.routed.$2")
		case 2:
			add("content", apache+"InsertField$Value", "predicate", "table", "static.field", "added", "static.value", "x",
				"topic.field", "the_topic", "negate", g.one("true", "false"))
		case 3:
			add("content", apache+"SetSchemaMetadata$Value", "predicate", "table", "schema.name", "set.Name", "schema.version",
				"7")
		}
	}
	if g.chance(25) {
		add("header", "org.apache.kafka.connect.transforms.InsertHeader", "header", "h", "value.literal",
			g.one("x", "1", "true", "2020-01-01"))
	}
	if g.chance(20) {
		add("logical", "io.debezium.transforms.ByLogicalTableRouter", "topic.regex", `(.*)\.public\.(t|order).*`,
			"topic.replacement", "$1.merged")
	}
	if g.chance(20) {
		add("nohead", "org.apache.kafka.connect.transforms.DropHeaders", "headers",
			g.one("__debezium.context.taskId", "__debezium.newkey"))
	}
}

// outboxRouter adds EventRouter for the table of events alone.
func (g *generator) outboxRouter(s map[string]string, add func(name, class string, options ...string)) {
	add("outbox", "io.debezium.transforms.outbox.EventRouter", "predicate", "outbox",
		"route.topic.replacement", "$prefix."+g.one("${routedByValue}", "events.${routedByValue}"))
	option := func(percent int, key string, values ...string) {
		if g.chance(percent) {
			s["transforms.outbox."+key] = g.one(values...)
		}
	}
	option(30, "table.field.event.key", "aggregateid", "id", "ver")
	option(30, "table.field.event.timestamp", "at")
	option(30, "table.field.event.schema.version", "ver")
	option(60, "table.fields.additional.placement", "type:header", "type:header:event_type,part:partition",
		"type:envelope,ver:envelope:version", "ver:header", "at:envelope")
	option(40, "table.expand.json.payload", "true")
	option(30, "table.json.payload.null.behavior", "optional_bytes", "ignore")
	option(30, "route.tombstone.on.empty.payload", "true")
	option(20, "route.by.field", "type")
	option(20, "table.op.invalid.behavior", "warn", "error")
	s["predicates.outbox.type"] = "org.apache.kafka.connect.transforms.predicates.TopicNameMatches"
	s["predicates.outbox.pattern"] = `.*\.public\.outboxevent`
	if s["predicates"] != "" {
		s["predicates"] += ","
	}
	s["predicates"] += "outbox"
}
