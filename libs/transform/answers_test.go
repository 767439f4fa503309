package transform_test

import (
	"bufio"
	"encoding/json"
	"fmt"
	"os"
	"reflect"
	"strings"
	"testing"

	"github.com/calypso-cdc/calypso/libs/record"
	"github.com/calypso-cdc/calypso/libs/transform"
)

// answer is what a transform of Kafka Connect 4.3.1 made of a record of topic t, partition 3, offset 9 and time 1600000000123, which
// JsonConverter read and wrote. A text with a schema is a pair of schema and payload. Left out are a null where a time is
// to be made of a map's field, which JsonConverter cannot write, numbers beyond 32 bits and signs within adjacent fields of times.
type answer struct {
	Class          string
	Config         map[string]string
	Schema         bool
	Key, Value     *string
	Topic          string
	KeyIs, ValueIs json.RawMessage
	Error          bool
}

func TestTransformsGiveWhatThoseOfKafkaConnectGive(t *testing.T) {
	file, err := os.Open("testdata/answers.jsonl")
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	lines := bufio.NewScanner(file)
	lines.Buffer(nil, 1<<22)
	lines.Scan()
	var shared struct{ Texts map[string]string }
	if err := json.Unmarshal(lines.Bytes(), &shared); err != nil {
		t.Fatal(err)
	}
	read := 0
	for lines.Scan() {
		var a answer
		if err := json.Unmarshal(lines.Bytes(), &a); err != nil {
			t.Fatal(err)
		}
		if problem := a.check(shared.Texts); problem != "" {
			t.Errorf("%s %v on %s: %s", a.Class, a.Config, text(a.Value), problem)
		}
		read++
	}
	if err := lines.Err(); err != nil || read < 1000 {
		t.Errorf("%d answers: %v", read, err)
	}
}

func text(s *string) string {
	if s == nil {
		return "null"
	}
	return *s
}

// check says what differs.
func (a answer) check(texts map[string]string) string {
	full := func(name string) string {
		if text, ok := texts[name]; ok {
			return text
		}
		return name
	}
	in := &record.JSON{Schemas: a.Schema, KeepNull: true}
	r := &record.Record{Topic: "t", Partition: 3, Offset: 9, Timestamp: 1600000000123}
	var err error
	if a.Key != nil {
		if r.KeySchema, r.Key, err = in.Decode("t", []byte(full(*a.Key))); err != nil {
			return err.Error()
		}
	}
	if a.Value != nil {
		if r.ValueSchema, r.Value, err = in.Decode("t", []byte(full(*a.Value))); err != nil {
			return err.Error()
		}
	}
	settings := map[string]string{"transforms": "x", "transforms.x.type": "org.apache.kafka.connect.transforms." + a.Class}
	for name, value := range a.Config {
		settings["transforms.x."+name] = value
	}
	chain, err := transform.FromSettings(settings)
	if err == nil {
		r, err = chain.Apply(r)
	}
	if err == nil && r == nil {
		return "the record is dropped"
	}
	written := func(s *record.Schema, v any) string {
		if err != nil {
			return ""
		}
		var out []byte
		out, err = (&record.JSON{Schemas: s != nil, KeepNull: true}).Encode(nil, "t", s, v)
		return string(out)
	}
	var key, value string
	if err == nil {
		key, value = written(r.KeySchema, r.Key), written(r.ValueSchema, r.Value)
	}
	switch {
	case a.Error && err != nil:
		return ""
	case err != nil:
		return err.Error()
	case a.Error:
		return "is done, where Kafka Connect fails"
	case r.Topic != a.Topic:
		return fmt.Sprintf("topic %s, want %s", r.Topic, a.Topic)
	}
	return differs(key, a.KeyIs, full) + differs(value, a.ValueIs, full)
}

func differs(got string, want json.RawMessage, full func(string) string) string {
	if got == "" {
		got = "null"
	}
	var pair [2]string
	if json.Unmarshal(want, &pair) == nil {
		if whole := `{"schema":` + full(pair[0]) + `,"payload":` + pair[1] + `}`; got != whole {
			return fmt.Sprintf("\n%s, want\n%s", got, whole)
		}
		return ""
	}
	var plain string
	if err := json.Unmarshal(want, &plain); err != nil {
		return err.Error()
	}
	value := func(text string) (v any) { // the order of entries is that of a hash table there
		d := json.NewDecoder(strings.NewReader(text))
		d.UseNumber()
		if err := d.Decode(&v); err != nil {
			return err
		}
		return v
	}
	if !reflect.DeepEqual(value(got), value(plain)) {
		return fmt.Sprintf("%s, want %s", got, plain)
	}
	return ""
}
