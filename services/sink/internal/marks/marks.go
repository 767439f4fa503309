// Package marks is the state machine of what became of dead letters, as a log of marks tells it. It has no I/O, clock or goroutine.
//
// Model. The log is one partition of a compacted topic. A letter is marked once it is done with, under its id. A batch of letters that
// is to be ingested is noted first, with its rows and its tag, under a key of its own; it is open until it is deleted, which says
// that its end is known: its letters are marked if the target has taken them, and free again if it has refused them.
//
// Several writers share the log without knowing of each other. A batch counts only if it stands at the offset at which its writer
// expected it, after reading everything before: so two writers that note the same letters at once cannot both succeed, and the one
// that did not reads on and finds the other's batch. Whether a batch counts follows from its own record alone, so that compaction
// changes no answer.
//
// Guarantee. A letter is in one open batch at most. Whoever sends an open batch sends the same rows under the same tag, so a target
// that knows tags takes them once.
package marks

import (
	"encoding/json"
	"fmt"
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

// Marks is what the log says. The zero value is an empty log. One goroutine owns it.
type Marks struct {
	done map[string]bool
	// open has the batches that count and are not deleted, byLetter the same by each of their letters.
	open     map[string]*Batch
	byLetter map[string]*Batch
	next     int64
}

// Read takes the next record of a partition of the log.
func (m *Marks) Read(partition int32, offset int64, key, value []byte) error {
	id, isBatch := strings.CutPrefix(string(key), batchPrefix)
	switch {
	case !isBatch:
		if m.done == nil {
			m.done = map[string]bool{}
		}
		m.done[string(key)] = true
		return nil
	case partition != Partition:
		return nil
	case value == nil:
		m.close(id)
		return nil
	}
	b := &Batch{ID: id}
	if err := json.Unmarshal(value, b); err != nil {
		return fmt.Errorf("the batch of dead letters noted at offset %d cannot be read: %w", offset, err)
	}
	if b.At != offset {
		return nil
	}
	if m.open == nil {
		m.open, m.byLetter = map[string]*Batch{}, map[string]*Batch{}
	}
	m.open[id] = b
	for _, letter := range b.Letters {
		m.byLetter[letter] = b
	}
	return nil
}

func (m *Marks) close(id string) {
	b := m.open[id]
	if b == nil {
		return
	}
	delete(m.open, id)
	for _, letter := range b.Letters {
		// The letter may be in a later batch by now: of several deletions of one batch, compaction leaves the last.
		if m.byLetter[letter] == b {
			delete(m.byLetter, letter)
		}
	}
}

// Ended tells where the log ended when it was read: a batch that is noted now must expect this offset.
func (m *Marks) Ended(next int64) { m.next = next }

// Next is the offset that a batch must expect.
func (m *Marks) Next() int64 { return m.next }

// Done says that a letter is done with.
func (m *Marks) Done(letter string) bool { return m.done[letter] }

// Open is the batch that a letter is in and whose end is not known; nil if there is none.
func (m *Marks) Open(letter string) *Batch {
	if m.done[letter] {
		return nil
	}
	return m.byLetter[letter]
}
