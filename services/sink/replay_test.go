package sink

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/twmb/franz-go/pkg/kgo"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/calypso-cdc/calypso/services/sink/internal/spec"

	sinkv1 "github.com/calypso-cdc/calypso/gen/calypso/sink/v1"
	"github.com/calypso-cdc/calypso/libs/connector"
	"github.com/calypso-cdc/calypso/libs/connector/catalogue"
	"github.com/calypso-cdc/calypso/libs/rpc"

	"github.com/calypso-cdc/calypso/services/sink/internal/api"
	sinkstatus "github.com/calypso-cdc/calypso/services/sink/internal/status"
)

func TestDeadLettersAreListedReplayedOnceFixedAndDiscarded(t *testing.T) {
	s := newFixture(t, 1, map[string]string{"errors.tolerance": "all",
		"errors.deadletterqueue.topic.replication.factor": "1"})
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
	if all.GetTotal() != 3 || string(all.GetLetters()[0].GetValue()) != string(late.Value) ||
		all.GetLetters()[0].GetOffset() != 9 || len(all.GetLetters()[1].GetHeaders()) != 2 {
		t.Fatalf("%v", all)
	}
	if n := list(&sinkv1.DeadLetterFilter{Reason: "column purchase_time"}).GetTotal(); n != 1 {
		t.Fatalf("%d letters for that reason, want 1", n)
	}
	if _, err := service.ReplayDeadLetters(t.Context(),
		&sinkv1.ReplayDeadLettersRequest{Connector: s.name}); status.Code(err) != codes.InvalidArgument {
		t.Errorf("replaying nothing in particular: %v", err)
	}
	// The table is fixed for one of the three: its date goes into a text now.
	s.manage(".alter-merge table " + s.table + " (bought: string)")
	s.manage(".create-or-alter table " + s.table +
		` ingestion json mapping 'M' '[{"column":"orderid","Properties":{"path":"$.orderid"}},{"column":"amount","Properties":{"path":"$.amount"}},{"column":"bought","Properties":{"path":"$.purchase_time"}}]'`)
	for range 2 { // the second time there is nothing left that could be replayed
		out, err := service.ReplayDeadLetters(t.Context(), &sinkv1.ReplayDeadLettersRequest{Connector: s.name, All: true})
		if err != nil || len(out.GetRefused()) != 2 || !strings.Contains(out.GetRefused()[0].GetReason(), "column amount") {
			t.Fatalf("%v %v", out, err)
		}
	}
	s.holdsIDs(with(10))
	out, err := service.DiscardDeadLetters(t.Context(),
		&sinkv1.DiscardDeadLettersRequest{Connector: s.name,
			Filter: &sinkv1.DeadLetterFilter{Ids: []string{all.GetLetters()[1].GetId()}}})
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
	if got.GetRowsIngested() != 5 || got.GetBatchesInFlight() != 0 || got.GetBufferedBytes() != 0 ||
		len(got.GetPartitions()) != 1 || !strings.HasPrefix(got.GetGuarantee(), "exactly once") {
		t.Errorf("%v", got)
	}
	p := got.GetPartitions()[0]
	if p.GetTargetTable() != s.table || p.GetCommitted() != 24 || p.GetEnd() != 24 {
		t.Errorf("%v", p)
	}
	if _, err := service.GetSink(t.Context(),
		&sinkv1.GetSinkRequest{Connector: "other"}); status.Code(err) != codes.NotFound {
		t.Error(err)
	}
}

// lettersIn makes a fixture whose letters are the poisoned orders from to to-1, with a task that has written them.
func lettersIn(t *testing.T, settings map[string]string, from, to int) (*fixture, *running) {
	t.Helper()
	s := newFixture(t, 1, map[string]string{"errors.tolerance": "all",
		"errors.deadletterqueue.topic.replication.factor": "1"})
	s.config["errors.deadletterqueue.topic.name"] = s.topic + "-dead"
	maps.Copy(s.config, settings)
	for id := from; id < to; id++ {
		s.send(poison(id))
	}
	r := s.start()
	s.commits(0, int64(to-from))
	return s, r
}

