package ledger

import (
	"math/rand/v2"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

const id = "AAECAwQFBgcICQoLDA0ODw=="

func TestARestartMakesTheSameCuts(t *testing.T) {
	l := New("")
	l.Begin(100)
	for _, end := range []int64{150, 151, 4000} {
		if _, err := l.Close(end); err != nil {
			t.Fatal(err)
		}
	}
	if !l.Done(Cut{First: 100, End: 150}) {
		t.Fatal("the first cut is done and nothing holds it back")
	}
	r, err := Restore("", l.Committed(), l.Metadata())
	if err != nil {
		t.Fatal(err)
	}
	if r.First() != 150 {
		t.Fatalf("begins at %d, want 150", r.First())
	}
	for _, want := range []Cut{{First: 150, End: 151}, {First: 151, End: 4000}} {
		limit, recorded := r.Limit()
		if !recorded || limit != want.End {
			t.Fatalf("limit %d %v, want %d", limit, recorded, want.End)
		}
		if _, err := r.Close(limit - 1 + 2); err == nil {
			t.Fatal("a recorded cut ended elsewhere")
		}
		got, err := r.Close(limit)
		if err != nil || got != want {
			t.Fatalf("%v %v, want %v", got, err, want)
		}
	}
	if _, recorded := r.Limit(); recorded {
		t.Fatal("nothing more was recorded")
	}
}

func TestTheCommittedOffsetWaitsForTheOldestCut(t *testing.T) {
	l := New("")
	l.Begin(0)
	a, _ := l.Close(10)
	b, _ := l.Close(20)
	if l.Done(b) || l.Committed() != 0 {
		t.Fatalf("committed %d over a cut that is not done", l.Committed())
	}
	if !l.Done(a) || l.Committed() != 20 {
		t.Fatalf("committed %d, want 20", l.Committed())
	}
}

func TestACutThatFailedHalfwayIsCommittedUpToThere(t *testing.T) {
	l := New("")
	l.Begin(0)
	a, _ := l.Close(10)
	b, _ := l.Close(20)
	if !l.Split(b, 15) || l.DoneBefore(b, 17) || l.Committed() != 0 {
		t.Fatalf("committed %d over a cut that is not done", l.Committed())
	}
	if !l.Done(a) || l.Committed() != 17 || l.End() != 20 {
		t.Fatalf("committed %d of %d, want 17 of 20", l.Committed(), l.End())
	}
	if l.DoneBefore(Cut{First: 17, End: 20}, 0) || l.Committed() != 17 {
		t.Fatalf("committed %d, want 17", l.Committed())
	}
}

func TestMetadataOfOthersHoldsNoCuts(t *testing.T) {
	for _, metadata := range []string{"", "NO_METADATA", "kafka-ui", "calypso", "calypso-ui:3", "calypso0:5"} {
		l, err := Restore("", 7, metadata)
		if err != nil || l.First() != 7 || l.End() != 7 {
			t.Fatalf("%q: first %d, %v", metadata, l.First(), err)
		}
	}
}

func TestMetadataThatCannotBeReadOrIsOfALaterVersionIsRefusedWithWhatItSays(t *testing.T) {
	for _, metadata := range []string{"calypso1:zz,-1", "calypso1:5,", "calypso1", "calypso2:" + id, "calypso2:id:5",
		"calypso2:" + id + ":-5", "calypso3:" + id + ":--5", "calypso3:" + id + ":+5", "calypso3:" + id + ":0",
		"calypso1:" + strings.Repeat("z", 13), "calypso4:" + id + ":5", "calypso999:", "calypso4"} {
		if _, err := Restore("", 7, metadata); err == nil || !strings.Contains(err.Error(), metadata[:8]) {
			t.Errorf("%q: %v", metadata, err)
		}
		if of := TopicOf(metadata); of != "" && of != id {
			t.Errorf("%q is of topic %q", metadata, of)
		}
	}
}

func TestCutsOfEarlierVersionsKeepTheirNamesAndLaterOnesHaveTheirs(t *testing.T) {
	for _, metadata := range []string{"calypso1:5,a", "calypso2:" + id + ":5,a", "calypso3:" + id + ":-5,-a"} {
		l, err := Restore(id, 100, metadata)
		if err != nil {
			t.Fatal(err)
		}
		first, _ := l.Close(105)
		if !l.Split(first, 102) || l.End() != 115 {
			t.Fatal(l.Metadata(), l.End())
		}
		_, _ = l.Close(115)
		if _, err := l.Close(120); err != nil {
			t.Fatal(err)
		}
		if got := l.Metadata(); got != "calypso3:"+id+":-2,-3,-a,5" {
			t.Errorf("%s became %s", metadata, got)
		}
		again, err := Restore(id, l.Committed(), l.Metadata())
		if err != nil || again.Metadata() != l.Metadata() {
			t.Error(again, err)
		}
	}
}

// Whatever happens in whatever order, with crashes at any step: every offset is in exactly one cut,
// cuts of an offset never change once recorded, and the committed offset never passes an undone
// cut.
func TestCutsNeverChangeOverCrashes(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		l := New("")
		l.Begin(0)
		recordedAt, recordedMeta := int64(-1), ""
		cutOf := map[int64]Cut{} // first offset -> recorded cut
		done := map[Cut]bool{}
		var closed []Cut
		for range rapid.IntRange(1, 60).Draw(t, "steps") {
			switch rapid.IntRange(0, 4).Draw(t, "step") {
			case 0: // close and record
				end, recorded := l.Limit()
				if !recorded {
					end = l.First() + rapid.Int64Range(1, 5000).Draw(t, "size")
				}
				c, err := l.Close(end)
				if err != nil {
					t.Fatal(err)
				}
				if before, ok := cutOf[c.First]; ok && before != c {
					t.Fatalf("cut %v became %v", before, c)
				}
				cutOf[c.First] = c
				closed = append(closed, c)
				recordedAt, recordedMeta = l.Committed(), l.Metadata()
			case 1: // finish one
				if len(closed) > 0 {
					i := rapid.IntRange(0, len(closed)-1).Draw(t, "which")
					done[closed[i]] = true
					l.Done(closed[i])
				}
			case 4: // split and record
				if len(closed) == 0 {
					continue
				}
				i := rapid.IntRange(0, len(closed)-1).Draw(t, "which")
				c := closed[i]
				middle := c.First + (c.End-c.First)/2
				if done[c] || !l.Split(c, middle) {
					continue
				}
				first, second := Cut{c.First, middle, c.Bare}, Cut{middle, c.End, c.Bare}
				cutOf[first.First], cutOf[second.First] = first, second
				closed = append(append(closed[:i:i], first, second), closed[i+1:]...)
				recordedAt, recordedMeta = l.Committed(), l.Metadata()
			case 2: // commit
				recordedAt, recordedMeta = l.Committed(), l.Metadata()
			case 3: // crash
				if recordedAt < 0 {
					continue
				}
				r, err := Restore("", recordedAt, recordedMeta)
				if err != nil {
					t.Fatal(err)
				}
				l, closed = r, nil
			}
			for first, c := range cutOf {
				if first < l.Committed() && !done[c] {
					t.Fatalf("committed %d passes %v, which is not done", l.Committed(), c)
				}
			}
		}
	})
}

