package pgrepl

import (
	"testing"

	"pgregory.net/rapid"
)

// naiveRing is the model: all stretches ever tracked, and which are done.
type naiveRing struct {
	mark LSN
	ends []LSN
	done []bool
}

func (n *naiveRing) want() LSN {
	mark := n.mark
	for i, end := range n.ends {
		if !n.done[i] {
			break
		}
		mark = end
	}
	return mark
}

func TestTheMarkIsTheContiguousPrefixOfWhatIsDurable(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		start := LSN(rapid.Uint64Range(0, 1000).Draw(t, "start"))
		ring, model := NewRing(start), &naiveRing{mark: start}
		var tickets []Ticket
		end := start
		t.Repeat(map[string]func(*rapid.T){
			"track": func(t *rapid.T) {
				end += LSN(rapid.Uint64Range(0, 50).Draw(t, "length"))
				tickets = append(tickets, ring.Track(end, 1))
				model.ends, model.done = append(model.ends, end), append(model.done, false)
			},
			"done": func(t *rapid.T) {
				if len(tickets) == 0 {
					t.Skip("nothing is tracked")
				}
				i := rapid.IntRange(0, len(tickets)-1).Draw(t, "which")
				model.done[i] = true
				if got := ring.Done(tickets[i]); got != model.want() {
					t.Fatalf("mark %s, want %s", got, model.want())
				}
			},
			"": func(t *rapid.T) {
				if ring.Mark() != model.want() {
					t.Fatalf("mark %s, want %s", ring.Mark(), model.want())
				}
				open := 0
				first := true
				for i := range model.ends {
					if first && model.done[i] {
						continue
					}
					first = false
					open++
				}
				if n, bytes := ring.InFlight(); n != open || bytes != open {
					t.Fatalf("%d stretches with %d bytes in flight, want %d", n, bytes, open)
				}
			},
		})
	})
}

func TestAnIdleStreamsMarkFollowsTheServerAndABusyOnesDoesNot(t *testing.T) {
	r := NewRing(10)
	if got := r.Idle(20); got != 20 {
		t.Errorf("idle: mark %s, want 0/14", got)
	}
	ticket := r.Track(30, 1)
	if got := r.Idle(40); got != 20 {
		t.Errorf("busy: mark %s, want 0/14", got)
	}
	if got := r.Done(ticket); got != 30 {
		t.Errorf("done: mark %s, want 0/1E", got)
	}
	if got := r.Idle(5); got != 30 {
		t.Errorf("a lower position moved the mark to %s", got)
	}
}
