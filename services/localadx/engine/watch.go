package engine

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"runtime/debug"
	"strconv"
	"time"
)

const (
	// watchInterval is how often the process's memory is looked at: a query takes some hundred
	// megabytes at most in that time.
	watchInterval = 20 * time.Millisecond
	// endGrace is what a query that was ended has to give its memory back before another is ended,
	// unless the process takes endGrowth more meanwhile.
	endGrace  = 10 * time.Second
	endGrowth = 512 << 20
)

// Watch ends queries while the process has more than so many bytes of memory, the newest first,
// until ctx ends. The database keeps what its joins, sorts and tables take within its own limit; of
// the states of many aggregates, of windows and of what its functions compute it knows nothing.
// Where the system does not tell how much a process has, nothing is watched.
func Watch(ctx context.Context, allowed int64) error {
	ticker := time.NewTicker(watchInterval)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-ticker.C:
		}
		has, err := residentMemory()
		if errors.Is(err, os.ErrNotExist) {
			return nil
		}
		if err != nil {
			return fmt.Errorf("watch the memory of queries: %w", err)
		}
		if has <= allowed {
			continue
		}
		// What lies about unused is not held against a query.
		debug.FreeOSMemory()
		trim()
		if has, err = residentMemory(); err == nil && has <= allowed {
			continue
		}
		if endNewest(fmt.Errorf("%w (the process has %d MB)", errMemory, has>>20)) {
			awaitLess(ctx, ticker.C, allowed, has+endGrowth)
		}
	}
}

// awaitLess waits until the process has no more memory than allowed, or more than too much, or had time enough.
func awaitLess(ctx context.Context, ticks <-chan time.Time, allowed, tooMuch int64) {
	enough := time.After(endGrace)
	for {
		select {
		case <-ctx.Done():
			return
		case <-enough:
			return
		case <-ticks:
		}
		if has, err := residentMemory(); err != nil || has <= allowed || has > tooMuch {
			return
		}
	}
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
