package row

import (
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"
)

func TestTheCommitTimeIsTheSourcesAndOfChangesOnly(t *testing.T) {
	const schema = `{"schema":{"type":"struct","name":"a.Envelope","fields":[]},"payload":`
	for name, test := range map[string]struct {
		value string
		want  time.Time
		found bool
	}{
		"in microseconds": {`{"before":null,"after":{"ts_us":1},"source":{"ts_ms":1700000000123,"ts_us":1700000000123456},"op":"c","ts_ms":9}`, time.UnixMicro(1700000000123456), true},
		"in milliseconds": {`{"before":null,"after":{"id":1},"source":{"ts_ms":1700000000123},"op":"u","ts_ms":9}`,
			time.UnixMilli(1700000000123), true},
		"of a delete": {`{"before":{"id":1},"after":null,"source":{"ts_ms":5},"op":"d"}`, time.UnixMilli(5), true},
		"beside its schema": {schema + `{"before":null,"after":{"id":1},"source":{"ts_ms":7},"op":"c"}}`,
			time.UnixMilli(7), true},
		"of a snapshot's row":   {`{"before":null,"after":{"id":1},"source":{"ts_ms":5},"op":"r"}`, time.Time{}, false},
		"of a plain row":        {`{"id":1,"ts_ms":5}`, time.Time{}, false},
		"of a source without":   {`{"before":null,"after":{"id":1},"source":{"lsn":1},"op":"c"}`, time.Time{}, false},
		"of what is no JSON":    {`{"before":`, time.Time{}, false},
		"of a time that is not": {`{"before":null,"after":{"id":1},"source":{"ts_ms":"soon"},"op":"c"}`, time.Time{}, false},
	} {
		e := NewEncoder(Config{Unwrap: true}, Target{})
		got, found := e.CommitTime(&kgo.Record{Value: []byte(test.value)})
		if found != test.found || found && !got.Equal(test.want) {
			t.Errorf("%s: %v, %v", name, got, found)
		}
	}
	if _, found := NewEncoder(Config{}, Target{}).CommitTime(&kgo.Record{}); found {
		t.Error("a tombstone has a commit time")
	}
}
