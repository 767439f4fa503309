package topics

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/calypso-cdc/calypso/libs/connector"
	"github.com/calypso-cdc/calypso/services/sink/internal/batch"
	"github.com/calypso-cdc/calypso/services/sink/internal/retry"
	"github.com/calypso-cdc/calypso/services/sink/internal/spec"
	"github.com/calypso-cdc/calypso/services/sink/internal/status"
)

// Reader is a member of the group that reads topics.
type Reader struct {
	Env      connector.TaskEnv
	Spec     *spec.Spec
	Client   *kgo.Client
	Registry *Registry
	// Partitions are those that the member has.
	Partitions Partitions
	Status     *status.Task
	// Fail ends the task.
	Fail func(error)
}

// Partitions are those that a member of the group has; *partition.Owned are.
type Partitions interface {
	// Sources names them.
	Sources() []batch.Source
	// Orphan stops commits for a topic.
	Orphan(topic string)
	// Quiet reports whether none of a topic's has anything left to do.
	Quiet(topic string) bool
}

// Missing deals with a topic whose position is not known: it stops the task, or with
// records.missing=topic the topic alone, while others go on.
func (r *Reader) Missing(topic string, why error) {
	if !r.Spec.MissingStopsTopic {
		r.Fail(retry.Permanent(why))
		return
	}
	r.Client.PauseFetchTopics(topic)
	r.Status.Notices.Tell(&status.Notice{Kind: status.RecordsMissing, Topic: topic, Table: r.tableOf(topic),
		Summary: why.Error() + ". The topic stands still; others go on (records.missing=topic)",
		Remedy: fmt.Sprintf("Set the offset where it may go on: stop the connector, PATCH /connectors/%s/offsets, resume it",
			r.Env.Connector)})
}

// tableOf is the table of a topic for people; empty if there is none.
func (r *Reader) tableOf(topic string) string {
	to, ok := r.Spec.Routes.Find(topic)
	if !ok {
		return ""
	}
	return to.Database + "." + to.Table
}

// Refresh is how often topics are looked for that topics.regex matches, and partitions of all
// (consumer.override.metadata.max.age.ms).
const Refresh = 10 * time.Second

// Discover adds to the member the topics that topics.regex matches, now and as they are created,
// until the context ends. Kafka's own topics and those of the runtime are not among them.
func (r *Reader) Discover(ctx context.Context) {
	admin := kadm.NewClient(r.Client)
	every := r.Spec.Member.Refresh
	if every == 0 {
		every = Refresh
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
			if !read[topic] && !slices.Contains(r.Env.InternalTopics, topic) && r.Spec.Pattern.Matches(topic) {
				read[topic] = true
				found = append(found, topic)
			}
		}
		if err == nil {
			r.Status.Notices.Withdraw(status.TopicsUnlisted, "", "")
		}
		switch {
		case ctx.Err() != nil:
			return
		case err != nil:
			r.Status.Notices.Tell(&status.Notice{Kind: status.TopicsUnlisted,
				Summary: fmt.Sprintf("topics cannot be listed to find new ones that topics.regex matches: %v", err),
				Remedy:  "let the worker's user describe all topics; they are looked for again by themselves"})
		case len(found) > 0:
			slices.Sort(found)
			r.Env.Logger.Info("reading topics that topics.regex matches", "topics", found)
			r.Client.AddConsumeTopics(found...)
		}
		select {
		case <-ctx.Done():
			return
		case <-next.C:
		}
	}
}
