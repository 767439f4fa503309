package admin

import (
	"cmp"
	"context"
	"slices"
	"sync"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	connectorv1 "github.com/calypso-cdc/calypso/gen/calypso/connector/v1"
	"github.com/calypso-cdc/calypso/libs/connector"
	"github.com/calypso-cdc/calypso/libs/contain"
)

// router is ConnectorService over both fleets. It keeps nothing: a new connector goes to the fleet that runs its class,
// a call about a connector to the fleet that knows its name.
type router struct {
	connectorv1.UnimplementedConnectorServiceServer
	// fleets that run connectors: capture, then sink.
	fleets []*fleet
}

func clientOf(f *fleet) connectorv1.ConnectorServiceClient {
	return connectorv1.NewConnectorServiceClient(f.any)
}

// method is a call of ConnectorService, as a method expression of its client.
type method[Request, Response any] func(connectorv1.ConnectorServiceClient, context.Context, Request, ...grpc.CallOption) (Response, error)

// toOwner asks one fleet after the other until one does not answer with the reason unknown. If a fleet cannot be
// reached and no other knows the thing, the answer is that the fleet cannot be reached.
func toOwner[Request, Response any](ctx context.Context, r *router, unknown connector.Reason, request Request, call method[Request, Response]) (Response, error) {
	var response Response
	var failure error
	for _, f := range r.fleets {
		got, err := call(clientOf(f), ctx, request)
		switch {
		case err == nil:
			return got, nil
		case connector.ReasonOf(err) == unknown:
			failure = cmp.Or(failure, err)
		case status.Code(err) == codes.Unavailable:
			failure = f.unreachable(err)
		default:
			return response, err
		}
	}
	return response, failure
}

// byName sends a call about a connector to the fleet that knows the name.
func byName[Request, Response any](ctx context.Context, r *router, request Request, call method[Request, Response]) (Response, error) {
	return toOwner(ctx, r, connector.ReasonConnectorNotFound, request, call)
}

// byClass sends a call to the fleet that runs the class of a configuration. Without such a fleet the first answers, so
// that the error is a worker's.
func byClass[Request, Response any](ctx context.Context, r *router, config map[string]string, request Request, call method[Request, Response]) (Response, error) {
	class := config["connector.class"]
	var unreachable error
	for _, f := range r.fleets {
		plugins, err := clientOf(f).ListPlugins(ctx, &connectorv1.ListPluginsRequest{})
		if err != nil {
			unreachable = f.unreachable(err)
			continue
		}
		for _, p := range plugins.Plugins {
			if p.Class == class || slices.Contains(p.Aliases, class) {
				response, err := call(clientOf(f), ctx, request)
				return response, f.unreachable(err)
			}
		}
	}
	if unreachable != nil {
		var none Response
		return none, unreachable
	}
	return call(clientOf(r.fleets[0]), ctx, request)
}

func (r *router) CreateConnector(ctx context.Context, q *connectorv1.CreateConnectorRequest) (*connectorv1.CreateConnectorResponse, error) {
	return byClass(ctx, r, q.Config, q, connectorv1.ConnectorServiceClient.CreateConnector)
}

func (r *router) UpdateConnectorConfig(ctx context.Context, q *connectorv1.UpdateConnectorConfigRequest) (*connectorv1.UpdateConnectorConfigResponse, error) {
	return byClass(ctx, r, q.Config, q, connectorv1.ConnectorServiceClient.UpdateConnectorConfig)
}

func (r *router) PlanConnectorConfig(ctx context.Context, q *connectorv1.PlanConnectorConfigRequest) (*connectorv1.PlanConnectorConfigResponse, error) {
	return byClass(ctx, r, q.Config, q, connectorv1.ConnectorServiceClient.PlanConnectorConfig)
}

func (r *router) ListConfigVersions(ctx context.Context, q *connectorv1.ListConfigVersionsRequest) (*connectorv1.ListConfigVersionsResponse, error) {
	return byName(ctx, r, q, connectorv1.ConnectorServiceClient.ListConfigVersions)
}

func (r *router) RollbackConnectorConfig(ctx context.Context, q *connectorv1.RollbackConnectorConfigRequest) (*connectorv1.RollbackConnectorConfigResponse, error) {
	return byName(ctx, r, q, connectorv1.ConnectorServiceClient.RollbackConnectorConfig)
}

