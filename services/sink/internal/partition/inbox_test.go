package partition

import (
	"runtime"
	"sync"
	"testing"

	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/calypso-cdc/calypso/services/sink/internal/batch"
	"github.com/calypso-cdc/calypso/services/sink/internal/memory"
)

func TestAPartitionWhoseRecordsWereTakenIsNotPaused(t *testing.T) {
	client, err := kgo.NewClient()
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	p := &Partition{of: &Member{Client: client, Memory: memory.NewShare(&memory.Process{})},
		Source: batch.Source{Topic: "orders", Partition: 0}, in: inbox{signal: make(chan struct{}, 1)}}
	for range 20_000 {
		var both sync.WaitGroup
		both.Go(func() { p.Offer(Fetched{Bytes: 2}, 1) })
		both.Go(func() {
			for ok := false; !ok; {
				if _, ok = p.take(); !ok {
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
