package sink

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"os"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"

	sinkv1 "github.com/calypso-cdc/calypso/gen/calypso/sink/v1"
	"github.com/calypso-cdc/calypso/libs/connector"
	"github.com/calypso-cdc/calypso/libs/testenv"

	"github.com/calypso-cdc/calypso/services/sink/internal/status"
)

// forget has the brokers forget the offsets of the connector, as they do with time.
func (s *fixture) forget() {
	s.t.Helper()
	testenv.Eventually(s.t, time.Minute, "the group to be left and deleted", func(ctx context.Context) error {
		_, err := kadm.NewClient(s.kafka).DeleteGroup(ctx, "connect-"+s.name)
		return err
	})
}

// reset notes that the offsets of partition 0 were removed on purpose, as a reset by the user does.
func (s *fixture) reset() {
	s.t.Helper()
	if err := noted.write(s.name, connector.CommittedNote(s.topic, 0), json.RawMessage("{}")); err != nil {
		s.t.Fatal(err)
	}
}

// oneOrder runs a task until it has committed an order in partition 0, and none in partition 1.
func (s *fixture) oneOrder() {
	s.t.Helper()
	s.send(&kgo.Record{Value: []byte(order(1))})
	r := s.start()
	s.commits(0, 1)
	if err := r.stop(); err != nil {
		s.t.Fatal(err)
	}
}

func TestASinkWhoseOffsetsTheBrokersForgotDoesNotSilentlyBeginAgain(t *testing.T) {
	t.Run("and goes on where it is told to", func(t *testing.T) {
		s := newFixture(t, 2, nil)
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
	t.Run("nor one that was deleted and made again", func(t *testing.T) {
		s := newFixture(t, 2, nil)
		s.oneOrder()
		s.forget()
		for name := range noted.of(s.name) {
			if err := noted.write(s.name, name, nil); err != nil {
				t.Fatal(err)
			}
		}
		if err := s.start().failure(t); !strings.Contains(err.Error(), s.topic+"/0:") ||
			!strings.Contains(err.Error(), "(OFFSETS_LOST). ") || strings.Contains(err.Error(), s.topic+"/1") {
			t.Error(err)
		}
	})
	t.Run("and goes on where its table proves that it was", func(t *testing.T) {
		var messages atomic.Int64
		servers.adx.inject(t, func(r *http.Request) fault {
			if r.Method == http.MethodPost && strings.HasSuffix(r.URL.Path, "/messages") && messages.Add(1) == 4 {
				return keep
			}
			return pass
		})
		var s *fixture
		var out *sinkv1.GetProvenOffsetsResponse
		// How many batches follow the one that is kept before the kill is chance: those that do must be proven as well.
		for tries := 1; ; tries++ {
			messages.Store(0)
			s = newFixture(t, 1, map[string]string{"flush.interval.ms": "50"})
			s.produce(1, 1500, 1)
			s.dies("before_commit:5") // some batches are in the table, and one before the last ones is not
			s.settles()
			s.forget()
			s.produce(1500, 2000, 1)
			r := s.start()
			if err := r.failure(t); !strings.Contains(err.Error(), "calypsoctl offsets recover "+s.name) {
				t.Error(err)
			}
			var err error
			out, err = s.service(r).GetProvenOffsets(t.Context(), &sinkv1.GetProvenOffsetsRequest{Connector: s.name})
			if err != nil || len(out.GetOffsets()) != 1 || out.GetOffsets()[0].GetOffset() <= 0 ||
				out.GetOffsets()[0].GetEnd() != 1999 {
				t.Fatalf("%v %v", out, err)
			}
			if !strings.HasSuffix(out.GetOffsets()[0].GetBatches(), ":") {
				break
			}
			if tries == 8 {
				t.Fatalf("no batch behind the one that is not there is proven: %v", out)
			}
		}
		t.Logf("proven: %v", out)
		s.note(out.GetOffsets()[0].GetOffset(), out.GetOffsets()[0].GetBatches())
		s.start()
		s.holds(2000)
		s.commits(0, 1999)
		servers.adx.release() // what was lost comes late
		s.produce(2000, 2010, 1)
		s.holds(2010)
		if shown := s.manage(strings.ReplaceAll(documented(t), "Orders", s.table)); len(shown.Rows) != 1 ||
			strings.Join(shown.Rows[0], " ") != "0 2009" {
			t.Errorf("the query of docs/operations.md answers %v", shown.Rows)
		}
	})
	t.Run("or at the beginning after a reset", func(t *testing.T) {
		s := newFixture(t, 1, nil)
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
		s := newFixture(t, 1, map[string]string{"records.missing": "topic"})
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
		s := newFixture(t, 1, nil)
		s.oneOrder()
		s.config["consumer.override.group.id"] = "another-" + s.name
		s.send(&kgo.Record{Value: []byte(order(2))})
		s.start()
		s.answers(s.table+" | summarize n=count() by orderid | order by orderid asc", "1 2; 2 1")
	})
}

// documented is the query of docs/operations.md that finds lost offsets.
func documented(t *testing.T) string {
	t.Helper()
	text, err := os.ReadFile("../../docs/operations.md")
	if err != nil {
		t.Fatal(err)
	}
	_, chapter, _ := strings.Cut(string(text), "## OFFSETS_LOST")
	_, query, _ := strings.Cut(chapter, "```kusto\n")
	query, _, found := strings.Cut(query, "```")
	if !found {
		t.Fatal("docs/operations.md has no query in its chapter OFFSETS_LOST")
	}
	return query
}

// settles waits until no rows come into the table any more of what is in ADX's queues.
func (s *fixture) settles() {
	s.t.Helper()
	before, since := "", time.Now()
	testenv.Eventually(s.t, time.Minute, "the rows that are on their way", func(ctx context.Context) error {
		got, err := servers.adx.client.Query(ctx, "shop", s.table+" | count")
		if err != nil {
			return err
		}
		if n := got.Rows[0][0]; n != before {
			before, since = n, time.Now()
		}
		if time.Since(since) < 3*time.Second {
			return errors.New("some may come yet")
		}
		return nil
	})
}

// A note of a commit that was never made, for instance because Kafka stops, would look like lost
// offsets.
func TestWhatIsCommittedIsRememberedAfterwardsAndAsSoonAsThatIsPossible(t *testing.T) {
	s := newFixture(t, 1, nil)
	fix := s.breakNotes()
	s.send(&kgo.Record{Value: []byte(order(1))})
	r := s.start()
	s.commits(0, 1)
	s.holds(2)
	testenv.Eventually(t, time.Minute, "a note to be refused", func(context.Context) error {
		noted.mu.Lock()
		defer noted.mu.Unlock()
		if noted.refused[s.name] == 0 {
			return errors.New("none was")
		}
		return nil
	})
	fix()
	testenv.Eventually(t, time.Minute, "the note, without another commit", func(context.Context) error {
		if noted.of(s.name)[connector.CommittedNote(s.topic, 0)] == nil {
			return errors.New("there is none")
		}
		return nil
	})
	if err := r.stop(); err != nil {
		t.Fatal(err)
	}
	if got, want := string(noted.of(s.name)[connector.CommittedNote(s.topic, 0)]),
		fmt.Sprintf(`{"group":"connect-%s","topic":"%s"}`, s.name, s.topicID()); got != want {
		t.Errorf("noted: %s, want %s", got, want)
	}
}
