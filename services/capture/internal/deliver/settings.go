package deliver

import (
	"math"
	"strconv"

	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/calypso-cdc/calypso/libs/connector/catalogue"
)

// Settings say how the records of a source connector are written.
type Settings struct {
	// Topics are the groups of topic.creation.*.
	Topics TopicGroups
	// Compression are the codecs in the order of preference (producer.override.compression.type).
	Compression []kgo.CompressionCodec
	// MaxRequest is producer.override.max.request.size in bytes; 0 if it is not set: then each topic's own limit counts.
	MaxRequest int
	// ExactlyOnceRequired fails a connector whose broker has no transactions (exactly.once.support).
	ExactlyOnceRequired bool
	// BatchEvents and BatchBytes bound a batch (soft: the record that reaches a limit still goes in).
	BatchEvents, BatchBytes int
}

// The default size of a batch: what two cores encode and a local broker takes in some 30 ms, small
// enough for two batches and the producer's copies to stay well under 100 MB.
const (
	DefaultBatchEvents = 20_000
	DefaultBatchBytes  = 5 << 20
)

// mostRequest is the largest batch of records that the client library allows, in bytes; larger
// settings are cut to it.
const mostRequest = 1 << 30

// ParseSettings reads them from the framework's keys. Batches have their default sizes. Its errors
// name the key.
func ParseSettings(set catalogue.Source) (Settings, error) {
	s := Settings{BatchEvents: DefaultBatchEvents, BatchBytes: DefaultBatchBytes,
		ExactlyOnceRequired: set.ExactlyOnceRequired}
	if err := s.parseProducer(set.Producer); err != nil {
		return s, err
	}
	var err error
	s.Topics, err = ParseTopicGroups(set.TopicGroups, set.TopicSettings)
	return s, err
}

// parseProducer reads the keys of producer.override.* that have a counterpart here:
// compression.type (default snappy) and max.request.size (default: each topic's own limit).
func (s *Settings) parseProducer(set map[string]string) error {
	s.Compression = []kgo.CompressionCodec{kgo.SnappyCompression(), kgo.NoCompression()}
	for name, value := range set {
		switch name {
		case "compression.type":
			codecs := map[string]kgo.CompressionCodec{"none": kgo.NoCompression(), "gzip": kgo.GzipCompression(),
				"snappy": kgo.SnappyCompression(), "lz4": kgo.Lz4Compression(), "zstd": kgo.ZstdCompression()}
			c, ok := codecs[value]
			if !ok {
				return catalogue.Problemf("producer.override."+name,
					"producer.override.compression.type: %q is not none, gzip, snappy, lz4 or zstd", value)
			}
			s.Compression = []kgo.CompressionCodec{c}
		case "max.request.size":
			n, err := strconv.ParseInt(value, 10, 32)
			if err != nil || n < 512 {
				return catalogue.Problemf("producer.override."+name,
					"producer.override.%s: %q is not a number of bytes from 512 to %d", name, value, math.MaxInt32)
			}
			s.MaxRequest = int(min(n, mostRequest))
		}
	}
	return nil
}
