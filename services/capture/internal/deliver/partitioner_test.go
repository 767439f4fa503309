package deliver

import (
	"fmt"
	"testing"

	"github.com/twmb/franz-go/pkg/kgo"
)

func TestARecordGoesToThePartitionThatItAsksForOrToItsKeys(t *testing.T) {
	ours, keys := newPartitioner().ForTopic("t"), kgo.StickyKeyPartitioner(nil).ForTopic("t")
	for i := range 100 {
		r := &kgo.Record{Partition: -1, Key: fmt.Appendf(nil, "key %d", i)}
		if got, want := ours.Partition(r, 24), keys.Partition(r, 24); got != want {
			t.Errorf("%s goes to partition %d, not to its key's, %d", r.Key, got, want)
		}
		if r.Partition = int32(i % 24); ours.Partition(r, 24) != i%24 || !ours.RequiresConsistency(r) {
			t.Errorf("%s asks for partition %d and goes to %d", r.Key, r.Partition, ours.Partition(r, 24))
		}
	}
}
