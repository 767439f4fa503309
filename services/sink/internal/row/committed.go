package row

import (
	"strconv"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"
)

// CommitTime is when the transaction of a record's change was committed, by the source's clock:
// source.ts_us of its envelope, or source.ts_ms, which is up to a millisecond earlier. It is false
// of rows that a snapshot read and of values that are no envelope. It reads the whole value, so it
// is not for every record.
func (e *Encoder) CommitTime(r *kgo.Record) (time.Time, bool) {
	if e.cfg.Converter == Text || r.Value == nil {
		return time.Time{}, false
	}
	at, ok := e.committed(r.Value)
	if ok || e.cfg.Transform == nil {
		return at, ok
	}
	// The value may be of another encoding, which the transform reads.
	read, err := e.cfg.Transform(r)
	if err != nil || read == nil {
		return time.Time{}, false
	}
	return e.committed(read.Value)
}

func (e *Encoder) committed(value []byte) (time.Time, bool) {
	_, payload, err := e.dates.Split(value)
	if err != nil {
		return time.Time{}, false
	}
	var envelope Envelope
	if is, err := envelope.parse(payload, false); err != nil || !is || string(envelope.Op) == `"r"` {
		return time.Time{}, false
	}
	return changed(envelope.Source)
}

// changed is the time of a change by its source block.
func changed(source []byte) (time.Time, bool) {
	if us, err := strconv.ParseInt(string(find(source, "ts_us")), 10, 64); err == nil {
		return time.UnixMicro(us), true
	}
	ms, err := strconv.ParseInt(string(find(source, "ts_ms")), 10, 64)
	return time.UnixMilli(ms), err == nil
}
