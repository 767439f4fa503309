package eventhubs

import (
	"encoding/binary"
	"slices"
	"strconv"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// apiVersions is the key of the one request whose answer has a header without tags.
const apiVersions = 18

// verdict is what becomes of a request: passed on if it is zero.
type verdict struct {
	// answer is what the proxy says by itself.
	answer kmsg.Response
	// cut ends the connection.
	cut bool
	// silent means that no answer is due.
	silent bool
}

// judge applies the rules to a request. It sleeps where the service holds a request back.
func (n *Namespace) judge(req request) verdict {
	switch r := req.body.(type) {
	case *kmsg.ProduceRequest:
		return n.judgeProduce(r)
	case *kmsg.OffsetCommitRequest:
		return n.judgeCommit(r)
	case *kmsg.FindCoordinatorRequest:
		return n.judgeCoordinator(r)
	case *kmsg.CreateTopicsRequest:
		return n.judgeTopics(r)
	case *kmsg.OffsetForLeaderEpochRequest:
		if n.config.Tier.Epochs {
			return n.judgeEpoch(r)
		}
	case *kmsg.JoinGroupRequest:
		if timeout := time.Duration(r.SessionTimeoutMillis) * time.Millisecond; timeout < leastSession ||
			timeout > longestSession {
			n.refused("session timeout")
			answer := r.ResponseKind().(*kmsg.JoinGroupResponse)
			answer.ErrorCode = kerr.InvalidSessionTimeout.Code
			return verdict{answer: answer}
		}
	case *kmsg.InitProducerIDRequest:
		if r.TransactionalID != nil && !n.transactions() {
			n.refused("transactions")
			answer := r.ResponseKind().(*kmsg.InitProducerIDResponse)
			answer.ErrorCode = kerr.InvalidRequest.Code
			return verdict{answer: answer}
		}
	}
	return verdict{}
}

// judgeEpoch says of every epoch that it ends where the log begins.
func (n *Namespace) judgeEpoch(r *kmsg.OffsetForLeaderEpochRequest) verdict {
	n.refused("leader epoch")
	answer := r.ResponseKind().(*kmsg.OffsetForLeaderEpochResponse)
	for _, t := range r.Topics {
		topic := kmsg.NewOffsetForLeaderEpochResponseTopic()
		topic.Topic = t.Topic
		for _, p := range t.Partitions {
			partition := kmsg.NewOffsetForLeaderEpochResponseTopicPartition()
			partition.Partition, partition.LeaderEpoch, partition.EndOffset = p.Partition, p.LeaderEpoch, 0
			topic.Partitions = append(topic.Partitions, partition)
		}
		answer.Topics = append(answer.Topics, topic)
	}
	return verdict{answer: answer}
}

// judgeProduce refuses compressed batches with UNSUPPORTED_FOR_MESSAGE_FORMAT, and whatever
// Throttle, Stumble and ForgetProducers ask for.
func (n *Namespace) judgeProduce(r *kmsg.ProduceRequest) verdict {
	code, rule := n.dueFailure()
	if code == 0 && slices.ContainsFunc(r.Topics, func(t kmsg.ProduceRequestTopic) bool {
		return slices.ContainsFunc(t.Partitions, func(p kmsg.ProduceRequestTopicPartition) bool {
			return !n.codecAllowed(p.Records)
		})
	}) {
		code, rule = kerr.UnsupportedForMessageFormat.Code, "compression"
	}
	if code == 0 {
		return verdict{}
	}
	n.refused(rule)
	if r.Acks == 0 {
		return verdict{silent: true}
	}
	answer := r.ResponseKind().(*kmsg.ProduceResponse)
	for _, t := range r.Topics {
		topic := kmsg.NewProduceResponseTopic()
		topic.Topic, topic.TopicID = t.Topic, t.TopicID
		for _, p := range t.Partitions {
			partition := kmsg.NewProduceResponseTopicPartition()
			partition.Partition, partition.ErrorCode, partition.BaseOffset = p.Partition, code, -1
			topic.Partitions = append(topic.Partitions, partition)
		}
		answer.Topics = append(answer.Topics, topic)
	}
	return verdict{answer: answer}
}

// dueFailure takes one of the failures that were asked for; 0 if there is none.
func (n *Namespace) dueFailure() (code int16, rule string) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if len(n.due) == 0 {
		return 0, ""
	}
	next := n.due[0]
	n.due = n.due[1:]
	return next.code, next.rule
}

