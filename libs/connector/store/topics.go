package store

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/calypso-cdc/calypso/libs/kafka"
)

// topics creates the topics that the store needs, and finds out what the brokers accept.
type topics struct {
	config Config
	client *kgo.Client
	admin  *kadm.Client
	logger *slog.Logger
}

// prepared is what prepare found out.
type prepared struct {
	partitions   map[string]int32
	restrictions kafka.Restrictions
	starts, ends kadm.ListedOffsets
}

// prepareTimeout bounds one attempt.
const prepareTimeout = 15 * time.Second

// prepare creates missing topics and finds out up to which offsets they must be read before the
// store can be used.
func (t *topics) prepare(ctx context.Context) (*prepared, error) {
	ctx, cancel := context.WithTimeout(ctx, prepareTimeout)
	defer cancel()
	topics := []string{t.config.ConfigTopic, t.config.StatusTopic, t.config.OffsetsTopic}
	partitions, err := t.countPartitions(ctx, topics)
	if err != nil {
		return nil, err
	}
	if len(partitions) < len(topics) {
		for _, topic := range topics {
			if partitions[topic] == 0 {
				if err := t.makeTopic(ctx, topic); err != nil {
					return nil, err
				}
			}
		}
		if partitions, err = t.countPartitions(ctx, topics); err != nil {
			return nil, err
		}
		if len(partitions) < len(topics) {
			return nil, errors.New("the brokers do not know all of the topics yet that were just created")
		}
	}
	if err := t.demandCompaction(ctx, topics); err != nil {
		return nil, err
	}
	restrictions, err := t.findRestrictions(ctx)
	if err != nil {
		return nil, err
	}
	starts, err := t.admin.ListStartOffsets(ctx, topics[:2]...)
	if err == nil {
		err = starts.Error()
	}
	if err != nil {
		return nil, fmt.Errorf("find the start of the topics %v: %w", topics[:2], err)
	}
	ends, err := t.admin.ListEndOffsets(ctx, topics[:2]...)
	if err == nil {
		err = ends.Error()
	}
	if err != nil {
		return nil, fmt.Errorf("find the end of the topics %v: %w", topics[:2], err)
	}
	return &prepared{partitions, restrictions, starts, ends}, nil
}

// demandCompaction refuses topics that lose records by age, since connectors and their offsets
// would silently vanish with them.
func (t *topics) demandCompaction(ctx context.Context, topics []string) error {
	forgetful, err := kafka.Forgetful(ctx, t.admin, append(topics[:len(topics):len(topics)], t.config.SchemasTopic)...)
	if err != nil {
		t.logger.Warn("whether the topics of the workers are compacted could not be asked", "err", err)
		return nil
	}
	for _, topic := range topics {
		if policy := forgetful[topic]; policy != "" {
			return fmt.Errorf("topic %s has cleanup.policy=%s, so that connectors or their positions would be lost after its retention: %s",
				topic, policy, kafka.CompactRemedy(topic))
		}
	}
	if policy := forgetful[t.config.SchemasTopic]; policy != "" {
		t.logger.Warn("the versions of captured tables are lost after their topic's retention: "+
			kafka.CompactRemedy(t.config.SchemasTopic), "topic", t.config.SchemasTopic, "cleanup.policy", policy)
	}
	return nil
}

// findRestrictions finds out what the brokers do not accept by writing to the status topic, whose
// readers ignore the record.
func (t *topics) findRestrictions(ctx context.Context) (kafka.Restrictions, error) {
	connect := func(options ...kgo.Opt) (*kgo.Client, error) {
		return kgo.NewClient(append(append([]kgo.Opt{}, t.config.Kafka...), options...)...)
	}
	restrictions, err := kafka.Probe(ctx, connect, t.config.StatusTopic, 0)
	if err != nil {
		return kafka.Restrictions{}, fmt.Errorf("find out what the brokers accept: %w", err)
	}
	if restrictions.Uncompressed {
		t.logger.Info("the brokers accept no compressed batches, as is the case with Event Hubs: none are sent", "max_request_bytes",
			restrictions.MaxRequest)
	}
	return restrictions, nil
}

// countPartitions asks for the partitions of the topics that exist. It bypasses the client's cache
// of metadata, which would hide topics that were just created.
func (t *topics) countPartitions(ctx context.Context, topics []string) (map[string]int32, error) {
	request := kmsg.NewPtrMetadataRequest()
	for _, topic := range topics {
		wanted := kmsg.NewMetadataRequestTopic()
		wanted.Topic = kmsg.StringPtr(topic)
		request.Topics = append(request.Topics, wanted)
	}
	response, err := request.RequestWith(ctx, t.client)
	if err != nil {
		return nil, fmt.Errorf("look up the topics %v: %w", topics, err)
	}
	partitions := map[string]int32{}
	for _, topic := range response.Topics {
		err := kerr.ErrorForCode(topic.ErrorCode)
		if err != nil && !errors.Is(err, kerr.UnknownTopicOrPartition) && !errors.Is(err, kerr.LeaderNotAvailable) {
			return nil, fmt.Errorf("look up topic %s: %w", *topic.Topic, err)
		}
		if len(topic.Partitions) > 0 {
			partitions[*topic.Topic] = int32(len(topic.Partitions))
		}
	}
	return partitions, nil
}

func (t *topics) makeTopic(ctx context.Context, topic string) error {
	compacted := map[string]*string{"cleanup.policy": kadm.StringPtr("compact")}
	_, err := kafka.MakeTopic(ctx, t.admin, topic, t.config.Partitions, t.config.ReplicationFactor, compacted)
	switch {
	case errors.Is(err, kerr.TopicAlreadyExists):
		return nil
	case err != nil:
		return fmt.Errorf(
			"make the compacted topic %s with %d partitions: %w; make it yourself where clients may not make topics", topic,
			t.config.Partitions, err)
	}
	t.logger.Info("topic made", "topic", topic, "partitions", t.config.Partitions)
	return nil
}
