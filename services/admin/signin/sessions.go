package signin

import (
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"sync"
	"time"
)

// Limits of a session (OWASP, Session Management Cheat Sheet): it ends when it was not used for
// Idle, and in any case Absolute after it began.
const (
	Idle     = 30 * time.Minute
	Absolute = 12 * time.Hour
	// maxSessions bounds the memory; beyond it the least recently used session is dropped.
	maxSessions = 10_000
)

// Person is somebody who signed in.
type Person struct {
	Name string
	// Role is viewer, operator or admin, according to a provider's groups; empty for a user of the
	// file of users, whose role is what the file says at the time.
	Role string
	// Subject is the provider's permanent id of a person; empty for a user of the file.
	Subject string
	// Proof is the hash against which a user of the file was checked: the session ends when the file
	// has another one.
	Proof string
}

// Sessions are the sessions of one admin process: after its restart everybody signs in again. Safe
// for concurrent use.
type Sessions struct {
	now func() time.Time

	mu sync.Mutex
	// all is guarded by mu. Only hashes of tokens are kept, so that a copy of the memory gives nobody
	// access.
	all map[[sha256.Size]byte]*session
}

type session struct {
	person Person
	ends   time.Time
	used   time.Time
	// over is closed when the session is removed.
	over chan struct{}
}

// NewSessions returns an empty set of sessions.
func NewSessions(now func() time.Time) *Sessions {
	return &Sessions{now: now, all: map[[sha256.Size]byte]*session{}}
}

// Begin opens a session and returns its token, 32 random bytes as text, and the latest time at
// which it ends.
func (s *Sessions) Begin(p Person) (token string, ends time.Time) {
	token = randomText()
	s.mu.Lock()
	defer s.mu.Unlock()
	now := s.now()
	s.sweep(now)
	begun := &session{person: p, used: now, ends: now.Add(Absolute), over: make(chan struct{})}
	s.all[sha256.Sum256([]byte(token))] = begun
	return token, begun.ends
}

// Find returns who has a session, and the latest time at which it ends. It counts as use of the
// session.
func (s *Sessions) Find(token string) (p Person, ends time.Time, ok bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	key := sha256.Sum256([]byte(token))
	found, ok := s.all[key]
	if !ok {
		return Person{}, time.Time{}, false
	}
	now := s.now()
	if found.spent(now) {
		s.remove(key)
		return Person{}, time.Time{}, false
	}
	found.used = now
	return found.person, found.ends, true
}

// End closes a session; it does nothing if the token has none.
func (s *Sessions) End(token string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.remove(sha256.Sum256([]byte(token)))
}

// remove ends a session, if it is there. Callers hold mu.
func (s *Sessions) remove(key [sha256.Size]byte) {
	if found, ok := s.all[key]; ok {
		close(found.over)
		delete(s.all, key)
	}
}

// Over returns a channel that is closed once a session has ended: by signing out, by its limits
// (noticed when somebody asks for it), or because it was dropped.
func (s *Sessions) Over(token string) <-chan struct{} {
	s.mu.Lock()
	defer s.mu.Unlock()
	if found, ok := s.all[sha256.Sum256([]byte(token))]; ok {
		return found.over
	}
	closed := make(chan struct{})
	close(closed)
	return closed
}

func (s *session) spent(now time.Time) bool {
	return now.Sub(s.used) > Idle || now.After(s.ends)
}

// sweep makes room for one more. Callers hold mu.
func (s *Sessions) sweep(now time.Time) {
	if len(s.all) < maxSessions {
		return
	}
	var oldest [sha256.Size]byte
	var used time.Time
	for key, one := range s.all {
		if one.spent(now) {
			s.remove(key)
			continue
		}
		if used.IsZero() || one.used.Before(used) {
			oldest, used = key, one.used
		}
	}
	if len(s.all) >= maxSessions {
		s.remove(oldest)
	}
}

func randomText() string {
	var b [32]byte
	_, _ = rand.Read(b[:]) // never fails (crypto/rand)
	return base64.RawURLEncoding.EncodeToString(b[:])
}
