package sink

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"
	"google.golang.org/grpc/codes"

	"github.com/calypso-cdc/calypso/services/sink/internal/deadletter"

	grpcstatus "google.golang.org/grpc/status"

	"github.com/calypso-cdc/calypso/services/sink/internal/spec"
	"github.com/calypso-cdc/calypso/services/sink/internal/status"

	sinkv1 "github.com/calypso-cdc/calypso/gen/calypso/sink/v1"
	"github.com/calypso-cdc/calypso/libs/connector"
	"github.com/calypso-cdc/calypso/libs/connector/catalogue"
	"github.com/calypso-cdc/calypso/libs/digest"
	"github.com/calypso-cdc/calypso/libs/testenv"
)

// changed is an event without a schema.
func changed(before, after, op string, lsn int) []byte {
	return fmt.Appendf(nil, `{"before":%s,"after":%s,"source":{"lsn":%d,"txId":7,"ts_us":%d},"op":"%s"}`, before, after,
		lsn, 1700000000000000+lsn, op)
}

func TestATruncateEmptiesTheCurrentStateAcrossPartitions(t *testing.T) {
	s := newFixture(t, 2, map[string]string{"auto.create": "true", "table.form": "changes", "current.state": "true"})
	s.intoItems()
	key := func(id int) []byte { return fmt.Appendf(nil, `{"schema":{"type":"struct"},"payload":{"id":%d}}`, id) }
	row := func(id, lsn int) *kgo.Record {
		value := strings.Replace(string(change("", "null",
			fmt.Sprintf(`{"id":%d,"name":"n%d","price":null,"day":null}`, id, lsn), "c", lsn)), "1700000000000000",
			fmt.Sprint(1700000000000000+lsn), 1)
		return &kgo.Record{Partition: int32(id % 2), Key: key(id), Value: []byte(value)}
	}
	truncate := func(lsn int) *kgo.Record {
		return &kgo.Record{Value: []byte(strings.Replace(string(change("", "null", "null", "t", lsn)), "1700000000000000",
			fmt.Sprint(1700000000000000+lsn), 1))}
	}
	s.send(truncate(5)) // the topic's first record
	for id := range 10 {
		s.send(row(id, 10+id))
	}
	s.start()
	s.answers(s.table+"_current() | count", "10")
	read := func(id, at int) *kgo.Record { // by an incremental snapshot, whose events have no lsn
		r := row(id, at)
		r.Value = bytes.Replace(r.Value, fmt.Appendf(nil, `"lsn":%d`, at), []byte(`"lsn":null`), 1)
		return r
	}
	s.send(read(20, 27))
	s.answers(s.table+"_current() | count", "11")
	s.send(truncate(30), row(3, 31), row(4, 32), read(21, 33))
	s.answers(s.table+"_current() | order by id asc | project id, name", "3 n31; 4 n32; 21 n33")
	s.answers(s.table+" | where _op == 't' | order by _lsn asc | project _lsn, _deleted", "5 true; 30 true")
}

func TestTheCurrentStateHoldsTheRowsThatWereThereBeforeItWasAskedFor(t *testing.T) {
	instead(t, "--like-adx", "views-from-creation") // whose views, unless filled, lack what was there before them
	s := newFixture(t, 1, map[string]string{"auto.create": "true", "table.form": "changes"})
	s.intoItems()
	row := func(id int) *kgo.Record {
		return &kgo.Record{Key: fmt.Appendf(nil, `{"schema":{"type":"struct"},"payload":{"id":%d}}`, id),
			Value: change("", "null", fmt.Sprintf(`{"id":%d,"name":"n","price":null,"day":null}`, id), "c", 10+id)}
	}
	s.send(row(1), row(2))
	r := s.start()
	s.answers(s.table+" | count", "2")
	if err := r.stop(); err != nil {
		t.Fatal(err)
	}
	s.config["current.state"] = "true"
	s.start()
	s.send(row(3))
	s.answers(s.table+"_current() | order by id asc | project id", "1; 2; 3")
}

