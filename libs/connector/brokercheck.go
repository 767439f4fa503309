package connector

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/twmb/franz-go/pkg/kerr"

	"github.com/calypso-cdc/calypso/libs/kafka"
)

// checkedTopic is the end of the name of a topic that is asked about and never made.
const checkedTopic = "calypso-check"

// checkBroker looks at Kafka for a connector: whether it answers, what the worker may do there, and whether it knows transactions.
func (w *Worker) checkBroker(ctx context.Context, plugin Plugin, v validated) []Check {
	ctx, cancel := context.WithTimeout(ctx, w.config.StoreTimeout)
	defer cancel()
	metadata, err := w.store.admin.BrokerMetadata(ctx)
	if err != nil {
		return []Check{{Name: "kafka", Detail: fmt.Sprintf("the brokers do not answer: %v", err), Remedy: "See that bootstrap-servers of the worker is right and that the brokers run."}}
	}
	checks := []Check{{Name: "kafka", OK: true, Detail: fmt.Sprintf("%d brokers answer", len(metadata.Brokers))}}
	rights, err := kafka.NewRights(w.kafkaClient)
	if err != nil {
		return append(checks, Check{Name: "kafka rights", OK: true, Detail: fmt.Sprintf("the brokers could not be asked: %v", err)})
	}
	defer rights.Close()
	var used UsedTopics
	if plugin.Topics != nil {
		used = plugin.Topics(v.values)
	}
	if plugin.Type == Source {
		checks = append(checks, w.checkCreation(ctx, used.Prefix), w.checkTransactions(ctx, rights, v))
	}
	return append(append(checks, w.checkRights(ctx, rights, plugin.Type, v, used)...), w.checkHanging(ctx)...)
}

// checkCreation asks whether topics may be made whose names begin with a prefix. They may be there already, so it is no hindrance.
func (w *Worker) checkCreation(ctx context.Context, prefix string) Check {
	c := Check{Name: "topic creation", OK: true, Detail: "topics may be made"}
	made, err := w.store.admin.ValidateCreateTopics(ctx, 1, w.config.ReplicationFactor, nil, prefix+checkedTopic)
	if err == nil {
		err = made.Error()
	}
	if err != nil {
		c.Detail = fmt.Sprintf("topics may not be made: %v", err)
		c.Remedy = "Make the tables' topics yourself, or allow it: " + kafka.Right{Operation: kafka.Create, Resource: kafka.Topic, Name: prefix, Prefixed: true}.Command()
	}
	return c
}

// checkTransactions looks for what brokers without transactions lack, and whether the worker may use them.
func (w *Worker) checkTransactions(ctx context.Context, rights *kafka.Rights, v validated) Check {
	c := Check{Name: "kafka transactions", OK: true, Detail: "the brokers have transactions: each change is written exactly once"}
	required := strings.EqualFold(v.config["exactly.once.support"], "required")
	without := func(why, remedy string) Check {
		if required {
			return Check{Name: c.Name, Detail: why + ", which exactly.once.support=required demands", Remedy: remedy}
		}
		return Check{Name: c.Name, OK: true, Detail: why + ": after a crash the last batch may be written again", Remedy: remedy}
	}
	versions, err := w.store.admin.ApiVersions(ctx)
	if err != nil {
		c.Detail = fmt.Sprintf("whether the brokers have transactions could not be asked: %v", err)
		return c
	}
	for _, broker := range versions.Sorted() {
		if !kafka.Transactions(broker) {
			return without(fmt.Sprintf("broker %d has no transactions", broker.NodeID), "Use brokers with transactions (Kafka 0.11 or later), or set exactly.once.support=requested and accept repetitions. Event Hubs has none in its tier Standard.")
		}
	}
	id := TransactionalID(v.config["name"])
	switch may, err := rights.MayWriteTransactions(ctx, id); {
	case err != nil && answered(err):
		return without(err.Error(), "See whether the brokers have transactions for this client.")
	case err != nil:
		c.Detail = fmt.Sprintf("whether the worker may use transactions could not be asked: %v", err)
	case !may:
		right := kafka.Right{Operation: kafka.Write, Resource: kafka.TransactionalID, Name: transactionalPrefix, Prefixed: true}
		return without(fmt.Sprintf("the worker may not use transactional id %s", id), "Allow it: "+right.Command())
	}
	return c
}

// answered says whether an error is a broker's answer that stays.
func answered(err error) bool {
	_, ok := errors.AsType[*kerr.Error](err)
	return ok && !kerr.IsRetriable(err)
}

// transactionalPrefix is what transactional ids begin with.
const transactionalPrefix = "calypso-"

// TransactionalID is that of a source connector's producer: there is one a connector, which fences.
func TransactionalID(connector string) string { return transactionalPrefix + connector }

// checkRights names each right that the worker lacks: without those on topics and groups that are known by name the connector fails.
func (w *Worker) checkRights(ctx context.Context, rights *kafka.Rights, kind Type, v validated, used UsedTopics) []Check {
	var checks []Check
	unasked := func(err error) {
		if len(checks) == 0 {
			checks = append(checks, Check{Name: "kafka rights", OK: true, Detail: fmt.Sprintf("some could not be asked: %v", err)})
		}
	}
	lacks := func(right kafka.Right, hinders bool) {
		checks = append(checks, Check{Name: "right " + right.String(), OK: !hinders, Detail: "the worker lacks the right " + right.String(), Remedy: "Allow it: " + right.Command()})
	}
	topic := func(name string, operations ...kafka.Operation) {
		missing, err := rights.MissingOnTopic(ctx, name, operations...)
		if err != nil {
			unasked(err)
		}
		for _, right := range missing {
			lacks(right, true)
		}
	}
	for _, name := range []string{w.config.ConfigTopic, w.config.StatusTopic, w.config.OffsetsTopic} {
		topic(name, kafka.Read, kafka.Write)
	}
	for _, name := range used.Reads {
		topic(name, kafka.Read)
	}
	for _, name := range used.Writes {
		topic(name, kafka.Write)
	}
	if used.Prefix != "" {
		missing, err := rights.MissingOnTopic(ctx, used.Prefix+checkedTopic, kafka.Write)
		if err != nil {
			unasked(err)
		}
		for _, right := range missing { // each topic may have been allowed by its name
			right.Name, right.Prefixed = used.Prefix, true
			lacks(right, false)
		}
	}
	if kind == Sink {
		group := ConsumerGroup(v.config["name"], v.values)
		switch may, err := rights.MayReadGroup(ctx, group); {
		case err != nil:
			unasked(err)
		case !may:
			lacks(kafka.Right{Operation: kafka.Read, Resource: kafka.Group, Name: group}, true)
		}
	}
	if len(checks) == 0 {
		checks = append(checks, Check{Name: "kafka rights", OK: true, Detail: "the worker may do what the connector needs, as far as the brokers tell"})
	}
	return checks
}

// checkHanging looks for transactions in the workers' own topics that nobody will end; it is silent where brokers cannot be asked.
func (w *Worker) checkHanging(ctx context.Context) (checks []Check) {
	found, err := kafka.FindHanging(ctx, w.store.admin, w.config.internalTopics()...)
	if err != nil {
		return nil
	}
	for _, h := range found {
		checks = append(checks, Check{Name: "hanging transaction", OK: true, Detail: h.Summary(), Remedy: h.Remedy()})
	}
	return checks
}
