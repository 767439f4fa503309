package sink

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/calypso-cdc/calypso/libs/connector"
	"github.com/calypso-cdc/calypso/libs/contain"
	"github.com/calypso-cdc/calypso/services/sink/internal/batch"
)

// committedFor is the content of a partition's note (connector.CommittedNote): whose offsets were
// committed. Another group, or a topic that was made anew, begins without any.
type committedFor struct {
	Group string `json:"group"`
	// Topic is the topic's id; empty on brokers that give topics none.
	Topic string `json:"topic,omitempty"`
}

const (
	// rememberTimeout bounds the writing of notes, rememberAtOnce how many are written at once.
	rememberTimeout = 10 * time.Second
	rememberAtOnce  = 64
)

// remember keeps notes of partitions whose offsets are about to be committed, where there are none,
// and returns when they are durable.
func (t *task) remember(partitions []batch.Source) error {
	ctx, cancel := context.WithTimeout(context.Background(), rememberTimeout)
	defer cancel()
	kept := t.env.Notes()
	writes, ctx := contain.WithContext(ctx)
	writes.SetLimit(rememberAtOnce)
	for _, tp := range partitions {
		name := connector.CommittedNote(tp.Topic, tp.Partition)
		note, err := json.Marshal(committedFor{t.s.Group, t.topicID(tp.Topic)})
		if err != nil {
			return err
		}
		if !bytes.Equal(kept[name], note) {
			writes.Go("note that offsets are committed", func() error { return t.env.Note(ctx, name, note) })
		}
	}
	if err := writes.Wait(); err != nil {
		return fmt.Errorf("noting which partitions have offsets: %w", err)
	}
	return nil
}

// committedBefore says whether notes tell that the task's group has committed offsets of a
// partition, of the topic that is there. One that has no id now and had one is just being made
// anew.
func (t *task) committedBefore(notes map[string]json.RawMessage, tp batch.Source) bool {
	var was committedFor
	if err := json.Unmarshal(notes[connector.CommittedNote(tp.Topic, tp.Partition)], &was); err != nil {
		return false // there is none
	}
	return was.Group == t.s.Group && (was.Topic == "" || was.Topic == t.topicID(tp.Topic))
}

// reasonOffsetsLost stands in the error as those of a source do.
const reasonOffsetsLost = "OFFSETS_LOST"

// forgotten is why partitions are not read: what was read of them is not known any more, and from
// the beginning it would come twice.
func (t *task) forgotten(topic string, partitions []int32) error {
	slices.Sort(partitions)
	return fmt.Errorf(
		"going on in %s: group %s has committed offsets there, and the brokers have none of them any more: they keep those of a group without members for offsets.retention.minutes, "+
			"or somebody has deleted them (%s). Stop the connector, set the offsets where it may go on, and resume it: calypsoctl offsets set %[4]s -f FILE, or PATCH /connectors/%[4]s/offsets, "+
			"with an offset of null for each partition to read from the beginning, where rows that are in the table already come twice; calypsoctl offsets reset %[4]s does so for all partitions",
		named(map[string][]int32{topic: partitions}), t.s.Group, reasonOffsetsLost, t.env.Connector)
}

// named are partitions as errors and logs show them.
func named(partitions map[string][]int32) string {
	var names []string
	for _, topic := range slices.Sorted(maps.Keys(partitions)) {
		for _, number := range partitions[topic] {
			names = append(names, fmt.Sprintf("%s/%d", topic, number))
		}
	}
	const most = 5
	if more := len(names) - most; more > 0 {
		names = append(names[:most], fmt.Sprintf("%d more", more))
	}
	return strings.Join(names, ", ")
}
