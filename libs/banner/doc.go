// Package banner recognizes by the first bytes of an answer that a server is not the intended one,
// and says what it is. At a wrong port there is more often an HTTP or SSH server than nothing, and
// a client that reads its answer as its own protocol gives a senseless error.
package banner
