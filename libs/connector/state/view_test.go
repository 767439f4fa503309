package state

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/calypso-cdc/calypso/libs/connector/catalogue"
)

func TestRecordsOfKafkaConnectItselfAreUnderstood(t *testing.T) {
	v := NewView()
	for key, value := range map[string]string{
		"connector-src":    `{"properties":{"connector.class":"FileStreamSource","name":"src"}}`,
		"target-state-src": `{"state":"PAUSED","state.v2":"STOPPED"}`,
		"target-state-old": `{"state":"PAUSED"}`, // before KIP-875
		"task-src-0":       `{"properties":{}}`,
		"commit-src":       `{"tasks":1}`,
		"session-key":      `{"key":"AA==","algorithm":"HmacSHA256","creation-timestamp":1}`,
	} {
		if _, _, err := v.ApplyConfig(7, 1000, key, []byte(value)); err != nil {
			t.Errorf("%s: %v", key, err)
		}
	}
	if c := v.connectors["src"]; c == nil || c.Config["connector.class"] != "FileStreamSource" || c.Generation != 7 {
		t.Errorf("%+v", c)
	}
	if v.targetOf("src") != TargetStopped || v.targetOf("old") != TargetPaused || v.targetOf("new") != TargetStarted {
		t.Errorf("targets: %v", v.targets)
	}
	for key, value := range map[string]string{
		"status-connector-src":          `{"state":"RUNNING","trace":null,"worker_id":"127.0.0.1:8083","generation":2,"version":"4.3.1"}`,
		"status-task-src-0":             `{"state":"FAILED","trace":"why","worker_id":"127.0.0.1:8083","generation":2}`,
		"status-topic-t1:connector-src": `{"topic":{"name":"t1","connector":"src","task":0,"discoverTimestamp":1}}`,
	} {
		if _, err := v.ApplyStatus(key, []byte(value)); err != nil {
			t.Errorf("%s: %v", key, err)
		}
	}
	statuses := v.statuses["src"].clone()
	if statuses.Connector.State != Running || statuses.Tasks[0].Trace != "why" || len(statuses.SortedTopics()) != 1 {
		t.Errorf("%+v", statuses)
	}
	for _, key := range []string{"status-connector-src", "status-task-src-0", "status-topic-t1:connector-src"} {
		if _, err := v.ApplyStatus(key, nil); err != nil {
			t.Error(err)
		}
	}
	if len(v.statuses) != 0 {
		t.Errorf("tombstones leave %v", v.statuses)
	}
}

func TestANameThatEndsLikeATaskIsNotTakenForOne(t *testing.T) {
	v := NewView()
	status, _ := json.Marshal(StatusRecord{State: Running})
	for _, id := range []TaskID{{"orders", 0}, {"orders-0", 1}, {"orders-0-1", 2}} {
		if changed, err := v.ApplyStatus(TaskStatusKey(id), status); err != nil || changed != id.Connector {
			t.Errorf("%s: %s %v", id, changed, err)
		}
	}
	if len(v.statuses) != 3 {
		t.Errorf("%v", v.statuses)
	}
}

func TestVersionsOutliveCompactionAndEndWithTheConnector(t *testing.T) {
	const name = "orders-1-2"
	written := map[string][]byte{} // what compaction leaves
	for version := int64(1); version <= 50; version++ {
		record, err := json.Marshal(ConfigRecord{Version: version})
		if err != nil {
			t.Fatal(err)
		}
		written[versionRecordKey(name, version)] = record
		written[versionRecordKey("1-"+name, version)] = record
	}
	v := NewView()
	for key, value := range written {
		if _, _, err := v.ApplyConfig(1, 2, key, value); err != nil {
			t.Fatal(err)
		}
	}
	if len(v.earlier) != 2 || len(v.earlier[name]) != keptVersions-1 {
		t.Fatalf("%d connectors, %d versions of one", len(v.earlier), len(v.earlier[name]))
	}
	for _, record := range v.earlier[name] {
		if record.Version <= 50-(keptVersions-1) {
			t.Errorf("version %d is kept", record.Version)
		}
	}
	for key := range written {
		if _, _, err := v.ApplyConfig(1, 2, key, nil); err != nil {
			t.Fatal(err)
		}
	}
	if len(v.earlier) != 0 {
		t.Errorf("tombstones leave %v", v.earlier)
	}
}

