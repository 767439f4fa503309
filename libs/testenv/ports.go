package testenv

import (
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"os"
	"path/filepath"
	"sync"
	"syscall"
)

// Ports of tests are random ones below those that Linux assigns to outgoing connections
// (ip_local_port_range), so that no connection occupies one before its server does.
const (
	firstPort = 10000
	ports     = 22000
)

// claims are the ports that this process uses. A port stays claimed until the process ends, since a
// stopped server is started again on its port.
var claims struct {
	sync.Mutex
	mine map[int]bool
	// file has a lock on the byte at the number of each port, so that other processes see the claims;
	// the kernel releases the locks when the process ends in any way.
	file *os.File
}

// FreePort returns a TCP port of 127.0.0.1 that was free a moment ago and that no other caller
// gets, in this process or in others that run tests on the machine.
func FreePort() (int, error) {
	claims.Lock()
	defer claims.Unlock()
	if claims.file == nil {
		f, err := os.OpenFile(filepath.Join(os.TempDir(), fmt.Sprintf("calypso-test-ports-%d", os.Getuid())),
			os.O_RDWR|os.O_CREATE, 0o600)
		if err != nil {
			return 0, fmt.Errorf("claim a free port: %w", err)
		}
		claims.file, claims.mine = f, map[int]bool{}
	}
	var last error
	for range 1000 {
		port := firstPort + rand.IntN(ports)
		if claims.mine[port] {
			continue
		}
		lock := syscall.Flock_t{Type: syscall.F_WRLCK, Whence: io.SeekStart, Start: int64(port), Len: 1}
		if err := syscall.FcntlFlock(claims.file.Fd(), syscall.F_SETLK, &lock); errors.Is(err, syscall.EAGAIN) ||
			errors.Is(err, syscall.EACCES) {
			last = fmt.Errorf("port %d belongs to another process", port)
			continue
		} else if err != nil {
			return 0, fmt.Errorf("claim port %d: %w", port, err)
		}
		// Kept even if something else listens on it, so that it is not tried again.
		claims.mine[port] = true
		l, err := net.Listen("tcp", fmt.Sprintf("127.0.0.1:%d", port))
		if err == nil {
			return port, l.Close()
		}
		last = err
	}
	return 0, fmt.Errorf("find a free port: %w", last)
}
