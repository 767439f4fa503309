package api

import (
	"context"
	"fmt"
	"maps"
	"slices"

	"google.golang.org/grpc/codes"

	capturev1 "github.com/calypso-cdc/calypso/gen/calypso/capture/v1"
	"github.com/calypso-cdc/calypso/libs/connector"
	"github.com/calypso-cdc/calypso/libs/connector/catalogue"
	"github.com/calypso-cdc/calypso/libs/contain"
	"github.com/calypso-cdc/calypso/libs/rpc"
	"github.com/calypso-cdc/calypso/services/capture/internal/command"
	"github.com/calypso-cdc/calypso/services/capture/internal/incremental"
	"github.com/calypso-cdc/calypso/services/capture/internal/progress"
	"github.com/calypso-cdc/calypso/services/capture/internal/status"
	"github.com/calypso-cdc/calypso/services/capture/internal/visibility"
)

// Service answers CaptureService for the captures that this worker runs.
type Service struct {
	capturev1.UnimplementedCaptureServiceServer
	registry  *status.Registry
	endpoints *Endpoints
	fleet     Fleet
}

// Fleet is the part of the runtime that Service uses (fleet.Worker).
type Fleet interface {
	// Reports reports whether a connector that failed here is still this worker's.
	Reports(connector string, task int) bool
	// Idle lists the connectors that belong to this worker but do not run.
	Idle() []string
	// Environment returns what a connector's task would be given on this worker; NOT_FOUND if the
	// fleet does not have the connector.
	Environment(connector string) (connector.TaskEnv, catalogue.Values, error)
}

// Endpoints lead to the captures of the worker that take signals.
type Endpoints = command.Endpoints[incremental.Signal, *progress.Incremental]

// New makes a Service that shows a registry, and calls captures through their endpoints. A connector
// whose task failed stays in it for as long as it is still this worker's: that is, until it is
// deleted or goes to another worker.
func New(registry *status.Registry, endpoints *Endpoints, fleet Fleet) *Service {
	return &Service{registry: registry, endpoints: endpoints, fleet: fleet}
}

// GetCapture implements CaptureService.
func (s *Service) GetCapture(ctx context.Context, r *capturev1.GetCaptureRequest) (*capturev1.GetCaptureResponse,
	error) {
	e, err := s.find(r.Connector)
	if err != nil {
		return nil, err
	}
	return &capturev1.GetCaptureResponse{Capture: withSlot(ctx, e)}, nil
}

// ListCaptures implements CaptureService.
func (s *Service) ListCaptures(ctx context.Context,
	_ *capturev1.ListCapturesRequest) (*capturev1.ListCapturesResponse, error) {
	entries := slices.DeleteFunc(s.registry.All(), func(e *status.Capture) bool { return !s.shown(e) })
	out := &capturev1.ListCapturesResponse{Captures: make([]*capturev1.Capture, len(entries))}
	asked := contain.NewGroup()
	asked.SetLimit(slotsAtOnce)
	for i, e := range entries {
		asked.Go("question for a slot", func() error {
			out.Captures[i] = withSlot(ctx, e)
			return nil
		})
	}
	return out, asked.Wait()
}

// GetSnapshotProgress implements CaptureService.
func (s *Service) GetSnapshotProgress(_ context.Context,
	r *capturev1.GetSnapshotProgressRequest) (*capturev1.GetSnapshotProgressResponse, error) {
	e, err := s.find(r.Connector)
	if err != nil {
		return nil, err
	}
	return &capturev1.GetSnapshotProgressResponse{Initial: snapshotMessages(e.State().Snapshots),
		Incremental: incrementalMessage(e.Incremental(), e.Hidden)}, nil
}

