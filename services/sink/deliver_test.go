package sink

import (
	"context"
	"fmt"
	"maps"
	"math/rand/v2"
	"net/http"
	"os"
	"regexp"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/calypso-cdc/calypso/services/sink/internal/batch"
	"github.com/calypso-cdc/calypso/services/sink/internal/deadletter"
	"github.com/calypso-cdc/calypso/services/sink/internal/spec"

	sinkv1 "github.com/calypso-cdc/calypso/gen/calypso/sink/v1"
	"github.com/calypso-cdc/calypso/libs/connector"
	"github.com/calypso-cdc/calypso/libs/kusto"
	"github.com/calypso-cdc/calypso/libs/testenv"

	"github.com/calypso-cdc/calypso/services/sink/internal/status"
)

func TestOrdersComeIntoTheTableOnce(t *testing.T) {
	s := newFixture(t, 2, nil)
	s.produce(1, 2001, 2)
	r := s.start()
	s.holds(2001)
	s.commits(0, 1000)
	s.commits(1, 1000)
	s.produce(2001, 2011, 2)
	s.holds(2011)
	got, err := s.service(r).GetSink(t.Context(), &sinkv1.GetSinkRequest{Connector: s.name})
	if err != nil {
		t.Fatal(err)
	}
	var rows int64
	for _, p := range got.Sink.Partitions {
		rows += p.RowsIngested
	}
	// The orders' transactions were committed in 2023.
	if committed := got.Sink.CommitToQueryableLatency; rows < 2000 || committed.Count != rows ||
		got.Sink.ProduceToQueryableLatency.Count != rows || committed.P50.AsDuration() < 24*time.Hour {
		t.Errorf("%d rows have the ages %v", rows, got.Sink)
	}
	if err := r.stop(); err != nil {
		t.Fatal(err)
	}
}

func TestAMissingTableOrMappingFailsWithTheCommandThatMakesIt(t *testing.T) {
	for name, c := range map[string]struct{ old, new, want string }{
		"table":    {"'table': 'Orders_", "'table': 'Missing_", ".create table ['Missing_"},
		"mapping":  {"'mapping':'M'", "'mapping':'None'", "ingestion json mapping 'None'"},
		"database": {"'db': 'shop'", "'db': 'nowhere'", "nowhere"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newFixture(t, 1, nil)
			s.config["kusto.tables.topics.mapping"] = strings.Replace(s.config["kusto.tables.topics.mapping"], c.old, c.new, 1)
			if err := s.start().failure(t); !strings.Contains(err.Error(), c.want) || !strings.Contains(err.Error(), s.topic) {
				t.Errorf("%v, want %q in it", err, c.want)
			}
		})
	}
}

// What is ahead of a record at fault is delivered although it was fetched with it, as a Kafka Connect
// task puts what was converted before: the offset stands at the record, which is all that is left to
// deal with.
func TestARowThatCannotBeDeliveredStopsTheTaskAtItsPositionWithAllThatIsAheadInTheTable(t *testing.T) {
	text := map[string]string{"values.check": "off", "transforms": "",
		"value.converter": "org.apache.kafka.connect.storage.StringConverter"}
	for name, c := range map[string]struct {
		with   map[string]string
		record *kgo.Record
	}{
		"a number too large": {nil, poison(20)},
		"no JSON":            {nil, &kgo.Record{Value: []byte(`{"before":`)}},
		"a transform": {map[string]string{"transforms": "number", "value.converter.schemas.enable": "false",
			"transforms.number.type": "org.apache.kafka.connect.transforms.Cast$Value",
			"transforms.number.spec": "amount:int64"},
			&kgo.Record{Value: []byte(`{"orderid":"20","amount":"x"}`)}},
		"a name that no column can have": {map[string]string{"auto.evolve": "true"}, &kgo.Record{Value: []byte(
			`{"schema":{"type":"struct","fields":[{"type":"string","field":"orderid"},{"type":"string","field":""}]},"payload":{"orderid":"20","":"x"}}`)}},
		"refused by the cluster": {text, &kgo.Record{Value: []byte(`{"orderid":"20","amount":`)}},
		"refused by the cluster in one batch": {with(text, "flush.size.bytes", "1000000", "flush.max.bytes", "1000000"),
			&kgo.Record{Value: []byte(`{"orderid":"20","amount":`)}},
		"refused by the cluster, at least once": {with(text, "delivery.guarantee", "at_least_once", "flush.size.bytes", "1000000",
			"flush.max.bytes", "1000000"), &kgo.Record{Value: []byte(`{"orderid":"20","amount":`)}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newFixture(t, 1, c.with)
			rows := func(from, to int) {
				if _, plain := c.with["transforms"]; !plain {
					s.produce(from, to, 1)
					return
				}
				for id := from; id < to; id++ {
					s.send(&kgo.Record{Value: fmt.Appendf(nil, `{"orderid":"%d","amount":%d}`, id, id)})
				}
			}
			rows(1, 20)
			s.send(c.record)
			rows(21, 23)
			err := s.start().failure(t)
			if !strings.Contains(err.Error(), "offset 19 of partition 0 of "+s.topic) {
				t.Errorf("%v does not say where", err)
			}
			s.commits(0, 19)
			if c.with["delivery.guarantee"] == "at_least_once" {
				// A queue that delivers a message twice may have rows repeated then.
				s.answers(s.table+" | distinct orderid | count", "19")
				s.config["behavior.on.error"] = "IGNORE"
				s.start()
				s.answers(s.table+" | distinct orderid | count", "21")
				s.commits(0, 22)
				return
			}
			s.holds(20)
			s.config["behavior.on.error"] = "IGNORE"
			s.start()
			s.holdsIDs(func(yield func(int) bool) {
				for id := 1; id < 23; id++ {
					if id != 20 && !yield(id) {
						return
					}
				}
			})
			s.commits(0, 22)
		})
	}
}

