package sink

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/calypso-cdc/calypso/services/sink/internal/batch"
	"github.com/calypso-cdc/calypso/services/sink/internal/deadletter"

	sinkv1 "github.com/calypso-cdc/calypso/gen/calypso/sink/v1"
	"github.com/calypso-cdc/calypso/libs/testenv"
)

// The tests named E1 to E13 each show that a way in which Azure's Kafka Connect sink 5.3.1 loses,
// repeats or hides rows is not ours.

func (a *adx) outage(t *testing.T) (heal func(), refused *atomic.Int64) {
	var down atomic.Bool
	down.Store(true)
	refused = &atomic.Int64{}
	a.inject(t, func(r *http.Request) fault {
		if !down.Load() {
			return pass
		}
		switch refused.Add(1) % 3 {
		case 0:
			return refuse
		case 1:
			return throttle
		}
		return drop
	})
	return func() { down.Store(false) }, refused
}

func (r *running) waitRetrying(t *testing.T) {
	t.Helper()
	testenv.Eventually(t, time.Minute, "the task to say that it retries", func(context.Context) error {
		r.mu.Lock()
		defer r.mu.Unlock()
		for _, err := range r.retries {
			if err != nil {
				return nil
			}
		}
		return fmt.Errorf("it has not")
	})
}

func TestE1AnOutageLosesNothingWhenErrorsAreTolerated(t *testing.T) {
	s := newFixture(t, 1, map[string]string{"behavior.on.error": "LOG"})
	r := s.start()
	s.produce(1, 200, 1)
	s.holds(200)
	s.commits(0, 199)
	heal, _ := servers.adx.outage(t)
	s.produce(200, 400, 1)
	r.waitRetrying(t)
	if at, err := s.committed(t.Context(), 0); err != nil || at != 199 {
		t.Fatalf("committed %d during the outage, want 199; %v", at, err)
	}
	heal()
	s.produce(400, 500, 1)
	s.holds(500)
}

func TestE2AFailedFlushIsTriedAgainWithoutNewRecords(t *testing.T) {
	s := newFixture(t, 1, nil)
	r := s.start()
	s.produce(1, 3, 1)
	s.holds(3)
	heal, _ := servers.adx.outage(t)
	s.produce(3, 6, 1)
	r.waitRetrying(t)
	heal()
	s.holds(6)
	s.commits(0, 5)
}

func TestE3MembersThatComeAndGoLoseAndRepeatNothing(t *testing.T) {
	needServers(t)
	for _, protocol := range []string{"classic", "consumer"} {
		t.Run(protocol, func(t *testing.T) {
			if protocol == "consumer" && !servers.kafka.Real {
				t.Skip("brokers that share partitions out themselves (KIP-848) need a real Kafka")
			}
			membersComeAndGo(t, protocol)
		})
	}
}

func membersComeAndGo(t *testing.T, protocol string) {
	s := newFixture(t, 6, map[string]string{"consumer.override.group.protocol": protocol})
	stop := make(chan struct{})
	last := make(chan int)
	go func() {
		id := 1
		for {
			select {
			case <-stop:
				last <- id
				return
			default:
				s.produce(id, id+60, 6)
				id += 60
				time.Sleep(10 * time.Millisecond)
			}
		}
	}()
	first := s.start()
	time.Sleep(2 * time.Second)
	second := s.start()
	third := s.start()
	time.Sleep(4 * time.Second)
	if servers.kafka.Real {
		groups, err := kmsg.NewPtrListGroupsRequest().RequestWith(t.Context(), s.kafka)
		if err != nil {
			t.Fatal(err)
		}
		for _, g := range groups.Groups {
			if g.Group == "connect-"+s.name && !strings.EqualFold(g.GroupType, protocol) {
				t.Errorf("the group is of type %s, want %s", g.GroupType, protocol)
			}
		}
	}
	if err := second.stop(); err != nil {
		t.Fatal(err)
	}
	s.start()
	time.Sleep(3 * time.Second)
	if err := first.stop(); err != nil {
		t.Fatal(err)
	}
	time.Sleep(time.Second)
	close(stop)
	n := <-last
	s.holds(n)
	if err := third.stop(); err != nil {
		t.Fatal(err)
	}
}

