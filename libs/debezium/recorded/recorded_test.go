package recorded_test

import (
	"strings"
	"testing"

	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/calypso-cdc/calypso/libs/debezium/recorded"
)

func event(topic, value string) recorded.Event {
	return recorded.NewEvent(&kgo.Record{Topic: topic, Value: []byte(value)})
}

func TestOnlyWhatDiffersFromRunToRunMayDiffer(t *testing.T) {
	want := []recorded.Event{event("t",
		`{"a":1,"source":{"ts_ms":5,"sequence":"[null,\"7\"]"},"__sequence":"[\"1\",\"2\"]"}`), event("t", `{"a":2}`)}
	for name, c := range map[string]struct {
		got        []recorded.Event
		equal      int
		difference string
	}{
		"another run": {[]recorded.Event{event("t",
			`{"a":1,"source":{"ts_ms":9,"sequence":"[\"3\",\"8\"]"},"__sequence":"[null,\"4\"]"}`), event("t", `{"a":2}`)}, 2,
			""},
		"another value": {[]recorded.Event{want[0], event("t", `{"a":3}`)}, 1, "record 1 of t differs"},
		"a missing field": {[]recorded.Event{event("t", `{"a":1,"source":{"ts_ms":5}}`), want[1]}, 1,
			"record 0 of t differs"},
		"a missing record":  {want[:1], 1, "missing"},
		"one record more":   {append(want[:2:2], event("t", "x")), 2, "1 records too many in t"},
		"an unknown topic":  {append(want[:2:2], event("u", "x")), 2, "unexpected topic u"},
		"an empty, no null": {[]recorded.Event{want[0], {Topic: "t"}}, 1, "record 1 of t differs"},
	} {
		t.Run(name, func(t *testing.T) {
			v := recorded.Compare(want, c.got)
			if v.Equal != c.equal || v.Expected != 2 || (v.Difference == "") != (c.difference == "") ||
				!strings.HasPrefix(v.Difference, c.difference) {
				t.Errorf("got %+v, want %d equal and %q", v, c.equal, c.difference)
			}
		})
	}
}

func TestTheCountOfMessagesMayStandAnywhereInATransactionsCounts(t *testing.T) {
	const table, other, messages = `{"data_collection":"public.a","event_count":1}`,
		`{"data_collection":"s.b","event_count":2}`,
		`{"data_collection":"io.debezium.LogicalDecodingMessageMonitor$LogicalDecodingMessageId@HASH","event_count":3}`
	end := func(hash string, counts ...string) []recorded.Event {
		return []recorded.Event{event("t",
			strings.ReplaceAll(`{"status":"END","data_collections":[`+strings.Join(counts, ",")+`],"ts_ms":1}`, "HASH", hash))}
	}
	for _, got := range [][]string{{messages, table, other}, {table, messages, other}, {table, other, messages}} {
		if v := recorded.Compare(end("a1", table, messages, other), end("b2", got...)); v.Difference != "" {
			t.Error(v.Difference)
		}
	}
	if v := recorded.Compare(end("a1", table, messages, other), end("b2", other, messages, table)); v.Difference == "" {
		t.Error("the order of the tables is not compared")
	}
}
