package topics

import (
	"context"
	"maps"
	"sync"

	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/calypso-cdc/calypso/services/sink/internal/batch"
)

// Registry knows the topics that a task reads, for as long as the task runs. The zero value knows none.
type Registry struct {
	mu sync.Mutex
	// ids are those of the topics that the present membership of the group reads; empty on brokers
	// before Kafka 2.8, which give none.
	ids map[string]string
	// deleted are topics that the task has seen deleted: later topics of their names are different
	// ones.
	deleted map[string]bool
	// fromStart are partitions that begin at their first record, since what is committed for them,
	// if anything, belongs to a topic that was deleted.
	fromStart map[batch.Source]bool
}

// Join forgets what only the last membership of the group knew: the next one reads what is there then.
func (r *Registry) Join() {
	r.mu.Lock()
	defer r.mu.Unlock()
	clear(r.ids)
}

// See notes the id of a topic, empty if it has none, and reports whether it is the one that is
// read: the one that a client first saw under its name.
func (r *Registry) See(topic, id string) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.ids == nil {
		r.ids = map[string]string{}
	}
	if id != "" && r.ids[topic] == "" {
		r.ids[topic] = id
	}
	return id != "" && r.ids[topic] == id
}

// ID is the id of a topic that is read; empty if that is not known.
func (r *Registry) ID(topic string) string {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.ids[topic]
}

// known are the ids of all topics that are read.
func (r *Registry) known() map[string]string {
	r.mu.Lock()
	defer r.mu.Unlock()
	return maps.Clone(r.ids)
}

// delete notes that a topic was deleted. It may still be missing: what comes back under its name is
// another.
func (r *Registry) delete(topic string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.deleted == nil {
		r.deleted = map[string]bool{}
	}
	r.deleted[topic] = true
}

// Resume makes a partition continue where its group has committed an offset for a topic with an id,
// and reports whether it may: an offset of another topic does not count, and the partition begins
// at its first record. An empty id, from a commit that does not say, matches any topic.
func (r *Registry) Resume(of batch.Source, id string) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	now := r.ids[of.Topic]
	other := now != "" && id != "" && id != now
	r.begin(of, other)
	return !other
}

// Begin begins a partition that has no committed offset: at its first record if the task has
// seen its topic deleted, which it reports, and else where the group says.
func (r *Registry) Begin(of batch.Source) (fromStart bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.begin(of, r.deleted[of.Topic])
	return r.deleted[of.Topic]
}

func (r *Registry) begin(of batch.Source, fromStart bool) {
	if r.fromStart == nil {
		r.fromStart = map[batch.Source]bool{}
	}
	r.fromStart[of] = fromStart
}

// Offsets moves the offsets of partitions that begin at their first record (kgo.AdjustFetchOffsetsFn).
func (r *Registry) Offsets(_ context.Context, offsets map[string]map[int32]kgo.Offset) (map[string]map[int32]kgo.Offset,
	error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for topic, partitions := range offsets {
		for number := range partitions {
			if r.fromStart[batch.Source{Topic: topic, Partition: number}] {
				partitions[number] = kgo.NewOffset().AtStart()
			}
		}
	}
	return offsets, nil
}