func TestTheCurrentStateOfATableOfManyColumnsIsGiven(t *testing.T) {
	s := newFixture(t, 1, map[string]string{"auto.create": "true", "table.form": "changes", "current.state": "true"})
	s.table = "Wide_" + strings.TrimPrefix(s.table, "Orders_")
	s.config["kusto.tables.topics.mapping"] = fmt.Sprintf(`[{"topic":"%s","db":"shop","table":"%s","format":"json"}]`,
		s.topic, s.table)
	delete(s.config, "transforms")
	delete(s.config, "transforms.unwrap.type")
	var fields, values strings.Builder
	for i := range 1589 {
		fmt.Fprintf(&fields, `,{"type":"int32","optional":true,"field":"c%d"}`, i)
		fmt.Fprintf(&values, `,"c%d":%d`, i, i)
	}
	row := func(id, lsn int) *kgo.Record {
		return &kgo.Record{Key: fmt.Appendf(nil, `{"id":%d}`, id), Value: fmt.Appendf(nil,
			`{"schema":{"type":"struct","name":"s.t.Envelope","fields":[{"type":"struct","field":"after","fields":[`+
				`{"type":"int32","field":"id"}%s]}]},"payload":{"before":null,"after":{"id":%d%s},"op":"c","source":{"lsn":%d,"ts_us":%d}}}`,
			fields.String(), id, values.String(), lsn, 1700000000000000+lsn)}
	}
	s.send(row(1, 10), row(2, 11), row(1, 12))
	s.start()
	s.answers(s.table+"_current() | order by id asc | project id, c0, c1588", "1 0 1588; 2 0 1588")
}

func TestTheCurrentStateNeedsNoRightWhereItIsThereAndIsToldTheRightOneWhereItIsNot(t *testing.T) {
	s := newFixture(t, 1, map[string]string{"auto.create": "true", "table.form": "changes", "current.state": "true"})
	s.intoItems()
	row := func(id int) *kgo.Record {
		return &kgo.Record{Key: fmt.Appendf(nil, `{"schema":{"type":"struct"},"payload":{"id":%d}}`, id),
			Value: change("", "null", fmt.Sprintf(`{"id":%d,"name":"n","price":null,"day":null}`, id), "c", 10+id)}
	}
	s.send(row(1))
	r := s.start()
	s.answers(s.table+"_current() | count", "1")
	if err := r.stop(); err != nil {
		t.Fatal(err)
	}
	servers.adx.inject(t, func(r *http.Request) fault {
		if r.Method != http.MethodPost || !strings.HasSuffix(r.URL.Path, "/mgmt") {
			return pass
		}
		body, err := io.ReadAll(r.Body)
		r.Body = io.NopCloser(bytes.NewReader(body))
		if err == nil && (bytes.Contains(body, []byte(".create-or-alter function")) ||
			bytes.Contains(body, []byte("materialized-view with"))) {
			return forbid
		}
		return pass
	})
	r = s.start()
	s.send(row(2))
	s.answers(s.table+"_current() | count", "2")
	if err := r.stop(); err != nil {
		t.Fatal(err)
	}
	s.manage(".drop function " + s.table + "_current")
	s.send(row(3))
	if err := s.start().failure(t); err == nil || !strings.Contains(err.Error(), "['shop'] admins") {
		t.Errorf("%v does not name the role that is missing", err)
	}
}

func TestAnIdentityThatMayOnlyIngestDelivers(t *testing.T) {
	s := newFixture(t, 1, nil)
	var looked atomic.Int64
	servers.adx.inject(t, func(r *http.Request) fault {
		if r.Method != http.MethodPost || !strings.HasSuffix(r.URL.Path, "/mgmt") {
			return pass
		}
		body, err := io.ReadAll(r.Body)
		r.Body = io.NopCloser(bytes.NewReader(body))
		if err == nil && bytes.Contains(body, []byte(".show table")) {
			looked.Add(1)
			return forbid
		}
		return pass
	})
	s.produce(1, 20, 1)
	s.start()
	s.holds(20)
	s.commits(0, 19)
	if looked.Load() == 0 {
		t.Error("nothing was forbidden")
	}
	checks := checksOf(t, s.config)
	at := slices.IndexFunc(checks, func(c connector.Check) bool { return c.Name == "table shop."+s.table })
	if at < 0 || !checks[at].OK || !strings.Contains(checks[at].Detail, "rows are not checked before they are sent") {
		t.Errorf("no check says what is left out: %+v", checks)
	}
}

