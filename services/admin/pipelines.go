package admin

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/timestamppb"

	adminv1 "github.com/calypso-cdc/calypso/gen/calypso/admin/v1"
	capturev1 "github.com/calypso-cdc/calypso/gen/calypso/capture/v1"
	connectorv1 "github.com/calypso-cdc/calypso/gen/calypso/connector/v1"
	sinkv1 "github.com/calypso-cdc/calypso/gen/calypso/sink/v1"
	"github.com/calypso-cdc/calypso/libs/connectapi"
	"github.com/calypso-cdc/calypso/libs/connector"
	"github.com/calypso-cdc/calypso/libs/contain"
	"github.com/calypso-cdc/calypso/libs/rpc"
	"github.com/calypso-cdc/calypso/services/admin/checks"
	"github.com/calypso-cdc/calypso/services/admin/overview"
)

// service is AdminService, which answers from all fleets at once.
type service struct {
	adminv1.UnimplementedAdminServiceServer
	router  *router
	capture captureProxy
	sink    sinkProxy
	orders  ordersProxy
	fleets  []*fleet
	// self is admin's own health.
	self    *adminv1.ServiceHealth
	seen    *observer
	views   *views[overview.Listed]
	loggers *connectapi.Loggers

	mu sync.Mutex
	// captured are the tables of each source when capture was last asked; guarded by mu.
	captured map[string]capturedTables
}

// listAge is how old the contents of lists may be: however many pages are open, the fleets are
// asked only once in that time.
const listAge = time.Second

// ListPipelines takes a new look if the full view of all pipelines is asked for, since the caller
// may just have changed something.
func (s *service) ListPipelines(ctx context.Context,
	q *adminv1.ListPipelinesRequest) (*adminv1.ListPipelinesResponse, error) {
	age := listAge
	if q.View != adminv1.PipelineView_PIPELINE_VIEW_BASIC && q.PageToken == "" {
		age = 0
	}
	all, err := s.views.within(ctx, age)
	if err != nil {
		return nil, err
	}
	return overview.Pipelines(all, q)
}

// GetPipelineHistory shows what the looks at a pipeline have seen.
func (s *service) GetPipelineHistory(ctx context.Context,
	q *adminv1.GetPipelineHistoryRequest) (*adminv1.GetPipelineHistoryResponse, error) {
	if _, err := s.views.within(ctx, observeInterval); err != nil {
		return nil, err
	}
	if hour, seen := s.seen.hour(q.Source); seen {
		return hour, nil
	}
	return nil, noSource(q.Source)
}

// ListTables shows the tables of all pipelines.
func (s *service) ListTables(ctx context.Context, q *adminv1.ListTablesRequest) (*adminv1.ListTablesResponse, error) {
	all, err := s.views.within(ctx, listAge)
	if err != nil {
		return nil, err
	}
	var rows []*adminv1.TableStatus
	for _, p := range all {
		rows = append(rows, p.Tables...)
	}
	answer, err := overview.Tables(rows, q)
	if err == nil {
		answer.Time, answer.Unreachable = timestamppb.New(s.seen.now()), s.awayFleets()
	}
	return answer, err
}

func (s *service) GetPipeline(ctx context.Context,
	q *adminv1.GetPipelineRequest) (*adminv1.GetPipelineResponse, error) {
	seen, err := s.pipeline(ctx, q.Source)
	if err != nil {
		return nil, err
	}
	p := proto.CloneOf(seen.Pipeline)
	// Lists do not have them, since finding them means reading a topic.
	offsets, err := s.router.GetOffsets(ctx, &connectorv1.GetOffsetsRequest{Name: p.Source})
	switch {
	case err == nil:
		p.Offsets = offsets.Offsets
	case status.Code(err) != codes.Unavailable: // the checks report it
		return nil, err
	}
	return &adminv1.GetPipelineResponse{Pipeline: p}, nil
}

// pipeline looks at all pipelines now and returns that of one source.
func (s *service) pipeline(ctx context.Context, source string) (p overview.Listed, err error) {
	all, err := s.views.within(ctx, 0)
	if err != nil {
		return p, err
	}
	for _, p := range all {
		if p.Pipeline.Source == source {
			return p, nil
		}
	}
	return p, noSource(source)
}

