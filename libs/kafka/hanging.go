package kafka

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/calypso-cdc/calypso/libs/shell"
)

// HangingTransaction is a transaction that is open in a partition although no transaction
// coordinator knows it (KIP-664): nobody will ever end it, and readers of committed records stop
// before it. It is an error for code that waits for its end.
type HangingTransaction struct {
	Topic     string
	Partition int32
	// ProducerID and ProducerEpoch are those of its producer, CoordinatorEpoch is that of its last
	// marker.
	ProducerID       int64
	ProducerEpoch    int16
	CoordinatorEpoch int32
	// TransactionalID is the producer's transactional id; empty if the brokers know none.
	TransactionalID string
	// Start is the transaction's first offset, LastWrite the time of its last record.
	Start     int64
	LastWrite time.Time
}

func (h *HangingTransaction) Error() string {
	return h.Summary() + " (TRANSACTION_HANGING). " + h.Remedy()
}

// Summary describes the transaction in a sentence.
func (h *HangingTransaction) Summary() string {
	return fmt.Sprintf(
		"partition %d of topic %s has a transaction of producer %d that is open since %s (offset %d) and that no coordinator knows of, so that it never ends and readers of committed records wait before it",
		h.Partition, h.Topic, h.ProducerID, h.LastWrite.UTC().Format(time.RFC3339), h.Start)
}

// Remedy says how to end it.
func (h *HangingTransaction) Remedy() string {
	return fmt.Sprintf("calypsoctl transactions abort %s %d --producer %d rolls it back", shell.Quote(h.Topic),
		h.Partition, h.ProducerID)
}

// hangingAfter is how long ago the last record of a transaction must have been written: a
// coordinator that has moved may not know all transactions yet.
const hangingAfter = time.Minute

// FindHanging returns the hanging transactions in the partitions of those topics that exist,
// sorted. Partitions for which the brokers do not answer are left out; an error means that they
// cannot be asked at all, such as kerr.UnsupportedVersion before Kafka 3.0.
func FindHanging(ctx context.Context, admin *kadm.Client, topics ...string) ([]*HangingTransaction, error) {
	candidates, err := openIn(ctx, admin, topics)
	if err != nil || len(candidates) == 0 {
		return nil, err
	}
	// A coordinator that is away or still loading does not know its transactions.
	if err := haveCoordinators(ctx, admin); err != nil {
		return nil, err
	}
	if err := dropCoordinated(ctx, admin, candidates); err != nil {
		return nil, err
	}
	if len(candidates) == 0 {
		return nil, nil
	}
	// Coordinators forget a partition once its marker is written: transactions that ended meanwhile
	// are not open now.
	still, err := openIn(ctx, admin, topics)
	if err != nil {
		return nil, err
	}
	var hanging []*HangingTransaction
	for at, found := range candidates {
		if now := still[at]; now != nil && now.Start == found.Start {
			hanging = append(hanging, found)
		}
	}
	slices.SortFunc(hanging, func(a, b *HangingTransaction) int {
		return cmp.Or(cmp.Compare(a.Topic, b.Topic), cmp.Compare(a.Partition, b.Partition),
			cmp.Compare(a.ProducerID, b.ProducerID))
	})
	return hanging, nil
}

// place is a producer in a partition, where it has at most one open transaction.
type place struct {
	topic     string
	partition int32
	producer  int64
}

// openIn returns the open transactions of the topics' partitions that have not been written to for
// a while.
func openIn(ctx context.Context, admin *kadm.Client, topics []string) (map[place]*HangingTransaction, error) {
	metadata, err := admin.Metadata(ctx, topics...)
	if err != nil {
		return nil, fmt.Errorf("look up the topics' partitions: %w", err)
	}
	asked := kadm.TopicsSet{}
	for name, topic := range metadata.Topics {
		for _, p := range topic.Partitions {
			if topic.Err == nil && p.Err == nil {
				asked.Add(name, p.Partition)
			}
		}
	}
	if len(asked) == 0 {
		return nil, nil
	}
	described, err := admin.DescribeProducers(ctx, asked)
	if err != nil && (len(described) == 0 || ctx.Err() != nil) {
		return nil, fmt.Errorf("ask the brokers for transactions that are open: %w", err)
	}
	open := map[place]*HangingTransaction{}
	described.EachProducer(func(p kadm.DescribedProducer) {
		wrote := time.UnixMilli(p.LastTimestamp)
		if p.CurrentTxnStartOffset >= 0 && time.Since(wrote) >= hangingAfter {
			open[place{p.Topic, p.Partition, p.ProducerID}] = &HangingTransaction{Topic: p.Topic, Partition: p.Partition,
				ProducerID: p.ProducerID, ProducerEpoch: p.ProducerEpoch,
				CoordinatorEpoch: p.CoordinatorEpoch, Start: p.CurrentTxnStartOffset, LastWrite: wrote}
		}
	})
	return open, nil
}

