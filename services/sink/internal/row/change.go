package row

import (
	"encoding/json"
	"strconv"
	"time"
)

// Change is what a change event says, for people: the rows are its JSON, nil where it has none.
type Change struct {
	Op            string
	Before, After []byte
	// LSN is the position in the source's log and Time the time of the change; zero if the event does not say.
	LSN  uint64
	Time time.Time
}

// ReadChange reads a value as JSON, with a schema or without. It reports false if the value is no change event.
func ReadChange(value []byte) (Change, bool) {
	var s Splitter
	_, payload, err := s.Split(value)
	if err != nil {
		return Change{}, false
	}
	var e Envelope
	if ok, err := e.parse(payload, false); !ok || err != nil {
		return Change{}, false
	}
	c := Change{}
	if op, ok := unquote(e.Op); ok {
		c.Op = string(op)
	}
	if !isNull(e.Before) {
		c.Before = e.Before
	}
	if !isNull(e.After) {
		c.After = e.After
	}
	c.LSN, _ = strconv.ParseUint(string(find(e.Source, "lsn")), 10, 64)
	if at, ok := changed(e.Source); ok {
		c.Time = at
	}
	return c, true
}

// Payload returns a value without its schema, and whether it is JSON.
func Payload(value []byte) ([]byte, bool) {
	var s Splitter
	_, payload, err := s.Split(value)
	if err != nil || !json.Valid(payload) {
		return nil, false
	}
	return payload, true
}

// IsTruncate reports whether a value, as JSON with a schema or without, is the event of a truncated table.
func IsTruncate(value []byte) bool {
	c, ok := ReadChange(value)
	return ok && c.Op == "t"
}
