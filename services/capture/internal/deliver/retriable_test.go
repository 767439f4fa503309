package deliver

import (
	"context"
	"fmt"
	"log/slog"
	"sync/atomic"
	"testing"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/calypso-cdc/calypso/libs/connector"
)

const topics, rows = 40, 20

// Brokers learn of a topic some time after another has made it, and say until then that they do not know it.
func TestRetriableAnswersOfTheBrokerAreWaitedOutAndNoRecordComesTwice(t *testing.T) {
	for name, answer := range map[string]*kerr.Error{
		"UNKNOWN_TOPIC_OR_PARTITION": kerr.UnknownTopicOrPartition, "NOT_LEADER_OR_FOLLOWER": kerr.NotLeaderForPartition,
		"LEADER_NOT_AVAILABLE": kerr.LeaderNotAvailable, "NOT_ENOUGH_REPLICAS": kerr.NotEnoughReplicas,
		"COORDINATOR_LOAD_IN_PROGRESS": kerr.CoordinatorLoadInProgress,
	} {
		t.Run(name, func(t *testing.T) {
			cluster, err := kfake.NewCluster(kfake.NumBrokers(3), kfake.SeedTopics(1, "offsets"))
			if err != nil {
				t.Fatal(err)
			}
			defer cluster.Close()
			var refused atomic.Int64
			// The first requests are refused.
			cluster.ControlKey(int16(kmsg.Produce), func(req kmsg.Request) (kmsg.Response, error, bool) {
				cluster.KeepControl()
				if refused.Add(1) > 15 {
					return nil, nil, false
				}
				p := req.(*kmsg.ProduceRequest)
				resp := p.ResponseKind().(*kmsg.ProduceResponse)
				for _, topic := range p.Topics {
					rt := kmsg.NewProduceResponseTopic()
					rt.Topic, rt.TopicID = topic.Topic, topic.TopicID
					for _, partition := range topic.Partitions {
						rp := kmsg.NewProduceResponseTopicPartition()
						rp.Partition, rp.ErrorCode = partition.Partition, answer.Code
						rt.Partitions = append(rt.Partitions, rp)
					}
					resp.Topics = append(resp.Topics, rt)
				}
				return resp, nil, true
			})
			var created atomic.Int64
			cluster.ControlKey(int16(kmsg.CreateTopics), func(req kmsg.Request) (kmsg.Response, error, bool) {
				cluster.KeepControl()
				if created.Add(1)%7 != 1 { // every seventh meets a controller that has gone elsewhere
					return nil, nil, false
				}
				c := req.(*kmsg.CreateTopicsRequest)
				resp := c.ResponseKind().(*kmsg.CreateTopicsResponse)
				for _, topic := range c.Topics {
					rt := kmsg.NewCreateTopicsResponseTopic()
					rt.Topic, rt.ErrorCode = topic.Topic, kerr.RequestTimedOut.Code
					resp.Topics = append(resp.Topics, rt)
				}
				return resp, nil, true
			})
			client := func(o ...kgo.Opt) (*kgo.Client, error) {
				return kgo.NewClient(append([]kgo.Opt{kgo.SeedBrokers(cluster.ListenAddrs()...)}, o...)...)
			}
			groups, err := ParseTopicGroups(nil, map[string]string{"default.partitions": "6"})
			if err != nil {
				t.Fatal(err)
			}
			p, err := Open(t.Context(), Config{AtLeastOnce: true,
				Settings: Settings{Topics: groups, Compression: []kgo.CompressionCodec{kgo.NoCompression()},
					BatchEvents: DefaultBatchEvents, BatchBytes: DefaultBatchBytes},
				Env: connector.TaskEnv{Connector: "c", Kafka: client, OffsetsTopic: "offsets",
					UsedTopic: func(string) error { return nil }, Retrying: func(error) {}, Logger: slog.New(slog.DiscardHandler)}})
			if err != nil {
				t.Fatal(err)
			}
			defer p.Close()
			var records []kgo.Record
			for i := range topics {
				for j := range rows {
					records = append(records, kgo.Record{Topic: fmt.Sprintf("t%d", i), Key: fmt.Append(nil, j), Value: []byte("v")})
				}
			}
			if err := p.Write(t.Context(), records, []byte("k"), []byte("v")); err != nil {
				t.Fatal(err)
			}
			if err := p.Commit(t.Context()); err != nil {
				t.Fatal(err)
			}
			if n := ends(t, client); n != topics*rows {
				t.Errorf("%d records are in the topics, want %d", n, topics*rows)
			}
		})
	}
}

// ends counts the records of the topics.
func ends(t *testing.T, client func(...kgo.Opt) (*kgo.Client, error)) (n int64) {
	t.Helper()
	c, err := client()
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	var names []string
	for i := range topics {
		names = append(names, fmt.Sprintf("t%d", i))
	}
	offsets, err := kadm.NewClient(c).ListEndOffsets(context.Background(), names...)
	if err != nil {
		t.Fatal(err)
	}
	offsets.Each(func(o kadm.ListedOffset) { n += o.Offset })
	return n
}