// transactionState is the topic in which coordinators keep their state.
const transactionState = "__transaction_state"

// haveCoordinators fails unless all coordinators are available.
func haveCoordinators(ctx context.Context, admin *kadm.Client) error {
	metadata, err := admin.Metadata(ctx, transactionState)
	if err != nil {
		return fmt.Errorf("look up the coordinators of transactions: %w", err)
	}
	topic := metadata.Topics[transactionState]
	if errors.Is(topic.Err, kerr.UnknownTopicOrPartition) || errors.Is(topic.Err, kerr.TopicAuthorizationFailed) {
		return nil // there has never been a transaction, or services hide the topic
	}
	if topic.Err != nil {
		return fmt.Errorf("look up the coordinators of transactions: %w", topic.Err)
	}
	for _, p := range topic.Partitions {
		if p.Err != nil || p.Leader < 0 {
			return fmt.Errorf("look up the coordinators of transactions: partition %d of %s has no leader", p.Partition,
				transactionState)
		}
	}
	return nil
}

// dropCoordinated removes from candidates the transactions that a coordinator knows and will end.
func dropCoordinated(ctx context.Context, admin *kadm.Client, candidates map[place]*HangingTransaction) error {
	var producers []int64
	for at := range candidates {
		producers = append(producers, at.producer)
	}
	listed, err := admin.ListTransactions(ctx, producers, nil)
	if err != nil {
		return fmt.Errorf("ask the coordinators of transactions what they know: %w", err)
	}
	names := map[int64]string{}
	for _, t := range listed {
		names[t.ProducerID] = t.TxnID
	}
	if len(names) == 0 {
		return nil
	}
	described, err := admin.DescribeTransactions(ctx, listed.TransactionalIDs()...)
	if err != nil {
		return fmt.Errorf("ask the coordinators of transactions what they know: %w", err)
	}
	for at, found := range candidates {
		found.TransactionalID = names[at.producer]
		t, known := described[found.TransactionalID]
		switch {
		case !known || errors.Is(t.Err, kerr.TransactionalIDNotFound):
		case t.Err != nil:
			return fmt.Errorf("ask the coordinator of transactional id %s what it knows: %w", found.TransactionalID, t.Err)
		case t.ProducerID == at.producer && t.Topics.Lookup(at.topic, at.partition):
			delete(candidates, at)
		}
	}
	return nil
}

// AbortHanging rolls back a hanging transaction, like kafka-transactions.sh abort. h must be fresh
// from FindHanging.
//
// Nobody calls it unasked, not even for a transaction of its own transactional id whose producer it
// has fenced: the coordinator that has forgotten it may have committed it in other partitions, so
// that to roll it back here could lose rows whose checkpoint is there, and it takes the right to
// Alter the cluster.
func AbortHanging(ctx context.Context, client *kgo.Client, h *HangingTransaction) error {
	req := kmsg.NewPtrWriteTxnMarkersRequest()
	marker := kmsg.NewWriteTxnMarkersRequestMarker()
	marker.ProducerID, marker.ProducerEpoch, marker.CoordinatorEpoch = h.ProducerID, h.ProducerEpoch,
		max(h.CoordinatorEpoch, 0)
	topic := kmsg.NewWriteTxnMarkersRequestMarkerTopic()
	topic.Topic, topic.Partitions = h.Topic, []int32{h.Partition}
	marker.Topics = append(marker.Topics, topic)
	req.Markers = append(req.Markers, marker)
	failed := func(err error) error {
		return fmt.Errorf("roll back the transaction of producer %d in partition %d of topic %s: %w", h.ProducerID,
			h.Partition, h.Topic, err)
	}
	resp, err := req.RequestWith(ctx, client)
	if err != nil {
		return failed(err)
	}
	for _, m := range resp.Markers {
		for _, t := range m.Topics {
			for _, p := range t.Partitions {
				if err := kerr.ErrorForCode(p.ErrorCode); err != nil {
					return failed(err)
				}
			}
		}
	}
	return nil
}
