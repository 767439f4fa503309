package resolution_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/calypso-cdc/calypso/services/sink/internal/resolution"
)

// entry is a record of the log.
type entry struct {
	offset     int64
	key, value []byte
}

func read(log []entry, end int64) *resolution.Log {
	m := &resolution.Log{}
	for _, e := range log {
		m.Read(resolution.Partition, e.offset, e.key, e.value)
	}
	m.Ended(end)
	return m
}

func note(t interface{ Fatal(...any) }, id string, at int64, letters ...string) entry {
	b := &resolution.Batch{ID: id, At: at, Letters: letters}
	value, err := b.Value()
	if err != nil {
		t.Fatal(err)
	}
	return entry{key: b.Key(), value: value}
}

func TestABatchCountsOnlyWhereItsWriterExpectedIt(t *testing.T) {
	first, second := note(t, "a", 0, "0/1", "0/2"), note(t, "b", 0, "0/2", "0/3") // both have read an empty log
	second.offset = 1
	m := read([]entry{first, second}, 2)
	if b := m.Open("0/2"); b == nil || b.ID != "a" || m.Open("0/3") != nil {
		t.Errorf("letter 0/2 is in %v, 0/3 in %v", b, m.Open("0/3"))
	}
	m.Read(resolution.Partition, 2, []byte("batch/a"), nil)
	if m.Open("0/1") != nil || m.Done("0/1") {
		t.Error("a deleted batch is open, or its letters are done with")
	}
	m.Read(1, 0, []byte("0/1"), []byte("{}"))
	if !m.Done("0/1") {
		t.Error("a mark of another partition does not count")
	}
	m.Read(1, 1, []byte("0/1"), nil) // as compaction does, which removes the mark and then this
	if m.Done("0/1") {
		t.Error("a mark that was deleted counts")
	}
	if f := m.Foreign(); len(f) > 0 {
		t.Errorf("%v was passed over", f)
	}
}

func TestWhatIsNoMarkIsPassedOverAndTold(t *testing.T) {
	whole := note(t, "a", 0, "0/1")
	for name, e := range map[string]entry{
		"no JSON":           {key: []byte("batch/x"), value: []byte("{")},
		"cut off":           {key: []byte("batch/x"), value: whole.value[:len(whole.value)-5]},
		"another type":      {key: []byte("batch/x"), value: []byte(`{"offset":1,"letters":"0/1"}`)},
		"nothing":           {key: []byte("batch/x"), value: []byte{}},
		"null":              {key: []byte("batch/x"), value: []byte(`{"offset":1}`)},
		"no letters":        {key: []byte("batch/x"), value: []byte(`{"offset":1,"letters":[]}`)},
		"no letter's id":    {key: []byte("batch/x"), value: []byte(`{"offset":1,"letters":["0/1","x"]}`)},
		"a negative offset": {key: []byte("batch/x"), value: []byte(`{"offset":1,"letters":["0/-1"]}`)},
		"rows without a table": {key: []byte("batch/x"),
			value: []byte(`{"offset":1,"letters":["0/1"],"database":"d","format":"json","rawSize":1,"rows":"AA=="}`)},
		"rows of negative size": {key: []byte("batch/x"),
			value: []byte(
				`{"offset":1,"letters":["0/1"],"database":"d","table":"t","format":"json","rawSize":-1,"rows":"AA=="}`)},
		"no id":               {key: []byte("batch/"), value: []byte(`{"offset":1,"letters":["0/1"]}`)},
		"another's key":       {key: []byte("kafka-ui"), value: []byte("{}")},
		"no key":              {value: []byte("{}")},
		"a partition of 2^31": {key: []byte("2147483648/0"), value: []byte("{}")},
	} {
		t.Run(name, func(t *testing.T) {
			e.offset = 1
			m := read([]entry{whole, e}, 2)
			if f := m.Foreign(); len(f) != 1 || f[0].Offset != 1 || f[0].Key != string(e.key) || f[0].Reason == "" {
				t.Errorf("passed over was %v", f)
			}
			if b := m.Open("0/1"); b == nil || b.ID != "a" {
				t.Errorf("the batch beside it is %v", b)
			}
			if m.Read(0, 2, e.key, nil); len(m.Foreign()) > 0 {
				t.Errorf("what was deleted is told: %v", m.Foreign())
			}
		})
	}
	many := &resolution.Log{}
	for offset := range int64(1000) {
		many.Read(0, offset, []byte(strings.Repeat("k", 1000)), []byte("x"))
	}
	if f := many.Foreign(); len(f) == 0 || len(f) > 50 || len(f[0].Key) > 200 {
		t.Errorf("%d records were kept", len(f))
	}
}

