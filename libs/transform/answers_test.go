package transform_test

import (
	"bytes"
	_ "embed"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/calypso-cdc/calypso/libs/record"
	"github.com/calypso-cdc/calypso/libs/testenv"
	"github.com/calypso-cdc/calypso/libs/transform"
)

var recording = flag.Bool("record", false,
	"ask the classes of Kafka Connect and Debezium again, and write testdata/answers.jsonl")

// question is what a transform is asked: what it makes of a record of topic t, or Of, partition 3,
// offset 9 and time 1600000000123, which JsonConverter reads, with or without schemas; headers
// always with.
type question struct {
	Class  string            `json:"class"`
	Config map[string]string `json:"config"`
	Schema bool              `json:"schema,omitempty"`
	Of     string            `json:"of,omitempty"`
	// Release is that of Debezium, if not the newest.
	Release string `json:"release,omitempty"`
	// First is the value of a record that the same transform sees before.
	First   *string     `json:"first,omitempty"`
	Key     *string     `json:"key,omitempty"`
	Value   *string     `json:"value,omitempty"`
	Headers [][2]string `json:"headers,omitempty"`
}

// answer is what the class makes of it (testdata/Answer.java).
type answer struct {
	Error      bool     `json:"error,omitempty"`
	Dropped    bool     `json:"dropped,omitempty"`
	Topic      string   `json:"topic,omitempty"`
	Partition  *int32   `json:"partition,omitempty"`
	Timestamp  *int64   `json:"timestamp,omitempty"`
	KeyIs      *written `json:"keyIs,omitempty"`
	ValueIs    *written `json:"valueIs,omitempty"`
	HeadersAre []header `json:"headersAre,omitempty"`
}

// written is a value as JsonConverter writes it; one without a schema has only a payload.
type written struct{ schema, payload string }

func (w *written) UnmarshalJSON(text []byte) error {
	if text[0] != '[' {
		return json.Unmarshal(text, &w.payload)
	}
	return json.Unmarshal(text, &[]any{&w.schema, &w.payload})
}

func (w written) MarshalJSON() ([]byte, error) {
	if w.schema == "" {
		return json.Marshal(w.payload)
	}
	return json.Marshal([]string{w.schema, w.payload})
}

// header is one of an answer, with its text as SimpleHeaderConverter writes it.
type header struct {
	name  string
	value written
	text  *string
}

func (h *header) UnmarshalJSON(text []byte) error {
	return json.Unmarshal(text, &[]any{&h.name, &h.value, &h.text})
}

func (h header) MarshalJSON() ([]byte, error) { return json.Marshal([]any{h.name, h.value, h.text}) }

// answered is a question with its answer: a line of testdata/answers.jsonl. The first line there
// has the texts that others name.
type answered struct {
	question
	answer
}

const answersFile = "testdata/answers.jsonl"

// each calls change with all long texts of a line.
func (a *answered) each(change func(*string)) {
	for _, text := range []*string{a.First, a.Key, a.Value} {
		if text != nil {
			change(text)
		}
	}
	for i := range a.Headers {
		change(&a.Headers[i][1])
	}
	for _, w := range []*written{a.KeyIs, a.ValueIs} {
		if w != nil {
			change(&w.schema)
		}
	}
	for i := range a.HeadersAre {
		change(&a.HeadersAre[i].value.schema)
	}
}

func readAnswers(t *testing.T, name string) []answered {
	t.Helper()
	file, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	var texts map[string]string
	var all []answered
	for line := range bytes.Lines(file) {
		if texts == nil {
			if err := json.Unmarshal(line, &texts); err != nil {
				t.Fatal(err)
			}
			continue
		}
		var a answered
		if err := json.Unmarshal(line, &a); err != nil {
			t.Fatalf("%s: %v", line, err)
		}
		a.each(func(s *string) {
			if text, ok := texts[*s]; ok {
				*s = text
			}
		})
		all = append(all, a)
	}
	return all
}

