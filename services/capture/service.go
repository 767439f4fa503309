package capture

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"

	"github.com/google/uuid"
	"google.golang.org/grpc/codes"

	capturev1 "github.com/calypso-cdc/calypso/gen/calypso/capture/v1"
	"github.com/calypso-cdc/calypso/libs/connector"
	"github.com/calypso-cdc/calypso/libs/connector/catalogue"
	"github.com/calypso-cdc/calypso/libs/contain"
	"github.com/calypso-cdc/calypso/libs/pgrepl"
	"github.com/calypso-cdc/calypso/libs/rpc"
	"github.com/calypso-cdc/calypso/services/capture/internal/command"
	"github.com/calypso-cdc/calypso/services/capture/internal/incremental"
	"github.com/calypso-cdc/calypso/services/capture/internal/offsets"
	"github.com/calypso-cdc/calypso/services/capture/internal/stage"
	"github.com/calypso-cdc/calypso/services/capture/internal/status"
)

// Service answers CaptureService for the captures that this worker runs.
type Service struct {
	capturev1.UnimplementedCaptureServiceServer
	board *Board
	fleet Fleet
}

// Fleet is what Service asks of the runtime (fleet.Worker).
type Fleet interface {
	// Reports says whether a connector that failed here is still this worker's.
	Reports(connector string, task int) bool
	// Idle are the connectors that are this worker's to run and do not run.
	Idle() []string
	// Environment gives what a connector's task would be given here; NOT_FOUND if the fleet does not have the connector.
	Environment(connector string) (connector.TaskEnv, catalogue.Values, error)
}

// NewService shows a board. A connector whose task failed stays on it for as long as it is still this worker's: that is, until it
// is deleted or goes to another worker.
func NewService(b *Board, fleet Fleet) *Service { return &Service{board: b, fleet: fleet} }

// GetCapture implements CaptureService.
func (s *Service) GetCapture(ctx context.Context, r *capturev1.GetCaptureRequest) (*capturev1.GetCaptureResponse, error) {
	e, err := s.find(r.Connector)
	if err != nil {
		return nil, err
	}
	return &capturev1.GetCaptureResponse{Capture: withSlot(ctx, e)}, nil
}