func TestNoAnswerAboutDeadLettersHoldsASecret(t *testing.T) {
	s, r := lettersIn(t, nil, 1, 3)
	id := "0/0"
	// What stands here for secrets is what the errors quote.
	asked := func(name, secret string, change func(env *connector.TaskEnv), config map[string]string,
		call func(*api.Service) (shown string, err error)) {
		t.Helper()
		given := maps.Clone(s.config)
		maps.Copy(given, config)
		env := r.task.env
		change(&env)
		for hidden, hide := range map[bool]func(string) string{false: nil,
			true: func(text string) string { return strings.ReplaceAll(text, secret, "********") }} {
			env.Hide = hide
			service, err := newService(r.task.o, someFleet(func(string) (connector.TaskEnv, catalogue.Values, error) {
				keys, err := spec.Keys()
				if err != nil {
					return connector.TaskEnv{}, catalogue.Values{}, err
				}
				values, _, _ := keys.Parse(given)
				return env, values, nil
			}))
			if err != nil {
				t.Fatal(err)
			}
			shown, err := call(service)
			text := shown
			if err != nil {
				text = fmt.Sprint(err, status.Convert(err).Details())
			}
			if strings.Contains(text, secret) == hidden {
				t.Errorf("%s, hidden: %v: %s", name, hidden, text)
			}
		}
	}
	none := func(*connector.TaskEnv) {}
	list := func(service *api.Service) (string, error) {
		_, err := service.ListDeadLetters(t.Context(), &sinkv1.ListDeadLettersRequest{Connector: s.name})
		return "", err
	}
	replay := func(service *api.Service) (string, error) {
		out, err := service.ReplayDeadLetters(t.Context(),
			&sinkv1.ReplayDeadLettersRequest{Connector: s.name, Filter: &sinkv1.DeadLetterFilter{Ids: []string{id}}})
		if len(out.GetRefused()) == 0 {
			return "", err
		}
		return out.GetRefused()[0].GetReason(), err
	}
	away := func(env *connector.TaskEnv) {
		env.Kafka = func(...kgo.Opt) (*kgo.Client, error) { return nil, errors.New("password s3cret was refused") }
	}
	asked("no brokers to list", "s3cret", away, nil, list)
	asked("no brokers to replay", "s3cret", away, nil, replay)
	asked("no brokers to discard", "s3cret", away, nil, func(service *api.Service) (string, error) {
		_, err := service.DiscardDeadLetters(t.Context(), &sinkv1.DiscardDeadLettersRequest{Connector: s.name, All: true})
		return "", err
	})
	asked("settings that cannot be used", "s3cret", none,
		map[string]string{"kusto.ingestion.url": "https://u:s3cret@[::1"}, list)
	asked("a letter that is refused again", "column amount", none, nil, replay)
	asked("a value that is refused", "column amount", none, nil, func(service *api.Service) (string, error) {
		_, err := service.ReplayDeadLetters(t.Context(),
			&sinkv1.ReplayDeadLettersRequest{Connector: s.name, Filter: &sinkv1.DeadLetterFilter{Ids: []string{id}},
				Edits: []*sinkv1.DeadLetterEdit{{Id: id, Value: poison(1).Value}}})
		return "", err
	})
	s.manage(".drop table " + s.table)
	asked("a table that is not there", s.table, none, nil, replay)
}

// fix makes the table take poisoned orders.
func (s *fixture) fix() {
	s.t.Helper()
	s.manage(".alter-merge table " + s.table + " (large: long)")
	s.manage(".create-or-alter table " + s.table +
		` ingestion json mapping 'M' '[{"column":"orderid","Properties":{"path":"$.orderid"}},{"column":"large","Properties":{"path":"$.amount"}}]'`)
}