func FuzzRestore(f *testing.F) {
	f.Add(int64(0), "calypso1:a,b")
	f.Add(rand.Int64(), "calypso1:,")
	f.Add(int64(7), "calypso2:"+id+":5,a")
	f.Add(int64(7), "calypso3:"+id+":-5,a")
	f.Add(int64(7), "calypso4:"+id+":5")
	f.Fuzz(func(t *testing.T, committed int64, metadata string) {
		l, err := Restore("", committed, metadata)
		if err != nil {
			return
		}
		again, err := Restore("", l.Committed(), l.Metadata())
		if err != nil || again.Metadata() != l.Metadata() {
			t.Fatalf("%q became %q: %v", metadata, l.Metadata(), err)
		}
		for end, recorded := l.Limit(); recorded; end, recorded = l.Limit() {
			if end <= l.First() || end > l.End() {
				t.Fatalf("%q has a cut from %d to %d, of all to %d", metadata, l.First(), end, l.End())
			}
			if _, err := l.Close(end); err != nil {
				t.Fatal(err)
			}
		}
	})
}

func TestALedgerIsFullWhenAnotherCutMightNotFitIntoACommit(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		l := New(rapid.SampledFrom([]string{"", id}).Draw(t, "topic"))
		l.Begin(0)
		largest := int64(1) << rapid.IntRange(1, 50).Draw(t, "bits")
		for range 500 {
			if full, want := l.Full(), len(l.Metadata()) > MaxMetadata-16; full != want {
				t.Fatalf("%d cuts, %d bytes: %v", len(l.cuts), len(l.Metadata()), full)
			}
			// offset.metadata.max.bytes of Event Hubs, which users cannot raise
			// (apache-kafka-troubleshooting-guide).
			if len(l.Metadata()) > 1024 {
				t.Fatalf("%d cuts take %d bytes, which Event Hubs refuses", len(l.cuts), len(l.Metadata()))
			}
			if l.Full() {
				return
			}
			if _, err := l.Close(l.First() + rapid.Int64Range(1, largest).Draw(t, "length")); err != nil {
				t.Fatal(err)
			}
		}
	})
}