func TestAColumnWhoseFieldWasRenamedOrDroppedIsNoticedUntilItIsAcknowledgedOrTheMappingFollows(t *testing.T) {
	const after = `{"orderid":%d,"custid":1,"amount":5,"%s":"Austin","purchase_time":"2026-01-02 03:04:05"}`
	for name, c := range map[string]struct {
		mapped bool
		value  func(id int, field string) []byte
	}{
		"a mapping, JSON without a schema": {true,
			func(id int, field string) []byte { return changed("null", fmt.Sprintf(after, id, field), "c", id) }},
		"columns by name, JSON without a schema": {false,
			func(id int, field string) []byte { return changed("null", fmt.Sprintf(after, id, field), "c", id) }},
		"a mapping, JSON with a schema": {true, func(id int, field string) []byte {
			return fmt.Appendf(nil,
				`{"schema":{"type":"struct","fields":[{"field":"orderid","type":"int32"},{"field":"custid","type":"int32"},{"field":"amount","type":"int32"},{"field":"%s","type":"string"},{"field":"purchase_time","type":"string"}]},"payload":`+after+`}`, field, id, field)
		}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newFixture(t, 1, nil)
			if !c.mapped {
				s.config["kusto.tables.topics.mapping"] = strings.Replace(s.config["kusto.tables.topics.mapping"],
					", 'mapping':'M'", "", 1)
			}
			s.send(&kgo.Record{Value: c.value(1, "city")})
			r := s.start()
			s.holds(2)
			s.send(&kgo.Record{Value: c.value(2, "town")})
			s.holds(3)
			r.notices(t, status.ColumnWithoutField, s.topic, true)
			if n := r.shown(); len(n) != 1 || n[0].Column != "city" || !strings.Contains(n[0].Remedy, s.topic+":city") {
				t.Errorf("the notices are %v", n)
			}
			if err := r.stop(); err != nil {
				t.Fatal(err)
			}
			s.config["acknowledged.columns"] = s.topic + ":city"
			s.started = 0
			r = s.start()
			s.send(&kgo.Record{Value: c.value(3, "town")})
			s.holds(4)
			r.notices(t, status.ColumnWithoutField, s.topic, false)
			if !c.mapped {
				return
			}
			if err := r.stop(); err != nil {
				t.Fatal(err)
			}
			delete(s.config, "acknowledged.columns")
			s.started = 0
			r = s.start()
			s.send(&kgo.Record{Value: c.value(4, "town")})
			s.holds(5)
			r.notices(t, status.ColumnWithoutField, s.topic, true)
			s.manage(".create-or-alter table " + s.table +
				` ingestion json mapping 'M' '[{"column":"orderid","Properties":{"path":"$.orderid"}},{"column":"city","Properties":{"path":"$.town"}}]'`)
			for id := 5; ; id++ { // the mapping is looked at again as rows come
				s.send(&kgo.Record{Value: c.value(id, "town")})
				s.holds(id + 1)
				if len(r.shown()) == 0 {
					break
				}
			}
		})
	}
}

func TestAColumnWhoseFieldWasRenamedIsNoticedAfterARestartBeforeARowComes(t *testing.T) {
	version := func(table string, number int, columns ...string) []byte {
		var list []string
		for _, c := range columns {
			list = append(list, fmt.Sprintf(`{"name":%q,"type":"text"}`, c))
		}
		return fmt.Appendf(nil, `{"table":%q,"version":%d,"from":{"time":"2026-01-0%dT00:00:00Z"},"columns":[%s]}`, table,
			number, number, strings.Join(list, ","))
	}
	columns := func(city string) []string { return []string{"orderid", "custid", "amount", city, "purchase_time"} }
	for name, c := range map[string]struct {
		versions     func(table string) [][]byte
		acknowledged bool
		noticed      bool
	}{
		"renamed": {func(s string) [][]byte {
			return [][]byte{version(s, 2, columns("town")...), version(s, 1, columns("city")...)}
		}, false, true},
		"renamed and acknowledged": {func(s string) [][]byte {
			return [][]byte{version(s, 1, columns("city")...), version(s, 2, columns("town")...)}
		}, true, false},
		"renamed back": {func(s string) [][]byte {
			return [][]byte{version(s, 3, columns("city")...), version(s, 1, columns("city")...),
				version(s, 2, columns("town")...)}
		}, false, false},
		"of another table": {func(string) [][]byte {
			return [][]byte{version("public.other", 1, columns("city")...), version("public.other", 2, columns("town")...)}
		}, false, false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newFixture(t, 1, nil)
			if c.acknowledged {
				s.config["acknowledged.columns"] = s.topic + ":city"
			}
			_, table, _ := strings.Cut(s.topic, ".")
			asked := make(chan struct{})
			task, err := makeTaskOn(s.registry, s.brokers, s.config, 0, func(error) {}, func(_ *Options, env *connector.TaskEnv) {
				env.Schemas.AllVersions = func(context.Context) ([][]byte, error) {
					defer close(asked)
					return c.versions(table), nil
				}
			})
			if err != nil {
				t.Fatal(err)
			}
			ctx, cancel := context.WithCancel(t.Context())
			ended := make(chan error, 1)
			r := &running{task: task, ended: ended}
			go r.run(ctx)
			defer func() {
				cancel()
				if err := <-ended; err != nil {
					t.Error(err)
				}
			}()
			<-asked
			if c.noticed {
				r.notices(t, status.ColumnWithoutField, s.topic, true)
				return
			}
			r.joined(t).beside.Wait()
			r.notices(t, status.ColumnWithoutField, s.topic, false)
		})
	}
}

