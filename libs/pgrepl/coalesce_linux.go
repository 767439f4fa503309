package pgrepl

import "syscall"

// lowWater sets from how many bytes on a socket counts as readable (SO_RCVLOWAT, socket(7)); false if it cannot be set.
func lowWater(socket syscall.RawConn, bytes int) bool {
	var failed error
	err := socket.Control(func(fd uintptr) {
		failed = syscall.SetsockoptInt(int(fd), syscall.SOL_SOCKET, syscall.SO_RCVLOWAT, bytes)
	})
	return err == nil && failed == nil
}
