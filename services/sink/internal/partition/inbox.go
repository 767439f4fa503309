package partition

import (
	"sync"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"
)

// inbox is where the poll loop leaves fetched records; it never blocks the poll loop.
type inbox struct {
	// pause has the partition not fetched until resume is called.
	pause, resume func()
	// signal tells the partition's goroutine that there is something to take.
	signal chan struct{}

	mu      sync.Mutex
	fetches []Fetched
	bytes   int64
	// paused is since when the partition is paused, zero if it is not; it resumes at low.
	paused time.Time
	low    int64
	// quiet says that the partition has nothing left to do; putting records in unsets it.
	quiet bool
	// closed says that nobody takes from it any longer.
	closed bool
}

// Fetched is what one fetch brought of the partition.
type Fetched struct {
	Records []*kgo.Record
	Bytes   int64
	// End is the last stable offset.
	End int64
}

func newInbox(pause, resume func()) *inbox {
	return &inbox{pause: pause, resume: resume, signal: make(chan struct{}, 1)}
}

// put takes fetched records, and pauses the partition if more than high bytes wait. Pausing and
// resuming happen under the lock: a pause that came after its resume would last for ever. It
// reports false if the inbox is closed.
func (in *inbox) put(f Fetched, high int64) bool {
	in.mu.Lock()
	if in.closed {
		in.mu.Unlock()
		return false
	}
	in.quiet = false
	in.fetches = append(in.fetches, f)
	in.bytes += f.Bytes
	if in.bytes > high && in.paused.IsZero() {
		in.paused, in.low = time.Now(), high/2
		in.pause()
	}
	in.mu.Unlock()
	select {
	case in.signal <- struct{}{}:
	default:
	}
	return true
}

// take returns the next fetched records, and resumes the partition when few are left. idle says
// that the partition has nothing to do except what is in its inbox.
func (in *inbox) take(idle bool) (f Fetched, ok bool) {
	in.mu.Lock()
	defer in.mu.Unlock()
	if len(in.fetches) == 0 {
		in.quiet = idle
		return Fetched{}, false
	}
	f = in.fetches[0]
	in.fetches[0] = Fetched{} // its records are not to be held by the queue
	in.fetches = in.fetches[1:]
	in.bytes -= f.Bytes
	if !in.paused.IsZero() && in.bytes <= in.low {
		in.paused = time.Time{}
		in.resume()
	}
	return f, true
}

// waiting returns the records of each fetch that nobody has taken yet.
func (in *inbox) waiting() (records [][]*kgo.Record) {
	in.mu.Lock()
	defer in.mu.Unlock()
	for _, f := range in.fetches {
		records = append(records, f.Records)
	}
	return records
}

// close makes put refuse records from now on, and returns how many bytes are dropped.
func (in *inbox) close() (bytes int64) {
	in.mu.Lock()
	defer in.mu.Unlock()
	bytes = in.bytes
	in.fetches, in.bytes, in.closed = nil, 0, true
	return bytes
}

// state is how many bytes wait, since when the partition is paused (zero if it is not), and whether
// it has nothing left to do.
func (in *inbox) state() (bytes int64, paused time.Time, quiet bool) {
	in.mu.Lock()
	defer in.mu.Unlock()
	return in.bytes, in.paused, in.quiet
}
