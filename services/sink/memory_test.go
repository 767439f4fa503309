package sink

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"net/http"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/calypso-cdc/calypso/libs/connector"
	"github.com/calypso-cdc/calypso/libs/testenv"
	"github.com/calypso-cdc/calypso/services/sink/internal/status"
)

func TestAllTasksOfAProcessTogetherHoldNoMoreThanTheLimitAndOneThatIsStuckStopsNoOther(t *testing.T) {
	const limit, partitions, orders = 2 << 20, 12, 4000
	registry := status.NewRegistry()
	var fixtures []*fixture
	for range 2 {
		s := newFixture(t, partitions, map[string]string{"buffer.memory.bytes": fmt.Sprint(limit),
			"flush.size.bytes": "100000"})
		s.registry = registry
		fixtures = append(fixtures, s)
	}
	var away atomic.Bool
	stuck, free := fixtures[0], fixtures[1]
	servers.adx.inject(t, func(r *http.Request) fault {
		if away.Load() {
			return refuse
		}
		return pass
	})
	fill := func(s *fixture, from, to int) {
		for ; from < to; from++ {
			text := make([]byte, 1000)
			_, _ = rand.Read(text)
			s.kafka.Produce(t.Context(), &kgo.Record{Partition: int32(from % partitions),
				Value: fmt.Appendf(nil, `{"orderid":%d,"custid":"%s"}`, from, hex.EncodeToString(text))}, nil)
		}
		if err := s.kafka.Flush(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	// A partition that is taken up asks the cluster what was delivered before.
	fill(stuck, 1, partitions+1)
	first := stuck.start()
	stuck.holds(partitions + 1)
	away.Store(true)
	fill(stuck, partitions+1, orders)
	fill(free, 1, 50)
	var peak int64
	measuring, stop := context.WithCancel(t.Context())
	var measure sync.WaitGroup
	measure.Go(func() {
		for measuring.Err() == nil {
			peak = max(peak, registry.Memory.Used.Load())
			time.Sleep(time.Millisecond)
		}
	})
	testenv.Eventually(t, time.Minute, "the task to have no room", func(context.Context) error {
		if first.task.memory.HasRoom() {
			return fmt.Errorf("it holds %d bytes", first.task.memory.Held.Load())
		}
		return nil
	})
	second := free.start()
	away.Store(false)
	free.holds(50)
	stuck.holds(orders)
	stop()
	measure.Wait()
	// A fetch of a task comes on top, whose size is that of what is fetched at once.
	if most := int64(limit + 2*2*(512<<10) + 12*(128<<10)*2); peak > most {
		t.Errorf("%d bytes were held, want %d at most", peak, most)
	}
	for _, r := range []*running{first, second} {
		if err := r.stop(); err != nil {
			t.Fatal(err)
		}
	}
	if left := registry.Memory.Used.Load(); left != 0 {
		t.Errorf("%d bytes are counted as held by nobody", left)
	}
}

// A batch waits for more rows for as long as flush.interval.ms says, but not where it takes the
// room that records need to be read at all.
func TestBatchesThatWaitGiveWayWhereMemoryIsUsedUp(t *testing.T) {
	const partitions = 6
	s := newFixture(t, partitions, map[string]string{"buffer.memory.bytes": fmt.Sprint(24 << 20),
		"flush.size.bytes": "33554432", "flush.max.bytes": "33554432", "flush.interval.ms": "3600000"})
	for n := range 48 {
		// 3.2 MB for each partition, which gzip makes half of: together more than half of the
		// memory, and no batch more than a quarter
		var records []*kgo.Record
		for id := range partitions * 50 {
			text := make([]byte, 1000)
			_, _ = rand.Read(text)
			records = append(records, &kgo.Record{Partition: int32(id % partitions),
				Value: fmt.Appendf(nil, `{"orderid":%d,"custid":"%s"}`, n*partitions*50+id, hex.EncodeToString(text))})
		}
		s.send(records...)
	}
	s.start()
	testenv.Eventually(t, time.Minute, "a batch before its time", func(ctx context.Context) error {
		for p := range int32(partitions) {
			if at, err := s.committed(ctx, p); err != nil || at > 0 {
				return err
			}
		}
		return errors.New("nothing is committed")
	})
}

// fetchedBytes counts what a client's fetches bring.
type fetchedBytes struct{ atomic.Int64 }

func (f *fetchedBytes) OnFetchBatchRead(_ kgo.BrokerMetadata, _ string, _ int32, b kgo.FetchBatchMetrics) {
	f.Add(int64(b.CompressedBytes))
}

// A partition that had enough for now was paused, and the client threw away what it had fetched of it meanwhile.
func TestABacklogIsFetchedOnceWhenRecordsComeFasterThanTheyAreTaken(t *testing.T) {
	const records = 20_000
	s := newFixture(t, 1, map[string]string{"buffer.memory.bytes": fmt.Sprint(16 << 20), "flush.size.bytes": "10000000",
		"flush.max.bytes": "20000000"})
	var all []*kgo.Record
	var size int64
	for id := range records {
		noise := make([]byte, 1500)
		_, _ = rand.Read(noise)
		value := fmt.Appendf(nil, `{"orderid":%d,"custid":"%s","amount":1}`, id, hex.EncodeToString(noise))
		size += int64(len(value))
		if all = append(all, &kgo.Record{Value: value}); len(all) == 200 {
			s.send(all...)
			all = all[:0]
		}
	}
	var seen fetchedBytes
	r := &running{ended: make(chan error, 1)}
	task, err := makeTask(s.brokers, s.config, 0, func(error) {}, func(_ *Options, env *connector.TaskEnv) {
		connect := env.Kafka
		env.Kafka = func(options ...kgo.Opt) (*kgo.Client, error) {
			return connect(append(options, kgo.WithHooks(&seen))...)
		}
	})
	if err != nil {
		t.Fatal(err)
	}
	r.task = task
	ctx, cancel := context.WithCancel(context.Background())
	r.cancel = cancel
	go func() { r.ended <- task.Run(ctx) }()
	t.Cleanup(func() { _ = r.stop() })
	s.commits(0, records)
	if got := seen.Load(); got > size*5/4 {
		t.Errorf("%d bytes were fetched of records of %d", got, size)
	}
}
