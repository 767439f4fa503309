package sink

import (
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
)

func TestOrdersComeIntoTheTableOnce(t *testing.T) {
	s := newStage(t, 2, nil)
	s.produce(1, 2001, 2)
	r := s.start()
	s.holds(2001)
	s.commits(0, 1000)
	s.commits(1, 1000)
	s.produce(2001, 2011, 2)
	s.holds(2011)
	if err := r.stop(); err != nil {
		t.Fatal(err)
	}
}

func TestKilledAtAnyPointEachOrderIsInTheTableOnce(t *testing.T) {
	for _, place := range []string{"before_record:2", "after_record:2", "after_enqueue:2", "after_status:2", "before_commit:2", "after_commit:2", "after_enqueue", "before_commit"} {
		t.Run(place, func(t *testing.T) {
			t.Parallel()
			s := newStage(t, 1, map[string]string{"flush.interval.ms": "50"})
			s.produce(1, 1500, 1)
			s.child(place)
			s.produce(1500, 3000, 1)
			s.start()
			s.holds(3000)
			s.commits(0, 2999)
		})
	}
}

func TestLostAnswersAfterSuccessDoNotRepeatRows(t *testing.T) {
	s := newStage(t, 1, nil)
	var lost atomic.Int64
	servers.adx.inject(t, func(r *http.Request) fault {
		// Every third upload, queue message or status entity loses its answer.
		if r.Method != http.MethodGet && strings.Contains(r.URL.RawQuery, "sig=") && lost.Add(1)%3 == 0 {
			return lose
		}
		return pass
	})
	s.produce(1, 1000, 1)
	s.start()
	s.holds(1000)
	if lost.Load() < 3 {
		t.Fatalf("only %d requests could have lost their answer", lost.Load())
	}
}
