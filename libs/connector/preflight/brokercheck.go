package preflight

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/twmb/franz-go/pkg/kerr"

	"github.com/calypso-cdc/calypso/libs/connector"
	"github.com/calypso-cdc/calypso/libs/connector/classes"
	"github.com/calypso-cdc/calypso/libs/kafka"
)

// checkedTopic ends the name of a topic that is only asked about and never created.
const checkedTopic = "calypso-check"

// checkBroker looks at Kafka for a connector: whether it answers, what the worker may do there, and whether it knows
// transactions.
func (c *Checker) checkBroker(ctx context.Context, plugin connector.Plugin, v classes.Checked) []connector.Check {
	ctx, cancel := context.WithTimeout(ctx, c.config.StoreTimeout)
	defer cancel()
	metadata, err := c.store.Admin.BrokerMetadata(ctx)
	if err != nil {
		return []connector.Check{{Name: "kafka", Detail: fmt.Sprintf("the brokers do not answer: %v", err),
			Remedy: "Make sure that the worker's bootstrap-servers is right and that the brokers run."}}
	}
	checks := []connector.Check{{Name: "kafka", OK: true, Detail: fmt.Sprintf("%d brokers answer", len(metadata.Brokers))}}
	rights, err := kafka.NewRights(c.store.Client)
	if err != nil {
		return append(checks, connector.Check{Name: "kafka rights", OK: true,
			Detail: fmt.Sprintf("the brokers could not be asked: %v", err)})
	}
	defer rights.Close()
	var used connector.UsedTopics
	if plugin.Topics != nil {
		used = plugin.Topics(v.Values)
	}
	if plugin.Type == connector.Source {
		checks = append(checks, c.checkCreation(ctx, used.Prefix), c.checkTransactions(ctx, rights, v))
	}
	checks = append(checks, connector.CheckNeeded(ctx, c.store.Admin, used.Needs)...)
	return append(append(checks, c.checkRights(ctx, rights, plugin.Type, v, used)...), c.checkHanging(ctx)...)
}

// checkCreation asks whether topics whose names begin with a prefix may be created. It is never a
// failure, since they may exist already.
func (c *Checker) checkCreation(ctx context.Context, prefix string) connector.Check {
	found := connector.Check{Name: "topic creation", OK: true, Detail: "topics may be made"}
	err := kafka.TryTopic(ctx, c.store.Admin, prefix+checkedTopic, c.store.Config().ReplicationFactor)
	switch {
	case err == nil:
		return found
	case errors.Is(err, kafka.ErrTopicsByHand), errors.Is(err, kerr.PolicyViolation):
		found.Remedy = kafka.TopicRemedy(err) + ". Topics that are there are used as they are."
	default:
		found.Remedy = "Make the tables' topics yourself, or allow it: " + kafka.Right{Operation: kafka.Create,
			Resource: kafka.Topic, Name: prefix, Prefixed: true}.Command()
	}
	found.Detail = fmt.Sprintf("topics may not be made: %v", err)
	return found
}

// checkTransactions asks whether the brokers have transactions, and whether the worker may use
// them.
func (c *Checker) checkTransactions(ctx context.Context, rights *kafka.Rights, v classes.Checked) connector.Check {
	found := connector.Check{Name: "kafka transactions", OK: true,
		Detail: "the brokers have transactions: each change is written exactly once"}
	required := strings.EqualFold(v.Config["exactly.once.support"], "required")
	without := func(why, remedy string) connector.Check {
		if required {
			return connector.Check{Name: found.Name, Detail: why + ", which exactly.once.support=required demands",
				Remedy: remedy}
		}
		return connector.Check{Name: found.Name, OK: true,
			Detail: why + ": after a crash the last batch may be written again", Remedy: remedy}
	}
	versions, err := c.store.Admin.ApiVersions(ctx)
	if err != nil {
		found.Detail = fmt.Sprintf("whether the brokers have transactions could not be asked: %v", err)
		return found
	}
	for _, broker := range versions.Sorted() {
		if !kafka.Transactions(broker) {
			return without(fmt.Sprintf("broker %d has no transactions", broker.NodeID),
				"Use brokers with transactions (Kafka 0.11 or later), or set exactly.once.support=requested and accept repetitions. Event Hubs has none in its tier Standard.")
		}
	}
	id := connector.TransactionalID(v.Config["name"])
	switch may, err := rights.MayWriteTransactions(ctx, id); {
	case err != nil && answered(err):
		return without(err.Error(), "See whether the brokers have transactions for this client.")
	case err != nil:
		found.Detail = fmt.Sprintf("whether the worker may use transactions could not be asked: %v", err)
	case !may:
		right := kafka.Right{Operation: kafka.Write, Resource: kafka.TransactionalID,
			Name: connector.TransactionalPrefix, Prefixed: true}
		return without(fmt.Sprintf("the worker may not use transactional id %s", id), "Allow it: "+right.Command())
	}
	return found
}

// answered reports whether an error is a broker's answer that trying again will not change.
func answered(err error) bool {
	_, ok := errors.AsType[*kerr.Error](err)
	return ok && !kerr.IsRetriable(err)
}

// checkRights reports each right that the worker lacks. Missing rights on topics and groups that
// are known by name are failures, since the connector could not run.
func (c *Checker) checkRights(ctx context.Context, rights *kafka.Rights, kind connector.Type, v classes.Checked,
	used connector.UsedTopics) []connector.Check {
	var checks []connector.Check
	unasked := func(err error) {
		if len(checks) == 0 {
			checks = append(checks, connector.Check{Name: "kafka rights", OK: true,
				Detail: fmt.Sprintf("some could not be asked: %v", err)})
		}
	}
	lacks := func(right kafka.Right, hinders bool) {
		checks = append(checks, connector.Check{Name: "right " + right.String(), OK: !hinders,
			Detail: "the worker lacks the right " + right.String(), Remedy: "Allow it: " + right.Command()})
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
	for _, name := range []string{c.store.Config().ConfigTopic, c.store.Config().StatusTopic,
		c.store.Config().OffsetsTopic} {
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
	if kind == connector.Sink {
		group := connector.ConsumerGroup(v.Config["name"], v.Values)
		switch may, err := rights.MayReadGroup(ctx, group); {
		case err != nil:
			unasked(err)
		case !may:
			lacks(kafka.Right{Operation: kafka.Read, Resource: kafka.Group, Name: group}, true)
		}
	}
	if len(checks) == 0 {
		checks = append(checks, connector.Check{Name: "kafka rights", OK: true,
			Detail: "the worker may do what the connector needs, as far as the brokers tell"})
	}
	return checks
}

// checkHanging looks for transactions in the workers' own topics that nobody will end. It reports
// nothing if the brokers cannot be asked.
func (c *Checker) checkHanging(ctx context.Context) (checks []connector.Check) {
	found, err := kafka.FindHanging(ctx, c.store.Admin, c.store.Config().InternalTopics()...)
	if err != nil {
		return nil
	}
	for _, h := range found {
		checks = append(checks, connector.Check{Name: "hanging transaction", OK: true, Detail: h.Summary(),
			Remedy: h.Remedy()})
	}
	return checks
}