// withVersions runs a task to which the versions of the source's tables are what versions gives.
func (s *fixture) withVersions(versions func(table string) [][]byte) *running {
	s.t.Helper()
	_, table, _ := strings.Cut(s.topic, ".")
	task, err := makeTaskOn(s.registry, s.brokers, s.config, s.started, func(error) {},
		func(_ *Options, env *connector.TaskEnv) {
			env.Schemas.AllVersions = func(context.Context) ([][]byte, error) { return versions(table), nil }
		})
	if err != nil {
		s.t.Fatal(err)
	}
	s.started++
	ctx, cancel := context.WithCancel(context.Background())
	r := &running{task: task, cancel: cancel, ended: make(chan error, 1)}
	go r.run(ctx)
	s.t.Cleanup(func() { _ = r.stop() })
	return r
}

// Rows without a schema that are no change events may lack fields by right; the versions of the source's table decide.
func TestAFieldThatPlainRowsLackIsNoticedWhereTheSourcesTableLostItsColumn(t *testing.T) {
	for name, lost := range map[string]bool{"renamed": true, "optional": false} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newFixture(t, 1, nil)
			delete(s.config, "transforms")
			delete(s.config, "transforms.unwrap.type")
			var later atomic.Bool
			asked := make(chan struct{}, 10)
			r := s.withVersions(func(table string) [][]byte {
				asked <- struct{}{}
				all := [][]byte{fmt.Appendf(nil,
					`{"table":%q,"version":1,"from":{"time":"2026-01-01T00:00:00Z"},"columns":[{"name":"orderid"},{"name":"custid"},{"name":"amount"},{"name":"city"},{"name":"purchase_time"}]}`, table)}
				if later.Load() {
					all = append(all, fmt.Appendf(nil,
						`{"table":%q,"version":2,"from":{"time":"2026-01-02T00:00:00Z"},"columns":[{"name":"orderid"},{"name":"custid"},{"name":"amount"},{"name":"town"},{"name":"purchase_time"}]}`, table))
				}
				return all
			})
			<-asked
			s.send(&kgo.Record{Value: []byte(
				`{"orderid":1,"custid":1,"amount":5,"city":"Austin","purchase_time":"2026-01-02 03:04:05"}`)})
			s.holds(2)
			later.Store(lost)
			s.send(&kgo.Record{Value: []byte(
				`{"orderid":2,"custid":1,"amount":5,"town":"Austin","purchase_time":"2026-01-02 03:04:05"}`)})
			s.holds(3)
			if <-asked; lost {
				r.notices(t, status.ColumnWithoutField, s.topic, true)
				return
			}
			r.joined(t).beside.Wait()
			if n := len(r.shown()); n != 0 {
				t.Errorf("%d notices of a field that is optional", n)
			}
		})
	}
}

func TestAColumnThatIsRenamedInTheClusterIsNoticedUntilItIsThereAgain(t *testing.T) {
	s := newFixture(t, 1, nil)
	s.config["kusto.tables.topics.mapping"] = strings.Replace(s.config["kusto.tables.topics.mapping"],
		", 'mapping':'M'", "", 1)
	r := s.start()
	s.produce(1, 2, 1)
	s.holds(2)
	id := 2
	more := func(noticed bool) { // the table is looked at as rows come
		t.Helper()
		testenv.Eventually(t, 2*time.Minute, "what the task says of the column", func(context.Context) error {
			s.produce(id, id+1, 1)
			id++
			if n := len(r.shown()); n > 0 != noticed {
				return fmt.Errorf("%d notices", n)
			}
			return nil
		})
	}
	s.manage(".rename column " + s.table + ".city to town")
	more(true)
	if n := r.shown()[0]; n.Kind != status.FieldWithoutColumn || n.Column != "city" {
		t.Errorf("the notice is %v", n)
	}
	s.manage(".rename column " + s.table + ".town to city")
	more(false)
	s.manage(".drop column " + s.table + ".amount")
	s.manage(".alter-merge table " + s.table + " (amount: guid)")
	testenv.Eventually(t, 2*time.Minute, "a value that does not fit the column any more", func(ctx context.Context) error {
		if len(r.ended) > 0 {
			return nil
		}
		s.produce(id, id+1, 1)
		id++
		return errors.New("the task goes on")
	})
	if err := r.failure(t); !strings.Contains(err.Error(), "column amount") {
		t.Error(err)
	}
}

func TestRowsThatWereWrittenForAnotherTypeOfAColumnAreToldOf(t *testing.T) {
	s := newFixture(t, 1, nil)
	r := s.start()
	s.produce(1, 2, 1)
	s.holds(2)
	s.manage(".alter column " + s.table + ".city type=int")
	s.produce(2, 3, 1) // which ADX stores with null, unless the change was noticed before
	r.notices(t, status.ColumnRetyped, s.topic, true)
	for _, n := range r.shown() {
		if n.Kind == status.ColumnRetyped && !strings.Contains(n.Summary, "city (string to int)") {
			t.Errorf("it says %q", n.Summary)
		}
	}
}

