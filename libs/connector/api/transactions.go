package api

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kerr"
	"google.golang.org/grpc/codes"
	"google.golang.org/protobuf/types/known/timestamppb"

	connectorv1 "github.com/calypso-cdc/calypso/gen/calypso/connector/v1"
	"github.com/calypso-cdc/calypso/libs/connector"
	"github.com/calypso-cdc/calypso/libs/kafka"
	"github.com/calypso-cdc/calypso/libs/rpc"
)

// defaultMaxTimeout is how long a transaction may last by the brokers' default of transaction.max.timeout.ms.
const defaultMaxTimeout = 15 * time.Minute

// transactions answers the calls about transactions that nobody will end.
type transactions struct{ fleet *fleet }

func (s *transactions) ListHangingTransactions(ctx context.Context,
	request *connectorv1.ListHangingTransactionsRequest) (*connectorv1.ListHangingTransactionsResponse, error) {
	ctx, cancel := context.WithTimeout(ctx, s.fleet.config.StoreTimeout)
	defer cancel()
	topics := request.GetTopics()
	if len(topics) == 0 {
		topics = append(s.fleet.store.Config().InternalTopics(), s.fleet.store.Known.UsedTopics()...)
	} else if err := s.there(ctx, topics); err != nil {
		return nil, err
	}
	found, err := kafka.FindHanging(ctx, s.fleet.store.Admin, topics...)
	if err != nil {
		return nil, transactionsUnknown(err)
	}
	answer := &connectorv1.ListHangingTransactionsResponse{}
	for _, h := range found {
		answer.Transactions = append(answer.Transactions, &connectorv1.HangingTransaction{
			Topic: h.Topic, Partition: h.Partition, ProducerId: h.ProducerID, ProducerEpoch: int32(h.ProducerEpoch),
			TransactionalId: h.TransactionalID,
			StartOffset:     h.Start, LastWriteTime: timestamppb.New(h.LastWrite),
			AbortableTime: timestamppb.New(s.abortable(ctx, h)),
		})
	}
	return answer, nil
}

// there refuses topics that a caller named and Kafka does not have: an empty answer would wrongly
// reassure.
func (s *transactions) there(ctx context.Context, topics []string) error {
	listed, err := s.fleet.store.Admin.ListTopics(ctx, topics...)
	if err != nil {
		return transactionsUnknown(err)
	}
	for _, topic := range topics {
		if errors.Is(listed[topic].Err, kerr.UnknownTopicOrPartition) {
			return failure(codes.NotFound, connector.ReasonTransactionNotFound, fmt.Sprintf(
				"Kafka has no topic %.300s that this worker may see: correct its name, or let the worker describe it", topic))
		}
	}
	return nil
}

// abortable is the time from which a transaction may be rolled back. Brokers do not show a client
// the transactions that it may not see, so that a foreign producer's transaction that no
// coordinator seems to know may still have one, but for no longer than brokers let transactions
// last. In the runtime's own topics all transactions are of its own workers, so the last write
// counts.
func (s *transactions) abortable(ctx context.Context, h *kafka.HangingTransaction) time.Time {
	if slices.Contains(s.fleet.store.Config().InternalTopics(), h.Topic) {
		return h.LastWrite
	}
	return h.LastWrite.Add(s.maxTransaction(ctx))
}

// maxTransaction is how long the brokers let a transaction last.
func (s *transactions) maxTransaction(ctx context.Context) time.Duration {
	brokers, err := s.fleet.store.Admin.ListBrokers(ctx)
	if err != nil || len(brokers) == 0 {
		return defaultMaxTimeout
	}
	configs, err := s.fleet.store.Admin.DescribeBrokerConfigs(ctx, brokers[0].NodeID)
	if err != nil {
		return defaultMaxTimeout
	}
	for _, broker := range configs {
		for _, c := range broker.Configs {
			if n, err := strconv.Atoi(c.MaybeValue()); err == nil && c.Key == "transaction.max.timeout.ms" {
				return time.Duration(n) * time.Millisecond
			}
		}
	}
	return defaultMaxTimeout
}

func (s *transactions) AbortHangingTransaction(ctx context.Context,
	request *connectorv1.AbortHangingTransactionRequest) (*connectorv1.AbortHangingTransactionResponse, error) {
	if request.GetTopic() == "" {
		return nil, rpc.InvalidField("topic",
			"topic is empty: name the topic whose partition holds the transaction, as calypsoctl transactions list shows it")
	}
	ctx, cancel := context.WithTimeout(ctx, s.fleet.config.StoreTimeout)
	defer cancel()
	h, err := s.hanging(ctx, request)
	if err != nil {
		return nil, transactionsUnknown(err)
	}
	if h == nil {
		return nil, failure(codes.NotFound, connector.ReasonTransactionNotFound,
			fmt.Sprintf(
				"Partition %d of topic %.300s holds no transaction of producer %d that hangs: it has ended, or was written to in the last minute, or a coordinator knows it and will end it",
				request.GetPartition(), request.GetTopic(), request.GetProducerId()))
	}
	if from := s.abortable(ctx, h); time.Now().Before(from) {
		return nil, failure(codes.FailedPrecondition, connector.ReasonTransactionYoung,
			fmt.Sprintf(
				"The transaction of producer %d in partition %d of topic %s was written to at %s, and brokers let transactions last for %v: try again after %s, when it cannot have a coordinator that this worker may not see",
				h.ProducerID, h.Partition, h.Topic, h.LastWrite.UTC().Format(time.RFC3339), from.Sub(h.LastWrite),
				from.UTC().Format(time.RFC3339)))
	}
	switch err := s.fleet.store.AbortHanging(ctx, h); {
	case errors.Is(err, kerr.ClusterAuthorizationFailed):
		return nil, failure(codes.FailedPrecondition, connector.ReasonTransactionForbidden,
			fmt.Sprintf(
				"The workers may not %v. Allow it (kafka-acls.sh --add --allow-principal User:<worker> --operation Alter --cluster), or let somebody who may run: kafka-transactions.sh --bootstrap-server <brokers> abort --topic %s --partition %d --start-offset %d",
				err, h.Topic, h.Partition, h.Start))
	case err != nil:
		return nil, transactionsUnknown(err)
	}
	s.fleet.logger.Warn("hanging transaction rolled back", "topic", h.Topic, "partition", h.Partition, "producer",
		h.ProducerID, "offset", h.Start)
	return &connectorv1.AbortHangingTransactionResponse{}, nil
}

// hanging finds the transaction that a request names; nil if there is none.
func (s *transactions) hanging(ctx context.Context,
	request *connectorv1.AbortHangingTransactionRequest) (*kafka.HangingTransaction, error) {
	found, err := kafka.FindHanging(ctx, s.fleet.store.Admin, request.GetTopic())
	for _, h := range found {
		if h.Partition == request.GetPartition() && h.ProducerID == request.GetProducerId() {
			return h, nil
		}
	}
	return nil, err
}

func transactionsUnknown(err error) error {
	if errors.Is(err, kerr.UnsupportedVersion) {
		return failure(codes.FailedPrecondition, connector.ReasonTransactionsUnknown,
			fmt.Sprintf("The brokers cannot be asked about transactions, for which they must be Kafka 3.0 or later: %v", err))
	}
	var denied *kadm.AuthError
	if errors.As(err, &denied) {
		return failure(codes.FailedPrecondition, connector.ReasonTransactionsUnknown,
			fmt.Sprintf(
				"The workers may not see all transactions: %v. They need Read on the topics and Describe on transactional ids",
				err))
	}
	return storeUnavailable(err)
}
