package state

import (
	"encoding/json"
	"fmt"
	"strings"
)

// A note is something that a task saw once and that must be remembered, however long ago that was
// and whatever happened to the task: it stays in the status topic until it is removed, or its
// connector is deleted. A connector may have several; each is JSON under a name that the task gives
// it.

// noteKey begins the key of a note, "note-<name of the note>:connector-<name>". It is Calypso's
// own: Kafka Connect ignores keys that it does not know.
const noteKey = "note-"

// maxNote bounds a note in bytes. Tasks bound how many notes a connector has, by the names that
// they use.
const maxNote = 16 << 10

// Note makes the record that keeps a note about a connector, or removes it if value is nil.
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

// applyNote applies the record of a note; rest is its key without the prefix.
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