func TestNoRowIsWrittenForATypeThatAColumnHasNoLongerWhereTheTableStoodStill(t *testing.T) {
	s := newFixture(t, 1, nil)
	var looks atomic.Int64
	servers.adx.inject(t, func(r *http.Request) fault {
		body, _ := io.ReadAll(r.Body)
		r.Body = io.NopCloser(bytes.NewReader(body))
		if bytes.Contains(body, []byte("cslschema")) {
			looks.Add(1)
		}
		return pass
	})
	r := s.start()
	s.produce(1, 2, 1)
	s.holds(2)
	to, err := r.joined(t).member.Batches.Tables.Find(s.topic)
	if err != nil {
		t.Fatal(err)
	}
	for _, stale := range []bool{false, true} { // once it was looked at after the batch nobody does any more
		testenv.Eventually(t, time.Minute, "what is known of the table to be old", func(context.Context) error {
			if looks.Load() < 2 || to.Stale() != stale {
				return fmt.Errorf("after %d looks it is old: %v", looks.Load(), to.Stale())
			}
			return nil
		})
	}
	s.manage(".alter column " + s.table + ".city type=int")
	s.produce(2, 3, 1)
	if err := r.failure(t); !strings.Contains(err.Error(), "column city: it is no whole number") {
		t.Error(err)
	}
	s.holds(2)
	r.notices(t, status.ColumnRetyped, s.topic, false)
}

func TestTextsWithBadValuesAreDeadLettersAndTheOthersComeIntoTheTable(t *testing.T) {
	for format, values := range map[string][]string{
		"csv":  {"1,5", "2,five", "3,7"},
		"json": {`{"orderid":"1","amount":5}`, `{"orderid":"2","amount":"five"}`, `{"orderid":"3","amount":7}`},
	} {
		t.Run(format, func(t *testing.T) {
			t.Parallel()
			s := newPassage(t, "org.apache.kafka.connect.storage.StringConverter", format, "(orderid: string, amount: int)")
			s.config["behavior.on.error"] = "LOG"
			s.config["errors.deadletterqueue.topic.name"], s.config["errors.deadletterqueue.topic.replication.factor"] = s.topic+
				"-dead", "1"
			for _, v := range values {
				s.send(&kgo.Record{Value: []byte(v)})
			}
			r := s.start()
			s.answers(s.table+" | order by orderid asc", "1 5; 3 7")
			if letter := s.letters(s.topic+"-dead", 1)[0]; header(letter, deadletter.HeaderColumn) != "amount" ||
				string(letter.Value) != values[1] {
				t.Errorf("the letter is %s, column %q", letter.Value, header(letter, deadletter.HeaderColumn))
			}
			r.opens(t, 1)
			if _, err := s.service(r).DiscardDeadLetters(t.Context(),
				&sinkv1.DiscardDeadLettersRequest{Connector: s.name, All: true}); err != nil {
				t.Fatal(err)
			}
			r.opens(t, 0)
		})
	}
}

func TestASnapshotAfterStreamedChangesIsNoticedInATableOfChanges(t *testing.T) {
	s := newFixture(t, 1, map[string]string{"auto.create": "true", "table.form": "changes"})
	s.intoItems()
	read := func(id int, mark string) *kgo.Record {
		return &kgo.Record{Key: fmt.Appendf(nil, `{"id":%d}`, id),
			Value: []byte(strings.Replace(string(change("", "null", fmt.Sprintf(`{"id":%d}`, id), "r", id)), `"lsn"`,
				`"snapshot":"`+mark+`","lsn"`, 1))}
	}
	s.send(read(1, "first"), read(2, "last"), &kgo.Record{Key: []byte(`{"id":3}`),
		Value: change("", "null", `{"id":3}`, "c", 3)}, read(4, "incremental"))
	r := s.start()
	s.answers(s.table+" | count", "4")
	if n := len(r.shown()); n != 0 {
		t.Errorf("%d notices after the first snapshot and an incremental one", n)
	}
	s.send(read(1, "first"))
	r.notices(t, status.SnapshotRepeated, s.topic, true)
}

