package admin

import (
	"cmp"
	"context"
	"slices"
	"sync"

	"google.golang.org/grpc"

	connectorv1 "github.com/calypso-cdc/calypso/gen/calypso/connector/v1"
	"github.com/calypso-cdc/calypso/libs/connector"
	"github.com/calypso-cdc/calypso/libs/contain"
)

// overall are the calls about all connectors, and about what the fleets share.
type overall struct {
	fleets []*fleet
}

// ListConnectors fails if a fleet cannot be asked: a shorter list would mean that its connectors
// are gone.
func (o overall) ListConnectors(ctx context.Context,
	q *connectorv1.ListConnectorsRequest) (*connectorv1.ListConnectorsResponse, error) {
	all := &connectorv1.ListConnectorsResponse{}
	for _, f := range o.fleets {
		part, err := clientOf(f).ListConnectors(ctx, q)
		if err != nil {
			return nil, f.unreachable(err)
		}
		all.Connectors = append(all.Connectors, part.Connectors...)
	}
	slices.SortFunc(all.Connectors, func(a, b *connectorv1.Connector) int { return cmp.Compare(a.Name, b.Name) })
	return all, nil
}

func (o overall) ListPlugins(ctx context.Context, q *connectorv1.ListPluginsRequest) (*connectorv1.ListPluginsResponse,
	error) {
	all := &connectorv1.ListPluginsResponse{}
	for _, f := range o.fleets {
		part, err := clientOf(f).ListPlugins(ctx, q)
		if err != nil {
			return nil, f.unreachable(err)
		}
		all.Plugins = append(all.Plugins, part.Plugins...)
	}
	return all, nil
}

func (o overall) GetCluster(ctx context.Context, q *connectorv1.GetClusterRequest) (*connectorv1.GetClusterResponse,
	error) {
	return fromEither(ctx, o.fleets, q, connectorv1.ConnectorServiceClient.GetCluster)
}

func (o overall) ListEvents(ctx context.Context, q *connectorv1.ListEventsRequest) (*connectorv1.ListEventsResponse,
	error) {
	return fromEither(ctx, o.fleets, q, connectorv1.ConnectorServiceClient.ListEvents)
}

func (o overall) ListHangingTransactions(ctx context.Context,
	q *connectorv1.ListHangingTransactionsRequest) (*connectorv1.ListHangingTransactionsResponse, error) {
	return fromEither(ctx, o.fleets, q, connectorv1.ConnectorServiceClient.ListHangingTransactions)
}

func (o overall) AbortHangingTransaction(ctx context.Context,
	q *connectorv1.AbortHangingTransactionRequest) (*connectorv1.AbortHangingTransactionResponse, error) {
	return fromEither(ctx, o.fleets, q, connectorv1.ConnectorServiceClient.AbortHangingTransaction)
}

// WatchConnectors merges what both fleets report. It ends with the first fleet that ends: the caller watches again and
// gets all states from the beginning.
func (o overall) WatchConnectors(q *connectorv1.WatchConnectorsRequest,
	out grpc.ServerStreamingServer[connectorv1.WatchConnectorsResponse]) error {
	if q.Name != "" {
		named := &connectorv1.GetConnectorRequest{Name: q.Name}
		if _, err := byName(out.Context(), o.fleets, named, connectorv1.ConnectorServiceClient.GetConnector); err != nil {
			return err
		}
	}
	group, ctx := contain.WithContext(out.Context())
	var mu sync.Mutex // a stream has one sender at a time
	for _, f := range o.fleets {
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
				return nil // it belongs to the other fleet
			}
			return f.unreachable(err)
		})
	}
	return group.Wait()
}
