package sink

import (
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"math/rand/v2"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/calypso-cdc/calypso/services/sink/internal/spec"

	"github.com/calypso-cdc/calypso/libs/kusto"
	"github.com/calypso-cdc/calypso/libs/testenv"

	"github.com/calypso-cdc/calypso/services/sink/internal/status"
)

// note commits an offset with metadata, in place of the connector.
func (s *fixture) note(offset int64, metadata string) {
	s.t.Helper()
	var offsets kadm.Offsets
	offsets.Add(kadm.Offset{Topic: s.topic, At: offset, LeaderEpoch: -1, Metadata: metadata})
	responses, err := kadm.NewClient(s.kafka).CommitOffsets(s.t.Context(), "connect-"+s.name, offsets)
	if err := errors.Join(err, responses.Error()); err != nil {
		s.t.Fatal(err)
	}
}

func (s *fixture) topicID() string {
	s.t.Helper()
	topics, err := kadm.NewClient(s.kafka).ListTopics(s.t.Context(), s.topic)
	if err != nil {
		s.t.Fatal(err)
	}
	return topics[s.topic].ID.String()
}

func TestANotedBatchWithoutRecordsStopsTheTaskWithTheWayToGoOn(t *testing.T) {
	for name, c := range map[string]struct{ metadata, says string }{
		"beyond the end": {"calypso1:5,zzzz",
			"ends at offset 9, and a batch that ends before offset 1679621 is noted with the committed offset 1"},
		"beyond all offsets": {"calypso1:5," + strconv.FormatInt(1<<62, 36), "ends at offset 9"},
		"unreadable":         {"calypso1:5,?", `cannot be read: "calypso1:5,?"`},
		"of a later version": {"calypso17:what",
			`a later version of Calypso has noted its batches with offset 1: "calypso17:what"`},
		"of a topic, cut off":  {"calypso2:", "cannot be read"},
		"of no topic's id":     {"calypso2:what:5", "cannot be read"},
		"a length of nothing":  {"calypso1:0", "cannot be read"},
		"a thousand megabytes": {"calypso3::" + strings.Repeat("z", 500), "cannot be read"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newFixture(t, 1, nil)
			s.produce(1, 10, 1)
			s.note(1, c.metadata)
			r := s.start()
			select {
			case err := <-r.ended:
				r.ended <- err
				for _, text := range []string{c.says, "partition 0 of " + s.topic, "PATCH /connectors/" + s.name + "/offsets",
					"calypsoctl offsets set " + s.name} {
					if err == nil || !strings.Contains(err.Error(), text) {
						t.Fatalf("%v does not say %q", err, text)
					}
				}
			case <-time.After(2 * time.Minute):
				t.Fatal("the task goes on")
			}
			at, err := s.committed(t.Context(), 0) // a batch before it may have come through
			if err != nil || at != 1 && at != 6 {
				t.Errorf("committed %d, %v", at, err)
			}
			s.note(at, "")
			s.start()
			s.commits(0, 9)
			s.holdsIDs(func(yield func(int) bool) {
				for id := 2; id < 10 && yield(id); id++ {
				}
			})
		})
	}
}

func TestANoteThatCannotBeReadStopsItsTopicAloneWhereTheUserAllowsIt(t *testing.T) {
	s := newFixture(t, 1, map[string]string{"records.missing": spec.MissingTopic})
	other, table := s.second()
	s.produce(1, 10, 1)
	s.note(1, "calypso9:?")
	s.send(&kgo.Record{Topic: other, Value: []byte(order(1))})
	r := s.start()
	s.answers(table+" | count", "1")
	r.notices(t, status.RecordsMissing, s.topic, true)
	if got := s.query(s.table + " | count"); got != "0" {
		t.Errorf("%s rows of a topic whose position is not known", got)
	}
}

// A leader that was just elected may say for a while that its partition ends before what its followers have.
func TestANotedBatchIsKeptWhileTheEndOfItsPartitionLagsBehind(t *testing.T) {
	s := newFixture(t, 1, nil)
	cluster := s.instead()
	s.produce(1, 10, 1)
	s.note(0, "calypso3:"+s.topicID()+":3,6")
	var lags atomic.Int32
	lags.Store(4)
	cluster.ControlKey(int16(kmsg.ListOffsets), func(r kmsg.Request) (kmsg.Response, error, bool) {
		cluster.KeepControl()
		request := r.(*kmsg.ListOffsetsRequest)
		if len(request.Topics) != 1 || request.Topics[0].Partitions[0].Timestamp != -1 || lags.Add(-1) < 0 {
			return nil, nil, false
		}
		response := request.ResponseKind().(*kmsg.ListOffsetsResponse)
		topic, partition := kmsg.NewListOffsetsResponseTopic(), kmsg.NewListOffsetsResponseTopicPartition()
		topic.Topic, partition.Offset = request.Topics[0].Topic, 2
		topic.Partitions = append(topic.Partitions, partition)
		response.Topics = append(response.Topics, topic)
		return response, nil, true
	})
	r := s.start()
	testenv.Eventually(t, time.Minute, "questions until the end is known", func(context.Context) error {
		if n := lags.Load(); n >= 0 {
			return fmt.Errorf("%d questions are still answered wrongly", n)
		}
		return nil
	})
	s.holds(10)
	s.commits(0, 9)
	if err := r.stop(); err != nil {
		t.Fatal(err)
	}
	tags := servers.adx.tags(t, s.table)
	for _, cut := range []string{"0-2", "3-8"} {
		if tag := fmt.Sprintf("ingest-by:%s/0/%s@%s/connect-%s", s.topic, cut, s.topicID(), s.name); tags[tag] != 1 {
			t.Errorf("the tags are %v, without %s", tags, tag)
		}
	}
}

