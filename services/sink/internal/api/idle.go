package api

import (
	"context"
	"slices"
	"sync"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/calypso-cdc/calypso/services/sink/internal/status"

	sinkv1 "github.com/calypso-cdc/calypso/gen/calypso/sink/v1"
	"github.com/calypso-cdc/calypso/libs/connector"
)

// idle knows how much waits in the topics of connectors that belong to this worker but do not run:
// they are paused, stopped or failed, their topics grow all the same, and brokers remove records
// that nobody has read.
type idle struct {
	fleet  Fleet
	unread *unread

	// mu is held while the brokers are asked.
	mu    sync.Mutex
	asked time.Time
	names []string
	known map[string]*sinkv1.Sink // never changed in place
}

const (
	// idleMaxAge is how old what is known may be.
	idleMaxAge = 5 * time.Second
	// idleQuestion bounds asking the brokers.
	idleQuestion = 3 * time.Second
)

// sinks are those connectors by name. A connector for which the brokers did not answer is left out.
func (i *idle) sinks(ctx context.Context) map[string]*sinkv1.Sink {
	names := i.fleet.Idle()
	if len(names) == 0 {
		return nil
	}
	i.mu.Lock()
	defer i.mu.Unlock()
	if slices.Equal(names, i.names) && time.Since(i.asked) < idleMaxAge {
		return i.known
	}
	i.names, i.asked, i.known = names, time.Now(), i.ask(ctx, names)
	return i.known
}

// ask asks for the offsets of all groups at once, and for the ends of all their topics.
func (i *idle) ask(ctx context.Context, names []string) map[string]*sinkv1.Sink {
	ctx, cancel := context.WithTimeout(ctx, idleQuestion)
	defer cancel()
	var client *kadm.Client
	groups, named, environments := map[string]string{}, map[string][]string{}, map[string]connector.TaskEnv{}
	for _, name := range names {
		env, values, err := i.fleet.Environment(name)
		if err != nil {
			continue // its state says why it cannot run
		}
		if client == nil {
			plain, err := env.Kafka()
			if err != nil {
				return nil
			}
			defer plain.Close()
			client = kadm.NewClient(plain)
		}
		environments[name] = env
		groups[name], named[name] = connector.ConsumerGroup(name, values), values.List("topics")
	}
	if client == nil {
		return nil
	}
	var wanted []string
	for _, group := range groups {
		wanted = append(wanted, group)
	}
	committed := client.FetchManyOffsets(ctx, wanted...)
	var topics kadm.TopicsSet
	for name, group := range groups {
		for _, topic := range named[name] {
			topics.Add(topic)
		}
		committed[group].Fetched.Each(func(o kadm.OffsetResponse) { topics.Add(o.Topic) })
	}
	ends, err := client.ListCommittedOffsets(ctx, topics.Topics()...)
	if err != nil {
		return nil
	}
	out := map[string]*sinkv1.Sink{}
	for name, group := range groups {
		if committed[group].Err != nil {
			continue
		}
		s := &sinkv1.Sink{Connector: name, Notices: notices(status.ShownNotices(environments[name]))}
		ends.Each(func(end kadm.ListedOffset) {
			at, has := committed[group].Fetched.Lookup(end.Topic, end.Partition)
			if end.Err != nil || !has && !slices.Contains(named[name], end.Topic) {
				return
			}
			offset := int64(-1)
			if has && at.Err == nil {
				offset = at.At
			}
			part := &sinkv1.PartitionProgress{Topic: end.Topic, Partition: end.Partition, Position: offset, Committed: offset,
				End: end.Offset}
			if part.Waiting = sinkv1.PartitionProgress_WAITING_NOTHING; offset < end.Offset {
				kafka := environments[name].Kafka
				i.unread.of(part, max(offset, 0), func() (*kgo.Client, error) { return kafka() }).ask().tell(part)
			}
			s.Partitions = append(s.Partitions, part)
		})
		out[name] = s
	}
	return out
}
