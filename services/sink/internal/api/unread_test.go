package api

import (
	"context"
	"errors"
	"sync/atomic"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kgo"

	sinkv1 "github.com/calypso-cdc/calypso/gen/calypso/sink/v1"
	"github.com/calypso-cdc/calypso/libs/testenv"
)

// watch is a clock that a test sets.
type watch struct{ at time.Time }

func (w *watch) now() time.Time { return w.at }

func (w *watch) pass(d time.Duration) { w.at = w.at.Add(d) }

func progress(topic string, end int64) *sinkv1.PartitionProgress {
	return &sinkv1.PartitionProgress{Topic: topic, End: end}
}

// nobody is a client of brokers that are away.
func nobody() (*kgo.Client, error) { return nil, errors.New("the brokers are away") }

func TestAPlaceThatNobodyAsksForIsForgottenAndOthersAreNot(t *testing.T) {
	clock := &watch{time.Now()}
	u := newUnread(clock.now)
	begun := clock.at
	left, kept := progress("left", 9), progress("kept", 9)
	u.of(left, 3, nobody)
	for range 4 {
		u.of(kept, 5, nobody)
		clock.pass(forgetUnread / 3)
	}
	if a := u.of(kept, 5, nobody); len(u.places) != 1 || !a.found.first.Equal(begun) {
		t.Errorf("%d places are known, the one that was asked for since %s and not %s", len(u.places), a.found.first, begun)
	}
	if a := u.of(left, 3, nobody); !a.found.first.Equal(clock.at) {
		t.Errorf("the place that was forgotten is known since %s, and was asked for again at %s", a.found.first, clock.at)
	}
	// A partition goes on: where it was is forgotten as well, though its next place is asked for.
	for offset := range int64(5) {
		u.of(kept, 6+offset, nobody)
		clock.pass(forgetUnread + time.Second)
	}
	if u.of(kept, 20, nobody); len(u.places) != 1 {
		t.Errorf("%d places of one partition are known", len(u.places))
	}
}

func TestBrokersAreAskedOnceForAPlaceAndNotBeforeItWasUnreadForAWhile(t *testing.T) {
	brokers, err := kfake.NewCluster(kfake.NumBrokers(1), kfake.SeedTopics(1, "orders"))
	if err != nil {
		t.Fatal(err)
	}
	defer brokers.Close()
	var dialled atomic.Int32
	connect := func() (*kgo.Client, error) { return kgo.NewClient(kgo.SeedBrokers(brokers.ListenAddrs()...)) }
	dial := func() (*kgo.Client, error) { dialled.Add(1); return connect() }
	writer, err := connect()
	if err != nil {
		t.Fatal(err)
	}
	defer writer.Close()
	produced := time.UnixMilli(1700000000000)
	for range 2 {
		if err := writer.ProduceSync(t.Context(), &kgo.Record{Topic: "orders", Value: []byte("v"),
			Timestamp: produced}).FirstErr(); err != nil {
			t.Fatal(err)
		}
	}
	clock := &watch{time.Now()}
	u := newUnread(clock.now)
	part := progress("orders", 2)
	shown := func() time.Time {
		u.of(part, 1, dial).tell(part)
		return part.OldestWaitingTime.AsTime()
	}
	if first := shown(); !first.Equal(clock.at) {
		t.Errorf("what was just found unread waits since %s", first)
	}
	clock.pass(patience / 2)
	if shown(); dialled.Load() != 0 {
		t.Error("the brokers were asked at once")
	}
	clock.pass(patience)
	testenv.Eventually(t, time.Minute, "the record's own time", func(context.Context) error {
		if at := shown(); !at.Equal(produced) {
			return errors.New(at.String())
		}
		return nil
	})
	if asked := dialled.Load(); shown().Equal(produced) && asked != dialled.Load() {
		t.Error("the brokers were asked again for what is known")
	}
	u.of(part, 2, dial).tell(part)
	if part.Waiting != sinkv1.PartitionProgress_WAITING_NOTHING {
		t.Errorf("%v, where all is read", part)
	}
}

func TestBrokersThatAreAwayAreAskedAgainAndSinceWhenIsKept(t *testing.T) {
	clock := &watch{time.Now()}
	u := newUnread(clock.now)
	var dialled atomic.Int32
	dial := func() (*kgo.Client, error) { dialled.Add(1); return nobody() }
	begun, part := clock.at, progress("orders", 2)
	u.of(part, 1, dial)
	clock.pass(patience)
	testenv.Eventually(t, time.Minute, "a second question", func(context.Context) error {
		u.of(part, 1, dial).tell(part)
		if dialled.Load() < 2 {
			return errors.New("it was not asked")
		}
		return nil
	})
	if got := part.OldestWaitingTime.AsTime(); !got.Equal(begun) {
		t.Errorf("it waits since %s, want %s", got, begun)
	}
	// What nobody reads waits since a time that only the brokers know.
	u.of(part, 1, dial).ask().tell(part)
	if part.Waiting != sinkv1.PartitionProgress_WAITING_UNSPECIFIED {
		t.Errorf("%v, want that it is not known", part)
	}
}
