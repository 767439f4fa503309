package api

import (
	"context"
	"maps"
	"sync"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"
	"google.golang.org/protobuf/types/known/timestamppb"

	sinkv1 "github.com/calypso-cdc/calypso/gen/calypso/sink/v1"
	"github.com/calypso-cdc/calypso/libs/contain"
	"github.com/calypso-cdc/calypso/libs/kafka"
	"github.com/calypso-cdc/calypso/services/sink/internal/batch"
)

const (
	// patience is for how long records may be unread that a task is to read, before the brokers are
	// asked for them: nearly always it has them by then.
	patience = 2 * time.Second
	// unreadAtOnce bounds how many partitions are asked for in one go, unreadTogether how many of them at the same
	// time, unreadQuestion for how long.
	unreadAtOnce   = 256
	unreadTogether = 8
	unreadQuestion = 5 * time.Second
	// forgetUnread is after how long a place is forgotten that nobody asks for any more.
	forgetUnread = time.Minute
)

// unread knows how old the first records are that nobody has read. The brokers are asked once for
// each offset, in the background: what is not known yet is known at one of the next looks. Safe for
// concurrent use.
type unread struct {
	now func() time.Time

	mu     sync.Mutex
	places map[place]*found // guarded by mu, as are all below
	asking bool
	swept  time.Time
}

// place is where somebody goes on in a partition.
type place struct {
	batch.Source
	from int64
}

// found is what is known of the records from a place on.
type found struct {
	// first and last are when it was asked for.
	first, last time.Time
	// at is the time of the first record; zero before one was found. Before next there is none, and
	// end is where the log ended.
	at        time.Time
	next, end int64
	// wanted makes a client where the brokers are to be asked; nil where not.
	wanted func() (*kgo.Client, error)
}

func newUnread(now func() time.Time) *unread { return &unread{now: now, places: map[place]*found{}} }

// answer is what is known of a place when it is asked for.
type answer struct {
	found  found
	unread *unread
	place  place
	client func() (*kgo.Client, error)
}

// of is what is known of the records of a partition from an offset on. It asks the brokers if they
// have been unread for long.
func (u *unread) of(part *sinkv1.PartitionProgress, from int64, client func() (*kgo.Client, error)) answer {
	u.mu.Lock()
	defer u.mu.Unlock()
	u.sweep()
	now, at := u.now(), place{batch.Source{Topic: part.Topic, Partition: part.Partition}, from}
	f := u.places[at]
	if f == nil {
		f = &found{first: now, next: from}
		u.places[at] = f
	}
	f.last, f.end = now, part.End
	a := answer{*f, u, at, client}
	if now.Sub(f.first) >= patience {
		u.want(f, client)
	}
	return a
}

// sweep forgets the places that nobody has asked for in a while, whether or not any is looked at; the
// caller holds mu.
func (u *unread) sweep() {
	now := u.now()
	if now.Sub(u.swept) <= forgetUnread {
		return
	}
	u.swept = now
	maps.DeleteFunc(u.places, func(_ place, f *found) bool { return now.Sub(f.last) > forgetUnread })
}

// ask has the brokers asked now, where that is worth it.
func (a answer) ask() answer {
	a.unread.mu.Lock()
	defer a.unread.mu.Unlock()
	if f := a.unread.places[a.place]; f != nil {
		a.unread.want(f, a.client)
	}
	// Nobody reads them: since when they are there is not known before the brokers have said it.
	a.found.first = time.Time{}
	return a
}

// tell says it of a partition.
func (a answer) tell(part *sinkv1.PartitionProgress) {
	switch {
	case !a.found.at.IsZero():
		part.Waiting, part.OldestWaitingTime = sinkv1.PartitionProgress_WAITING_IN_KAFKA, timestamppb.New(a.found.at)
	case a.found.next >= a.found.end:
		part.Waiting = sinkv1.PartitionProgress_WAITING_NOTHING
	case !a.found.first.IsZero():
		part.Waiting, part.OldestWaitingTime = sinkv1.PartitionProgress_WAITING_IN_KAFKA, timestamppb.New(a.found.first)
	default:
		part.Waiting = sinkv1.PartitionProgress_WAITING_UNSPECIFIED
	}
}

// want has a place looked at, and begins to if nobody does; the caller holds mu.
func (u *unread) want(f *found, client func() (*kgo.Client, error)) {
	if !f.at.IsZero() || f.next >= f.end {
		return
	}
	f.wanted = client
	if u.asking {
		return
	}
	u.asking = true
	over := func(error) {
		u.mu.Lock()
		defer u.mu.Unlock()
		u.asking = false
	}
	contain.Go("look for records that nobody has read", func() { u.look(); over(nil) }, over)
}

// look asks for what is wanted, with the client of one of those who want it: all are of the worker's brokers.
func (u *unread) look() {
	ctx, cancel := context.WithTimeout(context.Background(), unreadQuestion)
	defer cancel()
	wanted := map[place]found{}
	var dial func() (*kgo.Client, error)
	u.mu.Lock()
	for at, f := range u.places {
		if f.wanted != nil && len(wanted) < unreadAtOnce {
			wanted[at], dial = *f, f.wanted
			f.wanted = nil
		}
	}
	u.mu.Unlock()
	if dial == nil {
		return
	}
	client, err := dial()
	if err != nil {
		return
	}
	defer client.Close()
	group := contain.NewGroup()
	group.SetLimit(unreadTogether)
	for at, f := range wanted {
		group.Go("look for a record that nobody has read", func() error {
			time, is, next, err := kafka.Oldest(ctx, client, at.Topic, at.Partition, f.next, f.end)
			u.mu.Lock()
			defer u.mu.Unlock()
			known := u.places[at]
			if known == nil || err != nil {
				return nil // it is asked again at the next look
			}
			if known.next = next; is {
				known.at = time
			}
			return nil
		})
	}
	_ = group.Wait()
}
