package sink

import (
	"context"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/twmb/avro"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/calypso-cdc/calypso/libs/testenv"
	"github.com/calypso-cdc/calypso/services/sink/internal/deadletter"
)

// registry serves schemas by their number, from 1 on.
func registry(t *testing.T, schemas ...string) (address string, away *atomic.Bool) {
	away = &atomic.Bool{}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		id := 0
		if _, err := fmt.Sscanf(r.URL.Path, "/schemas/ids/%d", &id); err != nil || id < 1 || id > len(schemas) {
			http.Error(w, `{"error_code":40403,"message":"there is no such schema"}`, http.StatusNotFound)
			return
		}
		if away.Load() {
			w.WriteHeader(http.StatusServiceUnavailable)
			return
		}
		_ = json.NewEncoder(w).Encode(map[string]string{"schema": schemas[id-1]})
	}))
	t.Cleanup(server.Close)
	return server.URL, away
}

const orderAvro = `{"type":"record","name":"O","fields":[{"name":"orderid","type":"string"},{"name":"amount","type":"int"}]}`

// avroRecord is a record of the schema with a number.
func avroRecord(schema int, body []byte) *kgo.Record {
	return &kgo.Record{Value: append(binary.BigEndian.AppendUint32([]byte{0}, uint32(schema)), body...)}
}

func avroOrder(t *testing.T, id int) *kgo.Record {
	body, err := avro.MustParse(orderAvro).Encode(map[string]any{"orderid": fmt.Sprint(id), "amount": int32(id)})
	if err != nil {
		t.Fatal(err)
	}
	return avroRecord(1, body)
}

func newAvroFixture(t *testing.T, schemas ...string) (*fixture, *atomic.Bool) {
	address, away := registry(t, append([]string{orderAvro}, schemas...)...)
	s := newFixture(t, 1, map[string]string{"value.converter": "io.confluent.connect.avro.AvroConverter",
		"value.converter.schema.registry.url": address,
		"key.converter":                       "org.apache.kafka.connect.storage.StringConverter",
		"behavior.on.error":                   "LOG"})
	delete(s.config, "transforms")
	delete(s.config, "transforms.unwrap.type")
	s.config["errors.deadletterqueue.topic.name"], s.config["errors.deadletterqueue.topic.replication.factor"] = s.topic+
		"-dead", "1"
	return s, away
}

func TestHostileAvroRecordsAreDeadLettersAndTheOthersComeIntoTheTable(t *testing.T) {
	s, _ := newAvroFixture(t,
		`{"type":"fixed","name":"F","size":1099511627776}`,
		`{"type":"array","items":{"type":"record","name":"E","fields":[]}}`,
		`{"type":"record","name":"L","fields":[{"name":"next","type":["null","L"]}]}`,
	)
	s.send(
		avroOrder(t, 1), avroRecord(2, []byte{1}),
		avroOrder(t, 2), avroRecord(3, append(binary.AppendVarint(nil, 1<<62), 0)),
		avroOrder(t, 3), avroRecord(4, []byte(strings.Repeat("\x02", 1_000_000))),
		avroOrder(t, 4), avroRecord(99, nil), avroOrder(t, 5),
	)
	s.start()
	s.holds(6)
	s.commits(0, 9)
	for i, r := range s.letters(s.topic+"-dead", 4) {
		if want := []string{"ends within a value", "more than the record's bytes can hold", "contains itself",
			"no such schema"}[i]; !strings.Contains(header(r, deadletter.HeaderMessage), want) ||
			header(r, deadletter.HeaderClass) != string(deadletter.ClassUnreadable) {
			t.Errorf("letter %d has the reason %q, want %q in it", i, header(r, deadletter.HeaderMessage), want)
		}
	}
}

func TestARegistryThatIsAwayIsWaitedForAndMakesNoDeadLetters(t *testing.T) {
	s, away := newAvroFixture(t)
	away.Store(true)
	s.send(avroOrder(t, 1), avroOrder(t, 2))
	r := s.start()
	r.waits(t, "registry answered 503")
	away.Store(false)
	s.holds(3)
	s.commits(0, 2)
	if n := r.task.status.Counted().SetAside; n != 0 {
		t.Errorf("%d records were set aside", n)
	}
}

// waits waits until the task says that it waits, with text in the reason.
func (r *running) waits(t *testing.T, text string) {
	t.Helper()
	testenv.Eventually(t, time.Minute, "the task to say why it waits", func(context.Context) error {
		r.mu.Lock()
		defer r.mu.Unlock()
		for _, err := range r.retries {
			if err != nil && strings.Contains(err.Error(), text) {
				return nil
			}
		}
		return fmt.Errorf("it said %v", r.retries)
	})
}

// evolving has the fixture make its table of what the records say.
func (s *fixture) evolving() {
	s.table = "Made_" + s.table
	s.config["auto.create"], s.config["auto.evolve"] = "true", "true"
	s.config["kusto.tables.topics.mapping"] = fmt.Sprintf(`[{"topic":"%s","db":"shop","table":"%s","format":"json"}]`,
		s.topic, s.table)
}

func TestANewSchemaWidensTheTableBeforeItsFirstRowAlsoIfTheRegistryWasAway(t *testing.T) {
	const wider = `{"type":"record","name":"O","fields":[{"name":"orderid","type":"string"},{"name":"amount","type":"int"},{"name":"city","type":"string"}]}`
	s, away := newAvroFixture(t, wider)
	s.evolving()
	s.send(avroOrder(t, 1))
	r := s.start()
	s.answers(s.table+" | project orderid, amount", "1 1")
	away.Store(true)
	body, err := avro.MustParse(wider).Encode(map[string]any{"orderid": "2", "amount": int32(2), "city": "Austin"})
	if err != nil {
		t.Fatal(err)
	}
	s.send(avroRecord(2, body))
	r.waits(t, "registry answered 503")
	away.Store(false)
	s.answers(s.table+" | where orderid == '2' | project amount, city", "2 Austin")
}

func TestATableIsMadeOfTheFirstRecordThatMakesARow(t *testing.T) {
	s, _ := newAvroFixture(t)
	s.evolving()
	s.config["transforms"], s.config["transforms.drop.type"], s.config["transforms.drop.predicate"] = "drop",
		"org.apache.kafka.connect.transforms.Filter", "marked"
	s.config["predicates"], s.config["predicates.marked.type"], s.config["predicates.marked.name"] = "marked",
		"org.apache.kafka.connect.transforms.predicates.HasHeaderKey", "x"
	dropped := avroOrder(t, 1)
	dropped.Headers = []kgo.RecordHeader{{Key: "x"}}
	s.send(dropped, avroRecord(99, nil), avroRecord(1, nil), avroOrder(t, 2))
	s.start()
	s.answers(s.table+" | project orderid, amount", "2 2")
	s.commits(0, 4)
	s.letters(s.topic+"-dead", 2)
}
