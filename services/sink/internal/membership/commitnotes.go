package membership

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"time"

	"github.com/calypso-cdc/calypso/libs/connector"
	"github.com/calypso-cdc/calypso/libs/contain"
	"github.com/calypso-cdc/calypso/libs/shell"
	"github.com/calypso-cdc/calypso/services/sink/internal/batch"
	"github.com/calypso-cdc/calypso/services/sink/internal/topics"
)

// commitNotes are the connector's notes of the partitions whose offsets its group has committed.
// They outlive those offsets.
type commitNotes struct {
	env   connector.TaskEnv
	group string
	ids   *topics.Registry
}

// committedNotes are all notes of a connector, by name.
type committedNotes map[string]json.RawMessage

// committedFor is the content of a partition's note (connector.CommittedNote): whose offsets were
// committed. Another group, or a topic that was recreated, begins without any.
type committedFor struct {
	Group string `json:"group"`
	// Topic is the topic's id; empty on brokers that give topics none.
	Topic string `json:"topic,omitempty"`
}

const (
	// keepTimeout bounds the writing of notes, keptAtOnce how many are written at once.
	keepTimeout = 10 * time.Second
	keptAtOnce  = 64
)

// read are the notes as they are now.
func (n commitNotes) read() committedNotes { return n.env.Notes() }

// keep keeps notes of partitions whose offsets have been committed, where there are none, and
// returns when they are durable.
func (n commitNotes) keep(partitions []batch.Source) error {
	ctx, cancel := context.WithTimeout(context.Background(), keepTimeout)
	defer cancel()
	kept := n.read()
	writes, ctx := contain.WithContext(ctx)
	writes.SetLimit(keptAtOnce)
	for _, of := range partitions {
		name := connector.CommittedNote(of.Topic, of.Partition)
		note, err := json.Marshal(committedFor{n.group, n.ids.ID(of.Topic)})
		if err != nil {
			return err
		}
		if !bytes.Equal(kept[name], note) {
			writes.Go("note that offsets are committed", func() error { return n.env.Note(ctx, name, note) })
		}
	}
	if err := writes.Wait(); err != nil {
		return fmt.Errorf("note which partitions have offsets: %w", err)
	}
	return nil
}

// tell reports whether notes say that the group has committed offsets of a partition of the present
// topic. A topic that had an id and has none now is just being recreated.
func (n commitNotes) tell(notes committedNotes, of batch.Source) bool {
	var was committedFor
	if err := json.Unmarshal(notes[connector.CommittedNote(of.Topic, of.Partition)], &was); err != nil {
		return false // there is none
	}
	return was.Group == n.group && (was.Topic == "" || was.Topic == n.ids.ID(of.Topic))
}

// reasonOffsetsLost stands in the error as those of a source do.
const reasonOffsetsLost = "OFFSETS_LOST"

// lost is why partitions are not read: it is no longer known what was read of them, and from the
// beginning it would come twice.
func (n commitNotes) lost(partitions []batch.Source) error {
	slices.SortFunc(partitions, batch.Source.Compare)
	return fmt.Errorf(
		"continue in %s: group %s has committed offsets there, and the brokers no longer have any of them: they keep those of a group without members for offsets.retention.minutes, "+
			"or somebody has deleted them (%s). Have it go on where the tables prove that it was: calypsoctl offsets recover %[4]s. "+
			"Or set the offsets: calypsoctl offsets set %[4]s -f FILE, or PATCH /connectors/%[4]s/offsets of the stopped connector, "+
			"with an offset of null for each partition to read from the beginning, where rows that are in the table already come twice; calypsoctl offsets reset %[4]s does so for all partitions",
		named(partitions), n.group, reasonOffsetsLost, shell.Quote(n.env.Connector))
}
