// Package banner recognises a server that is not the one which is meant, by the first bytes that it
// sends, and says what it is: a wrong port is answered by an HTTP or SSH server more often than by
// nobody, and a client that takes its words for its own protocol makes no sense of them.
package banner
