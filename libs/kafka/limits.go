package kafka

import (
	"context"
	"math"
	"strconv"
	"sync"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"
)

// TopicLimits knows how large a batch of records each topic accepts, in bytes before compression.
// It is safe for concurrent use.
type TopicLimits struct {
	// planned returns the max.message.bytes with which a topic will be created; nil if that is not
	// set.
	planned func(topic string) *string
	// set is the limit that the user has set for all topics; 0 if each topic's own applies.
	set int

	mu sync.Mutex
	// most is the largest batch that the client sends, whatever a topic accepts; guarded by mu.
	most  int
	admin *kadm.Client          // guarded by mu
	known map[string]topicLimit // guarded by mu
}

// topicLimit is a topic's limit: its own, or before it exists the one that it will probably have.
type topicLimit struct {
	bytes  int
	exists bool
}

const (
	// defaultLimit is a little less than what brokers accept by default (message.max.bytes, 1048588).
	defaultLimit = 1000012
	// mostLimit bounds a batch even if a topic accepts more: larger ones would take too much memory,
	// since a batch is in memory twice.
	mostLimit = 32 << 20
	// limitTimeout bounds the request for a topic's limit.
	limitTimeout = 10 * time.Second
)

// NewTopicLimits makes TopicLimits that know nothing yet. planned returns the max.message.bytes
// with which a topic will be created, nil for the broker's default; set is a limit for all topics,
// 0 for each topic's own.
func NewTopicLimits(planned func(topic string) *string, set int) *TopicLimits {
	return &TopicLimits{planned: planned, set: set, most: math.MaxInt32, known: make(map[string]topicLimit)}
}

// Ask sets the client to ask with; it must be called first. The largest batch that the client
// sends, which restrictions of the brokers may lower, bounds every topic's limit.
func (l *TopicLimits) Ask(client *kgo.Client) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.admin = kadm.NewClient(client)
	if request, ok := client.OptValue(kgo.BrokerMaxWriteBytes).(int32); ok {
		l.most = int(request) - batchOverhead
	}
}

// AskRequests asks how large a request the brokers accept (socket.request.max.bytes), if the client
// may send larger ones than brokers accept by default: they close the connection on a larger
// request, which looks as if they were down.
func (l *TopicLimits) AskRequests(ctx context.Context) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.most <= mostRequest-batchOverhead {
		return
	}
	if n, ok := l.ofBroker(ctx, "socket.request.max.bytes"); ok {
		l.most = min(l.most, n-batchOverhead)
	}
}

// Bounded reports whether the limit of a topic is the largest batch that the client sends.
func (l *TopicLimits) Bounded(topic string) bool {
	known := int(l.Known(topic))
	l.mu.Lock()
	defer l.mu.Unlock()
	return known == l.most
}

// Unset reports whether the limit of a topic is only the default bound, because the user has set no
// limit: the topic's own may be larger.
func (l *TopicLimits) Unset(topic string) bool { return l.set == 0 && l.Known(topic) == mostLimit }

// RequestOf returns options that let a client's requests hold a batch of the limit that the user
// has set, in bytes; nil if the library's default is enough.
func RequestOf(batch int) []kgo.Opt {
	if batch <= mostRequest-batchOverhead {
		return nil
	}
	return []kgo.Opt{kgo.BrokerMaxWriteBytes(int32(min(batch+batchOverhead, 1<<30)))}
}

// Known returns the limit of a topic as far as it is known.
func (l *TopicLimits) Known(topic string) int32 {
	l.mu.Lock()
	defer l.mu.Unlock()
	n, ok := l.known[topic]
	switch {
	case l.set > 0:
		return int32(min(l.set, l.most))
	case ok:
		return int32(min(n.bytes, l.most))
	}
	return int32(min(defaultLimit, l.most))
}

// Learn asks the broker for the limit of a topic that exists. Without the right to ask, the default
// applies.
func (l *TopicLimits) Learn(ctx context.Context, topic string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.ask(ctx, topic)
}

// Note records a topic's limit from the broker's answer to its creation.
func (l *TopicLimits) Note(topic, value string) {
	if n, err := strconv.Atoi(value); err == nil {
		l.mu.Lock()
		defer l.mu.Unlock()
		l.known[topic] = topicLimit{clampLimit(n), true}
	}
}

// ask is Learn. The caller holds mu.
func (l *TopicLimits) ask(ctx context.Context, topic string) {
	if l.set > 0 || l.known[topic].exists {
		return
	}
	ctx, cancel := context.WithTimeout(ctx, limitTimeout)
	defer cancel()
	configs, err := l.admin.DescribeTopicConfigs(ctx, topic)
	if err != nil {
		return
	}
	if n, ok := configValue(configs, "max.message.bytes"); ok {
		l.known[topic] = topicLimit{clampLimit(n), true}
	}
}

// Of returns the limit of a topic, which may not exist yet.
func (l *TopicLimits) Of(ctx context.Context, topic string) int {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.set > 0 {
		return min(l.set, l.most)
	}
	if _, ok := l.known[topic]; !ok {
		if l.ask(ctx, topic); !l.known[topic].exists {
			l.known[topic] = topicLimit{bytes: l.future(ctx, topic)}
		}
	}
	return min(l.known[topic].bytes, l.most)
}

// future returns the limit that a topic will have. The caller holds mu.
func (l *TopicLimits) future(ctx context.Context, topic string) int {
	if planned := l.planned(topic); planned != nil {
		if n, err := strconv.Atoi(*planned); err == nil {
			return clampLimit(n)
		}
	}
	if n, ok := l.ofBroker(ctx, "message.max.bytes"); ok {
		return clampLimit(n)
	}
	return defaultLimit
}

// ofBroker returns a setting of one of the brokers. The caller holds mu.
func (l *TopicLimits) ofBroker(ctx context.Context, name string) (int, bool) {
	ctx, cancel := context.WithTimeout(ctx, limitTimeout)
	defer cancel()
	brokers, err := l.admin.ListBrokers(ctx)
	if err != nil || len(brokers) == 0 {
		return 0, false
	}
	configs, err := l.admin.DescribeBrokerConfigs(ctx, brokers[0].NodeID)
	if err != nil {
		return 0, false
	}
	return configValue(configs, name)
}

// clampLimit keeps a limit within the client's bounds.
func clampLimit(n int) int { return min(max(n, 512), mostLimit) }

func configValue(configs kadm.ResourceConfigs, name string) (int, bool) {
	for _, r := range configs {
		for _, c := range r.Configs {
			if c.Key == name && r.Err == nil {
				n, err := strconv.Atoi(c.MaybeValue())
				return n, err == nil
			}
		}
	}
	return 0, false
}

// RecordSize is an upper bound of a record's size in a batch of its own (Kafka's message format
// version 2): 61 bytes of the batch's head, lengths and deltas of the record, its parts.
func RecordSize(r *kgo.Record) int {
	const head, lengths, perHeader = 61, 36, 10
	n := head + lengths + len(r.Key) + len(r.Value)
	for i := range r.Headers {
		n += perHeader + len(r.Headers[i].Key) + len(r.Headers[i].Value)
	}
	return n
}
