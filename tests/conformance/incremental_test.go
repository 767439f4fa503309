package conformance

import (
	"encoding/json"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/calypso-cdc/calypso/libs/debezium/recorded"
)

// plainName is a name that a signal may have as it is.
var plainName = regexp.MustCompile(`^[a-z][a-z0-9]*$`)

// signal asks both sides for a snapshot of the tables that Debezium can read that way: those whose
// key is an id. It is taken while changes go on.
func (p *pair) signal(t *testing.T) {
	if p.signals == "" || p.over(t.Context()) {
		return
	}
	var tables []string
	for _, of := range p.round.gen.tables {
		if of.byID && !of.parted && !of.inherits && plainName.MatchString(of.name) && of.schema != "Odd Schema" {
			tables = append(tables, of.schema+"."+of.name)
		}
	}
	if len(tables) == 0 {
		tables = []string{"public.outboxevent"} // whose key is a uuid, at which Debezium gives up
	}
	data := asJSON(map[string]any{"type": "incremental", "data-collections": tables})
	for side, w := range p.sides() {
		if p.signals == "source" {
			p.round.psql(t, fmt.Sprintf("insert into public.signals_%s2 values (%s, 'execute-snapshot', %s);",
				side, literal(fmt.Sprint("s", p.round.gen.Uint64())), literal(string(data))))
			continue
		}
		w.send(t, string(asJSON(map[string]any{"topic": p.prefix + "-signals", "key": p.prefix,
			"value": map[string]any{"id": "s", "type": "execute-snapshot", "data": json.RawMessage(data)}})))
	}
}

// compareAroundSnapshots compares records among which those of incremental snapshots come at random
// places: the others position by position, the last one of each row, and all that a snapshot wrote
// of the rows that did not change. Values are JSON without schemas.
func compareAroundSnapshots(expected, got []recorded.Event) recorded.Verdict {
	want, have := apart(expected), apart(got)
	v := recorded.Compare(want.streamed, have.streamed)
	for _, row := range slices.Sorted(maps.Keys(want.last)) {
		if have.last[row] != want.last[row] && v.Difference == "" {
			v.Difference = fmt.Sprintf("the last record of %s has\n got %s\nwant %s", row, have.last[row], want.last[row])
		}
	}
	for _, row := range slices.Sorted(maps.Keys(want.read)) {
		if want.changed[row] {
			continue
		}
		// The same row is read by each of the snapshots; Debezium may pass over the first signal of a topic.
		read := have.read[row]
		each := recorded.Compare(want.read[row], read[max(0, len(read)-len(want.read[row])):])
		v.Equal, v.Expected = v.Equal+each.Equal, v.Expected+each.Expected
		if v.Difference == "" && each.Difference != "" {
			v.Difference = "read of " + row + ": " + each.Difference
		}
	}
	for _, row := range slices.Sorted(maps.Keys(have.read)) {
		if want.read[row] == nil && !want.changed[row] && v.Difference == "" {
			v.Difference = row + " was read, which Debezium did not"
		}
	}
	return v
}

// records are those of a pair, apart by where they come from.
type records struct {
	streamed []recorded.Event
	// read are the records of incremental snapshots by row: topic and key.
	read map[string][]recorded.Event
	// last is what the last record of a row leaves of it, changed whether the stream had any.
	last    map[string]string
	changed map[string]bool
}

func apart(events []recorded.Event) records {
	r := records{read: map[string][]recorded.Event{}, last: map[string]string{}, changed: map[string]bool{}}
	for _, e := range events {
		if strings.Contains(e.Topic, ".signals_") || strings.HasSuffix(e.Topic, "-signals") {
			continue
		}
		var value struct {
			After  json.RawMessage
			Source struct{ Snapshot string }
		}
		if e.Value != nil {
			_ = json.Unmarshal([]byte(*e.Value), &value)
		}
		row := ""
		if e.Key != nil {
			row = e.Topic + " " + *e.Key
		}
		if row != "" && e.Value != nil {
			r.last[row] = string(value.After)
		}
		if value.Source.Snapshot == "incremental" {
			r.read[row] = append(r.read[row], e)
			continue
		}
		if value.Source.Snapshot == "false" {
			r.changed[row] = true
		}
		r.streamed = append(r.streamed, e)
	}
	return r
}