// with is settings with some otherwise, as keys and values in turn.
func with(settings map[string]string, otherwise ...string) map[string]string {
	settings = maps.Clone(settings)
	for i := 0; i < len(otherwise); i += 2 {
		settings[otherwise[i]] = otherwise[i+1]
	}
	return settings
}

func TestARowThatTheClusterRefusesIsFoundByHalvingAndSetAside(t *testing.T) {
	s := newFixture(t, 1, map[string]string{"values.check": "off",
		"value.converter": "org.apache.kafka.connect.storage.StringConverter", "flush.size.bytes": "100000",
		"flush.max.bytes": "100000"})
	delete(s.config, "transforms")
	delete(s.config, "transforms.unwrap.type")
	dead := s.topic + "-dead"
	s.config["misc.deadletterqueue.topic.name"], s.config["misc.deadletterqueue.bootstrap.servers"], s.config["behavior.on.error"] = dead, s.brokers, "LOG"
	var records []*kgo.Record
	for id := 1; id < 100; id++ {
		value := fmt.Sprintf(`{"orderid":"%d","amount":%d}`, id, id)
		if id == 37 || id == 38 || id == 90 {
			value = fmt.Sprintf(`{"orderid":"%d","amount":`, id)
		}
		records = append(records, &kgo.Record{Key: []byte(fmt.Sprint(id)), Value: []byte(value)})
	}
	s.send(records...)
	s.start()
	s.holdsIDs(func(yield func(int) bool) {
		for id := 1; id < 100; id++ {
			if id != 37 && id != 38 && id != 90 && !yield(id) {
				return
			}
		}
	})
	for i, r := range s.letters(dead, 3) {
		if want := []string{"37", "38", "90"}[i]; string(r.Key) != want || header(r, deadletter.HeaderMessage) == "" {
			t.Errorf("dead letter %d has key %s and reason %q, want key %s", i, r.Key, header(r, deadletter.HeaderMessage), want)
		}
	}
	s.commits(0, 99)
}

func TestStreamedAndInlineRowsComeIntoTheTable(t *testing.T) {
	for _, mode := range []spec.Mode{spec.ModeStreaming, spec.ModeAdaptive, spec.ModeInline} {
		t.Run(string(mode), func(t *testing.T) {
			t.Parallel()
			s := newFixture(t, 1, map[string]string{"ingestion.mode": string(mode)})
			if mode != spec.ModeInline {
				s.manage(".alter table " + s.table + " policy streamingingestion enable")
			}
			s.produce(1, 500, 1)
			r := s.start()
			s.holds(500)
			s.commits(0, 499)
			if g := r.task.spec.Guarantee(); strings.HasPrefix(g, "exactly once") != (mode == spec.ModeInline) {
				t.Error(g)
			}
		})
	}
}

func TestATableWithoutStreamingPolicyTakesStreamedTopicsQueued(t *testing.T) {
	s := newFixture(t, 1, nil)
	s.config["kusto.tables.topics.mapping"] = strings.Replace(s.config["kusto.tables.topics.mapping"], "'mapping':'M'",
		"'mapping':'M','streaming':'true'", 1)
	s.manage(".alter table " + s.table + " policy streamingingestion disable")
	s.produce(1, 50, 1)
	s.start()
	s.holds(50) // also where the service ingests what is queued a second time, which the tag tells it
	s.commits(0, 49)
	if tags := servers.adx.tags(t, s.table); len(tags) == 0 {
		t.Error("what was queued has no tags")
	}
}