// writeAnswers writes a text that several lines have once.
func writeAnswers(t *testing.T, name string, all []answered) {
	t.Helper()
	seen := map[string]int{}
	for i := range all {
		all[i].each(func(s *string) { seen[*s]++ })
	}
	texts, names := map[string]string{}, map[string]string{}
	var lines bytes.Buffer
	e := json.NewEncoder(&lines)
	e.SetEscapeHTML(false)
	for _, a := range all {
		a.each(func(s *string) {
			if seen[*s] < 2 || len(*s) < 40 {
				return
			}
			if names[*s] == "" {
				names[*s] = fmt.Sprintf("@%d", len(names))
				texts[names[*s]] = *s
			}
			*s = names[*s]
		})
		if err := e.Encode(a); err != nil {
			t.Fatal(err)
		}
	}
	var first bytes.Buffer
	e = json.NewEncoder(&first)
	e.SetEscapeHTML(false)
	if err := e.Encode(texts); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(name, append(first.Bytes(), lines.Bytes()...), 0o644); err != nil {
		t.Fatal(err)
	}
}

// ask asks the classes themselves.
func ask(t *testing.T, questions []question) []answered {
	t.Helper()
	newest, err := testenv.DebeziumJars(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	earlier, err := testenv.MavenJars(t.Context(), "debezium-2.4.2-core", debezium24)
	if err != nil {
		t.Fatal(err)
	}
	all := make([]answered, len(questions))
	for release, jars := range map[string][]string{"": {newest}, "2.4": {earlier, newest}} {
		var asked []question
		var at []int
		for i, q := range questions {
			if q.Release == release {
				asked, at = append(asked, q), append(at, i)
			}
		}
		for i, a := range askJava(t, jars, asked) {
			all[at[i]] = answered{asked[i], a}
		}
	}
	return all
}

// debezium24 is the Maven project of the last Debezium whose ExtractNewRecordState has
// delete.handling.mode and drop.tombstones alone.
//
//go:embed testdata/debezium-2.4.xml
var debezium24 []byte

func askJava(t *testing.T, jars []string, questions []question) []answer {
	t.Helper()
	var path []string
	for _, dir := range jars {
		path = append(path, filepath.Join(dir, "*"))
	}
	var in, out, said bytes.Buffer
	for e, i := json.NewEncoder(&in), 0; i < len(questions); i++ {
		if err := e.Encode(questions[i]); err != nil {
			t.Fatal(err)
		}
	}
	cmd := exec.CommandContext(t.Context(), "java", "--class-path="+strings.Join(path, string(os.PathListSeparator)),
		"testdata/Answer.java")
	cmd.Stdin, cmd.Stdout, cmd.Stderr = &in, &out, &said
	if err := cmd.Run(); err != nil {
		t.Fatalf("ask Java: %v: %.2000s", err, said.String())
	}
	var all []answer
	for d := json.NewDecoder(&out); d.More(); {
		var a answer
		if err := d.Decode(&a); err != nil {
			t.Fatal(err)
		}
		all = append(all, a)
	}
	if len(all) != len(questions) {
		t.Fatalf("%d answers to %d questions", len(all), len(questions))
	}
	return all
}

func TestTransformsGiveWhatThoseOfKafkaConnectAndDebeziumGive(t *testing.T) {
	all := readAnswers(t, answersFile)
	asked := map[string]bool{}
	var questions []question
	for _, a := range all {
		asked[a.question.id()] = true
		questions = append(questions, a.question)
	}
	for _, q := range append(debeziumQuestions(), connectQuestions(all)...) {
		if !asked[q.id()] {
			asked[q.id()] = true
			questions = append(questions, q)
		}
	}
	switch {
	case *recording:
		all = ask(t, questions)
		writeAnswers(t, answersFile, all)
		all = readAnswers(t, answersFile)
	case len(questions) > len(all):
		t.Errorf("%d questions have no answer yet: make transforms-record", len(questions)-len(all))
	}
	fails := map[string]bool{} // the configurations with which some record fails
	for _, a := range all {
		fails[a.config()] = fails[a.config()] || a.Error
	}
	for _, a := range all {
		if problem := a.check(fails[a.config()]); problem != "" {
			t.Errorf("%s %v on %s %s: %s", a.Class, a.Config, text(a.Key), text(a.Value), problem)
		}
	}
}

func (q question) id() string {
	text, err := json.Marshal(q)
	if err != nil {
		panic(err)
	}
	return string(text)
}

func (q question) config() string {
	return question{Class: q.Class, Config: q.Config, Release: q.Release}.id()
}

func text(s *string) string {
	if s == nil {
		return "null"
	}
	return *s
}

// record is the one that the question is about, with this value.
func (q question) record(value *string) (*record.Record, error) {
	r := &record.Record{Topic: "t", Partition: 3, Offset: 9, Timestamp: 1600000000123}
	if q.Of != "" {
		r.Topic = q.Of
	}
	read := func(text *string, schemas bool) (s *record.Schema, v any, err error) {
		if text != nil {
			s, v, err = (&record.JSON{Schemas: schemas, KeepNull: true}).Decode("t", []byte(*text))
		}
		return s, v, err
	}
	var err error
	if r.KeySchema, r.Key, err = read(q.Key, q.Schema); err != nil {
		return nil, err
	}
	if r.ValueSchema, r.Value, err = read(value, q.Schema); err != nil {
		return nil, err
	}
	for _, h := range q.Headers {
		s, v, err := read(&h[1], true)
		if err != nil {
			return nil, err
		}
		r.Headers = append(r.Headers, record.Header{Key: h[0], Schema: s, Value: v})
	}
	return r, nil
}

var errRefused = errors.New("the configuration is refused")

// ours is our answer.
func (q question) ours() (answer, error) {
	settings := q.Config
	if q.Class != chain {
		settings = map[string]string{"transforms": "x", "transforms.x.type": q.Class}
		for name, value := range q.Config {
			settings["transforms.x."+name] = value
		}
	}
	chain, err := transform.FromSettings(settings)
	if err != nil {
		return answer{Error: true}, fmt.Errorf("%w: %w", errRefused, err)
	}
	if q.First != nil {
		r, err := q.record(q.First)
		if err == nil {
			_, err = chain.Apply(r)
		}
		if err != nil {
			return answer{Error: true}, err
		}
	}
	r, err := q.record(q.Value)
	if err == nil {
		r, err = chain.Apply(r)
	}
	if err != nil {
		return answer{Error: true}, err
	}
	if r == nil {
		return answer{Dropped: true}, nil
	}
	a := answer{Topic: r.Topic}
	if r.Partition != 3 {
		a.Partition = &r.Partition
	}
	if r.Timestamp != 1600000000123 {
		a.Timestamp = &r.Timestamp
	}
	write := func(s *record.Schema, v any) written {
		var schema, payload []byte
		if s != nil && err == nil {
			schema, err = (&record.JSON{}).AppendSchema(nil, s)
		}
		if err == nil {
			payload, err = (&record.JSON{KeepNull: true}).AppendValue(nil, s, v)
		}
		return written{string(schema), string(payload)}
	}
	key, value := write(r.KeySchema, r.Key), write(r.ValueSchema, r.Value)
	a.KeyIs, a.ValueIs = &key, &value
	for _, h := range r.Headers {
		made := header{name: h.Key, value: write(h.Schema, h.Value)}
		if text := record.HeaderBytes(h.Schema, h.Value); text != nil {
			made.text = new(string(text))
		}
		a.HeadersAre = append(a.HeadersAre, made)
	}
	if err != nil {
		return answer{Error: true}, err
	}
	return a, nil
}

// check says how our answer differs. A configuration with which some record fails may be refused as a whole.
func (a answered) check(fails bool) string {
	ours, err := a.ours()
	said := func(a answer) string {
		text, _ := json.Marshal(a)
		return string(text)
	}
	switch {
	case fails && errors.Is(err, errRefused):
	case err != nil && !a.Error:
		return err.Error() + ", want " + said(a.answer)
	case !reflect.DeepEqual(ours.ordered(), a.ordered()):
		return "\n" + said(ours) + ", want\n" + said(a.answer)
	}
	return ""
}

// ordered has the members of payloads without schema in one order: there it is that of a hash table.
func (a answer) ordered() answer {
	order := func(w written) written {
		var v any
		d := json.NewDecoder(strings.NewReader(w.payload))
		d.UseNumber()
		if w.schema == "" && d.Decode(&v) == nil {
			text, _ := json.Marshal(v)
			w.payload = string(text)
		}
		return w
	}
	for _, w := range []**written{&a.KeyIs, &a.ValueIs} {
		if *w != nil {
			*w = new(order(**w))
		}
	}
	a.HeadersAre = slices.Clone(a.HeadersAre)
	for i := range a.HeadersAre {
		a.HeadersAre[i].value = order(a.HeadersAre[i].value)
	}
	return a
}
