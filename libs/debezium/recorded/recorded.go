// Package recorded reads recordings of what Debezium wrote, and compares records with them byte for
// byte.
//
// A case is a directory of libs/debezium/testdata/conformance: setup.sql runs before the connector
// starts, changes.sql while it streams, config.json holds the connector properties that matter for
// the case, and expected.jsonl what a real Kafka Connect 4.3.1 with Debezium's PostgreSQL connector
// 3.6.3 wrote (make conformance-record): topic, key, value and headers, in topic order. Values that
// differ from run to run (times of the run, its id, LSNs, transaction ids, the version) are masked
// on both sides; their presence and place still count.
package recorded

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"os"
	"regexp"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/twmb/franz-go/pkg/kgo"
)

// Event is one Kafka record as expected.jsonl keeps it. Keys and values are kept verbatim as
// strings, or as "base64:…" if they are not UTF-8.
type Event struct {
	Topic   string  `json:"topic"`
	Key     *string `json:"key"`
	Value   *string `json:"value"`
	Headers Headers `json:"headers"`
}

// Headers are a record's headers in order: in JSON an array of names and values. Older recordings
// have an object or nothing: they kept neither the order nor the headers of Debezium's context, so
// neither is compared with them.
type Headers struct {
	list  [][2]string
	whole bool
}

const (
	contextPrefix = "__debezium.context."
	runID         = contextPrefix + "runId"
)

// MarshalJSON writes the array, even if it is empty.
func (h Headers) MarshalJSON() ([]byte, error) { return json.Marshal(append([][2]string{}, h.list...)) }

// UnmarshalJSON reads the array or the object.
func (h *Headers) UnmarshalJSON(b []byte) error {
	if h.whole = b[0] == '['; h.whole {
		return json.Unmarshal(b, &h.list)
	}
	var object map[string]string
	err := json.Unmarshal(b, &object)
	for k, v := range object {
		h.list = append(h.list, [2]string{k, v})
	}
	return err
}

// text writes the headers: all in order, or as older recordings have them.
func (h Headers) text(whole bool) string {
	var parts []string
	for _, pair := range h.list {
		switch {
		case !whole && strings.HasPrefix(pair[0], contextPrefix):
		case pair[0] == runID:
			parts = append(parts, runID)
		default:
			parts = append(parts, pair[0]+"="+stable(&pair[1]))
		}
	}
	if !whole {
		slices.Sort(parts)
	}
	return strings.Join(parts, ",")
}

// NewEvent makes an Event from a record.
func NewEvent(r *kgo.Record) Event {
	e := Event{Topic: r.Topic, Key: text(r.Key), Value: text(r.Value)}
	for _, h := range r.Headers {
		e.Headers.list = append(e.Headers.list, [2]string{h.Key, *text(append([]byte{}, h.Value...))})
	}
	return e
}

func text(b []byte) *string {
	if b == nil {
		return nil
	}
	s := string(b)
	if !utf8.Valid(b) {
		s = "base64:" + base64.StdEncoding.EncodeToString(b)
	}
	return &s
}

// Read reads the events of a file expected.jsonl.
func Read(path string) ([]Event, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	var events []Event
	for dec := json.NewDecoder(f); ; {
		var e Event
		switch err := dec.Decode(&e); err {
		case nil:
			events = append(events, e)
		case io.EOF:
			return events, nil
		default:
			return nil, fmt.Errorf("read %s: %w", path, err)
		}
	}
}

// Write writes the events as a file expected.jsonl.
func Write(path string, events []Event) error {
	var text bytes.Buffer
	enc := json.NewEncoder(&text)
	enc.SetEscapeHTML(false)
	for _, e := range events {
		if err := enc.Encode(e); err != nil {
			return fmt.Errorf("write %s: %w", path, err)
		}
	}
	return os.WriteFile(path, text.Bytes(), 0o644)
}

