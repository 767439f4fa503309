package kafka

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net"
	"strings"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"
	"github.com/twmb/franz-go/pkg/kversion"
)

// Restrictions are what brokers refuse that Apache Kafka accepts. The zero value has none.
type Restrictions struct {
	// Uncompressed is true if batches must not be compressed. Event Hubs refuses every codec in its
	// tier Standard, and all but gzip in the others.
	Uncompressed bool
	// MaxRequest is the size of a request, in bytes, above which the connection is closed; 0 for no limit.
	MaxRequest int
	// WithoutEpochs ignores the epochs of partitions' leaders: with brokers whose answers about these
	// are wrong, existing records seem to be lost.
	WithoutEpochs bool
	// Patience is how long a write may take: a service that throttles delays requests, and refuses
	// those that it would have to delay for longer than they allow. 0 means the client's default.
	Patience time.Duration
}

// eventHubs are the restrictions of Azure Event Hubs' Kafka endpoint
// (https://learn.microsoft.com/azure/event-hubs/apache-kafka-configurations). The size of a request
// is the documented 1,046,528 bytes, less what the client does not count; the page asks for a
// request.timeout.ms of 60 s.
var eventHubs = Restrictions{Uncompressed: true, WithoutEpochs: true, MaxRequest: 1_040_000, Patience: time.Minute}

// Options returns options that make a client observe the restrictions. They must come after the
// options that they limit.
func (r Restrictions) Options() []kgo.Opt {
	var options []kgo.Opt
	if r.Uncompressed {
		options = append(options, kgo.ProducerBatchCompression(kgo.NoCompression()))
	}
	if r.MaxRequest > 0 {
		options = append(options, kgo.BrokerMaxWriteBytes(int32(r.MaxRequest)),
			kgo.ProducerBatchMaxBytes(int32(r.MaxRequest-batchOverhead)))
	}
	if r.WithoutEpochs {
		versions := kversion.Stable()
		versions.SetMaxKeyVersion(kmsg.Metadata.Int16(), 6) // later versions tell epochs
		options = append(options, kgo.MaxVersions(versions))
	}
	if r.Patience > 0 {
		options = append(options, kgo.ProduceRequestTimeout(r.Patience))
	}
	return options
}

// batchOverhead is what a produce request holds besides its batches: names of topics and clients,
// at most 249 bytes each.
const batchOverhead = 8 << 10

// Probe finds the restrictions of brokers by writing to them: only their answer tells whether they
// accept compressed batches, since a proxy or a private endpoint hides their names. connect makes a
// client with the options for the brokers. The record that is written has the given topic and
// partition, the key "calypso-probe", and a meaningless value.
func Probe(ctx context.Context, connect func(...kgo.Opt) (*kgo.Client, error), topic string,
	partition int32) (Restrictions, error) {
	client, err := connect(kgo.ProducerBatchCompression(kgo.SnappyCompression()),
		kgo.RecordPartitioner(kgo.ManualPartitioner()), kgo.DisableIdempotentWrite(), kgo.ProducerLinger(0))
	if err != nil {
		return Restrictions{}, fmt.Errorf("make a Kafka client: %w", err)
	}
	defer client.Close()
	// The client sends a batch uncompressed if compression does not make it smaller.
	compressible := bytes.Repeat([]byte{' '}, 512)
	err = client.ProduceSync(ctx, &kgo.Record{Topic: topic, Partition: partition, Key: []byte("calypso-probe"),
		Value: compressible}).FirstErr()
	restrictions, told := restrictionsOf(err)
	if err != nil && !told {
		return restrictions, fmt.Errorf("write to topic %s: %w", topic, err)
	}
	return restrictions, nil
}

// restrictionsOf returns the restrictions that brokers reveal by the error with which they refuse a
// write.
func restrictionsOf(err error) (r Restrictions, told bool) {
	if errors.Is(err, kerr.UnsupportedForMessageFormat) || errors.Is(err, kerr.UnsupportedCompressionType) {
		return eventHubs, true
	}
	return Restrictions{}, false
}

// expected returns the restrictions that brokers' names reveal: those of an Event Hubs namespace,
// in any of Azure's clouds, also behind a private endpoint.
func expected(brokers []string) Restrictions {
	for _, broker := range brokers {
		host, _, _ := net.SplitHostPort(broker) // Config.Validate has checked it
		if strings.Contains(strings.ToLower(host), ".servicebus.") {
			return eventHubs
		}
	}
	return Restrictions{}
}