const withKey = `{"type":"struct","name":"s.retail.items.Envelope","fields":[{"field":"after","type":"struct","fields":[{"field":"id","type":"int32"},{"field":"name","type":"string"},{"field":"price","type":"bytes","name":"org.apache.kafka.connect.data.Decimal","parameters":{"scale":"2","connect.decimal.precision":"10"}},{"field":"day","type":"int32","name":"io.debezium.time.Date"}%s]}]}`

func change(more, before, after, op string, lsn int) []byte {
	return []byte(fmt.Sprintf(`{"schema":`+withKey+
		`,"payload":{"before":%s,"after":%s,"source":{"lsn":%d,"txId":7,"ts_us":1700000000000000},"op":"%s"}}`, more, before,
		after, lsn, op))
}

func TestATableOfChangesIsMadeAndItsCurrentStateFollows(t *testing.T) {
	s := newFixture(t, 1, map[string]string{"auto.create": "true", "auto.evolve": "true", "table.form": "changes",
		"current.state": "true"})
	s.intoItems()
	s.config["kusto.tables.topics.mapping"] = fmt.Sprintf(
		`[{"topic":"%s","db":"shop","table":"%s","format":"json","mapping":"auto"}]`, s.topic, s.table)
	key := func(id int) []byte {
		return []byte(fmt.Sprintf(`{"schema":{"type":"struct"},"payload":{"id":%d}}`, id))
	}
	s.send(
		&kgo.Record{Key: key(1), Value: change("", "null", `{"id":1,"name":"a","price":"AMg=","day":19000}`, "c", 10)},
		&kgo.Record{Key: key(2), Value: change("", "null", `{"id":2,"name":"b","price":"AMg=","day":19000}`, "c", 11)},
		&kgo.Record{Key: key(3), Value: change("", "null", `{"id":3,"name":"c","price":null,"day":null}`, "c", 12)},
		&kgo.Record{Key: key(1), Value: change("", "null", `{"id":1,"name":"a2","price":"AMk=","day":19001}`, "u", 13)},
		&kgo.Record{Key: key(2), Value: change("", `{"id":2,"name":"","price":null,"day":null}`, "null", "d", 14)},
		&kgo.Record{Key: key(2)},
	)
	r := s.start()
	s.answers(s.table+
		"_current() | order by id asc | project id, name, tostring(price), format_datetime(day, 'yyyy-MM-dd')",
		"1 a2 2.01 2022-01-09; 3 c  ")
	s.answers(s.table+" | order by _seq asc | project id, _op, _lsn, _seq, _tx, _deleted",
		"1 c 10 0 7 false; 2 c 11 1 7 false; 3 c 12 2 7 false; 1 u 13 3 7 false; 2 d 14 4 7 true")
	s.send(&kgo.Record{Key: key(3), Value: change(`,{"field":"stock","type":"int64"}`, "null",
		`{"id":3,"name":"c","price":null,"day":null,"stock":5}`, "u", 15)})
	s.answers(s.table+"_current() | order by id asc | project id, stock", "1 ; 3 5")
	// A key that changes is a delete of the old and a row of the new.
	s.send(&kgo.Record{Key: key(3), Value: change("", `{"id":3,"name":"c","price":null,"day":null}`, "null", "d", 16)},
		&kgo.Record{Key: key(3)},
		&kgo.Record{Key: key(4), Value: change("", "null", `{"id":4,"name":"c","price":null,"day":null}`, "c", 16)})
	s.answers(s.table+"_current() | order by id asc | project id, name", "1 a2; 4 c")
	// A replay of the whole topic adds changes, and changes no state.
	if err := r.stop(); err != nil {
		t.Fatal(err)
	}
	s.forget()
	s.reset()
	// so that other batches, with other tags, are cut
	s.config["flush.size.bytes"], s.config["flush.interval.ms"] = "100", "50"
	s.start()
	s.commits(0, 10)
	s.answers(s.table+" | summarize n=count() by _seq | summarize max(n)", "2")
	s.answers(s.table+"_current() | order by id asc | project id, name", "1 a2; 4 c")
}

func TestNoColumnsTypeIsEverChanged(t *testing.T) {
	s := newFixture(t, 1, map[string]string{"auto.create": "true", "auto.evolve": "true"})
	s.intoItems()
	s.send(&kgo.Record{Value: change(`,{"field":"stock","type":"int32"}`, "null", `{"id":1,"stock":5}`, "c", 1)})
	r := s.start()
	s.answers(s.table+" | project id, stock", "1 5")
	s.send(&kgo.Record{Value: change(`,{"field":"stock","type":"string"}`, "null", `{"id":2,"stock":"many"}`, "c", 2)})
	if err := r.failure(t); !strings.Contains(err.Error(), "column stock") {
		t.Error(err)
	}
	s.answers(s.table+" | project id, stock", "1 5")
	s.answers(s.table+" | getschema | where ColumnName == 'stock' | project ColumnType", "int")
}

