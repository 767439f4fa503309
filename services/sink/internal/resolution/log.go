// Package resolution is the state machine of what became of dead letters, as a log tells it. It has
// no I/O, clock or goroutine.
//
// Model. The log is one partition of a compacted topic. A letter is marked as resolved once it is
// done with, under its id. A batch of letters that is to be ingested is noted first, with its rows and its
// tag, under a key of its own; it is open until it is deleted, which says that its end is known:
// its letters are marked if the target has taken them, and free again if it has refused them.
//
// Several writers share the log without knowing of each other. A batch counts only if it stands at
// the offset at which its writer expected it, after reading everything before: so two writers that
// note the same letters at once cannot both succeed, and the one that did not reads on and finds
// the other's batch. Whether a batch counts follows from its own record alone, so that compaction
// changes no answer.
//
// A record that no writer of the log has written, such as one that cannot be read, counts as none and
// is known by its position.
//
// Guarantee. A letter is in one open batch at most. Whoever sends an open batch sends the same rows
// under the same tag, so a target that knows tags takes them once.
package resolution

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// Partition is the one that batches are noted in. Letters may be marked in any.
const Partition = 0

const batchPrefix = "batch/"

// Batch is letters whose rows are sent together.
type Batch struct {
	// ID is unique. It is the key's end, and no part of the value.
	ID string `json:"-"`
	// At is the offset at which the batch must stand to count.
	At int64 `json:"offset"`
	// Of is the id of the topic that the letters are in; empty where brokers give topics none.
	Of string `json:"of,omitempty"`
	// Topic is the one that the letters' records were read from.
	Topic string `json:"topic"`
	// Letters are the ids of the letters, Copies those of further letters about the same records.
	Letters []string `json:"letters"`
	Copies  []string `json:"copies,omitempty"`
	// Edited are the letters whose value was given by the caller.
	Edited []string `json:"edited,omitempty"`
	// Database to Rows are what is sent.
	Database string `json:"database"`
	Table    string `json:"table"`
	Format   string `json:"format"`
	Mapping  string `json:"mapping,omitempty"`
	Plain    bool   `json:"plain,omitempty"`
	RawSize  int64  `json:"rawSize"`
	Rows     []byte `json:"rows"`
}

// Key is the key under which the batch is noted, and deleted.
func (b *Batch) Key() []byte { return []byte(batchPrefix + b.ID) }

// Value is what is noted.
func (b *Batch) Value() ([]byte, error) { return json.Marshal(b) }

// Log is what the log says. The zero value is an empty log. One goroutine owns it.
type Log struct {
	// Of is the id of the topic that the letters are in, empty where it is not known. Of a topic
	// that was there before under its name, other letters had the same ids: marks that belong to
	// another topic do not count.
	Of   string
	done map[string]bool
	// open has the batches that count and are not deleted, byLetter the same by each of their letters.
	open     map[string]*Batch
	byLetter map[string]*Batch
	next     int64
	foreign  []Foreign
}

// Foreign is a record of the log that is no mark.
type Foreign struct {
	Partition int32
	Offset    int64
	Key       string
	Reason    string
}

// maxForeign is how many foreign records are reported, longestKey with how many bytes of their
// keys.
const (
	maxForeign = 20
	longestKey = 100
)

// Read takes the next record of a partition of the log.
func (l *Log) Read(partition int32, offset int64, key, value []byte) {
	id, isBatch := strings.CutPrefix(string(key), batchPrefix)
	switch {
	case !isBatch:
		l.mark(partition, offset, string(key), value)
	case value == nil:
		l.forgive(partition, string(key))
		if partition == Partition {
			l.close(id)
		}
	case partition != Partition:
	default:
		l.note(&Batch{ID: id}, offset, value)
	}
}

// mark takes a record that marks a letter as resolved, or removes such a mark.
func (l *Log) mark(partition int32, offset int64, letter string, value []byte) {
	switch {
	case !isLetter(letter) && value == nil:
		l.forgive(partition, letter)
	case !isLetter(letter):
		l.pass(partition, offset, letter, "the key is neither a letter's nor a batch's")
	case value == nil, !l.covers(ofValue(value)):
		delete(l.done, letter)
	default:
		if l.done == nil {
			l.done = map[string]bool{}
		}
		l.done[letter] = true
	}
}

