// Package disk watches that the disk of the data directory does not fill up: a database that cannot write its log is
// lost until the next start, so writing ends while there is still some room.
package disk
