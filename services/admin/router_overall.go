package admin

import (
	"cmp"
	"context"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	connectorv1 "github.com/calypso-cdc/calypso/gen/calypso/connector/v1"
	"github.com/calypso-cdc/calypso/libs/contain"
)

// overall are the calls about all connectors, and about what the fleets share.
type overall struct {
	fleets []*fleet
}

func (o overall) ListConnectors(ctx context.Context,
	q *connectorv1.ListConnectorsRequest) (*connectorv1.ListConnectorsResponse, error) {
	all, unreachable, err := fromAll(o.fleets, q.ReturnPartialSuccess,
		func(f *fleet) (list[*connectorv1.Connector], error) { return f.listConnectors(ctx) })
	if err != nil {
		return nil, err
	}
	slices.SortFunc(all, func(a, b *connectorv1.Connector) int { return cmp.Compare(a.Name, b.Name) })
	return &connectorv1.ListConnectorsResponse{Connectors: all, Unreachable: unreachable}, nil
}

func (o overall) ListPlugins(ctx context.Context, q *connectorv1.ListPluginsRequest) (*connectorv1.ListPluginsResponse,
	error) {
	all, unreachable, err := fromAll(o.fleets, q.ReturnPartialSuccess,
		func(f *fleet) (list[*connectorv1.Plugin], error) { return f.listPlugins(ctx) })
	if err != nil {
		return nil, err
	}
	return &connectorv1.ListPluginsResponse{Plugins: all, Unreachable: unreachable}, nil
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

// watchAgain is how often a watch tries to reach a fleet that was away when it began.
const watchAgain = time.Second

// WatchConnectors merges what both fleets report. It ends with the first fleet that ends: the caller watches again and
// gets all states from the beginning. Those of a fleet that is away at first come once it is there. One connector is
// watched in both as well: it may be deleted and made again in the other, so its deletion does not end the watch.
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
	var away atomic.Int32
	for _, f := range o.fleets {
		group.Go("watch of a fleet", func() error {
			missed := false
			for {
				heard := false
				in, err := clientOf(f).WatchConnectors(ctx, q)
				for err == nil {
					var change *connectorv1.WatchConnectorsResponse
					if change, err = in.Recv(); err == nil {
						heard = true
						mu.Lock()
						err = out.Send(change)
						mu.Unlock()
					}
				}
				if heard || status.Code(err) != codes.Unavailable {
					return f.unreachable(err)
				}
				if !missed {
					missed = true
					if int(away.Add(1)) == len(o.fleets) {
						return f.unreachable(err)
					}
				}
				if !pause(ctx, watchAgain) {
					return f.unreachable(err)
				}
			}
		})
	}
	return group.Wait()
}

// fromAll joins what all fleets list, and names those that cannot be asked. It fails if it is not known
// of one of them what it would list, unless partial allows that, and if it is not known of any.
func fromAll[T any](fleets []*fleet, partial bool, ask func(*fleet) (list[T], error)) (all []T, unreachable []string,
	err error) {
	var failure error
	some := false
	for _, f := range fleets {
		l, err := ask(f)
		if err != nil {
			return nil, nil, err
		}
		if l.away != nil {
			unreachable = append(unreachable, status.Convert(l.away).Message())
			if failure = l.away; !l.known && !partial {
				return nil, nil, failure
			}
		}
		some = some || l.known
		all = append(all, l.all...)
	}
	if !some {
		return nil, nil, failure
	}
	return all, unreachable, nil
}
