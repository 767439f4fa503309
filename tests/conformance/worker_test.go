package conformance

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/calypso-cdc/calypso/libs/debezium/recorded"
	"github.com/calypso-cdc/calypso/tests/internal/connect"
)

// quiet is how long topics must not have grown before a step counts as done. Records that come
// later than this after all expected ones would go unnoticed; those that come while fewer than
// expected are there are waited for. Where nobody knows how many are to come, recordingQuiet is the
// time: Kafka Connect makes topics one by one.
const (
	quiet          = 2500 * time.Millisecond
	recordingQuiet = 8 * time.Second
)

// patience is how long topics may not grow before the case counts as done with too few records.
const patience = 45 * time.Second

// worker runs connectors and writes to the brokers.
type worker struct {
	connect connect.Client
	brokers string
	quiet   time.Duration
	admin   *kadm.Client
}

func newWorker(t *testing.T, brokers string) *worker {
	client, err := kgo.NewClient(kgo.SeedBrokers(brokers))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(client.Close)
	return &worker{brokers: brokers, quiet: quiet, admin: kadm.NewClient(client)}
}

// betweenPhases is how long topics must not have grown before tables are altered.
const betweenPhases = 3 * time.Second

// still waits until the topics under prefix have not grown for some time.
func (w *worker) still(t *testing.T, prefix string, quiet time.Duration) {
	last, since := int64(-1), time.Now()
	for time.Since(since) < quiet {
		if count, _ := w.ends(t, prefix); count != last {
			last, since = count, time.Now()
		}
		time.Sleep(100 * time.Millisecond)
	}
}

// settle waits until the topics under prefix hold at least n records, as a read_committed consumer
// sees them, and have not grown for the quiet time.
func (w *worker) settle(t *testing.T, prefix string, n int) []recorded.Event {
	last, since := int64(-1), time.Now()
	for {
		count, _ := w.ends(t, prefix)
		if count != last {
			last, since = count, time.Now()
		}
		if still := time.Since(since); still > w.quiet {
			if got := w.records(t, prefix); len(got) >= n || still > patience {
				return got
			}
		}
		time.Sleep(100 * time.Millisecond)
	}
}

// ends counts the records of the topics under prefix, transaction markers included, and lists the topics.
func (w *worker) ends(t *testing.T, prefix string) (int64, []string) {
	topics, err := w.admin.ListTopicsWithInternal(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, name := range topics.Names() {
		if strings.HasPrefix(name, prefix+".") || strings.HasPrefix(name, prefix+"-") || strings.HasSuffix(name, "."+prefix) {
			names = append(names, name)
		}
	}
	if len(names) == 0 {
		return 0, nil
	}
	offsets, err := w.admin.ListCommittedOffsets(t.Context(), names...)
	if err != nil {
		return 0, names // a topic is just being created
	}
	var count int64
	offsets.Each(func(o kadm.ListedOffset) { count += o.Offset })
	return count, names
}

// records reads what a read_committed consumer sees of the topics under prefix now.
func (w *worker) records(t *testing.T, prefix string) []recorded.Event {
	_, names := w.ends(t, prefix)
	if len(names) == 0 {
		return nil
	}
	ends, err := w.admin.ListCommittedOffsets(t.Context(), names...)
	if err != nil {
		t.Fatal(err)
	}
	left := map[string]map[int32]int64{}
	start := map[string]map[int32]kgo.Offset{}
	open := 0
	ends.Each(func(o kadm.ListedOffset) {
		if o.Offset == 0 {
			return
		}
		if left[o.Topic] == nil {
			left[o.Topic], start[o.Topic] = map[int32]int64{}, map[int32]kgo.Offset{}
		}
		left[o.Topic][o.Partition], start[o.Topic][o.Partition] = o.Offset, kgo.NewOffset().At(0)
		open++
	})
	consumer, err := kgo.NewClient(kgo.SeedBrokers(w.brokers), kgo.ConsumePartitions(start),
		kgo.FetchIsolationLevel(kgo.ReadCommitted()), kgo.KeepControlRecords(), kgo.FetchMaxWait(100*time.Millisecond))
	if err != nil {
		t.Fatal(err)
	}
	defer consumer.Close()
	var events []recorded.Event
	for open > 0 {
		fetches := consumer.PollFetches(t.Context())
		if err := fetches.Err(); err != nil {
			t.Fatal(err)
		}
		fetches.EachRecord(func(r *kgo.Record) {
			end, reading := left[r.Topic][r.Partition]
			if !r.Attrs.IsControl() && r.Offset < end {
				events = append(events, recorded.NewEvent(r))
			}
			if reading && r.Offset+1 >= end {
				delete(left[r.Topic], r.Partition)
				open--
			}
		})
	}
	slices.SortStableFunc(events, func(a, b recorded.Event) int { return strings.Compare(a.Topic, b.Topic) })
	return events
}
