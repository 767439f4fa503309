package command

import (
	"context"
	"errors"
	"regexp"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/google/uuid"
)

// journalSize is how many commands and how many queries are remembered.
const journalSize = 1000

// maxEntryText bounds what is remembered of the text of one, in bytes.
const maxEntryText = 64 << 10

// Entry is a command or query that ran.
type Entry struct {
	ID       uuid.UUID
	ClientID string
	Kind     string // a command's first words, or "Query"
	Text     string
	Database string
	User     string
	Started  time.Time
	Duration time.Duration
	Failure  string // empty after success
	// State is ADX's word for how it ended, or that it has not.
	State string
}

// States of commands and queries.
const (
	completed = "Completed"
	failed    = "Failed"
	cancelled = "Cancelled"
	underWay  = "InProgress"
)

// CancelledError ends a query that was cancelled by command.
type CancelledError struct {
	// Reason is what the command gave as such; it may be empty.
	Reason string
}

func (e *CancelledError) Error() string {
	text := "the query was cancelled by a command"
	if e.Reason != "" {
		text += ": " + e.Reason
	}
	return text
}

// Journal remembers the last commands and queries, in memory. The zero Journal is ready; it is safe for concurrent use.
type Journal struct {
	mu       sync.Mutex
	commands []Entry
	queries  []Entry
	running  map[uuid.UUID]runningQuery
}

type runningQuery struct {
	Request
	started time.Time
	cancel  context.CancelCauseFunc
}

// record remembers a command that ended.
func (j *Journal) record(e Entry) {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.commands = remember(j.commands, e)
}

// BeginQuery notes a query that began and can be cancelled by its client's name for it, until end
// is called with how it ended.
func (j *Journal) BeginQuery(ctx context.Context, r Request, started time.Time) (_ context.Context, end func(error)) {
	ctx, cancel := context.WithCancelCause(ctx)
	id := uuid.New()
	j.mu.Lock()
	defer j.mu.Unlock()
	if j.running == nil {
		j.running = map[uuid.UUID]runningQuery{}
	}
	j.running[id] = runningQuery{r, started, cancel}
	return ctx, func(err error) {
		cancel(nil)
		j.mu.Lock()
		defer j.mu.Unlock()
		delete(j.running, id)
		e := newEntry(r, "Query", started, err)
		e.ID = id
		j.queries = remember(j.queries, e)
	}
}

// Cancel cancels the queries that run under a client's name for them, and reports whether there were any.
func (j *Journal) Cancel(clientID, reason string) bool {
	j.mu.Lock()
	defer j.mu.Unlock()
	found := false
	for _, q := range j.running {
		if q.ClientID == clientID {
			q.cancel(&CancelledError{reason})
			found = true
		}
	}
	return found
}

// Running returns the queries under way, oldest first.
func (j *Journal) Running() []Entry {
	j.mu.Lock()
	defer j.mu.Unlock()
	var all []Entry
	for id, q := range j.running {
		e := newEntry(q.Request, "Query", q.started, nil)
		e.ID, e.State = id, underWay
		all = append(all, e)
	}
	slices.SortFunc(all, func(a, b Entry) int { return a.Started.Compare(b.Started) })
	return all
}

// hidden are string literals that their writer marked as secret. Kusto keeps them from its logs too.
var hidden = regexp.MustCompile(`(?i)\bh@?("(?:[^"\\]|\\.)*"?|'(?:[^'\\]|\\.)*'?)`)

func newEntry(r Request, kind string, started time.Time, err error) Entry {
	e := Entry{ID: uuid.New(), ClientID: r.ClientID, Kind: kind, Text: r.Statement, Database: r.Database, User: r.User,
		Started: started, Duration: time.Since(started), State: completed}
	if len(e.Text) > maxEntryText {
		// A copy: a part of a text holds the whole of it.
		e.Text = strings.Clone(e.Text[:maxEntryText])
	}
	e.Text = hidden.ReplaceAllString(e.Text, `h"*****"`)
	var byCommand *CancelledError
	switch {
	case errors.As(err, &byCommand):
		e.Failure, e.State = err.Error(), cancelled
	case err != nil:
		e.Failure, e.State = err.Error(), failed
	}
	return e
}

func remember(entries []Entry, e Entry) []Entry {
	if len(entries) == journalSize {
		entries = append(entries[:0], entries[1:]...)
	}
	return append(entries, e)
}

// Commands returns the remembered commands, oldest first.
func (j *Journal) Commands() []Entry {
	j.mu.Lock()
	defer j.mu.Unlock()
	return append([]Entry(nil), j.commands...)
}

// Queries returns the remembered queries, oldest first.
func (j *Journal) Queries() []Entry {
	j.mu.Lock()
	defer j.mu.Unlock()
	return append([]Entry(nil), j.queries...)
}
