package contain

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"runtime/pprof"
	"strings"
	"testing"
)

// crashingDir, in the environment, makes the test binary a process that ends by itself, or by a
// kill if crashingKill is set.
const (
	crashingDir  = "CONTAIN_TEST_DIR"
	crashingKill = "CONTAIN_TEST_KILL"
)

func TestMain(m *testing.M) {
	dir := os.Getenv(crashingDir)
	if dir == "" {
		os.Exit(m.Run())
	}
	for _, part := range []string{"a", "b"} {
		if _, _, err := KeepCrash(filepath.Join(dir, part, "crash.txt")); err != nil {
			panic(err)
		}
	}
	if os.Getenv(crashingKill) != "" {
		self, err := os.FindProcess(os.Getpid())
		if err == nil {
			err = self.Kill()
		}
		panic(err)
	}
	pprof.Do(context.Background(), pprof.Labels("who", "the one"), func(context.Context) {
		go func() { panic("a fault") }()
		select {}
	})
}

func TestEachPartOfAProcessLearnsWhatEndedTheLastOne(t *testing.T) {
	dir := t.TempDir()
	for _, end := range []string{"", "kill", ""} {
		process := exec.Command(os.Args[0])
		process.Env = append(os.Environ(), crashingDir+"="+dir, crashingKill+"="+end)
		if err := process.Run(); err == nil {
			t.Fatal("the process ended in good order")
		}
		for _, part := range []string{"a", "b"} {
			path := filepath.Join(dir, part, "crash.txt")
			last, release, err := KeepCrash(path)
			if err != nil {
				t.Fatal(err)
			}
			if end != "" && last != "" || end == "" && (!strings.HasPrefix(last, "panic: a fault") ||
				!strings.Contains(last, `labels:{"who": "the one"}`)) {
				t.Errorf("after an end by %q part %s learns %q", end, part, last)
			}
			release()
			if _, err := os.Stat(path); !os.IsNotExist(err) {
				t.Errorf("an end in good order leaves the file: %v", err)
			}
		}
	}
}
