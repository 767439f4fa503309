package queued

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"

	"github.com/calypso-cdc/calypso/libs/contain"
)

// How often the process may end while a request is ingested before the request is set aside: often
// enough to be sure. A process that fails says so, and by itself; one that is killed may have been
// killed for anything, too much memory included.
const (
	maxCrashes = 2
	maxKills   = 5
)

// Files of the data directory: what is being ingested, and what the runtime writes when the process fails.
const (
	underwayFile = "underway.json"
	crashFile    = "crash.txt"
)

// suspects remembers, beyond the end of the process, which requests were being ingested when it
// ended. Requests are durable, so one that ends its reader would do so after each start.
//
// It is a file and no table, and is not synchronised with the disk: it must outlive the process, not the machine.
type suspects struct {
	path string
	log  *slog.Logger

	mu   sync.Mutex
	file underway
	// cause is what the last process said when it failed.
	cause string
}

// underway is the file's content. Requests are known by their messages' IDs.
type underway struct {
	Now map[string]bool `json:"now"`
	// Ends counts, by request, how often the process ended before the request did.
	Ends map[string]ends `json:"ends"`
}

type ends struct {
	Crashes int `json:"crashes"`
	Kills   int `json:"kills"`
}

// openSuspects reads what the last process left in the directory and makes the runtime write there why this one fails.
func openSuspects(dir string, log *slog.Logger) (*suspects, error) {
	s := &suspects{path: filepath.Join(dir, underwayFile), log: log}
	text, err := os.ReadFile(s.path)
	if err == nil {
		err = json.Unmarshal(text, &s.file)
	}
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		log.Warn("read what was being ingested when the service ended", "err", err)
	}
	if s.file.Ends == nil {
		s.file.Ends = map[string]ends{}
	}
	crash := filepath.Join(dir, crashFile)
	said, _, err := contain.KeepCrash(crash)
	if err != nil {
		return nil, err
	}
	if strings.Contains(said, "services/localadx/queued.") {
		s.cause, _, _ = strings.Cut(said, "\n")
	}
	for id := range s.file.Now {
		e := s.file.Ends[id]
		if s.cause != "" {
			e.Crashes++
		} else {
			e.Kills++
		}
		s.file.Ends[id] = e
	}
	s.file.Now = map[string]bool{}
	s.save()
	return s, nil
}

// suspected reports whether the process ended while the request was ingested.
func (s *suspects) suspected(id string) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	_, ok := s.file.Ends[id]
	return ok
}

// verdict says why a request is to be set aside, or nothing.
func (s *suspects) verdict(id string) string {
	s.mu.Lock()
	defer s.mu.Unlock()
	switch e := s.file.Ends[id]; {
	case e.Crashes >= maxCrashes:
		return fmt.Sprintf("Reading the source ended the service %d times, the last time with: %s", e.Crashes, s.cause)
	case e.Kills >= maxKills:
		return fmt.Sprintf(
			"The service was killed %d times while it read the source, perhaps since it needed too much memory", e.Kills)
	}
	return ""
}

// begin notes that requests are being ingested.
func (s *suspects) begin(requests []Request) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, r := range requests {
		s.file.Now[r.MessageID] = true
	}
	s.save()
}

// end notes that the process lived on.
func (s *suspects) end(requests []Request) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, r := range requests {
		delete(s.file.Now, r.MessageID)
		delete(s.file.Ends, r.MessageID)
	}
	s.save()
}

// keepOnly forgets the requests that no longer exist.
func (s *suspects) keepOnly(ids []string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	maps.DeleteFunc(s.file.Ends, func(id string, _ ends) bool { return !slices.Contains(ids, id) })
}

// save writes the file. A disk that is full costs the memory of one end of the process, no data.
func (s *suspects) save() {
	text, err := json.Marshal(s.file)
	if err == nil {
		err = os.WriteFile(s.path+".new", text, 0o600)
	}
	if err == nil {
		err = os.Rename(s.path+".new", s.path)
	}
	if err != nil {
		s.log.Warn("note what is being ingested", "err", err)
	}
}
