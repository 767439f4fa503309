package partition

import (
	"runtime"
	"sync"
	"testing"

	"github.com/twmb/franz-go/pkg/kgo"
)

func TestAPartitionWhoseRecordsWereTakenIsNotPaused(t *testing.T) {
	client, err := kgo.NewClient()
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	orders := map[string][]int32{"orders": {0}}
	in := newInbox(func() { client.PauseFetchPartitions(orders) }, func() { client.ResumeFetchPartitions(orders) })
	for range 20_000 {
		var both sync.WaitGroup
		both.Go(func() { in.put(Fetched{Bytes: 2}, 1) })
		both.Go(func() {
			for ok := false; !ok; {
				if _, ok = in.take(true); !ok {
					runtime.Gosched() // what is offered is taken at any moment, which a signal would not tell
				}
			}
		})
		both.Wait()
		if paused := client.PauseFetchPartitions(nil); len(paused) > 0 {
			t.Fatalf("nothing waits, and %v are paused", paused)
		}
	}
}