func TestAFieldThatNoColumnCanBeCalledAsGoesToOneOfALikeNameByTheMappingThatIsMade(t *testing.T) {
	s := newFixture(t, 1, map[string]string{"auto.create": "true", "auto.evolve": "true",
		"transforms.unwrap.add.fields": "op,lsn", "transforms.unwrap.delete.tombstone.handling.mode": "rewrite"})
	s.table = "Named_" + strings.TrimPrefix(s.table, "Orders_")
	s.config["kusto.tables.topics.mapping"] = fmt.Sprintf(
		`[{"topic":"%s","db":"shop","table":"%s","format":"json","mapping":"Auto"}]`, s.topic, s.table)
	s.send(&kgo.Record{Value: change(`,{"field":"order#","type":"int32"}`, "null",
		`{"id":1,"name":"a","order#":5}`, "c", 1)})
	s.start()
	s.answers(s.table+" | project id, name, order_, _op, _lsn, _deleted", "1 a 5 c 1 false")
	s.send(&kgo.Record{Value: change(`,{"field":"order#","type":"int32"},{"field":"__new__","type":"string"}`, "null",
		`{"id":2,"name":"b","order#":6,"__new__":"x"}`, "c", 2)})
	s.answers(s.table+" | where id == 2 | project name, order_, _op, _new_", "b 6 c x")
	s.answers(s.table+" | getschema | where ColumnName startswith '__' or ColumnName has '#' | count", "0")
}

func TestAFieldThatNoColumnCanBeCalledAsIsRefusedByNameWithTheRemedyWhereNothingMaps(t *testing.T) {
	for settings, want := range map[string][]string{"op": {"__op", "reserved", "add.fields.prefix",
		"kusto.tables.topics.mapping"}, "": {"order#", "letters"}} {
		s := newFixture(t, 1, map[string]string{"auto.create": "true", "transforms.unwrap.add.fields": settings})
		s.table = "Refused_" + strings.TrimPrefix(s.table, "Orders_")
		s.config["kusto.tables.topics.mapping"] = fmt.Sprintf(`[{"topic":"%s","db":"shop","table":"%s","format":"json"}]`,
			s.topic, s.table)
		field := `,{"field":"stock","type":"int32"}`
		if settings == "" {
			field = `,{"field":"order#","type":"int32"}`
		}
		s.send(&kgo.Record{Value: change(field, "null", `{"id":1,"name":"a","stock":5,"order#":5}`, "c", 1)})
		// A field that the configuration adds is known before there is a record.
		said := slices.ContainsFunc(checksOf(t, s.config), func(c connector.Check) bool {
			return !c.OK && strings.Contains(c.Detail, "__op") && strings.Contains(c.Remedy, "add.fields.prefix")
		})
		if said != (settings != "") {
			t.Errorf("add.fields=%s: a check says so: %t", settings, said)
		}
		err := s.start().failure(t)
		for _, text := range want {
			if !strings.Contains(err.Error(), text) {
				t.Errorf("%v does not say %q", err, text)
			}
		}
	}
}

func TestTagsAreForgottenAfterTheirRetentionUnlessAPolicySaysOtherwise(t *testing.T) {
	for own, want := range map[string]string{"": "7.00:00:00",
		`[{"TagPrefix":"ingest-by:","RetentionPeriod":"1.00:00:00"}]`: "1.00:00:00"} {
		s := newFixture(t, 1, nil)
		if own != "" {
			s.manage(".alter table " + s.table + " policy extent_tags_retention " + kusto.QuoteString(own))
		}
		s.produce(1, 5, 1)
		s.start()
		s.holds(5)
		policy := s.manage(".show table "+s.table+" policy extent_tags_retention").Value(0, "Policy")
		if !strings.Contains(policy, "ingest-by:") || !strings.Contains(policy, want) {
			t.Errorf("the policy is %s, want %s in it", policy, want)
		}
	}
}

