package engine

import "context"

// Used returns the bytes that Go functions hold now.
func (m *Memory) Used() int64 { return m.used.Load() }

// Begin begins a query, or a statement that writes, and returns how it is ended.
func Begin(ctx context.Context, writes bool) (running context.Context, end func(), err error) {
	return beginRun(ctx, runKind{writes: writes})
}

// EndNewest ends a query for lack of memory.
func EndNewest() bool { return endNewest(errMemory, false) }
