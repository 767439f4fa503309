package topics

import (
	"context"
	"errors"
	"maps"
	"slices"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"

	"github.com/calypso-cdc/calypso/libs/kafka"
	"github.com/calypso-cdc/calypso/services/sink/internal/batch"
	"github.com/calypso-cdc/calypso/services/sink/internal/status"
)

// transactionsInterval is how often the ends of partitions are looked at.
const transactionsInterval = 10 * time.Second

// WatchTransactions reports transactions that hang, until ctx ends: readers of committed records
// stop in front of one for ever, and do not see what waits behind it.
func (r *Reader) WatchTransactions(ctx context.Context) {
	stable := map[batch.Source]int64{} // where committed records end in partitions that have more
	told := map[string]bool{}          // topics
	for {
		select {
		case <-ctx.Done():
			return
		case <-time.After(transactionsInterval):
		}
		held, standing, err := r.heldBack(ctx, stable)
		if err != nil {
			continue // the poll says what is wrong with the brokers
		}
		stable = held
		var found []*kafka.HangingTransaction
		if len(standing) > 0 {
			if found, err = kafka.FindHanging(ctx, kadm.NewClient(r.Client), standing...); err != nil {
				continue
			}
		}
		hanging := map[string]bool{}
		for _, h := range found {
			if _, mine := held[batch.Source{Topic: h.Topic, Partition: h.Partition}]; mine && !hanging[h.Topic] {
				hanging[h.Topic], told[h.Topic] = true, true
				r.Status.Notices.Tell(&status.Notice{Kind: status.TransactionHanging, Topic: h.Topic,
					Summary: h.Summary(), Remedy: h.Remedy()})
			}
		}
		for topic := range told {
			if !hanging[topic] {
				r.Status.Notices.Withdraw(status.TransactionHanging, topic, "")
				delete(told, topic)
			}
		}
	}
}

// heldBack are the member's partitions that have records beyond the committed ones, with the offset
// where those end; standing are the topics of partitions for which that has not changed.
func (r *Reader) heldBack(ctx context.Context, before map[batch.Source]int64) (held map[batch.Source]int64,
	standing []string, err error) {
	mine, topics := r.Partitions.Sources(), map[string]bool{}
	for _, of := range mine {
		topics[of.Topic] = true
	}
	if len(topics) == 0 {
		return nil, nil, nil
	}
	admin, names := kadm.NewClient(r.Client), slices.Collect(maps.Keys(topics))
	committed, errCommitted := admin.ListCommittedOffsets(ctx, names...)
	ends, errEnds := admin.ListEndOffsets(ctx, names...)
	if err := errors.Join(errCommitted, errEnds); err != nil {
		return nil, nil, err
	}
	held, listed := map[batch.Source]int64{}, map[string]bool{}
	for _, of := range mine {
		stable, known := committed.Lookup(of.Topic, of.Partition)
		end, alsoKnown := ends.Lookup(of.Topic, of.Partition)
		if !known || !alsoKnown || stable.Err != nil || end.Err != nil || stable.Offset >= end.Offset {
			continue
		}
		held[of] = stable.Offset
		if was, seen := before[of]; seen && was == stable.Offset && !listed[of.Topic] {
			listed[of.Topic], standing = true, append(standing, of.Topic)
		}
	}
	return held, standing, nil
}
