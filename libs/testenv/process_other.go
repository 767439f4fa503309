//go:build unix && !linux

package testenv

import "syscall"

// childAttributes makes a child run as uid and gid unless uid is negative. Only Linux can tie its life to its parent's.
func childAttributes(uid, gid int, _ syscall.Signal) *syscall.SysProcAttr {
	a := &syscall.SysProcAttr{}
	if uid >= 0 {
		a.Credential = &syscall.Credential{Uid: uint32(uid), Gid: uint32(gid)}
	}
	return a
}
