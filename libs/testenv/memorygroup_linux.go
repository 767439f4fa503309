package testenv

import (
	"fmt"
	"os"
	"path/filepath"
	"sync/atomic"
	"testing"
)

// groups counts those of this process.
var groups atomic.Int64

// MemoryGroup makes a group of processes that may use so many bytes, and returns the file to which
// a process writes 0 to join it. The kernel kills processes that use more. It skips the test if
// groups may not be made.
func MemoryGroup(t testing.TB, bytes int64) (join string) {
	t.Helper()
	for _, version := range []struct{ mount, limit, swap string }{
		{"/sys/fs/cgroup/memory", "memory.limit_in_bytes", "memory.memsw.limit_in_bytes"},
		{"/sys/fs/cgroup", "memory.max", "memory.swap.max"},
	} {
		dir := filepath.Join(version.mount, fmt.Sprintf("calypso-test-%d-%d", os.Getpid(), groups.Add(1)))
		if _, err := os.Stat(filepath.Join(version.mount, "cgroup.procs")); err != nil || os.Mkdir(dir, 0o755) != nil {
			continue
		}
		t.Cleanup(func() { _ = os.Remove(dir) }) // after the processes in it, which are started later
		if err := os.WriteFile(filepath.Join(dir, version.limit), fmt.Append(nil, bytes), 0o644); err != nil {
			t.Logf("%s cannot be limited: %v", dir, err)
			continue
		}
		_ = os.WriteFile(filepath.Join(dir, version.swap), []byte("0"), 0o644) // where there is swap
		return filepath.Join(dir, "cgroup.procs")
	}
	t.Skip("left out: groups of processes with limited memory may not be made here")
	return ""
}
