package api

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/google/uuid"
	"google.golang.org/grpc/codes"

	capturev1 "github.com/calypso-cdc/calypso/gen/calypso/capture/v1"
	"github.com/calypso-cdc/calypso/libs/pgrepl"
	"github.com/calypso-cdc/calypso/libs/rpc"
	"github.com/calypso-cdc/calypso/services/capture/internal/buffer"
	"github.com/calypso-cdc/calypso/services/capture/internal/command"
	"github.com/calypso-cdc/calypso/services/capture/internal/incremental"
	"github.com/calypso-cdc/calypso/services/capture/internal/offsets"
)

// SignalSnapshot implements CaptureService.
func (s *Service) SignalSnapshot(ctx context.Context,
	r *capturev1.SignalSnapshotRequest) (*capturev1.SignalSnapshotResponse, error) {
	e, err := s.find(r.Connector)
	if err != nil {
		return nil, err
	}
	signal, err := signalOf(r)
	if err != nil {
		return nil, err
	}
	progress, err := s.endpoints.Call(ctx, r.Connector, signal)
	switch {
	case errors.Is(err, command.ErrClosed):
		return nil, rpc.Error(codes.FailedPrecondition, "NOT_STREAMING",
			fmt.Sprintf("connector %q takes signals while it streams; now it is in phase %s", r.Connector,
				phases[e.State().Phase]))
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
	case errors.Is(err, buffer.ErrClosed), pgrepl.Transient(err):
		return nil, rpc.Error(codes.Unavailable, "CAPTURE_RECONNECTS",
			fmt.Sprintf("connector %q lost its stream before the signal was durable; look at its progress and try again: %s",
				r.Connector, e.Hidden(err.Error())))
	case ctx.Err() != nil:
		return nil, rpc.Error(codes.DeadlineExceeded, "SIGNAL_NOT_DURABLE",
			fmt.Sprintf("the signal for connector %q was taken, but is not durable in Kafka yet", r.Connector))
	}
	return nil, rpc.Error(codes.Internal, "SIGNAL_FAILED", e.Hidden(err.Error()))
}

// signalOf turns a call into the signal that it stands for.
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
