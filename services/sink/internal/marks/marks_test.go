package marks_test

import (
	"fmt"
	"slices"
	"testing"

	"pgregory.net/rapid"

	"github.com/calypso-cdc/calypso/services/sink/internal/marks"
)

// entry is a record of the log.
type entry struct {
	offset     int64
	key, value []byte
}

func read(t interface{ Fatal(...any) }, log []entry, end int64) *marks.Marks {
	m := &marks.Marks{}
	for _, e := range log {
		if err := m.Read(marks.Partition, e.offset, e.key, e.value); err != nil {
			t.Fatal(err)
		}
	}
	m.Ended(end)
	return m
}

func note(t interface{ Fatal(...any) }, id string, at int64, letters ...string) entry {
	b := &marks.Batch{ID: id, At: at, Letters: letters}
	value, err := b.Value()
	if err != nil {
		t.Fatal(err)
	}
	return entry{key: b.Key(), value: value}
}

func TestABatchCountsOnlyWhereItsWriterExpectedIt(t *testing.T) {
	first, second := note(t, "a", 0, "0/1", "0/2"), note(t, "b", 0, "0/2", "0/3") // both have read an empty log
	second.offset = 1
	m := read(t, []entry{first, second}, 2)
	if b := m.Open("0/2"); b == nil || b.ID != "a" || m.Open("0/3") != nil {
		t.Errorf("letter 0/2 is in %v, 0/3 in %v", b, m.Open("0/3"))
	}
	if err := m.Read(marks.Partition, 2, []byte("batch/a"), nil); err != nil || m.Open("0/1") != nil || m.Done("0/1") {
		t.Errorf("a deleted batch is open, or its letters are done with: %v", err)
	}
	if err := m.Read(1, 0, []byte("0/1"), []byte("{}")); err != nil || !m.Done("0/1") {
		t.Errorf("a mark of another partition does not count: %v", err)
	}
	if err := m.Read(marks.Partition, 3, []byte("batch/x"), []byte("{")); err == nil {
		t.Error("a batch that cannot be read is passed over")
	}
}

// Writers read the log up to anywhere, as if they were slow, and note batches of letters that they find free. At no time is a letter in
// two open batches, and compaction, which drops what later records of the same key replace, changes no answer.
func TestNoLetterIsInTwoBatchesWhateverWritersHaveReadAndWhateverIsCompacted(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var log []entry
		for step := range rapid.IntRange(1, 30).Draw(t, "steps") {
			seen := rapid.IntRange(0, len(log)).Draw(t, "seen")
			if rapid.Bool().Draw(t, "up to date") {
				seen = len(log)
			}
			known := read(t, log[:seen], int64(seen))
			letters := rapid.SliceOfNDistinct(rapid.SampledFrom([]string{"0/0", "0/1", "0/2", "0/3"}), 1, 3, rapid.ID[string]).Draw(t, "letters")
			letters = slices.DeleteFunc(letters, known.Done)
			if len(letters) == 0 {
				continue
			}
			var e entry
			opened := slices.IndexFunc(letters, func(l string) bool { return known.Open(l) != nil })
			switch {
			case opened < 0:
				e = note(t, fmt.Sprint(step), known.Next(), letters...)
			default:
				b := known.Open(letters[opened])
				if rapid.Bool().Draw(t, "taken") {
					for _, l := range b.Letters {
						log = append(log, entry{offset: int64(len(log)), key: []byte(l), value: []byte("{}")})
					}
				}
				e = entry{key: b.Key()}
			}
			e.offset = int64(len(log))
			log = append(log, e)
		}
		whole := read(t, log, int64(len(log)))
		var compacted []entry
		for i, e := range log {
			replaced := slices.ContainsFunc(log[i+1:], func(later entry) bool { return string(later.key) == string(e.key) })
			if !replaced || rapid.Bool().Draw(t, "kept") {
				compacted = append(compacted, e)
			}
		}
		rest := read(t, compacted, int64(len(log)))
		for _, letter := range []string{"0/0", "0/1", "0/2", "0/3"} {
			a, b := whole.Open(letter), rest.Open(letter)
			if (a == nil) != (b == nil) || a != nil && a.ID != b.ID || whole.Done(letter) != rest.Done(letter) {
				t.Fatalf("letter %s is in %v, after compaction in %v", letter, a, b)
			}
			if a == nil {
				continue
			}
			for _, other := range a.Letters {
				if !whole.Done(other) && whole.Open(other) != a {
					t.Fatalf("letter %s is in batch %s and in %v", other, a.ID, whole.Open(other))
				}
			}
		}
	})
}