// A task that starts later has not seen what came before, and somebody must know nevertheless, until
// they say that they do.
func TestWhatHappenedOnceIsToldUntilItIsAcknowledgedWhateverBecomesOfTheTask(t *testing.T) {
	s := newFixture(t, 1, map[string]string{"auto.create": "true", "table.form": "changes"})
	s.intoItems()
	row := func(id int, op, mark string) *kgo.Record {
		return &kgo.Record{Key: fmt.Appendf(nil, `{"id":%d}`, id),
			Value: []byte(strings.Replace(string(change("", "null", fmt.Sprintf(`{"id":%d}`, id), op, id)), `"lsn"`,
				`"snapshot":"`+mark+`","lsn"`, 1))}
	}
	again := func(r *running) *running {
		t.Helper()
		if err := r.stop(); err != nil {
			t.Fatal(err)
		}
		s.started = 0
		return s.start()
	}
	s.send(row(1, "r", "first"), row(2, "r", "last"))
	r := s.start()
	s.answers(s.table+" | count", "2")
	s.commits(0, 2)
	r = again(r)
	s.send(row(3, "r", "first_in_data_collection")) // a snapshot that goes on
	s.answers(s.table+" | count", "3")
	s.commits(0, 3)
	if all := r.shown(); len(all) > 0 {
		t.Errorf("a snapshot that goes on after a restart: %v", all)
	}
	s.send(row(4, "c", "false"), row(4, "r", "incremental"), &kgo.Record{Key: []byte(`{"id":4}`)})
	s.answers(s.table+" | count", "5")
	s.commits(0, 6)
	r = again(r)
	s.send(row(1, "r", "first")) // while nobody of this task saw that changes came before
	r.notices(t, status.SnapshotRepeated, s.topic, true)
	s.commits(0, 7)
	r = again(r)
	r.notices(t, status.SnapshotRepeated, s.topic, true)
	service := s.service(r)
	acknowledge := func(kind sinkv1.SinkNotice_Kind, topic string, want int64) {
		t.Helper()
		got, err := service.AcknowledgeNotices(t.Context(),
			&sinkv1.AcknowledgeNoticesRequest{Connector: s.name, Kind: kind, Topic: topic})
		if err != nil || got.Acknowledged != want {
			t.Errorf("%v %s: %v, %v, want %d", kind, topic, got, err, want)
		}
	}
	acknowledge(sinkv1.SinkNotice_KIND_TRUNCATED, "", 0)
	acknowledge(0, "another", 0)
	if _, err := service.AcknowledgeNotices(t.Context(),
		&sinkv1.AcknowledgeNoticesRequest{Connector: s.name,
			Kind: sinkv1.SinkNotice_KIND_TABLE_CHANGING}); grpcstatus.Code(err) != codes.InvalidArgument {
		t.Errorf("a notice that passes by itself: %v", err)
	}
	r.notices(t, status.SnapshotRepeated, s.topic, true)
	acknowledge(0, s.topic, 1)
	r.notices(t, status.SnapshotRepeated, s.topic, false)
	r = again(r)
	s.send(row(9, "c", "false"))
	s.answers(s.table+" | count", "7")
	if all := r.shown(); len(all) > 0 {
		t.Errorf("after it was acknowledged: %v", all)
	}
}

// One record of a topic ended the task for all, even while it waited behind others, although
// records at fault were to be set aside.
func TestARecordWhoseFieldsNoTableCanHaveIsSetAsideAndTheOthersComeIn(t *testing.T) {
	s := newFixture(t, 1, map[string]string{"auto.create": "true", "auto.evolve": "true", "errors.tolerance": "all",
		"errors.deadletterqueue.topic.replication.factor": "1"})
	s.intoItems()
	s.config["errors.deadletterqueue.topic.name"] = s.topic + "-dead"
	value := func(id int, field string) *kgo.Record {
		return &kgo.Record{Value: fmt.Appendf(nil,
			`{"schema":{"type":"struct","fields":[{"type":"int32","field":"id"},{"type":"string","field":%q}]},"payload":{"id":%d,%q:"x"}}`, field, id, field)}
	}
	s.send(value(1, "city"), value(2, ""), value(3, "town"), value(4, strings.Repeat("x", 2000)), value(5, "city"))
	s.start()
	s.answers(s.table+" | order by id asc | project id, city, town", "1 x ; 3  x; 5 x ")
	for i, letter := range s.letters(s.topic+"-dead", 2) {
		if id := fmt.Sprintf(`"id":%d`, 2+2*i); !strings.Contains(string(letter.Value), id) ||
			header(letter, deadletter.HeaderClass) != string(deadletter.ClassMisfit) {
			t.Errorf("letter %d is %.300s, class %s", i, letter.Value, header(letter, deadletter.HeaderClass))
		}
	}
	s.commits(0, 5)
}

