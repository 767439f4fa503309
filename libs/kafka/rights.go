package kafka

import (
	"context"
	"errors"
	"fmt"
	"math"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"
	"github.com/twmb/franz-go/pkg/kversion"
)

// Resource is a kind of resource to which a right applies, as kafka-acls.sh names it.
type Resource string

// The kinds of resources.
const (
	Topic           Resource = "topic"
	Group           Resource = "group"
	TransactionalID Resource = "transactional-id"
)

// Operation is an operation on a resource; its value is that of Kafka's protocol (AclOperation).
type Operation int8

// The operations.
const (
	Read            Operation = 3
	Write           Operation = 4
	Create          Operation = 5
	DescribeConfigs Operation = 10
)

// String returns the operation's name in kafka-acls.sh.
func (o Operation) String() string {
	return map[Operation]string{Read: "Read", Write: "Write", Create: "Create", DescribeConfigs: "DescribeConfigs"}[o]
}

// Right is the right of a client to perform an operation on a resource.
type Right struct {
	Operation Operation
	Resource  Resource
	// Name is the resource's name, or a prefix of the names of all resources that are meant.
	Name     string
	Prefixed bool
}

func (r Right) String() string {
	if r.Prefixed {
		return fmt.Sprintf("%v on each %s whose name begins with %s", r.Operation, r.Resource, r.Name)
	}
	return fmt.Sprintf("%v on %s %s", r.Operation, r.Resource, r.Name)
}

// Command returns the command that gives the right to a worker.
func (r Right) Command() string {
	pattern := ""
	if r.Prefixed {
		pattern = " --resource-pattern-type prefixed"
	}
	return fmt.Sprintf(
		"kafka-acls.sh --bootstrap-server <brokers> --add --allow-principal User:<worker> --operation %v --%s %s%s",
		r.Operation, r.Resource, r.Name, pattern)
}

// Rights asks the brokers what a client may do, without doing it. Rights about which brokers do not
// tell count as granted.
type Rights struct{ client *kgo.Client }

// NewRights makes Rights for the client that connect makes, which must connect like the one in
// question. Close closes it.
func NewRights(connect func(...kgo.Opt) (*kgo.Client, error)) (*Rights, error) {
	versions := kversion.Stable()
	versions.SetMaxKeyVersion(kmsg.Produce.Int16(), 9) // later versions name topics by their ids
	client, err := connect(kgo.MaxVersions(versions), kgo.RequestRetries(2))
	if err != nil {
		return nil, fmt.Errorf("make a Kafka client: %w", err)
	}
	return &Rights{client}, nil
}

// Close closes the connections.
func (r *Rights) Close() { r.client.Close() }

// operationsUnknown is the answer of brokers that do not tell which operations are allowed.
const operationsUnknown = math.MinInt32

// MissingOnTopic returns the operations that are not allowed on a topic. If the topic does not
// exist, only Write can be checked.
func (r *Rights) MissingOnTopic(ctx context.Context, topic string,
	operations ...Operation) (missing []Right, err error) {
	req := kmsg.NewPtrMetadataRequest()
	req.IncludeTopicAuthorizedOperations = true
	wanted := kmsg.NewMetadataRequestTopic()
	wanted.Topic = kmsg.StringPtr(topic)
	req.Topics = append(req.Topics, wanted)
	resp, err := req.RequestWith(ctx, r.client)
	if err == nil && len(resp.Topics) != 1 {
		err = errors.New("the answer is not about it")
	}
	if err != nil {
		return nil, fmt.Errorf("look up topic %s: %w", topic, err)
	}
	found := resp.Topics[0]
	lacks := func(o Operation) bool { return found.AuthorizedOperations&(1<<o) == 0 }
	switch err := kerr.ErrorForCode(found.ErrorCode); {
	case errors.Is(err, kerr.TopicAuthorizationFailed): // not even Describe, which each operation implies
		lacks = func(Operation) bool { return true }
	case errors.Is(err, kerr.UnknownTopicOrPartition):
		denied, err := r.writeDenied(ctx, topic)
		if err != nil {
			return nil, err
		}
		lacks = func(o Operation) bool { return denied && o == Write }
	case err != nil:
		return nil, fmt.Errorf("look up topic %s: %w", topic, err)
	case found.AuthorizedOperations == operationsUnknown:
		return nil, nil
	}
	for _, o := range operations {
		if lacks(o) {
			missing = append(missing, Right{Operation: o, Resource: Topic, Name: topic})
		}
	}
	return missing, nil
}

// writeDenied reports whether a topic that does not exist may not be written: brokers check the
// right first.
func (r *Rights) writeDenied(ctx context.Context, topic string) (bool, error) {
	req := kmsg.NewPtrProduceRequest()
	req.Acks, req.TimeoutMillis = -1, 1000
	to := kmsg.NewProduceRequestTopic()
	to.Topic = topic
	to.Partitions = append(to.Partitions, kmsg.NewProduceRequestTopicPartition())
	req.Topics = append(req.Topics, to)
	answer, err := r.client.SeedBrokers()[0].Request(ctx, req)
	if err != nil {
		return false, fmt.Errorf("ask for the right to write topic %s: %w", topic, err)
	}
	for _, t := range answer.(*kmsg.ProduceResponse).Topics {
		for _, p := range t.Partitions {
			if errors.Is(kerr.ErrorForCode(p.ErrorCode), kerr.TopicAuthorizationFailed) {
				return true, nil
			}
		}
	}
	return false, nil
}

// MayReadGroup reports whether a consumer may join a group: brokers check the right before they
// look for the member, which does not exist.
func (r *Rights) MayReadGroup(ctx context.Context, group string) (bool, error) {
	req := kmsg.NewPtrHeartbeatRequest()
	req.Group, req.MemberID = group, "calypso-check"
	resp, err := req.RequestWith(ctx, r.client)
	if err == nil {
		err = kerr.ErrorForCode(resp.ErrorCode)
	}
	switch {
	case errors.Is(err, kerr.GroupAuthorizationFailed):
		return false, nil
	case errors.Is(err, kerr.UnknownMemberID), errors.Is(err, kerr.IllegalGeneration),
		errors.Is(err, kerr.GroupIDNotFound), err == nil:
		return true, nil
	}
	return true, fmt.Errorf("ask for the right to read group %s: %w", group, err)
}

// MayWriteTransactions reports whether a producer may use a transactional id. It ends a transaction
// of a producer that cannot exist, so that a producer that uses the id is not disturbed. An error
// is an answer that is not about rights, such as that of a service that knows the request but has
// no transactions.
func (r *Rights) MayWriteTransactions(ctx context.Context, id string) (may bool, err error) {
	req := kmsg.NewPtrEndTxnRequest()
	req.TransactionalID, req.ProducerID = id, math.MaxInt64
	resp, err := req.RequestWith(ctx, r.client)
	if err == nil {
		err = kerr.ErrorForCode(resp.ErrorCode)
	}
	switch {
	case err == nil, errors.Is(err, kerr.InvalidProducerIDMapping), errors.Is(err, kerr.InvalidTxnState),
		errors.Is(err, kerr.InvalidProducerEpoch), errors.Is(err, kerr.ProducerFenced):
		return true, nil
	case errors.Is(err, kerr.TransactionalIDAuthorizationFailed):
		return false, nil
	}
	return false, fmt.Errorf("ask for the right to use transactional id %s: %w", id, err)
}
