//go:build !linux

package pgrepl

import "syscall"

// lowWater is for Linux only: elsewhere rows are read as they come.
func lowWater(syscall.RawConn, int) bool { return false }
