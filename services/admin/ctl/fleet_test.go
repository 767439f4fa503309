package ctl

import (
	"bytes"
	"context"
	"fmt"
	"net"
	"strings"
	"sync"
	"testing"

	"google.golang.org/grpc"

	adminv1 "github.com/calypso-cdc/calypso/gen/calypso/admin/v1"
	connectorv1 "github.com/calypso-cdc/calypso/gen/calypso/connector/v1"
	"github.com/calypso-cdc/calypso/services/admin/overview"
)

// largeFleet is an admin of many connectors.
type largeFleet struct {
	adminv1.UnimplementedAdminServiceServer
	connectorv1.UnimplementedConnectorServiceServer
	connectors []*connectorv1.Connector
	listed     []overview.Listed
	// together is closed once two states are asked for at the same time.
	together chan struct{}
	mu       sync.Mutex
	asking   int
}

func (f *largeFleet) ListPipelines(_ context.Context,
	q *adminv1.ListPipelinesRequest) (*adminv1.ListPipelinesResponse, error) {
	return overview.Pipelines(f.listed, q)
}

func (f *largeFleet) ListConnectors(context.Context,
	*connectorv1.ListConnectorsRequest) (*connectorv1.ListConnectorsResponse, error) {
	return &connectorv1.ListConnectorsResponse{Connectors: f.connectors}, nil
}

func (f *largeFleet) GetConnectorStatus(ctx context.Context,
	q *connectorv1.GetConnectorStatusRequest) (*connectorv1.GetConnectorStatusResponse, error) {
	f.mu.Lock()
	if f.asking++; f.asking == 2 {
		close(f.together)
	}
	f.mu.Unlock()
	select {
	case <-f.together:
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	return &connectorv1.GetConnectorStatusResponse{Status: &connectorv1.ConnectorStatus{Name: q.Name,
		State: connectorv1.State_STATE_RUNNING}}, nil
}

func TestAFleetOfHundredsOfConnectorsIsListedWhole(t *testing.T) {
	const connectors = 200
	fleet := &largeFleet{together: make(chan struct{})}
	for i := range connectors {
		name := fmt.Sprintf("c-%03d", i)
		fleet.connectors = append(fleet.connectors, &connectorv1.Connector{Name: name})
		p := &adminv1.Pipeline{Source: name}
		for j := range 500 { // as of hundreds of tables: all pipelines together are larger than a message of gRPC
			p.Topics = append(p.Topics, fmt.Sprintf("%s.a_schema_of_some_length.a_table_with_a_long_name_%04d", name, j))
		}
		fleet.listed = append(fleet.listed, overview.Listed{Pipeline: p, Summary: &adminv1.PipelineSummary{Source: name}})
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	server := grpc.NewServer()
	defer server.Stop()
	adminv1.RegisterAdminServiceServer(server, fleet)
	connectorv1.RegisterConnectorServiceServer(server, fleet)
	go func() { _ = server.Serve(listener) }()
	for _, what := range []string{"pipelines", "connectors"} {
		var out bytes.Buffer
		if err := Run(t.Context(), "test", []string{"get", what, "--address", listener.Addr().String()}, nil, &out); err != nil {
			t.Fatalf("get %s: %v", what, err)
		}
		lines := strings.Split(strings.TrimSpace(out.String()), "\n")
		if len(lines) != 1+connectors || !strings.HasPrefix(lines[1], "c-000") ||
			!strings.HasPrefix(lines[connectors], "c-199") {
			t.Errorf("get %s has %d lines, want one for each of %d:\n%.300s", what, len(lines)-1, connectors, &out)
		}
	}
}
