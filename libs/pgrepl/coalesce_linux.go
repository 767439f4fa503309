package pgrepl

import "syscall"

// lowWater sets how many bytes make a socket count as readable (SO_RCVLOWAT, socket(7)); it returns
// false if that fails.
func lowWater(socket syscall.RawConn, bytes int) bool {
	var failed error
	err := socket.Control(func(fd uintptr) {
		failed = syscall.SetsockoptInt(int(fd), syscall.SOL_SOCKET, syscall.SO_RCVLOWAT, bytes)
	})
	return err == nil && failed == nil
}
