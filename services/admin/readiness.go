package admin

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync/atomic"
	"time"

	"google.golang.org/grpc/status"
)

// readinessInterval is how often the workers are asked. Probes get the last result, so that they
// cost nothing.
const readinessInterval = time.Second

// readiness knows whether admin can do its work, which is to pass calls on: some worker of some
// fleet is ready. If one fleet is away, admin still serves the other, and tells people which one is
// away. PostgreSQL and Azure Data Explorer do not count.
type readiness struct {
	// all are the fleets that are asked, so that it is known which workers are silent; needed are
	// those that run connectors.
	all, needed []*fleet
	// why is why admin is not ready; empty if it is, nil before the first look.
	why atomic.Pointer[string]
}

// run looks until ctx ends.
func (r *readiness) run(ctx context.Context) error {
	for pause(ctx, readinessInterval) {
		r.look(ctx)
	}
	return nil
}

// look asks all workers for their health.
func (r *readiness) look(ctx context.Context) {
	workers := askFleets(ctx, r.all)
	var missing []string
	for _, f := range r.needed {
		for _, w := range workers[f.name] {
			if w.Serving {
				r.why.Store(new(string))
				return
			}
			missing = append(missing, fmt.Sprintf("%s at %s: %s", f.name, w.Address, w.Detail))
		}
	}
	why := strings.Join(missing, "; ")
	r.why.Store(&why)
}

// awayFleets names the fleets of connectors of which no worker could work when they were last asked, with why.
func (s *service) awayFleets() (all []string) {
	for _, f := range []*fleet{s.capture.fleet, s.sink.fleet} {
		var missing []string
		for _, w := range f.workers {
			seen, why := w.seen.Load(), w.unready.Load()
			if seen == nil || seen.serving || why == nil {
				break
			}
			missing = append(missing, status.Convert(w.away(*why)).Message())
		}
		if len(missing) == len(f.workers) {
			all = append(all, status.Convert(f.away(strings.Join(missing, "; "))).Message())
		}
	}
	return all
}

// failure returns why admin is not ready; nil if it is.
func (r *readiness) failure() error {
	switch why := r.why.Load(); {
	case why == nil:
		return errors.New("no worker has been asked yet")
	case *why != "":
		return errors.New(*why)
	}
	return nil
}