func TestALetterSaysWhyItCouldNotGoOnAndWhatItHolds(t *testing.T) {
	s := newFixture(t, 1, map[string]string{"errors.tolerance": "all",
		"errors.deadletterqueue.topic.replication.factor": "1"})
	s.config["errors.deadletterqueue.topic.name"] = s.topic + "-dead"
	misfit := poison(1)
	misfit.Key = []byte(`{"schema":{"type":"struct"},"payload":{"orderid":1}}`)
	misfit.Headers = []kgo.RecordHeader{{Key: "traceparent",
		Value: []byte("00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01")}}
	long := &kgo.Record{Value: []byte(strings.Replace(order(2), "New York", strings.Repeat("x", 1<<20+1), 1))}
	s.send(misfit, &kgo.Record{Key: []byte("\xff"), Value: []byte(`{"before":`)}, long, poison(4))
	r := s.start()
	s.commits(0, 4)
	service := s.service(r)
	list := func(q *sinkv1.ListDeadLettersRequest) *sinkv1.ListDeadLettersResponse {
		t.Helper()
		q.Connector = s.name
		out, err := service.ListDeadLetters(t.Context(), q)
		if err != nil {
			t.Fatal(err)
		}
		return out
	}
	all := list(&sinkv1.ListDeadLettersRequest{})
	first := all.GetLetters()[0]
	if first.GetClass() != sinkv1.DeadLetterClass_DEAD_LETTER_CLASS_MISFIT || first.GetColumn() != "amount" ||
		first.GetErrorCode() != "" || first.GetPermanent() ||
		first.GetConnector() != s.name || first.GetTask() != 0 || first.GetTraceId() != "0af7651916cd43dd8448eb211c80319c" ||
		len(first.GetHeaders()) != 1 {
		t.Errorf("%v", first)
	}
	const row = `{"orderid":1,"custid":1,"amount":99999999999,"was":101,"city":"New York","purchase_time":"2026-01-02 03:04:05"}`
	if d := first.GetDecoded(); d.GetKey() != `{"orderid":1}` || d.GetOp() != "c" || d.GetBefore() != "" ||
		d.GetAfter() != row || d.GetRow() != row ||
		d.GetSourceLsn() != "0/1" || d.GetSourceTime().AsTime().UnixMilli() != 1700000000000 || d.GetFailure() != "" {
		t.Errorf("%v", d)
	}
	for i, want := range []sinkv1.DeadLetterClass{sinkv1.DeadLetterClass_DEAD_LETTER_CLASS_UNREADABLE,
		sinkv1.DeadLetterClass_DEAD_LETTER_CLASS_TOO_LARGE} {
		if l := all.GetLetters()[i+1]; l.GetClass() != want || l.GetDecoded().GetFailure() == "" ||
			l.GetDecoded().GetRow() != "" {
			t.Errorf("letter %d is %v, decoded as %.300v", i+1, l.GetClass(), l.GetDecoded())
		}
	}
	counts := map[sinkv1.DeadLetterClass]int64{}
	for _, c := range all.GetCounts() {
		counts[c.GetClass()] = c.GetLetters()
	}
	if len(counts) != 3 || counts[sinkv1.DeadLetterClass_DEAD_LETTER_CLASS_MISFIT] != 2 ||
		counts[sinkv1.DeadLetterClass_DEAD_LETTER_CLASS_UNREADABLE] != 1 {
		t.Errorf("counts %v", all.GetCounts())
	}
	ofClass := list(
		&sinkv1.ListDeadLettersRequest{Filter: &sinkv1.DeadLetterFilter{Class: sinkv1.DeadLetterClass_DEAD_LETTER_CLASS_MISFIT}})
	if ofClass.GetTotal() != 2 || ofClass.GetLetters()[1].GetOffset() != 3 {
		t.Errorf("%.2000v", ofClass)
	}
	var pages []int64
	for token := ""; ; {
		page := list(&sinkv1.ListDeadLettersRequest{PageSize: 3, PageToken: token})
		for _, l := range page.GetLetters() {
			pages = append(pages, l.GetOffset())
		}
		if token = page.GetNextPageToken(); token == "" {
			break
		}
	}
	if !slices.Equal(pages, []int64{0, 1, 2, 3}) {
		t.Errorf("the pages have the offsets %v", pages)
	}
	for field, r := range map[string]*sinkv1.ListDeadLettersRequest{
		"page_token":    {PageToken: "x"},
		"page_size":     {PageSize: -1},
		"filter.ids[1]": {Filter: &sinkv1.DeadLetterFilter{Ids: []string{"0/1", "1"}}},
		"filter.class":  {Filter: &sinkv1.DeadLetterFilter{Class: 99}},
	} {
		r.Connector = s.name
		_, err := service.ListDeadLetters(t.Context(), r)
		if status.Code(err) != codes.InvalidArgument || !strings.Contains(fmt.Sprint(status.Convert(err).Details()),
			`"`+field+`"`) {
			t.Errorf("%s: %v", field, err)
		}
	}
}