// ListCaptures implements CaptureService.
func (s *Service) ListCaptures(ctx context.Context, _ *capturev1.ListCapturesRequest) (*capturev1.ListCapturesResponse, error) {
	entries := slices.DeleteFunc(s.board.captures.All(), func(e *status.Capture) bool { return !s.shown(e) })
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
func (s *Service) GetSnapshotProgress(_ context.Context, r *capturev1.GetSnapshotProgressRequest) (*capturev1.GetSnapshotProgressResponse, error) {
	e, err := s.find(r.Connector)
	if err != nil {
		return nil, err
	}
	return &capturev1.GetSnapshotProgressResponse{Initial: snapshotMessages(e.State().Snapshots), Incremental: incrementalMessage(e.Incremental(), e.Hidden)}, nil
}

// ListCapturedTables implements CaptureService.
func (s *Service) ListCapturedTables(_ context.Context, r *capturev1.ListCapturedTablesRequest) (*capturev1.ListCapturedTablesResponse, error) {
	e, err := s.find(r.Connector)
	if err != nil {
		return nil, err
	}
	out := new(capturev1.ListCapturedTablesResponse)
	for _, t := range e.Tables() {
		out.Tables = append(out.Tables, tableMessage(&t))
	}
	return out, nil
}

// SignalSnapshot implements CaptureService.
func (s *Service) SignalSnapshot(ctx context.Context, r *capturev1.SignalSnapshotRequest) (*capturev1.SignalSnapshotResponse, error) {
	e, err := s.find(r.Connector)
	if err != nil {
		return nil, err
	}
	signal, err := signalOf(r)
	if err != nil {
		return nil, err
	}
	progress, err := s.board.doors.Call(ctx, r.Connector, signal)
	switch {
	case errors.Is(err, command.ErrClosed):
		return nil, rpc.Error(codes.FailedPrecondition, "NOT_STREAMING", fmt.Sprintf("connector %q takes signals while it streams; now it is in phase %s", r.Connector, phases[e.State().Phase]))
	case err == nil:
		answer := &capturev1.SignalSnapshotResponse{Incremental: incrementalMessage(progress, e.Hidden)}
		if r.GetAction() == capturev1.SnapshotAction_SNAPSHOT_ACTION_EXECUTE {
			answer.Consequences = []string{offsets.RowsComeAgain}
		}
		return answer, nil
	case errors.Is(err, incremental.ErrNoCollection):
		return nil, rpc.Error(codes.NotFound, string(pgrepl.ReasonTableMissing), e.Hidden(err.Error()))
	case errors.Is(err, incremental.ErrNoMarks):
		return nil, rpc.Error(codes.FailedPrecondition, "NO_WATERMARKS", e.Hidden(err.Error()))
	case errors.Is(err, incremental.ErrSignalInvalid):
		return nil, rpc.InvalidField("tables", "tables: "+e.Hidden(err.Error()))
	case errors.Is(err, incremental.ErrCondition):
		return nil, rpc.InvalidField("tables.condition", "tables.condition: "+e.Hidden(err.Error()))
	case errors.Is(err, incremental.ErrSurrogateKey):
		return nil, rpc.InvalidField("surrogate_key", "surrogate_key: "+e.Hidden(err.Error()))
	case errors.Is(err, incremental.ErrNotIncremental):
		return nil, rpc.InvalidField("tables", "tables: "+e.Hidden(err.Error()))
	case errors.Is(err, stage.ErrClosed), pgrepl.Transient(err):
		return nil, rpc.Error(codes.Unavailable, "CAPTURE_RECONNECTS", fmt.Sprintf("connector %q lost its stream before the signal was durable; look at its progress and try again: %s", r.Connector, e.Hidden(err.Error())))
	case ctx.Err() != nil:
		return nil, rpc.Error(codes.DeadlineExceeded, "SIGNAL_NOT_DURABLE", fmt.Sprintf("the signal for connector %q was taken, but is not durable in Kafka yet", r.Connector))
	}
	return nil, rpc.Error(codes.Internal, "SIGNAL_FAILED", e.Hidden(err.Error()))
}

// signalOf writes a call as the signal that it stands for.
func signalOf(r *capturev1.SignalSnapshotRequest) (incremental.Signal, error) {
	d := incremental.SignalData{SurrogateKey: r.SurrogateKey}
	for _, t := range r.Tables {
		d.Collections = append(d.Collections, t.Pattern)
		if t.Condition != "" {
			d.Conditions = append(d.Conditions, incremental.Condition{Collection: t.Pattern, Filter: t.Condition})
		}
	}
	s := incremental.Signal{ID: uuid.NewString()}
	switch r.Action {
	case capturev1.SnapshotAction_SNAPSHOT_ACTION_EXECUTE:
		if s.Kind = incremental.Execute; len(r.Tables) == 0 {
			return s, rpc.InvalidField("tables", "which tables to read? Name at least one pattern of schema.table")
		}
	case capturev1.SnapshotAction_SNAPSHOT_ACTION_STOP:
		s.Kind = incremental.Stop
	case capturev1.SnapshotAction_SNAPSHOT_ACTION_PAUSE:
		s.Kind = incremental.Pause
	case capturev1.SnapshotAction_SNAPSHOT_ACTION_RESUME:
		s.Kind = incremental.Resume
	default:
		return s, rpc.InvalidField("action", fmt.Sprintf("action %s is not one of EXECUTE, PAUSE, RESUME and STOP", r.Action))
	}
	text, err := json.Marshal(d)
	s.Data = string(text)
	return s, err
}

func (s *Service) find(name string) (*status.Capture, error) {
	if e := s.board.captures.Find(name); e != nil && s.shown(e) {
		return e, nil
	}
	return nil, rpc.Error(codes.NotFound, "CONNECTOR_NOT_FOUND", fmt.Sprintf("this worker runs no capture connector %q", name))
}

// shown leaves out what failed here and is another's, or nobody's, now.
func (s *Service) shown(e *status.Capture) bool {
	return e.State().Phase != status.Failed || s.fleet.Reports(e.Name(), 0)
}

// slotsAtOnce is how many servers a call asks at the same time.
const slotsAtOnce = 32

// withSlot shows a capture with its slot, for which the server is asked.
func withSlot(ctx context.Context, c *status.Capture) *capturev1.Capture {
	slot, err := c.Slot(ctx)
	state := c.State()
	out := captureMessage(&state)
	out.Slot = slotMessage(slot)
	if c.Idled() && err != nil {
		out.Reason = c.Hidden(fmt.Sprintf("Its task does not run, and its slot, for which the server keeps log, cannot be looked at: %v", err))
	}
	return out
}
