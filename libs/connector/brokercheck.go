package connector

import (
	"context"
	"fmt"

	"github.com/twmb/franz-go/pkg/kadm"

	"github.com/calypso-cdc/calypso/libs/kafka"
)

// checkedTopic is asked whether it could be made; it never is.
const checkedTopic = "calypso-check"

// checkBroker looks at Kafka for a connector of a type: whether it answers, may be given topics, and knows transactions.
func (w *Worker) checkBroker(ctx context.Context, kind Type) []Check {
	ctx, cancel := context.WithTimeout(ctx, w.config.StoreTimeout)
	defer cancel()
	metadata, err := w.store.admin.BrokerMetadata(ctx)
	if err != nil {
		return []Check{{Name: "kafka", Detail: fmt.Sprintf("the brokers do not answer: %v", err), Remedy: "See that bootstrap-servers of the worker is right and that the brokers run."}}
	}
	checks := []Check{{Name: "kafka", OK: true, Detail: fmt.Sprintf("%d brokers answer", len(metadata.Brokers))}}
	if kind != Source {
		return checks
	}
	topics := Check{Name: "topic creation", OK: true, Detail: "topics may be made"}
	made, err := w.store.admin.ValidateCreateTopics(ctx, 1, w.config.ReplicationFactor, nil, checkedTopic)
	if err == nil {
		err = made.Error()
	}
	if err != nil {
		// The topics may be there already, so this is no hindrance.
		topics.Detail = fmt.Sprintf("topics may not be made: %v", err)
		topics.Remedy = "Make the tables' topics yourself, or allow it: kafka-acls.sh --add --allow-principal User:<worker> --operation Create --cluster."
	}
	return append(checks, topics, w.checkTransactions(ctx))
}

// checkTransactions looks for what brokers without transactions lack.
func (w *Worker) checkTransactions(ctx context.Context) Check {
	c := Check{Name: "kafka transactions", OK: true, Detail: "the brokers have transactions: each change is written exactly once"}
	versions, err := w.store.admin.ApiVersions(ctx)
	if err != nil {
		c.Detail = fmt.Sprintf("whether the brokers have transactions could not be asked: %v", err)
		return c
	}
	versions.Each(func(v kadm.BrokerApiVersions) {
		if !kafka.Transactions(v) {
			c.Detail = fmt.Sprintf("broker %d has no transactions: after a crash the last batch may be written again", v.NodeID)
			c.Remedy = "Use brokers with transactions (Kafka 0.11 or later), or set exactly.once.support=requested and accept repetitions. Event Hubs has none in its tier Standard."
		}
	})
	return c
}
