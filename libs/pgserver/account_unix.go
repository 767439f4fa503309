//go:build unix

package pgserver

import (
	"os"
	"path/filepath"
	"syscall"
)

// attributes makes a child run as the account, in a process group of its own.
func (a Account) attributes() *syscall.SysProcAttr {
	attributes := &syscall.SysProcAttr{Setpgid: true}
	if a.Switches {
		attributes.Credential = &syscall.Credential{Uid: uint32(a.UID), Gid: uint32(a.GID)}
	}
	stopWithParent(attributes)
	return attributes
}

// canEnter reports whether the account may enter dir and all directories above it that exist.
func (a Account) canEnter(dir string) bool {
	for ; ; dir = filepath.Dir(dir) {
		info, err := os.Stat(dir)
		if err == nil {
			mode := info.Mode().Perm()
			stat, ok := info.Sys().(*syscall.Stat_t)
			var enter os.FileMode = 0o001
			switch {
			case ok && int(stat.Uid) == a.UID:
				enter = 0o100
			case ok && int(stat.Gid) == a.GID:
				enter = 0o010
			}
			if mode&enter == 0 {
				return false
			}
		}
		if dir == filepath.Dir(dir) {
			return true
		}
	}
}
