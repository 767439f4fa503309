package deliver

import (
	"context"
	"strconv"
	"sync"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"
)

// TopicLimits knows how large a batch of records each topic takes at most, in bytes before compression. It is safe for concurrent use.
type TopicLimits struct {
	groups TopicGroups
	// request is Settings.MaxRequest.
	request int

	mu    sync.Mutex
	admin *kadm.Client          // guarded by mu
	known map[string]topicLimit // guarded by mu
}

// topicLimit is a topic's limit: the topic's own, or before it exists what it will probably be.
type topicLimit struct {
	bytes  int
	exists bool
}

const (
	// defaultLimit is a little less than what brokers take by default (message.max.bytes, 1048588).
	defaultLimit = 1000012
	// mostLimit bounds a batch where a topic takes more: records of that size would not fit into memory twice.
	mostLimit = 32 << 20
	// limitTimeout bounds the question for a topic's limit.
	limitTimeout = 10 * time.Second
)

// NewTopicLimits knows nothing yet. request is Settings.MaxRequest.
func NewTopicLimits(groups TopicGroups, request int) *TopicLimits {
	return &TopicLimits{groups: groups, request: request, known: make(map[string]topicLimit)}
}

func (l *TopicLimits) connect(client *kgo.Client) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.admin = kadm.NewClient(client)
}

// batch is the limit of a topic as far as it is known.
func (l *TopicLimits) batch(topic string) int32 {
	if l.request > 0 {
		return int32(l.request)
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if n, ok := l.known[topic]; ok {
		return int32(n.bytes)
	}
	return defaultLimit
}

// learn asks the broker for the limit of a topic that exists. Without the right to ask, the default is taken.
func (l *TopicLimits) learn(ctx context.Context, topic string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.ask(ctx, topic)
}

// note takes a topic's limit from the broker's answer to its creation.
func (l *TopicLimits) note(topic, value string) {
	if n, err := strconv.Atoi(value); err == nil {
		l.mu.Lock()
		defer l.mu.Unlock()
		l.known[topic] = topicLimit{clampLimit(n), true}
	}
}

// ask is learn. The caller holds mu.
func (l *TopicLimits) ask(ctx context.Context, topic string) {
	if l.request > 0 || l.known[topic].exists {
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

// Of is the limit of a topic, which may not exist yet.
func (l *TopicLimits) Of(ctx context.Context, topic string) int {
	if l.request > 0 {
		return l.request
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if n, ok := l.known[topic]; ok {
		return n.bytes
	}
	if l.ask(ctx, topic); !l.known[topic].exists {
		l.known[topic] = topicLimit{bytes: l.future(ctx, topic)}
	}
	return l.known[topic].bytes
}

// future is the limit that a topic will have. The caller holds mu.
func (l *TopicLimits) future(ctx context.Context, topic string) int {
	if set := l.groups.of(topic).config["max.message.bytes"]; set != nil {
		if n, err := strconv.Atoi(*set); err == nil {
			return clampLimit(n)
		}
	}
	ctx, cancel := context.WithTimeout(ctx, limitTimeout)
	defer cancel()
	brokers, err := l.admin.ListBrokers(ctx)
	if err != nil || len(brokers) == 0 {
		return defaultLimit
	}
	configs, err := l.admin.DescribeBrokerConfigs(ctx, brokers[0].NodeID)
	if err != nil {
		return defaultLimit
	}
	if n, ok := configValue(configs, "message.max.bytes"); ok {
		return clampLimit(n)
	}
	return defaultLimit
}

// clampLimit keeps a limit within what the client takes.
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
