package capture

import (
	"bytes"
	"encoding/json"
	"reflect"
	"strings"
	"testing"

	"github.com/calypso-cdc/calypso/libs/pgrepl"
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

func TestACheckpointSurvivesItsJSON(t *testing.T) {
	one := "1"
	c := checkpoint{at: pgrepl.Position{SystemID: "1", Timeline: 1, Commit: 1 << 60, Ordinal: 3}, txID: 7, commitTime: 8, signalOffset: new(int64),
		snapshot:    &snapshotProgress{Xmin: 5, Done: map[string]bool{"a.b": true}, Tables: map[string]*tableProgress{"a.c": {Next: 10, Open: map[string]*openRange{"5": {To: 10, At: "(6,1)"}}, Members: map[string]*tableProgress{"a.d": {Next: -1}}}}},
		incremental: &incrementalProgress{Collections: []collection{{Table: pgrepl.Table{Schema: "a", Name: "c"}, Filter: "x > 1"}}, Last: keyValues{&one, nil}, Max: keyValues{nil, nil}}}
	text, err := json.Marshal(&c)
	if err != nil {
		t.Fatal(err)
	}
	var read checkpoint
	if err := json.Unmarshal(text, &read); err != nil || !reflect.DeepEqual(read, c) {
		t.Errorf("%s\nread as %+v, %v", text, read, err)
	}
	again, err := json.Marshal(&read)
	if err != nil || !bytes.Equal(text, again) {
		t.Errorf("%s\nwritten again as %s, %v", text, again, err)
	}
}

func TestADebeziumOffsetIsTakenOver(t *testing.T) {
	var c checkpoint
	if err := json.Unmarshal([]byte(`{"lsn_proc":34220200,"messageType":"INSERT","lsn_commit":34219880,"lsn":34220200,"txId":653,"ts_usec":1602057392691000}`), &c); err != nil || c.at.Commit != 34219880 || c.snapshot != nil {
		t.Errorf("read as %+v, %v", c, err)
	}
	if err := json.Unmarshal([]byte(`{"lsn":34220200,"snapshot":"INITIAL","snapshot_completed":false}`), &c); err != nil || c.snapshot == nil {
		t.Errorf("an unfinished snapshot was read as %+v, %v", c, err)
	}
}
