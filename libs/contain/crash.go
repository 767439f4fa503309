package contain

import (
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime/debug"
	"slices"
	"strings"
	"sync"
)

// maxCrashText bounds how many bytes of a crash are read; the goroutine that ended the process
// comes first.
const maxCrashText = 64 << 10

// kept holds the names of the file to which the runtime writes why the process ends; there is only
// one for the process.
var kept struct {
	sync.Mutex
	names []string
}

// KeepCrash makes the runtime write to a file why this process crashes, with the labels of the
// goroutine that ended it. It returns the beginning of what an earlier process wrote there; the
// whole text is kept as <path>.last. A process that is killed writes nothing. Parts of one process
// may each keep a file of their own, all on one file system. release removes this file.
func KeepCrash(path string) (last string, release func(), err error) {
	kept.Lock()
	defer kept.Unlock()
	if last, err = beginning(path); err != nil {
		return "", nil, fmt.Errorf("read why the last process ended: %w", err)
	}
	if last != "" {
		err = os.Rename(path, path+".last")
	} else if err = os.Remove(path); os.IsNotExist(err) {
		err = os.MkdirAll(filepath.Dir(path), 0o700)
	}
	if err != nil {
		return "", nil, fmt.Errorf("put aside why the last process ended: %w", err)
	}
	if !slices.ContainsFunc(kept.names, func(other string) bool { return os.Link(other, path) == nil }) {
		if err := redirect(path); err != nil {
			return "", nil, fmt.Errorf("have the runtime write why this process ends: %w", err)
		}
	}
	kept.names = append(kept.names, path)
	return last, sync.OnceFunc(func() {
		kept.Lock()
		defer kept.Unlock()
		_ = os.Remove(path)
		kept.names = slices.DeleteFunc(kept.names, func(name string) bool { return name == path })
		if len(kept.names) == 0 {
			_ = debug.SetCrashOutput(nil, debug.CrashOptions{})
		}
	}), nil
}

func beginning(path string) (string, error) {
	file, err := os.Open(path)
	if os.IsNotExist(err) {
		return "", nil
	}
	if err != nil {
		return "", err
	}
	defer file.Close()
	text, err := io.ReadAll(io.LimitReader(file, maxCrashText))
	return strings.TrimSpace(string(text)), err
}

func redirect(path string) error {
	const labels = "tracebacklabels=1"
	if set := os.Getenv("GODEBUG"); !strings.HasSuffix(set, labels) {
		if err := os.Setenv("GODEBUG", strings.TrimPrefix(set+","+labels, ",")); err != nil {
			return err
		}
	}
	file, err := os.OpenFile(path, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	defer file.Close() // the runtime has a copy
	return debug.SetCrashOutput(file, debug.CrashOptions{})
}