// ListCapturedTables implements CaptureService.
func (s *Service) ListCapturedTables(ctx context.Context,
	r *capturev1.ListCapturedTablesRequest) (*capturev1.ListCapturedTablesResponse, error) {
	e, err := s.find(r.Connector)
	if err != nil {
		return nil, err
	}
	out := new(capturev1.ListCapturedTablesResponse)
	// If the server does not answer, the table shows what was kept back when the session began.
	var exist map[string]visibility.Table
	if seen, _ := e.Slot(ctx); seen != nil {
		exist = maps.Clone(seen.Tables)
	}
	for _, t := range e.Tables() {
		if exist != nil {
			t.KeptBack = exist[t.Name].KeptBack
		}
		delete(exist, t.Name)
		out.Tables = append(out.Tables, tableMessage(&t))
	}
	// Of tables that were made since the start, or have come into the filters by another name, the stream says
	// nothing before it sends a change, which it may never do.
	for _, name := range slices.Sorted(maps.Keys(exist)) {
		if t := exist[name]; len(t.KeptBack) > 0 {
			out.Tables = append(out.Tables, tableMessage(&status.Table{Name: name, Topic: t.Topic, KeptBack: t.KeptBack,
				Reason: "It was made, or came into the filters, after the connector's start."}))
		}
	}
	return out, nil
}

// AcknowledgeLosses implements CaptureService.
func (s *Service) AcknowledgeLosses(ctx context.Context,
	r *capturev1.AcknowledgeLossesRequest) (*capturev1.AcknowledgeLossesResponse, error) {
	env, _, err := s.fleet.Environment(r.GetConnector())
	if connector.ReasonOf(err) == connector.ReasonConnectorNotFound {
		err = rpc.Error(codes.NotFound, string(connector.ReasonConnectorNotFound),
			fmt.Sprintf("Capture connector %.300s not found", r.GetConnector()))
	}
	if err != nil {
		return nil, err
	}
	if e := s.registry.Find(r.GetConnector()); e != nil {
		e.Losses.Flush() // what is not counted by its note yet has been shown all the same
	}
	n, err := status.Acknowledge(ctx, env, status.Work(r.GetWork()))
	if err != nil {
		return nil, rpc.Error(codes.Unavailable, string(connector.ReasonStoreUnavailable), env.Hidden(err.Error()))
	}
	return &capturev1.AcknowledgeLossesResponse{Acknowledged: int64(n)}, nil
}

func (s *Service) find(name string) (*status.Capture, error) {
	if e := s.registry.Find(name); e != nil && s.shown(e) {
		return e, nil
	}
	return nil, rpc.Error(codes.NotFound, "CONNECTOR_NOT_FOUND",
		fmt.Sprintf("Source connector %.300s not found", name))
}

// shown leaves out captures that failed here and now belong to another worker, or to none.
func (s *Service) shown(e *status.Capture) bool {
	return e.State().Phase != status.Failed || s.fleet.Reports(e.Name(), 0)
}

// slotsAtOnce is how many servers a call asks at the same time.
const slotsAtOnce = 32

// withSlot shows a capture with its slot, which it asks the server for.
func withSlot(ctx context.Context, c *status.Capture) *capturev1.Capture {
	slot, err := c.Slot(ctx)
	state := c.State()
	out := CaptureMessage(&state)
	out.Slot = slotMessage(slot, c.Hidden)
	unread, unknown := c.Unread(slot)
	if out.UnreadTables = unreadMessages(unread); unknown != nil {
		out.UnreadUnknown = c.Hidden(unknown.Error())
	}
	switch {
	case state.Phase == status.Streaming && err != nil && ctx.Err() == nil:
		out.BackgroundFailures = append(out.BackgroundFailures, backgroundMessage(status.BackgroundFailure{
			Work: status.SlotView, Reason: c.Hidden(err.Error()), Failures: 1,
			Remedy: "Make sure that the connector's role can open one more connection to the server, and read pg_replication_slots."}))
	case !c.Idled():
	case slot != nil && slot.State == nil && !c.Positioned():
		out.Slot = nil
		out.Reason = fmt.Sprintf(
			"Its task does not run, and the server has no slot %s; whether it ever had one is known once its offsets can be read in Kafka.", slot.Name)
	case err != nil:
		out.Reason = c.Hidden(fmt.Sprintf(
			"Its task does not run, and its slot, for which the server keeps log, cannot be looked at: %v", err))
	}
	return out
}
