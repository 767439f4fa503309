package sink

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"fmt"
	"maps"
	"strings"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/calypso-cdc/calypso/libs/testenv"
)

func TestABrokerWhoseDiskIsFullIsWaitedForAndNothingIsLostOrRepeated(t *testing.T) {
	needServers(t)
	dir, resize := testenv.SmallDisk(t, 48)
	kafka := testenv.RunKafka(t, testenv.KafkaConfig{RealOnly: true, Properties: []string{"log.dirs=" + dir + "/data",
		"offsets.topic.num.partitions=1"}})
	usual := servers.kafka
	servers.kafka = kafka
	defer func() { servers.kafka = usual }()
	s := newFixture(t, 1, nil)
	if made, err := kadm.NewClient(s.kafka).CreateTopic(t.Context(), 1, 1, nil, "filling"); err != nil || made.Err != nil {
		t.Fatal(err, made.Err)
	}
	r := s.start()
	filling := make([]byte, 400<<10)
	if _, err := rand.Read(filling); err != nil {
		t.Fatal(err)
	}
	// What is acknowledged must come; of the last record it is not known whether it was taken.
	writer, err := kgo.NewClient(kgo.SeedBrokers(kafka.Bootstrap), kgo.RecordDeliveryTimeout(20*time.Second),
		kgo.ProduceRequestTimeout(5*time.Second), kgo.DisableIdempotentWrite(), kgo.RecordRetries(0))
	if err != nil {
		t.Fatal(err)
	}
	defer writer.Close()
	acknowledged, failure := 0, error(nil)
	for failure == nil && acknowledged < 1000 {
		id := acknowledged + 1
		if failure = writer.ProduceSync(t.Context(), &kgo.Record{Topic: s.topic,
			Value: []byte(order(id))}).FirstErr(); failure == nil {
			acknowledged = id
			failure = writer.ProduceSync(t.Context(), &kgo.Record{Topic: "filling", Value: filling}).FirstErr()
		}
	}
	if failure == nil {
		t.Fatal("the disk took everything")
	}
	t.Logf("%d orders were acknowledged before: %v", acknowledged, failure)
	testenv.Eventually(t, time.Minute, "the task to say what stands in the way", func(context.Context) error {
		r.mu.Lock()
		defer r.mu.Unlock()
		for _, err := range r.retries {
			if err != nil && strings.Contains(err.Error(), "read the topics of group connect-"+s.name) {
				return nil
			}
		}
		return fmt.Errorf("it says %v", r.retries)
	})
	kafka.Kill() // if it has not ended by itself
	resize(200)
	if err := kafka.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	s.produce(acknowledged+2, acknowledged+20, 1)
	ids := map[int]bool{} // of the one in between it is not known whether it was taken
	if err := testenv.ReadTopic(t.Context(), func(o ...kgo.Opt) (*kgo.Client, error) {
		return kgo.NewClient(append(o, kgo.SeedBrokers(kafka.Bootstrap))...)
	}, s.topic, func(r *kgo.Record) {
		var event struct{ After struct{ OrderID int } }
		if err := json.Unmarshal(r.Value, &event); err != nil {
			t.Error(err)
		}
		ids[event.After.OrderID] = true
	}); err != nil {
		t.Fatal(err)
	}
	for id := 1; id < acknowledged+20; id++ {
		if !ids[id] && id != acknowledged+1 {
			t.Errorf("order %d was acknowledged, and the broker does not have it", id)
		}
	}
	s.holdsIDs(maps.Keys(ids))
	if err := r.stop(); err != nil {
		t.Error(err)
	}
}
