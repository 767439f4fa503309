package api

import (
	"context"
	"fmt"
	"strings"
	"time"

	"google.golang.org/grpc/codes"

	"github.com/calypso-cdc/calypso/services/sink/internal/deadletter"
	"github.com/calypso-cdc/calypso/services/sink/internal/spec"
	"github.com/calypso-cdc/calypso/services/sink/internal/status"

	sinkv1 "github.com/calypso-cdc/calypso/gen/calypso/sink/v1"
	"github.com/calypso-cdc/calypso/libs/connector"
	"github.com/calypso-cdc/calypso/libs/connector/catalogue"
	"github.com/calypso-cdc/calypso/libs/rpc"
)

// Service shows the sinks of this worker, and takes care of the dead letters of any sink.
type Service struct {
	sinkv1.UnimplementedSinkServiceServer
	worker Worker
	fleet  Fleet
	idle   *idle
	unread *unread
}

// Worker is what the service shows, and what the worker's parts share.
type Worker struct {
	Registry    *status.Registry
	DeadLetters deadletter.Tools
	// Defaults are the worker's for configurations.
	Defaults spec.Defaults
}

// Fleet knows the connectors of all workers; *fleet.Worker does.
type Fleet interface {
	// Idle are the connectors that belong to this worker but do not run.
	Idle() []string
	// Environment returns what a connector's tasks are given, wherever they run: dead letters are
	// read, replayed and discarded without them.
	Environment(connector string) (connector.TaskEnv, catalogue.Values, error)
}

// New makes the service of a worker.
func New(worker Worker, fleet Fleet) *Service {
	records := newUnread(time.Now)
	return &Service{worker: worker, fleet: fleet, idle: &idle{fleet: fleet, unread: records}, unread: records}
}

// GetSink returns the state of one sink connector.
func (s *Service) GetSink(ctx context.Context, r *sinkv1.GetSinkRequest) (*sinkv1.GetSinkResponse, error) {
	tasks := s.worker.Registry.Of(r.GetConnector())
	if len(tasks) == 0 {
		if waits := s.idle.sinks(ctx)[r.GetConnector()]; waits != nil {
			return &sinkv1.GetSinkResponse{Sink: waits}, nil
		}
		return nil, rpc.Error(codes.NotFound, string(connector.ReasonConnectorNotFound),
			fmt.Sprintf("sink connector %q runs no task on this worker", r.GetConnector()))
	}
	return &sinkv1.GetSinkResponse{Sink: s.summarize(ctx, r.GetConnector(), tasks)}, nil
}

// ListSinks returns the state of all sink connectors with tasks on this worker, and of those that
// belong to it but do not run.
func (s *Service) ListSinks(ctx context.Context, _ *sinkv1.ListSinksRequest) (*sinkv1.ListSinksResponse, error) {
	out := &sinkv1.ListSinksResponse{}
	for _, name := range s.worker.Registry.Connectors() {
		if tasks := s.worker.Registry.Of(name); len(tasks) > 0 {
			out.Sinks = append(out.Sinks, s.summarize(ctx, name, tasks))
		}
	}
	for name, waits := range s.idle.sinks(ctx) {
		if len(s.worker.Registry.Of(name)) == 0 {
			out.Sinks = append(out.Sinks, waits)
		}
	}
	return out, nil
}

// AcknowledgeNotices takes lasting notices back.
func (s *Service) AcknowledgeNotices(ctx context.Context,
	r *sinkv1.AcknowledgeNoticesRequest) (*sinkv1.AcknowledgeNoticesResponse, error) {
	kind := status.Kind(r.GetKind())
	if kind != 0 && !kind.Lasting() {
		return nil, rpc.InvalidField("kind",
			fmt.Sprintf(
				"notices of kind %s pass with what they are about; those that are acknowledged are TRUNCATED, SNAPSHOT_REPEATED, BATCH_DOUBLED and COLUMN_RETYPED", strings.TrimPrefix(r.GetKind().String(), "KIND_")))
	}
	env, _, err := s.environment(r.GetConnector())
	if err != nil {
		return nil, err
	}
	out := &sinkv1.AcknowledgeNoticesResponse{}
	for name, n := range status.KeptNotices(env) {
		if kind != 0 && kind != n.Kind || r.GetTopic() != "" && r.GetTopic() != n.Topic {
			continue
		}
		if err := env.Note(ctx, name, nil); err != nil {
			return nil, refusal(env, codes.Unavailable, string(connector.ReasonStoreUnavailable), err)
		}
		out.Acknowledged++
	}
	return out, nil
}
