package admin

import (
	"context"
	"slices"
	"sync"
	"time"

	adminv1 "github.com/calypso-cdc/calypso/gen/calypso/admin/v1"
	"github.com/calypso-cdc/calypso/services/admin/checks"
	"github.com/calypso-cdc/calypso/services/admin/history"
	"github.com/calypso-cdc/calypso/services/admin/lag"
	"github.com/calypso-cdc/calypso/services/admin/lateness"
	"github.com/calypso-cdc/calypso/services/admin/overview"
)

const (
	// observeInterval is how often the pipelines are looked at even if nobody asks.
	observeInterval = 5 * time.Second
	// forgetAfter is how long a pipeline that is no longer seen is remembered.
	forgetAfter = 10 * time.Minute
)

// observer remembers where the pipelines were, so that their lags become times, and exports their
// numbers as metrics. It is admin's only memory, and losing it does no harm. Safe for concurrent
// use.
type observer struct {
	now func() time.Time
	// tableMetrics is how many tables have metrics at most.
	tableMetrics int

	mu sync.Mutex
	// seen is what was last seen of each pipeline, by its source.
	seen map[string]*observed
}

type observed struct {
	history  lag.History
	memory   checks.Memory
	lateness lateness.Memory
	hour     history.History
	at       time.Time
	seen     overview.Listed
}

func newObserver(now func() time.Time) *observer {
	return &observer{now: now, seen: map[string]*observed{}}
}

// observe judges a pipeline that was just looked at: it sets lags, checks and verdict, and finds
// how late its tables are. After that the pipeline does not change.
func (o *observer) observe(v checks.View) overview.Listed {
	p := v.Pipeline
	o.mu.Lock()
	defer o.mu.Unlock()
	now := o.now()
	for source, s := range o.seen {
		if now.Sub(s.at) > forgetAfter {
			delete(o.seen, source)
		}
	}
	s, ok := o.seen[p.Source]
	if !ok {
		s = &observed{}
		o.seen[p.Source] = s
	}
	s.history.Observe(now, p)
	v.Trends = s.history.Trends()
	p.Checks = checks.Run(now, v)
	tables, unexplained := s.lateness.Judge(now, latenessView(v))
	if unexplained != nil {
		p.Checks = append(p.Checks, unexplained)
		checks.Sort(p.Checks)
	}
	s.memory.Date(now, p.Checks)
	p.Verdict, p.Reason = checks.Verdict(p.Checks)
	s.at, s.seen = now, overview.Listed{Pipeline: p, Tables: tables,
		Summary: overview.Summary(now, p, tables, s.seen.Summary)}
	s.hour.Observe(now, p, tables)
	return s.seen
}

// hour is what a pipeline did in the last hour; false if no pipeline of that source was seen.
func (o *observer) hour(source string) (*adminv1.GetPipelineHistoryResponse, bool) {
	o.mu.Lock()
	defer o.mu.Unlock()
	s, ok := o.seen[source]
	if !ok {
		return nil, false
	}
	return s.hour.Show(), true
}

// topics are those of a pipeline when it was last seen.
func (o *observer) topics(source string) []string {
	o.mu.Lock()
	defer o.mu.Unlock()
	if s, ok := o.seen[source]; ok {
		return s.seen.Pipeline.GetTopics()
	}
	return nil
}

// latenessView is the part of a view that package lateness needs.
func latenessView(v checks.View) lateness.View {
	out := lateness.View{Pipeline: v.Pipeline, Prefix: checks.Prefix(v.Source), Tables: v.Tables,
		Sinks: make(map[string]lateness.Sink, len(v.Sinks))}
	for name, config := range v.Sinks {
		out.Sinks[name] = lateness.Sink{Reads: checks.Reader(config), Patience: checks.FlushInterval(config)}
	}
	return out
}

// run looks at the pipelines until ctx ends. It is up to health to report that they cannot be seen.
func (o *observer) run(ctx context.Context, all *views[overview.Listed]) error {
	for pause(ctx, observeInterval) {
		_, _ = all.within(ctx, observeInterval/2)
	}
	return nil
}

// recentTables returns the tables of the recent pipelines that have metrics, the latest first.
func (o *observer) recentTables() (all []*adminv1.TableStatus) {
	if o.tableMetrics == 0 {
		return nil
	}
	o.mu.Lock()
	for _, s := range o.seen {
		if o.now().Sub(s.at) < 4*observeInterval {
			all = append(all, s.seen.Tables...)
		}
	}
	o.mu.Unlock()
	slices.SortFunc(all, lateness.Compare)
	return all[:min(len(all), o.tableMetrics)]
}

// recent returns the pipelines that were seen lately; what was seen earlier says nothing about now.
func (o *observer) recent() (all []*adminv1.Pipeline) {
	o.mu.Lock()
	defer o.mu.Unlock()
	for _, s := range o.seen {
		if o.now().Sub(s.at) < 4*observeInterval {
			all = append(all, s.seen.Pipeline)
		}
	}
	return all
}