func TestALetterIsReplayedWithAnotherValueThatMakesARow(t *testing.T) {
	s, r := lettersIn(t, nil, 1, 4)
	service := s.service(r)
	replay := func(ids []string, edits ...*sinkv1.DeadLetterEdit) (*sinkv1.ReplayDeadLettersResponse, error) {
		return service.ReplayDeadLetters(t.Context(), &sinkv1.ReplayDeadLettersRequest{Connector: s.name,
			Filter: &sinkv1.DeadLetterFilter{Ids: ids}, Edits: edits})
	}
	good := &sinkv1.DeadLetterEdit{Id: "0/0", Value: []byte(order(1))}
	for want, edits := range map[string][]*sinkv1.DeadLetterEdit{
		"edits[1].value: column amount": {good, {Id: "0/1", Value: poison(2).Value}},
		"edits[0].value: not JSON":      {{Id: "0/1", Value: []byte(`{"before":`)}},
		"edits[0].value: is empty":      {{Id: "0/1"}},
		"edits[0].value: no row": {{Id: "0/1",
			Value: []byte(strings.NewReplacer(`"before":null`, `"before":{}`, `"op":"c"`,
				`"op":"d"`).Replace(regexp.MustCompile(`"after":{[^}]*}`).ReplaceAllString(order(2), `"after":null`)))}},
		"edits[0].value: takes colour": {{Id: "0/1",
			Value: []byte(strings.Replace(order(2), `"city"`, `"was":1,"colour":"red","city"`, 1))}},
		"edits[0].id: not among":  {{Id: "0/2", Value: []byte(order(3))}},
		"edits[1].id: two values": {good, good},
	} {
		_, err := replay([]string{"0/0", "0/1"}, edits...)
		field, why, _ := strings.Cut(want, ": ")
		if status.Code(err) != codes.InvalidArgument || !strings.Contains(fmt.Sprint(status.Convert(err).Details()),
			`"`+field+`"`) || !strings.Contains(err.Error(), why) {
			t.Errorf("%v does not say %s", err, want)
		}
	}
	s.holds(1) // nothing
	out, err := replay([]string{"0/0", "0/1"}, good)
	if err != nil || out.GetReplayed() != 1 || out.GetRefusedTotal() != 1 || out.GetRefused()[0].GetId() != "0/1" ||
		out.GetRefused()[0].GetColumn() != "amount" {
		t.Fatalf("%v %v", out, err)
	}
	s.holds(2)
	if got, err := servers.adx.client.Query(t.Context(), "shop", s.table+" | project amount"); err != nil ||
		len(got.Rows) != 1 || got.Rows[0][0] != "101" {
		t.Errorf("the row is %v, %v", got, err)
	}
}

