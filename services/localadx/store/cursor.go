package store

import (
	"time"

	"github.com/calypso-cdc/calypso/services/localadx/kql/value"
)

// Cursor returns the database cursor: a time of ingestion, in ticks, such that all rows of this
// time or before are committed and rows to come are later.
func (s *Store) Cursor() int64 {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.nextTime = max(s.nextTime, value.TicksOf(time.Now()))
	first := s.nextTime
	for at := range s.underway {
		first = min(first, at)
	}
	return first - 1
}

// beginIngestion returns the time of ingestion of rows that are about to enter, and what to call
// when they are committed or given up. No two ingestions have one time, and each is later than any
// cursor handed out, even when the clock is set back.
func beginIngestion(s *Store) (at int64, end func()) {
	s.mu.Lock()
	defer s.mu.Unlock()
	at = max(value.TicksOf(time.Now()), s.nextTime)
	s.nextTime = at + 1
	s.underway[at] = true
	return at, func() {
		s.mu.Lock()
		defer s.mu.Unlock()
		delete(s.underway, at)
	}
}