// codecAllowed looks at the attributes of each record batch (format 2: the only one that the
// service's versions of Produce carry).
func (n *Namespace) codecAllowed(records []byte) bool {
	const (
		lengthAt, attributesAt, least = 8, 21, 61
		codecs, none, gzip            = 0x07, 0, 1
	)
	for len(records) >= least {
		codec := binary.BigEndian.Uint16(records[attributesAt:]) & codecs
		if codec != none && (codec != gzip || !n.config.Tier.Gzip) {
			return false
		}
		size := lengthAt + 4 + int(binary.BigEndian.Uint32(records[lengthAt:]))
		if size > len(records) {
			return true // the broker says what is wrong with it
		}
		records = records[size:]
	}
	return true
}

// judgeCommit refuses metadata above the limit for the whole request and holds commits back that come too often.
func (n *Namespace) judgeCommit(r *kmsg.OffsetCommitRequest) verdict {
	tooLong := false
	due := time.Time{}
	n.mu.Lock()
	now := time.Now()
	for _, t := range r.Topics {
		for _, p := range t.Partitions {
			tooLong = tooLong || p.Metadata != nil && len(*p.Metadata) > maxOffsetMetadata
			key := commitKey{r.Group, t.Topic, p.Partition}
			next := n.nextCommit[key]
			if next.Before(now) {
				next = now
			}
			n.nextCommit[key] = next.Add(time.Second / commitsPerSecond)
			if next.After(due) {
				due = next
			}
		}
	}
	n.mu.Unlock()
	if tooLong {
		n.refused("offset metadata")
		answer := r.ResponseKind().(*kmsg.OffsetCommitResponse)
		for _, t := range r.Topics {
			topic := kmsg.NewOffsetCommitResponseTopic()
			topic.Topic, topic.TopicID = t.Topic, t.TopicID
			for _, p := range t.Partitions {
				partition := kmsg.NewOffsetCommitResponseTopicPartition()
				partition.Partition, partition.ErrorCode = p.Partition, kerr.OffsetMetadataTooLarge.Code
				topic.Partitions = append(topic.Partitions, partition)
			}
			answer.Topics = append(answer.Topics, topic)
		}
		return verdict{answer: answer}
	}
	if wait := time.Until(due); wait > 0 {
		n.refused("commits at once")
		time.Sleep(wait)
	}
	return verdict{}
}

// judgeCoordinator refuses the coordinator of transactions where the tier has none, in the words of
// the service (github.com/camunda-community-hub/zeebe-kafka-exporter/issues/390). Which error code
// comes with them is not known in public; Java's client calls it unexpected, so it is none that
// retries.
func (n *Namespace) judgeCoordinator(r *kmsg.FindCoordinatorRequest) verdict {
	const transaction = 1
	if r.CoordinatorType != transaction || n.transactions() {
		return verdict{}
	}
	n.refused("transactions")
	if n.config.CutTransactions {
		return verdict{cut: true}
	}
	text := "FindCoordinator asked for coordinator with type code 1 which is not supported. type code 1 is only supported in Premium or Dedicated sku."
	answer := r.ResponseKind().(*kmsg.FindCoordinatorResponse)
	answer.ErrorCode, answer.ErrorMessage, answer.NodeID = kerr.InvalidRequest.Code, &text, -1
	for _, key := range r.CoordinatorKeys {
		coordinator := kmsg.NewFindCoordinatorResponseCoordinator()
		coordinator.Key, coordinator.ErrorCode, coordinator.ErrorMessage, coordinator.NodeID = key,
			kerr.InvalidRequest.Code, &text, -1
		answer.Coordinators = append(answer.Coordinators, coordinator)
	}
	return verdict{answer: answer}
}