func TestAPatternSendsEachTopicToItsTableWithTheRecordsPosition(t *testing.T) {
	s := newFixture(t, 1, map[string]string{"auto.create": "true",
		"metadata.columns": "_topic,_partition,_offset,_timestamp,_key,_headers"})
	delete(s.config, "topics")
	s.config["topics.regex"] = regexp.QuoteMeta(s.topic) + `\.\w+`
	s.config["kusto.tables.topics.mapping"] = fmt.Sprintf(
		`[{'topic':'%s\.(\w+)','regex':true,'db':'shop','table':'%s_$1','format':'json'}]`,
		regexp.QuoteMeta(s.topic), s.table)
	s.config[internalTopic] = s.topic + ".internal"
	for _, part := range []string{"a", "b", "internal"} {
		topic := s.topic + "." + part
		if made, err := kadm.NewClient(s.kafka).CreateTopic(t.Context(), 1, 1, nil, topic); err != nil || made.Err != nil {
			t.Fatal(err, made.Err)
		}
		s.send(&kgo.Record{Topic: topic, Key: []byte(`{"id":7}`), Timestamp: time.UnixMilli(1700000000000),
			Headers: []kgo.RecordHeader{{Key: "h", Value: []byte("v")}},
			Value:   change("", "null", `{"id":7,"name":"`+part+`"}`, "c", 1)})
	}
	s.start()
	for _, part := range []string{"a", "b"} {
		s.answers(s.table+"_"+part+
			" | project id, name, _topic, _partition, _offset, format_datetime(_timestamp, 'yyyy-MM-dd HH:mm:ss'), tostring(_key.id), tostring(_headers.h)",
			"7 "+part+" "+s.topic+"."+part+" 0 0 2023-11-14 22:13:20 7 v")
	}
	group, err := kadm.NewClient(s.kafka).FetchOffsets(t.Context(), "connect-"+s.name)
	if _, read := group.Lookup(s.config[internalTopic], 0); read || err != nil {
		t.Errorf("the internal topic was read: %v, %v", group, err)
	}
}

func TestTopicsThatAPatternMatchesAreReadAsTheyAreMade(t *testing.T) {
	s := newFixture(t, 1, map[string]string{"auto.create": "true", "metadata.columns": "_topic"})
	delete(s.config, "topics")
	s.config["topics.regex"] = `\Q` + s.topic + `.\E(?!tmp)[a-z&&[^x]]++`
	s.config["kusto.tables.topics.mapping"] = fmt.Sprintf(
		`[{'topic':'%s\.(?!tmp)(\w+)','regex':true,'db':'shop','table':'%s_$1','format':'json'}]`,
		regexp.QuoteMeta(s.topic), s.table)
	s.config["consumer.override.metadata.max.age.ms"] = "1000"
	admin := kadm.NewClient(s.kafka)
	make := func(part string) {
		topic := s.topic + "." + part
		if made, err := admin.CreateTopic(t.Context(), 1, 1, nil, topic); err != nil || made.Err != nil {
			t.Fatal(err, made.Err)
		}
		s.send(&kgo.Record{Topic: topic, Key: []byte(`{"id":7}`),
			Value: change("", "null", `{"id":7,"name":"`+part+`"}`, "c", 1)})
	}
	s.start()
	for _, part := range []string{"tmpa", "axb", "a", "b"} {
		// no topic is there when the connector starts, and one more each time
		make(part)
		if part == "a" || part == "b" {
			s.answers(s.table+"_"+part+" | project id, name, _topic", "7 "+part+" "+s.topic+"."+part)
		}
	}
	offsets, err := admin.FetchOffsets(t.Context(), "connect-"+s.name)
	for _, part := range []string{"tmpa", "axb"} {
		if _, read := offsets.Lookup(s.topic+"."+part, 0); read || err != nil {
			t.Errorf("topic %s was read: %v", part, err)
		}
	}
}

func TestTheWorkersOwnTopicsAreNeitherReadNorWritten(t *testing.T) {
	for key, set := range map[string]map[string]string{
		"topics": nil,
		"errors.deadletterqueue.topic.name": {"errors.tolerance": "all", "errors.deadletterqueue.topic.name": "internal",
			"errors.deadletterqueue.topic.replication.factor": "1"},
	} {
		t.Run(key, func(t *testing.T) {
			s := newFixture(t, 1, set)
			s.config[internalTopic] = s.config[key]
			if err := s.start().failure(t); !strings.Contains(err.Error(), s.config[key]+" is internal") {
				t.Errorf("error is %v", err)
			}
		})
	}
}

func TestAnyTransformRunsBeforeARowIsMade(t *testing.T) {
	s := newFixture(t, 1, map[string]string{
		"transforms": "unwrap,up", "transforms.up.type": "org.apache.kafka.connect.transforms.ReplaceField$Value",
		"transforms.up.renames":          "town:city",
		"value.converter.schemas.enable": "false", "key.converter": "org.apache.kafka.connect.storage.StringConverter",
	})
	delete(s.config, "transforms.unwrap.type")
	s.config["transforms"] = "up"
	s.send(&kgo.Record{Value: []byte(`{"orderid":"1","town":"Austin"}`)})
	s.start()
	s.holds(2)
	if got := s.query(s.table + " | project city"); got != "Austin" {
		t.Error(got)
	}
}