func (r *router) GetConnector(ctx context.Context, q *connectorv1.GetConnectorRequest) (*connectorv1.GetConnectorResponse, error) {
	return byName(ctx, r, q, connectorv1.ConnectorServiceClient.GetConnector)
}

func (r *router) PatchConnectorConfig(ctx context.Context, q *connectorv1.PatchConnectorConfigRequest) (*connectorv1.PatchConnectorConfigResponse, error) {
	return byName(ctx, r, q, connectorv1.ConnectorServiceClient.PatchConnectorConfig)
}

func (r *router) DeleteConnector(ctx context.Context, q *connectorv1.DeleteConnectorRequest) (*connectorv1.DeleteConnectorResponse, error) {
	return byName(ctx, r, q, connectorv1.ConnectorServiceClient.DeleteConnector)
}

func (r *router) PauseConnector(ctx context.Context, q *connectorv1.PauseConnectorRequest) (*connectorv1.PauseConnectorResponse, error) {
	return byName(ctx, r, q, connectorv1.ConnectorServiceClient.PauseConnector)
}

func (r *router) ResumeConnector(ctx context.Context, q *connectorv1.ResumeConnectorRequest) (*connectorv1.ResumeConnectorResponse, error) {
	return byName(ctx, r, q, connectorv1.ConnectorServiceClient.ResumeConnector)
}

func (r *router) StopConnector(ctx context.Context, q *connectorv1.StopConnectorRequest) (*connectorv1.StopConnectorResponse, error) {
	return byName(ctx, r, q, connectorv1.ConnectorServiceClient.StopConnector)
}

func (r *router) RestartConnector(ctx context.Context, q *connectorv1.RestartConnectorRequest) (*connectorv1.RestartConnectorResponse, error) {
	return byName(ctx, r, q, connectorv1.ConnectorServiceClient.RestartConnector)
}

func (r *router) RestartTask(ctx context.Context, q *connectorv1.RestartTaskRequest) (*connectorv1.RestartTaskResponse, error) {
	return byName(ctx, r, q, connectorv1.ConnectorServiceClient.RestartTask)
}

func (r *router) GetConnectorStatus(ctx context.Context, q *connectorv1.GetConnectorStatusRequest) (*connectorv1.GetConnectorStatusResponse, error) {
	return byName(ctx, r, q, connectorv1.ConnectorServiceClient.GetConnectorStatus)
}

func (r *router) GetConnectorTopics(ctx context.Context, q *connectorv1.GetConnectorTopicsRequest) (*connectorv1.GetConnectorTopicsResponse, error) {
	return byName(ctx, r, q, connectorv1.ConnectorServiceClient.GetConnectorTopics)
}

func (r *router) ResetConnectorTopics(ctx context.Context, q *connectorv1.ResetConnectorTopicsRequest) (*connectorv1.ResetConnectorTopicsResponse, error) {
	return byName(ctx, r, q, connectorv1.ConnectorServiceClient.ResetConnectorTopics)
}

func (r *router) GetOffsets(ctx context.Context, q *connectorv1.GetOffsetsRequest) (*connectorv1.GetOffsetsResponse, error) {
	return byName(ctx, r, q, connectorv1.ConnectorServiceClient.GetOffsets)
}

func (r *router) AlterOffsets(ctx context.Context, q *connectorv1.AlterOffsetsRequest) (*connectorv1.AlterOffsetsResponse, error) {
	return byName(ctx, r, q, connectorv1.ConnectorServiceClient.AlterOffsets)
}

func (r *router) ResetOffsets(ctx context.Context, q *connectorv1.ResetOffsetsRequest) (*connectorv1.ResetOffsetsResponse, error) {
	return byName(ctx, r, q, connectorv1.ConnectorServiceClient.ResetOffsets)
}

func (r *router) GetPluginConfig(ctx context.Context, q *connectorv1.GetPluginConfigRequest) (*connectorv1.GetPluginConfigResponse, error) {
	return toOwner(ctx, r, connector.ReasonPluginNotFound, q, connectorv1.ConnectorServiceClient.GetPluginConfig)
}

