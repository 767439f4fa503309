package state

import (
	"encoding/json"
	"fmt"
	"strings"
)

// A note is something that a task saw once and that somebody must know, however long ago that was
// and whatever became of the task: it stands in the status topic until it is removed, and goes with
// its connector. A connector has some notes, or none; each is JSON under a name that the task gives
// it.

// noteKey begins the key of a note, "note-<name of the note>:connector-<name>". It is Calypso's
// own: Kafka Connect passes over keys that it does not know.
const noteKey = "note-"

// maxNote bounds a note in bytes. How many a connector has its tasks bound, by the names that they give.
const maxNote = 16 << 10

// Note is the record that keeps a note of a connector, or removes it if its value is nil.
func Note(connector, note string, value json.RawMessage) (Entry, error) {
	switch {
	case strings.Contains(note, topicSeparator):
		return Entry{}, fmt.Errorf("the note %q of connector %s cannot be kept under that name", note, connector)
	case len(value) > maxNote:
		return Entry{}, fmt.Errorf("the note %q of connector %s has %d bytes, more than %d", note, connector,
			len(value), maxNote)
	}
	e := Entry{Key: noteRecordKey(connector, note)}
	if value != nil {
		e.Value = value
	}
	return e, nil
}

func noteRecordKey(connector, note string) string { return noteKey + note + topicSeparator + connector }

// applyNote takes the record of a note; rest is its key without the prefix.
func (v *View) applyNote(rest string, value []byte) error {
	note, name, ok := strings.Cut(rest, topicSeparator)
	if !ok {
		return nil
	}
	if value == nil {
		delete(v.statusesOf(name).Notes, note)
		v.forgetEmpty(name)
		return nil
	}
	if !json.Valid(value) {
		return fmt.Errorf("record %s%s is not what a worker writes: it is not JSON", noteKey, rest)
	}
	v.statusesOf(name).Notes[note] = value
	return nil
}
