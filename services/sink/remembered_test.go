package sink

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/calypso-cdc/calypso/libs/connector"
	"github.com/calypso-cdc/calypso/libs/testenv"

	"github.com/calypso-cdc/calypso/services/sink/internal/status"
)

// forget has the brokers forget the offsets of the connector, as they do with time.
func (s *stage) forget() {
	s.t.Helper()
	if _, err := kadm.NewClient(s.kafka).DeleteGroup(s.t.Context(), "connect-"+s.name); err != nil {
		s.t.Fatal(err)
	}
}

// reset removes the notes of what was committed, as a reset of the offsets by the user does.
func (s *stage) reset() {
	s.t.Helper()
	for name := range noted.of(s.name) {
		if connector.IsCommittedNote(name) {
			if err := noted.write(s.name, name, nil); err != nil {
				s.t.Fatal(err)
			}
		}
	}
}

// oneOrder runs a task until it has committed an order in partition 0, and none in partition 1.
func (s *stage) oneOrder() {
	s.t.Helper()
	s.send(&kgo.Record{Value: []byte(order(1))})
	r := s.start()
	s.commits(0, 1)
	if err := r.stop(); err != nil {
		s.t.Fatal(err)
	}
}

func TestASinkWhoseOffsetsTheBrokersForgotDoesNotBeginAgainInSilence(t *testing.T) {
	t.Run("and goes on where it is told to", func(t *testing.T) {
		s := newStage(t, 2, nil)
		s.oneOrder()
		s.forget()
		err := s.start().failure(t)
		for _, part := range []string{s.topic + "/0:", "connect-" + s.name, "(OFFSETS_LOST). ",
			"calypsoctl offsets set " + s.name, "calypsoctl offsets reset " + s.name, "offsets.retention.minutes"} {
			if !strings.Contains(err.Error(), part) {
				t.Errorf("%q lacks %q", err, part)
			}
		}
		if strings.Contains(err.Error(), s.topic+"/1") {
			t.Errorf("nothing of partition 1 was ever read: %v", err)
		}
		s.note(1, "")
		s.send(&kgo.Record{Value: []byte(order(2))}, &kgo.Record{Partition: 1, Value: []byte(order(3))})
		s.start()
		s.holds(4)
	})
	t.Run("or at the beginning after a reset", func(t *testing.T) {
		s := newStage(t, 1, nil)
		s.oneOrder()
		s.forget()
		s.reset()
		s.send(&kgo.Record{Value: []byte(order(2))})
		// so that another batch, with another tag, is cut
		s.config["flush.size.bytes"], s.config["flush.interval.ms"] = "100000", "2000"
		s.start()
		s.commits(0, 2)
		s.answers(s.table+" | summarize n=count() by orderid | order by orderid asc", "1 2; 2 1")
	})
	t.Run("while other topics go on", func(t *testing.T) {
		s := newStage(t, 1, map[string]string{"records.missing": "topic"})
		other, table := s.second()
		s.oneOrder()
		s.forget()
		s.send(&kgo.Record{Topic: other, Value: []byte(order(1))})
		r := s.start()
		r.notices(t, status.RecordsMissing, s.topic, true)
		s.answers(table+" | count", "1")
		s.answers(s.table+" | count", "1")
	})
	t.Run("though another group does", func(t *testing.T) {
		s := newStage(t, 1, nil)
		s.oneOrder()
		s.config["consumer.override.group.id"] = "another-" + s.name
		s.send(&kgo.Record{Value: []byte(order(2))})
		s.start()
		s.answers(s.table+" | summarize n=count() by orderid | order by orderid asc", "1 2; 2 1")
	})
}

func TestNothingIsCommittedBeforeThatIsRemembered(t *testing.T) {
	s := newStage(t, 1, nil)
	mend := s.breakNotes()
	s.send(&kgo.Record{Value: []byte(order(1))})
	r := s.start()
	testenv.Eventually(t, time.Minute, "a note to be refused", func(context.Context) error {
		noted.mu.Lock()
		defer noted.mu.Unlock()
		if noted.refused[s.name] == 0 {
			return errors.New("none was")
		}
		return nil
	})
	if at, err := s.committed(t.Context(), 0); err != nil || at >= 0 {
		t.Errorf("%d is committed (%v)", at, err)
	}
	mend()
	s.commits(0, 1)
	s.holds(2)
	if err := r.stop(); err != nil {
		t.Fatal(err)
	}
	if got, want := string(noted.of(s.name)[connector.CommittedNote(s.topic, 0)]),
		fmt.Sprintf(`{"group":"connect-%s","topic":"%s"}`, s.name, s.topicID()); got != want {
		t.Errorf("noted: %s, want %s", got, want)
	}
}
