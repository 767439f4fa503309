package verify

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
)

// Op is what happened to a row: Debezium's code.
type Op string

const (
	Create Op = "c"
	Update Op = "u"
	Delete Op = "d"
	// Read is a row of an initial or incremental snapshot.
	Read Op = "r"
	// Truncate empties a table: a change of the table itself, without key and row.
	Truncate Op = "t"
)

// Row is a row or key in canonical form: a JSON object with its columns sorted and every value a string or null. Equal
// rows are equal strings. A deleted row is "".
type Row string

// NewRow makes the canonical form of a row's values: strings, json.Number, bool and nil; anything
// else is written as JSON.
func NewRow(values map[string]any) Row {
	var b bytes.Buffer
	b.WriteByte('{')
	for i, name := range slices.Sorted(maps.Keys(values)) {
		if i > 0 {
			b.WriteByte(',')
		}
		writeJSON(&b, name)
		b.WriteByte(':')
		switch v := values[name].(type) {
		case nil:
			b.WriteString("null")
		case string:
			writeJSON(&b, v)
		case json.Number:
			writeJSON(&b, v.String())
		default:
			text, err := json.Marshal(v)
			if err != nil {
				text = fmt.Append(nil, v)
			}
			writeJSON(&b, string(text))
		}
	}
	b.WriteByte('}')
	return Row(b.String())
}

func writeJSON(b *bytes.Buffer, s string) {
	text, _ := json.Marshal(s) // a string always marshals
	b.Write(text)
}

// parseRow reads a JSON object as a row; null and no bytes at all are no row.
func parseRow(data []byte) (Row, error) {
	values, err := parseObject(data)
	if err != nil || values == nil {
		return "", err
	}
	return NewRow(values), nil
}

func parseObject(data []byte) (map[string]any, error) {
	if len(data) == 0 {
		return nil, nil
	}
	dec := json.NewDecoder(bytes.NewReader(data))
	dec.UseNumber()
	var values map[string]any
	if err := dec.Decode(&values); err != nil {
		return nil, fmt.Errorf("read a row from %.200q: %w", data, err)
	}
	return values, nil
}

// Only returns the row with no other columns than these, in canonical form; the row itself if there are none given.
func (r Row) Only(columns ...string) Row {
	if r == "" || len(columns) == 0 {
		return r
	}
	all, err := parseObject([]byte(r))
	if err != nil {
		return r
	}
	some := make(map[string]any, len(columns))
	for _, c := range columns {
		some[c] = all[c]
	}
	return NewRow(some)
}

// alike reports whether two rows are equal in the columns that both have, of which there must be one.
func alike(a, b Row) bool {
	of, err1 := parseObject([]byte(a))
	other, err2 := parseObject([]byte(b))
	if err1 != nil || err2 != nil {
		return false
	}
	common := 0
	for name, value := range of {
		if also, both := other[name]; both {
			common++
			// Rows in canonical form have texts and nulls only.
			if value != also {
				return false
			}
		}
	}
	return common > 0
}

// Change is one committed change of one row.
type Change struct {
	// Table is schema.table.
	Table string
	// Key is the row's primary key.
	Key Row
	Op  Op
	// Row is the row after the change; "" for a delete.
	Row Row
	// Before is the row before the change, as far as the event has it; "" for none, and in histories.
	Before Row
	// LSN is the change's place in PostgreSQL's log, 0 where it is not known.
	LSN uint64
	// Transaction is the number of the transaction, without its epoch; 0 where it is not known.
	Transaction int64
	// Where says where the change was read, for messages: "topic/partition@offset", "history 17".
	Where string
	// Partition is the Kafka partition; -1 elsewhere.
	Partition int32
}

func (c Change) String() string {
	return strings.TrimSpace(fmt.Sprintf("%s %s %s %s (%s)", c.Table, c.Op, c.Key, c.Row, c.Where))
}

// Guarantee says which deviations a comparison accepts.
type Guarantee int

const (
	// ExactlyOnce accepts none.
	ExactlyOnce Guarantee = iota
	// AtLeastOnce accepts repetitions that a restart explains: a key's changes again from some point, in order.
	AtLeastOnce
)

// Report is the outcome of a comparison. The zero value is a comparison of nothing.
type Report struct {
	// Expected and Compared count the changes on both sides.
	Expected, Compared int
	// Lost were committed and did not arrive.
	Lost []Change
	// Phantom arrived and were never committed.
	Phantom []Change
	// Repeated arrived again. They are failures only where the guarantee was ExactlyOnce.
	Repeated []Change
	// Disordered arrived in another partition than the key's first change, or is a snapshot's row older than what the
	// topic had of it before.
	Disordered []Change

	promise Promise
}

// Err returns nil if the guarantee holds, else an error that counts the changes that break it and
// shows the first of each kind.
func (r Report) Err() error {
	var said []string
	note := func(what string, changes []Change) {
		if len(changes) > 0 {
			said = append(said, fmt.Sprintf("%d %s, first: %v", len(changes), what, changes[0]))
		}
	}
	note("lost", r.Lost)
	note("never committed", r.Phantom)
	note("out of order", r.Disordered)
	if r.promise.Guarantee == ExactlyOnce {
		note("delivered again", r.Repeated)
	}
	if len(said) == 0 {
		return nil
	}
	return fmt.Errorf("of %d changes: %s", r.Expected, strings.Join(said, "; "))
}

// Failures returns the deviations that the promise does not accept.
func (r Report) Failures() []Failure {
	var failures []Failure
	note := func(says string, changes []Change) {
		for _, c := range changes {
			failures = append(failures, Failure{"identity", c, says})
		}
	}
	note("lost", r.Lost)
	note("never committed", r.Phantom)
	note("out of order", r.Disordered)
	if r.promise.Guarantee == ExactlyOnce {
		note("delivered again", r.Repeated)
	}
	return failures
}

func (r Report) String() string {
	return fmt.Sprintf("%d changes expected, %d found: %d lost, %d never committed, %d delivered again, %d out of order",
		r.Expected, r.Compared, len(r.Lost), len(r.Phantom), len(r.Repeated), len(r.Disordered))
}
