package testenv_test

import (
	"encoding/json"
	"testing"
	"time"

	"github.com/calypso-cdc/calypso/libs/testenv"
	"github.com/calypso-cdc/calypso/libs/testenv/reexec"
)

// ports keeps so many ports while it runs.
var ports = reexec.New("ports", func(n int) error {
	kept := make([]int, n)
	for i := range kept {
		var err error
		if kept[i], err = testenv.FreePort(); err != nil {
			return err
		}
	}
	text, err := json.Marshal(kept)
	if err != nil {
		return err
	}
	if err := reexec.Ready(string(text)); err != nil {
		return err
	}
	time.Sleep(time.Hour)
	return nil
})

func TestAPortIsGivenOnceOverAllProcesses(t *testing.T) {
	const each = 2000
	seen := map[int]bool{}
	add := func(port int) {
		if seen[port] {
			t.Errorf("port %d was given twice", port)
		}
		seen[port] = true
	}
	var others []int
	if err := json.Unmarshal([]byte(ports.Start(t, each).Ready(t, time.Minute)), &others); err != nil {
		t.Fatal(err)
	}
	for _, port := range others {
		add(port)
	}
	for range each {
		add(testenv.Port(t))
	}
	if len(seen) != 2*each {
		t.Errorf("%d ports, want %d", len(seen), 2*each)
	}
}
