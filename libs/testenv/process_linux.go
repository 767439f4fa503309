package testenv

import "syscall"

// childAttributes makes a child receive sig when its parent dies, and run as uid and gid unless uid is negative.
func childAttributes(uid, gid int, sig syscall.Signal) *syscall.SysProcAttr {
	a := &syscall.SysProcAttr{Pdeathsig: sig}
	if uid >= 0 {
		a.Credential = &syscall.Credential{Uid: uint32(uid), Gid: uint32(gid)}
	}
	return a
}
