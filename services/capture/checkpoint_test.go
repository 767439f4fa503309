package capture

import (
	"encoding/json"
	"strings"
	"testing"
)

func TestACheckpointThatNoCaptureWritesIsRefused(t *testing.T) {
	for name, c := range map[string]struct{ value, says string }{
		"no JSON":                                {"\x00", "invalid"},
		"a list":                                 {`[]`, "array"},
		"no position":                            {`{}`, "lsn"},
		"a position that is no number":           {`{"lsn":"x"}`, "position"},
		"a table that is null":                   {`{"lsn":1,"snapshot":{"tables":{"a.b":null}}}`, "a.b"},
		"a range that is null":                   {`{"lsn":1,"snapshot":{"tables":{"a.b":{"next":1,"open":{"0":null}}}}}`, "a.b"},
		"a member that is null":                  {`{"lsn":1,"snapshot":{"tables":{"a.b":{"next":1,"members":{"a.c":null}}}}}`, "a.b"},
		"an incremental snapshot that is a text": {`{"lsn":1,"incremental_snapshot":"x"}`, "incremental_snapshot"},
	} {
		if err := json.Unmarshal([]byte(c.value), new(checkpoint)); err == nil || !strings.Contains(err.Error(), c.says) {
			t.Errorf("%s: %v, want an error with %q", name, err, c.says)
		}
	}
}

func FuzzACheckpointIsReadOrRefused(f *testing.F) {
	f.Add([]byte(`{"lsn":1,"txId":1,"ts_usec":1,"snapshot":{"xmin":1,"done":{"a.b":true},"tables":{"a.b":{"next":1,"open":{"0":{"to":5,"at":"(1,2)"}}}}}}`))
	f.Add([]byte(`{"lsn":1,"incremental_snapshot":{"collections":[{"table":{}}],"last":[],"rows":-1},"signal_offset":-1}`))
	f.Fuzz(func(t *testing.T, value []byte) {
		var c checkpoint
		if json.Unmarshal(value, &c) != nil {
			return
		}
		again, err := json.Marshal(&c)
		if err == nil {
			err = json.Unmarshal(again, new(checkpoint))
		}
		if err != nil {
			t.Errorf("%s was read and is written as %s: %v", value, again, err)
		}
	})
}
