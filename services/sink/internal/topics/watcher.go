package topics

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kerr"

	"github.com/calypso-cdc/calypso/libs/shell"
	"github.com/calypso-cdc/calypso/services/sink/internal/status"
)

// Watcher checks from time to time whether topics are still those that a member reads, since
// clients are not told when one is deleted. One goroutine owns it.
type Watcher struct {
	of *Reader
	// deleted are topics that were deleted: true where there is one of that name again, with another id.
	deleted map[string]bool
	looked  time.Time
	// doubted is set when brokers say that they do not know a topic.
	doubted bool
}

const (
	// lookAfter is how often the topics are checked, lookSoon how often when there is doubt.
	lookAfter = 5 * time.Second
	lookSoon  = time.Second
)

// Watch makes the watcher of a member's topics.
func (r *Reader) Watch() *Watcher { return &Watcher{of: r, deleted: map[string]bool{}} }

// Doubt takes what brokers said about a topic when it was read, and reports whether that may be
// because it was deleted: then it is checked soon.
func (w *Watcher) Doubt(topic string, err error) bool {
	lost := errors.Is(err, kerr.UnknownTopicID) || errors.Is(err, kerr.UnknownTopicOrPartition) ||
		errors.Is(err, kerr.InconsistentTopicID)
	if !lost || w.of.Registry.ID(topic) == "" {
		return false
	}
	w.doubted = true
	return true
}

// Pause is how long it may take until Look is called.
func (w *Watcher) Pause() time.Duration {
	if w.doubted || len(w.deleted) > 0 {
		return lookSoon
	}
	return lookAfter
}

// Look finds out which topics were deleted, or recreated, if it is time to.
func (w *Watcher) Look(ctx context.Context) {
	if time.Since(w.looked) < w.Pause() {
		return
	}
	w.looked, w.doubted = time.Now(), false
	known := w.of.Registry.known()
	if len(known) == 0 {
		return
	}
	ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	topics, err := kadm.NewClient(w.of.Client).ListTopics(ctx, slices.Collect(maps.Keys(known))...)
	if err != nil {
		return // an outage is noticed elsewhere
	}
	for topic, id := range known {
		switch found, asked := topics[topic]; {
		case !asked || w.deleted[topic]:
		case found.Err == nil && found.ID != (kadm.TopicID{}) && found.ID.String() != id:
			w.noticed(topic, true)
		case errors.Is(found.Err, kerr.UnknownTopicOrPartition):
			w.noticed(topic, false)
		}
	}
}

// noticed records that a topic was deleted, and whether there is one of its name again.
func (w *Watcher) noticed(topic string, again bool) {
	r := w.of
	if _, known := w.deleted[topic]; !known {
		r.Partitions.Orphan(topic)
	}
	w.deleted[topic] = again
	n := &status.Notice{Kind: status.TopicDeleted, Topic: topic, Table: r.tableOf(topic)}
	if n.Summary = fmt.Sprintf("topic %s was deleted while connector %s read it, and is not there; its other topics go on",
		topic, r.Env.Connector); again {
		n.Summary = fmt.Sprintf(
			"topic %s was deleted and made again; what was read of the old one comes into the table first, then the new one from its beginning", topic)
	}
	n.Remedy = "Nothing has to be done when the topic is made again. If it is not to be made again: take it out of topics"
	if r.Spec.Pattern != nil {
		n.Remedy = "Nothing has to be done if the topic is made again. If it will not be, restart the connector, whose topics.regex no longer finds it: calypsoctl restart " + shell.Quote(r.Env.Connector)
	}
	r.Status.Notices.Tell(n)
}

// Rejoin reports whether the group must be joined again: a topic was recreated, and everything that
// was read of topics which are gone is in their tables, since it cannot be read again. Then the
// registry knows which topics were deleted.
func (w *Watcher) Rejoin() bool {
	again := false
	for topic, there := range w.deleted {
		if !w.of.Partitions.Quiet(topic) {
			return false
		}
		again = again || there
	}
	if !again {
		return false
	}
	for topic := range w.deleted {
		w.of.Registry.delete(topic)
	}
	return true
}