// sourceNamed finds a source connector.
func sourceNamed(all []*connectorv1.Connector, name string) (*connectorv1.Connector, error) {
	for _, c := range all {
		if c.Name == name && c.Type == connectorv1.ConnectorType_CONNECTOR_TYPE_SOURCE {
			return c, nil
		}
	}
	return nil, noSource(name)
}

func noSource(name string) error {
	return rpc.Error(codes.NotFound, string(connector.ReasonConnectorNotFound),
		fmt.Sprintf("Source connector %.300s not found", name))
}

// look has the answers to the questions that are asked once for all pipelines.
type look struct {
	workers        map[string][]*adminv1.ServiceHealth
	sources, sinks []*connectorv1.Connector
	captures       map[string]*capturev1.Capture
	// slots are the names of the slots of all sources.
	slots      map[string]bool
	ingestions map[string]*sinkv1.Sink
}

// lookAtOnce is how many pipelines are asked about at once.
const lookAtOnce = 8

// look asks for everything about all pipelines, and returns them sorted by source. It fails only if
// it is not known which pipelines there are; otherwise what cannot be asked for is left out, and
// the check of the fleet says so.
func (s *service) look(ctx context.Context) ([]overview.Listed, error) {
	capture, sink := s.capture.fleet, s.sink.fleet
	l := look{workers: askFleets(ctx, []*fleet{capture, sink}), captures: map[string]*capturev1.Capture{},
		ingestions: map[string]*sinkv1.Sink{}}
	var err error
	if l.sources, err = connectorsOf(ctx, capture); err != nil {
		return nil, err
	}
	if l.sinks, err = connectorsOf(ctx, sink); err != nil && status.Code(err) != codes.Unavailable {
		return nil, err
	}
	captures, err := s.capture.ListCaptures(ctx, &capturev1.ListCapturesRequest{})
	if err != nil && status.Code(err) != codes.Unavailable {
		return nil, err
	}
	for _, c := range captures.GetCaptures() {
		l.captures[c.Connector] = c
	}
	ingestions, err := s.sink.ListSinks(ctx, &sinkv1.ListSinksRequest{})
	if err != nil && status.Code(err) != codes.Unavailable {
		return nil, err
	}
	for _, i := range ingestions.GetSinks() {
		l.ingestions[i.Connector] = i
	}
	l.slots = slotsOf(l.sources)
	all := make([]overview.Listed, len(l.sources))
	group, asking := contain.WithContext(ctx)
	group.SetLimit(lookAtOnce)
	for i, source := range l.sources {
		group.Go("look at a pipeline", func() (err error) {
			all[i], err = s.lookAt(asking, source, &l)
			return err
		})
	}
	if err := group.Wait(); err != nil {
		return nil, err
	}
	all = slices.DeleteFunc(all, func(p overview.Listed) bool { return p.Pipeline == nil })
	slices.SortFunc(all, func(a, b overview.Listed) int { return strings.Compare(a.Pipeline.Source, b.Pipeline.Source) })
	return all, nil
}

// slotsOf returns the names of the slots of source connectors.
func slotsOf(sources []*connectorv1.Connector) map[string]bool {
	const unset = "debezium" // what Debezium calls its slot
	slots := make(map[string]bool, len(sources))
	for _, source := range sources {
		slots[cmp.Or(source.Config["slot.name"], unset)] = true
	}
	return slots
}

// connectorsOf lists the connectors of a fleet: those that it had when it was last asked, if it cannot be asked now.
func connectorsOf(ctx context.Context, f *fleet) ([]*connectorv1.Connector, error) {
	l, err := f.listConnectors(ctx)
	if err == nil && !l.known {
		err = l.away
	}
	return l.all, err
}

