package spec

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/calypso-cdc/calypso/libs/connector/catalogue"
	"github.com/calypso-cdc/calypso/libs/connector/catalogue/keycheck"
	"github.com/calypso-cdc/calypso/libs/testenv"
	"github.com/calypso-cdc/calypso/services/sink/internal/row"
)

func parse(t *testing.T, config map[string]string) (*Spec, []catalogue.Problem, error) {
	t.Helper()
	keys, err := Keys()
	if err != nil {
		t.Fatal(err)
	}
	values, warnings, problems := keys.Parse(config)
	if len(problems) > 0 {
		return nil, warnings, fmt.Errorf("%s: %s", problems[0].Key, problems[0].Message)
	}
	s, err := Parse(values, Defaults{})
	return s, warnings, err
}

// base is a configuration that differs from the use case's only in what more says; an empty value removes a key.
func base(more ...string) map[string]string {
	config := map[string]string{
		"name": "n", "connector.class": Class, "topics": "a",
		"kusto.url":                   "https://ingest-shop.southeastasia.kusto.windows.net",
		"kusto.tables.topics.mapping": "[{'topic':'a','db':'d','table':'t','format':'json','mapping':'m'}]",
		"aad.auth.appid":              "app", "aad.auth.appkey": "s3cret", "aad.auth.authority": "tenant",
	}
	for i := 0; i+1 < len(more); i += 2 {
		if config[more[i]] = more[i+1]; more[i+1] == "" {
			delete(config, more[i])
		}
	}
	return config
}

func TestTheUseCasesFileIsTakenAsItStands(t *testing.T) {
	root, err := testenv.Root()
	if err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile(filepath.Join(root, "examples", "orders", "adx-sink-config.json"))
	if err != nil {
		t.Fatal(err)
	}
	var file struct{ Config map[string]any }
	if err := json.Unmarshal(text, &file); err != nil {
		t.Fatal(err)
	}
	config := map[string]string{"name": "adx-orders-sink"}
	for k, v := range file.Config {
		config[k] = strings.NewReplacer("<", "", ">", "").Replace(fmt.Sprint(v))
	}
	config["kusto.url"] = "https://ingest-shop.southeastasia.kusto.windows.net"
	s, _, err := parse(t, config)
	if err != nil {
		t.Fatal(err)
	}
	if s.Kusto.Endpoints.Query != "https://shop.southeastasia.kusto.windows.net" || !s.Rows.Unwrap ||
		s.Rows.Transform != nil || s.FlushSize != 10_000 || !s.Exact {
		t.Errorf("%+v", s)
	}
}

func TestAFaultInTheConfigurationIsNamedWithItsKey(t *testing.T) {
	for want, config := range map[string]map[string]string{
		"kusto.tables.topics.mapping": base("kusto.tables.topics.mapping", "[{'topic':'a'}]"),
		"no entry for topic b":        base("topics", "a,b"),
		"mutually exclusive":          base("topics.regex", "a.*"),
		"no address of a cluster":     base("kusto.url", ""),
		"kusto.trusted.hosts":         base("kusto.url", "https://adx.example"),
		"aad.auth.appkey":             base("aad.auth.appkey", ""),
		"aad.auth.strategy":           base("aad.auth.strategy", "KERBEROS"),
		"at least 100":                base("flush.size.bytes", "99"),
		"behavior.on.error":           base("behavior.on.error", "PANIC"),
		"metadata.columns":            base("metadata.columns", "_offset,_weather"),
		"current.state needs":         base("current.state", "true"),
		"format orc of topic a": base("kusto.tables.topics.mapping",
			"[{'topic':'a','db':'d','table':'t','format':'orc'}]"),
		"format tsv of topic a": base("kusto.tables.topics.mapping",
			"[{'topic':'a','db':'d','table':'t','format':'tsv'}]"),
		"misc.deadletterqueue.topic.name": base("misc.deadletterqueue.bootstrap.servers", "k:1"),
		"misc.deadletterqueue.sasl.jaas.config": base("misc.deadletterqueue.topic.name", "d",
			"misc.deadletterqueue.bootstrap.servers", "k:1", "misc.deadletterqueue.security.protocol", "SASL_SSL",
			"misc.deadletterqueue.sasl.mechanism", "PLAIN", "misc.deadletterqueue.sasl.jaas.config",
			`x required password="s3cret";`),
		"consumer.override.auto.offset.reset": base("consumer.override.auto.offset.reset", "none"),
		`fetch.max.bytes: "9999999999" is not a whole number from 0 to 2147483647`: base("consumer.override.fetch.max.bytes",
			"9999999999"),
		"heartbeat.interval.ms: 7000 must be lower than session.timeout.ms, 7000": base(
			"consumer.override.session.timeout.ms", "7000", "consumer.override.heartbeat.interval.ms", "7000"),
		"consumer.override.client.id":                       base("consumer.override.client.id", strings.Repeat("x", 300)),
		"Class com.example.XmlConverter could not be found": base("value.converter", "com.example.XmlConverter"),
		"transforms.x.type": base("transforms", "x", "transforms.x.type",
			"com.example.Unknown"),
		"transforms.u.delete.handling.mode": base("transforms", "u", "transforms.u.type",
			"io.debezium.transforms.ExtractNewRecordState", "transforms.u.delete.handling.mode", "keep"),
	} {
		_, _, err := parse(t, config)
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v, want %q in it", err, want)
		}
		if err != nil && strings.Contains(err.Error(), "s3cret") {
			t.Errorf("%v shows the secret", err)
		}
	}
}

