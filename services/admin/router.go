package admin

import (
	"cmp"
	"context"
	"slices"
	"strings"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	capturev1 "github.com/calypso-cdc/calypso/gen/calypso/capture/v1"
	connectorv1 "github.com/calypso-cdc/calypso/gen/calypso/connector/v1"
	"github.com/calypso-cdc/calypso/libs/classname"
	"github.com/calypso-cdc/calypso/libs/connector"
)

// router is ConnectorService over both fleets. It keeps nothing: a new connector goes to the fleet that runs its class,
// a call about a connector to the fleet that knows its name.
type router struct {
	unrouted
	definitions
	running
	overall
}

// unrouted answers the calls that the other parts do not route, such as AppendEvent, which only
// admin itself makes. It is embedded one level deeper than they are, so that their methods take
// precedence.
type unrouted struct {
	connectorv1.UnimplementedConnectorServiceServer
}

// newRouter returns the service over the fleets that run connectors: capture, then sink.
func newRouter(fleets []*fleet, captures capturev1.CaptureServiceServer) *router {
	return &router{definitions: definitions{fleets, captures}, running: running{fleets}, overall: overall{fleets}}
}

func clientOf(f *fleet) connectorv1.ConnectorServiceClient {
	return connectorv1.NewConnectorServiceClient(f.any)
}

func (f *fleet) listConnectors(ctx context.Context) (list[*connectorv1.Connector], error) {
	answer, err := clientOf(f).ListConnectors(ctx, &connectorv1.ListConnectorsRequest{})
	return f.connectors.take(answer.GetConnectors(), f.unreachable(err))
}

func (f *fleet) listPlugins(ctx context.Context) (list[*connectorv1.Plugin], error) {
	answer, err := clientOf(f).ListPlugins(ctx, &connectorv1.ListPluginsRequest{})
	return f.plugins.take(answer.GetPlugins(), f.unreachable(err))
}

// method is a call of ConnectorService, as a method expression of its client.
type method[Request, Response any] func(connectorv1.ConnectorServiceClient, context.Context, Request,
	...grpc.CallOption) (Response, error)

// toOwner asks one fleet after the other until one answers with something else than the reason
// unknown. If a fleet cannot be reached and no other knows the connector, the error is that the
// fleet cannot be reached.
func toOwner[Request, Response any](ctx context.Context, fleets []*fleet, unknown connector.Reason, request Request,
	call method[Request, Response]) (Response, error) {
	var response Response
	var failure error
	for _, f := range fleets {
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
func byName[Request, Response any](ctx context.Context, fleets []*fleet, request Request,
	call method[Request, Response]) (Response, error) {
	return toOwner(ctx, fleets, connector.ReasonConnectorNotFound, request, call)
}

// byClass sends a call to the fleet that runs the class of a configuration. A configuration without
// a class goes to the first fleet, so that a worker words the error.
func byClass[Request, Response any](ctx context.Context, fleets []*fleet, config map[string]string, request Request,
	call method[Request, Response]) (Response, error) {
	class := strings.TrimSpace(config["connector.class"])
	var available []string
	var unreachable error
	for _, f := range fleets {
		plugins, err := f.listPlugins(ctx)
		if err != nil || !plugins.known {
			unreachable = cmp.Or(err, plugins.away)
			continue
		}
		for _, p := range plugins.all {
			if selects(class, p) {
				response, err := call(clientOf(f), ctx, request)
				return response, f.unreachable(err)
			}
			available = append(available, p.Class)
		}
	}
	var none Response
	switch {
	case unreachable != nil:
		return none, unreachable
	case class != "":
		return none, connector.UnknownClass(class, available)
	}
	return call(clientOf(fleets[0]), ctx, request)
}

// selects reports whether a connector.class names a plugin, by any name that a worker accepts for
// it.
func selects(class string, p *connectorv1.Plugin) bool {
	return slices.ContainsFunc(append([]string{p.Class}, p.Aliases...), func(name string) bool {
		_, ok := classname.Find(class, "Connector", slices.Values([]string{name}))
		return ok
	})
}

// fromEither asks the first fleet that can be reached: the fleets keep their connectors and the
// timeline in one Kafka cluster, so either can answer.
func fromEither[Request, Response any](ctx context.Context, fleets []*fleet, request Request,
	call method[Request, Response]) (response Response, err error) {
	for _, f := range fleets {
		response, err = call(clientOf(f), ctx, request)
		if status.Code(err) != codes.Unavailable {
			return response, err
		}
		err = f.unreachable(err)
	}
	return response, err
}
