package sink

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/calypso-cdc/calypso/services/sink/internal/batch"

	sinkv1 "github.com/calypso-cdc/calypso/gen/calypso/sink/v1"
)

// A topic may be deleted, and made anew under its name, while a task reads it. Its offsets mean
// other records then. The task goes on with its other topics. What it has read of the old topic
// comes into the table, under tags that hold the old topic's id; when that is done the task joins
// its group anew, which reads the new topic from its beginning.

// watched is what the poll loop knows of the topics that it reads.
type watched struct {
	// lost are topics that were deleted: true where there is one of that name again, with another id.
	lost   map[string]bool
	looked time.Time
	// doubted is set when brokers say that they do not know a topic.
	doubted bool
}

const (
	// lookAfter is how often the task asks whether its topics are still those that it reads, since
	// clients are not told of a topic that is deleted; lookSoon how often where there is doubt.
	lookAfter = 5 * time.Second
	lookSoon  = time.Second
)

func topicLost(err error) bool {
	return errors.Is(err, kerr.UnknownTopicID) || errors.Is(err, kerr.UnknownTopicOrPartition) ||
		errors.Is(err, kerr.InconsistentTopicID)
}

// pause is for how long the poll loop may wait for records before it looks.
func (w *watched) pause() time.Duration {
	if w.doubted || len(w.lost) > 0 {
		return lookSoon
	}
	return lookAfter
}

// look finds out which topics were deleted, or made anew.
func (t *task) look() {
	w := &t.watched
	if time.Since(w.looked) < w.pause() {
		return
	}
	w.looked, w.doubted = time.Now(), false
	t.mu.Lock()
	known := maps.Clone(t.topicIDs)
	t.mu.Unlock()
	if len(known) == 0 {
		return
	}
	ctx, cancel := context.WithTimeout(t.ctx, 5*time.Second)
	defer cancel()
	topics, err := kadm.NewClient(t.consumer).ListTopics(ctx, slices.Collect(maps.Keys(known))...)
	if err != nil {
		return // an outage is noticed elsewhere
	}
	for topic, id := range known {
		switch found, asked := topics[topic]; {
		case !asked || w.lost[topic]:
		case found.Err == nil && found.ID != (kadm.TopicID{}) && found.ID.String() != id:
			t.lose(topic, true)
		case errors.Is(found.Err, kerr.UnknownTopicOrPartition):
			t.lose(topic, false)
		}
	}
}

func (t *task) lose(topic string, renewed bool) {
	if _, known := t.watched.lost[topic]; !known {
		t.mu.Lock()
		for tp, p := range t.partitions {
			if tp.Topic == topic {
				p.Orphaned.Store(true)
			}
		}
		t.mu.Unlock()
	}
	t.watched.lost[topic] = renewed
	n := &sinkv1.SinkNotice{Kind: sinkv1.SinkNotice_KIND_TOPIC_DELETED, Topic: topic, Table: t.tableOf(topic)}
	if n.Summary = fmt.Sprintf("topic %s was deleted while connector %s read it, and is not there; its other topics go on",
		topic, t.env.Connector); renewed {
		n.Summary = fmt.Sprintf(
			"topic %s was deleted and made anew; what was read of the old one comes into the table first, then the new one from its beginning", topic)
	}
	n.Remedy = "Nothing has to be done when the topic is made again. If it shall not be: take it out of topics"
	if t.s.Pattern != nil {
		n.Remedy = "Nothing has to be done when the topic is made again. If it shall not be: restart the connector, whose topics.regex does not find it any more: calypsoctl restart " + t.env.Connector
	}
	t.board.Tell(n)
}

// tableOf is the table of a topic for people; empty if there is none.
func (t *task) tableOf(topic string) string {
	r, ok := t.s.Routes.Find(topic)
	if !ok {
		return ""
	}
	return r.Database + "." + r.Table
}

// renewable says that a topic was made anew, and that all that was read of topics which are gone is
// in their tables: it cannot be read again.
func (t *task) renewable() bool {
	any := false
	for topic, renewed := range t.watched.lost {
		if !t.quiet(topic) {
			return false
		}
		any = any || renewed
	}
	return any
}

// quiet says that no partition of a topic has anything left to do. Only the poll loop gives them
// work, and only it asks.
func (t *task) quiet(topic string) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	for tp, p := range t.partitions {
		if tp.Topic == topic && !p.Quiet.Load() {
			return false
		}
	}
	return true
}

// rejoin ends this membership of the group and its partitions. The next begins with what the
// brokers say then of topics and offsets. A static member keeps its place.
func (t *task) rejoin() {
	t.mu.Lock()
	for topic := range t.watched.lost {
		t.renewed[topic] = true // also one that is still away: what comes back under its name is another
	}
	t.mu.Unlock()
	clear(t.watched.lost)
}

// begins decides where an assigned partition begins: a topic that was made anew at its first
// record, whatever was committed for the old one, any other where the group says.
func (t *task) begins(_ context.Context, offsets map[string]map[int32]kgo.Offset) (map[string]map[int32]kgo.Offset,
	error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	for topic, partitions := range offsets {
		for number := range partitions {
			if t.anew[batch.Source{Topic: topic, Partition: number}] {
				partitions[number] = kgo.NewOffset().AtStart()
			}
		}
	}
	return offsets, nil
}

// stands has a topic stand still whose next records are gone, while others go on.
func (t *task) stands(topic string, err error) {
	t.consumer.PauseFetchTopics(topic)
	t.board.Tell(&sinkv1.SinkNotice{Kind: sinkv1.SinkNotice_KIND_RECORDS_MISSING, Topic: topic, Table: t.tableOf(topic),
		Summary: err.Error() + ". The topic stands still; others go on (records.missing=topic)",
		Remedy: fmt.Sprintf("Set the offset where it may go on: stop the connector, PATCH /connectors/%s/offsets, resume it",
			t.env.Connector)})
}