func TestOldAndUnsupportedKeysAreNamedInWarnings(t *testing.T) {
	_, warnings, err := parse(t, base("tempdir.path", "/tmp", "flush.size.byte", "5"))
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"kusto.url is an older name of kusto.ingestion.url", "no temporary files",
		"did you mean flush.size.bytes"} {
		found := false
		for _, w := range warnings {
			found = found || strings.Contains(w.Message, want)
		}
		if !found {
			t.Errorf("no warning says %q: %v", want, warnings)
		}
	}
}

func TestEveryKeyOfTheAnchorIsDeclared(t *testing.T) {
	keys, err := Keys()
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{
		"kusto.url", "kusto.ingestion.url", "kusto.query.url", "aad.auth.strategy", "aad.auth.appid", "aad.auth.appkey",
		"aad.auth.authority", "aad.auth.accesstoken",
		"kusto.tables.topics.mapping", "kusto.validation.table.enable", "flush.size.bytes", "flush.interval.ms",
		"tempdir.path", "behavior.on.error",
		"errors.retry.max.time.ms", "errors.retry.backoff.time.ms", "misc.deadletterqueue.bootstrap.servers",
		"misc.deadletterqueue.topic.name",
		"misc.deadletterqueue.security.protocol", "proxy.host", "proxy.port", "errors.tolerance",
		"errors.deadletterqueue.topic.name", "consumer.override.max.poll.interval.ms",
	} {
		if _, ok := keys.Lookup(name); !ok {
			t.Errorf("%s is not declared", name)
		}
	}
	for _, name := range []string{"aad.auth.appkey", "aad.auth.accesstoken", "aad.auth.certificate.password"} {
		if !keys.Secret(name) {
			t.Errorf("%s would be shown", name)
		}
	}
}

func TestOptionsOfBothAgesOfTheUnwrapTransformAreRead(t *testing.T) {
	const u = "transforms.u."
	s, _, err := parse(t, base("transforms", "u", u+"type", "io.debezium.transforms.ExtractNewRecordState",
		u+"drop.tombstones", "false",
		u+"delete.handling.mode", "rewrite", u+"add.fields", "op,source.ts_ms,lsn:pos,transaction.id",
		u+"add.fields.prefix", "_"))
	if err != nil {
		t.Fatal(err)
	}
	want := []row.Extra{{Name: "__deleted", From: row.Deleted}, {Name: "_op", From: row.OfEnvelope, Field: "op"},
		{Name: "_source_ts_ms", From: row.OfSource, Field: "ts_ms"},
		{Name: "_pos", From: row.OfSource, Field: "lsn"}, {Name: "_transaction_id", From: row.OfTransaction, Field: "id"}}
	if fmt.Sprint(s.Rows.Extra) != fmt.Sprint(want) || s.Rows.Deletes != row.RewriteDeletes {
		t.Errorf("%+v, want %+v", s.Rows.Extra, want)
	}
	s, _, err = parse(t, base("transforms", "u", u+"type", "io.debezium.transforms.ExtractNewRecordState",
		u+"delete.tombstone.handling.mode", "rewrite-with-tombstone"))
	if err != nil || s.Rows.Deletes != row.RewriteDeletes {
		t.Errorf("%v", err)
	}
}

