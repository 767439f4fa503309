package capture

import (
	"context"

	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"

	capturev1 "github.com/calypso-cdc/calypso/gen/calypso/capture/v1"
)

// Service answers CaptureService for the captures that this worker runs.
type Service struct {
	capturev1.UnimplementedCaptureServiceServer
	board *Board
}

// NewService shows a board.
func NewService(b *Board) *Service { return &Service{board: b} }

// GetCapture implements CaptureService.
func (s *Service) GetCapture(ctx context.Context, r *capturev1.GetCaptureRequest) (*capturev1.GetCaptureResponse, error) {
	e := s.board.find(r.Connector)
	if e == nil {
		return nil, notFound(r.Connector)
	}
	return &capturev1.GetCaptureResponse{Capture: e.withSlot(ctx)}, nil
}

// ListCaptures implements CaptureService.
func (s *Service) ListCaptures(ctx context.Context, _ *capturev1.ListCapturesRequest) (*capturev1.ListCapturesResponse, error) {
	out := new(capturev1.ListCapturesResponse)
	for _, e := range s.board.all() {
		out.Captures = append(out.Captures, e.withSlot(ctx))
	}
	return out, nil
}

func notFound(name string) error {
	st, err := status.Newf(codes.NotFound, "this worker runs no capture connector %q", name).WithDetails(
		&errdetails.ErrorInfo{Domain: "calypso", Reason: "CONNECTOR_NOT_FOUND", Metadata: map[string]string{"connector": name}})
	if err != nil {
		return status.Errorf(codes.NotFound, "this worker runs no capture connector %q", name)
	}
	return st.Err()
}

func cloneCapture(c *capturev1.Capture) *capturev1.Capture {
	return proto.Clone(c).(*capturev1.Capture)
}
