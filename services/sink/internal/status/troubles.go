package status

import (
	"maps"
	"strings"
	"sync"
	"time"

	sinkv1 "github.com/calypso-cdc/calypso/gen/calypso/sink/v1"

	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/calypso-cdc/calypso/libs/kusto"
)

// Trouble is something that is tried again, or that waits for an answer, for as long as that lasts.
type Trouble struct {
	said     string
	at       time.Time
	obstacle sinkv1.Sink_Obstacle
	// silent is the host that could not be reached, which is over as soon as it answers anybody;
	// empty if that is not known.
	silent string
}

// Troubles are those of a task, with the last of them, which is over.
type Troubles struct {
	mu  sync.Mutex
	all map[*Trouble]bool
	// hidden takes secrets out of what is shown.
	hidden    func(string) string
	retries   int64
	lastError string
	lastTime  time.Time
	// lastObstacle is what stood in the way then.
	lastObstacle sinkv1.Sink_Obstacle
}

func newTroubles(hidden func(string) string) *Troubles {
	return &Troubles{all: map[*Trouble]bool{}, hidden: hidden}
}

// show adds to a summary what is tried again, and what was last.
func (p *Troubles) show(out *sinkv1.Sink) {
	p.mu.Lock()
	defer p.mu.Unlock()
	out.Retries += p.retries
	if p.lastTime.After(out.GetLastErrorTime().AsTime()) {
		out.LastError, out.LastErrorTime, out.LastErrorObstacle = p.lastError, timestamppb.New(p.lastTime), p.lastObstacle
	}
	if of := p.latest(); of != nil {
		out.TryingAgain, out.TryingAgainObstacle = of.said, of.obstacle
	}
}

// obstacleOf is what stands in the way by an error.
func obstacleOf(err error) sinkv1.Sink_Obstacle {
	switch kusto.ObstacleOf(err) {
	case kusto.Unrelated:
		return sinkv1.Sink_OBSTACLE_ELSEWHERE
	case kusto.Throttling:
		return sinkv1.Sink_OBSTACLE_THROTTLED
	case kusto.Denial:
		return sinkv1.Sink_OBSTACLE_ACCESS_DENIED
	case kusto.Absence:
		return sinkv1.Sink_OBSTACLE_TARGET_MISSING
	}
	return sinkv1.Sink_OBSTACLE_CLUSTER
}

// Retrying notes an attempt that failed and is repeated.
func (p *Troubles) Retrying(of *Trouble, err error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.retries++
	p.have(of, err, kusto.SilentHost(err))
	p.lastError, p.lastTime, p.lastObstacle = of.said, of.at, of.obstacle
}

// Waits notes what a call waits for before it has returned.
func (p *Troubles) Waits(of *Trouble, why error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.have(of, why, "")
}

// have notes a trouble; p.mu is held.
func (p *Troubles) have(of *Trouble, why error, silent string) {
	*of = Trouble{strings.ToValidUTF8(p.hidden(why.Error()), "\uFFFD"), time.Now(), obstacleOf(why), silent}
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