func TestATableIsWidenedForALetterThatIsReplayedAsForARecord(t *testing.T) {
	s := newFixture(t, 1, map[string]string{"errors.tolerance": "all",
		"errors.deadletterqueue.topic.replication.factor": "1"})
	s.config["errors.deadletterqueue.topic.name"] = s.topic + "-dead"
	s.send(&kgo.Record{Value: []byte(`{"schema":{"type":"struct","fields":[{"field":"orderid","type":"string"},{"field":"amount","type":"int64"},{"field":"note","type":"string"}]},` +
		`"payload":{"orderid":"1","amount":99999999999,"note":"kept"}}`)})
	r := s.start()
	s.commits(0, 1)
	if err := r.stop(); err != nil {
		t.Fatal(err)
	}
	s.fix()
	s.config["auto.evolve"] = "true"
	service := s.service(r)
	for replayed := range 2 { // once, and none the second time
		out, err := service.ReplayDeadLetters(t.Context(), &sinkv1.ReplayDeadLettersRequest{Connector: s.name, All: true})
		if err != nil || out.GetReplayed() != int64(1-replayed) || out.GetRefusedTotal() != 0 {
			t.Fatalf("%v %v", out, err)
		}
	}
	s.answers(s.table+" | project orderid, large, note", "1 99999999999 kept")
}

func TestReplaysThatOverlapBringEachLetterIntoTheTableOnce(t *testing.T) {
	const letters = 30
	for _, mode := range []spec.Mode{spec.ModeQueued, spec.ModeStreaming} {
		t.Run(string(mode), func(t *testing.T) {
			s, r := lettersIn(t, map[string]string{"ingestion.mode": string(mode)}, 1, letters+1)
			s.fix()
			var calls sync.WaitGroup
			var replayed atomic.Int64
			for i := range 4 { // each from a worker of its own
				service := s.service(r)
				calls.Go(func() {
					q := &sinkv1.ReplayDeadLettersRequest{Connector: s.name, All: true}
					if i > 1 {
						q.All, q.Filter = false, &sinkv1.DeadLetterFilter{}
						for n := i; n < letters; n += 2 {
							q.Filter.Ids = append(q.Filter.Ids, fmt.Sprintf("0/%d", n))
						}
					}
					out, err := service.ReplayDeadLetters(t.Context(), q)
					if err != nil || len(out.GetRefused()) > 0 {
						t.Errorf("%v %v", out, err)
					}
					replayed.Add(out.GetReplayed())
				})
			}
			calls.Wait()
			s.holds(letters + 1)
			if replayed.Load() < letters {
				t.Errorf("the calls say that they replayed %d of %d letters", replayed.Load(), letters)
			}
			left, err := s.service(r).ListDeadLetters(t.Context(), &sinkv1.ListDeadLettersRequest{Connector: s.name})
			if err != nil || left.GetTotal() != 0 {
				t.Errorf("%d letters are left, %v", left.GetTotal(), err)
			}
		})
	}
}

func TestAReplayThatIsKilledBeforeItIsNotedRepeatsNothing(t *testing.T) {
	s, r := lettersIn(t, nil, 1, 10)
	s.fix()
	s.diesIn("after_replay", worker{Brokers: s.brokers, Config: s.config, Replay: true})
	service := s.service(r)
	if _, err := service.DiscardDeadLetters(t.Context(),
		&sinkv1.DiscardDeadLettersRequest{Connector: s.name,
			Filter: &sinkv1.DeadLetterFilter{Ids: []string{"0/3"}}}); status.Code(err) != codes.FailedPrecondition {
		t.Errorf("discarding a letter whose row may be in the table: %v", err)
	}
	// Of the interrupted replay's letters this one is given another value, which comes too late.
	out, err := service.ReplayDeadLetters(t.Context(),
		&sinkv1.ReplayDeadLettersRequest{Connector: s.name, Filter: &sinkv1.DeadLetterFilter{Ids: []string{"0/2", "0/3"}},
			Edits: []*sinkv1.DeadLetterEdit{{Id: "0/2", Value: []byte(order(777))}}})
	if err != nil || out.GetReplayed() != 1 || out.GetRefusedTotal() != 1 ||
		!strings.Contains(out.GetRefused()[0].GetReason(), "without this edit") {
		t.Errorf("%v %v", out, err)
	}
	s.holds(10)
	left, err := service.ListDeadLetters(t.Context(), &sinkv1.ListDeadLettersRequest{Connector: s.name})
	if err != nil || left.GetTotal() != 0 {
		t.Errorf("%v %v", left, err)
	}
}