func FuzzRead(f *testing.F) {
	whole := note(f, "a", 0, "0/1", "0/2")
	f.Add(int32(0), int64(0), whole.key, whole.value)
	f.Add(int32(0), int64(1), []byte("batch/b"), []byte(`{"offset":1,"letters":["0/3"],"rows":"AA=="}`))
	f.Add(int32(1), int64(0), []byte("0/1"), []byte("{}"))
	f.Fuzz(func(t *testing.T, partition int32, offset int64, key, value []byte) {
		m := read([]entry{whole}, 1)
		m.Read(partition, offset, key, value)
		for _, letter := range []string{"0/1", "0/2", "0/3"} {
			b := m.Open(letter)
			if b == nil {
				continue
			}
			if b.At != offset && b.ID != "a" || !slices.Contains(b.Letters, letter) || len(b.Rows) > 0 &&
				(b.Table == "" || b.RawSize <= 0) {
				t.Fatalf("letter %s is in %v", letter, b)
			}
		}
	})
}

// Writers read the log up to anywhere, as if they were slow, and note batches of letters that they
// find free. At no time is a letter in two open batches, and compaction, which drops what later
// records of the same key replace, changes no answer.
func TestNoLetterIsInTwoBatchesWhateverWritersHaveReadAndWhateverIsCompacted(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var log []entry
		for step := range rapid.IntRange(1, 30).Draw(t, "steps") {
			seen := rapid.IntRange(0, len(log)).Draw(t, "seen")
			if rapid.Bool().Draw(t, "up to date") {
				seen = len(log)
			}
			known := read(log[:seen], int64(seen))
			letters := rapid.SliceOfNDistinct(rapid.SampledFrom([]string{"0/0", "0/1", "0/2", "0/3"}), 1, 3,
				rapid.ID[string]).Draw(t, "letters")
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
		whole := read(log, int64(len(log)))
		var compacted []entry
		for i, e := range log {
			replaced := slices.ContainsFunc(log[i+1:], func(later entry) bool { return string(later.key) == string(e.key) })
			if !replaced || rapid.Bool().Draw(t, "kept") {
				compacted = append(compacted, e)
			}
		}
		rest := read(compacted, int64(len(log)))
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

func TestMarksOfATopicThatWasDeletedCountForNothing(t *testing.T) {
	batch := func(of string, at int64, letter string) []byte {
		value, err := (&resolution.Batch{Of: of, At: at, Letters: []string{letter}}).Value()
		if err != nil {
			t.Fatal(err)
		}
		return value
	}
	for of, want := range map[string]string{"": "0/1 0/2 0/3 open 0/4 0/5", "old": "0/1 0/2 open 0/4",
		"new": "0/1 0/3 open 0/5", "third": "0/1 open"} {
		m := resolution.Log{Of: of}
		m.Read(0, 0, []byte("0/1"), []byte(`{"as":"discarded"}`)) // of an earlier version
		m.Read(0, 1, []byte("0/2"), []byte(`{"as":"discarded","of":"old"}`))
		m.Read(0, 2, []byte("0/3"), []byte(`{"as":"discarded","of":"new"}`))
		m.Read(0, 3, []byte("batch/a"), batch("old", 3, "0/4"))
		m.Read(0, 4, []byte("batch/b"), batch("new", 4, "0/5"))
		var got []string
		for _, id := range []string{"0/1", "0/2", "0/3"} {
			if m.Done(id) {
				got = append(got, id)
			}
		}
		got = append(got, "open")
		for _, id := range []string{"0/4", "0/5"} {
			if m.Open(id) != nil {
				got = append(got, id)
			}
		}
		if text := strings.Join(got, " "); text != want {
			t.Errorf("of topic %q: %s, want %s", of, text, want)
		}
	}
}