func TestAddedFieldsAreThoseOfTheTransformOrItDoesTheWorkItself(t *testing.T) {
	const u = "transforms.u."
	config := func(fields string) map[string]string {
		return base("transforms", "u", u+"type", "ExtractNewRecordState", u+"add.fields", fields)
	}
	s, _, err := parse(t, config("op:,source.table.name"))
	want := []row.Extra{{Name: "__op", From: row.OfEnvelope, Field: "op"},
		{Name: "__source_table", From: row.OfSource, Field: "table"}}
	if err != nil || fmt.Sprint(s.Rows.Extra) != fmt.Sprint(want) || s.NewTransform != nil {
		t.Errorf("%+v %v, want %+v", s.Rows.Extra, err, want)
	}
	for _, settings := range []map[string]string{config("before.id"),
		base("transforms", "u", u+"type", "ExtractNewRecordState", u+"route.by.field", "to"),
		base("transforms", "u,v", u+"type", "ExtractNewRecordState", "transforms.v.type", "Filter")} {
		if s, _, err := parse(t, settings); err != nil || s.NewTransform == nil {
			t.Errorf("%v is scanned: %v", settings, err)
		}
	}
	if _, _, err := parse(t, config("op:a:b")); err == nil || !strings.Contains(err.Error(), u+"add.fields") {
		t.Errorf("two names of a field: %v", err)
	}
}

func TestATinyFlushOfTaggedBatchesIsWarnedOf(t *testing.T) {
	s, _, err := parse(t, base("flush.size.bytes", "10000", "flush.interval.ms", "1000"))
	if err != nil || len(s.Warnings) != 1 || !strings.Contains(s.Warnings[0], "flush.size.bytes=33554432") {
		t.Errorf("%v %v", s.Warnings, err)
	}
}

func TestMoreBatchesThanTheTableOfStatusesTakesAreWarnedOfWithFigures(t *testing.T) {
	for _, c := range []struct {
		settings   []string
		partitions int
		want       []string
	}{
		{nil, 6, nil},
		{nil, 7, []string{"there are 7", "10080 batches", "flush.interval.ms=60481"}},
		{[]string{"flush.interval.ms", "30000"}, 4, []string{"11520 batches", "flush.interval.ms=34561"}},
		{[]string{"flush.interval.ms", "1000"}, 1, []string{"86400 batches"}},
		{[]string{"flush.interval.ms", "1000", "ingestion.mode", "inline"}, 100, nil},
		{[]string{"flush.interval.ms", "120000"}, 13, nil},
	} {
		s, _, err := parse(t, base(c.settings...))
		if err != nil {
			t.Fatal(err)
		}
		got := s.WarnOfStatuses(c.partitions)
		if (got == "") != (c.want == nil) {
			t.Errorf("%v of %d partitions: %q", c.settings, c.partitions, got)
		}
		for _, text := range c.want {
			if !strings.Contains(got, text) {
				t.Errorf("%v of %d partitions: %q does not say %q", c.settings, c.partitions, got, text)
			}
		}
		if m := regexp.MustCompile(`flush\.interval\.ms=(\d+) keeps`).FindStringSubmatch(got); m != nil {
			better, _, _ := parse(t, base("flush.interval.ms", m[1]))
			if again := better.WarnOfStatuses(c.partitions); again != "" {
				t.Errorf("the value that is advised is warned of: %s", again)
			}
		}
	}
}

func TestEveryKeyFillsAFieldOrSaysThatItHasNoEffect(t *testing.T) {
	for _, key := range new(reading).keys() {
		if key.Unsupported == "" && !key.Into.Bound() {
			t.Errorf("%s is declared, and nothing reads it", key.Name)
		}
	}
}

func TestEachKeyIsDocumentedAndMakesADifferenceAndItsDefaultNone(t *testing.T) {
	keycheck.Check(t, keycheck.Keys{
		Of: "a sink", Declared: new(reading).keys(), Whole: base(),
		Read: func(settings map[string]string) (any, error) {
			s, _, err := parse(t, settings)
			return s, err
		},
		Values: map[string][]string{
			"kusto.ingestion.url": {"https://ingest-other.southeastasia.kusto.windows.net"},
			"kusto.query.url":     {"https://other.southeastasia.kusto.windows.net"},
			"kusto.tables.topics.mapping": {
				"[{'topic':'a','db':'d','table':'other','format':'json','mapping':'m'}]"},
			"metadata.columns": {"_offset"}, "flush.max.bytes": {"67108864"}, "buffer.memory.bytes": {"1073741824"},
			"misc.deadletterqueue.bootstrap.servers": {"k:1"},
		},
		With: map[string]map[string]string{
			"proxy.port":                             {"proxy.host": "h"},
			"current.state":                          {"table.form": "changes"},
			"misc.deadletterqueue.bootstrap.servers": {"misc.deadletterqueue.topic.name": "d"},
		},
		Shown: map[string]string{
			"kusto.ingestion.url":      "the default that Azure's connector shows is no address",
			"errors.retry.max.time.ms": "Azure's connector gives up after it; this one only if it is asked to",
		},
	})
}