// volatile lists the fields that differ from run to run, with their replacements for the
// comparison.
var volatile = []struct {
	re *regexp.Regexp
	to string
}{
	{regexp.MustCompile(`"(\w*(?:ts_ms|ts_us|ts_ns|txId|lsn|src_ts))":-?\d+`), `"$1":0`},
	{regexp.MustCompile(`"(\w*sequence)":"(?:[^"\\]|\\.)*"`), `"$1":"S"`},
	{regexp.MustCompile(`(^|")\d+:\d+($|")`), `${1}T$2`},
	{regexp.MustCompile(`"version":"[^"]*","connector"`), `"version":"V","connector"`},
	{regexp.MustCompile(`[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}-(open|close)`), `W-$1`},
	// a Java object's identity hash
	{regexp.MustCompile(`LogicalDecodingMessageId@[0-9a-f]+`), `LogicalDecodingMessageId@H`},
	// members whose order depends on that hash
	{regexp.MustCompile(
		`("data_collections":\[)((?:\{[^}]*\},)*\{[^}]*\}),(\{"data_collection":"[^"]*LogicalDecodingMessageId@H"[^}]*\})`),
		`$1$3,$2`},
	// of a notification
	{regexp.MustCompile(`"id":"[0-9a-f-]{36}"(,"type":"[A-Z_]+","aggregate_type")`), `"id":"N"$1`},
	{regexp.MustCompile(`(NotificationKey","version":1},"payload":{"id":")[0-9a-f-]{36}"`), `${1}N"`},
	{regexp.MustCompile(`("additional_data":{[^}]*},"timestamp":)\d+`), `${1}0`},
	{regexp.MustCompile(`("status":"\w+"),("data_collections":"[^"]*")`), `$2,$1`}, // which of the two comes first is random
	{regexp.MustCompile(`WindowTimestamp\\": \\"[^"\\]*`), `WindowTimestamp\": \"T`},
}

func stable(s *string) string {
	if s == nil {
		return "<null>"
	}
	out := *s
	for _, v := range volatile {
		out = v.re.ReplaceAllString(out, v.to)
	}
	return out
}

func (e Event) stable(whole bool) string {
	return e.Topic + "\nkey " + stable(e.Key) + "\nvalue " + stable(e.Value) + "\nheaders " + e.Headers.text(whole)
}

// Verdict is the outcome of a comparison: how many of the expected records are equal, and the first
// difference ("" if none).
type Verdict struct {
	Equal, Expected int
	Difference      string
}

// Compare compares position by position within each topic.
func Compare(expected, got []Event) Verdict {
	want, have := byTopic(expected), byTopic(got)
	v := Verdict{Expected: len(expected)}
	note := func(format string, args ...any) {
		if v.Difference == "" {
			v.Difference = fmt.Sprintf(format, args...)
		}
	}
	for _, topic := range slices.Sorted(maps.Keys(want)) {
		for i, event := range want[topic] {
			whole := event.Headers.whole
			w := event.stable(whole)
			if i >= len(have[topic]) {
				note("missing: %s", w)
			} else if got := have[topic][i].stable(whole); got != w {
				note("record %d of %s differs:\n%s", i, topic, difference(got, w))
			} else {
				v.Equal++
			}
		}
		if n := len(have[topic]) - len(want[topic]); n > 0 {
			note("%d records too many in %s, first: %s", n, topic, have[topic][len(want[topic])].stable(true))
		}
	}
	for _, topic := range slices.Sorted(maps.Keys(have)) {
		if want[topic] == nil {
			note("unexpected topic %s, first record: %s", topic, have[topic][0].stable(true))
		}
	}
	return v
}

// difference shows both texts around the first byte that differs.
func difference(got, want string) string {
	i := 0
	for i < len(got) && i < len(want) && got[i] == want[i] {
		i++
	}
	around := func(s string) string { return s[max(0, min(i, len(s))-120):min(len(s), i+160)] }
	return " got …" + around(got) + "…\nwant …" + around(want) + "…"
}

func byTopic(events []Event) map[string][]Event {
	m := map[string][]Event{}
	for _, e := range events {
		m[e.Topic] = append(m[e.Topic], e)
	}
	return m
}
