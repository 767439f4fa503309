package target

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/calypso-cdc/calypso/libs/kusto"
	"github.com/calypso-cdc/calypso/services/sink/internal/retry"
	"github.com/calypso-cdc/calypso/services/sink/internal/route"
	"github.com/calypso-cdc/calypso/services/sink/internal/spec"
)

// New makes the tables of a cluster. None is known at first.
func New(c Cluster) *Tables {
	c.tables = new(atomic.Int32)
	return &Tables{cluster: c, byTopic: map[string]*Table{}}
}

// Tables finds the tables that topics go to, and keeps what is known of them. It is shared by a task's partitions.
type Tables struct {
	cluster Cluster
	doubts  doubts

	mu      sync.Mutex
	byTopic map[string]*Table
	// inline is set once the server has said that it takes no queued ingestion.
	inline bool
}

// Of returns a topic's table, opened.
func (ts *Tables) Of(ctx context.Context, topic string) (*Table, error) {
	t, err := ts.Find(topic)
	if err != nil {
		return nil, err
	}
	return t, t.Open(ctx)
}

// Find returns a topic's table, which may not be open yet.
func (ts *Tables) Find(topic string) (*Table, error) {
	r, ok := ts.cluster.Spec.Routes.Find(topic)
	if !ok {
		return nil, fmt.Errorf("kusto.tables.topics.mapping has no entry for topic %s: add one, or one for *", topic)
	}
	ts.mu.Lock()
	defer ts.mu.Unlock()
	t, ok := ts.byTopic[topic]
	if !ok {
		t = ts.table(r)
		ts.byTopic[topic] = t
		ts.cluster.tables.Add(1)
	}
	return t, nil
}

// table is a table about which nothing is known yet; the caller holds mu.
func (ts *Tables) table(r route.Route) *Table {
	return newTable(&ts.cluster, &ts.doubts, r, ts.modeOf(r))
}

// alone is a table that is looked at by itself, not for a topic's rows.
func (ts *Tables) alone(r route.Route) *Table {
	ts.mu.Lock()
	defer ts.mu.Unlock()
	return ts.table(r)
}

// Probe finds out whether the server takes queued ingestion. Only Kusto's emulator does not, and it
// is never reached by TLS; with a cluster, the address is that of its query endpoint.
func (ts *Tables) Probe(ctx context.Context) error {
	s := ts.cluster.Spec
	if s.Mode == spec.ModeInline {
		ts.sendInline()
		return nil
	}
	if s.Mode == spec.ModeStreaming {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, probePatience)
		defer cancel()
	}
	err := ts.cluster.Client.CanQueue(ctx)
	endpoint := s.Kusto.Endpoints.Ingest
	switch {
	case !kusto.Unmanaged(err):
		if s.Mode == spec.ModeStreaming { // what cannot be streamed is queued, and waits for that to be possible
			return nil
		}
		return err
	case strings.HasPrefix(endpoint, "https://"):
		return retry.Permanent(
			fmt.Errorf(
				"%s takes no queued ingestion, as the query endpoint of a cluster takes none: %w. Set kusto.ingestion.url to the cluster's data ingestion URI (https://ingest-<cluster>.<region>.kusto.windows.net), or ingestion.mode=inline for a server that has no other", endpoint, err))
	case s.Mode != spec.ModeAuto:
		return retry.Permanent(
			fmt.Errorf(
				"ingestion.mode=%s is not possible: %s has no data management service, as Kusto's emulator has none, so that it takes neither queued nor streamed rows: %w. Leave ingestion.mode out, or set it to inline: rows go within commands then, each once", s.Mode, endpoint, err))
	}
	ts.cluster.Env.Logger.Info("the server has no data management service; rows are sent within commands",
		"endpoint", endpoint)
	ts.sendInline()
	return nil
}

// sendInline has rows sent within commands.
func (ts *Tables) sendInline() {
	ts.mu.Lock()
	defer ts.mu.Unlock()
	ts.inline = true
}

// Inline reports whether rows are sent within commands.
func (ts *Tables) Inline() bool {
	ts.mu.Lock()
	defer ts.mu.Unlock()
	return ts.inline
}

// probePatience is how long it may take to find out whether what is not streamed could be queued.
const probePatience = 10 * time.Second

// modeOf is how rows of a route are ingested; the caller holds mu.
func (ts *Tables) modeOf(r route.Route) spec.Mode {
	switch {
	case ts.cluster.Spec.Mode != spec.ModeAuto:
		return ts.cluster.Spec.Mode
	case ts.inline:
		return spec.ModeInline
	case r.Streaming:
		return spec.ModeStreaming
	}
	return spec.ModeQueued
}

// Recall reports, from the versions of the source's tables, which columns of topics' tables have
// lost their field, so that a notice about them outlives the task even if no row comes. Topics
// whose tables lost no column cost no question to the cluster.
func (t *Tables) Recall(topics []string) {
	for topic, all := range t.cluster.versions(t.cluster.Ctx, topics) {
		now, ever, lost := lostColumns(all)
		if !lost {
			continue
		}
		to, err := t.Of(t.cluster.Ctx, topic)
		if err != nil {
			continue // its partitions say why
		}
		to.coverage.tellLost(now, ever)
	}
}

// ResolveDoubts looks for doubled batches until ctx ends.
func (ts *Tables) ResolveDoubts(ctx context.Context) { ts.doubts.resolve(ctx, &ts.cluster) }
