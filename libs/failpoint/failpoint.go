// Package failpoint kills the process at named places, for tests that examine what a crash leaves
// behind.
package failpoint

import (
	"os"
	"strconv"
	"strings"
	"sync/atomic"
)

// Variable is the environment variable that sets a failpoint: <name>[:<n>] is the name of the
// place, and how often it is passed before the process is killed there.
const Variable = "CALYPSO_FAILPOINT"

// Set holds the failpoint. A nil Set has none.
type Set struct {
	name string
	left atomic.Int64
}

// Parse reads the variable's value; nil if it is empty.
func Parse(text string) *Set {
	if text == "" {
		return nil
	}
	name, count, _ := strings.Cut(text, ":")
	f := &Set{name: name}
	if n, err := strconv.ParseInt(count, 10, 64); err == nil {
		f.left.Store(n)
	}
	return f
}

// Pass kills the process with SIGKILL if this place is the named one and its count is used up.
func (f *Set) Pass(place string) {
	if f == nil || f.name != place || f.left.Add(-1) >= 0 {
		return
	}
	if self, err := os.FindProcess(os.Getpid()); err == nil {
		_ = self.Kill()
	}
	select {}
}
