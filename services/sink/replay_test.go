package sink

import (
	"strings"
	"testing"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	sinkv1 "github.com/calypso-cdc/calypso/gen/calypso/sink/v1"
	"github.com/calypso-cdc/calypso/libs/connector"
	"github.com/calypso-cdc/calypso/libs/connector/catalogue"
)

func TestDeadLettersAreListedReplayedOnceMendedAndDiscarded(t *testing.T) {
	s := newStage(t, 1, map[string]string{"errors.tolerance": "all", "errors.deadletterqueue.topic.replication.factor": "1"})
	s.config["errors.deadletterqueue.topic.name"] = s.topic + "-dead"
	s.produce(1, 10, 1)
	late := poison(10)
	late.Value = []byte(strings.Replace(order(10), "2026-01-02 03:04:05", "one fine day", 1))
	s.send(late, poison(11), poison(12))
	s.produce(13, 20, 1)
	r := s.start()
	with := func(more ...int) func(func(int) bool) {
		return func(yield func(int) bool) {
			for id := 1; id < 20; id++ {
				if (id < 10 || id > 12) && !yield(id) {
					return
				}
			}
			for _, id := range more {
				if !yield(id) {
					return
				}
			}
		}
	}
	s.holdsIDs(with())
	if err := r.stop(); err != nil { // the letters need no task
		t.Fatal(err)
	}
	service := s.service(r)
	list := func(f *sinkv1.DeadLetterFilter) *sinkv1.ListDeadLettersResponse {
		t.Helper()
		out, err := service.ListDeadLetters(t.Context(), &sinkv1.ListDeadLettersRequest{Connector: s.name, Filter: f})
		if err != nil {
			t.Fatal(err)
		}
		return out
	}
	all := list(nil)
	if all.GetTotal() != 3 || string(all.GetLetters()[0].GetValue()) != string(late.Value) || all.GetLetters()[0].GetOffset() != 9 || len(all.GetLetters()[1].GetHeaders()) != 2 {
		t.Fatalf("%v", all)
	}
	if n := list(&sinkv1.DeadLetterFilter{Reason: "column purchase_time"}).GetTotal(); n != 1 {
		t.Fatalf("%d letters for that reason, want 1", n)
	}
	if _, err := service.ReplayDeadLetters(t.Context(), &sinkv1.ReplayDeadLettersRequest{Connector: s.name}); status.Code(err) != codes.InvalidArgument {
		t.Errorf("replaying nothing in particular: %v", err)
	}
	// The table is mended for one of the three: its date goes into a text now.
	s.manage(".alter-merge table " + s.table + " (bought: string)")
	s.manage(".create-or-alter table " + s.table + ` ingestion json mapping 'M' '[{"column":"orderid","Properties":{"path":"$.orderid"}},{"column":"amount","Properties":{"path":"$.amount"}},{"column":"bought","Properties":{"path":"$.purchase_time"}}]'`)
	for range 2 { // the second time there is nothing left that could be replayed
		out, err := service.ReplayDeadLetters(t.Context(), &sinkv1.ReplayDeadLettersRequest{Connector: s.name, All: true})
		if err != nil || len(out.GetRefused()) != 2 || !strings.Contains(out.GetRefused()[0].GetReason(), "column amount") {
			t.Fatalf("%v %v", out, err)
		}
	}
	s.holdsIDs(with(10))
	out, err := service.DiscardDeadLetters(t.Context(), &sinkv1.DiscardDeadLettersRequest{Connector: s.name, Filter: &sinkv1.DeadLetterFilter{Ids: []string{all.GetLetters()[1].GetId()}}})
	if err != nil || out.GetDiscarded() != 1 {
		t.Fatalf("%v %v", out, err)
	}
	if left := list(nil); left.GetTotal() != 1 || left.GetLetters()[0].GetOffset() != 11 {
		t.Fatalf("%v", left)
	}
	r = s.start()
	s.produce(20, 25, 1)
	s.holdsIDs(with(10, 20, 21, 22, 23, 24))
	s.commits(0, 24)
	service = s.service(r)
	state, err := service.GetSink(t.Context(), &sinkv1.GetSinkRequest{Connector: s.name})
	if err != nil {
		t.Fatal(err)
	}
	got := state.GetSink()
	if got.GetRowsIngested() != 5 || got.GetBatchesInFlight() != 0 || got.GetBufferedBytes() != 0 || len(got.GetPartitions()) != 1 || !strings.HasPrefix(got.GetGuarantee(), "exactly once") {
		t.Errorf("%v", got)
	}
	p := got.GetPartitions()[0]
	if p.GetTargetTable() != s.table || p.GetCommitted() != 24 || p.GetEnd() != 24 {
		t.Errorf("%v", p)
	}
	if _, err := service.GetSink(t.Context(), &sinkv1.GetSinkRequest{Connector: "other"}); status.Code(err) != codes.NotFound {
		t.Error(err)
	}
}

// service is the worker's service as it is beside a task.
func (s *stage) service(r *running) *Service {
	s.t.Helper()
	service, err := NewService(r.task.o, func(string) (connector.TaskEnv, catalogue.Values, error) {
		keys, err := newCatalogue()
		if err != nil {
			return connector.TaskEnv{}, catalogue.Values{}, err
		}
		values, _, _ := keys.Parse(s.config)
		return r.task.env, values, nil
	})
	if err != nil {
		s.t.Fatal(err)
	}
	return service
}
