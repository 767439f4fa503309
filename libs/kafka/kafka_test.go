package kafka_test

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/calypso-cdc/calypso/libs/kafka"
)

func TestEveryFaultOfTheSettingsIsNamed(t *testing.T) {
	for want, config := range map[string]kafka.Config{
		"at least one broker":       {},
		`"kafka" is not host:port`:  {Brokers: []string{"kafka"}},
		"must be set together":      {Brokers: []string{"k:1"}, CertFile: "c"},
		"but no mechanism":          {Brokers: []string{"k:1"}, Username: "u"},
		"needs kafka-sasl-username": {Brokers: []string{"k:1"}, Mechanism: "PLAIN"},
		"OAUTHBEARER needs":         {Brokers: []string{"k:1"}, Mechanism: "OAUTHBEARER"},
		"is not an https address": {Brokers: []string{"k:1"}, Mechanism: "OAUTHBEARER", TokenURL: "http://t",
			ClientID: "c", ClientSecret: "canary"},
		`"GSSAPI" is not one of PLAIN, SCR`: {Brokers: []string{"k:1"}, Mechanism: "GSSAPI"},
	} {
		err := config.Validate()
		if err == nil || !strings.Contains(err.Error(), want) || strings.Contains(err.Error(), "canary") {
			t.Errorf("want %q, got %v", want, err)
		}
	}
}

func TestClientsAuthenticateAsConfigured(t *testing.T) {
	cluster, err := kfake.NewCluster(kfake.NumBrokers(1), kfake.EnableSASL(),
		kfake.Superuser("PLAIN", "plain", "secret"), kfake.Superuser("SCRAM-SHA-256", "scram256", "secret"),
		kfake.Superuser("SCRAM-SHA-512", "scram512", "secret"))
	if err != nil {
		t.Fatal(err)
	}
	defer cluster.Close()
	for mechanism, user := range map[string]string{"PLAIN": "plain", "SCRAM-SHA-256": "scram256",
		"SCRAM-SHA-512": "scram512"} {
		right := kafka.Config{Brokers: cluster.ListenAddrs(), Mechanism: mechanism, Username: user, Password: "secret"}
		if err := ping(t, right); err != nil {
			t.Errorf("%s: %v", mechanism, err)
		}
		wrong := right
		wrong.Password = "canary"
		if err := ping(t, wrong); err == nil || strings.Contains(err.Error(), "canary") {
			t.Errorf("%s with a wrong password: %v", mechanism, err)
		}
	}
}

func ping(t *testing.T, config kafka.Config) error {
	t.Helper()
	if err := config.Validate(); err != nil {
		t.Fatal(err)
	}
	options, err := config.Options("test", nil)
	if err != nil {
		t.Fatal(err)
	}
	client, err := kgo.NewClient(append(options, kgo.RequestRetries(0))...)
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	return client.Ping(ctx)
}

func TestAMissingCertificateFileIsNamedBeforeAnyConnection(t *testing.T) {
	for want, config := range map[string]kafka.Config{
		"kafka-tls-ca":   {Brokers: []string{"k:1"}, CAFile: "/no/such/ca.pem"},
		"kafka-tls-cert": {Brokers: []string{"k:1"}, CertFile: "/no/such/cert.pem", KeyFile: "/no/such/key.pem"},
	} {
		if _, err := config.Options("test", nil); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("want %q, got %v", want, err)
		}
	}
}
