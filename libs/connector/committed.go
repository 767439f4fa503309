package connector

import (
	"fmt"
	"strings"
)

const committedNote = "COMMITTED."

// CommittedNote is the name of the note that a sink keeps of a partition before it first commits an
// offset of it. Brokers forget the offsets of a group without members (offsets.retention.minutes);
// the note tells such a partition from one that was never read.
func CommittedNote(topic string, partition int32) string {
	return fmt.Sprintf("%s%s/%d", committedNote, topic, partition)
}

// ReadAgainNote is the name of the note that somebody removed all offsets of a sink on purpose, so
// that it begins again although its tables already have batches of the topics.
const ReadAgainNote = committedNote + "*"

// IsCommittedNote reports whether a note's name is ReadAgainNote or one that CommittedNote returns.
func IsCommittedNote(name string) bool { return strings.HasPrefix(name, committedNote) }
