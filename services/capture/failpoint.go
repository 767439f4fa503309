package capture

import (
	"strconv"
	"strings"
	"sync/atomic"
	"syscall"
)

// failpoints kill the process at named places, for tests that must see what a crash leaves behind. They are set by the
// environment variable CALYPSO_FAILPOINT=<name>[:<n>], which names the place and how often it is passed unharmed.
type failpoints struct {
	name string
	left atomic.Int64
}

// failpointsFrom reads the environment variable's value; nil, which has no failpoint, if it is empty.
func failpointsFrom(text string) *failpoints {
	if text == "" {
		return nil
	}
	name, count, _ := strings.Cut(text, ":")
	f := &failpoints{name: name}
	if n, err := strconv.ParseInt(count, 10, 64); err == nil {
		f.left.Store(n)
	}
	return f
}

// pass kills the process with SIGKILL if this place is the named one and its count is used up.
func (f *failpoints) pass(place string) {
	if f == nil || f.name != place || f.left.Add(-1) >= 0 {
		return
	}
	_ = syscall.Kill(syscall.Getpid(), syscall.SIGKILL)
	select {}
}
