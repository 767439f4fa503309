package deliver

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/calypso-cdc/calypso/libs/connector"
	"github.com/calypso-cdc/calypso/libs/connector/catalogue"
	"github.com/calypso-cdc/calypso/libs/javaregex"
	"github.com/calypso-cdc/calypso/libs/kafka"
	"github.com/calypso-cdc/calypso/services/capture/internal/retry"
)

// topicGroup is a group of topic.creation.* (KIP-158): settings of the topics whose names it matches.
type topicGroup struct {
	name             string
	include, exclude javaregex.List // of whole names; the group default includes all
	partitions       int32
	replication      int16
	config           map[string]*string
}

// TopicGroups are searched in order; the last is the group default, which matches everything.
type TopicGroups []topicGroup

// ParseTopicGroups reads topic.creation.*: for each group include and exclude, partitions (1),
// replication.factor (-1, the broker's default), which fall back to those of the group default, and
// any topic setting.
func ParseTopicGroups(names []string, set map[string]string) (TopicGroups, error) {
	last, err := parseTopicGroup("default", topicGroup{partitions: 1, replication: -1}, set)
	if err != nil {
		return nil, err
	}
	last.include, last.exclude = nil, nil
	var out TopicGroups
	for _, name := range names {
		if name == "default" || slices.ContainsFunc(out, func(g topicGroup) bool { return g.name == name }) {
			return nil, catalogue.Problemf("topic.creation.groups",
				"topic.creation.groups: %q is named twice; default is always there and must not be named", name)
		}
		g, err := parseTopicGroup(name, last, set)
		if err != nil {
			return nil, err
		}
		if len(g.include) == 0 {
			return nil, catalogue.Problemf("topic.creation.groups",
				"topic.creation.groups names %q: set topic.creation.%[1]s.include to regular expressions of the topics it is for",
				name)
		}
		out = append(out, g)
	}
	return append(out, last), nil
}

func parseTopicGroup(name string, fallback topicGroup, set map[string]string) (topicGroup, error) {
	g := topicGroup{name: name, partitions: fallback.partitions, replication: fallback.replication,
		config: make(map[string]*string)}
	for key, value := range set {
		key, ok := strings.CutPrefix(key, name+".")
		if !ok {
			continue
		}
		var err error
		switch key {
		case "partitions":
			var n int64
			n, err = positiveOrDefault(value, 32)
			g.partitions = int32(n)
		case "replication.factor":
			var n int64
			n, err = positiveOrDefault(value, 16)
			g.replication = int16(n)
		case "include":
			g.include, err = topicPatterns(value)
		case "exclude":
			g.exclude, err = topicPatterns(value)
		default:
			g.config[key] = &value
		}
		if err != nil {
			return g, catalogue.Problemf("topic.creation."+name+"."+key, "topic.creation.%s.%s: %w", name, key, err)
		}
	}
	return g, nil
}

func positiveOrDefault(value string, bits int) (int64, error) {
	n, err := strconv.ParseInt(value, 10, bits)
	if err != nil || n == 0 || n < -1 {
		return 0, fmt.Errorf("%q is not a positive number or -1", value)
	}
	return n, nil
}

func topicPatterns(list string) (javaregex.List, error) {
	var out javaregex.List
	for text := range strings.SplitSeq(list, ",") {
		if text = strings.TrimSpace(text); text == "" {
			continue
		}
		p, err := javaregex.Compile(text)
		if err != nil {
			return nil, fmt.Errorf("%q is not a regular expression: %w", text, err)
		}
		out = append(out, p)
	}
	return out, nil
}

// of finds the group of a topic.
func (g TopicGroups) of(topic string) *topicGroup {
	for i := range g[:len(g)-1] {
		if g[i].include.Match(topic) && !g[i].exclude.Match(topic) {
			return &g[i]
		}
	}
	return &g[len(g)-1]
}

// planned is the max.message.bytes that a topic will be created with; nil for the broker's default.
func (g TopicGroups) planned(topic string) *string { return g.of(topic).config["max.message.bytes"] }

// topicMaker creates the topics that records go to before their first record. It is used by one goroutine.
type topicMaker struct {
	admin  *kadm.Client
	groups TopicGroups
	limits *kafka.TopicLimits
	known  map[string]bool
	env    connector.TaskEnv
}

func newTopicMaker(client *kgo.Client, groups TopicGroups, limits *kafka.TopicLimits,
	env connector.TaskEnv) *topicMaker {
	limits.Ask(client)
	return &topicMaker{admin: kadm.NewClient(client), groups: groups, limits: limits,
		known: make(map[string]bool), env: env}
}

// longestPause is the longest time between two attempts to create a topic.
const longestPause = 5 * time.Second

// ensure creates the topic unless it exists. While the broker cannot be reached, or is not ready,
// it waits: an error would end a session whose earlier batches are under way.
func (m *topicMaker) ensure(ctx context.Context, topic string) error {
	if m.known[topic] {
		return nil
	}
	if err := m.env.UsedTopic(topic); err != nil {
		return fmt.Errorf("write events to Kafka: %w", err)
	}
	failed := false
	for pause := 100 * time.Millisecond; ; pause = min(2*pause, longestPause) {
		err := m.create(ctx, topic)
		if err == nil || !retry.KafkaTransient(err) || ctx.Err() != nil {
			if failed && err == nil {
				m.env.Retrying(nil)
			}
			return err
		}
		failed = true
		m.env.Retrying(err)
		if !retry.Sleep(ctx, pause) {
			return err
		}
	}
}

func (m *topicMaker) create(ctx context.Context, topic string) error {
	g := m.groups.of(topic)
	r, err := kafka.MakeTopic(ctx, m.admin, topic, g.partitions, g.replication, g.config)
	if err != nil && !errors.Is(err, kerr.TopicAlreadyExists) {
		err = fmt.Errorf("create Kafka topic %q (topic.creation.%s.*): %w", topic, g.name, err)
		if errors.Is(err, kerr.InvalidTopicException) {
			err = fmt.Errorf(
				"%w. Kafka takes no two names that differ in '.' and '_' alone, and at most 249 letters, digits, '.', '_' and '-': give the table's events another topic with a transform such as RegexRouter or ByLogicalTableRouter", err)
		}
		if remedy := kafka.TopicRemedy(err); remedy != "" {
			err = fmt.Errorf("%w. %s; then restart the connector", err, remedy)
		}
		return err
	}
	if c, ok := r.Configs["max.message.bytes"]; ok { // of a topic that was just made; it may not be described yet
		m.limits.Note(topic, c.MaybeValue())
	}
	m.limits.Learn(ctx, topic)
	m.known[topic] = true
	return nil
}
