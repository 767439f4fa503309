package source

import (
	"strings"
	"sync"
	"time"

	"github.com/calypso-cdc/calypso/services/localadx/store"
)

// Schemas are the tables as streaming ingestion knows them: for some time as they were when a first
// request came. It is safe for concurrent use; the zero Schemas knows each table as it is.
type Schemas struct {
	// Life is how long a table is remembered; 0 is not at all.
	Life time.Duration

	mu    sync.Mutex
	known map[[2]string]knownTable
}

type knownTable struct {
	database *store.Database
	table    *store.Table
	until    time.Time
}

// table returns what is known of the table, which is now as given.
func (s *Schemas) table(d *store.Database, t *store.Table) (*store.Database, *store.Table) {
	if s == nil || s.Life == 0 {
		return d, t
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	key := [2]string{strings.ToLower(d.Name), t.Name}
	if k, ok := s.known[key]; ok && time.Now().Before(k.until) {
		return k.database, k.table
	}
	if s.known == nil {
		s.known = map[[2]string]knownTable{}
	}
	s.known[key] = knownTable{d, t, time.Now().Add(s.Life)}
	return d, t
}

// Clear forgets a table, or all tables of the database when table is empty.
func (s *Schemas) Clear(database, table string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for key := range s.known {
		if strings.EqualFold(key[0], database) && (table == "" || key[1] == table) {
			delete(s.known, key)
		}
	}
}
