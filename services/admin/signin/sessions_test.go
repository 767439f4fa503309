package signin_test

import (
	"testing"
	"time"

	"github.com/calypso-cdc/calypso/services/admin/signin"
)

// clock is one that only the test moves.
type clock struct{ at time.Time }

func (c *clock) now() time.Time { return c.at }

func newSessions() (*signin.Sessions, *clock) {
	c := &clock{time.Date(2026, 3, 1, 8, 0, 0, 0, time.UTC)}
	return signin.NewSessions(c.now), c
}

func TestASessionIsFoundByItsTokenOnly(t *testing.T) {
	s, _ := newSessions()
	token, _ := s.Begin(signin.Person{Name: "ada", Role: "operator"})
	if p, _, ok := s.Find(token); !ok || p.Name != "ada" || p.Role != "operator" {
		t.Errorf("Find = %v %v", p, ok)
	}
	for _, wrong := range []string{"", token + "x", token[1:]} {
		if p, _, ok := s.Find(wrong); ok {
			t.Errorf("Find(%q) = %v", wrong, p)
		}
	}
}

func TestASessionEndsWhenNobodyUsesIt(t *testing.T) {
	s, c := newSessions()
	token, _ := s.Begin(signin.Person{Name: "ada"})
	for range 5 {
		c.at = c.at.Add(signin.Idle - time.Second)
		if _, _, ok := s.Find(token); !ok {
			t.Fatal("a session that is used has ended")
		}
	}
	c.at = c.at.Add(signin.Idle + time.Second)
	if _, _, ok := s.Find(token); ok {
		t.Error("a session that nobody used goes on")
	}
	c.at = c.at.Add(-signin.Idle)
	if _, _, ok := s.Find(token); ok {
		t.Error("a session that has ended is there again")
	}
}

func TestASessionEndsHoweverMuchItIsUsed(t *testing.T) {
	s, c := newSessions()
	begun := c.at
	token, ends := s.Begin(signin.Person{Name: "ada"})
	if want := begun.Add(signin.Absolute); !ends.Equal(want) {
		t.Errorf("ends = %v, want %v", ends, want)
	}
	for c.at.Sub(begun) < signin.Absolute-time.Minute {
		c.at = c.at.Add(10 * time.Minute)
		if c.at.After(ends) {
			break
		}
		if _, _, ok := s.Find(token); !ok {
			t.Fatalf("it has ended after %v", c.at.Sub(begun))
		}
	}
	c.at = ends.Add(time.Second)
	if _, _, ok := s.Find(token); ok {
		t.Error("it goes on beyond its absolute limit")
	}
}

func TestASessionIsOverOnceItsPersonHasSignedOut(t *testing.T) {
	s, _ := newSessions()
	token, _ := s.Begin(signin.Person{Name: "ada"})
	other, _ := s.Begin(signin.Person{Name: "ada"})
	s.End(token)
	if _, _, ok := s.Find(token); ok {
		t.Error("it goes on")
	}
	if _, _, ok := s.Find(other); !ok {
		t.Error("the person's other session has ended as well")
	}
}

func TestTheNumberOfSessionsIsBounded(t *testing.T) {
	s, c := newSessions()
	first, _ := s.Begin(signin.Person{Name: "first"})
	second, _ := s.Begin(signin.Person{Name: "second"})
	for range 9_998 {
		c.at = c.at.Add(time.Millisecond)
		s.Begin(signin.Person{Name: "other"})
	}
	if _, _, ok := s.Find(first); !ok { // and so it was used last
		t.Fatal("the first is gone too early")
	}
	s.Begin(signin.Person{Name: "one too many"})
	if _, _, ok := s.Find(second); ok {
		t.Error("nobody gave way")
	}
	if _, _, ok := s.Find(first); !ok {
		t.Error("one that was used gave way")
	}
}
