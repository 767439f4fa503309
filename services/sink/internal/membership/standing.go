package membership

import "sync/atomic"

// standing is whether a task is in its group, as far as its client knows.
type standing struct{ in atomic.Bool }

// OnGroupManageError implements kgo.HookGroupManageError.
func (s *standing) OnGroupManageError(error) { s.in.Store(false) }
