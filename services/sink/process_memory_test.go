package sink

import (
	"context"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/calypso-cdc/calypso/libs/testenv"
)

func TestASinksProcessKeepsWithinItsMemoryWhateverItsRecordsBecomeWhenTheyAreRead(t *testing.T) {
	if testenv.RaceDetector {
		t.Skip("the race detector takes several times the memory: make memory")
	}
	const limit, partitions, tasks, rows = 32 << 20, 96, 3, 120_000
	for _, format := range []string{"json", "parquet"} {
		t.Run(format, func(t *testing.T) {
			s := newFixture(t, partitions, map[string]string{
				"tasks.max": strconv.Itoa(tasks), "buffer.memory.bytes": strconv.Itoa(limit), "flush.size.bytes": "1048576",
				"flush.interval.ms": "5000", "flush.max.bytes": "33554432",
			})
			s.config["kusto.tables.topics.mapping"] = fmt.Sprintf("[{'topic':'%s','db':'shop','table':'%s','format':'%s'}]",
				s.topic, s.table, format)
			// Values of two kilobytes, a batch of which is a megabyte, and a few kilobytes as it is
			// stored.
			schema := `{"schema":{"type":"struct","fields":[{"type":"struct","fields":[{"type":"int32","field":"orderid"}],"name":"s.Value","field":"before"},{"type":"struct","fields":[{"type":"int32","field":"orderid"}],"name":"s.Value","field":"after"},{"type":"string","field":"pad","doc":"` + strings.Repeat("documentation ", 130) + `"}],"name":"s.Envelope"},"payload":`
			producer, err := kgo.NewClient(kgo.SeedBrokers(s.brokers), kgo.RecordPartitioner(kgo.ManualPartitioner()),
				kgo.DefaultProduceTopic(s.topic), kgo.ProducerBatchCompression(kgo.Lz4Compression()),
				kgo.ProducerLinger(50*time.Millisecond))
			if err != nil {
				t.Fatal(err)
			}
			defer producer.Close()
			for id := 1; id <= rows; id++ {
				producer.Produce(t.Context(), &kgo.Record{Partition: int32(id % partitions),
					Value: []byte(schema + order(id) + "}")}, nil)
			}
			if err := producer.Flush(t.Context()); err != nil {
				t.Fatal(err)
			}
			var away atomic.Bool
			var refused atomic.Int64
			away.Store(true)
			servers.adx.inject(t, func(r *http.Request) fault {
				if away.Load() && r.Method == http.MethodPut {
					refused.Add(1)
					return refuse
				}
				return pass
			})
			p := s.process()
			testenv.Eventually(t, 3*time.Minute, "an outage in which the process holds all that it may",
				func(context.Context) error {
					p.Peak(t) // it lives
					if n := refused.Load(); n < 500 {
						return fmt.Errorf("%d requests were refused", n)
					}
					return nil
				})
			away.Store(false)
			testenv.Eventually(t, 5*time.Minute, "all rows", func(ctx context.Context) error {
				got, err := servers.adx.client.Query(ctx, "shop", s.table+" | count")
				if err == nil && got.Rows[0][0] != strconv.Itoa(rows) {
					err = fmt.Errorf("%s of %d, at %d MiB", got.Rows[0][0], rows, p.Peak(t)>>20)
				}
				return err
			})
			// Besides the heap there are the program, its stacks and what the allocator keeps.
			if peak, most := p.Peak(t), heapLimit(limit)+32<<20; peak > most {
				t.Errorf("the process had %d MiB, want %d at most", peak>>20, most>>20)
			} else {
				t.Logf("the process had %d MiB", peak>>20)
			}
		})
	}
}