// Kafka keeps the note before the batch with the truncate is committed, so that a crash loses neither.
func TestATableOfChangesInWhichADeleteIsLikeTheRowIsRefusedWithTheColumnsThatItLacks(t *testing.T) {
	s := newFixture(t, 1, map[string]string{"table.form": "changes"})
	s.intoItems()
	s.manage(".create table " + s.table + " (id:long, name:string, _seq:long)")
	s.send(&kgo.Record{Key: []byte(`{"id":1}`), Value: change("", "null", `{"id":1,"name":"x"}`, "c", 1)},
		&kgo.Record{Key: []byte(`{"id":1}`), Value: change("", `{"id":1,"name":"x"}`, "null", "d", 2)})
	err := s.start().failure(t)
	_, command, found := strings.Cut(err.Error(), "run in database shop: ")
	if !found || !strings.Contains(command, "_deleted") || strings.Contains(command, "_seq") {
		t.Fatalf("the failure does not say what to run: %v", err)
	}
	s.manage(command)
	s.started = 0
	s.start()
	s.answers(s.table+" | order by _seq asc | project id, _seq, _op, _deleted", "1 0 c false; 1 1 d true")
}

func TestAFieldWithTheNameOfAColumnThatTheConnectorAddsIsRefusedWithWhatKeepsThemApart(t *testing.T) {
	for name, c := range map[string]struct {
		set   map[string]string
		field string
		says  []string
	}{
		"changes":  {map[string]string{"table.form": "changes"}, "_seq", []string{"table.form=changes", "column.exclude.list"}},
		"metadata": {map[string]string{"metadata.columns": "_key"}, "_key", []string{"metadata.columns", "another name"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c.set["auto.create"] = "true"
			s := newFixture(t, 1, c.set)
			s.intoItems()
			s.send(&kgo.Record{Key: []byte(`{"id":1}`), Value: change(`,{"type":"string","field":"`+c.field+`"}`, "null",
				`{"id":1,"`+c.field+`":"x"}`, "c", 1)})
			err := s.start().failure(t)
			for _, text := range append(c.says, "a field "+c.field+" of their own") {
				if !strings.Contains(err.Error(), text) {
					t.Errorf("the failure does not say %q: %v", text, err)
				}
			}
		})
	}
}

func TestATruncateIsNotCommittedBeforeItIsNoted(t *testing.T) {
	s := newFixture(t, 1, nil)
	s.produce(1, 3, 1)
	r := s.start()
	s.holds(3)
	s.commits(0, 2)
	broken := s.breakNotes()
	s.send(&kgo.Record{Value: []byte(
		`{"before":null,"after":null,"source":{"lsn":9,"ts_ms":1700000000000},"op":"t","ts_ms":1}`)})
	testenv.Eventually(t, time.Minute, "the note to be tried again", func(context.Context) error {
		if s.summary(t.Context(), r).TryingAgain == "" {
			return errors.New("it is not")
		}
		return nil
	})
	if at, err := s.committed(t.Context(), 0); err != nil || at != 2 {
		t.Errorf("committed %d before it was noted, %v", at, err)
	}
	broken()
	s.commits(0, 3)
	r.notices(t, status.Truncated, s.topic, true)
}

func TestRowsThatCameTwiceAreCountedWhereTheySayOfWhichRecordTheyAre(t *testing.T) {
	s := newFixture(t, 1, map[string]string{"auto.create": "true", "table.form": "changes"})
	s.intoItems()
	for id := range 3 {
		s.send(&kgo.Record{Key: fmt.Appendf(nil, `{"id":%d}`, id),
			Value: change("", "null", fmt.Sprintf(`{"id":%d}`, id), "c", id)})
	}
	r := s.start()
	s.answers(s.table+" | count", "3")
	source := digest.Description{Topic: s.topic, Key: []string{"id"}}
	repeated := func(source digest.Description) *int64 {
		tables, err := openTables(t.Context(), s.values(), []digest.Description{source}, r.task.o)
		if err != nil {
			t.Fatal(err)
		}
		defer tables.Close()
		if d := tables.Tables(); len(d) != 1 || d[0].Failure != "" {
			t.Fatalf("the tables are %+v", d)
		}
		return tables.Tables()[0].Repeated
	}
	if n := repeated(source); n == nil || *n != 0 {
		t.Errorf("%v rows are said to be there twice", n)
	}
	s.manage(".set-or-append " + s.table + " <| " + s.table + " | where id < 2")
	if n := repeated(source); n == nil || *n != 2 {
		t.Errorf("%v rows are said to be there twice, want 2", n)
	}
	// Where nothing is known of keys only batches that came again are known, by their tags.
	if n := repeated(digest.Description{Topic: s.topic}); n != nil && *n != 0 {
		t.Errorf("%d rows are said to be of batches that came twice", *n)
	}
}

func (s *fixture) values() catalogue.Values {
	s.t.Helper()
	keys, err := spec.Keys()
	if err != nil {
		s.t.Fatal(err)
	}
	values, _, problems := keys.Parse(s.config)
	if len(problems) > 0 {
		s.t.Fatal(problems)
	}
	return values
}

