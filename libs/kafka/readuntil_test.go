package kafka_test

import (
	"fmt"
	"slices"
	"testing"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/calypso-cdc/calypso/libs/kafka"
)

func TestATopicIsReadToAnEndWhoseLastRecordsWereCompactedOrRemovedMeanwhile(t *testing.T) {
	cluster, err := kfake.NewCluster(kfake.NumBrokers(1))
	if err != nil {
		t.Fatal(err)
	}
	defer cluster.Close()
	connect := func(options ...kgo.Opt) (*kgo.Client, error) {
		return kgo.NewClient(append(options, kgo.SeedBrokers(cluster.ListenAddrs()...))...)
	}
	client, err := connect(kgo.TransactionalID("writer"), kgo.DefaultProduceTopic("state"))
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	admin := kadm.NewClient(client)
	if _, err := admin.CreateTopic(t.Context(), 1, 1, map[string]*string{"cleanup.policy": new("compact")},
		"state"); err != nil {
		t.Fatal(err)
	}
	write := func(how kgo.TransactionEndTry, keys ...string) {
		t.Helper()
		if err := client.BeginTransaction(); err != nil {
			t.Fatal(err)
		}
		for _, key := range keys {
			if err := client.ProduceSync(t.Context(), &kgo.Record{Key: []byte(key), Value: []byte("v")}).FirstErr(); err != nil {
				t.Fatal(err)
			}
		}
		if err := client.EndTransaction(t.Context(), how); err != nil {
			t.Fatal(err)
		}
	}
	read := func(from, until int64) (seen []string) {
		t.Helper()
		err := kafka.ReadUntil(t.Context(), connect, "state", map[int32]int64{0: from}, map[int32]int64{0: until},
			func(r *kgo.Record) {
				if key := fmt.Sprintf("%d %s", r.Offset, r.Key); !r.Attrs.IsControl() {
					seen = append(seen, key)
				}
			})
		if err != nil {
			t.Fatal(err)
		}
		return seen
	}
	write(kgo.TryCommit, "a", "b") // 0 to 2
	write(kgo.TryAbort, "c")       // 3 and 4
	if got := read(0, 5); !slices.Equal(got, []string{"0 a", "1 b", "3 c"}) {
		t.Errorf("a topic that ends in the marker of a transaction: %q", got)
	}
	write(kgo.TryCommit, "b", "d") // 5 to 7
	cluster.Compact()
	if got := read(0, 2); !slices.Equal(got, []string{"0 a"}) {
		t.Errorf("to an end whose last record was compacted: %q", got)
	}
	if got := read(3, 5); len(got) > 0 {
		t.Errorf("to an end before which nothing is left: %q", got)
	}
	if got := read(7, 8); len(got) > 0 {
		t.Errorf("a marker alone: %q", got)
	}
	if got := read(8, 8); len(got) > 0 {
		t.Errorf("nothing: %q", got)
	}
	if _, err := admin.DeleteRecords(t.Context(),
		kadm.Offsets{"state": {0: {Topic: "state", Partition: 0, At: 6}}}); err != nil {
		t.Fatal(err)
	}
	if got := read(0, 7); !slices.Equal(got, []string{"6 d"}) {
		t.Errorf("from offsets whose records were removed: %q", got)
	}
	if got := read(0, 5); len(got) > 0 {
		t.Errorf("to an end before the first record that is left: %q", got)
	}
}
