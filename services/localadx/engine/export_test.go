package engine

// Used returns the bytes that Go functions hold now.
func (m *Memory) Used() int64 { return m.used.Load() }
