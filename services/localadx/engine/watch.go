package engine

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"runtime/debug"
	"strconv"
	"sync/atomic"
	"time"
)

const (
	// farInterval is how often the process's memory is looked at while there is much room, and
	// nearInterval while there is little: two cores fill some megabytes in a millisecond.
	farInterval  = 20 * time.Millisecond
	nearInterval = 2 * time.Millisecond
	// endGrace is what a query that was ended has to give its memory back before another is ended,
	// unless the process takes endGrowth more meanwhile.
	endGrace  = 10 * time.Second
	endGrowth = 16 << 20
	// cleanInterval is the least time between two collections of garbage.
	cleanInterval = 200 * time.Millisecond
	// waitForRoom is how long a query waits at most for others to give memory back.
	waitForRoom = 10 * time.Second
)

// Watcher ends queries, the newest first, while the process has more memory than it may. The
// database keeps what its joins, sorts and tables take within its own limit; of the states of many
// aggregates, of windows and of what functions compute it knows nothing.
type Watcher struct {
	// Full is from how much memory on no query begins, and End from how much on queries are ended;
	// those whose states double (kql.Plan.Doubles) are ended from Early on. All are bytes of the
	// process.
	Early, Full, End int64

	clean chan struct{}
}

// memoryIsShort is set while the process has more memory than Watcher.Full.
var memoryIsShort atomic.Bool

// Watch watches until ctx ends. Where the system does not tell how much memory a process has,
// nothing is watched.
func (w *Watcher) Watch(ctx context.Context) error {
	w.clean = make(chan struct{}, 1)
	go w.cleanUp(ctx)
	defer memoryIsShort.Store(false)
	var ended struct {
		at  time.Time
		has int64
	}
	for interval := farInterval; ; {
		select {
		case <-ctx.Done():
			return nil
		case <-time.After(interval):
		}
		has, err := residentMemory()
		if errors.Is(err, os.ErrNotExist) {
			return nil
		}
		if err != nil {
			return fmt.Errorf("watch the memory of queries: %w", err)
		}
		interval = farInterval
		if has > w.Full/2 {
			interval = nearInterval
		}
		memoryIsShort.Store(has > w.Full)
		if has > w.Full {
			select {
			case w.clean <- struct{}{}:
			default:
			}
		}
		if has <= w.Early {
			ended.has = 0
			continue
		}
		if ended.has > 0 && has < ended.has+endGrowth && time.Since(ended.at) < endGrace {
			continue
		}
		if endNewest(fmt.Errorf("%w (the process has %d MB)", errMemory, has>>20), has <= w.End) {
			ended.at, ended.has = time.Now(), has
		}
	}
}

// cleanUp gives unused memory back, in a goroutine of its own since it may take long.
func (w *Watcher) cleanUp(ctx context.Context) {
	for {
		select {
		case <-ctx.Done():
			return
		case <-w.clean:
		}
		debug.FreeOSMemory()
		trim()
		select {
		case <-ctx.Done():
			return
		case <-time.After(cleanInterval):
		}
	}
}

// awaitRoom waits, but not for long, while there is no memory for another query.
func awaitRoom(ctx context.Context) error {
	for enough := time.Now().Add(waitForRoom); memoryIsShort.Load() && time.Now().Before(enough); {
		select {
		case <-ctx.Done():
			return fmt.Errorf("run query: %w", context.Cause(ctx))
		case <-time.After(farInterval):
		}
	}
	return nil
}

// residentMemory is how many bytes of memory the process has.
func residentMemory() (int64, error) {
	text, err := os.ReadFile("/proc/self/statm")
	if err != nil {
		return 0, err
	}
	fields := bytes.Fields(text)
	if len(fields) < 2 {
		return 0, fmt.Errorf("/proc/self/statm is %q", text)
	}
	pages, err := strconv.ParseInt(string(fields[1]), 10, 64)
	return pages * int64(os.Getpagesize()), err
}