func TestATaskStopsWhileItWaitsForATableToBeChanged(t *testing.T) {
	s := newFixture(t, 1, map[string]string{"auto.create": "true", "auto.evolve": "true"})
	s.intoItems()
	s.send(&kgo.Record{Value: change("", "null", `{"id":1}`, "c", 1)})
	r := s.start()
	s.answers(s.table+" | count", "1")
	heal, _ := servers.adx.outage(t)
	s.send(&kgo.Record{Value: change(`,{"field":"stock","type":"int64"}`, "null", `{"id":2,"stock":5}`, "c", 2)})
	r.notices(t, status.TableChanging, s.topic, true)
	if err := r.stop(); err != nil {
		t.Fatal(err)
	}
	heal()
	s.started = 0
	s.start()
	s.answers(s.table+" | order by id asc | project id, stock", "1 ; 2 5")
}

// versioned is the record of a row whose schema has as many columns beside id as its version.
func versioned(id, version int) []byte {
	fields, values := `{"type":"int32","optional":false,"field":"id"}`, ""
	for c := range version {
		fields += fmt.Sprintf(`,{"type":"string","optional":true,"field":"c%d"}`, c)
		values += fmt.Sprintf(`,"c%d":"value %d"`, c, id)
	}
	return fmt.Appendf(nil,
		`{"schema":{"type":"struct","fields":[{"type":"struct","fields":[%[1]s],"optional":true,"name":"s.t.Value","field":"before"},{"type":"struct","fields":[%[1]s],"optional":true,"name":"s.t.Value","field":"after"},{"type":"string","optional":false,"field":"op"}],"optional":false,"name":"s.t.Envelope"},"payload":{"before":null,"after":{"id":%[2]d%[3]s},"op":"c"}}`, fields, id, values)
}

func TestAllVersionsThatWaitWidenATableInOneChange(t *testing.T) {
	const partitions, versions = 3, 30
	s := newFixture(t, partitions, map[string]string{"auto.create": "true", "auto.evolve": "true"})
	table := "Versions" + s.table
	s.config["kusto.tables.topics.mapping"] = fmt.Sprintf(
		"[{'topic':'%s','db':'shop','table':'%s','format':'json','mapping':'M'}]", s.topic, table)
	var records []*kgo.Record
	for version := range versions {
		for partition := range int32(partitions) {
			records = append(records, &kgo.Record{Partition: partition, Value: versioned(len(records), version)})
		}
	}
	s.send(records...)
	var mu sync.Mutex
	var told []string
	task, err := makeTask(s.brokers, s.config, 0, func(error) {}, func(_ *Options, env *connector.TaskEnv) {
		env.Happened = func(kind, detail string) {
			mu.Lock()
			defer mu.Unlock()
			told = append(told, kind+": "+detail)
		}
	})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- task.Run(ctx) }()
	// Of each column, the rows of the versions that have it.
	s.answers(table+" | summarize count(), countif(isnotempty(c0)), countif(isnotempty(c9)), countif(isnotempty(c28))",
		fmt.Sprintf("%d %d %d %d", partitions*versions, partitions*(versions-1), partitions*(versions-10), partitions))
	// What a partition has when the first of its records is looked at depends on its fetches.
	if made := len(s.manage(".show table " + table + " ingestion json mappings").Rows); made > 2*partitions {
		t.Errorf("%d versions of the schema made %d mappings", versions, made)
	}
	cancel()
	if err := <-ended; err != nil {
		t.Error(err)
	}
	if len(told) > 0 { // columns that earlier rows do not have yet were not dropped
		t.Errorf("the versions were noticed: %q", told[:min(len(told), 3)])
	}
}

func TestAColumnThatIsAddedWhileRowsAreStreamedHasItsValuesFromTheFirstRowOn(t *testing.T) {
	instead(t, "--like-adx", "all") // which streams by a schema that is five minutes old
	for _, mapping := range []string{"", `,'mapping':'M'`} {
		s := newFixture(t, 1, map[string]string{"ingestion.mode": "streaming", "auto.create": "true", "auto.evolve": "true"})
		table := "Streamed" + s.table
		s.config["kusto.tables.topics.mapping"] = fmt.Sprintf("[{'topic':'%s','db':'shop','table':'%s','format':'json'%s}]",
			s.topic, table, mapping)
		s.manage(".create table " + table + " (id: int)")
		if mapping != "" {
			s.manage(".create table " + table + ` ingestion json mapping 'M' '[{"column":"id","path":"$.id"}]'`)
		}
		s.manage(".alter table " + table + " policy streamingingestion enable")
		s.start()
		for version := range 3 {
			s.send(&kgo.Record{Value: versioned(version, version)})
			s.answers(table+" | count", fmt.Sprint(version+1))
		}
		s.answers(table+" | order by id asc | project id, c0, c1", "0  ; 1 value 1 ; 2 value 2 value 2")
	}
}
