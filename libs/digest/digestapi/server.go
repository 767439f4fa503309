package digestapi

import (
	"context"
	"errors"
	"fmt"
	"io"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	tablev1 "github.com/calypso-cdc/calypso/gen/calypso/table/v1"
	"github.com/calypso-cdc/calypso/libs/connector"
	"github.com/calypso-cdc/calypso/libs/connector/catalogue"
	"github.com/calypso-cdc/calypso/libs/digest"
	"github.com/calypso-cdc/calypso/libs/rpc"
)

// Reasons of errors, besides those of ConnectorService.
const (
	ReasonTablesUnreadable connector.Reason = "TABLES_UNREADABLE"
	ReasonTooManyReaders   connector.Reason = "TOO_MANY_READERS"
)

// maxReaders bounds how many callers may read at the same time.
const maxReaders = 4

// Open opens the tables of a source, or for a sink the copies of a source's tables.
type Open func(ctx context.Context, values catalogue.Values, sources []digest.Description) (digest.Reader, error)

// Fleet knows the connectors of all workers. Its errors are gRPC statuses.
type Fleet interface {
	// Class returns the full name of a connector's class.
	Class(connector string) (string, error)
	// Environment returns what a connector's tasks get, and its checked configuration.
	Environment(connector string) (connector.TaskEnv, catalogue.Values, error)
}

// Server answers TableService for the connectors of one fleet.
type Server struct {
	tablev1.UnimplementedTableServiceServer
	fleet   Fleet
	open    map[string]Open
	readers chan struct{}
}

// NewServer makes a server. open has the connector classes whose tables can be compared.
func NewServer(fleet Fleet, open map[string]Open) *Server {
	return &Server{fleet: fleet, open: open, readers: make(chan struct{}, maxReaders)}
}

// ReadTables implements TableService.
func (s *Server) ReadTables(stream grpc.BidiStreamingServer[tablev1.ReadTablesRequest,
	tablev1.ReadTablesResponse]) error {
	select {
	case s.readers <- struct{}{}:
		defer func() { <-s.readers }()
	default:
		return rpc.Error(codes.ResourceExhausted, string(ReasonTooManyReaders),
			fmt.Sprintf("this worker compares %d connectors already; try again later", maxReaders))
	}
	first, err := stream.Recv()
	if err != nil {
		return err
	}
	if first.GetOpen() == nil {
		return rpc.InvalidField("open", "the first request must be open")
	}
	reader, hide, err := s.reader(stream.Context(), first.GetOpen())
	if err != nil {
		return err
	}
	defer reader.Close()
	opened := &tablev1.OpenResult{}
	for _, t := range reader.Tables() {
		t.Failure = hide(t.Failure)
		opened.Tables = append(opened.Tables, describe(t))
	}
	if err := stream.Send(
		&tablev1.ReadTablesResponse{Response: &tablev1.ReadTablesResponse_Open{Open: opened}}); err != nil {
		return err
	}
	for {
		request, err := stream.Recv()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		response, err := answer(stream.Context(), reader, request)
		if err != nil {
			if _, ours := status.FromError(err); ours {
				return err
			}
			return unreadable(hide, err)
		}
		if err := stream.Send(response); err != nil {
			return err
		}
	}
}

func unreadable(hide func(string) string, err error) error {
	return rpc.Error(codes.FailedPrecondition, string(ReasonTablesUnreadable), hide(err.Error()))
}

// reader connects to a connector's source or target. It also returns a function that hides the
// connector's secrets in a text.
func (s *Server) reader(ctx context.Context, q *tablev1.Open) (digest.Reader, func(string) string, error) {
	class, err := s.fleet.Class(q.GetConnector())
	if err != nil {
		return nil, nil, err
	}
	env, values, err := s.fleet.Environment(q.GetConnector())
	if err != nil {
		return nil, nil, err
	}
	open := s.open[class]
	if open == nil {
		return nil, nil, rpc.Error(codes.Unimplemented, string(ReasonTablesUnreadable),
			fmt.Sprintf("connectors of class %s have no tables that could be compared", class))
	}
	sources := make([]digest.Description, len(q.GetSources()))
	for i, t := range q.GetSources() {
		sources[i] = described(t)
	}
	reader, err := open(ctx, values, sources)
	if err != nil {
		return nil, nil, unreadable(env.Hidden, err)
	}
	return reader, env.Hidden, nil
}
