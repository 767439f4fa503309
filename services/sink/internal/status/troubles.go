package status

import (
	"maps"
	"strings"
	"sync"
	"time"

	"github.com/calypso-cdc/calypso/libs/kusto"
)

// Trouble is something that is tried again, or that waits for an answer, for as long as that lasts.
type Trouble struct {
	said     string
	at       time.Time
	obstacle kusto.Obstacle
	// silent is the host that could not be reached, which is over as soon as it answers anybody;
	// empty if that is not known.
	silent string
}

// Troubles are those of a task, with the last of them, which is over.
type Troubles struct {
	mu  sync.Mutex
	all map[*Trouble]bool
	// hidden takes secrets out of what is shown.
	hidden  func(string) string
	retries int64
	last    Failure
}

// NewTroubles has none; hidden takes secrets out of what is shown.
func NewTroubles(hidden func(string) string) *Troubles {
	return &Troubles{all: map[*Trouble]bool{}, hidden: hidden}
}

// Difficulty is what is shown of troubles.
type Difficulty struct {
	// Retries is how often something was tried again.
	Retries int64
	// Last is the last attempt that failed, whatever came of it, and Now the one that is repeated, or
	// the call that waits for an answer. Their time is zero where there is none.
	Last, Now Failure
}

// Failure is an attempt that failed.
type Failure struct {
	Said     string
	At       time.Time
	Obstacle kusto.Obstacle
}

// Shown is what was tried again last, and what is now.
func (p *Troubles) Shown() Difficulty {
	p.mu.Lock()
	defer p.mu.Unlock()
	d := Difficulty{Retries: p.retries, Last: p.last}
	if of := p.latest(); of != nil {
		d.Now = Failure{of.said, of.at, of.obstacle}
	}
	return d
}

// Retrying notes an attempt that failed and is repeated.
func (p *Troubles) Retrying(of *Trouble, err error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.retries++
	p.have(of, err, kusto.SilentHost(err))
	p.last = Failure{of.said, of.at, of.obstacle}
}

// Waits notes what a call waits for before it has returned.
func (p *Troubles) Waits(of *Trouble, why error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.have(of, why, "")
}

// have notes a trouble; p.mu is held.
func (p *Troubles) have(of *Trouble, why error, silent string) {
	*of = Trouble{strings.ToValidUTF8(p.hidden(why.Error()), "\uFFFD"), time.Now(), kusto.ObstacleOf(why), silent}
	p.all[of] = true
}

// Over ends a trouble, if there was one.
func (p *Troubles) Over(of *Trouble) {
	p.mu.Lock()
	defer p.mu.Unlock()
	delete(p.all, of)
}

// Answered ends the troubles of all whose host has answered since, though they will try again only later.
func (p *Troubles) Answered(by *kusto.Watch) {
	p.mu.Lock()
	defer p.mu.Unlock()
	maps.DeleteFunc(p.all, func(of *Trouble, _ bool) bool { return of.silent != "" && by.Answered(of.silent) })
}

// latest is the trouble that came last; nil without any. p.mu is held.
func (p *Troubles) latest() *Trouble {
	var latest *Trouble
	for of := range p.all {
		if latest == nil || of.at.After(latest.at) {
			latest = of
		}
	}
	return latest
}
