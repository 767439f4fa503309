package deadletter

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/calypso-cdc/calypso/libs/connector"
	"github.com/calypso-cdc/calypso/services/sink/internal/spec"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/calypso-cdc/calypso/libs/kafka"
	"github.com/calypso-cdc/calypso/services/sink/internal/batch"
	"github.com/calypso-cdc/calypso/services/sink/internal/retry"
)

// Headers of a dead letter, after the record's own: those of Kafka Connect's
// errors.deadletterqueue.context.headers (KIP-298), and what those have no place for.
const (
	headerPrefix    = "__connect.errors."
	HeaderTopic     = headerPrefix + "topic"
	HeaderPartition = headerPrefix + "partition"
	HeaderOffset    = headerPrefix + "offset"
	HeaderConnector = headerPrefix + "connector.name"
	HeaderTask      = headerPrefix + "task.id"
	headerStage     = headerPrefix + "stage"
	headerException = headerPrefix + "exception.class.name"
	HeaderMessage   = headerPrefix + "exception.message"

	ownPrefix       = "__calypso.errors."
	HeaderClass     = ownPrefix + "class"
	headerCode      = ownPrefix + "code"
	headerPermanent = ownPrefix + "permanent"
	HeaderColumn    = ownPrefix + "column"
)

// topicClient writes records that cannot be delivered to the dead letter topic: key, value and headers
// byte for byte, then headers with the position and the reason.
type topicClient struct {
	// client asks the brokers.
	client    *kgo.Client
	writer    *kafka.Writer
	topic     string
	connector string
	task      int
	// replication is that of the topic, should it have to be made.
	replication int16
	// hidden takes secrets out of what is written.
	hidden func(string) string
	// connect makes clients of the brokers.
	connect kafka.Connect
}

// openTopic connects to the dead letter topic and creates it if it is missing; nil if none is
// configured.
func openTopic(ctx context.Context, env connector.TaskEnv, s *spec.Spec, waits *retry.Retrier) (*topicClient, error) {
	if s.DeadTopic == "" {
		return nil, nil
	}
	if err := env.UsedTopic(s.DeadTopic); err != nil {
		return nil, fmt.Errorf("errors.deadletterqueue.topic.name: %w", err)
	}
	connect := func(first, last []kgo.Opt) (*kgo.Client, error) { return env.Kafka(slices.Concat(first, last)...) }
	if s.DeadClient != nil {
		connect = func(first, last []kgo.Opt) (*kgo.Client, error) {
			return kgo.NewClient(slices.Concat(first, s.DeadClient, last)...)
		}
	}
	l := &topicClient{connect: connect, topic: s.DeadTopic, connector: env.Connector, task: env.Task,
		replication: s.DeadReplication, hidden: env.Hidden}
	var err error
	if l.client, err = l.plain(); err != nil {
		return nil, fmt.Errorf("connect to the dead letter topic %s: %w", s.DeadTopic, err)
	}
	err = waits.Do(ctx, func(ctx context.Context) error {
		return makeTopic(ctx, l.client, s.DeadTopic, s.DeadReplication, nil)
	})
	if err == nil {
		l.writer, err = kafka.NewWriter(connect)
	}
	if err != nil {
		l.client.Close()
		return nil, err
	}
	return l, nil
}

// Needs are the topics of a connector's dead letters; none without dead letters.
func Needs(s *spec.Spec) []connector.NeededTopic {
	if s.DeadTopic == "" {
		return nil
	}
	return []connector.NeededTopic{
		{Name: s.DeadTopic, For: "dead letters", Replication: s.DeadReplication},
		{Name: ResolvedTopic(s.DeadTopic), For: "marks of dead letters that are replayed or discarded", Replication: -1,
			Compacted: true, Later: true},
	}
}

// plain makes a further client of the brokers of the letters.
func (l *topicClient) plain(options ...kgo.Opt) (*kgo.Client, error) { return l.connect(options, nil) }

