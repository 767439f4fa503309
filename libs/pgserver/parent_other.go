//go:build unix && !linux

package pgserver

import "syscall"

// stopWithParent does nothing: only Linux can tie a child's life to its parent's.
func stopWithParent(*syscall.SysProcAttr) {}
