package partition

import (
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/calypso-cdc/calypso/services/sink/internal/batch"
)

// Owned are the partitions that a member of the group has.
type Owned struct {
	mu  sync.Mutex
	all map[batch.Source]*Partition
}

// NewOwned makes the set of a member that has none yet.
func NewOwned() *Owned { return &Owned{all: map[batch.Source]*Partition{}} }

// Add takes a partition in.
func (o *Owned) Add(p *Partition) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.all[p.Source] = p
}

// Remove removes a partition, unless another life of it has taken its place.
func (o *Owned) Remove(p *Partition) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.all[p.Source] == p {
		delete(o.all, p.Source)
	}
}

// Find returns a partition and how many there are; nil if the member does not have it.
func (o *Owned) Find(of batch.Source) (p *Partition, among int) {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.all[of], len(o.all)
}

// Has reports whether a partition's life at this member goes on.
func (o *Owned) Has(p *Partition) bool {
	found, _ := o.Find(p.Source)
	return found == p
}

// Len is how many there are.
func (o *Owned) Len() int {
	o.mu.Lock()
	defer o.mu.Unlock()
	return len(o.all)
}

// Sources names them, in order.
func (o *Owned) Sources() []batch.Source {
	o.mu.Lock()
	defer o.mu.Unlock()
	return slices.SortedFunc(maps.Keys(o.all), batch.Source.Compare)
}

// Orphan stops commits for a topic's partitions, since the topic is gone.
func (o *Owned) Orphan(topic string) {
	o.mu.Lock()
	defer o.mu.Unlock()
	for of, p := range o.all {
		if of.Topic == topic {
			p.Orphaned.Store(true)
		}
	}
}

// Quiet reports whether no partition of a topic has anything left to do. Only the poll loop gives
// them work, so the answer stays true only there.
func (o *Owned) Quiet(topic string) bool {
	o.mu.Lock()
	defer o.mu.Unlock()
	for of, p := range o.all {
		if _, _, quiet := p.State(); of.Topic == topic && !quiet {
			return false
		}
	}
	return true
}

// Sated reports whether all partitions have enough, or some were paused less than a given time ago.
func (o *Owned) Sated(now time.Time, pause time.Duration) bool {
	o.mu.Lock()
	defer o.mu.Unlock()
	wanting := 0
	for _, p := range o.all {
		switch _, paused, _ := p.State(); {
		case paused.IsZero():
			wanting++
		case now.Sub(paused) < pause:
			return true
		}
	}
	return wanting == 0 && len(o.all) > 0
}
