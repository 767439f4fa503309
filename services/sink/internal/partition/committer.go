package partition

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/calypso-cdc/calypso/libs/contain"
	"github.com/calypso-cdc/calypso/services/sink/internal/batch"
	"github.com/calypso-cdc/calypso/services/sink/internal/ledger"
	"github.com/calypso-cdc/calypso/services/sink/internal/retry"
)

// errFenced says that the partition is no longer this member's, so its position was not committed.
var errFenced = errors.New("the partition has gone to another member of the group")

// position is what is committed for a partition: the offset, and the cuts beyond it as metadata.
type position struct {
	offset   int64
	metadata string
}

// request asks for a partition's position to be committed. owner is the partition's present life at
// this member: a request of an earlier life must not overwrite what others committed since.
type request struct {
	owner    *Partition
	position position
	waiters  []chan error
}

// Committer commits positions, one Kafka request at a time; positions that arrive meanwhile go
// together into the next. A later position of a partition replaces an earlier one, which is safe
// since it holds everything that the earlier one held.
//
// A position that nothing waits for is noted: it goes with the next commit, and not sooner than
// commitPause after the last.
//
// What cannot be committed of one topic holds up no other. A commit that fails is repeated, with
// the group's generation of that moment, for as long as the partition stays with its owner.
type Committer struct {
	client *kgo.Client
	logger *slog.Logger
	// owns reports whether a partition's life goes on.
	owns func(*Partition) bool
	// remember notes that offsets of partitions are committed, once they are: a commit that never comes
	// about must not be missed later. noticed are the partitions that are noted, unnoted those that
	// have still to be.
	remember         func([]batch.Source) error
	noticed, unnoted map[batch.Source]bool

	mu      sync.Mutex
	pending map[batch.Source]*request
	wake    chan struct{}
	noted   chan struct{}
}

// commitPause is a little longer than Event Hubs requires to not hold commits back: it takes four a
// second for a partition.
const commitPause = 300 * time.Millisecond

// NewCommitter makes the committer of a membership.
func NewCommitter(client *kgo.Client, logger *slog.Logger, owns func(*Partition) bool,
	remember func([]batch.Source) error) *Committer {
	return &Committer{client: client, logger: logger, owns: owns, remember: remember, noticed: map[batch.Source]bool{},
		unnoted: map[batch.Source]bool{},
		pending: map[batch.Source]*request{}, wake: make(chan struct{}, 1), noted: make(chan struct{}, 1)}
}

// commit asks for a position to be committed. The channel gets nil when it is durable, or why it
// never will be. The position of a topic that is gone is not committed: no replay will come that
// would have to make the same cuts.
func (c *Committer) commit(owner *Partition, p position) <-chan error {
	done := make(chan error, 1)
	if owner.Orphaned.Load() {
		done <- nil
		return done
	}
	c.ask(owner, p, c.wake, done)
	return done
}

// note asks for a position that nothing waits for to be committed.
func (c *Committer) note(owner *Partition, p position) {
	if !owner.Orphaned.Load() {
		c.ask(owner, p, c.noted)
	}
}

func (c *Committer) ask(owner *Partition, p position, signal chan<- struct{}, waiters ...chan error) {
	c.mu.Lock()
	r := c.pending[owner.Source]
	if r == nil || r.owner != owner {
		r.answer(errFenced)
		r = &request{owner: owner}
		c.pending[owner.Source] = r
	}
	r.position, r.waiters = p, append(r.waiters, waiters...)
	c.mu.Unlock()
	select {
	case signal <- struct{}{}:
	default:
	}
}

func (r *request) answer(err error) {
	if r == nil {
		return
	}
	for _, w := range r.waiters {
		w <- err
	}
}

// Run commits until ctx ends. What panics meanwhile ends it, with that as the error: it would panic at
// each further attempt.
func (c *Committer) Run(ctx context.Context) error {
	var again, due <-chan time.Time
	var last time.Time
	for failures := 0; ; {
		select {
		case <-ctx.Done():
			return nil
		case <-c.noted:
			if due == nil {
				due = time.After(time.Until(last.Add(commitPause)))
			}
			continue
		case <-c.wake:
		case <-due:
		case <-again:
		}
		again, due = nil, nil
		err := c.flush()
		last = time.Now()
		if err == nil {
			failures = 0
			continue
		}
		if contain.Panicked(err) {
			return err
		}
		if failures++; failures%50 == 0 {
			c.logger.Warn("offsets cannot be committed; trying on", "err", err)
		}
		again = time.After(min(time.Duration(failures)*20*time.Millisecond, time.Second))
	}
}

