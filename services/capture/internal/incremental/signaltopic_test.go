package incremental

import (
	"context"
	"testing"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/calypso-cdc/calypso/libs/pgrepl"
	"github.com/calypso-cdc/calypso/services/capture/internal/buffer"
	"github.com/calypso-cdc/calypso/services/capture/internal/status"
)

// outcomes passes on how background work came out.
type outcomes chan status.Worked

func (o outcomes) Observe(e status.Event) {
	if w, is := e.(status.Worked); is {
		o <- w
	}
}

func TestASignalTopicThatMayNotBeReadIsToldUntilItMay(t *testing.T) {
	cluster, err := kfake.NewCluster(kfake.NumBrokers(1), kfake.SeedTopics(1, "signals"))
	if err != nil {
		t.Fatal(err)
	}
	defer cluster.Close()
	refused := 0
	cluster.ControlKey(int16(kmsg.Fetch), func(r kmsg.Request) (kmsg.Response, error, bool) {
		if refused == 2 {
			return nil, nil, false
		}
		refused++
		cluster.KeepControl()
		request := r.(*kmsg.FetchRequest)
		response := request.ResponseKind().(*kmsg.FetchResponse)
		for _, of := range request.Topics {
			topic := kmsg.NewFetchResponseTopic()
			topic.Topic, topic.TopicID = of.Topic, of.TopicID
			partition := kmsg.NewFetchResponseTopicPartition()
			partition.ErrorCode = kerr.TopicAuthorizationFailed.Code
			topic.Partitions = append(topic.Partitions, partition)
			response.Topics = append(response.Topics, topic)
		}
		return response, nil, true
	})
	n, _, _ := snapshots(t)
	told := make(outcomes, 100)
	n.d.Status, n.d.Buffer = told, buffer.New(pgrepl.Position{}, 10, 1000)
	n.d.Kafka = func(o ...kgo.Opt) (*kgo.Client, error) {
		return kgo.NewClient(append(o, kgo.SeedBrokers(cluster.ListenAddrs()...))...)
	}
	n.d.Spec.Signals.Topic = "signals"
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- n.Follow(ctx, new(int64)) }()
	failed := <-told
	if failed.Err == nil || failed.Work != status.SignalTopic || failed.Remedy == "" {
		t.Errorf("told is %+v", failed)
	}
	for failed.Err != nil {
		failed = <-told
	}
	cancel()
	if err := <-ended; err != nil {
		t.Error(err)
	}
}
