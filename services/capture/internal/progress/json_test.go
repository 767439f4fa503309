package progress

import (
	"bytes"
	"encoding/json"
	"os"
	"reflect"
	"strings"
	"testing"

	"github.com/calypso-cdc/calypso/libs/pgrepl"
)

func text(s string) *string  { return &s }
func number(n int64) *int64  { return &n }
func key(vs ...*string) Key  { return vs }
func at(n uint64) pgrepl.LSN { return pgrepl.LSN(n) }

// recorded are the checkpoints that testdata/recorded.jsonl has, a line each, as the versions
// before this package wrote them.
var recorded = []Checkpoint{
	{},
	{At: pgrepl.Position{Commit: 1}},
	{At: pgrepl.Position{SystemID: "7445678901234567890", Timeline: 3, Commit: 0x16B374D848, Ordinal: 12,
		Delivered: 0x16B374D849}, TxID: 4294967295, CommitTime: 1764500000123456},
	{At: pgrepl.Position{SystemID: "7", Timeline: 1, Commit: 100, Ordinal: 2, Delivered: pgrepl.UnknownEnd},
		SignalOffset: number(0)},
	{At: pgrepl.Position{SystemID: "7", Timeline: 1, Commit: 100, Delivered: 100}, Snapshot: new(Snapshot)},
	{At: pgrepl.Position{SystemID: "7", Timeline: 1, Commit: 100, Delivered: 100}, SignalOffset: number(7),
		Snapshot: &Snapshot{
			Xmin: 733, Done: map[string]bool{"public.b": true, "public.<a>": true}, Tables: map[string]*Table{
				"public.t": {Next: 4096, Open: map[string]*Range{"0": {To: 4096, At: "(12,7)"}, "changed": {}}},
				"public.p": {Next: 0, Members: map[string]*Table{"public.p1": {Next: -1},
					"public.p2": {Next: 8192, Open: map[string]*Range{"4096": {To: 8192}}}}},
			}}},
	{At: pgrepl.Position{SystemID: "7", Timeline: 1, Commit: 100}},
	{At: pgrepl.Position{SystemID: "7", Timeline: 1, Commit: 100}, TxID: 5, CommitTime: 9, SignalOffset: number(7),
		Incremental: &Incremental{
			Collections: []Collection{{Table: pgrepl.Table{Schema: "public", Name: "t"}, Filter: "id > 5 AND x < 'y'", Key: "id",
				Estimate: -1}, {Table: pgrepl.Table{Schema: "s", Name: "u"}}},
			Last: key(text("1"), nil), Max: key(text(`a'"\<é`), text("1")), Rows: 1024, Signal: "a-b", Paused: true}},
}

func TestCheckpointsOfEarlierVersionsAreReadAndWrittenByteForByte(t *testing.T) {
	lines, err := os.ReadFile("testdata/recorded.jsonl")
	if err != nil {
		t.Fatal(err)
	}
	all := bytes.Split(bytes.TrimSpace(lines), []byte("\n"))
	if len(all) != len(recorded) {
		t.Fatalf("%d recorded checkpoints, want %d", len(all), len(recorded))
	}
	for i, line := range all {
		var read Checkpoint
		if err := json.Unmarshal(line, &read); err != nil || !reflect.DeepEqual(read, recorded[i]) {
			t.Errorf("%s\nread as %+v, %v\nwant    %+v", line, read, err, recorded[i])
		}
		written, err := json.Marshal(recorded[i])
		if err != nil || !bytes.Equal(written, line) {
			t.Errorf("%+v\nwritten as %s, %v\nwant       %s", recorded[i], written, err, line)
		}
	}
}

func TestAnOffsetOfDebeziumsIsTakenOver(t *testing.T) {
	for value, want := range map[string]Checkpoint{
		`{"lsn_proc":34220200,"messageType":"INSERT","lsn_commit":34219880,"lsn":34220200,"txId":653,"ts_usec":1602057392691000}`: {At: pgrepl.Position{Commit: at(34219880)}, TxID: 653, CommitTime: 1602057392691000},
		`{"lsn":34220200}`: {At: pgrepl.Position{Commit: at(34220200)}},
		`{"lsn":34220200,"snapshot":"INITIAL","snapshot_completed":false}`: {At: pgrepl.Position{Commit: at(34220200)},
			Snapshot: new(Snapshot)},
		`{"lsn":34220200,"snapshot":true}`: {At: pgrepl.Position{Commit: at(34220200)},
			Snapshot: new(Snapshot)},
		`{"lsn":34220200,"snapshot":"INITIAL","snapshot_completed":true}`: {At: pgrepl.Position{Commit: at(34220200)}},
		`{"lsn":34220200,"snapshot_completed":true}`:                      {At: pgrepl.Position{Commit: at(34220200)}},
		`{"lsn":34220200,"incremental_snapshot":null}`:                    {At: pgrepl.Position{Commit: at(34220200)}},
	} {
		var c Checkpoint
		if err := json.Unmarshal([]byte(value), &c); err != nil || !reflect.DeepEqual(c, want) {
			t.Errorf("%s\nread as %+v, %v", value, c, err)
		}
	}
}

func TestACheckpointThatNoCaptureWritesIsRefused(t *testing.T) {
	for name, c := range map[string]struct{ value, says string }{
		"no JSON":                      {"\x00", "invalid"},
		"a list":                       {`[]`, "array"},
		"no position":                  {`{}`, "lsn"},
		"a position that is no number": {`{"lsn":"x"}`, "position"},
		"a snapshot of texts":          {`{"lsn":1,"snapshot":{"tables":"x"}}`, "snapshot"},
		"a table that is null":         {`{"lsn":1,"snapshot":{"tables":{"a.b":null}}}`, "a.b"},
		"a range that is null": {`{"lsn":1,"snapshot":{"tables":{"a.b":{"next":1,"open":{"0":null}}}}}`,
			"a.b"},
		"a member that is null":                  {`{"lsn":1,"snapshot":{"tables":{"a.b":{"next":1,"members":{"a.c":null}}}}}`, "a.b"},
		"an incremental snapshot that is a text": {`{"lsn":1,"incremental_snapshot":"x"}`, "incremental_snapshot"},
	} {
		if err := json.Unmarshal([]byte(c.value), new(Checkpoint)); err == nil || !strings.Contains(err.Error(), c.says) {
			t.Errorf("%s: %v, want an error with %q", name, err, c.says)
		}
	}
}

func FuzzACheckpointIsReadOrRefused(f *testing.F) {
	f.Add(
		[]byte(
			`{"lsn":1,"txId":1,"ts_usec":1,"snapshot":{"xmin":1,"done":{"a.b":true},"tables":{"a.b":{"next":1,"open":{"0":{"to":5,"at":"(1,2)"}}}}}}`))
	f.Add([]byte(`{"lsn":1,"incremental_snapshot":{"collections":[{"table":{}}],"last":[],"rows":-1},"signal_offset":-1}`))
	f.Fuzz(func(t *testing.T, value []byte) {
		var c Checkpoint
		if json.Unmarshal(value, &c) != nil {
			return
		}
		again, err := json.Marshal(c)
		if err == nil {
			err = json.Unmarshal(again, new(Checkpoint))
		}
		if err != nil {
			t.Errorf("%s was read and is written as %s: %v", value, again, err)
		}
	})
}
