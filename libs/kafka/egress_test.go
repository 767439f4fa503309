package kafka_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/calypso-cdc/calypso/libs/egress"
	"github.com/calypso-cdc/calypso/libs/kafka"
)

func TestBrokersOfPropertiesAreNoMetadataServices(t *testing.T) {
	for _, protocol := range []string{"PLAINTEXT", "SSL"} {
		options, _, err := kafka.FromProperties(map[string]string{"bootstrap.servers": "169.254.169.254:80",
			"security.protocol": protocol})
		if err != nil {
			t.Fatal(err)
		}
		client, err := kgo.NewClient(append(options, kgo.RequestRetries(0))...)
		if err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		err = client.Ping(ctx)
		cancel()
		client.Close()
		var refused *egress.Refused
		if !errors.As(err, &refused) {
			t.Errorf("%s: %v", protocol, err)
		}
	}
}