// flush commits the requested positions. Those that cannot be committed now are requested again;
// the error says why.
func (c *Committer) flush() error {
	c.mu.Lock()
	taken := c.pending
	c.pending = map[batch.Source]*request{}
	c.mu.Unlock()
	for tp, r := range taken {
		switch {
		case !c.owns(r.owner):
			r.answer(errFenced)
			delete(taken, tp)
		case r.owner.Orphaned.Load():
			r.answer(nil)
			delete(taken, tp)
		}
	}
	if len(taken) == 0 {
		return c.first()
	}
	err := c.commitOnce(taken)
	if unnoted := c.first(); err == nil {
		err = unnoted
	}
	if err != nil && !errors.Is(err, kgo.ErrClientClosed) {
		c.putBack(taken)
		return err
	}
	for _, r := range taken {
		r.answer(err)
	}
	return nil
}

// first has the partitions remembered that this committer has committed for the first time.
func (c *Committer) first() error {
	if len(c.unnoted) == 0 {
		return nil
	}
	fresh := slices.Collect(maps.Keys(c.unnoted))
	if err := c.remember(fresh); err != nil {
		return err
	}
	for _, tp := range fresh {
		c.noticed[tp] = true
	}
	clear(c.unnoted)
	return nil
}

// putBack requests positions again that could not be committed, or in their place those that have
// come meanwhile.
func (c *Committer) putBack(failed map[batch.Source]*request) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for tp, r := range failed {
		switch later := c.pending[tp]; {
		case later == nil:
			c.pending[tp] = r
		case later.owner == r.owner:
			later.waiters = append(r.waiters, later.waiters...)
		default:
			r.answer(errFenced)
		}
	}
}

// commitOnce commits positions, and answers and removes those that are durable. The error is that
// of one of the others.
func (c *Committer) commitOnce(positions map[batch.Source]*request) error {
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	ctx = kgo.PreCommitFnContext(ctx, func(r *kmsg.OffsetCommitRequest) error {
		for i := range r.Topics {
			for j := range r.Topics[i].Partitions {
				p := &r.Topics[i].Partitions[j]
				if q := positions[batch.Source{Topic: r.Topics[i].Topic, Partition: p.Partition}]; q != nil {
					metadata := q.position.metadata
					p.Metadata = &metadata
				}
			}
		}
		return nil
	})
	offsets := map[string]map[int32]kgo.EpochOffset{}
	for tp, q := range positions {
		if offsets[tp.Topic] == nil {
			offsets[tp.Topic] = map[int32]kgo.EpochOffset{}
		}
		offsets[tp.Topic][tp.Partition] = kgo.EpochOffset{Epoch: -1, Offset: q.position.offset}
	}
	var result error
	c.client.CommitOffsetsSync(ctx, offsets, func(_ *kgo.Client, _ *kmsg.OffsetCommitRequest,
		resp *kmsg.OffsetCommitResponse, err error) {
		if result = err; err != nil {
			return
		}
		for _, t := range resp.Topics {
			for _, p := range t.Partitions {
				tp := batch.Source{Topic: t.Topic, Partition: p.Partition}
				err := kerr.ErrorForCode(p.ErrorCode)
				if errors.Is(err, kerr.OffsetMetadataTooLarge) && positions[tp] != nil {
					positions[tp].answer(
						retry.Permanent(fmt.Errorf(
							"commit partition %d of %s: %w. The brokers' offset.metadata.max.bytes must be at least %d: "+
								"what was sent to ADX is noted beside the offset", p.Partition, t.Topic, err, ledger.MaxMetadata)))
					delete(positions, tp)
					continue
				}
				if err != nil {
					result = fmt.Errorf("commit partition %d of %s: %w", p.Partition, t.Topic, err)
				} else if r := positions[tp]; r != nil {
					if !c.noticed[tp] {
						c.unnoted[tp] = true
					}
					r.answer(nil)
					delete(positions, tp)
				}
			}
		}
	})
	return result
}