func TestLettersThatTheClusterRefusesAreFoundAmongThoseReplayed(t *testing.T) {
	s := newFixture(t, 1, map[string]string{"value.converter": "org.apache.kafka.connect.storage.StringConverter",
		"behavior.on.error": "LOG", "errors.deadletterqueue.topic.replication.factor": "1"})
	s.config["errors.deadletterqueue.topic.name"] = s.topic + "-dead"
	delete(s.config, "transforms")
	delete(s.config, "transforms.unwrap.type")
	const broken = `{"orderid":"1","amount":`
	for range 5 {
		s.config["values.check"] = "off" // so that the cluster is the one to refuse
		s.send(&kgo.Record{Value: []byte(broken)})
	}
	r := s.start()
	s.commits(0, 5)
	service := s.service(r)
	found, err := service.ListDeadLetters(t.Context(), &sinkv1.ListDeadLettersRequest{Connector: s.name})
	if err != nil || found.GetTotal() != 5 {
		t.Fatal(found, err)
	}
	if l := found.GetLetters()[0]; l.GetClass() != sinkv1.DeadLetterClass_DEAD_LETTER_CLASS_REFUSED ||
		l.GetErrorCode() == "" || !l.GetPermanent() || l.GetDecoded().GetFailure() == "" {
		t.Errorf("%v", l)
	}
	// Two are fixed, between those that are not.
	q := &sinkv1.ReplayDeadLettersRequest{Connector: s.name, All: true,
		Edits: []*sinkv1.DeadLetterEdit{{Id: "0/1", Value: []byte(`{"orderid":"1"}`)},
			{Id: "0/3", Value: []byte(`{"orderid":"2"}`)}}}
	out, err := service.ReplayDeadLetters(t.Context(), q)
	if err != nil || out.GetReplayed() != 2 || out.GetRefusedTotal() != 3 ||
		out.GetRefused()[0].GetClass() != sinkv1.DeadLetterClass_DEAD_LETTER_CLASS_REFUSED {
		t.Errorf("%v %v", out, err)
	}
	s.holds(3)
}

func TestALetterThatWasWrittenTwiceIsOne(t *testing.T) {
	s, r := lettersIn(t, nil, 1, 2)
	dead := s.letters(s.config["errors.deadletterqueue.topic.name"], 1)[0]
	s.send(&kgo.Record{Topic: dead.Topic, Key: dead.Key, Value: dead.Value, Headers: dead.Headers})
	s.fix()
	service := s.service(r)
	for _, want := range []int64{1, 0} {
		out, err := service.ReplayDeadLetters(t.Context(), &sinkv1.ReplayDeadLettersRequest{Connector: s.name, All: true})
		if err != nil || out.GetReplayed() != want {
			t.Errorf("%v %v, want %d replayed", out, err, want)
		}
	}
	s.holds(2)
	// A record that is read and refused again later, after the group's offsets were set back, is a letter again.
	s.send(&kgo.Record{Topic: dead.Topic, Key: dead.Key, Value: dead.Value, Headers: dead.Headers})
	if left, err := service.ListDeadLetters(t.Context(), &sinkv1.ListDeadLettersRequest{Connector: s.name}); err != nil ||
		left.GetTotal() != 1 || left.GetLetters()[0].GetId() != "0/2" {
		t.Errorf("%v %v", left, err)
	}
}

// service is the worker's service as it is beside a task.
func (s *fixture) service(r *running) *api.Service {
	s.t.Helper()
	service, err := serviceOf(r.task, s.config)
	if err != nil {
		s.t.Fatal(err)
	}
	return service
}

