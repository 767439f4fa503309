package contain

import (
	"context"
	"os"
	"path/filepath"
	"runtime/pprof"
	"strings"
	"testing"
	"time"

	"github.com/calypso-cdc/calypso/libs/testenv/reexec"
)

// end is how a process ends that keeps what it ends of in a directory.
type end struct {
	Dir string
	// Killed has it end by a kill, not by a panic.
	Killed bool
}

var ending = reexec.New("ending", func(e end) error {
	for _, part := range []string{"a", "b"} {
		if _, _, err := KeepCrash(filepath.Join(e.Dir, part, "crash.txt")); err != nil {
			return err
		}
	}
	if e.Killed {
		self, err := os.FindProcess(os.Getpid())
		if err == nil {
			err = self.Kill()
		}
		return err
	}
	pprof.Do(context.Background(), pprof.Labels("who", "the one"), func(context.Context) {
		go func() { panic("a fault") }()
		select {}
	})
	return nil
})

func TestMain(m *testing.M) {
	reexec.Run()
	os.Exit(m.Run())
}

func TestEachPartOfAProcessLearnsWhatEndedTheLastOne(t *testing.T) {
	dir := t.TempDir()
	for _, killed := range []bool{false, true, false} {
		if err := ending.Start(t, end{dir, killed}).Ends(t, time.Minute); err == nil {
			t.Fatal("the process ended in good order")
		}
		for _, part := range []string{"a", "b"} {
			path := filepath.Join(dir, part, "crash.txt")
			last, release, err := KeepCrash(path)
			if err != nil {
				t.Fatal(err)
			}
			if killed && last != "" || !killed && (!strings.HasPrefix(last, "panic: a fault") ||
				!strings.Contains(last, `labels:{"who": "the one"}`)) {
				t.Errorf("after an end by a kill (%t) part %s learns %q", killed, part, last)
			}
			release()
			if _, err := os.Stat(path); !os.IsNotExist(err) {
				t.Errorf("an end in good order leaves the file: %v", err)
			}
		}
	}
}