// letters reads the dead letter topic until it has n records.
func (s *fixture) letters(topic string, n int) []*kgo.Record {
	s.t.Helper()
	client, err := kgo.NewClient(kgo.SeedBrokers(s.brokers), kgo.ConsumeTopics(topic),
		kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()))
	if err != nil {
		s.t.Fatal(err)
	}
	defer client.Close()
	ctx, cancel := context.WithTimeout(s.t.Context(), time.Minute)
	defer cancel()
	var out []*kgo.Record
	for len(out) < n {
		fetches := client.PollFetches(ctx)
		if ctx.Err() != nil {
			s.t.Fatalf("%d dead letters, want %d", len(out), n)
		}
		out = append(out, fetches.Records()...)
	}
	return out
}

func header(r *kgo.Record, key string) string {
	for _, h := range r.Headers {
		if h.Key == key {
			return string(h.Value)
		}
	}
	return ""
}

func poison(id int) *kgo.Record {
	return &kgo.Record{Key: []byte(fmt.Sprintf("\x00key %d", id)),
		Value:   []byte(strings.Replace(order(id), `"amount":`, `"amount":99999999999,"was":`, 1)),
		Headers: []kgo.RecordHeader{{Key: "trace", Value: []byte{0, 1, 255}}, {Key: "trace", Value: nil}}}
}

func TestE5AnOutageOfTheDeadLettersBrokersLosesNoLetter(t *testing.T) {
	others, err := kfake.NewCluster(kfake.NumBrokers(1))
	if err != nil {
		t.Fatal(err)
	}
	defer others.Close()
	var refused atomic.Int64
	others.ControlKey(kmsg.Produce.Int16(), func(kmsg.Request) (kmsg.Response, error, bool) {
		if refused.Add(1) > 3 {
			return nil, nil, false
		}
		others.KeepControl()
		return nil, errors.New("the connection is cut"), true
	})
	s := newFixture(t, 1, map[string]string{
		"behavior.on.error": "LOG", "misc.deadletterqueue.topic.name": "dead",
		"misc.deadletterqueue.bootstrap.servers": strings.Join(others.ListenAddrs(), ","),
	})
	s.send(poison(1))
	s.produce(2, 10, 1)
	r := s.start()
	s.commits(0, 9)
	found, err := s.service(r).ListDeadLetters(t.Context(), &sinkv1.ListDeadLettersRequest{Connector: s.name})
	if err != nil || found.GetTotal() != 1 || refused.Load() < 3 {
		t.Errorf("%v after %d refusals, %v", found, refused.Load(), err)
	}
}

func TestE4AndE6DeadLettersAreWholeAlsoAfterARebalance(t *testing.T) {
	s := newFixture(t, 2, nil)
	dead := s.topic + "-dead"
	s.config["errors.tolerance"], s.config["errors.deadletterqueue.topic.name"] = "all", dead
	s.config["errors.deadletterqueue.topic.replication.factor"] = "1"
	s.start()
	s.produce(1, 100, 2)
	s.holds(100)
	second := s.start()
	time.Sleep(2 * time.Second)
	if err := second.stop(); err != nil { // partitions were revoked and came back
		t.Fatal(err)
	}
	bad := poison(100)
	s.send(bad)
	s.produce(101, 200, 2)
	s.holdsIDs(func(yield func(int) bool) {
		for id := 1; id < 200; id++ {
			if id != 100 && !yield(id) {
				return
			}
		}
	})
	got := s.letters(dead, 1)[0]
	if string(got.Key) != string(bad.Key) || string(got.Value) != string(bad.Value) {
		t.Errorf("key %q value %q", got.Key, got.Value)
	}
	if len(got.Headers) < 2 || got.Headers[0].Key != "trace" || string(got.Headers[0].Value) != "\x00\x01\xff" {
		t.Errorf("headers %v", got.Headers)
	}
	if header(got, deadletter.HeaderTopic) != s.topic || header(got, deadletter.HeaderPartition) != "0" ||
		header(got, deadletter.HeaderOffset) == "" || !strings.Contains(header(got, deadletter.HeaderMessage),
		"column amount") {
		t.Errorf("position and reason: %v", got.Headers)
	}
}