func (r *router) ValidateConfig(ctx context.Context, q *connectorv1.ValidateConfigRequest) (*connectorv1.ValidateConfigResponse, error) {
	return toOwner(ctx, r, connector.ReasonPluginNotFound, q, connectorv1.ConnectorServiceClient.ValidateConfig)
}

// ListConnectors fails if a fleet cannot be asked: a shorter list would say that its connectors are gone.
func (r *router) ListConnectors(ctx context.Context, q *connectorv1.ListConnectorsRequest) (*connectorv1.ListConnectorsResponse, error) {
	all := &connectorv1.ListConnectorsResponse{}
	for _, f := range r.fleets {
		part, err := clientOf(f).ListConnectors(ctx, q)
		if err != nil {
			return nil, f.unreachable(err)
		}
		all.Connectors = append(all.Connectors, part.Connectors...)
	}
	slices.SortFunc(all.Connectors, func(a, b *connectorv1.Connector) int { return cmp.Compare(a.Name, b.Name) })
	return all, nil
}

func (r *router) ListPlugins(ctx context.Context, q *connectorv1.ListPluginsRequest) (*connectorv1.ListPluginsResponse, error) {
	all := &connectorv1.ListPluginsResponse{}
	for _, f := range r.fleets {
		part, err := clientOf(f).ListPlugins(ctx, q)
		if err != nil {
			return nil, f.unreachable(err)
		}
		all.Plugins = append(all.Plugins, part.Plugins...)
	}
	return all, nil
}

// The fleets keep their connectors and the timeline in one Kafka cluster, so either can be asked.

func (r *router) GetCluster(ctx context.Context, q *connectorv1.GetClusterRequest) (*connectorv1.GetClusterResponse, error) {
	return fromEither(ctx, r, q, connectorv1.ConnectorServiceClient.GetCluster)
}

func (r *router) ListEvents(ctx context.Context, q *connectorv1.ListEventsRequest) (*connectorv1.ListEventsResponse, error) {
	return fromEither(ctx, r, q, connectorv1.ConnectorServiceClient.ListEvents)
}

func (r *router) ListHangingTransactions(ctx context.Context, q *connectorv1.ListHangingTransactionsRequest) (*connectorv1.ListHangingTransactionsResponse, error) {
	return fromEither(ctx, r, q, connectorv1.ConnectorServiceClient.ListHangingTransactions)
}

func (r *router) AbortHangingTransaction(ctx context.Context, q *connectorv1.AbortHangingTransactionRequest) (*connectorv1.AbortHangingTransactionResponse, error) {
	return fromEither(ctx, r, q, connectorv1.ConnectorServiceClient.AbortHangingTransaction)
}

// fromEither asks the first fleet that can be reached.
func fromEither[Request, Response any](ctx context.Context, r *router, request Request, call method[Request, Response]) (response Response, err error) {
	for _, f := range r.fleets {
		response, err = call(clientOf(f), ctx, request)
		if status.Code(err) != codes.Unavailable {
			return response, err
		}
		err = f.unreachable(err)
	}
	return response, err
}

// WatchConnectors merges what both fleets report. It ends with the first fleet that ends: the caller watches again and
// gets all states anew.
func (r *router) WatchConnectors(q *connectorv1.WatchConnectorsRequest, out grpc.ServerStreamingServer[connectorv1.WatchConnectorsResponse]) error {
	if q.Name != "" {
		if _, err := r.GetConnector(out.Context(), &connectorv1.GetConnectorRequest{Name: q.Name}); err != nil {
			return err
		}
	}
	group, ctx := contain.WithContext(out.Context())
	var mu sync.Mutex // a stream has one sender at a time
	for _, f := range r.fleets {
		group.Go("watch of a fleet", func() error {
			in, err := clientOf(f).WatchConnectors(ctx, q)
			for err == nil {
				var change *connectorv1.WatchConnectorsResponse
				if change, err = in.Recv(); err == nil {
					mu.Lock()
					err = out.Send(change)
					mu.Unlock()
				}
			}
			if q.Name != "" && connector.ReasonOf(err) == connector.ReasonConnectorNotFound {
				return nil // the other fleet has it
			}
			return f.unreachable(err)
		})
	}
	return group.Wait()
}
