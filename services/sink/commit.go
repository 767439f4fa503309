package sink

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// topicPartition names a partition.
type topicPartition struct {
	topic     string
	partition int32
}

// errFenced says that this member's commits are no longer taken: the partition is someone else's.
var errFenced = errors.New("the partition has gone to another member of the group")

// position is what is committed for a partition: the offset, and the cuts beyond it as metadata.
type position struct {
	offset   int64
	metadata string
}

// committer commits positions, one request at a time; positions that arrive meanwhile go together into the next. Later positions of
// a partition replace earlier ones, which a partition's ledger allows since each holds all that the earlier held.
type committer struct {
	client *kgo.Client
	logger *slog.Logger

	mu      sync.Mutex
	pending map[topicPartition]position
	waiters []chan error
	wake    chan struct{}
}

func newCommitter(client *kgo.Client, logger *slog.Logger) *committer {
	return &committer{client: client, logger: logger, pending: map[topicPartition]position{}, wake: make(chan struct{}, 1)}
}

// commit asks for a position to be committed. The channel gets nil when it is durable, or why it never will be.
func (c *committer) commit(tp topicPartition, p position) <-chan error {
	done := make(chan error, 1)
	c.mu.Lock()
	c.pending[tp] = p
	c.waiters = append(c.waiters, done)
	c.mu.Unlock()
	select {
	case c.wake <- struct{}{}:
	default:
	}
	return done
}

// run commits until ctx ends; positions asked for before are still tried once.
func (c *committer) run(ctx context.Context) {
	for {
		select {
		case <-ctx.Done():
			c.flush(ctx)
			return
		case <-c.wake:
			c.flush(ctx)
		}
	}
}

func (c *committer) flush(ctx context.Context) {
	c.mu.Lock()
	pending, waiters := c.pending, c.waiters
	c.pending, c.waiters = map[topicPartition]position{}, nil
	c.mu.Unlock()
	if len(pending) == 0 {
		return
	}
	err := c.try(ctx, pending)
	for _, w := range waiters {
		w <- err
	}
}

// try commits until it is done or cannot be: a commit whose answer is lost is repeated, which changes nothing.
func (c *committer) try(ctx context.Context, positions map[topicPartition]position) error {
	for attempt := 1; ; attempt++ {
		err := c.once(positions)
		switch {
		case err == nil:
			return nil
		case errors.Is(err, kerr.IllegalGeneration), errors.Is(err, kerr.UnknownMemberID), errors.Is(err, kerr.FencedInstanceID),
			errors.Is(err, kerr.StaleMemberEpoch), errors.Is(err, kerr.FencedMemberEpoch):
			return errFenced
		case errors.Is(err, kgo.ErrClientClosed), ctx.Err() != nil:
			return err
		}
		if attempt%50 == 0 {
			c.logger.Warn("offsets cannot be committed; trying on", "err", err)
		}
		select {
		case <-ctx.Done():
		case <-time.After(min(time.Duration(attempt)*20*time.Millisecond, time.Second)):
		}
	}
}

func (c *committer) once(positions map[topicPartition]position) error {
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	ctx = kgo.PreCommitFnContext(ctx, func(r *kmsg.OffsetCommitRequest) error {
		for i := range r.Topics {
			for j := range r.Topics[i].Partitions {
				p := &r.Topics[i].Partitions[j]
				metadata := positions[topicPartition{r.Topics[i].Topic, p.Partition}].metadata
				p.Metadata = &metadata
			}
		}
		return nil
	})
	offsets := map[string]map[int32]kgo.EpochOffset{}
	for tp, p := range positions {
		if offsets[tp.topic] == nil {
			offsets[tp.topic] = map[int32]kgo.EpochOffset{}
		}
		offsets[tp.topic][tp.partition] = kgo.EpochOffset{Epoch: -1, Offset: p.offset}
	}
	var result error
	c.client.CommitOffsetsSync(ctx, offsets, func(_ *kgo.Client, _ *kmsg.OffsetCommitRequest, resp *kmsg.OffsetCommitResponse, err error) {
		if result = err; err != nil {
			return
		}
		for _, t := range resp.Topics {
			for _, p := range t.Partitions {
				if err := kerr.ErrorForCode(p.ErrorCode); err != nil {
					result = fmt.Errorf("committing partition %d of %s: %w", p.Partition, t.Topic, err)
				}
			}
		}
	})
	return result
}
