//go:build !linux

package pgrepl

import "syscall"

// lowWater works only on Linux: elsewhere rows are read as they come.
func lowWater(syscall.RawConn, int) bool { return false }
