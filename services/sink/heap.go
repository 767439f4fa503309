package sink

import (
	"os"
	"runtime/debug"
)

// heapLimit is a soft limit of the Go heap for a process that only runs sinks, which hold that many
// bytes.
func heapLimit(buffers int64) int64 { return buffers + 96<<20 }

// seldom has a heap grow to two and a half times what lives in it before it is collected, as long as
// it keeps within its limit. Of what a sink allocates hardly anything lives on, so that with Go's
// default of 100 a quarter of its time goes into collections of a few megabytes. At 400 a million rows
// take a tenth less time than at 150, and half as much memory again.
const seldom = 150

// LimitHeap bounds the heap of a process that only runs sinks, which hold that many bytes,
// and has it collected seldom below that, unless GOMEMLIMIT or GOGC says otherwise. Without a limit
// the heap grows to twice what is held before it is collected.
func LimitHeap(buffers int64) {
	if os.Getenv("GOMEMLIMIT") != "" {
		return
	}
	debug.SetMemoryLimit(heapLimit(buffers))
	if os.Getenv("GOGC") == "" {
		debug.SetGCPercent(seldom)
	}
}
