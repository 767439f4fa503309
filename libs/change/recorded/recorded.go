// Package recorded reads what Debezium was recorded to write and compares records with it, byte for byte.
//
// A case is a folder of libs/change/testdata/conformance: setup.sql runs before the connector starts, changes.sql while it
// streams, config.json holds the connector properties that matter to the case, and expected.jsonl what a real Kafka Connect
// 4.3.1 with Debezium's PostgreSQL connector 3.6.3 wrote: topic, key, value and headers, in topic order. What differs from
// run to run (times of the run, LSNs, transaction ids, the version) is masked on both sides; its presence and place still count.
package recorded

import (
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

// Event is one Kafka record as expected.jsonl keeps it. Keys and values are kept verbatim as strings, "base64:…" where
// they are not UTF-8.
type Event struct {
	Topic   string            `json:"topic"`
	Key     *string           `json:"key"`
	Value   *string           `json:"value"`
	Headers map[string]string `json:"headers,omitempty"`
}

// NewEvent makes an Event of a record, without the headers that Kafka Connect itself adds for Debezium's context.
func NewEvent(r *kgo.Record) Event {
	e := Event{Topic: r.Topic, Key: text(r.Key), Value: text(r.Value)}
	for _, h := range r.Headers {
		if strings.HasPrefix(h.Key, "__debezium.context.") {
			continue
		}
		if e.Headers == nil {
			e.Headers = map[string]string{}
		}
		e.Headers[h.Key] = *text(append([]byte{}, h.Value...))
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

// volatile are the fields that differ from run to run, with what replaces them before the comparison.
var volatile = []struct {
	re *regexp.Regexp
	to string
}{
	{regexp.MustCompile(`"(ts_ms|ts_us|ts_ns|txId|lsn|__src_ts|__lsn|__source_lsn|_source_lsn|_lsn)":-?\d+`), `"$1":0`},
	{regexp.MustCompile(`"(__)?sequence":"(?:[^"\\]|\\.)*"`), `"${1}sequence":"S"`},
	{regexp.MustCompile(`"id":"\d+:\d+"`), `"id":"T"`},
	{regexp.MustCompile(`"version":"[^"]*","connector"`), `"version":"V","connector"`},
	{regexp.MustCompile(`[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}-(open|close)`), `W-$1`},
	{regexp.MustCompile(`LogicalDecodingMessageId@[0-9a-f]+`), `LogicalDecodingMessageId@H`}, // a Java object's identity hash
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

func (e Event) stable() string {
	headers := make([]string, 0, len(e.Headers))
	for _, k := range slices.Sorted(maps.Keys(e.Headers)) {
		headers = append(headers, k+"="+e.Headers[k])
	}
	return e.Topic + "\nkey " + stable(e.Key) + "\nvalue " + stable(e.Value) + "\nheaders " + strings.Join(headers, ",")
}

// Verdict is the outcome of a comparison: how many of the expected records are equal, and the first difference ("" if none).
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
		for i, w := range want[topic] {
			switch {
			case i >= len(have[topic]):
				note("missing: %s", w)
			case have[topic][i] == w:
				v.Equal++
			default:
				note("record %d of %s differs:\n%s", i, topic, difference(have[topic][i], w))
			}
		}
		if n := len(have[topic]) - len(want[topic]); n > 0 {
			note("%d records too many in %s, first: %s", n, topic, have[topic][len(want[topic])])
		}
	}
	for _, topic := range slices.Sorted(maps.Keys(have)) {
		if want[topic] == nil {
			note("unexpected topic %s, first record: %s", topic, have[topic][0])
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

func byTopic(events []Event) map[string][]string {
	m := map[string][]string{}
	for _, e := range events {
		m[e.Topic] = append(m[e.Topic], e.stable())
	}
	return m
}
