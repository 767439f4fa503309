package topics

import (
	"testing"

	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/calypso-cdc/calypso/services/sink/internal/batch"
)

func TestAnOffsetCountsOnlyForTheTopicThatItWasCommittedFor(t *testing.T) {
	for name, c := range map[string]struct {
		there, committed string
		resumes          bool
	}{
		"the same topic":                    {"a", "a", true},
		"another of its name":               {"b", "a", false},
		"a commit that does not say":        {"b", "", true},
		"brokers that give topics no ids":   {"", "", true},
		"brokers that give them no longer":  {"", "a", true},
		"a commit of before topics had ids": {"a", "", true},
	} {
		var r Registry
		of := batch.Source{Topic: "orders", Partition: 3}
		r.See(of.Topic, c.there)
		if got := r.Resume(of, c.committed); got != c.resumes {
			t.Errorf("%s: resumes is %t", name, got)
		}
		if got := beginsAt(t, &r, of); (got == start) == c.resumes {
			t.Errorf("%s: it begins at %v", name, got)
		}
	}
}

func TestATopicThatWasSeenDeletedBeginsAtItsFirstRecordAndAnyOtherWhereItsGroupSays(t *testing.T) {
	var r Registry
	of := batch.Source{Topic: "orders"}
	if r.Begin(of) || beginsAt(t, &r, of) == start {
		t.Error("a topic that nobody has deleted begins at its first record")
	}
	r.delete(of.Topic)
	r.Join() // what is deleted outlives the membership
	if !r.Begin(of) || beginsAt(t, &r, of) != start {
		t.Error("one that was deleted does not")
	}
	if r.Begin(batch.Source{Topic: "others"}) {
		t.Error("nor is that so of others")
	}
	r.See(of.Topic, "b")
	if !r.Resume(of, "b") || beginsAt(t, &r, of) == start {
		t.Error("what is committed for the new topic does not count")
	}
}

func TestAMemberReadsTheTopicThatItSawFirstUnderAName(t *testing.T) {
	var r Registry
	if r.See("orders", "") || r.ID("orders") != "" {
		t.Error("a topic without an id has one")
	}
	if !r.See("orders", "a") || r.See("orders", "b") || r.ID("orders") != "a" {
		t.Errorf("it reads %q", r.ID("orders"))
	}
	r.Join()
	if !r.See("orders", "b") {
		t.Error("the next membership does not read what is there then")
	}
}

// start is the first record's offset, as the client has it.
var start = kgo.NewOffset().AtStart().EpochOffset()

// beginsAt is where a partition begins whose group says 17.
func beginsAt(t *testing.T, r *Registry, of batch.Source) kgo.EpochOffset {
	t.Helper()
	offsets, err := r.Offsets(t.Context(), map[string]map[int32]kgo.Offset{of.Topic: {of.Partition: kgo.NewOffset().At(17)}})
	if err != nil {
		t.Fatal(err)
	}
	return offsets[of.Topic][of.Partition].EpochOffset()
}