// A partition was aimed by its first record, though that was one that transforms do not get, or cannot read.
func TestWhatMakesNoRowDoesNotDecideWhereThePartitionIsRouted(t *testing.T) {
	s := newFixture(t, 1, map[string]string{
		"transforms": "route", "transforms.route.type": "org.apache.kafka.connect.transforms.RegexRouter",
		"transforms.route.regex": "(.*)", "transforms.route.replacement": "$1.routed",
		"value.converter.schemas.enable": "false", "key.converter": "org.apache.kafka.connect.storage.StringConverter",
		"errors.tolerance": "all", "errors.deadletterqueue.topic.replication.factor": "1",
	})
	delete(s.config, "transforms.unwrap.type")
	s.config["errors.deadletterqueue.topic.name"] = s.topic + "-dead"
	s.manage(".create table " + s.table + "_elsewhere (orderid: string)")
	s.config["kusto.tables.topics.mapping"] = fmt.Sprintf(
		`[{"topic":"%s.routed","db":"shop","table":"%s","format":"json"},{"topic":"*","db":"shop","table":"%s_elsewhere","format":"json"}]`, s.topic, s.table, s.table)
	s.send(&kgo.Record{Value: []byte(`{"orderid":`)}, &kgo.Record{Key: []byte("k")},
		&kgo.Record{Value: []byte(`{"orderid":"1"}`)})
	s.start()
	s.holds(2)
	s.commits(0, 3)
	s.letters(s.topic+"-dead", 1)
	if got := s.query(s.table + "_elsewhere | count"); got != "0" {
		t.Errorf("%s rows are elsewhere", got)
	}
}

func TestRowsCanBeSentAsCSV(t *testing.T) {
	s := newFixture(t, 1, nil)
	s.config["kusto.tables.topics.mapping"] = fmt.Sprintf("[{'topic':'%s','db':'shop','table':'%s','format':'csv'}]",
		s.topic, s.table)
	s.produce(1, 50, 1)
	s.start()
	s.holds(50)
	if got := s.query(s.table +
		" | where orderid == '7' | project custid, city, amount, format_datetime(purchase_time, 'yyyy-MM-dd HH:mm:ss')"); got != "7 New York 107 2026-01-02 03:04:05" {
		t.Error(got)
	}
}

func (s *fixture) query(text string) string {
	s.t.Helper()
	got, err := servers.adx.client.Query(s.t.Context(), "shop", text)
	if err != nil {
		s.t.Fatal(err)
	}
	var rows []string
	for _, r := range got.Rows {
		rows = append(rows, strings.Join(r, " "))
	}
	return strings.Join(rows, "; ")
}

func TestABatchWhoseStatusIsLostIsSentAgainAndNotRepeated(t *testing.T) {
	s := newFixture(t, 1, map[string]string{"ingestion.status.timeout.ms": "1000"})
	var hidden atomic.Int64
	servers.adx.inject(t, func(r *http.Request) fault {
		// The final status cannot be read for a while, as if it had been lost.
		if r.Method == http.MethodGet && strings.Contains(r.URL.Path, "PartitionKey") && hidden.Add(1) < 8 {
			return refuse
		}
		return pass
	})
	s.produce(1, 100, 1)
	s.start()
	s.holds(100)
	s.commits(0, 99)
	if hidden.Load() == 0 {
		t.Error("no status was asked for")
	}
}

func TestABatchThatCameInAfterItWasGivenUpIsNotSentAgain(t *testing.T) {
	s := newFixture(t, 1, map[string]string{"ingestion.status.timeout.ms": "1000"})
	var uploads atomic.Int64
	var given atomic.Bool
	servers.adx.inject(t, func(r *http.Request) fault {
		switch {
		case r.Method == http.MethodPut && strings.Contains(r.URL.Path, "ingestdata"):
			uploads.Add(1)
		case r.Method == http.MethodGet && strings.Contains(r.URL.Path, "PartitionKey") && !given.Load():
			return refuse
		}
		return pass
	})
	s.produce(1, 10, 1)
	r := s.start()
	r.waitRetrying(t) // its status could not be read
	given.Store(true)
	s.holds(10)
	s.commits(0, 9)
	if n := uploads.Load(); n != 1 && os.Getenv(testenv.LikeADX) == "" {
		t.Errorf("the batch was uploaded %d times", n)
	}
}

func TestABatchThatIsStillQueuedWhenAnotherWorkerSendsItAgainIsInTheTableOnce(t *testing.T) {
	for _, form := range []string{"all", "all,-skipped-as-failed"} {
		for _, overtaken := range []bool{false, true} {
			t.Run(fmt.Sprintf("%s, overtaken: %t", form, overtaken), func(t *testing.T) {
				instead(t, "--like-adx", form)
				s := newFixture(t, 1, nil)
				var messages, released atomic.Int64
				servers.adx.inject(t, func(r *http.Request) fault {
					if r.Method != http.MethodPost || !strings.HasSuffix(r.URL.Path, "/messages") {
						return pass
					}
					switch n := messages.Add(1); {
					case n == 1:
						return keep
					case n == 2 && !overtaken:
						go func() { released.Add(int64(servers.adx.release())) }()
					}
					return pass
				})
				s.produce(1, 100, 1)
				s.dies("after_enqueue")
				s.produce(100, 200, 1)
				s.start()
				s.holds(200)
				released.Add(int64(servers.adx.release()))
				s.produce(200, 300, 1)
				s.holds(300)
				s.commits(0, 299)
				if released.Load() != 1 {
					t.Errorf("%d messages were released, want the killed worker's", released.Load())
				}
			})
		}
	}
}