func TestE7WithoutADeadLetterTopicToleratedRowsArePassedOver(t *testing.T) {
	s := newFixture(t, 1, map[string]string{"behavior.on.error": "LOG"})
	r := s.start()
	s.send(poison(1))
	s.produce(2, 50, 1)
	s.holdsIDs(func(yield func(int) bool) {
		for id := 2; id < 50; id++ {
			if !yield(id) {
				return
			}
		}
	})
	s.commits(0, 49)
	if n := r.task.status.Counted().SetAside; n != 1 {
		t.Errorf("%d rows are counted as passed over, want 1", n)
	}
}

func TestE8AStandstillOfTheClusterBoundsMemory(t *testing.T) {
	s := newFixture(t, 1, map[string]string{"buffer.memory.bytes": "1048576", "flush.max.bytes": "200000"})
	r := s.start()
	s.produce(1, 10, 1)
	s.holds(10)
	heal, _ := servers.adx.outage(t)
	s.produce(10, 130_000, 1)
	r.waitRetrying(t)
	time.Sleep(time.Second)
	state, err := s.service(r).GetSink(t.Context(), &sinkv1.GetSinkRequest{Connector: s.name})
	if err != nil {
		t.Fatal(err)
	}
	if n := state.GetSink().GetBatchesInFlight(); n < 1 {
		t.Errorf("%d batches are said to be under way while the cluster takes none", n)
	}
	if sent := r.task.memory.Sent.Load(); sent > 1<<20 {
		t.Errorf("%d bytes are under way, more than the limit", sent)
	}
	before := r.task.memory.Held.Load()
	time.Sleep(time.Second)
	if held := r.task.memory.Held.Load(); held > before+1<<20 {
		t.Errorf("%d bytes are held, and %d a second ago", held, before)
	}
	heal()
	s.holds(130_000)
}

func TestE8RecordsAreNotKeptFromTheirBatchOn(t *testing.T) {
	s := newFixture(t, 1, map[string]string{"behavior.on.error": "LOG", "flush.size.bytes": "500000000",
		"flush.max.bytes": "500000000", "flush.interval.ms": "600000"})
	s.config["errors.deadletterqueue.topic.name"], s.config["errors.deadletterqueue.topic.replication.factor"] = s.topic+
		"-dead", "1"
	const records = 200_000 // some 110 MB as records
	s.produce(1, records+1, 1)
	inUse := func() int64 {
		var m runtime.MemStats
		runtime.GC()
		runtime.ReadMemStats(&m)
		return int64(m.HeapAlloc)
	}
	before := inUse()
	r := s.start()
	testenv.Eventually(t, 2*time.Minute, "all records to be read and none to be kept", func(context.Context) error {
		r.joined(t)
		p, _ := r.membership.Load().Partitions.Find(batch.Source{Topic: s.topic, Partition: 0})
		if p == nil {
			return errors.New("the partition is not assigned")
		}
		read := r.task.status.EndOf(p.Source)
		waiting, _, _ := p.State()
		if grown := inUse() - before; read < records || waiting > 0 || grown > 60<<20 {
			return fmt.Errorf("read up to %d of %d, %d bytes wait, the heap grew by %d MB", read, records, waiting, grown>>20)
		}
		return nil
	})
}

func TestE9TombstonesAndDeletesAdvanceTheOffset(t *testing.T) {
	s := newFixture(t, 1, nil)
	r := s.start()
	s.produce(1, 10, 1)
	s.send(&kgo.Record{Key: []byte("1"),
		Value: []byte(strings.NewReplacer(`"before":null,"after":`, `"before":`, `,"source"`, `,"after":null,"source"`,
			`"op":"c"`, `"op":"d"`).Replace(order(1)))},
		&kgo.Record{Key: []byte("1")})
	s.holds(10)
	s.commits(0, 11)
	testenv.Eventually(t, 10*time.Second, "the counts", func(context.Context) error {
		if c := r.task.status.Counted(); c.Tombstones != 1 || c.Deletes != 1 {
			return fmt.Errorf("%d tombstones and %d deletes are counted, want one each", c.Tombstones, c.Deletes)
		}
		return nil
	})
}

