//go:build !unix

package ingest

// boundMemory does nothing where a process cannot bound its memory.
func boundMemory() {}