// ADX's word that it drops a batch by its tag is not word for two that are ingested at the same
// moment: such a pair is found, told and counted.
func TestABatchThatIsInTheTableTwiceAfterItWasSentAgainIsTold(t *testing.T) {
	s := newFixture(t, 1, nil)
	s.produce(1, 10, 1)
	s.dies("after_enqueue")
	s.holds(10)
	tags := servers.adx.tags(t, s.table)
	if len(tags) != 1 {
		t.Fatalf("the tags are %v", tags)
	}
	for tag := range tags {
		s.manage(".ingest inline into table " + s.table + " with (format='csv', tags=" + kusto.QuoteString(`["`+tag+`"]`) +
			") <|\n1,1,x,1,2026-01-02")
	}
	r := s.start()
	s.commits(0, 9)
	r.notices(t, status.BatchDoubled, s.topic, true)
	n := r.shown()[0]
	for tag := range tags {
		if !strings.Contains(n.Summary, strings.TrimPrefix(tag, "ingest-by:")) || !strings.Contains(n.Summary, "2 times") ||
			!strings.Contains(n.Remedy, ".drop extent") {
			t.Errorf("the notice is %v", n)
		}
	}
	to, _ := r.task.spec.Routes.Find(s.topic)
	reader := tableReader{client: servers.adx.client, s: r.task.spec}
	if rows, err := reader.repeated(t.Context(), to, s.topic, nil, nil); err != nil || rows == nil || *rows != 9 {
		t.Errorf("verify counts %v rows, %v", rows, err)
	}
}

// tags are the ingest-by tags of a table's extents, and how many extents have each.
func (a *adx) tags(t *testing.T, table string) map[string]int {
	t.Helper()
	extents, err := a.client.Manage(t.Context(), "shop", ".show table "+table+" extents")
	if err != nil {
		t.Fatal(err)
	}
	tags := map[string]int{}
	for i := range extents.Rows {
		for tag := range strings.FieldsSeq(extents.Value(i, "Tags")) {
			if strings.HasPrefix(tag, "ingest-by:") {
				tags[tag]++
			}
		}
	}
	return tags
}

func TestATaskThatIsStartedElsewhereTakesOverAtOnceAndFencesTheFirst(t *testing.T) {
	s := newFixture(t, 2, nil)
	first := s.start()
	s.produce(1, 200, 2)
	s.holds(200)
	s.started = 0
	s.start()
	s.produce(200, 400, 2)
	if err := first.failure(t); !strings.Contains(err.Error(), "another worker has taken over") {
		t.Error(err)
	}
	s.produce(400, 500, 2)
	s.holds(500)
}

func TestMarkersOfTransactionsAreNoRecordsThatWait(t *testing.T) {
	s := newFixture(t, 1, map[string]string{"flush.interval.ms": "100"})
	r := s.start()
	producer, err := kgo.NewClient(kgo.SeedBrokers(s.brokers), kgo.TransactionalID(s.name),
		kgo.DefaultProduceTopic(s.topic))
	if err != nil {
		t.Fatal(err)
	}
	defer producer.Close()
	for id := 1; id < 4; id++ {
		if err := producer.BeginTransaction(); err != nil {
			t.Fatal(err)
		}
		if err := producer.ProduceSync(t.Context(), &kgo.Record{Value: []byte(order(id))}).FirstErr(); err != nil {
			t.Fatal(err)
		}
		if err := producer.EndTransaction(t.Context(), kgo.TryCommit); err != nil {
			t.Fatal(err)
		}
	}
	s.holds(4)
	s.commits(0, 6) // three records and three markers
	testenv.Eventually(t, time.Minute, "nothing to wait", func(context.Context) error {
		var waiting int64
		r.task.o.Registry.EachLag(func(_ string, _ batch.Source, lag int64) { waiting += lag })
		if waiting != 0 {
			return fmt.Errorf("%d offsets are said to wait", waiting)
		}
		return nil
	})
}