// lookAt makes the pipeline of one source connector; none if the connector was deleted since it was listed.
func (s *service) lookAt(ctx context.Context, source *connectorv1.Connector,
	l *look) (none overview.Listed, err error) {
	p := &adminv1.Pipeline{Source: source.Name, Capture: l.captures[source.Name]}
	view := checks.View{Pipeline: p, Source: source.Config, Sinks: map[string]map[string]string{},
		Warnings: map[string][]string{source.Name: source.Warnings}, Workers: l.workers, Slots: l.slots}
	if p.SourceStatus, err = statusOf(ctx, s.capture.fleet, source); p.SourceStatus == nil {
		return none, err
	}
	topics, err := clientOf(s.capture.fleet).GetConnectorTopics(ctx,
		&connectorv1.GetConnectorTopicsRequest{Name: source.Name})
	if err := tolerated(err); err != nil {
		return none, err
	}
	if p.Topics = topics.GetTopics(); status.Code(err) == codes.Unavailable {
		p.Topics = s.seen.topics(source.Name)
	}
	if p.Capture.GetPhase() == capturev1.Phase_PHASE_STREAMING {
		progress, err := s.capture.GetSnapshotProgress(ctx, &capturev1.GetSnapshotProgressRequest{Connector: source.Name})
		if err := tolerated(err); err != nil {
			return none, err
		}
		view.Incremental = progress.GetIncremental()
	}
	if view.Tables, err = s.tablesOf(ctx, source.Name, tablesAge); err != nil {
		return none, err
	}
	for _, c := range l.sinks {
		if !reads(c.Config, source.Config, p.Topics) {
			continue
		}
		state, err := statusOf(ctx, s.sink.fleet, c)
		if err != nil {
			return none, err
		}
		if state != nil {
			p.Sinks = append(p.Sinks, &adminv1.PipelineSink{Status: state, Sink: l.ingestions[c.Name]})
			view.Sinks[c.Name], view.Warnings[c.Name] = c.Config, c.Warnings
		}
	}
	return s.seen.observe(view), nil
}

// capturedTables are the tables of a source as of a time.
type capturedTables struct {
	at     time.Time
	tables []*capturev1.CapturedTable
}

// tablesAge is how old the tables may be that a look judges: of few, younger than the pause between two
// looks, since what they lack and what came of them last is told by them. They may be thousands.
func tablesAge(tables int) time.Duration {
	const (
		least, most = observeInterval * 4 / 5, 30 * time.Second
		ofEach      = 10 * time.Millisecond
	)
	return min(max(least, time.Duration(tables)*ofEach), most)
}

// asOfNow is tablesAge where somebody asks for the tables.
func asOfNow(int) time.Duration { return 0 }

// tablesOf returns the captured tables of a source, no older than age says of so many unless capture cannot be asked;
// nil if they are not known.
func (s *service) tablesOf(ctx context.Context, source string, age func(tables int) time.Duration) (
	[]*capturev1.CapturedTable, error) {
	s.mu.Lock()
	known := s.captured[source]
	s.mu.Unlock()
	now := s.seen.now()
	if now.Sub(known.at) < age(len(known.tables)) {
		return known.tables, nil
	}
	answer, err := s.capture.ListCapturedTables(ctx, &capturev1.ListCapturedTablesRequest{Connector: source})
	if status.Code(err) == codes.Unavailable {
		return known.tables, nil
	}
	if err := tolerated(err); err != nil {
		return nil, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	for name, old := range s.captured {
		if now.Sub(old.at) > forgetAfter {
			delete(s.captured, name)
		}
	}
	s.captured[source] = capturedTables{now, answer.GetTables()}
	return answer.GetTables(), nil
}

// statusOf asks for a connector's state. It has only the name if the fleet cannot be asked, and is
// nil if the connector no longer exists.
func statusOf(ctx context.Context, f *fleet, c *connectorv1.Connector) (*connectorv1.ConnectorStatus, error) {
	answer, err := clientOf(f).GetConnectorStatus(ctx, &connectorv1.GetConnectorStatusRequest{Name: c.Name})
	switch {
	case err == nil:
		return answer.Status, nil
	case connector.ReasonOf(err) == connector.ReasonConnectorNotFound:
		return nil, nil
	case status.Code(err) == codes.Unavailable:
		return &connectorv1.ConnectorStatus{Name: c.Name, Type: c.Type}, nil
	}
	return nil, err
}

// tolerated drops the errors that a look can live with: checks report what is missing or cannot be
// asked.
func tolerated(err error) error {
	if status.Code(err) == codes.NotFound || status.Code(err) == codes.Unavailable {
		return nil
	}
	return err
}

// reads reports whether a sink reads topics of a source: topics that the source has used, or topics
// with its prefix, since it may not have written yet.
func reads(sink, source map[string]string, used []string) bool {
	prefix := checks.Prefix(source)
	for topic := range strings.SplitSeq(sink["topics"], ",") {
		if prefix != "" && strings.HasPrefix(strings.TrimSpace(topic), prefix+".") {
			return true
		}
	}
	return slices.ContainsFunc(used, checks.Reader(sink))
}
