package admin

import (
	"context"
	"fmt"
	"regexp"
	"slices"
	"strings"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	adminv1 "github.com/calypso-cdc/calypso/gen/calypso/admin/v1"
	capturev1 "github.com/calypso-cdc/calypso/gen/calypso/capture/v1"
	connectorv1 "github.com/calypso-cdc/calypso/gen/calypso/connector/v1"
	sinkv1 "github.com/calypso-cdc/calypso/gen/calypso/sink/v1"
	"github.com/calypso-cdc/calypso/libs/connector"
	"github.com/calypso-cdc/calypso/libs/rpc"
)

// service is AdminService: what is asked of all fleets at once.
type service struct {
	adminv1.UnimplementedAdminServiceServer
	router  *router
	capture captureProxy
	sink    sinkProxy
	orders  ordersProxy
	fleets  []*fleet
	seen    *observer
}

func (s *service) ListPipelines(ctx context.Context, _ *adminv1.ListPipelinesRequest) (*adminv1.ListPipelinesResponse, error) {
	connectors, err := s.router.ListConnectors(ctx, &connectorv1.ListConnectorsRequest{})
	if err != nil {
		return nil, err
	}
	all := &adminv1.ListPipelinesResponse{}
	for _, c := range connectors.Connectors {
		if c.Type != connectorv1.ConnectorType_CONNECTOR_TYPE_SOURCE {
			continue
		}
		p, err := s.pipeline(ctx, c, connectors.Connectors)
		if connector.ReasonOf(err) == connector.ReasonConnectorNotFound {
			continue // deleted since it was listed
		}
		if err != nil {
			return nil, err
		}
		all.Pipelines = append(all.Pipelines, p)
	}
	return all, nil
}

func (s *service) GetPipeline(ctx context.Context, q *adminv1.GetPipelineRequest) (*adminv1.GetPipelineResponse, error) {
	connectors, err := s.router.ListConnectors(ctx, &connectorv1.ListConnectorsRequest{})
	if err != nil {
		return nil, err
	}
	source, err := sourceNamed(connectors.Connectors, q.Source)
	if err != nil {
		return nil, err
	}
	p, err := s.pipeline(ctx, source, connectors.Connectors)
	if err != nil {
		return nil, err
	}
	// Not in the list, since finding them means reading a topic.
	offsets, err := s.router.GetOffsets(ctx, &connectorv1.GetOffsetsRequest{Name: source.Name})
	if err != nil {
		return nil, err
	}
	p.Offsets = offsets.Offsets
	return &adminv1.GetPipelineResponse{Pipeline: p}, nil
}

// sourceNamed finds a source connector.
func sourceNamed(all []*connectorv1.Connector, name string) (*connectorv1.Connector, error) {
	for _, c := range all {
		if c.Name == name && c.Type == connectorv1.ConnectorType_CONNECTOR_TYPE_SOURCE {
			return c, nil
		}
	}
	return nil, rpc.Error(codes.NotFound, string(connector.ReasonConnectorNotFound), fmt.Sprintf("Source connector %.300s not found", name))
}

// pipeline asks for everything about one source connector and the sinks that read its topics.
func (s *service) pipeline(ctx context.Context, source *connectorv1.Connector, all []*connectorv1.Connector) (*adminv1.Pipeline, error) {
	p := &adminv1.Pipeline{Source: source.Name}
	state, err := s.router.GetConnectorStatus(ctx, &connectorv1.GetConnectorStatusRequest{Name: source.Name})
	if err != nil {
		return nil, err
	}
	p.SourceStatus = state.Status
	topics, err := s.router.GetConnectorTopics(ctx, &connectorv1.GetConnectorTopicsRequest{Name: source.Name})
	if err != nil {
		return nil, err
	}
	p.Topics = topics.Topics
	captured, err := s.capture.GetCapture(ctx, &capturev1.GetCaptureRequest{Connector: source.Name})
	switch status.Code(err) {
	case codes.OK:
		p.Capture = captured.Capture
	case codes.NotFound: // paused, stopped or not yet assigned: its status says so
	default:
		return nil, err
	}
	for _, c := range all {
		if c.Type != connectorv1.ConnectorType_CONNECTOR_TYPE_SINK || !reads(c.Config, source.Config, p.Topics) {
			continue
		}
		sink, err := s.pipelineSink(ctx, c.Name)
		if err != nil {
			return nil, err
		}
		p.Sinks = append(p.Sinks, sink)
	}
	s.seen.observe(p)
	judged := judge(p)
	p.Verdict, p.Reason = judged.verdict, judged.reason
	return p, nil
}

func (s *service) pipelineSink(ctx context.Context, name string) (*adminv1.PipelineSink, error) {
	state, err := s.router.GetConnectorStatus(ctx, &connectorv1.GetConnectorStatusRequest{Name: name})
	if err != nil {
		return nil, err
	}
	ps := &adminv1.PipelineSink{Status: state.Status}
	sink, err := s.sink.GetSink(ctx, &sinkv1.GetSinkRequest{Connector: name})
	switch status.Code(err) {
	case codes.OK:
		ps.Sink = sink.Sink
	case codes.NotFound:
	default:
		return nil, err
	}
	return ps, nil
}

// maxPattern bounds a pattern of topics in bytes: compiling one takes memory in proportion to it.
const maxPattern = 10_000

// reads reports whether a sink with the configuration sink reads topics of the source: ones that the source has used,
// or ones that carry its prefix (it may not have written yet).
func reads(sink, source map[string]string, used []string) bool {
	prefix := source["topic.prefix"]
	if prefix == "" {
		prefix = source["database.server.name"]
	}
	for topic := range strings.SplitSeq(sink["topics"], ",") {
		topic = strings.TrimSpace(topic)
		if topic != "" && (slices.Contains(used, topic) || prefix != "" && strings.HasPrefix(topic, prefix+".")) {
			return true
		}
	}
	if len(sink["topics.regex"]) > maxPattern {
		return false
	}
	pattern, err := regexp.Compile("^(?:" + sink["topics.regex"] + ")$")
	if err != nil || sink["topics.regex"] == "" {
		return false
	}
	return slices.ContainsFunc(used, pattern.MatchString)
}