func TestDeadLettersGoToBrokersOfTheirOwnWithTheirOwnCredentials(t *testing.T) {
	others, err := kfake.NewCluster(kfake.NumBrokers(1), kfake.EnableSASL(), kfake.Superuser("PLAIN", "letters", "s3cret"))
	if err != nil {
		t.Fatal(err)
	}
	defer others.Close()
	brokers := strings.Join(others.ListenAddrs(), ",")
	s := newFixture(t, 1, map[string]string{
		"behavior.on.error": "LOG", "misc.deadletterqueue.topic.name": "dead",
		"misc.deadletterqueue.bootstrap.servers": brokers, "misc.deadletterqueue.security.protocol": "SASL_PLAINTEXT",
		"misc.deadletterqueue.sasl.mechanism":   "PLAIN",
		"misc.deadletterqueue.sasl.jaas.config": `org.apache.kafka.common.security.plain.PlainLoginModule required username="letters" password="s3cret";`,
	})
	s.send(poison(1))
	s.produce(2, 10, 1)
	r := s.start()
	s.commits(0, 9)
	found, err := s.service(r).ListDeadLetters(t.Context(), &sinkv1.ListDeadLettersRequest{Connector: s.name})
	if err != nil || found.GetTotal() != 1 || string(found.GetLetters()[0].GetValue()) != string(poison(1).Value) {
		t.Fatal(found, err)
	}
	if topics, err := kadm.NewClient(s.kafka).ListTopics(t.Context(), "dead"); err != nil || topics.Has("dead") {
		t.Errorf("the worker's own brokers have a dead letter topic, or %v", err)
	}
}

func TestAHalvingThatACrashInterruptsRepeatsNothingEvenIfTheCauseIsFixedMeanwhile(t *testing.T) {
	s := newFixture(t, 1, map[string]string{"values.check": "off",
		"value.converter": "org.apache.kafka.connect.storage.StringConverter", "flush.size.bytes": "100000",
		"flush.max.bytes": "100000", "behavior.on.error": "LOG"})
	delete(s.config, "transforms")
	delete(s.config, "transforms.unwrap.type")
	for id := 1; id < 100; id++ {
		value := fmt.Sprintf(`{"orderid":"%d","amount":%d}`, id, id)
		if id == 80 {
			value = `{"orderid":"80","amount":`
		}
		s.send(&kgo.Record{Value: []byte(value)})
	}
	s.dies("after_half") // the first half is in the table
	// Read as JSON, the row at fault is set aside before anything is sent, and the cluster would take the whole batch.
	delete(s.config, "values.check")
	s.config["value.converter"], s.config["value.converter.schemas.enable"] = "org.apache.kafka.connect.json.JsonConverter", "false"
	s.start()
	s.holdsIDs(func(yield func(int) bool) {
		for id := 1; id < 100; id++ {
			if id != 80 && !yield(id) {
				return
			}
		}
	})
	s.commits(0, 99)
}

func TestDeadLettersThatTogetherExceedWhatTheirTopicTakesAreAllWritten(t *testing.T) {
	needServers(t)
	if !servers.kafka.Real {
		t.Skip("needs Apache Kafka:", servers.kafka.Notice)
	}
	s := newFixture(t, 1, map[string]string{"errors.tolerance": "all",
		"errors.deadletterqueue.topic.replication.factor": "1", "flush.size.bytes": "10000000",
		"flush.max.bytes": "10000000"})
	dead := s.topic + "-dead"
	s.config["errors.deadletterqueue.topic.name"] = dead
	random := rand.New(rand.NewPCG(1, 2))
	for id := 1; id < 9; id++ {
		bad := poison(id)
		filling := make([]byte, 400_000)
		for i := range filling {
			filling[i] = byte(random.Uint32())
		}
		bad.Headers = append(bad.Headers, kgo.RecordHeader{Key: "filling", Value: filling})
		s.send(bad)
	}
	s.produce(9, 12, 1)
	r := s.start()
	s.commits(0, 11)
	for i, l := range s.letters(dead, 8) {
		if string(l.Key) != string(poison(i+1).Key) {
			t.Errorf("letter %d has key %q", i, l.Key)
		}
	}
	// A letter that alone is larger than its topic takes says what to do.
	limit := "100000"
	if changed, err := kadm.NewClient(s.kafka).AlterTopicConfigs(t.Context(),
		[]kadm.AlterConfig{{Name: "max.message.bytes", Value: &limit}}, dead); err != nil || changed[0].Err != nil {
		t.Fatal(err, changed)
	}
	large := poison(12)
	large.Headers = append(large.Headers, kgo.RecordHeader{Key: "filling",
		Value: []byte(fmt.Sprint(random.Perm(100_000)))})
	s.send(large)
	err := r.failure(t)
	for _, part := range []string{"offset 11 of partition 0 of " + s.topic, "max.message.bytes", dead} {
		if !strings.Contains(err.Error(), part) {
			t.Errorf("%q lacks %q", err, part)
		}
	}
}
