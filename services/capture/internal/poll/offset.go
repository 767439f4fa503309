package poll

import (
	"encoding/json"
	"fmt"
)

// offset is how far a source was polled. The zero value is before the first row.
type offset struct {
	// stamp is the last time in microseconds since the Unix epoch, with mode timestamp only.
	stamp    int64
	hasStamp bool
	number   int64
	hasNum   bool
	// tie is the last row's primary key, as text; nil if it has none.
	tie []string
}

// offsetJSON is an offset as Confluent's connector writes it (TimestampIncrementingOffset), and the tie.
type offsetJSON struct {
	Number *int64   `json:"incrementing,omitempty"`
	Millis *int64   `json:"timestamp,omitempty"`
	Nanos  *int64   `json:"timestamp_nanos,omitempty"` // of the second
	Tie    []string `json:"tie,omitempty"`
}

// json is the offset's JSON; nil in mode bulk, which has none.
func (o offset) json(mode mode) []byte {
	if mode == bulk || !o.hasStamp && !o.hasNum {
		return nil
	}
	var v offsetJSON
	if o.hasNum {
		v.Number = &o.number
	}
	if o.hasStamp {
		millis, nanos := floorDiv(o.stamp, 1000), (o.stamp-floorDiv(o.stamp, 1e6)*1e6)*1000
		v.Millis, v.Nanos, v.Tie = &millis, &nanos, o.tie
	}
	out, err := json.Marshal(v)
	if err != nil {
		panic(err) // numbers and strings are JSON
	}
	return out
}

func floorDiv(a, b int64) int64 {
	q := a / b
	if a%b < 0 {
		q--
	}
	return q
}

func parseOffset(raw []byte) (o offset, err error) {
	var v offsetJSON
	if err := json.Unmarshal(raw, &v); err != nil {
		return o, fmt.Errorf("%.200s: %w", raw, err)
	}
	if v.Number != nil {
		o.number, o.hasNum = *v.Number, true
	}
	if v.Millis != nil {
		o.stamp, o.hasStamp, o.tie = *v.Millis*1000, true, v.Tie
		if v.Nanos != nil {
			o.stamp = floorDiv(*v.Millis, 1000)*1e6 + *v.Nanos/1000
		}
	}
	return o, nil
}
