package api

import (
	"context"
	"fmt"

	"google.golang.org/grpc/codes"

	connectorv1 "github.com/calypso-cdc/calypso/gen/calypso/connector/v1"
	"github.com/calypso-cdc/calypso/libs/connector"
	"github.com/calypso-cdc/calypso/libs/rpc"
)

// maxEvents bounds an answer.
const maxEvents = 1000

// events answers the calls about the timeline and about the Kafka cluster.
type events struct{ fleet *fleet }

func (s *events) GetCluster(ctx context.Context, _ *connectorv1.GetClusterRequest) (*connectorv1.GetClusterResponse,
	error) {
	metadata, err := s.fleet.store.Admin.BrokerMetadata(ctx)
	if err != nil {
		return nil, storeUnavailable(err)
	}
	return &connectorv1.GetClusterResponse{KafkaClusterId: metadata.Cluster}, nil
}

func (s *events) AppendEvent(ctx context.Context,
	request *connectorv1.AppendEventRequest) (*connectorv1.AppendEventResponse, error) {
	if request.GetEvent().GetAction() == "" {
		return nil, rpc.InvalidField("event.action", "an event needs an action")
	}
	if err := s.fleet.store.Timeline.Append(ctx, request.GetEvent()); err != nil {
		return nil, storeUnavailable(err)
	}
	return &connectorv1.AppendEventResponse{}, nil
}

func (s *events) ListEvents(ctx context.Context,
	request *connectorv1.ListEventsRequest) (*connectorv1.ListEventsResponse, error) {
	most := int(request.GetPageSize())
	switch {
	case most == 0:
		most = 100
	case most < 0 || most > maxEvents:
		return nil, rpc.InvalidField("page_size", fmt.Sprintf("page_size is %d, want 1 to %d", most, maxEvents))
	}
	events, err := s.fleet.store.Timeline.Read(ctx, most, request.GetConnectors())
	if err != nil {
		return nil, failure(codes.Unavailable, connector.ReasonStoreUnavailable, err.Error())
	}
	return &connectorv1.ListEventsResponse{Events: events}, nil
}
