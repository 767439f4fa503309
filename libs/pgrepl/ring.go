package pgrepl

import "fmt"

// Ring keeps which stretches of the stream are durable downstream, and from that the mark: the LSN below which
// everything is. Stretches are tracked in stream order and may finish in any order; the mark passes a stretch only when
// it and all before it are finished. It has no lock: its owner serialises the calls.
type Ring struct {
	// entries[head:head+n] (wrapping) are tracked and not yet passed by the mark, in order of their ends.
	entries []stretch
	head, n int
	// first is the ticket of entries[head].
	first uint64
	mark  LSN
	bytes int
}

type stretch struct {
	end   LSN
	bytes int
	done  bool
}

// Ticket names a tracked stretch.
type Ticket uint64

// NewRing starts with everything below mark durable.
func NewRing(mark LSN) *Ring { return &Ring{entries: make([]stretch, 16), mark: mark} }

// Track notes a stretch that ends at end (the end of its last commit record, not below any end tracked before) and
// holds bytes of memory.
func (r *Ring) Track(end LSN, bytes int) Ticket {
	if last := r.lastEnd(); end < last {
		panic(fmt.Sprintf("pgrepl: stretch to %s tracked after %s", end, last))
	}
	if r.n == len(r.entries) {
		grown := make([]stretch, 2*len(r.entries))
		for i := range r.n {
			grown[i] = *r.at(i)
		}
		r.entries, r.head = grown, 0
	}
	*r.at(r.n) = stretch{end: end, bytes: bytes}
	r.n++
	r.bytes += bytes
	return Ticket(r.first + uint64(r.n) - 1)
}

// Done notes that a stretch is durable and returns the mark. Telling it twice has no effect.
func (r *Ring) Done(t Ticket) LSN {
	i := int64(uint64(t) - r.first)
	if i < 0 || i >= int64(r.n) {
		return r.mark
	}
	r.at(int(i)).done = true
	for r.n > 0 && r.at(0).done {
		e := r.at(0)
		r.mark = e.end
		r.bytes -= e.bytes
		*e = stretch{}
		r.head = (r.head + 1) % len(r.entries)
		r.n--
		r.first++
	}
	return r.mark
}

// Idle moves the mark to lsn if nothing is in flight: the server has sent everything that committed below lsn.
func (r *Ring) Idle(lsn LSN) LSN {
	if r.n == 0 && lsn > r.mark {
		r.mark = lsn
	}
	return r.mark
}

// Mark is the LSN below which everything is durable.
func (r *Ring) Mark() LSN { return r.mark }

// InFlight is how many stretches, and how many bytes, are tracked above the mark.
func (r *Ring) InFlight() (stretches, bytes int) { return r.n, r.bytes }

func (r *Ring) at(i int) *stretch { return &r.entries[(r.head+i)%len(r.entries)] }

func (r *Ring) lastEnd() LSN {
	if r.n == 0 {
		return r.mark
	}
	return r.at(r.n - 1).end
}