// covers reports whether marks of letters in a topic with an id count.
func (l *Log) covers(id string) bool { return id == "" || l.Of == "" || id == l.Of }

// ofValue is the id of the topic of a mark's letter; empty if the mark does not say.
func ofValue(value []byte) string {
	var mark struct {
		Of string `json:"of"`
	}
	_ = json.Unmarshal(value, &mark) // a mark's value is for people
	return mark.Of
}

// note takes a batch. A record that is not at the offset that it expected is none.
func (l *Log) note(b *Batch, offset int64, value []byte) {
	err := json.Unmarshal(value, b)
	switch {
	case err != nil:
	case b.At != offset, !l.covers(b.Of):
		return
	default:
		err = b.validate()
	}
	if err != nil {
		l.pass(Partition, offset, string(b.Key()), err.Error())
		return
	}
	if l.open == nil {
		l.open, l.byLetter = map[string]*Batch{}, map[string]*Batch{}
	}
	l.close(b.ID) // of the records of one key the last counts, as after compaction
	l.open[b.ID] = b
	for _, letter := range b.Letters {
		l.byLetter[letter] = b
	}
}

// validate says what a batch lacks that can be sent.
func (b *Batch) validate() error {
	letters := slices.Concat(b.Letters, b.Copies, b.Edited)
	i := slices.IndexFunc(letters, func(id string) bool { return !isLetter(id) })
	switch {
	case b.ID == "":
		return errors.New("the batch has no id")
	case len(b.Letters) == 0:
		return errors.New("the batch has no letters")
	case i >= 0:
		return fmt.Errorf("the batch has a letter %.100q", letters[i])
	case len(b.Rows) > 0 && (b.Database == "" || b.Table == "" || b.Format == "" || b.RawSize <= 0):
		return errors.New("the batch has rows, but does not name their size, table or format")
	}
	return nil
}

// ParseID reads a letter's id: its partition and offset in the topic of letters. ok is false if it is none.
func ParseID(id string) (partition int32, offset int64, ok bool) {
	first, second, _ := strings.Cut(id, "/")
	p, err := strconv.ParseUint(first, 10, 31)
	o, err2 := strconv.ParseUint(second, 10, 63)
	return int32(p), int64(o), err == nil && err2 == nil
}

func isLetter(id string) bool {
	_, _, ok := ParseID(id)
	return ok
}

func (l *Log) pass(partition int32, offset int64, key, reason string) {
	if len(l.foreign) < maxForeign {
		l.foreign = append(l.foreign, Foreign{partition, offset, strings.Clone(shortened(key)), reason})
	}
}

// forgive forgets foreign records of a key that was deleted.
func (l *Log) forgive(partition int32, key string) {
	l.foreign = slices.DeleteFunc(l.foreign, func(f Foreign) bool {
		return f.Partition == partition && f.Key == shortened(key)
	})
}

func shortened(key string) string { return key[:min(longestKey, len(key))] }

// Foreign are the first records of the log that are no marks and whose keys were not deleted.
func (l *Log) Foreign() []Foreign { return l.foreign }

func (l *Log) close(id string) {
	b := l.open[id]
	if b == nil {
		return
	}
	delete(l.open, id)
	for _, letter := range b.Letters {
		// The letter may be in a later batch by now: of several deletions of one batch, compaction leaves the last.
		if l.byLetter[letter] == b {
			delete(l.byLetter, letter)
		}
	}
}

// Ended is where the log ended when it was read: a batch that is noted now must expect this offset.
func (l *Log) Ended(next int64) { l.next = next }

// Next is the offset that a batch must expect.
func (l *Log) Next() int64 { return l.next }

// Done says that a letter is done with.
func (l *Log) Done(letter string) bool { return l.done[letter] }

// Open is the batch that a letter is in and whose end is not known; nil if there is none.
func (l *Log) Open(letter string) *Batch {
	if l.done[letter] {
		return nil
	}
	return l.byLetter[letter]
}
