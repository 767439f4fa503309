package kafka_test

import (
	"bytes"
	"slices"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/calypso-cdc/calypso/libs/kafka"
)

// Each record is a batch of its own, and the broker refuses the first that comes.
func TestRecordsOfAKeyStayInOrderWhereTheFirstIsRefusedForNow(t *testing.T) {
	cluster, err := kfake.NewCluster(kfake.NumBrokers(1), kfake.SeedTopics(1, "state"))
	if err != nil {
		t.Fatal(err)
	}
	defer cluster.Close()
	client, err := kgo.NewClient(kgo.SeedBrokers(cluster.ListenAddrs()...), kgo.DefaultProduceTopic("state"),
		kgo.DisableIdempotentWrite(), kgo.ProducerBatchCompression(kgo.NoCompression()), kgo.ProducerBatchMaxBytes(1<<10))
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	var refused atomic.Bool
	cluster.ControlKey(int16(kmsg.Produce), func(request kmsg.Request) (kmsg.Response, error, bool) {
		cluster.KeepControl()
		if refused.Swap(true) {
			return nil, nil, false
		}
		asked := request.(*kmsg.ProduceRequest)
		answer := asked.ResponseKind().(*kmsg.ProduceResponse)
		for _, topic := range asked.Topics {
			of := kmsg.NewProduceResponseTopic()
			of.Topic, of.TopicID = topic.Topic, topic.TopicID
			for _, partition := range topic.Partitions {
				one := kmsg.NewProduceResponseTopicPartition()
				one.Partition, one.ErrorCode = partition.Partition, kerr.PolicyViolation.Code
				of.Partitions = append(of.Partitions, one)
			}
			answer.Topics = append(answer.Topics, of)
		}
		return answer, nil, true
	})
	var records []*kgo.Record
	for _, name := range []string{"old", "new"} {
		records = append(records,
			&kgo.Record{Key: []byte("key"), Value: append([]byte(name+" "), bytes.Repeat([]byte("x"), 700)...)})
	}
	if err := kafka.Produce(t.Context(), client, records...); err != nil {
		t.Fatal(err)
	}

	reader, err := kgo.NewClient(kgo.SeedBrokers(cluster.ListenAddrs()...), kgo.ConsumeTopics("state"))
	if err != nil {
		t.Fatal(err)
	}
	defer reader.Close()
	var read []string
	for !slices.Contains(read, "new") {
		fetches := reader.PollFetches(t.Context())
		if err := fetches.Err(); err != nil {
			t.Fatal(err)
		}
		fetches.EachRecord(func(r *kgo.Record) {
			name, _, _ := strings.Cut(string(r.Value), " ")
			read = append(read, name)
		})
	}
	if first, last := slices.Index(read, "old"), len(read)-1; first < 0 || read[last] != "new" || !refused.Load() {
		t.Errorf("the topic has %v", read)
	}
}
