package pgserver

import "syscall"

// stopWithParent makes a server shut down (SIGINT: fast) when its parent is killed.
func stopWithParent(a *syscall.SysProcAttr) { a.Pdeathsig = syscall.SIGINT }