func TestABatchThatAnEarlierVersionHasNotedKeepsTheTagThatItMayHaveBeenSentUnder(t *testing.T) {
	s := newFixture(t, 1, nil)
	s.produce(1, 10, 1)
	id := s.topicID()
	s.note(0, "calypso2:"+id+":5")
	var rows strings.Builder
	for n := 1; n <= 5; n++ {
		fmt.Fprintf(&rows, "\n%d,1,x,1,2026-01-02", n)
	}
	tag := fmt.Sprintf("%s/0/0-4@%s", s.topic, id)
	s.manage(".ingest inline into table " + s.table + " with (format='csv', tags=" +
		kusto.QuoteString(`["ingest-by:`+tag+`"]`) + ") <|" + rows.String())
	s.start()
	s.holds(10)
	s.commits(0, 9)
}

// As with Kafka Connect, where each connector is a group of its own that knows nothing of others.
func TestTwoConnectorsBringTheSameTopicIntoTheSameTableTwice(t *testing.T) {
	s := newFixture(t, 1, nil)
	s.produce(1, 50, 1)
	second := *s
	second.name, second.config = s.name+"-b", map[string]string{}
	for k, v := range s.config {
		second.config[k] = v
	}
	second.config["name"] = second.name
	s.start()
	s.commits(0, 49)
	second.start() // it finds the same records there, and cuts the same batches
	second.commits(0, 49)
	s.answers(s.table+" | summarize n=count() by orderid | summarize count(), min(n), max(n)", "49 2 2")
}

func TestANotedBatchThatIsLargerThanTheMemoryStopsTheTaskBeforeItTakesMore(t *testing.T) {
	s := newFixture(t, 1, map[string]string{"buffer.memory.bytes": strconv.Itoa(1 << 20), "flush.max.bytes": "20000"})
	noise := rand.NewChaCha8([32]byte{})
	var records []*kgo.Record
	for id := range 3000 {
		text := make([]byte, 1000)
		_, _ = noise.Read(text)
		if records = append(records,
			&kgo.Record{Value: []byte(strings.Replace(order(id), "New York", hex.EncodeToString(text), 1))}); len(
			records) == 200 {
			s.send(records...)
			records = records[:0]
		}
	}
	s.note(0, "calypso1:"+strconv.FormatInt(3000, 36))
	if err := s.start().failure(t); !strings.Contains(err.Error(),
		"from offset 0 that is noted to end before offset 3000 takes more memory than buffer.memory.bytes=1048576") {
		t.Error(err)
	}
}

// The end of the log says nothing of what was read of it: a batch that was closed as soon as the
// log went beyond it lost what came later.
func TestANotedBatchIsNotClosedBeforeItsRecordsAreRead(t *testing.T) {
	s := newFixture(t, 1, map[string]string{"flush.interval.ms": "10", "consumer.override.fetch.max.bytes": "70000",
		"consumer.override.max.partition.fetch.bytes": "70000"})
	cluster := s.instead()
	for id := 1; id <= 3000; id += 100 {
		s.produce(id, id+100, 1)
	}
	s.note(0, "calypso1:"+strconv.FormatInt(3000, 36))
	cluster.ControlKey(int16(kmsg.Fetch), func(kmsg.Request) (kmsg.Response, error, bool) {
		cluster.KeepControl()
		time.Sleep(50 * time.Millisecond) // longer than a batch waits for rows
		return nil, nil, false
	})
	s.start()
	s.holds(3001)
	s.commits(0, 3000)
}

// instead has the fixture use brokers of its own that can be told what to answer.
func (s *fixture) instead() *kfake.Cluster {
	s.t.Helper()
	cluster, err := kfake.NewCluster(kfake.NumBrokers(1), kfake.SeedTopics(1, s.topic))
	if err != nil {
		s.t.Fatal(err)
	}
	s.t.Cleanup(cluster.Close)
	s.brokers = strings.Join(cluster.ListenAddrs(), ",")
	if s.kafka, err = kgo.NewClient(kgo.SeedBrokers(s.brokers), kgo.RecordPartitioner(kgo.ManualPartitioner()),
		kgo.DefaultProduceTopic(s.topic)); err != nil {
		s.t.Fatal(err)
	}
	s.t.Cleanup(s.kafka.Close)
	return cluster
}
