package command

import (
	"sync"
	"time"

	"github.com/google/uuid"
)

// journalSize is how many commands and how many queries are remembered.
const journalSize = 1000

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
}

// State is ADX's word for how it ended.
func (e Entry) State() string {
	if e.Failure != "" {
		return "Failed"
	}
	return "Completed"
}

// Journal remembers the last commands and queries, in memory. The zero Journal is ready; it is safe for concurrent use.
type Journal struct {
	mu       sync.Mutex
	commands []Entry
	queries  []Entry
}

// record remembers a command that ended.
func (j *Journal) record(e Entry) {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.commands = remember(j.commands, e)
}

// RecordQuery remembers a query that ended.
func (j *Journal) RecordQuery(r Request, started time.Time, err error) {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.queries = remember(j.queries, newEntry(r, "Query", started, err))
}

func newEntry(r Request, kind string, started time.Time, err error) Entry {
	e := Entry{ID: uuid.New(), ClientID: r.ClientID, Kind: kind, Text: r.Statement, Database: r.Database, User: r.User, Started: started, Duration: time.Since(started)}
	if len(e.Text) > 64<<10 {
		e.Text = e.Text[:64<<10]
	}
	if err != nil {
		e.Failure = err.Error()
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
