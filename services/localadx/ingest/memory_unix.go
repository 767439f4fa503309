//go:build unix

package ingest

import "syscall"

// readerMemory is what the reader of a file may allocate in bytes, of which its database takes a half at most.
const readerMemory = 1 << 30

// boundMemory lets this process end rather than take more memory.
func boundMemory() {
	_ = syscall.Setrlimit(syscall.RLIMIT_DATA, &syscall.Rlimit{Cur: readerMemory, Max: readerMemory})
}
