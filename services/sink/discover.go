package sink

import (
	"context"
	"maps"
	"slices"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
)

// discovery is how often topics are looked for that topics.regex matches, and partitions of all
// (consumer.override.metadata.max.age.ms).
const discovery = 10 * time.Second

// discover adds topics to the consumer that topics.regex matches, now and as they are made, until
// the context ends. Kafka's own topics and those of the runtime are not among them.
func (t *task) discover(ctx context.Context) {
	admin := kadm.NewClient(t.consumer)
	every := t.s.Member.Refresh
	if every == 0 {
		every = discovery
	}
	read := map[string]bool{}
	next := time.NewTicker(every)
	defer next.Stop()
	for {
		asked, cancel := context.WithTimeout(ctx, 15*time.Second)
		topics, err := admin.ListTopics(asked)
		cancel()
		var found []string
		if err == nil {
			maps.DeleteFunc(read, func(topic string, _ bool) bool { return !topics.Has(topic) }) // made again, it is found again
		}
		for _, topic := range topics.Names() {
			if !read[topic] && !slices.Contains(t.env.InternalTopics, topic) && t.s.Pattern.Matches(topic) {
				read[topic] = true
				found = append(found, topic)
			}
		}
		switch {
		case ctx.Err() != nil:
			return
		case err != nil:
			t.env.Logger.Warn("topics could not be listed to find those that topics.regex matches", "err", err)
		case len(found) > 0:
			slices.Sort(found)
			t.env.Logger.Info("reading topics that topics.regex matches", "topics", found)
			t.consumer.AddConsumeTopics(found...)
		}
		select {
		case <-ctx.Done():
			return
		case <-next.C:
		}
	}
}
