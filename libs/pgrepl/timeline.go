package pgrepl

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"strconv"

	"github.com/jackc/pglogrepl"
	"github.com/jackc/pgx/v5/pgconn"
)

// A promotion begins a new timeline: the two share the log up to the point that the standby had
// replayed, and whatever the old primary wrote after it never happened for the new one. LSNs
// continue from there, so that the same LSN means different changes on the two.

// Timelines are the timelines that a server's history has left, in order.
type Timelines []Timeline

// Timeline is a timeline that the history left at End: its log before End is part of the history,
// its log after End is not.
type Timeline struct {
	ID  int32
	End LSN
}

// Timelines asks for the history of the server's timeline (TIMELINE_HISTORY). It is empty if the
// server does not have it or does not tell it: then nothing is known about a position on another
// timeline.
func (s *Session) Timelines(ctx context.Context, system System) (Timelines, error) {
	if system.Timeline <= 1 {
		return nil, nil // the first timeline has no history
	}
	var r pglogrepl.TimelineHistoryResult
	op := fmt.Sprintf("read the history of timeline %d", system.Timeline)
	err := s.cfg.prompt(ctx, op, func(ctx context.Context) (err error) {
		if r, err = pglogrepl.TimelineHistory(ctx, s.conn, system.Timeline); err != nil {
			return fmt.Errorf("%s: %w", op, err)
		}
		return nil
	})
	if pg, ok := errors.AsType[*pgconn.PgError](err); ok && !Transient(pg) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	return parseTimelines(r.Content)
}

// parseTimelines reads a history file, which has a line for each timeline that was left: its
// number, where it was left, and why.
func parseTimelines(file []byte) (out Timelines, err error) {
	for line := range bytes.Lines(file) {
		fields := bytes.Fields(line)
		if len(fields) == 0 || fields[0][0] == '#' {
			continue
		}
		if len(fields) < 2 {
			return nil, fmt.Errorf("read a timeline's history: line %.100q has no position", line)
		}
		id, err := strconv.ParseInt(string(fields[0]), 10, 32)
		if err != nil {
			return nil, fmt.Errorf("read a timeline's history: line %.100q: %w", line, err)
		}
		end, err := ParseLSN(string(fields[1]))
		if err != nil {
			return nil, fmt.Errorf("read a timeline's history: line %.100q: %w", line, err)
		}
		if n := len(out); n > 0 && (int32(id) <= out[n-1].ID || end < out[n-1].End) {
			return nil, fmt.Errorf("read a timeline's history: line %.100q does not follow the one before", line)
		}
		out = append(out, Timeline{int32(id), end})
	}
	return out, nil
}

// left returns where the history left a timeline; known is false if the timeline is not part of it.
func (t Timelines) left(id int32) (end LSN, known bool) {
	for _, left := range t {
		if left.ID == id {
			return left.End, true
		}
	}
	return 0, false
}

// Common returns the last position before at that is part of this history: at itself, or where the
// history left its timeline. known is false if that timeline is not part of the history.
func (t Timelines) Common(at Position) (common Position, known bool) {
	end, known := t.left(at.Timeline)
	// A transaction whose commit record is not part of the history has no part in it.
	if known && at.Commit >= end {
		at.Commit, at.Ordinal = end, 0
	}
	return at, known
}