func TestE10KilledAtAnyPointEachOrderIsInTheTableOnce(t *testing.T) {
	for _, place := range []string{"before_record:2", "after_record:2", "after_enqueue:2", "after_status:2",
		"before_commit:2", "after_commit:2", "after_enqueue", "before_commit"} {
		t.Run(place, func(t *testing.T) {
			t.Parallel()
			s := newFixture(t, 1, map[string]string{"flush.interval.ms": "50", "errors.tolerance": "all",
				"errors.deadletterqueue.topic.replication.factor": "1"})
			s.config["errors.deadletterqueue.topic.name"] = s.topic + "-dead"
			s.produce(1, 50, 1)
			s.send(poison(9001), poison(9002)) // within the first batches
			s.produce(50, 1500, 1)
			s.send(poison(9003))
			s.dies(place)
			s.produce(1500, 3000, 1)
			r := s.start()
			s.holds(3000)
			s.commits(0, 3002)
			found, err := s.service(r).ListDeadLetters(t.Context(), &sinkv1.ListDeadLettersRequest{Connector: s.name})
			if err != nil || found.GetTotal() != 3 {
				t.Errorf("%d letters (%v), want each record once", found.GetTotal(), err)
			}
		})
	}
}

func TestATestKillsTheSinkAtEveryFailpoint(t *testing.T) {
	var tests strings.Builder
	places := map[string]bool{}
	err := filepath.WalkDir(".", func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || !strings.HasSuffix(path, ".go") {
			return err
		}
		text, err := os.ReadFile(path)
		if strings.HasSuffix(path, "_test.go") {
			tests.Write(text)
			return err
		}
		for _, m := range regexp.MustCompile(`\.Pass\("(\w+)"\)`).FindAllStringSubmatch(string(text), -1) {
			places[m[1]] = true
		}
		return err
	})
	if err != nil || len(places) < 8 {
		t.Fatalf("found %v: %v", places, err)
	}
	for place := range places {
		if !regexp.MustCompile(`"` + place + `(:\d+)?"`).MatchString(tests.String()) {
			t.Errorf("no test kills the sink at %s", place)
		}
	}
}

func TestE11AnswersLostAfterSuccessRepeatNothing(t *testing.T) {
	s := newFixture(t, 1, map[string]string{"flush.max.bytes": "4000"})
	var lost atomic.Int64
	random := rand.New(rand.NewPCG(1, 11))
	var mu sync.Mutex
	servers.adx.inject(t, func(r *http.Request) fault {
		mu.Lock()
		defer mu.Unlock()
		// One of six uploads, queue messages and status entities loses its answer.
		if r.Method != http.MethodGet && strings.Contains(r.URL.RawQuery, "sig=") && random.IntN(6) == 0 {
			lost.Add(1)
			return lose
		}
		return pass
	})
	s.produce(1, 1000, 1)
	s.start()
	s.holds(1000)
	if lost.Load() == 0 {
		t.Fatal("no request lost its answer")
	}
}

func TestE12AnOutageLongerThanAllRetriesDropsNoBatch(t *testing.T) {
	s := newFixture(t, 1, map[string]string{"behavior.on.error": "IGNORE", "errors.retry.max.time.ms": "1",
		"errors.retry.backoff.time.ms": "50"})
	r := s.start()
	s.produce(1, 10, 1)
	s.holds(10)
	heal, refused := servers.adx.outage(t)
	s.produce(10, 300, 1)
	r.waitRetrying(t)
	testenv.Eventually(t, time.Minute, "many attempts", func(context.Context) error {
		if refused.Load() < 10 {
			return fmt.Errorf("only %d", refused.Load())
		}
		return nil
	})
	heal()
	s.holds(300)
}

func TestE13AFormatThatChangesInMidPartitionIsReadRecordByRecord(t *testing.T) {
	s := newFixture(t, 1, nil)
	s.start()
	for id := 1; id < 40; id++ {
		value := order(id)
		switch id % 3 {
		case 1:
			value = `{"schema":{"type":"struct","name":"s.retail.orders.Envelope","fields":[]},"payload":` + value + `}`
		case 2:
			value = fmt.Sprintf(`{"orderid":"%d","amount":5}`, id)
		}
		s.send(&kgo.Record{Value: []byte(value)})
	}
	s.holds(40)
}
