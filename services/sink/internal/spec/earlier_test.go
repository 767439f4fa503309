package spec

import (
	"slices"
	"strings"
	"testing"

	"github.com/calypso-cdc/calypso/libs/connector/catalogue"
)

// earlierKeys are the keys of Azure's connector in its releases 1.0.0 to 5.3.1 with the first that
// has each, read from the source of KustoSinkConfig at each release's tag: values that all releases
// with the key take, and such as all refuse. kusto.url ended with 1.0.4.
var earlierKeys = []struct {
	key, since     string
	taken, refused []string
}{
	{"kusto.url", "1.0.0", []string{"https://ingest-shop.southeastasia.kusto.windows.net"}, nil},
	{"kusto.ingestion.url", "2.0.0", []string{"https://ingest-shop.southeastasia.kusto.windows.net"}, nil},
	{"kusto.query.url", "2.0.0", []string{"https://shop.southeastasia.kusto.windows.net"}, nil},
	{"kusto.tables.topics.mapping", "1.0.0", []string{
		`[{'topic': 'a','db': 'd', 'table': 't','format': 'csv', 'mapping':'m'}]`,
		`[{"topic":"a","db":"d","table":"t","format":"json"}]`,
		`[{'topic':'a','db':'d','table':'t','format':'json','mapping':'m','streaming':'true'}]`,
		`[{"topic":"a","db":"d","table":"t","format":"avro","mapping":"m","streaming":false}]`,
		`[{"topic":"a","db":"d","table":"t"}]`, " [ { 'topic' : 'a' , 'db' : 'd' , 'table' : 't' } ] ",
	}, []string{"", "[{'topic':'a','db':'d'}]", "[{'db':'d','table':'t'}]", "[{'topic':'a','table':'t'}]", "no json"}},
	{"kusto.validation.table.enable", "3.0.4", []string{"true", "false", "TRUE", " false "}, []string{"yes", "1", ""}},
	{"aad.auth.appid", "1.0.0", []string{"app"}, nil},
	{"aad.auth.appkey", "1.0.0", []string{"secret"}, nil},
	{"aad.auth.authority", "1.0.0", []string{"tenant"}, nil},
	{"aad.auth.strategy", "3.0.6", []string{"APPLICATION", "application", "MANAGED_IDENTITY", "managed_identity",
		"AZ_DEV_TOKEN", "az_dev_token", "WORKLOAD_IDENTITY", "workload_identity"}, []string{"", "certificates", "app"}},
	{"aad.auth.accesstoken", "4.0.9", []string{"token"}, nil},
	{"proxy.host", "3.0.8", []string{"", "proxy"}, nil},
	{"proxy.port", "3.0.8", []string{"-1", "8080", " 8080 "}, []string{"", "http", "3000000000"}},
	{"flush.size.bytes", "1.0.0", []string{"100", "1048576", "9000000000"}, []string{"0", "99", "1.5", "1MB", ""}},
	{"flush.interval.ms", "1.0.0", []string{"100", "300000"}, []string{"0", "-1", "5s", ""}},
	{"tempdir.path", "1.0.0", []string{"", "/tmp"}, nil},
	{"behavior.on.error", "1.0.0", []string{"FAIL", "LOG", "IGNORE", "fail", "log", "ignore"}, []string{"", "stop"}},
	{"errors.retry.max.time.ms", "1.0.0", []string{"0", "300000", "-1"}, []string{"", "5m"}},
	{"errors.retry.backoff.time.ms", "1.0.0", []string{"1", "10000"}, []string{"0", "-1", ""}},
	{"misc.deadletterqueue.bootstrap.servers", "1.0.0", []string{"a:9092", "a:9092, b:9092"}, nil},
	{"misc.deadletterqueue.topic.name", "1.0.0", []string{"dlq"}, []string{""}},
	{"misc.deadletterqueue.security.protocol", "1.0.0", []string{"SSL"}, nil},
}

func TestEveryValueThatAReleaseOfAzuresConnectorTakesIsTaken(t *testing.T) {
	keys, err := Keys()
	if err != nil {
		t.Fatal(err)
	}
	for _, k := range earlierKeys {
		for _, value := range append(slices.Clone(k.taken), k.refused...) {
			config := base("proxy.host", "proxy", "misc.deadletterqueue.topic.name", "dlq",
				"misc.deadletterqueue.bootstrap.servers", "a:9092", "aad.auth.accesstoken", "token")
			if strings.HasPrefix(k.key, "kusto.") && strings.HasSuffix(k.key, ".url") {
				delete(config, "kusto.url")
				config["kusto.ingestion.url"] = "https://ingest-shop.southeastasia.kusto.windows.net"
				if k.key == "kusto.url" {
					delete(config, "kusto.ingestion.url")
				}
			}
			config[k.key] = value
			values, warnings, problems := keys.Parse(config)
			if len(problems) == 0 {
				if _, err := Parse(values, Defaults{}); err != nil {
					problems = append(problems, catalogue.Problem{Key: k.key, Message: err.Error()})
				}
			}
			switch taken := slices.Contains(k.taken, value); {
			case taken && len(problems) > 0:
				t.Errorf("%s=%q, since %s: %v", k.key, value, k.since, problems)
			case !taken && len(problems) == 0:
				t.Errorf("%s=%q is taken", k.key, value)
			}
			for _, w := range warnings {
				if strings.Contains(w.Message, "not a known") || strings.Contains(w.Message, "did you mean") {
					t.Errorf("%s=%q: %s", k.key, value, w.Message)
				}
			}
		}
	}
}