// summary is what the service says of the task; empty before it runs.
func (s *fixture) summary(ctx context.Context, r *running) *sinkv1.Sink {
	s.t.Helper()
	found, err := s.service(r).GetSink(ctx, &sinkv1.GetSinkRequest{Connector: s.name})
	if err != nil {
		return &sinkv1.Sink{}
	}
	return found.GetSink()
}

func serviceOf(t *task, config map[string]string) (*api.Service, error) {
	return newService(t.o, someFleet(func(string) (connector.TaskEnv, catalogue.Values, error) {
		keys, err := spec.Keys()
		if err != nil {
			return connector.TaskEnv{}, catalogue.Values{}, err
		}
		values, _, _ := keys.Parse(config)
		return t.env, values, nil
	}))
}

func TestDeadLettersOfAConnectorThatIsNoSinkAreNotFound(t *testing.T) {
	service, err := newService(Options{}, someFleet(func(name string) (connector.TaskEnv, catalogue.Values, error) {
		return connector.TaskEnv{}, catalogue.Values{}, rpc.Error(codes.NotFound, string(connector.ReasonConnectorNotFound),
			"Connector "+name+" not found")
	}))
	if err != nil {
		t.Fatal(err)
	}
	_, err = service.ListDeadLetters(t.Context(), &sinkv1.ListDeadLettersRequest{Connector: "pg-orders-source"})
	if status.Code(err) != codes.NotFound || status.Convert(err).Message() != "Sink connector pg-orders-source not found" {
		t.Errorf("got %v", err)
	}
}

func TestARecordThatIsNoMarkIsToldAndStopsNoDeadLetter(t *testing.T) {
	s, r := lettersIn(t, nil, 1, 4)
	topic := s.config["errors.deadletterqueue.topic.name"] + "-resolved"
	s.fix()
	list := func() []*sinkv1.DeadLetter {
		out, err := s.service(r).ListDeadLetters(t.Context(), &sinkv1.ListDeadLettersRequest{Connector: s.name})
		if err != nil {
			t.Fatal(err)
		}
		return out.GetLetters()
	}
	if out, err := s.service(r).DiscardDeadLetters(t.Context(),
		&sinkv1.DiscardDeadLettersRequest{Connector: s.name,
			Filter: &sinkv1.DeadLetterFilter{Ids: []string{list()[0].GetId()}}}); err != nil || out.GetDiscarded() != 1 {
		t.Fatal(out, err)
	}
	garbage := []*kgo.Record{
		{Topic: topic, Key: []byte("batch/garbage"), Value: []byte(`{"offset":`)},
		{Topic: topic, Key: []byte("batch/later"), Value: []byte(`{"offset":2,"letters":{"v":2}}`)},
		{Topic: topic, Key: []byte("batch/bare"), Value: []byte(`{"offset":3,"letters":["0/1"],"rows":"AAAA"}`)},
		{Topic: topic, Key: []byte("someone's"), Value: []byte("x")},
	}
	s.send(garbage...)
	r.notices(t, sinkstatus.MarkForeign, topic, true)
	said := r.shown()[0].Summary
	for _, record := range garbage {
		if text := fmt.Sprintf("offset %d of partition 0 with key %q", record.Offset,
			record.Key); !strings.Contains(said, text) {
			t.Errorf("%q does not say %q", said, text)
		}
	}
	if out, err := s.service(r).ReplayDeadLetters(t.Context(),
		&sinkv1.ReplayDeadLettersRequest{Connector: s.name, All: true}); err != nil || out.GetReplayed() != 2 {
		t.Fatal(out, err)
	}
	if left := list(); len(left) != 0 {
		t.Errorf("%v are left", left)
	}
	for _, record := range garbage {
		s.send(&kgo.Record{Topic: topic, Key: record.Key})
	}
	r.notices(t, sinkstatus.MarkForeign, topic, false)
}
