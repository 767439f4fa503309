package kafka_test

import (
	"context"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/calypso-cdc/calypso/libs/kafka"
)

func TestPropertiesOfAJavaClientConnectAndAuthenticate(t *testing.T) {
	cluster, err := kfake.NewCluster(kfake.NumBrokers(1), kfake.EnableSASL(),
		kfake.Superuser("SCRAM-SHA-256", "us\"er", "canary"))
	if err != nil {
		t.Fatal(err)
	}
	defer cluster.Close()
	properties := map[string]string{
		"bootstrap.servers": strings.Join(cluster.ListenAddrs(), ","), "security.protocol": "SASL_PLAINTEXT",
		"sasl.mechanism":   "SCRAM-SHA-256",
		"sasl.jaas.config": `org.apache.kafka.common.security.scram.ScramLoginModule required username="us\"er" password="canary";`,
		"compression.type": "lz4", "linger.ms": "5", "max.request.size": "2000000", "acks": "all",
		"delivery.timeout.ms": "1000",
	}
	options, ignored, err := kafka.FromProperties(properties)
	if err != nil || !slices.Equal(ignored, []string{"acks", "delivery.timeout.ms"}) {
		t.Fatalf("ignored %v, %v", ignored, err)
	}
	client, err := kgo.NewClient(options...)
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	if err := client.Ping(ctx); err != nil {
		t.Error(err)
	}
}

func TestPropertiesThatCannotBeHonouredAreRefusedByName(t *testing.T) {
	for want, change := range map[string][2]string{
		"bootstrap.servers":                     {"bootstrap.servers", ""},
		"security.protocol":                     {"security.protocol", "KERBEROS"},
		"sasl.mechanism":                        {"sasl.mechanism", "GSSAPI"},
		"sasl.jaas.config":                      {"sasl.jaas.config", `x required username="u" pass="canary";`},
		"ssl.truststore.type: only PEM":         {"ssl.truststore.location", "/canary/trust.jks"},
		"ssl.endpoint.identification.algorithm": {"ssl.endpoint.identification.algorithm", ""},
		"ssl.keystore":                          {"ssl.keystore.certificate.chain", "no PEM"},
		"compression.type":                      {"compression.type", "brotli"},
		"linger.ms":                             {"linger.ms", "-1"},
		"max.request.size":                      {"max.request.size", "2147483648"},
	} {
		properties := map[string]string{"bootstrap.servers": "k:1", "security.protocol": "SASL_SSL",
			"sasl.mechanism": "PLAIN", "sasl.jaas.config": `x required username="u" password="canary";`}
		properties[change[0]] = change[1]
		_, _, err := kafka.FromProperties(properties)
		if err == nil || !strings.Contains(err.Error(), want) || strings.Contains(err.Error(), `"canary"`) {
			t.Errorf("want %q, got %v", want, err)
		}
	}
}

func TestSettingsThatKafkasProducerTakesMakeAClient(t *testing.T) {
	for _, set := range [][2]string{{"max.request.size", "0"}, {"max.request.size", "209715200"},
		{"max.request.size", "2147483647"}, {"linger.ms", "0"}, {"linger.ms", "3600000"}} {
		options, _, err := kafka.FromProperties(map[string]string{"bootstrap.servers": "k:1", set[0]: set[1]})
		if err != nil {
			t.Errorf("%s=%s: %v", set[0], set[1], err)
			continue
		}
		client, err := kgo.NewClient(options...)
		if err != nil {
			t.Errorf("%s=%s: %v", set[0], set[1], err)
			continue
		}
		client.Close()
	}
}

func TestANamespaceOfEventHubsIsKnownByItsNameBeforeItRefusesAnything(t *testing.T) {
	for broker, restricted := range map[string]bool{"shop.servicebus.windows.net:9093": true,
		"Shop.ServiceBus.ChinaCloudAPI.cn:9093": true, "servicebus.example.com:9092": false} {
		options, _, err := kafka.FromProperties(map[string]string{"bootstrap.servers": broker, "compression.type": "snappy"})
		if err != nil {
			t.Fatal(err)
		}
		client, err := kgo.NewClient(options...)
		if err != nil {
			t.Fatal(err)
		}
		if most, ok := client.OptValue(kgo.ProducerBatchMaxBytes).(int32); !ok || (most == 1_040_000-8<<10) != restricted {
			t.Errorf("%s takes %d bytes", broker, most)
		}
		client.Close()
	}
}