// judgeTopics refuses a request that makes a topic which the tier has no room for.
func (n *Namespace) judgeTopics(r *kmsg.CreateTopicsRequest) verdict {
	faults := map[string]string{}
	n.mu.Lock()
	for _, t := range r.Topics {
		if fault := n.topicFault(t); fault != "" {
			faults[t.Topic] = fault
		}
	}
	if len(faults) == 0 && !r.ValidateOnly {
		for _, t := range r.Topics {
			n.hubs[t.Topic] = struct{}{}
		}
	}
	n.mu.Unlock()
	if len(faults) == 0 {
		return verdict{}
	}
	n.refused("topics")
	answer := r.ResponseKind().(*kmsg.CreateTopicsResponse)
	for _, t := range r.Topics {
		topic := kmsg.NewCreateTopicsResponseTopic()
		topic.Topic = t.Topic
		text := "another topic of the request was refused"
		topic.ErrorCode = kerr.InvalidRequest.Code
		if fault := faults[t.Topic]; fault != "" {
			text, topic.ErrorCode = fault, kerr.PolicyViolation.Code
		}
		topic.ErrorMessage = &text
		answer.Topics = append(answer.Topics, topic)
	}
	return verdict{answer: answer}
}

// topicFault is the first rule that a topic breaks; n.mu is held.
func (n *Namespace) topicFault(t kmsg.CreateTopicsRequestTopic) string {
	tier := n.config.Tier
	if _, there := n.hubs[t.Topic]; !there && tier.Hubs > 0 && len(n.hubs) >= tier.Hubs {
		return "the namespace has its " + strconv.Itoa(tier.Hubs) + " event hubs"
	}
	if t.NumPartitions > tier.Partitions {
		return "an event hub of tier " + tier.Name + " has at most " + strconv.Itoa(int(tier.Partitions)) + " partitions"
	}
	for _, c := range t.Configs {
		if c.Name != "retention.ms" || c.Value == nil {
			continue
		}
		if ms, err := strconv.ParseInt(*c.Value, 10, 64); err == nil && ms > tier.Retention.Milliseconds() {
			return "retention.ms is at most " + strconv.FormatInt(tier.Retention.Milliseconds(), 10) + " in tier " + tier.Name
		}
	}
	return ""
}

// rewrite changes what names the broker, or says what it can do; false if nothing was changed.
func (n *Namespace) rewrite(resp kmsg.Response) bool {
	switch r := resp.(type) {
	case *kmsg.ApiVersionsResponse:
		var kept []kmsg.ApiVersionsResponseApiKey
		for _, k := range r.ApiKeys {
			least, most, known := n.versions(k.ApiKey)
			least, most = max(least, k.MinVersion), min(most, k.MaxVersion)
			if known && least <= most {
				k.MinVersion, k.MaxVersion = least, most
				kept = append(kept, k)
			}
		}
		r.ApiKeys, r.SupportedFeatures, r.FinalizedFeatures = kept, nil, nil
	case *kmsg.MetadataResponse:
		for i := range r.Brokers {
			r.Brokers[i].Host, r.Brokers[i].Port = n.host, n.port
		}
		n.mu.Lock()
		for _, t := range r.Topics {
			for i := range t.Partitions {
				t.Partitions[i].LeaderEpoch += n.epoch
			}
		}
		n.mu.Unlock()
	case *kmsg.FindCoordinatorResponse:
		if r.ErrorCode == 0 {
			r.Host, r.Port = n.host, n.port
		}
		for i := range r.Coordinators {
			if r.Coordinators[i].ErrorCode == 0 {
				r.Coordinators[i].Host, r.Coordinators[i].Port = n.host, n.port
			}
		}
	default:
		return false
	}
	return true
}