func makeTopic(ctx context.Context, client *kgo.Client, topic string, replication int16,
	settings map[string]*string) error {
	ctx, cancel := context.WithTimeout(ctx, 15*time.Second)
	defer cancel()
	_, err := kafka.MakeTopic(ctx, kadm.NewClient(client), topic, 1, replication, settings)
	switch {
	case err == nil, errors.Is(err, kerr.TopicAlreadyExists):
		return nil
	case kafka.TopicRemedy(err) != "":
		return retry.Permanent(fmt.Errorf("make topic %s: %w. %s", topic, err, kafka.TopicRemedy(err)))
	case errors.Is(err, kerr.InvalidReplicationFactor), errors.Is(err, kerr.InvalidTopicException):
		return retry.Permanent(
			fmt.Errorf("make topic %s: %w. Make it yourself, or fix errors.deadletterqueue.topic.replication.factor", topic,
				err))
	}
	return fmt.Errorf("make topic %s: %w", topic, err)
}

// write returns when the letters are durable.
func (l *topicClient) write(ctx context.Context, records []batch.Refused) error {
	out := make([]*kgo.Record, len(records))
	for i, r := range records {
		headers := append([]kgo.RecordHeader(nil), r.Record.Headers...)
		add := func(key, value string) { headers = append(headers, kgo.RecordHeader{Key: key, Value: []byte(value)}) }
		add(HeaderTopic, r.Record.Topic)
		add(HeaderPartition, strconv.Itoa(int(r.Record.Partition)))
		add(HeaderOffset, strconv.FormatInt(r.Record.Offset, 10))
		add(HeaderConnector, l.connector)
		add(HeaderTask, strconv.Itoa(l.task))
		why := rejectionOf(r.Reason)
		stage, exception := why.stage()
		add(headerStage, stage)
		add(headerException, exception)
		add(HeaderMessage, l.hidden(r.Reason.Error()))
		add(HeaderClass, string(why.Class))
		if why.byCluster() {
			add(headerCode, why.Code)
			add(headerPermanent, strconv.FormatBool(why.Permanent))
		}
		if why.Column != "" {
			add(HeaderColumn, why.Column)
		}
		out[i] = &kgo.Record{Topic: l.topic, Key: r.Record.Key, Value: r.Record.Value, Headers: headers,
			Timestamp: r.Record.Timestamp}
	}
	err := l.writer.Write(ctx, out...)
	if errors.Is(err, kerr.UnknownTopicOrPartition) || errors.Is(err, kerr.UnknownTopicID) { // it was deleted
		if err := makeTopic(ctx, l.client, l.topic, l.replication, nil); err != nil {
			return err
		}
		if err = l.writer.Forget(ctx, l.topic); err == nil { // else it goes on with the old one's id
			err = l.writer.Write(ctx, out...)
		}
	}
	if tooLarge, ok := errors.AsType[*kafka.TooLargeError](err); ok {
		i := slices.Index(out, tooLarge.Record)
		r := records[i].Record
		return retry.Permanent(fmt.Errorf(
			"offset %d of partition %d of %s cannot be set aside in the dead letter topic: %w. Where it takes no more, as on Event Hubs, which takes 1 MB, have dead letters go to other brokers (misc.deadletterqueue.bootstrap.servers), or go on without the record: calypsoctl offsets set %s with offset %d for the partition",
			r.Offset, r.Partition, r.Topic, err, l.connector, r.Offset+1))
	}
	if err != nil {
		return fmt.Errorf("write to the dead letter topic %s: %w", l.topic, err)
	}
	return nil
}

func (l *topicClient) Close() {
	if l != nil {
		l.client.Close()
		l.writer.Close()
	}
}

// ownHeader reports whether a header was added when a record became a dead letter.
func ownHeader(key string) bool {
	return strings.HasPrefix(key, headerPrefix) || strings.HasPrefix(key, ownPrefix)
}
