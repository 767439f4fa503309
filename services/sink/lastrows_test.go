package sink

import (
	"context"
	"fmt"
	"testing"
	"time"

	sinkv1 "github.com/calypso-cdc/calypso/gen/calypso/sink/v1"
	"github.com/calypso-cdc/calypso/libs/testenv"
)

func TestWhenRowsLastCameIsKnownAfterARestart(t *testing.T) {
	s := newFixture(t, 2, nil)
	s.produce(1, 3, 1) // the second partition stays empty
	run := s.start()
	s.holds(3)
	s.commits(0, 2)
	if err := run.stop(); err != nil {
		t.Fatal(err)
	}
	filled := time.Now()
	run = s.start()
	testenv.Eventually(t, time.Minute, "the time is known of what has brought rows", func(ctx context.Context) error {
		var parts [2]*sinkv1.PartitionProgress
		for _, p := range s.summary(ctx, run).Partitions {
			parts[p.Partition] = p
		}
		at := parts[0].GetLastIngestedTime()
		if at == nil || at.AsTime().After(filled) || filled.Sub(at.AsTime()) > time.Hour {
			return fmt.Errorf("rows last came at %v, want before %v", at, filled)
		}
		if parts[1].GetLastIngestedTime() != nil {
			return fmt.Errorf("rows came from a partition without any at %v", parts[1].LastIngestedTime)
		}
		return nil
	})
	if err := run.stop(); err != nil {
		t.Error(err)
	}
}