func TestRecordsThatNoWorkerWritesAreRefusedByName(t *testing.T) {
	for name, c := range map[string]struct{ key, value, says string }{
		"no JSON":                           {"connector-a", "\x00\xff", "connector-a"},
		"properties that are no texts":      {"connector-a", `{"properties":{"a":{"b":1}}}`, "connector-a"},
		"a connector without a name":        {"connector-", `{"properties":{"a":"b"}}`, "names no connector"},
		"a connector without configuration": {"connector-a", `null`, "no configuration"},
		"more tasks than a connector has": {"connector-a", `{"properties":{"a":"b"},"tasks":4611686018427387904}`,
			"4611686018427387904 tasks"},
		"fewer tasks than none": {"connector-a", `{"properties":{"a":"b"},"tasks":-1}`, "-1 tasks"},
		"a version after which there is none": {"connector-a", `{"properties":{},"version":9223372036854775807}`,
			"version 9223372036854775807"},
		"such an earlier version":     {"config-version-3-a", `{"properties":{},"version":-7}`, "version -7"},
		"a target that there is not":  {"target-state-a", `{"state":"EXPLODED"}`, "EXPLODED"},
		"no target":                   {"target-state-a", `{}`, "STARTED, PAUSED and STOPPED"},
		"a restart of a task by text": {"restart-task-a-1", `{"connector":"a","task":"one"}`, "restart-task-a-1"},
	} {
		v := NewView()
		_, request, err := v.ApplyConfig(1, 2, c.key, []byte(c.value))
		if err == nil || !strings.Contains(err.Error(), c.says) || request != nil {
			t.Errorf("%s: %v %v", name, request, err)
		}
		if len(v.connectors)+len(v.targets)+len(v.earlier) > 0 {
			t.Errorf("%s leaves %+v", name, v)
		}
	}
	v := NewView()
	if _, _, err := v.ApplyConfig(1, 2, "target-state-a",
		[]byte(`{"state":"PAUSED","state.v2":"OF_LATER_WORKERS"}`)); err != nil || v.targetOf("a") != TargetPaused {
		t.Errorf("a state of later workers, with the nearest that is known: %s %v", v.targetOf("a"), err)
	}
	for _, key := range []string{"status-connector-a", "status-task-a-0"} {
		for _, value := range []string{`{"state":"EXPLODED"}`, `{}`, "garbage", `[]`} {
			v := NewView()
			if _, err := v.ApplyStatus(key, []byte(`{"state":"RUNNING"}`)); err != nil {
				t.Fatal(err)
			}
			if _, err := v.ApplyStatus(key, []byte(value)); err == nil || !strings.Contains(err.Error(), key) ||
				len(v.statuses) > 0 {
				t.Errorf("%s of %s: %v, %v", value, key, err, v.statuses)
			}
		}
	}
}

func FuzzRecordsAreReadWithoutPanic(f *testing.F) {
	f.Add("connector-a", []byte(`{"properties":{"a":"b"},"tasks":2}`))
	f.Add("config-version-3-a", []byte(`{"properties":{"a":"b"},"version":3,"changed":["a"]}`))
	f.Add("connector-a", []byte(`{"properties":{"a":"b"},"tasks":4611686018427387904,"version":-1}`))
	f.Add("target-state-a", []byte(`{"state":"X"}`))
	f.Add("restart-task-a-1", []byte(`{"connector":"a","task":1}`))
	f.Add("status-task-a-99999999999999999999", []byte(`{}`))
	f.Add("status-topic-:connector-", []byte(nil))
	f.Fuzz(func(t *testing.T, key string, value []byte) {
		v := NewView()
		for _, content := range [][]byte{value, nil} {
			_, _, _ = v.ApplyConfig(1, 2, key, content)
			_, _ = v.ApplyStatus(key, content)
			for name, connector := range v.connectors {
				if name == "" || connector.Tasks < 0 || connector.Tasks > catalogue.MaxTasks {
					t.Errorf("connector %q has %d tasks", name, connector.Tasks)
				}
			}
		}
	})
}
