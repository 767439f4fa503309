package admin

import (
	"testing"
	"time"
)

func TestSinceWhenAWorkerIsAsItIsFollowsWhatIsSeenAndWhatItSaysOfItsStart(t *testing.T) {
	var unsaid time.Time // earlier releases do not say when they started
	at := func(second int) time.Time { return time.Unix(int64(1000+second), 0) }
	type look struct {
		serving      bool
		started, now time.Time
		since        time.Time
	}
	for name, looks := range map[string][]look{
		"one that says its start, before it was ever seen": {{true, at(0), at(9), at(0)}, {true, at(0), at(12), at(0)}},
		"one of an earlier release counts from when it was seen": {
			{true, unsaid, at(9), at(9)}, {true, unsaid, at(12), at(9)}, {false, unsaid, at(15), at(15)},
			{true, unsaid, at(18), at(18)}},
		"one that was gone and has not started since": {
			{true, at(0), at(9), at(0)}, {false, unsaid, at(12), at(12)}, {true, at(0), at(15), at(15)}},
		"one that was gone and has started since": {
			{true, at(0), at(9), at(0)}, {false, unsaid, at(12), at(12)}, {true, at(13), at(15), at(13)}},
		"one that started between two looks": {{true, at(0), at(9), at(0)}, {true, at(10), at(12), at(10)}},
		"one that never answers":             {{false, unsaid, at(9), at(9)}, {false, unsaid, at(12), at(9)}},
	} {
		var w worker
		for i, l := range looks {
			if got := w.sees(l.serving, l.started, l.now); !got.Equal(l.since) {
				t.Errorf("%s, look %d: since %d, want %d", name, i+1, got.Unix()-1000, l.since.Unix()-1000)
			}
		}
	}
}
